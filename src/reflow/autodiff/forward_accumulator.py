"""Forward-mode differentiation: https://www.tensorflow.org/api_docs/python/tf/autodiff/ForwardAccumulator

The tangent of an op's output follows from its reverse rule: that rule is linear in the gradients that
it is given, and the derivative of a linear map, taken backwards, is its transpose.
"""

from __future__ import annotations

from typing import Any

from reflow.autodiff import engine
from reflow.autodiff.body_gradient import dense
from reflow.autodiff.gradients import UnconnectedGradients
from reflow.autodiff.tape import GradientTape, _source_of
from reflow.lang import context, errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export


@export("autodiff.ForwardAccumulator")
class ForwardAccumulator:
    """Computes Jacobian-vector products beside the computation itself.

    Args:
      primals: tensors or variables, in any structure, with respect to which to differentiate.
      tangents: the vector, in the same structure and shapes.

    Raises:
      ValueError: if the shapes differ.

    >>> import reflow as tf
    >>> x = tf.constant(3.0)
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant(1.0)) as accumulator:
    ...     y = x * x
    >>> float(accumulator.jvp(y))
    6.0
    """

    _watch_variables = False  # only what is said is differentiated with respect to

    def __init__(self, primals: Any, tangents: Any):
        nest.assert_same_structure(primals, tangents)
        self._watched: dict[int, Any] = {}
        self._tangents: dict[int, Any] = {}
        self._recording = False
        for primal, tangent in zip(nest.flatten(primals), nest.flatten(tangents)):
            source = _source_of(primal)
            tangent = convert_to_tensor(tangent, primal.dtype.base_dtype)
            if not primal.shape.is_compatible_with(tangent.shape):
                raise ValueError(
                    f"{errors.user_site()}: The shape of a tangent must be that of "
                    f"its primal: got {tangent.shape} for {primal.shape}."
                )
            before = self._tangents.get(id(source))
            self._watched[id(source)] = source
            self._tangents[id(source)] = (
                tangent if before is None else engine.add_up([before, tangent])
            )

    def __enter__(self) -> ForwardAccumulator:
        if self._recording:
            raise ValueError("Accumulator is already recording.")
        context.state.tapes = [*context.state.tapes, self]
        self._recording = True
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stop()
        self._recording = False

    def _stop(self) -> None:
        context.state.tapes = [t for t in context.state.tapes if t is not self]

    def record(self, record: Any) -> None:
        """Takes note of an op: computes the tangents of its outputs."""
        if not any(id(t) in self._tangents for t in record.inputs):
            return
        around = context.state.tapes
        self._stop()
        try:
            self._propagate(record)
        finally:
            context.state.tapes = around

    def _propagate(self, record: Any) -> None:
        rule = engine.gradient_function(record)
        plain = [i for i, t in enumerate(record.outputs) if engine.is_plain(t)]
        if rule is None or not plain:
            return
        arriving: list[Any] = [None] * len(record.outputs)
        with GradientTape(watch_accessed_variables=False) as tape:
            for i in plain:
                arriving[i] = engine.zeros_like(record.outputs[i])
                tape.watch(arriving[i])
            leaving = rule(record, *arriving)
            leaving = leaving if isinstance(leaving, (list, tuple)) else [leaving]
            leaving = [dense(g) for g in leaving]
        pairs = [
            (g, self._tangents[id(t)])
            for g, t in zip(leaving, record.inputs)
            if g is not None and id(t) in self._tangents
        ]
        if not pairs:
            return
        found = tape.gradient(
            [g for g, _ in pairs], [arriving[i] for i in plain], [t for _, t in pairs]
        )
        for i, tangent in zip(plain, found):
            if tangent is not None:
                output = record.outputs[i]
                self._watched[id(output)] = output
                self._tangents[id(output)] = dense(tangent)

    def jvp(self, primals: Any, unconnected_gradients: Any = UnconnectedGradients.NONE) -> Any:
        """The Jacobian-vector products of tensors that were computed within.

        Args:
          primals: tensors in any structure.
          unconnected_gradients: "none" or "zero": what to give for those that do not depend on it.

        Raises:
          ValueError: if `unconnected_gradients` is neither.
        """
        if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
            raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")

        def tangent_of(primal: Any) -> Any:
            found = self._tangents.get(id(_source_of(primal)))
            if found is None and unconnected_gradients == UnconnectedGradients.ZERO:
                return engine.zeros_like(convert_to_tensor(primal))
            return found

        return nest.map_structure(tangent_of, primals)
