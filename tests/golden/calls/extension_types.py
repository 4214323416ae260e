"""Programs with extension types."""

# Annotations are in the forms that programs for TensorFlow use.
# ruff: noqa: UP006, UP007, UP035, UP045

import copy
import inspect
from collections.abc import Mapping
from typing import List, Optional, Tuple, Union

ARRAYS: dict = {}
CALLS = ""


def _said(call):
    """What a call gives as text, or the error that it raises."""
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:90]}"


def _types(tf):
    class Masked(tf.experimental.ExtensionType):
        values: tf.Tensor
        mask: tf.Tensor

        def total(self):
            return tf.reduce_sum(tf.where(self.mask, self.values, 0))

    class Many(tf.experimental.ExtensionType):
        a: int
        b: str = "x"
        c: Optional[tf.Tensor] = None
        d: Tuple[int, ...] = ()
        e: Mapping[str, tf.Tensor] = {}
        f: tf.DType = tf.float32
        g: tf.TensorShape = (2, None)
        h: Union[int, str] = 3
        i: Tuple[tf.Tensor, bool] = ([1.0], True)
        j: bytes = b""
        k: bool = True
        l: float = 1.0  # noqa: E741

    return Masked, Many


def fields(tf, np):
    masked, many = _types(tf)
    m = masked([1, 2, 3], [True, False, True])
    full = many(1, c=[1.0], d=[1, 2], e={"p": [1, 2]}, f="int32", g=[1, 2], h="t")

    class Late(tf.experimental.ExtensionType):
        a: tf.Tensor
        b: tf.Tensor = 1
        c: int

    return [
        _said(lambda: masked([1], [True])), _said(lambda: many(1)), _said(lambda: full),
        _said(lambda: full._type_spec), _said(lambda: masked.Spec),
        _said(lambda: tf.type_spec_from_value(m)), _said(lambda: m._type_spec.values),
        _said(lambda: setattr(m, "values", 1)), _said(lambda: delattr(m, "mask")),
        _said(lambda: masked([1])), _said(lambda: masked([1], [True], 3)),
        _said(lambda: masked(mask=[True], values=[5])), _said(lambda: hash(m)),
        _said(lambda: many("a")), _said(lambda: many(1, h=2.5)), _said(lambda: many(1, k=1)),
        _said(lambda: many(1, l="s")), _said(lambda: many(1, e={1: [1]})), _said(lambda: many(1, d=3)),
        _said(lambda: many(1, e={"p": object()})),
        _said(lambda: full.e.__setitem__("p", 3)), _said(lambda: full.e["p"].numpy()),
        _said(lambda: inspect.signature(Late).replace(return_annotation=None).parameters["c"].kind),
        _said(lambda: Late([1], c=2)), _said(lambda: tf.experimental.ExtensionType()),
        _said(lambda: isinstance(m, tf.experimental.ExtensionType)), _said(lambda: m.total().numpy()),
        _said(lambda: tf.experimental.extension_type.as_dict(many(2))["h"]),
        _said(lambda: copy.deepcopy(m)), _said(lambda: copy.copy(m)),
        m == masked([1, 2, 3], [True, False, True]), m == masked([1, 2, 4], [True, False, True]),
        m != masked([1, 2, 3], [True, False, True]), int(m == masked([1], [True])), int(m == 3),
    ]  # fmt: skip


def refused(tf, np):
    base = tf.experimental.ExtensionType

    def a_type(annotation, **given):
        return lambda: type("T", (base,), {"__annotations__": {"x": annotation}, **given})

    return [
        _said(a_type(List[int])), _said(a_type(set)), _said(a_type(object)),
        _said(a_type(int, x="a")),
        _said(lambda: type("T", (base,), {"__annotations__": {"Spec": int}})),
        _said(lambda: type("T", (base,), {"__annotations__": {"self": int}})),
    ]  # fmt: skip


def constructors(tf, np):
    class Checked(tf.experimental.ExtensionType):
        x: tf.Tensor
        y: tf.Tensor

        def __validate__(self):
            assert self.y.shape.rank == 2, "rank"

    class Own(tf.experimental.ExtensionType):
        x: tf.Tensor
        y: int

        def __init__(self, x, more=None):
            self.x = tf.convert_to_tensor(x) * 2
            self.y = 5
            if more:
                self.z = more

    class Partial(tf.experimental.ExtensionType):
        x: tf.Tensor
        y: int

        def __init__(self, x):
            self.x = x

    class OwnSpec(tf.experimental.ExtensionType):
        value: tf.Tensor

        class Spec:
            def __init__(self, shape, dtype=tf.float32):
                self.value = tf.TensorSpec(shape, dtype)

            def __repr__(self):
                return f"OwnSpec.Spec({self.value.shape}, {self.value.dtype.name})"

            shape = property(lambda self: self.value.shape)

    class Nested(tf.experimental.ExtensionType):
        inner: Checked
        ragged: tf.RaggedTensor
        sparse: tf.SparseTensor

    ragged, sparse = tf.ragged.constant([[1], [2, 3]]), tf.sparse.from_dense([[0, 1]])
    checked = Checked([1], [[2]])
    nested = Nested(checked, ragged, sparse)
    return [
        _said(lambda: checked.y.numpy()), _said(lambda: Checked([1], [2])),
        _said(lambda: Own([1.0]).x.numpy()), _said(lambda: Own([1.0]).y), _said(lambda: Own([1.0], 3)),
        _said(lambda: Partial([1.0])),
        _said(lambda: OwnSpec([1.0])._type_spec), _said(lambda: OwnSpec.Spec([3]).shape),
        _said(lambda: OwnSpec.Spec([1]).is_compatible_with(OwnSpec([1.0]))),
        _said(lambda: len(tf.nest.flatten(nested, expand_composites=True))),
        _said(lambda: nested.ragged), _said(lambda: nested._type_spec.inner.y),
        _said(lambda: Nested([1], ragged, sparse)), _said(lambda: Nested(checked, [[1]], sparse)),
    ]  # fmt: skip


