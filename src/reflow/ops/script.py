"""Python and printing in the middle of a graph: py_func, numpy_function, py_function, Print, print.

https://www.tensorflow.org/api_docs/python/tf/numpy_function
"""

from __future__ import annotations

import functools
import itertools
import pprint
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import context, dtypes, errors, nest
from reflow.lang.context import executing_eagerly, get_default_graph
from reflow.lang.convert import convert_to_tensor, to_array
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY, OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.tensor import Tensor
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.summarize import summarize_value

# Python in a graph --------------------------------------------------------------------------------

_tokens = itertools.count()


class _Registered:
    """A function that a node of a graph calls; the graph keeps it alive."""

    def __init__(self, function: Callable):
        self.function = function


_functions: weakref.WeakValueDictionary[str, _Registered] = weakref.WeakValueDictionary()


def _register(function: Callable) -> str:
    token = f"pyfunc_{next(_tokens)}"
    holder = _Registered(function)
    _functions[token] = holder
    graph: Any = get_default_graph()
    while getattr(graph, "outer_graph", None) is not None:
        graph = graph.outer_graph
    graph.__dict__.setdefault("_py_funcs_used_in_graph", []).append(holder)
    return token


def _registered(token: str) -> Callable:
    holder = _functions.get(token)
    if holder is None:
        raise errors.InvalidArgumentError(
            None, None, f"callback {token} is not found: the program that made it has ended"
        )
    return holder.function


_ERRORS: tuple[tuple[Any, type[errors.OpError]], ...] = (
    (StopIteration, errors.OutOfRangeError),
    (MemoryError, errors.ResourceExhaustedError),
    (NotImplementedError, errors.UnimplementedError),
    ((TypeError, ValueError), errors.InvalidArgumentError),
    (Exception, errors.UnknownError),
)


def _call_python(function: Callable, args: Sequence[Any]) -> Any:
    """Calls a program's function in eager mode; its error becomes that of an op, as TensorFlow maps it."""
    try:
        with context.using_graph(None):
            return function(*args)
    except errors.OpError:
        raise
    except Exception as error:
        kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
        site = errors.raised_at(error)
        at = "" if site is None else f" (raised at {errors.where(site)})"
        raise kind(None, None, f"{type(error).__name__}: {error}{at}") from error


def _call_registered(token: str, inputs: list[Any], kinds: Sequence[Any]) -> list[Any]:
    args = [_as_argument(x) for x in inputs]
    return _as_outputs(_call_python(_registered(token), args), kinds)


def _as_argument(value: Any) -> Any:
    """An input as Python functions get it: a scalar of NumPy, `bytes`, or an array of its own."""
    if isinstance(value, np.ndarray):
        return value[()] if value.ndim == 0 else np.array(value)
    return value


def _as_outputs(result: Any, kinds: Sequence[Any]) -> list[Any]:
    if not kinds:
        return []
    if result is None:
        raise errors.InvalidArgumentError(
            None, None, f"The Python function returned None, not {len(kinds)} values"
        )
    values = list(result) if isinstance(result, (list, tuple)) and len(kinds) != 1 else [result]
    if len(kinds) == 1 and isinstance(result, (list, tuple)) and len(result) == 1:
        values = list(result)
    if len(values) != len(kinds):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"pyfunc returned {len(values)} values but expects to see {len(kinds)} values.",
        )
    outputs = []
    for i, (value, kind) in enumerate(zip(values, kinds)):
        if hasattr(value, "numpy"):
            value = value.numpy()
        array = np.asarray(value)
        if kind is dtypes.string or array.dtype.kind in "SUO":
            array = to_array(value if array.dtype.kind != "O" else array, kind)
        elif array.dtype != kind.np:
            if isinstance(value, (np.ndarray, np.generic)):
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"{i}-th value returned by the Python function is {array.dtype}, but expects "
                    f"{kind.name}",
                )
            array = array.astype(kind.np)
        outputs.append(array)
    return outputs


def _script_op(name: str, doc: str, stateful: bool) -> OpDef:
    @op(
        f"{name}(input: Tin, *, token: string, Tin: list(type), Tout: list(type)) -> output: Tout",
        doc,
        shape=shape_rules.unknown,
        grad=None,
        stateful=stateful,
        compile=False,
    )
    def lower(xp, input, *, token, Tout):
        return _call_registered(token, input, Tout)

    return lower


