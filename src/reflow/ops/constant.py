"""Where values enter a graph: constants, placeholders, identities."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.alignment import copied
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor, to_array
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.tensor import Tensor
from reflow.ops import shape_rules
from reflow.ops.define import op


@op(
    "Const(*, value: tensor, dtype: type) -> output: dtype",
    shape=lambda *, value: np.shape(value),
    grad=None,
)
def const(xp, *, value):
    """A value that is part of the graph."""
    return value


@export(v2=("constant",))
def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """A tensor with a value that is part of the program.

    Args:
      value: a number, string, list or array.
      dtype: its type; by default float32 for floats, int32 for integers.
      shape: the shape; a single value fills it, more values are reshaped to it.

    Raises:
      TypeError: if `shape` has more or fewer elements than `value`, or `dtype` cannot hold it.

    >>> import reflow as tf
    >>> tf.constant([1, 2, 3]).shape
    TensorShape([3])
    """
    return _constant(value, dtype, shape, name, fill_last=False)


@export(v1=("constant",))
def constant_v1(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Any:
    """TF 1's `tf.constant`: too few values for `shape` repeat the last one.

    With `verify_shape` the value must have exactly `shape`.
    """
    return _constant(value, dtype, shape, name, fill_last=True, verify_shape=verify_shape)


def _constant(value, dtype, shape, name, fill_last, verify_shape=False):
    if isinstance(value, Tensor):
        if current_graph() is not None and not hasattr(value, "numpy"):
            raise TypeError(f"{errors.user_site()}: {value!r} is a tensor already")
        value = value.numpy() if hasattr(value, "numpy") else value
    wanted = None if dtype is None else as_dtype(dtype)
    array = to_array(value, wanted)
    if array is None:  # a list that holds tensors
        tensor = convert_to_tensor(value, wanted, name)
        if shape is not None:
            from reflow.lang.opdef import REGISTRY

            return REGISTRY["Reshape"](tensor, list(shapes.as_shape(shape)))
        return tensor
    if shape is not None:
        sizes = shapes.as_shape(shape).as_list()
        count = int(np.prod(sizes))
        if verify_shape and list(array.shape) != sizes:
            raise TypeError(
                f"{errors.user_site()}: Expected Tensor's shape: {tuple(sizes)}, got {array.shape}."
            )
        if array.size == count:
            array = array.reshape(sizes)
        elif array.size == 1:
            array = np.broadcast_to(array.reshape(()), sizes)
            if current_graph() is None:  # a graph holds it once, and writes it to a file once
                array = array.copy()
        elif fill_last and 0 < array.size < count:
            flat = np.empty(count, array.dtype)
            flat[: array.size] = array.ravel()
            flat[array.size :] = array.ravel()[-1]
            array = flat.reshape(sizes)
        else:
            raise TypeError(
                f"{errors.user_site()}: Eager execution of tf.constant with "
                f"unsupported shape. Tensor has {array.size} elements, but the requested shape "
                f"{sizes} has {count}."
            )
    if isinstance(value, np.ndarray) and array.flags.writeable:
        array = copied(array)  # the caller may go on writing into the array
    return constant_node(array, wanted or as_dtype(array.dtype), name or "Const")


@op(
    "Placeholder(*, dtype: type, shape: shape = unknown) -> output: dtype",
    shape=shape_rules.given,
    grad=None,
    stateful=True,
    compile=False,
)
def placeholder_op(ctx):
    """Stands for a value that is fed."""
    raise errors.InvalidArgumentError(
        None, ctx.op, f"You must feed a value for placeholder tensor '{ctx.op.name}'"
    )


@export(v1=("placeholder",))
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Any:
    """A tensor whose value every run must feed: `session.run(y, feed_dict={x: value})`.

    Args:
      dtype: the type of what will be fed.
      shape: its static shape, as far as it is known.

    Raises:
      RuntimeError: when executing eagerly.
    """
    if current_graph() is None:
        raise RuntimeError(
            f"{errors.user_site()}: tf.placeholder() is not compatible with eager execution."
        )
    shape = shapes.as_shape(shape)
    return placeholder_op(dtype=as_dtype(dtype), shape=shape, name=name or "Placeholder")


@op(
    "PlaceholderWithDefault(input: dtype, *, shape: shape) -> output: dtype",
    shape=lambda input, *, shape: shape,
    grad=lambda g: g,
)
def placeholder_with_default_op(xp, input):
    """`input`, unless a value is fed."""
    return input


@export(v1=("placeholder_with_default",))
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Any:
    """A placeholder that passes `input` through when it is not fed."""
    return placeholder_with_default_op(input, shape=shapes.as_shape(shape), name=name)


@op(
    "Identity(input: T) -> output: T",
    shape=shape_rules.same,
    grad=lambda g: g,
    partial=True,
    holds=True,
    view=True,
)
def identity_op(xp, input):
    """The input itself."""
    return input


@export("identity")
def identity(input: Any, name: str | None = None) -> Any:
    """A tensor with the value of `input`: another name, another place, a snapshot of a variable."""
    return identity_op(input, name=name)


@op("IdentityN(input: T, *, T: list(type)) -> output: T", grad=lambda gs: gs, holds=True)
def identity_n_op(xp, input):
    """The inputs themselves, all of them available at once."""
    return list(input)


@identity_n_op.shape_rule
def _identity_n_shape(input):
    return [t.shape for t in input]


@export("identity_n")
def identity_n(input: Any, name: str | None = None) -> list[Any]:
    """The tensors of `input`, unchanged, as one op."""
    return identity_n_op(list(input), name=name)


@op("StopGradient(input: T) -> output: T", shape=shape_rules.same, grad=None, partial=True)
def stop_gradient_op(xp, input):
    """The input, as a constant for gradients."""
    return input


@export("stop_gradient")
def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The value of `input`, through which no gradient flows."""
    return stop_gradient_op(input, name=name)


@op("PreventGradient(input: T, *, message: string = '') -> output: T", shape=shape_rules.same)
def prevent_gradient(xp, input):
    """The input; an attempt to differentiate it is an error."""
    return input


@prevent_gradient.gradient_rule
def _prevent_gradient_grad(op, g):
    raise LookupError(f"Gradient explicitly disabled. Reason: {op.attrs['message']!r}")


@op("NoOp() -> ", shape=shape_rules.none, grad=None, stateful=True)
def no_op_op(ctx):
    """Does nothing; for what it waits for."""
    return ()


@export("no_op")
def no_op(name: str | None = None) -> Any:
    """An op that does nothing: a target for control dependencies."""
    return no_op_op(name=name)
