"""Candidate samplers: some classes drawn to stand for all.

The samplers draw TensorFlow's numbers: words of a Philox stream one after the other, of which each class
takes as many as its kind says. https://www.tensorflow.org/extras/candidate_sampling.pdf
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.kernels import sampling as kernels
from reflow.lang import errors
from reflow.lang.export import export
from reflow.lang.opdef import ValueNeeded
from reflow.lang.random_seed import op_seeds
from reflow.ops.define import op
from reflow.ops.random import philox
from reflow.ops.random.kernels import unit_double, unit_float

# Distributions ------------------------------------------------------------------------------------

_WORDS_PER_SAMPLE = 2048  # 32-bit words that a run puts aside for each class, used or not


def _reserved(count: int) -> int:
    """The blocks that a run puts aside."""
    return _WORDS_PER_SAMPLE * count // 4


class Uniform:
    """Every class alike."""

    words = 2
    kernel = kernels.UNIFORM

    def __init__(self, range_max: int):
        self.range = range_max

    def classes(self, words: np.ndarray) -> np.ndarray:
        """The classes that words [n, self.words] of the stream stand for."""
        return (_whole(words) % np.uint64(self.range)).astype(np.int64)

    def probability(self, classes: np.ndarray) -> np.ndarray:
        """How probable classes are: float32."""
        return np.full(classes.shape, 1 / self.range, np.float32)


def _whole(words: np.ndarray) -> np.ndarray:
    """uint64 numbers from pairs of words, low halves first."""
    return philox.pair_words(words[:, 0], words[:, 1])


class LogUniform:
    """Class k with a probability of log((k + 2) / (k + 1)) / log(range + 1): Zipf's law, nearly."""

    words = 2
    kernel = kernels.LOG_UNIFORM

    def __init__(self, range_max: int):
        self.range = range_max
        self.log_range = np.log1p(float(range_max))

    def classes(self, words: np.ndarray) -> np.ndarray:
        uniform = unit_double(np, words[:, 0], words[:, 1])
        value = np.exp(uniform * self.log_range).astype(np.int64) - 1
        return value % self.range

    def probability(self, classes: np.ndarray) -> np.ndarray:
        value = classes.astype(np.float64)
        return (np.log((value + 2) / (value + 1)) / self.log_range).astype(np.float32)


class Counted:
    """Class k with a probability proportional to an integer weight."""

    words = 1

    def __init__(self, weights: np.ndarray):
        self.range = len(weights)
        self.weights = weights.astype(np.int64)
        self.ends = np.cumsum(self.weights)

    def classes(self, words: np.ndarray) -> np.ndarray:
        place = words[:, 0].astype(np.int64) % self.ends[-1]
        return np.searchsorted(self.ends, place, side="right").astype(np.int64)

    def probability(self, classes: np.ndarray) -> np.ndarray:
        weights = self.weights[classes].astype(np.float32)
        return weights / np.float32(self.ends[-1])


