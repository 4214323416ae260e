"""Images in files: JPEG, PNG, GIF, WebP through Pillow, and BMP.

Pillow is imported when an image is first decoded or encoded. Results are TensorFlow's exactly, except
that a JPEG is decoded with libjpeg's accurate transform (`dct_method="INTEGER_ACCURATE"`), while
TensorFlow's default is the fast one: values then differ by a few units of 255.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.errors import invalid
from reflow.ops.image import png_wide

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WebP")


def format_of(contents: bytes) -> str | None:
    """Which of `FORMATS` the bytes begin."""
    starts = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG", "GIF": b"GIF8", "BMP": b"BM"}
    for name, start in starts.items():
        if contents.startswith(start):
            return name
    return "WebP" if contents[:4] == b"RIFF" and contents[8:12] == b"WEBP" else None


def pillow() -> Any:
    """Pillow's module `Image`.

    Raises:
      ImportError: if it is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Decoding and encoding images needs Pillow: pip install 'reflow[images]' "
            "(or: pip install pillow)"
        ) from error
    return Image


def opened(contents: bytes, kind: str) -> Any:
    """A Pillow image whose header is read.

    Raises:
      InvalidArgumentError: if there is none.
    """
    image = pillow()
    return _reading(lambda: image.open(io.BytesIO(contents), formats=[kind.upper()]), kind)


def _reading(read: Any, kind: str) -> Any:
    """What `read()` returns.

    Raises:
      InvalidArgumentError: in place of whatever a broken file makes Pillow raise.
    """
    try:
        return read()
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, struct.error, IndexError, ...
        raise invalid(f"Invalid {kind} data: {error}") from error


def _pixels(image: Any, kind: str) -> np.ndarray:
    """The pixels as [height, width, channels]."""
    array = _reading(lambda: np.asarray(image), kind)
    return array if array.ndim == 3 else array[..., None]


# Decoding -----------------------------------------------------------------------------------------


