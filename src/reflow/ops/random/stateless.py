"""Stateless random ops: the values depend on nothing but the seed.

https://www.tensorflow.org/guide/random_numbers#stateless_rngs
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import no_gradient, op
from reflow.ops.random import kernels as random_kernels
from reflow.ops.random import philox, rejection, truncated
from reflow.ops.random.algorithm import algorithm_number, unsupported
from reflow.ops.random.random_ops import (
    check_range,
    first_is_shape,
    floating,
    gamma_alpha_grad,
    plus,
    sample_count,
    samples_shape,
    shape_tensor,
    sizes_of,
    times,
)
from reflow.ops.shape_rules import constant_value_as_shape

# Stateless ops ------------------------------------------------------------------------------------


@op(
    "StatelessRandomGetKeyCounter(seed: Tseed, *, Tseed: INDEX = int64)"
    " -> key: uint64, counter: uint64",
    shape=lambda seed: [(1,), (2,)],
    grad=None,
)
def stateless_random_get_key_counter(xp, seed):
    """The key and the counter with which a stateless op of this seed begins."""
    return philox.generate_key(xp, seed)


@op("StatelessRandomGetAlg() -> alg: int32", shape=shape_rules.scalar, grad=None)
def stateless_random_get_alg(xp):
    """The best algorithm of the device: Philox."""
    return np.array(philox.ALGORITHM_PHILOX, np.int32)


@op(
    "StatelessRandomGetKeyCounterAlg(seed: Tseed, *, Tseed: INDEX = int64)"
    " -> key: uint64, counter: uint64, alg: int32",
    shape=lambda seed: [(1,), (2,), ()],
    grad=None,
)
def stateless_random_get_key_counter_alg(xp, seed):
    """Key, counter and algorithm of a stateless op of this seed."""
    return (*philox.generate_key(xp, seed), np.array(philox.ALGORITHM_PHILOX, np.int32))


def _stateless(name: str, doc: str, sampler: Callable, kinds: str = "FLOAT") -> None:
    """The op by seed, and its V2 by key, counter and algorithm."""
    default = "uint64" if "Full" in name else "float32"

    def by_seed(xp, shape, seed, *, dtype):
        return sampler(xp, *philox.generate_key(xp, seed), sizes_of(shape), dtype.np)

    def by_key(xp, shape, key, counter, alg, *, dtype):
        philox.check_algorithm(int(alg))
        return sampler(xp, key, counter, sizes_of(shape), dtype.np)

    op(
        f"{name}(shape: T, seed: Tseed, *, dtype: {kinds} = {default}, T: INDEX = int32,"
        f" Tseed: {'INDEX|{uint32,uint64}' if 'Full' in name else 'INDEX'} = int64)"
        " -> output: dtype",
        doc,
        shape=first_is_shape,
        static=["shape"],
        grad=None,
    )(by_seed)
    op(
        f"{name}V2(shape: Tshape, key: uint64, counter: uint64, alg: int32, *,"
        f" dtype: {kinds} = {default}, Tshape: INDEX = int32) -> output: dtype",
        doc,
        shape=first_is_shape,
        static=["shape", "alg"],
        grad=None,
    )(by_key)


_stateless("StatelessRandomUniform", "Uniform values in [0, 1).", random_kernels.uniform)
_stateless("StatelessRandomNormal", "Standard normal values.", random_kernels.normal)
_stateless("StatelessTruncatedNormal", "Normal values in (-2, 2).", rejection.truncated_normal)
_stateless(
    "StatelessRandomUniformFullInt",
    "Integers over the whole range of the dtype.",
    random_kernels.uniform_full_int,
    "{int32,int64,uint32,uint64}",
)


@op(
    "StatelessRandomUniformInt(shape: T, seed: Tseed, minval: dtype, maxval: dtype, *,"
    " dtype: {int32,int64}, T: INDEX, Tseed: INDEX = int64) -> output: dtype",
    shape=first_is_shape,
    static=["shape"],
    grad=None,
)
def stateless_random_uniform_int(xp, shape, seed, minval, maxval, *, dtype):
    """Uniform integers in [minval, maxval)."""
    check_range(minval, maxval)
    key, counter = philox.generate_key(xp, seed)
    return random_kernels.uniform_int(xp, key, counter, sizes_of(shape), dtype.np, minval, maxval)


@op(
    "StatelessRandomUniformIntV2(shape: Tshape, key: uint64, counter: uint64, alg: int32,"
    " minval: dtype, maxval: dtype, *, dtype: {int32,int64,uint32,uint64},"
    " Tshape: INDEX = int32) -> output: dtype",
    shape=first_is_shape,
    static=["shape", "alg"],
    grad=None,
)
def stateless_random_uniform_int_v2(xp, shape, key, counter, alg, minval, maxval, *, dtype):
    """Uniform integers in [minval, maxval)."""
    philox.check_algorithm(int(alg))
    check_range(minval, maxval)
    return random_kernels.uniform_int(xp, key, counter, sizes_of(shape), dtype.np, minval, maxval)


@op(
    "StatelessMultinomial(logits: T, num_samples: int32, seed: Tseed, *, T: REAL,"
    " Tseed: INDEX = int64, output_dtype: {int32,int64} = int64) -> output: output_dtype",
    shape=samples_shape,
    static=["num_samples"],
    grad=None,
)
def stateless_multinomial(xp, logits, num_samples, seed, *, output_dtype):
    """Class indices drawn by unnormalised log-probabilities."""
    count = sample_count(logits, num_samples)
    key, counter = philox.generate_key(xp, seed)
    return random_kernels.multinomial(
        xp, key, counter, floating(xp, logits), count, output_dtype.np, os.cpu_count() or 1
    )


def _ends_in_batch(shape: Any, *rest: Any) -> shapes.TensorShape:
    return constant_value_as_shape(shape)


def _sample_part(shape: Any, batch: tuple[int, ...]) -> tuple[int, ...]:
    """What comes before the batch shape in the shape of a stateless op's result."""
    sizes = sizes_of(shape)
    if sizes[len(sizes) - len(batch) :] != tuple(batch):
        raise errors.InvalidArgumentError(
            None, None, f"Shape passed in must end with broadcasted shape {batch}, got {sizes}"
        )
    return sizes[: len(sizes) - len(batch)]


