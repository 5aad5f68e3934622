"""A run that is resumed is the run that was never stopped, and a failing load changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import Generator, Tensor, nn, optim
from minitorch.io import Checkpoint, CheckpointError, checkpoint, load, save
from minitorch.utils.data import DataLoader, TensorDataset
from tests.test_save_damage import flip


class Model:
    """Two tensors; it refuses states that do not fit, after it has taken the first."""

    def __init__(self, *values: float):
        self.w, self.b = mt.tensor(values), mt.zeros(1)

    def state_dict(self) -> dict[str, Tensor]:
        return {"w": self.w.clone(), "b": self.b.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.w = state["w"]
        if state["b"].shape != (1,):
            raise ValueError(f"b: shape {state['b'].shape}, expected (1,)")
        self.b = state["b"]


class Optimizer:
    """Gives away its state itself, not a copy."""

    def __init__(self) -> None:
        self.state = {"moments": mt.zeros(2), "steps": [0]}

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with mt.no_grad():
            self.state["moments"].copy_(state["moments"])
        self.state["steps"][:] = state["steps"]


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# what comes back --------------------------------------------------------------------------------


def test_every_kind_of_part_comes_back(tmp_path):
    """G83."""
    model, optimizer, stream = Model(1.0, 2.0), Optimizer(), Generator().manual_seed(3)
    numbers, history, best = np.random.default_rng(4), [{"loss": 0.5}], {"epoch": 1}
    kept = Checkpoint(
        tmp_path,
        model=model,
        optimizer=optimizer,
        dropout=stream,
        augmentation=numbers,
        history=history,
        best=best,
    )
    optimizer.state["moments"] += 1
    path = kept.save(step=7, epoch=2, note=("a", None))
    draws = stream.numpy.random(3).tolist(), numbers.random(3).tolist()
    with mt.no_grad():
        model.w += 1
        optimizer.state["moments"] += 5
    optimizer.state["steps"][0] = 9
    history.append({"loss": 0.25})
    best["loss"] = 3

    assert kept.latest == path == str(tmp_path / "step-00000007.safetensors")
    assert kept.load() == {"step": 7, "epoch": 2, "note": ("a", None)}
    assert model.w.tolist() == [1.0, 2.0]
    assert optimizer.state["moments"].tolist() == [1.0, 1.0]
    assert optimizer.state["steps"] == [0]
    assert (stream.numpy.random(3).tolist(), numbers.random(3).tolist()) == draws
    assert history == [{"loss": 0.5}]
    assert best == {"epoch": 1}


def test_a_checkpoint_is_one_file_of_one_step_that_load_can_read(tmp_path):
    """K2."""
    kept = Checkpoint(tmp_path, model=Model(1.0), history=[0.5])
    state = load(kept.save(step=3, epoch=1))
    assert names(tmp_path) == ["step-00000003.safetensors"]
    assert state["model"]["w"].tolist() == [1.0]
    assert state["history"] == [0.5]
    assert state["checkpoint"]["step"] == 3
    assert state["checkpoint"]["parts"] == ["model", "history"]
    assert state["extra"] == {"epoch": 1}


def test_the_names_inside_are_those_of_the_state_dicts(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    path = Checkpoint(tmp_path, model=Model(1.0), optimizer=Optimizer()).save(step=0)
    assert set(numpy.load_file(path)) == {"model.w", "model.b", "optimizer.moments"}


def test_loading_from_another_folder(tmp_path):
    (tmp_path / "one").mkdir()
    path = Checkpoint(tmp_path / "one", model=Model(5.0)).save(step=1)
    model = Model(0.0)
    assert Checkpoint(tmp_path / "two", model=model).load(path) == {"step": 1}
    assert model.w.tolist() == [5.0]


# which is the latest, and which stay ------------------------------------------------------------


def test_the_last_ones_stay(tmp_path):
    """K14."""
    kept = Checkpoint(tmp_path, keep=3, model=Model(0.0))
    for step in (2, 4, 6, 8, 10):
        kept.save(step=step)
    assert names(tmp_path) == [f"step-{n:08d}.safetensors" for n in (6, 8, 10)]
    everything = Checkpoint(tmp_path, keep=None, model=Model(0.0))
    for step in (12, 14):
        everything.save(step=step)
    assert len(names(tmp_path)) == 5
    Checkpoint(tmp_path, keep=1, model=Model(0.0)).save(step=3)
    assert names(tmp_path) == ["step-00000003.safetensors"]


def test_the_latest_is_the_one_saved_last_whatever_the_clock_says(tmp_path):
    """K14: a run that goes on from an earlier step, on a machine whose clock was set back."""
    kept = Checkpoint(tmp_path, keep=None, model=Model(0.0))
    for age, step in enumerate((10, 20, 30, 20, 25)):
        os.utime(kept.save(step=step), (1e9 - age * 1000,) * 2)
    assert kept.latest == str(tmp_path / "step-00000025.safetensors")
    assert kept.load()["step"] == 25
    assert len(names(tmp_path)) == 4
    Checkpoint(tmp_path, keep=2, model=Model(0.0)).save(step=26)
    assert names(tmp_path) == ["step-00000025.safetensors", "step-00000026.safetensors"]


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    others = ["best.safetensors", "step-1.safetensors", "step-00000001.safetensors.bak", "notes"]
    for name in others:
        save({"w": mt.ones(1)}, tmp_path / name)
    kept = Checkpoint(tmp_path, keep=1, model=Model(0.0))
    assert kept.latest is None
    for step in range(3):
        kept.save(step=step)
    assert names(tmp_path) == sorted([*others, "step-00000002.safetensors"])


def test_no_checkpoint_yet(tmp_path):
    kept = Checkpoint(tmp_path, model=Model(0.0))
    assert kept.latest is None
    with pytest.raises(FileNotFoundError, match=f"no checkpoint in {tmp_path}"):
        kept.load()


def test_a_damaged_file_is_not_passed_over_in_silence(tmp_path):
    kept = Checkpoint(tmp_path, keep=3, model=Model(0.0))
    kept.save(step=1)
    damaged = Path(kept.save(step=2))
    flip(damaged, 8 * 100)
    for resume in (kept.load, lambda: kept.latest):
        with pytest.raises(CheckpointError, match=r"(?s)00002.*Move it away to go on from"):
            resume()
    assert kept.load(tmp_path / "step-00000001.safetensors") == {"step": 1}
    for step in (3, 4, 5):  # nor is it removed, or in the way of the next
        kept.save(step=step)
    assert names(tmp_path) == [f"step-{n:08d}.safetensors" for n in (2, 3, 4, 5)]
    damaged.unlink()
    assert kept.load() == {"step": 5}


def test_a_failing_save_leaves_all_that_was_there(tmp_path, monkeypatch):
    """K4, H178."""
    history: list = [0.5]
    kept = Checkpoint(tmp_path, keep=1, model=Model(0.0), history=history)
    before = Path(kept.save(step=1)).read_bytes()
    history.append({1, 2})
    with pytest.raises(TypeError, match=r"'history.1' is a set"):
        kept.save(step=2)
    history.pop()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.save(step=2)
    assert names(tmp_path) == ["step-00000001.safetensors"]
    assert (tmp_path / "step-00000001.safetensors").read_bytes() == before


# loading is all or nothing ----------------------------------------------------------------------


def parts() -> dict[str, Any]:
    return {
        "model": Model(1.0, 2.0),
        "optimizer": Optimizer(),
        "stream": Generator().manual_seed(1),
        "history": [0.5],
    }


def state_of(run: dict[str, Any]) -> Any:
    """Every byte of the parts' states, in a form that can be compared."""
    return json.dumps(
        {
            "w": run["model"].w.tolist(),
            "b": run["model"].b.tolist(),
            "moments": run["optimizer"].state["moments"].tolist(),
            "steps": run["optimizer"].state["steps"],
            "stream": run["stream"].get_state(),
            "history": run["history"],
        }
    )


