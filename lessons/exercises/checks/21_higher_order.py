"""Checks of the exercises of lesson 21, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
from lessons.comparing import sample
from minitorch.autograd import grad

DOUBLE = {"dtype": minitorch.float64}


def number(said, expected, where, tolerance=1e-9):
    assert isinstance(said, float), f"{where}: expected a float, got {type(said).__name__}"
    assert math.isclose(said, expected, rel_tol=tolerance, abs_tol=tolerance), (
        f"{where}: expected {expected:.8g}, got {said:.8g}"
    )


def check_nth_derivative(function):
    for n, expected in enumerate([8.0, 12.0, 12.0, 6.0]):
        number(function(lambda x: x**3, 2.0, n), expected, f"derivative {n} of x³ at 2")
    for n in range(7):
        exact = [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)][n % 4](0.3)
        number(function(minitorch.sin, 0.3, n), exact, f"derivative {n} of sin at 0.3, in float64")
        number(function(lambda x: (2 * x).exp(), 0.1, n), 2**n * math.exp(0.2), f"{n} of e^2x")


def check_newton_root(function):
    square = lambda x: x**2 - 2
    number(function(square, 1.0, 0), 1.0, "x² - 2 from 1, no step")
    number(function(square, 1.0, 1), 1.5, "x² - 2 from 1, one step to where f is 0")
    number(function(square, 1.0, 2), 17 / 12, "x² - 2 from 1, two steps")
    number(function(square, 1.0, 6), math.sqrt(2), "x² - 2 from 1, six steps", 1e-13)
    number(function(lambda x: x.cos() - x, 1.0, 6), 0.7390851332151607, "cos x - x from 1", 1e-13)


def valley(x):
    """Not the same in any two directions."""
    return ((x[1:] - x[:-1] ** 2) ** 2).sum() + (x.sin() * x.flip(0)).sum()


def check_curvature_along(function):
    x = minitorch.tensor([1.0, 2.0], **DOUBLE)
    number(function(lambda x: (x**3).sum(), x, minitorch.ones(2, **DOUBLE)), 18.0, "the example")
    minitorch.manual_seed(0)
    for n in (2, 5):
        x, v = sample(n), sample(n)
        kept = x.clone(), v.clone()
        H = minitorch.func.hessian(valley)(x).numpy()
        number(function(valley, x, v), float(v.numpy() @ H @ v.numpy()), f"n = {n}")
        assert np.array_equal(x, kept[0]), "x itself was changed"
        assert np.array_equal(v, kept[1]), "v itself was changed"
    x, v = sample(10_000), sample(10_000)
    number(function(lambda x: (x**4).sum(), x, v), (12 * x**2 * v**2).sum().item(), "n = 10,000")


def check_laplacian(function):
    x = minitorch.tensor([1.0, 2.0], **DOUBLE)
    number(function(lambda x: (x**3).sum() + x[0] * x[1], x), 18.0, "the example")
    minitorch.manual_seed(0)
    for n in (2, 5):
        x = sample(n)
        H = minitorch.func.hessian(valley)(x).numpy()
        number(function(valley, x), float(np.trace(H)), f"n = {n}")


def check_penalised_loss(function):
    minitorch.manual_seed(0)
    x, t = sample(6, 3), sample(6)
    kept = x.clone()
    w1, w2 = sample(3, 4).requires_grad_(), sample(4).requires_grad_()
    net = lambda x: (x @ w1).tanh() @ w2
    z = (x @ w1).tanh()
    slopes = ((1 - z * z) * w2) @ w1.T  # by hand, for this net
    for c in (0.0, 0.5, 2.0):
        right = ((z @ w2 - t) ** 2).mean() + c * (slopes**2).sum(1).mean()
        said = function(net, x, t, c)
        assert tuple(said.shape) == (), f"expected one number, got shape {tuple(said.shape)}"
        number(said.item(), right.item(), f"the loss with c = {c}")
        found = grad(said, [w1, w2])
        expected = grad(right, [w1, w2], retain_graph=True)
        for a, b in zip(found, expected):
            assert np.allclose(a, b), (
                f"with c = {c} the value is right, and the gradient by the weights is not: does "
                "the penalty know how it depends on the weights? (create_graph=True)"
            )
    assert np.array_equal(x, kept), "x itself was changed"


# wrong answers ----------------------------------------------------------------------------------


def derivative(f, x, n, dtype=minitorch.float64):
    point = minitorch.tensor(x, dtype=dtype, requires_grad=True)
    y = f(point)
    for _ in range(n):
        if not y.requires_grad:
            return 0.0
        (y,) = grad(y, [point], create_graph=True)
    return y.item()


def of_the_first(f, x, n):
    """As if each backward started from f."""
    return derivative(f, x, min(n, 1)) if n else derivative(f, x, 0)


def differences(f, x, n, h=1e-2):
    terms = [
        (-1) ** k * math.comb(n, k) * derivative(f, x + (n / 2 - k) * h, 0) for k in range(n + 1)
    ]
    return sum(terms) / h**n


def stepping(step):
    def walk(f, x, steps):
        for _ in range(steps):
            x += step(*(derivative(f, x, n) for n in range(3)))
        return x

    return walk


def hessian(f, x):
    return minitorch.func.hessian(f)(x).numpy()


def slope_along(f, x, v):
    return (minitorch.func.grad(f)(x) * v).sum().item()


def length_of_hv(f, x, v):
    return minitorch.autograd.functional.hvp(f, x, v)[1].norm().item()


def diagonal_only(f, x, v):
    x = x.detach().requires_grad_()
    (g,) = grad(f(x), [x], create_graph=True)
    (summed,) = grad(g.sum(), [x])
    return (summed * v * v).sum().item()


def penalised(create_graph=True, squared=True, over=lambda s: s.sum(1).mean(), by="x"):
    def loss(net, x, t, c):
        x = x.detach().requires_grad_()
        y = net(x)
        (slopes,) = grad(y.sum(), [x], create_graph=create_graph, retain_graph=True)
        slopes = slopes**2 if squared else slopes.abs()
        return ((y - t) ** 2).mean() + c * over(slopes)

    return loss


def of_the_error(net, x, t, c):
    x = x.detach().requires_grad_()
    error = ((net(x) - t) ** 2).mean()
    (slopes,) = grad(error, [x], create_graph=True)
    return error + c * (slopes**2).sum(1).mean()


WRONG = {
    "nth_derivative": [
        of_the_first,
        differences,
        lambda f, x, n: derivative(f, x, n + 1),
        lambda f, x, n: derivative(f, x, n, minitorch.float32),
        lambda f, x, n: derivative(f, x, 1) ** n,
    ],
    "newton_root": [
        stepping(lambda y, d1, d2: -d1 / d2 if d2 else 0.0),
        stepping(lambda y, d1, d2: y / d1),
        stepping(lambda y, d1, d2: -0.1 * d1),
        stepping(lambda y, d1, d2: -y * d1),
    ],
    "curvature_along": [
        slope_along,
        length_of_hv,
        diagonal_only,
        lambda f, x, v: 0.5 * (derivative(lambda s: f(x + s * v), 0.0, 2)),
        lambda f, x, v: derivative(lambda s: f(x + s * v / v.norm()), 0.0, 2),
    ],
    "laplacian": [
        lambda f, x: float(hessian(f, x).sum()),
        lambda f, x: (minitorch.func.grad(f)(x) ** 2).sum().item(),
        lambda f, x: float(np.trace(hessian(f, x))) / len(x),
        lambda f, x: float(np.linalg.det(hessian(f, x))),
    ],
    "penalised_loss": [
        penalised(create_graph=False),
        penalised(squared=False),
        penalised(over=lambda s: s.mean()),
        penalised(over=lambda s: s.sum()),
        of_the_error,
        lambda net, x, t, c: ((net(x) - t) ** 2).mean(),
    ],
}
