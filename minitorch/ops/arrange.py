"""Arranging: elements turned round, moved along, cut off, padded, or taken from a diagonal."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from numpy import ndarray

from minitorch.array import diagonal_of, zeros_beside
from minitorch.constants import constants
from minitorch.op import composite, op
from minitorch.ops.arguments import dim_of, dims_of
from minitorch.ops.broadcast import broadcast_to
from minitorch.ops.index import unslice
from minitorch.ops.join import cat
from minitorch.ops.shape import clone, transpose
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np

zero = constants(0)

# turned round ----------------------------------------------------------------------------------


@op(methods="flip", pack="dims", calm=True)
def flip(x, *, dims):
    """y = a copy of x with the order along `dims` reversed          dL/dx = g, reversed as well

    >>> import minitorch
    >>> minitorch.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    index = [slice(None)] * len(x.shape)
    for d in dims_of(dims, len(x.shape)) if x.shape else ():
        index[d] = slice(None, None, -1)
    return x[tuple(index)].copy()


flip.grad(x=lambda g, dims: flip(g, dims))


@composite(methods="fliplr")
def fliplr(x: Tensor) -> Tensor:
    """Left and right exchanged: reversed along dim 1."""
    return flip(x, 1)


@composite(methods="flipud")
def flipud(x: Tensor) -> Tensor:
    """Up and down exchanged: reversed along dim 0."""
    return flip(x, 0)


