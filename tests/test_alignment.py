"""Arrays lie where XLA takes them without a copy, and it runs in the calling thread."""

import os
import subprocess
import sys

import numpy as np
import pytest

import reflow as tf
from reflow.lang import alignment
from reflow.lang.alignment import ALIGNMENT, COPIED_ELSEWHERE

LARGE = COPIED_ELSEWHERE // 4


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (5, 7, 2)])
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "complex128"])
def test_empty(shape, dtype):
    made = [alignment.empty(shape, np.dtype(dtype)) for _ in range(8)]
    assert all(array.shape == shape and array.dtype == dtype for array in made)
    assert all(address(array) % ALIGNMENT == 0 for array in made if array.size)
    made[0][...] = 1
    assert made[0].flags.writeable and np.all(made[0] == 1)


def test_only_what_lies_elsewhere_is_copied():
    array = alignment.empty((6, 8), np.float32)
    array[...] = np.arange(48).reshape(6, 8)
    assert alignment.aligned(array) is array
    for other in (array[:, 1:], array.T, array.reshape(-1)[1:]):
        copy = alignment.aligned(other)
        assert address(copy) % ALIGNMENT == 0 and copy.flags.c_contiguous
        np.testing.assert_array_equal(copy, other)


def test_large_batches_lie_where_xla_wants_them():
    rows = np.arange(4 * LARGE, dtype=np.float32).reshape(4, LARGE)
    wanted = rows[[3, 0]]
    gathered = next(iter(tf.data.Dataset.from_tensors([3, 0]).map(lambda i: tf.gather(rows, i))))
    np.testing.assert_array_equal(gathered, wanted)
    shuffled = next(iter(tf.data.Dataset.from_tensor_slices(rows).shuffle(4, seed=1).batch(4)))
    np.testing.assert_array_equal(np.sort(shuffled[:, 0]), rows[:, 0])
    assert all(address(each._value) % ALIGNMENT == 0 for each in (gathered, shuffled))


@pytest.mark.parametrize("convert", [tf.constant, tf.convert_to_tensor])
def test_tensors_of_large_arrays_lie_where_xla_wants_them(convert):
    given = alignment.empty((LARGE + 1,), np.float32)[1:]
    given[...] = 3.0
    made = [convert(given) for _ in range(4)]
    assert all(address(each._value) % ALIGNMENT == 0 for each in made)
    given[...] = 4.0
    assert all(np.all(each.numpy() == 3.0) for each in made)


def test_a_large_argument_is_not_changed_by_what_the_program_does_next(monkeypatch):
    from reflow.compiler import policy

    monkeypatch.setattr(policy, "forced", [policy.COMPILE])
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        kept, more = x * 1.0, x + 1.0
        for first in (0, 1):  # aligned, and not
            value = alignment.empty((LARGE + 1,), np.float32)[first:]
            value[...] = 2.0
            results = session.run([kept, more], {x: value})
            value[...] = 5.0
            assert np.all(results[0] == 2.0) and np.all(results[1] == 3.0)


SETTING = """
import jax
update, said = jax.config.update, {}
def note(name, value):
    said[name] = value
    update(name, value)
jax.config.update = note
import reflow.compiler.jax_setup
print(said.get("jax_cpu_enable_async_dispatch"))
"""


@pytest.mark.parametrize("said, expected", [(None, "False"), ("1", "None")])
def test_executables_run_in_the_calling_thread_unless_the_user_says_otherwise(said, expected):
    given = {k: v for k, v in os.environ.items() if k != "JAX_CPU_ENABLE_ASYNC_DISPATCH"}
    if said is not None:
        given["JAX_CPU_ENABLE_ASYNC_DISPATCH"] = said
    done = subprocess.run(
        [sys.executable, "-c", SETTING], capture_output=True, text=True, env=given
    )
    assert done.stdout.strip() == expected, done.stderr
