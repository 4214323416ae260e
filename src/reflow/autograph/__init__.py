"""AutoGraph: Python control flow over tensors, by rewriting the source of the user's functions.

`convert` is the entry. A function's text is found and parsed (`source`), its jumps become flags
(`jumps`), what is live where is worked out (`names`, `liveness`), statements become calls with
functions for their blocks (`rewrite`), and the result is compiled under the user's own file and lines
(`compile`). At run time the calls (`operators`) decide by the values: tensors make nodes, everything
else does what Python does.
"""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.autograph", "v2", "autograph.")
