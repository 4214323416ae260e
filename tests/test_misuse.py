"""Wrong programs: an error of TensorFlow's class, whose first line names the program's own line."""

import numpy as np
import pytest
from golden_calls import check_program, load

import reflow as tf

LOADED = load("refusals")
X = tf.constant([1.0, 2.0])
tnp = tf.experimental.numpy
INVALID = tf.errors.InvalidArgumentError


def watch_a_string():
    with tf.GradientTape() as tape:
        tape.watch("a")


def enter_a_tape_twice():
    with tf.GradientTape() as tape, tape:
        pass


def stop_a_tape_that_does_not_record():
    with tf.GradientTape().stop_recording():
        pass


def gradients_too_few():
    @tf.custom_gradient
    def product(x, y):
        return x * y, lambda upstream: upstream

    with tf.GradientTape() as tape:
        tape.watch(X)
        y = product(X, X)
    tape.gradient(y, X)


def leak_from_a_branch():
    @tf.function
    def f(x):
        leaked = []

        def double():
            leaked.append(x * 2.0)
            return x

        tf.cond(x > 0.0, double, lambda: x)
        return leaked[0]

    f(tf.constant(1.0))


def mix_in_a_function():
    tf.function(lambda: tf.constant([1, "a"]))()


def python_fails():
    tf.py_function(lambda: [][1], [], tf.float32)


def python_fails_in_a_function():
    tf.function(lambda: tf.py_function(lambda: {}["k"], [], tf.float32))()


def python_gives_a_string():
    tf.py_function(lambda: "a", [], tf.float32)


def append_in_a_loop():
    @tf.function
    def f(n):
        out = []
        for i in tf.range(n):
            out.append(i * 2)
        return tf.stack(out)

    f(tf.constant(3))


def zeros_of_an_unknown_size():
    spec = tf.TensorSpec([None], tf.float32)
    tf.function(lambda x: tf.zeros([x.shape[0], 2]), input_signature=[spec])(X)


def too_few_specs():
    spec = tf.TensorSpec([2], tf.float32)
    tf.function(lambda x, y: x, input_signature=[spec])(X, X)


def call_a_trace_with_another_dtype():
    double = tf.function(lambda a: a + a)
    double.get_concrete_function(tf.TensorSpec([], tf.string))(tf.constant(1))


def assign_an_item():
    @tf.function
    def f(x):
        x[0] = 1.0
        return x

    f(X)


def on_a_device_of_no_name():
    with tf.device("/nope:0"):
        pass


def iterate_a_scalar():
    for _ in tf.constant(1):
        pass


@tf.function
def endless(x):
    return endless(x + 1)


