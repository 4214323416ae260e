"""What undoes a broadcast in a gradient is one step of the interpreter, and does what the nodes do."""

import numpy as np
import pytest

import reflow
from reflow.compiler import policy
from reflow.compiler.plan import prune
from reflow.compiler.program import Program
from reflow.lang.graph import topological
from reflow.lang.opdef import REGISTRY

tf = reflow.compat.v1


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.INTERPRET])


def quick(outputs, inputs):
    """How often each op is a step of the program that computes `outputs`."""
    nodes = topological(prune([t.op for t in outputs], inputs))
    program = Program(nodes, inputs, outputs)
    return [step[1].name for _, _, _, step, _ in program.quick_steps]


SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (1, 4)),
    ((3, 1), (1, 4)),
    ((4,), (3, 4)),
    ((1,), (1, 1)),
    ((0, 4), (1, 4)),
]


@pytest.mark.parametrize("left, right", SHAPES)
def test_gradients_have_the_shape_of_the_operands(left, right):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left).astype(np.float32), rng.normal(size=right).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None] * len(left))
        y = tf.placeholder(tf.float32, [None] * len(right))
        gradients = tf.gradients(tf.reduce_sum((x * y) ** 2), [x, y])
        names = quick(gradients, [x, y])
        assert names.count("_SumToShape") == 2 and "BroadcastGradientArgs" not in names
        found = session.run(gradients, {x: a, y: b})
    for gradient, whole, own in zip(found, (2 * a * b * b, 2 * a * a * b), (a, b)):
        lead = whole.ndim - own.ndim
        repeated = [i for i, n in enumerate((1,) * lead + own.shape) if n == 1]
        expected = whole.sum(tuple(repeated), keepdims=True).reshape(own.shape)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def undone(x, g, keep_dims=False, shape=None):
    axes, _ = REGISTRY["BroadcastGradientArgs"](tf.shape(x), tf.shape(g))
    total = REGISTRY["Sum"](g, axes, keep_dims=keep_dims)
    return axes, total, tf.reshape(total, tf.shape(x) if shape is None else shape)


@pytest.mark.parametrize("other", ["axes", "sum", "assert", "keep_dims", "shape"])
def test_nodes_of_which_the_program_wants_more_stay(other):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, None])
        g = tf.placeholder(tf.float32, [None, None])
        shape = tf.placeholder(tf.int32, [None])
        axes, total, result = undone(
            x, g, other == "keep_dims", shape if other == "shape" else None
        )
        with tf.control_dependencies([tf.Assert(True, [axes])] if other == "assert" else []):
            result = tf.identity(result)
        wanted = {"axes": [result, axes], "sum": [result, total]}.get(other, [result])
        assert "_SumToShape" not in quick(wanted, [x, g, shape])
        feeds = {x: np.zeros((1, 2)), g: np.ones((3, 2)), shape: [2, 1]}
        values = session.run(wanted, feeds)
    np.testing.assert_array_equal(values[0], np.full([2, 1] if other == "shape" else [1, 2], 3.0))
    if other == "axes":
        np.testing.assert_array_equal(values[1], [0])


def test_a_shape_that_is_wanted_is_there():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None])
        g = tf.placeholder(tf.float32, [None, None])
        _, _, result = undone(x, g)
        sizes = [
            op.outputs[0] for op in tf.get_default_graph().get_operations() if op.type == "Shape"
        ]
        values = session.run([result, *sizes], {x: np.zeros(2), g: np.ones((3, 2))})
    assert [each.tolist() for each in values] == [[3, 3], [2], [3, 2], [2]]
