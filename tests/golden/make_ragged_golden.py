"""Writes tests/golden/ragged.json: what TensorFlow makes of ragged_programs.py.

Run it with a Python that has TensorFlow: python tests/golden/make_ragged_golden.py
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import ragged_programs
import tensorflow as tf
from ragged_forms import described, results


def good(name, f):
    return [described(each) for each in results(f(tf, tf.ragged.constant, tf.constant))]


def bad(name, f):
    try:
        f(tf, tf.ragged.constant, tf.constant)
    except Exception as error:
        return type(error).__name__
    raise AssertionError(f"TensorFlow accepts {name}")


golden = {
    "good": {name: good(name, f) for name, f in ragged_programs.GOOD.items()},
    "data": {
        name: [described(each) for each in f(tf, tf.data.Dataset)]
        for name, f in ragged_programs.DATA.items()
    },
    "bad": {name: bad(name, f) for name, f in ragged_programs.BAD.items()},
}
target = pathlib.Path(__file__).parent / "ragged.json"
target.write_text(json.dumps(golden, separators=(",", ":")).replace('],"', '],\n"') + "\n")
