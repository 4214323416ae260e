"""Strings cut into ragged tensors, n-grams, and string functions of ragged arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import array, cast
from reflow.ops.define import op
from reflow.ops.ragged.concat import concat
from reflow.ops.ragged.elementwise import TYPES, apply
from reflow.ops.ragged.kernels import check_splits, ragged_range_op
from reflow.ops.ragged.math import reduce_ragged
from reflow.ops.ragged.ragged_tensor import RaggedTensor, convert_to_tensor_or_ragged, is_ragged
from reflow.ops.strings import conversions, string_ops

# Cutting ------------------------------------------------------------------------------------------


def _rowwise(cut: Callable[[Any], RaggedTensor], input: Any) -> Any:
    """`cut` of a vector of strings, for strings of any rank: a dimension more."""
    if is_ragged(input):
        return input.with_flat_values(_rowwise(cut, input.flat_values))
    rank = input.shape.rank
    if rank is None:
        raise ValueError(f"{errors.user_site()}: input must have a known rank.")
    if rank == 0:
        return cut(array.expand_dims(input, 0))[0]
    if rank == 1:
        return cut(input)
    deeper = RaggedTensor.from_tensor(input, ragged_rank=rank - 1)
    return deeper.with_flat_values(cut(deeper.flat_values))


def _pieces(result: Any) -> RaggedTensor:
    """What the ops give as the parts of a sparse matrix, as rows."""
    indices, values, dense_shape = result
    return RaggedTensor.from_value_rowids(values, indices[:, 0], dense_shape[0], validate=False)


@export(v2=("strings.split",))
def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """The pieces of strings between separators, as Python's `split` gives them.

    Args:
      input: a tensor or `RaggedTensor` of strings.
      sep: the separator, a string; by default runs of white space.
      maxsplit: how often to split at the most; below 0 for any number.
      name: a prefix for the nodes.

    Returns:
      A `RaggedTensor` with one dimension more; a vector for a single string.

    Raises:
      ValueError: if the rank of `input` is not known.

    >>> import reflow as tf
    >>> tf.strings.split(["a  b", "c"])
    <tf.RaggedTensor [[b'a', b'b'], [b'c']]>
    """
    with name_scope(name, "StringSplit", [input]):
        input = convert_to_tensor_or_ragged(input, dtypes.string, name="input")
        sep = convert_to_tensor("" if sep is None else sep, dtypes.string, "sep")
        return _rowwise(
            lambda rows: _pieces(string_ops.string_split_v2_op(rows, sep, maxsplit=maxsplit)), input
        )


@handles(types=TYPES, v1=("strings.split",))
def split_v1(
    input: Any = None,
    sep: Any = None,
    maxsplit: int = -1,
    result_type: str = "SparseTensor",
    source: Any = None,
    name: str | None = None,
) -> Any:
    """The pieces of strings between separators, ragged or sparse."""
    pieces = split(source if input is None else input, sep, maxsplit, name)
    return pieces if result_type == "RaggedTensor" else pieces.to_sparse()


@export("strings.bytes_split")
def bytes_split(input: Any, name: str | None = None) -> Any:
    """The bytes of strings.

    Args:
      input: a tensor or `RaggedTensor` of strings.
      name: a prefix for the nodes.

    Returns:
      A `RaggedTensor` with one dimension more; a vector for a single string.

    Raises:
      ValueError: if the rank of `input` is not known.

    >>> import reflow as tf
    >>> tf.strings.bytes_split(["ab", ""])
    <tf.RaggedTensor [[b'a', b'b'], []]>
    """
    with name_scope(name, "StringsByteSplit", [input]):
        input = convert_to_tensor_or_ragged(input, dtypes.string, name="input")
        return _rowwise(
            lambda rows: _pieces(string_ops.string_split_op(rows, "", skip_empty=False)), input
        )


# n-grams ------------------------------------------------------------------------------------------


@op(
    "StringNGrams(data: string, data_splits: Tsplits, *, separator: string, ngram_widths: list(int),"
    " left_pad: string, right_pad: string, pad_width: int, preserve_short_sequences: bool,"
    " Tsplits: {int32,int64} = int64) -> ngrams: string, ngrams_splits: Tsplits",
    grad=None,
)
def string_ngrams_op(
    xp,
    data,
    data_splits,
    *,
    separator,
    ngram_widths,
    left_pad,
    right_pad,
    pad_width,
    preserve_short_sequences,
    Tsplits,
):
    """Runs of tokens joined, for each row of tokens and each width."""
    splits = np.asarray(data_splits)
    check_splits([splits], len(data))
    tokens = np.asarray(data, object).tolist()
    glue, left, right = (_as_bytes(each) for each in (separator, left_pad, right_pad))

    def padding(width: int) -> int:
        return width - 1 if pad_width < 0 else min(pad_width, width - 1)

    found: list[bytes] = []
    ends = [0]
    for first, last in zip(splits[:-1].tolist(), splits[1:].tolist()):
        row = tokens[first:last]
        for width in ngram_widths:
            pad = padding(width)
            padded = [left] * pad + row + [right] * pad
            found += [glue.join(padded[i : i + width]) for i in range(len(padded) - width + 1)]
        if preserve_short_sequences and len(found) == ends[-1] and row:
            if pad_width < 0:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    "Pad width should be >= 0 when preserve_short_sequences is True and ngram_widths "
                    f"are not provided, got {pad_width}",
                )
            found.append(glue.join([left] * pad_width + row + [right] * pad_width))
        ends.append(len(found))
    result = np.empty(len(found), object)
    result[:] = found
    return result, np.array(ends, Tsplits.np)


def _as_bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else text


@string_ngrams_op.shape_rule
def _string_ngrams_shape(data, data_splits):
    return [(None,), data_splits.shape]


@export("strings.ngrams")
def ngrams(
    data: Any,
    ngram_width: Any,
    separator: str = " ",
    pad_values: Any = None,
    padding_width: int | None = None,
    preserve_short_sequences: bool = False,
    name: str | None = None,
) -> Any:
    """Runs of `ngram_width` tokens, joined, along the innermost dimension.

    Args:
      data: a tensor or `RaggedTensor` of strings, of rank 1 or more.
      ngram_width: an integer, or a list of them.
      separator: what stands between the tokens of a run.
      pad_values: a string, or a pair of them, that stands before and after each row.
      padding_width: how often it does; by default one less than the width of the run, and never more.
      preserve_short_sequences: whether a row that is too short gives one run of all that it has.
      name: a prefix for the nodes.

    Returns:
      A `RaggedTensor` for a ragged one; else a tensor.

    Raises:
      TypeError: if `pad_values` is neither a string nor a pair of strings.
      ValueError: if a width is below 1, or there is a width of padding but no padding.

    >>> import reflow as tf
    >>> tf.strings.ngrams(["a", "b", "c"], 2).numpy().tolist()
    [b'a b', b'b c']
    """
    site = errors.user_site()
    left = right = ""
    if pad_values is not None:
        if isinstance(pad_values, (str, bytes)):
            left = right = pad_values  # type: ignore[assignment]
        elif isinstance(pad_values, (list, tuple)) and len(pad_values) == 2:
            left, right = pad_values
        else:
            raise TypeError(
                f"{site}: pad_values must be a string, tuple of strings, or None, got {pad_values!r}"
            )
        if not all(isinstance(each, (str, bytes)) for each in (left, right)):
            raise TypeError(f"{site}: pad_values must be strings, got {pad_values!r}")
    elif padding_width is not None:
        raise ValueError(f"{site}: pad_values must be provided if padding_width is set.")
    if padding_width is not None and padding_width < 1:
        raise ValueError(f"{site}: padding_width must be greater than 0, got {padding_width}")
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    if any(width < 1 for width in widths):
        raise ValueError(
            f"{site}: All ngram_widths must be greater than 0. Received: ngram_width={ngram_width}"
        )
    pad = 0 if pad_values is None else -1 if padding_width is None else padding_width
    call = {
        "separator": separator,
        "ngram_widths": widths,
        "left_pad": left,
        "right_pad": right,
        "pad_width": pad,
        "preserve_short_sequences": preserve_short_sequences,
    }
    with name_scope(name, "StringNGrams", [data]):
        return _ngrams(convert_to_tensor_or_ragged(data, dtypes.string, name="data"), call)


def _ngrams(data: Any, call: dict[str, Any]) -> Any:
    if is_ragged(data):
        if data.ragged_rank > 1:
            return data.with_values(_ngrams(data.values, call))
        values, splits = string_ngrams_op(data.values, data.row_splits, **call)
        return RaggedTensor.from_row_splits(values, splits, validate=False)
    rank = data.shape.rank
    if rank is None:
        raise ValueError("Rank of data must be known.")
    if rank == 0:
        raise ValueError("Data must have rank>0")
    if rank == 1:
        row = RaggedTensor.from_row_starts(data, np.zeros(1, np.int64), validate=False)
        return _ngrams(row, call).values
    return _ngrams(RaggedTensor.from_tensor(data, ragged_rank=rank - 1), call).to_tensor()


# Joining ------------------------------------------------------------------------------------------


@handles("strings.join", types=TYPES, v1=("string_join",))
def join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Any:
    """Strings joined, element by element."""
    with name_scope(name, "StringJoin"):
        return apply(lambda *flats: string_ops.string_join(list(flats), separator), *inputs)


@handles(types=TYPES, v2=("strings.reduce_join",))
def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Any = None
) -> Any:
    """The strings of rows joined."""
    rt = convert_to_tensor_or_ragged(inputs, dtypes.string)
    with name_scope(name, "RaggedReduceJoin"):
        return reduce_ragged(_join_dense, _join_segments, rt, axis, keepdims, separator=separator)


@handles(types=TYPES, v1=("strings.reduce_join", "reduce_join"))
def reduce_join_v1(
    inputs: Any,
    axis: Any = None,
    keep_dims: Any = None,
    separator: str = "",
    name: Any = None,
    reduction_indices: Any = None,
    keepdims: Any = None,
) -> Any:
    """The strings of rows joined."""
    axis = reduction_indices if axis is None else axis
    return reduce_join(inputs, axis, bool(keep_dims or keepdims), separator, name)


def _join_dense(rt: Any, axis: Any, keepdims: bool, separator: str) -> Any:
    return string_ops.reduce_join(rt, axis, keepdims, separator)


def _join_segments(data: Any, ids: Any, count: Any, separator: str) -> Any:
    return REGISTRY["UnsortedSegmentJoin"](data, ids, count, separator=separator)


# As text ------------------------------------------------------------------------------------------


def as_text(rt: Any, summarize: int) -> Any:
    """A string scalar: the values in brackets, the first and last `summarize` of each dimension."""
    rt = convert_to_tensor_or_ragged(rt)
    if rt.shape.rank is not None and rt.shape.rank > rt.ragged_rank + 1:
        more = rt.shape.rank - rt.ragged_rank - 1
        rt = rt.with_flat_values(RaggedTensor.from_tensor(rt.flat_values, ragged_rank=more))
    flat = rt.flat_values
    if flat.dtype is dtypes.string:
        shown = string_ops.string_join(["'", flat, "'"])
    elif flat.dtype.is_bool:
        shown = REGISTRY["SelectV2"](flat, "True", "False")
    else:
        shown = conversions.as_string(flat)
    text: Any = rt.with_flat_values(shown)
    for depth in range(rt.ragged_rank, 0, -1):
        text = _brackets(text, depth, summarize)
    whole = RaggedTensor.from_row_starts(text, np.zeros(1, np.int64), validate=False)
    return _brackets(whole, 1, summarize)[0]


def _brackets(text: RaggedTensor, depth: int, summarize: int) -> Any:
    """The rows at a depth, each as one string."""
    if depth > 1:
        return text.with_values(_brackets(text.values, depth - 1, summarize))
    if summarize >= 0:
        text = _shortened(text, summarize)
    joined = reduce_join(text, 1, separator=", ")
    return string_ops.string_join(["[", joined, "]"])


def _shortened(text: RaggedTensor, most: int) -> RaggedTensor:
    kind = text.row_splits.dtype
    lengths = text.row_lengths()
    long = lengths > convert_to_tensor(2 * most, kind)
    ends = REGISTRY["SelectV2"](
        long,
        text.row_limits() - most,
        REGISTRY["Minimum"](text.row_starts() + most, text.row_limits()),
    )
    splits, places = ragged_range_op(
        ends, text.row_limits(), convert_to_tensor(1, kind), Tsplits=kind
    )
    last = RaggedTensor.from_row_splits(
        REGISTRY["GatherV2"](text.values, places, 0), splits, validate=False
    )
    counts = cast.cast(long, kind)
    dots = REGISTRY["Fill"](array.reshape(REGISTRY["Sum"](counts, [0]), [1]), "...")
    middle = RaggedTensor.from_row_lengths(dots, counts, validate=False)
    return concat([text[:, :most], middle, last], axis=1)


@handles("strings.format", types=TYPES, with_function=True)
def string_format(
    function: Callable,
    template: Any,
    inputs: Any,
    placeholder: str = "{}",
    summarize: int = 3,
    name: str | None = None,
) -> Any:
    """The template, with ragged tensors as text."""
    flat = [inputs] if is_ragged(inputs) else list(inputs)
    pieces = template.split(placeholder)
    if len(pieces) != len(flat) + 1:
        return function(template, [0] * len(flat), placeholder, summarize, name)  # it says so
    parts: list[Any] = [pieces[0]]
    for each, piece in zip(flat, pieces[1:]):
        if is_ragged(each):
            parts.append(as_text(each, summarize))
        else:
            parts.append(function(placeholder, [each], placeholder, summarize))
        parts.append(piece)
    return string_ops.string_join(parts, name=name)
