"""Resource variables: a handle, of a node in a graph or owned by the object in eager code."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import context, dtypes, errors
from reflow.lang.context import get_default_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import ResourceHandle
from reflow.lang.scopes import (
    GraphKeys,
    add_to_collections,
    colocate_with,
    control_dependencies,
    device,
    name_scope,
    prepend_name_scope,
    strip_name_scope,
)
from reflow.lang.services import service
from reflow.lang.shapes import UNKNOWN, TensorShape, as_shape
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.type_spec import TensorSpec, register_type_spec_from_value_converter
from reflow.ops.constant import identity
from reflow.ops.variables.initial_value import guarded, lifted
from reflow.ops.variables.ops import (
    assign_add_variable_op,
    assign_sub_variable_op,
    assign_variable_op,
    read_variable_op,
    var_handle_op,
    var_is_initialized_op,
)
from reflow.ops.variables.partitioned import SaveSliceInfo
from reflow.ops.variables.scatter import resource_gather, resource_gather_nd
from reflow.ops.variables.variable import VariableV1, checked_collections

_numbers = itertools.count()


def eager_handle(name: str, dtype: DType, shape: TensorShape) -> Any:
    """The handle of a new variable of eager code; its state goes when nothing holds the handle."""
    store = service("eager_store")
    handle = ResourceHandle("Variable", "", (name, next(_numbers)), dtype, shape)
    tensor = service("eager_tensor")(handle, dtypes.resource)
    weakref.finalize(tensor, store.delete, handle).atexit = False
    return tensor


class BaseResourceVariable(VariableV1):
    """What variables with a handle have in common.

    Attributes:
      handle: a scalar tensor of dtype `resource`, symbolic in a graph.
    """

    _is_resource = True

    handle: Any
    _dtype: DType
    _shape: TensorShape
    _in_graph_mode: bool
    _handle_name: str
    _unique_id: str
    _graph_element: Any = None
    _initializer_op: Any = None
    _is_initialized_op: Any = None
    _initial_value: Any = None
    _cached_value: Any = None
    _caching_device: Any = None
    _validate_shape = True

    # What it is ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._handle_name + ":0"

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Merges `shape` into the static shape."""
        self._shape = self._shape.merge_with(shape)

    @property
    def _shared_name(self) -> str:
        return self._handle_name

    @property
    def op(self) -> Any:
        return self.handle.op

    @property
    def graph(self) -> Any:
        return self.handle.graph

    @property
    def device(self) -> str:
        return self.handle.device

    @property
    def _handle(self) -> Any:
        return self.handle

    @property
    def create(self) -> Any:
        """The operation that initializes it."""
        return self.initializer

    @property
    def initializer(self) -> Any:
        return self._initializer_op

    @property
    def initial_value(self) -> Any:
        if context.executing_eagerly():
            raise RuntimeError("This property is not supported when eager execution is enabled.")
        return self._initial_value

    def is_initialized(self, name: str | None = None) -> Any:
        """A boolean tensor: whether it has a value."""
        return var_is_initialized_op(self.handle, name=name)

    # Its value -----------------------------------------------------------------------------------

    def _read(self) -> Any:
        self._accessed()
        if self._caching_device is not None:
            with colocate_with(None, ignore_existing=True), device(self._caching_device):
                return read_variable_op(self.handle, dtype=self._dtype)
        return read_variable_op(self.handle, dtype=self._dtype)

    def value(self) -> Any:
        if self._cached_value is not None:
            return convert_to_tensor(self._cached_value)
        graph = context.current_graph()
        if graph is None or not (graph._colocation_stack or graph._device_stack):
            return self._read()
        with colocate_with(None, ignore_existing=True):
            return self._read()

    def read_value(self) -> Any:
        with name_scope("Read"):
            value = self._read()
        return identity(value)

    def numpy(self) -> Any:
        """Its value as a NumPy array.

        Raises:
          NotImplementedError: in a graph.
        """
        if not context.executing_eagerly():
            raise NotImplementedError("numpy() is only available when eager execution is enabled.")
        return self._read().numpy()

    def eval(self, session: Any = None) -> Any:
        if context.executing_eagerly():
            raise RuntimeError("This operation is not supported when eager execution is enabled.")
        return self._graph_element.eval(session=session)

    def _as_graph_element(self) -> Any:
        return self._graph_element

    def _gradient_source(self) -> Any:
        return self.handle

    def _to_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
        if dtype is dtypes.resource:
            return convert_to_tensor(self.handle)
        self._check_conversion(dtype)
        if as_ref:
            return self.read_value().op.inputs[0]
        return self.value()

    def sparse_read(self, indices, name=None):
        with name_scope("Gather" if name is None else name) as scope:
            self._accessed()
            return resource_gather(self.handle, indices, dtype=self._dtype, name=scope or None)

    def gather_nd(self, indices, name=None):
        with name_scope("GatherNd" if name is None else name) as scope:
            self._accessed()
            value = resource_gather_nd(self.handle, indices, dtype=self._dtype, name=scope or None)
        return identity(value)

    # Changing it ---------------------------------------------------------------------------------

    def _lazy_read(self, op: Any) -> UnreadVariable:
        """What has the value that it has after `op`."""
        self._accessed()
        return UnreadVariable(self, op)

    def assign(self, value, use_locking=None, name=None, read_value=True):
        value = convert_to_tensor(value, self._dtype)
        if not self._shape.is_compatible_with(value.shape):
            raise ValueError(
                f"{errors.user_site()}: Cannot assign value to variable "
                f"'{self.name}': Shape mismatch. The variable shape {self._shape}, and the assigned "
                f"value shape {value.shape} are incompatible."
            )
        validate = self._validate_shape and self._shape.is_fully_defined()
        op = assign_variable_op(self.handle, value, validate_shape=validate, name=name)
        return self._lazy_read(op) if read_value else op

    def assign_add(self, delta, use_locking=None, name=None, read_value=True):
        op = assign_add_variable_op(self.handle, convert_to_tensor(delta, self._dtype), name=name)
        return self._lazy_read(op) if read_value else op

    def assign_sub(self, delta, use_locking=None, name=None, read_value=True):
        op = assign_sub_variable_op(self.handle, convert_to_tensor(delta, self._dtype), name=name)
        return self._lazy_read(op) if read_value else op

    def _apply(self, kind: str, *inputs: Any, **attrs: Any) -> Any:
        opdef = REGISTRY["Resource" + kind]
        known = {k: v for k, v in attrs.items() if k in opdef.attrs or k == "name"}
        return self._lazy_read(opdef(self.handle, *inputs, **known))

    # Saving --------------------------------------------------------------------------------------

    def to_proto(self, export_scope: str | None = None) -> Any:
        if context.executing_eagerly():
            raise RuntimeError("This operation is not supported when eager execution is enabled.")
        if export_scope and not self.handle.name.startswith(export_scope):
            return None
        message = service("VariableDef")()
        message.variable_name = strip_name_scope(self.handle.name, export_scope)
        if self._initial_value is not None:
            message.initial_value_name = strip_name_scope(self._initial_value.name, export_scope)
        message.initializer_name = strip_name_scope(self.initializer.name, export_scope)
        snapshot = self._graph_element if self._cached_value is None else self._cached_value
        message.snapshot_name = strip_name_scope(snapshot.name, export_scope)
        message.is_resource = True
        message.trainable = self.trainable
        message.synchronization = self.synchronization.value
        message.aggregation = self.aggregation.value
        if self._save_slice_info is not None:
            message.save_slice_info_def.MergeFrom(self._save_slice_info.to_proto(export_scope))
        return message

    # As a Python object --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return iter(self.read_value())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.value().__array__(dtype, copy)

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def __int__(self) -> int:
        return int(self.value().numpy())

    def __index__(self) -> int:
        return self.value().__index__()

    def __float__(self) -> float:
        return float(self.value().numpy())

    def __complex__(self) -> complex:
        return complex(self.value().numpy())

    def __copy__(self) -> BaseResourceVariable:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        if not context.executing_eagerly():
            raise NotImplementedError(
                "__deepcopy__() is only available when eager execution is enabled."
            )
        copied = memo[id(self)] = ResourceVariable(
            initial_value=self.read_value(),
            trainable=self._trainable,
            constraint=self._constraint,
            dtype=self._dtype,
            name=self._shared_name,
            synchronization=self._synchronization,
            aggregation=self._aggregation,
        )
        return copied

    def __reduce__(self) -> tuple:
        return _unpickle, (self.numpy(), self._trainable, self._dtype.name, self._shared_name)

    def __iadd__(self, other: Any) -> Any:
        raise _in_place("+=", "assign_add(value)", "+")

    def __isub__(self, other: Any) -> Any:
        raise _in_place("-=", "assign_sub(value)", "-")

    def __imul__(self, other: Any) -> Any:
        raise _in_place("*=", "assign(variable * value)", "*")

    def __itruediv__(self, other: Any) -> Any:
        raise _in_place("/=", "assign(variable / value)", "/")

    def __ipow__(self, other: Any) -> Any:
        raise _in_place("**=", "assign(variable ** value)", "**")

    def __repr__(self) -> str:
        start = f"<tf.Variable '{self.name}' shape={self._shape} dtype={self._dtype.name}"
        if not context.executing_eagerly() or self._in_graph_mode:
            return start + ">"
        if not service("eager_store").get(self.handle._value) is not None:
            return start + ", numpy=<uninitialized>>"
        text = read_variable_op(self.handle, dtype=self._dtype)._text(exact=True)
        return f"{start}, numpy={text}>"


