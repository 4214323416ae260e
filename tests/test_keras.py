"""Programs that use Keras, run as `reflow run` runs them."""

import importlib.util
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras")


@pytest.fixture
def run(tmp_path):
    """The lines that a program prints."""

    def run(source):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(source))
        command = [sys.executable, "-m", "reflow.cli.main", "run", "--tf2", path]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("use", ["tf.keras.layers", "import keras"])
def test_importing_keras_leaves_numpys_global_generator_alone(run, use):
    before, after = run(
        f"""
        import numpy as np
        import tensorflow as tf
        np.random.seed(5)
        print(np.random.get_state()[2])
        {use}
        print(np.random.get_state()[2])
        """
    )
    assert before == after
