"""Static shapes: https://www.tensorflow.org/api_docs/python/tf/TensorShape"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reflow.lang import errors


class Dimension:
    """One dimension of a TF 1 shape: an integer or unknown (`value` is None).

    Arithmetic with an unknown dimension is unknown; comparison with one is None.

    >>> import reflow as tf
    >>> tf.compat.v1.Dimension(3) + 4
    Dimension(7)
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any):
        self._value = _size(value)

    @property
    def value(self) -> int | None:
        return self._value

    def __repr__(self) -> str:
        return f"Dimension({self._value})"

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __int__(self) -> int:
        if self._value is None:
            raise TypeError("an unknown Dimension has no integer value")
        return self._value

    __index__ = __int__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        if self._value is None:
            raise ValueError("Unable to hash Dimension with value 'None'")
        return hash(self._value)

    def __eq__(self, other: Any) -> Any:
        try:
            other = _size(other)
        except (TypeError, ValueError):
            return NotImplemented
        return None if self._value is None or other is None else self._value == other

    def __ne__(self, other: Any) -> Any:
        equal = self.__eq__(other)
        return equal if equal is None or equal is NotImplemented else not equal

    def is_compatible_with(self, other: Any) -> bool:
        other = _size(other)
        return self._value is None or other is None or self._value == other

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> Dimension:
        self.assert_is_compatible_with(other)
        return Dimension(_size(other) if self._value is None else self._value)

    def _apply(self, f: Callable, other: Any, swap: bool = False) -> Any:
        try:
            other = _size(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or other is None:
            return None
        return f(other, self._value) if swap else f(self._value, other)


def _arithmetic(f: Callable, swap: bool = False) -> Callable:
    def method(self, other):
        result = self._apply(f, other, swap)
        return result if result is NotImplemented else Dimension(result)

    return method


def _comparison(f: Callable) -> Callable:
    return lambda self, other: self._apply(f, other)


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _f = getattr(operator, _name)
    setattr(Dimension, f"__{_name}__", _arithmetic(_f))
    setattr(Dimension, f"__r{_name}__", _arithmetic(_f, swap=True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Dimension, f"__{_name}__", _comparison(getattr(operator, _name)))


def _size(value: Any) -> int | None:
    """A dimension as `int` or None; -1 is not accepted here."""
    if value is None:
        return None
    if type(value) is not int:
        if isinstance(value, Dimension):
            return value._value
        try:
            value = value.__index__()
        except AttributeError:
            raise TypeError(
                f"Dimension value must be integer or None or have an __index__ method, "
                f"got value '{value!r}' with type '{type(value)!r}'"
            ) from None
    if value < 0:
        raise ValueError(f"Dimension {value} must be >= 0")
    return value


v2_behavior = [True]  # indexing gives plain integers (TF 2) or Dimensions (TF 1)


class TensorShape:
    """The static shape of a tensor: fully known, partially known, or of unknown rank.

    >>> import reflow as tf
    >>> tf.TensorShape([None, 3]).as_list()
    [None, 3]
    """

    __slots__ = ("_dims",)
    _dims: tuple[int | None, ...] | None

    def __init__(self, dims: Any = None):
        if dims is None:
            self._dims = None
        elif type(dims) is tuple or type(dims) is list:
            self._dims = tuple([_size(d) for d in dims])
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif hasattr(dims, "unknown_rank"):  # TensorShapeProto
            self._dims = (
                None
                if dims.unknown_rank
                else tuple(None if d.size == -1 else _size(d.size) for d in dims.dim)
            )
        elif isinstance(dims, Iterable):
            self._dims = tuple(_size(d) for d in dims)
        else:
            self._dims = (_size(dims),)

    @property
    def rank(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        return self.rank

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self._dims is None else [Dimension(d) for d in self._dims]

    @property
    def sizes(self) -> tuple[int | None, ...] | None:
        """The sizes as a tuple of `int` and None; None when the rank is unknown."""
        return self._dims

    def as_list(self) -> list[int | None]:
        if self._dims is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self._dims)

    def as_proto(self) -> Any:
        from reflow.lang.services import service

        return service("shape_to_proto")(self)

    def num_elements(self) -> int | None:
        if not self.is_fully_defined():
            return None
        n = 1
        for d in self._dims:  # type: ignore[union-attr]
            n *= d  # type: ignore[operator]
        return n

    def is_fully_defined(self) -> bool:
        return self._dims is not None and None not in self._dims

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def __len__(self) -> int:
        if self._dims is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self._dims)

    def __bool__(self) -> bool:
        return self._dims is not None

    def __iter__(self) -> Iterator[Any]:
        if self._dims is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter(self._dims if v2_behavior[0] else [Dimension(d) for d in self._dims])

    def __getitem__(self, key: Any) -> Any:
        if self._dims is not None:
            if isinstance(key, slice):
                return TensorShape(self._dims[key])
            return self._dims[key] if v2_behavior[0] else Dimension(self._dims[key])
        if isinstance(key, slice):
            start, stop = key.start or 0, key.stop
            if key.step is None and stop is not None and start >= 0 and stop >= 0:
                return TensorShape([None] * max(stop - start, 0))
            return TensorShape(None)
        return None if v2_behavior[0] else Dimension(None)

    def __repr__(self) -> str:
        if self._dims is None:
            return "TensorShape(None)"
        return f"TensorShape({list(self._dims)})"

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        unknown = "None" if v2_behavior[0] else "?"
        parts = [unknown if d is None else str(d) for d in self._dims]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"

    def __eq__(self, other: Any) -> Any:
        try:
            other = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self._dims == other._dims

    def __hash__(self) -> int:
        return hash(self._dims)

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return as_shape(other).concatenate(self)

    def concatenate(self, other: Any) -> TensorShape:
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return TensorShape(None)
        return TensorShape(self._dims + other._dims)

    def is_compatible_with(self, other: Any) -> bool:
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return True
        return len(self._dims) == len(other._dims) and all(
            a is None or b is None or a == b for a, b in zip(self._dims, other._dims)
        )

    def is_subtype_of(self, other: TensorShape) -> bool:
        if other._dims is None:
            return True
        return (
            self._dims is not None
            and len(self._dims) == len(other._dims)
            and all(b is None or a == b for a, b in zip(self._dims, other._dims))
        )

    def most_specific_common_supertype(self, others: Iterable[TensorShape]) -> TensorShape | None:
        result = self
        for other in others:
            if not isinstance(other, TensorShape):
                return None
            result = result.most_specific_compatible_shape(other)
        return result

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        other = as_shape(other)
        if self._dims is None or other._dims is None or len(self._dims) != len(other._dims):
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self._dims, other._dims)])

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            site = errors.user_site()
            raise ValueError(f"{site}: Shapes {self} and {as_shape(other)} are incompatible")

    def assert_same_rank(self, other: Any) -> None:
        other = as_shape(other)
        if self._dims is not None and other._dims is not None and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int) -> None:
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        if self._dims is None:
            return TensorShape([None] * rank)
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def merge_with(self, other: Any) -> TensorShape:
        other = as_shape(other)
        if self._dims is None:
            return other
        if other._dims is None or other._dims == self._dims:
            return self
        self.assert_is_compatible_with(other)
        return TensorShape([b if a is None else a for a, b in zip(self._dims, other._dims)])

    def __reduce__(self) -> tuple:
        return TensorShape, (None if self._dims is None else list(self._dims),)


