"""Samples for `io/raw.py`, `io/csv.py` and `io/example.py` of `reflow/ops`.

Messages are made here byte by byte, since the script that asks TensorFlow reads this file too.
"""

import gzip
import zlib

import numpy as np

from .base import arr, bad, bools, f32, floats, i32, i64, ints, record, s, sample, tested_elsewhere

NO_GRADIENT = {"grad": False, "why": "TensorFlow defines no gradient"}

# Raw numbers --------------------------------------------------------------------------------------

KINDS = ("float16", "float32", "float64", "int32", "uint16", "uint8", "int16", "int8", "int64")
WORDS = s([[b"abcdefgh", b"\x01\x02\x03\x04\xff\xfe\xfd\xfc"]])

record(
    "DecodeRaw",
    *(sample(bytes=WORDS, out_type=kind) for kind in (*KINDS, "complex64", "bfloat16")),
    *(sample(bytes=WORDS, out_type=kind, little_endian=False) for kind in ("int32", "bfloat16")),
    sample(bytes=s([b"\x00\x01\x02"]), out_type="bool"),
    sample(bytes=s(b""), out_type="int16"),
    sample(bytes=s(np.zeros((0,), object)), out_type="int16"),
    bad=[
        bad(bytes=s([b"abc", b"ab"]), out_type="uint8", match="same size"),
        bad(bytes=s([b"abc"]), out_type="int16", match="multiple of 2"),
    ],
)

record(
    "DecodePaddedRaw",
    *(sample(input_bytes=s(WORDS[0]), fixed_length=i32(16), out_type=kind) for kind in KINDS[1:]),
    sample(input_bytes=s([b"abc", b"a", b""]), fixed_length=i32(2), out_type="uint16"),
    sample(input_bytes=s(b"abcd"), fixed_length=i32(4), out_type="bfloat16", little_endian=False),
    bad=[
        bad(input_bytes=s(b"a"), fixed_length=i32(3), out_type="int16", match="multiple"),
        bad(input_bytes=s(b"a"), fixed_length=i32(0), out_type="int16", match="greater than zero"),
    ],
)

record(
    "DecodeCompressed",
    sample(
        bytes=s([gzip.compress(b"hello", mtime=0), gzip.compress(b"", mtime=0)]),
        compression_type="GZIP",
    ),
    sample(bytes=s(zlib.compress(b"hello\0")), compression_type="ZLIB"),
    sample(bytes=s([b"plain\0"])),
    bad=[
        bad(bytes=s(b"zz"), compression_type="GZIP", match="inflate"),
        bad(bytes=s(b"zz"), compression_type="FOO", match="supported"),
    ],
    **NO_GRADIENT,
)

# Tensors ------------------------------------------------------------------------------------------

record(
    "SerializeTensor",
    sample(tensor=f32(2, 3)),
    sample(tensor=i32(5)),
    sample(tensor=ints(0, 3, dtype="int64")),
    sample(tensor=bools(4)),
    sample(tensor=floats(3, dtype="bfloat16")),
    sample(tensor=floats(2, dtype="complex64")),
    sample(tensor=s([[b"a", b""], [b"c\0", b"d"]])),
)

A_TENSOR = b'\x08\x03\x12\x08\x12\x02\x08\x01\x12\x02\x08\x02"\x08\x01\x00\x00\x00\x02\x00\x00\x00'

record(
    "ParseTensor",
    sample(serialized=s(A_TENSOR), out_type="int32"),
    sample(serialized=s(b"\x08\x07\x12\x04\x12\x02\x08\x02B\x01aB\x01b"), out_type="string"),
    sample(serialized=s(b'\x08\x01\x12\x00"\x04\x00\x00\xc0?'), out_type="float32"),
    sample(serialized=s(b"\x08\x01\x12\x02\x12\x00"), out_type="float32"),
    bad=[
        bad(serialized=s(b"junk"), out_type="int32", match="Could not parse"),
        bad(serialized=s(A_TENSOR), out_type="float32", match="Type mismatch"),
        bad(serialized=s(A_TENSOR[:-4]), out_type="int32", match="Could not parse"),
        bad(serialized=s([A_TENSOR]), out_type="int32", match="scalar"),
    ],
)

