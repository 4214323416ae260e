"""The checksum of TFRecord files, checkpoints and event files: CRC-32C (Castagnoli), masked.

A masked checksum is one that may be stored beside its data, and have a checksum of its own.
"""

from __future__ import annotations

_DELTA = 0xA282EAD8


def crc32c(data: bytes, start: int = 0) -> int:
    """The checksum of `data`, or of what has the checksum `start` followed by `data`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    >>> crc32c(b"6789", crc32c(b"12345")) == crc32c(b"123456789")
    True
    """
    import google_crc32c

    return google_crc32c.extend(start, data) if start else google_crc32c.value(data)


def mask(checksum: int) -> int:
    """A checksum as it is stored.

    >>> unmask(mask(12345))
    12345
    """
    return ((checksum >> 15 | checksum << 17) + _DELTA) & 0xFFFFFFFF


def unmask(masked: int) -> int:
    """The checksum that is stored as `masked`."""
    turned = (masked - _DELTA) & 0xFFFFFFFF
    return (turned >> 17 | turned << 15) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The masked checksum of `data`."""
    return mask(crc32c(data))
