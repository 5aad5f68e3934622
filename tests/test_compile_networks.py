"""Training steps, compiled: each loss, parameter, buffer and gradient is eager's, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim

STEPS = 4


def numbers(*shape: int) -> Callable[[int], minitorch.Tensor]:
    return lambda i: minitorch.from_numpy(
        np.random.default_rng(i).standard_normal(shape).astype(np.float32)
    )


def labels(*shape: int, classes: int) -> Callable[[int], minitorch.Tensor]:
    return lambda i: minitorch.from_numpy(np.random.default_rng(50 + i).integers(0, classes, shape))


def bits(x: minitorch.Tensor) -> bytes:
    return x.detach().cpu().numpy().tobytes()


class Trained:
    """A model, its optimizer and its step, built from one seed."""

    def __init__(
        self,
        build: Callable[[], Any],
        optimizer: Callable[[Any], Any],
        loss: Callable[..., Any],
        between: Callable[[Any], Any] | None = None,
    ):
        minitorch.manual_seed(0)
        self.model = build()
        self.optimizer = optimizer(self.model)
        self.loss, self.between = loss, between

    def step(self, *batch: Any) -> Any:
        self.model.zero_grad()
        loss = self.loss(self.model, *batch)
        loss.backward()
        if self.between is not None:
            self.between(self.model)
        self.optimizer.step()
        return loss


def check(*parts: Any, batch: list, after: Callable[[Trained], Any] | None = None) -> Any:
    """Trains two alike, one of them compiled, and compares all there is after every step."""
    eager, other = Trained(*parts), Trained(*parts)
    compiled = minitorch.compile(other.step)
    then = [after(eager), after(other)] if after else []
    for i in range(STEPS):
        found = []
        for step in (eager.step, compiled):
            minitorch.manual_seed(100 + i)
            loss = step(*[make(i) for make in batch])
            found.append((bits(loss), minitorch.default_generator.get_state()))
        assert found[0] == found[1], f"the loss of step {i}, and the stream after it"
        for (name, p), (_, q) in zip(
            eager.model.state_dict().items(), other.model.state_dict().items()
        ):
            assert bits(p) == bits(q), f"{name} after step {i}"
        for p, q in zip(eager.model.parameters(), other.model.parameters()):
            assert bits(p.grad) == bits(q.grad)
        for act in then:
            act()
    assert compiled.trace_count == 1
    return compiled


def mlp() -> Any:
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))


def classified(model: Any, x: Any, t: Any) -> Any:
    return F.cross_entropy(model(x), t)


ROWS = [numbers(8, 20), labels(8, classes=5)]


OPTIMIZERS = {
    "SGD": lambda m: optim.SGD(m, lr=0.1),
    "momentum": lambda m: optim.SGD(m, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda m: optim.Adam(m, lr=0.01, amsgrad=True),
    "AdamW": lambda m: optim.AdamW(m, lr=0.01),
    "Adamax": lambda m: optim.Adamax(m, lr=0.01),
    "NAdam": lambda m: optim.NAdam(m, lr=0.01),
    "RAdam": lambda m: optim.RAdam(m, lr=0.01),
    "RMSprop": lambda m: optim.RMSprop(m, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda m: optim.Adagrad(m, lr=0.01),
    "Adadelta": lambda m: optim.Adadelta(m),
    "Lion": lambda m: optim.Lion(m, lr=0.01),
    "LAMB": lambda m: optim.LAMB(m, lr=0.01),
    "LARS": lambda m: optim.LARS(m, lr=0.01),
    "Chain": lambda m: optim.Chain(m, [optim.WeightDecay(0.1), optim.Momentum()], lr=0.01),
    "Rprop": lambda m: optim.Rprop(m, lr=0.01),
    "Muon": lambda m: optim.Muon([p for p in m.parameters() if p.ndim == 2], lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_moves_as_in_eager(name: str):
    check(mlp, OPTIMIZERS[name], classified, batch=ROWS)


def test_no_optimizer_is_left_out():
    rules = {
        name
        for name in optim.__all__
        if isinstance(kind := getattr(optim, name), type) and issubclass(kind, optim.Optimizer)
    }
    with_closures = {"LBFGS"}  # which calls forward and backward itself
    assert rules - {"Optimizer"} - with_closures == {*OPTIMIZERS} - {"momentum"}


def test_the_loss_that_an_optimizer_asks_for_can_be_compiled():
    found = []
    for kind in (lambda f: f, minitorch.compile):
        minitorch.manual_seed(0)
        model = mlp()
        optimizer = optim.LBFGS(model, lr=0.1, max_iter=3)

        def gradients(x: Any, t: Any, model: Any = model) -> Any:
            model.zero_grad()
            loss = classified(model, x, t)
            loss.backward()
            return loss

        compute = kind(gradients)
        losses = []
        for i in range(4):
            batch = [make(i) for make in ROWS]
            losses.append(bits(optimizer.step(lambda batch=batch, f=compute: f(*batch))))
        found.append((losses, [bits(p) for p in model.parameters()]))
    assert found[0] == found[1]


def lenet() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 10, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(250, 5)),
    )


def normed() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 9, 3), nn.BatchNorm2d(9), nn.Flatten(), nn.Linear(324, 5)),
    )


def dropped() -> Any:
    return nn.Sequential(
        *(nn.Linear(20, 30), nn.Dropout(0.3), nn.ReLU(), nn.AlphaDropout(0.2), nn.Linear(30, 5)),
    )


class Reader(nn.Module):
    """Embedding, recurrence, scores."""

    def __init__(self, kind: Any):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.recurrent = kind(8, 12, batch_first=True)
        self.scores = nn.Linear(12, 11)

    def forward(self, x: Any) -> Any:
        return self.scores(self.recurrent(self.embedding(x))[0])


def read(model: Any, x: Any, t: Any) -> Any:
    return F.cross_entropy(model(x).reshape(-1, 11), t.reshape(-1))


def adam(model: Any) -> Any:
    return optim.Adam(model, lr=0.01)


def test_lenet():
    batch = [numbers(4, 1, 28, 28), labels(4, classes=5)]
    check(lenet, OPTIMIZERS["SGD"], classified, batch=batch)


def test_batch_norm_moves_its_running_statistics():
    batch = [numbers(4, 1, 16, 16), labels(4, classes=5)]
    check(normed, adam, classified, batch=batch)


def test_dropout_draws_the_numbers_that_eager_draws():
    compiled = check(dropped, adam, classified, batch=ROWS)
    *draws, step = [c for c in compiled.program.lines if c.kind == "outside"]
    assert (len(draws), step.name) == (2, "step")


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_networks(kind: Any):
    tokens = labels(3, 6, classes=11)
    check(lambda: Reader(kind), adam, read, batch=[tokens, tokens])


def test_a_transformer_block():
    block = lambda: nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
    loss = lambda model, x, t: F.mse_loss(model(x), t)
    check(block, adam, loss, batch=[numbers(2, 5, 16), numbers(2, 5, 16)])


def test_layer_norm_and_gelu():
    model = lambda: nn.Sequential(nn.Linear(20, 30), nn.LayerNorm(30), nn.GELU(), nn.Linear(30, 5))
    check(model, adam, classified, batch=ROWS)


def test_a_schedule_between_two_steps_is_followed():
    schedule = lambda t: optim.lr_scheduler.StepLR(t.optimizer, 2, 0.5).step
    check(mlp, adam, classified, batch=ROWS, after=schedule)


def test_a_schedule_inside_the_step_goes_on():
    """Its step is a line of the program."""
    rates = []
    for kind in (lambda f: f, minitorch.compile):
        minitorch.manual_seed(0)
        model = mlp()
        optimizer = optim.SGD(model, lr=1.0)
        schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

        def inner(x: Any, model: Any = model, optimizer: Any = optimizer, s: Any = schedule) -> Any:
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()
            s.step()

        step = kind(inner)
        rates.append([step(numbers(2, 20)(i)) or optimizer.lr for i in range(4)])
    assert rates == [[0.5, 0.25, 0.125, 0.0625]] * 2


@pytest.mark.parametrize(
    "clip",
    [
        lambda model: optim.clip_grad_norm_(model.parameters(), 0.1),
        lambda model: optim.clip_grad_value_(model.parameters(), 0.01),
    ],
    ids=["norm", "value"],
)
def test_gradients_are_clipped(clip: Any):
    check(mlp, adam, classified, clip, batch=ROWS)


def test_a_loss_scale_that_grows():
    found = []
    for kind in (lambda f: f, minitorch.compile):
        minitorch.manual_seed(0)
        model = mlp()
        optimizer = optim.SGD(model, lr=0.1)
        scaler = minitorch.amp.GradScaler(init_scale=2.0**10, growth_interval=2)

        def inner(x: Any, t: Any, m: Any = model, o: Any = optimizer, s: Any = scaler) -> Any:
            o.zero_grad()
            with minitorch.autocast("cpu"):
                loss = classified(m, x, t)
            s.scale(loss).backward()
            s.unscale_(o)
            optim.clip_grad_norm_(m.parameters(), 1.0)
            s.step(o)
            s.update()
            return loss

        step = kind(inner)
        losses = [bits(step(*[make(i) for make in ROWS])) for i in range(5)]
        found.append((losses, scaler.get_scale(), [bits(p) for p in model.parameters()]))
    assert found[0] == found[1]
    assert found[0][1] == 2.0**12


def test_an_optimizer_may_be_loaded_between_two_runs():
    saved = Trained(mlp, adam, classified)
    for i in range(3):
        saved.step(*[make(i) for make in ROWS])
    state = saved.optimizer.state_dict()
    found = []
    for kind in (lambda f: f, minitorch.compile):
        other = Trained(mlp, adam, classified)
        step = kind(other.step)
        step(*[make(0) for make in ROWS])
        other.optimizer.load_state_dict(state)
        step(*[make(1) for make in ROWS])
        found.append([bits(p) for p in other.model.parameters()])
    assert found[0] == found[1]


def test_a_model_whose_sizes_are_open_is_built_by_the_first_call():
    model = nn.Sequential(nn.Linear(30), nn.ReLU(), nn.Linear(5))
    predict = minitorch.compile(lambda x: model(x))
    for i in range(3):
        x = numbers(2, 20)(i)
        assert bits(predict(x)) == bits(model(x))
    assert predict.trace_count <= 2