class Weighted:
    """Class k with a probability proportional to a real weight, by Walker's alias method.

    Each class is a column of height 1, in which its own share lies below that of one other class, its
    alias. A draw takes a column and a height.
    """

    words = 2

    def __init__(self, weights: np.ndarray):
        self.range = len(weights)
        self.weights = weights
        self.total = np.float32(0)
        for weight in weights:  # one by one, in float32, as TensorFlow adds them up
            self.total += weight
        shares = weights.astype(np.float64) * self.range / weights.astype(np.float64).sum()
        self.share, self.alias = self._columns(shares.tolist())

    @staticmethod
    def _columns(shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
        alias = list(range(len(shares)))
        small = [i for i, share in enumerate(shares) if share < 1]
        large = [i for i, share in enumerate(shares) if share >= 1]
        while small and large:
            low, high = small.pop(), large.pop()
            alias[low] = high
            shares[high] -= 1 - shares[low]
            (small if shares[high] < 1 else large).append(high)
        for i in (*small, *large):  # what rounding left over is full
            shares[i], alias[i] = 1.0, i
        return np.array(shares, np.float32), np.array(alias, np.int64)

    def classes(self, words: np.ndarray) -> np.ndarray:
        height = unit_float(np, words[:, 0], np.float32)
        column = (words[:, 1] % np.uint32(self.range)).astype(np.int64)
        return np.where(height < self.share[column], column, self.alias[column])

    def probability(self, classes: np.ndarray) -> np.ndarray:
        return (self.weights[classes] / self.total).astype(np.float32)


def _draw(
    distribution: Any, key: Any, counter: Any, count: int, unique: bool
) -> tuple[np.ndarray, int]:
    """`count` classes, and how many draws that took: with `unique`, repeated ones are drawn again."""
    draws = 2 * count if unique else count
    while True:
        words = philox.words(np, key, counter, draws * distribution.words)
        classes = distribution.classes(words.reshape(draws, distribution.words))
        if not unique:
            return classes, count
        first = np.sort(np.unique(classes, return_index=True)[1])
        if len(first) >= count:
            first = first[:count]
            return classes[first], int(first[-1]) + 1 if count else 0
        draws *= 2


def _expected(probability: np.ndarray, count: int, tries: int) -> np.ndarray:
    """How often a class of this probability is expected among the drawn ones."""
    if tries == count:
        return probability * np.float32(count)
    return -np.expm1(np.float32(tries) * np.log1p(-probability))


# The ops ------------------------------------------------------------------------------------------

_OUTPUTS = (
    " -> sampled_candidates: int64, true_expected_count: float, sampled_expected_count: float"
)
_COUNTS = "num_true: int, num_sampled: int, unique: bool"
_SEEDS = "seed: int = 0, seed2: int = 0"


def _begin(attrs: dict[str, Any]) -> np.ndarray:
    return philox.initial_state(attrs["seed"], attrs["seed2"])


def _begin_counting(attrs: dict[str, Any]) -> np.ndarray:
    """The state of a sampler that learns: the generator's, then a weight for each class."""
    return np.concatenate([_begin(attrs), np.ones(attrs["range_max"], np.uint64)])


def _shape(true_classes: Any, *, num_true: int, num_sampled: int) -> list:
    rows = true_classes.shape.with_rank(2).sizes
    return [(num_sampled,), (None if rows is None else rows[0], num_true), (num_sampled,)]


_KERNEL_TRAITS: dict[str, Any] = {
    "shape": _shape,
    "grad": None,
    "stateful": True,
    "random": _begin,
}
_TRAITS = {**_KERNEL_TRAITS, "compile": False}


def _check_shape(true_classes: Any, num_true: int) -> None:
    if len(true_classes.shape) != 2:
        raise errors.InvalidArgumentError(None, None, "true_classes must be a matrix")
    if true_classes.shape[1] != num_true:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"true_classes must have num_true columns, expected: {true_classes.shape[1]} was: "
            f"{num_true}",
        )


def _check(true_classes: np.ndarray, num_true: int, range_max: int) -> None:
    _check_shape(true_classes, num_true)
    outside = (true_classes < 0) | (true_classes >= range_max)
    if outside.any():
        raise errors.InvalidArgumentError(
            None,
            None,
            f"`true_candidate` out of range [0, {range_max}), received {true_classes[outside][0]}",
        )


