"""The update rules of optimizers, each as four ops: on references and on resources, dense and sparse.

A rule is written once, as a function from the values of a variable and its slots to their new values.
`ApplyAdam` and `ResourceApplyAdam` run it on whole variables; `SparseApplyMomentum` and
`ResourceSparseApplyMomentum` on the rows `indices`, which must be distinct: optimizers sum the
gradients of equal rows first. The names of a rule's first parameters are those of the op's variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.dtypes import NUMBER, QUANTIZED_DTYPES
from reflow.lang.opdef import OpDef
from reflow.ops import shape_rules
from reflow.ops.define import op

_T = NUMBER | QUANTIZED_DTYPES
_BLOCK = 16384  # elements: the temporary arrays of a rule stay in the cache


def _update(signature: str, sparse: bool = True, dense: bool = True, refs: bool = True) -> Any:
    """Makes the ops of a rule, whose dense form on references has `signature`.

    Args:
      sparse, dense: whether TensorFlow has the sparse and the dense form.
      refs: whether it has the forms on references.
    """
    name, _, rest = signature.partition("(")
    body = rest[:-1]
    inputs, _, attrs = body.partition(", *")
    attrs = f", *{attrs}, use_locking: bool = False" if attrs else ", *, use_locking: bool = False"
    variables = re.findall(r"(\w+): Ref", inputs)

    def make(rule: Callable) -> dict[str, OpDef]:
        made = {}
        for is_sparse in (False, True):
            if not (sparse if is_sparse else dense):
                continue
            given = inputs
            if is_sparse:
                given = re.sub(r"\b(delta|grad): T", "grad: T, indices: Tindices", given)
                attributes = attrs + ", Tindices: INDEX"
            else:
                attributes = attrs
            kind = ("Sparse" if is_sparse else "") + name
            if refs:
                text = f"{kind}({given}{attributes}) -> out: Ref(T)"
                made[kind] = _define(text, rule, variables, is_sparse, resource=False)
            text = f"Resource{kind}({given}{attributes}) -> ".replace("Ref(T)", "resource")
            made["Resource" + kind] = _define(text, rule, variables, is_sparse, resource=True)
        return made

    return make


def _define(
    signature: str, rule: Callable, variables: list[str], sparse: bool, resource: bool
) -> OpDef:
    doc = (rule.__doc__ or "") + (" On the rows `indices`." if sparse else "")
    code = rule.__code__
    wanted = code.co_varnames[1 : code.co_argcount]
    options = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]

    def lower(ctx, *values):
        opdef = ctx.op.opdef
        named = dict(zip(opdef.input_index, values))
        indices = named.pop("indices", None)
        if "delta" in wanted and "grad" in named:  # the sparse form calls it otherwise
            named["delta"] = named.pop("grad")
        handles = [named[v] for v in variables]
        held = [ctx.read(handle) for handle in handles]
        _check_shapes(ctx, variables, held, named, indices)
        if indices is not None:
            _check_indices(ctx, indices, held[0])
            rows = [value[indices] for value in held]
        else:
            rows = held
        named.update(zip(variables, rows))
        attrs = {key: ctx.op.attrs[key] for key in options}
        if indices is None and ctx.xp.is_numpy and _is_long(held, [named[key] for key in wanted]):
            del held, rows
            for variable in variables:
                del named[variable]
            _update_in_blocks(ctx, rule, wanted, attrs, dict(zip(variables, handles)), named)
            return handles[0] if not resource else ()
        new = rule(ctx.xp, *[named[key] for key in wanted], **attrs)
        dtypes = [value.dtype for value in held]
        del held, rows, named  # so that whoever overwrites a variable finds himself alone with it
        for handle, dtype, value in zip(handles, dtypes, new):
            value = ctx.xp.astype(value, dtype)
            if indices is not None:
                table = ctx.take(handle)
                if ctx.xp.is_numpy:
                    table[indices] = value
                    value = table
                else:
                    value = ctx.xp.at_set(table, indices, value)
            ctx.write(handle, value)
        return handles[0] if not resource else ()

    return op(
        signature,
        doc,
        shape=shape_rules.none if resource else shape_rules.same,
        grad=None,
        stateful=True,
        reads=variables,
        writes=variables,
        T=_T,
    )(lower)


def _is_long(held: list[Any], arguments: list[Any]) -> bool:
    """Whether an update goes block by block: its temporary arrays would not stay in the cache."""
    shape = held[0].shape
    # In any order: zeros, with which slots begin, are one number that stands for all.
    return held[0].size > 2 * _BLOCK and all(x.ndim == 0 or x.shape == shape for x in arguments)


def _update_in_blocks(
    ctx: Any, rule: Callable, wanted: Any, attrs: Any, handles: dict[str, Any], given: Any
) -> None:
    """Runs an update rule on NumPy arrays, some elements at a time, and in place where that may be."""
    tables = {name: np.ascontiguousarray(ctx.take(handle)) for name, handle in handles.items()}
    flat = {name: table.reshape(-1) for name, table in tables.items()}
    flat.update((name, x.reshape(-1) if x.ndim else x) for name, x in given.items())
    size = next(iter(tables.values())).size
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        new = rule(ctx.xp, *[x[block] if x.ndim else x for x in map(flat.get, wanted)], **attrs)
        for name, value in zip(handles, new):
            flat[name][block] = value
    for name, handle in handles.items():
        ctx.write(handle, tables[name])


def _check_shapes(
    ctx: Any, variables: list[str], held: list[Any], named: Any, indices: Any
) -> None:
    first = held[0].shape
    for name, value in zip(variables, held):
        if value.shape != first:
            raise errors.InvalidArgumentError(
                None,
                ctx.op,
                f"var and {name} do not have the same shape: {first} and {value.shape}",
            )
    gradient = named.get("grad", named.get("delta"))
    expected = first if indices is None else (*indices.shape, *first[1:])
    if gradient.shape != expected:
        raise errors.InvalidArgumentError(
            None,
            ctx.op,
            f"var and grad do not have the same shape: {expected} and {gradient.shape}",
        )


def _check_indices(ctx: Any, indices: Any, value: Any) -> None:
    if ctx.xp.is_numpy and indices.size:
        low, high = indices.min(), indices.max()
        if low < 0 or high >= value.shape[0]:
            wrong = low if low < 0 else high
            raise errors.InvalidArgumentError(
                None, ctx.op, f"indices has {wrong}, which is not in [0, {value.shape[0]})"
            )


def _one(x: Any) -> Any:
    """1 in the dtype of an array: Python's numbers would promote bfloat16 in NumPy."""
    return x.dtype.type(1)


