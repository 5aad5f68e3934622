"""Going backward: where a sweep starts, what hooks see on the way, and where gradients end.

`Tensor.backward`, `retain_grad` and `register_hook` are bound from here.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.array import Array, has_values
from minitorch.clock import stamp
from minitorch.dtypes import FLOATING
from minitorch.quiet import quiet
from minitorch.sweep import Sweep
from minitorch.tape import (
    SILENT,
    Mode,
    Node,
    Pick,
    current_mode,
    key_of,
    leading_to,
    restore_mode,
    set_mode,
)
from minitorch.tensor import LEAF, ShapeError, Tensor, make
from minitorch.words import np


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds dL/dx into `.grad` of every leaf x that this tensor was computed from.

    Args:
        gradient: dL/d(self), of this tensor's shape; 1 for a tensor of one element.
        retain_graph: keep what the tape saved, for another backward (default: `create_graph`).
        create_graph: record the backward itself, so that gradients have gradients.
        inputs: add into these only; results among them receive a `.grad` too.

    Raises:
        ValueError: `inputs` is empty, or one of them does not require grad.
        RuntimeError: no graph leads here (the message says why), the tensor has more than one
            element and no `gradient` was given, or the graph was used up already.
    """
    backward_from([self], [gradient], retain_graph, create_graph, inputs)


def backward_from(
    outputs: Sequence[Tensor],
    grad_outputs: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Tensor | Sequence[Tensor] | None,
) -> None:
    """`backward` of several tensors at once, in one sweep."""
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            raise ValueError("backward: inputs is empty; leave it out to reach every leaf")
    found: Any = gradients(outputs, grad_outputs, inputs, retain_graph, create_graph, "backward")
    if inputs is not None:
        # Where `retain_grad` was called, its hook has kept the gradient on the way.
        found = [(x, g) for x, g in found if g is not None and not x.retains_grad]
    for x, g in found:
        if x._grad is not None or type(x.array) is not type(g.array):
            _check_receivable(x, g)
    # Arrays that somebody holds already, and no leaf may come to hold as well.
    handed = {id(g.array) for g in grad_outputs if isinstance(g, Tensor)}
    for x, g in found:
        x._grad = exclusive(g, handed) if x._grad is None else _added(x._grad, g, create_graph)


def _check_receivable(x: Tensor, g: Tensor) -> None:
    """Raises where a gradient cannot be added to the `.grad` of a leaf."""
    if has_values(x.array) and not has_values(g.array):
        raise TypeError(
            f"backward: a leaf of shape {x.shape} is on {x.device} and its gradient on "
            f"{g.device}: a meta tensor, which has no values, took part in the graph"
        )
    if x._grad is not None and x._grad.shape != g.shape:
        raise ShapeError(
            f"backward: a leaf has a .grad of shape {x._grad.shape}, and its new gradient is "
            f"of shape {g.shape}, since its array was replaced; set x.grad = None first"
        )


# starting a sweep -----------------------------------------------------------------------------


