"""Random numbers against draws of real TensorFlow: see golden/make_random_golden.py."""

import doctest
import functools
import itertools
import json
import math
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16)
import numpy as np
import pytest

from reflow.lang import errors
from reflow.ops.math import igamma_grad
from reflow.ops.random import kernels, philox, rejection, truncated

# --------------------------------------------------------------------------- golden records


def _load():
    with np.load(Path(__file__).parent / "golden" / "random.npz") as file:
        records = json.loads(file["cases"].tobytes())
        data = file["data"].tobytes()
    at = 0
    for record in records:
        arrays = []
        for dtype, shape in record["results"]:
            count = math.prod(shape)
            array = np.frombuffer(data, dtype, count, at).reshape(shape)
            at += array.nbytes
            arrays.append(array)
        record["results"] = arrays
    assert at == len(data)
    return records


RECORDS = _load()


def _name(record):
    inputs = record["inputs"]
    dtypes = [record["attrs"].get("dtype"), *(v["dtype"] for v in inputs.values())]
    shape = inputs["shape"]["data"] if "shape" in inputs else ""
    return f"{record['op']}-{'-'.join(filter(None, dtypes))}-{shape}"


def _array(spec):
    if "arange" in spec:
        return np.arange(spec["arange"], dtype=spec["dtype"])
    if "zeros" in spec:
        return np.zeros(spec["zeros"], spec["dtype"])
    data = spec["data"]
    if np.dtype(spec["dtype"]).kind not in "iu":
        return np.array(data, np.float64).astype(spec["dtype"])
    return np.array(data).astype(spec["dtype"])


# Each row: the sampler's arguments after key and counter, and the blocks the stateful kernel skips,
# both from the op's inputs and attributes.


def _by_shape(sampler):
    def plan(inputs, attrs):
        shape, dtype = inputs["shape"], np.dtype(attrs["dtype"])
        return sampler, (), (shape, dtype), kernels.reserve_outputs(shape)

    return plan


def _uniform_int(inputs, attrs):
    shape, low, high = inputs["shape"], inputs["minval"], inputs["maxval"]

    def sampler(xp, key, counter, low, high):
        return kernels.uniform_int(xp, key, counter, shape, low.dtype, low, high)

    return sampler, (low, high), (), kernels.reserve_outputs(shape)


def _shuffle(inputs, attrs):
    value = inputs["value"]
    return kernels.shuffle, (value,), (), kernels.reserve_shuffle(value.shape)


def _multinomial(inputs, attrs):
    logits, samples = inputs["logits"], int(inputs["num_samples"])
    reserved = kernels.reserve_multinomial(len(logits), samples)
    rest = (samples, np.dtype(attrs["output_dtype"]), attrs["threads"])
    return kernels.multinomial, (logits,), rest, reserved


def _with_shape(sampler, static, values):
    def run(xp, key, counter, *values):
        return sampler(xp, key, counter, *static, *values)

    return run, values


def _gamma(inputs, attrs):
    shape, alpha = inputs["shape"], inputs["alpha"]
    if "seed" in inputs or "key" in inputs:  # stateless: the shape of the whole result
        shape = shape[: len(shape) - alpha.ndim]
    run, values = _with_shape(rejection.gamma, (shape,), (alpha,))
    return run, values, (), rejection.reserve_samples(shape, alpha.shape)


def _poisson(inputs, attrs):
    shape = inputs["shape"]
    rate = inputs["rate"] if "rate" in inputs else inputs["lam"]
    if "seed" in inputs:
        shape = shape[: len(shape) - rate.ndim]
    run, values = _with_shape(rejection.poisson, (shape,), (rate,))
    dtype = np.dtype(attrs["dtype"])
    return run, values, (dtype,), rejection.reserve_samples(shape, rate.shape)


def _binomial(inputs, attrs):
    counts, probs = inputs["counts"], inputs["probs"]
    batch = np.broadcast_shapes(counts.shape, probs.shape)
    shape = inputs["shape"][: len(inputs["shape"]) - len(batch)]
    run, values = _with_shape(rejection.binomial, (shape,), (counts, probs))
    return run, values, (np.dtype(attrs["dtype"]),), rejection.reserve_binomial(shape, batch)


