"""What the public functions on shapes, slices, indices and order give, in eager code and in graphs."""

import numpy as np
import pytest

import reflow as tf
from reflow.compat import v1 as tf1
from reflow.compiler import policy
from reflow.lang.context import using_graph
from reflow.lang.graph import Graph

A = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def same(actual, wanted):
    actual = np.asarray(actual)
    np.testing.assert_array_equal(actual, wanted)
    assert actual.shape == np.shape(wanted)


def in_graph(make, tier, *values):
    """The value of `make(*placeholders)` in a session."""
    before, policy.forced[0] = policy.forced[0], tier
    try:
        with Graph().as_default() as graph:
            inputs = [tf1.placeholder(v.dtype, [None] * v.ndim) for v in values]
            outputs = make(*inputs)
            return tf1.Session(graph=graph).run(outputs, dict(zip(inputs, values)))
    finally:
        policy.forced[0] = before


# Composed functions -------------------------------------------------------------------------------

INTS = np.array([[3, 1, 2, 3], [0, -5, 7, 7], [2, 2, 2, 1]], np.int32)
COMPOSED = {
    "repeat all": (lambda x: tf.repeat(x, 2), lambda x: np.repeat(x, 2)),
    "repeat along": (lambda x: tf.repeat(x, 3, axis=1), lambda x: np.repeat(x, 3, axis=1)),
    "repeat each": (
        lambda x: tf.repeat(x, [2, 0, 1], axis=0),
        lambda x: np.repeat(x, [2, 0, 1], axis=0),
    ),
    "repeat each within": (
        lambda x: tf.repeat(x, [1, 2, 0, 3], axis=-1),
        lambda x: np.repeat(x, [1, 2, 0, 3], axis=-1),
    ),
    "sort": (lambda x: tf.sort(x), lambda x: np.sort(x)),
    "sort down": (lambda x: tf.sort(x, 0, "DESCENDING"), lambda x: -np.sort(-x, 0)),
    "argsort": (lambda x: tf.argsort(x), lambda x: np.argsort(x, kind="stable")),
    "argsort columns": (lambda x: tf.argsort(x, 0), lambda x: np.argsort(x, 0, kind="stable")),
    "sort unsigned": (
        lambda x: tf.sort(tf.cast(x + 6, tf.uint8)),
        lambda x: np.sort((x + 6).astype(np.uint8)),
    ),
    "boolean_mask": (lambda x: tf.boolean_mask(x, x > 1), lambda x: x[x > 1]),
    "boolean_mask rows": (
        lambda x: tf.boolean_mask(x, [True, False, True]),
        lambda x: x[[0, 2]],
    ),
    "boolean_mask columns": (
        lambda x: tf.boolean_mask(x, [True, False, True, False], axis=1),
        lambda x: x[:, [0, 2]],
    ),
    "mask in brackets": (lambda x: x[x > 1], lambda x: x[x > 1]),
    "sequence_mask": (
        lambda x: tf.sequence_mask(x[0]),
        lambda x: np.arange(x[0].max()) < x[0][:, None],
    ),
    "sequence_mask to": (
        lambda x: tf.sequence_mask(x, 2, tf.float32),
        lambda x: (np.arange(2) < x[..., None]).astype(np.float32),
    ),
    "meshgrid xy": (lambda x: tf.meshgrid(x[0], x[1])[1], lambda x: np.meshgrid(x[0], x[1])[1]),
    "meshgrid ij": (
        lambda x: tf.meshgrid(x[0], x[1], x[2], indexing="ij")[1],
        lambda x: np.meshgrid(x[0], x[1], x[2], indexing="ij")[1],
    ),
    "searchsorted": (
        lambda x: tf.searchsorted(tf.sort(x), [[1, 2], [7, 8], [2, 0]], side="right"),
        lambda x: [[1, 2], [4, 4], [4, 0]],
    ),
    "gather batches": (
        lambda x: tf.gather(x, [[3, 0], [1, 1], [2, 3]], batch_dims=1),
        lambda x: np.take_along_axis(x, np.array([[3, 0], [1, 1], [2, 3]]), 1),
    ),
    "gather_nd batches": (
        lambda x: tf.gather_nd(x, [[1], [0], [3]], batch_dims=1),
        lambda x: x[[0, 1, 2], [1, 0, 3]],
    ),
    "unsorted_segment_mean": (
        lambda x: tf.math.unsorted_segment_mean(tf.cast(x, tf.float32), [1, 1, 3], 4),
        lambda x: np.stack([x[0] * 0, x[:2].mean(0), x[0] * 0, x[2]]).astype(np.float32),
    ),
    "one_hot": (
        lambda x: tf.one_hot(x, 4, axis=0, on_value=2, off_value=-1),
        lambda x: np.where(x == np.arange(4)[:, None, None], 2, -1),
    ),
    "extract_patches": (
        lambda x: tf.image.extract_patches(
            tf.reshape(x, [1, 3, 4, 1]), [1, 2, 2, 1], [1, 1, 2, 1], [1, 1, 1, 1], "VALID"
        )[0, 1, 1],
        lambda x: x[1:3, 2:4].reshape(-1),
    ),
    "transpose": (lambda x: tf.transpose(x), lambda x: x.T),
    "unique": (lambda x: tf.unique(tf.reshape(x, [-1]))[0], lambda x: [3, 1, 2, 0, -5, 7]),
    "where rows": (lambda x: tf.where(x > 2), lambda x: np.argwhere(x > 2)),
    "where": (lambda x: tf.where(x > 2, x, 0), lambda x: np.where(x > 2, x, 0)),
    "zeros": (lambda x: tf.zeros(tf.shape(x), x.dtype), lambda x: np.zeros_like(x)),
    "ones_like": (lambda x: tf.ones_like(x, tf.float32), lambda x: np.ones(x.shape, np.float32)),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions(name):
    make, reference = COMPOSED[name]
    wanted = reference(INTS)
    same(make(tf.constant(INTS)), wanted)
    for tier in ("interpret", "compile"):
        same(in_graph(make, tier, INTS), wanted)


def test_paddings_for_blocks():
    paddings, crops = tf.required_space_to_batch_paddings([5, 4], [2, 3], [[1, 0], [0, 1]])
    same(paddings, [[1, 0], [0, 2]])
    same(crops, [[0, 0], [0, 1]])


def test_broadcast_static_shape():
    shape = tf.broadcast_static_shape(tf.TensorShape([None, 3]), tf.TensorShape([4, 1, 1]))
    assert shape.as_list() == [4, None, 3]
    with pytest.raises(ValueError, match="Incompatible shapes for broadcasting"):
        tf.broadcast_static_shape(tf.TensorShape([2]), tf.TensorShape([3]))


# tensor[...] --------------------------------------------------------------------------------------

KEYS = [
    0,
    -1,
    np.int64(1),
    (0, 1),
    (slice(None), 1),
    (Ellipsis, 2),
    (slice(1), Ellipsis, None),
    (None, 1, slice(None, None, -1)),
    (slice(None), slice(2, 0, -1), slice(-3, None, 2)),
    slice(5, 9),
    (0, Ellipsis, slice(None), slice(1, 2)),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_getitem_is_numpys(key):
    same(tf.constant(A)[key], A[key])
    for tier in ("interpret", "compile"):
        same(in_graph(lambda x: x[key], tier, A), A[key])


@pytest.mark.parametrize("dtype", [tf.int16, tf.int32, tf.int64])
def test_getitem_with_tensors(dtype):
    for i in (0, 1, -1):
        index = tf.constant(i, dtype)
        same(tf.constant(A)[:, index], A[:, i])
        same(tf.constant(A)[:, index:], A[:, i:])
        same(tf.constant(A)[..., :index], A[..., :i])


def test_getitem_refuses_other_keys():
    x = tf.constant(A)
    for key in (1.5, tf.constant([1, 2]), tf.constant(1.0), np.array([0, 1]), "a"):
        with pytest.raises(TypeError, match="valid indices"):
            x[key]
    with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 2 of dimension 0 out of"):
        x[2]


# Slices at a place that is only known when the program runs ---------------------------------------

WINDOWS = {
    "row": (lambda x, i: x[i], [0, 3, -1]),
    "column": (lambda x, i: x[:, i], [0, 3, -1]),
    "known rows of a column": (lambda x, i: x[1:3, i], [0, 2]),
    "two rows": (lambda x, i: x[i : i + 2], [0, 3, 4, 5, 6, -1, -2, -9]),
    "a block": (lambda x, i: x[i * 2 : (i + 1) * 2, 1:3], [0, 1, 2, 3]),
    "from": (lambda x, i: x[i:], [0, 3, 9, -2]),
    "up to": (lambda x, i: x[:i], [0, 3, 9, -2]),
    "backwards": (lambda x, i: x[i::-1], [0, 3, 9, -2]),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_windows_and_their_gradients(name, tier, monkeypatch):
    """The compiled form takes a window of fixed size, and notices where it is another."""
    window, places = WINDOWS[name]
    monkeypatch.setattr(policy, "forced", [tier])
    values = np.arange(20, dtype=np.float32).reshape(5, 4)
    with Graph().as_default() as graph:
        x, i = tf1.placeholder(tf.float32, [None, 4]), tf1.placeholder(tf.int32, [])
        y = window(x, i)
        slope = tf1.gradients(tf.reduce_sum(y * y), x)[0]
        session = tf1.Session(graph=graph)
    for place in places:
        got, gradient = session.run([y, slope], {x: values, i: place})
        same(got, window(values, place))
        wanted = np.zeros_like(values)
        window(wanted, place)[...] = 2 * window(values, place)
        same(gradient, wanted)


def test_slice_with_a_computed_begin():
    values = np.arange(20, dtype=np.float32).reshape(5, 4)

    def make(x, i):
        y = tf.slice(x, tf.stack([i, 1]), [2, -1])
        return [y, tf1.gradients(y, x)[0]]

    for tier in ("interpret", "compile"):
        y, slope = in_graph(make, tier, values, np.array(2, np.int32))
        same(y, values[2:4, 1:])
        wanted = np.zeros_like(values)
        wanted[2:4, 1:] = 1
        same(slope, wanted)


def test_a_run_that_is_made_again_does_not_change_state_twice(monkeypatch):
    monkeypatch.setattr(policy, "forced", ["compile"])
    values = np.arange(1, 6, dtype=np.float32)
    with Graph().as_default() as graph:
        total = tf1.Variable(0.0, use_resource=True)
        x, i = tf1.placeholder(tf.float32, [None]), tf1.placeholder(tf.int32, [])
        step = total.assign_add(tf.reduce_sum(x[i : i + 2]))
        session = tf1.Session(graph=graph)
        session.run(total.initializer)
        for place, wanted in ((0, 3), (4, 8), (9, 8), (1, 13)):
            session.run(step, {x: values, i: place})
            assert session.run(total) == wanted


def test_a_window_in_a_loop_compiles():
    values = np.arange(12, dtype=np.float32)

    def total(x):
        def body(i, total):
            return i + 1, total + tf.reduce_prod(x[i : i + 2])

        return tf1.while_loop(lambda i, total: i < 11, body, [0, 0.0])[1]

    for tier in ("interpret", "compile"):
        same(in_graph(total, tier, values), np.float32((values[1:] * values[:-1]).sum()))


def test_large_eager_tensors():
    values = np.arange(90000, dtype=np.float32).reshape(300, 300)
    x = tf.constant(values)
    for y, wanted in (
        (x, values),
        (x + 1, values + 1),
    ):  # in NumPy, and as the result of an executable
        same(y[3:290:7, ::-1], wanted[3:290:7, ::-1])
        same(tf.slice(y, [1, 2], [-1, 5]), wanted[1:, 2:7])
        same(tf.shape(y), [300, 300])
        same(tf.transpose(y)[4], wanted[:, 4])
        same(tf.gather(y, [5, 2], axis=1), wanted[:, [5, 2]])
        same(tf.split(y, [100, 200])[1], wanted[100:])
        same(tf.boolean_mask(y, y[:, 0] > 80000), wanted[wanted[:, 0] > 80000])
        same(tf.math.top_k(y, 2)[1][7], [299, 298])
        same(tf.dynamic_stitch([[1], [0]], [y[:1], y[1:2]]), wanted[[1, 0]])


# Writing into slices of variables -----------------------------------------------------------------


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_assign_to_a_slice(use_resource, tier, monkeypatch):
    monkeypatch.setattr(policy, "forced", [tier])
    with Graph().as_default() as graph:
        v = tf1.Variable(A, use_resource=use_resource)
        i = tf1.placeholder(tf.int32, [])
        first = v[:, i].assign(tf.zeros([2, 4]))
        second = v[0, 1:, ::2].assign([[1.0, 2.0], [3.0, 4.0]])
        session = tf1.Session(graph=graph)
        session.run(v.initializer)
        session.run(first, {i: 2})
        session.run(second)
        wanted = A.copy()
        wanted[:, 2] = 0
        wanted[0, 1:, ::2] = [[1, 2], [3, 4]]
        same(session.run(v.value()), wanted)


def test_assign_to_a_slice_eagerly():
    v = tf.Variable(A)
    v[1].assign(tf.zeros([3, 4]))
    same(v[1], np.zeros((3, 4)))
    same(v[0], A[0])


# Sparse gradients ---------------------------------------------------------------------------------


def test_a_shape_with_floating_point_tensors_in_it():
    sizes = np.array([2.0, 3.0], np.float32)
    same(tf.reshape(tf.range(6), (tf.constant(sizes)[0], 3)), [[0, 1, 2], [3, 4, 5]])
    with Graph().as_default() as graph:
        k = tf1.placeholder(tf.float32, [2])
        reshaped = tf.reshape(tf.range(6), [k[0], 3])
        assert [t.dtype for t in reshaped.op.inputs] == [tf.int32, tf.int32]
        same(tf1.Session(graph=graph).run(reshaped, {k: sizes}), [[0, 1, 2], [3, 4, 5]])
    with pytest.raises((TypeError, tf.errors.InvalidArgumentError), match="float32"):
        tf.reshape(tf.range(6), [2.0, 3.0])


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_gather_from_a_constant_batch(tier):
    indices = np.array([[2, 0], [1, 1]], np.int32)
    got = in_graph(lambda i: tf.gather(A[0, :2], i, axis=1, batch_dims=1), tier, indices)
    same(got, np.take_along_axis(A[0, :2], indices, 1))


def test_the_gradient_of_gather_is_sparse():
    with Graph().as_default() as graph:
        v = tf1.get_variable("v", initializer=tf.ones([4, 2]))
        y = tf.gather(v, [3, 1, 3])
        (gradient,) = tf1.gradients(tf.reduce_sum(y), [v])
        assert isinstance(gradient, tf.IndexedSlices)
        assert gradient.dense_shape is not None
        assert gradient.shape.as_list() == [4, 2]
        dense = tf.convert_to_tensor(gradient)
        session = tf1.Session(graph=graph)
        session.run(v.initializer)
        same(session.run(gradient.indices), [3, 1, 3])
        same(session.run(dense), [[0, 0], [1, 1], [0, 0], [2, 2]])


def test_indexed_slices():
    slices = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([2, 0]), tf.constant([3, 1]))
    assert slices.dtype is tf.float32
    assert slices.shape.as_list() == [3, 1]
    same(tf.convert_to_tensor(slices), [[2], [0], [1]])
    same(tf.convert_to_tensor(-slices), [[-2], [0], [-1]])
    assert tf1.convert_to_tensor_or_indexed_slices(slices) is slices
    with pytest.raises(ValueError, match="without dense_shape"):
        tf.convert_to_tensor(tf.IndexedSlices(tf.constant([1.0]), tf.constant([0])))
    with pytest.raises(ValueError, match="Incompatible tensor conversion"):
        tf.convert_to_tensor(slices, tf.int32)


def test_dense_gradients_of_large_tables_warn():
    with Graph().as_default():
        slices = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0]), tf.constant([10**8, 2]))
        with pytest.warns(UserWarning, match="200000000 elements"):
            tf.convert_to_tensor(slices)


