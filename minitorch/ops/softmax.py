"""Softmax: numbers of any size become shares of one, and how to take their logarithm safely.

e^x overflows in float32 from x = 89 on. Softmax does not change when a constant is added to all x,
so the largest is subtracted first: every exponent is then at most 0, and one of them is 0. Few
numbers that are all close to 0 go without, which spares two passes.
"""

from __future__ import annotations

from typing import Any

from minitorch.dtypes import as_dtype
from minitorch.few import add_up_beside, adder, all_within
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats, whole_dim
from minitorch.ops.arithmetic import div, neg, sub
from minitorch.ops.elementwise import exp, log
from minitorch.ops.reduce import sum
from minitorch.ops.sums import total
from minitorch.tensor import Tensor
from minitorch.threads import by_rows, is_large
from minitorch.traced import NUMPY
from minitorch.words import np


@op(methods="softmax", exact_dtype=True, keeps="add", autocast="high")
def softmax(x, *, dim=None, dtype=None):
    """y_i = e^x_i / Σ_j e^x_j          dL/dx = y (g - Σ_j g_j y_j)

    The sum runs along `dim`, which has to be named. A row of -inf alone has no shares: it is nan.
    With a `dtype`, x is converted to it first.

    Raises:
        TypeError: `dim` is missing, or x holds integers.

    >>> import minitorch
    >>> minitorch.softmax(minitorch.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    """
    x = x if dtype is None else x.astype(as_dtype(dtype))
    add = adder(x, dim) if type(dim) is int else None
    if add is not None and all_within(x, 80):  # e^x and its sum are neither 0 nor inf
        e = np.exp(x)
        return np.divide(e, add(e), e), add
    _check("softmax", x, dim)
    return _softmax(x, dim), None


@on_gpu("softmax.softmax")
def _softmax(x, dim):
    y = np.empty_like(x)
    by_rows(_shares_into, (y,), (x,), dim)
    return y


def _shares_into(y, x, dim):
    shift_into(y, x, dim)
    np.exp(y, out=y)
    y /= total((dim,), y, beside=True)


def _softmax_x(g, y, dim, add):
    if add is not None and type(g) in NUMPY:
        dx = g * y
        dx = np.subtract(g, add(dx), dx)
        return np.multiply(y, dx, dx)
    return _softmax_gradient(g, y, dim)


@on_gpu("softmax.softmax_gradient")
def _softmax_gradient(g, y, dim):
    if is_large(g):
        dx = np.empty_like(y)
        by_rows(_softmax_x_into, (dx,), (y, g), dim)
        return dx
    return y * (g - add_up_beside(g * y, dim))


def _softmax_x_into(dx, y, g, dim):
    np.multiply(g, y, out=dx)
    np.subtract(g, add_up_beside(dx, dim), out=dx)
    dx *= y


softmax.grad(x=_softmax_x)


@op(methods="log_softmax", exact_dtype=True, keeps="add", autocast="high")
def log_softmax(x, *, dim=None, dtype=None):
    """y_i = x_i - log Σ_j e^x_j          dL/dx = g - e^y Σ_j g_j

    With the largest x taken out of the logarithm first, nothing overflows, and no share becomes
    log 0 unless its x is -inf. A row of -inf alone is nan. With a `dtype`, x is converted first.

    Raises:
        TypeError: `dim` is missing, or x holds integers.

    >>> import minitorch
    >>> minitorch.log_softmax(minitorch.tensor([1000.0, 0.0, -1000.0]), dim=0)
    tensor([    0., -1000., -2000.])
    """
    x = x if dtype is None else x.astype(as_dtype(dtype))
    add = adder(x, dim) if type(dim) is int else None
    if add is not None and all_within(x, 8):  # y then is off by no more than the rounding of 8
        sums = add(np.exp(x))
        return x - np.log(sums, sums), add
    _check("log_softmax", x, dim)
    return _log_softmax(x, dim), None


@on_gpu("softmax.log_softmax")
def _log_softmax(x, dim):
    y = np.empty_like(x)
    by_rows(_logs_into, (y,), (x,), dim)
    return y


def _logs_into(y, x, dim):
    shift_into(y, x, dim)
    y -= np.log(total((dim,), np.exp(y)))


def _log_softmax_x(g, y, dim, add):
    if add is not None and type(g) in NUMPY:
        e = np.exp(y)
        return np.subtract(g, np.multiply(e, add(g), e), e)
    return _log_softmax_gradient(g, y, dim)


@on_gpu("softmax.log_softmax_gradient")
def _log_softmax_gradient(g, y, dim):
    if is_large(g):
        dx = np.empty_like(y)
        by_rows(_log_softmax_x_into, (dx,), (y, g), dim)
        return dx
    return g - exp(y) * add_up_beside(g, dim)


def _log_softmax_x_into(dx, y, g, dim):
    np.exp(y, out=dx)
    dx *= add_up_beside(g, dim)
    np.subtract(g, dx, out=dx)


log_softmax.grad(x=_log_softmax_x)


@composite(methods="softmin")
def softmin(x: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """The softmax of -x: the smallest gets the largest share."""
    return softmax(neg(x), dim, dtype)


# the same, as it is first written down --------------------------------------------------------


@composite()
def log_softmax_naive(x: Tensor, dim: int | None = None) -> Tensor:
    """y = log(e^x / Σ e^x), word for word: right for small x, and useless for others.

    >>> import minitorch
    >>> log_softmax_naive(minitorch.tensor([1000.0, 0.0, -1000.0]), 0)
    tensor([ nan, -inf, -inf])
    """
    _check("log_softmax_naive", x, dim)
    e = exp(x)
    return log(div(e, sum(e, dim, True)))


@composite()
def log_softmax_simplified(x: Tensor, dim: int | None = None) -> Tensor:
    """y = x - log Σ e^x: without the quotient no share is rounded to 0, but e^x still overflows.

    >>> import minitorch
    >>> log_softmax_simplified(minitorch.tensor([1000.0, 0.0, -1000.0]), 0)
    tensor([-inf, -inf, -inf])
    """
    _check("log_softmax_simplified", x, dim)
    return sub(x, log(sum(exp(x), dim, True)))


# what the ops share ---------------------------------------------------------------------------


def shift_into(y, x, dim):
    """y = x - max x along `dim`."""
    if x.size:
        np.subtract(x, x.max(axis=dim, keepdims=True), out=y)


def _check(name, x, dim):
    if dim is None:
        raise TypeError(f"{name}: say along which dim, as in {name}(x, dim=-1) for the last")
    whole_dim(dim, name)
    check_floats(name, "x", x)