@op(
    "StatelessRandomGammaV2(shape: T, seed: Tseed, alpha: dtype, *, dtype: {half,float,double},"
    " T: INDEX, Tseed: INDEX = int64) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape"],
)
def stateless_random_gamma_op(xp, shape, seed, alpha):
    """Gamma(alpha, 1) values; the shape ends in that of `alpha`."""
    key, counter = philox.generate_key(xp, seed)
    return rejection.gamma(xp, key, counter, _sample_part(shape, alpha.shape), alpha)


@stateless_random_gamma_op.gradient_rule
def _stateless_random_gamma_grad(g, op, alpha, output):
    from reflow.ops import array

    samples = array.shape(output)[: array.rank(output) - array.rank(alpha)]
    return None, None, gamma_alpha_grad(g, alpha, output, samples)


@op(
    "StatelessRandomGammaV3(shape: shape_dtype, key: uint64, counter: uint64, alg: int32,"
    " alpha: dtype, *, dtype: {half,float,double}, shape_dtype: INDEX = int32) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape", "alg"],
)
def stateless_random_gamma_v3(xp, shape, key, counter, alg, alpha):
    """Gamma(alpha, 1) values; the shape ends in that of `alpha`."""
    philox.check_algorithm(int(alg))
    return rejection.gamma(xp, key, counter, _sample_part(shape, alpha.shape), alpha)


@stateless_random_gamma_v3.gradient_rule
def _stateless_random_gamma_v3_grad(g, op, alpha, output):
    from reflow.ops import array

    samples = array.shape(output)[: array.rank(output) - array.rank(alpha)]
    return None, None, None, None, gamma_alpha_grad(g, alpha, output, samples)


@op(
    "StatelessRandomPoisson(shape: T, seed: Tseed, lam: Rtype, *,"
    " Rtype: {half,float,double,int32,int64}, dtype: {half,float,double,int32,int64}, T: INDEX,"
    " Tseed: INDEX = int64) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape"],
    grad=None,
)
def stateless_random_poisson_op(xp, shape, seed, lam, *, dtype):
    """Poisson(lam) values; the shape ends in that of `lam`."""
    key, counter = philox.generate_key(xp, seed)
    sample = _sample_part(shape, lam.shape)
    return rejection.poisson(xp, key, counter, sample, lam, dtype.np)


