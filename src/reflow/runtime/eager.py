"""Eager execution: the tensor that holds a value, and what runs an op the moment it is called."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.compiler.cluster import as_numpy
from reflow.compiler.context import GENERATORS, run_error
from reflow.compiler.interpreter import Interpreter
from reflow.lang import context, dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dispatch import arguments_of, bind, package
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import OpDef, ValueNeeded, group_inputs, output_dtypes
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import Tensor, use_equality
from reflow.runtime.store import Store

store = Store()  # the state of eager code: variables, generators, queues
_SMALL = 1 << 15  # elements: above, an op is compiled rather than run in NumPy


@export("__internal__.EagerTensor")
class EagerTensor(Tensor):
    """A tensor with a value: a NumPy array or a device array, of dtype `dtype`."""

    _value: Any

    def __init__(self, value: Any, dtype: DType):
        self._value = value
        self.dtype = dtype

    @property
    def shape(self) -> TensorShape:
        if self.dtype is dtypes.resource:  # a handle says the shape of what is behind it
            return shapes.SCALAR
        value = self._value
        return shapes.of(value.shape if type(value) is np.ndarray else tuple(np.shape(value)))

    @property
    def _shape(self) -> TensorShape:
        return self.shape

    def _shape_tuple(self) -> tuple[int, ...]:
        return () if self.dtype is dtypes.resource else tuple(np.shape(self._value))

    def set_shape(self, shape: Any) -> None:
        if not self.shape.is_compatible_with(shape):
            raise ValueError(f"Tensor's shape {self.shape} is not compatible with {shape}")

    @property
    def device(self) -> str:
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    @property
    def backing_device(self) -> str:
        return self.device

    def numpy(self) -> Any:
        """The value as a NumPy array, or as a NumPy scalar or `bytes` when there are no dimensions."""
        value = self._value
        if self.dtype is dtypes.string and np.ndim(value) == 0:
            return value.item() if isinstance(value, np.ndarray) else value
        value = np.asarray(value)
        if value.ndim == 0 and value.dtype != object:
            return value[()]
        return np.array(value)  # the caller may write into it

    _numpy = numpy

    @property
    def graph(self) -> Any:
        raise AttributeError("Tensor.graph is undefined when eager execution is enabled.")

    @property
    def op(self) -> Any:
        raise AttributeError("Tensor.op is undefined when eager execution is enabled.")

    @property
    def name(self) -> str:
        raise AttributeError("Tensor.name is undefined when eager execution is enabled.")

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        raise NotImplementedError(
            "eval is not supported when eager execution is enabled, use .numpy()"
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        value = np.asarray(self._value)
        if dtype is not None and value.dtype != dtype:
            return value.astype(dtype)
        return np.array(value) if copy else value

    def __dlpack__(self, **kwargs: Any) -> Any:
        value = self._value
        if isinstance(value, (np.ndarray, np.generic)):
            value = np.require(value, requirements="W")  # NumPy exports no read-only arrays
        return value.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return (
            np.asarray(self._value).__dlpack_device__()
            if _is_on_host(self._value)
            else (self._value.__dlpack_device__())
        )

    def cpu(self) -> EagerTensor:
        """The tensor in the memory of the host."""
        return EagerTensor(as_numpy(self._value), self.dtype)

    @property
    def is_packed(self) -> bool:
        """Whether it stands for one tensor per device: never."""
        return False

    def __bool__(self) -> bool:
        value = self.numpy()
        if np.size(value) != 1:
            raise ValueError(
                f"{errors.user_site()}: The truth value of an array with more than one "
                "element is ambiguous. Use tf.reduce_any or tf.reduce_all."
            )
        return bool(value)

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __float__(self) -> float:
        return float(self.numpy())

    def __complex__(self) -> complex:
        return complex(self.numpy())

    def __len__(self) -> int:
        if not np.ndim(self._value):
            raise TypeError("Scalar tensor has no `len()`")
        return np.shape(self._value)[0]

    def __iter__(self) -> Iterator[Any]:
        if not np.ndim(self._value):
            raise TypeError(f"{errors.user_site()}: Cannot iterate over a scalar tensor.")
        return iter([self[i] for i in range(len(self))])  # type: ignore[index]

    def __hash__(self) -> int:
        if use_equality[0]:
            raise TypeError(
                f"{errors.user_site()}: Tensor is unhashable. Instead, use tensor.ref() as the key."
            )
        return id(self)

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)

    def __copy__(self) -> EagerTensor:
        return self

    def __deepcopy__(self, memo: Any) -> EagerTensor:
        return EagerTensor(np.array(self._value), self.dtype)

    def __reduce__(self) -> tuple:
        return _unpickle, (np.asarray(self._value), self.dtype.name)

    def __repr__(self) -> str:
        text = self._text(exact=True)
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={text}>"

    def __str__(self) -> str:
        return f"tf.Tensor({self._text()}, shape={self.shape}, dtype={self.dtype.name})"

    def _text(self, exact: bool = False) -> str:
        """The value as NumPy writes it, on lines of its own where it takes several."""
        if not self.dtype.is_numpy_compatible:
            return "<unprintable>"
        value = self.numpy()
        if exact and isinstance(value, np.generic):
            value = value.item()
        text = repr(value) if exact else str(value)
        return "\n" + text if "\n" in text else text


def _unpickle(value: np.ndarray, dtype: str) -> EagerTensor:
    return EagerTensor(value, as_dtype(dtype))


def eager_tensor(value: Any, dtype: DType) -> EagerTensor:
    """The eager tensor of an array that has `dtype` already."""
    return EagerTensor(value, dtype.base_dtype)


class Record:
    """An op that ran: what a tape remembers, and what an error is told about."""

    __slots__ = ("opdef", "inputs", "outputs", "attrs", "site", "name")

    def __init__(self, opdef: OpDef, inputs: Sequence[Any], attrs: dict[str, Any], outputs: Any):
        self.opdef = opdef
        self.inputs = inputs
        self.attrs = attrs
        self.outputs = outputs
        self.name = opdef.name
        self.site: Any = None

    graph = None
    control_inputs = ()

    @property
    def type(self) -> str:
        return self.opdef.name

    def get_attr(self, name: str) -> Any:
        value = self.attrs[name]
        return value.encode() if isinstance(value, str) else value

    def input(self, name: str) -> Any:
        grouped = group_inputs(self.opdef, self.inputs, self.attrs)
        return grouped[self.opdef.input_index[name]]


class EagerContext(Interpreter):
    """What stateful lowerings see: calls of one random op with equal attributes share a generator."""

    store = store

    def __init__(self, record: Any):
        self.op = record

    def node_state(self, kind: str) -> ResourceHandle:
        attrs = self.op.attrs
        name = tuple(sorted((k, str(v)) for k, v in attrs.items() if v.__hash__ is not None))
        begin = self.op.opdef.random
        return ResourceHandle(kind, GENERATORS, name, initial=lambda: begin(attrs))


def reset_generators() -> None:
    """Lets the generators of random ops begin anew, as a new global seed does."""
    store.clear([GENERATORS])


class _Quiet(threading.local):
    """A context of the thread in which NumPy does not warn: entering it costs less than `errstate`."""

    def __init__(self) -> None:
        self.context = contextvars.copy_context()
        self.context.run(np.seterr, all="ignore")


_quiet = _Quiet()
_ARRAYS = (np.ndarray, *{np.dtype(code).type for code in "?bhilqBHILQefdFD"})
_MAX_READY = 256  # per op
_ONLY_INTS = {int}
_PYTHON = (int, float, list)


class Ready:
    """An op for arguments of certain kinds and with certain attributes: all that is left is to run it."""

    __slots__ = ("attrs", "keywords", "inputs", "outputs", "python")

    def __init__(self, opdef: OpDef, args: Sequence[Any], flat: Sequence[Any], attrs: dict):
        self.attrs = attrs
        self.keywords = opdef.lower_attrs(attrs)
        self.inputs = [t.dtype for t in flat]
        self.outputs = output_dtypes(opdef, attrs)
        self.python = [i for i, arg in enumerate(args) if type(arg) is not EagerTensor]

    def run(self, opdef: OpDef, args: Sequence[Any], values: list[Any]) -> list[EagerTensor]:
        """The output tensors, recorded on the active tapes; `values` are those of `args`."""
        if self.python:
            args = list(args)
            for i in self.python:
                values[i] = np.array(values[i], self.inputs[i].np)
                args[i] = EagerTensor(values[i], self.inputs[i])
        tapes = context.state.tapes
        where: Any = numpy_namespace
        if tapes or opdef.context:
            record = Record(opdef, args, self.attrs, ())
            if opdef.context:
                where = EagerContext(record)
        result = _quiet.context.run(opdef.lower, where, *values, **self.keywords)
        if opdef.single_output:
            outputs = [EagerTensor(result, self.outputs[0])]
        else:
            outputs = _wrap(result, self.outputs)
        if tapes:
            record.outputs = outputs
            for tape in tapes:
                tape.record(record)
        return outputs


def execute(opdef: OpDef, args: Sequence[Any], kwargs: dict[str, Any], name: str | None) -> Any:
    """Runs an op now; the outputs as its caller gets them.

    What has run before on arguments of the same kinds takes a shorter way. Where that fails for any
    reason, the long way runs and says why.
    """
    args, key, values = _kinds(opdef, args, kwargs)
    try:
        entry = opdef.ready.get(key)
    except TypeError:  # attributes that do not hash
        entry = key = None
    if entry is not None:
        try:
            outputs = entry.run(opdef, args, values)
        except Exception:
            key = None
        else:
            return outputs[0] if opdef.single_output else package(opdef, outputs, entry.attrs)
    given, attrs = arguments_of(opdef, args, kwargs)
    flat = bind(opdef, given, attrs)
    outputs = run(opdef, flat, attrs, name)
    if key is not None and _may_be_ready(opdef, args, flat, attrs):
        opdef.ready[key] = Ready(opdef, args, flat, attrs)
    return package(opdef, outputs, attrs)


def _kinds(
    opdef: OpDef, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], Any, list[Any]]:
    """The arguments with variables read, what the way to run the op depends on, and their values.

    It depends on the dtypes of tensors, the types of Python values, and the attributes. It is None where
    arguments have to go the long way: arrays that are large or on a device, structures.
    """
    key: list[Any] = []
    values: list[Any] = []
    for i, arg in enumerate(args):
        kind = type(arg)
        if kind is EagerTensor:
            value = arg._value
            if type(value) in _ARRAYS:
                if value.size > _SMALL:
                    return args, None, values
            elif type(value) is not ResourceHandle:
                return args, None, values
            key.append(arg.dtype.as_datatype_enum)
        elif kind is int or kind is float or (kind is list and {*map(type, arg)} == _ONLY_INTS):
            key.append(kind)
            value = arg
        elif _is_variable(kind) and _takes_value(opdef, i):
            return _kinds(opdef, [*args[:i], convert_to_tensor(arg), *args[i + 1 :]], kwargs)
        else:
            return args, None, values
        values.append(value)
    if kwargs:
        key += kwargs.items()
    return args, tuple(key), values


def _is_variable(kind: type) -> bool:
    return getattr(kind, "is_tensor_like", False) and not issubclass(kind, Tensor)


def _takes_value(opdef: OpDef, i: int) -> bool:
    """Whether argument `i` is one tensor, and no handle."""
    return opdef._simple and i < len(opdef.inputs) and opdef.inputs[i].type_attr is not None


def _may_be_ready(
    opdef: OpDef, args: Sequence[Any], flat: Sequence[Any], attrs: dict[str, Any]
) -> bool:
    """Whether the op is one that goes the shorter way, and will do so with other arguments."""
    if not opdef._simple or not opdef.interpret or len(args) != len(opdef.inputs):
        return False
    opdef.lower_attrs(attrs)
    if opdef.takes_node or len(opdef.ready) >= _MAX_READY:
        return False
    if opdef.context and not (opdef.reads or opdef.writes or opdef.random):
        return False  # it may run code of the user's
    for arg, tensor in zip(args, flat):
        if type(arg) in _PYTHON:
            if tensor.dtype.is_quantized:  # whose arrays are no arrays of the NumPy dtype
                return False
            if convert_to_tensor(arg).dtype is dtypes.int64:  # small ones might have become int32
                return False
    return True


def run(opdef: OpDef, flat: Sequence[Any], attrs: dict[str, Any], name: str | None = None) -> list:
    """The output tensors of an op on eager tensors, recorded on the active tapes."""
    try:
        args = [t._value for t in flat]
    except AttributeError:
        args = [convert_to_tensor(t)._value for t in flat]  # which says what a symbolic one is not
    try:
        result = _compute(opdef, args, attrs, name)
    except errors.OpError as error:
        if error.op is not None and not isinstance(error.op, Record):
            raise  # of a node within a function: it names its own line
        record = error.op or _record(opdef, flat, attrs, name)
        raise run_error(error, record, args) from error
    except Exception as error:
        raise _explain(error, opdef, flat, attrs, args, name) from error
    kinds = output_dtypes(opdef, attrs)
    outputs = _wrap(result, kinds)
    tapes = context.state.tapes
    if tapes:
        record = Record(opdef, flat, attrs, outputs)
        for tape in tapes:
            tape.record(record)
    return outputs


def _compute(opdef: OpDef, args: list[Any], attrs: dict[str, Any], name: str | None) -> Any:
    keywords = opdef.lower_attrs(attrs)
    if opdef.context:
        eager_context = EagerContext(_record(opdef, (), attrs, name))
        args = [as_numpy(a) for a in args]
        with np.errstate(all="ignore"):
            return opdef.lower(eager_context, *group_inputs(opdef, args, attrs), **keywords)
    if opdef.holds or opdef.view == "shape":
        return opdef.lower(numpy_namespace, *group_inputs(opdef, args, attrs), **keywords)
    large = False
    for a in args:
        if getattr(a, "size", 0) > _SMALL or not isinstance(a, (np.ndarray, np.generic)):
            large = True
            break
    if opdef.compile and (not opdef.interpret or large and _numeric(args)):
        on_host = opdef.interpret and all(_is_on_host(a) for a in args)
        if not (opdef.view and on_host):
            import reflow.compiler.jax_setup  # noqa: F401
            from reflow.runtime.eager_compile import compiled_call

            try:
                return compiled_call(opdef, args, attrs, keywords, by_value=not on_host)
            except ValueNeeded:
                pass  # NumPy knows all values
    with np.errstate(all="ignore"):
        args = [as_numpy(a) for a in args]
        return opdef.lower(numpy_namespace, *group_inputs(opdef, args, attrs), **keywords)


def _is_on_host(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return True
    return hasattr(value, "devices") and all(d.platform == "cpu" for d in value.devices())


def _numeric(args: Sequence[Any]) -> bool:
    return all(hasattr(a, "dtype") and a.dtype != object for a in args)


def _wrap(result: Any, kinds: Sequence[DType]) -> list[EagerTensor]:
    if type(result) is not tuple:
        result = (result,)
    outputs: list[EagerTensor] = []
    for each in result:
        for value in each if isinstance(each, list) else (each,):
            outputs.append(EagerTensor(value, kinds[len(outputs)]))
    return outputs


def _record(opdef: OpDef, flat: Any, attrs: dict[str, Any], name: str | None) -> Any:
    """What stands for the node in an error: its name, and the user's line."""
    record = Record(opdef, flat, attrs, ())
    record.name = (name or opdef.name).rstrip("/")
    record.site = errors.user_frame()
    return record


