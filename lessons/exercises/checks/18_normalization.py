"""Checks of the exercises of lesson 18, and wrong answers that they must notice."""

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import by_hand, same, sample
from lessons.exercises.checks.gradients import compare_with_slopes

READY = {"batch_norm", "layer_norm", "rms_norm", "standardize", "backward", "grad", "vjp"}
READY |= {"BatchNorm1d", "LayerNorm", "RMSNorm", "Linear"}


def check_batch_norm(function):
    by_hand(function, READY)
    minitorch.manual_seed(18)
    for shape, eps in [((5, 3), 1e-5), ((4, 4), 0.5), ((2, 6), 1e-3)]:
        x, w, b = 3 * sample(*shape) + 2, sample(shape[1]), sample(shape[1])
        xhat = np.asarray(function(x, 0 * w + 1, 0 * b, eps))
        where = f"x {shape}, eps {eps}, w = 1, b = 0"
        assert np.allclose(xhat.mean(0), 0, atol=1e-8), (
            f"{where}: the columns of y have the means {xhat.mean(0).round(3)}, expected 0; "
            "the statistics go over the examples, dim 0"
        )
        variance = x.numpy().var(0)
        assert np.allclose(xhat.var(0), variance / (variance + eps), atol=1e-8), (
            f"{where}: the columns of y have the variances {xhat.var(0).round(5)}, expected "
            f"σ² / (σ² + eps) = {(variance / (variance + eps)).round(5)}; σ² is divided by N, and "
            "eps is added to it, inside the root"
        )
        expected = F.batch_norm(x, None, None, w, b, training=True, eps=eps)
        same(function(x, w, b, eps), expected, f"x {shape}, eps {eps}")
    x = minitorch.tensor([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    y = function(x, minitorch.ones(2), minitorch.zeros(2), 1e-5)
    assert (y[:, 1] == 0).all(), (
        f"a column of equal numbers should give 0, yours {y[:, 1].tolist()}"
    )


def check_layer_norm_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(18)
    for shape, eps in [((5, 3), 1e-5), ((4, 4), 0.3), ((1, 6), 1e-3)]:
        compare_with_slopes(
            "layer_norm_grad",
            lambda x, w, b, eps=eps: F.layer_norm(x, x.shape[1:], w, b, eps),
            lambda g, x, w, b, eps=eps: function(g, x, w, b, eps),
            2 * sample(*shape) + 1,
            sample(shape[1]),
            sample(shape[1]),
        )


def check_rms_norm_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(18)
    for shape, eps in [((5, 3), 1e-5), ((4, 4), 0.3), ((1, 6), 1e-3)]:
        compare_with_slopes(
            "rms_norm_grad",
            lambda x, eps=eps: F.rms_norm(x, x.shape[1:], eps=eps),
            lambda g, x, eps=eps: function(g, x, eps),
            2 * sample(*shape) + 1,
        )


def check_move_running(function):
    by_hand(function, READY)
    minitorch.manual_seed(18)
    for n, momentum in [(5, 0.1), (2, 0.3), (8, 1.0)]:
        mean, var, x = sample(3), sample(3) ** 2, 2 * sample(n, 3) + 1
        kept = mean.clone(), var.clone()
        said = function(mean, var, x, momentum)
        assert len(said) == 2, "return two: the running mean and the running variance"
        assert (mean == kept[0]).all().item(), "mean was changed in place; return a new one"
        assert (var == kept[1]).all().item(), "var was changed in place; return a new one"
        F.batch_norm(x, *kept, training=True, momentum=momentum)
        where = f"a batch of {n}, momentum {momentum}"
        same(said[0], kept[0], f"{where}, mean (momentum is the weight of the new batch)")
        same(said[1], kept[1], f"{where}, variance (is the batch's divided by N - 1?)")


def check_merged(function):
    by_hand(function, READY)
    minitorch.manual_seed(18)
    for features, inputs, eps in [(3, 5, 1e-5), (4, 4, 0.5), (1, 2, 1e-3)]:
        weight, bias = sample(features, inputs), sample(features)
        w, b, mean, var = (
            sample(features),
            sample(features),
            sample(features),
            sample(features) ** 2,
        )
        x = sample(6, inputs)
        expected = F.batch_norm(x @ weight.T + bias, mean, var, w, b, eps=eps)
        one_weight, one_bias = function(weight, bias, w, b, mean, var, eps)
        where = f"{inputs} inputs, {features} features, eps {eps}"
        assert one_weight.shape == weight.shape, (
            f"{where}: the weight has shape {tuple(one_weight.shape)}, expected "
            f"{tuple(weight.shape)}"
        )
        same(x @ one_weight.T + one_bias, expected, f"{where}: the merged layer's outputs")


# wrong answers ----------------------------------------------------------------------------------


def standardized(x, dim, eps, outside=False, unbiased=False):
    d = x - x.mean(dim, keepdim=True)
    n = x.shape[dim] - unbiased
    var = (d * d).sum(dim, keepdim=True) / max(n, 1)
    r = 1 / (var.sqrt() + eps) if outside else 1 / (var + eps).sqrt()
    return d * r, r


def layer(dim=1, mean=True, along=True, scaled=True, w_dim=0):
    def gradients(g, x, w, b, eps):
        xhat, r = standardized(x, dim, eps)
        v = w * g if scaled else g
        dx = v - v.mean(dim, keepdim=True) if mean else v
        dx = dx - xhat * (v * xhat).mean(dim, keepdim=True) if along else dx
        return r * dx, (g * xhat).sum(w_dim), g.sum(w_dim)

    return gradients


def rms(x, eps):
    return 1 / ((x * x).mean(1, keepdim=True) + eps).sqrt()


def running(old, new, unbiased):
    def moved(mean, var, x, momentum):
        d = x - x.mean(0)
        batch_var = (d * d).sum(0) / (len(x) - unbiased)
        keep, take = old(momentum), new(momentum)
        return keep * mean + take * x.mean(0), keep * var + take * batch_var

    return moved


def changed_in_place(mean, var, x, momentum):
    d = x - x.mean(0)
    mean += momentum * (x.mean(0) - mean)
    var += momentum * ((d * d).sum(0) / (len(x) - 1) - var)
    return mean, var


WRONG = {
    "batch_norm": [
        lambda x, w, b, eps: w * standardized(x, 1, eps)[0] + b,
        lambda x, w, b, eps: w * standardized(x, 0, eps, unbiased=True)[0] + b,
        lambda x, w, b, eps: w * standardized(x, 0, eps, outside=True)[0] + b,
        lambda x, w, b, eps: w * standardized(x, 0, 0.0)[0] + b,
        lambda x, w, b, eps: standardized(x, 0, eps)[0],
    ],
    "layer_norm_grad": [
        layer(mean=False),
        layer(along=False),
        layer(mean=False, along=False),
        layer(scaled=False),
        layer(dim=0),
    ],
    "rms_norm_grad": [
        lambda g, x, eps: g * rms(x, eps),
        lambda g, x, eps: (
            rms(x, eps)
            * (g - g.mean(1, keepdim=True) - x * rms(x, eps) ** 2 * (g * x).mean(1, keepdim=True))
        ),
        lambda g, x, eps: rms(x, eps) * (g - x * rms(x, eps) ** 2 * (g * x).sum(1, keepdim=True)),
        lambda g, x, eps: rms(x, eps) * (g - x * (g * x).mean(1, keepdim=True)),
    ],
    "move_running": [
        running(lambda m: m, lambda m: 1 - m, 1),
        running(lambda m: 1 - m, lambda m: m, 0),
        running(lambda m: 1.0, lambda m: m, 1),
        changed_in_place,
    ],
    "merged": [
        lambda weight, bias, w, b, mean, var, eps: (weight * (w / (var + eps).sqrt())[:, None], b),
        lambda weight, bias, w, b, mean, var, eps: (
            weight * (w / (var + eps).sqrt())[:, None],
            bias + b - mean * w / (var + eps).sqrt(),
        ),
        lambda weight, bias, w, b, mean, var, eps: (
            weight * (w / (var + eps))[:, None],
            (bias - mean) * w / (var + eps) + b,
        ),
        lambda weight, bias, w, b, mean, var, eps: (
            weight * (w / var.sqrt())[:, None],
            (bias - mean) * w / var.sqrt() + b,
        ),
    ],
}
