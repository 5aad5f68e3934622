"""Gradients on demand: `grad` returns them; `backward` adds those of several tensors to `.grad`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minitorch.backward import backward_from, exclusive, gradients
from minitorch.ops.join import stack
from minitorch.tensor import Tensor, make


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds dL/dx into `.grad` of every leaf x, where L = sum(grad_tensors * tensors), in one sweep.

    The arguments mean what they mean in `Tensor.backward`, which this is for several tensors: what
    their graphs have in common is passed once.

    >>> import minitorch
    >>> x = minitorch.tensor(3.0, requires_grad=True)
    >>> h = x * x
    >>> backward([2 * h, 5 * h])
    >>> x.grad
    tensor(42.)
    """
    outputs, given = _paired("backward", "tensors", tensors, grad_tensors)
    backward_from(outputs, given, retain_graph, create_graph, inputs)


def _paired(who: str, name: str, outputs: Any, given: Any) -> tuple[list[Tensor], list[Any]]:
    """Outputs, one or several, and as many gradients to start from, None where none is given."""
    outputs = _tensors(who, name, outputs)
    if given is None:
        return outputs, [None] * len(outputs)
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(given) != len(outputs):
        raise ValueError(
            f"{who}: {len(outputs)} tensors to start from, and {len(given)} gradients for them"
        )
    return outputs, given


def _tensors(who: str, name: str, given: Any) -> list[Tensor]:
    """One Tensor or several, as a list of them."""
    found = (
        list(given) if isinstance(given, Iterable) and not isinstance(given, Tensor) else [given]
    )
    for x in found:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{who}: {name} must be a Tensor, or a sequence of them, but holds a "
                f"{type(x).__name__}; minitorch.func.grad takes nested inputs, and gives gradients "
                "nested alike"
            )
    return found


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """dL/dx for each input x, where L = sum(grad_outputs * outputs); no `.grad` is touched.

    Args:
        outputs: what to differentiate.
        inputs: what to differentiate by: leaves or results.
        grad_outputs: dL/d(output) for each output; 1 for outputs of one element.
        retain_graph: keep what the tape saved, for another sweep (default: `create_graph`).
        create_graph: record this sweep, so that the gradients can be differentiated.
        only_inputs: must be True, as in torch, whose old programs say it.
        allow_unused: give None for an input that the outputs do not depend on, and do not raise.
        is_grads_batched: `grad_outputs` have an additional first axis, and so have the gradients:
            one sweep for each place on it. With unit vectors along it they are the Jacobian.
        materialize_grads: give zeros for such an input; then it need not be allowed, either.

    Raises:
        TypeError: an input or output is no Tensor.
        ValueError: an input does not require grad, or was not used; names which. Or
            only_inputs=False, which would add to the `.grad` of other leaves.
        RuntimeError: an output has no graph.

    >>> import minitorch
    >>> x = minitorch.tensor(3.0, requires_grad=True)
    >>> (g,) = grad(x * x, x, create_graph=True)
    >>> g, grad(g, x)
    (tensor(6., grad_fn=<add>), (tensor(2.),))
    """
    if not only_inputs:
        raise ValueError(
            "grad: only_inputs=False is no longer taken; to add to the .grad of every leaf call "
            "outputs.backward(grad_outputs)"
        )
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads gives zeros for what allow_unused=False refuses")
    outputs, given = _paired("grad", "outputs", outputs, grad_outputs)
    inputs = _tensors("grad", "inputs", inputs)
    if is_grads_batched:
        return _one_by_one(
            outputs,
            inputs,
            given,
            retain_graph,
            create_graph=create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
    found = gradients(outputs, given, inputs, retain_graph, create_graph, "grad")
    if materialize_grads:
        found = [(x, make(np.zeros_like(x.array)) if g is None else g) for x, g in found]
    for i, (x, g) in enumerate(found):
        if g is None and not allow_unused:
            raise ValueError(
                f"grad: inputs[{i}] of shape {x.shape} was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
    handed = {id(g.array) for g in given if isinstance(g, Tensor)}  # held by the caller already
    return tuple([None if g is None else exclusive(g, handed) for _, g in found])


def _one_by_one(
    outputs: list[Tensor], inputs: list[Tensor], given: list[Any], retain: bool | None, **rest: Any
) -> tuple[Tensor | None, ...]:
    """The gradients for each place on the first axis of those given, stacked."""
    gs = [g if isinstance(g, Tensor) else Tensor(g) for g in given if g is not None]
    sizes = {len(g) if g.ndim else 0 for g in gs}
    if len(gs) < len(given) or len(sizes) != 1 or sizes == {0}:
        shapes = ", ".join("None" if g is None else str(np.shape(g)) for g in given)
        raise ValueError(
            "grad: is_grads_batched=True asks for grad_outputs with the same first axis, of one "
            f"place or more, got {shapes}"
        )
    last = sizes.pop() - 1
    rows = [
        grad(outputs, inputs, [g[i] for g in gs], True if i < last else retain, **rest)
        for i in range(last + 1)
    ]
    columns = zip(*rows)
    return tuple([None if any(g is None for g in c) else stack(c) for c in columns])
