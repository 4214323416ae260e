"""Einstein summation: https://www.tensorflow.org/api_docs/python/tf/einsum"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.define import op
from reflow.ops.linalg.matmul import product
from reflow.ops.math import conj
from reflow.ops.reduce import accumulator

Labels = list[str]  # one letter each, and "..." for the dimensions that have none
DOTS = "..."


def labels_of(subscript: str) -> Labels:
    """`"ij...k"` as `["i", "j", "...", "k"]`.

    Raises:
      ValueError: for anything but letters and one ellipsis.
    """
    if not re.fullmatch(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", subscript):
        raise ValueError(
            f"{errors.user_site()}: Invalid equation: the subscript {subscript!r} is not letters and '...'"
        )
    return re.findall(r"\.\.\.|[A-Za-z]", subscript)


def parse(equation: str, count: int) -> tuple[list[Labels], Labels]:
    """The labels of the inputs and of the output.

    Raises:
      ValueError: if the equation has no '->', or not `count` inputs, or an output label from nowhere.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    if not arrow:
        raise ValueError(f"Expecting exactly one '->' in einsum equation: {equation}")
    inputs = [labels_of(part) for part in left.split(",")]
    if len(inputs) != count:
        raise ValueError(f"Expecting {len(inputs)} inputs for equation {equation} but got {count}")
    output = labels_of(right)
    for label in output:
        if label != DOTS and not any(label in labels for labels in inputs):
            raise ValueError(f"Output subscripts of {equation!r} have '{label}', the inputs do not")
    return inputs, output


def _spelled_out(labels: Labels, rank: int, equation: str) -> list[Any]:
    """A label for every dimension; those of the ellipsis count from its right end: ("...", 0)."""
    named = len(labels) - (DOTS in labels)
    extra = rank - named
    if extra < 0 or (extra and DOTS not in labels):
        raise ValueError(
            f"The subscript {''.join(labels)!r} of {equation!r} does not fit a tensor of rank {rank}"
        )
    result: list[Any] = []
    for label in labels:
        if label == DOTS:
            result.extend((DOTS, i) for i in range(extra - 1, -1, -1))
        else:
            result.append(label)
    return result


def _output_labels(spelled: list[list[Any]], output: Labels, equation: str) -> list[Any]:
    if DOTS not in output:
        return list(output)  # its dimensions are summed over
    dots = max((sum(type(each) is tuple for each in labels) for labels in spelled), default=0)
    return _spelled_out(output, len(output) - 1 + dots, equation)


def _sizes(spelled: list[list[Any]], arrays_shapes: Sequence[Any], equation: str) -> dict[Any, Any]:
    """The size of each label; None where no input tells."""
    sizes: dict[Any, Any] = {}
    for labels, shape in zip(spelled, arrays_shapes):
        for label, size in zip(labels, shape):
            known = sizes.get(label)
            if size is None or known == size:
                sizes.setdefault(label, size)
                continue
            if known is None or (type(label) is tuple and known == 1):
                sizes[label] = size
            elif not (type(label) is tuple and size == 1):
                raise ValueError(
                    f"Expected dimension {known} at label '{label}' of {equation!r} but got "
                    f"dimension {size}"
                )
    return sizes


def _einsum_shape(inputs, *, equation):
    given, output = parse(equation, len(inputs))
    if any(t._shape._dims is None for t in inputs):
        if DOTS in output:
            return shapes.UNKNOWN
        known = [(g, t) for g, t in zip(given, inputs) if t._shape._dims is not None]
        spelled = [_spelled_out(g, len(t._shape._dims), equation) for g, t in known]
        sizes = _sizes(spelled, [t._shape._dims for _, t in known], equation)
        return shapes.of(tuple(sizes.get(label) for label in output))
    spelled = [_spelled_out(g, len(t._shape._dims), equation) for g, t in zip(given, inputs)]
    sizes = _sizes(spelled, [t._shape._dims for t in inputs], equation)
    return shapes.of(tuple(sizes[label] for label in _output_labels(spelled, output, equation)))


