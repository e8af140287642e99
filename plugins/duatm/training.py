"""What the training loop is given: batches of P people with V sequences each, and the three losses (DM-a)."""

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

PAD = 10  # pixels of border with crop=pad10


class DuAtmObjective(nn.Module):
    """The loss of a batch: clips (B, T, H, W, 3) uint8 and the row of each one's person in the classifier, (B,)."""

    def __init__(self, network: DuAtmNetwork, people: int) -> None:
        super().__init__()
        self.network = network
        self.classifier = nn.Linear(network.config.feat_dim, people)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Return the loss to minimise and its terms."""
        clips, people = batch
        config = self.network.config
        sequences = self.network(normalize_clips(clips, config.size(self.network.kind)))
        prepared = self.network.matching.prepared(sequences)
        distances = self.network.matching.distances(prepared, prepared)
        triplet = triplet_loss(distances, people, margin=config.margin, mining=config.mining)
        apart = decorrelation(sequences).mean()
        omega = pooling_weights(
            *sequences.shape[:2], drop=config.p, random=config.pool_random, device=sequences.device
        )
        pooled = torch.einsum("bs,bsd->bd", omega, sequences)
        identity = F.cross_entropy(self.classifier(pooled).float(), people)
        factor = len(people) if config.reduction == "sum" else 1
        total = factor * (triplet + config.lambda1 * apart + config.lambda2 * identity)
        return {"loss": total, "triplet": triplet, "decorrelation": apart, "cross_entropy": identity}


class DuAtmTraining(TrainingTask):
    """The training task of the method; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: DuAtmNetwork, train: TrainingSet) -> None:
        self.config: DuAtmConfig = network.config
        self.network = network
        self.tracklets: Sequence[TrackletView] = train.tracklets
        self.pids = train.pids
        known, self.people = np.unique(train.pids, return_inverse=True)
        self.objective = DuAtmObjective(network, len(known))
        self.module = self.objective
        self.optimizer = self._optimizer()

    def begin_epoch(self, epoch: int) -> None:
        """Freeze the backbone in the first epochs, and lower the rate in the last ones."""
        frozen = epoch < self.config.frozen_epochs
        backbone = self.network.backbone
        backbone.set_trainable(not frozen)
        if frozen and not self.config.freeze_bn:
            backbone.body.train()
        rate = self.config.lr * (0.1 if epoch >= self.config.epochs - self.config.last_epochs else 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]

    def plan(self, generator: np.random.Generator) -> Sequence[Any]:
        """Draw the batches of an epoch: rows of the training table."""
        people, samples = self.config.batch(self.network.kind)
        wanted = self.config.batches_per_epoch
        batches: list[Any] = []
        while not batches or (wanted is not None and len(batches) < wanted):
            batches += pk_batches(self.pids, people=people, samples=samples, rng=generator)
        return batches[:wanted]

    def load(self, item: Any, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Cut and change the clips of a batch."""
        clips = [self._clip(self.tracklets[row], generator) for row in item.tolist()]
        return torch.stack(clips), torch.from_numpy(self.people[item].astype(np.int64))

    def _optimizer(self) -> torch.optim.Optimizer:
        config = self.config
        theirs = {id(value) for value in self.network.backbone.parameters()}
        ours = [value for value in self.objective.parameters() if id(value) not in theirs]
        groups = [
            {"params": ours, "factor": 1.0},
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
            chosen = draw_clip(len(tracklet), config.clip_len, config.short, generator)
            clip = torch.from_numpy(tracklet.frames(size)[chosen])
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
