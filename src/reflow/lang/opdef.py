"""The record behind every op, and the parser of the signatures that are written in the families.

A signature reads like TensorFlow's own, in Python's grammar:

    Sum(input: T, reduction_indices: Tidx, *, keep_dims: bool = False,
        T: NUMBER, Tidx: INDEX = int32) -> output: T

Before the star stand the inputs: `T` is the dtype attribute that their dtypes give, `N*T` is a list
of N tensors of one dtype, `Ref(T)` a reference, and a name whose attribute is a `list(type)` is a list
of any tensors. After the star stand the attributes: a type (`int`, `float`, `bool`, `string`, `type`,
`shape`, `tensor`, `func`, `list(int)`, ...), or a set of dtypes (`FLOAT|COMPLEX`, `{int32,int64}`),
with a default if there is one. A dtype attribute that inputs give and that may be anything, and the
length N, need not be said.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Container, Sequence
from types import FunctionType
from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.dtypes import DType

_SETS = {name: value for name, value in vars(dtypes).items() if isinstance(value, frozenset)}
_NAMES = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16}

NO_DEFAULT: Any = type("NoDefault", (), {"__repr__": lambda self: "NO_DEFAULT"})()
UNSAID: Any = type("Unsaid", (), {"__repr__": lambda self: "UNSAID"})()
ZERO: Any = type("Zero", (), {"__repr__": lambda self: "ZERO"})()


class ValueNeeded(Exception):
    """Raised by a lowering, while it is compiled, that cannot do without the value of an input.

    The trait `static` says so for every use of an op; this is for what depends on the other arguments.

    Args:
      name: the input whose value is needed.
      on_host: run the node on the host, rather than compile it anew for every value.
      assume: gives the result for the usual case, and a traced truth value that says whether this was
        the usual case. Where it was not, the node runs on the host from then on.
    """

    def __init__(self, name: str, on_host: bool = False, assume: Callable | None = None):
        super().__init__(f"the value of '{name}' is needed")
        self.name = name
        self.on_host = on_host
        self.assume = assume


class Arg:
    """One input or output of an op."""

    __slots__ = ("name", "dtype", "type_attr", "number_attr", "list_attr", "is_ref")

    def __init__(self, name: str):
        self.name = name
        self.dtype: DType | None = None  # when fixed
        self.type_attr: Any = None  # when an attribute gives it
        self.number_attr: Any = None  # the length, when it is a list of one dtype
        self.list_attr: Any = None  # the dtypes, when it is a list of any dtypes
        self.is_ref = False

    @property
    def is_list(self) -> bool:
        return self.number_attr is not None or self.list_attr is not None


class Attr:
    """One attribute: its type, its default, and the dtypes or strings that it allows."""

    __slots__ = ("name", "type", "default", "allowed", "inferred")

    def __init__(self, name: str, type: str, default: Any = NO_DEFAULT, allowed: Any = None):
        self.name = name
        self.type = type
        self.default = default
        self.allowed = allowed
        self.inferred = False


_dispatch: list[Callable] = []  # `dispatch.call`, which is imported when an op is first applied


class OpDef:
    """Everything about an op: signature, lowering, shape rule, gradient and traits.

    Attributes:
      name: TensorFlow's op name.
      family: the module that defines it.
      inputs, outputs, attrs: the parsed signature.
      lower: `lower(xp, *inputs, **attrs)`, or with `context` `lower(ctx, *inputs, **attrs)`; returns
        the output, or a tuple of them. It receives the attributes that it names; one that names
        `node=None` receives the node as well, where there is one.
      shape: `shape(*inputs, **attrs)` from symbolic tensors to a shape, or a list of them.
      grad: the reverse rule, None when the op is not differentiable, `ZERO` when its derivative is
        zero everywhere. See `gradient`.
      static: names of the inputs whose values must be known when the op is compiled.
      stateful: the op reads or writes something outside its inputs and outputs; never folded away.
      context: the lowering gets a context in place of `xp`, because it is stateful, or because it calls
        functions or checks values as it runs.
      random: makes the state with which the generator of a node begins, from its attributes; None for
        ops that have no generator.
      reads, writes: names of the resource inputs whose state it reads or writes.
      interpret, compile: whether it has a NumPy form, and an XLA form.
      handle: it only names state: no inputs, and a `ResourceHandle` as its output.
      blocking: it may wait for another op of the same run, or of another thread.
      broadcast: gradients of the inputs are summed to the shape of the inputs by the engine.
      elementwise: the lowering works element by element, on operands of any shapes that broadcast.
      partial: the NumPy form carries NaN through for elements that are not known, so that shape
        arithmetic with unknown dimensions folds. "whole": only what is known fully folds. A tuple:
        the inputs that may be known in part, while the others must be known. A function: from a node
        to such a value (a tuple where the op has several outputs), or None.
      view: in NumPy the outputs are views of the inputs; or, with "shape", they say something of the
        shapes of the inputs alone. Not worth an executable of its own.
      holds: it only holds on to its inputs, or hands out what is held: arrays stay on their device, and
        nobody waits for them.
      register: whether the op is one of Reflow's; a signature alone is not.
    """

    __slots__ = (
        "name",
        "doc",
        "inputs",
        "outputs",
        "attrs",
        "lower",
        "_shape",
        "grad",
        "static",
        "stateful",
        "context",
        "random",
        "reads",
        "writes",
        "interpret",
        "compile",
        "handle",
        "blocking",
        "broadcast",
        "elementwise",
        "partial",
        "view",
        "holds",
        "_lower_attrs",
        "_shape_attrs",
        "_rules",
        "_simple",
        "takes_node",
        "input_index",
        "single_output",
        "references",
        "ready",
        "family",
    )

    def __init__(self, signature: str, doc: str = "", **traits: Any):
        self.doc = doc
        self.name, self.inputs, self.outputs, self.attrs = parse_signature(signature)
        self.lower: Callable[..., Any] = traits.pop("lower", None)
        self._shape: Any = traits.pop("shape", None)
        self.grad: Any = traits.pop("grad", UNSAID)
        self.static: frozenset[str] = frozenset(traits.pop("static", ()))
        self.stateful: bool = traits.pop("stateful", False)
        self.context: bool = traits.pop("context", self.stateful)
        self.random: Any = traits.pop("random", None)
        self.reads: frozenset[str] = frozenset(traits.pop("reads", ()))
        self.writes: frozenset[str] = frozenset(traits.pop("writes", ()))
        self.interpret: bool = traits.pop("interpret", True)
        self.compile: bool = traits.pop("compile", True)
        self.handle: bool = traits.pop("handle", False)
        self.blocking: bool = traits.pop("blocking", False)
        self.broadcast: bool = traits.pop("broadcast", False)
        self.elementwise: bool = traits.pop("elementwise", False)
        self.partial: Any = traits.pop("partial", False)
        self.view: Any = traits.pop("view", False)
        self.holds: bool = traits.pop("holds", False)
        registered = traits.pop("register", True)
        for key, value in traits.items():  # the rest: what the set of a dtype attribute is
            self.attrs[key].allowed = value
        names = [arg.name for arg in self.inputs]
        self.input_index = {name: i for i, name in enumerate(names)}
        for said in (self.static, self.reads, self.writes):
            if not said <= set(names):
                raise ValueError(f"{self.name}: {set(said) - set(names)} are no inputs of it")
        self.single_output = len(self.outputs) == 1 and not self.outputs[0].is_list
        self._simple = all(not arg.is_list for arg in self.inputs)
        # Positions of the references that it takes: its nodes stand where those variables do.
        self.references = tuple(
            i for i, arg in enumerate(self.inputs) if arg.is_ref and self._simple
        )
        self._rules: dict[Callable, Any] = {}  # what the gradient rules name
        self.ready: dict[Any, Any] = {}  # what eager code found out, by dtypes and attributes
        self.takes_node = False  # found out by `lower_attrs`
        self._lower_attrs: tuple[str, ...] | None = None
        self._shape_attrs: tuple[str, ...] | None = None
        self.family = _defining_module()
        if registered:
            if self.name in REGISTRY:
                raise ValueError(f"the op {self.name} is defined twice")
            REGISTRY[self.name] = self

    # The paragraph's decorators ------------------------------------------------------------------

    def lowering(self, f: Callable) -> OpDef:
        self.lower = f
        return self

    def shape_rule(self, f: Callable) -> Callable:
        self._shape = f
        return f

    def gradient_rule(self, f: Callable) -> Callable:
        self.grad = f
        return f

    # Use -----------------------------------------------------------------------------------------

    def __call__(self, *args: Any, name: str | None = None, **kwargs: Any) -> Any:
        """Applies the op: adds a node to the current graph, or executes it now."""
        if not _dispatch:
            from reflow.lang.dispatch import call

            _dispatch.append(call)
        return _dispatch[0](self, args, kwargs, name)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def lower_attrs(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Those of `attrs` that the lowering names."""
        wanted = self._lower_attrs
        if wanted is None:
            if self.lower is None:
                raise errors.UnimplementedError(
                    None, None, f"The op {self.name} has no implementation in Reflow yet."
                )
            wanted = self._lower_attrs = keyword_names(self.lower, self.attrs)
            self.takes_node = "node" in _keywords(self.lower)
        return {key: attrs[key] for key in wanted}

    def output_shapes(self, inputs: Sequence[Any], attrs: dict[str, Any], count: int) -> list:
        """The shapes of the outputs for symbolic inputs (lists where the argument is a list)."""
        from reflow.lang import shapes

        rule = self._shape
        if rule is None:
            return [shapes.UNKNOWN] * count
        if self._shape_attrs is None:
            self._shape_attrs = keyword_names(rule, self.attrs)
        keywords = {key: attrs[key] for key in self._shape_attrs}
        result = rule(*inputs, **keywords)
        if type(result) is list:
            if len(result) == 1 and count != 1:
                result = result * count
            return [
                each if type(each) is shapes.TensorShape else shapes.of(each) for each in result
            ]
        if type(result) is not shapes.TensorShape:
            result = shapes.of(result)
        return [result] * count

    def gradient(
        self, op: Any, grads: Sequence[Any], wanted: Container[int] | None = None
    ) -> list[Any]:
        """Gradients for the flat inputs of `op`, given those of its outputs (None where none).

        The rule names what it wants: `g` (the gradient of the only or first output), `gs` (all of
        them), `g_NAME` (of the output NAME), inputs and outputs by name, attributes by keyword, and
        `op` for the node itself. It returns one gradient per input, in order: a single value when
        there is one input or when the others get none, or a tuple; a list stands for a list input.
        A function without arguments stands for a gradient that costs something: it is called where
        the gradient is of use. A tuple of rules is one rule per input.

        Args:
          wanted: the ids of the inputs whose gradients are of use; None for all.
        """
        rule = self.grad
        inputs = op.inputs
        if type(rule) is tuple:
            return [
                None
                if each is None or wanted is not None and id(tensor) not in wanted
                else self._bind(each, op, grads)
                for each, tensor in zip(rule, inputs)
            ]
        result = self._bind(rule, op, grads)
        if type(result) is not tuple:
            result = (result,)
        flat: list[Any] = []
        for each in result:
            if isinstance(each, list):
                flat.extend(each)
            elif type(each) is FunctionType:
                of_use = wanted is None or id(inputs[len(flat)]) in wanted
                flat.append(each() if of_use else None)
            else:
                flat.append(each)
        flat.extend([None] * (len(inputs) - len(flat)))
        return flat

    def _bind(self, rule: Callable, op: Any, grads: Sequence[Any]) -> Any:
        found = self._rules.get(rule)
        if found is None:
            found = self._rules[rule] = self._what_it_names(rule)
        places, names, attrs = found
        if places is None:
            args = [self._named(name, op, grads) for name in names]
        else:
            values = (grads, op.inputs, op.outputs, (op,))
            args = [values[which][i] for which, i in places]
        return rule(*args, **{key: op.attrs[key] for key in attrs}) if attrs else rule(*args)

    def _what_it_names(self, rule: Callable) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
        """Where the arguments of a rule are, if that is the same for all nodes; their names; attributes.

        A place is 0 to 3 for the gradients, the inputs, the outputs and the node; and a position there.
        """
        code = rule.__code__
        names = code.co_varnames[: code.co_argcount]
        attrs = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
        if "gs" in names or any(arg.is_list for arg in (*self.inputs, *self.outputs)):
            return None, names, attrs
        places = {arg.name: (2, i) for i, arg in enumerate(self.outputs)}
        places.update((name, (1, i)) for name, i in self.input_index.items())
        places.update((f"g_{arg.name}", (0, i)) for i, arg in enumerate(self.outputs))
        places.update(g=(0, 0), op=(3, 0))
        for name in names:
            if name not in places:
                raise TypeError(
                    f"the gradient rule of {self.name} names {name}: it has no such thing"
                )
        return [places[name] for name in names], names, attrs

    def _named(self, name: str, op: Any, grads: Sequence[Any]) -> Any:
        if name == "op":
            return op
        if name == "g":
            return grads[0]
        if name == "gs":
            return list(grads)
        values, args = (op.inputs, self.inputs)
        if name.startswith("g_"):
            values, args, name = (grads, self.outputs, name[2:])
        elif name not in self.input_index:
            values, args = (op.outputs, self.outputs)
        start = 0
        for arg in args:
            length = arg_length(arg, op.attrs)
            if arg.name == name:
                return list(values[start : start + length]) if arg.is_list else values[start]
            start += length
        raise TypeError(f"the gradient rule of {self.name} names {name}: it has no such thing")


