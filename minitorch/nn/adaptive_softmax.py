"""The adaptive softmax: many classes, most of them rare, without scoring each for every example.

The frequent classes, and one score for each cluster of rarer ones, make a small softmax, the head.
A class of a cluster is then one of another softmax, the tail of that cluster, which is worked out
only for the examples that need it, and from fewer numbers the rarer its classes are.
Grave et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from minitorch.nn.containers import ModuleList, Sequential
from minitorch.nn.linear import Linear
from minitorch.nn.module import Module
from minitorch.ops.index import plus_at
from minitorch.ops.join import cat
from minitorch.ops.scatter import gather
from minitorch.ops.softmax import log_softmax
from minitorch.tensor import ShapeError, Tensor


class OutputAndLoss(NamedTuple):
    """log p(target) of each example, and minus the mean of it."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log p(class), with the classes sorted by how frequent they are, the most frequent first.

        log p(c) = head(x)[c],                                  for a class of the shortlist
        log p(c) = head(x)[cluster] + tail_cluster(x)[c],       for one of a cluster

    Args:
        in_features: how many numbers describe an example.
        n_classes: how many classes there are.
        cutoffs: where the shortlist and each cluster but the last end: [100, 1000] is a shortlist
            of 100 classes, a cluster of 900, and one of the rest.
        div_value: the tail of cluster i works on in_features / div_value^(i + 1) numbers.
        head_bias: gives the head a bias.
        device: where the parameters live.
        dtype: of the parameters, a floating one.

    Raises:
        ValueError: cutoffs that do not rise within 1 to n_classes - 1, or a tail of no numbers.

    >>> import minitorch
    >>> from minitorch import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 1000, cutoffs=[10, 100], div_value=2.0)
    >>> output, loss = layer(minitorch.randn(4, 8), minitorch.tensor([0, 50, 500, 9]))
    >>> output.shape, loss.shape
    ((4,), ())
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        ends = list(cutoffs)
        rising = all(a < b for a, b in zip([0, *ends], [*ends, n_classes]))
        if not ends or not rising or any(not isinstance(end, int) for end in ends):
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs {ends}, expected ints that rise within 1 to "
                f"{n_classes - 1}, below n_classes {n_classes}"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs, self.div_value, self.head_bias = [*ends, n_classes], div_value, head_bias
        self.shortlist_size, self.n_clusters = ends[0], len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        given: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **given)
        self.tail = ModuleList([])
        for i, (start, end) in enumerate(self._clusters()):
            size = int(in_features // div_value ** (i + 1))
            if size < 1:
                raise ValueError(
                    f"AdaptiveLogSoftmaxWithLoss: cluster {i} would work on no numbers, "
                    f"in_features {in_features} / div_value {div_value}^{i + 1}; take a smaller "
                    "div_value"
                )
            down = Linear(in_features, size, bias=False, **given)
            up = Linear(size, end - start, bias=False, **given)
            self.tail.append(Sequential(down, up))

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class of each, and the first behind it."""
        return list(zip(self.cutoffs[:-1], self.cutoffs[1:]))

    def reset_parameters(self) -> None:
        """Draws the initial values anew."""
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> OutputAndLoss:
        """log p(target) of each example, (N,), and minus its mean.

        Args:
            input: (N, in_features), or (in_features,) for one.
            target: (N,) classes, or one.

        Raises:
            ShapeError: shapes that do not go together.
            IndexError: a target that is no class.
        """
        x, t = (input, target) if len(input.shape) == 2 else (input[None], target.reshape(1))
        if len(input.shape) not in (1, 2) or t.shape != x.shape[:1]:
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: input {input.shape} and target {target.shape}, "
                f"expected (N, {self.in_features}) and (N,)"
            )
        if bool(((t < 0) | (t >= self.n_classes)).any()):
            raise IndexError(
                f"AdaptiveLogSoftmaxWithLoss: targets run from {int(t.min())} to {int(t.max())}, "
                f"expected 0 to {self.n_classes - 1}"
            )
        at_head = t.clone()
        for i, (start, end) in enumerate(self._clusters()):
            at_head = at_head.masked_fill((t >= start) & (t < end), self.shortlist_size + i)
        output = gather(log_softmax(self.head(x), 1), 1, at_head[:, None])[:, 0]
        for (start, end), tail in zip(self._clusters(), self.tail):
            rows = ((t >= start) & (t < end)).nonzero()[:, 0]
            if len(rows):
                within = gather(log_softmax(tail(x[rows]), 1), 1, (t[rows] - start)[:, None])
                output = plus_at(output, within[:, 0], rows.array)
        loss = -output.mean()
        return OutputAndLoss(output if len(input.shape) == 2 else output[0], loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """log p of all classes, (N, in_features) to (N, n_classes)."""
        head = log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = head[:, self.shortlist_size + i, None]
            parts.append(log_softmax(tail(input), 1) + cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most likely class of each example, (N,)."""
        return self.log_prob(input).argmax(1)
