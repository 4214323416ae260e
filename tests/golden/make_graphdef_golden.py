"""Writes the GraphDefs that TensorFlow makes of `graphdef_programs.py`, and TF 1 graphs with results.

python tests/golden/make_graphdef_golden.py    with TensorFlow installed

`graphdef/programs.npz` holds a serialised GraphDef per program; `graphdef/control_flow.npz`, for each
function of `control_flow_programs.py`, the GraphDef that TensorFlow wrote with TF 1's control flow, and
for each run of it the feeds, what was fetched, and the values.
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from control_flow_programs import CASES, FUNCTIONS
from graphdef_programs import PROGRAMS

HERE = pathlib.Path(__file__).parent / "graphdef"


def as_bytes(graph_def):
    return np.frombuffer(graph_def.SerializeToString(deterministic=True), np.uint8)


def programs():
    for name, build in PROGRAMS.items():
        with tf.Graph().as_default() as graph:
            build(tf)
        yield f"{name}", as_bytes(graph.as_graph_def())
        yield f"{name} with shapes", as_bytes(graph.as_graph_def(add_shapes=True))


def control_flow(cases):
    """Rows of a file: `case` is the graph, `case/plan` what was run, `case/run/name` the values."""
    for name, build in cases.items():
        with tf.Graph().as_default() as graph:
            runs = build(tf)
        yield name, as_bytes(graph.as_graph_def())
        plan = []
        with tf.compat.v1.Session(graph=graph) as session:
            for i, (fetches, feeds) in enumerate(runs):
                values = session.run(fetches, feeds)
                plan.append({"fetches": fetches, "feeds": list(feeds)})
                for key, value in feeds.items():
                    yield f"{name}/{i}/{key}", np.asarray(value)
                if isinstance(fetches, list):
                    for key, value in zip(fetches, values):
                        yield f"{name}/{i}/{key}", np.asarray(value)
        yield f"{name}/plan", np.array(json.dumps(plan))


def main():
    tf.compat.v1.disable_eager_execution()
    tf.compat.v1.disable_control_flow_v2()
    HERE.mkdir(exist_ok=True)
    np.savez_compressed(HERE / "programs.npz", **dict(programs()))
    rows = dict(control_flow(CASES))
    tf.compat.v1.enable_control_flow_v2()
    rows.update(control_flow(FUNCTIONS))
    np.savez_compressed(HERE / "control_flow.npz", **rows)


if __name__ == "__main__":
    main()
