"""Gradients on demand: `grad` returns them; `backward` adds those of several tensors to `.grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backward import backward_from, exclusive, gradients
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
    outputs, given = _paired("backward", tensors, grad_tensors)
    backward_from(outputs, given, retain_graph, create_graph, inputs)


def _paired(who: str, outputs: Any, given: Any) -> tuple[list[Tensor], list[Any]]:
    """Outputs, one or several, and as many gradients to start from, None where none is given."""
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    if given is None:
        return outputs, [None] * len(outputs)
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(given) != len(outputs):
        raise ValueError(
            f"{who}: {len(outputs)} tensors to start from, and {len(given)} gradients for them"
        )
    return outputs, given


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """dL/dx for each input x, where L = sum(grad_outputs * outputs); no `.grad` is touched.

    Args:
        outputs: what to differentiate.
        inputs: what to differentiate by: leaves or results.
        grad_outputs: dL/d(output) for each output; 1 for outputs of one element.
        retain_graph: keep what the tape saved, for another sweep (default: `create_graph`).
        create_graph: record this sweep, so that the gradients can be differentiated.
        allow_unused: give None for an input that the outputs do not depend on, and do not raise.
        materialize_grads: give zeros for such an input; then it need not be allowed, either.

    Raises:
        ValueError: an input does not require grad, or was not used; names which.
        RuntimeError: an output has no graph.

    >>> import minitorch
    >>> x = minitorch.tensor(3.0, requires_grad=True)
    >>> (g,) = grad(x * x, x, create_graph=True)
    >>> g, grad(g, x)
    (tensor(6., grad_fn=<add>), (tensor(2.),))
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads gives zeros for what allow_unused=False refuses")
    outputs, given = _paired("grad", outputs, grad_outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
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
