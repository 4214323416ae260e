"""Writes tests/golden/data.json: what TensorFlow makes of data_programs.py; data_graph.pb: a GraphDef.

Run it with a Python that has TensorFlow: python tests/golden/make_data_golden.py
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import data_programs
import tensorflow as tf
from data_programs import GRAPH, PROGRAMS
from plain_values import plain


def run(f, module):
    tf.random.set_seed(0)
    tf.config.run_functions_eagerly(False)
    try:
        result = f(module)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)[:200]}
    return plain(result)


def in_graph(f):
    with tf.Graph().as_default():
        return run(f, tf.compat.v1)


if __name__ == "__main__":
    golden = {}
    for f in PROGRAMS:
        golden[f.__name__] = run(f, tf)
        failed = isinstance(golden[f.__name__], dict) and "error" in golden[f.__name__]
        if failed != hasattr(f, "fails"):
            print("NOT AS SAID", f.__name__, golden[f.__name__])
    for f in GRAPH:
        golden[f.__name__] = in_graph(f)
        if isinstance(golden[f.__name__], dict) and "error" in golden[f.__name__]:
            print("NOT AS SAID", f.__name__, golden[f.__name__])
    with tf.Graph().as_default() as graph:
        data_programs.to_be_written(tf.compat.v1)
    graph_def = graph.as_graph_def()
    target = pathlib.Path(__file__).parent / "data_graph.pb"
    target.write_bytes(graph_def.SerializeToString(deterministic=True))
    golden["run_written"] = plain(data_programs.run_written(tf.compat.v1, graph_def))
    for value in golden.values():
        if isinstance(value, dict):
            value.pop("text", None)
    target = pathlib.Path(__file__).parent / "data.json"
    lines = [
        f"{json.dumps(name)}: {json.dumps(golden[name], separators=(',', ':'))}" for name in golden
    ]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
