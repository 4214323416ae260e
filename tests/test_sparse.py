"""`SparseTensor`: its parts, its place in structures and sessions, and functions made of several ops."""

import numpy as np
import pytest

import reflow as tf

v1 = tf.compat.v1
DENSE = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], np.float32)


@pytest.fixture
def session(graph):
    with v1.Session(graph=graph) as session:
        yield session


def sparse(dense=DENSE):
    return tf.sparse.from_dense(dense)


def dense(value):
    result = np.zeros(value.dense_shape, np.asarray(value.values).dtype)
    result[tuple(np.asarray(value.indices).T)] = value.values
    return result


def test_parts_and_static_shapes(graph):
    s = tf.SparseTensor([[0, 1], [2, 3]], [1.0, 2.0], [3, 4])
    assert s.indices.dtype is tf.int64 and s.dense_shape.dtype is tf.int64
    assert s.shape == [3, 4] and s.get_shape() == [3, 4] and s.dtype is tf.float32
    assert s.graph is graph and s.op is s.values.op
    assert [t.name for t in (s.indices, s.values, s.dense_shape)] == [
        "SparseTensor/indices:0",
        "SparseTensor/values:0",
        "SparseTensor/dense_shape:0",
    ]
    assert s.with_values(s.values * 2.0).indices is s.indices
    assert [tf.identity(s.values).op] == s.consumers()[1:]
    with pytest.raises(ValueError, match="incompatible"):
        tf.SparseTensor([[0, 1]], [1.0, 2.0], [3, 4])
    with pytest.raises(ValueError, match="rank"):
        tf.SparseTensor([0, 1], [1.0, 2.0], [3])
    with pytest.raises(TypeError, match="must be a SparseTensor"):
        tf.SparseTensor.from_value([1])


def test_sessions_take_and_give_values(session):
    s = v1.sparse_placeholder(tf.float32, [None, 4], name="p")
    assert s.shape.as_list() == [None, 4] and s.values.name == "p/values:0"
    value = v1.SparseTensorValue([[0, 1], [1, 3]], [1.0, 2.0], [2, 4])
    got = session.run({"s": s, "twice": tf.sparse.to_dense(s) * 2.0}, {s: value})
    assert isinstance(got["s"], v1.SparseTensorValue)
    assert got["s"].indices.tolist() == [[0, 1], [1, 3]] and got["s"].dense_shape.tolist() == [2, 4]
    assert got["twice"].tolist() == [[0, 2, 0, 0], [0, 0, 0, 4]]
    assert session.run(s, {s: ([[0, 0]], [5.0], [1, 4])}).values.tolist() == [5.0]
    assert s.eval({s: value}, session).values.tolist() == [1.0, 2.0]
    call = session.make_callable(s.values)
    assert callable(call)
    anything = v1.sparse_placeholder(tf.string)
    assert anything.shape.rank is None
    assert session.run(anything, {anything: ([[1]], ["a"], [2])}).values.tolist() == [b"a"]


def test_indexed_slices_are_fetched_as_values(session):
    slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([4, 1]))
    got = session.run(slices)
    assert isinstance(got, v1.IndexedSlicesValue)
    assert got.values.tolist() == [[1.0]] and got.indices.tolist() == [2]
    assert session.run(tf.IndexedSlices(slices.values, slices.indices)).dense_shape is None


def test_nests_expand_it():
    s = sparse()
    parts = tf.nest.flatten([s], expand_composites=True)
    assert len(parts) == 3 and parts[1] is s.values
    again = tf.nest.pack_sequence_as([s], parts, expand_composites=True)[0]
    assert isinstance(again, tf.SparseTensor) and again.shape == [3, 4]
    assert tf.nest.flatten([s]) == [s]


def test_operators_with_dense_tensors():
    s = sparse()
    row = tf.constant([1.0, 2.0, 3.0, 4.0])
    assert dense(s * row).tolist() == (DENSE * row.numpy()).tolist()
    assert dense(row * s).tolist() == (DENSE * row.numpy()).tolist()
    assert dense(s / 2.0).tolist() == (DENSE / 2).tolist()


