"""`tf.flags`, `tf.app.flags`: absl's flags, parsed when first read.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/flags
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from absl import flags as absl_flags

from reflow.lang.export import export_value
from reflow.platform import tf_logging

_OLD_NAMES = {"flag_name": "name", "default_value": "default", "docstring": "help"}
_told: list[bool] = []


class FlagValuesWrapper:
    """absl's `FLAGS`, which parses the command line when a flag is read for the first time."""

    def __init__(self, values: Any):
        self.__dict__["_wrapped"] = values

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__["_wrapped"]
        if not values.is_parsed():
            values(sys.argv, known_only=True)
        return getattr(values, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_wrapped"], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__dict__["_wrapped"], name)

    def __getitem__(self, name: str) -> Any:
        return self.__dict__["_wrapped"][name]

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__["_wrapped"]

    def __iter__(self) -> Any:
        return iter(self.__dict__["_wrapped"])

    def __len__(self) -> int:
        return len(self.__dict__["_wrapped"])

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_wrapped"])

    def __call__(self, argv: Any, known_only: bool = False) -> list[str]:
        return self.__dict__["_wrapped"](argv, known_only)


FLAGS = FlagValuesWrapper(absl_flags.FLAGS)


def _with_old_names(define: Callable[..., Any]) -> Callable[..., Any]:
    """`define` with the keyword names of TensorFlow's first releases."""

    @functools.wraps(define)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if _OLD_NAMES.keys() & kwargs.keys():
            if not _told:
                _told.append(True)
                tf_logging.warning(
                    "Use of the keyword argument names (flag_name, default_value, docstring) is "
                    "deprecated, please use (name, default, help) instead."
                )
            kwargs = {_OLD_NAMES.get(key, key): value for key, value in kwargs.items()}
        return define(*args, **kwargs)

    return wrapper


DEFINE_string = _with_old_names(absl_flags.DEFINE_string)
DEFINE_boolean = _with_old_names(absl_flags.DEFINE_boolean)
DEFINE_bool = DEFINE_boolean
DEFINE_float = _with_old_names(absl_flags.DEFINE_float)
DEFINE_integer = _with_old_names(absl_flags.DEFINE_integer)

_HERE = (
    "FLAGS",
    "DEFINE_string",
    "DEFINE_boolean",
    "DEFINE_bool",
    "DEFINE_float",
    "DEFINE_integer",
)

# What is absl's own.
# fmt: off
_ABSL = (
    "ArgumentParser", "ArgumentSerializer", "BaseListParser", "BooleanFlag", "BooleanParser",
    "CantOpenFlagFileError", "CsvListSerializer", "DEFINE", "DEFINE_alias", "DEFINE_enum",
    "DEFINE_enum_class", "DEFINE_flag", "DEFINE_list", "DEFINE_multi", "DEFINE_multi_enum",
    "DEFINE_multi_enum_class", "DEFINE_multi_float", "DEFINE_multi_integer",
    "DEFINE_multi_string", "DEFINE_spaceseplist", "DuplicateFlagError", "EnumClassFlag",
    "EnumClassListSerializer", "EnumClassParser", "EnumClassSerializer", "EnumFlag", "EnumParser",
    "Error", "Flag", "FlagHolder", "FlagNameConflictsWithMethodError", "FlagValues",
    "FloatParser", "IllegalFlagValueError", "IntegerParser", "ListParser", "ListSerializer",
    "MultiEnumClassFlag", "MultiFlag", "UnparsedFlagAccessError", "UnrecognizedFlagError",
    "ValidationError", "WhitespaceSeparatedListParser", "adopt_module_key_flags",
    "declare_key_flag", "disclaim_key_flags", "doc_to_help", "flag_dict_to_args",
    "get_help_width", "mark_bool_flags_as_mutual_exclusive", "mark_flag_as_required",
    "mark_flags_as_mutual_exclusive", "mark_flags_as_required", "multi_flags_validator",
    "override_value", "register_multi_flags_validator", "register_validator", "set_default",
    "text_wrap", "validator"
)
# fmt: on


def __getattr__(name: str) -> Any:
    """Everything else is absl's."""
    return getattr(absl_flags, name)


for _name in _HERE:
    export_value(__name__, _name, v1=[f"flags.{_name}", f"app.flags.{_name}"])
for _name in _ABSL:
    export_value("absl.flags", _name, v1=[f"flags.{_name}", f"app.flags.{_name}"])
