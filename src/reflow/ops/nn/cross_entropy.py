"""Losses on logits, and other losses of `tf.nn`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, as_dtype, bfloat16, float16, float32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import SymbolicTensor
from reflow.ops import array, joining, math, sequences, shape_rules
from reflow.ops.array import renamed
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.filling import ones_like_v1 as ones_like
from reflow.ops.filling import zeros_like
from reflow.ops.nn.activations import relu
from reflow.ops.nn.softmax import log_softmax_op, shifted_exp, softmax_op
from reflow.ops.public import public
from reflow.ops.reduce import reduce_sum

# Softmax cross entropy ----------------------------------------------------------------------------


def _is_zero(gradient: Any) -> bool:
    """Whether a gradient is known to be zero because nothing arrived at that output."""
    if gradient is None:
        return True
    if isinstance(gradient, SymbolicTensor):
        return gradient.op.type in ("ZerosLike", "Zeros")
    value = getattr(gradient, "_value", None)
    return isinstance(value, np.ndarray) and not value.any()


def _per_row(vector: Any, matrix: Any) -> Any:
    """Each row of a matrix times an element of a vector."""
    return REGISTRY["ExpandDims"](vector, -1) * matrix


def _second(g: Any, logits: Any) -> Any:
    """What a gradient `g` of `backprop` adds to that of the logits."""
    softmax = softmax_op(logits)
    inner = REGISTRY["Sum"](g * softmax, -1, keep_dims=True)
    return (g - inner) * softmax


@op(
    "SoftmaxCrossEntropyWithLogits(features: T, labels: T) -> loss: T, backprop: T",
    T=FLOAT,
)
def softmax_cross_entropy_op(xp, features, labels):
    """The cross entropy of rows of probabilities with the softmax of rows of logits; its gradient."""
    for what, given in (("logits", features), ("labels", labels)):
        if len(given.shape) != 2:
            raise errors.InvalidArgumentError(
                None, None, f"{what} must be 2-dimensional, got {list(given.shape)}"
            )
    sizes = np.broadcast_shapes(features.shape, labels.shape)
    dtype = features.dtype
    features, labels = xp.broadcast_to(features, sizes), xp.broadcast_to(labels, sizes)
    shifted, exp, total = shifted_exp(xp, features)
    labels = labels.astype(shifted.dtype)
    # Where a label is 0 the logit does not count, be it infinite.
    terms = xp.where(labels == 0, _zero(labels), labels * (xp.log(total) - shifted))
    return xp.sum(terms, axis=1).astype(dtype), (exp / total - labels).astype(dtype)


def _zero(x: Any) -> Any:
    return x.dtype.type(0)


@softmax_cross_entropy_op.shape_rule
def _softmax_cross_entropy_shape(features, labels):
    sizes = shapes.broadcast(features.shape.with_rank(2), labels.shape.with_rank(2))
    return [sizes[:1], sizes]


@softmax_cross_entropy_op.gradient_rule
def _softmax_cross_entropy_grad(g_loss, g_backprop, features, backprop):
    to_logits = _per_row(g_loss, backprop)
    if not _is_zero(g_backprop):
        to_logits = to_logits + _second(g_backprop, features)
    return to_logits, _per_row(g_loss, -log_softmax_op(features))


@op(
    "SparseSoftmaxCrossEntropyWithLogits(features: T, labels: Tlabels, *, Tlabels: INDEX = int64)"
    " -> loss: T, backprop: T",
    T=FLOAT,
)
def sparse_softmax_cross_entropy_op(xp, features, labels):
    """The cross entropy of classes with the softmax of rows of logits; its gradient."""
    if len(features.shape) != 2:
        raise errors.InvalidArgumentError(
            None, None, f"logits must be 2-D, but got shape {list(features.shape)}"
        )
    if len(labels.shape) != 1 or labels.shape[0] != features.shape[0]:
        raise errors.InvalidArgumentError(
            None,
            None,
            "logits and labels must have the same first dimension, got logits shape "
            f"{list(features.shape)} and labels shape {list(labels.shape)}",
        )
    classes = features.shape[1]
    if features.shape[0] and not classes:
        raise errors.InvalidArgumentError(
            None, None, f"Must have at least one class, but got logits shape {list(features.shape)}"
        )
    outside = (labels < 0) | (labels >= classes)
    if xp.is_numpy and outside.any():
        value = labels[outside][0]
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Received a label value of {value} which is outside the valid range of "
            f"[0, {classes}).  Label values: {' '.join(map(str, labels[:30].tolist()))}",
        )
    dtype = features.dtype
    shifted, exp, total = shifted_exp(xp, features)
    chosen = xp.arange(classes) == labels[:, None]
    log_total = xp.log(total[:, 0])
    loss = log_total - xp.sum(xp.where(chosen, shifted, _zero(shifted)), axis=1)
    backprop = exp / total - chosen.astype(shifted.dtype)
    if not xp.is_numpy:  # a compiled computation cannot raise: such a row is NaN, as on TF's GPUs
        nan = shifted.dtype.type(np.nan)
        loss = xp.where(outside, nan, loss)
        backprop = xp.where(outside[:, None], nan, backprop)
    return loss.astype(dtype), backprop.astype(dtype)


@sparse_softmax_cross_entropy_op.shape_rule
def _sparse_softmax_cross_entropy_shape(features, labels):
    logits, classes = features.shape.with_rank(2), labels.shape.with_rank(1)
    batch = logits[:1].merge_with(classes)
    return [batch, batch.concatenate(logits[1:])]


@sparse_softmax_cross_entropy_op.gradient_rule
def _sparse_softmax_cross_entropy_grad(g_loss, g_backprop, features, backprop):
    to_logits = _per_row(g_loss, backprop)
    if not _is_zero(g_backprop):
        to_logits = to_logits + _second(g_backprop, features)
    return to_logits, None


def _wide(logits: Any) -> tuple[Any, Any]:
    """Logits in a dtype in which losses are accurate, and the dtype that the loss is to have."""
    dtype = logits.dtype.base_dtype
    if dtype in (float16, bfloat16):
        return REGISTRY["Cast"](logits, DstT=float32), dtype
    return logits, None


def _flattened(x: Any) -> Any:
    """`x` as a matrix with its last dimension."""
    rank = array.rank(x)
    last = REGISTRY["Slice"](array.shape(x), [math.sub(rank, 1, name="Sub")], [1])
    result = REGISTRY["Reshape"](x, joining.concat([[-1], last], 0))
    sizes = x.shape.sizes
    if current_graph() is not None and sizes is not None and None in sizes:
        outer = None if None in sizes[:-1] else int(np.prod(sizes[:-1]))
        result.set_shape([outer, sizes[-1]])
    return result


def _moved_last(x: Any, axis: int, rank: Any) -> Any:
    """`x` with one dimension moved to the end."""
    order = joining.concat([sequences.range(axis), sequences.range(axis + 1, rank), [axis]], 0)
    return array.transpose_v1(x, order)


def _softmax_cross_entropy(labels: Any, logits: Any, axis: int, name: str | None) -> Any:
    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as name:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        logits, narrow = _wide(logits)
        if labels.dtype.base_dtype is not logits.dtype.base_dtype:
            labels = REGISTRY["Cast"](labels, DstT=logits.dtype.base_dtype)
        shape, rank = logits.shape, logits.shape.rank
        if current_graph() is None and rank == 2 and axis in (-1, 1):
            # What follows would change nothing; graphs have its nodes, as TensorFlow's do.
            loss = softmax_cross_entropy_op(logits, labels, name=name)[0]
            return loss if narrow is None else REGISTRY["Cast"](loss, DstT=narrow)
        dynamic_rank = array.rank(logits)
        if axis != -1 and not (rank is not None and axis == rank - 1):
            if rank is None:
                raise ValueError(f"The rank of `logits` must be known when the axis is {axis}.")
            axis %= rank
            logits, labels = (_moved_last(x, axis, dynamic_rank) for x in (logits, labels))
        sizes = array.shape(logits)
        logits, labels = _flattened(logits), _flattened(labels)
        loss, _ = softmax_cross_entropy_op(logits, labels, name=name)
        outer = REGISTRY["Slice"](sizes, [0], [math.sub(dynamic_rank, 1, name="Sub")])
        loss = REGISTRY["Reshape"](loss, outer)
        if rank is not None and current_graph() is not None and not loss.shape.is_fully_defined():
            kept = list(shape)
            del kept[axis]
            loss.set_shape(kept)
        return loss if narrow is None else REGISTRY["Cast"](loss, DstT=narrow)


@export(v2=("nn.softmax_cross_entropy_with_logits",))
def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """The cross entropy of probabilities with the softmax of logits.

    Gradients flow into the labels too: stop them with `tf.stop_gradient`.

    Args:
      labels: a floating-point tensor, probabilities that sum to 1 along `axis`.
      logits: a floating-point tensor of the same shape: unscaled log probabilities.
      axis: the dimension of the classes.
      name: the name of the node.

    Returns:
      The losses, in the dtype of `logits` and in its shape without `axis`.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> loss = tf.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0]], logits=[[0.0, 0.0]])
    >>> print(loss.numpy())
    [0.6931472]
    """
    return _softmax_cross_entropy(labels, logits, axis, name)


@export(v1=("nn.softmax_cross_entropy_with_logits_v2",))
def softmax_cross_entropy_with_logits_v2_in_v1(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: Any = None
) -> Any:
    """TF 1's name for `softmax_cross_entropy_with_logits_v2`; `axis` is also called `dim`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.softmax_cross_entropy_with_logits_v2([[0.0, 1.0]], [[0.0, 0.0]])
    >>> print(loss.numpy())
    [0.6931472]
    """
    axis = renamed("axis", axis, "dim", dim)
    return _softmax_cross_entropy(labels, logits, -1 if axis is None else axis, name)


@export(v1=("nn.softmax_cross_entropy_with_logits",))
def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Any:
    """TF 1's softmax cross entropy: no gradient flows into the labels.

    Args:
      labels, logits: by keyword only; see `softmax_cross_entropy_with_logits_v2`.
      dim, axis: the dimension of the classes.
      name: the name of the node.

    Raises:
      ValueError: if an argument is given by position, or one of the two is missing.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.softmax_cross_entropy_with_logits(
    ...     labels=[[0.0, 1.0]], logits=[[0.0, 0.0]])
    >>> print(loss.numpy())
    [0.6931472]
    """
    axis = dim if axis is None else axis
    _by_keyword_only("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as name:
        labels = REGISTRY["StopGradient"](labels, name="labels_stop_gradient")
        return _softmax_cross_entropy(labels, logits, axis, name)


def _by_keyword_only(name: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(
            f"Only call `{name}` with named arguments (labels=..., logits=..., ...). "
            f"Received unnamed argument: {sentinel}"
        )
    if labels is None or logits is None:
        raise ValueError(
            f"Both `labels` and `logits` must be provided. Received: labels={labels} and "
            f"logits={logits}"
        )


@export(v2=("nn.sparse_softmax_cross_entropy_with_logits",))
def sparse_softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, name: str | None = None
) -> Any:
    """The cross entropy of classes with the softmax of logits.

    Args:
      labels: an integer tensor: for each row of logits the number of its class.
      logits: a floating-point tensor [labels' shape..., classes]: unscaled log probabilities.
      name: the scope of the nodes.

    Returns:
      The losses, in the dtype of `logits` and the shape of `labels`.

    Raises:
      ValueError: if the shapes do not fit together.
      InvalidArgumentError: if a label is not in [0, classes).

    >>> import reflow as tf
    >>> print(tf.nn.sparse_softmax_cross_entropy_with_logits([1], [[0.0, 0.0]]).numpy())
    [0.6931472]
    """
    return sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name=name)


@export(v1=("nn.sparse_softmax_cross_entropy_with_logits",))
def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """TF 1's sparse softmax cross entropy, arguments by keyword only.

    See `sparse_softmax_cross_entropy_with_logits_v2`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.sparse_softmax_cross_entropy_with_logits(
    ...     labels=[1], logits=[[0.0, 0.0]])
    >>> print(loss.numpy())
    [0.6931472]
    """
    scope = "SparseSoftmaxCrossEntropyWithLogits"
    _by_keyword_only("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, scope, [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        logits, narrow = _wide(logits)
        sizes, have = logits.shape.sizes, labels.shape.sizes
        in_graph = current_graph() is not None
        labels_shape = array.shape(labels) if in_graph else None
        if sizes is not None and have is not None and len(have) != len(sizes) - 1:
            raise ValueError(
                f"{errors.user_site()}: `labels.shape.rank` must equal "
                "`logits.shape.rank - 1`. "
                f"Received: labels.shape={labels.shape} of rank {len(have)} and "
                f"logits.shape={logits.shape} of rank {len(sizes)}"
            )
        if sizes is not None and not sizes:
            raise ValueError(f"`logits` cannot be a scalar. Received: logits={logits}")
        if sizes is not None and have is not None:
            known = sizes[:-1]
            if None not in known and None not in have and known != have:
                raise ValueError(
                    "`labels.shape` must equal `logits.shape` except for the last dimension. "
                    f"Received: labels.shape={labels.shape} and logits.shape={logits.shape}"
                )
        if sizes is not None and len(sizes) == 2:
            loss, _ = sparse_softmax_cross_entropy_op(logits, labels, name=scope)
        else:
            if labels_shape is None:
                labels_shape = array.shape(labels)
            classes = array.shape(logits)[array.rank(logits) - 1]
            logits = REGISTRY["Reshape"](logits, joining.stack([-1, classes], name="Reshape/shape"))
            labels = REGISTRY["Reshape"](labels, [-1])
            loss, _ = sparse_softmax_cross_entropy_op(logits, labels, name=scope)
            loss = REGISTRY["Reshape"](loss, labels_shape)
            if in_graph and have is not None:
                loss.set_shape(have)
        return loss if narrow is None else REGISTRY["Cast"](loss, DstT=narrow)


# Logistic losses ----------------------------------------------------------------------------------


def _same_shape(a: Any, b: Any, first: str, second: str) -> None:
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(
            f"{errors.user_site()}: `{first}` and `{second}` must have the same shape, "
            f"received ({a.shape} vs {b.shape})."
        )


@export(v2=("nn.sigmoid_cross_entropy_with_logits",))
def sigmoid_cross_entropy_with_logits_v2(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """The cross entropy of independent probabilities with the sigmoid of logits.

    It is max(x, 0) - x * z + log(1 + exp(-|x|)) for a logit x and a label z.

    Args:
      labels: a floating-point tensor with values between 0 and 1.
      logits: a tensor of the same dtype and shape.
      name: the name of the last node.

    Returns:
      The losses, a tensor of the same shape.

    Raises:
      ValueError: if the shapes differ.

    >>> import reflow as tf
    >>> print(tf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0, 0.0], logits=[0.0, 100.0]).numpy())
    [  0.6931472 100.       ]
    """
    with name_scope(name, "logistic_loss", [logits, labels]) as name:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _same_shape(logits, labels, "logits", "labels")
        zeros = zeros_like(logits, dtype=logits.dtype)
        positive = logits >= zeros
        select = REGISTRY["Select"]
        clipped = select(positive, logits, zeros)
        minus_abs = select(positive, -logits, logits)
        return math.add(
            clipped - logits * labels,
            REGISTRY["Log1p"](REGISTRY["Exp"](minus_abs)),
            name=name,
        )


@export(v1=("nn.sigmoid_cross_entropy_with_logits",))
def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """TF 1's sigmoid cross entropy, arguments by keyword only.

    See `sigmoid_cross_entropy_with_logits_v2`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[0.0])
    >>> print(loss.numpy())
    [0.6931472]
    """
    _by_keyword_only("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    return sigmoid_cross_entropy_with_logits_v2(labels, logits, name)


@export(v2=("nn.weighted_cross_entropy_with_logits",))
def weighted_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """The sigmoid cross entropy with a weight on the positive labels.

    Args:
      labels: a floating-point tensor with values between 0 and 1.
      logits: a tensor of the same dtype and shape.
      pos_weight: what the loss of positive labels is multiplied by; above 1 favours recall.
      name: the name of the last node.

    Returns:
      The losses, a tensor of the same shape.

    Raises:
      ValueError: if the shapes differ.

    >>> import reflow as tf
    >>> print(tf.nn.weighted_cross_entropy_with_logits([1.0, 0.0], [0.0, 0.0], 2.0).numpy())
    [1.3862944 0.6931472]
    """
    with name_scope(name, "logistic_loss", [logits, labels]) as name:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _same_shape(logits, labels, "logits", "labels")
        weight = 1 + (pos_weight - 1) * labels
        minus_abs = -REGISTRY["Abs"](logits)
        return math.add(
            (1 - labels) * logits,
            weight * (REGISTRY["Log1p"](REGISTRY["Exp"](minus_abs)) + relu(-logits)),
            name=name,
        )


@export(v1=("nn.weighted_cross_entropy_with_logits",))
def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Any:
    """TF 1's weighted sigmoid cross entropy; `labels` are also called `targets`.

    See `weighted_cross_entropy_with_logits_v2`.

    >>> import reflow as tf
    >>> loss = tf.compat.v1.nn.weighted_cross_entropy_with_logits([1.0], [0.0], 2.0)
    >>> print(loss.numpy())
    [1.3862944]
    """
    labels = renamed("labels", labels, "targets", targets)
    return weighted_cross_entropy_with_logits_v2(labels, logits, pos_weight, name)


@export("nn.log_poisson_loss")
def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Any:
    """The negative log likelihood of counts under Poisson distributions with given log means.

    It is exp(c) - z * c for a target z and a prediction c.

    Args:
      targets: a floating-point tensor.
      log_input: a tensor of the same dtype and shape: the logarithms of the means.
      compute_full_loss: whether to add the constant log(z!), by Stirling's formula.
      name: the scope of the nodes.

    Returns:
      The losses, a tensor of the same shape.

    Raises:
      ValueError: if the shapes differ.

    >>> import reflow as tf
    >>> print(tf.nn.log_poisson_loss([2.0], [0.0]).numpy())
    [1.]
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        log_input = convert_to_tensor(log_input, name="log_input")
        targets = convert_to_tensor(targets, name="targets")
        _same_shape(log_input, targets, "log_input", "targets")
        result = REGISTRY["Exp"](log_input) - log_input * targets
        if compute_full_loss:
            half = convert_to_tensor(0.5, targets.dtype, name="Const")
            two_pi = convert_to_tensor(2 * np.pi, targets.dtype, name="Const")
            log = REGISTRY["Log"]
            stirling = targets * log(targets) - targets + half * log(two_pi * targets)
            zeros = zeros_like(targets, dtype=targets.dtype)
            ones = ones_like(targets, dtype=targets.dtype)
            small = REGISTRY["LogicalAnd"](targets >= zeros, targets <= ones)
            result = result + REGISTRY["Select"](small, zeros, stirling)
        return result


