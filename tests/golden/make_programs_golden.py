"""Runs tests/programs/*.py on real TensorFlow, as TF 1 programs, and tests/programs2/*.py as TF 2
programs, and keeps what they print.

PYTHON_WITH_TENSORFLOW tests/golden/make_programs_golden.py [NAME ...]
"""

import contextlib
import io
import json
import pathlib
import runpy
import subprocess
import sys

import tensorflow.compat.v1 as tf

HERE = pathlib.Path(__file__).parent
TARGET = HERE / "programs.json"


def main(names):
    tf.disable_v2_behavior()
    sys.modules["tensorflow"] = tf
    kept = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    for path in sorted((HERE.parent / "programs").glob("*.py")):
        if names and path.stem not in names:
            continue
        tf.reset_default_graph()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(path), run_name="__main__")
        kept[path.stem] = printed.getvalue().splitlines()
    for path in sorted((HERE.parent / "programs2").glob("*.py")):
        if names and path.stem not in names:
            continue
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
        kept[path.stem] = done.stdout.splitlines()
    TARGET.write_text(json.dumps(kept, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
