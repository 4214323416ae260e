"""Calls of tf.linalg.LinearOperator's kin of structured matrices: circulant, Toeplitz, three diagonals,
permutations, blocks."""

import numpy as np

_rng = np.random.default_rng(9)


def _normal(*shape):
    return _rng.standard_normal(shape).astype(np.float32)


_M = _normal(3, 3)
ARRAYS = {
    "m": _M + 3 * np.eye(3, dtype=np.float32),
    "n": _normal(3, 3) + 4 * np.eye(3, dtype=np.float32),
    "w": _normal(3, 3),
    "b": _normal(2, 3, 3) + 3 * np.eye(3, dtype=np.float32),
    "r": np.array([6.0, 3.0, 3.0], np.float32),
    "rr": (_normal(2, 3) + 5).astype(np.float32),
    "d": (_normal(3, 3) + [[0], [5], [0]]).astype(np.float32),
    "dd": (_normal(2, 3, 3) + [[0], [5], [0]]).astype(np.float32),
    "col": np.array([4.0, 1.0, -0.5], np.float32),
    "row": np.array([4.0, 0.5, 2.0], np.float32),
    "cols": _normal(2, 3) + 3,
    "g": np.array([2, 0, 1], np.int32),
    "gg": np.array([[2, 0, 1], [0, 2, 1]], np.int32),
    "x": _normal(3, 2),
    "xt": _normal(2, 3),
    "y": _normal(2, 3, 4),
    "v": _normal(3),
    "x6": _normal(6, 2),
    "v6": _normal(6),
    "x12": _normal(12, 2),
    "s2": (_normal(2, 3) + 4).astype(np.float32),
    "s3": (_normal(2, 3, 2) + 4).astype(np.float32),
    "c": (_normal(3) + 1j * _normal(3) + 3).astype(np.complex64),
    "cc": (_normal(3) + 1j * _normal(3)).astype(np.complex64),
    "cx": (_normal(3, 2) + 1j * _normal(3, 2)).astype(np.complex64),
    "cd": (_normal(3, 3) + [[0], [5], [0]] + 1j * _normal(3, 3)).astype(np.complex64),
    "k2": (_normal(2, 3) + 1j * _normal(2, 3) + 3).astype(np.complex64),
    "cx6": (_normal(6, 2) + 1j * _normal(6, 2)).astype(np.complex64),
}

_BLOCKS = "tf.linalg.LinearOperatorBlockLowerTriangular([[{0}m)], [{0}w), {1}n)]])".format(
    "tf.linalg.LinearOperatorFullMatrix(", "tf.linalg.LinearOperatorLowerTriangular("
)
_THREE = """
{o}.matmul(x)
{o}.matmul(xt, adjoint_arg=True)
{o}.matmul(x, adjoint=True)
{o}.matmul(y)
{o}.matvec(v)
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
{o}.cond()
"""
_OPERATORS = [
    "tf.linalg.LinearOperatorCirculant(r, input_output_dtype=tf.float32)",
    "tf.linalg.LinearOperatorCirculant(rr, input_output_dtype=tf.float32)",
    "tf.linalg.LinearOperatorToeplitz(col, row)",
    "tf.linalg.LinearOperatorToeplitz(cols, row)",
    "tf.linalg.LinearOperatorTridiag(d)",
    "tf.linalg.LinearOperatorTridiag(dd)",
    "tf.linalg.LinearOperatorTridiag(m, diagonals_format='matrix')",
    "tf.linalg.LinearOperatorTridiag([d[0], d[1], d[2]], diagonals_format='sequence')",
    "tf.linalg.LinearOperatorPermutation(g)",
]
# TensorFlow does not broadcast batches of these.
_NOT = (
    "Toeplitz(cols, row).mat",
    "Tridiag(d).matmul(y)",
    "Tridiag(dd).mat",
    "'matrix').matmul(y)",
    "'sequence').matmul(y)",
)
_LINES = "".join(_THREE.format(o=text) for text in _OPERATORS).splitlines()
CALLS = "\n".join(line for line in _LINES if not any(each in line for each in _NOT)) + "\n"
CALLS += "tf.linalg.LinearOperatorTridiag(dd).matmul(y)\n"
CALLS += "".join(
    _THREE.format(o=_BLOCKS)
    .replace("(x", "(x6")
    .replace("x6t", "tf.transpose(x6)")
    .replace("(v)", "(v6)")
    .replace("matmul(y)", "matmul(x6[None])")
    .replace("add_to_tensor(m)", "add_to_tensor(v6)")
)
_CIRCULANT = """
{o}.matmul({x})
{o}.matmul({x}, adjoint=True)
{o}.solve({x})
{o}.solve({x}, adjoint=True)
{o}.to_dense()
{o}.adjoint().to_dense()
{o}.inverse().to_dense()
{o}.trace()
{o}.diag_part()
{o}.cond()
{o}.convolution_kernel()
{o}.block_shape_tensor()
({o} @ {o}).to_dense()
{o}.solve({o}).to_dense()
"""
for _text, _x in (
    ("Circulant(c)", "cx"),
    ("Circulant(r)", "cx"),
    ("Circulant2D(k2)", "cx6"),
    ("Circulant2D(s2, input_output_dtype=tf.float32)", "x6"),
    ("Circulant3D(s3, input_output_dtype=tf.float32)", "x12"),
):
    CALLS += _CIRCULANT.format(o=f"tf.linalg.LinearOperator{_text}", x=_x)
