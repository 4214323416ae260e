"""Public functions of regular ops: a function with the op's own parameters, made from its record.

TensorFlow generates such functions from its op registry; here a row does, next to the op:

    sin = public(sin_op, "sin", "math.sin", example=("[0.0, 1.0]", "[0.        0.8414710]"))

The function takes the inputs, then the attributes that the inputs do not give, then `name`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import dtypes
from reflow.lang.dispatch import call
from reflow.lang.export import export_value
from reflow.lang.opdef import NO_DEFAULT, OpDef
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules

_WORDS = (
    (dtypes.FLOAT, "floating-point"),
    (dtypes.COMPLEX, "complex"),
    (dtypes.SIGNED, "signed integer"),
    (dtypes.UNSIGNED, "unsigned integer"),
)


def public(
    opdef: OpDef,
    *names: str,
    v1: Sequence[str] = (),
    v2: Sequence[str] = (),
    attribute: str = "",
    node: str | None = None,
    scope: str = "",
    example: tuple[str, str] | None = None,
    errors: str = "",
) -> Callable[..., Any]:
    """The public function of `opdef`, published as `tf.NAME` for each of the names.

    Args:
      opdef: the op.
      *names, v1, v2: see `export`.
      attribute: the name that the caller gives the function in its module; by default the last part
        of the first public name.
      node: the name of the node where none is given; by default that of the op.
      scope: the name scope around the node, where TensorFlow's function makes one.
      example: what to call it with, as Python text, and what printing its (first) result shows.
      errors: a line per error that the function raises, for its docstring.
    """
    module = sys._getframe(1).f_globals["__name__"]
    first = (*names, *v2, *(f"compat.v1.{name}" for name in v1))[0]
    attribute = attribute or first.rpartition(".")[2]
    count = len(opdef.inputs)
    rest = [key for key, attr in opdef.attrs.items() if not attr.inferred]
    after = (*rest, "name")
    elementwise = count == 1 and opdef._shape is shape_rules.same

    def function(*args: Any, **kwargs: Any) -> Any:
        if len(args) > count:
            if len(args) > count + len(after):
                raise TypeError(
                    f"{attribute}() takes at most {count + len(after)} arguments ({len(args)} given)"
                )
            kwargs.update(zip(after, args[count:]))
            args = args[:count]
        if elementwise and args and hasattr(args[0], "with_values"):  # sparse or ragged
            return args[0].with_values(function(args[0].values, **kwargs))
        name = kwargs.pop("name", None)
        if not scope:
            return call(opdef, args, kwargs, name or node)
        with name_scope(name, scope):
            return call(opdef, args, kwargs, None)

    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(arg.name, either) for arg in opdef.inputs]
    for key in sorted(rest, key=lambda key: opdef.attrs[key].default is not NO_DEFAULT):
        default = opdef.attrs[key].default
        parameters.append(
            inspect.Parameter(
                key, either, default=inspect.Parameter.empty if default is NO_DEFAULT else default
            )
        )
    parameters.append(inspect.Parameter("name", either, default=None))
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = attribute
    function.__module__ = module
    function.__doc__ = _doc(opdef, first, example, errors)
    export_value(module, attribute, *names, v1=v1, v2=v2)
    return function


def _doc(opdef: OpDef, name: str, example: tuple[str, str] | None, errors: str) -> str:
    lines = [opdef.doc.strip(), "", "Args:"]
    for arg in opdef.inputs:
        said = arg.dtype.name if arg.dtype else _described(opdef.attrs[arg.type_attr].allowed)
        lines.append(f"  {arg.name}: a tensor, {said}.")
    for key, attr in opdef.attrs.items():
        if not attr.inferred:
            default = "" if attr.default is NO_DEFAULT else f", by default {attr.default!r}"
            lines.append(f"  {key}: {attr.type}{default}.")
    lines.append("  name: the name of the node.")
    lines += ["", "Raises:", "  TypeError: if the dtypes are not of these, or differ."]
    if len(opdef.inputs) > 1:
        lines.append("  ValueError: if the shapes do not fit together.")
    if errors:
        lines.append(f"  {errors}")
    if example is not None:
        given, shown = example
        call_text = f"tf.{name}({given})"
        result = f"{call_text}.numpy()" if opdef.single_output else f"{call_text}[0].numpy()"
        lines += ["", ">>> import reflow as tf", f">>> print({result})", *shown.split("\n")]
    return "\n".join(lines) + "\n"


def _described(allowed: Any) -> str:
    """A set of dtypes in words."""
    if allowed is None:
        return "of any dtype"
    left = set(allowed)
    words = []
    for group, word in _WORDS:
        if group <= left:
            words.append(word)
            left -= group
    words += sorted(d.name for d in left)
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
