"""Exercises of lesson 16. Fill in the functions; `python -m lessons check 16` looks at them.

A step t is a whole number from 0 on; plain floats are all that is needed.
"""


def linear_lr(t: int, lr: float, start: float, end: float, total: int) -> float:
    """The learning rate of step t on a straight line from lr · start to lr · end.

    It is lr · start at t = 0 and lr · end at t = total, and stays there for all later steps.

    linear_lr(5, lr=0.2, start=0.5, end=1.0, total=10) is 0.15.
    """
    raise NotImplementedError


def cosine_lr(t: int, lr: float, lowest: float, total: int) -> float:
    """Half a cosine wave from lr at t = 0 down to `lowest` at t = total, and `lowest` after it.

    cosine_lr(5, lr=0.9, lowest=0.1, total=10) is 0.5, half-way between the two.
    """
    raise NotImplementedError


def warm_up_cosine(t: int, lr: float, warm: int, total: int) -> float:
    """A line from lr / 10 at t = 0 up to lr at t = warm, then a cosine down to 0 at t = total.

    The cosine begins at t = warm, with lr, and has total - warm steps. After `total` the rate is 0.

    For lr = 1, warm = 2, total = 6 the rates are 0.1, 0.55, 1, 0.854, 0.5, 0.146, 0, 0, ...
    """
    raise NotImplementedError


def finder(losses_at, start: float, end: float, n: int) -> tuple[list[float], float]:
    """(the rates that were tried, the suggestion) of a learning-rate finder.

    Rate i = 0, 1, ..., n - 1 is `start` times a constant factor to the power i, and the last of
    them would be `end`. `losses_at(rate)` makes a step with that rate and returns the loss before
    it; call it once for each rate, in order. Losses are smoothed: m starts from 0, at each step
    m <- 0.8 m + 0.2 loss, and the smoothed loss of rate i is m / (1 - 0.8 ** (i + 1)). Stop after a
    rate whose smoothed loss is more than 3 times the smallest smoothed loss so far.

    The suggestion is a tenth of the rate with the smallest smoothed loss.
    """
    raise NotImplementedError


def noise_left(lr: float, h: float, sigma: float) -> float:
    """The mean loss h w² / 2 in the end, for w <- w - lr (h w + noise) with a constant lr.

    The noise has mean 0 and standard deviation sigma, and is new at each step.

    For lr = 0.4, h = 2 and sigma = 1 it is 1/6.

    Raises:
        ValueError: lr is so large that the loss does not come to rest at all.
    """
    raise NotImplementedError
