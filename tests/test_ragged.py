"""Ragged tensors: results and refusals against TensorFlow's, eagerly, in graphs with values that are
fed, and in functions; gradients; specs; sessions; the dispatch of public functions.
"""

import importlib
import inspect
import json
import math
import pathlib
import pickle
import re

import numpy as np
import pytest
from golden import ragged_programs as programs
from golden.ragged_forms import described, results

import reflow as tf
from reflow.compiler import policy
from reflow.lang import api_dispatch

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "ragged.json").read_text())
tf1 = tf.compat.v1


def same(got, expected, what):
    """Equal as data; floats up to the precision of their dtype."""
    if isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), (what, got, expected)
        for a, b in zip(got, expected):
            same(a, b, what)
    elif isinstance(expected, float):
        close = math.isclose(got, expected, rel_tol=1e-5, abs_tol=1e-6)
        assert close or got == expected or got != got and expected != expected, (
            what,
            got,
            expected,
        )
    else:
        assert got == expected, (what, got, expected)


@pytest.mark.parametrize("name", programs.GOOD)
def test_eagerly(name):
    got = [
        described(each)
        for each in results(programs.GOOD[name](tf, tf.ragged.constant, tf.constant))
    ]
    same(got, GOLDEN["good"][name], name)


class Fed:
    """Makes placeholders and remembers what to feed for them."""

    def __init__(self):
        self.feeds = {}

    def ragged(self, pylist, **more):
        value = tf1.ragged.constant_value(pylist, **more)
        if isinstance(value, np.ndarray) or value.flat_values.dtype == np.float64:
            more["dtype"] = "float32"
        elif value.flat_values.dtype == np.int64:
            more["dtype"] = "int32"
        value = tf1.ragged.constant_value(pylist, **more)
        made = tf1.ragged.placeholder(
            tf.as_dtype(value.flat_values.dtype), value.ragged_rank, value.flat_values.shape[1:]
        )
        self.feeds[made] = value
        return made

    def tensor(self, value, dtype=None):
        array = np.asarray(value)
        kind = {"int64": "int32", "float64": "float32"}.get(array.dtype.name, array.dtype.name)
        if array.dtype.kind in "SU":
            kind = "string"
        made = tf1.placeholder(kind, array.shape)
        self.feeds[made] = array.astype(object) if kind == "string" else array.astype(kind)
        return made


def in_a_session(f):
    fed = Fed()
    with tf.Graph().as_default(), tf1.Session() as session:
        made = results(f(tf, fed.ragged, fed.tensor))
        values = session.run(made, fed.feeds)
        return made, values


@pytest.mark.parametrize("name", [name for name in programs.GOOD if name != "equality"])
def test_in_a_graph_with_values_that_are_fed(name):
    made, values = in_a_session(programs.GOOD[name])
    expected = GOLDEN["good"][name]
    got = []
    for symbolic, value, wanted in zip(made, values, expected, strict=True):
        if wanted[0] == "ragged":
            known = symbolic.shape.as_list()
            assert len(known) == len(wanted[2]), name
            assert all(a in (None, b) for a, b in zip(known, wanted[2])), (name, known, wanted[2])
        got.append(described(value, wanted[2] if wanted[0] == "ragged" else None))
    same(got, expected, name)


@pytest.mark.parametrize("name", programs.BAD)
def test_what_is_refused(name):
    expected = GOLDEN["bad"][name]
    with pytest.raises((ValueError, TypeError, IndexError, tf.errors.OpError)) as caught:
        programs.BAD[name](tf, tf.ragged.constant, tf.constant)
    got = type(caught.value).__name__
    # Where TensorFlow's kernels refuse what is known while building, a ValueError says so earlier.
    assert got == expected or {got, expected} <= {"ValueError", "InvalidArgumentError"}, name


