"""Variables of both kinds: the graphs they make, their values, what they refuse.

Nodes, collections, values and errors are compared with what TensorFlow made of the same programs
(tests/golden/variable_programs.py).
"""

import concurrent.futures
import copy
import gc
import json
import pathlib
import pickle
import sys

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import stats
from reflow.lang import context
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import use_equality
from reflow.lang.verifier import verify

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "golden"))
import variable_programs  # noqa: E402
from variable_programs import ERRORS, PROGRAMS  # noqa: E402

from reflow.ops.variables import initializers_v2  # noqa: E402

variable_programs.TF2 = initializers_v2

GOLDEN = json.loads((HERE / "golden" / "variables.json").read_text())
v1 = tf.compat.v1
# The nodes of stateless random ops differ in their order; branches and loops are functions here.
VALUES_ONLY = {"initializers_of_tf2", "seeds_in_bodies"}
both_kinds = pytest.mark.parametrize("use_resource", [False, True], ids=["reference", "resource"])


@pytest.fixture
def tf1(monkeypatch):
    """TF 1's behaviour, as after `tf.compat.v1.disable_v2_behavior()`."""
    from reflow.lang import shapes
    from reflow.ops.variables import variable as variables

    monkeypatch.setattr(context, "_eager_by_default", [False])
    monkeypatch.setattr(variables, "_resource_by_default", [False])
    monkeypatch.setattr(shapes, "v2_behavior", [False])
    monkeypatch.setitem(use_equality, 0, False) if isinstance(use_equality, dict) else None
    old, use_equality[0] = use_equality[0], False
    yield v1
    use_equality[0] = old


@pytest.fixture
def session(graph):
    with v1.Session(graph=graph) as session:
        yield session


# As TensorFlow makes them -------------------------------------------------------------------------


def described(op):
    attrs = {k: op.attrs[k] for k in ("container", "shared_name", "seed", "seed2") if k in op.attrs}
    if "_class" in op.attrs:
        attrs["_class"] = list(op.attrs["_class"])
    inputs = [t.op.name if t.value_index == 0 else t.name for t in op.inputs]
    inputs += [f"^{control.name}" for control in op.control_inputs]
    return [op.name, op.type, inputs, op.device, attrs]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_graph_and_values_are_tensorflows(program, tf1, tier):
    golden = GOLDEN["programs"][program.__name__]
    with tf.Graph().as_default() as graph:
        runs = program(tf1)
        init = tf1.global_variables_initializer()
    verify(graph)
    if program.__name__ not in VALUES_ONLY:
        assert [described(op) for op in graph.get_operations()] == golden["nodes"]
        for key, names in golden["collections"].items():
            assert [getattr(v, "name", str(v)) for v in graph.get_collection(key)] == names, key
    with v1.Session(graph=graph) as session:
        session.run(init)
        for fetches, expected in zip(runs, golden["runs"], strict=True):
            for value, row in zip(session.run(fetches), expected, strict=True):
                check_value(value, row)


