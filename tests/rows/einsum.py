"""Rows for Einstein's notation and the products made of it."""

import numpy as np

from tests.table import Row, rand

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij , kj -> ik", (2, 3), (4, 3)),
    ("i,i", (3,), (3,)),
    ("i,j", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("ijk,il->kl", (2, 3, 4), (2, 2)),  # j is summed away before the product
    ("...ij,...jk->...ik", (2, 1, 2, 3), (2, 3, 2)),
    ("i...,i...->...", (2, 3), (2, 3)),
    ("ij,j->ij", (2, 1), (3,)),  # an axis of size 1 is stretched
    ("ij,,j->i", (2, 3), (), (3,)),
    ("bn,anm,bm->ba", (2, 3), (2, 3, 2), (2, 2)),
    ("ij,kl,jk->il", (2, 2), (3, 2), (2, 3)),
    ("iij,jk->k", (2, 2, 3), (3, 2)),
]
ALONE = [  # one operand: nothing is multiplied
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iijj->ji", (2, 2, 3, 3)),
    ("iii->i", (2, 2, 2)),
    ("ij->ji", (2, 3)),
    ("ji", (2, 3)),
    ("ij->ij", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("...i->...", (2, 2, 3)),
    ("i...->...i", (2, 2, 3)),
]


def _numpy_einsum(equation, *xs, optimize=False):
    return np.einsum(equation, *xs)


def _torch_einsum(equation, *xs, optimize=False):
    import torch

    return torch.einsum(equation, *xs)


def _contract(a, b, terms):
    return np.einsum("{},{}->{}".format(*terms), a, b)


def _tensordot_torch(a, b, dims=2):
    import torch

    return torch.tensordot(a, b, dims)


def _bilinear(x1, x2, weight, bias=0):
    return np.einsum("...i,oij,...j->...o", x1, weight, x2) + bias


ROWS = [
    *(
        Row(
            "einsum",
            (equation, *(rand(*shape, seed=i) for i, shape in enumerate(shapes))),
            options,
            ref=_numpy_einsum,
            torch=_torch_einsum,
            layouts=() not in shapes,
        )
        for equation, *shapes in (*EQUATIONS, *ALONE)
        for options in ([{}] if len(shapes) < 3 else [{}, {"optimize": True}])
    ),
    Row(
        "einsum",
        (rand(2, 3), [0, 1], rand(3, 4), [1, 2], [2, 0]),
        ref=np.einsum,
        torch="einsum",
    ),
    Row("einsum", (rand(2, 3), [..., 1], rand(3), [1]), ref=np.einsum, torch="einsum"),
    *(
        Row(
            "contract",
            (rand(*a), rand(*b, seed=1)),
            {"terms": terms},
            ref=_contract,
        )
        for a, b, terms in (
            ((2, 3), (3, 4), ("ij", "jk", "ik")),
            ((2, 3, 2), (2, 2), ("bij", "jb", "ib")),
            ((2,), (3,), ("i", "j", "ji")),
            ((2, 3), (3, 2), ("ij", "ji", "")),
        )
    ),
    Row("tensordot", (rand(2, 3, 2), rand(3, 2, 2)), ref=np.tensordot, torch=_tensordot_torch),
    Row("tensordot", (rand(2, 3), rand(3, 4), 1), ref=np.tensordot, torch=_tensordot_torch),
    Row("tensordot", (rand(2), rand(3), 0), ref=np.tensordot, torch=_tensordot_torch),
    Row(
        "tensordot",
        (rand(2, 3, 4), rand(4, 2, 3), ([0, -1], [1, 0])),
        ref=np.tensordot,
        torch=_tensordot_torch,
    ),
    Row("kron", (rand(2, 3), rand(2, 1)), ref=np.kron, torch="kron"),
    Row("kron", (rand(2), rand(2, 2)), ref=np.kron, torch="kron"),
    Row("kron", (rand(2, 1, 2), rand(3)), ref=np.kron, torch="kron"),
    Row("trace", (rand(3, 3),), ref=np.trace, torch="trace"),
    Row("trace", (rand(2, 3),), ref=np.trace, torch="trace"),
    *(
        Row(
            "bilinear",
            (rand(*x, 2), rand(*x, 3), rand(2, 2, 3), *bias),
            ref=_bilinear,
            torch="nn.functional.bilinear",
        )
        for x in ((2,), (2, 2))
        for bias in ((), (rand(2, seed=3),))
    ),
]
