"""Philox4x32-10 as TensorFlow's CPU kernels use it: bits, states, seeds.

The generator is that of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011). A
64-bit *key* and a 128-bit *counter* give one *block* of four 32-bit words; the next block has the
next counter. Everything here is a pure function over `xp`, which is NumPy or `jax.numpy` (or
Reflow's namespaces of them); with JAX, 64-bit types must be enabled, and keys and counters may be
traced.

Representation
    key      uint64, a scalar or shape [1]
    counter  uint64, shape [2]: low and high half
    state    shape [3]: `[counter low, counter high, key]`. This is the layout of the variable of a
             `tf.random.Generator` (int64); the hidden state of a seeded op uses it too (uint64).
             Functions that take a state return it in the dtype in which it came.

Stateful ops (RandomUniform, TruncatedNormal, Multinomial, ...)
    A kernel starts at `initial_state(seed, seed2)`. A run samples from the present state and then
    skips a number of blocks that depends on the shapes only, 256 for each output in most kernels,
    whether they were used or not: see the `reserve_*` functions of `kernels` and
    `rejection`. A second run of the same kernel continues from there; a new session, or in
    eager mode `tf.random.set_seed`, begins anew. In eager mode calls of one op with equal
    attributes (the seeds among them), input dtypes and device share one kernel, and so one state.

Seeds of ops (`op_seeds`)
    An op's attributes `seed`, `seed2` are the graph's seed and the op's own, both modulo 2**31 - 1.
    With a graph seed only, an op's own seed is in a graph the number of ops that asked for one
    before (each `FuncGraph` counts from 0; old versions of TensorFlow took `graph._last_id`, the
    number of nodes, instead), and eagerly the next of `eager_op_seeds(global seed)`. A `FuncGraph`
    takes over the eager global seed or the seed of the graph around it. With an op seed only, the
    graph's counts as 87654321. With neither both are 0, and the state comes from the operating
    system.

Stateless ops
    `StatelessRandom*(shape, seed)` begins at `generate_key(seed)`; the V2 ops get key and counter
    as inputs, `StatelessRandomGetKeyCounter` being that same function. Algorithm ids are 1 Philox,
    2 ThreeFry, 3 auto; on CPU auto is Philox and ThreeFry does not exist.

`tf.random.Generator`
    A draw of n outputs reads the state and skips `256 * n` blocks (`rng_read_and_skip`), then
    samples with the V2 stateless op from the state that was read. The older ops StatefulUniform,
    StatefulStandardNormalV2, ... are `draw` with that state and as many blocks. `make_seeds` and
    `split` draw int64 over the full range; each new key has a counter of 0.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.kernels import random_values
from reflow.lang import errors

ALGORITHM_PHILOX = 1
ALGORITHM_THREEFRY = 2
ALGORITHM_AUTO_SELECT = 3

DEFAULT_GRAPH_SEED = 87654321
RESERVED_PER_OUTPUT = 256  # blocks a stateful kernel puts aside for each of its outputs

_MAX_INT32 = 2**31 - 1
_LOW = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLING_KEY = 0x02461E293EC8F720
_ROUNDS = 10

# NumPy: below this many blocks Python's integers are faster than array calls; above, arrays of this
# many blocks stay in the cache from one operation to the next (both measured).
_FEW = 12
CHUNK = 16384


def is_numpy(xp: Any) -> bool:
    """Whether `xp` evaluates at once, in NumPy."""
    return xp is np or getattr(xp, "is_numpy", False)


def while_loop(xp: Any, condition: Callable, body: Callable, state: Any) -> Any:
    """`state = body(state)` while `condition(state)`; the state is an array or a tuple of them."""
    if is_numpy(xp):
        while condition(state):
            state = body(state)
        return state
    from jax import lax

    return lax.while_loop(condition, body, state)


# --------------------------------------------------------------------------- blocks and words


def _rounds(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """The ten rounds, on Python integers or uint64 arrays that hold 32-bit values."""
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = (product1 >> 32) ^ c1 ^ k0, product1 & _LOW
        c2, c3 = (product0 >> 32) ^ c3 ^ k1, product0 & _LOW
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def _rounds_in_place(c0: Any, c1: Any, c2: Any, c3: Any, k0: int, k1: int) -> tuple:
    """The same, on NumPy arrays that are overwritten: twice as fast as with new ones."""
    product0, product1 = np.empty_like(c0), np.empty_like(c0)
    multiplier0, multiplier1 = map(np.uint64, _MULTIPLIERS)
    low, half = np.uint64(_LOW), np.uint64(32)
    for _ in range(_ROUNDS):
        np.multiply(c0, multiplier0, product0)
        np.multiply(c2, multiplier1, product1)
        np.right_shift(product1, half, c0)
        c0 ^= c1
        c0 ^= np.uint64(k0)
        np.bitwise_and(product1, low, c1)
        np.right_shift(product0, half, c2)
        c2 ^= c3
        c2 ^= np.uint64(k1)
        np.bitwise_and(product0, low, c3)
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def _uint64(xp: Any, values: Any, size: int) -> Any:
    """The first `size` of `values` as a uint64 vector; a NumPy-like integer of any type wraps."""
    if type(values) is np.ndarray and values.shape == (size,) and values.dtype == np.uint64:
        return values
    return xp.reshape(xp.asarray(values), (-1,))[:size].astype(np.uint64)


def blocks_at(xp: Any, key: Any, counter: Any, offsets: Any) -> Any:
    """The blocks at `counter + offsets`.

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      offsets: uint64, [n].

    Returns:
      The first words of all blocks, the second words, ...: uint32, an array [4, n] in NumPy, else a
      tuple of four arrays [n], which XLA need not lay side by side.
    """
    key, counter = _uint64(xp, key, 1), _uint64(xp, counter, 2)
    if is_numpy(xp) and len(offsets) <= _FEW:
        k, start = int(key[0]), int(counter[0]) | int(counter[1]) << 64
        lanes = np.empty((4, len(offsets)), np.uint32)
        for i, offset in enumerate(offsets.tolist()):
            at = start + offset
            words = (at & _LOW, at >> 32 & _LOW, at >> 64 & _LOW, at >> 96 & _LOW)
            lanes[:, i] = _rounds(*words, k & _LOW, k >> 32)
        return lanes
    low = counter[0] + offsets
    high = counter[1] + (low < offsets).astype(np.uint64)
    if is_numpy(xp):
        k = int(key[0])
        words = _rounds_in_place(low & _LOW, low >> 32, high & _LOW, high >> 32, k & _LOW, k >> 32)
        return np.array(words, np.uint32)
    words = _rounds(low & _LOW, low >> 32, high & _LOW, high >> 32, key & _LOW, key >> 32)
    return tuple(w.astype(np.uint32) for w in words)


def map_blocks(
    xp: Any, key: Any, counter: Any, count: int, transform: Callable, costly: bool = False
) -> Any:
    """`transform(words)` of the `count` blocks from `counter` on, in the order of the stream.

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      count: number of blocks.
      transform: takes some consecutive blocks, as `blocks_at` gives them, and returns in the same
        form the values made of each block.
      costly: whether `transform` is more than a few operations. If so XLA does not merge it with
        what uses its values, which would compute it again for each of them.

    Returns:
      The values, flat: those of the first block, those of the second, ...
    """
    if not is_numpy(xp):

        def values(key: Any, counter: Any) -> Any:
            offsets = xp.arange(count, dtype=np.uint64)
            lanes = transform(blocks_at(xp, key, counter, offsets))
            return _interleave_in_place(xp, lanes) if costly else interleave(xp, lanes)

        return isolated(xp, key, values, key, counter) if costly else values(key, counter)

    result = None
    for number, chunk in enumerate(chunks(count)):
        lanes = transform(blocks_at(np, key, counter, chunk))
        if result is None:
            result = np.empty((count, len(lanes)), lanes[0].dtype)
        start = number * CHUNK
        for i, lane in enumerate(lanes):
            result[start : start + len(chunk), i] = lane
    return result.reshape(-1)


def chunks(count: int) -> Iterator[np.ndarray]:
    """The numbers below `count`, uint64, in arrays of `CHUNK` at the most; at least one array."""
    for start in range(0, max(count, 1), CHUNK):
        yield np.arange(start, min(start + CHUNK, count), dtype=np.uint64)


def lanewise(xp: Any, function: Callable, lanes: Any) -> Any:
    """`function` of each lane of blocks; in NumPy, of all at once."""
    return function(lanes) if is_numpy(xp) else tuple(map(function, lanes))


def interleave(xp: Any, lanes: Sequence[Any]) -> Any:
    """The vector `lanes[0][0], lanes[1][0], ..., lanes[0][1], lanes[1][1], ...`."""
    if is_numpy(xp):
        return np.stack(lanes, axis=-1).reshape(-1)
    # XLA's CPU code for a stack along the last axis is 7 times slower than this, which it runs in
    # vector instructions.
    place = xp.arange(len(lanes))
    result = lanes[-1][:, None]
    for i in reversed(range(len(lanes) - 1)):
        result = xp.where(place == i, lanes[i][:, None], result)
    return result.reshape(-1)


def _interleave_in_place(xp: Any, lanes: Sequence[Any]) -> Any:
    """`interleave` that evaluates each lane once, in a computation of which it is the last step."""
    from jax import lax

    result = xp.zeros((lanes[0].shape[0], len(lanes)), lanes[0].dtype)
    for i, lane in enumerate(lanes):
        result = lax.dynamic_update_slice(result, lane[:, None], (0, i))
    return result.reshape(-1)


def isolated(xp: Any, key: Any, function: Callable, *operands: Any) -> Any:
    """`function(*operands)`, evaluated apart from what comes before and after.

    XLA on CPU merges a chain of operations into the loops of all that use it, even if that computes
    a costly chain many times, and drops `optimization_barrier` before it does. A branch of a
    conditional it leaves alone. The condition always holds, but XLA cannot know.
    """
    if is_numpy(xp):
        return function(*operands)
    import jax

    def zeros(*operands: Any) -> Any:
        shapes = jax.eval_shape(function, *operands)
        return jax.tree.map(lambda s: xp.zeros(s.shape, s.dtype), shapes)

    condition = (_uint64(xp, key, 1)[0] | 1) != 0
    return jax.lax.cond(condition, function, zeros, *operands)


def natively(
    xp: Any, kind: int, key: Any, counter: Any, count: int, otherwise: Callable[[Any, Any], Any]
) -> Any:
    """The first `count` values of a kind of `kernels.random_values`, by its kernel where there is one.

    Args:
      key: uint64, scalar or [1].
      counter: uint64, [2].
      otherwise: takes key and counter, and gives the same values without a kernel.
    """
    key, counter = _uint64(xp, key, 1), _uint64(xp, counter, 2)
    if is_numpy(xp):
        values = random_values.drawn(kind, key, counter, count)
        return otherwise(key, counter) if values is None else values
    native = random_values.drawing(kind, count)
    if native is None:
        return otherwise(key, counter)
    from jax import lax

    return lax.platform_dependent(key, counter, cpu=native, default=otherwise)


def words(xp: Any, key: Any, counter: Any, count: int) -> Any:
    """The first `count` 32-bit words of the stream: uint32, [count].

    >>> import numpy as np
    >>> words(np, np.uint64(0), np.zeros(2, np.uint64), 4)
    array([1713891541, 3781805453, 3159862348, 2600524760], dtype=uint32)
    """

    def by_blocks(key: Any, counter: Any) -> Any:
        return map_blocks(xp, key, counter, -(-count // 4), lambda block: block)[:count]

    return natively(xp, random_values.WORDS, key, counter, count, by_blocks)


def pair_words(low: Any, high: Any) -> Any:
    """The uint64 array whose halves are two uint32 arrays."""
    return low.astype(np.uint64) | high.astype(np.uint64) << 32


def words64(xp: Any, key: Any, counter: Any, count: int) -> Any:
    """The first `count` 64-bit words of the stream, low halves first: uint64, [count]."""

    def pairs(block: Any) -> Any:
        return pair_words(block[0], block[1]), pair_words(block[2], block[3])

    return map_blocks(xp, key, counter, -(-count // 2), pairs)[:count]


# --------------------------------------------------------------------------- states


def initial_state(seed: int, seed2: int) -> np.ndarray:
    """The state in which a kernel with these attributes starts: uint64, [3].

    Two zeros mean that no seed was given: the state then comes from the operating system.

    >>> initial_state(7, 3)
    array([0, 3, 7], dtype=uint64)
    """
    if seed == 0 and seed2 == 0:
        seed, seed2 = secrets.randbits(64), secrets.randbits(64)
    return np.array([0, seed2 % 2**64, seed % 2**64], np.uint64)


def split_state(state: Any) -> tuple[Any, Any]:
    """Key [1] and counter [2] of a state [3], both uint64."""
    state = state.astype(np.uint64)
    return state[2:3], state[:2]


def skip(xp: Any, counter: Any, blocks: Any) -> Any:
    """The counter `blocks` further on.

    Args:
      counter: uint64, [2].
      blocks: an integer or an integer scalar; taken modulo 2**64, as the kernels do, so that a
        negative number of blocks goes back within the low half.
    """
    if is_numpy(xp):
        low, high = (int(half) for half in counter)
        blocks = int(blocks) % 2**64
    else:
        low, high = counter[0], counter[1]
        blocks = xp.uint64(blocks % 2**64) if isinstance(blocks, int) else blocks.astype(np.uint64)
    word0 = (low & _LOW) + (blocks & _LOW)
    # TensorFlow adds the carry to the upper word of `blocks` in 32 bits before it adds that word,
    # so that a carry out of 0xFFFFFFFF is lost.
    word1 = (low >> 32) + (((blocks >> 32) + (word0 >> 32)) & _LOW)
    low, high = (word0 & _LOW) | (word1 & _LOW) << 32, high + (word1 >> 32)
    if is_numpy(xp):
        return np.array([low, high % 2**64], np.uint64)
    return xp.stack([low, high])


def skip_state(xp: Any, state: Any, blocks: Any) -> Any:
    """The state `blocks` further on, in the dtype of `state`."""
    key, counter = split_state(state)
    return xp.concatenate([skip(xp, counter, blocks), key]).astype(state.dtype)


def draw(xp: Any, state: Any, reserved: Any, sampler: Callable, *args: Any, **kwargs: Any) -> Any:
    """One run of a stateful kernel: samples, then moves on.

    Args:
      state: uint64 or int64, [3].
      reserved: the number of blocks the kernel puts aside.
      sampler: `sampler(xp, key, counter, *args, **kwargs)`.

    Returns:
      The sampler's values, and the new state.

    >>> import numpy as np
    >>> draw(np, initial_state(1, 2), 256, words, 1)
    (array([3878945999], dtype=uint32), array([256,   2,   1], dtype=uint64))
    """
    key, counter = split_state(state)
    return sampler(xp, key, counter, *args, **kwargs), skip_state(xp, state, reserved)


# --------------------------------------------------------------------------- seeds


def generate_key(xp: Any, seed: Any) -> tuple[Any, Any]:
    """Key and counter of a stateless op: the two seeds scrambled.

    Args:
      seed: int32 or int64, [2].

    Returns:
      key: uint64, [1].
      counter: uint64, [2], of which the low half is 0.
    """
    if np.shape(seed) != (2,):
        raise errors.InvalidArgumentError(
            None, None, f"seed must have shape [2], not {list(np.shape(seed))}"
        )
    mixed = words64(xp, np.uint64(_SCRAMBLING_KEY), _uint64(xp, seed, 2), 2)
    return mixed[:1], xp.concatenate([xp.zeros_like(mixed[:1]), mixed[1:]])


def threefry_key_counter(xp: Any, seed: Any) -> tuple[Any, Any]:
    """Key [1] and counter [1] that `alg="threefry"` makes of a seed [2], for no CPU kernel."""
    low, high = (half.astype(np.uint32) for half in xp.asarray(seed))
    return xp.reshape(pair_words(low, high), (1,)), xp.zeros((1,), np.uint64)


def split_seed(xp: Any, seed: Any, num: int, dtype: Any) -> Any:
    """`tf.random.split`: `num` new seeds, [num, 2], of a seed [2]; int32 or int64."""
    return xp.reshape(_integers(xp, *generate_key(xp, seed), 2 * num, dtype), (num, 2))


def fold_in(xp: Any, seed: Any, data: Any) -> Any:
    """`tf.random.fold_in`: a new seed [2] of a seed [2] and an int32 or int64 scalar."""
    data = xp.asarray(data)
    first = _integers(xp, *generate_key(xp, seed), 1, data.dtype)
    return xp.concatenate([first, xp.reshape(data, (1,))])


def _integers(xp: Any, key: Any, counter: Any, count: int, dtype: Any) -> Any:
    draws = words64 if np.dtype(dtype).itemsize == 8 else words
    return draws(xp, key, counter, count).astype(dtype)


def op_seeds(
    graph_seed: int | None, op_seed: int | None, next_op_seed: Callable[[], int]
) -> tuple[int, int]:
    """The attributes `seed` and `seed2` of an op; `(0, 0)` where no seed was given.

    Args:
      graph_seed: the seed of the graph, or the global seed in eager mode.
      op_seed: the seed given to the op itself.
      next_op_seed: called where only `graph_seed` is given: see the head of this file.

    >>> op_seeds(None, None, int), op_seeds(None, 3, int), op_seeds(5, None, lambda: 9)
    ((0, 0), (87654321, 3), (5, 9))
    """
    if graph_seed is None:
        if op_seed is None:
            return 0, 0
        graph_seed = DEFAULT_GRAPH_SEED
    elif op_seed is None:
        op_seed = next_op_seed()
    seeds = graph_seed % _MAX_INT32, op_seed % _MAX_INT32
    # Two zeros would read as "no seed".
    return seeds if seeds != (0, 0) else (0, _MAX_INT32)


def eager_op_seeds(global_seed: Any) -> Iterator[int]:
    """The seeds that ops without one of their own take after `tf.random.set_seed(global_seed)`."""
    numbers = random.Random(global_seed)
    while True:
        yield numbers.randint(0, _MAX_INT32)


# --------------------------------------------------------------------------- tf.random.Generator


def check_algorithm(algorithm: int) -> None:
    """Raises unless a CPU kernel runs this algorithm id.

    Raises:
      UnimplementedError: ThreeFry.
      InvalidArgumentError: an id that does not exist.
    """
    if algorithm == ALGORITHM_THREEFRY:
        raise errors.UnimplementedError(
            None, None, "The ThreeFry algorithm (2) is not there: take Philox (1) or auto (3)."
        )
    if algorithm not in (ALGORITHM_PHILOX, ALGORITHM_AUTO_SELECT):
        raise errors.InvalidArgumentError(None, None, f"Unsupported algorithm id: {algorithm}")


def generator_state(seed: Any, algorithm: int = ALGORITHM_PHILOX) -> np.ndarray:
    """`tf.random.create_rng_state`: int64, [3], or [2] for ThreeFry.

    Args:
      seed: an integer of any size, or a vector of integers. Of an integer the lowest 64 bits come
        first; a vector that is too short is padded with zeros at its front.

    >>> generator_state(1234), generator_state([5])
    (array([1234,    0,    0]), array([0, 0, 5]))
    """
    size = 2 if algorithm == ALGORITHM_THREEFRY else 3
    if isinstance(seed, int):
        seed = [seed >> 64 * i & 2**64 - 1 for i in range(size)]
    halves = [int(s) % 2**64 for s in np.asarray(seed, object).reshape(-1)[:size]]
    return np.array([0] * (size - len(halves)) + halves, np.uint64).astype(np.int64)


def rng_read_and_skip(xp: Any, state: Any, algorithm: int, delta: Any) -> tuple[Any, Any]:
    """`RngReadAndSkip`: the state [3] as it is, and as it is after `delta` outputs."""
    check_algorithm(algorithm)
    outputs = int(delta) if is_numpy(xp) else delta
    return state, skip_state(xp, state, RESERVED_PER_OUTPUT * outputs)
