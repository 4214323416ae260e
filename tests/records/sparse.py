"""Records of ops/sparse/tensors.py."""

from .base import arr, bad, f32, f64, i32, i64, record, s, sample

ROWS = i64([[0, 1], [0, 3], [2, 0], [2, 3]])
SHAPE = i64([3, 4])
NONE = arr([], "int64").reshape(0, 2)

record(
    "SparseToDense",
    sample(sparse_indices=ROWS, output_shape=SHAPE, sparse_values=f32(4), default_value=f32()),
    sample(sparse_indices=i32([1, 3]), output_shape=i32([5]), sparse_values=f32(2),
           default_value=f32()),
    sample(sparse_indices=i32([1, 3]), output_shape=i32([5]), sparse_values=f32(),
           default_value=f32()),
    sample(sparse_indices=i32(2), output_shape=i32([5]), sparse_values=arr(True, "bool"),
           default_value=arr(False, "bool")),
    sample(sparse_indices=NONE, output_shape=i64([2, 0]), sparse_values=f64(0),
           default_value=f64()),
    sample(sparse_indices=i64([[1], [0]]), output_shape=i64([3]), sparse_values=s([b"a", b"bc"]),
           default_value=s(b"-"), validate_indices=False),
    bad=[
        bad(sparse_indices=i64([[1], [0]]), output_shape=i64([3]), sparse_values=f32(2),
            default_value=f32(), match="out of order"),
        bad(sparse_indices=i64([[1], [1]]), output_shape=i64([3]), sparse_values=f32(2),
            default_value=f32(), match="repeated"),
        bad(sparse_indices=i64([[1], [3]]), output_shape=i64([3]), sparse_values=f32(2),
            default_value=f32(), match="out of bounds"),
        bad(sparse_indices=i64([[1], [2]]), output_shape=i64([3]), sparse_values=f32(3),
            default_value=f32(), match="incorrect shape"),
    ],
)  # fmt: skip
record(
    "SparseReorder",
    sample(input_indices=i64([[2, 1], [0, 3], [0, 1], [2, 0]]), input_values=f32(4),
           input_shape=SHAPE),
    sample(input_indices=NONE, input_values=arr([], "int32"), input_shape=SHAPE),
    sample(input_indices=i64([[4], [1]]), input_values=s([b"b", b"a"]), input_shape=i64([5])),
)  # fmt: skip
record(
    "SparseReshape",
    sample(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([2, -1])),
    sample(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([12])),
    sample(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([1, 2, 3, 2])),
    sample(input_indices=NONE, input_shape=i64([0, 4]), new_shape=i64([4, 0])),
    bad=[
        bad(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([5, 2]), match="requested shape"),
        bad(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([5, -1]), match="multiple of"),
        bad(input_indices=ROWS, input_shape=SHAPE, new_shape=i64([-1, -1]), match="not both"),
    ],
)
record(
    "SparseConcat",
    sample(indices=[ROWS, i64([[0, 0], [1, 1]])], values=[f32(4), f32(2)],
           shapes=[SHAPE, i64([3, 2])], concat_dim=1),
    sample(indices=[ROWS, ROWS], values=[f32(4), f32(4)], shapes=[SHAPE, SHAPE], concat_dim=-2),
    sample(indices=[i64([[1]]), i64([[0]]), i64([[2]])],
           values=[s([b"a"]), s([b"b"]), s([b"c"])], shapes=[i64([2]), i64([1]), i64([3])],
           concat_dim=0),
    bad=[
        bad(indices=[ROWS, ROWS], values=[f32(4), f32(4)], shapes=[SHAPE, i64([5, 4])],
            concat_dim=1, match="must match"),
        bad(indices=[ROWS, ROWS], values=[f32(4), f32(4)], shapes=[SHAPE, SHAPE], concat_dim=2,
            match="in range"),
    ],
)  # fmt: skip
record(
    "SparseSplit",
    sample(split_dim=i64(1), indices=ROWS, values=f32(4), shape=SHAPE, num_split=3),
    sample(split_dim=i64(0), indices=ROWS, values=f32(4), shape=SHAPE, num_split=2),
    sample(split_dim=i64(-1), indices=ROWS, values=f32(4), shape=SHAPE, num_split=1),
    bad=[
        bad(split_dim=i64(2), indices=ROWS, values=f32(4), shape=SHAPE, num_split=2,
            match="split_dim"),
        bad(split_dim=i64(0), indices=ROWS, values=f32(4), shape=SHAPE, num_split=4,
            match="num_split"),
    ],
)  # fmt: skip
record(
    "SparseSlice",
    sample(indices=ROWS, values=f32(4), shape=SHAPE, start=i64([0, 1]), size=i64([3, 2])),
    sample(indices=ROWS, values=f32(4), shape=SHAPE, start=i64([1, 0]), size=i64([9, 4])),
    sample(indices=ROWS, values=f32(4), shape=SHAPE, start=i64([5, 0]), size=i64([1, 4])),
    bad=[
        bad(indices=ROWS, values=f32(4), shape=SHAPE, start=i64([0]), size=i64([3]),
            match="start and size|length"),
    ],
)  # fmt: skip
record(
    "SparseSliceGrad",
    sample(backprop_val_grad=f32(2), input_indices=ROWS, input_start=i64([1, 0]),
           output_indices=i64([[1, 0], [1, 3]])),
)  # fmt: skip
record(
    "SparseFillEmptyRows",
    sample(indices=ROWS, values=f32(4), dense_shape=SHAPE, default_value=f32()),
    sample(indices=i64([[2, 1], [0, 3], [2, 0]]), values=f32(3), dense_shape=i64([4, 4]),
           default_value=f32()),
    sample(indices=i64([[1, 0, 2]]), values=s([b"x"]), dense_shape=i64([2, 1, 3]),
           default_value=s(b"none")),
    sample(indices=NONE, values=f32(0), dense_shape=i64([2, 2]), default_value=f32()),
    bad=[
        bad(indices=ROWS, values=f32(4), dense_shape=i64([2, 4]), default_value=f32(),
            match="is invalid"),
    ],
)  # fmt: skip
record(
    "SparseFillEmptyRowsGrad",
    sample(reverse_index_map=i64([0, 2, 3]), grad_values=f32(5)),
    sample(reverse_index_map=i64([]), grad_values=f32(2)),
    grad=False,
    why="TensorFlow has no gradient of it",
)
