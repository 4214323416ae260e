"""Special functions: error functions, gamma and beta functions, Bessel functions, integrals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import no_gradient, op, unary
from reflow.ops.math import (
    cos_op,
    exp_op,
    literal,
    log_op,
    neg,
    real_div,
    select,
    sign_op,
    sin_op,
    square_op,
    xlog1py_op,
    xlogy_op,
)
from reflow.ops.public import public
from reflow.ops.reduce import accumulator, reduce_sum

# How they are computed ----------------------------------------------------------------------------


def _evaluated(name: str, valid: Callable | None = None, elsewhere: float = np.nan) -> Callable:
    """A lowering that asks `xp.special` for the function `name`; half floats go through float32.

    `valid(xp, *args)` says where the function is defined, `elsewhere` what it is where not: the
    libraries differ there, and this is what TensorFlow gives.
    """

    def lower(xp: Any, *args: Any) -> Any:
        dtype = args[0].dtype
        wide = [xp.asarray(a).astype(accumulator(dtype)) for a in args]
        result = getattr(xp.special, name)(*wide)
        if valid is not None:
            result = xp.where(valid(xp, *wide), result, elsewhere)
        return result.astype(dtype)

    return lower


def _no_pole(xp: Any, x: Any) -> Any:
    return (x > 0) | (x != xp.floor(x))


def _positive(xp: Any, x: Any) -> Any:
    return (x > 0) | xp.isnan(x)


# Error functions and the normal distribution ------------------------------------------------------

_TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)

# fmt: off
erf_op = unary("Erf", "The error function, element-wise.", T=FLOAT, lower=_evaluated("erf"),
               grad=lambda g, x: g * (_TWO_BY_ROOT_PI * exp_op(neg(square_op(x)))))
erfc_op = unary("Erfc", "1 - erf(x), element-wise.", T=FLOAT, lower=_evaluated("erfc"),
                grad=lambda g, x: g * (-_TWO_BY_ROOT_PI * exp_op(neg(square_op(x)))))
erfinv_op = unary("Erfinv", "The inverse of erf, element-wise.", T=FLOAT,
                  lower=_evaluated("erfinv"),
                  grad=lambda g, y: g * (math.sqrt(math.pi) / 2 * exp_op(square_op(y))))
ndtri_op = unary("Ndtri", "The quantile function of the standard normal distribution, element-wise.",
                 T=FLOAT, lower=_evaluated("ndtri"),
                 grad=lambda g, y: g * (math.sqrt(2 * math.pi) * exp_op(square_op(y) / 2.0)))
# fmt: on

# Gamma functions ----------------------------------------------------------------------------------


def _polygamma(xp: Any, a: Any, x: Any) -> Any:
    order = a + 1
    size = xp.exp(xp.special.gammaln(order)) * xp.special.zeta(order, x)
    result = xp.where(a % 2 == 0, -size, size)
    result = xp.where(a == 0, digamma_op.lower(xp, x), result)
    return xp.where((a < 0) | (a != xp.floor(a)), np.nan, result).astype(a.dtype)


def _zeta_grad(g: Any, x: Any, q: Any) -> Any:
    return None, neg(g) * x * zeta_op(x + 1, q)


# fmt: off
lgamma_op = unary("Lgamma", "The logarithm of |gamma(x)|, element-wise.", T=FLOAT,
                  lower=_evaluated("gammaln"), grad=lambda g, x: g * digamma_op(x))
digamma_op = unary("Digamma", "The derivative of lgamma, element-wise; NaN at its poles.", T=FLOAT,
                   lower=_evaluated("digamma", _no_pole),
                   grad=lambda g, x: g * polygamma_op(convert_to_tensor(1, x.dtype.base_dtype), x))
zeta_op = op("Zeta(x: T, q: T, *, T: {float,double}) -> z: T",
             "The Hurwitz zeta function: the sum of (q + n) ** -x over n from 0, element-wise.",
             shape=shape_rules.broadcasting, broadcast=True, grad=_zeta_grad)(_evaluated("zeta"))
polygamma_op = op("Polygamma(a: T, x: T, *, T: {float,double}) -> z: T",
                  "The derivative of order a of digamma, element-wise.",
                  shape=shape_rules.broadcasting, broadcast=True,
                  grad=lambda g, a, x: (None, g * polygamma_op(a + 1, x)))(_polygamma)
# fmt: on


def _igamma_slope(a: Any, x: Any) -> Any:
    """The derivative of igamma(a, x) by x."""
    return exp_op(neg(x) + (a - 1) * log_op(x) - lgamma_op(a))


def _in_igamma(xp: Any, a: Any, x: Any) -> Any:
    return (a > 0) & (x >= 0)


def _igamma(name: str, doc: str, function: str, sign: Callable) -> Any:
    def grad(g: Any, a: Any, x: Any) -> Any:
        g = sign(g)
        return g * igamma_grad_a(a, x), g * _igamma_slope(a, x)

    return op(
        f"{name}(a: T, x: T, *, T: FLOAT) -> z: T",
        doc,
        shape=shape_rules.broadcasting,
        broadcast=True,
        grad=grad,
    )(_evaluated(function, _in_igamma))


igamma_op = _igamma(
    "Igamma",
    "The lower regularized incomplete gamma function P(a, x), element-wise.",
    "gammainc",
    lambda g: g,
)
igammac_op = _igamma(
    "Igammac",
    "The upper regularized incomplete gamma function Q(a, x) = 1 - P(a, x), element-wise.",
    "gammaincc",
    neg,
)


@op(
    "IgammaGradA(a: T, x: T, *, T: {float,double}) -> z: T",
    shape=shape_rules.broadcasting,
    broadcast=True,
    grad=no_gradient,
)
def igamma_grad_a(xp, a, x):
    """The derivative of igamma(a, x) by a, element-wise."""
    from reflow.ops.math import igamma_grad

    return igamma_grad.igamma_grad_a(xp, a, x).astype(a.dtype)


# The beta function --------------------------------------------------------------------------------


def _betainc_shape(a, b, x):
    result = x._shape
    for each in (a._shape, b._shape):
        if each.rank != 0:
            result = each if result.rank == 0 else result.merge_with(each)
    return result


def _betainc_grad(g: Any, a: Any, b: Any, x: Any) -> Any:
    log_beta = lgamma_op(a) + lgamma_op(b) - lgamma_op(a + b)
    slope = exp_op(xlog1py_op(b - 1, neg(x)) + xlogy_op(a - 1, x) - log_beta)
    return None, None, g * slope


betainc_op = op(
    "Betainc(a: T, b: T, x: T, *, T: {float,double}) -> z: T",
    "The regularized incomplete beta function I_x(a, b), element-wise; a, b and x have one shape, or "
    "are scalars.",
    shape=_betainc_shape,
    broadcast=True,
    grad=_betainc_grad,
)(_evaluated("betainc", lambda xp, a, b, x: (a > 0) & (b > 0) & (x >= 0) & (x <= 1)))

# Bessel functions ---------------------------------------------------------------------------------


def _half_at_zero(x: Any, slope: Callable) -> Any:
    """`slope(x)`, and its limit 1/2 where x is 0."""
    zero = REGISTRY["Equal"](x, convert_to_tensor(0, x.dtype.base_dtype))
    safe = select(zero, convert_to_tensor(1, x.dtype.base_dtype), x)
    return select(zero, convert_to_tensor(0.5, x.dtype.base_dtype), slope(safe))


def _bessel(name: str, doc: str, function: str, grad: Callable, **traits: Any) -> Any:
    lower = traits.pop("lower", None) or _evaluated(function)
    return unary(name, f"{doc}, element-wise.", T=FLOAT, lower=lower, grad=grad, **traits)


# JAX has no Bessel functions but these four: the others run on the host.
# fmt: off
bessel_i0_op = _bessel("BesselI0", "The modified Bessel function of order 0", "i0",
                       lambda g, x: g * bessel_i1_op(x))
bessel_i0e_op = _bessel("BesselI0e", "exp(-|x|) bessel_i0(x)", "i0e",
                        lambda g, x, y: g * (bessel_i1e_op(x) - sign_op(x) * y))
bessel_i1_op = _bessel(
    "BesselI1", "The modified Bessel function of order 1", "i1",
    lambda g, x, y: g * _half_at_zero(x, lambda s: bessel_i0_op(s) - real_div(y, s)))
bessel_i1e_op = _bessel(
    "BesselI1e", "exp(-|x|) bessel_i1(x)", "i1e",
    lambda g, x, y: g * _half_at_zero(x, lambda s: bessel_i0e_op(s) - y * (sign_op(s) + 1.0 / s)))
bessel_k0_op = _bessel("BesselK0", "The modified Bessel function of the second kind of order 0", "k0",
                       lambda g, x: neg(g) * bessel_k1_op(x), compile=False,
                       lower=_evaluated("k0", _positive, np.inf))
bessel_k0e_op = _bessel("BesselK0e", "exp(x) bessel_k0(x)", "k0e",
                        lambda g, x, y: g * (y - bessel_k1e_op(x)), compile=False,
                        lower=_evaluated("k0e", _positive, np.inf))
bessel_k1_op = _bessel("BesselK1", "The modified Bessel function of the second kind of order 1", "k1",
                       lambda g, x, y: neg(g) * (bessel_k0_op(x) + real_div(y, x)), compile=False,
                       lower=_evaluated("k1", _positive, np.inf))
bessel_k1e_op = _bessel("BesselK1e", "exp(x) bessel_k1(x)", "k1e",
                        lambda g, x, y: g * (y * (1.0 - 1.0 / x) - bessel_k0e_op(x)), compile=False,
                        lower=_evaluated("k1e", _positive, np.inf))
bessel_j0_op = _bessel("BesselJ0", "The Bessel function of order 0", "j0",
                       lambda g, x: neg(g) * bessel_j1_op(x), compile=False)
bessel_j1_op = _bessel(
    "BesselJ1", "The Bessel function of order 1", "j1",
    lambda g, x, y: g * _half_at_zero(x, lambda s: bessel_j0_op(s) - real_div(y, s)), compile=False)
bessel_y0_op = _bessel("BesselY0", "The Bessel function of the second kind of order 0", "y0",
                       lambda g, x: neg(g) * bessel_y1_op(x), compile=False,
                       lower=_evaluated("y0", _positive, -np.inf))
bessel_y1_op = _bessel("BesselY1", "The Bessel function of the second kind of order 1", "y1",
                       lambda g, x, y: g * (bessel_y0_op(x) - real_div(y, x)), compile=False,
                       lower=_evaluated("y1", _positive, -np.inf))
# fmt: on

# Integrals ----------------------------------------------------------------------------------------


def _expint(xp: Any, x: Any) -> Any:
    value = _evaluated("expi", lambda xp, x: x >= 0)(xp, x)
    return xp.where(x == 0, literal(x, -np.inf), value)


def _fresnel(part: int) -> Callable:
    def lower(xp: Any, x: Any) -> Any:
        return xp.special.fresnel(x.astype(accumulator(x.dtype)))[part].astype(x.dtype)

    return lower


def _spence_grad(g: Any, x: Any) -> Any:
    one = convert_to_tensor(1, x.dtype.base_dtype)
    at_one = REGISTRY["Equal"](x, one)
    safe = select(at_one, one + one, x)
    return g * select(at_one, neg(one), log_op(safe) / (1.0 - safe))


# fmt: off
dawsn_op = unary("Dawsn", "exp(-x**2) times the integral of exp(t**2) from 0 to x, element-wise.",
                 T=FLOAT, lower=_evaluated("dawsn"), grad=lambda g, x, y: g * (1.0 - 2.0 * x * y),
                 compile=False)
expint_op = unary("Expint", "The exponential integral: of exp(t) / t up to x > 0, element-wise.",
                  T=FLOAT, lower=_expint,
                  grad=lambda g, x: g * exp_op(x) / x)
fresnel_cos_op = unary("FresnelCos", "The integral of cos(pi t**2 / 2) from 0 to x, element-wise.",
                       T=FLOAT, lower=_fresnel(1), compile=False,
                       grad=lambda g, x: g * cos_op(math.pi / 2 * square_op(x)))
fresnel_sin_op = unary("FresnelSin", "The integral of sin(pi t**2 / 2) from 0 to x, element-wise.",
                       T=FLOAT, lower=_fresnel(0), compile=False,
                       grad=lambda g, x: g * sin_op(math.pi / 2 * square_op(x)))
spence_op = unary("Spence", "The integral of log(t) / (1 - t) from 1 to x, element-wise.",
                  T=FLOAT, lower=_evaluated("spence"), grad=_spence_grad)
# fmt: on

# Public functions ---------------------------------------------------------------------------------

# fmt: off
erf = public(erf_op, "math.erf", v1=("erf",), example=("[0.0, 10.0]", "[0. 1.]"))
erfc = public(erfc_op, "math.erfc", v1=("erfc",), example=("0.0", "1.0"))
erfinv = public(erfinv_op, "math.erfinv", scope="erfinv", example=("[0.0, 1.0]", "[ 0. inf]"))
ndtri = public(ndtri_op, "math.ndtri", scope="ndtri", example=("0.5", "0.0"))
lgamma = public(lgamma_op, "math.lgamma", v1=("lgamma",), example=("[1.0, 0.0]", "[ 0. inf]"))
digamma = public(digamma_op, "math.digamma", v1=("digamma",), example=("1.0", "-0.5772157"))
polygamma = public(polygamma_op, "math.polygamma", v1=("polygamma",),
                   example=("1.0, 1.0", "1.644934"))
zeta = public(zeta_op, "math.zeta", v1=("zeta",), example=("2.0, 1.0", "1.644934"))
igamma = public(igamma_op, "math.igamma", v1=("igamma",), example=("1.0, 0.0", "0.0"))
igammac = public(igammac_op, "math.igammac", v1=("igammac",), example=("1.0, 0.0", "1.0"))
betainc = public(betainc_op, "math.betainc", v1=("betainc",), example=("1.0, 1.0, 0.5", "0.5"))
bessel_i0 = public(bessel_i0_op, "math.bessel_i0", "math.special.bessel_i0",
                   scope="bessel_i0", example=("0.0", "1.0"))
bessel_i0e = public(bessel_i0e_op, "math.bessel_i0e", "math.special.bessel_i0e",
                    scope="bessel_i0e", example=("0.0", "1.0"))
bessel_i1 = public(bessel_i1_op, "math.bessel_i1", "math.special.bessel_i1",
                   scope="bessel_i1", example=("0.0", "0.0"))
bessel_i1e = public(bessel_i1e_op, "math.bessel_i1e", "math.special.bessel_i1e",
                    scope="bessel_i1e", example=("0.0", "0.0"))
bessel_k0 = public(bessel_k0_op, "math.special.bessel_k0", scope="bessel_k0",
                   example=("0.0", "inf"))
bessel_k0e = public(bessel_k0e_op, "math.special.bessel_k0e", scope="bessel_k0e",
                    example=("0.0", "inf"))
bessel_k1 = public(bessel_k1_op, "math.special.bessel_k1", scope="bessel_k1",
                   example=("0.0", "inf"))
bessel_k1e = public(bessel_k1e_op, "math.special.bessel_k1e", scope="bessel_k1e",
                    example=("0.0", "inf"))
bessel_j0 = public(bessel_j0_op, "math.special.bessel_j0", scope="bessel_j0",
                   example=("0.0", "1.0"))
bessel_j1 = public(bessel_j1_op, "math.special.bessel_j1", scope="bessel_j1",
                   example=("0.0", "0.0"))
bessel_y0 = public(bessel_y0_op, "math.special.bessel_y0", scope="bessel_y0",
                   example=("0.0", "-inf"))
bessel_y1 = public(bessel_y1_op, "math.special.bessel_y1", scope="bessel_y1",
                   example=("0.0", "-inf"))
dawsn = public(dawsn_op, "math.special.dawsn", scope="dawsn", example=("0.0", "0.0"))
expint = public(expint_op, "math.special.expint", scope="expint", example=("0.0", "-inf"))
fresnel_cos = public(fresnel_cos_op, "math.special.fresnel_cos", scope="fresnel_cos",
                     example=("0.0", "0.0"))
fresnel_sin = public(fresnel_sin_op, "math.special.fresnel_sin", scope="fresnel_sin",
                     example=("0.0", "0.0"))
spence = public(spence_op, "math.special.spence", scope="spence", example=("1.0", "0.0"))
# fmt: on


@export("math.erfcinv")
def erfcinv(x: Any, name: str | None = None) -> Any:
    """The inverse of erfc, element-wise.

    Args:
      x: a floating-point tensor, between 0 and 2.

    >>> import reflow as tf
    >>> print(tf.math.erfcinv([0.0, 2.0]).numpy())
    [ inf -inf]
    """
    with name_scope(name, "erfcinv"):
        x = convert_to_tensor(x, name="start")
        return neg(ndtri(0.5 * x)) * math.sqrt(0.5)


@export("math.lbeta", v1=("lbeta",))
def lbeta(x: Any, name: str | None = None) -> Any:
    """The logarithm of |beta(x)| along the last dimension.

    Args:
      x: of shape `[..., n]`, a floating-point tensor.

    >>> import reflow as tf
    >>> print(tf.math.lbeta([1.0, 1.0]).numpy())
    0.0
    """
    with name_scope(name, "lbeta"):
        x = convert_to_tensor(x, name="x")
        return reduce_sum(lgamma_op(x), [-1]) - lgamma_op(reduce_sum(x, [-1]))
