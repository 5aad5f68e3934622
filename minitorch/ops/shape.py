"""Shape: the same elements in another arrangement; every gradient is the arrangement undone.

All return views: no element moves. `clone` and `contiguous` copy, as their names say.
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import Any

from minitorch.array import has_values
from minitorch.clock import owner
from minitorch.inplace import reshaping_method
from minitorch.op import composite, op
from minitorch.ops.arguments import dim_of, dims_of
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np

# reshape, and what is written with it ----------------------------------------------------------


@op(methods="reshape", pack="shape", view=True)
def reshape(x, *, shape):
    """y = the elements of x, in the same order, in another shape          dL/dx = g, shaped as x

    One size may be -1: it is whatever the others leave. A view, or a copy of a transposed tensor.

    >>> import minitorch
    >>> minitorch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshaped(x, shape)


reshape.grad(x=lambda g, x_shape: g.reshape(x_shape))


def _reshaped(x, shape):
    """x in that shape, or the reason why not."""
    try:
        y = x.reshape(shape)
    except ValueError:
        raise ValueError(_why_not(x.shape, shape)) from None
    if y.shape != shape and min(shape, default=0) < -1:  # which NumPy takes for a -1
        raise ValueError(_why_not(x.shape, shape))
    return y


def _why_not(old, new):
    """The reason why `old` cannot be reshaped into `new`, with the sizes multiplied out."""
    have = f"{' * '.join(map(str, old)) or 1} = {math.prod(old)} elements"
    known = [n for n in new if n != -1]
    if len(new) - len(known) > 1:
        return f"reshape: only one size can be -1, got {new}"
    if any(n < 0 for n in known):
        return f"reshape: sizes must not be negative, but for one -1, got {new}"
    want = math.prod(known)
    if len(known) == len(new):
        return f"reshape: {old} has {have}, {new} has {' * '.join(map(str, new)) or 1} = {want}"
    if want == 0:
        return f"reshape: the -1 in {new} could be any size, since the others multiply to 0"
    return f"reshape: {old} has {have}, which {want} (the sizes of {new} but -1) does not divide"


@composite(methods="view")
def view(x: Tensor, *shape: Any) -> Tensor:
    """`reshape` that promises not to copy.

    Raises:
        ShapeError: the elements do not lie in memory in that order (after `transpose`, say).
        TypeError: a dtype was given; numbers are converted with `.to(dtype)`.
    """
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, np.integer, Tensor)):
        raise TypeError(f"view: expected sizes, got {shape[0]!r}; to convert, x.to({shape[0]!r})")
    y = reshape(x, *shape)
    old, new = getattr(x, "array", x), getattr(y, "array", y)
    shared = old if old.base is None else old.base  # what any view of `old` looks into
    if new.base is not shared and has_values(old) and new.size and owner(new) is not owner(old):
        raise ShapeError(
            f"view: {old.shape} to {new.shape} would have to copy, since the elements lie in "
            f"memory in another order (strides {old.strides}); write x.reshape{new.shape}"
        )
    return y


@composite(methods="view_as")
def view_as(x: Tensor, other: Tensor) -> Tensor:
    """`x.view(other.shape)`."""
    return view(x, other.shape)


@composite(methods="reshape_as")
def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """`x.reshape(other.shape)`."""
    return reshape(x, other.shape)


