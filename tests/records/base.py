"""The vocabulary of test records: what to feed an op, and what must come of it.

A record stands for one op. It is plain data over NumPy, so that both Reflow's tests and the script
that asks TensorFlow for the expected values (tests/golden/make_ops_golden.py) read the same file:

    from .base import bad, f32, i32, record, sample

    record("Sum", sample(input=f32(2, 3), reduction_indices=i32([1]), keep_dims=True),
                  sample(input=f32(2, 3), reduction_indices=i32([])),
           bad=[bad(input=f32(2, 3), reduction_indices=i32([5]), match="out of range")])

Inputs are arrays (a list of arrays for a list input), attributes are Python values; both by the
names that TensorFlow's signature gives them. Dtype attributes are strings ("int32"); those that
inputs say need not be given. A static shape must be as well known as TensorFlow's own.

To make the expected values of a family: python tests/golden/make_ops_golden.py FAMILY
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

# By dtype name: how far from TensorFlow's a result may lie, relatively, and absolutely (times the
# largest element where that is below 1). NumPy, XLA and Eigen approximate functions differently.
TOLERANCE = {
    "float64": 1e-11,
    "complex128": 1e-11,
    "float32": 2e-5,
    "complex64": 2e-5,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float8_e5m2": 0.25,
    "float8_e4m3fn": 0.125,
}

RECORDS: dict[str, Record] = {}
ELSEWHERE: dict[str, str] = {}  # op -> the test file that tests it
DTYPES_DIFFER: dict[tuple[str, str], tuple[frozenset[str], frozenset[str], str]] = {}


@dataclasses.dataclass(eq=False)
class Sample:
    """Arguments of one call of an op, inputs and attributes by name."""

    values: dict[str, Any]
    digest: str = ""
    gradient: bool = True


@dataclasses.dataclass(eq=False)
class Bad(Sample):
    """Arguments that an op must refuse: `match` is searched for in the message."""

    match: str = ""
    error: str | None = None


@dataclasses.dataclass(eq=False)
class Record:
    op: str
    family: str
    samples: list[Sample]
    bad: list[Bad]
    grad: bool | tuple[str, ...]
    grad_outputs: tuple[str, ...] | None
    tol: dict[str, float]
    why: str
    oracle: bool

    def tolerance(self, dtype: str) -> float:
        return self.tol.get(dtype, TOLERANCE.get(dtype, 0.0))


@dataclasses.dataclass(eq=False)
class Variable:
    """A variable with this value, for an input that is a reference or a resource.

    The value that the variable has after the op ran is compared too.
    """

    value: np.ndarray


def sample(*, gradient: bool = True, **values: Any) -> Sample:
    """One call of the op: inputs and attributes by name.

    With `gradient=False` only the values are looked at: at infinities and kinks, where finite
    differences say nothing, and where TensorFlow's own gradient is wrong.
    """
    return Sample(values, gradient=gradient)


def bad(*, match: str, error: str | None = None, **values: Any) -> Bad:
    """A call that the op must refuse, while the graph is built or when it runs.

    Args:
      match: a regular expression that must be found in the message.
      error: the name of the error's class; otherwise any of TensorFlow's classes, or ValueError or
        TypeError while building.
      **values: inputs and attributes.
    """
    return Bad(values, match=match, error=error)


def record(
    op: str,
    *samples: Sample,
    bad: Sequence[Bad] = (),
    grad: bool | Sequence[str] = True,
    grad_outputs: Sequence[str] | None = None,
    tol: float | dict[str, float] | None = None,
    why: str = "",
    oracle: bool = True,
) -> Record:
    """Declares what the op of this TensorFlow name is tested with.

    Args:
      op: TensorFlow's name of the op.
      *samples: what to call it with: odd shapes (empty, scalar, broadcast), every class of dtype.
      bad: calls that it must refuse.
      grad: whether the gradient is checked against finite differences and against TensorFlow's; the
        names of the inputs to check, where not all floating-point ones are.
      grad_outputs: the names of the outputs into which gradients are sent; otherwise all
        floating-point ones.
      tol: a wider tolerance, for all dtypes or by dtype name; says `why`.
      why: the reason for `tol`, for `grad=False` of a differentiable op, or for `oracle=False`.
      oracle: whether TensorFlow's kernel gives the expected values. Without it only the tiers are
        compared with each other (an op that has no CPU kernel, or results that may differ).
    """
    frame = sys._getframe(1)
    family = frame.f_globals["__name__"].rpartition(".")[2]
    _calls.pop(frame.f_globals["__name__"], None)
    if op in RECORDS:
        raise ValueError(f"{op} has a record in {RECORDS[op].family} already")
    if not samples:
        raise ValueError(f"{op}: a record needs a sample")
    if (tol is not None or not oracle) and not why:
        raise ValueError(f"{op}: say why= the tolerance is wider, or TensorFlow is not asked")
    if tol is None:
        tol = {}
    elif not isinstance(tol, dict):
        tol = dict.fromkeys(TOLERANCE, tol)
    for each in (*samples, *bad):
        each.digest = digest(each.values)
    if not isinstance(grad, bool):
        grad = tuple(grad)
    if grad_outputs is not None:
        grad_outputs = tuple(grad_outputs)
    made = Record(op, family, list(samples), list(bad), grad, grad_outputs, tol, why, oracle)
    RECORDS[op] = made
    return made


def tested_elsewhere(file: str, *ops: str) -> None:
    """Says that ops, which no record can describe (queues, functions, files), are tested in `file`.

    `file` is the name of a file in tests/, and must name the ops.
    """
    ELSEWHERE.update(dict.fromkeys(ops, file))


def dtypes_differ(op: str, attr: str, *, more: str = "", fewer: str = "", why: str) -> None:
    """Says that Reflow's op takes `more` dtypes than TensorFlow's kernels do, or `fewer`, and why.

    >>> dtypes_differ("Abs", "T", more="uint8 uint16", why="it is the identity")
    """
    DTYPES_DIFFER[op, attr] = frozenset(more.split()), frozenset(fewer.split()), why


# Values -------------------------------------------------------------------------------------------

_calls: dict[str, int] = {}  # module -> calls since its last record: values keep when others change


def _rng(depth: int = 2) -> np.random.Generator:
    module = sys._getframe(depth).f_globals["__name__"]
    number = _calls[module] = _calls.get(module, 0) + 1
    return np.random.default_rng(1000 + number)


def _spread(rng: np.random.Generator, shape: Sequence[int], lo: float, hi: float) -> np.ndarray:
    count = int(np.prod(shape, dtype=np.int64))
    places = np.arange(count) + rng.uniform(0.2, 0.8, count)
    return rng.permutation(lo + (hi - lo) * places / max(count, 1)).reshape(shape)


def f64(*shape: int, lo: float = -2.0, hi: float = 2.0) -> np.ndarray:
    """float64 values between `lo` and `hi`: all different, in random order, without ties."""
    return _spread(_rng(), shape, lo, hi)


def f32(*shape: int, lo: float = -2.0, hi: float = 2.0) -> np.ndarray:
    """float32 values between `lo` and `hi`: all different, in random order, without ties."""
    return _spread(_rng(), shape, lo, hi).astype(np.float32)


def floats(*shape: int, dtype: str, lo: float = -2.0, hi: float = 2.0) -> np.ndarray:
    """The like of `f32` in any floating or complex dtype ("bfloat16", "complex64")."""
    rng = _rng()
    real = _spread(rng, shape, lo, hi)
    if dtype.startswith("complex"):
        real = real + 1j * _spread(rng, shape, lo, hi)
    return real.astype(numpy_dtype(dtype))


def c64(*shape: int, lo: float = -2.0, hi: float = 2.0) -> np.ndarray:
    """complex64 values, both parts between `lo` and `hi`."""
    rng = _rng()
    real = _spread(rng, shape, lo, hi)
    return (real + 1j * _spread(rng, shape, lo, hi)).astype(np.complex64)


def ints(*shape: int, lo: int = -5, hi: int = 6, dtype: str = "int32") -> np.ndarray:
    """Random integers from `lo` up to, without, `hi`."""
    return _rng().integers(lo, hi, shape).astype(numpy_dtype(dtype))


def bools(*shape: int) -> np.ndarray:
    """Random truth values."""
    return _rng().integers(0, 2, shape).astype(bool)


def i32(values: Any) -> np.ndarray:
    """These integers as int32: `i32([1, 2])`, `i32(3)`."""
    return np.array(values, np.int32)


def i64(values: Any) -> np.ndarray:
    """These integers as int64."""
    return np.array(values, np.int64)


def arr(values: Any, dtype: str) -> np.ndarray:
    """These values in any dtype, by TensorFlow's name: `arr([1, 2], "bfloat16")`."""
    if dtype == "string":
        return s(values)
    return np.array(values).astype(numpy_dtype(dtype))


