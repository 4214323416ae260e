"""TF 1 graphs with conditionals and loops, written by TensorFlow, give TensorFlow's values here.

`tests/golden/make_graphdef_golden.py` made them, from `tests/golden/control_flow_programs.py`.
"""

import json
import pathlib

import numpy as np
import pytest
from google.protobuf import text_format

import reflow as tf
from reflow.formats import protos
from reflow.lang.verifier import verify

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "graphdef" / "control_flow.npz")
CASES = sorted({key for key in GOLDEN.files if "/" not in key})
V1_OPS = {"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "ControlTrigger"}


def graph_def_of(case):
    return protos.GraphDef.FromString(GOLDEN[case].tobytes())


def imported(graph_def, name=""):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name=name)
    verify(graph)
    return graph


def runs_of(case):
    for i, run in enumerate(json.loads(str(GOLDEN[f"{case}/plan"]))):
        fetches = run["fetches"]
        feeds = {key: GOLDEN[f"{case}/{i}/{key}"] for key in run["feeds"]}
        values = [GOLDEN[f"{case}/{i}/{key}"] for key in fetches] if type(fetches) is list else None
        yield fetches, feeds, values


def check_runs(graph, case):
    with tf.compat.v1.Session(graph=graph) as session:
        for fetches, feeds, values in runs_of(case):
            found = session.run(fetches, feeds)
            for name, got, want in zip(fetches, found or (), values or ()):
                np.testing.assert_allclose(got, want, rtol=3e-5, atol=1e-6, err_msg=name)
                assert got.dtype == want.dtype


def functions_in(graph):
    for op in graph.get_operations():
        for value in op.attrs.values():
            if isinstance(value, tf.Graph):
                yield value
                yield from functions_in(value)


@pytest.mark.parametrize("case", CASES)
def test_values(case, tier):
    graph = imported(graph_def_of(case))
    types = {op.type for g in (graph, *functions_in(graph)) for op in g.get_operations()}
    assert not types & V1_OPS
    check_runs(graph, case)


@pytest.mark.parametrize("case", CASES)
def test_what_was_imported_can_be_exported_and_imported_again(case):
    graph = imported(graph_def_of(case))
    again = imported(graph.as_graph_def())
    names = [[op.name for op in g.get_operations() if "/If" not in op.name] for g in (graph, again)]
    assert names[0] == names[1]
    check_runs(again, case)


def test_a_branch_that_assigns_to_a_reference_is_written_as_tf_1_has_it():
    graph_def = imported(graph_def_of("cond_with_variables")).as_graph_def(add_shapes=True)
    ops = {node.name: node for node in graph_def.node}
    assert ops["cond/AssignAdd"].op == "AssignAdd"
    assert ops[ops["cond/AssignAdd"].input[0].partition(":")[0]].op == "RefSwitch"
    assert ops["cond/If"].op == "NoOp"
    assert ops[ops["cond/Merge"].input[0]].op == "Merge"
    types = {node.op for node in graph_def.node}
    assert "If" in types  # the one that changes a resource variable


# Names --------------------------------------------------------------------------------------------


def test_names_below_a_prefix():
    graph = imported(graph_def_of("cond"), name="model")
    with tf.compat.v1.Session(graph=graph) as session:
        feeds = {"model/x:0": np.ones([1, 3], np.float32), "model/b:0": False}
        assert session.run("model/cond/Merge:0", feeds) == 3.0


def test_merges_and_exits_keep_their_names():
    graph = imported(graph_def_of("while_loop"))
    exits = [graph.get_operation_by_name(name) for name in ("while/Exit", "while/Exit_1")]
    assert [op.type for op in exits] == ["Identity", "Identity"]
    assert exits[0].inputs[0].op is exits[1].inputs[0].op
    assert exits[0].inputs[0].op.type == "StatelessWhile"
    assert graph.get_operation_by_name("while/While").type == "StatelessWhile"


def test_shapes_are_inferred_through_loops_and_conditionals():
    graph = imported(graph_def_of("cond_in_while"))
    assert graph.get_tensor_by_name("while/Exit_1:0").shape.as_list() == [None, 3]
    assert graph.get_tensor_by_name("while/Exit:0").shape.as_list() == []


def test_the_second_output_of_a_merge_is_there_when_it_is_asked_for():
    with tf.Graph().as_default() as graph:
        (index,) = tf.import_graph_def(graph_def_of("cond"), return_elements=["cond/Merge:1"])
    with tf.compat.v1.Session(graph=graph) as session:
        feeds = {"import/x:0": np.ones([1, 3], np.float32)}
        assert session.run(index, {**feeds, "import/b:0": True}) == 1
        assert session.run(index, {**feeds, "import/b:0": False}) == 0


def test_what_a_branch_does_not_give_cannot_be_asked_for():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="'cond/Exp'.*conditional"):
        tf.import_graph_def(graph_def_of("cond"), return_elements=["cond/Exp:0"])


