"""Learning rates that change during training, under torch's names.

A schedule is built on an optimizer and stepped after it, once an epoch or once a batch:

    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        ...                 # optimizer.step() for every batch
        scheduler.step()

Every schedule tells its whole curve beforehand (`curve`), goes to any step (`init`) and is saved
and restored in the middle (`state_dict`, `load_state_dict`), alone and combined.
"""

from minitorch.optim.lr_scheduler.base import LRScheduler
from minitorch.optim.lr_scheduler.combine import ChainedScheduler, SequentialLR, WarmupLR
from minitorch.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from minitorch.optim.lr_scheduler.custom import LambdaLR, MultiplicativeLR
from minitorch.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from minitorch.optim.lr_scheduler.fixed import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from minitorch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minitorch.optim.lr_scheduler.values import brief

_LRScheduler = LRScheduler  # the name that older programs derive from

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
    "brief",
]
