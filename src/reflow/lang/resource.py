"""Handles: what a tensor of dtype `resource`, or a reference to a TF 1 variable, holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.dtypes import DType
from reflow.lang.shapes import UNKNOWN, TensorShape


class ResourceHandle:
    """Names a piece of state of a session or program: a variable, a random generator, a queue, ...

    Handles with equal `key` name the same state. `dtype` and `shape` are those of a variable;
    `initial`, where there is one, makes the value with which the state begins.
    """

    __slots__ = ("key", "kind", "dtype", "shape", "initial", "_hash", "__weakref__")

    def __init__(
        self,
        kind: str,
        container: str,
        name: Any,
        dtype: DType | None = None,
        shape: TensorShape | None = None,
        initial: Callable[[], Any] | None = None,
    ):
        self.kind = kind
        self.key = (kind, container, name)
        self.dtype = dtype
        self.shape = shape
        self.initial = initial
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


def handle_type(tensor: Any) -> tuple[DType | None, TensorShape]:
    """The dtype and the static shape of the variable behind a handle, where its maker is in sight."""
    value = getattr(tensor, "_value", None)
    if isinstance(value, ResourceHandle):
        return value.dtype, UNKNOWN if value.shape is None else value.shape
    said = getattr(tensor, "_handle_type", None)
    if said is not None:
        return said
    op = getattr(tensor, "op", None)
    while op is not None and not op.opdef.handle:
        if op.type not in ("Identity", "Switch", "Enter", "RefEnter") or not op.inputs:
            return None, UNKNOWN
        source = op.inputs[0]
        said = getattr(source, "_handle_type", None)
        if said is not None:
            return said
        op = source.op
    if op is None or "shape" not in op.attrs:
        return None, UNKNOWN
    return op.attrs["dtype"], op.attrs["shape"]
