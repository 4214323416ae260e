"""Writes tests/golden/summaries.json: what TensorFlow writes for the programs of summary_programs.py.

Run it with a Python that has TensorFlow and TensorBoard:

    python tests/golden/make_summaries_golden.py             writes it, and one of the files
    python tests/golden/make_summaries_golden.py check DIR   whether both read what Reflow wrote there
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
from summary_programs import PROGRAMS, events, run

HERE = pathlib.Path(__file__).parent


def write():
    golden = {}
    for f in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            path = run(tf, f, folder)
            golden[f.__name__] = events(tf, path)
            if f.__name__ == "scalars":
                shutil.copy(path, HERE / "summaries.tfevents")
    (HERE / "summaries.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def check(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    golden = json.loads((HERE / "summaries.json").read_text())
    for f in PROGRAMS:
        (path,) = (folder / f.__name__).glob("events.out.tfevents.*")
        assert events(tf, path) == golden[f.__name__], f.__name__
        board = EventAccumulator(str(path.parent))
        board.Reload()
        shown = {tag for tags in board.Tags().values() if isinstance(tags, list) for tag in tags}
        written = {value["tag"] for event in golden[f.__name__] for value in event["values"]}
        assert shown == written, (f.__name__, shown, written)
        print(f"{f.__name__}: ok")


if __name__ == "__main__":
    check(pathlib.Path(sys.argv[2])) if sys.argv[1:2] == ["check"] else write()
