"""Nested containers: tuples, lists and dicts of anything, walked in the order they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with `f(leaf)` in place of each leaf.

    >>> map_leaves(lambda n: n + 1, {"a": 1, "b": (2, [3])})
    {'a': 2, 'b': (3, [4])}
    """
    if isinstance(tree, dict):
        return {key: map_leaves(f, part) for key, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a namedtuple
        return type(tree)(*[map_leaves(f, part) for part in tree])
    if isinstance(tree, (tuple, list)):
        return type(tree)([map_leaves(f, part) for part in tree])
    return f(tree)


def leaves(tree: Any) -> list[Any]:
    """What is inside the containers, in order.

    >>> leaves({"a": 1, "b": (2, [3])})
    [1, 2, 3]
    """
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def rebuild(tree: Any, new_leaves: Iterable[Any]) -> Any:
    """The same containers with new leaves, given in the order of `leaves`."""
    new = iter(new_leaves)
    return map_leaves(lambda _: next(new), tree)
