"""Importing the framework: seconds, and the most memory the process has held by then."""

import importlib

from workloads import common

FRESH = True
METRICS = {"time": ("import", "s")}
TARGETS = {"time": "0.4 s, a tenth of TensorFlow", common.PEAK: "120 MB"}


def importer(module):
    def repeat():
        return {"time": common.timed(lambda: importlib.import_module(module))}

    return repeat


def in_tensorflow():
    return importer(common.framework)


def in_jax():
    return importer("jax")


def in_torch():
    return importer("torch")
