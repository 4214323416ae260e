"""A convolutional network that reads handwritten digits, written with tf.keras."""

import argparse
import sys

import tensorflow as tf

import mnist_data


def build_model():
    """Two convolutions with pooling, a dense layer with dropout, ten logits."""
    return tf.keras.Sequential(
        [
            tf.keras.Input((28, 28, 1)),
            tf.keras.layers.Conv2D(16, 5, padding="same", activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Conv2D(32, 5, padding="same", activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dropout(0.5),
            tf.keras.layers.Dense(10),
        ]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--train_size", type=int, default=None, help="use only so many digits")
    parser.add_argument("--verbose", default="auto", help="1: progress bar, 2: a line an epoch")
    args = parser.parse_args(argv)
    verbose = args.verbose if args.verbose == "auto" else int(args.verbose)

    tf.keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = mnist_data.load()
    x_train = x_train[: args.train_size].reshape(-1, 28, 28, 1)
    y_train = y_train[: args.train_size]
    x_test = x_test.reshape(-1, 28, 28, 1)

    model = build_model()
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        y_train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_split=0.1,
        verbose=verbose,
    )
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    guesses = model.predict(x_test[:8], verbose=0).argmax(axis=1)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    true = " ".join(map(str, y_test[:8]))
    print("first digits of the test set:", *guesses, f"(true: {true})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
