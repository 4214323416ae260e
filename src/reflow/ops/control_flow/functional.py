"""Functions of functions: calls as nodes, `map_fn`, `scan`, `foldl`, `foldr`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import dtypes, errors, nest, shapes
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.extension_type import BatchableExtensionType, BatchableExtensionTypeSpec
from reflow.lang.opdef import OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.type_spec import TensorSpec
from reflow.ops import array
from reflow.ops.constant import constant
from reflow.ops.control_flow.tensor_array import TensorArray
from reflow.ops.control_flow.while_loop import while_loop
from reflow.ops.define import op
from reflow.ops.extension_rows import ExtensionReader, ExtensionWriter

# Calls --------------------------------------------------------------------------------------------


def _call_grad(op, gs):
    return service("branch_gradient")(op, gs)


def _call_shapes(args, *, f, Tout):
    outputs = getattr(f, "outputs", None)
    if outputs is None or len(outputs) != len(Tout):
        return [shapes.UNKNOWN] * len(Tout)
    return [t.shape for t in outputs]


def _call(name: str, stateful: bool) -> OpDef:
    @op(
        f"{name}(args: Tin, *, Tin: list(type), Tout: list(type), f: func, config: string = '',"
        " config_proto: string = '', executor_type: string = '') -> output: Tout",
        shape=_call_shapes,
        grad=_call_grad,
        stateful=stateful,
        context=True,
    )
    def lower(ctx, args, *, f):
        """The outputs of a function of `args`."""
        return list(ctx.call(f, args))

    return lower


partitioned_call = _call("PartitionedCall", stateful=False)
stateful_partitioned_call = _call("StatefulPartitionedCall", stateful=True)


# Over the first dimension -------------------------------------------------------------------------


class _DenseReader:
    """The slices of a tensor along its first dimension."""

    def __init__(self, value: Any, site: str):
        self.tensor = convert_to_tensor(value, name="elem")
        if self.tensor.shape.rank == 0:
            raise ValueError(
                f"{site}: Elements in elems must be 1+ dimensional Tensors, not scalars"
            )
        self.spec = self.tensor.dtype
        self.static_count = self.tensor.shape._dims[0] if self.tensor.shape._dims else None

    def count(self) -> Any:
        return array.shape(self.tensor)[0]

    def start(self, count: Any) -> None:
        self._array = TensorArray(
            self.tensor.dtype,
            size=count,
            dynamic_size=False,
            clear_after_read=False,
            element_shape=self.tensor.shape[1:],
            infer_shape=True,
        ).unstack(self.tensor)

    def read(self, i: Any) -> Any:
        return self._array.read(i)


class _DenseWriter:
    """Stacks what a loop gives, of a dtype or a `TensorSpec`, to a tensor."""

    def __init__(self, spec: Any, infer_shape: bool):
        self._spec = spec
        self._infer_shape = infer_shape

    def arrays(self, count: Any) -> list[TensorArray]:
        return [
            TensorArray(
                dtypes.as_dtype(getattr(self._spec, "dtype", self._spec)),
                size=count,
                dynamic_size=False,
                infer_shape=self._infer_shape,
                element_shape=getattr(self._spec, "shape", None),
            )
        ]

    def write(self, arrays: list[TensorArray], i: Any, value: Any) -> list[TensorArray]:
        return [arrays[0].write(i, value)]

    def result(self, arrays: list[TensorArray], count: Any, static: int | None) -> Any:
        return _stacked(arrays[0], static)


def _stacked(written: TensorArray, static: int | None) -> Any:
    """What a loop wrote, as a tensor with the static number of elements."""
    tensor = written.stack()
    if not executing_eagerly() and tensor.shape._dims:
        tensor.set_shape([static, *tensor.shape._dims[1:]])
    return tensor


def _writer(spec: Any, infer_shape: bool, site: str) -> Any:
    if isinstance(spec, BatchableExtensionTypeSpec):
        return ExtensionWriter(spec, lambda part: _writer(part, infer_shape, site))
    if hasattr(spec, "_component_specs") and not isinstance(spec, TensorSpec):
        from reflow.ops.ragged import rows

        return rows.writer(spec, site)
    return _DenseWriter(spec, infer_shape)


class _Elements:
    """Nested tensors of one length, to be taken one element at a time."""

    def __init__(self, elems: Any, site: str, what: str, composites: bool = False):
        self.structure = elems
        self.readers = [self._reader(each, site, what, composites) for each in nest.flatten(elems)]
        if not self.readers:
            raise ValueError(f"{site}: elems must contain at least one Tensor.")
        static = None
        for each in self.readers:
            size = each.static_count
            if size is not None and static is not None and size != static:
                raise ValueError(
                    f"{site}: Dimensions {static} and {size} are not compatible: all elems of "
                    f"tf.{what} must have the same first dimension"
                )
            static = static if size is None else size
        self.count = static
        self._dynamic: Any = None

    @staticmethod
    def _reader(value: Any, site: str, what: str, composites: bool) -> Any:
        if not nest.is_composite(value):
            return _DenseReader(value, site)
        if not composites:
            raise errors.UnimplementedError(
                None,
                None,
                f"{site}: tf.{what} over sparse or ragged tensors: use tf.map_fn, or convert them to "
                "dense ones",
            )
        if isinstance(value, BatchableExtensionType):
            return ExtensionReader(value, lambda part: _Elements._reader(part, site, what, True))
        from reflow.ops.ragged import rows

        return rows.reader(value)

    @property
    def length(self) -> Any:
        """How many elements there are: an integer, or a tensor."""
        if self.count is not None:
            return self.count
        if self._dynamic is None:
            self._dynamic = self.readers[0].count()
        return self._dynamic

    def unstack(self) -> None:
        """Makes an array of the elements of each tensor."""
        length = self.length
        for each in self.readers:
            each.start(length)

    def read(self, i: Any) -> list[Any]:
        return [each.read(i) for each in self.readers]

    def pack(self, values: Sequence[Any]) -> Any:
        return nest.pack_sequence_as(self.structure, values)

    def stacked(self, arrays: Sequence[TensorArray]) -> list[Any]:
        """What loops wrote, as tensors with the static length of the elements."""
        return [_stacked(each, self.count) for each in arrays]


def _iterations(parallel_iterations: Any) -> int:
    return 1 if executing_eagerly() else parallel_iterations or 10


def converted(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the user, with its control flow over tensors in the graph."""
    return fn if executing_eagerly() else service("autograph_tf_convert")(fn)


