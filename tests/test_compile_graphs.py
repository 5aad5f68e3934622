"""Compiled steps as CUDA graphs: the same numbers, in a launch for each segment."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.array import cupy
from minitorch.kernels import without_cublas
from minitorch.traced import one_call

pytestmark = pytest.mark.usefixtures("kernels_run")

GRAPHS = "reduce-overhead"


def mlp() -> Any:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))


def lenet() -> Any:
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()),
        *(nn.MaxPool2d(2, 1), nn.Conv2d(4, 6, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5)),
    )


def dropped() -> Any:
    return nn.Sequential(nn.Linear(12, 16), nn.Dropout(0.3), nn.Linear(16, 16), nn.Linear(16, 5))


def sgd(model: Any) -> Any:
    return optim.SGD(model, lr=0.1, momentum=0.9)


def adam(model: Any) -> Any:
    return optim.Adam(model, lr=0.01)


def trained(build: Callable, optimizer_of: Callable, mode: str) -> tuple[Any, Any]:
    """A model, and a compiled step of its training."""
    minitorch.manual_seed(0)
    model = build().to("cuda")
    optimizer = optimizer_of(model)
    optimizer.check_finite = False  # which would wait for the GPU

    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        return loss

    return model, minitorch.compile(step, mode=mode)


def batch(i: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(i)
    x = minitorch.from_numpy(rng.standard_normal((6, 12)).astype("f")).to("cuda")
    return x, minitorch.from_numpy(rng.integers(0, 5, 6)).to("cuda")


def bits(t: Any) -> bytes:
    return t.detach().cpu().numpy().tobytes()


# the numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer_of", [sgd, adam])
@pytest.mark.parametrize("build", [mlp, lenet, dropped])
def test_training_in_graphs_is_training_without_them(
    build: Any, optimizer_of: Any, cuda: Any
) -> None:
    (model, plain), (other, graphs) = (
        trained(build, optimizer_of, mode) for mode in ("default", GRAPHS)
    )
    for i in range(6):
        losses = []
        for step in (plain, graphs):
            minitorch.manual_seed(i)
            with without_cublas():  # the same products on both sides: then all bits are the same
                losses.append(bits(step(*batch(i))))
        assert losses[0] == losses[1]
        for p, q in zip(model.parameters(), other.parameters()):
            assert bits(p) == bits(q)
            assert bits(p.grad) == bits(q.grad)
        for p, q in zip(model.buffers(), other.buffers()):
            assert bits(p) == bits(q)
    assert graphs.trace_count == 1
    assert "graph 1" in graphs.program.captures


def test_products_by_cublas_and_by_the_kernel_train_alike(cuda: Any) -> None:
    (_, plain), (_, graphs) = (trained(mlp, adam, mode) for mode in ("default", GRAPHS))
    for i in range(6):
        a, b = plain(*batch(i)), graphs(*batch(i))
        np.testing.assert_allclose(b.item(), a.item(), rtol=1e-4)


def test_a_step_waits_and_uploads_no_more_and_launches_each_graph_once(cuda: Any) -> None:
    _, plain = trained(lenet, sgd, "default")
    _, graphs = trained(lenet, sgd, GRAPHS)
    for i in range(5):
        x, t = batch(i)
        cuda.reset()
        plain(x, t)
        waits, launches = (cuda.sync, cuda.h2d), cuda.launches
        cuda.reset()
        graphs(x, t)
        if type(cuda).__name__ == "Counters" and i > 0:
            assert (cuda.sync, cuda.h2d) == waits
            assert cuda.graphs == (0 if i == 1 else 2)
            assert i == 1 or cuda.launches < launches / 3  # loss, its gradient, the optimizer


def test_what_is_handed_out_is_nobody_elses(cuda: Any) -> None:
    w = minitorch.ones(4, device="cuda").requires_grad_()
    b = minitorch.zeros(4, device="cuda").requires_grad_()

    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        w.grad = b.grad = None
        y = (w * x).exp() * 2 + x + b * x
        loss = y.sum()
        loss.backward()
        return loss, y

    kept = []
    for i in range(6):
        x = minitorch.full((4,), i / 10, device="cuda")
        kept.append((step(x), w.grad, b.grad, x))
    for (loss, y), grad, other, x in kept:
        e = np.exp(x.tolist())
        np.testing.assert_allclose(y.tolist(), 2 * e + x.tolist(), rtol=1e-6)
        np.testing.assert_allclose(loss.item(), sum(y.tolist()), rtol=1e-6)
        np.testing.assert_allclose(grad.tolist(), 2 * e * x.tolist(), rtol=1e-6)
        assert other.tolist() == x.tolist()


def test_views_of_arguments_are_views_of_the_caller_s_array(cuda: Any) -> None:
    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        top = x[:2]
        return top, (top * 2 + 1).exp() - 1

    for i in range(5):
        x = minitorch.full((3, 2), float(i), device="cuda")
        top, y = step(x)
        x.zero_()
        assert top.tolist() == [[0, 0]] * 2
        np.testing.assert_allclose(y.tolist(), np.exp(2 * i + 1.0) - 1, rtol=1e-6)


def test_an_array_that_the_step_makes_and_returns_is_new_at_each_run(cuda: Any) -> None:
    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        y = minitorch.ones(3, device="cuda")
        a = ((x * 2) + 1) * 3
        y.zero_()
        y += a
        return y, ((y * 2) + x) * 3

    kept = [(step(minitorch.full((3,), float(i), device="cuda")), i) for i in range(5)]
    for (y, z), i in kept:
        want = np.full(3, (2 * i + 1) * 3)
        assert y.tolist() == want.tolist()
        assert z.tolist() == ((want * 2 + i) * 3).tolist()


def test_what_two_graphs_use_and_the_caller_keeps_stays_the_caller_s(cuda: Any) -> None:
    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        y = ((x * 2) + 1) * 3
        x.zero_()  # between two graphs
        return y, ((y * 2) + 1) * 3

    kept = [(step(minitorch.full((3,), float(i), device="cuda")), i) for i in range(6)]
    for (y, z), i in kept:
        assert y.tolist() == [(i * 2 + 1) * 3] * 3
        assert z.tolist() == [((i * 2 + 1) * 6 + 1) * 3] * 3
    assert "graph 1" in step.program.captures


def test_an_argument_may_lie_anywhere(cuda: Any) -> None:
    step = minitorch.compile(lambda x: ((x * 2).exp() + x).sum(0), mode=GRAPHS)
    for i in range(5):
        x = minitorch.arange(24.0, device="cuda").reshape(4, 6)[:, i % 2 :: 2] / 24
        np.testing.assert_allclose(step(x).tolist(), step.step(x).tolist(), rtol=1e-6)
    assert step.trace_count == 1


def test_gradients_add_up_and_are_clipped_between_graphs(cuda: Any) -> None:
    found = []
    for mode in ("default", GRAPHS):
        minitorch.manual_seed(0)
        model = mlp().to("cuda")
        optimizer = adam(model)
        optimizer.check_finite = False

        def step(x: Any, t: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            loss = F.cross_entropy(model(x), t)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            return loss

        compiled = minitorch.compile(step, mode=mode)
        with without_cublas():
            losses = [bits(compiled(*batch(i))) for i in range(6)]
        found.append((losses, [bits(p) for p in model.parameters()]))
    assert found[0] == found[1]


# what changes between runs ----------------------------------------------------------------------


def test_a_schedule_goes_on(cuda: Any) -> None:
    found = []
    for mode in ("default", GRAPHS):
        w = minitorch.ones(3, device="cuda").requires_grad_()
        optimizer = optim.SGD([w], lr=0.1)
        optimizer.check_finite = False
        schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.1)

        def step(x: Any, w: Any = w, optimizer: Any = optimizer, schedule: Any = schedule) -> None:
            optimizer.zero_grad()
            ((w * x).exp() + w * x).sum().backward()
            optimizer.step()
            schedule.step()

        compiled = minitorch.compile(step, mode=mode)
        for i in range(6):
            compiled(minitorch.full((3,), 0.1 * i, device="cuda"))
        found.append(bits(w))
    assert found[0] == found[1]


def test_a_replaced_parameter_is_captured_anew(cuda: Any) -> None:
    w = minitorch.ones(3, device="cuda")
    step = minitorch.compile(lambda x: ((w * x) + w).exp() * 2, mode=GRAPHS)
    x = minitorch.ones(3, device="cuda")
    for value in (1.0, 0.5):
        w.array = minitorch.full((3,), value, device="cuda").array
        for _ in range(4):
            np.testing.assert_allclose(step(x).tolist(), 2 * np.exp(2 * value), rtol=1e-6)
        w.mul_(2)  # in place: the graph sees it
        np.testing.assert_allclose(step(x).tolist(), 2 * np.exp(4 * value), rtol=1e-6)
    assert step.trace_count == 2


def test_an_argument_that_the_step_changes_by_another_name(cuda: Any) -> None:
    w = minitorch.zeros(3, device="cuda")

    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        w.add_(1)
        return (x * 2 + 1) * 3

    for i in range(1, 9):
        x = w[:] if i in (4, 5, 7) else minitorch.full((3,), 10.0 * i, device="cuda")
        seen = i if i in (4, 5, 7) else 10.0 * i
        assert step(x).tolist() == [(seen * 2 + 1) * 3] * 3
        assert w.tolist() == [i] * 3
    assert step.trace_count == 1


def test_each_shape_has_graphs_of_its_own(cuda: Any) -> None:
    step = minitorch.compile(lambda x: ((x * 2) + 1).exp().sum(), mode=GRAPHS)
    for _ in range(4):
        for n in (2, 3):
            x = minitorch.ones(n, device="cuda")
            np.testing.assert_allclose(step(x).item(), n * np.exp(3), rtol=1e-6)
    assert step.trace_count == 2


def test_a_label_out_of_range_raises_and_leaves_the_graphs_in_order(cuda: Any) -> None:
    _, step = trained(mlp, sgd, GRAPHS)
    x, t = batch(0)
    wrong = minitorch.full((6,), 7, dtype="int64", device="cuda")
    losses = []
    for i in range(6):
        if i in (1, 2, 4):
            with pytest.raises(IndexError, match="7"):
                step(x, wrong)
        losses.append(step(x, t).item())
    assert losses == sorted(losses, reverse=True)
    assert step.trace_count == 1


# what is captured, and what is not ----------------------------------------------------------------


def test_the_program_says_what_is_captured_and_why_the_rest_is_not(cuda: Any) -> None:
    _, step = trained(dropped, adam, GRAPHS)
    for i in range(3):
        step(*batch(i))
    said = step.program.captures
    assert re.search(r"^graph 0 on cuda:0, \d+ calls: .*linear", said, re.M)
    assert re.search(r"^graph 1 on cuda:0, \d+ calls: .*linear'", said, re.M)
    assert re.search(r"^no graph, cross_entropy: its way depends on values", said, re.M)
    assert re.search(r"^no graph, step: it does more than compute", said, re.M)
    assert re.search(r"^no graph, _drawn: it does more than compute", said, re.M)
    assert re.search(r"^no graph, linear: 2 calls alone", said, re.M)
    assert "def segment(" in step.program.source


def test_a_number_that_moves_is_looked_up_between_graphs(cuda: Any) -> None:
    calls = []

    @one_call
    def counted(x: Any) -> Any:
        calls.append(1)
        return np.full_like(x, len(calls), shape=())

    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        y = (x + 1).exp().log()
        return ((y * minitorch.Tensor(counted(y.array))) + 1) * 2

    found = [step(minitorch.zeros(2, device="cuda")).tolist()[0] for _ in range(5)]
    np.testing.assert_allclose(found, [2 * (n + 1) for n in range(1, 6)], rtol=1e-5)


def test_writing_into_an_argument_happens_outside_of_graphs(cuda: Any) -> None:
    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        y = ((x * 2).exp() + 1).log()
        x.add_(1)
        return ((x * 3) + y).exp().log()

    for i in range(5):
        x = minitorch.full((3,), i / 4, device="cuda")
        y = step(x)
        assert x.tolist() == [i / 4 + 1] * 3
        want = 3 * (i / 4 + 1) + np.log(np.exp(i / 2) + 1)
        np.testing.assert_allclose(y.tolist(), want, rtol=1e-5)
    assert "no graph, add: it writes into an array that is another one" in step.program.captures


def test_the_mode_changes_nothing_on_the_host() -> None:
    step = minitorch.compile(lambda x: (x * 2 + 1).exp(), mode=GRAPHS)
    for _ in range(4):
        assert bits(step(minitorch.ones(3))) == bits(step.step(minitorch.ones(3)))
    assert "it computes on the host" in step.program.captures


def test_there_are_two_modes() -> None:
    with pytest.raises(ValueError, match="mode is 'max-autotune', expected 'default', or 'red"):
        minitorch.compile(lambda x: x, mode="max-autotune")
    assert minitorch.compile(lambda x: x).mode == "default"
    assert minitorch.compile(mode=GRAPHS)(lambda x: x).mode == GRAPHS


# what CuPy refuses --------------------------------------------------------------------------------


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the stand-in refuse a function as it refuses cuBLAS."""

    def refuse(name: str) -> None:
        from tests.fakecupy import capture

        monkeypatch.setattr(capture, "_CUBLAS", capture._CUBLAS | {name})

    return refuse


