"""Quasi-random points: https://www.tensorflow.org/api_docs/python/tf/math/sobol_sample"""

from __future__ import annotations

from typing import Any

from reflow.lang import shapes
from reflow.lang.dtypes import as_dtype, float32
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.define import op
from reflow.ops.shape_rules import constant_value

_BITS = 32  # of a point: twice as many as samples that can be asked for


def _samples_shape(dim, num_results, skip):
    sizes = []
    for each in (num_results, dim):
        each._shape.merge_with(())
        known = constant_value(each)
        sizes.append(None if known is None else int(known))
    return shapes.of(tuple(sizes))


@op(
    "SobolSample(dim: int32, num_results: int32, skip: int32, *, dtype: {float,double} = float)"
    " -> samples: dtype",
    shape=_samples_shape,
    grad=None,
    compile=False,
)
def sobol_sample_op(xp, dim, num_results, skip, *, dtype):
    """Points of the Sobol sequence, with the direction numbers of Joe and Kuo (2008)."""
    for what, value in (("dim", dim), ("num_results", num_results), ("skip", skip)):
        if value.shape:
            raise invalid(f"{what} must be a scalar")
    dim, count, skip = int(dim), int(num_results), int(skip)
    if dim < 1:
        raise invalid("dim must be at least one")
    if count < 1:
        raise invalid("num_results must be at least one")
    if skip < 0:
        raise invalid("skip must be non-negative")
    if count + skip >= 2**31 - 1:
        raise invalid("num_results+skip must be less than 2147483647")
    from scipy.stats import qmc

    if dim > qmc.Sobol.MAXDIM:
        raise invalid(f"dim must be at most {qmc.Sobol.MAXDIM}")
    points = qmc.Sobol(dim, scramble=False, bits=_BITS)
    points.fast_forward(1 + skip)  # the first point is the origin
    return points.random(count).astype(dtype.np)


@export("math.sobol_sample")
def sobol_sample(
    dim: Any, num_results: Any, skip: Any = 0, dtype: Any = float32, name: str | None = None
) -> Any:
    """Points of the Sobol sequence, which fill the unit cube more evenly than random ones.

    Args:
      dim: an int32 scalar, the number of dimensions.
      num_results: an int32 scalar, how many points there are.
      skip: an int32 scalar, how many points of the sequence come before.
      dtype: float32 or float64.
      name: a name scope.

    Returns:
      Of shape `[num_results, dim]`.

    Raises:
      InvalidArgumentError: if there are no dimensions or points.

    >>> import reflow as tf
    >>> print(tf.math.sobol_sample(2, 3).numpy())
    [[0.5  0.5 ]
     [0.75 0.25]
     [0.25 0.75]]
    """
    with name_scope(name, "sobol"):
        return sobol_sample_op(dim, num_results, skip, dtype=as_dtype(dtype))
