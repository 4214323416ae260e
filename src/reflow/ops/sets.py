"""Sets in the last dimension of tensors: https://www.tensorflow.org/api_docs/python/tf/sets

The rows (all but the last dimension) of two tensors are combined set by set; the result is a sparse
tensor with the elements of each set in ascending order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.sparse_tensor import SparseTensor
from reflow.ops.define import op

_T = "T: {int8,int16,int32,int64,uint8,uint16,string}"
_ATTRS = f"*, set_operation: string, validate_indices: bool = True, {_T}"
_RESULT = "result_indices: int64, result_values: T, result_shape: int64"


def _invalid(message: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(None, None, message)


# Rows as sets -------------------------------------------------------------------------------------


def _dense_rows(values: np.ndarray) -> tuple[dict[tuple[int, ...], set], tuple[int, ...]]:
    if values.ndim < 2:
        raise _invalid(f"Invalid input rank {values.ndim} < 2.")
    outer = values.shape[:-1]
    return {at: set(values[at].tolist()) for at in np.ndindex(*outer)}, outer


def _sparse_rows(
    indices: np.ndarray, values: np.ndarray, shape: np.ndarray, validate: bool
) -> tuple[dict[tuple[int, ...], set], tuple[int, ...]]:
    sizes = [int(n) for n in shape]
    if len(sizes) < 2:
        raise _invalid(f"Invalid input rank {len(sizes)} < 2.")
    if validate:
        listed = [tuple(row) for row in indices.tolist()]
        if any(a >= b for a, b in zip(listed, listed[1:])):
            raise _invalid("indices are out of order or repeated")
        if any(not 0 <= i < n for row in listed for i, n in zip(row, sizes)):
            raise _invalid("indices are out of bounds")
    rows: dict[tuple[int, ...], set] = {}
    for row, value in zip(indices[:, :-1].tolist(), values.tolist()):
        rows.setdefault(tuple(row), set()).add(value)
    return rows, tuple(sizes[:-1])


_OPERATIONS: dict[str, Callable[[set, set], set]] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}


def _combined(first: Any, second: Any, set_operation: str, T: Any) -> tuple[Any, Any, Any]:
    operation = _OPERATIONS.get(set_operation)
    if operation is None:
        raise _invalid(f"Invalid set_operation {set_operation}.")
    (rows1, outer), (rows2, outer2) = first, second
    if outer != outer2:
        raise _invalid(f"Mismatched group shapes: {list(outer)} and {list(outer2)}")
    indices: list[tuple[int, ...]] = []
    values: list[Any] = []
    widest = 0
    for row in sorted(rows1.keys() | rows2.keys()):
        found = sorted(operation(rows1.get(row, set()), rows2.get(row, set())))
        widest = max(widest, len(found))
        indices.extend((*row, i) for i in range(len(found)))
        values.extend(found)
    array = np.empty(len(values), T.np)
    array[:] = values
    return (
        np.array(indices, np.int64).reshape(-1, len(outer) + 1),
        array,
        np.array([*outer, widest], np.int64),
    )


def _result_shape(*inputs: Any) -> list[tuple]:
    return [(None, None), (None,), (None,)]


@op(
    f"DenseToDenseSetOperation(set1: T, set2: T, {_ATTRS}) -> {_RESULT}",
    shape=_result_shape,
    compile=False,
    grad=None,
)
def dense_to_dense_set_operation_op(xp, set1, set2, *, set_operation, validate_indices, T):
    """Combines the sets that the rows of two dense tensors are."""
    return _combined(_dense_rows(set1), _dense_rows(set2), set_operation, T)


@op(
    "DenseToSparseSetOperation(set1: T, set2_indices: int64, set2_values: T, set2_shape: int64,"
    f" {_ATTRS}) -> {_RESULT}",
    shape=_result_shape,
    compile=False,
    grad=None,
)
def dense_to_sparse_set_operation_op(
    xp, set1, set2_indices, set2_values, set2_shape, *, set_operation, validate_indices, T
):
    """Combines the sets that the rows of a dense and of a sparse tensor are."""
    second = _sparse_rows(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(_dense_rows(set1), second, set_operation, T)


@op(
    "SparseToSparseSetOperation(set1_indices: int64, set1_values: T, set1_shape: int64,"
    f" set2_indices: int64, set2_values: T, set2_shape: int64, {_ATTRS}) -> {_RESULT}",
    shape=_result_shape,
    compile=False,
    grad=None,
)
def sparse_to_sparse_set_operation_op(
    xp,
    set1_indices,
    set1_values,
    set1_shape,
    set2_indices,
    set2_values,
    set2_shape,
    *,
    set_operation,
    validate_indices,
    T,
):
    """Combines the sets that the rows of two sparse tensors are."""
    first = _sparse_rows(set1_indices, set1_values, set1_shape, validate_indices)
    second = _sparse_rows(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(first, second, set_operation, T)


@op(
    f"SetSize(set_indices: int64, set_values: T, set_shape: int64, *,"
    f" validate_indices: bool = True, {_T}) -> size: int32",
    compile=False,
    grad=None,
)
def set_size_op(xp, set_indices, set_values, set_shape, *, validate_indices):
    """How many distinct elements each row of a sparse tensor has."""
    rows, outer = _sparse_rows(set_indices, set_values, set_shape, validate_indices)
    sizes = np.zeros(outer, np.int32)
    for row, found in rows.items():
        sizes[row] = len(found)
    return sizes


@set_size_op.shape_rule
def _set_size_shape(set_indices: Any, set_values: Any, set_shape: Any) -> tuple | None:
    rank = set_shape.shape[0] if set_shape.shape.rank == 1 else None
    return None if rank is None else (None,) * (rank - 1)


# Public functions ---------------------------------------------------------------------------------


def _operation(a: Any, b: Any, set_operation: str, validate_indices: bool) -> SparseTensor:
    keywords = {"set_operation": set_operation, "validate_indices": validate_indices}
    sparse = [isinstance(each, SparseTensor) for each in (a, b)]
    a, b = (each if isinstance(each, SparseTensor) else convert_to_tensor(each) for each in (a, b))
    if a.dtype is not b.dtype:
        raise TypeError(
            f"{errors.where(errors.user_frame(3))}: Types don't match, {a.dtype} vs {b.dtype}."
        )
    if sparse == [True, False]:
        turned = {"a-b": "b-a", "b-a": "a-b"}.get(set_operation, set_operation)
        return _operation(b, a, turned, validate_indices)
    parts = [
        part
        for each, is_sparse in zip((a, b), sparse)
        for part in ((each.indices, each.values, each.dense_shape) if is_sparse else (each,))
    ]
    opdef = {
        (False, False): dense_to_dense_set_operation_op,
        (False, True): dense_to_sparse_set_operation_op,
        (True, True): sparse_to_sparse_set_operation_op,
    }[tuple(sparse)]  # type: ignore[index]
    return SparseTensor(*opdef(*parts, **keywords))


@export("sets.intersection", v1=("sets.set_intersection",))
def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements that are in both of two sets, row by row.

    Args:
      a, b: tensors, dense or sparse, of one integer or string dtype whose last dimensions are sets and
        whose other dimensions agree.
      validate_indices: whether to check the order and the bounds of sparse indices.

    Raises:
      TypeError: if the dtypes differ.
      InvalidArgumentError: if the shapes do not agree.

    >>> import reflow as tf
    >>> tf.sets.intersection([[1, 2, 3]], [[3, 1, 5]]).values.numpy()
    array([1, 3], dtype=int32)
    """
    return _operation(a, b, "intersection", validate_indices)


