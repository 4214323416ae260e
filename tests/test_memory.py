"""The memory of one run is there for the next."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import reflow
from reflow.compiler import policy
from reflow.platform.allocator import is_glibc

PROGRAM = """
import resource
import threading
import numpy as np
import reflow as tf
for _ in range(16):  # threads that have allocated something before JAX is there
    threading.Thread(target=threading.Event().wait, daemon=True).start()
tf = tf.compat.v1
tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [None, 64])
# What is in between has 64 MiB, and is XLA's: what YNNPACK takes for a reduction is its threads' own.
y = tf.gather(tf.tanh(tf.matmul(x, x, transpose_b=True)), [1, 2])
value = np.ones((4096, 64), np.float32)
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


@pytest.mark.skipif(not is_glibc(), reason="settings of glibc")
def test_a_run_finds_the_memory_of_the_last_one():
    pages = (64 << 20) // os.sysconf("SC_PAGE_SIZE")
    assert faults() < pages / 8
    assert faults(REFLOW_KEEP_MEMORY="0") > pages / 2


AFTER_COMPILING = """
import ctypes
from reflow.compiler import jax_setup, memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def garbage(count):
    # Free blocks that something at the end of the heap keeps there.
    blocks = [libc.malloc(1 << 20) for _ in range(count)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 20)
    libc.malloc(1 << 10)
    for block in blocks:
        libc.free(ctypes.c_void_p(block))

runs = memory.Runs(32 << 20)  # a run is seen to need 64
held = []
for run in range(13):
    runs.begin([])
    held.append(memory.resident())
    garbage({1: 64, 11: 160}.get(run, 1))
    held.append(memory.resident())
print(*held)
"""


@pytest.mark.skipif(not is_glibc(), reason="settings of glibc")
def test_memory_that_no_run_uses_again_goes_back():
    given = {k: v for k, v in os.environ.items() if k not in ("GLIBC_TUNABLES", "LD_PRELOAD")}
    done = subprocess.run(
        [sys.executable, "-c", AFTER_COMPILING], capture_output=True, text=True, env=given
    )
    assert done.returncode == 0, done.stderr
    held = list(map(int, done.stdout.split()))
    before, after = held[::2], held[1::2]
    most = 48 << 20
    assert after[1] - before[1] > most  # what the second run left
    assert after[1] - before[2] > most  # is gone when the third begins
    assert after[11] - before[11] > 2 * most  # more than a run needs
    assert after[11] - before[12] > 2 * most


AT_THE_END = """
import ctypes
from reflow.compiler import jax_setup, memory
from reflow.platform.allocator import KEPT
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p

def left():
    # How much longer the heap is for a block that has been there.
    begin = libc.sbrk(0)
    libc.free(ctypes.c_void_p(libc.malloc(ctypes.c_size_t(KEPT + (256 << 20)))))
    return (libc.sbrk(0) - begin) >> 20

before = left()
runs = memory.Runs(1 << 30)
print(before, left())
"""


@pytest.mark.skipif(not is_glibc(), reason="settings of glibc")
def test_what_large_runs_need_stays_at_the_end_of_the_heap():
    given = {k: v for k, v in os.environ.items() if k not in ("GLIBC_TUNABLES", "LD_PRELOAD")}
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, env=given
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before < 1024 < after


def test_an_interpreted_run_keeps_nothing_longer_than_needed(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.INTERPRET])
    tf = reflow.compat.v1
    with tf.Graph().as_default(), tf.Session() as session:
        size = 1 << 22  # so that what else goes on in the process does not count
        x = tf.placeholder(tf.float32, [size])
        first = y = x + 1.0
        for _ in range(20):
            y = tf.add_n([y, y])
            tf.split(y, 2)  # two outputs that nobody takes
        wanted = [tf.reduce_sum(y), first]
        value = np.ones(size, np.float32)
        tracemalloc.start()
        try:
            total, kept = session.run(wanted, {x: value})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert total == 2.0**43 and kept[0] == 2.0
    assert peak < 5 * value.nbytes  # 21 arrays have been made
