"""tf.compat, tf.version and what stands for tensorflow.python.util: platform/."""

import contextlib
import functools
import inspect
import pathlib
import sys
import types

import numpy as np
import pytest

from reflow.lang import errors
from reflow.platform import (
    compat,
    resource_loader,
    sysconfig,
    tf_logging,
    util_all_util,
    util_deprecation,
    util_function_utils,
    util_tf_contextlib,
    util_tf_decorator,
    util_tf_export,
    util_tf_inspect,
    version,
)


@pytest.fixture
def warnings(monkeypatch):
    seen = []
    monkeypatch.setattr(tf_logging, "warning", lambda msg, *args: seen.append(msg % args))
    monkeypatch.setattr(util_deprecation, "_warned", set())
    return seen


# tf.compat ----------------------------------------------------------------------------------------


def test_bytes_and_text():
    assert compat.as_bytes("é") == b"\xc3\xa9" and compat.as_bytes(bytearray(b"a")) == b"a"
    assert compat.as_text(b"\xc3\xa9") == compat.as_str("é") == "é"
    assert [compat.as_str_any(v) for v in (b"a", "a", 5, None)] == ["a", "a", "5", "None"]
    assert compat.path_to_str(pathlib.PurePosixPath("a/b")) == "a/b"
    assert (
        compat.path_to_str("x") == "x" and compat.path_to_bytes(pathlib.PurePosixPath("a")) == b"a"
    )
    for bad in (5, None, ["a"]):
        with pytest.raises(TypeError, match="Expected binary or unicode string"):
            compat.as_bytes(bad)
        with pytest.raises(TypeError, match="Expected binary or unicode string"):
            compat.as_text(bad)
    assert isinstance(np.float32(1), compat.real_types)
    assert isinstance(np.int8(1), compat.integral_types) and isinstance(1j, compat.complex_types)


def test_forward_compatibility():
    assert compat.forward_compatible(2020, 1, 1) and not compat.forward_compatible(2999, 1, 1)
    with compat.forward_compatibility_horizon(2019, 5, 1):
        assert compat.forward_compatible(2019, 4, 30) and not compat.forward_compatible(2019, 5, 1)
    assert compat.forward_compatible(2020, 1, 1)


def test_versions():
    assert version.VERSION == "2.21.0" and version.GIT_VERSION.startswith("reflow-")
    assert version.GRAPH_DEF_VERSION == 2474 and isinstance(version.COMPILER_VERSION, str)
    with pytest.raises(AttributeError):
        version.NOTHING  # noqa: B018


def test_sysconfig():
    assert set(sysconfig.get_build_info().values()) <= {True, False}
    for name in ("get_include", "get_lib", "get_compile_flags", "get_link_flags"):
        with pytest.raises(errors.UnimplementedError, match=f"test_platform_util.py.*{name}"):
            getattr(sysconfig, name)()


def test_resource_loader():
    here = pathlib.Path(__file__).parent
    assert resource_loader.get_data_files_path() == str(here)
    assert resource_loader.get_path_to_datafile("a/b") == str(here / "a" / "b")
    assert resource_loader.readahead_file_path("x") == "x"


# Decorators and what looks through them -----------------------------------------------------------


