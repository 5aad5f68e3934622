"""Checks of the puzzles, their rules, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import sample
from minitorch import Tensor, arange, where

# all that a puzzle may call or ask a Tensor for, beside the puzzles
# themselves; two are given
WORDS = {"arange", "where", "len", "shape", "float", "long", "ones", "positive"}


def meets(said, expected, call, kinds="fiu"):
    """Raises unless `said` is a Tensor with the numbers expected, of one of the kinds of dtype."""
    assert isinstance(said, Tensor), f"{call}: expected a Tensor, got a {type(said).__name__}"
    expected = np.asarray(expected)
    assert said.shape == expected.shape, (
        f"{call}: shape {tuple(said.shape)}, expected {expected.shape}"
    )
    assert said.dtype.kind in kinds, f"{call}: it has dtype {said.dtype}"
    assert np.allclose(said, expected, rtol=1e-5, atol=1e-6), (
        f"{call} is {said.tolist()}, expected {expected.tolist()}"
    )


def check_outer(function):
    minitorch.manual_seed(2)
    for n, m in [(2, 3), (3, 3), (1, 4), (4, 1)]:
        a, b = sample(n), sample(m)
        meets(function(a, b), np.outer(a, b), f"outer of {n} and {m} numbers")


def check_eye(function):
    for n in (1, 2, 5):
        meets(function(n), np.eye(n), f"eye({n})", "f")


def check_triu(function):
    for n in (1, 2, 5):
        meets(function(n), np.triu(np.ones((n, n))), f"triu({n})", "f")


def check_diff(function):
    minitorch.manual_seed(2)
    for n in (2, 3, 6, 1):
        a = sample(n)
        meets(function(a), np.diff(a), f"diff({a.tolist()})")


def check_cumsum(function):
    minitorch.manual_seed(2)
    for n in (1, 3, 6):
        a = sample(n).float()
        meets(function(a), np.cumsum(a), f"cumsum({a.tolist()})")


def check_sequence_mask(function):
    for lengths, n in [([1, 3], 3), ([0, 2, 5], 5), ([4], 2), ([1, 1, 2], 4)]:
        expected = [[k < length for k in range(n)] for length in lengths]
        said = function(minitorch.tensor(lengths), n)
        meets(said, expected, f"sequence_mask({lengths}, {n})", "b")


def check_bincount(function):
    for x, n in [([2, 0, 2], 4), ([1], 2), ([0, 0, 0], 1), ([3, 1, 4, 1, 5], 6)]:
        said = function(minitorch.tensor(x), n)
        meets(said, np.bincount(x, minlength=n), f"bincount({x}, {n})")


def check_scatter_add(function):
    minitorch.manual_seed(2)
    for index, n in [([2, 0, 2], 4), ([1], 2), ([0, 0, 0], 1), ([3, 1, 4, 1], 6)]:
        values = sample(len(index)).float()
        expected = np.bincount(index, weights=values, minlength=n)
        call = f"scatter_add({values.tolist()}, {index}, {n})"
        meets(function(values, minitorch.tensor(index), n), expected, call)


def check_bucketize(function):
    for v, edges in [
        ([0.5, 3.0, 9.0], [1.0, 3.0, 5.0]),
        ([2.0, -1.0], [0.0]),
        ([4.0], [1.0, 2.0, 3.0, 4.0, 5.0]),
    ]:
        said = function(minitorch.tensor(v), minitorch.tensor(edges))
        meets(said, np.digitize(v, edges), f"bucketize({v}, {edges})", "iu")


def check_compress(function):
    minitorch.manual_seed(2)
    for mask in [(0, 1, 1), (1, 0, 0, 1, 0), (0, 0), (1,), (0, 1, 0, 1)]:
        kept, v = np.array(mask, bool), sample(len(mask)).float()
        expected = np.zeros(len(mask))
        expected[: kept.sum()] = v.numpy()[kept]
        call = f"compress({kept.tolist()}, {v.tolist()})"
        meets(function(minitorch.tensor(kept), v), expected, call)


# wrong answers ----------------------------------------------------------------------------------


def unit(n):
    return (arange(n)[:, None] == arange(n)).float()


def triangle(n):
    return (arange(n)[:, None] <= arange(n)).float()


WRONG = {
    "outer": [lambda a, b: a * b[:, None], lambda a, b: a[:, None] + b],
    "eye": [
        lambda n: arange(n)[:, None] == arange(n),
        lambda n: arange(n) * 0.0 + 1.0,
        triangle,
    ],
    "triu": [
        lambda n: (arange(n)[:, None] < arange(n)).float(),
        lambda n: (arange(n)[:, None] >= arange(n)).float(),
        lambda n: arange(n)[:, None] <= arange(n),
    ],
    "diff": [lambda a: a[:-1] - a[1:], lambda a: a[1:] + a[:-1], lambda a: a[2:] - a[:-2]],
    "cumsum": [lambda a: triangle(len(a)) @ a, lambda a: a @ (triangle(len(a)) - unit(len(a)))],
    "sequence_mask": [
        lambda lengths, n: arange(n) <= lengths[:, None],
        lambda lengths, n: arange(n)[:, None] < lengths,
        lambda lengths, n: (arange(n) < lengths[:, None]).float(),
    ],
    "bincount": [
        lambda x, n: unit(n)[x],
        lambda x, n: (x[:, None] == arange(n)).float()[0],
        lambda x, n: unit(n) @ (arange(n) * 0.0 + 1.0),
    ],
    "scatter_add": [
        lambda values, index, n: (arange(len(index)) * 0.0 + 1.0) @ unit(n)[index],
        lambda values, index, n: unit(n)[index] @ unit(n)[0],
        lambda values, index, n: where(arange(n) < len(values), values[0], 0.0),
    ],
    "bucketize": [
        lambda v, edges: ((v[:, None] > edges).float() @ (edges * 0 + 1)).long(),
        lambda v, edges: ((v[:, None] < edges).float() @ (edges * 0 + 1)).long(),
        lambda v, edges: (v[:, None] >= edges).float() @ (edges * 0 + 1),
    ],
    "compress": [
        lambda mask, v: where(mask, v, 0.0),
        lambda mask, v: (
            v
            @ (
                where(mask, mask.float() @ triangle(len(v)), -1.0)[:, None] == arange(len(v))
            ).float()
        ),
        lambda mask, v: (
            v @ ((mask.float() @ triangle(len(v)) - 1)[:, None] == arange(len(v))).float()
        ),
    ],
}
