"""AutoGraph: programs and errors as TensorFlow has them."""

import json
import pathlib
import sys

import numpy as np
import pytest

import reflow as tf
from reflow.lang import dtypes
from reflow.lang.context import using_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.func_graph import trace
from reflow.lang.nest import flatten, pack_sequence_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))

import autograph_programs as programs

programs.tf = tf
EXPECTED = json.loads((GOLDEN / "autograph.json").read_text())


def as_function(f):
    """`f`, converted, traced into the graph of a function and run."""

    def run(*args):
        tensors = [np.asarray(a, np.float32 if isinstance(a, float) else None) for a in args]
        tensors = [a.astype({"float64": "float32", "int64": "int32"}.get(a.dtype.name, a.dtype)) for a in tensors]
        python = [isinstance(a, bool) for a in args]
        converted = service("autograph_convert")(f)
        result = {}

        def body(*placeholders):
            given = iter(placeholders)
            value = converted(*[a if p else next(given) for a, p in zip(args, python)])
            result["like"] = value
            return [convert_to_tensor(each) for each in flatten(value)]

        kinds = [
            (dtypes.as_dtype(t.dtype), TensorShape(t.shape), f"x{i}")
            for i, (t, p) in enumerate(zip(tensors, python))
            if not p
        ]
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            function, outputs = trace("f", body, kinds)
            function.outputs = outputs
            call = REGISTRY["StatefulPartitionedCall"](
                [t for t, p in zip(tensors, python) if not p], Tout=[t.dtype for t in outputs], f=function
            )
            values = session.run(call)
        return pack_sequence_as(result["like"], values)

    return run


def check(value, expected):
    if isinstance(expected, list):
        assert len(value) == len(expected)
        for each, wanted in zip(value, expected):
            check(each, wanted)
        return
    value = np.asarray(value)
    assert list(value.shape) == expected["shape"]
    if expected["dtype"] == "str":
        assert [v.decode() for v in value.ravel().tolist()] == expected["values"]
        return
    assert value.dtype.name == expected["dtype"]
    np.testing.assert_allclose(value.ravel(), expected["values"], rtol=1e-6)


@pytest.mark.parametrize("function, calls", programs.PROGRAMS, ids=lambda f: getattr(f, "__name__", ""))
def test_program(function, calls):
    for args, expected in zip(calls, EXPECTED["programs"][function.__name__]):
        check(as_function(function)(*args), expected)


@pytest.mark.parametrize("function, calls", programs.BEYOND, ids=lambda f: getattr(f, "__name__", ""))
def test_program_beyond_tensorflow(function, calls):
    for args, expected in zip(calls, EXPECTED["beyond"][function.__name__]):
        check(as_function(function)(*args), expected)


@pytest.mark.parametrize("function, args", programs.ERRORS, ids=lambda f: getattr(f, "__name__", ""))
def test_error(function, args):
    kind, _ = EXPECTED["errors"][function.__name__]
    with pytest.raises(Exception) as caught:
        as_function(function)(*args)
    print(type(caught.value).__name__, caught.value)
    assert type(caught.value).__name__ == kind