def _two(x: Any) -> Any:
    return x.dtype.type(2)


@_update("ApplyGradientDescent(var: Ref(T), alpha: T, delta: T)", sparse=False)
def gradient_descent(xp, var, alpha, delta):
    """var - alpha * delta."""
    return (var - alpha * delta,)


@_update("ApplyProximalGradientDescent(var: Ref(T), alpha: T, l1: T, l2: T, delta: T)")
def proximal_gradient_descent(xp, var, alpha, l1, l2, delta):
    """FOBOS with a fixed learning rate: http://papers.nips.cc/paper/3793."""
    return (_shrunk(xp, var - alpha * delta, alpha, l1, l2),)


def _shrunk(xp, prox, rate, l1, l2):
    return xp.sign(prox) * xp.maximum(xp.abs(prox) - rate * l1, 0 * l1) / (_one(l2) + rate * l2)


@_update(
    "ApplyAdadelta(var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T,"
    " grad: T)"
)
def adadelta(xp, var, accum, accum_update, lr, rho, epsilon, grad):
    """ADADELTA, http://arxiv.org/abs/1212.5701."""
    accum = accum * rho + grad * grad * (_one(rho) - rho)
    update = xp.sqrt(accum_update + epsilon) * xp.rsqrt(accum + epsilon) * grad
    accum_update = accum_update * rho + update * update * (_one(rho) - rho)
    return var - update * lr, accum, accum_update


@_update("ApplyAdagrad(var: Ref(T), accum: Ref(T), lr: T, grad: T, *, update_slots: bool = True)")
def adagrad(xp, var, accum, lr, grad, *, update_slots):
    """Adagrad, http://jmlr.org/papers/v12/duchi11a.html."""
    if update_slots:
        accum = accum + grad * grad
    return var - lr * grad * xp.rsqrt(accum), accum


