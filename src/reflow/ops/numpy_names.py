"""`tf.experimental.numpy`, as far as Keras uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY


@export("experimental.numpy.finfo")
def finfo(dtype: Any) -> Any:
    """The limits of a floating-point dtype, as `np.finfo` tells them.

    >>> import reflow as tf
    >>> tf.experimental.numpy.finfo(tf.float32).bits
    32
    """
    kind = as_dtype(dtype).np
    return np.finfo(kind) if kind.kind == "f" else ml_dtypes.finfo(kind)


@export("experimental.numpy.select")
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each element the choice whose condition is the first to hold.

    Args:
      condlist: boolean tensors.
      choicelist: as many tensors, of shapes and dtypes that go together.
      default: what is given where none holds.

    Raises:
      ValueError: if there are not as many conditions as choices.

    >>> import reflow as tf
    >>> x = tf.constant([1, 2, 3])
    >>> print(tf.experimental.numpy.select([x < 2, x < 3], [x * 10, x * 100]).numpy())
    [ 10 200   0]
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"condlist must have length equal to choicelist ({len(condlist)} vs {len(choicelist)})"
        )
    choices = [convert_to_tensor(each) for each in choicelist]
    known = [np.empty(0, each.dtype.base_dtype.np) for each in choices]
    dtype = as_dtype(
        np.result_type(*known, default if np.ndim(default) == 0 else np.asarray(default))
    )
    result = convert_to_tensor(default)
    result = REGISTRY["Cast"](result, DstT=dtype)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices)):
        condition = convert_to_tensor(condition, as_dtype("bool"))
        result = REGISTRY["SelectV2"](condition, REGISTRY["Cast"](choice, DstT=dtype), result)
    return result