def _defining_module() -> str:
    """The family file whose line is making an `OpDef`, past the constructors in `define`."""
    frame: Any = sys._getframe(2)
    while frame.f_globals["__name__"] in (__name__, "reflow.ops.define"):
        frame = frame.f_back
    return frame.f_globals["__name__"]


class _Registry(dict[str, OpDef]):
    """All ops by name; a family file is imported when one of its ops is asked for."""

    def __missing__(self, name: str) -> OpDef:
        from reflow.lang.services import service

        service("load_op_family")(name)
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found


REGISTRY = _Registry()


def keyword_names(f: Callable, attrs: dict[str, Attr]) -> tuple[str, ...]:
    """Which of `attrs` the function takes by keyword."""
    return tuple(name for name in _keywords(f) if name in attrs)


def _keywords(f: Callable) -> Sequence[str]:
    code = getattr(f, "__code__", None)
    return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount] if code else ()


def arg_length(arg: Arg, attrs: dict[str, Any]) -> int:
    """How many tensors an argument stands for in a node with these attributes."""
    if arg.number_attr is not None:
        return attrs[arg.number_attr]
    if arg.list_attr is not None:
        return len(attrs[arg.list_attr])
    return 1


def group_inputs(opdef: OpDef, flat: Sequence[Any], attrs: dict[str, Any]) -> Sequence[Any]:
    """The flat inputs of a node as its arguments: a list where the argument is a list."""
    if opdef._simple:
        return flat
    grouped: list[Any] = []
    start = 0
    for arg in opdef.inputs:
        length = arg_length(arg, attrs)
        if arg.is_list:
            grouped.append(list(flat[start : start + length]))
        else:
            grouped.append(flat[start])
        start += length
    return grouped


