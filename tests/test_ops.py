"""Every op against its record: see tests/records/base.py.

One graph and one compilation per op: all samples of a record run together.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import pathlib
import pkgutil
import re

import numpy as np
import pytest
import records
from records.base import DTYPES_DIFFER, ELSEWHERE, RECORDS, Variable, cotangent, dtype_name
from records.expected import Reader

import reflow.data
import reflow.ops
import reflow.train.summaries.writer_ops  # noqa: F401  (its ops are made when it is imported)
from reflow.autodiff.gradients import gradients
from reflow.compiler import policy
from reflow.lang import context, dtypes, errors, shapes
from reflow.lang.dtypes import as_dtype
from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import NO_DEFAULT, REGISTRY, UNSAID
from reflow.lang.printer import format_graph
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.verifier import verify
from reflow.ops.constant import placeholder
from reflow.runtime.session import Session

HERE = pathlib.Path(__file__).resolve().parent
BROKEN = records.load()
BROKEN_OPS: dict[str, Exception] = {}
for _room in (reflow.ops, reflow.data):
    for _module in pkgutil.walk_packages(_room.__path__, f"{_room.__name__}."):
        try:
            importlib.import_module(_module.name)
        except Exception as error:
            BROKEN_OPS[_module.name] = error

each_op = pytest.mark.parametrize("record", list(RECORDS.values()), ids=list(RECORDS))
each_bad = pytest.mark.parametrize(
    "record", [r for r in RECORDS.values() if r.bad], ids=lambda r: r.op
)
INTERPRET, COMPILE = "interpret", "compile"


def test_all_files_are_read():
    assert not BROKEN, BROKEN
    assert not BROKEN_OPS, BROKEN_OPS


# Samples as nodes ---------------------------------------------------------------------------------


def call_op(opdef, inputs, attrs):
    return opdef(*inputs, **attrs)


CALL_SITE = f"test_ops.py:{call_op.__code__.co_firstlineno + 1}"


def flat(result):
    """The outputs of a call in a flat list; of an op without outputs, none."""
    if isinstance(result, (list, tuple)):
        return [t for each in result for t in flat(each)]
    return [] if result is None or isinstance(result, Operation) else [result]


class Call:
    """One sample as a node of the current graph.

    Attributes:
      tensors: the inputs by key: `x`, or `values:1` within a list.
      feeds: what to feed for them.
      variables: handles and dtypes of variables by input, and `initializers` the ops that set them.
      outputs: the output tensors; op: the node.
    """

    def __init__(self, record, sample, kind="fed", cast=None):
        opdef = find(record)
        self.tensors, self.feeds, self.variables, self.initializers = {}, {}, {}, []
        self.kind = kind
        arguments = []
        attrs = dict(sample.values)
        for arg in opdef.inputs:
            value = attrs.pop(arg.name)
            wide = cast(arg, value, attrs) if cast is not None else value
            if isinstance(value, Variable):
                arguments.append(self.variable(arg, value.value))
            elif arg.is_list:
                listed = enumerate(wide)
                arguments.append([self.tensor(f"{arg.name}:{i}", each) for i, each in listed])
            else:
                arguments.append(self.tensor(arg.name, wide))
        result = call_op(opdef, arguments, attrs)
        self.outputs = flat(result)
        self.op = result if isinstance(result, Operation) else None
        if self.op is None and self.outputs and isinstance(self.outputs[0], SymbolicTensor):
            self.op = self.outputs[0].op

    def tensor(self, key, value):
        if self.kind == "constant" or context.current_graph() is None:
            tensor = REGISTRY["Const"](value=value, dtype=dtype_name(value))
        else:
            shape = {"fed": value.shape, "rank": [None] * value.ndim, "unknown": None}[self.kind]
            tensor = placeholder(dtype_name(value), shape)
            self.feeds[tensor] = value
        self.tensors[key] = tensor
        return tensor

    def variable(self, arg, value):
        kind = "VariableV2" if arg.is_ref else "VarHandleOp"
        name = f"{kind}_{arg.name}_{id(self)}"
        made = {"shape": value.shape, "dtype": dtype_name(value), "shared_name": name}
        handle = REGISTRY[kind](**made)
        set_it = REGISTRY["Assign" if arg.is_ref else "AssignVariableOp"](handle, value)
        self.initializers.append(getattr(set_it, "op", set_it))
        self.variables[arg.name] = (handle, dtype_name(value))
        return handle

    def reads(self):
        """Nodes that read the variables."""
        result = {}
        for name, (handle, dtype) in self.variables.items():
            if handle.dtype is dtypes.resource:
                result[name] = REGISTRY["ReadVariableOp"](handle, dtype=dtype)
            else:
                result[name] = REGISTRY["Identity"](handle)
        return result


def find(record):
    opdef = REGISTRY.get(record.op)
    if opdef is None:
        pytest.fail(f"there is a record for {record.op}, but no such op in reflow.ops")
    return opdef


@functools.cache
def reader(family):
    return Reader(family)


def expected(record, number=None, part="samples"):
    """What TensorFlow gave for a sample: a row of the index; None if it is not asked."""
    if not record.oracle:
        return None
    remedy = f"run tests/golden/make_ops_golden.py {record.family} with TensorFlow"
    row = reader(record.family).index.get(record.op)
    given = record.samples if part == "samples" else record.bad
    if row is None or [r["digest"] for r in row[part]] != [s.digest for s in given]:
        pytest.fail(f"no expected values for the samples of {record.op}: {remedy}")
    if part == "samples" and "error" in row[part][number]:
        pytest.fail(f"TensorFlow refuses sample {number}: {row[part][number]['error']}")
    return row[part][number]


@contextlib.contextmanager
def tier(name):
    previous, policy.forced[0] = policy.forced[0], name
    try:
        yield
    finally:
        policy.forced[0] = previous


# Comparing ----------------------------------------------------------------------------------------


def check(record, what, got, want):
    """Asserts that an array has the dtype, the shape and, within tolerance, the values wanted."""
    got = np.asarray(got, object if isinstance(got, bytes) else None)  # "S" drops final zeros
    assert dtype_name(got) == dtype_name(want), f"{what}: dtype"
    assert got.shape == want.shape, f"{what}: shape"
    name = dtype_name(want)
    if name == "string" or want.dtype.kind in "biu" or not want.size:
        same = got == want
        assert np.all(same), f"{what}: {got} instead of {want}"
        return
    kind = np.complex128 if want.dtype.kind == "c" else np.float64
    close(f"{what} ({name})", got.astype(kind), want.astype(kind), record.tolerance(name))


def close(what, got, want, tolerance):
    finite = np.isfinite(want)
    special = np.array_equal(got[~finite], want[~finite], equal_nan=True)
    assert special, f"{what}: {got} instead of {want}"
    sizes = np.abs(want[finite])
    room = tolerance * (sizes + min(1.0, sizes.max(initial=0.0)))
    off = ~(np.abs(got[finite] - want[finite]) <= room)
    if off.any():
        places = np.argwhere(finite)[off][:4].tolist()
        raise AssertionError(
            f"{what}: {off.sum()} of {want.size} differ by more than {tolerance:g}, at {places}: "
            f"{got[finite][off][:4]} instead of {want[finite][off][:4]}"
        )


def check_static(what, tensor, actual, known):
    """Asserts that an inferred shape allows the actual one, and says what TensorFlow's says."""
    static = tensor.shape
    assert static.is_compatible_with(actual), f"{what}: inferred {static}, but it is {actual}"
    if known is not None:
        assert static.rank is not None, f"{what}: unknown shape, TensorFlow infers {known}"
        sizes = static.as_list()
        lacking = [i for i, (a, b) in enumerate(zip(sizes, known)) if a is None and b is not None]
        assert not lacking, f"{what}: inferred {static}, TensorFlow infers {known}"


