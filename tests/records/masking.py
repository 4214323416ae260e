"""Records of ops/masking.py."""

from .base import arr, bools, f32, i32, record, sample

record(
    "Where",
    sample(input=bools(3, 4)),
    sample(input=f32(3)),
    sample(input=i32([0, 1, 0, 2])),
    sample(input=bools(0, 2)),
    sample(input=arr([0, 1j], "complex64")),
)
