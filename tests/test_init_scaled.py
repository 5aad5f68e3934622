"""Init functions that scale with the fans: what they promise by formula, and what they draw."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.nn import init
from tests.inits import FAN_SCALED, seeded

# scaled by the fans -----------------------------------------------------------------------------


WEIGHT = (200, 300)
SCALES = [  # (function, its standard deviation for a weight of 300 inputs and 200 outputs)
    (init.xavier_normal(), math.sqrt(2 / 500)),
    (init.xavier_normal(3), 3 * math.sqrt(2 / 500)),
    (init.xavier_uniform(), math.sqrt(2 / 500)),
    (init.glorot(gain=2), 2 * math.sqrt(2 / 500)),
    (init.kaiming_normal(), math.sqrt(2 / 300)),
    (init.kaiming_normal(a=1), math.sqrt(1 / 300)),
    (init.kaiming_normal(mode="fan_out"), math.sqrt(2 / 200)),
    (init.kaiming_normal(mode="FAN_OUT", nonlinearity="relu"), math.sqrt(2 / 200)),
    (init.kaiming_normal(nonlinearity="tanh"), 5 / 3 / math.sqrt(300)),
    (init.kaiming_normal(gain=0.1), 0.1 / math.sqrt(300)),
    (init.kaiming_uniform(), math.sqrt(2 / 300)),
    (init.kaiming_uniform(a=1, mode="fan_out"), math.sqrt(1 / 200)),
    (init.kaiming_uniform(0.5, nonlinearity="prelu"), math.sqrt(2 / 1.25 / 300)),
    (init.he(), math.sqrt(2 / 300)),
    (init.he(gain_squared=1), math.sqrt(1 / 300)),
    (init.he(gain_squared=6), math.sqrt(6 / 300)),
    (init.he(fan_out=True), math.sqrt(2 / 200)),
    (init.lecun_normal(), math.sqrt(1 / 300)),
    (init.lecun_uniform(), math.sqrt(1 / 300)),
    (init.torch_default(), math.sqrt(1 / 900)),
]


@pytest.mark.parametrize(("function", "std"), SCALES, ids=lambda v: repr(v) if callable(v) else "")
def test_std_is_the_formulas(function: Any, std: float):
    assert function.std(WEIGHT) == pytest.approx(std, rel=1e-12)
    x = function(WEIGHT)
    assert x.std() == pytest.approx(std, rel=0.02)
    assert x.mean() == pytest.approx(0, abs=0.02 * std)
    if hasattr(function, "bound"):
        assert function.bound(WEIGHT) == pytest.approx(math.sqrt(3) * std, rel=1e-12)
        assert 0.99 * math.sqrt(3) * std < abs(x).max() <= np.float32(function.bound(WEIGHT))
        ordered = np.sort(x, axis=None) / function.bound(WEIGHT)  # evenly, from end to end
        np.testing.assert_allclose(ordered, np.linspace(-1, 1, x.size), atol=0.02)
    else:
        assert abs(x).max() > 3.5 * std  # a bell has tails
        assert np.mean(abs(x) < std) == pytest.approx(0.6827, abs=0.01)


def test_the_bound_of_glorot_is_linear_in_its_gain():
    bounds = [init.glorot(gain).bound((30, 50)) for gain in (1, 2, 0.5)]
    assert bounds[0] == pytest.approx(math.sqrt(6 / 80))
    assert bounds[1:] == pytest.approx([2 * bounds[0], 0.5 * bounds[0]])


def test_kaiming_uniform_needs_the_root_of_three():
    """P22: the uniform and the normal draw have one standard deviation."""
    shape = (500, 400)
    flat, bell = init.kaiming_uniform()(shape), init.kaiming_normal()(shape)
    assert flat.std() == pytest.approx(math.sqrt(2 / 400), rel=0.01)
    assert bell.std() == pytest.approx(flat.std(), rel=0.02)


def test_use_fan_out_changes_std_by_the_root_of_their_ratio():
    modes = ("fan_in", "fan_out")
    fan_in, fan_out = (init.kaiming_normal(mode=mode).std((20, 7, 3, 3)) for mode in modes)
    assert fan_out / fan_in == pytest.approx(math.sqrt(7 / 20))


def test_torchs_default_comes_from_the_root_of_five():
    """C56, P21: kaiming_uniform(a=√5) is nothing but ±1 / √fan_in."""
    assert init.torch_default() == init.kaiming_uniform(a=math.sqrt(5))
    assert init.torch_default().bound((20, 4, 5, 5)) == pytest.approx(1 / 10)
    w = init.torch_default()((20, 4, 5, 5))
    assert 0.099 < abs(w).max() <= np.float32(0.1)
    assert init.calculate_gain("leaky_relu", math.sqrt(5)) * math.sqrt(3) == pytest.approx(1)


def test_torchs_default_bias_follows_the_fan_of_the_weight():
    expected = init.uniform(-0.2, 0.2)((1000,), None, seeded())
    bias = init.WeightShape((1000,), fan_in=25, fan_out=3)
    for x in (
        init.torch_default_bias()(bias, None, seeded()),
        init.torch_default_bias(fan_in=25)((1000,), None, seeded()),
        init.torch_default_bias(25)(init.WeightShape((1000,), 9, 9), None, seeded()),
        init.fill_(mt.empty(1000), init.torch_default_bias(25), seeded()).numpy(),
    ):
        np.testing.assert_array_equal(x, expected)
    with pytest.raises(ValueError, match=r"\(20,\) does not tell the fan_in of the weight"):
        init.torch_default_bias()((20,))


def test_he_by_its_own_gain_is_kaiming_by_its_root():
    """One meaning of gain; the one inside the root goes by `gain_squared`."""
    for gain_squared in (1.0, 2.0, 3.0):
        ours = init.he(gain_squared=gain_squared)((50, 70), None, seeded())
        by_gain = init.kaiming_normal(gain=math.sqrt(gain_squared))((50, 70), None, seeded())
        np.testing.assert_allclose(ours, by_gain, rtol=1e-6)
    with pytest.raises(TypeError):
        init.he(gain=2)


def test_he_mean():
    x = init.he(mean=0.3)((500, 400))
    assert x.mean() == pytest.approx(0.3, rel=0.01)
    assert x.std() == pytest.approx(math.sqrt(2 / 400), rel=0.02)


def test_gain_takes_a_number_a_name_or_a_function():
    """P21: the gain can be given freely."""
    for make in (init.kaiming_normal, init.kaiming_uniform):
        assert make(gain=1.5).std((4, 9)) == pytest.approx(0.5)
        assert make(gain="relu") == make(gain=math.sqrt(2))
        assert make(gain=mt.tanh).std((4, 9)) == pytest.approx(1.5925 / 3, rel=0.01)
        assert make(gain=mt.tanh) == make(gain=mt.tanh)
    assert init.xavier_normal("tanh") == init.xavier_normal(5 / 3)
    assert init.orthogonal("relu") == init.orthogonal(math.sqrt(2))
    w = init.kaiming_normal_(mt.empty(30, 50), gain=0.1, generator=seeded())
    assert mt.equal(w, init.normal_(mt.empty(30, 50), 0, 0.1 / math.sqrt(50), seeded()))
    w = init.kaiming_uniform_(mt.empty(30, 50), gain="relu", generator=seeded())
    assert mt.equal(w, init.kaiming_uniform_(mt.empty(30, 50), generator=seeded()))


def test_a_measured_gain_leaves_the_stream_of_the_weights_alone():
    state = mt.random.default_generator.get_state()
    init.kaiming_normal(gain=mt.tanh)
    assert mt.random.default_generator.get_state() == state


def test_a_gain_beside_a_nonlinearity_is_refused():
    with pytest.raises(ValueError, match="give one or the other"):
        init.kaiming_normal(nonlinearity="relu", gain=2)
    with pytest.raises(ValueError, match="give one or the other"):
        init.kaiming_uniform_(mt.empty(3, 3), a=0.1, gain=2)


def test_other_names_of_the_same():
    assert init.glorot is init.xavier_uniform
    assert init.yann_normal is init.lecun_normal
    assert init.yann_uniform is init.lecun_uniform
    assert init.lecun_normal().std((4, 9)) == init.kaiming_normal(a=1).std((4, 9))


@pytest.mark.parametrize("name", FAN_SCALED)
def test_in_place_takes_groups_transposed_and_layout(name: str):
    function = getattr(init, name)()
    fill = getattr(init, f"{name}_")
    for shape, options in (
        ((8, 2, 3, 3), {"groups": 4}),
        ((8, 2, 3, 3), {"groups": 4, "transposed": True}),
        ((3, 3, 2, 8), {"groups": 2, "layout": "IO"}),
        ((6, 5), {"layout": "IO"}),
    ):
        fans = init.calculate_fan_in_and_fan_out(shape, **options)
        expected = function(init.WeightShape(shape, *fans), None, seeded())
        w = fill(mt.empty(*shape), generator=seeded(), **options)
        np.testing.assert_array_equal(w.numpy(), expected)
        w = init.fill_(mt.empty(*shape), function, seeded(), **options)
        np.testing.assert_array_equal(w.numpy(), expected)


def test_a_known_fan_is_used_in_place_of_the_shapes():
    shape = init.WeightShape((40, 50), fan_in=8, fan_out=2)
    assert init.he().std(shape) == 0.5
    assert init.kaiming_normal(mode="fan_out").std(shape) == 1
    assert init.xavier_normal().std(shape) == pytest.approx(math.sqrt(2 / 10))
    assert init.he()(shape).std() == pytest.approx(0.5, rel=0.05)


# torch's call forms -----------------------------------------------------------------------------


def test_torchs_signatures():
    torch = pytest.importorskip("torch")
    for name in torch.nn.init.__all__:
        if not name.endswith("_"):
            continue
        ours = inspect.signature(getattr(init, name)).parameters
        theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
        shared = [p for p in ours.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        assert [p.name for p in shared] == list(theirs)
        assert [p.default for p in shared] == [p.default for p in theirs.values()]


@pytest.mark.parametrize(
    ("name", "args", "shape"),
    [
        ("eye_", (), (3, 5)),
        ("dirac_", (), (4, 3, 3)),
        ("dirac_", (2,), (4, 3, 3, 4)),
        ("dirac_", (3,), (9, 2, 2, 3, 5)),
        ("constant_", (0.3,), (3,)),
        ("ones_", (), (3,)),
        ("zeros_", (), (3,)),
    ],
)
def test_what_is_not_random_is_torchs(name: str, args: tuple, shape: tuple):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.init, name)(torch.full(shape, math.nan), *args)
    ours = getattr(init, name)(mt.full(shape, math.nan), *args)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_"])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_xavier_has_torchs_spread(name: str, gain: float):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.init, name)(torch.empty(60, 50, 3, 3), gain).numpy()
    ours = getattr(init, name)(mt.empty(60, 50, 3, 3), gain).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    if "uniform" in name:
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=1e-3)


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(
    "nonlinearity", ["leaky_relu", "relu", "tanh", "selu", "linear", "sigmoid"]
)
def test_kaiming_has_torchs_spread(name: str, mode: str, nonlinearity: str):
    torch = pytest.importorskip("torch")
    args = (0.2, mode, nonlinearity)
    theirs = getattr(torch.nn.init, name)(torch.empty(60, 50, 3, 3), *args).numpy()
    ours = getattr(init, name)(mt.empty(60, 50, 3, 3), *args).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    if "uniform" in name:
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=1e-3)


def test_the_defaults_have_torchs_bounds():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Conv2d(4, 200, 5)
    bound = init.torch_default().bound((200, 4, 5, 5))
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    bias = init.torch_default_bias().bound(init.WeightShape((200,), 100, 5000))
    assert bias == pytest.approx(0.1)
    assert 0.9 * bias < layer.bias.abs().max().item() <= bias
