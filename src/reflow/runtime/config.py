"""`tf.config`: devices, threads, and switches of the run time.

https://www.tensorflow.org/api_docs/python/tf/config
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from reflow.compiler import targets
from reflow.lang import errors
from reflow.lang.export import export

_HOST = "/job:localhost/replica:0/task:0"


@export("config.PhysicalDevice")
class PhysicalDevice(namedtuple("PhysicalDevice", ["name", "device_type"])):
    """A device of this machine.

    >>> import reflow as tf
    >>> tf.config.list_physical_devices("CPU")[0]
    PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')
    """

    __slots__ = ()


@export("config.LogicalDevice")
class LogicalDevice(namedtuple("LogicalDevice", ["name", "device_type"])):
    """A device as programs see it."""

    __slots__ = ()


@export(
    "config.LogicalDeviceConfiguration",
    "config.experimental.VirtualDeviceConfiguration",
)
class LogicalDeviceConfiguration(
    namedtuple(
        "LogicalDeviceConfiguration",
        ["memory_limit", "experimental_priority", "experimental_device_ordinal"],
    )
):
    """What one logical device of a physical one is like.

    Args:
      memory_limit: how much memory in MB it may take: for accelerators.
      experimental_priority, experimental_device_ordinal: for accelerators.
    """

    __slots__ = ()

    def __new__(
        cls,
        memory_limit: Any = None,
        experimental_priority: Any = None,
        experimental_device_ordinal: Any = None,
    ) -> LogicalDeviceConfiguration:
        return super().__new__(
            cls, memory_limit, experimental_priority, experimental_device_ordinal
        )


_visible: dict[str, Any] = {"devices": None}  # the physical devices to use; None: all
_logical: dict[str, list[LogicalDeviceConfiguration]] = {}  # by the name of the physical device
_memory_growth: dict[str, bool] = {}
_threads = {"inter": 0, "intra": 0}
_DEFAULTS: dict[str, Any] = {
    "soft_device_placement": True,
    "jit": "",
    "optimizer": {},
    "tensor_float_32": True,
    "synchronous": True,
    "device_policy": "silent",
}
_switches: dict[str, Any] = {**_DEFAULTS, "optimizer": {}}


def reset() -> None:
    """Forgets what programs said of devices, threads and optimization."""
    _visible["devices"] = None
    _logical.clear()
    _memory_growth.clear()
    _threads.update(inter=0, intra=0)
    _switches.update(_DEFAULTS, optimizer={})


def _physical() -> list[PhysicalDevice]:
    names = ["CPU:0", *targets.physical_accelerators()]
    return [PhysicalDevice(f"/physical_device:{n}", n.partition(":")[0]) for n in names]


@export("config.list_physical_devices", "config.experimental.list_physical_devices")
def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this machine.

    Args:
      device_type: "CPU", "GPU" or "TPU", to list these alone.

    >>> import reflow as tf
    >>> len(tf.config.list_physical_devices("CPU"))
    1
    """
    return [d for d in _physical() if device_type in (None, d.device_type)]


@export("config.get_visible_devices", "config.experimental.get_visible_devices")
def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The physical devices that programs see, all of them by default.

    >>> import reflow as tf
    >>> [d.device_type for d in tf.config.get_visible_devices("CPU")]
    ['CPU']
    """
    shown = _physical() if _visible["devices"] is None else _visible["devices"]
    return [d for d in shown if device_type in (None, d.device_type)]


@export("config.set_visible_devices", "config.experimental.set_visible_devices")
def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Says which physical devices programs see: before anything ran on them.

    Args:
      devices: a list of physical devices; other devices (of the type) are hidden.
      device_type: the type that `devices` stands for, when the others shall stay as they are.

    Raises:
      ValueError: for a device that is not there, or of another type.
      RuntimeError: if logical devices have been listed already, and would change.
    """
    wanted = list(devices) if isinstance(devices, (list, tuple)) else [devices]
    for each in wanted:
        _known(each)
        if device_type not in (None, each.device_type):
            raise ValueError(f"Unrecognized device: {repr(each)} is not of type {device_type}")
    if device_type is not None:
        wanted += [d for d in get_visible_devices() if d.device_type != device_type]
    if wanted == get_visible_devices():
        return
    if _initialized():
        raise RuntimeError("Visible devices cannot be modified after being initialized")
    _visible["devices"] = wanted
    targets.hide({_short(d) for d in _physical() if d not in wanted})


def _short(device: PhysicalDevice) -> str:
    return device.name.removeprefix("/physical_device:")


def _known(device: Any) -> None:
    if device not in _physical():
        raise ValueError(
            f"{errors.user_site()}: Unrecognized device: {device!r}. The devices are {_physical()}"
        )


