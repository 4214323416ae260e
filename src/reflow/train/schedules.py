"""Learning-rate schedules as functions of the global step.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/train/exponential_decay
When executing eagerly each returns a function of no arguments, to be called at every step.
"""

from __future__ import annotations

import math as python_math
from collections.abc import Callable
from typing import Any

from reflow.lang import errors
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope


def _schedule(compute: Callable[[], Any]) -> Any:
    return compute if executing_eagerly() else compute()


def _math() -> Any:
    from reflow.ops import math

    return math


def _cast(x: Any, dtype: Any) -> Any:
    from reflow.ops.cast import cast

    return cast(x, dtype)


def _need_step(global_step: Any, what: str) -> None:
    if global_step is None:
        raise ValueError(f"global_step is required for {what}.")


@export(v1=("train.exponential_decay",))
def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate * decay_rate ** (global_step / decay_steps)`.

    Args:
      learning_rate, global_step, decay_steps, decay_rate: scalars.
      staircase: whether the quotient is rounded down.

    >>> import reflow as tf
    >>> rate = tf.compat.v1.train.exponential_decay(0.1, 20, 10, 0.5)
    >>> round(float(rate()), 4)
    0.025
    """
    _need_step(global_step, "exponential_decay")

    def compute() -> Any:
        with name_scope(name, "ExponentialDecay") as scope:
            rate = convert_to_tensor(learning_rate, name="learning_rate")
            steps, base = _cast(decay_steps, rate.dtype), _cast(decay_rate, rate.dtype)
            p = _math().divide(_cast(global_step, rate.dtype), steps)
            if staircase:
                p = _math().floor(p)
            return _math().multiply(rate, _math().pow(base, p), name=scope or None)

    return _schedule(compute)


@export(v1=("train.natural_exp_decay",))
def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate * exp(-decay_rate * global_step / decay_steps)`."""
    _need_step(global_step, "natural_exp_decay")
    natural = _math().exp(_math().negative(decay_rate))
    return exponential_decay(
        learning_rate, global_step, decay_steps, natural, staircase, name or "NaturalExpDecay"
    )


@export(v1=("train.inverse_time_decay",))
def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate / (1 + decay_rate * global_step / decay_steps)`."""
    _need_step(global_step, "inverse_time_decay")

    def compute() -> Any:
        with name_scope(name, "InverseTimeDecay") as scope:
            rate = convert_to_tensor(learning_rate, name="learning_rate")
            steps, base = _cast(decay_steps, rate.dtype), _cast(decay_rate, rate.dtype)
            p = _math().divide(_cast(global_step, rate.dtype), steps)
            if staircase:
                p = _math().floor(p)
            return _math().divide(rate, _math().add(1.0 + 0 * rate, base * p), name=scope or None)

    return _schedule(compute)


@export("train.piecewise_constant", v1=("train.piecewise_constant_decay",))
def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Any:
    """`values[i]` for `x` in the i-th interval: up to and including `boundaries[0]`, and so on.

    Raises:
      ValueError: if there is not one value more than boundaries, or dtypes differ.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError(
            f"The length of boundaries should be 1 less than the length of values: "
            f"{len(boundaries)} and {len(values)}"
        )

    def compute() -> Any:
        from reflow.ops.control_flow.cond import case_v1

        with name_scope(name, "PiecewiseConstant"):
            position = convert_to_tensor(x)
            edges = []
            for edge in boundaries:
                edge = convert_to_tensor(edge)
                if edge.dtype.base_dtype is not position.dtype.base_dtype:
                    if position.dtype.base_dtype.name == "int64" and edge.dtype.name == "int32":
                        edge = _cast(edge, position.dtype)
                    else:
                        raise ValueError(
                            f"{errors.user_site()}: `boundaries` ({edge.dtype.name}) "
                            f"must have the same dtype as x ({position.dtype.name})."
                        )
                edges.append(edge)
            tensors = [convert_to_tensor(v) for v in values]
            if len({t.dtype for t in tensors}) > 1:
                raise ValueError("`values` must have elements all with the same dtype.")
            less_equal, greater = REGISTRY["LessEqual"], REGISTRY["Greater"]
            both = REGISTRY["LogicalAnd"]
            cases = [(less_equal(position, edges[0]), lambda: tensors[0])]
            cases.append((greater(position, edges[-1]), lambda: tensors[-1]))
            for low, high, v in zip(edges[:-1], edges[1:], tensors[1:-1]):
                inside = both(greater(position, low), less_equal(position, high))
                cases.append((inside, lambda v=v: v))
            return case_v1(cases, lambda: tensors[0], exclusive=True)

    return _schedule(compute)


@export(v1=("train.polynomial_decay",))
def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    """From `learning_rate` to `end_learning_rate` in `decay_steps` steps, along a power.

    Args:
      cycle: whether `decay_steps` grows to its next multiple when the steps are used up; otherwise the
        rate stays at its end.
    """
    _need_step(global_step, "polynomial_decay")

    def compute() -> Any:
        with name_scope(name, "PolynomialDecay") as scope:
            rate = convert_to_tensor(learning_rate, name="learning_rate")
            dtype = rate.dtype
            end, exponent = _cast(end_learning_rate, dtype), _cast(power, dtype)
            step, steps = _cast(global_step, dtype), _cast(decay_steps, dtype)
            if cycle:
                turns = _math().ceil(step / steps)
                turns = _math().maximum(turns, 1 + 0 * turns)
                steps = steps * turns
            else:
                step = _math().minimum(step, steps)
            p = _math().divide(step, steps)
            part = _math().multiply(rate - end, _math().pow(1 - p, exponent))
            return _math().add(part, end, name=scope or None)

    return _schedule(compute)


def _completed(global_step: Any, decay_steps: Any, dtype: Any) -> Any:
    steps = _cast(decay_steps, dtype)
    return _math().minimum(_cast(global_step, dtype), steps) / steps


@export(v1=("train.cosine_decay",))
def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """Half a period of a cosine, https://arxiv.org/abs/1608.03983; `alpha` of the rate remains."""
    _need_step(global_step, "cosine decay")

    def compute() -> Any:
        with name_scope(name, "CosineDecay"):
            rate = convert_to_tensor(learning_rate, name="learning_rate")
            part = _completed(global_step, decay_steps, rate.dtype)
            cosine = 0.5 * (1.0 + _math().cos(python_math.pi * part))
            return _math().multiply(rate, (1 - alpha) * cosine + alpha)

    return _schedule(compute)


