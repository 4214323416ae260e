"""Products of matrices: MatMul, batches of them, and what is made of them; cross products, adjoints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.kernels.matrices import Panels, matrix_product, transposition
from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import (
    COMPLEX,
    FLOAT,
    bfloat16,
    float32,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.define import op
from reflow.ops.math import conj
from reflow.ops.public import public
from reflow.ops.reduce import reduce_prod
from reflow.ops.spatial.conv_kernels import natively

_INEXACT = FLOAT | COMPLEX

# Lowering and shapes ------------------------------------------------------------------------------


def product(xp: Any, x: Any, y: Any, dtype: Any) -> Any:
    """The matrix product of arrays, with its result in `dtype`; half floats add up in float32."""
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        if xp.is_numpy:
            return np.matmul(x.astype(np.float32), y.astype(np.float32)).astype(dtype)
        return xp.matmul(x, y, preferred_element_type=np.float32).astype(dtype)
    return xp.astype(xp.matmul(x, y), dtype)  # in NumPy no copy, where there is nothing to cast


def transposed(xp: Any, x: Any, adjoint: bool = False) -> Any:
    """The matrices of `x` transposed, or their adjoints."""
    x = xp.swapaxes(x, -1, -2)
    return xp.conj(x) if adjoint and x.dtype.kind == "c" else x


_WIDE = 1024  # columns


def turned(xp: Any, x: Any, columns: int) -> Any:
    """The matrix `x` transposed, for the left side of a product with so many columns.

    XLA's CPU compiler makes one product of columns with columns of it, by other code than of rows with
    columns. That is slow when the result is narrow: 0.19 ms for 512x128 with 128x10, where transposing first
    takes 0.06 (2048x128 with 128x100: 1.3 and 0.6). And a program that mixes the two is held up half of the
    time, as their threads wait for each other: an MLP's step takes 2.6 ms or 3.2 to 4, now 2.6 always.
    Beyond 1024 columns transposing is slower, by 4 % at 2048 cubed. XLA makes one loop of transposing and
    of what makes `x`, which goes through memory column by column: large matrices are transposed by a kernel.
    """
    if xp.is_numpy or columns > _WIDE or x.dtype.kind == "c":
        return xp.swapaxes(x, 0, 1)

    def otherwise(x: Any) -> Any:
        return xp.lax.platform_dependent(
            xp.swapaxes(x, 0, 1), cpu=xp.lax.optimization_barrier, default=lambda flipped: flipped
        )

    return natively(xp, transposition(x), otherwise, x)


def _check_inner(x: Any, y: Any) -> None:
    if x.shape[-1] != y.shape[-2]:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Matrix size-incompatible: In[0]: {list(x.shape)}, In[1]: {list(y.shape)} (the inner "
            f"dimensions are {x.shape[-1]} and {y.shape[-2]})",
        )


def _matrix_sizes(t: Any, flip: bool) -> tuple:
    """(batch sizes, rows, columns) of a static shape; batch None when the rank is unknown."""
    sizes = t._shape._dims
    if sizes is None:
        return None, None, None
    if len(sizes) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(sizes)}")
    rows, columns = sizes[-2:]
    return sizes[:-2], columns if flip else rows, rows if flip else columns


def _inner_mismatch(x: Any, y: Any, inner_x: Any, inner_y: Any) -> None:
    if inner_x is not None and inner_y is not None and inner_x != inner_y:
        raise ValueError(
            f"Dimensions must be equal, but are {inner_x} and {inner_y}, with input shapes: "
            f"{x._shape}, {y._shape}."
        )


def _matmul_shape(a, b, *, transpose_a, transpose_b):
    for t in (a, b):
        if t._shape._dims is not None and len(t._shape._dims) != 2:
            raise ValueError(f"Shape must be rank 2 but is rank {len(t._shape._dims)}")
    _, rows, inner_a = _matrix_sizes(a, transpose_a)
    _, inner_b, columns = _matrix_sizes(b, transpose_b)
    _inner_mismatch(a, b, inner_a, inner_b)
    return shapes.of((rows, columns))


def _batch_shape(x, y, *, adj_x, adj_y):
    batch_x, rows, inner_x = _matrix_sizes(x, adj_x)
    batch_y, inner_y, columns = _matrix_sizes(y, adj_y)
    _inner_mismatch(x, y, inner_x, inner_y)
    if batch_x is None or batch_y is None:
        return shapes.UNKNOWN
    batch = shapes.broadcast(shapes.of(batch_x), shapes.of(batch_y))._dims
    return shapes.of((*batch, rows, columns))


# MatMul -------------------------------------------------------------------------------------------


@op(
    "MatMul(a: T, b: T, *, transpose_a: bool = False, transpose_b: bool = False, T: type,"
    " grad_a: bool = False, grad_b: bool = False) -> product: T",
    T=_INEXACT | {int32, int64, uint8, uint16, uint32, uint64},
    shape=_matmul_shape,
)
def matmul_op(xp, a, b, *, transpose_a, transpose_b):
    """The product of two matrices, either of them transposed before."""
    if isinstance(b, Panels):  # of a loop (`compiler.loop_motion`)
        kernel = None if transpose_a else b.kernel(a)
        if kernel is not None:
            return kernel(xp, a, b.data)
        b = b.matrix
    for i, each in enumerate((a, b)):
        if each.ndim != 2:
            raise ValueError(f"In[{i}] is not a matrix. Instead it has shape {list(each.shape)}")
    kernel = None if xp.is_numpy else matrix_product(a, b, transpose_a, transpose_b)

    def otherwise(a: Any, b: Any) -> Any:
        b = xp.swapaxes(b, 0, 1) if transpose_b else b
        a = turned(xp, a, b.shape[1]) if transpose_a else a
        _check_inner(a, b)
        return product(xp, a, b, a.dtype)

    return natively(xp, kernel, otherwise, a, b)


@matmul_op.gradient_rule
def _matmul_grad(g, a, b, *, transpose_a, transpose_b):
    a, b = conj(a), conj(b)

    def to_a():
        if not transpose_a:
            return matmul_op(g, b, transpose_b=not transpose_b, grad_b=True)
        return matmul_op(b, g, transpose_a=transpose_b, transpose_b=True, grad_a=True)

    def to_b():
        if not transpose_b:
            return matmul_op(a, g, transpose_a=not transpose_a, grad_a=True)
        return matmul_op(g, a, transpose_a=True, transpose_b=transpose_a, grad_b=True)

    return to_a, to_b


@op(
    "SparseMatMul(a: Ta, b: Tb, *, transpose_a: bool = False, transpose_b: bool = False,"
    " a_is_sparse: bool = False, b_is_sparse: bool = False, Ta: {float,bfloat16} = float,"
    " Tb: {float,bfloat16} = float) -> product: float",
    shape=_matmul_shape,
)
def sparse_matmul_op(xp, a, b, *, transpose_a, transpose_b):
    """The product of two matrices that may have many zeros, as float32."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    return matmul_op.lower(xp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)


