"""The shape of tensors, and tensors in another shape: queries, reshape, transpose, casts of bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.dtypes import as_dtype, int32
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, partial_elements
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import shape_rules
from reflow.ops.define import op

# Queries ------------------------------------------------------------------------------------------
# What they give is known as soon as shapes are: it is NumPy's in the compiled tier too.


def _dims_value(tensor: Any) -> np.ndarray | None:
    """The static shape as a value: None when the rank is unknown, NaN for unknown dimensions."""
    dims = tensor._shape._dims
    if dims is None:
        return None
    if None in dims:
        return np.array([np.nan if d is None else d for d in dims], np.float64)
    return np.array(dims, np.int64)


def _vector_of_rank(*inputs: Any) -> Any:
    return shapes.of((inputs[0].shape.rank,))


@op(
    "Shape(input: T, *, out_type: {int32,int64} = int32) -> output: out_type",
    shape=_vector_of_rank,
    grad=None,
    partial=lambda node: _dims_value(node.inputs[0]),
    view="shape",
)
def shape_op(xp, input, *, out_type):
    """The shape of a tensor."""
    return np.array(input.shape, out_type.np)


@export(v2=("shape",))
def shape_v2(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The shape of a tensor as an integer vector; a constant where the static shape is known.

    Args:
      input: a tensor of any dtype and shape.
      out_type: `tf.int32` (the default) or `tf.int64`.

    >>> import reflow as tf
    >>> tf.shape(tf.ones([2, 3])).numpy().tolist()
    [2, 3]
    """
    return shape(input, name, out_type)


