"""Checks of the exercises of lesson 2, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import sample
from lessons.exercises.checks.gradients import compare_with_slopes
from minitorch import einsum


def check_broadcast_shape(function):
    minitorch.manual_seed(5)
    good = [
        ((3, 4), (3, 4)),
        ((3, 1), (4,)),
        ((3, 4), ()),
        ((8, 1, 6), (7, 1)),
        ((2, 1, 1), (3, 1), (4,)),
        ((1,), (1,), (5,)),
        ((2, 0), (1,)),
        ((6,),),
    ]
    for shapes in good:
        expected = np.broadcast_shapes(*shapes)
        try:
            said = function(*shapes)
        except ValueError as error:
            raise AssertionError(f"{shapes} give {expected}, not an error: {error}") from error
        assert tuple(said) == expected, f"{shapes} give {expected}, not {said}"
    for shapes in [((3, 4), (3,)), ((2,), (3,)), ((5, 3, 4), (5, 4)), ((4,), (1, 4), (3, 1, 2))]:
        try:
            said = function(*shapes)
        except ValueError:
            continue
        raise AssertionError(f"{shapes} do not fit; expected a ValueError, got {said}")


def check_squared_distances(function):
    minitorch.manual_seed(5)
    for n, m, k in [(4, 3, 2), (3, 3, 5), (1, 6, 3), (5, 1, 5)]:
        x, z = sample(n, k), sample(m, k)
        d = function(x, z)
        assert tuple(d.shape) == (n, m), (
            f"{n} points x and {m} points z give shape {tuple(d.shape)}, expected {(n, m)}"
        )
        for i in range(n):
            for j in range(m):
                expected = sum((p - q) ** 2 for p, q in zip(x[i].tolist(), z[j].tolist()))
                assert abs(d[i, j] - expected) < 1e-9, (
                    f"d[{i}, {j}] is {d[i, j].item():.4g}, expected {expected:.4g} for points in "
                    f"{k} dimensions"
                )


def check_centre_grad(function):
    minitorch.manual_seed(5)

    def centre(x):
        return x - x.mean(1, keepdim=True)

    for shape in [(3, 4), (4, 4), (2, 1)]:
        x, g = sample(*shape), sample(*shape)
        said = function(g, x)
        assert said.shape == x.shape, f"the gradient of {shape} has shape {tuple(said.shape)}"
        assert abs(said.sum(1)).max() < 1e-9, (
            "moving a whole row by the same amount does not change y, so each row of the gradient "
            f"must add up to 0; yours add up to {said.sum(1).tolist()}"
        )
    compare_with_slopes("centre_grad", centre, function, sample(3, 4))
    compare_with_slopes("centre_grad", centre, function, sample(4, 4))


def check_equations(function):
    minitorch.manual_seed(5)
    a, b, c, v = sample(4, 4), sample(4, 4), sample(4, 3), sample(4)
    q, k = sample(2, 5, 3), sample(2, 4, 3)
    tasks = {
        "column sums": ((a,), a.sum(0)),
        "weighted": ((v, a), (v[:, None] * a).sum(0)),
        "columns dot": ((a, b), (a * b).sum(0)),
        "three": ((a, b, c), a @ b @ c),
        "scores": ((q, k), (q[:, :, None] * k[:, None]).sum(-1)),
    }
    said = function()
    for name, (operands, expected) in tasks.items():
        assert said.get(name), f"{name!r} has no equation yet"
        try:
            y = einsum(said[name], *operands)
        except ValueError as error:
            raise AssertionError(f"{name!r}: {error}") from error
        assert y.shape == expected.shape, (
            f"{name!r}: {said[name]!r} gives shape {tuple(y.shape)}, expected "
            f"{tuple(expected.shape)}; which letters stand after the arrow?"
        )
        assert np.allclose(y, expected), f"{name!r}: {said[name]!r} gives other numbers"


def check_bilinear_grad(function):
    minitorch.manual_seed(5)

    def bilinear(x, a, z):
        return ((x @ a) * z).sum(1)

    compare_with_slopes(
        "bilinear_grad", bilinear, function, sample(5, 3), sample(3, 4), sample(5, 4)
    )
    compare_with_slopes(
        "bilinear_grad", bilinear, function, sample(3, 3), sample(3, 3), sample(3, 3)
    )


# wrong answers ----------------------------------------------------------------------------------


def aligned_left(*shapes):
    ndim = max(map(len, shapes))
    return np.broadcast_shapes(*(tuple(s) + (1,) * (ndim - len(s)) for s in shapes))


def larger_of_each(*shapes):
    ndim = max(map(len, shapes))
    return tuple(max(sizes) for sizes in zip(*((1,) * (ndim - len(s)) + s for s in shapes)))


def first_two_only(*shapes):
    return np.broadcast_shapes(*shapes[:2])


def with_equations(**changes):
    right = {
        "column sums": "ij->j",
        "weighted": "i,ij->j",
        "columns dot": "ij,ij->j",
        "three": "ij,jk,kl->il",
        "scores": "nti,nsi->nts",
    }
    return lambda: right | {name.replace("_", " "): text for name, text in changes.items()}


WRONG = {
    "broadcast_shape": [aligned_left, larger_of_each, first_two_only],
    "squared_distances": [
        lambda x, z: ((x[:, None] - z) ** 2).sum(-1) ** 0.5,
        lambda x, z: ((x[:, None] - z) ** 2).sum(1),
        lambda x, z: ((x - z[:, None]) ** 2).sum(-1),
        lambda x, z: abs(x[:, None] - z).sum(-1),
        lambda x, z: (x * x).sum(1)[:, None] - x @ z.T + (z * z).sum(1),
    ],
    "centre_grad": [
        lambda g, x: g,
        lambda g, x: g - g.sum(1, keepdim=True),
        lambda g, x: g - g.mean(0, keepdim=True),
        lambda g, x: g - g.mean(),
        lambda g, x: x - x.mean(1, keepdim=True),
    ],
    "equations": [
        dict,
        with_equations(column_sums="ij->i"),
        with_equations(weighted="j,ij->i"),
        with_equations(columns_dot="ij,ij->"),
        with_equations(three="ij,jk,kl->"),
        with_equations(scores="nti,nsi->nst"),
    ],
    "bilinear_grad": [
        lambda g, x, a, z: (z @ a.T, einsum("ni,nj->ij", x, z), x @ a),
        lambda g, x, a, z: (
            einsum("n,ji,nj->ni", g, a, z) if a.shape[0] == a.shape[1] else z @ a.T,
            einsum("n,ni,nj->ij", g, x, z),
            einsum("n,ni,ij->nj", g, x, a),
        ),
        lambda g, x, a, z: (
            einsum("n,ij,nj->ni", g, a, z),
            einsum("n,ni,nj->nij", g, x, z),
            einsum("n,ni,ij->nj", g, x, a),
        ),
        lambda g, x, a, z: einsum("n,ij,nj->ni", g, a, z),
    ],
}
