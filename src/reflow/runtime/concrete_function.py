"""One trace of a `tf.function`: a graph with the structure of its arguments and of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.autodiff import call_gradient, engine
from reflow.lang import context, errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import resource
from reflow.lang.export import export
from reflow.lang.func_graph import FuncGraph
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.lang.type_spec import TensorSpec
from reflow.ops.control_flow.branches import is_tensor_array
from reflow.runtime import signature_text
from reflow.runtime.eager import EagerTensor
from reflow.runtime.function_call import call_function
from reflow.runtime.function_type import ArgumentTypes, Literal, Parameters


@export("types.experimental.ConcreteFunction", v1=("types.experimental.ConcreteFunction",))
class ConcreteFunction:
    """A graph that is called like the Python function it was traced from.

    Args:
      graph: the traced graph, whose `inputs` are the arguments and then the captures.
      types: the trace types of the arguments, one structure per parameter.
      parameters: the parameters of the Python function.
      structure: the structure of the results.
      arguments: how many of the inputs are arguments.
    """

    def __init__(
        self,
        graph: FuncGraph,
        types: ArgumentTypes,
        parameters: Parameters,
        structure: Any,
        arguments: int,
    ):
        self.graph = graph
        self._types = types
        self._parameters = parameters
        self._structure = structure
        self._arguments = arguments
        self._attributes: dict[str, Any] = {}
        self._set_up: ConcreteFunction | None = None  # what runs once all variables have values
        self._pack = _packer(structure)
        self._capture_count = -1

    # Calling -------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the trace with arguments in the structure it was traced for, or tensors by name."""
        tensors = self._structured(args, kwargs)
        if tensors is None:
            tensors = self._flat(args, kwargs)
        return self._call_flat(tensors)

    def _structured(self, args: tuple, kwargs: dict[str, Any]) -> list[Any] | None:
        """The tensors of a call like that of the Python function; None if it is none."""
        try:
            bound = self._bind_values(args, kwargs)
            return self._types.to_tensors(bound)
        except (TypeError, ValueError):
            return None

    def _bind_values(self, args: tuple, kwargs: dict[str, Any]) -> Sequence[Any]:
        """Like the Python function's binding, but Python values of the trace may be left out."""
        parameters = self._parameters
        given = dict(kwargs)
        if len(args) > len(parameters.positional) and parameters.varargs is None:
            raise TypeError("too many arguments")
        for name, value in zip(parameters.positional, args):
            if name in given:
                raise TypeError(f"multiple values for argument '{name}'")
            given[name] = value
        values: list[Any] = []
        for name, types in zip(parameters.names, self._types.structure):
            if name == parameters.varargs:
                values.append(args[len(parameters.positional) :])
            elif name == parameters.varkw:
                values.append({k: given.pop(k) for k in types if k in given})
            elif name in given:
                values.append(given.pop(name))
            elif all(isinstance(leaf, Literal) for leaf in nest.flatten(types)):
                values.append(nest.map_structure(lambda leaf: leaf.value, types))
            else:
                raise TypeError(f"missing a required argument: '{name}'")
        if given:
            raise TypeError(f"got unexpected keyword arguments {sorted(given)}")
        return values

    def _flat(self, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
        """The tensors of a call that gives each tensor of the signature by position or name."""
        specs = self._types.specs()
        given = dict(zip((spec.name for spec in specs), args))
        tensors: list[Any] = list(args)
        for spec in specs[len(args) :]:
            if spec.name not in kwargs:
                raise self._mismatch(args, kwargs, f"missing a required argument: '{spec.name}'")
            tensors.append(kwargs[spec.name])
        extra = [k for k in kwargs if k in given or all(k != spec.name for spec in specs)]
        if extra or len(args) > len(specs):
            raise self._mismatch(
                args, kwargs, f"unexpected arguments {extra or args[len(specs) :]}"
            )
        result = []
        for i, (spec, value) in enumerate(zip(specs, tensors)):
            if spec.dtype is resource:
                result.append(getattr(value, "handle", value))
                continue
            if isinstance(value, EagerTensor) and value.dtype is not spec.dtype.base_dtype:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"{errors.user_site()}: cannot compute {self._parameters.name} as input "
                    f"#{i}(zero-based) '{spec.name}' was expected to be a {spec.dtype.name} tensor but "
                    f"is a {value.dtype.name} tensor. Convert it with tf.cast.",
                )
            try:
                tensor = convert_to_tensor(value, spec.dtype)
            except (TypeError, ValueError) as error:
                raise self._mismatch(args, kwargs, str(error)) from None
            if not spec.shape.is_compatible_with(tensor.shape):
                raise self._mismatch(
                    args, kwargs, f"'{spec.name}' has shape {tensor.shape}, not {spec.shape}"
                )
            result.append(tensor)
        return result

    def _mismatch(self, args: tuple, kwargs: dict[str, Any], why: str) -> TypeError:
        return TypeError(
            f"{errors.user_site()}: Binding inputs to the concrete function failed due "
            f"to `{why}`. It takes {self.pretty_printed_signature(verbose=False)}; received args {args!r:.200} and "
            f"kwargs {kwargs!r:.200}."
        )

    def _call_flat(self, tensors: Sequence[Any], captured_inputs: Any = None) -> Any:
        captures = self.graph._captures
        if len(captures) != self._capture_count:
            self._note_captures()
        if context.state.tapes:
            given = [getattr(tensor, "_variable", None) for tensor in tensors]
            for variable in (*filter(None, given), *self._trainable):
                held = variable()
                if held is not None:
                    held._accessed()
        return self._pack(call_function(self.graph, [*tensors, *self._external]))

    def _note_captures(self) -> None:
        self._external = self.graph.external_captures
        self._capture_count = len(self._external)
        behind = [getattr(tensor, "_variable", None) for tensor in self._external]
        self._variables = [held for held in behind if held is not None and held() is not None]
        self._trainable = [held for held in self._variables if held().trainable]

    # What it is ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The placeholders of the arguments, then those of the captures."""
        return self.graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return self.graph.outputs

    @property
    def captured_inputs(self) -> list[Tensor]:
        """The tensors from outside that it uses."""
        return self.graph.external_captures

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables that it uses."""
        self._note_captures()
        return tuple(v for v in (held() for held in self._variables) if v is not None)

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.variables if v.trainable)

    @property
    def structured_input_signature(self) -> tuple[tuple, dict[str, Any]]:
        """The specs of positional and of keyword arguments; Python values as they are."""
        structure = nest.map_structure(
            lambda leaf: leaf.value if isinstance(leaf, Literal) else leaf, self._types.structure
        )
        return self._parameters.split(structure)

    @property
    def structured_outputs(self) -> Any:
        return self._structure

    @property
    def output_shapes(self) -> Any:
        return nest.map_structure(lambda x: getattr(x, "shape", None), self._structure)

    @property
    def output_dtypes(self) -> Any:
        return nest.map_structure(lambda x: getattr(x, "dtype", None), self._structure)

    @property
    def function_def(self) -> Any:
        """The function as a `FunctionDef` message."""
        return service("function_to_function_def")(self.graph)

    def add_to_graph(self, g: Any = None, overwrite: bool = False) -> None:
        """Puts the function into the library of a graph, whether or not a node calls it.

        Args:
          g: the graph; by default the current one. Eager code has none, and needs none.
          overwrite: whether it takes the place of another function of its name.
        """
        _add_to_library(g, {self.name: self.graph}, overwrite)

    def add_gradient_functions_to_graph(self, g: Any = None) -> None:
        """Puts what runs it and keeps what its gradient needs, and the gradient, into a graph's library."""
        forward = call_gradient.with_residuals(self.graph, 1)
        seeds = tuple(i for i, t in enumerate(self.graph.outputs) if engine.is_plain(t))
        gradient = call_gradient.backward(forward, seeds)[0].function
        found = {f"{self.name}_forward": forward, f"{self.name}_backward": gradient}
        _add_to_library(g, {name: f for name, f in found.items() if f is not None}, False)

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """Its arguments and results, to be read; `verbose`: on many lines, with what it captured."""
        types = self._types.structure
        if not verbose:
            return signature_text.short(self._parameters, types, self._structure)
        captured = self.captured_inputs
        return signature_text.verbose(self._parameters, types, self._structure, captured)

    def prune(self, feeds: Any, fetches: Any, name: str | None = None) -> ConcreteFunction:
        """The part of the graph that computes `fetches` from `feeds`, as a function.

        Args:
          feeds: tensors of the graph, which become the arguments.
          fetches: tensors of the graph in any structure, which become the results.
          name: a name for the function.
        """
        given = [
            self.graph.as_graph_element(f) if isinstance(f, str) else f for f in nest.flatten(feeds)
        ]
        structure = nest.map_structure(
            lambda f: self.graph.as_graph_element(f) if isinstance(f, str) else f, fetches
        )
        captures = self.graph.internal_captures
        graph = self.graph.variant([*given, *captures], nest.flatten(structure))
        graph.name = name or f"{self.graph.name}_pruned"
        graph.side_effects = False  # nodes run where a fetch needs them
        specs = [TensorSpec(t.shape, t.dtype, t.op.name) for t in given]
        names = [f"feed_{i}" for i in range(len(given))]
        parameters = Parameters(_named(names), graph.name)
        return ConcreteFunction(graph, ArgumentTypes(specs), parameters, structure, len(given))

    def __repr__(self) -> str:
        signature = self.pretty_printed_signature(verbose=False)
        return f"<ConcreteFunction {signature} at 0x{id(self):X}>"

    def __str__(self) -> str:
        return f"ConcreteFunction {self.pretty_printed_signature()}"


