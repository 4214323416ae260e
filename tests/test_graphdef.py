"""GraphDefs: what is written is what TensorFlow writes; what is read is checked."""

import json
import pathlib
import random
import sys

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.message import DecodeError

import reflow as tf
from reflow.formats import protos
from reflow.lang import errors
from reflow.lang.opdef import REGISTRY

v1 = tf.compat.v1
HERE = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(HERE))
from graphdef_programs import PROGRAMS  # noqa: E402

sys.path.pop(0)
GOLDEN = np.load(HERE / "graphdef" / "programs.npz")
PLACEHOLDER = 'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }'
T = 'attr { key: "T" value { type: DT_FLOAT } }'


def parse(*texts):
    return text_format.Parse("\n".join(texts), protos.GraphDef())


def graph_of(build):
    with tf.Graph().as_default() as graph:
        build()
    return graph


def names(graph_def):
    return [node.name for node in graph_def.node]


# Writing ------------------------------------------------------------------------------------------


def comparable(graph_def):
    """Without what says how TensorFlow's Python code was used rather than what the graph is."""
    for node in graph_def.node:
        for key in ("_has_manual_control_dependencies", "debug_name"):
            if key in node.attr:
                del node.attr[key]
    return graph_def


@pytest.mark.parametrize("with_shapes", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_tensorflows_graph_def(name, with_shapes):
    key = f"{name} with shapes" if with_shapes else name
    want = comparable(protos.GraphDef.FromString(GOLDEN[key].tobytes()))
    got = comparable(graph_of(lambda: PROGRAMS[name](tf)).as_graph_def(add_shapes=with_shapes))
    assert names(got) == names(want)
    for ours, theirs in zip(got.node, want.node):
        assert ours == theirs
    assert got == want
    assert got.SerializeToString(deterministic=True) == want.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_importing_and_writing_again_changes_nothing(name):
    want = protos.GraphDef.FromString(GOLDEN[name].tobytes())
    graph = graph_of(lambda: tf.import_graph_def(want, name=""))
    assert graph.as_graph_def() == want


def test_nodes_added_since_a_version():
    with tf.Graph().as_default() as graph:
        tf.constant(1, name="a")
        version = graph.version
        tf.constant(2, name="b")
    assert names(graph.as_graph_def(from_version=version)) == ["b"]


def test_node_def_op_def_and_attributes_of_an_operation():
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, name="x")
        y = tf.split(x, 2, axis=0, name="y")[1]
        z = tf.identity(y, name="z")
    assert list(z.op.node_def.input) == ["y:1"]
    assert y.op.node_def.attr["num_split"].i == 2
    op_def = y.op.op_def
    assert [arg.name for arg in op_def.input_arg] == ["split_dim", "value"]
    assert op_def.output_arg[0].number_attr == "num_split"
    z.op._set_attr("_mark", protos.AttrValue(s=b"m"))
    assert z.op.get_attr("_mark") == b"m"
    assert z.op.node_def.attr["_mark"].s == b"m"


def test_the_text_format():
    graph = graph_of(lambda: PROGRAMS["constants"](tf))
    graph_def = graph.as_graph_def()
    assert parse(text_format.MessageToString(graph_def)) == graph_def


@pytest.mark.parametrize("as_text", [True, False])
def test_write_graph(tmp_path, as_text):
    graph = graph_of(lambda: tf.constant(1.0, name="c"))
    for write in (tf.io.write_graph, v1.train.write_graph):
        path = write(graph, str(tmp_path / "new" / "folder"), "g.pb", as_text=as_text)
        data = pathlib.Path(path).read_bytes()
        read = parse(data.decode()) if as_text else protos.GraphDef.FromString(data)
        assert read == graph.as_graph_def()
        assert [p.name for p in pathlib.Path(path).parent.iterdir()] == ["g.pb"]