@_update(
    "ApplyAdagradV2(var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T,"
    " *, update_slots: bool = True)"
)
def adagrad_v2(xp, var, accum, lr, epsilon, grad, *, update_slots):
    """Adagrad with an epsilon in the denominator."""
    if update_slots:
        accum = accum + grad * grad
    return var - lr * grad / (xp.sqrt(accum) + epsilon), accum


@_update(
    "ApplyAdagradDA(var: Ref(T), gradient_accumulator: Ref(T), gradient_squared_accumulator: Ref(T),"
    " grad: T, lr: T, l1: T, l2: T, global_step: int64)"
)
def adagrad_da(
    xp, var, gradient_accumulator, gradient_squared_accumulator, grad, lr, l1, l2, global_step
):
    """Adagrad dual averaging, http://jmlr.org/papers/v12/duchi11a.html."""
    total = gradient_accumulator + grad
    squares = gradient_squared_accumulator + grad * grad
    step = xp.astype(global_step, l1.dtype)
    shrunk = xp.sign(total) * xp.maximum(xp.abs(total) - l1 * step, 0 * l1)
    return -lr * shrunk / (l2 * step * lr + xp.sqrt(squares)), total, squares


@_update(
    "ApplyProximalAdagrad(var: Ref(T), accum: Ref(T), lr: T, l1: T, l2: T, grad: T)",
)
def proximal_adagrad(xp, var, accum, lr, l1, l2, grad):
    """FOBOS with Adagrad's learning rate."""
    accum = accum + grad * grad
    rate = lr * xp.rsqrt(accum)
    return _shrunk(xp, var - grad * rate, rate, l1, l2), accum


@_update(
    "ApplyFtrl(var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T,"
    " lr_power: T, *, multiply_linear_by_lr: bool = False)"
)
def ftrl(xp, var, accum, linear, grad, lr, l1, l2, lr_power, *, multiply_linear_by_lr):
    """FTRL-proximal, https://research.google/pubs/pub41159."""
    return _ftrl(xp, var, accum, linear, grad, grad, lr, l1, l2, lr_power, multiply_linear_by_lr)


@_update(
    "ApplyFtrlV2(var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T,"
    " l2_shrinkage: T, lr_power: T, *, multiply_linear_by_lr: bool = False)"
)
def ftrl_v2(
    xp, var, accum, linear, grad, lr, l1, l2, l2_shrinkage, lr_power, *, multiply_linear_by_lr
):
    """FTRL-proximal with a shrinkage of the L2 norm that does not enter the accumulator."""
    shrunk = grad + _two(var) * l2_shrinkage * var
    return _ftrl(xp, var, accum, linear, grad, shrunk, lr, l1, l2, lr_power, multiply_linear_by_lr)


def _ftrl(xp, var, accum, linear, grad, shrunk, lr, l1, l2, lr_power, by_lr):
    new_accum = accum + grad * grad
    root, new_root = xp.power(accum, -lr_power), xp.power(new_accum, -lr_power)
    if by_lr:
        linear = linear + shrunk * lr - (new_root - root) * var
        bound, quadratic = l1 * lr, new_root + _two(l2) * l2 * lr
    else:
        linear = linear + shrunk - (new_root - root) / lr * var
        bound, quadratic = l1, new_root / lr + _two(l2) * l2
    value = (bound * xp.sign(linear) - linear) / quadratic
    return xp.where(xp.abs(linear) > bound, value, 0 * value), new_accum, linear


@_update(
    "ApplyMomentum(var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T,"
    " *, use_nesterov: bool = False)"
)
def momentum(xp, var, accum, lr, grad, momentum, *, use_nesterov):
    """Momentum; Nesterov's, http://jmlr.org/proceedings/papers/v28/sutskever13.pdf."""
    accum = accum * momentum + grad
    if use_nesterov:
        return var - grad * lr - accum * momentum * lr, accum
    return var - accum * lr, accum


@_update(
    "ApplyKerasMomentum(var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T,"
    " *, use_nesterov: bool = False)",
    refs=False,
)
def keras_momentum(xp, var, accum, lr, grad, momentum, *, use_nesterov):
    """Momentum with the learning rate inside of the accumulator."""
    accum = accum * momentum - lr * grad
    if use_nesterov:
        return var + accum * momentum - lr * grad, accum
    return var + accum, accum


