"""XLA's own ops: `tensorflow.compiler.tf2xla.python.xla`, as far as Keras uses it."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value
from reflow.ops import shape_rules
from reflow.ops.define import no_gradient, op


@op(
    "XlaDynamicUpdateSlice(input: T, update: T, indices: Tindices, *, T: type,"
    " Tindices: {int32,int64}) -> output: T",
    shape=shape_rules.same,
    grad=None,
)
def xla_dynamic_update_slice(xp, input, update, indices):
    """`input` with `update` in it, which begins at `indices`, or as near to them as it fits."""
    if not xp.is_numpy:
        return xp.lax.dynamic_update_slice(input, update, tuple(indices))
    result = input.copy()
    result[_window(input.shape, indices, update.shape)] = update
    return result


@op(
    "XlaDynamicSlice(input: T, start_indices: Tindices, size_indices: Tindices, *, T: type,"
    " Tindices: {int32,int64}) -> output: T",
    static=["size_indices"],
    grad=None,
)
def xla_dynamic_slice(xp, input, start_indices, size_indices):
    """The part of `input` of the size `size_indices` that begins at `start_indices`, or as near as
    it fits."""
    sizes = [int(size) for size in size_indices]
    if not xp.is_numpy:
        return xp.lax.dynamic_slice(input, tuple(start_indices), sizes)
    return input[_window(input.shape, start_indices, sizes)]


@xla_dynamic_slice.shape_rule
def _dynamic_slice_shape(input: Any, start_indices: Any, size_indices: Any) -> TensorShape:
    sizes = constant_value(size_indices)
    if sizes is not None:
        return TensorShape([int(size) for size in sizes])
    return TensorShape([None] * input.shape.rank) if input.shape.rank is not None else input.shape


def _window(shape: Any, begin: Any, sizes: Any) -> tuple[slice, ...]:
    starts = [max(0, min(int(b), n - s)) for b, n, s in zip(begin, shape, sizes)]
    return tuple(slice(b, b + s) for b, s in zip(starts, sizes))


def dynamic_update_slice(x: Any, updates: Any, start_indices: Any, name: str | None = None) -> Any:
    """`x` with `updates` written into it at `start_indices`.

    Args:
      x: a tensor.
      updates: a tensor of the same dtype and rank, nowhere larger than `x`.
      start_indices: where it begins, an integer for each dimension.

    >>> from reflow.ops.xla import dynamic_update_slice
    >>> print(dynamic_update_slice([1, 2, 3, 4], [9, 9], [1]).numpy())
    [1 9 9 4]
    """
    return xla_dynamic_update_slice(x, updates, start_indices, name=name)


def dynamic_slice(x: Any, start_indices: Any, size_indices: Any, name: str | None = None) -> Any:
    """The part of `x` of the size `size_indices` that begins at `start_indices`."""
    return xla_dynamic_slice(x, start_indices, size_indices, name=name)


# Programs of StableHLO ----------------------------------------------------------------------------


@op(
    "XlaCallModule(args: Tin, *, version: int, module: string, Sout: list(shape), Tout: list(type),"
    " Tin: list(type), dim_args_spec: list(string) = [], platforms: list(string) = [],"
    " function_list: list(func) = [], has_token_input_output: bool = False,"
    " disabled_checks: list(string) = [], use_shardy_partitioner: bool = False) -> output: Tout",
    grad=no_gradient,
    interpret=False,
)
def xla_call_module(
    xp, args, *, version, module, Tout, platforms, function_list, dim_args_spec, disabled_checks
):
    """The results of a program in StableHLO, which JAX, say, has exported.

    On one device it does not matter which partitioner it was made for, and the calling conventions
    that have tokens or sizes among the arguments are refused.
    """
    for what, given in (("function_list", function_list), ("dim_args_spec", dim_args_spec)):
        if given:
            raise errors.UnimplementedError(
                None, None, f"XlaCallModule with {what}: Reflow does not call it (yet)."
            )
    dtypes = [each.np for each in Tout]
    module = module.encode() if isinstance(module, str) else module
    return xp.call_module(args, module, version, dtypes, platforms, disabled_checks)


@xla_call_module.shape_rule
def _call_module_shape(args: Any, *, Sout: Any) -> list[TensorShape]:
    return list(Sout)


def call_module(
    args: Any,
    *,
    version: int = 4,
    module: bytes,
    Tout: Any,
    Sout: Any,
    platforms: Any = (),
    function_list: Any = (),
    has_token_input_output: bool = False,
    disabled_checks: Any = (),
    use_shardy_partitioner: bool = False,
) -> Any:
    """What `jax.experimental.jax2tf` calls: see XlaCallModule.

    Args:
      args: tensors.
      version: the calling convention of the module, as `jax.export` numbers them.
      module: a portable artifact of StableHLO.
      Tout: the dtypes of the results.
      Sout: their shapes.
      platforms: those that it was exported for.
      function_list, has_token_input_output, disabled_checks, use_shardy_partitioner: see the op.
    """
    results = xla_call_module(
        list(args),
        version=version,
        module=module,
        Tout=list(Tout),
        Sout=list(Sout),
        platforms=list(platforms),
        function_list=list(function_list),
        has_token_input_output=has_token_input_output,
        disabled_checks=list(disabled_checks),
        use_shardy_partitioner=use_shardy_partitioner,
    )
    return results if Tout else ()


def call_module_maximum_supported_version() -> int:
    """The newest calling convention of the modules that XlaCallModule takes."""
    return 10


def call_module_disable_check_platform() -> str:
    """What `disabled_checks` holds where a module may run on another platform than it was made for."""
    return "platform"


@op(
    "XlaSharding(input: T, *, T: type, sharding: string = '', unspecified_dims: list(int) = [])"
    " -> output: T",
    shape=shape_rules.same,
    grad=lambda g: g,
    view=True,
)
def xla_sharding(xp, input):
    """`input`, with a note on how it is divided among devices: Reflow has one."""
    return input
