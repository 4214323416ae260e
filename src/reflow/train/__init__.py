"""Training: optimizers, learning-rate schedules, moving averages, the global step."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.train", "v2", "train.")
