"""The three products of a convolution by columns: y, dx and dw, each in the layouts it is fast in.

All are im2col and one matrix product, or its adjoint; they differ in the order in which numbers
lie in memory, and with that in how long the runs are that are copied, and in the shapes of the
products. `conv_products.py` chooses among them.

Columns are K times the bytes of the image, so they are made for a part of the batch at a time, in
one piece of memory that stays in the cache and is used again for the next (`parts`, `columns`).
dw needs them once more. Where one part has them all they are kept for it, on the tape; otherwise
they are made again, which takes no longer than to fetch them from where the cache has put them.

`n` images of a part, `C` input channels, `O` output channels, `*K` sizes of the kernel, `*L` of the
output, `K` and `L` their products. "Last" is short for channels last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minitorch.array import Array, device_of
from minitorch.ops.window import Grid, padded, unpadded, windows
from minitorch.words import np

# a part at a time -----------------------------------------------------------------------------

CLASH = 2**10  # bytes: a cache has the same few places for all that lie so far apart
PART = 2**21  # bytes of columns: with what they are multiplied by, they stay in the cache
_spare: list[Array] = []  # memory of PART bytes that was used before: its pages are there already


def parts(x: Array, counts: tuple[int, ...], each: int, split: bool) -> Iterator[tuple]:
    """Index by index, parts of a batch whose columns, `each` numbers an image, are PART bytes.

    They are several images, or, if one image is too large and may be `split`, some of the rows of
    its output, of sizes `counts`. A GPU has no such cache to aim at and wants few large steps.
    """
    room = PART if device_of(x).type == "cpu" else 2**31
    count, bytes_ = x.shape[0], max(1, each * x.dtype.itemsize)
    if split and bytes_ > room:
        step = max(1, room * counts[0] // bytes_)
        for i in range(count):
            for j in range(0, counts[0], step):
                yield slice(i, i + 1), slice(j, min(j + step, counts[0]))
        return
    step = max(1, room // bytes_)
    for i in range(0, count, step):
        yield (slice(i, min(i + step, count)),)


def columns(
    views: tuple[Array, ...], at: int, split: bool, keep: list[Array] | None = None
) -> Iterator[tuple[tuple, Array]]:
    """Copies views of windows part by part, all into the same memory: read one before the next.

    `at` is the axis of the images, before those of the output. Several views take turns along the
    axis before that. Yields which part, and the copy. Where a list is to keep the copies, each has
    memory of its own.
    """
    view = views[0]
    before = (slice(None),) * at
    shape = list(view.shape)
    shape[at - 1] = sum(each.shape[at - 1] for each in views)
    memory = None
    images = view.transpose(at, *(i for i in range(view.ndim) if i != at))
    each = math.prod(shape) // max(1, shape[at])
    for part in parts(images, view.shape[at + 1 :], each, split):
        some = [view[(*before, *part)] for view in views]
        shape[at : at + len(part)] = some[0].shape[at : at + len(part)]
        if keep is not None:
            cols = np.empty_like(view, shape=tuple(shape), order="C")
            keep.append(cols)
        else:
            if memory is None:
                memory = borrowed(view, math.prod(shape))
            cols = memory[: math.prod(shape)].reshape(shape)
        for i, piece in enumerate(some):
            cols[(*before[1:], slice(i, None, len(some)))] = piece
        yield part, cols
    give_back(memory)


def again(
    layout: Callable, x: Array, grid: Grid, kept: Array | None
) -> Iterable[tuple[tuple, Array]]:
    """The columns of x in one of the layouts below: those that were kept, or made once more."""
    return columns(*layout(x, grid)) if kept is None else [((slice(None),), kept)]


def borrowed(like: Array, size: int) -> Array:
    """Memory for `size` numbers like those of `like`, with anything in it.

    On the CPU new memory costs more than to fill it: the system hands it out page by page.
    """
    if not isinstance(like, np.ndarray) or size * like.dtype.itemsize > PART:
        return np.empty_like(like, shape=(size,), order="C")
    try:
        return _spare.pop().view(like.dtype)
    except IndexError:  # no test before it: another thread may be as fast
        return np.empty(PART, np.uint8).view(like.dtype)


def give_back(memory: Array | None) -> None:
    """Keeps memory from `borrowed` for the next time."""
    if isinstance(memory, np.ndarray) and memory.nbytes == PART and len(_spare) < 2:
        _spare.append(memory.view(np.uint8))


def forget_spare() -> None:
    """Lets go of what is kept for the next time."""
    _spare.clear()


def to_last(x: Array) -> Array:
    """(N, C, *S) as (N, *S, C), lying so in memory.

    Where the channels lie a power of two apart a cache cannot hold them beside each other. They
    are copied a little further apart first, which makes the whole three times as fast.
    """
    last = x.transpose(0, *range(2, x.ndim), 1)
    if last.flags.c_contiguous:
        return last
    C, L = x.shape[1], math.prod(x.shape[2:])
    if C <= 8 or not x.size or x.strides[1] % CLASH:
        return last.copy()
    y = np.empty_like(x, shape=(x.shape[0], L, C), order="C")
    wide, memory = L + 16, None
    for (images,) in parts(x, (), C * wide, split=False):
        some = x[images].reshape(-1, C, L)
        if memory is None:
            memory = borrowed(x, len(some) * C * wide)
        apart = memory[: len(some) * C * wide].reshape(-1, C, wide)[..., :L]
        apart[...] = some
        y[images] = apart.swapaxes(1, 2)
    give_back(memory)
    return y.reshape(last.shape)


def to_first(x: Array) -> Array:
    """(N, *S, C) as (N, C, *S), a view: what follows keeps the order in memory."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def add_last(y, bias, grid):
    """y, (N, *L, O), plus the bias; repeated for a row of the output, which makes long runs."""
    if bias is not None:
        row = np.broadcast_to(bias, (grid.counts[-1], bias.shape[0])).reshape(-1)
        rows = y.reshape(-1, row.shape[0])
        rows += row


