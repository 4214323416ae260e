"""Elements by a condition: where, and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bool as bool_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor
from reflow.ops import array, joining
from reflow.ops.define import op
from reflow.ops.indexing import gather


@op(
    "Where(input: T, *, T: {float,double,int32,uint8,int16,int8,complex64,int64,bfloat16,uint16,"
    "complex128,half,uint32,uint64,bool} = bool) -> index: int64",
    compile=False,
    grad=None,
)
def where_op(xp, input):
    """The coordinates of the elements that are not zero."""
    return np.argwhere(input).astype(np.int64, copy=False).reshape(-1, input.ndim)


@where_op.shape_rule
def _where_shape(input):
    return (None, input.shape.rank)


def _coordinates(condition: Any, name: str | None) -> Any:
    with name_scope(name, "Where") as scope:
        condition = convert_to_tensor(condition, preferred_dtype=bool_dtype, name="condition")
        return where_op(condition, name=scope)


def _check_branches(x: Any, y: Any) -> None:
    if (x is None) != (y is None):
        raise ValueError(f"{errors.user_site()}: x and y must both be non-None or both be None.")


@export(v2=("where",), v1=("where_v2",))
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Where `condition` holds the elements of `x`, else those of `y`; or the coordinates of True.

    Args:
      condition: a tensor of booleans (or numbers, when `x` and `y` are not given).
      x, y: tensors of one dtype that broadcast together with `condition`.

    Returns:
      A tensor of the broadcast shape; without `x` and `y` an int64 matrix with one row of coordinates
      per element of `condition` that is not zero.

    Raises:
      ValueError: if only one of `x` and `y` is given.

    >>> import reflow as tf
    >>> tf.where([True, False], [1, 2], 0).numpy().tolist()
    [1, 0]
    >>> tf.where([False, True]).numpy().tolist()
    [[1]]
    """
    _check_branches(x, y)
    if x is None:
        return _coordinates(condition, name)
    return REGISTRY["SelectV2"](condition, x, y, name=name)


@export(v1=("where",))
def where_v1(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """TF 1's `tf.where`: `x` and `y` have one shape, and `condition` too or is a vector of rows.

    Raises:
      ValueError: if only one of `x` and `y` is given.
    """
    _check_branches(x, y)
    if x is None:
        return _coordinates(condition, name)
    return REGISTRY["Select"](condition, x, y, name=name)


@export(v2=("boolean_mask",))
def boolean_mask(
    tensor: Any, mask: Any, axis: Any = None, name: str | None = "boolean_mask"
) -> Any:
    """The slices of `tensor` where `mask` is True.

    Args:
      tensor: a tensor of rank n.
      mask: a tensor of booleans of known rank k <= n.
      axis: the first of the k dimensions of `tensor` that `mask` is for; 0 by default.

    Returns:
      A tensor of rank n - k + 1.

    Raises:
      ValueError: if `mask` is a scalar, or of unknown rank, or does not fit `tensor`.

    >>> import reflow as tf
    >>> tf.boolean_mask([1, 2, 3], [True, False, True]).numpy().tolist()
    [1, 3]
    """
    with name_scope(name):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        rank = mask.shape.rank
        if rank == 0:
            raise ValueError(f"{errors.user_site()}: mask cannot be scalar.")
        if rank is None:
            raise ValueError(
                f"{errors.user_site()}: Number of mask dimensions must be specified, "
                "even if some dimensions are None.  E.g. shape=[None] is ok, but shape=None is not."
            )
        at = constant_value(axis) if isinstance(axis, Tensor) else axis or 0
        if at is not None:
            at = int(at)
            tensor.shape[at : at + rank].assert_is_compatible_with(mask.shape)
            axis = at
        masked = REGISTRY["Prod"](array.shape(tensor)[axis : axis + rank], [0])
        sizes = [array.shape(tensor)[:axis], [masked], array.shape(tensor)[axis + rank :]]
        flat = array.reshape(tensor, joining.concat(sizes, 0))
        if at is not None:
            count = tensor.shape[at : at + rank].num_elements()
            known = tensor.shape[:at].concatenate([count]).concatenate(tensor.shape[at + rank :])
            flat.set_shape(known)
        places = array.squeeze(where(array.reshape(mask, [-1])), axis=[1])
        return gather(flat, places, axis=axis)


@export(v1=("boolean_mask",))
def boolean_mask_v1(
    tensor: Any, mask: Any, name: str | None = "boolean_mask", axis: Any = None
) -> Any:
    """TF 1's `tf.boolean_mask`, with `name` before `axis`."""
    return boolean_mask(tensor, mask, axis, name)
