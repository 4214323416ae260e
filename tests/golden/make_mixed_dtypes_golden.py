"""Writes tests/golden/mixed_dtypes.json: what TensorFlow makes of operands of several dtypes.

Run it with a Python that has TensorFlow: python tests/golden/make_mixed_dtypes_golden.py
A row is a mode, an operation and what stands on the left; its words are for what stands on the right.
"""

import json
import os
import pathlib
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from mixed_dtypes_programs import MODES, outcomes

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    rows: dict[str, list[str]] = {}
    for mode in MODES:
        for (name, left, _), result in outcomes(tf, mode):
            word = type(result).__name__ if isinstance(result, Exception) else result
            rows.setdefault(f"{mode}: {name}, {left}", []).append(word)
    path = pathlib.Path(__file__).with_name("mixed_dtypes.json")
    path.write_text(json.dumps({k: " ".join(v) for k, v in rows.items()}, indent=0) + "\n")
    print(f"{len(rows)} rows")
