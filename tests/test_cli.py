"""The command line: run, check, explain, doctor."""

import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

from reflow.cli.run import detect_mode


def reflow(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "reflow.cli.main", *map(str, args)],
        capture_output=True,
        text=True,
        **options,
    )


@pytest.fixture
def program(tmp_path):
    def write(source, name="program.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return path

    return write


TF1 = """
import sys
import tensorflow as tf
import helper
x = tf.placeholder(tf.float32, [None])
with tf.Session() as session:
    print(session.run(helper.double(x), {x: [1.0, 2.0]}).tolist(), sys.argv[1:])
"""
HELPER = """
import tensorflow as tf
def double(x):
    return x * 2.0
"""


def test_run_finds_out_the_mode_and_says_so(program):
    program(HELPER, "helper.py")
    done = reflow("run", program(TF1), "--flag", "value")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[2.0, 4.0] ['--flag', 'value']"
    assert "a TF 1 program (tf.placeholder, tf.Session" in done.stderr


def test_a_tf2_program_runs_eagerly_and_quietly(program):
    done = reflow("run", program("import tensorflow as tf\nprint(tf.constant(2.0) + 1.0)\n"))
    assert done.stdout.strip() == "tf.Tensor(3.0, shape=(), dtype=float32)"
    assert done.stderr == ""


def test_metrics_and_losses_of_keras_are_no_sign_of_tf1(program):
    keras = "import tensorflow as tf\nm = tf.metrics.BinaryAccuracy()\nl = tf.losses.MeanSquaredError()\n"
    assert detect_mode(program(keras)) == ("v2", "")
    old = "import tensorflow as tf\ntf.losses.softmax_cross_entropy(a, b)\ntf.metrics.accuracy(a, b)\n"
    assert detect_mode(program(old, "old.py"))[0] == "v1"


def test_run_as_a_module(program, tmp_path):
    program(HELPER, "helper.py")
    program(TF1, "mine.py")
    done = reflow("run", "--tf1", "-m", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[2.0, 4.0]")
    program("import sys; print(sys.argv[1:])", "arguments.py")
    done = reflow("run", "-m", "arguments", "-q", "--tf1", "x", cwd=tmp_path)
    assert done.stdout == "['-q', '--tf1', 'x']\n"


def test_exit_codes_are_the_programs(program):
    assert reflow("run", program("import sys; sys.exit(7)")).returncode == 7
    assert reflow("run", "nothing.py").returncode == 2


def test_the_alias_serves_internal_paths_and_names_what_is_missing(program):
    done = reflow(
        "run",
        program(
            """
            from tensorflow.python.framework import ops
            from tensorflow.python.ops import array_ops, math_ops
            from tensorflow.python.ops.ragged import ragged_factory_ops, ragged_tensor
            from tensorflow.core.framework import graph_pb2
            import tensorflow.compat.v1 as tf1
            print(ops.Tensor is tf1.Tensor, graph_pb2.GraphDef().ByteSize())
            ragged = ragged_factory_ops.constant([[1]])
            print(ragged_tensor.is_ragged(math_ops.add(ragged, 1)))
            try:
                import tensorflow.python.no_such_thing
            except ImportError as error:
                print(error)
            """
        ),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "True 0"
    assert lines[1] == "True"
    assert "tensorflow.python.no_such_thing is an internal module" in lines[2]


def test_check_lists_what_is_missing_with_file_and_line(program):
    path = program(
        """
        import tensorflow as tf
        x = tf.placeholder(tf.float32)
        y = tf.no_such_function(x)
        z = tf.contrib.layers.fully_connected(y, 3)
        """
    )
    done = reflow("check", path)
    assert done.returncode == 1
    assert "missing tf.no_such_function (1 uses)" in done.stdout
    assert f"{path}:4" in done.stdout
    assert "missing tf.contrib" in done.stdout
    facts = json.loads(reflow("check", "--json", path).stdout)
    assert facts["mode"] == "v1" and facts["uses"] == 4 and facts["percent"] == 50.0
    assert reflow("check", program("import tensorflow as tf\ntf.constant(1)\n")).returncode == 0
    assert reflow("check", "no/such/folder").returncode == 2


def test_explain_tells_what_was_compiled(program):
    done = reflow(
        "explain",
        "--tf1",
        program(
            """
            import tensorflow as tf
            x = tf.placeholder(tf.float32, [3], name="x")
            with tf.Session() as session:
                session.run(tf.tanh(x) * 2.0, {x: [1.0, 2.0, 3.0]})
            """
        ),
        env={**__import__("os").environ, "REFLOW_TIER": "compile"},
    )
    assert done.returncode == 0, done.stderr
    assert "compilations 1" in done.stderr
    assert "compiled 2 nodes" in done.stderr and "x:0[3]" in done.stderr


def test_doctor_says_that_all_is_well():
    done = reflow("doctor")
    assert done.returncode == 0, done.stdout
    assert "devices      CPU:0" in done.stdout and "all is well" in done.stdout


def test_mnist_files_are_read(tmp_path):
    import gzip
    import struct

    import numpy as np

    from reflow.compat import mnist_input_data

    def write(name, magic, array):
        head = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        with gzip.open(tmp_path / (name + ".gz"), "wb") as file:
            file.write(head + array.astype(np.uint8).tobytes())

    for part, n in (("train", 30), ("t10k", 10)):
        write(f"{part}-images-idx3-ubyte", 2051, np.arange(n * 784).reshape(n, 28, 28) % 256)
        write(f"{part}-labels-idx1-ubyte", 2049, np.arange(n) % 10)
    data = mnist_input_data.read_data_sets(str(tmp_path), one_hot=True, validation_size=5)
    assert data.train.num_examples == 25 and data.validation.num_examples == 5
    images, labels = data.train.next_batch(20)
    assert images.shape == (20, 784) and images.dtype == np.float32 and images.max() <= 1.0
    assert labels.shape == (20, 10) and (labels.sum(1) == 1).all()
    data.train.next_batch(20)
    assert data.train.epochs_completed == 1
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels"):
        mnist_input_data.read_data_sets(str(tmp_path))


def test_the_map_of_public_names_is_fresh():
    root = pathlib.Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, root / "tools" / "make_api.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