def test_the_library_has_the_bodies():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None], name="x")
        y = tf.cond(x[0] > 0, lambda: tf.exp(x, name="Up"), lambda: x)
        tf.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)])
    graph_def = graph.as_graph_def(add_shapes=True)
    functions = {f.signature.name: f for f in graph_def.library.function}
    assert len(functions) == 4
    node = next(n for n in graph_def.node if n.op == "StatelessIf")
    branch = functions[node.attr["then_branch"].func.name]
    (argument,), (result,) = branch.signature.input_arg, branch.signature.output_arg
    assert (argument.type, result.type) == (1, 1)
    (inner,) = branch.node_def
    assert list(inner.input) == [argument.name]
    assert branch.ret[result.name] == f"{inner.name}:y:0"
    assert argument.name.islower()
    assert "_output_shapes" in branch.arg_attr[0].attr
    again = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    with v1.Session(graph=again) as session:
        np.testing.assert_allclose(session.run(y.name, {"x:0": [1.0, 0.0]}), [np.e, 1.0], rtol=1e-6)


def test_functions_of_one_name_stay_apart():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [], name="x")
        y = tf.cond(x > 0, lambda: x * 2.0, lambda: x)
        z = tf.cond(x > 0, lambda: x * 3.0, lambda: x)
    for op in graph.get_operations():
        for key in ("then_branch", "else_branch"):
            if key in op.attrs:
                op.attrs[key].name = "same"
    again = graph_of(lambda: tf.import_graph_def(graph.as_graph_def(), name=""))
    with v1.Session(graph=again) as session:
        assert session.run([y.name, z.name], {"x:0": 1.0}) == [2.0, 3.0]


# Reading ------------------------------------------------------------------------------------------


def test_names_below_import():
    graph_def = parse(PLACEHOLDER, f'node {{ name: "y" op: "Identity" input: "x" {T} }}')
    with tf.Graph().as_default() as graph:
        x, y = tf.import_graph_def(graph_def, return_elements=["x", "y:0"])
        (again,) = tf.import_graph_def(graph_def, return_elements=["x:0"])
        (plain,) = tf.import_graph_def(graph_def, return_elements=["x:0"], name="")
        (second,) = tf.import_graph_def(graph_def, return_elements=["x:0"], name="")
        with tf.name_scope("scope"):
            (inside,) = tf.import_graph_def(graph_def, return_elements=["x:0"])
        assert tf.import_graph_def(graph_def, name="m") is None
    assert (x.name, y.name, again.name) == ("import/x", "import/y:0", "import_1/x:0")
    assert (plain.name, second.name) == ("x:0", "x_1:0")
    assert inside.name == "scope/import/x:0"
    assert graph.get_operation_by_name("m/y").inputs[0].name == "m/x:0"
    assert graph.unique_name("m/y") == "m/y_1"


def test_input_map():
    graph_def = parse(
        PLACEHOLDER,
        'node { name: "c" op: "NoOp" }',
        f'node {{ name: "y" op: "Identity" input: "x" input: "^c" {T} }}',
    )
    with tf.Graph().as_default():
        mine = tf.constant(3.0, name="mine")
        control = tf.no_op(name="control")
        y, x = tf.import_graph_def(
            graph_def, {"x:0": mine, "^c": control}, return_elements=["y", "x:0"]
        )
        assert y.inputs[0] is mine
        assert x is mine
        assert y.control_inputs == [control]
        (z,) = tf.import_graph_def(graph_def, {"x": 4.0}, return_elements=["y:0"])
        assert z.op.inputs[0].op.type == "Const"
        with pytest.raises(ValueError, match="non-empty `name`"):
            tf.import_graph_def(graph_def, {"x": 4.0}, name="")
        with pytest.raises(ValueError, match=r"not found in graph_def: \[zz:0\]"):
            tf.import_graph_def(graph_def, {"zz:0": mine})
        with pytest.raises(ValueError, match="passed int32 from .* incompatible with .*float32"):
            tf.import_graph_def(graph_def, {"x:0": tf.constant(1)})


