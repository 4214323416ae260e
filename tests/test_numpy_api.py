"""tf.experimental.numpy against TensorFlow's, and the behavior that it gives tensors against NumPy's."""

import subprocess
import sys

import pytest
from golden_calls import check_call, check_eagerly, check_program, load

LOADED = load("numpy_api")


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call):
    check_call(LOADED, call, "interpret")


@pytest.mark.parametrize("call", list(LOADED[2].calls)[::5])
def test_calls_give_it_compiled(call):
    check_call(LOADED, call, "compile")


@pytest.mark.parametrize(
    "call", [c for c, row in LOADED[2].calls.items() if "error" not in row][::2]
)
def test_calls_give_it_of_unknown_sizes(call):
    check_call(LOADED, call, "unknown")


@pytest.mark.parametrize("call", list(LOADED[2].calls))
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)


def test_random_numbers_and_dtypes_are_tensorflows():
    check_program(LOADED, "numbers", "interpret")


# For the rest of a program, so in one of its own: every line is evaluated with tensors and with arrays.
BEHAVIOR = """
import numpy as np
from reflow.compat import alias
alias.install("v2")
import tensorflow as tf
from tensorflow.python.ops.numpy_ops import np_config

try:
    tf.constant([1]).astype(float)
except AttributeError as error:
    assert "'astype'" in str(error) and "experimental_enable_numpy_behavior" in str(error)
else:
    raise AssertionError("a tensor has NumPy's methods before it is asked for them")
assert not hasattr(tf.constant([1]), "size")
np_config.enable_numpy_behavior()
arrays = dict(
    f=np.array([1.5, -2.0], np.float32), i=np.array([1, 2], np.int32), m=np.arange(12).reshape(3, 4),
    c=np.arange(24).reshape(2, 3, 4), t=np.array([True, False, True]), at=np.array([0, 2]),
)
tensors = {key: tf.constant(value) for key, value in arrays.items()}
LINES = '''
f + i
i + 1.5
i / 2
i // 2
2**i
i**-1.0
1 - i
np.float64(1) + f
np.ones(2) + f
i > 1.5
i == 1.0
f < i
i & 3
t | True
i @ f
f @ f
m.T
m.reshape(4, 3)
m.reshape((2, -1))
m.ravel()
m.flatten()
m.transpose()
m.clip(2, 5)
m.astype(np.float32)
m.size
m.max()
m.max(axis=0)
m.mean(axis=1)
m.min(0)
m.tolist()
+f
m[0, 1]
m[[0, 2]]
m[[0, -1], [1, 3]]
m[:, [0, 2]]
m[[0, 2], 1:3]
m[..., [0, 1]]
m[m > 5]
m[m[:, 0] > 2]
m[t, 1]
m[t]
m[at]
m[1, at]
m[1:, ::2]
m[:, None, at]
c[:, [0, 1], [1, 2]]
c[[0, 1], :, [1, 2]]
c[[0], [1]]
c[..., 0]
c[t[:2], [0, 2]]
c[[[0, 1], [1, 0]], :, -1]
'''
for line in LINES.strip().splitlines():
    want = eval(line, {"np": np}, arrays)
    got = np.asarray(eval(line, {"np": np}, tensors))
    assert got.dtype == np.asarray(want).dtype, (line, got.dtype, np.asarray(want).dtype)
    np.testing.assert_allclose(got, want, 1e-6, err_msg=line)
    inside = tf.function(lambda: tf.convert_to_tensor(eval(line, {"np": np}, tensors)), autograph=False)()
    np.testing.assert_allclose(np.asarray(inside), want, 1e-6, err_msg=line)
variable = tf.Variable([1.0, 2.0])
assert (variable + tensors["i"]).dtype == tf.float64
assert (tf.ragged.constant([[1], []]) + 1).to_list() == [[2], []]
try:
    tensors["m"][[0], [0], [0]]
except IndexError as error:
    assert "too many indices" in str(error)
else:
    raise AssertionError("three indices of two dimensions")
np_config.enable_numpy_behavior(prefer_float32=True)
assert tf.experimental.numpy.array(1.5).dtype == tf.float32
print("done")
"""


def test_behavior_is_numpys():
    done = subprocess.run([sys.executable, "-c", BEHAVIOR], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr[-2000:]
