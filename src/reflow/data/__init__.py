"""Input pipelines: https://www.tensorflow.org/api_docs/python/tf/data

A `Dataset` holds a tensor of dtype `variant`. Its value, at run time, is a `Pipeline`
(`pipeline.py`): every transformation is an op whose lowering makes a pipeline out of pipelines, in
eager code, in a function and in a TF 1 graph alike. Iterators (`iterator_ops.py`) are resources whose
state is a pipeline that is being run through.

Public classes and functions: `dataset`, `dataset_base`, `dataset_batches`, `dataset_sources`, `dataset_v1`, `iterators`,
`optional`, `options`, `transformations`, `bucketing`, `csv_files`, `examples`, `sampling`, `from_generator`, `lookup_tables`.

Ops and the stages that run them (`define` says how they are written): `sources`, `files`, `mapping`, `combining`,
`batching` with `padding`, `reordering`, `grouping`, `stateful`, `holding`, `older_ops`. Stages call functions of elements
by `element_function`, ahead of time by `background`; what an element is made of, by `structure` and `boxed_elements`.

Elements that are kept: `recording` (`cache_file`), `snapshot`, `saved` (`snapshot_files`). Numbers: `seeds`, `fingerprint`.
"""

from reflow.api import module_attributes

__getattr__, __dir__ = module_attributes("tf.data", "v2", "data.")