# Other losses -------------------------------------------------------------------------------------


@op("L2Loss(t: T) -> output: T", shape=shape_rules.scalar, T=FLOAT, grad=lambda g, t: t * g)
def l2_loss_op(xp, t):
    """Half the sum of the squares."""
    wide = t.astype(np.float32) if t.dtype.itemsize == 2 else t
    flat = wide.reshape(-1)
    return (xp.dot(flat, flat) / flat.dtype.type(2)).astype(t.dtype)


l2_loss = public(l2_loss_op, "nn.l2_loss", example=("[1.0, 3.0]", "5.0"))


@export("nn.compute_average_loss")
def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Any:
    """The sum of the losses of examples, divided by the size of the global batch.

    Args:
      per_example_loss: a tensor [batch...].
      sample_weight: optional weights of the examples, which broadcast to the losses.
      global_batch_size: an integer, or an integer scalar; by default the length of the losses.

    Raises:
      ValueError: if the batch size is not positive, or there is nothing to take it from.
      TypeError: if it is no integer.

    >>> import reflow as tf
    >>> print(tf.nn.compute_average_loss([1.0, 3.0], global_batch_size=4).numpy())
    1.0
    """
    losses = convert_to_tensor(per_example_loss)
    dtype = losses.dtype.base_dtype
    if losses.shape.rank == 0:
        raise ValueError(
            "Invalid value passed for `per_example_loss`. Expected a tensor with at least rank 1."
        )
    if sample_weight is not None:
        losses = REGISTRY["Mul"](losses, cast(sample_weight, dtype))
    size = global_batch_size
    if size is None:
        size = losses.shape.sizes[0] if losses.shape.rank else None
        if size is None:
            size = array.shape(losses)[0]
    if isinstance(size, (int, np.integer)):
        if size < 0:
            raise ValueError(f"`global_batch_size` must be non-negative. Received: {size}")
        size = np.asarray(size)
    elif not hasattr(size, "shape"):
        size = convert_to_tensor(size)
    if len(size.shape):
        raise ValueError(f"`global_batch_size` must be a scalar. Received: {global_batch_size}")
    if not as_dtype(size.dtype).is_integer:
        raise TypeError(f"`global_batch_size` must be an int. Received: {global_batch_size}")
    total = reduce_sum(losses)
    return REGISTRY["DivNoNan"](total, cast(size, dtype), name="div_no_nan")


@export("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: Any) -> Any:
    """The sum of regularization losses, divided by the number of replicas, which is 1.

    Args:
      regularization_loss: a tensor.

    >>> import reflow as tf
    >>> print(tf.nn.scale_regularization_loss([1.0, 2.0]).numpy())
    3.0
    """
    loss = convert_to_tensor(regularization_loss)
    return reduce_sum(loss) / 1
