"""Rows of tables by the native kernels, and samplers of classes, against NumPy's."""

import ml_dtypes
import numpy as np
import pytest

import reflow as tf
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import jax, wide_types
from reflow.compiler.stats import journal
from reflow.kernels import choices, library
from reflow.kernels import rows as kernels
from reflow.lang import errors
from reflow.ops.indexing import rows_at
from reflow.ops.nn import sampling

needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
pytestmark = needs_kernels
v1 = tf.compat.v1


def text_of(function, *args):
    """What XLA makes of a function on Reflow's namespace of arrays."""
    with wide_types():
        compiled = jax.jit(lambda *a: function(jax_namespace, *a)).lower(*args).compile()
        return compiled.as_text(), np.asarray(compiled(*args))


def table(*shape, dtype=np.float32):
    return (1000 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


def numbers(count, rows, dtype=np.int64):
    """Numbers of rows: some twice, some that a table does not have."""
    at = np.random.default_rng(1).integers(0, rows, count)
    at[: count // 8] = at[-1]
    at[count // 8 : count // 6] = rows + 3
    at[count // 6 : count // 5] = -1
    return at.astype(dtype)


def looked_up(table, at):
    result = np.zeros((*at.shape, *table.shape[1:]), table.dtype)
    inside = (at >= 0) & (at < len(table))
    result[inside] = table[at[inside]]
    return result


@pytest.mark.parametrize("number", [np.int32, np.int64])
@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.int32, np.int8, np.complex64, ml_dtypes.bfloat16]
)
@pytest.mark.parametrize(
    ("shape", "count"), [((50, 64), 40), ((3, 80), 1), ((20, 5, 33), 64), ((3000, 256), 4096)]
)
def test_look_up(shape, count, dtype, number):
    source, at = table(*shape, dtype=dtype), numbers(count, shape[0], number)
    text, got = text_of(rows_at, source, at)
    assert "reflow_look_up_rows" in text
    np.testing.assert_array_equal(got, looked_up(source, at))


def test_look_up_of_a_matrix_of_numbers():
    source, at = table(50, 64), numbers(40, 50).reshape(5, 8)
    text, got = text_of(rows_at, source, at)
    assert "reflow_look_up_rows" in text
    np.testing.assert_array_equal(got, looked_up(source, at))


def test_narrow_rows_stay_with_xla(monkeypatch):
    source, at = table(50, 3), numbers(40, 50)
    text, got = text_of(rows_at, source, at)
    assert "custom-call" not in text
    np.testing.assert_array_equal(got, looked_up(source, at))
    monkeypatch.setattr(kernels, "forced", ["native"])
    text, got = text_of(rows_at, source, at)
    assert "reflow_look_up_rows" in text
    np.testing.assert_array_equal(got, looked_up(source, at))


def test_choices_are_noted(monkeypatch):
    monkeypatch.setattr(choices, "_noted", {})
    text_of(rows_at, table(51, 64), numbers(40, 51))
    assert choices.noted()[0]["look-up of rows, float32, 40 of 51x64"] == "native, loops"


def test_many_look_ups_at_once_are_xlas():
    source, at = table(50, 64), numbers(40, 50).reshape(5, 8)
    each = jax.vmap(lambda source, at: rows_at(jax_namespace, source, at), [None, 0])
    text, got = text_of(lambda xp, *args: each(*args), source, at)
    assert "reflow_look_up_rows" not in text
    np.testing.assert_array_equal(got, looked_up(source, at))


# Samplers -----------------------------------------------------------------------------------------

SAMPLERS = [v1.nn.uniform_candidate_sampler, v1.nn.log_uniform_candidate_sampler]


def samples(tier, sampler, monkeypatch, runs=3, **how):
    from reflow.compiler import policy

    monkeypatch.setattr(policy, "forced", [tier])
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.int64, [None, 2])
        drawn = sampler(given, 2, seed=11, **how)
        true = np.arange(8).reshape(4, 2) % how["range_max"]
        return [session.run(drawn, {given: true}) for _ in range(runs)], journal()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("count", "unique", "classes"),
    [
        *((1, True, 1), (5, False, 3), (64, True, 50_000), (64, False, 50_000)),
        *((40, True, 41), (300, True, 2**40), (1000, False, 7), (999, True, 4000)),
    ],
)
def test_samplers_draw_the_same_in_both_tiers(monkeypatch, sampler, count, unique, classes):
    how = {"num_sampled": count, "unique": unique, "range_max": classes}
    want, _ = samples("interpret", sampler, monkeypatch, **how)
    got, _ = samples("compile", sampler, monkeypatch, **how)
    for one, other in zip(got, want):
        for a, b in zip(one, other):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4 if a.dtype == np.float32 else 0)


def test_a_sampler_is_part_of_the_executable(monkeypatch):
    how = {"num_sampled": 6, "unique": True, "range_max": 30}
    _, events = samples("compile", SAMPLERS[1], monkeypatch, **how)
    plan = [event for event in events if event["event"] == "plan"][-1]
    assert plan["clusters"] == 1 and not plan["host"]


def test_without_kernels_a_sampler_runs_on_the_host(monkeypatch):
    how = {"num_sampled": 6, "unique": True, "range_max": 30}
    want, _ = samples("interpret", SAMPLERS[1], monkeypatch, **how)
    monkeypatch.setattr(library, "forced", ["xla"])
    got, events = samples("compile", SAMPLERS[1], monkeypatch, **how)
    for one, other in zip(got, want):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)
    assert [event for event in events if event["event"] == "host"]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_true_classes_out_of_range(monkeypatch, tier, sampler):
    from reflow.compiler import policy

    monkeypatch.setattr(policy, "forced", [tier])
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.int64, [None, 1])
        drawn = sampler(given, 1, 4, True, 9)
        for wrong in (-1, 9):
            with pytest.raises(errors.InvalidArgumentError, match=r"out of range \[0, 9\)"):
                session.run(drawn, {given: [[0], [wrong]]})
        with pytest.raises(errors.InvalidArgumentError, match="too small"):
            session.run(sampler(given, 1, 10, True, 9), {given: [[0]]})


def test_the_distributions_of_the_kernel_have_its_numbers():
    assert (sampling.Uniform.kernel, sampling.LogUniform.kernel) == (0, 1)
