"""The devices of this process, through PJRT.

The CPU is always there and costs nothing to know of; whether there are accelerators is asked of JAX,
once, and only when a program or an installed plug-in makes it worth importing.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import Any

cpu_count: list[int] = [1]  # how many CPU devices the process shows: set before the first use


@cache
def may_have_accelerator() -> bool:
    """Whether asking JAX for accelerators could find any: a cheap look at what is installed."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms:
        return any(p.strip() not in ("", "cpu") for p in platforms.split(","))
    if importlib.util.find_spec("libtpu") is not None:
        return True
    if not os.path.exists("/dev/nvidiactl") and not os.path.exists("/dev/kfd"):
        return False
    try:
        return importlib.util.find_spec("jax_plugins") is not None
    except ModuleNotFoundError:
        return False


@cache
def physical_accelerators() -> dict[str, Any]:
    """All of JAX's accelerator devices, by short name (`GPU:0`), hidden ones too."""
    if not may_have_accelerator():
        return {}
    from reflow.compiler.jax_setup import jax

    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for device in jax.devices():
        if device.platform != "cpu":
            kind = _kind(device)
            found[f"{kind}:{seen.get(kind, 0)}"] = device
            seen[kind] = seen.get(kind, 0) + 1
    return found


_hidden: set[str] = set()  # short names of accelerators that programs do not see


@cache
def accelerators() -> tuple[Any, ...]:
    """JAX's accelerator devices that programs see."""
    return tuple(d for name, d in physical_accelerators().items() if name not in _hidden)


def hide(names: set[str]) -> None:
    """Lets programs not see the accelerators of these short names, and see all others."""
    _hidden.clear()
    _hidden.update(names)
    for known in (accelerators, device_names, jax_device):
        known.cache_clear()


def in_use() -> bool:
    """Whether something has run on a device of JAX already."""
    return jax_device.cache_info().currsize > 0


def set_preallocation(on: bool) -> None:
    """Whether an accelerator's memory is taken at once: before its first use."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "true" if on else "false"


def set_matmul_precision(precision: str) -> None:
    """What accelerators may do to float32 products: JAX's "default" or "highest"."""
    from reflow.compiler.jax_setup import jax

    jax.config.update("jax_default_matmul_precision", precision)


def _kind(device: Any) -> str:
    return {"cuda": "GPU", "rocm": "GPU", "gpu": "GPU", "tpu": "TPU"}.get(
        device.platform, device.platform.upper()
    )


@cache
def device_names() -> tuple[str, ...]:
    """The short names of all devices: `CPU:0`, `GPU:0`, ..."""
    names = [f"CPU:{i}" for i in range(cpu_count[0])]
    seen: dict[str, int] = {}
    for device in accelerators():
        kind = _kind(device)
        names.append(f"{kind}:{seen.get(kind, 0)}")
        seen[kind] = seen.get(kind, 0) + 1
    return tuple(names)


@cache
def jax_device(name: str) -> Any:
    """The JAX device of a short name; "" is the default one."""
    from reflow.compiler.jax_setup import jax

    if not name:
        return accelerators()[0] if accelerators() else jax.devices("cpu")[0]
    kind, _, index = name.partition(":")
    if kind == "CPU":
        return jax.devices("cpu")[int(index)]
    return [d for d in accelerators() if _kind(d) == kind][int(index)]


def set_cpu_count(count: int) -> None:
    """Shows `count` CPU devices: before anything ran.

    Raises:
      RuntimeError: when JAX has started with another number.
    """
    if count == cpu_count[0]:
        return
    from reflow.compiler.jax_setup import jax

    jax.config.update("jax_num_cpu_devices", count)
    cpu_count[0] = count
    device_names.cache_clear()
    jax_device.cache_clear()


def is_accelerated(name: str) -> bool:
    """Whether the device of a short name is worth compiling for at once."""
    return not name.startswith("CPU") if name else bool(accelerators())
