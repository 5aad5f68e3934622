"""Diagnostics: what they measure is what NumPy measures, and they change nothing."""

from __future__ import annotations

import copy
import math
import sys

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.diagnostics import (
    ActivationStats,
    GradientStats,
    first_loss_check,
    init_report,
    parameter_stats,
    stats,
    unused_parameters,
)
from minitorch.diagnostics.measuring import Meter, sampled
from minitorch.nn import init


def lenet():
    return nn.Sequential(
        {
            "cv1": nn.Conv2d(20, kernel_size=5),
            "relu1": nn.ReLU(),
            "mp1": nn.MaxPool2d(2),
            "cv2": nn.Conv2d(50, kernel_size=5),
            "relu2": nn.ReLU(),
            "mp2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(500),
            "relu3": nn.ReLU(),
            "classifier": nn.Linear(10),
        }
    ).build((1, 28, 28))


def small():
    return nn.Sequential(
        {
            "conv": nn.Conv2d(1, 3, 3, activation="relu"),
            "flat": nn.Flatten(),
            "hidden": nn.Linear(5, activation=nn.Tanh()),
            "bend": nn.ReLU(),
            "out": nn.Linear(2),
        }
    ).build((1, 5, 5))


def fit(model, optimizer, steps, x, y):
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.fixture
def batch():
    return minitorch.randn(16, 1, 5, 5), minitorch.randint(0, 2, (16,))


# stats ------------------------------------------------------------------------------------------


def test_stats_of_tensors_arrays_and_lists_are_numpys():
    x = np.random.default_rng(0).normal(3, 2, (5, 7)).astype(np.float32)
    for given in (x, minitorch.tensor(x), minitorch.tensor(x, requires_grad=True), x.tolist()):
        assert stats(given) == pytest.approx((x.mean(), x.std()), rel=1e-6)


def test_stats_of_what_is_on_a_gpu_waits_for_it_once(cuda):
    x = np.random.default_rng(0).normal(3, 2, (5, 7)).astype(np.float32)
    on_gpu = minitorch.tensor(x).cuda()
    cuda.reset()
    assert stats(on_gpu) == pytest.approx((x.mean(), x.std()), rel=1e-5)
    assert stats(on_gpu.array) == pytest.approx((x.mean(), x.std()), rel=1e-5)
    assert cuda.sync <= 2


# activations ------------------------------------------------------------------------------------


def test_layers_are_heard_before_and_after_their_activation(batch):
    """I09: of a layer without parameters too."""
    model = small()
    with ActivationStats(model) as s:
        model(batch[0])
    assert s.names == ["conv before", "conv", "flat", "hidden before", "hidden", "bend", "out"]
    assert [one.kind for one in s][:2] == ["Conv2d", "Conv2d + relu"]
    assert "hidden.activation" not in s
    assert s["conv before"].low[0] < 0 == s["conv"].low[0]


def test_what_is_measured_is_what_numpy_measures(batch):
    model, x = small(), batch[0]
    with minitorch.no_grad():
        z = F.conv2d(x, model.conv.weight, model.conv.bias).numpy()
    with ActivationStats(model) as s:
        model(x)
    for name, values in (("conv before", z), ("conv", np.maximum(z, 0))):
        assert s[name].mean[0] == pytest.approx(values.mean(), abs=1e-6)
        assert s[name].std[0] == pytest.approx(values.std(), rel=1e-5)
        assert s[name].second_moment[0] == pytest.approx((values**2).mean(), rel=1e-5)
        assert s[name].zero[0] == pytest.approx((values == 0).mean())
        assert (s[name].low[0], s[name].high[0]) == (values.min(), values.max())
        counts, _ = np.histogram(values, bins=80)
        np.testing.assert_allclose(s[name].counts[0], counts, atol=1)
        assert s[name].counts[0].sum() == values.size
    assert s.matrix("std").shape == (7, 1)


def test_a_large_mean_does_not_drown_the_deviation():
    layer = nn.Linear(1, 1, weights=init.constant(0.01), biases=init.constant(100.0))
    x = minitorch.randn(1000, 1)
    with ActivationStats(layer) as s:
        layer(x)
    assert s["Linear"].std[0] == pytest.approx(0.01 * x.std(correction=0).item(), rel=0.01)


