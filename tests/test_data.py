"""Data sets: programs against TensorFlow's results, the row streams against the plain path, threads."""

import gc
import json
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from golden import data_programs as programs
from golden.plain_values import plain

import reflow as tf
from reflow.data import background, pipeline
from reflow.lang.graph import Graph

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "data.json").read_text())


@pytest.fixture(params=["rows", "elements"])
def path(request, monkeypatch):
    """With row streams, and element by element."""
    monkeypatch.setattr(pipeline, "use_rows", [request.param == "rows"])
    return request.param


def outcome(f, module):
    tf.random.set_seed(0)
    try:
        return plain(f(module))
    except Exception as error:
        if not hasattr(f, "fails"):
            raise
        return {"error": type(error).__name__}


def same(found, wanted, where=""):
    """Asserts that two outcomes are equal, floating-point numbers to within their rounding."""
    assert type(found) is type(wanted), (where, found, wanted)
    if isinstance(wanted, dict) and wanted.get("dtype", "").startswith("float"):
        assert found.keys() == wanted.keys(), where
        for key in wanted:
            if key in ("values", "scalars"):
                np.testing.assert_allclose(found[key], wanted[key], rtol=2e-6, err_msg=where)
            else:
                assert found[key] == wanted[key], where
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), (where, found, wanted)
        for key in wanted:
            same(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), (where, found, wanted)
        for i, (a, b) in enumerate(zip(found, wanted)):
            same(a, b, f"{where}[{i}]")
    else:
        assert found == wanted, where


@pytest.mark.parametrize("f", programs.PROGRAMS, ids=lambda f: f.__name__)
def test_program(f, path):
    same(outcome(f, tf), GOLDEN[f.__name__])


@pytest.mark.parametrize("f", programs.GRAPH, ids=lambda f: f.__name__)
def test_program_of_a_graph(f):
    with Graph().as_default():
        same(outcome(f, tf.compat.v1), GOLDEN[f.__name__])


def test_every_program_has_a_golden_result():
    names = {f.__name__ for f in programs.PROGRAMS + programs.GRAPH}
    assert {*names, "run_written"} == set(GOLDEN)


@pytest.mark.parametrize("writer", ["TensorFlow", "Reflow"])
def test_graphs_with_data_sets_are_written_and_read(writer):
    v1 = tf.compat.v1
    if writer == "Reflow":
        with Graph().as_default() as graph:
            programs.to_be_written(v1)
        data = graph.as_graph_def().SerializeToString()
    else:
        data = (HERE / "golden" / "data_graph.pb").read_bytes()
    found = programs.run_written(v1, v1.GraphDef.FromString(data))
    same(plain(found), GOLDEN["run_written"])


def test_internal_paths():
    from reflow.compat.internal_paths import module

    nest = module("tensorflow.python.data.util.nest", "python.data.util.nest")
    assert nest.flatten((1, [2, 3], {"b": 4, "a": None})) == [1, [2, 3], None, 4]
    assert nest.map_structure(lambda x: x + 1, {"a": (1, 2)}) == {"a": (2, 3)}
    with pytest.raises(ValueError):
        nest.assert_same_structure((1, 2), (1, (2, 3)))
    with pytest.raises(ValueError):
        nest.map_structure(max, (1, 2), (1, 2, 3))
    ops = module("tensorflow.python.data.ops.dataset_ops", "python.data.ops.dataset_ops")
    assert ops.DatasetV2 is tf.data.Dataset and ops.DatasetV1 is tf.compat.v1.data.Dataset


# Threads ------------------------------------------------------------------------------------------


def workers(name="tf.data prefetch"):
    return {t for t in threading.enumerate() if t.name == name}