@composite(methods="rot90")
def rot90(x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """x turned by k quarters in the plane of two dims, from the first towards the second.

    >>> import minitorch
    >>> minitorch.tensor([[1, 2], [3, 4]]).rot90()
    tensor([[2, 4],
            [1, 3]])
    """
    a, b = dims_of(tuple(dims), len(x.shape), "rot90")
    if k % 4 == 0:
        return clone(x)
    if k % 4 == 2:
        return flip(x, (a, b))
    return transpose(flip(x, b if k % 4 == 1 else a), a, b)


@op(methods="roll", calm=True)
def roll(x, *, shifts, dims=None):
    """y = x moved on by `shifts` along `dims`; what leaves at the end comes in at the front

    dL/dx = g moved back. Without `dims`, x is taken as one long row.

    >>> import minitorch
    >>> minitorch.tensor([1, 2, 3]).roll(1)
    tensor([3, 1, 2])
    """
    if type(shifts) is not int or type(dims) is not int:
        return np.roll(x, shifts, dims)
    # One axis, the usual case, in a third of the time.
    dim = dim_of(dims, x.ndim)
    n = x.shape[dim]
    before, cut = (slice(None),) * dim, n - shifts % n if n else 0
    return np.concatenate((x[(*before, slice(cut, None))], x[(*before, slice(cut))]), axis=dim)


roll.grad(x=lambda g, shifts, dims: roll(g, _back(shifts), dims))


def _back(shifts):
    return tuple([-n for n in shifts]) if isinstance(shifts, (tuple, list)) else -shifts


# cut off and padded ---------------------------------------------------------------------------


@op(methods="narrow", view=True)
def narrow(x, *, dim, start, length):
    """y = the `length` slices of x along `dim` from `start` on          dL/dx = g, padded with 0

    >>> import minitorch
    >>> minitorch.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    return x[_stretch(x.shape, dim, start, length)]


@lru_cache
def _stretch(shape, dim, start, length):
    """The index of the part that `narrow` leaves."""
    dim = dim_of(dim, len(shape))
    n = shape[dim]
    start = start + n if start < 0 else start
    if not 0 <= start <= start + length <= n:
        raise IndexError(
            f"narrow: {length} elements from {start} on do not lie in dim {dim} of shape {shape}"
        )
    return (slice(None),) * dim + (slice(start, start + length),)


narrow.grad(
    x=lambda g, x_shape, dim, start, length: unslice(
        g, _stretch(x_shape, dim, start, length), x_shape
    )
)


@op
def margins(x, *, widths, value=0):
    """y = x with `value` before and behind it; a negative width cuts off          dL/dx = g, undone

    `widths` holds (before, behind) for each axis.
    """
    inner, outer, shape = _placed(x.shape, tuple(map(tuple, widths)))
    y = zeros_beside(x, shape)
    if value:
        y[...] = value
    y[outer] = x[inner]
    return y


@lru_cache
def _placed(old, widths):
    """Which part of the old shape stays, where it goes, and the shape with the margins."""
    inner, outer, shape = [], [], []
    for n, (a, b) in zip(old, widths):
        if n + a + b < 0:
            raise ValueError(f"pad: widths {a}, {b} cut more than size {n} off shape {old}")
        inner.append(slice(max(-a, 0), n - max(-b, 0)))
        outer.append(slice(max(a, 0), max(a, 0) + n - max(-a, 0) - max(-b, 0)))
        shape.append(n + a + b)
    return tuple(inner), tuple(outer), tuple(shape)


margins.grad(x=lambda g, widths: margins(g, [(-a, -b) for a, b in widths]))


@composite()
def pad(
    x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """x with more elements before and behind it.

    Args:
        x: the tensor.
        pad: (before, behind) of the last axis, then of the one before it, and so on; negative
            widths cut off ("constant" only).
        mode: "constant" puts `value` there; "reflect" mirrors at the border elements, "replicate"
            repeats them, "circular" goes on at the other end.
        value: 0 unless given.

    >>> import minitorch
    >>> minitorch.nn.functional.pad(minitorch.tensor([1, 2, 3]), (2, 1), "reflect")
    tensor([3, 2, 1, 2, 3, 2])
    """
    if len(pad) % 2 or len(pad) // 2 > len(x.shape):
        raise ShapeError(
            f"pad: expected (before, behind) for up to {len(x.shape)} axes, the last axis first; "
            f"got {tuple(pad)} for shape {x.shape}"
        )
    pairs = list(zip(pad[::2], pad[1::2]))[::-1]
    first = len(x.shape) - len(pairs)
    if mode == "constant":
        return margins(x, [(0, 0)] * first + pairs, 0 if value is None else value)
    if mode not in _BORDERS:
        known = ", ".join(map(repr, ("constant", *_BORDERS)))
        raise ValueError(f"pad: mode must be one of {known}, got {mode!r}")
    if value is not None:
        raise ValueError(f"pad: value={value} is for mode='constant', not for {mode!r}")
    for dim, (a, b) in enumerate(pairs, first):
        x = _padded(x, dim, a, b, mode)
    return x


def _reflected(x, dim, n, a, b):
    """The mirror stands in the middle of a border element, which is not repeated."""
    return flip(narrow(x, dim, 1, a), dim), flip(narrow(x, dim, n - 1 - b, b), dim)


def _replicated(x, dim, n, a, b):
    """The border element again and again."""
    shapes = [(*x.shape[:dim], width, *x.shape[dim + 1 :]) for width in (a, b)]
    return [broadcast_to(narrow(x, dim, at, 1), shape) for at, shape in zip((0, n - 1), shapes)]


def _circular(x, dim, n, a, b):
    """Before the first element comes the last."""
    return narrow(x, dim, n - a, a), narrow(x, dim, 0, b)


_BORDERS = {"reflect": _reflected, "replicate": _replicated, "circular": _circular}


def _padded(x: Any, dim: int, a: int, b: int, mode: str) -> Any:
    """One axis of `pad`."""
    n = x.shape[dim]
    most = {"reflect": n - 1, "replicate": max(a, b), "circular": n}[mode]
    if min(a, b) < 0 or n == 0 or max(a, b) > most:
        raise ShapeError(
            f"pad: cannot pad dim {dim} of shape {x.shape} by ({a}, {b}) with mode {mode!r}; it "
            f"takes widths from 0 to {'any' if mode == 'replicate' else max(most, 0)}"
        )
    if a == b == 0:
        return x
    before, behind = _BORDERS[mode](x, dim, n, a, b)
    return cat([before, x, behind], dim)


# triangles and diagonals ----------------------------------------------------------------------


@op(methods="tril", inplace="tril_", calm=True)
def tril(x, *, diagonal=0):
    """y = x on and below a diagonal, 0 above it          dL/dx = g, cut in the same way

    The diagonal is the main one, or that many places to the right of it.

    >>> import minitorch
    >>> minitorch.ones(2, 3, dtype=int).tril()
    tensor([[1, 0, 0],
            [1, 1, 0]])
    """
    return _triangle("tril", np.tril, x, diagonal)


@op(methods="triu", inplace="triu_", calm=True)
def triu(x, *, diagonal=0):
    """y = x on and above a diagonal, 0 below it          dL/dx = g, cut in the same way"""
    return _triangle("triu", np.triu, x, diagonal)


def _triangle(name, cut, x, diagonal):
    if len(x.shape) < 2:
        raise ValueError(f"{name}: expected a matrix or several, got shape {x.shape}")
    if type(x) is not ndarray or x.size > _FEW:
        return cut(x, diagonal)
    y = x.copy()
    y[_gone(cut, x.shape, diagonal)] = zero(x)
    return y


_FEW = 2**12  # numbers: up to here, what goes is remembered, to find it takes longer than to cut


@lru_cache
def _gone(cut, shape, diagonal):
    return ~cut(np.ones(shape, bool), diagonal)


tril.grad(x=lambda g, diagonal: tril(g, diagonal))
triu.grad(x=lambda g, diagonal: triu(g, diagonal))


@op(methods="diagonal", view=True)
def diagonal(x, *, offset=0, dim1=0, dim2=1):
    """y = the diagonal of the plane of two dims, as the last axis          dL/dx = g, put back

    `offset` is how far it lies to the right of the main one.

    >>> import minitorch
    >>> minitorch.arange(4).reshape(2, 2).diagonal()
    tensor([0, 3])
    """
    _plane(dim1, dim2, x.ndim)
    return diagonal_of(x, offset, dim1, dim2)


@lru_cache
def _plane(dim1, dim2, ndim):
    """The two dims, counted from the front; an IndexError where there are no two such dims."""
    return dims_of((dim1, dim2), ndim)


@op(calm=True)
def on_diagonal(x, *, shape, offset=0, dim1=0, dim2=1):
    """y = zeros of `shape` with the last axis of x on a diagonal          dL/dx = g's diagonal"""
    apart, order, flat, places = _diagonal_of(shape, x.shape[-1], offset, dim1, dim2)
    y = zeros_beside(x, flat)
    y[places] = x
    y = y.reshape(apart)
    return y if order is None else y.transpose(order)


@lru_cache
def _diagonal_of(shape, length, offset, dim1, dim2):
    """Four things about a diagonal of so many elements in an array of `shape`.

    The shape with the plane's axes last, the way back from there (None: they are there already),
    the first with the plane flattened, and the places of the diagonal in that.
    """
    ndim, offset = len(shape), operator.index(offset)
    dim1, dim2 = _plane(dim1, dim2, ndim)
    order = [i for i in range(ndim) if i not in (dim1, dim2)] + [dim1, dim2]
    apart, width = tuple([shape[i] for i in order]), shape[dim2]
    start, step = offset if offset >= 0 else -offset * width, width + 1  # one row on, one column on
    places = (..., slice(start, start + (length - 1) * step + 1, step))
    back = None if order == [*range(ndim)] else tuple([order.index(i) for i in range(ndim)])
    return apart, back, (*apart[:-2], apart[-2] * apart[-1]), places


diagonal.grad(x=lambda g, x_shape, offset, dim1, dim2: on_diagonal(g, x_shape, offset, dim1, dim2))
on_diagonal.grad(x=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))


