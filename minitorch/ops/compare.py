"""Comparing and choosing: questions with a yes or no for every element, and what hangs on them.

Comparisons answer with bool tensors and stand outside the graph. The choosers (`where`, `maximum`,
`clamp`) pass the gradient to the element that was chosen, and exactly 0 to the others, even where
it is inf or nan: `x.clamp(min=0).sqrt()` has gradient 0 below 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.op import composite, op
from minitorch.tensor import Tensor, raw
from minitorch.words import np

# comparisons -----------------------------------------------------------------------------------


@op(methods="eq", inplace="eq_")
def eq(a, b):
    """y = (a == b), element by element

    >>> import minitorch
    >>> minitorch.tensor([1, 2]) == minitorch.tensor([1, 3])
    tensor([ True, False])
    """
    return np.equal(a, b)


@op(methods="ne not_equal", inplace="ne_ not_equal_")
def ne(a, b):
    """y = (a != b), element by element"""
    return np.not_equal(a, b)


@op(methods="lt less", inplace="lt_ less_")
def lt(a, b):
    """y = (a < b), element by element"""
    return np.less(a, b)


@op(methods="le less_equal", inplace="le_ less_equal_")
def le(a, b):
    """y = (a <= b), element by element"""
    return np.less_equal(a, b)


@op(methods="gt greater", inplace="gt_ greater_")
def gt(a, b):
    """y = (a > b), element by element"""
    return np.greater(a, b)


@op(methods="ge greater_equal", inplace="ge_ greater_equal_")
def ge(a, b):
    """y = (a >= b), element by element"""
    return np.greater_equal(a, b)


def _operator(compare: Callable) -> Callable:
    """The operator of a comparison: for what is no number it leaves the answer to Python.

    So `x == None` is False, and `x < None` raises Python's own TypeError.
    """

    def method(a: Tensor, b: Any) -> Any:
        if isinstance(b, (Tensor, int, float, complex)) or hasattr(b, "dtype"):
            return compare(a, b)
        return NotImplemented

    method.__name__ = f"__{compare.__name__}__"
    method.__doc__ = compare.__doc__
    return method


for compare in (eq, ne, lt, le, gt, ge):
    setattr(Tensor, f"__{compare.__name__}__", _operator(compare))


@op(methods="isclose")
def isclose(a, b, *, rtol=1e-5, atol=1e-8, equal_nan=False):
    """y = (|a - b| <= atol + rtol |b|), or a == b; nan equals nan only with `equal_nan`

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0]).isclose(minitorch.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    difference = np.abs(a * 1.0 - b * 1.0)  # as floats: bools and unsigned integers have no minus
    near = np.isfinite(difference) & (difference <= atol + rtol * np.abs(b))
    near |= np.equal(a, b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@composite(methods="allclose")
def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close (see `isclose`), as a Python bool.

    >>> import minitorch
    >>> minitorch.allclose(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 2.0000001]))
    True
    """
    return _all(isclose(input, other, rtol, atol, equal_nan))


@composite(methods="equal")
def equal(input: Any, other: Any) -> bool:
    """Whether the shapes are the same and all elements are equal, as a Python bool.

    >>> import minitorch
    >>> minitorch.equal(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0]))
    False
    """
    return np.shape(raw(input)) == np.shape(raw(other)) and _all(eq(input, other))


def _all(answers: Any) -> bool:
    return bool(np.all(raw(answers)))


# questions about one number -------------------------------------------------------------------


@op(methods="isnan")
def isnan(x):
    """y = True where x is not a number"""
    return np.isnan(x)


@op(methods="isinf")
def isinf(x):
    """y = True where x is inf or -inf"""
    return np.isinf(x)


@op(methods="isfinite")
def isfinite(x):
    """y = True where x is neither nan nor infinite"""
    return np.isfinite(x)


@op(methods="isposinf")
def isposinf(x):
    """y = True where x is inf"""
    return np.equal(x, math.inf)


@op(methods="isneginf")
def isneginf(x):
    """y = True where x is -inf"""
    return np.equal(x, -math.inf)


# logic ----------------------------------------------------------------------------------------


@op(methods="logical_and", inplace="logical_and_")
def logical_and(a, b):
    """y = a and b; every number but 0 is True"""
    return np.logical_and(a, b)


@op(methods="logical_or", inplace="logical_or_")
def logical_or(a, b):
    """y = a or b; every number but 0 is True"""
    return np.logical_or(a, b)


@op(methods="logical_xor", inplace="logical_xor_")
def logical_xor(a, b):
    """y = either a or b; every number but 0 is True"""
    return np.logical_xor(a, b)


@op(methods="logical_not", inplace="logical_not_")
def logical_not(x):
    """y = not x; every number but 0 is True"""
    return np.logical_not(x)


@op(
    methods="bitwise_and __and__",
    reflected="__rand__",
    inplace="bitwise_and_ __iand__",
)
def bitwise_and(a, b):
    """y = a & b, bit by bit; for bools and integers

    >>> import minitorch
    >>> x = minitorch.tensor([-1.0, 0.5, 3.0])
    >>> (x > 0) & (x < 1)
    tensor([False,  True, False])
    """
    _check_bits("bitwise_and", a, b)
    return np.bitwise_and(a, b)


@op(methods="bitwise_or __or__", reflected="__ror__", inplace="bitwise_or_ __ior__")
def bitwise_or(a, b):
    """y = a | b, bit by bit; for bools and integers"""
    _check_bits("bitwise_or", a, b)
    return np.bitwise_or(a, b)


@op(methods="bitwise_xor __xor__", reflected="__rxor__", inplace="bitwise_xor_ __ixor__")
def bitwise_xor(a, b):
    """y = a ^ b, bit by bit; for bools and integers"""
    _check_bits("bitwise_xor", a, b)
    return np.bitwise_xor(a, b)


@op(methods="bitwise_not __invert__", inplace="bitwise_not_")
def bitwise_not(x):
    """y = ~x, bit by bit; for bools and integers"""
    _check_bits("bitwise_not", x)
    return np.invert(x)


def _check_bits(name, *operands):
    for x in operands:
        if isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind == "f"):
            raise TypeError(
                f"{name}: expected bools or integers, got {getattr(x, 'dtype', 'a float')}; "
                "compare first, as in (x > 0) & (x < 1), or use logical_and and its like"
            )


# choosing -------------------------------------------------------------------------------------


@op(broadcasts=True)
def where(condition, input=None, other=None):
    """y = input where the condition holds, else other

    dL/dinput = g where it holds, dL/dother = g elsewhere; 0 otherwise. Given the condition alone
    it answers where that holds: a tuple of indices, one int64 tensor per axis.

    Both sides are computed before the choice. Where the side not chosen has gradient inf (sqrt at
    0), its product with 0 is nan: choose its *input* as well, `where(x > 0, where(x > 0, x,
    1).sqrt(), 0)`.

    Raises:
        TypeError: the condition is not boolean.

    >>> import minitorch
    >>> x = minitorch.tensor([-1.0, 2.0])
    >>> minitorch.where(x > 0, x, 10.0)
    tensor([10.,  2.])
    """
    if input is None and other is None:
        return np.nonzero(condition)
    if input is None or other is None:
        raise TypeError("where: takes a condition alone, or both 'input' and 'other'")
    if getattr(condition, "dtype", np.bool_) != np.bool_:
        raise TypeError(
            f"where: 'condition' must be boolean, got {condition.dtype}; write condition != 0"
        )
    return np.where(condition, input, other)


where.grad(
    input=lambda g, condition: where(condition, g, 0),
    other=lambda g, condition: where(condition, 0, g),
)


def _where(self: Tensor, condition: Any, other: Any) -> Tensor:
    """This tensor where the condition holds, else `other`."""
    return where(condition, self, other)


Tensor.where = _where  # type: ignore[attr-defined]


@op(broadcasts=True, methods="maximum")
def maximum(a, b):
    """y = the larger of a and b          dL/d(larger) = g,   at a tie half of g each

    A nan on either side gives nan, and g to both.

    >>> import minitorch
    >>> minitorch.maximum(minitorch.tensor([1.0, 5.0]), minitorch.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return np.maximum(a, b)


maximum.grad(
    a=lambda g, a, b: _chosen(g, a < b, a == b),
    b=lambda g, a, b: _chosen(g, b < a, a == b),
)


@op(broadcasts=True, methods="minimum")
def minimum(a, b):
    """y = the smaller of a and b          dL/d(smaller) = g,   at a tie half of g each

    A nan on either side gives nan, and g to both.
    """
    return np.minimum(a, b)


minimum.grad(
    a=lambda g, a, b: _chosen(g, a > b, a == b),
    b=lambda g, a, b: _chosen(g, b > a, a == b),
)


def _chosen(g, lost, tied):
    """The part of g that one side of a maximum or minimum receives."""
    return where(tied, g * 0.5, where(lost, 0, g))


@op(broadcasts=True, methods="fmax")
def fmax(a, b):
    """y = the larger of a and b, leaving nan out          dL/d(larger) = g,   at a tie to a"""
    return np.fmax(a, b)


fmax.grad(
    a=lambda g, a, b: where((a >= b) | isnan(b), g, 0),
    b=lambda g, a, b: where((a >= b) | isnan(b), 0, g),
)


@op(broadcasts=True, methods="fmin")
def fmin(a, b):
    """y = the smaller of a and b, leaving nan out          dL/d(smaller) = g,   at a tie to a"""
    return np.fmin(a, b)


fmin.grad(
    a=lambda g, a, b: where((a <= b) | isnan(b), g, 0),
    b=lambda g, a, b: where((a <= b) | isnan(b), 0, g),
)


@op(broadcasts=True, methods="clamp clip", inplace="clamp_ clip_")
def clamp(x, min=None, max=None):
    """y = x, but not below min and not above max          dL/dx = g where min <= x <= max, else 0

    The bounds are numbers, tensors or None; at a bound the gradient of x is g. A tensor as bound
    receives what it holds back: dL/dmin = g where x < min, dL/dmax = g where x > max. With
    min > max the result is max.

    >>> import minitorch
    >>> minitorch.tensor([-2.0, 0.5, 3.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise ValueError("both min and max are None; give at least one")
    return np.clip(x, min, max)


def _clamp_x(g, x, min, max):
    above = True if min is None else x >= min
    below = True if max is None else x <= max
    return where(above & below, g, 0)


def _clamp_min(g, x, min, max):
    return where(x < min if max is None else (x < min) & (min < max), g, 0)


def _clamp_max(g, x, min, max):
    return where(x > max if min is None else (x > max) | (max < min), g, 0)


clamp.grad(x=_clamp_x, min=_clamp_min, max=_clamp_max)


@composite(methods="clamp_min", inplace="clamp_min_")
def clamp_min(input: Any, min: Any) -> Any:
    """The input, but not below min: `clamp` with one bound."""
    return clamp(input, min)


@composite(methods="clamp_max", inplace="clamp_max_")
def clamp_max(input: Any, max: Any) -> Any:
    """The input, but not above max: `clamp` with one bound."""
    return clamp(input, None, max)


# torch's other names.
not_equal, less, less_equal, greater, greater_equal, clip = ne, lt, le, gt, ge, clamp
