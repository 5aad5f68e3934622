"""LBFGS and Rprop: torch's trajectories, the line search, what is remembered, what raises."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.optim.line_search import Point, lowest_between, strong_wolfe

DATA = np.random.default_rng(0).standard_normal((12, 3))
START = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate([(3, 4), (4,)])]


def rosenbrock(p: Any) -> Any:
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def network(w: Any, b: Any, lib: Any) -> Any:
    """A smooth loss of a matrix and a vector that is not convex."""
    x = lib.tensor(DATA)
    h = (x @ w + b).tanh()
    return ((h.sum(1) - x.prod(1)) ** 2).mean() + 0.01 * (w**2).sum()


def leaves(lib: Any) -> list:
    return [lib.tensor(x, requires_grad=True) for x in START]


def closure_of(optimizer: Any, loss_of: Any, calls: list | None = None) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if calls is not None:
            calls.append(float(loss.detach()))
        return loss

    return closure


# the line -----------------------------------------------------------------------------------------


def on_line(f: Any, slope: Any) -> Any:
    return lambda t: Point(t, f(t), np.zeros(1), slope(t))


def test_a_cubic_is_lowest_where_its_formula_says():
    f, slope = lambda t: t**3 - 3 * t, lambda t: 3 * t**2 - 3
    at = on_line(f, slope)
    assert lowest_between(at(0.0), at(3.0)) == pytest.approx(1)
    assert lowest_between(at(3.0), at(0.0)) == pytest.approx(1)
    assert lowest_between(at(0.0), at(0.5)) == 0.5
    assert lowest_between(at(0.0), at(0.5), (0.6, 0.8)) == 0.8


def test_where_there_is_no_cubic_the_middle_is_taken():
    at = on_line(lambda t: t, lambda t: 1.0)
    assert lowest_between(at(2.0), Point(4.0, math.inf, np.zeros(1), math.nan)) == 3.0
    assert lowest_between(at(2.0), at(2.0), (5.0, 7.0)) == 6.0


@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 30.0])
def test_what_the_search_finds_meets_both_conditions(t: float):
    at = on_line(lambda t: (t - 2) ** 4 + t, lambda t: 4 * (t - 2) ** 3 + 1)
    start = at(0.0)
    point, seen = strong_wolfe(at, start, t, 1.0, 25)
    assert point.f <= start.f + 1e-4 * point.t * start.slope
    assert abs(point.slope) <= 0.9 * abs(start.slope)
    assert 1 <= seen <= 26


def test_the_search_keeps_to_its_budget():
    seen = []
    at = on_line(lambda t: math.exp(-t), lambda t: -1.0)

    def counted(t: float) -> Point:
        seen.append(t)
        return at(t)

    _, count = strong_wolfe(counted, at(0.0), 0.1, 1.0, 3)
    assert len(seen) == count == 4


# LBFGS --------------------------------------------------------------------------------------------


def test_a_parabola_takes_two_iterations():
    """With the first pair the curvature of a line is known exactly."""
    p = mt.tensor([5.0], dtype=mt.float64, requires_grad=True)
    optimizer = optim.LBFGS([p], max_iter=3)
    loss = optimizer.step(closure_of(optimizer, lambda: 3 * ((p - 2) ** 2).sum()))
    assert loss.item() == 27
    assert p.item() == pytest.approx(2, abs=1e-12)


def test_the_first_step_is_no_longer_than_lr():
    p = mt.tensor([5.0, -5.0], requires_grad=True)
    optimizer = optim.LBFGS([p], lr=0.5, max_iter=1)
    optimizer.step(closure_of(optimizer, lambda: (p * p).sum()))
    np.testing.assert_allclose(p.detach().numpy(), [4.75, -4.75])


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_it_finds_the_bottom_of_a_curved_valley(search: str | None):
    p = mt.tensor([-1.0, 2.0], dtype=mt.float64, requires_grad=True)
    lr = 1 if search else 0.05
    optimizer = optim.LBFGS([p], lr, 100, line_search_fn=search)
    closure = closure_of(optimizer, lambda: rosenbrock(p))
    for _ in range(2 if search else 12):
        optimizer.step(closure)
    np.testing.assert_allclose(p.detach().numpy(), [1, 1], atol=1e-3)


def test_it_evaluates_no_more_than_it_may():
    p = mt.tensor([-1.0, 2.0], requires_grad=True)
    for most in (1, 2, 5):
        calls: list = []
        optimizer = optim.LBFGS([p], max_eval=most, line_search_fn="strong_wolfe")
        optimizer.step(closure_of(optimizer, lambda: rosenbrock(p), calls))
        assert len(calls) <= most + 1  # one search is begun with the last one


def test_a_parameter_without_gradient_stays():
    p, q = (mt.tensor([1.0, 2.0], requires_grad=True) for _ in "pq")
    frozen = mt.tensor([1.0], requires_grad=True)
    optimizer = optim.LBFGS([q, p, frozen])
    frozen.requires_grad_(False)
    frozen.grad = mt.tensor([100.0])
    optimizer.step(closure_of(optimizer, lambda: (p * p).sum()))
    assert (q.tolist(), frozen.tolist()) == ([1.0, 2.0], [1.0])
    np.testing.assert_allclose(p.detach().numpy(), [0, 0], atol=1e-5)


def test_at_the_bottom_nothing_moves():
    p = mt.tensor([0.0], requires_grad=True)
    optimizer = optim.LBFGS([p])
    assert optimizer.step(closure_of(optimizer, lambda: (p * p).sum())).item() == 0
    assert p.item() == 0


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_when_the_closure_raises_nothing_has_changed(search: str | None):
    p = mt.tensor([-1.0, 2.0], requires_grad=True)
    optimizer = optim.LBFGS([p], 0.1, line_search_fn=search)
    closure = closure_of(optimizer, lambda: rosenbrock(p))
    optimizer.step(closure)
    before, saved, calls = p.tolist(), optimizer.state_dict(), []

    def fails() -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyError("broken")
        return closure()

    with pytest.raises(KeyError, match="broken"):
        optimizer.step(fails)
    assert p.tolist() == before
    assert _plain(optimizer.state_dict()) == _plain(saved)


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, mt.Tensor) else state


def test_a_gradient_of_nan_is_named_and_nothing_moves():
    p = mt.tensor([4.0], requires_grad=True)
    optimizer = optim.LBFGS([p], lr=100)
    with pytest.raises(RuntimeError, match=r"LBFGS\.step: the gradient of '0' is nan at \[0\]"):
        optimizer.step(closure_of(optimizer, lambda: p.sqrt().sum()))
    assert p.item() == 4


def test_the_line_search_comes_back_from_where_there_is_no_loss():
    p = mt.tensor([4.0], dtype=mt.float64, requires_grad=True)
    optimizer = optim.LBFGS([p], lr=100, line_search_fn="strong_wolfe")
    optimizer.step(closure_of(optimizer, lambda: (p - p.log()).sum()))  # nan below 0
    assert p.item() == pytest.approx(1, abs=1e-4)


def test_a_stale_graph_is_noticed():
    p = mt.tensor([2.0], requires_grad=True)
    stale = (p * p).sum()
    optimizer = optim.LBFGS([p], max_iter=1)
    optimizer.step(closure_of(optimizer, lambda: (p * p).sum()))
    with pytest.raises(RuntimeError, match=r"LBFGS\.step of '0'"):
        stale.backward()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_saved_run_goes_on_as_if_it_had_not_stopped(search: str | None, tmp_path: Any):
    options = {"lr": 0.3, "max_iter": 4, "history_size": 3, "line_search_fn": search}

    def run(p: list, optimizer: Any, steps: int) -> list:
        for _ in range(steps):
            optimizer.step(closure_of(optimizer, lambda: network(*p, mt)))
        return [x.tolist() for x in p]

    p = leaves(mt)
    want = run(p, optim.LBFGS(p, **options), 6)
    q = leaves(mt)
    first = optim.LBFGS(q, **options)
    run(q, first, 3)
    state = first.state_dict()
    json.dumps({key: v for key, v in state["state"]["0"].items() if not isinstance(v, mt.Tensor)})
    mt.save(state, tmp_path / "lbfgs")
    second = optim.LBFGS(q)
    second.load_state_dict(mt.load(tmp_path / "lbfgs"))
    assert run(q, second, 3) == want
    assert second.param_groups[0]["history_size"] == 3


def test_a_state_of_other_sizes_is_refused():
    p = mt.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.LBFGS([p])
    closure = closure_of(optimizer, lambda: (p**4).sum())
    optimizer.step(closure)
    p.array = np.ones(3, np.float32)
    with pytest.raises(RuntimeError, match="its state is of 2 numbers, and the parameters have 3"):
        optimizer.step(closure)


def test_wrong_uses_say_what_to_do():
    p = mt.tensor([1.0], requires_grad=True)
    q = mt.tensor([1.0], requires_grad=True)
    optimizer = optim.LBFGS([p])
    with pytest.raises(TypeError, match=r"LBFGS\.step: needs a closure"):
        optimizer.step()
    with pytest.raises(RuntimeError, match="no parameter has a gradient; the closure must call"):
        optimizer.step(lambda: (p * p).sum())
    for build in (
        lambda: optim.LBFGS([{"params": [p]}, {"params": [q]}]),
        lambda: optimizer.add_param_group({"params": [q]}),
    ):
        with pytest.raises(ValueError, match="LBFGS: takes one group"):
            build()
    for options, found in [
        ({"max_iter": 2.5}, "max_iter expected an int"),
        ({"max_iter": 0}, "max_iter=0 is out of range"),
        ({"history_size": 0}, "history_size=0 is out of range"),
        ({"tolerance_grad": -1.0}, "tolerance_grad=-1.0 is out of range"),
        ({"line_search_fn": "wolfe"}, "line_search_fn expected 'strong_wolfe' or None"),
        ({"lr": -1}, "lr=-1 is out of range"),
    ]:
        with pytest.raises((TypeError, ValueError), match=found):
            optim.LBFGS([p], **options)


def test_a_model_fits_in_few_steps():
    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    x = mt.tensor(DATA, dtype=mt.float32)
    y = x.prod(1, keepdim=True)
    optimizer = optim.LBFGS(model, line_search_fn="strong_wolfe")
    closure = closure_of(optimizer, lambda: nn.functional.mse_loss(model(x), y))
    first = optimizer.step(closure).item()
    for _ in range(4):
        optimizer.step(closure)
    assert closure().item() < 1e-3 * first
    assert all(p.dtype == mt.float32 for p in model.parameters())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.3, "max_iter": 4, "history_size": 2},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "lr": 0.01, "max_iter": 5, "history_size": 3},
        {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_eval": 7},
        {"max_eval": 3, "tolerance_grad": 0.05},
        {"tolerance_change": 1e-2},
    ],
)
def test_lbfgs_goes_torchs_way(options: dict):
    torch = pytest.importorskip("torch")
    ways = []
    for lib in (mt, torch):
        p, way = leaves(lib), []
        optimizer = lib.optim.LBFGS(p, **options)
        calls: list = []
        closure = closure_of(optimizer, lambda p=p, lib=lib: network(*p, lib), calls)
        for _ in range(4):
            loss = optimizer.step(closure)
            way += [float(loss.detach()), *(x.detach().numpy().copy() for x in p)]
        ways.append((len(calls), calls, way))
    ours, theirs = ways
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)
    for a, b in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("t", [1e-4, 0.03, 0.7, 5.0, 80.0])
@pytest.mark.parametrize("bend", [0.1, 1.0, 7.0])
def test_the_line_search_is_torchs(t: float, bend: float):
    torch = pytest.importorskip("torch")
    theirs = __import__("torch.optim.lbfgs", fromlist=["_strong_wolfe"])._strong_wolfe
    f = lambda t: math.sin(bend * t) / (1 + t) + (t - 1.5) ** 2
    slope = lambda t: (
        bend * math.cos(bend * t) / (1 + t) - math.sin(bend * t) / (1 + t) ** 2 + 2 * (t - 1.5)
    )
    unit = torch.ones(1, dtype=torch.float64)
    number = lambda value: torch.tensor([value], dtype=torch.float64)
    start = Point(0.0, f(0.0), np.zeros(1), slope(0.0))
    point, seen = strong_wolfe(on_line(f, slope), start, t, 1.0, 25)
    want_f, _, want_t, want_seen = theirs(
        lambda x, t, d: (f(float(t)), number(slope(float(t)))),
        None,
        t,
        unit,
        start.f,
        number(start.slope),
        torch.tensor(start.slope, dtype=torch.float64),
    )
    assert seen == want_seen
    assert point.t == pytest.approx(float(want_t), rel=1e-9)
    assert point.f == pytest.approx(float(want_f), rel=1e-9)


# Rprop --------------------------------------------------------------------------------------------


def test_steps_grow_while_the_sign_stays_and_shrink_where_it_turns():
    p = mt.tensor([0.0, 0.0, 0.0], dtype=mt.float64, requires_grad=True)
    optimizer = optim.Rprop([p], lr=0.1)
    ways = []
    for g in ([3.0, -1e-200, 0.0], [0.5, 1e-200, 1.0], [9.0, 2.0, 1.0]):
        p.grad = mt.tensor(g, dtype=mt.float64)
        optimizer.step()
        ways.append(p.tolist())
    np.testing.assert_allclose(
        ways, [[-0.1, 0.1, 0], [-0.22, 0.1, -0.1], [-0.364, 0.05, -0.22]], atol=1e-12
    )


def test_steps_stay_within_their_bounds():
    p = mt.tensor([0.0, 0.0], requires_grad=True)
    optimizer = optim.Rprop([p], lr=1.0, step_sizes=(0.9, 1.1))
    for sign in (1.0, -1.0, 1.0, -1.0):
        p.grad = mt.tensor([1.0, sign])
        optimizer.step()
    np.testing.assert_allclose(optimizer.state[p]["step_size"].numpy(), [1.1, 0.9])


def test_rprop_finds_the_bottom():
    p = mt.tensor([3.0, -40.0], requires_grad=True)
    optimizer = optim.Rprop([p])
    for _ in range(100):
        closure_of(optimizer, lambda: (p * p * mt.tensor([1.0, 1e-6])).sum())()
        optimizer.step()
    assert p.abs().max().item() < 1e-2


def test_rprop_says_which_option_is_wrong():
    p = mt.tensor([1.0], requires_grad=True)
    for options, found in [
        ({"etas": (1.1, 1.2)}, r"Rprop: etas=\(1\.1, 1\.2\) is out of range"),
        ({"etas": (0.5, 0.9)}, "0 < etas"),
        ({"etas": 0.5}, "etas expected 2 numbers"),
        ({"step_sizes": (2.0, 1.0)}, "the smaller one first"),
        ({"lr": math.nan}, "lr=nan is out of range"),
    ]:
        with pytest.raises((TypeError, ValueError), match=found):
            optim.Rprop([p], **options)


@pytest.mark.parametrize("name", ["Rprop", "LBFGS"])
def test_defaults_and_their_order_are_torchs(name: str):
    torch = pytest.importorskip("torch")
    left_out = {"foreach", "capturable", "differentiable"}
    theirs = inspect.signature(getattr(torch.optim, name)).parameters.values()
    ours = inspect.signature(getattr(optim, name)).parameters.values()
    want = [(p.name, p.default, p.kind) for p in theirs if p.name not in left_out]
    assert [(p.name, p.default, p.kind) for p in ours] == want


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.3, "maximize": True},
        {"etas": (0.2, 2.0), "step_sizes": (1e-3, 0.05)},
    ],
)
def test_rprop_goes_torchs_way(options: dict):
    torch = pytest.importorskip("torch")
    ours, theirs = leaves(mt), leaves(torch)
    mine, twin = optim.Rprop(ours, **options), torch.optim.Rprop(theirs, **options)
    random = np.random.default_rng(3)
    for _ in range(12):
        for a, b in zip(ours, theirs, strict=True):
            g = random.standard_normal(a.shape) * (random.random(a.shape) > 0.2)
            a.grad, b.grad = mt.tensor(g), torch.tensor(g)
        mine.step()
        twin.step()
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rprop_keeps_the_dtype(dtype: str):
    p = mt.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    optimizer = optim.Rprop([p])
    for _ in range(3):
        p.grad = mt.tensor([1.0, -1.0], dtype=dtype)
        optimizer.step()
    assert {str(v.dtype) for v in (p, *optimizer.state[p].values()) if hasattr(v, "dtype")} == {
        dtype
    }
