"""Exercises of lesson 7. Fill in the functions; `python -m lessons check 07` looks at them.

The functions called ..._grad return gradients. g is the gradient of what the step has made, y.
"""

from collections.abc import Callable, Sequence

from minitorch import Tensor


def cumsum_grad(g: Tensor, x: Tensor) -> Tensor:
    """dL/dx for y_i = x_0 + ... + x_i, the running sum of x, both of shape (n,).

    For g = [1., 0., 0.] it is [1., 0., 0.]; for g = [0., 0., 1.] it is [1., 1., 1.].
    """
    raise NotImplementedError


def standardise_grad(g: Tensor, x: Tensor, m: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/dm and dL/ds for y = (x - m) / s, where x and y are (N, K), m and s are (K,)."""
    raise NotImplementedError


def slope_along(f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor, h: float) -> float:
    """How f(x), one number, changes when x moves along v: (f(x + h v) - f(x - h v)) / 2h.

    A float; x and v are the same afterwards as before.

    For f(x) = (x * x).sum(), x = [1., 2.] and v = [1., 0.] it is 2.0.
    """
    raise NotImplementedError


def passes(f: Callable[..., Tensor], inputs: Sequence[Tensor]) -> bool:
    """Your own gradient check: True when the gradients of f(*inputs) are its slopes.

    f takes and returns Tensors, and inputs may be float32; they are the same afterwards as before.
    There are no kinks. A wrong rule is off by at least a part in 10^5 somewhere. Write it without
    minitorch's gradcheck.
    """
    raise NotImplementedError


def kind_of_point(f: Callable[[float], float], x: float) -> str:
    """What f, a function of one number, does at x: "smooth", "kink" or "jump".

    Compare the slopes to the left and to the right for two or more steps h. What happens to the
    gap between them as h shrinks? If there is a kink or jump at x, it is nearly as large as 1 or
    larger.

    At 0, abs has a kink, lambda x: x * x is smooth, and lambda x: float(x > 0) jumps.
    """
    raise NotImplementedError


def test_layer_grad(layer_grad: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> None:
    """A test of gradients: raises an AssertionError when they are wrong, and else does nothing.

    layer_grad(g, x, w, b) returns dL/dx, dL/dw and dL/db for y = relu(x w + b), where x is (N, M),
    w is (M, K), b is (K,), and g and y are (N, K). Your test is given a right one, which it must
    let pass, and five with a planted mistake each. How many of them does it find?
    """
    raise NotImplementedError