@op(
    "StatelessRandomBinomial(shape: S, seed: Tseed, counts: T, probs: T, *, S: INDEX,"
    " Tseed: INDEX = int64, T: {half,float,double,int32,int64} = double,"
    " dtype: {half,float,double,int32,int64} = int64) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape"],
    grad=None,
)
def stateless_random_binomial_op(xp, shape, seed, counts, probs, *, dtype):
    """Binomial(counts, probs) values; the shape ends in the one that the two broadcast to."""
    key, counter = philox.generate_key(xp, seed)
    batch = np.broadcast_shapes(counts.shape, probs.shape)
    sample = _sample_part(shape, batch)
    return rejection.binomial(xp, key, counter, sample, counts, probs, dtype.np)


@op(
    "StatelessParameterizedTruncatedNormal(shape: S, seed: Tseed, means: dtype, stddevs: dtype,"
    " minvals: dtype, maxvals: dtype, *, S: INDEX, Tseed: INDEX = int64,"
    " dtype: {half,float,double}) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape"],
    grad=no_gradient,
)
def stateless_parameterized_truncated_normal_op(xp, shape, seed, means, stddevs, minvals, maxvals):
    """Normal values within bounds; the shape ends in the one that the parameters broadcast to."""
    key, counter = philox.generate_key(xp, seed)
    return truncated.stateless_parameterized_truncated_normal(
        xp, key, counter, sizes_of(shape), means, stddevs, minvals, maxvals
    )


@op(
    "StatelessShuffle(value: T, key: uint64, counter: uint64, alg: int32) -> output: T",
    shape=shape_rules.same,
    static=["alg"],
    grad=None,
)
def stateless_shuffle_op(xp, value, key, counter, alg):
    """The rows of `value` in random order."""
    philox.check_algorithm(int(alg))
    return random_kernels.shuffle(xp, key, counter, value)


# Public stateless functions -----------------------------------------------------------------------


def _seed_tensor(seed: Any) -> Any:
    return convert_to_tensor(seed, dtype_hint=int32, name="seed")


def _key_counter(seed: Any, alg: Any = "auto_select") -> tuple[Any, Any, Any]:
    number = algorithm_number("auto_select" if alg is None else alg)
    if number == philox.ALGORITHM_THREEFRY:
        philox.check_algorithm(number)
    if number not in (philox.ALGORITHM_PHILOX, philox.ALGORITHM_AUTO_SELECT):
        raise unsupported(alg)
    key, counter = stateless_random_get_key_counter(_seed_tensor(seed))
    return key, counter, philox.ALGORITHM_PHILOX


@export("random.stateless_uniform")
def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Any:
    """Uniform values in [minval, maxval) that depend on nothing but `seed` and the shape.

    Args:
      seed: two integers.
      minval, maxval: the bounds; both None for integers over the whole range of the dtype.
    """
    from reflow.ops import math

    dtype = as_dtype(dtype)
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        sizes = shape_tensor(shape)
        key, counter, algorithm = _key_counter(seed, alg)
        if dtype.is_integer and minval is None and maxval is None:
            whole = REGISTRY["StatelessRandomUniformFullIntV2"]
            return whole(sizes, key, counter, algorithm, dtype=dtype, name=scope or None)
        if maxval is None:
            if dtype.is_integer:
                site = errors.user_site()
                raise ValueError(f"{site}: Must specify maxval for integer dtype {dtype.name}.")
            maxval = 1
        low = convert_to_tensor(minval, dtype, name="min")
        high = convert_to_tensor(maxval, dtype, name="max")
        if dtype.is_integer:
            return stateless_random_uniform_int_v2(
                sizes, key, counter, algorithm, low, high, name=scope or None
            )
        values = REGISTRY["StatelessRandomUniformV2"](sizes, key, counter, algorithm, dtype=dtype)
        return plus(times(values, math.sub(high, low, name="sub")), low, scope)


