"""Eager tensors as Python and NumPy see them."""

import copy
import pickle
import threading

import numpy as np
import pytest

import reflow as tf


def test_numpy_protocol():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(x.numpy(), np.ndarray) and x.numpy().dtype == np.float32
    np.testing.assert_array_equal(np.asarray(x), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(np.sum(x, axis=0), [4, 6])
    x.numpy()[0, 0] = 7.0
    assert x[0, 0].numpy() == 1.0  # the caller's array is a copy
    assert (
        float(tf.constant(2.5)) == 2.5 and int(tf.constant(3)) == 3 and [1, 2][tf.constant(1)] == 2
    )
    assert f"{tf.constant(2.0):.2f}" == "2.00"
    source = np.array([1, 2, 3])
    made = tf.constant(source)
    source[0] = 100
    assert made.numpy().tolist() == [1, 2, 3]


def test_truth_length_iteration():
    assert tf.constant(True) and not tf.constant(0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tf.constant([1, 2]))
    x = tf.constant([[1, 2], [3, 4]])
    assert len(x) == 2 and [row.numpy().tolist() for row in x] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError):
        len(tf.constant(1))
    with pytest.raises(TypeError):
        iter(tf.constant(1))


def test_equality_and_hashing():
    a, b = tf.constant([1, 2]), tf.constant([1, 3])
    assert (a == b).numpy().tolist() == [True, False]
    assert (a != b).numpy().tolist() == [False, True]
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)
    assert {a.ref(): "a"}[a.ref()] == "a" and a.ref() != b.ref() and a.ref().deref() is a


def test_copies_and_pickles():
    x = tf.constant([1.0, 2.0])
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.numpy().tolist() == [1.0, 2.0] and other.dtype is tf.float32
    v = tf.Variable([1.0, 2.0])
    w = copy.deepcopy(v)
    w.assign([5.0, 6.0])
    assert v.numpy().tolist() == [1.0, 2.0]


def test_what_only_graphs_have():
    x = tf.constant(1.0)
    for name in ("graph", "op", "name"):
        with pytest.raises(AttributeError, match="undefined when eager execution is enabled"):
            getattr(x, name)
    with pytest.raises(NotImplementedError):
        x.eval()


def test_dlpack():
    x = tf.constant([[1.0, 2.0]])
    np.testing.assert_array_equal(np.from_dlpack(x), [[1.0, 2.0]])
    capsule = tf.experimental.dlpack.to_dlpack(x)
    again = tf.experimental.dlpack.from_dlpack(capsule)
    assert again.dtype is tf.float32 and again.numpy().tolist() == [[1.0, 2.0]]
    v = tf.Variable([1, 2])
    v.assign_add([1, 1])
    assert np.from_dlpack(v.value()).tolist() == [2, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="eager tensor"):
        tf.experimental.dlpack.to_dlpack(np.ones(2))


def test_numbers_take_the_tensors_dtype():
    for dtype in (tf.float16, tf.bfloat16, tf.float64, tf.int8, tf.complex64):
        x = tf.constant([1, 2], dtype)
        for _ in range(2):  # the second time the short way
            assert (x + 1).dtype is dtype and (2 * x).dtype is dtype
    for _ in range(2):
        with pytest.raises(tf.errors.InvalidArgumentError, match="int32 tensor but is a float"):
            tf.constant([1, 2]) + 1.5
        with pytest.raises(TypeError, match="Cannot convert 1.5 to .* int32"):
            tf.constant(1.5, tf.int32)


def test_the_short_way_reports_errors_like_the_long_one():
    x = tf.ones([2, 3])
    for _ in range(3):
        assert tf.add(x, x).shape == [2, 3]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
            tf.add(x, tf.ones([2, 2]))
        with pytest.raises(tf.errors.InvalidArgumentError, match="was expected to be"):
            tf.add(x, tf.ones([2, 3], tf.int32))


def test_a_complex_tensor_is_divided_by_a_number():
    x = tf.constant([1 + 2j])
    assert (x / 2.0).numpy().tolist() == [0.5 + 1j]
    assert (x / 2).numpy().tolist() == [0.5 + 1j]
    assert (2.0 / tf.constant([2j])).numpy().tolist() == [-1j]


def _held_open(graph):
    with graph.as_default():
        yield


def test_a_generator_abandoned_within_a_graph_leaves_that_graph_only():
    abandoned, current = tf.Graph(), tf.Graph()
    generator = _held_open(abandoned)
    next(generator)
    with current.as_default():
        generator.close()
        assert tf.compat.v1.get_default_graph() is current
    assert tf.executing_eagerly()


def test_a_generator_abandoned_by_another_thread_leaves_nothing_here():
    held = []

    def enter():
        held.append(_held_open(tf.Graph()))
        next(held[0])

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    current = tf.Graph()
    with current.as_default():
        held[0].close()
        assert tf.compat.v1.get_default_graph() is current
    assert tf.executing_eagerly()


def test_arguments_of_python_follow_their_own_kind():
    """What an op found out about one kind of argument does not hold for another."""
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(3):
        assert tf.reduce_sum(x, 0).numpy().tolist() == [4.0, 6.0]
        assert tf.reduce_sum(x, [0]).numpy().tolist() == [4.0, 6.0]
        assert tf.reduce_sum(x, [0, 1]).numpy() == 10.0
        assert tf.reshape(x, [4]).shape == [4]
        assert tf.expand_dims(x, -1).shape == [2, 2, 1]
        assert tf.add(x, 1).numpy().tolist() == (x + 1.0).numpy().tolist()
        assert tf.multiply(2, 3).dtype == tf.int32
        assert tf.multiply(2**40, 2).dtype == tf.int64
        assert tf.multiply(2.0, 3.0).dtype == tf.float32
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a int32"):
            tf.add(tf.constant(1), 1.5)
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.reduce_sum(x, 2)


def test_variables_are_read_where_tensors_are_expected():
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([1, 2])
    for _ in range(3):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.constant([3.0, 4.0]) * v + v)
        assert y.numpy() == 14.0
        assert tape.gradient(y, v).numpy().tolist() == [4.0, 5.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="MatMul|Mul|AddV2"):
            tf.constant([3.0, 4.0]) + w


def test_an_update_that_fails_changes_nothing_and_says_why():
    v = tf.Variable([1.0, 2.0])
    v.assign_add([1.0, 1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes must be equal") as caught:
        v.assign_add([1.0])
    assert "test_eager.py" in str(caught.value)
    assert v.numpy().tolist() == [2.0, 3.0]


def test_indexed_slices_are_shown_with_their_tensors():
    shown = str(tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), tf.constant([2])))
    assert shown == (
        "IndexedSlices(indices=tf.Tensor([0], shape=(1,), dtype=int32), values=tf.Tensor([1.], "
        "shape=(1,), dtype=float32), dense_shape=tf.Tensor([2], shape=(1,), dtype=int32))"
    )
