"""TF 1 programs with conditionals and loops, for `make_graphdef_golden.py`: TensorFlow runs them.

Each builds a graph and returns its runs: names of what is fetched (a string: a node that only has to
run), and feeds by name.
"""

import numpy as np

CASES = {}
FUNCTIONS = {}  # with TF 2's control flow
X = np.array([[1, 2, 3], [4, 5, 6]], np.float32) / 4
SEQUENCE = np.sin(np.arange(30)).reshape(2, 5, 3).astype(np.float32)


def case(f):
    CASES[f.__name__] = f
    return f


def functional(f):
    FUNCTIONS[f.__name__] = f
    return f


def names(*tensors):
    return [tensor.name for tensor in tensors]


def inputs(tf):
    v1 = tf.compat.v1
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    return x, v1.placeholder(tf.bool, [], name="b"), v1.placeholder(tf.int32, [], name="n")


def both(fetches, **more):
    return [(fetches, {"x:0": X, "b:0": b, **more}) for b in (True, False)]


def counts(fetches, *ns):
    return [(fetches, {"x:0": X, "n:0": n}) for n in ns]


@case
def cond(tf):
    x, b, _ = inputs(tf)
    y, z = tf.cond(
        b,
        lambda: (tf.reduce_sum(tf.exp(x) * 2.0), x),
        lambda: (tf.reduce_sum(x), x + 1.0),
    )
    (g,) = tf.gradients(y, x)
    return both(names(y, z, g)) + both(names(y))


@case
def conds_in_a_row(tf):
    """The gradient of the second goes into the first: their nodes must not wait for each other."""
    x, b, _ = inputs(tf)
    y = tf.cond(b, lambda: tf.sin(x) * x, lambda: x + 1.0)
    z = tf.cond(b, lambda: tf.exp(y), lambda: y * y)
    (g,) = tf.gradients(tf.reduce_sum(z * z), x)
    return both(names(y, z, g))


@case
def linear_conds_in_a_row(tf):
    """The gradients depend on nothing that was computed forward: only on the predicate."""
    x, b, _ = inputs(tf)
    y = tf.cond(b, lambda: x * 2.0, lambda: x * 3.0)
    z = tf.cond(b, lambda: y * 5.0, lambda: y * 7.0)
    (g,) = tf.gradients(z, x, grad_ys=tf.ones([2, 3]))
    return both(names(y, z, g))


@case
def nested_cond(tf):
    x, b, _ = inputs(tf)
    c = tf.compat.v1.placeholder(tf.bool, [], name="c")
    y = tf.cond(
        b,
        lambda: tf.cond(c, lambda: tf.exp(x), lambda: x * 2.0),
        lambda: tf.cond(c, lambda: x, lambda: x + 10.0),
    )
    (g,) = tf.gradients(tf.reduce_sum(y * y), x)
    return [run for c in (True, False) for run in both(names(y, g), **{"c:0": c})]


@case
def cond_with_variables(tf):
    x, b, _ = inputs(tf)
    v1 = tf.compat.v1
    v = v1.Variable(np.float32(1), use_resource=False, name="v")
    r = v1.Variable(np.float32(1), use_resource=True, name="r")
    a = tf.cond(b, lambda: v1.assign_add(v, 1.0), lambda: v1.assign(v, 5.0))
    with tf.control_dependencies([a]):
        q = tf.cond(b, lambda: tf.group(r.assign_add(2.0)), lambda: tf.no_op())
        with tf.control_dependencies([q]):
            o = tf.identity(r.read_value(), name="o")
    init = v1.global_variables_initializer()
    return [(init.name, {}), *both(names(a, o)), *both(names(v)), *both(names(a, o))]


@case
def one_side_effect_of_two(tf):
    """The conditionals share their predicate; a run of one must not run the other."""
    x, b, _ = inputs(tf)
    v1 = tf.compat.v1
    v = v1.Variable(np.float32(1), use_resource=True, name="v")
    y = tf.cond(b, lambda: tf.exp(x), lambda: x)
    tf.cond(b, lambda: v.assign_add(1.0), lambda: v.assign_add(10.0), name="update")
    init = v1.global_variables_initializer()
    read = v.read_value()
    return [(init.name, {}), *both(names(y)), *both(names(read)), *both(["update/Merge:0"])]