def ended(threads):
    """Whether all of them end soon."""
    gc.collect()
    deadline = time.monotonic() + 10
    while any(t.is_alive() for t in threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(t.is_alive() for t in threads)


def test_errors_of_a_prefetching_thread_come_in_the_place_of_their_element():
    dataset = tf.data.Dataset.from_tensor_slices([1, 0, 2]).map(lambda x: tf.gather([5, 6], x - 1))
    iterator = iter(dataset.prefetch(2))
    assert int(next(iterator)) == 5
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"test_data.py:\d+: Gather"):
        next(iterator)
    assert int(next(iterator)) == 6
    with pytest.raises(StopIteration):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def test_an_error_of_the_first_element_ends_nothing():
    dataset = tf.data.Dataset.from_tensor_slices([0, 1, 2]).map(lambda x: tf.gather([5, 6], x - 1))
    iterator = iter(dataset.prefetch(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"test_data.py:\d+: Gather"):
        next(iterator)
    assert [int(x) for x in iterator] == [5, 6]


def test_who_wants_the_first_element_makes_it():
    makers = []

    def note(x):
        makers.append(threading.current_thread().name)
        return x

    numbers = tf.data.Dataset.range(3).map(lambda x: tf.numpy_function(note, [x], tf.int64))
    assert [int(x) for x in numbers.prefetch(1)] == [0, 1, 2]
    assert makers == [threading.current_thread().name, *["tf.data prefetch"] * 2]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_made_ahead_of_the_only_element(count):
    others = workers()
    iterator = iter(tf.data.Dataset.range(count).map(lambda x: x + 1).prefetch(1))
    assert [int(x) for x in iterator] == [1][:count]
    assert not workers() - others


def test_optionals_keep_the_structure_of_their_value():
    value = {"b": tf.constant(1), "a": tf.constant([2.0])}
    for optional in (
        tf.experimental.Optional.from_value(value),
        tf.function(lambda: tf.experimental.Optional.from_value(value))(),
    ):
        assert optional.has_value() and list(optional.get_value()) == ["b", "a"]
        assert (
            optional.get_value()["b"].numpy() == 1 and optional.get_value()["b"].dtype is tf.int32
        )
        np.testing.assert_array_equal(optional.get_value()["a"], [2.0])
    with Graph().as_default() as graph:
        optional.get_value()
        assert "OptionalGetValue" in {op.type for op in graph.get_operations()}
    empty = tf.experimental.Optional.empty(optional.element_spec)
    assert not empty.has_value()
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not have a value"):
        empty.get_value()


def test_a_prefetching_thread_ends_with_its_iterator():
    others = workers()
    iterator = iter(tf.data.Dataset.range(10).repeat().map(lambda x: x).prefetch(2))
    assert int(next(iterator)) == 0
    mine = workers() - others
    assert len(mine) == 1
    del iterator
    assert ended(mine)


def test_prefetching_holds_no_more_than_was_said():
    drawn = []

    def numbers():
        for i in range(100):
            drawn.append(i)
            yield i

    iterator = iter(tf.data.Dataset.from_generator(numbers, tf.int64, []).prefetch(3))
    next(iterator)
    deadline = time.monotonic() + 5
    while len(drawn) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(drawn) == 5  # one taken, three held, one that waits for room


def test_who_waits_for_a_prefetching_thread_has_a_deadline():
    blocked = threading.Event()

    def numbers():
        blocked.wait(30)
        yield 1

    v1 = tf.compat.v1
    with Graph().as_default(), v1.Session() as session:
        dataset = v1.data.Dataset.from_generator(numbers, tf.int64, []).prefetch(1)
        iterator = v1.data.make_initializable_iterator(dataset)
        following = iterator.get_next()
        session.run(iterator.initializer)
        options = v1.RunOptions(timeout_in_ms=100)
        with pytest.raises(tf.errors.DeadlineExceededError):
            session.run(following, options=options)
        blocked.set()
        assert session.run(following) == 1


def test_slow_functions_run_in_parallel_and_keep_the_order():
    running, most = [0], [0]
    lock = threading.Lock()

    def slow(x):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1
        return x * 2

    dataset = tf.data.Dataset.range(30).map(
        lambda x: tf.numpy_function(slow, [x], tf.int64), num_parallel_calls=4
    )
    assert [int(x) for x in dataset] == list(range(0, 60, 2))
    assert 2 <= most[0] <= 4


def test_parallel_calls_within_parallel_calls(monkeypatch):
    monkeypatch.setattr(background, "_CHEAP", -1.0)  # whatever is called, is called in threads

    def total(n):
        inner = tf.data.Dataset.range(n).map(lambda x: x * 2, num_parallel_calls=2)
        return inner.reduce(np.int64(0), lambda s, x: s + x)

    dataset = tf.data.Dataset.range(20).map(total, num_parallel_calls=2)
    assert [int(x) for x in dataset] == [n * (n - 1) for n in range(20)]


def test_threads_of_parallel_calls_end_with_their_iterator(monkeypatch):
    monkeypatch.setattr(background, "_CHEAP", -1.0)
    others = workers("tf.data map")
    iterator = iter(tf.data.Dataset.range(100).map(lambda x: x, num_parallel_calls=3))
    assert [int(next(iterator)) for _ in range(5)] == list(range(5))
    mine = workers("tf.data map") - others
    assert 1 <= len(mine) <= 3
    del iterator
    assert ended(mine)


def test_errors_of_parallel_calls_come_in_the_place_of_their_element(monkeypatch):
    monkeypatch.setattr(background, "_CHEAP", -1.0)  # whatever is called, is called in threads
    dataset = tf.data.Dataset.range(8).map(
        lambda x: tf.gather([0, 1, 2, 3, 4, 5, 6], x), num_parallel_calls=3
    )
    iterator = iter(dataset)
    assert [int(next(iterator)) for _ in range(7)] == list(range(7))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"test_data.py:\d+: Gather"):
        next(iterator)
    assert [int(x) for x in dataset.ignore_errors()] == list(range(7))


