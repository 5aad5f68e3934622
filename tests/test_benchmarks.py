"""The benchmarks: every engine computes the same, at small sizes. Nothing here looks at a clock."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
from benchmarks import convs, gpu, growth, memory, ops, overheads, pictures, report, run
from benchmarks.engines import COMPILERS, installed, steps_of
from benchmarks.registry import COMPILED, JAX, TORCH_COMPILED, Workload
from benchmarks.workloads import FLOOR, LIMIT, MINITORCH, TORCH, WORKLOADS, agree

ROOT = Path(__file__).parent.parent
JOBS = {name: work.make(True) for name, work in WORKLOADS.items()}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_engines_agree(name: str):
    work, steps = WORKLOADS[name], steps_of(JOBS[name])
    assert MINITORCH in steps
    assert (FLOOR in steps) == (name not in {"W8", "W11"})  # not written out by hand
    assert (LIMIT in steps) == (name not in {"W7", "W10", "W12"})  # without products
    refused = agree(name, steps, work.tolerance, COMPILERS)
    if work.compiled is not None:
        assert refused == {}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_engines_agree_on_a_gpu(name: str, cuda: Any):
    steps = steps_of(JOBS[name], [MINITORCH, FLOOR], "cuda")
    assert {x.device.type for x in steps[MINITORCH]()} == {"cuda"}
    agree(name, steps_of(JOBS[name], [MINITORCH, FLOOR], "cuda"), WORKLOADS[name].tolerance)


def test_every_workload_has_a_target_beside_torch_and_the_first_six_beside_numpy():
    assert all(TORCH in work.targets for work in WORKLOADS.values())
    beside_numpy = {name for name, work in WORKLOADS.items() if work.targets.get(FLOOR) == 1.25}
    assert beside_numpy == {"W1", "W2", "W3", "W4", "W5a", "W5b", "W6"}
    assert {name for name, work in WORKLOADS.items() if work.compiled} == {"W1", "W3", "W7"}
    assert {name for name, work in WORKLOADS.items() if work.memory_target} == {"W2", "W3", "W6"}
    on_gpu = {name for name, work in gpu.workloads().items() if work.targets}
    assert on_gpu == {"W1", "W6", "W7", "W12", "W2 x8", "W5a x8", "W5b x8"}


@pytest.mark.parametrize(
    ("peer", "left_out"),
    [
        ("jax", set()),
        ("autograd", {"lenet", "conv_blocks", "one_conv", "transformer", "char_rnn", "optimizer"}),
        ("dezero", {"conv_blocks", "transformer", "char_rnn"}),
    ],
)
def test_peers_have_a_function_for_every_job_but_those_left_out(peer: str, left_out: set[str]):
    source = (ROOT / "benchmarks" / "peers" / f"{peer}.py").read_text()
    written = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    jobs = {job.name for job in JOBS.values()}
    assert jobs - written == left_out


def test_an_engine_that_is_not_installed_is_no_column(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else name)
    assert installed(FLOOR)
    assert not installed(JAX)
    assert JAX not in steps_of(JOBS["W1"], [MINITORCH, JAX])


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


@pytest.mark.parametrize("panel", growth.PANELS, ids=lambda panel: panel.title)
def test_the_engines_agree_on_what_grows(panel: growth.Panel):
    agree(panel.title, steps_of(panel.job(panel.sizes[0]), growth.ENGINES))


def test_growth_is_a_row_for_each_size(monkeypatch: pytest.MonkeyPatch):
    panel = growth.Panel("products", "n", (2, 4, 8), growth.matmuls)
    monkeypatch.setattr(growth, "PANELS", [panel])
    rows = run.growth_table(run.Options(quick=True, engines=(MINITORCH, FLOOR)))
    assert [(row["panel"], row["axis"], row["size"]) for row in rows] == [
        ("products", "n", 2),
        ("products", "n", 4),
    ]
    assert all(set(row["best_ms"]) == {MINITORCH, FLOOR} for row in rows)
    assert "| products | n 2 | " in report.growth_table(rows)


def test_a_larger_job_has_more_to_multiply():
    assert JOBS["W9"].flops == 2 * (784 * 50 + 50 * 10)
    grown = gpu.workloads()["W5a x8"].make(True)
    assert grown.flops == 8 * JOBS["W5a"].flops > 0


# what is checked before anything is timed ---------------------------------------------------------


def right() -> list:
    return [np.float32(1), np.ones(3, np.float32)]


def test_a_wrong_gradient_is_found_before_anything_is_timed():
    wrong = lambda: [np.float32(1), np.array([1, 1, 1.1], np.float32)]
    assert agree("W0", {MINITORCH: right, FLOOR: right, LIMIT: list}) == {}
    with pytest.raises(AssertionError, match=r"W0: step 1, array 1 of NumPy by hand is 5.8e-02"):
        agree("W0", {MINITORCH: right, FLOOR: wrong})


def test_a_compiler_may_refuse_and_another_engine_may_not():
    def refuses() -> list:
        raise RuntimeError(f"no words for this, at {ROOT / 'a.py'}\nat all")

    steps = {MINITORCH: right, TORCH_COMPILED: refuses}
    refused = agree("W0", steps, may_refuse=COMPILERS)
    assert refused == {TORCH_COMPILED: "RuntimeError: no words for this, at a.py"}
    assert list(steps) == [MINITORCH]
    with pytest.raises(RuntimeError, match="no words"):
        agree("W0", {MINITORCH: right, FLOOR: refuses}, may_refuse=COMPILERS)


# the command --------------------------------------------------------------------------------------


def test_the_command_runs_and_writes_json(tmp_path: Path):
    file = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "W1,fit", "--engines"]
    done = subprocess.run(
        [*command, FLOOR, "--json", str(file)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    results = json.loads(file.read_text())
    (w1,) = results["workloads"]
    assert w1["to_floor"][MINITORCH] > 0
    assert set(w1["median_ms"]) == {MINITORCH, FLOOR}
    assert results["overheads"][0]["ratio"] > 0
    assert "| **W1** 784-50-10, batch 64, SGD |" in done.stdout


def test_peak_memory_is_that_of_a_new_process():
    held = bytearray(2**26)
    every, later = memory.peaks("W1", MINITORCH, quick=True)
    assert later <= every < len(held)


def test_a_name_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(SystemExit, match=r"unknown W99; known: W1, W2"):
        run.Options(["W99", "W1"]).wanted(["W1", "W2"])
    assert run.Options(["W1"]).wanted(["W1", "W2"]) == ["W1"]


@pytest.mark.skipif(minitorch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_what_is_missing():
    with pytest.raises(SystemExit, match=r"^python -m benchmarks --device cuda: .*\S$"):
        gpu.everything(run.Options(quick=True))


def test_the_gpu_run_shows_the_card_and_its_limits(cuda: Any):
    options = run.Options(["W1", "W10", "W5b x8"], quick=True, engines=(MINITORCH, COMPILED))
    results = gpu.everything(options)
    assert [w["name"] for w in results["workloads"]] == ["W1", "W5b x8", "W10"]
    assert results["limits"]["bytes_per_second"] > 0 < results["limits"]["flops_per_second"]
    assert results["failed"] == {}
    shown = gpu.text(results)
    assert f"| GPU | {minitorch.cuda.get_device_name()}, " in shown
    assert "| **W5b x8** conv 3->64 7x7" in shown


# the report ---------------------------------------------------------------------------------------

W1 = {
    "name": "W1",
    "title": "small",
    "median_ms": {MINITORCH: 0.5, COMPILED: 0.125, FLOOR: 0.25},
    "best_ms": {MINITORCH: 0.4, COMPILED: 0.1, FLOOR: 0.2},
    "to_torch": {MINITORCH: None, COMPILED: None, FLOOR: None},
    "to_floor": {MINITORCH: 2.0, COMPILED: 0.5, FLOOR: 1.0},
    "to_limit": {MINITORCH: None, COMPILED: None, FLOOR: None},
    "targets": {FLOOR: 1.15, TORCH: 1.0},
    "compiled_target": 0.55,
    "refused": {},
    "disturbed": False,
    "flops": 10**9,
    "moved": 0,
}
BESIDE_TORCH = {
    "median_ms": {MINITORCH: 0.5, COMPILED: 0.125, TORCH: 0.25},
    "best_ms": {MINITORCH: 0.4, COMPILED: 0.1, TORCH: 0.2},
    "to_torch": {MINITORCH: 2.0, COMPILED: 0.5, TORCH: 1.0},
}


def test_tables_say_what_is_reached_and_what_is_not():
    table = report.workload_table([W1])
    assert "| 0.50 (0.40) | - | 0.25 (0.20) | - | - | **2.00** | - |" in table
    assert "| ≤ 1.15 of NumPy by hand: missed, ≤ 1.00 of torch |" in table
    assert "| disturbed, run again, ≤" in report.workload_table([W1 | {"disturbed": True}])


def test_every_engine_stands_beside_torch_and_the_compiled_step_beside_its_target():
    without = report.peer_table([W1])
    assert "| **W1** | 0.50 (0.40) | 0.12 (0.10) | 0.25 (0.20) | ≤ 0.55 of torch |" in without
    beside = report.peer_table([W1 | BESIDE_TORCH])
    cells = "| **W1** | **2.00** · 0.50 (0.40) | **0.50** · 0.12 (0.10) |"
    assert f"{cells} ≤ 0.55 of torch: reached |" in beside


def test_what_a_compiler_refuses_is_said():
    refused = W1 | {"refused": {COMPILED: "TraceError: why"}}
    assert report.remarks({"workloads": [W1], "failed": {}}) == []
    assert report.remarks({"workloads": [refused], "failed": {"W2": "ValueError: how"}}) == [
        "- **W2 failed**, and was not timed: ValueError: how\n"
        "- minitorch.compile refuses W1: TraceError: why"
    ]


def test_a_workload_that_fails_is_named_and_the_others_are_timed():
    def one(work: Workload) -> dict:
        assert work.name != "W1", "disagrees"
        return {"name": work.name}

    found = run.all_timed([WORKLOADS["W1"], WORKLOADS["W2"]], one)
    assert found["workloads"] == [{"name": "W2"}]
    assert found["failed"]["W1"].startswith("AssertionError: disagrees")


def test_memory_is_compared_with_torch_and_compiled_with_eager():
    MiB = 2**20
    held = {MINITORCH: 30 * MiB, COMPILED: 35 * MiB, TORCH: 20 * MiB}
    later = held | {COMPILED: 20 * MiB}
    row = {"name": "W2", "title": "wide", "bytes": held, "bytes_after_first": later, "target": 1.0}
    assert "| 30.0 | 20.0 (35.0) | 20.0 | - | **1.50** | ≤ 1.00 of torch: missed, " in (
        report.memory_table([row])
    )
    assert "minitorch.compile below minitorch: reached |" in report.memory_table([row])
    row["bytes_after_first"] = held
    assert "minitorch.compile below minitorch: missed |" in report.memory_table([row])


def test_a_gpu_row_has_shares_of_what_the_card_can_do():
    found = {"bytes_per_second": 1e12, "flops_per_second": 1e13}
    table = gpu.workload_table([W1 | BESIDE_TORCH], found)
    assert "| **2.00** | **0.50** | 20 % (torch 40 %) |  | ≤ 1.15" in table
    moving = gpu.workload_table([W1 | {"flops": 0, "moved": 10**8}], found)
    assert "|  | 20 % |" in moving


def test_the_chosen_formulation_is_bold():
    row = {
        "shape": "1x1",
        "direction": "dx",
        "chosen": "last",
        "best_ms": {"first": 2.0, "last": 1.0, TORCH: 4.0, LIMIT: 0.5},
        "to_torch": 0.25,
    }
    assert "| 1x1 | dx | 2.00 | **1.00** | last | 4.00 | 0.50 | 0.25 |" in report.conv_table([row])
    assert " in 1 of 2 rows; " in report.conv_summary([row, row | {"chosen": "first"}])


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


def test_results_are_written_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "HERE", tmp_path)
    (tmp_path / "growth.png").touch()
    (tmp_path / "README.md").write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    parts = ("workloads", "memory", "growth", "conv", "overheads", "ops")
    report.write({"machine": {"CPU": "fast"}, "failed": {}, **{part: [] for part in parts}})
    written = (tmp_path / "README.md").read_text()
    picture = "![Time of a step against its size, both axes logarithmic](growth.png)"
    assert written.startswith(f"before\n{report.BEGIN}\n\n{picture}\n\n| machine |  |\n")
    assert "| CPU | fast |" in written
    assert "old" not in written
    assert written.endswith(f"{report.END}\nafter\n")


def test_the_pictures_are_drawn(tmp_path: Path):
    pytest.importorskip("matplotlib")
    ratios = {MINITORCH: 0.9, FLOOR: 0.5, TORCH: 1.0, JAX: 9.0}
    pictures.ratios([{"name": "W1", "title": "a", "to_torch": ratios}], tmp_path / "ratios.png")
    rows = [
        {"panel": "W7", "axis": "ops", "size": size, "best_ms": {MINITORCH: size / 4, TORCH: 1.0}}
        for size in (4, 400)
    ]
    pictures.growth(rows, tmp_path / "growth.png")
    for name in ("ratios", "growth"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("others", "titles"), [({TORCH: 1.0}, ["1 of 2"]), ({FLOOR: 1.0}, [])])
def test_the_title_of_growth_counts_beside_torch_alone(
    others: dict[str, float], titles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("matplotlib")
    said: list[str] = []
    monkeypatch.setattr(pictures, "_headed", lambda figure, title: said.append(title))
    rows = [
        {"panel": "W7", "axis": "ops", "size": size, "best_ms": {MINITORCH: ms, **others}}
        for size, ms in ((4, 1.004), (400, 1.01))
    ]
    pictures.growth(rows, tmp_path / "growth.png")
    assert said == [f"minitorch takes no longer than torch at {n} sizes" for n in titles]
