"""Model answers to the puzzles."""

from minitorch import Tensor, arange, where


def outer(a: Tensor, b: Tensor) -> Tensor:
    """A column meets a row."""
    return a[:, None] * b


def eye(n: int) -> Tensor:
    """Which row is which column?"""
    return (arange(n)[:, None] == arange(n)).float()


def triu(n: int) -> Tensor:
    """Which row is not below the diagonal?"""
    return (arange(n)[:, None] <= arange(n)).float()


def diff(a: Tensor) -> Tensor:
    """All but the first, and all but the last."""
    return a[1:] - a[:-1]


def cumsum(a: Tensor) -> Tensor:
    """Column j of the triangle picks a[0] to a[j], and a product adds them up."""
    return a @ triu(len(a))


def sequence_mask(lengths: Tensor, n: int) -> Tensor:
    """Every place is asked whether it comes before the end, of every sentence."""
    return arange(n) < lengths[:, None]


def bincount(x: Tensor, n: int) -> Tensor:
    """A row of the unit matrix for each number, and a product with ones adds them up."""
    return (arange(len(x)) * 0.0 + 1.0) @ eye(n)[x]


def scatter_add(values: Tensor, index: Tensor, n: int) -> Tensor:
    """The same, with the values in the place of ones."""
    return values @ eye(n)[index]


def bucketize(v: Tensor, edges: Tensor) -> Tensor:
    """Each number is held against every edge, and the product with ones counts."""
    return ((v[:, None] >= edges).float() @ (arange(len(edges)) * 0.0 + 1.0)).long()


def compress(mask: Tensor, v: Tensor) -> Tensor:
    """The k-th True goes to place k - 1, all that is not kept to a place that there is not."""
    return v @ (where(mask, cumsum(mask.float()) - 1, -1.0)[:, None] == arange(len(v))).float()
