"""Strings as Unicode characters: https://www.tensorflow.org/api_docs/python/tf/strings/unicode_decode"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import string
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.array import reshape
from reflow.ops.array import shape as shape_of
from reflow.ops.define import op
from reflow.ops.joining import stack
from reflow.ops.public import public
from reflow.ops.ragged.array_ops import expand_dims
from reflow.ops.ragged.ragged_tensor import RaggedTensor, convert_to_tensor_or_ragged, is_ragged
from reflow.ops.strings.string_ops import mapped
from reflow.ops.strings.unicode_codecs import (
    HIGHEST,
    Handling,
    decoded,
    encoded,
    invalid,
    is_surrogate,
    reader,
)

# Ops ----------------------------------------------------------------------------------------------

_TREATED = "errors: string{strict,replace,ignore} = 'replace', replacement_char: int = 65533"
_CONTROLS = f"{_TREATED}, replace_control_characters: bool = False"


def _decode(input: Any, encoding: str, handling: Handling, splits: Any) -> tuple[Any, Any, Any]:
    read = reader(encoding)
    codes: list[int] = []
    starts: list[int] = []
    ends = [0]
    for text in np.asarray(input, object).ravel().tolist():
        of_text, begins = decoded(text, read, handling)
        codes += of_text
        starts += begins
        ends.append(len(codes))
    return np.array(ends, splits), np.array(codes, np.int32), np.array(starts, np.int64)


def _decoded_shape(input: Any) -> list[Any]:
    count = input._shape.num_elements()
    return [shapes.of((None if count is None else count + 1,)), shapes.of((None,))]


@op(
    f"UnicodeDecode(input: string, *, input_encoding: string, {_CONTROLS},"
    " Tsplits: INDEX = int64) -> row_splits: Tsplits, char_values: int32",
    shape=_decoded_shape,
    grad=None,
)
def unicode_decode_op(
    xp, input, *, input_encoding, errors, replacement_char, replace_control_characters, Tsplits
):
    """The code points of strings, and where those of each string end."""
    handling = Handling(errors, replacement_char, replace_control_characters)
    return _decode(input, input_encoding, handling, Tsplits.np)[:2]


@op(
    f"UnicodeDecodeWithOffsets(input: string, *, input_encoding: string, {_CONTROLS},"
    " Tsplits: INDEX = int64)"
    " -> row_splits: Tsplits, char_values: int32, char_to_byte_starts: int64",
    shape=lambda input: [*_decoded_shape(input), shapes.of((None,))],
    grad=None,
)
def unicode_decode_with_offsets_op(
    xp, input, *, input_encoding, errors, replacement_char, replace_control_characters, Tsplits
):
    """The code points of strings, where those of each string end, and at which byte each begins."""
    handling = Handling(errors, replacement_char, replace_control_characters)
    return _decode(input, input_encoding, handling, Tsplits.np)


def _encoded_shape(input_values: Any, input_splits: Any) -> Any:
    size = input_splits._shape.with_rank(1)._dims[0]
    return shapes.of((None if size is None else size - 1,)) if size != 0 else shapes.of((None,))


@op(
    "UnicodeEncode(input_values: int32, input_splits: Tsplits, *,"
    " errors: string{ignore,replace,strict} = 'replace',"
    " output_encoding: string{UTF-8,UTF-16-BE,UTF-32-BE}, replacement_char: int = 65533,"
    " Tsplits: INDEX = int64) -> output: string",
    shape=_encoded_shape,
    grad=None,
)
def unicode_encode_op(xp, input_values, input_splits, *, errors, output_encoding, replacement_char):
    """Rows of code points as strings."""
    handling = Handling(errors, replacement_char)
    codes, splits = np.ravel(input_values).tolist(), np.ravel(input_splits).tolist()
    if not splits:
        raise invalid(f"Input_splits should contain elements, but input_values has {len(codes)}")
    if splits[0] != 0:
        raise invalid("First value in input_splits must be zero.")
    if splits[-1] != len(codes):
        raise invalid("Last value in input_splits must be equal to length of input_tensor.")
    if any(a > b for a, b in zip(splits, splits[1:])):
        raise invalid("Values in input_splits must be equal or in ascending order.")
    fine = []
    kept = [0]  # how many of the code points so far are kept
    for code in codes:
        if not 0 <= code <= HIGHEST or is_surrogate(code):
            if handling.strict:
                raise invalid("Code point is out of range for Unicode, or is a surrogate.")
            if not handling.ignore:
                fine.append(handling.replacement)
        else:
            fine.append(code)
        kept.append(len(fine))
    result = np.empty(len(splits) - 1, object)
    result[:] = [
        encoded(fine[kept[a] : kept[b]], output_encoding) for a, b in zip(splits, splits[1:])
    ]
    return result


@op(
    "UnicodeTranscode(input: string, *, input_encoding: string,"
    f" output_encoding: string{{UTF-8,UTF-16-BE,UTF-32-BE}}, {_CONTROLS}) -> output: string",
    shape=shape_rules.same,
    grad=None,
)
def unicode_transcode_op(
    xp,
    input,
    *,
    input_encoding,
    output_encoding,
    errors,
    replacement_char,
    replace_control_characters,
):
    """Strings in another encoding, in which malformed input is replaced or left out."""
    handling = Handling(errors, replacement_char, replace_control_characters)
    read = reader(input_encoding)

    def transcoded(text: bytes) -> bytes:
        if handling.strict and any(map(handling.unwanted, read(text))):
            raise invalid("Invalid formatting on input string")
        return encoded(decoded(text, read, handling)[0], output_encoding)

    return mapped(transcoded, input)


unicode_transcode = public(
    unicode_transcode_op,
    "strings.unicode_transcode",
    example=("'a', 'UTF-8', 'UTF-16-BE'", "b'\\x00a'"),
    errors="InvalidArgumentError: if the input is malformed and `errors` is 'strict'.",
)


@functools.cache
def _script_runs() -> tuple[Any, Any]:
    """The first character of each run of characters of one script, and ICU's numbers of the scripts."""
    from reflow.ops.strings.unicode_scripts import RUNS

    sizes, scripts = np.array(
        [[int(part, 16) for part in run.split(".")] for run in RUNS.split()]
    ).T
    return np.cumsum(sizes) - sizes, scripts.astype(np.int32)


