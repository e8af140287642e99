"""The settings of the method and their presets.

W-n are equations of Wu et al. 2018. The README of this folder gives the reason for each choice that the paper leaves
open.
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
    """Settings of the Siamese ConvGRU. Defaults follow the paper, or the interpretation in the README."""

    # frames
    backbone: Backbone = setting(
        "googlenet", "backbone; the maps of *_fc and *_fc7 are 1x1, small is a small network of reidbench"
    )
    vgg_tap: Literal["pool5", "conv5_3"] = setting(
        "pool5", "output layer of vgg16: pool5 (7x7 map) or conv5_3 (14x14)"
    )
    googlenet_tap: Literal["pool", "logits"] = setting(
        "pool", "output of googlenet_fc: pool (1024 values) or logits (1000)"
    )
    weights: str = setting(
        "imagenet", "backbone weights: imagenet (downloaded), none, or the path of a torchvision state dict"
    )
    finetune_backbone: bool = setting(False, "train the backbone; false: frozen, including batch statistics")
    backbone_lr: float = setting(1e-5, "learning rate of the backbone with finetune_backbone=true", gt=0)
    input_height: int = setting(224, "height of the backbone's input, in pixels", ge=1)
    input_width: int = setting(224, "width of the backbone's input, in pixels", ge=1)

    # recurrence
    kernels: tuple[int, ...] = setting((3, 5, 5), "odd kernel sizes of the ConvGRU layers, first to last")
    channels: tuple[int, ...] = setting(
        (128, 256, 256), "state channels of the ConvGRU layers, first to last"
    )
    bias: bool = setting(True, "biases in the ConvGRU layers")
    init: Literal["uniform", "xavier"] = setting(
        "uniform", "initial ConvGRU kernels: uniform in [-1, 1], or xavier (state kernels orthogonal)"
    )
    h0: Literal["mlp", "zeros"] = setting(
        "mlp", "initial state: mlp of the mean frame feature (W-7), or zeros"
    )
    inter_layer_pool: InterLayerPool = setting(
        "none", "pooling between ConvGRU layers: none, max3s1 (3x3, stride 1) or max2s2 (2x2, stride 2)"
    )
    dropout: float = setting(
        0.7, "dropout probability of hidden states, between layers and before pooling", ge=0, lt=1
    )

    # spatial and temporal attention
    spatial_attention: Literal["learned", "uniform"] = setting(
        "learned", "location weights: learned (W-3) or uniform"
    )
    attn_input: AttentionInput = setting(
        "flatten",
        "input of W-3 from the top state: flatten (all), gap (spatial mean) or conv1x1 (per location)",
    )
    attn_hidden: int = setting(0, "hidden units of the location weights; 0: linear, as in W-3", ge=0)
    temporal_pool: TemporalPool = setting(
        "attention", "pooling over frames: attention (W-6), avg, max or fisher (W-10)"
    )
    frame_norm: Literal["none", "l2"] = setting(
        "none", "normalisation of frame states before pooling: none or l2"
    )
    video_norm: Literal["none", "l2"] = setting(
        "none", "normalisation of descriptors, also before W-8: none or l2"
    )
    fv_components: int = setting(16, "number of Gaussians of the Fisher vectors", ge=1)
    fv_input: Literal["mean", "flatten"] = setting(
        "mean", "frame vectors of Fisher pooling: mean (spatial mean) or flatten (all values)"
    )
    fv_norm: FisherNorm = setting(
        "none", "normalisation of Fisher vectors: none, power (signed square root), l2, or power_l2 (both)"
    )

    # loss
    v_init: float | None = setting(
        None, "initial value of all entries of v in W-8; none: 1 / descriptor length"
    )
    c_init: float = setting(0.0, "initial value of c in W-8")
    learn_c: bool = setting(True, "learn c of W-8; false: keep c_init")
    penalty_weight: float = setting(1.0, "weight of the attention penalty, lambda of W-9", ge=0)
    penalty_target: PenaltyTarget = setting("1", "target sum of each location's weights over time: 1 or T/K2")

    # training
    epochs: int = setting(1000, "training epochs; 2000 for MARS in the paper; 0: untrained network", ge=0)
    batch_pairs: int = setting(10, "pairs of sequences per batch", ge=1)
    pos_fraction: float = setting(0.5, "fraction of pairs of the same person", ge=0, le=1)
    pairs_per_epoch: int | None = setting(
        None, "pairs per epoch; none: two per person seen by two cameras", ge=1
    )
    clip_len: int = setting(20, "consecutive frames per training clip", ge=1)
    short: Short = setting(
        "loop", "training sequences shorter than a clip: loop, pad_last (repeat the last frame) or skip"
    )
    translation: float = setting(
        0.05, "largest random shift of training clips, as a fraction of each side", ge=0, lt=0.5
    )
    crop_pad_mode: PadMode = setting("replicate", "fill of shifted frames: replicate, reflect or zeros")
    lr: float = setting(1e-4, "learning rate of RMSProp", gt=0)
    rho: float = setting(0.9, "decay rate of RMSProp", ge=0, lt=1)
    eps: float = setting(1e-8, "epsilon of RMSProp", gt=0)
    weight_decay: float = setting(0.0, "L2 weight decay", ge=0)
    clip: float = setting(5.0, "largest absolute value of gradient entries", gt=0)
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training: none, fp16 or bf16")

    # test
    test_len: int = setting(128, "largest number of embedded frames per sequence", stage="embed", ge=1)
    test_window: WindowSide = setting(
        "first", "embedded frames of longer sequences: first, last or center", stage="embed"
    )
    test_aug: TestAugmentation = setting(
        "shift16",
        "test views: none (plain), mirror, or shift16 (8 diagonal shifts, mirrored or not)",
        stage="embed",
    )
    test_aug_always: bool = setting(
        False, "use test views for sequences of 128 frames and more", stage="embed"
    )
    score: Literal["euclidean", "similarity"] = setting(
        "euclidean", "matching: euclidean distance or similarity (W-8)", stage="match"
    )

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the backbone's input."""
        return self.input_height, self.input_width

    def __post_init__(self) -> None:
        check_settings(self)
        _check_layers(self)
        if self.backbone == "small" and self.weights != "none":
            raise ConfigError(
                f"weights must be none for backbone=small, which has no published weights, got {self.weights}"
            )
        if self.temporal_pool == "fisher" and self.score == "similarity":
            raise ConfigError(
                "score must be euclidean with temporal_pool=fisher, because W-8 compares no Fisher vectors, "
                "got similarity"
            )


