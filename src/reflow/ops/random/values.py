"""Random ops: TensorFlow's numbers for the same seeds. The kernels are in `philox` and its neighbours.

https://www.tensorflow.org/guide/random_numbers
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, as_dtype, float16, float32, float64, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY, OpDef
from reflow.lang.random_seed import op_seeds
from reflow.lang.scopes import name_scope
from reflow.ops import igamma_grad, shape_rules
from reflow.ops.define import no_gradient, op
from reflow.ops.random import kernels as random_kernels
from reflow.ops.random import philox
from reflow.ops.random import rejection as random_rejection
from reflow.ops.random import truncated as random_truncated
from reflow.ops.random.algorithm import algorithm_number, unsupported
from reflow.ops.shape_rules import constant_value, constant_value_as_shape

_INTEGER = frozenset((int32, int64))
_RATE = frozenset((float16, float32, float64, int32, int64))


def _initial_state(attrs: dict[str, Any]) -> Any:
    """The state in which the generator of a node starts."""
    return philox.initial_state(attrs["seed"], attrs["seed2"])


def _sizes(shape: Any) -> tuple[int, ...]:
    sizes = tuple(int(d) for d in np.asarray(shape).ravel())
    if any(d < 0 for d in sizes):
        raise errors.InvalidArgumentError(None, None, f"Dimension in {list(sizes)} must be >= 0")
    return sizes


def _draw(ctx: Any, reserved: int, sampler: Callable, *args: Any) -> Any:
    """Draws from the generator of the node that is running, and moves it on."""
    handle = ctx.node_state(ctx.op.opdef.name)
    values, state = philox.draw(ctx.xp, ctx.read(handle), reserved, sampler, *args)
    ctx.write(handle, state)
    return values


def _first_is_shape(shape: Any, *rest: Any) -> Any:
    return constant_value_as_shape(shape)


_STATEFUL = {"stateful": True, "random": _initial_state, "grad": None}

# Stateful ops -------------------------------------------------------------------------------------


def _plain(name: str, doc: str, sampler: Callable) -> OpDef:
    @op(
        f"{name}(shape: T, *, seed: int = 0, seed2: int = 0, dtype: FLOAT, T: INDEX)"
        " -> output: dtype",
        doc,
        shape=_first_is_shape,
        static=["shape"],
        **_STATEFUL,
    )
    def lower(ctx, shape, *, dtype):
        sizes = _sizes(shape)
        return _draw(ctx, random_kernels.reserve_outputs(sizes), sampler, sizes, dtype.np)

    return lower


random_uniform_op = _plain("RandomUniform", "Uniform values in [0, 1).", random_kernels.uniform)
random_standard_normal = _plain(
    "RandomStandardNormal", "Normal values of mean 0 and deviation 1.", random_kernels.normal
)
truncated_normal_op = _plain(
    "TruncatedNormal", "Normal values within two deviations.", random_rejection.truncated_normal
)


@op(
    "RandomUniformInt(shape: T, minval: Tout, maxval: Tout, *, seed: int = 0, seed2: int = 0,"
    " Tout: {int32,int64}, T: INDEX) -> output: Tout",
    shape=_first_is_shape,
    static=["shape"],
    **_STATEFUL,
)
def random_uniform_int(ctx, shape, minval, maxval, *, Tout):
    """Uniform integers in [minval, maxval)."""
    _check_range(minval, maxval)
    sizes = _sizes(shape)
    reserved = random_kernels.reserve_outputs(sizes)
    return _draw(ctx, reserved, random_kernels.uniform_int, sizes, Tout.np, minval, maxval)


def _check_range(minval: Any, maxval: Any) -> None:
    if isinstance(minval, (np.ndarray, np.generic)) and isinstance(
        maxval, (np.ndarray, np.generic)
    ):
        if minval.size == 1 and maxval.size == 1 and int(minval) >= int(maxval):
            raise errors.InvalidArgumentError(
                None, None, f"Need minval < maxval, got {int(minval)} >= {int(maxval)}"
            )


@op(
    "RandomShuffle(value: T, *, seed: int = 0, seed2: int = 0) -> output: T",
    shape=shape_rules.same,
    **_STATEFUL,
)
def random_shuffle_op(ctx, value):
    """The rows of `value` in random order."""
    return _draw(ctx, random_kernels.reserve_shuffle(value.shape), random_kernels.shuffle, value)


def _samples_shape(logits: Any, num_samples: Any, *rest: Any) -> shapes.TensorShape:
    rows = logits.shape.with_rank(2)[0]
    count = constant_value(num_samples)
    rows = shapes.dimension_value(rows)
    return shapes.of((rows, None if count is None else int(count)))


@op(
    "Multinomial(logits: T, num_samples: int32, *, seed: int = 0, seed2: int = 0, T: REAL,"
    " output_dtype: {int32,int64} = int64) -> output: output_dtype",
    shape=_samples_shape,
    static=["num_samples"],
    **_STATEFUL,
)
def multinomial_op(ctx, logits, num_samples, *, output_dtype):
    """Class indices drawn by unnormalised log-probabilities."""
    count = _sample_count(logits, num_samples)
    reserved = random_kernels.reserve_multinomial(logits.shape[0], count)
    logits = _floating(ctx.xp, logits)
    # TensorFlow shares the rows out among its threads, which decides what each of them draws.
    threads = os.cpu_count() or 1
    kernel = random_kernels.multinomial
    return _draw(ctx, reserved, kernel, logits, count, output_dtype.np, threads)


def _sample_count(logits: Any, num_samples: Any) -> int:
    count = int(num_samples)
    if count < 0:
        raise errors.InvalidArgumentError(None, None, f"num_samples should be >= 0, got {count}")
    if logits.ndim != 2 or logits.shape[1] < 1:
        raise errors.InvalidArgumentError(
            None, None, f"logits should be a matrix of positive width, got shape {logits.shape}"
        )
    return count


def _floating(xp: Any, logits: Any) -> Any:
    return logits if logits.dtype.kind in "fV" else xp.astype(logits, np.float64)


def _batch_shape(shape: Any, *parameters: Any) -> shapes.TensorShape:
    return constant_value_as_shape(shape).concatenate(parameters[0].shape)


@op(
    "RandomGamma(shape: S, alpha: T, *, seed: int = 0, seed2: int = 0, S: INDEX,"
    " T: {half,float,double}) -> output: T",
    shape=_batch_shape,
    static=["shape"],
    stateful=True,
    random=_initial_state,
)
def random_gamma_op(ctx, shape, alpha):
    """Gamma(alpha, 1) values: `shape` of them for each element of `alpha`."""
    sizes = _sizes(shape)
    reserved = random_rejection.reserve_samples(sizes, alpha.shape)
    return _draw(ctx, reserved, random_rejection.gamma, sizes, alpha)


@random_gamma_op.gradient_rule
def _random_gamma_grad_rule(g, op, alpha, output):
    return None, _gamma_alpha_grad(g, alpha, output, op.inputs[0])


def _gamma_alpha_grad(g: Any, alpha: Any, output: Any, shape: Any) -> Any:
    """The reparametrised gradient, summed over the samples of each alpha."""
    from reflow.ops import array, filling, joining, reduce

    ones = filling.ones_like(shape)
    lifted = array.reshape(alpha, joining.concat([ones, array.shape(alpha)], 0))
    partial = random_gamma_grad_op(lifted, output)
    return reduce.reduce_sum(g * partial, axis=reduce_range(shape))


def reduce_range(shape: Any) -> Any:
    """The dimensions that `shape` stands for, in front of all others."""
    from reflow.ops import array

    return REGISTRY["Range"](0, array.size(shape), 1)


@op(
    "RandomGammaGrad(alpha: T, sample: T, *, T: {float,double}) -> output: T",
    shape=shape_rules.broadcasting,
    grad=None,
)
def random_gamma_grad_op(xp, alpha, sample):
    """The derivative of a gamma sample by alpha, http://arxiv.org/abs/1805.08498."""
    return igamma_grad.random_gamma_grad(xp, alpha, sample)


