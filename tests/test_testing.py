"""tf.test: the room `testing`."""

import contextlib
import math
import subprocess
import sys
import threading
import unittest
from collections import namedtuple

import ml_dtypes
import numpy as np
import pytest

from reflow.formats import protos
from reflow.lang import context, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32
from reflow.lang.graph import Graph
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.ops.constant import constant, placeholder
from reflow.ops.math import add_v2, mul, neg
from reflow.testing import benchmark, devices, gradient_checker, stubs, test_util
from reflow.testing.protos import assert_equal_graph_def, assert_equal_graph_def_v1
from reflow.testing.test_case import TestCase, get_temp_dir


@pytest.fixture
def case():
    """A test case that is set up."""
    case = TestCase("evaluate")
    case.setUp()
    yield case
    case.tearDown()
    context.reset_default_graph()


@contextlib.contextmanager
def fails(*parts):
    with pytest.raises(AssertionError) as caught:
        yield
    for part in parts:
        assert part in str(caught.value), f"{part!r} not in: {caught.value}"


# Arrays -------------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "a b")


def test_all_close(case):
    case.assertAllClose([1.0, 2.0], np.array([1.0, 2.0 + 1e-7]))
    case.assertAllClose(convert_to_tensor([1.0, np.nan]), [1.0, np.nan])
    case.assertAllClose({"a": 1.0, "b": [1, (2.0, 3.0)]}, {"b": [1, (2.0, 3.0)], "a": 1.0})
    case.assertAllClose([[1.0, 2.0], [3.0]], [np.array([1.0, 2.0]), np.array([3.0])])
    case.assertAllClose(Pair(1.0, [2.0]), Pair(1.0, [2.0]))
    case.assertAllClose([convert_to_tensor(1.0), 2.0], [1.0, 2.0])
    case.assertAllClose(1.0, 1.1, rtol=0.2)
    case.assertAllClose([1, 2], [1, 2])
    with fails("Mismatched value: a is different from b", "not close where = [[1]]", "rtol=1e-06"):
        case.assertAllClose([1.0, 2.0], [1.0, 2.1])
    with fails("Mismatched value: a['x'][1] is different", "why"):
        case.assertAllClose({"x": [[1.0], [1.0, 2.0]]}, {"x": [[1.0], [1.0, 3.0]]}, msg="why")
    with fails("Shape mismatch: expected (2,), got (1,)"):
        case.assertAllClose([1.0, 2.0], [1.0])
    with fails("mismatched keys"):
        case.assertAllClose({"a": 1}, {"b": 1})
    with fails("Mismatched value"):
        case.assertAllClose([1.0], [np.nan])
    with fails("20 of 20 elements", "the first 10"):
        case.assertAllClose(np.zeros(20), np.ones(20))
    with pytest.raises(ValueError, match="Can't compare dict to non-dict"):
        case.assertAllClose({"a": 1}, [1])
    with pytest.raises(ValueError, match="Mismatched length: a has 2 items, but b has 3"):
        case.assertAllClose([[1.0], [1.0, 2.0]], [[1.0], [1.0, 2.0], [3.0]])


def test_tolerance_by_dtype(case):
    a = np.array([1.0], np.float16)
    case.assertAllCloseAccordingToType(a, np.array([1.0009], np.float32))
    case.assertAllCloseAccordingToType(np.array([1.0], ml_dtypes.bfloat16), [1.009])
    with fails("rtol=0.001"):
        case.assertAllCloseAccordingToType(a, [1.01])
    with fails("rtol=1e-06"):
        case.assertAllCloseAccordingToType(np.array([1.0]), [1.0001])
    case.assertNotAllClose([1.0, 2.0], [1.0, 2.1])
    with fails("The two values are close at all elements. why"):
        case.assertNotAllClose([1.0], [1.0], msg="why")


