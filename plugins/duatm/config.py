"""The settings of the method and their named presets.

DM-n are equations of Si et al. 2018; the README of this folder says why each open point was decided as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reidbench.plugin import ConfigError, check_settings, setting
from reidbench.training import Mining

SequenceKind = Literal["spatial", "temporal"]
Matching = Literal["dual", "intra", "inter", "avgpool"]
IntraPairing = Literal["index", "avgpool"]
Crop = Literal["resize9_8", "pad10", "none"]
TestViews = Literal["none", "flip", "flip+windows"]
Recurrent = Literal["gru", "lstm", "rnn"]
TestWindow = Literal["first", "center", "random"]

# what differs between images and video where a setting is none: (height, width), P people, V sequences of each
SIZES: Mapping[SequenceKind, tuple[int, int]] = {"spatial": (256, 128), "temporal": (128, 64)}
BATCHES: Mapping[SequenceKind, tuple[int, int]] = {"spatial": (10, 4), "temporal": (7, 3)}


@dataclass(frozen=True, kw_only=True)
class DuAtmConfig:
    """Settings of dual attention matching; the defaults are the paper's, or the README's reading where it is silent."""

    # feature sequences
    sequence: Literal["auto", "spatial", "temporal"] = setting(
        "auto",
        "what a sequence runs over: places of an image, frames of a video, or what the training data is",
    )
    backbone: Literal["densenet121", "small"] = setting(
        "densenet121", "what turns a frame into a map; small is ours"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (fetched), none, or the path of a torchvision file"
    )
    height: int | None = setting(
        None, "height of the frames in pixels; none = 256 for images, 128 for video", ge=16
    )
    width: int | None = setting(
        None, "width of the frames in pixels; none = 128 for images, 64 for video", ge=8
    )
    feat_dim: int = setting(256, "numbers in each vector of a sequence", ge=2)
    rnn: Recurrent = setting("gru", "recurrent layer over the frames of a video")
    rnn_merge: Literal["concat", "sum"] = setting(
        "concat", "how the two directions of the recurrent layer come together"
    )
    frame_pool: Literal["avg", "max"] = setting("avg", "how the map of a video frame becomes one vector")

    # matching
    matching: Matching = setting(
        "dual", "attention inside a sequence and towards the other (dual), one of them, or none (avgpool)"
    )
    intra_pairing: IntraPairing = setting(
        "index", "with matching=intra: vectors of the same place compared, or the mean vectors"
    )
    attn_scale: float = setting(1.0, "factor of the attention scores (DM-2)", gt=0)

    # losses
    margin: float = setting(0.2, "gamma of the triplet loss (DM-6)", ge=0)
    mining: Mining = setting("batch_hard", "which triplets of a batch count")
    lambda1: float = setting(0.1, "weight of the de-correlation loss (DM-7)", ge=0)
    lambda2: float = setting(0.5, "weight of the cross-entropy (DM-8)", ge=0)
    p: float = setting(0.2, "probability that a vector does not enter the pooled one of DM-8", ge=0, le=1)
    pool_random: bool = setting(True, "random weights in the pooling of DM-8; false: equal ones")
    reduction: Literal["mean", "sum"] = setting(
        "mean", "how the losses of a batch come together: over anchors, sequences and samples"
    )
    eps: float = setting(1e-12, "added to squared distances under the root in training", gt=0)

    # training
    epochs: int = setting(300, "passes over the training people; 0 = untrained", ge=0)
    frozen_epochs: int = setting(100, "first epochs, in which the backbone is frozen", ge=0)
    last_epochs: int = setting(50, "last epochs, whose learning rate is a tenth", ge=0)
    freeze_bn: bool = setting(True, "keep the batch statistics of a frozen backbone as they are")
    optimizer: Literal["sgd", "adam"] = setting("sgd", "what follows the gradients")
    lr: float = setting(0.01, "learning rate", gt=0)
    backbone_lr_mult: float = setting(1.0, "factor of the backbone's learning rate", gt=0)
    momentum: float = setting(0.9, "momentum of SGD", ge=0, lt=1)
    weight_decay: float = setting(5e-4, "L2 weight decay", ge=0)
    batch_people: int | None = setting(None, "P, people in a batch; none = 10 for images, 7 for video", ge=2)
    batch_samples: int | None = setting(
        None, "V, images or tracklets of each person in a batch; none = 4 for images, 3 for video", ge=2
    )
    batches_per_epoch: int | None = setting(
        None, "batches in an epoch; none = every person has one turn", ge=1
    )
    clip_len: int = setting(16, "consecutive frames of a training clip of a video", ge=1)
    short: Literal["loop", "pad_last"] = setting(
        "loop", "videos shorter than a clip, in training and test: begin again, or repeat the last frame"
    )
    crop: Crop = setting(
        "resize9_8", "random crop of images: of 9/8 of the size, of a border of 10 pixels, or none"
    )
    flip: bool = setting(True, "mirror every other training image")
    video_flip: bool = setting(False, "mirror every other training clip of a video")
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training")

    # test
    test_len: int = setting(64, "frames of a video that are embedded", stage="embed", ge=1)
    test_window: TestWindow = setting("first", "which frames of a longer video are embedded", stage="embed")
    test_aug: TestViews = setting(
        "none",
        "test views, whose distances are averaged: mirror images, and three windows of a video",
        stage="embed",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.rnn_merge == "concat" and self.feat_dim % 2:
            raise ConfigError(
                f"feat_dim must be even with rnn_merge=concat, half for each direction, got {self.feat_dim}"
            )
        if self.backbone == "small" and self.weights != "none":
            raise ConfigError(
                f"weights must be none for backbone small, which has no published ones, got {self.weights}"
            )

    def size(self, kind: SequenceKind) -> tuple[int, int]:
        """Return height and width of the frames."""
        height, width = SIZES[kind]
        return self.height or height, self.width or width

    def batch(self, kind: SequenceKind) -> tuple[int, int]:
        """Return P and V of a batch."""
        people, samples = BATCHES[kind]
        return self.batch_people or people, self.batch_samples or samples


_PAPER = DuAtmConfig()
_TRIPLET = dataclasses.replace(_PAPER, lambda1=0.0, lambda2=0.0)
_TUNED = {  # section 4.2 of the paper: lambda1, lambda2, p
    "market1501": dataclasses.replace(_PAPER, lambda1=0.3, lambda2=0.9, p=0.4),
    "dukemtmc-reid": dataclasses.replace(_PAPER, lambda1=0.1, lambda2=0.5, p=0.6),
    "mars": dataclasses.replace(_PAPER, lambda1=0.5, lambda2=0.5, p=0.4),
}

PRESETS: Mapping[str, DuAtmConfig] = {
    "paper": _PAPER,
    "small": DuAtmConfig(
        backbone="small",
        weights="none",
        height=64,
        width=32,
        feat_dim=64,
        optimizer="adam",
        lr=3e-3,
        weight_decay=0.0,
        epochs=40,
        frozen_epochs=0,
        last_epochs=10,
        batch_people=10,
        batch_samples=4,
        clip_len=6,
        test_len=16,
        video_flip=True,
    ),
    # rows of the paper's tables 1 and 2
    "avgpool-l0": dataclasses.replace(_TRIPLET, matching="avgpool"),
    "intra-l0": dataclasses.replace(_TRIPLET, matching="intra"),
    "inter-l0": dataclasses.replace(_TRIPLET, matching="inter"),
    "dual-l0": _TRIPLET,
    "dual-l0-l1": dataclasses.replace(_PAPER, lambda2=0.0),
    "dual-l0-l2": dataclasses.replace(_PAPER, lambda1=0.0),
    **_TUNED,
    **{
        f"{name}-aug": dataclasses.replace(config, test_aug="flip+windows" if name == "mars" else "flip")
        for name, config in _TUNED.items()
    },
    "mars-256x128": dataclasses.replace(_TUNED["mars"], height=256, width=128),
}