# The checks ---------------------------------------------------------------------------------------


def gradients_of(call, record, keys, shapes_of_outputs):
    """Gradients for the inputs `keys`, as the script that asks TensorFlow computes them."""
    ys, seeds = [], []
    for tensor, name, shape in zip(call.outputs, output_names(call.op), shapes_of_outputs):
        wanted = record.grad_outputs is None or name in record.grad_outputs
        if wanted and (tensor.dtype.is_floating or tensor.dtype.is_complex):
            ys.append(tensor)
            value = cotangent(shape, tensor.dtype.base_dtype.name)
            seeds.append(REGISTRY["Const"](value=value, dtype=dtype_name(value)))
    found = gradients(ys, [call.tensors[key] for key in keys], seeds)
    return [dense(g) for g in found]


def dense(gradient):
    if gradient is None or isinstance(gradient, SymbolicTensor):
        return gradient
    from reflow.lang.convert import convert_to_tensor

    return convert_to_tensor(gradient)


def output_names(op):
    names = []
    for arg in op.opdef.outputs:
        length = len(op.attrs[arg.list_attr]) if arg.list_attr else op.attrs.get(arg.number_attr, 1)
        names += [arg.name] * length
    return names


class Batch:
    """All samples of a record in one graph, with the gradients that TensorFlow gives."""

    def __init__(self, record, kind="fed", with_gradients=True):
        self.record, self.graph = record, Graph()
        self.calls, self.grads, self.reads = [], [], []
        with self.graph.as_default():
            for i, sample in enumerate(record.samples):
                call = Call(record, sample, kind)
                self.calls.append(call)
                row = expected(record, i)
                keys = list(row.get("grads", ())) if row and with_gradients else []
                if record.grad is False:
                    keys = []
                made = []
                if keys:
                    sizes = [out and out["shape"] for out in row["outputs"]]
                    made = gradients_of(call, record, keys, sizes)
                self.grads.append(dict(zip(keys, made)))
            for call in self.calls:
                self.reads.append(call.reads())

    def fetches(self, i):
        call = self.calls[i]
        outputs = [t for t in call.outputs if comparable(t)]
        grads = [g for g in self.grads[i].values() if g is not None]
        return [*outputs, *grads] or [call.op]

    def run(self, numbers):
        """For each sample, the values of its fetches and of its variables afterwards."""
        session = Session(graph=self.graph)
        initializers = [op for i in numbers for op in self.calls[i].initializers]
        if initializers:
            session.run(initializers)
        fetches, feeds = [], {}
        for i in numbers:
            fetches += self.fetches(i)
            feeds.update(self.calls[i].feeds)
        got = iter(session.run(fetches, feeds))
        values = [[next(got) for _ in self.fetches(i)] for i in numbers]
        reads = [t for i in numbers for t in self.reads[i].values()]
        state = iter(session.run(reads) if reads else ())
        return [(v, {name: next(state) for name in self.reads[i]}) for i, v in zip(numbers, values)]

    def results(self):
        numbers = range(len(self.calls))
        try:
            return self.run(numbers)
        except Exception:
            for i in numbers:  # which sample is it?
                try:
                    self.run([i])
                except Exception as error:
                    error.add_note(f"{self.record.op}, sample {i}: {self.record.samples[i].values}")
                    raise
            raise


