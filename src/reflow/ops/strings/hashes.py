"""Hash functions of strings, as TensorFlow's bucket ops use them: 64-bit numbers from bytes.

`fingerprint64` is FarmHash's (https://github.com/google/farmhash), `siphash` SipHash-2-4 (Aumasson and
Bernstein, 2012), `murmur64` MurmurHash64A.
"""

from __future__ import annotations

import struct
from functools import lru_cache

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CACHE = 1 << 16  # strings whose hashes are kept: vocabularies repeat


def _rotate_right(x: int, n: int) -> int:
    return (x >> n | x << (64 - n)) & _MASK


def _mixed(x: int) -> int:
    return x ^ x >> 47


def _pair(u: int, v: int, mul: int) -> int:
    a = _mixed((u ^ v) * mul & _MASK)
    return _mixed((v ^ a) * mul & _MASK) * mul & _MASK


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


@lru_cache(_CACHE)
def fingerprint64(data: bytes) -> int:
    """FarmHash's Fingerprint64.

    >>> fingerprint64(b"") == 0x9AE16A3B2F90404F
    True
    """
    n = len(data)
    if n > 64:
        return _fingerprint_long(data)
    mul = _K2 + 2 * n & _MASK
    if n < 17:
        return _fingerprint_short(data, n, mul)
    c, d = _word(data, n - 8) * mul, _word(data, n - 16) * _K2
    a, b = _word(data, 0) * (_K1 if n <= 32 else _K2), _word(data, 8)
    y = _rotate_right(a + b & _MASK, 43) + _rotate_right(c & _MASK, 30) + d & _MASK
    z = _pair(y, a + _rotate_right(b + _K2 & _MASK, 18) + c & _MASK, mul)
    if n <= 32:
        return z
    e, f = _word(data, 16) * mul, _word(data, 24)
    g, h = (y + _word(data, n - 32)) * mul, (z + _word(data, n - 24)) * mul
    u = _rotate_right(e + f & _MASK, 43) + _rotate_right(g & _MASK, 30) + h & _MASK
    return _pair(u, e + _rotate_right(f + a & _MASK, 18) + g & _MASK, mul)


def _fingerprint_short(data: bytes, n: int, mul: int) -> int:
    if n >= 8:
        a, b = _word(data, 0) + _K2 & _MASK, _word(data, n - 8)
        c = _rotate_right(b, 37) * mul + a & _MASK
        return _pair(c, (_rotate_right(a, 25) + b) * mul & _MASK, mul)
    if n >= 4:
        first, last = struct.unpack("<I", data[:4])[0], struct.unpack("<I", data[-4:])[0]
        return _pair(n + (first << 3), last, mul)
    if n:
        y, z = data[0] + (data[n >> 1] << 8), n + (data[n - 1] << 2)
        return _mixed((y * _K2 ^ z * _K0) & _MASK) * _K2 & _MASK
    return _K2


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes mixed with two seeds."""
    w, x, y, z = struct.unpack_from("<4Q", data, at)
    a += w
    b = _rotate_right(b + a + z & _MASK, 21)
    c = a
    a += x + y
    b += _rotate_right(a & _MASK, 44)
    return a + z & _MASK, b + c & _MASK


def _fingerprint_long(data: bytes) -> int:
    n = len(data)
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = _mixed((y * _K2 + 113) & _MASK) * _K2 & _MASK
    v = w = (0, 0)
    x = x * _K2 + _word(data, 0) & _MASK
    end = (n - 1) // 64 * 64

    def block(at: int, mul: int, nine: int) -> None:
        nonlocal x, y, z, v, w
        x = _rotate_right(x + y + v[0] + _word(data, at + 8) & _MASK, 37) * mul & _MASK
        y = _rotate_right(y + v[1] + _word(data, at + 48) & _MASK, 42) * mul & _MASK
        x ^= w[1] * nine & _MASK
        y = y + v[0] * nine + _word(data, at + 40) & _MASK
        z = _rotate_right(z + w[0] & _MASK, 33) * mul & _MASK
        v = _weak(data, at, v[1] * mul & _MASK, x + w[0] & _MASK)
        w = _weak(data, at + 32, z + w[1] & _MASK, y + _word(data, at + 16) & _MASK)
        x, z = z, x

    for at in range(0, end, 64):
        block(at, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1) & _MASK
    w = (w[0] + (n - 1 & 63) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    block(n - 64, mul, 9)
    return _pair(
        _pair(v[0], w[0], mul) + _mixed(y) * _K0 + z & _MASK,
        _pair(v[1], w[1], mul) + x & _MASK,
        mul,
    )


def siphash(data: bytes, key0: int, key1: int) -> int:
    """SipHash-2-4 with a 128-bit key.

    >>> hex(siphash(bytes(range(15)), 0x0706050403020100, 0x0F0E0D0C0B0A0908))
    '0xa129ca6149be45e5'
    """
    key0, key1 = key0 & _MASK, key1 & _MASK
    a, b = key0 ^ 0x736F6D6570736575, key1 ^ 0x646F72616E646F6D
    c, d = key0 ^ 0x6C7967656E657261, key1 ^ 0x7465646279746573

    def rounds(count: int) -> None:
        nonlocal a, b, c, d
        for _ in range(count):
            a = a + b & _MASK
            b = _rotate_right(b, 51) ^ a
            a = _rotate_right(a, 32)
            c = c + d & _MASK
            d = _rotate_right(d, 48) ^ c
            a = a + d & _MASK
            d = _rotate_right(d, 43) ^ a
            c = c + b & _MASK
            b = _rotate_right(b, 47) ^ c
            c = _rotate_right(c, 32)

    whole = len(data) // 8 * 8
    for at in range(0, whole + 1, 8):
        word = _word(data, at)
        if at == whole:
            word |= (len(data) & 0xFF) << 56
        d ^= word
        rounds(2)
        a ^= word
    c ^= 0xFF
    rounds(4)
    return a ^ b ^ c ^ d


@lru_cache(_CACHE)
def murmur64(data: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """MurmurHash64A, with TensorFlow's seed.

    >>> murmur64(b"a") == murmur64(b"a")
    True
    """
    m, n = 0xC6A4A7935BD1E995, len(data)
    h = seed ^ n * m & _MASK
    whole = n // 8 * 8
    for at in range(0, whole, 8):
        k = _word(data, at) * m & _MASK
        h = (h ^ _mixed(k) * m & _MASK) * m & _MASK
    if n & 7:
        h = (h ^ _word(data, whole)) * m & _MASK
    h = _mixed(h) * m & _MASK
    return _mixed(h)
