"""Exercises of lesson 15. Fill in the functions; `python -m lessons check 15` looks at them.

Here w, g, m and v are NumPy arrays, and nothing that is passed in may be changed.
"""

from collections.abc import Mapping, Sequence

import numpy as np


def mean_weights(beta: float, t: int) -> np.ndarray:
    """With which weight each of the gradients g_1, ..., g_t enters Adam's corrected mean: (t,).

    The corrected mean is the sum of weight times gradient, the first weight for the oldest.

    For beta = 0.5 and t = 2 it is [1/3, 2/3].
    """
    raise NotImplementedError


def largest_rate(curvatures: np.ndarray, mu: float) -> float:
    """Below which lr the bowl Σ λ/2 w² is safe for momentum: b = mu b + g, w = w - lr b.

    curvatures are the λ, all positive, one for each axis. Find out by trying what momentum changes;
    for mu = 0 the answer is that of the lesson.

    For curvatures [1., 100.] and mu = 0 it is 0.02.
    """
    raise NotImplementedError


def adamw_step(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of AdamW, as a function: the new w, m and v.

    m and v are those of the step before, zeros before the first; t is 1 at the first step.

    For w = [1.], g = [0.], zeros, t = 1, lr = 0.1 and decay = 0.5 the new w is [0.95].
    """
    raise NotImplementedError


def centered(
    w: np.ndarray, gradients: Sequence[np.ndarray], lr: float, alpha: float, eps: float
) -> np.ndarray:
    """w after RMSprop steps that divide by the standard deviation of the gradients.

    Next to v, the running mean of g², keep a, the running mean of g. The variance is v - a², and
    each step is lr g / (√(v - a²) + eps). Rounding can make v - a² a little less than 0; then take
    0 for it. v and a start at 0 and are not corrected.

    For w = [0.], gradients [[2.]], lr = 0.3, alpha = 0.75 and eps = 0: v = 1, a = 0.5, and w is
    -0.6 / √0.75.
    """
    raise NotImplementedError


def fair_rates(
    losses: Mapping[str, Mapping[float, Sequence[float]]], last: int
) -> dict[str, float]:
    """The best learning rate of each rule: the one with the lowest mean of its `last` losses.

    losses[rule][lr] are the losses of all steps of a run, of any length. A run that holds nan or
    inf anywhere has failed, and is never the best. A rule whose runs have all failed is left out.

    For {"SGD": {0.1: [2., 1.], 1.0: [0.5, 3.]}} and last = 1 it is {"SGD": 0.1}.
    """
    raise NotImplementedError
