"""What the lessons share: their options, the data, measurements that are kept, and figures.

Only this file knows where figures go; how they look is said in minitorch.plot.style. A lesson hands
over a function that draws on a Matplotlib figure; where Matplotlib is missing one line says so, and
the lesson goes on.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minitorch import Tensor
from minitorch.io.file import replacing
from minitorch.plot.figure import look_alike, painted
from minitorch.plot.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW
from minitorch.utils.data import DataError, Split, digits, mnist

__all__ = [
    "BLACK",
    "BLUE",
    "FIGURES",
    "FOUND",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "WROTE",
    "YELLOW",
    "add_options",
    "here",
    "kept",
    "load_images",
    "options",
    "save_figure",
    "seconds",
    "show_image",
]

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
    if options().data != "digits":
        name = f"{name}_{options().data}"
    path = options().figures / f"{name}.png"
    try:
        picture = painted(draw, **figure_options)
    except ImportError as error:
        print(f"no figure {name}: {error}")
        return
    if not (path.exists() and look_alike(path.read_bytes(), picture)):
        _write(path, picture)
    print(f"{WROTE}{path}")


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
    with replacing(path) as draft:
        draft.write(content)
