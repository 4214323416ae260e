"""`tf.function`: https://www.tensorflow.org/api_docs/python/tf/function

A Python function is traced to a graph for every kind of arguments that it is called with, and from then
on the graph runs. `Function` finds or makes the trace for a call; `ConcreteFunction` is one trace.
"""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import context, errors, nest
from reflow.lang.collector import postponed
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.control_flow.cond import cond
from reflow.ops.variables.ops import var_is_initialized_op
from reflow.runtime import retracing
from reflow.runtime.concrete_function import ConcreteFunction
from reflow.runtime.function_type import ArgumentTypes, Keying, Parameters, Typing

_eagerly = [False]


@export("config.run_functions_eagerly", "config.experimental_run_functions_eagerly")
def run_functions_eagerly(run_eagerly: bool) -> None:
    """Makes functions decorated with `tf.function` run as the Python that they are, for debugging.

    >>> import reflow as tf
    >>> tf.config.run_functions_eagerly(False)
    """
    _eagerly[0] = bool(run_eagerly)


@export("config.functions_run_eagerly", "config.experimental_functions_run_eagerly")
def functions_run_eagerly() -> bool:
    """Whether `tf.config.run_functions_eagerly(True)` is in force."""
    return _eagerly[0]


@export("types.experimental.PolymorphicFunction", "types.experimental.GenericFunction")
class Function:
    """A Python function that runs as graphs: what `tf.function` makes."""

    def __init__(
        self,
        python_function: Callable,
        name: str,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
        experimental_implements: str | None = None,
        experimental_autograph_options: Any = None,
        experimental_attributes: dict[str, Any] | None = None,
    ):
        functools.update_wrapper(self, python_function)
        self._python_function = python_function
        self._name = name
        self._input_signature = None if input_signature is None else tuple(input_signature)
        self._autograph = autograph
        self._jit_compile = jit_compile
        self._reduce_retracing = reduce_retracing
        self._implements = experimental_implements
        self._autograph_options = experimental_autograph_options
        self._attributes = dict(experimental_attributes or {})
        self._lock = threading.RLock()
        self._by_instance: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()
        self._parameters = Parameters(python_function, name)
        self._by_key: dict[Any, ConcreteFunction] = {}
        self._traces: list[tuple[Any, ArgumentTypes, ConcreteFunction]] = []
        self._created_variables = False
        self._tracing_count = 0
        self._history = retracing.history_of(python_function)

    @functools.cached_property
    def _signature_types(self) -> ArgumentTypes:
        """The types that the input signature says; asked for when the function is used.

        Only then is it known whether the function is a method, whose `self` has none.
        """
        signature = self._input_signature
        assert signature is not None
        names = self._parameters.positional
        required = [n for n in names if n not in self._parameters.defaults]
        if len(signature) < len(required) or (
            len(signature) > len(names) and not self._parameters.varargs
        ):
            raise ValueError(
                f"{errors.user_site()}: input_signature has {len(signature)} entries, "
                f"but {self._name}{self._parameters.signature} takes {len(names)} arguments."
            )
        typing = Typing()
        fixed = [typing.type_of(s, n) for s, n in zip(signature, names)]
        values: list[Any] = []
        for i, name in enumerate(self._parameters.names):
            if i < len(fixed) and i < len(names):
                values.append(fixed[i])
            elif name == self._parameters.varargs:
                rest = [typing.type_of(s, name) for s in signature[len(names) :]]
                values.append(tuple(rest))
            elif name == self._parameters.varkw:
                values.append({})
            else:
                values.append(typing.type_of(self._parameters.defaults[name], name))
        return ArgumentTypes(values)

    # Calling -------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _eagerly[0]:
            return self._python_function(*args, **kwargs)
        values = self._parameters.bind(args, kwargs)
        keying = Keying()
        key = (*[keying.key(value) for value in values], _context_key())
        concrete = self._by_key.get(key)
        eager = context.state.graph is None
        if concrete is None:
            traces = self._tracing_count
            concrete, tensors = self._find_or_trace(key, values)
            if eager and traces < self._tracing_count:
                retracing.traced(self._history, self)
            if tensors is not None:
                return concrete._call_flat(tensors)
            return concrete._call_flat(keying.tensors)
        if eager:
            self._history[-1] += 1
        if self._input_signature is not None:
            return concrete._call_flat(self._cast(values))
        return concrete._call_flat(keying.tensors)

    def _cast(self, values: Sequence[Any]) -> list[Any]:
        try:
            return self._signature_types.to_tensors(values)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{errors.user_site()}: Binding inputs to tf.function failed due to "
                f"`{error}`. Received values {values!r:.300} for the input_signature "
                f"{self._input_signature} of {self._name}."
            ) from None

    def _find_or_trace(
        self, key: Any, values: Sequence[Any]
    ) -> tuple[ConcreteFunction, list[Any] | None]:
        """The trace for a call with a new key, and its tensors where they had to be converted."""
        with self._lock:
            tensors = None
            if self._input_signature is not None:
                tensors = self._cast(values)
                concrete = self._trace_for(self._signature_types)
            else:
                concrete = self._trace_for(self._types_of(values))
            later = concrete._set_up if context.executing_eagerly() else None
            self._by_key[key] = later or concrete
            return concrete, tensors

    def _types_of(self, values: Sequence[Any]) -> ArgumentTypes:
        """The trace types of one value per parameter."""
        typing = Typing()
        return ArgumentTypes([typing.type_of(v, n) for v, n in zip(values, self._parameters.names)])

    def _trace_for(self, wanted: ArgumentTypes) -> ConcreteFunction:
        """A trace that serves for arguments of these types: one that is there, or a new one."""
        where = _context_key()
        serving = [
            (types, concrete)
            for at, types, concrete in self._traces
            if at == where and wanted.is_subtype_of(types)
        ]
        for served, concrete in serving:
            if all(served.is_subtype_of(other) for other, _ in serving):
                return concrete
        if self._reduce_retracing:
            for at, types, _ in self._traces:
                if at == where:
                    wanted = wanted.common_supertype(types) or wanted
        concrete = self._trace(wanted)
        self._traces.append((where, wanted, concrete))
        return concrete

    # Tracing -------------------------------------------------------------------------------------

    def _trace(self, types: ArgumentTypes) -> ConcreteFunction:
        """Traces the function; a second time when it created variables, as it may only once."""
        if self._created_variables:
            return self._trace_once(types, _forbid_variables)
        note = NotedVariables()
        first = self._trace_once(types, note)
        if not note.created:
            return first
        self._created_variables = True
        if any(each() is None for each in note.created):
            raise ValueError(
                f"{errors.user_site()}: A tf.Variable created inside the tf.function "
                f"{self._name} was garbage-collected: keep it as an attribute or in a global."
            )
        later = self._trace_once(types, _forbid_variables)
        late = first.graph.late_variables
        return self._first_or_later(types, first, later, late) if late else later

    def _first_or_later(
        self,
        types: ArgumentTypes,
        first: ConcreteFunction,
        later: ConcreteFunction,
        late: Sequence[Any],
    ) -> ConcreteFunction:
        """The trace that creates variables until all have values that depend on arguments, then the other."""
        graph = trace_graph(self._name, _forbid_variables)
        with graph.as_default(), no_tapes():
            types.placeholders()
            arguments = list(graph.inputs)
            set_up = REGISTRY["All"](REGISTRY["Pack"]([var_is_initialized_op(h) for h in late]), 0)
            result = cond(
                set_up, lambda: later._call_flat(arguments), lambda: first._call_flat(arguments)
            )
            structure = convert_outputs(result, self._name)
        concrete = ConcreteFunction(graph, types, self._parameters, structure, len(arguments))
        concrete._attributes = self._attributes
        concrete._set_up = later
        return concrete

    @postponed
    def _trace_once(self, types: ArgumentTypes, creator: Callable) -> ConcreteFunction:
        self._tracing_count += 1
        graph = trace_graph(self._name, creator)
        if isinstance(creator, NotedVariables):
            graph.late_variables = []
        with graph.as_default(), no_tapes():
            values = types.placeholders()
            arguments = list(graph.inputs)
            function = self._python_function
            if self._autograph:
                function = autograph_converted(function, self._autograph_options)
            try:
                result = self._parameters.call(function, values)
            except RecursionError as error:
                if graph.outer_graph is not None and graph.outer_graph.building_function:
                    raise  # the outermost function says it
                raise RecursionError(
                    f"{errors.where(errors.raised_at(error))}: the recursion has no end while tf.function "
                    f"traces {self._name} ({error}). A condition on tensors does not end it, for both of "
                    "its branches are traced: end it on a Python value, or use tf.while_loop."
                ) from None
            structure = convert_outputs(result, self._name)
        concrete = ConcreteFunction(graph, types, self._parameters, structure, len(arguments))
        concrete._attributes = self._attributes
        return concrete

    # What programs ask for -----------------------------------------------------------------------

    @property
    def python_function(self) -> Callable:
        """The Python function that is traced."""
        return self._python_function

    @property
    def input_signature(self) -> Any:
        return self._input_signature

    @property
    def function_spec(self) -> Parameters:
        return self._parameters

    @property
    def name(self) -> str:
        return self._name

    def experimental_get_tracing_count(self) -> int:
        """How often the function has been traced."""
        return self._tracing_count

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace for arguments of these types.

        Args:
          *args, **kwargs: values, or type specs in their place; none with an `input_signature`.
        """
        with self._lock:
            if self._input_signature is not None:
                if args or kwargs:
                    values = self._parameters.bind(args, kwargs)
                    if not self._types_of(values).is_subtype_of(self._signature_types):
                        self._cast(values)
                concrete = self._trace_for(self._signature_types)
            else:
                values = self._parameters.bind(args, kwargs)
                concrete = self._trace_for(self._types_of(values))
            return concrete

    def _list_all_concrete_functions(self) -> list[ConcreteFunction]:
        return [concrete for _, _, concrete in self._traces]

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures of all traces so far."""
        return ("\n\n" if verbose else "\n").join(
            each.pretty_printed_signature(verbose) for each in self._list_all_concrete_functions()
        )

    def __get__(self, instance: Any, owner: Any) -> Any:
        """The function as a method of `instance`, with traces of its own."""
        return self if instance is None else BoundFunction(self._of(instance), instance)

    def _of(self, instance: Any) -> Function:
        """The function with the traces of `instance`, which it does not keep alive."""
        try:
            found = self._by_instance.get(instance)
        except TypeError:  # an instance that is not hashable
            key = f"_tf_function_{self._name}_{id(self)}"
            found = instance.__dict__.get(key)
            if found is None:
                found = instance.__dict__[key] = self._bound_to(instance)
            return found
        if found is None:
            found = self._by_instance[instance] = self._bound_to(instance)
        return found

    def _bound_to(self, instance: Any) -> Function:
        held = weakref.ref(instance)
        python_function = self._python_function
        if not hasattr(python_function, "__get__"):
            raise TypeError(f"{python_function!r} cannot be a method")
        return self._clone(_WeakMethod(python_function, held))

    def _clone(self, python_function: Callable) -> Function:
        return Function(
            python_function,
            self._name,
            self._input_signature,
            self._autograph,
            self._jit_compile,
            self._reduce_retracing,
            self._implements,
            self._autograph_options,
            self._attributes,
        )

    def _decorate(self, decorator: Callable[[Callable], Callable]) -> None:
        """Takes what `decorator` makes of the Python function in its place, before the first trace.

        TensorFlow's, by this name; libraries of modules enter their name scopes so.

        Raises:
          RuntimeError: if the function was traced before.
        """
        if self._traces or len(self._by_instance):
            raise RuntimeError(
                f"{errors.user_site()}: {self._name} was called before, and cannot be decorated any more."
            )
        self._python_function = decorator(self._python_function)
        self._parameters = Parameters(self._python_function, self._name)

    def __deepcopy__(self, memo: Any) -> Function:
        return self._clone(self._python_function)

    def __reduce__(self) -> tuple:
        return _remade, (
            self._python_function,
            self._name,
            self._input_signature,
            self._autograph,
            self._jit_compile,
            self._reduce_retracing,
        )

    def __repr__(self) -> str:
        return f"<tf.function {self._name} at {id(self):#x}>"


