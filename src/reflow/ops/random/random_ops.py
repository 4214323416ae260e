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
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.math import igamma_grad
from reflow.ops.random import kernels as random_kernels
from reflow.ops.random import philox, rejection, truncated
from reflow.ops.shape_rules import constant_value, constant_value_as_shape

_INTEGER = frozenset((int32, int64))
_RATE = frozenset((float16, float32, float64, int32, int64))


def _initial_state(attrs: dict[str, Any]) -> Any:
    """The state in which the generator of a node starts."""
    return philox.initial_state(attrs["seed"], attrs["seed2"])


def sizes_of(shape: Any) -> tuple[int, ...]:
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


def first_is_shape(shape: Any, *rest: Any) -> Any:
    return constant_value_as_shape(shape)


_STATEFUL = {"stateful": True, "random": _initial_state, "grad": None}

# Stateful ops -------------------------------------------------------------------------------------


def _plain(name: str, doc: str, sampler: Callable) -> OpDef:
    @op(
        f"{name}(shape: T, *, seed: int = 0, seed2: int = 0, dtype: FLOAT, T: INDEX)"
        " -> output: dtype",
        doc,
        shape=first_is_shape,
        static=["shape"],
        **_STATEFUL,
    )
    def lower(ctx, shape, *, dtype):
        sizes = sizes_of(shape)
        return _draw(ctx, random_kernels.reserve_outputs(sizes), sampler, sizes, dtype.np)

    return lower


random_uniform_op = _plain("RandomUniform", "Uniform values in [0, 1).", random_kernels.uniform)
random_standard_normal = _plain(
    "RandomStandardNormal", "Normal values of mean 0 and deviation 1.", random_kernels.normal
)
truncated_normal_op = _plain(
    "TruncatedNormal", "Normal values within two deviations.", rejection.truncated_normal
)


@op(
    "RandomUniformInt(shape: T, minval: Tout, maxval: Tout, *, seed: int = 0, seed2: int = 0,"
    " Tout: {int32,int64}, T: INDEX) -> output: Tout",
    shape=first_is_shape,
    static=["shape"],
    **_STATEFUL,
)
def random_uniform_int(ctx, shape, minval, maxval, *, Tout):
    """Uniform integers in [minval, maxval)."""
    check_range(minval, maxval)
    sizes = sizes_of(shape)
    reserved = random_kernels.reserve_outputs(sizes)
    return _draw(ctx, reserved, random_kernels.uniform_int, sizes, Tout.np, minval, maxval)


def check_range(minval: Any, maxval: Any) -> None:
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


def samples_shape(logits: Any, num_samples: Any, *rest: Any) -> shapes.TensorShape:
    rows = logits.shape.with_rank(2)[0]
    count = constant_value(num_samples)
    rows = shapes.dimension_value(rows)
    return shapes.of((rows, None if count is None else int(count)))


@op(
    "Multinomial(logits: T, num_samples: int32, *, seed: int = 0, seed2: int = 0, T: REAL,"
    " output_dtype: {int32,int64} = int64) -> output: output_dtype",
    shape=samples_shape,
    static=["num_samples"],
    **_STATEFUL,
)
def multinomial_op(ctx, logits, num_samples, *, output_dtype):
    """Class indices drawn by unnormalised log-probabilities."""
    count = sample_count(logits, num_samples)
    reserved = random_kernels.reserve_multinomial(logits.shape[0], count)
    logits = floating(ctx.xp, logits)
    # TensorFlow shares the rows out among its threads, which decides what each of them draws.
    threads = os.cpu_count() or 1
    kernel = random_kernels.multinomial
    return _draw(ctx, reserved, kernel, logits, count, output_dtype.np, threads)


def sample_count(logits: Any, num_samples: Any) -> int:
    count = int(num_samples)
    if count < 0:
        raise errors.InvalidArgumentError(None, None, f"num_samples should be >= 0, got {count}")
    if logits.ndim != 2 or logits.shape[1] < 1:
        raise errors.InvalidArgumentError(
            None, None, f"logits should be a matrix of positive width, got shape {logits.shape}"
        )
    return count


def floating(xp: Any, logits: Any) -> Any:
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
    sizes = sizes_of(shape)
    reserved = rejection.reserve_samples(sizes, alpha.shape)
    return _draw(ctx, reserved, rejection.gamma, sizes, alpha)


@random_gamma_op.gradient_rule
def _random_gamma_grad_rule(g, op, alpha, output):
    return None, gamma_alpha_grad(g, alpha, output, op.inputs[0])


def gamma_alpha_grad(g: Any, alpha: Any, output: Any, shape: Any) -> Any:
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
    sizes = sizes_of(shape)
    reserved = rejection.reserve_samples(sizes, rate.shape)
    return _draw(ctx, reserved, rejection.poisson, sizes, rate, dtype.np)


@op(
    "ParameterizedTruncatedNormal(shape: T, means: dtype, stdevs: dtype, minvals: dtype,"
    " maxvals: dtype, *, seed: int = 0, seed2: int = 0, dtype: {half,float,double}, T: INDEX)"
    " -> output: dtype",
    shape=first_is_shape,
    static=["shape"],
    **_STATEFUL,
)
def parameterized_truncated_normal_op(ctx, shape, means, stdevs, minvals, maxvals):
    """Normal values within bounds."""
    sizes = sizes_of(shape)
    parameters = (means, stdevs, minvals, maxvals)
    reserved = truncated.reserve_parameterized_truncated_normal(sizes, *parameters)
    return _draw(ctx, reserved, truncated.parameterized_truncated_normal, sizes, *parameters)


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
        return plus(times(values, stddev), mean, scope)


def times(x: Any, y: Any, name: str = "mul") -> Any:
    from reflow.ops import math

    return math.mul(x, y, name=name)


def plus(x: Any, y: Any, name: str) -> Any:
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
        return plus(times(values, stddev), mean, scope)


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
            site = errors.user_site()
            raise ValueError(f"{site}: Must specify maxval for integer dtype {dtype!r}")
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
            return times(values, high, "Mul")
        return plus(times(values, math.sub(high, low, name="sub")), low, scope)


@export("random.shuffle", v1=("random_shuffle",))
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows of `value` in random order."""
    return random_shuffle_op(value, **op_seeds(seed), name=name)


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
