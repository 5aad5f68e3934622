"""bfloat16: an op computes in float32 and rounds once; autocast trains in it without a scaler."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import warnings
from functools import reduce
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ml_dtypes")

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, autocast, float16, float32, nn, optim
from minitorch.dtypes import bfloat16
from minitorch.kernels import without_cublas
from minitorch.kernels.optim import unscale
from minitorch.op import REGISTRY, op
from tests.kernelwise import runs_kernels
from tests.rows import ROWS
from tests.table import Row, is_float
from tests.test_table import IDS, parts, run

ULP = 2.0**-8  # half the distance between two neighbours at 1


def rounded(x: Any) -> np.ndarray:
    """float32 with the last 16 bits rounded away, to the nearest and among two to the even one."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + (bits >> 16 & 1)
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


def draw(*shape: int, grad: bool = False, dtype: Any = "bfloat16") -> Tensor:
    x = np.random.default_rng(shape).standard_normal(shape).astype("float32")
    return minitorch.tensor(x, dtype=dtype, requires_grad=grad)


def values(x: Tensor) -> np.ndarray:
    return x.detach().float().numpy()


# the dtype --------------------------------------------------------------------------------------


def test_it_is_a_dtype_as_the_others_are():
    x = minitorch.tensor([1.0, 1.00390625, 3.0e38, 1.0e-30], dtype=minitorch.bfloat16)
    assert x.dtype == minitorch.bfloat16 == "bfloat16" == bfloat16()
    assert x.is_floating_point()
    assert x.element_size() == 2
    assert values(x)[:2].tolist() == [1.0, 1.0]  # half way: to the even one
    assert 2.99e38 < x[2].item() < 3.01e38
    assert 0.99e-30 < x[3].item() < 1.01e-30
    assert repr(minitorch.ones(2, dtype="bfloat16")) == "tensor([1., 1.], dtype=bfloat16)"
    assert repr(x[:1] / 3) == "tensor([0.3340], dtype=bfloat16)"


@pytest.mark.parametrize(
    "make",
    [
        lambda: draw(4).to("bfloat16"),
        lambda: draw(4, dtype=float32).to(minitorch.bfloat16),
        lambda: draw(4, dtype=float16).bfloat16(),
        lambda: draw(4, dtype="float64").astype("bfloat16"),
        lambda: minitorch.zeros(4, dtype="bfloat16"),
        lambda: minitorch.randn(4, dtype=minitorch.bfloat16),
        lambda: minitorch.rand(4, dtype=minitorch.bfloat16),
        lambda: minitorch.arange(4, dtype=minitorch.bfloat16),
        lambda: minitorch.full((4,), 2.5, dtype=minitorch.bfloat16),
        lambda: minitorch.zeros_like(draw(4)),
        lambda: minitorch.from_numpy(draw(4).numpy()),
        lambda: minitorch.tensor(draw(4).numpy()),
        lambda: draw(4).clone(),
        lambda: draw(4).detach(),
        lambda: nn.init.normal_(minitorch.empty(4, dtype="bfloat16")),
    ],
)
def test_tensors_of_it_are_made_in_every_way(make: Any):
    x = make()
    assert (x.dtype, x.shape) == (minitorch.bfloat16, (4,))


def test_converting_rounds_to_the_nearest_and_back_is_exact():
    x = np.random.default_rng(0).standard_normal(1000).astype("float32")
    low = minitorch.from_numpy(x).to("bfloat16")
    np.testing.assert_array_equal(values(low), rounded(x))
    assert low.double().to("bfloat16").numpy().tobytes() == low.numpy().tobytes()
    assert low.int().dtype == minitorch.int32


def test_a_gradient_comes_back_through_a_conversion_in_its_inputs_dtype():
    x = draw(5, grad=True, dtype=float32)
    (x.to("bfloat16") * 3).float().sum().backward()
    assert x.grad.dtype == float32
    np.testing.assert_array_equal(x.grad.numpy(), 3)


