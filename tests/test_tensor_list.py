"""Lists of tensors (TensorListReserve and its kind): against TensorFlow's results and errors, eagerly
and in both tiers, with values that are known and values that are fed; gradients by differences.
"""

import json
import pathlib

import numpy as np
import pytest
from golden import tensor_list_programs as programs

import reflow
from reflow.autodiff.gradients import gradients
from reflow.compiler import policy
from reflow.lang import errors
from reflow.lang.opdef import REGISTRY

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "tensor_list.json").read_text())
GOOD = [f for f in programs.PROGRAMS if not hasattr(f, "fails")]
BAD = [f for f in programs.PROGRAMS if hasattr(f, "fails")]
tf = reflow.compat.v1
OPS = [
    "EmptyTensorList",
    "TensorListReserve",
    "TensorListFromTensor",
    "TensorListScatterV2",
    "TensorListScatter",
    "TensorListScatterIntoExistingList",
    "TensorListSplit",
    "TensorListGetItem",
    "TensorListSetItem",
    "TensorListPushBack",
    "TensorListPopBack",
    "TensorListStack",
    "TensorListGather",
    "TensorListConcatV2",
    "TensorListConcatLists",
    "TensorListLength",
    "TensorListElementShape",
    "TensorListResize",
]


@pytest.fixture(params=("interpret", "compile"))
def tier(request):
    before = policy.forced[0]
    policy.forced[0] = request.param
    yield request.param
    policy.forced[0] = before


def run(program, how):
    """The results of a program: eagerly, with constants in a graph, or with what is fed."""
    if how == "eager":
        return [np.asarray(each) for each in program(reflow.raw_ops, reflow.constant)]
    feeds = {}

    def given(value):
        if how == "constant":
            return tf.constant(value)
        placeholder = tf.placeholder(np.asarray(value).dtype, np.shape(value))
        feeds[placeholder] = value
        return placeholder

    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(list(program(tf.raw_ops, given)), feeds)


@pytest.mark.parametrize("how", ("eager", "constant", "fed"))
@pytest.mark.parametrize("program", GOOD, ids=lambda f: f.__name__)
def test_results(program, how, tier):
    got = run(program, how)
    for i, (value, expected) in enumerate(zip(got, GOLDEN[program.__name__], strict=True)):
        value = np.asarray(value)
        assert [value.dtype.name, list(value.shape)] == [expected["dtype"], expected["shape"]], i
        np.testing.assert_array_equal(value.ravel(), expected["values"], err_msg=str(i))


@pytest.mark.parametrize("how", ("eager", "constant", "fed"))
@pytest.mark.parametrize("program", BAD, ids=lambda f: f.__name__)
def test_errors(program, how, tier):
    expected = GOLDEN[program.__name__]
    with pytest.raises((errors.OpError, ValueError)) as caught:
        run(program, how)
    if isinstance(caught.value, errors.OpError):
        assert type(caught.value).__name__ == expected["error"]
    assert "tensor_list_programs.py:" in str(caught.value).split("\n")[0]


def test_every_op_is_here():
    assert set(OPS) == {name for name in REGISTRY if "TensorList" in name}


# Gradients: of a function of x through lists, against differences ---------------------------------


def _read(x):
    items = REGISTRY["TensorListFromTensor"](x, [2])
    one = REGISTRY["TensorListGetItem"](items, 1, [2], element_dtype="float64")
    return one * one + REGISTRY["TensorListGetItem"](items, 1, [2], element_dtype="float64")


def _written(x):
    items = REGISTRY["TensorListFromTensor"](x, [2])
    items = REGISTRY["TensorListSetItem"](items, 0, x[2] * x[1])
    items = REGISTRY["TensorListSetItem"](items, 4, x[0] * 3.0, resize_if_index_out_of_bounds=True)
    stacked = REGISTRY["TensorListStack"](items, [2], element_dtype="float64")
    return stacked * stacked


def _pushed(x):
    items = REGISTRY["EmptyTensorList"]([2], -1, element_dtype="float64")
    for i in range(3):
        items = REGISTRY["TensorListPushBack"](items, x[i] * x[i])
    rest, last = REGISTRY["TensorListPopBack"](items, [2], element_dtype="float64")
    return REGISTRY["TensorListStack"](rest, [2], element_dtype="float64") * last


def _gathered(x):
    items = REGISTRY["TensorListFromTensor"](x, [2])
    chosen = REGISTRY["TensorListGather"](items, [2, 2, 0], [2], element_dtype="float64")
    return chosen * [[1.0], [2.0], [3.0]] * chosen


def _scattered(x):
    first = REGISTRY["TensorListScatterV2"](x[:2], [3, 0], [2], 5)
    items = REGISTRY["TensorListScatterIntoExistingList"](first, x[1:] * 2.0, [1, 0])
    stacked = REGISTRY["TensorListStack"](items, [2], element_dtype="float64")
    old = REGISTRY["TensorListStack"](
        REGISTRY["TensorListScatter"](x, [2, 0, 1], [2]), [2], element_dtype="float64"
    )
    return [stacked * stacked, old * old]


def _joined(x):
    items = REGISTRY["TensorListSplit"](x * x, [-1, 2], np.array([1, 2]))
    joined, _ = REGISTRY["TensorListConcatV2"](
        items, [-1, 2], np.zeros(0, np.int64), element_dtype="float64"
    )
    part = REGISTRY["TensorListGetItem"](items, 1, [2, 2], element_dtype="float64")
    return [joined * x, part * 5.0]


def _resized(x):
    items = REGISTRY["TensorListFromTensor"](x, [2])
    both = REGISTRY["TensorListConcatLists"](items, items, element_dtype="float64")
    parts = [REGISTRY["TensorListResize"](items, n) for n in (2, 5)]
    return [
        REGISTRY["TensorListStack"](each, [2], element_dtype="float64") ** 2.0
        for each in (*parts, both)
    ]


@pytest.mark.parametrize(
    "function",
    (_read, _written, _pushed, _gathered, _scattered, _joined, _resized),
    ids=lambda f: f.__name__,
)
def test_gradients(function, tier):
    x0 = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float64, [3, 2])
        ys = function(x)
        ys = ys if isinstance(ys, list) else [ys]
        total = sum(tf.reduce_sum(y) for y in ys)
        (g,) = gradients(total, x)
        (gg,) = gradients(tf.reduce_sum(g * g), x)
        for of, gradient in ((total, g), (tf.reduce_sum(g * g), gg)):
            got = session.run(gradient, {x: x0})
            wanted = np.zeros_like(x0)
            for index in np.ndindex(*x0.shape):
                values = []
                for sign in (1, -1):
                    moved = x0.copy()
                    moved[index] += sign * 1e-5
                    values.append(session.run(of, {x: moved}))
                wanted[index] = (values[0] - values[1]) / 2e-5
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


def test_loops_over_strings(tier):
    @tf.function
    def without_a(letters):
        out = tf.constant("")
        for letter in letters:
            if letter == "a":
                continue
            out = tf.strings.join([out, letter], "-")
        return out

    assert without_a(tf.constant(["b", "a", "n"])).numpy() == b"-b-n"


def test_strings_that_were_not_set_are_empty(tier):
    @tf.function
    def two_of_three():
        array = tf.TensorArray(tf.string, 3).scatter([1, 0], ["x", "y"])
        return array.read(0) == "y", array.stack(), array.gather([2, 0])

    is_y, all_, some = two_of_three()
    assert bool(is_y)
    assert all_.numpy().tolist() == [b"y", b"x", b""]
    assert some.numpy().tolist() == [b"", b"y"]
