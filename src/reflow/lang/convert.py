"""From Python values to tensors: https://www.tensorflow.org/api_docs/python/tf/convert_to_tensor"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.alignment import copied
from reflow.lang.context import current_graph
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.opdef import REGISTRY
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor, Tensor

# (type or types, function, priority), as registered; the lower the priority, the earlier it is asked
_conversions: list[tuple[Any, Callable, int]] = []
_by_type: dict[type, list[Callable]] = {}


def register_tensor_conversion_function(
    base_type: Any, conversion_func: Callable, priority: int = 100
) -> None:
    """Makes objects of `base_type` convertible to tensors.

    Args:
      base_type: a type, or a tuple of types.
      conversion_func: `f(value, dtype=None, name=None, as_ref=False)`, which returns a tensor, or
        `NotImplemented` to let the next one try.
      priority: lower runs earlier.

    Raises:
      TypeError: if the arguments are not of the right types.
    """
    types = base_type if isinstance(base_type, tuple) else (base_type,)
    if not all(isinstance(each, type) for each in types):
        raise TypeError(f"Argument `base_type` must be a type or a tuple of types, got {base_type}")
    if not callable(conversion_func):
        raise TypeError(f"Argument `conversion_func` must be callable, got {conversion_func}")
    _conversions.append((types, conversion_func, priority))
    _conversions.sort(key=lambda row: row[2])
    _by_type.clear()


def _functions_for(kind: type) -> list[Callable]:
    found = _by_type.get(kind)
    if found is None:
        found = [f for types, f, _ in _conversions if issubclass(kind, types)]
        _by_type[kind] = found
    return found


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    dtype_hint: Any = None,
    as_ref: bool = False,
) -> Any:
    """The tensor that `value` stands for: itself, a constant, or what a registered conversion gives.

    Args:
      value: a tensor, a variable, a NumPy array, a Python number, string or list of these, ...
      dtype: the dtype it must have.
      name: a name for the node, if one is made.
      preferred_dtype, dtype_hint: a dtype to try first when `dtype` is not given.

    Raises:
      TypeError: if no conversion is registered for the type of `value`.
      ValueError: if a tensor has another dtype.

    >>> import reflow as tf
    >>> tf.convert_to_tensor([1.0, 2.0]).dtype
    tf.float32
    """
    if dtype is not None:
        dtype = as_dtype(dtype)
    if isinstance(value, Tensor):
        if dtype is not None and not dtype.is_compatible_with(value.dtype):
            if dtype.base_dtype is not value.dtype.base_dtype:
                raise ValueError(
                    f"{errors.user_site()}: Tensor conversion requested dtype "
                    f"{dtype.name} for Tensor with dtype {value.dtype.name}: {value!r}. Convert it "
                    "with tf.cast."
                )
        graph = current_graph()
        if graph is None:
            if isinstance(value, SymbolicTensor):
                raise errors.InaccessibleTensorError(
                    f"{errors.user_site()}: {value!r} is out of scope, a "
                    "symbolic tensor of a graph: eager code cannot use it. Run it in a session, or stay in its graph."
                )
        elif not isinstance(value, SymbolicTensor) or value.op.graph is not graph:
            return graph.capture(value, name)
        return value
    hint = preferred_dtype if preferred_dtype is not None else dtype_hint
    for function in _functions_for(type(value)):
        if dtype is None and hint is not None:
            try:
                result = function(value, dtype=as_dtype(hint), name=name, as_ref=as_ref)
            except (TypeError, ValueError):
                result = NotImplemented
            if result is not NotImplemented:
                return result
        result = function(value, dtype=dtype, name=name, as_ref=as_ref)
        if result is not NotImplemented:
            return result
    if hasattr(value, "__tf_tensor__"):
        return value.__tf_tensor__(dtype, name)
    array = to_array(value, dtype, hint)
    if array is None:  # a list with tensors in it
        if dtype is None and hint is not None and current_graph() is None:
            try:
                return _pack(value, as_dtype(hint), name)
            except (TypeError, ValueError):
                pass
        return _pack(value, dtype, name)
    if array is value:
        array = copied(array)  # the caller may go on writing into it
    return constant_node(array, dtype or dtype_of(array), name or "Const")


def convert_to_tensor_v2(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """The tensor that `value` stands for: itself, a constant, or what a registered conversion gives.

    Args:
      value: a tensor, a variable, a NumPy array, a Python number, string or list of these, ...
      dtype: the dtype it must have.
      dtype_hint: a dtype to try first when `dtype` is not given.
      name: a name for the node, if one is made.

    Raises:
      TypeError: if no conversion is registered for the type of `value`.
      ValueError: if a tensor has another dtype.

    >>> import reflow as tf
    >>> tf.convert_to_tensor([1.0, 2.0]).dtype
    tf.float32
    """
    return convert_to_tensor(value, dtype, name, dtype_hint)


def constant_node(array: np.ndarray, dtype: DType, name: str = "Const") -> Any:
    """A Const node, or eagerly a tensor, of an array that has `dtype` already."""
    graph = current_graph()
    if graph is None:
        return service("eager_tensor")(array, dtype)
    op = graph.add_node(
        REGISTRY["Const"],
        (),
        {"value": array, "dtype": dtype.base_dtype},
        graph.op_name(name),
        [shapes.of(array.shape)],
    )
    return op.outputs[0]


def dtype_of(array: np.ndarray) -> DType:
    return as_dtype(array.dtype)


_FROM_BOOL = (dtypes.int32, dtypes.int64, dtypes.complex128)  # with floats, in eager code
_PY_NUMBERS = (bool, int, float, complex)


def to_array(value: Any, dtype: DType | None = None, hint: Any = None) -> np.ndarray | None:
    """`value` as an array of TensorFlow's dtype for it; None if it holds tensors.

    Python floats are float32, ints are int32 (int64 when they need it), strings are bytes. Values of
    another kind than `dtype` are refused, as TensorFlow does: 1.5 for an int32, 3 for a string.

    Raises:
      TypeError: for values that `dtype` cannot hold, or for something that is no tensor.
      ValueError: for lists that are not rectangular.
    """
    kind = type(value)
    if kind is float and (dtype is None or dtype.is_floating):
        if dtype is None:
            hinted = hint is not None and as_dtype(hint)
            return np.array(value, hinted.np if hinted and hinted.is_floating else np.float32)
        return np.array(value, dtype.np)
    if kind is int:
        if dtype is None and hint is None:
            return np.array(value, np.int32 if -(2**31) <= value < 2**31 else np.int64)
        if dtype is not None and dtype.is_integer and dtype.min <= value <= dtype.max:
            return np.array(value, dtype.np)
    if kind is list and value and all(type(each) is int for each in value):
        found = _from_ints(value, dtype, hint)
        if found is not None:
            return found
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if dtype is None and hint is not None and array.dtype.kind in "biufc":
            wanted = as_dtype(hint).base_dtype
            dtype = wanted if _is_number(wanted) else None
        return _from_numpy(array, dtype)
    if isinstance(value, shapes.TensorShape):
        if not value.is_fully_defined():
            raise ValueError(
                f"{errors.user_site()}: Cannot convert a partially known TensorShape {value} to a "
                "Tensor. tf.shape(x) has the sizes that are known only when it runs."
            )
        sizes = value.as_list()
        big = any(size >= 2**31 for size in sizes)  # type: ignore[operator]
        return np.array(sizes, dtype.np if dtype else (np.int64 if big else np.int32))
    if isinstance(value, shapes.Dimension):
        if value.value is None:
            raise ValueError("Cannot convert unknown Dimension to a Tensor.")
        return np.array(value.value, dtype.np if dtype else np.int32)
    if isinstance(value, (str, bytes)):
        _check_kind("s", dtype, value)
        return np.array(value.encode() if isinstance(value, str) else value, object)
    if value is None:
        raise ValueError(f"{errors.user_site()}: None values not supported.")
    if isinstance(value, (list, tuple, range)):
        return _from_list(value, dtype, hint)
    if isinstance(value, _PY_NUMBERS):
        return _from_python(np.array(value), dtype, hint, value)
    if hasattr(value, "__array__"):
        return _from_numpy(np.asarray(value), dtype)
    what = f"Failed to convert a {kind.__name__} ({value!r:.80}) to a Tensor"
    raise _no_tensor(what, _DTYPE) if isinstance(value, DType) else _no_tensor(what)


def _from_ints(value: list[int], dtype: DType | None, hint: Any) -> np.ndarray | None:
    """The short way for what is most frequent, a list of integers (a shape, axes); None if unsure."""
    wanted = dtype if dtype is not None else hint
    kind = dtypes.int32 if wanted is None else as_dtype(wanted)
    if kind.is_integer and kind.min <= min(value) and max(value) <= kind.max:
        return np.array(value, kind.np)
    return None


def _from_list(value: Any, dtype: DType | None, hint: Any) -> np.ndarray | None:
    leaves: list[Any] = []
    if _leaves(value, leaves):
        return None
    if any(isinstance(leaf, (str, bytes)) for leaf in leaves):
        _check_kind("s", dtype, value)
        if not all(isinstance(leaf, (str, bytes)) for leaf in leaves):
            raise _no_tensor(
                f"Can't convert Python sequence with mixed types to Tensor: {value!r:.80}"
            )
        try:
            held = np.array(value, object)  # of strings and of bytes, which NumPy would decode
        except ValueError:
            raise _ragged(value) from None
        if any(isinstance(each, (list, tuple)) for each in held.flat):
            raise _ragged(value)
        shape = held.shape
        flat = np.empty(len(leaves), object)
        flat[:] = [leaf.encode() if isinstance(leaf, str) else leaf for leaf in leaves]
        return flat.reshape(shape)
    try:
        array = np.array(value)
    except ValueError:
        raise _ragged(value) from None
    if array.dtype == object:
        if any(leaf is None for leaf in leaves):
            raise _no_tensor(f"None values not supported: {value!r:.80}", _OF_SIZES)
        if all(isinstance(leaf, shapes.Dimension) for leaf in leaves):
            array = np.array([leaf.value for leaf in leaves])
        elif all(isinstance(leaf, int) for leaf in leaves):
            raise ValueError(f"Python integers too large for a tensor: {value!r:.80}")
        else:
            raise _no_tensor(f"Failed to convert elements of {value!r:.80} to a Tensor")
    if any(isinstance(leaf, (np.ndarray, np.generic)) for leaf in leaves):
        return _from_numpy_leaves(array, leaves, dtype, hint, value)
    return _from_python(array, dtype, hint, value)


def _from_numpy_leaves(
    array: np.ndarray, leaves: list[Any], dtype: DType | None, hint: Any, value: Any
) -> np.ndarray:
    """A list of NumPy scalars or arrays. TensorFlow narrows such lists as it does Python's numbers:
    eagerly integers to int32, floats to the kind of the first; in a graph what has 64 bits."""
    kind = array.dtype.kind
    if dtype is not None:
        if array.size:
            _check_kind("f" if kind == "V" else kind, dtype, value)
        return _from_numpy(array, dtype)
    if hint is not None and array.size and _fits(kind, as_dtype(hint)):
        return array.astype(as_dtype(hint).np)
    eager = current_graph() is None
    if kind in "iu" and (eager or array.dtype == np.int64):
        small = array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32) if small else array
    if kind == "f" and eager:
        return array.astype(getattr(leaves[0], "dtype", np.float32))
    return array.astype(np.float32) if array.dtype == np.float64 else _from_numpy(array, None)


def _leaves(value: Any, out: list[Any]) -> bool:
    """Collects the leaves of nested lists; True as soon as one is a tensor or converts to one."""
    for each in value:
        if isinstance(each, (list, tuple, range)):
            if _leaves(each, out):
                return True
        elif isinstance(each, Tensor) or (
            not isinstance(each, (int, float, str, bytes)) and _functions_for(type(each))
        ):
            return True
        else:
            out.append(each)
    return False


_CAST = "Consider casting elements to a supported type."
_OF_SIZES = "A size that is None is known only when the graph runs: tf.shape(x)[i] is its tensor."


_DTYPE = "A dtype stands where a value is expected: pass it by its name, `dtype=...`."


def _no_tensor(text: str, mend: str = _CAST) -> Exception:
    """The error of a value that is no tensor: eager code and graphs have a class each, as in TensorFlow."""
    kind = ValueError if current_graph() is None else TypeError
    return kind(f"{errors.user_site()}: {text}. {mend}")


def _ragged(value: Any) -> ValueError:
    return ValueError(
        f"{errors.user_site()}: Can't convert non-rectangular Python sequence to "
        f"Tensor: {value!r:.80}"
    )


def _from_python(array: np.ndarray, dtype: DType | None, hint: Any, value: Any) -> np.ndarray:
    kind = array.dtype.kind
    if array.size == 0 and kind == "f" and dtype is None and hint is not None:
        return array.astype(as_dtype(hint).np)
    if dtype is None:
        if hint is not None:
            wanted = as_dtype(hint)
            if _fits(kind, wanted) or kind == "b" and _takes_bool(wanted):
                return array.astype(_plain(wanted))
        if kind == "f":
            return array.astype(np.float32)
        if kind in "iu":
            small = array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)
            return array.astype(np.int32) if small else array
        return array
    if array.size and not (kind == "b" and _takes_bool(dtype)):
        _check_kind(kind, dtype, value)
    if kind == "u" and dtype is dtypes.int64 and current_graph() is None:
        raise ValueError(
            f"{errors.user_site()}: Can't convert Python integer {value!r:.60} "
            f"to a tensor of {dtype.name}: out of range."
        )
    return array.astype(_plain(dtype))


def _is_number(dtype: DType) -> bool:
    return dtype.is_bool or dtype.is_integer or dtype.is_floating or dtype.is_complex


def _takes_bool(dtype: DType) -> bool:
    """Whether Python's True and False convert to a number of this dtype: in graphs to any."""
    if current_graph() is None:
        return dtype.is_floating or dtype in _FROM_BOOL
    return dtype.is_integer or dtype.is_floating or dtype.is_complex