_COMPLEX = """
{o}.matmul(cx)
{o}.matmul(cx, adjoint=True)
{o}.to_dense()
{o}.adjoint().to_dense()
{o}.trace()
"""
for _text in ("Toeplitz(cc, c)", "Tridiag(cd)", "Permutation(g, dtype=tf.complex64)"):
    CALLS += _COMPLEX.format(o=f"tf.linalg.LinearOperator{_text}")
CALLS += f"""
tf.linalg.LinearOperatorCirculant(c).eigvals()
tf.linalg.LinearOperatorCirculant(r).eigvals()
tf.linalg.LinearOperatorCirculant(r, tf.float32, is_positive_definite=True).cholesky().to_dense()
tf.linalg.LinearOperatorCirculant(r, is_square=False)
tf.linalg.LinearOperatorCirculant(r, is_self_adjoint=False)
tf.linalg.LinearOperatorCirculant(r[0])
tf.linalg.LinearOperatorCirculant2D(r)
tf.linalg.LinearOperatorCirculant3D(s2)
tf.linalg.LinearOperatorCirculant(r).matmul(x)
tf.linalg.LinearOperatorToeplitz(col, row[:2])
tf.linalg.LinearOperatorToeplitz(col[0], row)
tf.linalg.LinearOperatorToeplitz(col, row, is_square=False)
tf.linalg.LinearOperatorTridiag(d, diagonals_format="other")
tf.linalg.LinearOperatorTridiag(d, is_self_adjoint=True).adjoint().to_dense()
(tf.linalg.LinearOperatorTridiag(d) @ tf.linalg.LinearOperatorFullMatrix(m)).to_dense()
tf.linalg.LinearOperatorPermutation([1, 2])
tf.linalg.LinearOperatorPermutation([0, 0])
tf.linalg.LinearOperatorPermutation(v)
tf.linalg.LinearOperatorPermutation(1)
tf.linalg.LinearOperatorPermutation(g, is_non_singular=False)
tf.linalg.LinearOperatorPermutation(g, is_square=False)
tf.linalg.LinearOperatorPermutation(g).assert_positive_definite()
tf.linalg.LinearOperatorPermutation([1, 0], is_self_adjoint=True).eigvals()
tf.linalg.LinearOperatorPermutation(gg).matmul(y)
tf.linalg.LinearOperatorPermutation(gg).matmul(x)
tf.linalg.LinearOperatorPermutation(gg).matmul(y, adjoint=True)
tf.linalg.LinearOperatorPermutation(gg).solve(x)
tf.linalg.LinearOperatorPermutation(gg).determinant()
tf.linalg.LinearOperatorPermutation(gg, dtype=tf.float64).to_dense()
{_BLOCKS}.matmul([x, x])
{_BLOCKS}.matmul([x, x], adjoint=True)
{_BLOCKS}.matvec([v, v])
{_BLOCKS}.matvec([v, v], adjoint=True)
{_BLOCKS}.solve([x, x])
{_BLOCKS}.solve([x, x], adjoint=True)
{_BLOCKS}.solvevec([v, v])
{_BLOCKS}.matmul([x, x6])
{_BLOCKS}.inverse().matmul(x6)
tf.linalg.LinearOperatorBlockLowerTriangular([])
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m)], [tf.linalg.LinearOperatorFullMatrix(n)]])
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m)], [tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(m[:2, :2])]])
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(x)]])
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m)]], is_square=False)
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m, is_non_singular=True)]], is_non_singular=False)
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m)], [tf.linalg.LinearOperatorFullMatrix(c), tf.linalg.LinearOperatorFullMatrix(m)]])
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(b)], [tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)]]).matmul(x6)
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(b)], [tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)]]).to_dense()
tf.linalg.LinearOperatorBlockLowerTriangular([[tf.linalg.LinearOperatorFullMatrix(m)], [tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)], [tf.linalg.LinearOperatorFullMatrix(n), tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)]]).inverse().to_dense()
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)]).matvec([v, v])
tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorFullMatrix(m), tf.linalg.LinearOperatorFullMatrix(n)]).solvevec([v, v], adjoint=True)
"""