@sparse_matmul_op.gradient_rule
def _sparse_matmul_grad(g, a, b, *, transpose_a, transpose_b, a_is_sparse, b_is_sparse):
    sparse = {"a": a_is_sparse, "b": b_is_sparse, "g": False}
    tensors = {"a": a, "b": b, "g": g}

    def multiply(x: str, y: str, dtype: Any, flip_x: bool, flip_y: bool) -> Any:
        result = sparse_matmul_op(
            tensors[x],
            tensors[y],
            transpose_a=flip_x,
            transpose_b=flip_y,
            a_is_sparse=sparse[x],
            b_is_sparse=sparse[y],
        )
        return result if dtype is float32 else REGISTRY["Cast"](result, DstT=dtype)

    dtype_a, dtype_b = a.dtype.base_dtype, b.dtype.base_dtype
    if not transpose_a:
        to_a = multiply("g", "b", dtype_a, False, not transpose_b)
    else:
        to_a = multiply("b", "g", dtype_a, transpose_b, True)
    if not transpose_b:
        to_b = multiply("a", "g", dtype_b, not transpose_a, False)
    else:
        to_b = multiply("g", "a", dtype_b, True, transpose_a)
    return to_a, to_b


# Batches ------------------------------------------------------------------------------------------


def _batch_product(xp: Any, x: Any, y: Any, adj_x: bool, adj_y: bool, dtype: Any) -> Any:
    kernel = None if xp.is_numpy else matrix_product(x, y, adj_x, adj_y)

    def otherwise(x: Any, y: Any) -> Any:
        x = transposed(xp, x, True) if adj_x else x
        y = transposed(xp, y, True) if adj_y else y
        _check_inner(x, y)
        return product(xp, x, y, dtype)

    return natively(xp, kernel, otherwise, x, y)


def _batch_grad(multiply: Any, g: Any, x: Any, y: Any, adj_x: bool, adj_y: bool) -> tuple[Any, Any]:
    if not adj_x:
        to_x = multiply(g, y, False, not adj_y)
    else:
        to_x = multiply(y, g, adj_y, True)
    if not adj_y:
        to_y = multiply(x, g, not adj_x, False)
    else:
        to_y = multiply(g, x, True, adj_x)
    return to_x, to_y


