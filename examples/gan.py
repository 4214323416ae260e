"""A generative adversarial network that learns a ring of eight Gaussians: https://arxiv.org/abs/1406.2661"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def perceptron(inputs, outputs, name):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(64, activation=tf.nn.leaky_relu),
            layers.Dense(64, activation=tf.nn.leaky_relu),
            layers.Dense(outputs),
        ],
        name=name,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    angles = 2 * np.pi * rng.integers(8, size=20000) / 8
    points = np.stack([np.cos(angles), np.sin(angles)], 1) + 0.02 * rng.normal(size=(20000, 2))
    data = tf.data.Dataset.from_tensor_slices(points.astype(np.float32)).repeat().batch(128)

    generator, discriminator = perceptron(8, 2, "generator"), perceptron(2, 1, "discriminator")
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizers = keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5)

    @tf.function
    def train(real, seed):
        noise = tf.random.stateless_normal([tf.shape(real)[0], 8], seed=seed)
        with tf.GradientTape() as for_generator, tf.GradientTape() as for_discriminator:
            fake = generator(noise, training=True)
            says_real, says_fake = discriminator(real), discriminator(fake)
            generator_loss = cross_entropy(tf.ones_like(says_fake), says_fake)
            discriminator_loss = cross_entropy(tf.ones_like(says_real), says_real)
            discriminator_loss += cross_entropy(tf.zeros_like(says_fake), says_fake)
        for network, tape, loss, optimizer in (
            (generator, for_generator, generator_loss, optimizers[0]),
            (discriminator, for_discriminator, discriminator_loss, optimizers[1]),
        ):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables))
        return generator_loss, discriminator_loss

    for i, real in enumerate(data.take(arguments.steps)):
        losses = train(real, tf.constant([i, 5]))
        if i in (0, 9, 49):
            print("step %d losses %.2f %.2f" % (i + 1, *losses))
    made = generator(tf.random.stateless_normal([1000, 8], seed=[0, 0])).numpy()
    radius = np.linalg.norm(made, axis=1)
    found = np.round(np.arctan2(made[:, 1], made[:, 0]) * 8 / (2 * np.pi)).astype(int) % 8
    good = np.abs(radius - 1) < 0.2
    print("points on the ring: more than two thirds: %s" % (good.mean() > 2 / 3))
    print("modes found: at least half: %s" % (len(set(found[good].tolist())) >= 4))


if __name__ == "__main__":
    main()
