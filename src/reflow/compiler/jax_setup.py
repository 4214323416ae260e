"""JAX, imported so that programs notice nothing, with the settings that Reflow's semantics need.

Whatever may be the first to need JAX takes it from here. Importing JAX draws from NumPy's global
generator (the back-off of its Kubernetes support), and Reflow imports it in the middle of a program,
perhaps in another thread: a seeded program would go on with other numbers.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.compiler import cache_directory
from reflow.compiler.stats import record
from reflow.lang.collector import postponed
from reflow.platform.allocator import keep_freed_memory


@contextlib.contextmanager
def _draws_of_its_own() -> Iterator[None]:
    """`np.random.rand` in this thread draws from a generator of its own; other threads see no change."""
    drawn_by_all, here = np.random.rand, threading.get_ident()
    own = np.random.RandomState()

    def rand(*shape: int) -> Any:
        return (own.rand if threading.get_ident() == here else drawn_by_all)(*shape)

    np.random.rand = rand
    try:
        yield
    finally:
        np.random.rand = drawn_by_all


keep_freed_memory()

with _draws_of_its_own(), postponed:
    import jax

record("cache", **cache_directory.use(jax.config))

# XLA's CPU client is to run an executable in the thread that calls it, where memory is kept and no other thread has to
# wake up, unless the user has decided it. It counts when the client is made.
if "JAX_CPU_ENABLE_ASYNC_DISPATCH" not in os.environ:
    jax.config.update("jax_cpu_enable_async_dispatch", False)

# TensorFlow has 64-bit types, and JAX has them where it is told so: `with wide_types():` around all that
# makes arrays, traces or calls executables. A program that uses JAX itself keeps its own setting.
wide_types = functools.partial(jax.enable_x64, True)

__all__ = ["jax", "wide_types"]
