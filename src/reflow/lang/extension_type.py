"""Extension types: classes of the user whose fields are tensors and Python values.

https://www.tensorflow.org/guide/extension_type. A class is described by its annotations; from them come
its constructor and the class of its type specs. Everything that takes composite tensors takes its values.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from reflow.lang import nest
from reflow.lang.export import export
from reflow.lang.extension_field import (
    NO_DEFAULT,
    Field,
    ImmutableDict,
    check_annotation,
    is_composite_type,
    map_parts,
    spec_of,
    value_of,
)
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import (
    BatchableTypeSpec,
    CompositeTensor,
    TypeSpec,
    type_spec_from_value,
)

_RESERVED = frozenset({"self", "Spec", "_type_spec", "_shape_invariant_to_type_spec"})
_PREFIX = "_tf_extension_type"
_OPEN = f"{_PREFIX}_in_constructor"
_SPEC = f"{_PREFIX}_cached_type_spec"
_CACHES = frozenset({_OPEN, _SPEC})


class _Immutable:
    """Objects whose attributes are set in the constructor only."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CACHES or self.__dict__.get(_OPEN) and self._may_set(name):
            self.__dict__[name] = value
            return
        raise self._cannot_change(name)

    def __delattr__(self, name: str) -> None:
        if name in _CACHES or self.__dict__.get(_OPEN) and self._may_set(name):
            del self.__dict__[name]
            return
        raise self._cannot_change(name)

    def _cannot_change(self, name: str) -> AttributeError:
        kind = "ExtensionTypeSpec" if isinstance(self, TypeSpec) else "ExtensionType"
        return AttributeError(
            f"Cannot mutate attribute `{name}` outside the custom constructor of {kind}."
        )

    def _may_set(self, name: str) -> bool:
        return any(field.name == name for field in self._fields())

    @classmethod
    def _fields(cls) -> tuple[Field, ...]:
        raise NotImplementedError(cls.__name__)


