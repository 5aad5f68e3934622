"""Checks of the exercises of lesson 26, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import same, sample


def schedule(count):
    return 0.4 * minitorch.rand(count, dtype=minitorch.float64) + 0.05


def check_steps_for(function):
    minitorch.manual_seed(26)
    for count in (1, 2, 7):
        beta = schedule(count)
        same(function((1 - beta).cumprod(0)), beta.numpy(), f"{count} steps")


def check_noised(function):
    minitorch.manual_seed(26)
    abar = (1 - schedule(9)).cumprod(0)
    for shape in [(5, 2, 3, 4), (3, 3, 3, 3), (1, 1, 2, 2)]:
        x, eps = sample(*shape), sample(*shape)
        t = minitorch.randint(0, 9, shape[:1])
        expected = np.stack(
            [
                np.sqrt(abar[k].item()) * a + np.sqrt(1 - abar[k].item()) * e
                for a, e, k in zip(x.numpy(), eps.numpy(), t.tolist())
            ]
        )
        same(function(x, abar, t, eps), expected, f"images {shape}")


def check_origin(function):
    minitorch.manual_seed(26)
    for abar in (0.36, 0.9, 0.02):
        x, eps = sample(4, 2), sample(4, 2)
        there = abar**0.5 * x + (1 - abar) ** 0.5 * eps
        same(function(there, eps, abar), x.numpy(), f"abar {abar}")


def check_best_origin(function):
    minitorch.manual_seed(26)
    for n, m, d, abar in [(4, 3, 2, 0.5), (3, 3, 3, 0.8), (1, 5, 2, 0.1)]:
        x, points = sample(n, d), sample(m, d)
        expected = np.zeros((n, d))
        for k, place in enumerate(x.numpy()):
            apart = ((place - abar**0.5 * points.numpy()) ** 2).sum(1)
            w = np.exp(-apart / (2 * (1 - abar)))
            expected[k] = (w[:, None] * points.numpy()).sum(0) / w.sum()
        same(function(x, points, abar), expected, f"{n} places, {m} points, abar {abar}")
    x, points = 1000 + sample(2, 2), sample(4, 2)
    far = ((x[:, None] - 0.9**0.5 * points) ** 2).sum(2).argmin(1)
    same(function(x, points, 0.9), points[far].numpy(), "far away")


def check_jump_back(function):
    minitorch.manual_seed(26)
    for abar, before in [(0.2, 0.5), (0.5, 1.0), (0.7, 0.71)]:
        x, eps = sample(5, 2), sample(5, 2)
        there = abar**0.5 * x + (1 - abar) ** 0.5 * eps
        expected = before**0.5 * x + (1 - before) ** 0.5 * eps
        same(function(there, eps, abar, before), expected.numpy(), f"from {abar} to {before}")


# wrong answers ----------------------------------------------------------------------------------


def upright(abar, t, x):
    return abar[t].reshape(-1, *[1] * (x.ndim - 1))


def guess(x, points, abar, shrink=lambda a: a**0.5, spread=lambda a: 2 * (1 - a), safe=True):
    """The mean of the points, with a mistake."""
    apart = ((x[:, None] - shrink(abar) * points) ** 2).sum(2) / spread(abar)
    if safe:
        return (-apart).softmax(1) @ points
    w = (-apart).exp()
    return (w @ points) / w.sum(1, keepdim=True)


WRONG = {
    "steps_for": [
        lambda abar: 1 - abar,
        lambda abar: 1 - abar[1:] / abar[:-1],
        lambda abar: minitorch.cat([abar[:1], abar[1:] / abar[:-1]]),
    ],
    "noised": [
        lambda x, abar, t, eps: upright(abar, t, x) * x + (1 - upright(abar, t, x)) * eps,
        lambda x, abar, t, eps: abar[t[0]].sqrt() * x + (1 - abar[t[0]]).sqrt() * eps,
        lambda x, abar, t, eps: upright(abar, t, x).sqrt() * x + eps,
    ],
    "origin": [
        lambda x, eps, abar: x - (1 - abar) ** 0.5 * eps,
        lambda x, eps, abar: (x - (1 - abar) * eps) / abar,
        lambda x, eps, abar: (x - abar**0.5 * eps) / (1 - abar) ** 0.5,
    ],
    "best_origin": [
        lambda x, points, abar: guess(x, points, abar, shrink=lambda a: 1.0),
        lambda x, points, abar: guess(x, points, abar, spread=lambda a: 1 - a),
        lambda x, points, abar: guess(x, points, abar, spread=lambda a: 2 * (1 - a) ** 0.5),
        lambda x, points, abar: guess(x, points, abar, safe=False),
    ],
    "jump_back": [
        lambda x, eps, abar, before: (x - (1 - abar) ** 0.5 * eps) / abar**0.5,
        lambda x, eps, abar, before: x - ((1 - abar) ** 0.5 - (1 - before) ** 0.5) * eps,
        lambda x, eps, abar, before: (
            before * (x - (1 - abar) ** 0.5 * eps) / abar**0.5 + (1 - before) * eps
        ),
    ],
}
