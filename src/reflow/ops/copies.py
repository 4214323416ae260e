"""The same values: copies, promises about them, and their bits as another dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import complex64, complex128
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.array import brackets
from reflow.ops.define import op


@op(
    "EnsureShape(input: T, *, shape: shape) -> output: T",
    shape=lambda input, *, shape: input.shape.merge_with(shape),
    grad=lambda g: g,
    partial=True,
    view=True,
)
def ensure_shape_op(xp, input, *, shape, node=None):
    """The input, if it has the shape that was expected."""
    if not shape.is_compatible_with(input.shape):
        name = node.inputs[0].name if node is not None else "input"
        raise ValueError(
            f"Shape of tensor {name} {brackets(input.shape)} is not compatible with expected "
            f"shape {brackets(shape.sizes)}."
        )
    return input


@export("ensure_shape")
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`x` itself, with static shape `shape`; the run fails if it has another.

    Args:
      x: a tensor.
      shape: a shape, possibly known in part.

    Raises:
      InvalidArgumentError: if the shape of `x` is not compatible with `shape`.

    >>> import reflow as tf
    >>> tf.ensure_shape(tf.ones([2, 3]), [None, 3]).shape
    TensorShape([2, 3])
    """
    return ensure_shape_op(x, shape=shape, name=name)


def _copy(name: str, doc: str, of: str = "input", to: str = "output") -> Any:
    return op(f"{name}({of}: T) -> {to}: T", doc, shape=shape_rules.same, grad=lambda g: g)(
        lambda xp, input: input
    )


snapshot_op = _copy("Snapshot", "A copy of the input.")
deep_copy_op = _copy("DeepCopy", "A copy of the input.", "x", "y")
guarantee_const_op = _copy("GuaranteeConst", "The input, which the program says never changes.")


@export("guarantee_const")
def guarantee_const(input: Any, name: str | None = None) -> Any:
    """`input` itself, with the promise that its value never changes.

    >>> import reflow as tf
    >>> float(tf.guarantee_const(tf.constant(2.0)))
    2.0
    """
    return guarantee_const_op(input, name=name)


_BITS = (
    "{bfloat16,half,float,double,int64,int32,uint8,uint16,uint32,uint64,int8,int16,complex64,"
    "complex128,qint8,quint8,qint16,quint16,qint32}"
)


@op(f"Bitcast(input: T, *, T: {_BITS}, type: {_BITS}) -> output: type", grad=None)
def bitcast_op(xp, input, *, type):
    """The bits of a tensor as another dtype."""
    sizes = _bitcast_sizes(input.shape, input.dtype.itemsize, type.np.itemsize)
    if xp.is_numpy:
        flat = np.ascontiguousarray(input).reshape(-1)
        return flat.view(type.np).reshape(sizes)
    bitcast = xp.lax.bitcast_convert_type
    if input.dtype.kind == "c":  # XLA casts no bits of complex numbers: by way of their parts
        input = xp.stack([input.real, input.imag], -1)
    if type in (complex64, complex128):
        parts = bitcast(input, type.real_dtype.np).reshape((*sizes, 2))
        return xp.lax.complex(parts[..., 0], parts[..., 1])
    if input.dtype.itemsize < type.np.itemsize:
        input = input.reshape((*sizes, type.np.itemsize // input.dtype.itemsize))
    return bitcast(input, type.np).reshape(sizes)


def _bitcast_sizes(sizes: Any, old: int, new: int) -> tuple:
    if old == new:
        return tuple(sizes)
    if old > new:
        return (*sizes, old // new)
    if not sizes:
        raise ValueError(
            f"Cannot bitcast from an element of {old} bytes to one of {new} bytes: the input has "
            "no dimension to take them from"
        )
    if sizes[-1] is not None and sizes[-1] != new // old:
        raise ValueError(f"Cannot bitcast due to shape. {sizes[-1]} does not match {new // old}")
    return tuple(sizes[:-1])


@bitcast_op.shape_rule
def _bitcast_shape(input, *, type):
    dims = input._shape._dims
    if dims is None:
        return shapes.UNKNOWN
    return shapes.of(_bitcast_sizes(dims, input.dtype.base_dtype.np.itemsize, type.np.itemsize))


@export("bitcast")
def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """The bits of `input` as numbers of another dtype.

    Args:
      input: a numeric tensor.
      type: a numeric dtype. A smaller one appends a dimension; for a larger one the last dimension
        must have as many elements as make one of the new.

    Raises:
      InvalidArgumentError: if the last dimension does not fit.

    >>> import reflow as tf
    >>> tf.bitcast(tf.constant(1.0), tf.int32).numpy().item() == 0x3F800000
    True
    """
    return bitcast_op(input, type=type, name=name)
