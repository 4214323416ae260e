"""Records of ops/slicing.py."""

from .base import arr, bad, c64, f32, floats, i32, i64, ints, record, s, sample, var

record(
    "Slice",
    sample(input=f32(4, 5), begin=i32([1, 2]), size=i32([2, 3])),
    sample(input=f32(4, 5), begin=i64([1, 2]), size=i64([-1, 1])),
    sample(input=f32(4, 5), begin=i32([4, 0]), size=i32([-1, -1])),
    sample(input=f32(), begin=i32([]), size=i32([])),
    sample(input=s([b"a", b"b", b"c"]), begin=i32([1]), size=i32([2])),
    sample(input=c64(3, 2), begin=i32([0, 1]), size=i32([3, 1])),
    sample(input=floats(3, dtype="bfloat16"), begin=i32([1]), size=i32([0])),
    bad=[
        bad(
            input=f32(4), begin=i32([5]), size=i32([-1]), match=r"(?i)begin\[0\]|out of bounds|>= 0"
        ),
        bad(input=f32(4), begin=i32([2]), size=i32([3]), match=r"size\[0\]|out of bounds"),
        bad(input=f32(4), begin=i32([-1]), size=i32([1]), match=r"begin\[0\]|>= 0|negative"),
        bad(input=f32(4, 4), begin=i32([1]), size=i32([1]), match="(?i)rank|size 2"),
    ],
)


def spec(begin, end, strides, kind=i32, **masks):
    return {"begin": kind(begin), "end": kind(end), "strides": kind(strides), **masks}


SPECS = [
    ((5, 4), spec([1, 0], [4, 3], [1, 1])),
    ((5, 4), spec([1], [4], [2], i64)),
    ((5, 4), spec([0, 0], [0, 0], [1, 2], begin_mask=3, end_mask=3)),
    ((5, 4), spec([4, 3], [0, 0], [-1, -2], end_mask=2)),
    ((5, 4), spec([-1, 1], [0, 2], [-2, 1], end_mask=1, shrink_axis_mask=2)),
    ((5, 4), spec([2], [3], [1], shrink_axis_mask=1)),
    ((5, 4), spec([-5, -1], [-4, 0], [1, 1], shrink_axis_mask=3)),
    ((2, 3, 4), spec([0, 1], [0, 3], [1, 1], ellipsis_mask=1)),
    ((2, 3, 4), spec([1, 0, 2], [2, 0, 4], [1, 1, 2], ellipsis_mask=2, shrink_axis_mask=1)),
    ((2, 3, 4), spec([0, 0, 1], [0, 0, 9], [1, 1, 1], new_axis_mask=1, ellipsis_mask=2)),
    ((2, 3, 4), spec([0, 0, 0, -2], [0, 0, 0, 9], [1, 1, 1, 1], new_axis_mask=5, begin_mask=2,
                     end_mask=2)),
    ((5,), spec([3], [1], [1])),
    ((5,), spec([-10], [10], [3])),
    ((0, 3), spec([0], [2], [1])),
    ((), spec([], [], [])),
    ((), spec([0], [0], [1], new_axis_mask=1)),
    ((6, 2), spec([5], [0], [-3], begin_mask=1, end_mask=1)),
]  # fmt: skip

BAD = [
    ((5,), spec([5], [6], [1], shrink_axis_mask=1), "slice index 5 of dimension 0 out of bounds"),
    (
        (5,),
        spec([-6], [-5], [1], shrink_axis_mask=1),
        "slice index -6 of dimension 0 out of bounds",
    ),
    ((5,), spec([0], [2], [0]), "must be non-zero"),
    ((5,), spec([0, 0], [1, 1], [1, 1]), "(?i)index out of range|too many indices"),
    ((5,), spec([0, 0], [1, 1], [1, 1], ellipsis_mask=3), "(?i)multiple ellipses"),
    ((5,), spec([0], [1], [-1], shrink_axis_mask=1), "only stride 1 allowed"),
]

record(
    "StridedSlice",
    *[sample(input=f32(*shape), **each) for shape, each in SPECS],
    sample(input=s([b"a", b"b"]), **spec([1], [2], [1], shrink_axis_mask=1)),
    sample(
        input=ints(4), begin=arr([1], "int16"), end=arr([3], "int16"), strides=arr([1], "int16")
    ),
    bad=[bad(input=f32(*shape), match=match, **each) for shape, each, match in BAD],
)


def taken(shape, begin, end, strides, **masks):
    """The shape of a slice."""
    import numpy as np

    index = []
    for i, (b, e, step) in enumerate(zip(begin, end, strides)):
        bit = 1 << i
        if masks.get("ellipsis_mask", 0) & bit:
            index.append(Ellipsis)
        elif masks.get("new_axis_mask", 0) & bit:
            index.append(None)
        elif masks.get("shrink_axis_mask", 0) & bit:
            index.append(b)
        else:
            b = None if masks.get("begin_mask", 0) & bit else b
            index.append(slice(b, None if masks.get("end_mask", 0) & bit else e, step))
    return np.empty(shape)[tuple(index)].shape


record(
    "StridedSliceGrad",
    *[
        sample(shape=each["begin"].dtype.type(shape), dy=f32(*taken(shape, **each)), **each)
        for shape, each in SPECS
        if shape
    ],
    bad=[
        bad(shape=i32([5]), dy=f32(3), match="(?i)shape|broadcast", **spec([0], [2], [1])),
    ],
)
record(
    "TensorStridedSliceUpdate",
    *[
        sample(input=f32(*shape), value=f32(*taken(shape, **each)), **each)
        for shape, each in SPECS
        if shape
    ],
    sample(input=f32(3, 4), value=f32(), **spec([0, 1], [2, 3], [1, 1])),
    sample(input=f32(3, 4), value=f32(1), **spec([0, 1], [2, 3], [1, 1])),
    bad=[bad(input=f32(5), value=f32(3), match="(?i)shape|broadcast", **spec([0], [2], [1]))],
)
for _name in ("StridedSliceAssign", "ResourceStridedSliceAssign"):
    record(
        _name,
        *[
            sample(ref=var(f32(*shape)), value=f32(*taken(shape, **each)), **each)
            for shape, each in SPECS
            if shape
        ],
        bad=[
            bad(ref=var(f32(5)), value=f32(3), match="(?i)shape|broadcast", **spec([0], [2], [1]))
        ],
    )
