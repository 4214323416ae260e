"""tf.function: tracing, retracing, captures, variables, gradients. As TensorFlow documents it."""

import collections
import gc
import warnings
import weakref

import numpy as np
import pytest

import reflow as tf
from reflow.lang.opdef import REGISTRY


def traced(*args, **kwargs):
    """A function that counts how often its Python runs: as `f.traces`."""

    def decorate(python_function):
        count = []

        def counting(*a, **k):
            count.append(1)
            return python_function(*a, **k)

        counting.__name__ = python_function.__name__
        counting.__signature__ = __import__("inspect").signature(python_function)
        function = tf.function(counting, *args, autograph=False, **kwargs)
        function.traces = lambda: len(count)
        return function

    return decorate


# Tracing ------------------------------------------------------------------------------------------


def test_one_trace_per_shape_and_dtype():
    @traced()
    def double(x):
        return x + x

    assert double(tf.constant(1)).numpy() == 2
    assert double(tf.constant(5)).numpy() == 10
    assert double.traces() == 1
    double(tf.constant(1.0))
    double(tf.constant([1.0]))
    double(tf.constant([1.0, 2.0]))
    double(np.array([3.0, 4.0], np.float32))
    assert double.traces() == 4
    assert double.experimental_get_tracing_count() == 4


def test_python_values_are_part_of_the_key():
    @traced()
    def power(x, n, flag=True, name=None):
        return x**n if flag else x

    x = tf.constant(3.0)
    assert power(x, 2).numpy() == 9
    assert power(x, n=2).numpy() == 9
    assert power(x, 2, True, None).numpy() == 9
    assert power.traces() == 1
    assert power(x, 3).numpy() == 27
    assert power(x, 2, flag=False).numpy() == 3
    assert power.traces() == 3


def test_structures_of_arguments_and_results():
    @tf.function
    def f(pair, *rest, key, **others):
        a, b = pair["a"], pair["b"][0]
        return {"sum": a + b, "rest": [r * 2 for r in rest], "none": None, "key": key, **others}

    one = tf.constant(1)
    got = f({"a": one, "b": (tf.constant(2),)}, one, one, key=tf.constant(7), z=tf.constant(9))
    assert got["sum"].numpy() == 3 and [r.numpy() for r in got["rest"]] == [2, 2]
    assert got["none"] is None and got["key"].numpy() == 7 and got["z"].numpy() == 9


def test_composites_go_in_and_out():
    @tf.function
    def f(s):
        return tf.sparse.SparseTensor(s.indices, s.values * 2, s.dense_shape), s.values

    got, values = f(tf.sparse.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 4]))
    assert got.values.numpy().tolist() == [2, 4] and got.shape.as_list() == [3, 4]
    assert values.numpy().tolist() == [1, 2]


def test_input_signature_makes_one_trace():
    @traced(input_signature=[tf.TensorSpec([None], tf.int32)])
    def total(x):
        return tf.reduce_sum(x)

    assert total(tf.constant([1, 2])).numpy() == 3
    assert total(tf.constant([1, 2, 3])).numpy() == 6
    assert total([4, 5]).numpy() == 9
    assert total.traces() == 1
    with pytest.raises(TypeError, match="Binding inputs to tf.function failed"):
        total(tf.constant([[1]]))
    with pytest.raises(TypeError, match="Binding inputs to tf.function failed"):
        total(tf.constant([1.0]))
    with pytest.raises(TypeError):
        total(tf.constant([1]), tf.constant([1]))


def test_reduce_retracing_generalises_shapes():
    @traced(reduce_retracing=True)
    def f(x):
        return tf.reduce_sum(x)

    for n in range(1, 6):
        assert f(tf.ones([n])).numpy() == n
    assert f.traces() == 2


def test_a_more_general_trace_serves():
    @traced()
    def f(x):
        return x + 1

    f.get_concrete_function(tf.TensorSpec([None], tf.int32))
    assert f(tf.constant([1, 2])).numpy().tolist() == [2, 3]
    assert f(tf.constant([1, 2, 3])).numpy().tolist() == [2, 3, 4]
    assert f.traces() == 1


