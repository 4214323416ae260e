"""The release of TensorFlow whose API Reflow has, as programs ask for it: `tf.__version__`."""

from __future__ import annotations

import importlib.metadata
import platform

from reflow.lang.export import export_value

VERSION = "2.21.0"  # what programs compare with: the API level
GRAPH_DEF_VERSION = 2474  # TensorFlow 2.21's: the version that a GraphDef's producer states
GRAPH_DEF_VERSION_MIN_CONSUMER = 0
GRAPH_DEF_VERSION_MIN_PRODUCER = 0
COMPILER_VERSION = platform.python_compiler()
CXX11_ABI_FLAG = 1
CXX_VERSION = 201703
MONOLITHIC_BUILD = 0


def __getattr__(name: str) -> str:
    # The package's own version: reading its metadata takes a while.
    if name == "GIT_VERSION":
        return f"reflow-{importlib.metadata.version('reflow')}"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


for _name in (
    "VERSION",
    "GIT_VERSION",
    "COMPILER_VERSION",
    "GRAPH_DEF_VERSION",
    "GRAPH_DEF_VERSION_MIN_CONSUMER",
    "GRAPH_DEF_VERSION_MIN_PRODUCER",
):
    export_value(__name__, _name, f"version.{_name}", v1=[_name])
export_value(__name__, "VERSION", "__version__")
export_value(__name__, "GIT_VERSION", "__git_version__")
export_value(__name__, "COMPILER_VERSION", "__compiler_version__")
for _name in ("CXX11_ABI_FLAG", "CXX_VERSION", "MONOLITHIC_BUILD"):
    export_value(__name__, _name, f"sysconfig.{_name}", v1=[_name])
export_value(__name__, "CXX11_ABI_FLAG", "__cxx11_abi_flag__")
export_value(__name__, "CXX_VERSION", "__cxx_version__")
export_value(__name__, "MONOLITHIC_BUILD", "__monolithic_build__")
