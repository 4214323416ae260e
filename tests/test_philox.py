"""Random numbers against draws of real TensorFlow: see golden/make_random_golden.py."""

import itertools
import json
import math
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16)
import numpy as np
import pytest

from reflow.lang import errors
from reflow.ops import igamma_grad, philox
from reflow.ops import random_kernels as kernels
from reflow.ops import random_rejection as rejection
from reflow.ops import random_truncated as truncated

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

# What libm's float64 functions leave open in the last bits, in units of the result's dtype.
_APPROXIMATE = {
    ("RandomStandardNormal", "float64"): 2,
    ("StatelessRandomNormal", "float64"): 2,
    ("StatelessRandomNormalV2", "float64"): 2,
    ("TruncatedNormal", "float64"): 2,
    ("StatelessTruncatedNormal", "float64"): 2,
    ("StatelessTruncatedNormalV2", "float64"): 2,
    ("ParameterizedTruncatedNormal", "float64"): 8,
    ("StatelessParameterizedTruncatedNormal", "float64"): 8,
    ("RandomGamma", "float64"): 64,
    ("StatelessRandomGammaV2", "float64"): 64,
}


def _check(record, run, got):
    expected = record["results"][run]
    got = np.asarray(got)
    if got.dtype.name == "bfloat16":
        got = got.view(np.uint16)
    if record["stride"] > 1:
        got = got.reshape(-1)[:: record["stride"]]
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    ulps = _APPROXIMATE.get((record["op"], got.dtype.name), 0)
    if ulps:
        off = np.abs(got - expected) / np.spacing(np.maximum(np.abs(expected), 1e-3))
        assert not np.isnan(off[~np.isnan(expected)]).any()
        assert (off[~np.isnan(expected)] <= ulps).all(), np.nanmax(off)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
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


def _some(records, each):
    """The first few records of every op and dtype, and all the large ones."""
    kinds = {}
    for record in records:
        dtypes = (v["dtype"] for k, v in record["inputs"].items() if k not in ("shape", "seed"))
        kind = (record["op"], record["attrs"].get("dtype"), *dtypes)
        kinds.setdefault(kind, []).append(record)
    return [
        r for group in kinds.values() for i, r in enumerate(group) if i < each or r["stride"] > 1
    ]


@pytest.mark.parametrize("record", _some(SAMPLED, 1), ids=_name)
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
