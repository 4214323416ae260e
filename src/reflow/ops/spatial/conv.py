"""Convolutions of images and sequences: Conv2D, its gradients and functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value_as_shape
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.spatial import conv_kernels
from reflow.ops.spatial.conv_kernels import Geometry, geometry_of
from reflow.ops.spatial.windows import (
    Windows,
    channels_first,
    known_sizes,
    sizes_back,
    sizes_last,
    windowed_shape,
    windows_of,
)

# What all ranks share ------------------------------------------------------------------------------


def _check(xp: Any, name: str, x: Any, w: Any, rank: int) -> None:
    for what, array in (("input", x), ("filter", w)):
        if len(array.shape) != rank:
            raise errors.InvalidArgumentError(
                None, None, f"{name}: {what} must be {rank}-dimensional: {list(array.shape)}"
            )


def _check_depths(depth: Any, w_depth: Any, filters: Any) -> None:
    """Raises unless the channels of an input and the filters can be divided into groups."""
    if not depth or not w_depth:
        return
    if depth % w_depth:
        raise ValueError(
            f"Depth of input ({depth}) is not a multiple of input depth of filter ({w_depth})"
        )
    if filters is not None and filters % (depth // w_depth):
        raise ValueError(
            f"Depth of output ({filters}) is not a multiple of the number of groups "
            f"({depth // w_depth})"
        )


def convolve(xp: Any, name: str, x: Any, w: Any, windows: Windows, data_format: str) -> Any:
    """The lowering of a convolution."""
    _check(xp, name, x, w, len(windows.strides) + 2)
    _, *inner, depth = sizes_last(x.shape, data_format)
    _check_depths(depth, w.shape[-2], w.shape[-1])
    geometry = geometry_of(windows, tuple(inner), w.shape[:-2])
    if channels_first(data_format):
        return conv_kernels.forward_channels_first(xp, x, w, geometry)
    return conv_kernels.forward(xp, x, w, geometry)


def _check_given(
    name: str, given: tuple[int, ...], batch: int, geometry: Geometry, filters: int
) -> None:
    """Raises unless the gradient's shape, channels last, is that of the convolution's output."""
    wanted = (batch, *geometry.outputs, filters)
    if given != wanted:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{name}: Size of out_backprop doesn't match computed: actual = {list(given)}, "
            f"computed = {list(wanted)}",
        )


def to_input(
    xp: Any, name: str, input_sizes: Any, w: Any, dy: Any, windows: Windows, data_format: str
) -> Any:
    """The lowering of the gradient of a convolution with respect to its input."""
    rank = len(windows.strides) + 2
    _check(xp, name, dy, w, rank)
    sizes = [int(n) for n in input_sizes]
    if len(sizes) == rank - 2:  # the spatial sizes alone
        sizes = list(sizes_back((dy.shape[0], *sizes, w.shape[-2]), data_format))
    if len(sizes) != rank:
        raise errors.InvalidArgumentError(
            None, None, f"{name}: input_sizes must have {rank} numbers, got {sizes}"
        )
    batch, *inner, depth = sizes_last(sizes, data_format)
    _check_depths(depth, w.shape[-2], w.shape[-1])
    geometry = geometry_of(windows, tuple(inner), w.shape[:-2])
    _check_given(name, sizes_last(dy.shape, data_format), batch, geometry, w.shape[-1])
    if channels_first(data_format):
        return conv_kernels.input_gradient_channels_first(xp, depth, w, dy, geometry)
    return conv_kernels.input_gradient(xp, depth, w, dy, geometry)


def to_filter(
    xp: Any, name: str, x: Any, filter_sizes: Any, dy: Any, windows: Windows, data_format: str
) -> Any:
    """The lowering of the gradient of a convolution with respect to its filter."""
    rank = len(windows.strides) + 2
    _check(xp, name, x, dy, rank)
    sizes = [int(n) for n in filter_sizes]
    if len(sizes) != rank:
        raise errors.InvalidArgumentError(
            None, None, f"{name}: filter_sizes must have {rank} numbers, got {sizes}"
        )
    batch, *inner, channels = sizes_last(x.shape, data_format)
    *kernel, depth, filters = sizes
    _check_depths(channels, depth, filters)
    geometry = geometry_of(windows, tuple(inner), tuple(kernel))
    _check_given(name, sizes_last(dy.shape, data_format), batch, geometry, filters)
    if channels_first(data_format):
        return conv_kernels.filter_gradient_channels_first(xp, x, depth, dy, geometry)
    return conv_kernels.filter_gradient(xp, x, depth, dy, geometry)


def forward_shape(x: Any, w: Any, windows: Windows, data_format: str) -> Any:
    rank = len(windows.strides) + 2
    *kernel, depth, filters = known_sizes(w, rank, "filter")
    given = x._shape._dims
    if given is not None and len(given) == rank:
        _check_depths(sizes_last(given, data_format)[-1], depth, filters)
    return windowed_shape(x, kernel, filters, windows, data_format, "input")


def to_input_shape(sizes: Any, w: Any, dy: Any, rank: int, data_format: str) -> Any:
    known = constant_value_as_shape(sizes)
    batch = known_sizes(dy, rank, "out_backprop")[0]
    if known.rank is None or (None in known._dims and known.rank == rank):
        return shapes.of((batch,) + (None,) * (rank - 1)).merge_with(known)
    if known.rank == rank - 2:
        depth = known_sizes(w, rank, "filter")[-2]
        return sizes_back((batch, *known._dims, depth), data_format)
    return known


def to_filter_shape(sizes: Any, rank: int) -> Any:
    known = constant_value_as_shape(sizes)
    return shapes.unknown_shape(rank) if known.rank is None else known


def shape_of(x: Any) -> Any:
    """The op Shape of `x`."""
    return REGISTRY["Shape"](x)


# Conv2D -------------------------------------------------------------------------------------------

_ATTRS_2D = (
    "strides: list(int), use_cudnn_on_gpu: bool = True, padding: string{SAME,VALID,EXPLICIT},"
    " explicit_paddings: list(int) = [], data_format: string{NHWC,NCHW} = 'NHWC',"
    " dilations: list(int) = [1, 1, 1, 1]"
)
_FLOAT_OR_INT = FLOAT | {int32}
_ATTR_NAMES_2D = (
    "strides", "use_cudnn_on_gpu", "padding", "explicit_paddings", "data_format", "dilations",
)  # fmt: skip


def same_attrs(op: Any, names: Sequence[str]) -> dict[str, Any]:
    """The attributes of a node, for another node like it."""
    return {name: op.attrs[name] for name in names}


@op(f"Conv2D(input: T, filter: T, *, {_ATTRS_2D}) -> output: T", T=_FLOAT_OR_INT)
def conv2d_op(xp, input, filter, *, strides, padding, explicit_paddings, data_format, dilations):
    """The convolution of images [batch, height, width, channels] with a filter.

    The filter is [height, width, channels, filters]. https://www.tensorflow.org/api_docs/python/tf/nn/conv2d
    """
    windows = windows_of("Conv2D", strides, padding, data_format, dilations, explicit_paddings)
    return convolve(xp, "Conv2D", input, filter, windows, data_format)


@conv2d_op.shape_rule
def _conv2d_shape(input, filter, *, strides, padding, explicit_paddings, data_format, dilations):
    windows = windows_of("Conv2D", strides, padding, data_format, dilations, explicit_paddings)
    return forward_shape(input, filter, windows, data_format)


@conv2d_op.gradient_rule
def _conv2d_grad(op, g, input, filter):
    attrs = same_attrs(op, _ATTR_NAMES_2D)
    input_shape, filter_shape = REGISTRY["ShapeN"]([input, filter])
    return (
        lambda: conv2d_backprop_input_op(input_shape, filter, g, **attrs),
        lambda: conv2d_backprop_filter_op(input, filter_shape, g, **attrs),
    )


@op(
    f"Conv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T, *, {_ATTRS_2D}) -> output: T",
    T=_FLOAT_OR_INT,
    static=("input_sizes",),
)
def conv2d_backprop_input_op(
    xp, input_sizes, filter, out_backprop, *, strides, padding, explicit_paddings, data_format,
    dilations,
):  # fmt: skip
    """The gradient of Conv2D with respect to its input; also its transpose."""
    name = "Conv2DBackpropInput"
    windows = windows_of(name, strides, padding, data_format, dilations, explicit_paddings)
    return to_input(xp, name, input_sizes, filter, out_backprop, windows, data_format)


@conv2d_backprop_input_op.shape_rule
def _conv2d_backprop_input_shape(input_sizes, filter, out_backprop, *, data_format):
    return to_input_shape(input_sizes, filter, out_backprop, 4, data_format)


@conv2d_backprop_input_op.gradient_rule
def _conv2d_backprop_input_grad(op, g, filter, out_backprop):
    attrs = same_attrs(op, _ATTR_NAMES_2D)
    return (
        None,
        conv2d_backprop_filter_op(g, shape_of(filter), out_backprop, **attrs),
        conv2d_op(g, filter, **attrs),
    )


@op(
    f"Conv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T, *, {_ATTRS_2D}) -> output: T",
    T=FLOAT,
    static=("filter_sizes",),
)
def conv2d_backprop_filter_op(
    xp, input, filter_sizes, out_backprop, *, strides, padding, explicit_paddings, data_format,
    dilations,
):  # fmt: skip
    """The gradient of Conv2D with respect to its filter."""
    name = "Conv2DBackpropFilter"
    windows = windows_of(name, strides, padding, data_format, dilations, explicit_paddings)
    return to_filter(xp, name, input, filter_sizes, out_backprop, windows, data_format)


@conv2d_backprop_filter_op.shape_rule
def _conv2d_backprop_filter_shape(input, filter_sizes, out_backprop):
    return to_filter_shape(filter_sizes, 4)


@conv2d_backprop_filter_op.gradient_rule
def _conv2d_backprop_filter_grad(op, g, input, out_backprop):
    attrs = same_attrs(op, _ATTR_NAMES_2D)
    return (
        conv2d_backprop_input_op(shape_of(input), g, out_backprop, **attrs),
        None,
        conv2d_op(input, g, **attrs),
    )


# What the functions share --------------------------------------------------------------------------


def per_dimension(value: Any, count: int, data_format: str, what: str) -> list[int]:
    """One number per dimension of a tensor with `count` spatial ones.

    Args:
      value: an integer for all spatial dimensions, or a list of 1, `count` or `count` + 2 of them.

    Raises:
      ValueError: if the list has another length.
    """
    if value is None:
        return [1] * (count + 2)
    values = list(value) if hasattr(value, "__len__") or hasattr(value, "__iter__") else [value]
    if len(values) == count + 2:
        return values
    if len(values) == 1:
        values = values * count
    if len(values) != count:
        raise ValueError(
            f"`{what}` should be of length 1, {count} or {count + 2}. "
            f"Received: {what}={value} of length {len(values)}"
        )
    return list(sizes_back((1, *values, 1), data_format))


def paddings(padding: Any, rank: int = 4) -> dict[str, Any]:
    """The attributes that say how to pad: `padding` is a name, or a list of pairs for every dimension.

    Raises:
      ValueError: if it is a list that is not of this form.
    """
    if padding == "EXPLICIT":
        raise ValueError(
            '"EXPLICIT" is not a valid value for `padding`: pass the explicit paddings as a list.'
        )
    if not isinstance(padding, (list, tuple)):
        return {"padding": padding}
    flat: list[int] = []
    for i, pair in enumerate(padding):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(
                f"Each element of `padding` must be a pair (before, after). Received: "
                f"padding[{i}]={pair!r}"
            )
        flat.extend(pair)
    if len(padding) != rank:
        raise ValueError(
            f"When `padding` is a list, it must have {rank} elements. "
            f"Received: padding={padding!r} of length {len(padding)}"
        )
    return {"padding": "EXPLICIT", "explicit_paddings": flat}


def over_outer_dims(x: Any, call: Callable[[Any], Any], inner_rank: int, name: str | None) -> Any:
    """`call(x)` where `x` may have more than one batch dimension: they are one for `call`."""
    sizes = x.shape.sizes
    with name_scope(name, "squeeze_batch_dims", [x]):
        inner, outer = sizes[-inner_rank:], sizes[:-inner_rank]
        at = len(outer)
        inner_shape = inner if None not in inner else _part(shape_of(x), at, None)
        reshape, concat = REGISTRY["Reshape"], REGISTRY["ConcatV2"]
        if None not in inner:
            merged = reshape(x, [-1, *inner])
        else:
            merged = reshape(x, concat([[-1], inner_shape], 0))
        result = call(merged)
        got = result.shape.sizes[1:] if result.shape.rank is not None else (None,)
        got_shape = list(got) if None not in got else _part(shape_of(result), 1, None)
        outer_shape = list(outer) if None not in outer else _part(shape_of(x), 0, at)
        return reshape(result, concat([outer_shape, got_shape], 0, name="concat"))


def _part(vector: Any, begin: int, end: int | None) -> Any:
    return vector[begin:end]


def convolution_of(
    conv: Callable, x: Any, w: Any, rank: int, name: str | None, attrs: dict[str, Any]
) -> Any:
    """The convolution op `conv`, also where `x` has more than one batch dimension."""
    if not hasattr(getattr(x, "shape", None), "rank"):
        x = convert_to_tensor(x, name="input")
    if x.shape.rank in (None, rank):
        return conv(x, w, name=name, **attrs)
    x = convert_to_tensor(x)
    return over_outer_dims(x, lambda merged: conv(merged, w, **attrs), rank - 1, name)


# Public functions ----------------------------------------------------------------------------------


@export(v2=("nn.conv2d",))
def conv2d_v2(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The 2-D convolution of images with filters.

    Args:
      input: [batch..., height, width, channels], or with `data_format="NCHW"`
        [batch, channels, height, width].
      filters: [height, width, channels per group, filters], of the same dtype.
      strides: an integer, or a list of 1, 2 or 4 of them.
      padding: "SAME", "VALID", or a list of pairs (before, after) for each of the 4 dimensions.
      data_format: "NHWC" or "NCHW".
      dilations: the distance between the elements of a filter, in the form of `strides`.
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> tf.nn.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([2, 2, 1, 3]), 2, "SAME").shape
    TensorShape([1, 2, 2, 3])
    """
    return _conv2d(input, filters, strides, padding, data_format, dilations, name)