def _in_place(operator: str, instead: str, plain: str) -> RuntimeError:
    return RuntimeError(
        f"{errors.user_site()}: `variable {operator} value` with `tf.Variable`s is "
        f"not supported. Use `variable.{instead}` to modify the variable, or "
        f"`out = variable {plain} value` if you need to get a new output Tensor."
    )


def _unpickle(value: Any, trainable: bool, dtype: str, name: str) -> ResourceVariable:
    return ResourceVariable(value, trainable=trainable, dtype=as_dtype(dtype), name=name)


@known_as("tensorflow.python.ops.resource_variable_ops")
class ResourceVariable(BaseResourceVariable):
    """A variable with a handle: TF 2's `tf.Variable`, and TF 1's with `use_resource=True`."""

    def __init__(
        self,
        initial_value=None,
        trainable=None,
        collections=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        dtype=None,
        variable_def=None,
        import_scope=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
        shape=None,
        experimental_enable_variable_lifting=True,
    ):
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError(
                    "The variable_def and initial_value args to `tf.Variable` are mutually "
                    f"exclusive, but got both: variable_def={variable_def}, "
                    f"initial_value={initial_value}"
                )
            if context.executing_eagerly():
                raise ValueError(
                    "Creating a `tf.Variable` with a `variable_def` arg is not supported when eager "
                    f"execution is enabled. Got: variable_def={variable_def}"
                )
            self._from_def(variable_def, import_scope, constraint)
            return
        trainable = self._set_common(trainable, constraint, synchronization, aggregation, name)
        if initial_value is None:
            raise ValueError(
                f"{errors.user_site()}: The `initial_value` arg to `tf.Variable` must "
                "be specified except when you are not providing a `variable_def`. You provided "
                "neither."
            )
        collections = checked_collections(collections, trainable)
        self._caching_device = caching_device
        self._validate_shape = validate_shape
        lift = experimental_enable_variable_lifting
        with context.init_scope() if lift else contextlib.nullcontext():
            with name_scope(name, "Variable") as scope:
                self._handle_name = scope.rstrip("/")
                if context.executing_eagerly():
                    self._make_eager(initial_value, dtype, shape)
                else:
                    self._make(initial_value, dtype, shape, scope)
                    add_to_collections(collections, self)
            if not self._in_graph_mode and GraphKeys.GLOBAL_STEP in collections:
                add_to_collections(GraphKeys.GLOBAL_STEP, self)

    def _starting(self, initial_value: Any, dtype: Any, shape: Any) -> Any:
        """The initial value as a tensor; sets the dtype and the static shape."""
        if callable(initial_value):
            initial_value = initial_value()
        else:
            initial_value = lifted(initial_value, self._handle_name)
        late = isinstance(initial_value, SymbolicTensor) and context.executing_eagerly()
        with initial_value.op.graph.as_default() if late else contextlib.nullcontext():
            value = convert_to_tensor(initial_value, dtype, name="initial_value")
        if shape is None:
            self._shape = value.shape if self._validate_shape else UNKNOWN
        else:
            self._shape = as_shape(shape)
            if not value.shape.is_compatible_with(self._shape):
                raise ValueError(
                    f"{errors.user_site()}: In this `tf.Variable` creation, the "
                    f"initial value's shape ({value.shape}) is not compatible with the explicitly "
                    f"supplied `shape` argument ({shape})."
                )
        self._dtype = value.dtype.base_dtype
        return value

    def _make_eager(self, initial_value: Any, dtype: Any, shape: Any) -> None:
        self._in_graph_mode = False
        value = self._starting(initial_value, dtype, shape)
        self.handle = eager_handle(self._handle_name, self._dtype, self._shape)
        self.handle._variable = weakref.ref(self)
        self._unique_id = f"{self._handle_name}_{self.handle._value.key[2][1]}"
        if isinstance(value, SymbolicTensor):  # known when the function runs in which it is created
            graph: Any = value.op.graph
            with graph.as_default():
                assign_variable_op(self.handle, value)
            graph.late_variables.append(self.handle)
        else:
            assign_variable_op(self.handle, value)

    def _make(self, initial_value: Any, dtype: Any, shape: Any, scope: str) -> None:
        self._in_graph_mode = True
        name = self._unique_id = self._handle_name
        graph = get_default_graph()
        # As if colocated with the handle, which does not exist yet.
        with graph._attribute_scope({"_class": (f"loc:@{name}",)}):
            with name_scope("Initializer"), device(None):
                value = self._starting(initial_value, dtype, shape)
            self.handle = var_handle_op(
                shape=self._shape, dtype=self._dtype, shared_name=name, name=scope
            )
        self._initial_value = value
        with name_scope("IsInitialized"):
            self._is_initialized_op = var_is_initialized_op(self.handle)
        with (
            name_scope("Assign") as assign_scope,
            colocate_with(None, ignore_existing=True),
            device(self.handle.device),
        ):
            self._initializer_op = assign_variable_op(
                self.handle, guarded(name, value), name=assign_scope
            )
        with name_scope("Read"):
            with device(self.handle.device):
                self._graph_element = read_variable_op(self.handle, dtype=self._dtype)
            if self._caching_device is not None:
                with colocate_with(None, ignore_existing=True), device(self._caching_device):
                    self._cached_value = identity(self._graph_element)

    def _from_def(self, variable_def: Any, import_scope: str | None, constraint: Any) -> None:
        if not variable_def.is_resource:
            raise ValueError(
                "The `variable_def` you passed to `tf.Variable` is of a TF 1.x reference variable, "
                f"not of a resource variable. Got variable_def={variable_def}"
            )
        graph = get_default_graph()

        def find(name: str) -> Any:
            return graph.as_graph_element(prepend_name_scope(name, import_scope))

        self._in_graph_mode = True
        self.handle = find(variable_def.variable_name)
        self._shape = self.handle.op.attrs["shape"]
        self._dtype = self.handle.op.attrs["dtype"]
        self._handle_name = self._unique_id = self.handle.op.name
        self._initializer_op = find(variable_def.initializer_name)
        initial = variable_def.initial_value_name
        self._initial_value = find(initial) if initial else None
        snapshot = find(variable_def.snapshot_name)
        if snapshot.op.type == "ReadVariableOp":
            self._graph_element = snapshot
        else:
            self._cached_value = snapshot
            # Legacy graphs name the read after the variable: v/Read/ReadVariableOp.
            self._graph_element = graph.get_tensor_by_name(
                f"{self.handle.op.name}/Read/ReadVariableOp:0"
            )
        said = variable_def
        self._set_common(
            said.trainable, constraint, said.synchronization, said.aggregation, self._handle_name
        )
        if variable_def.HasField("save_slice_info_def"):
            self._save_slice_info = SaveSliceInfo(
                save_slice_info_def=variable_def.save_slice_info_def, import_scope=import_scope
            )


