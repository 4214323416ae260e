"""Variables as ops: handles, reads, assignments. `ops/variables.py` has the classes."""

from __future__ import annotations

from reflow.lang import errors, shapes
from reflow.lang.resource import ResourceHandle
from reflow.ops import shape_rules
from reflow.ops.define import op


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

var_handle_op = op(
    "VarHandleOp(*, container: string = '', shared_name: string = '', dtype: type, shape: shape,"
    " allowed_devices: list(string) = []) -> resource: resource",
    "The handle of a resource variable.",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    handle=True,
)(variable_handle)


@op(
    "Assign(ref: Ref(T), value: T, *, validate_shape: bool = True, use_locking: bool = True)"
    " -> output_ref: Ref(T)",
    grad=None,
    stateful=True,
    writes=("ref",),
)
def assign(ctx, ref, value, *, validate_shape):
    """Gives a variable a new value; the output is the reference."""
    _check_shape(ctx, ref, value, validate_shape)
    ctx.write(ref, value)
    return ref


@assign.shape_rule
def _assign_shape(ref, value, *, validate_shape):
    return ref.shape.merge_with(value.shape) if validate_shape else value.shape


def _check_shape(ctx, handle, value, validate: bool = True) -> None:
    if validate and handle.shape is not None:
        came = shapes.TensorShape(value.shape)
        if not handle.shape.is_compatible_with(came):
            raise errors.InvalidArgumentError(
                None,
                ctx.op,
                f"Assign requires shapes of both tensors to match. lhs shape= {handle.shape} "
                f"rhs shape= {came} (variable {handle.name})",
            )


def _assign_update(name: str, doc: str, combine):
    @op(
        f"{name}(ref: Ref(T), value: T, *, use_locking: bool = False) -> output_ref: Ref(T)",
        doc,
        shape=lambda ref, value: ref.shape.merge_with(value.shape),
        grad=None,
        stateful=True,
        reads=("ref",),
        writes=("ref",),
    )
    def update(ctx, ref, value):
        ctx.write(ref, combine(ctx.read(ref), value))
        return ref

    return update


assign_add = _assign_update("AssignAdd", "Adds to a variable.", lambda a, b: a + b)
assign_sub = _assign_update("AssignSub", "Subtracts from a variable.", lambda a, b: a - b)


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
    "ReadVariableOp(resource: resource, *, dtype: type) -> value: dtype",
    shape=lambda resource: _handle_shape(resource),
    grad=None,
    stateful=True,
    reads=("resource",),
)
def read_variable_op(ctx, resource):
    """The value of a resource variable."""
    return ctx.read(resource)


def _handle_shape(resource) -> shapes.TensorShape:
    """The static shape of the variable behind a handle tensor, where its maker is in sight."""
    op = getattr(resource, "op", None)
    if op is not None and op.opdef.handle:
        return op.attrs["shape"]
    return getattr(resource, "_handle_shape", shapes.UNKNOWN)


@op(
    "AssignVariableOp(resource: resource, value: dtype, *, validate_shape: bool = False) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    writes=("resource",),
)
def assign_variable_op(ctx, resource, value):
    """Gives a resource variable a new value."""
    _check_shape(ctx, resource, value)
    ctx.write(resource, value)
    return ()


def _assign_variable_update(name: str, doc: str, combine):
    @op(
        f"{name}(resource: resource, value: dtype) -> ",
        doc,
        shape=shape_rules.none,
        grad=None,
        stateful=True,
        reads=("resource",),
        writes=("resource",),
    )
    def update(ctx, resource, value):
        ctx.write(resource, combine(ctx.read(resource), value))
        return ()

    return update


assign_add_variable_op = _assign_variable_update(
    "AssignAddVariableOp", "Adds to a resource variable.", lambda a, b: a + b
)
assign_sub_variable_op = _assign_variable_update(
    "AssignSubVariableOp", "Subtracts from a resource variable.", lambda a, b: a - b
)


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
