"""`tf.compat.v1`: TF 1's name space as a module."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.compat.v1", "v1")