class UninitializedVariable(BaseResourceVariable):
    """A resource variable without a value: who makes it also says how it gets one.

    Args:
      dtype, shape: of the values that it will have.
      trainable, caching_device, name, constraint, synchronization, aggregation: as for `tf.Variable`.
      handle: a handle to take, in place of a new one.
    """

    def __init__(
        self,
        trainable=None,
        caching_device=None,
        name=None,
        shape=None,
        dtype=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
        handle=None,
    ):
        self._set_common(trainable, constraint, synchronization, aggregation, name)
        self._caching_device = caching_device
        self._dtype = as_dtype(dtype)
        self._shape = as_shape(shape)
        with context.init_scope():
            self._in_graph_mode = not context.executing_eagerly()
            with name_scope(name, "Variable") as scope:
                self._handle_name = self._unique_id = scope.rstrip("/")
                if handle is not None:
                    self.handle = handle
                    if getattr(handle, "_variable", None) is None:
                        handle._variable = weakref.ref(self)
                elif not self._in_graph_mode:
                    self.handle = eager_handle(self._handle_name, self._dtype, self._shape)
                    self.handle._variable = weakref.ref(self)
                    self._unique_id = f"{self._handle_name}_{self.handle._value.key[2][1]}"
                else:
                    self.handle = var_handle_op(
                        shape=self._shape,
                        dtype=self._dtype,
                        shared_name=self._handle_name,
                        name=scope,
                    )
                if self._in_graph_mode:
                    with name_scope("Read"), device(self.handle.device):
                        self._graph_element = read_variable_op(self.handle, dtype=self._dtype)


