"""Records what the programs of examples/ print under real TensorFlow.

    python tests/golden/make_examples.py        (an environment with TensorFlow 2 and NumPy)

Each program runs as it is, those of TF 1 with `tensorflow` standing for `tensorflow.compat.v1`, and its
standard output goes to examples.json, which tests/test_examples.py compares with.
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"

# Program, arguments: sizes at which all of them together take well under a minute.
RUNS = {
    "hello": [],
    "relu_layer": [],
    "linear_regression": [],
    "logistic_regression": ["--steps", "501"],
    "kmeans": [],
    "word2vec": ["--steps=2000"],
    "lstm_while": ["--steps", "161"],
    "deepdream": ["--train_steps", "100", "--steps", "40"],
    "mnist_tf1": ["--epochs", "1", "--train_size", "1000"],
}
TF2_RUNS = {
    "custom_training": [],
    "vae": ["--epochs", "4"],
    "gan": ["--steps", "1500"],
    "dqn": [],
    "attention": [],
    "mnist_keras": ["--epochs", "1", "--train_size", "1000", "--verbose", "0"],
}

RUNNER = """
import runpy, sys
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
sys.modules["tensorflow"] = tf
del sys.argv[0]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def main():
    recorded = {}
    for name, arguments in (RUNS | TF2_RUNS).items():
        program = [str(EXAMPLES / f"{name}.py"), *arguments]
        command = [sys.executable, *([] if name in TF2_RUNS else ["-c", RUNNER]), *program]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        recorded[name] = {"arguments": arguments, "stdout": done.stdout.splitlines()}
        print(name, "recorded,", len(done.stdout.splitlines()), "lines")
    (HERE / "examples.json").write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
