"""How the steps of a program hang together, for finding those that can be taken together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Wiring:
    """Which step of a program makes a slot, and which ones take it.

    Args:
      steps: of the program.
      outputs: the slots that it gives.
    """

    def __init__(self, steps: Sequence[Any], outputs: Sequence[int]):
        self.steps = steps
        self._makers = {slot: i for i, step in enumerate(steps) for slot in step[3]}
        self._users: dict[int, list[int]] = {slot: [-1] for slot in outputs}
        for i, step in enumerate(steps):
            for slot in step[2]:
                self._users.setdefault(slot, []).append(i)

    def users(self, slot: int, types: Sequence[str] | None = None) -> list[int]:
        """The steps that take a slot, as often as they do, and -1 if the program gives it."""
        found = self._users.get(slot, [])
        return found if types is None else [i for i in found if i >= 0 and self.is_a(i, types)]

    def is_a(self, step: int, types: Sequence[str]) -> bool:
        """Whether the op of a step is one of `types`."""
        return self.steps[step][0].type in types

    def maker(self, slot: int, types: Sequence[str]) -> int | None:
        """The step that makes a slot, if its op is one of `types`."""
        i = self._makers.get(slot)
        return i if i is not None and self.is_a(i, types) else None

    def own(self, slot: int, types: Sequence[str]) -> int | None:
        """The same, if one step alone takes the slot."""
        return self.maker(slot, types) if len(self.users(slot)) == 1 else None

    def only_user(self, slot: int, types: Sequence[str]) -> int | None:
        """The step that alone takes a slot, if its op is one of `types`."""
        users = self.users(slot)
        return (
            users[0] if len(users) == 1 and users[0] >= 0 and self.is_a(users[0], types) else None
        )

    def result(self, step: int) -> int:
        """The slot of a step's result."""
        return self.steps[step][3][0]

    def other(self, step: int, slot: int) -> int:
        """The operand of a step with two of them that is not `slot`; -1 if it has not two."""
        sources = self.steps[step][2]
        if len(sources) != 2 or slot not in sources:
            return -1
        return sources[1 - sources.index(slot)]

    def made_before(self, steps: Sequence[int], place: int) -> bool:
        """Whether what these steps take from others is there at `place`."""
        own = {slot for i in steps for slot in self.steps[i][3]}
        taken = {slot for i in steps for slot in self.steps[i][2]} - own
        return all(self._makers.get(slot, -1) < place for slot in taken)