def test_all_equal(case):
    case.assertAllEqual([1, 2], convert_to_tensor([1, 2]))
    case.assertAllEqual([np.nan, 1.0], [np.nan, 1.0])
    case.assertAllEqual(convert_to_tensor(["a", "b"]), ["a", b"b"])
    case.assertAllEqual(np.array([1, 2], ml_dtypes.bfloat16), [1.0, 2.0])
    case.assertAllEqual([], np.zeros(0))
    case.assertAllEqual(True, np.bool_(True))
    case.assertAllEqual([[1, 2], [3]], [[1, 2], [3]])
    with fails("not equal where"):
        case.assertAllEqual([[1, 2], [3]], [[1, 2], [4]])
    with fails("1 of 2 elements differ", "not equal where = [[1]]", "lhs = array([2])"):
        case.assertAllEqual([1, 2], [1, 3])
    with fails("Shape mismatch: expected (2,), got (2, 1)", "Contents"):
        case.assertAllEqual([1, 2], [[1], [2]])
    with fails("not equal lhs"):
        case.assertAllEqual(["a"], ["b"])
    case.assertNotAllEqual([1, 2], [1, 3])
    with fails("The two values are equal at all elements."):
        case.assertNotAllEqual([1], [1])


def test_bounds(case):
    case.assertAllGreater([1, 2], 0)
    case.assertAllLess([1, 2], 3)
    case.assertAllGreaterEqual([1, 2], 1)
    case.assertAllLessEqual(convert_to_tensor([1, 2]), 2)
    case.assertAllInRange([1.0, 2.0], 1, 2)
    case.assertAllInSet(["a", "b"], {"a", "b", "c"})
    for check, arguments, text in [
        (case.assertAllGreater, ([1, 2], 1), "not greater than 1: at [[0]]"),
        (case.assertAllLess, ([1, 2], 2), "not less than 2"),
        (case.assertAllGreaterEqual, ([1, np.nan], 1), "not greater than or equal to 1"),
        (case.assertAllLessEqual, (5, 4), "not less than or equal to 4"),
        (case.assertAllInRange, ([1.0, 2.0], 1, 2, True), "not in the range (1, 2]"),
        (case.assertAllInRange, ([1.0, 2.0], 1, 2, False, True), "not in the range [1, 2)"),
        (case.assertAllInSet, ([1, 5], {1, 2}), "1 unique element(s) are not in the set"),
    ]:
        with fails(text):
            check(*arguments)
    with pytest.raises(ValueError, match="does not have an ordered numeric type"):
        case.assertAllInRange(["a"], 0, 1)


def test_near(case):
    case.assertNear(1.0, 1.1, 0.11)
    case.assertArrayNear([1.0, 2.0], [1.05, 2.05], 0.1)
    case.assertNDArrayNear(np.zeros(4), np.full(4, 0.1), 0.21)
    with fails("!= 2.000000 +/- 0.500000"):
        case.assertNear(1.0, 2.0, 0.5)
    with fails("!="):
        case.assertArrayNear([1.0], [2.0, 3.0], 0.5)
    with fails("the arrays differ by 0.2"):
        case.assertNDArrayNear(np.zeros(4), np.full(4, 0.1), 0.19)


def test_types_shapes_devices(case):
    case.assertDTypeEqual(np.zeros(2, np.float32), float32)
    with fails("float64"):
        case.assertDTypeEqual([1.0], float32)
    case.assertShapeEqual(np.zeros((2, 3)), convert_to_tensor(np.zeros((2, 3))))
    with fails("(2,)"):
        case.assertShapeEqual(np.zeros(2), np.zeros(3))
    with pytest.raises(TypeError, match="input_b should be either tf.Tensor or np.ndarray"):
        case.assertShapeEqual(np.zeros(2), [0, 0])
    case.assertDeviceEqual("/cpu:0", "/device:CPU:0")
    with fails("are not equal"):
        case.assertDeviceEqual("/cpu:0", "/gpu:0")
    case.assertDictEqual({"a": np.array([1, 2]), "b": {"c": 1}}, {"a": [1, 2], "b": {"c": 1}})
    with fails("not equal where"):
        case.assertDictEqual({"a": np.array([1, 2])}, {"a": np.array([1, 3])})
    case.assertStartsWith("abc", "ab")
    with fails("does not start with"):
        case.assertStartsWith("abc", "b")


