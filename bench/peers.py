"""The frameworks to measure, and the Python environment of each.

Reflow runs in the environment that runs the benchmark. A peer's Python is the one that its variable
(REFLOW_BENCH_TENSORFLOW, REFLOW_BENCH_JAX, REFLOW_BENCH_TORCH) names, or else that of the virtual
environment bench/peers/NAME, which `python bench/run.py --install-peers` creates.
"""

import os
import pathlib
import subprocess
import sys
import venv

PEERS = pathlib.Path(__file__).resolve().parent / "peers"

# What to install for each peer, and the distribution that tells its version.
REQUIREMENTS = {
    "tensorflow": ["tensorflow-cpu==2.21.*"],
    "jax": ["jax>=0.10,<0.11", "keras>=3.12"],
    "torch": ["torch==2.13.*", "numpy"],
}
DISTRIBUTIONS = {"reflow": "reflow", "jax": "jax", "torch": "torch"}
DISTRIBUTIONS["tensorflow"] = "tensorflow-cpu"

# Columns of the report. Torch stands there twice: as it is, and through torch.compile.
FRAMEWORKS = ("reflow", "tensorflow", "jax", "torch", "torch.compile")


def peer_of(framework):
    """The environment that a framework lives in."""
    return framework.partition(".")[0]


def python_of(peer):
    """Path of the Python that has `peer`, or None where there is none."""
    if peer == "reflow":
        return sys.executable
    named = os.environ.get(f"REFLOW_BENCH_{peer.upper()}")
    path = pathlib.Path(named) if named else PEERS / peer / "bin" / "python"
    if named and not path.exists():
        sys.exit(f"REFLOW_BENCH_{peer.upper()} names {named}, which does not exist")
    # The path stays as it is: its real path is the Python that the environment was made from.
    return str(path) if path.exists() else None


def version_of(peer, python):
    """The version of `peer` that `python` would import, or None if it is not there."""
    program = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    names = [DISTRIBUTIONS[peer]] + ["tensorflow"] * (peer == "tensorflow")
    for name in names:
        done = subprocess.run([python, "-c", program, name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def install(peer):
    """Creates bench/peers/PEER and installs the peer there with pip."""
    folder = PEERS / peer
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *REQUIREMENTS[peer]], check=True)
