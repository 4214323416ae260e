"""Q-learning on a chain of states: the environment, the policy and the update in one tf.function."""

import json

import numpy as np
import tensorflow as tf

STATES, ACTIONS, GOAL = 6, 2, 5


class Agent(tf.Module):
    def __init__(self, epsilon=0.5, decay=0.9, double=False):
        super().__init__()
        self.q = tf.Variable(tf.zeros([STATES, ACTIONS]))
        self.target = tf.Variable(tf.zeros([STATES, ACTIONS]))
        self.epsilon = tf.Variable(epsilon)
        self.decay = decay
        self.double = double
        self.explored = tf.Variable(0)

    def act(self, state, noise, random_action):
        if noise < self.epsilon:
            self.explored.assign_add(1)
            return random_action
        return tf.argmax(self.q[state], output_type=tf.int32)

    def learn(self, state, action, reward, following, done):
        if done:
            wanted = reward
        else:
            if self.double:
                best = tf.argmax(self.q[following])
                value = self.target[following][best]
            else:
                value = tf.reduce_max(self.target[following])
            wanted = reward + 0.9 * value
        error = wanted - self.q[state, action]
        self.q.scatter_nd_add([[state, action]], [0.5 * error])
        return error if error > 0 else -error

    @tf.function
    def episode(self, noise, random_actions):
        state = 0
        steps = 0
        total_error = 0.0
        for i in tf.range(len(noise)):
            action = self.act(state, noise[i], random_actions[i])
            following, reward, done = move(state, action)
            total_error += self.learn(state, action, reward, following, done)
            steps += 1
            if done:
                break
            state = following
        if steps % 2 == 0:
            self.target.assign(self.q)
        self.epsilon.assign(self.epsilon * self.decay if self.epsilon > 0.1 else 0.1)
        return steps, total_error


def move(state, action):
    """The chain: action 1 goes right, action 0 left; the goal pays one."""
    following = tf.minimum(state + 1, GOAL) if action == 1 else tf.maximum(state - 1, 0)
    done = following == GOAL
    return following, 1.0 if done else -0.01, done


def show(label, values):
    print(label, json.dumps([round(float(v), 4) for v in np.ravel(values)]))


rng = np.random.RandomState(0)
for double in (False, True):
    agent = Agent(double=double)
    steps, errors = [], []
    for _ in range(12):
        noise = rng.uniform(size=40).astype(np.float32)
        actions = rng.randint(0, 2, size=40).astype(np.int32)
        count, error = agent.episode(tf.constant(noise), tf.constant(actions))
        steps.append(count)
        errors.append(error)
    show("steps", steps)
    show("errors", errors)
    show("q", agent.q.numpy())
    show("epsilon", [agent.epsilon])
    show("explored", [agent.explored])
