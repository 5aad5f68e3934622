"""Losses as modules: how wrong the outputs are, as one number to lower.

Each is one function of `nn.functional`, where its formula, its gradient and its errors are, and the
options it is called with. `reduction` is "mean" (over all elements), "sum", or "none" for one loss
per element; no loss broadcasts. Weights are buffers: they move with the module, and are saved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import minitorch.nn.functional as F
from minitorch.nn.module import Module
from minitorch.ops.labels import check_reduction
from minitorch.tensor import Tensor


class Loss(Module):
    """l = function(input, target, options).

    Attributes:
        function: of `nn.functional`.
        options: the names of the attributes that it is called with.
        reduction: "mean", "sum" or "none".
    """

    function: ClassVar[Callable]
    options: ClassVar[tuple[str, ...]] = ("reduction",)
    reduction: str

    def __init__(self, *, reduction: str = "mean"):
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction

    def _loss(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, **{name: getattr(self, name) for name in self.options})

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the input, given the target."""
        return self._loss(input, target)


# numbers --------------------------------------------------------------------------------------


class MSELoss(Loss):
    """l = (x - t)²

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.MSELoss()(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    function = staticmethod(F.mse_loss)


class L1Loss(Loss):
    """l = |x - t|"""

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(Loss):
    """l = d² / 2β where |d| < β, else |d| - β/2, for d = x - t; with β = 0 it is `L1Loss`."""

    function = staticmethod(F.smooth_l1_loss)
    options = ("reduction", "beta")

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0):
        super().__init__(reduction=reduction)
        check_option("SmoothL1Loss", "beta", beta, beta >= 0, "0 or more")
        self.beta = beta


class HuberLoss(Loss):
    """l = d² / 2 where |d| < δ, else δ (|d| - δ/2), for d = x - t. Huber 1964."""

    function = staticmethod(F.huber_loss)
    options = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction=reduction)
        check_option("HuberLoss", "delta", delta, delta > 0, "more than 0")
        self.delta = delta


# classes --------------------------------------------------------------------------------------


class CrossEntropyLoss(Loss):
    """l = log Σ_c e^x_c - x_t: minus the log of the share that softmax gives to the label.

    Args:
        weight: (C,), how much the errors of each class count.
        ignore_index: a label that takes no part.
        reduction: "mean" divides by the sum of the weights of the labels.
        label_smoothing: the share of a label that is spread evenly over all classes, 0 to 1.

    >>> import minitorch
    >>> from minitorch import nn
    >>> logits, labels = minitorch.tensor([[2.0, 0.0], [0.0, 0.0]]), minitorch.tensor([0, 1])
    >>> nn.CrossEntropyLoss(reduction="none")(logits, labels)
    tensor([0.1269, 0.6931])
    """

    function = staticmethod(F.cross_entropy)
    options = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(reduction=reduction)
        fine = 0 <= label_smoothing <= 1
        check_option("CrossEntropyLoss", "label_smoothing", label_smoothing, fine, "0 to 1")
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing


class NLLLoss(Loss):
    """l = -x_t, for log-probabilities x; after `LogSoftmax` it is the cross-entropy.

    The arguments are those of `CrossEntropyLoss`.
    """

    function = staticmethod(F.nll_loss)
    options = ("weight", "ignore_index", "reduction")

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
    ):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class BCELoss(Loss):
    """l = -(t log x + (1 - t) log(1 - x)), for probabilities x.

    `weight` broadcasts to the input. For logits there is `BCEWithLogitsLoss`, which is exact where
    this one is cut off.
    """

    function = staticmethod(F.binary_cross_entropy)
    options = ("weight", "reduction")

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)


class BCEWithLogitsLoss(Loss):
    """l = -(w t log σ(x) + (1 - t) log(1 - σ(x))), for logits x of any size.

    `weight`, of each element, and `pos_weight`, the w of the positive answers, broadcast to the
    input.
    """

    function = staticmethod(F.binary_cross_entropy_with_logits)
    options = ("weight", "reduction", "pos_weight")

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)


class SoftMarginLoss(Loss):
    """l = log(1 + e^(-t x)), for targets of 1 and -1"""

    function = staticmethod(F.soft_margin_loss)


# sequences ------------------------------------------------------------------------------------


class CTCLoss(Loss):
    """l = -log of the probability of all paths that read as the labels. Graves et al. 2006.

    Args:
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by the number of its labels, and takes the mean.
        zero_infinity: takes 0 in the place of an infinite loss, where no path is short enough.

    >>> import minitorch
    >>> from minitorch import nn
    >>> log_probs, labels = minitorch.zeros(3, 1, 2).log_softmax(2), minitorch.tensor([[1]])
    >>> nn.CTCLoss()(log_probs, labels, (3,), (1,))
    tensor(0.2877)
    """

    function = staticmethod(F.ctc_loss)
    options = ("blank", "reduction", "zero_infinity")

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(  # type: ignore[override]
        self, log_probs: Tensor, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """The loss of log-probabilities (T, N, C), given labels (N, S) and how many each has."""
        return self._loss(log_probs, targets, input_lengths, target_lengths)


# distributions --------------------------------------------------------------------------------


class KLDivLoss(Loss):
    """l = t (log t - x), for log-probabilities x and probabilities t, or their logs (log_target).

    The divergence itself is the reduction "batchmean"; "mean" divides by the number of elements.
    """

    function = staticmethod(F.kl_div)
    options = ("reduction", "log_target")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False):
        super().__init__(reduction="mean" if reduction == "batchmean" else reduction)
        self.reduction, self.log_target = reduction, log_target


class PoissonNLLLoss(Loss):
    """l = e^x - t x, the price of a count t; or x - t log(x + ε) with log_input=False.

    With `full`, Stirling's t log t - t + log(2 π t) / 2 is added where t > 1.
    """

    function = staticmethod(F.poisson_nll_loss)
    options = ("log_input", "full", "eps", "reduction")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        check_option("PoissonNLLLoss", "eps", eps, eps > 0, "more than 0")
        self.log_input, self.full, self.eps = log_input, full, eps


class GaussianNLLLoss(Loss):
    """l = (log v + (x - t)² / v) / 2 with v = max(var, ε), and log(2 π) / 2 more with `full`."""

    function = staticmethod(F.gaussian_nll_loss)
    options = ("full", "eps", "reduction")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        check_option("GaussianNLLLoss", "eps", eps, eps > 0, "more than 0")
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of a mean and a variance, given the target."""
        return self._loss(input, target, var)


# what they measure by -------------------------------------------------------------------------


class CosineSimilarity(Module):
    """y = x₁ · x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along `dim`"""

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines of the angles between vectors."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """y = ‖x₁ - x₂ + ε‖_p along the last dim"""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances of pairs of vectors."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


def check_option(who: str, name: str, value: Any, fine: bool, expected: str) -> None:
    """Raises for an option that is out of its range."""
    if not fine:
        raise ValueError(f"{who}: {name} {value}, expected {expected}")
