"""The array namespace of the compiled tier: `jax.numpy`, and the extensions of `NumpyNamespace`.

Importing this module imports JAX; nothing imports it before something is compiled.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


class JaxNamespace:
    """`jax.numpy`'s functions as attributes, and the extensions that the NumPy namespace documents."""

    is_numpy = False
    lax = lax
    jax = jax

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(jnp, name)
        except AttributeError:
            raise AttributeError(f"the JAX namespace has no {name!r}") from None
        setattr(self, name, value)
        return value

    special = jax.scipy.special

    @staticmethod
    def astype(x: Any, dtype: Any) -> Any:
        return jnp.asarray(x).astype(getattr(dtype, "np", dtype))

    rsqrt = staticmethod(lax.rsqrt)

    @staticmethod
    def at_set(x: Any, index: Any, values: Any) -> Any:
        return jnp.asarray(x).at[index].set(values)

    @staticmethod
    def at_add(x: Any, index: Any, values: Any) -> Any:
        return jnp.asarray(x).at[index].add(values)

    @staticmethod
    def at_multiply(x: Any, index: Any, values: Any) -> Any:
        return jnp.asarray(x).at[index].multiply(values)

    @staticmethod
    def at_min(x: Any, index: Any, values: Any) -> Any:
        return jnp.asarray(x).at[index].min(values)

    @staticmethod
    def at_max(x: Any, index: Any, values: Any) -> Any:
        return jnp.asarray(x).at[index].max(values)

    @staticmethod
    def while_loop(cond: Any, body: Any, state: Any) -> Any:
        return lax.while_loop(cond, body, state)

    @staticmethod
    def cond(predicate: Any, then: Any, otherwise: Any, *args: Any) -> Any:
        return lax.cond(predicate, then, otherwise, *args)

    @staticmethod
    def dynamic_slice(x: Any, starts: Any, sizes: Any) -> Any:
        return lax.dynamic_slice(x, list(starts), sizes)

    @staticmethod
    def dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
        return lax.dynamic_update_slice(x, update, list(starts))


jax_namespace = JaxNamespace()
