"""Convolutions over any number of spatial dimensions, and dilation by way of the batch.

A window with holes of `rate` sees every `rate`-th element. Moving these to a batch dimension of their own
(SpaceToBatchND) makes them neighbours, so that any op without holes can be applied, and moved back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.ops.array import renamed
from reflow.ops.spatial.blocks import required_space_to_batch_paddings
from reflow.ops.spatial.conv import conv1d_v2 as conv1d
from reflow.ops.spatial.conv import (
    conv2d_backprop_input_op,
    conv2d_v2,
    paddings,
    per_dimension,
    shape_of,
)
from reflow.ops.spatial.conv3d import conv3d_v2
from reflow.ops.spatial.conv_transpose import conv2d_transpose_v2
from reflow.ops.spatial.windows import channels_first


@export("nn.with_space_to_batch")
def with_space_to_batch(
    input: Any,
    dilation_rate: Any,
    padding: Any,
    op: Callable[[Any, int, Any], Any],
    filter_shape: Any = None,
    spatial_dims: Any = None,
    data_format: str | None = None,
) -> Any:
    """Applies `op`, which slides windows over `input`, with windows that have holes.

    Args:
      input: a tensor.
      dilation_rate: a vector of integers, one per spatial dimension: the distance between the
        elements of a window.
      padding: "SAME", "VALID", or a list of pairs (before, after) per dimension.
      op: `op(input, number of spatial dimensions, padding)`.
      filter_shape: the spatial sizes of the window, for "SAME"; more elements are ignored.
      spatial_dims: which dimensions are spatial; by default those that follow the batch dimension,
        and that of the channels if `data_format` begins with "NC".
      data_format: the layout of `input`.

    Raises:
      ValueError: if the arguments do not fit together, or a rate is not positive.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(5.0), [1, 5, 1])
    >>> y = tf.nn.with_space_to_batch(
    ...     x, [2], "VALID", lambda x, n, padding: tf.nn.max_pool1d(x, 2, 1, padding))
    >>> print(y[0, :, 0].numpy())
    [2. 3. 4.]
    """
    input = convert_to_tensor(input, name="input")
    if not hasattr(dilation_rate, "shape"):
        dilation_rate = np.asarray(dilation_rate, np.int32)
    rates = np.asarray(dilation_rate) if isinstance(dilation_rate, np.ndarray) else None
    if rates is None:
        rates = constant_value(dilation_rate)
    if len(dilation_rate.shape) != 1 or dilation_rate.shape[0] is None:
        raise ValueError(
            f"`dilation_rate` must be a vector of known length. Received: {dilation_rate}"
        )
    count = int(dilation_rate.shape[0])
    first = 2 if data_format is not None and channels_first(data_format) else 1
    dims = list(range(first, first + count) if spatial_dims is None else spatial_dims)
    if dims != sorted(set(dims)) or dims[0] < 1:
        raise ValueError(
            "`spatial_dims` must be a monotonically increasing sequence of positive integers. "
            f"Received: spatial_dims={dims}"
        )
    if input.shape.rank is not None and input.shape.rank <= dims[-1]:
        raise ValueError(
            f"`input.shape.rank` must be at least {dims[-1] + 1}. Received: {input.shape}"
        )
    if rates is not None:
        if (rates < 1).any():
            raise ValueError(f"`dilation_rate` must be positive. Received: {rates}")
        if (rates == 1).all():
            return op(input, count, padding)
    base = _base_paddings(padding, filter_shape, rates, dilation_rate, count, data_format)
    sizes = input.shape.sizes
    spatial: Any = None if sizes is None else [sizes[i] for i in dims]
    if spatial is None or None in spatial:
        dynamic = shape_of(input)
        spatial = REGISTRY["Pack"]([dynamic[i] for i in dims])
    block = dilation_rate if rates is None else rates.astype(np.int32)
    margins, crops = required_space_to_batch_paddings(spatial, block, base)
    block, margins, crops = (
        _with_gaps(value, fill, dims) for value, fill in ((block, 1), (margins, 0), (crops, 0))
    )
    result = op(REGISTRY["SpaceToBatchND"](input, block, margins), count, "VALID")
    return REGISTRY["BatchToSpaceND"](result, block, crops)


def _base_paddings(padding, filter_shape, rates, dilation_rate, count, data_format):
    """How much to pad each spatial dimension, [count, 2], before it is made a multiple of the rate."""
    attrs = paddings(padding, count + 2)
    if attrs["padding"] == "EXPLICIT":
        pairs = np.array(attrs["explicit_paddings"], np.int32).reshape(-1, 2)
        first = data_format is not None and channels_first(data_format)
        return pairs[2:] if first else pairs[1:-1]
    if padding == "VALID":
        return np.zeros((count, 2), np.int32)
    if padding != "SAME":
        raise ValueError(f"`padding` must be 'SAME' or 'VALID'. Received: padding={padding}")
    if filter_shape is None:
        raise ValueError("`filter_shape` must be specified for `padding='SAME'`.")
    kernel = _known(filter_shape)
    if kernel is not None and rates is not None:
        extra = (kernel[:count] - 1) * rates
        return np.stack([extra // 2, extra - extra // 2], 1).astype(np.int32)
    kernel = convert_to_tensor(filter_shape if kernel is None else kernel, int32)
    extra = (kernel[:count] - 1) * convert_to_tensor(dilation_rate, int32)
    before = extra // 2
    return REGISTRY["Pack"]([before, extra - before], axis=1)


def _known(value: Any) -> np.ndarray | None:
    """The elements of a vector of sizes, if all of them are known."""
    if isinstance(value, shapes.TensorShape):
        return np.array(value.as_list(), np.int32) if value.is_fully_defined() else None
    if hasattr(value, "dtype") and not isinstance(value, np.ndarray):
        return constant_value(value)
    return np.asarray(value, np.int32)


def _with_gaps(value: Any, fill: int, dims: Sequence[int]) -> Any:
    """A row for every dimension from 1 to the last of `dims`: one of `value`, or `fill`."""
    if list(dims) == list(range(1, dims[-1] + 1)):
        return value
    known = value if isinstance(value, np.ndarray) else constant_value(value)
    if known is not None:
        result = np.full((dims[-1], *known.shape[1:]), fill, known.dtype)
        result[[d - 1 for d in dims]] = known
        return result
    shape = value.shape.as_list()[1:]
    filler = convert_to_tensor(np.full(shape, fill, value.dtype.np))
    rows = [value[dims.index(d)] if d in dims else filler for d in range(1, dims[-1] + 1)]
    return REGISTRY["Pack"](rows)


@export(v2=("nn.convolution",))
def convolution_v2(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The convolution over 1, 2 or 3 spatial dimensions.

    Args:
      input: [batch..., spatial..., channels], or with a `data_format` that begins with "NC"
        [batch, channels, spatial...].
      filters: [spatial..., channels per group, filters], of the same dtype.
      strides: an integer, or a list with one for each spatial dimension.
      padding: "SAME", "VALID", or a list of pairs (before, after) for every dimension.
      data_format: whether channels are last (by default) or second ("NCW", "NCHW", "NCDHW").
      dilations: the distance between the elements of a filter, in the form of `strides`. If one is
        not 1, the strides must be.
      name: the name of the node, or the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together, or there are more than 3 spatial dimensions.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(5.0), [1, 5, 1])
    >>> print(tf.nn.convolution(x, tf.ones([2, 1, 1]), dilations=2)[0, :, 0].numpy())
    [2. 4. 6.]
    """
    input = convert_to_tensor(input, name="input")
    filters = convert_to_tensor(filters, name="filters")
    if filters.shape.rank:
        count = filters.shape.rank - 2
    elif input.shape.rank:
        count = input.shape.rank - 2
    else:
        raise ValueError("The rank of `input` or of `filters` must be known.")
    if count not in (1, 2, 3):
        raise ValueError(f"There must be 1, 2 or 3 spatial dimensions. Received: {filters.shape}")
    first = data_format is not None and channels_first(data_format)
    layout = (("NWC", "NHWC", "NDHWC"), ("NCW", "NCHW", "NCDHW"))[first][count - 1]
    rates = _spatial_numbers(dilations, count, layout, "dilations")
    steps = _spatial_numbers(strides, count, layout, "strides")
    conv = (conv1d, conv2d_v2, conv3d_v2)[count - 1]
    with name_scope(name, "convolution", [input, filters]) as name:
        if all(rate == 1 for rate in rates):
            return conv(input, filters, steps, padding, layout, 1, name)
        if any(step > 1 for step in steps):
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilations > 1`. "
                f"Received: strides={strides} and dilations={dilations}"
            )
        batch = 1 if input.shape.rank is None else input.shape.rank - count - 1
        return with_space_to_batch(
            input,
            rates,
            padding,
            lambda x, _, padding: conv(x, filters, steps, padding, layout, 1, name),
            filter_shape=filters.shape if filters.shape.is_fully_defined() else shape_of(filters),
            spatial_dims=range(batch + first, batch + first + count),
            data_format=data_format,
        )


def _spatial_numbers(value: Any, count: int, layout: str, what: str) -> list[int]:
    numbers = per_dimension(value, count, layout, what)
    return numbers[2:] if channels_first(layout) else numbers[1:-1]


@export(v1=("nn.convolution",))
def convolution(
    input: Any,
    filter: Any,
    padding: Any,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.convolution`: see `convolution_v2`.

    `filter` is also called `filters`, and `dilation_rate` `dilations`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 5, 5, 1]), tf.ones([2, 2, 1, 3])
    >>> tf.compat.v1.nn.convolution(x, w, "SAME", dilation_rate=[2, 2]).shape
    TensorShape([1, 5, 5, 3])
    """
    filter = renamed("filters", filters, "filter", filter)
    dilation_rate = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    return convolution_v2(input, filter, strides, padding, data_format, dilation_rate, name)


@export("nn.atrous_conv2d")
def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: Any, name: str | None = None
) -> Any:
    """The 2-D convolution with a filter that has holes ("à trous", dilated).

    Args:
      value: [batch, height, width, channels].
      filters: [height, width, channels, filters], of the same dtype.
      rate: the distance between the elements of a filter.
      padding: "SAME" or "VALID".
      name: the name of the node, or the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together.

    References:
      Yu and Koltun, Multi-Scale Context Aggregation by Dilated Convolutions, ICLR 2016.

    >>> import reflow as tf
    >>> tf.nn.atrous_conv2d(tf.ones([1, 5, 5, 1]), tf.ones([2, 2, 1, 3]), 2, "VALID").shape
    TensorShape([1, 3, 3, 3])
    """
    return convolution_v2(value, filters, None, padding, None, [rate, rate], name)


@export("nn.atrous_conv2d_transpose")
def atrous_conv2d_transpose(
    value: Any,
    filters: Any,
    output_shape: Any,
    rate: int,
    padding: str,
    name: str | None = None,
) -> Any:
    """The transpose of `tf.nn.atrous_conv2d`.

    Args:
      value: [batch, height, width, channels].
      filters: [height, width, output channels, channels], of the same dtype.
      output_shape: an int32 vector with 4 elements, the shape of the result.
      rate: the distance between the elements of a filter.
      padding: "SAME" or "VALID": that of the convolution which this is the transpose of.
      name: the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together, or `rate` is not positive.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 4, 1])
    >>> tf.nn.atrous_conv2d_transpose(x, w, [1, 5, 5, 4], 2, "VALID").shape
    TensorShape([1, 5, 5, 4])
    """
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]):
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, name="filters")
        if rate < 1:
            raise ValueError(f"`rate` cannot be less than one. Received: rate={rate}")
        if rate == 1:
            return conv2d_transpose_v2(value, filters, output_shape, [1, 1, 1, 1], padding)
        output_shape = convert_to_tensor(output_shape, int32, name="output_shape")
        if output_shape.shape.is_fully_defined() and output_shape.shape.as_list() != [4]:
            raise ValueError(f"`output_shape` must have 4 elements. Received: {output_shape}")
        known = _known(output_shape)
        sizes = output_shape if known is None else known
        if padding == "SAME":
            kernel = _known(filters.shape)
            if kernel is None:
                kernel = shape_of(filters)
            extra = [(kernel[i] - 1) * rate for i in (0, 1)]
            base = [[each // 2, each - each // 2] for each in extra]
        elif padding == "VALID":
            base = [[0, 0], [0, 0]]
        else:
            raise ValueError(f"`padding` must be 'SAME' or 'VALID'. Received: padding={padding}")
        # The output with its padding is made a multiple of the rate, as in the convolution.
        last = [(rate - (sizes[1 + i] + sum(base[i])) % rate) % rate for i in (0, 1)]
        value = REGISTRY["SpaceToBatchND"](value, [rate, rate], [[0, last[0]], [0, last[1]]])
        depth = filters.shape.sizes[2] if filters.shape.rank is not None else None
        batch = sizes[0] * rate * rate
        whole = [(sizes[1 + i] + sum(base[i]) + last[i]) // rate for i in (0, 1)]
        value = conv2d_backprop_input_op(
            [batch, *whole, sizes[3] if depth is None else depth],
            filters,
            value,
            strides=[1, 1, 1, 1],
            padding="VALID",
        )
        crops = [[base[i][0], base[i][1] + last[i]] for i in (0, 1)]
        return REGISTRY["BatchToSpaceND"](value, [rate, rate], crops)
