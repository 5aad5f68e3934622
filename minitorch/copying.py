"""A deep copy keeps what shares memory sharing it: copies of a tensor and its view are that again.

Python's `deepcopy` hands a memo from copy to copy. The memory that an array lies in, all of it, is
copied when it is first met and filed there; each array that lies in it becomes the same window on
the copy. So the copy of a small view costs as much as that of all it is a view of, as in torch.
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from minitorch.array import Array


def copied(x: Array, memo: dict[int, Any]) -> Array:
    """A copy of x, in memory that it shares with the copies of what x shares memory with.

    >>> import copy, minitorch
    >>> x = minitorch.zeros(2, 2)
    >>> y, row = copy.deepcopy((x, x[0]))
    >>> _ = row.fill_(5.0)
    >>> y
    tensor([[5., 5.],
            [0., 0.]])
    """
    owner = x.base if type(x) is type(x.base) is ndarray else x
    copy = memo.get(id(owner))
    if copy is None:
        copy = memo[id(owner)] = owner.copy(order="K")  # in the same order in memory
    if owner is x:
        return copy
    return _window(copy, x, owner) if copy.strides == owner.strides else x.copy()


def _window(copy: ndarray, x: ndarray, owner: ndarray) -> ndarray:
    """What x is on `owner`, on its copy: there as many bytes from the start, with x's strides."""
    begin, place = (a.__array_interface__["data"][0] for a in (owner, x))
    window = ndarray(x.shape, x.dtype, copy.ravel("K"), place - begin, x.strides)
    window.flags.writeable = x.flags.writeable  # not where several elements share one number
    return window