def test_the_default_dtype_cannot_be_it_and_the_message_says_what_can():
    with pytest.raises(TypeError, match="expected float16, float32 or float64, got bfloat16"):
        minitorch.set_default_dtype("bfloat16")


# every op ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_every_op_gives_what_it_gives_in_float32_rounded_once(row: Row):
    if row.moves:
        pytest.skip("its values move with the dtype")

    def results(dtype: Any) -> tuple[list, list]:
        args = tuple(
            Tensor(rounded(a), dtype=dtype, requires_grad=i in row.wanted) if is_float(a) else a
            for i, a in enumerate(row.args)
        )
        ys = parts(run(row, args))
        if summed := [y.float().sum() for y in ys if y.requires_grad]:
            reduce(lambda a, b: a + b, summed).backward()
        return ys, [args[i].grad for i in row.wanted]

    (wants, slopes), (ys, grads) = results(float32), results("bfloat16")
    for y, want in zip(ys, wants, strict=True):
        assert y.shape == want.shape
        if want.dtype != float32:
            assert y.dtype == want.dtype
        elif row.op in REGISTRY and row.by is None:
            assert y.dtype == bfloat16()
            np.testing.assert_array_equal(values(y), rounded(want.detach().numpy()))
        else:  # made of several ops, each of which rounds
            np.testing.assert_allclose(values(y), want.detach().numpy(), 0.05, 0.05)
    for g, slope in zip(grads, slopes, strict=True):
        assert (g is None) == (slope is None)
        if g is not None:
            assert g.dtype == bfloat16()
            np.testing.assert_allclose(values(g), slope.numpy(), rtol=0.05, atol=0.06)


def test_where_dtypes_meet_the_wider_is_taken(monkeypatch):
    monkeypatch.setattr(minitorch.call, "said", set())
    x = draw(3)
    assert (x + minitorch.tensor(2.0)).dtype == bfloat16()  # a single number is no wider
    assert (x * 2.5).dtype == (2.5 * x).dtype == (x * np.float64(2.5)).dtype == bfloat16()
    assert (x * minitorch.tensor([1, 2, 3])).dtype == bfloat16()
    with pytest.warns(UserWarning, match="add: bfloat16 and float32 meet"):
        assert (x + draw(3, dtype=float32)).dtype == float32
    with warnings.catch_warnings():  # said once
        warnings.simplefilter("error")
        assert (draw(3, dtype=float16) + x).dtype == (x + draw(3, dtype=float16)).dtype == float32
        assert minitorch.cat([x, draw(3, dtype="float64")]).dtype == "float64"


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a @ b,
        lambda a, b: F.linear(a, b),
        lambda a, b: minitorch.einsum("ij,jk->ik", a, b),
        lambda a, b: F.conv1d(a[None], b[:, :, None]),
    ],
)
def test_a_product_with_another_dtype_is_refused(f: Any):
    with pytest.raises(TypeError, match=r"bfloat16 and .* float32"):
        f(draw(3, 3), draw(3, 3, dtype=float32))


def test_sums_are_added_up_in_float32():
    """Added one by one they would stop at 256, where 1 more is rounded away."""
    x = minitorch.ones(5000, dtype="bfloat16", requires_grad=True)
    assert x.sum().item() == minitorch.ones(5000).sum(dtype="bfloat16").item() == 4992
    assert x.sum(dtype=float32).item() == 5000
    assert x.mean().item() == 1
    assert x.cumsum(0)[-1].item() == 4992
    assert F.mse_loss(x, x * 0.5).item() == 0.25
    assert (x.reshape(50, 100) @ x.reshape(100, 50)).sum().item() == 249856
    b = minitorch.zeros(1, dtype="bfloat16", requires_grad=True)
    (x.detach() + b).sum().backward()  # the gradient of what was broadcast
    assert b.grad.item() == 4992


