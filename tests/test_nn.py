"""tf.nn: its functions against TensorFlow's, and what TensorFlow's CPU kernels cannot do."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

import reflow as tf2
from reflow.autodiff.gradients import gradients
from reflow.compat import v1 as tf
from reflow.compiler import policy
from reflow.lang.convert import convert_to_tensor
from reflow.lang.graph import Graph
from reflow.lang.verifier import verify
from reflow.runtime.eager import reset_generators
from reflow.runtime.session import Session

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
_spec = importlib.util.spec_from_file_location("nn_programs", GOLDEN / "nn_programs.py")
programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)
with np.load(GOLDEN / "nn.npz") as _file:
    VALUES = {name: _file[name] for name in _file.files}
WANTED = json.loads(VALUES.pop("index").tobytes())
SAME_NODES = programs.lines(programs.SAME_NODES)
SAME_VALUES = programs.lines(programs.SAME_VALUES)
TIERS = ("interpret", "compile")


@pytest.fixture
def tier(request):
    previous, policy.forced[0] = policy.forced[0], request.param
    yield request.param
    policy.forced[0] = previous


both_tiers = pytest.mark.parametrize("tier", TIERS, indirect=True)


def build(call):
    names = programs.Names(tf, tf2)
    return programs.outputs(eval(call, {}, names)), names


def close(what, got, want):
    got = np.asarray(got)
    assert got.shape == want.shape, what
    assert got.dtype == want.dtype, what
    if want.dtype.kind in "biu":
        assert np.array_equal(got, want), what
        return
    room = {2: 2e-3, 4: 5e-5, 8: 1e-6}[want.dtype.itemsize]
    largest = max(1.0, np.abs(want).max(initial=0.0))
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64), room, room * largest, err_msg=what
    )


def test_all_calls_have_golden_values():
    assert set(WANTED) == {*SAME_NODES, *SAME_VALUES}


@pytest.mark.parametrize("call", SAME_NODES)
def test_nodes_are_tensorflows(call):
    with Graph().as_default() as graph:
        tensors, _ = build(call)
    nodes = [[op.name, op.type] for op in graph.get_operations() if op.type != "Const"]
    wanted = WANTED[call]
    assert sorted(nodes) == sorted(wanted["nodes"])
    assert [t.name for t in tensors] == wanted["outputs"]


@both_tiers
@pytest.mark.parametrize("call", [*SAME_NODES, *SAME_VALUES])
def test_values_and_gradients_are_tensorflows(call, tier):
    wanted = WANTED[call]
    with Graph().as_default() as graph:
        tensors, names = build(call)
        for tensor, sizes in zip(tensors, wanted["shapes"], strict=True):
            assert tensor.shape.is_compatible_with(sizes), f"{tensor} instead of {sizes}"
            if call in SAME_NODES:
                assert tensor.shape.merge_with(sizes) == tensor.shape, f"{tensor}, not {sizes}"
        keys = wanted["gradients"]
        floating = [t for t in tensors if t.dtype.is_floating]
        made = gradients(floating, [names[key] for key in keys]) if keys else []
        made = [convert_to_tensor(g) for g in made]
    verify(graph)
    got = Session(graph=graph).run([*tensors, *made])
    for i, value in enumerate(got[: len(tensors)]):
        close(f"output {i}", value, VALUES[f"{wanted['number']}/output/{i}"])
    for key, value in zip(keys, got[len(tensors) :]):
        close(f"gradient of {key}", value, VALUES[f"{wanted['number']}/gradient/{key}"])


@pytest.mark.parametrize("call", [*SAME_NODES, *SAME_VALUES])
def test_eager_values_are_tensorflows(call):
    if "twice(" in call or "placeholder" in call:
        pytest.skip("for graphs")
    reset_generators()  # an eager op goes on where an earlier one with the same seed stopped
    tensors, _ = build(call)
    for i, tensor in enumerate(tensors):
        close(f"output {i}", tensor.numpy(), VALUES[f"{WANTED[call]['number']}/output/{i}"])


# What TensorFlow's CPU kernels cannot do -----------------------------------------------------------


def rand(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def run_with_gradients(f, *arrays):
    """The value of a function of tensors, and the gradients of its weighted sum."""
    with Graph().as_default() as graph:
        inputs = [tf.constant(a) for a in arrays]
        y = f(*inputs)
        weights = np.cos(np.arange(y.shape.num_elements())).reshape(y.shape.as_list())
        made = gradients([y], inputs, [tf.constant(weights, y.dtype)])
    verify(graph)
    return Session(graph=graph).run([y, *made])


def same(f, g, *arrays, room=2e-5):
    for a, b in zip(run_with_gradients(f, *arrays), run_with_gradients(g, *arrays), strict=True):
        np.testing.assert_allclose(a, b, room, room * max(1.0, np.abs(b).max(initial=0.0)))


def last(f):
    """`f` of images with the channels first, by way of channels last."""

    def call(x, *rest):
        return tf.transpose(f(tf.transpose(x, [0, 2, 3, 1]), *rest), [0, 3, 1, 2])

    return call


@both_tiers
@pytest.mark.parametrize("strides", [1, 2])
def test_channels_may_come_first(tier, strides):
    x, w, d = rand(2, 3, 6, 5), rand(3, 2, 3, 4), rand(3, 2, 3, 2)
    steps = [1, strides, strides, 1]
    first = [1, 1, strides, strides]
    same(
        lambda x, w: tf2.nn.conv2d(x, w, strides, "SAME", data_format="NCHW"),
        last(lambda x, w: tf2.nn.conv2d(x, w, strides, "SAME")), x, w,
    )  # fmt: skip
    same(
        lambda x, w: tf2.nn.depthwise_conv2d(x, w, first, "SAME", data_format="NCHW"),
        last(lambda x, w: tf2.nn.depthwise_conv2d(x, w, steps, "SAME")), x, d,
    )  # fmt: skip
    for pool in (tf2.nn.max_pool2d, tf2.nn.avg_pool2d):
        same(
            lambda x, pool=pool: pool(x, 3, strides, "SAME", data_format="NCHW"),
            last(lambda x, pool=pool: pool(x, 3, strides, "SAME")), x,
        )  # fmt: skip


@both_tiers
def test_transposed_convolutions_may_have_channels_first(tier):
    x, w = rand(2, 4, 3, 3), rand(3, 2, 3, 4)
    same(
        lambda x, w: tf2.nn.conv2d_transpose(x, w, [2, 3, 6, 5], 2, data_format="NCHW"),
        last(lambda x, w: tf2.nn.conv2d_transpose(x, w, [2, 6, 5, 3], 2)), x, w,
    )  # fmt: skip


@both_tiers
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_dilated_convolutions_have_gradients(tier, padding):
    x, w, d = rand(2, 9, 8, 3), rand(3, 2, 3, 4), rand(3, 2, 3, 2)
    same(
        lambda x, w: tf2.nn.conv2d(x, w, 1, padding, dilations=2),
        lambda x, w: tf2.nn.convolution(x, w, None, padding, dilations=2), x, w,
    )  # fmt: skip
    same(
        lambda x, w: tf.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], padding, "NHWC", [1, 2, 2, 1]),
        lambda x, w: tf2.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], padding, dilations=[2, 2]), x, d,
    )  # fmt: skip


@both_tiers
@pytest.mark.parametrize("groups", [2, 3, 6])
@pytest.mark.parametrize("kernel", [1, 3])
def test_groups_are_convolutions_of_their_own(tier, groups, kernel):
    x, w = rand(2, 6, 5, 6), rand(kernel, kernel, 6 // groups, 12)

    def apart(x, w):
        parts = zip(tf.split(x, groups, 3), tf.split(w, groups, 3))
        return tf.concat([tf2.nn.conv2d(a, b, 2, "SAME") for a, b in parts], 3)

    same(lambda x, w: tf2.nn.conv2d(x, w, 2, "SAME"), apart, x, w)


@both_tiers
def test_convolution_in_pieces(tier, monkeypatch):
    from reflow.ops.spatial import conv_kernels

    x, w, d = rand(3, 7, 6, 2), rand(3, 2, 2, 4), rand(3, 2, 2, 3)
    wanted = run_with_gradients(lambda x, w: tf2.nn.conv2d(x, w, 2, "SAME"), x, w)
    apart = run_with_gradients(
        lambda x, w: tf2.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"), x, d
    )
    for piece in (50, 300):
        monkeypatch.setattr(conv_kernels, "_PIECE", piece)
        monkeypatch.setattr(conv_kernels, "_CACHED", piece)
        got = run_with_gradients(lambda x, w: tf2.nn.conv2d(x, w, 2, "SAME"), x, w)
        for a, b in zip(got, wanted):
            np.testing.assert_allclose(a, b, 1e-5, 1e-5)
        got = run_with_gradients(
            lambda x, w: tf2.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"), x, d
        )
        for a, b in zip(got, apart):
            np.testing.assert_allclose(a, b, 1e-5, 1e-5)


@both_tiers
@pytest.mark.parametrize("size, step", [(9, 4), (26, 2), (30, 1)])
def test_large_windows(tier, size, step):
    x = rand(2, 30, 30, 2)

    def windows(x):
        counts = range(0, 30 - size + 1, step)
        rows = [[x[:, i : i + size, j : j + size] for j in counts] for i in counts]
        return rows

    def pooled(reduce):
        return lambda x: tf.stack(
            [tf.stack([reduce(w, [1, 2]) for w in row], 1) for row in windows(x)], 1
        )

    same(lambda x: tf2.nn.max_pool2d(x, size, step, "VALID"), pooled(tf.reduce_max), x)
    same(lambda x: tf2.nn.avg_pool2d(x, size, step, "VALID"), pooled(tf.reduce_mean), x)


@both_tiers
def test_maximum_over_channels(tier):
    x = rand(2, 3, 2, 6)
    same(
        lambda x: tf.nn.max_pool(x, [1, 1, 1, 3], [1, 1, 1, 3], "VALID"),
        lambda x: tf.reduce_max(tf.reshape(x, [2, 3, 2, 2, 3]), 4), x,
    )  # fmt: skip


def test_pooling_over_both_is_refused():
    with pytest.raises(tf2.errors.UnimplementedError, match="exactly one of"):
        tf.nn.max_pool(tf2.ones([1, 4, 4, 4]), [1, 2, 1, 2], [1, 2, 1, 2], "VALID")


@both_tiers
def test_fused_batch_norm_infers_with_given_statistics(tier):
    x, scale, offset, mean = rand(2, 3, 4, 5), *rand(3, 5)
    variance = np.abs(rand(5)) + 0.5
    for form, at in (("NHWC", 3), ("NCHW", 1)):
        vectors = [v[: x.shape[at]] for v in (scale, offset, mean, variance)]
        shape = [-1 if i == at else 1 for i in range(4)]

        def fused(x, s, o, form=form, statistics=vectors[2:]):
            return tf.nn.fused_batch_norm(
                x, s, o, *statistics, epsilon=0.01, is_training=False, data_format=form
            )[0]

        def plain(x, s, o, shape=shape, statistics=vectors[2:]):
            s, o, m, v = (tf.reshape(t, shape) for t in (s, o, *statistics))
            return tf2.nn.batch_normalization(x, m, v, o, s, 0.01)

        same(fused, plain, x, *vectors[:2], room=1e-4)


def test_compiled_label_out_of_range_is_nan():
    logits = np.zeros((2, 3), np.float32)
    with Graph().as_default() as graph:
        labels = tf.placeholder(tf.int32, [2])
        loss = tf2.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.constant(logits))
    previous, policy.forced[0] = policy.forced[0], "compile"
    try:
        got = Session(graph=graph).run(loss, {labels: [1, 3]})
    finally:
        policy.forced[0] = previous
    assert np.isfinite(got[0])
    assert np.isnan(got[1])


def test_labels_without_a_path_have_an_infinite_loss():
    loss = tf2.nn.ctc_loss([[1, 1, 1], [0, 0, 0]], np.zeros((4, 2, 3), np.float32), [3, 0], [4, 4])
    assert np.isinf(loss.numpy()[0])
    np.testing.assert_allclose(loss.numpy()[1], 4 * np.log(3), 1e-6)


def test_arrays_and_tensors_of_unknown_rank_are_inputs():
    x, w = rand(1, 2, 4, 4, 3), rand(2, 2, 3, 4)
    assert tf2.nn.conv2d(x, w, 1, "SAME").shape == [1, 2, 4, 4, 4]
    assert tf2.nn.max_pool(x[0, 0], 2, 2, "SAME").shape == [4, 2, 3]
    assert tf2.nn.avg_pool(x, 2, 2, "SAME").shape == [1, 1, 2, 2, 3]
    with Graph().as_default() as graph:
        anything = tf.placeholder(tf.float32)
        y = tf2.nn.max_pool(tf2.nn.conv2d(anything, tf.constant(w), 1, "SAME"), 2, 2, "SAME")
        assert y.shape.as_list() == [None, None, None, 4]
    assert Session(graph=graph).run(y, {anything: x[0]}).shape == (2, 2, 2, 4)


# Arguments ----------------------------------------------------------------------------------------


def test_arguments_by_position_are_refused():
    for f in (
        tf.nn.softmax_cross_entropy_with_logits,
        tf.nn.sparse_softmax_cross_entropy_with_logits,
        tf.nn.sigmoid_cross_entropy_with_logits,
    ):
        with pytest.raises(ValueError, match="named arguments"):
            f([[1.0]], [[1.0]])
        with pytest.raises(ValueError, match="must be provided"):
            f(labels=[[1.0]])


def test_old_and_new_names_together_are_refused():
    x, w = tf2.ones([1, 2, 2, 1]), tf2.ones([1, 1, 1, 1])
    with pytest.raises(ValueError, match="Cannot specify both"):
        tf.nn.conv2d(x, w, 1, "SAME", filters=w)
    with pytest.raises(ValueError, match="Cannot specify both"):
        tf.nn.softmax(x, axis=1, dim=1)
    with pytest.raises(ValueError, match="Cannot specify both"):
        tf.nn.dropout(x, keep_prob=0.5, rate=0.5)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_outside_of_the_range_is_refused(rate):
    with pytest.raises(ValueError, match="range"):
        tf2.nn.dropout(tf2.ones([2]), rate)


@pytest.mark.parametrize(
    "padding, message",
    [
        ("EXPLICIT", "not a valid value"),
        ([[0, 0], [1, 1]], "4 elements"),
        ([[0, 0], [1], [0, 0], [0, 0]], "pair"),
        ([[1, 0], [0, 0], [0, 0], [0, 0]], "batch or depth"),
        ("FULL", "not in the list"),
    ],
)
def test_paddings_that_are_refused(padding, message):
    with pytest.raises((ValueError, tf2.errors.InvalidArgumentError), match=message):
        tf2.nn.conv2d(tf2.ones([1, 3, 3, 1]), tf2.ones([2, 2, 1, 1]), 1, padding)


def test_embedding_lookup_reads_rows_of_variables():
    with Graph().as_default() as graph:
        table = tf.get_variable("table", initializer=np.arange(6, dtype=np.float32).reshape(3, 2))
        rows = tf.nn.embedding_lookup(table, [2, 0])
        (g,) = gradients([tf.reduce_sum(rows * rows)], [table])
        init = tf.global_variables_initializer()
    session = Session(graph=graph)
    session.run(init)
    np.testing.assert_array_equal(session.run(rows), [[4, 5], [0, 1]])
    assert type(g).__name__ == "IndexedSlices"
    np.testing.assert_array_equal(session.run(g.values), [[8, 10], [0, 2]])


def test_embedding_lookup_reads_partitioned_variables():
    with Graph().as_default() as graph:
        table = tf.get_variable("table", [5, 2], partitioner=tf.fixed_size_partitioner(2))
        rows = tf.nn.embedding_lookup(table, [4, 0, 3], partition_strategy="div")
        parts = list(table)
        made = [convert_to_tensor(g) for g in gradients([tf.reduce_sum(rows * rows)], parts)]
        init = tf.global_variables_initializer()
    session = Session(graph=graph)
    session.run(init)
    values = np.concatenate(session.run(parts))
    np.testing.assert_array_equal(session.run(rows), values[[4, 0, 3]])
    wanted = 2 * values * np.array([1, 0, 0, 1, 1])[:, None]
    np.testing.assert_array_equal(np.concatenate(session.run(made)), wanted)


def test_a_sampler_goes_on_drawing():
    with Graph().as_default() as graph:
        drawn = tf.nn.learned_unigram_candidate_sampler([[1, 1]], 2, 4, False, 3, seed=1)
    session = Session(graph=graph)
    first, second = session.run(list(drawn)), session.run(list(drawn))
    assert not np.array_equal(first[0], second[0])
    # Class 1 was seen twice: of weights 1, 1, 1 became 1, 3, 1.
    np.testing.assert_allclose(first[1], [[4 / 3, 4 / 3]], 1e-6)
    np.testing.assert_allclose(second[1], [[12 / 5, 12 / 5]], 1e-6)


def test_a_file_of_weights(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("a,0\nb,1\nc,0\n")
    drawn = tf2.random.fixed_unigram_candidate_sampler([[1]], 1, 5, False, 3, vocab_file=str(path))
    assert drawn.sampled_candidates.numpy().tolist() == [1] * 5
    with pytest.raises(tf2.errors.NotFoundError, match="nowhere"):
        tf2.random.fixed_unigram_candidate_sampler([[1]], 1, 5, False, 3, vocab_file="/nowhere.csv")
