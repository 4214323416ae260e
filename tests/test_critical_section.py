"""Critical sections: one thread at a time, in eager code, functions and sessions."""

import threading

import pytest

import reflow as tf

v1 = tf.compat.v1


@pytest.fixture
def counter():
    """A section, a variable, and a function that adds one to it in three steps."""
    section, variable = tf.CriticalSection(name="section"), tf.Variable(0)

    def add():
        before = variable.read_value()
        variable.assign(before + 1)
        return variable.read_value()

    return section, variable, add


def test_threads_take_turns_in_eager_code_and_in_functions(counter):
    section, variable, add = counter
    in_function = tf.function(lambda: section.execute(add))

    def work():
        for _ in range(20):
            in_function()
            section.execute(add)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(variable) == 160


def test_executions_of_one_run_of_a_session_take_turns():
    with tf.Graph().as_default():
        section = tf.CriticalSection(name="section")
        variable = v1.get_variable("v", [], initializer=v1.zeros_initializer(), use_resource=True)

        def add():
            before = variable.read_value()
            with tf.control_dependencies([before]):
                return variable.assign(before + 1.0, read_value=True)

        results = [section.execute(add) for _ in range(6)]
        with v1.Session() as session:
            session.run(variable.initializer)
            assert sorted(session.run(results)) == [1, 2, 3, 4, 5, 6]


def test_a_section_is_not_executed_within_itself(counter):
    section, _, add = counter
    for wrong in (section.execute, tf.function(section.execute)):
        with pytest.raises(ValueError, match=r"test_critical_section.py:\d+: .* already running"):
            wrong(lambda: section.execute(add))
    called = tf.function(lambda: section.execute(add))
    with pytest.raises(ValueError, match="already running"):
        tf.function(lambda: section.execute(called))()


def test_variables_belong_to_one_section_unless_both_allow_it():
    first, second, variable = tf.CriticalSection(), tf.CriticalSection(), tf.Variable(0)

    def both(exclusive):
        for section in (first, second):
            section.execute(lambda: variable.assign_add(1), exclusive_resource_access=exclusive)

    with pytest.raises(ValueError, match="exclusive_resource_access=False"):
        tf.function(both)(True)
    tf.function(both)(False)
    assert int(variable) == 2


def test_a_section_that_fails_is_left():
    section = tf.CriticalSection()

    @tf.function
    def inverse(x):
        return section.execute(lambda: tf.debugging.check_numerics(1.0 / x, "no number"))

    for _ in range(2):
        with pytest.raises(tf.errors.InvalidArgumentError, match="no number"):
            inverse(tf.constant(0.0))
        with pytest.raises(KeyError):
            section.execute(lambda: {}["k"])
    assert float(inverse(tf.constant(2.0))) == 0.5


def test_results_keep_their_structure():
    section = tf.CriticalSection()

    def results():
        return section.execute(lambda: {"a": tf.constant(1), "b": (None, [tf.constant(2)])})

    for way in (results, tf.function(results)):
        got = way()
        assert (int(got["a"]), got["b"][0], int(got["b"][1][0])) == (1, None, 2)
    assert tf.function(lambda: section.execute(lambda: None))() is None


def test_what_is_captured_in_a_control_scope_waits_for_it():
    variable = tf.Variable(0)

    @tf.function
    def f():
        before = tf.print("before")
        with tf.control_dependencies([before]):
            read = variable.read_value()
        return read

    nodes = f.get_concrete_function().graph.get_operations()
    waiting = [op for op in nodes if op.type == "ReadVariableOp"]
    assert [c.type for op in waiting for c in op.control_inputs] == ["PrintV2"]


def test_the_nodes_of_a_section():
    with tf.Graph().as_default() as graph:
        tf.CriticalSection().execute(lambda: tf.constant(1))
    types = [op.type for op in graph.get_operations()]
    for each in ("MutexV2", "MutexLock", "ConsumeMutexLock"):
        assert types.count(each) == 1, types