def test_in_place_and_indexed_writes_round():
    x = minitorch.ones(3, dtype="bfloat16")
    x += 0.001
    x *= minitorch.tensor(2.0)
    x[0] = 0.1
    x[1:] = minitorch.tensor([1.001, 4.0])
    assert (x.dtype, x.tolist()) == (bfloat16(), [0.10009765625, 1.0, 4.0])
    assert x.clamp_(0, 2).tolist() == [0.10009765625, 1.0, 2.0]


def test_gradients_have_gradients():
    x = minitorch.tensor([1.0, 2.0], dtype="bfloat16", requires_grad=True)
    (g,) = minitorch.autograd.grad((x**3).sum(), x, create_graph=True)
    g.sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (bfloat16(), [6.0, 12.0])


def test_running_statistics_of_bfloat16_move():
    layer, x = nn.BatchNorm1d(2).bfloat16(), draw(50, 2) * 2 + 1
    layer(x)
    assert layer.running_mean.dtype == bfloat16()
    np.testing.assert_allclose(
        values(layer.running_mean), 0.1 * values(x).mean(0), rtol=2 * ULP, atol=1e-4
    )


def test_its_limits():
    limits = minitorch.finfo(minitorch.bfloat16)
    assert (float(limits.eps), limits.bits) == (2.0**-7, 16)
    assert 3.38e38 < float(limits.max) < 3.4e38
    assert minitorch.finfo().eps == np.finfo(np.float32).eps


def test_ops_that_are_made_later_round_too():
    try:

        @op
        def thirds(x):
            assert x.dtype == float32
            return x / 3

        thirds.grad(x=lambda g: g / 3)
        x = minitorch.ones(2, dtype="bfloat16", requires_grad=True)
        thirds(x).sum().backward()
        assert (x.grad.dtype, x.grad[0].item()) == (bfloat16(), 0.333984375)
    finally:
        REGISTRY.pop("thirds", None)


def test_an_op_rounds_that_is_made_after_its_numbers_or_given_rules_later():
    x = minitorch.ones(2, dtype="bfloat16", requires_grad=True)
    try:

        @op
        def thirds(x):
            assert x.dtype == float32
            return x / 3

        assert thirds(x).dtype == bfloat16()
        seen = []
        thirds.grad(x=lambda g: seen.append(g.dtype) or g / 3)
        thirds(x).sum().backward()
        assert (seen, x.grad[0].item()) == ([float32], 0.333984375)
    finally:
        REGISTRY.pop("thirds", None)


def test_a_process_that_never_names_it_has_no_op_that_looks():
    program = """
import sys, minitorch
from minitorch.op import REGISTRY
(minitorch.ones(2, requires_grad=True) * 2).sum().backward()
assert "ml_dtypes" not in sys.modules
assert not [op for op in REGISTRY.values() if hasattr(op.body, "rounds")]
minitorch.ones(2).to("bfloat16")
assert [op for op in REGISTRY.values() if hasattr(op.body, "rounds")]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_compiled_step_may_be_the_first_to_name_it():
    program = """
import minitorch
def step(x):
    y = x.to("bfloat16") + 1.5
    return y.float().sum()
step = minitorch.compile(step)
assert [step(minitorch.ones(3)).item() for _ in range(3)] == [7.5] * 3
x = minitorch.ones(2)
import ml_dtypes, numpy
x.array = numpy.ones(5000, ml_dtypes.bfloat16)  # which names nothing
assert x.sum().item() == 4992
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# autocast ---------------------------------------------------------------------------------------


def network() -> nn.Module:
    minitorch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(5),
    ).build((1, 8, 8))


def test_products_inside_autocast_are_bfloat16_and_losses_float32():
    model, x, t = network(), draw(6, 1, 8, 8, dtype=float32), minitorch.tensor([0, 1, 2, 3, 4, 0])
    with autocast("cpu", dtype=minitorch.bfloat16):
        y = model(x)
        loss = F.cross_entropy(y, t)
        assert (y * 2).dtype == model[1](model[0](x)).dtype == bfloat16()
        assert (x @ x.mT).dtype == bfloat16()
        assert y.softmax(1).dtype == y.sum().dtype == float32
    assert (y.dtype, loss.dtype) == (bfloat16(), float32)
    loss.backward()
    got = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    F.cross_entropy(model(x), t).backward()
    for p, g in zip(model.parameters(), got, strict=True):
        assert g.dtype == float32
        np.testing.assert_allclose(g, p.grad.numpy(), atol=0.05 * abs(p.grad.numpy()).max() + 1e-3)


