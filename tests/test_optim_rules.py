"""Every rule against the paper's formula, written out for one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch import optim, tensor
from minitorch.optim.muon import orthogonalized

# Gradients of seven steps: of both signs, small and large, and one that is exactly 0.
GRADIENTS = [0.5, -0.25, 2.0, 1e-3, -3.0, 0.0, 0.75]


def moved(make: Callable, start: Any, gradients: list) -> list:
    """The parameter after each step."""
    p = tensor(start, dtype="float64", requires_grad=True)
    optimizer = make([p])
    path = []
    for g in gradients:
        p.grad = tensor(g, dtype="float64")
        optimizer.step()
        path.append(p.detach().numpy().copy())
    return path


def check(make: Callable, twin: Callable, start: float = 1.5) -> None:
    """The optimizer on one number does what the twin's (p, g, t, memory) -> p does."""
    p, memory, path = start, {}, []
    for t, g in enumerate(GRADIENTS, 1):
        p = twin(p, g, t, memory)
        path.append(p)
    np.testing.assert_allclose(moved(make, start, GRADIENTS), path, rtol=1e-12)


# by hand --------------------------------------------------------------------------------------


def test_sgd_subtracts_lr_times_the_gradient():
    path = moved(lambda p: optim.SGD(p, lr=0.5), [1.0, -2.0], [[4.0, 8.0], [-1.0, 0.25]])
    np.testing.assert_array_equal(path, [[-1.0, -6.0], [-0.5, -6.125]])


def test_sgd_weight_decay_shrinks_by_lr_times_decay():
    path = moved(lambda p: optim.SGD(p, lr=0.5, weight_decay=0.25), [8.0], [[0.0], [0.0]])
    np.testing.assert_array_equal(path, [[7.0], [6.125]])


def test_sgd_momentum_keeps_its_direction():
    # b: 1, 0.5 + 1 = 1.5, 0.75 - 2 = -1.25
    path = moved(lambda p: optim.SGD(p, lr=0.5, momentum=0.5), [4.0], [[1.0], [1.0], [-2.0]])
    np.testing.assert_array_equal(path, [[3.5], [2.75], [3.375]])


def test_sgd_dampening_spares_the_first_step():
    # b: 1, 0.5 + 0.25 = 0.75, 0.375 - 0.5 = -0.125
    make = lambda p: optim.SGD(p, lr=0.5, momentum=0.5, dampening=0.75)
    path = moved(make, [4.0], [[1.0], [1.0], [-2.0]])
    np.testing.assert_array_equal(path, [[3.5], [3.125], [3.1875]])


def test_sgd_nesterov_looks_ahead():
    # b: 1, 1.5, -1.25; d = g + b/2: 1.5, 1.75, -2.625
    make = lambda p: optim.SGD(p, lr=0.5, momentum=0.5, nesterov=True)
    path = moved(make, [4.0], [[1.0], [1.0], [-2.0]])
    np.testing.assert_array_equal(path, [[3.25], [2.375], [3.6875]])


def test_sgd_maximize_goes_up_and_still_decays():
    make = lambda p: optim.SGD(p, lr=0.5, weight_decay=0.25, maximize=True)
    np.testing.assert_array_equal(moved(make, [8.0], [[2.0]]), [[8.0]])  # 8 - (-2 + 2) / 2
    np.testing.assert_array_equal(moved(make, [8.0], [[4.0]]), [[9.0]])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_first_step_of_adam_is_lr_whatever_the_scale(scale: float):
    make = lambda p: optim.Adam(p, lr=0.125, eps=0.0)
    np.testing.assert_allclose(moved(make, [1.0, 1.0], [[scale, -scale]]), [[0.875, 1.125]])


def test_adamw_shrinks_a_parameter_with_zero_gradient():
    """P36: the paper subtracts lr λ p; adding it would make the weights grow."""
    make = lambda p: optim.AdamW(p, lr=0.125, weight_decay=0.5)
    np.testing.assert_array_equal(moved(make, [8.0, -8.0], [[0.0, 0.0]]), [[7.5, -7.5]])