def _sample(
    ctx: Any,
    distribution: Any,
    true_classes: np.ndarray,
    num_true: int,
    num_sampled: int,
    unique: bool,
    learn: Callable[[np.ndarray], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One run of a sampler."""
    if unique and num_sampled > distribution.range:
        raise errors.InvalidArgumentError(None, None, "Sampler's range is too small.")
    if not ctx.xp.is_numpy:
        return _sample_natively(ctx, distribution, true_classes, num_true, num_sampled, unique)
    true_classes = np.asarray(true_classes)
    _check(true_classes, num_true, distribution.range)
    handle = ctx.node_state(ctx.op.opdef.name)
    state = np.asarray(ctx.read(handle))
    key, counter = philox.split_state(state[:3])
    classes, tries = _draw(distribution, key, counter, num_sampled, unique)
    moved = state.copy()
    moved[:3] = philox.skip_state(np, state[:3], _reserved(num_sampled))
    if learn is not None:
        learn(moved)
    ctx.write(handle, moved)
    return (
        classes,
        _expected(distribution.probability(true_classes), num_sampled, tries),
        _expected(distribution.probability(classes), num_sampled, tries),
    )


def _sample_natively(
    ctx: Any, distribution: Any, true_classes: Any, num_true: int, num_sampled: int, unique: bool
) -> tuple[Any, Any, Any]:
    """The same in an executable for the CPU, by a kernel; on the host where there is none."""
    _check_shape(true_classes, num_true)
    xp, handle = ctx.xp, ctx.node_state(ctx.op.opdef.name)
    state, flat = xp.asarray(ctx.read(handle)), xp.asarray(true_classes).reshape(-1)
    drawn = None
    if ctx.on_cpu and num_sampled:
        drawn = kernels.sample(
            distribution.kernel, distribution.range, unique, state, flat, num_sampled,
            _reserved(num_sampled),
        )  # fmt: skip
    if drawn is None:
        raise ValueNeeded("true_classes", on_host=True)
    classes, true_expected, expected, in_range, moved = drawn
    ctx.check(in_range, lambda: f"`true_candidate` out of range [0, {distribution.range})")
    ctx.write(handle, moved)
    return classes, true_expected.reshape(true_classes.shape), expected


@op(
    f"UniformCandidateSampler(true_classes: int64, *, {_COUNTS}, range_max: int, {_SEEDS}){_OUTPUTS}",
    **_KERNEL_TRAITS,
)
def uniform_sampler_op(ctx, true_classes, *, num_true, num_sampled, unique, range_max):
    """Classes drawn uniformly."""
    return _sample(ctx, Uniform(range_max), true_classes, num_true, num_sampled, unique)


@op(
    f"LogUniformCandidateSampler(true_classes: int64, *, {_COUNTS}, range_max: int, {_SEEDS})"
    f"{_OUTPUTS}",
    **_KERNEL_TRAITS,
)
def log_uniform_sampler_op(ctx, true_classes, *, num_true, num_sampled, unique, range_max):
    """Classes drawn by a log-uniform (Zipfian) distribution."""
    return _sample(ctx, LogUniform(range_max), true_classes, num_true, num_sampled, unique)


def _learned(ctx, true_classes, *, num_true, num_sampled, unique, range_max):
    """Classes drawn as often as they were seen among the true ones, plus 1."""
    state = np.asarray(ctx.read(ctx.node_state(ctx.op.opdef.name)))

    def learn(moved: np.ndarray) -> None:
        np.add.at(moved, 3 + np.asarray(true_classes).ravel(), 1)

    return _sample(
        ctx, Counted(state[3:]), true_classes, num_true, num_sampled, unique, learn=learn
    )


_LEARNED = f"(true_classes: int64, *, {_COUNTS}, range_max: int, {_SEEDS}){_OUTPUTS}"
_LEARNED_TRAITS = {**_TRAITS, "random": _begin_counting}
learned_unigram_sampler_op = op(f"LearnedUnigramCandidateSampler{_LEARNED}", **_LEARNED_TRAITS)(
    _learned
)
thread_unsafe_unigram_sampler_op = op(
    f"ThreadUnsafeUnigramCandidateSampler{_LEARNED}", **_LEARNED_TRAITS
)(_learned)

_fixed: dict[Any, Weighted] = {}  # the tables by what they are made of: they do not change
_MAX_FIXED = 64


def _counts_of(vocab_file: str) -> list[float]:
    """The last column of a comma-separated file."""
    try:
        with open(vocab_file) as lines:
            return [float(line.rsplit(",", 1)[-1]) for line in lines]
    except OSError as error:
        raise errors.NotFoundError(None, None, f"{vocab_file}: {error.strerror}") from None
    except ValueError:
        raise errors.InvalidArgumentError(
            None, None, f"{vocab_file}: the last column of each line must be a number"
        ) from None


@op(
    f"FixedUnigramCandidateSampler(true_classes: int64, *, {_COUNTS}, range_max: int,"
    " vocab_file: string = '', distortion: float = 1.0, num_reserved_ids: int = 0,"
    f" num_shards: int = 1, shard: int = 0, unigrams: list(float) = [], {_SEEDS}){_OUTPUTS}",
    **_TRAITS,
)
def fixed_unigram_sampler_op(
    ctx, true_classes, *, num_true, num_sampled, unique, range_max, vocab_file, distortion,
    num_reserved_ids, num_shards, shard, unigrams,
):  # fmt: skip
    """Classes drawn by weights that are given, or read from a file."""
    changed = os.path.getmtime(vocab_file) if os.path.exists(vocab_file) else 0
    key = (
        vocab_file, changed, distortion, num_reserved_ids, num_shards, shard, tuple(unigrams),
        range_max,
    )  # fmt: skip
    distribution = _fixed.get(key)
    if distribution is None:
        if bool(vocab_file) == bool(unigrams):
            raise errors.InvalidArgumentError(
                None, None, "Must provide exactly one of either vocab_file or unigrams."
            )
        counts = np.array(unigrams or _counts_of(vocab_file), np.float32)
        reserved = len(range(shard, num_reserved_ids, num_shards))
        # TensorFlow goes on counting from the number of reserved ids of this shard.
        chosen = counts[(shard - reserved) % num_shards :: num_shards] ** np.float32(distortion)
        weights = np.concatenate([np.zeros(reserved, np.float32), chosen])
        if len(weights) != range_max:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"range is {range_max} must be equal to weights size {len(weights)}",
            )
        if len(_fixed) >= _MAX_FIXED:
            _fixed.clear()
        distribution = _fixed[key] = Weighted(weights)
    return _sample(ctx, distribution, true_classes, num_true, num_sampled, unique)


@op(
    f"AllCandidateSampler(true_classes: int64, *, {_COUNTS}, {_SEEDS}){_OUTPUTS}",
    shape=_shape,
    grad=None,
    stateful=True,
    compile=False,
)
def all_sampler_op(ctx, true_classes, *, num_true, num_sampled):
    """All classes, each once."""
    true_classes = np.asarray(true_classes)
    _check(true_classes, num_true, num_sampled)
    ones = np.ones(true_classes.shape, np.float32)
    return np.arange(num_sampled), ones, np.ones(num_sampled, np.float32)


@op(
    "ComputeAccidentalHits(true_classes: int64, sampled_candidates: int64, *, num_true: int,"
    f" {_SEEDS}) -> indices: int32, ids: int64, weights: float",
    grad=None,
    compile=False,
    shape=lambda true_classes, sampled_candidates: [(None,)] * 3,
)
def compute_accidental_hits_op(xp, true_classes, sampled_candidates, *, num_true):
    """Where a true class was sampled: its row, its place among the samples, and a large weight."""
    if true_classes.ndim != 2 or true_classes.shape[1] != num_true:
        raise errors.InvalidArgumentError(
            None, None, f"true_classes must be a matrix with num_true columns: {num_true}"
        )
    order = np.argsort(sampled_candidates, kind="stable")
    ranked = sampled_candidates[order]
    flat = true_classes.ravel()
    # Of a class that was sampled several times the last place counts.
    at = np.searchsorted(ranked, flat, side="right") - 1
    hit = (at >= 0) & (ranked[np.maximum(at, 0)] == flat) if len(ranked) else at >= 0
    rows = np.arange(flat.size) // max(num_true, 1)
    places = order[at[hit]]
    weights = np.full(places.shape, -np.finfo(np.float32).max, np.float32)
    return rows[hit].astype(np.int32), places.astype(np.int64), weights


# Public functions ---------------------------------------------------------------------------------


@export("random.uniform_candidate_sampler", v1=("nn.uniform_candidate_sampler",))
def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draws classes uniformly.

    Args:
      true_classes: an int64 matrix [batch, num_true]: the classes of the examples.
      num_true: how many classes an example has.
      num_sampled: how many classes to draw.
      unique: whether to draw every class at most once.
      range_max: the number of classes.
      seed: the seed of the op.
      name: the name of the node.

    Returns:
      A named tuple: the drawn classes, int64 [num_sampled]; and how often the true classes, and the
      drawn ones, are expected to be among them, float32 [batch, num_true] and [num_sampled].

    Raises:
      InvalidArgumentError: if more unique classes are wanted than there are, or a true class is not in
        [0, range_max).

    >>> import reflow as tf
    >>> drawn = tf.random.uniform_candidate_sampler([[1]], 1, 3, True, 3, seed=1)
    >>> print(sorted(drawn.sampled_candidates.numpy().tolist()))
    [0, 1, 2]
    """
    return uniform_sampler_op(
        true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique,
        range_max=range_max, name=name, **op_seeds(seed),
    )  # fmt: skip


@export("random.log_uniform_candidate_sampler", v1=("nn.log_uniform_candidate_sampler",))
def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draws classes by a log-uniform distribution: for words numbered by falling frequency.

    Class k has the probability (log(k + 2) - log(k + 1)) / log(range_max + 1).

    Args:
      true_classes, num_true, num_sampled, unique, range_max, seed, name: see
        `uniform_candidate_sampler`.

    Returns:
      The drawn classes and two expected counts: see `uniform_candidate_sampler`.

    >>> import reflow as tf
    >>> drawn = tf.random.log_uniform_candidate_sampler([[1]], 1, 3, True, 3, seed=1)
    >>> print(sorted(drawn.sampled_candidates.numpy().tolist()))
    [0, 1, 2]
    """
    return log_uniform_sampler_op(
        true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique,
        range_max=range_max, name=name, **op_seeds(seed),
    )  # fmt: skip


@export("nn.learned_unigram_candidate_sampler", "random.learned_unigram_candidate_sampler")
def learned_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draws classes as often as they were among the true classes of this op before, plus 1.

    Args:
      true_classes, num_true, num_sampled, unique, range_max, seed, name: see
        `uniform_candidate_sampler`.

    Returns:
      The drawn classes and two expected counts: see `uniform_candidate_sampler`.

    >>> import reflow as tf
    >>> drawn = tf.random.learned_unigram_candidate_sampler([[1]], 1, 3, True, 3, seed=1)
    >>> print(sorted(drawn.sampled_candidates.numpy().tolist()))
    [0, 1, 2]
    """
    return learned_unigram_sampler_op(
        true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique,
        range_max=range_max, name=name, **op_seeds(seed),
    )  # fmt: skip


@export("nn.fixed_unigram_candidate_sampler", "random.fixed_unigram_candidate_sampler")
def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Sequence[float] = (),
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Draws classes by weights that are given.

    Args:
      true_classes, num_true, num_sampled, unique, range_max, seed, name: see
        `uniform_candidate_sampler`.
      vocab_file: a comma-separated file with a line per class, of which the last column is its weight.
      distortion: the power to which weights are raised: 0 makes them uniform.
      num_reserved_ids: how many classes with weight 0 come before the others.
      num_shards, shard: of all classes, only those whose number leaves `shard` when divided by
        `num_shards` are drawn.
      unigrams: the weights, in place of a file.

    Returns:
      The drawn classes and two expected counts: see `uniform_candidate_sampler`.

    Raises:
      InvalidArgumentError: if there are not `range_max` weights.

    >>> import reflow as tf
    >>> drawn = tf.random.fixed_unigram_candidate_sampler(
    ...     [[1]], 1, 2, False, 3, unigrams=[0.0, 1.0, 0.0], seed=1)
    >>> print(drawn.sampled_candidates.numpy())
    [1 1]
    """
    return fixed_unigram_sampler_op(
        true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique,
        range_max=range_max, vocab_file=vocab_file, distortion=distortion,
        num_reserved_ids=num_reserved_ids, num_shards=num_shards, shard=shard,
        unigrams=list(unigrams), name=name, **op_seeds(seed),
    )  # fmt: skip


@export("nn.all_candidate_sampler", "random.all_candidate_sampler")
def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """All classes, each once, in place of a sample: to test with.

    Args:
      true_classes: an int64 matrix [batch, num_true].
      num_true: how many classes an example has.
      num_sampled: the number of classes.
      unique, seed: without effect, as in TensorFlow.
      name: the name of the node.

    Returns:
      The classes and two expected counts, all 1: see `uniform_candidate_sampler`.

    >>> import reflow as tf
    >>> print(tf.random.all_candidate_sampler([[1]], 1, 3, True).sampled_candidates.numpy())
    [0 1 2]
    """
    return all_sampler_op(
        true_classes, num_true=num_true, num_sampled=num_sampled, unique=unique, name=name,
        **op_seeds(seed),
    )  # fmt: skip


@export("nn.compute_accidental_hits")
def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Where true classes are among the drawn ones.

    Args:
      true_classes: an int64 matrix [batch, num_true].
      sampled_candidates: an int64 vector [num_sampled].
      num_true: how many classes an example has.
      seed: without effect, as in TensorFlow.
      name: the name of the node.

    Returns:
      A named tuple of vectors, with an element per hit: the rows (int32), the places among the drawn
      classes (int64), and the lowest float32, to be added to the logits there.

    >>> import reflow as tf
    >>> hits = tf.nn.compute_accidental_hits([[5], [7]], [7, 3], 1)
    >>> print(hits.indices.numpy(), hits.ids.numpy())
    [1] [0]
    """
    return compute_accidental_hits_op(
        true_classes, sampled_candidates, num_true=num_true, name=name, **op_seeds(seed)
    )