def output_dtypes(opdef: OpDef, attrs: dict[str, Any]) -> list[DType]:
    """The dtypes of the outputs of a node with these attributes."""
    result: list[DType] = []
    for arg in opdef.outputs:
        if arg.list_attr is not None:
            result.extend(attrs[arg.list_attr])
            continue
        dtype = arg.dtype or attrs[arg.type_attr]
        if arg.is_ref:
            dtype = dtype._as_ref
        result.extend([dtype] * arg_length(arg, attrs))
    return result


# The parser ---------------------------------------------------------------------------------------


def parse_signature(signature: str) -> tuple[str, list[Arg], list[Arg], dict[str, Attr]]:
    """The name, inputs, outputs and attributes that a signature says."""
    name, _, rest = signature.partition("(")
    name = name.strip()
    body, _, result = (piece.strip() for piece in rest.partition("->"))
    if not name.isidentifier():
        raise ValueError(f"not a signature: {signature!r}")
    before: list[str] = []
    attr_parts: list[str] = []
    target = before
    for part in _split(body.removesuffix(")")):
        if part == "*":
            target = attr_parts
        else:
            target.append(part)
    attrs = {}
    for part in attr_parts:
        attr = _parse_attr(part)
        attrs[attr.name] = attr
    inputs = [_parse_arg(part, attrs, name) for part in before]
    outputs = [_parse_arg(part, attrs, name) for part in _split(result)]
    for arg in inputs:
        for key in (arg.type_attr, arg.number_attr, arg.list_attr):
            if key is not None:
                attrs[key].inferred = True
    return name, inputs, outputs, attrs


