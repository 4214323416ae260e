"""What the maker of the golden values and the tests share: see make_calls_golden.py."""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def lines(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def flat(result):
    """The tensors of a structure of lists, tuples and dictionaries."""
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    if isinstance(result, (list, tuple)) and not hasattr(result, "dense_shape"):
        return [t for each in result for t in flat(each)]
    return [result]


def sparse_parts(tensors):
    parts = []
    for each in tensors:
        if hasattr(each, "dense_shape") and hasattr(each, "indices"):
            parts += [each.indices, each.values, each.dense_shape]
        else:
            parts.append(each)
    return parts


def packed(value):
    """An array that NumPy's files hold: strings become lists of hexadecimal text."""
    value = np.asarray(value)
    if value.dtype.kind in "OSU":
        texts = [v.encode() if isinstance(v, str) else bytes(v) for v in value.ravel().tolist()]
        return np.array([t.hex() + "." for t in texts], np.str_).reshape(value.shape)
    if value.dtype.kind == "V" or value.dtype.name == "bfloat16":
        return value.astype(np.float32)
    return value


class Names(dict):
    """The names that a call may use; an array becomes a placeholder when it is asked for."""

    def __init__(self, tf, tf1, module, shape=lambda sizes: sizes):
        super().__init__(tf=tf, tf1=tf1, np=np, **getattr(module, "HELPERS", {}))
        self._arrays, self._shape, self._tf1 = module.ARRAYS, shape, tf1
        self.made, self.feeds = {}, {}

    def __missing__(self, key):
        if key not in self._arrays:
            raise KeyError(key)
        value = np.asarray(self._arrays[key])
        dtype = "string" if value.dtype.kind in "OSU" else value.dtype.name
        made = self.made[key] = self._tf1.placeholder(dtype, self._shape(value.shape), name=key)
        self.feeds[made] = value
        return made


class Golden:
    """The values of one file: `calls` and `programs` by text and name, `value(key)` an array."""

    def __init__(self, name):
        with np.load(HERE / f"{name}.npz") as file:
            self._values = {key: file[key] for key in file.files}
        index = json.loads(self._values.pop("index").tobytes())
        self.calls, self.programs = index["calls"], index["programs"]

    def value(self, key):
        return self._values[key]
