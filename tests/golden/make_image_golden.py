"""Asks TensorFlow what the calls of image_programs.py make and give: run with a Python that has it.

    python tests/golden/make_image_golden.py

Writes image.npz: a JSON index, and the values of the outputs and of the gradients of the arrays.
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

import image_programs  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf2  # noqa: E402

tf = tf2.compat.v1
tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)


def gradients(session, names, floating, values, number):
    """Which arrays have a gradient; its values go to `values`."""
    found = []
    for key in [key for key, t in names.made.items() if t.dtype.is_floating]:
        try:
            [gradient] = tf.gradients(floating, [names[key]])
            if gradient is not None:
                gradient = session.run(tf.convert_to_tensor(gradient), names.feeds)
        except LookupError:  # TensorFlow defines none
            continue
        if gradient is not None:
            found.append(key)
            values[f"{number}/gradient/{key}"] = gradient
    return found


def row(number, call, values):
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        names = image_programs.Names(tf, tf2)
        tensors = image_programs.outputs(eval(call, {}, names))
        nodes = [[op.name, op.type] for op in graph.get_operations() if op.type != "Const"]
        for i, value in enumerate(session.run(tensors, names.feeds)):
            values[f"{number}/output/{i}"] = value
        floating = [t for t in tensors if t.dtype.is_floating]
        found = []
        if floating and "random" not in call and "distorted" not in call:
            found = gradients(session, names, floating, values, number)
        shapes = [None if t.shape.rank is None else t.shape.as_list() for t in tensors]
        outputs = [t.name for t in tensors]
        return {"nodes": nodes, "outputs": outputs, "shapes": shapes, "gradients": found}


def main():
    index, values = {}, {}
    same_nodes = image_programs.lines(image_programs.SAME_NODES)
    for number, call in enumerate([*same_nodes, *image_programs.lines(image_programs.SAME_VALUES)]):
        try:
            index[call] = {"number": number, **row(number, call, values)}
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    np.savez_compressed(HERE / "image.npz", index=text, **values)
    print(len(index), "calls,", (HERE / "image.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
