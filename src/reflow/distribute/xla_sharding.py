"""Notes on how tensors are divided among devices: `tensorflow.python.compiler.xla.experimental.xla_sharding`.

They are part of a graph, for a compiler that divides it; on the one device of Reflow they change
nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.formats import protos
from reflow.lang.convert import convert_to_tensor
from reflow.lang.tensor import Tensor
from reflow.ops.xla import xla_sharding


class Sharding:
    """How a tensor is divided.

    Args:
      proto: an `OpSharding` message; without one, each device has all of the tensor.
    """

    def __init__(self, proto: Any = None):
        self._proto = proto

    @property
    def proto(self) -> Any:
        """The `OpSharding` message, or None."""
        return self._proto

    @classmethod
    def replicate(cls) -> Sharding:
        """Each device has all of the tensor."""
        return cls(protos.OpSharding(type=protos.OpSharding.REPLICATED))

    @classmethod
    def assign_device(cls, core: int) -> Sharding:
        """One device has the tensor."""
        return cls(
            protos.OpSharding(
                type=protos.OpSharding.MAXIMAL,
                tile_assignment_dimensions=[1],
                tile_assignment_devices=[core],
            )
        )

    @classmethod
    def tile(cls, tile_assignment: Any) -> Sharding:
        """Each device has a part: `tile_assignment` holds the device of each part of each dimension.

        Raises:
          TypeError: if it is no array.
        """
        if not isinstance(tile_assignment, np.ndarray):
            raise TypeError("Tile assignment must be of type np.ndarray")
        return cls(
            protos.OpSharding(
                type=protos.OpSharding.OTHER,
                tile_assignment_dimensions=tile_assignment.shape,
                tile_assignment_devices=tile_assignment.ravel().tolist(),
            )
        )

    def apply_to_tensor(
        self,
        tensor: Any,
        assign_tuple_sharding: bool = False,
        use_sharding_op: bool = False,
        unspecified_dims: Any = None,
        sharding_v2_proto: Any = None,
    ) -> Tensor:
        """`tensor` with this note, which an op XlaSharding carries.

        Args:
          tensor: a tensor.
          assign_tuple_sharding: not supported: notes are for one tensor each.
          use_sharding_op: must be set: notes on other ops are not supported.
          unspecified_dims: the dimensions that may be divided in further ways.
          sharding_v2_proto: the note in XLA's newer form, kept beside the other one.

        Raises:
          NotImplementedError: for an argument that is not supported.
        """
        if assign_tuple_sharding or not use_sharding_op:
            raise NotImplementedError(
                "Sharding.apply_to_tensor: Reflow has it with use_sharding_op=True and without "
                "assign_tuple_sharding only."
            )
        result = xla_sharding(
            convert_to_tensor(tensor),
            sharding=self._proto.SerializeToString() if self._proto else b"",
            unspecified_dims=list(unspecified_dims or []),
        )
        if hasattr(result, "op"):
            for name, proto in (
                ("_XlaSharding", self._proto),
                ("_XlaShardingV2", sharding_v2_proto),
            ):
                if proto is not None:
                    value = protos.AttrValue(s=proto.SerializeToString())
                    result.op._set_attr(name, value)
        return result


def replicate(tensor: Any, assign_tuple_sharding: bool = False, use_sharding_op: bool = False):
    """`tensor`, noted to be on each device as a whole: see `Sharding.apply_to_tensor`."""
    return Sharding.replicate().apply_to_tensor(tensor, assign_tuple_sharding, use_sharding_op)


def assign_device(
    tensor: Any, device: int, assign_tuple_sharding: bool = False, use_sharding_op: bool = False
):
    """`tensor`, noted to be on one device: see `Sharding.apply_to_tensor`."""
    sharding = Sharding.assign_device(device)
    return sharding.apply_to_tensor(tensor, assign_tuple_sharding, use_sharding_op)


def tile(
    tensor: Any,
    tile_assignment: Any,
    assign_tuple_sharding: bool = False,
    use_sharding_op: bool = False,
):
    """`tensor`, noted to be divided among devices: see `Sharding.tile` and `apply_to_tensor`."""
    sharding = Sharding.tile(tile_assignment)
    return sharding.apply_to_tensor(tensor, assign_tuple_sharding, use_sharding_op)