@export("experimental.ExtensionType")
class ExtensionType(_Immutable, CompositeTensor):
    """The base of classes whose fields are tensors and Python values: `tf.Tensor`, other composite
    tensors, `int`, `float`, `str`, `bytes`, `bool`, `tf.DType`, `tf.TensorShape`, and `Optional`,
    `Union`, `Tuple` and `Mapping` of them.

    Values cannot be changed, are arguments and results of `tf.function` and of control flow, and are
    taken apart by `tf.nest` with `expand_composites`. A method `__validate__` may check them.

    Raises:
      TypeError: if a value does not fit the annotation of its field.

    >>> import reflow as tf
    >>> class Masked(tf.experimental.ExtensionType):
    ...     values: tf.Tensor
    ...     mask: tf.Tensor
    >>> masked = Masked([1, 2, 3], [True, False, True])
    >>> print(masked.values.numpy(), tf.type_spec_from_value(masked).mask)
    [1 2 3] TensorSpec(shape=(3,), dtype=tf.bool, name=None)
    """

    Spec: Any
    _spec_base: Any = None  # of the specs; said below, where it is defined
    _tf_extension_type_cached_fields: Any
    _tf_extension_type_scope: Any

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if abstract:
            return
        own = cls.__dict__.get("__annotations__", {})
        bad = [name for name in own if name in _RESERVED or name.startswith(_PREFIX)]
        if bad:
            raise ValueError(
                f"The field annotations for {cls.__name__} are invalid. Field {bad[0]!r} is reserved."
            )
        cls._tf_extension_type_cached_fields = None
        if any(isinstance(each, str) for each in own.values()):
            around = sys._getframe(1)  # where the class is made: names in its annotations
            cls._tf_extension_type_scope = (around.f_globals, around.f_locals)
        # This says what is wrong with an annotation, unless one names a class that comes later.
        with contextlib.suppress(NameError):
            cls._fields()
        if "__init__" in cls.__dict__:
            cls.__init__ = _finishing(cls.__init__)  # type: ignore[method-assign]
        else:
            cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
        cls.Spec = _spec_class(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        raise AssertionError(
            f"Cannot create an instance of {type(self).__name__} because {type(self).__name__} is "
            "an abstract base class."
        )

    @classmethod
    def _fields(cls) -> tuple[Field, ...]:
        found = cls.__dict__.get("_tf_extension_type_cached_fields")
        if found is None:
            found = cls._tf_extension_type_cached_fields = tuple(_fields_of(cls))
        return found

    @property
    def _type_spec(self) -> Any:
        found = self.__dict__.get(_SPEC)
        if found is None:
            values = {
                field.name: map_parts(_part_spec, self.__dict__[field.name])
                for field in self._fields()
            }
            found = self.Spec._of_fields(values)
            setattr(self, _SPEC, found)
        return found

    def __validate__(self) -> None:
        """Checks a new value; classes may have one of their own."""

    def __eq__(self, other: Any) -> Any:
        if type(self) is not type(other) or self._type_spec != other._type_spec:
            return False
        mine, theirs = (nest.flatten(each, expand_composites=True) for each in (self, other))
        same = [
            REGISTRY["All"](REGISTRY["Equal"](a, b), REGISTRY["Range"](0, REGISTRY["Rank"](a), 1))
            for a, b in zip(mine, theirs)
        ]
        return REGISTRY["All"](REGISTRY["Pack"](same), 0) if same else True

    def __ne__(self, other: Any) -> Any:
        same = self == other
        return REGISTRY["LogicalNot"](same) if isinstance(same, Tensor) else not same

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={self.__dict__[f.name]!r}" for f in self._fields())
        return f"{type(self).__qualname__}({shown})"


def _fields_of(cls: type) -> list[Field]:
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        own = base.__dict__.get("__annotations__")
        if not own or not issubclass(base, ExtensionType) or base is ExtensionType:
            continue
        around, local = base.__dict__.get(f"{_PREFIX}_scope", (None, {}))
        alone = type(base.__name__, (), {"__annotations__": own, "__module__": base.__module__})
        hints = typing.get_type_hints(alone, around, {**local, base.__name__: base})
        for name in own:
            annotation = hints[name]
            default = base.__dict__.get(name, NO_DEFAULT)
            try:
                check_annotation(annotation)
            except TypeError as error:
                raise TypeError(f"In field {name!r}: {error}") from None
            if default is not NO_DEFAULT and not _holds_tensors(annotation):
                default = value_of(default, annotation, f"default value for {name}")
            found[name] = Field(name, annotation, default)
    return list(found.values())


def _holds_tensors(annotation: Any) -> bool:
    """Whether values of an annotated type may hold tensors, which are made when an object is."""
    if annotation is Tensor or is_composite_type(annotation):
        return True
    return any(_holds_tensors(each) for each in typing.get_args(annotation))


def _signature(fields: Sequence[Field], result: Any) -> inspect.Signature:
    parameters: list[Any] = []
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for field in fields:
        default = inspect.Parameter.empty if field.default is NO_DEFAULT else field.default
        if parameters and default is inspect.Parameter.empty:
            if parameters[-1].default is not inspect.Parameter.empty:
                kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(
            inspect.Parameter(field.name, kind, default=default, annotation=field.annotation)
        )
    return inspect.Signature(parameters, return_annotation=result)


def _constructor(cls: type[ExtensionType]) -> Any:
    """A constructor with a parameter for each field."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = _signature(cls._fields(), cls).bind(*args, **kwargs)
        bound.apply_defaults()
        setattr(self, _OPEN, True)
        self.__dict__.update(bound.arguments)
        _finish(self)

    if cls.__dict__.get("_tf_extension_type_cached_fields") is not None:
        __init__.__signature__ = _signature(  # type: ignore[attr-defined]
            [Field("self", inspect.Parameter.empty, NO_DEFAULT), *cls._fields()], cls
        )
    return __init__


def _finishing(constructor: Any) -> Any:
    """A constructor of the user, after which the fields are checked and can be changed no more."""

    @functools.wraps(constructor)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.__dict__.get(_OPEN):  # called by the constructor of a subclass
            constructor(self, *args, **kwargs)
            return
        setattr(self, _OPEN, True)
        constructor(self, *args, **kwargs)
        _finish(self)

    return __init__


def _finish(self: Any) -> None:
    """Converts and checks the fields of a new object."""
    fields = self._fields()
    missing = {field.name for field in fields if field.name not in self.__dict__}
    for field in fields:
        if field.name in missing and field.default is not NO_DEFAULT:
            missing.discard(field.name)
            self.__dict__[field.name] = field.default
    if missing:
        raise ValueError(f"Missing required fields: {missing}")
    for field in fields:
        value = self.__dict__[field.name]
        self.__dict__[field.name] = value_of(value, field.annotation, field.name)
    delattr(self, _OPEN)
    self.__validate__()


def _part_spec(value: Any) -> Any:
    if isinstance(value, (Tensor, CompositeTensor)):
        return type_spec_from_value(value)
    return value


# Specs --------------------------------------------------------------------------------------------


@export("experimental.ExtensionTypeSpec")
class ExtensionTypeSpec(_Immutable, TypeSpec):
    """The base of the specs of extension types: each has the fields of its type, with specs in place of
    the tensors."""

    _of: Any = None  # the extension type

    def __init__(self, *args: Any, **kwargs: Any):
        bound = _spec_signature(self._of._fields(), type(self)).bind(*args, **kwargs)
        setattr(self, _OPEN, True)
        self.__dict__.update(bound.arguments)
        self._finish()

    def _finish(self) -> None:
        fields = self._fields()
        missing = {field.name for field in fields if field.name not in self.__dict__}
        if missing:
            raise ValueError(f"Missing required fields: {missing}")
        for field in fields:
            value = self.__dict__[field.name]
            self.__dict__[field.name] = spec_of(value, field.annotation, field.name)
        delattr(self, _OPEN)

    @classmethod
    def _of_fields(cls, values: Mapping[str, Any]) -> Any:
        """The spec with these fields, whatever its constructor asks for."""
        spec = object.__new__(cls)
        spec.__dict__.update(values)
        return spec

    @classmethod
    def _fields(cls) -> tuple[Field, ...]:
        return cls._of._fields()

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """The spec of a value of the type."""
        return value._type_spec

    @property
    def value_type(self) -> Any:
        return self._of

    def _values(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in self._fields()}

    def _serialize(self) -> tuple:
        return tuple((name, _plain(value)) for name, value in self._values().items())

    @classmethod
    def _deserialize(cls, serialization: tuple) -> Any:
        return cls._of_fields({name: _immutable(value) for name, value in serialization})

    def __reduce__(self) -> tuple:
        return _spec_again, (self._of, self._serialize())

    @property
    def _component_specs(self) -> Any:
        return tuple(_specs_in(tuple(self._values().values())))

    def _to_components(self, value: Any) -> Any:
        found: list[Any] = []

        def note(part: Any) -> None:
            if isinstance(part, (Tensor, CompositeTensor)):
                found.append(part)

        for field in self._fields():
            map_parts(note, value.__dict__[field.name])
        return tuple(found)

    def _from_components(self, components: Any) -> Any:
        given = iter(components)
        value = object.__new__(self._of)
        for name, spec in self._values().items():
            value.__dict__[name] = map_parts(
                lambda part: next(given) if isinstance(part, TypeSpec) else part, spec
            )
        return value

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_plain(value)!r}" for name, value in self._values().items())
        return f"{type(self).__qualname__}({shown})"


ExtensionType._spec_base = ExtensionTypeSpec


def _spec_again(cls: Any, serialization: tuple) -> Any:
    return cls.Spec._deserialize(serialization)


def _spec_signature(fields: Sequence[Field], result: Any) -> inspect.Signature:
    """The signature of a spec's constructor: without defaults."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(f.name, kind) for f in fields], return_annotation=result
    )