def _explain(error, opdef, flat, attrs, args, name) -> Exception:
    """The error of a lowering, in the words of the op's shape rule when that refuses too."""
    record = _record(opdef, flat, attrs, name)
    if opdef.broadcast and not _broadcasts(flat):
        shown = " vs. ".join(str(list(np.shape(a))).replace(" ", "") for a in args)
        error = errors.InvalidArgumentError(None, None, f"Incompatible shapes: {shown}")
    elif not isinstance(error, NotImplementedError):
        try:
            opdef.output_shapes(
                group_inputs(opdef, [_Known(t) for t in flat], attrs),
                attrs,
                len(output_dtypes(opdef, attrs)),
            )
        except (ValueError, TypeError) as better:
            error = errors.InvalidArgumentError(None, None, str(better))
        except Exception:
            return run_error(error, record, args)
    return run_error(error, record, args)


def _broadcasts(tensors: Sequence[EagerTensor]) -> bool:
    try:
        np.broadcast_shapes(*[t._shape_tuple() for t in tensors])
    except ValueError:
        return False
    return True


class _Known:
    """An eager tensor as shape rules look at symbolic ones."""

    def __init__(self, tensor: EagerTensor):
        self._tensor = tensor
        self.dtype = tensor.dtype
        self.shape = self._shape = tensor.shape

    def numpy(self) -> Any:
        return np.asarray(self._tensor._value)
