"""Checks within a program: Assert, check_numerics, and the `assert_*` functions on top of them.

https://www.tensorflow.org/api_docs/python/tf/debugging
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import executing_eagerly, get_default_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.shape_rules import constant_value
from reflow.ops.summarize import summarize_value


@op(
    "Assert(condition: bool, data: T, *, T: list(type), summarize: int = 3) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    compile=False,
)
def assert_op(ctx, condition, data, *, summarize):
    """Fails the run, showing `data`, unless `condition`."""
    if not bool(condition):
        shown = " ".join(f"[{summarize_value(value, summarize)}]" for value in data)
        raise errors.InvalidArgumentError(None, None, f"assertion failed: {shown}")
    return ()


@export("Assert", "debugging.Assert")
def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Any:
    """Fails with `InvalidArgumentError`, showing `data`, unless `condition` is true.

    In a graph the op must run for the check to happen: make something depend on it.

    Args:
      condition: a scalar bool.
      data: a list of tensors to show.
      summarize: how many elements of each to show.

    >>> import reflow as tf
    >>> tf.debugging.Assert(tf.constant(True), ["never shown"])
    """
    if executing_eagerly():
        if not bool(convert_to_tensor(condition).numpy()):
            shown = [convert_to_tensor(d).numpy() for d in data]
            most = 3 if summarize is None else summarize
            text = "\n".join(f"b'{_shown(d, most)}'" for d in shown)
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{errors.user_site()}: Expected '{condition}' to be true. Summarized data: {text}",
            )
        return None
    with name_scope(name, "Assert", [condition, data]):
        tensors = [convert_to_tensor(d) for d in data]
        condition = convert_to_tensor(condition, name="Condition")
        return assert_op(condition, tensors, summarize=summarize, name="Assert")


def _shown(value: Any, most: int) -> str:
    return summarize_value(value, most)


# Time ---------------------------------------------------------------------------------------------


@op("Timestamp() -> ts: double", shape=shape_rules.scalar, stateful=True, grad=None, compile=False)
def timestamp_op(ctx):
    """The seconds since 1970 when the node runs."""
    return np.float64(time.time())


@export("timestamp")
def timestamp(name: str | None = None) -> Any:
    """The seconds since 1970, a float64, at the moment when the op runs.

    Inside of a function it runs once each time, in the order of the program only beside other ops with an effect.

    >>> import reflow as tf
    >>> bool(tf.timestamp() > 1e9)
    True
    """
    return timestamp_op(name=name)


# Finite numbers -----------------------------------------------------------------------------------


@op(
    "CheckNumerics(tensor: T, *, message: string, T: FLOAT) -> output: T",
    shape=shape_rules.same,
    grad=lambda g, *, message: check_numerics_op(
        g, message=f"Not a number (NaN) or infinity (Inf) values detected in gradient. {message}"
    ),
    stateful=True,
)
def check_numerics_op(ctx, tensor, *, message):
    """The tensor, all of whose elements must be finite."""
    xp = ctx.xp
    infinite, nan = xp.isinf(tensor).any(), xp.isnan(tensor).any()
    if xp.is_numpy:
        found = " and ".join(["Inf"] * bool(infinite) + ["NaN"] * bool(nan))
        ctx.check(not found, lambda: f"{message} : Tensor had {found} values")
    else:
        ctx.check(~(infinite & nan), lambda: f"{message} : Tensor had Inf and NaN values")
        ctx.check(~infinite, lambda: f"{message} : Tensor had Inf values")
        ctx.check(~nan, lambda: f"{message} : Tensor had NaN values")
    return tensor


@export("debugging.check_numerics", v1=("check_numerics",))
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """The tensor itself; fails with `message` when it holds a NaN or an infinity."""
    return check_numerics_op(tensor, message=message, name=name)


@export(v1=("verify_tensor_all_finite", "debugging.assert_all_finite"))
def verify_tensor_all_finite(
    t: Any = None,
    msg: str | None = None,
    name: str | None = None,
    x: Any = None,
    message: Any = None,
) -> Any:
    """`x`, after a check that all of its elements are finite."""
    return verify_tensor_all_finite_v2(
        t if x is None else x, msg if message is None else message, name
    )


@export(v2=("debugging.assert_all_finite",))
def verify_tensor_all_finite_v2(x: Any, message: Any, name: str | None = None) -> Any:
    """`x`, after a check that all of its elements are finite."""
    with name_scope(name, "VerifyFinite", [x]):
        x = convert_to_tensor(x, name="x")
        checked = check_numerics(x, message)
        with control_dependencies([checked]):
            return REGISTRY["Identity"](x)


@export(v1=("add_check_numerics_ops",))
def add_check_numerics_ops() -> Any:
    """An op that checks every floating-point tensor of the default graph.

    Raises:
      RuntimeError: when executing eagerly.
    """
    if executing_eagerly():
        raise RuntimeError("add_check_numerics_ops() is not compatible with eager execution.")
    from reflow.ops.control_flow.grouping import group

    checks: list[Any] = []
    for node in get_default_graph().get_operations():
        for output in node.outputs:
            if output.dtype in FLOAT and node.type != "CheckNumerics":
                with control_dependencies(checks):
                    checks = [check_numerics(output, output.name)]
    return group(*checks)


# Comparisons --------------------------------------------------------------------------------------


def _compare(
    sign: str,
    opname: str,
    test: Callable[[Any, Any], Any],
    static: Callable[[Any, Any], Any],
    x: Any,
    y: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
) -> Any:
    """An assertion that `x sign y` holds element-wise: at once when the values are known."""
    with name_scope(name, opname, [x, y, data]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype if not is_tensor(y) else None, name="y")
        text = f"{message}\n" if message else ""
        xs, ys = constant_value(x), constant_value(y)
        if executing_eagerly():
            xs, ys = x.numpy(), y.numpy()
        if xs is not None and ys is not None:
            holds = np.asarray(static(xs, ys))
            if not holds.all():
                most = 3 if summarize is None else summarize
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"{errors.user_site()}: {text}Condition x {sign} y did not hold. x (shape={np.shape(xs)}) = "
                    f"{summarize_value(xs, most)}, y (shape={np.shape(ys)}) = "
                    f"{summarize_value(ys, most)}",
                )
            if executing_eagerly():
                return None
        condition = REGISTRY["All"](test(x, y), _all_axes(x, y))
        shown = [
            message or "",
            f"Condition x {sign} y did not hold element-wise:",
            f"x ({_name(x)}) = ",
            x,
            f"y ({_name(y)}) = ",
            y,
        ]
        return Assert(condition, shown if data is None else data, summarize)


def _name(tensor: Any) -> str:
    return tensor.name


def _all_axes(x: Any, y: Any = None) -> Any:
    shape = x.shape if y is None else shapes.broadcast(x.shape, y.shape)
    if shape.rank is not None:
        return np.arange(shape.rank, dtype=np.int32)
    rank = (
        REGISTRY["Rank"](x)
        if y is None
        else REGISTRY["Maximum"](REGISTRY["Rank"](x), REGISTRY["Rank"](y))
    )
    return REGISTRY["Range"](0, rank, 1)


def _comparison(label: str, sign: str, raw: str, static: Callable, top: Iterable[str] = ()) -> Any:
    """The v1 and v2 functions of an element-wise assertion."""

    def test(x: Any, y: Any) -> Any:
        return REGISTRY[raw](x, y)

    def v2(x, y, message=None, summarize=None, name=None):
        return _compare(sign, label, test, static, x, y, None, summarize, message, name)

    def of_none_equal(x, y, summarize=None, message=None, name=None):
        return _compare(sign, label, test, static, x, y, None, summarize, message, name)

    def v1(x, y, data=None, summarize=None, message=None, name=None):
        return _compare(sign, label, test, static, x, y, data, summarize, message, name)

    if label == "assert_none_equal":  # TensorFlow has its parameters in another order
        v2 = of_none_equal
    doc = f"Fails unless `x {sign} y` for all pairs of elements; at once where both are known."
    for f, suffix in ((v2, ""), (v1, "_v1")):
        f.__name__ = f.__qualname__ = label + suffix
        f.__doc__ = doc
    export(v2=(f"debugging.{label}", *top))(v2)
    export(v1=(f"debugging.{label}", label))(v1)
    return v2, v1


assert_equal, assert_equal_v1 = _comparison(
    "assert_equal", "==", "Equal", lambda x, y: x == y, top=["assert_equal"]
)
assert_none_equal, assert_none_equal_v1 = _comparison(
    "assert_none_equal", "!=", "NotEqual", lambda x, y: x != y
)
assert_less, assert_less_v1 = _comparison(
    "assert_less", "<", "Less", lambda x, y: x < y, top=["assert_less"]
)
assert_less_equal, assert_less_equal_v1 = _comparison(
    "assert_less_equal", "<=", "LessEqual", lambda x, y: x <= y
)
assert_greater, assert_greater_v1 = _comparison(
    "assert_greater", ">", "Greater", lambda x, y: x > y, top=["assert_greater"]
)
assert_greater_equal, assert_greater_equal_v1 = _comparison(
    "assert_greater_equal", ">=", "GreaterEqual", lambda x, y: x >= y
)


def _against_zero(label: str, sign: str, compare: Any) -> Any:
    """The v1 and v2 functions of an assertion about the sign of elements."""

    def check(x, data, summarize, message, name):
        with name_scope(name, label, [x, data]):
            x = convert_to_tensor(x, name="x")
            zero = convert_to_tensor(0, x.dtype)
            text = f"Condition x {sign} 0 did not hold"
            message = f"{message}\n{text}" if message else text
            return compare(x, zero, data=data, summarize=summarize, message=message)

    def v2(x, message=None, summarize=None, name=None):
        return check(x, None, summarize, message, name)

    def v1(x, data=None, summarize=None, message=None, name=None):
        return check(x, data, summarize, message, name)

    doc = f"Fails unless `x {sign} 0` for all elements; at once where they are known."
    for f, suffix in ((v2, ""), (v1, "_v1")):
        f.__name__ = f.__qualname__ = label + suffix
        f.__doc__ = doc
    export(v2=(f"debugging.{label}",))(v2)
    export(v1=(f"debugging.{label}", label))(v1)
    return v2, v1


assert_negative, assert_negative_v1 = _against_zero("assert_negative", "<", assert_less_v1)
assert_positive, assert_positive_v1 = _against_zero("assert_positive", ">", assert_greater_v1)
assert_non_negative, assert_non_negative_v1 = _against_zero(
    "assert_non_negative", ">=", assert_greater_equal_v1
)
assert_non_positive, assert_non_positive_v1 = _against_zero(
    "assert_non_positive", "<=", assert_less_equal_v1
)


@export(v2=("debugging.assert_near",))
def assert_near(x, y, rtol=None, atol=None, message=None, summarize=None, name=None):
    """Fails unless `|x - y| <= atol + rtol * |y|` for all pairs of elements.

    Args:
      rtol, atol: by default ten times the dtype's epsilon.
    """
    return assert_near_v1(x, y, rtol, atol, None, summarize, message, name)


@export(v1=("debugging.assert_near", "assert_near"))
def assert_near_v1(
    x, y, rtol=None, atol=None, data=None, summarize=None, message=None, name=None
) -> Any:
    """Fails unless `|x - y| <= atol + rtol * |y|` for all pairs of elements."""
    from reflow.ops import math

    with name_scope(name, "assert_near", [x, y, data]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype, name="y")
        import ml_dtypes

        epsilon = float(ml_dtypes.finfo(x.dtype.real_dtype.np).eps)
        real = x.dtype.real_dtype
        rtol = convert_to_tensor(10 * epsilon if rtol is None else rtol, real, name="rtol")
        atol = convert_to_tensor(10 * epsilon if atol is None else atol, real, name="atol")
        difference = math.abs(x - y)
        bound = atol + rtol * math.abs(y)
        near = REGISTRY["LessEqual"](difference, bound)
        condition = REGISTRY["All"](near, _all_axes(x, y))
        if data is None:
            data = [message or "", "x and y not equal to tolerance rtol =", rtol, "atol =", atol]
            data += ["x = ", x, "y = ", y]
        return Assert(condition, data, summarize)


# Shapes and types ---------------------------------------------------------------------------------


def _static_rank(rank: Any) -> int | None:
    if isinstance(rank, (int, np.integer)):
        return int(rank)
    value = constant_value(rank) if isinstance(rank, Tensor) else np.asarray(rank)
    if value is None:
        return None
    if np.ndim(value) != 0:
        raise ValueError("Rank must be a scalar.")
    return int(value)


def _assert_ranks(
    x: Any,
    allowed: list[Any],
    holds: Callable[[int, list[int]], bool],
    what: str,
    data: Any,
    summarize: Any,
    message: Any,
    name: Any,
    label: str,
) -> Any:
    with name_scope(name, label, [x, *allowed, data]):
        x = convert_to_tensor(x, name="x")
        have = x.shape.rank
        wanted = [_static_rank(r) for r in allowed]
        text = f"{message} " if message else ""
        if have is not None and None not in wanted:
            if not holds(have, wanted):  # type: ignore[arg-type]
                shown = wanted[0] if len(wanted) == 1 else tuple(wanted)
                raise ValueError(
                    f"{errors.user_site()}: {text}Tensor {getattr(x, 'name', x)} must have rank {what}{shown}. "
                    f"Received rank {have}, shape {x.shape}"
                )
            return None if executing_eagerly() else REGISTRY["NoOp"](name="static_checks")
        rank = REGISTRY["Rank"](x)
        conditions = []
        for each in allowed:
            each = convert_to_tensor(each, dtypes.int32)
            compare = "GreaterEqual" if label == "assert_rank_at_least" else "Equal"
            conditions.append(REGISTRY[compare](rank, each))
        condition = conditions[0]
        for other in conditions[1:]:
            condition = REGISTRY["LogicalOr"](condition, other)
        if data is None:
            data = [message or "", f"Tensor {x.name} must have rank {what}", *allowed]
            data += ["Received shape: ", REGISTRY["Shape"](x)]
        return Assert(condition, data, summarize)


@export(v2=("debugging.assert_rank", "assert_rank"))
def assert_rank(x, rank, message=None, name=None):
    """Fails unless `x` has rank `rank`; a `ValueError` at once where it is known."""
    return assert_rank_v1(x, rank, None, None, message, name)


@export(v1=("debugging.assert_rank", "assert_rank"))
def assert_rank_v1(x, rank, data=None, summarize=None, message=None, name=None):
    """Fails unless `x` has rank `rank`; a `ValueError` at once where it is known."""
    return _assert_ranks(
        x, [rank], lambda have, r: have == r[0], "", data, summarize, message, name, "assert_rank"
    )


@export(v2=("debugging.assert_rank_at_least",))
def assert_rank_at_least(x, rank, message=None, name=None):
    """Fails unless `x` has rank `rank` or more."""
    return assert_rank_at_least_v1(x, rank, None, None, message, name)


@export(v1=("debugging.assert_rank_at_least", "assert_rank_at_least"))
def assert_rank_at_least_v1(x, rank, data=None, summarize=None, message=None, name=None):
    """Fails unless `x` has rank `rank` or more."""
    return _assert_ranks(
        x,
        [rank],
        lambda have, r: have >= r[0],
        "at least ",
        data,
        summarize,
        message,
        name,
        "assert_rank_at_least",
    )


@export(v2=("debugging.assert_rank_in",))
def assert_rank_in(x, ranks, message=None, name=None):
    """Fails unless the rank of `x` is one of `ranks`."""
    return assert_rank_in_v1(x, ranks, None, None, message, name)


@export(v1=("debugging.assert_rank_in", "assert_rank_in"))
def assert_rank_in_v1(x, ranks, data=None, summarize=None, message=None, name=None):
    """Fails unless the rank of `x` is one of `ranks`."""
    return _assert_ranks(
        x,
        list(ranks),
        lambda have, r: have in r,
        "in ",
        data,
        summarize,
        message,
        name,
        "assert_rank_in",
    )


@export("debugging.assert_integer", v1=("assert_integer",))
def assert_integer(x, message=None, name=None):
    """Raises a `TypeError` unless `x` is of an integer dtype."""
    x = convert_to_tensor(x)
    if not x.dtype.base_dtype.is_integer:
        text = f"{message}  " if message else ""
        raise TypeError(
            f'{errors.user_site()}: {text}Expected "x" to be integer type. Found: {x.dtype!r}'
        )
    return None if executing_eagerly() else REGISTRY["NoOp"](name=name or "statically_determined")


@export("debugging.assert_type", v1=("assert_type",))
def assert_type(tensor, tf_type, message=None, name=None):
    """Raises a `TypeError` unless `tensor` is of dtype `tf_type`."""
    tensor = convert_to_tensor(tensor)
    if tensor.dtype is not as_dtype(tf_type):
        text = f"{message}  " if message else ""
        raise TypeError(
            f"{errors.user_site()}: {text}{getattr(tensor, 'name', 'tensor')} must be of type "
            f"{as_dtype(tf_type)!r}; got {tensor.dtype!r}"
        )
    return None if executing_eagerly() else REGISTRY["NoOp"](name=name or "statically_determined")


@export(v2=("debugging.assert_scalar",))
def assert_scalar(tensor, message=None, name=None):
    """`tensor`, which must have no dimensions.

    Raises:
      ValueError: if its static shape says otherwise.
    """
    tensor = convert_to_tensor(tensor)
    if tensor.shape.rank != 0:
        text = f"{message}  " if message else ""
        raise ValueError(
            f"{errors.user_site()}: {text}Expected scalar shape for {getattr(tensor, 'name', 'tensor')}, saw "
            f"shape: {tensor.shape}."
        )
    return tensor


@export(v1=("debugging.assert_scalar", "assert_scalar"))
def assert_scalar_v1(tensor, name=None, message=None):
    """`tensor`, which must have no dimensions."""
    return assert_scalar(tensor, message, name)


@export("debugging.assert_proper_iterable", v1=("assert_proper_iterable",))
def assert_proper_iterable(values) -> None:
    """Raises a `TypeError` unless `values` is a list-like thing rather than a tensor or a string."""
    unintended = (Tensor, np.ndarray, bytes, str)
    if isinstance(values, unintended) or is_tensor(values):
        raise TypeError(
            f"Expected argument 'values' to be a 'proper' iterable.  Found: {type(values)}"
        )
    if not hasattr(values, "__iter__"):
        raise TypeError(f"Expected argument 'values' to be iterable.  Found: {type(values)}")


@export("debugging.assert_same_float_dtype", v1=("assert_same_float_dtype",))
def assert_same_float_dtype(tensors=None, dtype=None):
    """The floating-point dtype that all tensors share; float32 when there is nothing to say.

    Raises:
      ValueError: if they differ, or it is no floating-point dtype.
    """
    found = None if dtype is None else as_dtype(dtype).base_dtype
    for tensor in tensors or ():
        if tensor is None:
            continue
        own = tensor.dtype.base_dtype
        if found is None:
            found = own
        elif own is not found:
            raise ValueError(f"Tensor {tensor} must be of type {found!r}; got {own!r}")
    found = found or dtypes.float32
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found!r}.")
    return found


@export("debugging.assert_shapes")
def assert_shapes(shapes, data=None, summarize=None, message=None, name=None):
    """Checks shapes against symbols: equal symbols stand for equal sizes.

    Args:
      shapes: a dictionary from tensors to shapes, or a list of pairs; a shape is a tuple (or string) of
        symbols, integers, None or '.', and '*' or `...` for any number of leading dimensions.

    Raises:
      ValueError: if the static shapes do not fit.
      tf.errors.InvalidArgumentError: if the shapes of a run do not.

    >>> import reflow as tf
    >>> x, y = tf.zeros([2, 3]), tf.zeros([3])
    >>> tf.debugging.assert_shapes([(x, ("N", "D")), (y, ("D",))])
    """
    pairs = list(shapes.items()) if isinstance(shapes, dict) else list(shapes)
    checks: list[Any] = []
    sizes: dict[Any, Any] = {}
    text = f"{message}. " if message else ""
    with name_scope(name, "assert_shapes", [data]):
        for each, symbols in pairs:
            tensor = convert_to_tensor(each.deref() if hasattr(each, "deref") else each)
            symbols = list(symbols)
            leading = bool(symbols) and (symbols[0] in ("*",) or symbols[0] is Ellipsis)
            symbols = symbols[1:] if leading else symbols
            rank = tensor.shape.rank
            if rank is not None:
                if (leading and rank < len(symbols)) or (not leading and rank != len(symbols)):
                    raise ValueError(
                        f"{errors.user_site()}: {text}Specified by tensor "
                        f"{getattr(tensor, 'name', '')} dimension of rank {len(symbols)}; "
                        f"its shape is {tensor.shape}"
                    )
            checks += _check_symbols(tensor, symbols, sizes, text, data, summarize)
        if executing_eagerly():
            return None
        from reflow.ops.control_flow.grouping import group

        return group(*checks, name="shape_checks")


def _check_symbols(tensor, symbols, sizes, text, data, summarize) -> list[Any]:
    checks = []
    rank = tensor.shape.rank
    for i, symbol in enumerate(symbols):
        if symbol is None or symbol == ".":
            continue
        position = i - len(symbols)
        size = None if rank is None else shapes.dimension_value(tensor.shape[rank + position])
        dynamic = None
        if size is None:
            dynamic = REGISTRY["Shape"](tensor)[position]
        wanted = symbol
        if isinstance(symbol, str) and symbol.isdigit():
            wanted = int(symbol)
        if not isinstance(wanted, (int, np.integer)):
            if symbol not in sizes:
                sizes[symbol] = size if size is not None else dynamic
                continue
            wanted = sizes[symbol]
        if size is not None and isinstance(wanted, (int, np.integer)):
            if size != wanted:
                raise ValueError(
                    f"{errors.user_site()}: {text}Specified by tensor {getattr(tensor, 'name', '')} dimension "
                    f"{position}: symbol {symbol!r} is {wanted}, the tensor has {size}"
                )
            continue
        have = size if size is not None else dynamic
        checks.append(
            assert_equal_v1(
                convert_to_tensor(have, dtypes.int32),
                convert_to_tensor(wanted, dtypes.int32),
                data=data,
                summarize=summarize,
                message=f"{text}dimension {position} of {tensor.name} is not {symbol!r}",
            )
        )
    return [c for c in checks if c is not None]


@export("debugging.is_numeric_tensor", v1=("is_numeric_tensor",))
def is_numeric_tensor(tensor) -> bool:
    """Whether something is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype.base_dtype in (
        dtypes.NUMBER | dtypes.QUANTIZED_DTYPES
    )


# Switches -----------------------------------------------------------------------------------------


@export("debugging.enable_traceback_filtering")
def enable_traceback_filtering() -> None:
    """Hides Reflow's own frames from the tracebacks of errors: the default."""
    import os

    os.environ.pop("REFLOW_TRACEBACK", None)


@export("debugging.disable_traceback_filtering")
def disable_traceback_filtering() -> None:
    """Shows all frames in the tracebacks of errors, as `REFLOW_TRACEBACK=full` does."""
    import os

    os.environ["REFLOW_TRACEBACK"] = "full"


@export("debugging.is_traceback_filtering_enabled")
def is_traceback_filtering_enabled() -> bool:
    """Whether Reflow's own frames are hidden from tracebacks."""
    import os

    return os.environ.get("REFLOW_TRACEBACK") != "full"
