"""`tf.compat.v1.data.Dataset`: https://www.tensorflow.org/api_docs/python/tf/compat/v1/data/Dataset"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.data import sources
from reflow.data.dataset import Dataset
from reflow.data.iterators import make_initializable_iterator, make_one_shot_iterator
from reflow.data.structure import ElementTypes
from reflow.lang import dtypes, errors
from reflow.lang.export import export
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue
from reflow.lang.type_spec import TensorSpec


@export(v1=("data.Dataset",))
class DatasetV1(ElementTypes, Dataset):
    """A sequence of elements, with the methods of TF 1 as well.

    >>> import reflow
    >>> tf = reflow.compat.v1
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     iterator = tf.data.Dataset.range(3).batch(2).make_initializable_iterator()
    ...     batch = iterator.get_next()
    ...     session.run(iterator.initializer)
    ...     print(session.run(batch))
    [0 1]
    """

    def make_one_shot_iterator(self) -> Any:
        """See `tf.compat.v1.data.make_one_shot_iterator`."""
        return make_one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Any:
        """See `tf.compat.v1.data.make_initializable_iterator`."""
        return make_initializable_iterator(self, shared_name)

    @staticmethod
    def from_sparse_tensor_slices(sparse_tensor: Any) -> Dataset:
        """The slices of a sparse tensor: tuples of indices, values and dense shape.

        Args:
          sparse_tensor: a `SparseTensor` in row-major order.
        """
        if isinstance(sparse_tensor, SparseTensorValue):
            sparse_tensor = SparseTensor.from_value(sparse_tensor)
        if not isinstance(sparse_tensor, SparseTensor):
            raise TypeError(
                f"{errors.user_site()}: Invalid `sparse_tensor`. `sparse_tensor` "
                f"must be a `tf.SparseTensor`. Got {type(sparse_tensor)}."
            )
        variant = sources.sparse_tensor_slice_dataset(
            sparse_tensor.indices, sparse_tensor.values, sparse_tensor.dense_shape
        )
        rank = sparse_tensor.dense_shape.shape.as_list()[0]
        inner = None if rank is None else rank - 1
        spec = (
            TensorSpec([None, inner], dtypes.int64),
            TensorSpec([None], sparse_tensor.dtype),
            TensorSpec([inner], dtypes.int64),
        )
        return DatasetV1._make("_SparseTensorSliceDataset", variant, spec)

    def map_with_legacy_function(
        self,
        map_func: Callable,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        use_unbounded_threadpool: bool = False,
    ) -> Dataset:
        """As `map`: there is one way to trace functions here."""
        return self.map(map_func, num_parallel_calls, deterministic)

    def filter_with_legacy_function(self, predicate: Callable) -> Dataset:
        """As `filter`: there is one way to trace functions here."""
        return self.filter(predicate)


DatasetV1._family = DatasetV1


def as_v1(dataset: Dataset) -> DatasetV1:
    """A data set with the methods of TF 1 as well."""
    return DatasetV1(dataset._variant_tensor, dataset.element_spec, dataset._kind, [dataset])
