"""The training task: PK sampling, clips, and the three losses (DM-a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.nn import normalize_clips
from reidbench.training import (
    ClipAugmentation,
    TrainingTask,
    augment_clip,
    draw_clip,
    pk_batches,
    triplet_loss,
)

from .config import DuAtmConfig
from .losses import decorrelation, pooling_weights
from .network import DuAtmNetwork

# Pixels of padding with crop=pad10.
PAD = 10


class DuAtmObjective(nn.Module):
    """The loss of a batch: uint8 clips (B, T, H, W, 3) and people (B,), numbered from 0."""

    def __init__(self, network: DuAtmNetwork, people: int) -> None:
        super().__init__()
        self.network = network
        self.classifier = nn.Linear(network.config.feat_dim, people)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Return the loss and its terms."""
        clips, people = batch
        config = self.network.config
        sequences = self.network(normalize_clips(clips, config.size(self.network.kind)))
        terms = self.network.matching.compute_terms(sequences)
        distances = self.network.matching.distances(terms, terms)
        triplet = triplet_loss(distances, people, margin=config.margin, mining=config.mining)
        correlation = decorrelation(sequences).mean()
        omega = pooling_weights(
            *sequences.shape[:2], drop=config.p, random=config.pool_random, device=sequences.device
        )
        pooled = torch.einsum("bs,bsd->bd", omega, sequences)
        identity = F.cross_entropy(self.classifier(pooled).float(), people)
        factor = len(people) if config.reduction == "sum" else 1
        total = factor * (triplet + config.lambda1 * correlation + config.lambda2 * identity)
        return {"loss": total, "triplet": triplet, "decorrelation": correlation, "cross_entropy": identity}


class DuAtmTraining(TrainingTask):
    """Training with PK sampling; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: DuAtmNetwork, train: TrainingSet) -> None:
        self.config: DuAtmConfig = network.config
        self.network = network
        self.tracklets: Sequence[TrackletView] = train.tracklets
        self.pids = train.pids
        pids, self.people = np.unique(train.pids, return_inverse=True)
        self.objective = DuAtmObjective(network, len(pids))
        self.module = self.objective
        self.optimizer = self._build_optimizer()

    def begin_epoch(self, epoch: int) -> None:
        """Freeze the backbone in the first epochs, and reduce the learning rate in the last ones."""
        is_frozen = epoch < self.config.frozen_epochs
        backbone = self.network.backbone
        backbone.set_trainable(not is_frozen)
        if is_frozen and not self.config.freeze_bn:
            backbone.body.train()
        rate = self.config.lr * (0.1 if epoch >= self.config.epochs - self.config.last_epochs else 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]

    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        """Draw the batches of an epoch: rows of the training table."""
        people, samples = self.config.batch(self.network.kind)
        count = self.config.batches_per_epoch
        batches: list[Any] = []
        while not batches or (count is not None and len(batches) < count):
            batches += pk_batches(self.pids, people=people, samples=samples, rng=generator)
        return batches[:count]

    def load(self, item: Any, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Load and augment the clips of a batch."""
        clips = [self._clip(self.tracklets[row], generator) for row in item.tolist()]
        return torch.stack(clips), torch.from_numpy(self.people[item].astype(np.int64))

    def _build_optimizer(self) -> torch.optim.Optimizer:
        config = self.config
        backbone = {id(value) for value in self.network.backbone.parameters()}
        new = [value for value in self.objective.parameters() if id(value) not in backbone]
        groups = [
            {"params": new, "factor": 1.0},
            {"params": list(self.network.backbone.parameters()), "factor": config.backbone_lr_mult},
        ]
        if config.optimizer == "adam":
            return torch.optim.Adam(groups, lr=config.lr, weight_decay=config.weight_decay)
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )

    def _clip(self, tracklet: TrackletView, generator: np.random.Generator) -> Tensor:
        config, size = self.config, self.config.size(self.network.kind)
        if self.network.kind == "temporal":
            indices = draw_clip(len(tracklet), config.clip_len, config.short, generator)
            clip = torch.from_numpy(tracklet.frames(size)[indices])
            mirror = config.video_flip and bool(generator.random() < 0.5)
            return augment_clip(clip, ClipAugmentation(mirror=mirror), "zeros")
        mirror = config.flip and bool(generator.random() < 0.5)
        if config.crop == "resize9_8":
            larger = (size[0] * 9 // 8, size[1] * 9 // 8)
            frames = tracklet.frames(larger)
            top, left = (int(generator.integers(9 * side // 8 - side + 1)) for side in size)
            image = torch.tensor(frames[:, top : top + size[0], left : left + size[1]])
            return augment_clip(image, ClipAugmentation(mirror=mirror), "zeros")
        image = torch.tensor(tracklet.frames(size))
        dy, dx = generator.integers(-PAD, PAD + 1, size=2).tolist() if config.crop == "pad10" else (0, 0)
        return augment_clip(image, ClipAugmentation(dy=dy, dx=dx, mirror=mirror), "zeros")
