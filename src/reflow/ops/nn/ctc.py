"""Connectionist temporal classification: `tf.nn.ctc_loss` and the decoders.

The ops run on the host: how many labels there are differs from batch to batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bfloat16, float16, float32, float64, int32, int64
from reflow.lang.dtypes import bool as bool_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor
from reflow.ops import array, filling, joining
from reflow.ops.array import renamed
from reflow.ops.cast import cast
from reflow.ops.control_flow.functional import map_fn_v2 as map_fn
from reflow.ops.define import op
from reflow.ops.nn.ctc_kernels import Beam, log_softmax, loss_and_gradient
from reflow.ops.reduce import reduce_max, reduce_sum
from reflow.ops.repeating import sequence_mask

_WIDE = frozenset((float32, float64))


def _check_inputs(
    inputs: np.ndarray, lengths: np.ndarray, kind: type = errors.InvalidArgumentError
) -> None:
    if inputs.ndim != 3:
        raise errors.InvalidArgumentError(None, None, "inputs is not a 3-Tensor")
    if lengths.ndim != 1:
        raise errors.InvalidArgumentError(None, None, "sequence_length is not a vector")
    time, batch, classes = inputs.shape
    if not classes:
        raise errors.InvalidArgumentError(None, None, "num_classes must be positive")
    if len(lengths) != batch:
        raise errors.InvalidArgumentError(
            None, None, f"len(sequence_length) != batch_size.  len(sequence_length):  "
            f"{len(lengths)} batch_size: {batch}",
        )  # fmt: skip
    for i, length in enumerate(lengths.tolist()):
        if not 0 <= length <= time:
            raise kind(
                None, None, f"sequence_length({i}) <= {time}, and not negative: it is {length}"
            )


def _batch_shape(inputs: Any, sequence_length: Any) -> tuple[Any, Any]:
    """The static shape of the inputs, and the batch size."""
    sizes = inputs.shape.with_rank(3)
    sizes = shapes.unknown_shape(3) if sizes.rank is None else sizes
    batch = shapes.of((sizes._dims[1],)).merge_with(sequence_length.shape.with_rank(1))
    return sizes, batch._dims[0]


# The loss -----------------------------------------------------------------------------------------

_LOSS_ATTRS = (
    "preprocess_collapse_repeated: bool = False, ctc_merge_repeated: bool = True,"
    " ignore_longer_outputs_than_inputs: bool = False"
)


def _sequences(indices: np.ndarray, values: np.ndarray, batch: int) -> list[np.ndarray]:
    """The label sequences of a sparse matrix, in its order."""
    if indices.ndim != 2 or len(indices) != len(values):
        raise errors.InvalidArgumentError(
            None,
            None,
            "labels_indices and labels_values must have as many rows: "
            f"{list(indices.shape)} and {list(values.shape)}",
        )
    rows = indices[:, 0]
    outside = (rows < 0) | (rows >= batch)
    if outside.any():
        at = int(np.argmax(outside))
        raise errors.InvalidArgumentError(
            None,
            None,
            f"label SparseTensor is not valid: indices[{at}] = {indices[at].tolist()} is out of "
            f"bounds: need 0 <= index < [{batch}, ...]",
        )
    order = np.lexsort((indices[:, -1], rows))
    return np.split(values[order], np.searchsorted(rows[order], np.arange(1, batch)))


def _checked(labels: np.ndarray, row: int, classes: int, first_blank: bool) -> np.ndarray:
    """A label sequence up to its first null label, which only null labels may follow.

    Where the first class is the blank there are no null labels: it is a label like the others.
    """
    if (labels < 0).any():
        raise errors.InvalidArgumentError(
            None,
            None,
            f"All labels must be nonnegative integers, batch: {row} labels: "
            f"{','.join(map(str, labels))}",
        )
    if first_blank:
        if (labels >= classes).any():
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Saw a label that is no class, batch: {row} num_classes: {classes} labels: "
                f"{','.join(map(str, labels))}",
            )
        return labels
    null = labels >= classes - 1
    if not null.any():
        return labels
    first = int(np.argmax(null))
    if not null[first:].all():
        raise errors.InvalidArgumentError(
            None,
            None,
            "Saw a non-null label (index >= num_classes - 1) following a null label, batch: "
            f"{row} num_classes: {classes} labels: {','.join(map(str, labels))} labels seen so far: "
            f"{','.join(map(str, labels[:first]))}",
        )
    return labels[:first]


def _loss(
    inputs, labels_indices, labels_values, sequence_length, collapse, merge, ignore, first_blank
):
    _check_inputs(inputs, sequence_length)
    batch, classes = inputs.shape[1:]
    labels = _sequences(labels_indices, labels_values, batch)
    ignored = np.zeros(batch, bool)
    for i, given in enumerate(labels):
        if not len(given) and not first_blank:
            raise errors.InvalidArgumentError(None, None, f"Labels length is zero in batch {i}")
        each = _checked(given, i, classes, first_blank)
        if collapse and len(each):
            each = each[np.concatenate([[True], each[1:] != each[:-1]])]
        labels[i] = each
        if len(each) > sequence_length[i] and not first_blank:
            if not ignore:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Not enough time for target transition sequence (required: {len(each)}, "
                    f"available: {sequence_length[i]}) in batch {i}. You can turn this error into a "
                    "warning by using the flag ignore_longer_outputs_than_inputs",
                )
            ignored[i] = True
    blank = 0 if first_blank else classes - 1
    loss, gradient = loss_and_gradient(inputs, labels, sequence_length, blank, merge)
    loss[ignored] = 0
    gradient[:, ignored] = 0
    return loss.astype(inputs.dtype), gradient.astype(inputs.dtype)


def _loss_shape(inputs: Any, labels_indices: Any, labels_values: Any, sequence_length: Any) -> list:
    sizes, batch = _batch_shape(inputs, sequence_length)
    return [(batch,), (sizes._dims[0], batch, sizes._dims[2])]


def _loss_grad(g_loss: Any, gradient: Any) -> Any:
    fixed = REGISTRY["PreventGradient"](
        gradient, message="Currently there is no way to take the second derivative of ctc_loss."
    )
    return REGISTRY["ExpandDims"](g_loss, -1) * fixed


@op(
    "CTCLoss(inputs: T, labels_indices: int64, labels_values: int32, sequence_length: int32, *,"
    f" {_LOSS_ATTRS}, T: type = float) -> loss: T, gradient: T",
    shape=_loss_shape,
    grad=_loss_grad,
    compile=False,
    T=_WIDE,
)
def ctc_loss_op(
    xp, inputs, labels_indices, labels_values, sequence_length, *, preprocess_collapse_repeated,
    ctc_merge_repeated, ignore_longer_outputs_than_inputs,
):  # fmt: skip
    """The CTC loss and its gradient; the last class is the blank."""
    return _loss(
        inputs, labels_indices, labels_values, sequence_length, preprocess_collapse_repeated,
        ctc_merge_repeated, ignore_longer_outputs_than_inputs, False,
    )  # fmt: skip


@op(
    "CTCLossV2(inputs: float, labels_indices: int64, labels_values: int32, sequence_length: int32, *,"
    f" {_LOSS_ATTRS}) -> loss: float, gradient: float",
    shape=_loss_shape,
    grad=_loss_grad,
    compile=False,
)
def ctc_loss_v2_op(
    xp, inputs, labels_indices, labels_values, sequence_length, *, preprocess_collapse_repeated,
    ctc_merge_repeated, ignore_longer_outputs_than_inputs,
):  # fmt: skip
    """The CTC loss and its gradient; the first class is the blank.

    There may be no labels, and the blank may be one; labels that do not fit into the steps have an
    infinite loss.
    """
    return _loss(
        inputs, labels_indices, labels_values, sequence_length, preprocess_collapse_repeated,
        ctc_merge_repeated, ignore_longer_outputs_than_inputs, True,
    )  # fmt: skip


def _loss_of(labels, logits, lengths, time_major, opdef=ctc_loss_op, **attrs):
    """The loss op on logits of any floating-point dtype and layout."""
    logits = convert_to_tensor(logits, name="logits")
    dtype = logits.dtype.base_dtype
    if dtype in (float16, bfloat16) or opdef is ctc_loss_v2_op:
        logits = cast(logits, float32)
    if not time_major:
        logits = array.transpose_v1(logits, [1, 0, 2])
    loss, _ = opdef(logits, labels.indices, labels.values, lengths, **attrs)
    return cast(loss, dtype)


@export(v1=("nn.ctc_loss",))
def ctc_loss(
    labels: Any,
    inputs: Any = None,
    sequence_length: Any = None,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False,
    time_major: bool = True,
    logits: Any = None,
) -> Any:
    """TF 1's CTC loss.

    Args:
      labels: an int32 `SparseTensor` [batch, time]: the label sequences.
      inputs, logits: [time, batch, classes], the last class being the blank.
      sequence_length: int32 [batch]: how many steps of each example there are.
      preprocess_collapse_repeated: whether repeated labels are made one before.
      ctc_merge_repeated: whether a label that is repeated without a blank between counts once.
      ignore_longer_outputs_than_inputs: whether examples with more labels than steps have a loss of 0,
        rather than being an error.
      time_major: whether `inputs` are [time, batch, classes], or [batch, time, classes].

    Returns:
      The negative log probabilities, [batch].

    Raises:
      TypeError: if `labels` is no `SparseTensor`.
      InvalidArgumentError: if labels are missing, not in order or too many.

    >>> import reflow as tf
    >>> labels = tf.SparseTensor([[0, 0]], [0], [1, 1])
    >>> print(tf.compat.v1.nn.ctc_loss(labels, tf.zeros([1, 1, 2]), [1]).numpy())
    [0.6931472]
    """
    if not isinstance(labels, SparseTensor):
        raise TypeError(
            f"Expected argument `labels` to be a SparseTensor. Received labels={labels} of type "
            f"{type(labels).__name__}"
        )
    return _loss_of(
        labels,
        renamed("logits", logits, "inputs", inputs),
        sequence_length,
        time_major,
        preprocess_collapse_repeated=preprocess_collapse_repeated,
        ctc_merge_repeated=ctc_merge_repeated,
        ignore_longer_outputs_than_inputs=ignore_longer_outputs_than_inputs,
    )


@export(v1=("nn.ctc_loss_v2",), v2=("nn.ctc_loss",))
def ctc_loss_v2(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> Any:
    """The CTC loss: the negative log probability that the logits give to label sequences.

    Args:
      labels: an integer tensor [batch, most labels], or a `SparseTensor` [batch, time]. Class 0 is a
        label like the others in a tensor, even where it is the blank (TensorFlow has the same loss, but
        leaves such labels out of its gradient).
      logits: [time, batch, classes], floating-point.
      label_length: integers [batch]: how many labels each example has; None for a `SparseTensor`.
      logit_length: integers [batch]: how many steps of each example there are.
      logits_time_major: whether `logits` are [time, batch, classes], or [batch, time, classes].
      unique: what `ctc_unique_labels(labels)` gives; it does not change the loss.
      blank_index: the class that is the blank, from the end if it is negative; 0 by default, and
        required for a `SparseTensor`.
      name: the scope of the nodes.

    Returns:
      The losses, [batch]; infinite where labels cannot fit into the steps.

    Raises:
      ValueError: if `blank_index` is missing or no class.

    References:
      Graves et al., Connectionist Temporal Classification, ICML 2006.

    >>> import reflow as tf
    >>> print(tf.nn.ctc_loss([[1]], tf.zeros([1, 1, 2]), [1], [1]).numpy())
    [0.6931472]
    """
    is_sparse = isinstance(labels, SparseTensor)
    if is_sparse and blank_index is None:
        raise ValueError("Argument `blank_index` must be provided when labels is a SparseTensor.")
    with name_scope(name, "ctc_loss" if is_sparse else "ctc_loss_dense"):
        logits = convert_to_tensor(logits, name="logits")
        classes = logits.shape.with_rank(3).sizes[2] if logits.shape.rank is not None else None
        blank = blank_index or 0
        if classes is None:
            if blank < 0:
                blank = array.shape(logits)[2] + blank
        elif not -classes <= blank < classes:
            raise ValueError(
                f"`blank_index` must be within [0, {classes}). Received: {blank_index}"
            )
        else:
            blank %= classes
        if is_sparse:
            if classes is None or blank != classes - 1:
                logits = _reordered(logits, blank, last=True)
                values = labels.values
                below = values < cast(blank, values.dtype)
                values = REGISTRY["SelectV2"](below, values, values - 1)
                labels = SparseTensor(labels.indices, values, labels.dense_shape)
            return _loss_of(labels, logits, logit_length, logits_time_major)
        labels = cast(labels, int32)
        if not isinstance(blank, int) or blank:
            logits = _reordered(logits, blank, last=False)
            labels = REGISTRY["SelectV2"](labels < blank, labels + 1, labels)
        mask = sequence_mask(cast(label_length, int32), array.shape(labels)[1])
        indices = REGISTRY["Where"](mask)
        values = REGISTRY["GatherNd"](labels, indices)
        made = SparseTensor(indices, values, array.shape(labels, out_type=int64))
        return _loss_of(made, logits, cast(logit_length, int32), logits_time_major, ctc_loss_v2_op)


def _reordered(logits: Any, blank: Any, last: bool) -> Any:
    """The logits with the blank as the last class, or the first."""
    parts = [logits[:, :, :blank], logits[:, :, blank + 1 :]]
    middle = logits[:, :, blank : blank + 1]
    return joining.concat([*parts, middle] if last else [middle, *parts], 2)


@export("nn.ctc_unique_labels")
def ctc_unique_labels(labels: Any, name: str | None = None) -> tuple[Any, Any]:
    """The different labels of each sequence, and where each label is among them.

    Args:
      labels: an integer tensor [batch, most labels].
      name: the scope of the nodes.

    Returns:
      The labels, [batch, most labels] with zeros after those that there are, in the order in which they
      come; and the positions, int32 [batch, most labels].

    >>> import reflow as tf
    >>> unique, index = tf.nn.ctc_unique_labels([[3, 4, 4, 3]])
    >>> print(unique.numpy(), index.numpy())
    [[3 4 0 0]] [[0 1 1 0]]
    """
    with name_scope(name, "ctc_unique_labels"):
        labels = convert_to_tensor(labels, name="labels")

        def of_one(row: Any) -> list[Any]:
            found, index = REGISTRY["Unique"](row)
            missing = array.size(index) - array.size(found)
            return [cast(REGISTRY["Pad"](found, [[0, missing]]), int64), index]

        found, index = map_fn(of_one, labels, fn_output_signature=[int64, int32])
        return found, index


# Decoders -----------------------------------------------------------------------------------------


def _sparse(paths: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices, values and shape of label sequences."""
    lengths = np.array([len(path) for path in paths], np.int64)
    rows = np.repeat(np.arange(len(paths)), lengths)
    columns = np.concatenate([np.arange(n) for n in lengths] or [np.zeros(0, np.int64)])
    values = np.concatenate([np.asarray(path, np.int64) for path in paths] or [columns])
    shape = np.array([len(paths), lengths.max(initial=0)], np.int64)
    return np.stack([rows, columns], 1).astype(np.int64), values.astype(np.int64), shape