def _specs_in(value: Any) -> list[TypeSpec]:
    found: list[TypeSpec] = []
    map_parts(lambda part: found.append(part) if isinstance(part, TypeSpec) else None, value)
    return found


def _plain(value: Any) -> Any:
    """A value of a spec with dictionaries in place of those that cannot be changed."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, ImmutableDict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _immutable(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and not isinstance(value, str):
        return tuple(map(_immutable, value))
    if isinstance(value, dict):
        return ImmutableDict((key, _immutable(each)) for key, each in value.items())
    return value


def _spec_class(cls: Any) -> type:
    """The class of the specs of `cls`; what a class `Spec` within it says is kept."""
    own = cls.__dict__.get("Spec")
    base = cls._spec_base
    name = f"{cls.__name__}.Spec"
    namespace: dict[str, Any] = {
        "_of": cls,
        "__module__": cls.__module__,
        "__qualname__": f"{cls.__qualname__}.Spec",
    }
    if own is None:
        made: Any = type(name, (base,), namespace)
        if cls.__dict__.get("_tf_extension_type_cached_fields") is not None:
            made.__signature__ = _spec_signature(cls._fields(), made)
        return made
    bases = (own,) if issubclass(own, base) else (own, base)
    constructor = own.__dict__.get("__init__")
    if constructor is not None:

        @functools.wraps(constructor)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            setattr(self, _OPEN, True)
            constructor(self, *args, **kwargs)
            self._finish()

        namespace["__init__"] = __init__
    elif not issubclass(own, base):
        namespace["__init__"] = base.__init__
    return type(name, bases, namespace)


@export("experimental.extension_type.as_dict")
def as_dict(value: ExtensionType) -> dict[str, Any]:
    """The fields of a value of an extension type, by name.

    >>> import reflow as tf
    >>> class Point(tf.experimental.ExtensionType):
    ...     x: int
    ...     y: int
    >>> tf.experimental.extension_type.as_dict(Point(1, 2))
    {'x': 1, 'y': 2}
    """
    return {field.name: value.__dict__[field.name] for field in value._fields()}


# Batches ------------------------------------------------------------------------------------------


@export("experimental.ExtensionTypeBatchEncoder")
class ExtensionTypeBatchEncoder:
    """How values of an extension type are put together to batches: the parts in which they travel.

    By default the parts are the tensors among the fields, each of which is batched for itself.
    """

    def batch(self, spec: Any, batch_size: int | None) -> Any:
        """The spec of `batch_size` values together; None for any number."""

        def batched(part: Any) -> Any:
            is_spec: bool = isinstance(part, TypeSpec)
            return part._batch(batch_size) if is_spec else part

        return type(spec)._of_fields({k: map_parts(batched, v) for k, v in spec._values().items()})

    def unbatch(self, spec: Any) -> Any:
        """The spec of one of the values of a batch."""

        def single(part: Any) -> Any:
            is_spec: bool = isinstance(part, TypeSpec)
            return part._unbatch() if is_spec else part

        return type(spec)._of_fields({k: map_parts(single, v) for k, v in spec._values().items()})

    def encode(self, spec: Any, value: Any, minimum_rank: int = 0) -> Any:
        """The parts of a value: a structure of tensors and of other values that can be batched.

        Args:
          spec: the spec of the value.
          value: a value of the extension type.
          minimum_rank: the rank that each part must have at the least.
        """
        return spec._to_components(value)

    def decode(self, spec: Any, encoded_value: Any) -> Any:
        """The value of the given spec that has the given parts."""
        return spec._from_components(encoded_value)

    def encoding_specs(self, spec: Any) -> Any:
        """The specs of the parts of values of a spec, in the structure of `encode`."""
        return spec._component_specs


class BatchableExtensionTypeSpec(ExtensionTypeSpec, BatchableTypeSpec):
    """The base of the specs of extension types whose values can be batched."""

    def _batch(self, batch_size: int | None) -> Any:
        return self._of.__batch_encoder__.batch(self, batch_size)

    def _unbatch(self) -> Any:
        return self._of.__batch_encoder__.unbatch(self)

    def encode(self, value: Any, minimum_rank: int = 0) -> list[Any]:
        """The parts in which a value travels, flat."""
        return nest.flatten(self._of.__batch_encoder__.encode(self, value, minimum_rank))

    def decode(self, parts: Sequence[Any]) -> Any:
        """The value of these parts."""
        encoder = self._of.__batch_encoder__
        return encoder.decode(self, nest.pack_sequence_as(encoder.encoding_specs(self), parts))

    @property
    def encoded(self) -> list[TypeSpec]:
        """The specs of the parts, flat."""
        return nest.flatten(self._of.__batch_encoder__.encoding_specs(self))


@export("experimental.BatchableExtensionType")
class BatchableExtensionType(ExtensionType, abstract=True):
    """An extension type whose values can be put together to batches: rows of data sets, `tf.map_fn`.

    How is said by `__batch_encoder__`, an `ExtensionTypeBatchEncoder`.

    >>> import reflow as tf
    >>> class Point(tf.experimental.BatchableExtensionType):
    ...     at: tf.Tensor
    >>> points = tf.data.Dataset.from_tensor_slices(Point([[1, 2], [3, 4]]))
    >>> [point.at.numpy().tolist() for point in points]
    [[1, 2], [3, 4]]
    """

    _spec_base = BatchableExtensionTypeSpec
    __batch_encoder__ = ExtensionTypeBatchEncoder()