def test_protos(case):
    node = protos.NodeDef(name="a", op="NoOp")
    node.attr["T"].type = 1
    node.attr["x"].f = 1.5
    text = 'name: "a" op: "NoOp" attr { key: "T" value { type: DT_FLOAT } } '
    case.assertProtoEquals(text + 'attr { key: "x" value { f: 1.5 } }', node)
    case.assertProtoEquals(
        text + 'attr { key: "x" value { f: 1.51 } }', node, relative_tolerance=0.1
    )
    for other, message in [
        ('attr { key: "x" value { f: 1.6 } }', "attr['x'].f is 1.6"),
        ("", "attr has keys ['T'], the other ['T', 'x']"),
        ('attr { key: "x" value { i: 1 } }', "attr['x'].i is missing in the second message"),
        ('attr { key: "x" value { f: 1.5 } } input: "b"', "input is missing in the second"),
    ]:
        with fails(message):
            case.assertProtoEquals(text + other, node)
    with fails("is not tensorflow.GraphDef"):
        case.assertProtoEquals(node, protos.GraphDef())


def graph_def(*nodes, producer=1):
    message = protos.GraphDef()
    message.versions.producer = producer
    for name, inputs in nodes:
        message.node.add(name=name, op="NoOp", input=inputs)
    return message


def test_equal_graphs():
    one = graph_def(("a", []), ("b", ["a", "^x", "^y"]))
    assert_equal_graph_def(one, graph_def(("b", ["a", "^y", "^x"]), ("a", [])))
    hidden = graph_def(("a", []), ("b", ["a", "^x", "^y"]))
    hidden.node[0].attr["_internal"].i = 1
    assert_equal_graph_def(one, hidden)
    assert_equal_graph_def_v1(one, hidden)
    with fails("only in the expected graph: ['b']"):
        assert_equal_graph_def(one, graph_def(("a", [])))
    with fails("node 'b': input[0] is 'a', the other 'c'"):
        assert_equal_graph_def(one, graph_def(("a", []), ("b", ["c", "^x", "^y"])))
    with fails("producer 1 is not 2"):
        assert_equal_graph_def(graph_def(), graph_def(producer=2))
    with pytest.raises(TypeError, match="Expected tf.GraphDef for actual"):
        assert_equal_graph_def(one, 5)


# Errors -------------------------------------------------------------------------------------------


def test_errors(case):
    with case.assertRaisesOpError("too .ad"):
        raise errors.InvalidArgumentError(None, None, "it is too bad")
    with case.assertRaisesWithPredicateMatch(ValueError, lambda e: "x" in str(e)):
        raise ValueError("x")
    with case.assertRaisesIncompatibleShapesError():
        raise errors.InvalidArgumentError(None, None, "Incompatible shapes: [2] vs. [3]")
    with fails("does not match 'good'"), case.assertRaisesOpError("good"):
        raise errors.InvalidArgumentError(None, None, "bad")
    with fails("not raised"), case.assertRaisesOpError("good"):
        pass
    with pytest.raises(KeyError), case.assertRaisesOpError("good"):
        raise KeyError("good")


def test_the_name_of_the_op_counts(case):
    with Graph().as_default():
        op = constant(1.0, name="the_op").op
    with case.assertRaisesOpError("the_op"):
        raise errors.InvalidArgumentError(None, op, "bad")


# Sessions -----------------------------------------------------------------------------------------


