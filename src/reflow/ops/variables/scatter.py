"""Ops that change or read some elements of a variable: scatter and gather.

An index out of range is an error where NumPy runs the op, as it is on TensorFlow's CPU. In an
executable such an update is dropped, and such an element reads as zero, as on TensorFlow's GPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import handle_type
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.ops import array, indexing, joining
from reflow.ops.define import op
from reflow.ops.indexing import beyond, check_range
from reflow.ops.nd_indexing import flat_index, gather_nd_op, ignores_bad
from reflow.ops.variables.ops import is_reference, variable_shape

_DOCS = {
    "Update": "Replaces {what} of a variable.",
    "Add": "Adds to {what} of a variable; updates of one element add up.",
    "Sub": "Subtracts from {what} of a variable; updates of one element add up.",
    "Mul": "Multiplies {what} of a variable; updates of one element multiply.",
    "Div": "Divides {what} of a variable; updates of one element follow each other.",
    "Min": "Makes {what} of a variable the smaller of itself and the updates.",
    "Max": "Makes {what} of a variable the larger of itself and the updates.",
}


def combine_at(xp, kind: str, table, at, values):
    """`table` with its rows `at` replaced by, added to, ... `values`."""
    if kind == "Update":
        return xp.at_set(table, at, values)
    if kind == "Add":
        return xp.at_add(table, at, values)
    if kind == "Sub":
        return xp.at_add(table, at, -values)
    if kind == "Mul":
        return xp.at_multiply(table, at, values)
    if kind == "Min":
        return xp.at_min(table, at, values)
    if kind == "Max":
        return xp.at_max(table, at, values)
    return _quotient(xp, table, xp.at_multiply(xp.ones_like(table), at, values))


def combine_in_place(kind: str, table: np.ndarray, at: Any, values: Any) -> np.ndarray:
    """The same in NumPy, in the memory of `table`."""
    if kind == "Update":
        table[at] = values
    elif kind == "Div":
        table[...] = combine_at(numpy_namespace, kind, table, at, values)
    else:
        _UFUNCS[kind].at(table, at, values)
    return table


_UFUNCS = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Min": np.minimum,
    "Max": np.maximum,
}


def _quotient(xp, a, b):
    """a / b, rounded towards zero for integers."""
    if a.dtype.kind not in "iu":
        return xp.astype(a / b, a.dtype)
    if not xp.is_numpy:
        return xp.lax.div(a, b)
    if not np.all(b):
        raise errors.InvalidArgumentError(None, None, "Integer division by zero")
    whole = a // b
    return (whole + ((whole * b != a) & ((a < 0) != (b < 0)))).astype(a.dtype)


def _text(sizes) -> str:
    return "[" + ",".join(map(str, sizes)) + "]"


# Rows of a variable -------------------------------------------------------------------------------


def _scatter_rows(ctx, handle, indices, updates, kind: str) -> None:
    params = ctx.take(handle)
    if not params.shape:
        raise errors.InvalidArgumentError(None, None, "params must be at least 1-D, got shape []")
    if updates.shape and updates.shape != indices.shape + params.shape[1:]:
        raise errors.InvalidArgumentError(
            None,
            None,
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got "
            f"updates.shape {_text(updates.shape)}, indices.shape {_text(indices.shape)}, "
            f"params.shape {_text(params.shape)}",
        )
    xp, rows = ctx.xp, params.shape[0]
    if xp.is_numpy:
        check_range(indices, rows)
        ctx.write(handle, combine_in_place(kind, params, indices, updates))
    else:
        indices = beyond(xp, indices, rows)
        ctx.write(handle, combine_at(xp, kind, params, indices, updates))


def _check_rows(params: TensorShape, indices: TensorShape, updates: TensorShape) -> None:
    if params.rank is None or indices.rank is None or updates.rank in (None, 0):
        return
    expected = shapes.of((*indices.sizes, *params.sizes[1:]))
    if not updates.is_compatible_with(expected):
        raise ValueError(
            f"Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got "
            f"updates.shape {updates}, indices.shape {indices}, params.shape {params}"
        )


def _scatter_op(kind: str):
    allowed = ""
    if kind in ("Min", "Max"):
        allowed = ", T: {half,bfloat16,float,double,int32,int64}"
    elif kind != "Update":
        allowed = ", T: NUMBER"

    @op(
        f"Scatter{kind}(ref: Ref(T), indices: Tindices, updates: T, *, "
        f"use_locking: bool = {kind == 'Update'}, Tindices: INDEX{allowed}) -> output_ref: Ref(T)",
        _DOCS[kind].format(what="rows"),
        grad=None,
        stateful=True,
        reads=("ref",),
        writes=("ref",),
    )
    def scatter(ctx, ref, indices, updates):
        _scatter_rows(ctx, ref, indices, updates, kind)
        return ref

    @scatter.shape_rule
    def _shape(ref, indices, updates):
        _check_rows(ref.shape, indices.shape, updates.shape)
        return ref.shape

    return scatter


def _resource_scatter_op(kind: str):
    allowed = "" if kind == "Update" else ", dtype: NUMBER"

    @op(
        f"ResourceScatter{kind}(resource: resource, indices: Tindices, updates: dtype, *, "
        f"Tindices: INDEX{allowed}) -> ",
        _DOCS[kind].format(what="rows"),
        grad=None,
        stateful=True,
        reads=("resource",),
        writes=("resource",),
    )
    def scatter(ctx, resource, indices, updates):
        _scatter_rows(ctx, resource, indices, updates, kind)
        return ()

    @scatter.shape_rule
    def _shape(resource, indices, updates):
        _check_rows(handle_type(resource)[1], indices.shape, updates.shape)
        return []

    return scatter


scatter_update_op = _scatter_op("Update")
scatter_add_op = _scatter_op("Add")
scatter_sub_op = _scatter_op("Sub")
scatter_mul_op = _scatter_op("Mul")
scatter_div_op = _scatter_op("Div")
scatter_min_op = _scatter_op("Min")
scatter_max_op = _scatter_op("Max")
resource_scatter_update_op = _resource_scatter_op("Update")
resource_scatter_add_op = _resource_scatter_op("Add")
resource_scatter_sub_op = _resource_scatter_op("Sub")
resource_scatter_mul_op = _resource_scatter_op("Mul")
resource_scatter_div_op = _resource_scatter_op("Div")
resource_scatter_min_op = _resource_scatter_op("Min")
resource_scatter_max_op = _resource_scatter_op("Max")


def _scatter(kind: str, ref: Any, indices: Any, updates: Any, use_locking: Any, name: Any) -> Any:
    if is_reference(ref):
        scatter = REGISTRY[f"Scatter{kind}"]
        return scatter(ref, indices, updates, use_locking=use_locking, name=name)
    updates = convert_to_tensor(updates, ref.dtype)
    scatter = REGISTRY[f"ResourceScatter{kind}"]
    return ref._lazy_read(scatter(ref.handle, indices, updates, name=name))


_SCATTER_DOC = """{first}

    Args:
      ref: a variable with at least one dimension.
      indices: int32 or int64 indices into the first dimension, of any shape.
      updates: values of the variable's dtype, of shape `indices.shape + ref.shape[1:]`, or a scalar.
      use_locking: accepted; runs that write are serialised in any case.

    Returns:
      Like `tf.assign`.

    Raises:
      ValueError: if the static shapes cannot fit.
      errors.InvalidArgumentError: when it runs, if an index is out of range or shapes do not fit.

    >>> import reflow as tf
    >>> v = tf.Variable({value})
    >>> print(tf.compat.v1.{name}(v, [0, 2], {updates}).numpy())
    {result}
    """


def _documented(first: str, value: str, updates: str, result: str):
    """Gives a scatter function the docstring of its family."""

    def document(f):
        f.__doc__ = _SCATTER_DOC.format(
            first=first, name=f.__name__, value=value, updates=updates, result=result
        )
        return f

    return document


@export(v1=("scatter_update",))
@_documented("Replaces rows of a variable.", "[1, 2, 3]", "[10, 30]", "[10  2 30]")
def scatter_update(ref, indices, updates, use_locking=True, name=None):
    return _scatter("Update", ref, indices, updates, use_locking, name)


@export(v1=("scatter_add",))
@_documented("Adds to rows of a variable.", "[1, 2, 3]", "[10, 30]", "[11  2 33]")
def scatter_add(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Add", ref, indices, updates, use_locking, name)


@export(v1=("scatter_sub",))
@_documented("Subtracts from rows of a variable.", "[1, 2, 3]", "[10, 30]", "[ -9   2 -27]")
def scatter_sub(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Sub", ref, indices, updates, use_locking, name)


@export(v1=("scatter_mul",))
@_documented("Multiplies rows of a variable.", "[1, 2, 3]", "[10, 30]", "[10  2 90]")
def scatter_mul(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Mul", ref, indices, updates, use_locking, name)


@export(v1=("scatter_div",))
@_documented("Divides rows of a variable.", "[20, 2, 7]", "[10, 3]", "[2 2 2]")
def scatter_div(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Div", ref, indices, updates, use_locking, name)


@export(v1=("scatter_min",))
@_documented(
    "The smaller of rows of a variable and the updates.", "[1, 2, 3]", "[10, 0]", "[1 2 0]"
)
def scatter_min(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Min", ref, indices, updates, use_locking, name)


@export(v1=("scatter_max",))
@_documented(
    "The larger of rows of a variable and the updates.", "[1, 2, 3]", "[10, 0]", "[10  2  3]"
)
def scatter_max(ref, indices, updates, use_locking=False, name=None):
    return _scatter("Max", ref, indices, updates, use_locking, name)


# Elements and slices of a variable ----------------------------------------------------------------


def _scatter_nd(ctx, handle, indices, updates, kind: str, policy: str) -> None:
    params, xp = ctx.take(handle), ctx.xp
    _check_nd_values(params.shape, indices.shape, updates.shape)
    ignore = ignores_bad(policy)
    depth = indices.shape[-1]
    if not depth:
        if indices.size or updates.size:
            raise errors.InvalidArgumentError(
                None,
                None,
                "Indices and updates specified for empty output.  "
                f"indices shape: {_text(indices.shape)}",
            )
        return
    outer, inner = params.shape[:depth], params.shape[depth:]
    at = flat_index(xp, indices, outer, ignore).reshape(-1)
    table = params.reshape((math.prod(outer), *inner))
    values = updates.reshape((at.shape[0], *inner))
    if xp.is_numpy and ignore:
        at, values = at[at < len(table)], values[at < len(table)]
    if xp.is_numpy:
        combine_in_place(kind, table, at, values)
        ctx.write(handle, params if table.base is params else table.reshape(params.shape))
    else:
        ctx.write(handle, combine_at(xp, kind, table, at, values).reshape(params.shape))


def _check_nd_values(params, indices, updates) -> None:
    if not indices:
        raise errors.InvalidArgumentError(None, None, "Indices shape must have rank at least one.")
    lead, depth = indices[:-1], indices[-1]
    if updates[: len(lead)] != lead:
        n = len(lead)
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Dimensions [0,{n}) of indices[shape={_text(indices)}] = {_text(lead)} must match "
            f"dimensions [0,{n}) of updates[shape={_text(updates)}] = {_text(updates[:n])}",
        )
    if depth > len(params) or updates[len(lead) :] != params[depth:]:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Dimensions [{depth},{len(params)}) of input[shape={_text(params)}] must match "
            f"dimensions [{len(lead)},{len(updates)}) of updates[shape={_text(updates)}]",
        )


def _check_nd(params: TensorShape, indices: TensorShape, updates: TensorShape) -> None:
    if params.is_fully_defined() and indices.is_fully_defined() and updates.is_fully_defined():
        try:
            _check_nd_values(params.sizes, indices.sizes, updates.sizes)
        except errors.InvalidArgumentError as error:
            raise ValueError(str(error)) from None


def _scatter_nd_op(kind: str):
    allowed = "" if kind == "Update" else ", T: NUMBER"

    @op(
        f"ScatterNd{kind}(ref: Ref(T), indices: Tindices, updates: T, *, "
        f"use_locking: bool = {kind == 'Update'}, bad_indices_policy: string = '', "
        f"Tindices: INDEX{allowed}) -> output_ref: Ref(T)",
        _DOCS[kind].format(what="slices"),
        grad=None,
        stateful=True,
        reads=("ref",),
        writes=("ref",),
    )
    def scatter(ctx, ref, indices, updates, *, bad_indices_policy):
        _scatter_nd(ctx, ref, indices, updates, kind, bad_indices_policy)
        return ref

    @scatter.shape_rule
    def _shape(ref, indices, updates):
        _check_nd(ref.shape, indices.shape, updates.shape)
        return ref.shape

    return scatter


def _resource_scatter_nd_op(kind: str):
    @op(
        f"ResourceScatterNd{kind}(ref: resource, indices: Tindices, updates: T, *, "
        "use_locking: bool = True, bad_indices_policy: string = '', Tindices: INDEX) -> ",
        _DOCS[kind].format(what="slices"),
        grad=None,
        stateful=True,
        reads=("ref",),
        writes=("ref",),
    )
    def scatter(ctx, ref, indices, updates, *, bad_indices_policy):
        _scatter_nd(ctx, ref, indices, updates, kind, bad_indices_policy)
        return ()

    @scatter.shape_rule
    def _shape(ref, indices, updates):
        _check_nd(handle_type(ref)[1], indices.shape, updates.shape)
        return []

    return scatter


scatter_nd_update_op = _scatter_nd_op("Update")
scatter_nd_add_op = _scatter_nd_op("Add")
scatter_nd_sub_op = _scatter_nd_op("Sub")
scatter_nd_min_op = _scatter_nd_op("Min")
scatter_nd_max_op = _scatter_nd_op("Max")
resource_scatter_nd_update_op = _resource_scatter_nd_op("Update")
resource_scatter_nd_add_op = _resource_scatter_nd_op("Add")
resource_scatter_nd_sub_op = _resource_scatter_nd_op("Sub")
resource_scatter_nd_min_op = _resource_scatter_nd_op("Min")
resource_scatter_nd_max_op = _resource_scatter_nd_op("Max")


def _scatter_nd_public(kind, ref, indices, updates, use_locking, name):
    if is_reference(ref):
        scatter = REGISTRY[f"ScatterNd{kind}"]
        return scatter(ref, indices, updates, use_locking=use_locking, name=name)
    updates = convert_to_tensor(updates, ref.dtype)
    scatter = REGISTRY[f"ResourceScatterNd{kind}"]
    return ref._lazy_read(scatter(ref.handle, indices, updates, name=name))


@export(v1=("scatter_nd_update",))
def scatter_nd_update(ref, indices, updates, use_locking=True, name=None):
    """Replaces elements or slices of a variable.

    Args:
      ref: a variable.
      indices: int32 or int64; the last dimension indexes the leading dimensions of `ref`.
      updates: values of shape `indices.shape[:-1] + ref.shape[indices.shape[-1]:]`.
      use_locking: accepted; runs that write are serialised in any case.

    Returns:
      Like `tf.assign`.

    Raises:
      ValueError: if the static shapes cannot fit.
      errors.InvalidArgumentError: when it runs, if an index is out of range or shapes do not fit.

    >>> import reflow as tf
    >>> v = tf.Variable([1, 2, 3, 4])
    >>> print(tf.compat.v1.scatter_nd_update(v, [[1], [3]], [9, 8]).numpy())
    [1 9 3 8]
    """
    return _scatter_nd_public("Update", ref, indices, updates, use_locking, name)


@export(v1=("scatter_nd_add",))
def scatter_nd_add(ref, indices, updates, use_locking=False, name=None):
    """Adds to elements or slices of a variable; arguments and errors are `scatter_nd_update`'s.

    >>> import reflow as tf
    >>> v = tf.Variable([1, 2, 3, 4])
    >>> print(tf.compat.v1.scatter_nd_add(v, [[1], [1]], [9, 8]).numpy())
    [ 1 19  3  4]
    """
    return _scatter_nd_public("Add", ref, indices, updates, use_locking, name)


@export(v1=("scatter_nd_sub",))
def scatter_nd_sub(ref, indices, updates, use_locking=False, name=None):
    """Subtracts from elements or slices of a variable; see `scatter_nd_update`.

    >>> import reflow as tf
    >>> v = tf.Variable([1, 2, 3, 4])
    >>> print(tf.compat.v1.scatter_nd_sub(v, [[1], [1]], [9, 8]).numpy())
    [  1 -15   3   4]
    """
    return _scatter_nd_public("Sub", ref, indices, updates, use_locking, name)


@export(v1=("batch_scatter_update",))
def batch_scatter_update(ref, indices, updates, use_locking=True, name=None):
    """`scatter_update` along the last dimension of `indices`, for each of its leading ones.

    Args:
      ref: a variable whose first dimensions are those of `indices` but for the last.
      indices: int32 or int64 indices into the dimension of `ref` that follows.
      updates: values, of shape `indices.shape + ref.shape[indices.rank:]`.

    Returns:
      Like `tf.assign`.

    Raises:
      errors.InvalidArgumentError: when it runs, if an index is out of range or shapes do not fit.

    >>> import reflow as tf
    >>> v = tf.Variable([[1, 2, 3], [4, 5, 6]])
    >>> print(tf.compat.v1.batch_scatter_update(v, [[0], [2]], [[9], [8]]).numpy())
    [[9 2 3]
     [4 5 8]]
    """
    with name_scope(name):
        indices = convert_to_tensor(indices, name="indices")
        shape = array.shape(indices)
        rank = indices.shape.rank
        if rank is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        final = array.expand_dims(indices, -1)
        columns = []
        for dimension in range(rank - 1):
            count = shape[dimension]
            column = array.reshape(
                REGISTRY["Range"](0, count, 1),
                [count if i == dimension else 1 for i in range(rank)],
            )
            column = REGISTRY["Cast"](column, DstT=indices.dtype)
            columns.append(array.expand_dims(REGISTRY["BroadcastTo"](column, shape), -1))
        if columns:
            final = joining.concat([*columns, final], -1)
        return scatter_nd_update(ref, final, updates, use_locking)


# Reading some elements ----------------------------------------------------------------------------


@op(
    "ResourceGather(resource: resource, indices: Tindices, *, batch_dims: int = 0,"
    " validate_indices: bool = True, dtype: type, Tindices: INDEX) -> output: dtype",
    stateful=True,
    reads=("resource",),
)
def resource_gather(ctx, resource, indices, *, batch_dims):
    """Rows of a resource variable."""
    params = ctx.read(resource)
    if len(params.shape) <= batch_dims:
        raise errors.InvalidArgumentError(
            None, None, f"params must be at least {batch_dims + 1} dimensional"
        )
    return indexing._gather(ctx.xp, params, indices, batch_dims, batch_dims)


@resource_gather.shape_rule
def _resource_gather_shape(resource, indices, *, dtype, batch_dims):
    _, params = handle_type(resource)
    if params.rank is None or indices.shape.rank is None:
        return shapes.UNKNOWN
    if params.rank <= batch_dims:
        raise ValueError(f"Shape must be at least rank {batch_dims + 1} but is rank {params.rank}")
    return (
        *params.sizes[:batch_dims],
        *indices.shape.sizes[batch_dims:],
        *params.sizes[batch_dims + 1 :],
    )


@resource_gather.gradient_rule
def _resource_gather_grad(g, resource, indices, *, batch_dims):
    if batch_dims:
        raise LookupError("ResourceGather with batch_dims has no gradient: use tf.gather")
    sizes = handle_type(resource)[1].sizes
    shape = variable_shape(resource)
    if sizes is not None and None not in sizes[1:] and 0 not in sizes[1:]:
        values = array.reshape(g, [-1, *sizes[1:]])
    else:
        count = array.expand_dims(array.size(indices), 0)
        values = array.reshape(g, joining.concat([count, shape[1:]], 0))
    return IndexedSlices(values, array.reshape(indices, [-1]), shape), None


@op(
    "ResourceGatherNd(resource: resource, indices: Tindices, *, dtype: type, Tindices: INDEX)"
    " -> output: dtype",
    stateful=True,
    reads=("resource",),
)
def resource_gather_nd(ctx, resource, indices):
    """Elements or slices of a resource variable."""
    return gather_nd_op.lower(ctx.xp, ctx.read(resource), indices, bad_indices_policy="")


@resource_gather_nd.shape_rule
def _resource_gather_nd_shape(resource, indices, *, dtype):
    _, params = handle_type(resource)
    sizes = indices.shape.sizes
    if params.rank is None or sizes is None or sizes[-1] is None:
        return shapes.UNKNOWN
    if sizes[-1] > params.rank:
        raise ValueError(
            f"indices.shape[-1] must be <= params.rank, but saw indices shape: {indices.shape} and "
            f"params shape: {params}"
        )
    return (*sizes[:-1], *params.sizes[sizes[-1] :])


@resource_gather_nd.gradient_rule
def _resource_gather_nd_grad(g, resource, indices):
    shape = variable_shape(resource, indices.dtype)
    if indices.shape.rank == 2 and indices.shape.sizes[-1] == 1:
        return IndexedSlices(g, REGISTRY["Squeeze"](indices, squeeze_dims=[-1]), shape), None
    return REGISTRY["ScatterNd"](indices, g, shape), None
