"""Joining and splitting: several tensors become one, and one becomes several.

They are adjoint pairs: the gradient of `cat` is a split, that of `stack` is `unbind`, and the other
way round.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, SupportsIndex

from numpy import ndarray
from numpy.exceptions import AxisError

from minitorch.array import expanded
from minitorch.op import composite, direct, op
from minitorch.ops.arguments import dim_of
from minitorch.ops.broadcast import broadcast_to
from minitorch.ops.shape import atleast_1d, atleast_2d, atleast_3d, clone, reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np

# along an axis that is there -------------------------------------------------------------------


@op(calm=True)
def cat(*xs, dim=0):
    """y = the xs one after another along `dim`          dL/dxs = g, split

    A vector without elements goes with any others, as in torch: what a loop begins with.

    >>> import minitorch
    >>> a = minitorch.tensor([[1, 2]])
    >>> minitorch.cat([a, a + 2])
    tensor([[1, 2],
            [3, 4]])
    """
    if not xs:
        raise ValueError("cat: expected at least one tensor, got none")
    try:
        return np.concatenate(xs, dim)
    except ValueError as error:
        others = [x for x in xs if np.shape(x) != _NOTHING]
        if len(others) in (0, len(xs)):
            if isinstance(error, AxisError):
                raise
            raise ValueError(_odd_one(xs, dim)) from None
        nothing = list(others[0].shape)
        nothing[dim] = 0
        return cat.op.body(*[x.reshape(nothing) if x.shape == _NOTHING else x for x in xs], dim=dim)


_NOTHING = (0,)


def _odd_one(xs, dim):
    """Which tensor does not fit the first, and why."""
    shapes = [np.shape(x) for x in xs]
    for i, shape in enumerate(shapes):
        if not shape:
            return f"cat: xs[{i}] is one number, without an axis; use stack"
        rest, first = list(shape), list(shapes[0])
        if len(rest) != len(first) or rest[:dim] + rest[dim:][1:] != first[:dim] + first[dim:][1:]:
            break
    return (
        f"cat: shapes may differ in dim {dim} only; xs[0] has shape {shapes[0]}, xs[{i}] has "
        f"shape {shape}"
    )


concat = concatenate = cat


@op(view=True, exact_dtype=True)
def split_sizes(x, *, sizes, dim=0):
    """ys = x cut along `dim` into parts of these sizes          dL/dx = the gs, joined by `cat`"""
    return tuple([x[part] for part in _parts(tuple(sizes), dim, x.ndim)])


@lru_cache
def _parts(sizes, dim, ndim):
    """The index of each part."""
    sizes = [operator.index(n) for n in sizes]  # before they are remembered: 1.0 is found as 1
    parts = [slice(end - n, end) for n, end in zip(sizes, accumulate(sizes))]
    before = (slice(None),) * dim_of(dim, ndim)
    return [(*before, part) for part in parts] if before else parts  # x[part,] would take longer


@lru_cache
def _sizes(shapes, dim):
    return tuple([0 if shape == _NOTHING else shape[dim] for shape in shapes])


def _cut(g, xs_shape, dim):
    sizes = _sizes(xs_shape, dim)
    gs = direct(split_sizes, g)(g, sizes=sizes, dim=dim)
    if 0 not in sizes:
        return gs
    return tuple([reshape(part, shape) for part, shape in zip(gs, xs_shape)])


cat.grad(_cut)
split_sizes.grad(x=lambda g, dim: direct(cat, g)(*g, dim=dim))


@composite(methods="split")
def split(
    x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """x cut along `dim` into parts of one size (the last may be smaller), or of the sizes given.

    >>> import minitorch
    >>> minitorch.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    shape = x.array.shape
    n = shape[dim_of(dim, len(shape), "split")]
    if isinstance(split_size_or_sections, (int, SupportsIndex)):  # int first: it is found sooner
        size = operator.index(split_size_or_sections)
        if size <= 0:
            raise ValueError(f"split: expected a positive size, got {size}")
        sizes = _even_sizes(n, size)
    else:
        sizes = tuple(split_size_or_sections)
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise ShapeError(
                f"split: sizes {list(sizes)} add up to {sum(sizes)}, and dim {dim} of shape "
                f"{x.shape} has size {n}"
            )
    return split_sizes(x, sizes, dim)


