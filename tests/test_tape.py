"""GradientTape and ForwardAccumulator, in eager code and in functions."""

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy
from reflow.ops.linalg.matmul import matmul_op


@pytest.fixture(params=["eager", "function"])
def run(request):
    """Runs a function of tensors eagerly, or as a tf.function."""
    return (
        (lambda f, *args: f(*args))
        if request.param == "eager"
        else (lambda f, *args: tf.function(f, autograph=False)(*args))
    )


def test_persistent_tapes(run):
    def f(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * x
            z = y * y
        return tape.gradient(z, x), tape.gradient(y, x)

    got = run(f, tf.constant(3.0))
    assert [g.numpy() for g in got] == [108.0, 6.0]


def test_a_tape_is_used_once():
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="non-persistent GradientTape"):
        tape.gradient(y, x)


def test_unconnected_gradients(run):
    def f(x, y):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            z = x * 2.0
        none = tape.gradient(z, y)
        zero = tape.gradient(z, y, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return tf.constant(none is None), zero

    none, zero = run(f, tf.constant(1.0), tf.constant([1.0, 2.0]))
    assert none.numpy() and zero.numpy().tolist() == [0.0, 0.0]


def test_stop_recording_and_reset(run):
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x
            with tape.stop_recording():
                z = y * 100.0
        with tf.GradientTape() as second:
            second.watch(x)
            a = x * 3.0
            second.reset()
            second.watch(x)
            b = x * 4.0
        first = tape.gradient(y + 0.0 * z, x)
        return tf.constant(first is None), second.gradient([a, b], x)

    nothing, g = run(f, tf.constant(3.0))
    assert nothing.numpy() and g.numpy() == 4.0


def test_structures_and_output_gradients(run):
    v = tf.Variable([1.0, 2.0])

    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = {"a": v * x, "b": [x]}
        return tape.gradient(
            y, {"v": v, "x": (x,)}, {"a": tf.constant([1.0, 10.0]), "b": [tf.constant(100.0)]}
        )

    got = run(f, tf.constant(3.0))
    assert got["v"].numpy().tolist() == [3.0, 30.0] and got["x"][0].numpy() == 121.0


def test_jacobians(run):
    def f(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x**2 * tf.reduce_sum(x, axis=1, keepdims=True)
        return tape.jacobian(y, x), tape.batch_jacobian(y, x)

    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    full, batch = (each.numpy() for each in run(f, tf.constant(x)))
    s = x.sum(1)
    want = np.einsum("bi,ij->bij", 2 * x * s[:, None], np.eye(2)) + (x**2)[:, :, None]
    np.testing.assert_allclose(batch, want, 1e-5)
    np.testing.assert_allclose(np.einsum("bibj->bij", full), want, 1e-5)
    assert full[0, :, 1].any() == 0


def test_gradients_of_embeddings_are_sparse():
    table = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3))
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.nn.embedding_lookup(table, [1, 1, 3]) ** 2)
    g = tape.gradient(y, table)
    assert isinstance(g, tf.IndexedSlices)
    dense = tf.convert_to_tensor(g).numpy()
    np.testing.assert_allclose(dense[1], 4 * np.arange(3, 6))
    assert not dense[0].any()


def test_sources_must_be_tensors():
    with tf.GradientTape() as tape:
        y = tf.constant(1.0)
    with pytest.raises(TypeError, match="no tensor or variable"):
        tape.gradient(y, "x")


# Forward mode -------------------------------------------------------------------------------------


