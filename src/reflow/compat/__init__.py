"""`tf.compat`: the TF 1 surface, and the `tensorflow` alias under which existing programs run."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.compat", "v2", "compat.")
