"""Variables: https://www.tensorflow.org/api_docs/python/tf/Variable

`Variable` is the common base. `RefVariable` (TF 1's, `ops/variables/reference.py`) holds a reference tensor,
`ResourceVariable` (TF 2's, `ops/variables/resource.py`) a handle; calling `tf.Variable` makes one of
them, through the variable creators that are in force.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reflow.lang import context, errors
from reflow.lang.convert import convert_to_tensor, register_tensor_conversion_function
from reflow.lang.dtypes import DType
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import CoreTensor, Reference, Tensor, use_equality
from reflow.lang.trackable import Trackable
from reflow.ops.variables.aggregation import (
    VariableAggregation,
    VariableAggregationV2,
    VariableSynchronization,
    validate_synchronization_aggregation_trainable,
)
from reflow.ops.variables.partitioned import SaveSliceInfo

_resource_by_default = [True]


@export(v1=("enable_resource_variables",))
def enable_resource_variables() -> None:
    """Makes `tf.Variable` and `tf.get_variable` create resource variables unless told otherwise."""
    _resource_by_default[0] = True


@export(v1=("disable_resource_variables",))
def disable_resource_variables() -> None:
    """Makes `tf.Variable` and `tf.get_variable` create TF 1's reference variables in graphs."""
    _resource_by_default[0] = False


@export(v1=("resource_variables_enabled",))
def resource_variables_enabled() -> bool:
    """Whether variables are resource variables by default.

    >>> import reflow as tf
    >>> tf.compat.v1.resource_variables_enabled()
    True
    """
    return _resource_by_default[0]


# Creating -----------------------------------------------------------------------------------------


class VariableMetaclass(abc.ABCMeta):
    """Calling `Variable` makes a reference or a resource variable, through the creators in force."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Variable:
            return _create(_default_creator_v2, _V2_PARAMETERS, args, kwargs)
        if cls is VariableV1:
            return _create(_default_creator_v1, _V1_PARAMETERS, args, kwargs)
        return super().__call__(*args, **kwargs)


_V1_PARAMETERS = {
    "initial_value": None,
    "trainable": None,
    "collections": None,
    "validate_shape": True,
    "caching_device": None,
    "name": None,
    "variable_def": None,
    "dtype": None,
    "expected_shape": None,
    "import_scope": None,
    "constraint": None,
    "use_resource": None,
    "synchronization": VariableSynchronization.AUTO,
    "aggregation": VariableAggregation.NONE,
    "shape": None,
}
_V2_PARAMETERS = {
    "initial_value": None,
    "trainable": None,
    "validate_shape": True,
    "caching_device": None,
    "name": None,
    "variable_def": None,
    "dtype": None,
    "import_scope": None,
    "constraint": None,
    "synchronization": VariableSynchronization.AUTO,
    "aggregation": VariableAggregationV2.NONE,
    "shape": None,
    "experimental_enable_variable_lifting": True,
}


def _create(default: Callable, parameters: dict[str, Any], args: Any, kwargs: Any) -> Any:
    if len(args) > len(parameters):
        raise TypeError(f"tf.Variable takes {len(parameters)} arguments, got {len(args)}")
    given = dict(zip(parameters, args))
    for key, value in kwargs.items():
        if key in given:
            raise TypeError(f"tf.Variable got multiple values for argument '{key}'")
        if key not in parameters:
            raise TypeError(f"tf.Variable got an unexpected keyword argument '{key}'")
        given[key] = value
    make: Callable = default
    graph = context.current_graph() or context.global_graph()
    for _, creator in graph._variable_creator_stack:
        make = functools.partial(creator, make)
    return make(**{**parameters, **given})


def _default_creator_v1(use_resource: Any = None, **kwargs: Any) -> Any:
    """What TF 1's `tf.Variable` makes when no creator scope is around."""
    if kwargs.get("variable_def") is not None:
        use_resource = kwargs["variable_def"].is_resource
    if use_resource is None:
        from reflow.ops.variables.variable_scope import get_variable_scope

        use_resource = get_variable_scope().use_resource
    if use_resource is None:
        use_resource = _resource_by_default[0]
    with context.init_scope():
        use_resource = use_resource or context.executing_eagerly()
    if use_resource:
        kwargs.pop("expected_shape", None)
        return _default_creator_v2(**kwargs)
    from reflow.ops.variables.reference import RefVariable

    kwargs.pop("experimental_enable_variable_lifting", None)
    return RefVariable(**kwargs)


def _default_creator_v2(**kwargs: Any) -> Any:
    from reflow.ops.variables.resource import ResourceVariable

    return ResourceVariable(**kwargs)


