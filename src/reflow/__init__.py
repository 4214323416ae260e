"""Reflow runs TensorFlow programs, TF 1 and TF 2, on XLA: `import reflow as tf`."""

from typing import Any

from reflow.lang.errors import install_hook as _install_hook

_install_hook()
del _install_hook


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name not in ("__version__", "__internal__"):
        raise AttributeError(name)
    from reflow.api import lookup

    value = globals()[name] = lookup("v2", name, f"tf.{name}")
    return value


def __dir__() -> list[str]:
    from reflow._api import V2

    return sorted({key.partition(".")[0] for key in V2} | set(globals()))
