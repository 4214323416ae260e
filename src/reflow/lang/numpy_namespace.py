"""The array namespace of the interpreted tier: NumPy, and the few things it lacks.

A lowering is written once against `xp`. `xp` has NumPy's functions; beyond them it has what is listed
in this file, under the same names in the compiled tier (`compiler/jax_namespace.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_PAIRS = 16  # rows that are added up at once


class NumpyNamespace:
    """NumPy's functions as attributes, and the extensions below."""

    is_numpy = True
    epilogue = None  # nothing is done together here: see `JaxNamespace`

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(np, name)
        except AttributeError:
            raise AttributeError(f"the NumPy namespace has no {name!r}") from None
        setattr(self, name, value)  # the next look-up is a plain attribute
        return value

    @property
    def special(self) -> Any:
        """`scipy.special`: erf, gammaln, digamma, ..."""
        import scipy.special

        self.__dict__["special"] = scipy.special
        return scipy.special

    @staticmethod
    def astype(x: Any, dtype: Any) -> Any:
        """`x` with another dtype, a `DType` or a NumPy dtype."""
        return np.asarray(x).astype(getattr(dtype, "np", dtype), copy=False)

    @staticmethod
    def rsqrt(x: Any) -> Any:
        return 1 / np.sqrt(x)

    @staticmethod
    def sum(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """NumPy's sum, but float32 is added up in pairs along any dimensions.

        NumPy does so along the last one only; along others it adds one after the other, which loses
        a digit at some hundred rows and takes ten times as long.
        """
        x = np.asarray(x)
        if axis is None or x.dtype != np.float32 or dtype not in (None, np.float32):
            return np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims)
        axes = sorted(a % x.ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
        if axes != list(range(len(axes))) or len(axes) == x.ndim:
            return np.sum(x, axis=tuple(axes), dtype=dtype, keepdims=keepdims)
        count = len(axes)
        rows = x.reshape(math.prod(x.shape[:count]), math.prod(x.shape[count:]))
        while len(rows) > 2 * _PAIRS:
            whole = len(rows) // _PAIRS * _PAIRS
            folded = rows[:whole].reshape(_PAIRS, -1, rows.shape[1]).sum(0)
            rows = np.concatenate([folded, rows[whole:]]) if whole < len(rows) else folded
        return rows.sum(0).reshape((1,) * (count * keepdims) + x.shape[count:])

    # x with the elements at `index` (anything NumPy indexes with) replaced, added to, ...;
    # duplicates in `index` accumulate for add, subtract, multiply, minimum and maximum.

    @staticmethod
    def at_set(x: Any, index: Any, values: Any) -> Any:
        x = np.array(x)
        x[index] = values
        return x

    @staticmethod
    def at_add(x: Any, index: Any, values: Any) -> Any:
        x = np.array(x)
        np.add.at(x, index, values)
        return x

    @staticmethod
    def at_multiply(x: Any, index: Any, values: Any) -> Any:
        x = np.array(x)
        np.multiply.at(x, index, values)
        return x

    @staticmethod
    def at_min(x: Any, index: Any, values: Any) -> Any:
        x = np.array(x)
        np.minimum.at(x, index, values)
        return x

    @staticmethod
    def at_max(x: Any, index: Any, values: Any) -> Any:
        x = np.array(x)
        np.maximum.at(x, index, values)
        return x

    @staticmethod
    def while_loop(cond: Any, body: Any, state: Any) -> Any:
        """`state = body(state)` while `cond(state)`; the state is one value or a tuple of them."""
        while cond(state):
            state = body(state)
        return state

    @staticmethod
    def cond(predicate: Any, then: Any, otherwise: Any, *args: Any) -> Any:
        """`then(*args)` or `otherwise(*args)`."""
        return then(*args) if predicate else otherwise(*args)

    @staticmethod
    def dynamic_slice(x: Any, starts: Any, sizes: Any) -> Any:
        """The block of static `sizes` at `starts`, moved inside of `x` where it would stick out."""
        index = tuple(
            slice(s := int(min(max(start, 0), n - size)), s + size)
            for start, size, n in zip(starts, sizes, np.shape(x))
        )
        return x[index]

    @staticmethod
    def dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
        """`x` with the block at `starts` replaced by `update`."""
        x = np.array(x)
        index = tuple(
            slice(s := int(min(max(start, 0), n - size)), s + size)
            for start, size, n in zip(starts, np.shape(update), x.shape)
        )
        x[index] = update
        return x


numpy_namespace = NumpyNamespace()