def test_objects_are_told_apart_and_not_kept():
    class Model:
        def __init__(self, k):
            self.k = k

    @traced()
    def f(model, x):
        return x * model.k

    two, three = Model(2), Model(3)
    x = tf.constant(5)
    assert f(two, x).numpy() == 10 and f(three, x).numpy() == 15 and f(two, x).numpy() == 10
    assert f.traces() == 2
    gone = weakref.ref(two)
    del two
    gc.collect()
    assert gone() is None


def test_unhashable_arguments_are_refused():
    class Odd:
        __hash__ = None

    with pytest.raises(TypeError, match="Could not generate a generic TraceType"):
        tf.function(lambda o: 1)(Odd())


def test_wrong_calls():
    @tf.function
    def f(x, y):
        return x + y

    for args, kwargs in [((1,), {}), ((1, 2, 3), {}), ((1, 2), {"y": 3}), ((1, 2), {"z": 3})]:
        with pytest.raises(TypeError):
            f(*args, **kwargs)


def test_results_must_be_tensors():
    with pytest.raises(TypeError, match="To be compatible with tf.function"):
        tf.function(lambda: object())()
    assert tf.function(lambda: (1, 2.5, "a", None))()[2].numpy() == b"a"
    assert tf.function(lambda: None)() is None
    assert tf.function(lambda: ())() == ()


# Methods ------------------------------------------------------------------------------------------


class Dense(tf.Module if hasattr(tf, "Module") else object):
    def __init__(self, n):
        self.n, self.w = n, None

    @tf.function
    def __call__(self, x):
        if self.w is None:
            self.w = tf.Variable(tf.ones([x.shape[-1], self.n]))
        return tf.matmul(x, self.w)


def test_methods_have_traces_per_instance():
    a, b = Dense(2), Dense(3)
    x = tf.ones([1, 4])
    assert a(x).shape == [1, 2] and b(x).shape == [1, 3]
    a.w.assign(tf.zeros([4, 2]))
    assert a(x).numpy().tolist() == [[0.0, 0.0]] and b(x).numpy().tolist() == [[4.0] * 3]


def test_methods_of_objects_that_nobody_else_holds():
    assert Dense(2)(tf.ones([1, 4])).shape == [1, 2]
    dense = Dense(3)
    gone = weakref.ref(dense)
    call = dense.__call__
    del dense
    gc.collect()
    assert call(tf.ones([1, 4])).shape == [1, 3] and gone() is not None
    del call
    gc.collect()
    assert gone() is None


# Variables ----------------------------------------------------------------------------------------


def test_variables_are_created_once():
    class Holder:
        v = None

    @tf.function
    def f(x):
        if Holder.v is None:
            Holder.v = tf.Variable(x.shape[0] * 1.0)
        return Holder.v.assign_add(tf.reduce_sum(x))

    assert f(tf.ones([2])).numpy() == 4.0
    assert f(tf.ones([3])).numpy() == 7.0
    assert Holder.v.numpy() == 7.0

    kept = []

    @tf.function
    def g(x):
        kept.append(tf.Variable(1.0))
        return x + kept[-1]

    with pytest.raises(ValueError, match="singleton tf.Variables created on the first call"):
        g(tf.constant(1.0))

    @tf.function
    def h(x):
        return x + tf.Variable(1.0)

    with pytest.raises(ValueError):
        h(tf.constant(1.0))


def test_a_function_within_creates_its_variables():
    class Holder:
        v = None

    @tf.function
    def inner(x):
        if Holder.v is None:
            Holder.v = tf.Variable(10)
        return x + Holder.v

    @tf.function
    def outer(data):
        total = 0
        for x in data:
            total += inner(x)
        return total

    data = tf.data.Dataset.from_tensor_slices([1, 2, 3])
    assert outer(data).numpy() == 36 and outer(data).numpy() == 36
    with pytest.raises(ValueError, match="singleton tf.Variables"):
        kept = []
        list(data.map(lambda x: kept.append(tf.Variable(1)) or x))


def test_state_is_shared_with_eager_code():
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def update(x):
        v.assign(v * x)
        v.assign_add([1.0, 1.0])
        return tf.reduce_sum(v)

    assert update(tf.constant(2.0)).numpy() == 8.0
    v.assign([0.0, 0.0])
    assert update(tf.constant(2.0)).numpy() == 2.0
    assert v.numpy().tolist() == [1.0, 1.0]


