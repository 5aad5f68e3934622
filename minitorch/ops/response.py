"""Local response normalization: channels hold down their neighbours, as AlexNet had it."""

from __future__ import annotations

from minitorch.op import composite
from minitorch.ops.arguments import check_floats
from minitorch.ops.arrange import pad
from minitorch.ops.avg_pool import avg_pool
from minitorch.ops.elementwise import pow, square
from minitorch.ops.shape import reshape
from minitorch.tensor import ShapeError, Tensor


@composite(autocast="high")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """y = x / (k + α mean x²)^β, the mean over `size` channels around each, zeros beyond the ends

    Krizhevsky, Sutskever and Hinton 2012, who write α for what is α / size here.

    Args:
        input: x, (N, C, *) with at least one axis after the channels.
        size: how many neighbouring channels there are, itself included.
        alpha: α.
        beta: β.
        k: k.

    Raises:
        ValueError: size is below 1.
        ShapeError: fewer than three axes.

    >>> import minitorch
    >>> x = minitorch.ones(1, 3, 1)
    >>> minitorch.nn.functional.local_response_norm(x, 3, alpha=3.0, beta=1.0).flatten()
    tensor([0.3333, 0.2500, 0.3333])
    """
    check_floats("local_response_norm", "input", input)
    if size < 1:
        raise ValueError(f"local_response_norm: size must be at least 1, got {size}")
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise ShapeError(f"local_response_norm: input is {shape}, expected (N, C, *)")
    squares = reshape(square(input), (shape[0], 1, shape[1], -1))
    around = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    mean = reshape(avg_pool(around, (size, 1), 1), shape)
    return input / pow(mean * alpha + k, beta)
