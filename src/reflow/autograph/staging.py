"""When an operator makes nodes, and what it checks of the values that pass through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.autograph.state import NoReturnValue, Undefined
from reflow.lang import dtypes, errors, nest
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.tensor import Tensor, is_tensor

_CONSTANTS = (bool, int, float, str, np.ndarray)


def staged(value: Any) -> bool:
    """Whether control flow over `value` becomes nodes: it is a dense tensor, in a graph."""
    if type(value) in (bool, int, float, type(None)):
        return False
    if current_graph() is None:
        return False
    return isinstance(value, Tensor) or (is_tensor(value) and not nest.is_composite(value))


def has_all(value: Any, *names: str) -> bool:
    """Whether the class of `value` has these attributes; an object may pretend to have any."""
    kind = type(value)
    return all(hasattr(kind, name) for name in names)


def is_dataset(value: Any) -> bool:
    return has_all(value, "element_spec", "reduce", "take_while")


def fail(kind: type[Exception], message: str) -> Exception:
    """An error that names the user's line first."""
    return kind(f"{errors.user_site()}: {message}")


def condition(value: Any, what: str) -> Any:
    """The condition of a statement, as a boolean scalar.

    Raises:
      ValueError: if it is none.
    """
    hint = "to check for None, use `is not None`"
    tensor = convert_to_tensor(value)
    if tensor.dtype.base_dtype is not dtypes.bool:
        raise fail(
            ValueError,
            f"condition of {what} expected to be `tf.bool` scalar, got {tensor}; to use as boolean "
            f"Tensor, use `tf.cast`; {hint}",
        )
    if tensor.shape.rank == 0:
        return tensor
    sizes = tensor.shape.sizes
    if sizes and np.prod([size for size in sizes if size is not None]) > 1:
        raise fail(
            ValueError, f"condition of {what} expected to be `tf.bool` scalar, got {tensor}; {hint}"
        )
    from reflow.ops.array import reshape

    return reshape(tensor, [])


def as_leaf(value: Any) -> Any:
    """A Python constant as the tensor that it will become."""
    return convert_to_tensor(value) if isinstance(value, _CONSTANTS) else value


def has_type(value: Any) -> bool:
    return is_tensor(value) and hasattr(value, "dtype") and hasattr(value, "shape")


def difference(first: Any, second: Any) -> str | None:
    """In what way two structures differ; None if they do not."""
    found = nest._difference(first, second, True, True)
    return None if found is None else found[1]


def check_branch(values: Sequence[Any], names: Sequence[str], branch: str) -> None:
    """Refuses a branch that leaves a variable without a value."""
    for name, value in zip(names, values):
        if isinstance(value, Undefined):
            raise fail(ValueError, f"'{name}' must also be initialized in the {branch} branch")
        if isinstance(value, NoReturnValue):
            raise fail(ValueError, f"the {branch} branch must also have a return statement.")


def check_branches(body: Sequence[Any], orelse: Sequence[Any], names: Sequence[str]) -> None:
    """Refuses branches whose variables differ in structure or dtype."""
    for name, left, right in zip(names, body, orelse):
        text = difference(left, right)
        if text is not None:
            raise fail(
                TypeError,
                f"'{name}' must have the same nested structure in the main and else branches:\n\n{text}",
            )
        for x, y in zip(nest.flatten(left), nest.flatten(right)):
            check_pair(name, x, y)


def check_pair(name: str, body: Any, orelse: Any) -> None:
    for value, branch in ((body, "main"), (orelse, "else")):
        if value is None:
            raise fail(ValueError, f"'{name}' is None at the end of the {branch} branch.")
    body, orelse = as_leaf(body), as_leaf(orelse)
    if has_type(body) and has_type(orelse):
        left, right = body.dtype.base_dtype, orelse.dtype.base_dtype
        if left is not right:
            raise fail(
                TypeError,
                f"'{name}' has dtype {left.name} in the main branch, but dtype {right.name} in the "
                "else branch",
            )
