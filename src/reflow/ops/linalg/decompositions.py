"""Decompositions of matrices (Cholesky, QR, SVD, eigenvalues, LU) and functions of matrices."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import complex64, complex128, float32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.define import no_gradient, op
from reflow.ops.linalg.matmul import adjoint as adjoint_of
from reflow.ops.linalg.matmul import matmul, product, transposed
from reflow.ops.linalg.matrix_diag import (
    band_part_op,
    diag_part_v1_op,
    diag_v1_op,
    matrix_diag_part,
    set_diag_v1_op,
)
from reflow.ops.linalg.solve import (
    check_square,
    matrix_solve_op,
    not_invertible,
    square_shape,
    triangular_solution,
    triangular_solve_op,
    widened,
)
from reflow.ops.math import conj, reciprocal_op
from reflow.ops.math.complex import real
from reflow.ops.public import public
from reflow.ops.reduce import reduce_sum

# Helpers of the gradients -------------------------------------------------------------------------


def _differences(values: Any) -> Any:
    """F[i, j] = 1 / (values[j] - values[i]), and 0 on the diagonal; safe where values agree."""
    expand = REGISTRY["ExpandDims"]
    f = _safe_reciprocal(expand(values, -2) - expand(values, -1))
    return set_diag_v1_op(f, REGISTRY["ZerosLike"](values))


def _safe_reciprocal(x: Any) -> Any:
    return x * reciprocal_op(x * x + 1e-20)


def _inner_sizes(x: Any) -> tuple[int, int]:
    sizes = x.shape.sizes
    if sizes is None or None in sizes[-2:]:
        raise NotImplementedError(
            f"the gradient of this decomposition needs a known matrix size, got {x.shape}"
        )
    return sizes[-2], sizes[-1]


# Cholesky -----------------------------------------------------------------------------------------


def _cholesky(xp, input):
    check_square(input)
    x = widened(input)
    if not xp.is_numpy:
        return xp.lax.linalg.cholesky(x, symmetrize_input=False).astype(input.dtype)
    try:
        return np.linalg.cholesky(x).astype(input.dtype)
    except np.linalg.LinAlgError:  # NaN for those that are not positive definite
        result = np.full(x.shape, np.nan, x.dtype)
        for index in np.ndindex(x.shape[:-2]):
            try:
                result[index] = np.linalg.cholesky(x[index])
            except np.linalg.LinAlgError:
                continue
        return result.astype(input.dtype)


def _cholesky_grad(g, output):
    """Murray, "Differentiation of the Cholesky decomposition" (2016), equation 8."""
    middle = matmul(output, g, adjoint_a=True)
    middle = set_diag_v1_op(middle, 0.5 * diag_part_v1_op(middle))
    middle = band_part_op(middle, -1, 0)
    left = triangular_solve_op(output, middle, adjoint=True)  # L^-H Phi
    whole = adjoint_of(triangular_solve_op(output, adjoint_of(left), adjoint=True))
    return 0.5 * (whole + adjoint_of(whole))


cholesky_op, batch_cholesky_op = (
    op(
        f"{name}(input: T, *, T: {T}) -> output: T",
        "The lower triangular L with L @ L^H = input, of positive definite matrices; NaN for others. "
        "Only their lower triangles are read.",
        shape=square_shape,
        grad=_cholesky_grad,
    )(_cholesky)
    for name, T in (
        ("Cholesky", "{double,float,half,complex64,complex128}"),
        ("BatchCholesky", "{double,float}"),
    )
)


def _cholesky_grad_lower(xp, l, grad):
    factor, g = xp.tril(widened(l)), xp.tril(widened(grad))
    middle = xp.tril(product(xp, transposed(xp, factor), g, factor.dtype))
    middle = middle - 0.5 * middle * np.eye(l.shape[-1], dtype=factor.dtype)
    left = triangular_solution(xp, factor, middle, True, True)
    whole = transposed(xp, triangular_solution(xp, factor, transposed(xp, left), True, True))
    return (0.5 * (whole + transposed(xp, whole))).astype(l.dtype)


cholesky_grad_op, batch_cholesky_grad_op = (
    op(
        f"{name}(l: T, grad: T, *, T: {T}) -> output: T",
        "The gradient for the input of Cholesky, given its output and the gradient of that.",
        shape=square_shape,
        grad=no_gradient,
    )(_cholesky_grad_lower)
    for name, T in (
        ("CholeskyGrad", "{half,float,double}"),
        ("BatchCholeskyGrad", "{float,double}"),
    )
)

# QR -----------------------------------------------------------------------------------------------


def _qr_shape(input, *, full_matrices):
    sizes = input._shape._dims
    if sizes is None:
        return [shapes.UNKNOWN, shapes.UNKNOWN]
    if len(sizes) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(sizes)}")
    *batch, m, n = sizes
    if full_matrices:
        return [shapes.of((*batch, m, m)), shapes.of((*batch, m, n))]
    p = None if m is None or n is None else min(m, n)
    return [shapes.of((*batch, m, p)), shapes.of((*batch, p, n))]


@op(
    "Qr(input: T, *, full_matrices: bool = False, T: {double,float,half,complex64,complex128})"
    " -> q: T, r: T",
    shape=_qr_shape,
)
def qr_op(xp, input, *, full_matrices):
    """Q with orthonormal columns and upper triangular R, with Q @ R = input."""
    q, r = xp.linalg.qr(widened(input), mode="complete" if full_matrices else "reduced")
    return q.astype(input.dtype), r.astype(input.dtype)


@qr_op.gradient_rule
def _qr_grad(g_q, g_r, input, q, r):
    """Walter and Lehmann (2018); wide matrices are split into a square one and the rest."""
    rows, columns = _inner_sizes(r)
    if rows > columns and _inner_sizes(q)[0] == rows:
        raise NotImplementedError(
            f"the gradient of Qr with full_matrices of {rows} rows and {columns} columns"
        )
    rows = _inner_sizes(q)[0]
    if rows >= columns:
        return _deep_qr_grad(q, r, g_q, g_r)
    rest = g_r[..., rows:]
    to_q = g_q + matmul(input[..., rows:], rest, adjoint_b=True)
    first = _deep_qr_grad(q, r[..., :rows], to_q, g_r[..., :rows])
    return REGISTRY["ConcatV2"]([first, matmul(q, rest)], -1)


def _deep_qr_grad(q: Any, r: Any, g_q: Any, g_r: Any) -> Any:
    """Of matrices with at least as many rows as columns."""

    def divided(x: Any) -> Any:  # x @ r^-H
        return adjoint_of(triangular_solve_op(r, adjoint_of(x), lower=False))

    q_part = matmul(q, g_q, adjoint_a=True)
    r_part = matmul(r, g_r, adjoint_b=True)
    skew = (q_part - adjoint_of(q_part)) + (r_part - adjoint_of(r_part))
    inner = g_r + divided(band_part_op(skew, -1, 0))
    result = matmul(q, inner) + divided(g_q - matmul(q, q_part))
    if q.dtype.is_complex:
        diagonal = diag_part_v1_op(r_part - adjoint_of(q_part))
        imaginary = diag_v1_op(diagonal - cast(real(diagonal), q.dtype.base_dtype))
        result = result + divided(matmul(q, conj(imaginary)))
    return result


# Singular values ----------------------------------------------------------------------------------


def _svd_shape(input, *, compute_uv, full_matrices):
    sizes = input._shape._dims
    if sizes is None:
        return [shapes.UNKNOWN] * 3
    if len(sizes) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(sizes)}")
    *batch, m, n = sizes
    p = None if m is None or n is None else min(m, n)
    s = shapes.of((*batch, p))
    if not compute_uv:
        return [s, shapes.of((0,)), shapes.of((0,))]
    u = (*batch, m, m if full_matrices else p)
    v = (*batch, n, n if full_matrices else p)
    return [s, shapes.of(u), shapes.of(v)]


def _svd(xp, input, *, compute_uv, full_matrices):
    dtype = input.dtype
    x = widened(input)
    if not compute_uv:
        s = xp.linalg.svd(x, compute_uv=False).astype(dtype)
        return s, xp.zeros((0,), dtype), xp.zeros((0,), dtype)
    u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)
    return s.astype(dtype), u.astype(dtype), transposed(xp, vh, True).astype(dtype)


def _svd_grad(g_s, g_u, g_v, input, s, u, v, *, compute_uv, full_matrices):
    """Giles (2008) for the singular values, Townsend (2016) for the vectors."""
    dtype = input.dtype.base_dtype
    g_s = diag_v1_op(cast(g_s, dtype))
    if not compute_uv:
        _, u, v = svd_op(input)
        return matmul(u, matmul(g_s, v, adjoint_b=True))
    m, n = _inner_sizes(input)
    flipped = m > n
    if flipped:  # the gradient of the adjoint, transposed in the end
        m, n, u, v, g_u, g_v = n, m, v, u, g_v, g_u
    if full_matrices and n - m > 1:
        raise NotImplementedError(
            f"the gradient of Svd with full_matrices, where the sizes {m} and {n} differ by over 1"
        )
    s = cast(s, dtype)
    v1, g_v1 = (v, g_v) if _inner_sizes(v)[1] == m else (v[..., :m], g_v[..., :m])
    f = _differences(s * s)
    of_u = f * matmul(u, g_u, adjoint_a=True)
    v_gv = matmul(v1, g_v1, adjoint_a=True)
    of_v = f * v_gv
    s_matrix, inverse = diag_v1_op(s), diag_v1_op(_safe_reciprocal(s))
    middle = g_s + matmul(of_u + adjoint_of(of_u), s_matrix)
    middle = middle + matmul(s_matrix, of_v + adjoint_of(of_v))
    if dtype.is_complex:
        phase = diag_v1_op(diag_part_v1_op(v_gv))
        middle = middle + 0.5 * matmul(inverse, adjoint_of(phase) - phase)
    result = matmul(u, matmul(middle, v1, adjoint_b=True))
    if m != n:
        g_v1 = adjoint_of(g_v1)
        beyond = g_v1 - matmul(matmul(g_v1, v1), v1, adjoint_b=True)
        if full_matrices:
            mixed = matmul(v1, g_v[..., m:n], adjoint_a=True)
            beyond = beyond - matmul(mixed, v[..., m:n], adjoint_b=True)
        result = result + matmul(matmul(u, inverse), beyond)
    return adjoint_of(result) if flipped else result


svd_op, batch_svd_op = (
    op(
        f"{name}(input: T, *, compute_uv: bool = True, full_matrices: bool = False, T: {T})"
        " -> s: T, u: T, v: T",
        "The singular values, in descending order, and the matrices with u @ diag(s) @ v^H = input.",
        shape=_svd_shape,
        grad=_svd_grad,
    )(_svd)
    for name, T in (
        ("Svd", "{double,float,half,complex64,complex128}"),
        ("BatchSvd", "{double,float,complex64,complex128}"),
    )
)

# Eigenvalues --------------------------------------------------------------------------------------


def _eig_shape(input, *, compute_v):
    whole = square_shape(input)
    sizes = whole._dims
    if sizes is None:
        return [shapes.UNKNOWN, shapes.UNKNOWN if compute_v else shapes.of((0,))]
    return [shapes.of(sizes[:-1]), whole if compute_v else shapes.of((0,))]


def _self_adjoint_eig(xp, input, *, compute_v):
    check_square(input)
    x, dtype = widened(input), input.dtype
    more = {} if xp.is_numpy else {"symmetrize_input": False}
    if compute_v:
        e, v = xp.linalg.eigh(x, UPLO="L", **more)
        return e.astype(dtype), v.astype(dtype)
    if not xp.is_numpy:  # eigvalsh of JAX would average the triangles
        return xp.linalg.eigh(x, UPLO="L", **more)[0].astype(dtype), xp.zeros((0,), dtype)
    return np.linalg.eigvalsh(x, UPLO="L").astype(dtype), np.zeros((0,), dtype)


def _self_adjoint_eig_grad(g_e, g_v, input, e, v, *, compute_v):
    if compute_v:
        middle = diag_v1_op(g_e) + _differences(e) * matmul(v, g_v, adjoint_a=True)
    else:
        v = self_adjoint_eig_op(input)[1]
        middle = diag_v1_op(g_e)
    whole = matmul(v, matmul(middle, v, adjoint_b=True))
    # Only the lower triangle was read: what would go to the upper one goes there.
    lower = band_part_op(whole + adjoint_of(whole), -1, 0)
    return set_diag_v1_op(lower, 0.5 * diag_part_v1_op(lower))


self_adjoint_eig_op, batch_self_adjoint_eig_op = (
    op(
        f"{name}(input: T, *, compute_v: bool = True, T: {T}) -> e: T, v: T",
        "The eigenvalues, in ascending order, and eigenvectors of self-adjoint matrices, of which only "
        "the lower triangles are read.",
        shape=_eig_shape,
        grad=_self_adjoint_eig_grad,
    )(_self_adjoint_eig)
    for name, T in (
        ("SelfAdjointEigV2", "{double,float,half,complex64,complex128}"),
        ("BatchSelfAdjointEigV2", "{double,float}"),
    )
)


@op(
    "Eig(input: T, *, compute_v: bool = True, T: {float,double,complex64,complex128},"
    " Tout: {complex64,complex128}) -> e: Tout, v: Tout",
    shape=_eig_shape,
)
def eig_op(xp, input, *, compute_v, Tout):
    """The eigenvalues and eigenvectors of square matrices, in no particular order."""
    check_square(input)
    if not compute_v:
        return xp.linalg.eigvals(input).astype(Tout.np), xp.zeros((0,), Tout.np)
    e, v = xp.linalg.eig(input)
    return e.astype(Tout.np), v.astype(Tout.np)


@eig_op.gradient_rule
def _eig_grad(g_e, g_v, input, e, v, *, compute_v, Tout):
    """Boeddeker, Hanebrink, Drude, Heymann and Haeb-Umbach (2017)."""
    if compute_v:
        adjoint = adjoint_of(v)
        product_v = matmul(adjoint, g_v)
        scale = diag_v1_op(diag_part_v1_op(cast(real(product_v), Tout)))
        rest = product_v - matmul(matmul(adjoint, v), scale)
        middle = diag_v1_op(g_e) + conj(_differences(e)) * rest
    else:
        adjoint = adjoint_of(eig_op(input, Tout=Tout)[1])
        middle = diag_v1_op(g_e)
    result = matrix_solve_op(adjoint, matmul(middle, adjoint))
    if not input.dtype.is_complex:
        result = real(result)
    return cast(result, input.dtype.base_dtype)


# LU -----------------------------------------------------------------------------------------------


def _lu_shape(input):
    whole = square_shape(input)
    sizes = whole._dims
    return [whole, shapes.UNKNOWN if sizes is None else shapes.of(sizes[:-1])]


@op(
    "Lu(input: T, *, T: {double,float,half,complex64,complex128},"
    " output_idx_type: {int32,int64} = int32) -> lu: T, p: output_idx_type",
    shape=_lu_shape,
)
def lu_op(xp, input, *, output_idx_type):
    """L (without its unit diagonal) and U in one matrix, and the row order p: L @ U = input[p]."""
    check_square(input)
    x, kind = widened(input), output_idx_type.np
    if not xp.is_numpy:
        lu, _, order = xp.lax.linalg.lu(x)
        return lu.astype(input.dtype), order.astype(kind)
    lu = np.array(x)
    size = x.shape[-1]
    flat, orders = lu.reshape((-1, size, size)), np.empty(x.shape[:-1], kind)
    rows = orders.reshape((-1, size))
    rows[...] = np.arange(size)
    batch = np.arange(flat.shape[0])
    for i in range(size):  # with partial pivoting, all matrices at once
        pivot = i + np.argmax(np.abs(flat[:, i:, i]), axis=1)
        for each in (flat, rows):
            each[batch, i], each[batch, pivot] = each[batch, pivot], each[batch, i].copy()
        if (flat[:, i, i] == 0).any():
            raise not_invertible()
        flat[:, i + 1 :, i] /= flat[:, i, i, None]
        flat[:, i + 1 :, i + 1 :] -= flat[:, i + 1 :, i, None] * flat[:, None, i, i + 1 :]
    return lu.astype(input.dtype), orders


@lu_op.gradient_rule
def _lu_grad(g_lu, lu, p):
    """dA = P^T L^-H (tril(L^H dL, -1) + triu(dU U^H)) U^-H."""
    ones = REGISTRY["OnesLike"](diag_part_v1_op(lu))
    lower = set_diag_v1_op(band_part_op(lu, -1, 0), ones)
    upper = band_part_op(lu, 0, -1)
    to_upper = band_part_op(g_lu, 0, -1)
    to_lower = g_lu - to_upper
    of_lower = matmul(lower, to_lower, adjoint_a=True)
    of_lower = of_lower - band_part_op(of_lower, 0, -1)
    middle = of_lower + band_part_op(matmul(to_upper, upper, adjoint_b=True), 0, -1)
    left = triangular_solve_op(lower, middle, adjoint=True)
    result = adjoint_of(triangular_solve_op(upper, adjoint_of(left), lower=False))
    one_hot = REGISTRY["OneHot"](
        p, _inner_sizes(lu)[0], *(convert_to_tensor(v, lu.dtype.base_dtype) for v in (1, 0))
    )
    return matmul(one_hot, result, transpose_a=True)


# Functions of matrices ----------------------------------------------------------------------------


def _through_blocks(opdef: Callable[[], Any]) -> Callable:
    """The gradient of a function f of matrices: the corner of f([[A^H, G], [0, A^H]]).

    Mathias, "A chain rule for matrix functions and applications" (1996).
    """

    def grad(g: Any, input: Any) -> Any:
        size = shape_of(input)[-1]
        a = adjoint_of(input)
        concat = REGISTRY["ConcatV2"]
        top = concat([a, g], -1)
        bottom = concat([REGISTRY["ZerosLike"](g), a], -1)
        corner = opdef()(concat([top, bottom], -2))[..., :size, size:]
        corner.set_shape(input.shape)
        return corner

    return grad


def _matrix_function(name: str, doc: str, T: str, function: str, compile: bool) -> Any:
    def lower(xp, input):
        check_square(input)
        if not xp.is_numpy:
            return xp.jax.scipy.linalg.expm(widened(input)).astype(input.dtype)
        import scipy.linalg

        f = getattr(scipy.linalg, function)
        x = input.astype(np.complex128 if input.dtype.kind == "c" else np.float64)
        result = np.empty(x.shape, x.dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # on the accuracy of the last digits
            for index in np.ndindex(x.shape[:-2]):
                value = f(x[index]) if x.shape[-1] else x[index]
                result[index] = value.real if x.dtype.kind == "f" else value
        return result.astype(input.dtype)

    opdef = op(
        f"{name}(input: T, *, T: {T}) -> output: T",
        doc,
        shape=square_shape,
        compile=compile,
        grad=_through_blocks(lambda: opdef),
    )(lower)
    return opdef


matrix_exponential_op = _matrix_function(
    "MatrixExponential",
    "The exponentials of square matrices.",
    "{double,float,half,complex64,complex128}",
    "expm",
    compile=True,
)
matrix_logarithm_op = _matrix_function(
    "MatrixLogarithm",
    "The principal logarithms of square matrices.",
    "COMPLEX",
    "logm",
    compile=False,
)
matrix_square_root_op = _matrix_function(
    "MatrixSquareRoot",
    "The principal square roots of square matrices.",
    "{double,float,half,complex64,complex128}",
    "sqrtm",
    compile=False,
)

# Public functions ---------------------------------------------------------------------------------

# fmt: off
cholesky = public(cholesky_op, "linalg.cholesky", v1=("cholesky",),
                  example=("[[4.0, 2.0], [2.0, 5.0]]", "[[2. 0.]\n [1. 2.]]"))
qr = public(qr_op, "linalg.qr", v1=("qr",), example=("[[2.0]]", "[[1.]]"))
lu = public(lu_op, "linalg.lu", example=("[[2.0, 1.0], [4.0, 4.0]]", "[[ 4.   4. ]\n [ 0.5 -1. ]]"),
            errors="InvalidArgumentError: if a matrix has no inverse.")
logm = public(matrix_logarithm_op, "linalg.logm", example=("[[1.0 + 0.0j]]", "[[0.+0.j]]"))
sqrtm = public(matrix_square_root_op, "linalg.sqrtm", "matrix_square_root", attribute="sqrtm",
               example=("[[4.0, 0.0], [0.0, 9.0]]", "[[2. 0.]\n [0. 3.]]"))
# fmt: on


@export("linalg.svd", v1=("svd",))
def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """The singular value decomposition: tensor = u @ diag(s) @ v^H.

    Args:
      tensor: matrices, of shape `[..., m, n]`.
      full_matrices: make u and v square.
      compute_uv: whether u and v are wanted.

    Returns:
      s, u and v; s alone without `compute_uv`. The singular values s are real and descend.

    >>> import reflow as tf
    >>> print(tf.linalg.svd([[0.0, 2.0], [1.0, 0.0]], compute_uv=False).numpy())
    [2. 1.]
    """
    s, u, v = svd_op(tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    s = real(s)
    return (s, u, v) if compute_uv else s


@export("linalg.eigh", v1=("self_adjoint_eig",))
def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """The eigenvalues, ascending, and the eigenvectors (columns) of self-adjoint matrices.

    Args:
      tensor: matrices, of shape `[..., n, n]`; only their lower triangles are read.

    >>> import reflow as tf
    >>> print(tf.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])[0].numpy())
    [1. 2.]
    """
    return tuple(self_adjoint_eig_op(tensor, compute_v=True, name=name))


@export("linalg.eigvalsh", v1=("self_adjoint_eigvals",))
def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Any:
    """The eigenvalues of self-adjoint matrices, ascending.

    Args:
      tensor: matrices, of shape `[..., n, n]`; only their lower triangles are read.

    >>> import reflow as tf
    >>> print(tf.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).numpy())
    [1. 2.]
    """
    return self_adjoint_eig_op(tensor, compute_v=False, name=name)[0]


def _complex_dtype(tensor: Any) -> Any:
    single = tensor.dtype.base_dtype in (float32, complex64)
    return complex64 if single else complex128


@export(v2=("eig", "linalg.eig"))
def eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """The eigenvalues and eigenvectors (columns) of square matrices, as complex numbers.

    Args:
      tensor: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.eig([[2.0]])[0].numpy())
    [2.+0.j]
    """
    tensor = convert_to_tensor(tensor)
    return tuple(eig_op(tensor, Tout=_complex_dtype(tensor), compute_v=True, name=name))


@export(v2=("eigvals", "linalg.eigvals"))
def eigvals(tensor: Any, name: str | None = None) -> Any:
    """The eigenvalues of square matrices, as complex numbers.

    Args:
      tensor: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.eigvals([[2.0]]).numpy())
    [2.+0.j]
    """
    tensor = convert_to_tensor(tensor)
    return eig_op(tensor, Tout=_complex_dtype(tensor), compute_v=False, name=name)[0]


@export("linalg.expm")
def matrix_exponential(input: Any, name: str | None = None) -> Any:
    """The exponentials of square matrices: the sum of A**k / k!.

    Args:
      input: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy())
    [[1. 1.]
     [0. 1.]]
    """
    with name_scope(name, "matrix_exponential"):
        return matrix_exponential_op(convert_to_tensor(input, name="input"))


@export("linalg.logdet")
def logdet(matrix: Any, name: str | None = None) -> Any:
    """The logarithms of the determinants of positive definite matrices.

    Args:
      matrix: of shape `[..., m, m]`.

    >>> import reflow as tf
    >>> print(tf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]).numpy())
    0.0
    """
    with name_scope(name, "logdet"):
        diagonal = matrix_diag_part(cholesky_op(matrix))
        return 2.0 * reduce_sum(REGISTRY["Log"](real(diagonal)), [-1])