@export(v1=("train.cosine_decay_restarts",))
def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """Cosines one after the other, each `t_mul` times longer and `m_mul` times as high.

    SGDR: Stochastic Gradient Descent with Warm Restarts, https://arxiv.org/abs/1608.03983
    """
    _need_step(global_step, "cosine decay restarts")

    def compute() -> Any:
        from reflow.ops.control_flow.cond import cond_v1

        math = _math()
        with name_scope(name, "SGDRDecay"):
            rate = convert_to_tensor(learning_rate, name="initial_learning_rate")
            dtype = rate.dtype
            longer, lower, rest = _cast(t_mul, dtype), _cast(m_mul, dtype), _cast(alpha, dtype)
            part = _cast(global_step, dtype) / _cast(first_decay_steps, dtype)

            def geometric() -> tuple[Any, Any]:
                turn = math.floor(math.log(1.0 - part * (1.0 - longer)) / math.log(longer))
                done = (1.0 - longer**turn) / (1.0 - longer)
                return turn, (part - done) / longer**turn

            def regular() -> tuple[Any, Any]:
                turn = math.floor(part)
                return turn, part - turn

            turn, part = cond_v1(REGISTRY["Equal"](longer, 1.0), regular, geometric)
            cosine = 0.5 * lower**turn * (1.0 + math.cos(python_math.pi * part))
            return math.multiply(rate, (1 - rest) * cosine + rest, name=name)

    return _schedule(compute)


@export(v1=("train.linear_cosine_decay",))
def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """A line times a cosine: `(alpha + linear) * cosine + beta`, https://arxiv.org/abs/1709.07417."""
    _need_step(global_step, "linear cosine decay")
    return _linear_cosine(
        learning_rate, global_step, decay_steps, num_periods, alpha, beta, name, "LinearCosineDecay"
    )


def _linear_cosine(rate, global_step, decay_steps, periods, alpha, beta, name, default, noise=None):
    def compute() -> Any:
        math = _math()
        with name_scope(name, default) as scope:
            start = convert_to_tensor(rate, name="learning_rate")
            dtype = start.dtype
            steps = _cast(decay_steps, dtype)
            step = math.minimum(_cast(global_step, dtype), steps)
            linear = (steps - step) / steps
            if noise is not None:
                linear = linear + noise(step, dtype)
            part = step / steps
            turn = 2.0 * _cast(periods, dtype) * part
            cosine = 0.5 * (1.0 + math.cos(python_math.pi * turn))
            factor = (_cast(alpha, dtype) + linear) * cosine + _cast(beta, dtype)
            return math.multiply(start, factor, name=scope or None)

    return _schedule(compute)


@export(v1=("train.noisy_linear_cosine_decay",))
def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """`linear_cosine_decay` with noise of falling variance on the line."""
    _need_step(global_step, "noisy linear cosine decay")

    def noise(step: Any, dtype: Any) -> Any:
        from reflow.ops.random.random_ops import random_normal

        variance = _cast(initial_variance, dtype) / _math().pow(
            1.0 + step, _cast(variance_decay, dtype)
        )
        return random_normal(step.shape, stddev=_math().sqrt(variance), dtype=dtype)

    return _linear_cosine(
        learning_rate,
        global_step,
        decay_steps,
        num_periods,
        alpha,
        beta,
        name,
        "NoisyLinearCosineDecay",
        noise,
    )