WRONG = [
    (lambda: endless(X), RecursionError, "has no end while tf.function traces endless.*while_loop"),
    (
        lambda: tf.function(lambda x: [v + 1 for v in x])(X),
        tf.errors.OperatorNotAllowedInGraphError,
        "tf.unstack",
    ),
    (lambda: tf.nn.max_pool2d(tf.ones([1, 2, 2, 1]), 2, 1, "same"), INVALID, "SAME, VALID"),
    (
        lambda: tf.function(lambda x: tf.cond(x[0] > 0, lambda: [x, x], lambda: [x]))(X),
        AssertionError,
        "tf.cond must return the same structure",
    ),
    (watch_a_string, ValueError, "Passed in object 'a' of type str"),
    (enter_a_tape_twice, ValueError, "Tape is still recording"),
    (stop_a_tape_that_does_not_record, RuntimeError, "which is not recording"),
    (gradients_too_few, ValueError, "expected to return 2 gradients, but returned 1"),
    (too_few_specs, TypeError, r"`[^`]*test_misuse.py:\d+: input_signature has 1 entries"),
    (call_a_trace_with_another_dtype, INVALID, "'a' was expected to be a string tensor"),
    (append_in_a_loop, tf.errors.InaccessibleTensorError, "tf.TensorArray"),
    (zeros_of_an_unknown_size, TypeError, r"\[None, 2\].*tf.shape\(x\)"),
    (lambda: tf.random.normal([2], tf.float16), ValueError, r"DType \(tf.float16\).*`dtype=...`"),
    (tf.function(lambda: X + tf.float32), TypeError, r"DType \(tf.float32\).*`dtype=...`"),
    (lambda: tf.zeros([None, 2]), ValueError, r"\[None, 2\].*tf.shape\(x\)"),
    (lambda: tf.constant(1) * 0.5, TypeError, "Cannot convert 0.5 to EagerTensor of dtype int32"),
    (lambda: tf.constant(1) + 0.5, INVALID, "expected to be a int32 tensor"),
    (lambda: tf.concat(0, [X, X]), ValueError, r"tf.concat\(values, axis\)"),
    (lambda: tf.signal.hann_window(4, dtype=tf.int32), ValueError, "floating point"),
    (leak_from_a_branch, tf.errors.InaccessibleTensorError, "out of scope"),
    (
        lambda: tf.GradientTape().gradient(X, X, unconnected_gradients="no"),
        ValueError,
        "'none' or 'zero'",
    ),
    (lambda: tf.GradientTape().batch_jacobian(X, X), ValueError, "must have rank at least 2"),
    (lambda: tf.convert_to_tensor(object()), ValueError, "Failed to convert a object"),
    (lambda: tf.convert_to_tensor([1, None]), ValueError, "None values not supported"),
    (lambda: tf.constant([1, "a"]), ValueError, "mixed types"),
    (mix_in_a_function, TypeError, "mixed types"),
    (lambda: tf.constant(2**63, tf.int64), ValueError, "out of range"),
    (lambda: bool(X), ValueError, "truth value"),
    (lambda: {X: 1}, TypeError, "unhashable"),
    (iterate_a_scalar, TypeError, "scalar tensor"),
    (
        lambda: tf.function(lambda x: len(x), autograph=False)(X),
        TypeError,
        "len is not well defined",
    ),
    (lambda: tf.TensorArray(tf.float32, 1).write(0, "a"), INVALID, "trying to write dtype string"),
    (lambda: tf.map_fn(lambda x: tf.cast(x, tf.float32), tf.range(3)), INVALID, "dtype is int32"),
    (lambda: tf.random.stateless_normal([2], [1, 2, 3]), INVALID, r"shape \[2\], not \[3\]"),
    (lambda: tf.random.uniform([2], dtype=tf.int32), ValueError, "Must specify maxval"),
    (lambda: tf.Assert(tf.constant(False), [X]), INVALID, "to be true"),
    (lambda: tf.function(lambda x: x.set_shape([3]))(X), ValueError, "incompatible"),
    (lambda: tf.image.resize(tf.ones([2, 2]), [1, 1]), ValueError, r"not shape \(2, 2\)"),
    (
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([[1]], tf.ones([1, 3])),
        ValueError,
        "of rank 2",
    ),
    (
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(tf.ones([2]), tf.ones([3])),
        ValueError,
        "same shape",
    ),
    (lambda: len(tf.data.Dataset.range(3).repeat()), TypeError, "infinite"),
    (lambda: len(tf.data.Dataset.range(3).filter(lambda x: x > 1)), TypeError, "unknown"),
    (
        lambda: tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a"], [1]), -1
        ).lookup(tf.constant(3)),
        TypeError,
        "Dtype of argument `keys`",
    ),
    (lambda: tf.compat.v1.placeholder(tf.float32), RuntimeError, "not compatible with eager"),
    (
        lambda: tf.vectorized_map(lambda x: x[0] + x[1], (tf.ones([3]), tf.ones([4]))),
        INVALID,
        r"the same first dimension, got \[3, 4\]",
    ),
    (lambda: X.__setitem__(0, 1.0), TypeError, "item assignment.*tensor_scatter_nd_update"),
    (lambda: tf.Variable(X).__setitem__(0, 1.0), TypeError, r"variable\[...\].assign"),
    (assign_an_item, TypeError, "'SymbolicTensor' object does not support item assignment"),
    (
        lambda: tf.function(lambda i: [1, 2][i])(tf.constant(1)),
        TypeError,
        r"symbolic tensor \(i:0\) has no value .* tf.gather takes from a list",
    ),
    (lambda: tf.einsum("ij,jk>ik", X, X), ValueError, "'jk>ik' is not letters"),
    (lambda: tf.strings.format("{} {}", X), ValueError, r"1 input tensor\(s\) != 2"),
    (on_a_device_of_no_name, ValueError, "Unknown attribute 'nope:0'"),
    (lambda: tnp.matmul(tnp.ones([2, 3]), tnp.ones([2, 3])), ValueError, "inner dimensions"),
    (lambda: tf.distribute.get_strategy().reduce("AVG", X, None), ValueError, "not a valid"),
    (lambda: tf.experimental.dlpack.from_dlpack(3), TypeError, "takes a DLPack capsule, not 3"),
    (python_fails, tf.errors.UnknownError, r"IndexError: .* \(raised at .*test_misuse.py:\d+\)"),
    (python_fails_in_a_function, tf.errors.UnknownError, "KeyError: 'k'"),
    (python_gives_a_string, INVALID, "TypeError: .* Cannot convert 'a' to .* float32"),
]


def name_of(case):
    return getattr(case, "__name__", str(case)).replace("<lambda>", "")


@pytest.mark.parametrize(
    "wrong, kind, text", WRONG, ids=[f"{i}{name_of(w[0])}" for i, w in enumerate(WRONG)]
)
def test_names_the_line_and_the_mend(wrong, kind, text):
    with pytest.raises(kind, match=text) as caught:
        wrong()
    assert "test_misuse.py:" in str(caught.value).splitlines()[0]


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_classes_of_errors_are_tensorflows(program):
    check_program(LOADED, program, "interpret")


def test_the_line_is_the_programs_where_numpy_called_reflow():
    with pytest.raises(NotImplementedError) as caught:
        tf.function(lambda x: np.sum(x))(X)
    assert "test_misuse.py:" in str(caught.value).splitlines()[0]


def test_an_element_function_that_runs_out_is_an_error_not_the_end():
    def run_out():
        raise StopIteration

    dataset = tf.data.Dataset.range(2).map(lambda _: tf.py_function(run_out, [], tf.int64))
    with pytest.raises(INVALID, match="produced OutOfRangeError"):
        list(dataset)


@pytest.mark.parametrize(
    "value, dtype, wrapped",
    [
        (300, "uint8", 44),
        (-1, "uint8", 255),
        (2**31, "int32", -(2**31)),
        ([0x9E3779B9], "int32", [-1640531527]),
    ],
)
def test_integers_wrap_in_a_dtype_that_is_too_small(value, dtype, wrapped):
    assert tf.constant(value, dtype).numpy().tolist() == wrapped
    assert tf.function(lambda: tf.constant(value, dtype))().numpy().tolist() == wrapped
