"""The global seed, and the seeds that ops get from it: `ops/random/philox.py` says how they are used."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from reflow.lang import context
from reflow.lang.export import export

DEFAULT_GRAPH_SEED = 87654321
_MAX_INT32 = 2**31 - 1
_eager: dict[str, Any] = {"seed": None, "op_seeds": None}


def eager_seed() -> Any:
    """The global seed of eager code, or None."""
    return _eager["seed"]


@export("random.set_seed")
def set_seed(seed: Any) -> None:
    """Sets the global seed: ops without a seed of their own then draw the same in every program run.

    https://www.tensorflow.org/api_docs/python/tf/random/set_seed
    """
    if context.current_graph() is not None:
        context.get_default_graph().seed = seed
        return
    _eager["seed"] = seed
    _eager["op_seeds"] = _eager_op_seeds(seed)
    from reflow.lang.services import service

    service("reset_eager_generators")()


def forget_seed() -> None:
    """Lets eager code be without a global seed, as a program begins."""
    _eager.update(seed=None, op_seeds=None)
    from reflow.lang.services import service

    service("reset_eager_generators")()


@export(v1=("set_random_seed", "random.set_random_seed"))
def set_random_seed(seed: Any) -> None:
    """Sets the seed of the default graph, or the global one when executing eagerly."""
    set_seed(seed)


@export(v1=("get_seed", "random.get_seed"))
def get_seed(op_seed: Any) -> tuple[int | None, int | None]:
    """The attributes `seed` and `seed2` of an op whose own seed is `op_seed`; Nones for no seed."""
    seeds = _op_seeds(op_seed)
    return (None, None) if seeds == (0, 0) else seeds


def _op_seeds(op_seed: int | None) -> tuple[int, int]:
    graph: Any = context.current_graph()
    graph_seed = _eager["seed"] if graph is None else graph.seed
    if graph_seed is None:
        if op_seed is None:
            return 0, 0
        graph_seed = DEFAULT_GRAPH_SEED
    elif op_seed is None:
        if graph is None:
            op_seed = next(_eager["op_seeds"])
        else:
            while getattr(graph, "v1_style", False):  # a TF 1 branch or loop is part of its graph
                graph = graph.outer_graph
            op_seed = graph.__dict__.get("_ops_seeded", 0)
            graph.__dict__["_ops_seeded"] = op_seed + 1
    seeds = graph_seed % _MAX_INT32, op_seed % _MAX_INT32
    # Two zeros would read as "no seed".
    return seeds if seeds != (0, 0) else (0, _MAX_INT32)


def op_seeds(op_seed: int | None) -> dict[str, int]:
    """The attributes `seed` and `seed2` of an op as keywords."""
    seed, seed2 = _op_seeds(op_seed)
    return {"seed": seed, "seed2": seed2}


def _eager_op_seeds(global_seed: Any) -> Iterator[int]:
    """The seeds that ops without one of their own take after `tf.random.set_seed(global_seed)`."""
    if hasattr(global_seed, "__index__"):  # Python's generator refuses NumPy's integers
        global_seed = int(global_seed)
    numbers = random.Random(global_seed)
    while True:
        yield numbers.randint(0, _MAX_INT32)
