"""Programs that print numbers and names: the same as real TensorFlow printed, in both tiers.

Those in `programs` are TF 1, those in `programs2` TF 2 programs.

`golden/make_programs_golden.py` made the expected lines. A line is a label and a JSON list; numbers
are compared to the rounding of float32, everything else to the letter.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
EXPECTED = json.loads((HERE / "golden" / "programs.json").read_text())


PROGRAMS = [
    *(("programs", "--tf1", path.stem) for path in sorted((HERE / "programs").glob("*.py"))),
    *(("programs2", "--tf2", path.stem) for path in sorted((HERE / "programs2").glob("*.py"))),
]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("folder, version, name", PROGRAMS, ids=[name for *_, name in PROGRAMS])
def test_prints_what_tensorflow_prints(folder, version, name, tier):
    done = subprocess.run(
        [sys.executable, "-m", "reflow.cli.main", "run", version, HERE / folder / f"{name}.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "REFLOW_TIER": tier},
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert len(printed) == len(EXPECTED[name])
    for line, expected in zip(printed, EXPECTED[name]):
        label, values = split(line)
        expected_label, expected_values = split(expected)
        assert label == expected_label
        if all(isinstance(v, (int, float)) for v in expected_values):
            np.testing.assert_allclose(values, expected_values, rtol=2e-5, atol=1e-6, err_msg=label)
        else:
            assert values == expected_values, label


def split(line):
    """The label of a line, and its values."""
    at = line.index("[") if "[" in line else len(line)
    return line[:at].strip(), json.loads(line[at:] or "[]")
