"""Loops over data sets and their iterators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.autograph.loops import State, WithOwn, both
from reflow.autograph.policy import artifact
from reflow.autograph.staged_loop import check_initial, check_iteration, staged_loop
from reflow.lang import nest
from reflow.ops.control_flow.branches import again, as_output
from reflow.ops.control_flow.cond import cond


def iterator_for(
    iterator: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
) -> None:
    """On with an iterator, until it ends."""
    own = WithOwn(state, "<internal has_next>", True)
    initial = own.get()
    check_initial(initial, own.names)

    def step() -> None:
        optional = iterator.get_next_as_optional()
        own.value = optional.has_value()
        before = own.get()

        def some() -> tuple:
            body(optional.get_value())
            after = own.get()
            check_iteration(initial, before, after, own.names, options)
            return after

        own.set(cond(own.value, some, lambda: before))

    staged_loop(lambda: both(own.value, extra_test), step, own.get, own.set, own.names, options)


def dataset_for(
    dataset: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
) -> None:
    """Over a data set: a reduction of it, whose state are the loop's variables.

    Shapes of variables may change from element to element, as they may in a reduction.
    """
    own = WithOwn(state, "<internal unused>", 0)  # a reduction has a state
    initial = own.get()
    check_initial(initial, own.names)

    def flat(values: tuple) -> tuple:
        return tuple(as_output(leaf) for leaf in nest.flatten(values, expand_composites=True))

    def iterate(tensors: tuple, element: Any) -> tuple:
        before = again(initial, tensors)
        own.set(before)

        def some() -> tuple:
            body(element)
            after = own.get()
            check_iteration(initial, before, after, own.names, options, shapes_too=False)
            return flat(after)

        if extra_test is None:
            return some()
        more = extra_test()
        return cond(more, some, lambda: tensors), more

    if extra_test is None:
        final = dataset.reduce(flat(initial), artifact(iterate))
    else:

        def scanned(tensors: tuple, element: Any) -> tuple:
            after, more = iterate(tensors, element)
            return after, (after, more)

        def going_on(after: tuple, more: Any) -> Any:
            return more

        def last(before: tuple, element: tuple) -> tuple:
            return element[0]

        taken = dataset.scan(flat(initial), artifact(scanned)).take_while(artifact(going_on))
        final = taken.reduce(flat(initial), artifact(last))
    own.set(again(initial, final))
