"""The public functions of pooling: `tf.nn.max_pool`, `tf.nn.avg_pool`, `tf.nn.pool` and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.array import renamed
from reflow.ops.spatial.conv import paddings, per_dimension
from reflow.ops.spatial.convolution import with_space_to_batch
from reflow.ops.spatial.pool import (
    avg_pool3d_op,
    avg_pool_op,
    max_pool3d_op,
    max_pool_op,
    max_pool_with_argmax_op,
)
from reflow.ops.spatial.windows import channels_first

_LAYOUTS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


def _attrs(
    ksize: Any, strides: Any, padding: Any, data_format: str | None, count: int
) -> dict[str, Any]:
    data_format = data_format or _LAYOUTS[count][0]
    attrs = paddings(padding, count + 2)
    attrs.update(
        ksize=per_dimension(ksize, count, data_format, "ksize"),
        strides=per_dimension(strides, count, data_format, "strides"),
        data_format=data_format,
    )
    return attrs


def _over_space(kind: str, input: Any, ksize: Any, strides: Any, padding: Any, data_format, name):
    """The pooling for the number of spatial dimensions that the input, or the format, says."""
    if data_format is not None:
        count = len(data_format) - 2
    else:
        if not hasattr(getattr(input, "shape", None), "rank"):
            input = convert_to_tensor(input, name="input")
        count = 2 if input.shape.rank is None else input.shape.rank - 2
    if count not in (1, 2, 3):
        raise ValueError(
            f"`input` must be of rank 3, 4 or 5. Received: input={input}, data_format={data_format}"
        )
    functions = (avg_pool1d, avg_pool2d, avg_pool3d)
    if kind == "MAX":
        functions = (max_pool1d, max_pool2d, max_pool3d)
    layout = data_format or _LAYOUTS[count][0]
    if kind == "AVG" and count == 2:  # TensorFlow names this node otherwise than avg_pool2d does
        return avg_pool_op(input, name=name, **_attrs(ksize, strides, padding, layout, 2))
    return functions[count - 1](input, ksize, strides, padding, layout, name=name)


@export(v1=("nn.max_pool_v2",), v2=("nn.max_pool",))
def max_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Any:
    """The largest element of each window, over 1, 2 or 3 spatial dimensions.

    Args:
      input: a tensor of rank 3 to 5, [batch, spatial..., channels] or as `data_format` says.
      ksize: the size of the windows: an integer, or a list of one per spatial dimension, or per
        dimension.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME", "VALID", or for images a list of pairs (before, after) for each dimension.
      data_format: "NWC", "NHWC" or "NDHWC", or the same with the channels second.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> print(tf.nn.max_pool(x, 2, 2, "VALID")[0, :, :, 0].numpy())
    [[ 5.  7.]
     [13. 15.]]
    """
    return _over_space("MAX", input, ksize, strides, padding, data_format, name)


@export(v1=("nn.max_pool",))
def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """TF 1's `tf.nn.max_pool`, of images only: see `max_pool_v2`; `value` is also called `input`.

    >>> import reflow as tf
    >>> tf.compat.v1.nn.max_pool(tf.ones([1, 4, 4, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "SAME").shape
    TensorShape([1, 2, 2, 1])
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "MaxPool", [value]) as name:
        return max_pool_op(value, name=name, **_attrs(ksize, strides, padding, data_format, 2))


@export("nn.max_pool2d")
def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """The largest element of each window of images.

    Args:
      input: [batch, height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width].
      ksize, strides, padding: see `max_pool`.
      data_format: "NHWC" or "NCHW".
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.max_pool2d(tf.ones([1, 5, 5, 2]), 3, 2, "SAME").shape
    TensorShape([1, 3, 3, 2])
    """
    with name_scope(name, "MaxPool2d", [input]) as name:
        return max_pool_op(input, name=name, **_attrs(ksize, strides, padding, data_format, 2))


def _over_sequence(pool, scope, input, ksize, strides, padding, data_format, name):
    """A pooling of sequences, as one of images of height 1."""
    with name_scope(name, scope, [input]) as name:
        layout = data_format or "NWC"
        if isinstance(padding, (list, tuple)):
            raise ValueError("Explicit padding is not supported for 1-D pooling.")
        ksize = [1, *per_dimension(ksize, 1, layout, "ksize")]
        strides = [1, *per_dimension(strides, 1, layout, "strides")]
        at, flat = (2, "NCHW") if channels_first(layout) else (1, "NHWC")
        input = REGISTRY["ExpandDims"](input, at)
        result = pool(
            input, ksize=ksize, strides=strides, padding=padding, data_format=flat, name=name
        )
        return REGISTRY["Squeeze"](result, squeeze_dims=[at])


@export("nn.max_pool1d")
def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NWC",
    name: str | None = None,
) -> Any:
    """The largest element of each window of sequences.

    Args:
      input: [batch, width, channels], or with `data_format="NCW"` [batch, channels, width].
      ksize: the size of the windows: an integer, or a list of 1 or 3 of them.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME" or "VALID".
      data_format: "NWC" or "NCW".
      name: the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x = tf.constant([[[1.0], [3.0], [2.0]]])
    >>> print(tf.nn.max_pool1d(x, 2, 1, "VALID")[0, :, 0].numpy())
    [3. 3.]
    """
    return _over_sequence(
        max_pool_op, "MaxPool1d", input, ksize, strides, padding, data_format, name
    )


