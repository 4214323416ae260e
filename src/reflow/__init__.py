"""Reflow runs TensorFlow programs, TF 1 and TF 2, on XLA: `import reflow as tf`."""

from typing import Any

from reflow.lang.errors import install_hook as _install_hook
from reflow.platform.allocator import keep_freed_memory as _keep_freed_memory

_keep_freed_memory()  # here, as it must precede the first thread
_install_hook()
del _install_hook, _keep_freed_memory


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name not in ("__version__", "__internal__"):
        raise AttributeError(name)
    from reflow.api import lookup

    value = globals()[name] = lookup("v2", name, f"tf.{name}")
    return value


def __dir__() -> list[str]:
    from reflow._api import V2

    return sorted({key.partition(".")[0] for key in V2} | set(globals()))