def check_callable(fn: Any, site: str) -> None:
    if not callable(fn):
        name = getattr(fn, "__name__", repr(fn))
        raise TypeError(f"{site}: {name} is not callable. Please provide a callable function.")


@export(v1=("map_fn",))
def map_fn(
    fn: Any,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each slice of `elems` along the first dimension, stacked.

    Args:
      fn: takes a slice of `elems`, in the structure of `elems`; returns tensors in the structure of
        `fn_output_signature`.
      elems: tensors of the same first dimension, in a nested structure.
      dtype: the old name of `fn_output_signature`.
      parallel_iterations: has no influence on the result.
      back_prop: whether gradients go through.
      swap_memory: has no influence on the result.
      infer_shape: whether all results must have the same shape.
      name: the name scope of the ops.
      fn_output_signature: the dtypes (or tensor specs) of what `fn` returns, in its structure; needed
        where they are not those of `elems`.

    Raises:
      TypeError: if `fn` is not callable, or returns other dtypes.
      ValueError: if `elems` holds a scalar, or `fn` returns another structure.

    >>> import reflow as tf
    >>> print(tf.map_fn(lambda x: x * x, tf.constant([1, 2, 3])).numpy())
    [1 4 9]
    """
    site = errors.user_site()
    return map_rows(fn, elems, dtype, parallel_iterations, back_prop, infer_shape, name, fn_output_signature, site)  # fmt: skip


@export(v2=("map_fn",))
def map_fn_v2(
    fn: Any,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each slice of `elems` along the first dimension, stacked: see the TF 1 function."""
    site = errors.user_site()
    return map_rows(fn, elems, dtype, parallel_iterations, back_prop, infer_shape, name, fn_output_signature, site)  # fmt: skip


def map_rows(
    fn: Any,
    elems: Any,
    dtype: Any,
    parallel_iterations: Any,
    back_prop: bool,
    infer_shape: bool,
    name: str | None,
    signature: Any,
    site: str,
) -> Any:
    """`fn` of one slice of `elems` after the other: see `map_fn`."""
    if not callable(fn):
        raise TypeError(f"{site}: The provided function {fn!r} is not callable.")
    fn = converted(fn)
    signature = dtype if signature is None else signature
    with name_scope(name, "map", nest.flatten(elems)):
        elements = _Elements(elems, site, "map_fn", composites=True)
        if signature is None:
            signature = nest.pack_sequence_as(elems, [each.spec for each in elements.readers])
        specs = nest.flatten(signature)
        elements.unstack()
        length = elements.length
        start = constant(0)
        writers = [_writer(spec, infer_shape, site) for spec in specs]
        results = [each.arrays(length) for each in writers]

        def compute(i: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
            result = fn(elements.pack(elements.read(i)))
            difference = nest._difference(signature, result, True, False)
            if difference is not None:
                kind, text = difference
                raise kind(
                    f"{site}: The two structures don't have the same nested structure: the function "
                    "of tf.map_fn must return the structure of fn_output_signature (by default "
                    f"that of elems). {text}"
                )
            values = nest.flatten(result)
            written = [each.write(ta, i, v) for each, ta, v in zip(writers, arrays, values)]
            return i + 1, written

        _, results = while_loop(
            lambda i, _: i < length,
            compute,
            (start, results),
            parallel_iterations=_iterations(parallel_iterations),
            back_prop=back_prop,
            maximum_iterations=length,
        )
        stacked = [each.result(ta, length, elements.count) for each, ta in zip(writers, results)]
        return nest.pack_sequence_as(signature, stacked)


@export("scan")
def scan(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All partial results of combining the slices of `elems` along the first dimension with `fn`.

    Args:
      fn: takes the result so far and a slice of `elems`; returns the next result.
      elems: tensors of the same first dimension, in a nested structure.
      initializer: the first result, before any slice; by default the first slice.
      parallel_iterations: has no influence on the result.
      back_prop: whether gradients go through.
      swap_memory: has no influence on the result.
      infer_shape: whether all results must have the same shape.
      reverse: go from the last slice to the first.
      name: the name scope of the ops.

    Returns:
      The results stacked along a first dimension, in the structure of `initializer` or of `elems`.

    Raises:
      TypeError: if `fn` is not callable.
      ValueError: if `fn` returns another structure than that of the result so far.

    >>> import reflow as tf
    >>> print(tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3])).numpy())
    [1 3 6]
    """
    site = errors.user_site()
    check_callable(fn, site)
    with name_scope(name, "scan", nest.flatten(elems)):
        elements = _Elements(elems, site, "scan")
        elements.unstack()
        length = elements.length
        first = length - 1 if reverse else 0
        if initializer is None:
            structure: Any = elems
            state = elements.read(first)
            skipped = 1
        else:
            structure = initializer
            state = [convert_to_tensor(each) for each in nest.flatten(initializer)]
            skipped = 0
        arrays = [
            TensorArray(
                value.dtype,
                size=length,
                dynamic_size=False,
                element_shape=value.shape if infer_shape else None,
                infer_shape=infer_shape,
            )
            for value in state
        ]
        if initializer is None:
            arrays = [ta.write(first, value) for ta, value in zip(arrays, state)]

        def compute(i: Any, state: Any, arrays: Any) -> tuple[Any, Any, Any]:
            so_far = nest.pack_sequence_as(structure, state)
            result = fn(so_far, elements.pack(elements.read(i)))
            values = _same_structure(structure, result, "scan", site)
            written = [ta.write(i, value) for ta, value in zip(arrays, values)]
            return (i - 1 if reverse else i + 1), values, written

        _, _, arrays = while_loop(
            (lambda i, *_: i >= 0) if reverse else (lambda i, *_: i < length),
            compute,
            (length - 1 - skipped if reverse else skipped, state, arrays),
            parallel_iterations=_iterations(parallel_iterations),
            back_prop=back_prop,
            maximum_iterations=length,
        )
        return nest.pack_sequence_as(structure, elements.stacked(arrays))


def _same_structure(structure: Any, result: Any, what: str, site: str) -> list[Any]:
    difference = nest._difference(structure, result, True, False)
    if difference is not None:
        kind, text = difference
        raise kind(
            f"{site}: The two structures don't have the same nested structure: the function of "
            f"tf.{what} must return the structure of the result so far. {text}"
        )
    return [convert_to_tensor(each) for each in nest.flatten(result)]


@export("foldl")
def foldl(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The result of combining the slices of `elems` along the first dimension with `fn`, in order.

    Args:
      fn: takes the result so far and a slice of `elems`; returns the next result.
      elems: tensors of the same first dimension, in a nested structure.
      initializer: the first result, before any slice; by default the first slice.
      parallel_iterations: has no influence on the result.
      back_prop: whether gradients go through.
      swap_memory: has no influence on the result.
      name: the name scope of the ops.

    Raises:
      TypeError: if `fn` is not callable.

    >>> import reflow as tf
    >>> print(tf.foldl(lambda a, x: a * x, tf.constant([1, 2, 3])).numpy())
    6
    """
    return _fold(
        fn, elems, initializer, parallel_iterations, back_prop, name, "foldl", backwards=False
    )


