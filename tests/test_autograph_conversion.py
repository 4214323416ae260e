"""How AutoGraph finds, converts and calls functions: lines, closures, classes, libraries, warnings."""

import contextlib
import functools
import importlib
import importlib.util
import json
import linecache
import traceback
import types
import unittest

import numpy as np
import pytest

import reflow as tf
from reflow.autograph import compile as converter
from reflow.autograph.policy import of_library
from reflow.autograph.public import ConversionError, convert
from reflow.lang.context import executing_eagerly

SCALE = 2.0


def line_with(mark):
    """The number of the line of this file that ends in the comment `mark`."""
    for number, line in enumerate(linecache.getlines(__file__), 1):
        if line.rstrip().endswith(f"# {mark}"):
            return number
    raise AssertionError(mark)


# Lines --------------------------------------------------------------------------------------------


def fails_in_a_branch(x):
    y = x
    if x > 0.0:
        for _ in range(2):
            y = y + tf.constant([1.0, 2.0]) + tf.ones([3])  # of the failing node
    return y


def test_an_error_names_the_line_in_the_block_it_is_in():
    with pytest.raises(ValueError, match="conversion.py:") as caught:
        tf.function(fails_in_a_branch)(tf.constant(1.0))
    lines = [
        f.lineno for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == __file__
    ]
    assert lines[-1] == line_with("of the failing node")
    names = {
        f.name for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == __file__
    }
    assert "fails_in_a_branch" in names
    assert not any(name.startswith("ag__") for name in names)


def fails_when_run(x):
    i = 0
    while i < 3:
        if x > 0.0:
            tf.debugging.assert_less(x, 1.0)  # of the assertion
        i += 1
    return x


def test_an_error_of_the_run_names_the_line_of_the_node():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf"conversion.py:{line_with('of the assertion')}"
    ):
        tf.function(fails_when_run)(tf.constant(2.0))


def spans_lines(x):
    if x > 0.0:  # of the condition
        y = x * 2.0
    return y


def test_an_error_of_a_statement_names_its_first_line():
    with pytest.raises(
        ValueError, match=rf"conversion.py:{line_with('of the condition')}: 'y' must"
    ):
        tf.function(spans_lines)(tf.constant(2.0))


def plain(f):
    return f


@plain
@plain
def has_decorators(x):
    if x > 0.0:  # below the decorators
        y = x
    return y


def test_lines_of_a_decorated_function():
    with pytest.raises(ValueError, match=rf"py:{line_with('below the decorators')}: 'y' must"):
        tf.function(has_decorators)(tf.constant(2.0))


def raises_in_python(x):
    if x is not None:
        raise KeyError("of the user")  # of the raise
    return x


def test_errors_of_the_user_pass_unchanged():
    with pytest.raises(KeyError, match="of the user") as caught:
        tf.function(raises_in_python)(tf.constant(1.0))
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (__file__, line_with("of the raise"))


def test_the_converted_function_looks_like_the_original():
    def f(x: int, *, k: float = 3.0) -> int:
        """Doc."""
        return x * k

    f.mark = 1
    g = tf.autograph.to_graph(f)
    assert (g.__name__, g.__qualname__, g.__doc__, g.__module__) == (
        f.__name__,
        f.__qualname__,
        "Doc.",
        __name__,
    )
    assert g.__annotations__ == f.__annotations__ and g.__kwdefaults__ == {"k": 3.0} and g.mark == 1
    assert g(2) == 6.0
    assert g.__code__.co_filename == __file__
    assert g.__code__.co_firstlineno == f.__code__.co_firstlineno


# What it shares with the original -----------------------------------------------------------------


def test_closures_are_shared():
    count = 0

    def f():
        nonlocal count
        if count < 10:
            count += 1
        return count

    g = tf.autograph.to_graph(f)
    assert [g(), g(), f()] == [1, 2, 3] and count == 3


