"""Whether TensorFlow runs the graphs that Reflow writes, and gets its own values from them.

python tests/golden/check_interop.py write DIR    with Reflow: writes GraphDefs
python tests/golden/check_interop.py run DIR      with TensorFlow: imports and runs them

Each program of `control_flow_programs.py` is written twice: as Reflow imports what TensorFlow wrote, and
as Reflow builds it. What TensorFlow gave for its own graph is in `graphdef/control_flow.npz`.
"""

import json
import os
import pathlib
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from control_flow_programs import CASES, FUNCTIONS

GOLDEN = np.load(pathlib.Path(__file__).parent / "graphdef" / "control_flow.npz")


def golden_runs(case):
    """Fetches, feeds and values, as TensorFlow ran them."""
    for i, run in enumerate(json.loads(str(GOLDEN[f"{case}/plan"]))):
        feeds = {key: GOLDEN[f"{case}/{i}/{key}"] for key in run["feeds"]}
        fetches = run["fetches"]
        values = [GOLDEN[f"{case}/{i}/{key}"] for key in fetches] if type(fetches) is list else []
        yield fetches, feeds, values


def write(folder):
    import reflow as tf
    from reflow.formats import protos

    for case, build in {**CASES, **FUNCTIONS}.items():
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(protos.GraphDef.FromString(GOLDEN[case].tobytes()), name="")
        save(folder, f"imported-{case}", graph, [run[0] for run in golden_runs(case)])
        try:
            with tf.Graph().as_default() as graph:
                runs = build(tf)
        except Exception as error:  # a program may use what Reflow does not have
            print(f"built-{case}: not written: {type(error).__name__}: {error}")
            continue
        save(folder, f"built-{case}", graph, [run[0] for run in runs])


def save(folder, name, graph, fetches):
    (folder / f"{name}.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (folder / f"{name}.json").write_text(json.dumps(fetches))


def run(folder):
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    failed = []
    for path in sorted(folder.glob("*.pb")):
        case = path.stem.partition("-")[2]
        try:
            run_one(tf, path, case)
            print(f"{path.stem}: ok")
        except Exception:
            failed.append(path.stem)
            print(f"{path.stem}: FAILED\n{traceback.format_exc(limit=1)[-1500:]}")
    return failed


def run_one(tf, path, case):
    graph_def = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    assert [op.name for op in graph.get_operations()] == [node.name for node in graph_def.node]
    with tf.compat.v1.Session(graph=graph) as session:
        fetched = json.loads(path.with_suffix(".json").read_text())
        for names, (_, feeds, values) in zip(fetched, golden_runs(case), strict=True):
            found = session.run(names, feeds)
            for name, got, want in zip(names, found or (), values):
                np.testing.assert_allclose(got, want, rtol=3e-5, atol=1e-6, err_msg=name)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit({"write": write, "run": run}[sys.argv[1]](folder))
