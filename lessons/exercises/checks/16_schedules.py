"""Checks of the exercises of lesson 16, and wrong answers that they must notice."""

import math

from minitorch import nn, optim, zeros
from minitorch.optim import lr_scheduler


def optimizer(lr):
    return optim.SGD([nn.Parameter(zeros(1))], lr=lr)


def same_curve(function, expected, what, **arguments):
    """Each rate of a curve, with the step and the numbers in the message."""
    for t, wanted in enumerate(expected):
        said = function(t, **arguments)
        assert math.isclose(said, wanted, rel_tol=1e-9, abs_tol=1e-12), (
            f"{what} with {arguments}: at step {t} the rate is {wanted:.6g}, got {said:.6g}"
        )


def check_linear_lr(function):
    for lr, start, end, total in [(0.2, 0.5, 1.0, 10), (1.0, 1.0, 0.1, 4), (0.3, 0.25, 0.75, 3)]:
        curve = lr_scheduler.LinearLR(optimizer(lr), start, end, total).curve(total + 6)
        same_curve(function, curve, "a line", lr=lr, start=start, end=end, total=total)


def check_cosine_lr(function):
    for lr, lowest, total in [(0.9, 0.1, 10), (1.0, 0.0, 4), (0.5, 0.25, 7)]:
        curve = lr_scheduler.CosineAnnealingLR(optimizer(lr), total, lowest).curve(total + 6)
        same_curve(function, curve, "a cosine", lr=lr, lowest=lowest, total=total)


def check_warm_up_cosine(function):
    for lr, warm, total in [(1.0, 2, 6), (0.3, 5, 20), (0.1, 1, 4)]:
        on = optimizer(lr)
        then = lr_scheduler.CosineAnnealingLR(on, total - warm)
        schedule = lr_scheduler.WarmupLR(on, warm, then, start_factor=0.1)
        same_curve(
            function, schedule.curve(total + 4), "warm-up and cosine", lr=lr, warm=warm, total=total
        )


def check_finder(function):
    called = []

    def losses_at(curve):
        called.clear()

        def loss(rate):
            called.append(rate)
            return curve(rate)

        return loss

    rates, suggestion = function(losses_at(lambda rate: 2.0), 1e-4, 1.0, 5)
    expected = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert len(rates) == 5, f"5 rates from 0.0001 to 1, and no explosion: got {len(rates)} rates"
    for k, (rate, wanted) in enumerate(zip(rates, expected)):
        assert math.isclose(rate, wanted), (
            f"5 rates from 0.0001 to 1: rate {k} is {wanted}, got {rate:.3g}"
        )
    assert called == list(rates), "losses_at is called once for each rate, in order"

    def valley(rate):
        return 2.3 if rate < 0.005 else 1.0 if rate < 0.05 else 2.0 if rate < 0.2 else 300.0

    rates, suggestion = function(losses_at(valley), 1e-5, 10.0, 61)
    assert called == list(rates), "losses_at is called once for each rate, in order"
    m, smooth = 0.0, []
    for i, rate in enumerate(called):
        m = 0.8 * m + 0.2 * valley(rate)
        smooth.append(m / (1 - 0.8 ** (i + 1)))
    assert smooth[-1] > 3 * min(smooth), (
        f"the smoothed loss at {called[-1]:.3g} is {smooth[-1]:.3g}, not yet 3 times the smallest, "
        f"{min(smooth):.3g}; the finder must go on"
    )
    assert all(s <= 3 * min(smooth[: i + 1]) for i, s in enumerate(smooth[:-1])), (
        f"the finder went on to {called[-1]:.3g}, after the smoothed loss had exploded"
    )
    best = called[smooth.index(min(smooth))]
    assert math.isclose(suggestion, best / 10), (
        f"the smoothed loss is smallest at {best:.3g}, so the suggestion is {best / 10:.3g}, got "
        f"{suggestion:.3g}"
    )


