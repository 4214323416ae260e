"""`reflow run` and `reflow explain`: a TensorFlow program, unchanged, on Reflow."""

from __future__ import annotations

import os
import pathlib
import runpy
import sys
from collections.abc import Callable
from typing import Any

from reflow.cli import symbols


def main(args: Any, explain: bool, usage: Callable[[str], Any]) -> int:
    """Runs the program of the parsed arguments; its exit code."""
    rest = list(args.rest)
    if args.module is None and rest[:1] == ["--"]:
        rest = rest[1:]
    module, *of_module = args.module or (None,)
    if module is None and not rest:
        usage("which program? reflow run script.py, or reflow run -m module")
    if module is not None:
        rest = of_module
        space, why = _mode_of_module(module)
        program = module
    else:
        program, *rest = rest
        if not os.path.exists(program):
            print(f"reflow: can't open file {program!r}: no such file", file=sys.stderr)
            return 2
        space, why = detect_mode(pathlib.Path(program))
    if args.tf1 or args.tf2:
        space, why = ("v1" if args.tf1 else "v2"), ""
    if why:
        print(f"reflow: {why}", file=sys.stderr)

    from reflow.compat import alias

    alias.install(space)
    sys.argv = [program, *rest]
    code = 0
    try:
        if module is not None:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
            _run_path(program)
    except SystemExit as leaving:
        code = _exit_code(leaving)
    finally:
        if explain:
            from reflow.cli.explain import report

            print(report(), file=sys.stderr)
    _leave_if_compiling(code)
    return code


def _leave_if_compiling(code: int) -> None:
    """Ends the process now when a compilation that nobody will use would hold it up."""
    cluster = sys.modules.get("reflow.compiler.cluster")
    if cluster is None or not cluster.is_compiling():
        return
    import atexit
    import threading

    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit.unregister(cluster.stop_compiling)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_path(program: str) -> None:
    """Runs a script as `__main__`, so that pickles and `sys.modules` find it there."""
    if os.path.isdir(program) or program.endswith((".zip", ".pyz")):
        runpy.run_path(program, run_name="__main__")
        return
    import types

    module = types.ModuleType("__main__")
    module.__file__ = program
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    with open(program, "rb") as file:
        code = compile(file.read(), program, "exec")
    exec(code, module.__dict__)


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)
    return 1


def detect_mode(script: pathlib.Path) -> tuple[str, str]:
    """Whether a script needs TF 1 ("v1") or TF 2 ("v2"), and the sentence that says why.

    TF 1 it is when the script, or a file beside it that it imports, uses a name of `tensorflow` itself
    that only TF 1 has, and more of those than of names that only TF 2 has.
    """
    from reflow.cli.names import V1_ONLY, V2_ONLY

    only_v1: dict[str, None] = {}
    only_v2: dict[str, None] = {}
    for path in symbols.local_sources(script):
        try:
            found = list(symbols.uses(path.read_text(errors="replace"), str(path)))
        except SyntaxError:
            continue
        for use in found:
            if use.space != "tf":
                continue
            head = use.name.split(".")
            names = [".".join(head[: i + 1]) for i in range(len(head))]
            if any(name in V1_ONLY for name in names):
                only_v1[use.name] = None
            elif any(name in V2_ONLY for name in names):
                only_v2[use.name] = None
    if only_v1 and len(only_v1) >= len(only_v2):
        shown = ", ".join("tf." + name for name in list(only_v1)[:3])
        return "v1", f"a TF 1 program ({shown}): graphs by default; --tf2 overrides"
    return "v2", ""


def _mode_of_module(name: str) -> tuple[str, str]:
    import importlib.util

    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            spec = importlib.util.find_spec(name + ".__main__")
    except ImportError:
        spec = None
    finally:
        sys.path.pop(0)
    if spec is None or spec.origin is None:
        return "v2", ""
    return detect_mode(pathlib.Path(spec.origin))
