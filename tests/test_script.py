"""Python, printing and checks in the middle of a graph.

The ops are Assert, Print, PrintV2, PyFunc, PyFuncStateless and EagerPyFunc.
"""

import collections
import sys

import numpy as np
import pytest

import reflow as tf

v1 = tf.compat.v1


@pytest.fixture
def session(graph, tier):
    with v1.Session(graph=graph) as session:
        yield session


def test_numpy_functions_run_between_compiled_parts(session):
    x = v1.placeholder(tf.float32, [None])
    y = tf.tanh(x) * 2.0

    def split(values, most):
        return values[:most], np.float64(values.sum())

    head, total = v1.py_func(split, [y, 2], [tf.float32, tf.float64])
    head.set_shape([2])
    z = tf.reduce_sum(head) + tf.cast(total, tf.float32)
    fed = np.array([0.5, 1.0, -3.0], np.float32)
    expected = np.tanh(fed) * 2.0
    np.testing.assert_allclose(
        session.run(z, {x: fed}), expected[:2].sum() + expected.sum(), rtol=1e-5
    )


def test_strings_go_in_and_out_as_bytes(session):
    names = tf.constant(["a", "bc"])
    longer = tf.numpy_function(
        lambda values: np.array([v + b"!" for v in values], object), [names], tf.string
    )
    assert session.run(longer).tolist() == [b"a!", b"bc!"]


def test_a_stateless_function_is_a_function_of_its_inputs(session):
    calls = []

    def double(x):
        calls.append(1)
        return x * 2

    y = v1.py_func(double, [v1.placeholder_with_default(2.0, [])], tf.float32, stateful=False)
    assert y.op.type == "PyFuncStateless"
    assert session.run(y) == 4.0 and len(calls) == 1


def test_what_the_function_returns_must_be_what_was_promised(session):
    x = v1.placeholder_with_default(1.0, [])
    wrong = v1.py_func(lambda v: np.float64(v), [x], tf.float32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="returned by the Python function"
    ) as e:
        session.run(wrong)
    assert "test_script.py" in str(e.value).splitlines()[0]
    few = v1.py_func(lambda v: (v,), [x], [tf.float32, tf.float32])
    with pytest.raises(tf.errors.InvalidArgumentError, match="returned 1 values but expects"):
        session.run(few)


def test_errors_of_the_function_are_the_runs(session):
    def broken(x):
        raise ValueError("my own words")

    y = v1.py_func(broken, [1.0], tf.float32)
    with pytest.raises(tf.errors.OpError, match="my own words"):
        session.run(y)


def test_gradients_flow_through_py_function(session):
    x = v1.placeholder(tf.float32, [2])
    y = tf.py_function(lambda t: t * t * t, [x], tf.float32)
    (dx,) = tf.gradients(tf.reduce_sum(y), x)
    np.testing.assert_allclose(session.run(dx, {x: [1.0, 2.0]}), [3.0, 12.0])


def test_print_shows_and_passes_on(session, capsys):
    x = v1.placeholder(tf.float32, [3])
    y = v1.Print(x, [x, "text"], message="see: ", first_n=2, summarize=2)
    for _ in range(3):
        np.testing.assert_array_equal(session.run(y, {x: [1.0, 2.5, 3.0]}), [1.0, 2.5, 3.0])
    assert capsys.readouterr().err.splitlines() == ['see: [1 2.5...]["text"]'] * 2


def test_tf_print_formats_structures(session, capsys):
    x = v1.placeholder(tf.int32, [None])
    printing = tf.print("x is", x, {"k": [x, 1]}, output_stream=sys.stdout, sep=" | ", end=".\n")
    with tf.control_dependencies([printing]):
        y = tf.identity(x)
    session.run(y, {x: [1, 2]})
    assert capsys.readouterr().out == "x is | [1 2] | {'k': [[1 2], 1]}.\n"


