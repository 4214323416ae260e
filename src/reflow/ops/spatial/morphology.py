"""Grey-scale morphology: Dilation2D, its gradients, and erosion."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.dtypes import REAL
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.spatial.conv_kernels import Geometry, geometry_of, inside, place_at
from reflow.ops.spatial.pool_kernels import lowest, parts
from reflow.ops.spatial.windows import known_sizes, windowed_shape, windows_of

_ATTRS = "strides: list(int), rates: list(int), padding: string{SAME,VALID}"


def _geometry(x: Any, w: Any, strides: Any, rates: Any, padding: str) -> Geometry:
    if len(x.shape) != 4 or len(w.shape) != 3:
        raise errors.InvalidArgumentError(
            None,
            None,
            "Dilation2D: input must be 4-dimensional and filter 3-dimensional: "
            f"{list(x.shape)}, {list(w.shape)}",
        )
    if x.shape[-1] != w.shape[-1]:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"input and filter must have the same depth: {x.shape[-1]} vs {w.shape[-1]}",
        )
    windows = windows_of("Dilation2D", strides, padding, "NHWC", rates)
    return geometry_of(windows, x.shape[1:-1], w.shape[:-1])


def _sums(xp: Any, x: Any, w: Any, geometry: Geometry) -> list[tuple[tuple[int, ...], Any]]:
    """For each place in the windows, the element there plus that of the filter; padding stays lowest."""
    low = lowest(x.dtype)
    result = []
    for place, part in parts(xp, xp.asarray(x), geometry, low):
        raised = part + w[place]
        if x.dtype.kind in "iu":  # the lowest integer plus something is not the lowest any more
            raised = xp.where(part == low, low, raised)
        result.append((place, raised))
    return result


@op(f"Dilation2D(input: T, filter: T, *, {_ATTRS}) -> output: T", T=REAL)
def dilation2d_op(xp, input, filter, *, strides, rates, padding):
    """The largest sum of an element of each window of an image and one of the filter."""
    geometry = _geometry(input, filter, strides, rates, padding)
    result = None
    for _, raised in _sums(xp, input, filter, geometry):
        result = raised if result is None else xp.maximum(result, raised)
    return result


@dilation2d_op.shape_rule
def _dilation2d_shape(input, filter, *, strides, rates, padding):
    *kernel, depth = known_sizes(filter, 3, "filter")
    channels = known_sizes(input, 4, "input")[-1]
    if None not in (depth, channels) and depth != channels:
        raise ValueError(f"Dimensions must be equal, but are {channels} and {depth} (the depth).")
    windows = windows_of("Dilation2D", strides, padding, "NHWC", rates)
    depth = channels if channels is not None else depth
    return windowed_shape(input, kernel, depth, windows, "NHWC", "input")


@dilation2d_op.gradient_rule
def _dilation2d_grad(op, g, input, filter):
    attrs = {name: op.attrs[name] for name in ("strides", "rates", "padding")}
    return (
        dilation2d_backprop_input(input, filter, g, **attrs),
        dilation2d_backprop_filter(input, filter, g, **attrs),
    )


def _shares(xp: Any, x: Any, w: Any, dy: Any, geometry: Geometry) -> list[Any]:
    """For each place in the windows, `dy` of those whose (first) largest sum lies there."""
    wanted = (x.shape[0], *geometry.outputs, x.shape[-1])
    if tuple(dy.shape) != wanted:
        raise errors.InvalidArgumentError(
            None, None, f"out_backprop has shape {list(dy.shape)}, but the output {list(wanted)}"
        )
    best, where = None, None
    sums = _sums(xp, x, w, geometry)
    for number, (_, raised) in enumerate(sums):
        if best is None:
            best, where = raised, xp.zeros(raised.shape, np.int32)
        else:
            where = xp.where(raised > best, np.int32(number), where)
            best = xp.maximum(best, raised)
    zero = dy.dtype.type(0)
    return [(place, xp.where(where == i, dy, zero)) for i, (place, _) in enumerate(sums)]


def _no_second(op: Any, g: Any) -> Any:
    raise LookupError(f"{op.name}: a dilation has no second derivative.")


@op(
    f"Dilation2DBackpropInput(input: T, filter: T, out_backprop: T, *, {_ATTRS}) -> in_backprop: T",
    shape=lambda input, filter, out_backprop: input.shape,
    T=REAL,
    grad=_no_second,
)
def dilation2d_backprop_input(xp, input, filter, out_backprop, *, strides, rates, padding):
    """The gradient of Dilation2D with respect to its input."""
    geometry = _geometry(input, filter, strides, rates, padding)
    total: Any = None
    if xp.is_numpy:
        inner = [
            max(n + lo + hi, e + r - 1)
            for n, (lo, hi), e, r in zip(
                geometry.sizes, geometry.pads, geometry.span, geometry.reach
            )
        ]
        total = np.zeros((input.shape[0], *inner, input.shape[-1]), out_backprop.dtype)
    taps = [slices for _, slices in geometry.taps()]
    shares = _shares(xp, input, filter, out_backprop, geometry)
    for slices, (place, share) in zip(taps, shares):
        if xp.is_numpy:
            total[(slice(None), *slices)] += share
        else:
            spread = place_at(xp, share, place, geometry)
            total = spread if total is None else total + spread
    return total[inside(geometry.sizes, geometry.pads)]


@op(
    f"Dilation2DBackpropFilter(input: T, filter: T, out_backprop: T, *, {_ATTRS})"
    " -> filter_backprop: T",
    shape=lambda input, filter, out_backprop: filter.shape,
    T=REAL,
    grad=_no_second,
)
def dilation2d_backprop_filter(xp, input, filter, out_backprop, *, strides, rates, padding):
    """The gradient of Dilation2D with respect to its filter."""
    geometry = _geometry(input, filter, strides, rates, padding)
    shares = _shares(xp, input, filter, out_backprop, geometry)
    dtype = out_backprop.dtype
    sums = [xp.sum(share, (0, 1, 2), dtype=dtype) for _, share in shares]
    return xp.stack(sums).reshape(filter.shape)


@export(v2=("nn.dilation2d",))
def dilation2d_v2(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Any:
    """The grey-scale dilation of images: the largest sum of a window and a structuring function.

    Args:
      input: [batch, height, width, depth], real numbers.
      filters: [height, width, depth], of the same dtype.
      strides: a list of 4 integers.
      padding: "SAME" or "VALID".
      data_format: "NHWC".
      dilations: a list of 4 integers: the distance between the elements of a window.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together, or `data_format` is another.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.constant([1.0, 5.0, 2.0]), [1, 1, 3, 1])
    >>> y = tf.nn.dilation2d(x, tf.zeros([1, 2, 1]), [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1])
    >>> print(y.numpy().ravel())
    [5. 5.]
    """
    if data_format != "NHWC":
        raise ValueError(f"`data_format` values other than 'NHWC' are not supported: {data_format}")
    return dilation2d_op(
        input, filters, strides=strides, rates=dilations, padding=padding, name=name
    )


@export(v1=("nn.dilation2d",))
def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.dilation2d`: see `dilation2d_v2`.

    `filter` is also called `filters`, and `rates` `dilations`.

    >>> import reflow as tf
    >>> x, w = tf.zeros([1, 3, 3, 1]), tf.ones([2, 2, 1])
    >>> tf.compat.v1.nn.dilation2d(x, w, [1, 1, 1, 1], [1, 1, 1, 1], "SAME").shape
    TensorShape([1, 3, 3, 1])
    """
    filter = renamed("filters", filters, "filter", filter)
    rates = renamed("dilations", dilations, "rates", rates)
    return dilation2d_op(input, filter, strides=strides, rates=rates, padding=padding, name=name)