@op(
    "RandomPoissonV2(shape: S, rate: R, *, seed: int = 0, seed2: int = 0, S: INDEX,"
    " R: {half,float,double,int32,int64} = double,"
    " dtype: {half,float,double,int32,int64} = int64) -> output: dtype",
    shape=_batch_shape,
    static=["shape"],
    **_STATEFUL,
)
def random_poisson_op(ctx, shape, rate, *, dtype):
    """Poisson(rate) values: `shape` of them for each element of `rate`."""
    sizes = _sizes(shape)
    reserved = random_rejection.reserve_samples(sizes, rate.shape)
    return _draw(ctx, reserved, random_rejection.poisson, sizes, rate, dtype.np)


@op(
    "ParameterizedTruncatedNormal(shape: T, means: dtype, stdevs: dtype, minvals: dtype,"
    " maxvals: dtype, *, seed: int = 0, seed2: int = 0, dtype: {half,float,double}, T: INDEX)"
    " -> output: dtype",
    shape=_first_is_shape,
    static=["shape"],
    **_STATEFUL,
)
def parameterized_truncated_normal_op(ctx, shape, means, stdevs, minvals, maxvals):
    """Normal values within bounds."""
    sizes = _sizes(shape)
    parameters = (means, stdevs, minvals, maxvals)
    reserved = random_truncated.reserve_parameterized_truncated_normal(sizes, *parameters)
    return _draw(ctx, reserved, random_truncated.parameterized_truncated_normal, sizes, *parameters)


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
        return sampler(xp, *philox.generate_key(xp, seed), _sizes(shape), dtype.np)

    def by_key(xp, shape, key, counter, alg, *, dtype):
        philox.check_algorithm(int(alg))
        return sampler(xp, key, counter, _sizes(shape), dtype.np)

    op(
        f"{name}(shape: T, seed: Tseed, *, dtype: {kinds} = {default}, T: INDEX = int32,"
        f" Tseed: {'INDEX|{uint32,uint64}' if 'Full' in name else 'INDEX'} = int64)"
        " -> output: dtype",
        doc,
        shape=_first_is_shape,
        static=["shape"],
        grad=None,
    )(by_seed)
    op(
        f"{name}V2(shape: Tshape, key: uint64, counter: uint64, alg: int32, *,"
        f" dtype: {kinds} = {default}, Tshape: INDEX = int32) -> output: dtype",
        doc,
        shape=_first_is_shape,
        static=["shape", "alg"],
        grad=None,
    )(by_key)


