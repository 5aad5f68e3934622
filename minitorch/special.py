"""The special functions, under the names of torch.special.

    minitorch.special.gammaln(x)          # minitorch.lgamma
    minitorch.special.ndtr(x)             # the probability that a draw from N(0, 1) is below x

Each is an op of minitorch, or made of a few of them: all have gradients.
"""

from __future__ import annotations

import math

from minitorch.dtypes import FLOATING, float64, get_default_dtype
from minitorch.ops.activation import logit
from minitorch.ops.activation import sigmoid as expit
from minitorch.ops.arithmetic import round
from minitorch.ops.compare import where
from minitorch.ops.elementwise import exp2, expm1, log1p
from minitorch.ops.erf import erf, erfc, erfinv
from minitorch.ops.gamma import digamma, polygamma
from minitorch.ops.gamma import digamma as psi
from minitorch.ops.gamma import lgamma as gammaln
from minitorch.ops.softmax import log_softmax, softmax
from minitorch.ops.special import sinc, xlogy
from minitorch.ops.statistics import logsumexp
from minitorch.tensor import Tensor

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]


def entr(input: Tensor) -> Tensor:
    """y = -x log x, one term of an entropy: 0 at 0, and -inf below

    >>> import minitorch
    >>> minitorch.special.entr(minitorch.tensor([-1.0, 0.0, 0.5]))
    tensor([  -inf, 0.0000, 0.3466])
    """
    return where(input < 0, -math.inf, xlogy(-input, input))


def ndtr(input: Tensor) -> Tensor:
    """y = erfc(-x / √2) / 2, the cdf of N(0, 1)

    >>> import minitorch
    >>> minitorch.special.ndtr(minitorch.tensor([-1.0, 0.0, 1.0]))
    tensor([0.1587, 0.5000, 0.8413])
    """
    return erfc(input * -math.sqrt(0.5)) * 0.5


def ndtri(input: Tensor) -> Tensor:
    """y = √2 erfinv(2p - 1), where the cdf of N(0, 1) is p: the inverse of `ndtr`

    It is computed in float64, where 2p - 1 is told from -1 down to p = 1e-16; below it is -inf.

    >>> import minitorch
    >>> minitorch.special.ndtri(minitorch.tensor([1e-8, 0.5]))
    tensor([-5.6120,  0.0000])
    """
    dtype = input.dtype if input.dtype.kind in FLOATING else get_default_dtype()
    return (erfinv(input.to(float64) * 2 - 1) * math.sqrt(2)).to(dtype)
