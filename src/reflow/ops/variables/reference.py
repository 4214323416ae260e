"""TF 1's variables: a node whose output is a reference, and a snapshot of it called `v/read`."""

from __future__ import annotations

from typing import Any

from reflow.lang import context, errors
from reflow.lang.context import get_default_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import (
    add_to_collections,
    colocate_with,
    device,
    name_scope,
    prepend_name_scope,
    strip_name_scope,
)
from reflow.lang.services import service
from reflow.lang.shapes import UNKNOWN, TensorShape
from reflow.ops.constant import identity
from reflow.ops.variables.initial_value import guarded, lifted
from reflow.ops.variables.ops import assign_add_op, assign_op, assign_sub_op, variable_v2
from reflow.ops.variables.partitioned import SaveSliceInfo
from reflow.ops.variables.variable import VariableV1, checked_collections


class RefVariable(VariableV1):
    """A variable of a TF 1 graph: `VariableV2`, its initializer `v/Assign` and its value `v/read`."""

    def __init__(
        self,
        initial_value=None,
        trainable=None,
        collections=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        expected_shape=None,
        import_scope=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
        shape=None,
    ):
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError("variable_def and initial_value are mutually exclusive.")
            self._from_def(variable_def, import_scope, constraint)
            return
        trainable = self._set_common(trainable, constraint, synchronization, aggregation, name)
        if initial_value is None:
            raise ValueError(f"{errors.user_site()}: initial_value must be specified.")
        collections = checked_collections(collections, trainable)
        self._caching_device = caching_device
        with context.init_scope():
            if context.executing_eagerly():
                raise RuntimeError(
                    "Reference variables are not supported when eager execution is enabled. Please "
                    "run `tf.compat.v1.enable_resource_variables()` to switch to resource variables."
                )
            self._make(initial_value, validate_shape, name, dtype, shape)
            add_to_collections(collections, self)

    def _make(self, initial_value, validate_shape, name, dtype, shape) -> None:
        graph = get_default_graph()
        make = initial_value if callable(initial_value) else None
        with name_scope(name, "Variable", [] if make else [initial_value]) as scope:
            true_name = scope.rstrip("/")
            if make is not None:
                # As if colocated with the variable, which does not exist yet.
                with graph._attribute_scope({"_class": (f"loc:@{true_name}",)}):
                    with name_scope("Initializer"), device(None):
                        value = convert_to_tensor(make(), dtype, name="initial_value")
                    self._variable = self._node(value, validate_shape, shape, scope)
            else:
                initial_value = lifted(initial_value, name)
                value = convert_to_tensor(initial_value, dtype, name="initial_value")
                self._variable = self._node(value, validate_shape, shape, scope)
            if validate_shape and not value.shape.is_fully_defined():
                raise ValueError(
                    f"{errors.user_site()}: initial_value must have a shape specified: {value}"
                )
            self._name = self._variable.name
            self._initial_value = value
            self._initializer_op = assign_op(
                self._variable, guarded(true_name, value), validate_shape=validate_shape
            ).op
            if self._caching_device is not None:
                with device(self._caching_device):
                    self._snapshot = identity(self._variable, name="read")
            else:
                with colocate_with(self._variable.op):
                    self._snapshot = identity(self._variable, name="read")

    def _node(self, value, validate_shape, shape, scope) -> Any:
        if shape is None:
            shape = value.shape if validate_shape else UNKNOWN
        return variable_v2(shape=shape, dtype=value.dtype.base_dtype, name=scope)

    def _from_def(self, variable_def, import_scope, constraint) -> None:
        graph = get_default_graph()

        def find(name: str) -> Any:
            return graph.as_graph_element(prepend_name_scope(name, import_scope))

        self._variable = find(variable_def.variable_name)
        self._name = self._variable.name
        self._initializer_op = find(variable_def.initializer_name)
        # Files written before this field existed leave the first input of the initializer.
        initial = variable_def.initial_value_name
        self._initial_value = find(initial) if initial else self._initializer_op.inputs[1]
        self._snapshot = find(variable_def.snapshot_name)
        self._caching_device = None
        said = variable_def
        self._set_common(
            said.trainable, constraint, said.synchronization, said.aggregation, self._name
        )
        if variable_def.HasField("save_slice_info_def"):
            self._save_slice_info = SaveSliceInfo(
                save_slice_info_def=variable_def.save_slice_info_def, import_scope=import_scope
            )

    def to_proto(self, export_scope: str | None = None) -> Any:
        if export_scope and not self._variable.name.startswith(export_scope):
            return None
        message = service("VariableDef")()
        message.variable_name = strip_name_scope(self._variable.name, export_scope)
        if self._initial_value is not None:
            message.initial_value_name = strip_name_scope(self._initial_value.name, export_scope)
        message.trainable = self.trainable
        message.synchronization = self.synchronization.value
        message.aggregation = self.aggregation.value
        message.initializer_name = strip_name_scope(self.initializer.name, export_scope)
        message.snapshot_name = strip_name_scope(self._snapshot.name, export_scope)
        if self._save_slice_info is not None:
            message.save_slice_info_def.MergeFrom(self._save_slice_info.to_proto(export_scope))
        return message

    # What it is ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType:
        return self._variable.dtype

    @property
    def shape(self) -> TensorShape:
        return self._variable.shape

    def set_shape(self, shape: Any) -> None:
        """Merges `shape` into the static shape of the reference and of the snapshot."""
        self._variable.set_shape(shape)
        self.value().set_shape(shape)

    @property
    def op(self) -> Any:
        return self._variable.op

    @property
    def graph(self) -> Any:
        return self._variable.graph

    @property
    def device(self) -> str:
        return self._variable.device

    @property
    def initializer(self) -> Any:
        return self._initializer_op

    @property
    def initial_value(self) -> Any:
        return self._initial_value

    # Its value -----------------------------------------------------------------------------------

    def _ref(self) -> Any:
        """The reference tensor."""
        return self._variable

    def value(self) -> Any:
        return self._snapshot

    def read_value(self) -> Any:
        return identity(self._variable, name="read")

    def _as_graph_element(self) -> Any:
        return self._variable

    def _gradient_source(self) -> Any:
        return self._variable

    def _to_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
        self._check_conversion(dtype)
        return convert_to_tensor(self._variable if as_ref else self._snapshot)

    def sparse_read(self, indices, name=None):
        from reflow.ops.indexing import gather

        return gather(self.value(), indices, name=name)

    def gather_nd(self, indices, name=None):
        from reflow.ops.nd_indexing import gather_nd

        return gather_nd(self.value(), indices, name=name)

    # Changing it ---------------------------------------------------------------------------------

    def assign(self, value, use_locking=False, name=None, read_value=True):
        result = assign_op(self._variable, value, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def assign_add(self, delta, use_locking=False, name=None, read_value=True):
        result = assign_add_op(self._variable, delta, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def assign_sub(self, delta, use_locking=False, name=None, read_value=True):
        result = assign_sub_op(self._variable, delta, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def _apply(self, kind: str, *inputs: Any, **attrs: Any) -> Any:
        return REGISTRY[kind](self._variable, *inputs, **attrs)

    def __iadd__(self, other: Any) -> Any:
        return self + other

    def __isub__(self, other: Any) -> Any:
        return self - other

    def __imul__(self, other: Any) -> Any:
        return self * other

    def __itruediv__(self, other: Any) -> Any:
        return self / other

    def __ipow__(self, other: Any) -> Any:
        return self**other
