"""Checks, printing and Python in a graph: what is plain data here, the rest in `test_script.py`."""

import numpy as np

from .base import bad, f32, f64, i32, record, s, sample, tested_elsewhere

record(
    "CheckNumerics",
    sample(tensor=f32(2, 3), message="m"),
    sample(tensor=f64(0, 2), message="m"),
    sample(tensor=f64(3), message="m"),
    bad=[
        bad(tensor=np.array([1.0, np.nan], np.float32), message="mine", match="mine.*NaN"),
        bad(tensor=np.array([1.0, -np.inf], np.float32), message="mine", match="mine.*Inf"),
    ],
)
record(
    "StringFormat",
    sample(inputs=[i32([1, 2, 3]), f32(2, 2)], template="a {} b {}", placeholder="{}"),
    sample(inputs=[i32(range(10))], template="%s", summarize=2),
    sample(inputs=[i32(np.arange(24).reshape(2, 3, 4))], template="x\n%s", summarize=-1),
    sample(inputs=[s(["a", "b"])], template="%s"),
    bad=[bad(inputs=[i32([1])], template="none", match="placeholders")],
)
tested_elsewhere("test_check_everything.py", "Timestamp")
tested_elsewhere(
    "test_script.py",
    "Assert", "Print", "PrintV2", "PyFunc", "PyFuncStateless", "EagerPyFunc",
)  # fmt: skip
