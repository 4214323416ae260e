"""Calls of tf.linalg.LinearOperator and its kin."""

import numpy as np

_rng = np.random.default_rng(8)


def _normal(*shape):
    return _rng.standard_normal(shape).astype(np.float32)


_A = _normal(3, 3)
ARRAYS = {
    "m": _A + 3 * np.eye(3, dtype=np.float32),
    "p": (_A @ _A.T + np.eye(3)).astype(np.float32),
    "w": _normal(2, 3),
    "b": _normal(2, 3, 3) + 3 * np.eye(3, dtype=np.float32),
    "d": np.array([1.5, -2.0, 3.0], np.float32),
    "c": (_normal(3) + 1j * _normal(3)).astype(np.complex64),
    "cm": (_normal(3, 3) + 1j * _normal(3, 3)).astype(np.complex64),
    "cx": (_normal(3, 2) + 1j * _normal(3, 2)).astype(np.complex64),
    "x": _normal(3, 2),
    "xt": _normal(2, 3),
    "y": _normal(2, 3, 4),
    "v": _normal(3),
    "x6": _normal(6, 2),
    "x9": _normal(9, 2),
    "s": np.array([2.0, -3.0], np.float32),
}

OPERATORS = {
    "full": "tf.linalg.LinearOperatorFullMatrix(m)",
    "definite": "tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True)",
    "batch": "tf.linalg.LinearOperatorFullMatrix(b)",
    "lower": "tf.linalg.LinearOperatorLowerTriangular(m)",
    "diag": "tf.linalg.LinearOperatorDiag(d)",
    "identity": "tf.linalg.LinearOperatorIdentity(3)",
    "scaled": "tf.linalg.LinearOperatorScaledIdentity(3, 2.5)",
    "scales": "tf.linalg.LinearOperatorScaledIdentity(3, s)",
    "adjoint": "tf.linalg.LinearOperatorAdjoint(tf.linalg.LinearOperatorFullMatrix(m))",
    "inverse": "tf.linalg.LinearOperatorInversion(tf.linalg.LinearOperatorFullMatrix(m))",
    "composed": "tf.linalg.LinearOperatorComposition([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(d)])",
    "house": "tf.linalg.LinearOperatorHouseholder(v)",
    "low_rank": "tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorFullMatrix(m), x, s, m[:, 1:])",
    "low_rank_definite": "tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True), x)",
    "low_rank_batch": "tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorFullMatrix(b), x, s)",
}
_COMMON = """
{o}.matmul(x)
{o}.matmul(xt, adjoint_arg=True)
{o}.matmul(x, adjoint=True)
{o}.matmul(y)
{o}.matvec(v)
{o}.matvec(v, adjoint=True)
{o}.solve(x)
{o}.solve(x, adjoint=True)
{o}.solvevec(v)
{o}.to_dense()
{o}.diag_part()
{o}.trace()
{o}.determinant()
{o}.log_abs_determinant()
{o}.adjoint().to_dense()
{o}.inverse().to_dense()
{o}.add_to_tensor(m)
{o}.shape_tensor()
"""

