"""Writes tests/golden/branch_and_loop.json: what TensorFlow makes of branch_and_loop_programs.py.

Run it with a Python that has TensorFlow: python tests/golden/make_branch_and_loop_golden.py
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf
from branch_and_loop_programs import ERRORS, PROGRAMS

HERE = pathlib.Path(__file__).parent


def plain(value):
    """A fetched value as JSON: dtype, shape, values; lists stay lists; None for an operation."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    value = np.asarray(value)
    return {"dtype": value.dtype.name, "shape": list(value.shape), "values": value.ravel().tolist()}


def shape_of(tensor):
    return None if tensor.shape.rank is None else [d.value for d in tensor.shape.dims]


class WithoutGradients:
    """TF 1's name space, in which gradients are zeros: for programs of which only the names count."""

    def __getattr__(self, name):
        return getattr(tf, name)

    def gradients(self, ys, xs):
        return [tf.zeros_like(x) for x in (xs if isinstance(xs, list) else [xs])]


def values_of(f):
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        run = f(tf)
        session.run(tf.global_variables_initializer())
        return [plain(session.run(run.fetch, feed)) for feed in run.feeds]


def run_program(f):
    with tf.Graph().as_default():
        named = [[t.name, shape_of(t)] for t in f(WithoutGradients()).named]
    try:
        values = values_of(f)
    except Exception as error:  # TensorFlow's older control flow has no second derivatives of loops
        print(f.__name__, "needs control flow v2:", type(error).__name__, str(error)[:80])
        tf.enable_control_flow_v2()
        try:
            values = values_of(f)
        finally:
            tf.disable_control_flow_v2()
    return {"values": values, "named": named}


def run_error(f):
    with tf.Graph().as_default():
        try:
            f(tf)
        except Exception as error:
            return type(error).__name__
    raise AssertionError(f"{f.__name__} does not fail")


def main():
    tf.disable_v2_behavior()
    only = sys.argv[1:]
    target = HERE / "branch_and_loop.json"
    golden = json.loads(target.read_text()) if only else {"programs": {}, "errors": {}}
    for f in PROGRAMS:
        if not only or f.__name__ in only:
            try:
                golden["programs"][f.__name__] = run_program(f)
            except Exception as error:
                print(f.__name__, "fails:", type(error).__name__, str(error)[:300])
    for f in ERRORS:
        if not only or f.__name__ in only:
            golden["errors"][f.__name__] = run_error(f)
    target.write_text(json.dumps(golden, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
