"""Type specs: comparing them, taking values apart and putting them together."""

import pickle

import numpy as np
import pytest

import reflow as tf

SPEC = tf.TensorSpec([None, 2], tf.float32, "x")


def test_tensor_specs_compare_shape_dtype_and_name():
    assert tf.TensorSpec([None, 2], tf.float32, "x") == SPEC
    assert hash(tf.TensorSpec([None, 2], tf.float32, "x")) == hash(SPEC)
    for other in (
        tf.TensorSpec([None, 2], tf.float32),
        tf.TensorSpec([None, 3], tf.float32, "x"),
        tf.TensorSpec([None, 2], tf.float64, "x"),
        tf.TensorSpec(None, tf.float32, "x"),
    ):
        assert other != SPEC
    assert tf.TensorSpec(None) == tf.TensorSpec(None)
    assert repr(SPEC) == "TensorSpec(shape=(None, 2), dtype=tf.float32, name='x')"
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC


def test_compatibility_is_with_values_and_specs():
    assert SPEC.is_compatible_with(tf.zeros([5, 2]))
    assert SPEC.is_compatible_with(tf.TensorSpec([None, None]))
    assert not SPEC.is_compatible_with(tf.zeros([5, 3]))
    assert not SPEC.is_compatible_with(tf.zeros([5, 2], tf.float64))
    assert not SPEC.is_compatible_with(tf.sparse.from_dense(tf.ones([1, 2])))
    sparse = tf.SparseTensorSpec([None, 2], tf.float32)
    assert sparse.is_compatible_with(tf.sparse.from_dense(tf.ones([1, 2])))
    assert not sparse.is_compatible_with(tf.sparse.from_dense(tf.ones([1, 3])))
    assert not sparse.is_compatible_with(tf.ones([1, 2]))


def test_subtypes_and_supertypes():
    small, large = tf.TensorSpec([3, 2]), tf.TensorSpec([None, 2])
    assert small.is_subtype_of(large) and not large.is_subtype_of(small)
    assert small.most_specific_common_supertype([tf.TensorSpec([4, 2])]) == large
    assert small.most_specific_common_supertype([tf.TensorSpec([3, 2], tf.int32)]) is None
    assert small.most_specific_compatible_type(tf.TensorSpec([4])) == tf.TensorSpec(None)
    with pytest.raises(ValueError, match="No TypeSpec is compatible"):
        small.most_specific_compatible_type(tf.TensorSpec([3, 2], tf.int32))
    sparse = tf.SparseTensorSpec([3, 2])
    assert sparse.is_subtype_of(tf.SparseTensorSpec([None, 2]))
    merged = sparse.most_specific_common_supertype([tf.SparseTensorSpec([4, 2])])
    assert merged == tf.SparseTensorSpec([None, 2])
    assert sparse.most_specific_common_supertype([small]) is None


def test_specs_of_values():
    assert tf.type_spec_from_value(tf.constant([1])) == tf.TensorSpec([1], tf.int32)
    assert tf.type_spec_from_value([1.0, 2.0]) == tf.TensorSpec([2], tf.float32)
    assert tf.type_spec_from_value(None) == tf.NoneTensorSpec()
    sparse = tf.sparse.SparseTensor([[0, 1]], [5], [2, 3])
    assert tf.type_spec_from_value(sparse) == tf.SparseTensorSpec([2, 3], tf.int32)
    value = tf.compat.v1.SparseTensorValue([[0, 1]], np.array([5], np.int32), [2, 3])
    assert tf.type_spec_from_value(value) == tf.SparseTensorSpec([2, 3], tf.int32)
    slices = tf.IndexedSlices(tf.ones([2, 3]), tf.constant([0, 1]))
    assert slices._type_spec == tf.IndexedSlicesSpec([None, 3], tf.float32, tf.int32, None, [2])
    with pytest.raises(TypeError, match="Could not build a TypeSpec"):
        tf.type_spec_from_value(object())


def test_values_are_taken_apart_and_put_together():
    sparse = tf.sparse.SparseTensor([[0, 1]], [5], [2, 3])
    spec = sparse._type_spec
    parts = spec.to_tensors(sparse)
    assert [part.shape.as_list() for part in parts] == [[1, 2], [1], [2]]
    again = spec.from_tensors(iter(parts))
    assert again.shape == [2, 3] and again.values.numpy() == [5]
    assert [s.dtype for s in spec.flatten()] == [tf.int64, tf.int32, tf.int64]


def test_batches():
    assert SPEC._batch(4) == tf.TensorSpec([4, None, 2])
    assert tf.TensorSpec([None, 2])._unbatch() == tf.TensorSpec([2])
    assert tf.SparseTensorSpec([2, 3])._batch(None) == tf.SparseTensorSpec([None, 2, 3])
    with pytest.raises(ValueError, match="rank >= 1"):
        tf.TensorSpec([])._unbatch()
