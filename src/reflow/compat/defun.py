"""`tensorflow.python.framework.function`: TF 1's functions of graphs, which libraries give gradients by."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from reflow.autodiff.custom_gradient import custom_gradient
from reflow.lang import context, errors, nest, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.func_graph import FuncGraph, trace
from reflow.lang.tensor import Tensor
from reflow.runtime.function_call import call_function


class Defun:
    """Makes a Python function a function of graphs, called there as one node: a decorator.

    Args:
      *input_types: the dtypes of the arguments; without them there is a function for each kind of
        arguments that it is called with.
      func_name: its name.
      grad_func: a function made by `Defun` of the arguments and the gradients of the results, which
        returns the gradients of the arguments.
      python_grad_func: such a function of Python: it gets the node of the call, then the gradients.
      out_names: accepted: results have no names here.
      shape_func: gives the static shapes of the results, from the node of the call.
      capture_by_value: accepted: what is captured is a value here.
      **attributes: attributes of the function (`noinline`, `compiled`), which change no result.

    Raises:
      ValueError: if both gradient functions are given.
    """

    def __init__(
        self,
        *input_types: Any,
        func_name: str | None = None,
        grad_func: Any = None,
        python_grad_func: Callable | None = None,
        out_names: Any = None,
        shape_func: Callable | None = None,
        capture_by_value: bool = False,
        **attributes: Any,
    ):
        if grad_func is not None and python_grad_func is not None:
            raise ValueError(
                f"{errors.user_site()}: Gradient defined twice for function {func_name}"
            )
        self._types = tuple(as_dtype(each) for each in input_types)
        self._options = (func_name, grad_func, python_grad_func, shape_func)

    def __call__(self, function: Callable) -> DefinedFunction:
        if not callable(function):
            raise ValueError(f"{errors.user_site()}: Function {function} must be a callable.")
        parameters = inspect.signature(function).parameters.values()
        several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        positional = [
            p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        least = sum(p.default is p.empty for p in positional)
        if self._types and (
            len(self._types) < least or (len(self._types) > len(positional) and not several)
        ):
            raise ValueError(
                f"{errors.user_site()}: The number of tf.function input types is not compatible with the "
                f"allowed arguments of {function}: {len(self._types)} types for {len(positional)} "
                "parameters."
            )
        return DefinedFunction(
            function, self._types if self._types or not positional else None, *self._options
        )


class DefinedFunction:
    """What `Defun` makes of a function: to be called while a graph is built."""

    def __init__(
        self,
        function: Callable,
        types: tuple[DType, ...] | None,
        func_name: str | None,
        grad_func: Any,
        python_grad_func: Callable | None,
        shape_func: Callable | None,
    ):
        self._function, self._types = function, types
        self.name = func_name or getattr(function, "__name__", type(function).__name__).strip("<>")
        self._grad_func, self.python_grad_func = grad_func, python_grad_func
        self._shape_func = shape_func
        # What a trace captured belongs to the graph around.
        self._traces: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()

    def set_grad_func(self, grad_func: Any) -> None:
        """Gives the function a gradient, made by `Defun`."""
        self._grad_func = grad_func

    @property
    def declared_input_types(self) -> tuple[DType, ...] | None:
        return self._types

    def __call__(self, *args: Any, name: str | None = None) -> Any:
        """The results for tensors: a node of the graph that is built.

        Raises:
          RuntimeError: in eager code.
          ValueError: if the arguments are too few or too many, or of other dtypes.
        """
        if context.current_graph() is None:
            raise RuntimeError(
                f"{errors.user_site()}: {self.name} was made by Defun, to be called while a graph is "
                "built: use tf.function in eager code."
            )
        if self._types is not None and len(args) != len(self._types):
            raise ValueError(
                f"{errors.user_site()}: Expected {len(self._types)} arguments, got {len(args)}."
            )
        tensors = [convert_to_tensor(each) for each in args]
        for i, (tensor, wanted) in enumerate(zip(tensors, self._types or ())):
            if tensor.dtype.base_dtype is not wanted:
                raise ValueError(
                    f"{errors.user_site()}: Input {i} of {self.name} was passed {tensor.dtype.name}, "
                    f"expected {wanted.name}. Convert it with tf.cast."
                )
        if self._grad_func is None and self.python_grad_func is None:
            return self._called(tensors, name)
        return custom_gradient(lambda *inputs: self._with_gradient(inputs, name))(*tensors)

    def _with_gradient(self, inputs: Sequence[Tensor], name: str | None) -> tuple[Any, Callable]:
        results = self._called(inputs, name)
        flat = nest.flatten(results)

        def gradient(*grads: Any) -> Any:
            if self._grad_func is not None:
                return self._grad_func(*inputs, *grads)
            return self.python_grad_func(flat[0].op, *grads)  # type: ignore[misc, union-attr]

        return results, gradient

    def _called(self, inputs: Sequence[Tensor], name: str | None) -> Any:
        function, structure = self._trace([tensor.dtype.base_dtype for tensor in inputs])
        graph: Any = context.current_graph()
        with graph.name_scope(name or self.name):
            outputs = call_function(function, [*inputs, *function.external_captures])
        if not function.outputs:
            return outputs[0]  # the node
        if self._shape_func is not None:
            for output, shape in zip(outputs, self._shape_func(outputs[0].op)):
                output.set_shape(shape)
        return nest.pack_sequence_as(structure, list(outputs))

    def _trace(self, kinds: list[DType]) -> tuple[FuncGraph, Any]:
        traces = self._traces.setdefault(context.current_graph(), {})
        key = tuple(kinds)
        if key not in traces:
            arguments = [(kind, shapes.UNKNOWN, f"arg{i}") for i, kind in enumerate(kinds)]
            function, result = trace(self.name, self._body, arguments)
            traces[key] = function, result
        return traces[key]

    def _body(self, *placeholders: Any) -> Any:
        result = self._function(*placeholders)
        if not isinstance(result, (Tensor, tuple, list)) and not hasattr(result, "dtype"):
            result = ()  # nothing, or an operation
        result = nest.map_structure(convert_to_tensor, result)
        graph: Any = context.current_graph()
        graph.outputs = nest.flatten(result)
        return result
