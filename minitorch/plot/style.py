"""How every figure looks, in the library and in the lessons: the colours, the lines, the text.

A figure of 8 inches stands 800 pixels wide on a page, so that text of 12 points is 16 pixels high
there, as high as the words around it. Lines differ in their dashes or marks as well as in colour.
"""

from __future__ import annotations

from typing import Any

# The eight colours of Okabe and Ito, which those who see red and green alike can tell apart, too
# ("Color Universal Design", 2008); and two greys, for what stands behind.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, FAINT = "#767676", "#B8B8B8"
COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)  # in this order; yellow is hardly seen
DASHES = ("-", "--", "-.", ":")
MARKS = "osD^v"
# From the first line to the last, where there are more than COLOURS: dark blue to light green.
_DEPTHS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98))

STYLE = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "figure.figsize": (8, 4),
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so every machine has it
    "font.size": 12,
    "figure.titlesize": 14,
    "figure.titleweight": "bold",
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": f"cycler('color', {[*COLOURS]})",
    "grid.color": "#DDDDDD",
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "gray_r",
    "svg.hashsalt": "minitorch",  # the same figure is the same file
}


def colour(i: int, count: int) -> Any:
    """The i-th of so many lines: a colour of its own, or from dark to light if there are many."""
    if count <= len(COLOURS):
        return COLOURS[i]
    place = i / (count - 1) * (len(_DEPTHS) - 1)
    low = min(int(place), len(_DEPTHS) - 2)
    ends = zip(_DEPTHS[low], _DEPTHS[low + 1])
    return tuple((a + (b - a) * (place - low)) / 255 for a, b in ends)


def escaped(name: Any) -> str:
    r"""A name as Matplotlib shows it: "$" begins no formula, and "_" does not hide it in a legend.

    >>> print(escaped("a$b"), escaped("_hidden"))
    a\$b  _hidden
    """
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
