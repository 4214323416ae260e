"""The summaries of TF 2 by kind: scalars, histograms, images, audio, text.

Each is a tensor in the form that TensorBoard's plugin of that kind expects, with the plugin's name:
https://github.com/tensorflow/tensorboard/tree/master/tensorboard/plugins
"""

from __future__ import annotations

from typing import Any

from reflow.formats import protos
from reflow.lang import dtypes
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import Tensor
from reflow.ops.array import reshape, size, transpose
from reflow.ops.array import shape_v2 as shape
from reflow.ops.audio import encode_wav
from reflow.ops.bincount import bincount
from reflow.ops.cast import cast
from reflow.ops.compare import equal, less_equal, logical_or
from reflow.ops.constant import constant, stop_gradient
from reflow.ops.control_flow.cond import cond
from reflow.ops.control_flow.functional import map_fn_v2 as map_fn
from reflow.ops.debugging import assert_non_negative, assert_rank, assert_scalar, assert_type
from reflow.ops.filling import fill, zeros
from reflow.ops.image.adjust import convert_image_dtype
from reflow.ops.image.codecs import encode_png
from reflow.ops.joining import concat, stack
from reflow.ops.math import floor, maximum, minimum
from reflow.ops.reduce import reduce_max, reduce_min
from reflow.ops.sequences import linspace_nd as linspace
from reflow.ops.strings.conversions import as_string
from reflow.train.summaries.writing import summary_scope, write

_BUCKETS = 30
_WAV = b"\x10\x0b"  # an AudioPluginData whose encoding is WAV


def _metadata(plugin: str, description: str | None, content: bytes = b"") -> Any:
    metadata = protos.SummaryMetadata(summary_description=description or "")
    metadata.plugin_data.plugin_name = plugin
    metadata.plugin_data.content = content
    return metadata


