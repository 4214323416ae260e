"""What the networks for images share: convolutions with batch normalization, in TensorFlow and in Torch."""

import itertools

from workloads import common

CLASSES = 1000


def data(batch, size):
    """Images NHWC and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((batch, size, size, 3), dtype=np.float32), rng.integers(CLASSES, size=batch)


class LayersInTensorFlow:
    """The layers of one network. In training, a batch is normalized by its own mean and variance."""

    def __init__(self, tf, training):
        self.tf = tf
        self.training = training
        self.numbers = itertools.count()

    def variable(self, shape, value=None):
        tf = self.tf
        if value is None:
            initial = tf.truncated_normal(shape, stddev=0.05, seed=next(self.numbers))
        else:
            initial = tf.fill(shape, value)
        return tf.Variable(initial)

    def normalized(self, x, relu=True):
        tf, channels = self.tf, int(x.shape[-1])
        scale, offset = self.variable([channels], 1.0), self.variable([channels], 0.0)
        if self.training:
            y = tf.nn.fused_batch_norm(x, scale, offset)[0]
        else:
            mean, variance = self.variable([channels], 0.0), self.variable([channels], 1.0)
            y = tf.nn.fused_batch_norm(x, scale, offset, mean, variance, is_training=False)[0]
        return tf.nn.relu(y) if relu else y

    def conv(self, x, filters, size, stride=1, relu=True):
        w = self.variable([size, size, int(x.shape[-1]), filters])
        y = self.tf.nn.conv2d(x, w, [1, stride, stride, 1], "SAME")
        return self.normalized(y, relu)

    def depthwise(self, x, size, stride=1):
        w = self.variable([size, size, int(x.shape[-1]), 1])
        y = self.tf.nn.depthwise_conv2d(x, w, [1, stride, stride, 1], "SAME")
        return self.normalized(y)

    def classified(self, x):
        x = self.tf.reduce_mean(x, [1, 2])
        return self.tf.matmul(x, self.variable([int(x.shape[-1]), CLASSES]))


def steps_in_tensorflow(network, batch, size, training):
    """A function that does a step of training, or of inference, on the same images every time."""
    tf = common.get_tf()
    images, labels = data(batch, size)
    x = tf.placeholder(tf.float32, images.shape)
    logits = network(LayersInTensorFlow(tf, training), x)
    session = tf.Session()
    if not training:
        result = tf.reduce_sum(logits)
        session.run(tf.global_variables_initializer())
        return lambda: session.run(result, {x: images})
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    loss = tf.reduce_mean(loss)
    train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    session.run(tf.global_variables_initializer())
    return lambda: session.run([train, loss], {x: images})


def conv_in_torch(nn, channels, filters, size, stride=1, relu=True, groups=1):
    padding = size // 2
    layers = [
        nn.Conv2d(channels, filters, size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def steps_in_torch(network, batch, size, training):
    import torch

    images, labels = data(batch, size)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(labels)
    if not training:
        network.eval()

        def infer():
            with torch.no_grad():
                return network(x).sum().item()

        return infer
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def train():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return train
