"""Gradients against finite differences: `tf.test.compute_gradient`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.autodiff.gradients import gradients
from reflow.autodiff.tape import GradientTape
from reflow.lang import nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.runtime.session import get_default_session


def _real(array: np.ndarray) -> np.ndarray:
    """The elements as a vector of real numbers: of complex ones, real and imaginary parts in turn."""
    flat = np.ascontiguousarray(array).ravel()
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _unit(shape: Sequence[int], dtype: np.dtype, i: int) -> np.ndarray:
    """An array of zeros with a one at the real place `i`."""
    array = np.zeros(shape, dtype)
    if array.dtype.kind == "c":
        array.ravel()[i // 2] = 1 if i % 2 == 0 else 1j
    else:
        array.ravel()[i] = 1
    return array


def _numeric(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, delta: float) -> np.ndarray:
    """The derivatives of `f` at `x` by central differences: a row per element of `f(x)`."""
    columns = []
    for i in range(_real(x).size):
        step = _unit(x.shape, x.dtype, i) * np.asarray(delta, x.dtype)
        rise = _real(np.asarray(f(x + step))).astype(np.float64)
        fall = _real(np.asarray(f(x - step))).astype(np.float64)
        columns.append((rise - fall) / (2 * delta))
    count = _real(np.asarray(f(x))).size
    return np.stack(columns, 1) if columns else np.zeros((count, 0))


@export(v2=("test.compute_gradient",))
def compute_gradient(f: Callable, x: Sequence[Any], delta: float | None = None) -> tuple[Any, Any]:
    """The Jacobians of `f` at `x`, from its gradients and by finite differences.

    Args:
      f: a function of tensors that returns a tensor.
      x: a list of its arguments.
      delta: the step of the finite differences; by default a power of two near the cube root of the
        dtype's precision.

    Returns:
      Two lists with an array of shape `[size of f(*x), size of x[i]]` for each argument.

    Raises:
      ValueError: if `x` is no list.

    >>> import reflow as tf
    >>> theoretical, numerical = tf.test.compute_gradient(tf.square, [tf.constant([3.0])])
    >>> theoretical[0].tolist()
    [[6.0]]
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(f"`x` must be a list or tuple of arguments of `f`, got {type(x)}")
    points = [np.asarray(convert_to_tensor(each).numpy()) for each in x]
    exact, estimated = [], []
    for i, point in enumerate(points):
        exact.append(_theoretical(f, points, i))

        def along(value: np.ndarray, i: int = i) -> np.ndarray:
            arguments = [value if j == i else p for j, p in enumerate(points)]
            return f(*map(convert_to_tensor, arguments)).numpy()

        step = delta or 2.0 ** round(np.log2(_precision(point.dtype)) / 3)
        estimated.append(_numeric(along, point, step).astype(exact[-1].dtype))
    return exact, estimated


def _precision(dtype: np.dtype) -> float:
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps)


def _theoretical(f: Callable, points: list[np.ndarray], i: int) -> np.ndarray:
    tensors = [convert_to_tensor(p) for p in points]
    with GradientTape(persistent=True) as tape:
        tape.watch(tensors[i])
        y = f(*tensors)
    value = np.asarray(y.numpy())
    rows = []
    for k in range(_real(value).size):
        seed = convert_to_tensor(_unit(value.shape, value.dtype, k))
        gradient = tape.gradient(y, tensors[i], output_gradients=seed)
        if gradient is None:
            rows.append(np.zeros_like(_real(points[i])))
        else:
            rows.append(_real(np.asarray(convert_to_tensor(gradient).numpy())))
    return np.stack(rows) if rows else np.zeros((0, _real(points[i]).size), points[i].dtype)


def max_error(grad1: Sequence[Any], grad2: Sequence[Any]) -> float:
    """The greatest difference between two lists of Jacobians: see `compute_gradient`."""
    error = 0.0
    for one, other in zip(grad1, grad2):
        if one.size:
            error = max(error, float(np.abs(one - other).max()))
    return error


@export(v1=("test.compute_gradient",))
def compute_gradient_v1(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Any = None,
) -> Any:
    """The Jacobians of a tensor `y` with respect to `x`, from `tf.gradients` and by differences.

    Runs in the default session.

    Args:
      x: a tensor, or a list of tensors.
      x_shape: its shape, or a list of shapes.
      y: the tensor to differentiate.
      y_shape: its shape.
      x_init_value: where to differentiate; by default at random values.
      delta: the step of the finite differences.
      init_targets: ops to run first.
      extra_feed_dict: what to feed besides.

    Returns:
      Two arrays of shape `[size of x, size of y]`, or a list of such pairs.

    Raises:
      ValueError: if there is no default session, or arguments do not fit.
    """
    session = get_default_session()
    if session is None:
        raise ValueError("tf.test.compute_gradient needs a default session")
    if init_targets is not None:
        session.run(nest.flatten(init_targets))
    many = isinstance(x, (list, tuple))
    xs, sizes = (list(x), list(x_shape)) if many else ([x], [x_shape])
    given = list(x_init_value) if many and x_init_value is not None else [x_init_value] * len(xs)
    if not len(xs) == len(sizes) == len(given):
        raise ValueError("x, x_shape and x_init_value must be lists of the same length")
    points = []
    for tensor, size, value in zip(xs, sizes, given):
        dtype = tensor.dtype.base_dtype.np
        if value is None:
            value = np.random.random_sample(tuple(size)).astype(dtype)
        points.append(np.asarray(value, dtype))
    seed = REGISTRY["Placeholder"](dtype=y.dtype.base_dtype, shape=list(y_shape))
    found = gradients(y, xs, grad_ys=[seed])
    feeds = {**(extra_feed_dict or {}), **dict(zip(xs, points))}
    result = []
    for tensor, point, gradient in zip(xs, points, found):
        result.append(_jacobians(session, tensor, point, y, y_shape, seed, gradient, delta, feeds))
    return result if many else result[0]


def _jacobians(session, x, point, y, y_shape, seed, gradient, delta, feeds) -> tuple[Any, Any]:
    dtype = y.dtype.base_dtype.np
    count = _real(np.zeros(tuple(y_shape), dtype)).size
    exact = np.zeros((_real(point).size, count), _real(point).dtype)
    if gradient is not None:
        gradient = convert_to_tensor(gradient)
        for k in range(count):
            value = session.run(gradient, {**feeds, seed: _unit(tuple(y_shape), dtype, k)})
            exact[:, k] = _real(np.asarray(value))

    def along(value: np.ndarray) -> np.ndarray:
        return session.run(y, {**feeds, x: value})

    return exact, _numeric(along, point, delta).T.astype(exact.dtype)


@export(v1=("test.compute_gradient_error",))
def compute_gradient_error(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Any = None,
) -> float:
    """The greatest difference between the gradients of `y` and finite differences.

    Args: see `compute_gradient` of TF 1.
    """
    pairs = compute_gradient_v1(
        x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict
    )
    pairs = [pairs] if isinstance(pairs, tuple) else pairs
    return max_error([a for a, _ in pairs], [b for _, b in pairs])
