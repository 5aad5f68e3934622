"""Functions of functions: f becomes its gradient, its Jacobian, its products. torch.func's names.

    grad(f)(x)                dL/dx for a scalar L = f(x)
    vjp(f, x)                 y, and g -> Jᵀ g
    jvp(f, (x,), (v,))        y, and J v
    jacrev(f)(x)              J itself, a backward for each of its rows
    hessian(f)(x)             the Jacobian of the gradient
    vmap(f)(xs)               f of each example of a batch

Arguments may be nested tuples, lists and dicts of Tensors; gradients come back nested alike. The
transforms nest: `grad(grad(f))` is the second derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.autograd.on_demand import grad as gradients
from minitorch.mapped import vmap as vmap
from minitorch.modes import enable_grad
from minitorch.ops.join import stack
from minitorch.ops.shape import reshape
from minitorch.tape import Node, ancestors
from minitorch.tensor import LEAF, ShapeError, Tensor, make
from minitorch.tree import leaves, map_leaves, rebuild

Argnums = int | tuple[int, ...]


# a function, run on arguments of its own ------------------------------------------------------


class _Run:
    """One run of a function on fresh variables, apart from those of a transform around it.

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
        kwargs: dict,
        argnums: Argnums,
        has_aux: bool,
    ):
        self.who, self.argnums = who, argnums
        self.variables: list[Tensor] = []
        chosen = (argnums,) if isinstance(argnums, int) else argnums
        args = list(args)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise ValueError(f"{who}: argnums {i}, but there are {len(args)} arguments")
            args[i] = map_leaves(self._fresh, args[i])
        picked = tuple(args[i] for i in chosen)
        self.tree = picked[0] if isinstance(argnums, int) else picked
        if not self.variables:
            raise TypeError(f"{who}: no floating-point Tensor or number in argument {argnums}")
        with enable_grad():
            result = f(*args, **kwargs)
        self.aux: Any = None
        self.output, self.aux = result if has_aux else (result, None)
        self.ys = leaves(self.output)
        for y in self.ys:
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"{who}: the function returned a {type(y).__name__}, expected Tensors"
                )
        self.outer = self._is_outer()

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

    def _is_outer(self) -> bool:
        mine = {id(x) for x in self.variables}
        roots = [y.node for y in self.ys if isinstance(y.node, Node)]
        return any(
            not isinstance(p, Node) and id(p) not in mine
            for node in ancestors(roots)
            for p in node.parents
        )

    def pull(
        self, gs: Sequence[Tensor], keep: bool = False, create: bool | None = None
    ) -> list[Tensor]:
        """Jᵀ g for each variable; zeros where nothing depends on it."""
        create = self.outer if create is None else create
        pairs = [(y, g) for y, g in zip(self.ys, gs, strict=True) if y.requires_grad]
        if not pairs:
            return [make(np.zeros_like(x.array)) for x in self.variables]
        ys, gs = zip(*pairs)
        found = gradients(ys, self.variables, list(gs), keep or create, create, allow_unused=True)
        return [
            make(np.zeros_like(x.array)) if g is None else g for x, g in zip(self.variables, found)
        ]

    def nested(self, grads: Sequence[Any]) -> Any:
        """Gradients in the containers that the variables came in; None for what is no variable."""
        found = dict(zip(map(id, self.variables), grads))
        return map_leaves(lambda x: found.get(id(x)), self.tree)

    def released(self, tree: Any) -> Any:
        """The values without the graph of this run, unless a transform around it needs that."""
        return tree if self.outer else map_leaves(_detached, tree)

    def scalar(self) -> Tensor:
        """The one number that the function returned."""
        if len(self.ys) != 1 or self.ys[0].numel() != 1:
            shapes = ", ".join(str(y.shape) for y in self.ys)
            raise ShapeError(
                f"{self.who}: the function returned {shapes}, expected one number; reduce it "
                "(.sum()), or use jacrev for all rows"
            )
        return self.ys[0]


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def _matching(who: str, given: Any, like: Sequence[Tensor]) -> list[Tensor]:
    """Vectors for a product, one for each Tensor, checked."""
    vectors = [v if isinstance(v, Tensor) else Tensor(v) for v in leaves(given)]
    shapes = [v.shape for v in vectors]
    if shapes != [x.shape for x in like]:
        raise ShapeError(f"{who}: vectors of shape {shapes}, expected {[x.shape for x in like]}")
    return vectors


# gradients ------------------------------------------------------------------------------------


