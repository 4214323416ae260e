"""Distribution: the strategy of one device, which programs and Keras ask for."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.distribute", "v2", "distribute.")