def _parameterized(inputs, attrs):
    shape = inputs["shape"]
    stateless = "seed" in inputs
    names = ("means", "stddevs" if stateless else "stdevs", "minvals", "maxvals")
    values = tuple(inputs[n] for n in names)
    if stateless:
        sampler, reserved = truncated.stateless_parameterized_truncated_normal, 0
    else:
        sampler = truncated.parameterized_truncated_normal
        reserved = truncated.reserve_parameterized_truncated_normal(shape, *values)
    run, values = _with_shape(sampler, (shape,), values)
    return run, values, (), reserved


_FULL_INT = _by_shape(kernels.uniform_full_int)
_UNIFORM, _NORMAL = _by_shape(kernels.uniform), _by_shape(kernels.normal)
_TRUNCATED = _by_shape(rejection.truncated_normal)
PLANS = {
    "RandomUniform": _UNIFORM,
    "RandomStandardNormal": _NORMAL,
    "TruncatedNormal": _TRUNCATED,
    "RandomUniformInt": _uniform_int,
    "RandomShuffle": _shuffle,
    "Multinomial": _multinomial,
    "RandomGamma": _gamma,
    "RandomPoissonV2": _poisson,
    "ParameterizedTruncatedNormal": _parameterized,
    "StatelessRandomUniform": _UNIFORM,
    "StatelessRandomNormal": _NORMAL,
    "StatelessTruncatedNormal": _TRUNCATED,
    "StatelessRandomUniformFullInt": _FULL_INT,
    "StatelessRandomUniformInt": _uniform_int,
    "StatelessMultinomial": _multinomial,
    "StatelessRandomGammaV2": _gamma,
    "StatelessRandomPoisson": _poisson,
    "StatelessRandomBinomial": _binomial,
    "StatelessParameterizedTruncatedNormal": _parameterized,
    "StatelessRandomUniformV2": _UNIFORM,
    "StatelessRandomNormalV2": _NORMAL,
    "StatelessTruncatedNormalV2": _TRUNCATED,
    "StatelessRandomUniformFullIntV2": _FULL_INT,
    "StatelessRandomUniformIntV2": _uniform_int,
    "StatelessRandomGammaV3": _gamma,
    "StatelessShuffle": _shuffle,
}

# Everything is equal to the last bit, except where a float64 logarithm, sine or power is in the
# result: the C library, NumPy and XLA differ in its last bits.
_FLOAT64_ULPS = {"Normal": 4, "Gamma": 8}


def _check(record, run, got):
    expected = record["results"][run]
    got = np.asarray(got)
    if got.dtype.name == "bfloat16":
        got = got.view(np.uint16)
    if record["stride"] > 1:
        got = got.reshape(-1)[:: record["stride"]]
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    ulps = [n for name, n in _FLOAT64_ULPS.items() if name in record["op"]]
    if got.dtype == np.float64 and ulps:
        np.testing.assert_allclose(got, expected, rtol=ulps[0] * 2.0**-53, atol=0)
    else:
        np.testing.assert_array_equal(got, expected)


def _plan(record):
    inputs = {k: _array(v) for k, v in record["inputs"].items()}
    if "shape" in inputs:
        inputs["shape"] = tuple(int(n) for n in inputs["shape"].reshape(-1))
    attrs = {**record["attrs"], "threads": record["threads"]}
    if "seed" in attrs:
        state = philox.initial_state(attrs["seed"], attrs["seed2"])
    elif "key" in inputs:
        state = np.concatenate([inputs["counter"], inputs["key"]])
    else:
        key, counter = philox.generate_key(np, inputs["seed"])
        state = np.concatenate([counter, key])
    return state, *PLANS[record["op"]](inputs, attrs)


SAMPLED = [r for r in RECORDS if r["op"] in PLANS]


