"""Calls with ragged tensors, made by TensorFlow (make_ragged_golden.py) and by Reflow.

Each takes `tf`, `r`, which makes a ragged tensor of a list, and `t`, which makes a tensor (Reflow may
feed both instead). `bad` ones are refused.
"""

GOOD = {}
BAD = {}


def calls(**functions):
    GOOD.update(functions)


def bad(**functions):
    BAD.update(functions)


A = [[1, 2], [], [3]]
B = [[10, 20], [], [30]]
F = [[1.0, 2.5], [], [-3.0]]
S = [["a", "bc"], [], ["d"]]
D = [[[1, 2], [3]], [], [[4, 5, 6]]]  # two ragged dimensions
P = [[[1, 2], [3, 4]], [[5, 6]]]  # pairs in rows

# Factories and parts ------------------------------------------------------------------------------

calls(
    constant=lambda tf, r, t: r(A),
    constant_deep=lambda tf, r, t: r(D),
    constant_inner=lambda tf, r, t: tf.ragged.constant(P, inner_shape=(2,)),
    constant_rank=lambda tf, r, t: tf.ragged.constant(P, ragged_rank=1),
    constant_empty=lambda tf, r, t: tf.ragged.constant([], dtype=tf.int32, ragged_rank=1),
    constant_rank_0=lambda tf, r, t: tf.ragged.constant([[1, 2]], ragged_rank=0),
    constant_int32=lambda tf, r, t: tf.ragged.constant(A, row_splits_dtype=tf.int32),
    constant_strings=lambda tf, r, t: tf.ragged.constant(S),
    constant_halves=lambda tf, r, t: tf.ragged.constant(F, dtype=tf.float16),
    from_splits=lambda tf, r, t: tf.RaggedTensor.from_row_splits(t([1, 2, 3]), [0, 2, 2, 3]),
    from_lengths=lambda tf, r, t: tf.RaggedTensor.from_row_lengths(t([1, 2, 3]), [1, 0, 2]),
    from_starts=lambda tf, r, t: tf.RaggedTensor.from_row_starts(t([1, 2, 3]), [0, 1, 1]),
    from_limits=lambda tf, r, t: tf.RaggedTensor.from_row_limits(t([1, 2, 3]), [0, 1, 3]),
    from_rowids=lambda tf, r, t: tf.RaggedTensor.from_value_rowids(t([1, 2, 3]), [0, 0, 2]),
    from_rowids_more=lambda tf, r, t: tf.RaggedTensor.from_value_rowids(t([1, 2, 3]), [0, 0, 2], 5),
    from_uniform=lambda tf, r, t: tf.RaggedTensor.from_uniform_row_length(t([1, 2, 3, 4]), 2),
    from_uniform_ragged=lambda tf, r, t: tf.RaggedTensor.from_uniform_row_length(r([[1], [], [2, 3], []]), 2),
    from_uniform_none=lambda tf, r, t: tf.RaggedTensor.from_uniform_row_length(tf.zeros([0]), 0, nrows=3),
    from_nested_splits=lambda tf, r, t: tf.RaggedTensor.from_nested_row_splits(t([1, 2, 3]), [[0, 1, 2], [0, 2, 3]]),
    from_nested_lengths=lambda tf, r, t: tf.RaggedTensor.from_nested_row_lengths(t([1, 2, 3]), [[1, 1], [2, 1]]),
    from_nested_rowids=lambda tf, r, t: tf.RaggedTensor.from_nested_value_rowids(
        t([1, 2, 3]), [[0, 2], [0, 0, 1]], [4, 2]),
    from_tensor=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[1, 2], [3, 4]])),
    from_tensor_lengths=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[1, 2, 3], [4, 5, 6]]), lengths=[1, 3]),
    from_tensor_padding=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[5, 0, 7, 0], [0, 0, 0, 0]]), padding=0),
    from_tensor_padding_rows=lambda tf, r, t: tf.RaggedTensor.from_tensor(
        t([[[1, 2], [0, 0]], [[0, 0], [0, 0]]]), padding=[0, 0]),
    from_tensor_deep=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[[1, 2], [3, 4], [5, 6]]]), ragged_rank=2),
    from_tensor_deep_padding=lambda tf, r, t: tf.RaggedTensor.from_tensor(
        t([[[1, 0], [3, 4], [0, 0]]]), ragged_rank=2, padding=0),
    from_tensor_nested=lambda tf, r, t: tf.RaggedTensor.from_tensor(
        t([[[1, 2], [3, 0]], [[4, 0], [0, 0]]]), lengths=([2, 1], [2, 1, 1])),
    from_sparse=lambda tf, r, t: tf.RaggedTensor.from_sparse(
        tf.SparseTensor([[0, 0], [0, 1], [2, 0]], [1, 2, 3], [4, 5])),
    to_tensor=lambda tf, r, t: r(A).to_tensor(),
    to_tensor_default=lambda tf, r, t: r(A).to_tensor(-1),
    to_tensor_shape=lambda tf, r, t: r(A).to_tensor(shape=[2, 3]),
    to_tensor_shape_open=lambda tf, r, t: r(A).to_tensor(shape=[None, 1]),
    to_tensor_deep=lambda tf, r, t: r(D).to_tensor(),
    to_tensor_strings=lambda tf, r, t: r(S).to_tensor(),
    to_tensor_inner=lambda tf, r, t: r(P, ragged_rank=1).to_tensor([7, 8]),
    to_sparse=lambda tf, r, t: r(D).to_sparse(),
    to_sparse_inner=lambda tf, r, t: r(P, ragged_rank=1).to_sparse(),
    parts=lambda tf, r, t: [r(D).values, r(D).flat_values, r(D).row_splits, *r(D).nested_row_splits],
    rowids=lambda tf, r, t: [r(D).value_rowids(), *r(D).nested_value_rowids()],
    lengths=lambda tf, r, t: [r(D).row_lengths(), *r(D).nested_row_lengths(), r(D).nrows()],
    lengths_axes=lambda tf, r, t: [r(D).row_lengths(0), r(D).row_lengths(2), r(D).row_lengths(-1)],
    lengths_inner=lambda tf, r, t: r(P, ragged_rank=1).row_lengths(2),
    starts_limits=lambda tf, r, t: [r(A).row_starts(), r(A).row_limits()],
    bounding=lambda tf, r, t: [r(D).bounding_shape(), r(D).bounding_shape(axis=1), r(D).bounding_shape(axis=[2, 0])],
    bounding_int32=lambda tf, r, t: r(A).bounding_shape(out_type=tf.int32),
    merge=lambda tf, r, t: [r(D).merge_dims(0, 1), r(D).merge_dims(1, 2), r(D).merge_dims(0, 2)],
    merge_inner=lambda tf, r, t: [r(P, ragged_rank=1).merge_dims(1, 2), r(P, ragged_rank=1).merge_dims(-2, -1)],
    with_values=lambda tf, r, t: r(A).with_values(t([7, 8, 9])),
    with_flat_values=lambda tf, r, t: r(D).with_flat_values(t([1.0] * 6)),
    with_splits=lambda tf, r, t: r(D).with_row_splits_dtype(tf.int32),
    segment_ids=lambda tf, r, t: [
        tf.ragged.row_splits_to_segment_ids([0, 2, 2, 3]),
        tf.ragged.row_splits_to_segment_ids(tf.constant([0, 2, 3]), out_type=tf.int64),
        tf.ragged.segment_ids_to_row_splits([0, 0, 2]),
        tf.ragged.segment_ids_to_row_splits(tf.constant([0, 0, 2]), 5)],
)  # fmt: skip
bad(
    constant_depths=lambda tf, r, t: tf.ragged.constant([[1], 2]),
    constant_rank_too_high=lambda tf, r, t: tf.ragged.constant([1, 2], ragged_rank=3),
    constant_of_ragged=lambda tf, r, t: tf.ragged.constant(r(A)),
    constant_inner_shapes=lambda tf, r, t: tf.ragged.constant([[[1, 2]], [[3]]], ragged_rank=1),
    constructor=lambda tf, r, t: tf.RaggedTensor(t([1]), t([0, 1])),
    splits_first=lambda tf, r, t: tf.RaggedTensor.from_row_splits(t([1, 2]), [1, 2]),
    splits_order=lambda tf, r, t: tf.RaggedTensor.from_row_splits(t([1, 2]), [0, 2, 1, 2]),
    splits_last=lambda tf, r, t: tf.RaggedTensor.from_row_splits(t([1, 2]), [0, 1]),
    splits_none=lambda tf, r, t: tf.RaggedTensor.from_row_splits(
        t([1, 2]), tf.zeros([0], tf.int64)
    ),
    lengths_sum=lambda tf, r, t: tf.RaggedTensor.from_row_lengths(t([1, 2]), [1]),
    lengths_negative=lambda tf, r, t: tf.RaggedTensor.from_row_lengths(t([1, 2]), [3, -1]),
    rowids_order=lambda tf, r, t: tf.RaggedTensor.from_value_rowids(t([1, 2]), [1, 0]),
    rowids_beyond=lambda tf, r, t: tf.RaggedTensor.from_value_rowids(t([1, 2]), [0, 5], 3),
    uniform_rest=lambda tf, r, t: tf.RaggedTensor.from_uniform_row_length(t([1, 2, 3]), 2),
    tensor_both=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[1]]), lengths=[1], padding=0),
    tensor_rank=lambda tf, r, t: tf.RaggedTensor.from_tensor(t([[1]]), ragged_rank=2),
    sparse_gap=lambda tf, r, t: tf.RaggedTensor.from_sparse(tf.SparseTensor([[0, 1]], [1], [2, 2])),
    to_tensor_rank=lambda tf, r, t: r(A).to_tensor(shape=[3]),
    merge_order=lambda tf, r, t: r(D).merge_dims(2, 1),
    as_tensor=lambda tf, r, t: tf.convert_to_tensor(r(A)),
    det=lambda tf, r, t: tf.linalg.det(r(F)),
    as_bool=lambda tf, r, t: bool(r(A)),
)

