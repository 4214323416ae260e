"""Calls of public functions whose nodes are compared with TensorFlow's: see make_wrappers_golden.py.

Each line is an expression of `tf` (the TF 1 name space), `tf2` (TF 2's) and of these placeholders:

    x: float32 [2, 3, 4]     p: float32 [None, 3]     u: float32 of unknown rank
    c: complex64 [2, 3]      b: bool [None, 3]        m: int32 [None, None]
    i: int32 []              j: int64 []              v: int32 [2]      w: int32 [None]
"""

PLACEHOLDERS = {
    "x": ("float32", [2, 3, 4]),
    "p": ("float32", [None, 3]),
    "u": ("float32", None),
    "c": ("complex64", [2, 3]),
    "b": ("bool", [None, 3]),
    "m": ("int32", [None, None]),
    "i": ("int32", []),
    "j": ("int64", []),
    "v": ("int32", [2]),
    "w": ("int32", [None]),
}

ARRAY = """
tf.shape(x)
tf.shape(p)
tf.shape(u)
tf.shape(p, name="s", out_type=tf.int64)
tf2.shape(p, tf.int64)
tf.shape([1, 2])
tf.shape_n([x, p])
tf.size(x)
tf.size(p)
tf.size(tf.placeholder(tf.float32, [0, None]))
tf.rank(x)
tf.rank(u)
tf.reshape(x, [-1])
tf.reshape(x, [6, -1])
tf.reshape(p, [-1, 1, 3])
tf.reshape(p, [3, -1])
tf.reshape(p, tf.shape(x))
tf.reshape(u, [2, -1])
tf.reshape(u, w)
tf.reshape(u, v)
tf.reshape(x, v)
tf.reshape(p, [-1, tf.shape(m)[1] * 2])
tf.reshape(p, [tf.shape(p)[0], 3, 1])
tf.reshape(x, tf.concat([tf.shape(p)[:1], [-1, 4]], 0))
tf.reshape(x, tf.stack([i, 2, 4]))
tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * tf.shape(x)[2]])
tf.reshape(u, tf.concat([tf.shape(m), [3]], 0))
tf.reshape(u, tf.concat([v, [3]], 0))
tf.reshape(u, tf.cast(tf.shape(p, out_type=tf.int64), tf.int32))
tf.reshape(u, tf.gather(tf.shape(x), [2, 0]))
tf.reshape(u, tf.slice(tf.shape(x), [1], [2]))
tf.reshape(u, tf.maximum(tf.shape(x), 3))
tf.reshape(u, [tf.size(x), 1])
tf.expand_dims(x, 1)
tf.expand_dims(x, axis=-1, name="e")
tf.expand_dims(p, i)
tf.expand_dims(u, 0)
tf.expand_dims([1.0], dim=0)
tf.squeeze(tf.expand_dims(p, 0))
tf.squeeze(tf.expand_dims(p, 0), [0])
tf.squeeze(tf.reshape(x, [1, 24]), squeeze_dims=0)
tf.squeeze(u, [0])
tf.transpose(x)
tf.transpose(x, [0, 2, 1])
tf.transpose(p)
tf.transpose(u)
tf.transpose(u, [1, 0])
tf.transpose(x, w)
tf.transpose(c, conjugate=True)
tf.transpose(x, conjugate=True, name="t")
tf.linalg.matrix_transpose(x)
tf.linalg.matrix_transpose(u)
tf.matrix_transpose(c, conjugate=True)
tf.invert_permutation([2, 0, 1])
tf.ensure_shape(u, [None, 3])
tf.ensure_shape(p, [5, None])
tf.guarantee_const(p)
tf.bitcast(x, tf.uint8)
tf.bitcast(p, tf.int32)
"""

JOINING = """
tf.concat([x, x], 0)
tf.concat([p, p, [[1.0, 2.0, 3.0]]], 0, name="cc")
tf.concat([p, u], 1)
tf.concat([p], 0)
tf.concat(p, 1)
tf.concat([x, x], i)
tf.concat([tf.shape(p), [1], [i]], 0)
tf.concat([tf.zeros([2, 0]), tf.zeros([2, 3])], -1)
tf.stack([1, 2, 3])
tf.stack([i, 2, i])
tf.stack([x, x], axis=1)
tf.stack([p, p], -1, name="st")
tf.stack([u, u])
tf.stack([[i, 1], [2, i]])
tf.stack([1.0, tf.reduce_sum(x)])
tf.stack([[1, 2], [3, 4]], axis=1)
tf.unstack(x)
tf.unstack(p, axis=1)
tf.unstack(u, num=2)
tf.split(x, 2)
tf.split(x, [1, 2], 1)
tf.split(x, [1, -1, 1], axis=2)
tf.split(p, 3, 1)
tf.split(p, v)
tf.split(p, w, num=3)
tf.split(x, 2, i)
tf.split(value=x, num_or_size_splits=3, axis=-2)
tf.parallel_stack([[1.0], [2.0]])
tf.convert_to_tensor([i, 1])
tf.convert_to_tensor([[i, 1], [2, 3]], name="n")
tf.convert_to_tensor([1, j])
"""

