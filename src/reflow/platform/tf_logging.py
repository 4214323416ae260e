"""`tf.logging`: the logger `tensorflow` of Python's `logging`.

Messages go to the standard error as `INFO:tensorflow:message`, unless the program has configured the
root logger: then it alone decides. https://www.tensorflow.org/api_docs/python/tf/compat/v1/logging
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export, export_value

DEBUG = logging.DEBUG
INFO = logging.INFO
WARN = logging.WARN
ERROR = logging.ERROR
FATAL = logging.FATAL
for _name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
    export_value(__name__, _name, v1=[f"logging.{_name}"])

_lock = threading.Lock()
_logger: list[logging.Logger] = []
_counts: dict[Any, int] = {}  # calls so far, by the line that makes them


@export("get_logger")
def get_logger() -> logging.Logger:
    """The logger that `tf.logging` and Reflow's own messages go to.

    >>> import reflow as tf
    >>> tf.get_logger().name
    'tensorflow'
    """
    if _logger:
        return _logger[0]
    with _lock:
        if _logger:
            return _logger[0]
        logger = logging.getLogger("tensorflow")
        if not logging.getLogger().handlers:
            interactive = hasattr(sys, "ps1") or bool(sys.flags.interactive)
            if interactive and logger.level == logging.NOTSET:
                logger.setLevel(INFO)
            handler = logging.StreamHandler(sys.stdout if interactive else _Stderr())  # type: ignore
            handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
            logger.addHandler(handler)
        _logger.append(logger)
    return logger


class _Stderr:
    """The standard error of the moment: programs and tests replace `sys.stderr`."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _frames() -> int:
    """How many frames of Reflow lie above the user's: the message names the user's line."""
    code, _ = errors.user_frame(2)
    frame: Any = sys._getframe(1)
    depth = 0
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
        depth += 1
    return depth


@export(v1=("logging.log",))
def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs `msg % args` at `level`: `tf.logging.INFO`, ... or a number."""
    logger = get_logger()
    if logger.isEnabledFor(level):
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + _frames()
        logger.log(level, msg, *args, **kwargs)


@export(v1=("logging.debug",))
def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a message for debugging."""
    log(DEBUG, msg, *args, **kwargs)


@export(v1=("logging.info",))
def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs what the program does: shown after `tf.logging.set_verbosity(tf.logging.INFO)`."""
    log(INFO, msg, *args, **kwargs)


@export(v1=("logging.warning", "logging.warn"))
def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs a warning."""
    log(WARN, msg, *args, **kwargs)


warn = warning


@export(v1=("logging.error",))
def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs an error."""
    log(ERROR, msg, *args, **kwargs)


@export(v1=("logging.fatal",))
def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at the highest level; the program goes on."""
    log(FATAL, msg, *args, **kwargs)


def error_log(error_msg: Any, *args: Any, level: int = ERROR, **kwargs: Any) -> None:
    """Logs an error with the exception that is being handled, where there is one."""
    log(level, error_msg, *args, exc_info=sys.exc_info()[0] is not None, **kwargs)


@export(v1=("logging.vlog",))
def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Logs at a numeric level."""
    log(level, msg, *args, **kwargs)


@export(v1=("logging.TaskLevelStatusMessage",))
def TaskLevelStatusMessage(msg: Any) -> None:  # noqa: N802 (TensorFlow's name)
    """Logs the status of a task, as an error."""
    log(ERROR, msg)


@export(v1=("logging.log_if",))
def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Logs `msg % args` if `condition` is true."""
    if condition:
        log(level, msg, *args)


@export(v1=("logging.log_every_n",))
def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs the first, the n-th plus one, ... time that this line of the program comes by.

    Args:
      level: the level to log at.
      msg: the message, for `msg % args`.
      n: how many calls to count from one message to the next.
    """
    log_if(level, msg, _count() % n == 0, *args)


@export(v1=("logging.log_first_n",))
def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Logs the first `n` times that this line of the program comes by."""
    log_if(level, msg, _count() < n, *args)


def _count() -> int:
    """How often the user's line has asked before."""
    line = errors.user_frame(2)
    with _lock:
        before = _counts.get(line, 0)
        _counts[line] = before + 1
    return before


@export(v1=("logging.set_verbosity",))
def set_verbosity(v: Any) -> None:
    """Sets the level below which messages are dropped: `tf.logging.INFO`, a number or a name."""
    get_logger().setLevel(v)


@export(v1=("logging.get_verbosity",))
def get_verbosity() -> int:
    """The level below which messages are dropped."""
    return get_logger().getEffectiveLevel()


@export(v1=("logging.flush",))
def flush() -> None:
    """Writes out what handlers hold back."""
    for handler in get_logger().handlers:
        handler.flush()


def google2_log_prefix(
    level: int, timestamp: float | None = None, file_and_line: tuple[str, int] | None = None
) -> str:
    """The prefix of a line in Google's log format: `I0102 03:04:05.678901 file.py:12] `."""
    moment = time.time() if timestamp is None else timestamp
    if file_and_line is None:
        code, number = errors.user_frame(2)
        file_and_line = (code.co_filename, number)
    now = time.localtime(moment)
    letter = {DEBUG: "I", INFO: "I", WARN: "W", ERROR: "E", FATAL: "F"}.get(level, "I")
    name = file_and_line[0].rpartition("/")[2]
    return (
        f"{letter}{now.tm_mon:02d}{now.tm_mday:02d} {now.tm_hour:02d}:{now.tm_min:02d}:"
        f"{now.tm_sec:02d}.{int(moment % 1 * 1e6):06d} {name}:{file_and_line[1]}] "
    )
