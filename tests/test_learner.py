"""The training loop: what it does with batches, in which order, and what it refuses."""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn, optim, train
from minitorch.tensor import Tensor
from minitorch.train.callbacks import EVENTS, Callback, CancelBatch, CancelEpoch, CancelFit
from minitorch.utils.data import DataLoader, TensorDataset


def sgd(lr: float = 0.1, **options: Any) -> Any:
    return lambda model: optim.SGD(model, lr=lr, **options)


def table(n: int = 64, features: int = 3, classes: int = 0) -> tuple[Tensor, Tensor]:
    x = mt.randn(n, features)
    return (x, x[:, :classes].argmax(1)) if classes else (x, x.sum(1, keepdim=True))


class Recorder(Callback):
    """Writes down every event, and raises where it is told to."""

    def __init__(self, raises: dict[str, Exception] | None = None):
        self.seen: list[str] = []
        self.raises = raises or {}
        for event in EVENTS:
            setattr(self, event, lambda learner, event=event: self.note(event, learner))

    def note(self, event: str, learner: Any) -> None:
        self.seen.append(event)
        if event in self.raises:
            raise self.raises.pop(event)


BATCH = [
    "before_batch",
    "after_predict",
    "after_loss",
    "after_backward",
    "after_step",
    "after_batch",
]
JUDGING = ["before_validate", "after_predict", "after_loss", "after_validate"]


def events(raises: dict[str, Exception] | None = None, epochs: int = 1, **options: Any) -> Any:
    """What a fit of two batches of 4 and a validation of one tells, and the learner."""
    data = table(8)
    recorder = Recorder(raises)
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd(), callbacks=[recorder], **options)
    learner.fit(data, data, epochs, batch_size=4, progress=False)
    assert not recorder.raises
    return recorder.seen, learner


# events ------------------------------------------------------------------------------------------


def test_events_come_in_this_order():
    """G54."""
    seen, _ = events()
    judging = [*JUDGING[:1], *JUDGING[1:3] * 2, JUDGING[3]]  # two batches of 4 as well
    want = ["before_fit", "before_epoch", *BATCH, *BATCH, *judging, "after_epoch", "after_fit"]
    assert seen == want
    seen, _ = events(epochs=2)
    assert seen == [want[0], *want[1:-1] * 2, want[-1]]


@pytest.mark.parametrize(
    ("event", "kept", "steps"),
    [
        ("before_batch", ["before_batch", "after_batch"], 1),
        ("after_loss", [*BATCH[:3], "after_batch"], 1),
        ("after_backward", [*BATCH[:4], "after_batch"], 1),
        ("after_step", BATCH, 2),
        ("after_batch", BATCH, 2),
    ],
)
def test_cancelled_batch_goes_on_with_the_next(event: str, kept: list[str], steps: int):
    """G54."""
    seen, learner = events({event: CancelBatch()})
    assert seen[2:][: len(kept) + 6] == [*kept, *BATCH]
    assert learner.step == steps


@pytest.mark.parametrize("event", ["before_epoch", "after_predict", "after_step", "after_batch"])
@pytest.mark.parametrize("cancel", [CancelEpoch, CancelFit])
def test_cancelled_epoch_ends_and_is_measured_as_far_as_it_went(event: str, cancel: type):
    seen, learner = events({event: cancel()}, epochs=3)
    assert (
        seen.count("before_epoch")
        == seen.count("after_epoch")
        == (3 if cancel is CancelEpoch else 1)
    )
    assert seen[-1] == "after_fit"
    went = event in ("after_step", "after_batch")  # else there is nothing to measure
    assert len(learner.history) == went + (2 if cancel is CancelEpoch else 0)
    assert all(p.grad is None for p in learner.model.parameters())


@pytest.mark.parametrize("event", ["before_fit", "after_epoch", "after_fit"])
def test_cancelled_fit_says_goodbye_once(event: str):
    seen, _ = events({event: CancelFit()}, epochs=3)
    assert seen.count("after_fit") == 1
    assert seen[-1] == "after_fit"
    assert seen.count("after_epoch") == {"before_fit": 0, "after_epoch": 1, "after_fit": 3}[event]


