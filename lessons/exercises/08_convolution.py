"""Exercises of lesson 8. Fill in the functions; `python -m lessons check 08` looks at them.

N images, C channels, O channels out. Kernels are square, K by K. g is the gradient of what was
made. Build the functions without minitorch's convolutions, im2col, col2im, unfold and fold.
"""

from minitorch import Tensor


def out_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many windows of a kernel there are along one side of an image; 0 if none fits.

    For 28, a kernel of 5 and padding 2 it is 28; with stride 2 as well, 14.
    """
    raise NotImplementedError


def window_columns(x: Tensor, kernel: int, stride: int) -> Tensor:
    """im2col with a stride: (N, C, H, W) to (N, C * K * K, Q), each of the Q windows a column.

    Windows are in reading order, left to right and then down, and so are the numbers in a window,
    channel after channel.

    For the image 0 to 15 as (1, 1, 4, 4), kernel 2 and stride 2 the columns are [0, 1, 4, 5],
    [2, 3, 6, 7], [8, 9, 12, 13] and [10, 11, 14, 15].
    """
    raise NotImplementedError


def window_columns_grad(g: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """dL/dx for y = window_columns(x, kernel, stride), given g = dL/dy, (N, C * K * K, Q)."""
    raise NotImplementedError


def conv_grad(g: Tensor, x: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/dw and dL/db for the convolution y of x by w plus b, stride 1, without padding.

    Shapes: x (N, C, H, W), w (O, C, K, K), b (O,), y and g (N, O, H - K + 1, W - K + 1).
    """
    raise NotImplementedError


def as_matrix(w: Tensor, height: int, width: int) -> Tensor:
    """T with T @ x.reshape(-1) = the convolution of x by w, flattened, for x (height, width).

    w is a single kernel (K, K). For w = [[1., 2.], [3., 4.]] and a 2 by 3 image T is
    [[1., 2., 0., 3., 4., 0.], [0., 1., 2., 0., 3., 4.]].
    """
    raise NotImplementedError
