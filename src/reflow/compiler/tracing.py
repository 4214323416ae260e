"""From a cluster and a shape signature to an executable: tracing under `jax.jit`."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Var, jaxpr_as_fun

from reflow.compiler import policy, targets
from reflow.compiler.apart import (
    WITHOUT_REDUCTIONS,
    reduces_many_dimensions,
    with_products_apart,
)
from reflow.compiler.cluster import Cluster, Executable
from reflow.compiler.context import Unusual
from reflow.compiler.fused_loops import with_fused_loops
from reflow.compiler.fused_rows import with_fused_rows
from reflow.compiler.fused_updates import with_fused_updates
from reflow.compiler.improved import Improved
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import wide_types
from reflow.compiler.list_buffer import ListBuffer
from reflow.compiler.memory import runs_of
from reflow.compiler.tracer import Tracer
from reflow.lang.alignment import COPIED_ELSEWHERE, aligned
from reflow.lang.collector import postponed
from reflow.lang.tensor_list import TensorList

MANY = 100  # nodes: from here on it is worth asking how much XLA should optimise
_SMALL = 64  # elements
_QUICKLY: dict[str, Any] = {"xla_backend_optimization_level": 0}
# Left to itself XLA copies every variable that an update overwrites and that is also read elsewhere (for
# the gradient of a layer's input, say), before each run, without asking which of the two comes first.
_IN_PLACE: dict[str, Any] = {"xla_cpu_copy_insertion_use_region_analysis": True}


def build(cluster: Cluster, values: Sequence[Any], store: Any) -> Executable:
    """Traces and compiles `cluster` for the shapes of `values` and of the state in `store`."""
    with wide_types():
        return _build(cluster, values, store)


def _build(cluster: Cluster, values: Sequence[Any], store: Any) -> Executable:
    dynamic = [i for i, v in enumerate(values) if i not in cluster.static and _is_array(v)]
    donated = [i for i, h in enumerate(cluster.writes) if store.get(h) is not None]
    given = [i for i, h in enumerate(cluster.reads) if store.get(h) is not None]
    present = [cluster.writes[i] for i in donated]
    read = [cluster.reads[i] for i in given]
    limits = cluster.limits(values)
    found: dict[str, Any] = {}

    def traced(written_state: list, read_state: list, arguments: list) -> Any:
        state = dict(zip(present, written_state))
        state.update(zip(read, read_state))
        args = list(values)
        for i, value in zip(dynamic, arguments):
            args[i] = value
        for i in cluster.static:
            args[i] = np.asarray(values[i])
        tracer = Tracer(jax_namespace, state, cluster.device)
        tracer.path = cluster.path
        tracer.limits = limits
        outputs = tracer.run(cluster.program, [*args, *cluster.known])
        layout: list[tuple[bool, Any]] = []
        results: list[Any] = []
        for value in outputs:
            if _is_traced(value):
                layout.append((True, len(results)))
                results.append(value)
            else:
                layout.append((False, value))
        found["layout"] = layout
        found["written"] = [i for i, h in enumerate(cluster.writes) if h in state]
        found["checks"] = [(message, kind, op) for _, message, kind, op in tracer.checks]
        flags = [ok for ok, *_ in tracer.checks]
        new_state = [state[cluster.writes[i]] for i in found["written"]]
        return results, new_state, jax.numpy.stack(flags) if flags else []

    sharding = None
    if cluster.device:
        sharding = jax.sharding.SingleDeviceSharding(targets.jax_device(cluster.device))
    specs = (
        [_spec(store.get(h), sharding) for h in present],
        [_spec(store.get(h), sharding) for h in read],
        [_spec(values[i], sharding) for i in dynamic],
    )
    _ignore_unused_donations()
    with postponed:
        given_away: tuple[int, ...] = (0,)
        staged = jax.jit(traced, donate_argnums=given_away).trace(*specs)
        if any(kind is Unusual for _, kind, _ in found["checks"]):
            # Such a run may have to be made again, from the state before it: nothing is donated.
            given_away = ()
            staged = jax.jit(traced).trace(*specs)
        if not cluster.accelerated:
            written = [cluster.writes[i] for i in found["written"]]
            fused = _fused(staged, specs[0], present, written)
            if fused is not None:
                staged = jax.jit(fused, donate_argnums=given_away).trace(*specs)
            if given_away and _only_overwrites(staged.jaxpr.jaxpr, len(jax.tree.leaves(specs[0]))):
                again = jax.jit(fused or traced, donate_argnums=given_away, keep_unused=True)
                staged = again.trace(*specs)
        lowered = staged.lower()
    options = _options(cluster, staged.jaxpr)
    started = time.perf_counter()
    compiled = lowered.compile(options)
    execute: Callable[..., Any] = compiled
    if _QUICKLY.items() <= options.items() and policy.forced[0] == "auto":
        others = {name: value for name, value in options.items() if name not in _QUICKLY}
        seconds = time.perf_counter() - started
        execute = Improved(compiled, seconds, lambda: lowered.compile(others))

    runs = None if cluster.accelerated else runs_of(compiled)

    def call(donated: Sequence[Any], read: Sequence[Any], arguments: Sequence[Any]) -> Any:
        arguments = [
            aligned(a) if type(a) is np.ndarray and a.nbytes >= COPIED_ELSEWHERE else a
            for a in arguments
        ]
        if runs is not None:
            runs.begin(jax.tree.leaves((donated, read, arguments)))
        with wide_types():
            return execute(donated, read, arguments)

    return Executable(
        call, donated, given, found["written"], dynamic, found["layout"], found["checks"]
    )


_UNUSED_DONATIONS = "Some donated buffers were not usable"


def _ignore_unused_donations() -> None:
    """Keeps JAX from telling programs of variables that no result can take the memory of.

    `warnings.catch_warnings` is no way to do so: Python forgets what it showed of the program's own
    warnings, and shows them again; and other threads may be compiling.
    """
    first = warnings.filters[0][1] if warnings.filters else None
    if getattr(first, "pattern", None) != _UNUSED_DONATIONS:
        warnings.filterwarnings("ignore", message=_UNUSED_DONATIONS)


def _fused(
    staged: Any, state: Sequence[Any], present: Sequence[Any], written: Sequence[Any]
) -> Any:
    """The traced function with native calls in loops and for updates, and products apart; None if it stays as it is.

    Args:
      state: the shapes of the variables `present`, which are the first arguments.
      written: the variables whose new values are the second result.
    """
    results, new_state, _ = staged.out_info
    arguments = _positions(present, state)
    made = _positions(written, new_state, len(jax.tree.leaves(results)))
    traced = with_fused_rows(staged.jaxpr) or staged.jaxpr
    traced = with_fused_loops(traced) or traced
    traced = with_products_apart(traced) or traced
    run = with_fused_updates(traced, [(i, arguments.get(handle)) for handle, i in made.items()])
    if run is None:
        if traced is staged.jaxpr:
            return None
        run = jaxpr_as_fun(traced)
    structure = jax.tree.structure(staged.out_info)

    def fused(*arguments: Any) -> Any:
        return jax.tree.unflatten(structure, run(*jax.tree.leaves(arguments)))

    return fused


def _positions(handles: Sequence[Any], values: Sequence[Any], first: int = 0) -> dict[Any, int]:
    """Where the values of variables lie among all leaves, from `first` on, if they are one array each."""
    found = {}
    for handle, value in zip(handles, values):
        count = len(jax.tree.leaves(value))
        if count == 1:
            found[handle] = first
        first += count
    return found


def _only_overwrites(program: Any, state: int) -> bool:
    """Whether the only arguments that are not read are variables' old values, which are the first `state` ones.

    JAX drops what is not read, and a new value then is written beside the old one, to memory that has left the cache.
    """
    unread = set(program.invars)
    unread.difference_update(name for name in program.outvars if isinstance(name, Var))
    for equation in program.eqns:
        unread.difference_update(name for name in equation.invars if isinstance(name, Var))
    return bool(unread) and unread <= set(program.invars[:state])


def _options(cluster: Cluster, jaxpr: Any) -> dict[str, Any]:
    """How XLA is to compile a cluster, where that is not as usual."""
    if cluster.accelerated:
        return {}
    quick = len(cluster.nodes) >= MANY and _is_small(jaxpr)
    options = (_QUICKLY if quick else {}) | (_IN_PLACE if cluster.writes else {})
    return options | (WITHOUT_REDUCTIONS if reduces_many_dimensions(jaxpr) else {})


def _is_small(jaxpr: Any) -> bool:
    """Whether all values are small and there is no loop.

    Optimising such code takes LLVM long, and is left for later (`improved`): a chain of 1,000 scalar tanh compiles
    in 0.45 s instead of 1.4, and a call takes 20 us instead of 15.
    """
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("while", "scan"):
            return False
        for variable in equation.outvars:
            if math.prod(getattr(variable.aval, "shape", ())) > _SMALL:
                return False
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None and not _is_small(getattr(inner, "jaxpr", inner)):
                return False
    return True


def _is_traced(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return any(isinstance(leaf, (jax.Array, jax.core.Tracer)) for leaf in leaves)


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") or isinstance(value, (TensorList, ListBuffer))


def _spec(value: Any, sharding: Any) -> Any:
    if isinstance(value, (TensorList, ListBuffer)):
        return jax.tree.map(lambda leaf: _spec(leaf, sharding), value)
    return jax.ShapeDtypeStruct(np.shape(value), value.dtype, sharding=sharding)