def unfit_model(tree: dict) -> None:
    tree["model"]["b"] = mt.zeros(2)


def unfit_moments(tree: dict) -> None:
    tree["optimizer"]["moments"] = mt.zeros(3)


def no_stream(tree: dict) -> None:
    tree["stream"] = {"seed": 1}


def other_stream(tree: dict) -> None:
    tree["stream"]["bits"]["bit_generator"] = "MT19937"


def history_a_dict(tree: dict) -> None:
    tree["history"] = {}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unfit_model, r"model: b: shape \(2,\), expected \(1,\)"),
        (unfit_moments, "optimizer: "),
        (no_stream, "stream: 'bits'"),
        (other_stream, "stream: state must be for a PCG64"),
        (history_a_dict, "history: a dict, expected a list"),
    ],
)
def test_a_part_that_refuses_leaves_every_part_as_it_was(
    tmp_path, spoil: Callable[[dict], None], words
):
    """K8, H164."""
    saved = parts()
    saved["model"].w = mt.tensor([8.0, 9.0])
    saved["stream"].manual_seed(77)
    saved["history"] = [0.1, 0.2]
    path = Checkpoint(tmp_path, **saved).save(step=5)
    tree = load(path)
    spoil(tree)
    save(tree, path)

    run = parts()
    optimizer_array = run["optimizer"].state["moments"].array
    before = state_of(run)
    with pytest.raises(CheckpointError, match=rf"(?s){words}.*Nothing was changed"):
        Checkpoint(tmp_path, **run).load()
    assert state_of(run) == before
    assert run["optimizer"].state["moments"].array is optimizer_array


