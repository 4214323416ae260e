"""The one dispatch point: an op call adds a node to the current graph, or executes now.

Nothing else in Reflow branches on the mode.
"""

from __future__ import annotations

import functools
import math
import struct
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import context, dtypes, errors, shapes
from reflow.lang.context import state
from reflow.lang.convert import convert_to_tensor, tensor_dtype
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.opdef import NO_DEFAULT, REGISTRY, Attr, OpDef, arg_length
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor, Tensor


def find_op(name: str) -> OpDef:
    """The definition of an op by its TensorFlow name.

    Raises:
      errors.NotFoundError: if Reflow has no such op.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        import difflib

        close = difflib.get_close_matches(name, REGISTRY, n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise errors.NotFoundError(
            None, None, f"Op type not registered '{name}': Reflow has no such op.{hint}"
        ) from None


watchers: list[Callable[[OpDef, Any], Any]] = []  # what an op gave goes through the first, if any


def call(opdef: OpDef, args: Sequence[Any], kwargs: dict[str, Any], name: str | None) -> Any:
    """Applies `opdef` to Python arguments: inputs by position or name, attributes by name."""
    graph = state.graph
    if graph is None:
        if state.stack or context._eager_by_default[0]:
            made = service("eager_execute")(opdef, args, kwargs, name)
            return made if not watchers else watchers[0](opdef, made)
        graph = context.global_graph()
    values, attrs = arguments_of(opdef, args, kwargs)
    op_name = graph.op_name(name or opdef.name)
    outer, graph._name_stack = graph._name_stack, op_name
    try:
        inputs = bind(opdef, values, attrs)
    finally:
        graph._name_stack = outer
    for i, tensor in enumerate(inputs):
        if tensor.op.graph is not graph:
            inputs[i] = graph.capture(tensor)
    op = graph.add_node(opdef, inputs, attrs, op_name)
    made = package(opdef, op.outputs, attrs, op)
    return made if not watchers else watchers[0](opdef, made)


def arguments_of(
    opdef: OpDef, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """One value per input of `opdef`, and the attributes that are said, in their normal form.

    Raises:
      TypeError: if the arguments do not fit the signature.
    """
    values = list(args)
    arguments = opdef.inputs
    if len(values) != len(arguments):
        if len(values) > len(arguments):
            raise TypeError(f"{opdef.name} takes {len(arguments)} inputs, got {len(values)}")
        kwargs = dict(kwargs)
        for arg in arguments[len(values) :]:
            try:
                values.append(kwargs.pop(arg.name))
            except KeyError:
                raise TypeError(f"{opdef.name} needs the input '{arg.name}'") from None
    attrs = {}
    for key, value in kwargs.items():
        attr = opdef.attrs.get(key)
        if attr is None:
            raise TypeError(f"{opdef.name} has no attribute or input '{key}'")
        if value is not None:
            attrs[key] = normal_attr(attr, value, opdef)
    return values, attrs


def bind(opdef: OpDef, values: list[Any], attrs: dict[str, Any]) -> list[Any]:
    """Converts `values` to tensors and completes `attrs` with what they say; the flat tensors.

    Lists that hold tensors follow the dtype of other inputs; in graphs only of what stands before them.
    """
    for arg, value in zip(opdef.inputs, values):
        key = arg.type_attr
        if key is None or key in attrs:
            continue
        if arg.number_attr is not None:
            for each in value if isinstance(value, (list, tuple)) else ():
                if _known_dtype(each) is not None:
                    attrs[key] = _known_dtype(each)
                    break
        else:
            known = _known_dtype(value)
            if known is None and isinstance(value, (list, tuple)):
                if opdef.attrs[key].default is NO_DEFAULT and not context.executing_eagerly():
                    known = tensor_dtype(value)
            if known is not None:
                attrs[key] = known
    flat: list[Any] = []
    for arg, value in zip(opdef.inputs, values):
        key = arg.type_attr
        if not arg.is_list:
            wanted = arg.dtype or attrs.get(key)
            if type(value) is SymbolicTensor and value.dtype is wanted:
                flat.append(value)
                continue
            tensor = _convert(opdef, arg, value, wanted)
            if key is not None and key not in attrs:
                attrs[key] = tensor.dtype.base_dtype
            flat.append(tensor)
            continue
        if not isinstance(value, (list, tuple)):
            if isinstance(value, Tensor) and arg.number_attr is not None:
                value = list(value)  # type: ignore[call-overload]
            else:
                raise TypeError(
                    f"{errors.user_site()}: {opdef.name} expects a list for the "
                    f"input '{arg.name}', got {value!r:.80}"
                )
        if arg.list_attr is not None:
            given = attrs.get(arg.list_attr)
            if given is not None and len(given) != len(value):
                raise ValueError(
                    f"{opdef.name}: {len(value)} values for '{arg.name}', {len(given)} dtypes"
                )
            tensors = [
                _convert(opdef, arg, each, given[i] if given is not None else None, i)
                for i, each in enumerate(value)
            ]
            if given is None:
                attrs[arg.list_attr] = tuple(t.dtype.base_dtype for t in tensors)
        else:
            tensors = []
            alike = key is None or key in attrs or context.executing_eagerly()
            for i, each in enumerate(value):
                wanted = arg.dtype or (attrs.get(key) if alike else None)
                tensor = _convert(opdef, arg, each, wanted, i)
                if key is not None and key not in attrs:
                    attrs[key] = tensor.dtype.base_dtype
                tensors.append(tensor)
            if not alike:
                _check_alike(opdef, arg, tensors)
            attrs[arg.number_attr] = len(tensors)
        flat.extend(tensors)
    _complete(opdef, attrs)
    return flat


def _known_dtype(value: Any) -> DType | None:
    """The dtype of what has one for sure: a tensor, or something like a variable."""
    if isinstance(value, Tensor) or getattr(type(value), "is_tensor_like", False):
        return as_dtype(value.dtype).base_dtype  # a library's variable may give a name
    return None


def _convert(opdef: OpDef, arg: Any, value: Any, wanted: DType | None, index: int = -1) -> Any:
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype.base_dtype is not wanted.base_dtype:
            raise _mismatch(opdef, arg, value.dtype, wanted)
        if arg.is_ref and not value.dtype.is_ref_dtype:
            raise TypeError(
                f"{errors.user_site()}: '{opdef.name}' Op requires that input "
                f"'{arg.name}' be a mutable tensor (e.g.: a tf.Variable)"
            )
        return convert_to_tensor(value)
    if arg.is_ref:
        return convert_to_tensor(value, as_ref=True)
    hint = None
    if wanted is None and arg.type_attr is not None:
        default = opdef.attrs[arg.type_attr].default
        hint = default if default is not NO_DEFAULT else None
        if hint is not None and isinstance(value, _ARRAYS) and context.executing_eagerly():
            hint = None  # arrays have a dtype of their own there, numbers and lists have not
    if wanted is dtypes.resource and hasattr(value, "handle"):
        return convert_to_tensor(value.handle)
    label = arg.name if index < 0 else f"{arg.name}_{index}"
    try:
        tensor = convert_to_tensor(value, wanted, name=label, preferred_dtype=hint)
        if hint is not None and isinstance(value, (list, tuple)) and _holds_tensors(value):
            allowed = opdef.attrs[arg.type_attr].allowed
            if allowed is not None and tensor.dtype.base_dtype not in allowed:
                tensor = convert_to_tensor(value, hint, name=label)  # its tensors are cast
    except (TypeError, ValueError) as error:
        known = _known_dtype(value)
        if known is not None and wanted is not None and known is not wanted.base_dtype:
            raise _mismatch(opdef, arg, known, wanted) from None
        text = str(error)
        site = errors.user_site()
        if not text.startswith(site):
            text = f"{site}: {text}"
        text = f"{text} (input '{arg.name}' of {opdef.name})"
        if isinstance(error, TypeError) and wanted is not None and isinstance(value, _PYTHON):
            text += ". Cast the tensor with tf.cast, or write a number of its dtype."
        raise type(error)(text) from None
    return tensor


_PYTHON = (bool, int, float, complex)
_ARRAYS = (np.ndarray, np.generic)


def _check_alike(opdef: OpDef, arg: Any, tensors: Sequence[Any]) -> None:
    """Refuses a list without tensors, in a graph, whose parts convert to several dtypes."""
    found = [tensor.dtype.base_dtype for tensor in tensors]
    if any(each is not found[0] for each in found):
        raise TypeError(
            f"{errors.user_site()}: Tensors in list passed to '{arg.name}' of '{opdef.name}' Op have "
            f"types [{', '.join(each.name for each in found)}] that don't all match. Convert them "
            "with tf.cast."
        )


def _holds_tensors(values: Any) -> bool:
    return any(_known_dtype(each) is not None for each in values)


def _mismatch(opdef: OpDef, arg: Any, got: Any, wanted: DType) -> Exception:
    """The error of an input of another dtype: eager code and graphs have one each."""
    got = as_dtype(got)
    site = errors.user_site()
    if context.executing_eagerly():
        return errors.InvalidArgumentError(
            None,
            None,
            f"{site}: cannot compute {opdef.name} as input #{opdef.input_index[arg.name]}(zero-based) "
            f"'{arg.name}' was expected to be a {wanted.name} tensor but is a {got.name} tensor. "
            "Convert one with tf.cast.",
        )
    if arg.type_attr is not None:
        first = next((a.name for a in opdef.inputs if a.type_attr == arg.type_attr), arg.name)
        if first != arg.name:
            return TypeError(
                f"{site}: Input '{arg.name}' of '{opdef.name}' Op has type {got.name} that does not "
                f"match type {wanted.name} of argument '{first}'. Convert one with tf.cast."
            )
    return TypeError(
        f"{site}: Input '{arg.name}' of '{opdef.name}' Op has type {got.name} that does not match "
        f"expected type of {wanted.name}. Convert it with tf.cast."
    )


def _complete(opdef: OpDef, attrs: dict[str, Any]) -> None:
    """Defaults for what is not said; refuses dtypes and strings that are not allowed."""
    for key, attr in opdef.attrs.items():
        if key not in attrs:
            if attr.default is NO_DEFAULT:
                raise TypeError(f"{opdef.name} needs the attribute '{key}' ({attr.type})")
            attrs[key] = attr.default
        elif attr.allowed is not None:
            value = attrs[key]
            for each in value if isinstance(value, tuple) else (value,):
                if each not in attr.allowed:
                    raise _not_allowed(opdef, attr, each)


def _not_allowed(opdef: OpDef, attr: Attr, value: Any) -> Exception:
    site = errors.user_site()
    kind: Any = TypeError if isinstance(value, DType) else ValueError
    if context.executing_eagerly():
        kind = functools.partial(errors.InvalidArgumentError, None, None)
    if isinstance(value, DType):
        names = [a.name for a in opdef.inputs if a.type_attr == attr.name]
        of = f"parameter '{names[0]}'" if names else f"attribute '{attr.name}'"
        allowed = ", ".join(sorted(d.name for d in attr.allowed))
        return kind(
            f"{site}: Value passed to {of} of {opdef.name} has DataType {value.name} not in list "
            f"of allowed values: {allowed}. Convert it with tf.cast."
        )
    return kind(
        f"{site}: Value for attr '{attr.name}' of \"{value}\" is not in the list of allowed values "
        f"of {opdef.name}: {', '.join(sorted(attr.allowed))}"
    )


def complete_attrs(opdef: OpDef, inputs: Sequence[Any], attrs: dict[str, Any]) -> None:
    """Completes and checks the attributes of a node that is given with flat inputs.

    Raises:
      ValueError: if the inputs are too few or too many for the signature.
      TypeError: if their dtypes do not fit it.
    """
    start = 0
    for arg in opdef.inputs:
        left = len(inputs) - start
        if arg.list_attr is not None:
            if arg.list_attr not in attrs:
                attrs[arg.list_attr] = tuple(t.dtype.base_dtype for t in inputs[start:])
        elif arg.number_attr is not None and arg.number_attr not in attrs:
            attrs[arg.number_attr] = left
        length = arg_length(arg, attrs)
        if length > left:
            raise ValueError(f"{opdef.name}: input '{arg.name}' is missing")
        for tensor in inputs[start : start + length]:
            wanted = arg.dtype or (
                attrs.setdefault(arg.type_attr, tensor.dtype.base_dtype) if arg.type_attr else None
            )
            if wanted is not None and tensor.dtype.base_dtype is not wanted.base_dtype:
                raise _mismatch(opdef, arg, tensor.dtype, wanted)
        start += length
    if start != len(inputs):
        raise ValueError(f"{opdef.name}: {len(inputs)} inputs, but its signature takes {start}")
    _complete(opdef, attrs)


def normal_attr(attr: Attr, value: Any, opdef: OpDef) -> Any:
    """An attribute value in the form that nodes hold: tuples for lists, DTypes, TensorShapes."""
    kind = attr.type
    try:
        if kind.startswith("list("):
            if not isinstance(value, (list, tuple)):
                value = [value]
            return tuple(_ATTR_FORMS[kind[5:-1]](each) for each in value)
        return _ATTR_FORMS[kind](value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{errors.user_site()}: {opdef.name}: attribute '{attr.name}' ({kind}) "
            f"cannot be {value!r:.80}: {error}"
        ) from None


def _as_int(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        raise TypeError("it is no number")
    return value if type(value) is int else int(value)


_FLOAT32 = struct.Struct("f")


def _as_float(value: Any) -> float:
    """A number in the precision that attributes have on the wire, float32."""
    value = float(value)
    try:
        return _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def _as_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value in (0, 1):
        return bool(value)
    raise TypeError("Expected bool")


def _as_string(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if not isinstance(value, str):
        raise TypeError("Expected str")
    return value


_ATTR_FORMS: dict[str, Any] = {
    "int": _as_int,
    "float": _as_float,
    "bool": _as_bool,
    "string": _as_string,
    "type": lambda value: as_dtype(value).base_dtype,
    "shape": shapes.as_shape,
    "tensor": lambda value: value,
    "func": lambda value: value,
}

_tuples: dict[str, Any] = {}


def package(opdef: OpDef, flat: Sequence[Any], attrs: dict[str, Any], op: Any = None) -> Any:
    """The flat outputs as the caller gets them: a tensor, a list, a named tuple, or the node."""
    if opdef.single_output:
        return flat[0]
    if not opdef.outputs:
        return op
    parts: list[Any] = []
    start = 0
    for arg in opdef.outputs:
        length = arg_length(arg, attrs)
        parts.append(list(flat[start : start + length]) if arg.is_list else flat[start])
        start += length
    if len(parts) == 1:
        return parts[0]
    kind = _tuples.get(opdef.name)
    if kind is None:
        fields = [arg.name for arg in opdef.outputs]
        kind = _tuples[opdef.name] = namedtuple(opdef.name, fields, rename=True)  # noqa: PYI024
    return kind(*parts)
