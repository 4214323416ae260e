"""Which algorithm makes random numbers."""

from __future__ import annotations

import enum
from typing import Any

from reflow.lang.export import export
from reflow.lang.tensor import Tensor
from reflow.ops.random import philox


@export("random.Algorithm", "random.experimental.Algorithm")
class Algorithm(enum.Enum):
    """How random numbers are made.

    THREEFRY is there for TPUs only; AUTO_SELECT is Philox on CPUs and GPUs.

    >>> import reflow as tf
    >>> tf.random.Algorithm.PHILOX.value
    1
    """

    PHILOX = philox.ALGORITHM_PHILOX
    THREEFRY = philox.ALGORITHM_THREEFRY
    AUTO_SELECT = philox.ALGORITHM_AUTO_SELECT


_NAMES = {
    "philox": Algorithm.PHILOX,
    "threefry": Algorithm.THREEFRY,
    "autoselect": Algorithm.AUTO_SELECT,
}


def algorithm_number(alg: Any) -> Any:
    """The number of an algorithm that is given by name, as an `Algorithm`, or by number.

    Raises:
      ValueError: for another name.
      TypeError: if it is none of these.
    """
    if isinstance(alg, (int, Tensor)):
        return alg
    if isinstance(alg, Algorithm):
        return alg.value
    if isinstance(alg, str):
        found = _NAMES.get(alg.strip().lower().replace("-", "").replace("_", ""))
        if found is None:
            raise unsupported(alg)
        return found.value
    raise TypeError(f"Can't convert argument `alg` (of value {alg} and type {type(alg)}) to int.")


def unsupported(alg: Any) -> ValueError:
    """The error of an algorithm that there is not."""
    return ValueError(
        f"Argument `alg` got unsupported value {alg}. Supported values are 'philox' (1), 'threefry' "
        "(2) and 'auto_select' (3)."
    )
