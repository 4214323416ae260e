"""Convolutions that keep the channels apart: DepthwiseConv2dNative, its gradients and wrappers."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value_as_shape
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.spatial import depthwise_kernels
from reflow.ops.spatial.conv import conv2d_op, paddings, shape_of
from reflow.ops.spatial.conv_kernels import Geometry, geometry_of
from reflow.ops.spatial.convolution import with_space_to_batch
from reflow.ops.spatial.windows import (
    channels_back,
    channels_last,
    known_sizes,
    sizes_last,
    windowed_shape,
    windows_of,
)

_ATTRS = (
    "strides: list(int), padding: string{SAME,VALID,EXPLICIT}, explicit_paddings: list(int) = [],"
    " data_format: string{NHWC,NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]"
)
_ATTR_NAMES = ("strides", "padding", "explicit_paddings", "data_format", "dilations")
_NAME = "DepthwiseConv2dNative"


def _attrs_of(op: Any) -> dict[str, Any]:
    return {name: op.attrs[name] for name in _ATTR_NAMES}


def _check(what: str, array: Any) -> None:
    if len(array.shape) != 4:
        raise errors.InvalidArgumentError(
            None, None, f"{_NAME}: {what} must be 4-dimensional: {list(array.shape)}"
        )


def _check_depths(depth: Any, w_depth: Any) -> None:
    if depth is not None and w_depth is not None and depth != w_depth:
        raise ValueError(f"Dimensions must be equal, but are {depth} and {w_depth} (the channels)")


@op(f"DepthwiseConv2dNative(input: T, filter: T, *, {_ATTRS}) -> output: T", T=FLOAT)
def depthwise_conv2d_op(
    xp, input, filter, *, strides, padding, explicit_paddings, data_format, dilations
):
    """The convolution of each channel by itself with its filters [height, width, channels, multiplier].

    https://www.tensorflow.org/api_docs/python/tf/nn/depthwise_conv2d
    """
    windows = windows_of(_NAME, strides, padding, data_format, dilations, explicit_paddings)
    _check("input", input)
    _check("filter", filter)
    x = channels_last(xp, input, data_format)
    _check_depths(x.shape[-1], filter.shape[-2])
    geometry = geometry_of(windows, x.shape[1:-1], filter.shape[:-2])
    y = depthwise_kernels.forward(xp, x, filter, geometry)
    return channels_back(xp, y, data_format)


@depthwise_conv2d_op.shape_rule
def _depthwise_shape(input, filter, *, strides, padding, explicit_paddings, data_format, dilations):
    windows = windows_of(_NAME, strides, padding, data_format, dilations, explicit_paddings)
    *kernel, depth, multiplier = known_sizes(filter, 4, "filter")
    given = input._shape._dims
    if given is not None and len(given) == 4:
        have = sizes_last(given, data_format)[-1]
        _check_depths(have, depth)
        depth = have if depth is None else depth
    channels = None if depth is None or multiplier is None else depth * multiplier
    return windowed_shape(input, kernel, channels, windows, data_format, "input")


@depthwise_conv2d_op.gradient_rule
def _depthwise_grad(op, g, input, filter):
    attrs = _attrs_of(op)
    return (
        depthwise_backprop_input_op(shape_of(input), filter, g, **attrs),
        depthwise_backprop_filter_op(input, shape_of(filter), g, **attrs),
    )


@op(
    "DepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T, *,"
    f" {_ATTRS}) -> output: T",
    T=FLOAT,
    static=("input_sizes",),
)
def depthwise_backprop_input_op(
    xp, input_sizes, filter, out_backprop, *, strides, padding, explicit_paddings, data_format,
    dilations,
):  # fmt: skip
    """The gradient of DepthwiseConv2dNative with respect to its input."""
    windows = windows_of(_NAME, strides, padding, data_format, dilations, explicit_paddings)
    _check("filter", filter)
    _check("out_backprop", out_backprop)
    sizes = sizes_last([int(n) for n in input_sizes], data_format)
    _check_depths(sizes[-1], filter.shape[-2])
    geometry = geometry_of(windows, sizes[1:-1], filter.shape[:-2])
    dy = channels_last(xp, out_backprop, data_format)
    _check_given(dy, sizes[0], geometry, filter.shape[-2] * filter.shape[-1])
    dx = depthwise_kernels.input_gradient(xp, filter, dy, geometry)
    return channels_back(xp, dx, data_format)


def _check_given(dy: Any, batch: int, geometry: Geometry, channels: int) -> None:
    wanted = (batch, *geometry.outputs, channels)
    if tuple(dy.shape) != wanted:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{_NAME}: out_backprop has shape {list(dy.shape)} (channels last), but the output "
            f"{list(wanted)}",
        )


@depthwise_backprop_input_op.shape_rule
def _depthwise_backprop_input_shape(input_sizes, filter, out_backprop):
    known = constant_value_as_shape(input_sizes)
    return shapes.unknown_shape(4) if known.rank is None else known


@depthwise_backprop_input_op.gradient_rule
def _depthwise_backprop_input_grad(op, g, filter, out_backprop):
    attrs = _attrs_of(op)
    return (
        None,
        depthwise_backprop_filter_op(g, shape_of(filter), out_backprop, **attrs),
        depthwise_conv2d_op(g, filter, **attrs),
    )


@op(
    "DepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T, *,"
    f" {_ATTRS}) -> output: T",
    T=FLOAT,
    static=("filter_sizes",),
)
def depthwise_backprop_filter_op(
    xp, input, filter_sizes, out_backprop, *, strides, padding, explicit_paddings, data_format,
    dilations,
):  # fmt: skip
    """The gradient of DepthwiseConv2dNative with respect to its filter."""
    windows = windows_of(_NAME, strides, padding, data_format, dilations, explicit_paddings)
    _check("input", input)
    _check("out_backprop", out_backprop)
    *kernel, depth, multiplier = (int(n) for n in filter_sizes)
    x = channels_last(xp, input, data_format)
    _check_depths(x.shape[-1], depth)
    geometry = geometry_of(windows, x.shape[1:-1], tuple(kernel))
    dy = channels_last(xp, out_backprop, data_format)
    _check_given(dy, x.shape[0], geometry, depth * multiplier)
    return depthwise_kernels.filter_gradient(xp, x, multiplier, dy, geometry)


@depthwise_backprop_filter_op.shape_rule
def _depthwise_backprop_filter_shape(input, filter_sizes, out_backprop):
    known = constant_value_as_shape(filter_sizes)
    return shapes.unknown_shape(4) if known.rank is None else known


@depthwise_backprop_filter_op.gradient_rule
def _depthwise_backprop_filter_grad(op, g, input, out_backprop):
    attrs = _attrs_of(op)
    return (
        depthwise_backprop_input_op(shape_of(input), g, out_backprop, **attrs),
        None,
        depthwise_conv2d_op(input, g, **attrs),
    )


@export(v1=("nn.depthwise_conv2d_native",))
def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """TF 1's depthwise convolution, of which one node is made: see `depthwise_conv2d_v2`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 3, 3, 2]), tf.ones([2, 2, 2, 1])
    >>> tf.compat.v1.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 2, 2, 2])
    """
    return depthwise_conv2d_op(
        input,
        filter,
        strides=strides,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **paddings(padding),
    )


@export("nn.depthwise_conv2d_backprop_input", v1=("nn.depthwise_conv2d_native_backprop_input",))
def depthwise_conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """The gradient of a depthwise convolution with respect to its input.

    Args:
      input_sizes: an int32 vector, the shape of the input.
      filter, strides, padding, data_format, dilations: those of the convolution.
      out_backprop: the gradient of the output, of its shape.
      name: the name of the node.

    >>> import reflow as tf
    >>> g = tf.nn.depthwise_conv2d_backprop_input(
    ...     [1, 2, 2, 1], tf.ones([1, 1, 1, 2]), tf.ones([1, 2, 2, 2]), [1, 1, 1, 1], "SAME")
    >>> print(g[0, :, :, 0].numpy())
    [[2. 2.]
     [2. 2.]]
    """
    return depthwise_backprop_input_op(
        input_sizes,
        filter,
        out_backprop,
        strides=strides,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **paddings(padding),
    )


@export("nn.depthwise_conv2d_backprop_filter", v1=("nn.depthwise_conv2d_native_backprop_filter",))
def depthwise_conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """The gradient of a depthwise convolution with respect to its filter.

    Args:
      input, strides, padding, data_format, dilations: those of the convolution.
      filter_sizes: an int32 vector, the shape of the filter.
      out_backprop: the gradient of the output, of its shape.
      name: the name of the node.

    >>> import reflow as tf
    >>> x = tf.ones([1, 2, 2, 1])
    >>> g = tf.nn.depthwise_conv2d_backprop_filter(x, [1, 1, 1, 1], x, [1, 1, 1, 1], "SAME")
    >>> print(g.numpy().ravel())
    [4.]
    """
    return depthwise_backprop_filter_op(
        input,
        filter_sizes,
        out_backprop,
        strides=strides,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **paddings(padding),
    )


def _dilated(input, filter, strides, padding, rate, data_format, name):
    """A depthwise convolution; dilated ones go through the batch, as TensorFlow's do."""

    def call(x: Any, _: int, padding: Any) -> Any:
        return depthwise_conv2d_op(
            x,
            filter,
            strides=strides,
            data_format=data_format or "NHWC",
            name=name,
            **(paddings(padding) if not isinstance(padding, dict) else padding),
        )

    return with_space_to_batch(
        input,
        dilation_rate=rate,
        padding=padding,
        op=call,
        filter_shape=filter.shape if filter.shape.is_fully_defined() else shape_of(filter),
        data_format=data_format,
    )


