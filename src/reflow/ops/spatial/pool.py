"""Poolings over space: MaxPool, AvgPool, their 3-D and argmax kin, and their gradients."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.dtypes import FLOAT, REAL, bfloat16, float16, float32, uint32, uint64
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.ops.define import op
from reflow.ops.spatial import pool_kernels
from reflow.ops.spatial.conv_kernels import Geometry, geometry_of
from reflow.ops.spatial.windows import (
    channels_back,
    channels_first,
    channels_last,
    known_sizes,
    sizes_back,
    sizes_last,
    spatial,
    windowed_shape,
    windows_of,
)

# A pooling ----------------------------------------------------------------------------------------


class Pooling:
    """The windows that the attributes of a node say, and how tensors are brought into their form.

    Maxima may also be taken over the channels instead of over space: these are then one more spatial
    dimension, of an image with one channel.
    """

    def __init__(
        self,
        op: str,
        ksize: Sequence[int],
        strides: Sequence[int],
        padding: str,
        data_format: str,
        explicit_paddings: Sequence[int] = (),
        over_depth: bool = False,
    ):
        self.op = op
        self.data_format = data_format
        self.rank = len(ksize)
        if len(strides) != len(ksize):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{op}: ksize {list(ksize)} and strides {list(strides)} differ in length",
            )
        depth = 1 if channels_first(data_format) else self.rank - 1
        self.over_depth = over_depth and ksize[depth] > 1
        if not self.over_depth:
            self.kernel = spatial(ksize, data_format, "ksize", op)
            self.windows = windows_of(
                op, strides, padding, data_format, explicit_paddings=explicit_paddings
            )
            return
        outer = [v for values in (ksize, strides) for i, v in enumerate(values) if i != depth]
        if any(v != 1 for v in outer):
            raise errors.UnimplementedError(
                None,
                None,
                "MaxPooling supports exactly one of pooling across depth or pooling across "
                "width/height.",
            )
        if strides[depth] != ksize[depth]:
            raise errors.UnimplementedError(
                None,
                None,
                "Depthwise max pooling requires the depth window to equal the depth stride.",
            )
        last = sizes_last(ksize, data_format)
        self.kernel = last[1:]
        self.windows = windows_of(op, (1, *last[1:], 1), padding, "N" + "x" * (self.rank - 1) + "C")

    def shape(self, x: Any) -> Any:
        """The static shape of the result for `x`."""
        if not self.over_depth:
            sizes = known_sizes(x, self.rank, "input")
            channels = sizes_last(sizes, self.data_format)[-1]
            return windowed_shape(x, self.kernel, channels, self.windows, self.data_format, "input")
        sizes = sizes_last(known_sizes(x, self.rank, "input"), self.data_format)
        outputs = self.windows.output_sizes(sizes[1:], self.kernel)
        return shapes.of(sizes_back((sizes[0], *outputs), self.data_format))

    def arrange(self, xp: Any, x: Any) -> Any:
        """`x` with its channels last."""
        if len(x.shape) != self.rank:
            raise errors.InvalidArgumentError(
                None, None, f"{self.op}: input must be {self.rank}-dimensional: {list(x.shape)}"
            )
        x = channels_last(xp, x, self.data_format)
        return x[..., None] if self.over_depth else x

    def back(self, xp: Any, x: Any) -> Any:
        """The inverse of `arrange`."""
        return channels_back(xp, x[..., 0] if self.over_depth else x, self.data_format)

    def geometry(self, sizes: Sequence[int]) -> Geometry:
        """Where the windows lie over an arranged tensor with these sizes."""
        inner = tuple(sizes[1:-1])
        if self.over_depth and inner[-1] % self.kernel[-1]:
            raise errors.UnimplementedError(
                None,
                None,
                "Depthwise max pooling requires the depth window to evenly divide the input depth.",
            )
        return geometry_of(self.windows, inner, self.kernel)

    def check(self, what: str, given: Any, sizes: Sequence[int], geometry: Geometry) -> None:
        """Raises unless `given` (arranged) has the shape of the result."""
        wanted = (sizes[0], *geometry.outputs, sizes[-1])
        if tuple(given.shape) != wanted:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{self.op}: Expected {what} shape to be {list(wanted)}, but got "
                f"{list(given.shape)}",
            )

    def forward(self, xp: Any, x: Any, kernel: Any) -> Any:
        x = self.arrange(xp, x)
        return self.back(xp, kernel(xp, x, self.geometry(x.shape)))

    def max_gradient(self, xp: Any, x: Any, y: Any, dy: Any) -> Any:
        x, y, dy = (self.arrange(xp, each) for each in (x, y, dy))
        geometry = self.geometry(x.shape)
        self.check("orig_output", y, x.shape, geometry)
        self.check("grad", dy, x.shape, geometry)
        return self.back(xp, pool_kernels.max_gradient(xp, x, y, dy, geometry))

    def max_pick(self, xp: Any, x: Any, y: Any, values: Any) -> Any:
        x, y, values = (self.arrange(xp, each) for each in (x, y, values))
        geometry = self.geometry(x.shape)
        self.check("orig_output", y, x.shape, geometry)
        if values.shape != x.shape:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{self.op}: Expected grad shape to be {list(x.shape)}, but got "
                f"{list(values.shape)}",
            )
        return self.back(xp, pool_kernels.max_pick(xp, x, y, values, geometry))

    def average_gradient(self, xp: Any, sizes: Any, dy: Any) -> Any:
        sizes = sizes_last([int(n) for n in sizes], self.data_format)
        if len(sizes) != self.rank:
            raise errors.InvalidArgumentError(
                None, None, f"{self.op}: orig_input_shape must have {self.rank} elements"
            )
        geometry = self.geometry(sizes)
        dy = self.arrange(xp, dy)
        self.check("grad", dy, sizes, geometry)
        return self.back(xp, pool_kernels.average_gradient(xp, dy, geometry))


# The same few poolings are asked for again at every run of a graph.
pooling_of = functools.lru_cache(maxsize=1024)(Pooling)

_ATTRS = "ksize: list(int), strides: list(int), padding: string{SAME,VALID}"
_ATTRS_MAX = (
    "ksize: list(int), strides: list(int), padding: string{SAME,VALID,EXPLICIT},"
    " explicit_paddings: list(int) = []"
)
_IMAGES = "data_format: string{NHWC,NCHW} = 'NHWC'"
_VOLUMES = "data_format: string{NDHWC,NCDHW} = 'NDHWC'"
_MAX_NAMES = ("ksize", "strides", "padding", "data_format")


def _attrs_of(op: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: op.attrs[name] for name in names}


def _zeros_like(x: Any) -> Any:
    return REGISTRY["ZerosLike"](x)


def _no_explicit(op: Any) -> None:
    if op.attrs["padding"] == "EXPLICIT":
        raise LookupError(
            f"{op.name}: MaxPoolGradGrad takes no explicit paddings, so a max pooling with explicit "
            "paddings has no second derivative."
        )


# MaxPool ------------------------------------------------------------------------------------------


@op(
    f"MaxPool(input: T, *, {_ATTRS_MAX}, data_format: string{{NHWC,NCHW,NCHW_VECT_C}} = 'NHWC',"
    " T: type = float) -> output: T",
    T=REAL - {uint32, uint64},
)
def max_pool_op(xp, input, *, ksize, strides, padding, explicit_paddings, data_format):
    """The largest element of each window of an image."""
    pooling = pooling_of("MaxPool", ksize, strides, padding, data_format, explicit_paddings, True)
    return pooling.forward(xp, input, pool_kernels.max_forward)


@max_pool_op.shape_rule
def _max_pool_shape(input, *, ksize, strides, padding, explicit_paddings, data_format):
    pooling = pooling_of("MaxPool", ksize, strides, padding, data_format, explicit_paddings, True)
    return pooling.shape(input)


@max_pool_op.gradient_rule
def _max_pool_grad(op, g, input, output):
    attrs = _attrs_of(op, (*_MAX_NAMES, "explicit_paddings"))
    return max_pool_grad_op(input, output, g, **attrs)


@op(
    f"MaxPoolGrad(orig_input: T, orig_output: T, grad: T, *, {_ATTRS_MAX}, {_IMAGES},"
    " T: type = float) -> output: T",
    shape=lambda orig_input, orig_output, grad: orig_input.shape.with_rank(4),
    T=REAL,
)
def max_pool_grad_op(
    xp, orig_input, orig_output, grad, *, ksize, strides, padding, explicit_paddings, data_format
):
    """The gradient of MaxPool; a tie goes to the first of the largest elements."""
    name = "MaxPoolGrad"
    pooling = pooling_of(name, ksize, strides, padding, data_format, explicit_paddings, True)
    return pooling.max_gradient(xp, orig_input, orig_output, grad)


@max_pool_grad_op.gradient_rule
def _max_pool_grad_grad(op, g, orig_input, orig_output):
    _no_explicit(op)
    again = max_pool_grad_grad_op(orig_input, orig_output, g, **_attrs_of(op, _MAX_NAMES))
    return _zeros_like(orig_input), _zeros_like(orig_output), again


@op(
    f"MaxPoolGradGrad(orig_input: T, orig_output: T, grad: T, *, {_ATTRS}, {_IMAGES}) -> output: T",
    shape=lambda orig_input, orig_output, grad: orig_output.shape.with_rank(4),
    T=REAL,
)
def max_pool_grad_grad_op(
    xp, orig_input, orig_output, grad, *, ksize, strides, padding, data_format
):
    """The gradient of MaxPoolGrad: the elements of `grad` where the windows are largest."""
    pooling = pooling_of("MaxPoolGradGrad", ksize, strides, padding, data_format, (), True)
    return pooling.max_pick(xp, orig_input, orig_output, grad)


@max_pool_grad_grad_op.gradient_rule
def _max_pool_grad_grad_grad(op, g, orig_input, orig_output):
    back = max_pool_grad_op(orig_input, orig_output, g, **_attrs_of(op, _MAX_NAMES))
    return _zeros_like(orig_input), _zeros_like(orig_output), back


# With windows that are tensors ----------------------------------------------------------------------


def _pooling_v2(name: str, ksize: Any, strides: Any, padding: str, data_format: str) -> Pooling:
    sizes, steps = (tuple(v.ravel().tolist()) for v in (ksize, strides))
    return pooling_of(name, sizes, steps, padding, data_format, (), True)


@op(
    "MaxPoolV2(input: T, ksize: int32, strides: int32, *, padding: string{SAME,VALID},"
    " data_format: string{NHWC,NCHW,NCHW_VECT_C} = 'NHWC', T: type = float) -> output: T",
    T=REAL - {uint32, uint64},
    static=("ksize", "strides"),
)
def max_pool_v2_op(xp, input, ksize, strides, *, padding, data_format):
    """The largest element of each window, the sizes of which are tensors."""
    pooling = _pooling_v2("MaxPoolV2", ksize, strides, padding, data_format)
    return pooling.forward(xp, input, pool_kernels.max_forward)


@max_pool_v2_op.shape_rule
def _max_pool_v2_shape(input, ksize, strides, *, padding, data_format):
    ksize, strides = constant_value(ksize), constant_value(strides)
    if ksize is None or strides is None:
        return shapes.unknown_shape(4)
    return _pooling_v2("MaxPoolV2", ksize, strides, padding, data_format).shape(input)


@max_pool_v2_op.gradient_rule
def _max_pool_v2_grad(op, g, input, ksize, strides, output):
    attrs = _attrs_of(op, ("padding", "data_format"))
    return max_pool_grad_v2_op(input, output, g, ksize, strides, **attrs)


@op(
    "MaxPoolGradV2(orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32, *,"
    f" padding: string{{SAME,VALID}}, {_IMAGES}, T: type = float) -> output: T",
    shape=lambda orig_input, *rest: orig_input.shape.with_rank(4),
    T=REAL,
    static=("ksize", "strides"),
)
def max_pool_grad_v2_op(xp, orig_input, orig_output, grad, ksize, strides, *, padding, data_format):
    """The gradient of MaxPoolV2."""
    pooling = _pooling_v2("MaxPoolGradV2", ksize, strides, padding, data_format)
    return pooling.max_gradient(xp, orig_input, orig_output, grad)


@max_pool_grad_v2_op.gradient_rule
def _max_pool_grad_v2_grad(op, g, orig_input, orig_output, ksize, strides):
    attrs = _attrs_of(op, ("padding", "data_format"))
    again = max_pool_grad_grad_v2_op(orig_input, orig_output, g, ksize, strides, **attrs)
    return _zeros_like(orig_input), _zeros_like(orig_output), again


@op(
    "MaxPoolGradGradV2(orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32, *,"
    f" padding: string{{SAME,VALID}}, {_IMAGES}) -> output: T",
    shape=lambda orig_input, orig_output, *rest: orig_output.shape.with_rank(4),
    T=REAL,
    static=("ksize", "strides"),
)
def max_pool_grad_grad_v2_op(
    xp, orig_input, orig_output, grad, ksize, strides, *, padding, data_format
):
    """The gradient of MaxPoolGradV2."""
    pooling = _pooling_v2("MaxPoolGradGradV2", ksize, strides, padding, data_format)
    return pooling.max_pick(xp, orig_input, orig_output, grad)


@max_pool_grad_grad_v2_op.gradient_rule
def _max_pool_grad_grad_v2_grad(op, g, orig_input, orig_output, ksize, strides):
    attrs = _attrs_of(op, ("padding", "data_format"))
    back = max_pool_grad_v2_op(orig_input, orig_output, g, ksize, strides, **attrs)
    return _zeros_like(orig_input), _zeros_like(orig_output), back


# With the places ------------------------------------------------------------------------------------

_ARGMAX_NAMES = ("ksize", "strides", "padding", "include_batch_in_index")


@op(
    f"MaxPoolWithArgmax(input: T, *, {_ATTRS}, Targmax: INDEX = int64,"
    " include_batch_in_index: bool = False) -> output: T, argmax: Targmax",
    T=REAL,
)
def max_pool_with_argmax_op(xp, input, *, ksize, strides, padding, include_batch_in_index, Targmax):
    """The largest element of each window, and where it lies in the flat image, or the flat batch."""
    pooling = pooling_of("MaxPoolWithArgmax", ksize, strides, padding, "NHWC")
    x = pooling.arrange(xp, input)
    geometry = pooling.geometry(x.shape)
    y = pool_kernels.max_forward(xp, x, geometry)
    return y, pool_kernels.max_places(xp, x, y, geometry, include_batch_in_index, Targmax)


@max_pool_with_argmax_op.shape_rule
def _max_pool_with_argmax_shape(input, *, ksize, strides, padding):
    return [pooling_of("MaxPoolWithArgmax", ksize, strides, padding, "NHWC").shape(input)]


@max_pool_with_argmax_op.gradient_rule
def _max_pool_with_argmax_grad(op, g_output, input, argmax):
    return max_pool_grad_with_argmax_op(input, g_output, argmax, **_attrs_of(op, _ARGMAX_NAMES))


def _flat_places(xp: Any, argmax: Any, batch: int, size: int, with_batch: bool) -> Any:
    """The places as indices into the flat batch."""
    places = xp.asarray(argmax).astype(np.int64)
    if not with_batch:
        places = places + (np.arange(batch) * size).reshape(batch, 1, 1, 1)
    if xp.is_numpy and places.size and not (places.min() >= 0 and places.max() < batch * size):
        raise errors.InvalidArgumentError(
            None, None, f"Invalid maximum linear index: not in [0, {batch * size})"
        )
    return places.reshape(-1)


@op(
    f"MaxPoolGradWithArgmax(input: T, grad: T, argmax: Targmax, *, {_ATTRS},"
    " include_batch_in_index: bool = False, Targmax: INDEX) -> output: T",
    shape=lambda input, grad, argmax: input.shape.with_rank(4),
    T=REAL,
)
def max_pool_grad_with_argmax_op(xp, input, grad, argmax, *, include_batch_in_index):
    """The gradient of MaxPoolWithArgmax."""
    size = int(np.prod(input.shape[1:]))
    places = _flat_places(xp, argmax, input.shape[0], size, include_batch_in_index)
    flat = xp.zeros((input.shape[0] * size,), grad.dtype)
    return xp.at_add(flat, places, grad.reshape(-1)).reshape(input.shape)


@max_pool_grad_with_argmax_op.gradient_rule
def _max_pool_grad_with_argmax_grad(op, g, input, argmax):
    again = max_pool_grad_grad_with_argmax_op(input, g, argmax, **_attrs_of(op, _ARGMAX_NAMES))
    return _zeros_like(input), again


@op(
    f"MaxPoolGradGradWithArgmax(input: T, grad: T, argmax: Targmax, *, {_ATTRS},"
    " include_batch_in_index: bool = False, Targmax: INDEX) -> output: T",
    shape=lambda input, grad, argmax: argmax.shape.with_rank(4),
    T=REAL,
)
def max_pool_grad_grad_with_argmax_op(xp, input, grad, argmax, *, include_batch_in_index):
    """The gradient of MaxPoolGradWithArgmax: the elements of `grad` at the places."""
    size = int(np.prod(input.shape[1:]))
    places = _flat_places(xp, argmax, input.shape[0], size, include_batch_in_index)
    return xp.asarray(grad).reshape(-1)[places].reshape(argmax.shape)


@max_pool_grad_grad_with_argmax_op.gradient_rule
def _max_pool_grad_grad_with_argmax_grad(op, g, input, argmax):
    back = max_pool_grad_with_argmax_op(input, g, argmax, **_attrs_of(op, _ARGMAX_NAMES))
    return _zeros_like(input), back


# Volumes --------------------------------------------------------------------------------------------

_NARROW = frozenset((float16, bfloat16, float32))


@op(f"MaxPool3D(input: T, *, {_ATTRS}, {_VOLUMES}) -> output: T", T=_NARROW)
def max_pool3d_op(xp, input, *, ksize, strides, padding, data_format):
    """The largest element of each window of a volume."""
    pooling = pooling_of("MaxPool3D", ksize, strides, padding, data_format)
    return pooling.forward(xp, input, pool_kernels.max_forward)


@max_pool3d_op.shape_rule
def _max_pool3d_shape(input, *, ksize, strides, padding, data_format):
    return pooling_of("MaxPool3D", ksize, strides, padding, data_format).shape(input)


@max_pool3d_op.gradient_rule
def _max_pool3d_grad(op, g, input, output):
    return max_pool3d_grad_op(input, output, g, **_attrs_of(op, _MAX_NAMES))


@op(
    f"MaxPool3DGrad(orig_input: TInput, orig_output: TInput, grad: T, *, {_ATTRS}, {_VOLUMES},"
    " T: type = float, TInput: type = float) -> output: T",
    shape=lambda orig_input, orig_output, grad: orig_input.shape.with_rank(5),
    T=_NARROW,
    TInput=_NARROW,
)
def max_pool3d_grad_op(xp, orig_input, orig_output, grad, *, ksize, strides, padding, data_format):
    """The gradient of MaxPool3D."""
    pooling = pooling_of("MaxPool3DGrad", ksize, strides, padding, data_format)
    return pooling.max_gradient(xp, orig_input, orig_output, grad)


@max_pool3d_grad_op.gradient_rule
def _max_pool3d_grad_grad(op, g, orig_input, orig_output):
    again = max_pool3d_grad_grad_op(orig_input, orig_output, g, **_attrs_of(op, _MAX_NAMES))
    return _zeros_like(orig_input), _zeros_like(orig_output), again


@op(
    f"MaxPool3DGradGrad(orig_input: T, orig_output: T, grad: T, *, {_ATTRS}, {_VOLUMES})"
    " -> output: T",
    shape=lambda orig_input, orig_output, grad: orig_output.shape.with_rank(5),
    T=REAL,
)
def max_pool3d_grad_grad_op(
    xp, orig_input, orig_output, grad, *, ksize, strides, padding, data_format
):
    """The gradient of MaxPool3DGrad."""
    pooling = pooling_of("MaxPool3DGradGrad", ksize, strides, padding, data_format)
    return pooling.max_pick(xp, orig_input, orig_output, grad)


@max_pool3d_grad_grad_op.gradient_rule
def _max_pool3d_grad_grad_grad(op, g, orig_input, orig_output):
    back = max_pool3d_grad_op(orig_input, orig_output, g, **_attrs_of(op, _MAX_NAMES))
    return _zeros_like(orig_input), _zeros_like(orig_output), back


# AvgPool ------------------------------------------------------------------------------------------


@op(f"AvgPool(value: T, *, {_ATTRS}, {_IMAGES}) -> output: T", T=FLOAT)
def avg_pool_op(xp, value, *, ksize, strides, padding, data_format):
    """The mean of each window of an image; padding does not count."""
    pooling = pooling_of("AvgPool", ksize, strides, padding, data_format)
    return pooling.forward(xp, value, pool_kernels.average_forward)


@avg_pool_op.shape_rule
def _avg_pool_shape(value, *, ksize, strides, padding, data_format):
    return pooling_of("AvgPool", ksize, strides, padding, data_format).shape(value)


@avg_pool_op.gradient_rule
def _avg_pool_grad(op, g, value):
    return avg_pool_grad_op(REGISTRY["Shape"](value), g, **_attrs_of(op, _MAX_NAMES))


def _sized(rank: int) -> Any:
    def shape(orig_input_shape, grad):
        known = constant_value_as_shape(orig_input_shape)
        return shapes.unknown_shape(rank) if known.rank is None else known

    return shape


@op(
    f"AvgPoolGrad(orig_input_shape: int32, grad: T, *, {_ATTRS}, {_IMAGES}) -> output: T",
    shape=_sized(4),
    T=FLOAT,
    static=("orig_input_shape",),
)
def avg_pool_grad_op(xp, orig_input_shape, grad, *, ksize, strides, padding, data_format):
    """The gradient of AvgPool."""
    pooling = pooling_of("AvgPoolGrad", ksize, strides, padding, data_format)
    return pooling.average_gradient(xp, orig_input_shape, grad)


@avg_pool_grad_op.gradient_rule
def _avg_pool_grad_grad(op, g):
    return None, avg_pool_op(g, **_attrs_of(op, _MAX_NAMES))


@op(f"AvgPool3D(input: T, *, {_ATTRS}, {_VOLUMES}) -> output: T", T=FLOAT)
def avg_pool3d_op(xp, input, *, ksize, strides, padding, data_format):
    """The mean of each window of a volume; padding does not count."""
    pooling = pooling_of("AvgPool3D", ksize, strides, padding, data_format)
    return pooling.forward(xp, input, pool_kernels.average_forward)


@avg_pool3d_op.shape_rule
def _avg_pool3d_shape(input, *, ksize, strides, padding, data_format):
    return pooling_of("AvgPool3D", ksize, strides, padding, data_format).shape(input)


@avg_pool3d_op.gradient_rule
def _avg_pool3d_grad(op, g, input):
    return avg_pool3d_grad_op(REGISTRY["Shape"](input), g, **_attrs_of(op, _MAX_NAMES))


@op(
    f"AvgPool3DGrad(orig_input_shape: int32, grad: T, *, {_ATTRS}, {_VOLUMES}) -> output: T",
    shape=_sized(5),
    T=FLOAT,
    static=("orig_input_shape",),
)
def avg_pool3d_grad_op(xp, orig_input_shape, grad, *, ksize, strides, padding, data_format):
    """The gradient of AvgPool3D."""
    pooling = pooling_of("AvgPool3DGrad", ksize, strides, padding, data_format)
    return pooling.average_gradient(xp, orig_input_shape, grad)


@avg_pool3d_grad_op.gradient_rule
def _avg_pool3d_grad_grad(op, g):
    return None, avg_pool3d_op(g, **_attrs_of(op, _MAX_NAMES))
