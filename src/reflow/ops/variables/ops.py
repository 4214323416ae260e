"""Variables as ops: handles, reads, assignments. `ops/variables/variable.py` has the classes.

`ops/variables/scatter.py` has the ops that change some elements of a variable only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.resource import ResourceHandle, handle_type
from reflow.lang.shapes import TensorShape
from reflow.ops import shape_rules
from reflow.ops.define import op

# Handles ------------------------------------------------------------------------------------------


def variable_handle(ctx, *, container, shared_name, dtype, shape):
    """The handle of the variable that the node names; no shared name means the node's own."""
    name = shared_name or ctx.op.name
    return ResourceHandle("Variable", container, name, dtype, shape)


variable_v2 = op(
    "VariableV2(*, shape: shape, dtype: type, container: string = '', shared_name: string = '')"
    " -> ref: Ref(dtype)",
    "A TF 1 variable: the output is a reference to it.",
    shape=shape_rules.given,
    grad=None,
    stateful=True,
    handle=True,
)(variable_handle)

variable_v1 = op(
    "Variable(*, shape: shape, dtype: type, container: string = '', shared_name: string = '')"
    " -> ref: Ref(dtype)",
    "`VariableV2` of old graphs, in which a shape of no dimensions meant an unknown one.",
    shape=lambda *, shape: shape if shape.rank else shapes.UNKNOWN,
    grad=None,
    stateful=True,
    handle=True,
)(lambda ctx, *, container, shared_name, dtype, shape: variable_handle(
    ctx, container=container, shared_name=shared_name, dtype=dtype,
    shape=shape if shape.rank else shapes.UNKNOWN,
))  # fmt: skip

var_handle_op = op(
    "VarHandleOp(*, container: string = '', shared_name: string = '', debug_name: string = '',"
    " dtype: type, shape: shape, allowed_devices: list(string) = []) -> resource: resource",
    "The handle of a resource variable.",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    handle=True,
)(variable_handle)


@op(
    "TemporaryVariable(*, shape: shape, dtype: type, var_name: string = '') -> ref: Ref(dtype)",
    shape=shape_rules.given,
    grad=None,
    stateful=True,
    handle=True,
)
def temporary_variable(ctx, *, shape, dtype, var_name):
    """A variable that lives until `DestroyTemporaryVariable` takes its value."""
    return ResourceHandle("TemporaryVariable", "", var_name or ctx.op.name, dtype, shape)


@op(
    "DestroyTemporaryVariable(ref: Ref(T), *, var_name: string) -> value: T",
    shape=shape_rules.same,
    grad=None,
    stateful=True,
    reads=("ref",),
    writes=("ref",),
    compile=False,
)
def destroy_temporary_variable(ctx, ref):
    """The last value of a temporary variable, which is gone afterwards."""
    value = ctx.read(ref)
    ctx.delete(ref)
    return value


@op(
    "DestroyResourceOp(resource: resource, *, ignore_lookup_error: bool = True) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    writes=("resource",),
    compile=False,
)
def destroy_resource_op(ctx, resource, *, ignore_lookup_error):
    """Forgets the variable, queue, table, ... behind a handle."""
    if not ignore_lookup_error and ctx.peek(resource) is None:
        raise errors.NotFoundError(
            None, ctx.op, f"Resource {resource.container or 'localhost'}/{resource.name} not found"
        )
    ctx.delete(resource)
    return ()


# Reading ------------------------------------------------------------------------------------------


def _value_shape(resource, *, dtype) -> TensorShape:
    """The static shape of a variable, whose dtype must be the one that is asked for."""
    actual, shape = handle_type(resource)
    if actual is not None and actual.base_dtype is not dtype.base_dtype:
        raise ValueError(_wrong_dtype(actual, dtype))
    return shape


def _wrong_dtype(actual, wanted) -> str:
    return (
        f"Trying to read variable with wrong dtype. Expected {actual.base_dtype.name} got "
        f"{wanted.base_dtype.name}"
    )


@op(
    "ReadVariableOp(resource: resource, *, dtype: type) -> value: dtype",
    shape=_value_shape,
    grad=lambda g: g,
    stateful=True,
    reads=("resource",),
)
def read_variable_op(ctx, resource, *, dtype):
    """The value of a resource variable."""
    value = ctx.read(resource)
    if resource.dtype is not None and resource.dtype.base_dtype is not dtype:
        raise errors.InvalidArgumentError(None, ctx.op, _wrong_dtype(resource.dtype, dtype))
    return value


@op(
    "_ReadVariablesOp(resources: N*resource, *, N: int, dtypes: list(type)) -> values: dtypes",
    shape=lambda resources, *, dtypes: [
        _value_shape(r, dtype=d) for r, d in zip(resources, dtypes)
    ],
    grad=lambda gs: gs,
    stateful=True,
    reads=("resources",),
)
def read_variables_op(ctx, resources):
    """The values of several resource variables."""
    return [ctx.read(resource) for resource in resources]


