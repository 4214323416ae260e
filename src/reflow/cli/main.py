"""The entry point of the `reflow` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="reflow", description="TensorFlow programs, on XLA, without TensorFlow."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a TensorFlow program unchanged")
    _program(run)
    explain = commands.add_parser(
        "explain", help="run a program, then say what was compiled, interpreted, cut, and why"
    )
    _program(explain)
    check = commands.add_parser(
        "check", help="which tf. symbols a code base uses, and what is missing"
    )
    check.add_argument("paths", nargs="+", metavar="PATH")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    mode = check.add_mutually_exclusive_group()
    mode.add_argument("--tf1", action="store_true", help="`tf` is TF 1's name space")
    mode.add_argument("--tf2", action="store_true", help="`tf` is TF 2's name space")
    commands.add_parser("doctor", help="the state of the installation and its devices")
    args = parser.parse_args(argv)
    if args.command in ("run", "explain"):
        from reflow.cli import run as program

        return program.main(args, explain=args.command == "explain", usage=parser.error)
    try:
        if args.command == "check":
            from reflow.cli import check as checker

            return checker.main(args)
        from reflow.cli import doctor

        return doctor.main()
    except BrokenPipeError:  # who reads it has read enough: `reflow doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _program(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--tf1", action="store_true", help="it is a TF 1 program (graphs, sessions)")
    mode.add_argument("--tf2", action="store_true", help="it is a TF 2 program (eager)")
    # What follows the module is its own, as with python -m.
    parser.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        metavar="MODULE",
        help="run a module, like python -m",
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="script.py ...")


if __name__ == "__main__":
    sys.exit(main())
