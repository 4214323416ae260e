"""The handwritten digits that the examples share."""

import os

import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "mnist_10k.npz")


def load(path=DATA, test_size=1500):
    """Reads the digits: (train images, train labels), (test images, test labels).

    Images are float32 [n, 784] between 0 and 1, labels int64 [n]. The last `test_size` digits are
    held out.
    """
    with np.load(path) as archive:
        images = np.concatenate([archive["x_train"], archive["x_test"]])
        labels = np.concatenate([archive["y_train"], archive["y_test"]])
    images = images.reshape(len(images), -1).astype(np.float32) / 255.0
    labels = labels.astype(np.int64)
    return (images[:-test_size], labels[:-test_size]), (images[-test_size:], labels[-test_size:])


def one_hot(labels, classes=10):
    """Turns int labels [n] into float32 rows [n, classes] with a single one in each."""
    return np.eye(classes, dtype=np.float32)[labels]
