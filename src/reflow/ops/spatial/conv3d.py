"""Convolutions of volumes: Conv3D, its gradients and functions."""

from __future__ import annotations

from typing import Any

from reflow.lang.dtypes import FLOAT
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.spatial.conv import (
    convolution_of,
    convolve,
    forward_shape,
    per_dimension,
    same_attrs,
    shape_of,
    to_filter,
    to_filter_shape,
    to_input,
    to_input_shape,
)
from reflow.ops.spatial.windows import windows_of

_ATTRS_3D = (
    "strides: list(int), padding: string{SAME,VALID},"
    " data_format: string{NDHWC,NCDHW} = 'NDHWC', dilations: list(int) = [1, 1, 1, 1, 1]"
)
_ATTR_NAMES_3D = ("strides", "padding", "data_format", "dilations")


@op(f"Conv3D(input: T, filter: T, *, {_ATTRS_3D}) -> output: T", T=FLOAT)
def conv3d_op(xp, input, filter, *, strides, padding, data_format, dilations):
    """The convolution of volumes [batch, depth, height, width, channels] with a filter."""
    windows = windows_of("Conv3D", strides, padding, data_format, dilations)
    return convolve(xp, "Conv3D", input, filter, windows, data_format)


@conv3d_op.shape_rule
def _conv3d_shape(input, filter, *, strides, padding, data_format, dilations):
    windows = windows_of("Conv3D", strides, padding, data_format, dilations)
    return forward_shape(input, filter, windows, data_format)


@conv3d_op.gradient_rule
def _conv3d_grad(op, g, input, filter):
    attrs = same_attrs(op, _ATTR_NAMES_3D)
    input_shape, filter_shape = REGISTRY["ShapeN"]([input, filter])
    return (
        conv3d_backprop_input_op(input_shape, filter, g, **attrs),
        conv3d_backprop_filter_op(input, filter_shape, g, **attrs),
    )


@op(
    "Conv3DBackpropInputV2(input_sizes: Tshape, filter: T, out_backprop: T, *,"
    f" {_ATTRS_3D}, Tshape: INDEX = int32) -> output: T",
    T=FLOAT,
    static=("input_sizes",),
)
def conv3d_backprop_input_op(
    xp, input_sizes, filter, out_backprop, *, strides, padding, data_format, dilations
):
    """The gradient of Conv3D with respect to its input; also its transpose."""
    name = "Conv3DBackpropInputV2"
    windows = windows_of(name, strides, padding, data_format, dilations)
    return to_input(xp, name, input_sizes, filter, out_backprop, windows, data_format)


@conv3d_backprop_input_op.shape_rule
def _conv3d_backprop_input_shape(input_sizes, filter, out_backprop, *, data_format):
    return to_input_shape(input_sizes, filter, out_backprop, 5, data_format)


@conv3d_backprop_input_op.gradient_rule
def _conv3d_backprop_input_grad(op, g, filter, out_backprop):
    attrs = same_attrs(op, _ATTR_NAMES_3D)
    return (
        None,
        conv3d_backprop_filter_op(g, shape_of(filter), out_backprop, **attrs),
        conv3d_op(g, filter, **attrs),
    )


@op(
    f"Conv3DBackpropFilterV2(input: T, filter_sizes: int32, out_backprop: T, *, {_ATTRS_3D})"
    " -> output: T",
    T=FLOAT,
    static=("filter_sizes",),
)
def conv3d_backprop_filter_op(
    xp, input, filter_sizes, out_backprop, *, strides, padding, data_format, dilations
):
    """The gradient of Conv3D with respect to its filter."""
    name = "Conv3DBackpropFilterV2"
    windows = windows_of(name, strides, padding, data_format, dilations)
    return to_filter(xp, name, input, filter_sizes, out_backprop, windows, data_format)


@conv3d_backprop_filter_op.shape_rule
def _conv3d_backprop_filter_shape(input, filter_sizes, out_backprop):
    return to_filter_shape(filter_sizes, 5)


@conv3d_backprop_filter_op.gradient_rule
def _conv3d_backprop_filter_grad(op, g, input, out_backprop):
    attrs = same_attrs(op, _ATTR_NAMES_3D)
    return (
        conv3d_backprop_input_op(shape_of(input), g, out_backprop, **attrs),
        None,
        conv3d_op(input, g, **attrs),
    )


# Public functions ----------------------------------------------------------------------------------


@export(v2=("nn.conv3d",))
def conv3d_v2(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The 3-D convolution of volumes with filters.

    Args:
      input: [batch..., depth, height, width, channels], or with `data_format="NCDHW"`
        [batch, channels, depth, height, width].
      filters: [depth, height, width, channels, filters], of the same dtype.
      strides: a list of 5 integers.
      padding: "SAME" or "VALID".
      data_format: "NDHWC" or "NCDHW".
      dilations: a list of 5 integers: the distance between the elements of a filter.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 3, 3, 3, 2]), tf.ones([2, 2, 2, 2, 4])
    >>> tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "VALID").shape
    TensorShape([1, 2, 2, 2, 4])
    """
    return _conv3d(input, filters, strides, padding, data_format, dilations, name)


def _conv3d(input, filters, strides, padding, data_format, dilations, name):
    data_format = data_format or "NDHWC"
    attrs = {
        "strides": per_dimension(strides, 3, data_format, "strides"),
        "dilations": per_dimension(dilations, 3, data_format, "dilations"),
        "data_format": data_format,
        "padding": padding,
    }
    return convolution_of(conv3d_op, input, filters, 5, name, attrs)


@export(v1=("nn.conv3d",))
def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """TF 1's `tf.nn.conv3d`: see `conv3d_v2`; `filter` is also called `filters`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 3, 3, 3, 2]), tf.ones([2, 2, 2, 2, 4])
    >>> tf.compat.v1.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME").shape
    TensorShape([1, 3, 3, 3, 4])
    """
    filter = renamed("filters", filters, "filter", filter)
    return _conv3d(input, filter, strides, padding, data_format, dilations, name)


@export(v1=("nn.conv3d_backprop_filter", "nn.conv3d_backprop_filter_v2"))
def conv3d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """The gradient of `tf.nn.conv3d` with respect to its filter.

    Args:
      input, strides, padding, data_format, dilations: those of the convolution.
      filter_sizes: an int32 vector, the shape of the filter.
      out_backprop: the gradient of the output, of its shape.
      name: the name of the node.

    >>> import reflow as tf
    >>> x = tf.ones([1, 2, 2, 2, 1])
    >>> g = tf.compat.v1.nn.conv3d_backprop_filter(x, [1, 1, 1, 1, 1], x, [1, 1, 1, 1, 1], "SAME")
    >>> print(g.numpy().ravel())
    [8.]
    """
    return conv3d_backprop_filter_op(
        input,
        filter_sizes,
        out_backprop,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
    )
