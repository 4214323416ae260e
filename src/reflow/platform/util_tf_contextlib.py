"""`contextmanager` that `tf_inspect` sees through: `tensorflow.python.util.tf_contextlib`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from reflow.platform.util_tf_decorator import make_decorator


def contextmanager(target: Callable[..., Any]) -> Callable[..., Any]:
    """Like `contextlib.contextmanager`; the result keeps the signature of `target`."""
    return make_decorator(target, contextlib.contextmanager(target), "contextmanager")
