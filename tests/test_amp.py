"""Autocast: which ops compute in float16 and which in float32, and whose gradients are float32."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, autocast, float16, float32, nn
from minitorch.dtypes import _bfloat16
from minitorch.op import REGISTRY
from minitorch.tape import casting
from minitorch.utils.checkpoint import checkpoint
from tests.rows import ROWS
from tests.table import Row, is_float
from tests.test_table import IDS, parts, run


def draw(*shape: int, dtype: str = "float32", grad: bool = False) -> Tensor:
    x = np.random.default_rng(shape).standard_normal(shape).astype(dtype)
    return minitorch.tensor(x, requires_grad=grad)


# which op computes in what ----------------------------------------------------------------------

LOW: dict[str, Callable[..., Any]] = {
    "matmul": lambda m, v: m @ m,
    "mm": lambda m, v: minitorch.mm(m, m),
    "mv": lambda m, v: minitorch.mv(m, v),
    "dot": lambda m, v: minitorch.dot(v, v),
    "bmm": lambda m, v: minitorch.bmm(m[None], m[None]),
    "addmm": lambda m, v: minitorch.addmm(m, m, m),
    "addmv": lambda m, v: minitorch.addmv(v, m, v),
    "baddbmm": lambda m, v: minitorch.baddbmm(m[None], m[None], m[None]),
    "addbmm": lambda m, v: minitorch.addbmm(m, m[None], m[None]),
    "addr": lambda m, v: minitorch.addr(m, v, v),
    "chain_matmul": lambda m, v: minitorch.chain_matmul(m, m, m),
    "einsum": lambda m, v: minitorch.einsum("ij,jk->ik", m, m),
    "linear": lambda m, v: F.linear(m, m, v),
    "conv1d": lambda m, v: F.conv1d(m[None], m[:, :, None], v),
    "conv2d": lambda m, v: F.conv2d(m[None, :, :, None], m[:, :, None, None], v),
    "conv_transpose2d": lambda m, v: F.conv_transpose2d(
        m[None, :, :, None], m[:, :, None, None], v
    ),
    "attention": lambda m, v: F.scaled_dot_product_attention(m[None], m[None], m[None]),
    "prelu": lambda m, v: F.prelu(m, v[:1]),
}

STEEP = (
    *("exp", "expm1", "log", "log2", "log10", "log1p", "reciprocal", "rsqrt", "tan", "asin"),
    *("acos", "sinh", "cosh"),
)

HIGH: dict[str, Callable[..., Any]] = {
    **{name: lambda m, v, name=name: getattr(m.abs() * 0.5, name)() for name in STEEP},
    "pow": lambda m, v: m**2,
    "softplus": lambda m, v: F.softplus(m),
    "softmax": lambda m, v: m.softmax(1),
    "log_softmax": lambda m, v: m.log_softmax(1),
    "logsumexp": lambda m, v: m.logsumexp(1),
    "sum": lambda m, v: m.sum(),
    "prod": lambda m, v: m.prod(0),
    "cumsum": lambda m, v: m.cumsum(0),
    "cumprod": lambda m, v: m.cumprod(0),
    "norm": lambda m, v: m.norm(),
    "layer_norm": lambda m, v: F.layer_norm(m, (4,)),
    "group_norm": lambda m, v: F.group_norm(m, 2),
    "cross_entropy": lambda m, v: F.cross_entropy(m, minitorch.tensor([0, 1, 2, 3])),
    "nll_loss": lambda m, v: F.nll_loss(-m.abs(), minitorch.tensor([0, 1, 2, 3])),
    "mse_loss": lambda m, v: F.mse_loss(m, m * 2),
    "l1_loss": lambda m, v: F.l1_loss(m, m * 2),
    "smooth_l1_loss": lambda m, v: F.smooth_l1_loss(m, m * 2),
    "huber_loss": lambda m, v: F.huber_loss(m, m * 2),
    "kl_div": lambda m, v: F.kl_div(m, m.abs()),
    "bce_logits": lambda m, v: F.binary_cross_entropy_with_logits(m, m.sigmoid()),
    "cosine_similarity": lambda m, v: F.cosine_similarity(m, m * 2),
    "margin_ranking_loss": lambda m, v: F.margin_ranking_loss(v, v * 2, v.sign()),
    "soft_margin_loss": lambda m, v: F.soft_margin_loss(v, v.sign()),
}

KEPT: dict[str, Callable[..., Any]] = {
    "relu": lambda m, v: m.relu(),
    "tanh": lambda m, v: m.tanh(),
    "gelu": lambda m, v: F.gelu(m),
    "add": lambda m, v: m + v,
    "mul": lambda m, v: m * 2,
    "mean": lambda m, v: m.mean(),
    "reshape": lambda m, v: m.reshape(-1),
    "max_pool": lambda m, v: F.max_pool2d(m[None, None], 2),
    "batch_norm": lambda m, v: F.batch_norm(m, None, None, training=True),
    "cat": lambda m, v: minitorch.cat([m, m]),
}


@pytest.mark.parametrize("name", LOW)
def test_a_product_is_float16(name: str):
    with autocast("cpu"):
        assert LOW[name](draw(4, 4), draw(4)).dtype == float16
        assert LOW[name](draw(4, 4), draw(4, dtype="float16")).dtype == float16


@pytest.mark.parametrize("name", HIGH)
def test_what_is_sensitive_is_float32(name: str):
    with autocast("cpu"):
        y = HIGH[name](draw(4, 4, dtype="float16"), draw(4, dtype="float16"))
    assert y.dtype == float32


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_rest_computes_in_what_it_is_given(name: str, dtype: str):
    with autocast("cpu"):
        y = KEPT[name](draw(4, 4, dtype=dtype), draw(4, dtype=dtype))
    assert y.dtype == dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b,
        lambda a, b: minitorch.cat([a, b]),
        lambda a, b: minitorch.stack([a, b]),
        lambda a, b: minitorch.where(a > 0, a, b),
        lambda a, b: minitorch.addcmul(a, a, b),
        lambda a, b: minitorch.atan2(a, b),
    ],
)
def test_where_dtypes_meet_the_wider_is_taken_and_nothing_is_said(f: Callable, monkeypatch):
    monkeypatch.setattr(minitorch.call, "said", set())
    with autocast("cpu"), warnings.catch_warnings():
        warnings.simplefilter("error")
        for first, second in (("float16", "float32"), ("float32", "float16")):
            assert f(draw(3, dtype=first), draw(3, dtype=second)).dtype == float32


def test_float64_and_integers_are_left_alone():
    with autocast("cpu"):
        assert (draw(3, 3, dtype="float64") @ draw(3, 3, dtype="float64")).dtype == np.float64
        assert draw(3, dtype="float64").exp().dtype == np.float64
        assert minitorch.tensor([1, 2]).sum().dtype == np.int64
        assert (minitorch.tensor([[1, 2]]) @ minitorch.tensor([1, 2])).dtype == np.int64


def test_arrays_beside_a_tensor_are_cast_and_arrays_alone_are_not():
    a = np.ones((2, 2), np.float32)
    with autocast("cpu"):
        assert (minitorch.ones(2, 2) @ a).dtype == float16
        assert minitorch.matmul(a, a).dtype == np.float32


def test_a_dtype_that_is_asked_for_is_given():
    with autocast("cpu"):
        assert draw(4).sum(dtype=minitorch.float64).dtype == np.float64
        assert draw(4).softmax(0, dtype=float16).dtype == float16


@pytest.mark.parametrize("kind", ["low", "high"])
def test_torch_computes_in_the_same_dtypes(kind: str):
    torch = pytest.importorskip("torch")
    # What torch's list for the CPU lacks and its list for CUDA has; prelu, the other way round.
    only_cuda = {
        *STEEP,
        "pow",
        "softplus",
        "softmax",
        "log_softmax",
        "logsumexp",
        "sum",
        "cumsum",
        "norm",
    }
    only_cuda |= {"cumprod", "layer_norm", "group_norm", "cross_entropy", "l1_loss", "prelu"}
    only_cuda |= {
        "cosine_similarity",
        "soft_margin_loss",
        "bce_logits",
        "addmv",
        "mv",
        "dot",
        "addr",
    }
    m = torch.randn(4, 4)
    found = {
        "matmul": lambda: m @ m,
        "mm": lambda: torch.mm(m, m),
        "bmm": lambda: torch.bmm(m[None], m[None]),
        "addmm": lambda: torch.addmm(m, m, m),
        "baddbmm": lambda: torch.baddbmm(m[None], m[None], m[None]),
        "addbmm": lambda: torch.addbmm(m, m[None], m[None]),
        "chain_matmul": lambda: torch.linalg.multi_dot([m, m, m]),
        "einsum": lambda: torch.einsum("ij,jk->ik", m, m),
        "linear": lambda: torch.nn.functional.linear(m, m, m[0]),
        "conv1d": lambda: torch.nn.functional.conv1d(m[None], m[:, :, None]),
        "conv2d": lambda: torch.nn.functional.conv2d(m[None, ..., None], m[..., None, None]),
        "conv_transpose2d": lambda: torch.nn.functional.conv_transpose2d(
            m[None, ..., None], m[..., None, None]
        ),
        "attention": lambda: torch.nn.functional.scaled_dot_product_attention(
            m[None], m[None], m[None]
        ),
        "prod": lambda: m.half().prod(0),
        "nll_loss": lambda: torch.nn.functional.nll_loss(m.half(), torch.tensor([0, 1, 2, 3])),
        "mse_loss": lambda: torch.nn.functional.mse_loss(m.half(), m.half()),
        "kl_div": lambda: torch.nn.functional.kl_div(m.half(), m.half().abs(), reduction="sum"),
        "smooth_l1_loss": lambda: torch.nn.functional.smooth_l1_loss(m.half(), m.half()),
        "huber_loss": lambda: torch.nn.functional.huber_loss(m.half(), m.half()),
        "margin_ranking_loss": lambda: torch.nn.functional.margin_ranking_loss(
            m[0].half(), m[1].half(), m[2].sign().half()
        ),
    }
    ours = LOW if kind == "low" else HIGH
    checked = ours.keys() & found.keys()
    assert checked | only_cuda >= ours.keys()
    with torch.autocast("cpu", dtype=torch.float16):
        for name in checked:
            assert found[name]().dtype == (torch.float16 if kind == "low" else torch.float32), name


# every op ---------------------------------------------------------------------------------------

# Whole steps, which the rounding of an input may cross.
STEPS = {"floor_divide", "remainder", "fmod"}


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_every_op_runs_inside_with_gradients_in_the_dtypes_of_its_inputs(row: Row):
    if row.moves or row.op in STEPS:
        pytest.skip("its values move with the dtype")

    def results(dtype: str) -> tuple[list, list]:
        args = tuple(
            Tensor(a.astype(dtype), requires_grad=i in row.wanted) if is_float(a) else a
            for i, a in enumerate(row.args)
        )
        ys = parts(run(row, args))
        if summed := [y.float().sum() for y in ys if y.requires_grad]:
            reduce(lambda a, b: a + b, summed).backward()
        return ys, [args[i].grad for i in row.wanted]

    wants, slopes = results("float64")
    for dtype in ("float32", "float16"):
        with autocast("cpu"):
            ys, grads = results(dtype)
        for y, want in zip(ys, wants):
            assert y.dtype.kind != "f" or y.dtype in (float16, float32)
            assert y.shape == want.shape
            np.testing.assert_allclose(
                y.detach().numpy().astype("float64"), want.detach().numpy(), 0.03, 0.03
            )
        for g, slope in zip(grads, slopes):
            if g is not None:
                assert g.dtype == dtype
                np.testing.assert_allclose(
                    g.numpy().astype("float64"), slope.numpy(), rtol=0.05, atol=0.05
                )


def test_ops_that_are_not_concerned_pay_nothing_and_the_others_ask_a_list():
    for op in REGISTRY.values():
        assert ("casting" in op.source) == (op.autocast is not None)
    assert "if casting and " in minitorch.matmul.op.source
    assert casting == []
    with autocast("cpu"):
        assert len(casting) == 1
    assert casting == []


def test_composites_that_are_sensitive_are_cast_before_they_begin():
    x = minitorch.full((1000,), 300.0, dtype=float16)  # whose squares overflow
    assert not np.isfinite((x * x).numpy()).any()
    with autocast("cpu"):
        assert F.cosine_similarity(x, x, dim=0).item() == pytest.approx(1.0)


# weights ----------------------------------------------------------------------------------------


def test_gradients_of_float32_weights_are_float32_and_close():
    layer, x = nn.Linear(6, 3), draw(5, 6)
    F.mse_loss(layer(x), minitorch.zeros(5, 3)).backward()
    wants = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    with autocast("cpu"):
        y = layer(x)
        loss = F.mse_loss(y, minitorch.zeros(5, 3))
    assert (y.dtype, loss.dtype) == (float16, float32)
    loss.backward()
    for p, want in zip(layer.parameters(), wants):
        assert p.grad.dtype == p.dtype == float32
        np.testing.assert_allclose(p.grad.numpy(), want, rtol=5e-3, atol=2e-3)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every array of a leaf that `autocast` casts, as it is cast."""
    made = []
    casts = minitorch.casting.Casts
    true = casts._of_leaf

    def of_leaf(self: Any, leaf: Tensor, dtype: Any) -> Any:
        y = true(self, leaf, dtype)
        if not any(y is other for other in made):
            made.append(y)
        return y

    monkeypatch.setattr(casts, "_of_leaf", of_leaf)
    return made


