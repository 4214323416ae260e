"""The internal paths of TensorFlow that public code imports: `tensorflow.python.framework.ops`, ...

Each is a module made of what the path means in Reflow: the names of one or more of Reflow's modules,
then public names, then raw ops under their snake-case names (`gen_math_ops.mat_mul`).
"""

from __future__ import annotations

import importlib
import re
import types
from typing import Any

from reflow import api

# path below `tensorflow.` -> (Reflow's modules that are looked into, prefixes of public names)
_LANG = "reflow.lang."
_RAGGED = "reflow.ops.ragged."
_PATHS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "python.framework.ops": (
        tuple(
            _LANG + m
            for m in ["graph", "context", "scopes", "tensor", "convert", "indexed_slices", "errors"]
        )
        + ("reflow.autodiff.gradients", "reflow.runtime.session"),
        ("",),
    ),
    "python.framework.dtypes": ((_LANG + "dtypes",), ("dtypes.", "")),
    "python.framework.tensor_shape": ((_LANG + "shapes",), ("",)),
    "python.framework.tensor_util": (
        (_LANG + "program_value", _LANG + "static_value", "reflow.formats.tensor_codec"),
        ("",),
    ),
    "python.framework.tensor": ((_LANG + "tensor",), ("",)),
    "python.framework.tensor_spec": ((), ("",)),
    "python.framework.type_spec": ((), ("",)),
    "python.framework.constant_op": (("reflow.ops.constant",), ("",)),
    "python.framework.errors": ((_LANG + "errors",), ("errors.",)),
    "python.framework.errors_impl": ((_LANG + "errors",), ("errors.",)),
    "python.framework.device": ((_LANG + "devices",), ("",)),
    "python.framework.device_spec": ((_LANG + "devices",), ("",)),
    "python.framework.random_seed": ((_LANG + "random_seed",), ("", "random.")),
    "python.framework.function": (("reflow.compat.defun",), ()),
    "python.framework.func_graph": ((_LANG + "func_graph",), ("",)),
    "python.framework.graph_util": (("reflow.formats.graph_util",), ("graph_util.",)),
    "python.framework.importer": ((), ("graph_util.", "")),
    "python.framework.indexed_slices": ((_LANG + "indexed_slices",), ("",)),
    "python.framework.sparse_tensor": (
        ("reflow.ops.sparse.tensors", "reflow.ops.sparse.joining", "reflow.ops.sparse.indicators"),
        ("sparse.", ""),
    ),
    "python.framework.test_util": (("reflow.testing.test_util",), ("test.",)),
    "python.client.session": (("reflow.runtime.session", "reflow.runtime.fetches"), ("",)),
    "python.client.timeline": (("reflow.runtime.timeline",), ()),
    "python.client.device_lib": (("reflow.compat.device_lib",), ()),
    "python.eager.context": (("reflow.compat.eager_context", _LANG + "context"), ("", "config.")),
    "python.framework.config": (("reflow.runtime.config",), ("config.",)),
    "python.framework.type_spec_registry": ((_LANG + "type_spec_names",), ()),
    "python.framework.extension_type": ((_LANG + "extension_type",), ("experimental.",)),
    "python.framework.composite_tensor": ((_LANG + "type_spec",), ("__internal__.",)),
    "python.trackable.base": ((_LANG + "trackable",), ()),
    "python.trackable.autotrackable": ((_LANG + "trackable",), ()),
    "python.trackable.data_structures": ((_LANG + "tracked_structures",), ()),
    "python.module.module": (("reflow.ops.module",), ("",)),
    "python.distribute.distribute_lib": (
        ("reflow.distribute.strategy", "reflow.distribute.values"),
        ("distribute.",),
    ),
    "python.distribute.reduce_util": (("reflow.distribute.values",), ()),
    "python.ops.ragged.ragged_tensor": (
        (_RAGGED + "ragged_tensor", _RAGGED + "ragged_tensor_spec"),
        ("",),
    ),
    "python.ops.ragged.ragged_tensor_value": ((_RAGGED + "value",), ("ragged.",)),
    "python.ops.ragged.ragged_factory_ops": ((_RAGGED + "factory",), ("ragged.",)),
    "python.ops.ragged.ragged_functional_ops": ((_RAGGED + "functional",), ("ragged.",)),
    "python.ops.ragged.ragged_math_ops": ((_RAGGED + "math",), ("ragged.", "math.")),
    "python.ops.ragged.ragged_array_ops": ((_RAGGED + "array_ops",), ("ragged.",)),
    "python.ops.ragged.ragged_concat_ops": ((_RAGGED + "concat",), ("ragged.",)),
    "python.ops.ragged.ragged_gather_ops": ((_RAGGED + "gather",), ()),
    "python.ops.ragged.ragged_string_ops": ((_RAGGED + "strings",), ("strings.",)),
    "python.ops.ragged.ragged_where_op": ((_RAGGED + "array_ops",), ()),
    "python.ops.ragged.row_partition": ((_RAGGED + "row_partition",), ()),
    "python.ops.ragged.dynamic_ragged_shape": ((_RAGGED + "shape",), ()),
    "python.ops.ragged.segment_id_ops": ((_RAGGED + "segment_ids",), ("ragged.",)),
    "python.ops.linalg.sparse.sparse_csr_matrix_ops": (("reflow.ops.sparse.csr",), ()),
    "compiler.tf2xla.python.xla": (("reflow.ops.xla",), ()),
    "python.compiler.xla.experimental.xla_sharding": (("reflow.distribute.xla_sharding",), ()),
    "python.eager.monitoring": (("reflow.platform.monitoring",), ()),
    "python.eager.wrap_function": (("reflow.runtime.wrap_function",), ("",)),
    "python.eager.function": (
        ("reflow.runtime.concrete_function", "reflow.runtime.function"),
        ("types.experimental.", ""),
    ),
    "python.eager.backprop": ((), ("", "autodiff.")),
    "python.ops.array_ops": ((), ("", "sparse.", "quantization.", "linalg.")),
    "python.ops.math_ops": ((), ("math.", "", "linalg.")),
    "python.ops.nn_ops": ((), ("nn.",)),
    "python.ops.nn_impl": ((), ("nn.",)),
    "python.ops.nn": ((), ("nn.",)),
    "python.ops.nn_grad": ((), ("nn.",)),
    "python.ops.control_flow_ops": (
        ("reflow.ops.control_flow.cond", "reflow.ops.control_flow.while_loop"),
        ("",),
    ),
    "python.ops.control_flow_case": (("reflow.ops.control_flow.cond",), ("",)),
    "python.ops.control_flow_assert": ((), ("debugging.", "")),
    "python.ops.cond": (("reflow.ops.control_flow.cond",), ("",)),
    "python.ops.while_loop": (("reflow.ops.control_flow.while_loop",), ("",)),
    "python.ops.functional_ops": (("reflow.ops.control_flow.functional",), ("",)),
    "python.ops.weights_broadcast_ops": (("reflow.ops.weights_broadcast",), ()),
    "python.ops.map_fn": (("reflow.ops.control_flow.functional",), ("",)),
    "python.ops.tensor_array_ops": (("reflow.ops.control_flow.tensor_array",), ("",)),
    "python.ops.control_flow_util": (("reflow.compat.control_flow_util",), ()),
    "python.ops.parallel_for.control_flow_ops": (("reflow.ops.vectorized",), ("",)),
    "python.ops.variable_scope": (
        (
            "reflow.ops.variables.variable_scope",
            "reflow.ops.variables.store",
            "reflow.ops.variables.variable",
        ),
        ("",),
    ),
    "python.ops.variables": (
        (
            "reflow.ops.variables.variable",
            "reflow.ops.variables.aggregation",
            "reflow.ops.variables.collections",
            "reflow.ops.variables.partitioned",
        ),
        ("",),
    ),
    "python.ops.resource_variable_ops": (
        (
            "reflow.ops.variables.resource",
            "reflow.ops.variables.ops",
            "reflow.ops.variables.variable",
        ),
        ("",),
    ),
    "python.ops.ref_variable": (
        ("reflow.ops.variables.reference", "reflow.ops.variables.variable"),
        ("",),
    ),
    "python.ops.state_ops": (("reflow.ops.variables.ops", "reflow.ops.variables.scatter"), ("",)),
    "python.ops.template": (("reflow.ops.variables.template",), ("",)),
    "python.ops.partitioned_variables": (("reflow.ops.variables.partitioned",), ("",)),
    "python.ops.init_ops": (("reflow.ops.variables.initializers",), ("initializers.", "")),
    "python.ops.init_ops_v2": (("reflow.ops.variables.initializers_v2",), ("initializers.", "")),
    "python.ops.resources": (("reflow.ops.resources",), ()),
    "python.ops.gradients_impl": (("reflow.autodiff.gradients",), ("",)),
    "python.ops.gradients": (("reflow.autodiff.gradients",), ("",)),
    "python.ops.custom_gradient": (("reflow.autodiff.custom_gradient",), ("",)),
    "python.ops.gradient_checker": ((), ("test.",)),
    "python.ops.gradient_checker_v2": (("reflow.testing.gradient_checker",), ()),
    "python.ops.check_ops": ((), ("debugging.", "")),
    "python.ops.clip_ops": ((), ("",)),
    "python.ops.confusion_matrix": ((), ("math.", "")),
    "python.ops.data_flow_ops": ((), ("", "queue.")),
    "python.ops.embedding_ops": ((), ("nn.",)),
    "python.ops.histogram_ops": ((), ("",)),
    "python.ops.io_ops": ((), ("io.", "")),
    "python.ops.linalg_ops": ((), ("linalg.", "")),
    "python.ops.logging_ops": ((), ("", "summary.")),
    "python.ops.lookup_ops": ((), ("lookup.", "")),
    "python.ops.parsing_ops": ((), ("io.", "")),
    "python.ops.random_ops": ((), ("random.", "")),
    "python.ops.script_ops": ((), ("",)),
    "python.ops.sparse_ops": ((), ("sparse.", "")),
    "python.ops.standard_ops": ((), ("",)),
    "python.ops.string_ops": ((), ("strings.", "")),
    "python.ops.summary_ops_v2": (
        ("reflow.train.summaries.writers", "reflow.train.summaries.writing"),
        ("summary.", "summary.experimental."),
    ),
    "python.summary.summary_iterator": ((), ("train.",)),
    "python.ops.ctc_ops": ((), ("nn.",)),
    "python.ops.image_ops": ((), ("image.",)),
    "python.ops.metrics": ((), ("metrics.",)),
    "python.ops.linalg.linalg": ((), ("linalg.",)),
    "python.ops.numpy_ops": ((), ("experimental.numpy.",)),
    "python.ops.numpy_ops.np_config": (("reflow.ops.numpy_api.behavior",), ()),
    "python.data.util.nest": (("reflow.data.util_nest",), ()),
    "python.data.ops.dataset_ops": (
        (
            "reflow.data.dataset",
            "reflow.data.dataset_base",
            "reflow.data.dataset_v1",
            "reflow.data.iterators",
        ),
        ("data.",),
    ),
    "python.data.ops.iterator_ops": (("reflow.data.iterators",), ("data.",)),
    "python.data.ops.readers": ((), ("data.",)),
    "python.platform.gfile": (("reflow.platform.gfile",), ("gfile.", "io.gfile.")),
    "python.platform.tf_logging": (("reflow.platform.tf_logging",), ("logging.",)),
    "python.platform.flags": (("reflow.platform.flags",), ("flags.",)),
    "python.platform.app": (("reflow.platform.app",), ("app.",)),
    "python.platform.test": ((), ("test.",)),
    "python.lib.io.file_io": (("reflow.platform.file_io",), ()),
    "python.lib.io.tf_record": (("reflow.formats.tfrecord",), ("io.", "python_io.")),
    "python.util.nest": ((_LANG + "nest",), ("nest.",)),
    "python.util.dispatch": ((_LANG + "user_dispatch",), ()),
    "python.util.compat": ((), ("compat.",)),
    "python.util.deprecation": (("reflow.platform.util_deprecation",), ()),
    "python.util.tf_contextlib": (("reflow.platform.util_tf_contextlib",), ()),
    "python.util.tf_decorator": (("reflow.platform.util_tf_decorator",), ()),
    "python.util.tf_export": (("reflow.platform.util_tf_export",), ()),
    "python.util.tf_inspect": (("reflow.platform.util_tf_inspect",), ()),
    "python.util.function_utils": (("reflow.platform.util_function_utils",), ()),
    "python.util.all_util": (("reflow.platform.util_all_util",), ()),
    "python.training.optimizer": (("reflow.train.optimizer",), ("train.",)),
    "python.training.coordinator": (("reflow.train.coordinator",), ("train.",)),
    "python.training.queue_runner": (("reflow.train.queue_runner",), ("train.",)),
    "python.training.queue_runner_impl": (("reflow.train.queue_runner",), ("train.",)),
    "python.training.training_util": (("reflow.train.global_step",), ("train.",)),
    "python.training.moving_averages": (("reflow.train.moving_averages",), ("train.",)),
    "python.training.learning_rate_decay": ((), ("train.",)),
    "python.training.gradient_descent": ((), ("train.",)),
    "python.training.momentum": ((), ("train.",)),
    "python.training.adam": ((), ("train.",)),
    "python.training.training": ((), ("train.",)),
    "python.training.training_ops": ((), ("train.",)),
    "python.tf2": (("reflow.compat.tf2",), ()),
}
# Names that are neither public nor a module's own: (path, name) -> the public name.
_FORMER = {
    ("python.framework.tensor_util", "MakeNdarray"): "make_ndarray",
    ("python.data.ops.dataset_ops", "DatasetV2"): "Dataset",
}
_PROTO = re.compile(
    r"(?:core\.(?:framework|protobuf|example|util)|compiler\.xla)\.(?:\w+\.)*\w+_pb2$"
)
_GENERATED = re.compile(r"python\.ops\.gen_\w+$")


