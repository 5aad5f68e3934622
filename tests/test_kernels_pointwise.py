"""The kernels of gelu, dropout, softmax and cross-entropy compute what NumPy's words do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor
from minitorch.kernels import words_only
from minitorch.ops import cross_entropy, dropout, smooth, softmax
from minitorch.ops.labels import _looked_at
from minitorch.ops.targets import index_of
from minitorch.random import Generator
from tests.kernelwise import DTYPES, agree, channels_last, draw, runs_kernels, up

pytestmark = runs_kernels

SHAPES = [(), (1,), (300,), (7, 40), (2, 3, 8, 9)]
CLOSE = {"float16": 4e-3, "float32": 4e-6, "float64": 1e-12}


# one number at a time ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gelu_and_its_gradient_are_a_launch_each(cuda, shape: tuple, approximate: str, dtype: str):
    x, g = 3 * draw(*shape, dtype=dtype), draw(*shape, dtype=dtype, seed=1)
    x = np.asarray(x, dtype)
    close = {"rtol": CLOSE[dtype], "atol": CLOSE[dtype]}
    agree(cuda, smooth._gelu, x, approximate, launches=1, **close)
    agree(cuda, smooth._gelu_x, g, x, approximate, launches=1, **close)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_exact_at_the_extremes(cuda, approximate: str):
    x = np.array([-np.inf, -1000, -20, -0.0, 0, 20, 1000, np.nan], np.float32)
    y = smooth._gelu(up(x), approximate).get()
    np.testing.assert_array_equal(y[2:], np.array([0, 0, 0, 20, 1000, np.nan], np.float32))
    with words_only():
        np.testing.assert_array_equal(smooth._gelu(up(x), approximate).get(), y)


def test_layouts_are_kept_and_a_gradient_that_lies_otherwise_is_brought_into_line(cuda):
    x, g = channels_last(draw(3, 4, 5, 6)), draw(3, 4, 5, 6, seed=1)
    assert agree(cuda, smooth._gelu, x, "none").strides == up(x).strides
    for a, b in ((g, x), (x, g), (x[:, ::2], g[:, 1::2]), (x.T, x.T)):
        agree(cuda, smooth._gelu_x, a, b, "none", launches=1, rtol=4e-6, atol=4e-6)


# dropout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 2, 5])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 255, 8193, 100_001])
def test_a_gpu_draws_the_very_numbers_of_the_hosts_stream(cuda, size: int, before: int):
    host, device = Generator().manual_seed(3), Generator().manual_seed(3)
    for stream in (host, device):
        stream.uniform((before,), np.dtype("float32"))  # an odd number leaves half a state
    like = np.zeros(1, "float32")
    want = dropout._drawn(like, 0.3, (size,), 1 / 0.7, host)
    like = up(like)
    cuda.reset()
    found = dropout._drawn(like, 0.3, (size,), 1 / 0.7, device)
    if type(cuda).__name__ == "Counters":
        assert (cuda.launches, cuda.sync, cuda.h2d) == (size > 0, 0, 0)
    np.testing.assert_array_equal(found.get(), want)
    assert device.get_state() == host.get_state()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.0, 0.5, 0.9, 1.0])
def test_masks_come_in_every_dtype(cuda, p: float, dtype: str):
    like = np.zeros(1, dtype)
    streams = Generator().manual_seed(0), Generator().manual_seed(0)
    want = dropout._drawn(like, p, (4, 50), 1.25, streams[0])
    found = dropout._drawn(up(like), p, (4, 50), 1.25, streams[1])
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.get(), want)


def test_dropout_uploads_nothing_and_drops_the_same_as_on_the_cpu(cuda):
    results = []
    for where in ("cpu", "cuda"):
        minitorch.manual_seed(5)
        x = minitorch.from_numpy(draw(30, 40)).to(where).requires_grad_()
        cuda.reset()
        y = F.dropout(x, 0.4)
        uploads = cuda.h2d
        y.sum().backward()
        results.append((y.detach().cpu().numpy(), x.grad.cpu().numpy()))
    assert uploads == 0
    np.testing.assert_array_equal(results[0], results[1])


def test_a_stream_of_another_kind_is_drawn_on_the_host(cuda):
    class Ones(Generator):
        def uniform(self, shape, dtype):
            return np.ones(shape, dtype)

    other, like = Generator(), up(np.zeros(1, "float32"))
    other.numpy = np.random.Generator(np.random.Philox(0))
    assert dropout._drawn(like, 0.5, (3, 4), 2.0, other).shape == (3, 4)
    assert dropout._drawn(like, 0.5, (3, 4), 2.0, Ones()).get().min() == 2
    assert getattr(cuda, "launches", 0) == 0


# rows -------------------------------------------------------------------------------------------

ROWS = [((7,), 0), ((3, 5), 1), ((3, 5), -1), ((9, 40), 1), ((2, 1000), 1), ((4, 5), 0)]
ROWS += [((2, 6, 3, 4), 1), ((2, 3, 300), -1), ((5, 1), 1)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "dim"), ROWS)
def test_softmax_and_log_softmax_are_a_launch_each_way(cuda, shape: tuple, dim: int, dtype: str):
    x, g = (4 * draw(*shape)).astype(dtype), draw(*shape, dtype=dtype, seed=1)
    close = {"rtol": 5 * CLOSE[dtype], "atol": 5 * CLOSE[dtype], "launches": 1}
    for forward, backward in (
        (softmax._softmax, softmax._softmax_gradient),
        (softmax._log_softmax, softmax._log_softmax_gradient),
    ):
        agree(cuda, forward, x, dim, **close)
        agree(cuda, backward, g, forward(x, dim), dim, **close)
        agree(cuda, forward, x.T, -1 if dim == 0 else 0, **close)  # lies otherwise


def test_softmax_is_safe_at_the_extremes(cuda):
    x = np.array([[1000, 0, -1000], [-np.inf, 0, 0], [-np.inf] * 3, [0, np.inf, 0], [0, np.nan, 0]])
    with np.errstate(all="ignore"):
        for f in (softmax._softmax, softmax._log_softmax):
            agree(cuda, f, x.astype("float32"), 1, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 5), (3, 300), (2, 5, 3), (2, 5, 3, 4), (5,), (1, 1)])
def test_the_loss_of_labels_is_one_launch_and_its_gradient_another(cuda, shape: tuple, dtype: str):
    x, dim = 3 * draw(*shape, dtype=dtype), 1 if len(shape) > 1 else 0
    x = x.astype(dtype)
    rest = (*shape[:dim], *shape[dim + 1 :])
    labels = np.asarray(np.random.default_rng(0).integers(0, shape[dim], rest))

    close = {"rtol": 5 * CLOSE[dtype], "atol": 5 * CLOSE[dtype]}
    places = index_of(labels, dim, x)
    want = [np.asarray(a) for a in cross_entropy._of_labels(x, places, dim)]
    given = up(x)
    places = index_of(up(labels), dim, given)
    cuda.reset()
    found, e, total = cross_entropy._of_labels(given, places, dim)
    if type(cuda).__name__ == "Counters":
        assert (cuda.launches, cuda.sync, cuda.h2d) == (1, 0, 0)
    np.testing.assert_allclose(found.get(), want[0], **close)
    np.testing.assert_allclose((e / total).get(), want[1] / want[2], **close)
    p = np.exp(x - x.max(axis=dim, keepdims=True))
    p /= p.sum(axis=dim, keepdims=True)
    hot = np.moveaxis(np.eye(shape[dim], dtype=dtype)[labels], -1, dim)
    for s in (np.asarray(0.25, dtype), draw(*total.shape, dtype=dtype, seed=2)):
        g = cross_entropy._less_labels(e, up(s), total, places, dim).get()
        np.testing.assert_allclose(g, s * (p - hot), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 5), (3, 300), (2, 5, 3), (2, 5, 3, 4), (5,), (1, 1)])
def test_the_loss_of_shares_is_one_launch_and_its_gradient_another(cuda, shape: tuple, dtype: str):
    x, dim = (3 * draw(*shape, dtype=dtype)).astype(dtype), 1 if len(shape) > 1 else 0
    a = abs(draw(*shape, dtype=dtype, seed=1)).astype(dtype)
    a *= a > 0.5  # some have no share
    close = {"rtol": 9 * CLOSE[dtype], "atol": 9 * CLOSE[dtype]}
    want = [np.asarray(part) for part in cross_entropy._of_shares(x, a, dim)]
    given, shares = up(x), up(a)
    cuda.reset()
    found, e, total = cross_entropy._of_shares(given, shares, dim)
    if type(cuda).__name__ == "Counters":
        assert (cuda.launches, cuda.sync, cuda.h2d) == (1, 0, 0)
    np.testing.assert_allclose(found.get(), want[0], **close)
    np.testing.assert_allclose((e / total).get(), want[1] / want[2], **close)
    for s in (np.asarray(0.25, dtype), draw(*total.shape, dtype=dtype, seed=2)):
        slope = cross_entropy._less_shares(want[1], s, a, want[2].reshape(total.shape), dim)
        agree(
            cuda,
            lambda e, s, a, total: cross_entropy._less_shares(e, s, a, total, dim),
            *(e.get(), s, a, total.get()),
            launches=1,
            **close,
        )
        got = cross_entropy._less_shares(e, up(s), shares, total, dim).get()
        np.testing.assert_allclose(got, slope, **close)


def test_a_class_without_a_share_is_left_out_also_where_its_logit_is_minus_infinity(cuda):
    x = np.array([[0.0, -np.inf, 0.0], [0.0, -np.inf, 0.0]], np.float32)
    a = np.array([[0.5, 0.0, 0.5], [0.5, 0.5, 0.0]], np.float32)
    loss = cross_entropy._of_shares(up(x), up(a), 1)[0].get()
    np.testing.assert_allclose(loss, [math.log(2), math.inf], rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3), (5,), (1, 1)])
def test_labels_are_marked_in_a_launch(cuda, shape: tuple):
    dim = 1 if len(shape) > 1 else 0
    labels = np.asarray(np.random.default_rng(0).integers(0, 5, (*shape[:dim], *shape[dim + 1 :])))
    labels = np.minimum(labels, shape[dim] - 1)
    like = up(draw(*shape))
    places = index_of(up(labels), dim, like)
    cuda.reset()
    found = cross_entropy._marked(like, places, dim)
    assert getattr(cuda, "launches", 0) in (0, 1)
    hot = np.moveaxis(np.eye(shape[dim], dtype="float32")[labels], -1, dim)
    np.testing.assert_array_equal(found.get(), hot)


def test_probabilities_and_smoothed_labels_are_a_handful_of_launches(cuda):
    x = minitorch.from_numpy(draw(6, 5)).to("cuda").requires_grad_()
    q = minitorch.from_numpy(draw(6, 5, seed=1)).softmax(1).to("cuda")
    labels = minitorch.from_numpy(np.arange(6) % 5).to("cuda")
    launches = []
    for target, smoothing in ((q, 0.0), (labels, 0.1)):
        cuda.reset()
        F.cross_entropy(x, target, label_smoothing=smoothing).backward()
        launches.append(cuda.launches)
    # the loss, its gradient; and for labels a look at them, and the marks, twice
    assert launches in ([2, 5], [0, 0])


OPTIONS: list[dict[str, Any]] = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"ignore_index": 2},
    {"weight": [1.0, 2.0, 0.5, 1.0, 3.0]},
    {"label_smoothing": 0.2},
    {"weight": [1.0, 2.0, 0.5, 1.0, 3.0], "ignore_index": 2, "label_smoothing": 0.1},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3)])
def test_cross_entropy_agrees_with_the_cpu_to_the_second_order(cuda, shape: tuple, options: dict):
    labels = np.random.default_rng(0).integers(0, 5, (shape[0], *shape[2:]))
    results = []
    for where in ("cpu", "cuda"):
        given = dict(options)
        if "weight" in given:
            given["weight"] = minitorch.tensor(given["weight"], dtype="float64").to(where)
        x = minitorch.from_numpy(draw(*shape, dtype="float64")).to(where).requires_grad_()
        loss = F.cross_entropy(x, minitorch.from_numpy(labels).to(where), **given)
        (g,) = minitorch.autograd.grad((loss * loss).sum(), [x], create_graph=True)
        (h,) = minitorch.autograd.grad((g * g).sum(), [x])
        results.append([t.detach().cpu().numpy() for t in (loss, g, h)])
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)


def test_a_mean_loss_of_labels_is_three_launches_of_a_step(cuda):
    x = minitorch.from_numpy(draw(64, 10)).to("cuda").requires_grad_()
    labels = minitorch.from_numpy(np.arange(64) % 10).to("cuda")
    cuda.reset()
    loss: Tensor = F.cross_entropy(x, labels)
    loss.backward()
    assert getattr(cuda, "launches", 0) in (0, 3)
    assert math.isfinite(loss.item())


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_labels_are_looked_at_by_one_launch(cuda, size: int, dtype: str):
    labels = (np.arange(size) * 7 % 13).astype(dtype)
    for C, ignore_index in ((13, -100), (10, 3), (1, 0), (13, 2)):
        given = up(labels)
        cuda.reset()
        found = _looked_at(given, C, ignore_index)
        if type(cuda).__name__ == "Counters":
            assert (cuda.launches, cuda.sync, cuda.h2d) == (1, 0, 0)
        assert int(found) == int(_looked_at(labels, C, ignore_index))
