"""The placement of nodes on the devices of this process."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

from reflow.compiler.targets import accelerators, cpu_count, device_names, set_cpu_count
from reflow.lang import dtypes, errors
from reflow.lang.devices import DeviceSpec
from reflow.lang.graph import Operation

DeviceAttributes = namedtuple("DeviceAttributes", "name device_type memory_limit_bytes incarnation")
_HOST = "/job:localhost/replica:0/task:0"


def list_devices(config: Any = None) -> list[DeviceAttributes]:
    """Name, type, memory and incarnation of every device."""
    result = []
    for i, name in enumerate(device_names()):
        kind = name.partition(":")[0]
        result.append(DeviceAttributes(f"{_HOST}/device:{name}", kind, 1 << 28, i + 1))
    return result


class Placer:
    """Decides the device of each node: the one that the program says, or the default one.

    Args:
      config: a `ConfigProto`: `device_count`, `allow_soft_placement`, `log_device_placement`.
      soft: whether what names a device that does not exist goes elsewhere, whatever `config` says.
    """

    def __init__(self, config: Any = None, soft: bool = False):
        self.soft = soft or bool(config is not None and config.allow_soft_placement)
        self.log = bool(config is not None and config.log_device_placement)
        self._known: dict[str, str] = {"": ""}
        if config is not None and config.device_count.get("CPU", 0) > 1:
            set_cpu_count(max(config.device_count["CPU"], cpu_count[0]))
        self.no_gpu = config is not None and config.device_count.get("GPU", 1) == 0

    def __call__(self, op: Operation) -> str:
        """The short name of the node's device; "" for the default one.

        Raises:
          errors.InvalidArgumentError: if the device does not exist and placement is not soft.
        """
        device = op._device
        for tensor in op.inputs:  # what reads or writes state goes where the state is
            if tensor.dtype.is_ref_dtype or tensor.dtype is dtypes.resource:
                if tensor.op.opdef.handle:
                    device = tensor.op._device
                break
        found = self._known.get(device)
        if found is None:
            found = self._known[device] = self._resolve(device, op)
        return found

    def check(self, ops: Iterable[Operation]) -> None:
        """Places all nodes of a plan, also those that will be folded; prints where, if asked to.

        Raises:
          errors.InvalidArgumentError: for a node whose device does not exist.
        """
        for op in ops:
            if self.log:
                shown = self(op) or device_names()[-1 if len(device_names()) > cpu_count[0] else 0]
                print(f"{op.name}: ({op.type}): {_HOST}/device:{shown}")
            elif op._device:
                self(op)

    def _resolve(self, device: str, op: Operation) -> str:
        spec = DeviceSpec.from_string(device)
        if spec.device_type is None:
            return ""
        name = f"{spec.device_type}:{spec.device_index or 0}"
        names = [n for n in device_names() if not (self.no_gpu and n.startswith("GPU"))]
        if name in names:
            default = "GPU:0" if "GPU:0" in names else "CPU:0"
            return "" if name == default else name
        if self.soft:
            return "CPU:0" if accelerators() else ""
        raise errors.InvalidArgumentError(
            None,
            op,
            f"{errors.where(op.site)}: Cannot assign a device for operation {op.name}: Could not "
            f"satisfy explicit device specification '{device}' because no supported kernel for "
            f"{spec.device_type} devices is available; the devices are {', '.join(names)}. Pass "
            "config=tf.ConfigProto(allow_soft_placement=True) to place it elsewhere.",
        )