def test_sessions_of_graphs(case):
    with Graph().as_default() as graph:
        x = placeholder(float32, ())
        y = mul(x, 2.0)
        with case.session() as session:
            assert session.graph is graph and session.run(y, {x: 2.0}) == 4.0
            assert case.evaluate({"a": [constant(1.0)]}) == {"a": [1.0]}
        with case.cached_session() as one:
            pass
        with case.cached_session() as two, case.test_session() as three:
            assert one is two is three
        assert case.evaluate(constant(5)) == 5  # in the cached session
        config = protos.ConfigProto(allow_soft_placement=True)
        with pytest.raises(ValueError, match="The config used to get the cached session"):
            case.cached_session(config=config).__enter__()
    with Graph().as_default():
        with pytest.raises(ValueError, match="The graph used to get the cached session"):
            case.cached_session().__enter__()
        with case.test_session() as four:
            assert four is not one


def test_devices_of_sessions(case):
    with Graph().as_default():
        with case.session(use_gpu=False):
            assert constant(1.0).op.device == "/device:CPU:0"
        with case.session():
            assert constant(1.0).op.device == ""


def test_eager_sessions(case):
    with context.using_graph(None):
        for session in (case.session, case.cached_session, case.test_session):
            with session() as run:
                assert run.run([constant(1), {"a": constant(2)}]) == [1, {"a": 2}]
                with pytest.raises(ValueError, match="Cannot feed"):
                    run.run(constant(1), feed_dict={1: 2})


def test_evaluate_eagerly(case):
    with context.using_graph(None):
        values = case.evaluate({"a": constant([1, 2]), "b": (None, lambda: constant(3))})
        np.testing.assert_array_equal(values["a"], [1, 2])
        assert values["b"] == (None, 3)
        slices = case.evaluate(IndexedSlices(constant([1.0]), constant([0])))
        assert isinstance(slices, IndexedSlices) and isinstance(slices.values, np.ndarray)
        with pytest.raises(ValueError, match="Unsupported type <class 'int'>"):
            case.evaluate(5)


def test_graphs_evaluate_tensors_in_assertions(case):
    with Graph().as_default():
        case.assertAllClose(mul(constant([1.0, 2.0]), 2.0), [2.0, 4.0])
        case.assertAllEqual(add_v2(constant([1, 2]), 1), constant([2, 3]))
        case.assertAllGreater(constant([1, 2]), 0)
        with fails("not equal where"):
            case.assertAllEqual(constant([1]), [2])


def test_every_test_begins_anew():
    class Example(TestCase):
        seen = []

        def test_a(self):
            Example.seen.append((np.random.rand(), context.get_default_graph()))

        test_b = test_a

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "_eager_by_default", [False])
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(Example).run(result)
    assert not result.errors and not result.failures and len(result.skipped) == 1  # test_session
    (a, first), (b, second) = Example.seen
    assert a == b and first is not second
    assert first.seed == second.seed == 87654321
    context.reset_default_graph()


def test_a_test_begins_anew_within_a_graph():
    case = TestCase("evaluate")
    with Graph().as_default() as graph:
        one = constant(1.0)
        case.setUp()
        new = context.get_default_graph()
        assert new is not graph and not context.executing_eagerly()
        with case.test_session() as session:
            two = constant(2.0)
            assert session.run(two) == 2.0
        assert (one.graph, two.graph) == (graph, new)
        case.tearDown()
    assert context.executing_eagerly()
    case.setUp()
    assert context.get_default_graph() is not new and context.executing_eagerly()
    case.tearDown()


def test_temporary_directories(case):
    one = case.get_temp_dir()
    assert one == case.get_temp_dir() and one.startswith(get_temp_dir())
    assert TestCase("evaluate").get_temp_dir() != one


def test_threads(case):
    seen = []
    thread = case.checkedThread(seen.append, args=(1,))
    thread.start()
    thread.join()
    assert seen == [1] and not thread.is_alive()
    bad = case.checkedThread(lambda: 1 / 0)
    bad.start()
    with fails("Error in checkedThread: ZeroDivisionError"):
        bad.join()
    release = threading.Event()
    other = TestCase("evaluate")
    lost = other.checkedThread(release.wait)
    lost.start()
    with fails("was not joined"):
        other.tearDown()
    release.set()


