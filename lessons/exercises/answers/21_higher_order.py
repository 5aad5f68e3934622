"""Model answers to the exercises of lesson 21."""

from collections.abc import Callable

import minitorch
from minitorch import Tensor
from minitorch.autograd import grad


def nth_derivative(f: Callable[[Tensor], Tensor], x: float, n: int) -> float:
    """Backward n times, each time on the graph of the one before."""
    point = minitorch.tensor(x, dtype=minitorch.float64, requires_grad=True)
    y = f(point)
    for _ in range(n):
        if not y.requires_grad:  # a constant
            return 0.0
        (y,) = grad(y, [point], create_graph=True)
    return y.item()


def newton_root(f: Callable[[Tensor], Tensor], x: float, steps: int) -> float:
    """s = -f/f'."""
    for _ in range(steps):
        x -= nth_derivative(f, x, 0) / nth_derivative(f, x, 1)
    return x


def curvature_along(f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor) -> float:
    """The second derivative of s -> f(x + s v) at 0."""
    x, v = x.detach(), v.detach()
    return nth_derivative(lambda s: f(x + s * v), 0.0, 2)


def laplacian(f: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """From each element of the gradient back to the same element of x."""
    x = x.detach().requires_grad_()
    (g,) = grad(f(x), [x], create_graph=True)
    return sum(grad(g[i], [x], retain_graph=True)[0][i].item() for i in range(len(x)))


def penalised_loss(net: Callable[[Tensor], Tensor], x: Tensor, t: Tensor, c: float) -> Tensor:
    """The sum over the examples keeps their gradients apart, since none acts on another."""
    x = x.detach().requires_grad_()
    y = net(x)
    (slopes,) = grad(y.sum(), [x], create_graph=True)
    return ((y - t) ** 2).mean() + c * (slopes**2).sum(1).mean()
