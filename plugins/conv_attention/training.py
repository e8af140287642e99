"""The training task: the loss of a batch of pairs, and the batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.training import PairBatch, TrainingTask, draw_clip, sample_pairs, select_sequences

from .config import ConvAttentionConfig
from .flow import read_frames
from .frames import crop_frames, draw_crop, normalize_frames
from .losses import siamese_loss
from .network import ConvAttentionNetwork

Batch = tuple[Tensor, Tensor, Tensor]


class PairObjective(nn.Module):
    """The loss CA-12 of a batch, and the classifier of CA-11, which only training uses.

    A batch is clips (2P, T, C, h, w), branch a before branch b, bool same (P,), and people (2P,).

    Args:
        network: the network to train.
        people: number of training people, at least 1.
    """

    def __init__(self, network: ConvAttentionNetwork, people: int) -> None:
        super().__init__()
        self.network = network
        self.classifier = nn.Linear(network.length, people)

    def forward(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the loss and its two terms; both branches run in one batch."""
        clips, same, people = batch
        config = self.network.config
        encoding = self.network(clips)
        features = encoding.mean if config.id_input == "raw" else encoding.descriptor
        terms = siamese_loss(
            encoding.descriptor,
            self.classifier(features),
            same,
            people,
            margin=config.margin,
            power=config.hinge_power,
            id_weight=config.id_weight,
        )
        return {"loss": terms.total, "pair": terms.pair, "identification": terms.identification}


class PairTraining(TrainingTask):
    """Training on pairs; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: ConvAttentionNetwork, train: TrainingSet) -> None:
        self.config: ConvAttentionConfig = network.config
        pids, people = np.unique(train.pids, return_inverse=True)
        self.module = PairObjective(network, len(pids))
        self.optimizer = _build_optimizer(self.module.parameters(), self.config)
        lengths = np.array([len(view) for view in train.tracklets], dtype=np.int64)
        rows = select_sequences(lengths, self.config.clip_len, self.config.short)
        self.tracklets: Sequence[TrackletView] = [train.tracklets[row] for row in rows]
        self.camids, self.people = train.camids[rows], people[rows]

    def plan(self, generator: np.random.Generator) -> Sequence[PairBatch]:
        """Draw the pairs of an epoch, alternately positive and negative."""
        return sample_pairs(
            self.people,
            self.camids,
            batch_pairs=self.config.batch_pairs,
            pos_fraction=0.5,
            pairs_per_epoch=None,
            rng=generator,
            negatives_across_cameras=self.config.neg_cross_camera,
        )

    def load(self, item: Any, generator: np.random.Generator) -> Batch:
        """Load, normalise and crop the clips of a batch of pairs."""
        pairs: PairBatch = item
        rows = np.concatenate([pairs.row_a, pairs.row_b])
        clips = [self._clip(self.tracklets[row], generator) for row in rows]
        return torch.stack(clips), torch.from_numpy(pairs.same), torch.from_numpy(self.people[rows])

    def _clip(self, tracklet: TrackletView, generator: np.random.Generator) -> Tensor:
        indices = draw_clip(len(tracklet), self.config.clip_len, self.config.short, generator)
        frames = normalize_frames(read_frames(tracklet, self.config, indices), self.config.norm)
        return crop_frames(frames, draw_crop(self.config, generator), self.config)


def _build_optimizer(
    parameters: Iterable[nn.Parameter], config: ConvAttentionConfig
) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.momentum)
    optimizer = torch.optim.RMSprop if config.optimizer == "rmsprop" else torch.optim.Adam
    return optimizer(parameters, lr=config.lr)
