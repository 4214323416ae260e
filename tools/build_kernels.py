"""Builds the native kernels, `src/reflow/kernels/_native.so`: the package's build does it, or by hand

    python tools/build_kernels.py [--sanitize address|thread]

They need Linux on x86-64, a C++17 compiler (CXX, c++, g++ or clang++), the headers of oneDNN
(onednn-devel-cpu-gomp), oneDNN itself (onednn-cpu-gomp) and JAX, which brings the headers of XLA's
foreign function interface. As the hook of hatchling it leaves the kernels out, with a warning, where one
of these is missing; REFLOW_BUILD_KERNELS=0 leaves them out without trying, 1 makes it an error. A package
that comes with kernels depends on oneDNN, one without does not: an index that lacks oneDNN serves the second.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import pathlib
import platform
import shutil
import subprocess
import sys

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ImportError:  # run by hand
    BuildHookInterface = MetadataHookInterface = object

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "reflow" / "kernels"
LIBRARY = FOLDER / "_native.so"
NEEDED = ("onednn-cpu-gomp==2023.2.*", "onednn-devel-cpu-gomp==2023.2.*", "jax>=0.9,<0.11")
WISH = "REFLOW_BUILD_KERNELS"


class NotPossible(Exception):
    """The kernels cannot be built here; the message says why."""


def compiler() -> str:
    """The C++ compiler to use.

    Raises:
      NotPossible: if there is none, or if the platform is another one.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NotPossible("the native kernels are for Linux on x86-64")
    if os.environ.get(WISH) == "0":
        raise NotPossible(f"{WISH}=0")
    for name in filter(None, (os.environ.get("CXX"), "c++", "g++", "clang++")):
        if shutil.which(name.split()[0]):
            return name
    raise NotPossible("no C++ compiler found")


def _installed(distribution: str, name: str) -> pathlib.Path:
    """Where the file with this ending of its path lies that a distribution has installed."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise NotPossible(f"{distribution} is not installed") from None
    for file in files:
        if file.as_posix().endswith(name):
            return pathlib.Path(str(file.locate())).resolve()
    raise NotPossible(f"{distribution} has no {name}")


def command(target: pathlib.Path, sanitize: str | None = None) -> list[str]:
    """The command that builds the library.

    Raises:
      NotPossible: if something that it needs is missing.
    """
    cxx = compiler().split()
    onednn = _installed("onednn-cpu-gomp", "/libdnnl.so.3")
    headers = _installed("onednn-devel-cpu-gomp", "/oneapi/dnnl/dnnl.hpp").parents[2]
    try:
        import jax
    except ImportError:
        raise NotPossible("jax is not installed") from None
    flags = [
        "-std=c++17",
        "-O3",
        "-Wall",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-pthread",
        "-fopenmp-simd",
        "-fno-math-errno",
    ]
    if sanitize:
        flags += [f"-fsanitize={sanitize}", "-g", "-fno-omit-frame-pointer"]
    sources = sorted(str(path) for path in (FOLDER / "native").glob("*.cc"))
    includes = ["-isystem", str(headers), "-isystem", jax.ffi.include_dir()]
    # No path to oneDNN is kept: whoever loads the kernels has loaded it before.
    return [*cxx, *flags, *includes, *sources, "-o", str(target), str(onednn), "-ldl"]


def build(sanitize: str | None = None) -> None:
    """Builds the library in its place.

    Raises:
      NotPossible: if something that it needs is missing, or the compiler fails.
    """
    part = LIBRARY.with_suffix(".part")
    done = subprocess.run(command(part, sanitize), capture_output=True, text=True)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise NotPossible("the compiler failed:\n" + done.stderr[-4000:])
    part.replace(LIBRARY)


class KernelsHook(BuildHookInterface):
    """Builds the kernels into the package, where it can."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        try:
            compiler()
        except NotPossible:
            return []
        return list(NEEDED)

    def initialize(self, version: str, build_data: dict) -> None:
        if self.target_name != "wheel":
            return
        try:
            build()
        except NotPossible as error:
            if os.environ.get(WISH) == "1":
                raise
            LIBRARY.unlink(missing_ok=True)  # of an earlier build, perhaps of other sources
            self.app.display_warning(f"Reflow comes without its native kernels: {error}")
            return
        build_data["pure_python"] = False
        # Loaded through ctypes: any Python will do.
        build_data["tag"] = f"py3-none-{_platform_tag()}"
        build_data["artifacts"].append("src/reflow/kernels/_native.so")


class DependenciesHook(MetadataHookInterface):
    """What the package depends on: oneDNN where the kernels are to be built, beside what it always needs."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict) -> None:
        wanted = list(self.config["dependencies"])
        with contextlib.suppress(NotPossible):
            compiler()
            wanted += self.config["with-kernels"]
        metadata["dependencies"] = sorted(wanted, key=str.lower)


def _platform_tag() -> str:
    import sysconfig

    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sanitize", choices=("address", "thread"))
    try:
        build(parser.parse_args().sanitize)
    except NotPossible as error:
        sys.exit(str(error))
    print(LIBRARY)


if __name__ == "__main__":
    main()