def test_cancelled_validation_leaves_a_gap_in_the_history():
    _, learner = events({"before_validate": CancelEpoch()}, epochs=2)
    first, second = learner.history["valid_loss"]
    assert math.isnan(first)
    assert math.isfinite(second)
    assert all(map(math.isfinite, learner.history["train_loss"]))


def test_misspelt_event_raises_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"Mine.after_epochs: no such event; before_fit, "):

        class Mine(Callback):
            def after_epochs(self, learner: Any) -> None: ...


def test_callbacks_are_objects():
    with pytest.raises(TypeError, match="expected objects of subclasses of Callback, got <class"):
        train.Learner(nn.Linear(3, 1), callbacks=[train.EarlyStopping])


def test_callbacks_of_lower_order_hear_first_and_see_the_batch():
    heard = []

    class Late(Callback):
        order = 5

        def after_loss(self, learner: Any) -> None:
            heard.append(("late", learner.pred.shape, learner.training))

    class Early(Callback):
        def after_loss(self, learner: Any) -> None:
            learner.loss = learner.loss * 2  # what is changed is what is trained on
            heard.append(("early", learner.target.shape, learner.training))

    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd(), callbacks=[Late(), Early()])
    history = learner.fit(table(4), progress=False)
    assert heard == [("early", (4, 1), True), ("late", (4, 1), True)]
    mt.manual_seed(0)
    plain = train.Learner(nn.Linear(3, 1), optimizer=sgd()).fit(table(4), progress=False)
    assert history["train_loss"][0] > 0
    assert len(plain) == 1


def test_callbacks_of_one_fit_do_not_hear_of_the_next():
    recorder = Recorder()
    data = table(4)
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd())
    learner.fit(data, callbacks=[recorder], progress=False)
    count = len(recorder.seen)
    learner.validate(data)
    learner.fit(data, progress=False)
    assert len(recorder.seen) == count > 0


# steps -------------------------------------------------------------------------------------------


def bare_loop(model: Any, batches: Any, optimizer: Any) -> None:
    for x, t in batches:
        F.mse_loss(model(x), t).backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(model: Any) -> np.ndarray:
    return np.concatenate([p.detach().numpy().reshape(-1) for p in model.parameters()])


def twins(**options: Any) -> tuple[Any, Any]:
    first = nn.Sequential(nn.Linear(3, 4, **options), nn.Tanh(), nn.Linear(4, 1, **options))
    second = nn.Sequential(nn.Linear(3, 4, **options), nn.Tanh(), nn.Linear(4, 1, **options))
    second.load_state_dict(first.state_dict())
    return first, second


def test_fit_is_the_bare_loop_bit_for_bit():
    """C72, H159: a forgotten zero_grad cannot happen; C74: steps leave no tape."""
    ours, bare = twins()
    data = TensorDataset(*table(70))
    train.Learner(ours, optimizer=sgd(momentum=0.9)).fit(
        DataLoader(data, 16, shuffle=True, seed=5), epochs=3, progress=False
    )
    loader, optimizer = DataLoader(data, 16, shuffle=True, seed=5), sgd(momentum=0.9)(bare)
    for _ in range(3):
        bare_loop(bare, loader, optimizer)
    assert (weights(ours) == weights(bare)).all()
    assert all(p.grad is None and p.is_leaf for p in ours.parameters())


def test_every_row_is_seen_once_an_epoch():
    """C73."""
    seen: list[float] = []

    class See(Callback):
        def before_batch(self, learner: Any) -> None:
            seen.extend(learner.args[0].numpy()[:, 0].tolist())

    x = mt.arange(70).float().unsqueeze(1)
    nn.Linear(1, 1).fit(x, x / 70, lr=1e-3, batch_size=64, callbacks=[See()], progress=False)
    assert sorted(seen) == list(range(70)) != seen


