"""`__all__` from doc strings: `tensorflow.python.util.all_util`."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Sequence
from typing import Any

_REFERENCE = re.compile(r"@@(\w+)")
_hidden: dict[types.ModuleType, dict[str, Any]] = {}


def make_all(
    module_name: str, doc_string_modules: Sequence[types.ModuleType] | None = None
) -> list[str]:
    """The names that doc strings mention as `@@name`, where the module has them.

    Args:
      module_name: the module, as in `sys.modules`.
      doc_string_modules: whose doc strings are read; by default the module's own.
    """
    module = sys.modules[module_name]
    modules = [module] if doc_string_modules is None else list(doc_string_modules)
    names = {name for m in modules for name in _REFERENCE.findall(m.__doc__ or "")}
    return sorted(name for name in names if hasattr(module, name))


def remove_undocumented(
    module_name: str,
    allowed_exception_list: Sequence[str] | None = None,
    doc_string_modules: Sequence[types.ModuleType] | None = None,
) -> None:
    """Takes from a module the names that its doc strings do not mention as `@@name`.

    Args:
      module_name: the module, as in `sys.modules`.
      allowed_exception_list: names to keep all the same.
      doc_string_modules: whose doc strings are read; by default the module's own.
    """
    module = sys.modules[module_name]
    kept = {*make_all(module_name, doc_string_modules), *(allowed_exception_list or ())}
    for name in [n for n in dir(module) if not n.startswith("_") and n not in kept]:
        if name in module.__dict__:
            _hidden.setdefault(module, {})[name] = module.__dict__.pop(name)


def reveal_undocumented(symbol_name: str, target_module: types.ModuleType | None = None) -> None:
    """Puts back a name that `remove_undocumented` took.

    Args:
      symbol_name: the dotted name, module included.
      target_module: where to put it; by default the module it was taken from.

    Raises:
      LookupError: if no such name was taken.
    """
    module_name, _, name = symbol_name.rpartition(".")
    module = sys.modules.get(module_name)
    if module is None or name not in _hidden.get(module, {}):
        raise LookupError(f"{name} is not a hidden symbol in {module_name}.")
    setattr(target_module or module, name, _hidden[module][name])
