"""Loops inside of executables: `lax.while_loop`.

How often a loop runs is asked of `trip_count`; lists become buffers (`list_buffer`); what need not be done
in each iteration is moved out (`loop_motion`, `loop_sums`). Importing this module imports JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from reflow.compiler import targets
from reflow.compiler.context import NeedLimit, NeedStatic, NotCompilable
from reflow.compiler.list_buffer import ListBuffer, UniformList, buffer_of, in_form_of, uniform
from reflow.compiler.loop_motion import (
    OrderedOperands,
    late_zeros,
    panels_pay,
    steady_outputs,
    steady_values,
    with_zeros,
    without_zeros,
)
from reflow.compiler.loop_sums import Sums, find_sums, put
from reflow.compiler.program import Program
from reflow.compiler.traced_control import (
    KNOWN,
    LISTS,
    Failures,
    as_array,
    is_set,
    list_in_form,
    written_state,
)
from reflow.compiler.tracer import Tracer
from reflow.compiler.trip_count import LoopFacts, TripCount, loop_facts, roots
from reflow.kernels.room import room
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph, call_arguments
from reflow.lang.opdef import ValueNeeded
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor_list import TensorList

_UNROLL = 4000  # nodes: up to so many, a loop whose body needs its counters' values is unrolled


def loop(tracer: Tracer, cond: FuncGraph, body: FuncGraph, args: Sequence[Any]) -> Sequence[Any]:
    """`args` after `args = body(args)` for as long as `cond(args)`."""
    if any(each is None for each in args):
        raise NotCompilable("a loop is given a value that a branch not taken would have computed")
    facts = loop_facts(cond, body)
    trips = facts.trip_count(args, limit=tracer.limits.get(tracer.op))
    if trips.exact == 0:
        return args
    if trips.exact == 1:
        return tracer.call(body, args)
    try:
        return _Loop(tracer, cond, body, args, facts, trips).run()
    except _NeedsCounters:
        if trips.exact is None or trips.exact * len(body._nodes) > _UNROLL:
            raise NotCompilable(
                f"the body {body.name} needs the values of its loop variables"
            ) from None
    for _ in range(trips.exact):
        args = tracer.call(body, args)
    return args


class _NeedsCounters(Exception):
    """The body needs to know values that are known in each iteration, and differ between them."""


class _List:
    """How a list that is a loop variable is carried from iteration to iteration.

    Attributes:
      first: the list before the first iteration, with the capacity that it needs.
      delta: how many elements each iteration appends; negative when it removes them.
      reach: how long the list becomes by writing beyond its end; 0 if it does not.
      fixed: whether the buffer is only read, and need not be carried.
    """

    __slots__ = ("first", "delta", "reach", "fixed", "length")

    def __init__(self, first: Any, delta: int, reach: int, fixed: bool, length: Any):
        self.first = first
        self.delta = delta
        self.reach = reach
        self.fixed = fixed
        self.length = length  # before the first iteration


class _Loop:
    """One loop of an executable."""

    def __init__(
        self,
        tracer: Tracer,
        cond: FuncGraph,
        body: FuncGraph,
        args: Sequence[Any],
        facts: LoopFacts,
        trips: TripCount,
    ):
        self.facts = facts
        invariant = facts.invariant
        self.tracer = tracer
        self.op = tracer.op
        self.cond, self.body = cond, body
        self.args = list(args)
        self.trips = trips
        self.invariant = list(invariant)
        self.carried = [i for i, still in enumerate(invariant) if not still]
        self.writes = written_state(tracer, args)
        for handle in self.writes:
            if handle not in tracer.state:
                raise NotCompilable(f"the loop initializes {handle.name}")
        self.lists: dict[int, _List] = {}
        self.uniform: dict[int, np.ndarray] = {}  # the known element of lists of equal elements
        self.sums: Sums | None = None
        self.stacks: list[tuple[Any, Any]] = []  # the operands of the products of all iterations
        self.failures = Failures()
        self.zeros = late_zeros(body, trips)  # of lists, written after the loop
        if self.zeros:
            self.body = without_zeros(body, self.zeros)
        reading = not self.writes  # then variables are the same in all iterations
        self.steady = [] if trips.exact is None else steady_outputs(self.body, invariant, reading)
        self.carried = [i for i in self.carried if i not in self.steady]
        self.ordered = OrderedOperands(self.body, invariant, reading, panels_pay(tracer, trips))
        self.ordered_values: list[Any] = []

    # One iteration -------------------------------------------------------------------------------

    def _call(
        self, function: FuncGraph, values: dict[int, Any], state: Sequence[Any]
    ) -> tuple[Tracer, list[Any]]:
        child = self.tracer.child({**self.tracer.state, **dict(zip(self.writes, state))})
        child.ranges = {} if function is self.cond else self.trips.ranges
        if self.trips.bound is None and function is not self.cond:
            child.ask_limit = self._bound
        args = self.args.copy()
        for i, value in values.items():
            args[i] = value
        try:
            return child, child.run(*self._program(child, function, args))
        except NeedStatic as need:
            raise self._need(function, need) from None
        except errors.OpError as error:  # it may never run: on the host it fails if it does
            raise NotCompilable(str(error)) from None

    def _program(
        self, child: Tracer, function: FuncGraph, args: list[Any]
    ) -> tuple[Program, list[Any]]:
        """The program of the body or the condition, and the values of its inputs."""
        program = child.program(function)
        if function is self.cond or not self.ordered.tensors:
            return program, args
        return self.ordered.in_program(program), args + self.ordered_values

    def _iterate(
        self, values: dict[int, Any], state: Sequence[Any]
    ) -> tuple[Tracer, list[Any], list[tuple[Any, Any]]]:
        """An iteration: the new values of the loop variables, and the operands of products."""
        if self.sums is None:
            return *self._call(self.body, values, state), []
        child, outs = self._call(self.sums.function, values, state)
        return child, *self.sums.split(outs)

    def _need(self, function: FuncGraph, need: NeedStatic) -> Exception:
        positions = roots(function, need.tensor)
        if positions is not None:
            unknown = [i for i in positions if not isinstance(self.args[i], KNOWN)]
            for i in unknown:
                if self.invariant[i]:
                    return NeedStatic(call_arguments(self.op, function)[i])
            if not unknown and all(self.invariant[i] or i in self.trips.finals for i in positions):
                return _NeedsCounters()
        return NotCompilable(
            f"'{need.tensor.name}' must be known, and changes in the loop body {function.name}"
        )

    # Preparing -----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Brings the loop variables into the forms that they keep."""
        for i in self.carried:
            value = self.args[i]
            if isinstance(value, ResourceHandle):
                raise NotCompilable("a resource is a loop variable that changes")
            if not isinstance(value, LISTS):
                self.args[i] = as_array(value, self.body.inputs[i])
            elif i not in self.zeros:
                self.args[i] = uniform(value) or value
        if self.ordered.tensors:
            child = self.tracer.child(dict(self.tracer.state))
            self.ordered_values = self.ordered.values(child, self.args)
        if self.trips.bound is not None:
            self.sums = find_sums(self.body, self.invariant, frozenset(self.carried))
        lists = [i for i in self.carried if isinstance(self.args[i], LISTS)]
        if not lists and self.sums is None:
            return
        outs, operands, same_data, same_length = self._look_ahead(lists)
        for i, out in zip(lists, outs):
            self._plan_list(i, out, i in same_data, i in same_length)
        if self.sums is not None:
            self._choose_sums(operands)

    def _choose_sums(self, operands: Sequence[tuple[Any, Any]]) -> None:
        """Leaves in the loop the sums of products that do not pay outside, and makes room for the
        operands of the others."""
        assert self.sums is not None
        paying = {p.variable for p in self.sums.products}
        for product, (a, b) in zip(self.sums.products, operands):
            if product.popped is not None:
                a = self._popped_items(product.popped)
            if a is None or not product.pays(a, b):
                paying.discard(product.variable)
        rows = {id(p.b): b for p, (_, b) in zip(self.sums.products, operands)}
        firsts = {id(p.a): a for p, (a, _) in zip(self.sums.products, operands)}
        self.sums = find_sums(self.body, self.invariant, frozenset(paying))
        count = self.trips.bound
        exact = self.trips.exact

        def room_for(operand: Any, count: Any) -> Any:
            make = self._unwritten if count == exact else jnp.zeros
            return make((count, *operand.shape), operand.dtype)

        for product in self.sums.products if self.sums is not None else ():
            if product.popped is not None:
                room = self.lists[product.popped].first.capacity
                self.stacks.append((None, room_for(rows[id(product.b)], room)))
            else:
                a, b = firsts[id(product.a)], rows[id(product.b)]
                self.stacks.append((room_for(a, count), room_for(b, count)))

    def _popped_items(self, i: int) -> Any:
        """Shapes and dtypes of the elements of a list that the loop empties; None if it does not."""
        plan = self.lists.get(i)
        if plan is None or not plan.fixed or plan.delta != -1:
            return None
        if not isinstance(plan.first, ListBuffer):
            return None
        if isinstance(plan.length, int) and plan.length != self.trips.exact:
            return None  # what the loop leaves in it must not count
        return plan.first.item_like()

    def _look_ahead(self, lists: Sequence[int]) -> Any:
        """What the lists look like after an iteration, and the operands of products: shapes only;
        which buffers and which lengths are as they were."""
        values = {i: self.args[i] for i in self.carried}
        state = [self.tracer.state[h] for h in self.writes]
        same_data: set[int] = set()
        same_length: set[int] = set()

        def iteration(values: dict[int, Any], state: list[Any]) -> Any:
            _, outs, operands = self._iterate(values, state)
            for i in lists:
                before, after = values[i], outs[i]
                same = uniform(after)
                if same is not None:
                    self._note_uniform(i, before, same)
                if isinstance(before, ListBuffer) and isinstance(after, ListBuffer):
                    if before._data is after._data:
                        same_data.add(i)
                    if before.length is after.length:
                        same_length.add(i)
            return [outs[i] for i in lists], operands

        return *jax.eval_shape(iteration, values, state), same_data, same_length

    def _note_uniform(self, i: int, before: Any, after: UniformList) -> None:
        """Notes that an iteration leaves a list of known equal elements, if it was one before."""
        empty = isinstance(before, TensorList) and not before.length
        if empty or isinstance(before, UniformList) and before.same(after.item):
            self.uniform[i] = after.item

    def _plan_uniform(self, i: int, out: Any) -> bool:
        """Whether a list has known equal elements throughout: only its length is carried then."""
        value = self.args[i]
        if i not in self.uniform:
            if isinstance(value, UniformList):
                self.args[i] = value.as_items()
            return False
        delta = 0
        if isinstance(out.length, int) and isinstance(value.length, int):
            delta = out.length - value.length
            if self.trips.exact is not None and value.length + delta * self.trips.exact < 0:
                raise NotCompilable("a list is emptied in a loop, and then asked for more")
        held = jnp.asarray(value.length, np.int32)
        first = UniformList(self.uniform[i], held, value.element_dtype, value.element_shape)
        self.lists[i] = _List(first, delta, 0, True, value.length)
        self.args[i] = first
        return True

    def _plan_list(self, i: int, out: Any, same_data: bool, same_length: bool) -> None:
        if self._plan_uniform(i, out):
            return
        value = self.args[i]
        length = value.length
        if isinstance(value, TensorList) and not is_set(value) and not _has_elements(out):
            if out.length == length:  # nothing is ever written to it
                self.invariant[i] = True
                self.carried.remove(i)
                return
            raise NotCompilable("a list grows in a loop, and its elements have no shape")
        like = out.item_like() if isinstance(out, ListBuffer) else _item_of(out)
        if like is None:
            like = value.item_like() if isinstance(value, ListBuffer) else _item_of(value)
        delta = reach = 0
        if isinstance(out.length, int) and isinstance(length, int):
            delta = out.length - length
        elif isinstance(out, ListBuffer) and out.reach:
            reach = out.reach
        elif isinstance(length, int):
            raise NotCompilable(
                "a list becomes longer or shorter in a way that is not known before"
            )
        elif not same_length and not same_data:
            raise NotCompilable("a list of unknown length grows in a loop")
        capacity = value.capacity if isinstance(value, ListBuffer) else length
        if delta > 0:
            capacity = length + delta * self._bound()
        elif delta < 0 and self.trips.exact is not None and isinstance(length, int):
            if length + delta * self.trips.exact < 0:
                raise NotCompilable("a list is emptied in a loop, and then asked for more")
        if reach:
            capacity = max(capacity, reach)
        dynamic = bool(delta or reach) or not isinstance(length, int)
        try:
            if isinstance(value, TensorList):
                overwritten = length == 0 and delta == 1 and capacity == self.trips.exact
                plain = isinstance(like, jax.ShapeDtypeStruct)
                make = self._unwritten if overwritten and plain else jnp.zeros
                first = buffer_of(value, like=like, capacity=max(capacity, 1), make=make)
            else:
                form = _with_capacity(value, like, max(capacity, value.capacity, 1))
                first = list_in_form(value, form)
        except ValueNeeded:
            raise NotCompilable("the elements of a list have several shapes") from None
        held: Any = jnp.asarray(length, np.int32) if dynamic else length
        first = ListBuffer(first.data, held, value.element_dtype, value.element_shape)
        self.lists[i] = _List(first, delta, reach, same_data, length)
        self.args[i] = first

    def _unwritten(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """What a buffer starts as of which every element will be overwritten.

        XLA makes one array of all buffers that start alike, and then has to copy it for each.
        """
        number = next(self.tracer.fillings)
        if not targets.is_accelerated(self.tracer.device or ""):
            unfilled = room(shape, dtype, number)
            if unfilled is not None:
                return unfilled
        return jnp.full(shape, number if np.dtype(dtype).kind == "f" else 0, dtype)

    def _bound(self) -> int:
        """How often the loop runs at the most."""
        if self.trips.bound is not None:
            return self.trips.bound
        tracer = self.tracer
        unknown = self.facts.limiting(self.args)
        if unknown and self.op not in tracer.limits:
            tensors = [self.op.inputs[i] for i in unknown]
            if not tracer.depth:
                raise NeedLimit(self.op, tensors)
            raise NeedStatic(tensors[0])  # the function around says what that is for its caller
        raise NotCompilable("a list grows in a loop that runs an unknown number of times")

    # Running -------------------------------------------------------------------------------------

    def run(self) -> list[Any]:
        self._prepare()
        tracer = self.tracer
        state = [tracer.state[h] for h in self.writes]
        values = [self._packed(i, self.args[i]) for i in self.carried]
        exact = self.trips.exact
        start: Any = jnp.int32(0)
        if exact is None:
            go, state, code = self._condition(dict(zip(self.carried, values)), state)
            failed = code
        else:
            go, failed = None, jnp.int32(0)

        def more(carry: Any) -> Any:
            return carry[0] < exact if exact is not None else carry[1]

        def step(carry: Any) -> Any:
            k, _, values, state, failed, stacks = carry
            current = dict(zip(self.carried, values))
            child, outs, operands = self._iterate(self._unpacked(current), state)
            stacks = self._put(stacks, operands, k, current)
            new = [self._next(i, outs[i]) for i in self.carried]
            state = self._new_state(child)
            code = self.failures.code(child.checks)
            failed = jnp.where(failed == 0, code, failed)
            go = None
            if exact is None:
                go, state, code = self._condition(dict(zip(self.carried, new)), state)
                failed = jnp.where(failed == 0, code, failed)
            return k + 1, go, new, state, failed, stacks

        carry = (start, go, values, state, failed, self.stacks)
        _, _, values, state, failed, stacks = lax.while_loop(more, step, carry)
        tracer.state.update(zip(self.writes, state))
        self.failures.hand_over(tracer, failed)
        results = self.args.copy()
        for i, value in zip(self.steady, self._steady_values()):
            results[i] = value
        for i, value in self._unpacked(dict(zip(self.carried, values))).items():
            results[i] = self._last(i, value)
        for product, (a, b) in zip(self.sums.products if self.sums is not None else (), stacks):
            if product.popped is not None:
                a = self.lists[product.popped].first.data
            results[product.variable] += product.of(a, b)
        return results

    def _steady_values(self) -> list[Any]:
        """The last values of the loop variables that are the same after each iteration."""
        tensors = [self.body.outputs[i] for i in self.steady]
        child = self.tracer.child(dict(self.tracer.state))
        return steady_values(self.body, tensors, child, self.args, not self.writes)

    def _put(
        self,
        stacks: Sequence[tuple[Any, Any]],
        operands: Sequence[tuple[Any, Any]],
        k: Any,
        current: dict[int, Any],
    ) -> list[tuple[Any, Any]]:
        """The operands of all iterations with those of this one."""
        result = []
        products = self.sums.products if self.sums is not None else ()
        for product, (a, b), (one, other) in zip(products, stacks, operands):
            if product.popped is not None:  # the other operand stands in the list at this place
                result.append((None, put(b, current[product.popped] - 1, other)))
            else:
                result.append((put(a, k, one), put(b, k, other)))
        return result

    def _condition(self, packed: dict[int, Any], state: Sequence[Any]) -> tuple[Any, list, Any]:
        child, (go,) = self._call(self.cond, self._unpacked(packed), state)
        go = jnp.asarray(go)
        if go.ndim:
            go = go.reshape(()) if go.size == 1 else jnp.bool_(go.size > 0)
        state = self._new_state(child)
        return go.astype(bool), state, self.failures.code(child.checks)

    def _packed(self, i: int, value: Any) -> Any:
        """A loop variable as it is carried: of a list that is only read, its length."""
        plan = self.lists.get(i)
        if plan is None or not plan.fixed:
            return value
        return jnp.asarray(value.length, np.int32)

    def _unpacked(self, packed: dict[int, Any]) -> dict[int, Any]:
        result = {}
        for i, value in packed.items():
            plan = self.lists.get(i)
            if plan is not None and plan.fixed:
                if isinstance(plan.first.length, int):
                    value = plan.first
                elif isinstance(plan.first, UniformList):
                    value = plan.first.with_length(value)
                else:
                    value = plan.first.replaced(plan.first.data, value)
            result[i] = value
        return result

    def _next(self, i: int, value: Any) -> Any:
        """The new value of a loop variable, in the form of the old one."""
        plan = self.lists.get(i)
        if plan is not None:
            if getattr(value, "reach", 0) > plan.reach:
                raise NotCompilable("a list grows in several ways in a loop")
            if plan.fixed:
                if type(value) is not type(plan.first):
                    raise NotCompilable("a list changes its form in a loop")
                return jnp.asarray(value.length, np.int32)
            return list_in_form(in_form_of(value, plan.first), plan.first)
        tensor = self.body.inputs[i]
        if value is None or isinstance(value, (ResourceHandle, *LISTS)):
            raise NotCompilable(f"the loop variable {tensor.name} changes its form")
        new = as_array(value, tensor)
        if new.shape != self.args[i].shape:
            raise NotCompilable(
                f"the loop variable {tensor.name} changes its shape from {self.args[i].shape} to "
                f"{new.shape}"
            )
        return new

    def _new_state(self, child: Tracer) -> list[Any]:
        result = []
        for handle in self.writes:
            before, value = self.tracer.state[handle], child.state[handle]
            if jnp.shape(value) != jnp.shape(before):
                raise NotCompilable(f"{handle.name} changes its shape in a loop")
            result.append(jnp.asarray(value, before.dtype))
        return result

    def _last(self, i: int, value: Any) -> Any:
        """What is known of a loop variable after the last iteration."""
        exact: Any = self.trips.exact
        if i in self.trips.finals:
            return self.trips.finals[i]
        plan = self.lists.get(i)
        if plan is None:
            return value
        known = exact is not None and isinstance(plan.length, int)
        if isinstance(plan.first, UniformList):
            return value.with_length(plan.length + plan.delta * exact) if known else value
        if i in self.zeros:
            value = value.replaced(with_zeros(value.data, self.zeros[i]), value.length)
        if not known:
            return value.replaced(value.data, value.length, plan.reach)
        length = max(plan.length + plan.delta * exact, plan.reach)
        return value.replaced(value.data, length, 0)


def _has_elements(value: Any) -> bool:
    return isinstance(value, ListBuffer) or is_set(value)


def _item_of(items: TensorList) -> Any:
    """Shapes and dtypes of an element of a list that has some."""
    for each in items.items:
        if each is not None:
            if isinstance(each, TensorList):
                return jax.eval_shape(lambda x: buffer_of(x), each)
            return jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), each)
    return None


def _with_capacity(value: ListBuffer, like: Any, capacity: int) -> ListBuffer:
    data = jax.tree.map(lambda s: jax.ShapeDtypeStruct((capacity, *s.shape), s.dtype), like)
    return ListBuffer(data, value.length, value.element_dtype, value.element_shape)
