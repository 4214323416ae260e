"""What the package asks for, with native kernels and without."""

import importlib.util
import pathlib
import tomllib
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def building():
    spec = importlib.util.spec_from_file_location("building", ROOT / "tools" / "build_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dependencies(building):
    """What the hook of hatchling that pyproject.toml names makes of the lists there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["dependencies"]
    config = project["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    assert ROOT / config["path"] == pathlib.Path(building.__file__)
    metadata = {}
    building.DependenciesHook.update(types.SimpleNamespace(config=config), metadata)
    return [each for each in metadata["dependencies"] if each.startswith("onednn")], metadata


def test_oneDNN_is_asked_for_where_kernels_can_be_built(building, monkeypatch):
    monkeypatch.setattr(building, "compiler", lambda: "c++")
    onednn, metadata = dependencies(building)
    assert onednn and set(onednn) < set(building.NEEDED)
    assert any(each.startswith("numpy") for each in metadata["dependencies"])


def test_without_kernels_nothing_asks_for_oneDNN(building, monkeypatch):
    monkeypatch.setenv("REFLOW_BUILD_KERNELS", "0")
    onednn, metadata = dependencies(building)
    assert not onednn and any(each.startswith("jax") for each in metadata["dependencies"])
    hook = building.KernelsHook.dependencies(types.SimpleNamespace())
    assert hook == []  # nor does the build
