"""Optimizers on a GPU: a step for up to a hundred tensors is one launch.

A network has hundreds of parameters, most of them small. A launch per word of a formula and per
parameter is thousands of launches, each of which takes longer than the arithmetic. Here a launch is
told where many tensors lie, by a table that travels with it: nothing is gathered, put back or
uploaded. The numbers of the step (lr, and what follows from the count of steps) travel with it too,
so a graph that a step is captured in repeats that step's numbers: capture forward and backward, and
step outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.array import Array, is_cupy
from minitorch.kernels import kernels_on
from minitorch.kernels.source import NUMBERS, THREADS, kernel

_MOST, _SLOTS, _CHUNK = 128, 410, 4096  # as in optim.cu
_TABLE = np.dtype(
    [
        ("tensors", np.int32),
        ("width", np.int32),
        ("first", np.int32, (_MOST + 1,)),
        ("unused", np.int32),
        ("at", np.int64, (_SLOTS,)),
    ]
)
_DECAY = np.dtype([("sign", np.float64), ("penalty", np.float64), ("shrink", np.float64)])


def move(rule: str, items: Sequence[Any], group: dict[str, Any]) -> list[Any]:
    """Moves all parameters that lie on a GPU, and returns the items that are left.

    Args:
        rule: a kernel's name, which names its numbers below as well.
        items: parameters with gradients, buffers and the numbers of the step, as
            `optim.blocks.Item` has them.
        group: the options.
    """
    left: list[Any] = []
    tables: dict[Any, _Table] = {}
    for item in items:
        if not _fits(item):
            left.append(item)
            continue
        numbers = item.numbers
        key = (item.p.dtype.name, item.p.device.id, *numbers.values())
        table = tables.get(key)
        if table is None or not table.takes(item.p):
            if table is not None:
                table.launch()
            taken = _decay(group), *NUMBERS_OF[rule](numbers, group)
            table = tables[key] = _Table(rule, item.p, len(item.buffers) + 2, taken)
        g = item.g if item.g.flags.c_contiguous else item.g.copy(order="C")
        table.add(item.p, g, *item.buffers)
    for table in tables.values():
        table.launch()
    return left


def unscale(grads: Sequence[Array], factor: float) -> tuple[list[Array], list[Array]]:
    """Multiplies gradients in place that lie on a GPU, a hundred in a launch.

    Returns:
        For each GPU a bool on it, True if all of them are finite; and the gradients that are left.
    """
    left: list[Array] = []
    finite: dict[int, Array] = {}
    tables: dict[Any, _Table] = {}
    for g in grads:
        if not (is_cupy(g) and _walks(g)):
            left.append(g)
            continue
        number = g.device.id
        if number not in finite:
            with g.device:
                finite[number] = np.ones_like(g, shape=(), dtype=bool)
        table = tables.get((g.dtype.name, number))
        if table is None or not table.takes(g):
            if table is not None:
                table.launch()
            taken = finite[number], float(factor)
            table = tables[g.dtype.name, number] = _Table("unscale", g, 1, taken)
        table.add(g)
    for table in tables.values():
        table.launch()
    return [*finite.values()], left


def _fits(item: Any) -> bool:
    """True for a parameter with its buffers that a kernel can move."""
    return _walks(item.p, *item.buffers)


def _walks(*arrays: Array) -> bool:
    """True for arrays that a kernel can walk as they lie in memory."""
    known = arrays[0].dtype.name in NUMBERS
    return kernels_on() and known and all(x.flags.c_contiguous for x in arrays)


class _Table:
    """Tensors that one launch of a kernel is for. No two of them share memory.

    Args:
        name: the kernel's.
        like: an array of their dtype, on their GPU.
        width: how many arrays go with each.
        numbers: what the kernel takes besides.
    """

    def __init__(self, name: str, like: Array, width: int, numbers: tuple):
        self.name, self.like, self.width, self.numbers = name, like, width + 1, numbers
        self.at: list[int] = []
        self.first = [0]
        self.owners: set[int] = set()
        self.held: list[Array] = []  # what has to live until the launch

    def takes(self, written: Array) -> bool:
        """Is there room for one more, and is it no part of one that is there?"""
        return (
            len(self.first) <= _MOST
            and len(self.at) + self.width <= _SLOTS
            and _owner(written) not in self.owners
        )

    def add(self, *arrays: Array) -> None:
        """Takes the arrays of a tensor in; the first is written."""
        size = arrays[0].size
        if not size:
            return
        self.held += arrays
        self.owners.add(_owner(arrays[0]))
        self.at += [*(x.data.ptr for x in arrays), size]
        self.first.append(self.first[-1] - -size // _CHUNK)

    def launch(self) -> None:
        """Runs the kernel on all of them."""
        if not self.at:
            return
        table = np.zeros((), _TABLE)
        table["tensors"], table["width"] = len(self.first) - 1, self.width
        table["first"][: len(self.first)] = self.first
        table["at"][: len(self.at)] = self.at
        run = kernel("optim", self.name, self.like.dtype.name)
        with self.like.device:
            run((self.first[-1],), (THREADS,), (table, *self.numbers))


def _owner(x: Array) -> int:
    """Stands for the memory that x looks into."""
    return id(x if x.base is None else x.base)


def _decay(group: dict[str, Any]) -> np.ndarray:
    """Weight decay, in one of its two ways (see `optim/decay.py`)."""
    decay = float(group["weight_decay"])
    apart = bool(group.get("decoupled_weight_decay"))
    sign = -1.0 if group["maximize"] else 1.0
    return np.array(
        (sign, 0.0 if apart else decay, 1 - group["lr"] * decay if apart else 1.0), _DECAY
    )


# the numbers of each rule, in the order in which its kernel takes them -------------------------

Kept = dict[str, Any]  # the numbers that are kept of a parameter, such as the count of its steps
Numbers = tuple[float | int, ...]


def _sgd(kept: Kept, group: Kept) -> Numbers:
    first = int(kept.get("step", 1) == 1)
    lr, momentum, keep = group["lr"], group["momentum"], 1 - group["dampening"]
    return float(lr), float(momentum), float(keep), int(group["nesterov"]), first


def _adam(kept: Kept, group: Kept) -> Numbers:
    t, (beta1, beta2) = kept["step"], map(float, group["betas"])
    c = math.sqrt(1 - beta2**t)
    step = group["lr"] * c / (1 - beta1**t)
    return step, beta1, beta2, group["eps"] * c, int(group["amsgrad"])


def _adamax(kept: Kept, group: Kept) -> Numbers:
    beta1, beta2 = map(float, group["betas"])
    return group["lr"] / (1 - beta1 ** kept["step"]), beta1, beta2, float(group["eps"])


def _nadam(kept: Kept, group: Kept) -> Numbers:
    t, product, (beta1, beta2) = kept["step"], kept["mu_product"], map(float, group["betas"])
    mu, ahead = (beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1))
    of_m = group["lr"] * ahead / (1 - product * ahead)
    of_g = group["lr"] * (1 - mu) / (1 - product)
    return of_m, of_g, beta1, beta2, 1 - beta2**t, float(group["eps"])


def _radam(kept: Kept, group: Kept) -> Numbers:
    t, (beta1, beta2) = kept["step"], map(float, group["betas"])
    step = group["lr"] / (1 - beta1**t)
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * t * beta2**t / (1 - beta2**t)
    if rho > 5:
        step *= math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        step *= math.sqrt(1 - beta2**t)
    return step, beta1, beta2, float(group["eps"]), int(rho > 5)


def _adagrad(kept: Kept, group: Kept) -> Numbers:
    lr = group["lr"] / (1 + (kept["step"] - 1) * group["lr_decay"])
    return float(lr), float(group["eps"])


def _adadelta(kept: Kept, group: Kept) -> Numbers:
    return float(group["lr"]), float(group["rho"]), float(group["eps"])


def _rmsprop(kept: Kept, group: Kept) -> Numbers:
    options = [float(group[name]) for name in ("lr", "alpha", "eps", "momentum")]
    return *options, int(group["centered"])


def _lion(kept: Kept, group: Kept) -> Numbers:
    return float(group["lr"]), *map(float, group["betas"])


NUMBERS_OF: dict[str, Callable[[Kept, Kept], Numbers]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "radam": _radam,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "rmsprop": _rmsprop,
    "lion": _lion,
}