@op(
    "CTCGreedyDecoder(inputs: T, sequence_length: int32, *, merge_repeated: bool = False,"
    " blank_index: int = -1, T: type = float) -> decoded_indices: int64, decoded_values: int64,"
    " decoded_shape: int64, log_probability: T",
    grad=None,
    compile=False,
    T=_WIDE,
)
def ctc_greedy_decoder_op(xp, inputs, sequence_length, *, merge_repeated, blank_index):
    """The labels of the most probable class of each step, and the sum of their logits, negated."""
    _check_inputs(inputs, sequence_length, errors.FailedPreconditionError)
    time, batch, classes = inputs.shape
    if not -classes <= blank_index < classes:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"blank_index expected to be between {-classes} and {classes - 1} but was {blank_index}",
        )
    blank = blank_index % classes
    best = inputs.argmax(-1)
    within = np.arange(time)[:, None] < sequence_length
    kept = within & (best != blank)
    if merge_repeated:
        kept[1:] &= best[1:] != best[:-1]
    paths = [best[kept[:, i], i] for i in range(batch)]
    top = np.take_along_axis(inputs, best[..., None], 2)[..., 0] if time else inputs[..., 0]
    score = -np.where(within, top, 0).sum(0, dtype=inputs.dtype)
    return *_sparse(paths), score[:, None].astype(inputs.dtype)


