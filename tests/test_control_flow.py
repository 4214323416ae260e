"""Branches and loops: against TensorFlow's results, in both tiers and driven from the host."""

import json
import pathlib

import numpy as np
import pytest
from golden import branch_and_loop_programs as programs

import reflow
from reflow.compiler import policy, traced_control, traced_loop
from reflow.compiler.context import NotCompilable
from reflow.compiler.stats import journal, stats
from reflow.lang import errors
from reflow.lang.func_graph import functions_of, trace
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import TensorShape
from reflow.lang.verifier import verify

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "branch_and_loop.json").read_text())
tf = reflow.compat.v1
TIERS = ("interpret", "compile", "host")


@pytest.fixture(autouse=True)
def _policy():
    before = policy.forced[0]
    yield
    policy.forced[0] = before


@pytest.fixture(params=TIERS)
def tier(request, monkeypatch):
    """Interpreted; compiled; or compiled in pieces, with branches and loops driven from the host."""
    policy.forced[0] = "interpret" if request.param == "interpret" else "compile"
    if request.param == "host":

        def refuse(*args):
            raise NotCompilable("the test says so")

        monkeypatch.setattr(traced_loop, "loop", refuse)
        monkeypatch.setattr(traced_control, "branch", refuse)
    return request.param


def check(got, expected, where):
    if isinstance(expected, list):
        assert len(got) == len(expected), where
        for i, (x, y) in enumerate(zip(got, expected)):
            check(x, y, f"{where}[{i}]")
        return
    if expected is None:
        assert got is None, where
        return
    got = np.asarray(got)
    assert list(got.shape) == expected["shape"], f"{where}: {got.shape}"
    assert got.dtype.name == expected["dtype"], f"{where}: {got.dtype}"
    values = np.array(expected["values"], got.dtype).reshape(got.shape)
    np.testing.assert_allclose(got, values, rtol=2e-4, atol=2e-5, err_msg=where)


def verify_all(graph):
    verify(graph)
    for op in graph.get_operations():
        for function in functions_of(op):
            verify_all(function.base)


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda f: f.__name__)
def test_program_gives_what_tensorflow_gives(program, tier):
    golden = GOLDEN["programs"][program.__name__]
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        run = program(tf)
        verify_all(graph)
        session.run(tf.global_variables_initializer())
        for i, feed in enumerate(run.feeds):
            check(session.run(run.fetch, feed), golden["values"][i], f"run {i}: fetch")
    named = [[t.name, None if t.shape.rank is None else list(t.shape.sizes)] for t in run.named]
    assert named == golden["named"]


@pytest.mark.parametrize("program", programs.ERRORS, ids=lambda f: f.__name__)
def test_bad_program_is_refused_as_tensorflow_refuses_it(program):
    kind = GOLDEN["errors"][program.__name__]
    with tf.Graph().as_default(), pytest.raises(Exception) as caught:
        program(tf)
    assert type(caught.value).__name__ == kind
    assert "branch_and_loop_programs.py:" in str(caught.value).split("\n")[0]


# What runs where ----------------------------------------------------------------------------------

# Programs of which some branch or loop is not compiled, because shapes or numbers of iterations depend
# on data: everything else must be.
FROM_THE_HOST = {
    "cond_with_shapes_that_differ",
    "while_data_dependent",
    "while_growing_shape",
    "while_nested_triangular",
}


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda f: f.__name__)
def test_branches_and_loops_are_compiled(program):
    policy.forced[0] = "compile"
    start = len(journal())
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        run = program(tf)
        session.run(tf.global_variables_initializer())
        for feed in run.feeds:
            session.run(run.fetch, feed)
    on_host = [event for event in journal()[start:] if event["event"] == "host"]
    assert bool(on_host) == (program.__name__ in FROM_THE_HOST), on_host


def loop_of_length(n):
    x, w = tf.placeholder(tf.float32, [2, 2]), tf.Variable(np.eye(2, dtype=np.float32))
    _, y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w))), [0, x])
    return x, [y, *tf.gradients(y, [x, w])]


def test_loops_of_similar_lengths_share_an_executable():
    policy.forced[0] = "compile"
    with tf.Graph().as_default(), tf.Session() as session:
        n = tf.placeholder(tf.int32, [])
        x, fetches = loop_of_length(n)
        session.run(tf.global_variables_initializer())
        before = stats()["compilations"]
        for length in (9, 10, 13, 16):
            session.run(fetches, {n: length, x: np.ones([2, 2])})
        assert stats()["compilations"] == before + 1
        session.run(fetches, {n: 17, x: np.ones([2, 2])})
        assert stats()["compilations"] == before + 2


