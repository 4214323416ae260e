"""Functions of `tf.experimental.numpy` that work element by element."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang.dtypes import bool as boolean
from reflow.lang.export import export_value
from reflow.ops import bitwise, compare, math
from reflow.ops.cast import cast
from reflow.ops.clip import clip_by_value
from reflow.ops.control_flow.while_loop import while_loop
from reflow.ops.filling import ones_like, zeros_like
from reflow.ops.masking import where
from reflow.ops.math import complex as complex_ops
from reflow.ops.math import division, powers, rounding, trigonometry
from reflow.ops.numpy_api.dtypes import as_float, asarray, default_float, promoted, published
from reflow.ops.reduce import reduce_any


def _described(name: str, function: Callable[..., Any], said: str, *names: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = f"{said}: `numpy.{name}` of tensors."
    export_value(__name__, name, *[f"experimental.numpy.{n}" for n in (names or (name,))])
    return function


def _unary(name: str, compute: Callable[[Any], Any], *names: str, floats: bool = False) -> Any:
    """A function of one array; with `floats`, integers become floating-point numbers first."""
    ready = as_float if floats else asarray
    return _described(name, lambda x: compute(ready(x)), "Element by element", *names)


def _binary(
    name: str, compute: Callable[[Any, Any], Any], *names: str, floats: bool = False
) -> Any:
    """A function of two arrays, which are promoted to one dtype."""

    def function(x1: Any, x2: Any) -> Any:
        x1, x2 = promoted(x1, x2)
        return compute(as_float(x1), as_float(x2)) if floats else compute(x1, x2)

    return _described(name, function, "Element by element, in the common dtype", *names)


def _of_truth(name: str, compute: Callable[..., Any]) -> Any:
    """A function of two truth values: what is not 0 is true."""

    def function(x1: Any, x2: Any) -> Any:
        return compute(cast(asarray(x1), boolean), cast(asarray(x2), boolean))

    return _described(name, function, "Element by element, where all but 0 is true")


def _unless_bool(numbers: Callable[..., Any], truth: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: (truth if values[0].dtype.is_bool else numbers)(*values)


def _scaled(factor: float) -> Callable[[Any], Any]:
    return lambda x: x * factor


abs = _unary("abs", math.abs, "abs", "absolute", "fabs")
negative = _unary("negative", math.neg)
positive = _unary("positive", lambda x: x)
square = _unary("square", math.square)
reciprocal = _unary("reciprocal", division.reciprocal)
conjugate = _unary("conjugate", math.conj, "conj", "conjugate")
bitwise_not = _unary("bitwise_not", _unless_bool(bitwise.invert, compare.logical_not))
sqrt = _unary("sqrt", powers.sqrt, floats=True)
exp = _unary("exp", powers.exp, floats=True)
expm1 = _unary("expm1", powers.expm1, floats=True)
log = _unary("log", powers.log, floats=True)
log1p = _unary("log1p", powers.log1p, floats=True)
log2 = _unary("log2", lambda x: powers.log(x) / np.log(2), floats=True)
log10 = _unary("log10", lambda x: powers.log(x) / np.log(10), floats=True)
exp2 = _unary("exp2", lambda x: powers.pow(2.0 * ones_like(x), x), floats=True)
floor = _unary("floor", rounding.floor, floats=True)
ceil = _unary("ceil", rounding.ceil, floats=True)
sin = _unary("sin", trigonometry.sin, floats=True)
cos = _unary("cos", trigonometry.cos, floats=True)
tan = _unary("tan", trigonometry.tan, floats=True)
sinh = _unary("sinh", trigonometry.sinh, floats=True)
cosh = _unary("cosh", trigonometry.cosh, floats=True)
tanh = _unary("tanh", trigonometry.tanh, floats=True)
arcsin = _unary("arcsin", trigonometry.asin, floats=True)
arccos = _unary("arccos", trigonometry.acos, floats=True)
arctan = _unary("arctan", trigonometry.atan, floats=True)
arcsinh = _unary("arcsinh", trigonometry.asinh, floats=True)
arccosh = _unary("arccosh", trigonometry.acosh, floats=True)
arctanh = _unary("arctanh", trigonometry.atanh, floats=True)
deg2rad = _unary("deg2rad", _scaled(np.pi / 180), floats=True)
rad2deg = _unary("rad2deg", _scaled(180 / np.pi), floats=True)
cbrt = _unary("cbrt", lambda x: math.sign(x) * powers.pow(math.abs(x), 1 / 3), floats=True)
fix = _unary("fix", lambda x: where(x > 0, rounding.floor(x), rounding.ceil(x)), floats=True)
isnan = _unary("isnan", compare.is_nan, floats=True)
isinf = _unary("isinf", compare.is_inf, floats=True)
isfinite = _unary("isfinite", compare.is_finite, floats=True)
isposinf = _unary("isposinf", lambda x: compare.equal(x, np.inf), floats=True)
isneginf = _unary("isneginf", lambda x: compare.equal(x, -np.inf), floats=True)
signbit = _unary("signbit", lambda x: x < 0, floats=True)


@published()
def real(val: Any) -> Any:
    """Element by element: `numpy.real` of tensors."""
    return complex_ops.real(asarray(val))


@published()
def imag(val: Any) -> Any:
    """Element by element: `numpy.imag` of tensors."""
    val = asarray(val)
    return complex_ops.imag(val) if val.dtype.is_complex else zeros_like(val)


@published()
def sign(x: Any, out: Any = None, where: Any = None, **kwargs: Any) -> Any:
    """Element by element: `numpy.sign` of tensors.

    Raises:
      ValueError: for `out`, `where` and further arguments of NumPy's function.
    """
    for what, given in (("out", out), ("where", where)):
        if given is not None:
            raise ValueError(f"tf.numpy doesnt support setting {what}.")
    if kwargs:
        raise ValueError(f"tf.numpy doesnt support setting {kwargs.keys()}")
    return math.sign(asarray(x))


isreal = _unary(
    "isreal",
    lambda x: compare.equal(complex_ops.imag(x), 0) if x.dtype.is_complex else _all_true(x),
)
iscomplex = _unary(
    "iscomplex",
    lambda x: compare.not_equal(complex_ops.imag(x), 0) if x.dtype.is_complex else ~_all_true(x),
)


def _all_true(x: Any) -> Any:
    return ones_like(x, boolean)


def _sinc(x: Any) -> Any:
    zero, one = compare.equal(x, 0), ones_like(x)
    by = np.pi * where(zero, one, x)
    return where(zero, one, trigonometry.sin(by) / by)


def _log_sum(log1p: Callable[[Any], Any], exp: Callable[[Any], Any]) -> Callable[..., Any]:
    """Of `logaddexp` and its like: infinities that are equal have no difference."""

    def function(x: Any, y: Any) -> Any:
        most, distance = math.maximum(x, y), x - y
        known = most + log1p(exp(-math.abs(distance)))
        return where(compare.is_nan(distance), x + y, known)

    return function


def _step(x: Any, middle: Any) -> Any:
    return where(x < 0, zeros_like(x), where(x > 0, ones_like(x), middle))


sinc = _unary("sinc", _sinc, floats=True)
add = _binary("add", _unless_bool(math.add, compare.logical_or))
subtract = _binary("subtract", math.subtract)
multiply = _binary("multiply", _unless_bool(math.multiply, compare.logical_and))
true_divide = _binary(
    "true_divide",
    _unless_bool(division.truediv, lambda x, y: as_float(x) / as_float(y)),
    "true_divide",
    "divide",
)
floor_divide = _binary("floor_divide", division.floordiv)
mod = _binary("mod", division.floor_mod, "mod", "remainder")
power = _binary("power", powers.pow, "power", "float_power")
maximum = _binary("maximum", _unless_bool(math.maximum, compare.logical_or))
minimum = _binary("minimum", _unless_bool(math.minimum, compare.logical_and))
arctan2 = _binary("arctan2", trigonometry.atan2, floats=True)
hypot = _binary("hypot", lambda x, y: powers.sqrt(x * x + y * y), floats=True)
logaddexp = _binary("logaddexp", _log_sum(powers.log1p, powers.exp), floats=True)
logaddexp2 = _binary(
    "logaddexp2",
    _log_sum(lambda x: powers.log1p(x) / np.log(2), lambda x: powers.exp(x * np.log(2))),
    floats=True,
)
heaviside = _binary("heaviside", _step, floats=True)
nextafter = _binary("nextafter", rounding.nextafter, floats=True)
equal = _binary("equal", compare.equal)
not_equal = _binary("not_equal", compare.not_equal)
less = _binary("less", compare.less)
less_equal = _binary("less_equal", compare.less_equal)
greater = _binary("greater", compare.greater)
greater_equal = _binary("greater_equal", compare.greater_equal)
bitwise_and = _binary("bitwise_and", _unless_bool(bitwise.bitwise_and, compare.logical_and))
bitwise_or = _binary("bitwise_or", _unless_bool(bitwise.bitwise_or, compare.logical_or))
bitwise_xor = _binary("bitwise_xor", _unless_bool(bitwise.bitwise_xor, compare.logical_xor))
logical_and = _of_truth("logical_and", compare.logical_and)
logical_or = _of_truth("logical_or", compare.logical_or)
logical_xor = _of_truth("logical_xor", compare.logical_xor)
logical_not = _unary("logical_not", lambda x: compare.logical_not(cast(x, boolean)))


def _gcd(x: Any, y: Any) -> Any:
    """Euclid's algorithm, for all elements until none has a remainder."""
    x, y = math.abs(x) + zeros_like(y), math.abs(y) + zeros_like(x)
    one = ones_like(y)

    def step(x: Any, y: Any) -> Any:
        done = compare.equal(y, 0)
        rest = division.floor_mod(x, where(done, one, y))
        return where(done, x, y), where(done, y, rest)

    return while_loop(lambda x, y: reduce_any(compare.not_equal(y, 0)), step, (x, y))[0]


