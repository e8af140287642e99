"""The settings of the method and their named presets.

W-n are equations of Wu et al. 2018; the README of this folder says why each open point was decided as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reidbench.plugin import ConfigError, check_settings, setting
from reidbench.training import PadMode, Short, TestAugmentation, WindowSide

Backbone = Literal["googlenet", "vgg16", "googlenet_fc", "vgg16_fc7", "small"]
AttentionInput = Literal["flatten", "gap", "conv1x1"]
InterLayerPool = Literal["none", "max3s1", "max2s2"]
TemporalPool = Literal["attention", "avg", "max", "fisher"]
FisherNorm = Literal["none", "power", "l2", "power_l2"]
PenaltyTarget = Literal["1", "T/K2"]

FC_BACKBONES = ("googlenet_fc", "vgg16_fc7")


@dataclass(frozen=True, kw_only=True)
class SiameseConfig:
    """Settings of the siamese ConvGRU; the defaults are the paper's, or the README's reading where it is silent."""

    # frames
    backbone: Backbone = setting(
        "googlenet", "what turns a frame into a map; *_fc and *_fc7 give 1x1 maps, small is ours"
    )
    vgg_tap: Literal["pool5", "conv5_3"] = setting(
        "pool5", "map of vgg16: 7x7 after pool5 or 14x14 before it"
    )
    googlenet_tap: Literal["pool", "logits"] = setting(
        "pool", "feature of googlenet_fc: 1024 pooled or 1000 logits"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (fetched), none, or the path of a torchvision file"
    )
    finetune_backbone: bool = setting(
        False, "train the backbone too; otherwise it is frozen, batch statistics included"
    )
    backbone_lr: float = setting(1e-5, "learning rate of a trained backbone", gt=0)
    input_height: int = setting(224, "height of the frames given to the backbone, in pixels", ge=1)
    input_width: int = setting(224, "width of the frames given to the backbone, in pixels", ge=1)

    # recurrence
    kernels: tuple[int, ...] = setting((3, 5, 5), "odd kernel sides of the ConvGRU layers, from the first")
    channels: tuple[int, ...] = setting(
        (128, 256, 256), "state channels of the ConvGRU layers, from the first"
    )
    bias: bool = setting(True, "biases in the ConvGRU layers")
    init: Literal["uniform", "xavier"] = setting(
        "uniform", "ConvGRU kernels: from [-1, 1], or xavier and orthogonal"
    )
    h0: Literal["mlp", "zeros"] = setting(
        "mlp", "first state: an MLP of the mean frame feature (W-7), or zeros"
    )
    inter_layer_pool: InterLayerPool = setting(
        "none", "max pooling between ConvGRU layers: 3x3 stride 1, 2x2 stride 2"
    )
    dropout: float = setting(
        0.7, "drop probability of hidden states passed upwards and to pooling", ge=0, lt=1
    )

    # where and when
    spatial_attention: Literal["learned", "uniform"] = setting(
        "learned", "location weights: W-3, or all equal"
    )
    attn_input: AttentionInput = setting(
        "flatten", "what W-3 reads of the top state: all, its spatial mean, per location"
    )
    attn_hidden: int = setting(0, "hidden units of the location weights; 0 = linear, as W-3 is printed", ge=0)
    temporal_pool: TemporalPool = setting(
        "attention", "frames to video: W-6 learned or equal weights, maximum, W-10"
    )
    frame_norm: Literal["none", "l2"] = setting("none", "normalise frame states before pooling")
    video_norm: Literal["none", "l2"] = setting("none", "normalise descriptors, before W-8 as well")
    fv_components: int = setting(16, "Gaussians of the Fisher vectors", ge=1)
    fv_input: Literal["mean", "flatten"] = setting(
        "mean", "frame vectors of Fisher pooling: spatial mean or whole state"
    )
    fv_norm: FisherNorm = setting("none", "Fisher vectors: signed square root, L2, or both in this order")

    # loss
    v_init: float | None = setting(
        None, "first value of every entry of v in W-8; none = 1 / length of the descriptor"
    )
    c_init: float = setting(0.0, "first value of c in W-8")
    learn_c: bool = setting(True, "learn c of W-8; otherwise it stays as it starts")
    penalty_weight: float = setting(
        1.0, "lambda of W-9, weight of the doubly stochastic attention penalty", ge=0
    )
    penalty_target: PenaltyTarget = setting(
        "1", "what a location's weights should sum to over time: 1, or T / K^2"
    )

    # training
    epochs: int = setting(1000, "passes over the pairs; the paper took 2000 for MARS; 0 = untrained", ge=0)
    batch_pairs: int = setting(10, "pairs of sequences in a batch", ge=1)
    pos_fraction: float = setting(0.5, "fraction of pairs that show one person", ge=0, le=1)
    pairs_per_epoch: int | None = setting(
        None, "pairs in an epoch; none = two for every person seen by two cameras", ge=1
    )
    clip_len: int = setting(20, "consecutive frames of a training clip, drawn anew every epoch", ge=1)
    short: Short = setting(
        "loop", "training sequences shorter than a clip: loop, repeat the last frame, leave out"
    )
    translation: float = setting(
        0.05, "largest random shift of a training clip, as a fraction of each side", ge=0, lt=0.5
    )
    crop_pad_mode: PadMode = setting(
        "replicate", "what fills the border of shifted frames, in training and test views"
    )
    lr: float = setting(1e-4, "learning rate of RMSProp", gt=0)
    rho: float = setting(0.9, "decay of RMSProp's mean square", ge=0, lt=1)
    eps: float = setting(1e-8, "added to RMSProp's denominator", gt=0)
    weight_decay: float = setting(0.0, "L2 weight decay", ge=0)
    clip: float = setting(5.0, "gradient entries are clipped to [-clip, clip]", gt=0)
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training")

    # test
    test_len: int = setting(128, "most frames of a sequence that are embedded", stage="embed", ge=1)
    test_window: WindowSide = setting(
        "first", "which frames of a longer sequence are embedded", stage="embed"
    )
    test_aug: TestAugmentation = setting(
        "shift16", "test views: plain, with mirror image, or 8 diagonal shifts of both", stage="embed"
    )
    test_aug_always: bool = setting(
        False, "test views for sequences of 128 frames and more too", stage="embed"
    )
    score: Literal["euclidean", "similarity"] = setting(
        "euclidean", "match by Euclidean distance, or by W-8", stage="match"
    )

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the frames given to the backbone."""
        return self.input_height, self.input_width

    def __post_init__(self) -> None:
        check_settings(self)
        _check_layers(self)
        if self.backbone == "small" and self.weights != "none":
            raise ConfigError(
                f"weights must be none for backbone small, which has no published ones, got {self.weights}"
            )
        if self.temporal_pool == "fisher" and self.score == "similarity":
            raise ConfigError(
                "score must be euclidean with temporal_pool=fisher, as W-8 knows no Fisher vectors"
            )


