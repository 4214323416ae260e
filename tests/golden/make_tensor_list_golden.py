"""Writes tests/golden/tensor_list.json: what TensorFlow makes of tensor_list_programs.py.

Run it with a Python that has TensorFlow: python tests/golden/make_tensor_list_golden.py
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from tensor_list_programs import PROGRAMS


class Ops:
    """The raw ops, with dtypes as strings."""

    def __getattr__(self, name):
        def call(**arguments):
            for key in ("element_dtype", "shape_type"):
                if key in arguments:
                    arguments[key] = tf.as_dtype(arguments[key])
            return getattr(tf.raw_ops, name)(**arguments)

        return call


def run(f):
    try:
        results = [np.asarray(r) for r in f(Ops(), tf.constant)]
    except tf.errors.OpError as error:
        text = error.message.split("}} ")[-1].split(" [Op")[0]
        return {"error": type(error).__name__, "message": text}
    return [
        {"dtype": r.dtype.name, "shape": list(r.shape), "values": r.ravel().tolist()}
        for r in results
    ]


golden = {f.__name__: run(f) for f in PROGRAMS}
target = pathlib.Path(__file__).parent / "tensor_list.json"
target.write_text(json.dumps(golden, separators=(",", ":")).replace('},"', '},\n"') + "\n")
for f in PROGRAMS:
    assert hasattr(f, "fails") == isinstance(golden[f.__name__], dict), (
        f.__name__,
        golden[f.__name__],
    )