FILLING = """
tf.zeros([2, 3])
tf.zeros([2, 3], tf.int32, name="z")
tf.zeros([100, 100])
tf.zeros(tf.shape(p))
tf.zeros([i, 3])
tf.zeros(i)
tf.zeros([], tf.string)
tf.zeros([2], tf.bool)
tf.zeros(tf.TensorShape([2, 3]))
tf.zeros(5)
tf.ones([2, 3])
tf.ones([40, 40], tf.int64)
tf.ones(tf.shape(u))
tf.ones([tf.shape(p)[0], 4])
tf.zeros_like(x)
tf.zeros_like(p)
tf.zeros_like(p, tf.int32)
tf.zeros_like(x, dtype=tf.float64, name="zl")
tf.zeros_like([1, 2])
tf.zeros_like(x, optimize=False)
tf.ones_like(x)
tf.ones_like(p)
tf.ones_like(u, tf.int32)
tf.ones_like(p, optimize=False)
tf2.zeros_like(p, tf.int32)
tf2.ones_like(p)
tf2.ones_like(x)
tf.fill([2, 3], 1.0)
tf.fill([tf.shape(p)[0], 2], 0)
tf.fill(w, "a")
tf.tile(x, [1, 2, 3])
tf.tile(p, [2, 1])
tf.tile(p, v)
tf.tile(x, [i, 1, 1])
tf.tile(u, [1, 2])
tf.broadcast_to(p, [4, 5, 3])
tf.broadcast_to(u, tf.shape(p))
tf.broadcast_dynamic_shape(tf.shape(p), tf.shape(x))
tf.reshape(u, tf.broadcast_dynamic_shape(tf.shape(p), [2, 1, 3]))
tf.meshgrid([1, 2], [3, 4, 5])
tf.meshgrid([1.0, 2.0], [3.0], [5.0, 6.0], indexing="ij")
tf.meshgrid(w, v)
tf.one_hot(w, 3)
tf.one_hot(m, i)
tf.one_hot([0, 1], 3, axis=0, dtype=tf.int32)
tf.one_hot(v, 2, on_value=5, off_value=1)
tf.one_hot(v, 2, on_value=True, dtype=tf.bool, off_value=False)
tf.sequence_mask(w)
tf.sequence_mask(w, 5)
tf.sequence_mask([1, 3], dtype=tf.float32)
tf.sequence_mask(m, i, tf.int32)
tf.repeat(x, [1, 2, 3], axis=1)
tf.repeat(p, w, axis=0)
"""

PADDING = """
tf.pad(x, [[0, 0], [1, 2], [0, 1]])
tf.pad(p, [[1, 1], [0, 0]])
tf.pad(p, [[1, 1], [0, i]])
tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=1.0)
tf.pad(p, [[1, 1], [0, 0]], "REFLECT")
tf.pad(p, [[1, 1], [0, 0]], mode="symmetric", name="mp")
tf.pad(u, [[1, 1], [0, 0]])
tf.pad(p, tf.constant([[1, 1], [2, 2]]), constant_values=tf.reduce_sum(x))
tf.reverse(x, [0, 1])
tf.reverse(p, w)
tf.reverse_sequence(p, w, seq_dim=1)
tf.reverse_sequence(x, v, seq_axis=1, batch_axis=0)
tf.roll(x, 1, 0)
tf.roll(x, [1, 2], [0, 1])
tf.manip.roll(p, i, 1)
"""

BLOCKS = """
tf.space_to_batch_nd(tf.zeros([1, 4, 4, 1]), [2, 2], [[0, 0], [0, 0]])
tf.space_to_batch(tf.zeros([1, 4, 4, 1]), [[0, 0], [0, 0]], 2)
tf.batch_to_space_nd(tf.zeros([4, 2, 2, 1]), [2, 2], [[0, 0], [0, 0]])
tf.batch_to_space(tf.zeros([4, 2, 2, 1]), [[0, 0], [0, 0]], 2)
tf2.batch_to_space(tf.zeros([4, 2, 2, 1]), 2, [[0, 0], [0, 0]])
tf.space_to_depth(tf.zeros([1, 4, 4, 1]), 2)
tf.depth_to_space(tf.zeros([1, 2, 2, 4]), 2)
tf.required_space_to_batch_paddings([5, 4], [2, 2])
tf.required_space_to_batch_paddings(v, [2, 2])
tf.image.extract_image_patches(tf.zeros([1, 4, 4, 1]), [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
tf.image.extract_patches(tf.zeros([1, 4, 4, 1]), [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
"""

