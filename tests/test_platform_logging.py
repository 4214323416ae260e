"""tf.logging, tf.flags and tf.app: platform/{tf_logging,flags,app}.py."""

import io
import logging
import os
import subprocess
import sys

import pytest

from reflow.platform import flags, tf_logging


@pytest.fixture
def messages(monkeypatch):
    """The records that the logger `tensorflow` gets, with its level restored at the end."""
    logger = tf_logging.get_logger()
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append(record)

    keep = Keep()
    level, handlers = logger.level, logger.handlers
    logger.handlers = [keep]
    monkeypatch.setattr(tf_logging, "_counts", {})
    yield seen
    logger.handlers = handlers
    logger.setLevel(level)


def texts(records):
    return [f"{r.levelname}:{r.name}:{r.getMessage()}" for r in records]


def test_levels(messages):
    tf_logging.set_verbosity(tf_logging.INFO)
    assert tf_logging.get_verbosity() == 20
    tf_logging.debug("no")
    tf_logging.info("one %d", 1)
    tf_logging.warning("two")
    tf_logging.warn("three")
    tf_logging.error("four %s %s", "a", "b")
    tf_logging.fatal("five")
    tf_logging.log(tf_logging.INFO, "six")
    tf_logging.vlog(1, "no")
    tf_logging.vlog(25, "seven")
    tf_logging.TaskLevelStatusMessage("eight")
    tf_logging.set_verbosity("ERROR")
    tf_logging.warning("no")
    assert texts(messages) == [
        "INFO:tensorflow:one 1",
        "WARNING:tensorflow:two",
        "WARNING:tensorflow:three",
        "ERROR:tensorflow:four a b",
        "CRITICAL:tensorflow:five",
        "INFO:tensorflow:six",
        "Level 25:tensorflow:seven",
        "ERROR:tensorflow:eight",
    ]


def test_counting(messages):
    tf_logging.set_verbosity(tf_logging.INFO)
    for i in range(5):
        tf_logging.log_every_n(tf_logging.INFO, "every %d", 2, i)
        tf_logging.log_first_n(tf_logging.INFO, "first %d", 2, i)
        tf_logging.log_if(tf_logging.INFO, "odd %d", i % 2, i)
    assert [r.getMessage() for r in messages] == [
        *("every 0", "first 0", "first 1", "odd 1", "every 2", "odd 3", "every 4")
    ]


def test_records_name_the_users_line(messages):
    tf_logging.error("here")
    tf_logging.log_first_n(tf_logging.ERROR, "and here", 1)
    tf_logging.log(tf_logging.ERROR, "and here")
    first = test_records_name_the_users_line.__code__.co_firstlineno
    assert [(os.path.basename(r.pathname), r.lineno) for r in messages] == [
        ("test_platform_logging.py", first + 1),
        ("test_platform_logging.py", first + 2),
        ("test_platform_logging.py", first + 3),
    ]


def test_errors_with_their_exception(messages):
    try:
        raise KeyError("lost")
    except KeyError:
        tf_logging.error_log("it failed: %s", "why")
    tf_logging.error_log("no exception")
    assert messages[0].exc_info[0] is KeyError and not messages[1].exc_info
    assert texts(messages)[0] == "ERROR:tensorflow:it failed: why"


def test_messages_go_to_the_standard_error_of_the_moment(monkeypatch):
    handlers = [h for h in tf_logging.get_logger().handlers if isinstance(h, logging.StreamHandler)]
    if not handlers:
        pytest.skip("the root logger was configured first")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    tf_logging.warning("seen")
    assert stream.getvalue() == "WARNING:tensorflow:seen\n"


def test_google_prefix():
    text = tf_logging.google2_log_prefix(tf_logging.WARN, 0.5, ("/a/b.py", 7))
    assert text.startswith("W") and text.endswith(".500000 b.py:7] ")


PROGRAM = """
from reflow.platform import app, flags, tf_logging
FLAGS = flags.FLAGS
flags.DEFINE_string("name", "none", "a name")
flags.DEFINE_integer(flag_name="count", default_value=3, docstring="how many")
flags.DEFINE_bool("fast", False, "fast")
flags.DEFINE_enum("mode", "a", ["a", "b"], "mode")
flags.DEFINE_list("items", "x,y", "items")
{before}
def main(argv):
    print(argv[1:], FLAGS.name, FLAGS.count, FLAGS.fast, FLAGS.mode, FLAGS.items)
    return 3
{run}
"""


def run(*arguments, before="", last="app.run()"):
    program = PROGRAM.format(before=before, run=last)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )


def test_app_run_parses_flags():
    done = run("--name=n", "--count", "5", "--fast", "--items=z", "pos", "--unknown=1")
    assert done.returncode == 3, done.stderr
    assert done.stdout == "['pos', '--unknown=1'] n 5 True a ['z']\n"
    assert "keyword argument names (flag_name, default_value, docstring)" in done.stderr


def test_flags_are_parsed_when_first_read():
    done = run("--name=early", before="print(FLAGS.name, 'name' in FLAGS, FLAGS['count'].value)")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[0] == "early True 3"


def test_app_run_with_a_main_and_a_command_line():
    last = (
        "app.run(main=lambda argv: print('mine', argv[1:], FLAGS.count), argv=['p', '--count=8'])"
    )
    done = run(last=last)
    assert (done.returncode, done.stdout) == (0, "mine [] 8\n")


def test_wrong_flags():
    assert "'zero'" in run("--count=zero").stderr
    assert "AttributeError" in run(before="FLAGS.other").stderr


def test_assigning_flags():
    done = run(before="FLAGS.name = 'set'; FLAGS.count = 1; del FLAGS.items")
    assert "AttributeError" in done.stderr  # main reads the one that was deleted
    done = run(before="FLAGS.name = 'set'; FLAGS.count = 1")
    assert done.stdout == "[] set 1 False a ['x', 'y']\n"


def test_the_rest_of_flags_is_absls():
    import absl.flags

    assert flags.DEFINE_enum is absl.flags.DEFINE_enum
    assert flags.FlagValues is absl.flags.FlagValues
    assert sorted(flags.FLAGS) == sorted(absl.flags.FLAGS)