def test_input_map_reaches_into_conditionals():
    with tf.Graph().as_default() as graph:
        x = tf.constant([[2.0, 3.0, 4.0]])
        b = tf.compat.v1.placeholder(tf.bool, [], name="b")
        (y,) = tf.import_graph_def(
            graph_def_of("conds_in_a_row"),
            input_map={"x:0": x, "b:0": b},
            return_elements=["cond/Merge:0"],
        )
    with tf.compat.v1.Session(graph=graph) as session:
        np.testing.assert_allclose(session.run(y, {b: False}), [[3.0, 4.0, 5.0]])


def copies(graph_def, *prefixes):
    """Several copies of a graph in one, as importing it several times gives in TensorFlow."""
    result = protos.GraphDef(versions=graph_def.versions)
    for prefix in prefixes:
        for node in graph_def.node:
            new = result.node.add()
            new.CopyFrom(node)
            new.name = prefix + node.name
            new.ClearField("input")
            for text in node.input:
                mark = "^" if text.startswith("^") else ""
                new.input.append(mark + prefix + text.removeprefix("^"))
            if "_class" in new.attr:
                del new.attr["_class"]
    return result


def test_two_loops_of_one_frame_name():
    graph = imported(copies(graph_def_of("while_gradient"), "a/", "b/"))
    fetches, feeds, values = list(runs_of("while_gradient"))[-1]
    with tf.compat.v1.Session(graph=graph) as session:
        for prefix in ("a/", "b/"):
            found = session.run(
                [prefix + name for name in fetches],
                {prefix + name: value for name, value in feeds.items()},
            )
            for got, want in zip(found, values):
                np.testing.assert_allclose(got, want, rtol=3e-5)


def test_gradients_of_an_imported_loop():
    with tf.Graph().as_default() as graph:
        x, y = tf.import_graph_def(
            graph_def_of("while_gradient"), return_elements=["x:0", "while/Exit_1:0"], name=""
        )
        (g,) = tf.gradients(tf.reduce_sum(y * y), x)
    fetches, feeds, values = list(runs_of("while_gradient"))[-1]
    with tf.compat.v1.Session(graph=graph) as session:
        np.testing.assert_allclose(session.run(g, feeds), values[1], rtol=3e-5)


# What is no loop and no conditional ---------------------------------------------------------------


def make(*nodes):
    graph_def = protos.GraphDef()
    for name, op, inputs, attrs in nodes:
        node = graph_def.node.add(name=name, op=op, input=inputs)
        for key, value in attrs.items():
            field = {bool: "b", int: "i", str: "s"}[type(value)] if key != "T" else "type"
            setattr(node.attr[key], field, value.encode() if type(value) is str else value)
    return graph_def


FLOAT, BOOL = {"T": 1}, {"T": 10}


def placeholder(name, dtype):
    return name, "Placeholder", [], {"dtype": dtype}


def with_placeholders(*nodes):
    graph_def = make(*nodes)
    for name, dtype in (("x", 1), ("p", 10), ("q", 10)):
        graph_def.node.add(name=name, op="Placeholder").attr["dtype"].type = dtype
    return graph_def


LOOP = [
    ("enter", "Enter", ["x"], {**FLOAT, "frame_name": "f"}),
    ("merge", "Merge", ["enter", "next"], {**FLOAT, "N": 2}),
    ("limit", "Enter", ["p"], {**BOOL, "frame_name": "f", "is_constant": True}),
    ("cond", "LoopCond", ["limit"], {}),
    ("switch", "Switch", ["merge", "cond"], FLOAT),
    ("next", "NextIteration", ["switch:1"], FLOAT),
    ("exit", "Exit", ["switch"], FLOAT),
]


def without(name, *more):
    return [node for node in LOOP if node[0] != name] + list(more)


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            [
                ("s", "Switch", ["x", "p"], FLOAT),
                ("m", "Merge", ["s", "x"], {**FLOAT, "N": 2}),
            ],
            "Node 'm'.*not the two sides of one condition.*if not 'p:0'.*in any case",
        ),
        (
            [
                ("s", "Switch", ["x", "p"], FLOAT),
                ("t", "Switch", ["x", "q"], FLOAT),
                ("m", "Merge", ["s", "t:1"], {**FLOAT, "N": 2}),
            ],
            "Node 'm'.*not the two sides of one condition",
        ),
        (
            [
                ("s", "Switch", ["x", "p"], FLOAT),
                ("m", "Merge", ["s", "s:1", "s"], {**FLOAT, "N": 3}),
            ],
            "Node 'm'.*3 inputs",
        ),
        (
            [
                ("s", "Switch", ["x", "p"], FLOAT),
                ("both", "AddV2", ["s", "s:1"], FLOAT),
                ("m", "Merge", ["both", "s:1"], {**FLOAT, "N": 2}),
            ],
            "Node 'm'",
        ),
        (without("exit", ("exit", "Exit", ["x"], FLOAT)), "'exit': Exit is not part of a loop"),
        (without("exit", ("exit", "Exit", ["switch:1"], FLOAT)), "'exit'.*not 'switch'"),
        (without("cond", ("cond", "Identity", ["limit"], BOOL)), "has no LoopCond"),
        (without("next", ("next", "Identity", ["switch:1"], FLOAT)), "cycle: .*merge"),
        (
            [*LOOP, ("cond2", "LoopCond", ["limit"], {})],
            "two conditions, 'cond' and 'cond2'",
        ),
        (
            without("merge", ("merge", "Merge", ["enter", "enter", "next"], {**FLOAT, "N": 3})),
            "'merge'.*one Enter and one NextIteration",
        ),
        (
            without("next", ("next", "NextIteration", ["switch"], FLOAT)),
            "'switch'.*after the loop",
        ),
        (
            [
                *LOOP,
                ("other", "Enter", ["x"], {**FLOAT, "frame_name": "g", "is_constant": True}),
                ("mixed", "AddV2", ["switch:1", "other"], FLOAT),
            ],
            "Node 'mixed'.*two loops, 'f' and 'g'",
        ),
        (
            [("pop", "StackPopV2", ["h"], {"elem_type": 1})],
            "Node 'pop'.*'h:0' is not the handle",
        ),
    ],
)
def test_errors(nodes, message):
    graph_def = with_placeholders(*nodes)
    for node in graph_def.node:
        if node.op == "StackPopV2":
            node.attr["elem_type"].type = 1
            graph_def.node.add(name="h", op="Placeholder").attr["dtype"].type = 20
            break
    with tf.Graph().as_default() as graph, pytest.raises(ValueError, match=message):
        tf.import_graph_def(graph_def, name="")
    assert not graph.get_operations()