def _plain(dtype: DType) -> Any:
    return dtype.np if dtype.np.names is None else dtype.np[0]


def _fits(kind: str, dtype: DType) -> bool:
    if kind == "b":
        return dtype.is_bool
    if kind in "iu":
        return dtype.is_integer or dtype.is_floating or dtype.is_complex or dtype.is_quantized
    if kind == "f":
        return dtype.is_floating or dtype.is_complex
    if kind == "c":
        return dtype.is_complex
    return kind in "sSUO" and dtype is dtypes.string


def _check_kind(kind: str, dtype: DType | None, value: Any) -> None:
    if dtype is not None and not _fits(kind, dtype.base_dtype):
        text = f"Expected {dtype.name}, but got {value!r:.80} of type '{type(value).__name__}'"
        if current_graph() is None:
            text = f"Cannot convert {value!r:.80} to EagerTensor of dtype {dtype.name}"
        raise TypeError(f"{errors.user_site()}: {text}.")


def _from_numpy(array: np.ndarray, dtype: DType | None) -> np.ndarray:
    if array.dtype.kind in "SU":
        flat = np.empty(array.size, object)
        flat[:] = [
            each.encode() if isinstance(each, str) else bytes(each)
            for each in array.ravel().tolist()
        ]
        array = flat.reshape(array.shape)
    elif array.dtype == object:
        if (
            array.size
            and not isinstance(array.flat[0], (str, bytes))
            and dtype is not dtypes.variant
        ):
            if dtype is not dtypes.resource:
                listed = to_array(array.tolist(), dtype)
                if listed is None:
                    raise TypeError("an object array of tensors does not convert to a tensor")
                return listed
        else:
            flat = np.empty(array.size, object)
            flat[:] = [e.encode() if isinstance(e, str) else e for e in array.ravel().tolist()]
            array = flat.reshape(array.shape)
    if dtype is None:
        as_dtype(array.dtype)  # refuses dtypes that TensorFlow does not have
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        return array
    dtype = dtype.base_dtype
    if array.dtype == dtype.np:
        return array
    as_dtype(array.dtype)  # refuses dtypes that TensorFlow does not have
    if (array.dtype == object) != (dtype is dtypes.string):
        kind = ValueError if current_graph() is None else TypeError
        raise kind(
            f"{errors.user_site()}: Failed to convert a NumPy array of {array.dtype} to a Tensor "
            f"of {dtype.name}."
        )
    with np.errstate(invalid="ignore"):
        return array.astype(_plain(dtype))  # numbers of any kind are cast, as TensorFlow does