def check_value(value, row):
    if row is None:
        assert value is None
        return
    dtype, shape, flat = row
    value = np.asarray(value)
    assert list(value.shape) == shape
    if dtype == "string":
        assert [v.decode() for v in value.ravel().tolist()] == flat
        return
    assert value.dtype.name == dtype
    np.testing.assert_allclose(value.ravel(), flat, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("program", ERRORS, ids=lambda f: f.__name__)
def test_errors_are_tensorflows(program, tf1):
    kind, message = GOLDEN["errors"][program.__name__]

    def run():
        with tf.Graph().as_default():
            program(tf1)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        error = pool.submit(run).exception()
    assert type(error).__name__ == kind, error
    # Reflow says where first, and has fewer lines; the words are TensorFlow's.
    assert plain_words(message) <= plain_words(str(error)), str(error)


def plain_words(text):
    words = text.replace("mismatch.The", "mismatch. The").split()
    return {word.strip(".,:'\"`()") for word in words} - {""}


# Reading and writing ------------------------------------------------------------------------------


@both_kinds
def test_reading_before_initializing_fails(session, use_resource, tier):
    v = v1.Variable(1.0, name="v", use_resource=use_resource)
    for make in (
        lambda: v.read_value(),
        lambda: v + 1.0,
        lambda: v.assign_add(1.0),
        lambda: tf.gather(v1.Variable([1.0], name="v", use_resource=use_resource), [0]),
        lambda: v1.scatter_add(v1.Variable([1.0], name="v", use_resource=use_resource), [0], [1.0]),
    ):
        with pytest.raises(
            tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"
        ):
            session.run(make())


@both_kinds
def test_a_fetched_value_is_not_changed_by_later_runs(session, use_resource, tier):
    v = v1.Variable([1.0, 2.0], use_resource=use_resource)
    session.run(v.initializer)
    before = session.run(v)
    session.run(v.assign_add([1.0, 1.0]))
    assert before.tolist() == [1.0, 2.0]
    assert session.run(v).tolist() == [2.0, 3.0]


@both_kinds
def test_the_initial_value_survives_updates(session, use_resource, tier):
    v = v1.Variable(np.zeros(3), use_resource=use_resource)
    for _ in range(2):
        session.run(v.initializer)
        session.run(v1.scatter_add(v, [1], [5.0]))
        session.run(v.assign_add(np.ones(3)))
        assert session.run(v).tolist() == [1.0, 6.0, 1.0]


@both_kinds
def test_slices_can_be_assigned(session, use_resource, tier):
    v = v1.Variable(np.zeros((2, 3), np.float32), use_resource=use_resource)
    session.run(v.initializer)
    session.run(v[1, :2].assign([7.0, 8.0]))
    session.run(v[:, 2].assign(1.0))
    assert session.run(v).tolist() == [[0, 0, 1], [7, 8, 1]]
    assert session.run(v[0]).tolist() == [0, 0, 1]


@both_kinds
def test_batch_scatter_update(session, use_resource, tier):
    v = v1.Variable([[1, 2, 3], [4, 5, 6]], use_resource=use_resource)
    session.run(v.initializer)
    session.run(v1.batch_scatter_update(v, [[0], [2]], [[9], [8]]))
    assert session.run(v).tolist() == [[9, 2, 3], [4, 5, 8]]


@both_kinds
def test_load_and_eval(session, use_resource):
    v = v1.Variable([1.0, 2.0], use_resource=use_resource)
    v.load([3.0, 4.0], session)
    assert v.eval(session).tolist() == [3.0, 4.0]
    with session.as_default():
        v.load([5.0, 6.0])
        assert v.eval().tolist() == [5.0, 6.0]


@both_kinds
def test_an_initial_value_may_read_another_variable(session, use_resource, tier):
    v = v1.Variable(3.0, name="v", use_resource=use_resource)
    w = v1.Variable(v.initialized_value() * 2.0, use_resource=use_resource)
    u = v1.Variable(v * 10.0, use_resource=use_resource)
    session.run(v1.global_variables_initializer())
    assert session.run([v, w, u]) == [3.0, 6.0, 30.0]
    session.run(v.assign(5.0))
    session.run([w.initializer, u.initializer])
    assert session.run([w, u]) == [10.0, 50.0]


def test_an_initializer_alone_uses_the_initial_value_of_others(session, tier):
    v = v1.Variable(3.0, name="v", use_resource=False)
    w = v1.Variable(v * 2.0, name="w", use_resource=False)
    session.run(w.initializer)  # v has no value yet
    assert session.run(w) == 6.0
    assert session.graph.get_operation_by_name("mul_w").type == "Mul"


def test_sessions_have_values_of_their_own(graph):
    v = v1.Variable(1.0)
    with v1.Session(graph=graph) as a, v1.Session(graph=graph) as b:
        a.run(v.assign(2.0))
        b.run(v.initializer)
        assert (a.run(v), b.run(v)) == (2.0, 1.0)


def test_shape_and_dtype_checks_of_handles(graph):
    handle = REGISTRY["VarHandleOp"](dtype="float32", shape=[2, 3], shared_name="q")
    with pytest.raises(ValueError, match="wrong dtype. Expected float32 got int32"):
        REGISTRY["ReadVariableOp"](handle, dtype="int32")
    with pytest.raises(ValueError, match="wrong dtype"):
        REGISTRY["AssignVariableOp"](handle, tf.constant(1))
    with pytest.raises(ValueError, match="incompatible"):
        REGISTRY["AssignVariableOp"](handle, tf.constant(1.0))
    assert REGISTRY["ReadVariableOp"](handle, dtype="float32").shape == [2, 3]


# Ops that have no record --------------------------------------------------------------------------


def test_handles_of_one_name_share_their_state(session, tier):
    made = {"dtype": "float32", "shape": [2]}
    for kind, assign in (("VariableV2", "Assign"), ("VarHandleOp", "AssignVariableOp")):
        a = REGISTRY[kind](shared_name=f"shared{kind}", **made)
        b = REGISTRY[kind](shared_name=f"shared{kind}", **made)
        session.run(REGISTRY[assign](a, [1.0, 2.0]).op if kind == "VariableV2" else
                    REGISTRY[assign](a, [1.0, 2.0]))  # fmt: skip
        read = b if kind == "VariableV2" else REGISTRY["ReadVariableOp"](b, dtype="float32")
        assert session.run(read).tolist() == [1.0, 2.0]
    old = REGISTRY["Variable"](dtype="float32", shape=[])
    assert old.shape.rank is None
    assert session.run(REGISTRY["Assign"](old, [1.0], validate_shape=False)).tolist() == [1.0]


def test_temporary_variables(session, tier):
    start = REGISTRY["TemporaryVariable"](shape=[2], dtype="float32", var_name="sum")
    total = REGISTRY["AssignAdd"](REGISTRY["Assign"](start, [1.0, 2.0]), [1.0, 1.0])
    value = REGISTRY["DestroyTemporaryVariable"](total, var_name="sum")
    assert session.run(value).tolist() == [2.0, 3.0]
    assert session.run(value).tolist() == [2.0, 3.0]


def test_destroying_a_resource(session, tier):
    v = v1.Variable(1.0, use_resource=True)
    destroy = REGISTRY["DestroyResourceOp"]
    session.run(v.initializer)
    session.run(destroy(v.handle))
    assert not session.run(v.is_initialized())
    session.run(destroy(v.handle))
    with pytest.raises(tf.errors.NotFoundError, match="Variable not found"):
        session.run(destroy(v.handle, ignore_lookup_error=False))


def test_reading_several_variables_in_one_op(session, tier):
    a, b = v1.Variable(1.0, use_resource=True), v1.Variable([2], use_resource=True)
    session.run(v1.global_variables_initializer())
    reads = [a.handle, b.handle]
    read = REGISTRY["_ReadVariablesOp"](reads, dtypes=["float32", "int32"], name="read")
    assert [x.shape.as_list() for x in read] == [[], [1]]
    x, y = session.run(read)
    assert x == 1.0 and y.tolist() == [2]


@both_kinds
def test_is_initialized_is_asked_of_the_host(session, use_resource):
    v = v1.Variable(1.0, use_resource=use_resource)
    asked = v1.is_variable_initialized(v)
    assert asked.op.type == ("VarIsInitializedOp" if use_resource else "IsVariableInitialized")
    assert not session.run(asked)
    session.run(v.initializer)
    compiled = stats.COUNTS["compilations"] if hasattr(stats, "COUNTS") else 0
    assert session.run(asked)
    assert (stats.COUNTS["compilations"] if hasattr(stats, "COUNTS") else 0) == compiled


def test_gradients_of_gathered_rows_are_sparse(session, tier):
    v = v1.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], use_resource=True)
    session.run(v.initializer)
    rows = tf.gather(v, [[2], [0]])
    (gradient,) = v1.gradients(tf.reduce_sum(rows * rows), [v])
    assert isinstance(gradient, tf.IndexedSlices)
    assert session.run(gradient.indices).tolist() == [2, 0]
    assert session.run(gradient.values).tolist() == [[10.0, 12.0], [2.0, 4.0]]
    dense = session.run(tf.convert_to_tensor(gradient))
    assert dense.tolist() == [[2.0, 4.0], [0.0, 0.0], [10.0, 12.0]]
    element = v.gather_nd([[1, 0]])
    (gradient,) = v1.gradients(element * element, [v])
    assert session.run(gradient).tolist() == [[0, 0], [6.0, 0], [0, 0]]


