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
    epilogue: Any = None  # of the convolution that is made next: see `kernels.convolution.Epilogue`

    def with_epilogue(self, epilogue: Any) -> JaxNamespace:
        """The same functions, for a convolution which that follows."""
        other = JaxNamespace()
        other.epilogue = epilogue
        return other

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
    def list_buffer(items: Any, shape: Any) -> Any:
        """A `TensorList` as a `ListBuffer`."""
        from reflow.compiler.list_buffer import buffer_of

        return buffer_of(items, shape)

    @staticmethod
    def list_buffer_set(items: Any, ctx: Any, index: Any, item: Any, grow: bool) -> Any:
        """A `TensorList` with an element set at an index that the executable computes."""
        from reflow.compiler.list_buffer import list_set

        return list_set(items, ctx, index, item, grow)

    @staticmethod
    def list_from_rows(rows: Any, element_dtype: Any, element_shape: Any) -> Any:
        """The list of the slices of an array along its first dimension."""
        from reflow.compiler.list_buffer import list_from_rows

        return list_from_rows(rows, element_dtype, element_shape)

    @staticmethod
    def call_module(args: Any, *how: Any) -> Any:
        """The results of a program in StableHLO."""
        from reflow.compiler.call_module import call_module

        return call_module(args, *how)

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
