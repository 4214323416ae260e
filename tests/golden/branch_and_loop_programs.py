"""TF 1 programs with branches and loops, run by TensorFlow (make_branch_and_loop_golden.py) and Reflow.

A program gets `tf`, TF 1's name space, within a graph of its own. It returns a `Run`: what to fetch, what
to feed (once or several times in turn), and tensors whose names and static shapes count.
"""

import collections

import numpy as np

PROGRAMS = []
ERRORS = []
f32 = np.float32


class Run:
    def __init__(self, fetch, *feeds, named=()):
        self.fetch = fetch
        self.feeds = feeds or ({},)
        self.named = list(named)


def program(f):
    PROGRAMS.append(f)
    return f


def error(f):
    ERRORS.append(f)
    return f


def _x(tf, *shape, name="x"):
    return tf.placeholder(tf.float32, shape, name=name)


def _values(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype(f32)


# Branches -----------------------------------------------------------------------------------------


@program
def cond_and_gradients(tf):
    x, p = _x(tf, 2), tf.placeholder(tf.bool, [], name="p")
    y = tf.cond(p, lambda: tf.sin(x) * x, lambda: x * x * 2.0)
    (g,) = tf.gradients(y, x)
    (gg,) = tf.gradients(g, x)
    x0 = np.array([1, 2], f32)
    return Run([y, g, gg], {x: x0, p: True}, {x: x0, p: False}, named=[y])


@program
def cond_nested_structures(tf):
    pair = collections.namedtuple("pair", "a b")
    x, p = _x(tf, 2), tf.placeholder(tf.bool, [])
    y = tf.cond(
        p, lambda: (x + 1.0, {"k": [x, pair(x * 3.0, x)]}), lambda: (x, {"k": [x * x, pair(x, x)]})
    )
    flat = [y[0], y[1]["k"][0], y[1]["k"][1].a, y[1]["k"][1].b]
    return Run(flat, {x: [1, 2], p: True}, {x: [1, 2], p: False}, named=flat)


@program
def cond_side_effects(tf):
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0, name="v")
    w = tf.Variable(1.0, name="w", use_resource=True)
    a = tf.cond(p, lambda: tf.assign_add(v, 10.0), lambda: tf.assign_sub(v, 1.0))
    b = tf.cond(p, lambda: w.assign_add(10.0).op, lambda: tf.no_op())
    with tf.control_dependencies([a, b]):
        after = [tf.identity(v.read_value()), w.read_value()]
    return Run(after, {p: True}, {p: False}, {p: False}, {p: True})


@program
def cond_unconnected_side_effects_do_not_run(tf):
    v = tf.Variable(1.0, use_resource=True)

    def branch():
        v.assign_add(1.0)
        return tf.constant(3.0)

    y = tf.cond(tf.constant(True), branch, lambda: tf.constant(4.0))
    with tf.control_dependencies([y]):
        return Run([y, v.read_value()], {}, {})


@program
def cond_outer_values_and_controls(tf):
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0, use_resource=True)
    up = v.assign_add(1.0)

    def branch():
        with tf.control_dependencies([up]):
            return tf.identity(5.0)

    y = tf.cond(p, branch, lambda: tf.constant(6.0))
    with tf.control_dependencies([y]):
        after = v.read_value()
    return Run([y, after], {p: True})


@program
def cond_v1_arguments(tf):
    y = tf.cond(tf.constant(True), fn1=lambda: tf.constant(1), fn2=lambda: tf.constant(2))
    z = tf.cond(tf.constant(False), lambda: [tf.constant(1)], lambda: [tf.constant(2)])
    s = tf.cond(tf.constant(False), lambda: [tf.constant(1)], lambda: [tf.constant(2)], strict=True)
    return Run([y, z, s[0]], named=[y, z, s[0]])


@program
def cond_nested(tf):
    x, p, q = _x(tf, 3), tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    w = tf.constant([1.0, 2.0, 3.0])

    def inner():
        return tf.cond(q, lambda: tf.exp(x) * w, lambda: w * w * x)

    y = tf.cond(p, inner, lambda: tf.square(x))
    g = tf.gradients(y, [x, w])
    gg = tf.gradients(tf.reduce_sum(g[0] * g[0]), x)
    feeds = [{x: [0.5, -1, 2], p: a, q: b} for a in (True, False) for b in (True, False)]
    return Run([y, g[0], g[1], gg], *feeds, named=[y])


