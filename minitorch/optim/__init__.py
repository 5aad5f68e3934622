"""minitorch.optim: what moves the parameters, under torch's names."""

from importlib import import_module

from minitorch.optim import lr_scheduler
from minitorch.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from minitorch.optim.chain import (
    AdamScale,
    Chain,
    ClipValue,
    Momentum,
    Part,
    RMSScale,
    Sign,
    TrustRatio,
    WeightDecay,
)
from minitorch.optim.clip import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from minitorch.optim.decay import weight_decay_groups
from minitorch.optim.lbfgs import LBFGS
from minitorch.optim.lion import Lion
from minitorch.optim.muon import Muon
from minitorch.optim.optimizer import Optimizer
from minitorch.optim.rmsprop import Adadelta, Adagrad, RMSprop
from minitorch.optim.rprop import Rprop
from minitorch.optim.sgd import SGD
from minitorch.optim.trust import LAMB, LARS

__all__ = [
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamScale",
    "AdamW",
    "Adamax",
    "Chain",
    "ClipValue",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Optimizer",
    "Part",
    "RAdam",
    "RMSScale",
    "RMSprop",
    "Rprop",
    "Sign",
    "TrustRatio",
    "WeightDecay",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "lr_scheduler",
    "weight_decay_groups",
]


def __getattr__(name: str) -> object:
    if name == "swa_utils":  # it averages modules, which are made of what stands here
        return import_module("minitorch.optim.swa_utils")
    raise AttributeError(f"module 'minitorch.optim' has no attribute {name!r}")
