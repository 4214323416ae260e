"""Iterators as resources: the ops that make them, begin them and take elements from them.

The state behind a handle is an `IteratorState`. A TF 1 iterator has a name and lives in the store of
the session; an anonymous one lives as long as somebody holds its handle.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.compiler.cluster import as_numpy
from reflow.data.define import TYPED
from reflow.data.pipeline import Element, Pipeline, Run
from reflow.lang import errors, shapes
from reflow.lang.opdef import OpDef
from reflow.lang.resource import ResourceHandle
from reflow.ops import shape_rules
from reflow.ops.define import op

# State --------------------------------------------------------------------------------------------


class IteratorState:
    """A pipeline that is being run through, or none yet; calls from several threads take turns."""

    def __init__(self, dataset_factory: Any = None):
        self._source: Iterator[Element] | None = None
        self._run = Run(None)
        self._factory = dataset_factory
        self._lock = threading.Lock()

    def begin(self, pipeline: Pipeline, store: Any) -> None:
        """Runs through `pipeline` from its first element on."""
        run = Run(store)
        source = pipeline.iterate(run)
        with self._lock:
            self._run, self._source = run, source

    def next(self, ctx: Any) -> Element | None:
        """The next element; None at the end.

        Raises:
          errors.FailedPreconditionError: if no pipeline was begun.
        """
        with self._lock:
            if self._source is None:
                self._source = self._first(ctx)
            self._run.waiting = getattr(ctx, "run_options", None)
            return next(self._source, None)

    def _first(self, ctx: Any) -> Iterator[Element]:
        if self._factory is None:
            raise errors.FailedPreconditionError(
                None,
                None,
                "GetNext() failed because the iterator has not been initialized. Ensure that you "
                "have run the initializer operation for this iterator before getting the next "
                "element.",
            )
        (pipeline,) = ctx.call(self._factory, [])
        self._run = Run(ctx.store)
        return pipeline.iterate(self._run)


class IteratorHandle(ResourceHandle):
    """The handle of an iterator; that of an anonymous one holds the state itself."""

    __slots__ = ("state",)

    def __init__(
        self, container: str, name: Any, initial: Any = None, state: IteratorState | None = None
    ):
        super().__init__("Iterator", container, name, shape=shapes.SCALAR, initial=initial)
        self.state = state


_tokens = itertools.count()
_by_name: weakref.WeakValueDictionary[bytes, IteratorHandle] = weakref.WeakValueDictionary()


def _named(ctx: Any, shared_name: str, container: str, factory: Any = None) -> IteratorHandle:
    return IteratorHandle(
        container, shared_name or ctx.op.name, initial=lambda: IteratorState(factory)
    )


def state_of(ctx: Any, handle: IteratorHandle) -> IteratorState:
    """The state behind a handle."""
    return handle.state if handle.state is not None else ctx.store.get(handle)


# Handles ------------------------------------------------------------------------------------------

_HANDLE: dict[str, Any] = {
    "shape": shape_rules.scalar,
    "grad": None,
    "stateful": True,
    "compile": False,
}
_ITERATOR = f"shared_name: string, container: string, {TYPED}"


@op(f"IteratorV2(*, {_ITERATOR}) -> handle: resource", handle=True, **_HANDLE)
def iterator_v2(ctx, *, shared_name, container):
    """The handle of an iterator of a TF 1 graph, which MakeIterator begins."""
    return _named(ctx, shared_name, container)


@op(f"Iterator(*, {_ITERATOR}) -> handle: resource", handle=True, **_HANDLE)
def iterator_v1(ctx, *, shared_name, container):
    """The handle of an iterator: an older op."""
    return _named(ctx, shared_name, container)


@op(
    f"OneShotIterator(*, dataset_factory: func, {TYPED}, container: string = '',"
    " shared_name: string = '') -> handle: resource",
    handle=True,
    **_HANDLE,
)
def one_shot_iterator(ctx, *, dataset_factory, container, shared_name):
    """The handle of an iterator that begins by itself, with the data set that a function makes."""
    return _named(ctx, shared_name, container, dataset_factory)


def _anonymous() -> IteratorHandle:
    return IteratorHandle("anonymous", next(_tokens), state=IteratorState())


@op(f"AnonymousIteratorV3(*, {TYPED}) -> handle: resource", **_HANDLE)
def anonymous_iterator_v3(ctx):
    """The handle of a new iterator, which lives as long as the handle."""
    return _anonymous()


@op(
    f"AnonymousIteratorV2(*, {TYPED}) -> handle: resource, deleter: variant",
    **_HANDLE,
)
def anonymous_iterator_v2(ctx):
    """The handle of a new iterator; nobody needs the deleter."""
    return _anonymous(), None


@op(
    "MakeIterator(dataset: variant, iterator: resource) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    compile=False,
    writes=["iterator"],
)
def make_iterator(ctx, dataset, iterator):
    """Begins an iterator with a data set."""
    state_of(ctx, iterator).begin(dataset, ctx.store)
    return ()


# Strings ------------------------------------------------------------------------------------------


@op(
    "IteratorToStringHandle(resource_handle: resource) -> string_handle: string",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
)
def iterator_to_string_handle(ctx, resource_handle):
    """A string by which the iterator can be fed."""
    token = f"iterator_{resource_handle.name}_{id(ctx.store):x}_{id(resource_handle):x}".encode()
    state = state_of(ctx, resource_handle)
    bound = getattr(state, "_bound", None)
    if bound is None:
        bound = IteratorHandle(resource_handle.container, resource_handle.name, state=state)
        state._bound = bound  # type: ignore[attr-defined]  # lives as long as the state
        state._token = token  # type: ignore[attr-defined]
    _by_name[state._token] = bound  # type: ignore[attr-defined]
    return np.array(state._token, object)  # type: ignore[attr-defined]


@op(
    "IteratorFromStringHandleV2(string_handle: string, *, output_types: list(type) = [],"
    " output_shapes: list(shape) = []) -> resource_handle: resource",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
)
def iterator_from_string_handle_v2(ctx, string_handle):
    """The handle of the iterator for which a string stands."""
    token = string_handle.item() if hasattr(string_handle, "item") else string_handle
    found = _by_name.get(token)
    if found is None:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"string_handle {token!r:.80} stands for no iterator: run iterator.string_handle() in "
            "this program first, and keep its session.",
        )
    return found


# Elements -----------------------------------------------------------------------------------------


def _typed_shapes(*inputs: Any, output_shapes: Any) -> list:
    return list(output_shapes)


_TAKES: dict[str, Any] = {
    "shape": _typed_shapes,
    "grad": None,
    "stateful": True,
    "compile": False,
    "writes": ["iterator"],
}


def _next(ctx: Any, handle: IteratorHandle) -> list[Any]:
    element = state_of(ctx, handle).next(ctx)
    if element is None:
        raise errors.OutOfRangeError(None, None, "End of sequence")
    return list(element)


@op(f"IteratorGetNext(iterator: resource, *, {TYPED}) -> components: output_types", **_TAKES)
def iterator_get_next(ctx, iterator):
    """The next element.

    Raises:
      errors.OutOfRangeError: at the end.
    """
    return _next(ctx, iterator)


@op(f"IteratorGetNextSync(iterator: resource, *, {TYPED}) -> components: output_types", **_TAKES)
def iterator_get_next_sync(ctx, iterator):
    """The next element: the same as IteratorGetNext here."""
    return _next(ctx, iterator)


# Optional elements --------------------------------------------------------------------------------


class OptionalValue:
    """An element, or none: what a tensor of an optional holds."""

    __slots__ = ("element",)
    shape = ()

    def __init__(self, element: Element | None):
        self.element = element

    def to_host(self) -> OptionalValue:
        """The same with arrays of NumPy; the element of `OptionalFromValue` may be on a device."""
        if self.element is None:
            return self
        return OptionalValue(tuple([as_numpy(value) for value in self.element]))

    def __repr__(self) -> str:
        return f"<optional of {'nothing' if self.element is None else self.element!r:.60}>"


_OPTIONAL: dict[str, Any] = {
    "shape": shape_rules.scalar,
    "grad": None,
    "compile": False,
    "holds": True,
}


@op(
    f"IteratorGetNextAsOptional(iterator: resource, *, {TYPED}) -> optional: variant",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
    writes=["iterator"],
)
def iterator_get_next_as_optional(ctx, iterator):
    """The next element, or nothing at the end."""
    return OptionalValue(state_of(ctx, iterator).next(ctx))


@op(
    "OptionalFromValue(components: Toutput_types, *, Toutput_types: list(type))"
    " -> optional: variant",
    **_OPTIONAL,
)
def optional_from_value(xp, components):
    """An optional with a value."""
    return OptionalValue(tuple(components))


@op("OptionalNone() -> optional: variant", context=True, **_OPTIONAL)
def optional_none(ctx):
    """An optional without a value."""
    return OptionalValue(None)


@op("OptionalHasValue(optional: variant) -> has_value: bool", **_OPTIONAL)
def optional_has_value(xp, optional):
    """Whether an optional has a value."""
    return np.bool_(optional.element is not None)


@op(
    f"OptionalGetValue(optional: variant, *, {TYPED}) -> components: output_types",
    shape=_typed_shapes,
    grad=None,
    compile=False,
    holds=True,
)
def optional_get_value(xp, optional):
    """The value of an optional."""
    if optional.element is None:
        raise errors.InvalidArgumentError(None, None, "The given optional does not have a value.")
    return list(optional.element)


# Whole data sets ----------------------------------------------------------------------------------


@op(
    "ReduceDataset(input_dataset: variant, initial_state: Tstate, other_arguments: Targuments, *,"
    f" f: func, Tstate: list(type), Targuments: list(type), {TYPED},"
    " use_inter_op_parallelism: bool = True, metadata: string = '') -> components: output_types",
    shape=_typed_shapes,
    grad=None,
    stateful=True,
    compile=False,
)
def reduce_dataset(ctx, input_dataset, initial_state, other_arguments, *, f):
    """The state after `state = f(state, element)` for all elements."""
    run = Run(ctx.store)
    function = run.function(f, other_arguments)
    state: Sequence[Any] = tuple(initial_state)
    for element in input_dataset.iterate(run):
        state = function(*state, *element)
    return list(state)


@op(
    f"DatasetToSingleElement(dataset: variant, *, {TYPED}, metadata: string = '')"
    " -> components: output_types",
    shape=_typed_shapes,
    grad=None,
    stateful=True,
    compile=False,
)
def dataset_to_single_element(ctx, dataset):
    """The element of a data set that has one."""
    source = dataset.iterate(Run(ctx.store))
    element = next(source, None)
    if element is None:
        raise errors.InvalidArgumentError(None, None, "Dataset was empty.")
    if next(source, None) is not None:
        raise errors.InvalidArgumentError(None, None, "Dataset had more than one element.")
    return list(element)


@op(
    "DatasetCardinality(input_dataset: variant, *, cardinality_options: string = '')"
    " -> cardinality: int64",
    shape=shape_rules.scalar,
    grad=None,
    context=True,
    compile=False,
)
def dataset_cardinality(ctx, input_dataset):
    """The number of elements; -1 for infinitely many, -2 where it is not known."""
    return np.int64(input_dataset.cardinality())


@op(
    f"GetElementAtIndex(dataset: variant, index: int64, *, {TYPED}) -> components: output_types",
    shape=_typed_shapes,
    grad=None,
    context=True,
    compile=False,
)
def get_element_at_index(ctx, dataset, index):
    """The element with a number."""
    at = int(index)
    size = dataset.cardinality()
    rows = dataset.rows() if dataset.in_order else None
    if at >= 0 and (size < 0 or at < size):
        if rows is not None:
            return list(rows.element(at))
        found = next(itertools.islice(dataset.iterate(Run(ctx.store)), at, None), None)
        if found is not None:
            return list(found)
    raise errors.OutOfRangeError(None, None, f"Index out of range [0, {size}): {at}")


@op("DummySeedGenerator() -> handle: resource", **_HANDLE)
def dummy_seed_generator(ctx):
    """Stands where an op of TensorFlow takes a generator of seeds, which its data set holds itself."""
    return ResourceHandle("seed generator", "anonymous", next(_tokens))


def single(opdef: OpDef, *args: Any, **kwargs: Any) -> list[Any]:
    """The outputs of an op with a list of outputs, as a list."""
    result = opdef(*args, **kwargs)
    return list(result) if isinstance(result, (list, tuple)) else [result]