@program
def cond_of_variables_gradient(tf):
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable([1.0, 2.0], use_resource=True)
    u = tf.Variable([3.0, 4.0], use_resource=False)
    y = tf.cond(p, lambda: v * u * 3.0, lambda: tf.square(v))
    return Run([y, tf.gradients(y, [v, u])], {p: True}, {p: False})


@program
def cond_with_shapes_that_differ(tf):
    x, p = _x(tf, None), tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: tf.concat([x, x], 0), lambda: x[1:])
    g = tf.gradients(tf.reduce_sum(y * y), x)
    return Run([y, g], {x: [1, 2, 3], p: True}, {x: [1, 2, 3], p: False}, named=[y])


@program
def cond_indexed_slices(tf):
    p = tf.placeholder(tf.bool, [])
    table = tf.Variable(np.arange(12, dtype=f32).reshape(4, 3), use_resource=True)
    y = tf.cond(p, lambda: tf.gather(table, [1, 1, 3]), lambda: tf.gather(table, [0, 2, 2]) * 2.0)
    (g,) = tf.gradients(y * y, table)
    return Run([y, tf.convert_to_tensor(g)], {p: True}, {p: False})


@program
def case_and_switch_case(tf):
    i = tf.placeholder(tf.int32, [], name="i")
    x = _x(tf)
    pairs = [(tf.less(i, 1), lambda: x * 2.0), (tf.less(i, 2), lambda: x * 3.0)]
    a = tf.case(pairs, default=lambda: x * 5.0)
    b = tf.case(
        [(tf.equal(i, 0), lambda: x), (tf.equal(i, 1), lambda: x * x)],
        default=lambda: -x,
        exclusive=True,
    )
    c = tf.switch_case(i, [lambda: x + 1.0, lambda: tf.exp(x)], default=lambda: x * x)
    d = tf.switch_case(i, {0: lambda: x, 1: lambda: x * 7.0})
    g = tf.gradients([a, b, c, d], x)
    gg = tf.gradients(g, x)
    return Run([a, b, c, d, g, gg], *({i: k, x: 1.5} for k in (0, 1, 2, -1)), named=[a, b])


@program
def case_without_default(tf):
    i = tf.placeholder(tf.int32, [], name="i")
    y = tf.case([(tf.less(i, 1), lambda: tf.constant(1)), (tf.less(i, 2), lambda: tf.constant(2))])
    z = tf.case(
        {tf.less(i, 1, name="a"): lambda: 3, tf.greater(i, 0, name="b"): lambda: 4}, exclusive=True
    )
    return Run([y, z], {i: 0}, {i: 1}, named=[y])


@program
def groups(tf):
    v = tf.Variable(1.0)
    a = tf.assign_add(v, 1.0)
    g = tf.group(a, tf.no_op(), name="all")
    t = tf.tuple([tf.constant(1.0), None, tf.constant(2)], control_inputs=[a.op])
    with tf.control_dependencies([g]):
        after = v.read_value()
    return Run([after, t[0], t[2]], named=[t[0], t[2]])


# Loops --------------------------------------------------------------------------------------------


@program
def while_and_gradients(tf):
    x, w = _x(tf, 2), _x(tf, name="w")
    _, y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.sin(a) * w), [0, x])
    g = tf.gradients(y, [x, w])
    gg = tf.gradients(g[0], [x, w])
    return Run([y, g, gg], {x: [1, 2], w: 1.5}, named=[y])


@program
def while_single_and_nested_structures(tf):
    i = tf.while_loop(lambda i: i < 10, lambda i: i + 3, [tf.constant(0)])
    j = tf.while_loop(lambda i: i < 10, lambda i: i + 1, [tf.constant(0)], maximum_iterations=4)
    k = tf.while_loop(
        lambda i: i < 3, lambda i: [i + 1], [tf.constant(0)], return_same_structure=True
    )
    pair = collections.namedtuple("pair", "a b")
    n, (d, p) = tf.while_loop(
        lambda n, rest: n < 4,
        lambda n, rest: (n + 1, [{"q": rest[0]["q"] * 2.0}, pair(rest[1].b, rest[1].a + 1)]),
        (tf.constant(0), [{"q": tf.constant(1.0)}, pair(tf.constant(1), tf.constant(10))]),
    )
    flat = [i, j, k[0], n, d["q"], p.a, p.b]
    return Run(flat, named=flat)


