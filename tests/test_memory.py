"""The memory of one run is there for the next."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
import reflow as tf
tf = tf.compat.v1
tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [None, 64])
y = tf.reduce_sum(tf.cumsum(tf.matmul(x, x, transpose_b=True), 1))
value = np.ones((4096, 64), np.float32)  # what is in between has 64 MiB
fewest = 1 << 30
with tf.Session() as session:
    for _ in range(12):  # until the heap is large enough for all that is alive at a time
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        session.run(y, {x: value})
        fewest = min(fewest, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(fewest)
"""


def faults(**environment):
    """The fewest page faults in a run of a compiled program that needs 64 MiB for a moment."""
    given = {k: v for k, v in os.environ.items() if k not in ("GLIBC_TUNABLES", "LD_PRELOAD")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**given, "REFLOW_TIER": "compile", **environment},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_a_run_finds_the_memory_of_the_last_one():
    pages = (64 << 20) // os.sysconf("SC_PAGE_SIZE")
    assert faults() < pages / 8
    assert faults(REFLOW_KEEP_MEMORY="0") > pages / 2