def _raised(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def properties(tf, np):
    make = tf.linalg
    complex_spectrum = tf.constant([6.0 + 1j, 4, 2], tf.complex64)
    circulant = make.LinearOperatorCirculant(complex_spectrum)
    real = make.LinearOperatorCirculant([6.0, 4.0, 4.0], input_output_dtype=tf.float32)
    plane = make.LinearOperatorCirculant2D(tf.ones([5, 2, 3], tf.complex64))
    space = make.LinearOperatorCirculant3D(tf.ones([2, 3, 2]), is_non_singular=True)
    toeplitz = make.LinearOperatorToeplitz([1.0, 2.0, 3.0], [1.0, 4.0, 5.0])
    three = make.LinearOperatorTridiag([[1.0, 2, 9], [3, 4, 5], [9, 6, 7]])
    order = make.LinearOperatorPermutation([1, 2, 0])
    full, diag = make.LinearOperatorFullMatrix(np.eye(3)), make.LinearOperatorDiag([1.0, 2.0, 3.0])
    blocks = make.LinearOperatorBlockLowerTriangular([[diag], [diag, diag]])
    definite = make.LinearOperatorBlockLowerTriangular([[diag]], is_positive_definite=True)
    sure = make.LinearOperatorBlockLowerTriangular(
        [[make.LinearOperatorIdentity(2)], [make.LinearOperatorZeros(2), make.LinearOperatorIdentity(2)]]
    )  # fmt: skip
    every = [
        circulant, real, plane, space, toeplitz, three, order, blocks, definite, sure,
        circulant.adjoint(), circulant.inverse(), circulant @ circulant, real @ real, real @ diag,
        plane @ plane, plane.inverse(), space.adjoint(), plane.adjoint(), toeplitz.inverse(),
        toeplitz.adjoint(), three.adjoint(), three.inverse(), order.adjoint(), order.inverse(),
        order @ order, blocks.inverse(), blocks.adjoint(), blocks @ blocks,
    ]  # fmt: skip
    result = []
    for each in every:
        hints = [
            each.is_square,
            each.is_non_singular,
            each.is_self_adjoint,
            each.is_positive_definite,
        ]
        result += [type(each).__name__, each.name, str(hints), str(each.shape), each.dtype.name]
        result.append(str(sorted(each.parameters)))
    result += [
        str([circulant.block_depth, plane.block_depth, space.block_depth, space.block_shape]),
        circulant.spectrum, toeplitz.row, toeplitz.col, three.diagonals, three.diagonals_format,
        order.perm, str([len(row) for row in blocks.operators]),
    ]  # fmt: skip
    for call in (
        make.LinearOperatorCirculant([6.0, 0.0, 4.0]).assert_non_singular, real.assert_non_singular,
        make.LinearOperatorCirculant([6.0, -1.0, 4.0]).assert_positive_definite,
        real.assert_positive_definite, circulant.assert_self_adjoint, real.assert_self_adjoint,
        order.assert_non_singular, order.assert_self_adjoint, order.assert_positive_definite,
        toeplitz.assert_self_adjoint, three.assert_self_adjoint, three.assert_non_singular,
        blocks.assert_non_singular, lambda: circulant @ full, lambda: order.eigvals(),
    ):  # fmt: skip
        result.append(_raised(call))
    return result


def values_only(tf, np):
    """TensorFlow's gradients of complex determinants lack a conjugate."""
    found = []
    for text in ("Circulant(c)", "Circulant2D(k2)", "Toeplitz(cc, c)", "Tridiag(cd)"):
        names = {"tf": tf, **{key: tf.constant(ARRAYS[key]) for key in ("c", "cc", "k2", "cd")}}
        operator = eval(f"tf.linalg.LinearOperator{text}", names)
        found += [operator.determinant(), operator.log_abs_determinant()]
    return [*found, tf.linalg.LinearOperatorCirculant(ARRAYS["r"]).log_abs_determinant()]


PROGRAMS = [properties, values_only]