@pytest.mark.parametrize(("sizes", "steps"), [((16, 16, 16, 16), 1), ((16, 16, 16, 16, 10, 6), 2)])
def test_accumulated_batches_step_as_one(sizes: tuple[int, ...], steps: int):
    """G50: 4 batches of 16 are one of 64; so are the 16 examples of an uneven last group."""
    x, t = table(sum(sizes))
    many, one = twins(dtype=mt.float64)
    x, t = x.double(), t.double()
    ends = np.cumsum(sizes)
    batches = [(x[end - n : end], t[end - n : end]) for n, end in zip(sizes, ends)]
    learner = train.Learner(many, optimizer=sgd(), accumulate=4)
    learner.fit(batches, progress=False)
    assert learner.step == steps
    bare_loop(one, [(x[:64], t[:64]), (x[64:], t[64:])][:steps], sgd()(one))
    np.testing.assert_allclose(weights(many), weights(one), rtol=1e-12, atol=0)


def test_accumulation_in_float16_does_not_sum_up_examples():
    model = nn.Linear(1, 1, dtype=mt.float16)
    x = mt.full((4096, 1), 8.0, dtype=mt.float16)
    distance = lambda pred, t: (pred - t).abs().mean()
    learner = train.Learner(model, distance, sgd(1e-4), accumulate=2)
    learner.fit([(x, x + 50), (x, x + 50)], progress=False)
    assert learner.step == 1
    assert np.isfinite(weights(model)).all()


@pytest.mark.parametrize(("event", "kept"), [("before_batch", 3), ("after_backward", 0)])
def test_cancelled_batch_takes_no_others_along_before_its_backward(event: str, kept: int):
    """The step of a group is made of those batches whose gradients are whole."""
    x, t = table(16, classes=0)
    batches = [(x[i : i + 4], t[i : i + 4]) for i in range(0, 16, 4)]
    ours, bare = twins()

    class Skip(Callback):
        def _skip(self, learner: Any) -> None:
            if learner.batch == 3:
                raise CancelBatch

    setattr(Skip, event, Skip._skip)
    learner = train.Learner(ours, optimizer=sgd(), accumulate=4, callbacks=[Skip()])
    learner.fit(batches, progress=False)
    if kept:
        bare_loop(bare, [(x[:12], t[:12])], sgd()(bare))
    assert learner.step == bool(kept)
    np.testing.assert_allclose(weights(ours), weights(bare), rtol=1e-5)


def test_clipping():
    """Only what the optimizer holds counts towards the norm."""
    x, t = table(8)
    for options, norm in (({"clip_norm": 0.5}, 0.5), ({"clip_value": 0.01}, 0.01 * 2)):
        model = nn.Linear(3, 1, bias=False)
        before = weights(model)
        train.Learner(model, optimizer=sgd(1.0), **options).fit((x, 100 * t), progress=False)
        moved = np.linalg.norm(weights(model) - before)
        assert moved == pytest.approx(norm if "clip_norm" in options else 0.01 * 3**0.5, rel=1e-4)
    both = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    head = both[1]
    before = weights(head)
    learner = train.Learner(both, optimizer=optim.SGD(head, lr=1.0), clip_norm=0.5)
    learner.fit((x, 100 * t), progress=False)
    assert np.linalg.norm(weights(head) - before) == pytest.approx(0.5, rel=1e-4)


def test_fit_twice_continues():
    ours, bare = twins()
    data = TensorDataset(*table(32))
    learner = train.Learner(ours, optimizer=lambda m: optim.Adam(m, lr=0.01))
    loader = DataLoader(data, 8, shuffle=True, seed=1)
    learner.fit(loader, epochs=2, progress=False)
    history = learner.fit(loader, epochs=1, progress=False)
    whole = train.Learner(bare, optimizer=lambda m: optim.Adam(m, lr=0.01))
    want = whole.fit(DataLoader(data, 8, shuffle=True, seed=1), epochs=3, progress=False)
    assert (weights(ours) == weights(bare)).all()
    assert history["train_loss"] == want["train_loss"]
    assert (len(history), learner.step, len(history.steps["lr"])) == (3, 12, 12)


def test_only_the_new_head_changes_first():
    """G61: swap the head, then thaw the body."""
    x, t = table(32, classes=3)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    model[2] = nn.Linear(8, 3)
    model[0].requires_grad_(False)
    body, head = weights(model[0]), weights(model[2])

    class Thaw(Callback):
        def before_epoch(self, learner: Any) -> None:
            if learner.epoch == 1:  # names are paths, so that both groups can be saved
                assert (weights(model[0]) == body).all()
                model[0].requires_grad_(True)
                body_now = {"params": model[0].named_parameters("0"), "lr": 0.01}
                learner.optimizer.add_param_group(body_now)

    learner = train.Learner(
        model, optimizer=lambda m: optim.SGD(m[2].named_parameters("2"), lr=0.1)
    )
    learner.fit((x, t), epochs=2, callbacks=[Thaw()], progress=False)
    assert (weights(model[0]) != body).any()
    assert (weights(model[2]) != head).any()


