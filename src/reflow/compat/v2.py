"""`tf.compat.v2`: TF 2's name space as a module."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.compat.v2", "v2")