def test_what_is_returned():
    graph_def = parse(PLACEHOLDER)
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="Requested return node 'zz' not found"):
            tf.import_graph_def(graph_def, return_elements=["zz"])
        with pytest.raises(ValueError, match=r"Invalid return output 5 of node 'x', which has 1"):
            tf.import_graph_def(graph_def, return_elements=["x:5"])
        for bad in ({"return_elements": [1]}, {"return_elements": "x"}, {"input_map": 1}):
            with pytest.raises(TypeError, match="Argument `"):
                tf.import_graph_def(graph_def, **bad)
        with pytest.raises(TypeError, match="must be a GraphDef proto"):
            tf.import_graph_def(protos.NodeDef())


def test_scopes_around_an_import_hold_for_its_nodes():
    graph_def = parse(
        PLACEHOLDER,
        f'node {{ name: "y" op: "Identity" input: "x" device: "/job:w" {T} }}',
        f'node {{ name: "z" op: "Identity" input: "y" {T} '
        'attr { key: "_class" value { list { s: "loc:@y" } } } }',
    )
    with tf.Graph().as_default():
        first = tf.no_op(name="first")
        with tf.device("/device:CPU:1"), tf.control_dependencies([first]):
            x, y, z = tf.import_graph_def(graph_def, return_elements=["x", "y", "z"])
    assert (x.device, y.device) == ("/device:CPU:1", "/job:w/device:CPU:1")
    assert x.control_inputs == [first]
    assert y.control_inputs == []  # it waits through its input
    assert z.colocation_groups() == [b"loc:@import/y"]


def test_nodes_in_any_order():
    graph_def = parse(
        f'node {{ name: "z" op: "AddV2" input: "y" input: "x" {T} }}',
        f'node {{ name: "y" op: "Identity" input: "x" input: "^c" {T} }}',
        PLACEHOLDER,
        'node { name: "c" op: "NoOp" }',
    )
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    assert names(graph.as_graph_def()) == ["x", "c", "y", "z"]


def test_defaults_are_filled_in_and_unknown_marks_kept():
    graph_def = parse(
        PLACEHOLDER,
        f'node {{ name: "y" op: "MatMul" input: "x" input: "x" {T} '
        'attr { key: "_mark" value { list { i: 1 i: 2 } } } }',
    )
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    op = graph.get_operation_by_name("y")
    assert op.get_attr("transpose_a") is False
    assert op.get_attr("_mark") == [1, 2]
    assert op.node_def.attr["_mark"].list.i == [1, 2]


def test_what_the_writer_knew_and_this_version_does_not():
    newer = (
        f'node {{ name: "y" op: "Identity" input: "x" {T} attr {{ key: "new" value {{ i: 1 }} }} }}'
    )
    graph_def = parse(PLACEHOLDER, newer)
    op_list = protos.OpList()
    attr = op_list.op.add(name="Identity").attr.add(name="new", type="int")
    attr.default_value.i = 1
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="attr 'new' not in Op<name=Identity>"):
            tf.import_graph_def(graph_def)
        (y,) = tf.import_graph_def(graph_def, producer_op_list=op_list, return_elements=["y"])
        assert "new" not in y.attrs
        attr.default_value.i = 2
        with pytest.raises(ValueError, match="attr 'new'"):
            tf.import_graph_def(graph_def, producer_op_list=op_list)


def test_static_shapes_that_the_message_says():
    shapes = 'attr { key: "_output_shapes" value { list { shape { dim { size: 4 } } } } }'
    graph_def = parse(
        f'node {{ name: "x" op: "Placeholder" attr {{ key: "dtype" value {{ type: 1 }} }} {shapes} }}'
    )
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    assert graph.get_tensor_by_name("x:0").shape.as_list() == [4]
    assert "_output_shapes" not in graph.get_operation_by_name("x").attrs


def test_a_filled_constant_takes_no_memory():
    graph_def = parse(
        'node { name: "x" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: '
        '"value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 100000000 } } '
        "float_val: 2 } } } }"
    )
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    assert graph.get_operation_by_name("x").attrs["value"].strides == (0,)
    assert graph.as_graph_def().ByteSize() < 100


