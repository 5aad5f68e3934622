"""Bringing data to mean 0 and standard deviation 1, with numbers measured on the training part.

The validation part is shifted and scaled by the training part's numbers: its own mean would tell
the network something about it, and at the end there is only one image at a time.

>>> import numpy as np
>>> x_train, x_valid = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
>>> m, s = stats(x_train)
>>> normalize(x_train, m, s).round(2), normalize(x_valid, m, s).round(2)
(array([-1.22,  0.  ,  1.22]), array([0.  , 2.45]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from minitorch.array import Array, device_of, has_values, move
from minitorch.tensor import Tensor, make, raw

X = TypeVar("X", bound=Any)  # a Tensor, a NumPy array or a CuPy array


def stats(x: X, dim: int | Sequence[int] | None = None) -> tuple[X, X]:
    """m = mean(x), s = sqrt(mean((x - m)²)), of all numbers or along `dim`.

    Args:
        x: a Tensor or an array, on any device; what comes back is of its kind and dtype.
        dim: the axes to average over, which stay with size 1: 0 for columns of a table (N, D),
            (0, 2, 3) for the channels of images (N, C, H, W). None averages over all.

    Raises:
        ValueError: there is nothing to average.
        TypeError: x holds integers, whose mean they could not hold.

    >>> import minitorch
    >>> stats(minitorch.tensor([[1., 10.], [3., 30.]]), dim=0)
    (tensor([[ 2., 20.]]), tensor([[ 1., 10.]]))
    """
    a = raw(x)
    if a.dtype.kind != "f":
        raise TypeError(f"stats: expected floats, got {a.dtype}; scale first, such as x / 255")
    if a.size == 0:
        raise ValueError(f"stats: shape {a.shape} holds nothing to average")
    axes = tuple(dim) if isinstance(dim, Sequence) else dim
    # In float64: float32 sums down a long column lose three digits.
    m = a.mean(axis=axes, keepdims=dim is not None, dtype=np.float64)
    s = ((a - m.astype(a.dtype)) ** 2).mean(
        axis=axes, keepdims=dim is not None, dtype=np.float64
    ) ** 0.5
    return _as(x, m.astype(a.dtype)), _as(x, s.astype(a.dtype))


def normalize(x: X, m: Any, s: Any, *, keep_constant: bool = False) -> X:
    """y = (x - m) / s

    Args:
        x: a Tensor or an array of floats.
        m: mean, a number or what broadcasts against x; take it from the training part.
        s: standard deviation, likewise.
        keep_constant: divide by 1 where s is 0, so that a constant column becomes 0.

    Returns:
        A Tensor or array of x's shape, dtype and kind.

    Raises:
        ValueError: s is 0 somewhere, to within rounding, or is negative or not finite; the message
            says where. The check waits for the GPU, if x is there.

    >>> import numpy as np
    >>> normalize(np.array([1.0, 3.0]), 2.0, 1.0)
    array([-1.,  1.])
    """
    a, mean = raw(x), _beside(m, raw(x))
    deviation = _checked(_beside(s, a), mean, keep_constant)
    return _as(x, (a - mean) / deviation)


def _checked(s: Array, m: Array, keep_constant: bool) -> Array:
    """The deviations to divide by."""
    if not has_values(s):
        return s
    if bool((~np.isfinite(s)).any()) or bool((s < 0).any()):
        raise ValueError(f"normalize: s must be finite and >= 0, got {s}")
    # A column of 0.1s has a deviation of 1e-9, which is rounding and no spread.
    constant = s <= 8 * float(np.finfo(s.dtype).eps) * abs(m)
    if not bool(constant.any()):
        return s
    if keep_constant:
        return np.where(constant, np.ones_like(s), s)
    places = np.argwhere(constant).tolist()
    where = "x" if not places[0] else f"column {', '.join(map(str, _column(places[0], s.shape)))}"
    raise ValueError(
        f"normalize: {where} is constant: its standard deviation is 0, to within rounding "
        f"({len(places)} of {s.size} are); leave such columns out, or pass keep_constant=True"
    )


def _column(place: list[int], shape: tuple[int, ...]) -> list[int]:
    """Where a statistic belongs, without the axes that were averaged over."""
    return [i for i, size in zip(place, shape) if size > 1] or place[-1:]


def _beside(value: Any, a: Array) -> Array:
    """A statistic as an array of the data's dtype, on the data's device."""
    v = raw(value)
    if isinstance(v, np.generic) or not hasattr(v, "dtype"):
        v = np.asarray(v)
    return move(v.astype(a.dtype, copy=False), device_of(a))


def _as(x: Any, y: Array) -> Any:
    """y as x is: a Tensor where x is one."""
    if not isinstance(x, Tensor):
        return y
    return make(np.asarray(y) if isinstance(y, np.generic) else y)


class Normalize:
    """`normalize` for images (..., C, H, W), with a mean and a standard deviation per channel.

    >>> import minitorch
    >>> Normalize(mean=[0.5], std=[0.5])(minitorch.tensor([[[0.0, 1.0]]]))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]):
        self.mean = np.asarray(mean, dtype=np.float64).reshape(-1, 1, 1)
        self.std = np.asarray(std, dtype=np.float64).reshape(-1, 1, 1)

    def __call__(self, x: X) -> X:
        """Shape, dtype and kind stay as they are."""
        return normalize(x, self.mean, self.std)


class Compose:
    """Transforms, one after the other.

    >>> Compose([abs, str])(-3)
    '3'
    """

    def __init__(self, transforms: Iterable[Callable[[Any], Any]]):
        self.transforms = list(transforms)

    def __call__(self, x: Any) -> Any:
        """The result of the last transform."""
        for transform in self.transforms:
            x = transform(x)
        return x
