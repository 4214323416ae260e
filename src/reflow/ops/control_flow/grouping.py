"""Waiting for others: `tf.group`, `tf.tuple`, `with_dependencies`."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors, nest
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.graph import Operation
from reflow.lang.scopes import control_dependencies, device, name_scope
from reflow.lang.tensor import Tensor
from reflow.ops.constant import identity, no_op_op
from reflow.ops.control_flow.branches import is_tensor_array


@export("group")
def group(*inputs: Any, **kwargs: Any) -> Any:
    """An op that is done when all of `inputs` are.

    Args:
      *inputs: tensors or operations, or nested structures of them.
      **kwargs: `name`.

    Returns:
      The operation; None when executing eagerly, as all has happened already.

    Raises:
      TypeError: for an input that is none of these.
      ValueError: for an unknown keyword.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.group(tf.constant(1), name="both").name)
    both
    """
    if current_graph() is None:
        return None
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}.")
    site = errors.user_site()
    with name_scope(name, "group_deps", inputs) as scope:
        controls: list[Any] = []
        for each in nest.flatten(inputs, expand_composites=True):
            if each is None:
                continue
            if is_tensor_array(each):
                each = each.flow
            if not hasattr(each, "device") and not hasattr(each, "_as_graph_element"):
                raise TypeError(
                    f"{site}: 'inputs' should be zero or more (nested) Tensors. Received '{each}' "
                    f"with type '{type(each)}'."
                )
            controls.append(each)
        by_device: dict[str, list[Any]] = {}
        for each in controls:
            by_device.setdefault(getattr(each, "device", ""), []).append(each)
        if len(by_device) > 1:  # one node per device, and one that waits for those
            controls = [_waiting_on(place, by_device[place], None) for place in sorted(by_device)]
            by_device = {"": controls}
        ((place, controls),) = by_device.items() or (("", []),)
        return _waiting_on(place, controls, scope)


def _waiting_on(place: str, controls: list[Any], name: str | None) -> Any:
    with control_dependencies(controls), device(place):
        return no_op_op(name=name)


@export(v2=("tuple",))
def tuple_v2(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list[Any]:
    """The tensors, none of which is there before all are.

    Args:
      tensors: a list of tensors or `IndexedSlices`; some may be None.
      control_inputs: further operations to wait for.
      name: the name scope of the ops.

    Raises:
      ValueError: if there is no tensor in `tensors`.
      TypeError: if `control_inputs` holds something else than operations and tensors.

    >>> import reflow as tf
    >>> [int(t) for t in tf.tuple([tf.constant(1), tf.constant(2)])]
    [1, 2]
    """
    return tuple_v1(tensors, name, control_inputs)


@export(v1=("tuple",))
def tuple_v1(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """TF 1's `tf.tuple`: see the TF 2 function."""
    if current_graph() is None:
        return tensors
    site = errors.user_site()
    with name_scope(name, "tuple", tensors):
        tensors = [t if isinstance(t, Operation) or t is None else _tensor_like(t) for t in tensors]
        gating = [t if isinstance(t, Operation) else t.op for t in tensors if t is not None]
        for each in control_inputs or ():
            if isinstance(each, Tensor):
                each = each.op  # type: ignore[attr-defined]
            elif not isinstance(each, Operation):
                raise TypeError(
                    f"{site}: 'control_inputs' must only contain Operation or Tensor. Received: "
                    f"{type(each)}"
                )
            gating.append(each)
        if not gating:
            raise ValueError(
                f"{site}: 'tensors' must have at least one Tensor. Received: {tensors}."
            )
        gate = group(*dict.fromkeys(gating))
        return [
            with_dependencies([gate], t) if t is not None and not isinstance(t, Operation)
            else gate if isinstance(t, Operation) else None
            for t in tensors
        ]  # fmt: skip


def _tensor_like(value: Any) -> Any:
    return value if nest.is_composite(value) else convert_to_tensor(value)


@export(v1=("with_dependencies",))
def with_dependencies(dependencies: Any, output_tensor: Any, name: str | None = None) -> Any:
    """`output_tensor`, once all of `dependencies` have run.

    Args:
      dependencies: operations or tensors.
      output_tensor: a tensor or a composite of tensors.
      name: the name of the node.

    Raises:
      TypeError: if `output_tensor` is no tensor.
    """
    if current_graph() is None:
        return output_tensor
    with (
        name_scope(name, "control_dependency", [dependencies, output_tensor]) as scope,
        control_dependencies(dependencies),
    ):
        output_tensor = _tensor_like(output_tensor)
        if nest.is_composite(output_tensor):
            return nest.map_structure(identity, output_tensor, expand_composites=True)
        return identity(output_tensor, name=scope)
