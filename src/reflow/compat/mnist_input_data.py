"""`tensorflow.examples.tutorials.mnist.input_data`: MNIST files as TF 1 programs read them.

https://github.com/tensorflow/tensorflow/tree/r1.15/tensorflow/examples/tutorials/mnist
"""

from __future__ import annotations

import collections
import gzip
import os
from typing import Any

import numpy as np

from reflow.lang.dtypes import as_dtype

Datasets = collections.namedtuple("Datasets", ["train", "validation", "test"])
_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


class DataSet:
    """Images and labels, handed out in batches; shuffled at the start and after each epoch.

    Args:
      images: uint8, of shape (n, rows, columns, 1).
      labels: of shape (n,) or (n, classes).
      one_hot: whether the labels of fake data are vectors.
      dtype: uint8 leaves images in [0, 255]; float32 rescales them to [0, 1].
      reshape: whether images become rows of `rows * columns` numbers.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = np.float32,
        reshape: bool = True,
        seed: int | None = None,
    ):
        dtype = as_dtype(dtype).np
        if dtype not in (np.uint8, np.float32):
            raise TypeError(f"Invalid image dtype {dtype}, expected uint8 or float32")
        self._random = np.random.RandomState(seed)
        self._one_hot = one_hot
        if fake_data:
            self._num_examples = 10000
        else:
            if images.shape[0] != labels.shape[0]:
                raise ValueError(f"images.shape: {images.shape} labels.shape: {labels.shape}")
            self._num_examples = images.shape[0]
            if reshape:
                images = images.reshape(images.shape[0], -1)
            if dtype == np.float32:
                images = images.astype(np.float32) * np.float32(1.0 / 255.0)
        self._fake = fake_data
        self._images, self._labels = images, labels
        self._epochs_completed = 0
        self._index = 0

    @property
    def images(self) -> np.ndarray:
        return self._images

    @property
    def labels(self) -> np.ndarray:
        return self._labels

    @property
    def num_examples(self) -> int:
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        return self._epochs_completed

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[Any, Any]:
        """The next `batch_size` images and labels; a batch may span the end of an epoch."""
        if fake_data or self._fake:
            label: Any = [1] + [0] * 9 if self._one_hot else 0
            return [[1] * 784] * batch_size, [label] * batch_size
        start = self._index
        if self._epochs_completed == 0 and start == 0 and shuffle:
            self._shuffle()
        if start + batch_size <= self._num_examples:
            self._index = start + batch_size
            return self._images[start : self._index], self._labels[start : self._index]
        self._epochs_completed += 1
        images, labels = self._images[start:], self._labels[start:]
        if shuffle:
            self._shuffle()
        self._index = batch_size - len(images)
        return (
            np.concatenate([images, self._images[: self._index]]),
            np.concatenate([labels, self._labels[: self._index]]),
        )

    def _shuffle(self) -> None:
        order = self._random.permutation(self._num_examples)
        self._images, self._labels = self._images[order], self._labels[order]


def extract_images(file: Any) -> np.ndarray:
    """The images of a gzipped idx file: uint8, of shape (n, rows, columns, 1).

    Raises:
      ValueError: if the file is not what it should be.
    """
    return _read_idx(file, 2051)[..., np.newaxis]


def extract_labels(file: Any, one_hot: bool = False, num_classes: int = 10) -> np.ndarray:
    """The labels of a gzipped idx file: uint8 of shape (n,), or one-hot of (n, num_classes)."""
    labels = _read_idx(file, 2049)
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int) -> np.ndarray:
    """Class numbers as one-hot rows."""
    return np.eye(num_classes)[labels_dense]


def _read_idx(file: Any, magic: int) -> np.ndarray:
    name = getattr(file, "name", file)
    with gzip.open(file, "rb") as stream:
        data = stream.read()
    head = np.frombuffer(data[:4], ">u4")
    if head.size != 1 or head[0] != magic:
        raise ValueError(f"Invalid magic number in MNIST file: {name}")
    rank = magic & 0xFF
    sizes = np.frombuffer(data[4 : 4 + 4 * rank], ">u4").astype(int)
    body = np.frombuffer(data[4 + 4 * rank :], np.uint8)
    if sizes.size != rank or body.size != int(np.prod(sizes)):
        raise ValueError(f"MNIST file {name} is cut short")
    return body.reshape(sizes).copy()


def read_data_sets(
    train_dir: str,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = "",
) -> Datasets:
    """Reads the four MNIST files of `train_dir`: train, validation and test sets.

    Nothing is downloaded: the files (`train-images-idx3-ubyte.gz` and so on) must be there.

    Raises:
      FileNotFoundError: naming the file that is missing.
      ValueError: if `validation_size` is larger than the training set.
    """
    if fake_data:
        empty = np.zeros((0, 28, 28, 1), np.uint8), np.zeros((0,), np.uint8)
        made = [DataSet(*empty, True, one_hot, dtype, seed=seed) for _ in range(3)]
        return Datasets(*made)
    arrays = {}
    for key, name in _FILES.items():
        path = os.path.join(train_dir, name + ".gz")
        if not os.path.exists(path):
            raise FileNotFoundError(
                f"{path} is missing: put the four MNIST files ({', '.join(_FILES.values())}, each "
                "with .gz) into that folder"
            )
        if key.endswith("images"):
            arrays[key] = extract_images(path)
        else:
            arrays[key] = extract_labels(path, one_hot)
    images, labels = arrays["train_images"], arrays["train_labels"]
    if not 0 <= validation_size <= len(images):
        raise ValueError(
            f"Validation size should be between 0 and {len(images)}. Received: {validation_size}."
        )
    options = {"dtype": dtype, "reshape": reshape, "seed": seed, "one_hot": one_hot}
    return Datasets(
        train=DataSet(images[validation_size:], labels[validation_size:], **options),
        validation=DataSet(images[:validation_size], labels[:validation_size], **options),
        test=DataSet(arrays["test_images"], arrays["test_labels"], **options),
    )
