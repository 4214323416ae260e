"""Layers and losses of neural networks that do not slide over space: the rest of `tf.nn`."""
