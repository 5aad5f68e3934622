"""Checks of the exercises of lesson 25, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import same, sample
from lessons.exercises.checks.gradients import compare_with_slopes


def log_density(z, mu, logvar):
    return -0.5 * (np.log(2 * np.pi) + logvar + (z - mu) ** 2 / np.exp(logvar))


def by_integral(mu1, logvar1, mu2, logvar2):
    """The divergence of clouds of one number, added up in small steps."""
    grid = np.linspace(-1, 1, 20_001)[:, None, None] * 12 * np.exp(0.5 * logvar1) + mu1
    log_q, log_p = log_density(grid, mu1, logvar1), log_density(grid, mu2, logvar2)
    step = grid[1] - grid[0]
    return ((np.exp(log_q) * (log_q - log_p)).sum(0) * step).sum(1)


def check_kl(function):
    minitorch.manual_seed(25)
    for n, size in [(3, 2), (2, 2), (1, 4)]:
        mu, logvar = sample(n, size), sample(n, size)
        zero = np.zeros((n, size))
        expected = by_integral(mu.numpy(), logvar.numpy(), zero, zero)
        same(function(mu, logvar), expected, f"{n} clouds of {size} numbers")


def check_draw_grad(function):
    minitorch.manual_seed(25)
    for n, size in [(4, 3), (1, 2)]:
        eps = sample(n, size)
        compare_with_slopes(
            "draw_grad",
            lambda mu, logvar, eps=eps: mu + (logvar / 2).exp() * eps,
            lambda g, mu, logvar, eps=eps: function(g, logvar, eps),
            sample(n, size),
            sample(n, size),
        )


def check_kl_grad(function):
    minitorch.manual_seed(25)

    def divergence(mu, logvar):
        return ((mu**2 + logvar.exp() - 1 - logvar) / 2).sum(1)

    for n, size in [(4, 3), (3, 3), (1, 2)]:
        compare_with_slopes("kl_grad", divergence, function, sample(n, size), sample(n, size))


def check_kl_between(function):
    minitorch.manual_seed(25)
    for n, size in [(3, 2), (2, 2), (1, 3)]:
        clouds = [0.7 * sample(n, size) for _ in range(4)]
        expected = by_integral(*(t.numpy() for t in clouds))
        same(function(*clouds), expected, f"{n} pairs of clouds of {size} numbers")
    cloud = sample(2, 3), sample(2, 3)
    same(function(*cloud, *cloud), np.zeros(2), "a cloud and itself")


def check_score_slopes(function):
    minitorch.manual_seed(25)
    for count in (2, 3, 7):
        f, z = sample(count), sample(count)
        mu, logvar = sample(1)[0], sample(1)[0]
        expected = np.zeros(count)
        for k in range(count):
            others = np.delete(f.numpy(), k).mean()
            expected[k] = (f[k].item() - others) * (z[k] - mu).item() / np.exp(logvar.item())
        same(function(f, mu, logvar, z), expected, f"{count} draws")


# wrong answers ----------------------------------------------------------------------------------


def divergence(mu, logvar):
    return (mu**2 + logvar.exp() - 1 - logvar) / 2


def apart(mu1, logvar1, mu2, logvar2, by=lambda a, b: b):
    """The divergence of two clouds, the distance of the means measured by another width."""
    gap = (mu1 - mu2) ** 2 / by(logvar1, logvar2).exp()
    return 0.5 * (gap + (logvar1 - logvar2).exp() - 1 - logvar1 + logvar2).sum(1)


WRONG = {
    "kl": [
        lambda mu, logvar: divergence(mu, logvar).sum(),
        lambda mu, logvar: divergence(mu, logvar).mean(1),
        lambda mu, logvar: divergence(mu, logvar),
        lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).sum(1),
        lambda mu, logvar: divergence(mu, 2 * logvar).sum(1),
    ],
    "draw_grad": [
        lambda g, logvar, eps: (g, g * eps),
        lambda g, logvar, eps: (g, g * eps * (0.5 * logvar).exp()),
        lambda g, logvar, eps: (g, 0.5 * g * eps * logvar.exp()),
        lambda g, logvar, eps: (g + eps, 0.5 * g * eps * (0.5 * logvar).exp()),
    ],
    "kl_grad": [
        lambda g, mu, logvar: (mu, 0.5 * (logvar.exp() - 1)),
        lambda g, mu, logvar: (g[:, None] * mu, 0.5 * g[:, None] * (logvar - 1)),
        lambda g, mu, logvar: (2 * g[:, None] * mu, g[:, None] * (logvar.exp() - 1)),
        lambda g, mu, logvar: (g.sum() * mu, 0.5 * g.sum() * (logvar.exp() - 1)),
    ],
    "kl_between": [
        lambda mu1, logvar1, mu2, logvar2: apart(mu2, logvar2, mu1, logvar1),
        lambda *clouds: apart(*clouds, by=lambda a, b: a),
        lambda mu1, logvar1, mu2, logvar2: divergence(mu1 - mu2, logvar1 - logvar2).sum(1),
    ],
    "score_slopes": [
        lambda f, mu, logvar, z: f * (z - mu) / logvar.exp(),
        lambda f, mu, logvar, z: (f - f.mean()) * (z - mu) / logvar.exp(),
        lambda f, mu, logvar, z: (f - (f.sum() - f) / (len(f) - 1)) * (z - mu) / (logvar / 2).exp(),
        lambda f, mu, logvar, z: (f - (f.sum() - f) / (len(f) - 1)) * z / logvar.exp(),
    ],
}
