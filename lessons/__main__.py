"""Runs the lessons, each in a process of its own.

    python -m lessons              lists them
    python -m lessons 01           runs one; 1, 01_matmul and lessons/01_matmul.py do as well
    python -m lessons all          runs all, with a table of times and figures at the end
    python -m lessons check 05     checks the exercises of lesson 5, as the reader left them
    python -m lessons check puzzles    the ten puzzles in broadcasting
    python -m lessons book site    writes the course as pages for a browser into the folder site
    python -m lessons engine       an engine that grows in ten steps; engine 4 shows the fourth

A lesson that fails is named, with the end of what it said, and the others go on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lessons import book, growing
from lessons.common import FOUND, WROTE, add_options
from lessons.grading import check, named

FOLDER = Path(__file__).parent
LAST_WORDS = 15  # how many lines of a failed lesson are shown


@dataclass(frozen=True)
class Lesson:
    """A file of the course: 01_matmul.py has number 1; its first cell holds title and summary."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    @property
    def heading(self) -> tuple[str, str]:
        """The title, and the first line of text below it."""
        lines = [line[2:].strip() for line in self.path.read_text("utf-8").splitlines()]
        at = next((i for i, line in enumerate(lines) if line.startswith("# ")), None)
        if at is None:
            return self.path.stem, ""
        return lines[at][2:], next((line for line in lines[at + 1 :] if line), "")


@dataclass(frozen=True)
class Result:
    """How a lesson went."""

    lesson: Lesson
    seconds: float
    status: int
    said: list[str]

    @property
    def figures(self) -> list[Path]:
        return [Path(line.removeprefix(WROTE)) for line in self.said if line.startswith(WROTE)]

    @property
    def found(self) -> str:
        """What the lesson found, in its own words; empty when it does not say."""
        lines = (line for line in self.said if line.startswith(FOUND))
        return next(lines, "").removeprefix(FOUND)


def lessons(folder: Path) -> list[Lesson]:
    return [Lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]


def find(wanted: str, course: list[Lesson]) -> Lesson:
    """The lesson called `wanted`: its number, its name, or its path."""
    name = Path(wanted).name.removesuffix(".py")
    for lesson in course:
        if name == lesson.path.stem or (name.isdecimal() and int(name) == lesson.number):
            return lesson
    known = ", ".join(f"{lesson.number:02}" for lesson in course)
    raise LookupError(f"there is no lesson {wanted!r}; there are {known}, and all")


def run(lesson: Lesson, options: list[str], hear: Callable[[str], object]) -> Result:
    """Runs a lesson, passing on each line as it is said.

    Unless told otherwise it gets one thread for matrix products. They are small here: threads
    would mostly wait for each other, for seconds where other programs keep the cores busy.
    """
    root = str(FOLDER.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    said, started = [], time.perf_counter()
    command = [sys.executable, "-u", str(lesson.path), *options]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        try:
            for line in process.stdout:
                said.append(line.rstrip("\n"))
                hear(said[-1])
        except BaseException:
            process.kill()
            raise
    return Result(lesson, time.perf_counter() - started, process.returncode, said)


# what is shown ----------------------------------------------------------------------------------


def show_list(course: list[Lesson]) -> None:
    for lesson in course:
        title, summary = lesson.heading
        print(f"{lesson.number:02}  {title}\n    {summary}")
    print("\npython -m lessons 01 runs one, python -m lessons all runs the course")


def progress(chosen: list[Lesson]) -> tuple[Iterable[Lesson], Callable[[str], None]]:
    """The lessons in turn, under a bar on a terminal with tqdm; and how to print beside it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return chosen, partial(print, flush=True)
    if not sys.stderr.isatty():
        return chosen, partial(print, flush=True)
    return tqdm(chosen, unit="lesson", leave=False), tqdm.write


def verdict(result: Result) -> str:
    name = result.lesson.path.stem
    if not result.status:
        found = f"; {result.found}" if result.found else ""
        return f"{name}: ok, {result.seconds:.1f} s{found}"
    last = "\n".join(f"    {line}" for line in result.said[-LAST_WORDS:])
    return f"{name}: FAILED (exit status {result.status}); its last words:\n{last}"


def show_table(results: list[Result]) -> None:
    rows = [
        (
            r.lesson.path.stem,
            f"{r.seconds:.1f}",
            "failed" if r.status else "ok",
            ", ".join(p.name for p in r.figures) or "-",
        )
        for r in results
    ]
    total = f"{sum(r.seconds for r in results):.1f}"
    failed = sum(r.status != 0 for r in results)
    rows.append(("all", total, f"{failed} failed" if failed else "ok", ""))
    rows.insert(0, ("lesson", "seconds", "result", "figures"))
    name, seconds, result, _ = (max(map(len, column)) for column in zip(*rows))
    print()
    for a, b, c, d in rows:
        print(f"{a:{name}}  {b:>{seconds}}  {c:{result}}  {d}".rstrip())


def open_figures(paths: Iterable[Path]) -> None:
    """Shows pictures with the program that the system has for them."""
    for path in paths:
        if sys.platform == "win32":
            os.startfile(path)
            continue
        viewer = "open" if sys.platform == "darwin" else "xdg-open"
        try:
            subprocess.Popen([viewer, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            print(f"there is no {viewer} here to show {path}")


# the command ------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Runs the command; its exit status, 1 when a lesson failed."""
    parser = argparse.ArgumentParser(
        prog="python -m lessons", description="Lists the lessons, or runs them."
    )
    parser.add_argument(
        "lesson",
        nargs="*",
        help="a number or name, or all; none for a list; check NN, book FOLDER, engine N",
    )
    add_options(parser)
    parser.add_argument("--open", action="store_true", help="show the figures")
    parser.add_argument("--run", action="store_true", help="put what lessons say into the book")
    parser.add_argument("--file", type=Path, help="check this file and not the one in exercises/")
    asked = parser.parse_args(arguments)

    course = lessons(folder)
    if asked.lesson[:1] == ["check"]:
        if len(asked.lesson) != 2:
            parser.error("check takes the number of one lesson: python -m lessons check 05")
        return check(named(asked.lesson[1]), asked.file)
    if asked.lesson[:1] == ["book"]:
        if len(asked.lesson) != 2:
            parser.error("book takes a folder to write to: python -m lessons book site")
        pages = book.write(course, Path(asked.lesson[1]), asked.run)
        print(f"{len(pages)} pages, to be read from {pages[0]}")
        return 0
    if asked.lesson[:1] == ["engine"]:
        if len(asked.lesson) > 2 or not all(word.isdecimal() for word in asked.lesson[1:]):
            parser.error("engine takes the number of a step: python -m lessons engine 4")
        return growing.show(int(asked.lesson[1]) if len(asked.lesson) == 2 else None)
    if not asked.lesson:
        show_list(course)
        return 0
    every = "all" in asked.lesson
    try:
        chosen = course if every else [find(wanted, course) for wanted in asked.lesson]
    except LookupError as error:
        parser.error(str(error))
    options = [f"--data={asked.data}", f"--figures={asked.figures}"]
    options += ["--redraw"] if asked.redraw else []

    if len(chosen) == 1 and not every:
        results = [run(chosen[0], options, partial(print, flush=True))]
        if results[0].status:
            print(f"{chosen[0].path.stem}: FAILED (exit status {results[0].status})")
    else:
        results = []
        turns, say = progress(chosen)
        for lesson in turns:
            results.append(run(lesson, options, lambda line: None))
            say(verdict(results[-1]))
        show_table(results)
    if asked.open:
        open_figures(path for result in results for path in result.figures)
    return int(any(result.status for result in results))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
