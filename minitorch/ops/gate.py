"""The gated linear unit: one half of the numbers says how much of the other half goes through."""

from __future__ import annotations

from minitorch.op import op
from minitorch.ops.activation import sigmoid
from minitorch.ops.arguments import check_floats, dim_of
from minitorch.ops.join import cat, split_sizes
from minitorch.tensor import ShapeError


@op
def glu(x, *, dim=-1):
    """y = a σ(b)          dL/da = g σ(b),   dL/db = g a σ(b) (1 - σ(b))

    a and b are the first and the second half of x along `dim`. Dauphin et al. 2017, "Language
    modeling with gated convolutional networks".

    Raises:
        ShapeError: x has no axis, or that axis cannot be halved.
        TypeError: x holds integers.

    >>> import minitorch
    >>> minitorch.nn.functional.glu(minitorch.tensor([3.0, 4.0, 0.0, 100.0]))
    tensor([1.5000, 4.0000])
    """
    check_floats("glu", "x", x)
    if x.ndim == 0:
        raise ShapeError("glu: x is a single number, which has no axis to halve")
    n = x.shape[dim_of(dim, x.ndim, "glu")]
    if n % 2:
        raise ShapeError(
            f"glu: axis {dim} of x {x.shape} has {n} numbers, expected an even count: its halves "
            "are a and b of a σ(b)"
        )
    a, b = split_sizes(x, (n // 2, n // 2), dim)
    return a * sigmoid(b)


def _glu_x(g, x, dim):
    half = x.shape[dim] // 2
    a, b = split_sizes(x, (half, half), dim)
    share = sigmoid(b)
    through = g * share
    return cat(through, through * a * (1 - share), dim=dim)


glu.grad(x=_glu_x)