def grad_and_value(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns (gradient, value) of `func`; (gradient, (value, aux)) with aux."""

    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = _Run("grad", func, args, kwargs, argnums, has_aux)
        y = run.scalar()
        grads = run.nested(run.pull([make(np.ones_like(y.array))]))
        value = run.released(run.output)
        return grads, (value, run.released(run.aux)) if has_aux else value

    return transformed


def value_and_grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns (value, gradient) of `func`; ((value, aux), gradient) with aux.

    >>> import minitorch
    >>> value_and_grad(lambda x: x * x)(3.0)
    (tensor(9.), tensor(6.))
    """
    both = grad_and_value(func, argnums, has_aux)
    return lambda *args, **kwargs: both(*args, **kwargs)[::-1]


def grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns dL/dx of L = func(x): one number in, or out of, nested Tensors.

    Args:
        func: returns a Tensor of one element.
        argnums: which argument to differentiate by; a tuple of them gives a tuple of gradients.
        has_aux: `func` returns (L, aux), and the result is (gradient, aux).

    >>> import minitorch
    >>> grad(minitorch.tanh)(1.0)
    tensor(0.4200)
    >>> grad(lambda p: (p["w"] * p["w"]).sum())({"w": minitorch.tensor([1.0, 2.0])})
    {'w': tensor([2., 4.])}
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return transformed


def elementwise_grad(func: Callable, argnums: Argnums = 0) -> Callable:
    """dy_i/dx_i for a function applied element by element: the gradient of its sum.

    >>> import minitorch
    >>> elementwise_grad(lambda x: x * x)(minitorch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = _Run("elementwise_grad", func, args, kwargs, argnums, False)
        return run.nested(run.pull([make(np.ones_like(y.array)) for y in run.ys]))

    return transformed


# products with the Jacobian -------------------------------------------------------------------


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(y, pull) with pull(g) = Jᵀ g for each primal; (y, pull, aux) with aux.

    >>> import minitorch
    >>> y, pull = vjp(lambda x: x * x, minitorch.tensor([1.0, 2.0]))
    >>> pull(minitorch.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    run = _Run("vjp", func, primals, {}, tuple(range(len(primals))), has_aux)

    def pull(g: Any) -> tuple:
        return run.nested(run.pull(_matching("vjp", g, run.ys), keep=True))

    output = run.released(run.output)
    return (output, pull, run.released(run.aux)) if has_aux else (output, pull)


def jvp(func: Callable, primals: tuple, tangents: tuple, has_aux: bool = False) -> tuple:
    """(y, J v): how y changes when the primals move along the tangents v.

    Two backwards: u -> Jᵀ u is linear in u, and the gradient of <Jᵀ u, v> by u is J v.

    >>> import minitorch
    >>> x, v = minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 10.0])
    >>> jvp(lambda x: x * x, (x,), (v,))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    run = _Run("jvp", func, primals, {}, tuple(range(len(primals))), has_aux)
    vectors = _matching("jvp", tangents, run.variables)
    us = [make(np.zeros_like(y.array), LEAF) for y in run.ys]
    with enable_grad():
        pulled = [p for p in zip(run.pull(us, create=True), vectors) if p[0].requires_grad]
    if pulled:
        along, vs = zip(*pulled)
        outer = run.outer or any(v.requires_grad for v in vs)
        found = gradients(along, us, list(vs), None, outer, allow_unused=True)
    else:
        found = (None,) * len(us)
    moved = [make(np.zeros_like(u.array)) if j is None else j for u, j in zip(us, found)]
    output, change = run.released(run.output), rebuild(run.output, moved)
    return (output, change, run.released(run.aux)) if has_aux else (output, change)


# matrices -------------------------------------------------------------------------------------


def jacrev(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that returns the Jacobian, of shape (*y.shape, *x.shape), row by row.

    Several outputs give as many Jacobians, nested as the output; in each, nested as the arguments.

    >>> import minitorch
    >>> jacrev(lambda x: x * x)(minitorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = _Run("jacrev", func, args, kwargs, argnums, has_aux)
        found = rebuild(run.output, [run.nested(_rows(run, k)) for k in range(len(run.ys))])
        return (found, run.released(run.aux)) if has_aux else found

    return transformed


def _rows(run: _Run, k: int) -> list[Tensor]:
    """The Jacobians of output number `k` by each variable."""
    y = run.ys[k]
    rows = []
    for i in range(y.numel()):
        gs = [make(np.zeros_like(other.array)) for other in run.ys]
        gs[k].array.reshape(-1)[i] = 1
        rows.append(run.pull(gs, keep=True))
    if not rows:
        return [make(np.zeros_like(x.array, shape=(*y.shape, *x.shape))) for x in run.variables]
    return [
        reshape(stack(column), (*y.shape, *x.shape)) for column, x in zip(zip(*rows), run.variables)
    ]


jacfwd = jacrev  # torch's other way to the same matrix


def hessian(func: Callable, argnums: Argnums = 0) -> Callable:
    """A function that returns the second derivatives, of shape (*x.shape, *x.shape).

    >>> import minitorch
    >>> hessian(lambda x: (x * x * x).sum())(minitorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(grad(func, argnums), argnums)
