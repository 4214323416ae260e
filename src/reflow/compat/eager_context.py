"""`tensorflow.python.eager.context`: the context of eager execution, as libraries ask for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from reflow.lang import random_seed
from reflow.lang.context import executing_eagerly, state, using_graph
from reflow.lang.devices import DeviceSpec
from reflow.lang.export import export
from reflow.runtime import config


class Context:
    """The one context of eager execution."""

    def executing_eagerly(self) -> bool:
        return executing_eagerly()

    def num_gpus(self) -> int:
        return len(config.list_logical_devices("GPU"))

    def devices(self) -> list[str]:
        """The full names of the devices."""
        return [
            f"/job:localhost/replica:0/task:0{device.name}"
            for device in config.list_logical_devices()
        ]

    def list_logical_devices(self, device_type: str | None = None) -> list[Any]:
        return config.list_logical_devices(device_type)

    def list_physical_devices(self, device_type: str | None = None) -> list[Any]:
        return config.list_physical_devices(device_type)

    def ensure_initialized(self) -> None:
        """Nothing to do: devices are looked up when they are first needed."""

    def clear_kernel_cache(self) -> None:
        """Lets go of what was compiled for single ops."""
        from reflow.runtime.eager_compile import clear

        clear()

    @property
    def run_eager_op_as_function(self) -> bool:
        return False

    @property
    def device_name(self) -> str | None:
        """The device that `tf.device` says in eager code, or None."""
        return state.eager_device or None

    @property
    def device_spec(self) -> DeviceSpec:
        """The parts of that device's name, which are None where it says nothing."""
        return DeviceSpec.from_string(self.device_name or "")


_context = Context()


def context() -> Context:
    """The context of eager execution."""
    return _context


def global_seed() -> int | None:
    """The seed that `tf.random.set_seed` set in eager code, or None."""
    return random_seed.eager_seed()


def _reset_context() -> None:
    """Lets eager execution be as a program begins: without a seed, settings and executables of ops."""
    config.reset()
    random_seed.forget_seed()
    _context.clear_kernel_cache()


@export("__internal__.eager_context.get_device_name")
def get_device_name() -> str | None:
    """The device that `tf.device` says in eager code, or None."""
    return _context.device_name


def async_wait() -> None:
    """Returns when ops that run have ended: they have, as far as programs can tell."""


@export("__internal__.eager_context.eager_mode")
@contextlib.contextmanager
def eager_mode() -> Iterator[None]:
    """Ops within execute as they are called."""
    with using_graph(None):
        yield


@contextlib.contextmanager
def graph_mode() -> Iterator[None]:
    """Ops within are added to a graph of their own."""
    from reflow.lang.graph import Graph

    with using_graph(Graph()):
        yield