def test_a_loop_that_takes_long_is_compiled_meanwhile():
    policy.forced[0] = "auto"
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(0.0, use_resource=True)

        def body(i):
            with tf.control_dependencies([v.assign_add(1.0)]):
                return i + 1

        n = tf.while_loop(lambda i: i < 300_000, body, [0])
        with tf.control_dependencies([n]):
            after = v.read_value()
        session.run(tf.global_variables_initializer())
        start = len(journal())
        assert session.run([n, after]) == [300_000, 300_000.0]
        assert [e for e in journal()[start:] if e["event"] == "slow loop"]
        assert session.run([n, after]) == [300_000, 600_000.0]


def kinds(graph):
    return {op.type for op in graph.get_operations()}


def test_nodes_with_side_effects_are_told_from_those_without():
    with tf.Graph().as_default() as graph:
        x, p, i = tf.placeholder(tf.float32, []), tf.constant(True), tf.constant(0)
        tf.cond(p, lambda: x, lambda: -x)
        tf.switch_case(i, [lambda: x, lambda: -x])
        tf.while_loop(lambda a: a < 3.0, lambda a: a + x, [x])
        assert {"StatelessIf", "StatelessCase", "StatelessWhile"} < kinds(graph)
        assert not {"If", "Case", "While"} & kinds(graph)
        v = tf.Variable(1.0, use_resource=True)
        tf.cond(p, lambda: v.assign(2.0), lambda: v.assign(3.0))
        tf.switch_case(i, [lambda: v.assign(2.0), lambda: v.assign(3.0)])
        tf.while_loop(lambda a: a < 3.0, lambda a: v.assign_add(a), [x])
        assert {"If", "Case", "While"} < kinds(graph)


def test_residuals_of_the_other_branch_are_fake(tier):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x, p = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.bool, [])
        y = tf.cond(p, lambda: tf.sin(tf.exp(x)), lambda: tf.cos(x * x))
        (g,) = tf.gradients(y, x)
        node = next(op for op in graph.get_operations() if op.type == "StatelessIf")
        inner = {op.type for f in functions_of(node) for op in f.base.get_operations()}
        assert "FakeParam" in inner
        x0 = np.array([0.3, 0.7], np.float32)
        np.testing.assert_allclose(
            session.run(g, {x: x0, p: True}), np.cos(np.exp(x0)) * np.exp(x0), rtol=1e-5
        )
        np.testing.assert_allclose(
            session.run(g, {x: x0, p: False}), -np.sin(x0 * x0) * 2 * x0, rtol=1e-5
        )


# Calls --------------------------------------------------------------------------------------------


def test_a_call_is_what_the_function_is_in_place(tier):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])
        w = tf.Variable([3.0, 4.0], use_resource=True)

        def function(a, b):
            return [tf.sin(a) * b * w, tf.cond(tf.reduce_sum(a) > 1.0, lambda: a * w, lambda: b)]

        arguments = [(tf.float32, TensorShape([2]), name) for name in "ab"]
        body, body.outputs = trace("function", function, arguments)

        def call(a, b):
            inputs = [a, b, *body.external_captures]
            return REGISTRY["PartitionedCall"](inputs, Tout=[tf.float32] * 2, f=body)

        results = []
        for f in (call, function):
            y, z = f(x, x * 2.0)
            u, _ = f(z, y)
            g = tf.gradients([u, z], [x, w])
            results.append([y, z, u, g, tf.gradients(g[0], [x, w])])
        verify_all(graph)
        session.run(tf.global_variables_initializer())
        called, in_place = session.run(results, {x: [0.5, 1.0]})
        for one, other in zip(reflow.nest.flatten(called), reflow.nest.flatten(in_place)):
            np.testing.assert_allclose(one, other, rtol=1e-4)