_stateless("StatelessRandomUniform", "Uniform values in [0, 1).", random_kernels.uniform)
_stateless("StatelessRandomNormal", "Standard normal values.", random_kernels.normal)
_stateless(
    "StatelessTruncatedNormal", "Normal values in (-2, 2).", random_rejection.truncated_normal
)
_stateless(
    "StatelessRandomUniformFullInt",
    "Integers over the whole range of the dtype.",
    random_kernels.uniform_full_int,
    "{int32,int64,uint32,uint64}",
)


@op(
    "StatelessRandomUniformInt(shape: T, seed: Tseed, minval: dtype, maxval: dtype, *,"
    " dtype: {int32,int64}, T: INDEX, Tseed: INDEX = int64) -> output: dtype",
    shape=_first_is_shape,
    static=["shape"],
    grad=None,
)
def stateless_random_uniform_int(xp, shape, seed, minval, maxval, *, dtype):
    """Uniform integers in [minval, maxval)."""
    _check_range(minval, maxval)
    key, counter = philox.generate_key(xp, seed)
    return random_kernels.uniform_int(xp, key, counter, _sizes(shape), dtype.np, minval, maxval)


@op(
    "StatelessRandomUniformIntV2(shape: Tshape, key: uint64, counter: uint64, alg: int32,"
    " minval: dtype, maxval: dtype, *, dtype: {int32,int64,uint32,uint64},"
    " Tshape: INDEX = int32) -> output: dtype",
    shape=_first_is_shape,
    static=["shape", "alg"],
    grad=None,
)
def stateless_random_uniform_int_v2(xp, shape, key, counter, alg, minval, maxval, *, dtype):
    """Uniform integers in [minval, maxval)."""
    philox.check_algorithm(int(alg))
    _check_range(minval, maxval)
    return random_kernels.uniform_int(xp, key, counter, _sizes(shape), dtype.np, minval, maxval)


