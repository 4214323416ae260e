"""Reductions: sums, products, means, extremes, norms, and the index of an extreme."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.dtypes import INDEX, NUMBER, QUANTIZED_DTYPES, REAL, as_dtype, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY, UNSAID, OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import array
from reflow.ops.define import op
from reflow.ops.math import conj, real_div, sub

_SUMMABLE = NUMBER | QUANTIZED_DTYPES
_ORDERED = REAL | QUANTIZED_DTYPES


# What reductions share ----------------------------------------------------------------------------


def normal_axes(axes: Any, rank: int) -> tuple[int, ...]:
    """The dimensions that an array of integers names, counted from the front and in order.

    Raises:
      ValueError: if there is no such dimension, or one is named twice.
    """
    found = []
    for axis in np.asarray(axes).ravel().tolist():
        if not -rank <= axis < rank:
            raise ValueError(
                f"Invalid reduction dimension {int(axis)} for input with {rank} dimensions."
            )
        found.append(int(axis) % rank)
    if len(set(found)) != len(found):
        twice = next(axis for axis in found if found.count(axis) > 1)
        raise ValueError(f"Invalid reduction arguments: Axes contains duplicate dimension: {twice}")
    return tuple(sorted(found))


def _reduced(input, reduction_indices, *, keep_dims):
    sizes = input._shape._dims
    axes = constant_value(reduction_indices)
    if sizes is None:
        return shapes.UNKNOWN
    if axes is None:
        return shapes.unknown_shape(len(sizes)) if keep_dims else shapes.UNKNOWN
    gone = normal_axes(axes, len(sizes))
    if keep_dims:
        return shapes.of(tuple(1 if i in gone else d for i, d in enumerate(sizes)))
    return shapes.of(tuple(d for i, d in enumerate(sizes) if i not in gone))


def _reduction(
    name: str, doc: str, lower: Callable, T: Any, grad: Any = UNSAID, partial: Any = False
) -> OpDef:
    """An op `name(input, reduction_indices)`; `lower(xp, x, axes, keep_dims)`."""

    def lowering(xp, input, reduction_indices, *, keep_dims):
        return lower(xp, input, normal_axes(reduction_indices, input.ndim), keep_dims)

    dtype = "bool" if T is None else "T"
    return OpDef(
        f"{name}(input: {dtype}, reduction_indices: Tidx, *, keep_dims: bool = False, "
        f"Tidx: INDEX = int32) -> output: {dtype}",
        doc,
        lower=lowering,
        shape=_reduced,
        grad=grad,
        partial=partial,
        static=("reduction_indices",),
        **({} if T is None else {"T": T}),
    )


def accumulator(dtype: np.dtype) -> np.dtype:
    """The dtype to add up values of `dtype` in: half-precision floats lose too much in their own."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def _sum(xp, x, axes, keep_dims):
    total = xp.sum(x, axis=axes, keepdims=keep_dims, dtype=accumulator(x.dtype))
    return total.astype(x.dtype)


def _prod(xp, x, axes, keep_dims):
    product = xp.prod(x, axis=axes, keepdims=keep_dims, dtype=accumulator(x.dtype))
    return product.astype(x.dtype)


def _mean(xp, x, axes, keep_dims):
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    wide = accumulator(x.dtype)
    if x.dtype.kind in "iu":
        wide = np.dtype(np.uint64 if x.dtype.kind == "u" else np.int64)
    total = xp.sum(x, axis=axes, keepdims=keep_dims, dtype=wide)
    if x.dtype.kind not in "iu":
        return (total / wide.type(count)).astype(x.dtype)
    size = xp.abs(total) // max(count, 1)  # integers are rounded towards zero
    return xp.where(total < 0, -size, size).astype(x.dtype)


def lowest(dtype: np.dtype) -> Any:
    """The smallest value of a dtype: minus infinity of floats."""
    limits = as_dtype(dtype)
    return dtype.type(-np.inf if limits.is_floating else limits.min)


def highest(dtype: np.dtype) -> Any:
    """The largest value of a dtype: infinity of floats."""
    limits = as_dtype(dtype)
    return dtype.type(np.inf if limits.is_floating else limits.max)


