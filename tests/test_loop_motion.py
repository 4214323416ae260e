"""What compiled loops do before or after their iterations: the same results as when interpreted."""

import numpy as np
import pytest

import reflow
from reflow.compiler import policy, traced_loop
from reflow.kernels.matrices import Panels
from reflow.lang.func_graph import functions_of
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import REGISTRY
from reflow.lang.verifier import verify

tf = reflow.compat.v1
STEPS = 6


@pytest.fixture(autouse=True)
def _policy():
    before = policy.forced[0]
    yield
    policy.forced[0] = before


@pytest.fixture
def seen(monkeypatch):
    """The loops that were compiled."""
    loops = []

    class Watched(traced_loop._Loop):
        def __init__(self, *args):
            super().__init__(*args)
            loops.append(self)

    monkeypatch.setattr(traced_loop, "_Loop", Watched)
    return loops


def both(program, tolerance=1e-10):
    """What a program's fetches are, compiled; they must be the same as when interpreted."""
    results = []
    for name in ("interpret", "compile"):
        policy.forced[0] = name
        with tf.Graph().as_default(), tf.Session() as session:
            fetches = program()
            verify_all(session.graph)
            session.run(tf.global_variables_initializer())
            results.append(session.run(fetches))
    for got, want in zip(results[1], results[0]):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    return results[1]


def verify_all(graph):
    verify(graph)
    for op in graph.get_operations():
        for function in functions_of(op):
            verify_all(function.base)


def arrays(*shapes):
    rng = np.random.default_rng(3)
    return [tf.identity(tf.Variable(rng.standard_normal(s) / 2)) for s in shapes]


def resources(*shapes):
    rng = np.random.default_rng(3)
    return [tf.Variable(rng.standard_normal(s) / 2, use_resource=True) for s in shapes]


def recurrent(index, transpose=False, slots=STEPS, variables=arrays):
    """The gradients of a recurrent network that writes its state `t` at `index(t)`."""

    def program():
        x, w, u = variables((STEPS, 3, 4), (4, 5), (5, 5))
        sequence = tf.TensorArray(tf.float64, STEPS).unstack(x)

        def body(t, h, outputs):
            h = tf.tanh(tf.matmul(sequence.read(t), w) + tf.matmul(h, u, transpose_b=transpose))
            return t + 1, h, outputs.write(index(t), h)

        outputs = tf.TensorArray(tf.float64, slots, clear_after_read=False)
        start = [tf.constant(0), tf.zeros([3, 5], tf.float64), outputs]
        stacked = tf.while_loop(lambda t, *_: t < STEPS, body, start)[-1].stack()
        weights = tf.reshape(tf.cast(tf.range(1, 1 + slots), tf.float64), [slots, 1, 1])
        loss = tf.reduce_sum(weights * tf.square(stacked))
        return [loss, *tf.gradients(loss, [x, w, u])]

    return program