# TensorFlow cannot add a matrix to an operator with a batch of multipliers.
_NOT = "(3, s).add_to_tensor(m)"
_LINES = "".join(_COMMON.format(o=text) for text in OPERATORS.values()).splitlines()
CALLS = "\n".join(line for line in _LINES if _NOT not in line)
CALLS += """
tf.linalg.LinearOperatorZeros(2, 3, is_square=False, is_self_adjoint=False).matmul(x)
tf.linalg.LinearOperatorZeros(2, 3, is_square=False, is_self_adjoint=False).to_dense()
tf.linalg.LinearOperatorFullMatrix(w).matmul(x)
tf.linalg.LinearOperatorFullMatrix(w).matvec(v)
tf.linalg.LinearOperatorFullMatrix(w).matvec(d[:2], adjoint=True)
tf.linalg.LinearOperatorFullMatrix(w).determinant()
tf.linalg.LinearOperatorFullMatrix(w).solve(x)
tf.linalg.LinearOperatorFullMatrix(w).inverse()
tf.linalg.LinearOperatorFullMatrix(v)
tf.linalg.LinearOperatorFullMatrix([[1, 2], [3, 4]])
tf.linalg.LinearOperatorFullMatrix(m).matmul(xt)
tf.linalg.LinearOperatorFullMatrix(m).matmul(cx)
tf.linalg.LinearOperatorFullMatrix(m).cholesky()
tf.linalg.LinearOperatorFullMatrix(m).eigvals()
tf.linalg.LinearOperatorFullMatrix(m).cond()
tf.linalg.LinearOperatorFullMatrix(m, is_non_singular=False).solve(x)
tf.linalg.LinearOperatorFullMatrix(m, is_non_singular=True, is_square=False)
tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True).cholesky().to_dense()
tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True).eigvals()
tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True).cond()
tf.linalg.LinearOperatorFullMatrix(cm).matmul(cx, adjoint=True)
tf.linalg.LinearOperatorFullMatrix(cm).H.to_dense()
tf.linalg.LinearOperatorFullMatrix(cm).solve(cx, adjoint=True)
tf.linalg.LinearOperatorDiag(c).matmul(cx, adjoint=True)
tf.linalg.LinearOperatorDiag(c).adjoint().diag_part()
tf.linalg.LinearOperatorDiag(c).solve(cx)
tf.linalg.LinearOperatorDiag(d).cond()
tf.linalg.LinearOperatorDiag(d).eigvals()
tf.linalg.LinearOperatorDiag(tf.abs(d), is_positive_definite=True).cholesky().to_dense()
tf.linalg.LinearOperatorDiag(d, is_self_adjoint=False)
tf.linalg.LinearOperatorDiag(d).matmul(tf.linalg.LinearOperatorDiag(d)).to_dense()
(tf.linalg.LinearOperatorDiag(d) @ tf.linalg.LinearOperatorFullMatrix(m)).to_dense()
(tf.linalg.LinearOperatorIdentity(3) @ tf.linalg.LinearOperatorFullMatrix(m)).to_dense()
(tf.linalg.LinearOperatorFullMatrix(m) @ tf.linalg.LinearOperatorIdentity(3)).to_dense()
tf.linalg.LinearOperatorDiag(d).solve(tf.linalg.LinearOperatorFullMatrix(m)).to_dense()
tf.linalg.LinearOperatorFullMatrix(m).matmul(tf.linalg.LinearOperatorFullMatrix(w), adjoint_arg=True).to_dense()
tf.linalg.LinearOperatorIdentity(3, batch_shape=[2]).matmul(x)
tf.linalg.LinearOperatorIdentity(3, batch_shape=[2]).to_dense()
tf.linalg.LinearOperatorIdentity(3, batch_shape=[2]).trace()
tf.linalg.LinearOperatorIdentity(3, dtype=tf.float64).to_dense()
tf.linalg.LinearOperatorIdentity(3).cond()
tf.linalg.LinearOperatorIdentity(-3)
tf.linalg.LinearOperatorIdentity(3, is_non_singular=False)
tf.linalg.LinearOperatorScaledIdentity(3, s).to_dense()
tf.linalg.LinearOperatorScaledIdentity(3, s).cond()
tf.linalg.LinearOperatorScaledIdentity(3, 4.0, is_positive_definite=True).cholesky().to_dense()
tf.linalg.LinearOperatorZeros(3).matmul(x)
tf.linalg.LinearOperatorZeros(2, 3).matmul(x)
tf.linalg.LinearOperatorZeros(2, 3).to_dense()
tf.linalg.LinearOperatorZeros(3).solve(x)
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).matmul(x6)
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).matmul(x6, adjoint=True)
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).solve(x6)
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).to_dense()
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).determinant()
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).log_abs_determinant()
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorDiag(s)]).trace()
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(w), tf.linalg.LinearOperatorFullMatrix(m)]).matmul(x9)
tf.linalg.LinearOperatorKronecker([tf.linalg.LinearOperatorFullMatrix(b), tf.linalg.LinearOperatorDiag(s)]).matmul(x6)
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorLowerTriangular(m)]).matmul(x6)
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorLowerTriangular(m)]).matmul([x, x])
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorLowerTriangular(m)]).solve(x6, adjoint=True)
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorLowerTriangular(m)]).to_dense()
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorLowerTriangular(m)]).determinant()
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(w), tf.linalg.LinearOperatorFullMatrix(m)]).matmul(x6)
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(b), tf.linalg.LinearOperatorFullMatrix(m)]).to_dense()
tf.linalg.LinearOperatorComposition([])
tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True), v, max_iter=2)
tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True), v)[1]
tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True), tf.stack([v, d]), tol=0.01).x
tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(p, is_self_adjoint=True, is_positive_definite=True), v, preconditioner=tf.linalg.LinearOperatorDiag(1.0 / tf.linalg.diag_part(p), is_self_adjoint=True, is_positive_definite=True), x=d, max_iter=2)
tf.linalg.experimental.conjugate_gradient(tf.linalg.LinearOperatorFullMatrix(m), v)
tf.linalg.LinearOperatorHouseholder(v).cond()
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(c), cx).matmul(cx, adjoint=True)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(c), cx, c[:2], cm[:, 1:]).solve(cx, adjoint=True)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(c), cx, c[:2], cm[:, 1:]).diag_part()
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x).cond()
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x, s).diag_operator.to_dense()
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x).cholesky()
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), xt)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x, d)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x, is_diag_update_positive=False)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag(d), x, is_self_adjoint=False)
tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorZeros(3), x).solve(x)
"""

