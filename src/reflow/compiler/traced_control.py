"""Branches inside of executables, `lax.switch`, and what loops (`traced_loop`) share with them.

A body is traced by a tracer of its own. What it writes to the state of the cluster, and the checks in it,
come out of the branch or loop as further results. Importing this module imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from reflow.compiler.context import NeedStatic, NotCompilable, Unusual
from reflow.compiler.folding import state_of
from reflow.compiler.list_buffer import ListBuffer, UniformList, buffer_of
from reflow.compiler.program import body_nodes
from reflow.compiler.tracer import Tracer
from reflow.compiler.trip_count import roots
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph, call_arguments
from reflow.lang.graph import Operation
from reflow.lang.opdef import ValueNeeded
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.tensor_list import TensorList

KNOWN = (np.ndarray, np.generic)
LISTS = (TensorList, ListBuffer, UniformList)


# What branches and loops share --------------------------------------------------------------------


def written_state(tracer: Tracer, args: Sequence[Any]) -> list[ResourceHandle]:
    """The state that the functions of the running node write."""
    op = tracer.op
    inputs = op.inputs[len(op.inputs) - len(args) :]
    constants = {id(t): (t, v) for t, v in zip(inputs, args) if isinstance(v, ResourceHandle)}
    _, writes = state_of([op], constants, tracer.path)
    return writes


class Failures:
    """The checks of bodies: a traced body gives the number of the first that failed, plus one."""

    def __init__(self) -> None:
        self.rows: list[tuple[Callable[[], str], type, Operation]] = []

    def code(self, checks: Sequence[Any]) -> Any:
        code = jnp.int32(0)
        for ok, message, kind, op in checks:
            self.rows.append((message, kind, op))
            code = jnp.where((code == 0) & ~jnp.asarray(ok), jnp.int32(len(self.rows)), code)
        return code

    def hand_over(self, tracer: Tracer, code: Any) -> None:
        """Makes them checks of the tracer around."""
        for i, (message, kind, op) in enumerate(self.rows):
            op = tracer.node if kind is Unusual else op
            tracer.checks.append((code != i + 1, message, kind, op))


def outside(function: FuncGraph, need: NeedStatic, op: Operation, args: Sequence[Any]) -> Exception:
    """What a body needs to know, said in terms of the node that calls it."""
    positions = roots(function, need.tensor)
    if positions is not None:
        for i in positions:
            if not isinstance(args[i], KNOWN):
                return NeedStatic(call_arguments(op, function)[i])
    return NotCompilable(
        f"'{need.tensor.name}' must be known, and is computed inside of the body {function.name}"
    )


def as_array(value: Any, tensor: SymbolicTensor) -> Any:
    return jnp.asarray(value, tensor.dtype.base_dtype.np)


# Branches -----------------------------------------------------------------------------------------


def branch(
    tracer: Tracer, index: Any, functions: Sequence[FuncGraph], args: Sequence[Any]
) -> list[Any]:
    """One of several functions of `args`, chosen by a value of the executable."""
    if isinstance(index, KNOWN):
        return tracer.call(functions[int(index)], args)
    possible = [f for f in functions if not _uses_nothing(f, args)]
    if len(possible) == 1:
        return tracer.call(possible[0], args)
    if len(possible) < len(functions):
        raise NotCompilable("a branch needs a value that another branch would have computed")
    writes = written_state(tracer, args)
    failures = Failures()
    forms = _output_forms(tracer, functions, args, writes)
    sizes: list[Any] = []

    def traced(function: FuncGraph) -> Callable[[], Any]:
        def run() -> Any:
            child, outputs = _run_branch(tracer, function, args, writes)
            flat = [
                _in_form(value, form, tensor)
                for value, form, tensor in zip(outputs, forms, function.outputs)
                if form is not _HANDLE
            ]
            _check_sizes(sizes, flat, function)
            return flat, [child.state[h] for h in writes], failures.code(child.checks)

        return run

    which = index if index.dtype == jnp.bool_ else jnp.asarray(index, np.int32)
    if len(functions) == 2:
        flat, state, code = lax.cond(which.astype(bool), traced(functions[1]), traced(functions[0]))
    else:
        flat, state, code = lax.switch(which, [traced(f) for f in functions])
    tracer.state.update(zip(writes, state))
    failures.hand_over(tracer, code)
    values = iter(flat)
    handles = _handles(functions, args)
    return [handles[i] if form is _HANDLE else next(values) for i, form in enumerate(forms)]


def _uses_nothing(function: FuncGraph, args: Sequence[Any]) -> bool:
    """Whether a body works with a value that only another branch computes."""
    absent = {id(t) for t, v in zip(function.inputs, args) if v is None}
    if not absent:
        return False
    return any(id(t) in absent for op in body_nodes(function) for t in op.inputs) or any(
        id(t) in absent for t in function.outputs
    )


_HANDLE: Any = (
    object()
)  # the form of an output that is a handle: known, and the same in all branches
_PLAIN: Any = object()  # of an array


def _handles(functions: Sequence[FuncGraph], args: Sequence[Any]) -> dict[int, Any]:
    """The handles that the functions return: what they were given."""
    result: dict[int, Any] = {}
    for function in functions:
        position = {id(t): i for i, t in enumerate(function.inputs)}
        for i, tensor in enumerate(function.outputs):
            while id(tensor) not in position and tensor.op.inputs:
                tensor = tensor.op.inputs[0]
            value = args[position[id(tensor)]] if id(tensor) in position else None
            if isinstance(value, ResourceHandle):
                if result.setdefault(i, value) != value:
                    raise NotCompilable("branches return different resources")
    return result


def _run_branch(
    tracer: Tracer, function: FuncGraph, args: Sequence[Any], writes: Sequence[ResourceHandle]
) -> tuple[Tracer, list[Any]]:
    child = tracer.child(dict(tracer.state))
    try:
        outputs = child.run(child.program(function), args)
    except NeedStatic as need:
        raise outside(function, need, tracer.op, args) from None
    except errors.OpError as error:  # it may never run: on the host it fails if it does
        raise NotCompilable(str(error)) from None
    for handle in writes:
        if handle not in child.state:
            raise NotCompilable(f"a branch initializes {handle.name}, another one does not")
    return child, outputs


def _check_sizes(sizes: list[Any], flat: list[Any], function: FuncGraph) -> None:
    came = [jnp.shape(leaf) for leaf in jax.tree.leaves(flat)]
    if not sizes:
        sizes.append(came)
    elif came != sizes[0]:
        raise NotCompilable(
            f"the outputs of {function.name} have other shapes than the other branch's"
        )


def _output_forms(
    tracer: Tracer,
    functions: Sequence[FuncGraph],
    args: Sequence[Any],
    writes: Sequence[ResourceHandle],
) -> list[Any]:
    """For each output: `_PLAIN`, `_HANDLE`, or what the value of another branch has to look like."""
    columns = list(zip(*(f.outputs for f in functions)))
    forms = []
    special = []
    for i, column in enumerate(columns):
        if any(t.dtype.base_dtype.name == "resource" or t.dtype.is_ref_dtype for t in column):
            forms.append(_HANDLE)
            continue
        forms.append(_PLAIN)
        if any(t.dtype.base_dtype.name == "variant" or t.op.type == "FakeParam" for t in column):
            special.append(i)
    if not special:
        return forms
    found: list[list[Any]] = []

    def look(function: FuncGraph) -> Callable[[], Any]:
        def run() -> Any:
            _, outputs = _run_branch(tracer, function, args, writes)
            return [outputs[i] for i in special]

        return run

    for function in functions:
        found.append(jax.eval_shape(look(function)))
    for i, *given in zip(special, *found):
        forms[i] = _common_form(given, columns[i])
    return forms


def _common_form(column: Sequence[Any], tensors: Sequence[SymbolicTensor]) -> Any:
    present = [each for each in column if each is not None]
    if not present:
        raise NotCompilable("no branch computes a value that is asked for")
    lists: list[Any] = [each for each in present if isinstance(each, LISTS)]
    if not lists:
        return present[0]
    if isinstance(lists[0], UniformList):
        kind: Any = jax.tree.structure(lists[0])
        if all(kind == jax.tree.structure(each) for each in lists):
            return lists[0]
    lists = [each.as_items() if isinstance(each, UniformList) else each for each in lists]
    buffers = [each for each in lists if isinstance(each, ListBuffer)]
    if not buffers:
        first = lists[0]
        form: Any = jax.tree.structure(first)
        if all(form == jax.tree.structure(each) for each in lists):
            return first
        buffers = [jax.eval_shape(lambda x: buffer_of(x), each) for each in lists if is_set(each)]
        if not buffers:
            return first
    lengths = {each.length for each in lists if isinstance(each.length, int)}
    fixed = len(lengths) == 1 and all(isinstance(each.length, int) for each in lists)
    capacity = max(each.capacity if isinstance(each, ListBuffer) else each.length for each in lists)
    item = buffers[0].item_like()
    data = jax.tree.map(lambda s: jax.ShapeDtypeStruct((capacity, *s.shape), s.dtype), item)
    length: Any = lengths.pop() if fixed else jax.ShapeDtypeStruct((), np.int32)
    return ListBuffer(data, length, buffers[0].element_dtype, buffers[0].element_shape)


def is_set(items: TensorList) -> bool:
    return any(each is not None for each in items.items)


def _in_form(value: Any, form: Any, tensor: SymbolicTensor) -> Any:
    if form is _PLAIN:
        return as_array(value, tensor)
    if value is None:
        return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), form)
    if isinstance(form, ListBuffer):
        return list_in_form(value, form)
    return jax.tree.map(lambda s, v: jnp.asarray(v, s.dtype), form, value)


def list_in_form(value: Any, form: ListBuffer) -> ListBuffer:
    """A list with the capacity and the kind of length that `form` has.

    Raises:
      NotCompilable: if its elements are of another shape, or too many.
    """
    try:
        if isinstance(value, UniformList):
            value = value.as_items()
        if isinstance(value, TensorList):
            value = buffer_of(value, like=form.item_like(), capacity=form.capacity)
    except ValueNeeded:
        raise NotCompilable("the elements of a list have several shapes") from None
    data = value.data
    if value.capacity < form.capacity:
        more = form.capacity - value.capacity
        data = jax.tree.map(
            lambda a: jnp.concatenate([a, jnp.zeros((more, *a.shape[1:]), a.dtype)]), data
        )
    length = value.length
    if isinstance(form.length, int):
        if length != form.length:
            raise NotCompilable("the length of a list changes in a way that is not known before")
    else:
        length = jnp.asarray(length, np.int32)
    want, have = jax.tree.leaves(form.data), jax.tree.leaves(data)
    if [w.shape for w in want] != [h.shape for h in have]:
        raise NotCompilable("the elements of a list change their shape")
    return ListBuffer(data, length, form.element_dtype, form.element_shape)
