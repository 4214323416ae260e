"""What libraries import from inside of TensorFlow, and type specs as messages."""

import importlib

ARRAYS = {}
CALLS = ""


def _internal(tf, path):
    if tf.__name__ != "reflow":
        return importlib.import_module(f"tensorflow.{path}")
    from reflow.compat.internal_paths import module

    return module(f"tensorflow.{path}", path)


def _outcome(function):
    try:
        return repr(function())
    except Exception as error:
        return type(error).__name__


def specs(tf, np):
    found = []
    for spec in (
        tf.TensorSpec([None, 2], tf.float32, "x"),
        tf.TensorSpec(None, tf.string),
        tf.RaggedTensorSpec([2, None], tf.int32),
        tf.SparseTensorSpec([2, None]),
        tf.IndexedSlicesSpec([2, 3]),
        tf.data.DatasetSpec(tf.TensorSpec([2])),
        tf.data.DatasetSpec((tf.TensorSpec([2]), {"a": tf.RaggedTensorSpec([2, None])})),
        tf.OptionalSpec(tf.TensorSpec([])),
    ):
        proto = spec.experimental_as_proto()
        back = type(spec).experimental_from_proto(proto)
        found.append(proto.SerializeToString(deterministic=True).hex())
        found.append(f"{spec.experimental_type_proto().__name__} {back == spec}")
    return found


def weights(tf, np):
    ops = _internal(tf, "python.ops.weights_broadcast_ops")
    tf1 = tf.compat.v1
    values = np.arange(6, dtype="float32").reshape(2, 3)
    cases = {
        "scalar": 2.0,
        "row": [[1.0, 2.0, 3.0]],
        "column": [[1.0], [2.0]],
        "whole": values * 2,
        "vector": [1.0, 2.0, 3.0],
        "wrong": [[1.0, 2.0]],
        "rank": [[[1.0]]],
    }
    found = []
    for name, given in cases.items():

        def eager(given=given):
            ops.assert_broadcastable(given, values)
            return ops.broadcast_weights(given, values).numpy().tolist()

        def fed(given=given, sizes=(None, None)):
            with tf.Graph().as_default(), tf1.Session() as session:
                w, v = tf1.placeholder("float32", sizes), tf1.placeholder("float32")
                result = ops.broadcast_weights(w, v)
                return session.run(result, {w: given, v: values}).tolist()

        found.append(f"{name}: {_outcome(eager)}")
        found.append(f"{name}, fed: {_outcome(lambda fed=fed: fed(sizes=None))}")
    return found


def functions(tf, np):
    """`Defun`, as libraries use it."""
    defun = _internal(tf, "python.framework.function").Defun
    gradients = tf.compat.v1.gradients

    def run(build):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            return [np.asarray(v).tolist() for v in session.run(build(tf.constant([1.0, 2.0])))]

    @defun(tf.float32)
    def square(x):
        return x * x

    @defun(
        python_grad_func=lambda op, dy: tf.convert_to_tensor(dy) * op.inputs[0] * 10.0,
        shape_func=lambda op: [op.inputs[0].get_shape()],
    )
    def same(x):
        return x

    @defun(tf.float32, tf.float32)
    def steep(x, dy):
        return dy * 100.0

    @defun(tf.float32, grad_func=steep, noinline=True)
    def steeper(x):
        return x * x

    @defun(tf.float32, tf.float32, func_name="Two")
    def two(a, b):
        return a + b, a * b

    @defun()
    def nothing():
        tf.no_op()

    def captured(x):
        y = tf.constant(3.0)

        @defun(tf.float32)
        def times(x):
            return x * y

        return [times(x), *gradients(times(x), [x, y])]

    def static(x):
        found = same(x).shape.as_list()
        return [tf.constant(found), same(tf.constant([1, 2]))]

    cases = {
        "square": lambda: run(lambda x: [square(x), *gradients(square(x), x)]),
        "same": lambda: run(lambda x: [same(x), *gradients(same(x), x)]),
        "static": lambda: run(static),
        "steeper": lambda: run(lambda x: [steeper(x), *gradients(steeper(x), x)]),
        "two": lambda: run(lambda x: list(two(x, x))),
        "two's gradient": lambda: run(lambda x: gradients(two(x, 2.0 * x)[1], x)),
        "nothing": lambda: run(lambda x: [x, nothing()][:1]),
        "captured": lambda: run(captured),
        "name": lambda: two.name,
        "too few": lambda: run(lambda x: two(x)),
        "dtype": lambda: run(lambda x: square(tf.constant(1))),
        "types": lambda: defun(tf.float32, tf.float32)(lambda x: x),
        "no function": lambda: defun(tf.float32)(3),
    }
    return [f"{name}: {_outcome(case)}" for name, case in cases.items()]


PROGRAMS = [specs, weights, functions]
