"""Data sets of what Python generators yield."""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.data import sources, structure
from reflow.data.structure import Structure
from reflow.lang import context, dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor, to_array
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.func_graph import FuncGraph
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import TensorSpec
from reflow.ops.script import py_func


def from_generator(
    family: Any,
    generator: Callable,
    output_types: Any,
    output_shapes: Any,
    args: Any,
    output_signature: Any,
) -> Any:
    """The body of `Dataset.from_generator`."""
    site = errors.user_site()
    if not callable(generator):
        raise TypeError(f"{site}: `generator` must be a Python callable, got {generator!r:.80}")
    if output_signature is not None:
        if output_types is not None or output_shapes is not None:
            raise TypeError(
                f"{site}: The `output_types` and `output_shapes` arguments cannot be given together "
                "with `output_signature`."
            )
        spec = structure.convert_spec(output_signature)
    elif output_types is None:
        raise TypeError(
            f"{site}: To specify the output signature you need to provide either the "
            "`output_signature` argument or the `output_types` argument."
        )
    else:
        types = structure.map_leaves(as_dtype, output_types)
        spec = structure.from_legacy(types, output_shapes)
    tensors = [convert_to_tensor(each) for each in (() if args is None else args)]
    element = Structure(spec)
    calls = _Calls(generator, element)
    graphs = [
        _graph("begin", calls.begin, [(t.dtype, t.shape) for t in tensors], [dtypes.int64], [()]),
        _graph("next", calls.next, [(dtypes.int64, ())], element.types, element.shapes),
        _graph("end", calls.end, [(dtypes.int64, ())], [dtypes.int64], [()]),
    ]
    variant = sources.generator_dataset(
        tensors,
        [],
        [],
        init_func=graphs[0],
        next_func=graphs[1],
        finalize_func=graphs[2],
        **element.attrs,
    )
    return family._make("_FlatMapDataset", variant, spec)


def _graph(
    name: str,
    function: Callable,
    inputs: Sequence[Any],
    types: Sequence[DType],
    shapes_: Sequence[Any],
) -> FuncGraph:
    """A function graph that calls a Python function."""
    graph = FuncGraph(f"generator_{name}", context.current_graph())
    with graph.as_default():
        args = [graph.add_input(kind, shapes.as_shape(shape), "args") for kind, shape in inputs]
        results = py_func(function, args, list(types), stateful=True)
        for result, shape in zip(results, shapes_):
            result.set_shape(shape)
        graph.outputs = list(results)
    return graph


class _Calls:
    """The generators that are running, by number, and what the functions of the op do with them."""

    def __init__(self, generator: Callable, element: Structure):
        self._generator = generator
        self._element = element
        self._running: dict[int, Any] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._types = [t.np if t is not dtypes.string else None for t in element.types]
        self._one = all(isinstance(leaf, TensorSpec) for leaf in element.leaves)
        self._single = self._one and not structure.is_nested(element.spec)

    def begin(self, *args: Any) -> Any:
        try:
            running = iter(self._generator(*args))
        except Exception as error:
            raise _told(error, self._generator) from error
        with self._lock:
            number = next(self._numbers)
            self._running[number] = running
        return np.int64(number)

    def next(self, number: Any) -> Any:
        try:
            value = next(self._running[int(number)])
        except StopIteration:
            raise errors.OutOfRangeError(None, None, "End of sequence") from None
        except Exception as error:
            raise _told(error, self._generator) from error
        return self._parts(value)

    def end(self, number: Any) -> Any:
        with self._lock:
            running = self._running.pop(int(number), None)
        close = getattr(running, "close", None)
        if close is not None:
            try:
                close()
            except ValueError:  # it is running in another thread, and nobody waits for it
                return number
        return number

    def _parts(self, value: Any) -> list[Any]:
        element = self._element
        if self._single:
            return [self._array(value, 0)]
        try:
            leaves = structure.flatten_up_to(element.spec, value)
        except (ValueError, TypeError):
            raise self._wrong(
                "`generator` yielded an element that did not match the expected structure. The "
                f"expected structure was {element.spec}, but the yielded element was {value!r:.200}."
            ) from None
        if self._one:
            return [self._array(leaf, i) for i, leaf in enumerate(leaves)]
        parts: list[Any] = []
        with context.using_graph(None):
            for spec, leaf in zip(element.leaves, leaves):
                normal = structure.normalize_leaf(leaf)
                for part in structure.to_parts(spec, normal):
                    parts.append(self._array(part, len(parts)))
        return parts

    def _array(self, value: Any, i: int) -> Any:
        dtype, shape = self._element.types[i], self._element.shapes[i]
        wanted = self._types[i]
        if isinstance(value, Tensor):
            value = value._value  # type: ignore[attr-defined]
            if dtype is dtypes.variant:
                return value
        if type(value) is not np.ndarray or value.dtype != wanted:
            try:
                value = _converted(value, dtype)
            except (TypeError, ValueError) as error:
                raise self._wrong(
                    "`generator` yielded an element that could not be converted to the expected "
                    f"type. The expected type was {dtype.name}, but the yielded element was "
                    f"{value!r:.200}. ({error})"
                ) from None
        if shape._dims is not None and shape._dims != value.shape:
            if not shape.is_compatible_with(value.shape):
                raise self._wrong(
                    f"`generator` yielded an element of shape {value.shape} where an element of "
                    f"shape {shape} was expected."
                )
        return value

    def _wrong(self, message: str) -> Exception:
        return errors.InvalidArgumentError(
            None, None, f"{_place(self._generator)}: TypeError: {message}"
        )


def _converted(value: Any, dtype: DType) -> np.ndarray:
    if dtype.np.kind == "O":
        result = to_array(value, dtype)
    else:
        result = np.asarray(value)
        if result.dtype != dtype.np:
            if result.dtype.kind in "OSU":
                result = to_array(value, dtype)
            else:
                result = result.astype(dtype.np)
    if result is None:
        raise TypeError("it holds values of several kinds")
    return np.asarray(result)


def _place(function: Callable) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(function, "__call__", None), "__code__", None)  # noqa: B004
    return "<generator>" if code is None else errors.where((code, code.co_firstlineno))


_CLASSES: list[tuple[type, Any]] = [
    (MemoryError, errors.ResourceExhaustedError),
    (NotImplementedError, errors.UnimplementedError),
    (ValueError, errors.InvalidArgumentError),
    (TypeError, errors.InvalidArgumentError),
]


def _told(error: Exception, generator: Callable) -> Exception:
    """An error of a program's generator as TensorFlow's class, naming the line that raised it."""
    place = _place(generator)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if not frame.f_code.co_filename.startswith(errors._PACKAGE):
            place = errors.where((frame.f_code, line))
            break
    if isinstance(error, errors.OpError):
        return error
    kind = next((k for raised, k in _CLASSES if isinstance(error, raised)), errors.UnknownError)
    return kind(None, None, f"{place}: {type(error).__name__}: {error}")
