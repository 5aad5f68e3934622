"""Rows for joining and splitting."""

from collections.abc import Callable

import numpy as np

from tests.table import Row, rand


def _of_list(name: str) -> Callable:
    """torch's function of a list of tensors, as a function of the tensors."""

    def twin(*xs, **kwargs):
        import torch

        return getattr(torch, name)(xs, **kwargs)

    return twin


def _split(x, size, dim=0):
    cuts = np.cumsum(size)[:-1] if isinstance(size, list) else range(size, x.shape[dim], size)
    return np.split(x, cuts, dim)


def _unbind(x, dim=0):
    return list(np.moveaxis(x, dim, 0))


CAT, DSTACK = _of_list("cat"), _of_list("dstack")

two, three = rand(2, 3), rand(4, 3, seed=1)

ROWS = [
    Row("cat", (two, three), ref=lambda *xs: np.concatenate(xs), torch=CAT),
    Row(
        "cat",
        (two, rand(2, 1, seed=2), rand(2, 2, seed=3)),
        {"dim": -1},
        ref=lambda *xs, dim: np.concatenate(xs, dim),
        torch=CAT,
    ),
    Row(
        "cat",
        (rand(3), rand(1), rand(0)),
        ref=lambda *xs: np.concatenate(xs),
        torch=CAT,
    ),
    Row("cat", (two,), ref=lambda *xs: np.concatenate(xs), torch=CAT),
    Row(
        "cat",
        (rand(0), two, rand(0)),
        {"dim": 1},
        ref=lambda *xs, dim: xs[1],
        torch=CAT,
    ),
    Row(
        "cat",
        (two, three),
        grad=(1,),
        ref=lambda *xs: np.concatenate(xs),
        torch=CAT,
    ),
    Row("stack", (two, rand(2, 3, seed=1)), ref=lambda *xs: np.stack(xs), torch=_of_list("stack")),
    Row(
        "stack",
        (two, rand(2, 3, seed=1), rand(2, 3, seed=2)),
        {"dim": -1},
        ref=lambda *xs, dim: np.stack(xs, dim),
        torch=_of_list("stack"),
    ),
    Row("stack", (rand(), rand(seed=1)), ref=lambda *xs: np.stack(xs), torch=_of_list("stack")),
    Row("split_sizes", (rand(5, 2), [2, 0, 3]), ref=_split, torch="split"),
    Row("split_sizes", (rand(2, 4), [1, 3], -1), ref=_split, torch="split"),
    Row("split", (rand(5, 2), 2), ref=_split, torch="split"),
    Row("split", (rand(2, 4), [1, 3], 1), ref=_split, torch="split"),
    Row("chunk", (rand(5, 2), 2), ref=lambda x, n: np.split(x, [3]), torch="chunk"),
    Row("chunk", (rand(2, 9), 4, -1), ref=lambda x, n, d: np.split(x, 3, 1), torch="chunk"),
    Row("tensor_split", (rand(5, 2), 3), ref=np.array_split, torch="tensor_split"),
    Row("tensor_split", (rand(2, 5), [1, -1], 1), ref=np.array_split, torch="tensor_split"),
    Row("unbind", (rand(3, 2),), ref=_unbind, torch="unbind"),
    Row("unbind", (rand(2, 3, 2), -2), ref=_unbind, torch="unbind"),
    Row("hstack", (two, rand(2, 1)), ref=lambda *xs: np.hstack(xs), torch=_of_list("hstack")),
    Row("hstack", (rand(), rand(2)), ref=lambda *xs: np.hstack(xs), torch=_of_list("hstack")),
    Row(
        "column_stack",
        (rand(2), two, rand(2, 1)),
        ref=lambda *xs: np.column_stack(xs),
        torch=_of_list("column_stack"),
    ),
    Row("vstack", (two, rand(3)), ref=lambda *xs: np.vstack(xs), torch=_of_list("vstack")),
    Row("dstack", (two, rand(2, 3, seed=1)), ref=lambda *xs: np.dstack(xs), torch=DSTACK),
    Row(
        "dstack",
        (rand(3), rand(3, seed=1)),
        ref=lambda *xs: np.dstack(xs),
        torch=DSTACK,
    ),
    Row(
        "meshgrid",
        (rand(2), rand(3)),
        {"indexing": "ij"},
        ref=np.meshgrid,
        torch="meshgrid",
    ),
    Row(
        "meshgrid",
        (rand(2), rand(3), rand(1)),
        {"indexing": "xy"},
        ref=np.meshgrid,
        torch="meshgrid",
    ),
    Row("repeat", (rand(2, 3), 2, 1), ref=lambda x, *n: np.tile(x, n), torch="Tensor.repeat"),
    Row("repeat", (rand(3), (2, 1, 2)), ref=np.tile, torch="Tensor.repeat"),
    Row("repeat", (rand(2), 0), order=0, ref=np.tile, torch="Tensor.repeat"),
    Row("tile", (rand(2, 3), (2,)), ref=np.tile, torch="tile"),
    Row("tile", (rand(3), (2, 2)), ref=np.tile, torch="tile"),
    Row("repeat_interleave", (rand(2, 3), 2), ref=np.repeat, torch="repeat_interleave"),
    Row("repeat_interleave", (rand(2, 3), 3, -1), ref=np.repeat, torch="repeat_interleave"),
    Row(
        "repeat_interleave",
        (rand(3, 2), np.array([2, 0, 1]), 0),
        syncs=True,  # the size of the result is in the numbers
        ref=np.repeat,
        torch="repeat_interleave",
    ),
]
