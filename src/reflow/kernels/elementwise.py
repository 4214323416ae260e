"""Programs of element-wise operations on float32 arrays of one shape: one native call, one pass over memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.kernels.choices import note
from reflow.kernels.library import library

# As in native/elementwise.h, by the names of JAX's primitives.
OPERATIONS = {
    "add": 0,
    "sub": 1,
    "mul": 2,
    "div": 3,
    "max": 4,
    "min": 5,
    "neg": 6,
    "abs": 7,
    "sqrt": 8,
    "rsqrt": 9,
    "copy": 10,
}
_COPY = OPERATIONS["copy"]


class Steps:
    """Collects the steps of a program: what each does, and to which values.

    Values have any hashable names. `numbers` gives the program as the library reads it.

    Attributes:
      arrays, scalars: the names of what is given, in the order of first use.
      outputs: the names of the values that come out.
    """

    def __init__(self, outputs: Sequence[Any]):
        self.outputs = list(outputs)
        self.arrays: list[Any] = []
        self.scalars: list[Any] = []
        self._constants: list[int] = []  # their bits
        self._steps: list[tuple[int, Any, Any, Any]] = []
        self._made: set[Any] = set()

    def constant(self, value: float) -> Any:
        """The name of a constant."""
        bits = int(np.float32(value).view(np.uint32))
        if bits not in self._constants:
            self._constants.append(bits)
        return ("constant", bits)

    def array(self, name: Any) -> Any:
        """Notes that an array is used: one that is given, if no step before made it."""
        if name not in self._made and name not in self.arrays:
            self.arrays.append(name)
        return name

    def scalar(self, name: Any) -> Any:
        """Notes that a scalar is used, which is given."""
        if name not in self.scalars:
            self.scalars.append(name)
        return name

    def add(self, operation: str, result: Any, first: Any, second: Any) -> None:
        """One more step; `second` is `first` again where the operation has one operand."""
        self._made.add(result)
        self._steps.append((OPERATIONS[operation], result, first, second))

    def numbers(self, aliases: dict[Any, Any]) -> np.ndarray:
        """The program as the library reads it (native/elementwise.h).

        Args:
          aliases: for an output, the given array whose memory it takes. Where steps read that array after
            the output is known, the output is written at the end.
        """
        last = {}
        for i, (_, _, *operands) in enumerate(self._steps):
            last.update(dict.fromkeys(operands, i))
        made = {result: i for i, (_, result, *_) in enumerate(self._steps)}
        late = [o for o in self.outputs if o in aliases and last.get(aliases[o], -1) > made[o]]
        fixed = [
            *self.arrays,
            *self.scalars,
            *(("constant", bits) for bits in self._constants),
            *self.outputs,
        ]
        place = {name: i for i, name in enumerate(fixed)}
        home = {name: place.pop(name) for name in late}
        free: list[int] = []
        count = len(fixed)
        steps: list[int] = []
        for i, (operation, result, *operands) in enumerate(self._steps):
            sources = [place[each] for each in operands]
            for each in dict.fromkeys(operands):
                if place[each] >= len(fixed) and last[each] == i and each not in home:
                    free.append(place[each])
            if result not in place:
                if not free:
                    free.append(count)
                    count += 1
                place[result] = free.pop()
            steps += [operation, place[result], *sources]
        for name, number in home.items():
            steps += [_COPY, number, place[name], place[name]]
        return np.array(
            [
                *(len(self.arrays), len(self.scalars), len(self.outputs), count - len(fixed)),
                *(len(self._constants), *self._constants, *steps),
            ],
            np.int64,
        )

    def __len__(self) -> int:
        return len(self._steps)


def call(
    steps: Steps, shape: tuple[int, ...], before: dict[Any, Any], values: dict[Any, Any]
) -> list[Any]:
    """The outputs of a program in an executable for the CPU.

    Args:
      shape: that of all arrays.
      before: for an output, the array whose memory it may take, where that is given.
      values: what is given.
    """
    found = library()
    assert found is not None
    import jax

    found.register(jax)
    what = f"{len(steps)} element-wise operations, float32, {'x'.join(map(str, shape))}"
    note(what, "native, loops")
    aliases = {name: before[name] for name in steps.outputs if before.get(name) in steps.arrays}
    compute = jax.ffi.ffi_call(
        "reflow_elements",
        [jax.ShapeDtypeStruct(shape, np.float32)] * len(steps.outputs),
        input_output_aliases={
            steps.arrays.index(aliases[name]): i
            for i, name in enumerate(steps.outputs)
            if name in aliases
        },
    )
    given = [values[name] for name in (*steps.arrays, *steps.scalars)]
    return compute(*given, program=steps.numbers(aliases))