SPARSE = {
    "sparse_indices": i64([[0, 1], [2, 0], [2, 2]]),
    "sparse_values": f32(3),
    "sparse_shape": i64([3, 4]),
}

record(
    "SerializeSparse",
    sample(**SPARSE),
    sample(**{**SPARSE, "sparse_values": s([b"a", b"b", b"c"])}),
    bad=[bad(**{**SPARSE, "sparse_values": f32(2)}, match="[Nn]umber of values")],
)

record(
    "SerializeManySparse",
    sample(**SPARSE),
    bad=[
        bad(sparse_indices=i64([[0]]), sparse_values=f32(1), sparse_shape=i64([3]), match="[Rr]ank")
    ],
)

_HEAD = b'\x08\t\x12\x08\x12\x02\x08\x01\x12\x02\x08\x01"\x08'
ROWS = [
    [
        _HEAD + bytes([column]) + bytes(7),
        b'\x08\x01\x12\x04\x12\x02\x08\x01"\x04\x00\x00\x80?',
        b'\x08\t\x12\x04\x12\x02\x08\x01"\x08' + bytes([size]) + bytes(7),
    ]
    for column, size in ((1, 3), (2, 4))
]

record(
    "DeserializeManySparse",
    sample(serialized_sparse=s(ROWS), dtype="float32"),
    bad=[
        bad(serialized_sparse=s(ROWS), dtype="int32", match="Requested SparseTensor"),
        bad(serialized_sparse=s(ROWS[0]), dtype="float32", match="rank|matrix"),
    ],
)

# CSV ----------------------------------------------------------------------------------------------


def csv(lines, *defaults, **more):
    return {"records": s(lines), "record_defaults": list(defaults), **more}


NUMBER, REAL, TEXT = i32([0]), arr([0.5], "float32"), s([b""])

record(
    "DecodeCSV",
    sample(**csv([b"1,2.5,a", b"-3,nan,", b" 4 ,1e3,x y"], NUMBER, REAL, TEXT)),
    sample(**csv([b"1,,"], NUMBER, REAL, s([b"d"]))),
    sample(**csv(b'"a,b","c ""d"" e"', TEXT, TEXT)),
    sample(**csv([[b'"x\ny",2', b'"",3']], TEXT, i64([7]))),
    sample(**csv([b'a"b,c'], TEXT, TEXT, use_quote_delim=False)),
    sample(**csv([b"NA,3"], i32([7]), arr([8], "float64"), na_value="NA")),
    sample(**csv([b"a,b,c,d"], TEXT, TEXT, select_cols=[1, 3])),
    sample(**csv([b"a b"], TEXT, TEXT, field_delim=" ")),
    sample(**csv([b"9223372036854775807,+5"], i64([0]), NUMBER)),
    bad=[
        bad(**csv([b"1,2"], NUMBER, REAL, TEXT), match="Expect 3 fields but have 2 in record 0"),
        bad(**csv([b""], TEXT), match="Expect 1 fields but have 0"),
        bad(**csv([b"1,"], NUMBER, arr([], "float32")), match="Field 1 is required but missing"),
        bad(**csv([b"1,x"], NUMBER, REAL), match="Field 1 in record 0 is not a valid float: x"),
        bad(**csv([b"9999999999"], NUMBER), match="not a valid int32"),
        bad(**csv([b"1_0"], NUMBER), match="not a valid int32"),
        bad(**csv([b'"a"b,c'], TEXT, TEXT), match="Quote inside"),
        bad(**csv([b'a"b,c'], TEXT, TEXT), match="Unquoted fields"),
        bad(**csv([b"a,b\n"], TEXT, TEXT), match="Unquoted fields"),
        bad(**csv([b'",'], TEXT, TEXT), match="Quoted field has to end"),
        bad(**csv([b"1"], NUMBER, field_delim=",,"), match="only 1 char"),
        bad(**csv([b"1,2"], i32([[0]]), NUMBER), match="rank 1"),
    ],
    **NO_GRADIENT,
)

# Examples -----------------------------------------------------------------------------------------