def s(values: Any) -> np.ndarray:
    """A tensor of strings from (nested lists of) bytes or text: `s([b"a", b"bc"])`, `s(b"x")`."""
    array = np.array(values, object)
    flat = np.empty(array.size, object)
    flat[:] = [v.encode() if isinstance(v, str) else bytes(v) for v in array.ravel().tolist()]
    return flat.reshape(array.shape)


def var(value: Any) -> Variable:
    """A variable that holds `value`, for a reference or resource input."""
    return Variable(np.asarray(value))


def cotangent(shape: Sequence[int], dtype: str) -> np.ndarray:
    """The gradient that is sent back into an output: the same for Reflow and for TensorFlow."""
    rng = np.random.default_rng(77)
    values = rng.uniform(0.25, 1.0, tuple(shape)) * rng.choice([-1, 1], tuple(shape))
    if dtype.startswith("complex"):
        values = values + 1j * rng.uniform(0.25, 1.0, tuple(shape))
    return np.asarray(values).astype(numpy_dtype(dtype))


# Looking at values --------------------------------------------------------------------------------


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of a TensorFlow dtype name."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))


def dtype_name(array: np.ndarray) -> str:
    """TensorFlow's name of an array's dtype."""
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def digest(values: dict[str, Any]) -> str:
    """A short name for arguments, by which expected values that are out of date are noticed."""
    text = hashlib.sha1()
    for name in sorted(values):
        text.update(f"{name}={_canonical(values[name])};".encode())
    return text.hexdigest()[:12]


def _canonical(value: Any) -> str:
    if isinstance(value, Variable):
        return f"var({_canonical(value.value)})"
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return f"{value.shape}{value.ravel().tolist()}"
        return f"{value.dtype.name}{value.shape}{zlib.crc32(value.tobytes()):x}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_canonical(each) for each in value) + "]"
    return repr(value)
