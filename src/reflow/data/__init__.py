"""Input pipelines: https://www.tensorflow.org/api_docs/python/tf/data

A `Dataset` holds a tensor of dtype `variant`. Its value, at run time, is a `Pipeline`
(`pipeline.py`): every transformation is an op whose lowering makes a pipeline out of pipelines, in
eager code, in a function and in a TF 1 graph alike. Iterators (`iterator_ops.py`) are resources whose
state is a pipeline that is being run through.
"""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.data", "v2", "data.")