def test_functions_made_in_a_loop_share_its_variables():
    def f():
        made = []
        for i in range(3):
            j = i * 10
            made += [lambda: i, lambda: j, [lambda: k for k in (7, 8)][0]]
            if i == 1:
                m = i

                def inner():
                    return m

                made.append(inner)
                m = 5
        return [g() for g in made]

    assert tf.autograph.to_graph(f)() == f() == [2, 20, 8, 2, 20, 8, 5, 2, 20, 8]


def test_globals_are_shared(monkeypatch):
    def f(x):
        global SCALE
        if x > 0:
            SCALE = SCALE + 1.0
        return SCALE

    monkeypatch.setitem(globals(), "SCALE", 2.0)
    g = tf.autograph.to_graph(f)
    assert g(1) == 3.0 and SCALE == 3.0
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    assert g(0) == 10.0


def test_defaults_are_those_of_the_original():
    held = []

    def f(x, into=held, *rest, scale=SCALE, **named):
        into.append(x)
        return len(rest), scale, sorted(named)

    g = tf.autograph.to_graph(f)
    assert g(1) == (0, 2.0, []) and held == [1]
    assert g(1, [], 2, 3, scale=4.0, a=5) == (2, 4.0, ["a"])
    with pytest.raises(TypeError, match="missing 1 required"):
        g()


class Base:
    def __init__(self, scale):
        self.__scale = scale

    def scaled(self, x):
        return self.__scale * x

    @classmethod
    def made(cls, scale):
        return cls(scale)


class Sub(Base):
    def scaled(self, x):
        if x > 0:
            return super().scaled(x) + (lambda: __class__.__name__ == "Sub")()
        return [super(Sub, self).scaled(x) for _ in range(1)][0]


def test_classes_and_super():
    f = tf.autograph.to_graph(lambda x: Sub.made(3).scaled(x) + Sub(2).scaled(-x))
    assert f(5) == 16 - 10


def test_a_method_of_a_class_in_a_function():
    factor = 3

    class Inner:
        def f(self, x):
            return x * factor if isinstance(self, Inner) else None

    assert tf.autograph.to_graph(Inner.f)(Inner(), 2) == 6
    assert convert(Inner().f)(2) == 6


def test_code_is_converted_once(monkeypatch):
    made = []
    original = converter._convert

    def counting(function, options):
        made.append(function.__name__)
        return original(function, options)

    monkeypatch.setattr(converter, "_convert", counting)

    def make(k):
        def inner_for_the_cache(x):
            return x * k

        return inner_for_the_cache

    f = convert(lambda g, x: g(x))
    assert [f(make(2), 3), f(make(3), 3), f(make(4), 3)] == [6, 9, 12]
    assert made.count("inner_for_the_cache") == 1


def test_locals_are_those_of_the_function():
    def f(a, b=2):
        if a:
            c = a + 1
            for _ in range(1):
                found = locals()["c"] + locals()["b"]
                names = sorted(locals())
        return found, names

    assert tf.autograph.to_graph(f)(1) == (4, ["_", "a", "b", "c", "found"]) == f(1)


def converted_module(name):
    """A copy of a module of the standard library in which all functions are converted."""
    spec = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for owner in [module, *(each for each in vars(module).values() if isinstance(each, type))]:
        for key, value in list(vars(owner).items()):
            kind = type(value) if isinstance(value, (staticmethod, classmethod)) else None
            function = value.__func__ if kind else value
            if isinstance(function, types.FunctionType) and function.__module__ == name:
                with contextlib.suppress(ConversionError):  # generators
                    function = tf.autograph.to_graph(function)
                setattr(owner, key, kind(function) if kind else function)
    return module


