"""Writes tests/golden/autograph.json: what TensorFlow makes of autograph_programs.py.

Run it with a Python that has TensorFlow: python tests/golden/make_autograph_golden.py
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import autograph_programs as programs
import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent
programs.tf = tf


def argument(value):
    if isinstance(value, bool):
        return value
    return tf.constant(value)


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    value = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    values = [v.decode() if isinstance(v, bytes) else v for v in value.ravel().tolist()]
    dtype = "str" if value.dtype.kind in "OSU" else value.dtype.name
    return {"dtype": dtype, "shape": list(value.shape), "values": values}


def key_line(error):
    """The line of the message that says what is wrong: TensorFlow puts the traceback before it."""
    name = f"{type(error).__name__}: "
    for line in reversed(str(error).splitlines()):
        if line.strip().startswith(name):
            return line.strip().removeprefix(name)
    return str(error).strip().splitlines()[0]


def main():
    golden = {"programs": {}, "beyond": {}, "errors": {}}
    for function, calls in programs.BEYOND:
        golden["beyond"][function.__name__] = [
            plain(function(*map(argument, args))) for args in calls
        ]
    for function, calls in programs.PROGRAMS:
        try:
            converted = tf.function(function)
            golden["programs"][function.__name__] = [
                plain(converted(*map(argument, args))) for args in calls
            ]
        except Exception as error:
            print(function.__name__, "fails:", type(error).__name__, key_line(error))
    for function, args in programs.ERRORS:
        try:
            tf.function(function)(*map(argument, args))
        except Exception as error:
            golden["errors"][function.__name__] = [type(error).__name__, key_line(error)]
            print(function.__name__, *golden["errors"][function.__name__])
        else:
            print(function.__name__, "does not fail")
    target = HERE / "autograph.json"
    target.write_text(
        json.dumps(golden, indent=0).replace("\n", " ").replace('}, "', '},\n"') + "\n"
    )


if __name__ == "__main__":
    main()
