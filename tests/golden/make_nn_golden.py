"""Asks TensorFlow what the calls of nn_programs.py make and give: run with a Python that has it.

    python tests/golden/make_nn_golden.py

Writes nn.npz: a JSON index, and the values of the outputs and of the gradients of the arrays.
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import nn_programs  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf2  # noqa: E402

tf = tf2.compat.v1
tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)


def row(number, call, values):
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        names = nn_programs.Names(tf, tf2)
        tensors = nn_programs.outputs(eval(call, {}, names))
        nodes = [[op.name, op.type] for op in graph.get_operations() if op.type != "Const"]
        for i, value in enumerate(session.run(tensors)):
            values[f"{number}/output/{i}"] = value
        keys = [key for key, t in names.made.items() if t.dtype.is_floating]
        floating = [t for t in tensors if t.dtype.is_floating]
        gradients = []
        if nn_programs.differentiable(call) and keys and floating:
            made = tf.gradients(floating, [names[key] for key in keys])
            for key, gradient in zip(keys, made):
                if gradient is not None:
                    gradients.append(key)
                    values[f"{number}/gradient/{key}"] = session.run(tf.convert_to_tensor(gradient))
        shapes = [None if t.shape.rank is None else t.shape.as_list() for t in tensors]
        names = [t.name for t in tensors]
        return {"nodes": nodes, "outputs": names, "shapes": shapes, "gradients": gradients}


def main():
    index, values = {}, {}
    calls = [
        *nn_programs.lines(nn_programs.SAME_NODES),
        *nn_programs.lines(nn_programs.SAME_VALUES),
    ]
    for number, call in enumerate(calls):
        try:
            index[call] = {"number": number, **row(number, call, values)}
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    np.savez_compressed(HERE / "nn.npz", index=text, **values)
    print(len(index), "calls,", (HERE / "nn.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