def decode_jpeg(contents: bytes, channels: int = 0, ratio: int = 1) -> np.ndarray:
    """A uint8 image [height, width, 1 or 3], its size divided by `ratio`.

    Raises:
      InvalidArgumentError: if the bytes are no JPEG image, or it cannot have so many channels.
    """
    if channels == 4:
        raise invalid("JPEG does not support 4 channels")
    image = opened(contents, "JPEG")
    if image.mode == "CMYK" and channels == 1:
        raise invalid("a JPEG image of four inks cannot be decoded to 1 channel")
    wanted = "L" if channels == 1 or (channels == 0 and image.mode == "L") else "RGB"
    width, height = image.size
    image.draft(None if image.mode == "CMYK" else wanted, (width // ratio, height // ratio))
    image = _reading(lambda: image.convert(wanted), "JPEG")
    if image.size != (-(-width // ratio), -(-height // ratio)):
        raise errors.UnimplementedError(
            None, None, f"JPEG: decoding {width}x{height} pixels at a ratio of {ratio}"
        )
    return _pixels(image, "JPEG")


def decode_png(contents: bytes, channels: int = 0, wide: bool = False) -> np.ndarray:
    """A uint8 image, or with `wide` a uint16 image, [height, width, channels].

    Raises:
      InvalidArgumentError: if the bytes are no PNG image.
    """
    if png_wide.is_wide(contents):
        array = _reading(lambda: png_wide.decode(contents), "PNG")
        return _with_channels(array if wide else (array >> 8).astype(np.uint8), channels)
    image = opened(contents, "PNG")
    modes = {"1": "L", "P": "RGB"}
    if "transparency" in image.info:
        modes = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
    array = _pixels(_reading(lambda: image.convert(modes.get(image.mode)), "PNG"), "PNG")
    # TensorFlow's alpha for images of less than 8 bits is what those bits hold at most.
    array = _with_channels(array, channels, (1 << contents[24]) - 1)
    return array.astype(np.uint16) * np.uint16(257) if wide else array


def _with_channels(array: np.ndarray, channels: int, opaque: int | None = None) -> np.ndarray:
    """Pixels with 1, 3 or 4 channels; with 0 as many as they have."""
    have = array.shape[-1]
    if channels in (0, have):
        return array
    color, alpha = (array[..., :-1], array[..., -1:]) if have in (2, 4) else (array, None)
    if channels == 1 and color.shape[-1] == 3:
        weights = np.array([9797, 19234, 3737])  # libpng's, of 32768
        color = (color.astype(np.int64) @ weights >> 15).astype(array.dtype)[..., None]
    if channels >= 3 and color.shape[-1] == 1:
        color = np.repeat(color, 3, axis=-1)
    if channels != 4:
        return color
    if alpha is None:
        alpha = np.full_like(color[..., :1], opaque or np.iinfo(array.dtype).max)
    return np.concatenate([color, alpha], axis=-1)


def decode_gif(contents: bytes) -> np.ndarray:
    """The uint8 frames [frames, height, width, 3] of a GIF image.

    Raises:
      InvalidArgumentError: if the bytes are none.
    """
    return _frames(contents, "GIF", "RGB")


def decode_webp(contents: bytes, channels: int = 0) -> np.ndarray:
    """The uint8 frames [frames, height, width, 3 or 4] of a WebP image.

    Raises:
      InvalidArgumentError: if the bytes are none, or have another number of channels.
    """
    if channels not in (0, 3, 4):
        raise invalid("WebP only supports 3 or 4 channels")
    image = opened(contents, "WebP")
    if channels not in (0, len(image.mode)):
        raise invalid("Number of channels requested does not match input")
    return _frames(contents, "WebP", image.mode)


def _frames(contents: bytes, kind: str, mode: str) -> np.ndarray:
    image = opened(contents, kind)

    def read() -> np.ndarray:
        frames = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            frames.append(np.asarray(image.convert(mode)))
        return np.stack(frames)

    return _reading(read, kind)


def decode_bmp(contents: bytes, channels: int = 0) -> np.ndarray:
    """A uint8 image [height, width, channels] of an uncompressed BMP image.

    Raises:
      InvalidArgumentError: if the bytes are none, or have another number of channels.
    """
    if channels not in (0, 3, 4):
        raise invalid(f"`channels` must be 0, 3 or 4 for BMP, but got {channels}")
    if len(contents) < 32:
        raise invalid(f"Incomplete bmp content, requires at least 32 bytes, got {len(contents)}")
    start, width, height, bits = struct.unpack("<10xI4xii2xH", contents[:30])
    have = bits // 8
    if bits not in (8, 24, 32):
        raise invalid(f"BMP images of {bits} bits per pixel are not supported: 8, 24 or 32")
    if width <= 0 or height == 0 or abs(height) > 1 << 27:
        raise invalid(f"a BMP image cannot be {width}x{height} pixels large")
    row = (bits * width + 31) // 32 * 4
    if start + row * abs(height) > len(contents):
        raise invalid(f"Incomplete bmp content for {width}x{abs(height)} pixels")
    lines = np.frombuffer(contents, np.uint8, row * abs(height), start).reshape(-1, row)
    array = lines[:, : width * have].reshape(-1, width, have)
    if height > 0:  # from the bottom up
        array = array[::-1]
    if have >= 3:
        array = np.concatenate([array[..., 2::-1], array[..., 3:]], axis=-1)
    return np.ascontiguousarray(_with_channels(array, channels))


def decode_any(contents: bytes, channels: int, dtype: Any, expand_animations: bool) -> np.ndarray:
    """An image of any format: [height, width, channels], or frames of such.

    Args:
      contents: the bytes.
      channels: 0 for as many as it has, 1, 3 or 4.
      dtype: uint8, uint16 or float32, whose range is [0, 1].
      expand_animations: give all frames of an animation, in place of the first.

    Raises:
      InvalidArgumentError: if the bytes are no image, or it cannot have so many channels.
    """
    kind = format_of(contents)
    if kind == "PNG":
        wide = np.dtype(dtype) != np.uint8
        array = decode_png(contents, channels, wide)
        return array if array.dtype == dtype else array.astype(dtype) * np.float32(1 / 65535)
    if kind == "JPEG":
        array = decode_jpeg(contents, channels)
    elif kind == "GIF":
        if channels not in (0, 3):
            raise invalid(f"channels must be 0 or 3 for GIF, got {channels}")
        array = decode_gif(contents)
    elif kind == "BMP":
        array = decode_bmp(contents, channels)
    elif kind == "WebP":
        if dtype != np.uint8:
            raise invalid("WebP only supports uint8 for dtype")
        array = decode_webp(contents, channels)
    else:
        raise invalid(f"Unknown image file format. One of {', '.join(FORMATS)} required.")
    if array.ndim == 4 and not expand_animations:
        array = array[0]
    if dtype == np.uint8:
        return array
    wider = array.astype(dtype)
    return wider * (np.float32(1 / 255) if dtype == np.float32 else np.uint16(256))


# Encoding -----------------------------------------------------------------------------------------


def encode_jpeg(image: np.ndarray, **options: Any) -> bytes:
    """A uint8 image [height, width, 1 or 3] as JPEG; the options are Pillow's."""
    mode = pillow()
    shown = mode.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[-1] == 1 else image))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def encode_png(image: np.ndarray, compression: int) -> bytes:
    """A uint8 or uint16 image [height, width, 1 to 4] as PNG.

    Args:
      compression: zlib's level, from 0 to 9, or -1 for its default.
    """
    if image.dtype == np.uint16:
        return png_wide.encode(image, compression)
    module = pillow()
    channels = image.shape[-1]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    raw = np.ascontiguousarray(image).tobytes()
    shown = module.frombytes(mode, (image.shape[1], image.shape[0]), raw)
    buffer = io.BytesIO()
    options = {} if compression < 0 else {"compress_level": compression}
    shown.save(buffer, "PNG", **options)
    return buffer.getvalue()
