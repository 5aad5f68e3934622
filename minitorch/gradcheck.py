"""The gradient check: is the gradient that the rules give the slope that the function has?

Both are measured in `minitorch/slopes.py`; here they are judged. What a failure says is put
together in `minitorch/gradreport.py`. A check that could not decide (no elements, slopes that are
all zero, NaN on both sides) raises as well: a test that passes has compared something.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.autograd.on_demand import grad
from minitorch.gradreport import GradcheckError, kink_text, place, report, undecided
from minitorch.slopes import Experiment, Limits, copied, is_wanted, settings
from minitorch.tensor import LEAF, ShapeError, Tensor, make
from minitorch.tree import leaves
from minitorch.undefined import choices


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-5,
    atol: float = 1e-9,
    rtol: float = 1e-6,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    zero_ok: bool = False,
    seed: int = 0,
) -> bool:
    """Compares the gradients of `func` with finite differences, element by element.

    Args:
        func: takes the inputs, returns a Tensor or nested Tensors.
        inputs: a Tensor or a tuple; checked are the floating-point Tensors that require grad, also
            inside nested tuples, lists and dicts. Everything else is passed as it is. They are
            copied to float64; the caller's own are neither changed nor converted.
        eps: the step h of the central difference.
        rtol: a gradient a and a slope n agree when |a - n| <= rtol max|n| + atol max(1, max|y|).
        atol: see rtol.
        raise_exception: raise on failure; otherwise return False.
        nondet_tol: how far two backwards of one graph may differ.
        fast_mode: check three random directions, as is always done above 10,000 elements.
        zero_ok: announces that some input has slope zero everywhere, which is otherwise an error.
        seed: of the random weights g.

    Returns:
        True when every element agrees. Elements on a kink (relu at 0) have no slope to compare
        with: they are left out with a warning when the rule lies between the two slopes.

    Raises:
        GradcheckError: elements disagree (the message says where, and why where it can tell), or
            nothing could be decided.

    >>> import minitorch
    >>> a, b = (minitorch.Tensor([1.0, v], requires_grad=True) for v in (2.0, 3.0))
    >>> gradcheck(lambda a, b: a * b, (a, b))
    True
    """
    limits = Limits(eps, atol, rtol, nondet_tol, "all" if zero_ok else "none")
    try:
        with settings():
            return _verdict(Experiment(func, inputs, limits, seed, fast_mode))
    except GradcheckError:
        if raise_exception:
            raise
        return False


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-5,
    atol: float = 1e-9,
    rtol: float = 1e-6,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Compares second-order gradients: the gradient of the gradient, by the inputs and by g.

    Args:
        func: as in `gradcheck`.
        inputs: as in `gradcheck`.
        grad_outputs: g for each output that requires grad; random by default.
        eps: as in `gradcheck`, and so are all that follow.
        atol: see there.
        rtol: see there.
        raise_exception: see there.
        nondet_tol: see there.
        fast_mode: see there.
        seed: see there.

    Raises:
        GradcheckError: as in `gradcheck`.
    """
    limits = Limits(eps, atol, rtol, nondet_tol, "some")
    try:
        with settings():
            first = Experiment(func, inputs, limits, seed, fast_mode)
            gs = first.g if grad_outputs is None else [copied(g) for g in leaves(grad_outputs)]
            gs = [make(g.array.copy(), LEAF) for g in gs]
            tree = (*first.tree, *gs)
            return _verdict(Experiment(gradient_of(first), tree, limits, seed, fast_mode, order=2))
    except GradcheckError:
        if raise_exception:
            raise
        return False


def gradient_of(first: Experiment) -> Callable[..., list[Tensor]]:
    """dL/dx as a function of x and g: what is checked at second order."""
    count = len(first.tree)

    def gradient(*args: Any) -> list[Tensor]:
        ys = first.differentiable(first.call(args[:count]))
        wanted = [x for x in leaves(args[:count]) if is_wanted(x)]
        found = grad(ys, wanted, list(args[count:]), create_graph=True, allow_unused=True)
        return [x for x in found if x is not None]

    gradient.__name__ = f"the gradient of {first.name}"
    return gradient