def check_noise_left(function):
    for lr, h, sigma in [(0.4, 2.0, 1.0), (0.1, 1.0, 2.0), (0.05, 10.0, 0.5), (0.3, 5.0, 1.0)]:
        v = 0.0
        for _ in range(5000):
            v = (1 - lr * h) ** 2 * v + (lr * sigma) ** 2
        said = function(lr, h, sigma)
        assert math.isclose(said, h * v / 2, rel_tol=1e-6), (
            f"lr {lr}, h {h}, sigma {sigma}: after 5000 steps the mean loss is {h * v / 2:.6g}, "
            f"got {said:.6g}"
        )
    for lr, h in [(1.0, 2.0), (0.5, 5.0)]:
        try:
            said = function(lr, h, 1.0)
        except (ValueError, ZeroDivisionError) as error:
            if type(error) is ValueError:
                continue
            said = repr(error)
        raise AssertionError(
            f"lr {lr}, h {h}: each step goes at least as far beyond the minimum as it was before; "
            f"expected a ValueError, got {said}"
        )


# wrong answers ----------------------------------------------------------------------------------


def cosine(t, total):
    return (1 + math.cos(math.pi * t / total)) / 2


def warmed(t, lr, warm, total, counted_from, length, last_warm):
    if t <= warm + last_warm:
        return lr * (0.1 + 0.9 * t / warm)
    return lr * cosine(min(max(t - counted_from, 0), length), length)


def finds(between=1, smoothing=True, bias=True, best="smooth", tenth=10, factor=3.0):
    def function(losses_at, start, end, n):
        rates, losses, smooth, m = [], [], [], 0.0
        for i in range(n):
            rates.append(start * (end / start) ** (i / (n - between)))
            losses.append(losses_at(rates[-1]))
            m = 0.8 * m + 0.2 * losses[-1]
            smooth.append(m / (1 - 0.8 ** (i + 1)) if bias else m)
            if not smoothing:
                smooth[-1] = losses[-1]
            if smooth[-1] > factor * min(smooth):
                break
        at = smooth.index(min(smooth)) if best == "smooth" else losses.index(min(losses))
        return rates, rates[at] / tenth

    return function


def evenly_spaced(losses_at, start, end, n):
    rates = [start + (end - start) * i / (n - 1) for i in range(n)]
    for rate in rates:
        losses_at(rate)
    return rates, rates[0] / 10


WRONG = {
    "linear_lr": [
        lambda t, lr, start, end, total: lr * (start + (end - start) * t / total),
        lambda t, lr, start, end, total: start + (end - start) * min(t, total) / total,
        lambda t, lr, start, end, total: lr * (start + (end - start) * min(t + 1, total) / total),
        lambda t, lr, start, end, total: (
            lr * (start + (end - start) * min(t, total - 1) / (total - 1))
        ),
    ],
    "cosine_lr": [
        lambda t, lr, lowest, total: lowest + (lr - lowest) * cosine(t, total),
        lambda t, lr, lowest, total: lowest + lr * cosine(min(t, total), total),
        lambda t, lr, lowest, total: max(lowest, lr * cosine(min(t, total), total)),
        lambda t, lr, lowest, total: (
            lowest + (lr - lowest) * math.cos(math.pi / 2 * min(t, total) / total)
        ),
    ],
    "warm_up_cosine": [
        lambda t, lr, warm, total: warmed(t, lr, warm, total, 0, total, -1),
        lambda t, lr, warm, total: warmed(t, lr, warm, total, warm, total, -1),
        lambda t, lr, warm, total: warmed(t, lr, warm, total, warm + 1, total - warm - 1, 0),
        lambda t, lr, warm, total: (
            lr * t / warm if t < warm else lr * cosine(min(t, total) - warm, total - warm)
        ),
    ],
    "finder": [
        evenly_spaced,
        finds(between=0),
        finds(smoothing=False),
        finds(bias=False),
        finds(tenth=1),
        finds(best="raw"),
        finds(factor=math.inf),
    ],
    "noise_left": [
        lambda lr, h, sigma: lr * sigma**2 / (2 * (2 - lr * h)),
        lambda lr, h, sigma: lr * sigma**2 / (h * (2 - lr * h)),
        lambda lr, h, sigma: lr * sigma**2 / 4,
        lambda lr, h, sigma: lr * sigma / (2 * (2 - lr * h)),
    ],
}
