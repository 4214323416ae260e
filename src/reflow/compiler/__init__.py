"""From a graph to something that runs: prune, place, cluster, specialise, compile, cache.

Plans: `plan` takes what fetches need, `folding` what is known before a run, `ordering` the order of side effects,
`late` what may wait; `partition` cuts the nodes into clusters (`cluster`) by device (`targets`) and runs them, or
`dataflow` does, where steps may wait for each other. `policy` decides which tier runs a cluster; clusters that are
alike share their executables (`structure`).

Two tiers run programs (`program`), and give lowerings the same context (`context`). `interpreter` has NumPy arrays
(`rows`: a function of each row; `blas_threads`). `tracer` has what `jax.jit` traces with: branches in
`traced_control`, loops in `traced_loop`, rows in `traced_rows`, lists in `list_buffer`; of loops, `trip_count` says how
long they run, `loop_motion` and `loop_sums` what need not be done in each iteration. `tracing` makes the executable, by
`jax_setup`, `jax_namespace`, `call_module`; `cache_directory` keeps it, `memory` what it works in.

Native calls in the place of several operations: found among the steps of a program (`wiring`) before it is traced
(`fused_attention`, `fused_convolution`), or in what was traced (`operations`: `fused_loops`, `fused_rows`,
`fused_updates`).

What was done, and why: `stats`.
"""

from reflow.compiler.stats import stats

__all__ = ["stats"]
