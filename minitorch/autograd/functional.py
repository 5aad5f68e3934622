"""Jacobians, Hessians and products with them, in the call forms of torch.autograd.functional.

Each takes a function and a point, a Tensor or a tuple of them; `minitorch/transforms/` does the
work. The options mean the same everywhere:

    create_graph    the results can be differentiated, where the inputs require grad
    strict          raise where a derivative is zero because nothing leads from input to output
    vectorize       torch's word for a faster way through vmap; here it changes nothing
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.tensor import Tensor, make
from minitorch.transforms.gradients import gradient_of
from minitorch.transforms.matrices import by_columns, by_rows
from minitorch.transforms.run import Argnums, Pushing, Run, matching
from minitorch.tree import map_leaves, rebuild

Tensors = Any  # a Tensor, or a tuple of them

STRATEGIES = {"reverse-mode": by_rows, "forward-mode": by_columns}


def jacobian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """dy_i/dx_j, of shape (*y.shape, *x.shape); nested [output][input] where there are tuples.

    Args:
        strategy: "reverse-mode", a backward for each element of y, or "forward-mode", a product
            for each element of x: the same matrix, by its rows or by its columns.

    >>> import minitorch
    >>> jacobian(lambda x: x * x, minitorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    matrix = _strategy("jacobian", "strategy", strategy)
    args, argnums = _arguments("jacobian", inputs)
    run = Run("jacobian", func, args, None, argnums)
    if strict:
        run.refuse_independence(every_pair=True)
    return _result(matrix(run), create_graph)


def hessian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """d²L/dx_i dx_j of a function that returns one number; nested [input][input] for tuples.

    Args:
        outer_jacobian_strategy: as `strategy` of `jacobian`, for the Jacobian of the gradient.
    """
    matrix = _strategy("hessian", "outer_jacobian_strategy", outer_jacobian_strategy)
    args, argnums = _arguments("hessian", inputs)
    run = Run("hessian", _slope("hessian", func, argnums, strict), args, None, argnums)
    if strict:
        run.refuse_independence(every_pair=True, output="gradient")
    return _result(matrix(run), create_graph)


def vjp(
    func: Callable,
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple:
    """(y, vᵀ J); `v` of y's shape, 1 where y is one number."""
    args, argnums = _arguments("vjp", inputs)
    run = Run("vjp", func, args, None, argnums)
    if strict:
        run.refuse_independence(every_pair=False)
    vs = _one("vjp", run.ys) if v is None else matching("vjp", v, run.output, run.ys)
    return _result((run.released(run.output), run.nested(run.pull(vs))), create_graph)


def jvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple:
    """(y, J v); `v` of the inputs' shape, 1 where there is one number."""
    args, argnums = _arguments("jvp", inputs)
    run = Run("jvp", func, args, None, argnums)
    if strict:
        run.refuse_independence(every_pair=False)
    vs = _one("jvp", run.variables) if v is None else matching("jvp", v, run.tree, run.variables)
    moved = rebuild(run.output, Pushing(run)(vs))
    return _result((run.released(run.output), moved), create_graph)


def hvp(
    func: Callable,
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple:
    """(L, H v): the Hessian times a vector, at the price of two gradients.

    >>> import minitorch
    >>> x, v = minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 0.0])
    >>> hvp(lambda x: (x * x * x).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def vhp(
    func: Callable,
    inputs: Tensors,
    v: Tensors = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple:
    """(L, vᵀ H), which is (L, H v): a Hessian is symmetric."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def _hessian_product(
    who: str, func: Callable, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool
) -> tuple:
    """H v as vᵀ H, a backward through the gradient: H is symmetric."""
    args, argnums = _arguments(who, inputs)
    values: list[Tensor] = []
    run = Run(who, _slope(who, func, argnums, strict, values), args, None, argnums)
    if strict:
        run.refuse_independence(every_pair=False, output="gradient")
    vs = _one(who, run.variables) if v is None else matching(who, v, run.tree, run.variables)
    return _result((run.released(values[0]), run.nested(run.pull(vs))), create_graph)


def _slope(
    who: str, func: Callable, argnums: Argnums, strict: bool, values: list[Tensor] | None = None
) -> Callable:
    """The gradient of `func` as a function; what `func` returned is put into `values`."""

    def slope(*args: Any) -> Any:
        run = Run(who, func, args, None, argnums)
        if strict:
            run.refuse_independence(every_pair=True)
        if values is not None:
            values.append(run.scalar())
        return gradient_of(run)

    return slope


def _strategy(who: str, name: str, strategy: str) -> Callable:
    if strategy not in STRATEGIES:
        raise ValueError(f"{who}: {name} must be one of {', '.join(STRATEGIES)}, got {strategy!r}")
    return STRATEGIES[strategy]


def _arguments(who: str, inputs: Tensors) -> tuple[tuple, Argnums]:
    """The point as arguments, and which of them to differentiate by."""
    several = isinstance(inputs, (tuple, list))
    args = tuple(inputs) if several else (inputs,)
    for i, x in enumerate(args):
        name = f"inputs[{i}]" if several else "inputs"
        if not isinstance(x, Tensor):
            raise TypeError(f"{who}: {name} must be a Tensor, got {type(x).__name__}")
        if not x.is_floating_point():
            raise TypeError(
                f"{who}: {name} holds {x.dtype}, which cannot be differentiated by; use "
                f"{name}.float(), or let the function close over it"
            )
    return args, tuple(range(len(args))) if several else 0


def _one(who: str, xs: list[Tensor]) -> list[Tensor]:
    """The vector that need not be given, where there is but one number."""
    if len(xs) != 1 or xs[0].numel() != 1:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise RuntimeError(f"{who}: more than one number, shape {shapes}; pass v")
    return [make(np.ones_like(xs[0].array))]


def _result(tree: Any, create_graph: bool) -> Any:
    return tree if create_graph else map_leaves(Tensor.detach, tree)