def test_variables_as_arguments():
    @traced()
    def add(v, x):
        return v.assign_add(x)

    a, b = tf.Variable(1.0), tf.Variable(10.0)
    assert add(a, tf.constant(2.0)).numpy() == 3.0
    assert add(b, tf.constant(2.0)).numpy() == 12.0
    assert (a.numpy(), b.numpy()) == (3.0, 12.0)
    assert add.traces() == 1


def test_side_effects_run_in_order_and_always():
    v = tf.Variable(1)

    @tf.function
    def f():
        v.assign_add(1)
        first = v.read_value()
        v.assign(v * 10)
        return first

    assert f().numpy() == 2 and v.numpy() == 20

    @tf.function
    def nothing():
        v.assign(5)

    assert nothing() is None and v.numpy() == 5


def test_a_function_in_the_library_of_a_graph():
    twice = tf.function(lambda x: x * 2.0).get_concrete_function(tf.TensorSpec([], tf.float32))
    twice.add_to_graph()  # in eager code there is no graph to put it into
    with tf.Graph().as_default() as graph:
        assert not graph.as_graph_def().library.function
        twice.add_to_graph()
        twice.add_to_graph(overwrite=True)
    other = tf.Graph()
    twice.add_to_graph(other)
    for each in (graph, other):
        (function,) = each.as_graph_def().library.function
        assert function.signature.name == twice.name
        assert not each.get_operations()
    square = tf.function(lambda x: x * x * x).get_concrete_function(tf.TensorSpec([], tf.float32))
    with tf.Graph().as_default() as graph:
        square.add_gradient_functions_to_graph()
    forward, gradient = graph.as_graph_def().library.function
    assert len(forward.signature.output_arg) > 1  # with what the gradient needs
    assert len(gradient.signature.output_arg) == 1


def test_variables_of_a_concrete_function():
    v, w = tf.Variable(1.0), tf.Variable(2.0, trainable=False)
    concrete = tf.function(lambda x: x * v + w).get_concrete_function(tf.TensorSpec([]))
    assert {id(each) for each in concrete.variables} == {id(v), id(w)}
    assert [id(each) for each in concrete.trainable_variables] == [id(v)]
    assert len(concrete.captured_inputs) == 2


# Captures and nesting -----------------------------------------------------------------------------


def test_captured_tensors_are_constant():
    shape = tf.constant([2, 3])
    big = tf.constant(np.arange(1000, dtype=np.float32))

    @tf.function
    def f(x):
        y = tf.reshape(x, shape)
        assert y.shape == [2, 3]
        return y, tf.reduce_sum(big)

    y, total = f(tf.range(6))
    assert y.shape == [2, 3] and total.numpy() == 499500.0


def test_functions_call_functions():
    @traced()
    def inner(x):
        return x * 2

    @tf.function
    def outer(x):
        return inner(x) + inner(x + 1)

    @tf.function
    def other(x):
        return inner(x) - 1

    assert outer(tf.constant(3)).numpy() == 14
    assert other(tf.constant(3)).numpy() == 5
    assert inner(tf.constant(3)).numpy() == 6
    assert inner.traces() == 1


def test_a_function_within_sees_tensors_around():
    @tf.function
    def outer(x):
        y = x * 10

        @tf.function
        def inner(z):
            return y + z

        return inner(tf.constant(1)) + inner(tf.constant(2))

    assert outer(tf.constant(5)).numpy() == 103


def test_leaked_tensors_are_named():
    leaked = []

    @tf.function
    def f(x):
        leaked.append(x + 1)
        return x

    f(tf.constant(1))
    with pytest.raises(TypeError, match="out of scope"):
        leaked[0] + 1
    with pytest.raises(TypeError):
        tf.function(lambda: leaked[0] + 1)()


def test_functions_in_a_graph():
    v1 = tf.compat.v1
    double = tf.function(lambda x: x * 2)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [])
        y = double(x)
        (g,) = tf.gradients(y, x)
        assert session.run([y, g], {x: 4.0}) == [8.0, 2.0]


def test_run_eagerly():
    seen = []

    @tf.function
    def f(x):
        seen.append(x.numpy() if hasattr(x, "numpy") else None)
        return x + 1

    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        assert f(tf.constant(1)).numpy() == 2 and seen == [1]
    finally:
        tf.config.run_functions_eagerly(False)


# Concrete functions -------------------------------------------------------------------------------


