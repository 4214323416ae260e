"""NumPy's operators, indexing and methods for tensors: on request, since programs of TensorFlow rely on
operators that do not promote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.dtypes import as_dtype, string
from reflow.lang.export import export
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops.cast import cast
from reflow.ops.numpy_api import choosing, dtypes, elementwise, products, reducing, shaping
from reflow.ops.overloads import OPERATORS

_PROMOTING = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "radd",
    "rsub",
    "rmul",
    "rtruediv",
    "rfloordiv",
    "rmod",
    "rpow",
    "rand",
    "ror",
    "rxor",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
]
_NUMBERS = (bool, int, float, complex, list, tuple, np.ndarray, np.generic)


def _promoting(name: str) -> Callable[[Any, Any], Any]:
    """An operator whose operands are promoted first, unless they are something that has no numbers."""
    plain = OPERATORS[name]

    def operator(self: Any, other: Any) -> Any:
        if self.dtype is not string and (is_tensor(other) or isinstance(other, _NUMBERS)):
            if getattr(other, "dtype", None) is not string and not hasattr(other, "with_values"):
                self, other = dtypes.promoted(self, other)
        return plain(self, other)

    operator.__name__ = name
    return operator


def _reshape(a: Any, *newshape: Any, order: str = "C") -> Any:
    return shaping.reshape(a, newshape[0] if len(newshape) == 1 else newshape, order)


def _members() -> dict[str, Any]:
    members: dict[str, Any] = {f"__{name}__": _promoting(f"__{name}__") for name in _PROMOTING}
    members["__matmul__"] = products.matmul
    members["__rmatmul__"] = lambda self, other: products.matmul(other, self)
    members["__pos__"] = lambda self: self
    members["__getitem__"] = choosing.getitem
    members["T"] = property(shaping.transpose)
    members["data"] = property(lambda self: self)
    members["size"] = property(shaping.size)
    members["astype"] = lambda self, dtype: cast(self, as_dtype(dtype))
    members["clip"] = elementwise.clip
    members["flatten"] = shaping.flatten
    members["max"] = reducing.max
    members["mean"] = reducing.mean
    members["min"] = reducing.min
    members["ravel"] = shaping.ravel
    members["reshape"] = _reshape
    members["tolist"] = lambda self: self.numpy().tolist()
    members["transpose"] = shaping.transpose
    return members


@export("experimental.numpy.experimental_enable_numpy_behavior")
def enable_numpy_behavior(
    prefer_float32: bool = False, dtype_conversion_mode: str = "legacy"
) -> None:
    """Gives tensors NumPy's operators, indexing and methods, for the rest of the program.

    Args:
      prefer_float32: whether Python's floats are float32 in `tf.experimental.numpy`; else float64.
      dtype_conversion_mode: only "legacy": operands are promoted as NumPy does.

    Raises:
      ValueError: if there is no such mode.
      UnimplementedError: for "all", "safe" and "off", the modes of another promotion.
    """
    if dtype_conversion_mode not in ("legacy", "all", "safe", "off"):
        raise ValueError(
            "Unknown dtype_conversion_mode. Options are: 'off', 'legacy', 'safe', 'all'."
        )
    if dtype_conversion_mode != "legacy":
        raise errors.UnimplementedError(
            None,
            None,
            f"enable_numpy_behavior(dtype_conversion_mode={dtype_conversion_mode!r}): leave it out for "
            "NumPy's own promotion, the mode 'legacy'",
        )
    dtypes.prefers_float32[0] = prefer_float32
    for name, member in _members().items():
        setattr(Tensor, name, member)
