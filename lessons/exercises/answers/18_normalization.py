"""Model answers to the exercises of lesson 18."""

from minitorch import Tensor


def standardized(x: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """x̂ and r, with statistics over that dim."""
    d = x - x.mean(dim, keepdim=True)
    r = 1 / ((d * d).mean(dim, keepdim=True) + eps).sqrt()
    return d * r, r


def batch_norm(x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
    """Statistics go down the columns."""
    return w * standardized(x, 0, eps)[0] + b


def layer_norm_grad(
    g: Tensor, x: Tensor, w: Tensor, b: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Statistics go along the rows; w and b still belong to the columns."""
    xhat, r = standardized(x, 1, eps)
    v = w * g
    dx = r * (v - v.mean(1, keepdim=True) - xhat * (v * xhat).mean(1, keepdim=True))
    return dx, (g * xhat).sum(0), g.sum(0)


def rms_norm_grad(g: Tensor, x: Tensor, eps: float) -> Tensor:
    """As for layer norm, without the term that came from the mean."""
    r = 1 / ((x * x).mean(1, keepdim=True) + eps).sqrt()
    y = x * r
    return r * (g - y * (g * y).mean(1, keepdim=True))


def move_running(mean: Tensor, var: Tensor, x: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """momentum is the weight of the batch, whose variance is divided by N - 1."""
    d = x - x.mean(0)
    unbiased = (d * d).sum(0) / (len(x) - 1)
    return (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * unbiased


def merged(
    weight: Tensor, bias: Tensor, w: Tensor, b: Tensor, mean: Tensor, var: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """w (z - mean) r + b, sorted by what belongs to x."""
    scale = w / (var + eps).sqrt()
    return weight * scale[:, None], (bias - mean) * scale + b