@op("Einsum(inputs: N*T, *, equation: string, N: int, T: type) -> output: T", shape=_einsum_shape)
def einsum_op(xp, inputs, *, equation):
    """The sum of products that an equation like 'ij,jk->ik' says, of one or two tensors."""
    given, output = parse(equation, len(inputs))
    if len(inputs) > 2:
        raise NotImplementedError("Einsum takes one or two inputs; tf.einsum splits longer ones")
    spelled = [_spelled_out(g, x.ndim, equation) for g, x in zip(given, inputs)]
    sizes = _sizes(spelled, [x.shape for x in inputs], equation)
    wanted = _output_labels(spelled, output, equation)
    dtype = inputs[0].dtype
    summed_dots = DOTS not in output and any(DOTS in labels for labels in given)
    if not xp.is_numpy and len(set(wanted)) == len(wanted) and not summed_dots:
        wide = accumulator(dtype)
        result = xp.einsum(equation, *inputs, preferred_element_type=wide)
        return result.astype(dtype)
    operands = []
    for i, (x, labels) in enumerate(zip(inputs, spelled)):
        if summed_dots and any(type(label) is tuple for label in labels):
            x = xp.broadcast_to(x, [sizes[label] for label in labels])
        others = {label for j, each in enumerate(spelled) if j != i for label in each}
        operands.append(_reduced_operand(xp, x, labels, others | set(wanted)))
    unique = list(dict.fromkeys(wanted))
    result = _ordered(xp, *_combined(xp, operands, set(wanted)), unique)
    return _repeated(xp, result, unique, wanted).astype(dtype)


