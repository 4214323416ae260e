"""Checks of calls and programs against the values in tests/golden/calls: used by the test files."""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import sys

import numpy as np

import reflow
from reflow.autodiff.gradients import gradients
from reflow.compat import v1
from reflow.compiler import policy
from reflow.lang import context, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.graph import Graph
from reflow.lang.verifier import verify
from reflow.runtime.eager import reset_generators
from reflow.runtime.session import Session

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
TIERS = ("interpret", "compile")


def load(name):
    """The module of calls, and its golden values."""
    if str(GOLDEN) not in sys.path:
        sys.path.insert(0, str(GOLDEN))
    calls = importlib.import_module("calls")
    module = importlib.import_module(f"calls.{name}")
    golden = calls.Golden(name)
    assert set(golden.calls) == set(calls.lines(module.CALLS)), "make_calls_golden.py is to be run"
    assert set(golden.programs) == {p.__name__ for p in module.PROGRAMS}
    return calls, module, golden


@contextlib.contextmanager
def tier(name):
    previous, policy.forced[0] = policy.forced[0], name
    try:
        yield
    finally:
        policy.forced[0] = previous


def close(what, got, want, room=None):
    got = np.asarray(got)
    if want.dtype.kind == "U":
        texts = [v.encode() if isinstance(v, str) else bytes(v) for v in got.ravel().tolist()]
        got = np.array([v.hex() + "." for v in texts], np.str_).reshape(got.shape)
        assert np.array_equal(got.astype(want.dtype), want), f"{what}: {got} instead of {want}"
        return
    assert got.shape == want.shape, f"{what}: {got.shape} instead of {want.shape}"
    if got.dtype.kind == "V" or got.dtype.name == "bfloat16":
        got = got.astype(np.float32)
    assert got.dtype == want.dtype, f"{what}: {got.dtype} instead of {want.dtype}"
    if want.dtype.kind in "biu":
        assert np.array_equal(got, want), f"{what}: {got} instead of {want}"
        return
    single = want.dtype in (np.float32, np.complex64)
    room = room or (2e-3 if want.dtype == np.float16 else 2e-5 if single else 1e-11)
    largest = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0.0))
    np.testing.assert_allclose(got, want, room, room * largest, err_msg=what)


def check_call(loaded, call, which, room=None):
    """One call in a graph, in a tier: values, static shapes and gradients.

    With `which` "unknown" the sizes of the arrays are not known while the graph is built.
    """
    calls, module, golden = loaded
    wanted = golden.calls[call]
    unknown = which == "unknown"
    shape = (lambda sizes: [None] * len(sizes)) if unknown else (lambda sizes: sizes)
    with Graph().as_default() as graph:
        names = calls.Names(reflow, v1, module, shape)
        try:
            tensors = calls.sparse_parts(calls.flat(eval(call, {}, names)))
        except Exception as error:
            if "error" not in wanted:
                raise
            assert_same_class(error, wanted)
            return
        tables = graph.get_collection(v1.GraphKeys.TABLE_INITIALIZERS)
        made = []
        if wanted.get("gradients"):
            inexact = [t for t in tensors if t.dtype.is_floating or t.dtype.is_complex]
            sums = [reflow.reduce_sum(reflow.abs(t) ** 2) for t in inexact]
            made = gradients(sums, [names.made[key] for key in wanted["gradients"]])
            made = [convert_to_tensor(g) for g in made]
    verify(graph)
    with tier("interpret" if unknown else which):
        session = Session(graph=graph)
        try:
            session.run(tables)
            values = session.run([*tensors, *made], names.feeds)
        except errors.OpError as error:
            if "error" not in wanted:
                raise
            assert_same_class(error, wanted)
            return
    assert "error" not in wanted, f"{call} does not raise {wanted['error']}: {values}"
    for i, (tensor, got) in enumerate(zip(tensors, values)):
        what = f"{call}, {which}, output {i}"
        close(what, got, golden.value(f"{wanted['number']}/{i}"), room)
        assert tensor.shape.is_compatible_with(np.shape(got)), what
        if not unknown:
            known = wanted["shapes"][i]
            assert tensor.shape.is_compatible_with(known), f"{what}: {tensor.shape}, not {known}"
            assert tensor.shape.merge_with(known) == tensor.shape, f"{what}: {known} is known"
    for key, got in zip(wanted.get("gradients", ()), values[len(tensors) :]):
        want = golden.value(f"{wanted['number']}/gradient/{key}")
        close(f"{call}, {which}, gradient of {key}", got, want, room and 5 * room)


def check_eagerly(loaded, call, room=None):
    """One call in eager mode: values."""
    calls, module, golden = loaded
    wanted = golden.calls[call]
    names = {key: convert_to_tensor(value) for key, value in module.ARRAYS.items()}
    with context.using_graph(None):
        reset_generators()
        try:
            helpers = getattr(module, "HELPERS", {})
            result = eval(call, {"tf": reflow, "tf1": v1, "np": np, **helpers, **names})
        except Exception as error:
            if "error" not in wanted:
                raise
            assert_same_class(error, wanted)
            return
    assert "error" not in wanted, f"{call} does not raise {wanted['error']} eagerly"
    for i, got in enumerate(calls.sparse_parts(calls.flat(result))):
        want = golden.value(f"{wanted['number']}/{i}")
        close(f"{call}, eager, {i}", got, want, room)


def assert_same_class(error, wanted):
    kinds = {type(error).__name__, *(base.__name__ for base in type(error).__mro__)}
    # What TensorFlow finds when a graph runs may be found when it is built, as a ValueError.
    allowed = {wanted["error"], "ValueError" if wanted["error"] == "InvalidArgumentError" else ""}
    if wanted["error"] == "ValueError":
        allowed.add("InvalidArgumentError")
    assert kinds & allowed, f"{type(error).__name__} instead of {wanted['error']}: {error}"


def check_program(loaded, name, which, room=None):
    """A program in eager mode, in a tier."""
    _, module, golden = loaded
    (program,) = [p for p in module.PROGRAMS if p.__name__ == name]
    with context.using_graph(None), tier(which):
        reset_generators()
        reflow.random.set_seed(1)
        results = program(reflow, np)
    assert len(results) == golden.programs[name]["count"]
    for i, got in enumerate(results):
        close(f"{name}, {which}, value {i}", got, golden.value(f"{name}/{i}"), room)
