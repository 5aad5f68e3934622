"""Checks of the exercises of lesson 10, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import by_hand, sample
from lessons.exercises.checks.gradients import compare_with_slopes

READY = {"softmax", "log_softmax", "logsumexp", "logsigmoid", "cross_entropy", "nll_loss"}


def same(said, expected, where, tolerance=1e-6):
    said, expected = np.asarray(said.detach()), np.asarray(expected)
    assert said.shape == expected.shape, f"{where}: shape {said.shape}, expected {expected.shape}"
    close = np.isclose(said, expected, rtol=tolerance, atol=tolerance)
    assert close.all(), f"{where}: expected {expected}, got {said}"


def check_logsumexp(function):
    by_hand(function, READY)
    minitorch.manual_seed(0)
    x = sample(4, 3)
    kept = x.clone()
    same(function(x), x.logsumexp(1), "on random scores")
    assert np.array_equal(x, kept), "x itself was changed"
    for row in (
        [1000.0, 0.0, -1000.0],
        [-1000.0, -1001.0, -1002.0],
        [1e4, 1e4, 1e4],
        [-math.inf, 2.0, 1.0],
        [-math.inf, -math.inf, -math.inf],
    ):
        x = minitorch.tensor([row, [0.0, 1.0, 2.0], [-500.0, 0.0, 500.0]])
        same(function(x), x.logsumexp(1), f"with the row {row}")
    x = sample(3, 4).requires_grad_()
    minitorch.gradcheck(function, x)


def check_log_softmax_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(0)
    for shape in [(4, 3), (3, 3), (1, 5)]:
        compare_with_slopes(
            "log_softmax_grad", lambda x: x.log_softmax(1), function, sample(*shape)
        )
    x, g = minitorch.tensor([[1000.0, 0.0, -1000.0]]), minitorch.tensor([[1.0, 2.0, 3.0]])
    same(function(g, x), [[-5.0, 2.0, 3.0]], "on the scores [1000, 0, -1000]")


def check_smooth_cross_entropy_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(0)
    for n, c, eps in [(5, 4, 0.0), (5, 4, 0.1), (3, 3, 0.3), (1, 2, 0.2)]:
        x, y = sample(n, c), minitorch.randint(0, c, (n,))
        kept = x.clone()

        def loss(x, y=y, eps=eps):
            return F.cross_entropy(x, y, label_smoothing=eps)

        compare_with_slopes(
            "smooth_cross_entropy_grad",
            loss,
            lambda g, x, y=y, eps=eps: g * function(x, y, eps),
            x,
        )
        assert np.array_equal(x, kept), "x itself was changed"


def check_log_sigmoid(function):
    by_hand(function, READY)
    minitorch.manual_seed(0)
    z = sample(3, 4)
    same(function(z), z.sigmoid().log(), "on random numbers")
    z = minitorch.tensor([-1000.0, -90.0, 0.0, 90.0, 1000.0])
    same(function(z), [-1000.0, -90.0, -math.log(2), 0.0, 0.0], f"on {z.tolist()}")
    tail = function(minitorch.tensor([30.0], dtype=minitorch.float64)).item()
    assert math.isclose(tail, -math.exp(-30), rel_tol=1e-6), (
        f"at 30 in float64 it is {-math.exp(-30):.4g}, by yours {tail:.4g}: log(1 + e) has lost a "
        "small e to rounding; log1p(e) keeps it"
    )
    minitorch.gradcheck(function, sample(5).requires_grad_())


def check_weighted_nll(function):
    by_hand(function, READY)
    minitorch.manual_seed(0)
    logp = minitorch.tensor([[-1.0, -2.0], [-3.0, -4.0]])
    w = minitorch.tensor([3.0, 1.0])
    same(function(logp, minitorch.tensor([0, 1]), w), 1.75, "the example of the description")
    for n, c in [(6, 3), (4, 4), (1, 2)]:
        logp, y = sample(n, c).log_softmax(1), minitorch.randint(0, c, (n,))
        w = 0.5 + minitorch.rand(c, dtype=minitorch.float64)
        same(function(logp, y, w), F.nll_loss(logp, y, weight=w), f"N = {n}, C = {c}")
        compare_with_slopes(
            "weighted_nll",
            lambda p, y=y, w=w: F.nll_loss(p, y, weight=w),
            lambda g, p, y=y, w=w: g * minitorch.func.grad(lambda p: function(p, y, w))(p),
            logp.detach(),
        )


# wrong answers ----------------------------------------------------------------------------------


def kept_row(x):
    m = x.amax(1, keepdim=True)
    return m + (x - m).exp().sum(1, keepdim=True).log()


def shares(x):
    e = (x - x.amax(1, keepdim=True)).exp()
    return e / e.sum(1, keepdim=True)


def by_columns(x):
    e = (x - x.amax(0)).exp()
    return e / e.sum(0)


def smooth(probabilities=shares, rest=lambda c: c, over=len, on=lambda eps: 1 - eps):
    def gradient(x, y, eps):
        g = probabilities(x) - eps / rest(x.shape[1])
        g[range(len(y)), y] -= on(eps)
        return g / over(y)

    return gradient


WRONG = {
    "logsumexp": [
        lambda x: x.exp().sum(1).log(),
        lambda x: kept_row(x).squeeze(1),
        kept_row,
        lambda x: x.amax(1) + (x - x.amax()).exp().sum(1).log(),
        lambda x: (x - x.amax(1, keepdim=True)).exp().sum(1).log(),
        lambda x: x.amax() + (x - x.amax()).exp().sum(1).log(),
    ],
    "log_softmax_grad": [
        lambda g, x: g - shares(x),
        lambda g, x: shares(x) * (g - (g * shares(x)).sum(1, keepdim=True)),
        lambda g, x: g - shares(x) * g,
        lambda g, x: g - by_columns(x) * g.sum(1, keepdim=True),
        lambda g, x: g - x.exp() / x.exp().sum(1, keepdim=True) * g.sum(1, keepdim=True),
    ],
    "smooth_cross_entropy_grad": [
        smooth(over=lambda y: 1),
        smooth(on=lambda eps: 1),
        smooth(rest=lambda c: c - 1),
        smooth(probabilities=by_columns),
        lambda x, y, eps: -smooth()(x, y, eps),
        lambda x, y, eps: (1 - eps) * smooth()(x, y, 0.0),
    ],
    "log_sigmoid": [
        lambda z: z.sigmoid().log(),
        lambda z: -(1 + (-z).exp()).log(),
        lambda z: z.clamp_max(0.0) - (1 + (-z.abs()).exp()).log(),
        lambda z: z.clamp_min(0.0) - (-z.abs()).exp().log1p(),
        lambda z: (-z.abs()).exp().log1p() - z.clamp_max(0.0),
    ],
    "weighted_nll": [
        lambda logp, y, w: -(w[y] * logp[range(len(y)), y]).mean(),
        lambda logp, y, w: -(w[y] * logp[range(len(y)), y]).sum() / w.sum(),
        lambda logp, y, w: (w[y] * logp[range(len(y)), y]).sum() / w[y].sum(),
        lambda logp, y, w: -(w[y] * logp[:, y]).sum() / w[y].sum(),
        lambda logp, y, w: -logp[range(len(y)), y].mean(),
    ],
}
