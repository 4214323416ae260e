"""Graphs as text, one node a line, for people and for test failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from reflow.lang.graph import Graph, Operation


def format_graph(graph: Graph, with_sites: bool = False) -> str:
    """`graph` in the order of its nodes: `name = Op(inputs) {attributes} -> dtype[shape]`."""
    return "\n".join(format_node(op, with_sites) for op in graph.get_operations())


def format_node(op: Operation, with_site: bool = False) -> str:
    """One node as a line of text."""
    inputs = [t.name.removesuffix(":0") for t in op.inputs]
    inputs += [f"^{c.name}" for c in op.control_inputs]
    hidden = {key for key, attr in op.opdef.attrs.items() if attr.inferred}
    attrs = [f"{k}={_format(v)}" for k, v in sorted(op.attrs.items()) if k not in hidden]
    outputs = ", ".join(f"{t.dtype.name}{_sizes(t.shape)}" for t in op.outputs)
    text = f"{op.name} = {op.type}({', '.join(inputs)})"
    if attrs:
        text += f" {{{', '.join(attrs)}}}"
    if outputs:
        text += f" -> {outputs}"
    if op.device:
        text += f" @{op.device}"
    if with_site:
        from reflow.lang.errors import where

        text += f"  # {where(op.site)}"
    return text


def _sizes(shape: Any) -> str:
    if shape.sizes is None:
        return "[...]"
    return "[" + ",".join("?" if d is None else str(d) for d in shape.sizes) + "]"


def _format(value: Any) -> str:
    if isinstance(value, np.ndarray):
        text = np.array2string(value, threshold=8, edgeitems=2, separator=",").replace("\n", "")
        return text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, tuple):
        return "[" + ",".join(_format(each) for each in value) + "]"
    return getattr(value, "name", None) or str(value)
