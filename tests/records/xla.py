"""Records of ops/xla.py."""

from .base import bools, f32, floats, i32, i64, ints, record, sample, tested_elsewhere

record(
    "XlaDynamicUpdateSlice",
    sample(input=f32(4, 5), update=f32(2, 3), indices=i32([1, 2])),
    sample(input=ints(6), update=ints(2), indices=i64([9])),  # moved to where it fits
    sample(input=floats(3, 2, dtype="float64"), update=floats(1, 2, dtype="float64"),
           indices=i32([-4, 0])),
    sample(input=f32(), update=f32(), indices=i32([])),
    sample(input=bools(5), update=bools(2), indices=i32([1])),
)  # fmt: skip
record(
    "XlaDynamicSlice",
    sample(input=f32(4, 5), start_indices=i32([1, 2]), size_indices=i32([2, 3])),
    sample(input=ints(6), start_indices=i64([9]), size_indices=i64([2])),
    sample(input=bools(3, 2), start_indices=i32([-4, 0]), size_indices=i32([1, 2])),
)
tested_elsewhere("test_call_module.py", "XlaCallModule", "XlaSharding")
