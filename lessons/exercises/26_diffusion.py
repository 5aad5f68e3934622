"""Exercises of lesson 26. Fill in the functions; `python -m lessons check 26` looks at them.

abar_t is the product of 1 - beta_s for all steps s from 0 to t.
"""

from minitorch import Tensor


def steps_for(abar: Tensor) -> Tensor:
    """The betas of a schedule that is given by its abar, both of shape (T,).

    For abar = [0.9, 0.45] it is [0.1, 0.5].
    """
    raise NotImplementedError


def noised(x: Tensor, abar: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """x after steps 0 to t, given the noise of variance 1 that is put in: every row has its own t.

    Shapes: images x and eps (N, C, H, W), abar (T,), steps t (N,), whole numbers.
    """
    raise NotImplementedError


def origin(x: Tensor, eps: Tensor, abar: float) -> Tensor:
    """What x was before any noise, given the noise eps that is in it.

    For x = [2.], eps = [1.] and abar = 0.36 it is [2.].
    """
    raise NotImplementedError


def best_origin(x: Tensor, points: Tensor, abar: float) -> Tensor:
    """The mean of the points that x could have been, by how likely each of them is.

    Shapes: x (N, d), points (M, d), the result (N, d). It stays finite for any x, also far away.
    """
    raise NotImplementedError


def jump_back(x: Tensor, eps: Tensor, abar: float, before: float) -> Tensor:
    """From noise abar to the smaller noise `before` in one go, without fresh noise.

    Find the origin by the noise eps that is said to be in x, and put the same noise in again, as
    much as belongs there. (Song and others, 2020: so fewer steps are needed.)
    """
    raise NotImplementedError
