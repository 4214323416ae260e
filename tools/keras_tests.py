"""Keras's own tests on Reflow and on TensorFlow: how many of those that pass there pass here.

    python tools/keras_tests.py --tensorflow TF/bin/python --results DIR            all directories
    python tools/keras_tests.py --tensorflow TF/bin/python --results DIR ops losses  some of them
    python tools/keras_tests.py --results DIR --report [--failures]                  what is there

The tests are those inside of the Keras package. Each side runs them in an environment of its own, in
one process per directory; this Python runs Reflow's. Outcomes are kept in `DIR/SIDE/DIRECTORY.jsonl`,
a line per test as it ends, so that a run that was interrupted, or a process that died, goes on with
the test after. TensorFlow's are made once; `--again` runs Reflow's tests again, `--failed` those
that did not pass.

This file is also the pytest plugin of both sides: it installs the alias and writes the outcomes.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import types

DIRECTORIES = (
    *("ops", "layers", "losses", "metrics", "optimizers", "models", "trainers", "callbacks"),
    *("random", "initializers", "regularizers", "saving", "utils"),
)
_ENVIRONMENT = "REFLOW_KERAS_TESTS"  # side and file of outcomes, for the plugin
_MAX_RESTARTS = 40


# The plugin ---------------------------------------------------------------------------------------


def _skip_if(backend: str, reason: str):
    import pytest

    return pytest.mark.skipif(os.environ["KERAS_BACKEND"] == backend, reason=reason)


if _ENVIRONMENT in os.environ:
    _side, _place = os.environ[_ENVIRONMENT].split(":", 1)
    if _side == "reflow":
        from reflow.compat import alias

        alias.install("v2")
    # The one helper that tests import from the root of Keras's repository, which the package lacks.
    sys.modules["conftest"] = types.ModuleType("conftest")
    sys.modules["conftest"].skip_if_backend = _skip_if


def _write(row: dict) -> None:
    with open(_place, "a") as file:
        file.write(json.dumps(row) + "\n")


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests whose outcome is known, or which ended the process."""
    done = {row["test"] for row in _rows(pathlib.Path(_place))}
    only = os.environ.get(_ENVIRONMENT + "_ONLY")
    wanted = set(pathlib.Path(only).read_text().split("\n")) if only else None
    chosen = [
        item
        for item in items
        if item.nodeid not in done and (wanted is None or item.nodeid in wanted)
    ]
    items[:] = chosen


def pytest_runtest_logstart(nodeid, location):
    _write({"test": nodeid, "outcome": "started"})


