"""Writes tests/golden/call_module.npz: functions of JAX in TensorFlow graphs, and what TensorFlow computes.

Run it with a Python that has TensorFlow and JAX: python tests/golden/make_call_module_golden.py
"""

import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf

# Where the program that wrote the modules lay is nobody's business.
jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*")
jax.config.update("jax_include_full_tracebacks_in_locations", False)


def layer(x, w, bits):
    """A result of open shape, one of a closed one, an integer, and one that is not a number."""
    y = jnp.tanh(x @ w)
    return y, jnp.sum(y, axis=0), x.shape[0] + bits[:2], y.reshape(-1) > 0


x = np.random.RandomState(0).randn(5, 3).astype("float32")
w = np.random.RandomState(1).randn(3, 4).astype("float32")
bits = np.array([1, 2, 3], "uint8")
golden = {"x": x, "w": w, "bits": bits}
for name, options in {
    "one": {"native_serialization_platforms": ["cpu"]},
    "several": {"native_serialization_platforms": ["cuda", "cpu"]},
}.items():
    converted = jax2tf.convert(layer, polymorphic_shapes=["(b, 3)", None, None], **options)
    with tf.Graph().as_default() as graph:
        given = [
            tf.compat.v1.placeholder(
                value.dtype, [None, *value.shape[1:]] if key == "x" else value.shape, key
            )
            for key, value in (("x", x), ("w", w), ("bits", bits))
        ]
        for i, result in enumerate(converted(*given)):
            tf.identity(result, f"result_{i}")
        gradient = tf.gradients(graph.get_tensor_by_name("result_0:0"), given[1])[0]
        tf.identity(gradient, "gradient")
    graph_def = graph.as_graph_def()
    assert os.fsencode(pathlib.Path(__file__).resolve().parent) not in graph_def.SerializeToString()
    golden[name] = np.frombuffer(graph_def.SerializeToString(), np.uint8)
    with tf.compat.v1.Session(graph=graph) as session:
        fetches = [f"result_{i}:0" for i in range(4)] + ["gradient:0"]
        values = session.run(fetches, dict(zip(given, (x, w, bits))))
    for fetch, value in zip(fetches, values):
        golden[f"{name}/{fetch}"] = value
np.savez_compressed(pathlib.Path(__file__).parent / "call_module.npz", **golden)