def test_the_oldest_producer_is_the_graphs():
    graph_def = parse(PLACEHOLDER, "versions { producer: 22 }")
    graph = graph_of(lambda: tf.import_graph_def(graph_def))
    assert graph.as_graph_def().versions.producer == 22
    assert graph.graph_def_versions.producer == 22


# What is malformed --------------------------------------------------------------------------------

BAD = {
    "wrong type": (
        'node { name: "y" op: "Identity" input: "x" attr { key: "T" value { type: DT_INT32 } } }',
        "Input 0 of node import/y .*float32 from import/x:0 incompatible with expected int32",
    ),
    "dangling": (f'node {{ name: "y" op: "Identity" input: "q" {T} }}', "'y': Unknown input .*'q'"),
    "dangling control": ('node { name: "y" op: "NoOp" input: "^q" }', "Unknown input node '\\^q'"),
    "no such output": (
        f'node {{ name: "y" op: "Identity" input: "x:3" {T} }}',
        "'y': Connecting to invalid output 3 of source node x which has 1 outputs",
    ),
    "huge output": (f'node {{ name: "y" op: "Identity" input: "x:99999999999" {T} }}', "no valid"),
    "no number": (f'node {{ name: "y" op: "Identity" input: "x:-1" {T} }}', "no valid input"),
    "duplicate": ('node { name: "x" op: "NoOp" }', "'x' is not unique"),
    "attr missing": ('node { name: "y" op: "Identity" input: "x" }', "'y'.*missing attr 'T'"),
    "attr of another type": (
        'node { name: "y" op: "Identity" input: "x" attr { key: "T" value { i: 1 } } }',
        "'y' \\(Identity\\): attr 'T': expected a value of type type, but got i",
    ),
    "attr without value": (
        'node { name: "y" op: "Identity" input: "x" attr { key: "T" value { } } }',
        "'y'.*attr 'T'.*got none",
    ),
    "no such dtype": (
        'node { name: "y" op: "Identity" input: "x" attr { key: "T" value { type: 77 } } }',
        "'y'.*77 is no DataType",
    ),
    "dtype not allowed": (
        'node { name: "y" op: "MatMul" input: "x" input: "x" attr { key: "T" value { type: 7 } } }',
        "'y'.*Value for attr 'T' of string is not in the list of allowed values",
    ),
    "too many inputs": (
        f'node {{ name: "y" op: "Identity" input: "x" input: "x" {T} }}',
        "'y'.*expected 1 inputs.*2 are specified",
    ),
    "bad name": ('node { name: "y y" op: "NoOp" }', "'y y'.*invalid characters"),
    "empty name": ('node { op: "NoOp" }', "invalid characters"),
    "control first": ('node { name: "y" op: "NoOp" input: "^x" input: "x" }', "'y': Control dep"),
    "cycle": (
        f'node {{ name: "a" op: "Identity" input: "b" {T} }}'
        f'node {{ name: "b" op: "Identity" input: "a" {T} }}',
        "cycle: (a -> b -> a|b -> a -> b)",
    ),
    "itself": (f'node {{ name: "a" op: "Identity" input: "a" {T} }}', "cycle: a -> a"),
    "colocation": (
        f'node {{ name: "y" op: "Identity" input: "x" {T} '
        'attr { key: "_class" value { list { s: "loc:@q" } } } }',
        "'y' expects to be colocated with unknown node 'q'",
    ),
    "many outputs": (
        f'node {{ name: "y" op: "Split" input: "x" input: "x" {T} '
        'attr { key: "num_split" value { i: 1099511627776 } } }',
        "'y': num_split=1099511627776 outputs",
    ),
    "negative length": (
        f'node {{ name: "y" op: "AddN" {T} attr {{ key: "N" value {{ i: -1 }} }} }}',
        "'y'.*N=-1",
    ),
    "huge tensor": (
        'node { name: "y" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: '
        '"value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 1099511627776 } } } } } }',
        "'y'.*attr 'value'.*more than",
    ),
    "broken tensor": (
        'node { name: "y" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: '
        '"value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } } tensor_content: '
        '"abc" } } } }',
        "'y'.*12 bytes, but tensor_content has 3",
    ),
    "shape below -1": (
        'node { name: "y" op: "Placeholder" attr { key: "dtype" value { type: 1 } } attr { key: '
        '"shape" value { shape { dim { size: -2 } } } } }',
        "'y'.*dimensions below -1",
    ),
    "shapes that cannot fit": (
        'node { name: "a" op: "Placeholder" attr { key: "dtype" value { type: 1 } } attr { key: '
        '"shape" value { shape { dim { size: 2 } dim { size: 3 } } } } }'
        f'node {{ name: "y" op: "MatMul" input: "a" input: "a" {T} }}',
        "'import/y'",
    ),
    "shapes that do not agree": (
        'node { name: "s" op: "Placeholder" attr { key: "dtype" value { type: 1 } } attr { key: '
        '"shape" value { shape { dim { size: 3 } } } } }'
        f'node {{ name: "y" op: "Identity" input: "s" {T} attr {{ key: "_output_shapes" value {{ '
        "list { shape { dim { size: 4 } } } } } }",
        "'import/y' has an _output_shapes attribute inconsistent",
    ),
    "no reference": (
        f'node {{ name: "y" op: "Assign" input: "x" input: "x" {T} }}',
        "Input 0 of node import/y .*expected float32_ref",
    ),
    "too new": ("versions { min_consumer: 99999 }", "min consumer version 99999 above"),
    "refuses this version": ("versions { bad_consumers: 2474 }", "disallows consumer version"),
    "no such function": (
        'node { name: "y" op: "PartitionedCall" attr { key: "Tin" value { list { } } } attr { key: '
        '"Tout" value { list { } } } attr { key: "f" value { func { name: "f" } } } }',
        "'y': Function 'f' is not defined",
    ),
    "function that calls itself": (
        'library { function { signature { name: "f" } node_def { name: "n" op: "f" } } }',
        "Function 'f' calls itself: f -> f",
    ),
    "function without its result": (
        'library { function { signature { name: "f" output_arg { name: "r" type: DT_FLOAT } } } }',
        "Function 'f': there is no value for the result 'r'",
    ),
    "function with a dangling edge": (
        'library { function { signature { name: "f" } node_def { name: "n" op: "Identity" '
        f'input: "q:output:0" {T} }} }} }}',
        "Function 'f': Node 'n': Unknown input node 'q'",
    ),
    "function with a wrong edge": (
        'library { function { signature { name: "f" input_arg { name: "a" type: DT_FLOAT } } '
        f'node_def {{ name: "n" op: "Identity" input: "a" {T} }} '
        f'node_def {{ name: "m" op: "Identity" input: "n:z:0" {T} }} }} }}',
        "Node 'm': 'n:z:0' is no output of Identity",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_malformed_graphs(case):
    text, message = BAD[case]
    graph_def = parse(PLACEHOLDER, text)
    with tf.Graph().as_default() as graph:
        tf.constant(1, name="before")
        with pytest.raises(ValueError, match=message):
            tf.import_graph_def(graph_def)
        assert [op.name for op in graph.get_operations()] == ["before"]
        (x,) = tf.import_graph_def(parse(PLACEHOLDER), return_elements=["x"])
        assert graph.get_operation_by_name(x.name) is x


def test_all_ops_that_are_missing_are_named_at_once():
    graph_def = parse(
        *[f'node {{ name: "n{i}" op: "Missing{i % 3}" }}' for i in range(6)],
        'library { function { signature { name: "f" } node_def { name: "n" op: "Missing9" } } }',
    )
    with tf.Graph().as_default(), pytest.raises(errors.NotFoundError) as error:
        tf.import_graph_def(graph_def)
    for i in (0, 1, 2, 9):
        assert f"Missing{i} (node 'n" in str(error.value)


def test_long_chains():
    graph_def = protos.GraphDef()
    graph_def.node.add(name="n0", op="Placeholder").attr["dtype"].type = 1
    for i in range(1, 30_000):
        node = graph_def.node.add(name=f"n{i}", op="Identity", input=[f"n{i - 1}"])
        node.attr["T"].type = 1
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    assert len(graph.get_operations()) == 30_000
    backwards = protos.GraphDef()
    backwards.node.extend(reversed(graph_def.node))
    backwards = graph_of(lambda: tf.import_graph_def(backwards, name=""))
    assert backwards.get_operations()[-1].name == "n29999"


def test_large_strings():
    graph = graph_of(lambda: tf.constant(b"x" * (1 << 24), name="c"))
    again = graph_of(lambda: tf.import_graph_def(graph.as_graph_def(), name=""))
    assert again.get_operation_by_name("c").attrs["value"].item() == b"x" * (1 << 24)


def test_damaged_messages_end_in_python_exceptions():
    """Bytes are changed at random; whatever still parses is imported or refused."""
    generator = random.Random(0)
    sources = [GOLDEN[name].tobytes() for name in PROGRAMS]
    with np.load(HERE / "graphdef" / "control_flow.npz") as control_flow:
        sources += [control_flow[name].tobytes() for name in ("cond", "while_gradient", "defun")]
    refused = 0
    for _ in range(300):
        data = bytearray(generator.choice(sources))
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            graph_def = protos.GraphDef.FromString(bytes(data))
        except DecodeError:
            continue
        try:
            graph_of(lambda g=graph_def: tf.import_graph_def(g))
        except (ValueError, TypeError, errors.OpError):
            refused += 1
    assert refused > 20


# Helpers ------------------------------------------------------------------------------------------


def small_model():
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    with v1.variable_scope("layer"):
        v = v1.get_variable("v", [3, 2], use_resource=False, initializer=v1.ones_initializer())
        r = v1.get_variable("r", [2], use_resource=True, initializer=v1.ones_initializer())
    a = tf.identity(tf.matmul(x, v) + r, name="a")
    b = tf.stop_gradient(a, name="b")
    with tf.control_dependencies([a]):
        c = tf.identity(b, name="c")
    tf.identity(tf.nn.relu(c, name="y"), name="out")
    tf.gather(r, [0, 1, 1], name="rows")


def test_extract_sub_graph():
    graph_def = graph_of(small_model).as_graph_def()
    part = v1.graph_util.extract_sub_graph(graph_def, ["layer/v/read"])
    assert names(part) == ["layer/v", "layer/v/read"]
    assert part.versions == graph_def.versions
    with pytest.raises(AssertionError, match="nope is not in graph"):
        v1.graph_util.extract_sub_graph(graph_def, ["nope"])
    with pytest.raises(TypeError, match="iterable of strings"):
        v1.graph_util.extract_sub_graph(graph_def, "x")
    with pytest.raises(TypeError, match="GraphDef proto"):
        v1.graph_util.extract_sub_graph(1, ["x"])


def test_convert_variables_to_constants():
    graph = graph_of(small_model)
    with graph.as_default():
        init = v1.global_variables_initializer()
    feeds = {"x:0": np.ones([1, 3], np.float32)}
    with v1.Session(graph=graph) as session:
        session.run(init)
        want = session.run(["out:0", "rows:0"], feeds)
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["out", "rows"]
        )
        part = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["out"], variable_names_blacklist=["layer/r"]
        )
    assert not {n.op for n in frozen.node} & {"VariableV2", "VarHandleOp", "ReadVariableOp"}
    assert {n.name: n.op for n in part.node}["layer/r"] == "VarHandleOp"
    again = graph_of(lambda: tf.import_graph_def(frozen, name=""))
    with v1.Session(graph=again) as session:
        for got, value in zip(session.run(["out:0", "rows:0"], feeds), want):
            np.testing.assert_allclose(got, value)