@_update(
    "ApplyAdam(var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, beta2_power: T, lr: T, beta1: T,"
    " beta2: T, epsilon: T, grad: T, *, use_nesterov: bool = False)",
    sparse=False,
)
def adam(xp, var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, *, use_nesterov):
    """Adam, https://arxiv.org/abs/1412.6980."""
    one = _one(beta1)
    rate = lr * xp.sqrt(one - beta2_power) / (one - beta1_power)
    m = m + (grad - m) * (one - beta1)
    v = v + (grad * grad - v) * (one - beta2)
    direction = m * beta1 + grad * (one - beta1) if use_nesterov else m
    return var - direction * rate / (xp.sqrt(v) + epsilon), m, v


@_update(
    "ApplyAdamWithAmsgrad(var: Ref(T), m: Ref(T), v: Ref(T), vhat: Ref(T), beta1_power: T,"
    " beta2_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T)",
    sparse=False,
    refs=False,
)
def adam_with_amsgrad(
    xp, var, m, v, vhat, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad
):
    """Adam with the maximum of second moments, https://openreview.net/pdf?id=ryQu7f-RZ."""
    one = _one(beta1)
    rate = lr * xp.sqrt(one - beta2_power) / (one - beta1_power)
    m = m + (grad - m) * (one - beta1)
    v = v + (grad * grad - v) * (one - beta2)
    vhat = xp.maximum(vhat, v)
    return var - m * rate / (xp.sqrt(vhat) + epsilon), m, v, vhat


@_update(
    "ApplyAdaMax(var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, lr: T, beta1: T, beta2: T,"
    " epsilon: T, grad: T)",
    sparse=False,
)
def ada_max(xp, var, m, v, beta1_power, lr, beta1, beta2, epsilon, grad):
    """AdaMax, https://arxiv.org/abs/1412.6980."""
    one = _one(beta1)
    m = m + (grad - m) * (one - beta1)
    v = xp.maximum(beta2 * v, xp.abs(grad))
    return var - lr / (one - beta1_power) * (m / (v + epsilon)), m, v


@_update(
    "ApplyRMSProp(var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T,"
    " grad: T)"
)
def rms_prop(xp, var, ms, mom, lr, rho, momentum, epsilon, grad):
    """RMSProp, http://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf."""
    ms = ms + (grad * grad - ms) * (_one(rho) - rho)
    mom = mom * momentum + lr * grad * xp.rsqrt(ms + epsilon)
    return var - mom, ms, mom


@_update(
    "ApplyCenteredRMSProp(var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T,"
    " momentum: T, epsilon: T, grad: T)"
)
def centered_rms_prop(xp, var, mg, ms, mom, lr, rho, momentum, epsilon, grad):
    """RMSProp by an estimate of the variance, https://arxiv.org/abs/1308.0850."""
    rest = _one(rho) - rho
    ms = ms + (grad * grad - ms) * rest
    mg = mg + (grad - mg) * rest
    mom = mom * momentum + lr * grad * xp.rsqrt(ms - mg * mg + epsilon)
    return var - mom, mg, ms, mom


@_update(
    "ApplyAddSign(var: Ref(T), m: Ref(T), lr: T, alpha: T, sign_decay: T, beta: T, grad: T)",
    sparse=False,
)
def add_sign(xp, var, m, lr, alpha, sign_decay, beta, grad):
    """AddSign, https://arxiv.org/abs/1709.07417."""
    m = m * beta + grad * (_one(beta) - beta)
    return var - lr * (alpha + sign_decay * xp.sign(grad) * xp.sign(m)) * grad, m


@_update(
    "ApplyPowerSign(var: Ref(T), m: Ref(T), lr: T, logbase: T, sign_decay: T, beta: T, grad: T)",
    sparse=False,
)
def power_sign(xp, var, m, lr, logbase, sign_decay, beta, grad):
    """PowerSign, https://arxiv.org/abs/1709.07417."""
    m = m * beta + grad * (_one(beta) - beta)
    return var - lr * xp.exp(logbase * sign_decay * xp.sign(grad) * xp.sign(m)) * grad, m
