"""Public names that only one of the two name spaces of TensorFlow 2.21 has: facts of its API."""

import pathlib


def _read() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {"v1": set(), "v2": set()}
    for line in pathlib.Path(__file__).with_suffix(".txt").read_text().splitlines():
        if not line.startswith("#"):
            space, name = line.split()
            found[space].add(name)
    return {space: frozenset(names) for space, names in found.items()}


V1_ONLY, V2_ONLY = _read().values()
