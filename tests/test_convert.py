"""What Python and NumPy values become as tensors: the rows are what TensorFlow 2.21 gives."""

import numpy as np
import pytest

import reflow as tf


@pytest.mark.parametrize(
    "value, dtype, expected",
    [
        (np.array([1.5]), "int32", [1]),
        (np.array([True]), "float32", [1.0]),
        (np.array([2]), "bool", [True]),
        (np.float32(1.5), "int64", 1),
        (True, "float32", 1.0),
        ([True, False], "int32", [1, 0]),
        ([np.int64(3)], "float32", [3.0]),
        ((tf.constant(1), 2), "int64", [1, 2]),
        ([[tf.constant(1.5)], [tf.constant(2.0)]], "int32", [[1], [2]]),
    ],
)
def test_values_of_a_dtype(value, dtype, expected):
    tensor = tf.convert_to_tensor(value, dtype)
    assert tensor.dtype.name == dtype and tensor.numpy().tolist() == expected


def test_numpy_warns_of_imaginary_parts_that_are_lost():
    with pytest.warns(np.exceptions.ComplexWarning):
        tensor = tf.convert_to_tensor(np.array([1 + 2j]), "float32")
    assert tensor.numpy().tolist() == [1]


@pytest.mark.parametrize(
    "value, dtype",
    [(True, "int8"), (1.5, "int32"), ([np.float32(1.5)], "int32"), ([np.bool_(True)], "float32"),
     (1, "bool"), (np.array([1.0]), "string"), ("a", "float32")],
)  # fmt: skip
def test_values_that_a_dtype_refuses(value, dtype):
    with pytest.raises((TypeError, ValueError)):
        tf.convert_to_tensor(value, dtype)


@pytest.mark.parametrize(
    "value, eager, graph",
    [
        ([np.int64(2)], "int32", "int32"),
        ([np.int64(2**40)], "int64", "int64"),
        ([np.uint8(3)], "int32", "uint8"),
        ([np.float64(1.5)], "float64", "float32"),
        ([np.float16(1.5)], "float16", "float16"),
        ([1.0, np.float64(1.5)], "float32", "float32"),
        (np.int64(2), "int64", "int64"),
        (np.array([1.5]), "float64", "float64"),
    ],
)
def test_dtypes_of_numpy_values(value, eager, graph):
    assert tf.constant(value).dtype.name == eager
    with tf.Graph().as_default():
        assert tf.constant(value).dtype.name == graph


def test_arrays_beside_tensors_take_their_dtype():
    assert (tf.constant([1]) + np.array([1.5])).numpy().tolist() == [2]
    with tf.Graph().as_default():
        assert tf.add(tf.constant([1.0]), np.array([True])).dtype == tf.float32


def test_steps_of_a_range_are_counted_in_its_dtype():
    assert [tf.range(0.1, 1.1, 0.1, dtype=d).shape[0] for d in ("float32", "float64")] == [10, 10]
    assert tf.range(0.0, 0.7, 0.1, dtype="float16").shape[0] == 8
    assert tf.range(0, 0.3, 0.1, dtype="bfloat16").shape[0] == 3


def test_what_counts_as_a_tensor():
    sparse = tf.SparseTensor([[0, 0]], [1.0], [2, 2])
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    assert all(map(tf.is_tensor, (sparse, slices, tf.Variable(1.0), tf.ragged.constant([[1], []]))))
    assert not any(map(tf.is_tensor, (np.ones(2), tf.TensorSpec([]), [tf.constant(1)])))


def test_dtypes_of_numbers():
    kinds = {d.name: d.is_numeric for d in (tf.int8, tf.qint8, tf.complex64, tf.bfloat16)}
    assert all(kinds.values()), kinds
    assert not (tf.bool.is_numeric or tf.string.is_numeric or tf.resource.is_numeric)


def test_a_list_of_tensors_as_a_shape_is_cast():
    assert tf.reshape(tf.range(6), (tf.constant(2.0), 3)).shape == (2, 3)

    @tf.function
    def reshaped(n):
        return tf.reshape(tf.range(6), (n, 3))

    assert reshaped(tf.constant(2.0)).shape == (2, 3)


def test_the_handle_of_a_variable_is_a_scalar():
    assert tf.Variable([1.0, 2.0]).handle.shape == ()


def test_bytes_and_text_in_one_list():
    mixed = tf.constant([[b"\xff", "\xe4"], ("b", b"c")])
    assert mixed.numpy().tolist() == [[b"\xff", b"\xc3\xa4"], [b"b", b"c"]]
    for ragged in (["a", [b"b"]], [["a"], ["b", "c"]], [["a", "b"], []]):
        with pytest.raises(ValueError, match="non-rectangular"):
            tf.constant(ragged)


def test_slices_read_as_tensorflows():
    slices = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0]), tf.constant([3, 2]))
    assert str(slices) == (
        "IndexedSlices(indices=tf.Tensor([0], shape=(1,), dtype=int32), values=tf.Tensor([[1. 1.]], "
        "shape=(1, 2), dtype=float32), dense_shape=tf.Tensor([3 2], shape=(2,), dtype=int32))"
    )


def test_integer_attributes_take_whatever_has_an_integer():
    assert tf.random.uniform([2], seed=3.0).shape == (2,)
    assert tf.raw_ops.Unpack(value=[[1.0, 2.0]], num=1.0, axis=0)[0].shape == (2,)
    with pytest.raises(TypeError, match="'num' .int. cannot be '1'"):
        tf.raw_ops.Unpack(value=[[1.0, 2.0]], num="1", axis=0)


def test_a_class_of_variables_may_register_its_own_conversion():
    class Held(tf.Variable):
        def __init__(self, value):  # holds a tensor, and is no variable of the runtime
            self.held = value

        shape = property(lambda self: self.held.shape)
        dtype = property(lambda self: self.held.dtype)
        name = "held"

    held = Held(tf.constant([[2.0]]))
    with pytest.raises(ValueError, match="Failed to convert a Held"):
        tf.matmul([[3.0]], held)
    tf.register_tensor_conversion_function(
        Held, lambda value, dtype=None, name=None, as_ref=False: value.held
    )
    assert tf.matmul([[3.0]], held).numpy() == 6.0


def test_structures_may_have_references_as_keys():
    values = {tf.Variable(float(i)).ref(): i for i in range(4)}
    assert tf.nest.map_structure(lambda i: i + 1, values) == {k: i + 1 for k, i in values.items()}
