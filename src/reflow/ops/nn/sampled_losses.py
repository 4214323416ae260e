"""Losses over drawn classes in place of all: noise-contrastive estimation and the sampled softmax."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import array, filling, joining
from reflow.ops.cast import cast
from reflow.ops.nn.cross_entropy import (
    sigmoid_cross_entropy_with_logits_v2,
    softmax_cross_entropy_with_logits_v2,
)
from reflow.ops.nn.embedding import embedding_lookup
from reflow.ops.nn.sampling import compute_accidental_hits, log_uniform_candidate_sampler
from reflow.ops.sparse.tensors import sparse_to_dense


def _sum_rows(x: Any) -> Any:
    """The sums of the rows of a matrix, as a product, which runs at a matrix product's speed."""
    ones = filling.ones(joining.stack([array.shape(x)[1], 1]), x.dtype)
    return REGISTRY["Reshape"](REGISTRY["MatMul"](x, ones), [-1])


def _sampled_logits(
    weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int, sampled_values: Any, subtract_log_q: bool, remove_accidental_hits: bool,
    partition_strategy: str, name: str | None, seed: int | None,
) -> tuple[Any, Any]:  # fmt: skip
    """Logits and labels of the true classes and of the drawn ones, [batch, num_true + num_sampled]."""
    reshape, slice_ = REGISTRY["Reshape"], REGISTRY["Slice"]
    parts = list(weights) if isinstance(weights, (list, tuple)) else [weights]
    with name_scope(name, "compute_sampled_logits", [*parts, biases, inputs, labels]):
        inputs = convert_to_tensor(inputs, name="inputs")
        labels = cast(labels, int64)
        flat = reshape(labels, [-1])
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(
                labels, num_true, num_sampled, True, num_classes, seed
            )
        drawn, true_count, drawn_count = (REGISTRY["StopGradient"](v) for v in sampled_values)
        drawn = cast(drawn, int64)
        ids = joining.concat([flat, drawn], 0)
        rows = cast(embedding_lookup(weights, ids, partition_strategy), inputs.dtype)
        true_rows = slice_(rows, [0, 0], joining.stack([array.shape(flat)[0], -1]))
        drawn_rows = slice_(rows, joining.stack([array.shape(flat)[0], 0]), [-1, -1])
        drawn_logits = REGISTRY["MatMul"](inputs, drawn_rows, transpose_b=True)
        offsets = cast(embedding_lookup(biases, ids, partition_strategy), inputs.dtype)
        true_offsets = slice_(offsets, [0], array.shape(flat))
        drawn_offsets = slice_(offsets, array.shape(flat), [-1])
        width = array.shape(true_rows)[1:2]
        per_example = reshape(true_rows, joining.concat([[-1, num_true], width], 0))
        products = REGISTRY["Mul"](REGISTRY["ExpandDims"](inputs, 1), per_example)
        dots = _sum_rows(reshape(products, joining.concat([[-1], width], 0)))
        true_logits = reshape(dots, [-1, num_true])
        true_offsets = reshape(true_offsets, [-1, num_true])
        true_logits = true_logits + true_offsets
        drawn_logits = drawn_logits + drawn_offsets
        if remove_accidental_hits:
            lowest = _lowest_at_hits(labels, drawn, num_true, num_sampled)
            drawn_logits = drawn_logits + cast(lowest, drawn_logits.dtype)
        if subtract_log_q:
            log = REGISTRY["Log"]
            true_logits = true_logits - cast(log(true_count), true_logits.dtype)
            drawn_logits = drawn_logits - cast(log(drawn_count), drawn_logits.dtype)
        logits = joining.concat([true_logits, drawn_logits], 1)
        out_labels = joining.concat(
            [filling.ones_like_v1(true_logits) / num_true, filling.zeros_like_v1(drawn_logits)], 1
        )
        return logits, out_labels


def _lowest_at_hits(labels: Any, drawn: Any, num_true: int, num_sampled: int) -> Any:
    """A matrix [batch, num_sampled] of zeros, and of the lowest float where a true class was drawn."""
    rows, places, weights = compute_accidental_hits(labels, drawn, num_true)
    rows = REGISTRY["Reshape"](rows, [-1, 1])
    places = REGISTRY["Reshape"](cast(places, int32), [-1, 1])
    indices = joining.concat([rows, places], 1, "sparse_indices")
    count = REGISTRY["ExpandDims"](num_sampled, 0)
    shape = joining.concat([array.shape(labels)[:1], count], 0)
    return sparse_to_dense(indices, shape, weights, default_value=0.0, validate_indices=False)