def test_a_product_is_rounded_once():
    a, b = draw(40, 300, dtype=float32), draw(300, 7, dtype=float32)
    with autocast("cpu", "bfloat16"):
        y = a @ b
    want = rounded(a.numpy()).astype("float64") @ rounded(b.numpy()).astype("float64")
    np.testing.assert_allclose(values(y), want, rtol=1.01 * ULP, atol=1e-5)


def test_small_gradients_live_without_a_scaler():
    """At 1e-12 float16 has only 0."""
    for dtype, alive in (("bfloat16", True), ("float16", False)):
        w = minitorch.ones(3, 3, requires_grad=True)
        with autocast("cpu", dtype):
            loss = (w @ w).sum() * 1e-12
        loss.backward()
        assert bool(w.grad.all()) is alive


def test_blocks_of_two_dtypes_nest():
    x = draw(2, 2, dtype=float32)
    with autocast("cpu", "bfloat16"):
        y = x @ x
        with autocast("cpu", "float16"):
            assert (y @ x).dtype == float16
        assert ((y @ x).dtype, x.exp().dtype, y.exp().dtype) == (bfloat16(), float32, float32)


def test_torch_computes_the_same_within_a_rounding():
    torch = pytest.importorskip("torch")
    model, x = network(), np.random.default_rng(1).standard_normal((6, 1, 8, 8)).astype("f")
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 5),
    )
    twin.load_state_dict(
        {k: torch.tensor(v.numpy().copy()) for k, v in model.state_dict().items()}, strict=False
    )
    t = [0, 1, 2, 3, 4, 0]
    with autocast("cpu", "bfloat16"):
        loss = F.cross_entropy(model(minitorch.from_numpy(x)), minitorch.tensor(t))
    with torch.autocast("cpu", torch.bfloat16):
        want = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(t))
    loss.backward()
    want.backward()
    assert loss.item() == pytest.approx(want.item(), rel=2 * ULP)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        atol = 8 * ULP * float(q.grad.abs().max()) + 1e-6
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=atol)


@pytest.mark.parametrize(
    "name",
    ["exp", "log", "sqrt", "tanh", "sigmoid", "softmax", "sum", "mean", "cumsum", "matmul", "mul"],
)
def test_torchs_ops_of_bfloat16_give_the_same_within_a_rounding(name: str):
    torch = pytest.importorskip("torch")
    x = abs(np.random.default_rng(2).standard_normal((7, 7)).astype("f")) + 0.1
    mine = minitorch.tensor(x, dtype="bfloat16", requires_grad=True)
    twin = torch.tensor(x).bfloat16().requires_grad_()

    def run(x: Any) -> Any:
        if name in ("matmul", "mul"):
            return getattr(x, name)(x)
        return getattr(x, name)(0) if name in ("softmax", "cumsum") else getattr(x, name)()

    y, want = run(mine), run(twin)
    y.sum().backward()
    want.sum().backward()
    near = {"rtol": 2.02 * ULP, "atol": 2 * ULP * (0.1 if name == "softmax" else 0.0)}
    np.testing.assert_allclose(values(y), want.detach().float().numpy(), **near)
    slope = twin.grad.float().numpy()
    np.testing.assert_allclose(values(mine.grad), slope, rtol=4 * ULP, atol=2 * ULP)