def test_convert_variables_in_functions():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [], name="x")
        v = v1.get_variable("v", [], use_resource=True, initializer=v1.ones_initializer())
        y = tf.cond(x > 0, lambda: v.read_value() * x, lambda: x)
        _, z = tf.while_loop(lambda i, a: i < 3, lambda i, a: [i + 1, a + v], [tf.constant(0), y])
        out = tf.identity(z, name="out")
        tf.identity(v.read_value(), name="read")
        init = v1.global_variables_initializer()
    with v1.Session(graph=graph) as session:
        session.run(init)
        want = session.run(out, {x: 2.0})
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["out"]
        )
    ops = {
        n.op for f in frozen.library.function for n in f.node_def if "frozen" in f.signature.name
    }
    assert "ReadVariableOp" not in ops | {n.op for n in frozen.node}
    again = graph_of(lambda: tf.import_graph_def(frozen, name=""))
    with v1.Session(graph=again) as session:
        assert session.run("out:0", {"x:0": 2.0}) == want


def test_convert_variables_in_tf_1_loops():
    with np.load(HERE / "graphdef" / "control_flow.npz") as golden:
        graph_def = protos.GraphDef.FromString(golden["rnn"].tobytes())
        init, run = json.loads(str(golden["rnn/plan"]))[:2]
        feeds = {key: golden[f"rnn/1/{key}"] for key in run["feeds"]}
        want = [golden[f"rnn/1/{key}"] for key in run["fetches"]]
    graph = graph_of(lambda: tf.import_graph_def(graph_def, name=""))
    with v1.Session(graph=graph) as session:
        session.run(init["fetches"])
        outputs = [name.partition(":")[0] for name in run["fetches"]]
        frozen = v1.graph_util.convert_variables_to_constants(session, graph_def, outputs)
    assert "RefEnter" not in {node.op for node in frozen.node}
    again = graph_of(lambda: tf.import_graph_def(frozen, name=""))
    with v1.Session(graph=again) as session:
        for got, value in zip(session.run(run["fetches"], feeds), want):
            np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-6)