def test_sums_of_sparse_and_dense():
    s = sparse()
    assert dense(tf.sparse.add(s, s)).tolist() == (2 * DENSE).tolist()
    assert tf.sparse.add(s, s).shape == [3, 4]
    assert tf.sparse.add(DENSE, s).numpy().tolist() == (2 * DENSE).tolist()
    assert tf.sparse.add(s, s, threshold=5.0).values.numpy().tolist() == [6.0, 8.0]
    with pytest.raises(TypeError, match="At least one input should be SparseTensor"):
        tf.sparse.add(DENSE, DENSE)
    with pytest.raises(ValueError, match="both 'threshold' and 'thresh'"):
        v1.sparse_add(s, s, threshold=1.0, thresh=1.0)


def test_products_in_both_orders(session, tier):
    s = sparse(DENSE)
    right = tf.constant(np.arange(8, dtype=np.float32).reshape(4, 2))
    left = tf.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    got = session.run(
        [
            tf.sparse.sparse_dense_matmul(s, right),
            tf.sparse.sparse_dense_matmul(left, s),
            v1.sparse_tensor_dense_matmul(s, left, adjoint_a=True, adjoint_b=True),
        ]
    )
    assert got[0].tolist() == (DENSE @ np.arange(8).reshape(4, 2)).tolist()
    assert got[1].tolist() == (np.arange(6).reshape(2, 3) @ DENSE).tolist()
    assert got[2].tolist() == (DENSE.T @ np.arange(6).reshape(2, 3).T).tolist()


def test_products_compile(session):
    from reflow.compiler import policy, stats

    s = v1.sparse_placeholder(tf.float32, [3, 4])
    weights = tf.constant(np.ones((4, 2), np.float32))
    logits = tf.sparse.sparse_dense_matmul(s, weights)
    loss = tf.reduce_sum(logits * logits)
    gradient = tf.gradients(loss, weights)[0]
    value = v1.SparseTensorValue([[0, 1], [2, 3]], [1.0, 2.0], [3, 4])
    policy.forced[0] = "compile"
    before = stats()["compilations"]
    try:
        got = session.run([loss, gradient], {s: value})
    finally:
        policy.forced[0] = None
    assert stats()["compilations"] > before
    assert got[0] == 10.0 and got[1][:, 0].tolist() == [0.0, 2.0, 0.0, 8.0]


def test_gradients_go_through_to_dense():
    values = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        made = tf.sparse.to_dense(tf.SparseTensor([[0], [2]], values, [3]))
        y = tf.reduce_sum(made * [1.0, 10.0, 100.0])
    assert tape.gradient(y, values).numpy().tolist() == [1.0, 100.0]


def test_reductions():
    s = sparse()
    assert tf.sparse.reduce_sum(s).numpy() == 10.0
    assert tf.sparse.reduce_sum(s, axis=0).numpy().tolist() == [3.0, 1.0, 0.0, 6.0]
    assert tf.sparse.reduce_sum(s, axis=-1, keepdims=True).numpy().tolist() == [[3], [0], [7]]
    part = tf.sparse.reduce_sum(s, axis=1, output_is_sparse=True)
    assert part.indices.numpy().tolist() == [[0], [2]] and part.values.numpy().tolist() == [3, 7]
    assert tf.sparse.reduce_max(s, axis=1).numpy().tolist() == [2, 0, 4]
    assert v1.sparse_reduce_max(s, reduction_axes=[0], keep_dims=True).numpy().tolist() == [
        [3, 1, 0, 4]
    ]
    with pytest.raises(ValueError, match="both 'axis' and 'reduction_axes'"):
        v1.sparse_reduce_sum(s, 1, reduction_axes=1)


