"""The settings of the method and their presets.

CA-n are the equations of the README in this folder, which also gives the reason for each choice that the paper leaves
open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reidbench.plugin import ConfigError, check_settings, setting
from reidbench.training import Short, TestAugmentation, WindowSide

FiltersRole = Literal["hidden", "attention", "parallel"]
ModuleOutput = Literal["hidden_all", "hidden_last", "attended_input"]
Normalisation = Literal["l2", "batchnorm", "none"]
FrameNorm = Literal["std", "sqrt_std"]

# Diagonal test crops start 3 pixels before to 4 pixels after the central crop.
SHIFTS = 8


@dataclass(frozen=True, kw_only=True)
class ConvAttentionConfig:
    """Settings of convolutional attention. Defaults follow the paper, or the interpretation in the README."""

    # frames
    frame_height: int = setting(64, "height of the resized frames, in pixels", ge=1)
    frame_width: int = setting(48, "width of the resized frames, in pixels", ge=1)
    crop_height: int = setting(56, "height of the network's input, in pixels", ge=1)
    crop_width: int = setting(40, "width of the network's input, in pixels", ge=1)
    use_flow: bool = setting(True, "add two channels of Lucas-Kanade optical flow to Y, U and V")
    flow_size: Literal["file", "frame"] = setting(
        "file", "frames for optical flow: file (original size, flow is resized) or frame (resized frames)"
    )
    mirror_flow: Literal["picture", "motion"] = setting(
        "picture",
        "flow of mirrored clips: picture (mirrored) or motion (mirrored, horizontal direction negated)",
    )
    norm: FrameNorm = setting(
        "std", "divisor of every channel of a frame: std (standard deviation) or sqrt_std (its square root)"
    )

    # network
    backbone: Literal["rcn", "small"] = setting(
        "rcn",
        "backbone: rcn (three stages of McLaughlin et al. 2016) or small (a small network of reidbench)",
    )
    attention_filters: int = setting(3, "filters of the attention module; 0: no module", ge=0)
    filters_role: FiltersRole = setting(
        "hidden",
        "meaning of a filter: hidden (channel of state and attention), attention (channel of attention only) "
        "or parallel (a module)",
    )
    refine: Literal["frames", "repeat"] = setting(
        "frames",
        "steps of the module: frames (one per frame) or repeat (refine_steps on the mean of the maps)",
    )
    refine_steps: int = setting(4, "number of steps with refine=repeat", ge=1)
    module_output: ModuleOutput = setting(
        "hidden_all",
        "output of the module: hidden_all (all states), hidden_last or attended_input (attended maps)",
    )
    att_kernel: int = setting(3, "odd kernel size of the module", ge=1)
    att_scale: Literal["one", "grid"] = setting(
        "one", "factor of the attended maps (CA-3): one or grid (number of locations)"
    )
    embedding_dim: int | None = setting(
        128, "length of frame vectors; none: flattened map without linear layer and dropout", ge=1
    )
    temporal: Literal["mean", "rnn"] = setting(
        "mean",
        "temporal pooling of frame vectors: mean, or rnn (mean after the RNN of McLaughlin et al. 2016)",
    )
    normalisation: Normalisation = setting(
        "l2", "normalisation of the averaged vector (CA-9): l2, batchnorm or none"
    )
    dropout: float = setting(0.6, "dropout probability before the linear layer and in the RNN", ge=0, lt=1)

    # loss
    margin: float = setting(2.0, "margin of negative pairs (CA-10)", gt=0)
    hinge_power: Literal[1, 2] = setting(1, "power of the terms of CA-10: 1, or 2 (half the square)")
    id_weight: float = setting(1.0, "weight of the identification loss (CA-11)", ge=0)
    id_input: Literal["raw", "normalised"] = setting(
        "raw", "input of the classifier of CA-11: averaged vector, raw or normalised"
    )

    # training
    epochs: int = setting(1000, "training epochs; 0: untrained network", ge=0)
    batch_pairs: int = setting(1, "pairs of sequences per batch", ge=1)
    neg_cross_camera: bool = setting(False, "draw the sequences of negative pairs from different cameras")
    clip_len: int = setting(16, "consecutive frames per training clip", ge=1)
    short: Short = setting(
        "skip", "training sequences shorter than a clip: loop, pad_last (repeat the last frame) or skip"
    )
    optimizer: Literal["sgd", "rmsprop", "adam"] = setting("sgd", "optimizer: sgd, rmsprop or adam")
    lr: float = setting(1e-3, "learning rate", gt=0)
    momentum: float = setting(0.9, "momentum of sgd", ge=0, lt=1)
    clip: float = setting(5.0, "largest absolute value of gradient entries", gt=0)
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training: none, fp16 or bf16")

    # test
    test_len: int = setting(128, "largest number of embedded frames per sequence", stage="embed", ge=1)
    test_window: WindowSide = setting(
        "first", "embedded frames of longer sequences: first, last or center", stage="embed"
    )
    test_aug: TestAugmentation = setting(
        "shift16",
        "test views: none (central crop), mirror, or shift16 (8 diagonal crops, mirrored or not)",
        stage="embed",
    )

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the resized frames."""
        return self.frame_height, self.frame_width

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.crop_height, self.crop_width

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 5 if self.use_flow else 3

    def __post_init__(self) -> None:
        check_settings(self)
        if self.att_kernel % 2 == 0:
            raise ConfigError(f"att_kernel must be odd, got {self.att_kernel}")
        for side, frame, crop in zip(("height", "width"), self.frame_size, self.crop_size, strict=True):
            margin = SHIFTS if self.test_aug == "shift16" else 0
            if crop > frame - margin:
                condition = " and test_aug=shift16" if margin else ""
                raise ConfigError(
                    f"crop_{side} must be at most {frame - margin} for frame_{side}={frame}{condition}, got {crop}"
                )


_PAPER = ConvAttentionConfig()

PRESETS: Mapping[str, ConvAttentionConfig] = {
    "paper": _PAPER,
    # rows of the paper's table 2
    **{f"filters-{count}": dataclasses.replace(_PAPER, attention_filters=count) for count in range(5)},
    # McLaughlin et al. 2016, which the paper builds on and compares with
    "rcn": dataclasses.replace(
        _PAPER, attention_filters=0, temporal="rnn", normalisation="none", norm="sqrt_std"
    ),
    "small": ConvAttentionConfig(
        # Optical flow takes longer than training.
        use_flow=False,
        backbone="small",
        # Attended maps contain more than the states of 3 filters, so training needs fewer epochs.
        module_output="attended_input",
        # Otherwise attention scales the maps by 1/35.
        att_scale="grid",
        dropout=0.2,
        batch_pairs=16,
        neg_cross_camera=True,
        clip_len=4,
        short="loop",
        optimizer="adam",
        lr=3e-3,
        epochs=20,
        test_aug="mirror",
    ),
}