def test_a_weight_is_cast_once_however_often_it_is_used(monkeypatch):
    made, w = counted(monkeypatch), draw(3, 3, grad=True)
    with autocast("cpu"):
        y = draw(2, 3)
        for _ in range(4):
            y = y @ w
        assert len(made) == 1
        y.sum().backward()
    with autocast("cpu"):
        draw(2, 3) @ w
    assert len(made) == 2  # the outermost block has ended
    with autocast("cpu", cache_enabled=False):
        draw(2, 3) @ w @ w
    assert len(made) == 2
    h = draw(2, 3)
    for _ in range(4):
        h = (h.half() @ w.half()).float()
    want = minitorch.autograd.grad(h.sum(), w)
    np.testing.assert_allclose(w.grad.numpy(), want[0].numpy(), rtol=0.02, atol=0.02)


def test_a_weight_that_was_written_is_cast_again():
    w, x = minitorch.ones(2, 2, requires_grad=True), minitorch.ones(1, 2)
    with autocast("cpu"):
        assert (x @ w).tolist() == [[2, 2]]
        with minitorch.no_grad():
            w += 1
        assert (x @ w).tolist() == [[4, 4]]
        w.data = minitorch.zeros(2, 2)
        assert (x @ w).tolist() == [[0, 0]]


