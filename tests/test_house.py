"""The house rules that a program can check: who imports whom, and what an import costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minitorch"

# A file imports from floors below its own, or from its own floor where that has several rooms.
FLOORS = [
    ["meta", "meta.core", "meta.rules", "traced"],
    ["quiet", "threads", "tree", "words"],
    ["dtypes"],
    ["array", "constants", "errors"],
    ["kernels", "kernels.*"],
    ["few"],
    ["clock"],
    ["tape"],
    ["sweep"],
    ["copying", "facts", "printing"],
    ["tensor"],
    ["backward"],
    ["calltext"],
    ["call"],
    ["inplace"],
    ["op"],
    ["creation", "random", "draws", "modes", "convert", "memory", "drawing", "explain", "casting"],
    ["calls", "records", "folding"],
    ["page"],
    ["wengert", "gpus", "rounding"],
    ["ops.*"],
    ["undefined", "mapped", "linalg", "special", "testing"],
    ["distributions", "distributions.*"],
    ["autograd.on_demand", "autograd.function"],
    ["transforms.*", "transforms"],
    ["autograd.functional", "autograd.forward_ad"],
    ["gradreport", "slopes"],
    ["gradcheck"],
    ["autograd"],
    ["nn.functional"],
    ["parity"],
    ["backends", "backends.*"],
    ["settings"],
    ["io", "io.*", "optim", "optim.*", "utils", "utils.*"],
    ["amp"],
    ["cuda", "cuda.*"],
    ["nn.init", "nn.init.*"],
    ["nn.parameter"],
    ["nn.members"],
    ["nn.hooks", "nn.building"],
    ["nn.state_hooks"],
    ["nn.state", "nn.summary", "nn.symbolic"],
    ["nn.module"],
    ["nn.layer", "nn.containers"],
    ["nn.*", "nn"],
    ["optim.swa_utils"],
    ["func"],
    ["compiled", "compiled.*"],
    ["diagnostics", "diagnostics.*"],
    ["plot", "plot.*", "profiler", "profiler.*"],
    ["train", "train.*", "utils.checkpoint"],
    ["checkup"],
    ["doctor"],
]


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imported(path: Path) -> set[str]:
    """The modules of minitorch that a file imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minitorch"):
            base = node.module.removeprefix("minitorch").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                names.add(full if full in modules() else base)
        elif isinstance(node, ast.Import):
            names |= {a.name[10:] for a in node.names if a.name.startswith("minitorch.")}
    return names - {""}


def floor(name: str) -> int | None:
    by_room = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
    folder = f"{name.rpartition('.')[0]}.*"
    while name not in by_room and folder not in by_room and "." in folder[:-2]:
        folder = f"{folder[:-2].rpartition('.')[0]}.*"
    return by_room.get(name, by_room.get(folder))


@pytest.mark.parametrize("name", [m for m in modules() if m not in ("__init__", "ops", "nn")])
def test_a_file_imports_from_below(name: str):
    assert floor(name) is not None, f"{name} has no floor: give it one in FLOORS"
    for other in imported(modules()[name]) - {name}:
        assert floor(other) <= floor(name), f"{name} imports {other}, which stands above it"


def test_the_ops_import_each_other_in_one_direction():
    families = {m: path for m, path in modules().items() if m.startswith("ops.")}
    order = TopologicalSorter(
        {
            m: {other for other in imported(path) if other in families}
            for m, path in families.items()
        }
    )
    assert len(list(order.static_order())) == len(families)  # a cycle raises


def test_cupy_and_matplotlib_are_imported_in_one_place_each():
    home = {"cupy": "array", "cupyx": "array", "matplotlib": "plot.figure"}
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            asked = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            asked += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for package in {module.partition(".")[0] for module in asked} & home.keys():
                assert home[package] == name


def test_minitorch_imports_neither_lessons_nor_tests():
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            named = getattr(node, "module", None) or ""
            assert not named.startswith(("tests", "lessons", "benchmarks")), name


def run(code: str, **environment: str) -> str:
    """What the code prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_import_brings_neither_cupy_nor_matplotlib():
    loaded = run("import sys, minitorch; print(*sys.modules)").split()
    assert not {"cupy", "matplotlib", "torch", "tqdm"} & set(loaded)


def test_import_costs_little_beyond_numpy(tmp_path: Path):
    code = (
        "import time, numpy; t = time.thread_time(); import minitorch; "
        "print(time.thread_time() - t)"
    )
    # As for a user: the first import compiles the modules, the later ones find them compiled.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    assert min(float(run(code, **compiled)) for _ in range(5)) < 0.15
