"""Graphs and their nodes: https://www.tensorflow.org/api_docs/python/tf/Graph"""

from __future__ import annotations

import contextlib
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from reflow.lang import context, errors
from reflow.lang.devices import DeviceSpec, merge_device
from reflow.lang.opdef import OpDef, group_inputs, output_dtypes
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor, Tensor

_VALID_OP_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_VALID_SCOPE_NAME = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")


class Operation:
    """A node of a graph: an op, its inputs, attributes, control inputs and outputs.

    https://www.tensorflow.org/api_docs/python/tf/Operation
    """

    __slots__ = (
        "graph",
        "name",
        "opdef",
        "_inputs",
        "_control_inputs",
        "attrs",
        "outputs",
        "_device",
        "site",
        "_id",
        "__weakref__",
        "__dict__",
    )
    graph: Graph
    name: str
    opdef: OpDef
    attrs: dict[str, Any]
    outputs: list[SymbolicTensor]
    site: Any  # the user's code object and line
    _id: int
    _inputs: tuple[SymbolicTensor, ...]
    _control_inputs: tuple[Operation, ...]
    _device: str

    @property
    def type(self) -> str:
        return self.opdef.name

    @property
    def inputs(self) -> tuple[SymbolicTensor, ...]:
        return self._inputs

    @property
    def control_inputs(self) -> list[Operation]:
        return list(self._control_inputs)

    @property
    def control_outputs(self) -> list[Operation]:
        return [op for op in self.graph.get_operations() if self in op._control_inputs]

    @property
    def device(self) -> str:
        return self._device

    def _set_device(self, device: Any) -> None:
        self._device = DeviceSpec.canonical(device)
        self.graph.mutated()

    def _set_device_from_string(self, device: str) -> None:
        self._set_device(device)

    def input(self, name: str) -> Any:
        """The input called `name`: a tensor, or a list of them."""
        grouped = group_inputs(self.opdef, self._inputs, self.attrs)
        return grouped[self.opdef.input_index[name]]

    def values(self) -> tuple[SymbolicTensor, ...]:
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """The value of an attribute, as TensorFlow gives it (strings as bytes).

        Raises:
          ValueError: if the node has no such attribute.
        """
        if name not in self.attrs:
            raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")
        value = self.attrs[name]
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, tuple):
            return [each.encode() if isinstance(each, str) else each for each in value]
        return value

    def _set_attr(self, name: str, value: Any) -> None:
        """Sets an attribute from an `AttrValue` message or from a plain value."""
        if hasattr(value, "WhichOneof"):
            value = service("attr_from_proto")(value)
        self.attrs[name] = value
        self.graph.mutated()

    @property
    def node_def(self) -> Any:
        return service("op_to_node_def")(self)

    @property
    def op_def(self) -> Any:
        return service("op_def_proto")(self.opdef)

    @property
    def traceback(self) -> list[Any]:
        """The user's line that made this node, as a stack of one frame."""
        code, line = self.site
        return [traceback.FrameSummary(code.co_filename, line, code.co_name)]

    def colocation_groups(self) -> list[bytes]:
        return [
            each.encode() if isinstance(each, str) else each
            for each in self.attrs.get("_class", (f"loc:@{self.name}",))
        ]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Runs this node in `session`, or in the default session."""
        service("run_operation")(self, feed_dict, session)

    def _update_input(self, index: int, tensor: SymbolicTensor) -> None:
        inputs = list(self._inputs)
        inputs[index] = tensor
        self._inputs = tuple(inputs)
        self.graph.mutated()

    def _add_control_inputs(self, ops: Iterable[Operation]) -> None:
        self._control_inputs = (*self._control_inputs, *ops)
        self.graph.mutated()

    def _add_control_input(self, op: Operation) -> None:
        self._add_control_inputs([op])

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        from reflow.lang.printer import format_node

        return format_node(self)


class Graph:
    """A dataflow graph: nodes with unique names, scopes, devices and collections.

    >>> import reflow as tf
    >>> g = tf.Graph()
    >>> with g.as_default():
    ...     c = tf.constant(30.0, name="c")
    >>> c.name, c.graph is g
    ('c:0', True)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._nodes: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names_in_use: dict[str, int] = {}
        self._name_stack = ""
        self._control_stack: list[_ControlScope] = []
        self._device_stack: list[Any] = []
        self._colocation_stack: list[Operation] = []
        self._attr_scope: dict[str, Any] = {}
        self._gradient_override: dict[str, str] = {}
        self._collections: dict[Any, list[Any]] = {}
        self._seed: int | None = None
        self._finalized = False
        self._mutations = 0
        self._unfeedable: set[int] = set()
        self._unfetchable: set[int] = set()
        self._consumers: tuple[int, dict[int, list[Operation]]] = (-1, {})
        self._functions: dict[str, Any] = {}
        self.producer: int | None = None  # the oldest version of a GraphDef that was imported
        self.absent: dict[str, str] = {}  # why there is no node of a name that one may ask for
        self._container = ""
        self._next_id = 0
        self.building_function = False
        self.outer_graph: Graph | None = None
        self._variable_creator_stack: list[Any] = []

    # Building ------------------------------------------------------------------------------------

    def add_node(
        self,
        opdef: OpDef,
        inputs: Sequence[SymbolicTensor],
        attrs: dict[str, Any],
        name: str,
        output_shapes: Sequence[Any] | None = None,
        control_inputs: Iterable[Operation] = (),
        device: str | None = None,
        site: Any = None,
    ) -> Operation:
        """Appends a node. `name` is final: what `unique_name` gave.

        `output_shapes` are asked of the op's shape rule where they are not given; `site`, the user's
        line, is looked up in the call stack.
        """
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        op = Operation.__new__(Operation)
        op.graph = self
        op.name = name
        op.opdef = opdef
        op._inputs = tuple(inputs)
        op.attrs = attrs
        op.site = site or errors.user_frame(2)
        if self._attr_scope:
            for key, value in self._attr_scope.items():
                attrs.setdefault(key, value)
        if self._gradient_override and opdef.name in self._gradient_override:
            attrs.setdefault("_gradient_op_type", self._gradient_override[opdef.name])
        if self._container and attrs.get("container") == "":
            attrs["container"] = self._container
        dtypes = output_dtypes(opdef, attrs)
        if output_shapes is None:
            try:
                grouped = group_inputs(opdef, op._inputs, attrs)
                output_shapes = opdef.output_shapes(grouped, attrs, len(dtypes))
            except (ValueError, TypeError, errors.OpError) as error:
                raise at_node(error, op) from None
        op.outputs = [
            SymbolicTensor(op, i, dtype, shape)
            for i, (dtype, shape) in enumerate(zip(dtypes, output_shapes))
        ]
        if self._control_stack:
            control_inputs = (*control_inputs, *self._implied_controls(op))
        op._control_inputs = tuple(control_inputs)
        op._device = self._device_for(op) if device is None else device
        if self._colocation_stack and "_class" not in attrs:
            self._colocate(op, self._colocation_stack)
        if opdef.references and not self.building_function:
            self._colocate(op, [inputs[i].op for i in opdef.references])
        with self._lock:
            op._id = self._next_id
            self._next_id += 1
            self._nodes.append(op)
            self._by_name[name] = op
        for scope in self._control_stack:
            scope.inside.add(op)
        for tape in context.state.tapes:
            tape.record(op)
        return op

    def create_op(
        self,
        op_type: str,
        inputs: Sequence[Any],
        dtypes: Any = None,
        input_types: Any = None,
        name: str | None = None,
        attrs: dict[str, Any] | None = None,
        op_def: Any = None,
        compute_shapes: bool = True,
        compute_device: bool = True,
    ) -> Operation:
        """Adds a node of the op `op_type` with flat `inputs` and attributes (deprecated in TF)."""
        from reflow.lang.dispatch import find_op

        opdef = find_op(op_type)
        values = {}
        for key, value in (attrs or {}).items():
            values[key] = (
                service("attr_from_proto")(value) if hasattr(value, "WhichOneof") else value
            )
        from reflow.lang.dispatch import complete_attrs

        complete_attrs(opdef, inputs, values)
        return self.add_node(opdef, inputs, values, self.unique_name(name or op_type))

    def _implied_controls(self, op: Operation) -> list[Operation]:
        """Control inputs from the scopes around, less those that the inputs imply already."""
        producers = {t.op for t in op._inputs}
        result: list[Operation] = []
        for scope in self._control_stack:
            if producers & scope.inside:
                continue
            result.extend(c for c in scope.controls if c not in result and c not in producers)
        return result

    def _device_for(self, op: Operation, device: str = "") -> str:
        for each in reversed(self._device_stack):
            if each is None:
                break
            if callable(each):
                op._device = device
                device = merge_device(each(op), device)
            else:
                device = merge_device(device, each)
        return device

    def _colocate(self, op: Operation, others: Iterable[Operation]) -> None:
        groups: list[Any] = list(op.attrs.get("_class", ()))
        for other in others:
            groups.extend(
                g.decode() if isinstance(g, bytes) else g for g in other.colocation_groups()
            )
            if other.device:
                op._device = other.device
        op.attrs["_class"] = tuple(sorted(set(groups)))

    def sees(self, tensor: SymbolicTensor) -> bool:
        """Whether nodes of this graph can take `tensor`."""
        return tensor.op.graph is self

    def move_before(self, nodes: Sequence[Operation], op: Operation) -> None:
        """Puts `nodes`, which are the last ones, where `op` stands, which is to take their outputs."""
        with self._lock:
            count = len(nodes)
            assert self._nodes[len(self._nodes) - count :] == list(nodes)
            del self._nodes[len(self._nodes) - count :]
            at = self._nodes.index(op)
            self._nodes[at:at] = nodes

    def mutated(self) -> None:
        """Says that an existing node changed: plans made of this graph are stale."""
        self._mutations += 1

    @property
    def version(self) -> int:
        return len(self._nodes)

    @property
    def mutations(self) -> int:
        return self._mutations

    # Names ---------------------------------------------------------------------------------------

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` within the current name scope, with `_1`, `_2`, ... appended when it is taken."""
        if self._name_stack:
            name = f"{self._name_stack}/{name}"
        key = name.lower()
        with self._lock:
            count = self._names_in_use.get(key, 0)
            if mark_as_used:
                self._names_in_use[key] = count + 1
            if count:
                base = key
                while key in self._names_in_use:
                    key = f"{base}_{count}"
                    count += 1
                if mark_as_used:
                    self._names_in_use[key] = 1
                name = f"{name}_{count - 1}"
        return name

    def op_name(self, name: str) -> str:
        """The final name of a node: `name` made unique, or exactly `name` if it ends in '/'."""
        if name[-1:] == "/":
            return name[:-1]
        if not _VALID_OP_NAME.match(name) and not (self._name_stack and name[0] in "_"):
            raise ValueError(
                f"'{name}' is not a valid node name. Names match {_VALID_OP_NAME.pattern}"
            )
        return self.unique_name(name)

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Prefixes the names of nodes made within; yields the scope with a trailing slash.

        A `name` that ends in '/' re-enters that scope as it is; None or '' goes back to the root.
        """
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name for name_scope must be a string, got {name!r}")
        if name:
            valid = _VALID_SCOPE_NAME if self._name_stack else _VALID_OP_NAME
            if not valid.match(name):
                raise ValueError(f"'{name}' is not a valid scope name. Names match {valid.pattern}")
        old = self._name_stack
        if not name:
            new = ""
        elif name[-1] == "/":
            new = name[:-1]
        else:
            new = self.unique_name(name)
        self._name_stack = new
        try:
            yield new + "/" if new else ""
        finally:
            self._name_stack = old

    def get_name_scope(self) -> str:
        return self._name_stack

    # Scopes --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Makes this the default graph of the current thread."""
        with context.using_graph(self):
            yield self

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """Nodes made within run after all of `control_inputs`; None clears what is around."""
        if control_inputs is None:
            old, self._control_stack = self._control_stack, []
            try:
                yield
            finally:
                self._control_stack = old
            return
        controls: list[Operation] = []
        if not isinstance(control_inputs, (list, tuple)):
            control_inputs = [control_inputs]
        for each in control_inputs:
            if isinstance(each, (Operation, SymbolicTensor)):
                pass
            elif hasattr(each, "_handle") and hasattr(each, "op"):
                each = each.op  # a resource variable, which need not be read
            elif hasattr(each, "_as_graph_element"):
                each = each._as_graph_element()
            if isinstance(each, (Operation, SymbolicTensor)):
                op: Any = each if isinstance(each, Operation) else each.op
                if op.graph is not self:
                    op = self._control_from_outside(op)
                    if op is None:
                        continue
            elif hasattr(each, "values") and hasattr(each, "indices"):
                op = each.op
            elif each is None or isinstance(each, Tensor):
                continue  # what eager code made has already happened
            else:
                op = self.as_graph_element(each)
                op = op.op if isinstance(op, SymbolicTensor) else op
            if op not in controls:
                controls.append(op)
        scope = _ControlScope(controls)
        self._control_stack.append(scope)
        try:
            yield
        finally:
            self._control_stack.remove(scope)

    def _control_from_outside(self, op: Operation) -> Operation | None:
        raise ValueError(f"Tensor {op.name} must be from the same graph as the current one.")

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Places the nodes made within: a device string, a function of the node, or None."""
        spec = device_name_or_function
        if isinstance(spec, DeviceSpec):
            spec = spec.to_string()
        if isinstance(spec, str):
            spec = DeviceSpec.canonical(spec)
        self._device_stack.append(spec)
        try:
            yield
        finally:
            self._device_stack.pop()

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Places the nodes made within on the device of `op`; None clears what is around."""
        old = self._colocation_stack
        old_devices = self._device_stack
        if _is_eager(op):  # state of eager code has no node, and goes where it is used
            yield
            return
        if op is None:
            self._colocation_stack = []
        else:
            if not isinstance(op, Operation):
                node = getattr(op, "op", None)
                if node is None and not isinstance(op, str) and hasattr(op, "device"):
                    with self.device(op.device):  # a tensor or a variable of eager code
                        yield
                    return
                op = node or self.as_graph_element(op)
            self._colocation_stack = [op] if ignore_existing else [*old, op]
        self._device_stack = []  # the other node's device is stronger
        try:
            yield
        finally:
            self._colocation_stack = old
            self._device_stack = old_devices

    @contextlib.contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Stateful nodes made within keep their state in this resource container."""
        old, self._container = self._container, container_name
        try:
            yield container_name
        finally:
            self._container = old

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Nodes of the op types in the map made within use another registered gradient."""
        if not isinstance(op_type_map, dict):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        old = self._gradient_override
        self._gradient_override = {**old, **op_type_map}
        try:
            yield
        finally:
            self._gradient_override = old

    @contextlib.contextmanager
    def _attribute_scope(self, attrs: dict[str, Any]) -> Iterator[None]:
        old = self._attr_scope
        self._attr_scope = {k: v for k, v in {**old, **attrs}.items() if v is not None}
        try:
            yield
        finally:
            self._attr_scope = old

    _attr_scope_map = _attribute_scope

    @contextlib.contextmanager
    def _variable_creator_scope(self, creator: Callable, priority: int = 100) -> Iterator[None]:
        old = self._variable_creator_stack
        self._variable_creator_stack = sorted([*old, (priority, creator)], key=lambda each: each[0])
        try:
            yield
        finally:
            self._variable_creator_stack = old

    # Looking up ----------------------------------------------------------------------------------

    def get_operations(self) -> list[Operation]:
        return list(self._nodes)

    def get_operation_by_name(self, name: str) -> Operation:
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=False, allow_operation=True)

    def get_tensor_by_name(self, name: str) -> SymbolicTensor:
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=True, allow_operation=False)

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The node or tensor that `obj` refers to: itself, its name, or what stands for it.

        Raises:
          TypeError: if `obj` is of no suitable type.
          ValueError: if it is of another graph, or no valid name.
          KeyError: if the graph has nothing of that name.
        """
        if not isinstance(obj, (SymbolicTensor, Operation, str)):
            convert = getattr(obj, "_as_graph_element", None)
            if convert is not None:
                obj = convert()
        if isinstance(obj, str):
            return self._by_string(obj, allow_tensor, allow_operation)
        if isinstance(obj, SymbolicTensor) and allow_tensor:
            if obj.graph is not self:
                raise ValueError(f"Tensor {obj} is not an element of this graph.")
            return obj
        if isinstance(obj, Operation) and allow_operation:
            if obj.graph is not self:
                raise ValueError(f"Operation {obj!r} is not an element of this graph.")
            return obj
        wanted = " or ".join(["Tensor"] * allow_tensor + ["Operation"] * allow_operation)
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")

    def _by_string(self, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
        if ":" in name and allow_tensor:
            op_name, _, index = name.partition(":")
            if not index.isdigit():
                raise ValueError(
                    f"The name '{name}' looks a like a Tensor name, but is not a valid one. "
                    'Tensor names must be of the form "<op_name>:<output_index>".'
                )
            op = self._by_name.get(op_name)
            if op is None:
                raise KeyError(
                    f"The name '{name}' refers to a Tensor which does not exist. "
                    f"The operation, '{op_name}', does not exist in the graph."
                    + self._similar(op_name)
                )
            if int(index) >= len(op.outputs):
                raise KeyError(
                    f"The name '{name}' refers to a Tensor which does not exist. The operation, "
                    f"'{op_name}', exists but only has {len(op.outputs)} outputs."
                )
            return op.outputs[int(index)]
        if ":" in name and not allow_tensor:
            raise ValueError(f"Name '{name}' appears to refer to a Tensor, not an Operation.")
        op = self._by_name.get(name)
        if op is None:
            raise KeyError(
                f"The name '{name}' refers to an Operation not in the graph." + self._similar(name)
            )
        if not allow_operation:
            raise ValueError(
                f"The name '{name}' refers to an Operation, not a Tensor. Tensor names must be of "
                'the form "<op_name>:<output_index>".'
            )
        return op

    def _similar(self, name: str) -> str:
        import difflib

        if name in self.absent:
            return self.absent[name]
        close = difflib.get_close_matches(name, self._by_name, n=3)
        return f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""

    _as_graph_element = as_graph_element

    def _get_operation_by_name(self, name: str) -> Operation:
        return self.get_operation_by_name(name)

    def consumers_of(self, tensor: SymbolicTensor) -> list[Operation]:
        stamp = len(self._nodes) + self._mutations * 2**40
        if self._consumers[0] != stamp:
            table: dict[int, list[Operation]] = {}
            for op in self._nodes:
                for t in {id(t): t for t in op._inputs}.values():
                    table.setdefault(id(t), []).append(op)
            self._consumers = (stamp, table)
        return list(self._consumers[1].get(id(tensor), ()))

    # Collections and the rest --------------------------------------------------------------------

    def add_to_collection(self, name: Any, value: Any) -> None:
        self._check_not_finalized()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        names = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
        for name in names:
            self.add_to_collection(name, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """The values of a collection; with `scope`, those whose name it matches as a prefix."""
        values = self._collections.get(name, [])
        if scope is None:
            return list(values)
        pattern = re.compile(scope)
        return [v for v in values if hasattr(v, "name") and pattern.match(v.name)]

    def get_collection_ref(self, name: Any) -> list[Any]:
        return self._collections.setdefault(name, [])

    def clear_collection(self, name: Any) -> None:
        self._check_not_finalized()
        self._collections.pop(name, None)

    def get_all_collection_keys(self) -> list[Any]:
        return [key for key in self._collections if isinstance(key, str)]

    @property
    def collections(self) -> list[Any]:
        return self.get_all_collection_keys()

    @property
    def seed(self) -> int | None:
        return self._seed

    @seed.setter
    def seed(self, seed: int | None) -> None:
        self._seed = seed

    @property
    def finalized(self) -> bool:
        return self._finalized

    def finalize(self) -> None:
        """Makes the graph read-only."""
        self._finalized = True

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    def _check_not_finalized(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def prevent_feeding(self, tensor: SymbolicTensor) -> None:
        self._unfeedable.add(id(tensor))

    def prevent_fetching(self, op: Operation) -> None:
        self._unfetchable.add(id(op))

    def is_feedable(self, tensor: SymbolicTensor) -> bool:
        return id(tensor) not in self._unfeedable

    def is_fetchable(self, item: Any) -> bool:
        op = item.op if isinstance(item, SymbolicTensor) else item
        return id(op) not in self._unfetchable

    def switch_to_thread_local(self) -> None:
        """Accepted for TF 1's sake: scopes of Reflow's graphs belong to whoever builds them."""

    def capture(self, tensor: Tensor, name: str | None = None) -> SymbolicTensor:
        """The tensor of this graph that stands for a tensor from elsewhere."""
        if isinstance(tensor, SymbolicTensor):
            raise ValueError(
                f"{tensor} must be from the same graph as the current one: it was made in another "
                "graph. Build the op inside `with graph.as_default():` of the tensor's own graph."
            )
        from reflow.lang.convert import constant_node

        return constant_node(tensor.numpy(), tensor.dtype, name="Const")  # type: ignore[attr-defined]

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """A serialisable `GraphDef` of this graph."""
        return service("graph_to_graph_def")(self, from_version, add_shapes)

    @property
    def graph_def_versions(self) -> Any:
        return service("graph_to_graph_def")(self, None, False).versions

    def __repr__(self) -> str:
        return f"<reflow.Graph with {len(self._nodes)} nodes>"


class _ControlScope:
    __slots__ = ("controls", "inside")

    def __init__(self, controls: list[Operation]):
        self.controls = controls
        self.inside: set[Operation] = set()  # nodes made within, which wait already


def at_node(error: Exception, op: Operation) -> Exception:
    """`error` with a first line that names the user's line and the node."""
    prefix = f"{errors.where(op.site)}: {op.type} '{op.name}': "
    text = str(error)
    if isinstance(error, errors.OpError):
        return type(error)(None, op, text if text.startswith(prefix) else prefix + text)
    return type(error)(text if text.startswith(prefix) else prefix + text)


def topological(needed: set[Operation]) -> list[Operation]:
    """`needed` in an order that respects data and control edges; otherwise as they were made."""
    ordered = sorted(needed, key=lambda op: op._id)
    done: set[Operation] = set()
    result: list[Operation] = []
    for op in ordered:
        if op in done:
            continue
        stack = [op]
        while stack:
            top = stack[-1]
            if top in done:
                stack.pop()
                continue
            before = [t.op for t in top.inputs if t.op in needed and t.op not in done]
            before += [c for c in top._control_inputs if c in needed and c not in done]
            if not before:
                done.add(top)
                result.append(top)
                stack.pop()
                continue
            if len(stack) > len(needed) + 1:
                raise errors.InvalidArgumentError(
                    None, top, f"Graph has a cycle that goes through '{top.name}'."
                )
            stack.extend(before[:1])
    return result


def _is_eager(value: Any) -> bool:
    """Whether `value` is a tensor or a variable of eager code."""
    held = getattr(value, "handle", value)
    return isinstance(held, Tensor) and not isinstance(held, SymbolicTensor)
