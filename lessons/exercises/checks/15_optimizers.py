"""Checks of the exercises of lesson 15, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
from minitorch import optim


def sample(*shape):
    return minitorch.randn(*shape, dtype=minitorch.float64).numpy()


def is_array(name, said, shape):
    assert isinstance(said, np.ndarray), f"{name}: expected an array, got {type(said).__name__}"
    assert said.shape == shape, f"{name}: expected the shape {shape}, got {said.shape}"


def check_mean_weights(function):
    minitorch.manual_seed(0)
    for beta, t in [(0.5, 2), (0.9, 1), (0.9, 7), (0.999, 40)]:
        said = function(beta, t)
        is_array("mean_weights", said, (t,))
        assert abs(said.sum() - 1) < 1e-9, (
            f"beta = {beta}, t = {t}: the weights sum to {said.sum():.4g}; those of a mean sum to 1"
        )
        g, m = sample(t), 0.0
        for value in g:
            m = beta * m + (1 - beta) * value
        m /= 1 - beta**t
        assert abs((said * g).sum() - m) < 1e-9, (
            f"beta = {beta}, t = {t}: the weights {said[:4].round(4)} ... do not give Adam's mean; "
            "which gradient counts most, the oldest or the newest?"
        )


def survives(curvatures, mu, lr):
    w, b = np.ones_like(curvatures), np.zeros_like(curvatures)
    for _ in range(20_000):
        b = mu * b + curvatures * w
        w = w - lr * b
        if abs(w).max() > 1e6:
            return False
    return True


def check_largest_rate(function):
    for curvatures, mu in [([1.0, 100.0], 0.0), ([0.3, 2.0, 0.7], 0.5), ([5.0], 0.9)]:
        curvatures = np.array(curvatures)
        said = function(curvatures, mu)
        case = f"curvatures {curvatures.tolist()}, mu = {mu}"
        assert np.ndim(said) == 0, f"{case}: expected one number, got {said!r}"
        assert said > 0, f"{case}: expected a positive number, got {said!r}"
        assert survives(curvatures, mu, 0.99 * said), (
            f"{case}: {said:.4g} is too much; with 0.99 of that w grows without end"
        )
        assert not survives(curvatures, mu, 1.01 * said), (
            f"{case}: {said:.4g} is too careful; with 1.01 of that w still shrinks"
        )


def check_adamw_step(function):
    minitorch.manual_seed(0)
    w = sample(4, 3)
    p = minitorch.tensor(w).requires_grad_()
    options = {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "decay": 0.5}
    theirs = optim.AdamW([p], lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.5)

    one, nothing = np.ones(1), np.zeros(1)
    said = function(one, nothing, nothing, nothing, 1, **options)
    assert isinstance(said, tuple), f"expected w, m and v, got a {type(said).__name__}"
    assert len(said) == 3, f"expected w, m and v, got {len(said)} values"
    assert abs(said[0].item() - 0.95) < 1e-9, (
        f"no gradient, decay 0.5, lr 0.1: 1 becomes 0.95, not {said[0].item():.4g}"
    )

    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, 6):
        g = sample(4, 3) * 10 ** (t % 3 - 1)
        inputs = [a.copy() for a in (w, g, m, v)]
        new = function(w, g, m, v, t, **options)
        for name, a, kept in zip("wgmv", (w, g, m, v), inputs):
            assert np.array_equal(a, kept), f"{name} was changed; return a new one"
        p.grad = minitorch.tensor(g)
        theirs.step()
        expected_m = 0.8 * m + 0.2 * g
        expected_v = 0.95 * v + 0.05 * g * g
        assert np.allclose(new[1], expected_m), f"step {t}: m is not the running mean of g"
        assert np.allclose(new[2], expected_v), f"step {t}: v is not the running mean of g²"
        apart = abs(new[0] - p.detach().numpy()).max()
        assert apart < 1e-9, (
            f"step {t}: w is {apart:.2g} away from minitorch's AdamW; look at the corrections, at "
            "the place of eps, and at what the decay is multiplied with"
        )
        w, m, v = new


def check_centered(function):
    minitorch.manual_seed(0)
    said = function(np.zeros(1), [np.array([2.0])], 0.3, 0.75, 0.0)
    is_array("centered", said, (1,))
    assert abs(said.item() + 0.6 / math.sqrt(0.75)) < 1e-9, (
        f"the example of the docstring gives {said.item():.4f}, expected {-0.6 / 0.75**0.5:.4f}"
    )
    w, gradients = sample(3, 2), [sample(3, 2) + 0.5 for _ in range(6)]
    kept = w.copy()
    p = minitorch.tensor(w).requires_grad_()
    theirs = optim.RMSprop([p], lr=0.1, alpha=0.9, eps=1e-2, centered=True)
    for k, g in enumerate(gradients, 1):
        p.grad = minitorch.tensor(g)
        theirs.step()
        apart = abs(function(w, gradients[:k], 0.1, 0.9, 1e-2) - p.detach().numpy()).max()
        assert np.array_equal(w, kept), "w was changed; return a new one"
        assert apart < 1e-9, f"after {k} steps w is {apart:.2g} away from minitorch's RMSprop"
    with np.errstate(invalid="ignore"):
        same = function(np.zeros(4), [np.array([0.7, 1.1, 3.3, 5.7])] * 500, 0.1, 0.5, 1e-2)
    assert np.isfinite(same).all(), (
        "500 times the same gradient: v - a² is rounded below 0, and its root is nan"
    )


def check_fair_rates(function):
    nan, inf = math.nan, math.inf
    cases = [
        ({"SGD": {0.1: [2.0, 1.0], 1.0: [0.5, 3.0]}}, 1, {"SGD": 0.1}, "the docstring's example"),
        (
            {"SGD": {0.1: [3.0, 1.0], 1.0: [9.0, 9.0, 0.5, 3.0]}},
            2,
            {"SGD": 1.0},
            "two losses at the end, runs of different lengths",
        ),
        (
            {"A": {1.0: [1.0, nan], 0.1: [2.0, 2.0]}, "B": {0.1: [2.0, 2.0], 1.0: [nan, 1.0]}},
            1,
            {"A": 0.1, "B": 0.1},
            "a run that ends in nan, and one that began with it",
        ),
        (
            {"A": {1.0: [inf, 1.0], 0.1: [2.0, 3.0]}, "B": {0.1: [nan], 1.0: [inf]}},
            1,
            {"A": 0.1},
            "a run that went through inf, and a rule whose runs have all failed",
        ),
        (
            {"A": {0.1: [5.0], 0.2: [4.0]}, "B": {0.1: [1.0], 0.2: [2.0]}},
            1,
            {"A": 0.2, "B": 0.1},
            "two rules, each at its own best",
        ),
    ]
    for losses, last, expected, about in cases:
        said = function(losses, last)
        assert said == expected, f"{about}: expected {expected}, got {said}"


# wrong answers ----------------------------------------------------------------------------------


def adamw(sign=-1, times_lr=True, coupled=False, corrected=True, inside=False, swapped=False):
    """A step with one of the classic mistakes."""

    def step(w, g, m, v, t, lr, beta1, beta2, eps, decay):
        if swapped:
            beta1, beta2 = beta2, beta1
        d = g + decay * w if coupled else g
        m, v = beta1 * m + (1 - beta1) * d, beta2 * v + (1 - beta2) * d * d
        c1, c2 = (1 - beta1**t, 1 - beta2**t) if corrected else (1, 1)
        root = np.sqrt(v / c2 + eps) if inside else np.sqrt(v / c2) + eps
        shrunk = 0 if coupled else (lr if times_lr else 1) * decay * w
        return w + sign * shrunk - lr * m / c1 / root, m, v

    return step


def adamw_in_place(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    new = adamw()(w, g, m, v, t, lr, beta1, beta2, eps, decay)
    w[...], m[...], v[...] = new
    return w, m, v


def centers(w, gradients, lr, alpha, eps, square=True, floor=True, root=True):
    v = a = np.zeros_like(w)
    for g in gradients:
        v = alpha * v + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g
        variance = v - (a * a if square else abs(a))
        variance = np.maximum(variance, 0) if floor else variance
        w = w - lr * g / ((np.sqrt(variance) if root else variance) + eps)
    return w


def by_plain_minimum(losses, last):
    means = {r: {k: sum(v[-last:]) / last for k, v in runs.items()} for r, runs in losses.items()}
    return {rule: min(runs, key=runs.get) for rule, runs in means.items()}


def by_best_moment(losses, last):
    return {rule: min(runs, key=lambda k: min(runs[k])) for rule, runs in losses.items()}


def looks_at_the_end_only(losses, last):
    best = {}
    for rule, runs in losses.items():
        final = {k: np.mean(v[-last:]) for k, v in runs.items()}
        final = {k: loss for k, loss in final.items() if math.isfinite(loss)}
        if final:
            best[rule] = min(final, key=final.get)
    return best


def one_rate_for_all(losses, last):
    rates = list(next(iter(losses.values())))
    total = {k: sum(np.mean(runs.get(k, [9.0])[-last:]) for runs in losses.values()) for k in rates}
    return dict.fromkeys(losses, min(total, key=total.get))


WRONG = {
    "mean_weights": [
        lambda beta, t: (1 - beta) * beta ** np.arange(t - 1, -1, -1),
        lambda beta, t: (1 - beta) * beta ** np.arange(t) / (1 - beta**t),
        lambda beta, t: np.full(t, 1 / t),
        lambda beta, t: beta ** np.arange(t, 0, -1) / (1 - beta**t),
    ],
    "largest_rate": [
        lambda curvatures, mu: 2 / curvatures.max(),
        lambda curvatures, mu: 2 * (1 - mu) / curvatures.max(),
        lambda curvatures, mu: 2 * (1 + mu) / curvatures.min(),
        lambda curvatures, mu: 2 / (1 - mu) / curvatures.max(),
        lambda curvatures, mu: 2 / (curvatures.max() + curvatures.min()),
    ],
    "adamw_step": [
        adamw(sign=1),
        adamw(times_lr=False),
        adamw(coupled=True),
        adamw(corrected=False),
        adamw(inside=True),
        adamw(swapped=True),
        adamw_in_place,
    ],
    "centered": [
        lambda *args: centers(*args, square=False),
        lambda *args: centers(*args, floor=False),
        lambda *args: centers(*args, root=False),
        lambda w, gradients, lr, alpha, eps: centers(w, gradients[-1:], lr, alpha, eps),
    ],
    "fair_rates": [by_plain_minimum, by_best_moment, looks_at_the_end_only, one_rate_for_all],
}
