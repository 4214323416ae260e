"""A loop as a node: what its variables are, and that they stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.autograph.staging import as_leaf, condition, difference, fail, has_type
from reflow.autograph.state import NoReturnValue, Undefined, is_missing
from reflow.lang import nest, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.func_graph import FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops.constant import identity
from reflow.ops.control_flow.branches import is_tensor_array

_LEGAL = "Tensor, int, float, bool or a list, tuple or dict thereof"


def staged_loop(
    test: Callable[[], Any],
    body: Callable[[], Any],
    get_state: Callable[[], tuple] | None,
    set_state: Callable[[Any], None] | None,
    names: tuple[str, ...],
    options: dict[str, Any] | None,
) -> None:
    """Makes the node of a loop and gives the variables their values after it."""
    from reflow.ops.control_flow.while_loop import while_loop

    options = dict(options or {})
    get = get_state if get_state is not None else tuple
    put = set_state if set_state is not None else _nothing
    given = get()
    invariants = _invariants(options.pop("shape_invariants", None), given, names)
    initial = given
    missing = [is_missing(value) for value in given]
    if any(missing):
        initial, invariants = _with_stand_ins(body, get, put, given, missing, invariants, names)

    # A variable that has no value before the loop has one after it only if the loop ran.
    first = [False] if any(missing) else []
    if not first and not initial:
        first = [False]  # a node has a variable
    own = len(first)

    def aug_test(*values: Any) -> Any:
        put(values[own:])
        return condition(test(), "while loop")

    def aug_body(*values: Any) -> tuple:
        before = values[own:]
        put(before)
        body()
        after = get()
        _check(initial, before, after, names, invariants)
        return (*[True] * own, *after)

    said = None
    if any(each is not None for each in invariants):
        said = (*[TensorShape([])] * own, *map(_full_invariant, initial, invariants))
    result = while_loop(
        aug_test,
        aug_body,
        (*first, *initial),
        shape_invariants=said,
        return_same_structure=True,
        **options,
    )
    final = tuple(result[own:])
    if any(missing):
        labels = [
            "the function return value" if isinstance(value, NoReturnValue) else name
            for name, value, lacks in zip(names, given, missing)
            if lacks
        ]
        final = _after_one_iteration(result[0], ", ".join(labels), final)
    put(final)


def _nothing(values: Any) -> None:
    """The state of a loop without variables."""


def _after_one_iteration(ran: Any, labels: str, values: tuple) -> tuple:
    """`values`, if the loop ran at all."""
    from reflow.ops.debugging import Assert

    message = f"loop must iterate at least once to initialize {labels}"
    with control_dependencies([Assert(ran, [message])]):
        return nest.map_structure(
            lambda leaf: identity(leaf) if isinstance(leaf, Tensor) else leaf, values
        )


# Shapes -------------------------------------------------------------------------------------------


def _invariants(pairs: Any, values: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """What `set_loop_options` says of the shape of each variable; None where it says nothing."""
    found: list[Any] = [None] * len(values)
    for pair in pairs or ():
        try:
            value, shape = pair
        except (TypeError, ValueError):
            raise fail(
                ValueError,
                f"shape_invariants of set_loop_options is a list of (tensor, shape) pairs, got {pair!r}",
            ) from None
        for i, each in enumerate(values):
            if each is value:
                found[i] = shape
    return found


def _full_invariant(value: Any, invariant: Any) -> Any:
    """A shape for each part of a variable."""
    if invariant is not None:
        return invariant
    return nest.map_structure(_own_shape, value)


def _own_shape(leaf: Any) -> Any:
    if is_tensor_array(leaf):
        return TensorShape([])
    shape = getattr(leaf, "shape", None)
    return shapes.as_shape(np.shape(leaf) if shape is None else shape)


def _within(shape: TensorShape, wider: TensorShape) -> bool:
    """Whether every tensor of `shape` is one of the shape `wider` too."""
    left, right = shape.sizes, wider.sizes
    if right is None:
        return True
    if left is None or len(left) != len(right):
        return False
    return all(b is None or a == b for a, b in zip(left, right))


# Checks -------------------------------------------------------------------------------------------


def check_initial(
    values: Sequence[Any], names: Sequence[str], first: Sequence[Any] | None = None, note: str = ""
) -> None:
    """Refuses variables without a value before the loop."""
    for i, (name, value) in enumerate(zip(names, values)):
        if isinstance(value, NoReturnValue):
            after = None if first is None else first[i]
            if after is not None and not is_missing(after):
                raise fail(
                    ValueError,
                    f"the return value from a TensorFlow loop may only be a {_LEGAL}; got {type(after)}",
                )
            raise fail(
                NotImplementedError,
                "a return statement cannot be placed inside this TensorFlow loop; this may happen if a "
                "return statement depends on a static Python condition such as a hyperparameter",
            )
        if value is None:
            raise fail(ValueError, f"'{name}' is not allowed to be None before the loop")
        if isinstance(value, Undefined):
            more = f"\n{note}" if note else ""
            raise fail(ValueError, f"'{name}' must be defined before the loop{more}")


def check_iteration(
    initial: Sequence[Any],
    before: Sequence[Any],
    after: Sequence[Any],
    names: Sequence[str],
    options: dict[str, Any] | None,
    shapes_too: bool = True,
) -> None:
    """Refuses variables that are something else after an iteration."""
    pairs = (options or {}).get("shape_invariants")
    _check(initial, before, after, names, _invariants(pairs, initial, names), shapes_too)


def _check(
    initial: Sequence[Any],
    before: Sequence[Any],
    after: Sequence[Any],
    names: Sequence[str],
    invariants: Sequence[Any],
    shapes_too: bool = True,
) -> None:
    for name, start, entry, end, invariant in zip(names, initial, before, after, invariants):
        if end is None and entry is not None:
            raise fail(ValueError, f"'{name}' is None at the end of the iteration.")
        for left, right in ((start, entry), (entry, end)):
            text = difference(left, right)
            if text is not None:
                raise fail(
                    TypeError,
                    f"'{name}' does not have the same nested structure after one iteration.\n\n{text}",
                )
        leaves = [nest.flatten(each) for each in (start, entry, end)]
        said = nest.flatten(invariant) if nest.is_nested(invariant) else [invariant]
        if len(said) != len(leaves[0]):
            said = [None] * len(leaves[0])
        for x, y, z, shape in zip(*leaves, said):
            _check_leaf(name, x, y, z, shape, shapes_too)


def _check_leaf(
    name: str, start: Any, entry: Any, end: Any, invariant: Any, shapes_too: bool
) -> None:
    if end is None:
        raise fail(ValueError, f"'{name}' is None at the end of the iteration.")
    start, entry, end = as_leaf(start), as_leaf(entry), as_leaf(end)
    if not (has_type(entry) and has_type(end)):
        return
    left, right = entry.dtype.base_dtype, end.dtype.base_dtype
    if left is not right:
        raise fail(
            TypeError,
            f"'{name}' has dtype {left.name} before the loop, but dtype {right.name} after one "
            "iteration",
        )
    if nest.is_composite(end) or not shapes_too:
        return
    after = shapes.as_shape(end.shape)
    if invariant is None:
        before = shapes.as_shape(entry.shape)
        if not _within(after, before):
            raise fail(
                ValueError,
                f"'{name}' has shape {before} before the loop, but shape {after} after one iteration. "
                "Use tf.autograph.experimental.set_loop_options to set shape invariants.",
            )
        return
    wide = shapes.as_shape(getattr(invariant, "shape", invariant))
    for shape, when in (
        (shapes.as_shape(start.shape), "before the loop"),
        (after, "after one iteration"),
    ):
        if not _within(shape, wide):
            raise fail(
                ValueError,
                f"'{name}' has shape {shape} {when}, which does not conform with the shape invariant "
                f"{wide}.",
            )


# Variables without a value before the loop --------------------------------------------------------


def _with_stand_ins(
    body: Callable[[], Any],
    get: Callable[[], tuple],
    put: Callable[[Any], None],
    given: tuple,
    missing: Sequence[bool],
    invariants: list[Any],
    names: Sequence[str],
) -> tuple[tuple, list[Any]]:
    """The initial values, with zeros for those that are missing, and the shape invariants.

    What a variable will be is seen by building the body once, on the side. It must not read the
    variable before it assigns it.
    """
    after: tuple | None = None
    note = ""
    initial, said = given, list(invariants)
    try:
        with FuncGraph("iteration", current_graph()).as_default():
            put(nest.map_structure(_any_value, given))
            body()
            after = get()
        made = [
            _stand_in(value, invariant, old) if lacks else (old, invariant)
            for value, invariant, old, lacks in zip(after, invariants, given, missing)
        ]
        initial, said = tuple(value for value, _ in made), [shape for _, shape in made]
    except (UnboundLocalError, TypeError, ValueError, KeyError) as error:
        note = (
            "Note: AutoGraph tried to define it automatically, but ran into a "
            f"{type(error).__name__}: {error}"
        )
    finally:
        put(initial)
    check_initial(initial, names, after, note)
    return initial, said


def _any_value(leaf: Any) -> Any:
    """A placeholder in place of a Python number, which a loop makes a tensor anyway."""
    if isinstance(leaf, (bool, int, float, str, np.ndarray, np.generic)):
        tensor = convert_to_tensor(leaf)
        return REGISTRY["Placeholder"](dtype=tensor.dtype, shape=tensor.shape)
    return leaf


def _stand_in(like: Any, invariant: Any, original: Any) -> tuple[Any, Any]:
    """A zero of the kind of `like`, and the shape that it may take; `original` if there is none."""
    if is_missing(like):
        return original, None
    if isinstance(like, (bool, int, float)):
        return type(like)(0), None
    if isinstance(like, (list, tuple, dict)):
        leaves = nest.flatten(like)
        said = nest.flatten(invariant) if invariant is not None else [None] * len(leaves)
        pairs = [_stand_in(leaf, shape, original) for leaf, shape in zip(leaves, said)]
        values = nest.pack_sequence_as(like, [value for value, _ in pairs])
        if all(shape is None for _, shape in pairs):
            return values, None
        wide = [_own_shape(value) if shape is None else shape for value, shape in pairs]
        return values, nest.pack_sequence_as(like, wide)
    if is_tensor(like) and not nest.is_composite(like):
        return _zeros_like(like, invariant)
    raise TypeError(
        f"Found an unsupported type '{type(like).__name__}' while creating placeholder for {like}. "
        "Supported types include Tensor, int, float, bool, list, tuple or dict."
    )


def _zeros_like(like: Any, invariant: Any) -> tuple[Any, Any]:
    from reflow.ops.filling import zeros

    own = shapes.as_shape(like.shape)
    wide = own if invariant is None else shapes.as_shape(getattr(invariant, "shape", invariant))
    if wide.sizes is None or own.sizes is None:
        return zeros((), like.dtype), wide
    sizes = [(least or 0) if size is None else size for size, least in zip(own.sizes, wide.sizes)]
    return zeros(sizes, like.dtype), (wide if None in own.sizes else invariant)
