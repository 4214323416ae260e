"""How the copies of a variable on several devices belong together.

https://www.tensorflow.org/api_docs/python/tf/VariableAggregation
"""

from __future__ import annotations

import enum
from typing import Any

from reflow.lang.export import export


@export("VariableSynchronization")
class VariableSynchronization(enum.Enum):
    """When the copies of a variable on several devices are brought together."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class _Aggregation(enum.Enum):
    """Members of the two enumerations below are equal when their values are."""

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: Any) -> bool:
        return self is other or isinstance(other, _Aggregation) and self.value == other.value


@export(v2=("VariableAggregation",))
class VariableAggregationV2(_Aggregation):
    """How the updates of several devices to one variable are combined."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


@export(v1=("VariableAggregation",))
class VariableAggregation(_Aggregation):
    """How the updates of several devices to one variable are combined."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3
    ONLY_FIRST_TOWER = 3


def validate_synchronization_aggregation_trainable(
    synchronization: Any, aggregation: Any, trainable: bool | None, name: Any
) -> tuple[Any, Any, bool]:
    """The three with their defaults in place.

    Raises:
      ValueError: if one of the first two is no member of its enumeration.
    """
    if aggregation is None:
        aggregation = VariableAggregation.NONE
    elif not isinstance(aggregation, _Aggregation):
        try:
            aggregation = VariableAggregation(aggregation)
        except ValueError:
            raise ValueError(
                f"Invalid variable aggregation mode: {aggregation} for variable: {name}"
            ) from None
    if synchronization is None:
        synchronization = VariableSynchronization.AUTO
    else:
        try:
            synchronization = VariableSynchronization(synchronization)
        except ValueError:
            raise ValueError(
                f"Invalid variable synchronization mode: {synchronization} for variable: {name}"
            ) from None
    if trainable is None:
        trainable = synchronization != VariableSynchronization.ON_READ
    return synchronization, aggregation, trainable
