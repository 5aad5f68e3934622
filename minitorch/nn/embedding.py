"""Embedding: a table with a row of trained numbers for every word, or whatever ints stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

import minitorch.nn.functional as F
from minitorch.array import has_values
from minitorch.modes import no_grad
from minitorch.nn.init import draw, normal
from minitorch.nn.layer import Init, Layer, check_size, options_of
from minitorch.nn.parameter import Parameter
from minitorch.ops.compare import where
from minitorch.ops.lookup import unique
from minitorch.ops.statistics import norm
from minitorch.random import Generator
from minitorch.tensor import ShapeError, Tensor, raw


class Embedding(Layer):
    """y[i] = W[x[i]]: the rows of a table, for ints of any shape: (*) to (*, embedding_dim).

    A row that is read several times gets the sum of the gradients. How many rows there are is
    never inferred: the first batch does not tell the largest id.

    Args:
        num_embeddings: the number of rows; ids are 0 to num_embeddings - 1.
        embedding_dim: the size of a row.
        padding_idx: a row that starts at 0 and gets no gradient.
        max_norm: rows longer than this are scaled down to it when they are read, in the table.
        norm_type: the p of the norm for `max_norm`.
        device: where the table lives.
        dtype: of the table, a floating one.
        weights: the init function of W, by default N(0, 1) as in torch.
        generator: the stream the initial values come from.

    Attributes:
        weight: W, (num_embeddings, embedding_dim).

    Raises:
        ValueError: a size below 1, or a padding_idx that is no row.
        IndexError: in a call, for an id that is no row; with its place, and the number of rows.
        TypeError: in a call, for ids that are no ints.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Embedding(1000, 8)(minitorch.tensor([[3, 1, 4], [1, 5, 9]])).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        device: Any = None,
        dtype: Any = None,
        weights: Init | None = None,
        generator: Generator | None = None,
    ):
        who = type(self).__name__
        check_size(who, "num_embeddings", num_embeddings)
        check_size(who, "embedding_dim", embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"{who}: padding_idx {padding_idx} is none of the {num_embeddings} rows"
                )
            padding_idx %= num_embeddings
        if max_norm is not None and not max_norm > 0:
            raise ValueError(f"{who}: max_norm {max_norm}, expected more than 0")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx, self.max_norm, self.norm_type = padding_idx, max_norm, norm_type
        self.declare(
            weight=_but_row(weights or normal(), padding_idx),
            device=device,
            dtype=dtype,
            generator=generator,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> Embedding:
        """An embedding with a table of (rows, features) that is there already, and shared.

        Args:
            embeddings: the table.
            freeze: leave it as it is in training.
            padding_idx: a row that gets no gradient; its values are kept.
            max_norm: as for the class.
            norm_type: as for the class.

        >>> import minitorch
        >>> from minitorch import nn
        >>> table = minitorch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nn.Embedding.from_pretrained(table)(minitorch.tensor([1]))
        tensor([[3., 4.]])
        """
        if len(embeddings.shape) != 2:
            raise ShapeError(
                f"Embedding.from_pretrained: embeddings is {embeddings.shape}, expected "
                "(rows, features)"
            )
        made = cls(
            *(*embeddings.shape, padding_idx, max_norm, norm_type),
            dtype=embeddings.dtype,
            device="meta",  # its own table is never filled
        )
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        made._retarget(None, embeddings.device)
        return made

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """That of W."""
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def forward(self, input: Tensor) -> Tensor:
        """(*) ints to (*, embedding_dim)."""
        if self.max_norm is not None and has_values(self.weight.array):
            self._shorten(input)
        return F.embedding(input, self.weight, self.padding_idx)

    @no_grad()
    def _shorten(self, input: Tensor) -> None:
        """Scales the rows that will be read down to `max_norm`."""
        rows = unique(raw(input))
        found = F.embedding(rows, self.weight)
        length = norm(found, self.norm_type, 1, True)
        self.weight[rows] = found * where(
            length > self.max_norm, self.max_norm / (length + 1e-7), 1.0
        )

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        usual = {"padding_idx": None, "max_norm": None, "norm_type": 2.0}
        return f"{self.num_embeddings}, {self.embedding_dim}{options_of(self, **usual)}"


def _but_row(weights: Init, row: int | None) -> Init:
    """The init function, with zeros for one row of the table."""
    if row is None:
        return weights

    def padded(shape: tuple[int, ...], dtype: np.dtype, generator: Generator) -> np.ndarray:
        x = draw(weights, shape, dtype, generator)
        x[row] = 0
        return x

    return padded
