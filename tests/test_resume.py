"""A run that was broken off and goes on ends bit for bit as the unbroken one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim, train
from minitorch.train.callbacks import Callback
from minitorch.utils.data import DataLoader, TensorDataset

S = optim.lr_scheduler
STEPS = 64


class Noisy:
    """Samples that are augmented anew each time, from the default stream."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((62, 6)).astype(np.float32)
        self.t = self.x[:, :3].argmax(1)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        return mt.from_numpy(self.x[i]) + 0.1 * mt.randn(6), int(self.t[i])


def network() -> Any:
    own = mt.Generator().manual_seed(9)
    return nn.Sequential(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.Dropout(0.2),
        nn.Linear(8, 8),
        nn.Dropout(0.2, generator=own),
        nn.Linear(8, 3),
    )


class StopAfter(Callback):
    """Presses Ctrl-C in the middle of a step."""

    def __init__(self, step: int | None):
        self.step = step

    def after_backward(self, learner: Any) -> None:
        if learner.step + 1 == self.step:
            self.step = None  # a second one would not be held back
            os.kill(os.getpid(), signal.SIGINT)


def everything(learner: train.Learner) -> dict[str, Any]:
    """All that the run has come to, to be compared bit for bit."""
    optimizer = learner.optimizer.state_dict()
    return {
        "model": {name: t.numpy().tobytes() for name, t in learner.model.state_dict().items()},
        "moments": {
            name: {key: np.asarray(value).tobytes() for key, value in kept.items()}
            for name, kept in optimizer["state"].items()
        },
        "groups": optimizer["groups"],
        "history": (learner.history.epochs, learner.history.steps),
        "step": learner.step,
    }


def run(
    folder: Path | None, stop: int | None = None, *, seed: int = 0, resume: bool = False
) -> dict[str, Any]:
    """64 steps: 4 epochs of 31 batches, of which two make a step, the last alone."""
    mt.manual_seed(seed)
    learner = train.Learner(
        network(),
        optimizer=lambda m: optim.Adam(m, lr=0.01),
        metrics=[train.accuracy, train.ConfusionMatrix(3, "confusion")],
        clip_norm=1.0,
        accumulate=2,
    )
    cosine = lambda optimizer: S.CosineAnnealingLR(optimizer, T_max=STEPS)
    learner.fit(
        DataLoader(Noisy(), 2, shuffle=True),
        epochs=4,
        callbacks=[train.Schedule(cosine, per="batch"), StopAfter(stop)],
        checkpoint=folder,
        resume=resume,
        progress=False,
    )
    assert learner.step == STEPS
    return everything(learner)


@pytest.fixture(scope="module")
def unbroken() -> dict[str, Any]:
    return run(None)


@pytest.mark.parametrize("stop", range(1, STEPS + 1))
def test_resumed_after_any_step_it_ends_bit_for_bit(stop: int, unbroken: Any, tmp_path: Path):
    """K13: dropout, batch norm, Adam, cosine, shuffling, augmentation, accumulation, metrics."""
    with pytest.raises(
        KeyboardInterrupt, match=f"after step {stop}; saved in .* go on with resume"
    ):
        run(tmp_path, stop)
    assert run(tmp_path, seed=77, resume=True) == unbroken


def test_saving_changes_nothing(unbroken: Any, tmp_path: Path):
    assert run(tmp_path / "a") == unbroken
    assert run(tmp_path / "a", resume=True) == unbroken  # and there is nothing left to do


