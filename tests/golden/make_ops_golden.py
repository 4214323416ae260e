"""Asks TensorFlow what the ops of the test records give: run with a Python that has TensorFlow.

    python tests/golden/make_ops_golden.py math array    # these families of tests/records
    python tests/golden/make_ops_golden.py               # all of them

Writes tests/golden/ops/FAMILY.npz (see tests/records/expected.py): outputs, variables after the
run, static shapes, gradients. Every op runs in a graph and a session, without graph optimisation.
A sample that TensorFlow refuses, and a bad sample that it accepts, is reported.
"""

from __future__ import annotations

import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import records  # noqa: E402
import tensorflow as tf  # noqa: E402
from records.base import Variable, cotangent, dtype_name  # noqa: E402
from records.expected import Writer  # noqa: E402
from tensorflow.python.framework import op_def_library, op_def_registry  # noqa: E402

tf1 = tf.compat.v1
tf1.disable_eager_execution()
tf1.logging.set_verbosity(tf1.logging.ERROR)
OPAQUE = (tf.resource, tf.variant)


def session(graph):
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1
    return tf1.Session(graph=graph, config=config)


class Call:
    """One sample as a node of the current graph."""

    def __init__(self, name, values, constants):
        op_def = op_def_registry.get(name)
        if op_def is None:
            raise LookupError(f"TensorFlow has no op {name}")
        self.feeds, self.variables, self.floats, self.initializers = {}, {}, {}, []
        self.constants = constants
        refs = {arg.name for arg in op_def.input_arg if arg.is_ref}
        names = {arg.name for arg in op_def.input_arg}
        tensor_attrs = {attr.name for attr in op_def.attr if attr.type == "tensor"}
        keywords = {}
        for key, value in values.items():
            if key in tensor_attrs:
                keywords[key] = tf.make_tensor_proto(value, dtype_name(value), value.shape)
            elif key not in names:
                keywords[key] = value
            elif isinstance(value, Variable):
                keywords[key] = self.variable(key, value.value, key in refs)
            elif isinstance(value, (list, tuple)):
                keywords[key] = [self.tensor(f"{key}:{i}", each) for i, each in enumerate(value)]
            else:
                keywords[key] = self.tensor(key, value)
        for attr in op_def.attr:
            if attr.HasField("default_value") and attr.name not in keywords:
                if attr.type not in ("type", "list(type)"):
                    keywords[attr.name] = plain(attr.default_value)
        result = op_def_library.apply_op(name, **keywords)
        self.outputs, self.output_names = [], []
        if isinstance(result, tf.Operation):
            self.target = result
            return
        self.target = None
        parts = result if len(op_def.output_arg) > 1 else [result]
        for arg, part in zip(op_def.output_arg, parts):
            for each in part if isinstance(part, (list, tuple)) else [part]:
                self.outputs.append(each)
                self.output_names.append(arg.name)

    def tensor(self, key, value):
        if self.constants:
            return tf.constant(value, dtype_name(value), shape=value.shape)
        tensor = tf1.placeholder(dtype_name(value), value.shape)
        self.feeds[tensor] = value
        if tensor.dtype.is_floating or tensor.dtype.is_complex:
            self.floats[key] = tensor
        return tensor

    def variable(self, key, value, is_ref):
        held = tf1.Variable(
            value, use_resource=not is_ref, dtype=dtype_name(value), trainable=False
        )
        self.initializers.append(held.initializer)
        self.variables[key] = held
        return held._ref() if is_ref else held.handle

    def run(self, run):
        for each in self.initializers:
            run.run(each)
        fetched = [t for t in self.outputs if t.dtype.base_dtype not in OPAQUE and not is_ref(t)]
        wanted = fetched + [self.target if self.target is not None else self.outputs[0].op]
        got = iter(run.run(wanted, self.feeds))
        values = []
        for t in self.outputs:
            value = None
            if t.dtype.base_dtype not in OPAQUE and not is_ref(t):
                value = next(got)
                value = np.asarray(value, object if t.dtype == tf.string else None)
            values.append(value)
        return values

    def gradients(self, run, values, record):
        wanted = self.floats
        if record.grad is not True:
            wanted = {k: t for k, t in wanted.items() if k.partition(":")[0] in record.grad}
        ys, grad_ys = [], []
        for name, t, value in zip(self.output_names, self.outputs, values):
            chosen = record.grad_outputs is None or name in record.grad_outputs
            if chosen and value is not None and (t.dtype.is_floating or t.dtype.is_complex):
                ys.append(t)
                grad_ys.append(tf.constant(cotangent(value.shape, t.dtype.name)))
        if not wanted or not ys:
            return {}
        try:
            grads = tf1.gradients(ys, list(wanted.values()), grad_ys)
            return {
                key: run.run(tf.convert_to_tensor(g), self.feeds)
                for key, g in zip(wanted, grads)
                if g is not None
            }
        except (LookupError, tf.errors.OpError, ValueError, TypeError, NotImplementedError):
            return {}  # TensorFlow has no gradient here, or no kernel for it


def plain(attr):
    """The Python value of an AttrValue message."""
    kind = attr.WhichOneof("value")
    if kind == "shape":
        return tf.TensorShape(attr.shape)
    if kind == "list":
        fields = attr.list.ListFields()
        return list(fields[0][1]) if fields else []
    return getattr(attr, kind)


def is_ref(tensor):
    return tensor.dtype._is_ref_dtype


def sizes(shape):
    return None if shape.rank is None else shape.as_list()


def report(record, number, text):
    print(f"{record.family}: {record.op}, {number}: {text}", file=sys.stderr)


def sample_row(record, number, each, writer):
    row = {"digest": each.digest}
    with tf.Graph().as_default() as graph, session(graph) as run:
        try:
            call = Call(record.op, each.values, constants=False)
            values = call.run(run)
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            report(record, f"sample {number}", f"TensorFlow refuses it: {row['error'][:300]}")
            return row
        row["outputs"] = [None if v is None else writer.add(v) for v in values]
        row["static"] = [sizes(t.shape) for t in call.outputs]
        row["state"] = {
            key: writer.add(run.run(held.read_value())) for key, held in call.variables.items()
        }
        if record.grad is not False and each.gradient:
            grads = call.gradients(run, values, record)
            row["grads"] = {key: writer.add(value) for key, value in grads.items()}
    with tf.Graph().as_default():
        known = Call(record.op, each.values, constants=True)
        row["known"] = [sizes(t.shape) for t in known.outputs]
    return row


def bad_row(record, number, each):
    row = {"digest": each.digest, "error": None}
    for constants in (True, False):
        with tf.Graph().as_default() as graph, session(graph) as run:
            try:
                Call(record.op, each.values, constants).run(run)
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"[:200]
    if row["error"] is None:
        report(record, f"bad sample {number}", "TensorFlow accepts it")
    return row


def make(family, rows):
    writer, index = Writer(), {}
    for record in rows:
        if not record.oracle:
            continue
        index[record.op] = {
            "samples": [sample_row(record, i, s, writer) for i, s in enumerate(record.samples)],
            "bad": [bad_row(record, i, s) for i, s in enumerate(record.bad)],
        }
    path = writer.save(family, index)
    print(f"{path.name}: {len(index)} ops, {path.stat().st_size} bytes")


def main(families):
    broken = records.load(families or None)
    for family, error in broken.items():
        raise SystemExit(f"tests/records/{family}.py: {type(error).__name__}: {error}")
    for family in families or records.families():
        make(family, [r for r in records.RECORDS.values() if r.family == family])


if __name__ == "__main__":
    main(sys.argv[1:])
