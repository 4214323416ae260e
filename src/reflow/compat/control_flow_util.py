"""`tensorflow.python.ops.control_flow_util`: what libraries ask about the control flow around a node.

Branches and loops are functions here, in TF 1's graphs too: no node lies in one of TF 1's contexts, as in
TensorFlow with `enable_control_flow_v2`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ENABLE_CONTROL_FLOW_V2 = True


def EnableControlFlowV2(graph: Any) -> bool:
    """Whether control flow in `graph` is made of functions: always."""
    return True


def enable_control_flow_v2(f: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of functions that want control flow made of functions, which is how it is."""
    return f


def _is_of(*kinds: str) -> Callable[[Any], bool]:
    def asked(op: Any) -> bool:
        return op.type in kinds

    return asked


IsSwitch = _is_of("Switch", "RefSwitch")
IsMerge = _is_of("Merge", "RefMerge")
IsLoopEnter = _is_of("Enter", "RefEnter")
IsLoopExit = _is_of("Exit", "RefExit")


def IsLoopConstantEnter(op: Any) -> bool:
    """Whether a node brings a value into a TF 1 loop that stays the same in it."""
    return IsLoopEnter(op) and bool(op.get_attr("is_constant"))


def GetOutputContext(op: Any) -> None:
    """The TF 1 context that a node gives its outputs to: none."""


def GetContainingWhileContext(ctxt: Any, stop_ctxt: Any = None) -> None:
    """The TF 1 loop around a context: none."""


def GetContainingCondContext(ctxt: Any) -> None:
    """The TF 1 branch around a context: none."""


def GetContainingXLAContext(ctxt: Any) -> None:
    """The context of XLA around a context: none, as all is compiled where that pays."""


def IsInWhileLoop(op: Any) -> bool:
    """Whether a node lies in a TF 1 loop: never."""
    return False


def IsInCond(op: Any) -> bool:
    """Whether a node lies in a TF 1 branch: never."""
    return False


def IsInXLAContext(op: Any) -> bool:
    """Whether a node is marked to be compiled by XLA."""
    return bool(op.attrs.get("_XlaCompile", False))


def InXlaContext(graph: Any) -> bool:
    """Whether nodes that are added to `graph` now lie in a context of XLA: never."""
    return False


def GraphOrParentsInXlaContext(graph: Any) -> bool:
    """Whether `graph`, or one around it, is in a context of XLA: never."""
    return False