def test_remove_training_nodes():
    graph_def = graph_of(small_model).as_graph_def()
    part = v1.graph_util.extract_sub_graph(graph_def, ["out"])
    lean = v1.graph_util.remove_training_nodes(part)
    assert "b" not in names(lean) and "layer/v/read" not in names(lean)
    assert {"a", "c"} <= set(names(lean))  # control inputs go and come there
    assert {n.name: list(n.input) for n in lean.node}["c"] == ["a", "^a"]
    kept = v1.graph_util.remove_training_nodes(part, protected_nodes=["b"])
    assert "b" in names(kept)


def test_must_run_on_cpu_and_shapes_by_name():
    with tf.Graph().as_default() as graph:
        i = tf.constant(1, name="i")
        f = v1.placeholder(tf.float32, [None, 2], name="f")
    assert v1.graph_util.must_run_on_cpu(i.op)
    assert not v1.graph_util.must_run_on_cpu(f.op.node_def)
    assert v1.graph_util.must_run_on_cpu(protos.NodeDef(op="VariableV2"), True)
    shape = v1.graph_util.tensor_shape_from_node_def_name(graph, "f")
    assert shape.as_list() == [None, 2]


def test_public_names():
    example = tf.train.Example()
    example.features.feature["a"].int64_list.value.append(3)
    assert tf.train.Example.FromString(example.SerializeToString()) == example
    assert v1.GraphDef is protos.GraphDef
    assert v1.ConfigProto(log_device_placement=True).log_device_placement
    assert v1.summary.Summary is v1.Summary
    assert tf.make_ndarray(tf.make_tensor_proto([1, 2])).tolist() == [1, 2]


def test_op_defs_of_all_ops_can_be_made():
    from reflow.formats.op_defs import op_def_proto
    from reflow.ops.families import load_all

    load_all()
    for opdef in list(REGISTRY.values()):
        proto = op_def_proto(opdef)
        assert len(proto.input_arg) == len(opdef.inputs)
        assert [attr.name for attr in proto.attr] == list(opdef.attrs)
