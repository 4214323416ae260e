"""Input pipelines: an epoch over arrays of MNIST's size, a small function, a Python generator."""

from workloads import common

METRICS = {
    "arrays": ("60,000 images of 784 floats, shuffled, in batches of 32: an epoch", "ms"),
    "ahead": ("the same, with prefetch", "ms"),
    "map": ("map of one addition, then batches, per element", "us"),
    "images": ("map of a scaling and a one-hot, then batches, per element", "us"),
    "generator": ("from_generator of images, then batches, per element", "us"),
    "elements": ("iterating in Python, per element", "us"),
}
TARGETS = {"arrays": "less than TensorFlow", "map": "20 us"}
IMAGES, ELEMENTS = 60000, 5000


def in_tensorflow():
    import numpy as np

    tf = common.get_tf2()
    make = tf.data.Dataset
    images = np.random.default_rng(0).random((IMAGES, 784), np.float32)
    labels = np.arange(IMAGES) % 10

    def some():
        yield from zip(images[:ELEMENTS], labels)

    def scaled(image, label):
        return tf.reshape(image, [28, 28, 1]) / 255.0 - 0.5, tf.one_hot(label, 10)

    signature = tf.TensorSpec([784], tf.float32), tf.TensorSpec([], tf.int64)
    numbers = make.range(ELEMENTS)
    arrays = make.from_tensor_slices((images, labels))
    shuffled = arrays.shuffle(10000).batch(32)
    pipelines = {
        "arrays": (shuffled, 1),
        "ahead": (shuffled.prefetch(tf.data.AUTOTUNE), 1),
        "map": (numbers.map(lambda x: x + 1).batch(32), ELEMENTS),
        "images": (arrays.take(ELEMENTS).map(scaled).batch(32), ELEMENTS),
        "generator": (make.from_generator(some, output_signature=signature).batch(32), ELEMENTS),
        "elements": (numbers, ELEMENTS),
    }

    def run(dataset):
        for _ in dataset:
            continue

    return lambda: {
        key: common.timed(lambda dataset=dataset: run(dataset)) / count
        for key, (dataset, count) in pipelines.items()
    }