@lru_cache
def _even_sizes(n: int, size: int) -> tuple[int, ...]:
    """The sizes of the parts of n that are as large as `size`, but for a smaller last one."""
    return (size,) * (n // size) + ((n % size,) if n % size or not n else ())


@composite(methods="chunk")
def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """x cut along `dim` into at most `chunks` parts of one size; the last may be smaller.

    >>> import minitorch
    >>> [len(part) for part in minitorch.arange(9).chunk(4)]
    [3, 3, 3]
    """
    if chunks <= 0:
        raise ValueError(f"chunk: expected a positive number of chunks, got {chunks}")
    return split_sizes(x, _chunks(x.array.shape, chunks, dim), dim)


@lru_cache
def _chunks(shape: tuple[int, ...], chunks: int, dim: int) -> tuple[int, ...]:
    """The sizes of the parts that `chunk` makes; of nothing, as many as one asks for."""
    n = shape[dim_of(dim, len(shape), "chunk")]
    return _even_sizes(n, -(-n // chunks)) if n else (0,) * chunks


@composite(methods="tensor_split")
def tensor_split(
    x: Tensor, indices_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """x cut along `dim` into that many parts, as equal as can be, or before each of the indices.

    >>> import minitorch
    >>> minitorch.arange(5).tensor_split(3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    n = x.shape[dim_of(dim, len(x.shape), "tensor_split")]
    if isinstance(indices_or_sections, (int, SupportsIndex)):
        parts = operator.index(indices_or_sections)
        if parts <= 0:
            raise ValueError(f"tensor_split: expected a positive number of parts, got {parts}")
        size, larger = divmod(n, parts)
        sizes = [size + (i < larger) for i in range(parts)]
    else:
        cuts = [slice(i).indices(n)[1] for i in indices_or_sections]
        sizes = [max(end - start, 0) for start, end in zip([0, *cuts], [*cuts, n])]
        if sum(sizes) != n:
            raise ValueError(f"tensor_split: indices must not decrease, got {indices_or_sections}")
    return split_sizes(x, sizes, dim)


# along a new axis -----------------------------------------------------------------------------


@op(calm=True)
def stack(*xs, dim=0):
    """y = the xs, all of one shape, along a new axis `dim`          dL/dxs = g, unbound

    >>> import minitorch
    >>> a = minitorch.tensor([1, 2])
    >>> minitorch.stack([a, a + 2], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    if not xs:
        raise ValueError("stack: expected at least one tensor, got none")
    if dim == 0 and _ARRAYS.issuperset(map(type, xs)):
        try:
            return np.array(xs)
        except ValueError:  # their shapes differ
            raise ValueError(_other_shape(xs)) from None
    try:
        shapes = {x.shape for x in xs}
    except AttributeError:  # a plain number is among them
        return np.stack(xs, axis=dim)
    if len(shapes) > 1:
        raise ValueError(_other_shape(xs))
    (shape,) = shapes
    new = _new_axis(dim, len(shape) + 1)
    return np.concatenate([x[new] for x in xs], axis=dim)  # in a third of the time of np.stack


_ARRAYS = frozenset({ndarray})  # which `np.array` puts along a new first axis, sooner than any


def _other_shape(xs):
    """Which tensor has another shape than the first."""
    first = xs[0].shape
    i = next(i for i, x in enumerate(xs) if x.shape != first)
    return (
        f"stack: all shapes must be the same; xs[0] has shape {first}, xs[{i}] has shape "
        f"{xs[i].shape}"
    )


@lru_cache
def _new_axis(dim, ndim):
    return (slice(None),) * dim_of(dim, ndim) + (None,)


@op(methods="unbind", view=True, exact_dtype=True)
def unbind(x, *, dim=0):
    """ys = the slices of x along `dim`, without that axis          dL/dx = the gs, stacked"""
    if not x.shape:
        raise IndexError("unbind: x is one number, without an axis to go along")
    shape = x.shape
    return tuple([x[i] for i in _slices(shape[dim], dim, len(shape))])


@lru_cache
def _slices(n, dim, ndim):
    """The index of each of n slices."""
    before = (slice(None),) * dim_of(dim, ndim)
    if ndim > 1 and not before:
        return [*range(n)]
    return [(*before, i, ...) for i in range(n)]  # the dots make a view also of one number


def _iterated(x: Tensor) -> Iterator[Tensor]:
    """`for row in x`: one node for all rows, where indexing would make one for each."""
    if not x.shape:
        raise TypeError("iter: a 0-d tensor holds one number; read it with x.item()")
    return iter(unbind(x))


Tensor.__iter__ = _iterated  # type: ignore[method-assign]
stack.grad(lambda g, dim: direct(unbind, g)(g, dim=dim))
unbind.grad(x=lambda g, dim: direct(stack, g)(*g, dim=dim))


@composite()
def hstack(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """The tensors side by side: joined along dim 1, vectors along dim 0."""
    xs = [atleast_1d(x) for x in _sequence(tensors)]
    return cat(xs, 0 if xs and len(xs[0].shape) == 1 else 1)


@composite()
def column_stack(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """The tensors side by side, vectors as columns.

    >>> import minitorch
    >>> minitorch.column_stack([minitorch.tensor([1, 2]), minitorch.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    xs = _sequence(tensors)
    return cat([x if len(x.shape) > 1 else reshape(x, (-1, 1)) for x in xs], 1)


@composite()
def vstack(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """The tensors one below the other: joined along dim 0, vectors as rows."""
    return cat([atleast_2d(x) for x in _sequence(tensors)])


@composite()
def dstack(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """The tensors one behind the other: joined along dim 2."""
    return cat([atleast_3d(x) for x in _sequence(tensors)], 2)


@composite()
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """From vectors, the coordinates of every point of a grid: y_k[i_0, i_1, ...] = x_k[i_k].

    `indexing="xy"` exchanges the first two axes, as plots of images want it.

    >>> import minitorch
    >>> rows, columns = minitorch.meshgrid(minitorch.arange(2), minitorch.arange(3))
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    xs = [atleast_1d(x) for x in _sequence(tensors)]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    for i, x in enumerate(xs):
        if len(x.shape) != 1:
            raise ShapeError(f"meshgrid: expected vectors, tensors[{i}] has shape {x.shape}")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = 1, 0
    shape = tuple(xs[i].shape[0] for i in order)
    return tuple(
        broadcast_to(reshape(x, [n if i == k else 1 for i, n in zip(order, shape)]), shape)
        for k, x in enumerate(xs)
    )


def _sequence(tensors: tuple) -> Sequence[Tensor]:
    """`f([a, b])` is `f(a, b)`."""
    return tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


# the same several times -----------------------------------------------------------------------


@op(methods="repeat", pack="repeats", calm=True)
def repeat(x, *, repeats):
    """y = x again and again, `repeats` times along each axis          dL/dx = Σ g over its copies

    More repeats than axes go in front.

    >>> import minitorch
    >>> minitorch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    apart, both, joined = _repeated(x.shape, tuple(repeats))
    y = expanded(x.reshape(apart), both).reshape(joined)
    return y if y.size != x.size else y.copy()  # once along every axis would be x itself


@lru_cache
def _repeated(shape, times):
    """Three shapes: an axis for its copies before each axis, the same filled, and both joined."""
    new = len(times) - len(shape)
    if new < 0 or min(times, default=0) < 0:
        raise ShapeError(
            f"repeat: expected a number of times for each axis of shape {shape}, got {times}"
        )
    shape = (1,) * new + shape
    apart = [size for n in shape for size in (1, n)]
    both = [size for k, n in zip(times, shape) for size in (k, n)]
    return apart, both, [k * n for k, n in zip(times, shape)]


def _sum_of_copies(g, shape, repeats):
    both = _repeated(shape, tuple(repeats))[1]
    return g.reshape(both).sum(tuple(range(0, len(both), 2))).reshape(shape)


repeat.grad(x=lambda g, x_shape, repeats: _sum_of_copies(g, x_shape, repeats))


@composite(methods="tile")
def tile(x: Tensor, *dims: Any) -> Tensor:
    """`repeat` that takes fewer numbers than axes: they are meant for the last ones."""
    times = tuple(_sequence(dims))
    return repeat(x, (1,) * (len(x.shape) - len(times)) + times)


@composite(methods="repeat_interleave")
def repeat_interleave(x: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each slice of x along `dim` `repeats` times in a row; `dim=None` flattens x first.

    `repeats` is one number, or one for each slice.

    >>> import minitorch
    >>> minitorch.tensor([1, 2]).repeat_interleave(3)
    tensor([1, 1, 1, 2, 2, 2])
    """
    if dim is None:
        x, dim = reshape(x, (-1,)), 0
    dim = dim_of(dim, len(x.shape), "repeat_interleave")
    n = x.shape[dim]
    times = repeats.tolist() if hasattr(repeats, "tolist") else repeats
    if isinstance(times, (list, tuple)) and len(times) != 1:
        if len(times) != n:
            raise ShapeError(
                f"repeat_interleave: {len(times)} repeats for dim {dim} of shape {x.shape}"
            )
        parts = split_sizes(x, [1] * n, dim)
        return cat([repeat_interleave(part, k, dim) for part, k in zip(parts, times)], dim)
    times = times[0] if isinstance(times, (list, tuple)) else times
    if times == 1:
        return clone(x)
    after = unsqueeze(x, dim + 1)
    shape = (*x.shape[: dim + 1], times, *x.shape[dim + 1 :])
    return reshape(broadcast_to(after, shape), (*x.shape[:dim], n * times, *x.shape[dim + 1 :]))
