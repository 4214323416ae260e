"""Keras's `fit`: a perceptron and a convolutional network on digits, an LSTM and a Transformer on texts."""

import os

from workloads import common

MODELS = {
    "mlp": "MLP 784-512-512-10, 8,500 digits, batch 128",
    "cnn": "CNN 2x(conv3x3+pool)+2 dense, 8,500 digits, batch 128",
    "lstm": "LSTM text classifier, 2,000 texts of 80 words, batch 64",
    "transformer": "Transformer encoder, 2 layers, 2,000 texts of 80 words, batch 64",
}
METRICS = {f"{key}_first": (f"Keras fit, first epoch: {what}", "s") for key, what in MODELS.items()}
METRICS |= {
    f"{key}_epoch": (f"Keras fit, later epoch: {what}", "s") for key, what in MODELS.items()
}
TARGETS = dict.fromkeys(METRICS, "ahead of Keras on its other backends")
FRESH = True
MAX_REPEATS = 3


def digits():
    import pathlib

    import numpy as np

    path = pathlib.Path(__file__).resolve().parents[2] / "examples" / "data" / "mnist_10k.npz"
    with np.load(path) as archive:
        images, labels = archive["x_train"][:8500], archive["y_train"][:8500]
    return images.astype("float32") / 255, labels.astype("int32")


def texts():
    import numpy as np

    rng = np.random.default_rng(0)
    words = rng.integers(1, 5000, (2000, 80)).astype("int32")
    return words, (words[:, :40].sum(1) > words[:, 40:].sum(1)).astype("float32")


def build(keras, kind):
    layers = keras.layers
    if kind == "mlp":
        return keras.Sequential(
            [
                keras.Input((28, 28)),
                layers.Flatten(),
                layers.Dense(512, activation="relu"),
                layers.Dense(512, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    if kind == "cnn":
        return keras.Sequential(
            [
                keras.Input((28, 28)),
                layers.Reshape((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    words = keras.Input((80,), dtype="int32")
    x = layers.Embedding(5000, 64)(words)
    if kind == "lstm":
        x = layers.LSTM(64)(x)
    else:
        for _ in range(2):
            attended = layers.MultiHeadAttention(4, 16)(x, x)
            x = layers.LayerNormalization()(layers.Add()([x, attended]))
            hidden = layers.Dense(64)(layers.Dense(128, activation="relu")(x))
            x = layers.LayerNormalization()(layers.Add()([x, hidden]))
        x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(words, layers.Dense(1, activation="sigmoid")(x))


def measure():
    import keras

    keras.utils.set_random_seed(0)
    values = {}
    for kind in MODELS:
        inputs, labels = digits() if kind in ("mlp", "cnn") else texts()
        loss = (
            "sparse_categorical_crossentropy" if kind in ("mlp", "cnn") else "binary_crossentropy"
        )
        model = build(keras, kind)
        model.compile("adam", loss)
        batch = 128 if kind in ("mlp", "cnn") else 64

        def epoch(model=model, inputs=inputs, labels=labels, batch=batch):
            model.fit(inputs, labels, batch_size=batch, epochs=1, verbose=0)

        values[f"{kind}_first"] = common.timed(epoch)
        epoch()
        values[f"{kind}_epoch"] = min(common.timed(epoch) for _ in range(2))
    return values


def in_tensorflow():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if common.framework == "reflow":
        from reflow.compat import alias

        alias.install("v2")
    return measure


def in_jax():
    os.environ["KERAS_BACKEND"] = "jax"
    return measure
