"""The kernels of norms compute what NumPy's words do, for every shape, layout and dtype."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch.kernels import words_only
from minitorch.ops import norm, standardize
from tests.kernelwise import DTYPES, agree, channels_last, draw, runs_kernels, up

pytestmark = runs_kernels

# (N, C, *S): one value per channel, few, more than a slice, more channels than the lanes of a block
SHAPES = [(2, 1), (3, 5), (700, 3), (2, 40), (4, 3, 5), (2, 3, 4, 5), (3, 2, 41, 43), (5, 33, 9, 7)]


def close(dtype: str) -> dict[str, float]:
    return {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_is_standardized_by_three_kernels(cuda, shape: tuple, last: bool, dtype: str):
    x = draw(*shape, dtype=dtype) * 3 + 1
    x = channels_last(x.astype(dtype)) if last else x.astype(dtype)
    small = (1, shape[1], *(1,) * (len(shape) - 2))
    w, b = draw(*small, dtype=dtype, seed=1), draw(*small, dtype=dtype, seed=2)
    for affine in ((w, b), (None, None), (w, None), (None, b)):
        eps = close(dtype)
        y, *_ = agree(cuda, norm._of_batch, x, *affine, 1e-5, launches=3, rtol=eps, atol=eps)
        assert y.strides == up(x).strides or x.size == shape[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_a_batch_norm_takes_three_kernels(
    cuda, shape: tuple, last: bool, dtype: str
):
    x, g = draw(*shape, dtype=dtype), draw(*shape, dtype=dtype, seed=3)
    x, g = (channels_last(x), channels_last(g)) if last else (x, g)
    small = (1, shape[1], *(1,) * (len(shape) - 2))
    w = draw(*small, dtype=dtype, seed=1)
    _, mu, r, _ = norm._of_batch(x, w, None, 1e-5)
    dims = (0, *range(2, len(shape)))
    eps = 20 * close(dtype)
    for weight, wanted in (
        (w, (True,) * 3),
        (None, (True, False, False)),
        (w, (False, True, True)),
    ):
        shapes = small if wanted[2] else ()
        args = (g, x, weight, mu, r, dims, True, wanted, shapes)
        agree(cuda, standardize._grads, *args, launches=2 + wanted[0], rtol=eps, atol=eps)


def test_a_gradient_that_lies_otherwise_is_brought_into_line(cuda):
    x, g = draw(3, 4, 5, 6), channels_last(draw(3, 4, 5, 6, seed=1))
    _, mu, r, _ = norm._of_batch(x, None, None, 1e-5)
    for a, b in ((g, x), (x, g), (x[:, :, ::2, 1:], g[:, :, ::2, 1:])):
        args = (None, mu, r, (0, 2, 3), True, (True, False, False), ())
        agree(cuda, standardize._grads, a, b, *args, launches=3, rtol=1e-5, atol=1e-5)


def test_a_far_mean_and_one_outlier_cost_no_digits(cuda):
    x = draw(4, 2, 50, 50, dtype="float32") + np.float32(1000)
    x[0, 0, 0, 0] = 1e6
    agree(cuda, norm._of_batch, x, None, None, 1e-5, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_statistics_move_in_one_launch_unless_something_is_not_finite(cuda, dtype: str):
    C = 300
    mean, var = draw(C, dtype=dtype), abs(draw(C, dtype=dtype, seed=1))
    mu, variance = draw(1, C, 1, dtype=dtype, seed=2), abs(draw(1, C, 1, dtype=dtype, seed=3))

    def moved(mean, var, mu, variance):
        mean, var = mean.copy(), var.copy()
        norm._move_running(mean, var, mu, variance, 10, 0.1)
        return mean, var

    found = agree(cuda, moved, mean, var, mu, variance, launches=1)
    assert abs(found[0] - up(mean)).max() > 0
    for spoiled in (mu, variance):
        spoiled[0, 277] = np.nan
        found = agree(cuda, moved, mean, var, mu, variance, launches=1)
        np.testing.assert_array_equal(found[0].get(), mean)
        spoiled[0, 277] = 1


ROWS = {
    "layer_norm": lambda x, w, b: F.layer_norm(x, (7, 9), w, b),
    "long rows": lambda x, w, b: F.layer_norm(x.reshape(3, -1), (6 * 63,), w, b),
    "rms_norm": lambda x, w, b: F.rms_norm(x, (7, 9), w) * 1.0 + 0 * b.sum(),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "plain": lambda x, w, b: F.layer_norm(x, (7, 9)) + 0 * (w.sum() + b.sum()),
}
SIZES = {"long rows": (6 * 63,), "group_norm": (6,), "instance_norm": (6,)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_norms_over_each_example_and_their_gradients_agree_with_the_cpu(cuda, name, dtype: str):
    size = SIZES.get(name, (7, 9))
    host = draw(3, 6, 7, 9, dtype=dtype), draw(*size, dtype=dtype, seed=1), draw(*size, dtype=dtype)
    results = []
    for where in ("cpu", "cuda"):
        inputs = [minitorch.from_numpy(a).to(where).requires_grad_() for a in host]
        cuda.reset()
        y = ROWS[name](*inputs)
        forward = cuda.launches
        (y * y * y).sum().backward()
        results.append([y.detach(), *(x.grad for x in inputs)])
    if type(cuda).__name__ == "Counters":
        assert forward == 1
        assert cuda.launches == (2 if name == "plain" else 4)
    eps = {"float16": 0.2, "float32": 1e-4, "float64": 1e-10}[dtype]
    for a, b in zip(*results):
        np.testing.assert_allclose(b.cpu().numpy(), a.numpy(), rtol=eps, atol=eps)


def test_what_no_kernel_takes_goes_by_numpys_words(cuda):
    x, w = (
        draw(3, 4, 5),
        draw(4, 1),
    )  # rows that are no last axes; a weight along no stretch of axes
    for dims in ((1,), (0,)):
        args = (w, w, dims, 1e-5, True)
        values = lambda *given: standardize._standardized(*given)[0]
        agree(cuda, values, x, *args, launches=0, rtol=1e-5, atol=1e-5)


def test_words_only_launches_nothing(cuda):
    x = draw(3, 4, 5)
    with words_only():
        agree(cuda, norm._of_batch, x, None, None, 1e-5, launches=0, rtol=1e-5, atol=1e-5)
    agree(cuda, norm._of_batch, x, None, None, 1e-5, launches=3, rtol=1e-5, atol=1e-5)
