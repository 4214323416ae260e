"""PNG images with 16 bits per channel: Pillow reads and writes those of one channel alone.

https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels
_CHANNELS = {color: channels for channels, color in _COLOR_TYPE.items()}


def is_wide(contents: bytes) -> bool:
    """Whether these bytes begin a PNG image with 16 bits per channel."""
    return contents[:8] == _SIGNATURE and contents[24:25] == b"\x10"


def encode(image: np.ndarray, compression: int) -> bytes:
    """A uint16 image [height, width, channels] as PNG.

    Args:
      image: with 1 to 4 channels.
      compression: zlib's level, or -1 for its default.
    """
    height, width, channels = image.shape
    rows = image.astype(">u2").view(np.uint8).reshape(height, width * channels * 2)
    shifted = np.zeros_like(rows)
    shifted[:, channels * 2 :] = rows[:, : -channels * 2]
    above = np.zeros_like(rows)
    above[1:] = rows[:-1]
    filtered = np.stack([rows, rows - shifted, rows - above])
    # The usual heuristic: the filter whose signed differences are smallest in sum.
    costs = np.abs(filtered.view(np.int8).astype(np.int16)).sum(2)
    chosen = costs.argmin(0)
    lines = np.concatenate(
        [chosen[:, None].astype(np.uint8), filtered[chosen, np.arange(height)]], axis=1
    )
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOR_TYPE[channels], 0, 0, 0)
    body = zlib.compress(lines.tobytes(), compression)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def decode(contents: bytes) -> np.ndarray:
    """The uint16 image [height, width, channels] in these bytes.

    Raises:
      ValueError: if they are none, or interlaced.
    """
    width, height, _, color, _, _, interlaced = struct.unpack(">IIBBBBB", contents[16:29])
    if interlaced:
        raise ValueError("interlaced PNG images with 16 bits per channel are not supported")
    if color not in _CHANNELS or not width or not height:
        raise ValueError("not a PNG image with 16 bits per channel")
    pixel = _CHANNELS[color] * 2
    length = width * pixel
    inflate = zlib.decompressobj()
    data = inflate.decompress(b"".join(_data_chunks(contents)), height * (length + 1))
    if len(data) != height * (length + 1):
        raise ValueError("the data of the PNG image end too early")
    lines = np.frombuffer(data, np.uint8).reshape(height, length + 1)
    rows = np.zeros((height, length), np.uint8)
    above = np.zeros(length, np.uint8)
    for y in range(height):
        rows[y] = above = _unfiltered(int(lines[y, 0]), lines[y, 1:], above, pixel)
    return rows.view(">u2").reshape(height, width, -1).astype(np.uint16)


def _data_chunks(contents: bytes) -> list[bytes]:
    at, chunks = 8, []
    while at + 12 <= len(contents):
        length, kind = struct.unpack(">I4s", contents[at : at + 8])
        data = contents[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", contents[at + 8 + length : at + 12 + length] or b"\0" * 4)
        if zlib.crc32(kind + data) != checksum:
            raise ValueError(f"the checksum of the PNG chunk {kind!r} is wrong")
        if kind == b"IDAT":
            chunks.append(data)
        if kind == b"IEND":
            break
        at += 12 + length
    return chunks


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray, pixel: int) -> np.ndarray:
    """A row of bytes before it was filtered; `above` is the row before."""
    if kind == 0:
        return line
    if kind == 1:  # differences to the pixel on the left
        return line.reshape(-1, pixel).cumsum(0, dtype=np.uint8).ravel()
    if kind == 2:  # differences to the row above
        return line + above
    if kind not in (3, 4):
        raise ValueError(f"there is no PNG filter {kind}")
    predict = _mean if kind == 3 else _paeth
    old, upper = line.tolist(), above.tolist()
    row = [0] * len(old)
    for i, value in enumerate(old):
        left, corner = (row[i - pixel], upper[i - pixel]) if i >= pixel else (0, 0)
        row[i] = (value + predict(left, upper[i], corner)) & 255
    return np.array(row, np.uint8)


def _mean(left: int, up: int, corner: int) -> int:
    return (left + up) >> 1


def _paeth(left: int, up: int, corner: int) -> int:
    """Whichever of the three is nearest to left + up - corner."""
    near = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if near[0] <= near[1] and near[0] <= near[2]:
        return left
    return up if near[1] <= near[2] else corner
