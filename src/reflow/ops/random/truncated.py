"""Normal values within any bounds: (Stateless)ParameterizedTruncatedNormal.

TensorFlow's CPU kernels as pure functions `(xp, key, counter, ...)`; see `philox` for `xp`, keys,
counters and states. Here the outputs share one stretch of the stream, so that each begins where
the one before it ended; and with several threads TensorFlow lets each begin in a place of its own.
The numbers are those of one thread, which are those of small ops in any case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.ops.random.kernels import Shape, log_float32, normal_lanes, uniform_lanes
from reflow.ops.random.philox import blocks_at, interleave, is_numpy, while_loop
from reflow.ops.random.rejection import arrange, rounded

_MAX_REJECTIONS = 1000
_NORMAL, _UNIFORM, _EXPONENTIAL = 0, 1, 2


def _common_parameters(means: Any, stdevs: Any, minvals: Any, maxvals: Any) -> bool:
    single = math.prod(means.shape) == 1 and math.prod(stdevs.shape) == 1
    return single and not minvals.shape and not maxvals.shape


def _batches(shape: Shape, common: bool) -> tuple[int, int]:
    """Number of batches and samples in each: outputs with common parameters go by hundreds."""
    if common:
        return -(-math.prod(shape) // 100), 100
    return shape[0], math.prod(shape[1:])


def reserve_parameterized_truncated_normal(
    shape: Shape, means: Any, stdevs: Any, minvals: Any, maxvals: Any
) -> int:
    """Of ParameterizedTruncatedNormal; of the parameters only the shapes matter."""
    batches, samples = _batches(shape, _common_parameters(means, stdevs, minvals, maxvals))
    return batches * 2 * _MAX_REJECTIONS * (samples + 3) // 4


def parameterized_truncated_normal(
    xp: Any,
    key: Any,
    counter: Any,
    shape: Shape,
    means: Any,
    stdevs: Any,
    minvals: Any,
    maxvals: Any,
) -> Any:
    """Normal values within bounds: ParameterizedTruncatedNormal.

    Args:
      shape: static, [batch, ...].
      means, stdevs, minvals, maxvals: float16, float32 or float64, of one dtype; each a scalar, [1]
        or [batch].

    Raises:
      InvalidArgumentError, InternalError: as `stateless_parameterized_truncated_normal`.
    """
    size = math.prod(shape)
    batches, samples = _batches(shape, _common_parameters(means, stdevs, minvals, maxvals))
    parameters = [
        xp.broadcast_to(xp.reshape(xp.asarray(p), (-1,)), (batches,))
        for p in (means, stdevs, minvals, maxvals)
    ]
    values = _truncated_batches(xp, key, counter, batches, samples, size, *parameters)
    return xp.reshape(values, tuple(shape))


def stateless_parameterized_truncated_normal(
    xp: Any,
    key: Any,
    counter: Any,
    shape: Shape,
    means: Any,
    stddevs: Any,
    minvals: Any,
    maxvals: Any,
) -> Any:
    """Normal values within bounds: StatelessParameterizedTruncatedNormal.

    By Robert, "Simulation of truncated normal variables" (1995).

    Args:
      shape: static; ends in the shape the parameters broadcast to.
      means, stddevs, minvals, maxvals: float16, float32 or float64, of one dtype.

    Raises:
      InvalidArgumentError: a deviation that is not positive, bounds of which the lower is not below
        the upper, or two infinite bounds; when compiled, such outputs are NaN.
      InternalError: no proposal was accepted among a thousand; when compiled, NaN.
    """
    parameters = [xp.asarray(p) for p in (means, stddevs, minvals, maxvals)]
    batch_shape = np.broadcast_shapes(*(p.shape for p in parameters))
    sample_shape = tuple(shape)[: len(shape) - len(batch_shape)]
    batches, samples = math.prod(batch_shape), math.prod(sample_shape)
    parameters = [xp.reshape(xp.broadcast_to(p, batch_shape), (-1,)) for p in parameters]
    values = _truncated_batches(xp, key, counter, batches, samples, batches * samples, *parameters)
    return arrange(xp, values, sample_shape, batch_shape)


def _truncated_batches(
    xp: Any,
    key: Any,
    counter: Any,
    batches: int,
    samples: int,
    size: int,
    means: Any,
    stddevs: Any,
    minvals: Any,
    maxvals: Any,
) -> Any:
    """[size]: `samples` values for each of the `batches` parameters, the last perhaps fewer.

    A batch takes its proposals from consecutive blocks until it is full, and the next batch begins
    with the next block. So batches come one after the other, and the proposals of one at a time.
    """
    dtype = means.dtype
    if not size:
        return xp.zeros((0,), dtype)
    valid = (stddevs > 0) & (minvals < maxvals) & (xp.isfinite(minvals) | xp.isfinite(maxvals))
    if is_numpy(xp) and not valid.all():
        raise errors.InvalidArgumentError(
            None,
            None,
            "Invalid parameters: a truncated normal needs stddev > 0, minval < maxval and a finite "
            f"bound, got stddev {stddevs[~valid][0]}, minval {minvals[~valid][0]} and maxval "
            f"{maxvals[~valid][0]}.",
        )
    with np.errstate(all="ignore"):
        batch = _prepare(xp, means, stddevs, minvals, maxvals, dtype)
        lanes = 2 if dtype == np.float64 else 4
        width = min(max(samples // 2, 4), 4096) * 2  # blocks at a time
        offsets = xp.arange(width, dtype=np.uint64)

        def fill(state: tuple) -> tuple:
            result, at, filled, block, rejected = state
            low, high, mean, stddev, method = (parameter[at] for parameter in batch)
            words = blocks_at(xp, key, counter, block + offsets)
            z, accepted = _proposals(xp, words, method, low, high, dtype)
            rank = xp.cumsum(accepted)
            needed = xp.minimum(samples, size - at * samples) - filled
            place = xp.where(accepted & (rank <= needed), at * samples + filled + rank - 1, size)
            values = (rounded(xp, z * stddev) + mean).astype(dtype)
            if is_numpy(xp):
                result[place[place < size]] = values[place < size]
            else:
                result = result.at[place].set(values, mode="drop")
            full = rank[-1] >= needed
            used = xp.where(full, xp.argmax(rank >= needed) // lanes + 1, width)
            rejected = xp.where(rank[-1] > 0, 0, rejected + width)
            # A batch that cannot be filled is left as it is: NaN.
            next_batch = full | (rejected > _MAX_REJECTIONS)
            if is_numpy(xp) and rejected > _MAX_REJECTIONS:
                raise errors.InternalError(
                    None,
                    None,
                    "TruncatedNormal rejection sampler failed to accept a sample: mean "
                    f"{mean}, stddev {abs(stddev)}, normalised bounds {low} and {high}.",
                )
            return (
                result,
                at + next_batch,
                xp.where(next_batch, 0, filled + rank[-1]),
                block + used.astype(np.uint64),
                xp.where(next_batch, 0, rejected),
            )

        zero = xp.asarray(np.int64(0))
        state = (xp.full((size,), np.nan, dtype), zero, zero, zero.astype(np.uint64), zero)
        result = while_loop(xp, lambda state: state[1] < batches, fill, state)[0]
        if not is_numpy(xp):
            which = xp.minimum(xp.arange(size) // samples, batches - 1)
            result = xp.where(valid[which], result, xp.asarray(np.nan, dtype))
    return result


def _prepare(
    xp: Any, means: Any, stddevs: Any, minvals: Any, maxvals: Any, dtype: Any
) -> Sequence[Any]:
    """Normalised lower and upper bound, mean, signed deviation and method of each batch."""
    # A bound on one side only, or two on the negative side, are mirrored.
    mirrored = (xp.isinf(minvals) & (minvals < 0)) | (maxvals < means)
    stddevs = xp.where(mirrored, -stddevs, stddevs)
    minvals, maxvals = xp.where(mirrored, maxvals, minvals), xp.where(mirrored, minvals, maxvals)
    low, high = (minvals - means) / stddevs, (maxvals - means) / stddevs
    inside = np.asarray(1.3, dtype)
    root = xp.sqrt(rounded(xp, low * low) + 4)
    cutoff = 2 * xp.exp(0.5 + low * (low - root) / 4) / (low + root)
    normal = ((low < -inside) & (high >= 0)) | ((high > inside) & (low <= 0))
    method = xp.where(normal, _NORMAL, xp.where(high - low < cutoff, _UNIFORM, _EXPONENTIAL))
    return low, high, means, stddevs, method


def _proposals(xp: Any, words: Any, method: Any, low: Any, high: Any, dtype: Any) -> Any:
    """Proposals in the order of the stream, and which of them are accepted.

    There are as many places for each block as there are values in a block, whatever the method.
    """
    lanes = 2 if dtype == np.float64 else 4

    def by_normal() -> tuple[Any, Any]:
        z = interleave(xp, normal_lanes(xp, words, dtype))
        return z, (z >= low) & (z <= high)

    def by_uniform() -> tuple[Any, Any]:
        # Even blocks propose, odd blocks decide; the proposals take the places of the latter.
        u = xp.reshape(interleave(xp, uniform_lanes(xp, words, dtype)), (-1, 2, lanes))
        z = rounded(xp, u[:, 0] * (high - low)) + low
        plus = xp.where(low < 0, xp.zeros_like(low), low * low)
        accepted = u[:, 1] <= xp.exp((plus - rounded(xp, z * z)) / 2)
        none = xp.zeros_like(accepted)
        return (
            xp.stack([z, z], axis=1).reshape(-1),
            xp.stack([none, accepted], axis=1).reshape(-1),
        )

    def by_exponential() -> tuple[Any, Any]:
        alpha = (low + xp.sqrt(rounded(xp, low * low) + 4)) / 2
        u = uniform_lanes(xp, words, dtype)
        z_lanes, accepted_lanes = [], []
        for proposal, decision in zip(u[::2], u[1::2]):
            z = -_log(xp, proposal) / alpha + low
            x = xp.where(low < alpha, alpha - z, low - alpha)
            accepted = (decision <= xp.exp(-x * x / 2)) & (z < high)
            z_lanes += [z, z]
            accepted_lanes += [accepted, xp.zeros_like(accepted)]
        return interleave(xp, z_lanes), interleave(xp, accepted_lanes)

    if is_numpy(xp):
        return (by_normal, by_uniform, by_exponential)[int(method)]()
    from jax import lax

    return lax.switch(method, (by_normal, by_uniform, by_exponential))


def _log(xp: Any, x: Any) -> Any:
    """The logarithm of uniform values, as TensorFlow rounds it."""
    if x.dtype == np.float64:
        return xp.log(x)
    logarithm = log_float32(xp, x.astype(np.float32))
    return xp.where(x == 0, -np.inf, logarithm).astype(x.dtype)
