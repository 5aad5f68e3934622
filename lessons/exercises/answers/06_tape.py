"""Model answers to the exercises of lesson 6."""

from collections.abc import Callable

import minitorch
from minitorch import Tensor


def quotient(a: float, b: float) -> tuple[float, float, float]:
    """a / b is a times b^-1, whose slope is -b^-2."""
    return a / b, 1 / b, -a / b**2


def visiting_order(parents: dict[str, list[str]], root: str) -> list[str]:
    """A node's turn comes when all the nodes made from it had theirs."""
    waiting, stack = dict.fromkeys(parents, 0), [root]
    found = {root}
    while stack:
        for parent in parents[stack.pop()]:
            waiting[parent] += 1
            if parent not in found:
                found.add(parent)
                stack.append(parent)
    order, ready = [], [root]
    while ready:
        order.append(ready.pop())
        for parent in parents[order[-1]]:
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    return order


def gradients(
    parents: dict[str, list[str]], slopes: dict[str, list[float]], root: str
) -> dict[str, float]:
    """In that order each node's gradient is complete when it is passed on."""
    found = {root: 1.0}
    for node in visiting_order(parents, root):
        for parent, slope in zip(parents[node], slopes[node], strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
    return found


def count_paths(parents: dict[str, list[str]], root: str, leaf: str) -> int:
    """The chain rule sums over paths; with all slopes 1 the sum is their number."""
    found = {root: 1}
    for node in visiting_order(parents, root):
        for parent in parents[node]:
            found[parent] = found.get(parent, 0) + found[node]
    return found.get(leaf, 0)


def recorded(f: Callable[..., Tensor], *inputs: Tensor) -> list[str]:
    """The tape knows."""
    with minitorch.tape() as tape:
        f(*inputs)
    return [record.name for record in tape]
