"""Fixtures for all tests: a fresh default graph, both tiers, TF 1's defaults where asked."""

import os

import pytest

from reflow.compiler import policy
from reflow.compiler.stats import _journal
from reflow.kernels import library
from reflow.lang import context, random_seed

os.environ["REFLOW_CACHE_DIR"] = ""  # nothing is left in, or taken from, the user's cache


@pytest.fixture(params=["interpret", "compile"])
def tier(request, monkeypatch):
    """Runs the test in the interpreted and in the compiled tier."""
    monkeypatch.setattr(policy, "forced", [request.param])
    return request.param


@pytest.fixture
def graph():
    """A new graph that is the default one."""
    from reflow.lang.graph import Graph

    graph = Graph()
    with context.using_graph(graph):
        yield graph


@pytest.fixture(autouse=True)
def own_global_seed():
    """No test sees the global seed of another one."""
    yield
    if random_seed.eager_seed() is not None:
        random_seed.set_seed(None)


@pytest.fixture(autouse=True)
def own_journal():
    """Each test begins with an empty journal: it keeps 10,000 events, and more happen in a run of all tests."""
    _journal.clear()


@pytest.fixture
def choose_kernels():
    """Says which kernels are taken: what `REFLOW_KERNELS` can be."""
    before = library.forced[:]

    def choose(which):
        library.forced[:] = [which]

    yield choose
    library.forced[:] = before


@pytest.fixture
def wherever_possible(choose_kernels):
    choose_kernels("native")


@pytest.fixture
def limit_vectors():
    """Says how many bytes the vectors of kernels may have; skips the test if the processor has none so wide."""
    found = library.library()
    whole = found.vector_bytes

    def limit(most):
        if most > whole:
            pytest.skip(f"the processor has no vectors of {most} bytes")
        found.limit_vectors(most)

    yield limit
    found.limit_vectors(whole)
