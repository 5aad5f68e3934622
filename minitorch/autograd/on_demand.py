"""Gradients on demand: `grad` returns them, and leaves every `.grad` as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.backward import exclusive, gradients
from minitorch.tensor import Tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """dL/dx for each input x, where L = sum(grad_outputs * outputs); no `.grad` is touched.

    Args:
        outputs: what to differentiate.
        inputs: what to differentiate by: leaves or results.
        grad_outputs: dL/d(output) for each output; 1 for outputs of one element.
        retain_graph: keep what the tape saved, for another sweep (default: `create_graph`).
        create_graph: record this sweep, so that the gradients can be differentiated.
        allow_unused: give None for an input that the outputs do not depend on, and do not raise.

    Raises:
        ValueError: an input does not require grad, or was not used; names which.
        RuntimeError: an output has no graph.

    >>> import minitorch
    >>> x = minitorch.tensor(3.0, requires_grad=True)
    >>> (g,) = grad(x * x, x, create_graph=True)
    >>> g, grad(g, x)
    (tensor(6., grad_fn=<add>), (tensor(2.),))
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given = [grad_outputs] if not isinstance(grad_outputs, (list, tuple)) else list(grad_outputs)
    given = [None] * len(outputs) if grad_outputs is None else given
    found = gradients(outputs, given, inputs, retain_graph, create_graph, "grad")
    for i, (x, g) in enumerate(found):
        if g is None and not allow_unused:
            raise ValueError(
                f"grad: inputs[{i}] of shape {x.shape} was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
    handed = {id(g.array) for g in given if isinstance(g, Tensor)}  # held by the caller already
    return tuple([None if g is None else exclusive(g, handed) for _, g in found])
