"""Device names: `/job:worker/replica:0/task:1/device:GPU:0` and the shorter ways to write them.

https://www.tensorflow.org/api_docs/python/tf/DeviceSpec
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from reflow.lang import errors

_PART = re.compile(r"^(?:(job|replica|task|device):(.+)|(cpu|gpu|tpu|CPU|GPU|TPU)(?::(\d+|\*))?)$")


class DeviceSpec:
    """A possibly partial specification of a device.

    >>> import reflow as tf
    >>> tf.DeviceSpec(job="ps", task=0, device_type="CPU").to_string()
    '/job:ps/task:0/device:CPU:*'
    """

    __slots__ = ("job", "replica", "task", "device_type", "device_index")

    def __init__(
        self,
        job: str | None = None,
        replica: int | None = None,
        task: int | None = None,
        device_type: str | None = None,
        device_index: int | None = None,
    ):
        self.job = job
        self.replica = None if replica is None else int(replica)
        self.task = None if task is None else int(task)
        self.device_type = None if device_type is None else device_type.upper()
        self.device_index = None if device_index is None else int(device_index)

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        return cls().parse_from_string(spec)

    def parse_from_string(self, spec: str) -> DeviceSpec:
        """Reads `spec` into this object.

        Raises:
          ValueError: if it is no device name.
        """
        for part in filter(None, spec.split("/")):
            match = _PART.match(part)
            if match is None:
                raise ValueError(
                    f"{errors.user_site()}: Unknown attribute '{part}' is encountered while parsing the "
                    f"device name '{spec}'."
                )
            key, value, kind, index = match.groups()
            if key == "job":
                self.job = value
            elif key in ("replica", "task"):
                setattr(self, key, int(value))
            elif key == "device":
                pieces = value.split(":")
                self.device_type = None if pieces[0] == "*" else pieces[0].upper()
                if len(pieces) > 1:
                    self.device_index = None if pieces[1] == "*" else int(pieces[1])
            else:
                self.device_type = kind.upper()
                if index is not None:
                    self.device_index = None if index == "*" else int(index)
        return self

    def to_string(self) -> str:
        parts = []
        for key in ("job", "replica", "task"):
            value = getattr(self, key)
            if value is not None:
                parts.append(f"/{key}:{value}")
        if self.device_type is not None:
            index = "*" if self.device_index is None else self.device_index
            parts.append(f"/device:{self.device_type}:{index}")
        return "".join(parts)

    def replace(self, **kwargs: Any) -> DeviceSpec:
        values = {key: getattr(self, key) for key in self.__slots__}
        return DeviceSpec(**{**values, **kwargs})

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """This specification with what `dev` says put over it."""
        said = {key: getattr(dev, key) for key in self.__slots__ if getattr(dev, key) is not None}
        return self.replace(**said)

    def merge_from(self, dev: DeviceSpec) -> None:
        for key in self.__slots__:
            if getattr(dev, key) is not None:
                setattr(self, key, getattr(dev, key))

    @staticmethod
    def canonical(device: Any) -> str:
        """The canonical spelling of a device name, function result or specification."""
        if not device:
            return ""
        if isinstance(device, DeviceSpec):
            return device.to_string()
        return _canonical(device)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __repr__(self) -> str:
        return f"<DeviceSpec {self.to_string()!r}>"


@lru_cache(maxsize=1024)
def _canonical(device: str) -> str:
    return DeviceSpec.from_string(device).to_string()


@lru_cache(maxsize=4096)
def _merged(inner: str, outer: str) -> str:
    return DeviceSpec.from_string(outer).make_merged_spec(DeviceSpec.from_string(inner)).to_string()


def merge_device(inner: Any, outer: Any) -> str:
    """What `inner` says, completed by what `outer` says."""
    inner, outer = DeviceSpec.canonical(inner), DeviceSpec.canonical(outer)
    if not inner or not outer:
        return inner or outer
    return _merged(inner, outer)
