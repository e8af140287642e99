"""The settings of the method and their named presets.

DA-n are the equations in the README of this folder, which also says why each open point was decided as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reidbench.plugin import ConfigError, check_settings, setting
from reidbench.training import Chunks, Mining

SpatialPool = Literal["attention", "avg"]
TemporalPool = Literal["attention", "avg", "max"]
Diversity = Literal["none", "hellinger", "gram"]
Reduction = Literal["squared_mean", "batch_root"]
TableInit = Literal["zeros", "first_feature"]
STEPS = 3  # of the staged training; a fourth one fine-tunes all


@dataclass(frozen=True, kw_only=True)
class DiversityConfig:
    """Settings of the diversity regularised attention; the defaults are the paper's final model."""

    # frames
    frames: int = setting(6, "N, frames of a clip, one of each of as many equal chunks of the sequence", ge=1)
    chunk: Chunks = setting(
        "floor",
        "chunk i begins at frame floor(iF/N), or at i ceil(F/N) of the sequence padded by its last frame",
    )
    input_height: int = setting(256, "height of the frames given to the backbone, in pixels", ge=1)
    input_width: int = setting(128, "width of the frames given to the backbone, in pixels", ge=1)

    # backbone
    backbone: Literal["resnet50", "small"] = setting(
        "resnet50", "what turns a frame into a map; small is ours, of stride 8"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (fetched), none, or the path of a torchvision file"
    )
    last_stride: Literal[1, 2] = setting(
        2, "stride of the last stage of resnet50; 1 doubles the sides of the map"
    )

    # where
    spatial: SpatialPool = setting("attention", "cells to regions: learned weights (DA-1), or equal ones")
    spatial_models: int = setting(6, "K, spatial attentions, each for a region of its own", ge=1)
    attn_shared: bool = setting(True, "one hidden layer W for all K attentions; otherwise each has its own")
    attn_hidden: int = setting(64, "units of the hidden layer of an attention", ge=1)
    attn_bn: bool = setting(True, "batch norm after both layers of the attentions, in place of biases")
    diversity: Diversity = setting(
        "hellinger", "what keeps the K maps apart: nothing, DA-5, or DA-5' without square roots"
    )
    div_reduction: Reduction = setting(
        "squared_mean", "diversity of a batch: mean over its frames, or root of their sum"
    )
    div_weight: float = setting(1.0, "weight of the diversity term in DA-9", ge=0)

    # regions to a descriptor
    enhance: Literal["linear", "none"] = setting(
        "linear", "regions through a linear layer (DA-3), or as they are"
    )
    enhance_shared: bool = setting(
        True, "one linear layer of DA-3 for all regions; otherwise each has its own"
    )
    embedding: int = setting(128, "length of a region's vector after DA-3", ge=1)
    temporal: TemporalPool = setting(
        "attention", "frames to a video: learned weights (DA-6), mean, or maximum"
    )
    temporal_shared: bool = setting(False, "one vector u of DA-6 for all regions; otherwise each has its own")
    final: Literal["concat", "fc128"] = setting(
        "concat", "descriptor: the regions side by side, or these through a linear layer of 128"
    )
    head_init: Literal["framework", "he"] = setting(
        "framework", "new layers start as PyTorch draws them, or He-normal and with deviation 0.001"
    )

    # loss
    loss: Literal["oim", "softmax", "triplet"] = setting(
        "oim", "identity loss: look-up table (DA-8), linear classifier, or triplets"
    )
    oim_scale: float = setting(30.0, "beta of DA-8, one over the temperature", gt=0)
    oim_momentum: float = setting(
        0.5, "mu of DA-8, what a row keeps of itself when it is updated", ge=0, lt=1
    )
    oim_init: TableInit = setting(
        "zeros",
        "rows of the table start as 0, or as the first descriptor of their person, before its first loss",
    )
    margin: float = setting(0.3, "margin of the triplet loss", ge=0)
    mining: Mining = setting("batch_hard", "which triplets count")

    # training
    epochs: int = setting(90, "passes over the training sequences, all steps together; 0 = untrained", ge=0)
    steps: tuple[int, ...] = setting(
        (30, 30, 30),
        "lengths of the steps in proportion: CNN, spatial, temporal attention; epochs is the sum",
        ge=0,
    )
    finetune_per_dataset: bool = setting(
        False, "a fourth step, whose length steps names too, trains the whole network on this dataset"
    )
    optimizer: Literal["sgd", "adam"] = setting("sgd", "how weights are updated")
    lr: float = setting(0.1, "learning rate of all that is new", gt=0)
    backbone_lr: float = setting(0.01, "learning rate of the backbone", gt=0)
    drop_at: float = setting(2 / 3, "part of each step after which the learning rates drop", gt=0, le=1)
    drop: float = setting(0.1, "what the learning rates are multiplied by when they drop", gt=0, le=1)
    momentum: float = setting(0.9, "momentum of sgd", ge=0, lt=1)
    nesterov: bool = setting(True, "Nesterov's momentum in sgd")
    weight_decay: float = setting(5e-4, "L2 weight decay", ge=0)
    sampler: Literal["random", "people"] = setting(
        "random", "batches of sequences as they fall, or of several people with several sequences each"
    )
    batch: int = setting(32, "clips in a batch with sampler=random; the last one may be smaller", ge=1)
    batch_people: int = setting(8, "people in a batch with sampler=people", ge=1)
    batch_samples: int = setting(4, "sequences of a person in a batch with sampler=people", ge=1)
    crop: Literal["resized", "shift", "none"] = setting(
        "resized", "training clips: a random part enlarged, shifted with replicated borders, or whole"
    )
    translation: float = setting(
        0.05, "largest random shift with crop=shift, as a fraction of each side", ge=0, lt=0.5
    )
    flip: bool = setting(True, "mirror every other training clip")
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training")

    # test
    test_aug: Literal["none", "mirror"] = setting(
        "none", "test views: plain, or with the mirror image", stage="embed"
    )

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the frames given to the backbone."""
        return self.input_height, self.input_width

    def __post_init__(self) -> None:
        check_settings(self)
        _check_steps(self)
        _check_parts(self)


def _check_steps(config: DiversityConfig) -> None:
    count = STEPS + config.finetune_per_dataset
    if len(config.steps) != count or not any(config.steps):
        raise ConfigError(
            f"steps must be {count} lengths, not all 0, with finetune_per_dataset="
            f"{str(config.finetune_per_dataset).lower()}, got {','.join(map(str, config.steps)) or 'none'}"
        )


def _check_parts(config: DiversityConfig) -> None:
    if config.backbone == "small" and config.weights != "none":
        raise ConfigError(
            f"weights must be none for backbone small, which has no published ones, got {config.weights}"
        )
    if config.backbone == "small" and config.last_stride != 2:
        raise ConfigError("last_stride must be 2 for backbone small, which has no stage to change, got 1")
    if config.spatial == "avg" and config.spatial_models != 1:
        raise ConfigError(
            f"spatial_models must be 1 with spatial=avg, where all regions are the same, got {config.spatial_models}"
        )
    if config.spatial == "avg" and config.diversity != "none":
        raise ConfigError(
            f"diversity must be none with spatial=avg, which has no maps to keep apart, got {config.diversity}"
        )
    if config.nesterov and config.optimizer == "sgd" and config.momentum == 0:
        raise ConfigError("momentum must be greater than 0 with nesterov=true, got 0.0")
    if config.loss == "triplet" and config.sampler != "people":
        raise ConfigError(f"sampler must be people with loss=triplet, got {config.sampler}")
    if config.sampler == "people" and (config.batch_people < 2 or config.batch_samples < 2):
        raise ConfigError(
            "batch_people and batch_samples must be 2 or more with sampler=people, "
            f"got {config.batch_people} and {config.batch_samples}"
        )


_PAPER = DiversityConfig()

PRESETS: Mapping[str, DiversityConfig] = {
    "paper": _PAPER,
    # the rows of the paper's ablation
    "baseline": dataclasses.replace(
        _PAPER,
        spatial="avg",
        spatial_models=1,
        diversity="none",
        temporal="avg",
        epochs=30,  # just the step with which all others begin
        steps=(30, 0, 0),
    ),
    "spaatn": dataclasses.replace(_PAPER, diversity="none", temporal="avg"),
    "spaatn-gram": dataclasses.replace(_PAPER, diversity="gram", temporal="avg"),
    "spaatn-q": dataclasses.replace(_PAPER, temporal="avg"),
    "spaatn-q-maxpool": dataclasses.replace(_PAPER, temporal="max"),
    "spaatn-q-tematn": _PAPER,
    "spaatn-q-tematn-ind": dataclasses.replace(
        _PAPER, finetune_per_dataset=True, epochs=120, steps=(30, 30, 30, 30)
    ),
    # the sweep of K, whose 6 is the default
    **{f"k-{count}": dataclasses.replace(_PAPER, spatial_models=count) for count in (1, 2, 4, 6, 8)},
    # From scratch on few people: the fourth step and triplets are what lets it learn, as the README shows.
    "small": DiversityConfig(
        backbone="small",
        weights="none",
        input_height=64,
        input_width=32,
        frames=4,
        spatial_models=4,
        attn_hidden=32,
        embedding=64,
        loss="triplet",
        sampler="people",
        batch_people=8,
        batch_samples=2,
        div_weight=0.1,
        optimizer="adam",
        lr=2e-3,
        backbone_lr=2e-3,
        drop=0.5,
        crop="shift",
        finetune_per_dataset=True,
        epochs=50,
        steps=(4, 3, 3, 40),
        test_aug="mirror",
    ),
}