def test_gradients_from_before_thawing_do_not_count():
    """A parameter that the optimizer did not hold starts from its own batch's gradient."""
    x, t = table(8)
    model, twin = twins()
    learner = train.Learner(model, optimizer=optim.SGD(model[2].named_parameters("2"), lr=0.0))
    learner.fit((x, t), epochs=3, progress=False)
    learner.optimizer.add_param_group({"params": model[0].named_parameters("0"), "lr": 0.1})
    learner.fit((x, t), progress=False)
    bare_loop(twin, [(x, t)], optim.SGD(twin[0], lr=0.1))
    np.testing.assert_allclose(weights(model[0]), weights(twin[0]), rtol=1e-6)


def test_unused_parameters_are_named_once():
    """I06."""

    class Forgetful(nn.Module):
        def __init__(self):
            self.used, self.forgotten = nn.Linear(3, 1), nn.Linear(3, 1)
            self.frozen = nn.Linear(3, 1).requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    learner = train.Learner(Forgetful(), optimizer=sgd())
    with pytest.warns(UserWarning, match=r"2 parameters got no gradient.*forgotten.bias\.") as said:
        learner.fit(table(8), epochs=2, batch_size=4, progress=False)
    assert len(said) == 1
    assert "frozen" not in str(said[0].message)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="forgotten") as said:
        Forgetful().fit(*table(8), progress=False)
    assert said[0].filename == __file__


# numbers -----------------------------------------------------------------------------------------


def test_losses_and_metrics_are_weighted_by_the_size_of_the_batch():
    """P38, A29: means over 64, 64 and 8 examples are the mean over 136."""
    x, t = table(136, classes=3)
    model = nn.Linear(3, 3)
    learner = train.Learner(model, optimizer=sgd(0.0), metrics=[train.accuracy])
    history = learner.fit((x, t), (x, t), batch_size=64, progress=False)
    pred = model(x)
    want = F.cross_entropy(pred, t).item()
    assert history["train_loss"] == [pytest.approx(want, rel=1e-6)]
    assert history["valid_loss"] == [pytest.approx(want, rel=1e-6)]
    assert history["accuracy"] == [pytest.approx(train.accuracy(pred, t).item(), rel=1e-6)]
    again = train.Learner(model, optimizer=sgd(0.0), metrics=[train.accuracy])
    assert again.fit((x, t), batch_size=64, progress=False)["accuracy"] == [
        pytest.approx(history["accuracy"][0])  # on the training data, where there is no other
    ]


def test_history_holds_python_numbers():
    """P34."""
    x, t = table(32, classes=3)
    learner = train.Learner(nn.Linear(3, 3), optimizer=sgd(), metrics=[train.accuracy])
    history = learner.fit((x, t), (x, t), epochs=2, batch_size=8, progress=False)
    columns = [*history.epochs.values(), *history.steps.values()]
    assert all(type(value) in (float, int) for column in columns for value in column)
    assert list(history.epochs) == ["train_loss", "valid_loss", "accuracy"]
    assert [len(column) for column in columns] == [2, 2, 2, 8, 8]
    assert learner.pred is None is learner.loss  # which would keep the last graph


def test_memory_is_flat_over_a_thousand_steps():
    """P34."""
    x, t = table(8)
    sizes = []

    class Measure(Callback):
        def after_batch(self, learner: Any) -> None:
            if learner.batch in (100, 1100):
                sizes.append(tracemalloc.get_traced_memory()[0])

    learner = train.Learner(
        twins()[0], optimizer=sgd(momentum=0.9), metrics=[train.mean_squared_error]
    )
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        learner.fit([(x, t)] * 1100, callbacks=[Measure()], progress=False)
    finally:
        tracemalloc.stop()
        gc.enable()
    before, after = sizes
    assert after - before < 1000 * 120  # two floats and their places in two lists, for each step


