"""The settings of the method and their named presets.

CA-n are the equations as this folder's README numbers them; it also says why each open point was decided as it is.
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

SHIFTS = 8  # diagonal test crops stand up to 3 pixels before and 4 behind the central one


@dataclass(frozen=True, kw_only=True)
class ConvAttentionConfig:
    """Settings of convolutional attention; the defaults are the paper's, or the README's reading of it."""

    # frames
    frame_height: int = setting(64, "height that frames are resized to, in pixels", ge=1)
    frame_width: int = setting(48, "width that frames are resized to, in pixels", ge=1)
    crop_height: int = setting(56, "height of the crop that the network reads, in pixels", ge=1)
    crop_width: int = setting(40, "width of the crop that the network reads, in pixels", ge=1)
    use_flow: bool = setting(True, "two channels of Lucas-Kanade optical flow beside Y, U and V")
    flow_size: Literal["file", "frame"] = setting(
        "file", "flow is computed on frames as they are on disk and then resized, or on resized frames"
    )
    mirror_flow: Literal["picture", "motion"] = setting(
        "picture", "mirrored clips: flow is mirrored as a picture, or its direction is turned round too"
    )
    norm: FrameNorm = setting(
        "std", "every channel of a frame is divided by its deviation, or by the square root of it"
    )

    # network
    backbone: Literal["rcn", "small"] = setting(
        "rcn", "what turns a frame into a map: three stages of McLaughlin et al. 2016, or a small one of ours"
    )
    attention_filters: int = setting(3, "filters of the attention module; 0 = no module", ge=0)
    filters_role: FiltersRole = setting(
        "hidden", "what filters are: channels of state and attention, of attention only, parallel modules"
    )
    refine: Literal["frames", "repeat"] = setting(
        "frames", "steps of the module: one per frame, or refine_steps on the map averaged over time"
    )
    refine_steps: int = setting(4, "steps of the module with refine=repeat", ge=1)
    module_output: ModuleOutput = setting(
        "hidden_all", "what leaves the module: its states, the last one only, or the attended maps"
    )
    att_kernel: int = setting(3, "odd side of all kernels of the module", ge=1)
    att_scale: Literal["one", "grid"] = setting(
        "one", "attended maps (CA-3): as they are, or times the number of locations"
    )
    embedding_dim: int | None = setting(
        128, "length of a frame's vector; none = the flattened map, without linear layer and dropout", ge=1
    )
    temporal: Literal["mean", "rnn"] = setting(
        "mean", "frame vectors are averaged, or first run through the recurrence of McLaughlin et al. 2016"
    )
    normalisation: Normalisation = setting(
        "l2", "of the averaged vector (CA-9): unit length, batch normalisation, or none"
    )
    dropout: float = setting(
        0.6, "drop probability before the linear layer and in the recurrence", ge=0, lt=1
    )

    # loss
    margin: float = setting(2.0, "distance beyond which different people cost nothing (CA-10)", gt=0)
    hinge_power: Literal[1, 2] = setting(1, "CA-10 linear, or half the square of each term")
    id_weight: float = setting(1.0, "weight of the identification loss (CA-11)", ge=0)
    id_input: Literal["raw", "normalised"] = setting(
        "raw", "what the classifier of CA-11 reads: the averaged vector before or after its normalisation"
    )

    # training
    epochs: int = setting(1000, "passes over the training people; 0 = untrained", ge=0)
    batch_pairs: int = setting(1, "pairs of sequences in a batch", ge=1)
    neg_cross_camera: bool = setting(False, "the sequences of a negative pair come from two cameras")
    clip_len: int = setting(16, "consecutive frames of a training clip, drawn anew every epoch", ge=1)
    short: Short = setting(
        "skip", "training sequences shorter than a clip: loop, repeat the last frame, leave out"
    )
    optimizer: Literal["sgd", "rmsprop", "adam"] = setting("sgd", "what updates the weights")
    lr: float = setting(1e-3, "learning rate, constant", gt=0)
    momentum: float = setting(0.9, "momentum of sgd; the others ignore it", ge=0, lt=1)
    clip: float = setting(5.0, "gradient entries are clipped to [-clip, clip]", gt=0)
    amp: Literal["none", "fp16", "bf16"] = setting("none", "mixed precision in training")

    # test
    test_len: int = setting(128, "most frames of a sequence that are embedded", stage="embed", ge=1)
    test_window: WindowSide = setting(
        "first", "which frames of a longer sequence are embedded", stage="embed"
    )
    test_aug: TestAugmentation = setting(
        "shift16",
        "test views: the central crop, with mirror image, or 8 diagonal crops of both",
        stage="embed",
    )

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the resized frames."""
        return self.frame_height, self.frame_width

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of what the network reads."""
        return self.crop_height, self.crop_width

    @property
    def channels(self) -> int:
        """Channels of a frame as the network reads it."""
        return 5 if self.use_flow else 3

    def __post_init__(self) -> None:
        check_settings(self)
        if self.att_kernel % 2 == 0:
            raise ConfigError(f"att_kernel must be an odd number of 1 or more, got {self.att_kernel}")
        for side, frame, crop in zip(("height", "width"), self.frame_size, self.crop_size, strict=True):
            room = SHIFTS if self.test_aug == "shift16" else 0
            if crop > frame - room:
                why = " with test_aug=shift16" if room else ""
                raise ConfigError(
                    f"crop_{side} must be at most {frame - room} for frame_{side}={frame}{why}, got {crop}"
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
        use_flow=False,  # following every pixel takes longer than learning from the frames
        backbone="small",
        module_output="attended_input",  # reads more of a frame than 3 filters hold, and so learns in fewer epochs
        att_scale="grid",  # otherwise attended maps are 35 times smaller than the network's
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