@op(
    "UnicodeScript(input: int32) -> output: int32", shape=shape_rules.same, grad=None, compile=False
)
def unicode_script_op(xp, input):
    """The number that ICU gives to the script of a character: 25 for Latin; -1 for no character."""
    starts, scripts = _script_runs()
    found = scripts[np.searchsorted(starts, np.clip(input, 0, HIGHEST), side="right") - 1]
    return np.where((input < 0) | (input > HIGHEST), np.int32(-1), found)


unicode_script = public(
    unicode_script_op, "strings.unicode_script", example=("[97, 0x3B1, 0x416]", "[25 14  8]")
)

# Decoding -----------------------------------------------------------------------------------------


def _decoded(input: Any, with_offsets: bool, **how: Any) -> tuple[Any, Any]:
    input = convert_to_tensor_or_ragged(input, string, name="input")
    rank = input.shape.rank
    if rank is None:
        raise ValueError("Rank of `input` must be statically known.")
    if rank > 1:
        if not is_ragged(input):
            input = RaggedTensor.from_tensor(input, ragged_rank=rank - 1)
        elif input.ragged_rank < rank - 1:
            deeper = rank - input.ragged_rank - 1
            flat = RaggedTensor.from_tensor(input.flat_values, ragged_rank=deeper)
            input = input.with_flat_values(flat)
    texts = reshape(input.flat_values if is_ragged(input) else input, [-1])
    if with_offsets:
        splits, *parts = unicode_decode_with_offsets_op(texts, **how)
    else:
        splits, *parts = unicode_decode_op(texts, **how)
    if rank:
        parts = [RaggedTensor.from_row_splits(each, splits, validate=False) for each in parts]
    if rank > 1:
        parts = [input.with_flat_values(each) for each in parts]
    return parts[0], parts[1] if with_offsets else None