def _initialized() -> bool:
    """Whether the devices have been used, so that they cannot be made otherwise."""
    return targets.in_use()


@export("config.list_logical_devices", "config.experimental.list_logical_devices")
def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices as programs name them.

    >>> import reflow as tf
    >>> tf.config.list_logical_devices("CPU")[0]
    LogicalDevice(name='/device:CPU:0', device_type='CPU')
    """
    shown = {d.device_type for d in get_visible_devices()}
    found = []
    for name in targets.device_names():
        kind = name.partition(":")[0]
        if kind in shown and device_type in (None, kind):
            found.append(LogicalDevice(f"/device:{name}", kind))
    return found


@export(
    "config.get_logical_device_configuration",
    "config.experimental.get_virtual_device_configuration",
)
def get_logical_device_configuration(device: Any) -> Any:
    """What `set_logical_device_configuration` said about a physical device; None for nothing."""
    _known(device)
    return _logical.get(device.name)


@export(
    "config.set_logical_device_configuration",
    "config.experimental.set_virtual_device_configuration",
)
def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Splits a physical device into logical ones: a CPU into several, before anything ran.

    Raises:
      ValueError: for a device that is not there, or a memory limit for a CPU.
      RuntimeError: if the devices are in use already.
      NotImplementedError: for several logical devices of an accelerator.
    """
    _known(device)
    configurations = list(logical_devices or [])
    if _logical.get(device.name) == configurations:
        return
    if device.device_type == "CPU":
        for each in configurations:
            if each.memory_limit is not None:
                raise ValueError(
                    "Setting memory limit on CPU virtual devices is currently not supported"
                )
            if each.experimental_priority is not None:
                raise ValueError(
                    "Setting experimental_priority on CPU virtual devices is currently not supported"
                )
        if _initialized():
            raise RuntimeError("Virtual devices cannot be modified after being initialized")
        targets.set_cpu_count(max(1, len(configurations)))
    elif len(configurations) > 1:
        raise NotImplementedError(
            f"{errors.user_site()}: {device.name} cannot be split into "
            f"{len(configurations)} logical devices: Reflow splits CPUs alone."
        )
    _logical[device.name] = configurations


@export("config.experimental.get_memory_growth")
def get_memory_growth(device: Any) -> bool:
    """Whether memory of an accelerator is taken as it is needed.

    Raises:
      ValueError: for a device that is not there, or is a CPU.
    """
    _growing(device)
    return _memory_growth.get(device.name, False)


@export("config.experimental.set_memory_growth")
def set_memory_growth(device: Any, enable: bool) -> None:
    """Lets an accelerator's memory be taken as it is needed, rather than most of it at once.

    Raises:
      ValueError: for a device that is not there, or is a CPU.
      RuntimeError: if the devices are in use already.
    """
    _growing(device)
    if _memory_growth.get(device.name, False) == bool(enable):
        return
    if _initialized():
        raise RuntimeError("Physical devices cannot be modified after being initialized")
    _memory_growth[device.name] = bool(enable)
    targets.set_preallocation(not enable)


def _growing(device: Any) -> None:
    _known(device)
    if device.device_type == "CPU":
        raise ValueError("Cannot set memory growth on non-GPU and non-Pluggable devices")


@export("config.experimental.get_device_details")
def get_device_details(device: Any) -> dict[str, Any]:
    """What is known of a physical device, as a dictionary: `device_name` of accelerators.

    Raises:
      ValueError: if `device` is no physical device.
    """
    if not isinstance(device, PhysicalDevice):
        raise ValueError(f"device must be a tf.config.PhysicalDevice, but got: {device!r}")
    if device.device_type == "CPU":
        return {}
    return {"device_name": targets.physical_accelerators()[_short(device)].device_kind}


@export("config.experimental.get_memory_info")
def get_memory_info(device: str) -> dict[str, int]:
    """The bytes of an accelerator that are in use, now (`current`) and at most (`peak`).

    Raises:
      ValueError: for a device that keeps no such account, as CPUs.
    """
    name = device.rpartition("device:")[2]
    name = name if ":" in name else f"{name}:0"
    if name not in targets.device_names():
        raise ValueError(
            f"Failed parsing device name: {device!r} is none of {targets.device_names()}"
        )
    stats = targets.jax_device(name).memory_stats()
    if not stats:
        raise ValueError(f"Allocator stats not available for device '{device}'")
    return {"current": stats["bytes_in_use"], "peak": stats["peak_bytes_in_use"]}


@export("config.experimental.get_memory_usage")
def get_memory_usage(device: str) -> int:
    """The bytes of an accelerator that are in use; errors are those of `get_memory_info`."""
    return get_memory_info(device)["current"]


# Threads ------------------------------------------------------------------------------------------


