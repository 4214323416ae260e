"""Random values that take a fixed number of bits each: uniform, normal, shuffle, multinomial.

TensorFlow's CPU kernels as pure functions `(xp, key, counter, ...)`; see `philox` for `xp`, keys,
counters and states. Integer and uniform results equal TensorFlow's, and so do float32, bfloat16
and float16 normals (with GNU libc 2.28 to 2.40 below TensorFlow). Float64 normals agree but for
the last bit. Only those of `multinomial` depend on the number of threads.

A function `reserve_*` says how many blocks the stateful kernel skips in a run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.kernels.random_values import NORMAL, UNIFORM
from reflow.ops.random.normal_in_place import (
    COS_POLYNOMIAL,
    LOG_INVERSE,
    LOG_POLYNOMIAL,
    LOG_VALUE,
    SIN_POLYNOMIAL,
    SMALLEST_UNIFORM,
    box_muller_in_place,
)
from reflow.ops.random.philox import (
    RESERVED_PER_OUTPUT,
    is_numpy,
    lanewise,
    map_blocks,
    natively,
    pair_words,
    while_loop,
    words,
    words64,
)

Shape = Sequence[int]

# Random mantissa bits; float64 has 52, of which the first word of a pair gives the upper 20.
_MANTISSA_BITS = {"float16": 10, "bfloat16": 7, "float32": 23}


def reserve_outputs(shape: Shape) -> int:
    """Of RandomUniform, RandomUniformInt, RandomStandardNormal, TruncatedNormal."""
    return RESERVED_PER_OUTPUT * math.prod(shape)


# --------------------------------------------------------------------------- uniform


def unit_float(xp: Any, word: Any, dtype: Any) -> Any:
    """[0, 1) of the lowest bits of uint32 words, in float16, bfloat16 or float32."""
    bits = _MANTISSA_BITS[np.dtype(dtype).name]
    mantissa = (word & (2**bits - 1)).astype(np.int32).astype(np.float32)
    return (mantissa * np.float32(2.0**-bits)).astype(dtype)


def unit_double(xp: Any, high: Any, low: Any) -> Any:
    """[0, 1) in float64 of pairs of uint32 words: 20 bits of the one, 32 of the other."""
    return pair_words(low, high & 0xFFFFF).astype(np.int64).astype(np.float64) * 2.0**-52


def uniform_lanes(xp: Any, block: Any, dtype: Any) -> Any:
    """The 4 uniform values (float64: 2) of each block."""
    if np.dtype(dtype) == np.float64:
        return unit_double(xp, block[0], block[1]), unit_double(xp, block[2], block[3])
    return lanewise(xp, lambda words: unit_float(xp, words, dtype), block)


def uniform(xp: Any, key: Any, counter: Any, shape: Shape, dtype: Any) -> Any:
    """Uniform values in [0, 1): RandomUniform, StatelessRandomUniform(V2), StatefulUniform.

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      shape: static.
      dtype: float16, bfloat16, float32 or float64.

    >>> import numpy as np
    >>> uniform(np, np.uint64(0), np.zeros(2, np.uint64), [2], np.float32)
    array([0.31179297, 0.8263413 ], dtype=float32)
    """
    size = math.prod(shape)
    wide = np.dtype(dtype) == np.float64

    def by_blocks(key: Any, counter: Any) -> Any:
        lanes = functools.partial(uniform_lanes, xp, dtype=dtype)
        return map_blocks(xp, key, counter, -(-size // (2 if wide else 4)), lanes)[:size]

    if wide:
        values = by_blocks(key, counter)
    elif is_numpy(xp) and np.dtype(dtype) == np.float32:
        values = natively(xp, UNIFORM, key, counter, size, by_blocks)
    else:  # which XLA merges with what uses the values
        values = unit_float(xp, words(xp, key, counter, size), dtype)
    return xp.reshape(values, tuple(shape))


def uniform_full_int(xp: Any, key: Any, counter: Any, shape: Shape, dtype: Any) -> Any:
    """Integers over all of int32, uint32, int64 or uint64: StatelessRandomUniformFullInt(V2)."""
    draws = words64 if np.dtype(dtype).itemsize == 8 else words
    bits = draws(xp, key, counter, math.prod(shape))
    return xp.reshape(bits.astype(dtype), tuple(shape))


def uniform_int(
    xp: Any, key: Any, counter: Any, shape: Shape, dtype: Any, minval: Any, maxval: Any
) -> Any:
    """Integers in [minval, maxval): RandomUniformInt, StatelessRandomUniformInt(V2), ...

    Args:
      dtype: int32 or int64.
      minval, maxval: scalars of `dtype`, with minval < maxval, which the op has to check.

    The bits modulo the range are slightly biased towards small values, as in TensorFlow.
    """
    unsigned = np.uint64 if np.dtype(dtype).itemsize == 8 else np.uint32
    low, high = (xp.reshape(xp.asarray(v, dtype), (1,)).astype(unsigned) for v in (minval, maxval))
    bits = uniform_full_int(xp, key, counter, shape, unsigned)
    place = remainder32(xp, bits, high - low) if unsigned is np.uint32 else bits % (high - low)
    return xp.reshape((place + low).astype(dtype), tuple(shape))  # scalars, too


def remainder32(xp: Any, bits: Any, modulus: Any) -> Any:
    """`bits % modulus` of uint32 arrays."""
    if is_numpy(xp):
        return bits % modulus
    # Processors divide vectors of float64, but not of integers.
    bits, modulus = bits.astype(np.float64), modulus.astype(np.float64)
    rest = bits - xp.floor(bits / modulus) * modulus
    # XLA multiplies by the reciprocal of a constant modulus; the quotient may then be off by one.
    rest = xp.where(rest < 0, rest + modulus, xp.where(rest >= modulus, rest - modulus, rest))
    return rest.astype(np.uint32)


# --------------------------------------------------------------------------- normal
#
# TensorFlow takes float32 logarithm and sine from the C library, and NumPy's and XLA's differ from
# those in the last bit (and from one another). The two functions below evaluate what GNU libc
# evaluates, in float64, which rounds to the same float32 everywhere. Over all 2**23 values that a
# uniform float32 can take they agree with libc bit for bit. They are faster, too.


def log_float32(xp: Any, x: Any) -> Any:
    """The logarithm of positive normal float32 values as GNU libc rounds it."""
    bits = x.view(np.int32)
    offset = bits - 0x3F330000
    exponent = offset >> 23  # so that what remains lies around 1
    place = (offset >> 19) & 15
    reduced = (bits - (exponent << 23)).view(np.float32).astype(np.float64)
    r = reduced * xp.asarray(LOG_INVERSE)[place] - 1
    start = xp.asarray(LOG_VALUE)[place] + exponent * math.log(2)
    a, b, c = LOG_POLYNOMIAL
    r2 = r * r
    return ((c * r2 + (b * r + a)) * r2 + (start + r)).astype(np.float32)


def sin_cos_float32(xp: Any, x: Any) -> tuple[Any, Any]:
    """Sine and cosine of float32 values in [0, 2 pi] as GNU libc rounds them."""
    x = x.astype(np.float64)
    quadrant = xp.floor(x * (2 / math.pi) + 0.5).astype(np.int32)
    # In two steps neither product rounds, so that a fused multiply-add changes nothing.
    x = x - (quadrant >> 1) * math.pi - (quadrant & 1) * (math.pi / 2)
    x2 = x * x
    x3, x4 = x2 * x, x2 * x2
    s1, s2, s3 = SIN_POLYNOMIAL
    c1, c2, c3, c4 = COS_POLYNOMIAL
    sine = (x + x3 * s1) + (x3 * x2) * (s2 + x2 * s3)
    cosine = ((1 + x2 * c1) + x4 * c2) + (x4 * x2) * (c3 + x2 * c4)
    swap = (quadrant & 1) != 0
    sine, cosine = xp.where(swap, cosine, sine), xp.where(swap, sine, cosine)
    sine = xp.where((quadrant & 2) != 0, -sine, sine)
    cosine = xp.where(((quadrant + 1) & 2) != 0, -cosine, cosine)
    return sine.astype(np.float32), cosine.astype(np.float32)


def box_muller_float32(xp: Any, word0: Any, word1: Any) -> tuple[Any, Any]:
    """Two float32 normals of each pair of uint32 words."""
    u = xp.maximum(unit_float(xp, word0, np.float32), np.float32(SMALLEST_UNIFORM))
    angle = unit_float(xp, word1, np.float32).astype(np.float64) * (2 * math.pi)
    radius = xp.sqrt(np.float32(-2) * log_float32(xp, u))
    sine, cosine = sin_cos_float32(xp, angle.astype(np.float32))
    return sine * radius, cosine * radius


def box_muller_float64(xp: Any, block: Any) -> tuple[Any, Any]:
    """Two float64 normals of each block."""
    u = xp.maximum(unit_double(xp, block[0], block[1]), SMALLEST_UNIFORM)
    angle = unit_double(xp, block[2], block[3]) * (2 * math.pi)
    radius = xp.sqrt(-2 * xp.log(u))
    return xp.sin(angle) * radius, xp.cos(angle) * radius


def normal_lanes(xp: Any, block: Any, dtype: Any) -> tuple[Any, ...]:
    """The 4 normal values (float64: 2) of each block."""
    if np.dtype(dtype) == np.float64:
        return box_muller_float64(xp, block)
    if is_numpy(xp):
        values = np.empty((4, len(block[0])), np.float32)
        box_muller_in_place(block[0], block[1], values[:2])
        box_muller_in_place(block[2], block[3], values[2:])
        return tuple(values.astype(dtype, copy=False))
    sines, cosines = box_muller_float32(xp, xp.stack(block[0::2]), xp.stack(block[1::2]))
    lanes = sines[0], cosines[0], sines[1], cosines[1]
    return tuple(lane.astype(dtype) for lane in lanes)


def normal(xp: Any, key: Any, counter: Any, shape: Shape, dtype: Any) -> Any:
    """Standard normal values: RandomStandardNormal, StatelessRandomNormal(V2), ...

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      shape: static.
      dtype: float16, bfloat16, float32 or float64.

    >>> import numpy as np
    >>> normal(np, np.uint64(0), np.zeros(2, np.uint64), [2], np.float32)
    array([-1.3544159 ,  0.70454913], dtype=float32)
    """
    size = math.prod(shape)
    wide = np.dtype(dtype) == np.float64
    compute = np.float64 if wide else np.float32

    def by_blocks(key: Any, counter: Any) -> Any:
        lanes = functools.partial(normal_lanes, xp, dtype=compute)
        count = -(-size // (2 if wide else 4))
        return map_blocks(xp, key, counter, count, lanes, costly=True)[:size]

    if wide:
        values = by_blocks(key, counter)
    else:
        values = natively(xp, NORMAL, key, counter, size, by_blocks)
    return xp.reshape(values, tuple(shape)).astype(dtype, copy=False)


# --------------------------------------------------------------------------- shuffle


def reserve_shuffle(shape: Shape) -> int:
    """Of RandomShuffle of a value of `shape`, which takes 32 bits for each row but the last."""
    rows = shape[0] if shape and math.prod(shape) > 1 else 0
    return (rows - 1 + 3) // 4 if rows > 1 else 0


def permutation(xp: Any, key: Any, counter: Any, size: int) -> Any:
    """What a shuffle does: its result is `value[permutation]`. int64, [size].

    The kernel swaps row i with row `j[i] = i + word[i] % (size - i)`, one i after the other. This
    is the same without the loop. Row i of the result is what row j[i] holds at time i. A row p > i
    holds its own value still, or else what row k held at time k, for the last k < i with j[k] = p.
    So what row k holds at time k is found by following, from k, the last earlier swap that wrote
    there, until there is none: a forest, whose roots pointer doubling finds.
    """
    if size < 2:
        return xp.arange(size)
    rows = xp.arange(size, dtype=np.int64)
    left = xp.arange(size, 1, -1, dtype=np.uint32)
    target = rows[:-1] + remainder32(xp, words(xp, key, counter, size - 1), left)
    target = xp.concatenate([target, rows[-1:]])
    # Swaps sorted by target, then by time: the swap before one is the last earlier with its target.
    ordered = xp.sort(target << 32 | rows)
    at, to = ordered & 0xFFFFFFFF, ordered >> 32
    same = xp.concatenate([xp.zeros((1,), bool), to[1:] == to[:-1]])
    before = xp.where(same, xp.concatenate([at[:1], at[:-1]]), -1)
    if is_numpy(xp):
        earlier, last = np.empty_like(rows), np.full_like(rows, -1)
        earlier[at] = before
        last[target] = rows  # of equal targets the last assignment stands
    else:
        earlier = xp.zeros_like(rows).at[at].set(before, unique_indices=True)
        last = xp.full_like(rows, -1).at[target].max(rows)
    parent = xp.where(target == rows, earlier, last)
    root = xp.where(parent < 0, rows, parent)
    root = while_loop(xp, lambda r: (r[r] != r).any(), lambda r: r[r], root)
    return xp.where(earlier < 0, target, root[earlier])


def shuffle(xp: Any, key: Any, counter: Any, value: Any) -> Any:
    """`value` with its rows in random order: RandomShuffle, StatelessShuffle."""
    if not value.shape or value.shape[0] < 2 or math.prod(value.shape) < 2:
        return value
    return xp.asarray(value)[permutation(xp, key, counter, value.shape[0])]


# --------------------------------------------------------------------------- multinomial


def reserve_multinomial(batch: int, num_samples: int) -> int:
    """Of Multinomial."""
    return RESERVED_PER_OUTPUT * batch * (-(-num_samples // 4) * 8)


def shard_size(total: int, cost: int, num_threads: int) -> int:
    """How many of `total` units, at `cost` cycles each, TensorFlow gives to a thread at once.

    This is Eigen's rule for a parallel loop: tasks of 40,000 cycles at least, at most four for each
    thread, then up to twice as large where the last round of tasks would leave threads idle.
    """
    if total <= 1 or num_threads == 1 or (total * cost - 100_000) / 100_000 + 0.9 < 2:
        return total

    def efficiency(blocks: int) -> float:
        return blocks / (-(-blocks // num_threads) * num_threads)

    size = min(total, max(-(-total // (4 * num_threads)), int(1 / (cost / 40_000))))
    largest, blocks = min(total, 2 * size), -(-total // size)
    best = efficiency(blocks)
    while best < 1 and blocks > 1:
        coarser = -(-total // (blocks - 1))
        if coarser > largest:
            break
        blocks = -(-total // coarser)
        if efficiency(blocks) + 0.01 >= best:
            size, best = coarser, max(best, efficiency(blocks))
    return size


def multinomial(
    xp: Any,
    key: Any,
    counter: Any,
    logits: Any,
    num_samples: int,
    dtype: Any,
    num_threads: int = 1,
) -> Any:
    """Class indices drawn by unnormalised log-probabilities: Multinomial, StatelessMultinomial.

    Args:
      logits: floating, [batch, classes]; classes that are not finite are never drawn. A row with no
        finite logit gives the index `classes`.
      num_samples: static.
      dtype: int32 or int64.
      num_threads: TensorFlow's numbers depend on it for large inputs, because each thread begins in
        a place of its own. TensorFlow takes the number of processors if it is not told otherwise.

    Returns:
      [batch, num_samples] of `dtype`.
    """
    batch, classes = logits.shape
    if batch * num_samples == 0:
        return xp.zeros((batch, num_samples), dtype)
    cost = int(50 * (num_samples * math.log(classes) / math.log(2) + classes))
    rows = np.arange(batch)
    first = rows - rows % shard_size(batch, cost, num_threads)
    # In pairs of words. A thread skips whole blocks, (num_samples + 3) / 4 for each earlier row.
    place = first * (num_samples + 3) // 4 * 2 + (rows - first) * num_samples
    place = place[:, None] + np.arange(num_samples)
    pairs = int(place.max()) + 1
    u = uniform(xp, key, counter, (pairs,), np.float64)
    u = xp.reshape(u, place.shape) if pairs == place.size else u[place]

    finite = xp.isfinite(logits)
    lowest = _lowest(logits.dtype)
    largest = xp.max(xp.where(finite, logits, lowest), axis=1, keepdims=True, initial=lowest)
    weights = xp.exp(xp.where(finite, logits, lowest).astype(np.float64) - largest)
    cdf = xp.cumsum(xp.where(finite, weights, 0), axis=1)
    return _upper_bound(xp, cdf, u * cdf[:, -1:]).astype(dtype)


def _lowest(dtype: Any) -> Any:
    import ml_dtypes

    return ml_dtypes.finfo(dtype).min


def _upper_bound(xp: Any, rows: Any, x: Any) -> Any:
    """For x [b, n] the number of elements of the ascending rows [b, m] that are <= x."""
    size = rows.shape[1]
    found = xp.zeros(x.shape, np.int64)
    step = 1 << size.bit_length() - 1
    while step:
        further = found + step
        value = xp.take_along_axis(rows, xp.minimum(further, size) - 1, axis=1)
        found = xp.where((further <= size) & (value <= x), further, found)
        step >>= 1
    return found


# --------------------------------------------------------------------------- index shuffle


def index_shuffle(xp: Any, index: Any, seed: Any, max_index: Any, rounds: int = 4) -> Any:
    """The place of `index` in a random permutation of 0 ... max_index: RandomIndexShuffle.

    A Simon-like cipher over the smallest even number of bits (16 at least), applied until the
    result is in range.

    Args:
      index: integer, scalar or [n].
      seed: integer, [3] or [n, 3].
      max_index: integer, scalar or [n].
      rounds: even, 4 at least.

    Returns:
      Of the dtype of `index`, scalar or [n].
    """
    index, seed, max_index = (xp.asarray(v) for v in (index, seed, max_index))
    shape = np.broadcast_shapes(index.shape, seed.shape[:-1], max_index.shape)
    value, limit = (xp.broadcast_to(v.astype(np.uint64), shape) for v in (index, max_index))
    bits = xp.ceil(xp.log2(xp.maximum(limit, 1).astype(np.float64))).astype(np.uint64)
    width = xp.minimum(xp.maximum((bits + 1) >> 1, 8), 32)  # of half a cipher block
    keys = xp.broadcast_to(seed.astype(np.uint32).astype(np.uint64), (*shape, 3))
    keys = [keys[..., i] for i in range(3)]
    if is_numpy(xp) and value.size <= _FEW_INDICES:
        operands = (value, limit, width, *keys)
        placed = [
            _place_index(*row, rounds)
            for row in zip(*(operand.reshape(-1).tolist() for operand in operands))
        ]
        return np.array(placed, np.uint64).astype(index.dtype).reshape(shape)

    mask, keys = _round_keys(width, keys, rounds)
    placed = while_loop(
        xp,
        lambda x: ((x > limit) & (limit > 0)).any(),
        lambda x: xp.where(x > limit, _encrypt(x, width, mask, keys), x),
        _encrypt(value, width, mask, keys),
    )
    return xp.where(limit == 0, 0, placed).astype(index.dtype)


_FEW_INDICES = 16  # NumPy: for so many Python's integers are faster than array calls


def _place_index(
    value: int, limit: int, width: int, key0: int, key1: int, key2: int, rounds: int
) -> int:
    if limit == 0:
        return 0
    mask, keys = _round_keys(width, [key0, key1, key2], rounds)
    value = _encrypt(value, width, mask, keys)
    while value > limit:
        value = _encrypt(value, width, mask, keys)
    return value


def _rotate_left(x: Any, by: Any, width: Any, mask: Any) -> Any:
    return (x << by | x >> (width - by)) & mask


def _round_keys(width: Any, keys: Sequence[Any], rounds: int) -> tuple[Any, list[Any]]:
    """The mask of `width` bits and the keys of all rounds, of integers or uint64 arrays."""
    one = width // width
    mask = (one << width) - one
    keys = [key & mask for key in keys]
    constants = 0x7369F885192C0EF5
    for i in range(3, rounds):
        spread = _rotate_left(keys[-1], width - 3, width, mask)
        spread = spread ^ _rotate_left(keys[-1], width - 4, width, mask)
        # The constants are cut to the width, too, so that the bits above it are zeros.
        bit = (mask & constants) >> (i - 3) & 1
        keys.append((mask & 0xFFFFFFFC) ^ bit ^ keys[-3] ^ spread)
    return mask, keys


def _encrypt(x: Any, width: Any, mask: Any, keys: Sequence[Any]) -> Any:
    def mix(x: Any) -> Any:
        one, two, eight = (_rotate_left(x, by, width, mask) for by in (1, 2, 8))
        return (one & eight) ^ two

    left, right = x >> width & mask, x & mask
    for key1, key2 in zip(keys[::2], keys[1::2]):
        left = left ^ mix(right) ^ key1
        right = right ^ mix(left) ^ key2
    return left << width | right
