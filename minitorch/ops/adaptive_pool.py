"""Adaptive pooling: the output's size is given, and the windows follow from it.

Any image comes out at the size that the next layer was built for. The mean is a resizing
(`resize.py`); the maximum lays the bins side by side and pools them (`max_pool.py`).
"""

from __future__ import annotations

from typing import Any

from minitorch.op import composite
from minitorch.ops.avg_pool import avg_pool
from minitorch.ops.max_pool import max_pool, max_pool_indices
from minitorch.ops.resize import Table, bins, resample
from minitorch.ops.window import check_image, per_axis
from minitorch.words import np


def _bins(who: str, n: int, x: Any, output_size: Any) -> list[Table]:
    """The bins of adaptive pooling along each axis; None in `output_size` keeps an axis."""
    check_image(who, x, n, "input")
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) == n:
        given = [s if size is None else size for s, size in zip(x.shape[2:], given)]
    counts = per_axis(who, "output_size", given, n)
    return [bins(size, count) for size, count in zip(x.shape[2:], counts)]


def _side_by_side(tables):
    """True where the bins are plain windows, of one size and without an input in common."""
    return all(table.size == table.inputs.size for table in tables)


def _adaptive_avg_pool(who, n, x, output_size):
    tables = _bins(who, n, x, output_size)
    if _side_by_side(tables):
        return avg_pool(x, tuple(len(table.inputs) for table in tables))
    for axis, table in enumerate(tables):
        x = resample(x, table, axis + 2)
    return x


def _adaptive_max_pool(who, n, x, output_size, return_indices):
    """Lays the bins side by side, shorter ones with their last input repeated, and pools those."""
    tables = _bins(who, n, x, output_size)
    kernel = tuple(len(table.inputs) for table in tables)
    places = None if _side_by_side(tables) else tables
    for axis, table in enumerate(places or []):
        index = table.inputs.T.reshape(1, -1)
        x = resample(x, Table(table.size, index, np.ones(index.shape)), axis + 2)
    y = max_pool(x, kernel)
    return (y, max_pool_indices(x, y, kernel, places=places)) if return_indices else y


@composite()
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """`adaptive_avg_pool2d` over one axis: (N, C, L)."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


@composite()
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means over as many bins as `output_size` asks for: (N, C, H, W) to (N, C, *output_size).

    Bin i of n runs from ⌊i H / n⌋ to ⌈(i + 1) H / n⌉; neighbours share an input where n does not
    divide H. None keeps an axis.

    >>> import minitorch
    >>> x = minitorch.tensor([[[[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]]])
    >>> minitorch.nn.functional.adaptive_avg_pool2d(x, 1)
    tensor([[[[3.]]]])
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


@composite()
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """`adaptive_avg_pool2d` over three axes: (N, C, D, H, W)."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


@composite()
def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` over one axis: (N, C, L)."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


@composite()
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each of the bins of `adaptive_avg_pool2d`; its index too, if asked for."""
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


@composite()
def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` over three axes: (N, C, D, H, W)."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)