def test_damage_is_found_before_anything_is_changed(tmp_path):
    """K8, H174."""
    saved = parts()
    saved["history"] = [1, 2, 3]
    path = Path(Checkpoint(tmp_path, **saved).save(step=5))
    flip(path, 8 * path.stat().st_size - 1)
    run = parts()
    before = state_of(run)
    with pytest.raises(CheckpointError, match="is damaged: its SHA-256"):
        Checkpoint(tmp_path, **run).load()
    assert state_of(run) == before


def test_an_interrupt_while_loading_leaves_every_part_as_it_was(tmp_path):
    class Interrupted(Model):
        calls = 0

        def load_state_dict(self, state: dict[str, Tensor]) -> None:
            super().load_state_dict(state)
            self.calls += 1
            if self.calls == 1:
                raise KeyboardInterrupt

    run = {**parts(), "last": Interrupted(3.0)}
    kept = Checkpoint(tmp_path, **run)
    kept.save(step=1)
    run["history"].append(7)
    run["last"].w = mt.tensor([4.0])
    before = state_of(run)
    with pytest.raises(KeyboardInterrupt):
        kept.load()
    assert state_of(run) == before
    assert run["last"].w.tolist() == [4.0]


def test_the_parts_must_be_those_that_were_saved(tmp_path):
    run = parts()
    Checkpoint(tmp_path, **run).save(step=1)
    del run["stream"]
    run["scheduler"] = Optimizer()
    before = run["model"].w.tolist()
    with pytest.raises(
        CheckpointError,
        match="holds model, optimizer, stream, history, expected model, optimizer, history, sched",
    ):
        Checkpoint(tmp_path, **run).load()
    assert run["model"].w.tolist() == before


RECORD = {"number": 1, "step": 1, "environment": {}}


