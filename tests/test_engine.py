"""The engine that grows: each step runs alone, is small, and comes out where minitorch does."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from lessons import __main__ as runner
from lessons import growing
from lessons.grading import loaded

STEPS = growing.steps()


def test_there_are_ten_steps_each_with_its_number():
    assert [growing.about(path).partition(":")[0] for path in STEPS] == [
        f"Step {number}" for number in range(1, 11)
    ]
    assert [path.name[:2] for path in STEPS] == [f"{number:02}" for number in range(1, 11)]


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_a_step_runs_alone(path):
    done = growing.run(path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip()
    source = path.read_text("utf-8")
    assert "assert " in source.partition("# does it work?")[2]
    imported = {
        line.split()[1] for line in source.splitlines() if line.startswith(("import", "fr"))
    }
    assert imported <= {
        *("heapq", "itertools", "math", "numpy", "minitorch"),
        "minitorch.utils.data.digits",
    }


@pytest.mark.parametrize("number", range(2, 11))
def test_a_step_is_less_than_sixty_lines_away_from_the_one_before(number: int):
    moved = [line for line in growing.news(number) if line[:1] in ("+", "-")]
    assert 10 < len(moved) < 60


def test_what_is_new_shows_where_lines_are_left_out():
    said = growing.news(4)
    assert said[0].startswith("-")
    assert "..." in said
    assert growing.news(1) == [f"+{line}" for line in growing.lines(STEPS[0])]


def test_the_way_is_as_short_as_the_readme_says():
    readme = (growing.ENGINE.parent.parent / "README.md").read_text("utf-8")
    assert f"an engine of {len(growing.lines(STEPS[-1]))} lines" in readme


@pytest.fixture(scope="module")
def engine() -> ModuleType:
    return loaded(STEPS[-1])


def test_the_last_step_has_the_gradients_of_minitorch(engine: ModuleType):
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((6, 5)), rng.integers(0, 3, 6)
    model = engine.Sequential(engine.Linear(5, 4, rng), engine.relu, engine.Linear(4, 3, rng))
    loss = engine.cross_entropy(model(x), labels)
    loss.backward()
    ours = list(model.parameters())
    w1, b1, w2, b2 = theirs = [minitorch.tensor(p.data, requires_grad=True) for p in ours]
    expected = F.cross_entropy(
        (minitorch.tensor(x) @ w1 + b1).relu() @ w2 + b2, minitorch.tensor(labels)
    )
    expected.backward()
    np.testing.assert_allclose(loss.data, expected.item(), rtol=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["exp", "log", "relu", "matmul", "log_softmax", "power", "sum", "reshape", "transpose"]
)
def test_every_op_of_the_last_step_has_the_slope_it_has(engine: ModuleType, name: str):
    rng = np.random.default_rng(1)
    x, w = rng.uniform(0.5, 2, (3, 4)), rng.standard_normal((4, 2))
    more = {"matmul": (w,), "power": (3,), "sum": ((0,),), "reshape": ((2, 6),)}.get(name, ())
    weights = rng.standard_normal(getattr(engine, name)(x, *more).shape)
    f = lambda x: getattr(engine, name)(x, *more) * weights
    leaf = engine.Tensor(x)
    f(leaf).backward()
    np.testing.assert_allclose(leaf.grad, engine.slopes(f, x), atol=1e-8)


# the command ------------------------------------------------------------------------------------


def test_the_command_lists_the_steps_and_shows_one(capsys: pytest.CaptureFixture):
    assert runner.main(["engine"]) == 0
    assert "Step 2: backward, newest first.  (56 lines)" in capsys.readouterr().out
    assert runner.main(["engine", "2"]) == 0
    said = capsys.readouterr().out
    assert "+    def backward(self):" in said
    assert '-"""Step 1: a number that remembers what it was made of."""' in said
    assert said.endswith("02_backward.py says:\ny = a b + a: dy/da is 4.0, dy/db is 2.0\n")
    assert runner.main(["engine", "11"]) == 2
    assert "there is no step 11; there are 1 to 10" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        runner.main(["engine", "last"])
    assert "engine takes the number of a step" in capsys.readouterr().err