def validated(folder: Path, stop: int | None = None, every: int | None = None) -> dict[str, Any]:
    """Validation, plateau and early stopping; the size of the first layer is open."""
    mt.manual_seed(stop or 0)
    learner = train.Learner(
        nn.Sequential(nn.Linear(8), nn.BatchNorm1d(), nn.Dropout(0.2), nn.Linear(3)),
        optimizer=lambda m: optim.SGD(m, lr=0.5, momentum=0.9),
        metrics=[train.accuracy],
    )
    data = Noisy()
    x, t = mt.from_numpy(data.x), mt.tensor(data.t)
    best = train.KeepBest()
    history = learner.fit(
        DataLoader(TensorDataset(x, t), 8, shuffle=True),
        DataLoader(data, 20, shuffle=True),  # which draws as well
        epochs=8,
        callbacks=[
            train.Schedule(lambda o: S.ReduceLROnPlateau(o, patience=0), monitor="valid_loss"),
            train.EarlyStopping(patience=3),
            best,
            StopAfter(stop),
        ],
        checkpoint=folder,
        every=every,
        resume=True,
        progress=False,
    )
    assert len(history) > best.best_epoch
    return everything(learner)


@pytest.mark.parametrize("stop", [1, 7, 8, 9, 16, 20])
def test_resumed_with_an_open_model_and_callbacks_that_remember(stop: int, tmp_path: Path):
    mt.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        validated_from_zero(tmp_path / "broken", stop)
    assert validated(tmp_path / "broken", None) == validated(tmp_path / "whole", None)


def validated_from_zero(folder: Path, stop: int) -> None:
    """The broken run starts from the seed of the whole one."""
    seeds = mt.manual_seed
    try:
        mt.manual_seed = lambda seed: seeds(0)
        validated(folder, stop)
    finally:
        mt.manual_seed = seeds


def test_resumed_where_only_the_end_of_an_epoch_is_left(tmp_path: Path):
    """Saved after the last batch; measuring, the schedule's step and the rest come after."""

    class Die(Callback):
        order = -1

        def after_epoch(self, learner: Any) -> None:
            if learner.epoch == 0 and self.alive:
                raise OSError("the machine is gone")

    def go(alive: bool) -> Any:
        mt.manual_seed(0)
        x = mt.randn(16, 2)
        learner = train.Learner(nn.Linear(2, 1), optimizer=lambda m: optim.SGD(m, lr=0.1))
        die = Die()
        die.alive = alive
        halves = train.Schedule(lambda o: S.ExponentialLR(o, 0.5))
        learner.fit(
            (x, x.sum(1, keepdim=True)),
            epochs=3,
            batch_size=4,
            callbacks=[halves, die],
            checkpoint=tmp_path / "run",
            every=1,
            resume=True,
            progress=False,
        )
        return everything(learner)

    with pytest.raises(OSError, match="the machine is gone"):
        go(True)
    resumed = go(False)
    (tmp_path / "run").rename(tmp_path / "old")
    assert resumed == go(False)
    assert resumed["history"][1]["lr"] == [0.1] * 4 + [0.05] * 4 + [0.025] * 4


def test_a_loader_without_a_memory_is_gone_through_again(tmp_path: Path):
    def go(stop: int | None, folder: str) -> Any:
        mt.manual_seed(0)
        batches = [(mt.full((4, 2), float(i)), mt.full((4, 1), 1.0)) for i in range(5)]
        learner = train.Learner(nn.Linear(2, 1), optimizer=lambda m: optim.SGD(m, lr=0.001))
        learner.fit(
            batches,
            epochs=2,
            callbacks=[StopAfter(stop)],
            checkpoint=tmp_path / folder,
            resume=True,
            progress=False,
        )
        return everything(learner)

    with pytest.raises(KeyboardInterrupt):
        go(3, "broken")
    assert go(None, "broken") == go(None, "whole")


# what does not fit -------------------------------------------------------------------------------


