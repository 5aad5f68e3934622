"""Draws in place from the less common distributions, and what else is written in place."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import tensor

N = 40_000


def drawn(method: str, *args: Any, dtype: str = "float64") -> np.ndarray:
    minitorch.manual_seed(0)
    x = minitorch.zeros(N, dtype=dtype)
    assert getattr(x, method)(*args) is x
    return x.numpy()


def close_to(x: np.ndarray, mean: float, std: float) -> None:
    assert abs(x.mean() - mean) < 5 * std / math.sqrt(N)
    assert x.std() == pytest.approx(std, rel=0.1)


def follows(x: np.ndarray, cdf: Callable) -> None:
    """Kolmogorov and Smirnov: the share of the draws below each is never far from the cdf."""
    x = np.sort(x)
    assert np.abs(np.arange(N) / N - cdf(x)).max() < 2 / math.sqrt(N)


def test_exponential_draws():
    x = drawn("exponential_", 2.0)
    close_to(x, 0.5, 0.5)
    follows(x, lambda x: -np.expm1(-2 * x))
    assert x.min() >= 0


def test_cauchy_draws():
    follows(drawn("cauchy_", 1.0, 3.0), lambda x: np.arctan((x - 1) / 3) / math.pi + 0.5)


def test_geometric_draws_count_the_tries():
    x = drawn("geometric_", 0.25)
    close_to(x, 4, math.sqrt(0.75) / 0.25)
    assert x.min() == 1
    assert (x == np.floor(x)).all()
    assert (x == 1).mean() == pytest.approx(0.25, abs=0.02)
    assert drawn("geometric_", 0.25, dtype="int64").min() == 1


def test_log_normal_draws():
    close_to(np.log(drawn("log_normal_", 0.5, 0.2)), 0.5, 0.2)
    close_to(np.log(drawn("log_normal_")), 1, 2)


def test_random_draws_integers():
    x = drawn("random_", 3, 7)
    assert sorted(set(x.tolist())) == [3, 4, 5, 6]
    assert (x == 3).mean() == pytest.approx(0.25, abs=0.02)
    assert set(drawn("random_", 3, dtype="int64").tolist()) == {0, 1, 2}
    assert drawn("random_", dtype="uint8").max() == 255
    assert 2**63 > drawn("random_", dtype="int64").max() > 2**62
    assert 2**23 < drawn("random_", dtype="float32").max() <= 2**24
    assert set(drawn("random_", dtype="bool").tolist()) == {False, True}


def test_poisson_draws():
    minitorch.manual_seed(0)
    rates = tensor([[0.0], [4.0]]).expand(2, N)
    none, some = minitorch.poisson(rates).numpy()
    assert not none.any()
    close_to(some, 4, 2)


@pytest.mark.parametrize("method", ["exponential_", "cauchy_", "log_normal_", "random_"])
def test_draws_are_the_streams_on_every_device(method: str, cuda: Any):
    def draw(device: str) -> np.ndarray:
        stream = minitorch.Generator().manual_seed(7)
        x = minitorch.zeros(2, 3, device=device)
        return getattr(x, method)(generator=stream).cpu().numpy()

    np.testing.assert_array_equal(draw("cpu"), draw("cuda"))


def test_a_draw_on_the_tape_is_a_new_constant():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y * y
    y.exponential_()
    assert not y.requires_grad
    z.sum().backward()  # what saved the old values still has them
    assert x.grad.tolist() == [8, 16]


def test_a_draw_of_a_meta_leaves_the_stream_where_it_is():
    before = minitorch.get_rng_state()
    assert minitorch.zeros(2, device="meta").exponential_().is_meta
    assert minitorch.poisson(minitorch.zeros(2, device="meta")).shape == (2,)
    assert minitorch.get_rng_state() == before


def test_a_compiled_step_draws_anew():
    minitorch.manual_seed(0)
    step = minitorch.compile(lambda x: minitorch.zeros_like(x).exponential_() + x)
    x = minitorch.zeros(4)
    seen = {step(x).numpy().tobytes() for _ in range(6)}
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("draw", "error", "text"),
    [
        (lambda x: x.exponential_(0), ValueError, "exponential_: lambd must be above 0, got 0"),
        (lambda x: x.cauchy_(0, -1), ValueError, "cauchy_: sigma must be above 0, got -1"),
        (lambda x: x.log_normal_(0, 0), ValueError, "log_normal_: std must be above 0, got 0"),
        (
            lambda x: x.geometric_(1.5),
            ValueError,
            "geometric_: p must lie between 0 and 1, got 1.5",
        ),
        (lambda x: x.random_(3, 3), ValueError, "random_: from 3 up to 3 holds no integer"),
        (lambda x: x.random_(0), ValueError, "from 0 up to 0"),
        (lambda x: x.long().exponential_(), TypeError, "exponential_: .* int64 cannot hold"),
        (lambda x: x.random_(2.5), TypeError, "float.* as an integer"),
        (
            lambda x: x.byte().random_(1000),
            ValueError,
            "random_: from 0 up to 1000, but uint8 holds 0 to 255",
        ),
        (lambda x: x.bool().random_(5), ValueError, "up to 5, but bool holds 0 to 1"),
        (lambda x: minitorch.poisson(x - 1), ValueError, "poisson: rates .* 0 and .*, got -1"),
        (lambda x: minitorch.poisson(x / 0), ValueError, "poisson: rates must lie .*, got nan"),
        (lambda x: minitorch.poisson(x + 1e30), ValueError, r"poisson: rates .*, got 1e\+30"),
    ],
)
def test_impossible_draws_raise_and_change_nothing(
    draw: Callable, error: type[Exception], text: str
):
    x = minitorch.zeros(3)
    with pytest.raises(error, match=text):
        draw(x)
    assert x.tolist() == [0, 0, 0]


def test_integers_may_fill_the_whole_range_of_a_dtype():
    minitorch.manual_seed(0)
    x = minitorch.zeros(2000, dtype="int8").random_(-128, 128)
    assert (x.min().item(), x.max().item()) == (-128, 127)


# fill_diagonal_ ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 3), (2, 2, 2)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal_is_torchs(shape: tuple[int, ...], wrap: bool):
    torch = pytest.importorskip("torch")
    want = torch.zeros(shape).fill_diagonal_(5, wrap).numpy()
    np.testing.assert_array_equal(minitorch.zeros(shape).fill_diagonal_(5, wrap).numpy(), want)


def test_fill_diagonal_passes_no_gradient_to_what_it_replaces():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x * 1
    y.fill_diagonal_(0)
    y.sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


def test_fill_diagonal_on_a_gpu(cuda: Any):
    x = minitorch.ones(2, 3, device="cuda").fill_diagonal_(0)
    assert x.cpu().tolist() == [[0, 1, 1], [1, 0, 1]]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_fill_diagonal_needs_a_diagonal(shape: tuple[int, ...]):
    with pytest.raises(minitorch.ShapeError, match=r"fill_diagonal_: shape .* no main diagonal"):
        minitorch.zeros(shape).fill_diagonal_(1)


# names ------------------------------------------------------------------------------------------


def test_a_tensor_of_sizes_names_the_way_to_write_it():
    with pytest.raises(TypeError, match=r"got Tensor\(2, 3\); write minitorch\.empty\(2, 3\)"):
        minitorch.Tensor(2, 3)
    with pytest.raises(TypeError, match=r"minitorch\.empty\(2, 3, 4\)"):
        minitorch.Tensor(2, 3, 4)


def test_the_version_is_the_packages_and_costs_an_import_nothing():
    from importlib.metadata import PackageNotFoundError, version

    try:
        want = version("minitorch-lessons")
    except PackageNotFoundError:
        want = "0+unknown"
    assert minitorch.__version__ == want
    code = "import sys, minitorch; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
