"""`tf.GradientTape`: https://www.tensorflow.org/api_docs/python/tf/GradientTape"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.autodiff import composite, engine
from reflow.autodiff.body_gradient import dense
from reflow.autodiff.gradients import UnconnectedGradients, variable_source
from reflow.lang import context, dtypes, errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import BodyGraph, FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import Tensor
from reflow.ops.control_flow.functional import map_fn_v2 as map_fn
from reflow.ops.vectorized import in_graph, rows_of


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
            raise ValueError(
                f"{errors.user_site()}: Tape is still recording, This can happen if you "
                "try to re-enter it."
            )
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
                    f"{errors.user_site()}: Passed in object {each!r:.80} of type "
                    f"{type(each).__name__}, not tf.Tensor or tf.Variable"
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
            raise RuntimeError(
                f"{errors.user_site()}: Trying to stop recording a tape which is not recording."
            )
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forgets everything recorded so far."""
        self._forget()
        self._variables.clear()

    def _forget(self) -> None:
        """Lets go of all values; which variables were watched can still be asked."""
        self._records.clear()
        self._watched.clear()

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
        if self._recording and self._persistent:
            from reflow.platform import tf_logging

            tf_logging.log_first_n(
                tf_logging.WARN,
                "GradientTape.gradient is called within the context of a persistent tape, which then records the "
                "gradient too: call it after the `with`, unless you want derivatives of it.",
                1,
            )
        self._use(unconnected_gradients)
        wholes = [composite.inner(t) for t in nest.flatten(target)]
        # As the function that is traced sees them, like the sources.
        flat_targets = [convert_to_tensor(t) for t in wholes]
        given_sources = nest.flatten(sources)
        flat_sources = [composite.inner(s) for s in given_sources]
        points = [_source_of(s) for s in flat_sources]
        if output_gradients is None:
            seeds = [_ones_like(t) for t in flat_targets]
        else:
            given = [composite.inner(g) for g in nest.flatten(output_gradients)]
            seeds = [
                _ones_like(t) if g is None else convert_to_tensor(g, t.dtype)
                for t, g in zip(flat_targets, given)
            ]
        starts = [_start_of(w, t) for w, t in zip(wholes, flat_targets)]
        pairs = [
            (start, seed)
            for start, t, seed in zip(starts, flat_targets, seeds)
            if engine.is_plain(t)
        ]
        found = self._backward(pairs, points)
        _add_integers(found, [*zip(starts, flat_targets, seeds)], points)
        result = []
        for whole, source, point in zip(given_sources, flat_sources, points):
            gradient = found.get(id(point))
            if gradient is None and unconnected_gradients == UnconnectedGradients.ZERO:
                gradient = engine.zeros_like(convert_to_tensor(source))
            result.append(composite.outer(whole, gradient))
        if not self._persistent:
            self._forget()
        return nest.pack_sequence_as(sources, result)

    def _use(self, unconnected: Any) -> None:
        """Notes that the tape is used, which only a persistent one may be more than once."""
        if self._used and not self._persistent:
            raise RuntimeError(
                f"{errors.user_site()}: A non-persistent GradientTape can only be used "
                "to compute one set of gradients (or jacobians): tf.GradientTape(persistent=True)"
            )
        if unconnected not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
            raise ValueError(
                f"{errors.user_site()}: Unknown value for unconnected_gradients: "
                f"{unconnected!r}, not 'none' or 'zero'"
            )
        self._used = True
        if self._recording and not self._persistent:
            self._stop()

    def _backward(self, seeds: Sequence[tuple[Any, Any]], points: Sequence[Any]) -> dict[int, Any]:
        """The gradients at `points`, by their ids, given tensors and the gradients to start with."""
        targets = {id(t) for t, _ in seeds}
        keep = {id(p) for p in points if id(p) in self._watched or id(p) in targets}
        leading = set(keep)  # tensors that are computed from one of the points
        for record in self._records:
            if any(id(t) in leading for t in record.inputs):
                leading.update(map(id, record.outputs))
        reached = {id(t) for t, _ in seeds}
        nodes = []
        for record in reversed(self._records):
            if any(id(t) in reached and id(t) in leading for t in record.outputs):
                nodes.append(record)
                reached.update(map(id, record.inputs))
        return engine.backpropagate(nodes, seeds, keep, wanted=leading)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of every element of `target` with respect to each of `sources`.

        Args:
          target: a tensor.
          sources: tensors or variables, in any structure.
          unconnected_gradients: "none" or "zero".
          parallel_iterations: has no influence on the result.
          experimental_use_pfor: whether the elements are done all at once, or one after the other, which
            takes less memory; in eager code the tape has to be persistent then.

        Returns:
          A structure like `sources`; each has shape `target.shape + source.shape`.

        Raises:
          RuntimeError: on the second call of a tape that is not persistent.
          ValueError: if `unconnected_gradients` is neither.

        >>> import reflow as tf
        >>> x = tf.constant([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> print(tape.jacobian(y, x).numpy())
        [[2. 0.]
         [0. 4.]]
        """
        given, target = target, _one_value(target)

        def seed(i: Any) -> Any:
            return REGISTRY["Reshape"](
                _one_hot(i, REGISTRY["Size"](target), target.dtype), REGISTRY["Shape"](target)
            )

        def whole(gradient: Any) -> Any:
            sizes = [REGISTRY["Shape"](target), REGISTRY["Shape"](gradient)[1:]]
            return REGISTRY["Reshape"](gradient, REGISTRY["ConcatV2"](sizes, 0))

        flat = self._elementwise(
            *("jacobian", target, _start_of(given, target), nest.flatten(sources), seed, whole),
            unconnected=unconnected_gradients,
            count=lambda: REGISTRY["Size"](target),
            at_once=experimental_use_pfor,
        )
        return nest.pack_sequence_as(sources, flat)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each row of `target` with respect to the same row of `source`.

        Args:
          target: a tensor of rank 2 or more, a row of which depends on no other row of `source`.
          source: a tensor of rank 2 or more.
          unconnected_gradients: has no influence: a target that does not depend on `source` gives zeros.
          parallel_iterations: has no influence on the result.
          experimental_use_pfor: as for `jacobian`.

        Returns:
          A tensor of shape `[batch, *target.shape[1:], *source.shape[1:]]`.

        Raises:
          RuntimeError: on the second call of a tape that is not persistent.
          ValueError: if the first dimensions differ, or a rank is below 2.
        """
        given_target, given = target, source
        target, source = _one_value(target), convert_to_tensor(source)
        for each in (target, source):
            if each.shape.rank is not None and each.shape.rank < 2:
                raise ValueError(
                    f"{errors.user_site()}: Shape {each.shape} must have rank at least 2"
                )
        if not target.shape[:1].is_compatible_with(source.shape[:1]):
            raise ValueError(
                f"Need first dimension of target shape ({target.shape}) and source shape "
                f"({source.shape}) to match."
            )

        def row_size() -> Any:
            return REGISTRY["Prod"](REGISTRY["Shape"](target)[1:], 0)

        def seed(i: Any) -> Any:
            one = _one_hot(i, row_size(), target.dtype)
            row = REGISTRY["Reshape"](one, REGISTRY["Shape"](target)[1:])
            return REGISTRY["BroadcastTo"](row, REGISTRY["Shape"](target))

        def shape() -> Any:
            sizes = [REGISTRY["Shape"](target), REGISTRY["Shape"](source)[1:]]
            return REGISTRY["ConcatV2"](sizes, 0)

        def whole(gradient: Any) -> Any:
            order = [1, 0, *range(2, gradient.shape.rank)]
            return REGISTRY["Reshape"](REGISTRY["Transpose"](gradient, order), shape())

        (found,) = self._elementwise(
            *("batch_jacobian", target, _start_of(given_target, target), [given], seed, whole),
            unconnected=unconnected_gradients,
            count=row_size,
            at_once=experimental_use_pfor,
        )
        if found is None:
            return REGISTRY["Fill"](shape(), convert_to_tensor(0, target.dtype))
        return found

    def _elementwise(
        self,
        what: str,
        target: Any,
        start: Any,
        sources: Sequence[Any],
        seed: Callable[[Any], Any],
        whole: Callable[[Any], Any],
        unconnected: Any,
        count: Callable[[], Any],
        at_once: bool,
    ) -> list[Any]:
        """For each source, what `whole` makes of the gradients for the seeds of 0 up to `count`."""
        if context.executing_eagerly() and not at_once and not self._persistent:
            raise RuntimeError(
                f"{errors.user_site()}: GradientTape must be created with "
                f"persistent=True to compute the {what} with eager execution enabled and with "
                "experimental_use_pfor set to False."
            )
        self._use(unconnected)
        points = [_source_of(composite.inner(s)) for s in sources]
        zeros = unconnected == UnconnectedGradients.ZERO

        plain = engine.is_plain(target)
        if not plain and not zeros:
            return [None] * len(sources)
        # A target that is a source itself counts only if it was watched, unlike in `gradient`.
        seen = [
            p
            for s, p in zip(sources, points)
            if variable_source(s) is not None or id(p) in self._watched
        ]

        def row(i: Any) -> list[Any]:
            found = self._backward([(start, seed(i))], seen) if plain else {}
            gradients = [found.get(id(point)) for point in points]
            return [
                engine.zeros_like(convert_to_tensor(s)) if g is None and zeros else dense(g)
                for s, g in zip(sources, gradients)
            ]

        def run() -> list[Any]:
            return [None if g is None else whole(g) for g in self._rows(row, count(), at_once)]

        return in_graph(run) if at_once else run()

    @staticmethod
    def _rows(row: Callable[[Any], list[Any]], count: Any, at_once: bool) -> list[Any]:
        """The results of `row` for 0 up to `count`, stacked."""
        numbers = REGISTRY["Range"](0, count, 1)
        if at_once:
            result, obstacle = rows_of(row, [numbers], count)
            if obstacle is None:
                return result
        like = row(convert_to_tensor(0))
        kinds = [None if each is None else each.dtype for each in like]
        found = iter(
            map_fn(
                lambda i: [each for each in row(i) if each is not None],
                numbers,
                fn_output_signature=[kind for kind in kinds if kind is not None],
            )
            if any(kinds)
            else ()
        )
        return [None if kind is None else next(found) for kind in kinds]


def _one_hot(i: Any, size: Any, dtype: Any) -> Any:
    return REGISTRY["OneHot"](i, size, convert_to_tensor(1, dtype), convert_to_tensor(0, dtype))


def _one_value(target: Any) -> Any:
    if nest.is_nested(target):
        raise TypeError(
            f"{errors.user_site()}: the target of a jacobian must be one tensor, got {target!r:.80}"
        )
    return convert_to_tensor(target)


def _start_of(target: Any, value: Any) -> Any:
    """Where the gradient of a target begins: at the source that a variable is, or at the value."""
    return value if variable_source(target) is None else _source_of(target)


def _ones_like(value: Any) -> Any:
    return None if value.dtype == dtypes.string else REGISTRY["OnesLike"](value)


def _add_integers(found: dict[int, Any], targets: Sequence[Any], points: Sequence[Any]) -> None:
    """Gradients of integers and truth values end where they begin: at a target that is a source."""
    for start, value, seed in targets:
        if engine.is_plain(value) or seed is None:
            continue
        if any(point is start for point in points):
            before = found.get(id(start))
            found[id(start)] = seed if before is None else engine.add_up([before, seed])


def _source_of(source: Any) -> Any:
    if isinstance(source, Tensor):
        return convert_to_tensor(source)
    found = variable_source(source)
    if found is None:
        raise TypeError(
            f"{errors.user_site()}: Source {source!r} of a gradient is no tensor or "
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
    """Collects the variables that are read within; no tape records anything."""
    with stop_all(), VariableWatcher() as tape:
        yield tape._variables


class VariableWatcher(GradientTape):
    """A tape that only sees which variables are read: it holds on to no values."""

    def record(self, record: Any) -> None:
        """Nothing is recorded."""


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
