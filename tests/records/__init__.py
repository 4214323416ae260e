"""Test records of all op families. `load()` reads them; `RECORDS` has them by op."""

from __future__ import annotations

import importlib
import pathlib

from .base import RECORDS

__all__ = ["RECORDS", "families", "load"]


def families() -> list[str]:
    """The names of the family files."""
    here = pathlib.Path(__file__).parent
    return sorted(
        p.stem for p in here.glob("*.py") if p.stem not in ("__init__", "base", "expected")
    )


def load(only: list[str] | None = None) -> dict[str, Exception]:
    """Reads the family files (or `only` these).

    Returns:
      The errors of those that could not be read, by family: one broken file does not take away the
      tests of the others.
    """
    broken: dict[str, Exception] = {}
    for family in families() if only is None else only:
        try:
            importlib.import_module(f"{__name__}.{family}")
        except Exception as error:
            broken[family] = error
    return broken
