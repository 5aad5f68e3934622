"""Model answers to the exercises of lesson 16."""

import math


def linear_lr(t: int, lr: float, start: float, end: float, total: int) -> float:
    """The part of the way that is done, at most all of it."""
    return lr * (start + (end - start) * min(t, total) / total)


def cosine_lr(t: int, lr: float, lowest: float, total: int) -> float:
    """The cosine is for what lies above the lowest rate."""
    return lowest + (lr - lowest) * (1 + math.cos(math.pi * min(t, total) / total)) / 2


def warm_up_cosine(t: int, lr: float, warm: int, total: int) -> float:
    """At t = warm both formulas give lr; the second counts from there."""
    if t < warm:
        return linear_lr(t, lr, 0.1, 1.0, warm)
    return cosine_lr(t - warm, lr, 0.0, total - warm)


def finder(losses_at, start: float, end: float, n: int) -> tuple[list[float], float]:
    """n rates have n - 1 factors between them."""
    rates, smooth, m = [], [], 0.0
    for i in range(n):
        rates.append(start * (end / start) ** (i / (n - 1)))
        m = 0.8 * m + 0.2 * losses_at(rates[-1])
        smooth.append(m / (1 - 0.8 ** (i + 1)))
        if smooth[-1] > 3 * min(smooth):
            break
    return rates, rates[smooth.index(min(smooth))] / 10


def noise_left(lr: float, h: float, sigma: float) -> float:
    """h v / 2, with the variance v that one step leaves as it is."""
    if lr * h >= 2:
        raise ValueError(f"lr {lr} is not below 2 / h = {2 / h}")
    return lr * sigma**2 / (2 * (2 - lr * h))
