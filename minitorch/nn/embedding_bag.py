"""EmbeddingBag: one vector for a bag of words, whatever their order."""

from __future__ import annotations

from typing import Any

import minitorch.nn.functional as F
from minitorch.array import has_values
from minitorch.nn.embedding import Embedding
from minitorch.nn.layer import Init, options_of
from minitorch.ops.bags import MODES
from minitorch.random import Generator
from minitorch.tensor import Tensor


class EmbeddingBag(Embedding):
    """The sum, mean or maximum of the rows of each bag: ids (B, N) to (B, embedding_dim).

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the size of a row.
        max_norm: rows longer than this are scaled down to it when they are read, in the table.
        norm_type: the p of the norm for `max_norm`.
        mode: "mean", "sum" or "max".
        include_last_offset: offsets end with the end of the last bag.
        padding_idx: an id that counts for nothing; its row starts at 0 and gets no gradient.
        device: where the table lives.
        dtype: of the table, a floating one.
        weights: the init function of the table, by default N(0, 1) as in torch.
        generator: the stream the initial values come from.

    Attributes:
        weight: (num_embeddings, embedding_dim).

    >>> import minitorch
    >>> from minitorch import nn
    >>> words, starts = minitorch.tensor([3, 1, 4, 1, 5]), minitorch.tensor([0, 3])
    >>> nn.EmbeddingBag(10, 8)(words, starts).shape
    (2, 8)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
        weights: Init | None = None,
        generator: Generator | None = None,
    ):
        if mode not in MODES:
            raise ValueError(f"EmbeddingBag: mode must be one of {MODES}, got {mode!r}")
        self.mode, self.include_last_offset = mode, include_last_offset
        super().__init__(
            *(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type),
            device=device,
            dtype=dtype,
            weights=weights,
            generator=generator,
        )

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """One with a table of (rows, features) that is there already, and shared.

        Args:
            embeddings: the table.
            freeze: leave it as it is in training.
            max_norm: as for the class, and so on.
            norm_type: as for the class.
            mode: as for the class.
            include_last_offset: as for the class.
            padding_idx: as for the class, but the values of its row are kept.
        """
        table = Embedding.from_pretrained(embeddings, freeze, padding_idx)
        made = cls(
            embeddings.shape[0],
            embeddings.shape[1],
            max_norm=max_norm,
            norm_type=norm_type,
            mode=mode,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
            dtype=embeddings.dtype,
            device="meta",  # its own table is never filled
        )
        made.weight = table.weight
        made._retarget(None, embeddings.device)
        return made

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """(B, N) ids, or (n,) with the offsets of B bags, to (B, embedding_dim).

        Args:
            input: the ids.
            offsets: (B,), where each bag of a flat input starts.
            per_sample_weights: in the shape of the input, factors of the rows in a sum.
        """
        if self.max_norm is not None and has_values(self.weight.array):
            self._shorten(input)
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.mode,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes, the mode, and what is not as usual."""
        unusual = options_of(self, max_norm=None, norm_type=2.0)
        padding = options_of(self, padding_idx=None)
        return f"{self.num_embeddings}, {self.embedding_dim}{unusual}, mode={self.mode!r}{padding}"
