"""Linear systems by conjugate gradients: `tf.linalg.experimental.conjugate_gradient`."""

from __future__ import annotations

from typing import Any, NamedTuple

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.array import expand_dims
from reflow.ops.array import shape as shape_of
from reflow.ops.control_flow.while_loop import while_loop_v2 as while_loop
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, zeros
from reflow.ops.joining import concat
from reflow.ops.linalg.norms import norm
from reflow.ops.math import conj
from reflow.ops.reduce import reduce_any, reduce_sum


class CGState(NamedTuple):
    """Where the iteration is: its number, the solution, the residual, the direction, and their product."""

    i: Any
    x: Any
    r: Any
    p: Any
    gamma: Any


def _dot(x: Any, y: Any) -> Any:
    return reduce_sum(conj(x) * y, axis=-1)


@export("linalg.experimental.conjugate_gradient")
def conjugate_gradient(
    operator: Any,
    rhs: Any,
    preconditioner: Any = None,
    x: Any = None,
    tol: float = 1e-5,
    max_iter: int = 20,
    name: str = "conjugate_gradient",
) -> CGState:
    """Solves `A x = rhs`, where `A` is used only to multiply vectors.

    After Hestenes and Stiefel, https://doi.org/10.6028/jres.049.044.

    Args:
      operator: `A`, a self-adjoint, positive definite `LinearOperator`.
      rhs: a vector, or a batch of them.
      preconditioner: a `LinearOperator` near the inverse of `A`.
      x: where to begin; zeros by default.
      tol: the size of the residual, as a part of that of `rhs`, at which to end.
      max_iter: how many iterations there are at the most.
      name: the name scope of the ops.

    Returns:
      A named tuple: `i`, the number of iterations; `x`, the solution; `r`, what is left of `rhs`; `p`, the
      last direction; `gamma`, the product of `r` with itself, or with what the preconditioner makes of it.

    Raises:
      ValueError: if it is not known that the operator is self-adjoint and positive definite.

    >>> import reflow as tf
    >>> A = tf.linalg.LinearOperatorFullMatrix(
    ...     [[2.0, 0.0], [0.0, 4.0]], is_self_adjoint=True, is_positive_definite=True)
    >>> tf.linalg.experimental.conjugate_gradient(A, [2.0, 8.0]).x.numpy().round(3).tolist()
    [1.0, 2.0]
    """
    if not (operator.is_self_adjoint and operator.is_positive_definite):
        raise ValueError(
            f"{errors.user_site()}: Expected a self-adjoint, positive definite operator: say "
            "is_self_adjoint=True and is_positive_definite=True when you make it, if it is."
        )
    with name_scope(name):
        rhs = convert_to_tensor(rhs, name="rhs")
        sizes = shape_of(rhs)
        batch = broadcast_dynamic_shape(sizes[:-1], operator.batch_shape_tensor())
        if preconditioner is not None:
            batch = broadcast_dynamic_shape(batch, preconditioner.batch_shape_tensor())
        whole = concat([batch, sizes[-1:]], 0)
        r = broadcast_to(rhs, whole)
        enough = tol * norm(r, axis=-1)
        if x is None:
            x = zeros(whole, rhs.dtype)
        else:
            x = convert_to_tensor(x, rhs.dtype, name="x")
            r = rhs - operator.matvec(x)

        def near(r: Any) -> Any:
            return r if preconditioner is None else preconditioner.matvec(r)

        def unfinished(state: CGState) -> Any:
            return (state.i < max_iter) & reduce_any(norm(state.r, axis=-1) > enough)

        def step(state: CGState) -> tuple[CGState]:
            image = operator.matvec(state.p)
            alpha = expand_dims(state.gamma / _dot(state.p, image), -1)
            x, r = state.x + alpha * state.p, state.r - alpha * image
            q = near(r)
            gamma = _dot(r, q)
            p = q + expand_dims(gamma / state.gamma, -1) * state.p
            return (CGState(state.i + 1, x, r, p, gamma),)

        p = near(r)
        first = CGState(convert_to_tensor(0, int32), x, r, p, _dot(r, p))
        return while_loop(unfinished, step, [first])[0]
