"""Derivatives of the incomplete gamma function and of gamma samples by their shape parameter.

Forward differentiation of the series and of the continued fraction of Cephes, as in Figurnov,
Mohamed and Mnih, "Implicit reparameterization gradients" (2018), and with TensorFlow's stopping
rules, so that the results have its accuracy (float32 1e-6, float64 1e-12).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.ops.random.philox import is_numpy, while_loop

_MAX_ITERATIONS = {"float32": 200, "float64": 500}


def random_gamma_grad(xp: Any, alpha: Any, sample: Any) -> Any:
    """d sample / d alpha of gamma samples: RandomGammaGrad.

    Args:
      alpha, sample: float32 or float64, of one dtype; they broadcast.

    >>> import numpy as np
    >>> random_gamma_grad(np, np.float64([2.0]), np.float64([1.5])).round(6)
    array([0.936639])
    """

    def by_series(a: Any, x: Any, answer: Any, slope: Any, log_slope: Any, term: Any) -> Any:
        return -(slope + answer * log_slope) * x / a

    def by_fraction(a: Any, x: Any, answer: Any, slope: Any, log_slope: Any, term: Any) -> Any:
        return (slope + answer * log_slope) * x

    return _derivative(xp, alpha, sample, by_series, by_fraction)


def igamma_grad_a(xp: Any, a: Any, x: Any) -> Any:
    """d igamma(a, x) / d a: IgammaGradA.

    Args:
      a, x: float32 or float64, of one dtype; they broadcast.

    >>> import numpy as np
    >>> igamma_grad_a(np, np.float64([2.0]), np.float64([1.5])).round(6)
    array([-0.313489])
    """

    def by_series(a: Any, x: Any, answer: Any, slope: Any, log_slope: Any, term: Any) -> Any:
        return (answer * log_slope + slope) * term / a

    def by_fraction(a: Any, x: Any, answer: Any, slope: Any, log_slope: Any, term: Any) -> Any:
        return -(answer * log_slope + slope) * term

    return _derivative(xp, a, x, by_series, by_fraction)


def _derivative(xp: Any, a: Any, x: Any, by_series: Callable, by_fraction: Callable) -> Any:
    shape = np.broadcast_shapes(a.shape, x.shape)
    a, x = (xp.reshape(xp.broadcast_to(v, shape), (-1,)) for v in (a, x))
    with np.errstate(all="ignore"):
        # Arguments of the other method, or of neither, are replaced by harmless ones.
        usual = (x > 0) & (a > 0) & (x < np.inf)
        fraction = usual & (x > 1) & (x > a)
        series = usual & ~fraction
        one = xp.ones_like(x)
        log_gamma, digamma = _special(xp)
        log_term = a * xp.log(x) - x - log_gamma(a)
        vanishes = ~(log_term >= -np.log(np.finfo(x.dtype).max))
        term = xp.exp(log_term)
        log_x = xp.log(x)

        sa, sx = xp.where(series, a, one), xp.where(series, x, one)
        answer, slope = _series(xp, sa, sx)
        result = by_series(sa, sx, answer, slope, log_x - digamma(sa + 1), term)

        fa, fx = xp.where(fraction, a, one), xp.where(fraction, x, 2 * one)
        answer, slope = _fraction(xp, fa, fx)
        result = xp.where(
            fraction, by_fraction(fa, fx, answer, slope, log_x - digamma(fa), term), result
        )
        result = xp.where(vanishes | (x == np.inf), 0, result)
        outside = (x < 0) | (a <= 0) | xp.isnan(a) | xp.isnan(x)
        result = xp.where(outside, np.nan, result)
        return xp.reshape(xp.where(x == 0, 0, result), shape).astype(a.dtype)


def _special(xp: Any) -> tuple[Callable, Callable]:
    if is_numpy(xp):
        from scipy.special import digamma, gammaln

        return gammaln, digamma
    from jax import lax

    return lax.lgamma, lax.digamma


def _iterate(xp: Any, dtype: Any, body: Callable, state: tuple) -> tuple:
    """Runs `body(state) -> (state, done)` on each element until that is done."""

    def go_on(state: tuple) -> Any:
        return (state[0] < _MAX_ITERATIONS[dtype.name]) & ~state[1].all()

    def step(state: tuple) -> tuple:
        i, done, values = state
        new, now = body(values)
        values = tuple(xp.where(done, old, value) for old, value in zip(values, new))
        return i + 1, done | now, values

    start = (0, xp.zeros(state[0].shape, bool), state)
    return while_loop(xp, go_on, step, start)[2]


def _series(xp: Any, a: Any, x: Any) -> tuple[Any, Any]:
    """The sum of the power series, without its leading factor, and its derivative by `a`."""
    epsilon = np.finfo(x.dtype).eps / 2

    def body(state: tuple) -> tuple[tuple, Any]:
        r, c, c_slope, total, slope = state
        r = r + 1
        ratio = x / r
        c_slope = ratio * c_slope - x / (r * r) * c
        c = c * ratio
        slope = slope + c_slope
        state = (r, c, c_slope, total + c, slope)
        return state, xp.abs(c_slope) <= epsilon * xp.abs(slope)

    one, zero = xp.ones_like(x), xp.zeros_like(x)
    *_, total, slope = _iterate(xp, x.dtype, body, (a, one, zero, one, zero))
    return total, slope


def _fraction(xp: Any, a: Any, x: Any) -> tuple[Any, Any]:
    """The continued fraction, without its leading factor, and its derivative by `a`."""
    epsilon = np.finfo(x.dtype).eps / 2
    # Numerators and denominators are scaled down beyond this.
    big = 1 / epsilon if x.dtype == np.float32 else 1 / np.finfo(x.dtype).eps

    def body(state: tuple) -> tuple[tuple, Any]:
        c, y, z, answer, slope, *terms = state
        p2, q2, p1, q1, dp2, dq2, dp1, dq1 = terms
        c, y, z = c + 1, y + 1, z + 2
        yc = y * c
        p, q = p1 * z - p2 * yc, q1 * z - q2 * yc
        dp = dp1 * z - p1 - dp2 * yc + p2 * c
        dq = dq1 * z - q1 - dq2 * yc + q2 * c
        divides = q != 0
        new = xp.where(divides, p / q, answer)
        new_slope = xp.where(divides, (dp - new * dq) / q, slope)
        done = divides & (xp.abs(new_slope - slope) <= epsilon)
        scale = xp.where(xp.abs(p) > big, 1 / big, 1).astype(x.dtype)
        terms = (t * scale for t in (p1, q1, p, q, dp1, dq1, dp, dq))
        return (c, y, z, new, new_slope, *terms), done

    one, zero = xp.ones_like(x), xp.zeros_like(x)
    y = 1 - a
    z = x + y + 1
    p1, q1 = x + 1, z * x
    answer = p1 / q1
    slope = answer * x / q1
    state = (zero, y, z, answer, slope, one, x, p1, q1, zero, zero, zero, -x)
    _, _, _, answer, slope, *_ = _iterate(xp, x.dtype, body, state)
    return answer, slope
