"""The few calls that go up the layers, by name.

The language has methods whose work belongs to a layer above it (`Graph.as_graph_def` writes a file
format, `Tensor.eval` runs a session). Each such call is a row here, imported when first used, so that
the layers stay one-way and the list of exceptions can be read in one place.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

_PLACES = {
    "load_op_family": "reflow.ops.families:load",
    "shape_to_proto": "reflow.formats.tensor_codec:shape_to_proto",
    "graph_to_graph_def": "reflow.formats.graphdef:graph_to_graph_def",
    "function_to_function_def": "reflow.formats.graphdef:function_to_function_def",
    "op_to_node_def": "reflow.formats.graphdef:op_to_node_def",
    "import_graph_def": "reflow.formats.graphdef_import:import_graph_def",
    "op_def_proto": "reflow.formats.op_defs:op_def_proto",
    "attr_from_proto": "reflow.formats.attr_value:attr_from_proto",
    "eval_tensor": "reflow.runtime.session:eval_tensor",
    "run_operation": "reflow.runtime.session:run_operation",
    "eager_execute": "reflow.runtime.eager:execute",
    "reset_eager_generators": "reflow.runtime.eager:reset_generators",
    "eager_tensor": "reflow.runtime.eager:eager_tensor",
    "eager_store": "reflow.runtime.eager:store",
    "value_of_symbolic": "reflow.runtime.function_call:value_of_symbolic",
    "function": "reflow.runtime.function:function",
    "gradient_tape": "reflow.autodiff.tape:GradientTape",
    "gradients": "reflow.autodiff.gradients:gradients",
    "autograph_convert": "reflow.autograph.public:convert",
    "autograph_tf_convert": "reflow.autograph.public:tf_convert",
    "branch_gradient": "reflow.autodiff.branch_gradient:branch_gradient",
    "rows_gradient": "reflow.autodiff.rows_gradient:rows_gradient",
    "while_gradient": "reflow.autodiff.loop_gradient:while_gradient",
    "VariableDef": "reflow.formats.protos:VariableDef",
    "SaveSliceInfoDef": "reflow.formats.protos:SaveSliceInfoDef",
    "Example": "reflow.formats.protos:Example",
    "SequenceExample": "reflow.formats.protos:SequenceExample",
    "TensorProto": "reflow.formats.protos:TensorProto",
    "HistogramProto": "reflow.formats.protos:HistogramProto",
    "spec_to_proto": "reflow.formats.structure_coder:spec_to_proto",
    "spec_from_proto": "reflow.formats.structure_coder:spec_from_proto",
    "proto_of_spec": "reflow.formats.structure_coder:proto_of_spec",
    "make_ndarray": "reflow.formats.tensor_codec:make_ndarray",
}


@cache
def service(name: str) -> Callable[..., Any]:
    """The function behind a row of the table."""
    module, attribute = _PLACES[name].split(":")
    return getattr(importlib.import_module(module), attribute)
