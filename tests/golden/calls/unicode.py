"""Calls of the Unicode functions of tf.strings."""

import numpy as np

ARRAYS = {
    "one": np.array("héllo", object),
    "row": np.array(["ab", "é", ""], object),
    "table": np.array([["ab", "c"], ["é", b"\xffx"]], object),
    "codes": np.array([[97, 98, 233], [99, -1, 33]], np.int32),
    "cube": np.arange(97, 109).reshape(2, 2, 3).astype(np.int32),
}

CALLS = """
tf.strings.unicode_decode(one, "UTF-8")
tf.strings.unicode_decode(row, "UTF-8").flat_values
tf.strings.unicode_decode(row, "UTF-8").row_splits
tf.strings.unicode_decode(table, "UTF-8").flat_values
tf.strings.unicode_decode(table, "UTF-8").nested_row_splits
tf.strings.unicode_decode(tf.ragged.constant([["ab", "c"], ["d"]]), "UTF-8").flat_values
tf.strings.unicode_decode(table, "UTF-8", errors="ignore").flat_values
tf.strings.unicode_decode(table, "UTF-8", errors="strict").flat_values
tf.strings.unicode_decode(table, "UTF-8", replacement_char=33).flat_values
tf.strings.unicode_decode(row, "nope").flat_values
tf.strings.unicode_decode(row, "UTF-8", errors="other").flat_values
tf.strings.unicode_decode_with_offsets(one, "UTF-8")
tf.strings.unicode_decode_with_offsets(table, "UTF-8")[1].flat_values
tf.strings.unicode_split(one, "UTF-8")
tf.strings.unicode_split(row, "UTF-8").flat_values
tf.strings.unicode_split(row, "UTF-8").row_splits
tf.strings.unicode_split(table, "UTF-8").nested_row_splits
tf.strings.unicode_split(table, "UTF-8").to_tensor()
tf.strings.unicode_split_with_offsets(one, "UTF-8")
tf.strings.unicode_split_with_offsets(row, "UTF-8")[1].flat_values
tf.strings.unicode_encode(codes, "UTF-8")
tf.strings.unicode_encode(codes, "UTF-16-BE", errors="ignore")
tf.strings.unicode_encode(codes, "UTF-8", errors="strict")
tf.strings.unicode_encode(codes, "UTF-8", replacement_char=63)
tf.strings.unicode_encode(codes[0], "UTF-8")
tf.strings.unicode_encode(cube, "UTF-8")
tf.strings.unicode_encode(tf.ragged.constant([[97, 98], [], [99]]), "UTF-8")
tf.strings.unicode_encode(tf.ragged.constant([[[97, 98], []], [[99]]]), "UTF-8").flat_values
tf.strings.unicode_encode(codes[0, 0], "UTF-8")
tf.strings.unicode_encode(codes, "latin1")
tf.strings.unicode_transcode(row, "UTF-8", "UTF-16-BE")
tf.strings.unicode_transcode(table, "UTF-8", "UTF-8", errors="ignore")
"""

PROGRAMS = []
