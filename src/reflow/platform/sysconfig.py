"""What programs ask about the build: https://www.tensorflow.org/api_docs/python/tf/sysconfig"""

from __future__ import annotations

from typing import NoReturn

from reflow.lang import errors
from reflow.lang.export import export


@export("sysconfig.get_build_info")
def get_build_info() -> dict[str, bool]:
    """Which accelerators the installation was built for: those that JAX's plugins bring.

    >>> import reflow as tf
    >>> sorted(tf.sysconfig.get_build_info())
    ['is_cuda_build', 'is_rocm_build', 'is_tensorrt_build']
    """
    return {
        "is_cuda_build": has_plugin("cuda"),
        "is_rocm_build": has_plugin("rocm"),
        "is_tensorrt_build": False,
    }


def has_plugin(kind: str) -> bool:
    """Whether JAX's plugin for a kind of device ("cuda", "rocm") is installed."""
    import importlib.metadata

    names = {point.name for point in importlib.metadata.entry_points(group="jax_plugins")}
    return any(kind in name for name in names)


def _no_headers(what: str) -> NoReturn:
    raise errors.UnimplementedError(
        None,
        None,
        f"{errors.user_site()}: tf.sysconfig.{what}: Reflow has no C++ library and "
        "no headers to build custom ops against. Write the op in Python (reflow.ops.define.op), or "
        "its kernel for XLA's foreign function interface (jax.ffi).",
    )


@export("sysconfig.get_include")
def get_include() -> str:
    """The directory of TensorFlow's C++ headers, which Reflow does not have.

    Raises:
      errors.UnimplementedError: always.
    """
    _no_headers("get_include")


@export("sysconfig.get_lib")
def get_lib() -> str:
    """The directory of TensorFlow's C++ library, which Reflow does not have.

    Raises:
      errors.UnimplementedError: always.
    """
    _no_headers("get_lib")


@export("sysconfig.get_compile_flags")
def get_compile_flags() -> list[str]:
    """The compiler flags for custom ops, which Reflow does not have.

    Raises:
      errors.UnimplementedError: always.
    """
    _no_headers("get_compile_flags")


@export("sysconfig.get_link_flags")
def get_link_flags() -> list[str]:
    """The linker flags for custom ops, which Reflow does not have.

    Raises:
      errors.UnimplementedError: always.
    """
    _no_headers("get_link_flags")
