"""Hamiltonian Monte Carlo in one function, Newton's method by a Jacobian, a step through a step (MAML)."""

import collections
import json

import tensorflow as tf

State = collections.namedtuple("State", "x density accepted")


def show(label, *values):
    print(label, json.dumps([n for v in values for n in tf.reshape(v, [-1]).numpy().tolist()]))


def density(x):
    precision = tf.constant([[1.0, 0.8], [0.8, 2.0]])
    return -0.5 * tf.tensordot(x, tf.linalg.matvec(precision, x), 1) - 0.1 * tf.reduce_sum(x**4)


def value_and_gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return y, tape.gradient(y, x)


@tf.function
def leapfrog(x, momentum, size, steps):
    _, slope = value_and_gradient(density, x)
    for _ in tf.range(steps):
        momentum += 0.5 * size * slope
        x += size * momentum
        _, slope = value_and_gradient(density, x)
        momentum += 0.5 * size * slope
    return x, momentum


@tf.function
def chain(start, size, count):
    samples = tf.TensorArray(tf.float32, count)
    state = State(start, density(start), tf.constant(0))
    for i in tf.range(count):
        momentum = tf.random.stateless_normal([2], tf.stack([i, 7]))
        x, turned = leapfrog(state.x, momentum, size, tf.constant(8))
        new = density(x)
        ratio = new - state.density + 0.5 * tf.reduce_sum(momentum**2 - turned**2)
        if tf.math.log(tf.random.stateless_uniform([], tf.stack([i, 9]))) < ratio:
            state = State(x, new, state.accepted + 1)
        else:
            state = state._replace(accepted=state.accepted)
        samples = samples.write(i, state.x)
    return samples.stack(), state


samples, state = chain(tf.constant([1.0, -1.0]), 0.2, 40)
show("accepted", state.accepted)
show("mean, last", tf.reduce_mean(samples, 0), samples[-1])


def valley(x):
    return tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@tf.function
def newton(x):
    for _ in tf.range(6):
        with tf.GradientTape() as outer:
            outer.watch(x)
            _, slope = value_and_gradient(valley, x)
        curvature = outer.jacobian(slope, x)
        x -= tf.linalg.solve(curvature, slope[:, tf.newaxis])[:, 0]
    return x


show("minimum", newton(tf.constant([0.8, 0.7], tf.float64)))

w = tf.Variable([[0.5], [-0.3]])
inputs = tf.random.stateless_normal([4, 6, 2], [1, 2])
outputs = tf.reduce_sum(inputs * [[[1.0, 2.0]]], -1, keepdims=True)


@tf.function
def adapted(steps):
    total = 0.0
    for task in range(4):
        fast = tf.identity(w)
        for _ in tf.range(steps):
            with tf.GradientTape() as inner:
                inner.watch(fast)
                loss = tf.reduce_mean((inputs[task, :3] @ fast - outputs[task, :3]) ** 2)
            fast -= 0.1 * inner.gradient(loss, fast)
        total += tf.reduce_mean((inputs[task, 3:] @ fast - outputs[task, 3:]) ** 2)
    return total / 4.0


for steps in (1, 3):
    with tf.GradientTape() as tape:
        loss = adapted(tf.constant(steps))
    show("adapted", loss, tape.gradient(loss, w))
