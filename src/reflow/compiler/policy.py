"""When a cluster is interpreted and when it is compiled: the one place that decides.

Compiling costs tens of milliseconds to seconds, and a call of an executable costs some ten
microseconds; interpreting costs a microsecond or two per node, plus the arithmetic at NumPy's speed.
Which shapes will come again is not known beforehand. The rule is the one of the ski rental problem:
interpret until the time spent interpreting a shape signature equals what compiling it would cost the
program, then compile, in the background, while runs go on interpreted. The total is then at most twice
that of knowing the future. A signature seen once is not compiled, however many there are. Once a cluster
has been compiled, compiling it for a further signature is at the cost of what runs compiled; and where it
has been compiled for two, or has been seen with many, because its shapes depend on data, one more has to come
up for twice as long, and so on: in the end a ninth of the time goes into compiling. The second one, usually
the last batch of an epoch, is compiled sooner where the program leaves a processor idle: when the first one is
run again, as then there is a next epoch. What was compiled with little optimisation is compiled again, in the
background, by the same rule: what it costs the program is weighed against what calls would take less.

Interpreting goes on at the cost of the compilation, which has work for all processors, and takes three times as long
meanwhile. Products of matrices are then done at half their speed, which is worth it; loops, each of whose
iterations goes through Python, hardly get anywhere, and wait for their executable, if it is the first.

`REFLOW_TIER=interpret` or `compile` forces either; `auto` is the default. `deterministic` is the rule
without clocks (`tf.config.experimental.enable_op_determinism`): a signature is compiled when it comes for
the second time, and the run waits for it.
"""

from __future__ import annotations

import os
from typing import Any

from reflow.platform.processors import processors

INTERPRET = "interpret"
COMPILE = "compile"  # now, and wait for it
BACKGROUND = "background"  # interpret this run, and compile meanwhile

CALL_COST = 12e-6  # seconds that a call of an executable takes at the least
COMPILE_BASE = 0.05  # seconds to compile the smallest cluster
COMPILE_PER_NODE = 0.001
IDLE_SHARE = 0.1  # compiling goes on in the background: this part of its cost delays the program
WAIT_SHARE = 0.02  # a run of loops that takes such a part of it waits for it
BUSY_SHARE = 1.0  # the same where what is compiled already runs meanwhile, on the same processors
SECOND_SHARE = 0.01  # of a second signature, where a processor is idle
IDLE = 0.75  # of a processor
LONGER = 3.0  # times: compiling with all optimisations
GAIN = 0.25  # of the time that calls take, by them
# Elements in inputs and state from which the BLAS may use threads, and memory counts.
THREADED = 1 << 16
LARGE = 1 << 26  # elements in a cluster's inputs and state above which NumPy is not tried

forced: list[str] = [os.environ.get("REFLOW_TIER", "auto")]
MAX_EXECUTABLES = 16  # per cluster; the least recently used goes
MAX_SIGNATURES = 1024  # per cluster, of which something is known; likewise
MOST_PATIENCE = 3  # how often the patience with further signatures of a cluster doubles


def compile_cost(nodes: int) -> float:
    """Seconds that compiling a cluster of so many nodes is expected to take."""
    return COMPILE_BASE + COMPILE_PER_NODE * nodes


def choose(nodes: int, interpretable: bool, has_loops: bool, entry: Any, kind: Any) -> str:
    """What to do with this run of a cluster, given its history for the shape signature.

    Args:
      nodes: how many nodes the cluster has.
      interpretable: whether all of them have a NumPy form.
      has_loops: whether there are loops among them.
      entry: the record of the signature: `elements` (in inputs and state), `runs`, `spent` (seconds
        interpreting), `best` (seconds of its fastest interpreted run), `compiling`.
      kind: what is known of such clusters: how many signatures were `compiled`, and the `seconds` that
        it took last.
    """
    if forced[0] == "compile" or not interpretable:
        return COMPILE
    if forced[0] == "interpret":
        return INTERPRET
    if forced[0] == "deterministic":
        return INTERPRET if entry.runs == 0 and entry.elements <= LARGE else COMPILE
    if entry.elements > LARGE and entry.runs == 0:
        return COMPILE
    if entry.compiling or entry.runs == 0 or entry.best < 2 * CALL_COST:
        return INTERPRET
    cost = max(compile_cost(nodes), kind.seconds)
    share = BUSY_SHARE if kind.compiled else IDLE_SHARE
    doubled = max(0, kind.compiled - 1) + max(0, len(kind.entries).bit_length() - 4)
    if entry.spent < share * cost * 2 ** min(doubled, MOST_PATIENCE):
        return INTERPRET
    waits = has_loops and not kind.compiled and entry.best >= WAIT_SHARE * cost
    return COMPILE if waits else BACKGROUND


def until_improved(seconds: float) -> float:
    """Seconds that calls of an executable may take before it is compiled again, with all optimisations.

    Args:
      seconds: how long compiling it without them took.
    """
    return IDLE_SHARE * LONGER * seconds / GAIN


def is_worth_trying(nodes: int, entry: Any, kind: Any, busy: float) -> bool:
    """Whether a signature that was interpreted once is to be compiled when the one before comes again.

    Args:
      nodes, entry, kind: as in `choose`.
      busy: how many processors the process has kept busy while it ran what is compiled.
    """
    if forced[0] != "auto" or entry.runs != 1 or kind.compiled != 1 or len(kind.entries) != 2:
        return False
    cost = max(compile_cost(nodes), kind.seconds)
    return entry.spent >= SECOND_SHARE * cost and processors() - busy >= IDLE