def _pack(value: Any, dtype: DType | None, name: str | None) -> Any:
    """A (nested) list that holds tensors, as a tensor: packed, with the tensors' dtype."""
    inferred = tensor_dtype(value)
    if dtype is None:
        dtype = inferred
    elif inferred is not None and dtype.base_dtype is not inferred:
        value = _cast_tensors(value, dtype.base_dtype)
    return _packed(value, dtype, name or "packed")


def _cast_tensors(value: Any, dtype: DType) -> Any:
    """A nested list with its tensors cast, as TensorFlow does when a dtype is asked for."""
    if isinstance(value, (list, tuple)):
        return [_cast_tensors(each, dtype) for each in value]
    if _is_tensor(value) and as_dtype(value.dtype).base_dtype is not dtype:
        return REGISTRY["Cast"](value, DstT=dtype)
    return value


def _packed(value: Any, dtype: DType | None, name: str) -> Any:
    """`value` packed; a list that holds no tensors as it is."""
    from reflow.lang.scopes import name_scope

    with name_scope(name) as scope:
        parts = []
        for i, each in enumerate(value):
            parts.append(_packed(each, dtype, str(i)) if isinstance(each, (list, tuple)) else each)
        if not any(_is_tensor(each) for each in parts):
            return value
        parts = [
            each if isinstance(each, Tensor) else convert_to_tensor(each, dtype, str(i))
            for i, each in enumerate(parts)
        ]
        return REGISTRY["Pack"](parts, axis=0, name=scope)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or getattr(type(value), "is_tensor_like", False)


def tensor_dtype(value: Any) -> DType | None:
    """The dtype of the first tensor in a nested list; None if it holds none."""
    for each in value:
        if _is_tensor(each):
            return as_dtype(each.dtype).base_dtype
        if isinstance(each, (list, tuple)):
            found = tensor_dtype(each)
            if found is not None:
                return found
    return None