@export(v2=("summary.scalar",))
def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Writes a number, with the default writer: a point of a curve.

    Args:
      name: the name of the curve, below the name scopes around it.
      data: a scalar that can be cast to float32.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      description: what TensorBoard says about it, in Markdown.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      ValueError: if it is no scalar; if there is a default writer, but no step.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.scalar("loss", 0.5, step=1).numpy())
    True
    """
    with summary_scope(name, "scalar_summary", [data, step]) as (tag, _):
        assert_scalar(data)
        return write(tag, cast(data, dtypes.float32), step, _metadata("scalars", description))


@export(v2=("summary.histogram",))
def histogram(
    name: str,
    data: Any,
    step: Any = None,
    buckets: Any = None,
    description: str | None = None,
) -> Tensor:
    """Writes how values are distributed, with the default writer.

    Args:
      name: the name of the histogram, below the name scopes around it.
      data: values of any shape that can be cast to float64.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      buckets: how many buckets of equal width lie between the smallest and the largest value: 30 by
        default. If there is one value only, all are of no width and the last one counts.
      description: what TensorBoard says about it, in Markdown.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      ValueError: if there is a default writer, but no step.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.histogram("weights", tf.range(100), step=1).numpy())
    True
    """
    data = stop_gradient(data)
    with summary_scope(name, "histogram_summary", [data, buckets, step]) as (tag, _):
        metadata = _metadata("histograms", description)
        return write(tag, lambda: _bucketed(data, buckets), step, metadata)


def _bucketed(data: Any, buckets: Any) -> Tensor:
    """Rows of left edge, right edge and count."""
    with name_scope(None, "buckets"):
        number = constant(_BUCKETS) if buckets is None else cast(buckets, dtypes.int32)
        assert_scalar(number)
        number = maximum(0, number)
        values = cast(reshape(data, [-1]), dtypes.float64)
        nothing = logical_or(equal(size(values), 0), less_equal(number, 0))

        def of_one_value() -> Tensor:
            edges = fill(reshape(number, [1]), reduce_max(values))
            counts = concat([zeros([number - 1], dtypes.int32), [size(values)]], 0)
            return _rows(edges, edges, counts)

        def of_values() -> Tensor:
            least, most = reduce_min(values), reduce_max(values)
            width = (most - least) / cast(number, dtypes.float64)
            which = minimum(cast(floor((values - least) / width), dtypes.int32), number - 1)
            counts = bincount(which, minlength=number, maxlength=number)
            edges = concat([linspace(least, most, number + 1)[:-1], [most]], 0)
            return _rows(edges[:-1], edges[1:], counts)

        def of_something() -> Tensor:
            same = equal(reduce_min(values), reduce_max(values))
            return cond(same, of_one_value, of_values)

        return cond(nothing, lambda: zeros([number, 3], dtypes.float64), of_something)


def _rows(left: Tensor, right: Tensor, counts: Tensor) -> Tensor:
    return transpose(stack([left, right, cast(counts, dtypes.float64)]))


@export(v2=("summary.image",))
def image(
    name: str, data: Any, step: Any = None, max_outputs: Any = 3, description: str | None = None
) -> Tensor:
    """Writes images, as PNG, with the default writer.

    Args:
      name: the name of the images, below the name scopes around it.
      data: images [images, rows, columns, channels] of 1 to 4 channels; floats are between 0 and 1.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      max_outputs: how many are written: the first ones.
      description: what TensorBoard says about them, in Markdown.

    Returns:
      Whether they were written, a boolean scalar.

    Raises:
      ValueError: if the tensor is of another rank; if there is a default writer, but no step.
      InvalidArgumentError: if `max_outputs` is negative.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.image("grey", tf.fill([1, 4, 4, 1], 0.5), step=1).numpy())
    True
    """
    with summary_scope(name, "image_summary", [data, max_outputs, step]) as (tag, _):

        def encoded() -> Tensor:
            assert_rank(data, 4)
            assert_non_negative(max_outputs)
            images = convert_image_dtype(data, dtypes.uint8, saturate=True)
            sizes = shape(images)
            numbers = stack([as_string(sizes[2]), as_string(sizes[1])], name="dimensions")
            return concat([numbers, encode_png(images[:max_outputs])], 0)

        return write(tag, encoded, step, _metadata("images", description))


@export(v2=("summary.audio",))
def audio(
    name: str,
    data: Any,
    sample_rate: Any,
    step: Any = None,
    max_outputs: Any = 3,
    encoding: str | None = None,
    description: str | None = None,
) -> Tensor:
    """Writes sounds, as WAV, with the default writer.

    Args:
      name: the name of the sounds, below the name scopes around it.
      data: samples [sounds, samples, channels] between -1 and 1.
      sample_rate: samples per second, an int32.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      max_outputs: how many are written: the first ones.
      encoding: "wav" is all there is.
      description: what TensorBoard says about them, in Markdown.

    Returns:
      Whether they were written, a boolean scalar.

    Raises:
      ValueError: for another encoding or rank; if there is a default writer, but no step.
      InvalidArgumentError: if `max_outputs` is negative.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.audio("silence", tf.zeros([1, 800, 1]), 8000, step=1).numpy())
    True
    """
    if encoding not in (None, "wav"):
        raise ValueError(f"Unknown encoding: {encoding!r}")
    with summary_scope(name, "audio_summary", [data, sample_rate, max_outputs, step]) as (tag, _):

        def encoded() -> Tensor:
            assert_rank(data, 3)
            assert_non_negative(max_outputs)
            chosen = data[:max_outputs]
            sounds = map_fn(
                lambda sound: encode_wav(sound, sample_rate),
                chosen,
                fn_output_signature=dtypes.string,
            )
            labels = fill(shape(chosen)[:1], "")
            return transpose(stack([sounds, labels]))

        return write(tag, encoded, step, _metadata("audio", description, _WAV))


@export(v2=("summary.text",))
def text(name: str, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Writes text, in Markdown, with the default writer.

    Args:
      name: the name of the text, below the name scopes around it.
      data: strings, in UTF-8: a scalar; a vector or a matrix, which becomes a table.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      description: what TensorBoard says about it, in Markdown.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      TypeError: if it is not of dtype string.
      ValueError: if there is a default writer, but no step.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.text("note", "It *works*.", step=1).numpy())
    True
    """
    with summary_scope(name, "text_summary", [data, step]) as (tag, _):
        assert_type(data, dtypes.string)
        return write(tag, data, step, _metadata("text", description))