def test_what_was_cast_without_a_tape_serves_with_one():
    w, x = minitorch.ones(2, 2, requires_grad=True), minitorch.ones(1, 2)
    with autocast("cpu"):
        with minitorch.no_grad():
            x @ w
        (x @ w).sum().backward()
    assert w.grad.tolist() == [[1, 1], [1, 1]]


def test_two_losses_of_one_block_go_backward_one_after_the_other():
    w, x = minitorch.ones(2, 2, requires_grad=True), minitorch.ones(1, 2)
    with autocast("cpu"):
        a, b = (x @ w).sum(), (2 * x @ w).sum()
    a.backward()
    b.backward()
    assert w.grad.tolist() == [[3, 3], [3, 3]]


def test_nothing_is_kept_after_the_block():
    w = draw(3, 3, grad=True)
    gone = weakref.ref(w)
    with autocast("cpu"):
        draw(2, 3) @ w
    gc.disable()
    try:
        del w
        assert gone() is None
    finally:
        gc.enable()


# where it holds ---------------------------------------------------------------------------------


def product() -> Any:
    return (minitorch.ones(2, 2) @ minitorch.ones(2, 2)).dtype


def test_blocks_nest_and_are_put_back_whatever_happens():
    assert product() == float32
    with autocast("cpu"):
        assert product() == float16
        with autocast("cpu", enabled=False):
            assert product() == float32
            with autocast("cpu"):
                assert product() == float16
            assert product() == float32
        with pytest.raises(KeyError), autocast("cpu"):
            raise KeyError
        assert product() == float16
    assert product() == float32


