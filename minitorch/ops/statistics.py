"""How large numbers are, and how far apart: norm, variance, and the logarithm of a sum of powers.

The letters are those of `reduce.py`: Σ runs over the n elements x that become one y.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.constants import constants, number
from minitorch.few import add_up, add_up_beside, is_few, within
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats
from minitorch.ops.arithmetic import sign
from minitorch.ops.compare import isnan, where
from minitorch.ops.elementwise import exp
from minitorch.ops.reduce import axes, beside, count, kept, mean, sum, to_ties
from minitorch.ops.sums import wide
from minitorch.tensor import Tensor
from minitorch.threads import by_rows, is_large
from minitorch.traced import NUMPY, one_call
from minitorch.words import np

zero = constants(0)

# spread around the mean ------------------------------------------------------------------------


@op(methods="var", exact_dtype=True, keeps="spread")
def var(x, *, dim=None, unbiased=True, keepdim=False, correction=None):
    """y = Σ (x - m)² / (n - c), m the mean          dL/dx = g 2 (x - m) / (n - c)

    c is `correction`: with 1, which `unbiased` stands for, y estimates the variance of what x is a
    sample of; with 0 it is the variance of x itself.

    Raises:
        ValueError: n is not more than c.

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0, 3.0]).var()
    tensor(1.)
    """
    y, d = _var("var", x, dim, unbiased, keepdim, correction)
    return y.astype(x.dtype, copy=False), d


@op(methods="std", exact_dtype=True, keeps="spread")
def std(x, *, dim=None, unbiased=True, keepdim=False, correction=None):
    """y = √var(x)          dL/dx = g (x - m) / (y (n - c)), and 0 where all x are equal

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0, 3.0]).std()
    tensor(1.)
    """
    y, d = _var("std", x, dim, unbiased, keepdim, correction)
    return np.sqrt(y).astype(x.dtype, copy=False), d


def _var(name, x, dim, unbiased, keepdim, correction):
    """The variance, and of few x their x - m, to be kept."""
    check_floats(name, "x", x)
    dim, n, c = _degrees(x.shape, dim, unbiased, correction)
    if n <= c:
        raise ValueError(
            f"{name}: needs more than {c} elements with correction={c}; shape {x.shape} has {n}"
            f"{'' if dim is None else f' along dim {dim}'}. With correction=0 one is enough"
        )
    d = wide(x)
    d = d - add_up_beside(d, dim) / number(n, d)
    if is_few(x) and d.dtype == x.dtype:
        return add_up(d * d, dim, keepdim) / number(n - c, d), d
    d *= d
    return add_up(d, dim, keepdim) / number(n - c, d), None


def _degrees(shape, dim, unbiased, correction):
    """`dim`, n and c. An older way to write c in torch is a bool, also in the place of `dim`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    dim = axes(dim)
    return dim, count(shape, dim), int(unbiased) if correction is None else correction


def _from_mean(g, x, spread, dim, unbiased, correction, factor=1):
    """factor g (x - m) / (n - c), where x - m may have been kept as the spread"""
    dim, n, c = _degrees(x.shape, dim, unbiased, correction)
    g = beside(g * (factor / (n - c)), x.shape, dim)
    return g * (x - mean(x, dim, True) if spread is None or type(g) not in NUMPY else spread)


var.grad(
    x=lambda g, x, spread, dim, unbiased, correction: _from_mean(
        g, x, spread, dim, unbiased, correction, factor=2
    )
)


def nowhere_0(y):
    """y as a divisor of what is 0 wherever y is: 1 stands in for 0."""
    return y + (y == zero(y)).astype(y.dtype)


std.grad(
    x=lambda g, y, x, spread, dim, unbiased, correction: _from_mean(
        g / nowhere_0(y), x, spread, dim, unbiased, correction
    )
)