@export("sets.difference", v1=("sets.set_difference",))
def set_difference(
    a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True
) -> SparseTensor:
    """The elements that are in one of two sets only, row by row.

    Args:
      a, b: as for `tf.sets.intersection`; errors are those of it.
      aminusb: whether to give what is in `a` and not in `b`, rather than the other way round.
      validate_indices: whether to check the order and the bounds of sparse indices.

    >>> import reflow as tf
    >>> tf.sets.difference([[1, 2, 3]], [[3, 1, 5]]).values.numpy()
    array([2], dtype=int32)
    """
    return _operation(a, b, "a-b" if aminusb else "b-a", validate_indices)


@export("sets.union", v1=("sets.set_union",))
def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements that are in one of two sets at least, row by row.

    Args:
      a, b: as for `tf.sets.intersection`; errors are those of it.
      validate_indices: whether to check the order and the bounds of sparse indices.

    >>> import reflow as tf
    >>> tf.sets.union([[1, 2, 3]], [[3, 1, 5]]).values.numpy()
    array([1, 2, 3, 5], dtype=int32)
    """
    return _operation(a, b, "union", validate_indices)


@export("sets.size", v1=("sets.set_size",))
def set_size(a: Any, validate_indices: bool = True) -> Any:
    """How many distinct elements each row of a sparse tensor has.

    Args:
      a: a sparse tensor of integers or strings.
      validate_indices: whether to check the order and the bounds of the indices.

    Raises:
      TypeError: if `a` is not sparse, or of another dtype.

    >>> import reflow as tf
    >>> tf.sets.size(tf.SparseTensor([[0, 0], [0, 1]], [5, 5], [1, 3])).numpy()
    array([1], dtype=int32)
    """
    if not isinstance(a, SparseTensor):
        raise TypeError(
            f"{errors.where(errors.user_frame())}: Expected `SparseTensor`, got {a!r:.80}."
        )
    if not (a.dtype.is_integer or a.dtype is dtypes.string):
        raise TypeError(f"Invalid dtype `{a.dtype!r}` not in supported dtypes of sets.")
    return set_size_op(a.indices, a.values, a.dense_shape, validate_indices=validate_indices)