def test_ignored_labels_are_counted():
    """H003."""
    x, t = table(20, classes=3)
    t[:5] = -100
    learner = train.Learner(nn.Linear(3, 3), optimizer=sgd())
    assert learner.fit((x, t), batch_size=8, progress=False)["ignored"] == [5]
    learner = train.Learner(nn.Linear(3, 3), nn.CrossEntropyLoss(ignore_index=1), sgd())
    clean = table(20, classes=3)[1]
    history = learner.fit((x, clean), progress=False)
    assert history["ignored"] == [int((clean == 1).sum())]
    history = train.Learner(nn.Linear(3, 1), optimizer=sgd()).fit(table(8), progress=False)
    assert "ignored" not in history


def test_history_has_one_value_for_each_epoch():
    history = train.History()
    history.add({"train_loss": 1.0})
    history.add({"train_loss": 0.5, "accuracy": 0.75})
    history.add({"train_loss": 0.25})
    assert history["train_loss"] == [1.0, 0.5, 0.25]
    assert [str(x) for x in history["accuracy"]] == ["nan", "0.75", "nan"]
    assert (len(history), "accuracy" in history, "recall" in history) == (3, True, False)
    assert repr(history) == "History(3 epochs; train_loss 0.25, accuracy nan)"
    assert repr(train.History()) == "History(empty)"
    with pytest.raises(KeyError, match="no 'acuracy' was measured; did you mean 'accuracy'"):
        history["acuracy"]


def test_label_smoothing_goes_through_the_loss():
    """G60."""
    x, t = table(32, classes=3)
    model = nn.Linear(3, 3)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    history = train.Learner(model, loss, sgd(0.0)).fit((x, t), batch_size=32, progress=False)
    want = F.cross_entropy(model(x), t, label_smoothing=0.1).item()
    assert history["train_loss"] == [pytest.approx(want)]


# what stops a run --------------------------------------------------------------------------------


@pytest.mark.parametrize("metrics", [[], [train.mean_squared_error]])
def test_nan_stops_before_the_step_and_names_epoch_and_batch(metrics: list):
    """G57."""
    x, t = table(64)
    x[37, 1] = math.nan
    model = nn.Linear(3, 1)
    learner = train.Learner(model, optimizer=sgd(), metrics=metrics)
    before = []

    class Watch(Callback):
        def before_batch(self, learner: Any) -> None:
            before[:] = [weights(learner.model)]

    loader = DataLoader(TensorDataset(x, t), 8)
    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 1, batch 5 \(step 5\)"):
        learner.fit(loader, callbacks=[Watch()], progress=False)
    assert learner.step == 4
    assert (weights(model) == before[0]).all()


def test_gradient_that_is_not_finite_names_epoch_and_batch():
    """G57: the loss is a number, its gradient is none."""
    x, t = mt.zeros(4, 3), mt.zeros(4, 1)
    model = nn.Linear(3, 1, bias=False)
    before = weights(model)
    learner = train.Learner(model, lambda pred, t: pred.abs().sqrt().mean(), sgd())
    with pytest.raises(RuntimeError, match="gradient of 'weight'") as caught:
        learner.fit((x, t), progress=False)
    assert "in epoch 1, batch 1 of fit" in caught.value.__notes__
    assert (weights(model) == before).all()


def test_errors_in_a_batch_say_which():
    x, t = table(8)
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd())
    with pytest.raises(ValueError, match=r"mse_loss|linear|matmul") as caught:
        learner.fit([(x, t), (x[:, :2], t)], progress=False)
    assert "in epoch 1, batch 2 of fit" in caught.value.__notes__


@pytest.mark.parametrize("epochs", [-1, 2.5, True])
def test_number_of_epochs(epochs: Any):
    """H161."""
    with pytest.raises(ValueError, match="epochs must be an int of at least 0"):
        train.Learner(nn.Linear(3, 1)).fit(table(8), epochs=epochs, progress=False)


def test_no_epochs_change_nothing():
    model = nn.Linear(3, 1)
    before = weights(model)
    assert len(train.Learner(model).fit(table(8), epochs=0, progress=False)) == 0
    assert (weights(model) == before).all()