class BoundFunction(Function):
    """A function got from an object: keeps the object alive for as long as it is held itself."""

    def __init__(self, function: Function, instance: Any):
        self._function = function
        self.__self__ = instance
        self.__doc__ = function.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        return self._function.get_concrete_function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self


def _remade(*args: Any) -> Function:
    return Function(*args)


class _WeakMethod:
    """A method whose instance is held weakly: the traces of a method do not keep its object alive."""

    def __init__(self, function: Callable, instance: Callable[[], Any]):
        functools.update_wrapper(self, function)
        del self.__dict__["__wrapped__"]  # whose signature has `self`
        self.__func__ = function
        self._instance = instance

    @property
    def __self__(self) -> Any:
        found = self._instance()
        if found is None:
            raise ReferenceError(f"the object of the method {self.__name__} is gone")  # type: ignore[attr-defined]
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return types.MethodType(self.__func__, self.__self__)(*args, **kwargs)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(types.MethodType(self.__func__, self.__self__))


class NotedVariables:
    """A variable creator that notes what is created, by weak references."""

    def __init__(self) -> None:
        self.created: list[Any] = []

    def __call__(self, next_creator: Callable, **kwargs: Any) -> Any:
        variable = next_creator(**kwargs)
        self.created.append(weakref.ref(variable))
        return variable


