"""Fans: by hand, by counting the wires of real convolutions, and torch's."""

from __future__ import annotations

import copy
import pickle

import pytest

import minitorch as mt
from minitorch.nn import init


def test_receptive_field_size():
    assert init.receptive_field_size((32, 1, 5, 5)) == 25
    assert init.receptive_field_size(mt.empty(4, 3, 2, 6, 5)) == 60
    assert init.receptive_field_size((10, 20)) == 1
    assert init.receptive_field_size((5, 4, 1, 32), layout="IO") == 20
    assert init.receptive_field_size((10, 20), layout="IO") == 1
    with pytest.raises(ValueError, match=r"shape \(3,\) has no axes"):
        init.receptive_field_size((3,))


FANS = [  # (shape, options, fan_in, fan_out)
    ((32, 1, 5, 5), {}, 25, 800),
    ((50, 784), {}, 784, 50),
    ((50, 784), {"layout": "OI"}, 784, 50),
    ((784, 50), {"layout": "IO"}, 784, 50),
    ((5, 5, 1, 32), {"layout": "IO"}, 25, 800),
    ((32, 4, 3), {"groups": 8}, 12, 12),  # 32 in, 32 out, in 8 groups of 4 and 4
    ((16, 1, 3, 3), {"groups": 8}, 9, 18),  # depthwise, two outputs a channel
    ((3, 3, 1, 16), {"groups": 8, "layout": "IO"}, 9, 18),
    ((6, 10, 2, 2), {"transposed": True}, 24, 40),  # 6 in, 10 out
    ((6, 10, 2, 2), {"transposed": True, "groups": 2}, 12, 40),  # 6 in, 20 out
    ((2, 2, 10, 6), {"transposed": True, "groups": 2, "layout": "IO"}, 12, 40),
]


@pytest.mark.parametrize(("shape", "options", "fan_in", "fan_out"), FANS)
def test_fans(shape: tuple, options: dict, fan_in: int, fan_out: int):
    assert init.calculate_fan_in_and_fan_out(shape, **options) == (fan_in, fan_out)
    assert init.calculate_fan_in_and_fan_out(mt.empty(*shape), **options) == (fan_in, fan_out)


@pytest.mark.parametrize("groups", [1, 2])
def test_fans_count_the_wires_of_a_convolution(groups: int):
    """An output in the middle depends on fan_in inputs, an input in the middle moves fan_out."""
    for transposed in (False, True):
        conv = mt.nn.functional.conv_transpose2d if transposed else mt.nn.functional.conv2d
        shape = (4, 6 // groups, 3, 3) if transposed else (6, 4 // groups, 3, 3)
        x = mt.zeros(1, 4, 9, 9, requires_grad=True)
        w = mt.ones(*shape)
        y = conv(x, w, groups=groups)
        middle = y.shape[2] // 2
        (wires,) = mt.autograd.grad(y[0, 0, middle, middle], [x])
        nudge = mt.zeros(1, 4, 9, 9)
        nudge[0, 0, 4, 4] = 1
        reached = conv(nudge, w, groups=groups)
        fans = init.calculate_fan_in_and_fan_out(shape, groups=groups, transposed=transposed)
        assert fans == (wires.sum().item(), reached.sum().item())


def test_fans_are_torchs_by_default():
    torch = pytest.importorskip("torch")
    for shape in ((5, 7), (8, 3, 5), (8, 3, 5, 4), (2, 3, 4, 5, 6), (3, 0), (0, 3, 2)):
        theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert init.calculate_fan_in_and_fan_out(shape) == theirs
        assert init._calculate_fan_in_and_fan_out(mt.empty(*shape)) == theirs


def test_fans_of_what_has_none():
    with pytest.raises(ValueError, match="fewer than 2 axes, so no fans"):
        init.calculate_fan_in_and_fan_out((20,))
    with pytest.raises(ValueError, match="expected one of OI, IO, got 'HWIO'"):
        init.calculate_fan_in_and_fan_out((5, 5, 1, 20), layout="HWIO")
    for groups in (0, 3):
        with pytest.raises(ValueError, match=f"groups={groups} do not divide the 8 channels"):
            init.calculate_fan_in_and_fan_out((8, 2, 3), groups=groups)


def test_a_weight_shape_is_a_shape_that_knows_its_fans():
    shape = init.WeightShape([20, 1, 5, 5], fan_in=25, fan_out=500)
    assert shape == (20, 1, 5, 5)
    assert init.calculate_fan_in_and_fan_out(shape) == (25, 500)
    for twin in (pickle.loads(pickle.dumps(shape)), copy.deepcopy(shape), copy.copy(shape)):
        assert (twin, twin.fan_in, twin.fan_out) == (shape, 25, 500)
        assert type(twin) is init.WeightShape
    with pytest.raises(ValueError, match="must not be negative"):
        init.WeightShape((-1, 3), 3, 1)