def comparable(tensor):
    return tensor.dtype.base_dtype not in (dtypes.resource, dtypes.variant) and (
        not tensor.dtype.is_ref_dtype
    )


def check_against_tensorflow(record, batch, results, which):
    static = "known" if which == "constants" else "static"
    for i, (call, (values, state)) in enumerate(zip(batch.calls, results)):
        row = expected(record, i)
        values = iter(values)
        for j, tensor in enumerate(call.outputs):
            what = f"{record.op}, sample {i}, {which}, output {j}"
            if not comparable(tensor):
                continue
            got = np.asarray(next(values), object if tensor.dtype is dtypes.string else None)
            assert dtype_name(got) == tensor.dtype.name, f"{what}: the graph says {tensor.dtype}"
            check_static(what, tensor, got.shape, row and row[static][j])
            if row:
                check(record, what, got, reader(record.family).array(row["outputs"][j]))
        for key, gradient in batch.grads[i].items():
            want = reader(record.family).array(row["grads"][key])
            got = np.zeros_like(want) if gradient is None else next(values)
            check(record, f"{record.op}, sample {i}, {which}, gradient of {key}", got, want)
        for name, got in state.items():
            if row:
                want = reader(record.family).array(row["state"][name])
                check(record, f"{record.op}, sample {i}, {which}, variable {name}", got, want)


