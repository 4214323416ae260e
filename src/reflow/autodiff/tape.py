"""`tf.GradientTape`: https://www.tensorflow.org/api_docs/python/tf/GradientTape"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.autodiff import composite, engine
from reflow.autodiff.gradients import UnconnectedGradients, variable_source
from reflow.lang import context, errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import BodyGraph, FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import Tensor


@export("GradientTape", "autodiff.GradientTape")
class GradientTape:
    """Records ops as they run, to differentiate through them.

    Args:
      persistent: whether `gradient` may be called more than once.
      watch_accessed_variables: whether trainable variables are watched as they are read.

    >>> import reflow as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = persistent
        self._watch_variables = watch_accessed_variables
        self._records: list[Any] = []
        self._watched: dict[
            int, Any
        ] = {}  # tensors on the tape by id, held so that ids stay theirs
        self._variables: dict[int, Any] = {}
        self._recording = False
        self._used = False

    # Recording -----------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        self._start()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        if self._recording:
            raise ValueError("Tape is still recording, This can happen if you try to re-enter it.")
        context.state.tapes = [*context.state.tapes, self]
        self._recording = True

    def _stop(self) -> None:
        context.state.tapes = [t for t in context.state.tapes if t is not self]
        self._recording = False

    def watch(self, tensor: Any) -> None:
        """Records what is done with a tensor, a variable, or a structure of them."""
        for each in map(composite.inner, nest.flatten(tensor)):
            if not isinstance(each, Tensor) and variable_source(each) is not None:
                self.watch_variable(each)
                continue
            if isinstance(each, Tensor):
                each = convert_to_tensor(each)  # as the function that is traced sees it
            if not isinstance(each, Tensor):
                raise ValueError(
                    f"Passed in object {each} of type {type(each).__name__}, not tf.Tensor"
                )
            if not engine.is_plain(each):
                from reflow.platform import tf_logging

                tf_logging.warning(
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got %r",
                    each.dtype,
                )
            self._watched[id(each)] = each

    def watch_variable(self, variable: Any) -> None:
        source = variable_source(variable)
        self._watched[id(source)] = source
        self._variables[id(variable)] = variable
        graph: Any = context.current_graph()
        while isinstance(graph, FuncGraph):  # and what stands for it in the bodies around
            inner = graph.capture(source)
            self._watched[id(inner)] = inner
            graph = graph.outer_graph if isinstance(graph, BodyGraph) else None

    def record(self, record: Any) -> None:
        """Takes note of an op, if it depends on something watched."""
        watched = self._watched
        for tensor in record.inputs:
            if id(tensor) in watched:
                break
        else:
            return
        if record.opdef.grad is None and record.opdef.name not in engine._registered:
            return
        self._records.append(record)
        for tensor in record.outputs:
            watched[id(tensor)] = tensor

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Ops within are not recorded."""
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forgets everything recorded so far."""
        self._records.clear()
        self._watched.clear()
        self._variables.clear()

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables watched, in the order of their first use."""
        return tuple(self._variables.values())

    # Differentiating -----------------------------------------------------------------------------

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivatives of `target` (of its sum) with respect to each of `sources`.

        Args:
          target: a tensor or a structure of them.
          sources: tensors or variables, in any structure.
          output_gradients: gradients to start with, like `target`.
          unconnected_gradients: "none" or "zero".

        Returns:
          A structure like `sources` of tensors, `IndexedSlices` or None.

        Raises:
          RuntimeError: on the second call of a tape that is not persistent.
          ValueError: if `unconnected_gradients` is neither.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                f"{errors.where(errors.user_frame())}: A non-persistent GradientTape can only be used "
                "to compute one set of gradients (or jacobians): tf.GradientTape(persistent=True)"
            )
        if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
            raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")
        self._used = True
        if self._recording and not self._persistent:
            self._stop()
        flat_targets = [_value_of(composite.inner(t)) for t in nest.flatten(target)]
        given_sources = nest.flatten(sources)
        flat_sources = [composite.inner(s) for s in given_sources]
        points = [_source_of(s) for s in flat_sources]
        if output_gradients is None:
            seeds = [REGISTRY["OnesLike"](t) for t in flat_targets]
        else:
            given = [composite.inner(g) for g in nest.flatten(output_gradients)]
            seeds = [
                REGISTRY["OnesLike"](t) if g is None else convert_to_tensor(g, t.dtype)
                for t, g in zip(flat_targets, given)
            ]
        pairs = [(t, s) for t, s in zip(flat_targets, seeds) if engine.is_plain(t)]
        found = self._backward(pairs, points)
        result = []
        for whole, source, point in zip(given_sources, flat_sources, points):
            gradient = found.get(id(point))
            if gradient is None and unconnected_gradients == UnconnectedGradients.ZERO:
                gradient = engine.zeros_like(convert_to_tensor(source))
            result.append(composite.outer(whole, gradient))
        if not self._persistent:
            self.reset()
        return nest.pack_sequence_as(sources, result)

    def _backward(self, seeds: Sequence[tuple[Any, Any]], points: Sequence[Any]) -> dict[int, Any]:
        wanted = {id(p) for p in points}
        reached = {id(t) for t, _ in seeds}
        nodes = []
        for record in reversed(self._records):
            if any(id(t) in reached for t in record.outputs):
                nodes.append(record)
                reached.update(id(t) for t in record.inputs)
        return engine.backpropagate(nodes, seeds, wanted)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of every element of `target` with respect to each of `sources`.

        Returns:
          A structure like `sources`; each has shape `target.shape + source.shape`.
        """
        rows, shape = self._rows(target, sources, unconnected_gradients, range_over_batch=False)
        return nest.pack_sequence_as(sources, [_stack(row, shape) for row in rows])

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each row of `target` with respect to the same row of `source`.

        Returns:
          A tensor of shape `[batch, *target.shape[1:], *source.shape[1:]]`.

        Raises:
          ValueError: if the first dimensions differ.
        """
        target, source = convert_to_tensor(target), convert_to_tensor(source)
        if target.shape[0] != source.shape[0]:
            raise ValueError(
                f"Need first dimension of target shape ({target.shape}) and source shape "
                f"({source.shape}) to match."
            )
        rows, _ = self._rows(target, source, unconnected_gradients, range_over_batch=True)
        parts = rows[0]
        if any(part is None for part in parts):
            return None
        stacked = REGISTRY["Pack"](parts, axis=1)
        sizes = [*target.shape.as_list(), *source.shape.as_list()[1:]]
        return REGISTRY["Reshape"](stacked, sizes)

    def _rows(
        self, target: Any, sources: Any, unconnected: Any, range_over_batch: bool
    ) -> tuple[list[list[Any]], list[int]]:
        """For each source, its gradients of the elements of `target` one after the other."""
        target = convert_to_tensor(target)
        sizes = target.shape.as_list()
        per_row = sizes[1:] if range_over_batch else sizes
        count = 1
        for size in per_row:
            count *= size
        if self._recording:
            self._stop()
        persistent, self._persistent = self._persistent, True
        rows: list[list[Any]] = [[] for _ in nest.flatten(sources)]
        try:
            for i in range(count):
                one_hot = REGISTRY["OneHot"](
                    i, count, convert_to_tensor(1, target.dtype), convert_to_tensor(0, target.dtype)
                )
                if range_over_batch:
                    seed = REGISTRY["BroadcastTo"](
                        REGISTRY["Reshape"](one_hot, [1, *per_row]), sizes
                    )
                else:
                    seed = REGISTRY["Reshape"](one_hot, sizes)
                self._used = False
                for row, gradient in zip(
                    rows, nest.flatten(self.gradient(target, sources, seed, unconnected))
                ):
                    row.append(None if gradient is None else convert_to_tensor(gradient))
        finally:
            self._persistent = persistent
            self._used = True
        return rows, sizes


def _stack(parts: list[Any], sizes: list[int]) -> Any:
    if not parts or any(part is None for part in parts):
        return None
    stacked = REGISTRY["Pack"](parts, axis=0)
    return REGISTRY["Reshape"](stacked, [*sizes, *parts[0].shape.as_list()])


def _value_of(target: Any) -> Any:
    return target if isinstance(target, Tensor) else convert_to_tensor(target)


def _source_of(source: Any) -> Any:
    if isinstance(source, Tensor):
        return convert_to_tensor(source)
    found = variable_source(source)
    if found is None:
        raise TypeError(
            f"{errors.where(errors.user_frame())}: Source {source!r} of a gradient is no tensor or "
            "variable. Convert it with tf.constant before the tape and watch it."
        )
    return convert_to_tensor(found)


@contextlib.contextmanager
def stop_all() -> Iterator[None]:
    """Ops within are recorded by no tape."""
    outer, context.state.tapes = context.state.tapes, []
    try:
        yield
    finally:
        context.state.tapes = outer


@contextlib.contextmanager
def watching_variables() -> Iterator[dict[int, Any]]:
    """Collects the variables that are read within."""
    tape = GradientTape()
    with tape:
        yield tape._variables


class CustomRecord:
    """A stretch of eager code with a gradient of its own, as one entry of a tape."""

    def __init__(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any], f: Callable):
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.attrs: dict[str, Any] = {"_gradient_function": f}
        self.opdef = REGISTRY["IdentityN"]


def record_custom(name: str, inputs: Sequence[Any], outputs: Sequence[Any], f: Callable) -> None:
    """Puts a stretch of code with gradient `f(op, *grads)` on the active tapes."""
    record = CustomRecord(name, inputs, outputs, f)
    for tape in context.state.tapes:
        tape.record(record)