def _check_layers(config: SiameseConfig) -> None:
    if not config.kernels or any(kernel < 1 or kernel % 2 == 0 for kernel in config.kernels):
        raise ConfigError(f"kernels must be odd positive numbers such as 3,5,5, got {_join(config.kernels)}")
    if len(config.channels) != len(config.kernels) or any(channels < 1 for channels in config.channels):
        raise ConfigError(
            f"channels must be {len(config.kernels)} positive numbers, one per kernel, got {_join(config.channels)}"
        )
    if config.backbone in FC_BACKBONES and (set(config.kernels) != {1} or config.inter_layer_pool != "none"):
        raise ConfigError(
            f"kernels must be {_join((1,) * len(config.kernels))} and inter_layer_pool none for the 1x1 maps of "
            f"backbone={config.backbone}, got {_join(config.kernels)} and {config.inter_layer_pool}"
        )
    if config.inter_layer_pool == "max2s2" and config.attn_input == "conv1x1":
        raise ConfigError("attn_input must be flatten or gap with inter_layer_pool=max2s2, got conv1x1")


def _join(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


_PAPER = SiameseConfig()
_VGG = dataclasses.replace(_PAPER, backbone="vgg16")

PRESETS: Mapping[str, SiameseConfig] = {
    "paper": _PAPER,
    # Uniform kernels in [-1, 1] saturate the gates of layers 2 and 3.
    "recommended": dataclasses.replace(_PAPER, init="xavier"),
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
        # With these values W-8 starts as a scaled cosine, which learns from few pairs.
        video_norm="l2",
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