@each_op
def test_interpreted_and_compiled(record):
    opdef = find(record)
    batch = Batch(record)
    verify(batch.graph)
    runs = {}
    for name in (INTERPRET, COMPILE):
        if opdef.interpret or name == COMPILE:
            with tier(name):
                runs[name] = batch.results()
            check_against_tensorflow(record, batch, runs[name], f"{name}ed".replace("ee", "e"))
    if not record.oracle and len(runs) == 2 and not opdef.random:
        for i, (a, b) in enumerate(zip(runs[INTERPRET], runs[COMPILE])):
            for j, (x, y) in enumerate(zip(a[0], b[0])):
                if x is not None:
                    what = f"{record.op}, sample {i}, result {j}, tiers"
                    check(record, what, np.asarray(y), np.asarray(x))


@each_op
def test_constants_fold(record):
    batch = Batch(record, "constant", with_gradients=False)
    with tier(INTERPRET):
        check_against_tensorflow(record, batch, batch.results(), "constants")
    if record.oracle:
        return
    for call in batch.calls:
        if call.op.opdef.compile:
            unknown = [t for t in call.outputs if not t.shape.is_fully_defined()]
            assert not unknown, f"shapes not fully inferred from constants: {unknown}"


@each_op
def test_unknown_shapes(record):
    for i, sample in enumerate(record.samples):
        row = expected(record, i)
        for kind in ("unknown", "rank"):
            with Graph().as_default() as graph:
                call = Call(record, sample, kind)
                verify(graph)
            for tensor, out in zip(call.outputs, row["outputs"] if row else ()):
                if out is not None:
                    what = f"{record.op}, sample {i}, input shapes of kind '{kind}'"
                    check_static(what, tensor, out["shape"], None)


@each_op
def test_eager(record):
    opdef = find(record)
    if any(arg.is_ref for arg in (*opdef.inputs, *opdef.outputs)):
        pytest.skip("references are for graphs")
    for i, sample in enumerate(record.samples):
        row = expected(record, i)
        with context.using_graph(None):
            call = Call(record, sample)
            state = call.reads()
        for j, tensor in enumerate(call.outputs):
            if row and comparable(tensor):
                want = reader(record.family).array(row["outputs"][j])
                what = f"{record.op}, sample {i}, eager, output {j}"
                check(record, what, tensor.numpy() if want.ndim else as_array(tensor), want)
        for name, tensor in state.items():
            if row:
                want = reader(record.family).array(row["state"][name])
                check(record, f"{record.op}, sample {i}, eager, {name}", as_array(tensor), want)


def as_array(tensor):
    value = tensor.numpy()
    return np.asarray(value, object if tensor.dtype is dtypes.string else None)


@each_op
def test_graph_as_text_and_as_message(record):
    graph = Batch(record, with_gradients=False).graph  # whose shapes are hinted from outside
    text = format_graph(graph)
    lines = [line for line in text.splitlines() if f"= {record.op}(" in line]
    assert len(lines) >= len(record.samples)
    import_graph_def = service("import_graph_def")
    message = graph.as_graph_def()
    message = type(message).FromString(message.SerializeToString())
    with Graph().as_default() as again:
        import_graph_def(message, name="")
    verify(again)
    assert format_graph(again) == text


# Gradients against finite differences -------------------------------------------------------------

WIDE = {dtypes.float32: dtypes.float64, dtypes.complex64: dtypes.complex128}


def widened(record):
    """A function that casts a sample to double precision, and whether the op takes it."""
    opdef = find(record)
    wide = not any(arg.dtype in WIDE for arg in opdef.outputs)
    for arg in opdef.inputs:
        if arg.dtype in WIDE:
            wide = False
        allowed = opdef.attrs[arg.type_attr].allowed if arg.type_attr else None
        if allowed is not None and allowed & WIDE.keys() and not allowed & set(WIDE.values()):
            wide = False

    def cast(arg, value, attrs):
        if isinstance(value, Variable) or not wide:
            return value
        if isinstance(value, (list, tuple)):
            return [cast(arg, each, attrs) for each in value]
        to = WIDE.get(as_dtype(dtype_name(value)))
        if to is None or arg.dtype is not None:
            return value
        if arg.type_attr in attrs:
            attrs[arg.type_attr] = to.name
        for name, attr in opdef.attrs.items():  # dtypes of outputs alone
            held = attrs.get(name, attr.default)
            if attr.type == "type" and not attr.inferred and held is not NO_DEFAULT:
                attrs[name] = WIDE.get(as_dtype(held), as_dtype(held)).name
        return value.astype(to.np)

    return cast, wide