@export(v1=("nn.depthwise_conv2d",))
def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.depthwise_conv2d`: see `depthwise_conv2d_v2`; `rate` is also called `dilations`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 5, 5, 2]), tf.ones([2, 2, 2, 3])
    >>> tf.compat.v1.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID", rate=[2, 2]).shape
    TensorShape([1, 3, 3, 6])
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "depthwise", [input, filter]) as name:
        input = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, name="filter_in")
        rate = [1, 1] if rate is None else rate
        return _dilated(input, filter, strides, padding, rate, data_format, name)


@export(v2=("nn.depthwise_conv2d",))
def depthwise_conv2d_v2(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The 2-D convolution of each channel by itself.

    Args:
      input: [batch, height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width].
      filter: [height, width, channels, multiplier], of the same dtype.
      strides: a list of 4 integers.
      padding: "SAME", "VALID", or a list of pairs (before, after) for each of the 4 dimensions.
      data_format: "NHWC" or "NCHW".
      dilations: two integers: the distance between the elements of a filter. With dilation the
        strides must be 1.
      name: the name of the node.

    Returns:
      A tensor with `channels * multiplier` channels.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.depthwise_conv2d(tf.ones([1, 3, 3, 2]), tf.ones([2, 2, 2, 3]), [1, 1, 1, 1], "SAME").shape
    TensorShape([1, 3, 3, 6])
    """
    return depthwise_conv2d(input, filter, strides, padding, dilations, name, data_format)


@export(v1=("nn.separable_conv2d",))
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.separable_conv2d`: see `separable_conv2d_v2`; `rate` is also `dilations`.

    >>> import reflow as tf
    >>> x, d, p = tf.ones([1, 5, 5, 2]), tf.ones([2, 2, 2, 3]), tf.ones([1, 1, 6, 4])
    >>> tf.compat.v1.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME").shape
    TensorShape([1, 5, 5, 4])
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as name:
        input = convert_to_tensor(input, name="tensor_in")
        depthwise_filter = convert_to_tensor(depthwise_filter, name="depthwise_filter")
        pointwise_filter = convert_to_tensor(pointwise_filter, name="pointwise_filter")
        shape = pointwise_filter.shape.with_rank(4)
        for i in (0, 1):
            if shape.sizes[i] not in (None, 1):
                raise ValueError(
                    f"`pointwise_filter` must be [1, 1, channels, filters]. Received shape {shape}"
                )
        depth, multiplier = depthwise_filter.shape.with_rank(4).sizes[2:]
        if None not in (depth, multiplier, shape.sizes[2]) and depth * multiplier != shape.sizes[2]:
            raise ValueError(
                f"`pointwise_filter` takes {shape.sizes[2]} channels, but `depthwise_filter` gives "
                f"{depth} * {multiplier}"
            )
        rate = [1, 1] if rate is None else rate
        deep = _dilated(input, depthwise_filter, strides, padding, rate, data_format, "depthwise")
        return conv2d_op(
            deep,
            pointwise_filter,
            strides=[1, 1, 1, 1],
            padding="VALID",
            data_format=data_format or "NHWC",
            name=name,
        )


@export(v2=("nn.separable_conv2d",))
def separable_conv2d_v2(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """A depthwise convolution, and a 1x1 convolution that mixes the channels.

    Args:
      input: [batch, height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width].
      depthwise_filter: [height, width, channels, multiplier], of the same dtype.
      pointwise_filter: [1, 1, channels * multiplier, filters], of the same dtype.
      strides: a list of 4 integers.
      padding: "SAME", "VALID", or a list of pairs (before, after) for each of the 4 dimensions.
      data_format: "NHWC" or "NCHW".
      dilations: two integers: see `depthwise_conv2d`.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x, d, p = tf.ones([1, 5, 5, 2]), tf.ones([2, 2, 2, 3]), tf.ones([1, 1, 6, 4])
    >>> tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 4, 4, 4])
    """
    return separable_conv2d(
        input,
        depthwise_filter,
        pointwise_filter,
        strides,
        padding,
        dilations,
        name,
        data_format,
    )