@composite()
def var_mean(
    x: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(x.var(...), x.mean(...))"""
    return var(x, dim, unbiased, keepdim, correction), _mean(x, dim, keepdim)


@composite()
def std_mean(
    x: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(x.std(...), x.mean(...))"""
    return std(x, dim, unbiased, keepdim, correction), _mean(x, dim, keepdim)


def _mean(x, dim, keepdim):
    """The mean that goes with a variance, where a bool may stand in the place of `dim`."""
    return mean(x, None if isinstance(dim, bool) else dim, keepdim)


# size -----------------------------------------------------------------------------------------


@op(methods="norm", exact_dtype=True, autocast="high")
def norm(x, *, p="fro", dim=None, keepdim=False):
    """y = (Σ |x|^p)^(1/p)          dL/dx = g sign(x) (|x| / y)^(p - 1), and 0 where x or y is 0

    p = 2, also called "fro", is the usual length; p = inf is the largest |x| and p = -inf the
    smallest, whose gradient those that are equal share evenly; p = 0 counts what is not 0.

    >>> import minitorch
    >>> minitorch.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    check_floats("norm", "x", x)
    p, dim = _power(p), axes(dim)
    if p == 2:
        x, dtype = wide(x), x.dtype
        return np.sqrt(add_up(x * x, dim, keepdim)).astype(dtype, copy=False)
    if p == 0:
        return (x != 0).sum(axis=dim, keepdims=keepdim, dtype=x.dtype)
    size = np.abs(x)
    if math.isinf(p):
        return (size.max if p > 0 else size.min)(axis=dim, keepdims=keepdim)
    size, dtype = wide(size), x.dtype
    y = (size if p == 1 else size**p).sum(axis=dim, keepdims=keepdim)
    return (y if p == 1 else y ** (1 / p)).astype(dtype, copy=False)


def _power(p):
    if p in ("fro", None):
        return 2
    if not isinstance(p, (int, float)):
        raise ValueError(f"norm: expected a number for p, or 'fro', got {p!r}")
    return p


def _from_norm(g, x, y, p, dim):
    p = _power(p)
    if p == 0:
        return x * 0
    if p == 2:
        return x * beside(g / nowhere_0(y), x.shape, dim)
    size = abs(x)
    if p == 1:
        return sign(x) * beside(g, x.shape, dim)
    if math.isinf(p):
        return sign(x) * to_ties(g, size, y, dim)
    share = nowhere_0(size) / beside(nowhere_0(y), x.shape, dim)
    return sign(x) * share ** (p - 1) * beside(g, x.shape, dim)


norm.grad(x=lambda g, x, y, p, dim: _from_norm(g, x, y, p, dim))


# without what is no number ---------------------------------------------------------------------


@composite(methods="nansum")
def nansum(x: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """y = Σ x over the x that are not nan          dL/dx = g there, else 0

    >>> import minitorch
    >>> minitorch.tensor([1.0, math.nan, 2.0]).nansum()
    tensor(3.)
    """
    return sum(where(isnan(x), 0, x), dim, keepdim, dtype)


@composite(methods="nanmean")
def nanmean(x: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """y = the mean of the x that are not nan; nan where all are          dL/dx = g / k, else 0

    >>> import minitorch
    >>> minitorch.tensor([[1.0, math.nan], [3.0, 5.0]]).nanmean(0)
    tensor([2., 5.])
    """
    return nansum(x, dim, keepdim, dtype) / sum(~isnan(x), dim, keepdim)


# the logarithm of a sum of powers -------------------------------------------------------------


@op(methods="logsumexp", keeps="powers", autocast="high")
def logsumexp(x, *, dim, keepdim=False):
    """y = log Σ e^x          dL/dx = g e^(x - y)

    The largest x is taken out of the logarithm first, so that nothing overflows. Where all x are
    -inf, y is -inf and the gradient is 0.

    >>> import minitorch
    >>> minitorch.tensor([1000.0, 1000.0]).logsumexp(0)
    tensor(1000.6932)
    """
    dim = axes(dim)
    x = x if x.dtype.kind == "f" else x.astype(float)
    if not x.size and count(x.shape, dim) == 0:
        return x.sum(axis=dim, keepdims=keepdim) - math.inf, None
    if within(x, 80):  # e^x and its sum are neither 0 nor inf
        powers = np.exp(x)
        return np.log(add_up(powers, dim, keepdim)), powers
    y = np.empty_like(x, shape=kept(x.shape, dim))
    by_rows(_logsumexp_into, (y,), (x,), dim)
    return y if keepdim else y.squeeze(axis=dim), None


def _logsumexp_into(y, x, dim):
    top = x.max(axis=dim, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    y[...] = np.log(np.exp(wide(x - top)).sum(axis=dim, keepdims=True)) + top


def _from_logsumexp(g, x, y, powers, dim):
    if is_few(g):
        return _from_powers(g, x, y, powers, dim)
    if is_large(x) and type(g) in NUMPY:
        dx = np.empty_like(x)
        y = np.where(y == -math.inf, 0, y)
        by_rows(_shares_into, (dx,), (x, *[beside(a, x.shape, dim) for a in (y, g)]), dim)
        return dx
    return beside(g, x.shape, dim) * _shares(x, y, dim)


@one_call  # whether there are powers is for the values of each run to say
def _from_powers(g, x, y, powers, dim):
    if powers is None:
        return beside(g, x.shape, dim) * _shares(x, y, dim)
    return beside(g / np.exp(y), x.shape, dim) * powers


def _shares_into(dx, x, y, g, dim):
    np.subtract(x, y, out=dx)
    np.exp(dx, out=dx)
    dx *= g


def _shares(x, y, dim):
    """e^(x - y), the share of each x in the sum; nothing has a share where the sum is 0."""
    return exp(x - beside(where(y == -math.inf, 0, y), x.shape, dim))


logsumexp.grad(x=_from_logsumexp)