py_func_op = _script_op("PyFunc", "Calls a Python function on NumPy arrays.", stateful=True)
py_func_stateless = _script_op(
    "PyFuncStateless", "Calls a Python function whose results depend on its inputs alone.", False
)


def _py_func(func, inp, Tout, stateful, name) -> Any:
    if not callable(func):
        raise ValueError(
            f"Expected func to be callable. Received func={func} of type {type(func)}."
        )
    single = not isinstance(Tout, (list, tuple))
    kinds = [as_dtype(t) for t in ([Tout] if single else Tout)] if Tout is not None else []
    inp = list(inp) if isinstance(inp, (list, tuple)) else [inp]
    if executing_eagerly():
        return _call_now(func, inp)
    opdef = py_func_op if stateful else py_func_stateless
    result = opdef(inp, token=_register(func), Tout=kinds, name=name or "PyFunc")
    if not kinds:
        return result
    return result[0] if single else result


def _call_now(func: Callable, inp: list[Any]) -> Any:
    """`func` of arrays, at once: its results are tensors of what dtypes they may be, as in TensorFlow."""
    result = func(*[np.array(convert_to_tensor(x).numpy()) for x in inp])
    tensors = [None if x is None else convert_to_tensor(x) for x in nest.flatten(result)]
    return tensors[0] if len(tensors) == 1 else tensors