def doubled(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 2 * f(*args, **kwargs)

    return util_tf_decorator.make_decorator(f, wrapper, "doubled", "A doubled function.")


@doubled
def add(a, b=1, *, c=0):
    """Adds."""
    return a + b + c


def test_make_decorator():
    assert add(1, c=2) == 8
    assert add.__name__ == "add" and add.__doc__ == "A doubled function."
    decorators, target = util_tf_decorator.unwrap(add)
    assert [d.decorator_name for d in decorators] == ["doubled"] and target(1) == 2
    twice = doubled(add)
    assert [d.decorator_name for d in util_tf_decorator.unwrap(twice)[0]] == ["doubled"] * 2
    assert util_tf_decorator.unwrap(len) == ([], len)
    named = util_tf_decorator.make_decorator(add, lambda: None)
    assert named._tf_decorator.decorator_name == "test_make_decorator"


def test_rewrap():
    @doubled
    def f(x):
        return x

    target = util_tf_decorator.unwrap(f)[1]
    assert util_tf_decorator.rewrap(f, target, len) is f
    assert util_tf_decorator.unwrap(f)[1] is len
    assert util_tf_decorator.rewrap(max, max, min) is min


def test_unwrap_is_not_fooled_by_objects_that_answer_to_any_name():
    from unittest import mock

    proxy = mock.MagicMock()
    assert util_tf_decorator.unwrap(proxy) == ([], proxy)


def test_inspect():
    spec = util_tf_inspect.getfullargspec(add)
    assert (spec.args, spec.defaults, spec.kwonlyargs) == (["a", "b"], (1,), ["c"])
    assert util_tf_inspect.getargspec(add) == (["a", "b"], None, None, (1,))
    assert str(util_tf_inspect.signature(add)) == "(a, b=1, *, c=0)"
    assert util_tf_inspect.isfunction(add) and not util_tf_inspect.isclass(add)
    assert util_tf_inspect.getcallargs(add, 5, c=3) == {"a": 5, "b": 1, "c": 3}
    assert util_tf_inspect.getsource(add).startswith("@doubled\ndef add(")
    assert util_tf_inspect.getdoc(add) == "A doubled function."

    class Thing:
        def __init__(self, size, name=None):
            self.size = size

        def method(self, x):
            return x

        def __call__(self, y):
            return y

    assert util_tf_inspect.getargspec(Thing).args == ["self", "size", "name"]
    assert util_tf_inspect.getargspec(Thing(1)).args == ["self", "y"]
    assert util_tf_inspect.isanytargetmethod(Thing(1).method)
    assert util_tf_inspect.getcallargs(Thing(1).method, 2)["x"] == 2
    partial = functools.partial(lambda a, b, c=3: 0, 1)
    assert util_tf_inspect.getargspec(partial) == (["b", "c"], None, None, (3,))
    with pytest.raises(ValueError, match="can not be expressed with ArgSpec"):
        util_tf_inspect.getargspec(functools.partial(lambda a, b: 0, a=1))


def test_a_declared_argspec_counts():
    declared = inspect.FullArgSpec(["x"], None, None, (5,), [], None, {})
    wrapped = util_tf_decorator.make_decorator(
        add, lambda *a, **k: None, "d", decorator_argspec=declared
    )
    assert util_tf_inspect.getfullargspec(wrapped) == declared
    assert str(inspect.signature(wrapped)) == "(x=5)"


def test_contextmanager():
    @util_tf_contextlib.contextmanager
    def given(value, other=1):
        """Gives."""
        yield value

    with given(3) as value:
        assert value == 3
    assert util_tf_inspect.getfullargspec(given).args == ["value", "other"]
    assert given.__doc__ == "Gives." and isinstance(given(1), contextlib.AbstractContextManager)


def test_function_utils():
    class Call:
        def __call__(self, x, **k):
            return x

        def method(self, y):
            return y

    for fn, names, kwargs, name in [
        (lambda a, b: 1, ("a", "b"), False, "<lambda>"),
        (add, ("a", "b", "c"), False, "add"),
        (Call(), ("x",), True, None),
        (Call().method, ("y",), False, "Call.method"),
        (functools.partial(lambda a, b, c: 1, 1, c=2), ("b",), False, None),
    ]:
        assert util_function_utils.fn_args(fn) == names
        assert util_function_utils.has_kwargs(fn) is kwargs
        assert name is None or util_function_utils.get_func_name(fn) == name
    assert util_function_utils.get_func_code(add) is util_tf_decorator.unwrap(add)[1].__code__
    for ask in ("fn_args", "has_kwargs", "get_func_name", "get_func_code"):
        with pytest.raises((TypeError, ValueError), match="callable"):
            getattr(util_function_utils, ask)(5)


# Deprecation --------------------------------------------------------------------------------------


def test_deprecated_functions_warn_once(warnings):
    @util_deprecation.deprecated("2031-01-02", "Use g.")
    def f(a):
        """Does.

        Args:
          a: it.
        """
        return a

    assert (f(1), f(2)) == (1, 2)
    (text,) = warnings
    assert text.startswith("From ") and "test_platform_util.py:" in text
    assert "f (from test_platform_util) is deprecated and will be removed after 2031-01-02." in text
    assert text.endswith("\nInstructions for updating:\nUse g.")
    assert f.__doc__.startswith("Does. (deprecated)\n\nDeprecated: THIS FUNCTION IS DEPRECATED.")
    assert f.__doc__.endswith("Use g.\n\nArgs:\n  a: it.")
    assert util_tf_inspect.getfullargspec(f).args == ["a"]


def test_deprecated_always(warnings):
    @util_deprecation.deprecated(None, "Use g.", warn_once=False)
    def f():
        return 1

    f(), f()
    assert len(warnings) == 2 and "removed in a future version" in warnings[0]
    with util_deprecation.silence():
        f()
    assert len(warnings) == 2


def test_deprecated_classes_stay_classes(warnings):
    @util_deprecation.deprecated(None, "Use D.")
    class C:
        """Is."""

        def __init__(self, a):
            self.a = a

    class Below(C):
        pass

    assert C(1).a == 1 and isinstance(C(1), C) and Below(2).a == 2
    assert len(warnings) == 1 and C.__doc__.startswith("Is. (deprecated)")


def test_deprecated_arguments(warnings):
    @util_deprecation.deprecated_args(None, "Use axis.", "dim", ("mode", "fine"))
    def f(x, axis=None, dim=None, mode=None):
        """F."""
        return util_deprecation.deprecated_argument_lookup("axis", axis, "dim", dim)

    assert f(1, axis=2) == 2 and f(1, mode="fine") is None and not warnings
    assert f(1, dim=3) == f(1, None, 3) == 3
    f(1, mode=np.zeros(2))
    assert (
        len(warnings) == 2 and "calling" in warnings[0] and "with dim is deprecated" in warnings[0]
    )
    assert "`(dim, mode)`" in f.__doc__
    with pytest.raises(ValueError, match="Cannot specify both 'dim' and 'axis'"):
        f(1, 2, 3)


def test_deprecated_values(warnings):
    @util_deprecation.deprecated_arg_values(None, "No x.", x=True)
    def f(x=None):
        return x

    f(x=True), f(True), f(x=False), f(x=np.zeros(2))
    assert len(warnings) == 1 and "with x=True is deprecated" in warnings[0]


def test_deprecation_refuses(warnings):
    for date, instructions, text in [
        ("2020", "x", "YYYY-MM-DD"),
        ("2020-1-01", "x", "YYYY-MM-DD"),
        (None, "", "without conversion instructions"),
    ]:
        with pytest.raises(ValueError, match=text):
            util_deprecation.deprecated(date, instructions)
    with pytest.raises(ValueError, match="make sure @property appears before"):
        util_deprecation.deprecated(None, "x")(5)
    with pytest.raises(ValueError, match=r"not present in the function signature: \['zz'\]"):
        util_deprecation.deprecated_args(None, "x", "zz")(lambda a: a)
    with pytest.raises(ValueError, match="Specify which argument"):
        util_deprecation.deprecated_args(None, "x")
    with pytest.raises(ValueError, match="Specify which argument"):
        util_deprecation.deprecated_arg_values(None, "x")


def test_aliases(warnings):
    alias = util_deprecation.deprecated_alias("tf.old", "tf.add", add)
    assert (alias(1), alias(1)) == (4, 4)

    class C:
        """Is."""

    old = util_deprecation.deprecated_alias("tf.OldC", "tf.C", C)
    assert isinstance(old(), C) and issubclass(old, C) and old.__name__ == "C"
    assert ["The name tf.old is deprecated. Please use tf.add" in warnings[0], len(warnings)] == [
        *(True, 2)
    ]


def test_endpoints_and_names(warnings):
    @util_deprecation.deprecated_endpoints("old.f")
    @util_tf_export.tf_export("new.f", "old.f", v1=["v1.f"])
    def f():
        return 1

    assert f._tf_deprecated_api_names == ("old.f",)
    with pytest.raises(util_deprecation.DeprecatedNamesAlreadySetError):
        util_deprecation.deprecated_endpoints("x")(f)
    assert util_tf_export.get_v2_names(f) == ["new.f", "old.f"]
    assert util_tf_export.get_v1_names(f) == ["v1.f"]
    assert util_tf_export.get_canonical_name_for_symbol(f) == "new.f"

    @util_tf_export.keras_export("keras.layers.L")
    class L:
        pass

    class Below(L):
        pass

    assert util_tf_export.get_canonical_name_for_symbol(L, "keras") == "keras.layers.L"
    assert util_tf_export.get_canonical_name_for_symbol(Below, "keras") is None
    with pytest.raises(util_tf_export.InvalidSymbolNameError):
        util_tf_export.tf_export("not a name")


def test_names_of_reflows_own_symbols():
    from reflow.platform.gfile import GFile

    assert util_tf_export.get_canonical_name_for_symbol(GFile) == "io.gfile.GFile"
    assert "gfile.Open" in util_tf_export.get_v1_names(GFile)
    assert util_tf_export.get_symbol_from_name("io.gfile.GFile") is GFile
    assert util_tf_export.get_symbol_from_name("no.such.name") is None


def test_keyword_only():
    @util_tf_export.kwarg_only
    def f(a, b=1):
        return a, b

    assert f(a=1) == (1, 1)
    with pytest.raises(
        TypeError, match=r"f only takes keyword args \(possible keys: \['a', 'b'\]\)"
    ):
        f(1)
    with pytest.raises(TypeError):
        f(b=1)


def test_other_pieces_of_deprecation(warnings):
    doc = "Does `dim`.\n\nArgs:\n  dim: the dim."
    rewritten = util_deprecation.rewrite_argument_docstring(doc, "dim", "axis")
    assert rewritten == "Does `axis`.\n\nArgs:\n  axis: the dim."

    class C:
        hidden = util_deprecation.hide_attribute_from_api("gone")
        also = util_deprecation.HIDDEN_ATTRIBUTE

    with pytest.raises(AttributeError, match="gone"):
        C().hidden  # noqa: B018
    with pytest.raises(AttributeError, match="deprecated"):
        C().also  # noqa: B018
    find = util_deprecation.deprecate_moved_module("old.path", pathlib, "9.9")
    assert find("Path") is pathlib.Path and "old.path has been moved to pathlib" in warnings[0]


# all_util -----------------------------------------------------------------------------------------


def test_all_util(monkeypatch):
    module = types.ModuleType("a_module", "Has:\n@@shown\n@@lacking\n")
    module.shown, module.other, module._private = 1, 2, 3
    monkeypatch.setitem(sys.modules, "a_module", module)
    assert util_all_util.make_all("a_module") == ["shown"]
    util_all_util.remove_undocumented("a_module", ["kept"])
    assert not hasattr(module, "other") and module.shown == 1 and module._private == 3
    util_all_util.reveal_undocumented("a_module.other")
    assert module.other == 2
    with pytest.raises(LookupError, match="not a hidden symbol"):
        util_all_util.reveal_undocumented("a_module.never")
