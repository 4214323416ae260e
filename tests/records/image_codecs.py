"""Samples for `image/codecs.py` and `audio.py` of `reflow/ops`.

Where TensorFlow is asked, JPEG is decoded with the accurate transform: its default, the fast one, gives
other values (see `reflow/ops/image/files.py`).
"""

import pathlib
import struct
import zlib

import numpy as np

from .base import bad, f32, i32, record, s, sample, tested_elsewhere

_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "images"
_FILES = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir())}
EXACT = {"dct_method": "INTEGER_ACCURATE"}


def of(name):
    return s(_FILES[name])


def named(ending):
    return [name for name in _FILES if name.endswith(ending)]


def png16(image):
    """A uint16 image [height, width, channels] as PNG, whose rows have all kinds of filters."""
    height, width, channels = image.shape
    rows = image.astype(">u2").view(np.uint8).reshape(height, -1).astype(int)
    pixel, lines, above = channels * 2, b"", np.zeros_like(rows[0])
    for y, row in enumerate(rows):
        left = np.concatenate([np.zeros(pixel, int), row[:-pixel]])
        corner = np.concatenate([np.zeros(pixel, int), above[:-pixel]])
        guess = left + above - corner
        distances = np.abs(np.stack([guess - left, guess - above, guess - corner]))
        nearest = np.choose(distances.argmin(0), [left, above, corner])
        predicted = [0 * row, left, above, (left + above) // 2, nearest][y % 5]
        lines += bytes([y % 5]) + ((row - predicted) & 255).astype(np.uint8).tobytes()
        above = row

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


_rng = np.random.default_rng(5)
WIDE = [s(png16(_rng.integers(0, 65536, (6, 4, c), dtype=np.uint16))) for c in (1, 2, 3, 4)]
GARBAGE = bad(contents=s(b"no image"), match="Unknown image file format")
EMPTY = bad(contents=s(b""), match="empty")
NOT_SCALAR = bad(contents=s([b"a", b"b"]), match="scalar|rank")

NO_GRADIENT = {"grad": False, "why": "TensorFlow defines no gradient"}

record(
    "DecodeJpeg",
    *(sample(contents=of(name), **EXACT) for name in named(".jpg")),
    sample(contents=of("color.jpg"), channels=1, **EXACT),
    sample(contents=of("grey.jpg"), channels=3, **EXACT),
    *(sample(contents=of("color.jpg"), ratio=r, **EXACT) for r in (2, 4, 8)),
    sample(contents=of("color.png")),
    sample(contents=of("still.gif")),
    bad=[
        GARBAGE,
        EMPTY,
        NOT_SCALAR,
        bad(contents=of("color.jpg"), channels=4, match="4 channels"),
        bad(contents=of("color.jpg"), channels=2, match="channels"),
        bad(contents=of("color.jpg"), ratio=3, match="ratio must be"),
        bad(contents=of("color.jpg"), dct_method="FAST", match="dct_method must be"),
        bad(contents=s(_FILES["color.jpg"][:400]), match="JPEG"),
        bad(contents=of("color.bmp"), match="decode_bmp"),
        bad(contents=of("moving.gif"), match="frames"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodeAndCropJpeg",
    # Where colors are stored coarsely TensorFlow, which decodes the crop alone, smoothes its edge less.
    sample(contents=of("progressive.jpg"), crop_window=i32([1, 2, 5, 6]), **EXACT),
    sample(contents=of("grey.jpg"), crop_window=i32([1, 2, 5, 6]), **EXACT),
    sample(contents=of("progressive.jpg"), crop_window=i32([0, 0, 13, 18]), channels=1, **EXACT),
    bad=[
        bad(contents=of("color.jpg"), crop_window=i32([1, 2, 50, 6]), match="crop window"),
        bad(contents=of("color.jpg"), crop_window=i32([1, 2, 3]), match="four"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodePng",
    *(
        sample(contents=of(name), channels=c, dtype=d)
        for name in named(".png")
        for c in (0, 1, 3, 4)
        for d in ("uint8", "uint16")
    ),
    *(sample(contents=each, dtype=d) for each in WIDE for d in ("uint8", "uint16")),
    sample(contents=WIDE[0], channels=4, dtype="uint16"),
    sample(contents=WIDE[3], channels=3, dtype="uint16"),
    bad=[
        GARBAGE,
        EMPTY,
        bad(contents=s(_FILES["color.png"][:100]), match="PNG"),
        bad(contents=s(WIDE[2].item()[:80]), match="PNG"),
        bad(contents=of("color.png"), channels=2, match="channels"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodeGif",
    *(sample(contents=of(name)) for name in ("moving.gif", "still.gif", "color.png", "grey.png")),
    bad=[GARBAGE, bad(contents=s(_FILES["still.gif"][:40]), match="GIF")],
    **NO_GRADIENT,
)

record(
    "DecodeBmp",
    *(sample(contents=of(name)) for name in named(".bmp")),
    sample(contents=of("color.bmp"), channels=4),
    sample(contents=of("grey.bmp"), channels=3),
    bad=[
        bad(contents=of("color.bmp"), channels=1, match="channels"),
        bad(contents=s(_FILES["color.bmp"][:100]), match="bmp"),
        bad(contents=of("color.png"), match="decode_png"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodeWebP",
    *(sample(contents=of(name)) for name in named(".webp")),
    sample(contents=of("color.webp"), channels=3),
    bad=[
        bad(contents=of("color.webp"), channels=4, match="channels"),
        bad(contents=s(_FILES["color.webp"][:60]), match="WebP"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodeImage",
    *(
        sample(contents=of(name), dtype=d, expand_animations=e)
        for name in ("color.png", "grey16.png", "moving.gif", "color.bmp")
        for d in ("uint8", "uint16", "float32")
        for e in (True, False)
    ),
    sample(contents=of("color.webp")),
    sample(contents=of("color.png"), channels=1),
    bad=[
        GARBAGE,
        bad(contents=of("moving.gif"), channels=1, match="GIF"),
        bad(contents=of("color.webp"), dtype="float32", match="uint8"),
    ],
    **NO_GRADIENT,
)

record(
    "ExtractJpegShape",
    *(sample(contents=of(name)) for name in named(".jpg")),
    sample(contents=of("color.jpg"), output_type="int64"),
    bad=[bad(contents=s(b"no image"), match="JPEG")],
    **NO_GRADIENT,
)

tested_elsewhere("test_image.py", "EncodeJpeg", "EncodeJpegVariableQuality", "EncodePng")

# Sound --------------------------------------------------------------------------------------------

SOUND = np.array([[0.5, -1], [1, 2], [-2, 0.1], [1 / 3, 0.00002]], np.float32)


def wav(samples, rate=8000, bits=16, kind=1, extra=b""):
    """The bytes of a WAV file, with another chunk before the data."""
    frame = samples.shape[1] * bits // 8
    layout = struct.pack("<HHIIHH", kind, samples.shape[1], rate, rate * frame, frame, bits)
    body = samples.astype("<i2").tobytes()
    parts = b"fmt " + struct.pack("<I", len(layout)) + layout + extra
    parts += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


NUMBERS = np.arange(-3, 3).reshape(3, 2) * 9000
WAV = s(wav(NUMBERS))

record(
    "EncodeWav",
    sample(audio=SOUND, sample_rate=i32(44100)),
    sample(audio=f32(5, 1, lo=-1, hi=1), sample_rate=i32(8000)),
    sample(audio=f32(0, 2), sample_rate=i32(8000)),
    bad=[
        bad(audio=f32(3), sample_rate=i32(8000), match="2-dim"),
        bad(audio=f32(3, 0), sample_rate=i32(8000), match="num_channels"),
        bad(audio=f32(3, 1), sample_rate=i32(0), match="sample_rate"),
    ],
    **NO_GRADIENT,
)

record(
    "DecodeWav",
    sample(contents=WAV),
    *(sample(contents=WAV, desired_channels=c) for c in (1, 2, 3)),
    *(sample(contents=WAV, desired_samples=n) for n in (0, 2, 5)),
    sample(contents=s(wav(NUMBERS, extra=b"LIST" + struct.pack("<I", 6) + b"abcdef"))),
    bad=[
        bad(contents=s(b"RIFF"), match="too short"),
        bad(contents=s(WAV.item()[:-2]), match="too short"),
        bad(contents=s(wav(NUMBERS, bits=8)), match="16-bit"),
        bad(contents=s(wav(NUMBERS, kind=7)), match="audio format"),
        bad(contents=s([b"a"]), match="scalar|rank"),
    ],
    **NO_GRADIENT,
)
