"""Margin losses as modules: what belongs together nearer, or ahead, than what does not.

Each is one function of `nn.functional`; see `loss.py` for what all losses share.
"""

from __future__ import annotations

from collections.abc import Callable

import minitorch.nn.functional as F
from minitorch.nn.loss import Loss, PairwiseDistance, check_option
from minitorch.tensor import Tensor

# pairs and triplets ---------------------------------------------------------------------------


class HingeEmbeddingLoss(Loss):
    """l = x where the target is 1, and max(margin - x, 0) where it is -1"""

    function = staticmethod(F.hinge_embedding_loss)
    options = ("margin", "reduction")

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.margin = margin


class MarginRankingLoss(Loss):
    """l = max(-t (x₁ - x₂) + margin, 0): a target of 1 wants x₁ above x₂, of -1 below."""

    function = staticmethod(F.margin_ranking_loss)
    options = ("margin", "reduction")

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of a pair of scores, given which is to be the higher one."""
        return self._loss(input1, input2, target)


class CosineEmbeddingLoss(MarginRankingLoss):
    """l = 1 - cos(x₁, x₂) where the target is 1, and max(cos - margin, 0) where it is -1"""

    function = staticmethod(F.cosine_embedding_loss)


class TripletMarginLoss(Loss):
    """l = max(d(a, p) - d(a, n) + margin, 0), d the distance of `PairwiseDistance`.

    With `swap` the negative's distance is the smaller of those to the anchor and to the positive.
    Schroff, Kalenichenko and Philbin 2015.
    """

    function = staticmethod(F.triplet_margin_loss)
    options = ("margin", "p", "eps", "swap", "reduction")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        check_option("TripletMarginLoss", "margin", margin, margin > 0, "more than 0")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of an anchor that is to be nearer to the positive than to the negative."""
        return self._loss(anchor, positive, negative)


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with a distance of your own: l = max(d(a, p) - d(a, n) + margin, 0).

    `distance_function` takes two tensors (a module may have parameters, which are then trained).
    """

    function = staticmethod(F.triplet_margin_with_distance_loss)
    options = ("distance_function", "margin", "swap", "reduction")

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        check_option("TripletMarginWithDistanceLoss", "margin", margin, margin > 0, "more than 0")
        default = PairwiseDistance()
        self.distance_function = default if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of an anchor that is to be nearer to the positive than to the negative."""
        return self._loss(anchor, positive, negative)


# classes --------------------------------------------------------------------------------------


class MultiMarginLoss(Loss):
    """l = Σ_(c ≠ t) w_t max(margin - x_t + x_c, 0)^p / C, for scores (N, C) and labels (N,).

    `weight`, (C,), says how much the errors of each class count. Crammer and Singer 2001.
    """

    function = staticmethod(F.multi_margin_loss)
    options = ("p", "margin", "weight", "reduction")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        check_option("MultiMarginLoss", "p", p, p in (1, 2), "1 or 2")
        self.p, self.margin = p, margin
        self.register_buffer("weight", weight)


class MultiLabelMarginLoss(Loss):
    """l = Σ_t Σ_c max(1 - x_t + x_c, 0) / C, over the labels t and the classes c that are none.

    The target has the input's shape: the labels, and -1 behind the last one.
    """

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(Loss):
    """l = -Σ_c w_c (t_c log σ(x_c) + (1 - t_c) log σ(-x_c)) / C: each class a yes or no."""

    function = staticmethod(F.multilabel_soft_margin_loss)
    options = ("weight", "reduction")

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
