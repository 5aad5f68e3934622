"""One run of a function on fresh variables: what every transform of a function begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.autograd.on_demand import grad as gradients
from minitorch.modes import enable_grad
from minitorch.ops.shape import reshape
from minitorch.tape import Node, ancestors, key_of
from minitorch.tensor import LEAF, ShapeError, Tensor, make
from minitorch.tree import leaves, map_leaves

Argnums = int | tuple[int, ...]


# leaves that nobody asks for --------------------------------------------------------------------

_HIDDEN = "_hidden"


def hidden(x: Tensor) -> Tensor:
    """The leaf, marked: nobody but the one who made it can ask for its gradient."""
    vars(x)[_HIDDEN] = True
    return x


def is_outer(ys: Sequence[Tensor], besides: Sequence[Tensor] = ()) -> bool:
    """Do these depend on a leaf, besides some, that somebody may ask for the gradient of?"""
    known = set(map(id, besides))
    parents = [p for node in ancestors(_nodes(ys)) for p in node.parents]
    return any(
        not isinstance(p, Node) and _HIDDEN not in vars(p) and id(p) not in known for p in parents
    )


# the run ----------------------------------------------------------------------------------------


class Run:
    """A function run on fresh variables, apart from those of a transform around it.

    Args:
        who: the transform, for errors.
        f, args, kwargs: what is run, and on what.
        argnums: the arguments to differentiate by.
        has_aux: `f` returns (what is differentiated, what is only handed on).

    Attributes:
        tree: the differentiated arguments, each float Tensor (or number) in it a fresh variable.
        variables: these variables.
        output, aux: what the function returned.
        ys: the Tensors in the output.
        outer: does the output depend on anything else that requires grad?
    """

    def __init__(
        self,
        who: str,
        f: Callable,
        args: Sequence[Any],
        kwargs: dict[str, Any] | None = None,
        argnums: Argnums = 0,
        has_aux: bool = False,
    ):
        self.who, self.argnums = who, argnums
        self.variables: list[Tensor] = []
        args = list(args)
        chosen = _places(who, argnums, len(args))
        for i in chosen:
            args[i] = map_leaves(self._fresh, args[i])
        picked = tuple(args[i] for i in chosen)
        self.tree = picked[0] if isinstance(argnums, int) else picked
        if not self.variables:
            raise TypeError(self._nothing_to_differentiate_by(picked))
        with enable_grad():
            result = f(*args, **(kwargs or {}))
        # Now, and no sooner: a transform inside `f` had to see that something depends on them.
        for x in self.variables:
            hidden(x)
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(f"{who}: with has_aux=True the function must return (output, aux)")
        self.aux: Any = None
        self.output, self.aux = result if has_aux else (result, None)
        self.ys = leaves(self.output)
        for y in self.ys:
            if not isinstance(y, Tensor):
                met = type(y).__name__
                raise TypeError(f"{who}: the function returned a {met}, expected Tensors")
        self.outer = is_outer(self.ys)

    def _fresh(self, x: Any) -> Any:
        if isinstance(x, float):
            x = Tensor(x)
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        with enable_grad():
            # on a tape already: a node of its own, for only what passes through it is meant
            x = make(x.array, LEAF) if x.node is None else reshape(x, x.shape)
        self.variables.append(x)
        return x

    def _nothing_to_differentiate_by(self, picked: tuple) -> str:
        said = f"{self.who}: no floating-point Tensor or number in argument {self.argnums}"
        if any(hasattr(x, "named_parameters") for x in leaves(picked)):
            said += (
                "; to differentiate by a module's parameters, give dict(model.named_parameters()) "
                "and call func.functional_call(model, parameters, x)"
            )
        return said

    def refuse_independence(self, every_pair: bool, output: str = "output") -> None:
        """Raises where a derivative is zero because nothing leads from the input to the output.

        Args:
            every_pair: each output has to depend on each input; if not, on some, and each input
                has to matter to some.
            output: what the outputs are called in the error.
        """
        depends = [[_leads(x, y) for x in self.variables] for y in self.ys]
        for k, row in enumerate(depends):
            if not any(row):
                self._independent(f"{output} {k} does not depend on any input")
            if every_pair and not all(row):
                self._independent(f"{output} {k} does not depend on input {row.index(False)}")
        for i, column in enumerate(zip(*depends)):
            if not any(column):
                self._independent(f"no {output} depends on input {i}")

    def _independent(self, found: str) -> None:
        raise RuntimeError(f"{self.who}: {found}: a derivative of zero, which strict=True refuses")

    def pull(
        self, gs: Sequence[Tensor], keep: bool = False, create: bool | None = None
    ) -> list[Tensor]:
        """Jᵀ g for each variable; zeros where nothing depends on it."""
        if create is None:
            create = self.outer or any(g.requires_grad for g in gs)
        pairs = [(y, g) for y, g in zip(self.ys, gs, strict=True) if y.requires_grad]
        if not pairs:
            return zeros_like(self.variables)
        ys, gs = zip(*pairs)
        found = gradients(ys, self.variables, list(gs), keep or create, create, allow_unused=True)
        return filled(found, self.variables)

    def nested(self, grads: Sequence[Any]) -> Any:
        """Gradients in the containers that the variables came in; None for what is no variable."""
        found = dict(zip(map(id, self.variables), grads))
        return map_leaves(lambda x: found.get(id(x)), self.tree)

    def released(self, tree: Any) -> Any:
        """The values without the graph of this run, unless a transform around it needs that."""
        return tree if self.outer else map_leaves(detached, tree)

    def scalar(self) -> Tensor:
        """The one number that the function returned."""
        if len(self.ys) != 1 or self.ys[0].numel() != 1:
            shapes = ", ".join(str(y.shape) for y in self.ys)
            raise ShapeError(
                f"{self.who}: the function returned {shapes}, expected one number; reduce it "
                "(.sum()), or use jacrev for all rows"
            )
        return self.ys[0]


def _places(who: str, argnums: Argnums, count: int) -> list[int]:
    """Which of the arguments to differentiate by, counted from the front."""
    places = []
    for i in (argnums,) if isinstance(argnums, int) else argnums:
        if not -count <= i < count:
            raise ValueError(f"{who}: argnums {i}, but there are {count} arguments")
        if i % count in places:
            raise ValueError(f"{who}: argnums {argnums} names an argument twice")
        places.append(i % count)
    return places


class Pushing:
    """v -> J v of a run, as often as one likes.

    Backward is u -> Jᵀ u, which is linear in u, and so the gradient of <Jᵀ u, v> by u is J v,
    whatever u is: a backward that is recorded once, and a backward through it for each v. (u is 1
    and not 0, as a rule may leave out what no gradient comes to; that of `eigh` does.)
    """

    def __init__(self, run: Run):
        self.run = run
        self.us = [hidden(make(np.ones_like(y.array), LEAF)) for y in run.ys]
        with enable_grad():
            self.pulled = run.pull(self.us, create=True)

    def __call__(self, vectors: Sequence[Tensor], keep: bool = False) -> list[Tensor]:
        """J v, one vector for each variable; zeros for an output that depends on none of them."""
        pairs = [(p, v) for p, v in zip(self.pulled, vectors, strict=True) if p.requires_grad]
        if not pairs:
            return zeros_like(self.us)
        pulled, vs = zip(*pairs)
        create = self.run.outer or any(v.requires_grad for v in vs)
        found = gradients(pulled, self.us, list(vs), keep or create, create, allow_unused=True)
        return filled(found, self.us)


def matching(who: str, given: Any, tree: Any, like: Sequence[Tensor]) -> list[Tensor]:
    """Vectors for a product, one for each Tensor, checked; None is for what is not differentiated.

    Args:
        who: the transform, for errors.
        given: the vectors, nested as `tree`.
        tree: what they are multiplied with, in which `like` are the Tensors that count.

    Raises:
        ShapeError: they are not of the shapes of what they are multiplied with, or stand in dicts
            of other keys.
    """
    found = [v for v in leaves(_in_order_of(tree, given, who)) if v is not None]
    vectors = [v if isinstance(v, Tensor) else Tensor(v) for v in found]
    shapes = [v.shape for v in vectors]
    if shapes != [x.shape for x in like]:
        raise ShapeError(f"{who}: vectors of shape {shapes}, expected {[x.shape for x in like]}")
    return vectors


def _in_order_of(tree: Any, given: Any, who: str) -> Any:
    """The vectors, with what is in dicts in the order of those in the tree."""
    if isinstance(tree, dict) and isinstance(given, dict):
        if tree.keys() != given.keys():
            raise ShapeError(f"{who}: vectors under {[*given]}, expected {[*tree]}")
        return {key: _in_order_of(part, given[key], who) for key, part in tree.items()}
    lists = isinstance(tree, (tuple, list)) and isinstance(given, (tuple, list))
    if lists and len(tree) == len(given):
        return [_in_order_of(part, v, who) for part, v in zip(tree, given)]
    return given


def basis(x: Tensor, i: int) -> Tensor:
    """A Tensor like `x` that is 1 at element `i`, counted row by row, and 0 elsewhere."""
    e = np.zeros_like(x.array, shape=(x.numel(),))
    e[i] = 1
    return make(e.reshape(x.shape))


def zeros_like(xs: Sequence[Tensor]) -> list[Tensor]:
    """Zeros in the shapes of these Tensors, on no tape."""
    return [make(np.zeros_like(x.array)) for x in xs]


def filled(found: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """The same, with zeros in place of None."""
    return [make(np.zeros_like(x.array)) if g is None else g for g, x in zip(found, like)]


def detached(x: Any) -> Any:
    """A Tensor without its graph; whatever else it is."""
    return x.detach() if isinstance(x, Tensor) else x


def _leads(x: Tensor, y: Tensor) -> bool:
    """Is y made from the variable x, or x itself?"""
    if x is y:
        return True
    nodes = ancestors(_nodes([y]))
    keys = {node.birth for node in nodes} | {key_of(p) for node in nodes for p in node.parents}
    return key_of(x if x.node is LEAF else x.node) in keys


def _nodes(ys: Sequence[Tensor]) -> list[Node]:
    return [y.node for y in ys if isinstance(y.node, Node)]