@program
def while_zero_iterations(tf):
    n, x = tf.placeholder(tf.int32, []), _x(tf, 2)
    _, y, ta = tf.while_loop(
        lambda i, a, ta: i < n,
        lambda i, a, ta: (i + 1, a * a, ta.write(i, a)),
        [0, x, tf.TensorArray(tf.float32, n, element_shape=[2])],
    )
    s = ta.stack()
    g = tf.gradients([y, tf.reduce_sum(s)], x)
    return Run([y, s, g], {n: 0, x: [1, 2]}, {n: 3, x: [1, 2]}, {n: 1, x: [1, 2]})


@program
def while_data_dependent(tf):
    x = _x(tf, 2)
    n, y = tf.while_loop(
        lambda n, a: tf.reduce_sum(tf.abs(a)) < 100.0, lambda n, a: (n + 1, a * a + x), [0, x]
    )
    g = tf.gradients(y, x)
    gg = tf.gradients(g, x)
    return Run([n, y, g, gg], {x: [1.5, 0.5]}, {x: [3, -2]})


@program
def while_fed_length(tf):
    n, x, w = tf.placeholder(tf.int32, []), _x(tf, 2, 2), tf.Variable(_values(2, 2))
    _, y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w))), [0, x])
    g = tf.gradients(y, [x, w])
    return Run([y, g], *({n: k, x: _values(2, 2, seed=1)} for k in (2, 5, 0, 1, 3)))


@program
def while_nested(tf):
    x = _x(tf, 2)

    def outer(i, a):
        _, b = tf.while_loop(lambda j, b: j < 3, lambda j, b: (j + 1, tf.sin(b) + x), [0, a])
        return i + 1, b * a

    _, y = tf.while_loop(lambda i, a: i < 2, outer, [0, x])
    g = tf.gradients(y, x)
    return Run([y, g], {x: [0.3, 0.7]}, named=[y])


@program
def while_nested_triangular(tf):
    x = _x(tf, 2)

    def outer(i, a):
        _, b = tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, b * b * 0.5 + x), [0, a])
        return i + 1, b

    _, y = tf.while_loop(lambda i, a: i < 4, outer, [0, x])
    return Run([y, tf.gradients(y, x)], {x: [0.3, 0.7]})


@program
def while_with_cond_inside(tf):
    x, w = _x(tf, 3), _x(tf, 3, name="w")

    def body(i, a):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: tf.sin(a) * w, lambda: a * a)

    _, y = tf.while_loop(lambda i, a: i < 5, body, [0, x])
    g = tf.gradients(y, [x, w])
    return Run([y, g], {x: [0.3, 0.7, -1], w: [1, 2, 3]})


@program
def cond_with_while_inside(tf):
    x, p = _x(tf, 2), tf.placeholder(tf.bool, [])

    def loop():
        return tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.sin(a) * x), [0, x])[1]

    y = tf.cond(p, loop, lambda: x * 2.0)
    g = tf.gradients(y, x)
    return Run([y, g], {x: [0.3, 0.7], p: True}, {x: [0.3, 0.7], p: False}, named=[y])


@program
def while_growing_shape(tf):
    x = _x(tf, 1)
    _, y = tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: (i + 1, tf.concat([a, a * x], 0)),
        [tf.constant(0), x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    g = tf.gradients(tf.reduce_sum(y * y), x)
    return Run([y, g], {x: [1.5]}, named=[y])


@program
def while_variables(tf):
    v = tf.Variable(1.0, name="v", use_resource=True)
    r = tf.Variable(0, name="r")

    def body(i):
        with tf.control_dependencies([v.assign_add(tf.cast(i, tf.float32)), tf.assign_add(r, i)]):
            return i + 1

    n = tf.while_loop(lambda i: i < 5, body, [tf.constant(0)])
    with tf.control_dependencies([n]):
        return Run([n, v.read_value(), r.read_value()], {}, {})


@program
def while_condition_reads_a_variable(tf):
    v = tf.Variable(0.0, use_resource=True)

    def body(i):
        with tf.control_dependencies([v.assign_add(2.0)]):
            return i + 1

    n = tf.while_loop(lambda i: v.read_value() < 7.0, body, [tf.constant(0)])
    with tf.control_dependencies([n]):
        return Run([n, v.read_value()], {}, {})


@program
def while_variable_gradients(tf):
    x = _x(tf, 2, 3)
    w = tf.get_variable("w", initializer=_values(3, 3), use_resource=True)
    b = tf.get_variable("b", initializer=_values(3, seed=1), use_resource=False)
    _, y = tf.while_loop(
        lambda i, a: i < 4, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w) + b)), [0, x]
    )
    g = tf.gradients(tf.reduce_sum(y * y), [w, b, x])
    gg = tf.gradients(tf.reduce_sum(tf.square(g[2])), [w, b])
    return Run([y, g, gg], {x: _values(2, 3, seed=2)})