def pytest_runtest_logreport(report):
    """Keeps the outcome of the test itself, or of what stopped it before or after."""
    if report.when != "call" and report.passed:
        return
    row = {"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 3)}
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        row["error"] = (crash.message if crash else str(report.longrepr))[-1500:]
        row["where"] = f"{crash.path}:{crash.lineno}" if crash else ""
    _write(row)


def pytest_collectreport(report):
    if report.failed:
        error = str(report.longrepr)[-1500:]
        _write({"test": report.nodeid, "outcome": "not collected", "error": error})


# Running ------------------------------------------------------------------------------------------


def _rows(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def outcomes(path: pathlib.Path) -> dict[str, dict]:
    """The last outcome of each test in a file of outcomes."""
    found: dict[str, dict] = {}
    for row in _rows(path):
        held = found.get(row["test"])
        if row["outcome"] == "started" and held is not None and held["outcome"] != "started":
            continue
        found[row["test"]] = row
    return found


def run(side: str, python: str, directory: str, results: pathlib.Path, limit: int) -> None:
    """Runs the tests of a directory that have no outcome yet."""
    place = results / side / f"{directory}.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    root = _keras_of(python) / "src"
    here = pathlib.Path(__file__).resolve()
    paths = [str(here.parent)]
    if side == "reflow":
        paths += [str(here.parents[1] / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        _ENVIRONMENT: f"{side}:{place}",
    }
    command = [python, "-m", "pytest", "-q", "-p", "keras_tests", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={root}", "--tb=short", "-W", "ignore"]
    command += [
        "--continue-on-collection-errors",
        "--show-capture=no",
        f"--timeout={limit}",
        str(root / directory),
    ]
    log = results / side / f"{directory}.log"
    for _ in range(_MAX_RESTARTS):
        with open(log, "a") as file:
            code = subprocess.run(
                command, env=environment, cwd=results, stdout=file, stderr=file
            ).returncode
        if code in (0, 1, 2, 5):  # 2: some file could not be collected, 5: nothing left to run
            return
        died = [t for t, row in outcomes(place).items() if row["outcome"] == "started"]
        if not died:
            raise RuntimeError(f"pytest ended with {code}: see {log}")
        with open(place, "a") as file:
            for test in died:
                row = {"test": test, "outcome": "died", "error": f"the process died: {code}"}
                file.write(json.dumps(row) + "\n")


def _keras_of(python: str) -> pathlib.Path:
    code = "import importlib.util as u; print(u.find_spec('keras').submodule_search_locations[0])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


def forget(place: pathlib.Path, passed_too: bool) -> None:
    """Forgets outcomes, so that the tests run again."""
    if not place.exists():
        return
    kept = (
        []
        if passed_too
        else [row for row in outcomes(place).values() if row["outcome"] in ("passed", "skipped")]
    )
    place.write_text("".join(json.dumps(row) + "\n" for row in kept))


# Reporting ----------------------------------------------------------------------------------------


def report(results: pathlib.Path, directories: list[str], failures: bool) -> bool:
    """Prints the table, and the failures by cause; whether each directory reaches 97 per cent."""
    total = [0, 0]
    groups: dict[str, list[str]] = collections.defaultdict(list)
    print("| directory | pass on TensorFlow | of these on Reflow | per cent |")
    print("| --- | ---: | ---: | ---: |")
    for directory in directories:
        theirs = outcomes(results / "tensorflow" / f"{directory}.jsonl")
        ours = outcomes(results / "reflow" / f"{directory}.jsonl")
        expected = [test for test, row in theirs.items() if row["outcome"] == "passed"]
        passed = [t for t in expected if ours.get(t, {}).get("outcome") == "passed"]
        total[0] += len(expected)
        total[1] += len(passed)
        _print_row(directory, len(expected), len(passed))
        for test in set(expected) - set(passed):
            groups[cause(ours.get(test), ours, test)].append(test)
    _print_row("all", *total)
    if failures:
        for text, tests in sorted(groups.items(), key=lambda item: -len(item[1])):
            print(f"\n{len(tests)} x {text}")
            for test in sorted(tests)[:8]:
                print(f"    {test}")
    return total[1] >= 0.97 * total[0]


def _print_row(name: str, expected: int, passed: int) -> None:
    share = f"{100 * passed / expected:.1f}" if expected else "-"
    print(f"| {name} | {expected} | {passed} | {share} |")


def cause(row: dict | None, ours: dict[str, dict], test: str) -> str:
    """The error of a test that did not pass, without what differs from case to case."""
    if row is None:
        row = ours.get(test.partition("::")[0])
        if row is None or row["outcome"] != "not collected":
            return "has not run"
    if row["outcome"] in ("started", "skipped"):
        return row["outcome"]
    lines = row.get("error", "").strip().splitlines() or [row["outcome"]]
    text = lines[-1] if row["outcome"] == "not collected" else lines[0]
    text = re.sub(r"0x[0-9a-f]+|/[\w/.-]+/", "", text)
    text = re.sub(r"\b\d+(\.\d+)?(e[+-]?\d+)?\b", "N", text)
    return text[:200]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directories", nargs="*", help="by default all")
    parser.add_argument("--tensorflow", help="a Python with TensorFlow, Keras and pytest-timeout")
    parser.add_argument(
        "--results", type=pathlib.Path, required=True, help="where outcomes are kept"
    )
    parser.add_argument("--timeout", type=int, default=120, help="seconds for a test")
    parser.add_argument("--again", action="store_true", help="runs Reflow's tests again")
    parser.add_argument("--failed", action="store_true", help="runs Reflow's failures again")
    parser.add_argument("--only", choices=["tensorflow", "reflow"], help="runs one side")
    parser.add_argument("--report", action="store_true", help="runs nothing")
    parser.add_argument("--failures", action="store_true", help="prints the failures by cause")
    args = parser.parse_args()
    args.results = args.results.resolve()
    directories = args.directories or list(DIRECTORIES)
    for directory in () if args.report else directories:
        started = time.time()
        if args.tensorflow and args.only != "reflow":
            run("tensorflow", args.tensorflow, directory, args.results, args.timeout)
        if args.only != "tensorflow":
            place = args.results / "reflow" / f"{directory}.jsonl"
            if args.again or args.failed:
                forget(place, passed_too=args.again)
            run("reflow", sys.executable, directory, args.results, args.timeout)
        print(f"{directory}: {time.time() - started:.0f} s", file=sys.stderr)
    return 0 if report(args.results, directories, args.failures) else 1


if __name__ == "__main__":
    sys.exit(main())