def _verdict(experiment: Experiment) -> bool:
    """True, or the error that says what is wrong; a warning for kinks."""
    results = experiment.results()
    if any(r.bad or r.kinks for r in results) and experiment.in_float32():
        raise undecided(experiment, "the function computes in float32 inside, where it is a stair")
    if any(r.bad for r in results) or experiment.facts:
        raise GradcheckError(report(experiment, results))
    zeros = []
    for r in results:
        decided = len(r.probes) - len(r.kinks) - len(r.blind)
        if r.blind:
            raise undecided(
                experiment,
                f"the function is not finite near {len(r.blind)} of {len(r.probes)} elements of "
                f"input {r.index} ({r.name}), the first at {place(r.probes[r.blind[0]])}: move "
                "the sample",
            )
        if r.probes and decided == 0:
            raise undecided(
                experiment,
                f"every element lies on a kink: {kink_text(r)}",
            )
        floor = experiment.limits.atol * experiment.size
        if r.probes and max(np.abs(r.rule).max(), np.abs(r.numeric).max()) <= floor:
            zeros.append(r)
    allowed = {"none": 0, "some": len(results) - 1, "all": len(results)}[experiment.limits.zero]
    if len(zeros) > allowed:
        named = ", ".join(f"{r.index} ({r.name})" for r in zeros)
        raise undecided(
            experiment,
            f"moving input {named} does not change the output, and its gradient is 0: a rule that "
            "is always 0 would pass. Choose other values, set requires_grad=False on it, or "
            "announce it with zero_ok=True",
        )
    for r in results:
        if r.kinks:
            said = choices(experiment.op)
            policy = f"; the table of undefined gradients: {said}" if said else ""
            text = f"gradcheck: {experiment.name}: {kink_text(r)}{policy}"
            warnings.warn(text, stacklevel=3)
    return True


def compare(manual: Any, auto: Any, rtol: float = 1e-5, atol: float = 1e-6) -> bool:
    """Prints how far gradients derived by hand are from a reference, a line for each tensor.

    Args:
        manual: a Tensor or array, or several in a list, a tuple or a dict by name.
        auto: the reference, nested alike.
        rtol: a difference is close up to atol + rtol max|auto|.
        atol: see rtol.

    Returns:
        True when every tensor is exact or close.

    Raises:
        ValueError: other names, another number of tensors, or another shape.

    >>> import minitorch
    >>> w = minitorch.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> compare({"2w": 2 * w, "w": w}, {"2w": w.grad, "w": w.grad})
    2w  exact      max difference 0
    w   different  max difference 2
    False
    """
    ours, reference = _by_name(manual), _by_name(auto)
    if list(ours) != list(reference):
        raise ValueError(f"compare: {list(ours)} and {list(reference)} are not the same tensors")
    width, fine = max(map(len, ours), default=0), True
    for name, x in ours.items():
        y = reference[name]
        if x.shape != y.shape:
            raise ShapeError(f"compare: {name} has shape {x.shape}, expected {y.shape}")
        apart = float(np.abs(x - y).max(initial=0.0))
        close = apart <= atol + rtol * float(np.abs(y).max(initial=0.0))
        word = "exact" if np.array_equal(x, y) else "close" if close else "different"
        print(f"{name:{width}}  {word:9}  max difference {apart:.3g}")
        fine &= close
    return fine


def _by_name(given: Any) -> dict[str, np.ndarray]:
    """Tensors as NumPy arrays, under their names, or their numbers where they have none."""
    if not isinstance(given, (dict, list, tuple)):
        given = [given]
    if not isinstance(given, dict):
        given = {str(i): x for i, x in enumerate(given)}
    return {
        name: x.numpy(force=True) if isinstance(x, Tensor) else np.asarray(x)
        for name, x in given.items()
    }