def test_the_side_effects_of_a_function_happen_in_order(tier):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0, use_resource=True)

        def function(a):
            v.assign_add(a)

            def branch():
                v.assign(v * 2.0)
                return a

            def body(i):
                v.assign_add(100.0)
                return i + 1

            tf.cond(a > 0.0, branch, lambda: a)
            tf.while_loop(lambda i: i < 3, body, [0])
            return [v.read_value()]

        body, body.outputs = trace("function", function, [(tf.float32, TensorShape([]), "a")])
        inputs = [tf.constant(2.0), *body.external_captures]
        (after,) = REGISTRY["StatefulPartitionedCall"](inputs, Tout=[tf.float32], f=body)
        session.run(tf.global_variables_initializer())
        assert session.run(after) == (1 + 2) * 2 + 300
        assert session.run(after) == (306 + 2) * 2 + 300


# What bodies do -----------------------------------------------------------------------------------


def test_random_numbers_are_drawn_anew_and_the_same_in_all_tiers():
    drawn = []
    for name in ("interpret", "compile"):
        policy.forced[0] = name
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(3)
            _, y = tf.while_loop(
                lambda i, a: i < 3,
                lambda i, a: (i + 1, a.write(i, tf.random_uniform([2], seed=7))),
                [0, tf.TensorArray(tf.float32, 3)],
            )
            drawn.append([session.run(y.stack()) for _ in range(2)])
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert len(np.unique(drawn[0])) == 12
    # What TensorFlow draws for these seeds, summed up from 0.5 and 1.
    np.testing.assert_allclose([0.5, 1.0] + drawn[0][0].sum(0), [2.2578073, 2.6493647], rtol=1e-6)


def test_python_and_strings_in_bodies(tier, capfd):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])

        def body(i, a, text):
            a = tf.Print(a, [i, a], "in the loop: ")
            b = tf.py_func(lambda v: v * np.float32(3), [a], tf.float32)
            b.set_shape([2])
            return i + 1, tf.nn.relu(a * 2.0) + tf.stop_gradient(b), text + tf.as_string(i)

        _, y, text = tf.while_loop(lambda i, *_: i < 3, body, [0, x, tf.constant("t")])
        (g,) = tf.gradients(y, x)
        values = session.run([y, g, text], {x: [0.5, 1.0]})
        np.testing.assert_allclose(values[0], [62.5, 125.0])
        np.testing.assert_allclose(values[1], [8.0, 8.0])
        assert values[2] == b"t012"
    printed = capfd.readouterr().err
    assert [f"in the loop: [{i}]" in printed for i in range(3)] == [True] * 3


def test_variables_made_in_bodies(tier):
    with tf.Graph().as_default(), tf.Session() as session:

        def body(i, a):
            with tf.variable_scope("scope", reuse=tf.AUTO_REUSE):
                w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
            return i + 1, a * (w + 1.0)

        _, y = tf.while_loop(lambda i, a: i < 3, body, [0, tf.constant([1.0, 2.0])])
        make = lambda: tf.get_variable("v", initializer=lambda: tf.constant([1.0, 5.0])) * y  # noqa: E731
        z = tf.cond(tf.constant(True), make, lambda: y)
        variables = tf.global_variables()
        assert [v.name for v in variables] == ["scope/w:0", "v:0"]
        assert variables == tf.trainable_variables()
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(z), [8.0, 80.0])
        np.testing.assert_allclose(session.run(tf.gradients(y, variables[0])[0]), [12.0, 24.0])


def errors_in_bodies():
    x, n = tf.placeholder(tf.float32, [2]), tf.constant(4)
    ta = tf.TensorArray(tf.float32, 3, element_shape=[2])

    def check(i, a):
        with tf.control_dependencies([tf.Assert(i < 2, ["too large", i])]):
            return i + 1, a * 2.0

    def run(body, *start):
        return tf.while_loop(lambda i, *_: i < n, body, [0, *start])[1]

    return x, {
        "read": run(lambda i, a: (i + 1, a + ta.unstack(tf.stack([x] * 3)).read(i)), x),
        "write": run(lambda i, t: (i + 1, t.write(i, x)), ta).stack(),
        "assert": run(check, x),
        "numerics": run(
            lambda i, a: (i + 1, tf.check_numerics(a / (2.0 - tf.cast(i, tf.float32)), "bad")), x
        ),
        "cond": tf.cond(n > 3, lambda: tf.check_numerics(x / 0.0, "bad"), lambda: x),
    }


@pytest.mark.parametrize("which", ("read", "write", "assert", "numerics", "cond"))
def test_errors_in_bodies_name_the_line_and_the_node(tier, which):
    with tf.Graph().as_default(), tf.Session() as session:
        x, bad = errors_in_bodies()
        with pytest.raises(errors.InvalidArgumentError) as caught:
            session.run(bad[which], {x: [1.0, 2.0]})
        first = str(caught.value).split("\n")[0]
        assert "test_control_flow.py:" in first
        assert "while" in first or "cond/" in first


