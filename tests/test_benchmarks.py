"""The benchmarks: every engine computes the same, at small sizes. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import convs, ops, overheads, report
from benchmarks.workloads import FLOOR, LIMIT, MINITORCH, TORCH, WORKLOADS, agree, steps_of

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_engines_agree(name: str):
    steps = steps_of(WORKLOADS[name], quick=True)
    assert MINITORCH in steps
    assert (FLOOR in steps) == (name not in {"W8", "W11"})  # not written out by hand


@pytest.mark.parametrize("row", ops.ROWS, ids=lambda row: row.name)
def test_the_engines_agree_on_a_chain_of_ops(row: ops.OpRow):
    steps = ops.steps_of(row)
    for value in steps[MINITORCH]():
        assert np.isfinite(value.detach().numpy()).all()


@pytest.mark.parametrize("direction", convs.DIRECTIONS)
@pytest.mark.parametrize("shape", convs.SHAPES, ids=lambda shape: shape.name)
def test_the_formulations_of_a_convolution_agree(shape: convs.Shape, direction: str):
    chosen, steps = convs.steps_of(shape, direction, quick=True)
    assert chosen in steps
    agree(str(shape), steps)


@pytest.mark.parametrize("name", overheads.OVERHEADS)
def test_what_is_on_top_is_compared_with_the_same_work(name: str, tmp_path: Path):
    steps = overheads.OVERHEADS[name].make(True, tmp_path)
    assert set(steps) == {MINITORCH, overheads.BARE}
    for step in steps.values():
        step()
    sizes = [file.stat().st_size for file in sorted(tmp_path.iterdir())]
    assert sizes == [] or sizes[0] == 25 * 16 * 16 * 4 < sizes[1]


def test_a_wrong_gradient_is_found_before_anything_is_timed():
    right = lambda: [np.float32(1), np.ones(3, np.float32)]
    wrong = lambda: [np.float32(1), np.array([1, 1, 1.1], np.float32)]
    agree("W0", {MINITORCH: right, FLOOR: right, LIMIT: list})
    with pytest.raises(AssertionError, match=r"W0: step 1, array 1 of NumPy by hand is 5.8e-02"):
        agree("W0", {MINITORCH: right, FLOOR: wrong})


def test_the_command_runs_and_writes_json(tmp_path: Path):
    file = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "W1,memory"]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    results = json.loads(file.read_text())
    (w1,) = results["workloads"]
    assert w1["to_floor"][MINITORCH] > 0
    assert {p["name"] for p in results["memory"]} == {n for n, w in WORKLOADS.items() if w.memory}
    assert "| **W1** 784-50-10, batch 64, SGD |" in done.stdout


def test_tables_say_what_is_reached_and_what_is_not():
    row = {
        "name": "W1",
        "title": "small",
        "median_ms": {MINITORCH: 0.5, FLOOR: 0.25},
        "best_ms": {MINITORCH: 0.4, FLOOR: 0.2},
        "to_torch": {MINITORCH: None, FLOOR: None},
        "to_floor": {MINITORCH: 2.0, FLOOR: 1.0},
        "targets": {FLOOR: 1.15, TORCH: 1.0},
        "disturbed": False,
    }
    table = report.workload_table([row])
    assert "| 0.50 (0.40) | - | 0.25 (0.20) | - | - | **2.00** | - |" in table
    assert "| ≤ 1.15 of NumPy by hand: missed, ≤ 1.00 of torch |" in table
    assert "| disturbed, run again, ≤" in report.workload_table([row | {"disturbed": True}])


def test_the_chosen_formulation_is_bold():
    row = {
        "shape": "1x1",
        "direction": "dx",
        "chosen": "last",
        "best_ms": {"first": 2.0, "last": 1.0, TORCH: 4.0, LIMIT: 0.5},
        "to_torch": 0.25,
    }
    assert "| 1x1 | dx | 2.00 | **1.00** | 4.00 | 0.50 | 0.25 |" in report.conv_table([row])


def test_what_is_on_top_is_shown_beside_its_target():
    row = {
        "title": "saving",
        "bare": "writing",
        "median_ms": {MINITORCH: 3.0, overheads.BARE: 2.0},
        "ratio": 1.5,
        "target": 2.0,
    }
    assert "| saving | 3.00 | writing | 2.00 | **1.50** | ≤ 2.00: reached |" in (
        report.overhead_table([row])
    )


def test_the_picture_is_drawn(tmp_path: Path):
    pytest.importorskip("matplotlib")
    ratios = {MINITORCH: 0.9, FLOOR: 0.5, TORCH: 1.0}
    report.draw([{"name": "W1", "title": "a, b", "to_torch": ratios}], tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")