def test_jacobian_vector_products(run):
    v = tf.Variable([1.0, 2.0])

    def f(x):
        with tf.autodiff.ForwardAccumulator((x, v), (tf.constant([1.0, 0.0]), tf.ones([2]))) as acc:
            y = tf.reduce_sum(tf.sin(x) * v * x)
            unrelated = tf.constant(1.0) * 2.0
        zero = acc.jvp(unrelated, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return acc.jvp(y), tf.constant(acc.jvp(unrelated) is None), zero

    x = np.array([2.0, 3.0], np.float32)
    jvp, none, zero = run(f, tf.constant(x))
    want = np.cos(2.0) * 2.0 + np.sin(2.0) + (np.sin(x) * x).sum()
    np.testing.assert_allclose(jvp.numpy(), want, 1e-5)
    assert none.numpy() and zero.numpy() == 0.0


def test_forward_over_backward_and_nested():
    x = tf.constant([2.0, 3.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 1.0])) as acc:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x**3)
        g = tape.gradient(y, x)
    np.testing.assert_allclose(acc.jvp(g).numpy(), [12.0, 18.0], 1e-6)
    p = tf.constant(1.5)
    with tf.autodiff.ForwardAccumulator(p, tf.constant(1.0)) as outer:
        with tf.autodiff.ForwardAccumulator(p, tf.constant(1.0)) as inner:
            z = p**3
        first = inner.jvp(z)
    np.testing.assert_allclose(outer.jvp(first).numpy(), 9.0, 1e-6)


def test_forward_mode_through_functions():
    w = tf.Variable([1.0, 2.0])

    @tf.function(autograph=False)
    def f(x):
        return tf.cond(x[0] > 0, lambda: tf.reduce_sum(x * w), lambda: x[0])

    x = tf.constant([2.0, 3.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 10.0])) as acc:
        y = f(x)
    assert acc.jvp(y).numpy() == 21.0


def test_tangents_must_fit():
    with pytest.raises(ValueError, match="shape"):
        tf.autodiff.ForwardAccumulator(tf.constant([1.0]), tf.constant([1.0, 2.0]))


# TF 1 code as a function --------------------------------------------------------------------------


def test_wrapped_functions():
    v1 = tf.compat.v1

    def program(x):
        v = v1.get_variable("v", [], initializer=v1.ones_initializer())
        doubled = tf.identity(x * 2.0, name="doubled")
        return v1.assign_add(v, doubled)

    f = v1.wrap_function(program, [tf.TensorSpec([], tf.float32)])
    assert f(tf.constant(2.0)).numpy() == 5.0 and f(tf.constant(2.0)).numpy() == 9.0
    (v,) = f.variables
    assert v.numpy() == 9.0 and v.name == "v:0" and len(f.trainable_variables) == 1
    part = f.prune(f.inputs[0], "doubled:0")
    assert part(tf.constant(4.0)).numpy() == 8.0 and v.numpy() == 9.0


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "function"])
def test_there_is_no_gradient_at_what_is_not_watched(wrap):
    v, u, c = tf.Variable(2.0), tf.Variable(4.0, trainable=False), tf.constant(3.0)

    @wrap
    def f(a, b):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(a)
            y = a * b * v * u
        got = tape.gradient(y, [a, b, v, u])
        zeros = tape.gradient(y, [b, u], unconnected_gradients="zero")
        assert [g is None for g in got] == [False, True, False, True]
        return got[0], *zeros, tape.gradient(y, {"v": v})["v"]

    assert [g.numpy() for g in f(c, c + 1.0)] == [32.0, 0.0, 0.0, 48.0]


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "function"])
def test_variables_are_targets_too(wrap):
    v, w = tf.Variable(2.0), tf.Variable(3.0)

    @wrap
    def f():
        with tf.GradientTape() as tape:
            targets = [v, v * v * w]
        return tape.gradient(targets, [v, w], output_gradients=[tf.constant(10.0), None])

    assert [g.numpy() for g in f()] == [22.0, 4.0]
    with tf.GradientTape() as tape:
        target = v
    assert tape.gradient(target, v).numpy() == 1.0


def test_watched_variables_are_known_after_the_gradient():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    assert tape.watched_variables() == (v,)