@program
def while_embedding_gradient(tf):
    table = tf.Variable(_values(5, 2), use_resource=True)
    ids = tf.placeholder(tf.int32, [4, 3])

    def body(i, a):
        return i + 1, a * 0.5 + tf.reduce_sum(tf.gather(table, ids[i]), 0)

    _, y = tf.while_loop(lambda i, a: i < 4, body, [0, tf.zeros([2])])
    (g,) = tf.gradients(y * y, table)
    return Run([y, tf.convert_to_tensor(g)], {ids: np.arange(12).reshape(4, 3) % 5})


@program
def while_conjunction(tf):
    x = _x(tf)
    n, y = tf.while_loop(
        lambda i, a: tf.logical_and(i < 10, a < 50.0), lambda i, a: (i + 1, a * 2.0), [0, x]
    )
    g = tf.gradients(y, x)
    return Run([n, y, g], {x: 1.0}, {x: 0.001}, {x: 60.0})


@program
def while_counters(tf):
    x = _x(tf, 8)
    a = tf.while_loop(lambda i, s: i >= 0, lambda i, s: (i - 2, s + x[i]), [tf.constant(7), 0.0])[1]
    b = tf.while_loop(
        lambda i, s: i <= 6, lambda i, s: (i + 3, s * x[i]), [tf.constant(0, tf.int64), 1.0]
    )[1]
    c = tf.while_loop(
        lambda i, s: i < 100, lambda i, s: (i * 3, s + x[i % 8]), [tf.constant(1), 0.0]
    )[1]
    d = tf.while_loop(lambda i, s: tf.not_equal(i, 6), lambda i, s: (2 + i, s - x[i]), [0, 0.0])[1]
    return Run([a, b, c, d, tf.gradients([a, b, c, d], x)], {x: _values(8)})


@program
def while_indexed_slices_variable(tf):
    s = tf.IndexedSlices(tf.ones([2, 3]), tf.constant([0, 1]), dense_shape=tf.constant([4, 3]))

    def body(i, s):
        return i + 1, tf.IndexedSlices(s.values * 2.0, s.indices + 1, s.dense_shape)

    _, t = tf.while_loop(lambda i, s: i < 2, body, [tf.constant(0), s])
    return Run([tf.convert_to_tensor(t), t.values, t.indices])


@program
def while_unused_gradient_paths(tf):
    x, z = _x(tf, 2), _x(tf, 2, name="z")
    _, a, b, c = tf.while_loop(
        lambda i, *_: i < 3, lambda i, a, b, c: (i + 1, a + b, b * x, c + z), [0, x, x, z]
    )
    return Run(
        [a, tf.gradients(a, x), tf.gradients(c, [x, z])[1], tf.gradients(b, x)],
        {x: [1, 2], z: [3, 4]},
    )


@program
def while_stop_gradient(tf):
    x = _x(tf, 2)
    _, y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.stop_gradient(a) * x), [0, x])
    return Run([y, tf.gradients(y, x)], {x: [1, 2]})


@program
def while_broadcasting_gradients(tf):
    x, b = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None])
    _, y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(a + b) * b), [0, x])
    return Run(
        [y, tf.gradients(y, [x, b])],
        {x: _values(2, 3), b: _values(3)},
        {x: _values(4, 3), b: _values(1)},
    )


# Tensor arrays ------------------------------------------------------------------------------------


