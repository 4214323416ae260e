"""Sound in WAV files of 16-bit samples: https://www.tensorflow.org/api_docs/python/tf/audio"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from reflow.lang.errors import invalid
from reflow.ops.define import no_gradient, op
from reflow.ops.public import public

_SCALE = 1 << 15


def _parse(contents: bytes) -> tuple[np.ndarray, int]:
    """Samples [frames, channels] as int16, and the sample rate.

    Raises:
      InvalidArgumentError: if the bytes are no such file.
    """
    if len(contents) < 12 or contents[:4] != b"RIFF" or contents[8:12] != b"WAVE":
        raise invalid("Data too short or not a WAV file: expected RIFF and WAVE at the start")
    at, layout = 12, None
    while at + 8 <= len(contents):
        kind, size = struct.unpack("<4sI", contents[at : at + 8])
        body = contents[at + 8 : at + 8 + size]
        if len(body) < size:
            raise invalid(f"Data too short: a chunk of {size} bytes has {len(body)}")
        if kind == b"fmt ":
            if size < 16:
                raise invalid(f"Bad format chunk size for WAV: expected at least 16, got {size}")
            layout = struct.unpack("<HHIIHH", body[:16])
        elif kind == b"data":
            if layout is None:
                raise invalid("A WAV file needs its format before its data")
            return _samples(body, *layout)
        at += 8 + size + size % 2
    raise invalid("No data found in the WAV file")


def _samples(
    body: bytes, coding: int, channels: int, rate: int, _per_second: int, frame: int, bits: int
) -> tuple[np.ndarray, int]:
    if coding not in (1, 0xFFFE):
        raise invalid(f"Bad audio format for WAV: expected 1 (PCM), but got {coding}")
    if bits != 16:
        raise invalid(f"Can only read 16-bit WAV files, but received {bits}")
    if channels < 1 or frame != channels * 2:
        raise invalid(f"Bad bytes per sample in WAV header: {channels} channels, {frame} bytes")
    count = len(body) // frame
    return np.frombuffer(body, "<i2", count * channels).reshape(count, channels), rate


def _decoded_shape(
    contents: Any, *, desired_channels: int, desired_samples: int
) -> list[tuple[int | None, ...]]:
    contents.shape.with_rank(0)
    frames = desired_samples if desired_samples >= 0 else None
    return [(frames, desired_channels if desired_channels >= 0 else None), ()]


@op(
    "DecodeWav(contents: string, *, desired_channels: int = -1, desired_samples: int = -1)"
    " -> audio: float, sample_rate: int32",
    shape=_decoded_shape,
    compile=False,
    grad=no_gradient,
)
def decode_wav_op(xp, contents, *, desired_channels, desired_samples):
    """The samples of a WAV file of 16-bit samples, [samples, channels] between -1 and 1, and their rate.

    With `desired_channels` channels too many are dropped and the last one is repeated where some are
    missing; with `desired_samples` the end is cut off or filled with silence.
    """
    if np.ndim(contents):
        raise invalid(f"contents must be scalar, got shape {list(np.shape(contents))}")
    samples, rate = _parse(np.asarray(contents, object).item())
    if desired_channels > 0:
        samples = samples[:, np.minimum(np.arange(desired_channels), samples.shape[1] - 1)]
    if desired_samples >= 0:
        missing = max(desired_samples - len(samples), 0)
        samples = np.pad(samples[:desired_samples], [(0, missing), (0, 0)])
    return samples.astype(np.float32) / np.float32(_SCALE), np.int32(rate)


@op(
    "EncodeWav(audio: float, sample_rate: int32) -> contents: string",
    shape=lambda audio, sample_rate: (),
    compile=False,
    grad=no_gradient,
)
def encode_wav_op(xp, audio, sample_rate):
    """Samples [samples, channels] between -1 and 1 as a WAV file of 16-bit samples."""
    if len(audio.shape) != 2:
        raise invalid(f"audio must be 2-dimensional, got shape {list(audio.shape)}")
    if np.size(sample_rate) != 1:
        raise invalid(f"sample_rate must be a scalar, got shape {list(np.shape(sample_rate))}")
    rate, channels = int(np.asarray(sample_rate).item()), audio.shape[1]
    if not 0 < channels < 1 << 16:
        raise invalid(f"num_channels must be in (0, 2^16), got: {channels}")
    if rate <= 0:
        raise invalid(f"sample_rate must be in (0, 2^32), got: {rate}")
    scaled = np.round(audio.astype(np.float32) * np.float32(_SCALE))
    body = np.clip(scaled, -_SCALE, _SCALE - 1).astype("<i2").tobytes()
    layout = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    contents = b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVE"
    contents += b"fmt " + struct.pack("<I", 16) + layout
    return np.array(contents + b"data" + struct.pack("<I", len(body)) + body, object)


encode_wav = public(
    encode_wav_op,
    "audio.encode_wav",
    errors="InvalidArgumentError: if the samples are no matrix.",
)

decode_wav = public(
    decode_wav_op,
    "audio.decode_wav",
    example=("tf.audio.encode_wav([[0.5], [-1.0]], 8000)", "[[ 0.5]\n [-1. ]]"),
    errors="InvalidArgumentError: if it is no such file.",
)