def differentiable(call, record):
    """The keys of the inputs whose gradient is checked."""
    keys = []
    for key, tensor in call.tensors.items():
        wanted = record.grad is True or key.partition(":")[0] in record.grad
        if wanted and (tensor.dtype.is_floating or tensor.dtype.is_complex):
            keys.append(key)
    return keys


@each_op
def test_gradient(record):
    opdef = find(record)
    assert opdef.grad is not UNSAID, f"say grad=None, grad=ZERO or a rule for {record.op}"
    if opdef.grad is None or record.grad is False:
        return
    cast, wide = widened(record)
    step, tolerance = (1e-5, 1e-6) if wide else (1e-2, 2e-2)
    with tier(INTERPRET if opdef.interpret else COMPILE):
        for i, sample in enumerate(record.samples):
            if sample.gradient and not half_precision(sample):
                check_gradient(record, i, sample, cast, step, tolerance)


def half_precision(sample):
    arrays = [v for v in flat_values(sample) if v.dtype.kind in "fcV"]
    return any(v.dtype.itemsize <= 2 for v in arrays)


def flat_values(sample):
    for value in sample.values.values():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, np.ndarray) and each.dtype != object:
                yield each


def check_gradient(record, number, sample, cast, step, tolerance):
    graph = Graph()
    with graph.as_default():
        call = Call(record, sample, cast=cast)
    keys = differentiable(call, record)
    session = Session(graph=graph)
    if call.initializers:
        session.run(call.initializers)
    ys = [t for t in call.outputs if t.dtype.is_floating or t.dtype.is_complex]
    if not keys or not ys:
        return
    names = dict(zip(call.outputs, output_names(call.op)))
    if record.grad_outputs is not None:
        ys = [t for t in ys if names[t] in record.grad_outputs]
    outputs = session.run(call.outputs, call.feeds)
    sizes = [np.shape(v) for v in outputs]
    seeds = [cotangent(np.shape(outputs[call.outputs.index(y)]), y.dtype.name) for y in ys]
    with graph.as_default():
        made = gradients_of(call, record, keys, sizes)
    verify(graph)
    computed = [(k, g) for k, g in zip(keys, made) if g is not None]
    got = dict(zip([k for k, _ in computed], session.run([g for _, g in computed], call.feeds)))

    def outputs_at(key, value):
        feeds = {**call.feeds, call.tensors[key]: value.astype(call.tensors[key].dtype.np)}
        return session.run(ys, feeds)

    def rise(key, point, step):
        """How much the outputs, weighted by the seeds, grow from `point - step` on."""
        total = 0.0
        for w, high, low in zip(
            seeds, outputs_at(key, point + step), outputs_at(key, point - step)
        ):
            same = (high == low) | ((high != high) & (low != low))  # infinities and NaN stay
            change = np.subtract(high, low, where=~same, out=np.zeros(same.shape, w.dtype))
            total += np.sum(np.real(np.conj(w) * change))
        return total

    for key in keys:
        point = call.feeds[call.tensors[key]]
        gradient = np.asarray(got.get(key, np.zeros_like(point)))
        what = f"{record.op}, sample {number}, gradient of {key}"
        assert gradient.shape == point.shape, f"{what}: shape"
        assert gradient.dtype == point.dtype, f"{what}: dtype"
        for direction in directions(point):
            want = rise(key, point, step * direction) / (2 * step)
            have = np.sum(np.real(np.conj(gradient) * direction))
            room = tolerance * (1 + abs(want) + np.sum(np.abs(gradient)))
            where = np.argwhere(direction)
            at = f" at {where[0].tolist()}" if len(where) == 1 else " in a random direction"
            assert abs(have - want) <= room, f"{what}{at}: {have}, by finite differences {want}"


