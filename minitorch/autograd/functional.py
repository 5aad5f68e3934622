"""Jacobians, Hessians and products with them, in the call forms of torch.autograd.functional.

Each takes a function and a point, a Tensor or a tuple of them; `minitorch/func.py` does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch import func as transforms
from minitorch.tensor import Tensor, make
from minitorch.tree import map_leaves

Tensors = Any  # a Tensor, or a tuple of them


def jacobian(func: Callable, inputs: Tensors, create_graph: bool = False) -> Any:
    """dy_i/dx_j, of shape (*y.shape, *x.shape); nested [output][input] where there are tuples.

    >>> import minitorch
    >>> jacobian(lambda x: x * x, minitorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    args, argnums = _arguments(inputs)
    return _result(transforms.jacrev(func, argnums)(*args), create_graph)


def hessian(func: Callable, inputs: Tensors, create_graph: bool = False) -> Any:
    """d²L/dx_i dx_j of a function that returns one number; nested [input][input] for tuples."""
    args, argnums = _arguments(inputs)
    return _result(transforms.hessian(func, argnums)(*args), create_graph)


def vjp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False) -> tuple:
    """(y, vᵀ J); `v` of y's shape, 1 where y is one number."""
    args, argnums = _arguments(inputs)
    output, pull = transforms.vjp(func, *args)
    found = pull(_one(output) if v is None else v)
    return _result((output, found if isinstance(argnums, tuple) else found[0]), create_graph)


def jvp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False) -> tuple:
    """(y, J v); `v` of the inputs' shape, 1 where there is one number."""
    args, _ = _arguments(inputs)
    tangents = (_one(args[0]),) if v is None else _arguments(v)[0]
    return _result(transforms.jvp(func, args, tangents), create_graph)


def hvp(func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False) -> tuple:
    """(L, H v): the Hessian times a vector, at the price of two gradients.

    >>> import minitorch
    >>> x, v = minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 0.0])
    >>> hvp(lambda x: (x * x * x).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    args, argnums = _arguments(inputs)
    tangents = (_one(args[0]),) if v is None else _arguments(v)[0]
    both = transforms.grad_and_value(func, argnums)
    (_, value), (moved, _) = transforms.jvp(both, args, tangents)
    return _result((value, moved), create_graph)


vhp = hvp  # a Hessian is symmetric


def _arguments(inputs: Tensors) -> tuple[tuple, Any]:
    """The point as arguments, and which of them to differentiate by."""
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs), tuple(range(len(inputs)))
    return (inputs,), 0


def _one(x: Tensor) -> Tensor:
    if x.numel() != 1:
        raise RuntimeError(f"functional: more than one number, shape {x.shape}; pass v")
    return make(np.ones_like(x.array))


def _result(tree: Any, create_graph: bool) -> Any:
    return tree if create_graph else map_leaves(Tensor.detach, tree)
