"""Handles: what a tensor of dtype `resource`, or a reference to a TF 1 variable, holds."""

from __future__ import annotations

from typing import Any

from reflow.lang.dtypes import DType
from reflow.lang.shapes import TensorShape


class ResourceHandle:
    """Names a piece of state of a session or program: a variable, a random generator, a queue, ...

    Handles with equal `key` name the same state. `dtype` and `shape` are those of a variable.
    """

    __slots__ = ("key", "kind", "dtype", "shape", "_hash", "__weakref__")

    def __init__(
        self,
        kind: str,
        container: str,
        name: Any,
        dtype: DType | None = None,
        shape: TensorShape | None = None,
    ):
        self.kind = kind
        self.key = (kind, container, name)
        self.dtype = dtype
        self.shape = shape
        self._hash = hash(self.key)

    @property
    def container(self) -> str:
        return self.key[1]

    @property
    def name(self) -> str:
        return str(self.key[2])

    def __eq__(self, other: Any) -> bool:
        return self is other or isinstance(other, ResourceHandle) and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}>"
