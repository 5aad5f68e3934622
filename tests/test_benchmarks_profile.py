"""Profiles: what a step is made of. Nothing here looks at how long something took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
from benchmarks import profile, run
from benchmarks.engines import step_of
from benchmarks.registry import MINITORCH, as_numpy
from benchmarks.workloads import WORKLOADS
from minitorch import inplace
from minitorch.op import REGISTRY
from minitorch.optim import SGD, Optimizer
from minitorch.sweep import Sweep

ROOT = Path(__file__).parent.parent


def step_of_quick(name: str) -> Any:
    return step_of(WORKLOADS[name].make(True), MINITORCH)


def calls(name: str) -> dict[tuple[str, str], int]:
    found = profile.spent(step_of_quick(name), count=3)
    assert all(seconds >= 0 for seconds, _ in found.values())
    return {key: count for key, (_, count) in found.items() if key[1] != profile.ENGINE}


def test_each_op_is_counted_in_its_part_of_the_step():
    assert calls("W1") == {
        ("forward", "linear"): 2,
        ("forward", "relu"): 1,
        ("forward", "cross_entropy"): 1,
        ("backward", "linear"): 2,
        ("backward", "relu"): 1,
        ("backward", "cross_entropy"): 1,
        ("update", "mul"): 4,
        ("update", "__isub__"): 4,
    }
    assert calls("W9") == {("forward", "linear"): 2, ("forward", "relu"): 1}


def test_a_step_of_an_optimizer_is_one_row_of_the_update():
    assert calls("W12") == {("update", "Adam.step"): 1}
    assert calls("W4")["update", "Adam.step"] == 1


def test_the_parts_come_in_order_and_the_engine_last():
    rows = list(profile.spent(step_of_quick("W1"), count=3))
    assert [part for part, _ in rows] == sorted((part for part, _ in rows), key=profile.PARTS.index)
    for part in profile.PARTS:
        assert [op for of, op in rows if of == part].index(profile.ENGINE) == (
            len([op for of, op in rows if of == part]) - 1
        )


def test_what_is_called_inside_something_that_is_timed_belongs_to_that():
    clock = profile.Clock()
    inner = clock.timed("inner", lambda: 1)
    outer = clock.timed("outer", lambda: inner() + inner())
    clock.step(lambda: [outer(), inner()])
    assert {name: count for (_, name), (_, count) in clock.rows.items()} == {
        "outer": 1,
        "inner": 1,
    }


def test_ops_and_rules_and_the_engine_add_up_to_the_step():
    clock = profile.Clock()
    step = step_of_quick("W1")
    step()
    with profile.watched(clock):
        found = clock.step(step)
    timed = sum(seconds for seconds, _ in found.values())
    cost = profile.own_cost() * sum(count for _, count in found.values())
    assert timed <= sum(clock.whole.values()) <= timed + cost + 1e-9


def held() -> list[Any]:
    """What a profile replaces."""
    plans = [plan.pull for op in REGISTRY.values() for plan in op.plans.values() if plan]
    cells = [op.cell.cell_contents for op in REGISTRY.values()]
    return [*cells, *plans, inplace.write_through, Sweep.run, Optimizer.step]


def test_afterwards_everything_is_as_it_was_also_after_an_error():
    step = step_of_quick("W1")
    step()
    before = held()
    with profile.watched(profile.Clock()):
        assert not any(a is b for a, b in zip(held(), before, strict=True))
    assert all(a is b for a, b in zip(held(), before, strict=True))
    with pytest.raises(ZeroDivisionError), profile.watched(profile.Clock()):
        raise ZeroDivisionError
    assert all(a is b for a, b in zip(held(), before, strict=True))
    assert "step" not in vars(SGD)


def test_a_profiled_step_computes_the_same():
    plain, profiled = step_of_quick("W3"), step_of_quick("W3")
    plain(), profiled()
    with profile.watched(profile.Clock()):
        found = profiled()
    for x, y in zip(found, plain(), strict=True):
        np.testing.assert_array_equal(as_numpy(x), as_numpy(y))


def test_without_names_the_workloads_of_the_report_are_profiled(monkeypatch: pytest.MonkeyPatch):
    assert set(profile.NAMES) <= set(WORKLOADS)
    monkeypatch.setattr(profile, "profile", lambda work, quick, seconds: {"name": work.name})
    options = run.Options(quick=True, threads=minitorch.get_num_threads())
    found = profile.everything(options)
    assert [one["name"] for one in found["profiles"]] == list(profile.NAMES)
    with pytest.raises(SystemExit, match=r"unknown ops; known: W"):
        profile.everything(run.Options(["ops"], quick=True))


FOUND = {
    "machine": {"CPU": "fast"},
    "profiles": [
        {
            "name": "W1",
            "title": "small",
            "step_ms": 2.0,
            "products_ms": 0.5,
            "rows": [
                {"part": "forward", "op": "linear", "ms": 1.5, "calls": 2},
                {"part": "forward", "op": "engine", "ms": 0.5, "calls": 0},
            ],
        }
    ],
}


def test_a_profile_is_a_table_with_shares_beside_the_bare_products():
    shown = profile.text(FOUND)
    assert "## W1: small" in shown
    assert "A step takes 2.00 ms, the bare products 0.50 ms (25%); as profiled, 2.00 ms." in shown
    assert (
        "| forward | linear | 1.50 | 75.0% | 2 |\n| forward | engine | 0.50 | 25.0% |  |" in shown
    )
    without = {**FOUND["profiles"][0], "products_ms": None}
    assert "A step takes 2.00 ms; as profiled" in profile.section(without)


def test_profiles_are_written_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(profile, "FILE", tmp_path / "profiles.md")
    profile.write(FOUND)
    written = (tmp_path / "profiles.md").read_text()
    assert written.startswith("# Where a step goes\n\nWritten by `python -m benchmarks --profile")
    assert written.endswith(f"{profile.text(FOUND)}\n")


def test_the_command_prints_a_profile_and_writes_json(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "--profile", "--quick", "--only", "W1"]
    file = tmp_path / "profile.json"
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "| forward | linear | " in done.stdout
    (found,) = json.loads(file.read_text())["profiles"]
    assert found["name"] == "W1"
    assert found["products_ms"] > 0 < found["step_ms"]
    on_gpu = subprocess.run(
        [*command, "--device", "cuda"], cwd=ROOT, capture_output=True, text=True
    )
    assert on_gpu.returncode == 2
    assert "leave out --device cuda" in on_gpu.stderr
