"""What `Session.run` is asked for: nested structures of fetches, and feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.graph import Graph, Operation
from reflow.lang.tensor import SymbolicTensor, Tensor

# (type, fetch function, feed function, feed function of partial runs), the latest first
_conversions: list[tuple[type, Callable, Callable | None, Callable | None]] = []


def register_session_run_conversion_functions(
    tensor_type: type,
    fetch_function: Callable | None = None,
    feed_function: Callable | None = None,
    feed_function_for_partial_run: Callable | None = None,
) -> None:
    """Lets objects of a type be fetched and fed.

    Args:
      tensor_type: the type.
      fetch_function: from an object to `(list of tensors, function of their values)`.
      feed_function: from an object and its value to `[(tensor, value), ...]`.
      feed_function_for_partial_run: from an object to the tensors that it feeds.

    Raises:
      ValueError: if the type is registered already.
    """
    if any(each[0] is tensor_type for each in _conversions):
        raise ValueError(f"{tensor_type} has already been registered so ignore it.")
    if fetch_function is None:
        raise TypeError("fetch_function is needed")
    _conversions.insert(
        0, (tensor_type, fetch_function, feed_function, feed_function_for_partial_run)
    )


def _conversion(obj: Any) -> Any:
    for row in _conversions:
        if isinstance(obj, row[0]):
            return row
    return None


def fetch_key(fetches: Any) -> Any:
    """A hashable stand-in for a structure of fetches."""
    if isinstance(fetches, (list, tuple)):
        return (type(fetches), *[fetch_key(each) for each in fetches])
    if isinstance(fetches, Mapping):
        return (type(fetches), *[(k, fetch_key(v)) for k, v in fetches.items()])
    if isinstance(fetches, str):
        return fetches
    return id(fetches)


class Fetches:
    """A structure of fetches: the graph elements it stands for, and how to rebuild it.

    Attributes:
      elements: the distinct tensors and nodes to run, in order of appearance.
      leaves: what was asked for, held so that the ids in a key stay valid.
    """

    def __init__(self, graph: Graph, fetches: Any):
        self.graph = graph
        self.leaves: list[Any] = []
        self.elements: list[Any] = []
        self._index: dict[int, int] = {}
        self._rebuild = self._visit(fetches)
        self.tensors = [e for e in self.elements if isinstance(e, SymbolicTensor)]
        position = {id(t): i for i, t in enumerate(self.tensors)}
        self._position = [position.get(id(e)) for e in self.elements]
        self.is_single = isinstance(fetches, SymbolicTensor)

    def build(self, values: Sequence[Any]) -> Any:
        """The structure with `values` (of `tensors`) in the places of the tensors, None for nodes."""
        return self._rebuild([None if p is None else values[p] for p in self._position])

    def _visit(self, obj: Any) -> Callable[[list[Any]], Any]:
        if obj is None:
            raise TypeError(f"Fetch argument {obj!r} has invalid type {type(obj)}")
        if isinstance(obj, (list, tuple)):
            parts = [self._visit(each) for each in obj]
            if hasattr(obj, "_fields"):
                return lambda v: type(obj)(*[part(v) for part in parts])
            kind: Any = type(obj)
            return lambda v: kind([part(v) for part in parts])
        if isinstance(obj, Mapping):
            keys, parts = list(obj.keys()), [self._visit(each) for each in obj.values()]
            kind = type(obj)
            return lambda v: kind(zip(keys, [part(v) for part in parts]))
        if hasattr(type(obj), "__attrs_attrs__"):
            names = [a.name for a in type(obj).__attrs_attrs__]
            parts = [self._visit(getattr(obj, name)) for name in names]
            return lambda v: type(obj)(*[part(v) for part in parts])
        self.leaves.append(obj)
        row = None if isinstance(obj, (SymbolicTensor, Operation, str)) else _conversion(obj)
        if row is not None:
            inner, contract = row[1](obj)
            positions = [self._add(each) for each in inner]
            return lambda v: contract([v[p] for p in positions])
        position = self._add(obj)
        return lambda v: v[position]

    def _add(self, obj: Any) -> int:
        try:
            element = self.graph.as_graph_element(obj, allow_tensor=True, allow_operation=True)
        except TypeError as error:
            raise TypeError(
                f"{errors.user_site()}: Fetch argument {obj!r} has invalid type "
                f"{type(obj)}, must be a string or Tensor. ({error})"
            ) from None
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{errors.user_site()}: Fetch argument {obj!r} cannot be interpreted "
                f"as a Tensor. ({error.args[0] if error.args else error})"
            ) from None
        if not self.graph.is_fetchable(element):
            raise ValueError(f"Operation {element!r} has been marked as not fetchable.")
        found = self._index.get(id(element))
        if found is None:
            found = self._index[id(element)] = len(self.elements)
            self.elements.append(element)
        return found


def expand_feeds(graph: Graph, feed_dict: Any) -> tuple[list[SymbolicTensor], list[Any]]:
    """The tensors that a feed dictionary feeds, and their values as arrays.

    Raises:
      TypeError: if a key or a value is of no suitable type.
      ValueError: if a value has a shape that the tensor cannot have.
    """
    tensors: list[SymbolicTensor] = []
    values: list[Any] = []
    for key, value in feed_dict.items():
        if type(key) is SymbolicTensor and key.op.graph is graph:
            tensors.append(key)
            values.append(feed_value(key, value))
            continue
        row = None if isinstance(key, (SymbolicTensor, str)) else _conversion(key)
        if row is not None and row[2] is not None:
            pairs = row[2](key, value)
        elif isinstance(key, tuple) and isinstance(value, tuple) and len(key) == len(value):
            pairs = list(zip(key, value))
        else:
            pairs = [(key, value)]
        for each, part in pairs:
            tensor = feed_tensor(graph, each)
            tensors.append(tensor)
            values.append(feed_value(tensor, part))
    return tensors, values


def feed_tensor(graph: Graph, key: Any) -> SymbolicTensor:
    """The tensor that a key of a feed dictionary names."""
    try:
        tensor = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
    except Exception as error:
        raise TypeError(
            f"{errors.user_site()}: Cannot interpret feed_dict key as Tensor: "
            f"{error.args[0] if error.args else error}"
        ) from None
    return tensor


def feed_value(tensor: SymbolicTensor, value: Any) -> Any:
    """A fed value as an array of the tensor's dtype and shape."""
    dtype = tensor.dtype.base_dtype
    if isinstance(value, Tensor):
        if not hasattr(value, "numpy"):
            raise TypeError(
                f"{errors.user_site()}: The value of a feed cannot be a tf.Tensor "
                f"object ({value!r}). Acceptable feed values include Python scalars, strings, lists, "
                "numpy ndarrays. Fetch its value with a session first."
            )
        value = value.numpy()
    if dtype is dtypes.resource or dtype is dtypes.variant:
        return value
    if type(value) is np.ndarray and value.dtype == dtype.np and dtype is not dtypes.string:
        array = value
    elif hasattr(value, "is_deleted") and hasattr(value, "sharding") and value.dtype == dtype.np:
        array = value  # a jax.Array stays where it is
    else:
        array = _feed_array(tensor, dtype, value)
    sizes = tensor._shape._dims
    if sizes is not None:
        shape = array.shape
        if len(shape) != len(sizes) or any(a is not None and a != b for a, b in zip(sizes, shape)):
            raise ValueError(
                f"{errors.user_site()}: Cannot feed value of shape {shape} for Tensor "
                f"{tensor.name}, which has shape {tensor.shape}"
            )
    if not tensor.op.graph.is_feedable(tensor):
        raise ValueError(f"{errors.user_site()}: Tensor {tensor} may not be fed.")
    return array


def _feed_array(tensor: SymbolicTensor, dtype: dtypes.DType, value: Any) -> np.ndarray:
    if dtype is dtypes.string:
        from reflow.lang.convert import to_array

        array = to_array(
            value if isinstance(value, (list, str, bytes)) else np.asarray(value), dtype
        )
        if array is None:
            raise TypeError(f"Cannot feed {value!r:.60} for Tensor {tensor.name}")
        return array
    if type(value) is int and dtype.is_integer and not dtype.min <= value <= dtype.max:
        raise TypeError(
            f"{errors.user_site()}: Type of feed value {value} is not compatible with "
            f"Tensor type {dtype.name}. Try explicitly setting the type of the feed tensor to a "
            "larger type (e.g. int64)."
        )
    plain = dtype.np if dtype.np.names is None else dtype.np[0]
    try:
        return np.asarray(value, plain)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{errors.user_site()}: Cannot feed {value!r:.60} for Tensor "
            f"'{tensor.name}' of {dtype.name}: {error}"
        ) from None