def _extreme(name: str, start: Callable[[np.dtype], Any]) -> Callable:
    """The lowering of `max` or `min`; `start` gives what nothing has.

    XLA's CPU compiler has YNNPACK reduce, which goes past what is no number (docs/decisions.md). Sums do not, and what
    is positive has a sum, which may be infinite.
    """

    def lower(xp, x, axes, keep_dims):
        if 0 in x.shape:
            return getattr(xp, name)(x, axis=axes, keepdims=keep_dims, initial=start(x.dtype))
        found = getattr(xp, name)(x, axis=axes, keepdims=keep_dims)
        if xp.is_numpy or x.dtype.kind not in "fV":
            return found
        sums = xp.sum(xp.abs(x), axis=axes, keepdims=keep_dims)
        return xp.where(sums == sums, found, sums.astype(x.dtype))

    return lower


_max, _min = _extreme("max", lowest), _extreme("min", highest)


def _euclidean_norm(xp, x, axes, keep_dims):
    wide = x.astype(np.float64 if x.dtype.kind in "iu" else accumulator(x.dtype))
    squares = xp.real(wide * xp.conj(wide)) if x.dtype.kind == "c" else wide * wide
    return xp.sqrt(xp.sum(squares, axis=axes, keepdims=keep_dims)).astype(x.dtype)


# Gradients ----------------------------------------------------------------------------------------


class _Plan:
    """How the output of a reduction lies in its input.

    With static shapes everything is a Python number, and no node works out a shape.
    """

    def __init__(self, input: Any, axes: Any, keep_dims: bool):
        self.keep_dims = keep_dims
        sizes = input.shape.sizes
        known = constant_value(axes)
        self.axes: tuple[int, ...] | None = () if sizes == () else None
        if known is not None and sizes is not None:
            self.axes = normal_axes(known, len(sizes))
        self._input, self._axes = input, axes
        self.sizes = sizes if sizes is not None and None not in sizes else None
        self._kept: Any = None

    @property
    def input_shape(self) -> Any:
        """The shape of the input: numbers if they are known, else a tensor."""
        return list(self.sizes) if self.sizes is not None else REGISTRY["Shape"](self._input)

    @property
    def kept_shape(self) -> Any:
        """The shape of the input with 1 for each reduced dimension."""
        if self._kept is None:
            self._kept = self._work_out_kept_shape()
        return self._kept

    def _work_out_kept_shape(self) -> Any:
        sizes = self._input.shape.sizes
        if self.axes is not None:
            kept = [1 if i in self.axes else d for i, d in enumerate(sizes)]
            if None not in kept:
                return kept
            if kept.count(None) == 1 and 0 not in kept:
                return [-1 if d is None else d for d in kept]
        shape = REGISTRY["Shape"](self._input)
        rank = REGISTRY["Size"](shape)
        axes = REGISTRY["Cast"](convert_to_tensor(self._axes), DstT=int32)
        axes = REGISTRY["Reshape"](REGISTRY["FloorMod"](axes + rank, rank), [-1])
        ones = REGISTRY["OnesLike"](axes)
        return REGISTRY["DynamicStitch"]([REGISTRY["Range"](0, rank, 1), axes], [shape, ones])

    def keep(self, value: Any) -> Any:
        """`value`, which has the shape of the output, with a 1 for each reduced dimension."""
        if self.keep_dims or self.axes == ():
            return value
        return REGISTRY["Reshape"](value, self.kept_shape)

    def spread(self, value: Any) -> Any:
        """`value`, which has the shape of the output, repeated along the reduced dimensions."""
        if self.axes == ():
            return value
        return REGISTRY["BroadcastTo"](self.keep(value), self.input_shape)

    def count(self, dtype: Any) -> Any:
        """How many elements one element of the output stands for."""
        if self.axes is not None:
            sizes = [self._input.shape.sizes[axis] for axis in self.axes]
            if None not in sizes:
                return max(math.prod(sizes), 1)
        shape = REGISTRY["Shape"](self._input)
        if self.axes is not None:
            reduced = REGISTRY["GatherV2"](shape, list(self.axes), 0)
        else:
            rank = REGISTRY["Size"](shape)
            axes = REGISTRY["Cast"](convert_to_tensor(self._axes), DstT=int32)
            axes = REGISTRY["Reshape"](REGISTRY["FloorMod"](axes + rank, rank), [-1])
            reduced = REGISTRY["GatherV2"](shape, axes, 0)
        total = REGISTRY["Maximum"](prod_op(reduced, [0]), 1)
        return REGISTRY["Cast"](total, DstT=dtype)


