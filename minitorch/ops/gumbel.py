"""Choices that gradients go through: softmax of noisy scores, made exact in the forward."""

from __future__ import annotations

from minitorch.array import device_of, has_values, move
from minitorch.dtypes import float64
from minitorch.op import composite
from minitorch.ops.arguments import check_floats
from minitorch.ops.scatter import scatter
from minitorch.ops.softmax import softmax
from minitorch.random import Generator, default_generator
from minitorch.tensor import Tensor, make
from minitorch.traced import one_call
from minitorch.words import np


@composite(autocast="high")
def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """y = softmax((x + n) / τ) along `dim`, for noise n = -log(-log u), u even in (0, 1)

    The largest of x + n is at i with probability softmax(x)_i, so y is a softened draw of one of
    the choices, and sharper the smaller τ. With `hard`, y is that draw as 0s and a 1, while the
    gradient stays that of the softened one (straight-through). Jang et al. 2017, Maddison et al.
    2017.

    Args:
        logits: x, scores of any size; a GPU draws from the host's stream, as in `dropout`.
        tau: τ, above 0.
        hard: give exact choices.
        eps: accepted as in torch, where it has no effect either.
        dim: the axis of the choices.
        generator: the stream the noise comes from; the default one unless given.

    Raises:
        ValueError: tau is not above 0.
        TypeError: the logits are integers.

    >>> import minitorch
    >>> stream = minitorch.Generator().manual_seed(0)
    >>> x = minitorch.tensor([[0.0, 1.0, 2.0]])
    >>> minitorch.nn.functional.gumbel_softmax(x, hard=True, generator=stream)
    tensor([[0., 0., 1.]])
    """
    check_floats("gumbel_softmax", "logits", logits)
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be above 0, got {tau}")
    soft = softmax((logits + _noise(logits, generator)) / tau, dim)
    if not hard:
        return soft
    value = soft.detach()
    choice = scatter(value * 0, dim, value.argmax(dim, True), 1.0)
    return choice - value + soft


@one_call
def _noise(logits: Tensor, generator: Generator | None) -> Tensor:
    """Gumbel noise, from float64 numbers above 0 and below 1: both logarithms are finite."""
    if not has_values(logits.array):  # a Meta draws nothing, and leaves the stream where it is
        return make(np.zeros_like(logits.array))
    u = (generator or default_generator).uniform(logits.shape, float64)
    noise = np.asarray(-np.log(-np.log(np.maximum(u, 1e-300))))  # a scalar, of a single number
    return make(move(noise.astype(logits.dtype), device_of(logits.array)))
