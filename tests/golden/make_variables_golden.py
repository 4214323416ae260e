"""Writes tests/golden/variables.json: what TensorFlow makes of the programs in variable_programs.py.

Run it with a Python that has TensorFlow: python tests/golden/make_variables_golden.py
"""

import concurrent.futures
import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf
import variable_programs
from tensorflow.python.ops import init_ops_v2
from variable_programs import ERRORS, PROGRAMS

HERE = pathlib.Path(__file__).parent


def plain(value):
    """A fetched value as JSON: dtype, shape, values; None for an operation."""
    if value is None:
        return None
    value = np.asarray(value)
    if value.dtype.kind in "OS":
        return ["string", list(value.shape), [v.decode() for v in value.ravel().tolist()]]
    return [value.dtype.name, list(value.shape), value.ravel().tolist()]


def node(op):
    """What is compared of a node: name, type, inputs, device, and attributes that name things."""
    definition = op.node_def
    attrs = {}
    for key in ("container", "shared_name", "seed", "seed2"):
        if key in definition.attr:
            value = definition.attr[key]
            attrs[key] = value.s.decode() if key in ("container", "shared_name") else value.i
    if "_class" in definition.attr:
        attrs["_class"] = [s.decode() for s in definition.attr["_class"].list.s]
    return [op.name, op.type, list(definition.input), op.device, attrs]


def collections(graph):
    found = {}
    for key in graph.get_all_collection_keys():
        if isinstance(key, str):
            found[key] = [getattr(v, "name", str(v)) for v in graph.get_collection(key)]
    return found


def run_program(f):
    graph = tf.Graph()
    with graph.as_default():
        runs = f(tf)
        init = tf.global_variables_initializer()
    found = {
        "nodes": [node(op) for op in graph.get_operations()],
        "collections": collections(graph),
    }
    found["runs"] = []
    with tf.Session(graph=graph) as session:
        session.run(init)
        for fetches in runs:
            found["runs"].append([plain(v) for v in session.run(fetches)])
    return found


def run_error(f):
    with tf.Graph().as_default():
        try:
            f(tf)
        except Exception as error:
            # What follows are TensorFlow's own files and lines.
            message = str(error).splitlines()[0].partition(" Originally defined at")[0]
            return [type(error).__name__, message]
    raise AssertionError(f"TensorFlow accepts {f.__name__}")


def in_thread(function, *arguments):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    tf.disable_v2_behavior()
    variable_programs.TF2 = init_ops_v2
    tf.logging.set_verbosity(tf.logging.ERROR)
    golden = {
        "programs": {f.__name__: run_program(f) for f in PROGRAMS},
        "errors": {f.__name__: in_thread(run_error, f) for f in ERRORS},
    }
    text = json.dumps(golden, separators=(",", ":")).replace('],["', '],\n["')
    (HERE / "variables.json").write_text(text + "\n")
