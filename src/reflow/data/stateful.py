"""Functions of a state and elements: reduce, scan, group_by_window, group_by_reducer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.data import grouping, iterator_ops, mapping, structure
from reflow.data.dataset import Dataset
from reflow.data.dataset_base import DatasetSpec
from reflow.data.element_function import ElementFunction, as_structure, call_user_function
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors
from reflow.lang.opdef import REGISTRY
from reflow.lang.type_spec import TensorSpec

_INT64 = Structure(TensorSpec([], dtypes.int64))


def _relaxed(state: Structure, found: Any, what: str) -> Structure:
    """The structure of a state that may have its first spec, or that which a function gave it.

    Raises:
      TypeError: if they differ in more than their shapes.
    """

    def leaf(a: Any, b: Any) -> Any:
        if isinstance(a, TensorSpec) and isinstance(b, TensorSpec):
            if a.dtype is not b.dtype:
                raise TypeError(
                    f"{errors.user_site()}: The element types for the new state must match the initial state "
                    f"in {what}. Expected {a.dtype.name}; got {b.dtype.name}. Use tf.cast."
                )
            return TensorSpec(a.shape.most_specific_compatible_shape(b.shape), a.dtype)
        return a.most_specific_compatible_type(b)

    try:
        return Structure(structure.map_leaves(leaf, state.spec, found))
    except ValueError as error:
        raise TypeError(
            f"{errors.user_site()}: The state that {what} gives must have the structure of the initial state, "
            f"{state.spec}, but is {found}. ({error})"
        ) from None


def _settled(
    trace: Callable[[Structure], tuple[ElementFunction, Any]], state: Structure, what: str
):
    """The function traced for a state whose spec does not change any more."""
    while True:
        function, found = trace(state)
        relaxed = _relaxed(state, found, what)
        if relaxed.spec == state.spec and all(
            a._dims == b._dims for a, b in zip(relaxed.shapes, state.shapes)
        ):
            return function, state
        state = relaxed


def reduce(dataset: Dataset, initial_state: Any, reduce_func: Callable) -> Any:
    """The body of `Dataset.reduce`."""
    initial, state = as_structure(initial_state)

    def trace(state: Structure) -> tuple[ElementFunction, Any]:
        function = ElementFunction(
            reduce_func, state, dataset._structure, what="reduce", unpack=False
        )
        return function, function.output.spec

    function, state = _settled(trace, state, "reduce_func")
    parts = iterator_ops.single(
        iterator_ops.reduce_dataset,
        dataset._variant_tensor,
        state.to_parts(initial),
        function.captured,
        f=function.graph,
        **state.attrs,
    )
    return state.from_parts(parts)


def scan(dataset: Dataset, initial_state: Any, scan_func: Callable) -> Dataset:
    """The body of `Dataset.scan`."""
    initial, state = as_structure(initial_state)

    def trace(state: Structure) -> tuple[ElementFunction, Any]:
        function = ElementFunction(scan_func, state, dataset._structure, what="scan", unpack=False)
        found = function.output.spec
        if type(found) is not tuple or len(found) != 2:
            raise TypeError(
                f"{errors.user_site()}: Invalid `scan_func`. `scan_func` should return a pair consisting of "
                f"new state and the output value but its return type is {found}."
            )
        return function, found[0]

    function, state = _settled(trace, state, "scan_func")
    spec = function.output.spec[1]
    return dataset._with_spec(
        "_ScanDataset",
        spec,
        mapping.scan_dataset,
        state.to_parts(initial),
        function.captured,
        f=function.graph,
        preserve_cardinality=True,
    )


def _key_function(dataset: Dataset, key_func: Callable) -> ElementFunction:
    def as_int64(*components: Any) -> Any:
        key = structure.normalize_leaf(call_user_function(key_func, components))
        return REGISTRY["Cast"](key, DstT=dtypes.int64)

    function = ElementFunction(as_int64, dataset._structure, what="group_by_window")
    if function.output.shapes[0].rank not in (None, 0):
        raise ValueError(
            f"{errors.user_site()}: Invalid `key_func`. Expected `key_func` to return a scalar tensor of "
            f"dtype int64, but it returns {function.output.spec}."
        )
    return function


def group_by_window(
    dataset: Dataset,
    key_func: Callable,
    reduce_func: Callable,
    window_size: Any,
    window_size_func: Callable | None,
) -> Dataset:
    """The body of `Dataset.group_by_window`."""
    if (window_size is None) == (window_size_func is None):
        raise ValueError(
            f"{errors.user_site()}: Either the `window_size` argument or the `window_size_func` argument must "
            "be specified, and only one of them."
        )

    def size_of(key: Any) -> Any:
        size = window_size
        if window_size_func is not None:
            size = call_user_function(window_size_func, (key,))
        size = structure.normalize_leaf(size)
        return REGISTRY["Cast"](size, DstT=dtypes.int64)

    key = _key_function(dataset, key_func)
    size = ElementFunction(size_of, _INT64, what="group_by_window")
    window = Structure(DatasetSpec(dataset.element_spec))
    reduce = ElementFunction(reduce_func, _INT64, window, what="group_by_window", unpack=False)
    if not isinstance(reduce.output.spec, DatasetSpec):
        raise TypeError(
            f"{errors.user_site()}: Invalid `reduce_func`. `reduce_func` must return a `tf.data.Dataset`, but "
            f"its return type is {reduce.output.spec}."
        )
    return dataset._with_spec(
        "_GroupByWindowDataset",
        reduce.output.spec._element_spec,
        grouping.group_by_window_dataset,
        key.captured,
        reduce.captured,
        size.captured,
        key_func=key.graph,
        reduce_func=reduce.graph,
        window_size_func=size.graph,
    )


def group_by_reducer(dataset: Dataset, key_func: Callable, reducer: Any) -> Dataset:
    """For each key one element: what a reducer makes of the elements with that key."""
    key = _key_function(dataset, key_func)
    begin = ElementFunction(reducer.init_func, _INT64, what="group_by_reducer")

    def trace(state: Structure) -> tuple[ElementFunction, Any]:
        function = ElementFunction(
            reducer.reduce_func, state, dataset._structure, what="group_by_reducer", unpack=False
        )
        return function, function.output.spec

    reduce, state = _settled(trace, begin.output, "reduce_func")
    finish = ElementFunction(reducer.finalize_func, state, what="group_by_reducer")
    functions = [key, begin, reduce, finish]
    graphs = dict(
        zip(
            ("key_func", "init_func", "reduce_func", "finalize_func"),
            (each.graph for each in functions),
        )
    )
    return dataset._with_spec(
        "_GroupByReducerDataset",
        finish.output.spec,
        grouping.group_by_reducer_dataset,
        *[each.captured for each in functions],
        **graphs,
    )
