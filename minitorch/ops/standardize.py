"""Standardization: numbers brought to mean 0 and variance 1, and the one gradient that takes.

    x̂ = (x - μ) r,   r = 1 / √(σ² + ε)          y = w x̂ + b

x moves its own μ and r too, which takes out of what arrives all that lies along 1 and along x̂:

    dL/dx = K(w g),   K(v) = r (v - mean v - x̂ mean(v x̂))

K is the slope of x̂ with respect to x, and symmetric.
"""

from __future__ import annotations

import math
from functools import lru_cache

from minitorch.constants import number
from minitorch.convert import narrowed
from minitorch.few import add_up_beside, average_beside, is_few
from minitorch.kernels import on_gpu
from minitorch.op import op
from minitorch.ops.arguments import dims_of
from minitorch.ops.broadcast import sum_to
from minitorch.ops.elementwise import rsqrt, square
from minitorch.ops.reduce import mean
from minitorch.ops.sums import folded, in_rows, total, wide
from minitorch.sweep import unbroadcast
from minitorch.tensor import raw
from minitorch.traced import NUMPY
from minitorch.words import np


@op(exact_dtype=True, keeps="moments", autocast="high")
def standardize(x, weight=None, bias=None, *, dims=-1, eps=1e-5, center=True):
    """y = w (x - μ) / √(σ² + ε) + b, with μ and σ² taken over `dims`          dL/dx = K(w g)

    dL/dw = Σ g x̂ and dL/db = Σ g, over what they were broadcast to. With center=False μ is 0.

    >>> import minitorch
    >>> standardize(minitorch.tensor([[1.0, 2.0, 3.0]]), dims=1)
    tensor([[-1.2247,  0.0000,  1.2247]])
    """
    if is_few(x) and (weight is None or _is_beside(weight, x)):
        products = _products(x.shape, x.dtype, dims, eps)
        if products is not None:
            return _few(x, weight, bias, products, center)
    return _standardized(x, weight, bias, dims_of(dims, x.ndim), eps, center)


@on_gpu("standardize.rows")
def _standardized(x, weight, bias, dims, eps, center):
    beside = weight is None or not _even(weight.shape, x.ndim, dims)
    mu, r, d, _ = moments_of(wide(x), dims, eps, center, beside)
    return affine(d, r, weight, bias).astype(x.dtype, copy=False), (mu, r, None)


def _is_beside(weight, x):
    """True where every row is multiplied by the same weights, one for each of its numbers."""
    return weight.shape == x.shape[1:] and weight.dtype is x.dtype


def _few(x, weight, bias, products, center):
    """The same for few rows: BLAS averages them, and √(σ² + ε) and x̂ are kept."""
    averages, _, eps = products
    xhat = x.dot(averages) if center else x.copy()
    if center:
        np.subtract(x, xhat, xhat)  # of digits lost, a product that centres x loses twice as many
    deviation = (xhat * xhat).dot(averages)
    np.sqrt(np.add(deviation, eps, deviation), deviation)
    np.divide(xhat, deviation, xhat)
    y = xhat.copy() if weight is None else xhat * weight
    return y if bias is None else y + bias, (None, None, (deviation, xhat, products))


@lru_cache
def _products(shape, dtype, dims, eps):
    """What few rows are multiplied by to be averaged, and to be centred, and ε; None for others.

    The averages are repeated all along the rows.
    """
    if len(shape) != 2 or dims not in (1, -1, (1,), (-1,)) or dtype.char not in "fd":
        return None
    size, n = math.prod(shape), shape[1]
    if not 0 < size * n <= _STEPS:
        return None
    averages = np.full((n, n), 1 / n, dtype)
    return averages, np.eye(n, dtype=dtype) - averages, np.array(eps, dtype)


_STEPS = 2**13  # multiplications: more of them take longer than adding up


def moments_of(x, dims, eps, center=True, beside=False):
    """μ (None where it is left out), r, x - μ, and σ²; of size 1 along `dims` unless `beside`."""
    n = _length(x.shape, dims)
    if beside and is_few(x):
        mu = add_up_beside(x, dims) / number(n, x) if center else None
        d = x - mu if center else x.copy()
        variance = average_beside(d * d, dims, n)
    else:
        mu = total(dims, x, beside=beside) / number(n, x) if center else None
        d = x - in_rows(mu, x) if center else x.copy()
        variance = total(dims, d, d, beside=beside) / number(n, x)
    return mu, np.reciprocal(np.sqrt(variance + number(eps, x))), d, variance


@lru_cache
def _length(shape, dims):
    """The number of elements along `dims`."""
    return math.prod([shape[i] for i in dims])


def affine(d, r, weight, bias):
    """w (r d) + b, written into d."""
    if weight is not None:
        weight = weight.astype(d.dtype, copy=False)
        if _meeting(r.shape, weight.shape) < d.size:
            r = r * weight  # one pass over d in place of two
        else:
            d *= weight
    d *= in_rows(r, d)
    if bias is not None:
        d += in_rows(bias.astype(d.dtype, copy=False), d)
    return d


@lru_cache
def _meeting(*shapes):
    """How many elements something has where these shapes meet."""
    return math.prod(np.broadcast_shapes(*shapes))


def standardize_all(g, x, weight, bias_shape, moments, dims, eps, center, needs):
    mu, r = moments
    found = iter(standardize_grad(g, x, weight, mu, r, dims, eps, center, needs, bias_shape))
    return tuple([next(found) if need else None for need in needs])


