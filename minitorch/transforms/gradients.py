"""A function of a number's worth becomes its gradient: `grad`, `value_and_grad` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.tensor import make
from minitorch.transforms.run import Argnums, Run


def grad_and_value(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns (gradient, value) of `func`; (gradient, (value, aux)) with aux."""

    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = Run("grad", func, args, kwargs, argnums, has_aux)
        grads = gradient_of(run)
        value = run.released(run.output)
        return grads, (value, run.released(run.aux)) if has_aux else value

    return transformed


def gradient_of(run: Run) -> Any:
    """dL/dx of a run that returned one number L, nested as the arguments."""
    return run.nested(run.pull([make(np.ones_like(run.scalar().array))]))


def value_and_grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns (value, gradient) of `func`; ((value, aux), gradient) with aux.

    >>> import minitorch
    >>> value_and_grad(lambda x: x * x)(3.0)
    (tensor(9.), tensor(6.))
    """
    both = grad_and_value(func, argnums, has_aux)
    return lambda *args, **kwargs: both(*args, **kwargs)[::-1]


def grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns dL/dx of L = func(x): one number in, or out of, nested Tensors.

    Args:
        func: returns a Tensor of one element.
        argnums: which argument to differentiate by; a tuple of them gives a tuple of gradients.
        has_aux: `func` returns (L, aux), and the result is (gradient, aux).

    >>> import minitorch
    >>> grad(minitorch.tanh)(1.0)
    tensor(0.4200)
    >>> grad(lambda p: (p["w"] * p["w"]).sum())({"w": minitorch.tensor([1.0, 2.0])})
    {'w': tensor([2., 4.])}
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return transformed


def elementwise_grad(func: Callable, argnums: Argnums = 0) -> Callable:
    """dy_i/dx_i for a function applied element by element: the gradient of its sum.

    >>> import minitorch
    >>> elementwise_grad(lambda x: x * x)(minitorch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = Run("elementwise_grad", func, args, kwargs, argnums)
        return run.nested(run.pull([make(np.ones_like(y.array)) for y in run.ys]))

    return transformed
