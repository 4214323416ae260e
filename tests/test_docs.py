"""The documentation says what is so: its programs run."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]


def code_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.S)


def test_the_engine_from_scratch_trains():
    source = "\n".join(code_blocks(ROOT / "docs" / "from_scratch.md"))
    names = {}
    exec(compile(source, "docs/from_scratch.md", "exec"), names)
    assert names["now"] < 1e-6
    assert len([line for line in source.splitlines() if line.strip()]) < 140


def test_the_readme_program_runs(tmp_path):
    import subprocess
    import sys

    program = tmp_path / "program.py"
    program.write_text(code_blocks(ROOT / "README.md")[0] + "    print(session.run(w).shape)\n")
    done = subprocess.run(
        [sys.executable, "-m", "reflow.cli.main", "run", str(program)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(3, 1)"


def test_the_files_that_the_documentation_names_exist():
    missing = []
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(
            r"`?((?:lang|ops|compiler|runtime|autodiff|formats)/\w+\.py)`?", page.read_text()
        ):
            if not (ROOT / "src" / "reflow" / name).exists():
                missing.append(f"{page.name}: {name}")
    assert not missing
