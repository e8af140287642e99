"""The dual attention block and the distances of sequences: DM-1 to DM-5.

Sizes: B sequences of S vectors of D numbers. All sequences of a search have the same length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reidbench.nn import map_pair_blocks, upcast_half

from .config import IntraPairing, Matching


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a search needs of each sequence alone, computed once.

    Attributes:
        vectors: X, (B, S, D).
        filters: Q of DM-1, (B, S, D); None where nothing is aligned.
        references: what is compared with the aligned vectors of the other side, (B, S, D): refined vectors of DM-3,
            or X itself without intra-sequence attention; (B, 1, D) where mean vectors are compared.
    """

    vectors: Tensor
    filters: Tensor | None
    references: Tensor

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: slice) -> Prepared:
        return Prepared(
            vectors=self.vectors[rows],
            filters=None if self.filters is None else self.filters[rows],
            references=self.references[rows],
        )


class SequenceMatching(nn.Module):
    """The sequence matching module; its parameters are one linear layer and one batch normalisation.

    Args:
        dimension: D.
        matching: "dual" as the paper, "intra" and "inter" with one of the two attentions, "avgpool" with none: the
            Euclidean distance of the mean vectors.
        intra_pairing: with "intra", refined vectors of the same index are compared, or their means.
        scale: factor of the scores; 1 as DM-2 is printed.
        eps: added under the root of distances in training, whose gradient is infinite at 0.
    """

    def __init__(
        self,
        dimension: int,
        *,
        matching: Matching = "dual",
        intra_pairing: IntraPairing = "index",
        scale: float = 1.0,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.matching, self.intra_pairing = matching, intra_pairing
        self.scale, self.eps = scale, eps
        if matching != "avgpool":
            self.transform = nn.Linear(dimension, dimension)
            self.norm = nn.BatchNorm1d(dimension)

    @property
    def gives_vectors(self) -> bool:
        """Whether each sequence becomes one vector, compared by Euclidean distance alone."""
        return self.matching == "avgpool"

    def filters(self, vectors: Tensor) -> Tensor:
        """Return the filters Q (B, S, D) of sequences X, DM-1."""
        transformed = self.norm(self.transform(vectors.flatten(0, 1)))
        return torch.relu(transformed).view_as(vectors)

    def attention(self, filters: Tensor, vectors: Tensor) -> Tensor:
        """Return the weights (B, S, T) with which each filter looks at vectors (B, T, D), DM-2 and DM-3.

        Each row sums to 1.
        """
        scores = upcast_half(filters @ vectors.mT) * self.scale
        return scores.softmax(-1)

    def prepared(self, vectors: Tensor) -> Prepared:
        """Return what depends on each of the sequences (B, S, D) alone."""
        if self.matching == "avgpool":
            return Prepared(vectors=vectors, filters=None, references=vectors.mean(1, keepdim=True))
        filters = self.filters(vectors)
        if self.matching == "inter":
            return Prepared(vectors=vectors, filters=filters, references=vectors)
        refined = self.attention(filters, vectors) @ vectors
        if self.matching == "dual":
            return Prepared(vectors=vectors, filters=filters, references=refined)
        if self.intra_pairing == "avgpool":
            refined = refined.mean(1, keepdim=True)
        return Prepared(vectors=vectors, filters=None, references=refined)

    def distances(self, query: Prepared, gallery: Prepared) -> Tensor:
        """Return the distances (Q, G) of all pairs, DM-5, without holding more than a block of them.

        A pair costs 4 S^2 D multiplications where sequences are aligned, and S D otherwise. With gradients, all
        pairs are held.
        """
        length, dimension = query.references.shape[1:]
        # the largest thing that exists for each pair
        cells = (
            length * max(gallery.vectors.shape[1], dimension)
            if query.filters is not None
            else length * dimension
        )

        def block(rows: slice, columns: slice) -> Tensor:
            return self._block(query[rows], gallery[columns])

        return map_pair_blocks(block, len(query), len(gallery), cells=cells, like=query.references)

    def _block(self, query: Prepared, gallery: Prepared) -> Tensor:
        if query.filters is None or gallery.filters is None:
            return self._norms(query.references[:, None] - gallery.references[None]).mean(-1)
        towards = self._towards(query, gallery)
        return (towards + self._towards(gallery, query).T) / 2

    def _towards(self, first: Prepared, second: Prepared) -> Tensor:
        """Return the mean local distance (A, B) from each of the first sequences to each of the second, DM-4."""
        assert first.filters is not None
        count, length, _ = first.vectors.shape
        filters = first.filters.flatten(0, 1)  # (A S, D)
        weights = self.attention(filters, second.vectors)  # (B, A S, T)
        aligned = weights.to(second.vectors.dtype) @ second.vectors  # (B, A S, D)
        local = self._norms(first.references.flatten(0, 1) - aligned)
        return local.view(len(second), count, length).mean(-1).T

    def _norms(self, differences: Tensor) -> Tensor:
        squares = upcast_half(differences).square().sum(-1)
        return (squares + self.eps).sqrt() if torch.is_grad_enabled() else squares.sqrt()
