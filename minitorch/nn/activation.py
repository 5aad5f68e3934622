"""Activations as modules, to stand between the layers of a Sequential.

Each is one function of `nn.functional`, where its formula and its gradient are, and the options it
is called with; only PReLU has a parameter. A class says just that: which function, which options.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import minitorch.nn.functional as F
from minitorch.nn.init import constant
from minitorch.nn.layer import Layer, check_size
from minitorch.nn.module import Module
from minitorch.random import Generator
from minitorch.tensor import Tensor


class Activation(Module):
    """y = function(x, options).

    Attributes:
        function: of `nn.functional`.
        options: the names of the attributes that it is called with, and that are printed.
    """

    function: ClassVar[Callable]
    options: ClassVar[tuple[str, ...]] = ()

    def forward(self, x: Tensor) -> Tensor:
        """The function of every element, or along the dimension that an option names."""
        return self.function(x, **{name: getattr(self, name) for name in self.options})

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.options)


class Overwriting(Activation):
    """An activation that with `inplace=True` writes its result into the input, to save memory."""

    inplace: bool

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """The function of every element."""
        options = {name: getattr(self, name) for name in self.options}
        return self.function(x, inplace=self.inplace, **options)

    def extra_repr(self) -> str:
        """The options, and `inplace` where it is asked for."""
        return ", ".join(filter(None, (super().extra_repr(), "inplace=True" * self.inplace)))


# rectifiers ------------------------------------------------------------------------------------


class ReLU(Overwriting):
    """y = max(x, 0)

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.ReLU()(minitorch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(F.relu)


class ReLU6(Overwriting):
    """y = x, between 0 and 6"""

    function = staticmethod(F.relu6)


class LeakyReLU(Overwriting):
    """y = x where x > 0, else negative_slope x"""

    function = staticmethod(F.leaky_relu)
    options = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        self.negative_slope, self.inplace = negative_slope, inplace


class RReLU(Module):
    """y = x where x >= 0, else a x; in training a is drawn for each x, in evaluation the middle.

    Xu, Wang, Chen and Li 2015.

    Args:
        lower: the least that is drawn.
        upper: the most.
        inplace: write the result into the input.
        generator: the stream that is drawn from; the default one unless given.
    """

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        inplace: bool = False,
        *,
        generator: Generator | None = None,
    ):
        if not lower <= upper:
            raise ValueError(f"RReLU: lower {lower} is above upper {upper}")
        self.lower, self.upper, self.inplace, self.generator = lower, upper, inplace, generator

    def forward(self, x: Tensor) -> Tensor:
        """The function of every element."""
        return F.rrelu(
            x, self.lower, self.upper, self.training, self.inplace, generator=self.generator
        )

    def extra_repr(self) -> str:
        """The range, and `inplace` where it is asked for."""
        return f"lower={self.lower}, upper={self.upper}{', inplace=True' * self.inplace}"


class PReLU(Layer):
    """y = x where x > 0, else w x, with a w that is trained. He, Zhang, Ren and Sun 2015.

    Args:
        num_parameters: one w for all, or one for each channel (axis 1 of x).
        init: what w starts from.
        device: where w lives.
        dtype: of w, a floating one.

    Attributes:
        weight: w, (num_parameters,).
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ):
        check_size("PReLU", "num_parameters", num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.declare(weight=constant(init), device=device, dtype=dtype)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """That of w."""
        return {"weight": (self.num_parameters,)}

    def forward(self, x: Tensor) -> Tensor:
        """The function of every element."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The number of parameters."""
        return f"num_parameters={self.num_parameters}"


