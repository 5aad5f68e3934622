"""Rows for arranging: flips, rolls, padding, triangles and diagonals."""

import numpy as np

from tests.table import Row, rand


def _pad(x, widths, mode="constant", value=0.0):
    pairs = list(zip(widths[::2], widths[1::2]))[::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    x = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, pairs))]
    pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        return np.pad(x, pairs, constant_values=value)
    return np.pad(x, pairs, {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


def _narrow(x, dim, start, length):
    return np.take(x, range(start, start + length), dim)


def _on_diagonal(x, shape, offset=0, dim1=0, dim2=1):
    y = np.zeros(shape)
    rows = np.arange(x.shape[-1]) + max(-offset, 0)
    columns = np.arange(x.shape[-1]) + max(offset, 0)
    np.moveaxis(y, (dim1, dim2), (-2, -1))[..., rows, columns] = x
    return y


def _diag_embed(x, offset=0, dim1=-2, dim2=-1):
    n = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    for d in sorted((dim1 % (x.ndim + 1), dim2 % (x.ndim + 1))):
        shape.insert(d, n)
    return _on_diagonal(x, shape, offset, dim1, dim2)


ROWS = [
    Row("flip", (rand(2, 3), 0), ref=np.flip, torch=lambda x, d: x.flip(d)),
    Row("flip", (rand(2, 3), (0, -1)), ref=np.flip, torch="flip"),
    Row("flip", (rand(2, 3, 2), -2), ref=np.flip, torch=lambda x, d: x.flip(d)),
    Row("fliplr", (rand(2, 3),), ref=np.fliplr, torch="fliplr"),
    Row("flipud", (rand(2, 3),), ref=np.flipud, torch="flipud"),
    *[
        Row("rot90", (rand(2, 3, 2), k, dims), ref=np.rot90, torch="rot90")
        for k, dims in [
            (0, (0, 1)),
            (1, (0, 1)),
            (2, (1, 2)),
            (3, (0, -1)),
            (-1, (1, 0)),
            (5, (2, 1)),
        ]
    ],
    Row("rot90", (rand(2, 3),), ref=np.rot90, torch="rot90"),
    Row("roll", (rand(2, 3), 1), ref=np.roll, torch="roll"),
    Row("roll", (rand(2, 3), -2, 1), ref=np.roll, torch="roll"),
    Row("roll", (rand(2, 3), (1, 5), (0, -1)), ref=np.roll, torch="roll"),
    Row("narrow", (rand(5, 2), 0, 1, 3), ref=_narrow, torch="narrow"),
    Row("narrow", (rand(2, 5), -1, -2, 2), ref=_narrow, torch="narrow"),
    Row("narrow", (rand(3, 2), 0, 0, 2), ref=_narrow, torch="narrow"),
    Row("narrow", (rand(2, 3), 1, 3, 0), order=0, ref=_narrow, torch="narrow"),
    Row(
        "margins",
        (rand(2, 3), [(1, 0), (0, 2)]),
        ref=lambda x, w: np.pad(x, w),
        torch=lambda x, w: _torch_pad(x, (0, 2, 1, 0)),
    ),
    Row(
        "margins",
        (rand(3, 4), [(-1, 2), (1, -2)], 7.0),
        ref=lambda x, w, v: np.pad(x[1:, :2], [(0, 2), (1, 0)], constant_values=v),
        torch=lambda x, w, v: _torch_pad(x, (1, -2, -1, 2), "constant", v),
    ),
    *[
        Row("pad", (rand(*shape), widths, *rest), ref=_pad, torch="nn.functional.pad")
        for shape, widths, rest in [
            ((2, 3), (1, 2), ()),
            ((2, 3), (1, 0, 2, 1), ("constant", 0.5)),
            ((2, 4), (-1, 2, 1, -1), ()),
            ((1, 2, 3), (2, 1), ("reflect",)),
            ((1, 1, 2, 3), (1, 2, 1, 0), ("reflect",)),
            ((1, 2, 3), (2, 4), ("replicate",)),
            ((1, 1, 2, 3), (1, 0, 0, 3), ("replicate",)),
            ((1, 2, 3), (3, 1), ("circular",)),
            ((1, 1, 2, 3), (1, 2, 2, 1), ("circular",)),
        ]
    ],
    Row("tril", (rand(3, 4),), ref=np.tril, torch="tril"),
    Row("tril", (rand(2, 4, 3), -1), ref=np.tril, torch="tril"),
    Row("triu", (rand(3, 4),), ref=np.triu, torch="triu"),
    Row("triu", (rand(2, 4, 3), 1), ref=np.triu, torch="triu"),
    Row("diagonal", (rand(3, 4),), ref=np.diagonal, torch="diagonal"),
    Row("diagonal", (rand(3, 2, 4), 1, 0, 2), ref=np.diagonal, torch="diagonal"),
    Row("diagonal", (rand(2, 3, 4), -2, -1, 1), ref=np.diagonal, torch="diagonal"),
    Row("on_diagonal", (rand(3), (3, 4)), ref=_on_diagonal),
    Row("on_diagonal", (rand(2, 2), (3, 2, 4), -1, 0, 2), ref=_on_diagonal),
    Row("on_diagonal", (rand(3, 2), (2, 3, 4), 2, -3, -1), ref=_on_diagonal),
    Row("diag_embed", (rand(3),), ref=_diag_embed, torch="diag_embed"),
    Row("diag_embed", (rand(2, 3), 1), ref=_diag_embed, torch="diag_embed"),
    Row("diag_embed", (rand(2, 3), -2, 2, 0), ref=_diag_embed, torch="diag_embed"),
    Row("diag", (rand(3), -1), ref=np.diag, torch="diag"),
    Row("diag", (rand(3, 4), 1), ref=np.diag, torch="diag"),
]


def _torch_pad(x, *args):
    import torch

    return torch.nn.functional.pad(x, *args)
