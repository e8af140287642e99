"""The staged training: the CNN alone, then the spatial attentions, then the temporal ones, and all on request."""

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
from .losses import OnlineInstanceMatching, diversity, hellinger, reduced
from .network import ClipEncoding, DiversityNetwork

CNN, SPATIAL, TEMPORAL, ALL = range(4)  # the steps
_LEAST_PART, _MOST_STRETCH, _TRIES = 0.64, 1.5, 10  # of crop=resized, as open-reid has them


def step_borders(config: DiversityConfig) -> list[int]:
    """Return the epochs at which the steps end, the last one being `epochs`; in doubt a step gets the epoch."""
    total = sum(config.steps)
    return [-(-config.epochs * ended // total) for ended in np.cumsum(config.steps).tolist()]


def step_of(epoch: int, config: DiversityConfig) -> tuple[int, float]:
    """Return the step that an epoch belongs to, and what its learning rates are multiplied by.

    They drop once in each step; those of the last one, which fine-tunes, are low from the start.
    """
    begun = 0
    for step, ended in enumerate(step_borders(config)):
        if epoch < ended:
            late = epoch - begun >= config.drop_at * (ended - begun)
            factor = config.drop if late else 1.0
            return step, factor * (config.drop if step == ALL else 1.0)
        begun = ended
    raise ValueError(f"epoch {epoch} comes after the last one, {config.epochs - 1}")


class ClipObjective(nn.Module):
    """The loss DA-9 of a batch: clips (B, N, H, W, 3) uint8 and people (B,), numbered from 0.

    Attributes:
        step: of the training; the first one knows no attention, the second only the spatial one.
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
        """Return the loss to minimise, its terms, and the mean Hellinger distance of maps where there are several."""
        clips, people = batch
        config = self.network.config
        encoding: ClipEncoding = self.network(
            normalize_clips(clips, config.input_size),
            spatial="avg" if self.step == CNN else None,
            temporal="avg" if self.step in (CNN, SPATIAL) else None,
        )
        with torch.autocast(clips.device.type, enabled=False):
            identity = self._identity(encoding.descriptor, people)
            if encoding.spatial is None or config.spatial_models == 1:
                return {"loss": identity, "identity": identity}
            return self._with_diversity(identity, encoding.spatial.flatten(0, 1).flatten(2))

    def _identity(self, descriptors: Tensor, people: Tensor) -> Tensor:
        if self.matching is not None:
            loss: Tensor = self.matching(descriptors, people)
            return loss
        if self.classifier is not None:
            return F.cross_entropy(self.classifier(descriptors), people)
        # differences, not products: the gradient of equal vectors is 0 and not infinite
        distances = torch.cdist(descriptors, descriptors, compute_mode="donot_use_mm_for_euclid_dist")
        config = self.network.config
        return triplet_loss(distances, people, margin=config.margin, mining=config.mining)

    def _with_diversity(self, identity: Tensor, maps: Tensor) -> Mapping[str, Tensor]:
        config = self.network.config
        count = config.spatial_models
        apart = hellinger(maps.detach()).sum((1, 2)).mean() / (count * (count - 1))
        if config.diversity == "none":
            return {"loss": identity, "identity": identity, "hellinger": apart}
        term = reduced(diversity(maps, config.diversity), config.div_reduction)
        total = identity + config.div_weight * term
        return {"loss": total, "identity": identity, "diversity": term, "hellinger": apart}


class StagedTraining(TrainingTask):
    """The training task of the method; see `reidbench.training.TrainingTask`."""

    def __init__(self, network: DiversityNetwork, train: TrainingSet) -> None:
        self.config: DiversityConfig = network.config
        self.tracklets = train.tracklets
        names, self.people = np.unique(train.pids, return_inverse=True)
        self.objective = ClipObjective(network, len(names))
        self.module = self.objective
        classifier = self.objective.classifier
        new = [*network.new_parameters(), *(() if classifier is None else classifier.parameters())]
        self.rates = (self.config.backbone_lr, self.config.lr)
        self.optimizer = self._optimizer([{"params": list(network.backbone.parameters())}, {"params": new}])

    def begin_epoch(self, epoch: int) -> None:
        """Set step and learning rates; the backbone learns in the first step, and in the one that fine-tunes all."""
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
        """Draw and change a clip of each row of a batch."""
        clips = [self._clip(row, generator) for row in item.tolist()]
        return stack_clips(clips, self.config.input_size), torch.from_numpy(self.people[item])

    def _clip(self, row: int, generator: np.random.Generator) -> Tensor:
        config = self.config
        frames = self.tracklets[row].frames(config.input_size, enlarge=False)
        chosen = sample_chunks(len(frames), config.frames, generator, chunks=config.chunk)
        clip = torch.from_numpy(frames[chosen])
        if config.crop == "resized":
            clip = resized_crop(clip, generator)
        shift = config.translation if config.crop == "shift" else 0.0
        drawn = draw_augmentation(clip.shape[1], clip.shape[2], shift, generator)
        change = ClipAugmentation(dy=drawn.dy, dx=drawn.dx, mirror=drawn.mirror and config.flip)
        return augment_clip(clip, change, "replicate")

    def _optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
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


def resized_crop(clip: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a random part of a clip, the same of all frames, enlarged to the clip's size.

    The part has 64 to 100 % of the area and is up to 1.5 times as tall for its width as the frame (open-reid). What
    does not fit is drawn again, ten times at most; then the clip stays as it is.

    Args:
        clip: (N, H, W, 3), uint8.
        rng: source of randomness.
    """
    height, width = clip.shape[1:3]
    for _ in range(_TRIES):
        part, stretch = rng.uniform(_LEAST_PART, 1), rng.uniform(1, _MOST_STRETCH)
        rows = max(round(height * math.sqrt(part * stretch)), 1)
        columns = max(round(width * math.sqrt(part / stretch)), 1)
        if rows <= height:
            top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
            frames = clip[:, top : top + rows, left : left + columns].movedim(-1, 1)
            enlarged = F.interpolate(frames, (height, width), mode="bilinear", align_corners=False)
            return enlarged.movedim(1, -1).contiguous()
    return clip
