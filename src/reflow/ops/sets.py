"""Sets in the last dimension of tensors: https://www.tensorflow.org/api_docs/python/tf/sets"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reflow.lang import dtypes, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.shapes import UNKNOWN
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue
from reflow.ops.define import op

Groups = dict[tuple[int, ...], set]

_OPERATIONS: dict[str, Callable[[set, set], set]] = {
    "a-b": set.difference,
    "b-a": lambda a, b: b - a,
    "intersection": set.intersection,
    "union": set.union,
}


def _dense_groups(values: Any) -> tuple[Groups, tuple[int, ...]]:
    """The set in each row of a dense tensor, and the shape without the last dimension."""
    values = np.asarray(values)
    if values.ndim < 2:
        raise invalid(f"Shape {list(values.shape)} has rank {values.ndim} < 2")
    rows = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1]).tolist()
    places = np.ndindex(*values.shape[:-1])
    return {place: set(row) for place, row in zip(places, rows)}, values.shape[:-1]


def _sparse_groups(
    indices: Any, values: Any, shape: Any, validate: bool
) -> tuple[Groups, tuple[int, ...]]:
    """The set in each row of a sparse tensor, and the shape without the last dimension."""
    sizes = tuple(np.ravel(shape).tolist())
    indices = np.asarray(indices)
    if len(sizes) < 2:
        raise invalid(f"Shape {list(sizes)} has rank {len(sizes)} < 2")
    if indices.ndim != 2 or indices.shape != (len(values), len(sizes)):
        raise invalid(
            f"Expected indices of shape {[len(values), len(sizes)]}, got {list(indices.shape)}"
        )
    groups: Groups = {}
    places = [tuple(index) for index in indices.tolist()]
    for i, (place, value) in enumerate(zip(places, np.asarray(values).tolist())):
        if validate:
            if any(not 0 <= at < size for at, size in zip(place, sizes)):
                raise invalid(f"indices[{i}] = {list(place)} is out of bounds: need 0 <= index < "
                               f"{list(sizes)}")  # fmt: skip
            if i and place <= places[i - 1]:
                word = "repeated" if place == places[i - 1] else "out of order"
                raise invalid(
                    f"indices[{i}] = {list(place)} is {word}. Many sparse ops require sorted indices. "
                    "Use `tf.sparse.reorder` to create a correctly ordered copy."
                )
        groups.setdefault(place[:-1], set()).add(value)
    return groups, sizes[:-1]


def _combined(
    first: tuple[Groups, tuple[int, ...]],
    second: tuple[Groups, tuple[int, ...]],
    operation: str,
    values: Any,
) -> tuple[Any, Any, Any]:
    combine = _OPERATIONS.get(operation.lower())
    if combine is None:
        raise invalid(f"Invalid set_operation {operation}.")
    (groups1, shape1), (groups2, shape2) = first, second
    if shape1 != shape2:
        raise invalid(f"Mismatched shapes {list(shape1)} vs {list(shape2)}")
    nothing: set = set()

    def results() -> Iterator[tuple[tuple[int, ...], list]]:
        for place in sorted(groups1.keys() | groups2.keys()):
            yield place, sorted(combine(groups1.get(place, nothing), groups2.get(place, nothing)))

    indices, found, largest = [], [], 0
    for place, members in results():
        largest = max(largest, len(members))
        for i, member in enumerate(members):
            indices.append((*place, i))
            found.append(member)
    array = np.empty(len(found), np.asarray(values).dtype)
    array[:] = found
    result = np.array(indices, np.int64).reshape(len(indices), len(shape1) + 1)
    return result, array, np.array((*shape1, largest), np.int64)


_KINDS = "{int8,int16,int32,int64,uint8,uint16,string}"
_OPTIONS = f"set_operation: string, validate_indices: bool = True, T: {_KINDS})"
_RESULT = " -> result_indices: int64, result_values: T, result_shape: int64"
_HOST = {"grad": None, "compile": False}


def _result_shapes(rank: int | None) -> list[Any]:
    return [shapes.of((None, rank)), shapes.of((None,)), shapes.of((rank,))]


def _rank(*parts: Any) -> int | None:
    """The rank of dense tensors, or of the sparse tensors with these shape vectors, if one is known."""
    for part, is_shape in parts:
        sizes = part._shape._dims
        if sizes is not None:
            rank = sizes[0] if is_shape else len(sizes)
            if rank is not None:
                if rank < 2:
                    raise ValueError(f"Input rank {rank} must be at least 2")
                return rank
    return None


@op(
    f"DenseToDenseSetOperation(set1: T, set2: T, *, {_OPTIONS}{_RESULT}",
    shape=lambda set1, set2: _result_shapes(_rank((set1, False), (set2, False))),
    **_HOST,
)
def dense_to_dense_op(xp, set1, set2, *, set_operation, validate_indices):
    """What a set operation makes of the rows of two dense tensors."""
    return _combined(_dense_groups(set1), _dense_groups(set2), set_operation, set1)


@op(
    "DenseToSparseSetOperation(set1: T, set2_indices: int64, set2_values: T, set2_shape: int64, *,"
    f" {_OPTIONS}{_RESULT}",
    shape=lambda set1, set2_indices, set2_values, set2_shape: _result_shapes(
        _rank((set1, False), (set2_shape, True))
    ),
    **_HOST,
)
def dense_to_sparse_op(
    xp, set1, set2_indices, set2_values, set2_shape, *, set_operation, validate_indices
):
    """What a set operation makes of the rows of a dense and of a sparse tensor."""
    sparse = _sparse_groups(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(_dense_groups(set1), sparse, set_operation, set1)


@op(
    "SparseToSparseSetOperation(set1_indices: int64, set1_values: T, set1_shape: int64,"
    f" set2_indices: int64, set2_values: T, set2_shape: int64, *, {_OPTIONS}{_RESULT}",
    shape=lambda i1, v1, set1_shape, i2, v2, set2_shape: _result_shapes(
        _rank((set1_shape, True), (set2_shape, True))
    ),
    **_HOST,
)
def sparse_to_sparse_op(
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
):
    """What a set operation makes of the rows of two sparse tensors."""
    first = _sparse_groups(set1_indices, set1_values, set1_shape, validate_indices)
    second = _sparse_groups(set2_indices, set2_values, set2_shape, validate_indices)
    return _combined(first, second, set_operation, set1_values)


@op(
    "SetSize(set_indices: int64, set_values: T, set_shape: int64, *, validate_indices: bool = True,"
    f" T: {_KINDS}) -> size: int32",
    shape=lambda set_indices, set_values, set_shape: UNKNOWN,
    **_HOST,
)
def set_size_op(xp, set_indices, set_values, set_shape, *, validate_indices):
    """How many different elements the rows of a sparse tensor have."""
    groups, sizes = _sparse_groups(set_indices, set_values, set_shape, validate_indices)
    result = np.zeros(sizes, np.int32)
    for place, members in groups.items():
        result[place] = len(members)
    return result


# Functions ----------------------------------------------------------------------------------------

_ALLOWED = (
    *(dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64),
    *(dtypes.uint8, dtypes.uint16, dtypes.string),
)


def _set_tensor(value: Any, what: str) -> Any:
    if isinstance(value, SparseTensorValue):
        value = SparseTensor.from_value(value)
    if not isinstance(value, SparseTensor):
        value = convert_to_tensor(value, name=what)
    if value.dtype.base_dtype not in _ALLOWED:
        raise TypeError(
            f"'{what}' has invalid dtype `{value.dtype}` not in supported dtypes: "
            f"{', '.join(sorted(d.name for d in _ALLOWED))}."
        )
    return value


def _operation(a: Any, b: Any, operation: str, validate_indices: bool) -> SparseTensor:
    a, b = _set_tensor(a, "a"), _set_tensor(b, "b")
    if a.dtype.base_dtype is not b.dtype.base_dtype:
        raise TypeError(f"Types don't match: {a.dtype} vs {b.dtype}.")
    sparse = isinstance(a, SparseTensor), isinstance(b, SparseTensor)
    if sparse == (True, False):  # there is no op for that order
        a, b = b, a
        operation = {"a-b": "b-a", "b-a": "a-b"}.get(operation, operation)
    how = {"set_operation": operation, "validate_indices": validate_indices}
    if sparse == (True, True):
        parts = sparse_to_sparse_op(*_parts(a), *_parts(b), **how)
    elif sparse == (False, False):
        parts = dense_to_dense_op(a, b, **how)
    else:
        parts = dense_to_sparse_op(a, *_parts(b), **how)
    return SparseTensor(*parts)


def _parts(x: SparseTensor) -> tuple[Any, Any, Any]:
    return x.indices, x.values, x.dense_shape


@export("sets.size", v1=("sets.set_size",))
def set_size(a: Any, validate_indices: bool = True) -> Any:
    """How many different elements there are in the last dimension of a sparse tensor.

    Args:
      a: a `SparseTensor` of integers or strings.
      validate_indices: whether the order of the indices is checked.

    Returns:
      An int32 tensor of the shape without the last dimension.

    Raises:
      TypeError: if `a` is no sparse tensor, or of another dtype.

    >>> import reflow as tf
    >>> print(tf.sets.size(tf.sparse.from_dense([[1, 2, 0], [2, 2, 0]])).numpy())
    [2 1]
    """
    if not isinstance(a, (SparseTensor, SparseTensorValue)):
        raise TypeError(f"Expected `SparseTensor`, got {a}.")
    return set_size_op(*_parts(_set_tensor(a, "a")), validate_indices=validate_indices)


@export("sets.intersection", v1=("sets.set_intersection",))
def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements that are in both of two sets, for each row of the last dimension.

    Args:
      a, b: tensors, dense or sparse, of integers or strings, that agree but for the last dimension.
      validate_indices: whether the order of the indices of sparse ones is checked.

    Returns:
      A `SparseTensor` with the elements in order.

    Raises:
      TypeError: for other dtypes, or if they differ.

    >>> import reflow as tf
    >>> tf.sets.intersection([[1, 2, 2]], [[2, 3]]).values.numpy().tolist()
    [2]
    """
    return _operation(a, b, "intersection", validate_indices)


