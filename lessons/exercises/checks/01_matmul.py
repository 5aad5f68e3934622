"""Checks of the exercises of lesson 1, and wrong answers that they must notice."""

from __future__ import annotations

import numpy as np

import minitorch


class Watched(np.ndarray):
    """An array that counts how often it is indexed, and knows when a library multiplies it."""

    reads = 0
    products = 0

    def __getitem__(self, key):
        Watched.reads += 1
        return super().__getitem__(key)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        Watched.products += ufunc is np.matmul
        if out is not None:
            options["out"] = tuple(plain(x) for x in out)
        return getattr(ufunc, method)(*map(plain, inputs), **options)

    def dot(self, other):
        Watched.products += 1
        return plain(self).dot(plain(other))

    def __array_function__(self, function, types, args, kwargs):
        Watched.products += function in (np.dot, np.einsum, np.inner, np.tensordot, np.vdot)
        return super().__array_function__(function, types, args, kwargs)


def plain(x):
    return x.view(np.ndarray) if isinstance(x, Watched) else x


def check_sizes(function):
    for i, k, j in [(2, 3, 4), (1, 5, 1), (3, 3, 3)]:
        try:
            said = function(np.ones((i, k)), np.ones((k, j)))
        except ValueError as error:
            raise AssertionError(f"{(i, k)} times {(k, j)} has a product, not: {error}") from error
        assert said is not None, "it returned nothing"
        assert tuple(said) == (i, k, j), f"{(i, k)} times {(k, j)} is {said}, expected {(i, k, j)}"
    for one, other in [((2, 3), (4, 3)), ((2, 3), (1, 3)), ((2, 1), (3, 2)), ((3, 2), (3, 2))]:
        try:
            said = function(np.ones(one), np.ones(other))
        except ValueError as error:
            message = str(error)
        else:
            raise AssertionError(f"{one} times {other} has no product, but it returned {said}")
        assert str(one) in message, f"the shape {one} is not in the message: {message!r}"
        assert str(other) in message, f"the shape {other} is not in the message: {message!r}"


def product_agrees(function, reads, by_operator=False):
    """The numbers, the shape, the dtype, the error, and how much Python the way there takes.

    `reads` gives the most often that a and b may be indexed, for I, K and J.
    """
    minitorch.manual_seed(5)
    for i, k, j in [(3, 5, 4), (4, 4, 4), (1, 6, 1), (2, 1, 3)]:
        a, b = minitorch.randn(i, k).numpy(), minitorch.randn(k, j).numpy()
        kept = a.copy(), b.copy()
        Watched.reads = Watched.products = 0
        y = function(a.view(Watched), b.view(Watched))
        used, products = Watched.reads, Watched.products
        what = f"{a.shape} times {b.shape}"
        assert y is not None, "it returned nothing"
        y = plain(y)
        assert y.shape == (i, j), f"{what} has shape {y.shape}, expected {(i, j)}"
        assert np.array_equal(a, kept[0]), f"{what}: a was changed"
        assert np.array_equal(b, kept[1]), f"{what}: b was changed"
        expected = kept[0] @ kept[1]
        off = abs(y - expected)
        worst = np.unravel_index(off.argmax(), off.shape)
        assert off.max() < 1e-4, (
            f"{what}: y[{worst[0]}, {worst[1]}] is {y[worst]:.4f}, expected {expected[worst]:.4f}"
        )
        assert y.dtype == a.dtype, f"the matrices are {a.dtype}, the product is {y.dtype}"
        if by_operator:
            assert products == 1, f"the product was taken {products} times by @, expected once"
        else:
            assert products == 0, "this one is to be written without @, dot or einsum"
        limit = reads(i, k, j)
        assert used <= limit, (
            f"{what}: a and b are indexed {used} times, with fewer loops {limit} are enough"
        )
    for one, other in [((2, 3), (4, 5)), ((3, 5), (1, 4)), ((3, 4), (5, 2)), ((3, 1), (4, 2))]:
        try:
            function(np.ones(one, np.float32), np.ones(other, np.float32))
        except ValueError:
            continue
        except IndexError as error:
            raise AssertionError(f"{one} times {other}: {error}; check the sizes first") from error
        raise AssertionError(f"{one} times {other} has no product, expected a ValueError")


def check_matmul_loops(function):
    product_agrees(function, lambda i, k, j: 2 * i * j * k)


def check_matmul_rows(function):
    product_agrees(function, lambda i, k, j: 2 * i * j)


def check_matmul_columns(function):
    product_agrees(function, lambda i, k, j: 3 * j)


def check_matmul(function):
    product_agrees(function, lambda i, k, j: 0, by_operator=True)


