"""Dropout as modules: in training a share p of the numbers is set to 0, in evaluation none."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.random import Generator
from minitorch.tensor import Tensor


def check_share(who: str, name: str, share: Any) -> None:
    """Raises unless `share` is a number from 0 to 1."""
    if isinstance(share, bool) or not (isinstance(share, Real) and 0 <= float(share) <= 1):
        raise ValueError(f"{who}: {name} {share}, expected 0 to 1: the share that is dropped")


class _Dropout(Module):
    """What they share.

    Attributes:
        function: of `nn.functional`.
    """

    function: ClassVar[Callable]

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ):
        check_share(type(self).__name__, "p", p)
        self.p, self.inplace, self.generator = p, inplace, generator

    def _options(self) -> dict[str, Any]:
        return {"inplace": self.inplace, "generator": self.generator}

    def forward(self, x: Tensor) -> Tensor:
        """What is left of x; x itself in evaluation."""
        return self.function(x, self.p, self.training, **self._options())

    def extra_repr(self) -> str:
        """The share and `inplace`."""
        return f"p={self.p}, inplace={self.inplace}"


class _Scaling(_Dropout):
    """One that scales what is left by 1 / (1 - p), unless told not to."""

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        normalize: bool = True,
        generator: Generator | None = None,
    ):
        super().__init__(p, inplace, generator=generator)
        self.normalize = normalize

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "normalize": self.normalize}

    def extra_repr(self) -> str:
        """The share, `inplace`, and `normalize` where it is not as in torch."""
        return super().extra_repr() + (", normalize=False" if not self.normalize else "")


class Dropout(_Scaling):
    """Each element is 0 with probability p, else x / (1 - p), which keeps the mean.

    Hinton et al. 2012, and with the scaling in training, so that evaluation does nothing.

    Args:
        p: the share that is dropped, 0 to 1.
        inplace: write the result into the input.
        normalize: False leaves the survivors as they are, so the mean shrinks to 1 - p of it.
        generator: the stream that is drawn from; the default one unless given.

    Raises:
        ValueError: p is not between 0 and 1.

    >>> import minitorch
    >>> from minitorch import nn
    >>> drop = nn.Dropout(0.5, generator=minitorch.Generator().manual_seed(0))
    >>> drop(minitorch.ones(4))
    tensor([2., 2., 2., 0.])
    >>> drop.eval()(minitorch.ones(4))
    tensor([1., 1., 1., 1.])
    """

    function = staticmethod(F.dropout)


class Dropout1d(_Scaling):
    """`Dropout` of whole channels of (N, C, L): neighbours in a series say much the same."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Scaling):
    """`Dropout` of whole channels of (N, C, H, W): neighbouring pixels say much the same."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_Scaling):
    """`Dropout` of whole channels of (N, C, D, H, W)."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """`Dropout` for SELU networks, which keeps mean 0 and variance 1.

    What is dropped becomes SELU's limit on the left, and all is scaled and shifted back. Klambauer,
    Unterthiner, Mayr and Hochreiter 2017.
    """

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of (N, C, *S): neighbours say much the same."""

    function = staticmethod(F.feature_alpha_dropout)
