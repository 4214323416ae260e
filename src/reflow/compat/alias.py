"""`import tensorflow` means Reflow: the import hook behind `reflow run`.

`tensorflow` is the TF 1 or the TF 2 name space; `tensorflow.compat.v1` and `.v2`, their name spaces
as modules, and the internal paths that public code imports (`internal_paths`) resolve beneath it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

from reflow import api
from reflow.compat import keras
from reflow.lang.foreign_names import use_foreign_names

_MODULES = {
    "tensorflow.examples.tutorials.mnist.input_data": "reflow.compat.mnist_input_data",
}
_PACKAGES = ("examples", "examples.tutorials", "examples.tutorials.mnist", "python", "core")


class TensorFlowFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `tensorflow` and everything below it in Reflow.

    Args:
      space: "v1" or "v2": what `tensorflow` itself is.
    """

    def __init__(self, space: str):
        self.space = space

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "keras":  # it imports JAX, and a program's own draws must not change by that
            importlib.import_module("reflow.compiler.jax_setup")
        if fullname != "tensorflow" and not fullname.startswith("tensorflow."):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self.module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to execute: the module is made whole by `create_module`.

        Modules of Keras stand in for an empty one, so that their own `__spec__` stays.
        """
        if "_stands_for" in module.__dict__:
            sys.modules[module.__name__] = module._stands_for

    def module(self, fullname: str) -> types.ModuleType:
        """The module that an import of `fullname` gives.

        Raises:
          ModuleNotFoundError: naming what is missing.
        """
        if fullname == "tensorflow":
            return api.Namespace("tensorflow", self.space)
        rest = fullname.removeprefix("tensorflow.")
        if fullname in _MODULES:
            return importlib.import_module(_MODULES[fullname])
        for version in ("v1", "v2"):
            for root in (f"compat.{version}", f"_api.{version}"):
                if rest == root:
                    return api.Namespace(fullname, version)
                if rest.startswith(root + "."):
                    return self._public(fullname, version, rest.removeprefix(root + "."))
        if rest == "compat":
            return api.Namespace(fullname, self.space, "compat.")
        if rest.split(".")[0] in ("python", "core", "compiler"):
            from reflow.compat import internal_paths

            return internal_paths.module(fullname, rest)
        if keras.is_keras(self.space, rest):
            try:
                found = keras.lookup(rest, fullname)
            except AttributeError as error:
                raise ModuleNotFoundError(str(error), name=fullname) from None
            if not isinstance(found, types.ModuleType):
                raise ModuleNotFoundError(f"{fullname} is no module", name=fullname)
            empty = types.ModuleType(fullname)
            empty.__path__ = []
            empty._stands_for = found  # type: ignore[attr-defined]
            return empty
        if rest in _PACKAGES:
            package = types.ModuleType(fullname)
            package.__path__ = []
            return package
        return self._public(fullname, self.space, rest)

    def _public(self, fullname: str, space: str, name: str) -> types.ModuleType:
        try:
            found = api.lookup(space, name, fullname)
        except api.MissingSymbol as error:
            raise ModuleNotFoundError(str(error), name=fullname) from None
        if not isinstance(found, types.ModuleType):
            raise ModuleNotFoundError(f"{fullname} is no module", name=fullname)
        return found


def install(space: str) -> TensorFlowFinder:
    """Makes `import tensorflow` give Reflow: as TF 1 ("v1") or TF 2 ("v2").

    Raises:
      RuntimeError: if another `tensorflow` is imported already.
    """
    if space not in ("v1", "v2"):
        raise ValueError(f"space is 'v1' or 'v2', not {space!r}")
    held = sys.modules.get("tensorflow")
    if held is not None and not isinstance(held, api.Namespace):
        raise RuntimeError("another `tensorflow` is imported already")
    uninstall()
    finder = TensorFlowFinder(space)
    sys.meta_path.insert(0, finder)
    use_foreign_names(True)
    if space == "v1":
        from reflow.compat.v2_behavior import disable_v2_behavior

        disable_v2_behavior()
    return finder


def uninstall() -> None:
    """Undoes `install`."""
    use_foreign_names(False)
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, TensorFlowFinder)]
    for name in [n for n in sys.modules if n == "tensorflow" or n.startswith("tensorflow.")]:
        del sys.modules[name]