def _split(text: str) -> list[str]:
    parts, depth, quoted, current = [], 0, False, ""
    for char in text:
        if char == "'":
            quoted = not quoted
        elif char in "([{":
            depth += not quoted
        elif char in ")]}":
            depth -= not quoted
        if char == "," and depth == 0 and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    if current.strip():
        parts.append(current.strip())
    return parts


def _parse_arg(text: str, attrs: dict[str, Attr], op_name: str) -> Arg:
    name, _, kind = (piece.strip() for piece in text.partition(":"))
    if not kind:
        raise ValueError(f"{op_name}: no type in {text!r}")
    arg = Arg(name)
    if "*" in kind:
        arg.number_attr, kind = (piece.strip() for piece in kind.split("*"))
        attrs.setdefault(arg.number_attr, Attr(arg.number_attr, "int"))
    if kind.startswith("Ref("):
        arg.is_ref, kind = True, kind[4:-1]
    if kind in _NAMES or (kind in vars(dtypes) and isinstance(vars(dtypes)[kind], DType)):
        arg.dtype = _dtype(kind)
    elif kind in attrs and attrs[kind].type == "list(type)":
        arg.list_attr = kind
    else:
        arg.type_attr = kind
        attrs.setdefault(kind, Attr(kind, "type"))
    return arg