def test_it_is_a_decorator_and_can_be_used_again():
    @autocast("cpu")
    def inside() -> Any:
        return product()

    again = autocast("cpu")
    for _ in range(2):
        with again, again:
            assert product() == float16
        assert product() == float32
    assert inside() == float16
    assert product() == float32


def test_no_grad_and_its_like_leave_it_on():
    for switch in (minitorch.no_grad(), minitorch.enable_grad(), minitorch.inference_mode()):
        with autocast("cpu"), switch:
            assert product() == float16
    with autocast("cpu"), minitorch.tape() as tape, minitorch.detect_anomaly():
        (draw(2, 2, grad=True) @ draw(2, 2)).sum()
    assert [record.name for record in tape.records][:2] == ["cast", "matmul"]
    with autocast("cpu"):
        minitorch.set_grad_enabled(False)
        try:
            assert product() == float16
        finally:
            minitorch.set_grad_enabled(True)


def test_another_thread_is_not_concerned():
    found = []
    with autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append(product()))
        thread.start()
        thread.join()
        assert product() == float16
    assert found == [float32]


def test_a_device_is_concerned_that_was_named(cuda):
    x = minitorch.ones(2, 2, device="cuda")
    with autocast("cuda"):
        assert (x @ x).dtype == float16
        assert product() == float32
        with autocast("cpu"):
            assert (x @ x).dtype == product() == float16
    with autocast("cpu"):
        assert (x @ x).dtype == float32
    with autocast():
        assert (x @ x).dtype == float16
    with minitorch.cuda.amp.autocast():
        assert (x @ x).dtype == float16
    with minitorch.cuda.amp.autocast(False):
        assert (x @ x).dtype == float32


