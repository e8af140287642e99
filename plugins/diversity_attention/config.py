"""The settings of the method and their presets.

DA-n are the equations of the README in this folder, which also gives the reason for each choice that the sources leave
open.
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
# Steps of the staged training; an optional fourth step fine-tunes the complete network.
STEPS = 3


@dataclass(frozen=True, kw_only=True)
class DiversityConfig:
    """Settings of the diversity-regularised attention. Defaults follow the paper's final model."""

    # frames
    frames: int = setting(6, "N, frames per clip, one from each of N equal chunks of the sequence", ge=1)
    chunk: Chunks = setting(
        "floor",
        "first frame of chunk i: floor (floor(iF/N)) or ceil_pad (i ceil(F/N), padded by the last frame)",
    )
    input_height: int = setting(256, "height of the backbone's input, in pixels", ge=1)
    input_width: int = setting(128, "width of the backbone's input, in pixels", ge=1)

    # backbone
    backbone: Literal["resnet50", "small"] = setting(
        "resnet50", "backbone: resnet50 or small (a small network of reidbench, stride 8)"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (downloaded), none, or the path of a torchvision state dict"
    )
    last_stride: Literal[1, 2] = setting(
        2, "stride of the last stage of resnet50: 2, or 1 for maps of twice the height and width"
    )

    # spatial attention
    spatial: SpatialPool = setting("attention", "pooling of cells to regions: attention (DA-1) or avg")
    spatial_models: int = setting(6, "K, number of spatial attentions, one per region", ge=1)
    attn_shared: bool = setting(True, "share the hidden layer W of DA-1 between attentions")
    attn_hidden: int = setting(64, "hidden units of DA-1", ge=1)
    attn_bn: bool = setting(True, "batch normalisation instead of biases after both layers of DA-1")
    diversity: Diversity = setting(
        "hellinger", "diversity term of the K maps: none, hellinger (DA-5) or gram (DA-5')"
    )
    div_reduction: Reduction = setting(
        "squared_mean",
        "reduction of the diversity term: squared_mean (mean over frames) or batch_root (root of the sum)",
    )
    div_weight: float = setting(1.0, "weight of the diversity term in DA-9", ge=0)

    # descriptor
    enhance: Literal["linear", "none"] = setting("linear", "layer on region vectors: linear (DA-3) or none")
    enhance_shared: bool = setting(True, "share the linear layer of DA-3 between regions")
    embedding: int = setting(128, "length of region vectors after DA-3", ge=1)
    temporal: TemporalPool = setting("attention", "pooling over frames: attention (DA-6), avg or max")
    temporal_shared: bool = setting(False, "share the vector u of DA-6 between regions")
    final: Literal["concat", "fc128"] = setting(
        "concat", "descriptor: concat (concatenated regions) or fc128 (linear layer of 128 on them)"
    )
    head_init: Literal["framework", "he"] = setting(
        "framework",
        "initial values of new layers: framework (PyTorch) or he (He-normal and small linear layers)",
    )

    # loss
    loss: Literal["oim", "softmax", "triplet"] = setting(
        "oim", "identity loss: oim (DA-8), softmax (linear classifier) or triplet"
    )
    oim_scale: float = setting(30.0, "beta of DA-8, inverse temperature", gt=0)
    oim_momentum: float = setting(0.5, "mu of DA-8, momentum of the table", ge=0, lt=1)
    oim_init: TableInit = setting(
        "zeros",
        "initial rows of the table: zeros or first_feature (first descriptor of the person)",
    )
    margin: float = setting(0.3, "margin of the triplet loss", ge=0)
    mining: Mining = setting("batch_hard", "triplet mining: batch_hard or batch_all")

    # training
    epochs: int = setting(90, "training epochs of all steps together; 0: untrained network", ge=0)
    steps: tuple[int, ...] = setting(
        (30, 30, 30),
        "relative lengths of the steps: CNN, spatial attention, temporal attention",
        ge=0,
    )
    finetune_per_dataset: bool = setting(
        False, "add a fourth step that trains the complete network; steps then has four lengths"
    )
    optimizer: Literal["sgd", "adam"] = setting("sgd", "optimizer: sgd or adam")
    lr: float = setting(0.1, "learning rate of new layers", gt=0)
    backbone_lr: float = setting(0.01, "learning rate of the backbone", gt=0)
    drop_at: float = setting(2 / 3, "fraction of each step after which the learning rates drop", gt=0, le=1)
    drop: float = setting(0.1, "factor of the learning rates at the drop", gt=0, le=1)
    momentum: float = setting(0.9, "momentum of sgd", ge=0, lt=1)
    nesterov: bool = setting(True, "Nesterov momentum in sgd")
    weight_decay: float = setting(5e-4, "L2 weight decay", ge=0)
    sampler: Literal["random", "people"] = setting(
        "random", "batch sampling: random, or people (PK sampling)"
    )
    batch: int = setting(32, "clips per batch with sampler=random", ge=1)
    batch_people: int = setting(8, "people per batch with sampler=people", ge=1)
    batch_samples: int = setting(4, "sequences per person and batch with sampler=people", ge=1)
    crop: Literal["resized", "shift", "none"] = setting(
        "resized",
        "crop of training clips: resized (random crop, enlarged), shift (replicated borders) or none",
    )
    translation: float = setting(
        0.05, "largest random shift with crop=shift, as a fraction of each side", ge=0, lt=0.5
    )
    flip: bool = setting(True, "mirror training clips with probability 1/2")
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training: none, fp16 or bf16")

    # test
    test_aug: Literal["none", "mirror"] = setting("none", "test views: none (plain) or mirror", stage="embed")

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the backbone's input."""
        return self.input_height, self.input_width

    def __post_init__(self) -> None:
        check_settings(self)
        _check_steps(self)
        _check_combinations(self)


