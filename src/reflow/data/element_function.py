"""Functions of elements: traced once into a function graph, then run for every element."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from reflow.data import structure
from reflow.data.structure import Structure
from reflow.lang import errors
from reflow.lang.collector import postponed
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.services import service
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import TypeSpec
from reflow.ops.script import py_function
from reflow.runtime.function import NotedVariables, no_tapes, trace_graph

_debugging = [False]


@export("data.experimental.enable_debug_mode")
def enable_debug_mode() -> None:
    """Runs the functions of data sets eagerly from now on, so that a debugger can step into them.

    Raises:
      ValueError: in a graph.

    https://www.tensorflow.org/api_docs/python/tf/data/experimental/enable_debug_mode
    """
    if not executing_eagerly():
        raise ValueError(f"{errors.user_site()}: debug mode is only supported in eager mode")
    _debugging[0] = True


def call_user_function(function: Callable[..., Any], args: tuple) -> Any:
    """Calls a program's function of elements while it is traced: the one place where that happens.

    Raises:
      TypeError: if it does not take so many arguments.
    """
    try:
        inspect.signature(function).bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{errors.user_site()}: the function is called with {len(args)} arguments, "
            f"the components of an element: {error}"
        ) from None
    except ValueError:  # a function of C, which does not say what it takes
        return function(*args)
    return service("autograph_tf_convert")(function, user_requested=True)(*args)


class ElementFunction:
    """A traced function of elements.

    Args:
      function: from the components of an element (several, where it is a tuple) to a structure.
      *inputs: the structure of each argument; several where there is more than the element, such as
        a state.
      what: the name of the transformation.
      unpack: whether a tuple becomes several arguments.

    Attributes:
      graph: its body.
      output: the structure of its results.
      captured: the tensors from outside that it uses.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *inputs: Structure,
        what: str,
        unpack: bool = True,
    ):
        if not callable(function):
            raise TypeError(f"{errors.user_site()}: {what} takes a function, got {function!r:.80}")
        name = getattr(function, "__name__", type(function).__name__)
        label = "".join(c if c.isalnum() or c == "_" else "_" for c in f"Dataset_{what}_{name}")
        self.what = what
        self.site = errors.user_frame()
        graph = self._trace(function, inputs, label, unpack)
        if _debugging[0] and executing_eagerly():
            graph = self._trace_eager_calls(function, inputs, label, unpack)
        self.graph = graph
        self.captured = [_value_of(tensor) for tensor in graph.external_captures]

    def _trace(
        self, function: Callable[..., Any], inputs: tuple, label: str, unpack: bool
    ) -> FuncGraph:
        """Traces the function; a second time when it created variables, as it may only once."""
        note = NotedVariables()
        graph = self._trace_once(function, inputs, label, unpack, note)
        if note.created:
            graph = self._trace_once(function, inputs, label, unpack, _forbid_variables)
        return graph

    @postponed
    def _trace_once(
        self,
        function: Callable[..., Any],
        inputs: tuple,
        label: str,
        unpack: bool,
        creator: Callable[..., Any],
    ) -> FuncGraph:
        graph = trace_graph(label, creator)
        with graph.as_default(), no_tapes():
            args = _arguments(graph, inputs, unpack)
            result = _as_element(call_user_function(function, args))
            self.output = self._output_structure(result)
            parts = self.output.to_parts(result)
            graph.outputs = [graph.capture(part) for part in parts]
        return graph

    def _trace_eager_calls(
        self, function: Callable[..., Any], inputs: tuple, label: str, unpack: bool
    ) -> FuncGraph:
        """A graph that calls the Python function for every element."""
        output = self.output
        graph = trace_graph(label, _forbid_variables)

        def call(*parts: Any) -> list[Any]:
            left = list(parts)
            values = []
            for each in inputs:
                count = len(each.types)
                values.append(each.from_parts(left[:count]))
                del left[:count]
            result = _as_element(function(*_unpacked(values, unpack)))
            return output.to_parts(structure.normalize(result))

        with graph.as_default(), no_tapes():
            flat = [
                graph.add_input(dtype, shape, "args")
                for each in inputs
                for dtype, shape in zip(each.types, each.shapes)
            ]
            results = py_function(call, flat, list(output.types))
            for tensor, shape in zip(results, output.shapes):
                tensor.set_shape(shape)
            graph.outputs = list(results)
        return graph

    def _output_structure(self, result: Any) -> Structure:
        try:
            return Structure(structure.spec_of(result))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{errors.where(self.site)}: Unsupported return value from function passed to "
                f"Dataset.{self.what}(): {result!r:.200}. ({error})"
            ) from None


def _forbid_variables(next_creator: Callable, **kwargs: Any) -> Any:
    raise ValueError(
        f"{errors.user_site()}: tf.function only supports singleton tf.Variables created "
        "on the first call: a function of a data set's elements, which is called for each of them, "
        "cannot create variables. Create them outside, and use them in the function."
    )


def _arguments(graph: FuncGraph, inputs: tuple, unpack: bool) -> tuple:
    values = []
    count = 0
    for each in inputs:
        parts = []
        for dtype, shape in zip(each.types, each.shapes):
            parts.append(graph.add_input(dtype, shape, f"args_{count}"))
            count += 1
        values.append(each.from_parts(parts))
    return _unpacked(values, unpack)


def _unpacked(values: list[Any], unpack: bool) -> tuple:
    if unpack and len(values) == 1 and type(values[0]) is tuple:
        return values[0]
    return tuple(values)


def _as_element(result: Any) -> Any:
    """What a function returned, with a value of parts in place of each leaf."""
    if isinstance(result, list):  # several components, as a tuple
        result = tuple(result)
    return structure.map_leaves(_as_leaf, result)


def _as_leaf(value: Any) -> Any:
    if isinstance(value, (Tensor, TypeSpec)) or value is None:
        return value
    return structure.normalize_leaf(value)


def _value_of(tensor: Tensor) -> Tensor:
    """A captured tensor as an input of a node: the value of a reference, not the reference."""
    return REGISTRY["Identity"](tensor) if tensor.dtype.is_ref_dtype else tensor


def as_structure(element: Any) -> tuple[Any, Structure]:
    """An element of any Python values with tensors in it, and its structure."""
    normal = structure.normalize(element)
    return normal, Structure(structure.spec_of(normal))


def scalar(value: Any, dtype: Any, name: str) -> Tensor:
    """`value` as a tensor of the given dtype, which a data set op takes.

    Raises:
      ValueError: if it is none.
    """
    try:
        return convert_to_tensor(value, dtype, name=name)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{errors.user_site()}: `{name}` must be {dtype.name}, got {value!r:.80}: {error}"
        ) from None