def directions(point):
    """Each element alone where they are few; otherwise random directions."""
    if point.size <= 16:
        units = [unit.reshape(point.shape) for unit in np.eye(point.size)]
        return units + [1j * u for u in units] if point.dtype.kind == "c" else units
    rng = np.random.default_rng(5)
    result = [rng.standard_normal(point.shape) for _ in range(6)]
    if point.dtype.kind == "c":
        result = [d + 1j * rng.standard_normal(point.shape) for d in result]
    return result


# Bad samples --------------------------------------------------------------------------------------

KINDS = (errors.OpError, ValueError, TypeError)


def check_error(record, number, error, during):
    bad = record.bad[number]
    what = f"{record.op}, bad sample {number}, {during}: {type(error).__name__}: {error}"
    assert isinstance(error, KINDS), what
    assert re.search(bad.match, str(error)), f"{what}\n does not match {bad.match!r}"
    first = str(error).splitlines()[0]
    assert CALL_SITE in first, f"{what}\n the first line does not name {CALL_SITE}"
    row = expected(record, number, "bad")
    wanted = bad.error
    if wanted is None and during == "run" and row and row["error"]:
        kind = row["error"].partition(":")[0]
        wanted = kind if hasattr(errors, kind) else None
    if wanted is not None:
        assert type(error).__name__ == wanted, f"{what}\n TensorFlow's class is {wanted}"


@each_bad
def test_bad_samples(record):
    opdef = find(record)
    for i, bad in enumerate(record.bad):
        kinds = ("fed", "constant") if opdef.interpret else ("fed",)
        for kind in kinds:
            graph, during = Graph(), "building"
            try:
                with graph.as_default():
                    call = Call(record, bad, kind)
                during = "run"
                with tier(INTERPRET):
                    session = Session(graph=graph)
                    if call.initializers:
                        session.run(call.initializers)
                    fetches = [t for t in call.outputs if comparable(t)] or [call.op]
                    got = session.run(fetches, call.feeds)
            except Exception as error:
                check_error(record, i, error, during)
            else:
                pytest.fail(f"{record.op} accepts bad sample {i} ({kind}): {got}")


@each_bad
def test_bad_samples_eagerly(record):
    opdef = find(record)
    if any(arg.is_ref for arg in (*opdef.inputs, *opdef.outputs)):
        pytest.skip("references are for graphs")
    for i, bad in enumerate(record.bad):
        try:
            with context.using_graph(None):
                call = Call(record, bad)
        except Exception as error:
            check_error(record, i, error, "eager")
        else:
            pytest.fail(f"{record.op} accepts bad sample {i} eagerly: {call.outputs}")


# Reflection ---------------------------------------------------------------------------------------


def test_every_op_is_tested():
    untested = sorted(REGISTRY.keys() - RECORDS.keys() - ELSEWHERE.keys())
    assert not untested, f"ops without a record (tests/records): {untested}"


def test_ops_tested_elsewhere_are():
    for name, file in ELSEWHERE.items():
        assert name not in RECORDS, f"{name} has a record"
        assert name in REGISTRY, f"there is no op {name}"
        path = HERE / file
        assert path.exists(), f"{name} is said to be tested in {file}, which does not exist"
        assert re.search(rf"\b{name}\b", path.read_text()), f"{file} does not name {name}"


def test_every_gradient_is_said():
    unsaid = sorted(name for name, opdef in REGISTRY.items() if opdef.grad is UNSAID)
    assert not unsaid, f"ops that do not say their gradient (None, ZERO or a rule): {unsaid}"


# Signatures ---------------------------------------------------------------------------------------

_ATTR = re.compile(
    r"(?P<name>\w+): (?P<type>list\(\w+\)|\w+)(?: = (?P<default>.*?))?"
    r"(?: \{(?P<allowed>[^{}]*)\})?(?: >=(?P<least>-?\d+))?"
)


def tensorflow_signatures():
    """Rows of tests/golden/ops.tsv: op -> inputs, outputs (texts), attributes by name, flags."""
    rows = {}
    for line in (HERE / "golden" / "ops.tsv").read_text().splitlines()[1:]:
        name, inputs, outputs, attrs, flags = (*line.split("\t"), "")[:5]
        matches = [_ATTR.fullmatch(text) for text in attrs.split("; ") if text]
        assert all(matches), f"{name}: {attrs}"
        rows[name] = (inputs, outputs, {m["name"]: m for m in matches}, flags.split())
    return rows


