"""Ragged tensors: rows of different lengths, as values and the partitions that cut them into rows.

`row_partition` and `ragged_tensor` hold the two classes (`ragged_tensor_factories` how ragged tensors are
made, `ragged_tensor_spec` their type), `kernels`, `variant` and `cross` the ops, and the other modules the
functions of `tf.ragged` and what public functions do with ragged arguments. All are imported together:
whoever has a ragged tensor has what answers for it.
"""

from reflow.ops.ragged import ragged_tensor  # noqa: F401, I001  (the others need it whole)
from reflow.ops.ragged import (  # noqa: F401
    array_ops,
    concat,
    counts,
    cross,
    elementwise,
    embedding,
    factory,
    functional,
    gather,
    getitem,
    kernels,
    math,
    ragged_tensor_spec,
    rows,
    segment_ids,
    shape,
    strings,
    variant,
)
