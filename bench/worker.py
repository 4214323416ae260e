"""Measures one workload in one framework: the process that run.py starts in a peer's environment.

    python bench/worker.py FRAMEWORK WORKLOAD

It sets the workload up and answers each line on standard input with one repetition: a line of JSON,
{"values": {...}} or {"error": "..."}. The most memory that the process has held by then is among the values.
What frameworks print goes to standard error.
"""

import importlib
import json
import os
import sys
import traceback

from workloads import common

SETUPS = {
    "reflow": "in_tensorflow",
    "tensorflow": "in_tensorflow",
    "jax": "in_jax",
    "torch": "in_torch",
    "torch.compile": "in_torch_compiled",
}


def main():
    framework, workload = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        common.framework = framework
        module = importlib.import_module(f"workloads.{workload}")
        repeat = getattr(module, SETUPS[framework])()
        print("{}", file=answers)
        while sys.stdin.readline():
            values = repeat()
            if os.path.exists("/proc/self/status"):  # on Linux
                values = {**values, common.PEAK: common.peak_bytes()}
            print(json.dumps({"values": values}), file=answers)
    except Exception as error:
        traceback.print_exc()
        said = str(error).strip().split("\n")[0]
        print(json.dumps({"error": f"{type(error).__name__}: {said}"}), file=answers)


if __name__ == "__main__":
    main()
