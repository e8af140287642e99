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
class SideTerms:
    """Terms that depend on one sequence only, computed once per search.

    Attributes:
        vectors: X, (B, S, D).
        filters: Q of DM-1, (B, S, D); None without inter-sequence attention.
        references: (B, S, D), compared with the aligned vectors of the other side: refined vectors of DM-3, or X
            without intra-sequence attention; (B, 1, D) if mean vectors are compared.
    """

    vectors: Tensor
    filters: Tensor | None
    references: Tensor

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: slice) -> SideTerms:
        return SideTerms(
            vectors=self.vectors[rows],
            filters=None if self.filters is None else self.filters[rows],
            references=self.references[rows],
        )


class SequenceMatching(nn.Module):
    """The sequence matching module, with one linear layer and one batch normalisation.

    Args:
        dimension: D.
        matching: "dual" as in the paper, "intra" or "inter" with one attention, "avgpool" without attention: the
            Euclidean distance of the mean vectors.
        intra_pairing: with "intra", compares refined vectors of the same index, or their means.
        scale: factor of the scores; 1 as in DM-2.
        eps: added under the root of distances in training, where the gradient at 0 would be infinite.
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
        """Whether each sequence is reduced to one vector, compared by Euclidean distance."""
        return self.matching == "avgpool"

    def filters(self, vectors: Tensor) -> Tensor:
        """Return the filters Q (B, S, D) of sequences X, DM-1."""
        transformed = self.norm(self.transform(vectors.flatten(0, 1)))
        return torch.relu(transformed).view_as(vectors)

    def attention(self, filters: Tensor, vectors: Tensor) -> Tensor:
        """Return the attention weights (B, S, T) of each filter on vectors (B, T, D), DM-2 and DM-3.

        Each row sums to 1.
        """
        scores = upcast_half(filters @ vectors.mT) * self.scale
        return scores.softmax(-1)

    def compute_terms(self, vectors: Tensor) -> SideTerms:
        """Return the terms of sequences (B, S, D) that depend on one sequence only."""
        if self.matching == "avgpool":
            return SideTerms(vectors=vectors, filters=None, references=vectors.mean(1, keepdim=True))
        filters = self.filters(vectors)
        if self.matching == "inter":
            return SideTerms(vectors=vectors, filters=filters, references=vectors)
        refined = self.attention(filters, vectors) @ vectors
        if self.matching == "dual":
            return SideTerms(vectors=vectors, filters=filters, references=refined)
        if self.intra_pairing == "avgpool":
            refined = refined.mean(1, keepdim=True)
        return SideTerms(vectors=vectors, filters=None, references=refined)

    def distances(self, query: SideTerms, gallery: SideTerms) -> Tensor:
        """Return the distances (Q, G) of all pairs, DM-5, computed in blocks.

        A pair takes 4 S^2 D multiplications with inter-sequence attention, and S D otherwise. With gradients, there is
        one block of all pairs.
        """
        length, dimension = query.references.shape[1:]
        # The numbers per pair in the largest intermediate tensor.
        cells = (
            length * max(gallery.vectors.shape[1], dimension)
            if query.filters is not None
            else length * dimension
        )

        def block(rows: slice, columns: slice) -> Tensor:
            return self._block(query[rows], gallery[columns])

        return map_pair_blocks(block, len(query), len(gallery), cells=cells, like=query.references)

    def _block(self, query: SideTerms, gallery: SideTerms) -> Tensor:
        if query.filters is None or gallery.filters is None:
            return self._norms(query.references[:, None] - gallery.references[None]).mean(-1)
        forward = self._direct_distances(query, gallery)
        return (forward + self._direct_distances(gallery, query).T) / 2

    def _direct_distances(self, first: SideTerms, second: SideTerms) -> Tensor:
        """Return the mean local distances (A, B) from the first to the second sequences, DM-4."""
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