def _add_to_library(g: Any, functions: dict[str, FuncGraph], overwrite: bool) -> None:
    """Adds functions to the library of `g`, or of the current graph if there is one."""
    graph: Any = context.current_graph() if g is None else g
    for name, function in functions.items() if graph is not None else ():
        if overwrite or name not in graph._functions:
            graph._functions[name] = function


def _named(names: Sequence[str]) -> Callable:
    import inspect

    def function(*args: Any) -> Any:
        raise TypeError("a pruned function has no Python function")

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    return function


def _packer(structure: Any) -> Callable[[Sequence[Any]], Any]:
    """What puts the flat outputs of a call in the structure of the results."""
    if structure is None:
        return lambda outputs: None
    if isinstance(structure, SymbolicTensor):
        return lambda outputs: outputs[0]
    if type(structure) in (list, tuple) and all(isinstance(s, SymbolicTensor) for s in structure):
        return type(structure)
    making = _making(structure)
    return lambda outputs: making(iter(outputs))


def _making(value: Any) -> Callable[[Iterator[Any]], Any]:
    """What makes a value like this one of the next flat outputs."""
    if value is None:
        return lambda rest: None
    if is_tensor_array(value):
        return lambda rest: value._with_flow(next(rest))
    if nest.is_composite(value):
        spec = value._type_spec
        components = _making(spec._to_components(value))
        return lambda rest: spec._from_components(components(rest))
    keys = nest._items(value, False)
    if keys is None:
        return next
    parts = [_making(part) for _, part in keys]
    if type(value) is dict and [*value] == [key for key, _ in keys]:
        return lambda rest: {key: make(rest) for key, make in zip(value, parts)}
    kind = nest._kind(value, False)
    return lambda rest: nest._like(value, kind, [make(rest) for make in parts])