@both_kinds
def test_gradients(session, use_resource, tier):
    v = v1.Variable(3.0, use_resource=use_resource)
    session.run(v.initializer)
    (gradient,) = v1.gradients(v * v + v, [v])
    assert session.run(gradient) == 7.0


# The objects --------------------------------------------------------------------------------------


@both_kinds
def test_attributes(graph, use_resource):
    def half(x):
        return x / 2.0

    v = v1.Variable([1.0, 2.0], name="v", constraint=half, use_resource=use_resource)
    assert (v.name, v.op.name, v.shape.as_list()) == ("v:0", "v", [2])
    assert v.dtype.base_dtype is tf.float32 and v.dtype.is_ref_dtype is not use_resource
    assert v.graph is graph and v.device == "" and v.constraint is half and v.trainable
    assert v.initializer.name == "v/Assign"
    assert v.initial_value.shape == [2] and v._shared_name == "v"
    assert isinstance(v, v1.Variable) and isinstance(v, tf.Variable)
    assert tf.is_tensor(v) and len({v, v}) == 1
    assert graph.as_graph_element(v) is v._as_graph_element()
    v.set_shape([2])
    with pytest.raises(ValueError, match="incompatible"):
        v.set_shape([3])
    assert repr(v).startswith("<tf.Variable 'v:0' shape=(2,) dtype=float32")
    assert v._gradient_source() is (v.handle if use_resource else v._ref())
    with pytest.raises(ValueError, match="Incompatible type conversion"):
        tf.convert_to_tensor(v, tf.int32)


