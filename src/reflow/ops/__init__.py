"""The vocabulary: one family of ops a file, one op a paragraph.

How ops are written: `define`, `public`, `shape_rules`, `unbroadcast`; `families` finds the file of an op,
`overloads` gives tensors their operators.

Rooms, by what TensorFlow calls them: `math` (numbers, element by element), `linalg` and `linear` (matrices, and
operators of them), `nn` and `spatial` (networks, and what slides over images), `control_flow`, `variables`,
`random`, `strings`, `sparse`, `ragged`, `image`, `signal`, `io`, `lookup`, `queues`.

Files of arrays: `array`, `constant`, `filling`, `repeating`, `sequences` make and shape them; `joining`, `slicing`,
`indexing`, `nd_indexing`, `masking`, `padding`, `stitching` take them apart and put them together; `sorting`,
`approximate_top_k`, `unique`, `sets` order them; `copies`, `cast`, `quantization` change what their elements are.

Files of numbers beside `math`: `compare`, `bitwise`, `clip`; `reduce`, `scan`, `segments`, `bincount` over many.

Files that meet Python or the run: `script`, `debugging`, `module`, `vectorized`, `training`, `resources`.
"""

import reflow.ops.overloads  # noqa: F401  (gives tensors their operators)