def test_adam_in_its_l2_form_passes_the_decay_through_the_scaling():
    make = lambda p: optim.Adam(p, lr=0.125, weight_decay=0.5, eps=0.0)
    np.testing.assert_allclose(moved(make, [8.0, -0.5], [[0.0, 0.0]]), [[7.875, -0.375]])


def test_lion_moves_by_lr_and_stands_still_on_zero():
    make = lambda p: optim.Lion(p, lr=0.25)
    path = moved(make, [1.0, 1.0, 1.0], [[1e-9, -1e9, 0.0]])
    np.testing.assert_array_equal(path, [[0.75, 1.25, 1.0]])


def test_centered_rmsprop_survives_a_constant_gradient():
    # v - a² comes down to 0 and below it by rounding: a root of that would be nan.
    make = lambda p: optim.RMSprop(p, lr=1e-3, alpha=0.5, centered=True, eps=1.0)
    path = moved(make, [1.0, 1.0, 1.0], [[0.1, 0.7, 1.3]] * 200)
    assert np.isfinite(path).all()


# by the formula -------------------------------------------------------------------------------


def means(memory: dict, g: float, beta1: float, beta2: float) -> tuple[float, float]:
    m = memory["m"] = beta1 * memory.get("m", 0) + (1 - beta1) * g
    v = memory["v"] = beta2 * memory.get("v", 0) + (1 - beta2) * g**2
    return m, v


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"amsgrad": True},
        {"maximize": True, "weight_decay": 0.1},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        {"betas": (0.5, 0.75), "eps": 0.01},
    ],
)
def test_adam(options: dict):
    (b1, b2), eps = options.get("betas", (0.9, 0.999)), options.get("eps", 1e-8)
    decay, decoupled = options.get("weight_decay", 0), options.get("decoupled_weight_decay")

    def twin(p, g, t, memory):
        g = -g if options.get("maximize") else g
        if decoupled:
            p = p - 0.01 * decay * p
        else:
            g = g + decay * p
        m, v = means(memory, g, b1, b2)
        if options.get("amsgrad"):
            v = memory["top"] = max(v, memory.get("top", 0))
        return p - 0.01 * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps)

    check(lambda p: optim.Adam(p, lr=0.01, **options), twin)


def test_adam_corrects_its_bias_at_step_1_and_at_step_1000():
    g = 0.3
    path = moved(lambda p: optim.Adam(p, lr=1.0, eps=0.1), 0.0, [g] * 1000)
    # With one gradient throughout m̂ = g and √v̂ = g, at every step.
    np.testing.assert_allclose(-np.diff(path, prepend=0.0), g / (g + 0.1), rtol=1e-11)


def test_adamw_is_adam_with_decoupled_decay():
    a = moved(lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.3), 1.5, GRADIENTS)
    b = moved(
        lambda p: optim.Adam(p, lr=0.1, weight_decay=0.3, decoupled_weight_decay=True),
        1.5,
        GRADIENTS,
    )
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("decay", [0, 0.1])
def test_adamax(decay: float):
    def twin(p, g, t, memory):
        g = g + decay * p
        m, _ = means(memory, g, 0.8, 0)
        u = memory["u"] = max(0.9 * memory.get("u", 0), abs(g) + 1e-3)
        return p - 0.1 / (1 - 0.8**t) * m / u

    check(lambda p: optim.Adamax(p, 0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=decay), twin)


@pytest.mark.parametrize("decoupled", [False, True])
def test_nadam(decoupled: bool):
    b1, b2, lr, decay = 0.8, 0.9, 0.1, 0.2
    mu = lambda t: b1 * (1 - 0.5 * 0.96 ** (t * 0.5))

    def twin(p, g, t, memory):
        if decoupled:
            p = p * (1 - lr * decay)
        else:
            g = g + decay * p
        m, v = means(memory, g, b1, b2)
        product = math.prod(mu(i) for i in range(1, t + 1))
        mean = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        return p - lr * mean / (math.sqrt(v / (1 - b2**t)) + 1e-3)

    options = {"weight_decay": decay, "momentum_decay": 0.5, "decoupled_weight_decay": decoupled}
    check(lambda p: optim.NAdam(p, lr, betas=(b1, b2), eps=1e-3, **options), twin)