def check_equations(function):
    minitorch.manual_seed(5)
    s, t = minitorch.randn(4, 4).numpy(), minitorch.randn(4, 4).numpy()
    p, q = minitorch.randn(2, 3, 4).numpy(), minitorch.randn(2, 4, 5).numpy()
    tasks = {
        "transpose": ((s,), s.T),
        "product": ((s, t), s @ t),
        "row sums": ((s,), s.sum(axis=1)),
        "squares": ((s, s), (s * s).sum()),
        "stacks": ((p, q), p @ q),
    }
    said = function()
    assert isinstance(said, dict), f"expected a dict of equations, got {said!r}"
    for name, (operands, expected) in tasks.items():
        equation = said.get(name)
        assert equation, f"{name!r} has no equation yet"
        assert "->" in equation, f"{name!r}: {equation!r} has no arrow"
        try:
            y = np.einsum(equation, *operands)
        except ValueError as error:
            raise AssertionError(f"{name!r}: {equation!r}: {error}") from error
        assert np.shape(y) == np.shape(expected), (
            f"{name!r}: {equation!r} gives shape {np.shape(y)}, expected {np.shape(expected)}; "
            "which letters stand after the arrow?"
        )
        assert np.allclose(y, expected, atol=1e-5), f"{name!r}: {equation!r} gives other numbers"


# wrong answers ----------------------------------------------------------------------------------


def fit_or_error(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"{a.shape} times {b.shape}")


def sizes_with(fits, message="{} times {}"):
    def sizes(a, b):
        if not fits(a, b):
            raise ValueError(message.format(a.shape, b.shape))
        return (*a.shape, b.shape[1])

    return sizes


def loops(check=True, dtype=None, last=True, assign=False, turned=False):
    def product(a, b):
        if check:
            fit_or_error(a, b)
        y = np.zeros((a.shape[0], b.shape[1]), dtype or a.dtype)
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                for k in range(a.shape[1] - (not last)):
                    term = a[i, k] * (b[j, k] if turned and b.shape[0] == b.shape[1] else b[k, j])
                    y[i, j] = term if assign else y[i, j] + term
        return y

    return product


def rows(check=True, summed=True):
    def product(a, b):
        if check:
            fit_or_error(a, b)
        y = np.zeros((a.shape[0], b.shape[1]), a.dtype)
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                terms = a[i, :] * b[:, j]
                y[i, j] = terms.sum() if summed else terms.mean()
        return y

    return product


def columns(check=True, axis=1):
    def product(a, b):
        if check:
            fit_or_error(a, b)
        made = [(a * b[:, j]).sum(axis=axis) for j in range(b.shape[1])]
        return np.stack(made, axis=1)

    return product


def operator(a, b):
    fit_or_error(a, b)
    return a @ b


def each_with_each(a, b):
    fit_or_error(a, b)
    return (a[:, :, None] * b).sum(axis=1).T


def with_equations(**changes):
    right = {
        "transpose": "ik->ki",
        "product": "ik,kj->ij",
        "row sums": "ik->i",
        "squares": "ik,ik->",
        "stacks": "nik,nkj->nij",
    }
    return lambda: right | {name.replace("_", " "): text for name, text in changes.items()}


WRONG = {
    "sizes": [
        lambda a, b: (a.shape[0], a.shape[1], b.shape[1]),
        sizes_with(lambda a, b: b.shape[0] in (1, a.shape[1])),
        sizes_with(lambda a, b: a.shape[1] == b.shape[1]),
        sizes_with(lambda a, b: a.shape[1] == b.shape[0], "these do not fit"),
        lambda a, b: (fit_or_error(a, b), (a.shape[0], b.shape[1]))[1],
    ],
    "matmul_loops": [
        operator,
        loops(check=False),
        loops(dtype=np.float64),
        loops(last=False),
        loops(assign=True),
        loops(turned=True),
    ],
    "matmul_rows": [loops(), rows(check=False), rows(summed=False), operator],
    "matmul_columns": [rows(), columns(check=False), columns(axis=0), each_with_each, operator],
    "matmul": [
        lambda a, b: a @ b.T if a.shape[1] == b.shape[1] else operator(a, b),
        lambda a, b: (fit_or_error(a, b), b.T @ a.T)[1],
        loops(),
        columns(),
    ],
    "equations": [
        dict,
        with_equations(product="ik,jk->ij"),
        with_equations(row_sums="ik->k"),
        with_equations(squares="ik,ki->"),
        with_equations(stacks="nik,nkj->ij"),
        with_equations(transpose="ik->ik"),
    ],
}
