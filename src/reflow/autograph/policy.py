"""Which functions are converted when converted code calls them, and which are left alone."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import weakref
from typing import Any

# Libraries that are not written for it. Those of the user's own, installed or not, are converted.
_LIBRARIES = frozenset(
    ("absl.logging", "google", "grpc", "h5py", "IPython", "jax", "jaxlib", "keras", "matplotlib")
    + ("ml_dtypes", "mock", "numpy", "opt_einsum", "optree", "pandas", "PIL", "pkg_resources")
    + ("psutil", "pytest", "_pytest", "reflow", "rich", "scipy", "tensorboard", "tensorflow")
    + ("tensorflow_datasets.core", "tensorflow_probability", "tf_keras", "wrapt")
)
# Of Python's own modules, these call back what they are given.
_CALL_BACK = frozenset(["functools", "contextlib"])

_NOT_CALLED_AT_ONCE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_verdicts: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def artifact(function: Any) -> Any:
    """Marks a function as converted, or as one that is called as it is.

    The mark is the function's own code, so that a wrapper does not inherit it with the attributes.
    """
    if isinstance(function, types.FunctionType):
        function.ag_artifact = function.__code__  # type: ignore[attr-defined]
    return function


def is_artifact(target: Any) -> bool:
    function = target.__func__ if isinstance(target, types.MethodType) else target
    if not isinstance(function, types.FunctionType):
        return False
    return function.__dict__.get("ag_artifact") is function.__code__


def left_alone(function: types.FunctionType) -> bool:
    """Whether converted code calls `function` as it is."""
    verdict = _verdicts.get(function)
    if verdict is None:
        verdict = _verdicts[function] = _left_alone(function)
    return verdict


def leave_alone(function: types.FunctionType) -> None:
    """Has `function` called as it is from now on."""
    _verdicts[function] = True


def _left_alone(function: types.FunctionType) -> bool:
    code = function.__code__
    if is_artifact(function) or code.co_flags & _NOT_CALLED_AT_ONCE:
        return True
    if code.co_filename == "<string>" or code.co_filename.startswith("<frozen "):
        return True
    # A wrapper that a library made says that it is of the module of what it wraps.
    return of_library(function.__module__)


@functools.cache
def of_library(module: str | None) -> bool:
    """Whether a module belongs to a library that is not converted."""
    if not module:
        return False
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return parts[0] not in _CALL_BACK and parts[0] != "__main__"
    return any(".".join(parts[:i]) in _LIBRARIES for i in range(1, len(parts) + 1))


def of_test_case(arguments: tuple[Any, ...]) -> bool:
    """Whether the first argument is a test case, whose methods are called as they are."""
    unittest = sys.modules.get("unittest")
    return bool(arguments) and unittest is not None and isinstance(arguments[0], unittest.TestCase)