@ctc_greedy_decoder_op.shape_rule
def _ctc_greedy_decoder_shape(inputs, sequence_length):
    _, batch = _batch_shape(inputs, sequence_length)
    return [(None, 2), (None,), (2,), (batch, 1)]


@op(
    "CTCBeamSearchDecoder(inputs: T, sequence_length: int32, *, beam_width: int, top_paths: int,"
    " merge_repeated: bool = True, T: type = float) -> decoded_indices: top_paths*int64,"
    " decoded_values: top_paths*int64, decoded_shape: top_paths*int64, log_probability: T",
    grad=None,
    compile=False,
    T=_WIDE,
)
def ctc_beam_search_decoder_op(
    xp, inputs, sequence_length, *, beam_width, top_paths, merge_repeated
):
    """The most probable label sequences that a beam search finds; the last class is the blank."""
    _check_inputs(inputs, sequence_length, errors.FailedPreconditionError)
    if top_paths > beam_width:
        raise errors.InvalidArgumentError(None, None, "requested more paths than the beam width.")
    _, batch, classes = inputs.shape
    found: list[list[list[int]]] = [[] for _ in range(top_paths)]
    scores = np.empty((batch, top_paths), inputs.dtype)
    log_probability = log_softmax(inputs)
    for i in range(batch):
        beam = Beam(beam_width, classes - 1)
        for t in range(int(sequence_length[i])):
            beam.step(log_probability[t, i])
        paths, scores[i] = beam.top(top_paths, merge_repeated)
        for rank, path in enumerate(paths):
            found[rank].append(path)
    outputs = [_sparse(paths) for paths in found]
    return tuple(list(each) for each in zip(*outputs)) + (scores,)


