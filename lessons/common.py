"""What the lessons share: their options, the data, measurements that are kept, and figures.

Only this file knows where figures go and how they look. A lesson hands over a function that draws
on a Matplotlib figure; where Matplotlib is missing one line says so, and the lesson goes on.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import platform
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minitorch import Tensor
from minitorch.utils.data import DataError, Split, digits, mnist

FIGURES = Path(__file__).parent.parent / "figures"
FOUND = "found: "  # how a lesson says in one line what it found; `all` shows these lines
WROTE = "figure: "  # how a lesson says which figures it wrote; the runner reads these lines

# options ----------------------------------------------------------------------------------------


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that a lesson takes, and the runner hands on."""
    parser.add_argument(
        "--data", choices=["digits", "mnist"], default="digits", help="the images to learn from"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="take the times in the timing figures again"
    )
    parser.add_argument(
        "--figures", type=Path, default=FIGURES, metavar="DIR", help="where the figures go"
    )


@functools.cache
def options() -> argparse.Namespace:
    """The options on the command line; in a notebook, which has none, the defaults."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_args([] if "ipykernel" in sys.modules else None)


# data -------------------------------------------------------------------------------------------


def load_images() -> Split[Tensor]:
    """28x28 images of digits: the ones that travel with the package, or MNIST with --data mnist."""
    if options().data == "digits":
        return digits(size=28)
    try:
        return mnist()
    except DataError as error:
        raise SystemExit(str(error)) from None


# measurements -----------------------------------------------------------------------------------


def seconds(f: Callable, *args: Any, at_least: float = 0.05) -> float:
    """The time of one call f(*args): the best of three runs of many calls each.

    The best, not the mean: whatever else the computer does can only add to it.
    """
    timer = timeit.Timer(lambda: f(*args))
    calls = max(1, int(at_least / timer.timeit(1)))
    return min(timer.repeat(3, calls)) / calls


def here() -> str:
    """What a time depends on, in a few words."""
    return f"Python {platform.python_version()}, NumPy {np.__version__}"


def kept(name: str, measured: Any) -> Any:
    """The measurement kept beside the figures as NAME.json; `measured` where there is none yet.

    Times differ in every run. A figure drawn from the kept ones stays the same file, until it is
    redrawn on purpose with --redraw.
    """
    path = options().figures / f"{name}.json"
    if options().redraw or not path.exists():
        _write(path, (json.dumps(measured, indent=2) + "\n").encode())
    return json.loads(path.read_text())


# figures ----------------------------------------------------------------------------------------

# The eight colours of Okabe and Ito, which colour-blind readers can tell apart, too.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#767676"

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
    "grid.color": "#DDDDDD",
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "gray_r",
}


def save_figure(name: str, draw: Callable[[Any], None], **figure_options: Any) -> None:
    """Writes figures/NAME.png, drawn by `draw(figure)`, and prints its path.

    The same picture is the same file, byte for byte. A file that looks the same is left untouched,
    since the last bits of a float depend on the processor and on the number of threads. Pictures
    made from MNIST get a name of their own.

    Args:
        name: the number of the lesson and what is seen, "01_matmul".
        draw: takes a Matplotlib Figure and draws on it.
        figure_options: of the Figure, such as figsize=(8, 4), in inches.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        print(f"no figure {name}: it needs Matplotlib, {sys.executable} -m pip install matplotlib")
        return
    if options().data != "digits":
        name = f"{name}_{options().data}"
    path = options().figures / f"{name}.png"
    picture = io.BytesIO()
    with style.context(["default", STYLE]):  # whatever the reader's own settings are
        figure = Figure(**figure_options)  # no pyplot, hence no window and no display
        draw(figure)
        figure.savefig(picture, format="png", metadata={"Software": None})
    if not _looks_like(path, picture):
        _write(path, picture.getvalue())
    print(f"{WROTE}{path}")


def _looks_like(path: Path, picture: io.BytesIO) -> bool:
    """True if no eye could tell: no colour differs by more than 8 of its 255 steps."""
    from matplotlib.image import imread

    if not path.exists():
        return False
    picture.seek(0)
    old, new = imread(path, format="png"), imread(picture, format="png")
    return old.shape == new.shape and float(abs(old - new).max()) <= 8 / 255


def show_image(axes: Any, image: Any, title: str = "") -> None:
    """One image, (H, W) or (1, H, W) in [0, 1], as ink on paper."""
    axes.imshow(np.asarray(image).reshape(image.shape[-2:]), vmin=0, vmax=1)
    axes.set_title(title, loc="center")
    axes.set_axis_off()


def _write(path: Path, content: bytes) -> None:
    """Writes a whole file or nothing, and leaves one alone that already holds this."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(content)
    half.replace(path)