@case
def asserts(tf):
    x, b, _ = inputs(tf)
    check = tf.debugging.Assert(tf.reduce_all(x > 0), [x])
    with tf.control_dependencies([check]):
        y = tf.identity(x, name="y")
    return [(names(y), {"x:0": X})]


@case
def case_of_three(tf):
    x, b, n = inputs(tf)
    y = tf.compat.v1.case(
        [(tf.equal(n, 0), lambda: x), (tf.equal(n, 1), lambda: x * 2.0)], default=lambda: -x
    )
    return counts(names(y), 0, 1, 2)


@case
def while_loop(tf):
    x, b, n = inputs(tf)
    i, y = tf.compat.v1.while_loop(lambda i, a: i < n, lambda i, a: [i + 1, a * 2.0], [0, x])
    return counts(names(i, y), 0, 1, 5)


@case
def nested_while(tf):
    x, b, n = inputs(tf)
    v1 = tf.compat.v1

    def body(i, a):
        _, c = v1.while_loop(
            lambda j, c: j < i,
            lambda j, c: [j + 1, tf.sin(c) + tf.cast(i, tf.float32) * x],
            [0, a],
        )
        return [i + 1, c * c * 0.5]

    i, y = v1.while_loop(lambda i, a: i < n, body, [0, x])
    (g,) = tf.gradients(tf.reduce_sum(y), x)
    return counts(names(i, y), 0, 1, 4) + counts(names(y, g), 1, 4)


@case
def cond_in_while(tf):
    x, b, n = inputs(tf)
    i, y = tf.compat.v1.while_loop(
        lambda i, a: i < n,
        lambda i, a: [i + 1, tf.cond(tf.equal(i, 1), lambda: tf.exp(a), lambda: a * 2.0)],
        [0, x],
    )
    (g,) = tf.gradients(y, x)
    return counts(names(i, y), 0, 3) + counts(names(y, g), 1, 3)


@case
def while_in_cond(tf):
    x, b, n = inputs(tf)
    y = tf.cond(
        b,
        lambda: tf.compat.v1.while_loop(
            lambda i, a: i < 4, lambda i, a: [i + 1, tf.sin(a)], [0, x]
        )[1],
        lambda: x,
    )
    (g,) = tf.gradients(tf.reduce_sum(y), x)
    return both(names(y)) + both(names(y, g))


@case
def while_gradient(tf):
    x, b, n = inputs(tf)
    w = tf.constant([[0.5, 0.1, 0], [0, 0.3, 0.2], [0.7, 0, 0.1]])
    i, y = tf.compat.v1.while_loop(
        lambda i, a: i < n, lambda i, a: [i + 1, tf.tanh(tf.matmul(a, w))], [0, x]
    )
    g, h = tf.gradients(tf.reduce_sum(y * y), [x, w])
    return counts(names(y), 3) + counts(names(y, g, h), 0, 1, 4)


@case
def while_with_variable(tf):
    x, b, n = inputs(tf)
    v1 = tf.compat.v1
    v = v1.Variable(np.ones([3], np.float32), use_resource=False, name="v")
    r = v1.Variable(np.float32(0), use_resource=True, name="r")

    def body(i, a):
        with tf.control_dependencies([r.assign_add(1.0)]):
            return [i + 1, a + v]

    i, y = v1.while_loop(lambda i, a: i < n, body, [0, x])
    (g,) = tf.gradients(tf.reduce_sum(y), v)
    init = v1.global_variables_initializer()
    read = r.read_value()
    return [(init.name, {}), *counts(names(y, g), 3), *counts(names(read), 0)]


