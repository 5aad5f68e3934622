"""Exercises of lesson 21. Fill in the functions; `python -m lessons check 21` looks at them.

Functions f are made of minitorch's ops: they take and return Tensors.
"""

from collections.abc import Callable

from minitorch import Tensor


def nth_derivative(f: Callable[[Tensor], Tensor], x: float, n: int) -> float:
    """The n-th derivative of f at x, computed in float64; f itself for n = 0.

    For f(x) = x ** 3, x = 2. and n = 2 it is 12.0.
    """
    raise NotImplementedError


def newton_root(f: Callable[[Tensor], Tensor], x: float, steps: int) -> float:
    """Where Newton's method arrives on its way to f(x) = 0, after that many steps from x.

    At a point a, f(a + s) is about f(a) + f'(a) s. Go where that is 0.

    For f(x) = x ** 2 - 2, from 1. it is 1.5 after one step, and 1.41421356 after five.
    """
    raise NotImplementedError


def curvature_along(f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor) -> float:
    """How the slope of f along v changes along v: Σ_ij v_i H_ij v_j, a float.

    x and v are (n,), f(x) is one number. Do it without the matrix H: n may be 10,000.

    For f(x) = (x ** 3).sum(), x = [1., 2.], v = [1., 1.] it is 18.0.
    """
    raise NotImplementedError


def laplacian(f: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Σ_i ∂²f/∂x_i², the sum of the diagonal of H, a float; x is (n,), f(x) one number.

    For f(x) = (x ** 3).sum() + x[0] * x[1] and x = [1., 2.] it is 18.0.
    """
    raise NotImplementedError


def penalised_loss(net: Callable[[Tensor], Tensor], x: Tensor, t: Tensor, c: float) -> Tensor:
    """The mean squared error of net(x), plus c times the mean squared length of its gradient by x.

    x is (N, K); net(x) and t are (N,), and row i of x acts on element i only. The squared length
    for one example is Σ_k (∂y/∂x_k)², the mean is over the N examples. Training with the result
    must feel the penalty.
    """
    raise NotImplementedError