def _conv2d(input, filters, strides, padding, data_format, dilations, name, cudnn=True):
    data_format = data_format or "NHWC"
    attrs = {
        "strides": per_dimension(strides, 2, data_format, "strides"),
        "dilations": per_dimension(dilations, 2, data_format, "dilations"),
        "data_format": data_format,
        "use_cudnn_on_gpu": cudnn,
        **paddings(padding),
    }
    return convolution_of(conv2d_op, input, filters, 4, name, attrs)


@export(v1=("nn.conv2d",))
def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """TF 1's `tf.nn.conv2d`: see `conv2d_v2`; `filter` is also called `filters`.

    >>> import reflow as tf
    >>> x, w = tf.ones([1, 4, 4, 1]), tf.ones([2, 2, 1, 3])
    >>> tf.compat.v1.nn.conv2d(x, w, [1, 1, 1, 1], "VALID").shape
    TensorShape([1, 3, 3, 3])
    """
    filter = renamed("filters", filters, "filter", filter)
    return _conv2d(input, filter, strides, padding, data_format, dilations, name, use_cudnn_on_gpu)


@export(v1=("nn.conv2d_backprop_input",))
def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """The gradient of `tf.nn.conv2d` with respect to its input.

    Args:
      input_sizes: an int32 vector, the shape of the input.
      filter, strides, padding, data_format, dilations: those of the convolution.
      out_backprop: the gradient of the output, of its shape.
      use_cudnn_on_gpu: kept in the graph.
      name: the name of the node.

    >>> import reflow as tf
    >>> g = tf.compat.v1.nn.conv2d_backprop_input(
    ...     [1, 2, 2, 1], tf.ones([1, 1, 1, 3]), tf.ones([1, 2, 2, 3]), [1, 1, 1, 1], "SAME")
    >>> print(g[0, :, :, 0].numpy())
    [[3. 3.]
     [3. 3.]]
    """
    return conv2d_backprop_input_op(
        input_sizes,
        renamed("filters", filters, "filter", filter),
        out_backprop,
        strides=strides,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **paddings(padding),
    )


