"""Sessions: https://www.tensorflow.org/api_docs/python/tf/compat/v1/Session"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.compiler.plan import Plan
from reflow.lang.context import get_default_graph
from reflow.lang.graph import Operation
from reflow.lang.tensor import SymbolicTensor
from reflow.runtime.store import Store


class Session:
    def __init__(self, target: str = "", graph: Any = None, config: Any = None):
        self._graph = graph or get_default_graph()
        self._store = Store()
        self._plans: dict[Any, Any] = {}

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        feeds = tuple(feed_dict) if feed_dict else ()
        single = isinstance(fetches, (SymbolicTensor, Operation))
        key = (fetches if single else tuple(fetches), feeds)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan([fetches] if single else list(fetches), feeds)
        values = [np.asarray(feed_dict[t], t.dtype.np) for t in feeds]
        out = plan.run(values, self._store)
        out = [np.array(v) for v in out]
        return (out[0] if out else None) if single else out
