"""From a graph to something that runs: prune, place, cluster, specialise, compile, cache."""

from reflow.compiler.stats import stats

__all__ = ["stats"]
