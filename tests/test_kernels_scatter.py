"""Rows are added to the rows that an index names in one launch, as often as they are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.kernels import words_only
from minitorch.ops import index
from tests.kernelwise import DTYPES, draw, runs_kernels, up

pytestmark = runs_kernels

CLOSE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "width"), [(1, 1), (7, 1), (300, 1), (40, 3), (9, 32), (700, 5)])
def test_rows_are_added_in_a_launch(cuda, n: int, width: int, dtype: str):
    y, x = draw(11, width, dtype=dtype), draw(n, width, dtype=dtype, seed=1)
    rows = np.random.default_rng(2).integers(-11, 11, n)
    want = y.astype("float64")
    np.add.at(want, rows, x.astype("float64"))
    got, places, values = up(y.reshape(-1)), up(rows), up(x)
    cuda.reset()
    index._add_rows(got, places, values)
    if type(cuda).__name__ == "Counters":
        assert (cuda.launches, cuda.sync, cuda.h2d) == (1, 0, 0)
    near = CLOSE[dtype] * abs(want).max()
    np.testing.assert_allclose(got.get().reshape(11, width), want, rtol=0, atol=near)


def test_many_of_float16_are_added_up_in_float32(cuda):
    """One by one they would stop at 2,048, where 1 more is rounded away."""
    y = up(np.zeros(3, "float16"))
    index._add_rows(y, up(np.ones(5000, "int64")), up(np.ones((5000, 1), "float16")))
    assert y.get().tolist() == [0, 5000, 0]


def test_integers_and_words_only_add_the_same_without_a_launch(cuda):
    rows, x = np.array([3, 0, 3]), np.arange(6).reshape(3, 2)
    y = up(np.zeros(8, "int64"))
    cuda.reset()
    index._add_rows(y, up(rows), up(x))
    assert y.get().tolist() == [2, 3, 0, 0, 0, 0, 4, 6]
    y = up(np.zeros(8, "float32"))
    with words_only():
        index._add_rows(y, up(rows), up(x.astype("float32")))
    assert y.get().tolist() == [2, 3, 0, 0, 0, 0, 4, 6]
    assert cuda.launches == 0


def test_nothing_to_add_is_no_launch(cuda):
    y = up(np.ones(6, "float32"))
    cuda.reset()
    index._add_rows(y, up(np.zeros(0, "int64")), up(np.zeros((0, 2), "float32")))
    index._add_rows(y[:0], up(np.zeros(3, "int64")), up(np.zeros((3, 0), "float32")))
    assert cuda.launches == 0
    assert y.get().tolist() == [1] * 6


CALLS: dict[str, Any] = {
    "rows": lambda x, i: x[i],
    "rows of int32": lambda x, i: x[i.int()],
    "from the end": lambda x, i: x[i - 5],
    "columns": lambda x, i: x[:, i],
    "two axes": lambda x, i: x[i, i],
    "apart": lambda x, i: x[i, :, i],
    "behind": lambda x, i: x[..., i],
    "gather": lambda x, i: x.gather(1, minitorch.ones_like(x).long() * 2),
    "index_select": lambda x, i: x.index_select(1, i),
    "take": lambda x, i: x.take(i),
    "embedding": lambda x, i: F.embedding(i, x[:, :, 0]),
    "a row without": lambda x, i: F.embedding(i, x[:, :, 0], padding_idx=2),
    "index_add": lambda x, i: x.index_add(0, i, x[i] * 2),
    "scatter_add": lambda x, i: x.scatter_add(0, i.reshape(-1, 1, 1) * 0, x[: i.shape[0]] * 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_whatever_reads_or_adds_by_index_has_the_gradient_of_the_cpu(cuda, name: str):
    results = []
    for device in ("cpu", "cuda"):
        x = minitorch.from_numpy(draw(5, 5, 5)).to(device).requires_grad_()
        i = minitorch.tensor([4, 0, 2, 2, 0, 2][: 5 if name == "scatter_add" else 6]).to(device)
        cuda.reset()
        y = CALLS[name](x, i)
        y.backward(minitorch.from_numpy(draw(*y.shape, seed=3)).to(device))
        results.append(x.grad.cpu().numpy())
    assert cuda.launches > 0 or type(cuda).__name__ != "Counters"
    np.testing.assert_allclose(*results[::-1], rtol=1e-5, atol=1e-6)


def test_an_embeddings_step_waits_for_its_indices_alone(cuda):
    table = nn.Embedding(50, 8, padding_idx=0).to("cuda")
    words = minitorch.tensor([[3, 0, 7], [7, 49, 3]]).to("cuda")
    counts = []
    for _ in range(2):
        table.zero_grad()
        cuda.reset()
        y = table(words).sum()
        waited = cuda.sync
        y.backward()
        counts.append((waited, cuda.sync, cuda.h2d, cuda.launches))
    assert counts[1] in ((1, 1, 0, 1), (0, 0, 0, 0))
    assert table.weight.grad.cpu().sum(1).tolist() == [
        {3: 16.0, 7: 16.0, 49: 8.0}.get(i, 0.0) for i in range(50)
    ]
