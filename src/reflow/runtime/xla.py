"""`tf.xla.experimental`: everything is compiled by XLA anyway; what is left is to say so in the graph."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import nest
from reflow.lang.context import current_graph, executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.graph import Operation
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.ops.constant import identity
from reflow.ops.control_flow.grouping import group


@export("xla.experimental.compile")
def compile(computation: Callable, inputs: Any = None) -> Any:
    """Computes something as a unit, compiled by XLA.

    Args:
      computation: a function of tensors that returns tensors, and operations after them.
      inputs: a list of what it is called with; each may be a structure of values.

    Returns:
      A list of the tensors, which wait for the operations; a structure where `computation` returns
      structures. An operation where it returns no tensors.

    Raises:
      TypeError: if `inputs` is no list, or not what `computation` takes.
      ValueError: if operations come before tensors, or what it returns is neither.

    >>> import reflow as tf
    >>> print(tf.xla.experimental.compile(lambda a, b: a + b, [tf.constant(1), 2])[0].numpy())
    3
    """
    if executing_eagerly():
        from reflow.runtime.function import function

        return function(lambda: _built(computation, inputs), autograph=False)()
    return _built(computation, inputs)


def _built(computation: Callable, inputs: Any) -> Any:
    if inputs is not None and not isinstance(inputs, (list, tuple)):
        raise TypeError(f"inputs must be a list, not {type(inputs).__name__}")
    given = [] if inputs is None else list(inputs)
    with name_scope("xla_compile"):
        tensors = [
            identity(convert_to_tensor(each), name=f"input_{i}")
            for i, each in enumerate(nest.flatten(given))
        ]
        outputs = computation(*nest.pack_sequence_as(given, tensors))
        flat, structure = _flattened(outputs)
        results: list[Any] = []
        operations: list[Any] = []
        for each in flat:
            if isinstance(each, Operation):
                operations.append(each)
                continue
            if operations:
                raise ValueError(
                    "XLA computation function must return zero or more Tensor values followed by zero "
                    "or more Operations."
                )
            try:
                results.append(convert_to_tensor(each))
            except (TypeError, ValueError) as error:
                raise ValueError(
                    "XLA computation function return values must all either be Operations or "
                    f"convertible to Tensors. Got error: {error}"
                ) from None
        if not results:
            return group(*operations, name="output_0")
        with control_dependencies(operations):
            wrapped = [identity(each, name=f"output_{i}") for i, each in enumerate(results)]
        return wrapped if structure is None else nest.pack_sequence_as(structure, wrapped)


def _flattened(outputs: Any) -> tuple[list[Any], Any]:
    """What a computation returned as a list, and its structure where it has one of its own."""
    if outputs is None:
        return [], None
    if not nest.is_nested(outputs):
        return [outputs], None
    nested = not isinstance(outputs, (list, tuple)) or any(nest.is_nested(o) for o in outputs)
    flat = nest.flatten(outputs)
    if nested and any(isinstance(each, Operation) for each in flat):
        raise ValueError(
            "XLA computation function does not support Operations in nested structures of outputs."
        )
    return flat, outputs if nested else None


@export("xla.experimental.jit_scope")
@contextlib.contextmanager
def jit_scope(compile_ops: Any = True, separate_compiled_gradients: bool = False) -> Iterator[None]:
    """Marks the nodes that are made within as ones to compile, or not to.

    Reflow compiles what is worth it in any case; the marks are kept in the graph.

    Args:
      compile_ops: a truth value; with a function from a node's definition to one nothing is marked.
      separate_compiled_gradients: whether gradients are to be units of their own.

    Raises:
      RuntimeError: when executing eagerly.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     with tf.xla.experimental.jit_scope():
    ...         print(tf.constant(1).op.get_attr("_XlaCompile"))
    True
    """
    graph: Any = current_graph()
    if graph is None:
        raise RuntimeError(
            "xla.experimental.jit_scope is not supported when eager execution is enabled. Try use it "
            "inside tf.function."
        )
    attrs: dict[str, Any] = {"_XlaSeparateCompiledGradients": bool(separate_compiled_gradients)}
    if not callable(compile_ops):
        attrs["_XlaCompile"] = bool(compile_ops)
    if "_XlaScope" not in graph._attr_scope:  # the outermost one
        count = graph.__dict__.setdefault("_jit_scopes", itertools.count())
        attrs["_XlaScope"] = f"jit_scope_{next(count)}"
    with graph._attr_scope_map(attrs):
        yield