def _forbid_variables(next_creator: Callable, **kwargs: Any) -> Any:
    raise ValueError(
        f"{errors.user_site()}: tf.function only supports singleton tf.Variables "
        "created on the first call. Make sure the tf.Variable is only created once or created "
        "outside tf.function. See https://www.tensorflow.org/guide/function#creating_tfvariables "
        "for more information."
    )


def _context_key() -> Any:
    """What a trace depends on beside the arguments: the TF 1 graph around, and the device."""
    graph: Any = context.state.graph
    if graph is None:
        if context.state.stack or context._eager_by_default[0]:
            return context.state.eager_device or None
        graph = context.global_graph()
    devices = tuple(graph._device_stack)
    while graph is not None and graph.building_function:
        graph = graph.outer_graph
    return (graph, devices) if graph is not None or devices else None


def trace_graph(name: str, creator: Callable | None = None) -> FuncGraph:
    """An empty graph for tracing a function in the current context.

    Args:
      name: the name of the function.
      creator: makes the variables that the function creates. What the functions around say about
        theirs does not concern this one.
    """
    graph = FuncGraph(name, context.current_graph())
    if creator is not None:
        stack = [
            row for row in graph._variable_creator_stack if not isinstance(row[1], _OfFunction)
        ]
        graph._variable_creator_stack = [*stack, (100, _OfFunction(creator))]
    return graph


