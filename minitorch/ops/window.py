"""Windows: the patches a kernel looks at, laid out as the columns of a matrix, and added back.

A convolution asks the same question of every patch of an image. Write each patch as a column, and
all the questions become one matrix product: that is im2col, and it is why convolution is fast.
Its adjoint, col2im, adds every column back to where its numbers came from; an input that lies in
nine windows collects nine numbers. Each of the two is the other's gradient.

`N` is the batch, `C` the channels, `*S` the sizes of the image (H, W), `*K` of the kernel, and
`*L` counts the windows along each axis: L = (S + padding - dilation (K - 1) - 1) // stride + 1.
All is written over any number of spatial axes; the ops say 1-D, 2-D or 3-D.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from minitorch.array import Array, strided
from minitorch.dtypes import FLOATING
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.arguments import dim_of
from minitorch.tensor import ShapeError
from minitorch.words import np

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Taps = tuple[tuple[Sizes, tuple[slice, ...]], ...]


class Grid(NamedTuple):
    """Where a kernel looks; every entry has one item for each spatial axis."""

    sizes: Sizes  # of the image
    kernel: Sizes
    stride: Sizes
    pads: Pairs  # (before, after); a negative number crops
    dilation: Sizes
    counts: Sizes  # of the windows

    def taps(self) -> Taps:
        """For each place in the kernel, the slices of the padded image that it meets."""
        return _taps(self.kernel, self.dilation, self.stride, self.counts)

    def row_taps(self) -> Taps:
        """The same for each row of the kernel, along all axes but the last."""
        return _taps(self.kernel[:-1], self.dilation[:-1], self.stride[:-1], self.counts[:-1])


@lru_cache
def _taps(kernel: Sizes, dilation: Sizes, stride: Sizes, counts: Sizes) -> Taps:
    return tuple(
        (
            tap,
            tuple(
                slice(t * d, t * d + s * (n - 1) + 1, s)
                for t, d, s, n in zip(tap, dilation, stride, counts)
            ),
        )
        for tap in product(*map(range, kernel))
    )


# what the arguments mean ----------------------------------------------------------------------


def per_axis(who: str, name: str, value: Any, n: int, least: int = 1) -> Sizes:
    """An int for all axes, or one int per axis, as n ints.

    Raises:
        TypeError: what is given is no int.
        ValueError: another number of them, or one below `least`.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for v in given:
        if isinstance(v, (bool, float, str)) or not hasattr(v, "__index__"):
            raise TypeError(f"{who}: {name} must be an int or {n} ints, got {value!r}")
    if len(given) not in (1, n):
        raise ValueError(f"{who}: {name} must be an int or {n} ints, got {len(given)}: {value!r}")
    if min(given) < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value!r}")
    return tuple(map(int, given if len(given) == n else given * n))