def test_python_keeps_its_meaning():
    text = "It's a 'quoted string' and -- some hy-phen-ated words, that are long. " * 3
    for name, use in [
        ("textwrap", lambda m: (m.fill(text, 23), m.shorten(text, 30), m.dedent("  a\n   b\n  c"))),
        ("shlex", lambda m: (m.split(text.replace("It's", "It")), m.join(["a b", "c'd"]))),
        (
            "fractions",
            lambda m: [
                str(m.Fraction("3.25") ** 3 - m.Fraction(2, 7)),
                m.Fraction(3.7).limit_denominator(100) > 3.6,
                round(m.Fraction(22, 7), 2) == m.Fraction(314, 100),
            ],
        ),
        ("difflib", lambda m: m.SequenceMatcher(None, text[:60], text[9:90]).get_opcodes()),
        (
            "ipaddress",
            lambda m: [
                str(m.ip_address("2001:db8::8a2e:370:7334")),
                str(m.ip_network("10.0.0.0/29")[3]),
            ],
        ),
    ]:
        assert use(converted_module(name)) == use(importlib.import_module(name)), name


# What is converted --------------------------------------------------------------------------------


def is_converted(f):
    """Whether `f`, when converted code calls it, makes a node of a conditional of its own."""
    return tf.function(lambda x: f(x))(tf.constant(1.0))


def branching(x):
    return x * 2.0 if x > 0.0 else x


def through_wraps(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs)

    return wrapper


def picks(f):
    @functools.wraps(f)
    def wrapper(x):
        return f(x) * 2.0 if x > 0.0 else x

    return wrapper


def makes_wrapped_functions(x):
    @picks
    def inner(v):
        return v

    return inner(x)


class Callable:
    def __call__(self, x):
        return branching(x)


@pytest.mark.parametrize(
    "f",
    [
        branching,
        through_wraps(branching),
        functools.partial(branching),
        picks(tf.autograph.experimental.do_not_convert(lambda x: x)),
        makes_wrapped_functions,
        Callable(),
        Callable().__call__,
        lambda x: branching(x),
        functools.partial(functools.partial(lambda y, x: branching(x), 1)),
        tf.function(branching),
    ],
)
def test_functions_of_the_user_are_converted(f):
    assert is_converted(f).numpy() == 2.0


@pytest.mark.parametrize(
    "f",
    [
        tf.autograph.experimental.do_not_convert(branching),
        tf.autograph.experimental.do_not_convert()(branching),
        tf.autograph.experimental.do_not_convert(lambda x: branching(x)),
    ],
)
def test_what_is_not_to_be_converted_is_left_alone(f):
    with pytest.raises(TypeError, match="Python `bool`"):
        is_converted(f)


def test_autograph_can_be_switched_off():
    with pytest.raises(TypeError, match="Python `bool`"):
        tf.function(branching, autograph=False)(tf.constant(1.0))


def test_libraries_are_left_alone():
    for name in ("numpy.linalg", "keras.src.layers", "reflow.ops.math", "json", "os.path", "jax"):
        assert of_library(name)
    for name in ("__main__", "numpy_user", "my.keras", "functools", "tests.test_autograph", None):
        assert not of_library(name)
    seen = []

    def hook(value):
        seen.append(value)
        return value

    f = convert(lambda text: json.loads(text, object_hook=hook))
    assert f('{"a": 1}') == {"a": 1} and seen == [{"a": 1}]


def test_generators_and_coroutines_are_left_alone():
    def numbers(n):
        yield from range(n)

    async def later(x):
        return x

    f = convert(lambda: (list(numbers(3)), later(1)))
    values, coroutine = f()
    assert values == [0, 1, 2] and isinstance(coroutine, types.CoroutineType)
    coroutine.close()


def test_test_cases_are_left_alone():
    class Case(unittest.TestCase):
        def check(self, x):
            return branching(x)

    with pytest.raises(TypeError, match="Python `bool`"):
        is_converted(Case().check)


def test_not_recursive():
    plain = tf.autograph.to_graph(lambda x: (branching(x), x), recursive=False)
    with tf.Graph().as_default(), pytest.raises(TypeError, match="Python `bool`"):
        plain(tf.constant(1.0))


def test_named_tuples_and_constructors():
    import collections

    Pair = collections.namedtuple("Pair", ["a", "b"])

    def f(x):
        p = Pair(x, b=x + 1.0)
        if p.a > 0.0:
            p = p._replace(b=x * 5.0)
        return p

    pair = tf.function(f)(tf.constant(2.0))
    assert isinstance(pair, Pair) and pair.b.numpy() == 10.0