def test_a_failed_assertion_stops_what_depends_on_it(session):
    x = v1.placeholder(tf.float32, [])
    v = v1.get_variable("v", initializer=0.0)
    with tf.control_dependencies([v1.assert_positive(x, message="only positive", name="check")]):
        update = v1.assign_add(v, x)
    session.run(v.initializer)
    session.run(update, {x: 2.0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="only positive") as e:
        session.run(update, {x: -1.0})
    assert "test_script.py" in str(e.value).splitlines()[0]
    assert session.run(v) == 2.0


def test_static_assertions_fail_at_once(graph):
    with pytest.raises(tf.errors.InvalidArgumentError, match="x == y did not hold"):
        tf.debugging.assert_equal(tf.constant([1, 2]), [1, 3])
    with pytest.raises(ValueError, match="must have rank 1"):
        tf.debugging.assert_rank(tf.zeros([2, 2]), 1)
    with pytest.raises(TypeError, match="integer type"):
        tf.debugging.assert_integer(tf.constant(1.0))
    with pytest.raises(ValueError, match="dimension"):
        tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", 4))])
    assert v1.assert_less(tf.constant(1), 2) is not None


def test_add_check_numerics_ops(session):
    x = v1.placeholder(tf.float32, [2], name="x")
    tf.math.log(x, name="logarithm")
    check = v1.add_check_numerics_ops()
    session.run(check, {x: [1.0, 2.0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="logarithm:0 : Tensor had Inf"):
        session.run(check, {x: [1.0, 0.0]})


def test_decorators():
    @tf.numpy_function(Tout=[tf.float32, tf.int32])
    def parts(x):
        whole = np.floor(x)
        return x - whole, whole.astype(np.int32)

    @tf.py_function(Tout=tf.float32)
    def doubled(x):
        """Twice x."""
        return 2 * x

    for call in (parts, tf.function(lambda x: parts(x))):
        fraction, whole = call(tf.constant(2.5))
        assert (fraction.numpy(), whole.numpy()) == (0.5, 2)
    assert doubled.__doc__ == "Twice x." and doubled(1.5).numpy() == 3.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"inp": [1], "Tout": tf.int32}, "Don't set the `inp` argument"),
        ({}, "Missing required argument: 'Tout'"),
        ({"func": abs, "Tout": tf.int32}, "Missing argument `inp`"),
    ],
)
def test_neither_a_decorator_nor_a_call(arguments, message):
    for function in (tf.numpy_function, tf.py_function):
        with pytest.raises(TypeError, match=message):
            function(**arguments)


def test_py_function_of_composite_tensors():
    def call(ragged, sparse):
        spec = [
            tf.RaggedTensorSpec([None, None], tf.int32),
            tf.SparseTensorSpec([2, 2], tf.float32),
        ]
        return tf.py_function(lambda r, s: (r * 2, s * 3.0), [ragged, sparse], spec)

    ragged = tf.ragged.constant([[1, 2], [3]])
    sparse = tf.sparse.from_dense([[0.0, 1.0], [2.0, 0.0]])
    for way in (call, tf.function(call)):
        r, s = way(ragged, sparse)
        assert r.to_list() == [[2, 4], [6]]
        assert tf.sparse.to_dense(s).numpy().tolist() == [[0, 3], [6, 0]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="TypeError: .* same nested structure"):
        tf.py_function(lambda r: r, [ragged], tf.SparseTensorSpec([2, 2], tf.int32))


Pair = collections.namedtuple("Pair", "a b")
PRINTED = [  # what TensorFlow prints, eagerly and in a function
    (lambda x: ("s",), "s"),
    (lambda x: (tf.constant("s"),), "s"),
    (lambda x: ("a", tf.constant("s")), 'a "s"'),
    (lambda x: ([tf.constant("s"), "q"],), """["s", 'q']"""),
    (lambda x: (tf.constant('a"b\n'), 1), r""""a\"b\n" 1"""),
    (lambda x: ({"k": tf.constant("s"), "j": "v", "l": x},), """{'j': 'v', 'k': "s", 'l': [7]}"""),
    (lambda x: (Pair(x, 1), (x,)), "Pair(a=[7], b=1) ([7],)"),
    (lambda x: (np.array([1.5, 2]), [True, None]), "array([1.5, 2. ]) [True, None]"),
    (lambda x: (tf.TensorShape([1, None]), tf.float32), "TensorShape([1, None]) tf.float32"),
    (
        lambda x: (tf.sparse.from_dense([0, 1]), x),
        "'SparseTensor(indices=[[1]], values=[1], shape=[2])' [7]",
    ),
    (lambda x: (x, {"a": tf.ragged.constant([[1.5]])}), "[7] {'a': [[1.500000]]}"),
    (lambda x: ("{} {0}", x), "{} {0} [7]"),
]


@pytest.mark.parametrize("values, text", PRINTED, ids=[text for _, text in PRINTED])
def test_what_tf_print_shows(values, text, capsys):
    def show(x):
        tf.print(*values(x), output_stream=sys.stdout)

    show(tf.constant([7]))
    tf.function(show, autograph=False)(tf.constant([7]))
    assert capsys.readouterr().out == f"{text}\n" * 2


def test_python_functions_results_are_converted_as_tensorflow_does():
    def call(value):
        return tf.py_function(lambda: value, [], tf.float32)

    def in_function(value):
        return tf.function(lambda: call(value))()

    for way in (call, in_function):
        assert way(np.float64(1.5)).dtype is tf.float32
        assert way(np.ones(2)).numpy().tolist() == [1, 1]
    assert tf.numpy_function(lambda: np.float64(1.5), [], tf.float32).dtype is tf.float64  # eagerly
    with pytest.raises(tf.errors.InvalidArgumentError, match="is float64, but expects float32"):
        tf.function(lambda: tf.numpy_function(lambda: np.float64(1.5), [], tf.float32))()