def test_where_e_x2_less_mean2_loses_its_digits_the_deviation_is_the_samples():
    x = np.random.default_rng(0).normal(size=(50_000, 1)).astype(np.float32)
    layer = nn.Linear(1, 1, weights=init.ones(), biases=init.zeros())
    for mean, within in ((0.0, 1e-5), (20.0, 1e-3), (1e4, 0.05)):
        with ActivationStats(layer) as s:
            layer(minitorch.tensor(x + np.float32(mean)))
        assert s["Linear"].mean[0] == pytest.approx(mean + x.mean(), abs=1e-5 * max(1, mean))
        assert s["Linear"].std[0] == pytest.approx(x.std(), rel=within)


def test_every_tenth_step_is_measured_unless_told_otherwise(batch):
    model = small()
    optimizer = optim.SGD(model, lr=0.1)
    with ActivationStats(model) as a, GradientStats(model, optimizer) as g:
        fit(model, optimizer, 21, *batch)
    assert a.steps == g.steps == [0, 10, 20]


def test_layers_have_hooks_only_while_a_measured_forward_runs(batch):
    model = small()
    hooked = []

    class Looks(nn.Module):
        def forward(self, x):
            hooked.append(any(layer.has_hooks for layer in model[:-1]))
            return x

    model.append(Looks())
    with ActivationStats(model, every=2) as s:
        for _ in range(3):
            model(batch[0])
            assert not any(layer.has_hooks for layer in model)
    assert hooked == [True, False, True]
    assert s.steps == [0, 2]


def test_hooks_that_an_error_left_are_gone_with_the_next_forward(batch):
    model = small()
    with ActivationStats(model, every=2) as s:
        with pytest.raises(ValueError, match="Conv2d"):
            model(batch[0][0, 0, 0])
        model(batch[0])
        assert not any(layer.has_hooks for layer in model)
        model(batch[0])
    assert s.steps == [0, 2]
    assert all(np.isnan(series.mean[0]) and np.isfinite(series.mean[1]) for series in s)