def _check_layers(config: SiameseConfig) -> None:
    if not config.kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in config.kernels):
        raise ConfigError(f"kernels must be odd whole numbers such as 3,5,5, got {_listed(config.kernels)}")
    if len(config.channels) != len(config.kernels) or any(channels < 1 for channels in config.channels):
        raise ConfigError(
            f"channels must be {len(config.kernels)} numbers above 0, one per kernel, got {_listed(config.channels)}"
        )
    if config.backbone in FC_BACKBONES and (set(config.kernels) != {1} or config.inter_layer_pool != "none"):
        raise ConfigError(
            f"kernels must be {_listed((1,) * len(config.kernels))} and inter_layer_pool none for the 1x1 maps "
            f"of backbone {config.backbone}, got {_listed(config.kernels)} and {config.inter_layer_pool}"
        )
    if config.inter_layer_pool == "max2s2" and config.attn_input == "conv1x1":
        raise ConfigError("attn_input must be flatten or gap with inter_layer_pool=max2s2, got conv1x1")


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


_PAPER = SiameseConfig()
_VGG = dataclasses.replace(_PAPER, backbone="vgg16")

PRESETS: Mapping[str, SiameseConfig] = {
    "paper": _PAPER,
    "recommended": dataclasses.replace(
        _PAPER, init="xavier"
    ),  # uniform [-1, 1] saturates the gates of layers 2 and 3
    "small": SiameseConfig(
        backbone="small",
        weights="none",
        finetune_backbone=True,
        backbone_lr=1e-3,
        input_height=64,
        input_width=32,
        kernels=(3, 3, 3),
        channels=(32, 32, 32),
        init="xavier",
        dropout=0.2,
        video_norm="l2",  # with v and c as below W-8 starts as a scaled cosine, which learns from few pairs
        v_init=10.0,
        c_init=5.0,
        lr=3e-4,
        batch_pairs=16,
        clip_len=4,
        epochs=22,
        test_aug="mirror",
    ),
    # rows of the paper's tables III and IV
    "vgg16-fc-gru": dataclasses.replace(_PAPER, backbone="vgg16_fc7", kernels=(1, 1, 1)),
    "googlenet-fc-gru": dataclasses.replace(_PAPER, backbone="googlenet_fc", kernels=(1, 1, 1)),
    "oursg-9-1": dataclasses.replace(_PAPER, kernels=(3, 9, 1)),
    "oursg-1-9": dataclasses.replace(_PAPER, kernels=(3, 1, 9)),
    "oursg-5-5": _PAPER,
    "oursv-9-1": dataclasses.replace(_VGG, kernels=(3, 9, 1)),
    "oursv-1-9": dataclasses.replace(_VGG, kernels=(3, 1, 9)),
    "oursv-5-5": _VGG,
    "oursg-hat": dataclasses.replace(_PAPER, spatial_attention="uniform"),
    "max-pooling": dataclasses.replace(_PAPER, temporal_pool="max"),
    "average-pooling": dataclasses.replace(_PAPER, temporal_pool="avg"),
    "fisher-pooling": dataclasses.replace(_PAPER, temporal_pool="fisher"),
    # the values on the axis of the paper's lambda study
    **{
        f"lambda-{value:g}": dataclasses.replace(_PAPER, penalty_weight=value)
        for value in (0.2, 0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0)
    },
}
