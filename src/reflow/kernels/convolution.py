"""Convolutions and their gradients by oneDNN."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from reflow.kernels import choices
from reflow.kernels.library import Library, forced, library

FORWARD, INPUT_GRADIENT, FILTER_GRADIENT = range(3)
_KINDS = ("convolution", "its input gradient", "its filter gradient")
_TYPES = {"float32": 0, "bfloat16": 1}
_REASON = 256  # bytes for the reason why something failed


class Convolution:
    """A kernel for one shape.

    Args:
      library: the loaded library.
      spec: the numbers that say what to compute (`native/spec.h`).
      result: the shape of the result.
      dtype: of the arrays.
    """

    def __init__(
        self, library: Library, spec: np.ndarray, result: tuple[int, ...], dtype: np.dtype
    ):
        self.library = library
        self.spec = spec
        self.result = result
        self.dtype = dtype
        self._numbers = spec.ctypes.data_as(ctypes.c_void_p)

    def shaped(self, result: tuple[int, ...]) -> Convolution:
        """The same, with its result in another shape of as many elements."""
        return Convolution(self.library, self.spec, result, self.dtype)

    def __call__(self, xp: Any, a: Any, b: Any) -> Any:
        """The result for arrays in either namespace; in JAX's, on the CPU."""
        if xp.is_numpy:
            return self._now(np.ascontiguousarray(a), np.ascontiguousarray(b))
        self.library.register(xp.jax)
        call = xp.jax.ffi.ffi_call(
            "reflow_convolve",
            xp.jax.ShapeDtypeStruct(self.result, self.dtype),
            vmap_method="sequential",
        )
        return call(a, b, spec=self.spec)

    def _now(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        result = np.empty(self.result, self.dtype)
        reason = ctypes.create_string_buffer(_REASON)
        done = self.library.functions.reflow_convolve(
            self._numbers,
            ctypes.c_size_t(self.spec.size),
            self.library.threads,
            a.ctypes.data_as(ctypes.c_void_p),
            b.ctypes.data_as(ctypes.c_void_p),
            result.ctypes.data_as(ctypes.c_void_p),
            reason,
            ctypes.c_size_t(_REASON),
        )
        if not done:
            raise RuntimeError(f"oneDNN: {reason.value.decode()}")
        return result


def convolution(
    kind: int,
    dtype: np.dtype,
    batch: int,
    channels: int,
    groups: int,
    filters: int,
    geometry: Any,
    compiled: bool,
) -> Convolution | None:
    """A kernel for a convolution or one of its gradients, or None where there is no better one.

    Args:
      kind: FORWARD: of images and a filter; INPUT_GRADIENT: of a filter and the output's gradient;
        FILTER_GRADIENT: of images and the output's gradient. Images are [batch, spatial..., channels], a
        filter is [spatial..., channels / groups, filters].
      geometry: where the windows lie (`ops.conv_kernels.Geometry`).
      compiled: whether XLA's own code is the alternative, not NumPy's.
    """
    found = library()
    if found is None:
        return None
    wish = forced[0]
    return _chosen(found, kind, dtype, batch, channels, groups, filters, geometry, compiled, wish)


@functools.lru_cache(maxsize=4096)
def _chosen(
    library: Library,
    kind: int,
    dtype: np.dtype,
    batch: int,
    channels: int,
    groups: int,
    filters: int,
    geometry: Any,
    compiled: bool,
    wish: str,
) -> Convolution | None:
    what = _described(kind, dtype, batch, channels, groups, filters, geometry)
    if dtype.name not in _TYPES:
        choices.note(what, "XLA or NumPy, as there are kernels for float32 and bfloat16 only")
        return None
    if compiled and wish != "native" and _xla_is_as_good(kind, channels, groups, geometry):
        choices.note(what, "XLA, which is as good")
        return None
    spec = _numbers(kind, dtype, batch, channels, groups, filters, geometry)
    reason = ctypes.create_string_buffer(_REASON)
    if not library.functions.reflow_convolution_implementation(
        spec.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_size_t(spec.size),
        library.threads,
        reason,
        ctypes.c_size_t(_REASON),
    ):
        choices.note(what, f"XLA or NumPy, as oneDNN cannot: {reason.value.decode()}")
        return None
    choices.note(what, f"oneDNN, {reason.value.decode()}")
    if kind == FORWARD:
        result: tuple[int, ...] = (batch, *geometry.outputs, filters)
    elif kind == INPUT_GRADIENT:
        result = (batch, *geometry.sizes, channels)
    else:
        result = (*geometry.kernel, channels // groups, filters)
    return Convolution(library, spec, result, dtype)


def _xla_is_as_good(kind: int, channels: int, groups: int, geometry: Any) -> bool:
    """Where the native kernels were measured to gain nothing (docs/decisions.md)."""
    if groups == 1:
        if all(n == 1 for n in (*geometry.kernel, *geometry.strides)):
            return kind != FILTER_GRADIENT  # a matrix product
        return kind == INPUT_GRADIENT and channels <= 8
    return kind == FILTER_GRADIENT and groups == channels and max(geometry.kernel) > 3


def _described(
    kind: int, dtype: np.dtype, batch: int, channels: int, groups: int, filters: int, geometry: Any
) -> str:
    def sizes(numbers: Any) -> str:
        return "x".join(map(str, numbers))

    text = (
        f"{_KINDS[kind]}, {dtype.name}, {batch}x{sizes(geometry.sizes)}x{channels} to {filters}, "
        f"window {sizes(geometry.kernel)}"
    )
    for name, numbers in (("stride", geometry.strides), ("dilation", geometry.dilations)):
        if any(n != 1 for n in numbers):
            text += f", {name} {sizes(numbers)}"
    return text + (f", {groups} groups" if groups > 1 else "")


def _numbers(
    kind: int, dtype: np.dtype, batch: int, channels: int, groups: int, filters: int, geometry: Any
) -> np.ndarray:
    axes = zip(
        geometry.sizes,
        geometry.kernel,
        geometry.outputs,
        geometry.strides,
        geometry.dilations,
        geometry.pads,
    )
    numbers = [kind, _TYPES[dtype.name], 0, batch, groups, channels, filters, len(geometry.kernel)]
    for size, kernel, output, stride, dilation, (lo, hi) in axes:
        numbers += [size, kernel, output, stride, dilation, lo, hi]
    return np.array(numbers, np.int64)
