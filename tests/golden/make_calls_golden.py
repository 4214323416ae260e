"""Asks TensorFlow what the calls and programs of tests/golden/calls/NAME.py give.

    python tests/golden/make_calls_golden.py signal      # with a Python that has TensorFlow
    python tests/golden/make_calls_golden.py             # all of them

Such a file has

    ARRAYS    values by name
    CALLS     lines, each an expression of `tf` (TF 2's name space), `tf1` (TF 1's), `np` and the
              names of ARRAYS, which stand for tensors that are fed
    PROGRAMS  functions of `(tf, np)` that run eagerly and give a list of values

Writes NAME.npz beside it: a JSON index with static shapes and classes of errors, the values, and for
calls the gradients with respect to the arrays.
"""

import importlib
import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from calls import Names, flat, lines, packed, sparse_parts  # noqa: E402

tf1 = tf.compat.v1
tf1.logging.set_verbosity(tf1.logging.ERROR)


def call_row(number, call, module, values):
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        names = Names(tf, tf1, module)
        try:
            tensors = sparse_parts(flat(eval(call, {}, names)))
        except Exception as error:
            return {"error": type(error).__name__, "text": str(error)[:100]}
        try:
            session.run(tf1.tables_initializer())
            for i, value in enumerate(session.run(tensors, names.feeds)):
                values[f"{number}/{i}"] = packed(value)
        except tf.errors.OpError as error:
            return {"error": type(error).__name__, "text": str(error)[:100]}
        shapes = [None if t.shape.rank is None else t.shape.as_list() for t in tensors]
        inexact = [t for t in tensors if t.dtype.is_floating or t.dtype.is_complex]
        keys = [k for k, t in names.made.items() if t.dtype.is_floating or t.dtype.is_complex]
        found = []
        if inexact and keys:
            try:
                made = tf1.gradients([tf.reduce_sum(tf.abs(t) ** 2) for t in inexact],
                                     [names.made[key] for key in keys])  # fmt: skip
            except (LookupError, ValueError):  # it cannot differentiate a transform that cuts
                made = []
            for key, gradient in zip(keys, made):
                if gradient is not None:
                    try:
                        value = session.run(tf.convert_to_tensor(gradient), names.feeds)
                    except tf.errors.InvalidArgumentError:
                        continue
                    found.append(key)
                    values[f"{number}/gradient/{key}"] = value
        return {"shapes": shapes, "gradients": found}


def program_row(program, values):
    tf.random.set_seed(1)
    tf1.reset_default_graph()
    results = program(tf, np)
    for i, value in enumerate(results):
        values[f"{program.__name__}/{i}"] = packed(np.asarray(value))
    return {"count": len(results)}


def main(names):
    for name in names or sorted(path.stem for path in (HERE / "calls").glob("[a-z]*.py")):
        module = importlib.import_module(f"calls.{name}")
        values, index = {}, {"calls": {}, "programs": {}}
        for number, call in enumerate(lines(module.CALLS)):
            row = call_row(number, call, module, values)
            index["calls"][call] = {"number": number, **row}
            if "error" in row:
                print(f"{call}: {row['error']}: {row['text']}", file=sys.stderr)
        for program in module.PROGRAMS:
            index["programs"][program.__name__] = program_row(program, values)
        text = np.frombuffer(json.dumps(index).encode(), np.uint8)
        path = HERE / "calls" / f"{name}.npz"
        np.savez_compressed(path, index=text, **values)
        print(path.name, len(index["calls"]), "calls", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
