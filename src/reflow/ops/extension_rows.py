"""The rows of batches of an extension type one by one, for loops over them: `tf.map_fn`.

A batch travels in the parts that its class says (`ExtensionTypeBatchEncoder`), each with a reader or a
writer of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ExtensionReader:
    """Gives row i of a batch; `reader` makes the reader of a part."""

    def __init__(self, value: Any, reader: Callable[[Any], Any]):
        spec = value._type_spec
        self.spec = spec._unbatch()
        self.readers = [reader(part) for part in spec.encode(value, minimum_rank=1)]
        known = [each.static_count for each in self.readers if each.static_count is not None]
        self.static_count = known[0] if known else None

    def count(self) -> Any:
        return self.readers[0].count()

    def start(self, count: Any) -> None:
        for each in self.readers:
            each.start(count)

    def read(self, i: Any) -> Any:
        return self.spec.decode([each.read(i) for each in self.readers])


class ExtensionWriter:
    """Puts together what a loop gives for each row; `writer` makes the writer of a part."""

    def __init__(self, spec: Any, writer: Callable[[Any], Any]):
        self.spec = spec
        self.writers = [writer(each) for each in spec.encoded]

    def arrays(self, count: Any) -> list[Any]:
        made = [each.arrays(count) for each in self.writers]
        self._sizes = [len(arrays) for arrays in made]
        return [array for arrays in made for array in arrays]

    def _shared_out(self, arrays: list[Any]) -> list[list[Any]]:
        left = iter(arrays)
        return [[next(left) for _ in range(size)] for size in self._sizes]

    def write(self, arrays: list[Any], i: Any, value: Any) -> list[Any]:
        rows = zip(self.writers, self._shared_out(arrays), self.spec.encode(value))
        return [array for each, own, part in rows for array in each.write(own, i, part)]

    def result(self, arrays: list[Any], count: Any, static: int | None) -> Any:
        rows = zip(self.writers, self._shared_out(arrays))
        parts = [each.result(own, count, static) for each, own in rows]
        return self.spec._batch(static).decode(parts)
