"""Parity: what a function gives on a GPU is what it gives on the CPU, gradients included.

The two do not compute alike. A GPU adds in another order, so the last digits differ; CuPy wraps an
index that is out of range, where NumPy raises; and of two values written to one place either may
stay. The first is no mistake, the others are: so numbers are compared with a tolerance, and an
error that the CPU raises must be raised on the GPU as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from minitorch import array as arrays
from minitorch.autograd.on_demand import grad
from minitorch.dtypes import FLOATING, float16, float32, float64
from minitorch.random import default_generator
from minitorch.tensor import LEAF, Tensor, make
from minitorch.tree import leaves, map_leaves

# How far apart two numbers may be, as a part of the largest of the CPU's; a tenth of that is always
# allowed, for where 0 is the difference of two large numbers.
RTOL = {float16: 1e-2, float32: 1e-4, float64: 1e-9}

_NOTHING = type("nothing", (), {"__repr__": lambda _: "nothing"})()  # in place of an output


class ParityError(AssertionError):
    """A GPU gave something else than the CPU."""


def parity(
    f: Callable[..., Any],
    *inputs: Any,
    rtol: float | None = None,
    raises: type[Exception] | None = None,
    device: str | arrays.device = "cuda",
) -> bool:
    """Runs `f` on the CPU and on a GPU, and compares the values and the gradients.

    Args:
        f: takes the inputs, and returns a Tensor or nested Tensors. Of a module the gradients of
            its parameters are compared as well; it is copied, and stays where it is.
        inputs: Tensors, also nested, are copied to each device; all else is passed as it is.
            Gradients are taken by those that require grad, or by all floats where none does.
        rtol: two numbers agree when they differ by no more than rtol (max |x| + 0.1), where x are
            the CPU's; by default rtol is 1e-4 for float32, 1e-9 for float64, 1e-2 for float16,
            4e-2 for bfloat16.
            Integers are equal. With TF32 switched on, products need 1e-2.
        raises: an error that both must raise, instead of giving anything.
        device: which GPU.

    Random numbers are the same on both: the stream starts twice from where it is.

    Returns:
        True when all agrees.

    Raises:
        ParityError: it does not; names the output or gradient, the place that is furthest off,
            and what stands there on the CPU and on the GPU.
        RuntimeError: there is no GPU; says what is missing.

    On a machine with a GPU:

        import minitorch.nn.functional as F
        from minitorch.cuda import parity

        parity(F.cross_entropy, logits, labels)                        # True
        parity(F.cross_entropy, logits, labels + 99, raises=IndexError)    # True
    """
    where = arrays.device(device)
    if where.type != "cuda":
        raise ValueError(f"parity: device must be a GPU such as 'cuda', got '{where}'")
    arrays.cupy()
    name = getattr(f, "__name__", type(f).__name__)
    start = default_generator.get_state()
    if raises is not None:
        here = _error(f, inputs, arrays.CPU, raises)
        default_generator.set_state(start)
        there = _error(f, inputs, where, raises)
        if here is None or there is None:
            silent, loud = ("CPU", there) if here is None else ("GPU", here)
            also = f"; on the other it says: {loud}" if loud is not None else ", nor on the other"
            raise ParityError(f"parity: {name}: no {raises.__name__} on the {silent}{also}")
        return True
    wants = _results(f, inputs, arrays.CPU)
    default_generator.set_state(start)
    try:
        got = _results(f, inputs, where)
    except Exception as error:
        told = f"runs on the CPU, and on the GPU raises {type(error).__name__}: {error}"
        raise ParityError(f"parity: {name}: {told}") from error
    wrong = [
        f"{what}: {text}"
        for what in {**wants, **got}
        if (text := difference(wants.get(what, _NOTHING), got.get(what, _NOTHING), rtol))
    ]
    if wrong:
        raise ParityError(f"parity: {name}: " + "\n  ".join(wrong))
    return True


def _error(
    f: Callable[..., Any], inputs: Any, where: arrays.device, raises: type[Exception]
) -> Exception | None:
    """The error of that class which `f` raises there, or None."""
    try:
        _results(f, inputs, where)
    except raises as error:
        return error
    return None


def _results(f: Callable[..., Any], inputs: Any, where: arrays.device) -> dict[str, Any]:
    """What `f` gives on that device: its outputs, then the gradients of a random sum of them."""
    tensors = [x for x in leaves(inputs) if isinstance(x, Tensor)]
    named = any(x.requires_grad for x in tensors)

    def placed(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        wanted = x.requires_grad if named else x.is_floating_point()
        return make(arrays.move(x.array.copy(), where), LEAF if wanted else None)

    inputs = map_leaves(placed, inputs)
    if hasattr(f, "named_parameters"):
        f = deepcopy(f).to(where)  # type: ignore[attr-defined]
    outputs = leaves(f(*inputs))
    found = {f"output {i}": y for i, y in enumerate(outputs)}
    sources = {
        f"input {i}": x
        for i, x in enumerate(leaves(inputs))
        if isinstance(x, Tensor) and x.requires_grad
    }
    if hasattr(f, "named_parameters"):
        sources |= {name: p for name, p in f.named_parameters() if p.requires_grad}
    ys = [y for y in outputs if isinstance(y, Tensor) and y.requires_grad]
    slopes: Sequence[Tensor | None] = [None] * len(sources)
    if ys and sources:
        draw = np.random.default_rng(0)
        gs = [
            make(arrays.move(draw.standard_normal(y.shape).astype(y.dtype), y.device)) for y in ys
        ]
        slopes = grad(ys, list(sources.values()), gs, allow_unused=True)
    return found | {f"gradient of {name}": g for name, g in zip(sources, slopes)}


def difference(want: Any, got: Any, rtol: float | None = None) -> str | None:
    """How what a GPU gave differs from what the CPU gave, in words; None if it does not."""
    if not isinstance(want, Tensor) or not isinstance(got, Tensor):
        same = type(want) is type(got) and (want is None or want == got)
        return None if same else f"{_words(want)} on the CPU, {_words(got)} on the GPU"
    if got.device.type != "cuda":
        return f"is on {got.device}, where the inputs were on a GPU"
    if (want.shape, want.dtype) != (got.shape, got.dtype):
        return f"{want.dtype} {want.shape} on the CPU, {got.dtype} {got.shape} on the GPU"
    a, b = want.array, arrays.move(got.array, arrays.CPU)
    if a.dtype.kind not in FLOATING:
        off, allowed = (a != b) * 1.0, 0.0
        rule = "differ"
    else:
        part = RTOL.get(a.dtype, 4e-2) if rtol is None else rtol
        a, b = a.astype(np.float64), b.astype(np.float64)
        known = np.isfinite(a) & np.isfinite(b)
        off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.inf)
        off[known] = abs(a[known] - b[known])
        allowed = part * (float(abs(a[known]).max(initial=0.0)) + 0.1)
        rule = f"differ by more than {part:g} of the largest"
    n = int((off > allowed).sum())
    if not n:
        return None
    place = np.unravel_index(int(off.argmax()), off.shape)
    shown = f"[{', '.join(map(str, map(int, place)))}]" if place else "the number"
    return (
        f"{n} of {off.size} {rule}; furthest off is {shown}: {a[place]:.9g} on the CPU, "
        f"{b[place]:.9g} on the GPU"
    )


def _words(x: Any) -> str:
    """What it is, in short."""
    return f"a {x.dtype} tensor of shape {x.shape}" if isinstance(x, Tensor) else repr(x)
