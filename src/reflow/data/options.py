"""Options of data sets: https://www.tensorflow.org/api_docs/python/tf/data/Options

They say how a pipeline is run, never what its elements are. Reflow keeps and merges them; pipelines
are always deterministic, which every value of `deterministic` allows.
"""

from __future__ import annotations

import enum
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export, export_value


class _Options:
    """Named settings, each of one type; None for one that was not made."""

    _types: dict[str, Any] = {}

    def __init__(self) -> None:
        self.__dict__["_set"] = {}

    def __getattr__(self, name: str) -> Any:
        kind = type(self)._types.get(name)
        if kind is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        if isinstance(kind, type) and issubclass(kind, _Options):
            return self._set.setdefault(name, kind())
        return self._set.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)._types.get(name)
        if kind is None:
            raise AttributeError(
                f"{errors.user_site()}: Cannot set the property {name} on "
                f"{type(self).__name__}. It has {', '.join(sorted(type(self)._types))}."
            )
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f'{errors.user_site()}: Property "{name}" must be of type '
                f"{kind}, got: {value!r} (type: {type(value)})."
            )
        self._set[name] = value

    def __eq__(self, other: Any) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._types)

    __hash__ = None  # type: ignore[assignment]

    def _merged(self, other: _Options) -> _Options:
        """These settings, and those that `other` makes, which go first."""
        result = type(self)()
        for name in self._types:
            mine, theirs = self._set.get(name), other._set.get(name)
            if isinstance(mine, _Options) and theirs is not None:
                result._set[name] = mine._merged(theirs)
            else:
                result._set[name] = mine if theirs is None else theirs
        return result

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self._set.items() if v is not None)
        return f"{type(self).__name__}({shown})"


@export("data.experimental.AutotuneAlgorithm")
class AutotuneAlgorithm(enum.Enum):
    """How buffer sizes and parallelism would be tuned."""

    DEFAULT = 0
    HILL_CLIMB = 1
    GRADIENT_DESCENT = 2
    MAX_PARALLELISM = 3
    STAGE_BASED = 4


@export("data.experimental.AutoShardPolicy")
class AutoShardPolicy(enum.IntEnum):
    """How a data set is divided among workers."""

    OFF = -1
    AUTO = 0
    FILE = 1
    DATA = 2
    HINT = 3


@export("data.experimental.ExternalStatePolicy")
class ExternalStatePolicy(enum.Enum):
    """What happens to state outside of a pipeline when it is saved."""

    WARN = 0
    IGNORE = 1
    FAIL = 2


AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2
SHARD_HINT = -1
for _name in ("AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY"):
    export_value(__name__, _name, f"data.{_name}", f"data.experimental.{_name}")
export_value(__name__, "SHARD_HINT", "data.experimental.SHARD_HINT")


@export("data.experimental.AutotuneOptions")
class AutotuneOptions(_Options):
    """Whether and how parallelism and buffers are tuned."""

    _types = {
        "autotune_algorithm": AutotuneAlgorithm,
        "cpu_budget": int,
        "enabled": bool,
        "initial_parallelism": int,
        "min_parallelism": int,
        "ram_budget": int,
    }


@export("data.experimental.DistributeOptions")
class DistributeOptions(_Options):
    """How a data set is divided among workers.

    >>> import reflow as tf
    >>> options = tf.data.Options()
    >>> policy = tf.data.experimental.AutoShardPolicy.OFF
    >>> options.experimental_distribute.auto_shard_policy = policy
    """

    _types = {"auto_shard_policy": AutoShardPolicy, "num_devices": int}

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        return AutoShardPolicy.AUTO if name == "auto_shard_policy" and found is None else found


@export("data.experimental.OptimizationOptions")
class OptimizationOptions(_Options):
    """Which rewritings of a pipeline TensorFlow may apply."""

    _types = dict.fromkeys(
        (
            "apply_default_optimizations",
            "filter_fusion",
            "filter_parallelization",
            "inject_prefetch",
            "map_and_batch_fusion",
            "map_and_filter_fusion",
            "map_fusion",
            "map_parallelization",
            "noop_elimination",
            "parallel_batch",
            "seq_interleave_prefetch",
            "shuffle_and_repeat_fusion",
        ),
        bool,
    )


@export("data.experimental.ServiceOptions")
class ServiceOptions(_Options):
    """Options of the data service."""

    _types = {"pinned": bool}


@export("data.ThreadingOptions", "data.experimental.ThreadingOptions")
class ThreadingOptions(_Options):
    """How many threads a pipeline may use."""

    _types = {"max_intra_op_parallelism": int, "private_threadpool_size": int}


@export("data.Options")
class Options(_Options):
    """Options of a data set, which `Dataset.with_options` attaches.

    https://www.tensorflow.org/api_docs/python/tf/data/Options

    >>> import reflow as tf
    >>> options = tf.data.Options()
    >>> options.deterministic = False
    >>> tf.data.Dataset.range(3).with_options(options).options().deterministic
    False
    """

    _types = {
        "autotune": AutotuneOptions,
        "dataset_name": str,
        "deterministic": bool,
        "experimental_deterministic": bool,
        "experimental_distribute": DistributeOptions,
        "experimental_external_state_policy": ExternalStatePolicy,
        "experimental_optimization": OptimizationOptions,
        "experimental_service": ServiceOptions,
        "experimental_slack": bool,
        "experimental_symbolic_checkpoint": bool,
        "experimental_threading": ThreadingOptions,
        "experimental_warm_start": bool,
        "framework_type": list,
        "threading": ThreadingOptions,
    }
    _renamed = {
        "experimental_threading": "threading",
        "experimental_deterministic": "deterministic",
    }

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(self._renamed.get(name, name))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(self._renamed.get(name, name), value)

    def merge(self, options: Options) -> Options:
        """These options, and those that `options` sets, which go first."""
        return self._merged(options)  # type: ignore[return-value]
