"""Two devices: what may not meet, what must be refused on both, and what must come out the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, diagnostics, nn, optim
from minitorch.amp import GradScaler
from minitorch.cuda import parity
from tests.rows import ROWS
from tests.table import Row, is_float
from tests.test_lessons import ROOT, start
from tests.test_table import IDS, run


def draw(*shape: int) -> Tensor:
    return minitorch.from_numpy(np.random.default_rng(shape).standard_normal(shape).astype("f4"))


# arrays of two devices --------------------------------------------------------------------------


# One row of every op that takes two float tensors or more.
def is_large(a: Any) -> bool:
    """A float array with axes: a single number may come from the host, as in torch."""
    return is_float(a) and a.ndim > 0


MIXED = {row.op: row for row in reversed(ROWS) if sum(map(is_large, row.args)) > 1 and row.meta}
# Those that look at the shape of their second input alone, take one number at a time, or are parts
# of others that have looked already.
LENIENT = {"broadcast_tensors", "expand_as", "meshgrid", "reshape_as", "view_as", "matmul_loops"}
LENIENT |= {"transfer", "plus_at", "put_flat", "cross_entropy_grad", "soft_cross_entropy_grad"}


# Two arguments by name, and where each of them is.
PLACES = r"\w+: '?\w\S* is on (cuda:0|cpu) and (the value|'?\w\S*) (is )?on (cuda:0|cpu); move one"


@pytest.mark.parametrize("name", sorted(MIXED.keys() - LENIENT))
def test_mixed_devices_are_refused_and_left_as_they_were(cuda, name: str):
    """G75: the message names the op, both arguments, and where each of them lives."""
    row = MIXED[name]
    first, *others = [i for i, a in enumerate(row.args) if is_large(a)]
    for there in (first, others[0]):
        args = [
            Tensor(a.astype("f4"), device="cuda" if i == there else "cpu") if is_float(a) else a
            for i, a in enumerate(row.args)
        ]
        with pytest.raises(TypeError, match=PLACES):
            run(row, tuple(args))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, a: x + a,
        lambda x, a: a + x,
        lambda x, a: x @ a,
        lambda x, a: minitorch.cat([x, minitorch.from_numpy(a)]),
        lambda x, a: F.linear(x, minitorch.from_numpy(a)),
        lambda x, a: x.add_(minitorch.from_numpy(a)),
        lambda x, a: F.mse_loss(x, minitorch.from_numpy(a)),
        lambda x, a: minitorch.where(x > 0, x, minitorch.from_numpy(a)),
    ],
)
def test_numpy_arrays_among_tensors_of_a_gpu_are_refused_by_name(cuda, f: Callable):
    """G75."""
    x, a = draw(3, 3).cuda(), np.ones((3, 3), "f4")
    with pytest.raises(TypeError, match=PLACES):
        f(x, a)


LABELLED = ["cross_entropy", "nll_loss", "embedding", "gather", "index_add", "scatter_add"]


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("floats_there", [True, False])
def test_labels_and_indices_of_another_device_are_refused(cuda, name: str, floats_there: bool):
    """G75: CuPy would upload them, in silence and at every step."""
    f, inputs = DUPLICATES.get(name, (F.nll_loss, (X, TWICE)))
    with pytest.raises(TypeError, match=PLACES):
        f(*[x.cuda() if x.is_floating_point() == floats_there else x for x in inputs])


def test_layers_and_losses_of_another_device_name_the_layer(cuda):
    """G75."""
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).to("cuda")
    with pytest.raises(
        TypeError, match="linear: 'x' is on cpu and 'weight' is on cuda:0"
    ) as caught:
        model(draw(4, 3))
    assert "in 0: Linear" in "".join(caught.value.__notes__)
    with pytest.raises(TypeError, match="'input' is on cuda:0 and 'target' is on cpu"):
        F.cross_entropy(model(draw(4, 3).cuda()), minitorch.tensor([0, 1, 0, 1]))
    with pytest.raises(TypeError, match=r"gradient is on cpu, and the tensor on cuda:0"):
        model(draw(4, 3).cuda()).backward(minitorch.ones(4, 2))


# what is out of range ---------------------------------------------------------------------------

X, LABELS = draw(4, 3), minitorch.tensor([0, 2, 1, 1])
OUT_OF_RANGE: dict[str, tuple[Callable, tuple]] = {
    "cross_entropy": (F.cross_entropy, (X, LABELS + 1)),
    "cross_entropy of -1": (F.cross_entropy, (X, LABELS - 1)),
    "nll_loss": (lambda x, t: F.nll_loss(x.log_softmax(1), t), (X, LABELS + 1)),
    "embedding": (F.embedding, (LABELS + 2, X)),
    "embedding of -1": (F.embedding, (LABELS - 1, X)),
    "x[i]": (lambda x, i: x[i], (X, LABELS + 2)),
    "x[i, j]": (lambda x, i: x[i, i], (X, LABELS + 1)),
    "x[:, i]": (lambda x, i: x[:, i], (X, LABELS - 4)),
    "x[i] = v": (lambda x, i: x.clone().__setitem__(i, 0.0), (X, LABELS + 2)),
    "index_select": (lambda x, i: x.index_select(0, i), (X, LABELS + 2)),
    "index_add": (lambda x, i: x.index_add(0, i, x), (X, LABELS + 2)),
    "index_copy": (lambda x, i: x.index_copy(0, i[:3], x[:3]), (X, LABELS + 3)),
    "index_fill": (lambda x, i: x.index_fill(1, i, 2.0), (X, LABELS + 1)),
    "gather": (lambda x, i: x.gather(1, i.reshape(4, 1)), (X, LABELS + 1)),
    "scatter": (lambda x, i: x.scatter(1, i.reshape(4, 1), x[:, :1]), (X, LABELS + 1)),
    "scatter of a number": (lambda x, i: x.scatter(1, i.reshape(4, 1), 3.0), (X, LABELS + 1)),
    "scatter_add": (lambda x, i: x.scatter_add(1, i.reshape(4, 1), x[:, :1]), (X, LABELS + 1)),
    "take": (lambda x, i: x.take(i), (X, LABELS + 11)),
    "take_along_dim": (lambda x, i: minitorch.take_along_dim(x, i[None], 1), (X, LABELS + 1)),
    "put": (lambda x, i: x.put(i, x[:, 0]), (X, LABELS + 11)),
    "one_hot": (lambda i: F.one_hot(i, 2), (LABELS,)),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_what_is_out_of_range_raises_on_a_gpu_as_on_the_cpu(cuda, name: str):
    """CuPy would wrap round, in silence."""
    f, inputs = OUT_OF_RANGE[name]
    assert parity(f, *inputs, raises=IndexError)


# duplicates -------------------------------------------------------------------------------------

TWICE = minitorch.tensor([1, 1, 0, 1])
DUPLICATES: dict[str, tuple[Callable, tuple]] = {
    "embedding": (F.embedding, (TWICE, X)),
    "x[i]": (lambda x, i: x[i], (X, TWICE)),
    "x[i, j]": (lambda x, i: x[i, i], (X, TWICE)),
    "index_select": (lambda x, i: x.index_select(1, i), (X, TWICE)),
    "index_add": (lambda x, i, v: x.index_add(0, i, v), (X, TWICE, X)),
    "gather": (lambda x, i: x.gather(0, i.reshape(4, 1).expand(4, 3)), (X, TWICE)),
    "scatter_add": (
        lambda x, i, v: x.scatter_add(0, i.reshape(4, 1).expand(4, 3), v),
        (X, TWICE, X),
    ),
    "take": (lambda x, i: x.take(i), (X, TWICE)),
    "take_along_dim": (lambda x, i: minitorch.take_along_dim(x, i[None], 1), (X, TWICE)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, 0), (X,)),
    "cross_entropy": (F.cross_entropy, (X, TWICE)),
    "max_pool": (lambda x: F.max_pool2d(x.reshape(1, 1, 4, 3), 2, 1), (X,)),
    "unfold": (lambda x: F.unfold(x.reshape(1, 1, 4, 3), 2), (X,)),
    "bincount": (minitorch.bincount, (TWICE,)),
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_what_goes_to_one_place_twice_adds_up_on_a_gpu(cuda, name: str):
    """CuPy keeps either of two values that are written to one place."""
    f, inputs = DUPLICATES[name]
    assert parity(f, *inputs)


# random numbers ---------------------------------------------------------------------------------

DRAWS: dict[str, Callable[[str], Tensor]] = {
    "rand": lambda d: minitorch.rand(3, 4, device=d),
    "randn": lambda d: minitorch.randn(3, 4, device=d),
    "randint": lambda d: minitorch.randint(0, 9, (5,), device=d),
    "randperm": lambda d: minitorch.randperm(7, device=d),
    "rand_like": lambda d: minitorch.rand_like(minitorch.ones(3, device=d)),
    "randn_like": lambda d: minitorch.randn_like(minitorch.ones(3, device=d)),
    "bernoulli": lambda d: minitorch.bernoulli(minitorch.full((9,), 0.5, device=d)),
    "multinomial": lambda d: minitorch.multinomial(minitorch.ones(5, device=d), 3),
    "normal_": lambda d: minitorch.zeros(4, device=d).normal_(),
    "uniform_": lambda d: minitorch.zeros(4, device=d).uniform_(),
    "dropout": lambda d: F.dropout(minitorch.ones(20, device=d)),
    "dropout2d": lambda d: F.dropout2d(minitorch.ones(2, 5, 2, 2, device=d)),
    "alpha_dropout": lambda d: F.alpha_dropout(minitorch.ones(20, device=d)),
    "kaiming": lambda d: nn.init.kaiming_normal_(minitorch.empty(3, 4, device=d)),
    "orthogonal": lambda d: nn.init.orthogonal_(minitorch.empty(3, 4, device=d)),
    "a layer": lambda d: nn.Linear(3, 4, device=d).weight.detach(),
    "an inferred layer": lambda d: nn.Sequential(nn.Linear(4)).to(d).build(3)[0].weight.detach(),
    "attention": lambda d: nn.MultiheadAttention(4, 2, device=d).in_proj_weight.detach(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_draws_the_same_on_every_device(cuda, name: str):
    found = []
    for device in ("cpu", "cuda"):
        minitorch.manual_seed(7)
        x = DRAWS[name](device)
        assert x.device.type == device
        found.append((x.numpy(force=True), minitorch.rand(2).numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_array_equal(ours, theirs)


# a whole run, saved and gone on with elsewhere --------------------------------------------------


def parts(device: str) -> dict[str, Any]:
    minitorch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))
    model = model.to(device)
    return {
        "model": model,
        "optimizer": optim.Adam(model, lr=0.05),
        "scaler": GradScaler(init_scale=64.0, growth_interval=2),
    }


def train(model: nn.Module, optimizer: optim.Optimizer, scaler: GradScaler) -> list[float]:
    device = next(model.parameters()).device
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X.to(device)), (LABELS % 2).to(device))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("source", ["cpu", "cuda"])
@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_a_checkpoint_of_one_device_goes_on_on_the_other(cuda, tmp_path, source: str, target: str):
    first, second = parts(source), parts(target)
    train(**first)
    minitorch.Checkpoint(tmp_path, **first).save(3)
    want = train(**first)
    minitorch.Checkpoint(tmp_path, **second).load()
    assert all(p.device.type == target for p in second["model"].parameters())
    np.testing.assert_allclose(train(**second), want, rtol=1e-4)
    assert second["scaler"].state_dict() == first["scaler"].state_dict()


# diagnostics ------------------------------------------------------------------------------------


def test_diagnostics_gather_on_a_gpu_and_wait_once_for_a_report(cuda):
    reports = {}
    for device in ("cpu", "cuda"):
        minitorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).to(device)
        optimizer = optim.SGD(model, lr=0.1)
        optimizer.check_finite = False
        x = X.to(device)
        # Without labels, at which one has to look.
        loss = lambda model=model, x=x: model(x).square().mean()
        with (
            diagnostics.ActivationStats(model) as activations,
            diagnostics.GradientStats(model, optimizer) as gradients,
        ):
            loss().backward()
            optimizer.step()
            optimizer.zero_grad()
            cuda.reset()
            for _ in range(3):
                loss().backward()
                optimizer.step()
                optimizer.zero_grad()
            assert (cuda.sync, cuda.h2d) == (0, 0)
            first = activations.table(), gradients.table()
            assert cuda.sync <= 2  # one for each
            again = activations.table(), gradients.table()
            assert cuda.sync <= 2  # what was read is kept
            assert again == first
        reports[device] = {
            (type(of).__name__, name): [of[name].mean, of[name].std]
            for of in (activations, gradients)
            for name in of.names
        }
    assert reports["cpu"].keys() == reports["cuda"].keys()
    for name, numbers in reports["cpu"].items():
        np.testing.assert_allclose(reports["cuda"][name], numbers, rtol=1e-3, atol=1e-6)


REPORTS: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "init_report": lambda model, x: diagnostics.init_report(model, x),
    "parameter_stats": lambda model, x: diagnostics.parameter_stats(model),
    "stats": lambda model, x: diagnostics.stats(x),
    "first_loss_check": lambda model, x: diagnostics.first_loss_check(model(x).square().mean(), 2),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_waits_once_for_a_gpu_and_says_what_it_says_on_the_cpu(cuda, name: str):
    said = []
    for device in ("cpu", "cuda"):
        minitorch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).to(device)
        x = X.to(device)
        REPORTS[name](model, x)  # the first may upload constants that stay there
        cuda.reset()
        said.append(str(REPORTS[name](model, x)))
        assert cuda.sync <= 1
        assert cuda.h2d == 0
    if name != "stats":
        assert said[0] == said[1]


def test_moving_a_model_moves_all_of_it_and_keeps_what_it_computes(cuda):
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    x = draw(6, 3)
    model(x)
    want = model.eval()(x).detach().numpy()
    for device in ("cuda", "cuda:0", "cpu", "cuda"):
        model.to(device)
        held = [*model.parameters(), *model.buffers()]
        assert {t.device.type for t in held} == {device.partition(":")[0]}
        y = model(x.to(device))
        assert y.device == minitorch.device(device)
        np.testing.assert_allclose(y.numpy(force=True), want, rtol=1e-5, atol=1e-6)
    assert (model.cpu()(x).detach().numpy() == want).all()


def test_a_gpu_of_another_number_computes_where_it_is_made_current(standins: Any):
    x, y = minitorch.ones(3, device="cuda:1"), minitorch.ones(3, device="cuda:0")
    assert (x.device, y.device) == ("cuda:1", "cuda:0")
    assert (x.to("cuda:0") + y).tolist() == [2, 2, 2]
    with minitorch.cuda.device(1):
        assert (x * 2).device == "cuda:1"
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to("cuda:1")
        optimizer = optim.Adam(model)
        loss = F.cross_entropy(model(x[None]), minitorch.tensor([1], device="cuda:1"))
        loss.backward()
        optimizer.step()
        held = [loss, *model.parameters(), *[p.grad for p in model.parameters()]]
        assert {str(t.device) for t in held} == {"cuda:1"}
    assert (y * 2).device == "cuda:0"
    with pytest.raises(RuntimeError, match="cuda:2: there is no such GPU; 2 can be used"):
        minitorch.ones(1, device="cuda:2")
    with pytest.raises(RuntimeError, match="device: there is no GPU 2; 2 can be used"):
        minitorch.cuda.device(2)


@pytest.fixture
def standins(two_gpus):
    """Two GPUs."""
    return two_gpus


def test_every_row_was_named_once():
    assert len(IDS) == len(set(IDS)) == len(ROWS)
    assert all(isinstance(row, Row) for row in MIXED.values())


# the lesson -------------------------------------------------------------------------------------


def test_lesson_22_uses_a_gpu_where_there_is_one(tmp_path):
    figures = tmp_path / "figures"
    shutil.copytree(ROOT / "figures", figures)
    # Taken up when the lesson asks for it, and not before.
    modules = {"cupy": "from tests import fakecupy\nfakecupy.install()\n"}
    command = [str(ROOT / "lessons" / "22_gpu.py"), "--figures", str(figures)]
    done = start(command, tmp_path, modules)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "is there a GPU? True" in done.stdout
    assert "the loss and all gradients agree with those of the CPU" in done.stdout
    assert "found: one text on cpu, cuda, meta" in done.stdout
