"""Writes tests/golden/saved_datasets: data sets that TensorFlow saved.

Run it with a Python that has TensorFlow: python tests/golden/make_saved_datasets.py
It then reads back what Reflow wrote below a directory, if one is given.
"""

import os
import pathlib
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent / "saved_datasets"


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    elements = tf.data.Dataset.range(5).map(
        lambda x: {
            "n": x,
            "text": tf.strings.as_string(x),
            "row": tf.fill([2], tf.cast(x, tf.float32)),
        }
    )
    elements.save(str(HERE / "plain"))
    elements.save(str(HERE / "compressed"), compression="GZIP")
    elements.save(str(HERE / "shards"), shard_func=lambda e: e["n"] % 2)


if __name__ == "__main__":
    main()
    for path in sys.argv[1:]:
        print([tf.nest.map_structure(np.asarray, e) for e in tf.data.Dataset.load(path)])
