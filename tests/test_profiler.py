"""The profiler: every op is seen, nothing stays behind, and what it adds up is what happened."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import inplace, nn, optim
from minitorch.autograd import Function, function
from minitorch.op import REGISTRY, Op
from minitorch.optim import SGD, Optimizer
from minitorch.profiler import ProfilerActivity, Row, profile, record_function
from minitorch.profiler.events import Averages, Event, added_up
from minitorch.profiler.held import Held
from minitorch.sweep import Sweep
from minitorch.utils.checkpoint import checkpoint


def calls(prof: profile) -> Counter:
    return Counter((event.name, event.part) for event in prof.events() if event.part != "sweep")


def small() -> tuple[nn.Module, optim.Optimizer, Any]:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = SGD(model, lr=0.1)
    x, t = minitorch.ones(5, 4), minitorch.tensor([0, 1, 2, 0, 1])

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


# what is seen ----------------------------------------------------------------------------------


def test_every_op_of_a_step_is_seen_the_first_time_it_runs():
    _, _, step = small()
    with profile() as prof:
        step()
    seen = calls(prof)
    for part in ("forward", "backward"):
        assert {name: n for (name, of), n in seen.items() if of == part} == {
            "linear": 2,
            "relu": 1,
            "cross_entropy": 1,
        }
    assert seen["SGD.step", "update"] == 1
    assert [event.name for event in prof.events() if event.part == "sweep"] == ["backward"]


def test_an_op_first_recorded_inside_is_seen_in_the_backward():
    @minitorch.op
    def trebled(x):
        """y = 3 x          dL/dx = 3 g"""
        return x * 3

    trebled.grad(x=lambda g: g * 3)
    try:
        x = minitorch.ones(2, requires_grad=True)
        with profile() as prof:
            trebled(x).sum().backward()
        assert calls(prof)["trebled", "backward"] == 1
        pull = trebled.op.plans[1].pull
        trebled(x).sum().backward()
        assert len(prof.events()) == 5
        assert pull.__code__.co_name == "pull"
    finally:
        del REGISTRY["trebled"]


def test_a_function_of_ones_own_is_seen_in_the_backward():
    class Doubled(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = minitorch.ones(3, requires_grad=True)
    with profile() as prof:
        Doubled.apply(x).sum().backward()
    assert calls(prof)["Doubled", "backward"] == 1
    assert calls(prof)["mul", "backward"] == 0  # it belongs to Doubled


def test_writes_in_place_have_their_name():
    w = minitorch.ones(3, requires_grad=True)
    with profile() as prof, minitorch.no_grad():
        w -= 0.5
        w.clamp_(0, 1)
    seen = calls(prof)
    assert seen["__isub__", "forward"] == 1
    assert seen["clamp_", "forward"] == 1


def test_what_runs_again_in_the_backward_belongs_there():
    x = minitorch.ones(3, requires_grad=True)
    with profile() as prof:
        checkpoint(lambda x: x.exp(), x).sum().backward()
    seen = calls(prof)
    assert (seen["exp", "forward"], seen["exp", "backward"]) == (1, 2)  # again, and its rule


@pytest.mark.parametrize("kind", [optim.SGD, optim.LBFGS])
def test_what_a_closure_computes_is_not_the_optimizers(kind: type):
    model = nn.Linear(2, 1)
    optimizer = kind(model, lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = model(minitorch.ones(3, 2)).square().mean()
        loss.backward()
        return loss

    with profile() as prof:
        optimizer.step(closure)
    seen = calls(prof)
    assert seen[f"{kind.__name__}.step", "update"] == 1
    assert seen["linear", "forward"] == seen["linear", "backward"] >= 1
    (step,) = [event for event in prof.events() if event.part == "update"]
    inside = sum(event.seconds for event in prof.events() if event.part == "forward")
    whole = max(event.start + event.seconds for event in prof.events()) - step.start
    assert step.seconds <= prof.wall - inside
    assert step.seconds <= whole


def test_an_optimizer_with_a_step_of_its_own_is_seen():
    class Halving(SGD):
        def step(self, closure=None):
            return super().step(closure)

    w = minitorch.ones(2, requires_grad=True)
    (w * w).sum().backward()
    with profile() as prof:
        Halving([w], lr=0.5).step()
    assert calls(prof) == {("Halving.step", "update"): 1}


def test_a_compiled_step_is_seen_op_by_op():
    step = minitorch.compile(lambda x: (x * 2).exp().sum())
    x = minitorch.ones(3)
    want = step(x)
    step(x)
    with profile() as prof:
        y = step(x)
    assert minitorch.equal(y, want)
    assert set(calls(prof)) == {("mul", "forward"), ("exp", "forward"), ("sum", "forward")}


def test_other_threads_are_not_seen_and_compute_as_ever():
    x = minitorch.ones(3, requires_grad=True)
    found = []

    def work() -> None:
        (x.exp()).sum().backward()
        found.append(x.grad.tolist())

    with profile() as prof:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert prof.events() == []
    np.testing.assert_allclose(found, [[np.e] * 3], rtol=1e-6)


def test_a_profiled_step_computes_the_same():
    minitorch.manual_seed(1)
    plain, _, step = small()
    losses = [step().item() for _ in range(3)]
    minitorch.manual_seed(1)
    model, _, step = small()
    with profile():
        assert [step().item() for _ in range(3)] == losses
    for a, b in zip(plain.parameters(), model.parameters(), strict=True):
        assert minitorch.equal(a, b)


def test_gradients_of_gradients_are_seen():
    x = minitorch.tensor([0.5], requires_grad=True)
    with profile() as prof:
        (g,) = minitorch.autograd.grad(x.tanh(), x, create_graph=True)
        g.backward()
    assert [event.part for event in prof.events()].count("sweep") == 2
    assert calls(prof)["tanh", "backward"] == 2
    np.testing.assert_allclose(x.grad.item(), -2 * np.tanh(0.5) * (1 - np.tanh(0.5) ** 2), 1e-5)


# what stays behind ------------------------------------------------------------------------------


def held() -> list[Any]:
    """What a profile replaces."""
    plans = [plan.pull for op in REGISTRY.values() for plan in op.plans.values() if plan]
    cells = [op.cell.cell_contents for op in REGISTRY.values()]
    steps = [Optimizer.step, optim.LBFGS.step]
    return [*cells, *plans, inplace.write_through, Sweep.run, *steps, Op.plan, function._Plan.pull]


def test_afterwards_everything_is_as_it_was_also_after_an_error():
    """So a profile costs nothing when there is none."""
    _, _, step = small()
    step()
    before = held()
    with profile():
        assert not any(a is b for a, b in zip(held(), before, strict=True))
    assert all(a is b for a, b in zip(held(), before, strict=True))
    with pytest.raises(ZeroDivisionError), profile():
        raise ZeroDivisionError
    assert all(a is b for a, b in zip(held(), before, strict=True))
    assert "step" not in vars(SGD)


def test_an_op_that_raises_is_no_call_and_the_next_one_is():
    x = minitorch.ones(3)
    with profile() as prof:
        with pytest.raises(ValueError, match="matmul"):
            x @ minitorch.ones(2)
        x * 2
    assert calls(prof) == {("mul", "forward"): 1}


def test_started_and_stopped_by_hand_it_goes_on_where_it_was():
    x = minitorch.ones(3)
    prof = profile()
    for _ in range(2):
        prof.start()
        x * 2
        prof.stop()
        x * 3
    assert calls(prof) == {("mul", "forward"): 2}
    prof.start()
    with pytest.raises(RuntimeError, match="it has begun already"):
        prof.start()
    prof.stop()
    assert prof.wall > 0
    with pytest.raises(RuntimeError, match="it has not begun"):
        prof.stop()


def test_one_profile_inside_another():
    x, before = minitorch.ones(3), held()
    with profile() as outer:
        x + 1
        with profile() as inner:
            x * 2
    assert set(calls(outer)) == {("add", "forward"), ("mul", "forward")}
    assert set(calls(inner)) == {("mul", "forward")}
    assert all(a is b for a, b in zip(held(), before, strict=True))


# memory ------------------------------------------------------------------------------------------


def test_what_an_op_makes_and_saves_is_weighed():
    x = minitorch.ones(1000, requires_grad=True)  # 4,000 bytes
    with profile() as prof:
        y = (x * x).tanh()
        y.reshape(10, 100).sum().backward()
    rows = {row.name: row for row in prof.key_averages()}
    assert rows["tanh"].saved == 4000
    assert rows["mul"].saved == 0  # x is a leaf: it would be there anyway
    assert rows["reshape"].made == 0  # a view, as is its gradient
    assert rows["tanh"].made == 8000  # the result and the gradient
    assert rows["sum"].made >= 4


def test_an_array_that_two_ops_save_is_weighed_once():
    x = minitorch.ones(1000, requires_grad=True)
    with profile() as prof:
        y = x.exp()  # saves its result
        y.square()  # and this its input, the same array
    rows = {row.name: row for row in prof.key_averages()}
    assert (rows["exp"].saved, rows["square"].saved) == (4000, 0)


def test_the_peak_is_what_was_held_at_once():
    x = minitorch.ones(1000)
    with profile() as prof:
        for _ in range(10):
            x * 2  # gone at once
    assert prof.key_averages().peak == 4000
    with profile() as prof:
        kept = [x * 2 for _ in range(10)]
    assert prof.key_averages().peak == 40_000
    assert len(kept) == 10
    with profile(profile_memory=False) as prof:
        (x.requires_grad_() * 2).exp()
    assert prof.key_averages().peak == 0
    assert {(row.made, row.saved) for row in prof.key_averages()} == {(0, 0)}


def test_what_is_held_is_known_by_its_memory():
    held = Held()
    x = np.zeros(10)
    assert held.add([x, (x[2:], x.T)]) == 80
    assert held.add(x[::2]) == 0
    assert held.add(np.ones(5)[1:], besides=[x]) == 40
    assert (held.live, held.peak) == (80, 120)
    assert held.add(x[1:], besides=()) == 0
    del x
    assert (held.live, held.peak) == (0, 120)
    assert Held().add([np.float32(1), 3, None, "text"]) == 0


# the numbers -------------------------------------------------------------------------------------

EVENTS = [
    Event("linear", "forward", 0.0, 0.004, 1000),
    Event("model", "label", 0.0, 0.010, 0),
    Event("relu", "forward", 0.005, 0.001, 500),
    Event("linear", "backward", 0.011, 0.007, 2000),
    Event("backward", "sweep", 0.011, 0.008, 0),
    Event("SGD.step", "update", 0.0195, 0.0005, 0),
]


def averages() -> Averages:
    rows = added_up(EVENTS, {("linear", ""): 1234, ("relu", ""): 500})
    return Averages(rows, {"model": [0.010]}, 0.020, 3000)


def test_events_are_added_up_by_op():
    assert list(averages()) == [
        Row("linear", 1, 0.004, 0.007, 0.0, 3000, 1234),
        Row("relu", 1, 0.001, 0.0, 0.0, 500, 500),
        Row("SGD.step", 1, 0.0, 0.0, 0.0005, 0, 0),
    ]
    assert averages().between == pytest.approx(0.0075)
    assert (len(averages()), averages()[1].name) == (3, "relu")


def test_the_table():
    assert str(averages()).splitlines() == [
        "op           calls  forward ms  backward ms  update ms   ms   share    made   saved",
        "linear           1           4            7              11    55 %  3.0 kB  1.2 kB",
        "relu             1           1                            1     5 %   500 B   500 B",
        "SGD.step         1                                 0.5  0.5   2.5 %",
        "between ops                                             7.5  37.5 %",
        "all              3           5            7        0.5   20   100 %  3.5 kB  1.7 kB",
        "model: 10 ms in 1 call",
        "results and gradients took 3.0 kB at most at once",
    ]


def test_the_table_is_sorted_and_cut():
    by_name = averages().table("name").splitlines()
    assert [line.split()[0] for line in by_name[1:4]] == ["SGD.step", "linear", "relu"]
    by_saved = averages().table(sort_by="saved", row_limit=1).splitlines()
    assert by_saved[1].startswith("linear")
    assert by_saved[2].split()[:4] == ["2", "more", "ops", "2"]
    assert averages().table("cpu_time_total") == averages().table()
    with pytest.raises(ValueError, match=r"sort_by='forwards', expected .*did you mean 'forward'"):
        averages().table("forwards")


def test_without_an_optimizer_there_is_no_column_for_it():
    with profile() as prof:
        minitorch.ones(3) * 2
    assert "update" not in str(prof)
    assert "results and gradients took 12 B" in repr(prof)


def test_nothing_in_it_is_a_table_as_well():
    with profile() as prof:
        pass
    assert "between ops" in str(prof)
    assert "at most at once" not in str(prof)
    assert str(Averages([], {}, 0.0, 0)).startswith("op")


def test_ops_and_what_is_between_them_add_up_to_the_time_of_the_block():
    """G73."""
    _, _, step = small()
    with profile() as prof:
        step()
    found = prof.key_averages()
    assert sum(row.total for row in found) + found.between == pytest.approx(prof.wall)
    assert found.between > 0
    assert all(event.seconds >= 0 for event in prof.events())


def test_a_step_of_large_ops_is_nearly_all_ops():
    """G73: within 20 percent. What is between takes 1 percent here, and the best of 5 counts."""
    model = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 576, 10))
    x, t = minitorch.rand(64, 1, 28, 28), minitorch.zeros(64, dtype=minitorch.int64)
    shares = []
    for _ in range(5):
        with profile() as prof:
            F.cross_entropy(model(x), t).backward()
        shares.append(1 - prof.key_averages().between / prof.wall)
    assert 0.8 < max(shares) <= 1


# modules ------------------------------------------------------------------------------------------


def test_time_and_memory_are_added_up_by_module():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Tanh(), nn.Linear(8, 3)))
    with profile(model) as prof:
        model(minitorch.ones(5, 4)).square().sum().backward()
    rows = {row.name: row for row in prof.key_averages(by="module")}
    assert {name: row.calls for name, row in rows.items()} == {
        "Sequential.0: Linear": 1,
        "Sequential.1.0: Tanh": 1,
        "Sequential.1.1: Linear": 1,
        "elsewhere": 2,
    }
    assert all(row.forward > 0 < row.backward for row in rows.values())
    assert rows["Sequential.1.0: Tanh"].saved == 5 * 8 * 4
    by_op = prof.key_averages()
    assert sum(row.total for row in by_op) == pytest.approx(sum(r.total for r in rows.values()))
    assert sum(row.saved for row in by_op) == sum(row.saved for row in rows.values())
    assert str(prof.key_averages("module")).startswith("module ")
    assert "\n2 more modules " in prof.key_averages("module").table(row_limit=2)
    assert not any(part.has_hooks for part in model.modules())


def test_without_a_model_there_are_no_modules():
    with profile() as prof:
        minitorch.ones(3) * 2
    with pytest.raises(ValueError, match=r"by='module' needs the model: profile\(model\)"):
        prof.key_averages(by="module")
    with pytest.raises(ValueError, match="by='layer', expected 'op' or 'module'"):
        prof.key_averages(by="layer")


# labels, the time line, options ------------------------------------------------------------------


def test_labels_name_stretches_and_are_free_without_a_profile():
    x = minitorch.ones(3)
    with record_function("nobody looks"):
        x * 2
    with profile() as prof:
        for _ in range(2):
            with record_function("twice"):
                x * 2
    assert calls(prof)["twice", "label"] == 2
    assert "twice: " in str(prof)
    assert " in 2 calls" in str(prof)
    assert [row.name for row in prof.key_averages()] == ["mul"]  # it is added to nothing
    with profile() as prof, pytest.raises(ZeroDivisionError), record_function("broken"):
        raise ZeroDivisionError
    assert calls(prof)["broken", "label"] == 1


def test_the_time_line_is_what_browsers_read(tmp_path: Path):
    _, _, step = small()
    with profile() as prof, record_function("step"):
        step()
    prof.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert len(events) == len(prof.events())
    assert {event["ph"] for event in events} == {"X"}
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    by_name = {event["name"]: event for event in events}
    inside, sweep, whole = by_name["relu"], by_name["backward"], by_name["step"]
    for inner, outer in ((inside, sweep), (sweep, whole)):
        assert outer["ts"] <= inner["ts"]
        assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"] + 0.01


def test_a_gpu_is_waited_for_unless_its_time_is_not_asked_for(cuda, monkeypatch):
    x = minitorch.ones(3, device="cuda", requires_grad=True)
    waits = []
    monkeypatch.setattr(minitorch.cuda, "synchronize", lambda: waits.append(1))
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        (x * 2).sum().backward()
    assert waits == []
    with profile() as waited:
        (x * 2).sum().backward()
    assert len(waits) == 4
    assert calls(waited) == calls(prof)
    assert {row.name: row.made for row in waited.key_averages()}["mul"] >= 12


@pytest.mark.parametrize("activities", [[], ["cpu"]])
def test_activities_are_of_their_kind(activities: list):
    with pytest.raises(ValueError, match=r"activities holds ProfilerActivity\.CPU"):
        profile(activities=activities)


def test_it_is_no_decorator():
    with pytest.raises(TypeError, match="use a with block"):
        profile()(lambda: None)


def test_the_package_has_it_and_loads_it_when_it_is_asked_for():
    assert minitorch.profiler.profile is profile
    code = "import sys, minitorch; print('minitorch.profiler' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "False"


def test_profiles_that_began_later_end_as_well():
    before, first, second = held(), profile(), profile()
    first.start()
    second.start()
    minitorch.ones(2).exp()
    first.stop()
    assert held() == before
    assert calls(first) == calls(second) == {("exp", "forward"): 1}
    with profile():
        second.start()
    assert held() == before


def test_a_profile_stays_in_its_thread():
    before, errors = held(), []

    def other(prof: profile) -> None:
        for act in (prof.stop, profile().start):
            with pytest.raises(RuntimeError, match="thread") as error:
                act()
            errors.append(error)

    with profile() as prof:
        thread = threading.Thread(target=other, args=[prof])
        thread.start()
        thread.join()
        minitorch.ones(2).exp()
    assert len(errors) == 2
    assert calls(prof) == {("exp", "forward"): 1}
    assert held() == before


class Bare(SGD):
    """Takes no closure."""

    def step(self) -> None:
        super().step()


class Scaled(Optimizer):
    """Takes something besides."""

    def step(self, closure: Any = None, *, scale: float = 1.0) -> Any:
        loss = closure()
        with minitorch.no_grad():
            for p in self.param_groups[0]["params"]:
                p.sub_(p.grad * scale)
        return loss


def test_an_optimizer_is_stepped_with_what_it_takes():
    w = minitorch.ones(2, requires_grad=True)

    def closure() -> Any:
        w.grad = None
        loss = w.exp().sum()
        loss.backward()
        return loss

    with profile() as prof:
        closure()
        Bare([w], lr=0.1).step()
        Scaled([w], {}).step(closure=closure, scale=0.0)
    np.testing.assert_allclose(w.detach(), 1 - 0.1 * np.e, rtol=1e-6)
    assert calls(prof)["Bare.step", "update"] == calls(prof)["Scaled.step", "update"] == 1
    assert calls(prof)["exp", "forward"] == 2


def test_what_was_not_weighed_is_not_said_to_weigh_nothing():
    with profile(profile_memory=False) as prof:
        minitorch.ones(2).exp()
    assert "exp" in str(prof)
    assert "at most at once" not in str(prof)


def test_what_was_held_when_a_profile_stopped_is_not_held_when_it_goes_on():
    prof = profile()
    for _ in range(2):
        prof.start()
        y = minitorch.ones(1000).exp()
        prof.stop()
        del y
    assert prof.key_averages().peak == 4000
