"""Moving averages of variables: https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.lang import dtypes
from reflow.lang.context import get_default_graph, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, colocate_with, name_scope
from reflow.lang.tensor import Tensor
from reflow.ops.control_flow import grouping
from reflow.ops.variables import variable_scope
from reflow.ops.variables.collections import (
    global_variables,
    moving_average_variables,
    trainable_variables,
)
from reflow.train import slot_creator


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Any:
    """`variable -= (1 - decay) * (variable - value)`.

    Args:
      variable: the average.
      value: what it moves towards.
      decay: how much of it stays, in [0, 1].
      zero_debias: whether the variable starts at zero and is to be corrected for that.
    """
    scope_now = name_scope(name, "AssignMovingAvg", [variable, value, decay])
    with scope_now as scope, colocate_with(variable):
        rest = convert_to_tensor(1.0 - decay, name="decay")
        if rest.dtype.base_dtype is not variable.dtype.base_dtype:
            from reflow.ops.cast import cast

            rest = cast(rest, variable.dtype.base_dtype)
        if zero_debias:
            return _zero_debias(variable, value, rest, scope or None)
        return variable.assign_sub((variable - value) * rest, name=scope or None)


def _zero_debias(unbiased: Any, value: Any, decay: Any, name: str | None) -> Any:
    """A moving average that starts at zero, divided by the weight it has gathered so far."""
    from reflow.ops import math
    from reflow.ops.variables import initializers

    dtype = unbiased.dtype.base_dtype
    scope = variable_scope.variable_scope(unbiased.op.name, values=[unbiased, value, decay])
    with scope, init_scope():
        biased, local_step = (
            variable_scope.get_variable(
                _unused_name(part),
                initializer=initializers.Zeros(),
                shape=shape,
                dtype=dtype,
                trainable=False,
            )
            for part, shape in (("biased", unbiased.get_shape()), ("local_step", []))
        )
    update_biased = biased.assign_sub((biased - value) * decay)
    update_step = local_step.assign_add(1)
    weight = 1 - math.pow(1.0 - decay, convert_to_tensor(update_step))
    return unbiased.assign(convert_to_tensor(update_biased) / weight, name=name)


def _unused_name(name: str) -> str:
    """`name`, with a number if the variable scope, not being reused, has a variable of that name."""
    scope = variable_scope.get_variable_scope()
    if scope.reuse:
        return name
    taken = {v.op.name for v in scope.global_variables()}
    number, unused = 0, name
    while f"{scope.name}/{unused}" in taken:
        number += 1
        unused = f"{name}_{number}"
    return unused


def weighted_moving_average(
    value: Any,
    decay: Any,
    weight: Any,
    truediv: bool = True,
    collections: Any = None,
    name: str | None = None,
) -> Any:
    """The moving average of `value` in which each value counts by its `weight`."""
    from reflow.ops import math
    from reflow.ops.variables import initializers

    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    with variable_scope.variable_scope(name, "WeightedMovingAvg", [value, weight, decay]):
        sums = [
            variable_scope.get_variable(
                part,
                shape=value.get_shape(),
                dtype=value.dtype,
                initializer=initializers.Zeros(),
                trainable=False,
                collections=collections,
            )
            for part in ("value_x_weight_var", "weight_var")
        ]
        numerator = assign_moving_average(sums[0], value * weight, decay, zero_debias=False)
        denominator = assign_moving_average(
            sums[1], convert_to_tensor(weight, value.dtype), decay, zero_debias=False
        )
        return math.truediv(numerator, denominator) if truediv else math.div(numerator, denominator)


@export("train.ExponentialMovingAverage")
class ExponentialMovingAverage:
    """Keeps moving averages of variables: `shadow = decay * shadow + (1 - decay) * variable`.

    Args:
      decay: how much stays, close to 1.
      num_updates: a step counter; while it is small the decay is `(1 + n) / (10 + n)` at most.
      zero_debias: whether averages of tensors are corrected for their start at zero.
      name: the suffix of the shadows' names.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Iterable[Any] | None = None) -> Any:
        """An op that updates the averages of `var_list`; makes those that are not there yet.

        Raises:
          TypeError: if something in it is not of a floating-point dtype.
        """
        from reflow.ops import math
        from reflow.ops.cast import cast
        from reflow.ops.variables import initializers

        var_list = list(trainable_variables() if var_list is None else var_list)
        zero_debiased: set[Any] = set()
        for var in var_list:
            if var.dtype.base_dtype not in dtypes.FLOAT:
                raise TypeError(f"The variables must be half, float, or double: {var.name}")
            if _key(var) in self._averages:
                continue
            with init_scope():
                if isinstance(var, Tensor):
                    average = slot_creator.create_zeros_slot(
                        _TensorAsPrimary(var), self.name, colocate_with_primary=False
                    )
                    if self._zero_debias:
                        zero_debiased.add(_key(var))
                else:
                    average = slot_creator.create_slot(
                        var,
                        initializers.Zeros() if self._zero_debias else var.initialized_value(),
                        self.name,
                        colocate_with_primary=True,
                        **(
                            {"shape": var.get_shape(), "dtype": var.dtype.base_dtype}
                            if self._zero_debias
                            else {}
                        ),
                    )
                    if self._zero_debias:
                        zero_debiased.add(_key(var))
                    get_default_graph().add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            self._averages[_key(var)] = average
        with name_scope(self.name) as scope:
            decay = convert_to_tensor(self._decay, dtypes.float32, name="decay")
            if self._num_updates is not None:
                updates = cast(self._num_updates, dtypes.float32)
                decay = math.minimum(decay, (1.0 + updates) / (10.0 + updates))
            done = []
            for var in var_list:
                average = self._averages[_key(var)]
                done.append(
                    assign_moving_average(
                        average, var, cast(decay, var.dtype.base_dtype), _key(var) in zero_debiased
                    )
                )
            return grouping.group(*done, name=scope or None)

    def average(self, var: Any) -> Any:
        """The variable that holds the average of `var`, or None."""
        return self._averages.get(_key(var))

    def average_name(self, var: Any) -> str:
        """The name under which the average of `var` is saved."""
        known = self._averages.get(_key(var))
        if known is not None:
            return known.op.name
        return f"{var.op.name}/{self.name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """From the names under which values are saved to the variables to load them into.

        Variables that have an average are loaded from it.
        """
        if moving_avg_variables is None:
            moving_avg_variables = [
                *trainable_variables(),
                *moving_average_variables(),
            ]
        moving = {v.ref() for v in moving_avg_variables}
        names = {self.average_name(r.deref()): r.deref() for r in moving}
        taken = {r.deref().name for r in moving}
        for var in global_variables():
            if var.name not in taken and var.op.name not in names:
                names[var.op.name] = var
        return names


class _TensorAsPrimary:
    """A tensor in the part of the variable that a slot belongs to."""

    _is_resource = False

    def __init__(self, tensor: Any):
        self.op = tensor.op
        self.dtype = tensor.dtype
        self._tensor = tensor

    def get_shape(self) -> Any:
        return self._tensor.get_shape()

    def initialized_value(self) -> Any:
        return self._tensor


def _key(var: Any) -> Any:
    return id(var) if isinstance(var, Tensor) else var.ref()
