"""The feature table's rows of training: schedules, data, graphs, debugging, settings, devices.

Where other files perform the check of a row, ELSEWHERE says which tests; each of the others has a
test here that is named after it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, nn, optim, plot, train
from minitorch.autograd import Function
from minitorch.optim import lr_scheduler as schedules
from minitorch.utils.data import DataLoader, TensorDataset, circles, moons, sine, spiral, xor
from tests.helpers import absent_tests, rows_by_name

ALL = [f"G{number}" for number in range(51, 78)]

ELSEWHERE = {
    "G52": ["test_train_callbacks::test_schedule_per_batch_and_per_epoch"],
    "G54": [
        "test_learner::test_events_come_in_this_order",
        "test_learner::test_cancelled_batch_goes_on_with_the_next",
        "test_learner::test_cancelled_epoch_ends_and_is_measured_as_far_as_it_went",
        "test_learner::test_cancelled_fit_says_goodbye_once",
    ],
    "G55": [
        "test_learner::test_losses_and_metrics_are_weighted_by_the_size_of_the_batch",
        "test_learner::test_history_has_one_value_for_each_epoch",
        "test_learner::test_a_bar_where_somebody_watches",
    ],
    "G56": [
        "test_train_callbacks::test_stops_at_the_known_epoch",
        "test_train_callbacks::test_best_model_is_saved_and_given_back",
    ],
    "G57": [
        "test_learner::test_nan_stops_before_the_step_and_names_epoch_and_batch",
        "test_learner::test_gradient_that_is_not_finite_names_epoch_and_batch",
    ],
    "G58": ["test_resume::test_a_killed_program_goes_on_and_ends_bit_for_bit"],
    "G59": [
        "test_precision::test_float16_is_as_accurate_as_float32_within_a_point",
        "test_precision::test_float16_on_a_gpu_is_as_accurate_as_float32_within_a_point",
    ],
    "G61": ["test_learner::test_only_the_new_head_changes_first"],
    "G62": [
        "test_loader::test_shuffled_epochs_visit_every_sample_once_in_orders_of_their_own",
        "test_dataset::test_sequential_and_random_samplers",
        "test_dataset::test_collate_containers",
    ],
    "G63": ["test_toys::test_sequence_streams_lie_side_by_side_and_go_on"],
    "G65": [
        "test_data_mnist::test_download_fetches_only_what_is_missing",
        "test_dataset_files::test_fashion_is_fetched_once_and_then_offline",
        "test_dataset_files::test_cifar_is_fetched_once_and_then_offline",
        "test_toys::test_the_text_is_the_one_it_says",
    ],
    "G66": ["test_images::test_shape_range_dtype_kind_and_the_input_stay"],
    "G67": [
        "test_wengert::test_drawn_as_dot",
        "test_wengert::test_drawn_as_text",
        "test_plot_pictures::test_the_graph_has_a_box_for_each_op_and_value",
    ],
    "G68": [
        "test_page::test_a_page_opens_offline",
        "test_page::test_a_page_has_a_picture_for_the_whole_and_one_for_each_call",
    ],
    "G69": ["test_wengert::test_drawn_as_text"],
    "G70": ["test_summary::test_lenet_by_hand"],
    "G73": [
        "test_profiler::test_a_step_of_large_ops_is_nearly_all_ops",
        "test_profiler::test_what_an_op_makes_and_saves_is_weighed",
        "test_profiler::test_afterwards_everything_is_as_it_was_also_after_an_error",
    ],
    "G75": [
        "test_devices::test_mixed_devices_are_refused_and_left_as_they_were",
        "test_devices::test_numpy_arrays_among_tensors_of_a_gpu_are_refused_by_name",
    ],
    "G76": ["test_settings::test_a_block_puts_everything_back_after_an_exception"],
}


def test_every_row_is_answered():
    assert sorted(rows_by_name("test_features_training") | set(ELSEWHERE)) == ALL


def test_the_tests_named_are_there():
    assert absent_tests(place for places in ELSEWHERE.values() for place in places) == []


# schedules --------------------------------------------------------------------------------------


def plateau(optimizer: optim.Optimizer) -> list[float]:
    """The rates while a loss falls for three steps and then stays."""
    scheduler, rates = schedules.ReduceLROnPlateau(optimizer, factor=0.1, patience=1), []
    for loss in [3, 2, 1, 1, 1, 1, 1, 1, 1, 1]:
        rates.append(scheduler.get_last_lr()[0])
        scheduler.step(loss)
    return rates


def one_cycle(t: int) -> float:
    """Up from 1/25 of the highest in 3 steps, down to 1/250,000 of it in 6; cosines."""
    low, high, end = 0.04, 1.0, 4e-6
    if t <= 2:
        return high + (low - high) / 2 * (1 + math.cos(math.pi * t / 2))
    return end + (high - end) / 2 * (1 + math.cos(math.pi * (t - 2) / 7))


RATES: dict[str, tuple[Callable, Callable[[int], float]]] = {
    "warm-up": (
        lambda o: schedules.LinearLR(o, start_factor=0.2, total_iters=4).curve(10),
        lambda t: 0.2 + 0.8 * min(t, 4) / 4,
    ),
    "exponential": (lambda o: schedules.ExponentialLR(o, 0.9).curve(10), lambda t: 0.9**t),
    "polynomial": (
        lambda o: schedules.PolynomialLR(o, total_iters=8, power=2).curve(10),
        lambda t: (1 - min(t, 8) / 8) ** 2,
    ),
    "one cycle": (
        lambda o: schedules.OneCycleLR(o, max_lr=1.0, total_steps=10).curve(10),
        one_cycle,
    ),
    "plateau": (plateau, lambda t: [1, 1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001][t]),
    "combined": (
        lambda o: schedules.SequentialLR(
            o,
            [
                schedules.LinearLR(o, start_factor=0.5, total_iters=4),
                schedules.CosineAnnealingLR(o, T_max=6),
            ],
            [4],
        ).curve(10),
        lambda t: 0.5 + t / 8 if t < 4 else (1 + math.cos(math.pi * (t - 4) / 6)) / 2,
    ),
}


@pytest.mark.parametrize("name", RATES)
def test_g51(name: str, tmp_path):
    """The curve equals its formula, and is plotted."""
    curve, formula = RATES[name]
    found = curve(optim.SGD([minitorch.ones(1, requires_grad=True)], lr=1.0))
    np.testing.assert_allclose(found, [formula(t) for t in range(10)], rtol=1e-9)
    plot.save(tmp_path / "rates.png", plot.schedule({name: found}))
    assert next(tmp_path.iterdir()).stat().st_size > 0


# training ---------------------------------------------------------------------------------------


def line() -> tuple[Tensor, Tensor]:
    x = minitorch.randn(256, 8)
    return x, x.sum(1, keepdim=True) + minitorch.randn(256, 1)


def test_g53():
    """Stops at three times the smallest loss, returns the curve, gives the weights back."""
    model = nn.Linear(8, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learner = train.Learner(model, optimizer=lambda m: optim.SGD(m, lr=0.1))
    curve = train.lr_find(learner, line(), start=1e-3, end=100, steps=200)
    smooth = curve.smoothed()
    assert curve.stopped
    assert len(curve.lrs) == len(curve.losses) < 200
    assert smooth[-1] > 3 * min(smooth)
    assert smooth[-2] <= 3 * min(smooth[:-1])
    for name, value in model.state_dict().items():
        assert minitorch.equal(value, before[name])


def test_g60():
    """Mixup, label smoothing and test-time augmentation are their formulas."""
    x = np.random.default_rng(0).random((6, 4))
    y = np.array([0, 2, 1, 1, 0, 2])
    stream = np.random.Generator(np.random.PCG64(5))
    share, order = stream.beta(0.4, 0.4), stream.permutation(6)
    mixed, soft = train_mixup(x, y)
    np.testing.assert_allclose(mixed, share * x + (1 - share) * x[order], rtol=1e-12)
    onehot = np.eye(4)[y]
    np.testing.assert_allclose(soft, share * onehot + (1 - share) * onehot[order], rtol=1e-12)

    smoothed = F.cross_entropy(minitorch.tensor(x), minitorch.tensor(y), label_smoothing=0.3)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    target = 0.7 * onehot + 0.3 / 4
    np.testing.assert_allclose(smoothed.item(), -(target * log_p).sum(1).mean(), rtol=1e-12)

    minitorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, dtype=minitorch.float64), nn.Dropout(0.5))
    said = train.tta(
        model, minitorch.tensor(x), [lambda x: x.flip(1), lambda x: 2 * x], lambda y: y.softmax(1)
    )
    w, b = (p.detach().numpy() for p in model.parameters())
    want = [np.exp(v @ w.T + b) for v in (x, x[:, ::-1], 2 * x)]
    want = [p / p.sum(1, keepdims=True) for p in want]
    np.testing.assert_allclose(said.numpy(), sum(want) / 3, rtol=1e-12)
    assert model.training
    assert not said.requires_grad


def train_mixup(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    generator = minitorch.Generator().manual_seed(5)
    given = minitorch.tensor(x), minitorch.tensor(y), 4
    found = minitorch.utils.data.mixup(*given, alpha=0.4, generator=generator)
    return [part.numpy() for part in found]


# data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [spiral, moons, circles, xor, sine])
def test_g64(draw: Callable, monkeypatch):
    """Seeded, and offline; that it takes less than a second is tested where the sets are."""
    monkeypatch.delattr("socket.socket")
    x, y = draw(500, noise=0.1, seed=3)
    assert len(x) == len(y)
    for again, other, part in zip(
        draw(500, noise=0.1, seed=3), draw(500, noise=0.1, seed=4), (x, y), strict=True
    ):
        assert minitorch.equal(part, again)
        assert part.dtype != minitorch.float32 or not minitorch.equal(part, other)
    loader = DataLoader(TensorDataset(x, y), batch_size=50, shuffle=True, seed=0)
    assert len(list(loader)) == math.ceil(len(x) / 50)


# graph and debugging ----------------------------------------------------------------------------


def lines_of(function: Callable) -> range:
    first = function.__code__.co_firstlineno
    return range(first, first + 12)


def named_line(message: str) -> int:
    """The number of the line of this file that a message names."""
    (found,) = re.findall(r"test_features_training\.py:(\d+): ", message)
    return int(found)


def test_g71():
    """A planted log(-1) names log and the line, in the forward; and the like in the backward."""
    x = minitorch.tensor([2.0, -1.0], requires_grad=True)

    def forward() -> Tensor:
        y = x * 1
        return y.log()

    with minitorch.detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        forward()
    message = str(caught.value)
    assert message.startswith("log: NaN at (1,) of the output")
    assert message.endswith("return y.log()")
    assert named_line(message) in lines_of(forward)

    def backward() -> Tensor:
        safe = (x * 0).sqrt()
        return (safe * 0).sum()

    with minitorch.detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        backward().backward()
    message = str(caught.value)
    assert message.startswith("sqrt: backward makes NaN at (0,)")
    assert named_line(message) in lines_of(backward)
    assert x.grad is None
    assert math.isnan(forward()[1].item())  # outside of the block nothing is looked for


def test_g72():
    """Where a backward cannot go on, the error has the file and the line of the forward."""
    x = minitorch.tensor([1.0, 2.0], requires_grad=True)

    def forward(w: Tensor) -> Tensor:
        h = x * 2
        return (h * w).sum()

    w = minitorch.tensor([3.0, 4.0])
    with minitorch.detect_anomaly():
        loss = forward(w)
    w += 1
    with pytest.raises(RuntimeError, match=r"mul: backward needs its 'b'") as caught:
        loss.backward()
    assert named_line(str(caught.value)) in lines_of(forward)


@pytest.mark.parametrize("recorded", [True, False])
def test_g72_of_a_rule_that_fails(recorded: bool):
    """It is named in any case, and its line where somebody asked for lines."""

    class Broken(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g + minitorch.ones(7)

    x = minitorch.ones(3, requires_grad=True)

    def forward() -> Tensor:
        return Broken.apply(x).sum()

    with minitorch.autograd.set_detect_anomaly(recorded):
        loss = forward()
    with pytest.raises(ValueError, match="add") as caught:
        loss.backward()
    note = caught.value.__notes__[-1]
    assert note.startswith("in the backward of Broken")
    if recorded:
        assert named_line(note) in lines_of(forward)


# errors -----------------------------------------------------------------------------------------

X = minitorch.ones(2, 3, requires_grad=True)
IMAGES = minitorch.zeros(1, 3, 8, 8)

# What was called, what it raises, and all that it says.
WRONG: list[tuple[Callable, type[Exception], str]] = [
    (lambda: X @ minitorch.ones(4, 5), ValueError, "matmul: (2, 3) @ (4, 5): 3 != 4"),
    (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2))(X),
        ValueError,
        "linear: x is (2, 4) and weight (2, 5); expected x (..., in) and weight (out, in)\n"
        "in minitorch.linear(x: float32 (2, 4), weight: float32 (2, 5), bias: float32 (2,))\n"
        "in 2: Linear(in_features=5, out_features=2, bias=True)",
    ),
    (
        lambda: nn.Conv2d(1, 4, 3)(IMAGES),
        ValueError,
        "Conv2d: x of shape (1, 3, 8, 8) has 3 channels on axis 1, expected in_channels 1",
    ),
    (
        lambda: F.conv2d(X, minitorch.zeros(4, 3, 3, 3)),
        ValueError,
        "conv2d: x has shape (2, 3), expected (N, C, H, W); x[None, None] adds both a batch and a "
        "channel of one",
    ),
    (
        lambda: F.max_pool2d(IMAGES, 9),
        ValueError,
        "max_pool2d: the kernel is larger than the padded input along dim 2: (input 8 + padding 0 "
        "+ 0 - dilation 1 * (kernel 9 - 1) - 1) // stride 9 + 1 = 0 windows; use a smaller "
        "kernel, or pad the input",
    ),
    (
        lambda: F.cross_entropy(X, minitorch.tensor([0, 3])),
        IndexError,
        "cross_entropy: target[1] = 3, expected 0 to 2 (input (2, 3)); 1 bad label of 2",
    ),
    (
        lambda: F.cross_entropy(X, minitorch.tensor([0.0, 1.0])),
        TypeError,
        "cross_entropy: target is float32 of shape (2,), expected integer labels of shape (2,); "
        "try target.astype(int), if the numbers are whole",
    ),
    (
        lambda: F.mse_loss(minitorch.zeros(4, 1), minitorch.zeros(4)),
        ValueError,
        "mse_loss: input (4, 1) and target (4,) differ, and a loss does not broadcast; try "
        "input.squeeze(-1)",
    ),
    (
        lambda: X.reshape(4, 2),
        ValueError,
        "reshape: (2, 3) has 2 * 3 = 6 elements, (4, 2) has 4 * 2 = 8; called as reshape(x: "
        "float32 (2, 3), shape=(4, 2))",
    ),
    (
        lambda: minitorch.stack([X, minitorch.ones(2, 2)]),
        ValueError,
        "stack: all shapes must be the same; xs[0] has shape (2, 3), xs[1] has shape (2, 2); "
        "called as stack(xs[0]: float32 (2, 3), xs[1]: float32 (2, 2), dim=0)",
    ),
    (
        lambda: X.sum(2),
        IndexError,
        "sum: dim 2 is out of range for 2 axes; expected -2 to 1",
    ),
    (
        lambda: F.embedding(minitorch.tensor([0, 7]), minitorch.zeros(5, 2)),
        IndexError,
        "embedding: index 7 at position 1 is out of range for 5 rows, 0 to 4",
    ),
    (
        lambda: minitorch.add(X, [[1, 2, 3]]),
        TypeError,
        "add: 'b' must be a Tensor, a number or a NumPy array, got list; write minitorch.tensor(b)",
    ),
    (
        lambda: X.sum(dims=1),
        TypeError,
        "sum: unknown argument 'dims'; it takes x, dim, keepdim, dtype",
    ),
    (lambda: F.linear(X), TypeError, "linear: missing argument 'weight'"),
    (
        lambda: X.backward(),
        RuntimeError,
        "backward: the tensor has shape (2, 3), and a gradient starts from one number; write "
        "y.sum().backward(), or pass gradient= of that shape",
    ),
    (
        lambda: minitorch.tensor([1, 2]).requires_grad_(),
        TypeError,
        "requires_grad: only floating-point tensors have gradients, this is int64; write 2.0 "
        "instead of 2, or convert with .float()",
    ),
    (
        lambda: bool(X > 0),
        ValueError,
        "bool: a tensor of shape (2, 3) holds 6 values, and only one has a single answer; reduce "
        "it with .any(), .all() or .sum()",
    ),
    (
        lambda: nn.LayerNorm(4)(X),
        ValueError,
        "layer_norm: input (2, 3) does not end in normalized_shape (4,)",
    ),
    (
        lambda: nn.Linear(3, 2).load_state_dict(nn.Linear(4, 2).state_dict()),
        RuntimeError,
        "load_state_dict: Linear was left as it is; 1 problem:\n"
        "  weight: shape (2, 4), expected (2, 3)",
    ),
    (
        lambda: optim.SGD([X], lr=-1),
        ValueError,
        "SGD: lr=-1 is out of range; expected lr >= 0 and finite",
    ),
    (
        lambda: TensorDataset(X, minitorch.ones(3)),
        ValueError,
        "TensorDataset: tensors[0] has 2 rows, tensors[1] has 3; every sample needs one row of "
        "each",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_g74(call: Callable, error: type[Exception], message: str):
    """All of the message; and of its notes as many as are written here."""
    with pytest.raises(error) as caught:
        call()
    said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert said[: len(message)] == message
    assert said[len(message) :] == "" or said[len(message)] == "\n"


# devices ----------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda m: optim.SGD(m, lr=0.1, momentum=0.9),
    "Adam": lambda m: optim.Adam(m, lr=0.1),
    "RMSprop": lambda m: optim.RMSprop(m, lr=0.1),
    "LBFGS": lambda m: optim.LBFGS(m, max_iter=2),
}


def tensors_in(state: dict[str, Any]) -> list[Tensor]:
    return [value for value in state.values() if isinstance(value, Tensor)]


def moving(name: str, places: list[str]) -> nn.Module:
    """A model after a step at each of the places, where all that belongs to it must be."""
    x = minitorch.tensor(np.random.default_rng(0).standard_normal((6, 3)))
    minitorch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    optimizer = OPTIMIZERS[name](model)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model(x.to(model[1].weight.device)).square().mean()
        loss.backward()
        return loss

    for place in places:
        assert model.to(place) is model
        optimizer.step(closure)
        state = [t for kept in optimizer.state.values() for t in tensors_in(kept)]
        held = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters())]
        assert state
        assert {t.device.type for t in (*held, *state)} == {place}
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_g77(cuda, name: str):
    """Parameters, gradients, buffers and the optimizer's state all move, there and back."""
    stayed = moving(name, ["cpu"] * 4)
    moved = moving(name, ["cpu", "cuda", "cuda", "cpu"])
    for a, b in zip(stayed.parameters(), moved.parameters(), strict=True):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-6)
    assert moved.cuda()[1].weight.is_cuda
    assert not moved.cpu()[1].weight.is_cuda
