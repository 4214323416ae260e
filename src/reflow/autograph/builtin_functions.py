"""What Python's built-in functions do with tensors in a graph."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.autograph.staging import fail, has_all, is_dataset, staged
from reflow.lang import dtypes, nest
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies
from reflow.lang.tensor import is_tensor

_UNSAID: Any = object()


def abs_(x: Any) -> Any:
    """`abs(x)`; of a data set, of each of its elements."""
    if is_dataset(x):
        return x.map(lambda value: abs_(value))
    if staged(x):
        from reflow.ops.math import abs as tf_abs

        return tf_abs(x)
    return abs(x)


def float_(x: Any = 0) -> Any:
    """`float(x)`: a float32 tensor of a tensor."""
    return _number(x, dtypes.float32) if staged(x) else float(x)


def int_(x: Any = 0, base: Any = _UNSAID) -> Any:
    """`int(x)`: an int32 tensor of a tensor."""
    if staged(x):
        if base is not _UNSAID and base != 10:
            raise fail(NotImplementedError, f"base {base} not supported for int")
        return _number(x, dtypes.int32)
    return int(x) if base is _UNSAID else int(x, base)


def _number(x: Any, dtype: dtypes.DType) -> Any:
    from reflow.ops.cast import cast

    if x.dtype.base_dtype is dtypes.string:
        return REGISTRY["StringToNumber"](x, out_type=dtype)
    return cast(x, dtype)


def len_(value: Any) -> Any:
    """`len(value)`: of a tensor its first dimension, as an int where it is known."""
    if is_dataset(value):
        return _dataset_length(value)
    if has_all(value, "flow", "_with_flow"):
        return value.size()
    if not staged(value):
        return len(value)
    tensor = convert_to_tensor(value)
    if tensor.shape.rank == 0:
        raise fail(ValueError, f"len requires a non-scalar tensor, got one of shape {tensor.shape}")
    if tensor.shape.sizes and tensor.shape.sizes[0] is not None:
        return tensor.shape.sizes[0]
    size = REGISTRY["Shape"](tensor, out_type=dtypes.int32)
    if tensor.shape.rank is None:
        from reflow.ops.debugging import Assert

        rank = REGISTRY["Rank"](tensor)
        some = REGISTRY["Greater"](rank, 0)
        with control_dependencies([Assert(some, ["len requires non-zero rank, got", rank])]):
            return size[0]
    return size[0]


def _dataset_length(dataset: Any) -> Any:
    from reflow.ops.constant import identity
    from reflow.ops.debugging import Assert

    count = dataset.cardinality()
    if not staged(count):
        return len(dataset)
    known = REGISTRY["GreaterEqual"](count, convert_to_tensor(0, dtypes.int64))
    text = "len requires a data set of known finite cardinality"
    with control_dependencies([Assert(known, [text])]):
        return identity(count)


def print_(*objects: Any, **kwargs: Any) -> None:
    """`print(...)`: with tensors in it, it prints their values whenever the graph runs."""
    unknown = set(kwargs) - {"sep", "end", "file", "flush"}
    if unknown:
        raise fail(ValueError, f"invalid keyword arguments: {tuple(sorted(unknown))}")
    if current_graph() is None or not any(is_tensor(each) for each in objects):
        print(*objects, **kwargs)
        return
    from reflow.ops.script import numpy_function

    kwargs.setdefault("flush", True)
    places = [i for i, each in enumerate(objects) if is_tensor(each)]

    def show(*values: Any) -> Any:
        shown = list(objects)
        for i, value in zip(places, values):
            value = value[()] if getattr(value, "shape", None) == () else value
            shown[i] = value.decode() if isinstance(value, bytes) else value
        print(*shown, **kwargs)
        return np.int32(1)

    numpy_function(show, [convert_to_tensor(objects[i]) for i in places], dtypes.int32)


def range_(start: Any, stop: Any = _UNSAID, step: Any = _UNSAID) -> Any:
    """`range(...)`: `tf.range` if a bound is a tensor."""
    given = [each for each in (start, stop, step) if each is not _UNSAID]
    if not any(staged(each) for each in given):
        return range(*given)
    from reflow.ops.math import maximum
    from reflow.ops.sequences import range as tf_range

    if step is not _UNSAID:
        return tf_range(start, stop, step)
    # A range that ends before it starts is empty, and no error.
    if stop is not _UNSAID:
        return tf_range(start, maximum(start, stop))
    return tf_range(maximum(start, 0))


def enumerate_(iterable: Any, start: Any = 0) -> Any:
    """`enumerate(iterable)`: a data set of numbered elements of a data set."""
    return iterable.enumerate(start) if is_dataset(iterable) else enumerate(iterable, start)


def zip_(*iterables: Any, strict: bool = False) -> Any:
    """`zip(...)`: a data set of tuples, if all are data sets."""
    if iterables and all(is_dataset(each) for each in iterables):
        return type(iterables[0]).zip(iterables)
    return zip(*iterables, strict=strict)


def map_(function: Any, *iterables: Any) -> Any:
    """`map(...)`: over data sets, a data set."""
    if iterables and all(is_dataset(each) for each in iterables):
        source = iterables[0] if len(iterables) == 1 else type(iterables[0]).zip(iterables)
        return source.map(function)
    return map(function, *iterables)


def filter_(function: Any, iterable: Any) -> Any:
    return iterable.filter(function) if is_dataset(iterable) else filter(function, iterable)


def any_(iterable: Any) -> Any:
    """`any(...)`: of a data set of booleans, a boolean tensor."""
    if not is_dataset(iterable):
        return any(iterable)
    found = _booleans(iterable, "any").filter(lambda value: value).take(1)
    return found.reduce(False, lambda _, value: value)


def all_(iterable: Any) -> Any:
    """`all(...)`: of a data set of booleans, a boolean tensor."""
    if not is_dataset(iterable):
        return all(iterable)
    found = _booleans(iterable, "all").filter(REGISTRY["LogicalNot"]).take(1)
    return found.reduce(True, lambda _, value: value)


def _booleans(dataset: Any, name: str) -> Any:
    specs = nest.flatten(dataset.element_spec)
    if len(specs) != 1 or specs[0].dtype is not dtypes.bool:
        raise fail(
            ValueError,
            f'in graph mode, the "{name}" builtin only supports datasets that return bool scalars; '
            f"got: {dataset.element_spec}",
        )
    return dataset


def next_(iterator: Any, default: Any = _UNSAID) -> Any:
    """`next(iterator)`: the next element of the iterator of a data set."""
    if current_graph() is not None and has_all(iterator, "get_next_as_optional"):
        if default is _UNSAID:
            return iterator.get_next()
        from reflow.ops.control_flow.cond import cond

        optional = iterator.get_next_as_optional()
        return cond(optional.has_value(), optional.get_value, lambda: default)
    return next(iterator) if default is _UNSAID else next(iterator, default)


def sorted_(iterable: Any, key: Any = _UNSAID, reverse: Any = _UNSAID) -> Any:
    """`sorted(...)`: of a vector, a vector."""
    if not staged(iterable):
        said = {"key": key, "reverse": reverse}
        return sorted(iterable, **{k: v for k, v in said.items() if v is not _UNSAID})
    from reflow.ops.indexing import gather
    from reflow.ops.sorting import argsort, sort

    if iterable.shape.rank not in (None, 1):
        raise fail(ValueError, "sort only supports only 1D tensors")
    direction = "ASCENDING" if reverse is _UNSAID or not reverse else "DESCENDING"
    if key is _UNSAID or key is None:
        return sort(iterable, direction=direction)
    from reflow.ops.control_flow.functional import map_fn

    keys = map_fn(key, iterable)
    return gather(iterable, argsort(keys, direction=direction))


def _extreme(name: str, python: Callable[..., Any]) -> Callable[..., Any]:
    def overload(*args: Any, **kwargs: Any) -> Any:
        if kwargs or not any(staged(each) for each in args):
            return python(*args, **kwargs)
        from reflow.ops import math, reduce

        if len(args) == 1:
            if args[0].shape.rank not in (None, 0, 1):
                raise fail(
                    ValueError,
                    f"{name}(arg) currently support only tensor with rank 1, but got a tensor with "
                    f"rank {args[0].shape.rank}",
                )
            return getattr(reduce, f"reduce_{name}")(args[0])
        result = args[0]
        for other in args[1:]:
            result = getattr(math, f"{name}imum")(result, other)
        if result.shape.rank not in (None, 0):
            raise fail(
                ValueError,
                f"{name}(arg1, arg2, *args) currently support only scalar tensor, but got a tensor "
                f"with shape {result.shape}",
            )
        return result

    overload.__doc__ = f"`{name}(...)` of scalars or of a vector."
    return overload


min_ = _extreme("min", min)
max_ = _extreme("max", max)

OVERLOADS: dict[Any, Callable[..., Any]] = {
    getattr(builtins, name): globals()[f"{name}_"]
    for name in (
        *("abs", "all", "any", "enumerate", "filter", "float", "int", "len", "map", "max", "min"),
        *("next", "print", "range", "sorted", "zip"),
    )
}
