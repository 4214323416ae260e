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
    alias.uninstall()
    for name, value in values.items():
        assert name not in names(type(value))
        assert any(module.startswith("reflow.") for module, _ in names(type(value)))