def test_a_call_that_cupy_refuses_runs_between_graphs_and_is_named_once(
    refusing: Any, cuda: Any
) -> None:
    if type(cuda).__name__ != "Counters":
        pytest.skip("the stand-in alone can be told what to refuse")
    refusing("cumsum")

    @minitorch.compile(mode=GRAPHS)
    def step(x: Any) -> Any:
        y = ((x * 2) + 1).exp()
        return ((y.cumsum(0) * 2) + x).exp().log()

    said = []
    for i in range(6):
        x = minitorch.full((3,), 0.1 * i, device="cuda")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = step(x)
        said += [str(w.message) for w in caught]
        np.testing.assert_allclose(y.tolist(), step.step(x).tolist(), rtol=1e-5)
    assert len(said) == 1
    assert "cumsum at " in said[0]
    assert "test_compile_graphs.py" in said[0]
    assert "calling cuBLAS API during stream capture is currently unsupported" in said[0]
    assert "no graph, cumsum: NotImplementedError: calling cuBLAS" in step.program.captures
    assert step.program.captures.count("graph 0") == step.program.captures.count("graph 1") == 1
    cuda.reset()
    step(x)
    assert cuda.graphs == 2


def test_where_capture_fails_altogether_the_program_runs_as_ever(
    monkeypatch: pytest.MonkeyPatch, cuda: Any
) -> None:
    def no_capture(self: Any, mode: Any = None) -> None:
        raise RuntimeError("this driver captures nothing\nbecause it is old")

    def run(x: Any) -> Any:
        return ((x * 2) + 1).exp()

    if type(cuda).__name__ != "Counters":
        pytest.skip("the stand-in alone has a driver that cannot")
    step = minitorch.compile(run, mode=GRAPHS)
    monkeypatch.setattr(cupy().cuda.Stream, "begin_capture", no_capture)
    x = minitorch.ones(3, device="cuda")
    for _ in range(3):
        assert bits(step(x)) == bits(run(x))
    with pytest.warns(UserWarning, match="RuntimeError: this driver captures nothing"):
        step(x)
    assert bits(step(x)) == bits(run(x))
    assert "this driver captures nothing" in step.program.captures
    assert "because it is old" not in step.program.captures