def test_no_batches():
    """H161: known before the first batch, also where the validation data are the empty ones."""
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd())
    with pytest.raises(ValueError, match=r"fit: \[\] has no batches"):
        learner.fit([], progress=False)
    with pytest.raises(ValueError, match="gave no batches"):
        learner.fit(iter([]), progress=False)
    data = table(8)
    with pytest.raises(ValueError, match=r"fit: \[\] has no batches"):
        learner.fit(data, [], progress=False)
    with pytest.raises(ValueError, match=r"\[\] has no batches"):
        learner.validate([])
    assert learner.step == 0
    once = iter([data])
    with pytest.raises(ValueError, match="gave no batches"):
        learner.fit(once, epochs=2, progress=False)  # an iterator has one epoch


@pytest.mark.parametrize(
    "callback",
    [
        train.EarlyStopping("acuracy"),
        train.KeepBest("acuracy"),
        train.Schedule(lambda o: optim.lr_scheduler.ReduceLROnPlateau(o), monitor="acuracy"),
    ],
)
def test_unknown_metric_is_known_before_the_first_batch(callback: Callback):
    """H161."""
    learner = train.Learner(nn.Linear(3, 3), optimizer=sgd(), metrics=[train.accuracy])
    with pytest.raises(
        ValueError, match=r"does not measure monitor='acuracy', only train_loss, ac"
    ):
        learner.fit(table(8, classes=3), callbacks=[callback], progress=False)
    assert learner.step == 0


def test_what_a_learner_is_made_of():
    model = nn.Linear(3, 1)
    with pytest.raises(TypeError, match="expected an optimizer, or a function"):
        train.Learner(model, optimizer="sgd")
    with pytest.raises(ValueError, match="accumulate must be at least 1, got 0"):
        train.Learner(model, accumulate=0)
    with pytest.raises(ValueError, match="progress must be True, False or 'lines', got 'bar'"):
        train.Learner(model).fit(table(8), progress="bar")
    with pytest.raises(ValueError, match="give the optimizer its own lr"):
        model.fit(*table(8), lr=0.1, optimizer=sgd())


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (
            lambda pred, t: (pred - t).square(),
            ValueError,
            r"has shape \(8, 1\), expected one numbe",
        ),
        (lambda pred, t: 1.0, TypeError, "is a float, expected a Tensor"),
    ],
)
def test_loss_is_one_number(loss: Any, error: type, match: str):
    for run in (train.Learner.fit, train.Learner.validate):
        options = {"progress": False} if run is train.Learner.fit else {}
        with pytest.raises(error, match=match):
            run(train.Learner(nn.Linear(3, 1), loss, sgd()), table(8), **options)


# inputs ------------------------------------------------------------------------------------------


class TwoInputs(nn.Module):
    def __init__(self):
        self.a, self.b = nn.Linear(4), nn.Linear(4)

    def forward(self, x: Tensor, y: Tensor, scale: float = 1.0) -> Tensor:
        return (self.a(x) + self.b(y)).sum(1) * scale


@pytest.mark.parametrize("form", ["tuple", "dict", "flat", "batches", "dict batches"])
def test_several_inputs(form: str):
    x, y = mt.randn(20, 3), mt.randn(20, 2)
    t = x.sum(1) - y.sum(1)
    data: Any = {
        "tuple": ((x, y), t),
        "dict": ({"y": y, "x": x}, t),
        "flat": (x, y, t),
        "batches": [((x, y), t)],
        "dict batches": [{"x": x, "y": y, "target": t}],
    }[form]
    model = TwoInputs()
    learner = train.Learner(model, optimizer=sgd(0.05))
    history = learner.fit(data, data, epochs=30, batch_size=8, progress=False)
    assert history["valid_loss"][-1] < 0.5 * history["valid_loss"][0]
    assert len(history.steps["loss"]) == 30 * (1 if "batches" in form else 3)


