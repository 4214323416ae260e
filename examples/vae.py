"""A variational autoencoder of the digits: https://arxiv.org/abs/1312.6114"""

import argparse

import keras
import tensorflow as tf
from keras import layers

import mnist_data


class Sampling(layers.Layer):
    """Draws from a normal distribution, in a way that gradients go through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + keras.ops.exp(0.5 * log_variance) * noise


class VariationalAutoencoder(keras.Model):
    def __init__(self, latent=2, **kwargs):
        super().__init__(**kwargs)
        images = keras.Input((784,))
        hidden = layers.Dense(128, activation="relu")(images)
        mean = layers.Dense(latent, name="mean")(hidden)
        log_variance = layers.Dense(latent, name="log_variance")(hidden)
        code = Sampling()([mean, log_variance])
        self.encoder = keras.Model(images, [mean, log_variance, code], name="encoder")
        codes = keras.Input((latent,))
        hidden = layers.Dense(128, activation="relu")(codes)
        self.decoder = keras.Model(codes, layers.Dense(784)(hidden), name="decoder")
        self.trackers = {
            name: keras.metrics.Mean(name) for name in ("loss", "pixels", "divergence")
        }

    @property
    def metrics(self):
        return list(self.trackers.values())

    def train_step(self, images):
        with tf.GradientTape() as tape:
            mean, log_variance, code = self.encoder(images)
            logits = self.decoder(code)
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
            pixels = tf.reduce_mean(tf.reduce_sum(each, axis=1))
            each = -0.5 * (1.0 + log_variance - mean**2 - tf.exp(log_variance))
            divergence = tf.reduce_mean(tf.reduce_sum(each, axis=1))
            loss = pixels + divergence
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        for tracker, value in zip(self.metrics, (loss, pixels, divergence)):
            tracker.update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(1)
    (images, _), (test_images, _) = mnist_data.load()
    model = VariationalAutoencoder()
    model.compile(optimizer=keras.optimizers.Adam(2e-3))
    history = model.fit(images, epochs=arguments.epochs, batch_size=100, verbose=0, shuffle=False)
    for i, (loss, part) in enumerate(zip(history.history["loss"], history.history["divergence"])):
        print("epoch %d loss %.1f divergence %.2f" % (i + 1, loss, part))
    mean, _, _ = model.encoder(test_images)
    rebuilt = tf.sigmoid(model.decoder(mean))
    error = tf.reduce_mean((rebuilt - test_images) ** 2)
    print("error of what it rebuilds %.4f" % error)
    grid = tf.stack(tf.meshgrid(tf.linspace(-1.5, 1.5, 3), tf.linspace(-1.5, 1.5, 3)), axis=-1)
    drawn = tf.sigmoid(model.decoder(tf.reshape(grid, [-1, 2])))
    ink = tf.reduce_mean(drawn, axis=1)
    print(
        "ink of drawn digits between 0.02 and 0.4: %s"
        % bool(tf.reduce_all((ink > 0.02) & (ink < 0.4)))
    )


if __name__ == "__main__":
    main()
