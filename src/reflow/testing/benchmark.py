"""`tf.test.Benchmark`: https://www.tensorflow.org/api_docs/python/tf/test/Benchmark"""

from __future__ import annotations

import inspect
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.export import export

_classes: list[type[Benchmark]] = []


@export("test.benchmark_config")
def benchmark_config() -> Any:
    """A `tf.ConfigProto` for benchmarks: nothing is optimised away for lack of use."""
    from reflow.formats import protos

    config = protos.ConfigProto()
    config.graph_options.rewrite_options.dependency_optimization = protos.RewriterConfig.OFF
    return config


@export("test.Benchmark")
class Benchmark:
    """Measures what its methods named `benchmark...` run; see `tf.test.main`.

    >>> import reflow as tf
    >>> class Adding(tf.test.Benchmark):
    ...     def benchmark_add(self):
    ...         with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...             self.run_op_benchmark(session, tf.constant(1.0) + 2.0)
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _classes.append(cls)

    @classmethod
    def is_abstract(cls) -> bool:
        """Whether the class has no benchmarks of its own."""
        return not any(name.startswith("benchmark") for name in dir(cls))

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, in the default session or eagerly."""
        from reflow.testing.test_case import TestCase

        return TestCase("evaluate").evaluate(tensors)

    def _get_name(self, overwrite_name: str | None = None) -> str:
        """`Class.name`, by default with the name of the method that measures."""
        name = overwrite_name
        if name is None:
            for frame in inspect.stack():
                if (
                    frame.function.startswith("benchmark")
                    and frame.frame.f_locals.get("self") is self
                ):
                    name = frame.function
                    break
        return f"{type(self).__name__}.{name}" if name else type(self).__name__

    def run_op_benchmark(
        self,
        sess: Any,
        op_or_tensor: Any,
        feed_dict: Any = None,
        burn_iters: int = 2,
        min_iters: int = 10,
        store_trace: bool = False,
        store_memory_usage: bool = True,
        name: str | None = None,
        extras: dict[str, Any] | None = None,
        mbs: float = 0,
    ) -> dict[str, Any]:
        """Measures the time of a run of an op and reports the median.

        Args:
          sess: the session.
          op_or_tensor: what to run; its value is not fetched.
          feed_dict: what to feed.
          burn_iters: runs before measuring.
          min_iters: how many runs to measure.
          store_trace: adds a trace of one more run, as text, under `full_trace_chrome_format`.
          store_memory_usage: adds the sizes of allocations where a run reports them.
          name: the benchmark's name.
          extras: more values for the report.
          mbs: megabytes that a run moves, for the throughput.

        Returns:
          The report: `iters`, `wall_time` in seconds, `throughput`, `name`, `extras`.
        """
        target = getattr(op_or_tensor, "op", op_or_tensor)
        for _ in range(burn_iters):
            sess.run(target, feed_dict=feed_dict)
        times = np.empty(min_iters)
        for i in range(min_iters):
            start = time.perf_counter()
            sess.run(target, feed_dict=feed_dict)
            times[i] = time.perf_counter() - start
        values = dict(extras or {})
        if store_trace:
            values["full_trace_chrome_format"] = _trace(sess, target, feed_dict)
        median = float(np.median(times)) if min_iters else 0.0
        values.setdefault("wall_time_mean", float(times.mean()) if min_iters else 0.0)
        values.setdefault("wall_time_stdev", float(times.std()) if min_iters else 0.0)
        result = {
            "iters": min_iters,
            "wall_time": median,
            "throughput": mbs / median if median else 0.0,
            "extras": values,
            "name": self._get_name(name),
        }
        self.report_benchmark(
            iters=min_iters,
            wall_time=median,
            throughput=result["throughput"],
            extras=values,
            name=name,
        )
        return result

    def report_benchmark(
        self,
        iters: int | None = None,
        cpu_time: float | None = None,
        wall_time: float | None = None,
        throughput: float | None = None,
        extras: dict[str, Any] | None = None,
        name: str | None = None,
        metrics: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Prints a report in the text form of TensorFlow's `BenchmarkEntry`.

        Args:
          iters: how many times it ran.
          cpu_time, wall_time: seconds per run.
          throughput: megabytes per second.
          extras: numbers and texts by name.
          name: the benchmark's name.
          metrics: dictionaries with `name`, `value` and perhaps `min_value`, `max_value`.
        """
        lines = [f'name: "{self._get_name(name)}"']
        for key, value in [
            ("iters", iters),
            ("cpu_time", cpu_time),
            ("wall_time", wall_time),
            ("throughput", throughput),
        ]:
            if value is not None:
                lines.append(f"{key}: {value}")
        for key, value in sorted((extras or {}).items()):
            number = isinstance(value, (int, float, np.number))
            shown = f"double_value: {value}" if number else f"string_value: {_quoted(str(value))}"
            lines.append(f'extras {{ key: "{key}" value {{ {shown} }} }}')
        for metric in metrics or ():
            inner = [f'name: "{metric["name"]}"', f"value: {metric['value']}"]
            for key in ("min_value", "max_value"):
                if key in metric:
                    inner.append(f"{key} {{ value: {metric[key]} }}")
            lines.append(f"metrics {{ {' '.join(inner)} }}")
        print("entry {\n  " + "\n  ".join(lines) + "\n}")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _trace(sess: Any, target: Any, feed_dict: Any) -> str:
    from reflow.formats import protos
    from reflow.runtime.timeline import Timeline

    options = protos.RunOptions(trace_level=protos.RunOptions.FULL_TRACE)
    metadata = protos.RunMetadata()
    sess.run(target, feed_dict=feed_dict, options=options, run_metadata=metadata)
    return Timeline(metadata.step_stats).generate_chrome_trace_format()


def chosen(argv: Sequence[str]) -> str | None:
    """The pattern that `--benchmarks=` (or `--benchmark_filter=`) gives; None if there is none."""
    for argument in argv[1:]:
        found = re.match(r"--?(?:benchmarks|benchmark_filter)(?:=(.*))?$", argument)
        if found:
            return found.group(1) or "."
    return None


def run_benchmarks(pattern: str) -> None:
    """Runs the benchmarks whose name `module.Class.method` the pattern is found in.

    Raises:
      ValueError: if there is none.
    """
    if pattern == "all":
        pattern = "."
    ran = 0
    for cls in _classes:
        for name in sorted(n for n in dir(cls) if n.startswith("benchmark")):
            if re.search(pattern, f"{cls.__module__}.{cls.__name__}.{name}"):
                getattr(cls(), name)()
                ran += 1
    if not ran:
        raise ValueError(f"No benchmarks matched the pattern: '{pattern}'")
    sys.stdout.flush()
