"""`tf.keras`: the Keras package, with Reflow as its TensorFlow.

Keras imports `tensorflow`; so that it finds Reflow there, the alias is installed first, also for
programs that say `import reflow as tf`. `tf.initializers`, `tf.losses`, `tf.metrics` and
`tf.optimizers` of TF 2 are Keras's too.
"""

from __future__ import annotations

import importlib
import sys
import types

from reflow import api

_ROOT = "keras._tf_keras.keras"
ALIASES = (
    "initializers",
    "losses",
    "metrics",
    "optimizers",
)  # names of TF 2 that are Keras's of the same name


def is_keras(space: str, name: str) -> bool:
    """Whether a public name is Keras's business."""
    head = name.partition(".")[0]
    return space == "v2" and (head == "keras" or head in ALIASES)


def lookup(name: str, shown: str) -> object:
    """What `tf.NAME` is, for a name below `keras` or one of the aliases.

    Raises:
      ImportError: if the Keras package is not installed, or is older than Keras 3.
      AttributeError: if Keras has no such name.
    """
    parts = name.split(".")
    found: object = package() if parts[0] == "keras" else getattr(package(), parts[0])
    for i, part in enumerate(parts[1:], 2):
        if isinstance(found, types.ModuleType) and not hasattr(found, part):
            try:
                importlib.import_module(f"{_ROOT}.{'.'.join(parts[1:i])}")
            except ModuleNotFoundError:
                raise api.MissingSymbol(f"{shown}: Keras has no {name!r}") from None
        found = getattr(found, part)
    return found


def package() -> types.ModuleType:
    """Keras's name space for TensorFlow, `keras._tf_keras.keras`.

    Raises:
      ImportError: if the Keras package is not installed, or is older than Keras 3.
    """
    held = sys.modules.get("tensorflow")
    if held is None:
        from reflow.compat import alias

        alias.install("v2")
    elif not isinstance(held, api.Namespace):
        raise ImportError(
            "tf.keras of Reflow needs `import tensorflow` to mean Reflow, and another `tensorflow` is "
            "imported already. Import reflow first, or run the program with `reflow run`."
        )
    try:
        return importlib.import_module(_ROOT)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "keras":
            raise
        raise ImportError(
            "tf.keras is the Keras 3 package, which is not installed: pip install 'reflow[keras]'"
        ) from None