def test_concrete_functions():
    @tf.function
    def f(x, n, y=None):
        return {"out": x * n}

    concrete = f.get_concrete_function(tf.TensorSpec([None, 2], tf.float32), 3)
    x = tf.ones([4, 2])
    assert concrete(x)["out"].numpy().sum() == 24
    assert concrete(x=x)["out"].numpy().sum() == 24
    args, kwargs = concrete.structured_input_signature
    assert args[0] == tf.TensorSpec([None, 2], tf.float32, "x") and kwargs == {}
    assert concrete.structured_outputs["out"].shape.as_list() == [None, 2]
    assert concrete.output_shapes["out"].as_list() == [None, 2]
    assert concrete.output_dtypes == {"out": tf.float32}
    assert [t.name for t in concrete.inputs] == ["x:0"]
    with pytest.raises(TypeError):
        concrete(tf.ones([4, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        concrete(tf.ones([4, 2], tf.int32))
    assert "Mul" in {op.type for op in concrete.graph.get_operations()}
    assert concrete.function_def.signature.input_arg[0].name == "x"


# Gradients ----------------------------------------------------------------------------------------


def test_gradients_of_calls():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    def plain(x):
        return tf.reduce_sum(tf.tanh(tf.matmul(x, w)) ** 2)

    x = tf.constant([[1.0, 0.5]])

    def both(f):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = f(x)
            first = inner.gradient(y, [x, w])
            s = tf.reduce_sum(first[0]) + tf.reduce_sum(first[1] ** 2)
        return [y, *first, *outer.gradient(s, [x, w])]

    for got, want in zip(both(tf.function(plain)), both(plain)):
        np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-5)


def test_tapes_inside_of_functions():
    v = tf.Variable(3.0)

    @tf.function
    def step(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = v * v * x
        return tape.gradient(y, [v, x]), tape.watched_variables()[0] is v

    grads, same = step(tf.constant(2.0))
    assert [g.numpy() for g in grads] == [12.0, 9.0] and same.numpy()


def test_second_order_inside_of_a_function():
    @tf.function
    def f(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = x**3
            g = inner.gradient(y, x)
        return g, outer.gradient(g, x)

    first, second = f(tf.constant(2.0))
    assert (first.numpy(), second.numpy()) == (12.0, 12.0)


def test_gradients_through_control_flow_in_functions():
    v = tf.Variable(2.0)

    @tf.function(autograph=False)
    def f(x, n):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x * v), (0, 1.0))[1]
            y = tf.cond(y > 0, lambda: y * v, lambda: -y)
        return y, tape.gradient(y, [x, v])

    y, (gx, gv) = f(tf.constant(3.0), tf.constant(2))
    assert y.numpy() == 72.0 and gx.numpy() == 48.0 and gv.numpy() == 108.0
    with tf.GradientTape() as tape:  # and from outside
        x = tf.constant(3.0)
        tape.watch(x)
        z, _ = f(x, tf.constant(2))
    assert [g.numpy() for g in tape.gradient(z, [x, v])] == [48.0, 108.0]


def test_variables_that_are_arguments_are_watched():
    v, u = tf.Variable(2.0), tf.Variable(5.0, trainable=False)

    @tf.function
    def f(x, variables):
        return x * variables[0] * variables[1]

    @tf.function
    def slope(x, w, u):
        with tf.GradientTape() as tape:
            y = f(x, [w, u])
        return tape.gradient(y, w)

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = f(x, [v, u])
    assert tape.watched_variables() == (v,)
    by_v, by_u = tape.gradient(y, [v, u])
    assert by_v.numpy() == 15.0 and by_u is None
    assert slope(x, v, u).numpy() == 15.0
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = f(x, [v, u])
    assert tape.gradient(y, v) is None


def test_custom_gradients_in_functions():
    @tf.custom_gradient
    def clip(x):
        return tf.identity(x), lambda dy: dy * 100.0

    @tf.function
    def f(x):
        return clip(x) * 2.0

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).numpy() == 200.0


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "function"])
def test_variables_in_custom_gradients_are_watched(wrap):
    v = tf.Variable([1.0, 2.0])

    @tf.custom_gradient
    def scaled(x):
        return x * v, lambda dy, variables: (dy * v, [dy * x * 10.0 for _ in variables])

    with tf.GradientTape() as tape:
        y = wrap(scaled)(tf.constant([3.0, 4.0]))
    assert tape.watched_variables() == (v,)
    assert tape.gradient(y, v).numpy().tolist() == [30.0, 40.0]