@composite(methods="diag_embed")
def diag_embed(x: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in the plane of two dims, with the last axis of x on a diagonal, and 0 elsewhere.

    >>> import minitorch
    >>> minitorch.tensor([1, 2]).diag_embed()
    tensor([[1, 0],
            [0, 2]])
    """
    return on_diagonal(x, _embedding(x.shape, offset, dim1, dim2), offset, dim1, dim2)


@lru_cache
def _embedding(shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> tuple[int, ...]:
    """The shape of what has an array of `shape` on its diagonals."""
    if not shape:
        raise ShapeError("diag_embed: x is one number; expected at least one axis")
    *others, n = shape
    offset = operator.index(offset)  # before it is remembered: 1.0 would be found as 1
    for d in sorted(dims_of((dim1, dim2), len(shape) + 1, "diag_embed")):
        others.insert(d, n + abs(offset))
    return tuple(others)


@composite(methods="diag")
def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector, the matrix with it on a diagonal; of a matrix, its diagonal."""
    ndim = x.ndim
    if ndim not in (1, 2):
        raise ShapeError(
            f"diag: expected a vector or a matrix, got shape {x.shape}; for several at once, "
            "diag_embed or diagonal"
        )
    return diag_embed(x, diagonal) if ndim == 1 else clone(_diagonal(x, diagonal))


_diagonal = diagonal