# Indices out of range -----------------------------------------------------------------------------


def test_indices_out_of_range():
    """Refused where they are seen; on accelerators as TensorFlow's kernels there treat them."""
    x = np.arange(1, 5, dtype=np.float32)
    index = np.array([1, 4, -1], np.int32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"indices\[1\] = 4 is not in \[0, 4\)"
    ):
        in_graph(tf.gather, "interpret", x, index)
    same(in_graph(tf.gather, "compile", x, index), [2, 0, 0])
    same(in_graph(lambda v, i: tf.gather_nd(v, i[:, None]), "compile", x, index), [2, 0, 0])
    scatter = lambda v, i: tf.scatter_nd(i[:, None], v[:3], [4])  # noqa: E731
    same(in_graph(scatter, "compile", x, index), [0, 1, 0, 0])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"indices\[1\] = \[4\] does not index"
    ):
        in_graph(scatter, "interpret", x, index)
    update = lambda v, i: tf.tensor_scatter_nd_update(v, i[:, None], [7.0, 8.0, 9.0])  # noqa: E731
    same(in_graph(update, "compile", x, index), [1, 7, 3, 4])
    segments = lambda v, i: tf.math.unsorted_segment_sum(v[:3], i, 3)  # noqa: E731
    same(in_graph(segments, "compile", x, index), [0, 1, 0])