def _batch_op(name: str, T: Any, broadcast: bool) -> Any:
    def lower(xp, x, y, *, adj_x, adj_y):
        if not broadcast and x.shape[:-2] != y.shape[:-2]:
            raise errors.InvalidArgumentError(
                None,
                None,
                "In[0] and In[1] must have compatible batch dimensions: "
                f"{list(x.shape)} vs. {list(y.shape)}",
            )
        return _batch_product(xp, x, y, adj_x, adj_y, x.dtype)

    def grad(g, x, y, *, adj_x, adj_y):
        def multiply(p, q, adj_p, adj_q):
            return opdef(p, q, adj_x=adj_p, adj_y=adj_q)

        return _batch_grad(multiply, g, x, y, adj_x, adj_y)

    opdef = op(
        f"{name}(x: T, y: T, *, T: type, adj_x: bool = False, adj_y: bool = False,"
        " grad_x: bool = False, grad_y: bool = False) -> output: T",
        "The products of the matrices in the last two dimensions, element-wise over the others.",
        T=T,
        shape=_batch_shape,
        grad=grad,
        broadcast=broadcast,
    )(lower)
    return opdef


batch_matmul_op = _batch_op("BatchMatMul", _INEXACT | {int32, int64}, broadcast=False)
batch_matmul_v2_op = _batch_op(
    "BatchMatMulV2",
    _INEXACT | {int16, int32, int64, uint8, uint16, uint32, uint64},
    broadcast=True,
)

_V3_OUT = _INEXACT | {int16, int32, int64}


@op(
    "BatchMatMulV3(x: Ta, y: Tb, *, Ta: type, Tb: type, Tout: type, adj_x: bool = False,"
    " adj_y: bool = False, grad_x: bool = False, grad_y: bool = False) -> output: Tout",
    Ta=_V3_OUT | {int8, uint8},
    Tb=_V3_OUT | {int8, uint8},
    Tout=_V3_OUT,
    shape=_batch_shape,
    broadcast=True,
)
def batch_matmul_v3_op(xp, x, y, *, adj_x, adj_y, Tout):
    """Like BatchMatMulV2, of two dtypes and into a third."""
    wide = Tout.np
    return _batch_product(xp, x.astype(wide), y.astype(wide), adj_x, adj_y, wide)


@batch_matmul_v3_op.gradient_rule
def _batch_matmul_v3_grad(g, x, y, *, adj_x, adj_y, Ta, Tb):
    def multiply_into(dtype):
        return lambda p, q, adj_p, adj_q: batch_matmul_v3_op(
            p, q, Tout=dtype, adj_x=adj_p, adj_y=adj_q
        )

    exact = [dtype.is_integer for dtype in (Ta, Tb)]
    to_x = None if exact[0] else _batch_grad(multiply_into(Ta), g, x, y, adj_x, adj_y)[0]
    to_y = None if exact[1] else _batch_grad(multiply_into(Tb), g, x, y, adj_x, adj_y)[1]
    return to_x, to_y


# Public functions ---------------------------------------------------------------------------------

sparse_matmul = public(
    sparse_matmul_op, v1=("sparse_matmul",), example=("[[2.0]], [[3.0]]", "[[6.]]")
)


