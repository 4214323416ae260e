"""`tf.custom_gradient`: https://www.tensorflow.org/api_docs/python/tf/custom_gradient"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from reflow.autodiff import engine
from reflow.lang import context, errors, nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY

_count = itertools.count()


@export("custom_gradient")
def custom_gradient(f: Any = None) -> Any:
    """Gives a function a gradient of your own: a decorator.

    Args:
      f: a function of tensors that returns `(y, grad_fn)`. `grad_fn(*dys)` returns one gradient per
        argument of `f`; when `f` uses variables it takes `variables=` too and returns
        `(gradients, gradients of the variables)`.

    Raises:
      TypeError: if `f` uses variables and `grad_fn` does not take `variables`.
      ValueError: if `grad_fn` returns another number of gradients than `f` has arguments.

    >>> import reflow as tf
    >>> @tf.custom_gradient
    ... def clipped(x):
    ...     return tf.identity(x), lambda dy: tf.clip_by_value(dy, -1.0, 1.0)
    """
    if f is None:
        return custom_gradient

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if context.current_graph() is None:
            return _eager(f, args, kwargs)
        return _graph(f, args, kwargs)

    return decorated


def _graph(f: Callable, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """In a graph the results pass through an IdentityN that carries the gradient."""
    from reflow.autodiff import tape

    graph = context.current_graph()
    assert graph is not None
    flat_args = [convert_to_tensor(a) for a in nest.flatten(list(args))]
    inputs = [REGISTRY["Identity"](a) for a in flat_args]
    packed = nest.pack_sequence_as(list(args), inputs)
    first = graph.version
    with tape.VariableWatcher() as watcher:
        result, grad_fn = f(*packed, **kwargs)
    used = {id(v): v for v in _variables_used(graph, first, inputs)} | watcher._variables
    variables = [v for v in used.values() if all(v is not a for a in nest.flatten(list(args)))]
    _check_takes_variables(grad_fn, variables)
    flat_result = [convert_to_tensor(r) for r in nest.flatten(result)]
    sources = [v._gradient_source() for v in variables]
    name = f"CustomGradient-{next(_count)}"

    def gradient(op: Any, *grads: Any) -> list[Any]:
        n = len(flat_result)
        given = _call_grad_fn(grad_fn, grads[:n], inputs, variables)
        return [None] * n + given

    engine.register_gradient(name, gradient)
    with graph.gradient_override_map({"IdentityN": name}):
        outputs = REGISTRY["IdentityN"]([*flat_result, *inputs, *sources])
    for old, new in zip(flat_result, outputs):
        new.set_shape(old.shape)
    return nest.pack_sequence_as(result, outputs[: len(flat_result)])


def _eager(f: Callable, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Eagerly the call is one record on the tapes."""
    from reflow.autodiff import tape

    inputs = [convert_to_tensor(a) for a in nest.flatten(list(args))]
    packed = nest.pack_sequence_as(list(args), inputs)
    with tape.watching_variables() as seen:
        result, grad_fn = f(*packed, **kwargs)
    variables = [v for v in seen.values() if all(v is not a for a in nest.flatten(list(args)))]
    _check_takes_variables(grad_fn, variables)
    outputs = [REGISTRY["Identity"](convert_to_tensor(r)) for r in nest.flatten(result)]
    for variable in variables:  # reading them in `f` told no tape
        variable._accessed()
    sources = [v._gradient_source() for v in variables]
    tape.record_custom(
        "CustomGradient",
        [*inputs, *sources],
        outputs,
        lambda op, *grads: _call_grad_fn(grad_fn, grads, inputs, variables),
    )
    return nest.pack_sequence_as(result, outputs)


