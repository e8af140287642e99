"""The settings of the method and their named presets.

W-n are equations of Wu et al. 2018; the README of this folder says why each open point was decided as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args, get_type_hints

from reidbench.plugin import ConfigError
from reidbench.training import PadMode, Short, TestAugmentation, WindowSide

Backbone = Literal["googlenet", "vgg16", "googlenet_fc", "vgg16_fc7", "small"]
AttentionInput = Literal["flatten", "gap", "conv1x1"]
InterLayerPool = Literal["none", "max3s1", "max2s2"]
TemporalPool = Literal["attention", "avg", "max", "fisher"]
FisherNorm = Literal["none", "power", "l2", "power_l2"]
PenaltyTarget = Literal["1", "T/K2"]

FC_BACKBONES = ("googlenet_fc", "vgg16_fc7")


def _fit(text: str) -> dict[str, str]:
    return {"help": text, "stage": "fit"}


def _embed(text: str) -> dict[str, str]:
    return {"help": text, "stage": "embed"}


@dataclass(frozen=True, kw_only=True)
class SiameseConfig:
    """Settings of the siamese ConvGRU; the defaults are the paper's, or the README's reading where it is silent."""

    # frames
    backbone: Backbone = field(
        default="googlenet",
        metadata=_fit("what turns a frame into a map; *_fc and *_fc7 give 1x1 maps, small is ours"),
    )
    vgg_tap: Literal["pool5", "conv5_3"] = field(
        default="pool5", metadata=_fit("map of vgg16: 7x7 after pool5 or 14x14 before it")
    )
    googlenet_tap: Literal["pool", "logits"] = field(
        default="pool", metadata=_fit("feature of googlenet_fc: 1024 pooled or 1000 logits")
    )
    weights: str = field(
        default="imagenet",
        metadata=_fit("backbone weights: imagenet (fetched), none, or the path of a torchvision file"),
    )
    finetune_backbone: bool = field(
        default=False,
        metadata=_fit("train the backbone too; otherwise it is frozen, batch statistics included"),
    )
    backbone_lr: float = field(default=1e-5, metadata=_fit("learning rate of a trained backbone"))
    input_height: int = field(
        default=224, metadata=_fit("height of the frames given to the backbone, in pixels")
    )
    input_width: int = field(
        default=224, metadata=_fit("width of the frames given to the backbone, in pixels")
    )

    # recurrence
    kernels: tuple[int, ...] = field(
        default=(3, 5, 5), metadata=_fit("odd kernel sides of the ConvGRU layers, from the first")
    )
    channels: tuple[int, ...] = field(
        default=(128, 256, 256), metadata=_fit("state channels of the ConvGRU layers, from the first")
    )
    bias: bool = field(default=True, metadata=_fit("biases in the ConvGRU layers"))
    init: Literal["uniform", "xavier"] = field(
        default="uniform", metadata=_fit("ConvGRU kernels: from [-1, 1], or xavier and orthogonal")
    )
    h0: Literal["mlp", "zeros"] = field(
        default="mlp", metadata=_fit("first state: an MLP of the mean frame feature (W-7), or zeros")
    )
    inter_layer_pool: InterLayerPool = field(
        default="none", metadata=_fit("max pooling between ConvGRU layers: 3x3 stride 1, 2x2 stride 2")
    )
    dropout: float = field(
        default=0.7, metadata=_fit("drop probability of hidden states passed upwards and to pooling")
    )

    # where and when
    spatial_attention: Literal["learned", "uniform"] = field(
        default="learned", metadata=_fit("location weights: W-3, or all equal")
    )
    attn_input: AttentionInput = field(
        default="flatten",
        metadata=_fit("what W-3 reads of the top state: all, its spatial mean, per location"),
    )
    attn_hidden: int = field(
        default=0, metadata=_fit("hidden units of the location weights; 0 = linear, as W-3 is printed")
    )
    temporal_pool: TemporalPool = field(
        default="attention", metadata=_fit("frames to video: W-6 learned or equal weights, maximum, W-10")
    )
    frame_norm: Literal["none", "l2"] = field(
        default="none", metadata=_fit("normalise frame states before pooling")
    )
    video_norm: Literal["none", "l2"] = field(
        default="none", metadata=_fit("normalise descriptors, before W-8 as well")
    )
    fv_components: int = field(default=16, metadata=_fit("Gaussians of the Fisher vectors"))
    fv_input: Literal["mean", "flatten"] = field(
        default="mean", metadata=_fit("frame vectors of Fisher pooling: spatial mean or whole state")
    )
    fv_norm: FisherNorm = field(
        default="none", metadata=_fit("Fisher vectors: signed square root, L2, or both in this order")
    )

    # loss
    v_init: float | None = field(
        default=None,
        metadata=_fit("first value of every entry of v in W-8; none = 1 / length of the descriptor"),
    )
    c_init: float = field(default=0.0, metadata=_fit("first value of c in W-8"))
    learn_c: bool = field(default=True, metadata=_fit("learn c of W-8; otherwise it stays as it starts"))
    penalty_weight: float = field(
        default=1.0, metadata=_fit("lambda of W-9, weight of the doubly stochastic attention penalty")
    )
    penalty_target: PenaltyTarget = field(
        default="1", metadata=_fit("what a location's weights should sum to over time: 1, or T / K^2")
    )

    # training
    epochs: int = field(
        default=1000, metadata=_fit("passes over the pairs; the paper took 2000 for MARS; 0 = untrained")
    )
    batch_pairs: int = field(default=10, metadata=_fit("pairs of sequences in a batch"))
    pos_fraction: float = field(default=0.5, metadata=_fit("fraction of pairs that show one person"))
    pairs_per_epoch: int | None = field(
        default=None, metadata=_fit("pairs in an epoch; none = two for every person seen by two cameras")
    )
    clip_len: int = field(
        default=20, metadata=_fit("consecutive frames of a training clip, drawn anew every epoch")
    )
    short: Short = field(
        default="loop",
        metadata=_fit("training sequences shorter than a clip: loop, repeat the last frame, leave out"),
    )
    translation: float = field(
        default=0.05, metadata=_fit("largest random shift of a training clip, as a fraction of each side")
    )
    crop_pad_mode: PadMode = field(
        default="replicate",
        metadata=_fit("what fills the border of shifted frames, in training and test views"),
    )
    lr: float = field(default=1e-4, metadata=_fit("learning rate of RMSProp"))
    rho: float = field(default=0.9, metadata=_fit("decay of RMSProp's mean square"))
    eps: float = field(default=1e-8, metadata=_fit("added to RMSProp's denominator"))
    weight_decay: float = field(default=0.0, metadata=_fit("L2 weight decay"))
    clip: float = field(default=5.0, metadata=_fit("gradient entries are clipped to [-clip, clip]"))
    amp: Literal["none", "fp16", "bf16"] = field(default="none", metadata=_fit("mixed precision in training"))

    # test
    test_len: int = field(default=128, metadata=_embed("most frames of a sequence that are embedded"))
    test_window: WindowSide = field(
        default="first", metadata=_embed("which frames of a longer sequence are embedded")
    )
    test_aug: TestAugmentation = field(
        default="shift16",
        metadata=_embed("test views: plain, with mirror image, or 8 diagonal shifts of both"),
    )
    test_aug_always: bool = field(
        default=False, metadata=_embed("test views for sequences of 128 frames and more too")
    )
    score: Literal["euclidean", "similarity"] = field(
        default="euclidean", metadata={"help": "match by Euclidean distance, or by W-8", "stage": "match"}
    )

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the frames given to the backbone."""
        return self.input_height, self.input_width

    def __post_init__(self) -> None:
        _check_choices(self)
        _check_ranges(self)
        _check_layers(self)
        if self.backbone == "small" and self.weights != "none":
            raise ConfigError(
                f"weights must be none for backbone small, which has no published ones, got {self.weights}"
            )
        if self.temporal_pool == "fisher" and self.score == "similarity":
            raise ConfigError(
                "score must be euclidean with temporal_pool=fisher, as W-8 knows no Fisher vectors"
            )


