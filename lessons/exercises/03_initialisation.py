"""Exercises of lesson 3. Fill in the functions; `python -m lessons check 03` looks at them."""

from minitorch import Tensor


def normalize_both(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Training and held-back data, each column shifted and scaled on its own.

    train has shape (N, D), valid (M, D). Each column of train gets mean 0 and mean square 1; valid
    goes through exactly the same change.

    For train [[1.], [3.]] and valid [[5.]] the results are [[-1.], [1.]] and [[3.]].
    """
    raise NotImplementedError


def kaiming(m: int, n: int) -> Tensor:
    """Random normal weights for a layer of m inputs and n outputs with a relu behind it.

    Returns:
        Shape (m, n), such that relu(x @ w) has mean square 1 if x has.
    """
    raise NotImplementedError


def relu_moments(sigma: float) -> tuple[float, float, float]:
    """Mean, standard deviation and second moment of relu(z), exactly, by formula.

    z is normal, with mean 0 and standard deviation sigma. For sigma = 1: 0.3989, 0.5838, 0.5.
    """
    raise NotImplementedError


def rescaled_layers(x: Tensor, count: int) -> Tensor:
    """x after `count` layers of relu(x @ w), with a fresh square w in each, of the right size.

    x has shape (N, K) and mean square 1, and so has the result, nearly, for any count.
    """
    raise NotImplementedError


def first_nan(x: Tensor, a: Tensor) -> int | None:
    """At which of 100 steps x = x @ a the standard deviation of x becomes NaN.

    Returns:
        The index of the step, counted from 0; None if it does not happen. x itself is not changed.
    """
    raise NotImplementedError