# Eager code ---------------------------------------------------------------------------------------


def test_eager_branches_and_loops():
    one = reflow.constant(1)
    assert reflow.cond(one > 0, lambda: 3, lambda: 4) == 3
    assert reflow.case([(one > 2, lambda: 1), (one > 0, lambda: 2)]) == 2
    assert reflow.switch_case(5, [lambda: 1, lambda: 2]) == 2
    assert reflow.while_loop(lambda i: i < 3, lambda i: [i + 1], [0])[0].numpy() == 3
    i, (a,) = reflow.while_loop(
        lambda i, j: i < 9, lambda i, j: (i + 1, [j[0] * 2]), (0, [one]), maximum_iterations=2
    )
    assert (i.numpy(), a.numpy()) == (2, 4)
    with pytest.raises(errors.InvalidArgumentError, match="None of conditions"):
        reflow.case([(one > 2, lambda: 1)])
    with pytest.raises(ValueError, match="same nested structure"):
        reflow.while_loop(lambda i: i < 3, lambda i: (i, i), [0])
    assert reflow.group(one) is None
    assert reflow.scan(lambda a, x: a + x, reflow.range(4), reverse=True).numpy().tolist() == [
        6,
        6,
        5,
        3,
    ]
    assert reflow.foldr(lambda a, x: a - x, reflow.range(4)).numpy() == 0


def test_eager_gradients():
    x = reflow.constant([1.0, 2.0])
    with reflow.GradientTape() as tape:
        tape.watch(x)
        y = reflow.map_fn(lambda v: v * v, x)
        _, z = reflow.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])
        w = reflow.cond(reflow.reduce_sum(x) > 2.0, lambda: x * 3.0, lambda: x)
        total = reflow.reduce_sum(y + z + w)
    np.testing.assert_allclose(tape.gradient(total, x).numpy(), [9.0, 39.0])


def test_eager_tensor_array():
    ta = reflow.TensorArray(reflow.float32, 2)
    ta.write(0, 1.0)  # in eager code the array itself changes
    assert ta.read(0).numpy() == 1.0
    with pytest.raises(errors.InvalidArgumentError, match="clear_after_read"):
        ta.read(0)
    with pytest.raises(errors.OutOfRangeError, match="array size is: 2"):
        ta.read(5)
    with pytest.raises(errors.OutOfRangeError, match="not resizeable"):
        ta.write(5, 1.0)
    with pytest.raises(ValueError, match="Incompatible shape"):
        reflow.TensorArray(reflow.float32, 2).write(0, [1.0]).write(1, [1.0, 2.0])
    with pytest.raises(errors.UnimplementedError, match="TensorArray.grad"):
        ta.grad("source")
    kept = reflow.TensorArray(reflow.float32, 0, dynamic_size=True, clear_after_read=False)
    kept = kept.write(2, 1.0)
    assert kept.stack().numpy().tolist() == [0.0, 0.0, 1.0]
    assert kept.size().numpy() == 3
    assert reflow.TensorArray.stack(kept).numpy().tolist() == [0.0, 0.0, 1.0]  # as libraries map it
    parts = reflow.TensorArray(reflow.int32, 2, infer_shape=False).split([1, 2, 3], [1, 2])
    assert parts.concat().numpy().tolist() == [1, 2, 3]
    rows = reflow.TensorArray(reflow.int32, 3, clear_after_read=False).unstack([1, 2, 3])
    assert rows.gather([2, 0]).numpy().tolist() == [3, 1]
    assert rows.scatter([0], [9]).read(0).numpy() == 9


def test_branches_may_differ_in_the_integers_of_slices_indices(tier):
    @tf.function
    def slices(wide):
        def rows(dtype):
            return tf.IndexedSlices(tf.ones([1, 2]), tf.constant([3], dtype), tf.constant([4, 2]))

        return tf.cond(wide, lambda: rows(tf.int64), lambda: rows(tf.int32))

    for wide in (True, False):
        result = slices(tf.constant(wide))
        assert result.indices.dtype is tf.int64
        assert result.indices.numpy().tolist() == [3]
        assert result.values.numpy().tolist() == [[1, 1]]