@export(v1=("nn.nce_loss",))
def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Any:
    """TF 1's `tf.nn.nce_loss`: see `nce_loss_v2`.

    `partition_strategy` says how the classes are distributed over the parts of `weights`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.nce_loss(
    ...     tf.zeros([4, 2]), tf.zeros([4]), [[1]], tf.ones([1, 2]), num_sampled=2, num_classes=4)
    >>> loss.shape
    TensorShape([1])
    """
    logits, out_labels = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        True, remove_accidental_hits, partition_strategy, name, None,
    )  # fmt: skip
    losses = sigmoid_cross_entropy_with_logits_v2(
        labels=out_labels, logits=logits, name="sampled_losses"
    )
    return _sum_rows(losses)


@export(v2=("nn.nce_loss",))
def nce_loss_v2(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str = "nce_loss",
) -> Any:
    """Noise-contrastive estimation: tells the true classes from drawn ones.

    Args:
      weights: [num_classes, dim], or a list of parts, each with a contiguous block of classes.
      biases: [num_classes].
      labels: integers [batch, num_true], the true classes.
      inputs: [batch, dim].
      num_sampled: how many classes to draw for the batch.
      num_classes: how many classes there are.
      num_true: how many true classes an example has.
      sampled_values: what a candidate sampler returned; by default that of
        `tf.random.log_uniform_candidate_sampler`.
      remove_accidental_hits: whether drawn classes that are true ones do not count.
      name: the scope of the nodes.

    Returns:
      The losses, [batch].

    References:
      Gutmann and Hyvärinen, Noise-contrastive estimation, AISTATS 2010.

    >>> import reflow as tf
    >>> loss = tf.nn.nce_loss(
    ...     tf.zeros([4, 2]), tf.zeros([4]), [[1]], tf.ones([1, 2]), num_sampled=2, num_classes=4)
    >>> loss.shape
    TensorShape([1])
    """
    return nce_loss(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, "div", name,
    )  # fmt: skip


@export(v1=("nn.sampled_softmax_loss",))
def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Any:
    """TF 1's `tf.nn.sampled_softmax_loss`: see `sampled_softmax_loss_v2`.

    `partition_strategy` says how the classes are distributed over the parts of `weights`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.sampled_softmax_loss(
    ...     tf.zeros([4, 2]), tf.zeros([4]), [[1]], tf.ones([1, 2]), num_sampled=2, num_classes=4)
    >>> loss.shape
    TensorShape([1])
    """
    logits, out_labels = _sampled_logits(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        True, remove_accidental_hits, partition_strategy, name, seed,
    )  # fmt: skip
    out_labels = REGISTRY["StopGradient"](out_labels, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels=out_labels, logits=logits)


@export(v2=("nn.sampled_softmax_loss",))
def sampled_softmax_loss_v2(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: int | None = None,
    name: str = "sampled_softmax_loss",
) -> Any:
    """The softmax cross entropy over the true classes and drawn ones: for training with many classes.

    Args:
      weights: [num_classes, dim], or a list of parts, each with a contiguous block of classes.
      biases: [num_classes].
      labels: integers [batch, num_true], the true classes.
      inputs: [batch, dim].
      num_sampled: how many classes to draw for the batch.
      num_classes: how many classes there are.
      num_true: how many true classes an example has.
      sampled_values: what a candidate sampler returned; by default that of
        `tf.random.log_uniform_candidate_sampler`.
      remove_accidental_hits: whether drawn classes that are true ones do not count.
      seed: the seed of the sampler.
      name: the scope of the nodes.

    Returns:
      The losses, [batch].

    References:
      Jean et al., On Using Very Large Target Vocabulary for Neural Machine Translation, ACL 2015.

    >>> import reflow as tf
    >>> loss = tf.nn.sampled_softmax_loss(
    ...     tf.zeros([4, 2]), tf.zeros([4]), [[1]], tf.ones([1, 2]), num_sampled=2, num_classes=4)
    >>> loss.shape
    TensorShape([1])
    """
    return sampled_softmax_loss(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, "div", name, seed,
    )  # fmt: skip
