"""Programs whose types answer public functions: tf.experimental.dispatch_for_api and its kind."""

# Annotations are in the forms that programs for TensorFlow use.
# ruff: noqa: UP006, UP007, UP035

from typing import List, Union

ARRAYS: dict = {}
CALLS = ""


def _said(call):
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:70]}"


def _class(call):
    """The class of the error of a call; that of a value that is no tensor is a ValueError there."""
    try:
        call()
    except (TypeError, ValueError):
        return "refused"
    return "nothing"


def _masked(tf):
    class Masked(tf.experimental.ExtensionType):
        values: tf.Tensor
        mask: tf.Tensor

    return Masked


def single_functions(tf, np):
    masked, given = _masked(tf), []
    dispatch = tf.experimental.dispatch_for_api
    m = masked([1, 2, 3], [True, False, True])

    def target(api, *signatures):
        def decorator(function):
            given.append(dispatch(api, *signatures)(function))
            return function

        return decorator

    @target(tf.add, {"x": masked, "y": masked})
    def add(x, y, name=None):
        return masked(tf.add(x.values, y.values), x.mask & y.mask)

    @target(tf.concat)
    def concat(values: List[masked], axis, name=None):
        return tf.concat([v.values for v in values], axis)

    @target(tf.matmul, {0: masked}, {"b": masked})
    def matmul(
        a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False,
        a_is_sparse=False, b_is_sparse=False, output_type=None, grad_a=False, grad_b=False, name=None,
    ):  # fmt: skip
        return f"product {transpose_a}"

    @target(tf.reduce_sum, {"input_tensor": masked})
    def total(input_tensor, axis=None, keepdims=False):
        return tf.reduce_sum(tf.where(input_tensor.mask, input_tensor.values, 0), axis, keepdims)

    @target(tf.stack, {"values": List[Union[masked, tf.Tensor]]})
    def stack(values, axis=0, name="stack"):
        return f"stacked {len(values)}"

    def ignored(x, y, name=None):
        return x

    found = [
        tf.add(m, m).values, tf.math.add(x=m, y=m).mask, tf.add(1, 2), _class(lambda: tf.add(m, 1)),
        tf.concat([m, m], 0), tf.concat((m, m), 0), _class(lambda: tf.concat([m, [1]], 0)),
        tf.concat([[1], [2]], 0), tf.matmul(m, [[1]]), tf.matmul(a=[[1]], b=m, transpose_a=True),
        tf.matmul([[1.0]], [[2.0]]), tf.reduce_sum(m, name="n"), tf.math.reduce_sum(m),
        tf.function(lambda m: tf.reduce_sum(m))(m), _class(lambda: tf.compat.v1.reduce_sum([m])),
        tf.stack([m, tf.constant(1)]), tf.stack([tf.constant(1)]), _class(lambda: tf.stack([m, 1])),
        _said(lambda: dispatch(tf.add, {"x": masked, "q": masked})(ignored)),
        _said(lambda: dispatch(tf.add, {"x": masked})(lambda x, z, name=None: x)),
        _said(lambda: dispatch(tf.add, {"x": masked})(lambda x, y, name=None, q=1: x)),
        _said(lambda: dispatch(tf.add)(ignored)), _said(lambda: dispatch(np.add, {"x": masked})),
        _said(lambda: dispatch(tf.add, {"x": dict[str, int]})(ignored)[:12]),
    ]  # fmt: skip
    target(tf.add, {"x": masked})(ignored)
    found.append(_said(lambda: tf.add(m, m))[:70])
    for each in given:
        tf.experimental.unregister_dispatch_for(each)
    found.append(_class(lambda: tf.add(m, m)))
    found.append(_class(lambda: tf.experimental.unregister_dispatch_for(add)))
    return found


def element_wise(tf, np):
    masked = _masked(tf)
    x = tf.experimental
    i, f = masked([1, 2, -3], [True, False, True]), masked([1.0, -2.0], [True, True])

    @x.dispatch_for_unary_elementwise_apis(masked)
    def unary(api, x):
        return masked(api(x.values), x.mask)

    @x.dispatch_for_binary_elementwise_apis(masked, masked)
    def binary(api, x, y):
        return masked(api(x.values, y.values), x.mask & y.mask)

    @x.dispatch_for_binary_elementwise_apis(masked, Union[tf.Tensor, int, float])
    def with_plain(api, x, y):
        return masked(api(x.values, y), x.mask)

    @x.dispatch_for_binary_elementwise_assert_apis(masked, masked)
    def check(api, x, y):
        return api(x.values, y.values)

    unaries = [
        tf.negative(i), tf.abs(i), tf.exp(f), tf.round(f), tf.math.square(f, name="q"),
        tf.cast(i, tf.float32), tf.nn.relu(f), tf.zeros_like(i), tf.identity(i), tf.math.is_nan(f),
        tf.nn.relu6(f), tf.clip_by_value(f, 0.0, 1.0), tf.strings.length(masked(["ab"], [True])),
        tf.nn.leaky_relu(f, alpha=0.5),
    ]  # fmt: skip
    binaries = [
        tf.subtract(i, i), tf.subtract(x=i, y=i), tf.multiply(i, 2), tf.maximum(i, tf.constant([2, 2, 2])),
        tf.equal(i, i), tf.pow(i, 2), tf.math.less(i, 2), tf.add(f, 1.5),
    ]  # fmt: skip
    found = [each.values for each in (*unaries, *binaries)]
    tf.debugging.assert_equal(i, i)
    found += [
        _class(lambda: tf.multiply(2, i)),
        _said(lambda: tf.debugging.assert_less(i, i))[:20],
        _class(lambda: x.dispatch_for_unary_elementwise_apis(masked)(unary)),
        _class(lambda: x.dispatch_for_binary_elementwise_apis(masked, masked)(binary)),
    ]
    for each in (unary, binary, with_plain):
        x.unregister_dispatch_for(each)
    return [*found, _class(lambda: tf.negative(i)), _class(lambda: tf.subtract(i, i))]


PROGRAMS = [single_functions, element_wise]
