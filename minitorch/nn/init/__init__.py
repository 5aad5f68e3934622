"""The first numbers of parameters, under torch's names, in place and as functions for layers.

`init.kaiming_normal_(layer.weight)` fills a tensor; `Linear(50, weights=init.kaiming_normal())`
gives a layer the same recipe before it has a shape. `gain` has one meaning, std = gain / √fan
(`gains.py`); the fans are explained in `fans.py`.
"""

from minitorch.nn.init.fans import WeightShape, calculate_fan_in_and_fan_out, receptive_field_size
from minitorch.nn.init.filling import (
    constant_,
    dirac_,
    eye_,
    fill_,
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    lecun_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from minitorch.nn.init.functions import (
    InitFunction,
    constant,
    draw,
    normal,
    ones,
    trunc_normal,
    uniform,
    zeros,
)
from minitorch.nn.init.gains import calculate_gain, measured_gain
from minitorch.nn.init.lsuv import lsuv_
from minitorch.nn.init.measuring import Settled
from minitorch.nn.init.scaled import (
    glorot,
    he,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    torch_default,
    torch_default_bias,
    xavier_normal,
    xavier_uniform,
    yann_normal,
    yann_uniform,
)
from minitorch.nn.init.structured import dirac, eye, orthogonal, sparse
from minitorch.nn.init.undecided import undecided_

# Torch's code is often seen to call its private name.
_calculate_fan_in_and_fan_out = calculate_fan_in_and_fan_out

__all__ = [
    "InitFunction",
    "Settled",
    "WeightShape",
    "calculate_fan_in_and_fan_out",
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "draw",
    "eye",
    "eye_",
    "fill_",
    "glorot",
    "he",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "lecun_normal",
    "lecun_normal_",
    "lecun_uniform",
    "lecun_uniform_",
    "lsuv_",
    "measured_gain",
    "normal",
    "normal_",
    "ones",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "receptive_field_size",
    "sparse",
    "sparse_",
    "torch_default",
    "torch_default_bias",
    "trunc_normal",
    "trunc_normal_",
    "undecided_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "yann_normal",
    "yann_uniform",
    "zeros",
    "zeros_",
]