def _sum_grad(g, input, reduction_indices, *, keep_dims):
    return _Plan(input, reduction_indices, keep_dims).spread(g)


def _mean_grad(g, input, reduction_indices, *, keep_dims):
    plan = _Plan(input, reduction_indices, keep_dims)
    return plan.spread(real_div(g, plan.count(g.dtype.base_dtype)))


def _extreme_grad(g, input, output, reduction_indices, *, keep_dims):
    """Shared equally among the elements that are the extreme."""
    plan = _Plan(input, reduction_indices, keep_dims)
    chosen = REGISTRY["Cast"](REGISTRY["Equal"](plan.keep(output), input), DstT=g.dtype.base_dtype)
    ties = sum_op(chosen, reduction_indices, keep_dims=True)
    return real_div(chosen, ties) * plan.keep(g)


def _norm_grad(g, input, output, reduction_indices, *, keep_dims):
    plan = _Plan(input, reduction_indices, keep_dims)
    if g.dtype.is_complex:  # the output is real, whatever its dtype
        g = 0.5 * (g + conj(g))
    return real_div(input, real_div(plan.keep(output), plan.keep(g)))


def _prod_grad(g, input, reduction_indices, *, keep_dims):
    """The product of the other elements, without dividing: zeros are no trouble."""
    plan = _Plan(input, reduction_indices, keep_dims)
    g = plan.keep(g)
    if plan.axes is not None and len(plan.axes) <= 1:
        if not plan.axes:
            return g
        return g * conj(_products_of_others(input, plan.axes[0]))
    # The reduced dimensions go to the front and become one.
    transpose, reshape = REGISTRY["Transpose"], REGISTRY["Reshape"]
    if plan.axes is not None:
        rank = len(input.shape.sizes)
        order: Any = [*plan.axes, *(i for i in range(rank) if i not in plan.axes)]
        back: Any = [order.index(i) for i in range(rank)]
    else:
        rank = REGISTRY["Rank"](input)
        axes = REGISTRY["Cast"](convert_to_tensor(reduction_indices), DstT=int32)
        axes = reshape(REGISTRY["FloorMod"](axes + rank, rank), [-1])
        others = REGISTRY["ListDiff"](REGISTRY["Range"](0, rank, 1), axes).out
        order = REGISTRY["ConcatV2"]([axes, others], 0)
        back = REGISTRY["InvertPermutation"](order)
    front = transpose(input, order)
    if plan.sizes is not None and plan.axes is not None:
        count: Any = math.prod([plan.sizes[axis] for axis in plan.axes])
        left = math.prod(plan.sizes) // count if count else 0
        flat_shape: Any = [count, left]
        permuted: Any = [plan.sizes[axis] for axis in order]
    else:
        permuted = REGISTRY["Shape"](front)
        flat_shape = REGISTRY["Pack"]([plan.count(int32), -1])
    others = _products_of_others(reshape(front, flat_shape), 0)
    return g * conj(transpose(reshape(others, permuted), back))


def _products_of_others(x: Any, axis: int) -> Any:
    """For each element, the product of the others along `axis`."""
    cumprod = REGISTRY["Cumprod"]
    return cumprod(x, axis, exclusive=True) * cumprod(x, axis, exclusive=True, reverse=True)


# The ops ------------------------------------------------------------------------------------------

