"""Writes `src/reflow/_api.py`, the committed map of public names, from the `@export` rows.

python tools/make_api.py          writes it
python tools/make_api.py --check  fails if it is stale
python tools/make_api.py --draft  leaves out, and names, modules that do not import yet
"""

from __future__ import annotations

import importlib
import pathlib
import sys

SOURCE = pathlib.Path(__file__).parents[1] / "src" / "reflow"
ROOMS = (
    "lang",
    "platform",
    "ops",
    "autograph",
    "autodiff",
    "compiler",
    "runtime",
    "formats",
    "data",
    "train",
    "distribute",
    "compat",
    "testing",
)
HEAD = '"""The public names and where they live: written by tools/make_api.py, not by hand."""\n'


def render() -> str:
    """The text of the map."""
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            if parts[-1] in ("__init__", "jax_namespace", "jax_setup", "tracing", "eager_compile"):
                parts = parts[:-1] if parts[-1] == "__init__" else ()
            if parts:
                try:
                    importlib.import_module(".".join(parts))
                except Exception as error:
                    if "--draft" not in sys.argv:
                        raise
                    print(f"left out {'.'.join(parts)}: {error}")
    from reflow.lang.export import EXPORTS

    text = HEAD
    for space in ("v1", "v2"):
        rows = {name: place for (where, name), place in EXPORTS.items() if where == space}
        text += f"\n{space.upper()} = {{\n"
        text += "".join(f'    "{name}": "{rows[name]}",\n' for name in sorted(rows))
        text += "}\n"
    from reflow.lang.opdef import REGISTRY

    text += "\n# From an op to the family file that defines it.\nOPS = {\n"
    for name in sorted(REGISTRY):
        text += f'    "{name}": "{REGISTRY[name].family}",\n'
    return text + "}\n"


def main() -> int:
    target = SOURCE / "_api.py"
    text = render()
    if "--check" in sys.argv:
        if target.read_text() != text:
            print("src/reflow/_api.py is stale: run python tools/make_api.py")
            return 1
        return 0
    target.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
