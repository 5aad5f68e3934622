"""Ten puzzles in broadcasting. `python -m lessons check puzzles` looks at them.

Each has an answer in one line, often a short one. The rules of the game: there are no loops, and of
all functions only `arange` and `where`, `len`, and the puzzles you have solved. There are indices
(`x[:, None]`, `x[1:]`, `x[index]`), the operators `+ - * / @ == < <= > >= & ~`, `.shape`,
`.float()` and `.long()`. That is enough for all of them. The first two functions are given, and
show how it is meant.

The idea is Sasha Rush's, whose Tensor Puzzles have twenty-one.
"""

from minitorch import Tensor, arange, where


def ones(n: int) -> Tensor:
    """n times 1, as integers."""
    return arange(n) * 0 + 1


def positive(x: Tensor) -> Tensor:
    """x where it is positive, and 0 elsewhere."""
    return where(x > 0, x, 0.0)


def outer(a: Tensor, b: Tensor) -> Tensor:
    """y_ij = a_i b_j: (N,) and (M,) to (N, M).

    For a = [1., 2.] and b = [3., 4., 5.] it is [[3., 4., 5.], [6., 8., 10.]].
    """
    raise NotImplementedError


def eye(n: int) -> Tensor:
    """1 on the diagonal and 0 elsewhere, (n, n), as floats."""
    raise NotImplementedError


def triu(n: int) -> Tensor:
    """1 on the diagonal and above it, and 0 below, (n, n), as floats."""
    raise NotImplementedError


def diff(a: Tensor) -> Tensor:
    """a[1] - a[0], a[2] - a[1], ...: (N,) to (N - 1,).

    For a = [1., 4., 9.] it is [3., 5.].
    """
    raise NotImplementedError


def cumsum(a: Tensor) -> Tensor:
    """a[0], a[0] + a[1], a[0] + a[1] + a[2], ...: (N,) to (N,).

    For a = [1., 4., 9.] it is [1., 5., 14.].
    """
    raise NotImplementedError


def sequence_mask(lengths: Tensor, n: int) -> Tensor:
    """For sentences of these lengths, padded to n: where is a letter? (N,) to (N, n), as bools.

    For lengths [1, 3] and n = 3 it is [[True, False, False], [True, True, True]].
    """
    raise NotImplementedError


def bincount(x: Tensor, n: int) -> Tensor:
    """How often each of 0, 1, ..., n - 1 is in x: (N,) to (n,), as integers or floats.

    For x = [2, 0, 2] and n = 4 it is [1, 0, 2, 0].
    """
    raise NotImplementedError


def scatter_add(values: Tensor, index: Tensor, n: int) -> Tensor:
    """y_k = the sum of the values whose index is k: (N,) and (N,) to (n,).

    For values [1., 2., 4.], index [2, 0, 2] and n = 4 it is [2., 0., 5., 0.]. It is what indexing
    is backward: the gradient of `x[index]`.
    """
    raise NotImplementedError


def bucketize(v: Tensor, edges: Tensor) -> Tensor:
    """The bucket of each number, between edges that rise: how many edges are at or below it.

    Shapes: v (N,), edges (M,), the result (N,), as integers.

    For v = [0.5, 3., 9.] and edges [1., 3., 5.] it is [0, 2, 3].
    """
    raise NotImplementedError


def compress(mask: Tensor, v: Tensor) -> Tensor:
    """The numbers of v where the mask is True, moved to the front; behind them zeros.

    Shapes: mask (N,) of bools, v (N,), the result (N,).

    For mask [False, True, True] and v = [1., 2., 3.] it is [2., 3., 0.].
    """
    raise NotImplementedError