@program
def tensor_array_methods(tf):
    x = _x(tf, 4, 2)
    ta = tf.TensorArray(tf.float32, 4).unstack(x)
    r = ta.read(2)
    ta = ta.write(1, [7.0, 8.0]).scatter([0], [[5.0, 6.0]])
    s, n, g = ta.stack(), ta.size(), ta.gather([3, 0])
    split = tf.TensorArray(tf.float32, 3, infer_shape=False).split(x, [1, 2, 1])
    c, part = split.concat(), split.read(1)
    i = ta.identity().stack()
    grads = tf.gradients([r, s * s, g * 3.0, c * c, part, i], x)
    return Run([r, s, n, g, c, part, i, grads], {x: _values(4, 2)}, named=[r, s])


@program
def tensor_array_dynamic(tf):
    x, n = _x(tf, 2), tf.placeholder(tf.int32, [])
    ta = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    _, a, ta = tf.while_loop(
        lambda i, a, ta: i < 4, lambda i, a, ta: (i + 1, a * x, ta.write(i, a)), [0, x, ta]
    )
    tb = tf.TensorArray(tf.float32, size=1, dynamic_size=True, element_shape=[2])
    _, b, tb = tf.while_loop(
        lambda i, a, tb: i < n, lambda i, a, tb: (i + 1, a * x, tb.write(i, a)), [0, x, tb]
    )
    s, t = ta.stack(), tb.stack()
    g = tf.gradients([tf.reduce_sum(s * s), tf.reduce_sum(t)], x)
    return Run([s, t, ta.size(), tb.size(), g], {x: [1, 2], n: 3}, {x: [1, 2], n: 5})


@program
def tensor_array_read_what_was_written(tf):
    x = _x(tf, 2)
    ta = (
        tf.TensorArray(tf.float32, 6, clear_after_read=False, element_shape=[2])
        .write(0, x)
        .write(1, x * 2.0)
    )

    def body(i, ta):
        return i + 1, ta.write(i, ta.read(i - 1) * ta.read(i - 2))

    _, ta = tf.while_loop(lambda i, ta: i < 6, body, [2, ta])
    y = ta.stack()
    g = tf.gradients(y, x)
    return Run([y, g], {x: [0.9, 1.1]})


@program
def tensor_array_in_cond(tf):
    x, p = _x(tf, 2), tf.placeholder(tf.bool, [])
    ta = tf.TensorArray(tf.float32, 2, element_shape=[2]).write(0, x)
    ta = tf.cond(p, lambda: ta.write(1, x * x), lambda: ta.write(1, x * 3.0))
    y = ta.stack()
    return Run([y, tf.gradients(y, x)], {x: [1, 2], p: True}, {x: [1, 2], p: False})


@program
def tensor_array_written_in_cond_in_while(tf):
    x = _x(tf, 2)

    def body(i, ta):
        return i + 1, tf.cond(i > 1, lambda: ta.write(i, x * x), lambda: ta.write(i, x))

    _, ta = tf.while_loop(
        lambda i, ta: i < 4, body, [0, tf.TensorArray(tf.float32, 4, element_shape=[2])]
    )
    y = ta.stack()
    return Run([y, tf.gradients(y, x)], {x: [1, 2]})


@program
def lstm_by_hand(tf):
    steps, batch, depth, units = 5, 2, 3, 4
    x = _x(tf, steps, batch, depth)
    kernel = tf.Variable(_values(depth + units, 4 * units) * 0.5)
    bias = tf.Variable(tf.zeros([4 * units]))
    sequence = tf.TensorArray(tf.float32, steps).unstack(x)

    def body(t, cell, hidden, outputs):
        gates = tf.matmul(tf.concat([sequence.read(t), hidden], 1), kernel) + bias
        i, j, f, o = tf.split(gates, 4, axis=1)
        cell = cell * tf.sigmoid(f) + tf.sigmoid(i) * tf.tanh(j)
        hidden = tf.tanh(cell) * tf.sigmoid(o)
        return t + 1, cell, hidden, outputs.write(t, hidden)

    zero = tf.zeros([batch, units])
    start = [tf.constant(0), zero, zero, tf.TensorArray(tf.float32, steps)]
    outputs = tf.while_loop(lambda t, *_: t < steps, body, start)[-1].stack()
    loss = tf.reduce_sum(tf.square(outputs))
    g = tf.gradients(loss, [x, kernel, bias])
    gg = tf.gradients(tf.reduce_sum(tf.square(g[0])), [x, kernel])
    return Run([outputs, g, gg], {x: _values(steps, batch, depth, seed=3)}, named=[outputs])


