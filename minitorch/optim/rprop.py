"""Steps whose size has nothing to do with the size of the gradient, only with its sign."""

from __future__ import annotations

from typing import Any

from minitorch.array import Array
from minitorch.optim.groups import check_option, given
from minitorch.optim.optimizer import Optimizer
from minitorch.words import np


class Rprop(Optimizer):
    """Every number has a step of its own: longer while the sign stays, shorter where it turns.

        s = s · etas[1] where g · (last g) > 0,   s · etas[0] where it is < 0,   within step_sizes
        g = 0 where the sign turned
        p = p − s sign(g)

    A sign says nothing when it comes from a small batch, so this is for gradients of all the data.
    Riedmiller and Braun, A direct adaptive method for faster backpropagation learning (1993).

    Args:
        params: a model, tensors, (name, tensor) pairs, or groups (see `Optimizer`).
        lr: the size of the first steps.
        etas: by how much a step shrinks, and by how much it grows.
        step_sizes: the smallest and the largest step.
        maximize: go up instead of down.

    Raises:
        ValueError: not 0 < etas[0] < 1 < etas[1], or the smallest step is above the largest.
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ):
        super().__init__(params, given(locals()))

    @classmethod
    def check(cls, group: dict[str, Any]) -> None:
        """Also: shrinking shrinks, growing grows, and there are sizes between the bounds."""
        for name, value in group.items():
            check_option(cls.__name__, name, value)
        shrink, grow = group["etas"]
        if not 0 < shrink < 1 < grow:
            raise ValueError(
                f"{cls.__name__}: etas={group['etas']} is out of range; expected "
                "0 < etas[0] < 1 < etas[1]"
            )
        least, most = group["step_sizes"]
        if least > most:
            raise ValueError(
                f"{cls.__name__}: step_sizes={group['step_sizes']} is out of range; expected the "
                "smaller one first"
            )

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """`prev` is the last g, and `step_size` s."""
        return ("prev", "step_size")

    def new_buffer(self, name: str, p: Array, group: dict[str, Any]) -> Array:
        """The first steps are of size lr, whatever the sign of the first gradient."""
        return np.full_like(p, group["lr"] if name == "step_size" else 0, order="C")

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the formula above."""
        last, s = state["prev"], state["step_size"]
        shrink, grow = group["etas"]
        g = -g if group["maximize"] else g
        agreement = np.sign(g) * last  # not g · last, which is 0 for small gradients
        turned = agreement < 0
        s *= np.where(turned, shrink, np.where(agreement > 0, grow, 1)).astype(s.dtype)
        np.clip(s, *group["step_sizes"], out=s)
        last[...] = np.where(turned, 0, g)
        p -= np.sign(last) * s
