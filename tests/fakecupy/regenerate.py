"""Reads the names and parameters of the CuPy that is installed, and writes them to names.py.

    python -m tests.fakecupy.regenerate

CuPy imports and answers these questions on a machine without a GPU.
"""

import textwrap
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.fakecupy import signatures

HEAD = '''"""What CuPy {version} offers, name by name: its functions, methods, ufuncs and modules.

Written by `python -m tests.fakecupy.regenerate`. A group of plain names is one string of words;
where parameters matter a name has a short line, explained in signatures.py.
"""

VERSION = "{version}"
'''


def public(thing: object) -> list[str]:
    """The names of a module or class, less private ones and what `from __future__` left there."""
    return [n for n in dir(thing) if not n.startswith("_") and n != "annotations"]


def callables(module: object) -> dict[str, str]:
    """The functions and methods of a module or class, each with its short line."""
    found = {}
    for name in public(module):
        thing = getattr(module, name)
        if callable(thing) and not isinstance(thing, type):
            found[name] = signatures.of(thing)
    return found


def gather(cupy: ModuleType, cupyx: ModuleType) -> dict[str, str | dict[str, str]]:
    """Every group of names, as names.py holds it."""
    shared = [n for n in public(cupy) if hasattr(np, n) and getattr(np, n) is getattr(cupy, n)]
    ufuncs = [n for n in public(cupy) if isinstance(getattr(cupy, n), cupy.ufunc)]
    functions = {n: s for n, s in callables(cupy).items() if n not in {*shared, *ufuncs}}
    others = [n for n in public(cupy) if n not in {*shared, *ufuncs, *functions}]
    common = {*dir(object), "__buffer__", "__release_buffer__"}  # the last two: Python 3.12
    special = [n for n in dir(cupy.ndarray) if n.startswith("__") and n not in common]
    slots = [n for n in public(cupy.ndarray) if n not in callables(cupy.ndarray)]
    linalg = {n: s for n, s in callables(cupy.linalg).items() if n != "matmul"}
    return {
        "SHARED": " ".join(shared),
        "UFUNCS": " ".join(ufuncs),
        "OTHERS": " ".join(others),
        "FUNCTIONS": functions,
        "SPECIAL_METHODS": " ".join(special),
        "ATTRIBUTES": " ".join(slots),
        "METHODS": callables(cupy.ndarray),
        "LINALG": linalg,
        "FFT": callables(cupy.fft),
        "STRIDE_TRICKS": callables(cupy.lib.stride_tricks),
        "GENERATOR": callables(cupy.random.Generator),
        "RANDOM": callables(cupy.random),
        "RANDOM_CLASSES": " ".join(n for n in public(cupy.random) if n[0].isupper()),
        "CUDA": " ".join(public(cupy.cuda)),
        "RUNTIME": " ".join(
            n for n in public(cupy.cuda.runtime) if callable(getattr(cupy.cuda.runtime, n))
        ),
        "STREAM": " ".join(public(cupy.cuda.Stream)),
        "CUPYX": " ".join(public(cupyx)),
    }


def render(version: str, groups: dict[str, str | dict[str, str]]) -> str:
    """The text of names.py."""
    parts = [HEAD.format(version=version)]
    for group, content in groups.items():
        if isinstance(content, str):
            words = textwrap.fill(content, width=99, break_on_hyphens=False)
            parts.append(f'\n{group} = """\n{words}\n"""\n')
        else:
            lines = [f'    "{name}": "{line}",\n' for name, line in content.items()]
            parts.append(f"\n{group} = {{\n{''.join(lines)}}}\n")
    return "".join(parts)


def main() -> None:
    import cupy
    import cupyx

    here = Path(__file__).with_name("names.py")
    here.write_text(render(cupy.__version__, gather(cupy, cupyx)), encoding="utf-8")
    print(f"{here}: the names of CuPy {cupy.__version__}")


if __name__ == "__main__":
    main()
