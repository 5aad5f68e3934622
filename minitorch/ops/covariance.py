"""How quantities vary together: their covariances, and the correlations that these scale to."""

from __future__ import annotations

from typing import Any

from minitorch.dtypes import get_default_dtype
from minitorch.op import composite
from minitorch.ops.arithmetic import div
from minitorch.ops.arrange import diagonal
from minitorch.ops.compare import clamp
from minitorch.ops.elementwise import sqrt
from minitorch.ops.matmul import matmul
from minitorch.ops.reduce import sum
from minitorch.ops.shape import reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor


@composite(methods="cov")
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """C_ij = Σ_k w_k (x_ik - μ_i) (x_jk - μ_j) / n, of quantities that are rows, observed n times.

    The weights w are how often an observation was made (`fweights`, integers) times how much it
    counts (`aweights`); μ is the weighted mean. The divisor is Σ w - correction Σ w a / Σ w, which
    is n - correction without weights. One quantity, a vector or a row, has a single number.

    Raises:
        ShapeError: more than two axes, or weights that are no vector of n.
        TypeError: fweights holds floats.

    >>> import minitorch
    >>> minitorch.cov(minitorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if len(input.shape) > 2:
        raise ShapeError(f"cov: expected rows of observations, got shape {input.shape}")
    x = input if input.is_floating_point() else input.to(get_default_dtype())
    x = reshape(x, (1, -1)) if len(input.shape) < 2 else x
    often, much = _weights(x, "fweights", fweights), _weights(x, "aweights", aweights)
    if often is None and much is None:
        n = x.shape[1]
        centred = x - div(sum(x, 1, True), n)
        C = matmul(centred, centred.mT) / max(n - correction, 0)
    else:
        w = much if often is None else often if much is None else often * much
        n = sum(w)
        centred = x - div(sum(x * w, 1, True), n)
        lost = n if much is None else sum(w * much)
        C = div(matmul(centred * w, centred.mT), clamp(n - correction * lost / n, min=0))
    return reshape(C, ()) if x.shape[0] == 1 else C


def _weights(x: Tensor, name: str, given: Any) -> Any:
    """Weights in the dtype of x, and beside it; None where there are none."""
    if given is None:
        return None
    w = given if isinstance(given, Tensor) else Tensor(given, device=x.device)
    if w.shape != (x.shape[1],):
        raise ShapeError(
            f"cov: {name} of shape {w.shape}, expected {(x.shape[1],)}, one for each observation"
        )
    if name == "fweights" and w.is_floating_point():
        raise TypeError(f"cov: fweights count observations, got {w.dtype}; write w.long()")
    return w.to(x.dtype)


@composite(methods="corrcoef")
def corrcoef(input: Tensor) -> Tensor:
    """R_ij = C_ij / √(C_ii C_jj), Pearson's correlations of quantities that are rows, in ±1.

    >>> import minitorch
    >>> minitorch.corrcoef(minitorch.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    C = cov(input)
    if not C.shape:
        return C / C
    d = sqrt(diagonal(C))
    return clamp(C / unsqueeze(d, 1) / d, -1, 1)
