"""Dropout: in training a share of the numbers is set to 0, so that no unit can rely on another.

What survives is scaled by 1 / (1 - p), which keeps the mean, and lets the model run unchanged when
nothing is dropped. A GPU draws from the host's stream, so a seed drops the same on both. The tape
keeps the mask in the dtype of x, scale included: a product by it costs half of one by bools.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.array import device_of, has_values, move
from minitorch.dtypes import float32
from minitorch.kernels import on_gpu
from minitorch.op import composite
from minitorch.ops.arguments import check_floats
from minitorch.ops.arithmetic import mul
from minitorch.ops.smooth import SELU_ALPHA, SELU_SCALE
from minitorch.random import Generator, default_generator
from minitorch.tensor import ShapeError, Tensor, make
from minitorch.traced import one_call
from minitorch.words import np


@composite()
def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    normalize: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """Each element is 0 with probability p, else x / (1 - p)          dL/dx = g / (1 - p), or 0

    With training=False it is the input itself. With normalize=False the survivors are left as they
    are. The draws come from `generator`, or else from the default stream.

    Raises:
        ValueError: p is not between 0 and 1.

    >>> import minitorch
    >>> dropout(minitorch.ones(4), 0.5, generator=minitorch.Generator().manual_seed(0))
    tensor([2., 2., 2., 0.])
    """
    shape = _shape("dropout", input, p)
    return _dropped(input, p, shape, training, inplace, normalize, generator)


@composite()
def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    normalize: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, L): neighbours in a series say much the same."""
    shape = _shape("dropout1d", input, p, 3)
    return _dropped(input, p, shape, training, inplace, normalize, generator)


@composite()
def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    normalize: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, H, W): neighbouring pixels say much the same."""
    shape = _shape("dropout2d", input, p, 4)
    return _dropped(input, p, shape, training, inplace, normalize, generator)


@composite()
def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    normalize: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout` of whole channels of (N, C, D, H, W)."""
    shape = _shape("dropout3d", input, p, 5)
    return _dropped(input, p, shape, training, inplace, normalize, generator)


@composite()
def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """`dropout` for SELU networks: mean 0 and variance 1 stay as they are.

    The dropped become -λα, SELU's limit on the left, then all is scaled and shifted back
    (Klambauer et al. 2017).
    """
    shape = _shape("alpha_dropout", input, p)
    return _alpha_dropped(input, p, shape, training, inplace, generator)


@composite()
def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, *S): neighbours say much the same."""
    N_C, places = input.shape[:2], len(input.shape) - 2
    _shape("feature_alpha_dropout", input, p)
    return _alpha_dropped(input, p, (*N_C, *(1,) * places), training, inplace, generator)


def _alpha_dropped(input, p, shape, training, inplace, generator):
    if not training or p == 0:
        return input
    if p == 1:
        return mul(input, 0.0)
    low = -SELU_SCALE * SELU_ALPHA
    scale = 1 / math.sqrt((1 - p) * (1 + p * low**2))
    kept = _mask(input, p, shape, scale, generator)
    shift = (scale - kept) * low - p * low * scale
    return input.mul_(kept).add_(shift) if inplace else input * kept + shift


def _shape(who: str, input: Tensor, p: float, ndim: int | None = None) -> tuple[int, ...]:
    """The shape of the mask: of the input, or of its channels.

    Raises:
        ValueError: p is not between 0 and 1 (nan is not), or the input has not `ndim` axes.
        TypeError: the input holds integers.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{who}: p {p}, expected 0 to 1: the share that is dropped")
    check_floats(who, "input", input)
    shape = input.shape
    if ndim is None:
        return shape
    if len(shape) not in (ndim - 1, ndim):
        raise ShapeError(
            f"{who}: input {shape}, expected {ndim} axes, (N, C, ...), or {ndim - 1} without N"
        )
    places = ndim - 2
    return (*shape[: len(shape) - places], *(1,) * places)


def _dropped(input, p, shape, training, inplace, normalize, generator):
    if not training or p == 0:
        return input
    # With p = 1 nothing survives that could be scaled.
    mask = _mask(input, p, shape, 1 / (1 - p) if normalize and p < 1 else 1.0, generator)
    return input.mul_(mask) if inplace else mul(input, mask)


def _mask(input: Tensor, p: float, shape: tuple, scale: float, generator: Any) -> Tensor:
    """`scale` where an element is kept, and 0 where it is dropped."""
    if not has_values(input.array):  # a Meta draws nothing, and leaves the stream where it is
        return make(np.ones_like(input.array, shape=shape))
    return make(_drawn(input.array, p, shape, scale, generator or default_generator))


@one_call  # a program draws anew at each run
@on_gpu("draws.mask")
def _drawn(like, p, shape, scale, generator):
    kept = generator.uniform(shape, float32) >= p
    mask = np.multiply(kept, scale, dtype=like.dtype)
    return move(np.asarray(mask), device_of(like))  # of a single number NumPy makes a scalar
