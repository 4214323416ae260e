"""Reports how big Reflow is: lines by layer, the wheel, and what an installation occupies.

python tools/size_report.py          (an environment where reflow is installed)
"""

import importlib.metadata
import io
import pathlib
import subprocess
import sys
import tempfile
import tokenize
import zipfile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "reflow"
# Tokens that are no code: a line with nothing else on it is blank, a comment or a docstring.
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(text):
    """Counts the lines of Python `text` that hold code: not blank, no comment, no docstring."""
    lines, statement = set(), []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            statement.append(token)
        elif token.type == tokenize.NEWLINE:
            # A statement that is only a string is a docstring.
            if any(part.type != tokenize.STRING for part in statement):
                for part in statement:
                    lines.update(range(part.start[0], part.end[0] + 1))
            statement = []
    return len(lines)


def is_generated(path):
    return path.name.endswith("_pb2.py")


def layers():
    """Yields (layer, files, lines, code lines, generated lines), largest layer first."""
    groups = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).parts
        groups.setdefault(parts[0] if len(parts) > 1 else "(root)", []).append(path)
    rows = []
    for layer, paths in groups.items():
        written = [path.read_text() for path in paths if not is_generated(path)]
        generated = [path.read_text() for path in paths if is_generated(path)]
        rows.append(
            (
                layer,
                len(written),
                sum(text.count("\n") for text in written),
                sum(map(code_lines, written)),
                sum(text.count("\n") for text in generated),
            )
        )
    return sorted(rows, key=lambda row: -row[3])


def wheel_sizes():
    """Builds the wheel; its size and the size of what it unpacks to, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"]
        command += ["--disable-pip-version-check", "--wheel-dir", folder, str(ROOT)]
        subprocess.run(command, check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        return wheel.stat().st_size, unpacked


def installed_size(name):
    """Bytes on disk of an installed distribution, without compiled `.pyc` files."""
    files = importlib.metadata.distribution(name).files or []
    paths = (pathlib.Path(file.locate()) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


def dependencies(name):
    """The names of all distributions that `name` needs, directly or not, without extras."""
    found, waiting = set(), [name]
    while waiting:
        for line in importlib.metadata.requires(waiting.pop()) or []:
            requirement = Requirement(line)
            needed = canonicalize_name(requirement.name)
            if needed in found or (
                requirement.marker and not requirement.marker.evaluate({"extra": ""})
            ):
                continue
            found.add(needed)
            waiting.append(needed)
    return found


def table(header, rows):
    """Formats rows as a Markdown table, the first column left, the others right."""
    rows = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        lines.append("| " + " | ".join(cells) + " |")
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def megabytes(size):
    return f"{size / 1e6:.2f}"


def main():
    rows = layers()
    total = ["total", *(sum(row[i] for row in rows) for i in range(1, 5))]
    print(table(["layer", "files", "lines", "code", "generated"], [*rows, total]))
    wheel, unpacked = wheel_sizes()
    sizes = {name: installed_size(name) for name in dependencies("reflow")}
    rows = [("reflow", unpacked), *sorted(sizes.items(), key=lambda item: -item[1])]
    rows.append(("total", sum(size for _, size in rows)))
    print(f"\nwheel: {megabytes(wheel)} MB\n")
    print(table(["installed", "MB"], [(name, megabytes(size)) for name, size in rows]))


if __name__ == "__main__":
    main()
