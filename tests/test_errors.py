"""Errors: the class, the first line, the length."""

import subprocess
import sys
import textwrap

import pytest

import reflow as tf

v1 = tf.compat.v1


def test_a_shape_mistake_is_found_when_the_graph_is_built(graph):
    a, b = v1.placeholder(tf.float32, [2, 3]), v1.placeholder(tf.float32, [4, 5])
    with pytest.raises(ValueError, match=r"Dimensions must be equal, but are 3 and 4") as e:
        tf.matmul(a, b, name="product")
    first = str(e.value).splitlines()[0]
    assert "test_errors.py:" in first and "'product'" in first
    assert len(str(e.value).splitlines()) <= 15


def test_a_dtype_mistake_is_found_when_the_graph_is_built(graph):
    a, b = v1.placeholder(tf.float32, [2]), v1.placeholder(tf.int32, [2])
    with pytest.raises(TypeError, match="int32 that does not match type float32") as e:
        a + b  # noqa: B018
    assert "test_errors.py:" in str(e.value).splitlines()[0]


def test_an_uninitialized_variable_is_named(graph, tier):
    v = v1.get_variable("weights", [2])
    with v1.Session(graph=graph) as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value weights"):
            session.run(v * 2.0)
        session.run(v.initializer)
        assert session.run(v * 2.0).shape == (2,)  # the session stays usable


def test_a_missing_symbol_is_named_with_what_to_use():
    with pytest.raises(AttributeError, match="TF 1 name: use tf.compat.v1.placeholder"):
        tf.placeholder  # noqa: B018
    with pytest.raises(AttributeError, match="tf.nn.rellu is not part of Reflow.*tf.nn.relu"):
        tf.nn.rellu  # noqa: B018


def test_a_traceback_shows_the_users_frames_only(tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text(
        textwrap.dedent(
            """
            import tensorflow as tf
            x = tf.placeholder(tf.float32, [2, 3])
            def model(x):
                return tf.matmul(x, x)
            model(x)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "reflow.cli.main", "run", str(script)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("reflow:")]
    assert len(lines) <= 15
    assert not any("/reflow/" in line for line in lines if line.lstrip().startswith("File"))
    assert lines[-1].startswith("ValueError: ") and "wrong.py:5" in lines[-1]