_AT_LEAST = {
    "input_height": 1, "input_width": 1, "attn_hidden": 0, "fv_components": 1, "epochs": 0, "batch_pairs": 1,
    "clip_len": 1, "test_len": 1, "penalty_weight": 0, "weight_decay": 0,
}  # fmt: skip
_ABOVE_ZERO = ("backbone_lr", "lr", "eps", "clip")
_FRACTIONS = {"dropout": (0, 1), "rho": (0, 1), "translation": (0, 0.5)}


def _check_choices(config: SiameseConfig) -> None:
    for name, hint in get_type_hints(SiameseConfig).items():
        value, choices = getattr(config, name), get_args(hint)
        if isinstance(choices and choices[0], str) and value not in choices:
            raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value}")


def _check_ranges(config: SiameseConfig) -> None:
    for name, least in _AT_LEAST.items():
        if not getattr(config, name) >= least:
            raise ConfigError(f"{name} must be {least} or more, got {getattr(config, name)}")
    for name in _ABOVE_ZERO:
        if not getattr(config, name) > 0:
            raise ConfigError(f"{name} must be above 0, got {getattr(config, name)}")
    for name, (low, high) in _FRACTIONS.items():
        if not low <= getattr(config, name) < high:
            raise ConfigError(f"{name} must be in [{low}, {high}), got {getattr(config, name)}")
    if not 0 <= config.pos_fraction <= 1:
        raise ConfigError(f"pos_fraction must be in [0, 1], got {config.pos_fraction}")
    if config.pairs_per_epoch is not None and config.pairs_per_epoch < 1:
        raise ConfigError(f"pairs_per_epoch must be none or 1 or more, got {config.pairs_per_epoch}")


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