INDICES = {
    "forwards": (lambda t: t, STEPS, True),
    "backwards": (lambda t: STEPS - 1 - t, STEPS, True),
    "every other": (lambda t: 2 * t + 1, 2 * STEPS, True),
    "two at one place": (lambda t: t // 2, STEPS, False),
    "all at one place": (lambda t: 0 * t + 2, STEPS, False),
}


@pytest.mark.parametrize("transpose", [False, True], ids=["plain", "transposed"])
@pytest.mark.parametrize("name", INDICES)
def test_zeros_are_written_after_the_loop(name, transpose, seen):
    index, slots, distinct = INDICES[name]
    both(recurrent(index, transpose, slots))
    backwards = seen[-1]
    assert bool(backwards.zeros) == distinct
    assert len(backwards.ordered.tensors) == (1 if transpose else 2)
    assert len(seen[0].ordered.tensors) == transpose


def test_overwritten_elements_have_no_gradient(seen):
    def program():
        (x,) = arrays((STEPS, 2))
        items = REGISTRY["TensorListFromTensor"](x, np.array([2], np.int32))

        def body(t, items, y):
            items = REGISTRY["TensorListSetItem"](items, t + 1, y)
            return t + 1, items, tf.sin(y)

        start = [tf.constant(0), items, tf.constant([0.3, -2.0], tf.float64)]
        items = tf.while_loop(lambda t, *_: t < 3, body, start)[1]
        stacked = REGISTRY["TensorListStack"](
            items, np.array([2], np.int32), element_dtype=tf.float64, num_elements=STEPS
        )
        return tf.gradients(tf.reduce_sum(tf.square(stacked)), [x]) + [2.0 * x]

    gradient, twice = both(program)
    assert seen[-1].zeros
    twice[1:4] = 0.0
    np.testing.assert_allclose(gradient, twice)


def test_zeros_of_a_loop_whose_length_is_not_known(seen):
    def program():
        x, w = arrays((3, 3), (3, 3))
        outputs = tf.TensorArray(tf.float64, 8)

        def body(t, h, outputs):
            h = tf.matmul(h, w)
            return t + 1, h, outputs.write(t, h)

        def go_on(t, h, outputs):
            return (t < 8) & (tf.reduce_sum(tf.abs(h)) > 0.5)

        outputs = tf.while_loop(go_on, body, [tf.constant(0), x, outputs])[-1]
        loss = tf.reduce_sum(outputs.read(0))
        return [loss, *tf.gradients(loss, [x, w])]

    both(program)


def test_operands_that_change_are_not_transposed_before(seen):
    def program():
        x, w = arrays((4, 4), (4, 4))

        def body(t, h, m):
            h = tf.matmul(w, h, transpose_a=True) + tf.matmul(h, m, transpose_b=True)
            return t + 1, tf.tanh(h), tf.tanh(m + h)

        start = [tf.constant(0), x, x]
        h = tf.while_loop(lambda t, *_: t < STEPS, body, start)[1]
        return [h, *tf.gradients(h, [x, w])]

    both(program)
    (turned,) = seen[0].ordered.tensors
    captured = [t for t, still in zip(seen[0].body.inputs, seen[0].facts.invariant) if still]
    assert any(t is turned for t in captured)


def test_batches_of_matrices_are_transposed_before(seen):
    def program():
        x, w = arrays((2, 3, 4), (2, 4, 4))

        def body(t, h):
            return t + 1, tf.tanh(tf.matmul(h, tf.square(w), adjoint_b=True))

        h = tf.while_loop(lambda t, *_: t < STEPS, body, [tf.constant(0), x])[1]
        return [h, *tf.gradients(h, [x, w])]

    both(program)
    (turned,) = seen[0].ordered.tensors
    assert turned.op.type == "Square"


def test_a_complex_adjoint_stays_in_the_loop(seen):
    def program():
        x, y = arrays((3, 3), (3, 3))
        w = tf.complex(x, y)

        def body(t, h):
            return t + 1, tf.matmul(h, w, adjoint_b=True) / 2.0

        h = tf.while_loop(lambda t, *_: t < STEPS, body, [tf.constant(0), tf.complex(y, x)])[1]
        return [tf.math.real(h), *tf.gradients(tf.abs(h), [x, y])]

    both(program)


def test_variables_are_not_kept_for_each_iteration(seen):
    both(recurrent(lambda t: t, variables=resources))
    forwards, backwards = seen
    assert len(forwards.steady) == 2
    assert len(backwards.ordered.tensors) == 2
    pushed = [op for op in forwards.body.base.get_operations() if op.type == "TensorListPushBack"]
    assert len(pushed) == 2  # the hidden state, before and after


def test_variables_that_a_loop_changes_are_kept_for_each_iteration(seen):
    def program():
        x, w = resources((3, 3), (3, 3))

        def body(t, h):
            h = tf.tanh(tf.matmul(h, w.read_value()))
            with tf.control_dependencies([h]):
                changed = w.assign(0.5 * w.read_value() + 0.1)
            with tf.control_dependencies([changed]):
                return t + 1, tf.identity(h)

        h = tf.while_loop(lambda t, *_: t < STEPS, body, [tf.constant(0), tf.identity(x)])[1]
        return [h, *tf.gradients(h, [x])]

    both(program)
    assert not seen[0].steady


def test_what_follows_from_variables_is_not_kept_for_each_iteration(seen):
    def program():
        x, w = resources((3, 3), (3, 3))

        def body(t, h):
            return t + 1, tf.tanh(tf.matmul(h, tf.exp(w)))

        def loss():
            h = tf.while_loop(lambda t, *_: t < STEPS, body, [tf.constant(0), tf.identity(x)])[1]
            return tf.reduce_sum(tf.square(h))

        gradient = tf.gradients(loss(), [w])[0]
        return [gradient, *tf.gradients(tf.reduce_sum(tf.square(gradient)), [x, w])]

    both(program)
    assert len(seen[0].steady) == 1


def test_a_loop_that_never_runs_has_a_gradient():
    def program():
        x, w = resources((3, 3), (3, 3))
        limit = tf.placeholder_with_default(0, [])

        def body(t, h):
            return t + 1, tf.matmul(h, w)

        h = tf.while_loop(lambda t, *_: t < limit, body, [tf.constant(0), tf.identity(x)])[1]
        return [h, *tf.gradients(h, [x, w])]

    h, to_x, to_w = both(program)
    np.testing.assert_allclose(to_x, np.ones((3, 3)))
    np.testing.assert_allclose(to_w, np.zeros((3, 3)))


# Right sides in panels ----------------------------------------------------------------------------

LONG = 9  # iterations: for fewer, panels do not pay
needs_panels = pytest.mark.skipif(
    Panels(numpy_namespace, np.zeros((20, 20), np.float32)).kernel(np.zeros((5, 20), np.float32))
    is None,
    reason="no kernel for panels",
)


def cell(steps, rows=5, dtype=tf.float32):
    """A loop that multiplies with a matrix as it is, and with the same one transposed."""

    def program():
        x, w, v = (tf.cast(t, dtype) for t in arrays((rows, 20), (20, 20), (20, 20)))

        def body(t, h):
            products = tf.matmul(h, w) + tf.matmul(h, w, transpose_b=True)
            return t + 1, tf.tanh(0.2 * products + tf.reduce_mean(tf.matmul(v, w)))

        h = tf.while_loop(lambda t, _: t < steps, body, [tf.constant(0), x])[1]
        return [h, *tf.gradients(h, [x, w, v])]

    return program


@pytest.fixture
def panels_taken(monkeypatch):
    """The shapes of the left sides of products that were given to the kernel for panels."""
    taken = []
    kernel = Panels.kernel

    def watched(self, a):
        found = kernel(self, a)
        if found is not None:
            taken.append((*a.shape, self.matrix.shape[1]))
        return found

    monkeypatch.setattr(Panels, "kernel", watched)
    return taken


@needs_panels
def test_steady_right_sides_are_in_panels(seen, panels_taken):
    both(cell(LONG), 1e-4)
    assert {(order.flipped, order.in_panels) for order in seen[0].ordered.orders} == {
        (False, True),
        (True, True),
    }
    assert (5, 20, 20) in panels_taken  # a state with few rows
    assert len(seen[-1].ordered.orders) >= 2


@pytest.mark.parametrize(
    "program", [cell(LONG - 2), cell(LONG, dtype=tf.float64)], ids=["few iterations", "float64"]
)
def test_where_right_sides_stay_as_they_are(program, seen, panels_taken):
    both(program, 1e-4)
    assert not any(order.in_panels for order in seen[0].ordered.orders)
    assert not panels_taken


def test_many_rows_by_a_right_side_in_panels(seen, panels_taken):
    both(cell(LONG, rows=80), 1e-4)
    assert all(rows <= 64 for rows, *_ in panels_taken)


def test_loops_by_row_have_no_panels(seen, panels_taken):
    def program():
        x, w = (tf.cast(t, tf.float32) for t in arrays((3, 5, 20), (20, 20)))

        def body(t, h):
            return t + 1, tf.tanh(tf.matmul(h, w))

        def of_row(h):
            return tf.while_loop(lambda t, _: t < LONG, body, [tf.constant(0), h])[1]

        return [tf.vectorized_map(of_row, x)]

    both(program, 1e-4)
    assert seen and not panels_taken
