"""The switches between TF 1 and TF 2 behaviour."""

from __future__ import annotations

from reflow.lang import context, shapes
from reflow.lang.export import export
from reflow.lang.tensor import use_equality


@export(v1=("disable_v2_behavior",))
def disable_v2_behavior() -> None:
    """Makes TF 1's behaviour the default: graphs, reference variables, `Dimension`s, identity `==`."""
    context.disable_eager_execution()
    disable_v2_tensorshape()
    disable_tensor_equality()
    _resource_variables(False)


@export(v1=("enable_v2_behavior",))
def enable_v2_behavior() -> None:
    """Makes TF 2's behaviour the default: to be called at the start of a program."""
    context.enable_eager_execution()
    enable_v2_tensorshape()
    enable_tensor_equality()
    _resource_variables(True)


def _resource_variables(on: bool) -> None:
    from reflow.ops.variables import variable

    (variable.enable_resource_variables if on else variable.disable_resource_variables)()


@export(v1=("enable_v2_tensorshape",))
def enable_v2_tensorshape() -> None:
    """Makes elements of a `TensorShape` integers and None."""
    shapes.v2_behavior[0] = True


@export(v1=("disable_v2_tensorshape",))
def disable_v2_tensorshape() -> None:
    """Makes elements of a `TensorShape` `Dimension`s."""
    shapes.v2_behavior[0] = False


@export(v1=("enable_tensor_equality",))
def enable_tensor_equality() -> None:
    """Makes `==` of tensors compare elements."""
    use_equality[0] = True


@export(v1=("disable_tensor_equality",))
def disable_tensor_equality() -> None:
    """Makes `==` of tensors compare identity."""
    use_equality[0] = False


_control_flow_v2 = [True]


@export(v1=("enable_control_flow_v2",))
def enable_control_flow_v2() -> None:
    """Accepted: control flow is functional in Reflow in any case."""
    _control_flow_v2[0] = True


@export(v1=("disable_control_flow_v2",))
def disable_control_flow_v2() -> None:
    """Accepted: control flow is functional in Reflow in any case; its results are the same."""
    _control_flow_v2[0] = False


@export(v1=("control_flow_v2_enabled",))
def control_flow_v2_enabled() -> bool:
    """Whether `enable_control_flow_v2` is the last that was said."""
    return _control_flow_v2[0]