@both_kinds
def test_operators(session, use_resource):
    v = v1.Variable([[1.0, -2.0], [3.0, 4.0]], use_resource=use_resource)
    session.run(v.initializer)
    for made, expected in (
        (v + 1.0, [[2, -1], [4, 5]]),
        (1.0 - v, [[0, 3], [-2, -3]]),
        (2.0 * v, [[2, -4], [6, 8]]),
        (v / 2.0, [[0.5, -1], [1.5, 2]]),
        (v**2.0, [[1, 4], [9, 16]]),
        (-v, [[-1, 2], [-3, -4]]),
        (abs(v), [[1, 2], [3, 4]]),
        (v @ v, [[-5, -10], [15, 10]]),
        (v > 0.0, [[True, False], [True, True]]),
        (np.float32(2.0) * v, [[2, -4], [6, 8]]),
    ):
        assert session.run(made).tolist() == expected


@both_kinds
def test_definitions_go_round(use_resource):
    from reflow.formats import protos

    with tf.Graph().as_default() as graph, v1.Session() as session:
        with v1.name_scope("s"):
            v = v1.Variable([1.0, 2.0], name="v", trainable=False, use_resource=use_resource)
        v._set_save_slice_info(v1.Variable.SaveSliceInfo("s/whole", [4], [2], [2]))
        message = protos.VariableDef.FromString(v.to_proto().SerializeToString())
        assert message.variable_name == "s/v:0" and message.is_resource is use_resource
        again = v1.Variable.from_proto(message)
        assert type(again) is type(v) and again.name == v.name and not again.trainable
        assert again._get_save_slice_info().spec == "4 2,2"
        session.run(again.initializer)
        assert session.run(v).tolist() == [1.0, 2.0]
        stripped = v.to_proto("s")
        assert stripped.variable_name == "v:0" and v.to_proto("t") is None
        assert v1.Variable.from_proto(stripped, "s").op is v.op
        assert v1.Variable(variable_def=message).op is v.op
        with pytest.raises(ValueError, match="mutually exclusive"):
            v1.Variable(1.0, variable_def=message, use_resource=use_resource)
    assert len(graph.get_collection("variables")) == 1


def test_slice_specifications():
    info = v1.Variable.SaveSliceInfo("w", [4, 3, 5], [0, 1, 3], [4, 1, 2])
    assert info.spec == "4 3 5 0,4:1,1:3,2"
    again = v1.Variable.SaveSliceInfo.from_spec(info.spec)
    assert (again.full_shape, again.var_offset, again.var_shape) == (
        [4, 3, 5],
        [0, 1, 3],
        [4, 1, 2],
    )
    assert v1.Variable.SaveSliceInfo(save_slice_info_def=info.to_proto()).full_name == "w"
    for wrong in ("4", "4 x,1", "4 1"):
        with pytest.raises(ValueError):
            v1.Variable.SaveSliceInfo.from_spec(wrong)