def _standardize_all(g, x, weight, bias_shape, moments, dims, eps, center, needs):
    mu, r, few = moments
    if few is not None:
        deviation, xhat, products = few
        if type(g) in NUMPY:
            return _few_grads(g, weight, bias_shape, deviation, xhat, products, center, needs)
        averages, _, _ = products
        mu, r = raw(x).dot(averages) if center else None, 1 / deviation
    return standardize_all(g, x, weight, bias_shape, (mu, r), dims, eps, center, needs)


def _few_grads(g, weight, bias_shape, deviation, xhat, products, center, needs):
    """The formulas as they stand above."""
    dx = None
    if needs[0]:
        v, (averages, centred, _) = g if weight is None else g * weight, products
        along = (v * xhat).dot(averages)
        np.multiply(along, xhat, along)
        dx = np.subtract(v.dot(centred) if center else v, along, along)
        np.divide(dx, deviation, dx)
    dw = unbroadcast(g * xhat, weight.shape) if needs[1] else None
    return dx, dw, unbroadcast(g, bias_shape) if needs[2] else None


standardize.grad(_standardize_all)


@op(exact_dtype=True)
def standardize_grad(
    dy,
    x,
    weight=None,
    mu=None,
    r=None,
    *,
    dims=-1,
    eps=1e-5,
    center=True,
    wanted=(True, False, False),
    bias_shape=(),
):
    """The tuple of those of dx, dw and db that are `wanted`: the gradient of `standardize`.

    Of what arrives there, u = (ux, uw, ub), with m for the mean over `dims`:

        dL/d(dy) = w K(ux) + uw x̂ + ub          dL/dw = Σ dy K(ux)
        dL/dx = K(uw dy) - r (r c x̂ + b K(w dy) + a K(ux))
        a = m(w dy x̂),   b = m(ux x̂),   c = m(ux w dy) - m(ux) m(w dy) - a b
    """
    return _grads(dy, x, weight, mu, r, dims_of(dims, x.ndim), center, wanted, bias_shape)


@on_gpu("standardize.gradients")
def _grads(dy, x, weight, mu, r, dims, center, wanted, bias_shape):
    like, x, dy = x, wide(x), wide(dy)
    n = number(_length(x.shape, dims), x)
    v, dw, db = dy, None, None
    d = x - in_rows(mu, x) if center else x.copy()
    if weight is None or _even(weight.shape, x.ndim, dims):
        # w is the same wherever μ is, so it comes out of K, and the sums for K are dw and db.
        beside = not (wanted[1] or wanted[2])
        along_x = total(dims, dy, d, beside=beside) * r
        along_1 = total(dims, dy, beside=beside) if center or wanted[2] else None
        if wanted[1]:
            dw = unbroadcast(along_x, weight.shape)
        if wanted[2]:
            even = _even(bias_shape, x.ndim, dims)
            db = unbroadcast(along_1, bias_shape) if even else folded(bias_shape, dy)
        along_x = along_x * r  # a new array: dw may share the old one
        scale = r if weight is None else r * weight.astype(x.dtype, copy=False)
    else:
        d *= r
        if wanted[1]:
            dw = folded(weight.shape, dy, d)
        if wanted[2]:
            db = folded(bias_shape, dy)
        if wanted[0]:
            v = dy * weight.astype(x.dtype, copy=False)
            along_x, along_1 = total(dims, v, d, beside=True), total(dims, v, beside=True)
            scale = r
    dx = None
    if wanted[0]:
        d *= in_rows(along_x / n, d)
        if center:
            d += in_rows(along_1 / n, d)
        dx = np.subtract(v, d, out=d)
        dx *= in_rows(scale, dx)
    found = [part for part, want in zip((dx, dw, db), wanted) if want]
    return narrowed(found, wanted, like, weight)


def _second_order(g, dy, x, weight, mu, r, dims, eps, center, wanted, needs):
    """Written with ops alone, so that it goes on to any order."""
    g = iter(g)
    ux, uw, ub = [next(g) if want else None for want in wanted]
    options = {"dims": dims, "eps": eps, "center": center}

    def slope(v):
        return standardize_grad(v, x, None, mu, r, **options)[0]

    def m(v):
        return mean(v, dims, True)

    xhat = standardize(x, **options)
    v = dy if weight is None else dy * weight
    ddy = dx = dw = None
    if ux is not None:
        kux = slope(ux)
        if needs[0]:
            ddy = kux if weight is None else kux * weight
        if needs[1]:
            rate = rsqrt(m(square(x - m(x) if center else x)) + eps)
            a, b, c = m(v * xhat), m(ux * xhat), m(ux * v)
            c = (c - m(ux) * m(v) if center else c) - a * b
            dx = -rate * (rate * c * xhat + b * slope(v) + a * kux)
        if needs[2]:
            dw = sum_to(dy * kux, weight.shape)
    if uw is not None:
        ddy = _plus(ddy, uw * xhat) if needs[0] else None
        dx = _plus(dx, slope(uw * dy)) if needs[1] else None
    if ub is not None and needs[0]:
        ddy = _plus(ddy, ub + 0 * dy)
    return ddy, dx, dw, None, None


def _plus(a, b):
    return b if a is None else a + b


standardize_grad.grad(_second_order)


@lru_cache
def _even(shape, ndim, dims):
    """True where something of this shape, broadcast to `ndim` axes, does not vary along `dims`."""
    extra = ndim - len(shape)
    return all(i < extra or shape[i - extra] == 1 for i in dims)
