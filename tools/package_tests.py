"""Packages' own tests on Reflow and on TensorFlow: how many of those that pass there pass here.

    python tools/package_tests.py --tensorflow TF/bin/python --results DIR            all of them
    python tools/package_tests.py --tensorflow TF/bin/python --results DIR keras/ops einops
    python tools/package_tests.py --results DIR --report [--failures]                 what is there

The tests are inside of the package, or of its source distribution, which pip then fetches. Each side
runs them in an environment of its own, in one process per row of the table; this Python runs
Reflow's, as `reflow run --tf2 -m pytest`, and has the same packages without TensorFlow (`pip install
--no-deps`). Outcomes are kept in `DIR/SIDE/ROW.jsonl`, a line per test as it ends, so that a run that
was interrupted, or a process that died, goes on with the test after. TensorFlow's are made once;
`--again` runs Reflow's tests again, `--failed` those that did not pass.

This file is also the pytest plugin of both sides, which writes the outcomes.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import types

_PLACE = "REFLOW_PACKAGE_TESTS"  # the file of outcomes, for the plugin
_MAX_RESTARTS = 40


@dataclasses.dataclass(frozen=True)
class Suite:
    """Tests that make one row of the table.

    Args:
        name: The package on PyPI, and after a slash which part of it.
        tests: Files and directories, seen from where packages are installed.
        in_source: They are seen from the root of the source distribution instead.
        only: What pytest's `-k` chooses, where most tests are not about TensorFlow.
        settings: Environment variables, by which a package of many backends takes TensorFlow.
    """

    name: str
    tests: tuple[str, ...]
    in_source: bool = False
    only: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def package(self) -> str:
        return self.name.partition("/")[0]

    @property
    def file(self) -> str:
        return self.name.replace("/", "-")


_KERAS = (
    *("ops", "layers", "losses", "metrics", "optimizers", "models", "trainers", "callbacks"),
    *("random", "initializers", "regularizers", "saving", "utils"),
)
SUITES = (
    *(Suite(f"keras/{part}", (f"keras/src/{part}",)) for part in _KERAS),
    Suite("dm-sonnet", ("sonnet",)),
    Suite("autokeras", ("autokeras",)),
    Suite("einops", ("einops/tests",), settings=(("EINOPS_TEST_BACKENDS", "tensorflow"),)),
    Suite("opt_einsum", ("opt_einsum/tests",), only="tensorflow"),
    Suite("tensorflow-datasets/features", ("tensorflow_datasets/core/features",)),
    Suite("tensorflow-datasets/testing", ("tensorflow_datasets/testing",)),
    Suite("tensorflow-graphics", ("tensorflow_graphics",)),
    Suite("tensorly", ("tensorly",), settings=(("TENSORLY_BACKEND", "tensorflow"),)),
    Suite("tensornetwork", ("tensornetwork/backends/tensorflow",)),
    Suite("tf-explain", ("tests",), in_source=True),
    Suite("tf-keras-vis", ("tests/tf_keras_vis",)),
    Suite("tf-slim", ("tf_slim",)),
)


# The plugin ---------------------------------------------------------------------------------------


def _skip_if(backend: str, reason: str):
    import pytest

    return pytest.mark.skipif(os.environ["KERAS_BACKEND"] == backend, reason=reason)


if _PLACE in os.environ and pathlib.Path(os.environ[_PLACE]).stem.startswith("keras-"):
    # The one helper that tests import from the root of Keras's repository, which the package lacks.
    sys.modules["conftest"] = types.ModuleType("conftest")
    sys.modules["conftest"].skip_if_backend = _skip_if


def _write(row: dict) -> None:
    with open(os.environ[_PLACE], "a") as file:
        file.write(json.dumps(row) + "\n")


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests whose outcome is known, or which ended the process."""
    done = {row["test"] for row in _rows(pathlib.Path(os.environ[_PLACE]))}
    only = os.environ.get(_PLACE + "_ONLY")
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


