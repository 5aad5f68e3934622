"""Checks of the exercises of lesson 5, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import sample
from lessons.exercises.checks.gradients import compare_with_slopes


def off_zero(*shape):
    """Numbers of both signs, none near 0, where relu and |x| have a kink."""
    x = sample(*shape)
    return x + x.sign() * 0.1


def cubes(x):
    return (x * x * x).sum()


def check_slope(function):
    minitorch.manual_seed(5)
    for index, h in [((0, 1), 0.1), ((2, 0), 1e-4)]:
        x = sample(3, 2)
        kept = x.clone()
        said = function(cubes, x, index, h)
        assert np.array_equal(x, kept), "x is not the same afterwards; work on a copy"
        z = x[index].item()
        expected = 3 * z * z + h * h
        assert abs(said - expected) < 1e-8, (
            f"f(x) = Σ x³, x[{index}] = {z:.4f}, h = {h:g}: the two-point formula gives "
            f"3x² + h² = {expected:.6f}, yours {said:.6f}"
        )


def check_leaky_relu_grad(function):
    minitorch.manual_seed(5)
    compare_with_slopes(
        "leaky_relu_grad",
        lambda x: x.clamp_min(0.0) + 0.1 * x.clamp_max(0.0),
        function,
        off_zero(4, 3),
    )


def check_l1_grad(function):
    minitorch.manual_seed(5)
    for n in (6, 1):
        targ, d = sample(n), off_zero(n)
        output = (targ + d)[:, None]
        said = function(output, targ)
        assert said.shape == output.shape, (
            f"the gradient has shape {tuple(said.shape)}, but output {tuple(output.shape)}"
        )

        def loss(output, targ=targ):
            return abs(output.squeeze(-1) - targ).mean()

        compare_with_slopes(
            "l1_grad", loss, lambda g, output, t=targ: g * function(output, t).double(), output
        )


def check_linear_grad(function):
    minitorch.manual_seed(5)
    for n, inputs, outputs in [(5, 4, 3), (3, 3, 3), (1, 2, 4)]:
        sizes = sample(n, inputs), sample(outputs, inputs), sample(outputs)
        compare_with_slopes("linear_grad", lambda x, w, b: x @ w.T + b, function, *sizes)


def check_residual_grad(function):
    minitorch.manual_seed(5)
    for n, k, h in [(5, 3, 4), (3, 3, 3)]:

        def block(x, w, v):
            return x + (x @ w).clamp_min(0.0) @ v

        compare_with_slopes(
            "residual_grad", block, function, sample(n, k), sample(k, h), sample(h, k)
        )


# wrong answers ----------------------------------------------------------------------------------


def moved(x, index, h):
    x = x.clone()
    x[index] += h
    return x


def one_sided(f, x, index, h):
    return ((f(moved(x, index, h)) - f(x)) / h).item()


def without_the_2(f, x, index, h):
    return ((f(moved(x, index, h)) - f(moved(x, index, -h))) / h).item()


def all_at_once(f, x, index, h):
    return ((f(x + h) - f(x - h)) / (2 * h)).item()


def in_place(f, x, index, h):
    x[index] += h
    up = f(x).item()
    x[index] -= 2 * h
    return (up - f(x).item()) / (2 * h)


def positive(x):
    return (x > 0).double()


def residual(skip=True, mask=True, after_relu=True, passes=True):
    def gradients(g, x, w, v):
        z = x @ w
        dz = g @ v.T
        dz = dz * positive(z) if mask else dz
        h = z.clamp_min(0.0) if after_relu else z
        through = dz @ w.T if passes else 0 * x
        return (g + through if skip else through), x.T @ dz, h.T @ g

    return gradients


WRONG = {
    "slope": [one_sided, without_the_2, all_at_once, in_place],
    "leaky_relu_grad": [
        lambda g, x: g * positive(x),
        lambda g, x: positive(x) + 0.1 * positive(-x),
        lambda g, x: g * (positive(-x) + 0.1 * positive(x)),
        lambda g, x: g * (positive(x) - 0.1 * positive(-x)),
        lambda g, x: g * (positive(g) + 0.1 * positive(-g)),
    ],
    "l1_grad": [
        lambda output, targ: (output - targ[:, None]).sign(),
        lambda output, targ: (targ[:, None] - output).sign() / len(targ),
        lambda output, targ: (output.squeeze(-1) - targ).sign() / len(targ),
        lambda output, targ: (output - targ).sign().mean(1, keepdim=True) / len(targ),
        lambda output, targ: 2 * (output - targ[:, None]) / len(targ),
    ],
    "linear_grad": [
        lambda g, x, w, b: (g @ w, x.T @ g, g.sum(0)),
        lambda g, x, w, b: (g @ w, g.T @ x, g.mean(0)),
        lambda g, x, w, b: (g @ w, g.T @ x, g),
        lambda g, x, w, b: (g @ w, g.T @ x / len(x), g.sum(0)),
        lambda g, x, w, b: (g @ (w.T if w.shape[0] == w.shape[1] else w), g.T @ x, g.sum(0)),
    ],
    "residual_grad": [
        residual(skip=False),
        residual(mask=False),
        residual(after_relu=False),
        residual(passes=False),
    ],
}
