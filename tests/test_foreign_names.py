"""Under the name of `tensorflow`, classes are called what libraries look for."""

import pytest

import reflow as tf
from reflow.compat import alias


@pytest.fixture
def as_tensorflow():
    alias.install("v2")
    yield
    alias.uninstall()


def names(kind):
    return {(k.__module__, k.__name__) for k in kind.__mro__}


def test_classes_are_recognised_under_the_alias_only(as_tensorflow):
    values = {
        ("tensorflow.python.framework.tensor", "Tensor"): tf.constant(1),
        ("tensorflow.python.framework.sparse_tensor", "SparseTensor"): tf.sparse.from_dense([1]),
        ("tensorflow.python.ops.ragged.ragged_tensor", "RaggedTensor"): tf.ragged.constant([[1]]),
        ("tensorflow.python.data.ops.dataset_ops", "DatasetV2"): tf.data.Dataset.range(3),
    }
    for name, value in values.items():
        assert name in names(type(value))
    itself = {
        ("tensorflow.python.framework.ops", "EagerTensor"): tf.constant(1),
        ("tensorflow.python.framework.indexed_slices", "IndexedSlices"): tf.IndexedSlices([1], [0]),
        ("tensorflow.python.ops.resource_variable_ops", "ResourceVariable"): tf.Variable(1),
    }
    with tf.Graph().as_default():
        itself["tensorflow.python.framework.ops", "SymbolicTensor"] = tf.constant(1)
    for name, value in itself.items():
        assert (type(value).__module__, type(value).__name__) == name
    values |= itself
    alias.uninstall()
    for name, value in values.items():
        assert name not in names(type(value))
        assert any(module.startswith("reflow.") for module, _ in names(type(value)))
