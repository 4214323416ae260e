"""Records of variables as ops: reads, assignments, scatter and gather."""

from .base import (
    arr,
    bad,
    f32,
    f64,
    floats,
    i32,
    i64,
    record,
    s,
    sample,
    tested_elsewhere,
    var,
)

DIRECT = "test_variables.py"
tested_elsewhere(
    DIRECT,
    "VariableV2",
    "Variable",
    "VarHandleOp",
    "TemporaryVariable",
    "DestroyTemporaryVariable",
    "DestroyResourceOp",
    "IsVariableInitialized",
    "_ReadVariablesOp",
)

record(
    "ReadVariableOp",
    sample(resource=var(f32(2, 3)), dtype="float32"),
    sample(resource=var(i64(5)), dtype="int64"),
    sample(resource=var(s([b"a", b"bc"])), dtype="string"),
    sample(resource=var(f32(0, 2)), dtype="float32"),
)
record(
    "VariableShape",
    sample(input=var(f32(2, 3))),
    sample(input=var(f32()), out_type="int64"),
)
record("VarIsInitializedOp", sample(resource=var(f32(2))))

# Assigning ----------------------------------------------------------------------------------------

MISMATCH = "(?i)same|equal|shape"
record(
    "Assign",
    sample(ref=var(f32(2, 3)), value=f32(2, 3)),
    sample(ref=var(i32(1)), value=i32(7)),
    sample(ref=var(s([b"a"])), value=s([b"bcd"])),
    bad=[bad(ref=var(f32(2)), value=f32(3), match="(?i)shape")],
)
record(
    "AssignVariableOp",
    sample(resource=var(f32(2, 3)), value=f32(2, 3)),
    sample(resource=var(arr([True, False], "bool")), value=arr([False, False], "bool")),
    sample(resource=var(s(b"a")), value=s(b"bcd")),
    bad=[bad(resource=var(f32(2)), value=f32(3), match="(?i)shape")],
)
for name in ("AssignAdd", "AssignSub"):
    record(
        name,
        sample(ref=var(f32(2, 3)), value=f32(2, 3)),
        sample(ref=var(i32(5)), value=i32(7)),
        sample(ref=var(floats(3, dtype="complex64")), value=floats(3, dtype="complex64")),
        sample(ref=var(floats(3, dtype="bfloat16")), value=floats(3, dtype="bfloat16")),
        sample(ref=var(arr([1, 255], "uint8")), value=arr([5, 7], "uint8")),
        sample(ref=var(f32(0)), value=f32(0)),
        bad=[bad(ref=var(f32(2)), value=f32(3), match=MISMATCH)],
    )
    record(
        f"{name}VariableOp",
        sample(resource=var(f32(2, 3)), value=f32(2, 3)),
        sample(resource=var(i64(5)), value=i64(7)),
        sample(resource=var(floats(3, dtype="complex128")), value=floats(3, dtype="complex128")),
        sample(resource=var(floats(3, dtype="float16")), value=floats(3, dtype="float16")),
        sample(resource=var(arr([1, 255], "uint8")), value=arr([5, 7], "uint8")),
        bad=[bad(resource=var(f32(2)), value=f32(3), match=MISMATCH)],
    )

record(
    "CountUpTo",
    sample(ref=var(i32(1)), limit=3),
    sample(ref=var(i64(2)), limit=3),
    bad=[bad(ref=var(i32(3)), limit=3, match="Reached limit of 3", error="OutOfRangeError")],
)
record(
    "ResourceCountUpTo",
    sample(resource=var(i32(1)), limit=3, T="int32"),
    sample(resource=var(i64(2)), limit=3, T="int64"),
    bad=[
        bad(
            resource=var(i32(3)),
            limit=3,
            T="int32",
            match="Reached limit of 3",
            error="OutOfRangeError",
        )
    ],
)

# Scattering rows ----------------------------------------------------------------------------------