def test_which_kind_is_made(tf1):
    from reflow.ops.variables.reference import RefVariable
    from reflow.ops.variables.resource import ResourceVariable

    with tf.Graph().as_default():
        assert type(v1.Variable(1.0)) is RefVariable
        assert type(tf.Variable(1.0)) is ResourceVariable  # TF 2's is always one
        with v1.variable_scope("", use_resource=True):
            assert type(v1.Variable(1.0)) is ResourceVariable
        v1.enable_resource_variables()
        assert v1.resource_variables_enabled() and type(v1.Variable(1.0)) is ResourceVariable
        v1.disable_resource_variables()
        assert type(v1.get_variable("x", [1])) is RefVariable


def test_wrong_arguments():
    with pytest.raises(TypeError, match="unexpected keyword argument 'shap'"):
        tf.Variable(1.0, shap=[1])
    with pytest.raises(TypeError, match="multiple values for argument 'trainable'"):
        tf.Variable(1.0, True, trainable=False)
    with pytest.raises(ValueError, match="initial_value"):
        tf.Variable()
    with pytest.raises(ValueError, match="not compatible with the explicitly supplied `shape`"):
        tf.Variable([1.0, 2.0], shape=[3])
    with pytest.raises(TypeError, match="must be a `tf.IndexedSlices`"):
        tf.Variable([1.0]).scatter_add(1.0)


def test_creators_may_return_something_else():
    seen = []

    def outer(next_creator, **kwargs):
        seen.append(("outer", kwargs["name"]))
        return next_creator(**kwargs)

    def inner(next_creator, **kwargs):
        seen.append(("inner", kwargs["name"]))
        return 42

    with tf.variable_creator_scope(outer):
        assert tf.Variable(3.0, name="a").numpy() == 3.0
        with tf.variable_creator_scope(inner):
            assert tf.Variable(3.0, name="b") == 42
    assert seen == [("outer", "a"), ("inner", "b")]


# Eager code ---------------------------------------------------------------------------------------


def test_eager_values():
    v = tf.Variable([1.0, 2.0], name="v")
    assert v.name == "v:0" and v.numpy().tolist() == [1.0, 2.0]
    assert v.assign([3.0, 4.0]).numpy().tolist() == [3.0, 4.0]
    before = v.value()
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.5, 0.0])
    assert before.numpy().tolist() == [3.0, 4.0] and v.numpy().tolist() == [3.5, 5.0]
    v[0].assign(9.0)
    assert [float(x) for x in v] == [9.0, 5.0]
    assert np.asarray(v).tolist() == [9.0, 5.0]
    assert "numpy=array([9., 5.]" in repr(v)
    assert float(tf.Variable(2.5)) == 2.5 and int(tf.Variable(3)) == 3 and bool(tf.Variable(True))
    assert [10, 20, 30][tf.Variable(1)] == 20
    assert tf.Variable(1.0).assign(2.0, read_value=False) is None


def test_eager_values_are_nobody_elses():
    array = np.zeros(3, np.float32)
    v = tf.Variable(array)
    array[0] = 9.0
    assert v.numpy()[0] == 0.0
    v.assign(array)
    array[1] = 8.0
    v.numpy()[2] = 7.0
    assert v.numpy().tolist() == [9.0, 0.0, 0.0]
    w = tf.Variable(v)
    v.scatter_add(tf.IndexedSlices([1.0], [2]))
    assert w.numpy().tolist() == [9.0, 0.0, 0.0]


def test_eager_state_goes_with_the_object():
    from reflow.runtime.eager import store

    gc.collect()
    before = len(store.handles())
    v = tf.Variable(1.0)
    unread = v.assign(2.0)
    assert len(store.handles()) == before + 1
    del v
    gc.collect()
    assert unread.numpy() == 2.0
    del unread
    gc.collect()
    assert len(store.handles()) == before


def test_eager_variables_of_one_name_are_different():
    a, b = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="v")
    a.assign(5.0)
    assert b.numpy() == 2.0 and a.name == b.name == "v:0" and a._unique_id != b._unique_id
    with tf.name_scope("outer"):
        assert tf.Variable(1.0, name="v").name == "outer/v:0"


def test_eager_copies():
    v = tf.Variable([1.0, 2.0], name="v", trainable=False)
    copied = copy.deepcopy({"v": v})["v"]
    pickled = pickle.loads(pickle.dumps(v))
    v.assign([0.0, 0.0])
    for other in (copied, pickled):
        assert other.numpy().tolist() == [1.0, 2.0]
        assert other.name == "v:0" and not other.trainable
    assert copy.copy(v) is v