@export("config.threading.get_inter_op_parallelism_threads")
def get_inter_op_parallelism_threads() -> int:
    """What was set for the number of ops that run side by side; 0 for the system's choice."""
    return _threads["inter"]


@export("config.threading.set_inter_op_parallelism_threads")
def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Kept for programs that ask for it: XLA decides how many ops run side by side."""
    _threads["inter"] = int(num_threads)


@export("config.threading.get_intra_op_parallelism_threads")
def get_intra_op_parallelism_threads() -> int:
    """What was set for the number of threads of one op; 0 for the system's choice."""
    return _threads["intra"]


@export("config.threading.set_intra_op_parallelism_threads")
def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Kept for programs that ask for it: XLA decides how many threads an op has."""
    _threads["intra"] = int(num_threads)


# Switches -----------------------------------------------------------------------------------------


@export(v2=("config.experimental.enable_op_determinism",))
def enable_op_determinism() -> None:
    """Makes runs repeat exactly: which tier an op runs in then does not depend on time.

    https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism
    """
    from reflow.compiler import policy

    if policy.forced[0] == "auto":
        policy.forced[0] = "deterministic"


def disable_op_determinism() -> None:
    """Undoes `enable_op_determinism`."""
    from reflow.compiler import policy

    if policy.forced[0] == "deterministic":
        policy.forced[0] = "auto"


def is_op_determinism_enabled() -> bool:
    """Whether `enable_op_determinism` is in force, or a tier is forced."""
    from reflow.compiler import policy

    return policy.forced[0] != "auto"


@export("config.get_soft_device_placement")
def get_soft_device_placement() -> bool:
    """Whether ops whose device is not there run elsewhere.

    >>> import reflow as tf
    >>> tf.config.get_soft_device_placement()
    True
    """
    return _switches["soft_device_placement"]


@export("config.set_soft_device_placement", "__internal__.eager_context.set_soft_device_placement")
def set_soft_device_placement(enabled: bool) -> None:
    """Says whether ops of functions whose device is not there run elsewhere, or fail."""
    _switches["soft_device_placement"] = bool(enabled)


@export("config.optimizer.get_jit")
def get_jit() -> str:
    """What `set_jit` was told: "", "explicit" or "autoclustering"."""
    return _switches["jit"]


@export("config.optimizer.set_jit")
def set_jit(enabled: Any) -> None:
    """Accepted: Reflow compiles what is worth it in any case.

    Raises:
      ValueError: for what is neither a boolean nor "autoclustering".
    """
    if enabled not in (True, False, "autoclustering"):
        raise ValueError(f"Invalid value for enabled: {enabled!r}")
    _switches["jit"] = "autoclustering" if enabled else ""


@export("config.optimizer.get_experimental_options")
def get_experimental_options() -> dict[str, Any]:
    """What `set_experimental_options` was told."""
    return dict(_switches["optimizer"])


@export("config.optimizer.set_experimental_options")
def set_experimental_options(options: dict[str, Any]) -> None:
    """Kept: TensorFlow's graph optimizations are XLA's here, and change no result."""
    _switches["optimizer"].update(options)


@export("config.experimental.enable_tensor_float_32_execution")
def enable_tensor_float_32_execution(enabled: bool) -> None:
    """Says whether accelerators may multiply float32 matrices with 10 bits of mantissa."""
    _switches["tensor_float_32"] = bool(enabled)
    targets.set_matmul_precision("default" if enabled else "highest")


@export("config.experimental.tensor_float_32_execution_enabled")
def tensor_float_32_execution_enabled() -> bool:
    """Whether accelerators may multiply float32 matrices with 10 bits of mantissa.

    >>> import reflow as tf
    >>> tf.config.experimental.tensor_float_32_execution_enabled()
    True
    """
    return _switches["tensor_float_32"]


@export("config.experimental.get_synchronous_execution")
def get_synchronous_execution() -> bool:
    """Whether eager ops have run when they return."""
    return _switches["synchronous"]


@export("config.experimental.set_synchronous_execution")
def set_synchronous_execution(enable: bool | None) -> None:
    """Accepted: results do not depend on it."""
    _switches["synchronous"] = enable is None or bool(enable)


@export("config.experimental.get_device_policy")
def get_device_policy() -> str:
    """What `set_device_policy` was told, "silent" by default."""
    return _switches["device_policy"]


@export("config.experimental.set_device_policy")
def set_device_policy(device_policy: str | None) -> None:
    """Accepted: tensors move between devices as it is needed.

    Raises:
      ValueError: if it is none of "silent", "silent_for_int32", "explicit", "warn" or None.
    """
    if device_policy not in (None, "silent", "silent_for_int32", "explicit", "warn"):
        raise ValueError(f"Not a valid device policy: {device_policy!r}")
    _switches["device_policy"] = device_policy or "silent"
