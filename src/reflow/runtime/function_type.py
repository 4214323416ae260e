"""The arguments of a `tf.function`: how a call is bound to its parameters, and what it is traced for.

Each call gives a *key*, made quickly, under which its trace is found again. Only when the key is new are
the arguments described by trace types (`lang/type_spec.py`), which can be compared and generalised.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.type_spec import TensorSpec, TraceType, TypeSpec, type_spec_from_value
from reflow.ops.variables.resource import BaseResourceVariable, VariableSpec
from reflow.runtime.eager import EagerTensor

_EMPTY: Any = inspect.Parameter.empty

# Python values ------------------------------------------------------------------------------------

_LITERALS = (bool, int, float, complex, str, bytes, type(None))


class Literal(TraceType):
    """A Python value: it serves for itself alone."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def is_subtype_of(self, other: Any) -> bool:
        return self == other

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        return self if all(self == other for other in others) else None

    def placeholder_value(self, placeholder_context: Any) -> Any:
        return self.value

    def from_tensors(self, tensors: Iterator[Any]) -> Any:
        return self.value

    def cast(self, value: Any, cast_context: Any) -> Any:
        if type(value) is type(self.value) and value == self.value:
            return value
        raise TypeError(f"Cannot cast {value!r:.80} to the Python value {self.value!r:.80}")

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Literal)
            and type(other.value) is type(self.value)
            and bool(other.value == self.value)
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __repr__(self) -> str:
        return f"Literal[{self.value!r}]"


class ObjectType(Literal):
    """A Python object, held weakly where that is possible."""

    __slots__ = ("_ref",)

    def __init__(self, value: Any):
        try:
            self._ref: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            self._ref = lambda: value

    @property
    def value(self) -> Any:
        return self._ref()

    def cast(self, value: Any, cast_context: Any) -> Any:
        return value

    def __repr__(self) -> str:
        return f"ObjectType[{self.value!r:.60}]"


def _object_key(value: Any, site_of: str) -> Any:
    """What tells an object of the program from others in a key."""
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{errors.user_site()}: Could not generate a generic TraceType for "
            f"{value!r:.80} ({site_of}). Please verify that it is immutable/hashable. Otherwise, "
            "consider implementing the Tracing Protocol for it."
        ) from None
    try:
        return weakref.ref(value)
    except TypeError:
        return type(value), value


# Keys ---------------------------------------------------------------------------------------------


class Keying:
    """Makes the key of a call and collects the tensors in its arguments, in one pass."""

    __slots__ = ("tensors", "_variables")

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self._variables: dict[int, int] = {}

    def key(self, value: Any) -> Any:
        kind = type(value)
        if kind is EagerTensor:
            self.tensors.append(value)
            return np.shape(value._value), value.dtype
        if kind in _LITERALS:
            return kind, value
        if kind is tuple or kind is list:
            return kind, *[self.key(each) for each in value]
        if kind is dict:
            return kind, *[(k, self.key(value[k])) for k in nest._sorted(value)]
        return self._other(value)

    def _other(self, value: Any) -> Any:
        if isinstance(value, SymbolicTensor):
            self.tensors.append(value)
            return value._shape._dims, value.dtype.base_dtype
        if isinstance(value, (np.ndarray, np.generic)):
            tensor = convert_to_tensor(value)
            self.tensors.append(tensor)
            return tuple(tensor.shape), tensor.dtype
        if isinstance(value, BaseResourceVariable):
            first = self._variables.setdefault(id(value), len(self._variables))
            self.tensors.append(value.handle)
            return VariableSpec, value.shape._dims, value.dtype, value.trainable, first
        tracing = getattr(value, "__tf_tracing_type__", None)
        if tracing is not None and not isinstance(value, type):
            found = tracing(None)
            self.tensors.extend(found.to_tensors(value))
            return found
        if isinstance(value, (TypeSpec, TraceType)):
            return value
        if nest.is_nested(value):
            keys = nest._items(value, False) or []
            return type(value), *[(k, self.key(each)) for k, each in keys]
        if hasattr(value, "__array__") and not isinstance(value, type):
            tensor = convert_to_tensor(value)
            self.tensors.append(tensor)
            return tuple(tensor.shape), tensor.dtype
        return _object_key(value, type(value).__name__)


# Types --------------------------------------------------------------------------------------------


class ParameterName(str):
    """The name of a parameter, for a tensor that has none of its own."""

    __slots__ = ()


class Typing:
    """Describes the arguments of a call by trace types."""

    def __init__(self) -> None:
        self._variables: dict[int, int] = {}

    def type_of(self, value: Any, name: str) -> Any:
        """`value` with every leaf replaced by its trace type."""
        kind = type(value)
        if isinstance(value, (EagerTensor, SymbolicTensor, np.ndarray, np.generic)):
            tensor = convert_to_tensor(value)
            return TensorSpec(tensor.shape, tensor.dtype.base_dtype, ParameterName(name))
        if kind in _LITERALS:
            return Literal(value)
        if isinstance(value, BaseResourceVariable):
            first = self._variables.setdefault(id(value), len(self._variables))
            return VariableSpec(value.shape, value.dtype, value.trainable, first)
        if isinstance(value, TensorSpec):
            return TensorSpec(value.shape, value.dtype, value.name or ParameterName(name))
        if isinstance(value, (TypeSpec, TraceType)):
            return value
        tracing = getattr(value, "__tf_tracing_type__", None)
        if tracing is not None and not isinstance(value, type):
            return tracing(None)
        if nest.is_nested(value):
            keys = nest._items(value, False) or []
            parts = [self.type_of(each, f"{name}_{k}" if k else name) for k, each in keys]
            return nest._like(value, nest._kind(value, False), parts)
        if hasattr(value, "__array__") and not isinstance(value, type):
            return type_spec_from_value(value)
        _object_key(value, name)
        return ObjectType(value)


