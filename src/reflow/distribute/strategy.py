"""Strategies of one device: what `tf.distribute.get_strategy()` gives, and those that programs make.

https://www.tensorflow.org/api_docs/python/tf/distribute/Strategy

A thread is either in a replica context (within `strategy.run`, and by default) or in the cross-replica
context of a strategy (within `strategy.scope()`). With one replica, values of replicas are plain
values, and reducing them over the replicas changes nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from reflow.distribute.values import InputContext, ReduceOp, ValueContext, as_reduce_op
from reflow.lang import errors, nest
from reflow.lang.devices import DeviceSpec
from reflow.lang.export import export
from reflow.lang.scopes import colocate_with, device
from reflow.ops.constant import constant, identity
from reflow.ops.control_flow import grouping
from reflow.ops.reduce import reduce_mean, reduce_sum
from reflow.ops.variables.variable import Variable, variable_creator_scope


class _Place(threading.local):
    """Where a thread is: the strategy, and its replica context (None: cross-replica)."""

    def __init__(self) -> None:
        self.stack: list[tuple[Strategy, ReplicaContext | None]] = []
        self.set_strategy: Strategy | None = None


_place = _Place()


def _current() -> tuple[Strategy, ReplicaContext | None]:
    if _place.stack:
        return _place.stack[-1]
    if _place.set_strategy is not None:
        return _place.set_strategy, None
    return _default(), _default()._replica_context


@contextlib.contextmanager
def _within(strategy: Strategy, replica: ReplicaContext | None) -> Iterator[None]:
    _place.stack.append((strategy, replica))
    try:
        yield
    finally:
        _place.stack.pop()


@export("distribute.get_strategy")
def get_strategy() -> Strategy:
    """The current strategy; the default one when no other is in force.

    >>> import reflow as tf
    >>> tf.distribute.get_strategy().num_replicas_in_sync
    1
    """
    return _current()[0]


@export("distribute.has_strategy")
def has_strategy() -> bool:
    """Whether a strategy other than the default one is in force.

    >>> import reflow as tf
    >>> tf.distribute.has_strategy()
    False
    """
    return get_strategy() is not _default()


@export("distribute.get_replica_context")
def get_replica_context() -> ReplicaContext | None:
    """The context of the current replica; None in a cross-replica context.

    >>> import reflow as tf
    >>> tf.distribute.get_replica_context().num_replicas_in_sync
    1
    """
    return _current()[1]


@export("distribute.in_cross_replica_context")
def in_cross_replica_context() -> bool:
    """Whether the code belongs to all replicas rather than to one.

    >>> import reflow as tf
    >>> tf.distribute.in_cross_replica_context()
    False
    """
    return _current()[1] is None


@export("distribute.experimental_set_strategy")
def experimental_set_strategy(strategy: Strategy | None) -> None:
    """Makes a strategy current until further notice; None for the default one.

    Raises:
      RuntimeError: inside of a strategy's scope.
    """
    if _place.stack:
        raise RuntimeError("Must not be called inside of a `tf.distribute.Strategy` scope.")
    _place.set_strategy = None if strategy is _default() else strategy


@export("__internal__.distribute.strategy_supports_no_merge_call")
def strategy_supports_no_merge_call() -> bool:
    """Whether code of a replica may update variables without `merge_call`: with one replica it may."""
    return True


@export("__internal__.distribute.interim.maybe_merge_call")
def maybe_merge_call(fn: Callable, strategy: Strategy, *args: Any, **kwargs: Any) -> Any:
    """`fn(strategy, *args, **kwargs)`, in the cross-replica context where that is needed."""
    return fn(strategy, *args, **kwargs)


# Contexts -----------------------------------------------------------------------------------------


@export("distribute.ReplicaContext")
class ReplicaContext:
    """What the code of one replica may ask for, and do together with the others."""

    def __init__(self, strategy: Strategy, replica_id_in_sync_group: Any):
        self._strategy = strategy
        self._replica_id = replica_id_in_sync_group
        self._entered: list[Any] = []

    @property
    def strategy(self) -> Strategy:
        return self._strategy

    @property
    def num_replicas_in_sync(self) -> int:
        return self._strategy.num_replicas_in_sync

    @property
    def replica_id_in_sync_group(self) -> Any:
        """The number of this replica, as a tensor."""
        return constant(self._replica_id, name="replica_id_in_sync_group")

    @property
    def devices(self) -> tuple[str, ...]:
        return (self._strategy.extended.worker_devices[self._replica_id],)

    def __enter__(self) -> None:
        scope = _within(self._strategy, self)
        scope.__enter__()
        self._entered.append(scope)

    def __exit__(self, *exc: Any) -> None:
        self._entered.pop().__exit__(*exc)

    def merge_call(self, merge_fn: Callable, args: Any = (), kwargs: Any = None) -> Any:
        """Calls `merge_fn(strategy, *args, **kwargs)` once for all replicas.

        Raises:
          RuntimeError: outside of this replica.
        """
        self._require()
        with _within(self._strategy, None):
            return merge_fn(self._strategy, *args, **(kwargs or {}))

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """The sum or the mean of `value` (a structure of tensors) over the replicas."""
        self._require()
        as_reduce_op(reduce_op)
        return nest.map_structure(_copied, value)

    def all_gather(self, value: Any, axis: Any, options: Any = None) -> Any:
        """`value` (a structure of tensors) of all replicas, concatenated along `axis`."""
        self._require()
        return nest.map_structure(_copied, value)

    def _require(self) -> None:
        if get_replica_context() is not self:
            raise RuntimeError(
                f"{errors.user_site()}: Mismatching ReplicaContext: this is to be "
                "called by the replica itself, within `strategy.run`."
            )

    def _update(
        self, var: Any, fn: Callable, args: Any = (), kwargs: Any = None, group: bool = True
    ) -> Any:
        return self._strategy.extended.update(var, fn, args, kwargs, group)


def _copied(value: Any) -> Any:
    return value if hasattr(value, "dense_shape") else identity(value)


class StrategyExtended:
    """What libraries ask of a strategy."""

    experimental_require_static_shapes = False
    _num_replicas_in_sync = 1

    def __init__(self, container_strategy: Strategy, device_name: str):
        self._container = container_strategy
        self._device = device_name

    def _container_strategy(self) -> Strategy:
        return self._container

    def _in_multi_worker_mode(self) -> bool:
        return False

    def _use_merge_call(self) -> bool:
        return False

    @property
    def worker_devices(self) -> tuple[str, ...]:
        """The devices on which replicas run."""
        return (self._device,)

    @property
    def parameter_devices(self) -> tuple[str, ...]:
        """The devices on which variables lie."""
        return (self._device,)

    def variable_created_in_scope(self, v: Any) -> bool:
        """Whether the variable `v` was created within the scope of this strategy."""
        return getattr(v, "_distribute_strategy", None) is self._container

    @contextlib.contextmanager
    def colocate_vars_with(self, colocate_with_variable: Any) -> Iterator[None]:
        """Variables created within lie where another one does.

        Raises:
          ValueError: if that one is no variable of this strategy.
        """
        if not isinstance(colocate_with_variable, Variable):
            raise ValueError(
                f"{errors.user_site()}: `colocate_vars_with` must only be passed a "
                f"variable created in this tf.distribute.Strategy.scope(), not: "
                f"{colocate_with_variable!r}"
            )
        with colocate_with(colocate_with_variable):
            yield

    def call_for_each_replica(self, fn: Callable, args: Any = (), kwargs: Any = None) -> Any:
        """Calls `fn(*args, **kwargs)` for the one replica.

        Raises:
          RuntimeError: in a replica context.
        """
        self._container._require_cross_replica()
        return self._call(fn, args, kwargs)

    def _call(self, fn: Callable, args: Any, kwargs: Any) -> Any:
        with _within(self._container, self._container._replica_context), self._placed():
            return fn(*args, **(kwargs or {}))

    def _placed(self) -> Any:
        return device(self._device) if self._device else contextlib.nullcontext()

    def reduce_to(self, reduce_op: Any, value: Any, destinations: Any, options: Any = None) -> Any:
        """The sum or the mean of `value` over the replicas."""
        as_reduce_op(reduce_op)
        return value

    def batch_reduce_to(
        self, reduce_op: Any, value_destination_pairs: Any, options: Any = None
    ) -> Any:
        """`reduce_to` of several pairs of values and destinations."""
        return [self.reduce_to(reduce_op, v, d, options) for v, d in value_destination_pairs]

    def broadcast_to(self, tensor: Any, destinations: Any) -> Any:
        """`tensor` on all of `destinations`."""
        return tensor

    def update(
        self, var: Any, fn: Callable, args: Any = (), kwargs: Any = None, group: bool = True
    ) -> Any:
        """Calls `fn(var, *args, **kwargs)` for each copy of a variable: for the one that there is.

        Args:
          group: whether to return one operation or value for all copies, rather than a tuple.
        """
        with colocate_with(var):
            result = fn(var, *args, **(kwargs or {}))
        if not group:
            return nest.map_structure(self._container.experimental_local_results, result)
        return result

    def value_container(self, value: Any) -> Any:
        """What `value` (a copy of a variable) is a copy of."""
        return value

    def read_var(self, v: Any) -> Any:
        """The value of a variable for one replica."""
        return v.read_value() if isinstance(v, Variable) else identity(v)


# Strategies ---------------------------------------------------------------------------------------


@export("distribute.Strategy")
class Strategy:
    """How computation is spread over devices: base of the strategies, and of what programs see.

    >>> import reflow as tf
    >>> strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    >>> with strategy.scope():
    ...     v = tf.Variable(2.0)
    >>> print(strategy.run(lambda x: v * x, args=(3.0,)).numpy())
    6.0
    """

    def __init__(self, extended: StrategyExtended):
        self._extended = extended
        self._replica_context = ReplicaContext(self, 0)

    @property
    def extended(self) -> StrategyExtended:
        return self._extended

    @property
    def num_replicas_in_sync(self) -> int:
        return 1

    @property
    def cluster_resolver(self) -> None:
        """The resolver of the cluster: None, as there is one machine."""
        return None

    @contextlib.contextmanager
    def _scope(self) -> Iterator[Strategy]:
        held, replica = _current()
        if held is self and replica is None:
            yield self  # entering it again changes nothing
            return
        if held is not self and has_strategy():
            raise RuntimeError(
                f"{errors.user_site()}: Mixing different tf.distribute.Strategy "
                f"objects: {held} is not {self}"
            )
        if held is self:
            raise RuntimeError(
                f"{errors.user_site()}: Cannot enter the strategy's scope within "
                "one of its replicas."
            )

        def create(next_creator: Callable, **kwargs: Any) -> Any:
            with self._extended._placed():
                variable = next_creator(**kwargs)
            if isinstance(variable, Variable):
                variable._distribute_strategy = self
            return variable

        with _within(self, None), variable_creator_scope(create), self._extended._placed():
            yield self

    def scope(self) -> Any:
        """A context in which this strategy is the current one, and variables are its own.

        Raises:
          RuntimeError: on entering, within another strategy's scope.
        """
        return self._scope()

    def _require_cross_replica(self) -> None:
        strategy, replica = _current()
        if replica is None and strategy is self:
            return
        if strategy is self:
            raise RuntimeError(
                f"{errors.user_site()}: Method requires being in cross-replica "
                "context, use get_replica_context().merge_call()"
            )
        raise RuntimeError(
            f'{errors.user_site()}: Need to be inside "with strategy.scope()" for {self}'
        )

    def run(self, fn: Callable, args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Calls `fn(*args, **kwargs)` on every replica; its result.

        Raises:
          ValueError: if `args` or `kwargs` are not of the kind.
        """
        if not isinstance(args, (list, tuple)):
            raise ValueError(
                f"{errors.user_site()}: positional args must be a list or tuple, got {type(args)}"
            )
        with self.scope() if get_strategy() is not self else contextlib.nullcontext():
            return self._extended._call(fn, args, kwargs)

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """The sum or the mean of `value` over the replicas, and over `axis` of it.

        Args:
          reduce_op: a `tf.distribute.ReduceOp`, "SUM" or "MEAN".
          value: a structure of tensors.
          axis: a dimension, or several, to reduce as well; None for none.

        Raises:
          TypeError: if `reduce_op` is none.

        >>> import reflow as tf
        >>> strategy = tf.distribute.get_strategy()
        >>> print(strategy.reduce("MEAN", tf.constant([1.0, 3.0]), axis=0).numpy())
        2.0
        """
        op = as_reduce_op(reduce_op)
        if axis is None:
            return nest.map_structure(lambda v: v, value)
        function = reduce_sum if op is ReduceOp.SUM else reduce_mean
        return nest.map_structure(lambda v: function(v, axis=axis), value)

    def gather(self, value: Any, axis: Any) -> Any:
        """`value` of all replicas, concatenated along `axis`."""
        return nest.map_structure(_copied, value)

    def group(self, value: Any, name: str | None = None) -> Any:
        """One operation that runs all of `value`."""
        return grouping.group(*self.experimental_local_results(value), name=name)

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The values of the replicas of this machine.

        >>> import reflow as tf
        >>> tf.distribute.get_strategy().experimental_local_results(5)
        (5,)
        """
        return (value,)

    unwrap = experimental_local_results

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The data set as the replicas see it: itself, for one replica."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable, options: Any = None) -> Any:
        """The data set that `dataset_fn` makes, given an `InputContext`."""
        return dataset_fn(InputContext())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_distribute_values_from_function(self, value_fn: Callable) -> Any:
        """What `value_fn` makes, given a `ValueContext`, for each replica."""
        return value_fn(ValueContext(0, 1))

    def __deepcopy__(self, memo: Any) -> Strategy:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} object>"


class _DefaultExtended(StrategyExtended):
    def colocate_vars_with(self, colocate_with_variable: Any) -> Any:
        return colocate_with(colocate_with_variable)

    def variable_created_in_scope(self, v: Any) -> bool:
        return getattr(v, "_distribute_strategy", None) is None

    @property
    def worker_devices(self) -> tuple[str, ...]:
        raise RuntimeError("worker_devices() method unsupported by default tf.distribute.Strategy.")

    @property
    def parameter_devices(self) -> tuple[str, ...]:
        raise RuntimeError(
            "parameter_devices() method unsupported by default tf.distribute.Strategy."
        )

    def call_for_each_replica(self, fn: Callable, args: Any = (), kwargs: Any = None) -> Any:
        return self._call(fn, args, kwargs)


class DefaultStrategy(Strategy):
    """What is in force when a program has made no strategy."""

    def __init__(self) -> None:
        super().__init__(_DefaultExtended(self, ""))

    @contextlib.contextmanager
    def _scope(self) -> Iterator[Strategy]:
        if has_strategy():
            raise RuntimeError("Must not nest tf.distribute.Strategy scopes.")
        with _within(self, None):
            yield self

    def run(self, fn: Callable, args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        with self._replica_context:
            return fn(*args, **(kwargs or {}))


_made: list[DefaultStrategy] = []


def _default() -> DefaultStrategy:
    if not _made:
        _made.append(DefaultStrategy())
    return _made[0]


@export("distribute.OneDeviceStrategy")
class OneDeviceStrategy(Strategy):
    """Everything on one device.

    Args:
      device: its name: `"/gpu:0"`.

    >>> import reflow as tf
    >>> with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
    ...     tf.distribute.has_strategy(), tf.distribute.in_cross_replica_context()
    (True, True)
    """

    def __init__(self, device: str):
        super().__init__(StrategyExtended(self, DeviceSpec.from_string(device).to_string()))


@export("distribute.MirroredStrategy")
class MirroredStrategy(Strategy):
    """The same computation on several devices with shares of the data; here, on one device.

    Args:
      devices: the names of the devices; by default all accelerators, or the CPU.
      cross_device_ops: how devices exchange values: without effect for one device.

    Raises:
      NotImplementedError: for more than one device.

    >>> import reflow as tf
    >>> tf.distribute.MirroredStrategy(["/cpu:0"]).num_replicas_in_sync
    1
    """

    def __init__(self, devices: Any = None, cross_device_ops: Any = None):
        if devices is None:
            from reflow.compiler.targets import device_names

            found = [f"/device:{n}" for n in device_names() if not n.startswith("CPU")]
            devices = found or ["/device:CPU:0"]
        if len(devices) != 1:
            raise NotImplementedError(
                f"{errors.user_site()}: tf.distribute.MirroredStrategy on "
                f"{len(devices)} devices ({', '.join(map(str, devices))}) is not part of Reflow yet: "
                "name one device, as in MirroredStrategy(['/gpu:0'])."
            )
        super().__init__(StrategyExtended(self, DeviceSpec.from_string(devices[0]).to_string()))


class _NotYet(Strategy):
    """A strategy of several machines or devices that Reflow does not have yet."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise NotImplementedError(
            f"{errors.user_site()}: tf.distribute.{type(self).__name__} is not part "
            "of Reflow yet: tf.distribute.OneDeviceStrategy and MirroredStrategy on one device are."
        )


@export(v2=("distribute.MultiWorkerMirroredStrategy",))
class MultiWorkerMirroredStrategy(_NotYet):
    """Not there yet: making one raises NotImplementedError."""


@export(v2=("distribute.TPUStrategy",))
class TPUStrategy(_NotYet):
    """Not there yet: making one raises NotImplementedError."""


@export(v2=("distribute.ParameterServerStrategy",))
class ParameterServerStrategy(_NotYet):
    """Not there yet: making one raises NotImplementedError."""