def gradients(
    outputs: Sequence[Tensor],
    grad_outputs: Sequence[Any],
    inputs: Sequence[Tensor] | None,
    retain_graph: bool | None,
    create_graph: bool,
    who: str,
) -> list[tuple[Any, Tensor | None]]:
    """Sweeps from `outputs`: (tensor, its gradient) for each input, or for every leaf reached."""
    for i, x in enumerate(inputs or ()):
        if not x.requires_grad:
            raise ValueError(f"{who}: inputs[{i}] of shape {x.shape} does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    sweep = Sweep(keep, _lift if create_graph else None)
    roots = []
    for y, g in zip(outputs, grad_outputs, strict=True):
        if y.node is None:
            raise RuntimeError(f"{who}: {_why_no_graph(y)}")
        g = _first_gradient(y, g, who)
        roots.append((y if y.node is LEAF else y.node, g if create_graph else g.array))
    wanted = capture = None
    if inputs is not None:
        targets = [x if x.node is LEAF else x.node for x in inputs]
        nodes = [y.node for y in outputs if y.node is not LEAF]
        wanted = leading_to({key_of(t) for t in targets}, nodes)
        capture = {t.birth: None for t in targets if isinstance(t, Node)}
    _quietly(sweep.run, roots, wanted, capture, recording=create_graph)
    if inputs is None:
        return [(leaf, _leaf_gradient(leaf, g)) for leaf, g, _ in sweep.leaves.values()]
    return [(x, _gradient_of(x, sweep, capture)) for x in inputs]


def _quietly(run: Callable, *args: Any, recording: bool) -> Any:
    """Runs a sweep with the recording switch set, and NumPy's floating-point warnings off."""
    was = set_mode(Mode(True, current_mode().watchers) if recording else SILENT)
    loud = quiet.begin()
    try:
        return run(*args)
    finally:
        quiet.end(loud)
        restore_mode(was)


def _lift(node: Node, name: str, value: Any) -> Any:
    """Makes Tensors of a saved value, so that rules run on Tensors and are recorded."""
    op = node.plan.op
    if name == "y":
        return _lift_outputs(node, value) if type(value) is tuple else make(value, node)
    if name not in op.inputs:
        return value
    if op.variadic:
        return tuple([_lift_input(node, i, each, name) for i, each in enumerate(value)])
    return _lift_input(node, op.inputs.index(name), value, name)


def _lift_outputs(node: Node, parts: tuple) -> tuple[Tensor, ...]:
    return tuple(
        [
            make(p, Pick.number(i, node, p) if p.dtype.kind in FLOATING else None)
            for i, p in enumerate(parts)
        ]
    )


def _lift_input(node: Node, index: int, value: Any, name: str) -> Any:
    if index not in node.plan.wanted:
        return value
    parent = node.parents[node.plan.wanted.index(index)]
    if isinstance(parent, Node):
        return make(value, parent)
    if parent.array is not value:
        raise RuntimeError(
            f"{node.name}: the array of leaf {name!r} was replaced after it was used; "
            "create_graph needs the leaf as it was"
        )
    return parent


def _first_gradient(y: Tensor, g: Any, who: str) -> Tensor:
    """dL/dy at the start of a sweep, checked."""
    if g is None:
        if y.array.size != 1:
            raise RuntimeError(
                f"{who}: the tensor has shape {y.shape}, and a gradient starts from one number; "
                "write y.sum().backward(), or pass gradient= of that shape"
            )
        return make(_ones_like(y.array))
    if not isinstance(g, Tensor):
        g = Tensor(g, device=y.device)
    if g.shape != y.shape:
        raise ShapeError(f"{who}: gradient has shape {g.shape}, expected {y.shape}")
    if g.device != y.device:
        raise TypeError(f"{who}: gradient is on {g.device}, and the tensor on {y.device}")
    return g if g.dtype == y.dtype else make(g.array.astype(y.dtype))


def _ones_like(x: Array) -> Array:
    """Ones of one element or none: NumPy takes longest to set out."""
    if type(x) is not np.ndarray:
        return np.ones_like(x)
    y = x.copy()
    y.fill(1)
    return y


def _why_no_graph(y: Tensor) -> str:
    """The reason a tensor has no graph, in one sentence with a fix."""
    if y.cut is not None:
        return f"this tensor has no graph: {y.cut}"
    return (
        "this tensor has no graph: nothing it was computed from requires grad; "
        "make the leaves with requires_grad=True"
    )


def _leaf_gradient(leaf: Tensor, g: Any) -> Tensor:
    """Runs a leaf's hooks on its complete gradient."""
    if type(g) is np.ndarray and not leaf._hooks:
        return make(g)
    if isinstance(g, np.generic):
        g = np.asarray(g)
    for hook in tuple(leaf._hooks):
        g = hook(g)
    return g if isinstance(g, Tensor) else make(g)


def _gradient_of(x: Tensor, sweep: Sweep, capture: Any) -> Tensor | None:
    if x.node is LEAF:
        entry = sweep.leaves.get(id(x))
        return None if entry is None else _leaf_gradient(x, entry[1])
    g = capture[x.node.birth]
    return g if g is None or isinstance(g, Tensor) else make(g)


def exclusive(g: Tensor, handed: set[int]) -> Tensor:
    """A gradient whose array no other tensor shares: copied unless it is a fresh one.

    A rule may return its `g` itself (add), or a view of it (reshape); two leaves must not end up
    with one array between them, nor with the caller's.
    """
    x = g.array
    if id(x) in handed or x.base is not None:
        g = make(x.copy()) if g.node is None else _quietly(g.clone, recording=True)
    handed.add(id(g.array))
    return g


def _added(old: Tensor, new: Tensor, create_graph: bool) -> Tensor:
    """The sum of two backwards. In place, as in torch, unless it has to be recorded."""
    if create_graph:
        return _quietly(operator.add, old, new, recording=True)
    quiet.run(operator.iadd, old.array, new.array)
    stamp(old.array, "backward")
    return old


# hooks ----------------------------------------------------------------------------------------


class Handle:
    """A registered hook; `remove()` takes it away, also at the end of a `with` block."""

    def __init__(self, hooks: list, hook: Callable):
        self.hooks, self.hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Unregisters the hook; a second call does nothing."""
        if self.hook in self.hooks:
            self.hooks.remove(self.hook)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Calls `hook(g)` with the complete gradient of this tensor in every backward.

    What it returns, if anything, replaces the gradient. The gradient it sees is read-only.

    Returns:
        A handle; `handle.remove()` unregisters the hook.
    """
    node = self.node
    if node is None:
        raise RuntimeError("register_hook: this tensor does not require grad")
    if not callable(hook):
        raise TypeError(f"register_hook: expected a function, got {type(hook).__name__}")
    shape, dtype = self.shape, self.dtype

    def on_gradient(g: Any) -> Any:
        replaced = hook(shown(g))
        if replaced is None:
            return g
        if not isinstance(replaced, Tensor):
            raise TypeError(
                f"hook: returned {type(replaced).__name__}, expected a Tensor, or None to leave "
                "the gradient as it is"
            )
        if replaced.shape != shape:
            raise ShapeError(
                f"hook: returned a gradient of shape {replaced.shape}, expected {shape}"
            )
        if replaced.dtype != dtype:
            raise TypeError(
                f"hook: returned a gradient of {replaced.dtype}, expected {dtype}; convert it with "
                ".to(g.dtype)"
            )
        return replaced if isinstance(g, Tensor) else replaced.array

    if isinstance(node, Node):
        node.hooks = hooks = [] if node.hooks is None else node.hooks
    else:
        hooks = self.__dict__.setdefault("_hooks", [])
    handle = Handle(hooks, on_gradient)
    if self.retains_grad and len(hooks) > 1:  # what `.grad` keeps is what all hooks made of it
        hooks.append(hooks.pop(-2))
    return handle


def retain_grad(self: Tensor) -> None:
    """Keeps the gradient of a result in `.grad`, as leaves do."""
    node = self.node
    if node is None:
        raise RuntimeError("retain_grad: this tensor does not require grad")
    if not isinstance(node, Node) or self.retains_grad:
        return
    me, birth = weakref.ref(self), node.birth

    def keep(g: Tensor) -> None:
        # In place on the tape a tensor gets a new node, and the old one is no longer its own.
        if (x := me()) is not None and isinstance(x.node, Node) and x.node.birth == birth:
            x._grad = g.detach().clone() if x._grad is None else x._grad + g.detach()

    self.register_hook(keep)
    self.retains_grad = True


def shown(g: Any) -> Tensor:
    """A gradient for the user's own code to see: it is shared, and must not be edited in place."""
    x, node = (g.array, g.node) if isinstance(g, Tensor) else (g, None)
    if node is LEAF:
        return g
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return make(x, node)


for bound in (backward, register_hook, retain_grad):
    setattr(Tensor, bound.__name__, bound)