@op(
    "StatelessMultinomial(logits: T, num_samples: int32, seed: Tseed, *, T: REAL,"
    " Tseed: INDEX = int64, output_dtype: {int32,int64} = int64) -> output: output_dtype",
    shape=_samples_shape,
    static=["num_samples"],
    grad=None,
)
def stateless_multinomial(xp, logits, num_samples, seed, *, output_dtype):
    """Class indices drawn by unnormalised log-probabilities."""
    count = _sample_count(logits, num_samples)
    key, counter = philox.generate_key(xp, seed)
    return random_kernels.multinomial(
        xp, key, counter, _floating(xp, logits), count, output_dtype.np, os.cpu_count() or 1
    )


def _ends_in_batch(shape: Any, *rest: Any) -> shapes.TensorShape:
    return constant_value_as_shape(shape)


def _sample_part(shape: Any, batch: tuple[int, ...]) -> tuple[int, ...]:
    """What comes before the batch shape in the shape of a stateless op's result."""
    sizes = _sizes(shape)
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
    return random_rejection.gamma(xp, key, counter, _sample_part(shape, alpha.shape), alpha)


@stateless_random_gamma_op.gradient_rule
def _stateless_random_gamma_grad(g, op, alpha, output):
    from reflow.ops import array

    samples = array.shape(output)[: array.rank(output) - array.rank(alpha)]
    return None, None, _gamma_alpha_grad(g, alpha, output, samples)


@op(
    "StatelessRandomGammaV3(shape: shape_dtype, key: uint64, counter: uint64, alg: int32,"
    " alpha: dtype, *, dtype: {half,float,double}, shape_dtype: INDEX = int32) -> output: dtype",
    shape=_ends_in_batch,
    static=["shape", "alg"],
)
def stateless_random_gamma_v3(xp, shape, key, counter, alg, alpha):
    """Gamma(alpha, 1) values; the shape ends in that of `alpha`."""
    philox.check_algorithm(int(alg))
    return random_rejection.gamma(xp, key, counter, _sample_part(shape, alpha.shape), alpha)


