"""`tf.experimental.dtensor`: not there yet; what libraries import says so when it is called."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.lang.export import export, export_value

UNSHARDED = "unsharded"  # a dimension of a layout that every device holds the whole of
export_value("reflow.distribute.dtensor", "UNSHARDED", v2=["experimental.dtensor.UNSHARDED"])


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"{errors.user_site()}: tf.experimental.dtensor.{name} is not part of Reflow "
        "yet: tf.distribute.OneDeviceStrategy runs on one device."
    )


@export(v2=("experimental.dtensor.Mesh",))
class Mesh:
    """A grid of devices. Making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise _missing("Mesh")


@export(v2=("experimental.dtensor.Layout",))
class Layout:
    """How a tensor lies on a mesh. Making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise _missing("Layout")


@export(v2=("experimental.dtensor.create_distributed_mesh",))
def create_distributed_mesh(*args: Any, **kwargs: Any) -> Any:
    """Raises NotImplementedError: there are no meshes yet."""
    raise _missing("create_distributed_mesh")
