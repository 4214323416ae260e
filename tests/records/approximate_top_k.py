"""Records of ops/approximate_top_k.py."""

# TensorFlow runs other forms when it compiles only: see golden/calls/approximate.py.
from .base import bad, f32, floats, record, sample

record(
    "ApproxTopK",
    sample(input=f32(3, 5), k=2),
    sample(input=f32(7), k=3),
    sample(input=floats(4, dtype="float16"), k=2),
    grad_outputs=["values"],
    bad=[
        bad(input=f32(2, 3), k=4, match="(?i)last dimension"),
        bad(input=f32(2, 3), k=1, reduction_dimension=2, match="(?i)out of range|dimension"),
    ],
)
