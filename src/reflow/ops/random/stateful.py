"""Random ops whose state is a variable: an int64 vector, the counter and then the key.

`generator.py` has the class that programs use.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, shapes
from reflow.lang.errors import invalid
from reflow.lang.shapes import TensorShape
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.random import kernels as random_kernels
from reflow.ops.random import philox, rejection
from reflow.ops.shape_rules import constant_value_as_shape

_STATE = 3  # of Philox: two for the counter, one for the key

_STATEFUL = {
    "grad": None,
    "stateful": True,
    "reads": ["resource"],
    "writes": ["resource"],
}


def _state(ctx: Any, resource: Any, algorithm: Any) -> Any:
    """The state in a variable.

    Raises:
      errors.InvalidArgumentError: if the variable holds none.
      errors.UnimplementedError: for the ThreeFry algorithm.
    """
    philox.check_algorithm(int(algorithm))
    state = ctx.read(resource)
    if state.dtype != np.int64:
        raise invalid(f"dtype of RNG state variable must be int64, not {state.dtype}")
    if len(state.shape) != 1:
        raise invalid(f"RNG state must have one and only one dimension, not {len(state.shape)}")
    if state.shape[0] < _STATE:
        raise invalid(
            f"For the Philox algorithm, the size of state must be at least {_STATE}; got "
            f"{state.shape[0]}"
        )
    return state


def _moved(ctx: Any, resource: Any, state: Any, blocks: Any) -> None:
    """Moves the state in a variable on; what else the variable holds stays."""
    moved = philox.skip_state(ctx.xp, state[:_STATE], blocks)
    ctx.write(resource, ctx.xp.concatenate([moved, state[_STATE:]]))


def _sizes(shape: Any) -> tuple[int, ...]:
    sizes = tuple(int(d) for d in np.ravel(shape))
    if any(d < 0 for d in sizes):
        raise invalid(f"Dimension in {list(sizes)} must be >= 0")
    return sizes


def _drawn(ctx: Any, resource: Any, algorithm: Any, shape: Any, sampler: Callable, *args: Any):
    sizes = _sizes(shape)
    state = _state(ctx, resource, algorithm)
    key, counter = philox.split_state(state[:_STATE])
    _moved(ctx, resource, state, philox.RESERVED_PER_OUTPUT * math.prod(sizes))
    return sampler(ctx.xp, key, counter, sizes, *args)


def _shape_given(resource: Any, algorithm: Any, shape: Any, *rest: Any) -> TensorShape:
    return constant_value_as_shape(shape)


def _drawing(name: str, doc: str, sampler: Callable, default: str, T: str) -> Any:
    def lower(ctx, resource, algorithm, shape, *, dtype):
        return _drawn(ctx, resource, algorithm, shape, sampler, dtype.np)

    return op(
        f"{name}(resource: resource, algorithm: int64, shape: shape_dtype, *,"
        f" dtype: {T} = {default}, shape_dtype: type = int64) -> output: dtype",
        doc,
        shape=_shape_given,
        static=["algorithm", "shape"],
        **_STATEFUL,
    )(lower)


_uniform = random_kernels.uniform
_normal = random_kernels.normal
_truncated = rejection.truncated_normal
_full = random_kernels.uniform_full_int
# fmt: off
stateful_uniform_op = _drawing("StatefulUniform", "Uniform values in [0, 1).", _uniform, "float32", "type")
stateful_normal_op = _drawing("StatefulStandardNormalV2", "Standard normal values.", _normal, "float32", "type")
stateful_truncated_normal_op = _drawing("StatefulTruncatedNormal", "Normal values in (-2, 2).", _truncated, "float32", "type")
stateful_full_int_op = _drawing("StatefulUniformFullInt", "Integers over the whole range of the dtype.", _full, "uint64", "type")
# fmt: on


@op(
    "StatefulUniformInt(resource: resource, algorithm: int64, shape: shape_dtype, minval: dtype,"
    " maxval: dtype, *, dtype: type = int64, shape_dtype: type = int64) -> output: dtype",
    shape=_shape_given,
    static=["algorithm", "shape"],
    **_STATEFUL,
)
def stateful_uniform_int_op(ctx, resource, algorithm, shape, minval, maxval, *, dtype):
    """Uniform integers in [minval, maxval)."""
    if isinstance(minval, (np.ndarray, np.generic)) and isinstance(
        maxval, (np.ndarray, np.generic)
    ):
        if minval >= maxval:
            raise invalid(f"Need minval < maxval, got {minval} >= {maxval}")
    sampler = random_kernels.uniform_int
    return _drawn(ctx, resource, algorithm, shape, sampler, dtype.np, minval, maxval)


@op(
    "StatefulRandomBinomial(resource: resource, algorithm: int64, shape: S, counts: T, probs: T, *,"
    " S: {int32,int64}, T: {half,float,double,int32,int64} = double,"
    " dtype: {half,float,double,int32,int64} = int64) -> output: dtype",
    shape=_shape_given,
    static=["algorithm", "shape"],
    **_STATEFUL,
)
def stateful_binomial_op(ctx, resource, algorithm, shape, counts, probs, *, dtype):
    """Binomial(counts, probs) values; the shape ends in the one that the two broadcast to."""
    sizes, batch = _sizes(shape), np.broadcast_shapes(counts.shape, probs.shape)
    if sizes[len(sizes) - len(batch) :] != batch:
        raise invalid("Shape passed in must end with broadcasted shape.")
    samples = sizes[: len(sizes) - len(batch)]
    state = _state(ctx, resource, algorithm)
    key, counter = philox.split_state(state[:_STATE])
    _moved(ctx, resource, state, rejection.reserve_binomial(samples, batch))
    return rejection.binomial(ctx.xp, key, counter, samples, counts, probs, dtype.np)


# The state ----------------------------------------------------------------------------------------


@op(
    "RngSkip(resource: resource, algorithm: int64, delta: int64) -> ",
    shape=shape_rules.none,
    static=["algorithm"],
    **_STATEFUL,
)
def rng_skip_op(ctx, resource, algorithm, delta):
    """Moves the state on by `delta` numbers."""
    state = _state(ctx, resource, algorithm)
    _moved(ctx, resource, state, philox.RESERVED_PER_OUTPUT * _number(ctx, delta))
    return ()


def _number(ctx: Any, delta: Any) -> Any:
    return int(delta) if ctx.xp.is_numpy else delta.astype(np.uint64)


@op(
    "RngReadAndSkip(resource: resource, alg: int32, delta: uint64) -> value: int64",
    shape=lambda resource, alg, delta: shapes.of((_STATE,)),
    static=["alg"],
    **_STATEFUL,
)
def rng_read_and_skip_op(ctx, resource, alg, delta):
    """The state as it is, which is moved on by `delta` numbers."""
    state = _state(ctx, resource, alg)
    _moved(ctx, resource, state, philox.RESERVED_PER_OUTPUT * _number(ctx, delta))
    return state[:_STATE]


@op(
    "NonDeterministicInts(shape: shape_dtype, *, dtype: type = int64, shape_dtype: type = int64)"
    " -> output: dtype",
    shape=constant_value_as_shape,
    grad=None,
    stateful=True,
    compile=False,
)
def non_deterministic_ints_op(ctx, shape, *, dtype):
    """Integers over the whole range of the dtype, from the operating system."""
    if dtype not in (dtypes.int32, dtypes.int64, dtypes.uint32, dtypes.uint64):
        raise invalid(f"There are no non-deterministic numbers of dtype {dtype.name}")
    sizes = _sizes(shape)
    words = secrets.token_bytes(math.prod(sizes) * dtype.np.itemsize)
    return np.frombuffer(words, dtype.np).reshape(sizes).copy()


# Permutations -------------------------------------------------------------------------------------


def _shuffled_shape(index, seed, max_index):
    ranks = index._shape.rank, max_index._shape.rank, seed._shape.rank
    if None in ranks:
        return shapes.UNKNOWN
    size = [None if s is None else s for s in (*index._shape._dims, *max_index._shape._dims)]
    if ranks[2] == 2:
        size.append(seed._shape._dims[0])
    if not size:
        return shapes.SCALAR
    return shapes.of((next((s for s in size if s is not None), None),))


@op(
    "RandomIndexShuffle(index: dtype, seed: Tseed, max_index: dtype, *, rounds: int = 4,"
    " dtype: {int32,uint32,int64,uint64}, Tseed: {int32,uint32,int64,uint64}) -> output: dtype",
    shape=_shuffled_shape,
    grad=None,
)
def random_index_shuffle_op(xp, index, seed, max_index, *, rounds):
    """The places of indices in a random permutation of 0, ..., max_index."""
    sizes = {x.shape[0] for x in (index, max_index) if x.ndim} | (
        {seed.shape[0]} if seed.ndim == 2 else set()
    )
    if rounds < 4 or rounds % 2:
        raise invalid(f"Expected rounds >= 4 and even, got {rounds}")
    if index.ndim > 1 or max_index.ndim > 1 or len(sizes) > 1:
        raise invalid(
            f"index {index.shape} and max_index {max_index.shape} must be scalars or vectors of one "
            "size"
        )
    if seed.ndim not in (1, 2) or seed.shape[-1] != 3:
        raise invalid(
            f"Seed must be a vector of size [3] or a matrix of size [n, 3] but got {seed.shape}."
        )
    if all(isinstance(x, (np.ndarray, np.generic)) for x in (index, max_index)):
        if np.any(max_index < index):
            raise invalid(f"max_index must be >= index, but {max_index} < {index}")
    return random_kernels.index_shuffle(xp, index, seed, max_index, rounds)