def _dtype(name: str) -> DType:
    return _NAMES.get(name) or dtypes.as_dtype(name)


def dtype_set(text: str) -> frozenset[DType]:
    """`FLOAT|COMPLEX` or `{int32,int64}`."""
    result: frozenset[DType] = frozenset()
    for part in text.split("|"):
        part = part.strip()
        if part.startswith("{"):
            result |= {_dtype(each.strip()) for each in part[1:-1].split(",")}
        else:
            result |= _SETS[part] if part in _SETS else {_dtype(part)}
    return result


_ATTR_TYPES = ("int", "float", "bool", "string", "type", "shape", "tensor", "func")


def _parse_attr(text: str) -> Attr:
    name, _, rest = text.partition(":")
    kind, has_default, default = rest.partition("=")
    name, kind, default = name.strip(), kind.strip(), default.strip()
    allowed: Any = None
    plain = re.match(r"(list\()?(\w+)\)?", kind)
    if kind.startswith("string{"):
        allowed = frozenset(each.strip() for each in kind[7:-1].split(","))
        kind = "string"
    elif plain is None or plain.group(2) not in _ATTR_TYPES:
        is_list = kind.startswith("list(")
        allowed = dtype_set(kind[5:-1] if is_list else kind)
        kind = "list(type)" if is_list else "type"
    value = NO_DEFAULT
    if has_default:
        value = _default(kind, default)
    return Attr(name, kind, value, allowed)


def _default(kind: str, text: str) -> Any:
    from reflow.lang import shapes

    if kind == "type":
        return _dtype(text)
    if kind == "shape":
        return shapes.UNKNOWN if text == "unknown" else shapes.TensorShape(ast.literal_eval(text))
    if kind == "list(type)":
        return tuple(_dtype(each) for each in _split(text.strip("[]")))
    value = ast.literal_eval(text)
    if isinstance(value, str):
        return value.encode() if kind == "bytes" else value
    if isinstance(value, list):
        return tuple(value)
    return float(value) if kind == "float" else value