# Indexing -----------------------------------------------------------------------------------------

calls(
    row=lambda tf, r, t: [r(A)[0], r(A)[-1], r(D)[0], r(D)[2, 0], r(D)[2, 0, 1]],
    row_by_tensor=lambda tf, r, t: [r(A)[t(2)], r(D)[t(0)]],
    rows=lambda tf, r, t: [r(A)[1:], r(A)[:-1], r(A)[::2], r(A)[::-1], r(A)[5:], r(D)[2:, :1]],
    rows_by_tensors=lambda tf, r, t: [r(A)[t(1):], r(A)[: t(2)]],
    columns=lambda tf, r, t: [r(A)[:, :1], r(A)[:, 1:], r(A)[:, -1:], r(A)[:, ::-1], r(A)[:, :-1]],
    columns_deep=lambda tf, r, t: [r(D)[:, :1], r(D)[:, :, 1:], r(D)[..., :1], r(D)[:, 1:, ::2]],
    columns_steps=lambda tf, r, t: [r([[1, 2, 3, 4, 5], [6, 7]])[:, i:j:k] for i, j, k in
        ((1, 4, 2), (-2, None, 1), (None, None, -2), (3, 0, -1), (None, -3, None), (4, None, -3))],
    inner=lambda tf, r, t: [r(P, ragged_rank=1)[:, :, 0], r(P, ragged_rank=1)[..., 1], r(P, ragged_rank=1)[0, 1]],
    uniform_column=lambda tf, r, t: [tf.expand_dims(r(A), 1)[:, 0], tf.expand_dims(r(A), 1)[:, -1]],
    new_axes=lambda tf, r, t: [r(A)[tf.newaxis], r(A)[:, tf.newaxis], r(A)[..., tf.newaxis], r(A)[0, tf.newaxis]],
    everything=lambda tf, r, t: [r(A)[:], r(A)[...], r(A)[:, :]],
)  # fmt: skip
bad(
    index_ragged=lambda tf, r, t: r(A)[:, 0],
    index_beyond=lambda tf, r, t: tf.ragged.constant(A)[7],
    index_float=lambda tf, r, t: r(A)[1.5],
    step_zero=lambda tf, r, t: r(A)[:, ::0],
)