class ArgumentTypes:
    """The trace types of a call: one structure per parameter."""

    def __init__(self, structure: Sequence[Any]):
        self.structure = list(structure)
        self.leaves: list[Any] = nest.flatten(self.structure)

    def is_subtype_of(self, other: ArgumentTypes) -> bool:
        """Whether a trace for `other` serves for a call of these types."""
        return self._same_structure(other) and all(
            a == b
            or a.is_subtype_of(_without_name(b))
            or _without_name(a).is_subtype_of(_without_name(b))
            for a, b in zip(self.leaves, other.leaves)
        )

    def common_supertype(self, other: ArgumentTypes) -> ArgumentTypes | None:
        """The most specific types that serve for both; None if there are none."""
        if not self._same_structure(other):
            return None
        merged = []
        for a, b in zip(self.leaves, other.leaves):
            found = a if a == b else a.most_specific_common_supertype([b])
            if found is None:
                return None
            merged.append(found)
        return ArgumentTypes(nest.pack_sequence_as(self.structure, merged))

    def _same_structure(self, other: ArgumentTypes) -> bool:
        return nest._difference(self.structure, other.structure, True, False) is None

    def specs(self) -> list[TensorSpec]:
        """The specs of the tensors that a call consists of."""
        return [spec for leaf in self.leaves for spec in leaf.flatten()]

    def placeholders(self) -> list[Any]:
        """Arguments for tracing, in the current graph."""
        return [
            nest.map_structure(lambda leaf: leaf.placeholder_value(None), each)
            for each in self.structure
        ]

    def to_tensors(self, values: Sequence[Any]) -> list[Any]:
        """The tensors of arguments of these types.

        Raises:
          TypeError: if the arguments are not of these types.
        """
        nest.assert_shallow_structure(self.structure, list(values))
        given = nest.flatten_up_to(self.structure, list(values))
        tensors: list[Any] = []
        for leaf, value in zip(self.leaves, given):
            tensors.extend(leaf.to_tensors(leaf.cast(value, None)))
        return tensors


def _without_name(spec: Any) -> Any:
    return TensorSpec(spec.shape, spec.dtype) if type(spec) is TensorSpec else spec


# Parameters ---------------------------------------------------------------------------------------


class Parameters:
    """The parameters of a Python function, and how a call is bound to them."""

    def __init__(self, function: Callable, name: str):
        self.name = name
        try:
            self.signature = inspect.signature(function)
        except (TypeError, ValueError):
            self.signature = inspect.signature(lambda *args, **kwargs: None)
        kinds = inspect.Parameter
        self.positional: list[str] = []
        self.keyword_only: list[str] = []
        self.varargs: str | None = None
        self.varkw: str | None = None
        self.defaults: dict[str, Any] = {}
        for parameter in self.signature.parameters.values():
            if parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
                self.positional.append(parameter.name)
            elif parameter.kind is kinds.VAR_POSITIONAL:
                self.varargs = parameter.name
            elif parameter.kind is kinds.KEYWORD_ONLY:
                self.keyword_only.append(parameter.name)
            else:
                self.varkw = parameter.name
            if parameter.default is not _EMPTY:
                self.defaults[parameter.name] = parameter.default
        self._plain = not (self.varargs or self.varkw or self.keyword_only)
        self.names = [
            *self.positional,
            *([self.varargs] if self.varargs else []),
            *self.keyword_only,
            *([self.varkw] if self.varkw else []),
        ]

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> Sequence[Any]:
        """One value per parameter, in order: a tuple for `*args`, a dictionary for `**kwargs`.

        Raises:
          TypeError: if the call does not fit the parameters.
        """
        if self._plain and not kwargs and len(args) == len(self.positional):
            return args
        try:
            bound = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f"{errors.user_site()}: Binding inputs to tf.function failed due to "
                f"`{error}`. Received args: {args!r:.200} and kwargs: {kwargs!r:.200} for signature: "
                f"{self.name}{self.signature}."
            ) from None
        values = []
        for name in self.names:
            if name in bound:
                values.append(bound[name])
            elif name in self.defaults:
                values.append(self.defaults[name])
            else:
                values.append(() if name == self.varargs else {})
        return values

    def call(self, function: Callable, values: Sequence[Any]) -> Any:
        """Calls `function` with one value per parameter."""
        args, kwargs = self.split(values)
        return function(*args, **kwargs)

    def split(self, values: Sequence[Any]) -> tuple[tuple, dict[str, Any]]:
        """One value per parameter as positional and keyword arguments."""
        if self._plain:
            return tuple(values), {}
        by_name = dict(zip(self.names, values))
        args = [by_name[name] for name in self.positional]
        kwargs = {name: by_name[name] for name in self.keyword_only}
        if self.varargs:
            args.extend(by_name[self.varargs])
        if self.varkw:
            kwargs.update(by_name[self.varkw])
        return tuple(args), kwargs