RANGE = r"is not in \[0, 3\)"
REPEATED = i32([0, 2, 0])
for name in ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max"):
    wide = [] if name in ("Min", "Max") else [floats(3, dtype="complex64")]
    repeated = i32([2, 1, 0]) if name == "Div" else REPEATED
    samples = [
        (f32(3, 2, lo=1), repeated, f32(3, 2, lo=1)),
        (f64(3, 2, lo=1), i64([[1, 0], [2, 1]]), f64(2, 2, 2, lo=1)),
        (f32(3, 2, lo=1), i32(1), f32(2, lo=1)),
        (f32(4), i32([1, 1, 3]), f32()),
        (i32([7, -7, 9]), i32([0, 1]), i32([2, 2])),
        (f32(3), i32([]), f32(0)),
        (floats(3, dtype="bfloat16", lo=1), i32([0]), floats(1, dtype="bfloat16", lo=1)),
        *[(w, i32([0, 2]), floats(2, dtype="complex64", lo=1)) for w in wide],
    ]
    refused = [
        (f32(3, 2), i32([0, 3]), f32(2, 2), RANGE),
        (f32(3, 2), i32([0, -1]), f32(2, 2), RANGE),
        (f32(3, 2), i32([0, 1]), f32(2, 3), "(?i)shape"),
    ]
    record(
        f"Scatter{name}",
        *[sample(ref=var(v), indices=i, updates=u) for v, i, u in samples],
        bad=[bad(ref=var(v), indices=i, updates=u, match=m) for v, i, u, m in refused],
    )
    record(
        f"ResourceScatter{name}",
        *[sample(resource=var(v), indices=i, updates=u) for v, i, u in samples],
        bad=[bad(resource=var(v), indices=i, updates=u, match=m) for v, i, u, m in refused],
    )

# Scattering slices --------------------------------------------------------------------------------

for name in ("Update", "Add", "Sub", "Min", "Max"):
    samples = [
        (f32(3, 2), i32([[0, 1], [2, 0]]), f32(2)),
        (f64(3, 2), i64([[1], [2]]), f64(2, 2)),
        (f32(4), i32([[[1], [2]], [[3], [0]]]), f32(2, 2)),
        (f32(3), arr([], "int32").reshape(0, 1), f32(0)),
        (i32([7, -7, 9]), i32([[0], [1]]), i32([2, 2])),
    ]
    if name in ("Add", "Sub"):
        samples.append((f32(3), i32([[1], [1]]), f32(2)))
    refused = [
        (f32(3), i32([[1], [5]]), f32(2), "does not index into"),
        (f32(1, 3), i32([[0, 1], [0, -5]]), f32(2), "does not index into"),
        (f32(3), i32([[1], [2]]), f32(3), "must match"),
    ]
    record(
        f"ScatterNd{name}",
        *[sample(ref=var(v), indices=i, updates=u) for v, i, u in samples],
        sample(
            ref=var(f32(3)), indices=i32([[0], [7]]), updates=f32(2), bad_indices_policy="IGNORE"
        ),
        bad=[bad(ref=var(v), indices=i, updates=u, match=m) for v, i, u, m in refused],
    )
    record(
        f"ResourceScatterNd{name}",
        *[sample(ref=var(v), indices=i, updates=u) for v, i, u in samples],
        bad=[bad(ref=var(v), indices=i, updates=u, match=m) for v, i, u, m in refused],
    )

# Gathering ----------------------------------------------------------------------------------------

record(
    "ResourceGather",
    sample(resource=var(f32(3, 2)), indices=i32([2, 0, 2]), dtype="float32"),
    sample(resource=var(f64(3, 2)), indices=i64([[1], [0]]), dtype="float64"),
    sample(resource=var(f32(3, 2)), indices=i32(1), dtype="float32"),
    sample(resource=var(f32(2, 3)), indices=i32([[0, 1], [2, 0]]), batch_dims=1, dtype="float32"),
    sample(resource=var(s([b"a", b"b"])), indices=i32([1]), dtype="string"),
    bad=[bad(resource=var(f32(3)), indices=i32([0, 3]), dtype="float32", match=RANGE)],
)
record(
    "ResourceGatherNd",
    sample(resource=var(f32(3, 2)), indices=i32([[2, 0], [0, 1]]), dtype="float32"),
    sample(resource=var(f64(3, 2)), indices=i64([[1], [0]]), dtype="float64"),
    sample(resource=var(f32(3, 2)), indices=i32([1]), dtype="float32"),
    bad=[bad(resource=var(f32(3)), indices=i32([[3]]), dtype="float32", match="does not index")],
)