def _as_decorator(symbol: str, function: Callable, arguments: dict[str, Any]) -> Callable | None:
    """What `@tf.py_function(Tout=...)` puts in place of a function; None when it is called on values.

    Raises:
      TypeError: if the arguments are neither those of a decorator nor those of a call.
    """
    if arguments.get("Tout") is None:
        raise TypeError(
            f"Missing required argument: 'Tout'. As a decorator, {symbol} takes it by name above the "
            f"function: `@{symbol}(Tout=...)`"
        )
    if arguments["func"] is not None:
        if arguments["inp"] is None:
            raise TypeError(
                f"Missing argument `inp`: {symbol} needs the list of arguments to the function, unless "
                "it is used as a decorator (`func=None`)."
            )
        return None
    if arguments["inp"] is not None:
        raise TypeError(
            f"Don't set the `inp` argument when using {symbol} as a decorator (`func=None`)."
        )

    def decorate(func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapper(*args: Any) -> Any:
            return function(**(arguments | {"func": func, "inp": list(args)}))

        return wrapper

    return decorate


@export("numpy_function")
def numpy_function(func=None, inp=None, Tout=None, stateful=True, name=None) -> Any:
    """Calls a Python function on the values of tensors, as NumPy arrays, when the graph runs.

    Args:
      func: a function of arrays that returns arrays; left out where this is a decorator,
        `@tf.numpy_function(Tout=...)`, of a function that is called with tensors.
      inp: a list of tensors.
      Tout: a dtype, or a list of them, of what `func` returns.
      stateful: whether the results may differ for equal inputs.

    Raises:
      tf.errors.InvalidArgumentError: if `func` returns something else than `Tout` says, in a graph.
      tf.errors.UnknownError: if it raises an error that TensorFlow has no class for, in a graph.

    >>> import numpy as np, reflow as tf
    >>> tf.numpy_function(np.sinh, [tf.constant([0.0])], tf.float32).numpy()
    array([0.], dtype=float32)
    """
    given = {"func": func, "inp": inp, "Tout": Tout, "stateful": stateful, "name": name}
    decorator = _as_decorator("tf.numpy_function", numpy_function, given)
    return decorator or _py_func(func, inp, Tout, stateful, name)


@export(v1=("py_func",))
def py_func(func, inp, Tout, stateful=True, name=None) -> Any:
    """TF 1's name for `tf.numpy_function`."""
    return _py_func(func, inp, Tout, stateful, name)


# Eager Python in a graph --------------------------------------------------------------------------


@op(
    "EagerPyFunc(input: Tin, *, token: string, is_async: bool = False, Tin: list(type),"
    " Tout: list(type)) -> output: Tout",
    shape=shape_rules.unknown,
    stateful=True,
    compile=False,
)
def eager_py_func(ctx, input, *, token, Tin, Tout):
    """Calls a Python function on eager tensors."""
    make = service("eager_tensor")
    tensors = [make(np.asarray(x), kind) for x, kind in zip(input, Tin)]
    results = _eager_results(_registered(token), tensors, Tout)
    return [np.asarray(each.numpy()) for each in results]


def _eager_results(function: Callable, tensors: Sequence[Any], kinds: Sequence[Any]) -> list[Any]:
    """The results of a function of eager tensors, as eager tensors of the given dtypes."""

    def call(*args: Any) -> list[Any]:
        result = function(*args)
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        return [convert_to_tensor(v, k) for v, k in zip(values, kinds) if v is not None]

    results = _call_python(call, tensors)
    if len(results) != len(kinds):
        raise errors.InvalidArgumentError(
            None, None, f"the function returns {len(results)} values, but expects {len(kinds)}"
        )
    return results


@eager_py_func.gradient_rule
def _eager_py_func_grad(op, gs):
    """Runs the function again on a tape, and differentiates."""
    holder = _functions[op.attrs["token"]]
    n = len(op.inputs)

    def backward(*values):
        inputs, grads = values[:n], values[n:]
        with service("gradient_tape")() as tape:
            tape.watch([x for x in inputs if x.dtype.is_floating or x.dtype.is_complex])
            outputs = holder.function(*inputs)
        flat = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        found = tape.gradient(flat, list(inputs), output_gradients=list(grads))
        return [
            REGISTRY["ZerosLike"](x) if g is None else convert_to_tensor(g)
            for g, x in zip(found, inputs)
        ]

    result = py_function(backward, [*op.inputs, *gs], [t.dtype.base_dtype for t in op.inputs])
    return result if isinstance(result, list) else [result]


@export("py_function")
def py_function(func=None, inp=None, Tout=None, name=None) -> Any:
    """Calls a Python function on eager tensors when the graph runs; gradients flow through it.

    Args:
      func: a function of tensors that returns tensors; left out where this is a decorator,
        `@tf.py_function(Tout=...)`.
      inp: a list of tensors, ragged and sparse ones among them.
      Tout: a dtype, or the type spec of a composite tensor, or a list of them: what `func` returns.

    >>> import reflow as tf
    >>> @tf.py_function(Tout=tf.float32)
    ... def doubled(x):
    ...     return 2 * x
    >>> print(doubled(1.5).numpy())
    3.0
    """
    given = {"func": func, "inp": inp, "Tout": Tout, "name": name}
    decorator = _as_decorator("tf.py_function", py_function, given)
    if decorator is not None:
        return decorator
    single = not isinstance(Tout, (list, tuple))
    wanted = [Tout] if single else list(Tout)
    inp = list(inp) if isinstance(inp, (list, tuple)) else [inp]
    if any(map(nest.is_composite, (*inp, *wanted))):
        result = _on_components(func, inp, wanted, name)
        return result[0] if single and result else result
    kinds = [as_dtype(t) for t in wanted]
    if executing_eagerly():
        try:
            tensors = _eager_results(func, [convert_to_tensor(x) for x in inp], kinds)
        except errors.OpError as error:
            site = errors.user_site()
            raise type(error)(None, None, f"{site}: tf.py_function: {error.message}") from error
        return tensors[0] if single and tensors else tensors
    result = eager_py_func(inp, token=_register(func), Tout=kinds, name=name or "EagerPyFunc")
    if not kinds:
        return result
    return result[0] if single else result


def _on_components(func: Callable, inp: list[Any], wanted: list[Any], name: str | None) -> Any:
    """`py_function` with composite tensors, whose component tensors the node takes and gives."""
    parts = nest.flatten(wanted, expand_composites=True)
    kinds = [as_dtype(getattr(part, "dtype", part)) for part in parts]

    def on_components(*components: Any) -> list[Any]:
        result = func(*nest.pack_sequence_as(inp, components, expand_composites=True))
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        nest.assert_same_structure(wanted, values, expand_composites=True)
        return nest.flatten(values, expand_composites=True)

    flat = py_function(on_components, nest.flatten(inp, expand_composites=True), kinds, name)
    return nest.pack_sequence_as(wanted, flat, expand_composites=True)


# Printing -----------------------------------------------------------------------------------------


@op(
    "Print(input: T, data: U, *, U: list(type), message: string = '', first_n: int = -1,"
    " summarize: int = 3) -> output: T",
    shape=shape_rules.same,
    grad=lambda g: g,
    stateful=True,
    compile=False,
)
def print_v1_op(ctx, input, data, *, message, first_n, summarize):
    """The input; prints `data` to the standard error as a side effect."""
    if first_n >= 0:
        seen = ctx.op.__dict__.get("_times_printed", 0)
        ctx.op.__dict__["_times_printed"] = seen + 1
        if seen >= first_n:
            return input
    shown = "".join(f"[{summarize_value(value, summarize, quote=True)}]" for value in data)
    print(f"{message}{shown}", file=sys.stderr, flush=True)
    return input


@export(v1=("Print",))
def Print(input_, data, message=None, first_n=None, summarize=None, name=None) -> Any:
    """`input_`; when it runs, prints `data` to the standard error.

    Args:
      data: a list of tensors to print.
      message: what comes before them.
      first_n: print only this many times.
      summarize: how many elements of each tensor.
    """
    return print_v1_op(
        input_, list(data), message=message, first_n=first_n, summarize=summarize, name=name
    )


@op(
    "PrintV2(input: string, *, output_stream: string = 'stderr', end: string = '\\n') -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    compile=False,
)
def print_v2_op(ctx, input, *, output_stream, end):
    """Prints a string."""
    value = input.item() if hasattr(input, "item") else input
    _write(value.decode("utf-8", "backslashreplace") + end, output_stream)
    return ()


def _write(text: str, stream: str) -> None:
    if stream.startswith("file://"):
        with open(stream.removeprefix("file://"), "a") as file:
            file.write(text)
        return
    if stream.startswith("log("):
        from reflow.platform import tf_logging

        getattr(tf_logging, stream[4:-1])(text.rstrip("\n"))
        return
    target = sys.stdout if stream == "stdout" else sys.stderr
    target.write(text)
    target.flush()


@op(
    "StringFormat(inputs: T, *, T: list(type), template: string = '%s',"
    " placeholder: string = '%s', summarize: int = 3) -> output: string",
    shape=shape_rules.scalar,
    grad=None,
    compile=False,
)
def string_format_op(xp, inputs, *, template, placeholder, summarize):
    """The template with the tensors in the places of its placeholders."""
    parts = template.split(placeholder)
    if len(parts) - 1 != len(inputs):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"num placeholders in template and num inputs must match: {len(parts) - 1} vs. "
            f"{len(inputs)}",
        )
    text = parts[0]
    for value, part in zip(inputs, parts[1:]):
        text += _format_v2(value, summarize) + part
    return np.array(text.encode(), object)