def fit(folder: Path, model: Any = None, **options: Any) -> train.Learner:
    made = {key: options.pop(key) for key in ("metrics", "optimizer") if key in options}
    learner = train.Learner(model or nn.Linear(2, 1), **made)
    x = mt.randn(16, 2)
    data = options.pop("data", (x, x.sum(1, keepdim=True)))
    options = {"progress": False, "batch_size": 4, "checkpoint": folder, **options}
    learner.fit(data, **options)
    return learner


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": nn.Linear(2, 1, bias=False)}, "model.*unexpected: bias"),
        ({"optimizer": lambda m: optim.SGD(m, lr=0.1)}, "state of Adam, and this is SGD"),
        ({"callbacks": [train.EarlyStopping("train_loss")]}, r"callbacks \(none\), and goes on w"),
        ({"metrics": [train.mean_squared_error]}, r"metrics \(none\), and goes on with mean_squ"),
        ({"batch_size": 8}, "batch_size = 4, this loader has 8"),
        ({"data": [(mt.zeros(4, 2), mt.zeros(4, 1))]}, "holds .*loader"),
    ],
)
def test_another_run_is_refused_and_nothing_is_changed(options: Any, match: str, tmp_path: Path):
    fit(tmp_path)
    state = mt.random.default_generator.get_state()
    model = options.get("model") or nn.Linear(2, 1)
    before = model.weight.detach().numpy().copy()
    with pytest.raises(mt.io.CheckpointError, match=f"(?s){match}"):
        fit(tmp_path, **{**options, "model": model}, resume=True)
    assert (model.weight.detach().numpy() == before).all()
    assert mt.random.default_generator.get_state()["seed"] == state["seed"]