@export("foldr")
def foldr(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Like `foldl`, from the last slice to the first.

    >>> import reflow as tf
    >>> print(tf.foldr(lambda a, x: a - x, tf.constant([1, 2, 3])).numpy())
    0
    """
    return _fold(
        fn, elems, initializer, parallel_iterations, back_prop, name, "foldr", backwards=True
    )


def _fold(
    fn: Callable,
    elems: Any,
    initializer: Any,
    parallel_iterations: int,
    back_prop: bool,
    name: str | None,
    what: str,
    backwards: bool,
) -> Any:
    site = errors.user_site()
    check_callable(fn, site)
    with name_scope(name, what, nest.flatten(elems)):
        elements = _Elements(elems, site, what)
        elements.unstack()
        length = elements.length
        if initializer is None:
            start: Any = length - 1 if backwards else constant(1)
            result: Any = elements.pack(elements.read(start if backwards else 0))
        else:
            start = length if backwards else constant(0)
            result = nest.map_structure(convert_to_tensor, initializer)

        def compute(i: Any, result: Any) -> list[Any]:
            if backwards:
                i = i - 1
            result = fn(result, elements.pack(elements.read(i)))
            return [i if backwards else i + 1, result]

        _, result = while_loop(
            (lambda i, _: i > 0) if backwards else (lambda i, _: i < length),
            compute,
            [start, result],
            parallel_iterations=_iterations(parallel_iterations),
            back_prop=back_prop,
            maximum_iterations=length,
        )
        return result