@export("variable_creator_scope")
@contextmanager
def variable_creator_scope(variable_creator: Callable) -> Iterator[None]:
    """Variables created within are made by `variable_creator(next_creator, **kwargs)`.

    Args:
      variable_creator: a function that calls `next_creator(**kwargs)`, with changed arguments if it
        likes, or returns something of its own.

    >>> import reflow as tf
    >>> def frozen(next_creator, **kwargs):
    ...     return next_creator(**{**kwargs, "trainable": False})
    >>> with tf.variable_creator_scope(frozen):
    ...     print(tf.Variable(1.0).trainable)
    False
    """
    graph = context.current_graph() or context.global_graph()
    with graph._variable_creator_scope(variable_creator):
        yield


# The base class -----------------------------------------------------------------------------------

_BINARY = (
    *(
        "add",
        "sub",
        "mul",
        "div",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
    ),
)
_OPERATORS = [f"__{name}__" for name in _BINARY]
_OPERATORS += [f"__r{name}__" for name in _BINARY]
_OPERATORS += ["__neg__", "__abs__", "__invert__", "__lt__", "__le__", "__gt__", "__ge__"]


@export(v2=("Variable",))
class Variable(CoreTensor, Trackable, metaclass=VariableMetaclass):
    """State that outlives a step: a tensor whose value can be assigned.

    Args:
      initial_value: a tensor or what converts to one, or a function of no arguments that gives it.
      trainable: whether optimizers and gradient tapes take it into account by default.
      validate_shape: whether the shape of the initial value must be known, and kept.
      caching_device: a device on which reads are cached.
      name: its name; made unique in a graph.
      variable_def: a `VariableDef` message from which to recreate it, in place of an initial value.
      dtype: the dtype that the initial value is converted to.
      import_scope: a name scope to put before the names in `variable_def`.
      constraint: a function from a tensor to a tensor that optimizers apply after an update.
      synchronization, aggregation: for variables with copies on several devices.
      shape: its static shape, when it is to be less specific than the initial value's.
      experimental_enable_variable_lifting: whether to create it outside of the functions around.

    Raises:
      ValueError: if arguments are missing or contradict each other.

    >>> import reflow as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = v.assign_add([0.5, 0.5])
    >>> print((v * 2.0).numpy())
    [3. 5.]
    """

    _is_resource = False  # whether its state is reached by a handle rather than a reference
    __array_priority__ = 100

    SaveSliceInfo = SaveSliceInfo

    _trainable: bool
    _constraint: Any
    _synchronization: Any
    _aggregation: Any
    _save_slice_info: Any = None
    _distribute_strategy: Any = None  # in whose scope it was created; None: the default one

    def __init__(
        self,
        initial_value=None,
        trainable=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        import_scope=None,
        constraint=None,
        synchronization=VariableSynchronization.AUTO,
        aggregation=VariableAggregationV2.NONE,
        shape=None,
        experimental_enable_variable_lifting=True,
    ):
        raise NotImplementedError(f"{type(self).__name__} does not say how it is made")

    def _set_common(self, trainable, constraint, synchronization, aggregation, name) -> bool:
        """Checks and keeps what all kinds of variables have; whether it is trainable."""
        if constraint is not None and not callable(constraint):
            raise ValueError(
                f"Argument `constraint` must be None or a callable. Got a {type(constraint)}: "
                f"{constraint}"
            )
        synchronization, aggregation, trainable = validate_synchronization_aggregation_trainable(
            synchronization, aggregation, trainable, name
        )
        self._trainable = trainable
        self._constraint = constraint
        self._synchronization = synchronization
        self._aggregation = aggregation
        return trainable

    # What it is ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of its tensor: `w:0`."""
        raise NotImplementedError(type(self).__name__)

    @property
    def dtype(self) -> DType:
        raise NotImplementedError(type(self).__name__)

    @property
    def shape(self) -> TensorShape:
        raise NotImplementedError(type(self).__name__)

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Merges `shape` into the static shape."""
        raise NotImplementedError(type(self).__name__)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @property
    def constraint(self) -> Any:
        """The function that optimizers apply to it after an update, or None."""
        return self._constraint

    @property
    def synchronization(self) -> Any:
        return self._synchronization

    @property
    def aggregation(self) -> Any:
        return self._aggregation

    @property
    def _shared_name(self) -> str:
        """The name that the state goes by, without the output slot."""
        return self.name.partition(":")[0]

    # Its value -----------------------------------------------------------------------------------

    def value(self) -> Any:
        """A tensor with its value; the same for every call where that may be."""
        raise NotImplementedError(type(self).__name__)

    def read_value(self) -> Any:
        """A new tensor with its value at the point of the program where it is read."""
        raise NotImplementedError(type(self).__name__)

    def eval(self, session: Any = None) -> Any:
        """Its value in `session`, or in the default session."""
        return self._as_graph_element().eval(session=session)

    def initialized_value(self) -> Any:
        """Its value, or its initial value as long as it has none: for initial values of others."""
        from reflow.ops.control_flow.cond import cond
        from reflow.ops.variables.ops import is_variable_initialized

        with context.init_scope():
            return cond(is_variable_initialized(self), self.read_value, lambda: self.initial_value)

    def load(self, value: Any, session: Any = None) -> None:
        """Gives it a value from NumPy, without adding nodes to the graph.

        Raises:
          ValueError: if there is no session.
        """
        if context.executing_eagerly():
            self.assign(value)
            return
        initializer = self.initializer
        initializer.run({initializer.inputs[1]: value}, session)

    def _as_graph_element(self) -> Any:
        raise NotImplementedError(type(self).__name__)

    def _gradient_source(self) -> Any:
        """The tensor that gradients with respect to this variable are taken at."""
        raise NotImplementedError(type(self).__name__)

    def _accessed(self) -> None:
        """Tells the active gradient tapes that it is read."""
        tapes = context.state.tapes
        if tapes and self._trainable:
            for tape in tapes:
                if tape._watch_variables:
                    tape.watch_variable(self)

    def _to_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
        """As a tensor; NotImplemented for a class that registers a conversion of its own."""
        return NotImplemented

    def _check_conversion(self, dtype: Any) -> None:
        if dtype is not None and not dtype.is_compatible_with(self.dtype):
            raise ValueError(
                f"{errors.user_site()}: Incompatible type conversion requested to "
                f"type '{dtype.name}' for variable of type '{self.dtype.name}' (Variable: {self})."
            )

    # Changing it ---------------------------------------------------------------------------------

    def assign(self, value, use_locking=False, name=None, read_value=True):
        """Gives it a new value.

        Args:
          value: a tensor of its dtype and shape.
          use_locking: accepted; runs that write are serialised in any case.
          name: the name of the node.
          read_value: whether to return something with the new value, rather than the operation.

        Raises:
          ValueError: if the static shapes cannot match.

        >>> import reflow as tf
        >>> v = tf.Variable(1.0)
        >>> print(v.assign(2.0).numpy())
        2.0
        """
        raise NotImplementedError(type(self).__name__)

    def assign_add(self, delta, use_locking=False, name=None, read_value=True):
        """Adds `delta`, of the same shape; arguments and errors are those of `assign`."""
        raise NotImplementedError(type(self).__name__)

    def assign_sub(self, delta, use_locking=False, name=None, read_value=True):
        """Subtracts `delta`, of the same shape; arguments and errors are those of `assign`."""
        raise NotImplementedError(type(self).__name__)

    def _apply(self, kind: str, *inputs: Any, **attrs: Any) -> Any:
        """Applies the state op `kind` (`ScatterAdd`, ...) to this variable; what reads the result."""
        raise NotImplementedError(type(self).__name__)

    def _scatter(self, kind: str, sparse_delta: Any, use_locking: Any, name: Any) -> Any:
        _require_slices(sparse_delta)
        values = convert_to_tensor(sparse_delta.values, self.dtype.base_dtype)
        return self._apply(
            f"Scatter{kind}", sparse_delta.indices, values, use_locking=use_locking, name=name
        )

    def scatter_sub(self, sparse_delta, use_locking=False, name=None):
        """Subtracts `tf.IndexedSlices` from rows.

        Raises:
          TypeError: if `sparse_delta` is no `tf.IndexedSlices`.
        """
        return self._scatter("Sub", sparse_delta, use_locking, name)

    def scatter_add(self, sparse_delta, use_locking=False, name=None):
        """Adds `tf.IndexedSlices` to rows; errors are those of `scatter_sub`."""
        return self._scatter("Add", sparse_delta, use_locking, name)

    def scatter_max(self, sparse_delta, use_locking=False, name=None):
        """Makes rows the larger of themselves and `tf.IndexedSlices`."""
        return self._scatter("Max", sparse_delta, use_locking, name)

    def scatter_min(self, sparse_delta, use_locking=False, name=None):
        """Makes rows the smaller of themselves and `tf.IndexedSlices`."""
        return self._scatter("Min", sparse_delta, use_locking, name)

    def scatter_mul(self, sparse_delta, use_locking=False, name=None):
        """Multiplies rows by `tf.IndexedSlices`."""
        return self._scatter("Mul", sparse_delta, use_locking, name)

    def scatter_div(self, sparse_delta, use_locking=False, name=None):
        """Divides rows by `tf.IndexedSlices`."""
        return self._scatter("Div", sparse_delta, use_locking, name)

    def scatter_update(self, sparse_delta, use_locking=False, name=None):
        """Replaces rows by `tf.IndexedSlices`.

        >>> import reflow as tf
        >>> v = tf.Variable([1, 2, 3])
        >>> print(v.scatter_update(tf.IndexedSlices([9], [1])).numpy())
        [1 9 3]
        """
        return self._scatter("Update", sparse_delta, use_locking, name)

    def batch_scatter_update(self, sparse_delta, use_locking=False, name=None):
        """`scatter_update` along the last dimension of the indices, for each of the others."""
        from reflow.ops.variables.scatter import batch_scatter_update

        _require_slices(sparse_delta)
        return batch_scatter_update(
            self, sparse_delta.indices, sparse_delta.values, use_locking=use_locking, name=name
        )

    def _scatter_nd(self, kind: str, indices: Any, updates: Any, name: Any) -> Any:
        updates = convert_to_tensor(updates, self.dtype.base_dtype)
        return self._apply(f"ScatterNd{kind}", indices, updates, use_locking=True, name=name)

    def scatter_nd_sub(self, indices, updates, name=None):
        """Subtracts from elements or slices; see `tf.compat.v1.scatter_nd_update`."""
        return self._scatter_nd("Sub", indices, updates, name)

    def scatter_nd_add(self, indices, updates, name=None):
        """Adds to elements or slices."""
        return self._scatter_nd("Add", indices, updates, name)

    def scatter_nd_update(self, indices, updates, name=None):
        """Replaces elements or slices.

        >>> import reflow as tf
        >>> v = tf.Variable([[1, 2], [3, 4]])
        >>> print(v.scatter_nd_update([[0, 1]], [9]).numpy())
        [[1 9]
         [3 4]]
        """
        return self._scatter_nd("Update", indices, updates, name)

    def scatter_nd_max(self, indices, updates, name=None):
        """Makes elements or slices the larger of themselves and `updates`."""
        return self._scatter_nd("Max", indices, updates, name)

    def scatter_nd_min(self, indices, updates, name=None):
        """Makes elements or slices the smaller of themselves and `updates`."""
        return self._scatter_nd("Min", indices, updates, name)

    def sparse_read(self, indices, name=None):
        """The rows at `indices`: `tf.gather` without reading the whole."""
        raise NotImplementedError(type(self).__name__)

    def gather_nd(self, indices, name=None):
        """The elements or slices at `indices`: `tf.gather_nd`."""
        raise NotImplementedError(type(self).__name__)

    def count_up_to(self, limit):
        """Its value before it is incremented; fails when that is `limit`.

        Raises:
          errors.OutOfRangeError: when it runs, at the limit.
        """
        from reflow.ops.variables.ops import count_up_to

        return count_up_to(self, limit)

    # The graph around it -------------------------------------------------------------------------

    @property
    def initializer(self) -> Any:
        """The operation that gives it its initial value."""
        raise NotImplementedError(type(self).__name__)

    @property
    def initial_value(self) -> Any:
        """The tensor that the initializer assigns."""
        raise NotImplementedError(type(self).__name__)

    @property
    def op(self) -> Any:
        raise NotImplementedError(type(self).__name__)

    @property
    def graph(self) -> Any:
        raise NotImplementedError(type(self).__name__)

    @property
    def device(self) -> str:
        raise NotImplementedError(type(self).__name__)

    # Saving --------------------------------------------------------------------------------------

    def _set_save_slice_info(self, save_slice_info: SaveSliceInfo) -> None:
        self._save_slice_info = save_slice_info

    def _get_save_slice_info(self) -> SaveSliceInfo | None:
        return self._save_slice_info

    @property
    def _save_slice_info_(self) -> SaveSliceInfo | None:
        return self._save_slice_info

    def to_proto(self, export_scope: str | None = None) -> Any:
        """A `VariableDef` message; None if it is outside of the name scope `export_scope`."""
        raise NotImplementedError(type(self).__name__)

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Variable:
        """The variable that a `VariableDef` message describes, in the current graph."""
        if variable_def.is_resource:
            from reflow.ops.variables.resource import ResourceVariable

            return ResourceVariable(variable_def=variable_def, import_scope=import_scope)
        from reflow.ops.variables.reference import RefVariable

        return RefVariable(variable_def=variable_def, import_scope=import_scope)

    def _serialize_to_tensors(self) -> dict[str, Any]:
        """What a checkpoint stores of it, by the name of the part."""
        return {"VARIABLE_VALUE": self.read_value()}

    def _restore_from_tensors(self, restored_tensors: dict[str, Any]) -> Any:
        """Takes over what a checkpoint stored."""
        return self.assign(restored_tensors["VARIABLE_VALUE"])

    # As a Python object --------------------------------------------------------------------------

    def ref(self) -> Reference:
        """A hashable stand-in, for sets and dictionary keys."""
        return Reference(self)

    experimental_ref = ref

    def __hash__(self) -> int:
        if use_equality[0] and context.executing_eagerly_outside_functions():
            raise TypeError(
                "Variable is unhashable. Instead, use variable.ref() as the key. "
                f"(Variable: {self})"
            )
        return id(self)

    def __eq__(self, other: Any) -> Any:
        if use_equality[0] and context.executing_eagerly_outside_functions():
            return _operator("__eq__")(self, other)
        return self is other

    def __ne__(self, other: Any) -> Any:
        if use_equality[0] and context.executing_eagerly_outside_functions():
            return _operator("__ne__")(self, other)
        return self is not other

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("'Variable' object is not iterable.")

    def __getitem__(self, key: Any) -> Any:
        from reflow.ops.slicing import getitem

        return getitem(self.value(), key, var=self)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            f"{errors.user_site()}: {type(self).__name__!r} object does not support item assignment: "
            "variable[...].assign(value) changes a part of it"
        )

    def _strided_slice_assign(self, begin, end, strides, value, name, **masks):
        """What `variable[...].assign(value)` does."""
        value = convert_to_tensor(value, self.dtype.base_dtype)
        return self._apply("StridedSliceAssign", begin, end, strides, value, name=name, **masks)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _operator(name: str) -> Callable:
    def apply(self, *args):
        import reflow.ops.overloads  # noqa: F401 (attaches the operators of tensors)

        return getattr(Tensor, name)(self.value(), *args)

    apply.__name__ = name
    return apply


for _name in _OPERATORS:
    setattr(Variable, _name, _operator(_name))


@export(v1=("Variable",))
class VariableV1(Variable):
    """State that outlives a step: a tensor whose value can be assigned.

    Args:
      initial_value: a tensor or what converts to one, or a function of no arguments that gives it.
      trainable: whether optimizers take it into account by default; by default True.
      collections: the graph collections to add it to; by default the global variables.
      validate_shape: whether the shape of the initial value must be known, and kept.
      caching_device: a device on which reads are cached.
      name: its name, made unique.
      variable_def: a `VariableDef` message from which to recreate it, in place of an initial value.
      dtype: the dtype that the initial value is converted to.
      expected_shape: accepted, without effect, as in TensorFlow.
      import_scope: a name scope to put before the names in `variable_def`.
      constraint: a function from a tensor to a tensor that optimizers apply after an update.
      use_resource: whether to make a resource variable; by default what
        `tf.compat.v1.enable_resource_variables` or `disable_resource_variables` said.
      synchronization, aggregation: for variables with copies on several devices.
      shape: its static shape, when it is to be less specific than the initial value's.

    Raises:
      ValueError: if arguments are missing or contradict each other.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.Session() as session:
    ...     v = v1.Variable([1.0, 2.0], name="v")
    ...     _ = session.run(v.initializer)
    ...     print(v.name, session.run(v * 2.0))
    v:0 [2. 4.]
    """

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
        use_resource=None,
        synchronization=VariableSynchronization.AUTO,
        aggregation=VariableAggregation.NONE,
        shape=None,
    ):
        raise NotImplementedError(f"{type(self).__name__} does not say how it is made")


def _require_slices(delta: Any) -> None:
    from reflow.lang.indexed_slices import IndexedSlices

    if not isinstance(delta, IndexedSlices):
        raise TypeError(
            f"{errors.user_site()}: Argument `sparse_delta` must be a "
            f"`tf.IndexedSlices`. Received arg: {delta!r}"
        )


def checked_collections(collections: Any, trainable: bool) -> list[Any]:
    """The collections that a new variable goes to.

    Raises:
      ValueError: if they are given as something other than a list, tuple or set.
    """
    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    if not isinstance(collections, (list, tuple, set)):
        raise ValueError(
            "collections argument to Variable constructor must be a list, tuple, or set. Got "
            f"{collections} of type {type(collections)}"
        )
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
        return [*collections, GraphKeys.TRAINABLE_VARIABLES]
    return list(collections)


def _convert(value: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
    return value._to_tensor(dtype, name, as_ref)


register_tensor_conversion_function(Variable, _convert)
