"""Tensors to and from other frameworks: https://dmlc.github.io/dlpack/latest/

Eager tensors have the DLPack protocol: `torch.from_dlpack(tensor)` takes them as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.runtime.eager import EagerTensor


@export("experimental.dlpack.to_dlpack")
def to_dlpack(tf_tensor: Any) -> Any:
    """A tensor as a DLPack capsule, which another framework takes over, once.

    Raises:
      InvalidArgumentError: if it is no eager tensor.

    >>> import reflow as tf
    >>> capsule = tf.experimental.dlpack.to_dlpack(tf.constant([1.0, 2.0]))
    >>> print(tf.experimental.dlpack.from_dlpack(capsule).numpy())
    [1. 2.]
    """
    if not isinstance(tf_tensor, EagerTensor):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{errors.user_site()}: The argument to `to_dlpack` must be a TF eager "
            f"tensor, not {tf_tensor!r:.80}",
        )
    return tf_tensor.__dlpack__()


@export("experimental.dlpack.from_dlpack")
def from_dlpack(dlcapsule: Any) -> EagerTensor:
    """The tensor behind a DLPack capsule, or of an object that has the protocol; nothing is copied.

    Args:
      dlcapsule: what `to_dlpack` of a framework gave, of memory of the CPU; or any array.

    Raises:
      TypeError: if it is neither.
    """
    if type(dlcapsule).__name__ == "PyCapsule":
        source = _Capsule(dlcapsule)
    elif hasattr(dlcapsule, "__dlpack__"):
        source = dlcapsule
    else:
        raise TypeError(
            f"{errors.user_site()}: from_dlpack takes a DLPack capsule, not {dlcapsule!r:.80}"
        )
    if source.__dlpack_device__()[0] == _CPU:
        value = np.from_dlpack(source)
        return EagerTensor(value, as_dtype(value.dtype))
    from reflow.compiler.jax_setup import jax, wide_types

    with wide_types():
        value = jax.dlpack.from_dlpack(source)
    return EagerTensor(value, as_dtype(value.dtype))


_CPU = 1  # kDLCPU


class _Capsule:
    """A capsule behind the protocol that replaced capsules."""

    def __init__(self, capsule: Any):
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU, 0
