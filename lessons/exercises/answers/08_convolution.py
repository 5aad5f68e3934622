"""Model answers to the exercises of lesson 8."""

import minitorch
from minitorch import Tensor


def out_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """The room that the window has to move, in steps, and the place where it starts."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    return room // stride + 1 if room >= 0 else 0


def places(x: Tensor, kernel: int, stride: int) -> list[tuple[slice, slice]]:
    """For every place in the kernel, the pixels that it meets: one for each window."""
    rows = (x.shape[2] - kernel) // stride * stride + 1
    columns = (x.shape[3] - kernel) // stride * stride + 1
    return [
        (slice(u, u + rows, stride), slice(v, v + columns, stride))
        for u in range(kernel)
        for v in range(kernel)
    ]


def window_columns(x: Tensor, kernel: int, stride: int) -> Tensor:
    """One place in the kernel after the other, for all windows at once."""
    taken = [x[:, :, rows, columns] for rows, columns in places(x, kernel, stride)]
    stacked = minitorch.stack(taken, 2)  # (N, C, K * K, H', W')
    return stacked.reshape(x.shape[0], x.shape[1] * kernel * kernel, -1)


def window_columns_grad(g: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """What was copied is added back to where it came from."""
    dx = minitorch.zeros_like(x)
    count = kernel * kernel
    for k, (rows, columns) in enumerate(places(x, kernel, stride)):
        target = dx[:, :, rows, columns]
        part = g.reshape(x.shape[0], x.shape[1], count, -1)[:, :, k]
        dx[:, :, rows, columns] = target + part.reshape(target.shape)
    return dx


def conv_grad(g: Tensor, x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of a matrix product, and on to the image."""
    out, kernel = len(b), w.shape[2]
    flat = g.reshape(g.shape[0], out, -1)
    dcols = w.reshape(out, -1).T @ flat
    dw = (flat @ window_columns(x, kernel, 1).transpose(1, 2)).sum(0)
    return window_columns_grad(dcols, x, kernel, 1), dw.reshape(w.shape), g.sum((0, 2, 3))


def as_matrix(w: Tensor, height: int, width: int) -> Tensor:
    """Column k is what comes out of an image that is 1 at pixel k and 0 elsewhere."""
    units = minitorch.eye(height * width).to(w.dtype).reshape(-1, 1, height, width)
    return (w.reshape(1, -1) @ window_columns(units, w.shape[0], 1)).squeeze(1).T
