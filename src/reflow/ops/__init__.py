"""The vocabulary: one family of ops a file, one op a paragraph."""

import reflow.ops.overloads  # noqa: F401  (gives tensors their operators)