@export(v1=("nn.conv2d_backprop_filter",))
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """The gradient of `tf.nn.conv2d` with respect to its filter.

    Args:
      input, strides, padding, data_format, dilations: those of the convolution.
      filter_sizes: an int32 vector, the shape of the filter.
      out_backprop: the gradient of the output, of its shape.
      use_cudnn_on_gpu: kept in the graph.
      name: the name of the node.

    >>> import reflow as tf
    >>> g = tf.compat.v1.nn.conv2d_backprop_filter(
    ...     tf.ones([1, 2, 2, 1]), [1, 1, 1, 1], tf.ones([1, 2, 2, 1]), [1, 1, 1, 1], "SAME")
    >>> print(g.numpy().ravel())
    [4.]
    """
    return conv2d_backprop_filter_op(
        input,
        filter_sizes,
        out_backprop,
        strides=strides,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=list(dilations),
        name=name,
        **paddings(padding),
    )


@export(v2=("nn.conv1d",))
def conv1d_v2(
    input: Any,
    filters: Any,
    stride: Any,
    padding: str,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The 1-D convolution of sequences with filters.

    Args:
      input: [batch..., width, channels], or with `data_format="NCW"` [batch, channels, width].
      filters: [width, channels per group, filters], of the same dtype.
      stride: an integer, or a list of 1 or 3 of them.
      padding: "SAME" or "VALID".
      data_format: "NWC" or "NCW".
      dilations: the distance between the elements of a filter, in the form of `stride`.
      name: the scope of the nodes.

    Raises:
      ValueError: if the shapes do not fit together, or `data_format` is another.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.range(4.0), [1, 4, 1])
    >>> print(tf.nn.conv1d(x, tf.ones([2, 1, 1]), 1, "VALID")[0, :, 0].numpy())
    [1. 3. 5.]
    """
    return _conv1d(input, filters, stride, padding, data_format, dilations, name)


@export(v1=("nn.conv1d",))
def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Any:
    """TF 1's `tf.nn.conv1d`: see `conv1d_v2`; `value` is also called `input`.

    >>> import reflow as tf
    >>> tf.compat.v1.nn.conv1d(tf.ones([1, 4, 1]), tf.ones([2, 1, 5]), 1, "SAME").shape
    TensorShape([1, 4, 5])
    """
    value = renamed("input", input, "value", value)
    return _conv1d(value, filters, stride, padding, data_format, dilations, name, use_cudnn_on_gpu)


def _conv1d(value, filters, stride, padding, data_format, dilations, name, cudnn=None):
    with name_scope(name, "conv1d", [value, filters]) as name:
        flat = _format_2d(data_format)
        height = -2 if channels_first(flat) else -3
        expand = REGISTRY["ExpandDims"]
        value = expand(value, height)
        filters = expand(filters, 0)
        attrs = {
            "strides": [1, *per_dimension(stride, 1, flat, "stride")],
            "dilations": [1, *per_dimension(dilations, 1, flat, "dilations")],
            "data_format": flat,
            "use_cudnn_on_gpu": True if cudnn is None else cudnn,
            **paddings(padding),
        }
        result = convolution_of(conv2d_op, value, filters, 4, name, attrs)
        return REGISTRY["Squeeze"](result, squeeze_dims=[height])


def _format_2d(data_format: str | None) -> str:
    """The format of images that stands for one of sequences.

    Raises:
      ValueError: if it is no format of sequences.
    """
    if data_format in (None, "NWC", "NHWC"):
        return "NHWC"
    if data_format in ("NCW", "NCHW"):
        return "NCHW"
    raise ValueError(f'`data_format` must be "NWC" or "NCW". Received: data_format={data_format}')
