"""Sums of products, as op bodies take them: `einsum` multiplies and adds up in one pass.

Without a temporary for the product, and with several sums under way at once, it takes a third of
the time of `sum` along the last axis, and a ninth where the channels lie last in memory.
"""

from __future__ import annotations

from functools import cache
from string import ascii_lowercase

import numpy as np

from minitorch.few import add_up, add_up_beside

_FEW = 2**11  # numbers: below, the time goes into preparing the sum, and `add_up` takes less of it


def total(dims, *factors, beside=False):
    """The product of one or two arrays, summed over `dims`, which stay as size 1.

    `beside` allows that each sum is repeated along `dims`, for what meets it there.
    """
    shape = factors[0].shape
    if factors[0].size < _FEW and shape:
        product = factors[0] if len(factors) == 1 else factors[0] * factors[1]
        return add_up_beside(product, dims) if beside else add_up(product, dims, True)
    subscripts, kept = _plan(len(factors), len(shape), dims)
    small = [n if keep else 1 for n, keep in zip(shape, kept)]
    return np.einsum(subscripts, *factors).reshape(small)


def wide(x):
    """x to be squared and summed: float16, which ends at 65,504, as float32."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def folded(shape, *factors):
    """The product of one or two arrays, summed down to a shape that was broadcast to theirs."""
    ndim = factors[0].ndim
    extra = ndim - len(shape)
    dims = (*range(extra), *[i + extra for i, n in enumerate(shape) if n == 1])
    return np.einsum(_plan(len(factors), ndim, dims)[0], *factors).reshape(shape)


@cache
def _plan(count, ndim, dims):
    """The subscripts of a sum over `dims`, and for each axis whether it is kept."""
    summed = {d % ndim for d in dims} if ndim else set()
    kept = [i not in summed for i in range(ndim)]
    letters = ascii_lowercase[:ndim]
    left = "".join(c for c, keep in zip(letters, kept) if keep)
    return f"{','.join([letters] * count)}->{left}", kept
