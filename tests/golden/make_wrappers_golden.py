"""Asks TensorFlow which nodes its public functions make: run with a Python that has TensorFlow.

    python tests/golden/make_wrappers_golden.py

Writes wrappers.json: for each call of wrapper_calls.py, in a graph of its own, the nodes in the order of
their making (`[name, op, inputs]`) and the static shapes of the result, or the class of the error.
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tensorflow as tensorflow_v2  # noqa: E402
from wrapper_calls import CALLS, PLACEHOLDERS  # noqa: E402

tf = tensorflow_v2.compat.v1
tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)


def flat(result):
    if isinstance(result, (list, tuple)):
        return [t for each in result for t in flat(each)]
    return [result]


def row(call):
    with tf.Graph().as_default() as graph:
        names = {
            name: tf.placeholder(dtype, shape, name=name)
            for name, (dtype, shape) in PLACEHOLDERS.items()
        }
        try:
            outputs = flat(eval(call, {"tf": tf, "tf2": tensorflow_v2, **names}))
        except Exception as error:
            return {"error": type(error).__name__}
        nodes = [
            [op.name, op.type, [t.name for t in op.inputs]]
            for op in graph.get_operations()[len(names) :]
        ]
        shapes = [None if t.shape.rank is None else t.shape.as_list() for t in outputs]
        return {"nodes": nodes, "outputs": [t.name for t in outputs], "shapes": shapes}


def main():
    result = {}
    for family, calls in CALLS.items():
        for call in filter(None, calls.splitlines()):
            result[call] = row(call)
            if "error" in result[call]:
                print(f"{family}: {call}: {result[call]['error']}", file=sys.stderr)
    lines = [f"{json.dumps(call)}: {json.dumps(each)}" for call, each in result.items()]
    (HERE / "wrappers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(result), "calls")


if __name__ == "__main__":
    main()
