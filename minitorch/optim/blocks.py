"""How one formula, written for whole arrays, moves many tensors at the speed of the memory.

An update rule such as Adam's reads and writes each element a dozen times. Done on a large tensor
one operation at a time, every one of them goes through main memory, and makes a temporary as large
as the tensor. Done on a small tensor, each costs more in calls than in arithmetic. So a rule that
treats every element alike is given *blocks*: pieces of a large tensor that stay in the cache
together with their state and their temporaries, and small tensors that ride together in one.
Where there is much to move, threads take one block after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from minitorch.array import Array, device_of
from minitorch.clock import owner
from minitorch.threads import BLOCK, share
from minitorch.words import np

# Bytes of each array in a block. On a CPU half a dozen such arrays fit about into a core's own
# cache; a GPU is kept busy by one launch, and temporaries stay small beside its memory.
_CPU_BLOCK = 1 << 18
_GPU_BLOCK = 1 << 26
_CPU_ALONE = 1 << 14  # to gather more, and to put it back, takes longer than calls of its own
_SHARED = 1 << 17  # of less, two threads spend more time on waiting for Python's lock


class _Scratch(threading.local):
    """Memory to compute in, of each thread: by dtype, as large as the largest block."""

    def __init__(self) -> None:
        self.memory: dict[Any, np.ndarray] = {}


_scratch = _Scratch()


def scratch(p: Array) -> Array:
    """An array like p to compute in, with anything in it: the same memory for every block.

    So a rule makes no temporaries. The memory is lent until the next call.
    """
    if type(p) is not np.ndarray or p.size > _largest(p):
        return np.empty_like(p)
    memory = _scratch.memory.get(p.dtype)
    if memory is None:
        memory = _scratch.memory[p.dtype] = np.empty(_largest(p), p.dtype)
    return memory[: p.size].reshape(p.shape)


class Item(NamedTuple):
    """What a rule is given: parameter, gradient, buffers, and the numbers that go with them."""

    p: Array
    g: Array
    buffers: list[Array]
    numbers: dict[str, Any]


def move(items: list[Item], rule: Callable[[Item], None]) -> None:
    """Calls rule(block) until every element of every item has been in one of the `blocks`.

    Where large items are many, the rule is called by several threads at once.
    """
    large = [item for item in items if _is_large(item)]
    if sum([item.p.nbytes for item in large]) <= BLOCK or _overlap(items):
        large = []
    for block in blocks([item for item in items if not _is_large(item)] if large else items):
        rule(block)
    share(rule, [(piece,) for item in large for piece in _pieces(_flat(item))])


def _is_large(item: Item) -> bool:
    """Is there so much to do at each call that threads do not stand in each other's way?"""
    p = item.p
    return p.nbytes > _SHARED and type(p) is np.ndarray and p.flags.c_contiguous


def _overlap(items: list[Item]) -> bool:
    """Have two items one memory? The second has to see then what the first has become."""
    return len({id(owner(item.p)) for item in items}) < len(items)


def blocks(items: list[Item]) -> Iterator[Item]:
    """All elements of all items, in flat blocks; what the user writes into a block arrives.

    A block holds elements of one dtype and with the same numbers (of the step), so one set of
    constants is right for all of it.
    """
    packs: dict[Any, Pack] = {}
    for item in items:
        if item.p.nbytes > _alone(item.p) and item.p.flags.c_contiguous:
            yield from _pieces(_flat(item))
            continue
        key = (*item.numbers.values(), item.p.dtype, device_of(item.p))
        pack = packs.get(key)
        if pack is None or not pack.takes(item):
            if pack is not None:
                yield from pack.blocks()
            pack = packs[key] = Pack(_room(item.p))
        pack.add(item)
    for pack in packs.values():
        yield from pack.blocks()


class Pack:
    """Small items on their way to ride together in one block: no two of them over one memory."""

    def __init__(self, room: int):
        self.room = room
        self.items: list[Item] = []
        self.size = 0
        self.owners: set[int] = set()

    def takes(self, item: Item) -> bool:
        """Is there room for the item?"""
        return self.size + item.p.size <= self.room and id(owner(item.p)) not in self.owners

    def add(self, item: Item) -> None:
        """Takes the item in."""
        self.items.append(item)
        self.size += item.p.size
        self.owners.add(id(owner(item.p)))

    def blocks(self) -> Iterator[Item]:
        """Gathers the items into flat arrays, and puts them back when these were written."""
        items = self.items
        if len(items) == 1 and items[0].p.flags.c_contiguous:
            yield from _pieces(_flat(items[0]))
            return
        columns = zip(*[(item.p, item.g, *item.buffers) for item in items], strict=True)
        p, g, *buffers = [np.concatenate([x.reshape(-1) for x in column]) for column in columns]
        yield from _pieces(Item(p, g, buffers, items[0].numbers))
        start = 0
        for item in items:
            stop = start + item.p.size
            for x, moved in zip((item.p, *item.buffers), (p, *buffers), strict=True):
                x[...] = moved[start:stop].reshape(x.shape)
            start = stop


def _alone(x: Array) -> int:
    """The bytes from which on x makes blocks of its own."""
    return _CPU_ALONE if isinstance(x, np.ndarray) else _GPU_BLOCK // 2


def _room(x: Array) -> int:
    """How many elements of x make a block."""
    return (_CPU_BLOCK if isinstance(x, np.ndarray) else _GPU_BLOCK) // x.dtype.itemsize


def _largest(x: Array) -> int:
    """How many elements of x a block may have, so that the blocks of a tensor are of equal size."""
    return _room(x) * 5 // 4


def _flat(item: Item) -> Item:
    """The same arrays with one axis: views, except of a gradient that lies scattered."""
    p, g, buffers, numbers = item
    if p.ndim == 1:
        return item
    return Item(p.reshape(-1), g.reshape(-1), [x.reshape(-1) for x in buffers], numbers)


def _pieces(item: Item) -> Iterator[Item]:
    """A flat item, cut into blocks of equal size: a small rest would cost as many calls."""
    p, g, buffers, numbers = item
    largest = _largest(p)
    if p.size <= largest:
        yield item
        return
    size = -(-p.size // -(-p.size // largest))
    for i in range(0, p.size, size):
        j = i + size
        yield Item(p[i:j], g[i:j], [x[i:j] for x in buffers], numbers)
