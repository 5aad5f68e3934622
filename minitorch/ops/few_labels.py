"""The losses of few labels, where a batch is so small that setting out takes longer than working.

The formulas are those of `cross_entropy.py`, for the plain case: rows of logits, a label for each,
no weights. BLAS adds up, and what the gradient needs, dl/dx, is at hand in the forward already.
"""

from __future__ import annotations

from functools import lru_cache

from numpy import ndarray

from minitorch.few import is_few
from minitorch.ops.places import all_below
from minitorch.words import np


def places_of_few(x, target, ignore_index, reduction):
    """The numbers of the elements that few plain labels name; None where anything is not plain."""
    if type(x) is not ndarray or x.ndim != 2 or not is_few(x) or x.dtype.char not in "fd":
        return None
    shape = x.shape
    if type(target) is not ndarray or target.shape != shape[:1] or reduction not in _DIVIDED:
        return None
    C = shape[1]
    if 0 <= ignore_index < C or target.dtype is not _INT64 or not all_below(target, C):
        return None
    return target + _rows(*shape)


@lru_cache
def _rows(N, C):
    """Where each row begins."""
    return np.arange(N) * C


_INT64 = np.dtype(np.int64)
_DIVIDED = {"mean": True, "sum": False}


@lru_cache
def _sums(shape, dtype, reduction):
    """Ones that add up a row beside itself, -1/N for each label, and 1/N (1, unless a mean)."""
    N, C = shape
    share = 1 / N if _DIVIDED[reduction] else 1
    return np.ones((C, C), dtype), np.full(N, -share, dtype), np.array(share, dtype)


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
    picked = p.take(at)
    loss = np.log(picked).dot(signs, np.empty((), x.dtype))
    p.put(at, picked - _ONE[x.dtype])
    p *= share
    return loss, p, (e, total)


_ONE = {np.dtype(t): np.array(1, t) for t in ("f", "d")}


def nll_loss_of_few(x, picked, reduction):
    """The loss, and what its slope has at each label."""
    _, signs, _ = _sums(x.shape, x.dtype, reduction)
    return picked.dot(signs, np.empty((), x.dtype)), signs
