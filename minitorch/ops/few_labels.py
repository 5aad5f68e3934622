"""The losses of few labels, where a batch is so small that setting out takes longer than working.

The formulas are those of `cross_entropy.py`, for the plain case: rows of logits, a label for each,
no weights. BLAS adds up, and what the gradient needs, dl/dx, is at hand in the forward already.
Few are the 16,000 numbers that BLAS may add up, as many as 1,600 examples of ten classes.
"""

from __future__ import annotations

import math
from functools import lru_cache

from numpy import ndarray

from minitorch.few import ADDED_BY_BLAS, STEPS
from minitorch.words import np


def places_of_few(x, target, ignore_index, reduction):
    """The numbers of the elements that few plain labels name; None where anything is not plain."""
    if type(x) is not ndarray or type(target) is not ndarray or target.dtype is not _INT64:
        return None
    rows, C = _rows(x.shape, x.dtype, reduction)
    if rows is None or target.shape != rows.shape or 0 <= ignore_index < C:
        return None
    unsigned = target.view(np.uint64)  # where a negative label is a huge one
    return target + rows if unsigned.item(unsigned.argmax()) < C else None


@lru_cache
def _rows(shape, dtype, reduction):
    """Where each row of few begins, and the number of classes; None where x is not plain."""
    few = len(shape) == 2 and 0 < math.prod(shape) <= ADDED_BY_BLAS
    if not few or dtype.char not in "fd" or reduction not in _DIVIDED:
        return None, 0
    N, C = shape
    return np.arange(N) * C, C


_INT64 = np.dtype(np.int64)
_DIVIDED = {"mean": True, "sum": False}


@lru_cache
def _sums(shape, dtype, reduction):
    """Ones that add up a row, -1/N for each label, and 1/N (1, unless a mean).

    Where a row is short there is a column of ones for each class: its sum is repeated beside it.
    """
    N, C = shape
    share = 1 / N if _DIVIDED[reduction] else 1
    ones = np.ones((C, C if N * C * C <= STEPS else 1), dtype)
    return ones, np.full(N, -share, dtype), np.array(share, dtype)


def cross_entropy_of_few(x, at, reduction):
    """The loss, its slope (p_c - [c = t]) / N, and e^x with its sums.

    None where e^x or p might be 0 or inf.
    """
    low, high = x.item(x.argmin()), x.item(x.argmax())
    if not (low > -80 and high < 80 and high - low < 80):
        return None
    ones, signs, share = _sums(x.shape, x.dtype, reduction)
    e = np.exp(x)
    total = e.dot(ones)
    p = e / total
    picked = p.ravel()[at]
    loss = np.empty((), x.dtype)
    np.log(picked).dot(signs, loss)
    p.put(at, picked - _ONE[x.dtype])
    p *= share
    return loss, p, (e, total)


_ONE = {np.dtype(t): np.array(1, t) for t in ("f", "d")}


def nll_loss_of_few(x, picked, reduction):
    """The loss, and what its slope has at each label."""
    _, signs, _ = _sums(x.shape, x.dtype, reduction)
    loss = np.empty((), x.dtype)
    picked.dot(signs, loss)
    return loss, signs