class ELU(Overwriting):
    """y = x where x > 0, else alpha (e^x - 1)"""

    function = staticmethod(F.elu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace


class SELU(Overwriting):
    """y = scale elu(x, alpha), with the numbers that keep mean 0 and variance 1"""

    function = staticmethod(F.selu)


class CELU(Overwriting):
    """y = x where x > 0, else alpha (e^(x / alpha) - 1)"""

    function = staticmethod(F.celu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        if alpha == 0:
            raise ValueError("CELU: alpha must not be 0, as x is divided by it")
        self.alpha, self.inplace = alpha, inplace


class GELU(Activation):
    """y = x Φ(x), Φ the normal distribution's; approximate="tanh" takes a formula near to it."""

    function = staticmethod(F.gelu)
    options = ("approximate",)

    def __init__(self, approximate: str = "none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate {approximate!r}, expected 'none' or 'tanh'")
        self.approximate = approximate


class SiLU(Overwriting):
    """y = x sigmoid x"""

    function = staticmethod(F.silu)


class Mish(Overwriting):
    """y = x tanh(softplus x)"""

    function = staticmethod(F.mish)


class Softplus(Activation):
    """y = log(1 + e^(beta x)) / beta, and x itself where beta x > threshold"""

    function = staticmethod(F.softplus)
    options = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        if beta == 0:
            raise ValueError("Softplus: beta must not be 0, as it is divided by")
        self.beta, self.threshold = beta, threshold


class Hardswish(Overwriting):
    """y = x hardsigmoid x"""

    function = staticmethod(F.hardswish)


class Threshold(Overwriting):
    """y = x where x > threshold, else value"""

    function = staticmethod(F.threshold)
    options = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        self.threshold, self.value, self.inplace = threshold, value, inplace


# s-shaped --------------------------------------------------------------------------------------


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x)"""

    function = staticmethod(F.sigmoid)


class LogSigmoid(Activation):
    """y = log sigmoid x"""

    function = staticmethod(F.logsigmoid)


class Tanh(Activation):
    """y = tanh x"""

    function = staticmethod(F.tanh)


class Softsign(Activation):
    """y = x / (1 + |x|)"""

    function = staticmethod(F.softsign)


class Hardtanh(Overwriting):
    """y = x, between min_val and max_val"""

    function = staticmethod(F.hardtanh)
    options = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} is not below max_val {max_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace


class Hardsigmoid(Overwriting):
    """y = (x + 3) / 6, between 0 and 1"""

    function = staticmethod(F.hardsigmoid)


# shrinking ------------------------------------------------------------------------------------


class Shrink(Activation):
    """What Hardshrink and Softshrink share: the width of the band around 0."""

    options = ("lambd",)

    def __init__(self, lambd: float = 0.5):
        if not lambd >= 0:
            raise ValueError(f"{type(self).__name__}: lambd {lambd}, expected 0 or more")
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.lambd}"


class Hardshrink(Shrink):
    """y = x outside ±lambd, else 0"""

    function = staticmethod(F.hardshrink)


class Softshrink(Shrink):
    """y = x pulled towards 0 by lambd, and 0 within ±lambd"""

    function = staticmethod(F.softshrink)


class Tanhshrink(Activation):
    """y = x - tanh x"""

    function = staticmethod(F.tanhshrink)


# shares of one --------------------------------------------------------------------------------


class AlongDim(Activation):
    """What Softmax, Softmin and LogSoftmax share: the dim along which shares add up to 1.

    It has to be named. Torch takes the batch axis for it where it is left out of some shapes.
    """

    options = ("dim",)

    def __init__(self, dim: int | None = None):
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"{type(self).__name__}: dim must be an int, got {dim!r}; try dim=-1")
        self.dim = dim


class Softmax(AlongDim):
    """y_i = e^x_i / Σ_j e^x_j along `dim`"""

    function = staticmethod(F.softmax)


class Softmin(AlongDim):
    """y_i = e^-x_i / Σ_j e^-x_j along `dim`"""

    function = staticmethod(F.softmin)


class LogSoftmax(AlongDim):
    """y_i = x_i - log Σ_j e^x_j along `dim`"""

    function = staticmethod(F.log_softmax)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W), at each place."""

    def forward(self, x: Tensor) -> Tensor:
        """The softmax of axis -3."""
        if len(x.shape) not in (3, 4):
            raise ValueError(f"Softmax2d: input is {x.shape}, expected (N, C, H, W) or (C, H, W)")
        return F.softmax(x, dim=-3)