def _check_steps(config: DiversityConfig) -> None:
    count = STEPS + config.finetune_per_dataset
    if len(config.steps) != count or not any(config.steps):
        raise ConfigError(
            f"steps must be {count} lengths, not all 0, with finetune_per_dataset="
            f"{str(config.finetune_per_dataset).lower()}, got {','.join(map(str, config.steps)) or 'none'}"
        )


def _check_combinations(config: DiversityConfig) -> None:
    if config.backbone == "small" and config.weights != "none":
        raise ConfigError(
            f"weights must be none for backbone=small, which has no published weights, got {config.weights}"
        )
    if config.backbone == "small" and config.last_stride != 2:
        raise ConfigError("last_stride must be 2 for backbone=small, got 1")
    if config.spatial == "avg" and config.spatial_models != 1:
        raise ConfigError(
            f"spatial_models must be 1 with spatial=avg, where all regions are equal, got {config.spatial_models}"
        )
    if config.spatial == "avg" and config.diversity != "none":
        raise ConfigError(
            f"diversity must be none with spatial=avg, which has no attention maps, got {config.diversity}"
        )
    if config.nesterov and config.optimizer == "sgd" and config.momentum == 0:
        raise ConfigError("momentum must be greater than 0 with nesterov=true, got 0.0")
    if config.loss == "triplet" and config.sampler != "people":
        raise ConfigError(f"sampler must be people with loss=triplet, got {config.sampler}")
    if config.sampler == "people" and (config.batch_people < 2 or config.batch_samples < 2):
        raise ConfigError(
            "batch_people and batch_samples must be at least 2 with sampler=people, "
            f"got {config.batch_people} and {config.batch_samples}"
        )


_PAPER = DiversityConfig()

PRESETS: Mapping[str, DiversityConfig] = {
    "paper": _PAPER,
    # rows of the paper's ablation
    "baseline": dataclasses.replace(
        _PAPER,
        spatial="avg",
        spatial_models=1,
        diversity="none",
        temporal="avg",
        # The first step of the other rows.
        epochs=30,
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
    # the study of K
    **{f"k-{count}": dataclasses.replace(_PAPER, spatial_models=count) for count in (1, 2, 4, 6, 8)},
    # From scratch on few people, learning needs the fourth step and triplets; the README has the measurements.
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