# the windows of x, where the axis of the images is, and whether an image may be split ----------


def _last(x: Array, grid: Grid) -> tuple[tuple[Array, ...], int, bool]:
    """(N, *L, *K, C)"""
    return (windows(padded(to_last(x), grid.pads, at=1), grid, last=True),), 0, True


def _across(x: Array, grid: Grid) -> tuple[tuple[Array, ...], int, bool]:
    """(C, *K, N, *L): the batch stands behind the places of the kernel.

    With a stride s every s-th number of long rows is first put together, s images in all, so that
    rows of L are copied as they lie. The places of the kernel take turns among these.
    """
    x, n = padded(x, grid.pads), len(grid.kernel)
    axes = (*range(1, n + 2), 0, *range(n + 2, 2 * n + 2))
    K, s = grid.kernel[-1], grid.stride[-1]
    if s == 1 or grid.dilation[-1] > 1 or grid.counts[-1] < 32:
        return (windows(x, grid).transpose(axes),), n + 1, True
    views = []
    for i in range(min(s, K)):
        kernel, stride = (*grid.kernel[:-1], -(-(K - i) // s)), (*grid.stride[:-1], 1)
        every = windows(x[..., i::s].copy(), grid._replace(kernel=kernel, stride=stride))
        views.append(every.transpose(axes))
    return tuple(views), n + 1, True


def _first(x: Array, grid: Grid) -> tuple[tuple[Array, ...], int, bool]:
    """(N, C, *K, *L)"""
    return (windows(padded(x, grid.pads), grid),), 0, False


# y --------------------------------------------------------------------------------------------


def forward_last(
    x: Array, weight: Array, bias: Any, grid: Grid, groups: int = 1, keep: list[Array] | None = None
) -> Array:
    """(n·L, K·C) windows as rows, times (K·C, O): one product for many images.

    x: n H W C   ->   rows:  window 0 | K runs of C      w: K·C | O      y: n L O
                             window 1 | K runs of C
    """
    out = weight.shape[0]
    w = weight.transpose(*range(2, weight.ndim), 1, 0).reshape(-1, out)
    y = np.empty_like(x, shape=(x.shape[0], *grid.counts, out), order="C")
    for part, cols in columns(*_last(x, grid), keep):
        np.matmul(cols.reshape(-1, w.shape[0]), w, out=y[part].reshape(-1, out))
    add_last(y, bias, grid)
    return to_first(y)


def forward_across(
    x: Array, weight: Array, bias: Any, grid: Grid, groups: int = 1, keep: list[Array] | None = None
) -> Array:
    """(C·K, n·L) columns across many images, turned by the product: (n·L, C·K) times (C·K, O).

    x: n C H W   ->   place 0 | runs of W of image 0, image 1, ...      w: C·K | O      y: n L O
                      place 1 | runs of W of image 0, image 1, ...
    """
    out = weight.shape[0]
    w = weight.reshape(out, -1).T
    y = np.empty_like(x, shape=(x.shape[0], *grid.counts, out), order="C")
    for part, cols in columns(*_across(x, grid), keep):
        np.matmul(cols.reshape(w.shape[0], -1).T, w, out=y[part].reshape(-1, out))
    add_last(y, bias, grid)
    return to_first(y)


def forward_first(
    x: Array, weight: Array, bias: Any, grid: Grid, groups: int, keep: list[Array] | None = None
) -> Array:
    """(O, C·K) times (C·K, L) columns of each image and group: as many products.

    w: O | C·K      x: n C H W   ->   image 0: C·K | L     image 1: C·K | L  ...      y: n O L
    """
    N, out = x.shape[0], weight.shape[0]
    w = weight.reshape(groups, out // groups, -1)
    y = np.empty_like(x, shape=(N, groups, out // groups, math.prod(grid.counts)), order="C")
    for part, cols in columns(*_first(x, grid), keep):
        np.matmul(w, cols.reshape(len(cols), groups, w.shape[2], -1), out=y[part])
    y = y.reshape(N, out, *grid.counts)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(grid.counts))
    return y


# dx -------------------------------------------------------------------------------------------


def input_turned(dy: Array, weight: Array, grid: Grid, groups: int = 1) -> Array:
    """The convolution of dy by the turned kernel, with stride 1: (n·L, K·O) times (K·O, C)."""
    return forward_last(dy, turned(weight), None, reflected(grid))


def turned(weight: Array) -> Array:
    """The kernel of the convolution that takes dy to dx: from out to in, and backwards."""
    return weight.swapaxes(0, 1)[(..., *(slice(None, None, -1),) * (weight.ndim - 2))]


def reflected(grid: Grid) -> Grid:
    """The grid of the convolution that takes dy to dx, with stride 1."""
    before = [d * (k - 1) - a for k, d, (a, _) in zip(grid.kernel, grid.dilation, grid.pads)]
    after = [
        s - n - m + d * (k - 1)
        for s, n, m, d, k in zip(grid.sizes, grid.counts, before, grid.dilation, grid.kernel)
    ]
    return grid._replace(sizes=grid.counts, counts=grid.sizes, pads=tuple(zip(before, after)))


def input_last(dy: Array, weight: Array, grid: Grid, groups: int = 1) -> Array:
    """(n·L, O) times (O, C) for each place in the kernel, added to the inputs it met.

    dy: n L O   ->   place 0: n L C      place 1: n L C  ...      each added to dx: n H W C
    """
    dy, C = to_last(dy), weight.shape[1]
    sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
    dx = np.zeros_like(dy, shape=(dy.shape[0], *sizes, C), order="C")
    w = weight.transpose(*range(2, weight.ndim), 0, 1).copy()
    memory = None
    for (images,) in parts(dy, grid.counts, C * math.prod(grid.counts), split=False):
        g, to = dy[images], dx[images]
        shape = (*g.shape[:-1], C)
        if memory is None:
            memory = borrowed(dy, math.prod(shape))
        added = memory[: math.prod(shape)].reshape(-1, C)
        for tap, at in grid.taps():
            np.matmul(g.reshape(-1, g.shape[-1]), w[tap], out=added)
            to[(slice(None), *at)] += added.reshape(shape)
    give_back(memory)
    return to_first(unpadded(dx, grid.pads, at=1))


def input_runs(dy: Array, weight: Array, grid: Grid, groups: int = 1) -> Array:
    """(n·L, O) times (O, KW·C) for each row of the kernel, added as it lies: one run a window.

    dy: n L O   ->   row 0: n L KW·C     row 1: n L KW·C  ...     each added to dx: n H W·C
    """
    dy, C = to_last(dy), weight.shape[1]
    sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
    dx = np.zeros_like(dy, shape=(dy.shape[0], *sizes, C), order="C")
    lines = dx.reshape(*dx.shape[:-2], sizes[-1] * C)
    run, step = grid.kernel[-1] * C, grid.stride[-1] * C
    w = weight.transpose(*range(2, weight.ndim - 1), 0, -1, 1)  # rows of the kernel, O, KW, C
    w = w.copy().reshape(*w.shape[:-2], run)
    memory = None
    for (images,) in parts(dy, grid.counts, run * math.prod(grid.counts), split=False):
        g, to = dy[images], lines[images]
        shape = (*g.shape[:-1], run)
        if memory is None:
            memory = borrowed(dy, math.prod(shape))
        added = memory[: math.prod(shape)].reshape(shape)
        for tap, at in grid.row_taps():
            np.matmul(g.reshape(-1, g.shape[-1]), w[tap], out=added.reshape(-1, run))
            for j in range(grid.counts[-1]):
                to[(slice(None), *at, slice(j * step, j * step + run))] += added[..., j, :]
    give_back(memory)
    return to_first(unpadded(dx, grid.pads, at=1))


def input_first(dy: Array, weight: Array, grid: Grid, groups: int) -> Array:
    """(C·K, O) times (O, L) of each image and group gives columns, and col2im adds them up.

    w: C·K | O      dy: n O L   ->   image 0: C·K | L  ...      place by place added to n C H W
    """
    N, out, C = dy.shape[0], dy.shape[1], weight.shape[1] * groups
    L = math.prod(grid.counts)
    w = weight.reshape(groups, out // groups, -1).swapaxes(-1, -2)
    dy = dy.reshape(N, groups, out // groups, L)
    sizes = [a + n + b for n, (a, b) in zip(grid.sizes, grid.pads)]
    dx = np.zeros_like(dy, shape=(N, C, *sizes))
    memory = None
    for (images,) in parts(dy, grid.counts, groups * w.shape[1] * L, split=False):
        g, to = dy[images], dx[images]
        shape = (g.shape[0], groups, w.shape[1], L)
        if memory is None:
            memory = borrowed(dy, math.prod(shape))
        cols = np.matmul(w, g, out=memory[: math.prod(shape)].reshape(shape))
        cols = cols.reshape(g.shape[0], C, *grid.kernel, *grid.counts)
        for tap, at in grid.taps():
            to[(..., *at)] += cols[(slice(None), slice(None), *tap)]
    give_back(memory)
    return unpadded(dx, grid.pads)


# dw -------------------------------------------------------------------------------------------


def weight_last(
    x: Array, dy: Array, grid: Grid, groups: int = 1, kept: Array | None = None
) -> Array:
    """(O, n·L) times the rows of windows, (n·L, K·C), as `forward_last` has them."""
    C, out = x.shape[1], dy.shape[1]
    dy = to_last(dy)
    dw = np.zeros_like(x, shape=(out, math.prod(grid.kernel) * C), order="C")
    for part, cols in again(_last, x, grid, kept):
        dw += dy[part].reshape(-1, out).T @ cols.reshape(-1, dw.shape[1])
    return to_first(dw.reshape(out, *grid.kernel, C))


def weight_across(
    x: Array, dy: Array, grid: Grid, groups: int = 1, kept: Array | None = None
) -> Array:
    """(C·K, n·L) columns, as `forward_across` has them, times (n·L, O)."""
    C, out = x.shape[1], dy.shape[1]
    dy = to_last(dy)
    dw = np.zeros_like(x, shape=(C * math.prod(grid.kernel), out), order="C")
    for part, cols in again(_across, x, grid, kept):
        dw += cols.reshape(dw.shape[0], -1) @ dy[part].reshape(-1, out)
    return dw.T.copy().reshape(out, C, *grid.kernel)


def weight_first(x: Array, dy: Array, grid: Grid, groups: int, kept: Array | None = None) -> Array:
    """(O, L) times (L, C·K), of each image and group, summed over the images."""
    N, C, out = x.shape[0], x.shape[1], dy.shape[1]
    dy = dy.reshape(N, groups, out // groups, math.prod(grid.counts))
    dw = np.zeros_like(x, shape=(groups, out // groups, C // groups * math.prod(grid.kernel)))
    for part, cols in again(_first, x, grid, kept):
        cols = cols.reshape(len(cols), groups, dw.shape[2], -1)
        dw += (dy[part] @ cols.swapaxes(-1, -2)).sum(axis=0)
    return dw.reshape(out, C // groups, *grid.kernel)
