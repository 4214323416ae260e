"""What strategies are talked to with: https://www.tensorflow.org/api_docs/python/tf/distribute"""

from __future__ import annotations

import enum
from collections import namedtuple
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export


@export("distribute.ReduceOp")
class ReduceOp(enum.Enum):
    """How values of several replicas become one."""

    SUM = "SUM"
    MEAN = "MEAN"


def as_reduce_op(value: Any) -> ReduceOp:
    """A `ReduceOp` from itself or from its name, in any case.

    Raises:
      ValueError: if it is another word.
      TypeError: if it is something else.
    """
    if isinstance(value, str):
        named = {"SUM": ReduceOp.SUM, "MEAN": ReduceOp.MEAN}.get(value.upper())
        if named is None:
            raise ValueError(
                f"{errors.user_site()}: {value!r} is not a valid ReduceOp: 'SUM' or 'MEAN'"
            )
        return named
    if isinstance(value, ReduceOp):
        return value
    raise TypeError(
        f"{errors.user_site()}: Expected `reduce_op` to be a "
        f"`tf.distribute.ReduceOp`, got {value!r} of type {type(value).__name__}"
    )


@export(v2=("distribute.DistributedValues",))
class DistributedValues:
    """The values of several replicas; with one replica programs see the plain value instead."""

    def __init__(self, values: Any):
        self._values = tuple(values)

    @property
    def values(self) -> tuple[Any, ...]:
        """The values, one for each replica."""
        return self._values

    def __repr__(self) -> str:
        return f"{type(self).__name__}:{self._values!r}"


@export(v2=("types.experimental.distributed.PerReplica",))
class PerReplica(DistributedValues):
    """Values that differ from replica to replica."""


@export(v2=("types.experimental.distributed.Mirrored",))
class Mirrored(DistributedValues):
    """Values that are the same on all replicas."""


@export(v2=("distribute.DistributedDataset",))
class DistributedDataset:
    """The type of data sets spread over several devices; with one device they stay as they are."""


@export(v2=("distribute.DistributedIterator",))
class DistributedIterator:
    """The type of iterators of `DistributedDataset`s."""


@export("distribute.InputReplicationMode")
class InputReplicationMode(enum.Enum):
    """For what an input function is called once."""

    PER_WORKER = "PER_WORKER"
    PER_REPLICA = "PER_REPLICA"


@export("distribute.InputContext")
class InputContext:
    """What an input function is told about the pipelines that it makes one of.

    >>> import reflow as tf
    >>> tf.distribute.InputContext(num_replicas_in_sync=2).get_per_replica_batch_size(8)
    4
    """

    __slots__ = ("_num_input_pipelines", "_input_pipeline_id", "_num_replicas_in_sync")

    def __init__(
        self,
        num_input_pipelines: int = 1,
        input_pipeline_id: int = 0,
        num_replicas_in_sync: int = 1,
    ):
        self._num_input_pipelines = num_input_pipelines
        self._input_pipeline_id = input_pipeline_id
        self._num_replicas_in_sync = num_replicas_in_sync

    @property
    def num_replicas_in_sync(self) -> int:
        return self._num_replicas_in_sync

    @property
    def input_pipeline_id(self) -> int:
        return self._input_pipeline_id

    @property
    def num_input_pipelines(self) -> int:
        return self._num_input_pipelines

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The batch size of one replica.

        Raises:
          ValueError: if the replicas do not divide the global batch size.
        """
        if global_batch_size % self._num_replicas_in_sync:
            raise ValueError(
                f"{errors.user_site()}: The `global_batch_size` "
                f"{global_batch_size!r} is not divisible by `num_replicas_in_sync` "
                f"{self._num_replicas_in_sync!r}"
            )
        return global_batch_size // self._num_replicas_in_sync

    def __repr__(self) -> str:
        return (
            f"tf.distribute.InputContext(input pipeline id {self._input_pipeline_id}, "
            f"total: {self._num_input_pipelines})"
        )


@export(v2=("distribute.experimental.ValueContext",))
class ValueContext:
    """What a value function is told about the replica that the value is for."""

    __slots__ = ("_replica_id_in_sync_group", "_num_replicas_in_sync")

    def __init__(self, replica_id_in_sync_group: int = 0, num_replicas_in_sync: int = 1):
        self._replica_id_in_sync_group = replica_id_in_sync_group
        self._num_replicas_in_sync = num_replicas_in_sync

    @property
    def num_replicas_in_sync(self) -> int:
        return self._num_replicas_in_sync

    @property
    def replica_id_in_sync_group(self) -> int:
        return self._replica_id_in_sync_group


_RUN = ["experimental_enable_dynamic_batch_size", "experimental_bucketizing_dynamic_shape"]


@export("distribute.RunOptions")
class RunOptions(
    namedtuple("RunOptions", [*_RUN, "experimental_xla_options"], defaults=[True, False, None])
):
    """How `Strategy.run` shall run a function on a TPU."""

    __slots__ = ()


_INPUT = {
    "experimental_fetch_to_device": None,
    "experimental_replication_mode": InputReplicationMode.PER_WORKER,
    "experimental_place_dataset_on_device": False,
    "experimental_per_replica_buffer_size": 1,
}


@export(v2=("distribute.InputOptions",))
class InputOptions(namedtuple("InputOptions", list(_INPUT), defaults=list(_INPUT.values()))):
    """How data sets are distributed."""

    __slots__ = ()
