"""ResNet-50 on 8 images of 224x224: inference, and a step of SGD. https://arxiv.org/abs/1512.03385"""

from workloads import common, images

METRICS = {
    "inference": ("ResNet-50, 8 images of 224x224, inference", "ms"),
    "training": ("ResNet-50, 8 images of 224x224, SGD step", "ms"),
}
MAX_REPEATS = 3
BATCH, SIZE = 8, 224
STAGES = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]  # width, blocks, stride of the first


def measure(steps):
    inference, training = (
        common.per_call(steps(training), warm_up=20.0) for training in (False, True)
    )
    return lambda: {"inference": inference(), "training": training()}


def network_in_tensorflow(layers, x):
    tf = layers.tf
    x = layers.conv(x, 64, 7, 2)
    x = tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
    for width, blocks, first in STAGES:
        for block in range(blocks):
            stride = first if block == 0 else 1
            y = layers.conv(x, width, 1)
            y = layers.conv(y, width, 3, stride)
            y = layers.conv(y, 4 * width, 1, relu=False)
            if block == 0:
                x = layers.conv(x, 4 * width, 1, stride, relu=False)
            x = tf.nn.relu(x + y)
    return layers.classified(x)


def in_tensorflow():
    return measure(
        lambda training: images.steps_in_tensorflow(network_in_tensorflow, BATCH, SIZE, training)
    )


def network_in_torch():
    from torch import nn

    class Block(nn.Module):
        def __init__(self, channels, width, stride, project):
            super().__init__()
            self.inner = nn.Sequential(
                images.conv_in_torch(nn, channels, width, 1),
                images.conv_in_torch(nn, width, width, 3, stride),
                images.conv_in_torch(nn, width, 4 * width, 1, relu=False),
            )
            self.short = nn.Identity()
            if project:
                self.short = images.conv_in_torch(nn, channels, 4 * width, 1, stride, relu=False)

        def forward(self, x):
            return nn.functional.relu(self.short(x) + self.inner(x))

    layers = [images.conv_in_torch(nn, 3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, blocks, first in STAGES:
        for block in range(blocks):
            layers.append(Block(channels, width, first if block == 0 else 1, block == 0))
            channels = 4 * width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, images.CLASSES)
    )


def in_torch(wrap=lambda network: network):
    return measure(
        lambda training: images.steps_in_torch(wrap(network_in_torch()), BATCH, SIZE, training)
    )


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