SLICING = """
x[0]
x[-1]
x[0, 1]
x[0:1]
x[:, 1]
x[:, 1:]
x[..., 0]
x[..., tf.newaxis]
x[:, None, 1:2]
x[i]
x[j]
x[:, i]
x[i:]
x[:j]
x[i:i + 2]
x[::2]
x[::-1]
x[1:3, ..., ::-2]
x[...]
p[0]
p[:, 0]
p[1:]
p[:2]
p[:, 5:]
p[i, 1:]
u[0]
u[..., 0]
u[:, 1]
w[:-1]
tf.shape(p)[0]
tf.shape(p)[1:]
tf.shape(p)[-1]
tf.reshape(u, tf.shape(x)[1:])
tf.reshape(u, tf.shape(x)[:-1])
tf.zeros(tf.shape(p)[1:])
p[b]
x[tf.constant(1)]
x[tf.constant([[0]])[0, 0]]
tf.slice(x, [0, 1, 0], [2, 1, -1])
tf.slice(p, [0, 1], [-1, 2])
tf.slice(x, [i, 0, 0], [1, -1, 4])
tf.slice(x, [0, 0, 0], [i, 2, 3])
tf.slice(u, [0, 1], [3, -1])
tf.slice(p, v, [1, 2])
tf.slice(u, w, w)
tf.strided_slice(x, [0], [1])
tf.strided_slice(x, [0, 1], [1, 2], [1, 1], shrink_axis_mask=1)
tf.strided_slice(p, v, [2, 3])
"""

INDEXING = """
tf.gather(x, [0, 1])
tf.gather(x, w, axis=1)
tf.gather(p, m)
tf.gather(p, i, axis=-1)
tf.gather(x, [[0], [1]], batch_dims=1, axis=2)
tf.gather(x, v, batch_dims=1)
tf.gather(u, w)
tf.gather(p, w, axis=i)
tf.gather_nd(x, [[0, 1], [1, 2]])
tf.gather_nd(p, m)
tf.gather_nd(x, w)
tf.scatter_nd([[1], [2]], [1.0, 2.0], [5])
tf.scatter_nd(m, tf.zeros([3]), tf.shape(p))
tf.tensor_scatter_nd_update(x, [[0]], tf.zeros([1, 3, 4]))
tf.tensor_scatter_nd_add(p, m, u)
tf.where(b)
tf.where(u)
tf.where(b, p, p)
tf.where_v2(b, p, 0.0)
tf2.where(b, p, [1.0, 2.0, 3.0])
tf.boolean_mask(p, b)
tf.boolean_mask(x, [True, False])
tf.boolean_mask(x, [True, False, True], axis=1)
tf.boolean_mask(p, [True, False, True], axis=1, name="bm")
tf.dynamic_partition(p, w, 2)
tf.dynamic_stitch([[0, 2], [1]], [[1, 2], [3]])
tf.dynamic_stitch([w, v], [p, tf.zeros([2, 3])])
tf.unravel_index(w, [2, 3])
tf.setdiff1d(w, v)
"""

SEGMENTS = """
tf.segment_sum(p, w)
tf.math.segment_mean(x, [0, 1])
tf.unsorted_segment_sum(p, w, 4)
tf.unsorted_segment_max(p, w, i)
tf.math.unsorted_segment_mean(p, w, 3)
tf.math.unsorted_segment_sqrt_n(p, w, i)
tf.sparse.segment_sum(p, w, w)
tf.sparse_segment_mean(p, w, w, num_segments=3)
"""

SORTING = """
tf.nn.top_k(x)
tf.nn.top_k(p, 2, sorted=False, name="tk")
tf.math.top_k(x, i)
tf.sort([3, 1, 2])
tf.sort(x)
tf.sort(p, direction="DESCENDING")
tf.sort(x, axis=0)
tf.sort(x, axis=1, direction="DESCENDING")
tf.sort(tf.constant([1, 2], tf.uint8))
tf.argsort(x, axis=-1)
tf.argsort(w, direction="DESCENDING")
tf.nn.in_top_k(p, w, 2)
tf2.math.in_top_k(w, p, 2)
tf.searchsorted([1, 3, 5], [0, 3])
tf.searchsorted(p, p, side="right", out_type=tf.int64)
tf.unique(w)
tf.unique_with_counts(w, tf.int64)
"""

CALLS = {
    "array": ARRAY,
    "joining": JOINING,
    "filling": FILLING,
    "padding": PADDING,
    "blocks": BLOCKS,
    "slicing": SLICING,
    "indexing": INDEXING,
    "segments": SEGMENTS,
    "sorting": SORTING,
}
