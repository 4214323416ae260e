"""Operations on operands of several dtypes, as programs that real TensorFlow and Reflow both run."""

import numpy as np

# What stands on the left: a tensor or a variable; on the right also what converts to a tensor.
LEFT = {
    "int32": lambda tf: tf.constant(1),
    "float32": lambda tf: tf.constant(1.0),
    "int64": lambda tf: tf.constant(1, tf.int64),
    "bool": lambda tf: tf.constant(True),
    "uint8": lambda tf: tf.constant(1, tf.uint8),
    "variable": lambda tf: tf.Variable(1.0),
}
RIGHT = {
    **LEFT,
    "float64": lambda tf: tf.constant(1.0, tf.float64),
    "complex128": lambda tf: tf.constant(1 + 2j),
    "string": lambda tf: tf.constant("a"),
    "int_variable": lambda tf: tf.Variable(1),
    "1.5": lambda tf: 1.5,
    "2": lambda tf: 2,
    "True": lambda tf: True,
    "'x'": lambda tf: "x",
    "1j": lambda tf: 1j,
    "2**40": lambda tf: 2**40,
    "[1.5]": lambda tf: [1.5],
    "np.float64": lambda tf: np.float64(1.5),
    "np.int32": lambda tf: np.int32(2),
    "np.bool": lambda tf: np.bool_(True),
    "np.array": lambda tf: np.array([1.5]),
    "object": lambda tf: object(),
}
_ARRAYS = (np.ndarray, np.generic)


def _matrix(tf, x):
    if isinstance(x, (tf.Tensor, tf.Variable)):
        return tf.reshape(x, [1, 1])
    return np.reshape(x, (1, 1)) if isinstance(x, _ARRAYS) else [[x]]


OPERATIONS = {
    "x + y": lambda tf, x, y: x + y,
    "y + x": lambda tf, x, y: y + x,
    "x - y": lambda tf, x, y: x - y,
    "x * y": lambda tf, x, y: x * y,
    "x / y": lambda tf, x, y: x / y,
    "y / x": lambda tf, x, y: y / x,
    "x // y": lambda tf, x, y: x // y,
    "y ** x": lambda tf, x, y: y**x,
    "x < y": lambda tf, x, y: x < y,
    "x == y": lambda tf, x, y: x == y,
    "x & y": lambda tf, x, y: x & y,
    "x @ y": lambda tf, x, y: _matrix(tf, x) @ _matrix(tf, y),
    "add": lambda tf, x, y: tf.add(x, y),
    "add(y, x)": lambda tf, x, y: tf.add(y, x),
    "multiply": lambda tf, x, y: tf.multiply(x, y),
    "divide": lambda tf, x, y: tf.divide(x, y),
    "maximum": lambda tf, x, y: tf.maximum(x, y),
    "matmul": lambda tf, x, y: tf.matmul(_matrix(tf, x), _matrix(tf, y)),
    "concat": lambda tf, x, y: tf.concat([_matrix(tf, x), _matrix(tf, y)], 0),
    "concat of lists": lambda tf, x, y: tf.concat([[x], [y]], 0),
    "stack": lambda tf, x, y: tf.stack([x, y]),
    "where": lambda tf, x, y: tf.where([True], x, y),
    "clip": lambda tf, x, y: tf.clip_by_value(x, y, y),
    "convert": lambda tf, x, y: tf.convert_to_tensor(y, x.dtype),
    "fill": lambda tf, x, y: tf.fill([2], y),
    "any": lambda tf, x, y: tf.reduce_any(y),
}
ASSIGNMENTS = {
    "assign": lambda tf, x, y: tf.Variable(x).assign(y),
    "assign_add": lambda tf, x, y: tf.Variable(x).assign_add(y),
}
MODES = ("eager", "graph", "function")


def _outcome(f):
    try:
        result = f()
    except Exception as error:
        return error
    return getattr(getattr(result, "dtype", None), "name", type(result).__name__)


def outcomes(tf, mode):
    """What each operation gives for each pair: the name of a dtype, or an error."""
    for name, f in {**OPERATIONS, **(ASSIGNMENTS if mode == "eager" else {})}.items():
        for left, make_left in LEFT.items():
            for right, make_right in RIGHT.items():
                if mode == "graph":
                    with tf.Graph().as_default():
                        result = _outcome(lambda: f(tf, make_left(tf), make_right(tf)))  # noqa: B023
                elif mode == "eager":
                    result = _outcome(lambda: f(tf, make_left(tf), make_right(tf)))  # noqa: B023
                else:
                    result = _in_function(tf, f, make_left(tf), make_right(tf))
                yield (name, left, right), result


def _in_function(tf, f, x, y):
    found = []

    def traced(x=x, y=y):
        found.append(_outcome(lambda: f(tf, x, y)))

    tf.function(traced, autograph=False).get_concrete_function()
    return found[0]
