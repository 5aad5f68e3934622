"""The op table: a few sample calls for every op, which buy it every generic check.

`test_table.py` runs the checks over the rows; the rows of each family stand in `tests/rows/`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One sample call of an op (or of a function made of ops).

    Attributes:
        op: its name in the registry.
        args: float64 arrays where a Tensor goes; everything else (numbers, tuples, index and mask
            arrays, None) as it is passed.
        kwargs: options.
        ref: the same call in plain NumPy on float64 arrays; None where torch is the only twin.
        torch: the same call in torch: a path ("nn.functional.relu"), or a function of torch's
            tensors; None where torch has no such call.
        grad: which args are differentiated; by default every float64 array.
        order: the highest order checked against finite differences; 0 for an op without gradient.
        zero: the derivative is zero everywhere, by definition (floor, sign).
        meta: False for what depends on values (nonzero, masked_select).
        syncs: True for what must wait for the GPU, or upload to it, by its nature (the size of the
            result depends on values).
        layouts: False where a memory layout other than C makes no sense.
        moves: True for what changes dtype or device, which the checks of those leave out.
        by: how the op is called, by(op, *args, **kwargs), where its arguments must be made first
            (symmetric), or its results are one of several (vectors up to their sign); `ref` and
            `torch` do the same.
    """

    op: str
    args: tuple
    kwargs: dict[str, Any] = field(default_factory=dict)
    ref: Callable | None = None
    torch: str | Callable | None = None
    grad: tuple[int, ...] | None = None
    order: int = 2
    zero: bool = False
    meta: bool = True
    syncs: bool = False
    layouts: bool = True
    moves: bool = False
    by: Callable | None = None

    @property
    def looks(self) -> int:
        """How often it may wait for a GPU: once for the range of each of its indices or labels."""
        return sum(_is_index(a) for a in self.args) if self.op in LOOKING else 0

    @property
    def wanted(self) -> tuple[int, ...]:
        """The positions of the differentiated arguments."""
        if self.order == 0:
            return ()
        if self.grad is not None:
            return self.grad
        return tuple(i for i, a in enumerate(self.args) if is_float(a))


# The ops that look at the range of indices or labels, which a GPU would wrap round in silence.
LOOKING = (
    *("getitem", "setitem", "index_select", "index_add", "index_fill", "index_copy", "gather"),
    *("scatter", "scatter_add", "take", "take_along_dim", "put"),
    *("embedding", "cross_entropy", "nll_loss", "ctc_loss"),
    *("multi_margin_loss", "multilabel_margin_loss"),
    *("max_unpool1d", "max_unpool2d", "max_unpool3d"),
)


def _is_index(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "iu"


def is_float(a: Any) -> bool:
    """True for what stands for a Tensor in a row."""
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def rand(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Sample values from [low, high), float64: generic ones, away from ties and from zero."""
    rng = np.random.default_rng([seed, *shape])
    x = rng.uniform(low, high, shape)
    return np.where(np.abs(x) < 0.05, 0.05 + 0.5 * np.abs(high - low) / 4, x)


def apart(*shape: int, step: float = 0.25, seed: int = 0) -> np.ndarray:
    """Sample values no two of which are closer than `step`: for max, sort and other ties."""
    rng = np.random.default_rng([seed, *shape])
    n = int(np.prod(shape))
    return (rng.permutation(n) * step - step * n / 2 + 0.07).reshape(shape)
