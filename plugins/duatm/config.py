"""The settings of the method and their presets.

DM-n are equations of Si et al. 2018. The README of this folder lists each choice that the paper leaves open.
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

# Defaults for images and videos: (height, width), and P people with V sequences each per batch.
SIZES: Mapping[SequenceKind, tuple[int, int]] = {"spatial": (256, 128), "temporal": (128, 64)}
BATCHES: Mapping[SequenceKind, tuple[int, int]] = {"spatial": (10, 4), "temporal": (7, 3)}


@dataclass(frozen=True, kw_only=True)
class DuAtmConfig:
    """Settings of dual attention matching. Defaults follow the paper, or the interpretation in the README."""

    # feature sequences
    sequence: Literal["auto", "spatial", "temporal"] = setting(
        "auto",
        "sequence axis: spatial (locations of an image), temporal (frames of a video) or auto (by training data)",
    )
    backbone: Literal["densenet121", "small"] = setting(
        "densenet121", "backbone: densenet121 or small (a small network of reidbench)"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (downloaded), none, or the path of a torchvision state dict"
    )
    height: int | None = setting(
        None, "height of the frames, in pixels; none: 256 for images, 128 for videos", ge=16
    )
    width: int | None = setting(
        None, "width of the frames, in pixels; none: 128 for images, 64 for videos", ge=8
    )
    feat_dim: int = setting(256, "length of the vectors of a sequence", ge=2)
    rnn: Recurrent = setting("gru", "recurrent layer over the frames of a video: gru, lstm or rnn")
    rnn_merge: Literal["concat", "sum"] = setting(
        "concat", "merging of the two directions of the recurrent layer: concat or sum"
    )
    frame_pool: Literal["avg", "max"] = setting("avg", "pooling of the map of a video frame: avg or max")

    # matching
    matching: Matching = setting(
        "dual",
        "attention: dual (both), intra (within a sequence), inter (between sequences) or avgpool (none)",
    )
    intra_pairing: IntraPairing = setting(
        "index", "comparison with matching=intra: index (vectors of the same index) or avgpool (mean vectors)"
    )
    attn_scale: float = setting(1.0, "factor of the attention scores (DM-2)", gt=0)

    # losses
    margin: float = setting(0.2, "gamma of the triplet loss (DM-6)", ge=0)
    mining: Mining = setting("batch_hard", "triplet mining: batch_hard or batch_all")
    lambda1: float = setting(0.1, "weight of the de-correlation loss (DM-7)", ge=0)
    lambda2: float = setting(0.5, "weight of the cross-entropy (DM-8)", ge=0)
    p: float = setting(0.2, "probability of dropping a vector in the pooling of DM-8", ge=0, le=1)
    pool_random: bool = setting(True, "random weights in the pooling of DM-8; false: equal weights")
    reduction: Literal["mean", "sum"] = setting("mean", "loss reduction over the batch: mean or sum")
    eps: float = setting(1e-12, "added to squared distances under the root in training", gt=0)

    # training
    epochs: int = setting(300, "training epochs; 0: untrained network", ge=0)
    frozen_epochs: int = setting(100, "number of first epochs with a frozen backbone", ge=0)
    last_epochs: int = setting(50, "number of last epochs with a tenth of the learning rate", ge=0)
    freeze_bn: bool = setting(True, "freeze the batch statistics of a frozen backbone")
    optimizer: Literal["sgd", "adam"] = setting("sgd", "optimizer: sgd or adam")
    lr: float = setting(0.01, "learning rate", gt=0)
    backbone_lr_mult: float = setting(1.0, "factor of the backbone's learning rate", gt=0)
    momentum: float = setting(0.9, "momentum of sgd", ge=0, lt=1)
    weight_decay: float = setting(5e-4, "L2 weight decay", ge=0)
    batch_people: int | None = setting(None, "P, people per batch; none: 10 for images, 7 for videos", ge=2)
    batch_samples: int | None = setting(
        None, "V, images or tracklets per person and batch; none: 4 for images, 3 for videos", ge=2
    )
    batches_per_epoch: int | None = setting(
        None, "batches per epoch; none: one pass over all identities", ge=1
    )
    clip_len: int = setting(16, "consecutive frames per training clip of a video", ge=1)
    short: Literal["loop", "pad_last"] = setting(
        "loop", "videos shorter than a clip: loop or pad_last (repeat the last frame)"
    )
    crop: Crop = setting(
        "resize9_8",
        "crop of training images: resize9_8 (from 9/8 of the size), pad10 (10 pixels of padding) or none",
    )
    flip: bool = setting(True, "mirror training images with probability 1/2")
    video_flip: bool = setting(False, "mirror training clips of videos with probability 1/2")
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training: none, fp16 or bf16")

    # test
    test_len: int = setting(64, "number of embedded frames per video", stage="embed", ge=1)
    test_window: TestWindow = setting(
        "first", "embedded frames of longer videos: first, center or random", stage="embed"
    )
    test_aug: TestViews = setting(
        "none",
        "test views: none (plain), flip (mirror image) or flip+windows (and three windows of a video)",
        stage="embed",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.rnn_merge == "concat" and self.feat_dim % 2:
            raise ConfigError(f"feat_dim must be even with rnn_merge=concat, got {self.feat_dim}")
        if self.backbone == "small" and self.weights != "none":
            raise ConfigError(
                f"weights must be none for backbone=small, which has no published weights, got {self.weights}"
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
# Section 4.2 of the paper.
_TUNED = {
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
