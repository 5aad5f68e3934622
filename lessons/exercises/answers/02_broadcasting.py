"""Model answers to the exercises of lesson 2."""

from minitorch import Tensor, einsum


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Folded up from the right: each column of sizes is all 1s but for one size."""
    ndim = max(map(len, shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        others = {n for n in sizes if n != 1}
        if len(others) > 1:
            raise ValueError(f"{shapes}: {sorted(others)} meet, and neither is 1")
        result.append(others.pop() if others else 1)
    return tuple(result)


def squared_distances(x: Tensor, z: Tensor) -> Tensor:
    """(N, 1, K) meets (M, K)."""
    return ((x[:, None] - z) ** 2).sum(-1)


def centre_grad(g: Tensor, x: Tensor) -> Tensor:
    """The mean repeats with a minus: its gradient is minus the mean of g, for each in the row."""
    return g - g.mean(1, keepdim=True)


def equations() -> dict[str, str]:
    """What is not after the arrow is summed."""
    return {
        "column sums": "ij->j",
        "weighted": "i,ij->j",
        "columns dot": "ij,ij->j",
        "three": "ij,jk,kl->il",
        "scores": "nti,nsi->nts",
    }


def bilinear_grad(g: Tensor, x: Tensor, a: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Exchange the operand with the result."""
    return (
        einsum("n,ij,nj->ni", g, a, z),
        einsum("n,ni,nj->ij", g, x, z),
        einsum("n,ni,ij->nj", g, x, a),
    )
