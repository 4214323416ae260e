"""The ops that decode and encode images: https://www.tensorflow.org/api_docs/python/tf/io

They run on the host, through Pillow: see `files` for what of it is TensorFlow's to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, uint8, uint16
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import compare
from reflow.ops.define import no_gradient, op
from reflow.ops.image import files as image_files
from reflow.ops.image.files import format_of
from reflow.ops.public import public
from reflow.ops.strings.string_ops import substr

_HOST: dict[str, Any] = {"compile": False, "grad": no_gradient}
_JPEG = (
    "channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,"
    " try_recover_truncated: bool = False, acceptable_fraction: float = 1.0,"
    " dct_method: string = ''"
)


def _bytes(contents: Any) -> bytes:
    """The bytes in a scalar.

    Raises:
      InvalidArgumentError: if it is none, or empty.
    """
    if np.ndim(contents):
        raise invalid(f"`contents` must be scalar but got shape {list(np.shape(contents))}")
    value = np.asarray(contents, object).item()
    if not value:
        raise invalid("Input is empty.")
    return value


def _check_channels(channels: int) -> None:
    if channels not in (0, 1, 3, 4):
        raise invalid(f"`channels` must be 0, 1, 3 or 4 but got {channels}")


def _image_shape(contents: Any, *, channels: int) -> tuple:
    contents.shape.with_rank(0)
    return (None, None, channels or None)


def _check_jpeg(options: dict[str, Any]) -> None:
    ratio, method = options["ratio"], options["dct_method"]
    if ratio not in (1, 2, 4, 8):
        raise invalid(f"ratio must be 1, 2, 4, or 8, got {ratio}")
    if method not in ("", "INTEGER_FAST", "INTEGER_ACCURATE"):
        raise invalid("dct_method must be one of {'', 'INTEGER_FAST', 'INTEGER_ACCURATE'}")


def _jpeg(contents: bytes, channels: int, options: dict[str, Any]) -> np.ndarray:
    from reflow.lang import errors

    if not options["fancy_upscaling"]:
        raise errors.UnimplementedError(
            None, None, "decoding JPEG with fancy_upscaling=False: Pillow always smoothes"
        )
    try:
        return image_files.decode_jpeg(contents, channels, options["ratio"])
    except errors.InvalidArgumentError as error:
        if options["try_recover_truncated"] and "truncated" in str(error).lower():
            raise errors.UnimplementedError(
                None, None, "decoding a truncated JPEG image with try_recover_truncated"
            ) from error
        raise


def _decoded(name: str, contents: bytes, channels: int, dtype: Any, options: dict) -> np.ndarray:
    """What the op of a format gives for an image, which may be of another format too."""
    _check_channels(channels)
    kind = format_of(contents)
    if kind == "JPEG":
        array = _jpeg(contents, channels, options)
        return array if dtype == np.uint8 else array.astype(np.uint16) * np.uint16(256)
    if kind == "BMP":
        raise invalid(
            "Trying to decode BMP format using a wrong op. Use `decode_bmp` or `decode_image` "
            f"instead. Op used: {name}"
        )
    array = image_files.decode_any(contents, channels, dtype, True)
    if kind == "GIF":
        if len(array) != 1:
            raise invalid(
                f"Got {len(array)} frames, but animated gifs can only be decoded by "
                "tf.io.decode_gif or tf.io.decode_image"
            )
        return array[0]
    return array


_PLAIN = {"ratio": 1, "fancy_upscaling": True, "try_recover_truncated": False}


@op(f"DecodeJpeg(contents: string, *, {_JPEG}) -> image: uint8", shape=_image_shape, **_HOST)
def decode_jpeg_op(
    xp, contents, *, channels, ratio, fancy_upscaling, try_recover_truncated, dct_method
):
    """A JPEG image as numbers from 0 to 255, [height, width, channels]."""
    options = {
        "ratio": ratio,
        "fancy_upscaling": fancy_upscaling,
        "try_recover_truncated": try_recover_truncated,
        "dct_method": dct_method,
    }
    _check_jpeg(options)
    return _decoded("DecodeJpeg", _bytes(contents), channels, np.uint8, options)


@op(
    f"DecodeAndCropJpeg(contents: string, crop_window: int32, *, {_JPEG}) -> image: uint8",
    **_HOST,
)
def decode_and_crop_jpeg_op(
    xp,
    contents,
    crop_window,
    *,
    channels,
    ratio,
    fancy_upscaling,
    try_recover_truncated,
    dct_method,
):
    """The part of a JPEG image at [y, x, height, width]."""
    if np.shape(crop_window) != (4,):
        raise invalid(f"crop_size must have four elements, got {list(np.shape(crop_window))}")
    image = decode_jpeg_op.lower(
        xp,
        contents,
        channels=channels,
        ratio=ratio,
        fancy_upscaling=fancy_upscaling,
        try_recover_truncated=try_recover_truncated,
        dct_method=dct_method,
    )
    y, x, height, width = (int(v) for v in crop_window)
    if min(y, x) < 0 or min(height, width) <= 0:
        raise invalid(f"Invalid crop window: {[y, x, height, width]}")
    if y + height > image.shape[0] or x + width > image.shape[1]:
        raise invalid(
            f"Invalid crop window: {[y, x, height, width]} of an image of {list(image.shape)}"
        )
    return image[y : y + height, x : x + width]


@decode_and_crop_jpeg_op.shape_rule
def _decode_and_crop_jpeg_shape(contents, crop_window, *, channels):
    from reflow.ops.shape_rules import constant_value

    window = constant_value(crop_window)
    if not crop_window.shape.is_compatible_with([4]):
        raise ValueError(f"crop_window must have four elements, got shape {crop_window.shape}")
    height, width = (None, None) if window is None else (int(window[2]), int(window[3]))
    return (height, width, channels or None)


@op(
    "DecodePng(contents: string, *, channels: int = 0, dtype: {uint8,uint16} = uint8)"
    " -> image: dtype",
    shape=_image_shape,
    **_HOST,
)
def decode_png_op(xp, contents, *, channels, dtype):
    """A PNG image as numbers, [height, width, channels]."""
    return _decoded("DecodePng", _bytes(contents), channels, dtype.np, _PLAIN)


@op(
    "DecodeGif(contents: string) -> image: uint8",
    shape=lambda contents: (None, None, None, 3),
    **_HOST,
)
def decode_gif_op(xp, contents):
    """The frames of a GIF image, [frames, height, width, 3]."""
    contents = _bytes(contents)
    if format_of(contents) == "GIF":
        return image_files.decode_gif(contents)
    array = _decoded("DecodeGif", contents, 3, np.uint8, _PLAIN)
    return array if array.ndim == 4 else array[None]


@op(
    "DecodeBmp(contents: string, *, channels: int = 0) -> image: uint8", shape=_image_shape, **_HOST
)
def decode_bmp_op(xp, contents, *, channels):
    """A BMP image as numbers from 0 to 255, [height, width, channels]."""
    contents = _bytes(contents)
    _check_channels(channels)
    kind = format_of(contents)
    if kind in ("JPEG", "PNG", "GIF"):
        raise invalid(
            f"Trying to decode {kind} format using DecodeBmp op. Use `decode_{kind.lower()}` or "
            "`decode_image` instead."
        )
    return image_files.decode_any(contents, channels, np.uint8, True)


@op(
    "DecodeWebP(contents: string, *, channels: int = 0, dtype: {uint8} = uint8) -> image: dtype",
    shape=lambda contents, *, channels: (None, None, None, channels or None),
    **_HOST,
)
def decode_webp_op(xp, contents, *, channels):
    """The frames of a WebP image, [frames, height, width, channels]."""
    return _decoded("DecodeWebP", _bytes(contents), channels, np.uint8, _PLAIN)


def _any_shape(contents: Any, *, channels: int, expand_animations: bool) -> Any:
    return shapes.UNKNOWN if expand_animations else (None, None, channels or None)


@op(
    "DecodeImage(contents: string, *, channels: int = 0, dtype: {uint8,uint16,float} = uint8,"
    " expand_animations: bool = True) -> image: dtype",
    shape=_any_shape,
    **_HOST,
)
def decode_image_op(xp, contents, *, channels, dtype, expand_animations):
    """An image of any format as numbers; floats lie between 0 and 1."""
    _check_channels(channels)
    return image_files.decode_any(_bytes(contents), channels, dtype.np, expand_animations)


@op(
    "ExtractJpegShape(contents: string, *, output_type: {int32,int64} = int32)"
    " -> image_shape: output_type",
    shape=lambda contents: (3,),
    **_HOST,
)
def extract_jpeg_shape_op(xp, contents, *, output_type):
    """Height, width and channels of a JPEG image, of which the header alone is read."""
    image = image_files.opened(_bytes(contents), "JPEG")
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[image.mode]
    return np.array([image.size[1], image.size[0], channels], output_type.np)


# Encoding -----------------------------------------------------------------------------------------


def _check_jpeg_image(image: Any, quality: int) -> int:
    """The channels of an image to encode."""
    if len(image.shape) != 3:
        raise invalid(f"image must be 3-dimensional, got shape {list(image.shape)}")
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise invalid(f"image must have 1 or 3 channels, got {list(image.shape)}")
    if not 0 <= quality <= 100:
        raise invalid(f"quality must be in [0,100], got {quality}")
    if not image.size:
        raise invalid(f"cannot encode an empty image, of shape {list(image.shape)}")
    return channels


@op(
    "EncodeJpeg(image: uint8, *, format: string{,grayscale,rgb} = '', quality: int = 95,"
    " progressive: bool = False, optimize_size: bool = False, chroma_downsampling: bool = True,"
    " density_unit: string{in,cm} = 'in', x_density: int = 300, y_density: int = 300,"
    " xmp_metadata: string = '') -> contents: string",
    shape=lambda image: (),
    **_HOST,
)
def encode_jpeg_op(
    xp,
    image,
    *,
    format,
    quality,
    progressive,
    optimize_size,
    chroma_downsampling,
    density_unit,
    x_density,
    y_density,
    xmp_metadata,
):
    """An image [height, width, 1 or 3] as JPEG."""
    channels = _check_jpeg_image(image, quality)
    wanted = {"": channels, "grayscale": 1, "rgb": 3}[format]
    if wanted != channels:
        raise invalid(f"format {format} expects {wanted} channels, got {list(image.shape)}")
    options: dict[str, Any] = {"dpi": (x_density, y_density)}
    if xmp_metadata:
        text = xmp_metadata.encode() if isinstance(xmp_metadata, str) else xmp_metadata
        options["xmp"] = text + b"\0"  # TensorFlow writes C's end of the string too
    contents = image_files.encode_jpeg(
        image,
        quality=quality,
        progressive=progressive,
        optimize=optimize_size,
        subsampling=2 if chroma_downsampling else 0,
        **options,
    )
    if density_unit == "cm":  # the unit of the JFIF header, which comes first in the file
        contents = contents[:13] + b"\x02" + contents[14:]
    return np.array(contents, object)


@op(
    "EncodeJpegVariableQuality(images: uint8, quality: int32) -> contents: string",
    shape=lambda images, quality: (),
    **_HOST,
)
def encode_jpeg_variable_quality_op(xp, images, quality):
    """An image as JPEG, with a quality that is a tensor."""
    if np.size(quality) != 1:
        raise invalid(f"quality must be scalar, got shape {list(np.shape(quality))}")
    value = int(np.asarray(quality).item())
    _check_jpeg_image(images, value)
    return np.array(image_files.encode_jpeg(images, quality=value, subsampling=2), object)


@op(
    "EncodePng(image: T, *, compression: int = -1, T: {uint8,uint16} = uint8) -> contents: string",
    shape=lambda image: image.shape.with_rank_at_least(3)[:-3],
    **_HOST,
)
def encode_png_op(xp, image, *, compression):
    """Images [..., height, width, 1 to 4] as PNG."""
    if not -1 <= compression <= 9:
        raise invalid(f"compression should be in [-1,9], got {compression}")
    if len(image.shape) < 3:
        raise invalid(f"images must be at least rank 3, got shape {list(image.shape)}")
    if image.shape[-1] not in (1, 2, 3, 4):
        raise invalid(f"image must have 1, 2, 3, or 4 channels, got {image.shape[-1]}")
    if 0 in image.shape[-3:]:
        raise invalid(f"cannot encode an empty image, of shape {list(image.shape)}")
    outer = image.shape[:-3]
    result = np.empty(int(np.prod(outer)), object)
    flat = image.reshape(-1, *image.shape[-3:])
    result[:] = [image_files.encode_png(each, compression) for each in flat]
    return result.reshape(outer)


# Public functions -----------------------------------------------------------------------------------

_INSTALL = "ImportError: without Pillow."
_WRONG = "InvalidArgumentError: if it is no such image."
_RED = r"tf.io.encode_jpeg(tf.fill([8, 8, 3], tf.constant(0, tf.uint8)))"


def _both(name: str) -> tuple[str, str]:
    return f"io.{name}", f"image.{name}"


decode_jpeg = public(decode_jpeg_op, *_both("decode_jpeg"), errors=_WRONG)
decode_and_crop_jpeg = public(
    decode_and_crop_jpeg_op, *_both("decode_and_crop_jpeg"), errors=_WRONG
)
decode_png = public(decode_png_op, *_both("decode_png"), errors=_WRONG)
decode_gif = public(decode_gif_op, *_both("decode_gif"), errors=_WRONG)
decode_bmp = public(decode_bmp_op, *_both("decode_bmp"), errors=_WRONG)
decode_webp = public(decode_webp_op, *_both("decode_webp"), errors=_WRONG)
extract_jpeg_shape = public(
    extract_jpeg_shape_op, *_both("extract_jpeg_shape"), example=(_RED, "[8 8 3]"), errors=_WRONG
)
encode_jpeg = public(encode_jpeg_op, *_both("encode_jpeg"), errors=_INSTALL)


@export("io.encode_png", "image.encode_png")
def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Any:
    """Images as PNG.

    Args:
      image: [..., height, width, channels] of uint8 or uint16, with 1 to 4 channels.
      compression: zlib's level, from 0 to 9, or -1 for its default.

    Returns:
      Strings [...].

    Raises:
      InvalidArgumentError: for another shape or level.

    >>> import reflow as tf
    >>> image = tf.constant([[[0], [255]]], tf.uint8)
    >>> print(tf.io.decode_png(tf.io.encode_png(image)).numpy()[..., 0])
    [[  0 255]]
    """
    return encode_png_op(convert_to_tensor(image), compression=compression, name=name)


@export("io.decode_image", "image.decode_image")
def decode_image(
    contents: Any,
    channels: int | None = None,
    dtype: Any = uint8,
    name: str | None = None,
    expand_animations: bool = True,
) -> Any:
    """An image in any of the formats JPEG, PNG, GIF, BMP and WebP.

    Args:
      contents: a string scalar, the bytes of the file.
      channels: 0 for as many as the image has, 1, 3 or 4.
      dtype: of the result; floats lie between 0 and 1.
      expand_animations: give all frames of an animation, [frames, height, width, channels], rather
        than the first alone.

    Raises:
      InvalidArgumentError: if it is no image, or cannot have so many channels.

    >>> import reflow as tf
    >>> contents = tf.io.encode_png(tf.constant([[[0], [255]]], tf.uint8))
    >>> print(tf.io.decode_image(contents, dtype=tf.float32).numpy()[..., 0])
    [[0. 1.]]
    """
    from reflow.ops.image.adjust import convert_image_dtype

    with name_scope(name, "decode_image"):
        channels = channels or 0
        wanted = as_dtype(dtype)
        kind = wanted if wanted in (float32, uint8, uint16) else uint16
        image = decode_image_op(
            contents, channels=channels, expand_animations=expand_animations, dtype=kind
        )
        if kind != wanted:
            image = convert_image_dtype(image, wanted)
        if not expand_animations:
            image.set_shape([None, None, channels or None])
        return image


@export("io.is_jpeg", "image.is_jpeg")
def is_jpeg(contents: Any, name: str | None = None) -> Any:
    """Whether strings begin as JPEG images do.

    >>> import reflow as tf
    >>> tf.io.is_jpeg([b"\\xff\\xd8\\xff\\xe0", b"GIF89a"]).numpy().tolist()
    [True, False]
    """
    with name_scope(name, "is_jpeg"):
        return compare.equal(substr(contents, 0, 3), b"\xff\xd8\xff", name=name)
