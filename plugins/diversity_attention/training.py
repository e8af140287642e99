"""The staged training: CNN, spatial attention, temporal attention, and optionally the complete network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.datasets import TrainingSet
from reidbench.nn import normalize_clips, stack_clips
from reidbench.training import (
    ClipAugmentation,
    TrainingTask,
    augment_clip,
    draw_augmentation,
    pk_batches,
    sample_chunks,
    triplet_loss,
)

from .config import DiversityConfig
from .losses import OnlineInstanceMatching, diversity, hellinger, reduce_terms
from .network import ClipEncoding, DiversityNetwork

# The steps of the training.
CNN, SPATIAL, TEMPORAL, ALL = range(4)
# Smallest area, largest aspect factor and number of tries of crop=resized, as in open-reid.
_MIN_AREA, _MAX_STRETCH, _TRIES = 0.64, 1.5, 10


def step_borders(config: DiversityConfig) -> list[int]:
    """Return the first epoch after each step, rounded up; the last one is `epochs`."""
    total = sum(config.steps)
    return [-(-config.epochs * end // total) for end in np.cumsum(config.steps).tolist()]


def step_of(epoch: int, config: DiversityConfig) -> tuple[int, float]:
    """Return the step of an epoch and the factor of its learning rates.

    The rates drop once per step; those of the last step, which fine-tunes, are reduced from its start.
    """
    start = 0
    for step, end in enumerate(step_borders(config)):
        if epoch < end:
            has_dropped = epoch - start >= config.drop_at * (end - start)
            factor = config.drop if has_dropped else 1.0
            return step, factor * (config.drop if step == ALL else 1.0)
        start = end
    raise ValueError(f"epoch must be less than {config.epochs}, got {epoch}")


class ClipObjective(nn.Module):
    """The loss DA-9 of a batch: uint8 clips (B, N, H, W, 3) and people (B,), numbered from 0.

    Attributes:
        step: step of the training; the first has no attention, the second only spatial attention.
    """

    def __init__(self, network: DiversityNetwork, people: int) -> None:
        super().__init__()
        self.network = network
        self.step = CNN
        config = network.config
        self.matching: OnlineInstanceMatching | None = None
        self.classifier: nn.Linear | None = None
        if config.loss == "oim":
            self.matching = OnlineInstanceMatching(
                people,
                network.dimension,
                scale=config.oim_scale,
                momentum=config.oim_momentum,
                init=config.oim_init,
            )
        if config.loss == "softmax":
            self.classifier = nn.Linear(network.dimension, people)
            nn.init.normal_(self.classifier.weight, std=0.001)
            nn.init.zeros_(self.classifier.bias)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Return the loss, its terms, and for K > 1 the mean Hellinger distance of the maps."""
        clips, people = batch
        config = self.network.config
        encoding: ClipEncoding = self.network(
            normalize_clips(clips, config.input_size),
            spatial="avg" if self.step == CNN else None,
            temporal="avg" if self.step in (CNN, SPATIAL) else None,
        )
        with torch.autocast(clips.device.type, enabled=False):
            identity = self._identity_loss(encoding.descriptor, people)
            if encoding.spatial is None or config.spatial_models == 1:
                return {"loss": identity, "identity": identity}
            return self._add_diversity(identity, encoding.spatial.flatten(0, 1).flatten(2))

    def _identity_loss(self, descriptors: Tensor, people: Tensor) -> Tensor:
        if self.matching is not None:
            loss: Tensor = self.matching(descriptors, people)
            return loss
        if self.classifier is not None:
            return F.cross_entropy(self.classifier(descriptors), people)
        # Without matrix products, whose gradient for equal vectors is infinite instead of 0.
        distances = torch.cdist(descriptors, descriptors, compute_mode="donot_use_mm_for_euclid_dist")
        config = self.network.config
        return triplet_loss(distances, people, margin=config.margin, mining=config.mining)

    def _add_diversity(self, identity: Tensor, maps: Tensor) -> Mapping[str, Tensor]:
        config = self.network.config
        count = config.spatial_models
        distance = hellinger(maps.detach()).sum((1, 2)).mean() / (count * (count - 1))
        if config.diversity == "none":
            return {"loss": identity, "identity": identity, "hellinger": distance}
        term = reduce_terms(diversity(maps, config.diversity), config.div_reduction)
        total = identity + config.div_weight * term
        return {"loss": total, "identity": identity, "diversity": term, "hellinger": distance}


