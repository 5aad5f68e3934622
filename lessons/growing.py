"""An engine that grows: ten whole files, each a small step from the one before.

    python -m lessons engine        lists the steps
    python -m lessons engine 4      shows what is new in step 4, and runs it

They go the way from lesson 5 to lesson 12 and through lesson 21 once more, in one piece and without
convolutions: from a number that remembers what it was made of to a network that reads digits, and
to gradients of gradients.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).parent / "engine"


def steps() -> list[Path]:
    """The files, in order."""
    return sorted(ENGINE.glob("[0-9][0-9]_*.py"))


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def about(path: Path) -> str:
    """What a step is about: its first line."""
    return lines(path)[0].strip('"')


def news(number: int) -> list[str]:
    """What is new in a step: lines with + came, lines with - went, the others stand around them.

    Where lines that stayed are left out, it says "...".
    """
    before = lines(steps()[number - 2]) if number > 1 else []
    found = difflib.unified_diff(before, lines(steps()[number - 1]), n=2, lineterm="")
    said = ["..." if line.startswith("@@") else line for line in list(found)[2:]]
    return said[1:]  # not before the first


def run(path: Path) -> subprocess.CompletedProcess:
    """Runs a step, in a process of its own."""
    root = str(ENGINE.parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-W", "error", str(path)]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")


def show(number: int | None) -> int:
    """Lists the steps, or shows one and runs it; the exit status."""
    if number is None:
        print("\n".join(f"{about(path)}  ({len(lines(path))} lines)" for path in steps()))
        print("\npython -m lessons engine 4 shows what is new in step 4, and runs it")
        return 0
    if not 1 <= number <= len(steps()):
        print(f"there is no step {number}; there are 1 to {len(steps())}")
        return 2
    path = steps()[number - 1]
    print("\n".join(news(number)))
    done = run(path)
    print(f"\n{path.name} says:\n{done.stdout}{done.stderr}", end="")
    return done.returncode