def test_split_of_ones_own():
    x, t = table(8)
    split = lambda batch: ((batch["image"],), {}, batch["label"])
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd(), split=split)
    assert len(learner.fit([{"image": x, "label": t}], progress=False)) == 1


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (mt.zeros(4, 3), TypeError, r"expected a DataLoader or \(x, t\) as data, got a Tensor"),
        (3, TypeError, "got a int"),
        ([mt.zeros(4, 3)], TypeError, r"expected batches \(input, target\), got a Tensor"),
        ([{"x": mt.zeros(4, 3)}], ValueError, "a dict of x without a 'target'"),
        (
            (mt.zeros(4, 3), mt.zeros(5, 1)),
            ValueError,
            r"tensors\[0\] has 4 rows, tensors\[1\] has 5",
        ),
        ((mt.zeros(4, 3), mt.zeros(4)), ValueError, "mse_loss"),  # (4, 1) is not (4,)
        ((mt.zeros(4, 2), mt.zeros(4, 1)), ValueError, "linear|matmul"),
    ],
)
def test_data_of_the_wrong_form(data: Any, error: type, match: str):
    with pytest.raises(error, match=match):
        train.Learner(nn.Linear(3, 1), optimizer=sgd()).fit(data, progress=False)


def test_arrays_and_lists_are_data_too():
    x, t = table(8, classes=3)
    model = nn.Linear(3, 3)
    assert len(model.fit(x.numpy(), t.tolist(), progress=False)) == 1


def test_open_model_and_default_optimizer_and_loss():
    """A27: `model.fit(x, y)` lowers the loss and returns a history."""
    x, t = table(64, classes=3)
    model = nn.Sequential(nn.Linear(8), nn.ReLU(), nn.Linear(3))
    history = model.fit(x, t, epochs=30, lr=0.05, batch_size=16, progress=False)
    assert history["train_loss"][-1] < 0.5 * history["train_loss"][0]
    history = nn.Linear(1).fit(*table(64), epochs=20, optimizer=sgd(), progress=False)
    assert history["train_loss"][-1] < 0.1
    loader = DataLoader(TensorDataset(x, t), 8)
    assert len(nn.Linear(3).fit(loader, progress=False, clip_norm=1.0, accumulate=2)) == 1


# modes -------------------------------------------------------------------------------------------


class Modes(Callback):
    def __init__(self):
        self.seen: set[tuple[bool, bool]] = set()

    def after_predict(self, learner: Any) -> None:
        self.seen |= {(learner.training, m.training) for m in learner.model.modules()}


def test_validation_is_in_evaluation_mode_without_a_tape():
    """P37, G31: every nested module; and training goes on in training mode."""
    x, t = table(16)
    model = nn.Sequential(
        nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), nn.Dropout(), nn.Linear(4, 1)
    )
    modes = Modes()
    learner = train.Learner(model, optimizer=sgd(), callbacks=[modes])
    learner.fit((x, t), (x[:1], t[:1]), epochs=2, batch_size=8, progress=False)
    assert modes.seen == {(True, True), (False, False)}
    mean = model[0][1].running_mean.numpy().copy()
    assert learner.validate((x, t)).keys() == {"loss"}
    assert learner.loss.node is None
    assert (model[0][1].running_mean.numpy() == mean).all()
    assert model[1].training
    with pytest.raises(ValueError, match=r"BatchNorm1d|batch_norm"):
        learner.fit((x[:1], t[:1]), progress=False)  # one value per channel while training


def test_modes_are_restored_after_an_error():
    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout())
    model[1].eval()
    learner = train.Learner(model)
    with pytest.raises(ValueError, match=r"linear|matmul"):
        learner.validate((mt.zeros(4, 2), mt.zeros(4, 1)))
    with pytest.raises(ValueError, match=r"linear|matmul"):
        learner.predict(mt.zeros(4, 2))
    assert [m.training for m in model.modules()] == [True, True, False]


# progress ----------------------------------------------------------------------------------------


def test_a_line_for_every_epoch(capsys: pytest.CaptureFixture):
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd())
    learner.fit(table(8), epochs=2, progress="lines")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2  train_loss ")
    assert second.startswith("epoch 2/2  train_loss ")
    learner.fit(table(8), progress=False)
    assert capsys.readouterr().out == ""