def as_shape(shape: Any) -> TensorShape:
    """`shape` itself, or a `TensorShape` made of it."""
    return shape if type(shape) is TensorShape else TensorShape(shape)


def unknown_shape(rank: int | None = None) -> TensorShape:
    return TensorShape(None if rank is None else [None] * rank)


def of(sizes: tuple[int | None, ...] | None) -> TensorShape:
    """A shape from a tuple already known to hold ints and Nones; skips the checks."""
    shape = TensorShape.__new__(TensorShape)
    shape._dims = sizes
    return shape


UNKNOWN = TensorShape(None)
SCALAR = TensorShape(())


def dimension_value(dimension: Any) -> int | None:
    """The value of a TF 1 `Dimension`, or the integer or None that TF 2 has in its place."""
    return dimension.value if isinstance(dimension, Dimension) else dimension


def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    return Dimension(None) if shape.rank is None else shape.dims[index]  # type: ignore[index]


def broadcast(a: TensorShape, b: TensorShape) -> TensorShape:
    """The shape of an element-wise op of two operands, NumPy's rule.

    Raises:
      ValueError: if the two cannot be broadcast together.
    """
    x, y = a._dims, b._dims
    if x == y:
        return a
    if x is None or y is None:
        return UNKNOWN
    if len(x) < len(y):
        x, y = y, x
    lead = len(x) - len(y)
    sizes = list(x[:lead])
    for p, q in zip(x[lead:], y):
        if p == q or q == 1:
            sizes.append(p)
        elif p == 1 or p is None:
            sizes.append(q)
        elif q is None:
            sizes.append(p)
        else:
            raise ValueError(
                f"Dimensions must be equal, but are {p} and {q}, with input shapes: "
                f"[{_commas(a)}], [{_commas(b)}]."
            )
    return of(tuple(sizes))


def _commas(shape: TensorShape) -> str:
    return ",".join("?" if d is None else str(d) for d in shape._dims or ())