# whole steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam"])
def test_optimizers_move_parameters_of_bfloat16_as_torchs_do(kind: str):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    start = random.standard_normal((4, 3)).astype("f")
    p = minitorch.tensor(start, dtype="bfloat16", requires_grad=True)
    q = torch.tensor(start).bfloat16().requires_grad_()
    mine, twin = getattr(optim, kind)([p], lr=0.05), getattr(torch.optim, kind)([q], lr=0.05)
    for _ in range(3):
        g = random.standard_normal((4, 3)).astype("f")
        p.grad, q.grad = minitorch.tensor(g, dtype="bfloat16"), torch.tensor(g).bfloat16()
        mine.step()
        twin.step()
    assert p.dtype == bfloat16()
    np.testing.assert_allclose(values(p), q.detach().float().numpy(), atol=4 * ULP)


def test_a_whole_model_of_bfloat16_learns():
    model, x, t = network().bfloat16(), draw(6, 1, 8, 8), minitorch.tensor([0, 1, 2, 3, 4, 0])
    optimizer, losses = optim.Adam(model, lr=0.01), []
    for _ in range(15):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert {p.dtype for p in model.parameters()} == {bfloat16()}


def test_a_compiled_step_inside_autocast_computes_the_same():
    x, t = draw(6, 4, dtype=float32), draw(6, 2, dtype=float32)

    def losses(compiled: bool) -> list[float]:
        minitorch.manual_seed(0)
        model = nn.Linear(4, 2)
        optimizer = optim.SGD(model, lr=0.1)

        def step(x: Tensor) -> Tensor:
            with autocast("cpu", "bfloat16"):
                loss = F.mse_loss(model(x), t)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        step = minitorch.compile(step) if compiled else step
        return [step(x).item() for _ in range(5)]

    assert losses(True) == pytest.approx(losses(False), rel=1e-6)


def test_what_was_saved_comes_back(tmp_path):
    model = network().bfloat16()
    minitorch.save(model.state_dict(), tmp_path / "model.safetensors")
    found = minitorch.load(tmp_path / "model.safetensors")
    for name, x in model.state_dict().items():
        assert found[name].dtype == x.dtype
        assert found[name].numpy().tobytes() == x.numpy().tobytes()
    network().load_state_dict(found, cast=True)


# on a GPU ---------------------------------------------------------------------------------------


def test_a_gpu_gives_what_the_cpu_gives(cuda):
    a, b, v = draw(5, 7), draw(7, 3), draw(2, 5, 7)
    for f in (
        lambda a, b, v: a @ b,
        lambda a, b, v: F.linear(v, b.T),
        lambda a, b, v: v @ b,
        lambda a, b, v: v @ v.mT,
        lambda a, b, v: (a.softmax(1) * 2).exp().sum(0),
        lambda a, b, v: F.gelu(v).mean(),
        lambda a, b, v: F.conv1d(v, a[:, :5, None], a[:, 0]),
        lambda a, b, v: F.conv1d(v, a[:, :5, None], stride=2, padding=1),
        lambda a, b, v: F.conv1d(v.repeat(1, 2, 1), minitorch.cat([a, a], 0).T[:4, :, None]),
        lambda a, b, v: F.conv1d(v[:, :4], a[:4, :2, None], groups=2),
        lambda a, b, v: F.conv_transpose1d(v, a[:, :3, None]),
    ):
        results = []
        for device in ("cpu", "cuda"):
            args = [x.detach().to(device).requires_grad_() for x in (a, b, v)]
            y = f(*args)
            y.sum().backward()
            assert y.dtype == bfloat16()
            results.append([y, *(x.grad for x in args if x.grad is not None)])
        for want, got in zip(*results, strict=True):
            assert got.dtype == want.dtype == bfloat16()
            np.testing.assert_allclose(values(got.cpu()), values(want), rtol=3 * ULP, atol=1e-2)