def test_a_bar_where_somebody_watches(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """G55: also of a stream, whose length is not known."""
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    x, t = table(8)
    learner = train.Learner(nn.Linear(3, 1), optimizer=sgd())
    slowly = Recorder()
    slowly.after_step = lambda learner: time.sleep(0.12)  # bars are not drawn more often
    learner.fit((x, t), batch_size=2, callbacks=[slowly])
    learner.fit(iter([(x, t)]))
    shown = capsys.readouterr()
    assert "epoch 1/1" in shown.err
    assert "loss " in shown.err
    assert shown.out.count("epoch 1/1  train_loss") == 2


def test_without_tqdm_there_are_lines(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    train.Learner(nn.Linear(3, 1), optimizer=sgd()).fit(table(8))
    assert capsys.readouterr().out.startswith("epoch 1/1")


# on a GPU ----------------------------------------------------------------------------------------


def on_gpu() -> Any:
    return nn.Sequential(nn.Linear(8), nn.ReLU(), nn.Linear(3)).to("cuda")


def test_batches_go_where_the_model_is(cuda: Any):
    x, t = table(40, classes=3)
    model = on_gpu()
    learner = train.Learner(model, optimizer=sgd(), metrics=[train.accuracy], clip_norm=1.0)
    history = learner.fit((x, t), (x, t), epochs=2, batch_size=16, progress=False)
    assert history["train_loss"][1] < history["train_loss"][0]
    assert all(type(value) is float for value in history["accuracy"] + history["valid_loss"])
    assert learner.predict(x).device.type == "cuda"
    assert train.ConfusionMatrix(3).name == "accuracy"
    judge = train.Learner(model, metrics=[train.ConfusionMatrix(3)])
    assert judge.validate((x, t))["accuracy"] == history["accuracy"][-1]


def test_batches_wait_for_nothing_on_a_gpu(cuda: Any):
    """Losses are fetched fifty at a time, and at the ends of epochs."""
    x, t = table(4)[0], mt.randn(4, 3)  # labels would be looked at by the loss
    metrics = [train.mean_absolute_error]
    learner = train.Learner(on_gpu(), optimizer=sgd(momentum=0.9), clip_norm=1.0, metrics=metrics)
    learner.fit([(x, t)], progress=False)
    counts = []

    class Count(Callback):
        def after_batch(self, learner: Any) -> None:
            counts.append(cuda.sync)

    cuda.reset()
    learner.fit([(x, t)] * 60, callbacks=[Count()], progress=False)
    if counts[-1]:  # the stand-in counts
        waits = np.diff([0, *counts])
        assert waits.nonzero()[0].tolist() == [49]
        assert waits[49] == 50


def test_nan_on_a_gpu_is_found_soon(cuda: Any):
    x, t = table(4, classes=3)
    batches = [(x, t)] * 3 + [(x * math.nan, t)] + [(x, t)] * 3
    learner = train.Learner(on_gpu(), optimizer=sgd())
    with pytest.raises(FloatingPointError, match="loss is nan in epoch 1, batch 4"):
        learner.fit(batches, progress=False)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (
            lambda m: train.Learner(lambda x: x),
            TypeError,
            "Learner: model must be a Module, got <f",
        ),
        (lambda m: train.Learner(m, "mse"), TypeError, "loss must be a function .*, got 'mse'"),
        (lambda m: train.Learner(m, nn.MSELoss), TypeError, "loss must be a function of"),
        (
            lambda m: train.Learner(m, optimizer=optim.SGD(nn.Linear(3, 1), lr=0.1)),
            ValueError,
            "Learner: the optimizer holds no parameter of the Linear; build it on this model",
        ),
        (
            lambda m: train.Learner(m, metrics=train.accuracy),
            TypeError,
            r"metrics: expected a list, such as \[accuracy\], got <function",
        ),
        (
            lambda m: train.Learner(m, callbacks=train.EarlyStopping()),
            TypeError,
            "callbacks: expected a list of callbacks, got <",
        ),
        (
            lambda m: train.Learner(m).fit(table(), callbacks=train.EarlyStopping()),
            TypeError,
            "callbacks: expected a list of callbacks, got <",
        ),
        (lambda m: train.Schedule(None), TypeError, "Schedule: expected a scheduler, .* got None"),
        (lambda m: train.lr_find(m, table()), TypeError, "lr_find: expected a Learner, got Linear"),
    ],
)
def test_parts_that_do_not_fit_are_named_when_they_are_put_together(make, error, match):
    with pytest.raises(error, match=match):
        make(nn.Linear(3, 1))