_STREAMS = {
    "tf.logging.info": "log(info)",
    "tf.logging.warning": "log(warning)",
    "tf.logging.error": "log(error)",
}


def _stream(output_stream: Any) -> str:
    if output_stream is sys.stdout:
        return "stdout"
    if output_stream is sys.stderr:
        return "stderr"
    name = getattr(output_stream, "__name__", None)
    module = getattr(output_stream, "__module__", "")
    if name in ("info", "warning", "warn", "error") and "logging" in module:
        return f"log({'warning' if name == 'warn' else name})"
    if isinstance(output_stream, str) and output_stream.startswith("file://"):
        return output_stream
    raise ValueError(
        f"Invalid output stream for tf.print: {output_stream!r}. It must be sys.stdout, sys.stderr, "
        "tf.logging.info, tf.logging.warning, tf.logging.error, or a string that starts with file://"
    )


@export("print")
def print_v2(*inputs: Any, **kwargs: Any) -> Any:
    """Prints values of tensors, and anything else, when the graph runs.

    Args:
      *inputs: tensors, structures of them, or other objects.
      output_stream: `sys.stderr` (default), `sys.stdout`, a function of `tf.logging`, or "file://path".
      summarize: how many elements at the start and end of each dimension; -1 for all.
      sep, end: as for Python's `print`.

    Returns:
      The op, in a graph; None eagerly.

    >>> import sys, reflow as tf
    >>> tf.print("value:", tf.constant([1, 2]), output_stream=sys.stdout)
    value: [1 2]
    """
    output_stream = kwargs.pop("output_stream", sys.stderr)
    name = kwargs.pop("name", None)
    summarize = kwargs.pop("summarize", 3)
    separator = kwargs.pop("sep", " ")
    end = kwargs.pop("end", "\n")
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {sorted(kwargs)}")
    tensors: list[Any] = []
    templates = []
    for value in inputs:
        templates.append(_template(value, tensors))
    text = separator.join(templates)
    stream = _stream(output_stream)
    if (
        text == _MARK
        and isinstance(tensors[0], Tensor)
        and tensors[0].dtype is dtypes.string
        and tensors[0].shape.rank == 0
    ):
        return _print_string(tensors[0], stream, end, name)
    placeholder = "{}"
    while placeholder in text:
        placeholder = "{" + placeholder + "}"
    template = text.replace(_MARK, placeholder)
    if executing_eagerly():
        formatted = _format_any(template, tensors, placeholder, summarize)
        return _print_string(formatted, stream, end, None)
    with name_scope(name, "PrintV2"):
        formatted = _format_any(template, tensors, placeholder, summarize)
        return print_v2_op(formatted, output_stream=stream, end=end)