def test_a_step_inside_waits_for_the_labels_alone_and_uploads_nothing(cuda):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    model = nn.Sequential(model, nn.Linear(108, 5)).to("cuda")
    optimizer = minitorch.optim.SGD(model, lr=0.1, momentum=0.9)
    scaler = minitorch.amp.GradScaler()
    x = minitorch.from_numpy(np.ones((4, 1, 8, 8), "float32")).to("cuda")
    t = minitorch.tensor([0, 1, 2, 3]).to("cuda")
    counts = []
    for _ in range(3):
        cuda.reset()
        optimizer.zero_grad()
        with autocast("cuda"):
            loss = F.cross_entropy(model(x), t)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        counts.append((cuda.sync, cuda.h2d))
    # One to look at the labels, and one to learn whether the step may be made.
    assert counts[1:] in ([(2, 0)] * 2, [(0, 0)] * 2)


def test_meta_tensors_are_left_alone():
    with autocast("cpu"):
        assert (
            minitorch.ones(2, 2, device="meta") @ minitorch.ones(2, 2, device="meta")
        ).dtype == float32
        assert nn.Sequential(nn.Linear(3), nn.Linear(2)).build(4)(draw(2, 4)).dtype == float16


def test_is_autocast_enabled():
    assert not minitorch.is_autocast_enabled("cpu")
    with autocast("cpu"):
        assert minitorch.is_autocast_enabled("cpu")
        assert not minitorch.is_autocast_enabled()
        with autocast("cpu", enabled=False):
            assert not minitorch.is_autocast_enabled("cpu")


