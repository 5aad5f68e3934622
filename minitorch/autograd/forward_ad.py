"""Forward mode: a tangent travels along with each value, from the inputs on, op by op.

    with dual_level():
        x = make_dual(point, direction)
        y, moved = unpack_dual(f(x))  # f(point), and J times the direction

Backward goes from one number to everything it was made from; forward mode goes from one direction
to everything that moves with it, in step with the computation. No op needs a second rule for that.
What its rule computes, u -> Jᵀ u, is linear in u, and so the gradient of <Jᵀ u, v> by u is J v.

The names are those of torch.autograd.forward_ad. `minitorch.func.jvp` gives the same numbers from
two backwards through the whole function; it nests, and its results can be differentiated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from minitorch.autograd.on_demand import grad
from minitorch.dtypes import FLOATING
from minitorch.modes import Switch
from minitorch.ops.shape import clone
from minitorch.quiet import quiet
from minitorch.sweep import Sweep
from minitorch.tape import RECORDING, Mode, Node, Pick, current_mode, restore_mode, set_mode
from minitorch.tensor import LEAF, ShapeError, Tensor, make
from minitorch.transforms.run import filled, hidden, is_outer


class UnpackedDualTensor(NamedTuple):
    """A value, and the tangent that came along with it; None where none did."""

    primal: Tensor
    tangent: Tensor | None


class dual_level(Switch):  # noqa: N801 - torch's name
    """The block inside which tangents travel; they are gone at its end.

    Under `no_grad` nothing is recorded, and there the tangents stop. Tangents have no gradients of
    their own, and levels do not nest; but a gradient that `func.grad` takes inside moves as well,
    which makes a product with the Hessian.

    >>> import minitorch
    >>> with dual_level():
    ...     x = make_dual(minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 10.0]))
    ...     y, moved = unpack_dual(x * x)
    >>> y, moved
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """

    def __init__(self) -> None:
        super().__init__()
        self.tangents: WeakKeyDictionary[Node, Any] = WeakKeyDictionary()
        self.sources: list[Tensor] = []  # leaves made for points that were on no tape

    def __enter__(self) -> dual_level:
        if _open_level() is not None:
            raise RuntimeError(
                "dual_level: a level is open already, and forward mode does not nest; "
                "minitorch.func.jvp does"
            )
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.tangents.clear()
        for source in self.sources:  # until now a transform in the block had to see them
            hidden(source)
        self.sources.clear()

    def _mode(self, was: Mode) -> Mode:
        return Mode(was.recording, (*was.watchers, self._follow), was.casts)

    def tangent_of(self, to: Any) -> Tensor | None:
        """What came along with a result; a leaf has none, and of several outputs each its own."""
        if isinstance(to, Pick):
            several = self.tangents.get(to.whole)
            return None if several is None else several[to.index]
        return self.tangents.get(to) if isinstance(to, Node) else None

    def _follow(self, node: Node, values: Sequence[Any], options: Mapping, y: Any) -> None:
        """Takes the tangents of its inputs through a new node."""
        tangents = [self.tangent_of(parent) for parent in node.parents]
        if any(t is not None for t in tangents):
            self.tangents[node] = pushed(node, tangents, y)


def _open_level() -> dual_level | None:
    levels = [getattr(watch, "__self__", None) for watch in current_mode().watchers]
    return next((level for level in levels if isinstance(level, dual_level)), None)


def make_dual(tensor: Tensor, tangent: Tensor) -> Tensor:
    """The tensor as a point that is about to move in the direction of the tangent.

    Raises:
        RuntimeError: no `dual_level` is open.
        TypeError: one of the two is no Tensor of floats, or they differ in dtype.
        ShapeError: they differ in shape.
    """
    level = _open_level()
    if level is None:
        raise RuntimeError("make_dual: no level is open; call it inside `with dual_level():`")
    for name, x in (("tensor", tensor), ("tangent", tangent)):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            met = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"make_dual: {name} must be a Tensor of floats, got {met}")
    if tensor.shape != tangent.shape:
        raise ShapeError(
            f"make_dual: tensor has shape {tensor.shape} and tangent {tangent.shape}; they must be "
            "the same"
        )
    if (tensor.dtype, tensor.device) != (tangent.dtype, tangent.device):
        raise TypeError(
            f"make_dual: tensor is {tensor.dtype} on {tensor.device} and tangent {tangent.dtype} "
            f"on {tangent.device}; write tangent.to(tensor)"
        )
    source = tensor
    if not tensor.requires_grad:
        source = make(tensor.array, LEAF)
        level.sources.append(source)
    dual = clone(source)  # so that it can be written to
    level.tangents[dual.node] = tangent.detach()
    return dual


def unpack_dual(tensor: Tensor) -> UnpackedDualTensor:
    """A value and its tangent, as (primal, tangent)."""
    level = _open_level()
    tangent = None if level is None else level.tangent_of(tensor.node)
    outer = is_outer([tensor], () if level is None else level.sources)
    return UnpackedDualTensor(tensor if outer else tensor.detach(), tangent)


def pushed(node: Node, tangents: Sequence[Tensor | None], y: Any) -> Any:
    """J v of a single node, for the tangents v of its parents, in the form of its output y.

    The node's rules run on a node that stands alone, with a leaf in the place of each parent. An
    integer output has the tangent None.
    """
    ys = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    leaves = [make(_NOTHING if t is None else t.array, LEAF) for t in tangents]
    alone = Node.of(node.plan, leaves, node.saved, ys[0])
    us = {i: make(np.ones_like(y), LEAF) for i, y in enumerate(ys) if y.dtype.kind in FLOATING}
    roots: list[tuple[Node, Tensor]] = [(alone, us[0])] if ys[0] is y else []
    if not roots:
        alone.shape = [(y.shape, y.dtype) for y in ys]
        roots = [(Pick.number(i, alone, ys[i]), u) for i, u in us.items()]
    moving = {id(x): t for x, t in zip(leaves, tangents) if t is not None}
    pulled = {key: g for key, g in _swept(roots, set(moving)).items() if g.requires_grad}
    found: Sequence[Tensor | None] = [None] * len(us)
    if pulled:
        vs = [moving[key] for key in pulled]
        found = grad(list(pulled.values()), list(us.values()), vs, allow_unused=True)
    moved = dict(zip(us, filled(found, list(us.values()))))
    return moved[0] if ys[0] is y else tuple([moved.get(i) for i in range(len(ys))])


def _swept(roots: list[tuple[Node, Tensor]], wanted: set[int]) -> dict[int, Tensor]:
    """What a recorded sweep brings to the wanted leaves, by their id."""
    sweep = Sweep(keep=True, lift=_constant)
    was, loud = set_mode(RECORDING), quiet.begin()
    try:
        sweep.run(roots, wanted)
    finally:
        quiet.end(loud)
        restore_mode(was)
    return {key: g for key, (_, g, _) in sweep.leaves.items() if key in wanted}


_NOTHING = np.zeros(())  # in the place of an input that does not move


def _constant(node: Node, name: str, value: Any) -> Any:
    """A saved value as the rules expect it when they run on Tensors, and on no tape."""
    op, wanted = node.plan.op, node.plan.wanted
    if name == "y":
        return tuple([make(v) for v in value]) if isinstance(value, tuple) else make(value)
    if name not in op.inputs:
        return value
    if op.variadic:
        return tuple([make(v) if i in wanted else v for i, v in enumerate(value)])
    return make(value) if op.inputs.index(name) in wanted else value