@pytest.mark.parametrize("record", SAMPLED, ids=_name)
def test_equals_tensorflow_when_interpreted(record):
    state, sampler, values, static, reserved = _plan(record)
    for run in range(record["runs"]):
        got, state = philox.draw(np, state, reserved, sampler, *values, *static)
        _check(record, run, got)


def _some(records):
    """Of every sampler and dtype of the result a small record and a large one."""
    ordered = sorted(records, key=lambda r: r["results"][0].size)
    kinds = {(PLANS[r["op"]], r["results"][0].dtype.name, r["stride"] > 1): r for r in ordered}
    return list(kinds.values())


@pytest.mark.parametrize("record", _some(SAMPLED), ids=_name)
def test_equals_tensorflow_when_compiled(record, jax):
    state, sampler, values, static, reserved = _plan(record)

    @jax.jit
    def step(state, *values):
        return philox.draw(jax.numpy, state, reserved, sampler, *values, *static)

    for run in range(record["runs"]):
        got, state = step(state, *values)
        _check(record, run, got)


@pytest.fixture(scope="module")
def jax():
    import jax

    with jax.enable_x64(True):
        yield jax


# --------------------------------------------------------------------------- bits


@pytest.fixture(params=["numpy", "jax"])
def xp(request):
    if request.param == "numpy":
        return np
    return request.getfixturevalue("jax").numpy


def _compiled(xp, function):
    """`function(xp, ...)` as a function of the rest, in JAX compiled."""
    if xp is np:
        return functools.partial(function, np)
    import jax

    return jax.jit(functools.partial(function, xp))


def _of(op):
    return [r for r in RECORDS if r["op"] == op]


