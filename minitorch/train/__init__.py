"""Training: a loop with everything around it that a run needs.

>>> import minitorch
>>> from minitorch import nn, train
>>> x = minitorch.randn(100, 3)
>>> model = nn.Sequential(nn.Linear(8), nn.Tanh(), nn.Linear(1))
>>> learner = train.Learner(model, optimizer=lambda m: minitorch.optim.SGD(m, lr=0.1))
>>> learner.fit((x, x.sum(1, keepdim=True)), epochs=2, progress=False)["train_loss"][1] < 3
True
"""

from minitorch.train.callbacks import (
    Callback,
    CancelBatch,
    CancelEpoch,
    CancelFit,
    EarlyStopping,
    KeepBest,
    Schedule,
)
from minitorch.train.finder import LRCurve, lr_find
from minitorch.train.history import History
from minitorch.train.learner import Learner
from minitorch.train.methods import fit
from minitorch.train.metrics import (
    ConfusionMatrix,
    Mean,
    Metric,
    accuracy,
    mean_absolute_error,
    mean_squared_error,
    top_k_accuracy,
)
from minitorch.train.precision import BFloat16, MixedPrecision
from minitorch.train.prediction import predict, tta

__all__ = [
    "BFloat16",
    "Callback",
    "CancelBatch",
    "CancelEpoch",
    "CancelFit",
    "ConfusionMatrix",
    "EarlyStopping",
    "History",
    "KeepBest",
    "LRCurve",
    "Learner",
    "Mean",
    "Metric",
    "MixedPrecision",
    "Schedule",
    "accuracy",
    "fit",
    "lr_find",
    "mean_absolute_error",
    "mean_squared_error",
    "predict",
    "top_k_accuracy",
    "tta",
]
