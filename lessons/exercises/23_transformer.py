"""Exercises of lesson 23. Fill in the functions; `python -m lessons check 23` looks at them.

T is the number of places, d the size of the vectors. Nothing that is passed in may be changed.
"""

from collections.abc import Callable

from minitorch import Tensor


def window_attention(q: Tensor, k: Tensor, v: Tensor, width: int) -> Tensor:
    """Attention in which place i sees only the places i - width + 1 to i, for (..., T, d) each.

    The weights of what a place sees sum to 1. It saves work for long texts, and several blocks
    together see further than one.

    With width = 1 every place sees itself alone, and the output is v.
    """
    raise NotImplementedError


def distance_grad(g: Tensor, p: Tensor, v: Tensor) -> Tensor:
    """dL/dm for y = p v, p = softmax(s - m D), with D[i, j] = i - j for j ≤ i: shape ().

    Each place likes near letters better than far ones, by a strength m, one number that is learned
    (it replaces the table of places). The future is masked, so p[i, j] = 0 for j > i. g and v are
    (T, d), p is (T, T).
    """
    raise NotImplementedError


def nucleus(p: Tensor, share: float) -> Tensor:
    """p with the unlikely letters left out: (V,) to (V,), which sums to 1 again.

    Kept are the most likely letters, as few as are needed for their sum to be at least `share`;
    all others become 0. Drawing from this invents less spelling. No two of the p are equal.

    For p = [0.1, 0.6, 0.3] and share = 0.7 it is [0, 2/3, 1/3].
    """
    raise NotImplementedError


def looks_ahead(model: Callable[[Tensor], Tensor], ids: Tensor, V: int) -> bool:
    """Does any score of the model at a place i depend on a letter at a later place?

    ids is (1, T), letters 0 to V - 1, and model(ids) is (1, T, V). Differences below 1e-5 are
    rounding. A model may look ahead in one single place only, and by a little.
    """
    raise NotImplementedError


def next_output(
    q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The output of attention at one new place, and the keys and values to be kept for the next.

    q, k and v belong to the new place: (N, d). keys and values are those of all places before:
    (N, t, d), where t may be 0. The output is (N, d), and what is kept (N, t + 1, d).

    Done for one place after another it gives what causal attention gives for all at once.
    """
    raise NotImplementedError
