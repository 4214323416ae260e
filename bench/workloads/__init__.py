"""The workloads, one a file, in the order of the report.

A workload module has
- METRICS: {key: (title, unit)}, the rows it fills in the report; unit is us, ms, s, MB or count;
- TARGETS: {key: text}, what Reflow aims at, where there is an aim; of `common.PEAK` too, the row that every
  workload has;
- one set-up function per framework it runs on, which returns `repeat`, a function without arguments
  that does one timed repetition and returns {key: value} in seconds, bytes or counts:
  in_tensorflow() for both Reflow and TensorFlow, in_jax(), in_torch(), in_torch_compiled();
- FRESH = True if each repetition needs a process of its own, started with empty caches;
- WARM = True if each needs one of its own, started with the caches that another one has left;
- MAX_REPEATS if a repetition is long.
"""

NAMES = (
    "imports",
    "scalar_run",
    "eager",
    "graph_build",
    "chain",
    "first_step",
    "warm_start",
    "elementwise",
    "mlp",
    "cnn",
    "conv",
    "resnet50",
    "mobilenet",
    "attention",
    "transformer",
    "word2vec",
    "lstm",
    "shapes",
    "keras_fit",
    "data",
)
