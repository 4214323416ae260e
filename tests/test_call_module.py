"""Programs of StableHLO in graphs: modules that JAX exported, and `jax.experimental.jax2tf` on Reflow."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import reflow as tf
from reflow.distribute import xla_sharding
from reflow.formats import protos
from reflow.lang.opdef import REGISTRY

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "call_module.npz")
v1 = tf.compat.v1
INPUTS = {"x": GOLDEN["x"], "w": GOLDEN["w"], "bits": GOLDEN["bits"]}


def graph_def(name):
    return protos.GraphDef.FromString(GOLDEN[name].tobytes())


def module(name, number=0):
    """The attributes of a call in a graph of TensorFlow."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def(name), name="")
    return [op for op in graph.get_operations() if op.type == "XlaCallModule"][number].attrs


def call(attrs, args, **changed):
    given = {k: v for k, v in attrs.items() if k != "Tin" and not k.startswith("_")}
    return REGISTRY["XlaCallModule"](args, **{**given, **changed})


@pytest.mark.parametrize("name", ["one", "several"])
def test_a_graph_of_tensorflow_runs(name):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def(name), name="")
    assert graph.get_tensor_by_name("result_0:0").shape.as_list() == [None, 4]
    wanted = [key.partition("/")[2] for key in GOLDEN if key.startswith(name + "/")]
    with v1.Session(graph=graph) as session:
        found = session.run(wanted, {f"{k}:0": v for k, v in INPUTS.items()})
        more = np.concatenate([INPUTS["x"], INPUTS["x"]])  # closed again for another shape
        twice = session.run(
            "result_0:0", {"x:0": more, "w:0": INPUTS["w"], "bits:0": INPUTS["bits"]}
        )
    for key, value in zip(wanted, found):
        expected = GOLDEN[f"{name}/{key}"]
        assert value.dtype == expected.dtype
        # Sums of numbers around 1, in an order that depends on the processor: some nearly cancel.
        np.testing.assert_allclose(value, expected, rtol=2e-6, atol=1e-7, err_msg=key)
    np.testing.assert_allclose(twice[5:], GOLDEN[f"{name}/result_0:0"], rtol=2e-6)


def test_graphs_are_written_as_they_were_read():
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def("one"), name="")
    written = {node.name: node for node in graph.as_graph_def().node}
    for node in graph_def("one").node:
        if node.op == "XlaCallModule":
            assert written[node.name].attr["module"] == node.attr["module"]
            assert written[node.name].attr["Sout"] == node.attr["Sout"]


def test_eager_code_and_functions():
    args = [tf.constant(value) for value in INPUTS.values()]
    attrs = module("one")
    for f in (lambda *args: call(attrs, args), tf.function(lambda *args: call(attrs, args))):
        for i, value in enumerate(f(*args)):
            np.testing.assert_allclose(value, GOLDEN[f"one/result_{i}:0"], rtol=2e-6)


def test_what_is_refused():
    x, w, bits = INPUTS.values()
    attrs = module("one")
    wrong = tf.errors.InvalidArgumentError
    with pytest.raises(wrong, match="Expected value >= 1 for dimension variable 'b'"):
        call(attrs, [x[:0], w, bits])
    with pytest.raises(
        wrong, match="Argument 1 is tensor<2x4xf32>, and the module takes tensor<3x4xf32>"
    ):
        call(attrs, [x, w[:2], bits])
    with pytest.raises(
        wrong, match="Argument 2 is tensor<3xf32>, and the module takes tensor<3xui8>"
    ):
        call(attrs, [x, w, bits.astype("float32")])
    with pytest.raises(wrong, match="The module takes 3 arguments, not 2"):
        call(attrs, [x, w])
    with pytest.raises(wrong, match=r"not Tout: \[f32\]"):
        call(attrs, [x, w, bits], Tout=[tf.float32], Sout=[None])
    with pytest.raises(wrong, match="Not a module of StableHLO"):
        call(attrs, [x, w, bits], module=b"nonsense")
    with pytest.raises(tf.errors.UnimplementedError, match="calling convention 5"):
        call(attrs, [x, w, bits], version=5)
    with pytest.raises(tf.errors.UnimplementedError, match="dim_args_spec"):
        call(attrs, [x, w, bits], dim_args_spec=["0.0"])
    with pytest.raises(LookupError, match="No gradient defined for operation"):
        with tf.GradientTape() as tape:
            weights = tf.Variable(w)
            y = call(attrs, [x, weights, bits])[0]
        tape.gradient(y, weights)


