"""Strings: https://www.tensorflow.org/api_docs/python/tf/strings

Tensors of strings are object arrays of `bytes`, and always on the host. Where characters count, the
bytes are UTF-8. Regular expressions are in `ops/strings/regex.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import string
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.static_value import constant_value
from reflow.ops import array, shape_rules
from reflow.ops.define import op
from reflow.ops.public import public


def mapped(f: Callable[[bytes], Any], x: Any) -> np.ndarray:
    """`f` of every element of an array of strings, as an array of strings."""
    x = np.asarray(x, object)
    result = np.empty(x.size, object)
    result[:] = [f(each) for each in x.ravel().tolist()]
    return result.reshape(x.shape)


def measured(f: Callable[[bytes], Any], x: Any, dtype: Any) -> np.ndarray:
    """`f` of every element of an array of strings, as an array of `dtype`."""
    x = np.asarray(x, object)
    return np.array([f(each) for each in x.ravel().tolist()], dtype).reshape(x.shape)


def _characters(text: bytes) -> list[bytes]:
    """The UTF-8 characters of `text`; a byte that continues none belongs to the one before."""
    return re.findall(rb"[^\x80-\xbf][\x80-\xbf]*|^[\x80-\xbf]+", text, re.DOTALL)


_UNIT = "unit: string{BYTE,UTF8_CHAR} = 'BYTE'"

# Joining ------------------------------------------------------------------------------------------


@op(
    "StringJoin(inputs: N*string, *, separator: string = '') -> output: string",
    shape=lambda inputs: _joined_shape(inputs),
    grad=None,
)
def string_join_op(xp, inputs, *, separator):
    """Strings joined, element by element; scalars go to every element."""
    if not inputs:
        return np.array(b"", object)
    shape = next((np.shape(each) for each in inputs if np.ndim(each)), ())
    for i, each in enumerate(inputs):
        if np.ndim(each) and np.shape(each) != shape:
            raise ValueError(
                f"Input shapes do not match. Expected shape {list(shape)} but got {list(each.shape)}"
                f" for input {i}"
            )
    parts = [np.broadcast_to(np.asarray(each, object), shape).ravel().tolist() for each in inputs]
    glue = separator.encode() if isinstance(separator, str) else separator
    result = np.empty(len(parts[0]), object)
    result[:] = [glue.join(each) for each in zip(*parts)]
    return result.reshape(shape)


def _joined_shape(inputs: list[Any]) -> Any:
    result = shapes.SCALAR
    for each in inputs:
        if each._shape.rank is None:
            return shapes.UNKNOWN
        if each._shape.rank:
            result = each._shape if result.rank == 0 else result.merge_with(each._shape)
    return result


@export("strings.join", v1=("string_join",))
def string_join(inputs: Any, separator: str = "", name: str | None = None) -> Any:
    """Strings joined, element by element.

    Args:
      inputs: a list of string tensors of one shape; scalars among them go to every element.
      separator: what stands between.

    Raises:
      ValueError: if the shapes are known to differ.
      InvalidArgumentError: if they turn out to differ.

    >>> import reflow as tf
    >>> tf.strings.join(["a", ["b", "c"]], "-").numpy().tolist()
    [b'a-b', b'a-c']
    """
    return string_join_op(list(inputs), separator=separator, name=name)


@op(
    "ReduceJoin(inputs: string, reduction_indices: int32, *, keep_dims: bool = False,"
    " separator: string = '') -> output: string",
    grad=None,
)
def reduce_join_op(xp, inputs, reduction_indices, *, keep_dims, separator):
    """Strings joined along dimensions, of which the first that is named varies fastest."""
    inputs = np.asarray(inputs, object)
    axes = _join_axes(reduction_indices, inputs.ndim, _out_of_range)
    rest = [d for d in range(inputs.ndim) if d not in axes]
    kept = [inputs.shape[d] for d in rest]
    count = int(np.prod([inputs.shape[d] for d in axes], dtype=np.int64))
    glue = separator.encode() if isinstance(separator, str) else separator
    rows = inputs.transpose([*rest, *reversed(axes)]).reshape(-1, count) if count else None
    total = int(np.prod(kept, dtype=np.int64))
    result = np.empty(total, object)
    result[:] = [b""] * total if rows is None else [glue.join(row) for row in rows.tolist()]
    if keep_dims:
        kept = [1 if d in axes else n for d, n in enumerate(inputs.shape)]
    return result.reshape(kept)


def _join_axes(
    given: Any, rank: int, outside: Callable[[str], Exception] = ValueError
) -> list[int]:
    axes = []
    for each in np.asarray(given).ravel().tolist():
        if not -rank <= each < rank:
            raise outside(f"Invalid reduction dimension {each} for input with {rank} dimension(s)")
        if each % rank in axes:
            raise ValueError(f"Duplicate reduction dimension {each}")
        axes.append(each % rank)
    return axes


def _out_of_range(message: str) -> Exception:
    return errors.OutOfRangeError(None, None, message)


@reduce_join_op.shape_rule
def _reduce_join_shape(inputs, reduction_indices, *, keep_dims):
    sizes, axes = inputs._shape._dims, constant_value(reduction_indices)
    if sizes is None:
        return shapes.UNKNOWN
    if axes is None:
        return shapes.unknown_shape(len(sizes)) if keep_dims else shapes.UNKNOWN
    gone = _join_axes(axes, len(sizes))
    if keep_dims:
        return tuple(1 if d in gone else n for d, n in enumerate(sizes))
    return tuple(n for d, n in enumerate(sizes) if d not in gone)


@export(v2=("strings.reduce_join",))
def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Any = None
) -> Any:
    """Strings joined along dimensions.

    Args:
      inputs: a string tensor.
      axis: the dimensions; the first that is named varies fastest. By default all, in row-major order.
      keepdims: whether they stay, with size 1.
      separator: what stands between.

    Raises:
      ValueError: if a dimension is out of range or named twice.

    >>> import reflow as tf
    >>> tf.strings.reduce_join([["a", "b"], ["c", "d"]], 0, separator=" ").numpy().tolist()
    [b'a c', b'b d']
    """
    inputs = convert_to_tensor(inputs, string)
    if axis is None:
        if inputs.shape.rank is not None:
            axis = np.arange(inputs.shape.rank - 1, -1, -1, dtype=np.int32)
        else:
            rank = array.rank(inputs)
            axis = REGISTRY["Range"](REGISTRY["Sub"](rank, 1), -1, -1)
    return reduce_join_op(inputs, axis, keep_dims=keepdims, separator=separator, name=name)


@export(v1=("strings.reduce_join", "reduce_join"))
def reduce_join_v1(
    inputs: Any,
    axis: Any = None,
    keep_dims: Any = None,
    separator: str = "",
    name: str | None = None,
    reduction_indices: Any = None,
    keepdims: Any = None,
) -> Any:
    """`tf.strings.reduce_join` with its TF 1 parameters.

    >>> import reflow as tf
    >>> tf.compat.v1.reduce_join(["a", "b"], 0).numpy()
    b'ab'
    """
    if reduction_indices is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'axis' and 'reduction_indices'.")
        axis = reduction_indices
    if keep_dims is not None:
        if keepdims is not None:
            raise ValueError("Cannot specify both 'keepdims' and 'keep_dims'.")
        keepdims = keep_dims
    return reduce_join(inputs, axis, bool(keepdims), separator, name)


@op(
    "UnsortedSegmentJoin(inputs: string, segment_ids: Tindices, num_segments: Tnumsegments, *,"
    " separator: string = '', Tindices: INDEX, Tnumsegments: INDEX = int32) -> output: string",
    grad=None,
)
def unsorted_segment_join_op(xp, inputs, segment_ids, num_segments, *, separator):
    """Strings of one segment joined."""
    inputs, count = np.asarray(inputs, object), int(num_segments)
    if inputs.shape[: segment_ids.ndim] != segment_ids.shape:
        raise ValueError(
            f"segment_ids.shape {list(segment_ids.shape)} must be a prefix of inputs.shape "
            f"{list(inputs.shape)}"
        )
    inner = inputs.shape[segment_ids.ndim :]
    width = int(np.prod(inner, dtype=np.int64))
    rows = inputs.reshape(segment_ids.size, width).tolist()
    groups: list[list[Any]] = [[] for _ in range(count)]
    for row, segment in zip(rows, segment_ids.ravel().tolist()):
        if not 0 <= segment < count:
            raise ValueError(
                "segment_ids are not allowed to exceed num_segments or to have negative values."
            )
        groups[segment].append(row)
    glue = separator.encode() if isinstance(separator, str) else separator
    result = np.empty(count * width, object)
    result[:] = [glue.join(row[j] for row in group) for group in groups for j in range(width)]
    return result.reshape((count, *inner))


@unsorted_segment_join_op.shape_rule
def _unsorted_segment_join_shape(inputs, segment_ids, num_segments):
    sizes, rank = inputs._shape._dims, segment_ids._shape.rank
    if sizes is None or rank is None:
        return shapes.UNKNOWN
    count = constant_value(num_segments)
    return (None if count is None else int(count), *sizes[rank:])


unsorted_segment_join = public(
    unsorted_segment_join_op,
    "strings.unsorted_segment_join",
    example=('["a", "b", "c"], [1, 0, 1], 2', "[b'b' b'ac']"),
)

# Splitting ----------------------------------------------------------------------------------------


def _split_result(rows: list[list[bytes]]) -> tuple[Any, Any, Any]:
    """Lists of strings, one per row, as the parts of a sparse matrix."""
    counts = np.array([len(row) for row in rows], np.int64)
    total = int(counts.sum())
    indices = np.empty((total, 2), np.int64)
    indices[:, 0] = np.repeat(np.arange(len(rows)), counts)
    indices[:, 1] = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    values = np.empty(total, object)
    values[:] = [each for row in rows for each in row]
    return indices, values, np.array([len(rows), counts.max(initial=0)], np.int64)


def _split_shape(input: Any, *rest: Any) -> list[Any]:
    input._shape.with_rank(1)
    return [shapes.of((None, 2)), shapes.of((None,)), shapes.of((2,))]


def _vector(x: Any) -> list[bytes]:
    if np.ndim(x) != 1:
        raise ValueError(f"input must be a vector, got shape: {list(np.shape(x))}")
    return x.tolist()


@op(
    "StringSplit(input: string, delimiter: string, *, skip_empty: bool = True)"
    " -> indices: int64, values: string, shape: int64",
    shape=_split_shape,
    grad=None,
)
def string_split_op(xp, input, delimiter, *, skip_empty):
    """Strings cut at every byte of a set; without one, into single bytes."""
    if np.ndim(delimiter):
        raise ValueError(f"delimiter must be a scalar, got shape: {list(np.shape(delimiter))}")
    at = bytes(np.asarray(delimiter, object).item())
    rows = _vector(input)
    if not at:
        cut = [[row[i : i + 1] for i in range(len(row))] for row in rows]
    elif len(at) == 1:
        cut = [row.split(at) for row in rows]
    else:
        pattern = re.compile(b"[" + re.escape(at) + b"]")
        cut = [pattern.split(row) for row in rows]
    cut = [pieces if row else [] for pieces, row in zip(cut, rows)]
    if skip_empty:
        cut = [[each for each in row if each] for row in cut]
    return _split_result(cut)


@op(
    "StringSplitV2(input: string, sep: string, *, maxsplit: int = -1)"
    " -> indices: int64, values: string, shape: int64",
    shape=_split_shape,
    grad=None,
)
def string_split_v2_op(xp, input, sep, *, maxsplit):
    """Strings cut at a separator, or at white space.

    As Python's `split` does it, but white space is cut `maxsplit` times in any case: the last piece is
    empty where nothing is left, and 0 leaves white space in front.
    """
    if np.ndim(sep):
        raise ValueError(f"sep must be a scalar, got shape: {list(np.shape(sep))}")
    at = bytes(np.asarray(sep, object).item()) or None
    if at is None and maxsplit == 0:
        return _split_result([[row] for row in _vector(input)])
    cut = [row.split(at, maxsplit) for row in _vector(input)]
    if at is None:
        cut = [[*pieces, b""] if len(pieces) == maxsplit else pieces for pieces in cut]
    return _split_result(cut)


@export(v1=("string_split",))
def string_split(
    source: Any,
    sep: Any = None,
    skip_empty: bool = True,
    delimiter: Any = None,
    result_type: str = "SparseTensor",
    name: str | None = None,
) -> Any:
    """The pieces of strings between delimiters, as a sparse matrix with a row for each string.

    Args:
      source: a string vector.
      sep: a string: each of its bytes is a delimiter. By default a blank; "" cuts into bytes.
      skip_empty: whether empty pieces are left out.
      delimiter: the old name of `sep`.
      result_type: "SparseTensor" or "RaggedTensor".

    Raises:
      ValueError: for another result type.

    >>> import reflow as tf
    >>> tf.compat.v1.string_split(["a b", "c"]).values.numpy().tolist()
    [b'a', b'b', b'c']
    """
    if delimiter is not None:
        if sep is not None:
            raise ValueError("Cannot specify both 'sep' and 'delimiter'.")
        sep = delimiter
    source = convert_to_tensor(source, string)
    sep = convert_to_tensor(" " if sep is None else sep, string)
    parts = string_split_op(source, sep, skip_empty=skip_empty, name=name)
    return _as_result_type(parts, result_type)


def _as_result_type(parts: Any, result_type: str) -> Any:
    """Indices, values and shape of the pieces as a sparse or ragged matrix."""
    if result_type == "SparseTensor":
        return SparseTensor(*parts)
    if result_type != "RaggedTensor":
        raise ValueError(f"result_type must be 'RaggedTensor' or 'SparseTensor', got {result_type}")
    from reflow.ops.ragged.ragged_tensor import RaggedTensor

    indices, values, shape = parts
    return RaggedTensor.from_value_rowids(values, indices[:, 0], shape[0], validate=False)


@export(v1=("strings.split",))
def strings_split_v1(
    input: Any = None,
    sep: Any = None,
    maxsplit: int = -1,
    result_type: str = "SparseTensor",
    source: Any = None,
    name: str | None = None,
) -> Any:
    """The pieces of strings between separators, as Python's `split` gives them, in a sparse matrix.

    Args:
      input: a tensor of strings.
      sep: the separator; by default runs of white space.
      maxsplit: how often to split at the most; below 0 for any number.
      result_type: "SparseTensor" or "RaggedTensor".
      source: the old name of `input`.

    Raises:
      ValueError: for another result type, or an input of unknown rank.

    >>> import reflow as tf
    >>> tf.compat.v1.strings.split(["a  b", "c"]).dense_shape.numpy().tolist()
    [2, 2]
    """
    if source is not None:
        if input is not None:
            raise ValueError("Cannot specify both 'input' and 'source'.")
        input = source
    input = convert_to_tensor(input, string, "input")
    if input.shape.rank == 0:
        input = array.expand_dims(input, 0)
    elif input.shape.rank != 1:
        from reflow.ops.ragged.strings import split_v1

        return split_v1(input, sep, maxsplit, result_type, name=name)
    sep = convert_to_tensor("" if sep is None else sep, string)
    parts = string_split_v2_op(input, sep, maxsplit=maxsplit, name=name)
    return _as_result_type(parts, result_type)


# Parts and forms ----------------------------------------------------------------------------------


@op(
    f"StringLength(input: string, *, {_UNIT}) -> output: int32",
    shape=shape_rules.same,
    grad=None,
)
def string_length_op(xp, input, *, unit):
    """The lengths of strings, in bytes or in UTF-8 characters."""
    if unit == "BYTE":
        return measured(len, input, np.int32)
    return measured(lambda text: sum(byte & 0xC0 != 0x80 for byte in text), input, np.int32)


@export(v2=("strings.length",))
def string_length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """The lengths of strings.

    Args:
      input: a string tensor.
      unit: "BYTE" or "UTF8_CHAR".

    Returns:
      An int32 tensor of the same shape.

    >>> import reflow as tf
    >>> tf.strings.length(["abc", "\\u00e4"]).numpy().tolist()
    [3, 2]
    """
    return string_length_op(input, unit=unit, name=name)


@export(v1=("strings.length",))
def string_length_v1(input: Any, name: str | None = None, unit: str = "BYTE") -> Any:
    """`tf.strings.length` with its TF 1 order of parameters.

    >>> import reflow as tf
    >>> tf.compat.v1.strings.length("abc").numpy().item()
    3
    """
    return string_length_op(input, unit=unit, name=name)


@op(
    f"Substr(input: string, pos: T, len: T, *, T: INDEX, {_UNIT}) -> output: string",
    grad=None,
)
def substr_op(xp, input, pos, len, *, unit):
    """Pieces of strings: from a position, so many bytes or characters."""
    input = np.asarray(input, object)
    if pos.shape != len.shape:
        raise ValueError(
            f"pos and len should have the same shape, got: {list(pos.shape)} vs. {list(len.shape)}"
        )
    shape = np.broadcast_shapes(input.shape, pos.shape)
    rows = zip(*[np.broadcast_to(each, shape).ravel().tolist() for each in (input, pos, len)])
    pieces = [_piece(text, at, count, unit) for text, at, count in rows]
    result = np.empty(int(np.prod(shape, dtype=np.int64)), object)
    result[:] = pieces
    return result.reshape(shape)


def _piece(text: bytes, at: int, count: int, unit: str) -> bytes:
    parts: Any = text if unit == "BYTE" else _characters(text)
    size = len(parts)
    if not -size <= at <= size:
        raise ValueError(f"pos {at} out of range for string b'{text.decode('latin-1')}'")
    at = at + size if at < 0 else at
    if count < 0 and unit != "BYTE":
        raise ValueError(f"len {count} out of range for string b'{text.decode('latin-1')}'")
    end = at + count if count >= 0 else size  # a negative one means the rest, as it does in C++
    return b"".join(parts[at:end]) if unit != "BYTE" else parts[at:end]


@substr_op.shape_rule
def _substr_shape(input, pos, len):
    pos._shape.merge_with(len._shape)
    return shapes.broadcast(input._shape, pos._shape)


@export(v2=("strings.substr",))
def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """Pieces of strings: from a position, so many bytes or characters, or fewer at the end.

    Args:
      input: a string tensor.
      pos: int32 or int64, broadcasting with `input`; negative positions count from the end.
      len: of the shape and dtype of `pos`.
      unit: "BYTE" or "UTF8_CHAR".

    Raises:
      InvalidArgumentError: if a position lies outside of its string.

    >>> import reflow as tf
    >>> tf.strings.substr(["hello", "world"], 1, 3).numpy().tolist()
    [b'ell', b'orl']
    """
    return substr_op(input, pos, len, unit=unit, name=name)


@export(v1=("strings.substr", "substr"))
def substr_v1(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Any:
    """`tf.strings.substr` with its TF 1 order of parameters.

    >>> import reflow as tf
    >>> tf.compat.v1.substr("hello", -2, 2).numpy()
    b'lo'
    """
    return substr_op(input, pos, len, unit=unit, name=name)


def _cased(name: str, doc: str, of_bytes: Callable, of_text: Callable) -> Any:
    @op(
        f"{name}(input: string, *, encoding: string = '') -> output: string",
        doc,
        shape=shape_rules.same,
        grad=None,
    )
    def lower(xp, input, *, encoding):
        if encoding not in ("", "utf-8"):
            raise ValueError(f"only utf-8 or '' (no encoding) is supported, received {encoding}")
        if not encoding:
            return mapped(of_bytes, input)
        return mapped(lambda text: of_text(text.decode("utf-8", "replace")).encode(), input)

    return lower


string_lower_op = _cased(
    "StringLower", "Strings in lower case: ASCII's, or that of UTF-8.", bytes.lower, str.lower
)
string_upper_op = _cased(
    "StringUpper", "Strings in upper case: ASCII's, or that of UTF-8.", bytes.upper, str.upper
)
string_lower = public(
    string_lower_op, "strings.lower", attribute="string_lower", example=('"Ab"', "b'ab'")
)
string_upper = public(
    string_upper_op, "strings.upper", attribute="string_upper", example=('"Ab"', "b'AB'")
)


@op("StringStrip(input: string) -> output: string", shape=shape_rules.same, grad=None)
def string_strip_op(xp, input):
    """Strings without white space at both ends."""
    return mapped(bytes.strip, input)


string_strip = public(
    string_strip_op,
    "strings.strip",
    attribute="string_strip",
    v1=["string_strip"],
    example=('" a b\\n"', "b'a b'"),
)
