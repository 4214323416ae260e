"""The first training steps of a program that has run before: what it compiled is still on disk."""

import functools
import time

from workloads import first_step

WARM = True
STEPS = 50
METRICS = {
    "step": ("CNN + Adam again, from graph to end of first step", "s"),
    "steps": (f"the same, to the end of step {STEPS}", "s"),
}
TARGETS = {"step": "half of TensorFlow"}


def measure(load, first_step):
    framework = load()

    def repeat():
        start = time.perf_counter()
        step = first_step(framework)
        first = time.perf_counter()
        for _ in range(STEPS - 1):
            step()
        return {"step": first - start, "steps": time.perf_counter() - start}

    return repeat


in_tensorflow = functools.partial(first_step.in_tensorflow, measure)
in_jax = functools.partial(first_step.in_jax, measure)
in_torch = functools.partial(first_step.in_torch, measure=measure)
in_torch_compiled = functools.partial(first_step.in_torch_compiled, measure)