def test_wrong_arguments_say_what_is_expected():
    with pytest.raises(ValueError, match="device_type='gpu'; expected 'cpu' or 'cuda'"):
        autocast("gpu")
    with pytest.raises(ValueError, match="dtype=float64; products are cast to float16"):
        autocast("cpu", minitorch.float64)
    with pytest.raises(ValueError, match="is_autocast_enabled: device_type='tpu'"):
        minitorch.is_autocast_enabled("tpu")
    with pytest.raises(TypeError, match="generator"):

        @autocast("cpu")
        def generator() -> Any:
            yield 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: autocast("cpu", "bfloat16"),
        lambda: draw(3).to("bfloat16"),
        lambda: minitorch.zeros(3, dtype="bfloat16"),
        lambda: minitorch.bfloat16,
    ],
)
def test_bfloat16_without_its_package_says_what_to_install_or_to_use_instead(
    ask: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    _bfloat16.cache_clear()
    with pytest.raises((TypeError, ValueError, AttributeError)) as error:
        ask()
    assert "pip install ml_dtypes, or use float16" in str(error.value)
    assert not hasattr(minitorch, "bfloat16")


# backward ---------------------------------------------------------------------------------------


def test_a_backward_inside_the_block_computes_as_one_after_it():
    w, x = draw(4, 3, grad=True), draw(5, 4)
    grads = []
    for inside in (True, False):
        w.grad = None
        with autocast("cpu"):
            loss = (x @ w).softmax(1).square().sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        grads.append(w.grad.numpy().copy())
    np.testing.assert_array_equal(*grads)


def test_gradients_have_gradients():
    w, x = draw(4, 3, grad=True), draw(5, 4)

    def twice() -> np.ndarray:
        loss = (x @ w).tanh().square().sum()
        (g,) = minitorch.autograd.grad(loss, w, create_graph=True)
        assert g.dtype == float32
        return minitorch.autograd.grad((g * g).sum(), w)[0].numpy()

    want = twice()
    with autocast("cpu"):
        got = twice()
    np.testing.assert_allclose(got, want, rtol=0.05, atol=0.05 * abs(want).max())


def test_a_checkpointed_part_runs_again_as_it_ran_first():
    layer, x = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), draw(3, 4, grad=True)
    with autocast("cpu"):
        layer(x).sum().backward()
    wants = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    with autocast("cpu"):
        y = checkpoint(layer, x).sum()
    y.backward()
    for p, want in zip(layer.parameters(), wants):
        np.testing.assert_array_equal(p.grad.numpy(), want)


