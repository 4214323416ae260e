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


AFTER_COMPILING = """
import ctypes
from reflow.compiler import memory
memory.keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def garbage():
    # Free blocks that something at the end of the heap keeps there.
    blocks = [libc.malloc(1 << 20) for _ in range(64)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 20)
    libc.malloc(1 << 10)
    for block in blocks:
        libc.free(ctypes.c_void_p(block))

runs = memory.Runs(32 << 20)
held = []
for run in range(5):
    runs.begin()
    held.append(memory.resident())
    if run in (0, 3):
        garbage()
    held.append(memory.resident())
print(*held)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_memory_that_no_run_uses_again_goes_back():
    given = {k: v for k, v in os.environ.items() if k not in ("GLIBC_TUNABLES", "LD_PRELOAD")}
    done = subprocess.run(
        [sys.executable, "-c", AFTER_COMPILING], capture_output=True, text=True, env=given
    )
    assert done.returncode == 0, done.stderr
    held = list(map(int, done.stdout.split()))
    before, after = held[::2], held[1::2]
    most = 48 << 20
    assert after[0] - before[0] > most  # what the first run left
    assert after[0] - before[1] > most  # is gone when the second begins
    assert after[3] - before[3] > most  # more than a run needs
    assert after[3] - before[4] > most
