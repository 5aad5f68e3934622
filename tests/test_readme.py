"""The README says what is true: its code runs, its links lead somewhere, its lists are whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lessons.__main__ import lessons

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
PROGRAMS = [block for block in PYTHON if not block.startswith("@op")]
EXCERPTS = [block for block in PYTHON if block.startswith("@op")]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.splitlines()[0])
def test_its_programs_run_and_print_what_it_says(program: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = float(re.search(r"# about ([\d.]+)", program)[1])
    found = float(re.search(r"^([\d.]+) of the new digits", done.stdout, re.M)[1])
    assert found == pytest.approx(said, abs=0.015)


def test_there_are_programs_and_an_op():
    assert (len(PROGRAMS), len(EXCERPTS)) == (2, 1)


def test_the_op_it_shows_is_the_one_in_the_source():
    source = _squeezed((ROOT / "minitorch" / "ops" / "arithmetic.py").read_text("utf-8"))
    for line in EXCERPTS[0].splitlines():
        assert _squeezed(line).removesuffix('"""').removesuffix("...)") in source


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https)([^)]+)\)", README))))
def test_its_links_lead_somewhere(target: str):
    assert (ROOT / target).exists()


def test_its_table_of_lessons_is_whole():
    listed = re.findall(r"^\| (\d\d) \| \[(.+?)\]\((.+?)\) \|", README, re.M)
    course = lessons(ROOT / "lessons")
    assert listed == [
        (f"{lesson.number:02}", lesson.heading[0], f"lessons/{lesson.path.name}")
        for lesson in course
    ]


def test_its_commands_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert f"\n{target}:" in makefile
    extras = {e for group in re.findall(r"'\.\[(.+?)\]'", README) for e in group.split(",")}
    assert extras <= set(project["optional-dependencies"])
    assert project["name"] in README
