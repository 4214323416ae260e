"""Records of Fourier transforms: ops/signal/fft.py."""

from .base import bad, c64, f32, f64, floats, i32, record, sample

RANK = "must have rank|at least rank"

for _rank, _suffix in ((1, ""), (2, "2D"), (3, "3D")):
    _least = (2, 3, 4)[:_rank]
    for _name in (f"FFT{_suffix}", f"IFFT{_suffix}"):
        record(
            _name,
            sample(input=c64(2, 2, 3, 4)),
            sample(input=c64(*_least)),
            sample(input=c64(*(5, 3, 2)[:_rank])),
            sample(input=floats(3, 5, 2, dtype="complex128")),
            sample(input=c64(2, 3, 0)),
            bad=[bad(input=c64(*_least[1:]), match=RANK)],
        )
    for _name in (f"BatchFFT{_suffix}", f"BatchIFFT{_suffix}"):
        record(
            _name,
            sample(input=c64(2, 2, 3, 4)),
            bad=[bad(input=c64(*_least[1:]), match=RANK)],
            oracle=False,
            why="TensorFlow has no kernel of these old names",
        )

LENGTH = r"at least"
record(
    "RFFT",
    sample(input=f32(2, 6), fft_length=i32([6])),
    sample(input=f32(2, 5), fft_length=i32([5])),
    sample(input=f32(2, 7), fft_length=i32([4]), gradient=False),
    sample(input=f32(3, 1), fft_length=i32([1])),
    sample(input=f32(2, 2), fft_length=i32([2])),
    sample(input=f64(2, 2, 4), fft_length=i32([4]), Tcomplex="complex128"),
    sample(input=f32(0, 4), fft_length=i32([4])),
    bad=[
        bad(input=f32(2, 5), fft_length=i32([6]), match=LENGTH),
        bad(input=f32(2, 5), fft_length=i32([-1]), match=">= 0"),
        bad(input=f32(2, 5), fft_length=i32([5, 5]), match=r"shape \[1\]|must be 1"),
        bad(input=f32(), fft_length=i32([1]), match=RANK),
        bad(input=f64(4), fft_length=i32([4]), match="[Ww]rong types"),
    ],
)
record(
    "RFFT2D",
    sample(input=f32(2, 3, 6), fft_length=i32([3, 6])),
    sample(input=f32(4, 5), fft_length=i32([4, 5])),
    sample(input=f32(4, 5), fft_length=i32([2, 4]), gradient=False),
    sample(input=f64(2, 2, 4), fft_length=i32([2, 4]), Tcomplex="complex128"),
    bad=[bad(input=f32(2, 5), fft_length=i32([3, 5]), match=LENGTH)],
)
record(
    "RFFT3D",
    sample(input=f32(2, 2, 3, 4), fft_length=i32([2, 3, 4])),
    sample(input=f32(2, 3, 5), fft_length=i32([2, 2, 3])),
    sample(input=f64(2, 2, 4), fft_length=i32([2, 2, 4]), Tcomplex="complex128"),
    bad=[bad(input=f32(2, 5), fft_length=i32([1, 1, 1]), match=RANK)],
)
record(
    "IRFFT",
    sample(input=c64(2, 4), fft_length=i32([6])),
    sample(input=c64(2, 3), fft_length=i32([5])),
    sample(input=c64(2, 4), fft_length=i32([3]), gradient=False),
    sample(input=c64(2, 1), fft_length=i32([1])),
    sample(input=c64(2, 2), fft_length=i32([2])),
    sample(input=floats(2, 3, dtype="complex128"), fft_length=i32([4]), Treal="float64"),
    sample(input=c64(0, 3), fft_length=i32([4])),
    bad=[bad(input=c64(2, 3), fft_length=i32([6]), match=LENGTH)],
)
record(
    "IRFFT2D",
    sample(input=c64(2, 3, 4), fft_length=i32([3, 6])),
    sample(input=c64(4, 3), fft_length=i32([4, 5])),
    sample(input=c64(4, 3), fft_length=i32([2, 4]), gradient=False),
    sample(input=floats(2, 2, 3, dtype="complex128"), fft_length=i32([2, 4]), Treal="float64"),
    bad=[bad(input=c64(2, 3), fft_length=i32([3, 4]), match=LENGTH)],
)
record(
    "IRFFT3D",
    sample(input=c64(2, 2, 3, 3), fft_length=i32([2, 3, 4])),
    sample(input=c64(2, 3, 3), fft_length=i32([2, 2, 3])),
    bad=[bad(input=c64(2, 2, 3), fft_length=i32([3, 2, 4]), match=LENGTH)],
)

# Over any dimensions ------------------------------------------------------------------------------

NO_KERNEL = {
    "oracle": False,
    "why": "TensorFlow has a kernel for GPUs only; test_signal.py looks at them",
}
for _name in ("FFTND", "IFFTND"):
    record(
        _name,
        sample(input=c64(2, 3, 4), fft_length=i32([3, 4]), axes=i32([1, 2])),
        sample(input=c64(2, 3, 4), fft_length=i32([2, 2]), axes=i32([0, -2])),
        bad=[
            bad(input=c64(2, 3), fft_length=i32([4]), axes=i32([1]), match="at least"),
            bad(input=c64(2, 3), fft_length=i32([3]), axes=i32([2]), match="ax"),
            bad(input=c64(2, 3), fft_length=i32([2, 3]), axes=i32([1]), match="axes"),
        ],
        grad=False,
        **NO_KERNEL,
    )
record(
    "RFFTND",
    sample(input=f32(2, 3, 4), fft_length=i32([3, 4]), axes=i32([1, 2])),
    sample(input=f32(2, 3, 4), fft_length=i32([4, 2]), axes=i32([2, 0])),
    grad=False,
    **NO_KERNEL,
)
record(
    "IRFFTND",
    sample(input=c64(2, 3, 4), fft_length=i32([3, 6]), axes=i32([1, 2])),
    sample(input=c64(2, 3, 4), fft_length=i32([4, 2]), axes=i32([2, 0])),
    grad=False,
    **NO_KERNEL,
)