@ctc_beam_search_decoder_op.shape_rule
def _ctc_beam_search_decoder_shape(inputs, sequence_length, *, top_paths):
    _, batch = _batch_shape(inputs, sequence_length)
    return (
        [(None, 2)] * top_paths + [(None,)] * top_paths + [(2,)] * top_paths + [(batch, top_paths)]
    )


@export("nn.ctc_greedy_decoder")
def ctc_greedy_decoder(
    inputs: Any,
    sequence_length: Any,
    merge_repeated: bool = True,
    blank_index: int | None = None,
) -> tuple[list[SparseTensor], Any]:
    """The label sequences of the best path: the most probable class at each step.

    Args:
      inputs: logits [time, batch, classes], floating-point.
      sequence_length: int32 [batch]: how many steps of each example there are.
      merge_repeated: whether a class that is repeated without a blank between counts once.
      blank_index: the class that is the blank, from the end if it is negative; by default the last.

    Returns:
      A list of one int64 `SparseTensor` [batch, most labels], and [batch, 1]: the sums of the logits of
      the path, negated.

    >>> import reflow as tf
    >>> logits = tf.reshape(tf.constant([9.0, 0.0, 0.0, 9.0, 9.0, 0.0]), [3, 1, 2])
    >>> decoded, _ = tf.nn.ctc_greedy_decoder(logits, [3])
    >>> print(tf.sparse.to_dense(decoded[0]).numpy())
    [[0 0]]
    """
    indices, values, shape, score = ctc_greedy_decoder_op(
        inputs,
        sequence_length,
        merge_repeated=merge_repeated,
        blank_index=-1 if blank_index is None else blank_index,
    )
    return [SparseTensor(indices, values, shape)], score


