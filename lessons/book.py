"""The course as a book: pages of HTML, to be read in a browser, offline.

    python -m lessons book FOLDER          text, code and figures
    python -m lessons book FOLDER --run    and below each cell what it says, which takes minutes

There is a page for each lesson, one for the engine that grows in ten steps, and one for the
puzzles. A page is one file. Its figures are inside it and its formulas are MathML, which browsers
draw themselves, so nothing is fetched from anywhere.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import keyword
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Protocol

from lessons import growing
from lessons.grading import EXERCISES
from lessons.prose import html

FIGURES = Path(__file__).parent.parent / "figures"
MARKDOWN = "[markdown]"
TO_INDEX = '<a href="index.html">The lessons</a>'

BESIDE = """
## Beside the lessons

[An engine in ten steps](engine.html): the way from lesson 5 to lesson 12, and through lesson 21,
once more and in one piece. `python -m lessons engine` lists the steps, and `python -m lessons
engine 4` shows what is new in the fourth, and runs it.

[Ten puzzles in broadcasting](puzzles.html), each with an answer in one line. Fill them in where
they stand, in `lessons/exercises/puzzles.py`, and `python -m lessons check puzzles` looks at them.
"""

ENGINE = """
# An engine in ten steps

Ten whole files, each a small step from the one before: from a number that remembers what it was
made of to a network that reads digits, and to gradients of gradients. They go the way from lesson 5
to lesson 12, and through lesson 21, once more. Here stands what is new in each, and at the end the
last as a whole.

`python -m lessons engine 4` shows what is new in step 4, and runs it. The files are in
`lessons/engine`.
"""


class Lesson(Protocol):
    """A file of the course, as the runner knows it."""

    @property
    def path(self) -> Path: ...
    @property
    def number(self) -> int: ...
    @property
    def heading(self) -> tuple[str, str]: ...


def write(course: list[Lesson], folder: Path, run: bool = False) -> list[Path]:
    """Writes index.html and the other pages; the paths, the index first.

    Args:
        course: the lessons in their order.
        folder: is made where it is not there.
        run: runs the lessons, and shows what their cells say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = {lesson.number: f"{lesson.path.stem}.html" for lesson in course}
    written = [folder / "index.html"]
    written[0].write_text(index(course, pages), "utf-8")
    for before, lesson, after in zip([None, *course], course, [*course[1:], None]):
        said = outputs(lesson.path) if run else {}
        around = [(word, near) for word, near in (("←", before), ("→", after)) if near]
        written.append(folder / pages[lesson.number])
        written[-1].write_text(page(lesson, pages, around, said), "utf-8")
    for name, text in (("engine", engine(pages)), ("puzzles", puzzles(pages))):
        written.append(folder / f"{name}.html")
        written[-1].write_text(text, "utf-8")
    return written


def index(course: list[Lesson], pages: dict[int, str]) -> str:
    """The page with the contents."""
    lines = []
    for lesson in course:
        title, summary = (escape(text, quote=False) for text in lesson.heading)
        link = f'<a href="{pages[lesson.number]}">{title}</a>'
        lines.append(f'<li value="{lesson.number}">{link}<br/>{summary}</li>')
    contents = f"<h1>The lessons</h1>\n<ol>{chr(10).join(lines)}</ol>"
    return whole("The lessons", f"{contents}\n{html(BESIDE, pages.get)}")


def page(
    lesson: Lesson,
    pages: dict[int, str],
    around: list[tuple[str, Lesson]],
    said: dict[int, str],
) -> str:
    """The page of a lesson."""
    links = [
        f'<a href="{pages[near.number]}">{word} {escape(near.heading[0], quote=False)}</a>'
        for word, near in around
    ]
    way = f"<nav>{TO_INDEX} {' '.join(links)}</nav>"
    parts = [way]
    for i, (kind, text) in enumerate(cells(lesson.path.read_text("utf-8"))):
        if kind == MARKDOWN:
            parts.append(html(text, pages.get))
            continue
        parts.append(f"<pre><code>{coloured(text)}</code></pre>")
        if words := said.get(i, "").strip():
            parts.append(f'<pre class="said">{escape(words, quote=False)}</pre>')
        parts += [figure(name) for name in figures(text)]
    return whole(lesson.heading[0], "\n".join([*parts, way]))


def engine(pages: dict[int, str]) -> str:
    """The page of the engine that grows: what is new in each step, and the last as a whole."""
    parts = [html(ENGINE, pages.get)]
    steps = growing.steps()
    for number, path in enumerate(steps, 1):
        parts.append(f"<h2>{escape(growing.about(path).rstrip('.'), quote=False)}</h2>")
        parts.append(f"<pre><code>{changed(growing.news(number))}</code></pre>")
    parts.append(f"<h2>The whole engine, at step {len(steps)}</h2>")
    parts.append(f"<pre><code>{coloured(steps[-1].read_text('utf-8'))}</code></pre>")
    return beside("An engine in ten steps", parts)


def puzzles(pages: dict[int, str]) -> str:
    """The page of the puzzles: their rules as text, and all else as code."""
    source = (EXERCISES / "puzzles.py").read_text("utf-8")
    rules = ast.get_docstring(ast.parse(source)) or ""
    title, _, rest = rules.partition(". ")
    code = source.partition('"""\n')[2].strip("\n")
    text = html(f"# {title}\n\n{rest}", pages.get)
    return beside(title, [text, f"<pre><code>{coloured(code)}</code></pre>"])