@pytest.mark.parametrize(
    "name",
    ["splits_order", "lengths_negative", "rowids_beyond", "add_other_rows", "map_other_rows"]
    + ["squeeze_rows", "mask_rows", "concat_rows", "where_rows"],
)
def test_checks_of_values_that_are_fed_name_the_line(name):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        in_a_session(lambda tf, r, t: programs.BAD[name](Unknowing(tf), r, t))
    assert re.search(r"ragged(_programs)?\.py:\d+: ", str(caught.value).split("\n")[0])


class Unknowing:
    """`tf`, whose factories are given vectors that are not known while building."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)

    class RaggedTensor:
        @staticmethod
        def _unknown(value):
            return tf1.placeholder_with_default(np.array(value, np.int64), [None])

        @classmethod
        def from_row_splits(cls, values, splits):
            return tf.RaggedTensor.from_row_splits(values, cls._unknown(splits))

        @classmethod
        def from_row_lengths(cls, values, lengths):
            return tf.RaggedTensor.from_row_lengths(values, cls._unknown(lengths))

        @classmethod
        def from_value_rowids(cls, values, rowids, nrows=None):
            return tf.RaggedTensor.from_value_rowids(values, cls._unknown(rowids), nrows)


@pytest.mark.parametrize("tier", ("interpret", "compile"))
def test_both_tiers(tier):
    names = ("operators", "broadcast", "reduce_rows", "columns_deep", "concat", "to_tensor_deep")
    before = policy.forced[0]
    policy.forced[0] = tier
    try:
        for name in names:
            made, values = in_a_session(programs.GOOD[name])
            for value, wanted in zip(values, GOLDEN["good"][name], strict=True):
                shape = wanted[2] if wanted[0] == "ragged" else None
                same(described(value, shape), wanted, name)
    finally:
        policy.forced[0] = before


# Functions, gradients -----------------------------------------------------------------------------


def test_functions_are_traced_once_for_rows_of_any_length():
    double = tf.function(lambda x: x * 2)
    assert double(tf.ragged.constant([[1, 2], [3]])).to_list() == [[2, 4], [6]]
    assert double(tf.ragged.constant([[1], [2, 3]])).to_list() == [[2], [4, 6]]
    assert double.experimental_get_tracing_count() == 1
    spec = tf.RaggedTensorSpec([None, None], tf.int32)
    total = tf.function(lambda x: tf.reduce_sum(x, 1), input_signature=[spec])
    assert total(tf.ragged.constant([[1, 2], [3], []])).numpy().tolist() == [3, 3, 0]


def test_loops_and_conditions_in_functions():
    @tf.function
    def grow(x):
        def body(i, x):
            return i + 1, tf.concat([x, x[:, :1]], axis=1)

        return tf.while_loop(lambda i, x: i < 2, body, (0, x))[1]

    assert grow(tf.ragged.constant([[1, 2], [3]])).to_list() == [[1, 2, 1, 1], [3, 3, 3]]

    @tf.function
    def choose(x):
        return tf.cond(tf.reduce_sum(x) > 3, lambda: x[:, ::-1], lambda: x)

    assert choose(tf.ragged.constant([[1, 2], [3]])).to_list() == [[2, 1], [3]]
    assert choose(tf.ragged.constant([[1, 2], []])).to_list() == [[1, 2], []]

    @tf.function
    def rows(x):
        return tf.map_fn(lambda row: row - tf.reduce_max(row), x)

    assert rows(tf.ragged.constant([[1, 2], [3]])).to_list() == [[-1, 0], [0]]


def test_loops_over_sparse_values():
    @tf.function
    def more(x):
        def body(i, x):
            return i + 1, tf.SparseTensor(x.indices, x.values + 1, x.dense_shape)

        return tf.while_loop(lambda i, x: i < 3, body, (0, x))[1]

    assert more(tf.sparse.from_dense([[1, 0], [0, 2]])).values.numpy().tolist() == [4, 5]


DIFFERENTIATED = {
    "square": lambda x: x * x,
    "padded": lambda x: x.to_tensor() ** 2,
    "cut": lambda x: x.to_tensor(shape=[2, 1]) ** 2,
    "sparse": lambda x: x.to_sparse().values ** 2,
    "rows": lambda x: tf.reduce_sum(x, axis=1) ** 2,
    "columns": lambda x: tf.reduce_sum(x, axis=0) ** 2,
    "means": lambda x: tf.reduce_mean(x[::2], axis=1) ** 3,
    "largest": lambda x: tf.reduce_max(x[::2], axis=1) ** 2,
    "gathered": lambda x: (tf.gather(x, [0, 0, 2]) ** 2).flat_values,
    "sliced": lambda x: (x[:, 1:] ** 2).flat_values,
    "reversed": lambda x: x[:, ::-1].to_tensor()[0] ** 2,
    "row": lambda x: x[0] ** 2,
    "joined": lambda x: (tf.concat([x, x], 1)[:, 1:] ** 2).flat_values,
    "softmax": lambda x: (tf.nn.softmax(x) ** 2).flat_values,
    "broadcast": lambda x: (x * tf.constant([[1.0], [2.0], [3.0]])).flat_values ** 2,
    "masked": lambda x: tf.ragged.boolean_mask(x, x > 1.5).flat_values ** 2,
    "mapped": lambda x: tf.map_fn(lambda row: row * tf.reduce_sum(row), x).flat_values,
    "mapped_to_dense": lambda x: tf.map_fn(
        lambda row: tf.reduce_sum(row**2), x, fn_output_signature=tf.float32
    ),
}


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_gradients_against_differences(name):
    f = DIFFERENTIATED[name]
    values = np.array([1.0, 2.5, -0.5, 2.0], np.float32)
    splits = [0, 2, 2, 4]

    def at(flat):
        return tf.RaggedTensor.from_row_splits(tf.constant(flat, tf.float32), splits)

    def total(x):
        y = f(x)
        return tf.reduce_sum(y.flat_values if isinstance(y, tf.RaggedTensor) else y)

    x = at(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = total(x)
    got = tape.gradient(y, x)
    assert isinstance(got, tf.RaggedTensor) and got.row_splits.numpy().tolist() == splits
    step = 1e-2
    expected = [
        (float(total(at(values + step * d))) - float(total(at(values - step * d)))) / (2 * step)
        for d in np.eye(4, dtype=np.float32)
    ]
    np.testing.assert_allclose(got.flat_values.numpy(), expected, rtol=2e-2, atol=2e-2)
    with tf.Graph().as_default(), tf1.Session() as session:
        x = at(values)
        (symbolic,) = tf1.gradients(total(x), [x])
        value = session.run(symbolic)
    np.testing.assert_allclose(value.flat_values, got.flat_values.numpy(), rtol=1e-5, atol=1e-5)


def test_gradients_of_embeddings():
    table = tf.Variable([[1.0], [2.0], [3.0], [4.0]])
    with tf.GradientTape() as tape:
        rows = tf.nn.embedding_lookup(table, tf.ragged.constant([[1, 2], [], [2]]))
        y = tf.reduce_sum(rows.to_tensor() ** 2)
    gradient = tf.convert_to_tensor(tape.gradient(y, table))
    assert gradient.numpy().ravel().tolist() == [0.0, 4.0, 12.0, 0.0]


@pytest.mark.parametrize("name", programs.DATA)
def test_data_sets(name):
    got = [described(each) for each in programs.DATA[name](tf, tf.data.Dataset)]
    same(got, GOLDEN["data"][name], name)


def test_data_sets_say_what_their_elements_are():
    dataset = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[[1], [2, 3]], []]))
    assert dataset.element_spec == tf.RaggedTensorSpec([None, None], tf.int32)
    assert dataset.batch(2).element_spec == tf.RaggedTensorSpec([None, None, None], tf.int32)
    rows = tf.data.Dataset.range(3).map(lambda n: tf.fill([n], n))
    assert rows.ragged_batch(2).element_spec == tf.RaggedTensorSpec([None, None], tf.int64)


# Specs, sessions ----------------------------------------------------------------------------------


def test_specs():
    rt = tf.ragged.constant([[[1, 2], [3]], []])
    spec = tf.type_spec_from_value(rt)
    assert repr(spec) == "RaggedTensorSpec(TensorShape([2, None, None]), tf.int32, 2, tf.int64)"
    assert spec == rt._type_spec and hash(spec) == hash(rt._type_spec)
    assert spec.is_compatible_with(tf.ragged.constant([[[5]], [[6], [7]]]))
    assert not spec.is_compatible_with(tf.ragged.constant([[1], [2]]))
    wide = tf.RaggedTensorSpec([None, None, None], tf.int32)
    assert spec.is_subtype_of(wide) and not wide.is_subtype_of(spec)
    other = tf.ragged.constant([[[1]]])._type_spec
    assert spec.most_specific_common_supertype([other]) == wide
    assert wide._unbatch() == tf.RaggedTensorSpec([None, None], tf.int32)
    assert wide._batch(4) == tf.RaggedTensorSpec([4, None, None, None], tf.int32)
    parts = tf.nest.flatten(rt, expand_composites=True)
    assert [p.numpy().tolist() for p in parts] == [[1, 2, 3], [0, 2, 2], [0, 2, 3]]
    again = tf.nest.pack_sequence_as(rt, parts, expand_composites=True)
    assert again.to_list() == rt.to_list() and again.shape == rt.shape
    doubled = tf.nest.map_structure(lambda x: x * 2, {"a": rt})
    assert doubled["a"].to_list() == [[[2, 4], [6]], []]
    with pytest.raises(ValueError, match="Must specify ragged_rank"):
        tf.RaggedTensorSpec(None, tf.int32)
    with pytest.raises(ValueError, match="must be less than rank"):
        tf.RaggedTensorSpec([None], tf.int32, 1)


def test_sessions_take_and_give_values():
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.ragged.placeholder(tf.int32, 2)
        assert [t.name for t in tf.nest.flatten(x, expand_composites=True)] == [
            "RaggedPlaceholder/flat_values:0",
            "RaggedPlaceholder/row_splits_0:0",
            "RaggedPlaceholder/row_splits_1:0",
        ]
        value = tf1.ragged.constant_value([[[1], [2, 3]], []], dtype="int32")
        got = session.run({"x": x, "n": x.nrows()}, {x: value})
        assert isinstance(got["x"], tf1.ragged.RaggedTensorValue)
        assert got["x"].to_list() == [[[1], [2, 3]], []] and got["n"] == 2
        assert session.run(x, {x: got["x"]}).shape == (2, None, None)
        assert session.run(x + 1, {x: value}).to_list() == [[[2], [3, 4]], []]
        with pytest.raises(ValueError, match="only supported in eager mode"):
            x.numpy()
        assert repr(x).startswith("tf.RaggedTensor(values=tf.RaggedTensor(values=Tensor(")
    with pytest.raises(RuntimeError, match="not compatible with eager"):
        tf1.ragged.placeholder(tf.int32, 1)


def test_constant_values_of_sessions():
    value = tf1.ragged.constant_value([[1, 2], [3]])
    assert value.values.dtype == np.int64 and value.row_splits.tolist() == [0, 2, 3]
    assert value.ragged_rank == 1 and value.shape == (2, None)
    assert str(value) == "<tf.RaggedTensorValue [[1, 2], [3]]>"
    with pytest.raises(TypeError, match="row_splits must be a 1D"):
        tf1.ragged.RaggedTensorValue(np.zeros(1), [0, 1])
    assert tf.add(value, 1).to_list() == [[2, 3], [4]]


def test_as_text_and_as_arrays():
    rt = tf.ragged.constant([[1, 2], [], [3]])
    assert repr(rt) == str(rt) == "<tf.RaggedTensor [[1, 2], [], [3]]>"
    assert repr(tf.ragged.constant([["a"], []])) == "<tf.RaggedTensor [[b'a'], []]>"
    deep = tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1)
    assert repr(deep) == "<tf.RaggedTensor [[[1, 2],\n  [3, 4]], [[5, 6]]]>"
    array = rt.numpy()
    assert array.dtype == object and [row.tolist() for row in array] == [[1, 2], [], [3]]
    assert tf.ragged.constant([[1, 2], [3, 4]]).numpy().shape == (2, 2)
    assert [row.numpy().tolist() for row in rt] == [[1, 2], [], [3]]
    assert pickle.loads(pickle.dumps(rt)).to_list() == rt.to_list()
    with pytest.raises(TypeError, match="unhashable"):
        hash(rt)
    with pytest.raises(TypeError, match="no len"):
        len(rt)


def test_variants():
    R = tf.raw_ops
    splits, values = [np.array([0, 2, 2, 3])], tf.constant([1.0, 2.0, 3.0])
    one = R.RaggedTensorToVariant(
        rt_nested_splits=splits, rt_dense_values=values, batched_input=False
    )
    assert one.shape.rank == 0
    kinds = {"Tvalues": tf.float32, "Tsplits": tf.int64}
    back = R.RaggedTensorFromVariant(
        encoded_ragged=one, input_ragged_rank=1, output_ragged_rank=1, **kinds
    )
    assert back.output_nested_splits[0].numpy().tolist() == [0, 2, 2, 3]
    with tf.GradientTape() as tape:
        tape.watch(values)
        rows = R.RaggedTensorToVariant(
            rt_nested_splits=splits, rt_dense_values=values, batched_input=True
        )
        assert rows.shape == [3]
        picked = tf.gather(rows, [2, 0])
        back = R.RaggedTensorFromVariant(
            encoded_ragged=picked, input_ragged_rank=-1, output_ragged_rank=1, **kinds
        )
        assert back.output_nested_splits[0].numpy().tolist() == [0, 1, 3]
        assert back.output_dense_values.numpy().tolist() == [3.0, 1.0, 2.0]
        whole = R.RaggedTensorFromVariant(
            encoded_ragged=rows, input_ragged_rank=0, output_ragged_rank=1, **kinds
        )
        y = tf.reduce_sum(whole.output_dense_values**2)
    assert tape.gradient(y, values).numpy().tolist() == [2.0, 4.0, 6.0]
    dense = R.RaggedTensorToVariantGradient(
        encoded_ragged_grad=rows, row_splits=splits[0], dense_values_shape=[3], Tvalues=tf.float32
    )
    assert dense.numpy().tolist() == [1.0, 2.0, 3.0]
    for wrong, message in (
        ({"input_ragged_rank": 1, "output_ragged_rank": 2}, "has ragged_rank=0.  Expected"),
        ({"input_ragged_rank": 0, "output_ragged_rank": 2}, "output_ragged_rank must be equal"),
        ({"input_ragged_rank": -1, "output_ragged_rank": 0}, "inferred input_ragged_rank"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            R.RaggedTensorFromVariant(encoded_ragged=rows, **wrong, **kinds)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected values Tensor dtype: int32"):
        R.RaggedTensorFromVariant(
            encoded_ragged=rows,
            input_ragged_rank=0,
            output_ragged_rank=1,
            Tvalues=tf.int32,
            Tsplits=tf.int64,
        )


# The dispatch of public functions -----------------------------------------------------------------


def test_every_handler_is_of_a_public_function_or_of_one_to_come():
    names = importlib.import_module("reflow._api")
    spaces = {"v1": names.V1, "v2": names.V2}
    missing = {
        f"{name}" for space, name in api_dispatch.registered_names() if name not in spaces[space]
    }
    to_come = ("image.", "io.", "strings.unicode", "math.special.", "nn.experimental.")
    only_in_one = {"reduce_join", "string_join"}
    v2_or_v1 = {
        name for _, name in api_dispatch.registered_names() if name in names.V1 or name in names.V2
    }
    left = {n for n in missing - v2_or_v1 - only_in_one if not n.startswith(to_come)}
    assert not left, left


def test_functions_in_a_shell_are_what_they_were():
    assert tf.add is tf.math.add and tf.add is tf1.add
    assert tf.add.__name__ == "add" and "element-wise" in tf.add.__doc__
    assert pickle.loads(pickle.dumps(tf.nn.relu)) is tf.nn.relu
    assert list(inspect.signature(tf.concat).parameters) == ["values", "axis", "name"]
    assert tf.concat.__wrapped__.__module__ == "reflow.ops.joining"


def test_other_composite_types_can_have_handlers():
    class Interval:
        def __init__(self, low, high):
            self.low, self.high = low, high

    saved = (list(api_dispatch._types), list(api_dispatch._named))
    try:

        @api_dispatch.handles("math.square", types=(Interval,))
        def square(x, name=None):
            ends = sorted([x.low**2, x.high**2])
            return Interval(0 if x.low <= 0 <= x.high else ends[0], ends[1])

        got = tf.square(Interval(-1, 3))
        assert (got.low, got.high) == (0, 9)
        assert tf.math.square(x=Interval(2, 3)).low == 4
        assert tf.square(3).numpy() == 9
        with pytest.raises(ValueError, match="Interval"):
            tf.exp(Interval(1, 2))
    finally:
        api_dispatch._types[:], api_dispatch._named[:] = saved
        api_dispatch._composite.discard(Interval)
        api_dispatch._plain.clear()
        api_dispatch._by_place.clear()


# Shapes as values ---------------------------------------------------------------------------------


def test_shapes():
    Shape = tf.experimental.DynamicRaggedShape
    shape = tf.shape(tf.ragged.constant([[1, 2], [3]]))
    assert isinstance(shape, Shape) and shape.rank == 2 and shape.dtype == tf.int32
    assert repr(shape) == "<DynamicRaggedShape lengths=[2, (2, 1)] num_row_partitions=1>"
    assert shape.static_lengths() == [2, (2, 1)] and shape.static_lengths(False) == [2, None]
    assert [shape.is_uniform(0), shape.is_uniform(1)] == [True, False]
    assert (shape == tf.shape(tf.ragged.constant([[5, 6], [7]]))).numpy()
    assert not (shape == tf.shape(tf.ragged.constant([[5], [6, 7]]))).numpy()
    assert shape.with_dtype(tf.int64).inner_shape.dtype == tf.int64
    assert repr(shape.row_partitions) == "(tf.RowPartition(row_splits=[0 2 3]),)"
    dense = Shape.from_tensor([[1, 2], [3, 4]])
    assert dense.num_row_partitions == 0 and dense[1].numpy() == 2
    with pytest.raises(ValueError, match="cannot be empty"):
        Shape.from_row_partitions([])
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not match inner_shape"):
        Shape(shape.row_partitions, [4], validate=True)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_gather_of_a_dense_tensor_at_ragged_indices(axis):
    dense = np.arange(24.0).reshape(2, 3, 4)
    rows = [[2], [0, 1, 1]]
    found = tf.gather(dense, tf.ragged.constant(rows), axis=axis)
    taken = [np.take(dense, row, axis) for row in rows]
    place = axis % 3
    for at in np.ndindex(*dense.shape[:place]):
        for i, each in enumerate(taken):
            np.testing.assert_array_equal(found[at][i].numpy(), each[at])


def test_sparse_sums_over_no_dimension():
    sparse = tf.SparseTensor([[0, 1]], [2.0], [2, 3])
    assert tf.sparse.reduce_sum(sparse, axis=[]).shape == (2, 3)
    kept = tf.sparse.reduce_sum(sparse, axis=(), output_is_sparse=True)
    assert kept.indices.numpy().tolist() == [[0, 1]]
