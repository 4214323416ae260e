"""Runs the benchmarks on Reflow and its peers, in turns, and prints a table of medians.

python bench/run.py [--workload NAME ...] [--peers NAME ...] [--repeats N] [--json FILE]
python bench/run.py --install-peers
"""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import selectors
import subprocess
import sys
import tempfile

import peers
import report
import worker
import workloads
from workloads import common

HERE = pathlib.Path(__file__).resolve().parent
DEADLINE = 300  # seconds for a set-up or a repetition


class WorkerError(Exception):
    """A worker said that it failed, died, or took too long."""


class Worker:
    """A process that measures one workload in one framework, with the caches on disk in a directory `caches`."""

    def __init__(self, framework, workload, caches):
        with contextlib.ExitStack() as stack:
            self.errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            self.resources = stack.pop_all()
        environment = os.environ | {
            "XDG_CACHE_HOME": caches,
            "REFLOW_CACHE_DIR": os.path.join(caches, "reflow"),
            "TORCHINDUCTOR_CACHE_DIR": os.path.join(caches, "inductor"),
            "PYTHONWARNINGS": "ignore",
        }
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        if framework == "jax":
            environment["JAX_COMPILATION_CACHE_DIR"] = os.path.join(caches, "jax")
        # An installed package has its bytecode; a source tree writes it once, where that is allowed.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.process = subprocess.Popen(
            [peers.python_of(peers.peer_of(framework)), HERE / "worker.py", framework, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
            text=True,
        )
        try:
            self.answer()
        except WorkerError:
            self.close()
            raise

    def answer(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(DEADLINE):
                raise WorkerError(f"no answer within {DEADLINE} s")
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().split("\n")[-1]
            raise WorkerError(f"died with status {self.process.wait()}: {last}")
        message = json.loads(line)
        if "error" in message:
            raise WorkerError(message["error"])
        return message.get("values")

    def repeat(self):
        """Does one timed repetition; returns {metric: value}."""
        try:
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError("died between two repetitions") from error
        return self.answer()

    def close(self):
        """Lets the process end by itself, or else ends it."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.resources.close()


def measure(name, frameworks, repeats, notes):
    """Runs one workload in all the frameworks that have it, in turns.

    Returns {framework: {metric: samples}}; what went wrong is appended to `notes`.
    """
    module = importlib.import_module(f"workloads.{name}")
    waiting = [f for f in frameworks if hasattr(module, worker.SETUPS[f])]
    warm = getattr(module, "WARM", False)
    fresh = warm or getattr(module, "FRESH", False)
    repeats = min(repeats, getattr(module, "MAX_REPEATS", repeats))
    samples = {framework: {} for framework in waiting}
    running, caches = {}, {}
    try:
        for turn in range(repeats):
            for framework in list(waiting):
                status(f"{name}, {framework}, {turn + 1} of {repeats}")
                try:
                    if framework not in running:
                        # Caches start empty, or a compilation measured once would never be seen again.
                        if not warm or framework not in caches:
                            caches[framework] = tempfile.TemporaryDirectory()
                            if warm:
                                fill(framework, name, caches[framework].name)
                        running[framework] = Worker(framework, name, caches[framework].name)
                    for metric, value in running[framework].repeat().items():
                        samples[framework].setdefault(metric, []).append(value)
                except WorkerError as error:
                    waiting.remove(framework)
                    samples[framework] = {}
                    notes.append(f"{name} on {framework}: {error}")
                if fresh and framework in running:
                    running.pop(framework).close()
    finally:
        for process in running.values():
            process.close()
        for directory in caches.values():
            directory.cleanup()
    return samples


def fill(framework, name, caches):
    """Lets a process that is not measured fill the caches on disk."""
    process = Worker(framework, name, caches)
    try:
        process.repeat()
    finally:
        process.close()


def status(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def available(wanted):
    """The frameworks of `wanted` that can run, with their versions."""
    versions = {}
    for framework in peers.FRAMEWORKS:
        peer = peers.peer_of(framework)
        python = peers.python_of(peer) if peer in wanted else None
        version = python and peers.version_of(peer, python)
        if version:
            versions[framework] = version
    return versions


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        *("--workload", "--workloads"),
        nargs="+",
        metavar="NAME",
        choices=workloads.NAMES,
        default=workloads.NAMES,
        help="of: " + ", ".join(workloads.NAMES),
    )
    every = ("reflow", *peers.REQUIREMENTS)
    parser.add_argument(
        "--peers",
        nargs="+",
        metavar="NAME",
        choices=every,
        default=every,
        help="columns to measure, of: " + ", ".join(every),
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="write all samples to this file")
    parser.add_argument(
        "--install-peers", action="store_true", help="create bench/peers/NAME first"
    )
    arguments = parser.parse_args()
    if arguments.install_peers:
        for peer in peers.REQUIREMENTS:
            if peer in arguments.peers:
                peers.install(peer)

    load = os.getloadavg()[0]
    versions = available(arguments.peers)
    rows, notes, everything = [], [], {}
    for name in arguments.workload:
        samples = measure(name, list(versions), arguments.repeats, notes)
        everything[name] = samples
        module = importlib.import_module(f"workloads.{name}")
        peak = {common.PEAK: (f"{name}, peak memory of the process", "MB")}
        for metric, (title, unit) in (module.METRICS | peak).items():
            by_framework = {f: values.get(metric, []) for f, values in samples.items()}
            target = getattr(module, "TARGETS", {}).get(metric, "")
            rows.append((title, unit, target, by_framework))
    status("")

    print(report.table(rows, peers.FRAMEWORKS, versions))
    print(f"\nMedians of {arguments.repeats} repetitions in turns; lower is better. In brackets:")
    print("Reflow as a multiple of that peer, so less than 1 means that Reflow is ahead.")
    print(f"Machine: {report.machine()}; load average before the run: {load:.1f}.")
    for note in notes:
        print(f"Not measured: {note}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": report.machine(), "versions": versions, "samples": everything}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
