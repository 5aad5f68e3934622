"""The text of a lesson for a page: the Markdown that the lessons use becomes HTML.

That is headings, paragraphs, lists, tables, blocks of code; and inside a line code, formulas,
emphasis and links. What comes out is well-formed XML, so a test can read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

from lessons.formulas import mathml

INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\$(?P<formula>[^$]+)\$"
    r"|\*\*(?P<strong>[^*]+)\*\*"
    r"|(?<![\w*])\*(?P<em>[^*\s][^*]*)\*"
    r"|\[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)"
    r"|\b[Ll]essons? (?P<lesson>\d+)"
)
ITEM = re.compile(r"(?P<mark>-|\d+\.) (?P<text>.*)")


def html(markdown: str, lesson: Callable[[int], str | None]) -> str:
    """The text as HTML.

    Args:
        markdown: without the signs of a comment.
        lesson: the page of a lesson by its number, to which "lesson 5" then leads.
    """
    return "\n".join(element(block, lesson) for block in blocks(markdown))


def blocks(markdown: str) -> Iterator[list[str]]:
    """The lines of one paragraph, list, table, heading, formula or block of code after another."""
    block: list[str] = []
    fence = False
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("```"):
            fence = not fence
        if (line.strip() or fence) and not (line.startswith("#") and not fence):
            block.append(line)
            continue
        if block:
            yield block
        block = []
        if line.strip():
            yield [line]


def element(block: list[str], lesson: Callable[[int], str | None]) -> str:
    """One of them as HTML."""
    first = block[0]

    def spoken(lines: list[str]) -> str:
        return inline(" ".join(line.strip() for line in lines), lesson)

    if first.startswith("```"):
        return f"<pre><code>{escape(chr(10).join(block[1:-1]))}</code></pre>"
    if first.startswith("#"):
        level = len(first) - len(first.lstrip("#"))
        return f"<h{level}>{spoken([first.lstrip('# ')])}</h{level}>"
    if first.startswith("|"):
        rows = [line.strip().strip("|").split(" | ") for line in block]
        body = (row for row in rows if not set("".join(row)) <= set("-: |"))
        return f"<table>{''.join(table_row(row, lesson) for row in body)}</table>"
    if ITEM.match(first):
        items: list[list[str]] = []
        for line in block:
            if found := ITEM.match(line):
                items.append([found["text"]])
            else:
                items[-1].append(line)
        inside = "".join(f"<li>{spoken(item)}</li>" for item in items)
        number = first.partition(".")[0]
        return f'<ol start="{number}">{inside}</ol>' if number.isdigit() else f"<ul>{inside}</ul>"
    whole = " ".join(block)
    if whole.startswith("$$") and whole.find("$$", 2) == len(whole) - 2:
        return mathml(whole[2:-2], display=True)
    return f"<p>{spoken(block)}</p>"


def table_row(cells: list[str], lesson: Callable[[int], str | None]) -> str:
    return f"<tr>{''.join(f'<td>{inline(cell.strip(), lesson)}</td>' for cell in cells)}</tr>"


def inline(text: str, lesson: Callable[[int], str | None]) -> str:
    """One line of text as HTML."""
    parts, end = [], 0
    for found in INLINE.finditer(text):
        parts += [escape(text[end : found.start()], quote=False), marked(found, lesson)]
        end = found.end()
    return "".join(parts) + escape(text[end:], quote=False)


def marked(found: re.Match[str], lesson: Callable[[int], str | None]) -> str:
    """What stands between two signs."""
    kind = found.lastgroup
    if kind == "code":
        return f"<code>{escape(found['code'], quote=False)}</code>"
    if kind == "formula":
        return mathml(found["formula"])
    if kind in ("strong", "em"):
        return f"<{kind}>{inline(found[kind], lesson)}</{kind}>"
    if kind == "target":
        return f'<a href="{escape(found["target"])}">{inline(found["text"], lesson)}</a>'
    page = lesson(int(found["lesson"]))
    return f'<a href="{page}">{found[0]}</a>' if page else found[0]