def test_shapes_change():
    s = sparse()
    assert dense(tf.sparse.reshape(s, [4, -1])).tolist() == DENSE.reshape(4, 3).tolist()
    assert dense(tf.sparse.transpose(s)).tolist() == DENSE.T.tolist()
    assert dense(tf.sparse.transpose(s, [1, 0])).tolist() == DENSE.T.tolist()
    assert tf.sparse.expand_dims(s, 1).shape == [3, 1, 4]
    assert tf.sparse.expand_dims(s).shape == [3, 4, 1]
    assert dense(tf.sparse.slice(s, [0, 1], [3, 9])).tolist() == DENSE[:, 1:].tolist()
    parts = tf.sparse.split(s, 3, axis=1)
    assert [dense(p).shape for p in parts] == [(3, 2), (3, 1), (3, 1)]
    assert dense(tf.sparse.concat(1, parts)).tolist() == DENSE.tolist()
    wide = tf.sparse.concat(0, [s, sparse(np.ones((1, 6), np.float32))], expand_nonconcat_dims=True)
    assert wide.shape == [4, 6]
    assert tf.sparse.reset_shape(s, [5, 5]).shape == [5, 5]
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="Cannot reshape a tensor with 12 elements"):
            tf.sparse.reshape(sparse(), [5, 2])
    with pytest.raises(ValueError, match="axis"):
        tf.sparse.expand_dims(s, 5)


def test_shapes_that_are_not_known_before_the_run(session):
    s = v1.sparse_placeholder(tf.float32)
    value = v1.SparseTensorValue([[0, 1], [2, 3]], [1.0, 2.0], [3, 4])
    results = [
        tf.sparse.transpose(s),
        tf.sparse.expand_dims(s, 0),
        tf.sparse.reset_shape(s),
        tf.sparse.reset_shape(s, [9, 9]),
        tf.sparse.fill_empty_rows(s, -1.0)[0],
        tf.sparse.retain(s, [True, False]),
    ]
    got = session.run(results, {s: value})
    assert got[0].dense_shape.tolist() == [4, 3] and got[0].values.tolist() == [1.0, 2.0]
    assert got[1].dense_shape.tolist() == [1, 3, 4]
    assert got[2].dense_shape.tolist() == [3, 4] and got[3].dense_shape.tolist() == [9, 9]
    assert got[4].values.tolist() == [1.0, -1.0, 2.0]
    assert got[5].values.tolist() == [1.0]


def test_ids_become_indicators_and_merge():
    ids = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [2, 0, 1], [2, 2])
    assert tf.sparse.to_indicator(ids, 3).numpy().tolist() == [
        [True, False, True],
        [False, True, False],
    ]
    weights = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0.5, 1.5, 2.5], [2, 2])
    merged = v1.sparse_merge(ids, weights, 3)
    assert dense(merged).tolist() == [[1.5, 0, 0.5], [0, 2.5, 0]]


def test_the_rest():
    s = sparse()
    assert tf.sparse.map_values(tf.multiply, s, 2.0).values.numpy().tolist() == [2, 4, 6, 8]
    assert dense(tf.sparse.softmax(s)).sum(axis=1).tolist() == pytest.approx([1, 0, 1])
    assert dense(tf.sparse.maximum(s, sparse(-DENSE))).max() == 4.0
    assert dense(tf.sparse.eye(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert tf.cast(s, tf.int32).values.dtype is tf.int32
    converted = v1.convert_to_tensor_or_sparse_tensor(v1.SparseTensorValue([[0]], [1], [2]))
    assert isinstance(converted, tf.SparseTensor)
    with pytest.raises(ValueError, match="No SparseTensor"):
        tf.sparse.map_values(tf.ones_like, DENSE)


def test_an_eager_one_is_shown_with_its_tensors():
    shown = repr(tf.sparse.SparseTensor([[0, 1]], [5], [2, 2]))
    assert shown == (
        "SparseTensor(indices=tf.Tensor([[0 1]], shape=(1, 2), dtype=int64), "
        "values=tf.Tensor([5], shape=(1,), dtype=int32), "
        "dense_shape=tf.Tensor([2 2], shape=(2,), dtype=int64))"
    )