@stateless_random_gamma_v3.gradient_rule
def _stateless_random_gamma_v3_grad(g, op, alpha, output):
    from reflow.ops import array

    samples = array.shape(output)[: array.rank(output) - array.rank(alpha)]
    return None, None, None, None, _gamma_alpha_grad(g, alpha, output, samples)


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
    return random_rejection.poisson(xp, key, counter, sample, lam, dtype.np)


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
    return random_rejection.binomial(xp, key, counter, sample, counts, probs, dtype.np)


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
    return random_truncated.stateless_parameterized_truncated_normal(
        xp, key, counter, _sizes(shape), means, stddevs, minvals, maxvals
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


# Public functions ---------------------------------------------------------------------------------


def shape_tensor(shape: Any) -> Any:
    """A shape argument as a tensor: int32, unless it says otherwise."""
    if isinstance(shape, (list, tuple, shapes.TensorShape)):
        sizes = [shapes.dimension_value(d) for d in shape]
        if all(isinstance(d, (int, np.integer)) for d in sizes):
            return convert_to_tensor(np.array(sizes, np.int32), name="shape")
        return convert_to_tensor(sizes, int32, name="shape")
    return convert_to_tensor(shape, dtype_hint=int32, name="shape")


@export("random.normal", v1=("random_normal",))
def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Normal values.

    Args:
      shape: a shape, or a 1-D integer tensor.
      mean, stddev: scalars, or tensors that broadcast with the result.
      dtype: float16, bfloat16, float32 or float64.
      seed: the op's own seed.

    >>> import reflow as tf
    >>> tf.random.normal([2, 3]).shape
    TensorShape([2, 3])
    """
    with name_scope(name, "random_normal", [shape, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        values = random_standard_normal(sizes, dtype=dtype, **op_seeds(seed))
        return _add(_mul(values, stddev), mean, scope)


def _mul(x: Any, y: Any, name: str = "mul") -> Any:
    from reflow.ops import math

    return math.mul(x, y, name=name)


def _add(x: Any, y: Any, name: str) -> Any:
    from reflow.ops import math

    return math.add_v2(x, y, name=name or None)


@export("random.truncated_normal", v1=("truncated_normal",))
def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Normal values, drawn again where they are more than two deviations from the mean."""
    with name_scope(name, "truncated_normal", [shape, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        values = truncated_normal_op(sizes, dtype=dtype, **op_seeds(seed))
        return _add(_mul(values, stddev), mean, scope)


def parameterized_truncated_normal(
    shape: Any,
    means: Any = 0.0,
    stddevs: Any = 1.0,
    minvals: Any = -2.0,
    maxvals: Any = 2.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Normal values within bounds, one set of parameters per batch."""
    with name_scope(name, "parameterized_truncated_normal"):
        tensors = [convert_to_tensor(v, dtype) for v in (means, stddevs, minvals, maxvals)]
        return parameterized_truncated_normal_op(shape_tensor(shape), *tensors, **op_seeds(seed))


@export("random.uniform", v1=("random_uniform",))
def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Uniform values in [minval, maxval).

    Args:
      shape: a shape, or a 1-D integer tensor.
      minval, maxval: the bounds; `maxval` is 1 by default for floats and must be given for integers.
      dtype: float16, bfloat16, float32, float64, int32 or int64.
      seed: the op's own seed.

    Raises:
      ValueError: for integers without `maxval`, or another dtype.

    >>> import reflow as tf
    >>> bool(tf.reduce_all(tf.random.uniform([100], 2, 5, tf.int32) < 5))
    True
    """
    dtype = as_dtype(dtype)
    if dtype not in FLOAT | _INTEGER:
        raise ValueError(f"Argument `dtype` got invalid value {dtype!r}: floats, int32 or int64.")
    if maxval is None:
        if dtype.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
        maxval = 1
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        sizes = shape_tensor(shape)
        from_zero = isinstance(minval, int) and minval == 0
        to_one = isinstance(maxval, int) and maxval == 1
        if dtype.is_floating and from_zero and to_one:
            return random_uniform_op(sizes, dtype=dtype, **op_seeds(seed))
        low = convert_to_tensor(minval, dtype, name="min")
        high = convert_to_tensor(maxval, dtype, name="max")
        if dtype.is_integer:
            return random_uniform_int(sizes, low, high, **op_seeds(seed), name=scope or None)
        values = random_uniform_op(sizes, dtype=dtype, **op_seeds(seed))
        from reflow.ops import math

        if from_zero:
            return _mul(values, high, "Mul")
        return _add(_mul(values, math.sub(high, low, name="sub")), low, scope)


@export("random.shuffle", v1=("random_shuffle",))
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows of `value` in random order."""
    return random_shuffle_op(value, **op_seeds(seed), name=name)


@export(v1=("random_crop", "image.random_crop"), v2=("image.random_crop",))
def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """A block of shape `size` at a random place of `value`.

    Raises:
      tf.errors.InvalidArgumentError: if the block is larger than `value`.
    """

    def draw(shape: Any) -> Any:
        return random_uniform(shape, 0, int32.max, int32, seed)

    return _crop(value, size, draw, name)


@export(v2=("image.stateless_random_crop",))
def stateless_random_crop(value: Any, size: Any, seed: Any, name: str | None = None) -> Any:
    """`tf.image.random_crop` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> print(tf.image.stateless_random_crop(tf.range(9), [3], (1, 2)).numpy())
    [5 6 7]
    """

    def draw(shape: Any) -> Any:
        return stateless_uniform(shape, seed, 0, int32.max, int32)

    return _crop(value, size, draw, name)


def _crop(value: Any, size: Any, draw: Callable, name: str | None) -> Any:
    """The block of `value` at a place that `draw(shape)` draws."""
    from reflow.lang.scopes import control_dependencies
    from reflow.ops import array
    from reflow.ops.debugging import Assert

    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, int32, name="size")
        shape = array.shape(value)
        fits = REGISTRY["All"](REGISTRY["GreaterEqual"](shape, size), [0])
        check = Assert(fits, ["Need value.shape >= size, got ", shape, size], summarize=1000)
        with control_dependencies([check]):
            shape = REGISTRY["Identity"](shape)
        limit = shape - size + 1
        place = draw(array.shape(shape)) % limit
        return REGISTRY["Slice"](value, place, size, name=scope or None)


@export(v1=("multinomial", "random.multinomial"))
def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Any:
    """Class indices drawn by unnormalised log-probabilities: see `tf.random.categorical`."""
    return categorical(logits, num_samples, output_dtype, seed, name or "multinomial")


@export("random.categorical")
def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Class indices drawn by unnormalised log-probabilities.

    Args:
      logits: floating, [batch, classes].
      num_samples: how many to draw for each row.
      dtype: int32 or int64 (the default).

    Returns:
      Integers of shape [batch, num_samples].
    """
    with name_scope(name, "categorical", [logits]):
        dtype = as_dtype(dtype) if dtype else int64
        return multinomial_op(logits, num_samples, output_dtype=dtype, **op_seeds(seed))


@export("random.gamma", v1=("random_gamma",))
def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Gamma values: `shape` samples for each pair of `alpha` (shape) and `beta` (inverse scale)."""
    from reflow.ops import array, filling, math

    with name_scope(name, "random_gamma", [shape, alpha, beta]):
        shape = (
            convert_to_tensor(shape, int32, name="shape")
            if isinstance(shape, (int, list, tuple))
            else shape_tensor(shape)
        )
        if shape.shape.rank == 0:
            shape = array.reshape(shape, [1])
        alpha = convert_to_tensor(alpha, dtype, name="alpha")
        beta = convert_to_tensor(1 if beta is None else beta, dtype, name="beta")
        broadcast = alpha + filling.zeros_like(beta)
        values = random_gamma_op(shape, broadcast, **op_seeds(seed))
        return math.maximum(np.finfo(alpha.dtype.np).tiny, values / beta)


@export(v2=("random.poisson",))
def random_poisson_v2(
    shape: Any, lam: Any, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Any:
    """Poisson values: `shape` samples for each rate in `lam`."""
    from reflow.ops import array

    with name_scope(name, "random_poisson", [shape, lam]):
        shape = convert_to_tensor(shape, int32, name="shape")
        if shape.shape.rank == 0:
            shape = array.reshape(shape, [1])
        return random_poisson_op(shape, convert_to_tensor(lam), dtype=dtype, **op_seeds(seed))


@export(v1=("random_poisson", "random.poisson"))
def random_poisson(
    lam: Any, shape: Any, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Any:
    """TF 1's order of the arguments of `tf.random.poisson`."""
    return random_poisson_v2(shape, lam, dtype, seed, name)


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
                raise ValueError(f"Must specify maxval for integer dtype {dtype.name}.")
            maxval = 1
        low = convert_to_tensor(minval, dtype, name="min")
        high = convert_to_tensor(maxval, dtype, name="max")
        if dtype.is_integer:
            return stateless_random_uniform_int_v2(
                sizes, key, counter, algorithm, low, high, name=scope or None
            )
        values = REGISTRY["StatelessRandomUniformV2"](sizes, key, counter, algorithm, dtype=dtype)
        return _add(_mul(values, math.sub(high, low, name="sub")), low, scope)


def _stateless_scaled(kind: str, default: str, shape, seed, mean, stddev, dtype, name, alg) -> Any:

    with name_scope(name, default, [shape, seed, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype, name="stddev")
        key, counter, algorithm = _key_counter(seed, alg)
        values = REGISTRY[kind](sizes, key, counter, algorithm, dtype=dtype)
        return _add(_mul(values, stddev), mean, scope)


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


@export("random.stateless_categorical", v1=("random.stateless_multinomial",))
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = int64, name: str | None = None
) -> Any:
    """Class indices that depend on nothing but `seed` and the logits."""
    with name_scope(name, "stateless_categorical", [logits, seed]):
        return stateless_multinomial(
            logits, num_samples, _seed_tensor(seed), output_dtype=as_dtype(dtype)
        )


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