def test_arguments(tmp_path: Path):
    for options, match in (
        ({"folder": None, "resume": True}, "resume needs a folder"),
        ({"folder": None, "every": 5}, "every needs a folder"),
        ({"folder": tmp_path, "every": 0}, "every must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=match):
            fit(**options)
    fit(tmp_path)
    with pytest.raises(RuntimeError, match="cannot give its first batch twice"):
        fit(tmp_path, nn.Linear(1), data=iter([(mt.zeros(4, 2), mt.zeros(4, 1))]), resume=True)


def test_a_folder_that_cannot_be_written_is_found_before_the_first_batch(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "missing" / "run", tmp_path / "file"):
        model = nn.Linear(2, 1)
        before = model.weight.detach().numpy().copy()
        with pytest.raises(OSError, match=r"run|file"):
            fit(folder, model)
        assert (model.weight.detach().numpy() == before).all()


def test_resume_without_a_checkpoint_starts(tmp_path: Path):
    assert fit(tmp_path / "new", resume=True).step == 4


def test_resume_for_more_epochs(tmp_path: Path):
    fit(tmp_path, epochs=2)
    assert len(fit(tmp_path, epochs=3, resume=True).history) == 3


def test_every(tmp_path: Path):
    """Saved between epochs too; the last two stay."""

    class Look(Callback):
        def before_batch(self, learner: Any) -> None:
            seen.append(sorted(int(p.name[5:13]) for p in tmp_path.iterdir()))

    seen: list[list[int]] = []
    fit(tmp_path, every=3, epochs=2, callbacks=[Look()])
    assert seen == [[], [], [], [3], [3, 4], [3, 4], [4, 6], [4, 6]]
    assert sorted(int(p.name[5:13]) for p in tmp_path.iterdir()) == [6, 8]


# interrupts --------------------------------------------------------------------------------------


class Interrupted(optim.SGD):
    """Ctrl-C is pressed between two parameters of one step."""

    elementwise = False
    at = 0

    def update(self, p: Any, g: Any, state: Any, group: Any) -> None:
        super().update(p, g, state, group)
        self.at += 1
        if self.at == 3:  # the first of two parameters, in the second step
            os.kill(os.getpid(), signal.SIGINT)


def test_interrupt_in_the_middle_of_a_step_waits_for_its_end(tmp_path: Path):
    """H160, G58: nothing is half updated, and the checkpoint can be loaded."""
    x = mt.ones(16, 2)
    data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 4)
    model, twin = nn.Linear(2, 1), nn.Linear(2, 1)
    twin.load_state_dict(model.state_dict())
    optimizer = Interrupted(model, lr=0.1)
    learner = train.Learner(model, optimizer=optimizer)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 2; saved in"):
        learner.fit(data, checkpoint=tmp_path, progress=False)
    assert (learner.step, optimizer.at) == (2, 4)
    train.Learner(twin, optimizer=optim.SGD(twin, lr=0.1)).fit(
        [(x[:4], x[:4].sum(1, keepdim=True))] * 2, progress=False
    )
    for name, p in twin.named_parameters():
        assert (p.detach().numpy() == model.get_parameter(name).detach().numpy()).all()
    (saved,) = tmp_path.iterdir()
    assert (mt.load(saved)["model"]["bias"].numpy() == model.bias.detach().numpy()).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupt_without_a_folder_says_so():
    x = mt.ones(16, 2)
    learner = train.Learner(nn.Linear(2, 1), callbacks=[StopAfter(2)])
    with pytest.raises(KeyboardInterrupt, match="after step 2; nothing was saved"):
        learner.fit((x, x[:, :1]), batch_size=4, progress=False)


def test_second_interrupt_is_not_held_back():
    class Twice(Callback):
        def before_batch(self, learner: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    x = mt.ones(16, 2)
    learner = train.Learner(nn.Linear(2, 1), callbacks=[Twice()])
    with pytest.raises(KeyboardInterrupt) as caught:
        learner.fit((x, x[:, :1]), progress=False)
    assert str(caught.value) == ""
    assert learner.step == 0


def test_interrupt_is_not_lost_when_a_callback_ends_the_fit(tmp_path: Path):
    class EndToo(Callback):
        def after_epoch(self, learner: Any) -> None:
            raise train.CancelFit

    with pytest.raises(KeyboardInterrupt, match="after step 4"):
        fit(tmp_path, callbacks=[StopAfter(4), EndToo()])


def test_other_handlers_and_threads_are_left_alone():
    mine = lambda number, frame: None
    before = signal.signal(signal.SIGINT, mine)
    try:
        fit(None)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    done = []
    thread = threading.Thread(target=lambda: done.append(fit(None).step))
    thread.start()
    thread.join()
    assert done == [4]


PROGRAM = """
import sys, time
import minitorch as mt
from minitorch import nn, optim, train

class Slowly(train.Callback):
    def after_step(self, learner):
        time.sleep(0.01)
        print("step", learner.step, flush=True)

mt.manual_seed(0)
x = mt.randn(64, 4)
model = nn.Sequential(nn.Linear(8), nn.Dropout(0.3), nn.Linear(1))
learner = train.Learner(model, optimizer=lambda m: optim.Adam(m, lr=0.01), callbacks=[Slowly()])
folder, resume = sys.argv[1], sys.argv[2] == "resume"
learner.fit((x, x.sum(1, keepdim=True)), epochs=6, batch_size=8, checkpoint=folder, every=1,
            resume=resume, progress=False)
print("end", [p.detach().numpy().tobytes().hex() for p in model.parameters()],
      learner.history["train_loss"])
"""


def program(folder: Path, how: str, kill: int | None = None) -> tuple[int, str, str]:
    """Runs the program; once it has made 20 steps, sends it a signal."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with child:
        last = ""
        for line in child.stdout:
            last = line
            if kill is not None and line == "step 20\n":
                child.send_signal(kill)
        errors = child.stderr.read()
    return child.returncode, last, errors


@pytest.mark.skipif(os.name == "nt", reason="signals of this kind are sent on POSIX only")
@pytest.mark.parametrize("kill", [signal.SIGINT, getattr(signal, "SIGKILL", None)])
def test_a_killed_program_goes_on_and_ends_bit_for_bit(kill: int, tmp_path: Path):
    """G58, H160: Ctrl-C, and kill -9."""
    status, last, errors = program(tmp_path / "broken", "start", kill)
    assert status != 0
    assert last.startswith("step 2")
    if kill == signal.SIGINT:
        assert "KeyboardInterrupt: fit: stopped after step" in errors
    status, resumed, errors = program(tmp_path / "broken", "resume")
    assert status == 0, errors
    status, whole, _ = program(tmp_path / "whole", "start")
    assert whole.startswith("end")
    assert resumed == whole