@export("strings.unicode_decode")
def unicode_decode(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> Any:
    """The code points of strings.

    Args:
      input: a tensor or `RaggedTensor` of strings, of known rank.
      input_encoding: such as "UTF-8", "UTF-16-BE", "latin1".
      errors: what is done about malformed input: "replace", "ignore" or "strict".
      replacement_char: the code point that replaces it.
      replace_control_characters: whether the characters below U+0020 are replaced too.
      name: a name scope.

    Returns:
      An int32 `RaggedTensor` with one dimension more; for a single string a vector.

    Raises:
      ValueError: if the rank of `input` is not known.
      InvalidArgumentError: if it is malformed and `errors` is "strict", or there is no such encoding.

    >>> import reflow as tf
    >>> tf.strings.unicode_decode(["ab", "é"], "UTF-8").to_list()
    [[97, 98], [233]]
    """
    with name_scope(name, "UnicodeDecode"):
        how = _how(input_encoding, errors, replacement_char, replace_control_characters)
        return _decoded(input, False, **how)[0]


def _how(encoding: str, errors: str, replacement: int, controls: bool = False) -> dict[str, Any]:
    return {
        "input_encoding": encoding,
        "errors": errors,
        "replacement_char": replacement,
        "replace_control_characters": controls,
    }


@export("strings.unicode_decode_with_offsets")
def unicode_decode_with_offsets(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    replace_control_characters: bool = False,
    name: str | None = None,
) -> tuple[Any, Any]:
    """The code points of strings, and at which bytes they begin: see `tf.strings.unicode_decode`.

    >>> import reflow as tf
    >>> codes, starts = tf.strings.unicode_decode_with_offsets("éa", "UTF-8")
    >>> print(codes.numpy(), starts.numpy())
    [233  97] [0 2]
    """
    with name_scope(name, "UnicodeDecodeWithOffsets"):
        how = _how(input_encoding, errors, replacement_char, replace_control_characters)
        return _decoded(input, True, **how)


# Encoding and splitting ---------------------------------------------------------------------------


@export("strings.unicode_encode")
def unicode_encode(
    input: Any,
    output_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    name: str | None = None,
) -> Any:
    """Code points as strings.

    Args:
      input: an int32 tensor or `RaggedTensor` of known rank, with the code points of a string in the
        innermost dimension.
      output_encoding: "UTF-8", "UTF-16-BE" or "UTF-32-BE".
      errors: what is done about numbers that are no code points: "replace", "ignore" or "strict".
      replacement_char: the code point that replaces them.
      name: a name scope.

    Returns:
      A tensor or `RaggedTensor` of strings, with one dimension less.

    Raises:
      ValueError: if the rank of `input` is not known, or is 0.
      InvalidArgumentError: if there are such numbers and `errors` is "strict".

    >>> import reflow as tf
    >>> tf.strings.unicode_encode([[97, 98], [233, 33]], "UTF-8").numpy().tolist()
    [b'ab', b'\\xc3\\xa9!']
    """
    how = {
        "output_encoding": output_encoding,
        "errors": errors,
        "replacement_char": replacement_char,
    }
    with name_scope(name, "UnicodeEncode"):
        return _encoded(convert_to_tensor_or_ragged(input, name="input"), how)


def _encoded(input: Any, how: dict[str, Any]) -> Any:
    rank = input.shape.rank
    if rank is None:
        raise ValueError("Rank of input_tensor must be statically known.")
    if is_ragged(input):
        if input.flat_values.shape.rank > 1:
            return input.with_flat_values(_encoded(input.flat_values, how))
        if input.ragged_rank > 1:
            return input.with_values(_encoded(input.values, how))
        return unicode_encode_op(input.values, input.row_splits, **how)
    if rank == 0:
        raise ValueError("input_tensor's rank must be at least 1.")
    sizes = shape_of(input)
    if rank == 1:
        splits = stack([0, sizes[0]])
        return reshape(unicode_encode_op(input, splits, **how), [])
    if rank == 2:
        return _encoded(RaggedTensor.from_tensor(input), how)
    flat = _encoded(reshape(input, stack([-1, sizes[-1]])), how)
    return reshape(flat, sizes[:-1])


@export("strings.unicode_split")
def unicode_split(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    name: str | None = None,
) -> Any:
    """The characters of strings, as strings.

    Args:
      input: a tensor or `RaggedTensor` of strings, of known rank.
      input_encoding: "UTF-8", "UTF-16-BE" or "UTF-32-BE".
      errors, replacement_char: see `tf.strings.unicode_decode`.
      name: a name scope.

    Returns:
      A `RaggedTensor` of strings with one dimension more; for a single string a vector.

    Raises:
      ValueError: if the rank of `input` is not known.
      InvalidArgumentError: if it is malformed and `errors` is "strict".

    >>> import reflow as tf
    >>> tf.strings.unicode_split(["ab", "é"], "UTF-8").to_list()
    [[b'a', b'b'], [b'\\xc3\\xa9']]
    """
    with name_scope(name, "UnicodeSplit"):
        codes, _ = _decoded(input, False, **_how(input_encoding, errors, replacement_char))
        return unicode_encode(expand_dims(codes, -1), input_encoding, errors, replacement_char)


@export("strings.unicode_split_with_offsets")
def unicode_split_with_offsets(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    name: str | None = None,
) -> tuple[Any, Any]:
    """The characters of strings, and at which bytes they begin: see `tf.strings.unicode_split`.

    >>> import reflow as tf
    >>> chars, starts = tf.strings.unicode_split_with_offsets(["éa"], "UTF-8")
    >>> chars.to_list(), starts.to_list()
    ([[b'\\xc3\\xa9', b'a']], [[0, 2]])
    """
    with name_scope(name, "UnicodeSplitWithOffsets"):
        codes, starts = _decoded(input, True, **_how(input_encoding, errors, replacement_char))
        chars = unicode_encode(expand_dims(codes, -1), input_encoding, errors, replacement_char)
        return chars, starts