def _variables_used(graph: Any, first: int, inputs: Sequence[Any]) -> list[Any]:
    """The trainable variables whose value nodes made since `first` take."""
    new = graph._nodes[first:]
    taken = {id(t) for op in new for t in op.inputs} | {id(t) for op in new for t in op.outputs}
    taken |= {id(outer) for outer in getattr(graph, "external_captures", ())}
    used = []
    for variable in graph.get_collection("trainable_variables"):
        own = [variable._gradient_source()]
        snapshot = getattr(variable, "_snapshot", None)
        if snapshot is not None:
            own.append(snapshot)
        if any(id(t) in taken for t in own):
            used.append(variable)
    return used


def _check_takes_variables(grad_fn: Callable, variables: Sequence[Any]) -> None:
    if not variables:
        return
    spec = inspect.getfullargspec(grad_fn)
    if "variables" not in spec.args and "variables" not in spec.kwonlyargs and not spec.varkw:
        raise TypeError(
            f"{errors.user_site()}: If using @custom_gradient with a function that "
            "uses variables, then grad_fn must accept a keyword argument 'variables'."
        )


def _call_grad_fn(
    grad_fn: Callable, grads: Sequence[Any], inputs: Sequence[Any], variables: Sequence[Any]
) -> list[Any]:
    if variables:
        input_grads, variable_grads = grad_fn(*grads, variables=list(variables))
        variable_grads = list(variable_grads)
        if len(variable_grads) != len(variables):
            raise ValueError(
                f"Must return gradient for each variable from @custom_gradient grad_fn: "
                f"{len(variables)} variables, {len(variable_grads)} gradients."
            )
    else:
        input_grads, variable_grads = grad_fn(*grads), []
    flat = nest.flatten(input_grads)
    if len(flat) != len(inputs):
        raise ValueError(
            f"{errors.user_site()}: custom_gradient function expected to return "
            f"{len(inputs)} gradients, but returned {len(flat)} instead."
        )
    return flat + variable_grads


@export("grad_pass_through")
def grad_pass_through(f: Callable) -> Callable:
    """A function with the values of `f` and the gradient of the identity."""

    @custom_gradient
    def passing(*args: Any, **kwargs: Any) -> Any:
        def grad(*dys: Any, **options: Any) -> Any:
            variables = options.get("variables")
            if variables is not None:
                return list(dys), [None] * len(variables)
            return list(dys)

        return f(*args, **kwargs), grad

    return functools.wraps(f)(passing)


@export("recompute_grad")
def recompute_grad(f: Callable) -> Callable:
    """A function whose intermediate values are computed again for its gradient, not kept.

    Training Deep Nets with Sublinear Memory Cost, https://arxiv.org/abs/1604.06174
    """

    @custom_gradient
    def recomputing(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)

        def grad(*dys: Any, variables: Any = None) -> Any:
            from reflow.autodiff.gradients import gradients
            from reflow.autodiff.tape import GradientTape

            flat = nest.flatten(list(args))
            zero: dict[str, Any] = {"unconnected_gradients": "zero"}
            eager = context.current_graph() is None
            with GradientTape() if eager else graph_control(dys) as again:
                own = [REGISTRY["Identity"](a) for a in flat]  # apart, if one is given twice
                if eager:
                    again.watch([a for a in own if engine.is_trainable(a)])
                value = f(*nest.pack_sequence_as(list(args), own), **kwargs)
            sources = [*own, *(variables or [])]
            if eager:
                found = again.gradient(value, sources, output_gradients=list(dys), **zero)
            else:
                found = gradients(nest.flatten(value), sources, list(dys), **zero)
            found = [convert_to_tensor(g) for g in found]  # sparse ones become dense
            n = len(flat)
            return (found[:n], found[n:]) if variables is not None else found

        return result, grad

    return functools.wraps(f)(recomputing)


def graph_control(values: Sequence[Any]) -> Any:
    """Nodes made within wait for `values`: a recomputation must not happen early."""
    graph = context.current_graph()
    assert graph is not None
    return graph.control_dependencies([v for v in values if v is not None])