def _stateless_scaled(kind: str, default: str, shape, seed, mean, stddev, dtype, name, alg) -> Any:

    with name_scope(name, default, [shape, seed, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        key, counter, algorithm = _key_counter(seed, alg)
        values = REGISTRY[kind](sizes, key, counter, algorithm, dtype=dtype)
        return plus(times(values, stddev), mean, scope)


@export("random.stateless_normal")
def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Any:
    """Normal values that depend on nothing but `seed` and the shape."""
    return _stateless_scaled(
        "StatelessRandomNormalV2",
        "stateless_random_normal",
        shape,
        seed,
        mean,
        stddev,
        dtype,
        name,
        alg,
    )


@export("random.stateless_truncated_normal")
def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Any:
    """Truncated normal values that depend on nothing but `seed` and the shape."""
    return _stateless_scaled(
        "StatelessTruncatedNormalV2",
        "stateless_truncated_normal",
        shape,
        seed,
        mean,
        stddev,
        dtype,
        name,
        alg,
    )


@export("random.stateless_categorical")
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = int64, name: str | None = None
) -> Any:
    """Class indices that depend on nothing but `seed` and the logits."""
    with name_scope(name, "stateless_categorical", [logits, seed]):
        return stateless_multinomial(
            logits, num_samples, _seed_tensor(seed), output_dtype=as_dtype(dtype)
        )


@export(v1=("random.stateless_multinomial",))
def stateless_multinomial_v1(
    logits: Any, num_samples: Any, seed: Any, output_dtype: Any = int64, name: str | None = None
) -> Any:
    """TF 1's `tf.random.stateless_categorical`, where `dtype` is `output_dtype`."""
    return stateless_categorical(logits, num_samples, seed, output_dtype, name)


@export("random.stateless_gamma")
def stateless_gamma(
    shape: Any,
    seed: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = float32,
    name: str | None = None,
) -> Any:
    """Gamma values that depend on nothing but `seed`; the shape ends in that of the parameters."""
    from reflow.ops import filling, math

    with name_scope(name, "stateless_random_gamma", [shape, seed, alpha, beta]):
        alpha = convert_to_tensor(alpha, dtype, name="alpha")
        beta = convert_to_tensor(1 if beta is None else beta, dtype, name="beta")
        broadcast = alpha + filling.zeros_like(beta)
        key, counter, algorithm = _key_counter(seed)
        values = stateless_random_gamma_v3(shape_tensor(shape), key, counter, algorithm, broadcast)
        return math.maximum(np.finfo(alpha.dtype.np).tiny, values / beta)


@export("random.stateless_poisson")
def stateless_poisson(
    shape: Any, seed: Any, lam: Any, dtype: Any = int32, name: str | None = None
) -> Any:
    """Poisson values that depend on nothing but `seed`; the shape ends in that of `lam`."""
    with name_scope(name, "stateless_random_poisson", [shape, seed, lam]):
        return stateless_random_poisson_op(
            shape_tensor(shape), _seed_tensor(seed), convert_to_tensor(lam), dtype=dtype
        )


@export("random.stateless_binomial")
def stateless_binomial(
    shape: Any,
    seed: Any,
    counts: Any,
    probs: Any,
    output_dtype: Any = int32,
    name: str | None = None,
) -> Any:
    """Binomial values that depend on nothing but `seed`; the shape ends in that of the parameters."""
    with name_scope(name, "stateless_random_binomial", [shape, seed, counts, probs]):
        probs = convert_to_tensor(probs, dtype_hint=float32, name="probs")
        counts = convert_to_tensor(counts, probs.dtype, name="counts")
        return stateless_random_binomial_op(
            shape_tensor(shape), _seed_tensor(seed), counts, probs, dtype=output_dtype
        )


@export("random.stateless_parameterized_truncated_normal")
def stateless_parameterized_truncated_normal(
    shape: Any,
    seed: Any,
    means: Any = 0.0,
    stddevs: Any = 1.0,
    minvals: Any = -2.0,
    maxvals: Any = 2.0,
    name: str | None = None,
) -> Any:
    """Normal values within bounds that depend on nothing but `seed`."""
    with name_scope(name, "stateless_parameterized_truncated_normal"):
        tensors = [
            convert_to_tensor(v, dtype_hint=float32) for v in (means, stddevs, minvals, maxvals)
        ]
        return stateless_parameterized_truncated_normal_op(
            shape_tensor(shape), _seed_tensor(seed), *tensors
        )


@export("random.experimental.stateless_shuffle")
def stateless_shuffle(value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None):
    """The rows of `value` in an order that depends on nothing but `seed`."""
    with name_scope(name, "stateless_shuffle", [value, seed]):
        return stateless_shuffle_op(value, *_key_counter(seed, alg))


@export("random.split", "random.experimental.stateless_split")
def stateless_split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Any:
    """`num` new seeds, [num, 2], of a seed [2]."""
    seed = _seed_tensor(seed)
    return stateless_uniform([num, 2], seed, None, None, seed.dtype, alg=alg)


@export("random.fold_in", "random.experimental.stateless_fold_in")
def stateless_fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """A new seed [2] of a seed [2] and a number."""
    from reflow.ops import array, joining

    data = convert_to_tensor(data)
    first = stateless_uniform([1], seed, None, None, data.dtype, alg=alg)
    return joining.concat([first, array.reshape(data, [1])], 0)