# Element-wise -------------------------------------------------------------------------------------

calls(
    operators=lambda tf, r, t: [
        r(A) + r(B), r(A) - 1, 2 * r(A), r(F) / 2.0, r(B) // 3, r(B) % 7, r(A) ** 2, -r(A), abs(r(F))],
    reflected=lambda tf, r, t: [1 + r(A), 10 - r(A), 6 / r(A), 2 ** r(A), 7 % r(A)],
    comparisons=lambda tf, r, t: [r(A) < 2, r(A) >= r(B), r(A) > 1, r(A) <= 1],
    equality=lambda tf, r, t: [r(A) == r(A), r(A) != 2, tf.constant(r(A) == r([[1]]))],
    logic=lambda tf, r, t: [(r(A) > 1) & (r(A) < 3), (r(A) > 1) | (r(A) < 2), ~(r(A) > 1), (r(A) > 1) ^ True],
    dense_left=lambda tf, r, t: t([[1], [2], [3]]) + r(A),
    broadcast=lambda tf, r, t: [r(A) + t([[1], [2], [3]]), r(A) * t([10]), r(P, ragged_rank=1) + t([100, 200])],
    broadcast_rows=lambda tf, r, t: [r([[1, 2]]) + r(A[:1]), r(D) + t([[[1]], [[2]], [[3]]])],
    broadcast_uniform=lambda tf, r, t: r(A) + tf.RaggedTensor.from_uniform_row_length([1, 2, 3], 1),
    broadcast_new_axis=lambda tf, r, t: tf.expand_dims(r(A), 1) * t([[[1], [10]]]),
    int32_splits=lambda tf, r, t: tf.ragged.constant(A, row_splits_dtype=tf.int32) + t([[1], [2], [3]]),
    unary=lambda tf, r, t: [
        tf.abs(r(F)), tf.exp(r(F)), tf.nn.relu(r(F)), tf.sigmoid(r(F)), tf.math.square(r(A)), tf.sign(r(F)),
        tf.zeros_like(r(A)), tf.ones_like(r(A), dtype=tf.float32), tf.cast(r(F), tf.int32), tf.identity(r(A)),
        tf.clip_by_value(r(F), -1.0, 1.0), tf.nn.leaky_relu(r(F), alpha=0.5), tf.nn.elu(features=r(F)),
        tf.math.is_nan(r(F)), tf.bitwise.invert(r(A)), tf.nn.gelu(r(F)), tf.round(r(F)), tf.stop_gradient(r(A))],
    binary=lambda tf, r, t: [
        tf.add(r(A), r(B)), tf.maximum(r(A), 2), tf.math.floormod(r(B), 7), tf.equal(r(A), 2), tf.less(r(A), r(B)),
        tf.math.divide_no_nan(r(F), 2.0), tf.multiply(x=r(A), y=3), tf.pow(r(A), 2), tf.math.atan2(r(F), 1.0),
        tf.math.squared_difference(r(A), r(B)), tf.logical_and(r(A) > 1, True), tf.truediv(r(A), 2),
        tf.nn.sigmoid_cross_entropy_with_logits(labels=r(F), logits=r(F))],
    add_n=lambda tf, r, t: tf.add_n([r(A), r(B), r(A)]),
    strings=lambda tf, r, t: [
        tf.strings.length(r(S)), tf.strings.upper(r(S)), tf.strings.join([r(S), "-", r(S)]), tf.strings.substr(r(S), 0, 1),
        tf.strings.regex_replace(r(S), "b", "x"), tf.strings.to_number(tf.strings.as_string(r(A))),
        tf.strings.as_string(r(F), precision=2), tf.strings.to_hash_bucket_fast(r(S), 50)],
    map_flat_values=lambda tf, r, t: [
        tf.ragged.map_flat_values(tf.add, r(A), r(B)), tf.ragged.map_flat_values(lambda x: x * 2, r(D)),
        tf.ragged.map_flat_values(tf.add, r(A), t(5)), tf.ragged.map_flat_values(tf.stack, [r(A), r(B)], axis=1)],
    dropout_none=lambda tf, r, t: tf.nn.dropout(r(F), 0.0),
)  # fmt: skip
bad(
    add_other_rows=lambda tf, r, t: r(A) + r([[1], [2], [3]]),
    add_dense=lambda tf, r, t: r(A) + t([[1, 2], [3, 4], [5, 6]]),
    map_reduces=lambda tf, r, t: tf.ragged.map_flat_values(tf.reduce_sum, r(A)),
    map_other_rows=lambda tf, r, t: tf.ragged.map_flat_values(tf.add, r(A), r([[1, 2, 3]])),
    assert_less=lambda tf, r, t: tf.debugging.assert_less(r(A), r(A)),
    dtypes=lambda tf, r, t: r(A) + r(F),
    mixed_splits=lambda tf, r, t: r(A) + tf.ragged.constant(A, row_splits_dtype=tf.int32),
)

# Arithmetic over rows -----------------------------------------------------------------------------

E = [[1.0, 2.5], [4.0, 0.5, 3.0], [-3.0]]

calls(
    reduce_rows=lambda tf, r, t: [f(r(E), axis=1) for f in
        (tf.reduce_sum, tf.reduce_prod, tf.reduce_min, tf.reduce_max, tf.reduce_mean)],
    reduce_columns=lambda tf, r, t: [f(r(E), axis=0) for f in
        (tf.reduce_sum, tf.reduce_prod, tf.reduce_min, tf.reduce_max, tf.reduce_mean)],
    reduce_all_of_it=lambda tf, r, t: [f(r(E)) for f in
        (tf.reduce_sum, tf.reduce_prod, tf.reduce_min, tf.reduce_max, tf.reduce_mean)],
    reduce_empty_rows=lambda tf, r, t: [tf.reduce_sum(r(A), 1), tf.reduce_max(r(F), 1), tf.reduce_prod(r(A), 1)],
    reduce_keepdims=lambda tf, r, t: [
        tf.reduce_sum(r(E), 1, keepdims=True), tf.reduce_sum(r(E), 0, True), tf.reduce_sum(r(E), keepdims=True)],
    reduce_deep=lambda tf, r, t: [tf.reduce_sum(r(D), axis) for axis in (0, 1, 2, -1, [0, 1], [0, 2], [1, 2], [-1, 0])],
    reduce_inner=lambda tf, r, t: [tf.reduce_sum(r(P, ragged_rank=1), axis) for axis in (0, 1, 2)],
    reduce_spread=lambda tf, r, t: [tf.math.reduce_variance(r(E), 1), tf.math.reduce_std(r(E), 0)],
    reduce_bools=lambda tf, r, t: [
        tf.reduce_any(r(E) > 2.0, 1), tf.reduce_all(r(E) > 0.0, 1), tf.reduce_all(r(E) > 0.0), tf.reduce_any(r(D) > 5, 2)],
    reduce_mean_deep=lambda tf, r, t: tf.reduce_mean(tf.cast(r(D), tf.float32), axis=2),
    ranges=lambda tf, r, t: [
        tf.ragged.range([3, 0, 2]), tf.ragged.range([0, 5], [3, 1], [1, -2]), tf.ragged.range(2, [4, 3]),
        tf.ragged.range([1.0, 2.0], 3.0, 0.5), tf.ragged.range([2], row_splits_dtype=tf.int32),
        tf.ragged.range([2], dtype=tf.int64)],
    cumsum=lambda tf, r, t: [
        tf.cumsum(r(E), 1), tf.cumsum(r(E), 1, exclusive=True), tf.cumsum(r(E), 1, reverse=True),
        tf.cumsum(r(E), 0), tf.cumsum(r(P, ragged_rank=1), 2), tf.cumsum(r(D), 2, True, True)],
    softmax=lambda tf, r, t: tf.nn.softmax(r(E)),
    segments=lambda tf, r, t: [
        tf.math.unsorted_segment_sum(r(E), t([0, 0, 1]), 3), tf.math.unsorted_segment_max(r(A), r([[0, 1], [], [1]]), 2),
        tf.math.unsorted_segment_mean(r(E), [1, 0, 1], 2)],
    matmul=lambda tf, r, t: [
        tf.matmul(r([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], ragged_rank=1), t([[[1.0], [2.0]], [[3.0], [4.0]]])),
        tf.matmul(t([[[1.0]], [[2.0]]]), r([[[1.0, 2.0]], [[3.0]]], ragged_rank=2))],
    bincount=lambda tf, r, t: [
        tf.math.bincount(r(A), axis=-1), tf.math.bincount(r(A)), tf.math.bincount(r(A), axis=-1, minlength=6),
        tf.math.bincount(r(A), axis=-1, binary_output=True, maxlength=3), tf.math.bincount(r(A), weights=r(F), axis=-1)],
    cross=lambda tf, r, t: [
        tf.ragged.cross([r(S), r(A)]), tf.ragged.cross([r(S), t([["x", "y"], ["z", "w"], ["u", "v"]])]),
        tf.ragged.cross_hashed([r(S), r(A)], num_buckets=100), tf.ragged.cross_hashed([r(S)], hash_key=5)],
)  # fmt: skip
bad(
    reduce_axis=lambda tf, r, t: tf.reduce_sum(r(A), 5),
    range_delta=lambda tf, r, t: tf.ragged.range([1], [2], [0]),
    cross_rank=lambda tf, r, t: tf.ragged.cross([r(D)]),
    cross_none=lambda tf, r, t: tf.ragged.cross(r(A)),
)

# Arrangement --------------------------------------------------------------------------------------

calls(
    concat=lambda tf, r, t: [
        tf.concat([r(A), r(B)], 0), tf.concat([r(A), r(B)], 1), tf.concat([r(A), t([[4], [5], [6]])], axis=1),
        tf.concat([r(D), r(D)], axis=2), tf.concat([r(D), r(D)], axis=-2), tf.concat([r(A)], axis=1)],
    concat_inner=lambda tf, r, t: tf.concat([r(P, ragged_rank=1), r(P, ragged_rank=1)], axis=2),
    stack=lambda tf, r, t: [
        tf.stack([r(A), r(B)]), tf.stack([r(A), r(B)], 1), tf.stack([r(A), r(B)], axis=2), tf.stack([r(A), r(B)], axis=-1)],
    ragged_stack=lambda tf, r, t: [
        tf.ragged.stack([t([1, 2]), t([3])]), tf.ragged.stack([t(1), t(2)]), tf.ragged.stack([t([1, 2]), t([3, 4])], axis=1),
        tf.ragged.stack([t([[1, 2]]), t([[3]])], axis=0), tf.ragged.stack([r(A), r(B[:2])], axis=0)],
    gather=lambda tf, r, t: [
        tf.gather(r(A), [2, 0, 2]), tf.gather(r(A), [[1, 0], [2, 2]]), tf.gather(r(A), t(2)), tf.gather(r(D), [2, 0]),
        tf.gather(t([5, 6, 7, 8]), r(A)), tf.gather(r(A), r([[1, 0], [2]])), tf.gather(r(P, ragged_rank=1), [1])],
    gather_batch=lambda tf, r, t: [
        tf.gather(r(B), r([[1, 0, 1], [], [0]]), batch_dims=1), tf.gather(t([[1, 2], [3, 4]]), r([[1], [0, 1]]), batch_dims=1),
        tf.gather(r([[1, 2], [3]]), t([1, 0]), batch_dims=1), tf.gather(r([[1, 2], [3]]), t([[1], [0]]), batch_dims=1)],
    gather_axis=lambda tf, r, t: [tf.gather(r([[1, 2], [3, 4, 5]]), [1, 0], axis=1), tf.gather(r(P, ragged_rank=1), [1], axis=2)],
    gather_nd=lambda tf, r, t: [
        tf.gather_nd(r(A), [[0, 1], [2, 0]]), tf.gather_nd(r(A), [[2], [0]]), tf.gather_nd(r(D), [[2, 0]]),
        tf.gather_nd(r(D), [[2, 0, 1], [0, 1, 0]]), tf.gather_nd(r(P, ragged_rank=1), [[0, 1, 1]]), tf.gather_nd(r(A), [2, 0])],
    where=lambda tf, r, t: [
        tf.where(r(A) > 1), tf.where(r(A) > 1, r(A), r(B)), tf.where(r(A) > 1, r(A), 0), tf.where(r(D) > 2),
        tf.where(t([[True], [False], [True]]), r(A), r(B))],
    expand_dims=lambda tf, r, t: [tf.expand_dims(r(A), axis) for axis in (0, 1, 2, -1, -3)],
    expand_dims_deep=lambda tf, r, t: [tf.expand_dims(r(D), axis) for axis in (0, 1, 2, 3)],
    squeeze=lambda tf, r, t: [
        tf.squeeze(r([[1, 2]]), 0), tf.squeeze(tf.expand_dims(r(A), 1), 1), tf.squeeze(r([[[1, 2]], [[3]]]), [1]),
        tf.squeeze(tf.expand_dims(r(A), 2), -1)],
    tile=lambda tf, r, t: [
        tf.tile(r(A), [2, 1]), tf.tile(r(A), [1, 2]), tf.tile(r(A), [2, 3]), tf.tile(r(D), [1, 2, 2]), tf.tile(r(D), [2, 1, 0]),
        tf.tile(r(P, ragged_rank=1), [1, 2, 2]), tf.tile(r(A), t([1, 2]))],
    reverse=lambda tf, r, t: [
        tf.reverse(r(A), [0]), tf.reverse(r(A), [1]), tf.reverse(r(D), [0, 2]), tf.reverse(r(P, ragged_rank=1), [-1])],
    sizes=lambda tf, r, t: [tf.size(r(D)), tf.rank(r(D)), tf.size(r(A), out_type=tf.int64)],
    one_hot=lambda tf, r, t: [tf.one_hot(r(A), 4), tf.one_hot(r(A), 3, on_value=5, off_value=1, dtype=tf.int32)],
    split=lambda tf, r, t: [*tf.split(r(A), 3), *tf.split(r(A), [1, 2]), *tf.split(r(P, ragged_rank=1), 2, axis=2)],
    reshape=lambda tf, r, t: [tf.reshape(r(A), [-1]), tf.reshape(r(D), [3, 2])],
    mask=lambda tf, r, t: [
        tf.ragged.boolean_mask(t([[1, 2], [3, 4]]), [[True, False], [False, False]]),
        tf.ragged.boolean_mask(r(A), r(A) > 1), tf.ragged.boolean_mask(r(A), t([True, False, True])),
        tf.ragged.boolean_mask(r(D), r([[True, False], [], [True]])), tf.ragged.boolean_mask(r(D), r(D) > 2),
        tf.ragged.boolean_mask(t([1, 2, 3]), [True, False, True])],
    partitions=lambda tf, r, t: [
        tf.ragged.stack_dynamic_partitions(t(["a", "b", "c"]), [1, 0, 1], 3), tf.ragged.stack_dynamic_partitions(r(A), [0, 1, 0], 2),
        tf.ragged.stack_dynamic_partitions(r(A), r([[0, 1], [], [0]]), 2), *tf.dynamic_partition(r(A), [0, 1, 0], 2)],
    embedding=lambda tf, r, t: [
        tf.nn.embedding_lookup(t([[1.0], [2.0], [3.0], [4.0]]), r(A)),
        tf.nn.embedding_lookup_sparse(t([[1.0], [2.0], [3.0], [4.0]]), r([[1, 2], [3]]), None, combiner="sum"),
        tf.nn.embedding_lookup_sparse(t([[1.0], [2.0], [3.0], [4.0]]), r([[1, 2], [3]]), r([[1.0, 2.0], [0.5]]), combiner="mean"),
        tf.nn.safe_embedding_lookup_sparse(t([[1.0], [2.0], [3.0], [4.0]]), tf.cast(r(A), tf.int64))],
)  # fmt: skip
bad(
    concat_ranks=lambda tf, r, t: tf.concat([r(A), r(D)], 0),
    concat_rows=lambda tf, r, t: tf.concat([r(A), r(A[:2])], 1),
    concat_axis=lambda tf, r, t: tf.concat([r(A), r(A)], 2),
    stack_none=lambda tf, r, t: tf.ragged.stack([]),
    gather_beyond=lambda tf, r, t: tf.gather(r(A), [3]),
    expand_axis=lambda tf, r, t: tf.expand_dims(r(A), 4),
    squeeze_all=lambda tf, r, t: tf.squeeze(r(A)),
    squeeze_rows=lambda tf, r, t: tf.squeeze(r(A), 1),
    one_hot_axis=lambda tf, r, t: tf.one_hot(r(A), 4, axis=0),
    mask_scalar=lambda tf, r, t: tf.ragged.boolean_mask(t([1]), True),
    mask_rows=lambda tf, r, t: tf.ragged.boolean_mask(r(A), r([[True], [], []])),
    tile_multiples=lambda tf, r, t: tf.tile(r(A), [1, 2, 3]),
    where_rows=lambda tf, r, t: tf.where(r(A) > 1, r(A), r([[1]])),
    split_uneven=lambda tf, r, t: tf.split(r(A), 2),
    split_ragged=lambda tf, r, t: tf.split(r(A), 2, axis=1),
)

# Shapes as values ---------------------------------------------------------------------------------

# fmt: off
calls(
    shapes=lambda tf, r, t: [
        tf.shape(r(A))[0], tf.shape(r(A)).inner_shape, tf.ones(tf.shape(r(A))), tf.fill(tf.shape(r(D)), 5),
        tf.reshape(t([7, 8, 9]), tf.shape(r(A))), tf.broadcast_to(t([[1], [2], [3]]), tf.shape(r(A))),
        tf.broadcast_to(t(5), tf.shape(r(D))), tf.zeros(tf.shape(r(P, ragged_rank=1)), tf.int32), tf.shape(r(P, ragged_rank=1))[2],
        tf.shape(r(D))[:2].inner_shape, tf.shape(r(A), out_type=tf.int64).inner_shape],
    shapes_of_lengths=lambda tf, r, t: [
        tf.ones(tf.experimental.DynamicRaggedShape.from_lengths(each))
        for each in ([2, (2, 1)], [2, (2, 1), 3], [2, (2, 1), 2, (1, 0, 2, 1, 0, 1)], [2, 3])],
)
# fmt: on
bad(
    size_of_ragged=lambda tf, r, t: tf.shape(r(A))[1],
    shape_parts=lambda tf, r, t: tf.shape(r(D))[1:],
    lengths_of_shape=lambda tf, r, t: tf.experimental.DynamicRaggedShape.from_lengths([(1, 2), 3]),
)

# Strings, rows one by one -------------------------------------------------------------------------

calls(
    split_strings=lambda tf, r, t: [
        tf.strings.split(t(["a b  c", "", "d"])), tf.strings.split(t("a b")), tf.strings.split(t([["a b", "c"], ["", "d e"]])),
        tf.strings.split(r([["a b"], ["c", ""]])), tf.strings.split(t(["a,b", ",c"]), sep=","), tf.strings.split(t(["a b c"]), maxsplit=1)],
    split_v1=lambda tf, r, t: [
        tf.compat.v1.strings.split(t(["a b", "c"]), result_type="RaggedTensor"), tf.compat.v1.strings.split(t([["a b", "c"]])),
        tf.compat.v1.string_split(t(["a b", "c"]), result_type="RaggedTensor")],
    bytes_split=lambda tf, r, t: [tf.strings.bytes_split(t(["ab", ""])), tf.strings.bytes_split(t("ab")), tf.strings.bytes_split(r(S))],
    reduce_join=lambda tf, r, t: [
        tf.strings.reduce_join(r(S), 1), tf.strings.reduce_join(r(S), axis=-1, separator="-"), tf.strings.reduce_join(r(S), 0),
        tf.strings.reduce_join(r(S))],
    ngrams=lambda tf, r, t: [
        tf.strings.ngrams(t(["a", "b", "c"]), 2), tf.strings.ngrams(r([["a", "b", "c"], ["d"]]), 2),
        tf.strings.ngrams(r([["a", "b", "c"], ["d"]]), (1, 2), pad_values=("<", ">")), tf.strings.ngrams(t([["a", "b", "c"]]), 2),
        tf.strings.ngrams(r([["a", "b", "c"], ["d"]]), 3, "", "_", 1), tf.strings.ngrams(r([["a"], []]), 2, preserve_short_sequences=True)],
    as_text=lambda tf, r, t: [
        tf.strings.format("{} and {}", (r(A), t(5))), tf.strings.format("{}", r(S)), tf.strings.format("{}", r(F)),
        tf.strings.format("{}", r([[1, 2, 3, 4, 5, 6, 7, 8, 9], [1]])), tf.strings.format("{}", r(D), summarize=1)],
    map_rows=lambda tf, r, t: [
        tf.map_fn(tf.reduce_sum, r(A), fn_output_signature=tf.int32),
        tf.map_fn(lambda x: x + 1, r(A), fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)),
        tf.map_fn(lambda x: x * 2, r(D)), tf.map_fn(lambda x: tf.reduce_sum(x, axis=1), r(D), fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)),
        tf.map_fn(tf.range, t([2, 0, 3]), fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)),
        tf.map_fn(lambda x: tf.ragged.range(x), t([[1, 2], [3, 0]]), fn_output_signature=tf.RaggedTensorSpec([2, None], tf.int32)),
        tf.map_fn(lambda x: x[0] + x[1], (r(A), t([10, 20, 30])), fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)),
        tf.map_fn(lambda x: (x, tf.size(x)), r(A), fn_output_signature=(tf.RaggedTensorSpec([None], tf.int32), tf.int32))[1]],
    map_sparse=lambda tf, r, t: [
        tf.map_fn(tf.sparse.reduce_sum, tf.sparse.from_dense([[1, 0, 2], [0, 0, 3]]), fn_output_signature=tf.int32),
        tf.map_fn(lambda x: x, tf.sparse.from_dense([[1, 0, 2], [0, 0, 3]]), fn_output_signature=tf.SparseTensorSpec([None], tf.int32)),
        tf.map_fn(lambda x: tf.sparse.from_dense([x, 0, x]), t([1, 2]), fn_output_signature=tf.SparseTensorSpec([3], tf.int32))],
)  # fmt: skip
bad(
    ngrams_width=lambda tf, r, t: tf.strings.ngrams(r(S), 0),
    ngrams_padding=lambda tf, r, t: tf.strings.ngrams(r(S), 2, padding_width=1),
    ngrams_pads=lambda tf, r, t: tf.strings.ngrams(r(S), 2, pad_values=5),
)