def test_eager_errors():
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Shape mismatch"):
        v.assign([1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes must be equal"):
        v.assign_add(1.0)
    with pytest.raises(RuntimeError, match="assign_add"):
        v += 1.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(v)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"indices\[0\] = 2 is not in \[0, 2\)"
    ):
        v.sparse_read([2])
    assert v.ref() in {v.ref(): 1} and v.ref().deref() is v
    assert (v == [1.0, 5.0]).numpy().tolist() == [True, False]


def test_eager_shape_may_be_less_specific():
    v = tf.Variable([1.0], shape=tf.TensorShape([None]))
    v.assign([1.0, 2.0, 3.0])
    assert v.shape.as_list() == [None] and v.numpy().tolist() == [1.0, 2.0, 3.0]
    w = tf.Variable(1.0, shape=tf.TensorShape(None))
    w.assign([[1.0]])
    assert w.numpy().tolist() == [[1.0]]


def test_tapes_watch_what_is_trainable():
    v, w = tf.Variable(3.0), tf.Variable(4.0, trainable=False)
    with tf.GradientTape() as tape:
        y = v * v * w
    assert [float(g) if g is not None else None for g in tape.gradient(y, [v, w])] == [24.0, None]
    with tf.GradientTape() as tape:
        y = tf.gather(tf.stack([v, v]) * 2.0, [0])
    assert tape.gradient(y, v).numpy() == 2.0


def test_a_function_captures_the_handle():
    from reflow.lang.func_graph import FuncGraph

    v = tf.Variable([1.0, 2.0], name="v")
    body = FuncGraph("body")
    with body.as_default():
        read = v + 1.0
        update = v.assign_add([1.0, 1.0], read_value=False)
    assert [t.dtype for t in body.inputs] == [tf.resource]
    assert read.shape.as_list() == [2] and update.type == "AssignAddVariableOp"
    assert body.external_captures == [v.handle]


def test_variables_are_made_outside_of_functions(session):
    from reflow.lang.func_graph import FuncGraph

    graph = session.graph
    body = FuncGraph("body", graph)
    with body.as_default():
        v = v1.Variable(lambda: tf.constant([1.0, 2.0]), name="v", use_resource=False)
        w = v1.get_variable("w", [2], initializer=v1.ones_initializer(), use_resource=True)
        total = v + w
        with pytest.raises(ValueError, match="Pass a callable"):
            v1.Variable(total)
    assert v.graph is graph and w.graph is graph and total.graph is body
    assert v1.global_variables() == [v, w]
    session.run(v1.global_variables_initializer())
    assert session.run([v, w])[1].tolist() == [1.0, 1.0]


# Collections --------------------------------------------------------------------------------------


def test_reporting_what_has_no_value(session):
    a = v1.Variable(1.0, name="a")
    b = v1.Variable(1.0, name="b", use_resource=False)
    c = v1.get_local_variable("c", initializer=1)
    assert session.run(v1.report_uninitialized_variables()).tolist() == [b"a", b"b", b"c"]
    session.run([a.initializer, c.initializer])
    assert session.run(v1.report_uninitialized_variables()).tolist() == [b"b"]
    assert session.run(v1.report_uninitialized_variables([a, c])).tolist() == []
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value b"):
        session.run(v1.assert_variables_initialized())
    session.run(b.initializer)
    session.run(v1.assert_variables_initialized())


def test_reporting_in_an_empty_graph(session):
    assert session.run(v1.report_uninitialized_variables()).tolist() == []
    assert v1.assert_variables_initialized() is None


def test_eager_initializers_do_nothing():
    assert v1.global_variables_initializer() is None
    assert v1.variables_initializer([tf.Variable(1.0, name="new")]) is None
    assert not any(v.name == "new:0" for v in v1.global_variables())


def test_hessians_of_a_resource_variable():
    with tf.Graph().as_default():
        v = tf.compat.v1.get_variable("v", initializer=[1.0, 2.0], use_resource=True)
        hessian = tf.compat.v1.hessians(tf.reduce_sum(v**3), v)[0]
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            assert session.run(hessian).tolist() == [[6.0, 0.0], [0.0, 12.0]]
