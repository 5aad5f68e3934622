"""Arithmetic: the operators of Python, element by element, with broadcasting.

`g` is dL/dy, the gradient that arrives; `y` the output; `a, b` the inputs. The engine sums
gradients back over broadcast axes, so no rule here has to. A product with a constant keeps one
side on the tape, a sum keeps nothing: a rule names what it needs.

Either side may be a number or a NumPy array. Integers divide into floats with `/` and stay
integers with `//` and `%`, where zero raises ZeroDivisionError; floats divided by zero follow IEEE
(inf and nan). On a GPU that check for zero waits for the device.
"""

from __future__ import annotations

import operator
from typing import Any

from minitorch.array import has_values
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats
from minitorch.ops.sums import wide
from minitorch.words import np

# sums and differences --------------------------------------------------------------------------


@op(
    broadcasts=True,
    methods="add __add__",
    reflected="__radd__",
    inplace="add_ __iadd__",
    into=operator.iadd,
)
def add(a, b, *, alpha=1):
    """y = a + alpha b          dL/da = g,   dL/db = alpha g

    >>> import minitorch
    >>> minitorch.tensor([1.0, 2.0]) + 1
    tensor([2., 3.])
    >>> minitorch.add(minitorch.tensor([1.0, 2.0]), 1, alpha=10)
    tensor([11., 12.])
    """
    return a + b if alpha == 1 else a + b * alpha


add.grad(a=lambda g: g, b=lambda g, alpha: g if alpha == 1 else g * alpha)


@op(
    broadcasts=True,
    methods="sub subtract __sub__",
    reflected="__rsub__",
    inplace="sub_ subtract_ __isub__",
    into=operator.isub,
)
def sub(a, b, *, alpha=1):
    """y = a - alpha b          dL/da = g,   dL/db = -alpha g

    >>> import minitorch
    >>> 1 - minitorch.tensor([1.0, 2.0])
    tensor([ 0., -1.])
    """
    return a - b if alpha == 1 else a - b * alpha


sub.grad(a=lambda g: g, b=lambda g, alpha: -g if alpha == 1 else g * -alpha)


@composite()
def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """y = other - alpha input: `sub` with its operands swapped."""
    return sub(other, input, alpha=alpha)


@op(methods="neg negative __neg__", inplace="neg_ negative_", calm=True)
def neg(x):
    """y = -x          dL/dx = -g"""
    return -x


neg.grad(x=lambda g: -g)


@composite(methods="positive __pos__")
def positive(input: Any) -> Any:
    """The tensor itself: +x."""
    return input


# products and quotients -----------------------------------------------------------------------


@op(
    broadcasts=True,
    methods="mul multiply __mul__",
    reflected="__rmul__",
    inplace="mul_ multiply_ __imul__",
    into=operator.imul,
)
def mul(a, b):
    """y = a b          dL/da = g b,   dL/db = g a

    >>> import minitorch
    >>> a = minitorch.tensor([2.0, 3.0], requires_grad=True)
    >>> (a * a).sum().backward()
    >>> a.grad
    tensor([4., 6.])
    """
    return a * b


mul.grad(a=lambda g, b: g * b, b=lambda g, a: g * a)


@op(
    broadcasts=True,
    methods="div divide true_divide __truediv__",
    reflected="__rtruediv__",
    inplace="div_ divide_ true_divide_ __itruediv__",
    into=operator.itruediv,
)
def div(a, b, *, rounding_mode=None):
    """y = a / b          dL/da = g / b,   dL/db = -g y / b

    `rounding_mode` "trunc" rounds the quotient towards zero, "floor" downwards; a staircase, with
    gradient 0.

    >>> import minitorch
    >>> minitorch.div(minitorch.tensor([-7.0, 7.0]), 2, rounding_mode="trunc")
    tensor([-3.,  3.])
    """
    if rounding_mode is None:
        return a / b
    if rounding_mode == "floor":
        return floor_divide(a, b)
    if rounding_mode == "trunc":
        if not _whole(a, b):
            return np.trunc(a / b)
        _check_nonzero(b, "div")
        return (a - np.fmod(a, b)) // b
    raise ValueError(f"rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")


div.grad(
    a=lambda g, b, rounding_mode: g / b if rounding_mode is None else g * 0,
    b=lambda g, y, b, rounding_mode: -g * y / b if rounding_mode is None else g * 0,
)


@op(
    broadcasts=True,
    methods="floor_divide __floordiv__",
    reflected="__rfloordiv__",
    inplace="floor_divide_ __ifloordiv__",
)
def floor_divide(a, b):
    """y = ⌊a / b⌋          dL/da = dL/db = 0

    >>> import minitorch
    >>> minitorch.tensor([-7, 7]) // 2
    tensor([-4,  3])
    """
    if _whole(a, b):
        _check_nonzero(b, "floor_divide")
    return a // b


floor_divide.grad(a=lambda g: g * 0, b=lambda g: g * 0)


@op(
    broadcasts=True,
    methods="remainder __mod__",
    reflected="__rmod__",
    inplace="remainder_ __imod__",
)
def remainder(a, b):
    """y = a - b ⌊a / b⌋, with the sign of b          dL/da = g,   dL/db = -g ⌊a / b⌋

    >>> import minitorch
    >>> minitorch.tensor([-7.0, 7.0]) % 3
    tensor([2., 1.])
    """
    if _whole(a, b):
        _check_nonzero(b, "remainder")
    return a % b


remainder.grad(a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))