def test_the_loop_of_these_tests_is_one():
    graph = imported(with_placeholders(*LOOP))
    with tf.compat.v1.Session(graph=graph) as session:
        assert session.run("exit:0", {"x:0": 5.0, "p:0": False}) == 5.0


def test_deep_nesting_ends_in_an_error():
    nodes = [("s0", "Switch", ["x", "p"], FLOAT)]
    for i in range(1, 400):
        nodes.append((f"q{i}", "Placeholder", [], {"dtype": 10}))
        nodes.append((f"s{i}", "Switch", [f"s{i - 1}:1", f"q{i}"], FLOAT))
    graph_def = with_placeholders(*nodes)
    for node in graph_def.node:
        if node.op == "Placeholder" and node.name.startswith("q"):
            node.attr["dtype"].type = 10
    with tf.Graph().as_default(), pytest.raises(ValueError, match="nested more than"):
        tf.import_graph_def(graph_def)


def test_long_chains_in_branches_and_loops():
    """No pass recurses along the edges of a graph."""
    nodes, last = [("s", "Switch", ["x", "p"], FLOAT)], "s:1"
    for i in range(5000):
        nodes.append((f"n{i}", "Neg", [last], FLOAT))
        last = f"n{i}"
    nodes.append(("m", "Merge", ["s", last], {**FLOAT, "N": 2}))
    graph = imported(with_placeholders(*nodes))
    branch = graph.get_operation_by_name("If").attrs["then_branch"]
    assert len(branch.get_operations()) == 5001


# Functions ----------------------------------------------------------------------------------------


def test_gradients_of_imported_functions():
    """The gradient that the library names is used, and the derivative where it names none."""
    with tf.Graph().as_default() as graph:
        x, y = tf.import_graph_def(graph_def_of("defun"), return_elements=["x:0", "Sum:0"], name="")
        (g,) = tf.gradients(y, x)
    ((fetches, feeds, values),) = runs_of("defun")
    with tf.compat.v1.Session(graph=graph) as session:
        np.testing.assert_allclose(session.run(g, feeds), values[-1], rtol=1e-4)


def test_functions_are_ops_and_stay_in_the_library():
    graph = imported(graph_def_of("defun"))
    assert graph.get_operation_by_name("my_op_1").type == "my_op"
    graph_def = graph.as_graph_def()
    assert {"my_op", "cube", "cube_grad"} <= {f.signature.name for f in graph_def.library.function}
    rows = {g.function_name: g.gradient_func for g in graph_def.library.gradient}
    assert rows["cube"] == "cube_grad"
    (node,) = [n for n in graph_def.node if n.name == "my_op"]
    assert (node.op, list(node.input)) == ("my_op", ["x", "add"])
    assert list(node.attr) == ["_disable_call_shape_inference"]


def test_functions_of_any_type_are_made_for_each_type():
    graph_def = text_format.Parse(
        """
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
        node { name: "i" op: "Placeholder" attr { key: "dtype" value { type: DT_INT32 } } }
        node { name: "a" op: "twice" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
        node { name: "b" op: "twice" input: "i" attr { key: "T" value { type: DT_INT32 } } }
        library { function {
          signature {
            name: "twice"
            input_arg { name: "v" type_attr: "T" }
            output_arg { name: "r" type_attr: "T" }
            attr { name: "T" type: "type" }
          }
          node_def { name: "sum" op: "AddV2" input: "v" input: "v:0"
                     attr { key: "T" value { placeholder: "T" } } }
          ret { key: "r" value: "sum:z:0" }
        } }
        """,
        protos.GraphDef(),
    )
    graph = imported(graph_def)
    with tf.compat.v1.Session(graph=graph) as session:
        assert session.run(["a:0", "b:0"], {"x:0": 1.5, "i:0": 2}) == [3.0, 4]