def _format_any(template: str, tensors: list[Any], placeholder: str, summarize: int) -> Any:
    """`tf.strings.format`, also of ragged tensors."""
    if any(map(nest.is_composite, tensors)):
        from reflow.ops.ragged.strings import string_format as format_ragged

        return format_ragged(string_format, template, tensors, placeholder, summarize)
    return string_format(template, tensors, placeholder, summarize)


def _print_string(text: Any, stream: str, end: str, name: str | None) -> Any:
    """A string alone is printed as it is, not in quotes."""
    if executing_eagerly():
        _write(text.numpy().decode("utf-8", "backslashreplace") + end, stream)
        return None
    with name_scope(name, "PrintV2"):
        return print_v2_op(text, output_stream=stream, end=end)


_MARK = "\x00tensor\x00"


class _Shown:
    """What `pprint` shows as the given text."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _template(value: Any, tensors: list[Any]) -> str:
    """`value` as `pprint` shows it, in which marks stand for tensors; strings as they are."""

    def shown(leaf: Any) -> Any:
        if isinstance(leaf, Tensor) or getattr(type(leaf), "is_tensor_like", False):
            tensors.append(convert_to_tensor(leaf))
            return _Shown(_MARK)
        if isinstance(leaf, SparseTensor):
            tensors.extend((leaf.indices, leaf.values, leaf.dense_shape))
            return _Shown(f"'SparseTensor(indices={_MARK}, values={_MARK}, shape={_MARK})'")
        if nest.is_composite(leaf):
            from reflow.ops.ragged.ragged_tensor import RaggedTensor

            if not isinstance(leaf, RaggedTensor):
                return _Shown(str(leaf))
            tensors.append(leaf)
            return _Shown(_MARK)
        return leaf

    if isinstance(value, str):
        return value
    return " ".join(pprint.pformat(nest.map_structure(shown, value)).split())


def _format_v2(value: Any, most: int) -> str:
    """A tensor as `tf.print` shows it: the first and last `most` elements of each dimension."""
    array = np.asarray(value)
    if array.ndim == 0:
        return summarize_value(array, -1, quote=True)
    rows = list(array)

    def shown(part: Any) -> str:
        return _format_v2(part, most)

    separator = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " "
    if most >= 0 and len(rows) > 2 * most:
        parts = [shown(r) for r in rows[:most]] + ["..."] + [shown(r) for r in rows[-most:]]
    else:
        parts = [shown(r) for r in rows]
    text = separator.join(part.replace("\n", "\n ") for part in parts)
    return f"[{text}]"


@export("strings.format")
def string_format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Any:
    """The template with tensors in the places of its placeholders.

    Args:
      template: a Python string.
      inputs: a tensor, or a list with one for each placeholder.

    >>> import reflow as tf
    >>> tf.strings.format("a {} b", tf.constant([1, 2])).numpy()
    b'a [1 2] b'
    """
    if not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    if template.count(placeholder) != len(inputs):
        raise ValueError(
            f"{errors.user_site()}: {len(inputs)} input tensor(s) != {template.count(placeholder)} placeholder(s)"
        )
    tensors = [convert_to_tensor(x) for x in inputs]
    return string_format_op(
        tensors, template=template, placeholder=placeholder, summarize=summarize, name=name
    )