@op(broadcasts=True, methods="fmod", inplace="fmod_")
def fmod(a, b):
    """y = a - b trunc(a / b), with the sign of a          dL/da = g,   dL/db = -g trunc(a / b)"""
    if _whole(a, b):
        _check_nonzero(b, "fmod")
    return np.fmod(a, b)


fmod.grad(a=lambda g: g, b=lambda g, a, b: -g * trunc(a / b))


def _whole(a, b):
    """True when both are integers."""
    return all(x.dtype.kind in "iub" if hasattr(x, "dtype") else isinstance(x, int) for x in (a, b))


def _check_nonzero(b, name):
    """Integers have no infinity to answer with."""
    if has_values(b) and not np.all(b):
        raise ZeroDivisionError(
            f"{name}: integer division by zero; convert to float for inf and nan: x.float()"
        )


@op(broadcasts=True, methods="addcmul", inplace="addcmul_")
def addcmul(x, tensor1, tensor2, *, value=1):
    """y = x + value tensor1 tensor2

    dL/dx = g,   dL/dtensor1 = g value tensor2,   dL/dtensor2 = g value tensor1.
    """
    return x + tensor1 * tensor2 * value


addcmul.grad(
    x=lambda g: g,
    tensor1=lambda g, tensor2, value: g * tensor2 * value,
    tensor2=lambda g, tensor1, value: g * tensor1 * value,
)


@op(broadcasts=True, methods="addcdiv", inplace="addcdiv_")
def addcdiv(x, tensor1, tensor2, *, value=1):
    """y = x + value tensor1 / tensor2

    dL/dx = g,   dL/dtensor1 = g value / tensor2,   dL/dtensor2 = -g value tensor1 / tensor2².
    """
    return x + tensor1 / tensor2 * value


addcdiv.grad(
    x=lambda g: g,
    tensor1=lambda g, tensor2, value: g * value / tensor2,
    tensor2=lambda g, tensor1, tensor2, value: -g * value * tensor1 / (tensor2 * tensor2),
)


@op(broadcasts=True, methods="lerp", inplace="lerp_")
def lerp(x, end, weight):
    """y = x + w (end - x), from x at w = 0 to end at w = 1

    dL/dx = g (1 - w),   dL/dend = g w,   dL/dw = g (end - x). Each half is computed from its own
    end, so that both ends are met exactly.

    >>> import minitorch
    >>> minitorch.lerp(minitorch.tensor([0.0, 10.0]), 20.0, 0.25)
    tensor([ 5.0000, 12.5000])
    """
    if hasattr(x, "dtype"):
        check_floats("lerp", "x", x)  # uint8 would wrap around
    step = end - x
    if not hasattr(weight, "dtype"):
        return x + step * weight if -0.5 < weight < 0.5 else end - step * (1 - weight)
    near = np.abs(weight) < 0.5
    return np.where(near, x + step * weight, end - step * (1 - weight))


lerp.grad(
    x=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, x, end: g * (end - x),
)


# size and sign --------------------------------------------------------------------------------


@op(methods="abs absolute __abs__", inplace="abs_ absolute_", calm=True)
def abs(x):
    """y = |x|          dL/dx = g sign(x), which is 0 at 0

    >>> import minitorch
    >>> abs(minitorch.tensor([-2.0, 3.0]))
    tensor([2., 3.])
    """
    return np.abs(x)


abs.grad(x=lambda g, x: g * sign(x))


@op(methods="sign sgn", inplace="sign_ sgn_", calm=True)
def sign(x):
    """y = -1, 0 or 1          dL/dx = 0

    A nan stays nan (in torch it becomes 0).
    """
    return np.sign(x)


sign.grad(x=lambda g: g * 0)


# rounding: staircases, whose gradient is 0 ----------------------------------------------------


@op(methods="floor", inplace="floor_")
def floor(x):
    """y = ⌊x⌋, the largest integer not above x          dL/dx = 0"""
    return np.floor(x) if x.dtype.kind == "f" else x.copy()


floor.grad(x=lambda g: g * 0)


@op(methods="ceil", inplace="ceil_")
def ceil(x):
    """y = ⌈x⌉, the smallest integer not below x          dL/dx = 0"""
    return np.ceil(x) if x.dtype.kind == "f" else x.copy()


ceil.grad(x=lambda g: g * 0)


@op(methods="trunc fix", inplace="trunc_ fix_")
def trunc(x):
    """y = x without its decimals          dL/dx = 0"""
    return np.trunc(x) if x.dtype.kind == "f" else x.copy()


trunc.grad(x=lambda g: g * 0)


@op(methods="round", inplace="round_")
def round(x, *, decimals=0):
    """y = x rounded to `decimals` places, halves to the even neighbour          dL/dx = 0

    >>> import minitorch
    >>> minitorch.tensor([0.5, 1.5, 2.5]).round()
    tensor([0., 2., 2.])
    """
    if x.dtype.kind != "f":
        return x.copy()
    if decimals == 0:
        return np.rint(x)
    # NumPy multiplies by 10^decimals on the way, which float16 does not hold
    return np.round(wide(x), decimals).astype(x.dtype, copy=False)


round.grad(x=lambda g: g * 0)


@op(methods="frac", inplace="frac_")
def frac(x):
    """y = x - trunc(x), with the sign of x          dL/dx = g"""
    return x - np.trunc(x)


frac.grad(x=lambda g: g)


# torch's other names.
subtract, multiply, divide, true_divide = sub, mul, div, div
negative, absolute, fix, sgn = neg, abs, trunc, sign
