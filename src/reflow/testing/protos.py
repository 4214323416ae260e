"""Comparing protocol messages and graphs."""

from __future__ import annotations

import math
from typing import Any

from reflow.lang.export import export


def message_difference(expected: Any, actual: Any, tolerance: float = 0.0) -> str:
    """How two messages differ, as text; "" if they are equal.

    Args:
      expected, actual: two messages.
      tolerance: how far numbers may differ, relatively.
    """
    if type(expected).DESCRIPTOR.full_name != type(actual).DESCRIPTOR.full_name:
        return f"{type(expected).DESCRIPTOR.full_name} is not {type(actual).DESCRIPTOR.full_name}"
    return _difference(expected, actual, "", tolerance)


def _difference(a: Any, b: Any, path: str, tolerance: float) -> str:
    ours = {field.name: value for field, value in a.ListFields()}
    theirs = {field.name: value for field, value in b.ListFields()}
    for field in a.DESCRIPTOR.fields:
        name = field.name
        here = f"{path}.{name}" if path else name
        if (name in ours) != (name in theirs):
            if not (field.has_presence or name in ours or name in theirs):
                continue
            which, value = ("second", ours[name]) if name in ours else ("first", theirs[name])
            return f"{here} is missing in the {which} message: {value!s:.200}"
        if name not in ours:
            continue
        problem = _values(ours[name], theirs[name], field, here, tolerance)
        if problem:
            return problem
    return ""


def _values(x: Any, y: Any, field: Any, here: str, tolerance: float) -> str:
    if hasattr(x, "keys"):  # a map
        if sorted(x) != sorted(y):
            return f"{here} has keys {sorted(x)}, the other {sorted(y)}"
        pairs = [(f"{here}[{key!r}]", x[key], y[key]) for key in sorted(x)]
    elif field.is_repeated if hasattr(field, "is_repeated") else field.label == 3:
        if len(x) != len(y):
            return f"{here} has {len(x)} elements, the other {len(y)}"
        pairs = [(f"{here}[{i}]", *both) for i, both in enumerate(zip(x, y))]
    else:
        pairs = [(here, x, y)]
    for place, one, other in pairs:
        if hasattr(one, "ListFields"):
            problem = _difference(one, other, place, tolerance)
            if problem:
                return problem
        elif isinstance(one, float) and isinstance(other, float):
            same = one == other or (math.isnan(one) and math.isnan(other))
            if not same and not math.isclose(one, other, rel_tol=tolerance):
                return f"{place} is {one}, the other {other}"
        elif one != other:
            return f"{place} is {one!r}, the other {other!r}"
    return ""


@export(v2=("test.assert_equal_graph_def",))
def assert_equal_graph_def(expected: Any, actual: Any) -> None:
    """Asserts that two GraphDefs have the same nodes, in whatever order.

    Control inputs may come in any order too; attributes whose names begin with `_` are not compared.

    Args:
      expected, actual: `GraphDef` messages.

    Raises:
      AssertionError: naming the first node that differs.
      TypeError: if one is no GraphDef.
    """
    for name, value in (("expected", expected), ("actual", actual)):
        if getattr(type(value), "DESCRIPTOR", None) is None or (
            type(value).DESCRIPTOR.full_name != "tensorflow.GraphDef"
        ):
            raise TypeError(f"Expected tf.GraphDef for {name}, got {type(value).__name__}")
    ours, theirs = _nodes(expected), _nodes(actual)
    if ours.keys() != theirs.keys():
        raise AssertionError(
            f"nodes only in the expected graph: {sorted(ours.keys() - theirs.keys())[:10]}; only in "
            f"the actual one: {sorted(theirs.keys() - ours.keys())[:10]}"
        )
    for name, node in ours.items():
        problem = message_difference(node, theirs[name])
        if problem:
            raise AssertionError(f"node {name!r}: {problem}")
    if expected.versions.producer != actual.versions.producer:
        raise AssertionError(
            f"producer {expected.versions.producer} is not {actual.versions.producer}"
        )


@export(v1=("test.assert_equal_graph_def",))
def assert_equal_graph_def_v1(
    actual: Any,
    expected: Any,
    checkpoint_v2: bool = False,
    hash_table_shared_name: bool = False,
) -> None:
    """TF 1's `assert_equal_graph_def`.

    Args:
      actual, expected: `GraphDef` messages.
      checkpoint_v2: pass over the random file names that savers put in their graphs.
      hash_table_shared_name: pass over the random shared names of hash tables.
    """
    graphs = []
    for graph in (expected, actual):
        copy = type(graph)()
        copy.CopyFrom(graph)
        for node in copy.node:
            if checkpoint_v2 and node.op == "Const" and "_temp_" in str(node.attr["value"]):
                del node.attr["value"]
            if hash_table_shared_name and node.op in ("HashTableV2", "MutableHashTableV2"):
                node.attr.pop("shared_name", None)
        graphs.append(copy)
    assert_equal_graph_def(*graphs)


def _nodes(graph: Any) -> dict[str, Any]:
    result = {}
    for node in graph.node:
        copy = type(node)()
        copy.CopyFrom(node)
        controls = sorted(name for name in node.input if name.startswith("^"))
        data = [name for name in node.input if not name.startswith("^")]
        del copy.input[:]
        copy.input.extend(data + controls)
        for key in [key for key in copy.attr if key.startswith("_")]:
            del copy.attr[key]
        copy.ClearField("experimental_debug_info")
        result[node.name] = copy
    return result