@op(methods="flatten", view=True)
def flatten(x, *, start_dim=0, end_dim=-1):
    """y = x, where the axes from `start_dim` to `end_dim` become one          dL/dx = g, as x

    >>> import minitorch
    >>> minitorch.ones(2, 3, 4).flatten(1).shape
    (2, 12)
    """
    shape = x.shape or (1,)
    start, end = dim_of(start_dim, len(shape), "flatten"), dim_of(end_dim, len(shape), "flatten")
    if start > end:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return x.reshape((*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


flatten.grad(x=lambda g, x_shape: g.reshape(x_shape))


@composite(methods="ravel")
def ravel(x: Tensor) -> Tensor:
    """All elements in one axis."""
    return flatten(x)


@op(methods="unflatten", view=True)
def unflatten(x, *, dim, sizes):
    """y = x, where axis `dim` becomes several, of these sizes          dL/dx = g, as x

    One of the sizes may be -1.

    >>> import minitorch
    >>> minitorch.ones(2, 12).unflatten(1, (3, -1)).shape
    (2, 3, 4)
    """
    dim = dim_of(dim, len(x.shape), "unflatten")
    sizes = tuple(map(operator.index, sizes))
    n, missing = x.shape[dim], sizes.count(-1)
    known = math.prod([size for size in sizes if size != -1] if missing else sizes)
    fits = n == known if missing == 0 else missing == 1 and known > 0 and n % known == 0
    if not fits:
        raise ShapeError(f"unflatten: axis {dim} has size {n}, which {sizes} does not multiply to")
    if missing:
        sizes = [n // known if size == -1 else size for size in sizes]
    return _reshaped(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


unflatten.grad(x=lambda g, x_shape: g.reshape(x_shape))


@op(methods="squeeze", view=True)
def squeeze(x, *, dim=None):
    """y = x without the axes of size 1 (among `dim`, an int or several)          dL/dx = g, as x

    An axis in `dim` of another size stays.
    """
    shape = x.shape
    dims = dims_of(dim, len(shape))
    return x.reshape([n for i, n in enumerate(shape) if n != 1 or i not in dims])


squeeze.grad(x=lambda g, x_shape: g.reshape(x_shape))


@op(methods="unsqueeze", view=True)
def unsqueeze(x, *, dim):
    """y = x with a new axis of size 1 at `dim`          dL/dx = g without it

    >>> import minitorch
    >>> minitorch.ones(3).unsqueeze(1).shape
    (3, 1)
    """
    return x[(slice(None),) * dim_of(dim, len(x.shape) + 1) + (None,)]


unsqueeze.grad(x=lambda g, x_shape: g.reshape(x_shape))


@composite()
def atleast_1d(x: Tensor) -> Tensor:
    """x, of shape (1,) where it was one number."""
    return x if len(x.shape) >= 1 else reshape(x, (1,))


@composite()
def atleast_2d(x: Tensor) -> Tensor:
    """x with leading axes of size 1 until there are two."""
    return x if len(x.shape) >= 2 else reshape(x, (1, *(x.shape or (1,))))


@composite()
def atleast_3d(x: Tensor) -> Tensor:
    """x with three axes: (N,) becomes (1, N, 1), and (N, M) becomes (N, M, 1)."""
    return x if len(x.shape) >= 3 else unsqueeze(atleast_2d(x), -1)


# permute, and what is written with it ---------------------------------------------------------


@op(methods="permute", pack="dims", view=True)
def permute(x, *, dims):
    """y[i_dims[0], i_dims[1], ...] = x[i_0, i_1, ...]          dL/dx = g, permuted back"""
    if len(dims) != len(x.shape):
        raise ValueError(f"permute: dims {dims} must name each of the {len(x.shape)} axes once")
    return x.transpose(dims)


@lru_cache
def _inverse(dims):
    """The permutation that undoes `dims`."""
    return tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims)))


permute.grad(x=lambda g, dims: permute(g, _inverse(tuple(dims))))


@op(methods="transpose swapaxes swapdims", view=True)
def transpose(x, *, dim0, dim1):
    """y = x with two axes exchanged          dL/dx = g with the same two exchanged

    >>> import minitorch
    >>> minitorch.ones(2, 3, 4).transpose(1, 2).shape
    (2, 4, 3)
    """
    if not x.ndim:  # a number has one dim, 0, in torch's eyes, and none in NumPy's
        for dim in (dim0, dim1):
            dims_of(dim, 0)
        return x.reshape(())
    return x.swapaxes(dim0, dim1)


transpose.grad(x=lambda g, dim0, dim1: transpose(g, dim0, dim1))
swapaxes = swapdims = transpose


@composite(methods="t")
def t(x: Tensor) -> Tensor:
    """The transposed matrix; a vector or a number as it is."""
    if len(x.shape) > 2:
        raise ShapeError(
            f"t: expected a matrix, got shape {x.shape}; to transpose every matrix in it, "
            "x.mT; to reverse all axes, x.permute(*reversed(range(x.ndim)))"
        )
    return transpose(x, 0, 1) if len(x.shape) == 2 else x


def _mt(x: Tensor) -> Tensor:
    """The last two axes exchanged: every matrix in x transposed."""
    if x.array.ndim < 2:
        raise ShapeError(f"mT: expected at least 2 axes, got shape {x.shape}")
    return transpose(x, -2, -1)


def _transposed(x: Tensor) -> Tensor:
    """The transposed matrix; an error where there are more than two axes."""
    if x.array.ndim > 2:
        raise ShapeError(
            f"T: expected a matrix, got shape {x.shape}; to transpose every matrix in it, x.mT; "
            "to reverse all axes, x.permute(*reversed(range(x.ndim)))"
        )
    return t(x)


Tensor.T = property(_transposed)  # type: ignore[attr-defined]
Tensor.mT = property(_mt)  # type: ignore[attr-defined]


@op(methods="movedim moveaxis", view=True)
def movedim(x, *, source, destination):
    """y = x with axes `source` (an int or several) at the places `destination`

    The other axes keep their order. dL/dx = g with the same axes moved back.

    >>> import minitorch
    >>> minitorch.ones(2, 28, 28, 3).movedim(-1, 1).shape
    (2, 3, 28, 28)
    """
    source, destination = [tuple(d) if type(d) is list else d for d in (source, destination)]
    return x.transpose(_moved(x.ndim, source, destination))


@lru_cache
def _moved(ndim, source, destination):
    """The order of the axes after `movedim`."""
    here, there = (dims_of(d, ndim, "movedim") for d in (source, destination))
    if len(here) != len(there):
        raise ShapeError(
            f"movedim: source {source} and destination {destination} must be equally long"
        )
    order = [i for i in range(ndim) if i not in here]
    for place, i in sorted(zip(there, here)):
        order.insert(place, i)
    return tuple(order[:ndim])  # of a number's dim 0 there is no axis


movedim.grad(x=lambda g, source, destination: movedim(g, destination, source))
moveaxis = movedim

for name in ("squeeze", "unsqueeze", "transpose", "swapaxes", "swapdims", "t"):
    setattr(Tensor, f"{name}_", reshaping_method(getattr(Tensor, name), f"{name}_"))


# copies ---------------------------------------------------------------------------------------


@op(methods="clone", calm=True)
def clone(x):
    """y = a copy of x          dL/dx = g"""
    return x.copy()


clone.grad(x=lambda g: g)


@composite(methods="contiguous")
def contiguous(x: Tensor) -> Tensor:
    """x itself where its elements lie in memory in row-major order, else a copy that does."""
    return x if x.is_contiguous() else clone(x)