@case
def map_and_scan(tf):
    x, b, n = inputs(tf)
    y = tf.map_fn(lambda row: row * tf.reduce_sum(row), x)
    z = tf.scan(lambda a, row: a * 0.5 + row, x)
    (g,) = tf.gradients(tf.reduce_sum(y * y) + tf.reduce_sum(z * z * z), x)
    return [(names(y, z, g), {"x:0": x}) for x in (X, X[:1])]


@case
def map_in_cond(tf):
    """A tensor array that only one branch makes; its gradient is made in a branch as well."""
    x, b, n = inputs(tf)
    y = tf.cond(
        b,
        lambda: tf.cond(x[0, 0] > 0, lambda: tf.map_fn(lambda r: r * r * x[0], x), lambda: x),
        lambda: x * 3.0,
    )
    (g,) = tf.gradients(tf.reduce_sum(y * y), x)
    return both(names(y, g)) + [(names(y, g), {"x:0": -X, "b:0": True})]


@case
def map_in_while(tf):
    """A tensor array for each iteration: the loop keeps them all for its gradient."""
    x, b, n = inputs(tf)

    def body(i, a):
        mapped = tf.cond(
            tf.equal(i, 1), lambda: a, lambda: tf.map_fn(lambda r: tf.sin(r) * a[0] + x[1], a)
        )
        return [i + 1, tf.tanh(mapped)]

    i, y = tf.compat.v1.while_loop(lambda i, a: i < n, body, [0, x])
    (g,) = tf.gradients(tf.reduce_sum(y * y), x)
    return counts(names(y, g), 0, 1, 3)


@case
def arrays(tf):
    """Tensor arrays without a loop: the ops that loops do not use."""
    x, b, n = inputs(tf)
    a = tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, name="a")
    a = a.split(x, [1, 1])
    joined = a.concat()
    c = tf.TensorArray(tf.float32, size=3, name="c", clear_after_read=False)
    c = c.write(0, x[0]).write(2, x[1]).write(1, x[0] * x[1])
    total = c.read(0) * c.read(2) + tf.reduce_sum(c.gather([1, 0]))
    (g,) = tf.gradients([joined, total], x)
    return [(names(joined, total, c.size(), g), {"x:0": X})]


def _lstm(tf, x, w, length=None):
    n = tf.shape(x)[1]
    rows = tf.TensorArray(tf.float32, size=n, name="in").unstack(tf.transpose(x, [1, 0, 2]))
    out = tf.TensorArray(tf.float32, size=n, element_shape=[2, 4], name="out")

    def cell(t, c, h):
        z = tf.matmul(tf.concat([rows.read(t), h], 1), w)
        i, f, g, o = tf.split(z, 4, 1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return c, tf.sigmoid(o) * tf.tanh(c)

    def body(t, c, h, out):
        if length is None:
            c, h = cell(t, c, h)
        else:
            alive = tf.tile((t < length)[:, None], [1, 4])
            c, h = tf.cond(
                t < tf.reduce_min(length),
                lambda: cell(t, c, h),
                lambda: tuple(tf.where(alive, p, q) for p, q in zip(cell(t, c, h), (c, h))),
            )
        return t + 1, c, h, out.write(t, h)

    zeros = tf.zeros([2, 4])
    _, c, h, out = tf.compat.v1.while_loop(
        lambda t, *_: t < n, body, [0, zeros, zeros, out], swap_memory=True
    )
    return tf.transpose(out.stack(), [1, 0, 2]), c, h


@case
def rnn(tf):
    v1 = tf.compat.v1
    x = v1.placeholder(tf.float32, [2, None, 3], name="x")
    w = v1.get_variable(
        "w", initializer=np.linspace(-0.5, 0.5, 112).reshape(7, 16).astype(np.float32)
    )
    y, c, h = _lstm(tf, x, w)
    train = v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y * y) + tf.reduce_sum(h))
    g = tf.gradients(tf.reduce_sum(y * y), [x, w])
    init = v1.global_variables_initializer()
    runs = [(init.name, {})]
    for each in (SEQUENCE, SEQUENCE[:, :2]):
        runs += [(names(y, c, *g), {"x:0": each}), (train.name, {"x:0": each})]
    return [*runs, (names(y, c), {"x:0": SEQUENCE})]


