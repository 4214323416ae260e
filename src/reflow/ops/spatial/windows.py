"""Sliding windows, which convolutions and poolings share: where they lie, and how tensors are laid out.

Attributes such as `strides` have a number for every dimension of the tensor; `Windows` keeps those of
the spatial dimensions. The kernels work on tensors with the channels last.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from reflow.lang import errors, shapes
from reflow.lang.shapes import TensorShape


def channels_first(data_format: str) -> bool:
    """Whether the channels come right after the batch dimension: "NCHW", "NCDHW", "NCW", "NC"."""
    if data_format.endswith("_VECT_C"):
        raise errors.UnimplementedError(
            None, None, f"data_format {data_format} is not there: use NHWC or NCHW."
        )
    return data_format.startswith("NC")


def spatial_axes(data_format: str, rank: int) -> range:
    """The spatial dimensions of a tensor."""
    return range(2, rank) if channels_first(data_format) else range(1, rank - 1)


def channels_last(xp: Any, x: Any, data_format: str) -> Any:
    """`x` with its channels moved to the end."""
    return xp.moveaxis(x, 1, -1) if channels_first(data_format) else x


def channels_back(xp: Any, x: Any, data_format: str) -> Any:
    """The inverse of `channels_last`."""
    return xp.moveaxis(x, -1, 1) if channels_first(data_format) else x


def sizes_last(sizes: Sequence[Any], data_format: str) -> tuple[Any, ...]:
    """The sizes of a tensor, reordered as if its channels were last."""
    if channels_first(data_format):
        return (sizes[0], *sizes[2:], sizes[1])
    return tuple(sizes)


def sizes_back(sizes: Sequence[Any], data_format: str) -> tuple[Any, ...]:
    """The inverse of `sizes_last`."""
    if channels_first(data_format):
        return (sizes[0], sizes[-1], *sizes[1:-1])
    return tuple(sizes)


def spatial(values: Sequence[int], data_format: str, what: str, op: str) -> tuple[int, ...]:
    """The spatial ones of `values`, which has a number for each dimension of a tensor.

    Raises:
      InvalidArgumentError: if a spatial number is not positive, or one of batch or channel is not 1.
    """
    inner = tuple(values[i] for i in spatial_axes(data_format, len(values)))
    outer = (values[0], values[1 if channels_first(data_format) else -1])
    if outer != (1, 1):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{op}: current implementation does not yet support {what} in the batch and depth "
            f"dimensions, got {list(values)} for {data_format}.",
        )
    if any(v <= 0 for v in inner):
        raise errors.InvalidArgumentError(
            None, None, f"{op}: {what} must be positive, got {list(values)}."
        )
    return inner


class Windows:
    """How windows slide over the spatial dimensions.

    Attributes:
      strides, dilations: one number per spatial dimension.
      padding: "SAME", "VALID" or "EXPLICIT".
      explicit: for "EXPLICIT" how much to pad before and after, per spatial dimension.
    """

    __slots__ = ("strides", "dilations", "padding", "explicit")

    def __init__(
        self,
        op: str,
        strides: Sequence[int],
        padding: str,
        data_format: str,
        dilations: Sequence[int] | None = None,
        explicit_paddings: Sequence[int] = (),
    ):
        rank = len(strides)
        self.strides = spatial(strides, data_format, "strides", op)
        self.dilations = (1,) * (rank - 2)
        if dilations is not None:
            if len(dilations) != rank:
                raise errors.InvalidArgumentError(
                    None, None, f"{op}: dilations must have {rank} numbers, got {list(dilations)}."
                )
            self.dilations = spatial(dilations, data_format, "dilations", op)
        self.padding = padding
        self.explicit: tuple[tuple[int, int], ...] = ()
        if padding == "EXPLICIT":
            self.explicit = _explicit(op, explicit_paddings, rank, data_format)
        elif explicit_paddings:
            raise errors.InvalidArgumentError(
                None, None, f"{op}: explicit_paddings must be empty when the padding is {padding}."
            )

    def output_sizes(self, sizes: Sequence[Any], kernel: Sequence[Any]) -> tuple[Any, ...]:
        """How many windows there are in each spatial dimension; None where it is not known.

        Raises:
          ValueError: if a window is larger than what it slides over.
        """
        return tuple(self._output_size(i, n, k) for i, (n, k) in enumerate(zip(sizes, kernel)))

    def _output_size(self, i: int, n: int | None, k: int | None) -> int | None:
        if n is None:
            return None
        if self.padding == "SAME":
            return -(-n // self.strides[i])
        if k is None:
            return None
        reach = (k - 1) * self.dilations[i] + 1
        if self.explicit:
            n += sum(self.explicit[i])
        if n < reach:
            raise ValueError(f"Negative dimension size caused by subtracting {reach} from {n}")
        return (n - reach) // self.strides[i] + 1

    def pads(self, sizes: Sequence[int], kernel: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """How much to pad before and after each spatial dimension."""
        if self.padding == "VALID":
            return ((0, 0),) * len(kernel)
        if self.explicit:
            return self.explicit
        pads = []
        for n, k, s, d in zip(sizes, kernel, self.strides, self.dilations):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)


def _explicit(
    op: str, paddings: Sequence[int], rank: int, data_format: str
) -> tuple[tuple[int, int], ...]:
    if len(paddings) != 2 * rank:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{op}: explicit_paddings must have {2 * rank} numbers, got {len(paddings)}.",
        )
    pairs = [(paddings[2 * i], paddings[2 * i + 1]) for i in range(rank)]
    inner = spatial_axes(data_format, rank)
    for i, pair in enumerate(pairs):
        if pair != (0, 0) and i not in inner:
            raise errors.InvalidArgumentError(
                None, None, f"{op}: explicit padding of the batch or depth dimension: {pairs}."
            )
        if min(pair) < 0:
            raise errors.InvalidArgumentError(
                None, None, f"{op}: explicit paddings must not be negative, got {pairs}."
            )
    return tuple(pairs[i] for i in inner)


# The same few windows are asked for again at every run of a graph.
windows_of = functools.lru_cache(maxsize=1024)(Windows)


def known_sizes(x: Any, rank: int, what: str) -> tuple[int | None, ...]:
    """The static sizes of a tensor that must have `rank` dimensions; all None if its rank is unknown.

    Raises:
      ValueError: if it has another rank.
    """
    sizes = x._shape._dims
    if sizes is None:
        return (None,) * rank
    if len(sizes) != rank:
        raise ValueError(f"{what} must have {rank} dimensions, but has shape {x._shape}.")
    return sizes


def windowed_shape(
    x: Any, kernel: Sequence[Any], channels: Any, windows: Windows, data_format: str, what: str
) -> TensorShape:
    """The static shape of what windows of size `kernel` over `x` give, with so many channels."""
    sizes = sizes_last(known_sizes(x, len(kernel) + 2, what), data_format)
    outputs = windows.output_sizes(sizes[1:-1], kernel)
    return shapes.of(sizes_back((sizes[0], *outputs, channels), data_format))
