"""Updates of variables in one native call for each variable and its slots, on the CPU.

An optimizer's step is a chain of element-wise operations for each variable: moments, their roots, the
difference. XLA makes loops of its own for each of the values that come out, three for Adam, which read the
gradient and the moments again each, and it takes 10 to 20 ms to compile a loop: half of what a training step takes
to compile. Here such chains are found in what was traced, and each becomes a program that a native kernel
goes through block by block (`kernels.elementwise`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from reflow.kernels import elementwise
from reflow.kernels.library import library

_FEWEST = 2  # operations: one alone is as good in XLA's hands
_LARGE = (
    1 << 17
)  # elements: what takes long enough is faster by XLA's loops, once they are compiled
# JAX's primitives, and the operations of the kernel. A square is a product of what is the same twice.
_OPERATIONS = {name: name for name in elementwise.OPERATIONS} | {
    "square": "mul",
    "integer_pow": "mul",
}


def with_fused_updates(
    traced: ClosedJaxpr, written: Sequence[tuple[int, int | None]]
) -> Callable[..., list[Any]] | None:
    """A function that computes what a traced program does, updates by native calls; None if there are none.

    Args:
      traced: the program.
      written: the positions of new state among the results, each with the position among the arguments of
        what it replaces; None where there is nothing before.
    """
    if library() is None:
        return None
    program = traced.jaxpr
    state = {
        program.outvars[i]: argument
        for i, argument in written
        if not isinstance(program.outvars[i], Literal)
    }
    before = {name: program.invars[i] for name, i in state.items() if i is not None}
    chains = _chains(program, set(state))
    if not chains:
        return None
    inside = {i for chain in chains for i in chain}
    updates = [_steps([program.eqns[i] for i in sorted(chain)], state, before) for chain in chains]
    made = {name for _, outputs in updates for name in outputs}
    given = {name: None for steps, _ in updates for name in steps.arrays}
    kept = [name for name in program.outvars if isinstance(name, Literal) or name not in made]
    rest = program.replace(
        eqns=[equation for i, equation in enumerate(program.eqns) if i not in inside],
        outvars=[*kept, *given],
    )
    compute = jaxpr_as_fun(ClosedJaxpr(rest, traced.consts))

    def run(*arguments: Any) -> list[Any]:
        found = compute(*arguments)
        values = dict(zip(given, found[len(kept) :]))
        for steps, outputs in updates:
            values.update(zip(outputs, elementwise.call(steps, values)))
        others = iter(found)
        return [
            next(others) if isinstance(name, Literal) or name not in made else values[name]
            for name in program.outvars
        ]

    return run


def _chains(program: Any, state: set[Any]) -> list[set[int]]:
    """Operations whose results are new state, or taken by others of the same chain alone."""
    users: dict[Any, list[int]] = {}
    for i, equation in enumerate(program.eqns):
        for name in equation.invars:
            if not isinstance(name, Literal):
                users.setdefault(name, []).append(i)
    fetched = {name for name in program.outvars if not isinstance(name, Literal)} - state
    chain_of: dict[int, set[int]] = {}
    for i in reversed(range(len(program.eqns))):
        equation = program.eqns[i]
        if not _is_elementwise(equation):
            continue
        name = equation.outvars[0]
        takers = users.get(name, [])
        if name in fetched or not (takers or name in state):
            continue
        if any(taker not in chain_of for taker in takers):
            continue
        chain = {i}.union(*(chain_of[taker] for taker in takers))
        chain_of.update(dict.fromkeys(chain, chain))
    chains = {id(chain): chain for chain in chain_of.values()}.values()

    def pays(chain: set[int]) -> bool:
        size = program.eqns[min(chain)].outvars[0].aval.size
        return len(chain) >= _FEWEST and size < _LARGE

    return [chain for chain in chains if pays(chain)]


def _is_elementwise(equation: Any) -> bool:
    """Whether an equation is an operation of the kernel: on arrays of the result's shape, or on scalars."""
    primitive, operands = equation.primitive.name, [each.aval for each in equation.invars]
    if len(equation.outvars) != 1:
        return False
    result = equation.outvars[0].aval
    shape = getattr(result, "shape", ())
    if not shape or 0 in shape or result.dtype != np.float32:
        return False
    if primitive == "broadcast_in_dim":  # of a scalar, for which it stands
        return len(operands) == 1 and operands[0].shape == ()
    if primitive not in _OPERATIONS or primitive == "integer_pow" and equation.params["y"] != 2:
        return False
    return all(each.dtype == np.float32 and each.shape in ((), shape) for each in operands)


def _steps(
    equations: Sequence[Any], state: Any, before: dict[Any, Any]
) -> tuple[elementwise.Steps, list[Any]]:
    """The program of a chain, and the names of its results."""
    outputs = [e.outvars[0] for e in equations if e.outvars[0] in state]
    shape = outputs[0].aval.shape
    steps = elementwise.Steps(*elementwise.flat(shape))
    scalars: dict[Any, Any] = {}  # what broadcasts stand for
    made: set[Any] = set()

    def operand(name: Any) -> Any:
        if not isinstance(name, Literal):
            name = scalars.get(name, name)
        if isinstance(name, Literal):
            return steps.constant(name.val)
        if name in made:
            return name
        return steps.whole(name) if name.aval.shape else steps.scalar(name)

    for equation in equations:
        result = equation.outvars[0]
        made.add(result)
        if equation.primitive.name == "broadcast_in_dim":
            scalars[result] = equation.invars[0]
            if result in state:
                steps.add("copy", result, operand(result))
            continue
        operands = [operand(each) for each in equation.invars]
        if _OPERATIONS[equation.primitive.name] == "mul":  # perhaps a square
            operands = [operands[0], operands[-1]]
        steps.add(_OPERATIONS[equation.primitive.name], result, *operands)
    for name in outputs:
        over = before.get(name)
        result = elementwise.Result(shape, np.float32, over if over in steps.arrays else None)
        steps.store_whole(name, steps.result(result))
    return steps, outputs