@export("matmul", "linalg.matmul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Any:
    """The product of matrices; the dimensions before the last two are batches, which broadcast.

    Args:
      a, b: tensors of one dtype, of rank 2 or more.
      transpose_a, transpose_b: transpose the matrices first.
      adjoint_a, adjoint_b: take their conjugate transposes.
      a_is_sparse, b_is_sparse: a hint that many elements are zero.
      output_type: the dtype of the result, where it is not that of the arguments.
      grad_a, grad_b: that this is part of a gradient (kept as attributes of the node).

    Raises:
      ValueError: if the shapes do not fit, or a matrix is to be both transposed and adjoint.

    >>> import reflow as tf
    >>> print(tf.matmul([[1, 2], [3, 4]], [[1], [10]]).numpy())
    [[21]
     [43]]
    """
    if transpose_a and adjoint_a or transpose_b and adjoint_b:
        which = "a" if transpose_a and adjoint_a else "b"
        raise ValueError(
            f"Only one of `transpose_{which}` and `adjoint_{which}` can be True. Received "
            f"`transpose_{which}`=True, `adjoint_{which}`=True."
        )
    with name_scope(name, "MatMul") as scope:
        node = scope or None
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b", dtype_hint=a.dtype.base_dtype)
        rank_a, rank_b = a.shape.rank, b.shape.rank
        dtype_a, dtype_b = a.dtype.base_dtype, b.dtype.base_dtype
        mixed = output_type is not None and not (output_type == dtype_a and output_type == dtype_b)
        batched = rank_a is None or rank_a > 2 or rank_b is None or rank_b > 2
        sparse = a_is_sparse or b_is_sparse
        if mixed or (batched and not sparse):
            a = conj(a) if transpose_a else a
            b = conj(b) if transpose_b else b
            flips = {"adj_x": adjoint_a or transpose_a, "adj_y": adjoint_b or transpose_b}
            marks = {"grad_x": grad_a, "grad_y": grad_b}
            if mixed:
                return batch_matmul_v3_op(a, b, Tout=output_type, **flips, **marks, name=node)
            return batch_matmul_v2_op(a, b, **flips, **marks, name=node)
        a = conj(a) if adjoint_a else a
        b = conj(b) if adjoint_b else b
        flips = {"transpose_a": transpose_a or adjoint_a, "transpose_b": transpose_b or adjoint_b}
        either = {dtype_a, dtype_b}
        use_sparse = sparse and either <= {bfloat16, float32}
        if bfloat16 in either and len(either) == 2 and not either & {int8, uint8}:
            use_sparse = True
        if not use_sparse:
            return matmul_op(a, b, **flips, grad_a=grad_a, grad_b=grad_b, name=node)
        result = sparse_matmul_op(
            a, b, **flips, a_is_sparse=a_is_sparse, b_is_sparse=b_is_sparse, name=node
        )
        return REGISTRY["Cast"](result, DstT=bfloat16) if either == {bfloat16} else result


@export("linalg.matvec")
def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The products of matrices and vectors.

    Args:
      a: matrices, of shape `[..., m, n]`.
      b: vectors of the same dtype, of shape `[..., n]`.
      transpose_a, adjoint_a: transpose the matrices first, or take their conjugate transposes.
      a_is_sparse, b_is_sparse: a hint that many elements are zero.

    Raises:
      ValueError: if the shapes do not fit.

    >>> import reflow as tf
    >>> print(tf.linalg.matvec([[1, 2], [3, 4]], [1, 10]).numpy())
    [21 43]
    """
    with name_scope(name, "MatVec"):
        column = REGISTRY["ExpandDims"](b, -1)
        result = matmul(
            a,
            column,
            transpose_a=transpose_a,
            adjoint_a=adjoint_a,
            a_is_sparse=a_is_sparse,
            b_is_sparse=b_is_sparse,
        )
        return REGISTRY["Squeeze"](result, squeeze_dims=[-1])


@export("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """The sum of products of `a` and `b` over pairs of dimensions.

    Args:
      a, b: tensors of one dtype.
      axes: the dimensions to sum over: a number n for the last n of `a` and the first n of `b`, or a
        pair of lists, those of `a` and those of `b`; also an integer tensor of shape `[2, n]`.

    Raises:
      ValueError: if the dimensions do not fit.

    >>> import reflow as tf
    >>> print(tf.tensordot([[1, 2], [3, 4]], [10, 1], axes=1).numpy())
    [12 34]
    """
    with name_scope(name, "Tensordot") as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        a_axes, b_axes = _contracted(a, axes)
        a_matrix, a_free, a_static = _as_matrix(a, a_axes, flipped=False)
        b_matrix, b_free, b_static = _as_matrix(b, b_axes, flipped=True)
        result = matmul(a_matrix, b_matrix)
        reshape = REGISTRY["Reshape"]
        if isinstance(a_free, list) and isinstance(b_free, list):
            if result.shape.sizes == (*a_free, *b_free):
                return result
            return reshape(result, a_free + b_free, name=scope or None)
        a_free = convert_to_tensor(a_free, int32)
        b_free = convert_to_tensor(b_free, int32)
        joined = REGISTRY["ConcatV2"]([a_free, b_free], 0, name="concat")
        result = reshape(result, joined, name=scope or None)
        if a_static is not None and b_static is not None:
            result.set_shape(a_static + b_static)
        return result


def _contracted(a: Any, axes: Any) -> tuple[Any, Any]:
    """The dimensions of `a` and those of `b` to sum over: lists if they are known."""
    rank = a.shape.rank
    if isinstance(axes, (int, np.integer)):
        if axes < 0:
            raise ValueError(f"`axes` must be at least 0. Received: {axes}.")
        if rank is None:
            ndims = REGISTRY["Rank"](a)
            return REGISTRY["Range"](ndims - axes, ndims, 1), REGISTRY["Range"](0, axes, 1)
        if axes > rank:
            raise ValueError(
                f"`axes` must not be larger than the number of dimensions of tensor {a}. Received "
                f"{axes}, vs tensor dimensions {rank}."
            )
        return list(range(rank - axes, rank)), list(range(axes))
    if isinstance(axes, (list, tuple, np.ndarray)):
        if len(axes) != 2:
            raise ValueError(f"`axes` must be an integer or have length 2. Received {axes}.")
        first, second = (_axis_list(each) for each in axes)
        if len(first) != len(second):
            raise ValueError(
                f"Different number of contraction axes `a` and `b`, {len(first)} != {len(second)}."
            )
        return first, second
    axes = convert_to_tensor(axes, int32, name="axes")
    return axes[0], axes[1]


def _axis_list(axes: Any) -> list[int]:
    return [int(axes)] if isinstance(axes, (int, np.integer)) else [int(axis) for axis in axes]


def _as_matrix(t: Any, axes: Any, flipped: bool) -> tuple[Any, Any, Any]:
    """`t` as a matrix with `axes` as its columns (its rows if flipped), and the other sizes.

    Returns:
      The matrix, the sizes of the free dimensions (a list or a tensor), and as far as they are known.
    """
    transpose, reshape = REGISTRY["Transpose"], REGISTRY["Reshape"]
    sizes = t.shape.sizes
    free: Any
    if sizes is not None and isinstance(axes, list):
        axes = [axis % len(sizes) if axis < 0 else axis for axis in axes]
        free = [i for i in range(len(sizes)) if i not in axes]
        free_static = [sizes[i] for i in free]
        if None not in sizes:
            summed = math.prod([sizes[i] for i in axes])
            kept = math.prod(free_static)
            order = axes + free if flipped else free + axes
            matrix = (
                t if order == list(range(len(sizes))) else transpose(t, order, name="transpose")
            )
            shape = [summed, kept] if flipped else [kept, summed]
            if matrix.shape.sizes != tuple(shape):
                matrix = reshape(matrix, shape)
            return matrix, free_static, free_static
        axes = convert_to_tensor(axes, int32, name="axes")
        free = convert_to_tensor(free, int32, name="free")
        shape_t = REGISTRY["Shape"](t)
    else:
        free_static = None
        shape_t = REGISTRY["Shape"](t)
        rank = REGISTRY["Rank"](t)
        axes = convert_to_tensor(axes, int32, name="axes")
        axes = REGISTRY["SelectV2"](axes >= 0, axes, axes + rank)
        free = REGISTRY["ListDiff"](REGISTRY["Range"](0, rank, 1), axes, out_idx=int32).out
    gather, pack = REGISTRY["GatherV2"], REGISTRY["Pack"]
    free_sizes = gather(shape_t, free, 0)
    summed_sizes = gather(shape_t, axes, 0)
    kept, summed = reduce_prod(free_sizes), reduce_prod(summed_sizes)
    order = REGISTRY["ConcatV2"]([axes, free] if flipped else [free, axes], 0, name="concat")
    shape = pack([summed, kept] if flipped else [kept, summed], name="stack")
    return reshape(transpose(t, order, name="transpose"), shape), free_sizes, free_static


# Products of vectors, and adjoints ----------------------------------------------------------------


def _cross_shape(a, b):
    result = a._shape.merge_with(b._shape)
    if result._dims is not None:
        if not result._dims:
            raise ValueError("Shape must be at least rank 1 but is rank 0")
        if result._dims[-1] not in (None, 3):
            raise ValueError(f"Dimension must be 3 but is {result._dims[-1]}")
    return result


@op(
    "Cross(a: T, b: T, *, T: REAL) -> product: T",
    shape=_cross_shape,
    grad=lambda g, a, b: (cross_op(b, g), cross_op(g, a)),
)
def cross_op(xp, a, b):
    """The cross products of vectors of three elements, in the last dimension."""
    if a.shape != b.shape or a.shape[-1:] != (3,):
        raise ValueError(
            "Cross-products are only defined for 3-element vectors of one shape, got "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    return xp.cross(a, b).astype(a.dtype)


cross = public(
    cross_op,
    "linalg.cross",
    v1=("cross",),
    example=("[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]", "[0. 0. 1.]"),
)


@export("linalg.adjoint")
def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The conjugate transposes of matrices.

    Args:
      matrix: of shape `[..., m, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.adjoint([[1.0 + 2.0j, 3.0]]).numpy())
    [[1.-2.j]
     [3.-0.j]]
    """
    from reflow.ops.array import matrix_transpose

    with name_scope(name, "adjoint"):
        return matrix_transpose(convert_to_tensor(matrix, name="matrix"), conjugate=True)