@export("nn.max_pool3d")
def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Any:
    """The largest element of each window of volumes.

    Args:
      input: [batch, depth, height, width, channels], or with `data_format="NCDHW"` the channels
        second; 16- or 32-bit floating-point.
      ksize: the size of the windows: an integer, or a list of 1, 3 or 5 of them.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME" or "VALID".
      data_format: "NDHWC" or "NCDHW".
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.max_pool3d(tf.ones([1, 4, 4, 4, 1]), 2, 2, "VALID").shape
    TensorShape([1, 2, 2, 2, 1])
    """
    with name_scope(name, "MaxPool3D", [input]) as name:
        return max_pool3d_op(input, name=name, **_attrs(ksize, strides, padding, data_format, 3))


@export(v2=("nn.max_pool_with_argmax",))
def max_pool_with_argmax_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    output_dtype: Any = int64,
    include_batch_in_index: bool = False,
    name: str | None = None,
) -> Any:
    """The largest element of each window of images, and where it is.

    Args:
      input: [batch, height, width, channels].
      ksize, strides: an integer, or a list of 1, 2 or 4 of them.
      padding: "SAME" or "VALID".
      data_format: "NHWC".
      output_dtype: int32 or int64, of the places.
      include_batch_in_index: whether a place is one in the flat batch, rather than in the flat image.
      name: the name of the node.

    Returns:
      A pair: the elements, and their places `(y * width + x) * channels + channel`.

    Raises:
      ValueError: if the shapes do not fit together, or `data_format` is another.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.constant([1.0, 4.0, 3.0, 2.0]), [1, 2, 2, 1])
    >>> print(tf.nn.max_pool_with_argmax(x, 2, 2, "VALID").argmax.numpy().ravel())
    [1]
    """
    if data_format != "NHWC":
        raise ValueError(f"`data_format` values other than 'NHWC' are not supported: {data_format}")
    return max_pool_with_argmax_op(
        input,
        ksize=per_dimension(ksize, 2, "NHWC", "ksize"),
        strides=per_dimension(strides, 2, "NHWC", "strides"),
        padding=padding,
        Targmax=as_dtype(output_dtype),
        include_batch_in_index=include_batch_in_index,
        name=name,
    )


@export(v1=("nn.max_pool_with_argmax",))
def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> Any:
    """TF 1's `tf.nn.max_pool_with_argmax`: `Targmax` is also called `output_dtype`.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.constant([1.0, 4.0, 3.0, 2.0]), [1, 2, 2, 1])
    >>> y = tf.compat.v1.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    >>> print(y.argmax.numpy().ravel())
    [1]
    """
    dtype = renamed("output_dtype", output_dtype, "Targmax", Targmax)
    return max_pool_with_argmax_v2(
        input,
        ksize,
        strides,
        padding,
        data_format,
        int64 if dtype is None else dtype,
        include_batch_in_index,
        name,
    )


@export(v1=("nn.avg_pool_v2",), v2=("nn.avg_pool",))
def avg_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Any:
    """The mean of each window, over 1, 2 or 3 spatial dimensions; padding does not count.

    Args:
      input: a floating-point tensor of rank 3 to 5, [batch, spatial..., channels] or as
        `data_format` says.
      ksize: the size of the windows: an integer, or a list of one per spatial dimension, or per
        dimension.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME" or "VALID".
      data_format: "NWC", "NHWC" or "NDHWC", or the same with the channels second.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> print(tf.nn.avg_pool(x, 2, 2, "VALID")[0, :, :, 0].numpy())
    [[ 2.5  4.5]
     [10.5 12.5]]
    """
    return _over_space("AVG", input, ksize, strides, padding, data_format, name)