class InternalModule(types.ModuleType):
    """An internal path of TensorFlow, its names found when they are used."""

    def __init__(self, fullname: str, rest: str):
        super().__init__(fullname, f"What {fullname} means in Reflow.")
        self.__path__: list[str] = []
        self._rest = rest

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _find(self._rest, name)
        if value is _NOTHING:
            if f"{self._rest}.{name}" in _PACKAGES or f"{self._rest}.{name}" in _PATHS:
                value = importlib.import_module(f"{self.__name__}.{name}")
            else:
                raise api.MissingSymbol(f"{self.__name__}.{name} is not part of Reflow (yet).")
        self.__dict__[name] = value
        return value


_NOTHING = object()
_PACKAGES = {
    ".".join(path.split(".")[:i]) for path in _PATHS for i in range(1, path.count(".") + 1)
} | {"core", "core.framework", "core.protobuf", "core.example", "core.util", "compiler.xla"}


def module(fullname: str, rest: str) -> types.ModuleType:
    """The module behind an internal path.

    Raises:
      ModuleNotFoundError: if Reflow has nothing for it.
    """
    if _PROTO.match(rest):
        from reflow.formats import protos

        return protos.pb2_module("tensorflow." + rest)
    if rest in _PATHS or rest in _PACKAGES or _GENERATED.match(rest):
        return InternalModule(fullname, rest)
    parent, _, name = rest.rpartition(".")
    if parent in _PATHS and _find(parent, name) is not _NOTHING:
        found = _find(parent, name)
        if isinstance(found, types.ModuleType):
            return found
    raise ModuleNotFoundError(
        f"{fullname} is an internal module of TensorFlow that Reflow has nothing for (yet).",
        name=fullname,
    )


