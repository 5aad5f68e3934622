"""Exercises of lesson 6. Fill in the functions; `python -m lessons check 06` looks at them.

A graph is a dict here: for the name of every node the names of its parents, those that it was
made from; none for a leaf. `{"x": [], "y": ["x", "x"], "z": ["y", "x"]}` is y = x x, z = y + x. The
order of a dict's entries means nothing.
"""

from collections.abc import Callable

from minitorch import Tensor


def quotient(a: float, b: float) -> tuple[float, float, float]:
    """y = a / b and its slopes: (y, dy/da, dy/db).

    For a = 6, b = 2 it is (3.0, 0.5, -1.5).
    """
    raise NotImplementedError


def visiting_order(parents: dict[str, list[str]], root: str) -> list[str]:
    """Every node that root was made from, root first, and each node before all of its parents.

    Each stands in the list once; nodes that root does not come from are not in it. Graphs may be
    50,000 nodes deep. Names say nothing about age. A node may be taken as soon as every node that
    was made from it has been taken: count those first.

    For the graph above and root "z" it is ["z", "y", "x"].
    """
    raise NotImplementedError


def gradients(
    parents: dict[str, list[str]], slopes: dict[str, list[float]], root: str
) -> dict[str, float]:
    """The gradient of root by every node that it was made from, by name; 1.0 for root itself.

    slopes[y][i] is dy/dx for x = parents[y][i].

    With x = 3 the slopes of the graph above are {"x": [], "y": [3, 3], "z": [1, 1]}, and the
    gradients of "z" are {"z": 1, "y": 1, "x": 7}.
    """
    raise NotImplementedError


def count_paths(parents: dict[str, list[str]], root: str, leaf: str) -> int:
    """How many paths lead from root down to leaf; a parent named twice is two ways to go.

    For the graph above, from "z" to "x", it is 3. There may be 2^200 of them.
    """
    raise NotImplementedError


def recorded(f: Callable[..., Tensor], *inputs: Tensor) -> list[str]:
    """The names of the ops that minitorch records while it computes f(*inputs), oldest first.

    For f = lambda x: (x * x).sum() and an x that requires grad it is ["mul", "sum"].
    """
    raise NotImplementedError