def test_nadam_multiplies_the_momenta_that_were_used():
    p = tensor([1.0], dtype="float64", requires_grad=True)
    optimizer = optim.NAdam([p], betas=(0.9, 0.999), momentum_decay=0.5)
    product = 1.0
    for t, beta1 in enumerate([0.9, 0.5, 0.7], 1):  # as a schedule of beta1 would
        optimizer.param_groups[0]["betas"] = (beta1, 0.999)
        p.grad = tensor([1.0], dtype="float64")
        optimizer.step()
        product *= beta1 * (1 - 0.5 * 0.96 ** (t * 0.5))
    assert optimizer.state[p]["mu_product"] == pytest.approx(product, rel=1e-14)


@pytest.mark.parametrize("decoupled", [False, True])
def test_radam_starts_plain_and_becomes_adaptive(decoupled: bool):
    b1, b2, lr, decay = 0.8, 0.9, 0.1, 0.2
    adaptive = []

    def twin(p, g, t, memory):
        if decoupled:
            p = p * (1 - lr * decay)
        else:
            g = g + decay * p
        m, v = means(memory, g, b1, b2)
        limit = 2 / (1 - b2) - 1
        rho = limit - 2 * t * b2**t / (1 - b2**t)
        adaptive.append(rho > 5)
        if rho <= 5:
            return p - lr * m / (1 - b1**t)
        r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        return p - lr * r * m / (1 - b1**t) * math.sqrt(1 - b2**t) / (math.sqrt(v) + 1e-3)

    options = {"weight_decay": decay, "decoupled_weight_decay": decoupled}
    check(lambda p: optim.RAdam(p, lr, betas=(b1, b2), eps=1e-3, **options), twin)
    assert not adaptive[0]
    assert adaptive[-1]


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0, 0.5])
def test_rmsprop(centered: bool, momentum: float):
    def twin(p, g, t, memory):
        g = g + 0.1 * p
        v = memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * g * g
        a = memory["a"] = 0.9 * memory.get("a", 0) + 0.1 * g
        root = math.sqrt(v - a * a if centered else v)
        b = memory["b"] = momentum * memory.get("b", 0) + g / (root + 1e-3)
        return p - 0.1 * b

    options = {"momentum": momentum, "centered": centered, "weight_decay": 0.1}
    check(lambda p: optim.RMSprop(p, 0.1, alpha=0.9, eps=1e-3, **options), twin)


@pytest.mark.parametrize("start", [0, 0.5])
def test_adagrad(start: float):
    def twin(p, g, t, memory):
        g = g + 0.1 * p
        s = memory["s"] = memory.get("s", start) + g * g
        return p - 0.5 / (1 + (t - 1) * 0.25) * g / (math.sqrt(s) + 1e-3)

    options = {"lr_decay": 0.25, "weight_decay": 0.1, "initial_accumulator_value": start}
    check(lambda p: optim.Adagrad(p, 0.5, eps=1e-3, **options), twin)


def test_adadelta():
    def twin(p, g, t, memory):
        g = g + 0.1 * p
        v = memory["v"] = 0.8 * memory.get("v", 0) + 0.2 * g * g
        d = math.sqrt(memory.get("u", 0) + 1e-3) / math.sqrt(v + 1e-3) * g
        memory["u"] = 0.8 * memory.get("u", 0) + 0.2 * d * d
        return p - 0.5 * d

    check(lambda p: optim.Adadelta(p, 0.5, rho=0.8, eps=1e-3, weight_decay=0.1), twin)


@pytest.mark.parametrize("maximize", [False, True])
def test_lion(maximize: bool):
    def twin(p, g, t, memory):
        g = -g if maximize else g
        m = memory.get("m", 0.0)
        memory["m"] = 0.6 * m + 0.4 * g
        return p - 0.1 * (np.sign(0.8 * m + 0.2 * g) + 0.3 * p)

    options = {"betas": (0.8, 0.6), "weight_decay": 0.3, "maximize": maximize}
    check(lambda p: optim.Lion(p, 0.1, **options), twin)


# tensors as wholes ----------------------------------------------------------------------------

STEPS = [[3.0, -4.0], [1.0, 2.0], [0.5, 0.0]]


def lengths(*vectors: np.ndarray) -> list[float]:
    return [math.sqrt(sum(float(x) ** 2 for x in vector)) for vector in vectors]


@pytest.mark.parametrize("decay", [0, 0.1])
def test_lamb_scales_each_tensor_by_its_norm(decay: float):
    p, m, v, path = np.array([6.0, 8.0]), np.zeros(2), np.zeros(2), []
    for t, g in enumerate(np.array(STEPS), 1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
        r = (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3) + decay * p
        size, step = lengths(p, r)
        p = p - 0.1 * size / step * r
        path.append(p)
    make = lambda x: optim.LAMB(x, 0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=decay)
    np.testing.assert_allclose(moved(make, [6.0, 8.0], STEPS), path, rtol=1e-12)


def test_lamb_moves_a_tensor_of_zeros_as_adam_does():
    lamb = moved(lambda p: optim.LAMB(p, 0.1, eps=1e-8), [0.0, 0.0], STEPS[:1])
    adam = moved(lambda p: optim.Adam(p, 0.1, eps=1e-8), [0.0, 0.0], STEPS[:1])
    np.testing.assert_allclose(lamb, adam)
    still = moved(lambda p: optim.LAMB(p, 0.1), [1.0, 2.0], [[0.0, 0.0]])
    np.testing.assert_array_equal(still, [[1.0, 2.0]])


@pytest.mark.parametrize("decay", [0, 0.25])
def test_lars_scales_each_gradient_by_the_norm_of_the_tensor(decay: float):
    p, b, path = np.array([6.0, 8.0]), np.zeros(2), []
    for g in np.array(STEPS):
        size, slope = lengths(p, g)
        b = 0.5 * b + 2.0 * (0.01 * size / (slope + decay * size)) * (g + decay * p)
        p = p - b
        path.append(p)
    make = lambda x: optim.LARS(x, lr=2.0, momentum=0.5, weight_decay=decay, trust_coefficient=0.01)
    np.testing.assert_allclose(moved(make, [6.0, 8.0], STEPS), path, rtol=1e-12)


def test_lars_moves_a_tensor_of_zeros_as_sgd_does():
    lars = moved(lambda p: optim.LARS(p, 0.1), [0.0, 0.0], STEPS[:1])
    np.testing.assert_allclose(lars, [[-0.3, 0.4]])


def test_lars_stands_still_on_a_gradient_of_zeros():
    still = moved(lambda p: optim.LARS(p, 0.1), [3.0, 4.0], [[0.0, 0.0]])
    np.testing.assert_array_equal(still, [[3.0, 4.0]])


def test_the_ratios_hold_for_norms_below_1():
    # ‖p‖ = 0.5; one step of Adam is (1, -1) lr, of norm √2
    lamb = moved(lambda p: optim.LAMB(p, 0.1, eps=0.0), [0.3, 0.4], [[1.0, -1.0]])
    step = 0.1 * 0.5 / math.sqrt(2)
    np.testing.assert_allclose(lamb, [[0.3 - step, 0.4 + step]])
    lars = moved(lambda p: optim.LARS(p, 0.1), [0.3, 0.4], [[0.03, 0.04]])
    np.testing.assert_allclose(lars, [[0.3 * (1 - 1e-4), 0.4 * (1 - 1e-4)]])


@pytest.mark.parametrize("rule", [optim.LAMB, optim.LARS])
def test_maximize_mirrors_the_rules_of_whole_tensors(rule: Any):
    down = moved(lambda p: rule(p, weight_decay=0.1), [6.0, 8.0], STEPS)
    up = moved(
        lambda p: rule(p, weight_decay=0.1, maximize=True),
        [6.0, 8.0],
        [[-g for g in step] for step in STEPS],
    )
    np.testing.assert_array_equal(down, up)


def schulz(s: np.ndarray, a: float, b: float, c: float, steps: int) -> np.ndarray:
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return s


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_orthogonalized_maps_the_singular_values_alone(shape: tuple[int, int]):
    x = np.random.default_rng(0).standard_normal(shape)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    want = u * schulz(s / np.sqrt((s**2).sum()), 3.4445, -4.775, 2.0315, 5) @ vt
    np.testing.assert_allclose(orthogonalized(x, (3.4445, -4.775, 2.0315), 5, 1e-7), want)
    assert abs(np.linalg.svd(want)[1] - 1).max() < 0.35


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_muon(nesterov: bool, adjust: str | None, shape: tuple[int, int]):
    random = np.random.default_rng(1)
    p, b = random.standard_normal(shape), np.zeros(shape)
    start, steps, path = p, random.standard_normal((3, *shape)), []
    scale = 0.2 * 2.0 if adjust == "match_rms_adamw" else math.sqrt(max(1, shape[0] / shape[1]))
    for g in steps:
        b = 0.75 * b + 0.25 * g
        d = 0.25 * g + 0.75 * b if nesterov else b
        u, s, vt = np.linalg.svd(d, full_matrices=False)
        s = schulz(s / np.sqrt((s**2).sum()), 3.0, -4.0, 2.0, 4)
        p = p * (1 - 0.1 * 0.5) - 0.1 * scale * (u * s @ vt)
        path.append(p)
    options = {"nesterov": nesterov, "adjust_lr_fn": adjust, "ns_coefficients": (3.0, -4.0, 2.0)}
    make = lambda x: optim.Muon(x, 0.1, 0.5, 0.75, ns_steps=4, **options)
    np.testing.assert_allclose(moved(make, start, list(steps)), path, rtol=1e-10)


# dtypes ---------------------------------------------------------------------------------------

EVERY = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1, eps=1e-4, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, eps=1e-4),
    "Adamax": lambda p: optim.Adamax(p, lr=0.1, eps=1e-4),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1, eps=1e-4),
    "RAdam": lambda p: optim.RAdam(p, lr=0.1, eps=1e-4),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1, eps=1e-4, centered=True, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, eps=1e-4, initial_accumulator_value=0.1),
    "Adadelta": lambda p: optim.Adadelta(p, eps=1e-4),
    "Rprop": lambda p: optim.Rprop(p),
    "Lion": lambda p: optim.Lion(p, lr=0.1, weight_decay=0.1),
    "LAMB": lambda p: optim.LAMB(p, lr=0.1, eps=1e-4, weight_decay=0.1),
    "LARS": lambda p: optim.LARS(p, lr=0.1, weight_decay=0.1),
    "Muon": lambda p: optim.Muon(p, lr=0.1),
    "Chain": lambda p: optim.Chain(
        p,
        [
            optim.ClipValue(1.0),
            optim.RMSScale(eps=1e-4),
            optim.AdamScale(eps=1e-4),
            optim.Momentum(),
            optim.WeightDecay(0.1),
            optim.TrustRatio(),
            optim.Sign(),
        ],
        lr=0.1,
    ),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


@every
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtypes_stay_what_they_are(make: Callable, dtype: str):
    values, g = np.random.default_rng(0).standard_normal((2, 3, 4))
    narrow = tensor(values.astype(dtype), requires_grad=True)
    wide = tensor(values.astype(dtype).astype("float64"), requires_grad=True)
    for p in (narrow, wide):
        optimizer = make([p])
        for _ in range(3):
            p.grad = tensor(g.astype(dtype).astype(p.dtype))
            optimizer.step()
            assert p.dtype == p.grad.dtype
            for value in optimizer.state[p].values():
                assert getattr(value, "dtype", p.dtype) == p.dtype
                assert not isinstance(value, np.generic)
    np.testing.assert_allclose(
        narrow.detach().numpy(),
        wide.detach().numpy(),
        rtol=0.05 if dtype == "float16" else 1e-4,
        atol=0.02 if dtype == "float16" else 1e-4,
    )


@every
def test_a_gpu_step_neither_waits_nor_uploads(make: Callable, cuda: Any):
    values, g = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
    host = tensor(values, requires_grad=True)
    p = tensor(values, device="cuda", requires_grad=True)
    q = tensor(values, device="cuda", requires_grad=True)  # a second one: small tensors ride along
    for x in (host, p, q):
        x.grad = tensor(g, device=x.device)
    on_host, on_gpu = make([host]), make([p, q])
    cuda.reset()
    for _ in range(3):
        on_gpu.step()
    assert (cuda.sync, cuda.h2d) == (0, 0)
    for _ in range(3):
        on_host.step()
    for x in (p, q):
        np.testing.assert_allclose(x.cpu().detach().numpy(), host.detach().numpy(), rtol=1e-5)
