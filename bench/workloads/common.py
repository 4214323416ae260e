"""What the workloads share: the framework under test, timing, memory. Imports nothing heavy."""

import os
import statistics
import time

# The framework this process measures; the worker sets it.
framework = "tensorflow"

PEAK = "peak"  # the metric that every workload has: the most memory of its process, in bytes


def get_tf():
    """The TensorFlow 1 interface of the framework under test: Reflow's or TensorFlow's own."""
    tf = get_tf2().compat.v1
    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    return tf


def get_tf2():
    """The TensorFlow 2 interface of the framework under test."""
    if framework == "reflow":
        import reflow as package
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as package
    return package


def timed(function):
    """How long one call takes, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def per_call(step, seconds=0.5, warm_up=1.0):
    """Warms `step` up, then returns a function that measures the median seconds of a call.

    Calls far shorter than the clock's cost are timed in batches of about two milliseconds.
    """
    end = time.perf_counter() + warm_up
    calls = 0
    while calls < 5 or time.perf_counter() < end:
        last = timed(step)
        calls += 1
    batch = max(1, int(2e-3 / max(last, 1e-7)))

    def repeat():
        samples = []
        end = time.perf_counter() + seconds
        while len(samples) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(batch):
                step()
            samples.append((time.perf_counter() - start) / batch)
        return statistics.median(samples)

    return repeat


def _status(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return 1024 * int(line.split()[1])
    raise LookupError(f"/proc/self/status has no {field}")


def resident_bytes():
    """The memory this process holds now."""
    return _status("VmRSS")


def peak_bytes():
    """The most memory this process has held; unlike getrusage, not its parent's before exec."""
    return _status("VmHWM")
