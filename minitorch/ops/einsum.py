"""Einstein's notation: name the axes, and say which are kept; all others are multiplied and summed.

    einsum("ik,kj->ij", a, b)        matrix product: k is in both, and not kept
    einsum("ii->i", a)               diagonal: i twice in one operand
    einsum("...i->...", x)           a sum over the last axis, whatever stands before it

First every operand is made plain: a repeated letter takes the diagonal, a letter that nobody else
needs is summed away, a stretched axis of size 1 is dropped. What is left for a pair of operands is
one op, `contract`: a batched matrix product between two permutations, whose gradients are
contractions again, with the letters exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from string import ascii_letters
from typing import Any

from minitorch.dtypes import float32
from minitorch.meta import Meta
from minitorch.op import composite, op
from minitorch.ops.arrange import diagonal
from minitorch.ops.matmul import times, two_dtypes
from minitorch.ops.reduce import sum
from minitorch.ops.shape import permute, reshape
from minitorch.tensor import ShapeError, Tensor


@op(autocast="low")
def contract(a, b, *, terms):
    """y = einsum("a's letters, b's -> y's"), each letter of one side kept, or in the other too

    dL/da = contract(g, b) -> a's letters,   dL/db = contract(a, g) -> b's letters

    >>> import minitorch
    >>> contract(minitorch.ones(2, 3), minitorch.ones(3, 4), ("ik", "kj", "ij")).shape
    (2, 4)
    """
    in_a, in_b, out = terms
    if a.dtype != b.dtype:
        raise two_dtypes("einsum", a=a, b=b)
    (order_a, as_a), (order_b, as_b), (as_y, order_y) = _folding(in_a, in_b, out, a.shape, b.shape)
    y = times(a.transpose(order_a).reshape(as_a), b.transpose(order_b).reshape(as_b))
    return y.reshape(as_y).transpose(order_y)


@lru_cache
def _folding(in_a, in_b, out, a_shape, b_shape):
    """How both sides become matrices, or stacks of them, and their product becomes the result."""
    batch = [c for c in in_a if c in in_b and c in out]
    inner = [c for c in in_a if c in in_b and c not in out]
    rows = [c for c in in_a if c not in in_b]
    columns = [c for c in in_b if c not in in_a]
    size = dict(zip((*in_a, *in_b), a_shape + b_shape))

    def folded(letters, *groups):
        order = [letters.index(c) for group in (batch, *groups) for c in group]
        groups = (batch, *groups) if batch else groups
        return order, [math.prod([size[c] for c in group]) for group in groups]

    made = batch + rows + columns
    unfolded = [size[c] for c in made], [made.index(c) for c in out]
    return folded(in_a, rows, inner), folded(in_b, inner, columns), unfolded


contract.grad(
    a=lambda g, b, terms: contract(g, b, (terms[2], terms[1], terms[0])),
    b=lambda g, a, terms: contract(a, g, (terms[0], terms[2], terms[1])),
)


@composite()
def einsum(equation: Any, *operands: Any, optimize: bool = False) -> Tensor:
    """y = Σ of the products of the operands over every letter that stands left of -> only.

    Without "->" the letters that occur once are kept, in alphabetical order; "..." stands for any
    axes in front, and broadcasts. Also `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    Args:
        equation: such as "ij,jk->ik".
        operands: one for each term, or a list of them.
        optimize: multiply in the order that takes the fewest steps; else from the left.

    Raises:
        ShapeError: terms and operands do not match; names the letter and both sizes.

    >>> import minitorch
    >>> a = minitorch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> minitorch.einsum("ij,j->i", a, minitorch.tensor([1.0, 10.0])), minitorch.einsum("ii", a)
    (tensor([21., 43.]), tensor(5.))
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if len(operands) == 2:
        a, b = operands
        plain = _plain_pair(equation, tuple(a.shape), tuple(b.shape))
        if plain is not None:
            return contract(a, b, plain)
    terms, out = _terms(equation, operands)
    sizes = _sizes(terms, operands)
    made = [_plain(x, term, sizes) for x, term in zip(operands, terms)]
    while len(made) > 1:
        i, j = _cheapest(made, sizes) if optimize else (0, 1)
        (b, of_b), (a, of_a) = made.pop(j), made.pop(i)
        needed = {*out, *(c for _, term in made for c in term)}
        a, of_a = _summed(a, of_a, needed | set(of_b))
        b, of_b = _summed(b, of_b, needed | set(of_a))
        kept = "".join(c for c in dict.fromkeys(of_a + of_b) if c in needed) if made else out
        made.insert(0, (contract(a, b, (of_a, of_b, kept)), kept))
    y, term = _summed(*made[0], set(out))
    if term == out and y is not operands[0]:
        return y
    return permute(y, tuple(term.index(c) for c in out))


@lru_cache
def _plain_pair(
    equation: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...]
) -> tuple[str, str, str] | None:
    """The terms of an equation that is one `contract` of two operands as they are, or None."""
    operands = Meta(a_shape, float32), Meta(b_shape, float32)
    terms, out = _terms(equation, operands)
    sizes = _sizes(terms, operands)
    (in_a, in_b), needed = terms, set(out)
    once = all(len(set(term)) == len(term) for term in terms)
    whole = all(n == sizes[c] for term, x in zip(terms, operands) for c, n in zip(term, x.shape))
    if not once or not whole or set(in_a) - set(in_b) - needed or set(in_b) - set(in_a) - needed:
        return None
    return in_a, in_b, out


def _from_lists(given: Sequence[Any]) -> tuple[str, tuple]:
    """The equation of `einsum(a, [0, 1], b, [1, 2], [0, 2])`, and its operands."""
    given = list(given)
    out = given.pop() if len(given) % 2 else None

    def letters(axes: Sequence[Any]) -> str:
        return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)

    equation = ",".join(map(letters, given[1::2]))
    return equation if out is None else f"{equation}->{letters(out)}", tuple(given[::2])


def _terms(equation: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; "..." becomes letters that are not used."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ShapeError(
            f"einsum: {equation!r} has {len(terms)} terms, for {len(operands)} operands"
        )
    for text in (*terms, out):
        if not all(c in ascii_letters for c in text.replace("...", "", 1)):
            raise ValueError(
                f"einsum: {text!r} in {equation!r}: expected letters, and ... at most once"
            )
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        out = "..." + out if "..." in left else out
    free = [c for c in ascii_letters if c not in equation]
    extra = [x.ndim - len(term.replace("...", "")) for x, term in zip(operands, terms)]
    for x, term, n in zip(operands, terms, extra):
        if n < 0 or (n > 0 and "..." not in term):
            raise ShapeError(
                f"einsum: {term!r} in {equation!r} has {len(term.replace('...', ''))} letters, "
                f"for an operand of shape {x.shape}"
            )
    most = max((n for n, term in zip(extra, terms) if "..." in term), default=0)
    dots = "".join(free[:most])
    terms = [term.replace("...", dots[most - n :]) for n, term in zip(extra, terms)]
    out = out.replace("...", dots)
    for c in out:
        if out.count(c) > 1 or not any(c in term for term in terms):
            why = "stands twice" if out.count(c) > 1 else "is in no term"
            raise ValueError(f"einsum: {c!r} of the result {why} in {equation!r}")
    return terms, out


def _sizes(terms: Sequence[str], operands: Sequence[Any]) -> dict[str, int]:
    """How long the axis of each letter is; 1 gives way to any other size."""
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands):
        for c, n in zip(term, x.shape):
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            if n not in (1, sizes[c]):
                raise ShapeError(f"einsum: {c!r} is {sizes[c]} long in one operand, {n} in another")
    return sizes


def _plain(x: Any, term: str, sizes: dict[str, int]) -> tuple[Any, str]:
    """x with every letter once, and none for an axis of size 1 that another operand stretches."""
    for c in sorted(set(term)):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ShapeError(f"einsum: {c!r} is {x.shape[i]} and {x.shape[j]} long in {term!r}")
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    kept = [i for i, c in enumerate(term) if x.shape[i] == sizes[c]]
    if len(kept) < len(term):
        x = reshape(x, tuple(x.shape[i] for i in kept))
        term = "".join(term[i] for i in kept)
    return x, term


def _summed(x: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """x without the letters that nobody needs."""
    dims = tuple(i for i, c in enumerate(term) if c not in needed)
    return (sum(x, dims), "".join(c for c in term if c in needed)) if dims else (x, term)


def _cheapest(made: Sequence[tuple[Any, str]], sizes: dict[str, int]) -> tuple[int, int]:
    """The two operands whose product takes the fewest multiplications."""

    def steps(pair: tuple[int, int]) -> int:
        return math.prod(sizes[c] for c in {*made[pair[0]][1], *made[pair[1]][1]})

    return min(combinations(range(len(made)), 2), key=steps)


# named products -------------------------------------------------------------------------------


@composite()
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """y = a b, summed over the last `dims` axes of a with the first of b, or over two given lists.

    >>> import minitorch
    >>> a, b = minitorch.ones(2, 3, 4), minitorch.ones(4, 3, 5)
    >>> minitorch.tensordot(a, b, dims=([1, 2], [1, 0])).shape
    (2, 5)
    """
    if isinstance(dims, int):
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    of_a, of_b = ([d % x.ndim for d in _list(ds)] for x, ds in zip((a, b), dims))
    if [a.shape[d] for d in of_a] != [b.shape[d] for d in of_b]:
        raise ShapeError(
            f"tensordot: {a.shape} over {of_a} and {b.shape} over {of_b}: the sizes differ"
        )
    in_a, in_b = ascii_letters[: a.ndim], list(ascii_letters[a.ndim : a.ndim + b.ndim])
    for i, j in zip(of_a, of_b):
        in_b[j] = in_a[i]
    out = [c for c in in_a if c not in in_b] + [c for c in in_b if c not in in_a]
    return contract(a, b, (in_a, "".join(in_b), "".join(out)))


def _list(dims: Any) -> list[int]:
    return [dims] if isinstance(dims, int) else list(dims)


@composite(methods="kron")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element of input times all of other, as blocks.

    >>> import minitorch
    >>> minitorch.kron(minitorch.eye(2), minitorch.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + tuple(x.shape) for x in (input, other))
    outer = input.reshape([n for size in a for n in (size, 1)])
    inner = other.reshape([n for size in b for n in (1, size)])
    return reshape(outer * inner, tuple(n * m for n, m in zip(a, b)))


@composite(methods="trace")
def trace(input: Tensor) -> Tensor:
    """y = Σ_i x_ii of a matrix          dL/dx = g on the diagonal"""
    if input.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, got shape {input.shape}")
    return sum(diagonal(input))


@composite()
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = Σ_ij x1_i W_oij x2_j + b_o, for the last axes of two inputs of equal leading axes."""
    if input1.shape[:-1] != input2.shape[:-1] or weight.ndim != 3:
        raise ShapeError(
            f"bilinear: {input1.shape} and {input2.shape} with weight {weight.shape}; expected "
            "(..., i) and (..., j) with weight (out, i, j)"
        )
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias
