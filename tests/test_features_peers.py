"""The feature table's rows on what its peers have, up to the training of networks.

Where tests of another file perform the check of a row, ELSEWHERE says which; the others have a test
named after them, here or in test_features.py.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, func, gradcheck, nn, optim
from minitorch.autograd import grad
from minitorch.nn import init
from tests.helpers import absent_tests, rows_by_name

LESSONS = Path(__file__).parent.parent / "lessons"
ALL = [f"G{number:02}" for number in range(1, 51)]

ELSEWHERE = {
    "G03": "test_func::test_hessian_of_a_quadratic_is_its_matrix "
    "test_jacobian::test_rows_and_columns_are_one_matrix "
    "test_func::test_functional_agrees_with_torch",
    "G04": "test_func::test_jvp_is_the_jacobian_times_v_and_vjp_its_transpose "
    "test_jacobian::test_linearize_runs_the_function_once "
    "test_forward_ad::test_every_op_moves_as_its_jacobian_says",
    "G12": "test_recompute::test_the_gradients_are_the_same_bit_for_bit "
    "test_recompute::test_fewer_bytes_are_saved "
    "test_recompute::test_a_chain_in_segments_keeps_less",
    "G26": "test_nn_recurrent::test_gradients_over_five_steps_are_slopes",
    "G28": "test_nn_attention::test_nothing_depends_on_the_future",
    "G31": "test_module::test_train_and_eval_reach_every_module",
    "G35": "test_hooks::test_forward_hooks_see_every_call_once_and_in_order "
    "test_hooks::test_a_hook_as_context_manager_goes_also_after_an_error "
    "test_hooks::test_full_backward_hooks_see_both_gradients",
    "G36": "test_diagnostics::test_what_is_measured_is_what_numpy_measures "
    "test_plot_pictures::test_one_line_for_each_layer_over_time",
    "G37": "test_diagnostics::test_the_histogram_over_time_has_the_same_bins_for_all_steps "
    "test_plot_pictures::test_a_histogram_over_time_is_a_column_of_shares_for_each_step",
    "G38": "test_diagnostics::test_a_layer_with_a_bias_of_minus_100_reads_100_percent_dead "
    "test_plot_pictures::test_dead_units_are_percent_and_layers_without_any_are_left_out",
    "G39": "test_diagnostics::test_saturation_is_the_share_near_the_limits",
    "G40": "test_diagnostics::test_gradients_and_updates_beside_the_parameters_are_numpys",
    "G41": "test_diagnostics::test_gradients_and_updates_beside_the_parameters_are_numpys "
    "test_plot_pictures::test_ratios_are_logarithmic_with_a_line_at_one_thousandth",
    "G42": "test_diagnostics::test_parameter_statistics_are_numpys",
    "G43": "test_stateless::test_lsuv_gives_every_layer_mean_0_and_std_1 "
    "test_stateless::test_lsuv_stops_at_a_dead_layer_names_it_and_puts_the_weights_back",
    "G45": "test_init_undecided::test_the_first_loss_is_log_classes",
    "G46": "test_optim_rules::test_adagrad test_optim_rules::test_adadelta "
    "test_optim_rules::test_rmsprop test_optim_rules::test_adam "
    "test_optim_rules::test_radam_starts_plain_and_becomes_adaptive "
    "test_optim_rules::test_lamb_scales_each_tensor_by_its_norm "
    "test_optim_rules::test_lars_scales_each_gradient_by_the_norm_of_the_tensor "
    "test_optim_rules::test_muon",
    "G47": "test_optim_clip::test_norm_after_is_the_cap_and_the_direction_stays "
    "test_optim_clip::test_clip_value_cuts_every_element",
    "G48": "test_optim::test_groups_move_at_their_own_rates",
    "G49": "test_optim_chain::test_a_chain_of_parts_is_the_class",
    "G50": "test_learner::test_accumulated_batches_step_as_one",
}


def test_every_row_is_answered():
    named = rows_by_name("test_features", "test_features_peers")
    assert [row for row in ALL if row not in named and row not in ELSEWHERE] == []
    assert set(ELSEWHERE) <= set(ALL)


def test_the_tests_named_are_there():
    places = [place for row in ELSEWHERE.values() for place in row.split()]
    assert absent_tests(places) == []


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(*shape: int, seed: int = 0) -> Tensor:
    return minitorch.tensor(draw(*shape, seed=seed), requires_grad=True)


def apart(*shape: int) -> Tensor:
    """No two elements closer than 0.1, none near 0: away from ties and kinks."""
    n = math.prod(shape)
    values = np.random.default_rng(0).permutation(n) - n // 2 + 0.5
    return minitorch.tensor(values.reshape(shape) / 5, requires_grad=True)


# autograd -----------------------------------------------------------------------------------------


def definitions(lesson: str, *names: str) -> dict[str, Any]:
    """Classes and functions of a lesson, without its prints, pictures and asserts."""
    tree = ast.parse((LESSONS / lesson).read_text("utf-8"))
    kept = (ast.Import, ast.ImportFrom)
    tree.body = [n for n in tree.body if isinstance(n, kept) or getattr(n, "name", "") in names]
    found: dict[str, Any] = {"next_birth": itertools.count().__next__}
    exec(compile(tree, lesson, "exec"), found)
    return found


def test_g05_in_a_lesson():
    """The lesson on cross-entropy adds logsumexp as an op of the reader's own."""
    lesson = definitions("10_cross_entropy.py", "logsumexp_safe", "LogSumExp")
    apply = lesson["LogSumExp"].apply
    assert gradcheck(apply, leaf(3, 4))
    np.testing.assert_allclose(
        apply(leaf(3, 4)).detach().numpy(), np.log(np.exp(draw(3, 4)).sum(1, keepdims=True))
    )
    assert "assert gradcheck(LogSumExp.apply" in (LESSONS / "10_cross_entropy.py").read_text()


def test_g07_unchained_in_place_and_step_by_step():
    w = leaf(2, 2)
    x, h = minitorch.tensor(draw(3, 2, seed=1)), minitorch.zeros(3, 2).double()
    for step in range(6):
        h = (h @ w + x).tanh()
        if step == 3:
            assert h.detach_() is h
            assert h.is_leaf
            start = h.numpy().copy()
    h.sum().backward()
    truncated, w.grad = w.grad.numpy(), None
    h = minitorch.tensor(start)
    for _ in range(2):
        h = (h @ w + x).tanh()
    h.sum().backward()
    np.testing.assert_array_equal(truncated, w.grad.numpy())


def test_g11():
    tree = {
        "layers": [{"w": leaf(3, 2), "b": leaf(2, seed=1)}, {"w": leaf(2, 1, seed=2), "b": None}],
        "scale": (2.0, "a name", 3),
    }

    def f(p: Any, x: Tensor) -> Tensor:
        first, second = p["layers"]
        return ((x @ first["w"] + first["b"]).tanh() @ second["w"]).sum() * p["scale"][0]

    x = minitorch.tensor(draw(4, 3, seed=3))
    found = func.grad(f)(tree, x)
    assert found["layers"][1]["b"] is None
    assert found["scale"][1:] == (None, None)
    (first, second), scale = tree["layers"], 2.0
    leaves = [first["w"], first["b"], second["w"]]
    value = ((x @ leaves[0] + leaves[1]).tanh() @ leaves[2]).sum()
    alone = grad(value * scale, leaves)
    got = [found["layers"][0]["w"], found["layers"][0]["b"], found["layers"][1]["w"]]
    for a, b in zip(got, alone, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.numpy(), rtol=1e-12)
    assert found["scale"][0].item() == pytest.approx(value.item())
    assert all(t.grad is None for t in leaves)
    in_order = OrderedDict(b=Tensor([2.0]), a=Tensor([3.0]))
    assert list(func.grad(lambda p: (p["a"] * p["b"]).sum())(in_order)) == ["b", "a"]
    assert func.grad(lambda p: (p[0] * p[1]).sum())((in_order["b"],) * 2)[0].item() == 2


def test_g13():
    """One lesson builds an engine of numbers, then shows the same gradients from arrays."""
    engine = definitions("06_tape.py", "Value", "as_value", "newest_first")
    value = engine["Value"]

    def network(x: Any, w: Any, v: Any) -> Any:
        h = [sum(a * b for a, b in zip(x, column)).tanh() for column in w]
        y = sum(a * b for a, b in zip(h, v))
        return (y - 1.0) ** 2 + y * h[0] * h[0]  # h is used again and again

    x, w, v = draw(3), draw(2, 3, seed=1), draw(2, seed=2)
    numbers = [value(a) for a in x], [[value(a) for a in c] for c in w], [value(a) for a in v]
    L = network(*numbers)
    L.backward()
    tensors = [minitorch.tensor(a, requires_grad=True) for a in (x, w, v)]
    h = (tensors[1] @ tensors[0]).tanh()
    y = h @ tensors[2]
    loss = (y - 1) ** 2 + y * h[0] ** 2
    loss.backward()
    assert L.data == pytest.approx(loss.item(), rel=1e-12)
    for scalars, array in zip(numbers, tensors, strict=True):
        rows = scalars if array.ndim == 2 else [scalars]
        np.testing.assert_allclose(
            np.array([[s.grad for s in row] for row in rows]).reshape(array.shape),
            array.grad.numpy(),
            rtol=1e-12,
        )
    assert "assert all(math.isclose(a, b" in (LESSONS / "06_tape.py").read_text()


# ops ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["solve", "inv", "det"])
def test_g21(name: str):
    A = minitorch.tensor(draw(3, 3) + 3 * np.eye(3), requires_grad=True)
    inputs = (A, leaf(3, 2, seed=1)) if name == "solve" else (A,)
    f, wanted = getattr(minitorch.linalg, name), getattr(np.linalg, name)
    np.testing.assert_allclose(
        f(*inputs).detach().numpy(), wanted(*[x.detach().numpy() for x in inputs]), rtol=1e-10
    )
    assert gradcheck(f, inputs)


COMPLEX = np.array([1j, 2.0])
REFUSED = {
    "tensor of a number": lambda x: minitorch.tensor(1j),
    "tensor of a list": lambda x: minitorch.tensor([1.0, 1j]),
    "tensor of an array": lambda x: minitorch.tensor(COMPLEX),
    "from_numpy": lambda x: minitorch.from_numpy(COMPLEX),
    "a parameter": lambda x: nn.Parameter(COMPLEX),
    "dtype by Python": lambda x: minitorch.zeros(2, dtype=complex),
    "dtype by name": lambda x: minitorch.ones(2, dtype="complex64"),
    "default dtype": lambda x: minitorch.set_default_dtype("complex64"),
    "number on the right": lambda x: x * 1j,
    "number on the left": lambda x: 1j - x,
    "NumPy's number": lambda x: np.complex64(1) * x,
    "array on the right": lambda x: x + COMPLEX,
    "array on the left": lambda x: COMPLEX / x,
    "product": lambda x: x @ COMPLEX,
    "power": lambda x: x**1j,
    "comparison": lambda x: x == 1j,
    "order": lambda x: x < 1j,
    "assignment": lambda x: x.__setitem__(0, 1j),
    "fill_": lambda x: x.fill_(1j),
    "full": lambda x: minitorch.full((2,), 1j),
    "full_like": lambda x: minitorch.full_like(x, 1j),
    "arange": lambda x: minitorch.arange(3j),
    "linspace": lambda x: minitorch.linspace(0, 1j, 3),
    "where": lambda x: minitorch.where(x > 0, x, 1j),
    "a function": lambda x: minitorch.exp(minitorch.tensor(1j)),
    "a layer": lambda x: nn.Linear(2, 1)(COMPLEX),
    "a gradient": lambda x: (x.double().requires_grad_() * 2).backward(COMPLEX),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_g22(call: Any):
    """Complex numbers are left out, by an error that says so and changes nothing."""
    x = minitorch.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="complex"):
        call(x)
    assert x.tolist() == [1, 2]


def test_g22_real_results_where_complex_ones_would_be():
    x = minitorch.tensor([-1.0, 4.0])
    assert not x.is_complex()
    assert not minitorch.is_complex(x)
    for y in (x.sqrt(), x**0.5):
        assert y.isnan().tolist() == [True, False]


def test_g24_has_its_gain_measured():
    functions = {name: getattr(F, name) for name in ("gelu", "silu", "mish", "softplus", "elu")}
    z = np.random.default_rng(0).standard_normal(400_000)
    for name, f in {**functions, "hardswish": F.hardswish}.items():
        assert gradcheck(f, apart(4, 5))
        wanted = 1 / math.sqrt((f(minitorch.tensor(z)).numpy() ** 2).mean())
        assert init.measured_gain(f) == pytest.approx(wanted, rel=0.01)
        assert init.calculate_gain(name) == pytest.approx(wanted, rel=0.01)


# layers -------------------------------------------------------------------------------------------

NORMS = {
    "LayerNorm": (lambda: nn.LayerNorm((3, 4)), (2, 3, 4)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (3, 4, 3)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(3, affine=True), (2, 3, 5)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(2, affine=True), (2, 2, 3, 2)),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(2), (2, 2, 2, 2, 2)),
    "RMSNorm": (lambda: nn.RMSNorm(4), (2, 3, 4)),
}


@pytest.mark.parametrize("name", NORMS)
def test_g27(name: str):
    """By the input and by every parameter; what has 4 numbers or more has mean 0 and std 1."""
    make, shape = NORMS[name]
    layer = make().double()
    x = leaf(*shape)
    assert gradcheck(layer, x)
    for path, p in layer.named_parameters():
        by_p = lambda p, path=path: nn.functional_call(layer, {path: p}, x.detach())
        assert gradcheck(by_p, leaf(*p.shape, seed=1))
    y = layer(x.detach() * 30 + 20).detach().numpy()
    axes = {"LayerNorm": (1, 2), "RMSNorm": (2,)}.get(name, tuple(range(2, y.ndim)))
    if name == "GroupNorm":
        y, axes = y.reshape(3, 2, 2, 3), (2, 3)
    np.testing.assert_allclose((y**2).mean(axes), 1, rtol=1e-4)
    if name != "RMSNorm":
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-10)


def test_g29():
    class Residual(nn.Module):
        def __init__(self) -> None:
            self.body = nn.Sequential(
                nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.GroupNorm(1, 3), nn.Tanh(),
                nn.Conv2d(3, 2, 3, padding=1),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    model = nn.Sequential(Residual(), Residual()).double()
    x = leaf(2, 2, 3, 3)
    assert gradcheck(model, x)
    for path, p in model.named_parameters():
        by_p = lambda p, path=path: nn.functional_call(model, {path: p}, x.detach())
        assert gradcheck(by_p, p.detach().clone().requires_grad_())
    with minitorch.no_grad():
        for p in model.parameters():
            p.zero_()
    (g,) = grad(model(x).sum(), x)
    assert g.tolist() == np.ones(x.shape).tolist()  # the skip alone


@pytest.mark.parametrize("options", [(), (0.1,), (0.1, 0.4), (None, 0.4), (0.1, 0.4, 1.0)])
def test_g30(options: tuple):
    layer, x = nn.GeneralRelu(*options), apart(5, 6)
    leak, shift, cap = (*options, None, None, None)[:3]
    assert gradcheck(layer, x)
    values = x.detach().numpy()
    wanted = np.where(values > 0, values, (leak or 0) * values) - (shift or 0)
    wanted = wanted if cap is None else np.minimum(wanted, cap)
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, atol=1e-12)


def test_g30_its_statistics():
    """A rectified bell has mean 1/√(2π), which a shift takes away and a leak makes smaller."""
    z = minitorch.tensor(np.random.default_rng(0).standard_normal(200_000))
    mean = 1 / math.sqrt(2 * math.pi)
    for leak, shift in ((None, None), (None, mean), (0.1, None), (0.1, 0.9 * mean)):
        wanted = (1 - (leak or 0)) * mean - (shift or 0)
        assert nn.GeneralRelu(leak, shift)(z).mean().item() == pytest.approx(wanted, abs=0.005)


def test_g32():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    count = lambda m: len(list(m.parameters()))
    assert count(net) == 4
    net.insert(1, nn.Linear(2, 2))
    assert count(net) == 6
    assert net.pop(0).weight is not net[0].weight
    assert count(net) == 4
    assert [name for name, _ in net.named_parameters()] == [
        "0.weight", "0.bias", "2.weight", "2.bias",
    ]  # fmt: skip
    assert count(net.repeat(3)) == 12
    first, second = nn.Sequential(nn.Linear(2, 2)).repeat(2)
    assert not minitorch.equal(first[0].weight, second[0].weight)
    for twice in (net * 2, 2 * net):  # the same modules again, each parameter listed once
        assert [*twice] == [*net, *net]
        assert count(twice) == 4
    alias = net
    net *= 2
    assert net is alias
    assert len(net) == 6
    with pytest.raises(ValueError, match="0 times its modules"):
        net * 0
    with pytest.raises(TypeError):
        net * 1.5


OPTIMIZERS = [
    "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop",
    "LAMB", "LARS", "Lion", "LBFGS",
]  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_g33(name: str):
    """What is frozen is bit-equal after training, decay or not; unfrozen, it moves again."""
    minitorch.manual_seed(0)
    body, head = nn.Linear(4, 8), nn.Linear(8, 3)
    model = nn.Sequential(body, nn.Tanh(), head)
    decay = {} if name in ("Rprop", "LBFGS") else {"weight_decay": 0.1}
    optimizer = getattr(optim, name)(model.parameters(), lr=0.1, **decay)
    x, t = minitorch.tensor(draw(6, 4).astype("f4")), minitorch.tensor([0, 1, 2, 0, 1, 2])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        return loss

    body.requires_grad_(False)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    for _ in range(3):
        optimizer.step(closure)
    moved = [not np.array_equal(p.detach().numpy(), b) for p, b in zip(model.parameters(), before)]
    assert moved == [False, False, True, True]
    body.requires_grad_()
    optimizer.step(closure)
    assert not np.array_equal(body.weight.detach().numpy(), before[0])


def test_g34():
    class Counted(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(2, 2)
            self.register_buffer("steps", minitorch.zeros(1))
            self.register_buffer("scratch", minitorch.zeros(1), persistent=False)

        def forward(self, x: Any) -> Any:
            self.steps += 1
            return self.linear(x)

    model = Counted()
    assert [name for name, _ in model.named_parameters()] == ["linear.weight", "linear.bias"]
    assert set(model.state_dict()) == {"linear.weight", "linear.bias", "steps"}
    optimizer = optim.SGD(model, lr=1.0)
    model(minitorch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert model.steps.tolist() == [1]
    assert not model.steps.requires_grad
    other = Counted()
    other.load_state_dict(model.state_dict())
    assert other.steps.tolist() == [1]
    assert model.double().steps.dtype == minitorch.float64


# first weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 200), (200, 64), (64, 16, 3, 3)])
def test_g44(shape: tuple[int, ...]):
    """Orthogonal, LeCun's, which Yann's is the other name of, and the cut normal."""
    fan_in = math.prod(shape[1:])
    w = init.orthogonal_(minitorch.empty(*shape)).double().numpy().reshape(shape[0], -1)
    product = w @ w.T if shape[0] <= fan_in else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)
    for function in (init.lecun_normal, init.yann_normal):
        x = function()(shape, "float64")
        assert x.std() == pytest.approx(math.sqrt(1 / fan_in), rel=0.04)
        assert abs(x).max() > 3 / math.sqrt(fan_in)
    for function in (init.lecun_uniform, init.yann_uniform):
        x = function()(shape, "float64")
        assert x.std() == pytest.approx(math.sqrt(1 / fan_in), rel=0.04)
        assert 0.99 * math.sqrt(3 / fan_in) < abs(x).max() <= math.sqrt(3 / fan_in)
    x = init.trunc_normal_(minitorch.empty(*shape), std=0.5, a=-1.0, b=1.0).double().numpy()
    assert 0.98 < abs(x).max() <= 1
    # E[z²] of a normal cut at ±2: 1 - 2·2 φ(2) / (Φ(2) - Φ(-2))
    phi = math.exp(-2) / math.sqrt(2 * math.pi)
    assert x.std() == pytest.approx(0.5 * math.sqrt(1 - 4 * phi / math.erf(math.sqrt(2))), rel=0.03)
