"""Deep Q-learning: an evaluated and a target network, copied hard and softly; Huber loss."""

import json

import numpy as np
import tensorflow as tf

np.random.seed(1)
tf.set_random_seed(1)


class DeepQNetwork:
    def __init__(self, n_actions, n_features, learning_rate=0.01, gamma=0.9, replace_iter=5):
        self.n_actions, self.n_features = n_actions, n_features
        self.lr, self.gamma = learning_rate, gamma
        self.replace_iter, self.learn_step = replace_iter, 0
        self._build_net()
        t = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="target_net")
        e = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="eval_net")
        with tf.variable_scope("soft_replacement"):
            self.replace = [tf.assign(a, b) for a, b in zip(t, e)]
        self.soft = tf.group(*[a.assign(0.9 * a + 0.1 * b) for a, b in zip(t, e)])
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())

    def _net(self, s, c_names, n_l1=10):
        w_init, b_init = tf.random_normal_initializer(0.0, 0.3), tf.constant_initializer(0.1)
        with tf.variable_scope("l1"):
            w1 = tf.get_variable("w1", [s.shape[1], n_l1], None, w_init, collections=c_names)
            b1 = tf.get_variable("b1", [1, n_l1], None, b_init, collections=c_names)
            l1 = tf.nn.relu(tf.matmul(s, w1) + b1)
        with tf.variable_scope("l2"):
            w2 = tf.get_variable("w2", [n_l1, self.n_actions], None, w_init, collections=c_names)
            b2 = tf.get_variable("b2", [1, self.n_actions], None, b_init, collections=c_names)
            adv = tf.matmul(l1, w2) + b2
        return adv - tf.reduce_mean(adv, axis=1, keep_dims=True)

    def _build_net(self):
        self.s = tf.placeholder(tf.float32, [None, self.n_features], name="s")
        self.s_ = tf.placeholder(tf.float32, [None, self.n_features], name="s_")
        self.r = tf.placeholder(
            tf.float32,
            [
                None,
            ],
            name="r",
        )
        self.a = tf.placeholder(
            tf.int32,
            [
                None,
            ],
            name="a",
        )
        with tf.variable_scope("eval_net"):
            self.q_eval = self._net(self.s, ["eval_net_params", tf.GraphKeys.GLOBAL_VARIABLES])
        with tf.variable_scope("target_net"):
            self.q_next = self._net(self.s_, ["target_net_params", tf.GraphKeys.GLOBAL_VARIABLES])
        with tf.variable_scope("q_target"):
            target = self.r + self.gamma * tf.reduce_max(self.q_next, axis=1, name="Qmax_s_")
            self.q_target = tf.stop_gradient(target)
        with tf.variable_scope("q_eval"):
            a_indices = tf.stack([tf.range(tf.shape(self.a)[0], dtype=tf.int32), self.a], axis=1)
            q = tf.gather_nd(params=self.q_eval, indices=a_indices)
        with tf.variable_scope("loss"):
            err = self.q_target - q
            huber = tf.where(tf.abs(err) < 1.0, 0.5 * tf.square(err), tf.abs(err) - 0.5)
            self.loss = tf.reduce_mean(huber, name="TD_error")
        with tf.variable_scope("train"):
            opt = tf.train.RMSPropOptimizer(self.lr)
            gvs = opt.compute_gradients(self.loss, var_list=tf.get_collection("eval_net_params"))
            clipped = [(tf.clip_by_norm(g, 1.0), v) for g, v in gvs if g is not None]
            self.train_op = opt.apply_gradients(clipped)

    def learn(self, b):
        if self.learn_step % self.replace_iter == 0:
            self.sess.run(self.replace)
        f = self.n_features
        _, cost = self.sess.run(
            [self.train_op, self.loss],
            feed_dict={self.s: b[:, :f], self.a: b[:, f], self.r: b[:, f + 1], self.s_: b[:, -f:]},
        )
        self.learn_step += 1
        return cost


RL = DeepQNetwork(3, 4)
print("vars " + json.dumps([v.name for v in tf.global_variables()]))
for step in range(20):
    actions = np.random.randint(0, 3, (8, 1))
    b = np.hstack([np.random.randn(8, 4), actions, np.random.randn(8, 5)])
    c = RL.learn(b)
    if step % 4 == 0:
        RL.sess.run(RL.soft)
        print("cost " + json.dumps([float(c)]))
print("q " + json.dumps(RL.sess.run(RL.q_eval, {RL.s: b[:2, :4]}).ravel().tolist()))