def per_side(
    who: str, padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes, pool: bool = False
) -> Pairs:
    """Padding as (before, after) for each axis.

    Accepts an int, an int per axis, a pair per axis (negative numbers crop), "valid" for none, or
    "same" for as many windows as inputs; an odd one goes after, as in torch.
    """
    n = len(kernel)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if stride != (1,) * n:
            raise ValueError(
                f"{who}: padding='same' keeps the size only with stride 1, got stride {stride}; "
                f"give numbers, such as padding={tuple(k // 2 for k in kernel)}"
            )
        total = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((t // 2, t - t // 2) for t in total)
    if isinstance(padding, str):
        raise ValueError(f"{who}: padding must be 'same', 'valid' or numbers, got {padding!r}")
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        if len(padding) != n or any(np.shape(p) != (2,) for p in padding):
            raise ValueError(
                f"{who}: padding in pairs is one (before, after) for each of {n} axes, "
                f"got {padding!r}"
            )
        return tuple((int(before), int(after)) for before, after in padding)
    pads = per_axis(who, "padding", padding, n, least=0)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    if pool and any(p > span // 2 for p, span in zip(pads, spans)):
        raise ValueError(
            f"{who}: padding must be at most half the kernel, or some windows would hold nothing "
            f"but padding; got padding {pads}, kernel_size {kernel}, dilation {dilation}"
        )
    return tuple((p, p) for p in pads)


def grid_of(
    who: str,
    sizes: Sequence[int],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool = False,
    pool: bool = False,
) -> Grid:
    """The windows of an image of those sizes, from arguments as an op takes them.

    With `ceil`, a last window that sticks out of the padded image counts too, if it starts inside
    the image or the padding before it (torch's rule); `pads` then grow to hold it.

    Raises:
        ShapeError: the kernel is larger than the padded image.
    """
    numbers = (kernel_size, stride, padding, dilation)
    find = _known_grid if all(map(_is_plain, numbers)) else _grid_of
    return find(who, tuple(sizes), *numbers, ceil, pool)


def _is_plain(value: Any) -> bool:
    """An int or a tuple of ints: what equals it means the same, as True and 1.0 would not."""
    return type(value) is int or (type(value) is tuple and set(map(type, value)) == {int})


def _grid_of(
    who: str,
    sizes: Sizes,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
    pool: bool,
) -> Grid:
    n = len(sizes)
    kernel = per_axis(who, "kernel_size", kernel_size, n)
    stride = per_axis(who, "stride", stride, n)
    dilation = per_axis(who, "dilation", dilation, n)
    pads = per_side(who, padding, kernel, stride, dilation, pool)
    counts, grown = [], []
    for axis, (size, k, s, (before, after), d) in enumerate(
        zip(sizes, kernel, stride, pads, dilation)
    ):
        span = d * (k - 1) + 1
        count = (size + before + after - span) // s + 1
        if ceil:
            count = -((span - size - before - after) // s) + 1
            if (count - 1) * s >= size + before:
                count -= 1
            after = max(after, (count - 1) * s + span - size - before)
        if count < 1:
            raise ShapeError(
                f"{who}: the kernel is larger than the padded input along dim {axis + 2}: "
                f"(input {size} + padding {before} + {after} - dilation {d} * (kernel {k} - 1) - 1)"
                f" // stride {s} + 1 = {count} windows; use a smaller kernel, or pad the input"
            )
        counts.append(count)
        grown.append((before, after))
    return Grid(sizes, kernel, stride, tuple(grown), dilation, tuple(counts))


_known_grid = lru_cache(_grid_of)  # a step of training asks for the same few again and again


def check_image(who: str, x: Any, n: int, name: str = "x") -> None:
    """Raises unless x is a floating-point array of shape (N, C, *S) with n spatial axes."""
    if not hasattr(x, "dtype"):
        raise TypeError(f"{who}: {name} must be a Tensor or an array, got {type(x).__name__}")
    axes = ("N", "C", "D", "H", "W")[: n + 2] if n == 3 else ("N", "C", *("L", "HW")[n - 1])
    if x.ndim != n + 2:
        fix = {
            n: f"{name}[None, None] adds both a batch and a channel of one",
            n + 1: f"{name}[None] adds a batch of one, {name}[:, None] a channel of one",
        }.get(x.ndim, "reshape it")
        raise ShapeError(
            f"{who}: {name} has shape {tuple(x.shape)}, expected ({', '.join(axes)}); {fix}"
        )
    if x.dtype.kind not in FLOATING:
        fix = f"{name}.float() / 255" if x.dtype == np.uint8 else f"{name}.float()"
        raise TypeError(f"{who}: {name} is {x.dtype}, expected floating point; write {fix}")


# the work, on arrays --------------------------------------------------------------------------


def padded(x: Array, pads: Sequence[tuple[int, int]], value: float = 0.0, at: int = 2) -> Array:
    """Puts margins of `value` around the axes of x from `at` on; negative ones cut off.

    The adjoint of padding with zeros is padding with the negatives of the same numbers.
    """
    if any(p < 0 for pair in pads for p in pair):
        cut = tuple(slice(max(-a, 0), n + min(b, 0)) for (a, b), n in zip(pads, x.shape[at:]))
        x = x[(slice(None),) * at + cut]
        pads = [(max(a, 0), max(b, 0)) for a, b in pads]
    if not any(map(any, pads)):
        return x
    sizes = [a + n + b for (a, b), n in zip(pads, x.shape[at:])]
    y = np.full_like(x, value, shape=(*x.shape[:at], *sizes, *x.shape[at + len(pads) :]))
    inner = tuple(slice(a, a + n) for (a, _), n in zip(pads, x.shape[at:]))
    y[(slice(None),) * at + inner] = x
    return y


def unpadded(x: Array, pads: Pairs, at: int = 2) -> Array:
    """Takes the margins off x: the adjoint of `padded`."""
    return padded(x, [(-a, -b) for a, b in pads], at=at)


def windows(x: Array, grid: Grid, last: bool = False) -> Array:
    """Every window of the padded x, as a view that repeats numbers without copying them.

    (N, C, *S) gives (N, C, *K, *L); with channels `last`, (N, *S, C) gives (N, *L, *K, C).
    """
    at = 1 if last else 2
    steps = x.strides[at : at + len(grid.kernel)]
    inside = [step * d for step, d in zip(steps, grid.dilation)]
    between = [step * s for step, s in zip(steps, grid.stride)]
    if last:
        shape = (x.shape[0], *grid.counts, *grid.kernel, x.shape[-1])
        return strided(x, shape, (x.strides[0], *between, *inside, x.strides[-1]))
    shape = (*x.shape[:2], *grid.kernel, *grid.counts)
    return strided(x, shape, (*x.strides[:2], *inside, *between))


@on_gpu("windows.im2col")
def copied_windows(x: Array, grid: Grid) -> Array:
    """(N, C, *S) to (N, C, *K, *L): every window of the padded x, each in memory of its own."""
    return windows(padded(x, grid.pads), grid).copy()


@on_gpu("windows.col2im")
def add_windows(cols: Array, grid: Grid) -> Array:
    """(N, C, *K, *L) to (N, C, *S): every window added where it was taken from.

    One addition per place in the kernel, each of a whole image, rather than one per window.
    """
    sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
    x: Array = np.zeros_like(cols, shape=(*cols.shape[:2], *sizes))
    for tap, at in grid.taps():
        x[(..., *at)] += cols[(slice(None), slice(None), *tap)]
    return unpadded(x, grid.pads)


# the ops --------------------------------------------------------------------------------------


@op(calm=True)
def im2col(x, *, kernel_size, stride=1, padding=0, dilation=1):
    """Every window of x as a column: (N, C, *S) to (N, C·K, L).          dL/dx = col2im(g)

    K is the number of places in the kernel, L the number of windows. A 3 by 3 kernel makes nine
    times the bytes of the input.

    >>> import minitorch
    >>> x = minitorch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    >>> minitorch.nn.functional.im2col(x, kernel_size=2)[0]
    tensor([[1., 2., 3.],
            [2., 3., 4.]])
    """
    grid = grid_of("im2col", x.shape[2:], kernel_size, stride, padding, dilation)
    shape = (x.shape[0], x.shape[1] * math.prod(grid.kernel), math.prod(grid.counts))
    return copied_windows(x, grid).reshape(shape)


@op
def col2im(cols, *, size, kernel_size, stride=1, padding=0, dilation=1):
    """Every column added back to its window: (N, C·K, L) to (N, C, *size).   dL/dcols = im2col(g)

    `size` is that of the image, which the columns do not tell.
    """
    size = (size,) if isinstance(size, int) else tuple(size)
    grid = grid_of("col2im", size, kernel_size, stride, padding, dilation)
    places, count = math.prod(grid.kernel), math.prod(grid.counts)
    if cols.ndim != 3 or cols.shape[1] % places or cols.shape[2] != count:
        raise ShapeError(
            f"col2im: columns of shape {tuple(cols.shape)}, expected (N, C * {places}, {count}) "
            f"for kernel_size {grid.kernel}, whose windows in an image of {size} are {grid.counts}"
        )
    channels = cols.shape[1] // places
    return add_windows(cols.reshape(cols.shape[0], channels, *grid.kernel, *grid.counts), grid)


im2col.grad(
    x=lambda g, x_shape, kernel_size, stride, padding, dilation: col2im(
        g, x_shape[2:], kernel_size, stride, padding, dilation
    )
)
col2im.grad(
    cols=lambda g, kernel_size, stride, padding, dilation: im2col(
        g, kernel_size, stride, padding, dilation
    )
)


@composite()
def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """The patches of images as columns, (N, C, H, W) to (N, C·K, L): torch's name for im2col."""
    check_image("unfold", input, 2, "input")
    kernel_size = per_axis("unfold", "kernel_size", kernel_size, 2)
    return im2col(input, kernel_size, stride, padding, dilation)


@composite()
def fold(
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Columns summed into images, (N, C·K, L) to (N, C, *output_size): torch's name for col2im."""
    output_size = per_axis("fold", "output_size", output_size, 2)
    return col2im(input, output_size, kernel_size, stride, padding, dilation)


@op(methods="unfold", calm=True)
def unfold_along(x, *, dimension, size, step=1):
    """Windows of `size` along one dim, `step` apart, in a new last dim; `x.unfold(...)` in torch.

    dL/dx = every window of g added back to where it was taken from.

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0, 3.0, 4.0]).unfold(0, 2, 1)
    tensor([[1., 2.],
            [2., 3.],
            [3., 4.]])
    """
    dim = dim_of(dimension, x.ndim, "unfold")
    (size,), (step,) = per_axis("unfold", "size", size, 1), per_axis("unfold", "step", step, 1)
    if not x.shape or size > x.shape[dim]:
        raise ShapeError(
            f"unfold: size {size} is larger than dim {dim} of x, of shape {tuple(x.shape)}"
        )
    count = (x.shape[dim] - size) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    strides = list(x.strides)
    strides[dim] *= step
    return strided(x, shape, (*strides, x.strides[dim])).copy()


@op
def fold_along(x, *, dimension, size, step=1):
    """The adjoint of `unfold_along`: windows in the last dim, added into `size` places.

    dL/dx = unfold_along(g).
    """
    dim = dim_of(dimension, x.ndim - 1)
    if (size - x.shape[-1]) // step + 1 != x.shape[dim]:
        raise ShapeError(
            f"fold_along: {x.shape[dim]} windows of {x.shape[-1]}, {step} apart, do not come from "
            f"{size} places"
        )
    y = np.zeros_like(x, shape=(*x.shape[:dim], size, *x.shape[dim + 1 : -1]))
    for i in range(x.shape[-1]):
        places = slice(i, i + step * (x.shape[dim] - 1) + 1, step)
        y[(slice(None),) * dim + (places,)] += x[..., i]
    return y


unfold_along.grad(
    x=lambda g, x_shape, dimension, step: fold_along(
        g, dimension % len(x_shape), x_shape[dimension], step
    )
)
fold_along.grad(x=lambda g, x_shape, dimension, step: unfold_along(g, dimension, x_shape[-1], step))