@runs_kernels
@pytest.mark.parametrize("by_cublas", [True, False])
def test_a_gpu_multiplies_bfloat16_as_it_is(cuda, by_cublas: bool, monkeypatch):
    """Only stacks of matrices are multiplied in float32, since CuPy hands cuBLAS none of them."""
    seen: list[tuple[str, str]] = []

    def spy(op: Any) -> None:
        """Puts a note between the body and what widens its inputs."""
        rounding = op.cell.cell_contents
        body = rounding.__wrapped__

        def noted(*args: Any, **options: Any) -> Any:
            seen.append((op.name, args[0].dtype.name))
            return body(*args, **options)

        within = rounding.__closure__[rounding.__code__.co_freevars.index("body")]
        monkeypatch.setattr(within, "cell_contents", noted)

    names = ("matmul", "linear", "conv2d", "conv_input_grad", "conv_weight_grad", "exp")
    for name in names:
        spy(REGISTRY[name])
    x, w = (draw(*s).to("cuda").requires_grad_() for s in ((5, 7), (3, 7)))
    image, kernel = (draw(*s).to("cuda").requires_grad_() for s in ((2, 3, 4, 4), (5, 3, 3, 3)))
    with contextlib.nullcontext() if by_cublas else without_cublas():
        F.linear(x, w, draw(3).to("cuda")).sum().backward()
        (x[None] @ w.T[None]).sum().backward()
        F.conv2d(image, kernel).sum().backward()
    x.exp()
    assert [seen.count((name, "bfloat16")) for name in names] == [1, 1, 1, 1, 1, 0]
    assert [seen.count((name, "float32")) for name in names] == [0, 0, 0, 0, 0, 1]
    assert x.grad.dtype == kernel.grad.dtype == bfloat16()


@runs_kernels
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_gpu_moves_parameters_of_it_by_kernels_that_compute_in_float32(cuda, kind: str):
    start = [draw(*shape) for shape in ((4, 3), (5000,), (1,))]
    results = []
    for device, dtype in (("cpu", float32), ("cuda", "bfloat16")):
        tensors = [x.to(device, dtype).requires_grad_() for x in start]
        optimizer = getattr(optim, kind)(tensors, lr=0.05)
        for p in tensors:
            p.grad = (p.detach() * 0.5).to(dtype)
        cuda.reset()
        optimizer.step()
        results.append([values(p.cpu()) for p in tensors])
    assert cuda.launches in (1, 0)
    for want, got in zip(*results, strict=True):
        np.testing.assert_array_equal(got, rounded(want))


@runs_kernels
def test_kernels_round_as_numpy_does(cuda):
    x = (
        np.random.default_rng(0).standard_normal(5000).astype("f")
        * 10.0 ** np.arange(-38, 38.1, 0.0152)[:5000]
    )
    x = np.concatenate([x, [0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, 1e-40]]).astype("f")
    low = minitorch.from_numpy(x).to("bfloat16").to("cuda")
    with np.errstate(all="ignore"):
        want = minitorch.from_numpy(values(low.cpu()) * np.float32(0.7)).to("bfloat16")
        found, left = unscale([low.array], 0.7)
    assert not left
    assert not bool(found[0])
    np.testing.assert_array_equal(values(low.cpu()), values(want))


def test_a_step_on_a_gpu_waits_for_the_labels_alone_and_uploads_nothing(cuda):
    model, t = network().to("cuda"), minitorch.tensor([0, 1, 2, 3, 4, 0]).to("cuda")
    x = draw(6, 1, 8, 8, dtype=float32).to("cuda")
    optimizer, counts = optim.SGD(model, lr=0.1), []
    for _ in range(2):
        cuda.reset()
        optimizer.zero_grad()
        with autocast("cuda", "bfloat16"):
            loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        counts.append((cuda.sync, cuda.h2d))
    assert counts[1] in ((1, 0), (0, 0))


def test_sorting_puts_nan_last_as_for_other_floats():
    values = [math.nan, 1.0, -2.0, math.nan, 3.0]
    x, wide = Tensor(values, dtype=bfloat16()), Tensor(values)
    for f in (lambda x: x.sort(), lambda x: x.sort(descending=True), lambda x: x.topk(3)):
        assert f(x).indices.tolist() == f(wide).indices.tolist()
    for f in (lambda x: x.median(0), lambda x: x.kthvalue(2, 0)):
        assert f(x).indices.item() == f(wide).indices.item()