sum_op = _reduction("Sum", "The sum over dimensions.", _sum, _SUMMABLE, _sum_grad, True)
prod_op = _reduction("Prod", "The product over dimensions.", _prod, _SUMMABLE, _prod_grad, True)
mean_op = _reduction("Mean", "The mean over dimensions.", _mean, _SUMMABLE, _mean_grad)
max_op = _reduction("Max", "The maximum over dimensions.", _max, _ORDERED, _extreme_grad, True)
min_op = _reduction("Min", "The minimum over dimensions.", _min, _ORDERED, _extreme_grad, True)
euclidean_norm_op = _reduction(
    "EuclideanNorm",
    "The square root of the sum of squares over dimensions.",
    _euclidean_norm,
    _SUMMABLE,
    _norm_grad,
)
any_op = _reduction(
    "Any",
    "Whether any element over dimensions is true.",
    lambda xp, x, axes, keep_dims: xp.any(x, axis=axes, keepdims=keep_dims),
    None,
    None,
    "whole",
)
all_op = _reduction(
    "All",
    "Whether all elements over dimensions are true.",
    lambda xp, x, axes, keep_dims: xp.all(x, axis=axes, keepdims=keep_dims),
    None,
    None,
    "whole",
)

# The index of an extreme --------------------------------------------------------------------------


def _arg_shape(input, dimension):
    sizes = input._shape._dims
    axis = constant_value(dimension)
    if sizes is None:
        return shapes.UNKNOWN
    if axis is None:
        return shapes.unknown_shape(max(len(sizes) - 1, 0))
    axis = _arg_axis(axis, len(sizes))
    return shapes.of(sizes[:axis] + sizes[axis + 1 :])


def _arg_axis(dimension: Any, rank: int) -> int:
    if np.size(dimension) != 1:
        raise ValueError(
            f"dim must be a scalar, but received tensor of shape: {np.shape(dimension)}"
        )
    axis = int(np.asarray(dimension).ravel()[0])
    if not -rank <= axis < rank:
        raise ValueError(f"Expected dimension in the range [{-rank}, {rank}), but got {axis}")
    return axis % rank


def _arg_extreme(xp: Any, input: Any, dimension: Any, largest: bool, output_type: Any) -> Any:
    axis = _arg_axis(dimension, input.ndim)
    if input.shape[axis] == 0:
        raise errors.InvalidArgumentError(
            None, None, f"Reduction axis {axis} is empty in shape {list(input.shape)}"
        )
    if input.dtype.kind in "fV":  # NaN is never chosen
        worst = lowest(input.dtype) if largest else highest(input.dtype)
        input = xp.where(xp.isnan(input), worst, input)
    index = (xp.argmax if largest else xp.argmin)(input, axis=axis)
    return index.astype(output_type.np)


_ARG_DTYPES = _ORDERED | {dtypes.bool}


@op(
    "ArgMax(input: T, dimension: Tidx, *, T: type, Tidx: {int16,int32,int64} = int32,"
    " output_type: {int16,uint16,int32,int64} = int64) -> output: output_type",
    T=_ARG_DTYPES,
    shape=_arg_shape,
    static=["dimension"],
    grad=None,
)
def arg_max_op(xp, input, dimension, *, output_type):
    """The index of the largest element along a dimension: the first of several."""
    return _arg_extreme(xp, input, dimension, True, output_type)


@op(
    "ArgMin(input: T, dimension: Tidx, *, T: type, Tidx: INDEX = int32,"
    " output_type: {int32,int64} = int64) -> output: output_type",
    T=_ARG_DTYPES,
    shape=_arg_shape,
    static=["dimension"],
    grad=None,
)
def arg_min_op(xp, input, dimension, *, output_type):
    """The index of the smallest element along a dimension: the first of several."""
    return _arg_extreme(xp, input, dimension, False, output_type)


# Public functions ---------------------------------------------------------------------------------


def reduction_dims(x: Any, axis: Any) -> Any:
    """`axis`, or all dimensions of `x` when that is None."""
    if axis is not None:
        return axis
    rank = x.shape.rank if isinstance(x, Tensor) or is_tensor(x) else None
    if rank:
        return constant_node(np.arange(rank, dtype=np.int32), int32)
    if current_graph() is None:
        return np.arange(np.ndim(x), dtype=np.int32)
    return REGISTRY["Range"](0, array.rank(x), 1, name="range")


def _apply(opdef: OpDef, x: Any, axis: Any, keepdims: Any, name: str | None) -> Any:
    keepdims = bool(keepdims)
    if axis is None and current_graph() is None:
        x = convert_to_tensor(x, None if is_tensor(x) else opdef.inputs[0].dtype)
    result = opdef(x, reduction_dims(x, axis), keep_dims=keepdims, name=name)
    if axis is None and not keepdims and current_graph() is not None:
        if result.shape.rank is None:
            result.set_shape(())
    return result


