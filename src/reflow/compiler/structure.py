"""Clusters with the same nodes in the same places share what is known of them, and their executables.

A long graph is made of pieces that are alike (layers, the steps of an unrolled loop, the towers of
several devices), and programs make the same graph again (a session for each fold, a graph for training
and one for testing). Where nothing but the names differs, one compilation serves all.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.dtypes import DType
from reflow.lang.func_graph import functions_of
from reflow.lang.graph import Operation
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor

_KEPT = 32  # kinds that live on when no cluster is of them any more
_LARGE = 1 << 20  # bytes of constants: a cluster with more is its own, lest its executable lives on


class Kind:
    """What clusters of one structure share.

    Attributes:
      entries: what is known of each shape signature.
      common: whether other clusters may be of this kind.
      void: whether it turned out that its clusters differ in what matters, such as a value that has to
        be known: each goes on with a kind of its own.
      compiled: how many signatures have been compiled.
      seconds: how long it took the last time.
    """

    __slots__ = ("entries", "lock", "common", "void", "compiled", "seconds", "__weakref__")

    def __init__(self, common: bool = False) -> None:
        self.entries: OrderedDict[Any, Any] = OrderedDict()
        self.lock = threading.Lock()
        self.common = common
        self.void = False
        self.compiled = 0
        self.seconds = 0.0


_kinds: weakref.WeakValueDictionary[bytes, Kind] = weakref.WeakValueDictionary()
_recent: deque[Kind] = deque(maxlen=_KEPT)
_lock = threading.Lock()


def kind_of(
    nodes: Sequence[Operation],
    inputs: Sequence[SymbolicTensor],
    constants: Sequence[tuple[SymbolicTensor, Any]],
    outputs: Sequence[SymbolicTensor],
    reads: Sequence[ResourceHandle],
    writes: Sequence[ResourceHandle],
    device: str,
    tier: str,
) -> Kind:
    """The kind of a cluster with these parts (see `Cluster`) under the rule `tier` of the policy."""
    try:
        key = _structure(nodes, inputs, constants, outputs, reads, writes, (device, tier))
    except _Own:
        return Kind()
    with _lock:
        kind = _kinds.get(key)
        if kind is None:
            kind = _kinds[key] = Kind(common=True)
        return kind if not kind.void else Kind()


def forget() -> None:
    """Lets clusters made from now on share nothing with those made before: an op was redefined."""
    with _lock:
        _kinds.clear()
        _recent.clear()


def keep(kind: Kind) -> None:
    """Lets a kind, whose executables were worth compiling, live on for a while without clusters."""
    if kind.common and kind not in _recent:
        _recent.append(kind)


class _Own(Exception):
    """There is something in the cluster that is its own."""


def _structure(
    nodes: Sequence[Operation],
    inputs: Sequence[SymbolicTensor],
    constants: Sequence[tuple[SymbolicTensor, Any]],
    outputs: Sequence[SymbolicTensor],
    reads: Sequence[ResourceHandle],
    writes: Sequence[ResourceHandle],
    where: tuple[str, str],
) -> bytes:
    if sum(getattr(value, "nbytes", 0) for _, value in constants) > _LARGE:
        raise _Own
    state = {handle: i for i, handle in enumerate((*writes, *reads))}
    slots: dict[int, int] = {}
    for tensor in inputs:
        slots.setdefault(id(tensor), len(slots))
    parts: list[Any] = [where, len(writes), [slots[id(t)] for t in inputs]]
    parts.append([t.dtype.name for t in inputs])
    parts.append([_state(handle) for handle in state])
    for tensor, value in constants:
        slots.setdefault(id(tensor), len(slots))
        if isinstance(value, ResourceHandle):
            if value not in state:
                raise _Own
            value = state[value]
        parts.append((slots[id(tensor)], tensor.dtype.name, _frozen(value)))
    for op in nodes:
        if op.opdef.takes_node or functions_of(op):
            raise _Own
        attrs = [(k, _frozen(v)) for k, v in sorted(op.attrs.items()) if k[0] != "_"]
        try:
            parts.append((op.type, attrs, [slots[id(t)] for t in op.inputs], len(op.outputs)))
        except KeyError:
            raise _Own from None
        for tensor in op.outputs:
            slots.setdefault(id(tensor), len(slots))
    parts.append([slots[id(t)] for t in outputs])
    return hashlib.blake2b(repr(parts).encode(), digest_size=32).digest()


def _state(handle: ResourceHandle) -> Any:
    """What the form of a piece of state follows from."""
    if handle.initial is not None:  # a random generator's: the same for all of that kind
        return handle.kind
    if handle.shape is None or handle.shape.num_elements() is None or handle.dtype is None:
        raise _Own
    return handle.kind, handle.dtype.name, tuple(handle.shape.as_list())


def _frozen(value: Any) -> Any:
    """A value whose `repr` says all that there is to it."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, DType):
        return "dtype", value.name
    if isinstance(value, TensorShape):
        return "shape", None if value.rank is None else value.as_list()
    if isinstance(value, (list, tuple)):
        return [_frozen(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype != object:
        if value.nbytes > _LARGE:
            raise _Own
        value = np.asarray(value)
        content = value.tobytes() if value.size <= 16 else hashlib.blake2b(value.tobytes()).digest()
        return value.dtype.str, value.shape, content
    raise _Own