def test_writes_are_captured():
    program = """
import os, sys
from reflow.testing.test_case import TestCase
case = TestCase("evaluate")
with case.captureWritesToStream(sys.stderr) as written:
    sys.stderr.write("python\\n"); sys.stderr.flush(); os.write(2, b"below\\n")
print(repr(written.contents()))
print("after", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("'python\\nbelow\\n'\n", "after\n")


def test_old_names(case):
    case.assertEquals(1, 1)
    case.assertItemsEqual([1, 2], [2, 1])
    case.assertRegexpMatches("abc", "b")
    with case.assertRaisesRegexp(ValueError, "x"):
        raise ValueError("x")


# Modes --------------------------------------------------------------------------------------------


def run_tests(cls):
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(cls).run(result)
    skipped = [s for s in result.skipped if "test_session" not in s[0].id()]
    return result, [text for _, text in skipped]


def test_modes():
    seen = []

    class Both(TestCase):
        @test_util.run_in_graph_and_eager_modes
        def test_both(self):
            seen.append(context.executing_eagerly())
            self.assertAllEqual(add_v2(constant(1), 2), 3)

        @test_util.run_deprecated_v1
        def test_graph(self):
            seen.append(context.executing_eagerly())

        @test_util.run_v1_only("of v1")
        def test_v1(self):
            raise AssertionError("must not run")

        @test_util.run_v2_only
        def test_v2(self):
            seen.append("v2")

        @test_util.run_gpu_only
        def test_gpu(self):
            assert devices.is_gpu_available()

    result, skipped = run_tests(Both)
    assert result.wasSuccessful(), result.errors + result.failures
    assert seen == [False, True, False, "v2"]
    wanted = {"Test is only compatible with v1: of v1"}
    assert set(skipped) - {"Test requires GPU"} == wanted

    @test_util.run_all_in_graph_and_eager_modes
    class All(TestCase):
        def test_one(self):
            seen.append(context.executing_eagerly())
            self.assertFalse(context.executing_eagerly())

    seen.clear()
    result, _ = run_tests(All)
    assert seen == [False, True] and len(result.failures) == 1
    with pytest.raises(ValueError, match="run_all_in_graph_and_eager_modes"):
        test_util.run_in_graph_and_eager_modes(All)


def test_skipping():
    class Skips(TestCase):
        @devices.disable_with_predicate(lambda: True, "because")
        def test_a(self):
            raise AssertionError

        @test_util.skip_if(lambda: True)
        def test_b(self):
            raise AssertionError

    result, skipped = run_tests(Skips)
    assert result.wasSuccessful() and skipped == ["because"]


def test_questions_about_the_machine():
    name = devices.gpu_device_name()
    assert devices.is_gpu_available() == (name != "")
    assert devices.is_built_with_xla() and isinstance(devices.is_built_with_cuda(), bool)
    assert not devices.is_cpu_target_available("s390x")
    devices.sync_devices()


# Gradients ----------------------------------------------------------------------------------------


def test_compute_gradient():
    exact, estimated = gradient_checker.compute_gradient(
        lambda x, y: mul(x, y), [convert_to_tensor([1.0, 2.0]), convert_to_tensor(3.0)]
    )
    assert [e.shape for e in exact] == [(2, 2), (2, 1)]
    np.testing.assert_allclose(exact[0], [[3, 0], [0, 3]])
    np.testing.assert_allclose(exact[1], [[1], [2]])
    assert gradient_checker.max_error(exact, estimated) < 1e-3
    with pytest.raises(ValueError, match="must be a list"):
        gradient_checker.compute_gradient(neg, convert_to_tensor(1.0))


def test_compute_gradient_of_complex_functions():
    x = convert_to_tensor(np.array([1 + 2j, 3 - 1j]))
    exact, estimated = gradient_checker.compute_gradient(lambda x: mul(x, 2 + 1j), [x])
    assert exact[0].shape == (4, 4) and gradient_checker.max_error(exact, estimated) < 1e-6


def test_compute_gradient_in_graphs(case):
    with Graph().as_default(), case.session():
        x = placeholder(float32, (2,))
        y = mul(mul(x, x), constant([1.0, 3.0]))
        start = np.array([1.0, 2.0], np.float32)
        exact, estimated = gradient_checker.compute_gradient_v1(x, [2], y, [2], start)
        np.testing.assert_allclose(exact, [[2, 0], [0, 12]])
        np.testing.assert_allclose(estimated, exact, rtol=1e-2, atol=1e-3)
        error = gradient_checker.compute_gradient_error(x, [2], y, [2], start)
        assert 0 <= error < 0.02
        other = placeholder(float32, ())
        pairs = gradient_checker.compute_gradient_v1(
            [x, other], [[2], []], y, [2], [start, 1.0], extra_feed_dict={other: 1.0}
        )
        assert [p[0].shape for p in pairs] == [(2, 2), (1, 2)] and not pairs[1][0].any()
    with pytest.raises(ValueError, match="default session"):
        gradient_checker.compute_gradient_v1(x, [2], y, [2])


def test_a_wrong_gradient_shows(monkeypatch):
    monkeypatch.setattr(REGISTRY["Neg"], "grad", lambda g: g)
    exact, estimated = gradient_checker.compute_gradient(neg, [convert_to_tensor([1.0])])
    assert gradient_checker.max_error(exact, estimated) == pytest.approx(2, abs=1e-3)


# Benchmarks and stubs -----------------------------------------------------------------------------


def test_benchmarks(capsys):
    class AddingTwo(benchmark.Benchmark):
        def benchmark_add(self):
            with Graph().as_default() as graph, TestCase("evaluate").session() as session:
                y = add_v2(constant(1.0), 2.0)
                assert y.graph is graph
                report = self.run_op_benchmark(session, y, min_iters=3, extras={"note": 'a "b"'})
                assert report["iters"] == 3 and report["wall_time"] > 0
                assert report["name"] == "AddingTwo.benchmark_add"

        def other(self):
            raise AssertionError

    benchmark.run_benchmarks("AddingTwo")
    text = capsys.readouterr().out
    assert 'name: "AddingTwo.benchmark_add"' in text and "iters: 3" in text
    assert 'extras { key: "note" value { string_value: "a \\"b\\"" } }' in text
    with pytest.raises(ValueError, match="No benchmarks matched the pattern: 'nothing'"):
        benchmark.run_benchmarks("nothing")
    assert benchmark.chosen(["p", "--benchmarks=x"]) == "x" and benchmark.chosen(["p"]) is None
    assert not AddingTwo.is_abstract() and benchmark.Benchmark.is_abstract()
    AddingTwo().report_benchmark(name="n", metrics=[{"name": "m", "value": 1, "min_value": 0}])
    text = capsys.readouterr().out
    assert 'name: "AddingTwo.n"' in text
    assert 'metrics { name: "m" value: 1 min_value { value: 0 } }' in text


def test_main():
    program = """
from reflow.testing import test_case
class OneTest(test_case.TestCase):
    def test_one(self): self.assertAllEqual([1], [{value}])
if __name__ == "__main__":
    test_case.main()
"""
    for value, code in [(1, 0), (2, 1)]:
        done = subprocess.run(
            [sys.executable, "-c", program.format(value=value)], capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        assert "Ran 2 tests" in done.stderr  # with test_session, which is skipped


def test_stubs():
    class Base:
        x = 1

        @staticmethod
        def s():
            return "static"

    class Below(Base):
        pass

    with stubs.StubOutForTesting() as out:
        out.Set(math, "pi", 3)
        out.SmartSet(Below, "x", 2)
        out.Set(Base, "s", staticmethod(lambda: "stub"))
        assert (math.pi, Base.x, Base.s()) == (3, 2, "stub")
        with pytest.raises(AttributeError):
            out.SmartSet(Below, "nothing", 1)
    assert (math.pi > 3.1, Base.x, Base.s(), "x" in vars(Below)) == (True, 1, "static", False)
