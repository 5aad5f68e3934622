"""Products with the Jacobian J of a function: g -> Jᵀ g backward, v -> J v forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.transforms.run import Pushing, Run, matching
from minitorch.tree import rebuild


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(y, pull) with pull(g) = Jᵀ g for each primal; (y, pull, aux) with aux.

    `pull(g, retain_graph=True, create_graph=None)` may be called again and again, unless
    `retain_graph` is False; what it returns can itself be differentiated where `create_graph` is
    True, or is None and `g` or what `func` closes over requires grad.

    >>> import minitorch
    >>> y, pull = vjp(lambda x: x * x, minitorch.tensor([1.0, 2.0]))
    >>> pull(minitorch.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    run = _run("vjp", func, primals, has_aux)

    def pull(g: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        return run.nested(
            run.pull(matching("vjp", g, run.output, run.ys), retain_graph, create_graph)
        )

    output = run.released(run.output)
    return (output, pull, run.released(run.aux)) if has_aux else (output, pull)


def jvp(
    func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False
) -> tuple:
    """(y, J v): how y changes when the primals move along the tangents v; (y, J v, aux) with aux.

    The tangents are nested as the primals are, with None for what is not differentiated (integers,
    strings). Two backwards: u -> Jᵀ u is linear in u, and the gradient of <Jᵀ u, v> by u is J v.

    Args:
        strict: raise where an output depends on no primal, or a primal moves no output.

    >>> import minitorch
    >>> x, v = minitorch.tensor([1.0, 2.0]), minitorch.tensor([1.0, 10.0])
    >>> jvp(lambda x: x * x, (x,), (v,))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"jvp: {name} must be a tuple, one for each argument of the function, got a "
                f"{type(given).__name__}; for a single one write ({name[:-1]},)"
            )
    run = _run("jvp", func, tuple(primals), has_aux)
    if strict:
        run.refuse_independence(every_pair=False)
    moved = Pushing(run)(matching("jvp", tangents, run.tree, run.variables))
    output, change = run.released(run.output), rebuild(run.output, moved)
    return (output, change, run.released(run.aux)) if has_aux else (output, change)


def linearize(func: Callable, *primals: Any) -> tuple:
    """(y, push) with push(*tangents) = J v: the function is run once, for as many v as one likes.

    >>> import minitorch
    >>> y, push = linearize(lambda x: x * x, minitorch.tensor([1.0, 2.0]))
    >>> push(minitorch.tensor([1.0, 10.0])), push(minitorch.tensor([1.0, 0.0]))
    (tensor([ 2., 40.]), tensor([2., 0.]))
    """
    run = _run("linearize", func, primals)
    pushing = Pushing(run)

    def push(*tangents: Any) -> Any:
        vectors = matching("linearize", tangents, run.tree, run.variables)
        return rebuild(run.output, pushing(vectors, keep=True))

    return run.released(run.output), push


def _run(who: str, func: Callable, primals: tuple, has_aux: bool = False) -> Run:
    """A run that is differentiated by all of its arguments."""
    return Run(who, func, primals, None, tuple(range(len(primals))), has_aux)
