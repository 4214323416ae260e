"""`tf.app.run`: https://www.tensorflow.org/api_docs/python/tf/compat/v1/app/run"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang.export import export


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses the flags that are defined; unknown ones stay among the arguments."""
    from absl import flags

    return flags.FLAGS(list(argv), known_only=True)


@export(v1=("app.run",))
def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Parses flags, calls `main(argv)` with the remaining arguments, and ends the process.

    Args:
      main: the program; by default `main` of the module `__main__`.
      argv: the command line; by default `sys.argv`.

    Raises:
      SystemExit: with what `main` returns.

    A program ends with:

    ```python
    if __name__ == "__main__":
        tf.compat.v1.app.run()
    ```
    """
    from absl import app

    if main is None:
        main = getattr(sys.modules["__main__"], "main", None)
        if main is None:
            raise AttributeError("tf.app.run(): the program has no function main(argv)")
    app.run(main=main, argv=argv, flags_parser=_parse)
