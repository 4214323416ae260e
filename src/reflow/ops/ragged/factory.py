"""Ragged tensors from nested Python lists, and as placeholders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor, to_array
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import array
from reflow.ops.constant import constant as dense_constant
from reflow.ops.ragged.ragged_tensor import RaggedTensor, is_ragged
from reflow.ops.ragged.value import RaggedTensorValue


@export("ragged.constant")
def constant(
    pylist: Any,
    dtype: Any = None,
    ragged_rank: int | None = None,
    inner_shape: Any = None,
    name: str | None = None,
    row_splits_dtype: Any = dtypes.int64,
) -> Any:
    """A ragged tensor of a nested Python list.

    Args:
      pylist: nested lists, tuples or arrays; all scalars in it at the same depth.
      dtype: the dtype of the values; by default as `tf.constant` chooses it.
      ragged_rank: how many dimensions are partitioned; by default all but the innermost.
      inner_shape: the shape of the values below the ragged dimensions; by default `()`, or what the
        list says if `ragged_rank` is given.
      name: a prefix for the nodes.
      row_splits_dtype: `tf.int32` or `tf.int64`.

    Returns:
      A `RaggedTensor`; a tensor if `ragged_rank` is 0.

    Raises:
      ValueError: if the depths differ, or do not fit `ragged_rank` and `inner_shape`.

    >>> import reflow as tf
    >>> tf.ragged.constant([[1, 2], [3], []])
    <tf.RaggedTensor [[1, 2], [3], []]>
    """
    kind = as_dtype(row_splits_dtype)

    def ragged(values: Any, splits: list[int]) -> RaggedTensor:
        row_splits = dense_constant(splits, kind)
        return RaggedTensor.from_row_splits(values, row_splits, validate=False)

    def dense(values: Any, shape: tuple[int, ...]) -> Any:
        if not values and dtype is None:
            return dense_constant(np.zeros(shape, np.float32), name="values")
        return (
            array.reshape(convert_to_tensor(values, dtype, "values"), shape)
            if 0 in shape
            else dense_constant(values, dtype, shape, name="values")
        )

    with name_scope(name, "RaggedConstant"):
        return _nested(ragged, dense, pylist, ragged_rank, inner_shape)


@export(v1=("ragged.constant_value",))
def constant_value(
    pylist: Any,
    dtype: Any = None,
    ragged_rank: int | None = None,
    inner_shape: Any = None,
    row_splits_dtype: Any = "int64",
) -> Any:
    """A `RaggedTensorValue` of a nested Python list: see `tf.ragged.constant`.

    Raises:
      ValueError: if the depths differ, or do not fit `ragged_rank` and `inner_shape`.

    >>> import reflow as tf
    >>> tf.compat.v1.ragged.constant_value([[1, 2], [3]]).row_splits
    array([0, 2, 3])
    """
    kind = as_dtype(row_splits_dtype).np
    wanted = None if dtype is None else as_dtype(dtype)

    def ragged(values: Any, splits: list[int]) -> RaggedTensorValue:
        return RaggedTensorValue(values, np.array(splits, kind))

    def dense(values: Any, shape: tuple[int, ...]) -> Any:
        if not values and wanted is None:
            return np.zeros(shape, np.float64)
        flat = np.array(values) if wanted is None else to_array(values, wanted)
        if flat is not None and flat.dtype.kind == "U":
            flat = to_array(values)
        return np.reshape(flat, shape)  # type: ignore[arg-type]

    return _nested(ragged, dense, pylist, ragged_rank, inner_shape)


def _nested(
    ragged: Callable, dense: Callable, pylist: Any, ragged_rank: int | None, inner_shape: Any
) -> Any:
    """`dense(values, shape)` of what is innermost, with `ragged(values, splits)` around it."""
    site = errors.user_site()
    if is_ragged(pylist):
        raise TypeError(f"{site}: pylist may not be a RaggedTensor or RaggedTensorValue.")
    shown = f"{pylist!r:.80}"
    if not isinstance(pylist, (list, tuple)) and np.ndim(pylist) == 0:
        if ragged_rank:
            raise ValueError(
                f"{site}: Invalid pylist={shown}: incompatible with ragged_rank={ragged_rank}"
            )
        if inner_shape:
            raise ValueError(
                f"{site}: Invalid pylist={shown}: incompatible with dim(inner_shape)="
                f"{len(inner_shape)}"
            )
        return dense(pylist, ())
    if ragged_rank is not None and ragged_rank < 0:
        raise ValueError(f"{site}: Invalid ragged_rank={ragged_rank}: must be nonnegative")
    scalar_depth, depth = _depths(pylist, site)
    if scalar_depth is not None:
        if depth > scalar_depth:
            raise ValueError(
                f"{site}: Invalid pylist={shown}: empty list nesting is greater than scalar value "
                "nesting"
            )
        if ragged_rank is not None and depth <= ragged_rank:
            raise ValueError(
                f"{site}: Invalid pylist={shown}, max depth smaller than ragged_rank={ragged_rank}"
            )
    if inner_shape is not None:
        inner_shape = tuple(shapes.as_shape(inner_shape).as_list())
        if ragged_rank is not None and scalar_depth is not None:
            if scalar_depth != ragged_rank + 1 + len(inner_shape):
                raise ValueError(
                    f"{site}: Invalid pylist={shown}: incompatible with ragged_rank={ragged_rank} and "
                    f"dim(inner_shape)={len(inner_shape)}"
                )
    elif ragged_rank is None:
        inner_shape = ()
    else:
        inner_shape = _inner_shape(pylist, ragged_rank, site)
    if ragged_rank is None:
        ragged_rank = max(0, depth - 1 - len(inner_shape))
    values: Any = pylist
    nested: list[list[int]] = []
    for _ in range(ragged_rank):
        splits = [0]
        below: list[Any] = []
        for row in values:
            splits.append(splits[-1] + len(row))
            below.extend(row)
        nested.append(splits)
        values = below
    result = dense(
        values if isinstance(values, list) else list(values), (len(values), *inner_shape)
    )
    for splits in reversed(nested):
        result = ragged(result, splits)
    return result


def _depths(pylist: Any, site: str) -> tuple[int | None, int]:
    """How deep scalars lie, None where there are none; and how deep lists are nested."""
    if not isinstance(pylist, (list, tuple)) and np.ndim(pylist) == 0:
        return 0, 0
    if isinstance(pylist, np.ndarray) and pylist.dtype != object and pylist.size:
        return pylist.ndim, pylist.ndim
    scalar_depth: int | None = None
    depth = 1
    for child in pylist:
        scalars, lists = _depths(child, site)
        if scalars is not None:
            if scalar_depth is not None and scalar_depth != scalars + 1:
                raise ValueError(f"{site}: all scalar values must have the same nesting depth")
            scalar_depth = scalars + 1
        depth = max(depth, lists + 1)
    return scalar_depth, depth


def _inner_shape(pylist: Any, ragged_rank: int, site: str) -> tuple[int, ...]:
    """The shape that all items below `ragged_rank` ragged dimensions have."""
    items = list(pylist)
    for _ in range(ragged_rank):
        items = [each for row in items for each in row]
    found: tuple[int, ...] = ()
    while items and (isinstance(items[0], (list, tuple)) or np.ndim(items[0]) != 0):
        sizes = {len(each) for each in items}
        if len(sizes) > 1:
            raise ValueError(f"{site}: inner values have inconsistent shape")
        found += (sizes.pop(),)
        items = [each for row in items for each in row]
    return found


@export(v1=("ragged.placeholder",))
def placeholder(
    dtype: Any, ragged_rank: int, value_shape: Any = None, name: str | None = None
) -> Any:
    """A placeholder for a ragged tensor: a session is fed a `RaggedTensorValue` for it.

    Args:
      dtype: the dtype of the values.
      ragged_rank: how many dimensions are partitioned.
      value_shape: the shape of each of the flat values; by default `()`.
      name: a prefix for the nodes.

    Raises:
      RuntimeError: when executing eagerly.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.compat.v1.ragged.placeholder(tf.int32, 1).shape)
    (None, None)
    """
    if executing_eagerly():
        raise RuntimeError(
            f"{errors.user_site()}: tf.ragged.placeholder() is not compatible with eager execution."
        )
    make = REGISTRY["Placeholder"]
    dtype = as_dtype(dtype)
    if ragged_rank == 0:
        return make(dtype=dtype, shape=value_shape, name=name)
    with name_scope(name, "RaggedPlaceholder"):
        flat = shapes.of((None,)).concatenate(
            shapes.as_shape(() if value_shape is None else value_shape)
        )
        result = make(dtype=dtype, shape=flat, name="flat_values")
        for i in reversed(range(ragged_rank)):
            splits = make(dtype=dtypes.int64, shape=[None], name=f"row_splits_{i}")
            result = RaggedTensor.from_row_splits(result, splits, validate=False)
        return result
