"""The float32 Box-Muller transform of `kernels`, in NumPy, in place.

Its values are those of `random_kernels.box_muller_float32`, bit for bit: the same operations in the same
order. But they go through a few buffers that stay in the cache, where that function would allocate some
seventy arrays; it is three times as fast. Initializing a network is little else than this.
"""

from __future__ import annotations

import math

import numpy as np

LOG_INVERSE, LOG_VALUE = np.ascontiguousarray(
    np.array(
        [
            [float.fromhex(x) for x in row.split()]
            for row in """
        0x1.661ec79f8f3bep+0 -0x1.57bf7808caadep-2
        0x1.571ed4aaf883dp+0 -0x1.2bef0a7c06ddbp-2
        0x1.49539f0f010bp+0 -0x1.01eae7f513a67p-2
        0x1.3c995b0b80385p+0 -0x1.b31d8a68224e9p-3
        0x1.30d190c8864a5p+0 -0x1.6574f0ac07758p-3
        0x1.25e227b0b8eap+0 -0x1.1aa2bc79c81p-3
        0x1.1bb4a4a1a343fp+0 -0x1.a4e76ce8c0e5ep-4
        0x1.12358f08ae5bap+0 -0x1.1973c5a611cccp-4
        0x1.0953f419900a7p+0 -0x1.252f438e10c1ep-5
        0x1p+0 0x0p+0
        0x1.e608cfd9a47acp-1 0x1.aa5aa5df25984p-5
        0x1.ca4b31f026aap-1 0x1.c5e53aa362eb4p-4
        0x1.b2036576afce6p-1 0x1.526e57720db08p-3
        0x1.9c2d163a1aa2dp-1 0x1.bc2860d22477p-3
        0x1.886e6037841edp-1 0x1.1058bc8a07ee1p-2
        0x1.767dcf5534862p-1 0x1.4043057b6ee09p-2
        """.strip().splitlines()
        ]
    ).T
)
LOG_POLYNOMIAL = tuple(
    map(float.fromhex, ("-0x1.ffffef20a4123p-2", "0x1.5575b0be00b6ap-2", "-0x1.00ea348b88334p-2"))
)
COS_POLYNOMIAL = tuple(
    float.fromhex(x)
    for x in (
        "-0x1.ffffffd0c621cp-2",
        "0x1.55553e1068f19p-5",
        "-0x1.6c087e89a359dp-10",
        "0x1.99343027bf8c3p-16",
    )
)
SIN_POLYNOMIAL = tuple(
    map(float.fromhex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13"))
)
SMALLEST_UNIFORM = 1e-7  # in place of anything smaller, before a logarithm

_PIECE = 8192  # pairs at a time: measured; the buffers stay in the cache, and calls cost little
_MANTISSA = np.uint32(0x7FFFFF)
_STEP = 2.0**-23
_SIGN = np.int32(-(2**31))


def box_muller_in_place(word0: np.ndarray, word1: np.ndarray, out: np.ndarray) -> None:
    """Two float32 normals of each pair of words, by sine and cosine.

    Args:
      word0, word1: uint32, [n].
      out: float32, [2, n], for the values.
    """
    size = min(len(word0), _PIECE)
    buffers = _Buffers(size)
    for start in range(0, len(word0), _PIECE):
        piece = slice(start, start + _PIECE)
        size = len(word0[piece])
        if size != buffers.size:
            buffers = _Buffers(size)
        radius = buffers.radius(word0[piece])
        sine, cosine = buffers.sine_cosine(word1[piece])
        np.multiply(sine, radius, out[0, piece])
        np.multiply(cosine, radius, out[1, piece])


class _Buffers:
    """Arrays for `size` values on their way."""

    def __init__(self, size: int):
        self.size = size
        self.doubles = [np.empty(size) for _ in range(6)]
        self.floats = [np.empty(size, np.float32) for _ in range(3)]
        self.integers = [np.empty(size, np.int32) for _ in range(3)]
        self.place = np.empty(size, np.intp)

    def radius(self, words: np.ndarray) -> np.ndarray:
        """The root of -2 log u, for the uniform values of the words."""
        r, start, r2, inner, outer, _ = self.doubles
        u = self.floats[0]
        bits, (offset, exponent, _) = u.view(np.int32), self.integers
        np.bitwise_and(words, _MANTISSA, offset.view(np.uint32))
        np.multiply(offset, np.float32(_STEP), u, casting="unsafe", dtype=np.float32)
        np.maximum(u, np.float32(SMALLEST_UNIFORM), out=u)
        np.subtract(bits, 0x3F330000, offset)
        np.right_shift(offset, 23, exponent)
        np.right_shift(offset, 19, offset)
        np.bitwise_and(offset, 15, self.place, casting="unsafe")
        np.left_shift(exponent, 23, offset)
        np.subtract(bits, offset, bits)
        r[...] = u
        LOG_INVERSE.take(self.place, out=start, mode="clip")
        r *= start
        r -= 1
        LOG_VALUE.take(self.place, out=start, mode="clip")
        r2[...] = exponent
        r2 *= math.log(2)
        start += r2
        a, b, c = LOG_POLYNOMIAL
        np.multiply(r, r, r2)
        np.multiply(r, b, inner)
        inner += a
        np.multiply(r2, c, outer)
        outer += inner
        outer *= r2
        start += r
        outer += start
        u[...] = outer
        u *= np.float32(-2)
        return np.sqrt(u, u)

    def sine_cosine(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sine and cosine of the angles in [0, 2 pi) of the words."""
        x, x2, x3, x4, sine, cosine = self.doubles
        quadrant, other, _ = self.integers
        sine32, cosine32 = self.floats[1:]
        np.bitwise_and(words, _MANTISSA, quadrant.view(np.uint32))
        np.multiply(quadrant, 2 * math.pi * _STEP, x)
        sine32[...] = x
        x[...] = sine32
        np.multiply(x, 2 / math.pi, x2)
        x2 += 0.5
        np.floor(x2, x2)
        quadrant[...] = x2
        np.right_shift(quadrant, 1, other)
        np.multiply(other, math.pi, x2)
        x -= x2
        np.bitwise_and(quadrant, 1, other)
        np.multiply(other, math.pi / 2, x2)
        x -= x2
        np.multiply(x, x, x2)
        np.multiply(x2, x, x3)
        np.multiply(x2, x2, x4)
        s1, s2, s3 = SIN_POLYNOMIAL
        c1, c2, c3, c4 = COS_POLYNOMIAL
        np.multiply(x3, s1, sine)
        sine += x
        np.multiply(x2, s3, x)
        x += s2
        x3 *= x2
        x3 *= x
        sine += x3
        np.multiply(x2, c1, cosine)
        cosine += 1
        np.multiply(x4, c2, x)
        cosine += x
        x4 *= x2
        x2 *= c4
        x2 += c3
        x4 *= x2
        cosine += x4
        sine32[...] = sine
        cosine32[...] = cosine
        # An odd quadrant swaps the two; the second bit of a quadrant is the sign.
        s, c, difference = sine32.view(np.int32), cosine32.view(np.int32), self.integers[2]
        np.negative(other, other)  # all ones where the quadrant is odd
        np.bitwise_xor(s, c, difference)
        difference &= other
        s ^= difference
        c ^= difference
        for values in (s, c):
            np.left_shift(quadrant, 30, difference)
            difference &= _SIGN
            values ^= difference
            quadrant += 1
        return sine32, cosine32
