"""Exercises of lesson 22. Fill in the functions; `python -m lessons check 22` looks at them."""

from typing import Any


def standardized(x: Any) -> Any:
    """The columns of x, (N, K), with mean 0 and deviation 1: (x - mean) / deviation; divide by N.

    x may be a NumPy array or lie on a card, as `OnCard` in the lesson: it has operators and `len`,
    and it answers to NumPy's ufuncs, `np.sqrt(x)`, `np.square(x)`, `np.add.reduce(x, axis=0)`. The
    result is where x is. Nothing may wait for a number, and nothing may come from the host but
    plain Python numbers.

    For [[1., 5.], [3., 9.]] it is [[-1., -1.], [1., 1.]].
    """
    raise NotImplementedError


def timeline(program: str, host: float, card: float) -> tuple[float, float]:
    """(total, busy): when all is done, and the share of that time in which the card computed.

    `program` is what the host does, letter by letter. "k": it puts a kernel into the queue, which
    takes the host `host` seconds. The kernel then takes the card `card` seconds, as soon as it is
    in the queue and those before it are done; the host goes on meanwhile. "w": the host waits until
    the card has nothing left to do.

    With host = 1 and card = 2, "kkk" takes 7 and the card is busy for 6/7 of it; "kwkwkw" takes 9,
    and it is busy for 6/9. A program without kernels and waits is done at once: (0, 0).
    """
    raise NotImplementedError


def batch_for_arithmetic(
    inputs: int, outputs: int, rate: float, bandwidth: float, size: int
) -> int | None:
    """The smallest batch for which a linear layer takes as long to compute as to carry, or longer.

    The layer does 2 N I O operations, `rate` a second, and carries N I + I O + N O numbers of
    `size` bytes, `bandwidth` bytes a second. None if carrying takes longer for every batch.

    With size 4, for 1000 inputs and 1000 outputs it is 6, at 5e10 operations and 2e10 bytes a
    second; for 10 inputs and 10 outputs, at 5e13 and 3e12, it is None.
    """
    raise NotImplementedError


def largest_batch(card: int, parameters: int, buffers: int, per_image: int) -> int:
    """How many images a step can take at once, on a card with so many bytes.

    Each parameter needs 4 bytes for itself, 4 for its gradient, and 4 for each of `buffers` numbers
    that the optimizer keeps for it (momentum: 1, Adam: 2). `per_image` bytes are kept for backward.
    Where not even the parameters fit it is 0.

    For a card of 1000 bytes, 50 parameters, 1 buffer and 30 bytes for an image it is 13.
    """
    raise NotImplementedError
