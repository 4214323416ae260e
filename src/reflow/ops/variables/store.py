"""Where `tf.get_variable` keeps what it made, and the checks of sharing and creating.

`ops/variables/variable_scope.py` has the scopes, which give names and defaults.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import context, dtypes, errors
from reflow.lang.convert import convert_to_tensor, register_tensor_conversion_function
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export_value
from reflow.lang.scopes import (
    GraphKeys,
    add_to_collection,
    add_to_collections,
    colocate_with,
    get_collection_ref,
    name_scope,
)
from reflow.lang.shapes import as_shape
from reflow.lang.tensor import Tensor
from reflow.ops.variables.aggregation import validate_synchronization_aggregation_trainable
from reflow.ops.variables.partitioned import (
    PartitionedVariable,
    PartitionInfo,
    SaveSliceInfo,
    call_partitioner,
    slices,
)
from reflow.ops.variables.variable import VariableV1, resource_variables_enabled


class _ReuseMode(enum.Enum):
    """Beyond True (share) and False (create): share what exists, create what does not."""

    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE
export_value(__name__, "AUTO_REUSE", v1=["AUTO_REUSE"])


_STORE_KEY = ("__variable_store",)


class VariableStore:
    """Variables by their full name: one per graph.

    Args:
      keep_eager: whether to keep, and share, variables of eager code too.
    """

    def __init__(self, keep_eager: bool = False) -> None:
        self._vars: dict[str, Any] = {}
        self._partitioned_vars: dict[str, PartitionedVariable] = {}
        self._store_eager_variables = keep_eager

    def get_variable(
        self,
        name,
        shape=None,
        dtype=dtypes.float32,
        initializer=None,
        regularizer=None,
        reuse=None,
        trainable=None,
        collections=None,
        caching_device=None,
        partitioner=None,
        validate_shape=True,
        use_resource=None,
        custom_getter=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
    ):
        """The variable of this full name: an existing one, or a new one.

        Arguments are `tf.get_variable`'s; `reuse` is True, False or `tf.AUTO_REUSE`.
        """
        if custom_getter is not None and not callable(custom_getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {custom_getter}")
        with context.init_scope():
            if context.executing_eagerly():
                use_resource = True
        if context.executing_eagerly():
            if not self._store_eager_variables and reuse:
                raise RuntimeError(
                    "When eager execution is enabled variable reuse is only supported when an "
                    "EagerVariableStore is active. See the documentation on EagerVariableStore for "
                    "example usage."
                )
            if self._store_eager_variables:
                reuse = AUTO_REUSE
        dtype = getattr(dtype, "base_dtype", dtype)
        synchronization, aggregation, trainable = validate_synchronization_aggregation_trainable(
            synchronization, aggregation, trainable, name
        )
        arguments = {
            "name": name,
            "shape": shape,
            "dtype": dtype,
            "initializer": initializer,
            "regularizer": regularizer,
            "reuse": reuse,
            "trainable": trainable,
            "collections": collections,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "validate_shape": validate_shape,
            "use_resource": use_resource,
            "synchronization": synchronization,
            "aggregation": aggregation,
        }
        if custom_getter is None:
            return self._get(constraint=constraint, **arguments)
        # Getters written before constraints existed do not take them.
        if _takes(custom_getter, "constraint"):
            arguments["constraint"] = constraint
        return custom_getter(getter=self._get, **arguments)

    def _get(
        self,
        name,
        shape=None,
        dtype=dtypes.float32,
        initializer=None,
        regularizer=None,
        reuse=None,
        trainable=None,
        collections=None,
        caching_device=None,
        partitioner=None,
        validate_shape=True,
        use_resource=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
    ):
        """What custom getters are given as `getter`."""
        create = {
            "trainable": trainable,
            "collections": collections,
            "caching_device": caching_device,
            "validate_shape": validate_shape,
            "use_resource": use_resource,
            "constraint": constraint,
            "synchronization": synchronization,
            "aggregation": aggregation,
        }
        is_scalar = isinstance(shape, (list, tuple)) and not shape
        if partitioner is not None and not is_scalar:
            if not callable(partitioner):
                raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
            with name_scope(None):
                return self._get_partitioned(
                    name, shape, dtype, initializer, regularizer, reuse, partitioner, create
                )
        # Sharing does not need the partitioner again.
        if reuse is True and partitioner is None and name in self._partitioned_vars:
            return self._get_partitioned(
                name, shape, dtype, initializer, regularizer, reuse, None, create
            )
        if f"{name}/part_0" in self._vars:
            raise ValueError(
                "No partitioner was provided, but a partitioned version of the variable was found: "
                f"{name}/part_0. Perhaps a variable of the same name was already created with "
                "partitioning?"
            )
        return self._get_single(name, shape, dtype, initializer, regularizer, reuse, None, create)

    # One variable --------------------------------------------------------------------------------

    def _get_single(self, name, shape, dtype, initializer, regularizer, reuse, part, create):
        from_value = initializer is not None and not callable(initializer)
        if shape is not None and from_value:
            raise ValueError(
                f"{errors.user_site()}: If initializer is a constant, do not specify shape."
            )
        dtype = as_dtype(dtype)
        if shape is not None:
            shape = as_shape(shape)
        found = self._vars.get(name)
        if found is not None:
            return self._share(found, name, shape, dtype, reuse)
        if reuse is True:
            raise ValueError(
                f"{errors.user_site()}: Variable {name} does not exist, or was not "
                "created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in "
                "VarScope?"
            )
        if initializer is None:
            if shape is None:
                raise ValueError(
                    f"{errors.user_site()}: Variable {name} did not get an "
                    "initializer, so its `shape` argument must be specified."
                )
            initializer = default_initializer(name, dtype)
        variable_dtype = None
        with context.init_scope():
            if from_value:
                initial_value = initializer
            else:
                initial_value, variable_dtype = _starting(initializer, shape, dtype, part)
        if create["use_resource"] is None:
            create = {**create, "use_resource": resource_variables_enabled()}
        variable = VariableV1(
            initial_value=initial_value, name=name, dtype=variable_dtype, shape=shape, **create
        )
        self._keep(name, variable, create["collections"], create["trainable"])
        if regularizer is not None:
            _regularize(regularizer, variable, name)
        return variable

    def _share(self, found, name, shape, dtype, reuse):
        site = errors.user_site()
        if reuse is False:
            message = (
                f"{site}: Variable {name} already exists, disallowed. Did you mean to set "
                "reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            )
            made_at = getattr(found.op, "site", None) if not context.executing_eagerly() else None
            if made_at is not None:
                message += f" Originally defined at: {errors.where(made_at)}"
            raise ValueError(message)
        if shape is not None and not shape.is_compatible_with(found.shape):
            raise ValueError(
                f"{site}: Trying to share variable {name}, but specified shape {shape} and found "
                f"shape {found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(
                f"{site}: Trying to share variable {name}, but specified dtype {dtype.name} and "
                f"found dtype {found.dtype.name}."
            )
        return found

    def _keep(self, name, variable, collections, trainable) -> None:
        if not context.executing_eagerly():
            self._vars[name] = variable
            return
        # Otherwise eager code must be able to let go of its variables.
        if self._store_eager_variables:
            add_to_collections(collections or [GraphKeys.GLOBAL_VARIABLES], variable)
            if trainable:
                add_to_collection(GraphKeys.TRAINABLE_VARIABLES, variable)
            self._vars[name] = variable

    # A variable in parts -------------------------------------------------------------------------

    def _get_partitioned(
        self, name, shape, dtype, initializer, regularizer, reuse, partitioner, create
    ):
        if name in self._vars:
            raise ValueError(
                "A partitioner was provided, but an unpartitioned version of the variable was "
                f"found: {name}.  Perhaps a variable of the same name was already created without "
                "partitioning?"
            )
        dtype, shape = as_dtype(dtype), as_shape(shape)
        if isinstance(initializer, Tensor):
            shape = shape.merge_with(initializer.shape)
        partitions = None
        if not reuse or partitioner:
            partitions = call_partitioner(partitioner, shape, dtype)
        found = self._partitioned_vars.get(name)
        if found is not None:
            return _share_partitioned(found, name, shape, dtype, partitions, reuse)
        if reuse is True:
            raise ValueError(
                f"PartitionedVariable {name} does not exist, or was not created with "
                "tf.get_variable(). Did you mean to set reuse=False or reuse=tf.AUTO_REUSE in "
                "VarScope?"
            )
        count = max(partitions)
        if f"{name}/part_0" in self._vars:
            start = (
                "Partitioner returned a different partitioning than what was already found.  "
                f"Partitioner returned {count} shards, and shard {name}/part_0 was found, but "
            )
            if f"{name}/part_{count - 1}" not in self._vars:
                raise ValueError(f"{start}{name}/part_{count - 1} was not.")
            if f"{name}/part_{count}" in self._vars:
                raise ValueError(f"{start}so was the extra shard {name}/part_{count}.")
        sizes = shape.as_list()
        parts = []
        for i, (offset, part_shape) in enumerate(slices(sizes, partitions)):
            part_name = f"{name}/part_{i}"
            with name_scope(part_name + "/PartitionedInitializer"):
                start, start_shape = _start_of_part(initializer, name, dtype, offset, part_shape)
                if start_shape is None:
                    dtype = start.dtype.base_dtype
            with name_scope(None):
                part = self._get_single(
                    part_name,
                    start_shape,
                    dtype,
                    start,
                    regularizer,
                    reuse,
                    PartitionInfo(sizes, offset),
                    create,
                )
            part._set_save_slice_info(SaveSliceInfo(name, sizes, offset, part_shape))
            parts.append(part)
        whole = PartitionedVariable(name, shape, dtype, parts, partitions)
        if not context.executing_eagerly() or self._store_eager_variables:
            self._partitioned_vars[name] = whole
        return whole


def _share_partitioned(found, name, shape, dtype, partitions, reuse):
    if reuse is False:
        raise ValueError(
            f"Partitioned variable with name {name} already exists. Did you mean to set reuse=True "
            "or reuse=tf.AUTO_REUSE in VarScope?"
        )
    start = f"Trying to reuse partitioned variable {name}, but specified "
    if not shape.is_compatible_with(found.shape):
        raise ValueError(f"{start}shape {shape} and found shape {found.shape}.")
    if not dtype.is_compatible_with(found.dtype):
        raise ValueError(f"{start}dtype {dtype.name} and found dtype {found.dtype.name}.")
    if partitions is not None and found._get_partitions() != partitions:
        raise ValueError(
            f"{start}partitions {partitions} and found partitions {found._get_partitions()}."
        )
    return found


def _start_of_part(initializer, name, dtype, offset, part_shape):
    """The initializer of a part, and its shape; None for the shape when the former is a tensor."""
    if initializer is None:
        return default_initializer(name, dtype), part_shape
    if callable(initializer):
        return initializer, part_shape
    from reflow.ops.slicing import slice_

    if not isinstance(initializer, Tensor):
        initializer = convert_to_tensor(initializer, dtype)
    return slice_(initializer, offset, part_shape), None


def default_initializer(name: str, dtype: Any) -> Callable:
    """What variables start from when nothing is said: Glorot's uniform distribution, or zeros.

    Raises:
      ValueError: for dtypes that are no numbers or strings.
    """
    from reflow.ops.variables import initializers

    if dtype.is_floating:
        return initializers.GlorotUniform()
    if dtype.is_integer or dtype.is_bool or dtype is dtypes.string:
        return initializers.Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")


def _starting(initializer, shape, dtype, part):
    """A function of no arguments that makes the initial value, and the dtype to convert it to."""
    if inspect.isclass(initializer):
        initializer = initializer()
    if shape is not None and shape.is_fully_defined():
        sizes = shape.as_list()
        if _takes(initializer, "partition_info", or_any=False):
            make = functools.partial(initializer, sizes, dtype=dtype, partition_info=part)
        else:
            make = functools.partial(initializer, sizes, dtype=dtype)
        return make, dtype.base_dtype
    if _needs_no_arguments(initializer):
        return initializer, None
    raise ValueError(
        "The initializer passed is not valid. It should be a callable with no arguments and the "
        "shape should not be provided or an instance of `tf.keras.initializers.*' and `shape` should "
        "be fully defined."
    )


def _parameters(f: Callable) -> Any:
    try:
        return inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # builtins
        return ()


def _takes(f: Callable, name: str, or_any: bool = True) -> bool:
    """Whether `f` has a parameter of this name, or takes any keywords."""
    return any(
        p.name == name or (or_any and p.kind is inspect.Parameter.VAR_KEYWORD)
        for p in _parameters(f)
    )


def _needs_no_arguments(f: Callable) -> bool:
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(
        p.default is not inspect.Parameter.empty or p.kind in optional for p in _parameters(f)
    )


# The stores of a graph, and of eager code -----------------------------------------------------------


def _get_default_variable_store() -> VariableStore:
    """The variables of the default graph that `tf.get_variable` made."""
    held = get_collection_ref(_STORE_KEY)
    if not held:
        held.append(VariableStore())
    return held[0]


@contextlib.contextmanager
def with_variable_store(store: VariableStore) -> Iterator[None]:
    """`tf.get_variable` uses `store` within."""
    held = get_collection_ref(_STORE_KEY)
    old = list(held)
    held[:] = [store]
    try:
        yield
    finally:
        held[:] = old


class EagerVariableStore:
    """Keeps the variables that `tf.get_variable` makes in eager code, so that they are shared.

    >>> from reflow.ops.variables.variable_scope import EagerVariableStore, get_variable
    >>> store = EagerVariableStore()
    >>> with store.as_default():
    ...     v = get_variable("v", initializer=1.0)
    >>> with store.as_default():
    ...     get_variable("v", initializer=2.0) is v
    True
    """

    def __init__(self, store: VariableStore | None = None):
        if store is None:
            store = VariableStore(keep_eager=True)
        elif not store._store_eager_variables:
            raise ValueError(
                "Cannot construct EagerVariableStore from a VariableStore object that does not hold "
                "eager variables."
            )
        self._store = store

    def as_default(self) -> Any:
        """A context in which `tf.get_variable` uses this store."""
        return with_variable_store(self._store)

    def variables(self) -> list[Any]:
        """All variables, by name."""
        return sorted(self._store._vars.values(), key=lambda v: v.name)

    def trainable_variables(self) -> list[Any]:
        """The trainable ones, by name."""
        return [v for v in self.variables() if v.trainable]

    def non_trainable_variables(self) -> list[Any]:
        """The others, by name."""
        return [v for v in self.variables() if not v.trainable]

    def copy(self) -> EagerVariableStore:
        """A store with copies of the variables, which have the values of this moment."""
        from reflow.ops.variables.resource import ResourceVariable

        copied = EagerVariableStore()
        for key, variable in self._store._vars.items():
            copied._store._vars[key] = ResourceVariable(
                variable.read_value(),
                name=variable.name.partition(":")[0],
                trainable=variable.trainable,
            )
        return copied


# Regularization -----------------------------------------------------------------------------------


def _regularize(regularizer: Callable, variable: Any, name: str) -> None:
    """Adds the loss that a regularizer gives for a variable to the collection of such losses."""

    def loss() -> Any:
        with colocate_with(variable), name_scope(name + "/Regularizer/"):
            return regularizer(variable)

    with context.init_scope():
        if context.executing_eagerly():
            if loss() is not None:
                add_to_collection(GraphKeys.REGULARIZATION_LOSSES, LazyLoss(loss))
            return
        made = loss()
        if made is not None:
            add_to_collection(GraphKeys.REGULARIZATION_LOSSES, made)


class LazyLoss:
    """The regularization loss of a variable of eager code: computed where it is used."""

    is_tensor_like = True

    def __init__(self, make: Callable[[], Any]):
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._make(), name)

    def __add__(self, other: Any) -> Any:
        return self._make() + other

    def __radd__(self, other: Any) -> Any:
        return other + self._make()

    def __mul__(self, other: Any) -> Any:
        return self._make() * other

    __rmul__ = __mul__


register_tensor_conversion_function(
    LazyLoss, lambda value, dtype=None, name=None, as_ref=False: convert_to_tensor(value._make())
)