@export(v1=("nn.ctc_beam_search_decoder",))
def ctc_beam_search_decoder(
    inputs: Any,
    sequence_length: Any,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
) -> tuple[list[SparseTensor], Any]:
    """TF 1's beam search: see `ctc_beam_search_decoder_v2`.

    With `merge_repeated` repeated labels are made one in the result, blank between or not.

    >>> import reflow as tf
    >>> logits = tf.reshape(tf.constant([9.0, 0.0, 0.0, 9.0, 9.0, 0.0]), [3, 1, 2])
    >>> decoded, _ = tf.compat.v1.nn.ctc_beam_search_decoder(logits, [3])
    >>> print(tf.sparse.to_dense(decoded[0]).numpy())
    [[0]]
    """
    indices, values, sizes, scores = ctc_beam_search_decoder_op(
        inputs,
        sequence_length,
        beam_width=beam_width,
        top_paths=top_paths,
        merge_repeated=merge_repeated,
    )
    return [SparseTensor(*parts) for parts in zip(indices, values, sizes)], scores


@export(v1=("nn.ctc_beam_search_decoder_v2",), v2=("nn.ctc_beam_search_decoder",))
def ctc_beam_search_decoder_v2(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Any]:
    """The most probable label sequences that a beam search finds.

    Args:
      inputs: logits [time, batch, classes], floating-point; the last class is the blank.
      sequence_length: int32 [batch]: how many steps of each example there are.
      beam_width: how many sequences are followed.
      top_paths: how many are returned.

    Returns:
      A list of `top_paths` int64 `SparseTensor`s [batch, most labels], best first, and their log
      probabilities [batch, top_paths].

    Raises:
      InvalidArgumentError: if more paths are wanted than are followed, or found.

    >>> import reflow as tf
    >>> logits = tf.reshape(tf.constant([9.0, 0.0, 0.0, 9.0, 9.0, 0.0]), [3, 1, 2])
    >>> decoded, _ = tf.nn.ctc_beam_search_decoder(logits, [3], beam_width=4)
    >>> print(tf.sparse.to_dense(decoded[0]).numpy())
    [[0 0]]
    """
    return ctc_beam_search_decoder(inputs, sequence_length, beam_width, top_paths, False)


