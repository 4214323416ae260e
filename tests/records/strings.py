"""Records of ops/strings/string_ops.py."""

from .base import arr, bad, bools, c64, f32, f64, i32, i64, record, s, sample

WORDS = s([[b"a b", b"", b"hello"], [b" x  y ", b"\xc3\xa4\xe2\x82\xac", b"Tensor\tFlow\n"]])
NONE = s([])
LENGTHS = s([bytes(range(65, 65 + n % 60)) * (1 + n // 60) for n in
             (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 59, 110, 150, 208, 330)])  # fmt: skip

record(
    "StringJoin",
    sample(inputs=[WORDS, WORDS], separator="--"),
    sample(inputs=[s(b"a"), WORDS, s(b"z")]),
    sample(inputs=[s(b"a")]),
    sample(inputs=[NONE, s(b"a")], separator=","),
    bad=[bad(inputs=[s([b"a"]), s([b"a", b"b"])], match="[Ss]hape")],
)
record(
    "ReduceJoin",
    sample(inputs=WORDS, reduction_indices=i32([0]), separator="|"),
    sample(inputs=WORDS, reduction_indices=i32([0, 1]), separator="|"),
    sample(inputs=WORDS, reduction_indices=i32([1, 0]), separator="|"),
    sample(inputs=WORDS, reduction_indices=i32(-1), keep_dims=True),
    sample(inputs=s([[[b"a", b"b"], [b"c", b"d"]], [[b"e", b"f"], [b"g", b"h"]]]),
           reduction_indices=i32([2, 0]), separator="."),
    sample(inputs=WORDS, reduction_indices=i32([])),
    bad=[
        bad(inputs=WORDS, reduction_indices=i32([2]), match="[Ii]nvalid reduction dim"),
        bad(inputs=WORDS, reduction_indices=i32([0, -2]), match="[Dd]uplicate reduction dim"),
    ],
)  # fmt: skip
record(
    "UnsortedSegmentJoin",
    sample(inputs=WORDS, segment_ids=i32([1, 0]), num_segments=i32(3), separator=":"),
    sample(inputs=WORDS, segment_ids=i64([[1, 0, 1], [1, 1, 0]]), num_segments=i32(2)),
    bad=[
        bad(inputs=WORDS, segment_ids=i32([0, 5]), num_segments=i32(3), match="not allowed"),
        bad(inputs=WORDS, segment_ids=i32([0, -1]), num_segments=i32(3), match="not allowed"),
    ],
)
record(
    "StringSplit",
    sample(input=s([b"a b  c", b"", b" d "]), delimiter=s(b" ")),
    sample(input=s([b"a b  c", b"", b" d "]), delimiter=s(b" "), skip_empty=False),
    sample(input=s([b"a,b;c^", b"d-]e"]), delimiter=s(b",;^-]")),
    sample(input=s([b"abc", b"\xc3\xa4"]), delimiter=s(b"")),
    sample(input=NONE, delimiter=s(b" ")),
    bad=[bad(input=WORDS, delimiter=s(b" "), match="vector|rank")],
)
record(
    "StringSplitV2",
    sample(input=s([b"a b  c", b"", b" d "]), sep=s(b"")),
    sample(input=s([b"a b  c d", b" e  f "]), sep=s(b""), maxsplit=1),
    sample(input=s([b"a", b" b c ", b""]), sep=s(b""), maxsplit=2),
    sample(input=s([b" a b", b"", b" "]), sep=s(b""), maxsplit=0),
    sample(input=s([b"1<>2<>3", b"<><>4<>", b""]), sep=s(b"<>")),
    sample(input=s([b"1<>2<>3", b"<><>4<>"]), sep=s(b"<>"), maxsplit=1),
    sample(input=NONE, sep=s(b",")),
)
record(
    "StringLength",
    sample(input=WORDS),
    sample(input=WORDS, unit="UTF8_CHAR"),
    sample(input=NONE),
)
record(
    "Substr",
    sample(input=WORDS, pos=i32(0), len=i32(2)),
    sample(input=s([b"hello", b"world!"]), pos=i64([1, -3]), len=i64([3, 9])),
    sample(input=s(b"hello"), pos=i32([[0], [5]]), len=i32([[1], [1]])),
    sample(input=s([b"\xc3\xa4\xe2\x82\xacxy", b"abc"]), pos=i32([1, -2]), len=i32([2, 1]),
           unit="UTF8_CHAR"),
    sample(input=s([b"hello", b"world!"]), pos=i32(1), len=i32(-1)),
    sample(input=NONE, pos=i32(3), len=i32(1)),
    bad=[
        bad(input=s([b"abc"]), pos=i32(4), len=i32(1), match="out of range"),
        bad(input=s([b"abc"]), pos=i32(-4), len=i32(1), unit="UTF8_CHAR", match="out of range"),
        bad(input=s([b"abc"]), pos=i32([0, 1]), len=i32(1), match="same shape|[Ss]hapes"),
    ],
)  # fmt: skip
for name in ("StringLower", "StringUpper"):
    record(
        name,
        sample(input=s([b"Ab\xc3\x84\xc3\xa4z", b"", b"STRASSE"])),
        sample(input=s([b"Ab\xc3\x84\xc3\xa4z", b""]), encoding="utf-8"),
        bad=[bad(input=s([b"a"]), encoding="latin1", match="utf-8")],
    )
record("StringStrip", sample(input=WORDS), sample(input=s([b"\x0b\x0c x \r\n", b" \t "])))
record(
    "StringToNumber",
    sample(string_tensor=s([[b"3.5", b" -1e2 "], [b".5", b"7."]])),
    sample(string_tensor=s([b"inf", b"-inf", b"nan", b"1e300"]), out_type="float64"),
    sample(string_tensor=s([b"12", b"-7", b"2147483647"]), out_type="int32"),
    sample(string_tensor=s([b"-9223372036854775808", b" 5"]), out_type="int64"),
    sample(string_tensor=s([b"18446744073709551615"]), out_type="uint64"),
    bad=[
        bad(string_tensor=s([b"12a"]), match="could not correctly convert string: 12a"),
        bad(string_tensor=s([b""]), match="could not correctly convert"),
        bad(string_tensor=s([b"1_0"]), match="could not correctly convert"),
        bad(string_tensor=s([b"1.5"]), out_type="int32", match="could not correctly convert"),
        bad(string_tensor=s([b"2147483648"]), out_type="int32", match="could not correctly"),
    ],
)
record(
    "AsString",
    sample(input=f32(2, 3)),
    sample(input=f64(3), precision=3, width=9, fill="0"),
    sample(input=arr([1e-10, 1e10, 0.0, 2.5], "float32"), scientific=True, precision=2),
    sample(
        input=arr([1e-10, 1e10, 0.0, 2.5, float("inf"), float("nan")], "float64"), shortest=True
    ),
    sample(input=i64([-5, 12345]), width=4, fill="0"),
    sample(input=i32([5, 12345]), width=6, fill="-"),
    sample(input=arr([200], "uint8")),
    sample(input=bools(3)),
    sample(input=bools(3), width=6),
    sample(input=c64(2), precision=2),
    sample(input=arr([1.5, -2], "bfloat16")),
    sample(input=s([b"ab", b""]), width=3),
    bad=[
        bad(input=i32([1]), precision=2, match="not supported|precision"),
        bad(input=f32(1), scientific=True, shortest=True, match="both scientific and shortest"),
        bad(input=f32(1), fill="ab", match="one or fewer|[Ff]ill"),
    ],
)
for name in ("StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong"):
    given = "string_tensor" if name == "StringToHashBucket" else "input"
    more = {"key": [2**40 + 7, -123456789]} if name.endswith("Strong") else {}
    record(
        name,
        sample(**{given: LENGTHS}, num_buckets=2**62 + 12345, **more),
        sample(**{given: WORDS}, num_buckets=10, **more),
        sample(**{given: NONE}, num_buckets=1, **more),
    )
record(
    "EncodeBase64",
    sample(input=s([b"", b"a", b"ab", b"abc", b"\xff\xfe\xfb\xef"])),
    sample(input=s([b"", b"a", b"ab", b"abc", b"\xff\xfe\xfb\xef"]), pad=True),
)
record(
    "DecodeBase64",
    sample(input=s([b"", b"YQ", b"YWI", b"YWJj", b"YQ==", b"__77-w"])),
    bad=[
        bad(input=s([b"Y"]), match="Invalid"),
        bad(input=s([b"Y+I/"]), match="Invalid"),
    ],
)