def test_gradients_that_lead_nowhere_are_not_computed(monkeypatch):
    x, w = tf.ones([2, 3]), tf.Variable(tf.ones([3, 4]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.matmul(x, w)
    calls = []
    lower = matmul_op.lower
    monkeypatch.setattr(
        matmul_op, "lower", lambda *args, **attrs: calls.append(attrs) or lower(*args, **attrs)
    )
    assert tape.gradient(y, w).numpy().tolist() == [[2.0] * 4] * 3
    assert len(calls) == 1
    assert tape.gradient(y, x).numpy().tolist() == [[4.0] * 3] * 2
    assert len(calls) == 2
    tape.gradient(y, [x, w])
    assert len(calls) == 4


def test_symbolic_gradients_in_a_function_of_what_eager_code_made():
    variable, constant = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])

    @tf.function
    def f():
        y = tf.reduce_sum(variable * variable * constant)
        inner = tf.function(lambda: tf.gradients(tf.reduce_sum(variable**3), variable)[0])
        return [*tf.gradients(y, [variable, constant]), inner(), tf.gradients(y, tf.constant(1.0))]

    of_variable, of_constant, of_inner, of_nothing = f()
    assert of_variable.numpy().tolist() == [6, 16]
    assert of_constant.numpy().tolist() == [1, 4]
    assert of_inner.numpy().tolist() == [3, 12]
    assert of_nothing == [None]


@pytest.mark.parametrize("call", [lambda f: f, tf.function])
def test_recompute_grad(call):
    w, u = tf.Variable(2.0), tf.Variable(3.0)
    runs = []

    @tf.recompute_grad
    def f(x, y):
        runs.append(1)
        return tf.tanh(w * x), y + 0.0 * u * x

    def gradients(x, y):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch([x, y])
                h, _ = f(x, y)
                twice, _ = f(x, x)
            first = [tape.gradient(h, each) for each in (x, y, w, u)]
            total = tape.gradient(twice, x)
        return [*first, total, outer.gradient(total, x)]

    x, y = tf.constant(0.3), tf.constant(0.4)
    found = [g.numpy() for g in call(gradients)(x, y)]
    slope = 1 - np.tanh(0.6) ** 2
    second = -8 * np.tanh(0.6) * slope
    np.testing.assert_allclose(found, [2 * slope, 0, 0.3 * slope, 0, 2 * slope, second], rtol=1e-5)
    assert len(runs) > 2  # more than the calls: for the gradient too


def test_gradients_within_a_persistent_tape_are_warned_of_once_for_a_line(caplog):
    x = tf.constant(2.0)
    for _ in range(3):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            first = tape.gradient(x**3, x)
        assert tape.gradient(first, x).numpy() == 12
    told = [r.getMessage() for r in caplog.records if "persistent tape" in r.getMessage()]
    assert len(told) == 1


def test_forward_mode_of_rows_of_a_variable(run):
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    def f(tangent):
        with tf.autodiff.ForwardAccumulator(table, tangent) as accumulator:
            rows = [tf.gather(table, [1, 1]), tf.gather_nd(table, [[0]]), table.sparse_read([0])]
            y = [row * row for row in rows]
        return accumulator.jvp(y)

    twice, first, again = run(f, tf.constant([[1.0, 0.0], [0.5, 2.0]]))
    assert twice.numpy().tolist() == [[3, 16], [3, 16]]
    assert first.numpy().tolist() == again.numpy().tolist() == [[2, 0]]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_second_derivatives_of_variables_in_branches_and_loops_of_a_function(tier, monkeypatch):
    monkeypatch.setattr(policy, "forced", [tier])
    v = tf.Variable([1.0, 2.0, 3.0])
    start = tf.constant(0), tf.constant(0.0)

    def loop():
        return tf.while_loop(
            lambda i, s: i < 2, lambda i, s: (i + 1, s + tf.reduce_sum(v**3)), start
        )[1]

    def other():
        return tf.while_loop(
            lambda i, s: i < 3, lambda i, s: (i + 1, s + tf.reduce_sum(tf.sin(v))), start
        )[1]

    models = {
        "a branch": lambda: tf.cond(
            v[0] > 0.0, lambda: 2.0 * tf.reduce_sum(v * v * v), lambda: tf.reduce_sum(v)
        ),
        "loops in branches": lambda: tf.cond(v[0] > 0.0, loop, other),
        "a case": lambda: tf.switch_case(tf.constant(1), [other, loop, lambda: tf.reduce_sum(v)]),
    }
    for name, model in models.items():

        @tf.function
        def second(model=model):
            with tf.GradientTape() as outer:
                with tf.GradientTape() as tape:
                    y = model()
                squares = tape.gradient(y, v) ** 2
            return outer.gradient(squares, v)

        np.testing.assert_allclose(second().numpy(), [144, 1152, 3888], rtol=1e-5, err_msg=name)
