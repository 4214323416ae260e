"""Towers on several devices that share variables; gradients and weights averaged."""

import json

import numpy as np
import tensorflow as tf

TOWER_NAME, N = "tower", 2
rng = np.random.RandomState(0)


def _variable_on_cpu(name, shape, initializer):
    with tf.device("/cpu:0"):
        return tf.get_variable(name, shape, initializer=initializer, dtype=tf.float32)


def _variable_with_weight_decay(name, shape, stddev, wd):
    var = _variable_on_cpu(name, shape, tf.truncated_normal_initializer(stddev=stddev))
    if wd is not None:
        weight_decay = tf.multiply(tf.nn.l2_loss(var), wd, name="weight_loss")
        tf.add_to_collection("losses", weight_decay)
    return var


def inference(images):
    with tf.variable_scope("conv1") as scope:
        kernel = _variable_with_weight_decay("weights", [3, 3, 3, 4], 5e-2, None)
        conv = tf.nn.conv2d(images, kernel, [1, 1, 1, 1], padding="SAME")
        pre = tf.nn.bias_add(conv, _variable_on_cpu("biases", [4], tf.constant_initializer(0.0)))
        conv1 = tf.nn.relu(pre, name=scope.name)
    pool1 = tf.nn.max_pool(conv1, [1, 3, 3, 1], [1, 2, 2, 1], padding="SAME", name="pool1")
    norm1 = tf.nn.lrn(pool1, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm1")
    with tf.variable_scope("local") as scope:
        reshape = tf.reshape(norm1, [images.get_shape().as_list()[0], -1])
        w = _variable_with_weight_decay("weights", [reshape.get_shape()[1].value, 6], 0.04, 0.004)
        b = _variable_on_cpu("biases", [6], tf.constant_initializer(0.1))
        local = tf.nn.relu(tf.matmul(reshape, w) + b, name=scope.name)
    with tf.variable_scope("softmax_linear") as scope:
        w = _variable_with_weight_decay("weights", [6, 3], 1 / 6.0, 0.0)
        b = _variable_on_cpu("biases", [3], tf.constant_initializer(0.0))
        return tf.add(tf.matmul(local, w), b, name=scope.name)


def tower_loss(scope, images, labels):
    logits = inference(images)
    xent = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    tf.add_to_collection("losses", tf.reduce_mean(xent, name="cross_entropy"))
    return tf.add_n(tf.get_collection("losses", scope), name="total_loss")


def average_gradients(tower_grads):
    average = []
    for grad_and_vars in zip(*tower_grads):
        grads = [tf.expand_dims(g, 0) for g, _ in grad_and_vars]
        grad = tf.reduce_mean(tf.concat(axis=0, values=grads), 0)
        average.append((grad, grad_and_vars[0][1]))
    return average


with tf.Graph().as_default(), tf.device("/cpu:0"):
    tf.set_random_seed(8)
    global_step = tf.get_variable(
        "global_step", [], initializer=tf.constant_initializer(0), trainable=False
    )
    images = tf.placeholder(tf.float32, [8, 8, 8, 3])
    labels = tf.placeholder(tf.int32, [8])
    lr = tf.train.exponential_decay(0.1, global_step, 4, 0.5, staircase=True)
    opt = tf.train.GradientDescentOptimizer(lr)
    ims, las = tf.split(images, N), tf.split(labels, N)
    tower_grads = []
    with tf.variable_scope(tf.get_variable_scope()):
        for i in range(N):
            with tf.device(f"/gpu:{i}"):
                with tf.name_scope(f"{TOWER_NAME}_{i}") as scope:
                    loss = tower_loss(scope, ims[i], las[i])
                    tf.get_variable_scope().reuse_variables()
                    tower_grads.append(opt.compute_gradients(loss))
    grads = average_gradients(tower_grads)
    apply_gradient_op = opt.apply_gradients(grads, global_step=global_step)
    ema = tf.train.ExponentialMovingAverage(0.9, global_step)
    variables_averages_op = ema.apply(tf.trainable_variables())
    train_op = tf.group(apply_gradient_op, variables_averages_op)
    config = tf.ConfigProto(allow_soft_placement=True, log_device_placement=False)
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(9):
            f = {images: rng.rand(8, 8, 8, 3), labels: rng.randint(0, 3, 8)}
            _, l, r = sess.run([train_op, loss, lr], f)
            print("step " + json.dumps([step, float(l), float(r)]))
        swap = [tf.assign(v, ema.average(v)) for v in tf.trainable_variables()]
        sess.run(swap)
        print("eval " + json.dumps([float(sess.run(loss, f))]))
    print("names " + json.dumps([v.name for v in tf.global_variables()]))
    print("restore " + json.dumps(sorted(ema.variables_to_restore())))
    for o in tf.get_default_graph().get_operations():
        if o.type in ("Conv2D", "VariableV2", "MaxPool"):
            print("device " + json.dumps([o.name, o.device]))
    print("losses " + json.dumps([t.name for t in tf.get_collection("losses")]))
