"""Records of Unicode ops: ops/strings/unicode.py."""

import numpy as np

from .base import bad, i32, i64, record, s, sample

MIXED = s(["hé😀", "", b"a\xc3", b"\xc0\x80b", b"\xed\xa0\x80x", b"\xe2\x82", b"\xf0\x9f\x98\xe2\x82\xac",
           b"\xff\xfeA", b"\xf4\x90\x80\x80", b"\xef\xbf\xbf", b"\xef\xbb\xbfa", b"\x00\x1f\x7f\n"])  # fmt: skip
WIDE = s([c.encode("utf-16-be") for c in ("hé😀", "", "日本")] + [
    b"\x00a\xd8\x00\x00b", b"\xdc\x00\x00a", b"\x00a\x00", b"\xd8\x00", b"\xd8\x00\xd8\x00\xdc\x00",
    b"\xd8\x00\x00", b"\xfe\xff\x00a"])  # fmt: skip
WIDER = s(
    [
        "hé😀".encode("utf-32-be"),
        b"\x00\x11\x00\x00\x00\x00\x00a",
        b"\x00\x00\xd8\x00",
        b"\x00\x00\x00a\x00",
    ]
)
LATIN = s(["hé".encode("latin1"), b"\xff\x80"])
JAPANESE = s(["日本a".encode("shift_jis"), b"a\x93", b"\x93\x81"])
CODES = [
    *[(encoding, texts) for encoding, texts in (
        ("UTF-8", MIXED), ("UTF-16-BE", WIDE), ("UTF-32-BE", WIDER), ("latin1", LATIN),
        ("US-ASCII", LATIN), ("shift_jis", JAPANESE), ("EUC-JP", s(["日本".encode("euc-jp")])),
        ("UTF-16-LE", s(["hé".encode("utf-16-le")])), ("KOI8-R", s(["ж".encode("koi8-r")])),
        ("GB18030", s(["中a".encode("gb18030")])), ("Big5", s(["中a".encode("big5")])),
    )],
]  # fmt: skip
_READ = {"input": MIXED, "input_encoding": "UTF-8"}
REFUSED = [
    {**_READ, "errors": "strict", "match": "Invalid formatting"},
    {**_READ, "input_encoding": "nope", "match": "Could not create converter"},
    {**_READ, "replacement_char": -5, "match": "codepoint range"},
    {**_READ, "replacement_char": 0x110000, "match": "codepoint range"},
]
for _name in ("UnicodeDecode", "UnicodeDecodeWithOffsets"):
    record(
        _name,
        *[sample(input=texts, input_encoding=encoding) for encoding, texts in CODES],
        sample(input=MIXED, input_encoding="UTF-8", errors="ignore"),
        sample(
            input=MIXED,
            input_encoding="UTF-8",
            replacement_char=63,
            replace_control_characters=True,
        ),
        sample(
            input=MIXED, input_encoding="UTF-8", errors="ignore", replace_control_characters=True
        ),
        sample(
            input=s(["a\n"]),
            input_encoding="UTF-8",
            errors="strict",
            replace_control_characters=True,
        ),
        sample(input=s([]), input_encoding="UTF-8"),
        bad=[bad(**each) for each in REFUSED],
    )
record(
    "UnicodeTranscode",
    *[sample(input=texts, input_encoding=encoding, output_encoding="UTF-8") for encoding, texts in CODES],
    sample(input=s([["a"], ["é"]]), input_encoding="UTF-8", output_encoding="UTF-16-BE"),
    sample(input=s(["é😀"]), input_encoding="UTF-8", output_encoding="UTF-32-BE"),
    sample(input=MIXED, input_encoding="UTF-8", output_encoding="UTF-8", errors="ignore",
           replace_control_characters=True),
    sample(input=MIXED, input_encoding="UTF-8", output_encoding="UTF-8", replacement_char=0x1F600),
    bad=[
        *[bad(**each, output_encoding="UTF-8") for each in REFUSED],
        bad(input=s(["a\n"]), input_encoding="UTF-8", output_encoding="UTF-8", errors="strict",
            replace_control_characters=True, match="Invalid formatting"),
        bad(input=s(["a"]), input_encoding="UTF-8", output_encoding="latin1", match="latin1"),
    ],
)  # fmt: skip
ODD = i32([97, -1, 0x110000, 0xD800, 0xFFFE, 0xFDD0, 0x1FFFF])
record(
    "UnicodeEncode",
    sample(input_values=i32([97, 233, 0x1F600]), input_splits=i64([0, 1, 1, 3]), output_encoding="UTF-8"),
    sample(input_values=ODD, input_splits=i32([0, 2, 7]), output_encoding="UTF-8"),
    sample(input_values=ODD, input_splits=i64([0, 2, 7]), output_encoding="UTF-16-BE", errors="ignore"),
    sample(input_values=ODD, input_splits=i64([0, 7]), output_encoding="UTF-32-BE", replacement_char=63),
    sample(input_values=np.zeros(0, np.int32), input_splits=i64([0]), output_encoding="UTF-8"),
    bad=[
        bad(input_values=ODD, input_splits=i64([0, 7]), output_encoding="UTF-8", errors="strict",
            match="out of range for Unicode"),
        bad(input_values=ODD, input_splits=i64([0, 5]), output_encoding="UTF-8", match="Last value"),
        bad(input_values=ODD, input_splits=i64([1, 7]), output_encoding="UTF-8", match="First value"),
        bad(input_values=ODD, input_splits=i64([0, 5, 3, 7]), output_encoding="UTF-8", match="ascending"),
    ],
)  # fmt: skip
record(
    "UnicodeScript",
    sample(input=i32([[97, 0x3B1, 0x416], [32, 0x4E2D, 0x5D0]])),
    sample(input=i32([-1, 0, 0x10FFFF, 0x110000, 0xD800, 0xE000, 0x378, 0x1F600, 0x16FF0])),
    sample(input=i32(0xE01)),
    sample(input=i32([])),
    sample(input=i32(list(range(0, 0x30000, 97)))),
)