def run(side: str, python: str, suite: Suite, results: pathlib.Path, limit: int) -> None:
    """Runs the tests of a suite that have no outcome yet."""
    place = results / side / f"{suite.file}.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    root = source_of(suite.package, python, results) if suite.in_source else _installed(python)
    tools = pathlib.Path(__file__).resolve().parent
    paths = [str(tools)]
    start = [python]
    if side == "reflow":
        paths += [str(tools.parent / "src"), os.environ.get("PYTHONPATH", "")]
        start += ["-m", "reflow.cli.main", "run", "--tf2"]
    environment = {
        **os.environ,
        **dict(suite.settings),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "agg",
        _PLACE: str(place),
    }
    command = [*start, "-m", "pytest", "-q", "-p", "package_tests", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={root}", "--tb=short", "-W", "ignore"]
    command += ["--continue-on-collection-errors", "--show-capture=no", f"--timeout={limit}"]
    command += ["-k", suite.only] if suite.only else []
    command += [str(root / path) for path in suite.tests]
    log = results / side / f"{suite.file}.log"
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


def _says(python: str, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _installed(python: str) -> pathlib.Path:
    return pathlib.Path(_says(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))


def source_of(package: str, python: str, results: pathlib.Path) -> pathlib.Path:
    """The source distribution of the version that is installed; fetched and unpacked once."""
    place = results / "sources" / package
    if not place.exists():
        code = f"from importlib import metadata; print(metadata.version({package!r}))"
        wanted = f"{package}=={_says(python, code)}"
        fetched = results / "sources" / "fetched" / package
        command = [python, "-m", "pip", "download", "--no-binary", package, "--no-deps"]
        subprocess.run([*command, "--dest", str(fetched), wanted], check=True)
        (archive,) = fetched.iterdir()
        shutil.unpack_archive(archive, place)
    (root,) = place.iterdir()
    return root


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


def report(results: pathlib.Path, suites: list[Suite], failures: bool) -> bool:
    """Prints the table, and the failures by cause; whether 97 per cent pass."""
    total = [0, 0]
    causes: dict[str, dict[str, list[str]]] = {}
    print("| tests of | pass on TensorFlow | of these on Reflow | per cent |")
    print("| --- | ---: | ---: | ---: |")
    for suite in suites:
        theirs = outcomes(results / "tensorflow" / f"{suite.file}.jsonl")
        ours = outcomes(results / "reflow" / f"{suite.file}.jsonl")
        expected = [test for test, row in theirs.items() if row["outcome"] == "passed"]
        passed = [t for t in expected if ours.get(t, {}).get("outcome") == "passed"]
        total[0] += len(expected)
        total[1] += len(passed)
        _print_row(suite.name, len(expected), len(passed))
        groups = causes.setdefault(suite.name, collections.defaultdict(list))
        for test in set(expected) - set(passed):
            groups[cause(ours.get(test), ours, test)].append(test)
    _print_row("all", *total)
    for name, groups in causes.items() if failures else ():
        print(f"\n{name}:\n" if groups else "", end="")
        for text, tests in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            print(f"- {len(tests)} x {text}  ({min(tests).partition('::')[2]})")
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


def chosen(names: list[str]) -> list[Suite]:
    """The suites of these names, or of these packages; all of them for no names."""
    known = {name for suite in SUITES for name in (suite.name, suite.package)}
    if unknown := set(names) - known:
        raise SystemExit(f"no tests of {sorted(unknown)}: there are {sorted(known)}")
    return [s for s in SUITES if not names or s.name in names or s.package in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", help="packages or rows of the table; by default all")
    parser.add_argument("--tensorflow", help="a Python with TensorFlow, pytest and pytest-timeout")
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
    suites = chosen(args.suites)
    for suite in () if args.report else suites:
        started = time.time()
        if args.tensorflow and args.only != "reflow":
            run("tensorflow", args.tensorflow, suite, args.results, args.timeout)
        if args.only != "tensorflow":
            place = args.results / "reflow" / f"{suite.file}.jsonl"
            if args.again or args.failed:
                forget(place, passed_too=args.again)
            run("reflow", sys.executable, suite, args.results, args.timeout)
        print(f"{suite.name}: {time.time() - started:.0f} s", file=sys.stderr)
    return 0 if report(args.results, suites, args.failures) else 1


if __name__ == "__main__":
    sys.exit(main())
