"""TensorFlow's error classes, and how Reflow words and trims an error.

The first line of an error names the user's own file and line. Frames of Reflow and of JAX are
hidden from printed tracebacks unless the environment says `REFLOW_TRACEBACK=full`.
https://www.tensorflow.org/api_docs/python/tf/errors
"""

from __future__ import annotations

import os
import re
import sys
import types
from typing import Any

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class OpError(Exception):
    """A failure of an op: `node_def`, `op`, `message` and `error_code` say which and why."""

    _code = UNKNOWN

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int | None = None):
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = self._code if error_code is None else error_code

    @property
    def message(self) -> str:
        return self._message

    @property
    def op(self) -> Any:
        return self._op

    @property
    def error_code(self) -> int:
        return self._error_code

    @property
    def node_def(self) -> Any:
        if self._node_def is None and self._op is not None:
            return getattr(self._op, "node_def", None)
        return self._node_def

    @property
    def experimental_payloads(self) -> dict:
        return {}

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple:
        # An op does not pickle: the message, which names it, does.
        return type(self), (None, None, self._message)


def _error(name: str, code: int, doc: str) -> type[OpError]:
    def __init__(self, node_def, op, message, *args):
        OpError.__init__(self, node_def, op, message, code)

    body = {"__doc__": doc, "_code": code, "__init__": __init__, "__module__": __name__}
    return type(name, (OpError,), body)


CancelledError = _error("CancelledError", CANCELLED, "The run or the op was cancelled.")
UnknownError = _error("UnknownError", UNKNOWN, "An error of unknown cause.")
InvalidArgumentError = _error(
    "InvalidArgumentError", INVALID_ARGUMENT, "An op received an argument it cannot take."
)
DeadlineExceededError = _error(
    "DeadlineExceededError", DEADLINE_EXCEEDED, "The deadline passed before the run ended."
)
NotFoundError = _error("NotFoundError", NOT_FOUND, "A file, key or device does not exist.")
AlreadyExistsError = _error("AlreadyExistsError", ALREADY_EXISTS, "An entity exists already.")
PermissionDeniedError = _error(
    "PermissionDeniedError", PERMISSION_DENIED, "The caller may not do this."
)
ResourceExhaustedError = _error(
    "ResourceExhaustedError", RESOURCE_EXHAUSTED, "Memory or another resource ran out."
)
FailedPreconditionError = _error(
    "FailedPreconditionError", FAILED_PRECONDITION, "The system is not in the state required."
)
AbortedError = _error("AbortedError", ABORTED, "The operation was aborted.")
OutOfRangeError = _error("OutOfRangeError", OUT_OF_RANGE, "An input or a queue has ended.")
UnimplementedError = _error(
    "UnimplementedError", UNIMPLEMENTED, "The operation is not implemented here."
)
InternalError = _error("InternalError", INTERNAL, "An invariant was broken inside the system.")
UnavailableError = _error("UnavailableError", UNAVAILABLE, "A service is not available now.")
DataLossError = _error("DataLossError", DATA_LOSS, "Data was lost or corrupted.")
UnauthenticatedError = _error(
    "UnauthenticatedError", UNAUTHENTICATED, "The request lacks valid credentials."
)

_BY_CODE = {
    cls._code: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, OpError) and cls is not OpError
}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class for a status code: `INVALID_ARGUMENT` gives `InvalidArgumentError`."""
    return _BY_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """The status code of an error class."""
    return cls._code


def invalid(message: str) -> OpError:
    """An InvalidArgumentError of a lowering: the node is told by what runs it."""
    return InvalidArgumentError(None, None, message)


class OperatorNotAllowedInGraphError(TypeError):
    """A symbolic tensor was used where Python needs a value (`if tensor:`, `for x in tensor`)."""


class InaccessibleTensorError(ValueError, TypeError):
    """A tensor of one function or graph was used in another."""


# Where the user's program stands ------------------------------------------------------------------

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_HIDDEN = (_PACKAGE, f"{os.sep}site-packages{os.sep}jax", "<frozen ", f"{os.sep}contextlib.py")


_LIBRARIES = re.compile(r"[/\\](?:site|dist)-packages[/\\](?:keras|numpy)[/\\]")  # that call Reflow
_STANDARD = re.compile(re.escape(os.path.dirname(os.__file__)) + r"[/\\](?!(?:site|dist)-packages)")
_users: dict[str, bool] = {}  # whether a file is a program's, by its name


def _is_users(file: str) -> bool:
    _users[file] = found = not (
        file.startswith((_PACKAGE, "<frozen")) or _STANDARD.match(file) or _LIBRARIES.search(file)
    )
    return found


def user_frame(depth: int = 1) -> tuple[types.CodeType, int]:
    """The innermost frame of the program, outside of Reflow, Keras, NumPy and Python's own library: its
    code and line.

    Costs about a microsecond.
    """
    frame: Any = sys._getframe(depth)
    last = frame
    while frame is not None:
        file = frame.f_code.co_filename
        if _users[file] if file in _users else _is_users(file):
            return frame.f_code, frame.f_lineno
        last = frame
        frame = frame.f_back
    return last.f_code, last.f_lineno


def raised_at(error: BaseException) -> tuple[types.CodeType, int] | None:
    """The innermost frame of the program in the traceback of `error`."""
    site = None
    tb = error.__traceback__
    while tb is not None:
        if _is_users(tb.tb_frame.f_code.co_filename):
            site = tb.tb_frame.f_code, tb.tb_lineno
        tb = tb.tb_next
    return site


def where(site: tuple[types.CodeType, int] | None) -> str:
    """`file.py:12`, relative to the working directory where that is shorter."""
    if site is None:
        return "<unknown>"
    path, line = site[0].co_filename, site[1]
    if path.startswith(os.sep):
        try:
            relative = os.path.relpath(path)
        except (OSError, ValueError):
            relative = path
        if len(relative) < len(path):
            path = relative
    return f"{path}:{line}"


def user_site() -> str:
    """Where the user's program stands, as messages say it: `file.py:12`."""
    return where(user_frame(2))


def shorten(error: BaseException) -> BaseException:
    """Drops the frames of Reflow and JAX, and the chain of causes, from `error`'s traceback."""
    if os.environ.get("REFLOW_TRACEBACK") == "full":
        return error
    error.__cause__ = None
    error.__suppress_context__ = True
    kept: list[types.TracebackType] = []
    tb = error.__traceback__
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if not any(part in name for part in _HIDDEN):
            kept.append(tb)
        tb = tb.tb_next
    trimmed = None
    for each in reversed(kept):
        trimmed = types.TracebackType(trimmed, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return error.with_traceback(trimmed)


def install_hook() -> None:
    """Makes uncaught errors print without the frames of Reflow and JAX."""
    previous = sys.excepthook

    def hook(kind, error, tb):
        short = shorten(error)
        previous(kind, short, short.__traceback__)

    sys.excepthook = hook