@pytest.mark.parametrize("size", [2, 1000])  # small captures are constants
def test_gradients_of_ones_own_read_what_the_function_does_not(size):
    table = tf.fill([size], 3.0)
    v = tf.Variable(tf.fill([size], 2.0))

    @tf.custom_gradient
    def doubled(x):
        return x * 2.0, lambda dy: dy * table * v * x

    x = tf.fill([size], 5.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.function(doubled)(x)
        slope = tape.gradient(y, x)
    np.testing.assert_array_equal(slope, [30.0] * size)
    by_x, by_v = outer.gradient(slope, [x, v])
    np.testing.assert_array_equal(by_x, [6.0] * size)
    np.testing.assert_array_equal(by_v, [15.0] * size)
    rows = tf.reshape(x, [-1, 2])
    with tf.GradientTape() as tape:  # a function of rows
        tape.watch(rows)
        z = tf.vectorized_map(lambda r: doubled_row(r, v), rows)
    np.testing.assert_array_equal(tape.gradient(z, rows), [[20.0] * 2] * (size // 2))


@tf.custom_gradient
def doubled_row(row, v):
    return row * 2.0, lambda dy: (dy * row * v[0] * v[1], None)


# Randomness ---------------------------------------------------------------------------------------


def test_random_ops_go_on_from_call_to_call():
    @tf.function
    def draw():
        return tf.random.uniform([3])

    tf.random.set_seed(7)
    a = draw().numpy()
    b = draw().numpy()
    assert (a != b).all()
    tf.random.set_seed(7)
    np.testing.assert_array_equal(draw().numpy(), a)

    def pair():
        return tf.random.uniform([1]), tf.random.uniform([1])

    tf.random.set_seed(1234)
    first = [x.numpy() for x in tf.function(pair)()]
    second = [x.numpy() for x in tf.function(pair)()]
    assert first == second and first[0] != first[1]


# Errors -------------------------------------------------------------------------------------------


def test_a_failing_node_names_the_users_line():
    @tf.function
    def f(x):
        return tf.debugging.check_numerics(x, "bad x")

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        f(tf.constant(float("nan")))
    assert "bad x" in str(caught.value) and "test_function.py" in str(caught.value)


def test_symbolic_tensors_are_no_python_values():
    @tf.function(autograph=False)
    def f(x):
        return x if x > 0 else -x

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="bool"):
        f(tf.constant(1))


def test_methods_with_a_signature():
    class Doubler:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
        def double(self, x):
            return x * 2

    doubler = Doubler()
    assert doubler.double(tf.constant([1, 2])).numpy().tolist() == [2, 4]
    assert doubler.double(tf.constant([3])).numpy().tolist() == [6]
    assert doubler.double.experimental_get_tracing_count() == 1
    concrete = doubler.double.get_concrete_function()
    assert concrete(tf.constant([5])).numpy().tolist() == [10]
    with pytest.raises((ValueError, TypeError), match="input_signature"):
        tf.function(lambda: 1, input_signature=[tf.TensorSpec([])])()


def test_a_function_takes_what_a_decorator_makes_of_it_before_the_first_trace():
    def in_scope(method):
        def called(self, x):
            with tf.name_scope("inside"):
                return method(self, x)

        return called

    class Twice:
        @tf.function
        def __call__(self, x):
            return tf.identity(x * 2.0, name="result")

    Twice.__call__._decorate(in_scope)
    twice = Twice()
    assert float(twice(tf.constant(3.0))) == 6.0
    graph = Twice.__call__._of(twice).get_concrete_function(tf.constant(3.0)).graph
    assert "inside/result" in [op.name for op in graph.get_operations()]
    with pytest.raises(RuntimeError, match="called before"):
        Twice.__call__._decorate(in_scope)


class Follows:
    """Its variable begins with twice the mean of the first argument, and grows by one at each call."""

    def __init__(self):
        self.variable = None
        self.first = None

    @tf.function
    def __call__(self, x):
        if self.variable is None:
            self.variable = tf.Variable(tf.reduce_mean(x) * 2.0)
            self.first = tf.Variable(tf.cast(x, tf.float64), shape=[None], dtype=tf.float64)
        else:
            self.first.assign(tf.cast(-x, tf.float64))
        self.variable.assign_add(1.0)
        return self.variable * x


def test_the_first_value_of_a_variable_may_depend_on_arguments():
    follows = Follows()
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = follows(x)
    np.testing.assert_array_equal(y, [4, 8])
    np.testing.assert_array_equal(tape.gradient(y, x), [4, 4])
    np.testing.assert_array_equal(follows.first, [1, 2])
    np.testing.assert_array_equal(follows(tf.constant([1.0, 2.0])), [5, 10])
    np.testing.assert_array_equal(follows.first, [-1, -2])  # what is traced for later calls
    np.testing.assert_array_equal(follows(tf.constant([1.0, 2.0, 3.0])), [6, 12, 18])


def test_the_first_value_of_a_variable_may_depend_on_arguments_of_an_outer_function():
    follows = Follows()

    @tf.function
    def outer(x):
        return follows(x)

    np.testing.assert_array_equal(outer(tf.constant([1.0, 2.0])), [4, 8])
    np.testing.assert_array_equal(outer(tf.constant([1.0, 2.0])), [5, 10])


def test_the_handle_of_eager_state_is_a_scalar():
    variable = tf.Variable(np.zeros((2, 3)))
    assert variable.handle.shape == () and variable.shape == (2, 3)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0)
    assert table.resource_handle.shape == ()
    assert tf.function(table.lookup)(tf.constant([1, 5])).numpy().tolist() == [2, 0]


# Signatures to be read ----------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", ["a", "b"])
FLOATS = "TensorSpec(shape=(None, 3), dtype=tf.float32, name="
BOTH = "TensorSpec(shape=(), dtype=tf.bool, name="


def test_signatures_read_as_tensorflows():
    factor = tf.constant([1.0, 2.0, 3.0])
    offset = tf.Variable(1.0)

    @tf.function
    def f(x, y=2, *, z=None):
        return {"a": x * factor, "b": [x + offset, (x,)]}

    concrete = f.get_concrete_function(tf.TensorSpec([None, 3], tf.float32, name="inp"))
    results = f"Dict[['a', {FLOATS}None)], ['b', List[{FLOATS}None), Tuple[{FLOATS}None)]]]]"
    first, second = map(id, concrete.captured_inputs)
    text = f"""Input Parameters:
  x (POSITIONAL_OR_KEYWORD): {FLOATS}'inp')
  y (POSITIONAL_OR_KEYWORD): Literal[2]
  z (KEYWORD_ONLY): Literal[None]
Output Type:
  {results}
Captures:
  {first}: TensorSpec(shape=(3,), dtype=tf.float32, name=None)
  {second}: TensorSpec(shape=(), dtype=tf.resource, name=None)"""
    assert concrete.pretty_printed_signature() == text
    assert str(concrete) == "ConcreteFunction " + text
    line = f"(x: {FLOATS}'inp'), y: Literal[2], *, z: Literal[None]) -> {results}"
    assert concrete.pretty_printed_signature(verbose=False) == line
    assert repr(concrete) == f"<ConcreteFunction {line} at 0x{id(concrete):X}>"
    f(tf.ones([1, 3]), 3)
    lines = f.pretty_printed_concrete_signatures(verbose=False).splitlines()
    assert lines[0] == line and len(lines) == 2 and "y: Literal[3]" in lines[1]
    assert f.pretty_printed_concrete_signatures().startswith(text + "\n\nInput Parameters:\n")


@pytest.mark.parametrize(
    "function, args, kwargs, line",
    [
        (
            lambda a, *args, **kw: None,
            (tf.constant(True), 2),
            {"k": tf.constant(True), "j": "s"},
            f"(a: {BOTH}None), args_0: Literal[2], /, *, j: Literal['s'], k: {BOTH}None))"
            " -> Literal[None]",
        ),
        (
            lambda a, /, b: b,
            (tf.TensorSpec([], tf.bool), tf.TensorSpec([], tf.bool, name="b")),
            {},
            f"(a: {BOTH}None), /, b: {BOTH}'b')) -> {BOTH}None)",
        ),
        (lambda: [True], (), {}, f"() -> List[{BOTH}None)]"),
        (
            lambda a: a["x"],
            ({"x": Pair(tf.constant(True), 5)},),
            {},
            f"(a: Dict[['x', Pair[['a', {BOTH}None)], ['b', Literal[5]]]]]) -> "
            f"Pair[['a', {BOTH}None)], ['b', TensorSpec(shape=(), dtype=tf.int32, name=None)]]",
        ),
        (
            lambda a: a,
            (tf.RaggedTensor.from_row_lengths([1], [1]),),
            {},
            "(a: RaggedTensorSpec(TensorShape([1, None]), tf.int32, 1, tf.int64))"
            " -> RaggedTensorSpec(TensorShape([1, None]), tf.int32, 1, tf.int64)",
        ),
    ],
)
def test_parameters_of_all_kinds_in_signatures(function, args, kwargs, line):
    concrete = tf.function(function, autograph=False).get_concrete_function(*args, **kwargs)
    assert concrete.pretty_printed_signature(verbose=False) == line


def _retracing_warnings(caplog, calls):
    caplog.clear()
    calls()
    told = [r.getMessage() for r in caplog.records]
    return [message.split(" calls")[0] for message in told if "retracing" in message]


def test_retracing_is_told_of_twice_for_a_function(caplog):
    f = tf.function(lambda x: x + 1)

    def calls():
        for n in range(1, 13):
            f(tf.ones([n]))
            f(tf.ones([n]))

    assert _retracing_warnings(caplog, calls) == ["5 out of the last 9", "6 out of the last 11"]


def test_functions_made_in_a_loop_are_told_of(caplog):
    class Model:
        @tf.function
        def __call__(self, x):
            return x

    def made():
        for n in range(12):
            tf.function(lambda x: x + n)(tf.constant(1))  # noqa: B023

    def methods():
        for _ in range(12):
            Model()(tf.constant(1))

    for calls in (made, methods):
        assert _retracing_warnings(caplog, calls) == ["5 out of the last 5", "6 out of the last 6"]


def test_recursion_and_traces_in_a_function_are_no_retracing(caplog):
    @tf.function
    def factorial(n):
        return factorial(n - 1) * n if n > 0 else tf.constant(1)

    @tf.function
    def inner(x):
        return x * 2

    @tf.function
    def outer(x):
        for n in range(1, 20):
            inner(tf.ones([n]))
        return x

    fails = tf.function(lambda n: [][n])

    def calls():
        assert factorial(12).numpy() == 479001600
        outer(tf.constant(1))
        for n in range(10):
            inner.get_concrete_function(tf.TensorSpec([n, n]))
            with pytest.raises(IndexError):
                fails(n)

    assert _retracing_warnings(caplog, calls) == []


def test_compiling_does_not_make_python_forget_what_it_warned_of():
    def warned():
        warnings.warn("of the program", stacklevel=1)

    v = tf.Variable(tf.ones([100]))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for i in range(3):

            @tf.function(jit_compile=True)
            def step(x):
                v.assign_add(x * i)  # noqa: B023
                return tf.reduce_sum(v)

            step(tf.ones([100]))
            tf.constant(np.array([1.5, 2.5]), tf.int32)
            warned()
    assert [str(each.message) for each in shown] == ["of the program"]


def test_results_come_in_the_structure_that_was_returned():
    Pair = collections.namedtuple("Pair", "left right")

    @tf.function
    def nested(x):
        several = tf.TensorArray(tf.float32, 2).unstack([x, x + 1.0])
        sparse = tf.sparse.from_dense([x, 0.0])
        return {"b": Pair(x, [None, sparse]), "a": (several, {"d": x * 2.0, "c": x * 3.0})}

    for _ in range(2):
        found = nested(tf.constant(1.0))
        assert list(found) == ["b", "a"] and type(found["b"]) is Pair
        assert found["b"].left.numpy() == 1 and found["b"].right[0] is None
        np.testing.assert_array_equal(tf.sparse.to_dense(found["b"].right[1]), [1.0, 0.0])
        several, rest = found["a"]
        stacked = REGISTRY["TensorListStack"](several.flow, [], element_dtype=tf.float32)
        np.testing.assert_array_equal(stacked, [1.0, 2.0])
        assert [(k, v.numpy()) for k, v in rest.items()] == [("d", 2.0), ("c", 3.0)]
