"""Records of ops/ragged."""

from .base import arr, bad, f32, f64, i32, i64, record, s, sample, tested_elsewhere

SPLITS = i64([0, 2, 2, 3])
OUTER = i64([0, 2, 3])

record(
    "RaggedRange",
    sample(starts=i32([0, 5, 8]), limits=i32([3, 5, 12]), deltas=i32(1)),
    sample(starts=i32(5), limits=i32([3, 1]), deltas=i32([-2, -3]), Tsplits="int32"),
    sample(
        starts=arr([0.5], "float32"), limits=arr([2.0], "float32"), deltas=arr([0.25], "float32")
    ),
    sample(starts=i64(0), limits=i64(4), deltas=i64(3)),
    bad=[
        bad(starts=i32([0]), limits=i32([3]), deltas=i32([0]), match="delta != 0"),
        bad(starts=i32([0, 1]), limits=i32([3, 4, 5]), deltas=i32(1), match="same shape"),
        bad(starts=i32([[0]]), limits=i32([3]), deltas=i32(1), match="scalar or vector"),
    ],
)
record(
    "RaggedGather",
    sample(params_nested_splits=[SPLITS], params_dense_values=f64(3), indices=i32([2, 0, 0]),
           OUTPUT_RAGGED_RANK=1),
    sample(params_nested_splits=[SPLITS], params_dense_values=f64(3, 2), indices=i64([[2, 0], [1, 2]]),
           OUTPUT_RAGGED_RANK=2),
    sample(params_nested_splits=[OUTER, SPLITS], params_dense_values=f64(3), indices=i64([1, 0]),
           OUTPUT_RAGGED_RANK=2),
    sample(params_nested_splits=[OUTER, SPLITS], params_dense_values=f64(3), indices=i64(0),
           OUTPUT_RAGGED_RANK=1),
    sample(params_nested_splits=[i32([0, 1])], params_dense_values=s([b"a"]), indices=i32([]),
           OUTPUT_RAGGED_RANK=1),
    bad=[
        bad(params_nested_splits=[SPLITS], params_dense_values=f64(3), indices=i64([3]),
            OUTPUT_RAGGED_RANK=1, match=r"indices\[0\] = 3 is not in \[0, 3\)"),
        bad(params_nested_splits=[i64([0, 9])], params_dense_values=f64(3), indices=i64([0]),
            OUTPUT_RAGGED_RANK=1, match="past values"),
    ],
)  # fmt: skip
record(
    "RaggedTensorToTensor",
    sample(shape=i64([-1, -1]), values=f64(3), default_value=f64(), row_partition_tensors=[SPLITS],
           row_partition_types=["ROW_SPLITS"]),
    sample(shape=i32([4, 1]), values=f64(3), default_value=f64(), row_partition_tensors=[SPLITS],
           row_partition_types=["ROW_SPLITS"]),
    sample(shape=i64([-1, 3, 2]), values=f64(3, 2), default_value=f64(2),
           row_partition_tensors=[SPLITS], row_partition_types=["ROW_SPLITS"]),
    sample(shape=i64([-1, -1, -1]), values=f64(3), default_value=f64(),
           row_partition_tensors=[OUTER, SPLITS], row_partition_types=["ROW_SPLITS", "ROW_SPLITS"]),
    sample(shape=i64([-1, -1]), values=f64(3), default_value=f64(),
           row_partition_tensors=[i64(3), i64([0, 2, 2])],
           row_partition_types=["FIRST_DIM_SIZE", "VALUE_ROWIDS"]),
    sample(shape=i64([2, -1]), values=s([b"a", b"b", b"c"]), default_value=s(b"-"),
           row_partition_tensors=[SPLITS], row_partition_types=["ROW_SPLITS"]),
    bad=[
        bad(shape=i64([3]), values=f64(3), default_value=f64(), row_partition_tensors=[SPLITS],
            row_partition_types=["ROW_SPLITS"], match="incompatible"),
        bad(shape=i64([-1, -1, 3]), values=f64(3, 2), default_value=f64(),
            row_partition_tensors=[SPLITS], row_partition_types=["ROW_SPLITS"],
            match=r"rt_input.shape\[2\] = 2 but shape\[2\] = 3"),
        bad(shape=i64(-1), values=f64(3), default_value=f64(2), row_partition_tensors=[SPLITS],
            row_partition_types=["ROW_SPLITS"], match="must be less than"),
        bad(shape=i64(-1), values=f64(3), default_value=f64(),
            row_partition_tensors=[i64(1), i64([0, 2, 2])],
            row_partition_types=["FIRST_DIM_SIZE", "VALUE_ROWIDS"], match="is not less than 1"),
        bad(shape=i64(-1), values=f64(3), default_value=f64(), row_partition_tensors=[SPLITS],
            row_partition_types=["ROW_LENGTHS"], match="Cannot handle type ROW_LENGTHS"),
    ],
)  # fmt: skip
record(
    "RaggedTensorToSparse",
    sample(rt_nested_splits=[SPLITS], rt_dense_values=f64(3)),
    sample(rt_nested_splits=[SPLITS], rt_dense_values=f64(3, 2)),
    sample(rt_nested_splits=[OUTER, SPLITS], rt_dense_values=s([b"a", b"b", b"c"])),
    bad=[
        bad(rt_nested_splits=[i64([0, 5])], rt_dense_values=f64(3), match="Final value"),
        bad(rt_nested_splits=[i64([1, 3])], rt_dense_values=f64(3), match="First value"),
    ],
)
record(
    "RaggedFillEmptyRows",
    sample(value_rowids=i64([0, 0, 2]), values=f64(3), nrows=i64(4), default_value=f64()),
    sample(value_rowids=i64([0, 2, 0]), values=f64(3), nrows=i64(4), default_value=f64()),
    sample(value_rowids=i64([]), values=s([]), nrows=i64(2), default_value=s(b"?")),
    bad=[
        bad(value_rowids=i64([7]), values=f64(1), nrows=i64(2), default_value=f64(),
            match=r"indices\(0, 0\) is invalid: 7 >= 2"),
    ],
)  # fmt: skip
record(
    "RaggedFillEmptyRowsGrad",
    sample(reverse_index_map=i64([0, 1, 3]), grad_values=f32(5)),
    bad=[bad(reverse_index_map=i64([0, 9]), grad_values=f32(5), match="reverse index")],
)
CROSS = {"hash_key": 0xDECAFCAFFE, "out_row_splits_type": "int64"}
PLAIN = {**CROSS, "hashed_output": False, "num_buckets": 0, "out_values_type": "string"}
HASHED = {**CROSS, "hashed_output": True, "out_values_type": "int64"}
WORDS = s([b"one", b"two", b"three"])
INPUTS = {
    "ragged_values": [i64([1, 2, 3]), WORDS],
    "ragged_row_splits": [SPLITS, i64([0, 1, 2, 3])],
    "sparse_indices": [i64([[0, 0], [0, 1], [2, 0]])],
    "sparse_values": [i64([7, 8, 9])],
    "sparse_shape": [i64([3, 2])],
    "dense_inputs": [s([[b"a"], [b"b"], [b"c"]])],
    "input_order": "RDSR",
}
record(
    "RaggedCross",
    sample(**INPUTS, **PLAIN),
    sample(**INPUTS, **HASHED, num_buckets=0),
    sample(**INPUTS, **HASHED, num_buckets=50),
)
COUNTS = {"splits": SPLITS, "values": i64([1, 1, 3])}
record(
    "RaggedCountSparseOutput",
    sample(**COUNTS, weights=i32([]), binary_output=False),
    sample(**COUNTS, weights=i32([]), binary_output=True, minlength=6),
    sample(**COUNTS, weights=arr([1.0, 2.5, 3.0], "float32"), binary_output=False, maxlength=2),
    bad=[
        bad(**COUNTS, weights=i32([1]), binary_output=False, match="same shape"),
        bad(
            splits=i64([0, 9]),
            values=i64([1, 1, 3]),
            weights=i32([]),
            binary_output=False,
            match=".",
        ),
    ],
)
GRAMS = {
    "data": s([b"a", b"b", b"c", b"d"]),
    "separator": " ",
    "left_pad": "<",
    "right_pad": ">",
    "preserve_short_sequences": False,
}
record(
    "StringNGrams",
    sample(**GRAMS, data_splits=i64([0, 3, 3, 4]), ngram_widths=[2], pad_width=0),
    sample(**GRAMS, data_splits=i64([0, 3, 3, 4]), ngram_widths=[3, 1], pad_width=-1),
    sample(**GRAMS, data_splits=i32([0, 3, 3, 4]), ngram_widths=[4], pad_width=1),
    sample(**{**GRAMS, "preserve_short_sequences": True}, data_splits=i64([0, 3, 3, 4]),
           ngram_widths=[3], pad_width=0),
    bad=[
        bad(**GRAMS, data_splits=i64([0, 9]), ngram_widths=[2], pad_width=0, match="."),
    ],
)  # fmt: skip
tested_elsewhere(
    "test_ragged.py",
    "RaggedTensorToVariant",
    "RaggedTensorFromVariant",
    "RaggedTensorToVariantGradient",
)
