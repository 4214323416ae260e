"""tf.xla.experimental: computations as units, marks in the graph."""

import pytest

import reflow as tf
from reflow.compat import v1 as tf1

compile = tf.xla.experimental.compile


def test_compile_eagerly():
    x = tf.constant([1.0, 2.0])
    (total,) = compile(lambda a, b: a + b, [x, x])
    assert total.numpy().tolist() == [2.0, 4.0]
    first, second = compile(lambda a: (a, a * 2), [x])
    assert second.numpy().tolist() == [2.0, 4.0]
    assert compile(lambda: tf.constant(1))[0].numpy() == 1
    structure = compile(lambda pair: {"sum": pair[0] + pair[1], "of": [pair[0]]}, [[x, x]])
    assert structure["sum"].numpy().tolist() == [2.0, 4.0]
    assert structure["of"][0].numpy().tolist() == [1.0, 2.0]


def test_compile_in_a_graph():
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [2])
        v = tf1.get_variable("v", [2], initializer=tf1.zeros_initializer())
        (doubled,) = compile(lambda a: (a * 2, tf1.assign_add(v, a).op), [x])
        nothing = compile(lambda a: None, [x])
        only = compile(lambda a: tf1.assign_add(v, a).op, [x])
        initialize = tf1.global_variables_initializer()
    with tf1.Session(graph=graph) as session:
        session.run(initialize)
        assert session.run(doubled, {x: [1.0, 2.0]}).tolist() == [2.0, 4.0]
        assert session.run(v).tolist() == [1.0, 2.0]  # the operation ran too
        session.run(only, {x: [1.0, 1.0]})
        assert session.run(v).tolist() == [2.0, 3.0]
        assert session.run(nothing) is None


def test_compile_refuses_what_it_cannot_return():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        with pytest.raises(ValueError, match="followed by"):
            compile(lambda a: (tf.no_op(), a), [x])
        with pytest.raises(ValueError, match="convertible to Tensors"):
            compile(lambda a: object(), [x])
        with pytest.raises(TypeError, match="must be a list"):
            compile(lambda a: a, x)


def test_jit_scope_marks_nodes():
    with tf.Graph().as_default() as graph:
        with tf.xla.experimental.jit_scope():
            first = tf.constant(1) + 1
            with tf.xla.experimental.jit_scope(compile_ops=False):
                inner = tf.constant(1)
        with tf.xla.experimental.jit_scope(separate_compiled_gradients=True):
            second = tf.constant(1)
        outside = tf.constant(1)
    get = lambda t, name: t.op.get_attr(name)  # noqa: E731
    assert get(first, "_XlaCompile") is True and get(first, "_XlaScope") == b"jit_scope_0"
    assert get(inner, "_XlaCompile") is False and get(inner, "_XlaScope") == b"jit_scope_0"
    assert get(second, "_XlaScope") == b"jit_scope_1"
    assert get(second, "_XlaSeparateCompiledGradients") is True
    with pytest.raises(ValueError):
        get(outside, "_XlaCompile")
    node = next(n for n in graph.as_graph_def().node if n.name == first.op.name)
    assert node.attr["_XlaCompile"].b and node.attr["_XlaScope"].s == b"jit_scope_0"
    with pytest.raises(RuntimeError, match="eager"):
        with tf.xla.experimental.jit_scope():
            pass
