"""The Jacobian as a matrix, a backward for each row or a forward for each column; the Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.ops.join import stack
from minitorch.ops.shape import reshape
from minitorch.tensor import Tensor, make
from minitorch.transforms.run import Argnums, Pushing, Run, basis, zeros_like
from minitorch.tree import rebuild


def jacrev(
    func: Callable,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """A function that returns the Jacobian, of shape (*y.shape, *x.shape), row by row.

    Each element of y costs a backward, so it is the way where y is small: a gradient is the one
    row of a loss. Several outputs give as many Jacobians, nested as the output; in each, nested as
    the arguments.

    Args:
        func: returns a Tensor, or nested containers of them.
        argnums: which argument to differentiate by, or a tuple of several.
        has_aux: `func` returns (y, aux), and the result is (Jacobian, aux).
        chunk_size: torch's bound on memory, which one row after another keeps already.

    >>> import minitorch
    >>> jacrev(lambda x: x * x)(minitorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian("jacrev", by_rows, func, argnums, has_aux)


def jacfwd(
    func: Callable, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """A function that returns the same matrix as `jacrev`, column by column.

    Each element of x costs one product with the Jacobian (`linearize`), so it is the way where x
    is small: how a curve runs through space, what a few hyperparameters do.

    Args:
        func, argnums, has_aux: as for `jacrev`.
        randomness: torch's word on draws inside `func`, which here is run once.

    >>> import minitorch
    >>> curve = lambda t: minitorch.stack([t, t * t])
    >>> jacfwd(curve)(minitorch.tensor(3.0))
    tensor([1., 6.])
    """
    return _jacobian("jacfwd", by_columns, func, argnums, has_aux)


def _jacobian(
    who: str, matrix: Callable, func: Callable, argnums: Argnums, has_aux: bool
) -> Callable:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = Run(who, func, args, kwargs, argnums, has_aux)
        found = matrix(run)
        return (found, run.released(run.aux)) if has_aux else found

    return transformed


def by_rows(run: Run) -> Any:
    """The Jacobians of a run, nested [output][input]: Jᵀ e, for each element of each output."""
    zeros = zeros_like(run.ys)
    blocks = []
    for k, y in enumerate(run.ys):
        rows = [
            run.pull([*zeros[:k], basis(y, i), *zeros[k + 1 :]], keep=True)
            for i in range(y.numel())
        ]
        blocks.append(run.nested(_assembled([y], run.variables, rows, 0)))
    return rebuild(run.output, blocks)


def by_columns(run: Run) -> Any:
    """The same matrices: J e, for each element of each input."""
    pushing, zeros = Pushing(run), zeros_like(run.variables)
    blocks = []
    for j, x in enumerate(run.variables):
        columns = [
            pushing([*zeros[:j], basis(x, i), *zeros[j + 1 :]], keep=True) for i in range(x.numel())
        ]
        blocks.append(_assembled(run.ys, [x], columns, -1))
    return rebuild(run.output, [run.nested(of_y) for of_y in zip(*blocks)])


def _assembled(
    ys: Sequence[Tensor], xs: Sequence[Tensor], lines: Sequence[Sequence[Tensor]], dim: int
) -> list[Tensor]:
    """Matrices of shape (*y.shape, *x.shape) from their rows (dim 0) or columns (dim -1)."""
    shapes = [(*y.shape, *x.shape) for y in ys for x in xs]
    if not lines:
        return [
            make(np.zeros_like(x.array, shape=shape)) for shape, x in zip(shapes, [*xs] * len(ys))
        ]
    return [reshape(stack(parts, dim), shape) for parts, shape in zip(zip(*lines), shapes)]


def hessian(func: Callable, argnums: Argnums = 0) -> Callable:
    """A function that returns the second derivatives, of shape (*y.shape, *x.shape, *x.shape).

    They are the Jacobian of the Jacobian: of one number L, the rows of its gradient's Jacobian, a
    symmetric matrix. Nested [input][input] where the arguments are.

    >>> import minitorch
    >>> hessian(lambda x: (x * x * x).sum())(minitorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