# Data sets: eagerly alone -------------------------------------------------------------------------

DATA = {
    "slices": lambda tf, D: [*D.from_tensor_slices(tf.ragged.constant(A)), *D.from_tensor_slices(tf.ragged.constant(D3))],
    "whole": lambda tf, D: [*D.from_tensors(tf.ragged.constant(D3)).repeat(2)],
    "batches": lambda tf, D: [
        *D.from_tensor_slices(tf.ragged.constant(A)).batch(2), *D.from_tensor_slices(tf.ragged.constant(D3)).batch(2)],
    "mapped": lambda tf, D: [*D.from_tensor_slices(tf.ragged.constant(D3)).map(lambda x: x * 2)],
    "mapped_batch": lambda tf, D: [*D.from_tensor_slices(tf.ragged.constant(A)).batch(3).map(lambda x: tf.reduce_sum(x, 1))],
    "dictionary": lambda tf, D: [
        v for e in D.from_tensor_slices({"a": tf.ragged.constant(A), "b": [1, 2, 3]}).batch(2) for v in (e["a"], e["b"])],
    "ragged_batch": lambda tf, D: [*D.range(1, 4).map(lambda n: tf.fill([n], n)).ragged_batch(2)],
    "ragged_batch_pairs": lambda tf, D: [
        v for e in D.range(1, 4).map(lambda n: (tf.fill([n, 2], n), n)).ragged_batch(3) for v in e],
    "dense_to_ragged": lambda tf, D: [
        *D.range(1, 4).map(lambda n: tf.fill([2, n], n)).apply(tf.data.experimental.dense_to_ragged_batch(3, True))],
    "split": lambda tf, D: [*D.from_tensor_slices(["a b", "c"]).map(tf.strings.split).ragged_batch(2)],
    "generator": lambda tf, D: [*D.from_generator(
        lambda: iter([tf.ragged.constant(A)]), output_signature=tf.RaggedTensorSpec([None, None], tf.int32))],
    "unbatched": lambda tf, D: [
        *D.from_tensors(tf.ragged.constant(A)).unbatch(), *D.from_tensors(tf.sparse.from_dense([[1, 0], [0, 2]])).unbatch()],
    "rebatched": lambda tf, D: [*D.from_tensor_slices(tf.ragged.constant(A)).batch(2).rebatch(3)],
    "kept": lambda tf, D: [*D.from_tensor_slices(tf.ragged.constant(A)).filter(lambda x: tf.size(x) > 0)],
}  # fmt: skip
D3 = D