def test_iterators_of_one_dataset_go_on_side_by_side_in_threads():
    dataset = tf.data.Dataset.range(2000).map(lambda x: x + 1)
    found = {}

    def run(i):
        found[i] = sum(int(x) for x in dataset)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(found.values()) == {2001000}


def test_threads_share_an_iterator():
    iterator = iter(tf.data.Dataset.range(1000).map(lambda x: x))
    found = []

    def take():
        for x in iterator:
            found.append(int(x))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == list(range(1000))


PROGRAM = """
import time
import reflow as tf
def endless():
    while True:
        yield 1
iterator = iter(tf.data.Dataset.from_generator(endless, tf.int32, []).prefetch(4))
print(int(next(iterator)))
slow = tf.data.Dataset.range(100).map(
    lambda x: tf.numpy_function(lambda v: time.sleep(0.02) or v, [x], tf.int64), 4).prefetch(2)
other = iter(slow)
print([int(next(other)) for _ in range(4)])
"""


def test_a_program_ends_while_threads_work():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "1\n[0, 1, 2, 3]\n"), done.stderr
    assert not done.stderr


# Errors -------------------------------------------------------------------------------------------


def test_an_error_of_a_generator_names_its_line():
    def numbers():
        yield 1
        raise KeyError("gone")

    with pytest.raises(tf.errors.UnknownError, match=r"test_data.py:\d+: KeyError: 'gone'"):
        list(tf.data.Dataset.from_generator(numbers, tf.int32))


def test_ranges_that_are_longer_than_python_can_count():
    pairs = tf.data.Dataset.range(3).enumerate(start=-5)
    assert [(int(i), int(x)) for i, x in pairs] == [(-5, 0), (-4, 1), (-3, 2)]
    assert len(pairs) == 3


