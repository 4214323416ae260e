"""Assertions about tensors, arrays and structures of them: the `assertAll...` of `tf.test.TestCase`.

A tensor stands for its value wherever an array is expected.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.devices import DeviceSpec
from reflow.lang.dtypes import as_dtype
from reflow.lang.tensor import Tensor

_SHOWN = 10  # how many of the elements that differ a message shows


def is_tensor(value: Any) -> bool:
    """Whether `value` has to be evaluated to be an array: a tensor or a variable."""
    return isinstance(value, Tensor) or getattr(type(value), "is_tensor_like", False)


def _widened(array: np.ndarray) -> np.ndarray:
    """`array` in a dtype in which NumPy compares: bfloat16 and the like as float32."""
    return (
        array.astype(np.float32)
        if array.dtype.kind == "V"
        or array.dtype.itemsize == 1
        and (array.dtype.name.startswith("float8"))
        else array
    )


def _suffix(msg: str | None) -> str:
    return f" {msg}" if msg else ""


class ArrayAssertions:
    """A mix-in for `unittest.TestCase` classes that have `evaluate`."""

    evaluate: Callable[[Any], Any]
    fail: Callable[..., Any]
    assertEqual: Callable[..., Any]  # noqa: N815 (unittest's name)
    assertCountEqual: Callable[..., Any]  # noqa: N815
    assertTrue: Callable[..., Any]  # noqa: N815

    # Values --------------------------------------------------------------------------------------

    def _GetNdArray(self, a: Any) -> np.ndarray:  # noqa: N802 (TensorFlow's name)
        """`a` as an array, evaluated where it is a tensor."""
        if is_tensor(a):
            a = self.evaluate(a)
        elif isinstance(a, (list, tuple)) and any(is_tensor(each) for each in a):
            a = [self._GetNdArray(each) for each in a]
        if hasattr(a, "to_list") and not isinstance(a, np.ndarray):  # ragged
            a = a.to_list()
        if isinstance(a, np.ndarray):
            return a
        try:
            return np.array(a)
        except ValueError as error:
            if "inhomogeneous shape" not in str(error):
                raise
            return np.array(a, object)  # rows of several lengths, as lists

    def evaluate_if_both_tensors(self, a: Any, b: Any) -> tuple[Any, Any]:
        """The values of `a` and `b`, from one run, if both are tensors; else themselves."""
        return tuple(self.evaluate([a, b])) if is_tensor(a) and is_tensor(b) else (a, b)

    # Close ---------------------------------------------------------------------------------------

    def assertAllClose(  # noqa: N802
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Asserts that two structures have near values: `|a - b| <= atol + rtol * |b|`.

        Args:
          a, b: tensors, arrays, numbers, or structures of them: dictionaries are compared key by key,
            lists element by element where they are no arrays.
          rtol, atol: the relative and absolute tolerance.
          msg: what to say on failure.

        Raises:
          AssertionError: if shapes or values differ; NaN is near NaN.
          ValueError: if a dictionary is compared with something else.
        """
        self._close(a, b, rtol, atol, [], msg)

    def _close(self, a: Any, b: Any, rtol: float, atol: float, path: list, msg: str | None) -> None:
        at = "".join(f"[{key!r}]" for key in path)
        if hasattr(a, "_asdict"):
            a = a._asdict()
        if hasattr(b, "_asdict"):
            b = b._asdict()
        if isinstance(a, Mapping) != isinstance(b, Mapping):
            raise ValueError(f"Can't compare dict to non-dict, a{at} vs b{at}.{_suffix(msg)}")
        if isinstance(a, Mapping):
            self.assertCountEqual(
                a.keys(),
                b.keys(),
                msg=f"mismatched keys: a{at} has keys {[*a]}, but b{at} has keys "
                f"{[*b]}.{_suffix(msg)}",
            )
            for key in a:
                self._close(a[key], b[key], rtol, atol, [*path, key], msg)
            return
        if not (isinstance(a, (list, tuple)) or isinstance(b, (list, tuple))):
            a, b = self.evaluate_if_both_tensors(a, b)
            self._arrays_close(self._GetNdArray(a), self._GetNdArray(b), rtol, atol, at, msg)
            return
        try:
            first, second = self._GetNdArray(a), self._GetNdArray(b)
            plain = first.dtype != object and second.dtype != object
        except (ValueError, TypeError):
            plain = False  # no rectangular arrays: element by element
        if plain:
            self._arrays_close(first, second, rtol, atol, at, msg)
            return
        if len(a) != len(b):
            raise ValueError(
                f"Mismatched length: a{at} has {len(a)} items, but b{at} has {len(b)} items."
                f"{_suffix(msg)}"
            )
        for i, (x, y) in enumerate(zip(a, b)):
            self._close(x, y, rtol, atol, [*path, i], msg)

    def _arrays_close(
        self, a: np.ndarray, b: np.ndarray, rtol: float, atol: float, at: str, msg: str | None
    ) -> None:
        self.assertEqual(
            a.shape,
            b.shape,
            f"Shape mismatch: expected {a.shape}, got {b.shape} with contents {b!s:.400}.",
        )
        a, b = _widened(a), _widened(b)
        if a.dtype == object or b.dtype == object or a.dtype.kind in "SU":
            self.assertAllEqual(a, b, msg)
            return
        with np.errstate(all="ignore"):
            near = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
            if near.all():
                return
            difference = np.abs(a - b) if a.dtype != bool else a != b
            room = atol + rtol * np.abs(b)
        off = ~near
        lines = [msg] if msg else []
        lines += [
            f"Mismatched value: a{at} is different from b{at}.",
            f"Not equal to tolerance rtol={rtol}, atol={atol}",
            f"{off.sum()} of {off.size} elements differ by more"
            + (f"; the first {_SHOWN}:" if off.sum() > _SHOWN else ":"),
            f"not close where = {np.argwhere(np.atleast_1d(off))[:_SHOWN].tolist()}",
            f"not close lhs = {a[off][:_SHOWN]}",
            f"not close rhs = {b[off][:_SHOWN]}",
            f"not close dif = {difference[off][:_SHOWN]}",
            f"not close tol = {np.broadcast_to(room, off.shape)[off][:_SHOWN]}",
            f"dtype = {a.dtype}, shape = {a.shape}",
        ]
        self.fail("\n".join(lines))

    def assertAllCloseAccordingToType(  # noqa: N802
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: str | None = None,
    ) -> None:
        """Like `assertAllClose`, with the tolerance of the less exact of the two dtypes."""
        a, b = self.evaluate_if_both_tensors(a, b)
        a, b = self._GetNdArray(a), self._GetNdArray(b)
        names = {a.dtype.name, b.dtype.name}
        if names & {"float32", "complex64"}:
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        if "float16" in names:
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        if "bfloat16" in names:
            rtol, atol = max(rtol, bfloat16_rtol), max(atol, bfloat16_atol)
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(  # noqa: N802
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Asserts that some values are not near: see `assertAllClose`."""
        try:
            self.assertAllClose(a, b, rtol, atol)
        except AssertionError:
            return
        raise AssertionError(f"The two values are close at all elements.{_suffix(msg)}")

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two numbers differ by `err` at the most."""
        self.assertTrue(
            f1 == f2 or abs(f1 - f2) <= err, f"{f1:f} != {f2:f} +/- {err:f}{_suffix(msg)}"
        )

    def assertArrayNear(  # noqa: N802
        self, farray1: Any, farray2: Any, err: float, msg: str | None = None
    ) -> None:
        """Asserts that the numbers of two lists differ by `err` at the most, one by one."""
        self.assertEqual(len(farray1), len(farray2), msg=msg)
        for f1, f2 in zip(farray1, farray2):
            self.assertNear(float(f1), float(f2), err, msg=msg)

    def assertNDArrayNear(  # noqa: N802
        self, ndarray1: Any, ndarray2: Any, err: float, msg: str | None = None
    ) -> None:
        """Asserts that the norm of the difference of two arrays is below `err`."""
        norm = np.linalg.norm(np.asarray(ndarray1) - np.asarray(ndarray2))
        self.assertTrue(norm < err, msg or f"the arrays differ by {norm}, not less than {err}")

    # Equal ---------------------------------------------------------------------------------------

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two arrays or tensors have the same shape and values; NaN equals NaN."""
        a, b = self.evaluate_if_both_tensors(a, b)
        a, b = self._GetNdArray(a), self._GetNdArray(b)
        shown = f" Contents: {b!r:.400}." if b.ndim <= 3 or b.size < 500 else ""
        self.assertEqual(
            a.shape,
            b.shape,
            f"Shape mismatch: expected {a.shape}, got {b.shape}.{shown}{_suffix(msg)}",
        )
        same = self._same(a, b)
        if same.all():
            return
        off = ~same
        lines = [msg] if msg else []
        lines += [
            f"{off.sum()} of {off.size} elements differ"
            + (f"; the first {_SHOWN}:" if off.sum() > _SHOWN else ":"),
            f"not equal where = {np.argwhere(np.atleast_1d(off))[:_SHOWN].tolist()}",
            f"not equal lhs = {a[off][:_SHOWN]!r}",
            f"not equal rhs = {b[off][:_SHOWN]!r}",
        ]
        self.fail("\n".join(lines))

    def _same(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.dtype.kind in "SUO" or b.dtype.kind in "SUO":  # strings: text equals its bytes
            a, b = (np.array([_text(v) for v in x.ravel().tolist()], object) for x in (a, b))
            return np.asarray(a == b, bool).reshape(-1)
        same = np.asarray(a == b)
        if a.dtype.kind in "fcV" and b.dtype.kind in "fcV":
            same = same | ((a != a) & (b != b))
        return same

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two arrays or tensors differ somewhere."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"The two values are equal at all elements.{_suffix(msg)}")

    def assertDictEqual(self, a: Any, b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two dictionaries are equal, arrays and tensors in them by value."""
        self.assertTrue(isinstance(a, Mapping), f"{a!r} is not a dictionary")
        self.assertTrue(isinstance(b, Mapping), f"{b!r} is not a dictionary")
        self.assertCountEqual(a.keys(), b.keys(), msg)
        for key, value in a.items():
            if isinstance(value, Mapping):
                self.assertDictEqual(value, b[key], msg)
            elif is_tensor(value) or isinstance(value, np.ndarray):
                self.assertAllEqual(value, b[key], msg)
            else:
                self.assertEqual(value, b[key], msg)

    # Bounds --------------------------------------------------------------------------------------

    def _all(self, holds: np.ndarray, a: np.ndarray, what: str) -> None:
        if not holds.all():
            off = ~np.atleast_1d(holds)
            self.fail(
                f"{off.sum()} of {off.size} elements are not {what}: at "
                f"{np.argwhere(off)[:_SHOWN].tolist()}: {np.atleast_1d(a)[off][:_SHOWN]}"
            )

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:  # noqa: N802
        """Asserts that all elements are greater than a number."""
        a = self._GetNdArray(a)
        self._all(a > comparison_target, a, f"greater than {comparison_target}")

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:  # noqa: N802
        """Asserts that all elements are less than a number."""
        a = self._GetNdArray(a)
        self._all(a < comparison_target, a, f"less than {comparison_target}")

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:  # noqa: N802
        """Asserts that all elements are a number or greater."""
        a = self._GetNdArray(a)
        self._all(a >= comparison_target, a, f"greater than or equal to {comparison_target}")

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:  # noqa: N802
        """Asserts that all elements are a number or less."""
        a = self._GetNdArray(a)
        self._all(a <= comparison_target, a, f"less than or equal to {comparison_target}")

    def assertAllInRange(  # noqa: N802
        self,
        target: Any,
        lower_bound: Any,
        upper_bound: Any,
        open_lower_bound: bool = False,
        open_upper_bound: bool = False,
    ) -> None:
        """Asserts that all elements are within bounds.

        Args:
          target: numbers.
          lower_bound, upper_bound: the bounds.
          open_lower_bound, open_upper_bound: whether a bound itself is outside.

        Raises:
          ValueError: if `target` has no numbers.
        """
        a = self._GetNdArray(target)
        if not np.issubdtype(a.dtype, np.number):
            raise ValueError(
                f"The value of {target!r:.100} does not have an ordered numeric type, instead it has "
                f"type: {a.dtype}"
            )
        above = a > lower_bound if open_lower_bound else a >= lower_bound
        below = a < upper_bound if open_upper_bound else a <= upper_bound
        left, right = "(" if open_lower_bound else "[", ")" if open_upper_bound else "]"
        self._all(above & below, a, f"in the range {left}{lower_bound}, {upper_bound}{right}")

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:  # noqa: N802
        """Asserts that all elements are among those of a set."""
        a = self._GetNdArray(target)
        found = {_text(v) for v in a.ravel().tolist()} - {_text(v) for v in expected_set}
        if found:
            self.fail(f"{len(found)} unique element(s) are not in the set {expected_set}: {found}")

    # Types, shapes, devices, messages ------------------------------------------------------------

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:  # noqa: N802
        """Asserts that a tensor or array has a dtype."""
        self.assertEqual(as_dtype(self._GetNdArray(target).dtype), as_dtype(expected_dtype))

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two arrays or tensors have the same (static) shape.

        Raises:
          TypeError: if one is neither.
        """
        for name, value in (("input_a", input_a), ("input_b", input_b)):
            if not (is_tensor(value) or isinstance(value, (np.ndarray, np.generic))):
                raise TypeError(
                    f"{name} should be either tf.Tensor or np.ndarray. Instead found {type(value)}"
                )
        self.assertEqual(_sizes(input_a), _sizes(input_b), msg)

    def assertDeviceEqual(self, device1: Any, device2: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that two device names mean the same device."""
        first, second = DeviceSpec.canonical(device1), DeviceSpec.canonical(device2)
        self.assertEqual(
            first, second, f"Devices {first} and {second} are not equal.{_suffix(msg)}"
        )

    def assertProtoEquals(  # noqa: N802
        self,
        expected_message_maybe_ascii: Any,
        validate_message: Any,
        msg: str | None = None,
        relative_tolerance: float | None = None,
    ) -> None:
        """Asserts that a message equals another one, or what a text says.

        Args:
          expected_message_maybe_ascii: a message, or its text form.
          validate_message: the message to check.
          msg: what to say on failure.
          relative_tolerance: how far numbers may differ.
        """
        from reflow.testing.protos import message_difference

        expected = expected_message_maybe_ascii
        if isinstance(expected, (str, bytes)):
            from google.protobuf import text_format

            expected = text_format.Parse(expected, type(validate_message)())
        problem = message_difference(expected, validate_message, relative_tolerance or 0.0)
        if problem:
            self.fail(f"{problem}{_suffix(msg)}")

    def assertProtoEqualsVersion(  # noqa: N802
        self,
        expected: str,
        actual: Any,
        producer: int = 2474,
        min_consumer: int = 0,
        msg: str | None = None,
    ) -> None:
        """Asserts that a GraphDef equals the text `expected` with these versions."""
        versions = f"versions {{ producer: {producer} min_consumer: {min_consumer} }};\n"
        self.assertProtoEquals(versions + expected, actual, msg=msg)

    def assertStartsWith(self, actual: Any, expected_start: Any, msg: str | None = None) -> None:  # noqa: N802
        """Asserts that a text or list begins with another one."""
        if not actual.startswith(expected_start):
            self.fail(f"{actual!r:.400} does not start with {expected_start!r}{_suffix(msg)}")

    # Errors --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def assertRaisesWithPredicateMatch(  # noqa: N802
        self, exception_type: Any, expected_err_re_or_predicate: Any
    ) -> Iterator[None]:
        """Asserts that the body raises an error that a pattern or a function accepts.

        Args:
          exception_type: the class, or a tuple of classes.
          expected_err_re_or_predicate: a regular expression that is found in the message or in the
            name of the op that failed or a name that it came from; or a function of the error.
        """
        try:
            yield
        except exception_type as error:
            if callable(expected_err_re_or_predicate):
                fine = expected_err_re_or_predicate(error)
            else:
                text = error.message if isinstance(error, errors.OpError) else str(error)
                op = getattr(error, "op", None)
                text += f" {op.name}" if getattr(op, "name", None) else ""
                fine = re.search(expected_err_re_or_predicate, text)
            if not fine:
                raise AssertionError(
                    f"Exception of type {type(error)} does not match "
                    f"{expected_err_re_or_predicate!r}: {error}"
                ) from error
        else:
            self.fail(f"{exception_type} not raised")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:  # noqa: N802
        """Asserts that the body raises a `tf.errors.OpError`: see `assertRaisesWithPredicateMatch`."""
        return self.assertRaisesWithPredicateMatch(errors.OpError, expected_err_re_or_predicate)

    def assertRaisesIncompatibleShapesError(  # noqa: N802
        self, exception_type: Any = errors.InvalidArgumentError
    ) -> Any:
        """Asserts that the body raises an error about shapes that do not broadcast."""
        return self.assertRaisesWithPredicateMatch(
            exception_type,
            r"Incompatible shapes|Dimensions must be equal|required broadcastable shapes",
        )


def _text(value: Any) -> Any:
    """Text as bytes, which strings of tensors are."""
    return value.encode() if isinstance(value, str) else value


def _sizes(value: Any) -> Any:
    shape = value.shape
    return tuple(shape.as_list()) if hasattr(shape, "as_list") else tuple(shape)
