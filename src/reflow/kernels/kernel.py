"""A native kernel for one shape, and the choice of one."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.kernels import choices
from reflow.kernels.library import Library, library

# As in native/spec.h, native/matrices.h, native/panels.h and native/winograd.h.
FORWARD, INPUT_GRADIENT, FILTER_GRADIENT = range(3)
MAXIMUM, MAXIMUM_GRADIENT, AVERAGE, AVERAGE_GRADIENT = range(3, 7)
MOMENTS, GRADIENT_SUMS = range(7, 9)
PRODUCT, ATTENTION, PANEL_PRODUCT, WINOGRAD, ATTENTION_GRADIENT, TRANSPOSITION = range(9, 15)
PANELS, TRANSPOSED_PRODUCT = range(15, 17)
_NAMES = (
    *("convolution", "input gradient of a convolution", "filter gradient of a convolution"),
    *("maximum pooling", "gradient of a maximum pooling"),
    *("average pooling", "gradient of an average pooling"),
    *("mean and variance", "sums of the gradient of a batch normalization"),
)
# What follows a convolution, as in native/spec.h.
NOTHING, BIAS, RELU, RELU6 = range(4)
_AFTER = ("", ", bias", ", bias and Relu", ", bias and Relu6")
_TYPES = {"float32": 0, "bfloat16": 1}
_REASON = 256  # bytes for the reason why something failed


class Shape(NamedTuple):
    """What a kernel is asked for."""

    kind: int
    dtype: np.dtype
    batch: int
    groups: int
    channels: int
    filters: int  # of a pooling or a normalization as many as channels
    geometry: Any  # `ops.conv_kernels.Geometry`
    channels_first: bool = False  # images are [batch, channels, spatial...]
    after: int = NOTHING  # what is done to the results of a convolution
    scaled: bool = False  # whether they are multiplied by a number for each filter before
    adds: bool = False  # whether images like them are added after the bias

    def numbers(self) -> np.ndarray:
        """The shape as the library reads it (native/spec.h)."""
        geo = self.geometry
        axes = zip(
            geo.sizes, geo.kernel, geo.outputs, geo.strides, geo.dilations, geo.pads, strict=True
        )
        numbers = [
            *(self.kind, _TYPES[self.dtype.name], int(self.channels_first), self.batch),
            *(self.groups, self.channels, self.filters, len(geo.kernel), self.after),
            *(int(self.scaled), int(self.adds)),
        ]
        for size, kernel, output, stride, dilation, (lo, hi) in axes:
            numbers += [size, kernel, output, stride, dilation, lo, hi]
        return np.array(numbers, np.int64)

    def images(self, sizes: tuple[int, ...], channels: int) -> tuple[int, ...]:
        """The shape of images with such sizes and channels."""
        inner = (channels, *sizes) if self.channels_first else (*sizes, channels)
        return (self.batch, *inner)

    def __str__(self) -> str:
        geo = self.geometry
        text = (
            f"{_NAMES[self.kind]}, {self.dtype.name}, {self.batch}x{_sizes(geo.sizes)}x"
            f"{self.channels} to {self.filters}, window {_sizes(geo.kernel)}"
        )
        for name, numbers in (("stride", geo.strides), ("dilation", geo.dilations)):
            if any(n != 1 for n in numbers):
                text += f", {name} {_sizes(numbers)}"
        text += f", {self.groups} groups" if self.groups > 1 else ""
        text += ", channels first" if self.channels_first else ""
        text += ", scale" if self.scaled else ""
        return text + _AFTER[self.after] + (", sum" if self.adds else "")


def _sizes(numbers: Any) -> str:
    return "x".join(map(str, numbers))


class Kernel:
    """A kernel for one shape.

    Args:
      library: the loaded library.
      numbers: the shape, as the library reads it.
      results: the shapes of the results.
      dtype: of the results.
    """

    def __init__(
        self,
        library: Library,
        numbers: np.ndarray,
        results: Sequence[tuple[int, ...]],
        dtype: np.dtype,
    ):
        self.library = library
        self.numbers = numbers
        self.results = results
        self.dtype = dtype

    def shaped(self, result: tuple[int, ...]) -> Kernel:
        """The same, with its only result in another shape of as many elements."""
        return Kernel(self.library, self.numbers, (result,), self.dtype)

    def __call__(self, xp: Any, *operands: Any) -> Any:
        """The result, or a list of several, for arrays in either namespace; in JAX's, on the CPU."""
        if xp.is_numpy:
            results = self._now([np.ascontiguousarray(each) for each in operands])
        else:
            call = self.library.ffi_call(
                "reflow_compute",
                [xp.jax.ShapeDtypeStruct(shape, self.dtype) for shape in self.results],
                vmap_method="sequential",
            )
            results = call(*operands, spec=self.numbers)
        return results[0] if len(self.results) == 1 else results

    def _now(self, operands: list[np.ndarray]) -> list[np.ndarray]:
        results = [np.empty(shape, self.dtype) for shape in self.results]
        reason = ctypes.create_string_buffer(_REASON)
        done = self.library.functions.reflow_run(
            *(_pointer(self.numbers), ctypes.c_size_t(self.numbers.size), self.library.threads),
            *(_pointers(operands), _pointers(results), reason, ctypes.c_size_t(_REASON)),
        )
        if not done:
            raise RuntimeError(f"native kernel: {reason.value.decode()}")
        return results


def _pointers(arrays: list[np.ndarray]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(each.ctypes.data for each in arrays))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@functools.lru_cache(maxsize=4096, typed=True)  # shapes of two kinds may have the same numbers
def _choose(
    library: Library, shape: Any, results: tuple[tuple[int, ...], ...], dtype: np.dtype
) -> Kernel | None:
    if shape.dtype.name not in _TYPES:
        choices.note(str(shape), "no kernel: there are some for float32 and bfloat16 only")
        return None
    numbers = shape.numbers()
    text = ctypes.create_string_buffer(_REASON)
    if not library.functions.reflow_implementation(
        *(_pointer(numbers), ctypes.c_size_t(numbers.size), library.threads),
        *(text, ctypes.c_size_t(_REASON)),
    ):
        choices.note(str(shape), f"no kernel: {text.value.decode()}")
        return None
    choices.note(str(shape), f"native, {text.value.decode()}")
    return Kernel(library, numbers, results, dtype)


def choose(shape: Any, *results: tuple[int, ...], dtype: np.dtype | None = None) -> Kernel | None:
    """The kernel for a shape, or None where there is none; `explain` will tell which.

    Args:
      results: the shapes of its results.
      dtype: theirs, where it is another one than that of the images.
    """
    found = library()
    return None if found is None else _choose(found, shape, results, dtype or shape.dtype)


@functools.lru_cache(maxsize=4096, typed=True)
def leave_to_xla(shape: Any) -> None:
    """No kernel, since what takes its place was measured to be as good."""
    choices.note(str(shape), "no kernel: XLA is as good")