@pytest.mark.parametrize("args", [(0, 7, 2), (7, 0, -2), (3, 3, 1), (5, 2, 1), (2, 5, -1)])
def test_the_length_of_ranges(args):
    assert len(tf.data.Dataset.range(*args)) == len(range(*args))


def test_flat_map_of_a_tensor_is_refused():
    with pytest.raises(TypeError, match="must return a `tf.data.Dataset`"):
        tf.data.Dataset.range(3).flat_map(lambda x: x)


def test_an_iterator_goes_on_after_an_error():
    dataset = tf.data.Dataset.range(4).map(lambda x: tf.gather([7, 8], x % 3)).batch(1)
    iterator = iter(dataset)
    assert [int(next(iterator)[0]) for _ in range(2)] == [7, 8]
    with pytest.raises(tf.errors.InvalidArgumentError):
        next(iterator)
    assert int(next(iterator)[0]) == 7


@pytest.mark.parametrize(
    "keep",
    [
        lambda dataset, path: dataset.cache(),
        lambda dataset, path: dataset.cache(path),
        lambda dataset, path: dataset.snapshot(path, compression=None),
    ],
    ids=["cache", "file", "snapshot"],
)
def test_what_is_kept_is_complete_with_its_last_element(keep, tmp_path):
    made = []
    dataset = tf.data.Dataset.range(4).map(
        lambda x: tf.py_function(lambda v: made.append(v) or v, [x], tf.int64)
    )
    kept = keep(dataset.batch(2), str(tmp_path / "kept"))
    for _ in range(3):
        iterator = iter(kept)
        for _ in range(2):  # never asks whether there is another
            next(iterator)
    assert len(made) == 4
    iterator = iter(kept)
    assert [next(iterator).numpy().tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(StopIteration):
        next(iterator)
    assert len(made) == 4


def test_a_damaged_cache_file_is_refused(tmp_path):
    path = str(tmp_path / "cache")
    dataset = tf.data.Dataset.range(3).cache(path)
    assert len(list(dataset)) == 3
    data = next(tmp_path.glob("*.data*"))
    data.write_bytes(data.read_bytes()[:-3])
    with pytest.raises(tf.errors.DataLossError, match="damaged"):
        list(dataset)
    next(tmp_path.glob("*.index")).write_text("something else")
    with pytest.raises(tf.errors.DataLossError, match="no index"):
        list(dataset)


def test_an_unfinished_cache_file_is_made_again(tmp_path):
    dataset = tf.data.Dataset.range(3).cache(str(tmp_path / "cache"))
    iterator = iter(dataset)
    next(iterator)
    with pytest.raises(tf.errors.AlreadyExistsError, match="concurrent"):
        next(iter(dataset))
    del iterator
    gc.collect()
    assert [int(x) for x in dataset] == [0, 1, 2]
    assert [int(x) for x in dataset] == [0, 1, 2]


# Eager functions ----------------------------------------------------------------------------------


def test_debug_mode_calls_python_for_every_element(monkeypatch):
    from reflow.data import element_function

    monkeypatch.setattr(element_function, "_debugging", [False])
    seen = []

    def note(x, y):
        seen.append(x)
        return {"sum": x + y}

    pairs = tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(3)))
    list(pairs.map(note))
    assert len(seen) == 1
    tf.data.experimental.enable_debug_mode()
    seen.clear()
    assert [int(e["sum"]) for e in pairs.map(note)] == [0, 2, 4]
    assert [int(x) for x in seen[1:]] == [0, 1, 2]


def test_a_function_creates_variables_when_it_is_first_called_only():
    class Scaled:
        factor = None

        def __call__(self, x):
            if self.factor is None:
                self.factor = tf.Variable(3, dtype=tf.int64)
            return x * self.factor

    scaled = Scaled()
    data = tf.data.Dataset.range(3).map(scaled)
    assert [x.numpy() for x in data] == [0, 3, 6]
    scaled.factor.assign(5)
    assert [x.numpy() for x in data] == [0, 5, 10]