@op(
    "VariableShape(input: resource, *, out_type: INDEX = int32) -> output: out_type",
    shape=lambda input: (handle_type(input)[1].rank,),
    grad=None,
    stateful=True,
    reads=("input",),
)
def variable_shape_op(ctx, input, *, out_type):
    """The shape of the value of a resource variable."""
    return np.array(ctx.read(input).shape, out_type.np)


def variable_shape(handle: Any, out_type: Any = None) -> Any:
    """The shape of the variable behind `handle`: a constant where it is known."""
    from reflow.lang.dtypes import int32

    out_type = int32 if out_type is None else out_type
    shape = handle_type(handle)[1]
    if shape.is_fully_defined():
        return convert_to_tensor(np.array(shape.as_list(), out_type.np))
    return variable_shape_op(handle, out_type=out_type)


@op(
    "IsVariableInitialized(ref: Ref(dtype)) -> is_initialized: bool",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    reads=("ref",),
    compile=False,
)
def is_variable_initialized_op(ctx, ref):
    """Whether a TF 1 variable has a value."""
    return ctx.xp.asarray(ctx.peek(ref) is not None)


@op(
    "VarIsInitializedOp(resource: resource) -> is_initialized: bool",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    reads=("resource",),
    compile=False,
)
def var_is_initialized_op(ctx, resource):
    """Whether a resource variable has a value."""
    return ctx.xp.asarray(ctx.peek(resource) is not None)


def is_variable_initialized(ref: Any, name: str | None = None) -> Any:
    """A boolean tensor: whether a variable, or what a reference or handle names, has a value."""
    if hasattr(ref, "is_initialized"):
        return ref.is_initialized(name=name)
    if ref.dtype.is_ref_dtype:
        return is_variable_initialized_op(ref, name=name)
    return var_is_initialized_op(ref, name=name)


# Assigning ----------------------------------------------------------------------------------------


@op(
    "Assign(ref: Ref(T), value: T, *, validate_shape: bool = True, use_locking: bool = True)"
    " -> output_ref: Ref(T)",
    grad=None,
    stateful=True,
    writes=("ref",),
)
def assign_op(ctx, ref, value, *, validate_shape):
    """Gives a variable a new value; the output is the reference."""
    came = value.shape
    if validate_shape and not _accepts(ref, came):
        raise errors.InvalidArgumentError(
            None,
            ctx.op,
            "Assign requires shapes of both tensors to match. "
            f"lhs shape= {_brackets(ref.shape)} rhs shape= {_brackets(came)}",
        )
    ctx.write(ref, value)
    return ref


@assign_op.shape_rule
def _assign_shape(ref, value, *, validate_shape):
    return ref.shape.merge_with(value.shape) if validate_shape else value.shape


def _accepts(handle, sizes) -> bool:
    return handle.shape is None or handle.shape.is_compatible_with(TensorShape(sizes))


def _brackets(sizes) -> str:
    sizes = sizes.sizes if isinstance(sizes, TensorShape) else sizes
    return "[" + ",".join("?" if d is None else str(d) for d in sizes) + "]"


def _assign_update(name: str, doc: str, combine):
    @op(
        f"{name}(ref: Ref(T), value: T, *, use_locking: bool = False, T: NUMBER)"
        " -> output_ref: Ref(T)",
        doc,
        shape=lambda ref, value: ref.shape.merge_with(value.shape),
        grad=None,
        stateful=True,
        reads=("ref",),
        writes=("ref",),
    )
    def update(ctx, ref, value):
        old = ctx.read(ref)
        if old.shape != value.shape:
            raise errors.InvalidArgumentError(
                None,
                ctx.op,
                f"Parameters and update must be the same size: the variable has shape "
                f"{_brackets(old.shape)}, the update {_brackets(value.shape)}",
            )
        ctx.write(ref, combine(old, value))
        return ref

    return update


assign_add_op = _assign_update("AssignAdd", "Adds to a variable.", lambda a, b: a + b)
assign_sub_op = _assign_update("AssignSub", "Subtracts from a variable.", lambda a, b: a - b)


def _assigned_shapes(resource, value) -> list:
    """No outputs; the value must fit the variable."""
    dtype, shape = handle_type(resource)
    if dtype is not None and dtype.base_dtype is not value.dtype.base_dtype:
        raise ValueError(_wrong_dtype(dtype, value.dtype))
    shape.merge_with(value.shape)
    return []


@op(
    "AssignVariableOp(resource: resource, value: dtype, *, validate_shape: bool = False) -> ",
    shape=_assigned_shapes,
    grad=None,
    stateful=True,
    writes=("resource",),
)
def assign_variable_op(ctx, resource, value):
    """Gives a resource variable a new value."""
    if not _accepts(resource, value.shape):
        raise errors.InvalidArgumentError(
            None,
            ctx.op,
            "Trying to assign to variable with tensor with wrong shape. "
            f"Expected {_brackets(resource.shape)} got {_brackets(value.shape)}",
        )
    ctx.write(resource, value)
    return ()


