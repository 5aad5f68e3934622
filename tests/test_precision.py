"""Training in mixed precision: `Learner(..., precision="float16")`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import Tensor, nn, optim
from minitorch.amp import GradScaler
from minitorch.train import Callback, Learner, MixedPrecision, Schedule, accuracy, lr_find
from minitorch.train.__main__ import main as command
from minitorch.utils.data import digits


def mixed(growth_interval: int = 2000) -> MixedPrecision:
    """With a scale at which the gradients of small problems do not overflow."""
    return MixedPrecision(GradScaler(init_scale=64.0, growth_interval=growth_interval))


def network() -> nn.Module:
    layers = nn.Flatten(), nn.Linear(50), nn.BatchNorm1d(), nn.ReLU(), nn.Linear(10)
    return nn.Sequential(*layers).build((1, 8, 8))


def trained(precision: Any, epochs: int = 6, device: str = "cpu", **options: Any) -> Learner:
    minitorch.manual_seed(0)
    data = digits()
    learner = Learner(
        network().to(device),
        optimizer=lambda m: optim.SGD(m, lr=0.2),
        metrics=[accuracy],
        precision=precision,
        **options,
    )
    train, valid = (data.x_train, data.y_train), (data.x_valid, data.y_valid)
    learner.fit(train, valid, epochs, progress=False)
    return learner


def test_float16_is_as_accurate_as_float32_within_a_point():
    """G59."""
    plain, mixed = trained(None), trained("float16")
    want, got = (learner.history.last("accuracy") for learner in (plain, mixed))
    assert want > 0.93
    assert abs(got - want) <= 0.01
    assert mixed.history.last("train_loss") == pytest.approx(
        plain.history.last("train_loss"), rel=0.05
    )
    assert mixed.history["train_loss"] != plain.history["train_loss"]
    assert all(p.dtype == np.float32 for p in mixed.model.parameters())


def test_float16_on_a_gpu_is_as_accurate_as_float32_within_a_point(cuda):
    """G59."""
    want = trained(None, 2).history.last("accuracy")
    learner = trained("float16", 2, "cuda")
    assert abs(learner.history.last("accuracy") - want) <= 0.01
    assert all(p.device.type == "cuda" for p in learner.model.parameters())


def test_the_model_computes_in_float16_and_the_loss_sees_float32():
    seen: dict[str, Any] = {}

    class Look(Callback):
        def after_predict(self, learner: Learner) -> None:
            seen["pred"] = learner.pred.dtype

        def after_backward(self, learner: Learner) -> None:
            seen["grad"] = max(p.grad.dtype for p in learner.model.parameters())

    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen["inner"] = x.dtype
            return x

    model = nn.Sequential(nn.Linear(4, 4), Inner(), nn.Linear(4, 1))
    x = minitorch.randn(8, 4)
    model.fit(x, x[:, :1], precision="float16", callbacks=[Look()], progress=False)
    assert seen == {"pred": np.float32, "grad": np.float32, "inner": np.float16}
    model.predict(x)
    assert seen["inner"] == np.float32  # what a trained model says is not rounded


class Overflow(Callback):
    """Makes the gradients of some batches infinite."""

    def __init__(self, *batches: int):
        self.batches, self.batch = batches, -1

    def after_backward(self, learner: Learner) -> None:
        self.batch += 1
        if self.batch in self.batches:
            for p in learner.model.parameters():
                p.grad = p.grad * math.inf


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"clip_value": 0.1}])
def test_a_step_that_overflows_is_left_out_and_not_counted(options: dict[str, Any]):
    heard = []

    class Steps(Callback):
        def after_step(self, learner: Learner) -> None:
            heard.append(learner.batch)

    learner = Learner(
        nn.Linear(3, 1),
        optimizer=lambda m: optim.SGD(m, lr=0.1),
        precision=mixed(),
        callbacks=[Overflow(0, 2), Steps()],
        **options,
    )
    x = minitorch.randn(20, 3)
    learner.fit((x, x[:, :1]), epochs=1, batch_size=4, progress=False)
    assert (learner.step, learner.precision.left_out) == (3, 2)
    assert heard == [1, 3, 4]
    assert learner.precision.scaler.get_scale() == 16.0
    assert len(learner.history.steps["lr"]) == 3
    assert all(np.isfinite(p.detach().numpy()).all() for p in learner.model.parameters())


def test_a_schedule_does_not_hear_of_a_step_that_was_left_out():
    schedule = Schedule(lambda o: optim.lr_scheduler.StepLR(o, 1, 0.5), per="batch")
    learner = Learner(
        nn.Linear(3, 1),
        optimizer=lambda m: optim.SGD(m, lr=1.0),
        precision=mixed(),
        callbacks=[Overflow(0), schedule],
    )
    x = minitorch.randn(12, 3)
    learner.fit((x, x[:, :1]), epochs=1, batch_size=4, progress=False)
    assert learner.optimizer.lr == 0.25


def test_clipping_and_several_batches_a_step_see_true_gradients():
    ends = []
    for precision in (None, mixed()):
        minitorch.manual_seed(1)
        learner = Learner(
            nn.Linear(3, 1),
            optimizer=lambda m: optim.SGD(m, lr=0.5),
            precision=precision,
            clip_norm=0.05,
            accumulate=3,
        )
        x = minitorch.randn(28, 3)
        learner.fit((x, 5 * x[:, :1]), epochs=2, batch_size=4, progress=False)
        ends.append(learner.model.weight.detach().numpy().copy())
    np.testing.assert_allclose(*ends, rtol=0.01, atol=0.002)


def test_bfloat16_is_as_accurate_as_float32_within_a_point_and_leaves_no_step_out():
    """G59."""
    pytest.importorskip("ml_dtypes")
    want, learner = trained(None).history.last("accuracy"), trained("bfloat16")
    assert abs(learner.history.last("accuracy") - want) <= 0.01
    assert all(p.dtype == np.float32 for p in learner.model.parameters())
    pred = learner.predict(minitorch.zeros(2, 1, 8, 8))
    assert pred.dtype == np.float32


def test_a_run_goes_on_with_its_scale(tmp_path):
    def learner() -> Learner:
        minitorch.manual_seed(3)
        return Learner(
            nn.Linear(3, 1),
            optimizer=lambda m: optim.SGD(m, lr=0.1),
            precision=mixed(growth_interval=3),
        )

    x = np.random.default_rng(0).standard_normal((16, 3)).astype("float32")
    data = (x, x[:, :1])
    unbroken = learner()
    unbroken.fit(data, epochs=4, batch_size=4, progress=False)
    first = learner()
    first.fit(data, epochs=2, batch_size=4, progress=False, checkpoint=tmp_path)
    second = learner()
    second.fit(data, epochs=4, batch_size=4, progress=False, checkpoint=tmp_path, resume=True)
    assert second.precision.state_dict() == unbroken.precision.state_dict()
    assert second.precision.scaler.get_scale() == 64.0 * 2**5  # 16 steps are 5 times 3
    np.testing.assert_array_equal(
        second.model.weight.detach().numpy(), unbroken.model.weight.detach().numpy()
    )


def test_lr_find_looks_in_the_precision_of_the_learner_and_leaves_its_scale_alone():
    x = minitorch.randn(64, 3)
    learner = Learner(nn.Linear(3, 1), precision="float16", callbacks=[])
    before = learner.precision.state_dict()
    curve = lr_find(learner, (x, x[:, :1]), steps=20, end=1000.0)
    assert len(curve.lrs) > 5
    assert learner.precision.state_dict() == before


@pytest.mark.parametrize("precision", ["float32", minitorch.float32, None])
def test_float32_is_the_models_own_dtype(precision: Any):
    x = minitorch.randn(8, 2)
    model = nn.Linear(2, 1).double()
    model.fit(x.double(), x[:, :1].double(), precision=precision, progress=False)
    assert model.weight.dtype == np.float64


@pytest.mark.parametrize(
    ("precision", "said"),
    [("float64", "expected 'float32', 'float16'"), ("fp16", "dtype")],
)
def test_another_precision_says_what_there_is(precision: str, said: str):
    with pytest.raises((ValueError, TypeError), match=said):
        Learner(nn.Linear(1), precision=precision)
    with pytest.raises(TypeError, match="scaler: expected a GradScaler, got float"):
        MixedPrecision(2.0)  # type: ignore[arg-type]


def test_the_command_trains_in_float16_and_prints_how_to_do_it_again(capsys):
    """I18."""
    quick = ["--epochs", "1", "--seed", "3", "--no-progress", "--precision", "float16"]
    assert command(quick) == 0
    said = capsys.readouterr().out
    assert "--precision float16 --seed 3" in said
    assert float(said.split("accuracy ")[-1].split(" ")[0]) > 0.5
