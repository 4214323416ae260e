"""Writes src/reflow/ops/strings/unicode_scripts.py: the script of every character, in runs.

Run it with a Python that has TensorFlow, whose ICU says it: python tools/make_unicode_scripts.py
"""

import os
import pathlib
import textwrap

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

HEAD = '''"""The script of every character, written by tools/make_unicode_scripts.py: do not edit.

One word for each run of characters: how many, and ICU's number of their script, both in base 16.
"""

RUNS = """\\
{runs}
"""
'''

if __name__ == "__main__":
    scripts = tf.strings.unicode_script(np.arange(0x110000, dtype=np.int32)).numpy()
    starts = [0, *(np.flatnonzero(np.diff(scripts)) + 1).tolist(), len(scripts)]
    words = [f"{end - at:x}.{scripts[at]:x}" for at, end in zip(starts, starts[1:])]
    path = pathlib.Path(__file__).parents[1] / "src/reflow/ops/strings/unicode_scripts.py"
    path.write_text(HEAD.format(runs=textwrap.fill(" ".join(words), 98)))
    print(f"{len(words)} runs, tensorflow {tf.__version__}")
