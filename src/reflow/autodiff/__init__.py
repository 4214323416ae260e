"""Differentiation: the engine, tapes, accumulators. The rules live with their ops."""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.autodiff", "v2", "autodiff.")