class StagedTraining(TrainingTask):
    """Staged training; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: DiversityNetwork, train: TrainingSet) -> None:
        self.config: DiversityConfig = network.config
        self.tracklets = train.tracklets
        pids, self.people = np.unique(train.pids, return_inverse=True)
        self.objective = ClipObjective(network, len(pids))
        self.module = self.objective
        classifier = self.objective.classifier
        new = [*network.new_parameters(), *(() if classifier is None else classifier.parameters())]
        self.rates = (self.config.backbone_lr, self.config.lr)
        self.optimizer = self._build_optimizer(
            [{"params": list(network.backbone.parameters())}, {"params": new}]
        )

    def begin_epoch(self, epoch: int) -> None:
        """Set the step and the learning rates; the backbone is trained in the first and the fine-tuning step."""
        step, factor = step_of(epoch, self.config)
        self.objective.step = step
        self.objective.network.backbone.set_trainable(step in (CNN, ALL))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def plan(self, generator: np.random.Generator) -> Sequence[npt.NDArray[np.int64]]:
        """Draw the batches of an epoch: rows of the training table."""
        config = self.config
        if config.sampler == "people":
            return pk_batches(
                self.people, people=config.batch_people, samples=config.batch_samples, rng=generator
            )
        rows = generator.permutation(len(self.tracklets))
        return [rows[start : start + config.batch] for start in range(0, len(rows), config.batch)]

    def load(self, item: Any, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw and augment one clip per row of a batch."""
        clips = [self._clip(row, generator) for row in item.tolist()]
        return stack_clips(clips, self.config.input_size), torch.from_numpy(self.people[item])

    def _clip(self, row: int, generator: np.random.Generator) -> Tensor:
        config = self.config
        frames = self.tracklets[row].frames(config.input_size, enlarge=False)
        indices = sample_chunks(len(frames), config.frames, generator, chunks=config.chunk)
        clip = torch.from_numpy(frames[indices])
        if config.crop == "resized":
            clip = resize_random_crop(clip, generator)
        shift = config.translation if config.crop == "shift" else 0.0
        drawn = draw_augmentation(clip.shape[1], clip.shape[2], shift, generator)
        augmentation = ClipAugmentation(dy=drawn.dy, dx=drawn.dx, mirror=drawn.mirror and config.flip)
        return augment_clip(clip, augmentation, "replicate")

    def _build_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        config = self.config
        if config.optimizer == "adam":
            return torch.optim.Adam(groups, lr=config.lr, weight_decay=config.weight_decay)
        return torch.optim.SGD(
            groups,
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
        )


def resize_random_crop(clip: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a random crop of a clip, the same for all frames, enlarged to the clip's size.

    The crop has 64 to 100 % of the area, and its ratio of height to width is 1 to 1.5 times that of the frame
    (open-reid). A crop that does not fit is drawn again; after ten tries the clip is returned unchanged.

    Args:
        clip: (N, H, W, 3), uint8.
        rng: source of randomness.
    """
    height, width = clip.shape[1:3]
    for _ in range(_TRIES):
        area, stretch = rng.uniform(_MIN_AREA, 1), rng.uniform(1, _MAX_STRETCH)
        rows = max(round(height * math.sqrt(area * stretch)), 1)
        columns = max(round(width * math.sqrt(area / stretch)), 1)
        if rows <= height:
            top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
            frames = clip[:, top : top + rows, left : left + columns].movedim(-1, 1)
            enlarged = F.interpolate(frames, (height, width), mode="bilinear", align_corners=False)
            return enlarged.movedim(1, -1).contiguous()
    return clip