def beside(title: str, parts: list[str]) -> str:
    """A page that is no lesson, with the way back."""
    way = f"<nav>{TO_INDEX}</nav>"
    return whole(title, "\n".join([way, *parts, way]))


def whole(title: str, body: str) -> str:
    """A page around its body."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f"<title>{escape(title, quote=False)}</title><style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


# cells ------------------------------------------------------------------------------------------


def cells(source: str) -> list[tuple[str, str]]:
    """The cells of a lesson: ("[markdown]", its text) or ("", its code)."""
    found = []
    for cell in re.split(r"^# %%", source, flags=re.M)[1:]:
        kind, _, text = cell.partition("\n")
        if kind.strip() == MARKDOWN:
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
        found.append((kind.strip(), text.strip("\n")))
    return found


def coloured(code: str) -> str:
    """Python as HTML, with the kinds of its words marked."""
    lines = code.splitlines(keepends=True)
    parts, row, column = [], 1, 0

    def plain(to: tuple[int, int]) -> Iterator[str]:
        """What stands between the last word and a place."""
        nonlocal row, column
        while row < to[0]:
            yield lines[row - 1][column:]
            row, column = row + 1, 0
        yield lines[row - 1][column : to[1]] if row <= len(lines) else ""

    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        parts += [escape(text, quote=False) for text in plain(token.start)]
        row, column = token.start
        text = escape("".join(plain(token.end)), quote=False)
        row, column = token.end
        kind = kind_of(token)
        parts.append(f'<span class="{kind}">{text}</span>' if kind and text else text)
    return "".join(parts)


def changed(lines: list[str]) -> str:
    """Lines of a comparison as HTML: what came stands out, and what went is pale."""
    kinds = {"+": "came", "-": "went"}
    marked = []
    for line in lines:
        text, kind = escape(line, quote=False), kinds.get(line[:1])
        marked.append(f'<span class="{kind}">{text}</span>' if kind else text)
    return "\n".join(marked)


def kind_of(token: tokenize.TokenInfo) -> str:
    """What a token is coloured as: "word", "text", "note", or nothing."""
    if token.type == tokenize.COMMENT:
        return "note"
    if token.type == tokenize.STRING or "FSTRING" in tokenize.tok_name[token.type]:
        return "text"
    return "word" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""


def figures(code: str) -> list[str]:
    """The names of the figures that a cell saves."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "save_figure"
        and isinstance(node.args[0], ast.Constant)
    ]


def figure(name: str) -> str:
    """A figure, inside the page."""
    picture = base64.b64encode((FIGURES / f"{name}.png").read_bytes()).decode()
    return f'<img alt="figure {name}" src="data:image/png;base64,{picture}"/>'


# what the cells say -----------------------------------------------------------------------------


def outputs(path: Path) -> dict[int, str]:
    """What each cell of a lesson prints, by its place, in a process of its own.

    Raises:
        subprocess.CalledProcessError: the lesson failed.
    """
    root = str(Path(__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from lessons.book import run_cells; run_cells()", str(path)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return {int(i): text for i, text in json.loads(done.stdout.splitlines()[-1]).items()}


def run_cells() -> None:
    """Runs the cells of the lesson named on the command line; prints what each has said."""
    path = Path(sys.argv.pop())
    names = {"__name__": "__main__", "__file__": str(path)}
    said = {}
    source = path.read_text("utf-8")
    for i, (kind, text) in enumerate(cells(source)):
        if kind != MARKDOWN:
            lines = source[: source.index(text)].count("\n")  # so that an error names its line
            with contextlib.redirect_stdout(io.StringIO()) as heard:
                exec(compile("\n" * lines + text, str(path), "exec"), names)
            said[i] = re.sub(r"^figure: .*\n", "", heard.getvalue(), flags=re.M)
    print(json.dumps(said))


STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff;
       font: 1.05rem/1.55 Georgia, serif; }
h1, h2, h3, nav { font-family: system-ui, sans-serif; line-height: 1.25; }
h2 { margin-top: 2.2rem; }
nav { display: flex; flex-wrap: wrap; gap: 1.2rem; font-size: 0.85rem; margin: 1rem 0; }
a { color: #0072b2; text-decoration: none; }
a:hover { text-decoration: underline; }
pre { overflow-x: auto; padding: 0.8rem 1rem; background: #f5f5f2; border-radius: 4px;
      font: 0.82rem/1.45 ui-monospace, monospace; }
pre.said { background: #fff; border-left: 3px solid #e69f00; border-radius: 0;
           margin-top: -0.6rem; }
code { font-family: ui-monospace, monospace; font-size: 0.88em; }
pre code { font-size: 1em; }
.word { color: #0072b2; } .text { color: #00704f; } .note { color: #777; font-style: italic; }
.came { color: #00704f; } .went { color: #999; }
math { font-size: 1.05em; } math[display="block"] { margin: 1rem 0; overflow-x: auto; }
img { max-width: 100%; }
table { border-collapse: collapse; margin: 1rem auto; }
td { padding: 0.25rem 0.9rem; border-bottom: 1px solid #ddd; }
"""
