"""Ragged tensors: results and refusals against TensorFlow's, eagerly, in graphs with values that are
fed, and in functions; gradients; specs; sessions; the dispatch of public functions.
"""

import json
import math
import pathlib
import pickle

import numpy as np
import pytest
import records.base as records
from golden import ragged_programs as programs
from golden.ragged_forms import described, results

import reflow as tf
from reflow.compiler import policy
from reflow.lang import api_dispatch

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "ragged.json").read_text())
tf1 = tf.compat.v1


def same(got, expected, what):
    """Equal as data; floats up to the precision of their dtype."""
    if isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), (what, got, expected)
        for a, b in zip(got, expected):
            same(a, b, what)
    elif isinstance(expected, float):
        close = math.isclose(got, expected, rel_tol=1e-5, abs_tol=1e-6)
        assert close or got == expected or got != got and expected != expected, (what, got, expected)
    else:
        assert got == expected, (what, got, expected)


@pytest.mark.parametrize("name", programs.GOOD)
def test_eagerly(name):
    got = [described(each) for each in results(programs.GOOD[name](tf, tf.ragged.constant, tf.constant))]
    same(got, GOLDEN["good"][name], name)


class Fed:
    """Makes placeholders and remembers what to feed for them."""

    def __init__(self):
        self.feeds = {}

    def ragged(self, pylist, **more):
        value = tf1.ragged.constant_value(pylist, **more)
        if isinstance(value, np.ndarray) or value.flat_values.dtype == np.float64:
            more["dtype"] = "float32"
        elif value.flat_values.dtype == np.int64:
            more["dtype"] = "int32"
        value = tf1.ragged.constant_value(pylist, **more)
        made = tf1.ragged.placeholder(
            tf.as_dtype(value.flat_values.dtype), value.ragged_rank, value.flat_values.shape[1:]
        )
        self.feeds[made] = value
        return made

    def tensor(self, value, dtype=None):
        array = np.asarray(value)
        kind = {"int64": "int32", "float64": "float32"}.get(array.dtype.name, array.dtype.name)
        if array.dtype.kind in "SU":
            kind = "string"
        made = tf1.placeholder(kind, array.shape)
        self.feeds[made] = array.astype(object) if kind == "string" else array.astype(kind)
        return made


def in_a_session(f):
    fed = Fed()
    with tf.Graph().as_default(), tf1.Session() as session:
        made = results(f(tf, fed.ragged, fed.tensor))
        values = session.run(made, fed.feeds)
        return made, values


@pytest.mark.parametrize("name", [name for name in programs.GOOD if name != "equality"])
def test_in_a_graph_with_values_that_are_fed(name):
    made, values = in_a_session(programs.GOOD[name])
    expected = GOLDEN["good"][name]
    got = []
    for symbolic, value, wanted in zip(made, values, expected, strict=True):
        if wanted[0] == "ragged":
            known = symbolic.shape.as_list()
            assert len(known) == len(wanted[2]), name
            assert all(a in (None, b) for a, b in zip(known, wanted[2])), (name, known, wanted[2])
        got.append(described(value, wanted[2] if wanted[0] == "ragged" else None))
    same(got, expected, name)
