"""Deep Q-learning with a replay buffer and a target network, on a corridor with a trap.

Human-level control through deep reinforcement learning, https://www.nature.com/articles/nature14236
"""

import argparse
import collections

import keras
import numpy as np
import tensorflow as tf
from keras import layers

LENGTH = 8


class Corridor:
    """Walk right to the goal; the first step to the left ends the episode."""

    def reset(self):
        self.place, self.time = 1, 0
        return self.observe()

    def observe(self):
        return np.eye(LENGTH, dtype=np.float32)[self.place]

    def step(self, action):
        self.place += 1 if action == 1 else -1
        self.time += 1
        goal, trap = self.place == LENGTH - 1, self.place == 0
        reward = 1.0 if goal else (-1.0 if trap else -0.01)
        return self.observe(), reward, goal or trap or self.time >= 50


class Replay:
    def __init__(self, capacity, seed):
        self.items = collections.deque(maxlen=capacity)
        self.rng = np.random.default_rng(seed)

    def add(self, *item):
        self.items.append(item)

    def sample(self, count):
        chosen = self.rng.integers(len(self.items), size=count)
        columns = zip(*(self.items[i] for i in chosen))
        return [np.array(c, np.float32 if i != 1 else np.int32) for i, c in enumerate(columns)]


def network():
    return keras.Sequential(
        [keras.Input((LENGTH,)), layers.Dense(32, activation="relu"), layers.Dense(2)]
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=150)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(2)
    online, target = network(), network()
    target.set_weights(online.get_weights())
    optimizer = keras.optimizers.Adam(5e-3)
    huber = keras.losses.Huber()

    @tf.function
    def act(state, epsilon, draw, other):
        if draw < epsilon:
            action = other
        else:
            action = tf.argmax(online(state[tf.newaxis])[0], output_type=tf.int32)
        return action

    @tf.function
    def learn(states, actions, rewards, following, done, discount=0.95):
        best = tf.reduce_max(target(following), axis=1)
        wanted = rewards + discount * best * (1.0 - done)
        with tf.GradientTape() as tape:
            values = tf.gather(online(states), actions, batch_dims=1)
            loss = huber(wanted, values)
        variables = online.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    world, replay, rng = Corridor(), Replay(2000, 1), np.random.default_rng(0)
    returns, steps = [], 0
    for episode in range(arguments.episodes):
        state, done, total = world.reset(), False, 0.0
        epsilon = max(0.05, 1.0 - episode / 60)
        while not done:
            action = int(
                act(
                    tf.constant(state),
                    tf.constant(epsilon, tf.float32),
                    tf.constant(rng.random(), tf.float32),
                    tf.constant(rng.integers(2), tf.int32),
                )
            )
            following, reward, done = world.step(action)
            replay.add(state, action, reward, following, float(done))
            state, total, steps = following, total + reward, steps + 1
            if len(replay.items) >= 64 and steps % 2 == 0:
                loss = learn(*map(tf.constant, replay.sample(32)))
            if steps % 100 == 0:
                target.set_weights(online.get_weights())
        returns.append(total)
    print("first ten episodes: %.2f" % np.mean(returns[:10]))
    values = online(np.eye(LENGTH, dtype=np.float32)).numpy()
    print("walks right everywhere: %s" % bool((values[1:-1, 1] > values[1:-1, 0]).all()))
    print("last twenty episodes reach the goal: %s" % (np.mean(returns[-20:]) > 0.5))
    print("loss is finite: %s" % bool(tf.math.is_finite(loss)))


if __name__ == "__main__":
    main()