class VariableSpec(TensorSpec):
    """The type of a variable as an argument of a function.

    Args:
      shape, dtype: of its value.
      trainable: whether it is trainable.
      alias_id: tells apart several variables among the arguments: the same variable has the same one.
    """

    __slots__ = ("trainable", "alias_id")

    def __init__(
        self,
        shape: Any,
        dtype: Any = dtypes.float32,
        trainable: bool = True,
        alias_id: int | None = None,
    ):
        super().__init__(shape, dtype)
        self.trainable = trainable
        self.alias_id = alias_id

    @classmethod
    def from_value(cls, value: BaseResourceVariable) -> VariableSpec:
        return cls(value.shape, value.dtype, value.trainable)

    @property
    def value_type(self) -> type:
        return ResourceVariable

    @property
    def _component_specs(self) -> list[TensorSpec]:
        return [TensorSpec([], dtypes.resource)]

    def _to_components(self, value: Any) -> list[Any]:
        return [value.handle]

    def _from_components(self, components: Any) -> Any:
        (handle,) = components
        return UninitializedVariable(
            self.trainable, shape=self._shape, dtype=self._dtype, handle=handle
        )

    def _serialize(self) -> tuple:
        return self._shape, self._dtype, self.trainable, self.alias_id

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        other: Any = spec_or_tensor
        return (
            isinstance(other, (VariableSpec, BaseResourceVariable))
            and self._dtype.is_compatible_with(other.dtype)
            and self._shape.is_compatible_with(other.shape)
        )

    def is_subtype_of(self, other: Any) -> bool:
        return type(other) is VariableSpec and (
            self._dtype is other._dtype
            and self._shape.is_subtype_of(other._shape)
            and (self.trainable, self.alias_id) == (other.trainable, other.alias_id)
        )

    def most_specific_common_supertype(self, others: Any) -> Any:
        return self if all(self == other for other in others) else None

    def placeholder_value(self, placeholder_context: Any) -> Any:
        graph: Any = context.current_graph()
        handle = graph.add_input(dtypes.resource, TensorShape([]), "variable")
        handle._handle_type = self._dtype, self._shape
        return self._from_components([handle])

    def to_tensors(self, value: Any) -> list[Any]:
        return [value.handle]

    def from_tensors(self, tensors: Iterator[Any]) -> Any:
        return self._from_components([next(tensors)])

    def flatten(self) -> list[Any]:
        return self._component_specs

    def cast(self, value: Any, cast_context: Any) -> Any:
        if not isinstance(value, BaseResourceVariable) or not self.is_compatible_with(value):
            raise TypeError(f"Cannot cast {value!r:.80} to {self!r}")
        return value

    def __repr__(self) -> str:
        return (
            f"VariableSpec(shape={self._shape}, dtype={self._dtype!r}, "
            f"trainable={self.trainable!r}, alias_id={self.alias_id!r})"
        )


