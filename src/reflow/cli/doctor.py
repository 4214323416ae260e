"""`reflow doctor`: the state of the installation, its packages and its devices."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time

_NEEDED = ("numpy", "ml_dtypes", "jax", "jaxlib", "protobuf", "scipy", "absl-py", "threadpoolctl")
_OPTIONAL = ("keras", "tensorboard", "pillow", "fsspec", "grpcio", "optuna")


def main() -> int:
    """Prints the report; 0 when Reflow can run, 1 when it cannot."""
    ok = True
    print(f"reflow {_version('reflow')}, Python {sys.version.split()[0]}, {platform.platform()}")
    for name in _NEEDED:
        version = _version(name)
        ok &= version != "missing"
        print(f"  {name:12} {version}")
    for name in _OPTIONAL:
        print(f"  {name:12} {_version(name)} (optional)")
    real = _version("tensorflow")
    if real != "missing":
        print(f"  tensorflow   {real}: `reflow run` takes its place within the program it runs")
    try:
        from reflow.compiler import targets

        print("  devices      " + ", ".join(targets.device_names()))
        started = time.perf_counter()
        ok &= _compiles()
        print(
            f"  compiler     works ({time.perf_counter() - started:.2f} s with the import of JAX)"
        )
        from reflow.compiler.stats import journal

        cache = next(event for event in journal() if event["event"] == "cache")
        print(f"  cache        {cache['directory'] or 'none'} ({cache['why']})")
    except Exception as error:
        print(f"  compiler     fails: {type(error).__name__}: {error}")
        ok = False
    from reflow.kernels import library

    print(f"  CPU kernels  {library.status()}")
    print("all is well" if ok else "something is missing: see above")
    return 0 if ok else 1


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _compiles() -> bool:
    """Whether a small graph gives the right number through XLA."""
    from reflow import api
    from reflow.compiler import policy

    before, policy.forced[0] = policy.forced[0], "compile"
    try:
        graph = api.lookup("v1", "Graph", "tf.Graph")()
        with graph.as_default():
            x = api.lookup("v1", "constant", "tf.constant")([1.0, 2.0])
            y = api.lookup("v1", "placeholder", "tf.placeholder")(api.lookup("v1", "float32", ""))
            z = api.lookup("v1", "reduce_sum", "tf.reduce_sum")(x * y)
        with api.lookup("v1", "Session", "tf.Session")(graph=graph) as session:
            return float(session.run(z, {y: 2.0})) == 6.0
    finally:
        policy.forced[0] = before