@export("sets.difference", v1=("sets.set_difference",))
def set_difference(
    a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True
) -> SparseTensor:
    """The elements that are in one of two sets and not in the other, for each row of the last dimension.

    Args:
      a, b: tensors, dense or sparse, of integers or strings, that agree but for the last dimension.
      aminusb: whether it is a - b, rather than b - a.
      validate_indices: whether the order of the indices of sparse ones is checked.

    Returns:
      A `SparseTensor` with the elements in order.

    Raises:
      TypeError: for other dtypes, or if they differ.

    >>> import reflow as tf
    >>> tf.sets.difference([[1, 2, 2]], [[2, 3]]).values.numpy().tolist()
    [1]
    """
    return _operation(a, b, "a-b" if aminusb else "b-a", validate_indices)


@export("sets.union", v1=("sets.set_union",))
def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements that are in one of two sets, or in both, for each row of the last dimension.

    Args:
      a, b: tensors, dense or sparse, of integers or strings, that agree but for the last dimension.
      validate_indices: whether the order of the indices of sparse ones is checked.

    Returns:
      A `SparseTensor` with the elements in order.

    Raises:
      TypeError: for other dtypes, or if they differ.

    >>> import reflow as tf
    >>> tf.sets.union([[1, 2, 2]], [[2, 3]]).values.numpy().tolist()
    [1, 2, 3]
    """
    return _operation(a, b, "union", validate_indices)