# Without source -----------------------------------------------------------------------------------


def from_text(text, filename):
    space = {"tf": tf}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def test_a_function_without_source_runs_as_it_is_with_a_warning(caplog):
    f = from_text("def f(x):\n  return x + 1.0 if x > 0.0 else x\n", "<typed in>")
    for _ in range(2):
        with pytest.raises(TypeError, match="Python `bool`"):
            is_converted(f)
    found = [
        r.getMessage() for r in caplog.records if "AutoGraph could not transform" in r.getMessage()
    ]
    assert len(found) == 1
    assert "will run it as-is" in found[0] and "do_not_convert" in found[0]
    with pytest.raises(ConversionError, match="source code"):
        tf.autograph.to_graph(f)


def test_text_in_the_line_cache_is_source_enough():
    text = "def f(x):\n  if x > 0.0:\n    return x + 1.0\n  return x\n"
    f = from_text(text, "<cell 1>")
    linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(True), "<cell 1>")
    assert is_converted(f).numpy() == 2.0


def test_a_file_that_changed_is_no_source(tmp_path):
    path = tmp_path / "changed.py"
    path.write_text("def f(x):\n  return x\n")
    f = from_text(path.read_text(), str(path))
    path.write_text("# A line more.\ndef f(x):\n  return x\n")
    with pytest.raises(ConversionError, match="may have changed"):
        tf.autograph.to_graph(f)


def test_lambdas_of_one_line_are_told_apart():
    fs = [lambda x: x + 1, lambda x: x * 10, lambda x: -x if x else (lambda x: x)(7)]
    assert [tf.autograph.to_graph(f)(3) for f in fs] == [4, 30, -3]
    assert tf.autograph.to_graph(fs[2])(0) == 7


def test_strings_of_several_lines_keep_their_text():
    def f(x):
        text = """one
          two"""
        if x:
            text += """
three"""
        return text

    assert tf.autograph.to_graph(f)(True) == f(True)


# What programs see --------------------------------------------------------------------------------


def test_to_code():
    code = tf.autograph.to_code(branching)
    assert code.startswith("def tf__branching(x):") and "ag__.if_exp(" in code
    compile(code, "generated", "exec")
    assert tf.autograph.to_code(lambda x: not x).startswith("tf__lam = lambda x: ag__.not_(x)")
    with pytest.raises(ConversionError, match="python_function"):
        tf.autograph.to_code(tf.function(branching))


def test_print_prints_when_the_function_is_traced(capsys):
    @tf.function
    def f(x):
        print("traced with", x, sep="|")
        return x

    for value in (1, 2):
        f(tf.constant(value))
    assert capsys.readouterr().out == 'traced with|Tensor("x:0", shape=(), dtype=int32)\n'


@pytest.mark.parametrize("name", ["BUILTIN_FUNCTIONS", "ALL"])
def test_print_may_print_values_when_the_graph_runs(capsys, name):
    @tf.function(experimental_autograph_options=tf.autograph.experimental.Feature[name])
    def f(x):
        print("traced", 1)
        for i in tf.range(2):
            print("i =", i, "x =", x, sep="|")
        return x

    f(tf.constant([1.0, 2.0]))
    assert capsys.readouterr().out.splitlines() == [
        "traced 1",
        "i =|0|x =|[1. 2.]",
        "i =|1|x =|[1. 2.]",
    ]
    f(tf.constant([1.0, 3.0]))
    assert capsys.readouterr().out.splitlines() == ["i =|0|x =|[1. 3.]", "i =|1|x =|[1. 3.]"]


def test_assert_is_checked_when_the_graph_runs():
    @tf.function
    def f(x):
        assert x > 0.0, "not positive"
        return x

    assert f(tf.constant(1.0)).numpy() == 1.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="not positive"):
        f(tf.constant(-1.0))

    def g(x):
        assert x > 0, "of Python"
        return x

    with pytest.raises(AssertionError, match="of Python"):
        convert(g)(-1)


