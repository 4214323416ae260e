"""`tensorflow.python.client.device_lib`: the devices of this process, as messages."""

from __future__ import annotations

from typing import Any


def list_local_devices(session_config: Any = None) -> list[Any]:
    """A `DeviceAttributes` message for every device of this process."""
    from reflow.formats import protos
    from reflow.runtime.devices import list_devices

    result = []
    for device in list_devices(session_config):
        message = protos.DeviceAttributes(
            name=device.name,
            device_type=device.device_type,
            memory_limit=device.memory_limit_bytes,
            incarnation=device.incarnation,
        )
        result.append(message)
    return result
