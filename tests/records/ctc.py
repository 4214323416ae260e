"""Records of ops/nn/ctc.py."""

import numpy as np

from .base import bad, f32, f64, i32, i64, record, sample

INDICES = i64([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1], [2, 2]])
VALUES = i32([1, 2, 0, 3, 3, 1])
LABELS = {"labels_indices": INDICES, "labels_values": VALUES}
LENGTHS = i32([6, 4, 5])
LONG = {
    "labels_indices": i64([[0, 0], [0, 1], [0, 2], [1, 0]]),
    "labels_values": i32([1, 2, 0, 3]),
    "sequence_length": i32([2, 3]),
}
CLOSE = {"tol": {"float32": 1e-4, "float64": 1e-6}, "why": "TensorFlow adds logarithms in float32"}

record(
    "CTCLoss",
    sample(inputs=f32(6, 3, 5), **LABELS, sequence_length=LENGTHS),
    sample(inputs=f64(6, 3, 5), **LABELS, sequence_length=LENGTHS),
    sample(inputs=f32(6, 3, 5), **LABELS, sequence_length=LENGTHS, preprocess_collapse_repeated=True),
    sample(inputs=f32(6, 3, 5), **LABELS, sequence_length=LENGTHS, ctc_merge_repeated=False),
    sample(inputs=f32(3, 2, 5), **LONG, ignore_longer_outputs_than_inputs=True, gradient=False),
    bad=[
        bad(inputs=f32(3, 2, 5), **LONG, match="Not enough time"),
        bad(inputs=f32(6, 3, 5), **LABELS, sequence_length=i32([6, 4, 7]), match="sequence_length"),
        bad(inputs=f32(6, 4, 5), **LABELS, sequence_length=i32([6, 4, 5, 6]), match="length is zero"),
        bad(inputs=f32(6, 3, 5), labels_indices=INDICES, labels_values=i32([4, 2, 0, 3, 3, 1]),
            sequence_length=LENGTHS, match="null label"),
        bad(inputs=f32(6, 3, 5), labels_indices=INDICES, labels_values=-VALUES,
            sequence_length=LENGTHS, match="nonnegative"),
        bad(inputs=f32(6, 2, 5), **LABELS, sequence_length=i32([6, 4]), match="out of bounds|not valid"),
    ],
    grad_outputs=["loss"],
    **CLOSE,
)  # fmt: skip
record(
    "CTCLossV2",
    sample(inputs=f32(6, 3, 5), labels_indices=INDICES, labels_values=VALUES + 1, sequence_length=LENGTHS),
    sample(inputs=f32(6, 3, 5), **LABELS, sequence_length=LENGTHS),  # the blank is a label too
    sample(inputs=f32(6, 2, 5), labels_indices=INDICES[:2], labels_values=VALUES[:2], sequence_length=LENGTHS[:2]),
    oracle=False,
    grad_outputs=["loss"],
    why="TensorFlow has no CPU kernel for it; test_nn.py compares tf.nn.ctc_loss, which uses it",
)  # fmt: skip
PEAKS = np.zeros((5, 2, 3), "float32")
for _t, _classes in enumerate(((0, 1), (0, 2), (2, 1), (0, 1), (1, 0))):
    PEAKS[_t, [0, 1], _classes] = 3 + _t
record(
    "CTCGreedyDecoder",
    sample(inputs=PEAKS, sequence_length=i32([5, 4])),
    sample(inputs=PEAKS, sequence_length=i32([5, 4]), merge_repeated=True),
    sample(inputs=f32(6, 3, 5), sequence_length=i32([6, 0, 3]), merge_repeated=True, blank_index=1),
    sample(inputs=f64(4, 2, 3), sequence_length=i32([4, 4]), blank_index=-2),
    bad=[
        bad(inputs=PEAKS, sequence_length=i32([6, 4]), match="sequence_length"),
        bad(inputs=PEAKS, sequence_length=i32([5, 4]), blank_index=3, match="blank_index"),
        bad(inputs=PEAKS, sequence_length=i32([5]), match="sequence_length|equal|compatible"),
    ],
)
record(
    "CTCBeamSearchDecoder",
    sample(inputs=PEAKS, sequence_length=i32([5, 4]), beam_width=3, top_paths=2),
    sample(inputs=PEAKS, sequence_length=i32([5, 4]), beam_width=4, top_paths=1, merge_repeated=False),
    sample(inputs=f32(8, 3, 5), sequence_length=i32([8, 3, 5]), beam_width=6, top_paths=4, merge_repeated=False),
    sample(inputs=f64(8, 2, 4), sequence_length=i32([8, 7]), beam_width=20, top_paths=3),
    sample(inputs=f32(3, 1, 4), sequence_length=i32([0]), beam_width=4, top_paths=1),
    bad=[
        bad(inputs=PEAKS, sequence_length=i32([5, 4]), beam_width=2, top_paths=3, match="beam width"),
        bad(inputs=PEAKS, sequence_length=i32([5, 0]), beam_width=4, top_paths=2, match="Less leaves"),
    ],
    **CLOSE,
)  # fmt: skip
