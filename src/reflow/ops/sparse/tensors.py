"""Sparse tensors: making them, making them dense, and changing what they are made of.

Arithmetic on them is in `ops/sparse/math.py`. https://www.tensorflow.org/api_docs/python/tf/sparse
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32, int64, string
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import UNKNOWN
from reflow.lang.sparse_tensor import SparseTensor, convert_to_sparse
from reflow.lang.static_value import constant_value, constant_value_as_shape, static_int
from reflow.lang.tensor import Tensor
from reflow.ops import array, filling, indexing, joining, nd_indexing, sequences
from reflow.ops.constant import constant, identity, placeholder, placeholder_with_default
from reflow.ops.define import op

# What the lowerings share -------------------------------------------------------------------------


def check_bounds(indices: np.ndarray, sizes: Any) -> None:
    """Refuses coordinates (a row each) that do not lie in a tensor of these sizes."""
    outside = ((indices < 0) | (indices >= np.asarray(sizes))).any(axis=1)
    if outside.any():
        i = int(np.argmax(outside))
        where, limit = ",".join(map(str, indices[i])), ",".join(map(str, np.asarray(sizes)))
        raise ValueError(f"indices[{i}] = [{where}] is out of bounds: need 0 <= index < [{limit}]")


def check_sparse(indices: Any, values: Any, shape: Any) -> None:
    """Refuses three arrays that are no sparse tensor.

    Raises:
      ValueError: if their ranks or sizes do not fit together.
    """
    if len(indices.shape) != 2:
        raise ValueError(f"Input indices must be a matrix, got shape {list(indices.shape)}")
    if len(values.shape) != 1:
        raise ValueError(f"Input values must be a vector, got shape {list(values.shape)}")
    if len(shape.shape) != 1:
        raise ValueError(f"Input shape must be a vector, got shape {list(shape.shape)}")
    if indices.shape[0] != values.shape[0]:
        raise ValueError(
            f"Number of values must match first dimension of indices. Got {values.shape[0]} values, "
            f"indices shape: {list(indices.shape)}"
        )
    if indices.shape[1] != shape.shape[0]:
        raise ValueError(
            f"Number of dimensions must match second dimension of indices. Got {shape.shape[0]} "
            f"dimensions, indices shape: {list(indices.shape)}"
        )


def lexical_order(xp: Any, indices: Any) -> Any:
    """The permutation that sorts coordinates; those that are equal stay as they are."""
    rank = indices.shape[1]
    if not rank:
        return xp.arange(indices.shape[0])
    return xp.lexsort(tuple(indices[:, d] for d in reversed(range(rank))))


def linear(indices: Any, sizes: Any) -> Any:
    """Coordinates as numbers in row-major order, for known `sizes`."""
    result: Any = np.zeros(indices.shape[0], np.int64)
    for d, size in enumerate(np.asarray(sizes).tolist()):
        result = result * size + indices[:, d]
    return result


def coordinates(numbers: Any, sizes: Any) -> list[Any]:
    """The columns of coordinates that `linear` counts as `numbers`."""
    columns = []
    for size in reversed(np.asarray(sizes).tolist()):
        size = max(size, 1)
        columns.append(numbers % size)
        numbers = numbers // size
    return columns[::-1]


def _entries(count: Any, rank: Any, name: str = "") -> Any:
    return shapes.of((count, rank))


def size_of(tensor: Any, axis: int = 0) -> int | None:
    """A static size of a tensor, where it is known."""
    dims = tensor._shape._dims
    return None if dims is None or len(dims) <= axis else dims[axis]


def rank_of(indices: Any, shape: Any) -> int | None:
    known = size_of(indices, 1)
    return size_of(shape) if known is None else known


def new_entries(indices: Any, values: Any, shape: Any) -> list[Any]:
    """The static shapes of a sparse result with as many dimensions, and an unknown count."""
    rank = rank_of(indices, shape)
    return [shapes.of((None, rank)), shapes.of((None,)), shapes.of((rank,))]


def as_int64(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value.dtype is int64 else REGISTRY["Cast"](value, DstT=int64)
    return convert_to_tensor(value, int64)


def found_at(rows: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each coordinate of `rows` where it stands in `among`, and whether it does."""
    both = np.concatenate([among, rows])
    if not len(among) or not len(rows):
        return np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
    _, numbers = np.unique(both, axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    place = np.full(len(both), -1, np.int64)
    place[numbers[: len(among)]] = np.arange(len(among))
    at = place[numbers[len(among) :]]
    return at, at >= 0


# To and from dense tensors ------------------------------------------------------------------------


@op(
    "SparseToDense(sparse_indices: Tindices, output_shape: Tindices, sparse_values: T,"
    " default_value: T, *, validate_indices: bool = True, Tindices: INDEX) -> dense: T",
    static=["output_shape"],
)
def sparse_to_dense_op(
    xp, sparse_indices, output_shape, sparse_values, default_value, *, validate_indices
):
    """A dense tensor with values at coordinates and a default elsewhere."""
    if output_shape.ndim != 1:
        raise ValueError(f"output_shape must be rank 1, got shape {list(output_shape.shape)}")
    sizes = output_shape.tolist()
    if sparse_indices.ndim > 2:
        raise ValueError(
            f"sparse_indices should be a scalar, vector, or matrix, got shape "
            f"{list(sparse_indices.shape)}"
        )
    count = sparse_indices.shape[0] if sparse_indices.ndim else 1
    rank = sparse_indices.shape[1] if sparse_indices.ndim == 2 else 1
    if rank != len(sizes):
        raise ValueError(
            f"output_shape has incorrect number of elements: {len(sizes)} should be: {rank}"
        )
    if sparse_values.ndim > 1 or sparse_values.ndim == 1 and sparse_values.shape[0] != count:
        raise ValueError(
            f"sparse_values has incorrect shape {list(sparse_values.shape)}, should be [] or "
            f"[{count}]"
        )
    if default_value.ndim:
        raise ValueError("default_value should be a scalar.")
    rows = sparse_indices.reshape((count, rank))
    if xp.is_numpy:
        check_bounds(rows, sizes)
        if validate_indices:
            _check_order(rows)
        dense = np.full(sizes, default_value, sparse_values.dtype)
        dense[tuple(rows.T)] = sparse_values
        return dense
    dense = xp.full(tuple(sizes), default_value, sparse_values.dtype)
    if not rank:
        return xp.at_set(dense, (), sparse_values.reshape(-1)[-1]) if count else dense
    index = tuple(indexing.beyond(xp, rows[:, d], max(sizes[d], 0)) for d in range(rank))
    return dense.at[index].set(sparse_values, mode="drop")


def _check_order(rows: np.ndarray) -> None:
    """Refuses coordinates that are not in strictly increasing lexicographic order."""
    if len(rows) < 2 or not rows.shape[1]:
        return
    step = np.diff(rows.astype(np.int64), axis=0)
    first = np.argmax(step != 0, axis=1)
    sign = step[np.arange(len(step)), first]
    if (sign <= 0).any():
        i = int(np.argmax(sign <= 0)) + 1
        why = "repeated" if sign[i - 1] == 0 else "out of order"
        more = (
            ""
            if sign[i - 1] == 0
            else (
                ". Many sparse ops require sorted indices.\n    Use `tf.sparse.reorder` to create a "
                "correctly ordered copy."
            )
        )
        raise ValueError(f"indices[{i}] = [{','.join(map(str, rows[i]))}] is {why}{more}")


@sparse_to_dense_op.shape_rule
def _sparse_to_dense_shape(sparse_indices, output_shape, sparse_values, default_value):
    return constant_value_as_shape(output_shape)


@sparse_to_dense_op.gradient_rule
def _sparse_to_dense_grad(g, sparse_indices, output_shape, sparse_values):
    rank = size_of(output_shape)
    rows = sparse_indices
    if rank is not None:
        rows = array.reshape(sparse_indices, [-1, rank])
    taken = nd_indexing.gather_nd_op(g, rows)
    total = REGISTRY["Sum"](g, sequences.range(array.rank(g)))
    at_values = REGISTRY["Sum"](taken, [0])
    if sparse_values.shape.rank == 0:
        taken = at_values
    return None, None, taken, REGISTRY["Sub"](total, at_values)


@export(v1=("sparse_to_dense",))
def sparse_to_dense(
    sparse_indices: Any,
    output_shape: Any,
    sparse_values: Any,
    default_value: Any = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> Any:
    """A dense tensor with `sparse_values` at `sparse_indices` and `default_value` elsewhere.

    Args:
      sparse_indices: int32 or int64, a scalar, `[n]` or `[n, rank]`.
      output_shape: of the same dtype, `[rank]`.
      sparse_values: any dtype, a scalar or `[n]`.
      default_value: a scalar of the same dtype.
      validate_indices: whether indices must be in lexicographic order and without repetition.

    Raises:
      InvalidArgumentError: for indices out of bounds, or out of order when they are validated.

    >>> import reflow as tf
    >>> print(tf.compat.v1.sparse_to_dense([0, 2], [4], 1).numpy())
    [1 0 1 0]
    """
    return sparse_to_dense_op(
        sparse_indices,
        output_shape,
        sparse_values,
        default_value,
        validate_indices=validate_indices,
        name=name,
    )


@export("sparse.to_dense", v1=("sparse_tensor_to_dense",))
def sparse_tensor_to_dense(
    sp_input: Any,
    default_value: Any = None,
    validate_indices: bool = True,
    name: str | None = None,
) -> Any:
    """The dense tensor that a `SparseTensor` stands for.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      default_value: what stands elsewhere: by default zero, or the empty string.
      validate_indices: whether indices must be in lexicographic order and without repetition.

    Raises:
      TypeError: if `sp_input` is no `SparseTensor`.
      InvalidArgumentError: for indices out of bounds, or out of order when they are validated.

    >>> import reflow as tf
    >>> print(tf.sparse.to_dense(tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])).numpy())
    [5 0 6 0]
    """
    sp_input = convert_to_sparse(sp_input)
    if default_value is None:
        default_value = b"" if sp_input.dtype.base_dtype is string else 0
        if sp_input.dtype.is_bool:
            default_value = False
    dense = sparse_to_dense_op(
        sp_input.indices,
        sp_input.dense_shape,
        sp_input.values,
        default_value,
        validate_indices=validate_indices,
        name=name,
    )
    if not executing_eagerly() and not dense.shape.is_fully_defined():
        dense.set_shape(sp_input.shape)
    return dense


@export("sparse.from_dense")
def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The elements of a dense tensor that are not zero (or not empty) as a `SparseTensor`.

    Args:
      tensor: a tensor of any dtype.
      name: a prefix for the nodes.

    >>> import reflow as tf
    >>> print(tf.sparse.from_dense([[0, 3], [4, 0]]).indices.numpy())
    [[0 1]
     [1 0]]
    """
    with name_scope(name, "dense_to_sparse"):
        tensor = convert_to_tensor(tensor)
        present = REGISTRY["NotEqual"](tensor, filling.zeros_like_op(tensor))
        indices = REGISTRY["Where"](present)
        values = nd_indexing.gather_nd_op(tensor, indices)
        return SparseTensor(indices, values, array.shape_op(tensor, out_type=int64))


@export(v1=("sparse_placeholder", "sparse.placeholder"))
def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` whose value every run must feed, as a `SparseTensorValue` or a tuple.

    Args:
      dtype: the dtype of the values.
      shape: its static shape, as far as it is known; or an int64 tensor.
      name: a prefix for the names of the three placeholders.

    Raises:
      RuntimeError: when executing eagerly.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.compat.v1.sparse_placeholder(tf.float32, [None, 4]).shape)
    (None, 4)
    """
    if executing_eagerly():
        raise RuntimeError("`sparse_placeholder` is not compatible with eager execution.")

    def named(part: str) -> str | None:
        return None if name is None else f"{name}/{part}"

    if shape is None:
        rank, static = None, UNKNOWN
        dense_shape = placeholder(int64, [None], name=named("shape"))
    else:
        if isinstance(shape, Tensor):
            rank, static = size_of(shape), constant_value_as_shape(shape)
        else:
            given = shape.as_list() if isinstance(shape, shapes.TensorShape) else shape
            static = shapes.as_shape([None if d == -1 else d for d in given])
            rank = static.rank
            filled = [-1 if d is None else d for d in static.as_list()]
            shape = constant(filled, int64, name=named("shape_default") or "Const")
        dense_shape = placeholder_with_default(shape, shape.shape, name=named("shape"))
    result = SparseTensor(
        values=placeholder(dtype, [None], name=named("values")),
        indices=placeholder(int64, [None, rank], name=named("indices")),
        dense_shape=dense_shape,
    )
    result._dense_shape_default = static
    return result


# Order and shape ----------------------------------------------------------------------------------


@op(
    "SparseReorder(input_indices: int64, input_values: T, input_shape: int64)"
    " -> output_indices: int64, output_values: T",
)
def sparse_reorder_op(xp, input_indices, input_values, input_shape):
    """The entries of a sparse tensor in lexicographic order."""
    check_sparse(input_indices, input_values, input_shape)
    order = lexical_order(np if isinstance(input_indices, np.ndarray) else xp, input_indices)
    return xp.asarray(input_indices)[order], xp.asarray(input_values)[order]


@sparse_reorder_op.shape_rule
def _sparse_reorder_shape(input_indices, input_values, input_shape):
    return [
        input_indices._shape.merge_with(shapes.of((size_of(input_values), size_of(input_shape)))),
        input_values._shape.with_rank(1),
    ]


@sparse_reorder_op.gradient_rule
def _sparse_reorder_grad(g_output_values, input_indices, input_shape):
    count = array.shape_op(input_indices)[0]
    _, order = sparse_reorder_op(input_indices, sequences.range(count), input_shape)
    back = array.invert_permutation_op(order)
    return None, indexing.gather_op(g_output_values, back, 0), None


@export("sparse.reorder", v1=("sparse_reorder",))
def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` with its entries in lexicographic order of their indices.

    Args:
      sp_input: a `SparseTensor` of any dtype.

    Raises:
      TypeError: if `sp_input` is no `SparseTensor`.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[1, 0], [0, 1]], [10, 20], [2, 2])
    >>> print(tf.sparse.reorder(s).values.numpy())
    [20 10]
    """
    sp_input = convert_to_sparse(sp_input)
    indices, values = sparse_reorder_op(
        sp_input.indices, sp_input.values, sp_input.dense_shape, name=name
    )
    return with_shape(SparseTensor(indices, values, identity(sp_input.dense_shape)), sp_input.shape)


def with_shape(sparse: SparseTensor, static: Any) -> SparseTensor:
    """`sparse`, known to have (at least) the static shape `static`."""
    sparse._dense_shape_default = sparse._dense_shape_default.merge_with(static)
    return sparse


@op(
    "SparseReshape(input_indices: int64, input_shape: int64, new_shape: int64)"
    " -> output_indices: int64, output_shape: int64",
    static=["input_shape", "new_shape"],
    grad=None,
)
def sparse_reshape_op(xp, input_indices, input_shape, new_shape):
    """The same elements, in row-major order, at the coordinates of another shape."""
    if input_indices.ndim != 2 or input_shape.ndim != 1 or new_shape.ndim != 1:
        raise ValueError(
            "Input indices should be a matrix, input shape and target shape vectors, but received "
            f"shapes {list(input_indices.shape)}, {list(input_shape.shape)}, "
            f"{list(new_shape.shape)}"
        )
    if input_shape.shape[0] != input_indices.shape[1]:
        raise ValueError(
            f"Input tensor rank must match input shape length: {input_indices.shape[1]} and "
            f"{input_shape.shape[0]}"
        )
    sizes, old = new_shape.tolist(), input_shape.tolist()
    total = math.prod(old)
    implied = [i for i, size in enumerate(sizes) if size == -1]
    if len(implied) > 1:
        raise ValueError(
            f"only one output dimension may be -1, not both {implied[0]} and {implied[1]}"
        )
    for i, size in enumerate(sizes):
        if size < -1:
            raise ValueError(f"size {i} must be non-negative, not {size}")
    if implied:
        others = math.prod(size for size in sizes if size != -1)
        if not others:
            raise ValueError(
                "reshape cannot infer the missing input size for an empty tensor unless all "
                "specified input sizes are non-zero"
            )
        if total % others:
            raise ValueError(
                f"Input to reshape is a SparseTensor with {total} dense values, but the requested "
                f"shape requires a multiple of {others}. input_shape={old} output_shape={sizes}"
            )
        sizes[implied[0]] = total // others
    elif math.prod(sizes) != total:
        raise ValueError(
            f"Input to reshape is a tensor with {total} dense values, but the requested shape has "
            f"{math.prod(sizes)}. input_shape={old} output_shape={sizes}"
        )
    columns = coordinates(linear(input_indices, old), sizes)
    if columns:
        indices = xp.stack(columns, axis=1)
    else:
        indices = xp.zeros((input_indices.shape[0], 0), np.int64)
    return xp.astype(indices, np.int64), np.array(sizes, np.int64)


@sparse_reshape_op.shape_rule
def _sparse_reshape_shape(input_indices, input_shape, new_shape):
    rank = size_of(new_shape)
    input_indices._shape.with_rank(2)
    return [shapes.of((size_of(input_indices), rank)), shapes.of((rank,))]


@export("sparse.reshape", v1=("sparse_reshape",))
def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` with the same elements in another shape.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      shape: int64 vector; one size may be -1 and is inferred.

    Raises:
      TypeError: if `sp_input` is no `SparseTensor`.
      ValueError: if the number of elements is known to differ.
      InvalidArgumentError: if it turns out to differ.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 2])
    >>> print(tf.sparse.reshape(s, [2, -1]).indices.numpy())
    [[0 1]
     [1 1]]
    """
    sp_input = convert_to_sparse(sp_input)
    shape = (
        convert_to_tensor(shape, name="shape")
        if isinstance(shape, Tensor)
        else (convert_to_tensor(shape, int64, "shape"))
    )
    if shape.dtype is not int64:
        shape = REGISTRY["Cast"](shape, DstT=int64)
    with name_scope(name, "SparseReshape", [sp_input]) as scope:
        indices, new_shape = sparse_reshape_op(
            sp_input.indices, sp_input.dense_shape, shape, name=scope or None
        )
        known = constant_value_as_shape(shape)
        if known.rank is not None and sp_input.shape.is_fully_defined():
            sizes = _completed(known.as_list(), sp_input.shape)
            if None not in sizes:
                new_shape = constant(sizes, int64)
        return SparseTensor(indices, identity(sp_input.values), new_shape)


def _completed(sizes: list[Any], given: Any) -> list[Any]:
    """`sizes` of a reshape with the missing one inferred from the static shape `given`."""
    total = given.num_elements()
    missing = [i for i, size in enumerate(sizes) if size is None]
    if len(missing) > 1:
        raise ValueError(f"At most one dimension can be inferred (-1). Found: {sizes}")
    others = math.prod(size for size in sizes if size is not None)
    if missing and others:
        sizes[missing[0]] = total // others
    if None not in sizes and math.prod(sizes) != total:
        raise ValueError(
            f"Cannot reshape a tensor with {total} elements to shape {sizes} "
            f"({math.prod(sizes)} elements)."
        )
    return sizes


@export("sparse.transpose", v1=("sparse_transpose",))
def sparse_transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` with its dimensions permuted.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      perm: a permutation of its dimensions; by default they are reversed.
      name: a prefix for the nodes.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 2])
    >>> print(tf.sparse.transpose(s).indices.numpy())
    [[0 2]
     [1 0]]
    """
    with name_scope(name, "SparseTranspose", [sp_input]):
        sp_input = convert_to_sparse(sp_input)
        if perm is None:
            rank = sp_input.shape.rank
            if rank is not None:
                perm = np.arange(rank - 1, -1, -1, dtype=np.int32)
            else:
                rank = array.size_op(sp_input.dense_shape)
                perm = REGISTRY["Sub"](REGISTRY["Sub"](rank, 1), sequences.range(rank))
        perm = convert_to_tensor(perm)
        indices = array.transpose(
            indexing.gather_op(array.transpose(sp_input.indices, [1, 0]), perm, 0), [1, 0]
        )
        known = constant_value(perm)
        if known is not None and sp_input.shape.is_fully_defined():
            sizes = sp_input.shape.as_list()
            dense_shape = constant([sizes[p] for p in known], int64)
        else:
            dense_shape = indexing.gather_op(sp_input.dense_shape, perm, 0)
        result = sparse_reorder(SparseTensor(indices, sp_input.values, dense_shape))
        if known is not None and sp_input.shape.rank is not None:
            sizes = sp_input.shape.as_list()
            with_shape(result, shapes.of(tuple(sizes[p] for p in known)))
        return result