@pytest.mark.parametrize(
    "state",
    [
        {"w": mt.ones(1)},
        [1],
        3,
        {"checkpoint": 3},
        {"checkpoint": RECORD},
        {"checkpoint": {"number": 1}, "extra": {}},
        {"checkpoint": RECORD | {"number": "1"}, "extra": {}},
        {"checkpoint": RECORD | {"number": mt.ones(1)}, "extra": {}},
        {"checkpoint": RECORD | {"environment": 1}, "extra": {}},
        {"checkpoint": RECORD, "extra": 1},
    ],
)
def test_a_file_that_is_no_checkpoint(tmp_path, state):
    save(state, tmp_path / "other.safetensors")
    kept = Checkpoint(tmp_path, model=Model(0.0))
    with pytest.raises(CheckpointError, match="was not written by a Checkpoint"):
        kept.load(tmp_path / "other.safetensors")
    save(state, tmp_path / "step-00000001.safetensors")
    with pytest.raises(CheckpointError, match="was not written by a Checkpoint"):
        kept.load()


# before work begins -----------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_to_is_found_at_once(tmp_path, monkeypatch):
    """H182."""
    with pytest.raises(FileNotFoundError):
        Checkpoint(tmp_path / "missing" / "run", model=Model(0.0))
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        Checkpoint(tmp_path / "file", model=Model(0.0))
    assert Checkpoint(tmp_path / "run", model=Model(0.0)).latest is None
    assert names(tmp_path / "run") == []

    def refuse(*args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError, match=str(tmp_path / "run")):
        Checkpoint(tmp_path / "run", model=Model(0.0))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({}, ValueError, "nothing to save; name its parts, such as model=model"),
        ({"keep": 0, "model": Model(0.0)}, ValueError, "keep=0, expected 1 or more, or None"),
        ({"keep": 1.5, "model": Model(0.0)}, TypeError, "float"),
        ({"extra": []}, ValueError, "a part cannot be called extra"),
        ({"checkpoint": []}, ValueError, "a part cannot be called checkpoint"),
        ({"lr": 0.1}, TypeError, r"lr is a float, .*goes to save\(step=..., lr=...\)"),
        ({"model": None}, TypeError, r"model is a NoneType, which has neither state_dict\(\)"),
        ({"w": mt.ones(2)}, TypeError, "w is a Tensor"),
    ],
)
def test_what_cannot_be_a_part(tmp_path, given, error, words):
    with pytest.raises(error, match=words):
        Checkpoint(tmp_path, **given)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("step", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
def test_a_step_is_a_count(tmp_path, step, error):
    with pytest.raises(error):
        Checkpoint(tmp_path, model=Model(0.0)).save(step=step)
    assert names(tmp_path) == []
    assert Checkpoint(tmp_path, model=Model(0.0)).save(step=np.int64(3))  # type: ignore[arg-type]


# the machine ------------------------------------------------------------------------------------


def test_another_machine_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    """K13: bit-exact on one backend, one NumPy and one thread count."""
    kept = Checkpoint(tmp_path, model=Model(0.0))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    kept.save(step=1)
    kept.load()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    monkeypatch.setattr(np, "__version__", "9.9.9")
    kept.load()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "threads 3 then and 5 now" in said
    assert "and 9.9.9 now" in said
    assert "not bit for bit" in said


def test_the_environment_names_what_the_last_bits_depend_on(cuda, monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    found = checkpoint.environment({"w": mt.ones(1)})
    assert list(found) == ["backend", "NumPy", "BLAS", "threads", "machine"]
    assert found["backend"] == "NumPy"
    assert found["NumPy"] == np.__version__
    assert found["threads"] == str(os.cpu_count())
    on_gpu = checkpoint.environment({"w": [mt.ones(1, device="cuda")]})
    assert on_gpu["backend"].startswith("CuPy ")


# exact resume -----------------------------------------------------------------------------------

STEPS = 64


class Net(nn.Module):
    """Batch norm and dropout: running statistics and random numbers beside the parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.two = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.dropout(F.relu(self.norm(self.one(x))), 0.3, self.training)
        return self.two(h)


class Run:
    """A small training run: dropout, batch norm, Adam, cosine, shuffling, noise on the images."""

    def __init__(self, folder: Path):
        rng = np.random.default_rng(0)
        x = mt.from_numpy(rng.standard_normal((50, 6), np.float32))
        y = mt.from_numpy(rng.integers(0, 3, 50))
        mt.manual_seed(0)
        self.model = Net()
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=STEPS)
        self.loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, seed=1)
        self.noise = Generator().manual_seed(2)
        self.history: list[float] = []
        self.steps = 0
        self.checkpoint = Checkpoint(
            folder,
            keep=None,
            model=self.model,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            loader=self.loader,
            random=mt.default_generator,
            noise=self.noise,
            history=self.history,
        )

    def batches(self) -> Iterator[Any]:
        while True:
            yield from self.loader

    def train(self, until: int, save: bool = False) -> None:
        batches = self.batches()
        while self.steps < until:
            if save:
                self.checkpoint.save(step=self.steps)
            x, y = next(batches)
            x = x + 0.1 * mt.randn(x.shape, generator=self.noise)
            loss = F.cross_entropy(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            self.history.append(loss.item())
            self.steps += 1

    def bits(self) -> list:
        tensors = [*self.model.state_dict().values()]
        for kept in self.optimizer.state_dict()["state"].values():
            tensors += [value for value in kept.values() if isinstance(value, Tensor)]
        lr = self.optimizer.param_groups[0]["lr"]
        return [*(t.numpy().tobytes() for t in tensors), self.history, lr, self.noise.get_state()]


def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(tmp_path):
    """K13, P35, D65, D76, G83: stopped before every step of 64."""
    unbroken = Run(tmp_path)
    unbroken.train(STEPS, save=True)
    end = unbroken.bits()
    assert len(names(tmp_path)) == STEPS
    for step in range(STEPS):
        resumed = Run(tmp_path)
        mt.manual_seed(1234 + step)  # whatever the process drew before
        path = tmp_path / f"step-{step:08d}.safetensors"
        resumed.steps = resumed.checkpoint.load(path)["step"]
        assert resumed.steps == step
        resumed.train(STEPS)
        assert resumed.bits() == end


def last_of(tree: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The last tensor in nested dicts: the dict that holds it, and its key there."""
    key = next(key for key in reversed(tree) if isinstance(tree[key], (dict, Tensor)))
    return (tree, key) if isinstance(tree[key], Tensor) else last_of(tree[key])


@pytest.mark.parametrize("part", ["model", "optimizer"])
@pytest.mark.parametrize("trained", [0, 5])
def test_a_tensor_of_another_shape_leaves_the_whole_run_as_it_was(tmp_path, part, trained):
    """K8, H164: the last one, when all before it fit."""
    other = Run(tmp_path)
    other.train(9)
    path = other.checkpoint.save(step=9)
    tree = load(path)
    holder, key = last_of(tree[part])
    holder[key] = mt.zeros(99)
    save(tree, path)
    run = Run(tmp_path)
    run.train(trained)
    before, stream = run.bits(), mt.default_generator.get_state()
    with pytest.raises(CheckpointError, match=f"{part}: .*(?s:.*)99(?s:.*)Nothing was changed"):
        run.checkpoint.load()
    assert run.bits() == before
    assert mt.default_generator.get_state() == stream


@pytest.mark.parametrize(
    "left_out", ["model", "optimizer", "scheduler", "loader", "random", "noise"]
)
def test_a_resumed_run_that_lacks_one_part_is_another(tmp_path, left_out):
    """So the test above would see it if a part did not come back."""
    unbroken = Run(tmp_path)
    unbroken.train(20)
    unbroken.checkpoint.save(step=20)
    unbroken.train(40)
    fresh = {name: part.get() for name, part in Run(tmp_path).checkpoint.parts.items()}
    resumed = Run(tmp_path)
    resumed.steps = resumed.checkpoint.load()["step"]
    resumed.checkpoint.parts[left_out].put(fresh[left_out])
    resumed.train(40)
    assert resumed.bits() != unbroken.bits()