SIGNATURES = tensorflow_signatures()
# Marked stateful in TensorFlow to keep them from being folded, but functions of their inputs.
PURE = {"DeepCopy", "GuaranteeConst", "StatelessRandomGetAlg"}
PURE |= {"RangeDataset", "TensorDataset", "TensorSliceDataset", "SparseTensorSliceDataset"}
PURE |= {"ExperimentalGroupByReducerDataset"}
# They name files, which are read when somebody iterates.
PURE |= {"TextLineDataset", "FixedLengthRecordDatasetV2", "TFRecordDataset", "MatchingFilesDataset"}
PURE |= {"CSVDatasetV2"}
PURE |= {"XlaCallModule"}
# Stateful for their random dropout, which is not there.
PURE |= {"CudnnRNN", "CudnnRNNBackprop"}


def argument_text(arg):
    kind = arg.list_attr or arg.type_attr or wire_name(arg.dtype)
    kind = f"Ref({kind})" if arg.is_ref else kind
    return f"{arg.name}: {arg.number_attr}*{kind}" if arg.number_attr else f"{arg.name}: {kind}"


def wire_name(dtype):
    return {"float32": "float", "float64": "double", "float16": "half"}.get(dtype.name, dtype.name)


def default_value(kind, text):
    """The default that a text of the table stands for, in the form in which `Attr` holds it."""
    if text is None:
        return NO_DEFAULT
    if kind == "type":
        return as_dtype(text)
    if kind == "list(type)":
        return tuple(as_dtype(each) for each in text.strip("[]").split(",") if each)
    if kind == "shape":
        return None if text == "<unknown>" else tuple(ast.literal_eval(text))
    if kind == "float":
        return float(text)
    value = ast.literal_eval(text) if kind != "list(float)" else eval(text, {"inf": np.inf})
    return tuple(value) if isinstance(value, list) else value


def held_default(attr):
    value = attr.default
    if isinstance(value, shapes.TensorShape):
        return None if value.rank is None else tuple(value.as_list())
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_signature_is_tensorflows(name):
    if name not in SIGNATURES:
        pytest.fail(f"TensorFlow has no op {name}")
    opdef = REGISTRY[name]
    inputs, outputs, attrs, flags = SIGNATURES[name]
    assert opdef.stateful or "stateful" not in flags or name in PURE, "stateful=True is missing"
    assert ", ".join(map(argument_text, opdef.inputs)) == inputs
    assert ", ".join(map(argument_text, opdef.outputs)) == outputs
    assert sorted(opdef.attrs) == sorted(attrs)
    for key, row in attrs.items():
        attr = opdef.attrs[key]
        assert attr.type == row["type"], f"attribute {key}"
        got, want = held_default(attr), default_value(row["type"], row["default"])
        assert got == want and (got is NO_DEFAULT) == (want is NO_DEFAULT), f"default of {key}"
        if row["type"] in ("type", "list(type)"):
            check_dtypes(name, key, attr.allowed, row["allowed"])
        elif row["allowed"] is not None:
            assert attr.allowed == set(row["allowed"].split(",")), f"values of {key}"


def check_dtypes(name, key, allowed, text):
    ours = {d.name for d in (dtypes.ANY if allowed is None else allowed)}
    theirs = {d.name for d in dtypes.ANY}
    if text is not None:
        theirs = {as_dtype(each).name for each in text.split(",")}
    quantized = {d.name for d in dtypes.QUANTIZED_DTYPES}
    more, fewer, _ = DTYPES_DIFFER.get((name, key), (frozenset(), frozenset(), ""))
    assert ours - theirs == more, f"dtypes of {key} that TensorFlow does not take"
    assert (theirs - ours) - quantized == fewer - quantized, f"dtypes of {key} that are missing"


def test_differences_of_dtypes_are_of_ops_that_exist():
    for name, key in DTYPES_DIFFER:
        assert key in REGISTRY[name].attrs, (name, key)


# The checks themselves ----------------------------------------------------------------------------


def test_a_call_site_is_the_line_of_the_call():
    lines, first = inspect.getsourcelines(call_op)
    assert "return opdef(" in lines[1] and CALL_SITE.endswith(f":{first + 1}")
