"""Tensors put together of others: every pair of their elements, or each in a block of its own."""

from __future__ import annotations

import itertools
from typing import Any

from minitorch.op import composite
from minitorch.ops.arrange import diag
from minitorch.ops.join import cat, meshgrid, stack
from minitorch.ops.scatter import index_select
from minitorch.ops.shape import atleast_2d, ravel
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np


@composite()
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every choice of one element from each of some vectors: a row for each, the last runs first.

    Of one vector it is that vector.

    >>> import minitorch
    >>> minitorch.cartesian_prod(minitorch.tensor([1, 2]), minitorch.tensor([5, 6]))
    tensor([[1, 5],
            [1, 6],
            [2, 5],
            [2, 6]])
    """
    _check_given("cartesian_prod", tensors)
    for i, x in enumerate(tensors):
        if len(x.shape) != 1:
            raise ShapeError(
                f"cartesian_prod: expected vectors, tensors[{i}] has shape {x.shape}; "
                "write x.flatten()"
            )
    columns = [ravel(x) for x in meshgrid(*tensors)]
    return columns[0] if len(columns) == 1 else stack(columns, 1)


@composite()
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements of a vector, in its order: a row for each.

    >>> import minitorch
    >>> minitorch.combinations(minitorch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if len(input.shape) != 1 or r < 0:
        raise ShapeError(
            f"combinations: expected a vector and r of 0 or more, got {input.shape}, r={r}"
        )
    choose: Any = (
        itertools.combinations_with_replacement if with_replacement else itertools.combinations
    )
    chosen = list(choose(range(len(input)), r))
    places = np.array(chosen, np.int64).reshape(len(chosen), r)
    return index_select(input, 0, places.reshape(-1)).reshape(places.shape)


@composite()
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices along the diagonal of a larger one, which is 0 elsewhere.

    A vector stands for a row, a single number for a matrix of one.

    >>> import minitorch
    >>> minitorch.block_diag(minitorch.ones(1, 2), minitorch.tensor([[5.0]]))
    tensor([[1., 1., 0.],
            [0., 0., 5.]])
    """
    _check_given("block_diag", tensors)
    blocks = [atleast_2d(x) for x in tensors]
    for i, x in enumerate(blocks):
        if len(x.shape) != 2:
            raise ShapeError(f"block_diag: expected matrices, tensors[{i}] has shape {x.shape}")
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        N, n = x.shape
        sides = x.new_zeros(N, left), x, x.new_zeros(N, width - left - n)
        rows.append(cat(sides, 1))
        left += n
    return cat(rows, 0)


def _check_given(name: str, tensors: tuple) -> None:
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor, got none")
    for i, x in enumerate(tensors):
        if not hasattr(x, "shape"):
            raise TypeError(
                f"{name}: expected tensors, tensors[{i}] is a {type(x).__name__}; of a list "
                f"write {name}(*tensors)"
            )


@composite(methods="diagflat")
def diagflat(x: Tensor, offset: int = 0) -> Tensor:
    """The elements of x, row by row, on a diagonal of a square matrix of zeros.

    >>> import minitorch
    >>> minitorch.diagflat(minitorch.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag(ravel(x), offset)