def _reduced_operand(xp: Any, x: Any, labels: list[Any], needed: set[Any]) -> tuple[Any, list[Any]]:
    """`x` with repeated labels as diagonals, and without the labels that nothing else names."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = xp.diagonal(x, axis1=first, axis2=second)
            labels = [each for i, each in enumerate(labels) if i not in (first, second)] + [label]
    gone = tuple(i for i, label in enumerate(labels) if label not in needed)
    if gone:
        x = xp.sum(x, axis=gone, dtype=accumulator(x.dtype)).astype(x.dtype)
        labels = [label for label in labels if label in needed]
    return x, labels


def _combined(xp: Any, operands: list[Any], wanted: set[Any]) -> tuple[Any, list[Any]]:
    if len(operands) == 1:
        return operands[0]
    (x, x_labels), (y, y_labels) = operands
    batch = [label for label in x_labels if label in y_labels and label in wanted]
    summed = [label for label in x_labels if label in y_labels and label not in wanted]
    x_free = [label for label in x_labels if label not in y_labels]
    y_free = [label for label in y_labels if label not in x_labels]
    x = xp.transpose(x, [x_labels.index(label) for label in batch + x_free + summed])
    y = xp.transpose(y, [y_labels.index(label) for label in batch + summed + y_free])
    count, inner = len(batch), len(summed)
    x_sizes, y_sizes = x.shape[count : count + len(x_free)], y.shape[count + inner :]
    depth = math.prod(y.shape[count : count + inner])
    rows = math.prod(x_sizes)
    columns = math.prod(y_sizes)
    x = xp.reshape(x, (*x.shape[:count], rows, depth))
    y = xp.reshape(y, (*y.shape[:count], depth, columns))
    result = product(xp, x, y, x.dtype)
    return xp.reshape(result, (*result.shape[:count], *x_sizes, *y_sizes)), batch + x_free + y_free


def _ordered(xp: Any, x: Any, labels: list[Any], wanted: list[Any]) -> Any:
    return xp.transpose(x, [labels.index(label) for label in wanted])


def _repeated(xp: Any, x: Any, labels: list[Any], wanted: list[Any]) -> Any:
    """`x` with labels that `wanted` repeats on a diagonal, and zeros beside it."""
    if labels == wanted:
        return x
    sizes = dict(zip(labels, x.shape))
    shape = tuple(sizes[label] for label in wanted)
    first = [wanted.index(label) for label in labels]
    order = sorted(range(len(labels)), key=first.__getitem__)
    x = xp.transpose(x, order)
    kept = sorted(first)
    x = xp.reshape(x, tuple(d if i in kept else 1 for i, d in enumerate(shape)))
    x = xp.broadcast_to(x, shape)
    for i, label in enumerate(wanted):
        if i not in kept:
            mask = np.eye(sizes[label], dtype=bool)
            places = (wanted.index(label), i)
            mask = mask.reshape([d if j in places else 1 for j, d in enumerate(shape)])
            x = xp.where(mask, x, x.dtype.type(0))
    return x


# The gradient -------------------------------------------------------------------------------------


@einsum_op.gradient_rule
def _einsum_grad(g, inputs, *, equation):
    given, output = parse(equation, len(inputs))
    if len(inputs) == 1:
        return [_operand_grad(g, output, inputs[0], given[0], None, [])]
    x, y = inputs
    return [
        _operand_grad(g, output, x, given[0], y, given[1]),
        _operand_grad(g, output, y, given[1], x, given[0]),
    ]


def _operand_grad(
    g: Any, output: Labels, x: Any, labels: Labels, other: Any, other_labels: Labels
) -> Any:
    """The gradient for the operand `x`, given that of the output and the other operand."""
    unique = list(dict.fromkeys(labels))
    direct = [label for label in unique if label in output or label in other_labels]
    if other is None:
        result = _call([g], [output], direct)
    else:
        result = _call([g, conj(other)], [output, other_labels], direct)
    if direct != unique:
        result = _spread(result, x, labels, unique, direct)
    if unique != labels:
        result = _call([result], [unique], labels)
    return _without_broadcast(result, x, labels) if DOTS in labels else result


def _call(tensors: list[Any], given: list[Labels], output: Labels) -> Any:
    if len(given) == 1 and given[0] == output:
        return tensors[0]
    left = ",".join("".join(labels) for labels in given)
    return einsum_op(tensors, equation=f"{left}->{''.join(output)}")


def _spread(result: Any, x: Any, labels: Labels, unique: Labels, direct: Labels) -> Any:
    """`result` repeated along the labels of `x` that were summed away."""
    sizes = x.shape.sizes
    reshape, broadcast = REGISTRY["Reshape"], REGISTRY["BroadcastTo"]
    rank = len(sizes) if sizes is not None else None
    if DOTS in labels and rank is None:
        raise NotImplementedError("the gradient of einsum with an ellipsis needs a known rank")
    spelled = _spelled_out(labels, rank if rank is not None else len(labels), "".join(labels))
    keys = list(dict.fromkeys(spelled))
    places = [spelled.index(key) for key in keys]
    dots = result.shape.rank
    if DOTS in direct and dots is not None:  # the output's ellipsis may stand for more dimensions
        extra = dots - (len(direct) - 1) - sum(type(key) is tuple for key in keys)
    else:
        extra = 0
    if sizes is not None and None not in sizes and not extra and result.shape.is_fully_defined():
        taken = iter(result.shape.sizes)
        kept = [next(taken) if _is_direct(key, direct) else 1 for key in keys]
        final = [d if _is_direct(k, direct) else sizes[p] for k, p, d in zip(keys, places, kept)]
        return broadcast(reshape(result, kept), final)
    if extra:
        raise NotImplementedError(
            "the gradient of einsum, where an ellipsis broadcasts and other dimensions are summed away"
        )
    axes = [i for i, key in enumerate(keys) if not _is_direct(key, direct)]
    for axis in axes:
        result = REGISTRY["ExpandDims"](result, axis)
    shape = REGISTRY["Shape"](result)
    x_shape = REGISTRY["GatherV2"](REGISTRY["Shape"](x), places, 0)
    summed = np.array([not _is_direct(key, direct) for key in keys])
    return broadcast(result, REGISTRY["SelectV2"](summed, x_shape, shape))


def _is_direct(key: Any, direct: Labels) -> bool:
    return (DOTS if type(key) is tuple else key) in direct


def _without_broadcast(result: Any, x: Any, labels: Labels) -> Any:
    """`result` summed over the dimensions of the ellipsis along which `x` was repeated."""
    have, want = result.shape.sizes, x.shape.sizes
    reshape, total = REGISTRY["Reshape"], REGISTRY["Sum"]
    start = labels.index(DOTS)
    after = len(labels) - 1 - start
    if have is not None and want is not None and None not in have and None not in want:
        if have == want:
            return result
        lead = len(have) - len(want)
        inside = range(start, len(have) - after)
        axes = [i for i in inside if i < start + lead or (want[i - lead] == 1 and have[i] != 1)]
        return reshape(total(result, axes), list(want))
    shape, full = REGISTRY["Shape"](x), REGISTRY["Shape"](result)
    rank, full_rank = REGISTRY["Size"](shape), REGISTRY["Size"](full)
    mine = REGISTRY["Slice"](shape, [start], REGISTRY["Pack"]([rank - len(labels) + 1]))
    theirs = REGISTRY["Slice"](full, [start], REGISTRY["Pack"]([full_rank - len(labels) + 1]))
    axes = REGISTRY["BroadcastGradientArgs"](mine, theirs)[0]
    return reshape(total(result, axes + start), shape)


# The public function ------------------------------------------------------------------------------


@export("einsum", "linalg.einsum")
def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """The sum of products over named dimensions.

    Args:
      equation: like 'ij,jk->ik': a letter per dimension of each input, and those of the result. Letters
        that the result lacks are summed over; without '->' those that occur twice are. '...' stands for
        any dimensions, which broadcast.
      *inputs: tensors of one dtype, one for each part of the left side.
      optimize: 'greedy', 'optimal' or another order of contraction that `numpy.einsum_path` knows, for
        three inputs or more.
      name: the name scope.

    Raises:
      ValueError: if the equation is malformed, or does not fit the inputs.
      TypeError: for other keyword arguments.

    >>> import reflow as tf
    >>> print(tf.einsum("ij,jk->ik", [[1, 2], [3, 4]], [[1], [10]]).numpy())
    [[21]
     [43]]
    """
    name = kwargs.pop("name", None)
    optimize = kwargs.pop("optimize", "greedy")
    if kwargs:
        raise TypeError(
            f"Invalid keyword arguments for this function: {', '.join(sorted(kwargs))}. Expected: "
            "name, optimize."
        )
    with name_scope(name, "einsum"):
        dtype = next((t.dtype for t in inputs if hasattr(t, "dtype")), None)
        tensors = [convert_to_tensor(t, name="inputs", dtype_hint=dtype) for t in inputs]
        equation = _explicit(equation)
        _, output = parse(equation, len(tensors))
        if len(set(output)) != len(output):
            raise ValueError(
                f"Output subscripts contain a label appearing more than once: {equation}"
            )
        if len(tensors) <= 2:
            return einsum_op(tensors, equation=equation)
        return _contract(tensors, equation, optimize)


def _explicit(equation: str) -> str:
    """The equation without blanks and with its right side."""
    equation = equation.replace(" ", "")
    if "->" in equation:
        return equation
    letters = [letter for letter in equation if letter.isalpha()]
    kept = sorted({letter for letter in letters if letters.count(letter) == 1})
    return f"{equation}->{DOTS if DOTS in equation else ''}{''.join(kept)}"


def _contract(tensors: list[Any], equation: str, optimize: Any) -> Any:
    """Three tensors or more, two at a time in a good order."""
    given, output = parse(equation, len(tensors))
    terms = list(zip(tensors, given))
    for step in _order(terms, output, optimize):
        chosen = [terms[i] for i in step]
        terms = [term for i, term in enumerate(terms) if i not in step]
        while len(chosen) > 1:
            (x, x_labels), (y, y_labels), *chosen = chosen
            rest = {label for _, labels in (*chosen, *terms) for label in labels} | set(output)
            both = list(dict.fromkeys((*x_labels, *y_labels)))
            kept = [label for label in both if label in rest]
            if not chosen and not terms:
                kept = output
            chosen = [(_call([x, y], [x_labels, y_labels], kept), kept), *chosen]
        terms.append(chosen[0])
    result, labels = terms[0]
    return _call([result], [labels], output)


def _order(terms: list[Any], output: Labels, optimize: Any) -> list[tuple[int, ...]]:
    arrays, parts = [], []
    for tensor, labels in terms:
        sizes = tensor.shape.sizes
        named = [label for label in labels if label != DOTS]
        known: list[int] = [1] * len(named)
        if sizes is not None:
            after = len(labels) - 1 - labels.index(DOTS) if DOTS in labels else 0
            used = (*sizes[: len(named) - after], *sizes[len(sizes) - after :])
            known = [1 if d is None else d for d in used]
        arrays.append(np.broadcast_to(np.float32(0), known))
        parts.append("".join(named))
    right = "".join(label for label in output if label != DOTS)
    largest: dict[str, int] = {}
    for part, array in zip(parts, arrays):
        for letter, size in zip(part, array.shape):
            largest[letter] = max(largest.get(letter, 1), size)
    arrays = [np.broadcast_to(np.float32(0), [largest[c] for c in part]) for part in parts]
    path = np.einsum_path(f"{','.join(parts)}->{right}", *arrays, optimize=optimize)[0]
    return [tuple(step) for step in path[1:]]
