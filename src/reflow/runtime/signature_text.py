"""Signatures of traced functions, to be read: as TensorFlow writes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from reflow.lang.dtypes import resource
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import CompositeTensor, TensorSpec
from reflow.runtime.function_type import Literal, ParameterName, Parameters

_KINDS = inspect.Parameter


class _Shown:
    """A type in a signature: its text, as Python's signatures ask for it."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def text_of(value: Any) -> str:
    """A structure of types, tensors and Python values."""
    if isinstance(value, Mapping):
        return f"Dict[{_items(value.items())}]"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return f"{type(value).__name__}[{_items(zip(value._fields, value))}]"
    if isinstance(value, (list, tuple)):
        name = "List" if isinstance(value, list) else "Tuple"
        return f"{name}[{', '.join(map(text_of, value))}]"
    if value is None:
        return repr(Literal(None))
    if isinstance(value, Tensor):
        value = TensorSpec(value.shape, value.dtype)
    elif isinstance(value, CompositeTensor):
        value = value._type_spec
    elif type(value) is TensorSpec and type(value.name) is ParameterName:
        value = TensorSpec(value.shape, value.dtype)
    return repr(value)


def _items(items: Any) -> str:
    return ", ".join(f"[{key!r}, {text_of(value)}]" for key, value in items)


def _parameters(parameters: Parameters, structure: Sequence[Any]) -> list[inspect.Parameter]:
    """The parameters with their types: what `*args` and `**kwargs` stand for in place of these."""
    types = dict(zip(parameters.names, structure))
    more = types.get(parameters.varargs) if parameters.varargs else ()
    kinds = {name: parameter.kind for name, parameter in parameters.signature.parameters.items()}
    found = []
    for name in parameters.positional:
        kind = _KINDS.POSITIONAL_ONLY if more else kinds[name]
        found.append((name, kind, types[name]))
    for i, each in enumerate(more or ()):
        found.append((f"{parameters.varargs}_{i}", _KINDS.POSITIONAL_ONLY, each))
    for name in parameters.keyword_only:
        found.append((name, _KINDS.KEYWORD_ONLY, types[name]))
    if parameters.varkw:
        for name, each in sorted(types[parameters.varkw].items()):
            found.append((name, _KINDS.KEYWORD_ONLY, each))
    return [
        inspect.Parameter(name, kind, annotation=_Shown(text_of(each)))
        for name, kind, each in found
    ]


def short(parameters: Parameters, structure: Sequence[Any], results: Any) -> str:
    """A signature on one line: `(x: ..., *, y: ...) -> ...`."""
    shown = inspect.Signature(_parameters(parameters, structure))
    return f"{shown} -> {text_of(results)}"


def verbose(
    parameters: Parameters, structure: Sequence[Any], results: Any, captured: Sequence[Any]
) -> str:
    """A signature with a line for each parameter and each capture."""
    lines = ["Input Parameters:"]
    for each in _parameters(parameters, structure):
        lines.append(f"  {each.name} ({each.kind.name}): {each.annotation!r}")
    lines += ["Output Type:", f"  {text_of(results)}", "Captures:"]
    lines += [f"  {id(tensor)}: {_capture(tensor)}" for tensor in captured] or ["  None"]
    return "\n".join(lines)


def _capture(tensor: Any) -> str:
    shape = () if tensor.dtype.base_dtype is resource else tensor.shape
    return text_of(TensorSpec(shape, tensor.dtype))