def resolves(rest: str) -> bool:
    """Whether a dotted name below `tensorflow.` (`python.framework.ops.Tensor`) exists here."""
    parts = rest.split(".")
    for i in range(len(parts), 0, -1):
        path = ".".join(parts[:i])
        if path in _PATHS or _GENERATED.match(path):
            return i == len(parts) or _find(path, parts[i]) is not _NOTHING
        if _PROTO.match(path):
            try:
                found: Any = module("tensorflow." + path, path)
            except ModuleNotFoundError:
                return False
            return i == len(parts) or hasattr(found, parts[i])
    return rest in _PACKAGES


def _find(path: str, name: str) -> Any:
    if _GENERATED.match(path):
        return _raw_op(name)
    name = _FORMER.get((path, name), name)
    modules, prefixes = _PATHS.get(path, ((), ()))
    for where in modules:
        try:
            found = getattr(importlib.import_module(where), name, _NOTHING)
        except ModuleNotFoundError:
            continue
        if found is not _NOTHING:
            return found
    for space in ("v1", "v2"):
        for prefix in prefixes:
            try:
                return api.lookup(space, prefix + name, name)
            except api.MissingSymbol:
                continue
    return _NOTHING


def _raw_op(name: str) -> Any:
    """The raw op of a generated wrapper's name: `mat_mul` is MatMul."""
    from reflow._api import OPS

    if name in OPS:
        return api.lookup("v2", f"raw_ops.{name}", name)
    plain = name.replace("_", "").lower()
    for each in OPS:
        if each.lower() == plain:
            return api.lookup("v2", f"raw_ops.{each}", name)
    return _NOTHING