_COMPLEX = [
    "FullMatrix(cm)",
    "FullMatrix(cm @ tf.linalg.adjoint(cm), is_self_adjoint=True, is_positive_definite=True)",
    "LowerTriangular(cm)",
    "Diag(c)",
    "Identity(3, dtype=tf.complex64)",
    "ScaledIdentity(3, c[0])",
    "Adjoint(tf.linalg.LinearOperatorFullMatrix(cm))",
    "Inversion(tf.linalg.LinearOperatorFullMatrix(cm))",
    "Composition([tf.linalg.LinearOperatorFullMatrix(cm), tf.linalg.LinearOperatorDiag(c)])",
    "Kronecker([tf.linalg.LinearOperatorFullMatrix(cm), tf.linalg.LinearOperatorDiag(c)])",
    "BlockDiag([tf.linalg.LinearOperatorFullMatrix(cm), tf.linalg.LinearOperatorDiag(c)])",
    "Householder(c)",
    "LowRankUpdate(tf.linalg.LinearOperatorDiag(c), cx)",
]
CALLS += "".join(
    f"tf.linalg.LinearOperator{text}.{method}()\n"
    for text in _COMPLEX[:-1]
    for method in ("log_abs_determinant", "cond")
)


def _raised(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def properties(tf, np):
    make = tf.linalg
    full = make.LinearOperatorFullMatrix([[1.0, 2.0], [3.0, 4.0]])
    diag = make.LinearOperatorDiag([1.0, 2.0])
    wide = make.LinearOperatorFullMatrix([[1.0, 2.0, 3.0]])
    every = [
        full, diag, wide, make.LinearOperatorIdentity(2), make.LinearOperatorScaledIdentity(2, 3.0),
        make.LinearOperatorComposition([diag, full]), make.LinearOperatorKronecker([full, diag]),
        make.LinearOperatorBlockDiag([full, diag]), make.LinearOperatorAdjoint(full),
        make.LinearOperatorInversion(full), make.LinearOperatorZeros(2),
        make.LinearOperatorLowerTriangular([[1.0, 0.0], [2.0, 3.0]]),
        make.LinearOperatorHouseholder([1.0, 2.0]), diag @ diag, full @ diag,
        make.LinearOperatorLowRankUpdate(full, [[1.0], [2.0]]),
        make.LinearOperatorLowRankUpdate(full, [[1.0], [2.0]], [2.0], is_diag_update_positive=True),
        make.LinearOperatorLowRankUpdate(
            make.LinearOperatorDiag([1.0, 2.0], is_positive_definite=True), [[1.0], [2.0]]
        ),
    ]  # fmt: skip
    result = []
    for each in every:
        hints = [
            each.is_square,
            each.is_non_singular,
            each.is_self_adjoint,
            each.is_positive_definite,
        ]
        result += [each.name, str(hints), str(each.shape), str(each.batch_shape), each.dtype.name]
        result += [str((each.tensor_rank, each.domain_dimension, each.range_dimension))]
    result += [
        full.domain_dimension_tensor(), full.range_dimension_tensor(), full.batch_shape_tensor(),
        full.tensor_rank_tensor(), type(full.H).__name__, type(diag.inverse()).__name__,
        type(diag @ diag).__name__, type(make.LinearOperatorIdentity(2) @ full).__name__,
        str(sorted(full.parameters)[:1]),
    ]  # fmt: skip
    for call in (
        full.assert_non_singular, full.assert_self_adjoint, full.assert_positive_definite,
        make.LinearOperatorFullMatrix([[1.0, 2.0], [2.0, 4.0]]).assert_non_singular,
        make.LinearOperatorDiag([1.0, 0.0]).assert_non_singular, diag.assert_non_singular,
        make.LinearOperatorDiag([1.0, -1.0]).assert_positive_definite, diag.assert_positive_definite,
        make.LinearOperatorDiag([1.0 + 1j, 1.0]).assert_self_adjoint, diag.assert_self_adjoint,
        make.LinearOperatorScaledIdentity(2, 0.0).assert_non_singular,
        make.LinearOperatorFullMatrix([[1.0, 2.0], [2.0, 1.0]], is_self_adjoint=True).assert_positive_definite,
        make.LinearOperatorDiag([1.0, 2.0], is_non_singular=False).inverse,
        lambda: make.LinearOperatorAdjoint(diag, is_self_adjoint=False),
    ):  # fmt: skip
        result.append(_raised(call))
    return result


def complex_determinants(tf, np):
    """Values only: TensorFlow's gradient of a complex determinant lacks a conjugate."""
    updated = f"tf.linalg.LinearOperator{_COMPLEX[-1]}"
    names = {"tf": tf, **{key: tf.constant(ARRAYS[key]) for key in ("c", "cm", "cx")}}
    found = [eval(f"tf.linalg.LinearOperator{text}", names).determinant() for text in _COMPLEX]
    return [*found, eval(updated, names).log_abs_determinant(), eval(updated, names).cond()]


PROGRAMS = [properties, complex_determinants]
