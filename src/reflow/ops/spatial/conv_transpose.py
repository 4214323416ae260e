"""Transposed convolutions ("deconvolutions"): `tf.nn.conv2d_transpose` and its kin."""

from __future__ import annotations

from typing import Any

from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.array import renamed
from reflow.ops.spatial.conv import (
    conv2d_backprop_input_op,
    paddings,
    per_dimension,
)
from reflow.ops.spatial.conv3d import conv3d_backprop_input_op
from reflow.ops.spatial.windows import channels_first


@export(v2=("nn.conv2d_transpose",))
def conv2d_transpose_v2(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `tf.nn.conv2d`: what its gradient does to the gradient of its output.

    Args:
      input: [batch, height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width].
      filters: [height, width, output channels, channels], of the same dtype.
      output_shape: an int32 vector, the shape of the result.
      strides: an integer, or a list of 1, 2 or 4 of them.
      padding: "SAME", "VALID", or a list of pairs (before, after) for each of the 4 dimensions: that
        of the convolution which this is the transpose of.
      data_format: "NHWC" or "NCHW".
      dilations: the distance between the elements of a filter, in the form of `strides`.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    References:
      Zeiler et al., Deconvolutional Networks, CVPR 2010.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 3, 1])
    >>> tf.nn.conv2d_transpose(x, w, [1, 4, 4, 3], 2).shape
    TensorShape([1, 4, 4, 3])
    """
    with name_scope(name, "conv2d_transpose", [input, filters, output_shape]) as name:
        data_format = data_format or "NHWC"
        return conv2d_backprop_input_op(
            output_shape,
            filters,
            input,
            strides=per_dimension(strides, 2, data_format, "strides"),
            dilations=per_dimension(dilations, 2, data_format, "dilations"),
            data_format=data_format,
            name=name,
            **paddings(padding),
        )


@export(v1=("nn.conv2d_transpose",))
def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.conv2d_transpose`: see `conv2d_transpose_v2`.

    `value` is also called `input`, and `filter` `filters`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 3, 1])
    >>> tf.compat.v1.nn.conv2d_transpose(x, w, [1, 3, 3, 3], [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 3, 3, 3])
    """
    value = renamed("input", input, "value", value)
    filter = renamed("filters", filters, "filter", filter)
    return conv2d_transpose_v2(
        value, filter, output_shape, strides, padding, data_format, dilations, name
    )


@export(v2=("nn.conv3d_transpose",))
def conv3d_transpose_v2(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `tf.nn.conv3d`: what its gradient does to the gradient of its output.

    Args:
      input: [batch, depth, height, width, channels], or with `data_format="NCDHW"` the channels
        second.
      filters: [depth, height, width, output channels, channels], of the same dtype.
      output_shape: an int32 vector, the shape of the result.
      strides: an integer, or a list of 1, 3 or 5 of them.
      padding: "SAME" or "VALID": that of the convolution which this is the transpose of.
      data_format: "NDHWC" or "NCDHW".
      dilations: the distance between the elements of a filter, in the form of `strides`.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 2, 2, 2, 1]), tf.ones([2, 2, 2, 3, 1])
    >>> tf.nn.conv3d_transpose(x, w, [1, 4, 4, 4, 3], 2).shape
    TensorShape([1, 4, 4, 4, 3])
    """
    with name_scope(name, "conv3d_transpose", [input, filters, output_shape]) as name:
        data_format = data_format or "NDHWC"
        return conv3d_backprop_input_op(
            output_shape,
            filters,
            input,
            strides=per_dimension(strides, 3, data_format, "strides"),
            dilations=per_dimension(dilations, 3, data_format, "dilations"),
            data_format=data_format,
            padding=padding,
            name=name,
        )


@export(v1=("nn.conv3d_transpose",))
def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.conv3d_transpose`: see `conv3d_transpose_v2`.

    `value` is also called `input`, and `filter` `filters`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 2, 2, 2, 1]), tf.ones([2, 2, 2, 3, 1])
    >>> tf.compat.v1.nn.conv3d_transpose(x, w, [1, 4, 4, 4, 3], [1, 2, 2, 2, 1]).shape
    TensorShape([1, 4, 4, 4, 3])
    """
    value = renamed("input", input, "value", value)
    filter = renamed("filters", filters, "filter", filter)
    return conv3d_transpose_v2(
        value, filter, output_shape, strides, padding, data_format, dilations, name
    )