def test_a_function_of_the_users_own_runs_inside():
    class Double(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 2

    w = draw(3, 3, grad=True)
    with autocast("cpu"):
        Double.apply(draw(2, 3) @ w).sum().backward()
    assert w.grad.dtype == float32


# layers -----------------------------------------------------------------------------------------

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)), (4, 6)),
    "batch norm": (lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), (4, 6)),
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.Linear(5, 2)),
        (4, 6),
    ),
    "conv": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), nn.Flatten()),
        (2, 2, 6, 6),
    ),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2), (2, 2, 4, 4)),
    "embedding": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.0)), (2, 6)),
    "attention": (
        lambda: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True),
        (2, 3, 6),
    ),
    "lstm": (lambda: nn.LSTM(6, 4), (5, 2, 6)),
    "gru": (lambda: nn.GRU(6, 4), (5, 2, 6)),
    "rnn": (lambda: nn.RNN(6, 4), (5, 2, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_inside_is_close_to_itself(name: str, training: bool, monkeypatch):
    make, shape = LAYERS[name]
    layer, x = make().train(training), draw(*shape)

    def results() -> tuple[np.ndarray, list[np.ndarray]]:
        layer.zero_grad()
        y = layer(x)
        y = y[0] if isinstance(y, tuple) else y
        y.float().square().mean().backward()
        return y.detach().numpy(), [p.grad.numpy() for p in layer.parameters()]

    state = layer.state_dict()
    want, slopes = results()
    layer.load_state_dict(state)
    with autocast("cpu"):
        got, grads = results()
    assert got.dtype in (np.float16, np.float32)
    np.testing.assert_allclose(got, want, rtol=0.01, atol=0.02)
    largest = max(abs(slope).max() for slope in slopes)
    for g, slope in zip(grads, slopes, strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, slope, rtol=0.02, atol=0.02 * largest)


# sums of float16 --------------------------------------------------------------------------------

SUMS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: (x / 64).sum(0),
    "mean": lambda x: x.mean(0),
    "mean of all": lambda x: x.mean(),
    "var": lambda x: x.var(0),
    "norm": lambda x: x.norm(dim=0),
    "norm of 1": lambda x: (x / 64).norm(p=1, dim=0),
    "norm of 3": lambda x: x.norm(p=3, dim=0),
    "logsumexp": lambda x: x.logsumexp(0),
    "softmax": lambda x: x.softmax(0) * 1000,
    "log_softmax": lambda x: x.log_softmax(0),
    "mse_loss": lambda x: F.mse_loss(x, x * 0.5),
    "l1_loss": lambda x: F.l1_loss(x, x * 0.5),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x * 0.5),
    "huber_loss": lambda x: F.huber_loss(x, x * 0.5),
    "bce": lambda x: F.binary_cross_entropy(x.sigmoid(), x.sigmoid()),
    "bce_logits": lambda x: F.binary_cross_entropy_with_logits(x, x.sigmoid()),
    "cross_entropy": lambda x: F.cross_entropy(x, x.argmax(1)),
    "avg_pool": lambda x: F.avg_pool1d(x.reshape(1, 1, -1), 5000),
    "conv_bias_grad": lambda x: REGISTRY["conv_bias_grad"].call(x.T[:, None].transpose(0, 1) / 64),
}


@pytest.mark.parametrize("name", SUMS)
def test_float16_is_added_up_in_float32(name: str):
    """As a GPU does: added one by one, 2,048 plus 1 is 2,048, and 65,504 plus 32 is infinite."""
    x = np.random.default_rng(0).standard_normal((40000, 3)) + 3
    x = x.astype("float16")
    got = SUMS[name](minitorch.from_numpy(x))
    want = SUMS[name](minitorch.from_numpy(x.astype("float64"))).numpy()
    assert got.dtype == float16
    np.testing.assert_allclose(got.numpy(), want, rtol=4e-3, atol=1e-3)


def test_a_mean_of_many_float16_numbers_has_a_gradient():
    x = minitorch.ones(100_000, dtype=float16, requires_grad=True)
    (x.mean() * 1000).backward()
    np.testing.assert_allclose(x.grad.numpy(), 0.01, rtol=0.01)
    x.grad = None
    (F.mse_loss(x, minitorch.zeros(100_000)) * 1000).backward()
    np.testing.assert_allclose(x.grad.numpy(), 0.02, rtol=0.01)
    x.grad = None
    (
        F.cross_entropy(
            x.reshape(-1, 1) * minitorch.ones(1, 2, dtype=float16),
            minitorch.zeros(100_000, dtype=int),
        )
        * 1000
    ).backward()
    assert abs(x.grad.numpy()).max() < 1e-2


def test_a_mean_of_one_float16_number_along_its_only_dim():
    assert minitorch.tensor(2.0, dtype=float16).mean(0).item() == 2.0