def specs(tf, np):
    masked, _ = _types(tf)
    spec = masked.Spec(tf.TensorSpec(None, tf.int32), tf.TensorSpec(None, tf.bool))
    m, short = masked([1, 2, 3], [True, False, True]), masked([1, 2], [True, False])
    two = masked.Spec(tf.TensorSpec([2], tf.int32), tf.TensorSpec([2], tf.bool))
    return [
        _said(lambda: spec), _said(lambda: masked.Spec(3, 4)), _said(lambda: masked.Spec(spec.mask)),
        _said(lambda: spec.is_compatible_with(m)), _said(lambda: two.is_compatible_with(m)),
        _said(lambda: two == short._type_spec), _said(lambda: hash(two) == hash(short._type_spec)),
        _said(lambda: m._type_spec.most_specific_common_supertype([short._type_spec])),
        _said(lambda: m._type_spec.is_subtype_of(spec)), _said(lambda: spec.is_subtype_of(m._type_spec)),
        _said(lambda: setattr(spec, "mask", 3)), _said(lambda: masked.Spec.from_value(m)),
        _said(lambda: spec.value_type is masked), _said(lambda: inspect.signature(masked.Spec).parameters.keys()),
    ]  # fmt: skip


def in_graphs(tf, np):
    masked, many = _types(tf)
    m = masked([1, 2, 3], [True, False, True])
    traces = []

    @tf.function
    def double(m, k):
        traces.append(1)
        return masked(m.values * 2, m.mask), many(k)

    spec = masked.Spec(tf.TensorSpec(None, tf.int32), tf.TensorSpec(None, tf.bool))
    total = tf.function(lambda m: m.total(), input_signature=[spec])

    @tf.function
    def loop(m):
        return tf.while_loop(
            lambda i, m: i < 3, lambda i, m: (i + 1, masked(m.values + i, m.mask)), (0, m)
        )[1]

    first, second = double(m, 3)
    double(m, 3)
    found = [first.values, first.mask, second.a, _said(lambda: first), len(traces)]
    double(masked([1], [True]), 3)
    found += [len(traces), total(m), total(masked([5], [True])), loop(m).values]
    found.append(tf.cond(tf.constant(True), lambda: m, lambda: masked([0, 0, 0], m.mask)).values)
    mapped = tf.nest.map_structure(lambda x: tf.cast(x, tf.int32) + 1, m, expand_composites=True)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(masked(x * 2, [True, True]).values ** 2)
    return [*found, mapped.values, mapped.mask, tape.gradient(y, x)]


def batches(tf, np):
    class Row(tf.experimental.BatchableExtensionType):
        a: tf.Tensor
        n: int = 3

    class Two(tf.experimental.BatchableExtensionType):
        a: tf.Tensor
        r: tf.RaggedTensor

    class Encoder(tf.experimental.ExtensionTypeBatchEncoder):
        def batch(self, spec, batch_size):
            return Halves.Spec(spec.low._batch(batch_size))

        def unbatch(self, spec):
            return Halves.Spec(spec.low._unbatch())

        def encode(self, spec, value, minimum_rank=0):
            return value.low * 10

        def decode(self, spec, encoded_value):
            return Halves(encoded_value // 10)

        def encoding_specs(self, spec):
            return spec.low

    class Halves(tf.experimental.BatchableExtensionType):
        __batch_encoder__ = Encoder()
        low: tf.Tensor

    Data, b = tf.data.Dataset, Row([[1, 2], [3, 4], [5, 6]])
    rows = Data.from_tensor_slices(b)
    two = Two([1, 2, 3], tf.ragged.constant([[1], [], [2, 3]]))
    pairs = list(Data.from_tensor_slices(two).batch(2))
    return [
        *(row.a for row in rows), _said(lambda: rows.element_spec), _said(lambda: rows.batch(2).element_spec),
        *(batch.a for batch in rows.batch(2)), _said(lambda: list(rows.batch(2))[0].n),
        *(batch.a for batch in rows.map(lambda row: Row(row.a * 2)).batch(3)),
        *(row.a for row in Data.from_tensors(b).unbatch()),
        *(pair.a for pair in pairs), *(_said(lambda pair=pair: pair.r.to_list()) for pair in pairs),
        *(h.low for h in Data.from_tensor_slices(Halves([[1], [2]])).batch(2)),
        tf.map_fn(lambda row: row.a * 2, b, fn_output_signature=tf.int32),
        tf.map_fn(lambda row: Row(row.a * 2), b, fn_output_signature=Row.Spec(tf.TensorSpec([2], tf.int32), n=3)).a,
        tf.map_fn(lambda t: tf.reduce_sum(t.r) + t.a, two, fn_output_signature=tf.int32),
        tf.vectorized_map(lambda row: row.a * 2, b),
    ]  # fmt: skip


PROGRAMS = [fields, refused, constructors, specs, in_graphs, batches]
