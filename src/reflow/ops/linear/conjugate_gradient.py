"""Conjugate gradients: https://www.tensorflow.org/api_docs/python/tf/linalg/experimental/conjugate_gradient"""

from __future__ import annotations

from typing import Any, NamedTuple

from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.array import expand_dims
from reflow.ops.compare import logical_and
from reflow.ops.control_flow.while_loop import while_loop
from reflow.ops.filling import zeros_like
from reflow.ops.linalg.norms import norm_v2
from reflow.ops.math.elementwise import conj
from reflow.ops.reduce import reduce_any, reduce_sum


class CGState(NamedTuple):
    """Where the search is: steps made, solution, residual, direction, and the residual's product with it."""

    i: Any
    x: Any
    r: Any
    p: Any
    gamma: Any


def _dot(x: Any, y: Any) -> Any:
    return reduce_sum(conj(x) * y, -1)


@export("linalg.experimental.conjugate_gradient")
def conjugate_gradient(
    operator: Any,
    rhs: Any,
    preconditioner: Any = None,
    x: Any = None,
    tol: float = 1e-05,
    max_iter: int = 20,
    name: str = "conjugate_gradient",
) -> CGState:
    """The solution of linear equations with a positive definite operator, found by conjugate gradients.

    Args:
      operator: a `LinearOperator` that is positive definite and self-adjoint.
      rhs: the right-hand side, vectors in the last dimension.
      preconditioner: a `LinearOperator` near to the inverse of `operator`; by default the identity.
      x: where to begin; by default 0.
      tol: how small a residual has to be beside `rhs`.
      max_iter: the number of steps at the most.
      name: a name for the ops.

    Returns:
      A tuple `(i, x, r, p, gamma)`: the number of steps, the solution, the residual, the last direction, and the
      product of the residual with the preconditioned one.

    Raises:
      ValueError: if the operator is not said to be positive definite and self-adjoint.

    >>> import reflow as tf
    >>> twice = tf.linalg.LinearOperatorDiag([2.0, 4.0], is_self_adjoint=True, is_positive_definite=True)
    >>> print(tf.linalg.experimental.conjugate_gradient(twice, tf.constant([2.0, 8.0])).x.numpy())
    [1. 2.]
    """
    if not (operator.is_self_adjoint and operator.is_positive_definite):
        raise ValueError("Expected a self-adjoint, positive definite operator.")

    def preconditioned(r: Any) -> Any:
        return r if preconditioner is None else preconditioner.matvec(r)

    def goes_on(i: Any, x: Any, r: Any, p: Any, gamma: Any) -> Any:
        return logical_and(i < max_iter, reduce_any(norm_v2(r, axis=-1) > limit))

    def step(i: Any, x: Any, r: Any, p: Any, gamma: Any) -> Any:
        z = operator.matvec(p)
        alpha = expand_dims(gamma / _dot(p, z), -1)
        x, r = x + alpha * p, r - alpha * z
        q = preconditioned(r)
        before, gamma = gamma, _dot(r, q)
        return i + 1, x, r, q + expand_dims(gamma / before, -1) * p, gamma

    with name_scope(name):
        rhs = convert_to_tensor(rhs, operator.dtype)
        limit = tol * norm_v2(rhs, axis=-1)
        if x is None:
            x, r = zeros_like(rhs), rhs
        else:
            x = convert_to_tensor(x, operator.dtype)
            r = rhs - operator.matvec(x)
        p = preconditioned(r)
        begin = (convert_to_tensor(0), x, r, p, _dot(r, p))
        return CGState(*while_loop(goes_on, step, begin))
