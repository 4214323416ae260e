"""Loading the family file of an op that a graph or a rule names."""

from __future__ import annotations

import importlib
import pkgutil

import reflow.ops


def load(name: str) -> None:
    """Imports the family that defines the op `name`, if any does."""
    from reflow._api import OPS

    family = OPS.get(name)
    if family is not None:
        importlib.import_module(family)


def load_all() -> None:
    """Imports every family, also those in other rooms than `ops`."""
    from reflow._api import OPS

    for module in pkgutil.walk_packages(reflow.ops.__path__, "reflow.ops."):
        importlib.import_module(module.name)
    for family in sorted(set(OPS.values())):
        importlib.import_module(family)