def test_trace_and_verbosity(capsys):
    tf.function(lambda x: tf.autograph.trace(x))(tf.constant(1))
    assert "Tensor" in capsys.readouterr().out
    tf.autograph.set_verbosity(2, alsologtostdout=True)
    try:
        convert(branching)(1.0)
        assert "Converted" in capsys.readouterr().out
    finally:
        tf.autograph.set_verbosity(0)


def test_equality_feature():
    class Odd:
        def __eq__(self, other):
            return True

        __hash__ = None

    f = tf.autograph.to_graph(
        lambda a, b: (a == b, a != b),
        experimental_optional_features=tf.autograph.experimental.Feature.EQUALITY_OPERATORS,
    )
    assert f(Odd(), 1) == (True, False)
    tf.compat.v1.disable_tensor_equality()
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            same, other = f(tf.constant([1, 2]), tf.constant([1, 3]))
            assert session.run(same).tolist() == [True, False]
            assert session.run(other).tolist() == [False, True]
    finally:
        tf.compat.v1.enable_tensor_equality()


def test_the_lists_feature_is_refused(caplog):
    with pytest.raises(ConversionError, match="TensorArray"):
        tf.autograph.to_graph(
            lambda: [1], experimental_optional_features=tf.autograph.experimental.Feature.LISTS
        )


def test_in_a_tf1_graph():
    def f(x):
        y = 0
        while x > 0:
            if tf.equal(x % 3, 0):
                y += 100
            x -= 1
            y += 1
        return y

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.int32, [])
        y = tf.autograph.to_graph(f)(x)
        assert [session.run(y, {x: n}) for n in (0, 2, 7)] == [0, 2, 207]


def test_eager_tensors_run_as_python():
    seen = []

    def f(x):
        if x > 0.0:
            seen.append(executing_eagerly())
            return x
        return None

    assert tf.autograph.to_graph(f)(tf.constant(1.0)).numpy() == 1.0
    assert tf.autograph.to_graph(f)(tf.constant(-1.0)) is None
    assert seen == [True]


def test_the_status_is_that_of_the_code_around():
    statuses = []

    def look(x):
        statuses.append(tf.__internal__.autograph.control_status_ctx().status.name)
        return x

    look(1)
    convert(look)(1)
    convert(tf.autograph.experimental.do_not_convert(look))(1)
    look(1)
    assert statuses == ["UNSPECIFIED", "ENABLED", "DISABLED", "UNSPECIFIED"]


def test_map_fn_converts_its_function():
    values = tf.function(lambda x: tf.map_fn(branching, x))(tf.constant([1.0, -1.0]))
    assert values.numpy().tolist() == [2.0, -1.0]


def test_functions_of_elements_are_converted():
    dataset = tf.data.Dataset.from_tensor_slices([1.0, -1.0])
    assert [v.numpy() for v in dataset.map(branching)] == [2.0, -1.0]

    @tf.autograph.experimental.do_not_convert
    def plain_map():
        return dataset.map(branching)

    with pytest.raises(TypeError, match="Python `bool`"):
        plain_map()


def test_gradients_of_converted_control_flow():
    @tf.function
    def f(x, n):
        y = x
        for i in tf.range(n):
            if i % 2 == 0:
                y = y * x
            else:
                y = y + 1.0
        return y

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x, tf.constant(3))
    # ((x * x) + 1) * x
    assert y.numpy() == 10.0
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 13.0)


def test_variables_in_loops():
    v = tf.Variable(0.0)

    @tf.function
    def f(n):
        while v < n:
            v.assign_add(1.0)
            if v > 5.0:
                break
        return v.read_value()

    assert f(tf.constant(3.0)).numpy() == 3.0
    assert f(tf.constant(30.0)).numpy() == 6.0


def test_import_reflow_imports_none_of_it():
    import subprocess
    import sys

    program = (
        "import sys, reflow; print([m for m in sys.modules if m.startswith('reflow.autograph')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