@export("nn.collapse_repeated")
def collapse_repeated(labels: Any, seq_length: Any, name: str | None = None) -> tuple[Any, Any]:
    """Label sequences with repeated labels made one.

    Args:
      labels: an integer matrix [batch, most labels].
      seq_length: integers [batch]: how many labels each example has.
      name: the scope of the nodes.

    Returns:
      The labels, followed by zeros, [batch, most labels left], and how many are left, [batch].

    >>> import reflow as tf
    >>> left, count = tf.nn.collapse_repeated([[1, 1, 2, 2]], [4])
    >>> print(left.numpy(), count.numpy())
    [[1 2]] [2]
    """
    with name_scope(name, "collapse_repeated_labels", [labels, seq_length]):
        labels = convert_to_tensor(labels, name="labels")
        seq_length = convert_to_tensor(seq_length, name="seq_length")
        first = filling.ones_like(labels[:, :1], dtype=bool_dtype)
        changed = REGISTRY["NotEqual"](labels[:, 1:], labels[:, :-1])
        kept = joining.concat([first, changed], 1)
        width = array.shape(labels)[1]
        kept = REGISTRY["LogicalAnd"](kept, sequence_mask(seq_length, width))
        count = reduce_sum(cast(kept, seq_length.dtype), 1)
        widest = cast(reduce_max(count), int32)
        places = REGISTRY["Where"](sequence_mask(count, widest))
        values = REGISTRY["GatherNd"](labels, REGISTRY["Where"](kept))
        size = joining.stack([array.shape(labels)[0], widest])
        return REGISTRY["ScatterNd"](places, values, cast(size, int64)), count