def test_platforms():
    args = list(INPUTS.values())
    attrs = module("one")
    with pytest.raises(tf.errors.InvalidArgumentError, match="platform"):
        call(attrs, args, platforms=["CUDA"])
    found = call(attrs, args, platforms=["CUDA"], disabled_checks=["platform"])
    np.testing.assert_allclose(found[0], GOLDEN["one/result_0:0"], rtol=2e-6)


def test_notes_on_sharding_change_nothing():
    x = tf.constant([[1.0, 2.0]])
    tiled = xla_sharding.tile(x, np.array([[0, 1]]), use_sharding_op=True)
    assert tiled.numpy().tolist() == [[1.0, 2.0]]

    @tf.function
    def noted(x):
        return (
            xla_sharding.replicate(xla_sharding.assign_device(x, 1, False, True), False, True) * x
        )

    graph = noted.get_concrete_function(x).graph
    notes = [op for op in graph.get_operations() if op.type == "XlaSharding"]
    kinds = [protos.OpSharding.FromString(op.get_attr("_XlaSharding")).type for op in notes]
    assert kinds == [protos.OpSharding.MAXIMAL, protos.OpSharding.REPLICATED]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = noted(x)
    assert tape.gradient(y, x).numpy().tolist() == [[2.0, 4.0]]
    with pytest.raises(NotImplementedError, match="use_sharding_op=True"):
        xla_sharding.replicate(x)
    with pytest.raises(TypeError, match="np.ndarray"):
        xla_sharding.tile(x, [0, 1])


PROGRAM = """
from reflow.compat import alias

alias.install("v2")
import jax
import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf


def f(x, w):
    y = jax.numpy.sin(x @ w)
    return y, y.sum(0), x.shape[0]


x, w = np.arange(6.0, dtype="float32").reshape(2, 3), np.linspace(0, 1, 6, dtype="float32").reshape(3, 2)
converted = jax2tf.convert(f, polymorphic_shapes=["(b, _)", None])
signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([3, 2])]
traced = tf.function(converted, autograph=False, input_signature=signature)
want = jax.grad(lambda w: f(x, w)[0].sum())(w)
hessian = jax.grad(lambda w: (jax.grad(lambda w: f(x, w)[0].sum())(w) ** 2).sum())(w)
for g in (converted, traced):
    for got, expected in zip(g(x, w), f(x, w)):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
    weights = tf.Variable(w)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = g(x, weights)[0]
        gradient = inner.gradient(y, weights)
        total = tf.reduce_sum(gradient**2)
    np.testing.assert_allclose(gradient.numpy(), want, rtol=1e-5)
    np.testing.assert_allclose(outer.gradient(total, weights).numpy(), hessian, rtol=1e-4)
print("done")
"""


def test_jax2tf_works_on_reflow():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "done\n", done.stderr[-2000:]


def test_a_gradient_at_one_of_several_results():
    @tf.custom_gradient
    def both(x):
        y = tf.sin(x)
        z = tf.cos(x) * 2.0
        return (y, z), lambda gy, gz: gy * z + gz * y

    @tf.function
    def f(x):
        y, z = both(x)
        return y, z

    x = tf.constant([0.5, 1.0])
    for i, expected in enumerate([2 * np.cos(x), np.sin(x)]):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                results = f(x)
            gradient = inner.gradient(results[i], x)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6)
        assert outer.gradient(gradient, x) is not None
