"""A tape as one HTML file: its picture to fold and unfold, its list, and its backward in words.

All of it is in the file; nothing is loaded, so it opens without a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from minitorch.drawing import Graph
from minitorch.folding import Folding, Path, anchor

STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; }
body { color: #222; background: #fff; }
.graph { overflow-x: auto; }
svg a:hover rect, svg g:hover rect { stroke-width: 2; }
details { border-left: 3px solid #d5e7db; margin: .4em 0; padding-left: .9em; }
summary { cursor: pointer; font-family: monospace; }
table { border-collapse: collapse; font: 13px monospace; }
th, td { text-align: left; padding: .15em .9em .15em 0; border-bottom: 1px solid #eee; }
td.number, th.number { text-align: right; }
pre { font-size: 13px; overflow-x: auto; }
"""

# A click on the box of a module opens it, and whatever it is in.
SCRIPT = """\
function reveal() {
  const shown = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let e = shown; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  if (shown) shown.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();
"""


def page(title: str, folding: Folding, rows: Sequence[Sequence[str]], explanation: str) -> str:
    """The file's text.

    Args:
        title: of the page.
        folding: the tape as boxes and arrows, which can be folded by calls of modules.
        rows: the listing, its header first; the last column holds numbers.
        explanation: what backward does.
    """
    folds = ", modules are green: a click opens one" if folding.calls_in(()) else ""
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>Values are round, ops are square{folds}. "
        "The mouse over an op shows what it computed and what it saved.</p>",
        _drawn(folding.inside()),
        *_opened(folding, ()),
        "<h2>Line by line</h2>",
        _table(rows),
        "<h2>Backward</h2>",
        f"<pre>{escape(explanation)}</pre>",
        f"<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _opened(folding: Folding, inside: Path) -> Iterator[str]:
    """For each call directly in this one a part that can be opened, with those in it."""
    for call in folding.calls_in(inside):
        path = (*inside, call)
        count = folding.ops_in(path)
        said = f"{call}: {call.kind} {folding.outputs[call]}, {count} op{'s' * (count > 1)}"
        yield (
            f'<details id="{escape(anchor(call))}"{"" if inside else " open"}>\n'
            f"<summary>{escape(said)}</summary>"
        )
        yield _drawn(folding.inside(path))
        yield from _opened(folding, path)
        yield "</details>"


def _drawn(graph: Graph) -> str:
    return f'<div class="graph">{graph.svg()}</div>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["<table>"]
    for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False):
        *words, last = (escape(cell) for cell in row)
        cells = "".join(f"<{tag}>{cell}</{tag}>" for cell in words)
        lines.append(f'<tr>{cells}<{tag} class="number">{last}</{tag}></tr>')
    return "\n".join([*lines, "</table>"])