def varint(n):
    n &= 2**64 - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def part(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def feature(values):
    """A `Feature` of bytes, floats or integers; an empty one of None."""
    if values is None:
        return b""
    values = list(values)
    if values and isinstance(values[0], bytes):
        return part(1, b"".join(part(1, v) for v in values))
    if values and isinstance(values[0], float):
        return part(2, part(1, np.array(values, "<f4").tobytes()))
    return part(3, part(1, b"".join(varint(v) for v in values)))


def features(given):
    pairs = (part(1, part(1, k.encode()) + part(2, feature(v))) for k, v in given.items())
    return b"".join(pairs)


def example(**given):
    return part(1, features(given))


def sequence(context=None, **lists):
    steps = {k: b"".join(part(1, feature(v)) for v in values) for k, values in lists.items()}
    pairs = (part(1, part(1, k.encode()) + part(2, v)) for k, v in steps.items())
    return part(1, features(context or {})) + part(2, b"".join(pairs))


MANY = [int(n) for n in np.random.default_rng(1).integers(-(2**62), 2**62, 50)]
ONE = example(a=[1, -2], b=[0.5], c=[b"x", b""], many=MANY)
TWO = example(a=[3, 4], b=[0.25, 1.0, 8.0], c=[b"yy"], many=[], e=None)
BARE = example(a=[7, 8])
ALL = s([ONE, TWO, BARE])


def parse(serialized, sparse=(), dense=(), ragged=(), names=()):
    """Arguments of ParseExampleV2: keys with dtypes, and for dense ones shapes and defaults."""
    return {
        "serialized": serialized,
        "names": s(list(names)),
        "sparse_keys": s([k for k, _ in sparse]),
        "dense_keys": s([k for k, *_ in dense]),
        "ragged_keys": s([k for k, *_ in ragged]),
        "dense_defaults": [default for *_, default in dense],
        "num_sparse": len(sparse),
        "sparse_types": [kind for _, kind in sparse],
        "ragged_value_types": [kind for _, kind, _ in ragged],
        "ragged_split_types": [split for *_, split in ragged],
        "dense_shapes": [list(shape) for _, _, shape, _ in dense],
    }


NONE = {"int64": i64([]), "float32": arr([], "float32"), "string": s(np.zeros(0, object))}
A = ("a", "int64", (2,), NONE["int64"])
B = ("b", "float32", (None,), arr(-1, "float32"))
C = ("c", "string", (1, 1), s([[b"none"]]))
SPARSE_KEYS = [("c", "string"), ("many", "int64"), ("e", "float32")]

record(
    "ParseExampleV2",
    sample(**parse(ALL, SPARSE_KEYS, [A, B])),
    sample(
        **parse(ALL, (), [A, ("zz", "float32", (), arr(2.5, "float32"))], names=[b"p", b"q", b"r"])
    ),
    sample(**parse(s([TWO, BARE]), [("b", "float32")], [C, ("many", "int64", (None, 5), i64(0))])),
    sample(**parse(s(ONE), SPARSE_KEYS, [A, B, ("zz", "int64", (None, 2), i64(0))])),
    sample(**parse(ALL, ragged=[("many", "int64", "int32"), ("b", "float32", "int64")])),
    sample(**parse(s(ONE), ragged=[("c", "string", "int32")])),
    sample(**parse(s([]), [("c", "string")], [A, B], [("many", "int64", "int32")])),
    bad=[
        bad(
            **parse(ALL, (), [("a", "int64", (3,), NONE["int64"])]),
            match="int64 values != expected",
        ),
        bad(
            **parse(ALL, (), [("a", "float32", (2,), NONE["float32"])]),
            match="Data types don't match",
        ),
        bad(**parse(ALL, [("a", "float32")]), match="Data types don't match"),
        bad(**parse(ALL, (), [("zz", "string", (), NONE["string"])]), match="Feature: zz"),
        bad(**parse(s([[ONE]]), (), [A]), match="rank 1|scalar or vector"),
        bad(**parse(ALL, (), [A], names=[b"p"]), match="names"),
        bad(**parse(ALL, (), [("many", "int64", (None, 3), i64(0))]), match="multiple of stride"),
    ],
    **NO_GRADIENT,
)

record(
    "ParseExample",
    sample(
        serialized=ALL,
        names=s([]),
        sparse_keys=[s(b"c"), s(b"many")],
        dense_keys=[s(b"a"), s(b"b")],
        dense_defaults=[A[3], B[3]],
        sparse_types=["string", "int64"],
        dense_shapes=[[2], [None]],
    ),
    **NO_GRADIENT,
)

record(
    "ParseSingleExample",
    sample(
        serialized=s(ONE),
        dense_defaults=[A[3], C[3]],
        num_sparse=2,
        sparse_keys=["b", "e"],
        dense_keys=["a", "zz"],
        sparse_types=["float32", "float32"],
        dense_shapes=[[2], [1, 1]],
    ),
    **NO_GRADIENT,
)

FIRST = sequence({"n": [7], "m": [b"a", b"b"]}, q=[[1, 2], [3, 4]], w=[[b"a"], [b"b", b"c"], None])
SECOND = sequence({"n": [9]}, q=[[5, 6]], w=[[b"d"]])
EMPTY = sequence({"n": [1]}, w=[])


def parse_sequence(serialized, context=(), sparse=(), lists=(), sparse_lists=(), ragged_lists=()):
    return {
        "serialized": serialized,
        "debug_name": s([]),
        "context_sparse_keys": s([k for k, _ in sparse]),
        "context_dense_keys": s([k for k, *_ in context]),
        "context_ragged_keys": s([]),
        "feature_list_sparse_keys": s([k for k, _ in sparse_lists]),
        "feature_list_dense_keys": s([k for k, *_ in lists]),
        "feature_list_ragged_keys": s([k for k, *_ in ragged_lists]),
        "feature_list_dense_missing_assumed_empty": np.array([m for *_, m in lists], bool),
        "context_dense_defaults": [default for *_, default in context],
        "Ncontext_sparse": len(sparse),
        "context_sparse_types": [kind for _, kind in sparse],
        "context_dense_shapes": [list(shape) for _, _, shape, _ in context],
        "Nfeature_list_sparse": len(sparse_lists),
        "Nfeature_list_dense": len(lists),
        "feature_list_dense_types": [kind for _, kind, *_ in lists],
        "feature_list_sparse_types": [kind for _, kind in sparse_lists],
        "context_ragged_value_types": [],
        "context_ragged_split_types": [],
        "feature_list_ragged_value_types": [kind for _, kind, _ in ragged_lists],
        "feature_list_ragged_split_types": [splits for *_, splits in ragged_lists],
        "feature_list_dense_shapes": [list(shape) for _, _, shape, _ in lists],
    }


N = ("n", "int64", (1,), NONE["int64"])
Q = ("q", "int64", (2,), True)

record(
    "ParseSequenceExampleV2",
    sample(
        **parse_sequence(s([FIRST, SECOND, EMPTY]), [N], [("m", "string")], [Q], [("w", "string")])
    ),
    sample(**parse_sequence(s(FIRST), [N], [("m", "string")], [Q], [("w", "string")])),
    sample(**parse_sequence(s([SECOND]), (), (), [("w", "string", (), False)])),
    sample(
        **parse_sequence(
            s([FIRST, SECOND, EMPTY]),
            ragged_lists=[("w", "string", "int32"), ("q", "int64", "int64")],
        )
    ),
    bad=[
        bad(
            **parse_sequence(s([FIRST, EMPTY]), (), (), [("q", "int64", (2,), False)]),
            match="Feature list 'q' is required",
        ),
        bad(
            **parse_sequence(s([FIRST]), (), (), [("q", "float32", (2,), False)]),
            match="Data types",
        ),
        bad(**parse_sequence(s([FIRST]), (), (), (), [("q", "float32")]), match="Data types"),
        bad(**parse_sequence(s([FIRST]), (), (), [("w", "string", (), False)]), match="[vV]alues"),
        bad(**parse_sequence(s([FIRST]), [("zz", "int64", (), NONE["int64"])]), match="zz"),
    ],
    **NO_GRADIENT,
)

# Numbers are written packed here, and one by one by TensorFlow: see test_io.py.
record(
    "DecodeJSONExample",
    sample(
        json_examples=s(
            [
                b'{"features": {"feature": {"b": {"bytesList": {"value": ["YWI="]}}}}}',
                b"{}",
            ]
        )
    ),
    bad=[bad(json_examples=s(b"{x"), match="JSON")],
    **NO_GRADIENT,
)

tested_elsewhere("test_io.py", "ReadFile", "WriteFile", "MatchingFiles")
