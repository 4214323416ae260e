"""The files of expected values, tests/golden/ops/FAMILY.npz: a JSON index, and all arrays' bytes.

The index says for each op, under `samples` in the order of the record: `digest` (of the arguments),
`outputs`, `static` (TensorFlow's inferred shapes with placeholders), `known` (with constants),
`state` (variables after the run, by input) and `grads` (by input, `values:1` within a list); or
`error` when TensorFlow refused. Under `bad`: `digest`, and `error` as `Class: message`, or null if
it went through.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

from .base import dtype_name, numpy_dtype

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "ops"


class Writer:
    """Collects arrays for one file."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, array: np.ndarray) -> dict[str, Any]:
        """What stands for `array` in the index."""
        array = np.asarray(array)
        row: dict[str, Any] = {"dtype": dtype_name(array), "shape": list(array.shape)}
        if row["dtype"] == "string":
            row["strings"] = [_as_bytes(v).decode("latin-1") for v in array.ravel().tolist()]
            return row
        data = np.ascontiguousarray(array).tobytes()
        row["at"] = self.size
        self.parts.append(data)
        self.size += len(data)
        return row

    def save(self, family: str, index: dict[str, Any]) -> pathlib.Path:
        FOLDER.mkdir(parents=True, exist_ok=True)
        text = json.dumps(index, sort_keys=True, separators=(",", ":")).encode()
        path = FOLDER / f"{family}.npz"
        np.savez_compressed(
            path,
            index=np.frombuffer(text, np.uint8),
            data=np.frombuffer(b"".join(self.parts), np.uint8),
        )
        return path


def _as_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class Reader:
    """One file of expected values."""

    def __init__(self, family: str):
        path = FOLDER / f"{family}.npz"
        self.index: dict[str, Any] = {}
        self.data = b""
        if path.exists():
            with np.load(path) as file:
                self.index = json.loads(file["index"].tobytes())
                self.data = file["data"].tobytes()

    def array(self, row: dict[str, Any]) -> np.ndarray:
        """The array that a row of the index stands for."""
        if row["dtype"] == "string":
            flat = np.empty(len(row["strings"]), object)
            flat[:] = [text.encode("latin-1") for text in row["strings"]]
            return flat.reshape(row["shape"])
        dtype = numpy_dtype(row["dtype"])
        count = int(np.prod(row["shape"], dtype=np.int64))
        return np.frombuffer(self.data, dtype, count, row["at"]).reshape(row["shape"])
