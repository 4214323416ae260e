"""Random values found by rejection: truncated normal, gamma, Poisson, binomial.

TensorFlow's CPU kernels as pure functions `(xp, key, counter, ...)`; see `philox` for `xp`, keys,
counters and states. Each output (of a truncated normal, each group of outputs) has a stretch of
the stream to itself and draws from it until a proposal is accepted, so that the results do not
depend on the number of threads.

A function `reserve_*` says how many blocks the stateful kernel skips in a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.kernels.random_values import TRUNCATED_NORMAL
from reflow.ops.random.kernels import (
    Shape,
    box_muller_float64,
    normal_lanes,
    uniform_lanes,
    unit_double,
)
from reflow.ops.random.philox import (
    CHUNK,
    RESERVED_PER_OUTPUT,
    blocks_at,
    chunks,
    interleave,
    is_numpy,
    isolated,
    natively,
    while_loop,
)

# A lane that has not ended after this many rounds never will: its parameters are NaN, or nothing it
# could draw fits the output type. (TensorFlow hangs.)
_MAX_ROUNDS = 4096
# XLA: up to this many lanes those that are not done are not gathered. It would take 2/3 of the time to run,
# and four times as long to compile.
_DENSE = 1 << 20

Lanes = tuple[Any, ...]


def until_done(xp: Any, count: int, start: Callable, step: Callable) -> Lanes:
    """Runs `count` independent rejection loops side by side.

    Args:
      count: number of loops.
      start: `start(index)` gives the lanes, a tuple of arrays [m], of the loops `index` (uint64,
        [m]).
      step: `step(lanes)` does one round: it gives the next lanes, a tuple of values, and which
        loops are done with these values. The values of a loop that never ends are those of its
        last round.

    Returns:
      The values, a tuple of arrays [count].
    """
    if not is_numpy(xp):
        return _until_done_xla(xp, count, start, step)
    # Rejected proposals may divide by zero on the way.
    with np.errstate(all="ignore"):
        results = [_until_done_numpy(start(index), step) for index in chunks(count)]
    return tuple(map(np.concatenate, zip(*results)))


def _until_done_numpy(lanes: Lanes, step: Callable) -> Lanes:
    lanes, results, done = step(lanes)
    left = np.flatnonzero(~done)
    for _ in range(_MAX_ROUNDS):
        if not left.size:
            break
        lanes, values, done = step(tuple(lane[~done] for lane in lanes))
        for result, value in zip(results, values):
            result[left] = value
        left = left[~done]
    return results


def _until_done_xla(xp: Any, count: int, start: Callable, step: Callable) -> Lanes:
    def finish(lanes: Lanes, values: Lanes, done: Any) -> Lanes:
        def go_on(state: tuple) -> Any:
            return (state[0] < _MAX_ROUNDS) & ~state[3].all()

        def one_round(state: tuple) -> tuple:
            rounds, lanes, values, done = state
            lanes, new, now = step(lanes)
            values = tuple(xp.where(done, old, value) for old, value in zip(values, new))
            return rounds + 1, lanes, values, done | now

        return while_loop(xp, go_on, one_round, (0, lanes, values, done))[2]

    import jax

    lanes = start(xp.arange(count, dtype=np.uint64))
    if count <= _DENSE:
        # The first round is one of the loop's: what is there twice is compiled twice.
        values = tuple(xp.zeros(v.shape, v.dtype) for v in jax.eval_shape(step, lanes)[1])
        return finish(lanes, values, xp.zeros(count, bool))
    lanes, values, done = step(lanes)
    width = count // 4

    def some(state: tuple) -> tuple:
        values, done = state
        (index,) = xp.nonzero(~done, size=width, fill_value=count)
        part = tuple(lane.at[index].get(mode="clip") for lane in lanes)
        kept = tuple(value.at[index].get(mode="clip") for value in values)
        found = finish(part, kept, index == count)
        values = tuple(v.at[index].set(f, mode="drop") for v, f in zip(values, found))
        return values, done.at[index].set(True, mode="drop")

    return while_loop(xp, lambda state: ~state[1].all(), some, (values, done))[0]


def _blocks(xp: Any, key: Any, counter: Any, offsets: Any, needed: Any = None) -> Any:
    """The blocks at `offsets`; where `needed` is false, anything."""
    if needed is None or not is_numpy(xp):
        return isolated(xp, key, lambda o: blocks_at(xp, key, counter, o), offsets)
    words = np.zeros((4, len(offsets)), np.uint32)
    if needed.any():
        words[:, needed] = blocks_at(xp, key, counter, offsets[needed])
    return tuple(words)


def _if_any(xp: Any, wanted: Any, function: Callable, otherwise: Any) -> Any:
    """`function()` if any element of `wanted` holds, else `otherwise`, which is alike."""
    if is_numpy(xp):
        return function() if wanted.any() else otherwise
    from jax import lax

    return lax.cond(wanted.any(), function, lambda: otherwise)


def _cast(xp: Any, values: Any, dtype: Any) -> Any:
    """Float64 to another floating type as TensorFlow does it.

    Its kernels flush subnormal results to zero, and go to float16 by way of float32.
    """
    step = np.dtype(np.float32 if np.dtype(dtype) == np.float16 else dtype)
    values = values.astype(step)
    return xp.where(xp.abs(values) < np.finfo(step).tiny, 0, values).astype(dtype)


def arrange(xp: Any, values: Any, sample_shape: Shape, batch_shape: Shape) -> Any:
    """From the order of the stream, parameter by parameter, to the order of the output."""
    samples, batch = math.prod(sample_shape), math.prod(batch_shape)
    return xp.reshape(xp.reshape(values, (batch, samples)).T, (*sample_shape, *batch_shape))


# --------------------------------------------------------------------------- truncated normal


def truncated_normal(xp: Any, key: Any, counter: Any, shape: Shape, dtype: Any) -> Any:
    """Normal values within (-2, 2): TruncatedNormal, StatelessTruncatedNormal(V2), ...

    Reserves `reserve_outputs(shape)`.

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      shape: static.
      dtype: float16, bfloat16, float32 or float64.

    >>> import numpy as np
    >>> truncated_normal(np, np.uint64(0), np.zeros(2, np.uint64), [2], np.float32)
    array([-1.3544159 ,  0.70454913], dtype=float32)
    """
    double = np.dtype(dtype) == np.float64
    group = 2 if double else 4
    compute = np.float64 if double else np.float32
    size = math.prod(shape)
    count = -(-size // group)

    def by_groups(key: Any, counter: Any) -> Any:
        def start(index: Any) -> Lanes:
            empty = xp.zeros(index.shape, compute)
            filled = xp.zeros(index.shape, np.int32)
            return index * (group * RESERVED_PER_OUTPUT // 4), filled, *[empty] * group

        def step(lanes: Lanes) -> tuple[Lanes, Lanes, Any]:
            offset, filled, *slots = lanes
            words = _blocks(xp, key, counter, offset)
            proposals = isolated(xp, key, lambda w: normal_lanes(xp, w, compute), words)
            for proposal in proposals:
                accepted = xp.abs(proposal) < 2
                for i, slot in enumerate(slots):
                    slots[i] = xp.where(accepted & (filled == i), proposal, slot)
                filled = filled + accepted
            return (offset + 1, filled, *slots), tuple(slots), filled >= group

        if is_numpy(xp) and count > CHUNK:
            return _truncated_at_first(key, counter, count, group, compute, start, step)[:size]
        return interleave(xp, until_done(xp, count, start, step))[:size]

    if double:
        values = by_groups(key, counter)
    else:
        values = natively(xp, TRUNCATED_NORMAL, key, counter, size, by_groups)
    return xp.reshape(values, tuple(shape)).astype(dtype, copy=False)


def _truncated_at_first(
    key: Any, counter: Any, count: int, group: int, dtype: Any, start: Callable, step: Callable
) -> np.ndarray:
    """Truncated normals in NumPy, flat, where five groups in six are what the first block gives."""
    values = np.empty((count, group), dtype)
    rest: list[np.ndarray] = []
    for index in chunks(count):
        block = blocks_at(np, key, counter, start(index)[0])
        accepted = np.ones(len(index), bool)
        for i, proposal in enumerate(normal_lanes(np, block, dtype)):
            values[int(index[0]) : int(index[-1]) + 1, i] = proposal
            accepted &= np.abs(proposal) < 2
        rest.append(index[~accepted])

    left = np.concatenate(rest)
    for some in chunks(len(left)):
        index = left[some]
        values[index] = np.stack(_until_done_numpy(start(index), step), axis=-1)
    return values.reshape(-1)


# --------------------------------------------------------------------------- gamma


def reserve_samples(sample_shape: Shape, batch_shape: Shape) -> int:
    """Of RandomGamma and RandomPoisson(V2)."""
    return RESERVED_PER_OUTPUT * math.prod(sample_shape) * math.prod(batch_shape)


def gamma(xp: Any, key: Any, counter: Any, sample_shape: Shape, alpha: Any) -> Any:
    """Gamma(alpha, 1) values: RandomGamma, StatelessRandomGammaV2, V3.

    By Marsaglia and Tsang, "A simple method for generating gamma variables" (ACM TOMS 26, 2000),
    in float64.

    Args:
      sample_shape: static; what comes before the shape of `alpha` in the result.
      alpha: float16, float32 or float64.

    Returns:
      `sample_shape + alpha.shape`, of the dtype of `alpha`.
    """
    samples = math.prod(sample_shape)
    alphas = xp.reshape(xp.asarray(alpha), (-1,)).astype(np.float64)
    with np.errstate(all="ignore"):  # negative, NaN
        ds = alphas + xp.where(alphas < 1, 2 / 3, -1 / 3)
        cs = 1 / 3 / rounded(xp, xp.sqrt(ds))

    def start(index: Any) -> Lanes:
        which = (index // max(samples, 1)).astype(np.int64)
        a, c, d = alphas[which], cs[which], ds[which]
        spare = xp.zeros(a.shape, np.float64)
        none = xp.zeros(a.shape, bool)
        return index * RESERVED_PER_OUTPUT, a, c, d, spare, none, spare, none

    def step(lanes: Lanes) -> tuple[Lanes, Lanes, Any]:
        # A block gives two normals or two uniforms, of which the second is used first.
        offset, a, c, d, spare_x, has_x, spare_u, has_u = lanes
        boosted = a < 1
        words = _blocks(xp, key, counter, offset, ~has_x)
        x0, x1 = isolated(xp, key, lambda w: box_muller_float64(xp, w), words)
        x, has_x, spare_x, offset = _take(xp, has_x, spare_x, x0, x1, offset)

        def exponential() -> Any:
            # TensorFlow has log1p(-u); 1 - u is exact, and XLA's log the better of the two.
            return -xp.log(1 - unit_double(xp, words[2], words[3]))

        v = 1 + rounded(xp, c * x)
        positive = ~(v <= 0)
        v = v * v * v
        block = _blocks(xp, key, counter, offset, positive & ~has_u)
        u0, u1 = uniform_lanes(xp, block, np.float64)
        u, has_u, spare_u, offset = _take(xp, has_u, spare_u, u0, u1, offset, positive)

        x2 = x * x
        squeezed = u < 1 - 0.0331 * x2 * x2
        accepted = positive & (squeezed | (xp.log(u) < 0.5 * x2 + d * (1 - v + xp.log(v))))

        def boost() -> Any:
            block = _blocks(xp, key, counter, offset, boosted & ~has_u)
            _, u1 = uniform_lanes(xp, block, np.float64)
            return xp.where(boosted, xp.where(has_u, spare_u, u1) ** (1 / a), 1)

        value = d * v * _if_any(xp, boosted, boost, xp.ones_like(a))
        one = a == 1
        value = xp.where(one, _if_any(xp, one, exponential, value), value)
        return (offset, a, c, d, spare_x, has_x, spare_u, has_u), (value,), accepted | one

    (values,) = until_done(xp, samples * alphas.size, start, step)
    return arrange(xp, _cast(xp, values, alpha.dtype), sample_shape, alpha.shape)


def _take(
    xp: Any, has: Any, spare: Any, first: Any, second: Any, offset: Any, wanted: Any = True
) -> tuple[Any, Any, Any, Any]:
    """Takes, where `wanted`, the spare value, or if there is none the second of a new block."""
    fresh = ~has & wanted
    value = xp.where(has, spare, second)
    return value, has ^ wanted, xp.where(fresh, first, spare), offset + fresh


def rounded(xp: Any, x: Any) -> Any:
    """`x`, rounded as it stands.

    XLA would fuse a product with the sum it goes into, and a square root with the division by it.
    """
    return x if is_numpy(xp) else xp.where(x == x, x, np.nan)


# --------------------------------------------------------------------------- Poisson


def poisson(xp: Any, key: Any, counter: Any, sample_shape: Shape, rate: Any, dtype: Any) -> Any:
    """Poisson(rate) values: RandomPoisson, RandomPoissonV2, StatelessRandomPoisson.

    For rates below 10 the number of uniform factors before their product is below exp(-rate)
    (Knuth); else transformed rejection (Hörmann, "The transformed rejection method for generating
    Poisson random variables", 1993). In float64.

    Args:
      sample_shape: static; what comes before the shape of `rate` in the result.
      rate: float16, float32, float64, int32 or int64.
      dtype: of the result, one of the same.

    Returns:
      `sample_shape + rate.shape`. Where the rate is NaN, NaN; where it is so large that nothing
      fits `dtype`, or NaN and `dtype` an integer type, the largest value of `dtype`.
    """
    samples = math.prod(sample_shape)
    rates = xp.reshape(xp.asarray(rate), (-1,)).astype(np.float64)
    highest = _highest(dtype)
    infinity, nan = (np.inf, np.nan) if np.dtype(dtype).kind == "f" else (0.0, highest)
    log_gamma = _log_gamma(xp)

    def start(index: Any) -> Lanes:
        r = rates[(index // max(samples, 1)).astype(np.int64)]
        b = 0.931 + rounded(xp, 2.53 * xp.sqrt(r))
        one = xp.ones(r.shape, np.float64)
        return index * RESERVED_PER_OUTPUT, r, b, xp.exp(-r), xp.log(r), one, 0 * one

    def step(lanes: Lanes) -> tuple[Lanes, Lanes, Any]:
        offset, r, b, limit, log_r, product, k = lanes
        second, first = uniform_lanes(xp, _blocks(xp, key, counter, offset), np.float64)
        small = r < 10
        fixed = ~(r < np.inf)

        once = product * first
        product = once * second
        counted = xp.where(once <= limit, k, k + 1)
        count_done = (once <= limit) | (product <= limit)

        def propose() -> tuple[Any, Any]:
            u, v = first - 0.5, second
            us = 0.5 - xp.abs(u)
            a = -0.059 + rounded(xp, 0.02483 * b)
            proposal = xp.floor(rounded(xp, (2 * a / us + b) * u) + r + 0.43)
            inside = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
            inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
            s = xp.log(v * inverse_alpha / (a / (us * us) + b))
            t = -r + rounded(xp, proposal * log_r) - log_gamma(proposal + 1)
            outside = (proposal < 0) | ((us < 0.013) & (v > us))
            return proposal, (proposal <= highest) & (inside | (~outside & (s <= t)))

        proposal, accepted = _if_any(xp, ~small, propose, (k, small))
        value = xp.where(small, counted, xp.where(accepted, proposal, highest))
        value = xp.where(fixed, xp.where(xp.isnan(r), nan, infinity), value)
        done = xp.where(small, count_done, accepted | fixed)
        return (offset + 1, r, b, limit, log_r, product, k + 2), (value,), done

    (values,) = until_done(xp, samples * rates.size, start, step)
    return arrange(xp, _saturate(xp, values, dtype), sample_shape, rate.shape)


def _highest(dtype: Any) -> float:
    dtype = np.dtype(dtype)
    return float(np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max)


def _saturate(xp: Any, values: Any, dtype: Any) -> Any:
    """Float64 to `dtype`; what an integer type does not hold becomes its largest value."""
    if np.dtype(dtype).kind == "f":
        return _cast(xp, values, dtype)
    highest = np.iinfo(dtype).max
    fits = values < float(highest)
    return xp.where(fits, xp.where(fits, values, 0).astype(dtype), highest)


def _log_gamma(xp: Any) -> Callable:
    if is_numpy(xp):
        from scipy.special import gammaln

        return gammaln
    from jax import lax

    return lax.lgamma


# --------------------------------------------------------------------------- binomial

_STIRLING_TAIL = np.array(
    [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.02079067210376509,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ]
)


def reserve_binomial(sample_shape: Shape, batch_shape: Shape) -> int:
    """Of StatefulRandomBinomial."""
    samples = math.prod(sample_shape)
    return RESERVED_PER_OUTPUT * (math.prod(batch_shape) * 200 * (samples + 3) // 4)


def binomial(
    xp: Any, key: Any, counter: Any, sample_shape: Shape, counts: Any, probs: Any, dtype: Any
) -> Any:
    """Binomial(counts, probs) values: StatelessRandomBinomial, StatefulRandomBinomial.

    With q = min(probs, 1 - probs): for counts * q below 10, geometric variables are added up until
    the sum exceeds the count; else transformed rejection (Hörmann, "The generation of binomial
    random variates", 1993). In float64.

    Args:
      sample_shape: static; what comes before the batch shape in the result.
      counts, probs: floating, of one dtype; their shapes broadcast to the batch shape.
      dtype: of the result: float16, float32, float64, int32 or int64.

    Returns:
      `sample_shape + batch shape`. Where `probs` is NaN, NaN, or the smallest integer.
    """
    samples = math.prod(sample_shape)
    batch_shape = np.broadcast_shapes(counts.shape, probs.shape)
    counts, probs = (
        xp.reshape(xp.broadcast_to(xp.asarray(v), batch_shape), (-1,)) for v in (counts, probs)
    )
    tail = xp.asarray(_STIRLING_TAIL)

    def stirling_tail(k: Any) -> Any:
        square = (k + 1) * (k + 1)
        series = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
        place = xp.where(k <= 9, xp.maximum(k, 0), 0).astype(np.int32)
        return xp.where(k <= 9, tail[place], series)

    def start(index: Any) -> Lanes:
        which = (index // max(samples, 1)).astype(np.int64)
        n, p = counts[which], probs[which]
        flipped = p > 0.5
        q = xp.where(flipped, 1 - p, p)
        rejects = n * q >= 10
        # Out of range for want of a loop: these end in the first round with a value of their own.
        fixed = xp.where(p >= 1, n, xp.where(xp.isnan(p), np.nan, 0)).astype(np.float64)
        fixed = xp.where(n <= 0, 0, fixed)
        loops = (n > 0) & (p > 0) & (p < 1)
        zero = xp.zeros(n.shape, np.float64)
        offset = index * xp.where(rejects, RESERVED_PER_OUTPUT, 42).astype(np.uint64)
        n, q = n.astype(np.float64), q.astype(np.float64)
        return offset, n, q, flipped, rejects, loops, fixed, zero, zero

    def step(lanes: Lanes) -> tuple[Lanes, Lanes, Any]:
        offset, n, p, flipped, rejects, loops, fixed, total, k = lanes
        second, first = uniform_lanes(xp, _blocks(xp, key, counter, offset), np.float64)

        def add_up() -> tuple[Any, Any, Any]:
            log1p = xp.log1p(-p)
            once = total + xp.ceil(xp.log(first) / log1p)
            twice = once + xp.ceil(xp.log(second) / log1p)
            return twice, xp.where(once > n, k, k + 1), (once > n) | (twice > n)

        def propose() -> tuple[Any, Any]:
            u, v = first - 0.5, second
            us = 0.5 - xp.abs(u)
            deviation = xp.sqrt(n * p * (1 - p))
            b = 1.15 + rounded(xp, 2.53 * deviation)
            a = -0.0873 + rounded(xp, 0.0248 * b) + rounded(xp, 0.01 * p)
            center = rounded(xp, n * p) + 0.5
            r = p / (1 - p)
            alpha = (2.83 + 5.1 / b) * deviation
            mode = xp.floor((n + 1) * p)
            proposal = xp.floor(rounded(xp, (2 * a / us + b) * u) + center)
            inside = (us >= 0.07) & (v <= 0.92 - 4.2 / b)
            left = n - proposal
            bound = (
                (mode + 0.5) * xp.log((mode + 1) / (r * (n - mode + 1)))
                + (n + 1) * xp.log((n - mode + 1) / (left + 1))
                + (proposal + 0.5) * xp.log(r * (left + 1) / (proposal + 1))
                + (stirling_tail(mode) + stirling_tail(n - mode))
                - stirling_tail(proposal)
                - stirling_tail(left)
            )
            possible = (proposal >= 0) & (left >= 0)
            below = xp.log(v * alpha / (a / (us * us) + b)) <= bound
            return proposal, inside | (possible & below)

        total, summed, sum_done = _if_any(xp, ~rejects, add_up, (total, k, rejects))
        proposal, accepted = _if_any(xp, rejects, propose, (k, rejects))
        value = xp.where(rejects, proposal, summed)
        value = xp.where(loops, xp.where(flipped, n - value, value), fixed)
        done = ~loops | xp.where(rejects, accepted, sum_done)
        return (offset + 1, n, p, flipped, rejects, loops, fixed, total, k + 2), (value,), done

    (values,) = until_done(xp, samples * counts.size, start, step)
    if np.dtype(dtype).kind == "f":
        values = _cast(xp, values, dtype)
    else:
        values = xp.where(xp.isnan(values), float(np.iinfo(dtype).min), values).astype(dtype)
    return arrange(xp, values, sample_shape, batch_shape)
