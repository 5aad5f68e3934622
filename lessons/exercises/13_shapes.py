"""Exercises of lesson 13. Fill in the functions; `python -m lessons check 13` looks at them."""

from collections.abc import Callable

from minitorch import nn


def reshape_shape(shape: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x.reshape(new), for x of that shape.

    One of the numbers in `new` may be -1. It stands for whatever is left. There are no axes of
    length 0.

    reshape_shape((8, 50, 4, 4), (8, -1)) is (8, 800), and reshape_shape((6,), (2, 3)) is (2, 3).

    Raises:
        ValueError: there are more or fewer numbers in x, or more than one -1; the message holds
            both shapes.
    """
    raise NotImplementedError


def matmul_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x @ z, for x of shape a and z of shape b; both have at least two axes.

    The last two axes are those of a matrix, (I, K) and (K, J); all axes before them count stacks of
    matrices, and broadcast.

    matmul_shape((7, 1, 2, 3), (5, 3, 4)) is (7, 5, 2, 4).

    Raises:
        ValueError: the matrices do not fit, or the stacks do not; the message holds both shapes.
    """
    raise NotImplementedError


def chain(shape: tuple[int, ...], makers: list[Callable[[tuple], nn.Module]]) -> nn.Sequential:
    """A Sequential whose layers are made one after the other, each for the shape that reaches it.

    Args:
        shape: of one input, without the batch axis.
        makers: functions that take a shape and return a layer with all sizes known, such as
            `lambda shape: nn.Linear(shape[-1], 10)`. Each is called once.
    """
    raise NotImplementedError


def costs(in_channels: int, out_channels: int, kernel: int, size: int) -> tuple[int, int]:
    """(parameters, multiply-adds for one image) of a convolution on images of size x size pixels.

    The kernel is kernel x kernel, the stride 1, there is no padding, and there are biases, whose
    additions are not counted.

    costs(1, 20, 5, 28) is (520, 288000).
    """
    raise NotImplementedError


def two_branches(channels: int, classes: int) -> nn.Module:
    """A module from images (N, C, H, W) to scores (N, classes), without an input size in it.

    Branch `fine` is a convolution to `channels` channels with a kernel of 3 by 3, branch `coarse`
    one with 5 by 5; both keep height and width. They see the same image. Their outputs, after a
    relu, are put side by side along the channel axis, fine first, flattened, and read by a linear
    layer called `out`. Parameters are named fine.weight, fine.bias, coarse.weight, and so on.
    """
    raise NotImplementedError
