"""Mixed precision: products in half the bits, what would lose too much of itself in float32.

A float16 number takes half the memory, and a GPU multiplies it several times as fast. It has 11
bits where float32 has 24, ends at 65,504, and below 6e-8 it is 0. For the terms of a long product
that does, as long as they are added up in more. For sums, powers, logarithms and losses it does
not. `autocast` knows which op is which. The parameters stay float32, so that small steps add up;
their gradients are float32 too. bfloat16 shares out its 16 bits otherwise: 8 for the digits, and
as many as float32 for how large a number is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minitorch.array import device_of
from minitorch.clock import next_birth, version
from minitorch.convert import cast
from minitorch.dtypes import FLOATING, as_dtype, float16, float32, float64, is_bfloat16
from minitorch.modes import Switch
from minitorch.tape import Mode, casting, current_mode
from minitorch.tensor import LEAF, Tensor

_EXPECTED = "expected 'cpu' or 'cuda'"


class Casts:
    """Which dtype the products on each kind of device are computed in, and the weights in it.

    Args:
        dtypes: by the kind of device; on kinds that are missing nothing is cast.
        kept: the casts of leaves, for as long as the outermost block is open; None keeps none.
    """

    def __init__(self, dtypes: Mapping[str, np.dtype], kept: dict[int, tuple] | None):
        self.dtypes, self.kept = dtypes, kept

    def low(self, values: Iterable[Any]) -> list[Any]:
        """The inputs of an op that computes in the low dtype."""
        return self._each(list(values), self.dtypes)

    def high(self, values: Iterable[Any]) -> list[Any]:
        """The inputs of an op that computes in float32."""
        return self._each(list(values), dict.fromkeys(self.dtypes, float32))

    def _each(self, values: list[Any], to: Mapping[str, np.dtype]) -> list[Any]:
        """Only where one of them is a Tensor: among arrays, inside an op, nothing is cast."""
        if any(isinstance(v, Tensor) for v in values):
            return [self._one(v, to) for v in values]
        return values

    def _one(self, value: Any, to: Mapping[str, np.dtype]) -> Any:
        x = value.array if isinstance(value, Tensor) else value
        own = getattr(x, "dtype", None)
        if own is None or isinstance(x, np.generic) or own.kind not in FLOATING or own == float64:
            return value
        dtype = to.get(device_of(x).type, x.dtype)
        if dtype == x.dtype:
            return value
        if x is value:
            return x.astype(dtype)
        if value.node is LEAF and self.kept is not None and dtype != float32:
            return cast(value, dtype=dtype, given=self._of_leaf(value, dtype))
        return cast(value, dtype=dtype)

    def _of_leaf(self, leaf: Tensor, dtype: np.dtype) -> Any:
        """The array of a leaf in another dtype: cast once, and again when it was written since.

        Every use of it gets a node of its own, so a backward through one use leaves the others
        their graphs, and what was cast under `no_grad` serves where gradients are wanted.
        """
        x = leaf.array
        held, of, y, birth = self.kept.get(id(leaf), (None, None, None, 0))  # type: ignore[union-attr]
        if held is not leaf or of is not x or y.dtype != dtype or version(x) > birth:
            birth, y = next_birth(), x.astype(dtype)
            self.kept[id(leaf)] = leaf, x, y, birth  # type: ignore[index]
        return y


class autocast(Switch):  # noqa: N801 - torch's name
    """Inside, products are computed in float16 or bfloat16, and what is sensitive in float32.

    Args:
        device_type: "cuda" or "cpu": tensors elsewhere are left alone.
        dtype: float16, the default, or bfloat16.
        enabled: False switches it off again inside another.
        cache_enabled: keep the low copy of a leaf that requires grad until the outermost block
            ends, so that a weight is cast once however often it is used. A weight that was written
            in between is cast again.

    It concerns the tensors of float16, bfloat16 and float32 that an op takes, not of float64:

    - the low dtype: matmul and its like, linear, einsum, the convolutions, attention, the steps of
      recurrent layers, prelu;
    - float32: softmax, all losses, layer, group, instance and RMS norm, logsumexp, sum, prod,
      cumsum, cumprod, norm, and the functions that grow or fall steeply: pow, exp, log,
      reciprocal, rsqrt, tan, softplus and others;
    - anything else computes in what it is given, in the wider where dtypes meet. Batch norm, mean
      and var give what they get, and add up in float32.

    These are torch's lists for CUDA, here on the CPU too. On the CPU, where NumPy computes float16
    in software, it is slow: that is for trying things out.

    A backward pass, inside the block or after it, computes in the dtypes of its forward pass.
    Forward pass and loss belong in the block; backward, clipping and the step do not need it. Small
    gradients would be 0 in float16: see `GradScaler`. bfloat16 reaches as far as float32 and needs
    none; it pays with 3 of float16's 11 bits.

    It holds for this thread alone, nests, and is a decorator too.

    Raises:
        ValueError: another kind of device, or a dtype that products are not cast to.

    >>> import minitorch
    >>> w = minitorch.ones(3, 2, requires_grad=True)
    >>> with autocast("cpu"):
    ...     y = minitorch.ones(4, 3) @ w
    ...     loss = y.sum()
    >>> y.dtype, loss.dtype
    (dtype('float16'), dtype('float32'))
    >>> loss.backward()
    >>> w.grad.dtype
    dtype('float32')
    """

    def __init__(
        self,
        device_type: str = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        super().__init__()
        if device_type not in ("cpu", "cuda"):
            raise ValueError(f"autocast: device_type={device_type!r}; {_EXPECTED}")
        wanted = float16 if dtype is None else as_dtype(dtype)
        if wanted != float16 and not is_bfloat16(wanted):
            raise ValueError(
                f"autocast: dtype={wanted}; products are cast to float16 or bfloat16, or left "
                "alone with enabled=False"
            )
        self.device_type, self.dtype = device_type, wanted
        self.enabled, self.cache_enabled = bool(enabled), cache_enabled is not False

    def _arguments(self) -> tuple:
        return self.device_type, self.dtype, self.enabled, self.cache_enabled

    def _mode(self, was: Mode) -> Mode:
        outer = was.casts
        dtypes = {} if outer is None else dict(outer.dtypes)
        dtypes.pop(self.device_type, None)
        if self.enabled:
            dtypes[self.device_type] = self.dtype
        kept: dict | None = None
        if self.cache_enabled:
            kept = {} if outer is None or outer.kept is None else outer.kept
        return Mode(was.recording, was.watchers, Casts(dtypes, kept) if dtypes else None)

    def __enter__(self) -> autocast:
        super().__enter__()
        casting.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        casting.remove(self)
        inner = current_mode().casts
        super().__exit__(*exc)
        outer = current_mode().casts
        if inner is not None and inner.kept and (outer is None or outer.kept is not inner.kept):
            inner.kept.clear()


class casting_as(Switch):  # noqa: N801 - a switch, as those of torch
    """Casts as another piece of code did: for what runs a second time."""

    def __init__(self, casts: Casts | None):
        super().__init__()
        self.casts = None if casts is None else Casts(casts.dtypes, {})

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, was.watchers, self.casts)

    def __enter__(self) -> casting_as:
        super().__enter__()
        casting.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        casting.remove(self)
        super().__exit__(*exc)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """True inside `autocast` for that kind of device."""
    if device_type not in ("cpu", "cuda"):
        raise ValueError(f"is_autocast_enabled: device_type={device_type!r}; {_EXPECTED}")
    casts = current_mode().casts
    return casts is not None and device_type in casts.dtypes