register_type_spec_from_value_converter(BaseResourceVariable, VariableSpec.from_value)


class UnreadVariable(BaseResourceVariable):
    """The value that a variable has after an update: reads it once somebody looks."""

    def __init__(self, variable: BaseResourceVariable, op: Any):
        self.handle = variable.handle
        self._dtype = variable._dtype
        self._shape = variable._shape
        self._in_graph_mode = variable._in_graph_mode
        self._handle_name = variable._handle_name
        self._unique_id = variable._unique_id
        self._trainable = variable._trainable
        self._constraint = variable._constraint
        self._synchronization = variable._synchronization
        self._aggregation = variable._aggregation
        self._validate_shape = variable._validate_shape
        self._parent_op = op
        graph = context.current_graph()
        # Fetching it from a session needs a tensor that is there already.
        if graph is not None and not graph.building_function:
            with control_dependencies([op]):
                self._graph_element = read_variable_op(self.handle, dtype=self._dtype)

    @property
    def name(self) -> str:
        return self._parent_op.name if self._in_graph_mode else "UnreadVariable"

    @property
    def op(self) -> Any:
        return self._parent_op

    def _read(self) -> Any:
        with control_dependencies([self._parent_op]):
            return super()._read()

    def value(self) -> Any:
        return self._read()

    read_value = value

    def _after(self, change: Callable, *args: Any) -> Any:
        with control_dependencies([self._parent_op]):
            return change(*args)

    def assign(self, value, use_locking=None, name=None, read_value=True):
        return self._after(super().assign, value, use_locking, name, read_value)

    def assign_add(self, delta, use_locking=None, name=None, read_value=True):
        return self._after(super().assign_add, delta, use_locking, name, read_value)

    def assign_sub(self, delta, use_locking=None, name=None, read_value=True):
        return self._after(super().assign_sub, delta, use_locking, name, read_value)

    def _apply(self, kind: str, *inputs: Any, **attrs: Any) -> Any:
        with control_dependencies([self._parent_op]):
            return super()._apply(kind, *inputs, **attrs)


@export("__internal__.ops.is_resource_variable")
def is_resource_variable(variable: Any) -> bool:
    """Whether `variable` is a resource variable, or stands in for one."""
    return isinstance(variable, BaseResourceVariable) or hasattr(
        variable, "_should_act_as_resource_variable"
    )
