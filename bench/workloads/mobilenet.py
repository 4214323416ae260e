"""A network of depthwise convolutions, like MobileNet at half its width: a step of SGD on 16 of 128x128.

https://arxiv.org/abs/1704.04861
"""

from workloads import common, images

METRICS = {"training": ("MobileNet 0.5, 16 images of 128x128, SGD step", "ms")}
BATCH, SIZE = 16, 128
BLOCKS = [
    *((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)),
    *[(256, 1)] * 5,
    *((512, 2), (512, 1)),
]  # filters, stride


def measure(step):
    training = common.per_call(step, warm_up=15.0)
    return lambda: {"training": training()}


def network_in_tensorflow(layers, x):
    x = layers.conv(x, 16, 3, 2)
    for filters, stride in BLOCKS:
        x = layers.depthwise(x, 3, stride)
        x = layers.conv(x, filters, 1)
    return layers.classified(x)


def in_tensorflow():
    return measure(images.steps_in_tensorflow(network_in_tensorflow, BATCH, SIZE, True))


def network_in_torch():
    from torch import nn

    layers = [images.conv_in_torch(nn, 3, 16, 3, 2)]
    channels = 16
    for filters, stride in BLOCKS:
        layers.append(images.conv_in_torch(nn, channels, channels, 3, stride, groups=channels))
        layers.append(images.conv_in_torch(nn, channels, filters, 1))
        channels = filters
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, images.CLASSES)
    )


def in_torch(wrap=lambda network: network):
    return measure(images.steps_in_torch(wrap(network_in_torch()), BATCH, SIZE, True))


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
