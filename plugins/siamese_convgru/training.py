"""The training task: the loss of a batch of pairs, and the batches of an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.nn import normalize_clips, stack_clips
from reidbench.training import (
    PairBatch,
    TrainingTask,
    augment_clip,
    draw_augmentation,
    draw_clip,
    sample_pairs,
    select_sequences,
)

from .config import SiameseConfig
from .losses import siamese_loss
from .network import ClipEncoding, SiameseConvGRU


class PairObjective(nn.Module):
    """The loss W-9 of a batch: uint8 clips (2P, T, H, W, 3), branch a before branch b, and same (P,)."""

    def __init__(self, network: SiameseConvGRU) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Return the loss and its two terms; both branches run in one batch."""
        clips, same = batch
        config = self.network.config
        encoding: ClipEncoding = self.network(normalize_clips(clips, config.input_size))
        first, second = encoding.descriptor.chunk(2)
        terms = siamese_loss(
            self.network.similarity(first, second),
            same,
            encoding.attention,
            penalty_weight=config.penalty_weight,
            penalty_target=config.penalty_target,
        )
        return {"loss": terms.total, "cross_entropy": terms.cross_entropy, "penalty": terms.penalty}


class PairTraining(TrainingTask):
    """Training on pairs; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: SiameseConvGRU, train: TrainingSet) -> None:
        self.config: SiameseConfig = network.config
        self.module = PairObjective(network)
        self.optimizer = torch.optim.RMSprop(
            network.parameter_groups(),
            alpha=self.config.rho,
            eps=self.config.eps,
            weight_decay=self.config.weight_decay,
        )
        lengths = np.array([len(view) for view in train.tracklets], dtype=np.int64)
        rows = select_sequences(lengths, self.config.clip_len, self.config.short)
        self.tracklets: Sequence[TrackletView] = [train.tracklets[row] for row in rows]
        self.pids, self.camids = train.pids[rows], train.camids[rows]

    def plan(self, generator: np.random.Generator) -> Sequence[PairBatch]:
        """Draw the pairs of an epoch."""
        return sample_pairs(
            self.pids,
            self.camids,
            batch_pairs=self.config.batch_pairs,
            pos_fraction=self.config.pos_fraction,
            pairs_per_epoch=self.config.pairs_per_epoch,
            rng=generator,
        )

    def load(self, item: Any, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Load and augment the clips of a batch of pairs."""
        pairs: PairBatch = item
        rows = np.concatenate([pairs.row_a, pairs.row_b]).tolist()
        clips = [self._clip(self.tracklets[row], generator) for row in rows]
        return stack_clips(clips, self.config.input_size), torch.from_numpy(pairs.same)

    def _clip(self, tracklet: TrackletView, generator: np.random.Generator) -> Tensor:
        indices = draw_clip(len(tracklet), self.config.clip_len, self.config.short, generator)
        clip = torch.from_numpy(tracklet.frames(self.config.input_size, enlarge=False)[indices])
        augmentation = draw_augmentation(clip.shape[1], clip.shape[2], self.config.translation, generator)
        return augment_clip(clip, augmentation, self.config.crop_pad_mode)