@export(v1=("nn.erosion2d",))
def erosion2d(
    value: Any, kernel: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Any:
    """TF 1's `tf.nn.erosion2d`: see `erosion2d_v2`.

    >>> import reflow as tf
    >>> x, w = tf.zeros([1, 3, 3, 1]), tf.ones([2, 2, 1])
    >>> tf.compat.v1.nn.erosion2d(x, w, [1, 1, 1, 1], [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 2, 2, 1])
    """
    negative = REGISTRY["Neg"]
    with name_scope(name, "erosion2d", [value, kernel]) as name:
        raised = dilation2d_op(
            negative(value),
            REGISTRY["ReverseV2"](kernel, [0, 1]),
            strides=strides,
            rates=rates,
            padding=padding,
            name=name,
        )
        return negative(raised)


@export(v2=("nn.erosion2d",))
def erosion2d_v2(
    value: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Any:
    """The grey-scale erosion of images: the least difference of a window and a structuring function.

    Args:
      value: [batch, height, width, depth], signed real numbers.
      filters: [height, width, depth], of the same dtype.
      strides: a list of 4 integers.
      padding: "SAME" or "VALID".
      data_format: "NHWC".
      dilations: a list of 4 integers: the distance between the elements of a window.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together, or `data_format` is another.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.constant([1.0, 5.0, 2.0]), [1, 1, 3, 1])
    >>> y = tf.nn.erosion2d(x, tf.zeros([1, 2, 1]), [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1])
    >>> print(y.numpy().ravel())
    [1. 2.]
    """
    if data_format != "NHWC":
        raise ValueError(f"`data_format` values other than 'NHWC' are not supported: {data_format}")
    return erosion2d(value, filters, strides, dilations, padding, name)
