"""The shared library of the native kernels: where it lies, whether it can be loaded, why not."""

from __future__ import annotations

import ctypes
import os
import pathlib
import platform
import sys
import threading
from collections.abc import Callable
from typing import Any

from reflow.platform.processors import processors

ONEDNN = "onednn-cpu-gomp"  # the distribution that brings oneDNN
_ONEDNN_FILE = "libdnnl.so.3"
_HANDLERS = (  # what XLA calls
    *("reflow_compute", "reflow_random_values", "reflow_elements", "reflow_look_up_rows"),
    *("reflow_sample", "reflow_room"),
)
# What Python calls.
_FUNCTIONS = (
    *("reflow_implementation", "reflow_run"),
    *("reflow_vector_bytes", "reflow_limit_vector_bytes"),
)
PATH = pathlib.Path(__file__).with_name("_native.so")

# auto: where they were measured to be better; native: wherever they can; xla: never.
forced: list[str] = [os.environ.get("REFLOW_KERNELS", "auto")]


class Library:
    """The loaded library.

    Attributes:
      functions: its functions, through ctypes.
      threads: how many threads a call may use.
    """

    def __init__(self, functions: ctypes.CDLL):
        self.functions = functions
        self.threads = processors()
        self._registered = False
        self._lock = threading.Lock()

    @property
    def vector_bytes(self) -> int:
        """Of the widest vectors of numbers: 64 with AVX-512, 32 with AVX2, 16 with less."""
        return self.functions.reflow_vector_bytes()

    def limit_vectors(self, most: int) -> None:
        """From now on kernels use no wider vectors, as if the processor had none: for tests."""
        self.functions.reflow_limit_vector_bytes(most)

    def ffi_call(self, handler: str, results: Any, **how: Any) -> Callable[..., Any]:
        """What calls a handler in an executable for the CPU: `jax.ffi.ffi_call`, of which XLA knows."""
        import jax

        self._register(jax)
        return jax.ffi.ffi_call(handler, results, **how)

    def _register(self, jax: Any) -> None:
        """Makes the handlers known to XLA, the first time."""
        with self._lock:
            if not self._registered:
                for name in _HANDLERS:
                    handler = jax.ffi.pycapsule(getattr(self.functions, f"{name}_for_xla"))
                    jax.ffi.register_ffi_target(name, handler, platform="cpu")
                self._registered = True


def _onednn() -> pathlib.Path:
    """Where the package manager put oneDNN.

    Raises:
      OSError: when it is not installed.
    """
    usual = pathlib.Path(sys.prefix, "lib", _ONEDNN_FILE)
    if usual.exists():
        return usual
    import importlib.metadata  # some fifty modules: 20 ms of a first step

    try:
        files = importlib.metadata.files(ONEDNN) or []
    except importlib.metadata.PackageNotFoundError:
        raise OSError(f"{ONEDNN} is not installed") from None
    for file in files:
        if file.name == _ONEDNN_FILE:
            return pathlib.Path(str(file.locate()))
    raise OSError(f"{ONEDNN} has no {_ONEDNN_FILE}")


def _load() -> tuple[Library | None, str]:
    if not PATH.exists():
        if sys.platform != "linux" or platform.machine() != "x86_64":
            return None, "there are none for this platform"
        return None, "they were not built: no C++ compiler was at hand when Reflow was installed"
    try:
        # Found by its name when the kernels, which were linked against it, are loaded.
        onednn = ctypes.CDLL(str(_onednn()))
        version = onednn.dnnl_version
        version.restype = ctypes.POINTER(ctypes.c_int * 3)
        numbers = list(version().contents)
        functions = ctypes.CDLL(str(PATH))
        # A library that was built from older sources lacks some.
        for name in (*_FUNCTIONS, *(f"{name}_for_xla" for name in _HANDLERS)):
            getattr(functions, name)
        found = Library(functions)
    except (OSError, AttributeError) as error:
        return None, str(error)
    return found, "oneDNN " + ".".join(map(str, numbers))


_found: list[tuple[Library | None, str]] = []
_finding = threading.Lock()


def _state() -> tuple[Library | None, str]:
    with _finding:
        if not _found:
            _found.append(_load())
    return _found[0]


def is_known() -> bool:
    """Whether the library has been looked for, which takes some 15 ms where it is there."""
    return bool(_found)


def library() -> Library | None:
    """The library, or None where it is not there, or not wanted."""
    if forced[0] == "xla":
        return None
    return _state()[0]


def status() -> str:
    """Which kernels are in use, and why, in words."""
    found, text = _state()
    if found is None:
        return f"none, XLA's own code instead: {text}"
    if forced[0] == "xla":
        return f"not used, as REFLOW_KERNELS=xla says ({text} is there)"
    return f"{text}, {found.threads} threads" + (", forced" if forced[0] == "native" else "")
