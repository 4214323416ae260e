"""The fingerprint of a data set: a number that is the same for equal pipelines, in any process.

What counts is what a pipeline does: its stages with their numbers, the nodes of its functions, arrays. What
does not are names of nodes and functions, and what variables, tables and generators hold.
"""

from __future__ import annotations

import hashlib
import types
from typing import Any

import numpy as np

from reflow.data.pipeline import Pipeline
from reflow.data.seeds import IterationSeeds
from reflow.lang import errors, shapes
from reflow.lang.dtypes import DType
from reflow.lang.func_graph import FuncGraph
from reflow.lang.resource import ResourceHandle
from reflow.ops import shape_rules
from reflow.ops.define import op

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, DType, shapes.TensorShape)


def fingerprint(*values: Any) -> int:
    """64 bits that stand for pipelines, functions, arrays and plain values.

    Raises:
      errors.UnimplementedError: for a pipeline that holds something else, such as an open file.
    """
    digest = _Digest()
    digest.feed(values)
    return int.from_bytes(digest.hash.digest()[:8], "little")


class _Digest:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._seen: dict[int, int] = {}  # pipelines and functions, by their turn

    def feed(self, value: Any) -> None:
        if isinstance(value, _PLAIN):
            self._text(type(value).__name__, repr(value))
        elif isinstance(value, (np.ndarray, np.generic)):
            self._array(np.asarray(value))
        elif isinstance(value, (list, tuple)):
            self._text("list", str(len(value)))
            for each in value:
                self.feed(each)
        elif isinstance(value, dict):
            self.feed([part for key in sorted(value) for part in (key, value[key])])
        elif isinstance(value, type):
            self._text("type", value.__name__)
        elif isinstance(value, IterationSeeds):
            self.feed(("seeds", *value.given))
        elif isinstance(value, ResourceHandle):
            self.feed(("resource", value.kind, value.dtype, value.shape))
        elif isinstance(value, (Pipeline, FuncGraph)):
            self._once(value)
        elif isinstance(value, types.FunctionType):
            self._code(value.__code__)
            self.feed([cell.cell_contents for cell in value.__closure__ or ()])
        elif hasattr(value, "__array__"):
            self._array(np.asarray(value))
        else:
            raise errors.UnimplementedError(
                None, None, f"The fingerprint of a data set that holds a {type(value).__name__}"
            )

    def _text(self, *parts: str) -> None:
        for part in parts:
            data = part.encode("utf-8", "surrogateescape")
            self.hash.update(len(data).to_bytes(8, "little") + data)

    def _array(self, array: np.ndarray) -> None:
        self._text("array", str(array.dtype), str(array.shape))
        if array.dtype == object:
            self.feed(array.ravel().tolist())
        else:
            self.hash.update(np.ascontiguousarray(array).tobytes())

    def _once(self, value: Pipeline | FuncGraph) -> None:
        turn = self._seen.get(id(value))
        if turn is not None:
            self._text("again", str(turn))
            return
        self._seen[id(value)] = len(self._seen)
        if isinstance(value, FuncGraph):
            self._function(value)
            return
        self._text("pipeline", type(value).__name__)
        self.feed({key: part for key, part in vars(value).items() if key not in value.state})

    def _function(self, graph: FuncGraph) -> None:
        places: dict[int, tuple[int, int]] = {}
        for i, node in enumerate(graph.get_operations()):
            self._text("node", node.type)
            self.feed({key: value for key, value in node.attrs.items() if key not in _NAMES})
            self.feed([places[id(tensor)] for tensor in node.inputs])
            places.update((id(tensor), (i, j)) for j, tensor in enumerate(node.outputs))
        self.feed([places[id(tensor)] for tensor in graph.outputs])

    def _code(self, code: types.CodeType) -> None:
        self._text("code", code.co_code.hex(), repr(code.co_names))
        for each in code.co_consts:
            if isinstance(each, types.CodeType):
                self._code(each)
            else:
                self._text("constant", repr(each))


_NAMES = ("shared_name", "container", "_class", "metadata")


@op(
    "DatasetFingerprint(input_dataset: variant) -> fingerprint: uint64",
    shape=shape_rules.scalar,
    grad=None,
    context=True,
    compile=False,
)
def dataset_fingerprint(ctx, input_dataset):
    """The fingerprint of a data set."""
    return np.uint64(fingerprint(input_dataset))