@export(v1=("shape",))
def shape(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """TF 1's `tf.shape`: the shape of a tensor as an integer vector.

    Args:
      input: a tensor of any dtype and shape.
      out_type: `tf.int32` (the default) or `tf.int64`.
    """
    out_type = int32 if out_type is None else as_dtype(out_type)
    with name_scope(name, "Shape") as scope:
        if _is_sparse(input):
            return REGISTRY["Cast"](input.dense_shape, DstT=out_type)
        if current_graph() is None:
            return shape_op(input, out_type=out_type, name=scope)
        input = convert_to_tensor(input)
        dims = input._shape._dims
        if dims is not None and None not in dims:
            return constant_node(np.array(dims, out_type.np), out_type, scope)
        return shape_op(input, out_type=out_type, name=scope)


def shape_of(input: Any) -> Any:
    """The shape as TensorFlow's own functions ask for it: a constant has a name of its own."""
    with name_scope(None, "Shape") as scope:
        if current_graph() is None:
            return shape_op(input, name=scope)
        input = convert_to_tensor(input)
        dims = input._shape._dims
        if dims is not None and None not in dims:
            return constant_node(np.array(dims, np.int32), int32, "shape_as_tensor")
        return shape_op(input, name=scope)


def _is_sparse(x: Any) -> bool:
    return not isinstance(x, (Tensor, IndexedSlices)) and hasattr(x, "dense_shape")


@op(
    "ShapeN(input: N*T, *, out_type: {int32,int64} = int32) -> output: N*out_type",
    grad=None,
    partial=lambda node: tuple(_dims_value(t) for t in node.inputs),
    view="shape",
)
def shape_n_op(xp, input, *, out_type):
    """The shapes of several tensors."""
    return [np.array(x.shape, out_type.np) for x in input]


@shape_n_op.shape_rule
def _shape_n_shape(input):
    return [_vector_of_rank(x) for x in input]


@export("shape_n")
def shape_n(input: Any, out_type: Any = int32, name: str | None = None) -> list[Any]:
    """The shapes of several tensors of one dtype.

    Args:
      input: a list of tensors.
      out_type: `tf.int32` or `tf.int64`.

    >>> import reflow as tf
    >>> [t.numpy().tolist() for t in tf.shape_n([tf.ones([2]), tf.ones([1, 3])])]
    [[2], [1, 3]]
    """
    return shape_n_op(input, out_type=out_type, name=name)


def _size_value(node: Any) -> np.ndarray | None:
    dims = node.inputs[0]._shape._dims
    if dims is None or None in dims:
        return np.array(0 if dims is not None and 0 in dims else np.nan)
    return np.array(math.prod(dims))


@op(
    "Size(input: T, *, out_type: {int32,int64} = int32) -> output: out_type",
    shape=shape_rules.scalar,
    grad=None,
    partial=_size_value,
    view="shape",
)
def size_op(xp, input, *, out_type):
    """The number of elements of a tensor."""
    return np.array(math.prod(input.shape), out_type.np)


@export(v2=("size",))
def size_v2(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The number of elements of a tensor; a constant where the static shape is known.

    Args:
      input: a tensor of any dtype and shape.
      out_type: `tf.int32` (the default) or `tf.int64`.

    >>> import reflow as tf
    >>> int(tf.size(tf.ones([2, 3])))
    6
    """
    return size(input, name, out_type)


@export(v1=("size",))
def size(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """TF 1's `tf.size`: the number of elements of a tensor.

    Args:
      input: a tensor of any dtype and shape.
      out_type: `tf.int32` (the default) or `tf.int64`.
    """
    out_type = int32 if out_type is None else as_dtype(out_type)
    with name_scope(name, "Size") as scope:
        if _is_sparse(input):
            sizes = REGISTRY["Cast"](input.dense_shape, DstT=out_type)
            return REGISTRY["Prod"](sizes, 0, name=scope)
        if current_graph() is None:
            return size_op(input, out_type=out_type, name=scope)
        input = convert_to_tensor(input)
        dims = input._shape._dims
        if dims is not None and (None not in dims or 0 in dims):
            count = 0 if 0 in dims else math.prod(dims)
            return constant_node(np.array(count, out_type.np), out_type, scope)
        return size_op(input, out_type=out_type, name=scope)


def _rank_value(node: Any) -> np.ndarray | None:
    dims = node.inputs[0]._shape._dims
    return None if dims is None else np.array(len(dims))


@op(
    "Rank(input: T) -> output: int32",
    shape=shape_rules.scalar,
    grad=None,
    partial=_rank_value,
    view="shape",
)
def rank_op(xp, input):
    """The number of dimensions of a tensor."""
    return np.array(len(input.shape), np.int32)


@export("rank")
def rank(input: Any, name: str | None = None) -> Any:
    """The number of dimensions of a tensor; a constant where the static rank is known.

    >>> import reflow as tf
    >>> int(tf.rank(tf.ones([2, 3])))
    2
    """
    with name_scope(name, "Rank") as scope:
        if _is_sparse(input):
            return size_op(input.dense_shape, name=scope)
        if current_graph() is None:
            return rank_op(input, name=scope)
        input = convert_to_tensor(input)
        dims = input._shape._dims
        if dims is not None:
            return constant_node(np.array(len(dims), np.int32), int32, scope)
        return rank_op(input, name=scope)


# Other shapes -------------------------------------------------------------------------------------


@op(
    "Reshape(tensor: T, shape: Tshape, *, Tshape: {int32,int64} = int32) -> output: T",
    static=["shape"],
    partial=("tensor",),
    view=True,
)
def reshape_op(xp, tensor, shape):
    """The elements of a tensor in another shape."""
    sizes = shape.reshape(-1).tolist()
    try:
        if sizes and min(sizes) < -1:  # NumPy takes any negative size for -1
            raise ValueError(sizes)
        return tensor.reshape(sizes)
    except (ValueError, TypeError, ZeroDivisionError):
        if 0 in tensor.shape and 0 in sizes and sizes.count(-1) == 1:
            # TensorFlow leaves sizes of zero out of account, on both sides.
            whole, rest = (math.prod(d for d in v if d > 0) for v in (tensor.shape, sizes))
            return tensor.reshape([whole // rest if d == -1 else d for d in sizes])
        raise errors.InvalidArgumentError(None, None, _misfit(tensor.shape, sizes)) from None


def _misfit(have: Any, sizes: Any) -> str:
    for i, d in enumerate(sizes):
        if d < -1:
            return f"Size {i} must be non-negative, not {d}"
    open_dims = [i for i, d in enumerate(sizes) if d == -1]
    total = math.prod(have)
    if len(open_dims) > 1:
        return f"Only one input size may be -1, not both {open_dims[0]} and {open_dims[1]}"
    rest = math.prod(d for d in sizes if d != -1)
    if not open_dims:
        return (
            f"Input to reshape is a tensor with {total} values, but the requested shape has {rest}"
        )
    return (
        f"Input to reshape is a tensor with {total} values, but the requested shape requires a "
        f"multiple of {rest}"
    )


@reshape_op.shape_rule
def _reshape_shape(tensor, shape):
    have = tensor._shape._dims
    wanted = partial_elements(shape)
    if wanted is None:
        return shapes.UNKNOWN
    sizes = [None if d == -1 else d for d in wanted]
    for i, d in enumerate(sizes):
        if d is not None and d < 0:
            raise ValueError(f"Size {i} must be non-negative, not {d}")
    if have is None:
        return shapes.of(tuple(sizes))
    missing = sizes.count(None)
    rest = math.prod([d for d in sizes if d is not None])
    if None not in have:
        total = math.prod(have)
        if not missing and total != rest:
            raise ValueError(
                f"Cannot reshape a tensor with {total} elements to shape "
                f"{brackets(sizes)} ({rest} elements)"
            )
        if missing == 1 and rest:
            if total % rest:
                raise ValueError(
                    f"Dimension size must be evenly divisible by {rest} but is {total}: cannot "
                    f"reshape {brackets(have)} to {brackets(sizes)}"
                )
            sizes[sizes.index(None)] = total // rest
    elif not missing and have.count(None) == 1:
        part = math.prod([d for d in have if d is not None])
        if part and rest % part:
            raise ValueError(
                f"Dimension size must be evenly divisible by {part} but is {rest}: cannot reshape "
                f"{brackets(have)} to {brackets(sizes)}"
            )
    return shapes.of(tuple(sizes))


def brackets(sizes: Any) -> str:
    """Sizes as TensorFlow's messages have them: [2,?,3]."""
    return "[" + ",".join("?" if d is None else str(d) for d in sizes) + "]"


@reshape_op.gradient_rule
def _reshape_grad(g, tensor):
    return like_input(g, tensor)


def like_input(g: Any, x: Any) -> Any:
    """`g` in the shape of `x`: at most one node where at most one dimension is unknown."""
    dims = x._shape._dims
    if dims is not None:
        missing = dims.count(None)
        if missing == 0:
            return reshape_op(g, list(dims))
        if missing == 1 and 0 not in dims:
            return reshape_op(g, [-1 if d is None else d for d in dims])
    return reshape_op(g, shape_op(x))


@export("reshape", v1=("manip.reshape",))
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The elements of `tensor`, in row-major order, in another shape.

    Args:
      tensor: a tensor of any dtype.
      shape: an integer vector; one of its elements may be -1: what is left for that dimension.

    Raises:
      InvalidArgumentError: if `shape` does not have as many elements as `tensor`.

    >>> import reflow as tf
    >>> tf.reshape([1, 2, 3, 4, 5, 6], [2, -1]).numpy().tolist()
    [[1, 2, 3], [4, 5, 6]]
    """
    return reshape_op(tensor, shape, name=name)


def _one_integer(value: Any, what: str) -> int:
    if value.size != 1:
        raise ValueError(f"'{what}' input must be a tensor with a single value")
    return int(value.reshape(()))


@op(
    "ExpandDims(input: T, dim: Tdim, *, Tdim: {int32,int64} = int32) -> output: T",
    static=["dim"],
    partial=("input",),
    grad=lambda g, input: like_input(g, input),
    view=True,
)
def expand_dims_op(xp, input, dim):
    """A tensor with one more dimension, of size 1."""
    axis = _one_integer(dim, "dim")
    sizes = list(input.shape)
    sizes.insert(_inserted(axis, len(sizes)), 1)
    return input.reshape(sizes)


def _inserted(axis: int, rank: int) -> int:
    if not -rank - 1 <= axis <= rank:
        raise ValueError(f"Tried to expand dim index {axis} for tensor with {rank} dimensions.")
    return axis if axis >= 0 else axis + rank + 1


@expand_dims_op.shape_rule
def _expand_dims_shape(input, dim):
    dims = input._shape._dims
    if dims is None:
        return shapes.UNKNOWN
    axis = constant_value(dim)
    if axis is None:
        return shapes.unknown_shape(len(dims) + 1)
    at = _inserted(_one_integer(np.asarray(axis), "dim"), len(dims))
    return shapes.of((*dims[:at], 1, *dims[at:]))


@export(v2=("expand_dims",))
def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """`input` with a dimension of size 1 inserted at `axis`.

    Args:
      input: a tensor.
      axis: where the dimension goes, from `-rank - 1` to `rank`.

    Raises:
      InvalidArgumentError: if `axis` is out of range.

    >>> import reflow as tf
    >>> tf.expand_dims(tf.ones([2, 3]), -1).shape
    TensorShape([2, 3, 1])
    """
    return expand_dims_op(input, axis, name=name)


@export(v1=("expand_dims",))
def expand_dims_v1(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """TF 1's `tf.expand_dims`: `dim` is the old name of `axis`.

    Raises:
      ValueError: if neither is given, or both are.
    """
    axis = renamed("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return expand_dims_op(input, axis, name=name)


def renamed(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value of an argument that has an old name too.

    Raises:
      ValueError: if both are given.
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old


@op(
    "Squeeze(input: T, *, squeeze_dims: list(int) = []) -> output: T",
    partial=True,
    grad=lambda g, input: like_input(g, input),
    view=True,
)
def squeeze_op(xp, input, *, squeeze_dims):
    """A tensor without (some of) its dimensions of size 1."""
    return input.reshape(_squeezed(input.shape, squeeze_dims))


def _squeezed(sizes: Any, squeeze_dims: Any) -> list[Any]:
    if not squeeze_dims:
        return [d for d in sizes if d != 1]
    rank = len(sizes)
    gone = set()
    for axis in squeeze_dims:
        if not -rank <= axis < rank:
            raise ValueError(
                f"Tried to squeeze dim index {axis} for tensor with {rank} dimensions."
            )
        axis %= rank
        if sizes[axis] not in (1, None):
            raise ValueError(
                f"Can not squeeze dim[{axis}], expected a dimension of 1, got {sizes[axis]}"
            )
        gone.add(axis)
    return [d for i, d in enumerate(sizes) if i not in gone]


@squeeze_op.shape_rule
def _squeeze_shape(input, *, squeeze_dims):
    dims = input._shape._dims
    if dims is None or not squeeze_dims and None in dims:
        return shapes.UNKNOWN
    return shapes.of(tuple(_squeezed(dims, squeeze_dims)))


@export(v2=("squeeze",))
def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """`input` without its dimensions of size 1.

    Args:
      input: a tensor.
      axis: which dimensions to remove, an integer or a list of them; all of size 1 by default.

    Raises:
      InvalidArgumentError: if a dimension in `axis` is not of size 1.

    >>> import reflow as tf
    >>> tf.squeeze(tf.ones([1, 2, 1, 3]), [0]).shape
    TensorShape([2, 1, 3])
    """
    if axis is not None and not isinstance(axis, (list, tuple)):
        axis = np.asarray(axis).reshape(-1).tolist()
    return squeeze_op(input, squeeze_dims=axis, name=name)


@export(v1=("squeeze",))
def squeeze_v1(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Any:
    """TF 1's `tf.squeeze`: `squeeze_dims` is the old name of `axis`."""
    return squeeze(input, renamed("axis", axis, "squeeze_dims", squeeze_dims), name)


# Transpositions -----------------------------------------------------------------------------------


def _permutation(perm: Any, rank: int) -> list[int]:
    axes = perm.tolist()
    if perm.ndim != 1:
        raise ValueError(f"perm must be rank 1, got shape {brackets(perm.shape)}")
    if len(axes) != rank:
        raise ValueError(
            f"transpose expects a vector of size {rank}. But input(1) is a vector of size "
            f"{len(axes)}"
        )
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(f"{axis} is out of range [0 .. {rank})")
    axes = [axis % rank for axis in axes]
    for axis in range(rank):
        if axis not in axes:
            raise ValueError(f"{axis} is missing from {brackets(perm.tolist())}.")
    return axes


def _transpose_shape(x, perm):
    dims = x._shape._dims
    if perm.shape.rank not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {perm.shape.rank}")
    axes = constant_value(perm)
    if axes is None:
        length = perm._shape._dims
        rank = len(dims) if dims is not None else length[0] if length else None
        return shapes.unknown_shape(rank)
    if dims is None:
        return shapes.unknown_shape(axes.size)
    return shapes.of(tuple([dims[i] for i in _permutation(axes, len(dims))]))


@op(
    "Transpose(x: T, perm: Tperm, *, Tperm: {int32,int64} = int32) -> y: T",
    shape=_transpose_shape,
    static=["perm"],
    partial=("x",),
    view=True,
)
def transpose_op(xp, x, perm):
    """A tensor with its dimensions in another order."""
    return x.transpose(_permutation(perm, len(x.shape)))


@transpose_op.gradient_rule
def _transpose_grad(g, perm):
    return transpose_op(g, inverse_permutation(perm))


def inverse_permutation(perm: Any) -> Any:
    """What undoes the transposition `perm`: a constant where `perm` is."""
    known = constant_value(perm)
    if known is None:
        return invert_permutation_op(perm)
    inverse = np.empty_like(known)
    inverse[known] = np.arange(known.size)
    return inverse


@op(
    "ConjugateTranspose(x: T, perm: Tperm, *, Tperm: {int32,int64} = int32) -> y: T",
    shape=_transpose_shape,
    static=["perm"],
    grad=lambda g, perm: conjugate_transpose_op(g, inverse_permutation(perm)),
)
def conjugate_transpose_op(xp, x, perm):
    """The complex conjugate of a tensor with its dimensions in another order."""
    return xp.conj(x).transpose(_permutation(perm, len(x.shape)))


@export(v2=("transpose",))
def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Any:
    """`a` with its dimensions in the order `perm`.

    Args:
      a: a tensor.
      perm: an integer vector: dimension i of the result is dimension `perm[i]` of `a`. By default
        the order is reversed.
      conjugate: whether to take the complex conjugate as well.

    Raises:
      InvalidArgumentError: if `perm` is no permutation of the dimensions.

    >>> import reflow as tf
    >>> tf.transpose([[1, 2, 3], [4, 5, 6]]).numpy().tolist()
    [[1, 4], [2, 5], [3, 6]]
    """
    return _transpose(a, perm, name, conjugate)


@export(v1=("transpose",))
def transpose_v1(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Any:
    """TF 1's `tf.transpose`, with `name` before `conjugate`."""
    return _transpose(a, perm, name, conjugate)


def _transpose(a, perm, name, conjugate):
    with name_scope(name, "transpose") as scope:
        if not is_tensor(a):
            a = convert_to_tensor(a, name="a")
        apply = conjugate_transpose_op if conjugate and a.dtype.is_complex else transpose_op
        if perm is None:
            known = a.shape.rank
            if known is None:
                perm = REGISTRY["Range"](
                    REGISTRY["Sub"](rank_op(a, name="Rank"), 1, name="sub"), -1, -1
                )
            else:
                perm = np.arange(known - 1, -1, -1, dtype=np.int32)
        return apply(a, perm, name=scope)


@export("linalg.matrix_transpose", v1=("linalg.transpose", "matrix_transpose"))
def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Any:
    """`a` with its last two dimensions exchanged.

    Args:
      a: a tensor of rank 2 or more.
      conjugate: whether to take the complex conjugate as well.

    Raises:
      ValueError: if `a` is known to have less than two dimensions.

    >>> import reflow as tf
    >>> tf.linalg.matrix_transpose(tf.ones([5, 2, 3])).shape
    TensorShape([5, 3, 2])
    """
    with name_scope(name):
        a = convert_to_tensor(a, name="a")
        known = a.shape.rank
        if known is None:
            count = rank(a)
            first = REGISTRY["Range"](0, count - 2, 1)
            last = [count - 1, count - 2]
            perm = REGISTRY["ConcatV2"]([first, last], 0, name="concat")
        elif known < 2:
            raise ValueError(
                f"{errors.user_site()}: Argument `a` should be a (batch) matrix "
                f"with rank >= 2. Received `a` = {a} with shape: {a.shape}"
            )
        else:
            perm = [*range(known - 2), known - 1, known - 2]
        return _transpose(a, perm, "transpose", conjugate)


@op(
    "InvertPermutation(x: T, *, T: {int32,int64} = int32) -> y: T",
    shape=lambda x: x.shape.with_rank(1),
    grad=None,
    partial="whole",
)
def invert_permutation_op(xp, x):
    """The permutation that undoes the permutation `x`."""
    places = xp.arange(x.shape[0], dtype=x.dtype)
    if xp.is_numpy:
        seen = np.zeros(x.size, bool)
        for value in x[(x < 0) | (x >= x.size)][:1].tolist():
            raise ValueError(f"{value} is not between 0 and {x.size}")
        seen[x] = True
        if not seen.all():
            values, counts = np.unique(x, return_counts=True)
            raise ValueError(f"{values[counts > 1][0]} is duplicated in the input.")
    return xp.at_set(xp.zeros_like(x), x, places)


@export("math.invert_permutation", v1=("invert_permutation",))
def invert_permutation(x: Any, name: str | None = None) -> Any:
    """The permutation that undoes `x`: `y[x[i]] = i`.

    Args:
      x: an integer vector with each of the values from 0 to n - 1.

    Raises:
      InvalidArgumentError: if `x` is no permutation.

    >>> import reflow as tf
    >>> tf.math.invert_permutation([2, 0, 1]).numpy().tolist()
    [1, 2, 0]
    """
    return invert_permutation_op(x, name=name)
