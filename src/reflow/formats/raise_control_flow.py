"""Placeholder while being written."""
from __future__ import annotations
_OPS = frozenset(("Switch","Merge","Enter","Exit","NextIteration","LoopCond","RefSwitch","RefMerge","RefEnter","RefExit","RefNextIteration"))
def has_control_flow(nodes):
    return any(n.op in _OPS for n in nodes)
def raise_control_flow(nodes, keep=(), arguments=()):
    return nodes