def either(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value of an argument that has an old name as well.

    Raises:
      ValueError: if it is given under both.
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old


_DOC = """{summary} over dimensions of a tensor.

    Args:
      input_tensor: {kind} tensor.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.{old}

    Raises:
      ValueError: if a dimension does not exist, or is named twice.{more}

    >>> import reflow as tf
    >>> print(tf.{name}({example}).numpy())
    {result}
    """


def _public(
    opdef: OpDef, name: str, summary: str, kind: str, example: str, result: str
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The TF 2 function of a reduction, and that of TF 1 with its old argument names."""

    def reduce(input_tensor: Any, axis: Any = None, keepdims: Any = False, name: Any = None) -> Any:
        return _apply(opdef, input_tensor, axis, keepdims, name)

    def reduce_v1(
        input_tensor: Any,
        axis: Any = None,
        keepdims: Any = None,
        name: Any = None,
        reduction_indices: Any = None,
        keep_dims: Any = None,
    ) -> Any:
        if reduction_indices is not None:
            axis = either("axis", axis, "reduction_indices", reduction_indices)
        if keep_dims is not None:
            keepdims = either("keepdims", keepdims, "keep_dims", keep_dims)
        return _apply(opdef, input_tensor, axis, keepdims, name)

    fill = {"summary": summary, "kind": kind, "example": example, "result": result}
    reduce.__doc__ = _DOC.format(**fill, name=name, old="", more="")
    old = "\n      reduction_indices, keep_dims: old names of axis and keepdims."
    more = "\n      ValueError: if an argument is given under both names."
    reduce_v1.__doc__ = _DOC.format(**fill, name=f"compat.v1.{name}", old=old, more=more)
    for function, suffix in ((reduce, ""), (reduce_v1, "_v1")):
        function.__name__ = function.__qualname__ = name + suffix
    export(v2=(name, f"math.{name}"))(reduce)
    export(v1=(name, f"math.{name}"))(reduce_v1)
    return reduce, reduce_v1


# fmt: off
reduce_sum, reduce_sum_v1 = _public(
    sum_op, "reduce_sum", "The sum", "a numeric", "[[1, 2], [3, 4]], axis=0", "[4 6]")
reduce_prod, reduce_prod_v1 = _public(
    prod_op, "reduce_prod", "The product", "a numeric", "[[1, 2], [3, 4]], axis=1", "[ 2 12]")
reduce_mean, reduce_mean_v1 = _public(
    mean_op, "reduce_mean", "The mean", "a numeric", "[[1.0, 2.0], [3.0, 4.0]]", "2.5")
reduce_max, reduce_max_v1 = _public(
    max_op, "reduce_max", "The maximum", "a real", "[[1, 2], [3, 4]], axis=0", "[3 4]")
reduce_min, reduce_min_v1 = _public(
    min_op, "reduce_min", "The minimum", "a real", "[[1, 2], [3, 4]], axis=0", "[1 2]")
reduce_any, reduce_any_v1 = _public(
    any_op, "reduce_any", "Whether any element is true", "a boolean",
    "[[True, False], [False, False]], axis=1", "[ True False]")
reduce_all, reduce_all_v1 = _public(
    all_op, "reduce_all", "Whether all elements are true", "a boolean",
    "[[True, True], [True, False]], axis=1", "[ True False]")
# fmt: on


@export("math.reduce_euclidean_norm")
def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """The square root of the sum of squares over dimensions of a tensor.

    Args:
      input_tensor: a numeric tensor.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.

    >>> import reflow as tf
    >>> print(tf.math.reduce_euclidean_norm([3.0, 4.0]).numpy())
    5.0
    """
    return _apply(euclidean_norm_op, input_tensor, axis, keepdims, name)


def _logsumexp(input_tensor: Any, axis: Any, keepdims: bool, name: str | None) -> Any:
    with name_scope(name, "ReduceLogSumExp") as scope:
        input_tensor = convert_to_tensor(input_tensor)
        largest = reduce_max(input_tensor, axis, True)
        finite = REGISTRY["IsFinite"](largest)
        shift = REGISTRY["StopGradient"](REGISTRY["SelectV2"](finite, largest, 0))
        total = reduce_sum(REGISTRY["Exp"](sub(input_tensor, shift)), axis, keepdims)
        result = REGISTRY["Log"](total)
        if not keepdims:
            sizes = result.shape.sizes
            known = sizes is not None and None not in sizes
            shift = REGISTRY["Reshape"](shift, list(sizes) if known else REGISTRY["Shape"](result))
        return REGISTRY["AddV2"](result, shift, name=scope or None)


@export(v2=("reduce_logsumexp", "math.reduce_logsumexp"))
def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """log(sum(exp(x))) over dimensions, without overflow.

    Args:
      input_tensor: a floating-point tensor.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.

    >>> import reflow as tf
    >>> print(tf.reduce_logsumexp([1000.0, -1000.0]).numpy())
    1000.0
    """
    return _logsumexp(input_tensor, axis, bool(keepdims), name)


@export(v1=("reduce_logsumexp", "math.reduce_logsumexp"))
def reduce_logsumexp_v1(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """log(sum(exp(x))) over dimensions, without overflow.

    Args:
      input_tensor: a floating-point tensor.
      axis, reduction_indices: an integer or a list of integers, the dimensions; None for all.
      keepdims, keep_dims: keep the reduced dimensions, with size 1.

    >>> import reflow as tf
    >>> print(tf.compat.v1.reduce_logsumexp([1000.0, -1000.0]).numpy())
    1000.0
    """
    axis = either("axis", axis, "reduction_indices", reduction_indices)
    keepdims = either("keepdims", keepdims, "keep_dims", keep_dims)
    return _logsumexp(input_tensor, axis, bool(keepdims), name)


@export("math.reduce_variance")
def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """The mean squared distance from the mean over dimensions.

    Args:
      input_tensor: a floating-point or complex tensor.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.

    Raises:
      TypeError: if `input_tensor` has integers.

    >>> import reflow as tf
    >>> print(tf.math.reduce_variance([1.0, 3.0]).numpy())
    1.0
    """
    with name_scope(name or "reduce_variance"):
        input_tensor = convert_to_tensor(input_tensor)
        means = reduce_mean(input_tensor, axis, True)
        if means.dtype.is_integer:
            raise TypeError(
                f"Input must be either real or complex. Received integer type {means.dtype}."
            )
        distance = input_tensor - means
        if distance.dtype.is_complex:
            squared = REGISTRY["Real"](
                conj(distance) * distance, Tout=distance.dtype.base_dtype.real_dtype
            )
        else:
            squared = REGISTRY["Square"](distance)
        return reduce_mean(squared, axis, keepdims)


@export("math.reduce_std")
def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """The standard deviation over dimensions: the root of `reduce_variance`.

    Args:
      input_tensor: a floating-point or complex tensor.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.

    Raises:
      TypeError: if `input_tensor` has integers.

    >>> import reflow as tf
    >>> print(tf.math.reduce_std([1.0, 3.0]).numpy())
    1.0
    """
    with name_scope(name or "reduce_std"):
        return REGISTRY["Sqrt"](reduce_variance(convert_to_tensor(input_tensor), axis, keepdims))


@export(v2=("math.count_nonzero",))
def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = int64,
    name: str | None = None,
) -> Any:
    """How many elements over dimensions are not zero (or not empty, of strings).

    Args:
      input: a tensor of numbers, truth values or strings.
      axis: an integer or a list of integers, the dimensions; None for all.
      keepdims: keep the reduced dimensions, with size 1.
      dtype: the dtype of the result.

    >>> import reflow as tf
    >>> print(tf.math.count_nonzero([[0, 1], [2, 3]], axis=0).numpy())
    [1 2]
    """
    with name_scope(name, "count_nonzero"):
        input = convert_to_tensor(input, name="input")
        if input.dtype.is_bool:
            hit = input
        else:
            zero = "" if input.dtype.base_dtype is dtypes.string else 0
            hit = REGISTRY["NotEqual"](input, convert_to_tensor(zero, input.dtype.base_dtype))
        counts = reduce_sum(REGISTRY["Cast"](hit, DstT=int64), axis, bool(keepdims))
        wanted = as_dtype(dtype)
        return counts if wanted is int64 else REGISTRY["Cast"](counts, DstT=wanted)


@export(v1=("count_nonzero", "math.count_nonzero"))
def count_nonzero_v1(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
    input: Any = None,
) -> Any:
    """How many elements over dimensions are not zero (or not empty, of strings).

    Args:
      input_tensor, input: a tensor of numbers, truth values or strings.
      axis, reduction_indices: an integer or a list of integers, the dimensions; None for all.
      keepdims, keep_dims: keep the reduced dimensions, with size 1.
      dtype: the dtype of the result.

    >>> import reflow as tf
    >>> print(tf.compat.v1.count_nonzero([[0, 1], [2, 3]], axis=0).numpy())
    [1 2]
    """
    input = either("input", input, "input_tensor", input_tensor)
    axis = either("axis", axis, "reduction_indices", reduction_indices)
    keepdims = either("keepdims", keepdims, "keep_dims", keep_dims)
    return count_nonzero(input, axis, keepdims, dtype, name)


@export(v2=("argmax", "math.argmax"))
def argmax(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Any:
    """The index of the largest element along a dimension: the first of several; NaN never is.

    Args:
      input: a real tensor.
      axis: the dimension, an integer; 0 by default.
      output_type: int16, uint16, int32 or int64.

    Raises:
      InvalidArgumentError: if there is no such dimension, or it is empty.

    >>> import reflow as tf
    >>> print(tf.argmax([[1, 5], [7, 2]], axis=1).numpy())
    [1 0]
    """
    return arg_max_op(input, _arg_dimension(axis), output_type=output_type, name=name)


@export(v2=("argmin", "math.argmin"))
def argmin(input: Any, axis: Any = None, output_type: Any = int64, name: str | None = None) -> Any:
    """The index of the smallest element along a dimension: the first of several; NaN never is.

    Args:
      input: a real tensor.
      axis: the dimension, an integer; 0 by default.
      output_type: int32 or int64.

    Raises:
      InvalidArgumentError: if there is no such dimension, or it is empty.

    >>> import reflow as tf
    >>> print(tf.argmin([[1, 5], [7, 2]], axis=1).numpy())
    [0 1]
    """
    return arg_min_op(input, _arg_dimension(axis), output_type=output_type, name=name)


def _arg_dimension(axis: Any) -> Any:
    if axis is None:
        return 0
    dtype = getattr(axis, "dtype", None)
    if dtype is not None and as_dtype(dtype).base_dtype not in INDEX:
        return REGISTRY["Cast"](convert_to_tensor(axis), DstT=int32)
    return axis


@export(v1=("argmax", "math.argmax"))
def argmax_v1(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = int64,
) -> Any:
    """The index of the largest element along a dimension: see `tf.argmax` of TF 2.

    `dimension` is an old name of `axis`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.argmax([[1, 5], [7, 2]], dimension=1).numpy())
    [1 0]
    """
    return argmax(input, either("axis", axis, "dimension", dimension), output_type, name)


@export(v1=("argmin", "math.argmin"))
def argmin_v1(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = int64,
) -> Any:
    """The index of the smallest element along a dimension: see `tf.argmin` of TF 2.

    `dimension` is an old name of `axis`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.argmin([[1, 5], [7, 2]], dimension=1).numpy())
    [0 1]
    """
    return argmin(input, either("axis", axis, "dimension", dimension), output_type, name)


@export(v1=("arg_max",))
def arg_max(input: Any, dimension: Any, output_type: Any = int64, name: str | None = None) -> Any:
    """The index of the largest element along a dimension: an old name of `tf.argmax`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.arg_max([[1, 5], [7, 2]], 1).numpy())
    [1 0]
    """
    return arg_max_op(input, dimension, output_type=output_type, name=name)


@export(v1=("arg_min",))
def arg_min(input: Any, dimension: Any, output_type: Any = int64, name: str | None = None) -> Any:
    """The index of the smallest element along a dimension: an old name of `tf.argmin`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.arg_min([[1, 5], [7, 2]], 1).numpy())
    [0 1]
    """
    return arg_min_op(input, dimension, output_type=output_type, name=name)
