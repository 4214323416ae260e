"""Attention and its gradient in native kernels, by loops of our own."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reflow.kernels.kernel import ATTENTION, ATTENTION_GRADIENT, Kernel, choose, leave_to_xla
from reflow.kernels.library import forced, library

# The labels of dimensions: of queries, keys, their depth, the width of values. Others are of the batch.
ROWS, KEYS, DEPTH, WIDTH = "rows", "keys", "depth", "width"
Labels = tuple[str, ...]


class Attention(NamedTuple):
    """softmax(scale * q k' + bias) v, for a batch of heads.

    Attributes:
      dims: the sizes of the dimensions of the weights, in order: those of the batch, ROWS and KEYS.
      depth: of queries and keys; width: of values.
      q, k, v, o: the labels of the dimensions of the operands and of the result, in the order in which they
        lie; the batch's are numbered "0", "1" and so on.
      bias: the shape of the bias, which broadcasts to that of the weights; None without one.
    """

    dims: tuple[int, ...]
    depth: int
    width: int
    q: Labels
    k: Labels
    v: Labels
    o: Labels
    scale: float
    bias: tuple[int, ...] | None

    @property
    def dtype(self) -> np.dtype:
        """Of all operands."""
        return np.dtype(np.float32)

    @property
    def heads(self) -> int:
        """How many there are."""
        return math.prod(self.dims[:-2])

    def shape(self, labels: Labels) -> tuple[int, ...]:
        """The shape of an array with these dimensions."""
        sizes = dict(zip(weight_labels(len(self.dims)), self.dims))
        sizes.update({DEPTH: self.depth, WIDTH: self.width})
        return tuple(sizes[label] for label in labels)

    def _operand(
        self, labels: Labels, shape: tuple[int, ...], rows: str, columns: str
    ) -> list[int]:
        """The number of elements, the steps of rows and columns, and those of the batch."""
        steps: dict[str, int] = {}
        elements = 1
        for label, size in zip(reversed(labels), reversed(shape)):
            steps[label] = elements if size > 1 else 0
            elements *= size
        batch = weight_labels(len(self.dims))[:-2]
        return [elements, *(steps.get(label, 0) for label in (rows, columns, *batch))]

    def numbers(self, kind: int = ATTENTION) -> np.ndarray:
        """The attention as the library reads it (native/matrices.h)."""
        *batch, rows, keys = self.dims
        numbers = [kind, rows, keys, self.depth, self.width]
        numbers += [int(np.float64(self.scale).view(np.int64)), int(self.bias is not None)]
        numbers += [len(batch), *batch]
        numbers += self._operand(self.q, self.shape(self.q), ROWS, DEPTH)
        numbers += self._operand(self.k, self.shape(self.k), KEYS, DEPTH)
        numbers += self._operand(self.v, self.shape(self.v), KEYS, WIDTH)
        if self.bias is not None:
            labels = weight_labels(len(self.dims))[len(self.dims) - len(self.bias) :]
            numbers += self._operand(labels, self.bias, ROWS, KEYS)
        numbers += self._operand(self.o, self.shape(self.o), ROWS, WIDTH)
        return np.array(numbers, np.int64)

    def __str__(self) -> str:
        rows, keys = self.dims[-2:]
        text = (
            f"attention, {self.dtype}, {self.heads} heads, {rows}x{self.depth} by {keys} keys, "
            f"values of {self.width}"
        )
        return text if self.bias is None else text + f", bias {'x'.join(map(str, self.bias))}"


class AttentionGradient(NamedTuple):
    """The gradients of an attention with regard to queries, keys and values."""

    of: Attention

    @property
    def dtype(self) -> np.dtype:
        """Of all operands."""
        return self.of.dtype

    def numbers(self) -> np.ndarray:
        """The gradient as the library reads it (native/matrices.h)."""
        return self.of.numbers(ATTENTION_GRADIENT)

    def __str__(self) -> str:
        return f"gradient of {self.of}"


def weight_labels(rank: int) -> Labels:
    """The labels of the dimensions of weights."""
    return (*map(str, range(rank - 2)), ROWS, KEYS)


_FEW_ROWS, _FEW_KEYS = 16, 16  # fewer make products that are hardly larger than their operands


def attention(shape: Attention) -> Kernel | None:
    """A kernel for attention: of queries, keys, values and the bias, if there is one.

    It gives the result and what the gradient wants to know of each row; see `attention_gradient`.
    """
    if library() is None or 0 in (*shape.dims, shape.depth, shape.width):
        return None
    rows, keys = shape.dims[-2:]
    if forced[0] != "native" and (rows < _FEW_ROWS or keys < _FEW_KEYS):
        return leave_to_xla(shape)
    return choose(shape, shape.shape(shape.o), (2, shape.heads, rows))


def attention_gradient(shape: Attention) -> Kernel | None:
    """A kernel for the gradients with regard to queries, keys and values.

    It takes the operands and both results of `attention`, and the gradient of the first. It divides the
    work among threads by heads: there is none where they are fewer.
    """
    found = library()
    if found is None or attention(shape) is None or shape.heads < found.threads:
        return None
    return choose(AttentionGradient(shape), *map(shape.shape, (shape.q, shape.k, shape.v)))