@program
def dynamic_lengths(tf):
    """As tf.nn.dynamic_rnn does it: the loop ends with the longest sequence."""
    x, lengths = _x(tf, None, 2, 3), tf.placeholder(tf.int32, [2])
    w = tf.Variable(_values(3, 3))
    steps = tf.shape(x)[0]
    bound = tf.minimum(steps, tf.maximum(1, tf.reduce_max(lengths)))
    inputs = tf.TensorArray(tf.float32, steps).unstack(x)

    def body(t, state, out):
        new = tf.tanh(tf.matmul(state, w) + inputs.read(t))
        done = t >= lengths
        state = tf.where(done, state, new)
        return t + 1, state, out.write(t, tf.where(done, tf.zeros_like(new), new))

    start = [0, tf.zeros([2, 3]), tf.TensorArray(tf.float32, steps, element_shape=[2, 3])]
    _, state, out = tf.while_loop(lambda t, *_: t < bound, body, start, swap_memory=True)
    out = out.stack()
    g = tf.gradients(tf.reduce_sum(out * out) + tf.reduce_sum(state), [x, w])
    x0 = _values(6, 2, 3, seed=4)
    return Run(
        [out, state, g],
        {x: x0, lengths: [3, 5]},
        {x: x0, lengths: [1, 2]},
        {x: x0, lengths: [6, 6]},
        {x: x0[:4], lengths: [4, 2]},
    )


# Functions over the first dimension ---------------------------------------------------------------


@program
def map_fn_forms(tf):
    x, y = _x(tf, 3, 2), tf.placeholder(tf.int32, [None])
    a = tf.map_fn(lambda t: t * t, x)
    b = tf.map_fn(
        lambda t: (t[0] + 1.0, tf.cast(t[1], tf.int64)), (x, y), dtype=(tf.float32, tf.int64)
    )
    c = tf.map_fn(
        lambda t: {"k": tf.reduce_sum(t["p"])},
        {"p": x},
        dtype={"k": tf.float32},
        parallel_iterations=1,
    )
    d = tf.map_fn(lambda t: tf.map_fn(lambda u: tf.sin(u) * 2.0, t), x)
    g = tf.gradients([a, b[0], c["k"], d], x)
    gg = tf.gradients(g, x)
    return Run(
        [a, b[0], b[1], c["k"], d, g, gg],
        {x: _values(3, 2), y: [1, 2, 3]},
        named=[a, b[0], b[1], d],
    )


@program
def map_fn_unknown_length(tf):
    x = tf.placeholder(tf.float32, [None, 2])
    a = tf.map_fn(lambda t: tf.reduce_sum(t) * t, x)
    b = tf.map_fn(tf.square, x, back_prop=False)
    g = tf.gradients(a, x)
    return Run([a, b, g], {x: _values(3, 2)}, {x: _values(1, 2)}, {x: _values(0, 2)}, named=[b])


@program
def map_fn_without_inferred_shape(tf):
    x = tf.placeholder(tf.float32, [None, 2])
    a = tf.map_fn(lambda t: tf.reduce_sum(t) * t, x, infer_shape=False)
    return Run([a, tf.gradients(a, x)], {x: _values(3, 2)})


@program
def scan_forms(tf):
    x = _x(tf, 4, 2)
    a = tf.scan(lambda s, t: s * 0.5 + t, x)
    b = tf.scan(lambda s, t: s + t, x, reverse=True)
    c = tf.scan(lambda s, t: (s[0] + 1, s[1] * t), x, initializer=(tf.constant(0), tf.ones([2])))
    d = tf.scan(lambda s, t: s + tf.reduce_sum(t), x, initializer=1.0, infer_shape=False)
    e = tf.scan(lambda s, t: s * tf.reduce_sum(t[0] * t[1]), (x, x), initializer=1.0, reverse=True)
    g = tf.gradients([a, b, c[1], d, e], x)
    return Run([a, b, c[0], c[1], d, e, g], {x: _values(4, 2)}, named=[a, b, c[0], c[1]])


