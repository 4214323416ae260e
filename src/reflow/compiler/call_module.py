"""Programs in StableHLO as parts of executables: what the op XlaCallModule calls.

A module comes as JAX's export writes it, with shapes that may be open. It is closed for the shapes of
a call, and called through `jax.export`, which links it into the executable.
https://openxla.org/stablehlo, https://docs.jax.dev/en/latest/export/shape_poly.html
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.jax_setup import jax, wide_types
from reflow.lang import errors

_CACHED = 256  # modules closed for shapes
_OLDEST, _NEWEST = 9, 10  # of calling conventions: before 9, tokens and shapes were arguments
_SAID = re.compile(r'error: loc\("shape_assertion"\): (.*)')


def _fail(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)


def call_module(
    args: Sequence[Any],
    module: bytes,
    version: int,
    dtypes: Sequence[np.dtype],
    platforms: Sequence[str],
    disabled_checks: Sequence[str],
) -> list[Any]:
    """The results of the function `main` of a module.

    Args:
      args: arrays.
      module: a portable artifact of StableHLO.
      version: its calling convention, as `jax.export` numbers them.
      dtypes: the dtypes of the results.
      platforms: those that it was exported for; with several, its first argument says which it is.
      disabled_checks: `platform`, `shape_assertions`, or `custom_call:NAME`, as jax2tf says them.

    Raises:
      InvalidArgumentError: if it is no such module, or the arguments do not fit.
      UnimplementedError: for an older or newer calling convention.
    """
    if not _OLDEST <= version <= _NEWEST:
        raise errors.UnimplementedError(
            None,
            None,
            f"The module has calling convention {version}; Reflow calls those from "
            f"{_OLDEST} to {_NEWEST}. Export it again with a current JAX.",
        )
    exported = _closed(
        module,
        version,
        tuple((tuple(arg.shape), np.dtype(arg.dtype)) for arg in args),
        tuple(map(np.dtype, dtypes)),
        tuple(platform.lower() for platform in platforms) or (_platform(),),
        tuple(disabled_checks),
    )
    try:
        return list(exported.call(*args))
    except ValueError as error:  # a platform that it is not for, a custom call that is not stable
        raise _fail(str(error).partition("\n")[0]) from None


def _platform() -> str:
    platform = jax.default_backend()
    return "cuda" if platform == "gpu" else platform


@functools.lru_cache(maxsize=_CACHED)
def _closed(
    module: bytes,
    version: int,
    args: tuple[tuple[tuple[int, ...], np.dtype], ...],
    dtypes: tuple[np.dtype, ...],
    platforms: tuple[str, ...],
    disabled_checks: tuple[str, ...],
) -> Any:
    """The module with closed shapes, as what `jax.export` gives for a function of such arguments."""
    with wide_types():
        data, shapes = _refined(module, args, dtypes, "shape_assertions" not in disabled_checks)
        results = [jax.ShapeDtypeStruct(s, d) for s, d in zip(shapes, dtypes)]
        like = jax.export.export(
            jax.jit(lambda *_: [jax.numpy.zeros(each.shape, each.dtype) for each in results]),
            platforms=platforms,
        )(*(jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in args))
    return dataclasses.replace(
        like,
        mlir_module_serialized=data,
        calling_convention_version=version,
        module_kept_var_idx=tuple(range(len(args))),
        uses_global_constants=len(platforms) > 1,
        disabled_safety_checks=tuple(map(_check, disabled_checks)),
    )


def _check(name: str) -> Any:
    kinds = jax.export.DisabledSafetyCheck
    if name == "platform":
        return kinds.platform()
    if name.startswith("custom_call:"):
        return kinds.custom_call(name.removeprefix("custom_call:"))
    return kinds(name)


def _refined(
    module: bytes,
    args: Sequence[tuple[tuple[int, ...], np.dtype]],
    dtypes: Sequence[np.dtype],
    assertions: bool,
) -> tuple[bytes, list[tuple[int, ...]]]:
    """The module for arguments of these shapes, and the shapes of its results."""
    from jax.extend import mlir as artifacts
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import stablehlo
    from jax.interpreters import mlir

    with mlir.make_ir_context() as context, ir.Location.unknown():
        try:
            parsed = artifacts.deserialize_portable_artifact(module, context)
            main: Any = ir.SymbolTable(parsed.operation)["main"]
        except (ValueError, KeyError, ir.MLIRError, jax.errors.JaxRuntimeError) as error:
            raise _fail(f"Not a module of StableHLO with a function main: {error}") from None
        _close_arguments(main, args)
        try:
            data = artifacts.refine_polymorphic_shapes(
                mlir.module_to_bytecode(parsed),
                enable_shape_assertions=assertions,
                validate_static_shapes=True,
            )
        except jax.errors.JaxRuntimeError as error:
            said = _SAID.search(str(error))
            raise _fail(said[1] if said else str(error)) from None
        closed = ir.Module.parse(data, context)
        main = ir.SymbolTable(closed.operation)["main"]
        results = [_tensor_type(each) for each in main.type.results]
        found = [each.element_type for each in results]
        wanted = [mlir.dtype_to_ir_type(dtype) for dtype in dtypes]
        if found != wanted:
            raise _fail(f"The module gives {_listed(found)}, not Tout: {_listed(wanted)}")
        version = stablehlo.get_current_version()
        return artifacts.serialize_portable_artifact(closed, version), [
            tuple(each.shape) for each in results
        ]


def _close_arguments(main: Any, args: Sequence[tuple[tuple[int, ...], np.dtype]]) -> None:
    """Gives the arguments of a function closed shapes; within, they are converted to what they were."""
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import stablehlo
    from jax.interpreters import mlir

    block = main.regions[0].blocks[0]
    types = list(main.type.inputs)
    first = sum("jax.global_constant" in dict(_attributes(main, i)) for i in range(len(types)))
    if len(types) - first != len(args):
        raise _fail(f"The module takes {len(types) - first} arguments, not {len(args)}")
    with ir.InsertionPoint.at_block_begin(block):
        for i, (shape, dtype) in enumerate(args):
            argument = block.arguments[first + i]
            had = _tensor_type(argument.type)
            new = ir.RankedTensorType.get(shape, mlir.dtype_to_ir_type(dtype))
            open_shape = [None if had.is_dynamic_dim(d) else n for d, n in enumerate(had.shape)]
            fits = len(open_shape) == len(shape) and all(
                n is None or n == given for n, given in zip(open_shape, shape)
            )
            if had.element_type != new.element_type or not fits:
                raise _fail(f"Argument {i} is {new}, and the module takes {had}")
            if new != had:
                argument.set_type(new)
                converted = stablehlo.ConvertOp(had, argument)
                argument.replace_all_uses_except(converted.result, converted.operation)
                types[first + i] = new
    main.attributes["function_type"] = ir.TypeAttr.get(
        ir.FunctionType.get(types, list(main.type.results))
    )


def _tensor_type(given: Any) -> Any:
    from jax.extend.mlir import ir

    if not isinstance(given, ir.RankedTensorType):
        raise _fail(f"The module takes or gives {given}, which is no tensor of known rank")
    return given


def _attributes(main: Any, i: int) -> Any:
    held = main.attributes.get("arg_attrs")
    return [] if held is None else [(each.name, each.attr) for each in held[i]]


def _listed(types: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, types))}]"