@case
def rnn_with_lengths(tf):
    v1 = tf.compat.v1
    x = v1.placeholder(tf.float32, [2, None, 3], name="x")
    length = v1.placeholder(tf.int32, [2], name="length")
    w = tf.constant(np.linspace(-0.5, 0.5, 112).reshape(7, 16).astype(np.float32))
    y, c, h = _lstm(tf, x, w, length)
    g = tf.gradients(tf.reduce_sum(y * y) + tf.reduce_sum(h), [x, w])
    return [
        (names(y, c, *g), {"x:0": SEQUENCE[:, :3], "length:0": np.array([2, 3], np.int32)}),
        (names(y, c, *g), {"x:0": SEQUENCE[:, :2], "length:0": np.array([2, 1], np.int32)}),
    ]


@case
def switch_and_merge(tf):
    """The ops themselves, and which input came."""
    x, b, n = inputs(tf)
    raw = tf.raw_ops
    off, on = raw.Switch(data=x, pred=b)
    merged, index = raw.Merge(inputs=[tf.negative(off), tf.exp(on)])
    return both(names(merged, tf.identity(index, name="index")))


@functional
def v2_cond_and_while(tf):
    x, b, n = inputs(tf)
    y = tf.cond(b, lambda: tf.exp(x), lambda: x * 2.0)
    _, z = tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: [i + 1, tf.cond(i > 1, lambda: tf.sin(a), lambda: a * y)],
        [0, x],
    )
    (g,) = tf.gradients(tf.reduce_sum(z), x)
    return both(names(y, z, g))


@functional
def v2_functions(tf):
    x, b, n = inputs(tf)

    @tf.function
    def inner(a, k):
        return a * k, a + tf.cast(tf.shape(a)[0], tf.float32)

    @tf.function
    def outer(a):
        p, q = inner(a, 3.0)
        return tf.reduce_sum(p, axis=1) + inner(q, 2.0)[0][:, 0]

    y = outer(x)
    (g,) = tf.gradients(y, x)
    return [(names(y, g), {"x:0": X})]


@functional
def v2_lists(tf):
    x, b, n = inputs(tf)
    y = tf.map_fn(lambda row: row * tf.reduce_sum(row), x)
    (g,) = tf.gradients(tf.reduce_sum(y * y), x)
    return [(names(y, g), {"x:0": X})]


@functional
def v2_variables(tf):
    x, b, n = inputs(tf)
    v1 = tf.compat.v1
    v = v1.Variable(np.float32(1), use_resource=True, name="v")
    y = tf.cond(b, lambda: v.assign_add(2.0) + x, lambda: x * v)
    init = v1.global_variables_initializer()
    return [(init.name, {}), *both(names(y)), *both(names(y))]


@functional
def defun(tf):
    """A function as an op, as TF 1 wrote calls of functions."""
    from tensorflow.python.framework import function

    x, b, n = inputs(tf)

    @function.Defun(tf.float32, tf.float32, func_name="my_op")
    def my_op(p, q):
        return tf.sin(p) * q, tf.reduce_sum(q)

    @function.Defun(tf.float32, tf.float32, func_name="cube_grad")
    def cube_grad(p, g):
        return p * p * g * 30.0  # not what the derivative is

    @function.Defun(tf.float32, func_name="cube", grad_func=cube_grad)
    def cube(p):
        q, _ = my_op(p, p)
        return p * p * p + 0.0 * q

    y, z = my_op(x, x + 1.0)
    u, _ = my_op(y, x)
    (g,) = tf.gradients(tf.reduce_sum(cube(u)), x)
    return [(names(y, z, u, g), {"x:0": X})]


@functional
def case_v2(tf):
    x, b, n = inputs(tf)
    y = tf.switch_case(n, [lambda: x, lambda: x * 2.0, lambda: -x])
    return counts(names(y), 0, 1, 2, 5)