@program
def folds(tf):
    x = _x(tf, 4, 2)
    a = tf.foldl(lambda s, t: s * t + 1.0, x)
    b = tf.foldr(lambda s, t: s * 0.5 - t, x)
    c = tf.foldl(lambda s, t: s + tf.reduce_sum(t), x, initializer=10.0)
    d = tf.foldr(lambda s, t: s * 2.0 + tf.reduce_sum(t), x, initializer=1.0, name="right")
    g = tf.gradients([a, b, c, d], x)
    return Run([a, b, c, d, g], {x: _values(4, 2)}, named=[a, b, c, d])


# Programs that must fail --------------------------------------------------------------------------


@error
def python_bool(tf):
    tf.cond(True, lambda: 1, lambda: 2)


@error
def float_predicate(tf):
    tf.cond(tf.constant(1.0), lambda: 1, lambda: 2)


@error
def vector_predicate(tf):
    tf.cond(tf.constant([True]), lambda: 1, lambda: 2)


@error
def branches_of_different_structure(tf):
    x = _x(tf)
    tf.cond(tf.constant(True), lambda: x, lambda: (x, x))


@error
def branches_of_different_dtypes(tf):
    tf.cond(tf.constant(True), lambda: tf.constant(1.0), lambda: tf.constant(1))


@error
def branch_without_value(tf):
    tf.cond(tf.constant(True), lambda: None, lambda: None)


@error
def branch_not_callable(tf):
    tf.cond(tf.constant(True), 1, lambda: 2)


@error
def shape_changes(tf):
    tf.while_loop(
        lambda a: tf.reduce_sum(a) < 10, lambda a: tf.concat([a, a], 0), [tf.constant([1])]
    )


@error
def wrong_invariant(tf):
    tf.while_loop(
        lambda i: True, lambda i: i, [tf.constant([0, 1])], shape_invariants=[tf.TensorShape([3])]
    )


@error
def too_many_invariants(tf):
    shapes = [tf.TensorShape([2])] * 2
    tf.while_loop(lambda i: True, lambda i: i, [tf.constant([0, 1])], shape_invariants=shapes)


@error
def body_of_another_structure(tf):
    tf.while_loop(lambda i: i < 3, lambda i: (i, i), [tf.constant(0)])


@error
def no_loop_variables(tf):
    tf.while_loop(lambda: True, lambda: 1, [])


@error
def condition_not_callable(tf):
    tf.while_loop(1, lambda i: i, [tf.constant(0)])


@error
def condition_not_boolean(tf):
    tf.while_loop(lambda i: i, lambda i: i, [tf.constant(0)])


@error
def condition_not_scalar(tf):
    tf.while_loop(lambda i: i < 3, lambda i: i, [tf.constant([0, 1])])


@error
def no_parallel_iterations(tf):
    tf.while_loop(lambda i: i < 3, lambda i: i, [tf.constant(0)], parallel_iterations=0)


@error
def vector_of_maximum_iterations(tf):
    tf.while_loop(lambda i: i < 3, lambda i: i, [tf.constant(0)], maximum_iterations=[3])


@error
def case_of_no_pairs(tf):
    tf.case(3)


@error
def case_of_a_triple(tf):
    tf.case([(tf.constant(True), lambda: 1, 2)])


@error
def case_of_a_number(tf):
    tf.case([(1, lambda: 1)])


@error
def switch_case_with_a_gap(tf):
    tf.switch_case(tf.constant(1), {0: lambda: 1, 2: lambda: 2})


@error
def tuple_of_nothing(tf):
    tf.tuple([None])


@error
def map_fn_of_a_scalar(tf):
    tf.map_fn(lambda t: t, tf.constant(1.0))


class _Named:
    __name__ = "named"


@error
def map_fn_not_callable(tf):
    tf.map_fn(_Named(), tf.constant([1.0]))


@error
def scan_not_callable(tf):
    tf.scan(_Named(), tf.constant([1.0]))


@error
def tensor_array_without_size(tf):
    tf.TensorArray(tf.float32)


@error
def tensor_array_of_two_shapes(tf):
    tf.TensorArray(tf.float32, 2).write(0, [1.0]).write(1, [1.0, 2.0])
