"""Model answers to the exercises of lesson 7."""

from collections.abc import Callable, Sequence

import numpy as np

import minitorch
from minitorch import Tensor


def cumsum_grad(g: Tensor, x: Tensor) -> Tensor:
    """x_i is part of y_i and of all that follow: a running sum from the other end."""
    return g.flip(0).cumsum(0).flip(0)


def standardise_grad(g: Tensor, x: Tensor, m: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """m and s serve every row, so their gradients are sums over the rows."""
    return g / s, -(g / s).sum(0), -(g * (x - m)).sum(0) / s**2


def slope_along(f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor, h: float) -> float:
    """New tensors on both sides; nothing is written into x."""
    return ((f(x + h * v) - f(x - h * v)) / (2 * h)).item()


def passes(f: Callable[..., Tensor], inputs: Sequence[Tensor]) -> bool:
    """Float64 copies, a random g, every element of every input."""
    xs = [x.detach().double().clone().requires_grad_() for x in inputs]
    y = f(*xs)
    g = minitorch.randn(y.shape, dtype=minitorch.float64)
    y.backward(g)
    h = 1e-5
    with minitorch.no_grad():
        for x in xs:
            slopes = np.zeros(x.shape)
            for index in np.ndindex(x.shape):
                value, ends = x[index].item(), []
                for moved in (value + h, value - h):
                    x[index] = moved
                    ends.append((f(*xs) * g).sum().item())
                x[index] = value
                slopes[index] = (ends[0] - ends[1]) / (2 * h)
            rule = 0 * slopes if x.grad is None else x.grad.numpy()
            if abs(rule - slopes).max() > 1e-6 * max(1.0, abs(slopes).max()):
                return False
    return True


def kind_of_point(f: Callable[[float], float], x: float) -> str:
    """The gap closes where f is smooth, stays at a kink, and grows as 1/h at a jump."""
    gaps = [abs((f(x + h) - f(x)) / h - (f(x) - f(x - h)) / h) for h in (1e-3, 1e-5)]
    if gaps[1] < 0.5 * gaps[0] or gaps[1] < 1e-4:  # 1e-4 is far above rounding
        return "smooth"
    return "jump" if gaps[1] > 10 * gaps[0] else "kink"


def test_layer_grad(layer_grad: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> None:
    """A random g, every element of every gradient, and numbers on both sides of relu's kink."""
    x, w, b = (minitorch.randn(*shape, dtype=minitorch.float64) for shape in [(5, 4), (4, 3), (3,)])
    leaves = [t.clone().requires_grad_() for t in (x, w, b)]
    y = (leaves[0] @ leaves[1] + leaves[2]).relu()
    g = minitorch.randn(y.shape, dtype=minitorch.float64)
    y.backward(g)
    for name, found, leaf in zip("xwb", layer_grad(g, x, w, b), leaves, strict=True):
        assert found.shape == leaf.shape, f"dL/d{name} has shape {found.shape}"
        assert np.allclose(found, leaf.grad), f"dL/d{name} is off"