@export("nn.conv1d_transpose")
def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `tf.nn.conv1d`: what its gradient does to the gradient of its output.

    Args:
      input: [batch, width, channels], or with `data_format="NCW"` [batch, channels, width].
      filters: [width, output channels, channels], of the same dtype.
      output_shape: an int32 vector, the shape of the result.
      strides: an integer, or a list of 1 or 3 of them.
      padding: "SAME" or "VALID": that of the convolution which this is the transpose of.
      data_format: "NWC" or "NCW".
      dilations: the distance between the elements of a filter, in the form of `strides`.
      name: the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together, or `data_format` is another.

    >>> import reflow as tf
    >>> x = tf.ones([1, 2, 1])
    >>> print(tf.nn.conv1d_transpose(x, tf.ones([2, 1, 1]), [1, 3, 1], 1, "VALID")[0, :, 0].numpy())
    [1. 2. 1.]
    """
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as name:
        if data_format is None or data_format == "NWC":
            flat, height = "NHWC", 1
        elif data_format == "NCW":
            flat, height = "NCHW", 2
        else:
            raise ValueError(
                f'`data_format` must be "NWC" or "NCW". Received: data_format={data_format}'
            )
        expand = REGISTRY["ExpandDims"]
        input = expand(input, height)
        filters = expand(filters, 0)
        if isinstance(output_shape, (list, tuple)):
            output_shape = list(output_shape)
        first, last = output_shape[:height], output_shape[height:]
        sizes = REGISTRY["ConcatV2"]([first, [1], last], 0, T=int32, name="concat")
        result = conv2d_backprop_input_op(
            sizes,
            filters,
            input,
            strides=[1, *per_dimension(strides, 1, flat, "stride")],
            dilations=[1, *per_dimension(dilations, 1, flat, "dilations")],
            data_format=flat,
            name=name,
            **paddings(padding),
        )
        return REGISTRY["Squeeze"](result, squeeze_dims=[height])


@export("nn.conv_transpose")
def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of a convolution over 1, 2 or 3 spatial dimensions.

    Args:
      input: a tensor of rank 3 to 5, laid out as `data_format` says.
      filters: [spatial..., output channels, channels], of the same dtype.
      output_shape: an int32 vector, the shape of the result; its length says how many spatial
        dimensions there are.
      strides: an integer, or a list of them: see the functions for one number of dimensions.
      padding: "SAME" or "VALID".
      data_format: whether channels are last (by default) or second ("NC...").
      dilations: the distance between the elements of a filter, in the form of `strides`.
      name: the name of the node, or the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together, or there are more than 3 spatial dimensions.

    >>> import reflow as tf
    >>> tf.nn.conv_transpose(tf.ones([1, 2, 1]), tf.ones([2, 3, 1]), [1, 4, 3], 2).shape
    TensorShape([1, 4, 3])
    """
    kinds = (conv1d_transpose, conv2d_transpose_v2, conv3d_transpose_v2)
    with name_scope(name, "conv_transpose", [input, filters, output_shape]) as name:
        if hasattr(output_shape, "shape"):
            count = output_shape.shape[0]
        else:
            count = len(output_shape)
        if count is None or not 3 <= count <= 5:
            raise ValueError(
                "`output_shape` must have 3, 4 or 5 elements, and their number must be known. "
                f"Received: output_shape={output_shape}"
            )
        if data_format is None:
            data_format = ("NWC", "NHWC", "NDHWC")[count - 3]
        elif channels_first(data_format):
            data_format = ("NCW", "NCHW", "NCDHW")[count - 3]
        call = kinds[count - 3]
        return call(
            input, filters, output_shape, strides, padding, data_format, dilations, name=name
        )
