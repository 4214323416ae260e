"""Values of variables become device arrays for the first compiled run that takes them."""

import jax
import numpy as np
import pytest

from reflow.compiler.jax_setup import wide_types
from reflow.lang.resource import ResourceHandle
from reflow.runtime.store import Store


def aligned(shape, dtype=np.float32):
    """An array of ones whose memory XLA could take as it is."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(count + 64, np.uint8)
    start = -memory.ctypes.data % 64
    found = memory[start : start + count].view(dtype).reshape(shape)
    found[:] = 1
    return found


def test_nothing_is_compiled_for_their_shapes():
    compiled = []

    def heard(event, seconds, **_):
        if "backend_compile" in event:
            compiled.append(event)

    store = Store()
    handles = [ResourceHandle("variable", "", f"v{i}") for i in range(3)]
    store.put(handles, [np.ones((3, 5 + i), np.float32) for i in range(3)])
    jax.monitoring.register_event_duration_secs_listener(heard)
    arrays = store.arrays(handles)
    assert all(isinstance(array, jax.Array) for array in arrays)
    assert not compiled
    with wide_types():
        jax.jit(lambda x: x * 3.25)(arrays[0])
    assert compiled  # so that it would have been heard


@pytest.mark.parametrize("first", [0, 1])  # aligned, and not
def test_the_array_that_was_there_is_not_overwritten(first):
    store, handle = Store(), ResourceHandle("variable", "", "v")
    before = aligned((41601,))[first:]
    store.set(handle, before)
    (array,) = store.arrays([handle])
    with wide_types():
        after = jax.jit(lambda x: x + 1, donate_argnums=0)(array)
    assert (np.asarray(after) == 2).all()
    assert (before == 1).all()


def test_dtypes_are_kept():
    store = Store()
    dtypes = [np.int64, np.float64, np.bool_, np.uint8, np.complex64]
    handles = [ResourceHandle("variable", "", f"v{i}") for i in range(len(dtypes))]
    store.put(handles, [np.ones((2, 2), dtype) for dtype in dtypes])
    assert [array.dtype for array in store.arrays(handles)] == dtypes
