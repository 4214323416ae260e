"""Importing the framework: seconds, and the most memory the process has held by then."""

import importlib

from workloads import common

FRESH = True
METRICS = {"time": ("import", "s"), "memory": ("import, peak memory", "MB")}
TARGETS = {"time": "0.4 s, a tenth of TensorFlow", "memory": "120 MB"}


def importer(module):
    def repeat():
        seconds = common.timed(lambda: importlib.import_module(module))
        return {"time": seconds, "memory": common.peak_bytes()}

    return repeat


def in_tensorflow():
    return importer(common.framework)


def in_jax():
    return importer("jax")


def in_torch():
    return importer("torch")