def _lcm(x: Any, y: Any) -> Any:
    common = _gcd(x, y)
    none = compare.equal(common, 0)
    parts = division.floordiv(x, where(none, ones_like(common), common))
    return where(none, common, math.abs(parts * y))


gcd = _binary("gcd", _gcd)
lcm = _binary("lcm", _lcm)


@published()
def divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Quotients rounded down, and what is left: `numpy.divmod` of tensors."""
    return floor_divide(x1, x2), mod(x1, x2)


@published()
def angle(z: Any, deg: bool = False) -> Any:
    """The angles of complex numbers.

    Args:
      z: an array.
      deg: whether in degrees; else in radians.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.angle(1j, deg=True).numpy())
    90.0
    """
    result = complex_ops.angle(as_float(z))
    return result * (180 / np.pi) if deg else result


@published("around", "round")
def around(a: Any, decimals: int = 0) -> Any:
    """Rounded to a number of decimals, halves to even.

    Args:
      a: an array.
      decimals: how many are left; below 0 for tens, hundreds, ...

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.around([1.26, 2.5], 1).numpy())
    [1.3 2.5]
    """
    a = asarray(a)
    whole = not (a.dtype.is_floating or a.dtype.is_complex)
    if whole and decimals >= 0:
        return a
    factor = 10.0 ** builtins.abs(decimals)
    x = cast(a, default_float()) if whole else a
    rounded = (
        rounding.round(x * factor) / factor
        if decimals >= 0
        else rounding.round(x / factor) * factor
    )
    return cast(rounded, a.dtype) if whole else rounded


@published()
def clip(a: Any, a_min: Any, a_max: Any) -> Any:
    """Values no lower than `a_min` and no higher than `a_max`.

    Args:
      a: an array.
      a_min: the lowest, or None.
      a_max: the highest, or None.

    Raises:
      ValueError: if there is neither.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.clip([1, 5], 2, None).numpy())
    [2 5]
    """
    if a_min is None and a_max is None:
        raise ValueError("Not more than one of `a_min` and `a_max` may be `None`.")
    if a_min is None:
        return minimum(a, a_max)
    if a_max is None:
        return maximum(a, a_min)
    a, a_min, a_max = promoted(a, a_min, a_max)
    return clip_by_value(a, a_min, a_max)


@published()
def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether numbers are equal up to `atol + rtol * abs(b)`.

    Args:
      a: an array.
      b: an array, whose size tells what is close.
      rtol: the relative room.
      atol: the absolute room.
      equal_nan: whether NaN is close to NaN.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.isclose([1.0, 2.0], [1.0, 2.1]).numpy())
    [ True False]
    """
    a, b = promoted(a, b)
    if not (a.dtype.is_floating or a.dtype.is_complex):
        a, b = as_float(a), as_float(b)
    finite = compare.logical_and(compare.is_finite(a), compare.is_finite(b))
    near = math.abs(a - b) <= atol + rtol * math.abs(b)
    result = where(finite, near, compare.equal(a, b))
    if equal_nan:
        result = compare.logical_or(
            result, compare.logical_and(compare.is_nan(a), compare.is_nan(b))
        )
    return result
