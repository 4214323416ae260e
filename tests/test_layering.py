"""Imports point up the list of layers only, and `import reflow` stays light."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "src" / "reflow"

# From the bottom up: a module imports from its own layer and from those before it.
LAYERS = [
    *("lang", "platform", "kernels", "ops", "autograph", "autodiff", "compiler", "runtime"),
    *("formats", "data", "train", "distribute", "layers", "serve", "compat", "cli", "testing"),
]
# Beside the rooms: the public name spaces, which lie above all of them.
ROOT = {"api", "__main__"}
# The map of public names, written by tools/make_api.py: data, which any room may read.
MAP = "_api"
# What users see of a program: nothing below may know how it is run.
FRONT = {"compat", "cli"}
FORBIDDEN = ("jax._src", "jaxlib", "tensorflow")
HEAVY = ("jax", "google.protobuf", "keras", "PIL", "grpc")


def imports(source, module, is_package):
    """The absolute names that the Python text `source` of `module` imports, with their lines.

    `from a import b` counts as `a.b`, which is right whether b is a module or not, since only the
    leading parts are looked at. Calls of import_module with a literal name count too.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            name = node.args[0]
            if called in ("import_module", "__import__") and isinstance(name, ast.Constant):
                yield node.lineno, str(name.value)


def violations(source, module, is_package=False):
    """What is wrong with the imports of one module, a sentence each."""
    layer = module.split(".")[1] if "." in module else None
    for line, name in imports(source, module, is_package):
        if any(name == bad or name.startswith(bad + ".") for bad in FORBIDDEN):
            yield f"{module}:{line} imports {name}, which no module of reflow may"
        parts = name.split(".")
        if parts[0] != "reflow" or layer is None or layer in ROOT:
            continue
        target = parts[1] if len(parts) > 1 else None
        if target == MAP:
            continue
        if target not in LAYERS:
            # The package itself (`import reflow`, `from reflow import name`) lies above all layers.
            of_room = is_package and target == "api"  # rooms that are name spaces too: `tf.train`
            if layer not in (*FRONT, "testing") and not of_room:
                yield f"{module}:{line} imports {name} from the package root, which lies above it"
        elif LAYERS.index(target) > LAYERS.index(layer):
            yield f"{module}:{line} imports {name}, and {target} lies above {layer}"
        elif target in FRONT and layer not in FRONT:
            yield f"{module}:{line} imports {name}; only the package root may"


def modules():
    """Path and dotted name of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_module_lies_in_a_layer():
    at_root = {module.split(".")[1] for _, module in modules() if "." in module}
    assert at_root <= {*LAYERS, *ROOT, MAP}
    assert {"lang", "ops"} <= at_root


def test_imports_point_up_the_list_only():
    found = []
    for path, module in modules():
        found += violations(path.read_text(), module, path.name == "__init__.py")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "module, source, wrong",
    [
        ("reflow.ops.math", "from reflow.lang import dtypes", False),
        ("reflow.ops.math", "from ..lang.graph import Graph", False),
        ("reflow.ops.math", "from . import nn", False),
        ("reflow.ops.math", "from ..runtime import session", True),
        ("reflow.ops.math", "def f():\n    import reflow.runtime.session", True),
        ("reflow.ops.math", "import importlib\nimportlib.import_module('reflow.runtime')", True),
        ("reflow.ops.math", "import reflow as tf", True),
        ("reflow.testing.check", "import reflow as tf", False),
        ("reflow.testing.check", "from reflow.compat import v1", True),
        ("reflow.cli.main", "from reflow.compat import alias", False),
        ("reflow.compat.v1", "from reflow.cli import main", True),
        ("reflow.compiler.trace", "import jax._src.core", True),
        ("reflow.compiler.trace", "from jax import _src", True),
        ("reflow.compiler.trace", "import jax.numpy as jnp", False),
        ("reflow.compiler.trace", "from jaxlib import xla_client", True),
        ("reflow.compat.alias", "import tensorflow", True),
        ("reflow", "from reflow.compat import v1", False),
        ("reflow.ops.families", "from reflow._api import OPS", False),
        ("reflow.ops.families", "from reflow.api import lookup", True),
        ("reflow.compat.v1", "from reflow import api", False),
        ("reflow.api", "from reflow.compat import v1", False),
        ("reflow.platform.gfile", "from reflow.lang import errors", False),
        ("reflow.platform.gfile", "from reflow.ops import math", True),
        ("reflow", "import jaxlib", True),
    ],
)
def test_the_check_itself(module, source, wrong):
    assert bool(list(violations(source, module, is_package=module == "reflow"))) is wrong


def test_relative_imports_of_a_package_count_from_the_package_itself():
    assert [name for _, name in imports("from .. import runtime", "reflow.ops", True)] == [
        "reflow.runtime"
    ]
    assert list(violations("from ..runtime import session", "reflow.ops", is_package=True))


def test_import_reflow_is_light():
    program = f"import sys, reflow; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