# Known answers of the authors of Philox: random123/tests/kat_vectors.
@pytest.mark.parametrize(
    "counter, key, block",
    [
        ((0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (2**64 - 1, 2**64 - 1),
            2**64 - 1,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x85A308D3243F6A88, 0x0370734413198A2E),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(xp, counter, key, block):
    got = philox.words(xp, np.uint64(key), np.array(counter, np.uint64), 4)
    np.testing.assert_array_equal(got, block)


def test_counter_carries_across_all_words(xp):
    key, counter = np.uint64(1), np.array([2**64 - 2, 2**64 - 1], np.uint64)
    got = philox.words(xp, key, counter, 4 * 40)
    np.testing.assert_array_equal(got[8:], philox.words(np, key, np.zeros(2, np.uint64), 4 * 38))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 47, 49, 16384 * 4 + 2])
def test_words_do_not_depend_on_how_they_are_made(count, jax):
    # By Python integers, by array operations, in chunks.
    key, counter = np.uint64(2**40 + 1), np.array([2**64 - 10, 3], np.uint64)
    expected = np.asarray(philox.words(jax.numpy, key, counter, count))
    np.testing.assert_array_equal(philox.words(np, key, counter, count), expected)
    low, high = expected[: count // 2 * 2].reshape(-1, 2).T.astype(np.uint64)
    got = philox.words64(np, key, counter, count // 2)
    np.testing.assert_array_equal(got, low | high << np.uint64(32))


def test_skip_is_addition(xp):
    counter = np.array([2**64 - 5, 7], np.uint64)
    np.testing.assert_array_equal(philox.skip(xp, counter, 4), [2**64 - 1, 7])
    np.testing.assert_array_equal(philox.skip(xp, counter, 5), [0, 8])
    # Back within the low half, without a borrow, as TensorFlow does.
    np.testing.assert_array_equal(philox.skip(xp, np.array([5, 7], np.uint64), -5), [0, 7])
    np.testing.assert_array_equal(philox.skip(xp, np.array([5, 7], np.uint64), -6), [2**64 - 1, 7])


def test_state_from_the_operating_system_differs():
    assert philox.initial_state(0, 0).tolist() != philox.initial_state(0, 0).tolist()
    assert philox.initial_state(0, 1).tolist() == [0, 1, 0]


@pytest.mark.parametrize("record", _of("StatelessRandomGetKeyCounter"), ids=_name)
def test_generate_key(record, xp):
    got = np.concatenate(philox.generate_key(xp, _array(record["inputs"]["seed"])))
    np.testing.assert_array_equal(got, record["results"][0])


def test_reflow_namespace_of_numpy_is_numpy():
    from reflow.lang.numpy_namespace import numpy_namespace

    key, counter = np.uint64(3), np.zeros(2, np.uint64)
    got = rejection.truncated_normal(numpy_namespace, key, counter, (5, 3), np.float32)
    assert isinstance(got, np.ndarray)
    expected = rejection.truncated_normal(np, key, counter, (5, 3), np.float32)
    np.testing.assert_array_equal(got, expected)


# --------------------------------------------------------------------------- seeds, generators


@pytest.mark.parametrize("record", _of("graph_seeds"), ids=lambda r: str(r["attrs"]))
def test_seeds_of_ops_in_a_graph(record):
    count = itertools.count()
    seeds = record["attrs"]["graph_seed"], record["attrs"]["op_seed"]
    for expected in record["results"]:
        assert philox.op_seeds(*seeds, lambda: next(count)) == tuple(expected)


@pytest.mark.parametrize("record", _of("eager_seeds"), ids=lambda r: str(r["attrs"]))
def test_seeds_of_eager_ops(record):
    graph_seed, op_seed = record["attrs"]["graph_seed"], record["attrs"]["op_seed"]
    stream = philox.eager_op_seeds(graph_seed)
    for expected in record["results"]:
        assert philox.op_seeds(graph_seed, op_seed, lambda: next(stream)) == tuple(expected)


@pytest.mark.parametrize("record", _of("split"), ids=_name)
def test_split(record, xp):
    seed = _array(record["inputs"]["seed"])
    got = philox.split_seed(xp, seed, record["attrs"]["num"], seed.dtype)
    assert got.dtype == seed.dtype
    np.testing.assert_array_equal(got, record["results"][0])


@pytest.mark.parametrize("record", _of("fold_in"), ids=_name)
def test_fold_in(record, xp):
    seed, data = (_array(v) for v in record["inputs"].values())
    got = philox.fold_in(xp, seed, data)
    assert got.dtype == data.dtype
    np.testing.assert_array_equal(got, record["results"][0])


@pytest.mark.parametrize("record", _of("create_rng_state"), ids=lambda r: str(r["attrs"]))
def test_generator_state(record):
    got = philox.generator_state(record["attrs"]["seed"], record["attrs"]["alg"])
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, record["results"][0])


@pytest.mark.parametrize(
    "record", _of("RngReadAndSkip") + _of("RngSkip"), ids=lambda r: str(r["inputs"]["delta"])
)
def test_rng_read_and_skip(record, xp):
    state = xp.asarray(_array(record["inputs"]["state"]))
    delta = xp.asarray(_array(record["inputs"]["delta"]))
    old, new = philox.rng_read_and_skip(xp, state, 1, delta)
    np.testing.assert_array_equal(old, state)
    assert new.dtype == np.int64
    np.testing.assert_array_equal(new, record["results"][0])


def test_algorithms_that_do_not_exist():
    state = np.zeros(3, np.int64)
    with pytest.raises(errors.UnimplementedError, match="ThreeFry"):
        philox.rng_read_and_skip(np, state, philox.ALGORITHM_THREEFRY, 1)
    with pytest.raises(errors.InvalidArgumentError, match="Unsupported algorithm id: 7"):
        philox.rng_read_and_skip(np, state, 7, 1)


def test_generator_draws():
    samplers = {
        "normal": (kernels.normal, np.float32),
        "truncated_normal": (rejection.truncated_normal, np.float32),
        "uniform": (kernels.uniform, np.float32),
        "uniform_full_int": (kernels.uniform_full_int, np.uint64),
    }
    for record in _of("Generator"):
        sampler, dtype = samplers[record["attrs"]["method"]]
        state = philox.generator_state(record["attrs"]["seed"])
        for expected in record["results"]:
            old, state = philox.rng_read_and_skip(np, state, 1, 15)
            got = sampler(np, *philox.split_state(old), (3, 5), dtype)
            np.testing.assert_array_equal(got, expected)


def test_stateful_binomial():
    (record,) = _of("StatefulRandomBinomial")
    state = _array(record["inputs"]["state"])
    counts, probs = np.float32(20), np.array([0.2, 0.6, 0.9], np.float32)
    reserved = rejection.reserve_binomial((6,), (3,))
    for expected in record["results"]:
        got, state = philox.draw(
            np, state, reserved, rejection.binomial, (6,), counts, probs, np.int32
        )
        np.testing.assert_array_equal(got, expected)


# --------------------------------------------------------------------------- the rest


@pytest.mark.parametrize("record", _of("RandomIndexShuffle"), ids=_name)
def test_index_shuffle(record):
    index, seed, max_index = (_array(v) for v in record["inputs"].values())
    got = kernels.index_shuffle(np, index, seed, max_index, **record["attrs"])
    assert got.dtype == index.dtype
    np.testing.assert_array_equal(got, record["results"][0])


def test_index_shuffle_of_many(jax):
    seed, index = np.array([1, 2, 3]), np.arange(3000, dtype=np.int32)
    limits = np.int32(2999)
    got = kernels.index_shuffle(np, index, seed, limits)
    np.testing.assert_array_equal(np.sort(got), index)
    one_by_one = [kernels.index_shuffle(np, i, seed, limits) for i in index[:20]]
    np.testing.assert_array_equal(got[:20], one_by_one)
    compiled = jax.jit(lambda *a: kernels.index_shuffle(jax.numpy, *a))(index, seed, limits)
    np.testing.assert_array_equal(got, compiled)


@pytest.mark.parametrize("op", ["RandomGammaGrad", "IgammaGradA"])
def test_gamma_derivatives(op, xp):
    names = {"RandomGammaGrad": "random_gamma_grad", "IgammaGradA": "igamma_grad_a"}
    function = _compiled(xp, getattr(igamma_grad, names[op]))
    for record in _of(op):
        a, x = (_array(v) for v in record["inputs"].values())
        got, expected = np.asarray(function(a, x)), record["results"][0]
        assert got.dtype == expected.dtype
        # TensorFlow's own error, from its gamma functions: 2e-6 and 2e-12 on average.
        tolerance = 1e-5 if got.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [2, 3, 10, 1000])
def test_permutation_is_the_swaps(size, xp):
    key, counter = np.uint64(size), np.zeros(2, np.uint64)
    expected = list(range(size))
    for i, word in enumerate(philox.words(np, key, counter, size - 1).tolist()):
        j = i + word % (size - i)
        expected[i], expected[j] = expected[j], expected[i]
    got = _compiled(xp, lambda xp, key: kernels.permutation(xp, key, counter, size))(key)
    np.testing.assert_array_equal(got, expected)


def test_uniform_int_over_any_range_compiled(jax):
    # The compiled remainder goes by way of float64.
    key, counter = np.uint64(5), np.zeros(2, np.uint64)
    for high in (1, 2, 3, 7, 10, 641, 2**16 + 1, 2**31 - 1):
        draw = [
            kernels.uniform_int(xp, key, counter, (20000,), np.int32, np.int32(0), np.int32(high))
            for xp in (np, jax.numpy)
        ]
        np.testing.assert_array_equal(*draw)


def test_float32_logarithm_and_sine_have_the_accuracy_of_libm():
    # One in 64 of the values that a uniform float32 takes; the reference is float64.
    u = np.arange(1, 2**23, 64, dtype=np.int32).astype(np.float32) * np.float32(2.0**-23)
    angle = (u.astype(np.float64) * (2 * np.pi)).astype(np.float32)
    sine, cosine = kernels.sin_cos_float32(np, angle)
    for got, expected, ulps in (
        (kernels.log_float32(np, u), np.log(u.astype(np.float64)), 0.82),
        (sine, np.sin(angle.astype(np.float64)), 0.57),
        (cosine, np.cos(angle.astype(np.float64)), 0.57),
    ):
        assert (np.abs(got - expected) <= ulps * np.spacing(np.abs(got))).all()


def test_poisson_that_cannot_end_ends(xp):
    key, counter = np.uint64(5), np.zeros(2, np.uint64)
    for dtype, nan in ((np.int32, 2**31 - 1), (np.float16, np.nan)):

        def draw(xp, rates, dtype=dtype):
            return rejection.poisson(xp, key, counter, (2,), rates, dtype)

        got = np.asarray(_compiled(xp, draw)(np.array([np.nan, 1e30, 3.0])))
        np.testing.assert_array_equal(got[:, 0], nan)
        highest = np.iinfo(dtype).max if dtype is np.int32 else np.finfo(dtype).max
        np.testing.assert_array_equal(got[:, 1], highest)
        assert (got[:, 2] < 100).all()


def test_truncated_normal_with_invalid_parameters(jax):
    key, counter = np.uint64(5), np.zeros(2, np.uint64)
    sampler = truncated.stateless_parameterized_truncated_normal
    means, stddevs = np.zeros(3, np.float32), np.array([1, -1, 1], np.float32)
    bounds = np.float32(-1), np.array([1, 1, -2], np.float32)
    with pytest.raises(errors.InvalidArgumentError, match="stddev -1.0, minval -1.0 and maxval 1"):
        sampler(np, key, counter, (4, 3), means, stddevs, *bounds)
    got = np.asarray(sampler(jax.numpy, key, counter, (4, 3), means, stddevs, *bounds))
    np.testing.assert_array_equal(np.isnan(got), [[False, True, True]] * 4)


def test_truncated_normal_that_accepts_nothing(jax):
    key, counter = np.uint64(5), np.zeros(2, np.uint64)
    sampler = truncated.stateless_parameterized_truncated_normal
    parameters = [np.array([v, 0], np.float32) for v in (np.nan,)]
    stddevs, low, high = np.float32(1), np.float32(-1), np.float32(1)
    with pytest.raises(errors.InternalError, match="failed to accept a sample: mean nan"):
        sampler(np, key, counter, (4, 2), *parameters, stddevs, low, high)
    got = np.asarray(sampler(jax.numpy, key, counter, (4, 2), *parameters, stddevs, low, high))
    np.testing.assert_array_equal(np.isnan(got), [[True, False]] * 4)


@pytest.mark.parametrize("module", [philox, kernels, rejection, truncated, igamma_grad])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_many_chunks_are_the_stream_of_few():
    """What is drawn in chunks is what is drawn piece by piece."""
    whole = rejection.truncated_normal(
        np, np.uint64(3), np.array([5, 0], np.uint64), [300_000], np.float32
    )
    start = 4 * 60_000
    counter = np.array([5 + 60_000 * philox.RESERVED_PER_OUTPUT, 0], np.uint64)
    part = rejection.truncated_normal(np, np.uint64(3), counter, [1000], np.float32)
    np.testing.assert_array_equal(whole[start : start + 1000], part)


@pytest.mark.parametrize("dense", [64, 1 << 20])
def test_lanes_that_are_gathered_draw_the_same(monkeypatch, dense):
    from reflow.compiler.jax_namespace import jax_namespace
    from reflow.compiler.jax_setup import jax, wide_types

    monkeypatch.setattr(rejection, "_DENSE", dense)
    key, counter = np.uint64(7), np.array([3, 5], np.uint64)

    def draw(xp, key, counter):
        return rejection.truncated_normal(xp, key, counter, (1001,), np.float32)

    with wide_types():
        traced = jax.jit(functools.partial(draw, jax_namespace))
        assert ("scatter" in traced.lower(key, counter).as_text()) == (dense == 64)
        got = traced(key, counter)
    np.testing.assert_allclose(got, draw(np, key, counter), rtol=2e-5, atol=1e-6)
