"""Counters and gauges by name and labels: `tensorflow.python.eager.monitoring`.

    reads = Counter("/app/reads", "How often files were read.", "kind")
    reads.get_cell("text").increase_by(1)

Values stay in the process; the program asks for them.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang.export import export

_MAX_LABELS = 2
_sections: set[str] = set()  # that are being timed
_lock = threading.Lock()


class Metric:
    """A number of cells, one for each combination of labels.

    Args:
      name: by which it is known.
      description: what it says.
      *labels: the names of its labels, two at the most.

    Raises:
      ValueError: if there are more labels.
    """

    _cell: Callable[..., Any]

    def __init__(self, name: str, description: str, *labels: str):
        if len(labels) > _MAX_LABELS:
            raise ValueError(f"Cannot create {type(self).__name__} metric with label >= 3")
        self.name = name
        self.description = description
        self.labels = labels
        self._cells: dict[tuple[str, ...], Any] = {}

    def get_cell(self, *labels: str) -> Any:
        """The cell for the values of the labels.

        Raises:
          ValueError: if there are not as many as the metric has labels.
        """
        if len(labels) != len(self.labels):
            raise ValueError(f"The {type(self).__name__} expects taking {len(self.labels)} labels")
        with _lock:
            if labels not in self._cells:
                self._cells[labels] = self._new_cell()
            return self._cells[labels]

    def _new_cell(self) -> Any:
        return self._cell()


class CounterCell:
    """A number that only grows."""

    def __init__(self) -> None:
        self._value = 0

    def increase_by(self, value: int) -> None:
        """Adds to the number.

        Raises:
          ValueError: if `value` is negative.
        """
        if value < 0:
            raise ValueError(f"a counter only grows, not by {value}")
        with _lock:
            self._value += value

    def value(self) -> int:
        """The number now."""
        return self._value


class _GaugeCell:
    """A value that is set."""

    _kind: type = int

    def __init__(self) -> None:
        self._value: Any = self._kind()

    def set(self, value: Any) -> None:
        """Sets the value."""
        self._value = self._kind(value)

    def value(self) -> Any:
        """The value that was set last."""
        return self._value


class IntGaugeCell(_GaugeCell):
    """An integer that is set."""


class StringGaugeCell(_GaugeCell):
    """A text that is set."""

    _kind = str


class BoolGaugeCell(_GaugeCell):
    """A truth value that is set."""

    _kind = bool


class Counter(Metric):
    """Numbers that only grow."""

    _cell = CounterCell


class IntGauge(Metric):
    """Integers that are set."""

    _cell = IntGaugeCell


class StringGauge(Metric):
    """Texts that are set."""

    _cell = StringGaugeCell


@export("__internal__.monitoring.BoolGauge")
class BoolGauge(Metric):
    """Truth values that are set.

    >>> from reflow.platform.monitoring import BoolGauge
    >>> gauge = BoolGauge("/example/used", "Whether it was used.", "what")
    >>> gauge.get_cell("this").set(True)
    >>> gauge.get_cell("this").value(), gauge.get_cell("that").value()
    (True, False)
    """

    _cell = BoolGaugeCell


class Buckets:
    """Limits between which samples are counted.

    Args:
      limits: growing numbers; what is above the last one has a bucket too.
    """

    def __init__(self, limits: Sequence[float]):
        self.limits = list(limits)


class ExponentialBuckets(Buckets):
    """Buckets with the limits scale * growth_factor ** i."""

    def __init__(self, scale: float, growth_factor: float, bucket_count: int):
        super().__init__([scale * growth_factor**i for i in range(bucket_count)])


class SamplerCell:
    """How often numbers came, by buckets."""

    def __init__(self, buckets: Buckets):
        self._limits = buckets.limits
        self._counts = [0] * (len(self._limits) + 1)
        self._sum = 0.0
        self._squares = 0.0
        self._least, self._most = 0.0, 0.0

    def add(self, value: float) -> None:
        """Counts a number."""
        at = sum(value >= limit for limit in self._limits)
        with _lock:
            first = not any(self._counts)
            self._least = value if first else min(self._least, value)
            self._most = value if first else max(self._most, value)
            self._counts[at] += 1
            self._sum += value
            self._squares += value * value

    def value(self) -> Any:
        """The counts as a `HistogramProto`."""
        from reflow.lang.services import service

        proto = service("HistogramProto")()
        proto.min, proto.max = self._least, self._most
        proto.num = sum(self._counts)
        proto.sum = self._sum
        proto.sum_squares = self._squares
        proto.bucket_limit.extend([*self._limits, sys.float_info.max])
        proto.bucket.extend(self._counts)
        return proto


class Sampler(Metric):
    """Distributions of numbers."""

    def __init__(self, name: str, buckets: Buckets, description: str, *labels: str):
        super().__init__(name, description, *labels)
        self._buckets = buckets

    def _new_cell(self) -> SamplerCell:
        return SamplerCell(self._buckets)


class MonitoredTimer:
    """Adds the microseconds that a block of code takes to a counter's cell.

    Args:
      cell: of a `Counter`.
      monitored_section_name: what is timed.
      avoid_repetitive_counting: whether blocks of the same name within, or in other threads meanwhile,
        do not count.
    """

    def __init__(
        self,
        cell: CounterCell,
        monitored_section_name: str | None = None,
        avoid_repetitive_counting: bool = False,
    ):
        self._cell = cell
        self._section = monitored_section_name if avoid_repetitive_counting else None
        self._counts = True

    def __enter__(self) -> MonitoredTimer:
        if self._section is not None:
            with _lock:
                self._counts = self._section not in _sections
                _sections.add(self._section)
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._counts:
            self._cell.increase_by(int((time.perf_counter() - self._start) * 1e6))
            if self._section is not None:
                with _lock:
                    _sections.discard(self._section)


def monitored_timer(cell: CounterCell) -> Callable[[Callable], Callable]:
    """A decorator that adds the microseconds of each call to a counter's cell."""

    def decorator(function: Callable) -> Callable:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with MonitoredTimer(cell):
                return function(*args, **kwargs)

        return timed

    return decorator