class _OfFunction:
    """A variable creator that holds while a function is traced."""

    def __init__(self, creator: Callable):
        self._creator = creator

    def __call__(self, next_creator: Callable, **kwargs: Any) -> Any:
        return self._creator(next_creator, **kwargs)


class no_tapes:
    """What is traced within is not seen by the tapes around."""

    def __enter__(self) -> None:
        self._outer, context.state.tapes = context.state.tapes, []

    def __exit__(self, *exc: Any) -> None:
        context.state.tapes = self._outer


def autograph_converted(function: Callable, options: Any = None) -> Callable:
    """The function with its control flow over tensors turned into graph control flow."""
    return service("autograph_convert")(function, True, options)


def convert_outputs(result: Any, name: str) -> Any:
    """Makes what a traced function returned the outputs of the current graph; its structure.

    Raises:
      TypeError: if it is no structure of tensors.
    """
    from reflow.ops.control_flow.branches import is_tensor_array

    graph: Any = context.current_graph()
    outputs: list[SymbolicTensor] = []
    identity = REGISTRY["Identity"]

    def convert(leaf: Any) -> Any:
        if leaf is None:
            return None
        if is_tensor_array(leaf):
            outputs.append(identity(leaf.flow))
            return leaf
        if nest.is_composite(leaf):
            parts = nest.flatten(leaf, expand_composites=True)
            outputs.extend(identity(part) for part in parts)
            return leaf
        try:
            tensor = convert_to_tensor(leaf)
        except errors.InaccessibleTensorError:
            raise
        except (TypeError, ValueError):
            raise TypeError(
                f"{errors.user_site()}: To be compatible with tf.function, Python "
                "functions must return zero or more Tensors or ExtensionTypes or None values; in "
                f"compilation of {name}, found return value of type {type(leaf).__name__}, which is "
                "not a Tensor or ExtensionType."
            ) from None
        tensor = identity(tensor)
        outputs.append(tensor)
        return tensor

    structure = nest.map_structure(convert, result)
    graph.outputs = outputs
    return structure


@export("function")
def function(
    func: Any = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: dict[str, Any] | None = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Makes a Python function run as graphs, one per kind of arguments: a decorator.

    Args:
      func: the function; None to use it as `@tf.function(...)`.
      input_signature: a sequence of type specs, one per argument: one trace serves all calls.
      autograph: whether Python's control flow over tensors becomes control flow of the graph.
      jit_compile: accepted; every graph is compiled where that pays.
      reduce_retracing: whether to generalise the shapes of arguments that differ from earlier calls.
      experimental_implements: the name of what it implements, kept as an attribute.
      experimental_autograph_options: features of AutoGraph to switch on.
      experimental_attributes: attributes of the function in a `GraphDef`.
      experimental_relax_shapes: the old name of `reduce_retracing`.
      experimental_compile: the old name of `jit_compile`.
      experimental_follow_type_hints: accepted, without effect, as in TensorFlow.

    Raises:
      ValueError: if a variable is created on another call than the first.

    >>> import reflow as tf
    >>> @tf.function
    ... def double(x):
    ...     return x * 2
    >>> print(double(tf.constant(3)).numpy())
    6
    """
    if experimental_relax_shapes is not None:
        reduce_retracing = experimental_relax_shapes
    if experimental_compile is not None:
        jit_compile = experimental_compile
    attributes = dict(experimental_attributes or {})
    if experimental_implements is not None:
        attributes["api_implements"] = experimental_implements

    def decorate(target: Callable) -> Function:
        if isinstance(target, (classmethod, staticmethod)):
            raise TypeError(
                f"{errors.user_site()}: tf.function goes below @staticmethod or "
                "@classmethod: decorate the plain function first."
            )
        name = getattr(target, "__name__", type(target).__name__)
        return Function(
            target,
            name,
            input_signature,
            autograph,
            jit_compile,
            reduce_retracing,
            experimental_implements,
            experimental_autograph_options,
            attributes,
        )

    return decorate if func is None else decorate(func)