def _assign_variable_update(name: str, doc: str, combine):
    @op(
        f"{name}(resource: resource, value: dtype) -> ",
        doc,
        shape=_assigned_shapes,
        grad=None,
        stateful=True,
        reads=("resource",),
        writes=("resource",),
    )
    def update(ctx, resource, value):
        old = ctx.read(resource)
        if old.shape != value.shape:
            raise errors.InvalidArgumentError(
                None,
                ctx.op,
                f"Cannot update variable with shape {_brackets(old.shape)} using a Tensor with "
                f"shape {_brackets(value.shape)}, shapes must be equal.",
            )
        ctx.write(resource, combine(old, value))
        return ()

    return update


assign_add_variable_op = _assign_variable_update(
    "AssignAddVariableOp", "Adds to a resource variable.", lambda a, b: a + b
)
assign_sub_variable_op = _assign_variable_update(
    "AssignSubVariableOp", "Subtracts from a resource variable.", lambda a, b: a - b
)


def is_reference(ref: Any) -> bool:
    """Whether state is given as a reference (TF 1), rather than as a resource variable."""
    return ref.dtype.is_ref_dtype


@export(v1=("assign",))
def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Gives a variable a new value.

    Args:
      ref: a variable.
      value: a tensor of its dtype and shape.
      validate_shape: for reference variables, whether the shape must stay the same.
      use_locking: accepted; runs that write are serialised in any case.

    Returns:
      What has the new value once it ran: the reference, or for a resource variable an object that
      reads it.

    Raises:
      ValueError: if the static shapes cannot match.
      errors.InvalidArgumentError: when it runs, if the shapes do not match.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.Session() as session:
    ...     v = v1.Variable(1.0)
    ...     print(session.run(v1.assign(v, 5.0)))
    5.0
    """
    if is_reference(ref):
        return assign_op(
            ref, value, validate_shape=validate_shape, use_locking=use_locking, name=name
        )
    return ref.assign(value, name=name)


@export(v1=("assign_add",))
def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Adds `value`, of the same shape, to a variable.

    Returns:
      Like `tf.assign`.

    Raises:
      errors.InvalidArgumentError: when it runs, if the shapes differ.
      errors.FailedPreconditionError: when it runs, if the variable has no value yet.

    >>> import reflow as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> print(tf.compat.v1.assign_add(v, [1.0, 1.0]).numpy())
    [2. 3.]
    """
    if is_reference(ref):
        return assign_add_op(ref, value, use_locking=use_locking, name=name)
    return ref.assign_add(value)  # without the name, as in TensorFlow


@export(v1=("assign_sub",))
def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Subtracts `value`, of the same shape, from a variable.

    Returns:
      Like `tf.assign`.

    Raises:
      errors.InvalidArgumentError: when it runs, if the shapes differ.
      errors.FailedPreconditionError: when it runs, if the variable has no value yet.

    >>> import reflow as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> print(tf.compat.v1.assign_sub(v, [1.0, 1.0]).numpy())
    [0. 1.]
    """
    if is_reference(ref):
        return assign_sub_op(ref, value, use_locking=use_locking, name=name)
    return ref.assign_sub(value)  # without the name, as in TensorFlow


# Counting -----------------------------------------------------------------------------------------


def _count(ctx, handle, limit: int):
    value = np.asarray(ctx.read(handle))
    if value.shape != ():
        raise errors.InvalidArgumentError(None, ctx.op, "input is not a scalar")
    if value >= limit:
        raise errors.OutOfRangeError(None, ctx.op, f"Reached limit of {limit}")
    ctx.write(handle, np.asarray(value + 1, value.dtype))
    return value


@op(
    "CountUpTo(ref: Ref(T), *, limit: int, T: INDEX) -> output: T",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    reads=("ref",),
    writes=("ref",),
    compile=False,
)
def count_up_to_op(ctx, ref, *, limit):
    """The value of a scalar variable, which goes up by one, until it is `limit`."""
    return _count(ctx, ref, limit)


@op(
    "ResourceCountUpTo(resource: resource, *, limit: int, T: INDEX) -> output: T",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    reads=("resource",),
    writes=("resource",),
    compile=False,
)
def resource_count_up_to_op(ctx, resource, *, limit):
    """`CountUpTo` of a resource variable."""
    return _count(ctx, resource, limit)


@export(v1=("count_up_to",))
def count_up_to(ref: Any, limit: int, name: str | None = None) -> Any:
    """The value of a scalar integer variable before it is incremented.

    Args:
      ref: an int32 or int64 variable.
      limit: when the variable has this value, the op fails.

    Raises:
      errors.OutOfRangeError: when it runs, if the limit is reached.

    >>> import reflow as tf
    >>> v = tf.Variable(3)
    >>> print(tf.compat.v1.count_up_to(v, 5).numpy(), v.numpy())
    3 4
    """
    if is_reference(ref):
        return count_up_to_op(ref, limit=limit, name=name)
    return resource_count_up_to_op(ref.handle, limit=limit, T=ref.dtype, name=name)