@export("sparse.expand_dims")
def sparse_expand_dims(sp_input: Any, axis: Any = None, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` with a dimension of size 1 inserted.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      axis: where, from `-rank - 1` to `rank`; by default -1, at the end.
      name: a prefix for the nodes.

    Raises:
      ValueError: if `axis` is out of range.

    >>> import reflow as tf
    >>> tf.sparse.expand_dims(tf.sparse.SparseTensor([[1]], [7], [3]), 0).shape
    TensorShape([1, 3])
    """
    sp_input = convert_to_sparse(sp_input)
    axis = -1 if axis is None else axis
    with name_scope(name, "expand_dims", [sp_input]):
        rank = sp_input.shape.rank
        at = static_int(axis) if isinstance(axis, Tensor) else int(axis)
        if rank is not None and at is not None:
            if not -rank - 1 <= at <= rank:
                raise ValueError(
                    f"axis ({at}) must be in range [{-rank - 1}, {rank}] for a SparseTensor of rank "
                    f"{rank}"
                )
            axis = at + rank + 1 if at < 0 else at
            static = sp_input.shape.as_list()
            static = shapes.of((*static[:axis], 1, *static[axis:]))
        else:
            axis, static = convert_to_tensor(axis, int32), UNKNOWN
            after = REGISTRY["Add"](axis, REGISTRY["Add"](array.size_op(sp_input.dense_shape), 1))
            axis = REGISTRY["SelectV2"](REGISTRY["Less"](axis, 0), after, axis)
        count = array.shape_op(sp_input.indices)[0]
        zeros = filling.zeros([count, 1], int64)
        shape = sp_input.dense_shape
        indices = joining.concat(
            [sp_input.indices[:, :axis], zeros, sp_input.indices[:, axis:]], axis=1
        )
        sizes = joining.concat([shape[:axis], constant([1], int64), shape[axis:]], axis=0)
        return with_shape(SparseTensor(indices, sp_input.values, sizes), static)


@export("sparse.retain", v1=("sparse_retain",))
def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """The entries of a `SparseTensor` for which `to_retain` is true.

    Args:
      sp_input: a `SparseTensor` with `n` entries.
      to_retain: bool vector of size `n`.

    Raises:
      ValueError: if the sizes are known to differ.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.sparse.retain(s, [False, True]).values.numpy())
    [6]
    """
    sp_input = convert_to_sparse(sp_input)
    to_retain = convert_to_tensor(to_retain)
    sp_input.values.shape.merge_with(to_retain.shape.with_rank(1))
    kept = array.reshape(REGISTRY["Where"](to_retain), [-1])
    indices = indexing.gather_op(sp_input.indices, kept, 0)
    values = indexing.gather_op(sp_input.values, kept, 0)
    return with_shape(SparseTensor(indices, values, identity(sp_input.dense_shape)), sp_input.shape)


@export("sparse.reset_shape", v1=("sparse_reset_shape",))
def sparse_reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """A `SparseTensor` with a larger shape, or with the smallest that holds its entries.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      new_shape: int64 vector of the same rank, nowhere smaller; by default the tight bounding box.

    Raises:
      ValueError: if `new_shape` is known to have another rank or to be smaller.
      InvalidArgumentError: if it turns out to be smaller.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1]], [5], [9, 9])
    >>> print(tf.sparse.reset_shape(s).dense_shape.numpy())
    [1 2]
    """
    sp_input = convert_to_sparse(sp_input)
    indices, values = identity(sp_input.indices), identity(sp_input.values)
    given = identity(sp_input.dense_shape)
    if new_shape is None:
        bound = REGISTRY["Max"](indices, [0])
        one = constant(1, int64)
        sizes = REGISTRY["Maximum"](constant(0, int64), REGISTRY["AddV2"](bound, one))
        return SparseTensor(indices, values, sizes)
    sizes = REGISTRY["Cast"](convert_to_tensor(new_shape), DstT=int64)
    sizes.shape.assert_has_rank(1)
    sp_input.dense_shape.shape.merge_with(sizes.shape)
    static = constant_value_as_shape(sizes)
    old = sp_input.shape
    if old.is_fully_defined() and static.is_fully_defined():
        if any(a < b for a, b in zip(static.as_list(), old.as_list())):
            raise ValueError(
                "Requested new_shape should have dimension sizes >= sp_input.shape. Found new_shape "
                f"({static}), sp_input.shape ({old})."
            )
    else:
        from reflow.lang.scopes import control_dependencies
        from reflow.ops.debugging import assert_less_equal

        same_rank = assert_less_equal(array.size_op(given), array.size_op(sizes))
        with control_dependencies([same_rank] if same_rank is not None else []):
            fits = assert_less_equal(given, sizes)
        with control_dependencies([fits] if fits is not None else []):
            sizes = identity(sizes)
    return SparseTensor(indices, values, sizes)


# Rows without entries -----------------------------------------------------------------------------


@op(
    "SparseFillEmptyRows(indices: int64, values: T, dense_shape: int64, default_value: T)"
    " -> output_indices: int64, output_values: T, empty_row_indicator: bool,"
    " reverse_index_map: int64",
    compile=False,
)
def sparse_fill_empty_rows_op(xp, indices, values, dense_shape, default_value):
    """An entry for every row that has none; and which rows those are, and where entries went."""
    check_sparse(indices, values, dense_shape)
    if default_value.ndim:
        raise ValueError(f"default_value must be a scalar, saw: {list(default_value.shape)}")
    if not dense_shape.size:
        raise ValueError("Dense shape cannot be empty")
    count = int(dense_shape[0])
    rows = indices[:, 0]
    outside = (rows < 0) | (rows >= count)
    if outside.any():
        if not count:
            raise ValueError(
                "Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = "
                f"{len(indices)}"
            )
        i = int(np.argmax(outside))
        raise ValueError(f"indices({i}, 0) is invalid: {rows[i]} >= {count}")
    empty = np.bincount(rows, minlength=count) == 0
    added = np.zeros((int(empty.sum()), indices.shape[1]), np.int64)
    added[:, 0] = np.flatnonzero(empty)
    order = np.argsort(np.concatenate([rows, added[:, 0]]), kind="stable")
    filled = np.empty(len(added), values.dtype)
    filled[:] = default_value
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return (
        np.concatenate([indices, added])[order],
        np.concatenate([values, filled])[order],
        empty,
        place[: len(indices)],
    )


@sparse_fill_empty_rows_op.shape_rule
def _sparse_fill_empty_rows_shape(indices, values, dense_shape, default_value):
    default_value._shape.with_rank(0)
    rows, column, _ = new_entries(indices, values, dense_shape)
    known = constant_value_as_shape(dense_shape)
    count = known.as_list()[0] if known.rank else None
    return [rows, column, shapes.of((count,)), shapes.of((size_of(indices),))]


@sparse_fill_empty_rows_op.gradient_rule
def _sparse_fill_empty_rows_grad(g_output_values, reverse_index_map):
    values, default = sparse_fill_empty_rows_grad_op(reverse_index_map, g_output_values)
    return None, values, None, default


@op(
    "SparseFillEmptyRowsGrad(reverse_index_map: int64, grad_values: T)"
    " -> d_values: T, d_default_value: T",
    compile=False,
    grad=None,
    shape=lambda reverse_index_map, grad_values: [reverse_index_map._shape, shapes.SCALAR],
)
def sparse_fill_empty_rows_grad_op(xp, reverse_index_map, grad_values):
    """The gradient of `SparseFillEmptyRows` for its values, and for the default of the others."""
    if reverse_index_map.ndim != 1 or grad_values.ndim != 1:
        raise ValueError("reverse_index_map and grad_values must be vectors")
    indexing.check_range(reverse_index_map, len(grad_values), "reverse_index_map")
    others = np.ones(len(grad_values), bool)
    others[reverse_index_map] = False
    default = grad_values[others].sum(dtype=grad_values.dtype)
    return grad_values[reverse_index_map], np.asarray(default, grad_values.dtype)


@export("sparse.fill_empty_rows", v1=("sparse_fill_empty_rows",))
def sparse_fill_empty_rows(
    sp_input: Any, default_value: Any, name: str | None = None
) -> tuple[SparseTensor, Any]:
    """A `SparseTensor` with an entry in the first column of every row that has none.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      default_value: the value of these entries, a scalar of the same dtype.
      name: a prefix for the nodes.

    Returns:
      The filled `SparseTensor`, in row-major order, and a bool vector: which rows were empty.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 2])
    >>> filled, empty = tf.sparse.fill_empty_rows(s, 9)
    >>> print(filled.values.numpy(), empty.numpy())
    [1 9 2] [False  True False]
    """
    sp_input = convert_to_sparse(sp_input)
    with name_scope(name, "SparseFillEmptyRows", [sp_input]):
        default_value = convert_to_tensor(default_value, sp_input.values.dtype.base_dtype)
        indices, values, empty, _ = sparse_fill_empty_rows_op(
            sp_input.indices, sp_input.values, sp_input.dense_shape, default_value
        )
        result = SparseTensor(indices, values, sp_input.dense_shape)
        return with_shape(result, sp_input.shape), empty
