"""Exercises of lesson 4. Fill in the functions; `python -m lessons check 04` looks at them."""

from minitorch import Tensor


def model(x: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """A network of any number of linear layers, with a relu between two layers.

    x has shape (N, m); weights[k] and biases[k] belong to layer k, (in, out) and (out,).

    Returns:
        The output of the last layer, which has no relu behind it.
    """
    raise NotImplementedError


def mse(output: Tensor, targ: Tensor) -> Tensor:
    """The mean squared error of output, (N, 1) or (N,), for targets of shape (N,), also integers.

    Raises:
        ValueError: any other pair of shapes.

    For output [[1.], [2.]] and targets [1, 4] it is 2.
    """
    raise NotImplementedError


def baseline(targ: Tensor) -> tuple[float, float]:
    """The number k for which always saying k has the least mean squared error, and that error.

    For the targets [1., 2., 6.] they are 3 and 4.6667.
    """
    raise NotImplementedError


def loss_of_all_pairs(output: Tensor, targ: Tensor) -> Tensor:
    """What ((output - targ) ** 2).mean() says for output (N, 1) and targets (N,), by mistake.

    Without ever making N² numbers: N may be 100,000.
    """
    raise NotImplementedError
