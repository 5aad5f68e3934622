"""Profiles: what a step is made of. Nothing here looks at how long something took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import minitorch
from benchmarks import profile, run
from benchmarks.engines import step_of
from benchmarks.registry import MINITORCH
from benchmarks.workloads import WORKLOADS
from minitorch.profiler import Event

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


def test_a_step_is_cut_where_its_sweep_begins_and_ends():
    events = [
        Event("linear", "forward", 1.0, 0.5, 0),
        Event("linear", "backward", 2.25, 0.5, 0),
        Event("backward", "sweep", 2.0, 1.0, 0),
        Event("mul", "forward", 3.25, 0.25, 0),
    ]
    cost = profile.own_cost()
    found = profile.of_a_step(events, 0.5, 4.0)
    assert {key: calls for key, (_, calls) in found.items()} == {
        ("forward", "linear"): 1,
        ("backward", "linear"): 1,
        ("update", "mul"): 1,
        **{(part, profile.ENGINE): 0 for part in profile.PARTS},
    }
    rest = [found[part, profile.ENGINE][0] for part in profile.PARTS]
    assert rest == pytest.approx([1.0 - cost, 0.5 - cost, 0.75 - cost])


def test_without_a_sweep_the_update_begins_with_the_optimizer():
    found = profile.of_a_step([Event("Adam.step", "update", 1.5, 0.25, 0)], 1.0, 2.0)
    assert found["update", "Adam.step"] == (0.25, 1)
    assert found["forward", profile.ENGINE][0] == 0.5
    assert found["backward", profile.ENGINE][0] == 0


def test_the_events_of_each_step_are_its_own():
    a, b = Event("exp", "forward", 0.1, 0.1, 0), Event("log", "forward", 1.1, 0.1, 0)
    ends = [Event(profile.STEP, "label", start, 0.5, 0) for start in (0.0, 1.0)]
    assert list(profile.each_step([a, ends[0], b, ends[1]])) == [
        ([a], 0.0, 0.5),
        ([b], 1.0, 1.5),
    ]


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