@export(v1=("nn.avg_pool", "nn.avg_pool2d"))
def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """TF 1's `tf.nn.avg_pool`, of images only: see `avg_pool_v2`; `value` is also called `input`.

    >>> import reflow as tf
    >>> tf.compat.v1.nn.avg_pool(tf.ones([1, 4, 4, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "SAME").shape
    TensorShape([1, 2, 2, 1])
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "AvgPool", [value]) as name:
        return avg_pool_op(value, name=name, **_attrs(ksize, strides, padding, data_format, 2))


@export(v2=("nn.avg_pool2d",))
def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """The mean of each window of images; padding does not count.

    Args:
      input: [batch, height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width]; floating-point.
      ksize, strides, padding: see `avg_pool`.
      data_format: "NHWC" or "NCHW".
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.avg_pool2d(tf.ones([1, 5, 5, 2]), 3, 2, "SAME").shape
    TensorShape([1, 3, 3, 2])
    """
    with name_scope(name, "AvgPool2D", [input]) as name:
        return avg_pool_op(input, name=name, **_attrs(ksize, strides, padding, data_format, 2))


@export("nn.avg_pool1d")
def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NWC",
    name: str | None = None,
) -> Any:
    """The mean of each window of sequences; padding does not count.

    Args:
      input: [batch, width, channels], or with `data_format="NCW"` [batch, channels, width];
        floating-point.
      ksize: the size of the windows: an integer, or a list of 1 or 3 of them.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME" or "VALID".
      data_format: "NWC" or "NCW".
      name: the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> x = tf.constant([[[1.0], [3.0], [2.0]]])
    >>> print(tf.nn.avg_pool1d(x, 2, 1, "VALID")[0, :, 0].numpy())
    [2.  2.5]
    """
    return _over_sequence(
        avg_pool_op, "AvgPool1D", input, ksize, strides, padding, data_format, name
    )


@export("nn.avg_pool3d")
def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Any:
    """The mean of each window of volumes; padding does not count.

    Args:
      input: [batch, depth, height, width, channels], or with `data_format="NCDHW"` the channels
        second; floating-point.
      ksize: the size of the windows: an integer, or a list of 1, 3 or 5 of them.
      strides: how far the windows lie apart, in the same form.
      padding: "SAME" or "VALID".
      data_format: "NDHWC" or "NCDHW".
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.avg_pool3d(tf.ones([1, 4, 4, 4, 1]), 2, 2, "VALID").shape
    TensorShape([1, 2, 2, 2, 1])
    """
    with name_scope(name, "AvgPool3D", [input]) as name:
        return avg_pool3d_op(input, name=name, **_attrs(ksize, strides, padding, data_format, 3))


@export(v2=("nn.pool",))
def pool_v2(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Sequence[int] | None = None,
    name: str | None = None,
) -> Any:
    """The mean or the largest element of each window, over 1, 2 or 3 spatial dimensions.

    Args:
      input: a tensor, [batch, spatial..., channels], or with a `data_format` that begins with "NC"
        [batch, channels, spatial...].
      window_shape: the size of the windows, an integer per spatial dimension.
      pooling_type: "AVG" or "MAX".
      strides: how far the windows lie apart, an integer per spatial dimension; 1 by default.
      padding: "SAME" or "VALID".
      data_format: the layout of `input`.
      dilations: the distance between the elements of a window, an integer per spatial dimension. If
        one is not 1, the strides must be, and the padding "VALID".
      name: the name of the node, or the scope of the nodes.

    Raises:
      ValueError: if the arguments do not fit together.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(5.0), [1, 5, 1])
    >>> print(tf.nn.pool(x, [2], "AVG", dilations=[2])[0, :, 0].numpy())
    [1. 2. 3.]
    """
    count = len(window_shape)
    scope = "avg_pool" if pooling_type == "AVG" else "max_pool"
    with name_scope(name, scope, [input]) as name:
        input = convert_to_tensor(input, name="input")
        if count not in (1, 2, 3):
            raise ValueError(
                f"`len(window_shape)` must be 1, 2, or 3. Received: window_shape={window_shape}"
            )
        if pooling_type not in ("AVG", "MAX"):
            raise ValueError(f"{count}-D {pooling_type} pooling is not supported.")
        input.shape.with_rank(count + 2)
        strides = [1] * count if strides is None else list(strides)
        rates = [1] * count if dilations is None else list(dilations)
        for what, numbers in (("strides", strides), ("dilations", rates)):
            if len(numbers) != count or min(numbers) < 1:
                raise ValueError(f"`{what}` must be {count} positive numbers. Received: {numbers}")
        dilated = any(rate > 1 for rate in rates)
        if dilated and max(strides) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={strides} and dilation_rate={rates}"
            )
        if dilated and padding == "SAME":
            raise ValueError(
                "pooling with 'SAME' padding is not implemented for `dilation_rate` > 1. "
                f"Received: padding={padding} and dilation_rate={rates}"
            )
        if any(s > w for s, w in zip(strides, window_shape)):
            raise ValueError(
                f"`strides` > `window_shape` not supported. Received: strides={strides} and "
                f"window_shape={list(window_shape)}"
            )
        first = data_format is not None and channels_first(data_format)
        layout = _LAYOUTS[count][first]
        call = {
            ("MAX", 1): max_pool1d, ("MAX", 2): max_pool2d, ("MAX", 3): max_pool3d,
            ("AVG", 1): avg_pool1d, ("AVG", 2): avg_pool2d, ("AVG", 3): avg_pool3d,
        }[pooling_type, count]  # fmt: skip
        return with_space_to_batch(
            input,
            rates,
            padding,
            lambda x, _, padding: call(x, list(window_shape), strides, padding, layout, name=name),
            filter_shape=window_shape,
            spatial_dims=range(1 + first, 1 + first + count),
        )


@export(v1=("nn.pool",))
def pool(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    padding: str,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.pool`: see `pool_v2`; `dilation_rate` is also called `dilations`.

    >>> import reflow as tf
    >>> tf.compat.v1.nn.pool(tf.ones([1, 4, 4, 1]), [2, 2], "MAX", "SAME").shape
    TensorShape([1, 4, 4, 1])
    """
    rates = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    return pool_v2(input, window_shape, pooling_type, strides, padding, data_format, rates, name)