def test_means_come_from_all_values_and_histograms_from_a_spread_sample():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU())
    x = minitorch.randn(8, 1, 20, 20)
    with ActivationStats(model, sample=100) as s:
        y = model(x).detach().numpy()
    assert s["1"].mean[0] == pytest.approx(y.mean(), rel=1e-5)
    assert 50 <= s["1"].counts[0].sum() <= 100
    numbers = np.arange(6 * 10 * 10)
    chosen = sampled(numbers, 60)
    assert 30 <= chosen.size <= 60
    assert set(chosen // 100) == set(range(6))  # all channels, and all columns
    assert set(chosen % 10) == set(range(10))


def test_a_layer_with_a_bias_of_minus_100_reads_100_percent_dead(batch):
    """G38."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    with minitorch.no_grad():
        model[0].bias.fill_(-100.0)
    with ActivationStats(model, every=1) as s:
        model(batch[0])
        with minitorch.no_grad():
            model[0].bias[:2] = 100.0
        model(batch[0])
    assert s["1"].dead.tolist() == [1.0, 0.5]
    assert s["1"].zero.tolist() == pytest.approx([1.0, 0.5], abs=0.02)
    assert math.isnan(s["0"].dead[0])
    assert s.warnings(0) == ["1: 100 % of its units are 0 in the whole batch"]
    assert s.warnings(1) == []
    assert "100 %" in s.table(0)


def test_a_unit_that_is_alive_in_one_example_is_not_dead():
    model = nn.Sequential(nn.Linear(2, 3, weights=init.eye(), biases=init.zeros()), nn.ReLU())
    x = -minitorch.ones(64, 2)
    x[40, 1] = 1.0
    with ActivationStats(model) as s:
        model(x)
    assert s["1"].dead[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("activation", "limits"),
    [("tanh", (-0.97, 0.97)), (nn.Sigmoid(), (0.015, 0.985)), (nn.Hardtanh(-2, 2), (-1.94, 1.94))],
)
def test_saturation_is_the_share_near_the_limits(activation, limits):
    """G39."""
    layer = nn.Linear(4, 8, weights=init.normal(std=2.0), activation=activation)
    model = nn.Sequential(layer, nn.ReLU())
    with ActivationStats(model) as s:
        x = minitorch.randn(64, 4)
        model(x)
    y = layer(x).detach().numpy()
    share = ((y < limits[0]) | (y > limits[1])).mean()
    assert 0.05 < share < 0.95
    assert s["0"].saturated[0] == pytest.approx(share, abs=1e-6)
    assert math.isnan(s["1"].saturated[0])


def test_only_training_is_recorded_unless_asked(batch):
    """P24."""
    model = small()
    with (
        ActivationStats(model, every=1) as s,
        ActivationStats(model, every=1, training_only=False) as both,
    ):
        model(batch[0])
        model.eval()
        model(100 * batch[0])
        model.train()
        model(batch[0])
    assert len(s) == 2
    assert len(both) == 3
    assert s["conv"].std[0] == s["conv"].std[1]
    assert both["conv"].std[1] > 10 * both["conv"].std[0]


def test_a_module_that_is_called_twice_is_there_twice():
    class Twice(nn.Module):
        def __init__(self):
            self.a, self.b, self.relu = nn.Linear(3, 3), nn.Linear(3, 3), nn.ReLU()

        def forward(self, x):
            return self.relu(self.b(self.relu(self.a(x))))

    with ActivationStats(model := Twice(), every=1) as s:
        model(minitorch.randn(4, 3))
        model(minitorch.randn(4, 3))
    assert s.names == ["a", "relu", "b", "relu (2)"]
    assert np.isfinite(s.matrix("mean")).all()


def test_one_activation_module_in_two_layers_belongs_to_the_one_that_runs():
    bend = nn.Tanh()
    model = nn.Sequential(
        nn.Linear(3, 4, activation=bend), nn.ReLU(), nn.Linear(4, 2, activation=bend)
    )
    with ActivationStats(model) as s:
        model(minitorch.randn(4, 3))
    assert s.names == ["0 before", "0", "1", "2 before", "2"]


def test_everything_is_as_before_when_it_ends_also_by_an_error(batch):
    model = small()
    functions = model.conv.activation, model.hidden.activation
    plain = model(batch[0]).detach().numpy()
    names = [name for name, _ in model.named_modules()]
    with ActivationStats(model) as s:
        assert np.array_equal(model(batch[0]).detach(), plain)
        assert [name for name, _ in model.named_modules()] == names
        assert list(model.state_dict()) == list(small().state_dict())
    with pytest.raises(ZeroDivisionError), ActivationStats(model):
        1 / 0  # noqa: B018 - the error is what is meant
    assert (model.conv.activation, model.hidden.activation) == functions
    assert not any(module.has_hooks for module in model.modules())
    model(batch[0])
    assert s._record.seen == 1
    with s:  # and again
        model(batch[0])
        model(batch[0])
    assert s._record.seen == 3


def test_memory_does_not_grow_with_the_run():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = minitorch.randn(3, 2)
    with ActivationStats(model, every=3, keep=8) as s:
        sizes = set()
        for _ in range(200):
            model(x * 1.0)
            sizes.add(s.nbytes)
    assert len(sizes) == 1
    assert len(s) <= 8
    assert s.steps == list(range(0, 200, s.steps[1]))  # evenly, over the whole run
    assert s.steps[1] % 3 == 0
    assert s.steps[-1] >= 150


def test_a_record_that_was_thinned_keeps_the_right_numbers():
    layer = nn.Linear(1, 1, weights=init.ones(), biases=init.zeros())
    with ActivationStats(layer, every=1, keep=4) as s:
        for i in range(11):
            layer(minitorch.full((2, 1), float(i)))
    assert s["Linear"].mean.tolist() == s.steps == [0, 4, 8]


def test_a_layer_that_is_skipped_has_nan_there():
    class Maybe(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x, both):
            return self.b(self.a(x)) if both else self.a(x)

    with ActivationStats(model := Maybe(), every=1) as s:
        for both in (True, False, True):
            model(minitorch.ones(1, 2), both)
    assert np.isnan(s["b"].mean).tolist() == [False, True, False]
    assert not np.isnan(s["a"].mean).any()
    assert "b" in s.table(1)
    assert s.warnings(1) == []


def test_not_finite_is_said_and_does_not_spoil_the_other_steps():
    layer = nn.Linear(1, 1, weights=init.ones())
    with ActivationStats(layer, every=1) as s:
        layer(minitorch.ones(2, 1))
        layer(minitorch.tensor([[math.inf], [1.0]]))
        layer(minitorch.tensor([[math.nan], [1.0]]))
    assert s.warnings(0) == []
    assert s.warnings(1) == s.warnings(2) == ["Linear: not finite"]
    counts, _ = s["Linear"].histogram()
    assert counts.sum(0).tolist() == [2, 0, 0]


def test_the_histogram_over_time_has_the_same_bins_for_all_steps():
    """G37."""
    layer = nn.Linear(1, 1, weights=init.ones(), biases=init.zeros())
    values = [np.linspace(0, 1, 1001), np.linspace(-2, 2, 1001), np.zeros(1001)]
    with ActivationStats(layer, every=1) as s:
        for v in values:
            layer(minitorch.tensor(v.astype(np.float32)[:, None]))
    counts, edges = s["Linear"].histogram()
    assert counts.shape == (40, 3)
    assert edges.shape == (41,)
    assert (edges[0], edges[-1]) == (-2, 2)
    np.testing.assert_allclose(counts.sum(0), 1001)
    for i in range(2):
        np.testing.assert_allclose(counts[:, i], np.histogram(values[i], edges)[0], atol=14)
    assert counts[20, 2] == 1001
    cut, _ = s["Linear"].histogram(bins=10, range=(0, 1))
    assert cut.shape == (10, 3)
    assert cut[:, 1].sum() == pytest.approx(1001 / 4, rel=0.02)


def test_layers_can_be_chosen_by_class(batch):
    with ActivationStats(model := small(), layers=nn.ReLU) as s:
        model(batch[0])
    assert s.names == ["bend"]


def test_open_models_tuples_half_precision_and_integers_are_fine():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(3, activation="relu"))
    with ActivationStats(model) as s:
        model(minitorch.tensor([[1, 2], [3, 4]]))
    assert s.names == ["0", "1 before", "1"]
    half = nn.Linear(2, 2, dtype=minitorch.float16, weights=init.constant(200.0))
    with ActivationStats(half) as s:
        half(minitorch.ones(3, 2, dtype=minitorch.float16))
    assert s["Linear"].second_moment[0] == pytest.approx(400**2, rel=1e-2)
    with ActivationStats(rnn := nn.LSTM(3, 4)) as s:
        rnn(minitorch.randn(2, 5, 3))
    assert s["LSTM"].std[0] > 0


def test_a_copy_of_a_model_that_was_watched_is_not_watched(batch):
    model = small()
    with ActivationStats(model, every=1) as s:
        model(batch[0])
    copy.deepcopy(model)(batch[0])
    assert len(s) == 1


def test_wrong_options_and_names_say_what_is_right(batch):
    model = small()
    for option in ({"every": 0}, {"keep": 3}, {"keep": 0}, {"bins": 1}, {"sample": True}):
        with pytest.raises(ValueError, match=next(iter(option))):
            ActivationStats(model, **option)
    with pytest.raises(TypeError, match="list"):
        ActivationStats([model])
    with ActivationStats(model) as s:
        assert "nothing was recorded" in str(s)
        with pytest.raises(RuntimeError, match="already"), s:
            pass
        model(batch[0])
    with pytest.raises(KeyError, match="did you mean 'hidden'"):
        s["hiden"]


# gradients --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_gradients_and_updates_beside_the_parameters_are_numpys(batch, kind):
    """G40, G41."""
    model = small()
    optimizer = getattr(optim, kind)(model, lr=0.01)
    rms = lambda x: np.sqrt((x.astype(np.float64) ** 2).mean())
    expected = []
    with GradientStats(model, optimizer, every=1) as s:
        for _ in range(3):
            before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
            fit(model, optimizer, 1, *batch)
            row = {}
            for name, p in model.named_parameters():
                g, moved = p.grad.numpy(), p.detach().numpy() - before[name]
                size = rms(before[name])
                row[name] = (g.mean(), g.std(), rms(g) / size, rms(moved) / size)
            expected.append(row)
    assert s.names == [name for name, _ in model.named_parameters()]
    for name in s.names:
        found = [s[name].mean, s[name].std, s[name].grad_to_data, s[name].update_to_data]
        wanted = np.array([row[name] for row in expected]).T
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)
    assert s["conv.weight"].histogram()[0].sum(0).tolist() == [27, 27, 27]
    lines = {line.split()[0]: line for line in str(s).splitlines()[1:-1]}
    assert list(lines) == s.names  # a row for each parameter, with both ratios
    for name, line in lines.items():
        for ratio in (s[name].grad_to_data[-1], s[name].update_to_data[-1]):
            assert f"{ratio:.3g}" in line.split()
    assert "step" not in vars(optimizer)


def test_a_ratio_to_zero_is_nan_and_an_odd_one_gets_a_word(batch):
    model = nn.Sequential(nn.Flatten(), nn.Linear(25, 2, biases=init.zeros()))
    optimizer = optim.SGD(model, lr=100.0)
    with GradientStats(model, optimizer) as s:
        fit(model, optimizer, 1, *batch)
    assert math.isnan(s["1.bias"].update_to_data[0])
    assert "moves too far" in str(s)


def test_parameters_without_a_gradient_and_frozen_ones_are_left_out(batch):
    model = small()
    model.conv.requires_grad_(False)
    optimizer = optim.SGD(model, lr=0.1)
    with GradientStats(model, optimizer) as s:
        fit(model, optimizer, 1, *batch)
    assert s.names == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]


def test_a_step_with_a_closure_and_one_that_raises(batch):
    model = small()
    optimizer = optim.SGD(model, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        return loss

    with GradientStats(model, optimizer, every=1) as s:
        assert optimizer.step(closure).item() > 0
        optimizer.zero_grad()
        with pytest.raises(RuntimeError, match="no parameter has a gradient"):
            optimizer.step()
        with pytest.raises(RuntimeError, match="watched already"), GradientStats(model, optimizer):
            pass
    assert np.isfinite(s["conv.weight"].update_to_data[0])
    with pytest.raises(TypeError, match="Optimizer"):
        GradientStats(model, model)
    assert "nothing was recorded" in str(GradientStats(model, optimizer))


def test_parameter_statistics_are_numpys():
    """G42."""
    model = small()
    table = parameter_stats(model)
    for row, (name, p) in zip(table, model.named_parameters(), strict=True):
        values = p.detach().numpy()
        assert (row.name, row.shape) == (name, values.shape)
        assert row.mean == pytest.approx(values.mean(), abs=1e-6)
        assert row.std == pytest.approx(values.std(), rel=1e-5)
        wanted = np.percentile(values, list(row.percentiles))
        np.testing.assert_allclose(list(row.percentiles.values()), wanted, rtol=1e-5, atol=1e-7)
    assert "conv.weight" in str(table)


def test_a_forgotten_branch_is_named():
    """I06."""

    class Net(nn.Module):
        def __init__(self):
            self.used, self.branch = nn.Linear(3, 3), nn.Linear(3, 3)
            self.frozen, self.never = nn.Linear(3, 3), nn.Linear(3)
            self.frozen.requires_grad_(False)

        def forward(self, x):
            with minitorch.no_grad():
                x = self.branch(x)
            return self.frozen(self.used(x))

    model = Net()
    with pytest.raises(RuntimeError, match=r"after loss\.backward"):
        unused_parameters(model)
    model.used.zero_grad()
    model.never = nn.Linear(3, 3)
    model(minitorch.ones(2, 3)).sum().backward()
    names = ["branch.weight", "branch.bias", "never.weight", "never.bias"]
    assert unused_parameters(model) == names


# before training --------------------------------------------------------------------------------


def deep(weights, activation="relu", depth=6, width=400):
    layers = [
        nn.Linear(width, width, weights=weights, biases=init.zeros(), activation=activation)
        for _ in range(depth)
    ]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def test_weights_without_the_two_halve_the_second_moment_and_the_report_says_so():
    """I08."""
    report = init_report(deep(init.normal(std=400**-0.5)), minitorch.randn(200, 400))
    for i in range(6):
        assert "the second moment halves" in report.changes[str(i)]
        assert "sqrt(2/m) = 0.0707" in report.changes[str(i)]
        assert report[f"{i} before"].factor == pytest.approx(0.5, rel=0.25)
    assert report.factor == pytest.approx(0.5**6, rel=0.5)
    assert "sqrt(2/m)" in str(report)


def test_what_is_expected_and_measured_agree_with_numpy():
    model, x = deep(init.kaiming_normal()), minitorch.randn(200, 400)
    report = init_report(model, x)
    z = x.numpy() @ model[0].weight.detach().numpy().T
    row = report["0 before"]
    assert row.measured == pytest.approx((z.mean(), z.std(), (z**2).mean()), rel=1e-3, abs=1e-5)
    w = model[0].weight.detach().numpy()
    second = 400 * (w**2).mean() * (x.numpy() ** 2).mean()
    assert row.expected == pytest.approx((0, math.sqrt(second), second), rel=1e-4)
    assert row.measured.std == pytest.approx(row.expected.std, rel=0.05)
    # relu of N(0, s²): mean s / √2π, E[y²] = s² / 2
    mean, _, second_moment = report["0"].expected
    s = row.measured.std
    assert mean == pytest.approx(s / math.sqrt(2 * math.pi) + row.measured.mean / 2, rel=0.01)
    assert second_moment == pytest.approx(s * s / 2, rel=0.02)
    assert report.changes == {}
    assert "nothing to change" in str(report)


def test_other_activations_get_their_own_gain_and_growth_is_seen():
    report = init_report(deep(init.normal(std=0.2), activation="tanh"), minitorch.randn(99, 400))
    assert any("smaller weights" in text for text in report.changes.values())  # saturated
    report = init_report(deep(init.normal(std=0.2)), minitorch.randn(99, 400))
    assert "grows 7.7" in report.changes["1"]
    assert "std" in report.changes["6"]  # the scores are too large


def test_without_an_activation_in_sight_the_factor_itself_is_the_advice():
    class Net(nn.Module):
        def __init__(self):
            weights = init.normal(std=400**-0.5)
            self.a, self.b = (nn.Linear(400, 400, weights=weights) for _ in range(2))

        def forward(self, x):
            return self.b(self.a(x).relu())

    text = init_report(Net(), minitorch.randn(500, 400)).changes["a"]
    assert "halves" in text
    assert "multiply the weights by 1.4" in text
    assert "lsuv_" in text


def test_a_norm_makes_the_size_of_weights_indifferent():
    model = nn.Sequential(
        nn.Linear(50, weights=init.normal(std=3.0)), nn.BatchNorm1d(), nn.ReLU(), nn.Linear(5)
    )
    x = minitorch.randn(100, 20)
    report = init_report(model, x)
    assert "0" not in report.changes
    assert report["1"].expected == (0, 1, 1)
    assert report["1"].measured == pytest.approx((0, 1, 1), abs=1e-3)


def test_the_batch_is_looked_at_too_and_nothing_is_changed():
    model = nn.Sequential(nn.Linear(4), nn.BatchNorm1d(), nn.ReLU(), nn.Linear(3))
    model(minitorch.randn(8, 5))
    state = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    report = init_report(model, minitorch.randn(64, 5) * 0.3 + 7)
    assert "subtract 7" in report.changes["(batch)"]
    assert all(np.array_equal(t, state[name]) for name, t in model.state_dict().items())
    assert model.training
    assert not any(module.has_hooks for module in model.modules())
    with pytest.raises(KeyError, match="there is"):
        report["nothing"]
    with pytest.raises(TypeError, match="function"):
        init_report(lambda x: x, minitorch.ones(1))


def test_dead_layers_and_numbers_that_are_not_finite_are_told():
    model = deep(init.normal(std=0.07))
    with minitorch.no_grad():
        model[1].bias.fill_(-50.0)
    changes = init_report(model, minitorch.randn(50, 400)).changes
    assert "nothing arrives at the next layer" in changes["1"]
    assert "100 % of the units are 0" in changes["1"]
    changes = init_report(deep(init.constant(1e30)), minitorch.ones(50, 400)).changes
    assert "not finite here" in changes["2"]


def test_measured_gains_are_the_tables():
    """I13."""
    stream = minitorch.Generator().manual_seed(0)
    relu = init.measured_gain(minitorch.relu, generator=stream)
    assert relu == pytest.approx(math.sqrt(2), rel=0.01)
    tanh = init.measured_gain(minitorch.tanh, generator=stream)
    assert tanh == pytest.approx(1.593, abs=0.005)
    assert init.calculate_gain("tanh") == 5 / 3


def test_the_first_loss_is_compared_with_guessing():
    """I17."""
    model = nn.Sequential(nn.Linear(50, activation="relu"), nn.Linear(10, weights=init.normal()))
    x, y = minitorch.randn(64, 20), minitorch.randint(0, 10, (64,))
    with minitorch.no_grad():
        bad = first_loss_check(F.cross_entropy(model(x), y), 10)
        model[1].weight *= 0.01
        good = first_loss_check(F.cross_entropy(model(x), y).item(), 10)
    assert not bad.ok
    assert "expected log(10) = 2.303" in str(bad)
    assert "last layer smaller" in str(bad)
    assert good.ok
    assert good.expected == pytest.approx(math.log(10))
    assert "answer" in first_loss_check(0.1, 10).message
    assert "not a number" in first_loss_check(math.nan, 10).message
    for classes in (1, 2.0, True):
        with pytest.raises(ValueError, match="classes"):
            first_loss_check(1.0, classes)


# everywhere -------------------------------------------------------------------------------------


def test_on_a_gpu_the_numbers_are_the_same_and_only_reading_waits(cuda):
    x = minitorch.randn(16, 1, 5, 5)
    model = small()
    twin = copy.deepcopy(model).cuda()
    optimizer, other = optim.SGD(model, lr=0.1), optim.SGD(twin, lr=0.1)

    def two_steps(model, optimizer, x):
        for _ in range(2):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    with ActivationStats(model, every=1) as a, GradientStats(model, optimizer, every=1) as g:
        two_steps(model, optimizer, x)
    x = x.cuda()
    alone = copy.deepcopy(twin)
    cuda.reset()
    two_steps(alone, optim.SGD(alone, lr=0.1), x)
    waits = cuda.sync
    cuda.reset()
    with ActivationStats(twin, every=1) as on_gpu, GradientStats(twin, other, every=1) as gg:
        two_steps(twin, other, x)
    assert cuda.sync == waits
    cuda.reset()
    text = str(on_gpu)
    assert cuda.sync <= 1
    assert text == str(on_gpu)
    cuda.reset()
    assert str(gg)
    assert cuda.sync <= 1
    for host, device in ((a, on_gpu), (g, gg)):
        for field in ("mean", "std", "dead", "zero", "saturated", "low", "high"):
            np.testing.assert_allclose(
                host.matrix(field), device.matrix(field), rtol=1e-4, atol=1e-6
            )
    np.testing.assert_allclose(
        g.matrix("update_to_data"), gg.matrix("update_to_data"), rtol=1e-3, atol=1e-7
    )
    cuda.reset()
    report = init_report(twin, x)
    assert cuda.sync <= 1
    for row, one in zip(init_report(model, x.cpu()).rows, report.rows, strict=True):
        assert row.name == one.name
        assert row.measured == pytest.approx(one.measured, rel=1e-3, abs=1e-5)
    np.testing.assert_allclose(
        [r.std for r in parameter_stats(model)], [r.std for r in parameter_stats(twin)], rtol=1e-4
    )


def test_tables_need_no_drawing_program(batch, monkeypatch):
    """I10."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = small()
    optimizer = optim.SGD(model, lr=0.1)
    with ActivationStats(model) as a, GradientStats(model, optimizer) as g:
        fit(model, optimizer, 2, *batch)
    for text in (str(a), str(g), str(init_report(model, batch[0])), str(parameter_stats(model))):
        assert len(text.splitlines()) > 4
        assert len({line.index("  ") for line in text.splitlines()[:2]}) <= 2


def test_a_meter_rejects_what_it_cannot_use():
    with pytest.raises(ValueError, match="bins"):
        Meter(bins=0, sample=10)