def test_old_argument_names():
    with using_graph(Graph()):
        x = tf1.placeholder(tf.float32, [1, 3])
        assert tf1.expand_dims(x, dim=0).shape.as_list() == [1, 1, 3]
        assert tf1.squeeze(x, squeeze_dims=[0]).shape.as_list() == [3]
        with pytest.raises(ValueError, match="Cannot specify both"):
            tf1.expand_dims(x, axis=0, dim=0)
        with pytest.raises(ValueError, match="Must specify an axis"):
            tf1.expand_dims(x)


# Gradients of gradients ---------------------------------------------------------------------------

SMOOTH = {
    "reshape": lambda x: tf.reshape(x, [4, 3]),
    "transpose": lambda x: tf.transpose(x, [1, 0]),
    "concat": lambda x: tf.concat([x, x * 2.0], 1),
    "stack": lambda x: tf.stack([x, x * x]),
    "unstack": lambda x: tf.unstack(x, axis=1)[2],
    "split": lambda x: tf.split(x, [1, 3], 1)[1],
    "tile": lambda x: tf.tile(x, [2, 1]),
    "broadcast_to": lambda x: tf.broadcast_to(x, [2, 3, 4]),
    "pad": lambda x: tf.pad(x, [[1, 0], [0, 2]]),
    "mirror": lambda x: tf.pad(x, [[1, 1], [0, 2]], "SYMMETRIC"),
    "slice": lambda x: tf.slice(x, [1, 0], [2, 3]),
    "strided_slice": lambda x: x[::2, 1:],
    "reverse": lambda x: tf.reverse(x, [1]),
    "reverse_sequence": lambda x: tf.reverse_sequence(x, [2, 4, 1], seq_axis=1),
    "roll": lambda x: tf.roll(x, 1, 0),
    "gather rows": lambda x: tf.gather(x, [2, 0, 2]),
    "gather columns": lambda x: tf.gather(x, [1, 1, 3], axis=1),
    "gather batches": lambda x: tf.gather(x, [[0, 1], [3, 3], [2, 0]], batch_dims=1),
    "gather_nd": lambda x: tf.gather_nd(x, [[0, 1], [2, 2], [0, 1]]),
    "scatter_nd": lambda x: tf.scatter_nd([[1], [1], [3]], x, [4, 4]),
    "tensor_scatter": lambda x: tf.tensor_scatter_nd_update(x, [[0]], x[1:2] * 3.0),
    "dynamic_partition": lambda x: tf.dynamic_partition(x, [1, 0, 1], 2)[1],
    "dynamic_stitch": lambda x: tf.dynamic_stitch([[1, 0, 2]], [x]),
    "segment_sum": lambda x: tf.math.segment_sum(x, [0, 0, 1]),
    "segment_mean": lambda x: tf.math.segment_mean(x, [0, 0, 1]),
    "segment_prod": lambda x: tf.math.segment_prod(x, [0, 0, 1]),
    "segment_max": lambda x: tf.math.segment_max(x, [0, 0, 1]),
    "unsorted_segment_sum": lambda x: tf.math.unsorted_segment_sum(x, [1, -1, 1], 2),
    "unsorted_segment_prod": lambda x: tf.math.unsorted_segment_prod(x, [1, 0, 1], 2),
    "sparse_segment_mean": lambda x: tf.sparse.segment_mean(x, [0, 2, 2], [0, 0, 1]),
    "top_k": lambda x: tf.math.top_k(x, 2)[0],
    "patches": lambda x: tf.image.extract_patches(
        tf.reshape(x, [1, 3, 4, 1]), [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME"
    ),
    "space_to_depth": lambda x: tf.nn.space_to_depth(tf.reshape(x, [1, 2, 6, 1]), 2),
    "space_to_batch": lambda x: tf.space_to_batch(x, [2], [[1, 1]]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_of_gradients(name):
    """The slope of the gradient along a direction, against finite differences of the gradient."""
    rng = np.random.default_rng(3)
    values = rng.permutation(12).reshape(3, 4) / 6.0 - 0.7
    direction = rng.uniform(-1, 1, (3, 4))
    with Graph().as_default() as graph:
        x = tf1.placeholder(tf.float64, [3, 4])
        y = SMOOTH[name](x)
        first = tf.convert_to_tensor(tf1.gradients(tf.reduce_sum(y * y * y), x)[0])
        second = tf.convert_to_tensor(tf1.gradients(tf.reduce_sum(first * direction), x)[0])
        session = tf1.Session(graph=graph)
    step = 1e-6
    ahead = session.run(first, {x: values + step * direction})
    behind = session.run(first, {x: values - step * direction})
    got = session.run(second, {x: values})
    np.testing.assert_allclose(got, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-6)


def test_interpreted_sums_keep_their_digits():
    from reflow.lang.numpy_namespace import numpy_namespace as xp

    rng = np.random.default_rng(0)
    for shape in [(5,), (0, 3), (3, 0), (100, 7), (1000, 3, 2), (37, 41, 5, 2), (1, 1)]:
        x = rng.random(shape).astype(np.float32)
        for axis in (None, 0, -1, (0,), (0, 1), (1,), (0, -1), (), tuple(range(len(shape)))):
            if (
                axis not in (None, ())
                and np.max(axis) >= len(shape)
                or len(shape) == 1
                and axis == (0, -1)
            ):
                continue
            for keepdims in (False, True):
                want = np.sum(x.astype(np.float64), axis=axis, keepdims=keepdims)
                got = xp.sum(x, axis=axis, keepdims=keepdims)
                assert got.dtype == np.float32 and np.shape(got) == np.shape(want)
                np.testing.assert_allclose(got, want, 1e-6)
    many = rng.random((50_000, 4)).astype(np.float32)
    np.testing.assert_allclose(xp.sum(many, axis=0), many.astype(np.float64).sum(0), 1e-6)


def test_static_shapes_of_equality():
    """`==` of shapes that may not fit together: a size of one always fits."""
    shapes = [[None], [3], [1], [], [None, 1], [1, 3], [2, 3], None, [2]]
    found = []

    @tf.function(input_signature=[tf.TensorSpec(shape) for shape in shapes])
    def f(*args):
        found.extend(str((args[0] == y).shape) for y in args)
        found.extend(str((args[6] == y).shape) for y in args)
        return 0

    f.get_concrete_function()
    assert found == [
        *("<unknown>", "<unknown>", "(None,)", "(None,)", "(None, None)", "<unknown>"),
        *("<unknown>", "<unknown>", "<unknown>"),
        *("<unknown>", "(2, 3)", "(2, 3)", "(2, 3)", "<unknown>", "(2, 3)", "(2, 3)"),
        *("<unknown>", "()"),
    ]
