"""Records of ops/sparse/math.py."""

from .base import arr, bad, c64, f32, f64, floats, i32, i64, ints, record, sample

ROWS = i64([[0, 1], [0, 3], [2, 0], [2, 3]])
OTHER = i64([[0, 0], [0, 3], [1, 1], [2, 3]])
SHAPE = i64([3, 4])
NONE = arr([], "int64").reshape(0, 2)
CUBE = i64([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 2, 1]])
CUBE_SHAPE = i64([2, 3, 2])

record(
    "SparseTensorDenseMatMul",
    sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b=f32(4, 5)),
    sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b=f32(3, 2), adjoint_a=True),
    sample(a_indices=ROWS, a_values=f64(4), a_shape=SHAPE, b=f64(2, 4), adjoint_b=True),
    sample(a_indices=ROWS, a_values=c64(4), a_shape=SHAPE, b=c64(2, 3), adjoint_a=True,
           adjoint_b=True),
    sample(a_indices=ROWS.astype("int32"), a_values=ints(4), a_shape=SHAPE, b=ints(4, 2)),
    sample(a_indices=i64([[1, 1], [1, 1], [0, 0]]), a_values=f32(3), a_shape=i64([2, 2]),
           b=f32(2, 2)),
    sample(a_indices=NONE, a_values=f32(0), a_shape=SHAPE, b=f32(4, 1)),
    bad=[
        bad(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b=f32(3, 5),
            match="inner dimension|must be equal"),
        bad(a_indices=ROWS, a_values=f32(4), a_shape=i64([2, 4]), b=f32(4, 5), match="out of bounds"),
    ],
)  # fmt: skip
record(
    "SparseAdd",
    sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b_indices=OTHER, b_values=f32(4),
           b_shape=SHAPE, thresh=arr(0, "float32")),
    sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b_indices=OTHER, b_values=f32(4),
           b_shape=SHAPE, thresh=arr(1.0, "float32")),
    sample(a_indices=ROWS, a_values=c64(4), a_shape=SHAPE, b_indices=OTHER, b_values=c64(4),
           b_shape=SHAPE, thresh=arr(1.0, "float32")),
    sample(a_indices=NONE, a_values=i32([]), a_shape=SHAPE, b_indices=NONE, b_values=i32([]),
           b_shape=SHAPE, thresh=i32(0)),
    bad=[
        bad(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b_indices=OTHER, b_values=f32(4),
            b_shape=i64([4, 4]), thresh=arr(0, "float32"), match="shapes do not match"),
    ],
)  # fmt: skip
record(
    "SparseAddGrad",
    sample(backprop_val_grad=f32(3), a_indices=ROWS, b_indices=OTHER,
           sum_indices=i64([[0, 0], [0, 3], [2, 0]])),
    grad=False,
    why="TensorFlow has no gradient of it",
)  # fmt: skip
record(
    "SparseTensorDenseAdd",
    sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b=f32(3, 4)),
    sample(a_indices=i32([[1], [1]]), a_values=ints(2), a_shape=i32([3]), b=ints(3)),
    sample(a_indices=NONE, a_values=f64(0), a_shape=SHAPE, b=f64(3, 4)),
    bad=[
        bad(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b=f32(3, 1), match="[Dd]imension|same shape"),
    ],
)  # fmt: skip
for name in ("SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"):
    record(
        name,
        sample(sp_indices=ROWS, sp_values=f32(4), sp_shape=SHAPE, dense=f32(3, 4)),
        sample(sp_indices=ROWS, sp_values=f32(4), sp_shape=SHAPE, dense=f32(4)),
        sample(sp_indices=ROWS, sp_values=f64(4), sp_shape=SHAPE, dense=f64(3, 1)),
        sample(sp_indices=CUBE, sp_values=f32(5), sp_shape=CUBE_SHAPE, dense=f32(3, 1)),
        sample(sp_indices=ROWS, sp_values=i32([-7, 7, 5, -9]), sp_shape=SHAPE,
               dense=i32([2, 3, -2, 4])),
        bad=[
            bad(sp_indices=ROWS, sp_values=f32(4), sp_shape=SHAPE, dense=f32(2, 4),
                match="incompatible shapes"),
        ],
        grad=name != "SparseDenseCwiseAdd",
        why="TensorFlow has no gradient of SparseDenseCwiseAdd",
    )  # fmt: skip
for name in ("SparseReduceSum", "SparseReduceMax"):
    record(
        name,
        sample(input_indices=CUBE, input_values=f32(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([1])),
        sample(input_indices=CUBE, input_values=f64(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([0, -1]), keep_dims=True),
        sample(input_indices=CUBE, input_values=ints(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([])),
        sample(input_indices=ROWS, input_values=f32(4), input_shape=SHAPE, reduction_axes=i32(-1)),
        bad=[
            bad(input_indices=ROWS, input_values=f32(4), input_shape=SHAPE,
                reduction_axes=i32([2]), match="range|dimension"),
        ],
        grad=name == "SparseReduceSum",
        why="TensorFlow has no gradient of SparseReduceMax",
    )  # fmt: skip
    record(
        f"{name}Sparse",
        sample(input_indices=CUBE, input_values=f32(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([1])),
        sample(input_indices=CUBE, input_values=f64(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([0, -1]), keep_dims=True),
        sample(input_indices=CUBE, input_values=ints(5), input_shape=CUBE_SHAPE,
               reduction_axes=i32([])),
    )  # fmt: skip
record(
    "SparseSoftmax",
    sample(sp_indices=ROWS, sp_values=f32(4), sp_shape=SHAPE),
    sample(sp_indices=CUBE, sp_values=f64(5), sp_shape=CUBE_SHAPE),
    sample(sp_indices=ROWS, sp_values=floats(4, dtype="float16"), sp_shape=SHAPE),
    bad=[
        bad(sp_indices=i64([[0]]), sp_values=f32(1), sp_shape=i64([3]), match="rank >= 2"),
    ],
)
for name in ("SparseSparseMaximum", "SparseSparseMinimum"):
    record(
        name,
        sample(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b_indices=OTHER, b_values=f32(4),
               b_shape=SHAPE),
        sample(a_indices=ROWS, a_values=ints(4), a_shape=SHAPE, b_indices=NONE,
               b_values=i32([]), b_shape=SHAPE),
        bad=[
            bad(a_indices=ROWS, a_values=f32(4), a_shape=SHAPE, b_indices=OTHER, b_values=f32(4),
                b_shape=i64([4, 4]), match="shapes do not match"),
        ],
    )  # fmt: skip
