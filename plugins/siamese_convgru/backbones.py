"""What turns frames into maps: torchvision's GoogLeNet and VGG-16, and a small network to be trained from scratch."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import GoogLeNet_Weights, VGG16_Weights, googlenet, vgg16

from reidbench.plugin import ConfigError, WeightsError

from .config import FC_BACKBONES, SiameseConfig

Weights = Mapping[str, Tensor]

# what reading weights can raise: absent or unreachable, cut short, of another hash, of other content
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError)


class Backbone(nn.Module):
    """Frames (N, 3, H, W), normalised with ImageNet's mean and deviation, to maps (N, `channels`, *`grid`).

    A frozen backbone has no gradients and stays in evaluation mode, so its batch statistics never move.
    """

    def __init__(self, body: nn.Module, channels: int, grid: tuple[int, int], *, trainable: bool) -> None:
        super().__init__()
        self.body = body.requires_grad_(trainable)
        self.channels = channels
        self.grid = grid
        self.trainable = trainable

    def train(self, mode: bool = True) -> Backbone:
        """Switch the mode, as of any module; a frozen body stays in evaluation mode."""
        super().train(mode)
        self.body.train(mode and self.trainable)
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """Return the maps of frames."""
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            maps: Tensor = self.body(frames)
        return maps


def build_backbone(config: SiameseConfig, load_weights: bool = True) -> Backbone:
    """Return the backbone that the settings name.

    Args:
        config: settings.
        load_weights: whether pretrained weights are read; not needed when a checkpoint will overwrite them.

    Raises:
        ConfigError: frames too small for the backbone.
        WeightsError: weights that cannot be had or do not fit.
    """
    grid = map_grid(config)
    weights = read_weights(config) if load_weights else None
    if config.backbone == "small":
        body, channels = _small_body()
    elif config.backbone in ("googlenet", "googlenet_fc"):
        body, channels = _googlenet_body(config, weights)
    else:
        body, channels = _vgg16_body(config, weights)
    return Backbone(body, channels, grid, trainable=config.finetune_backbone)


def map_grid(config: SiameseConfig) -> tuple[int, int]:
    """Return height and width of the maps, (7, 7) for 224 x 224 frames in the paper's variants.

    Raises:
        ConfigError: frames too small for the backbone.
    """
    height, width = (_map_side(config, side) for side in (config.input_height, config.input_width))
    if height < 1 or width < 1:
        raise ConfigError(
            f"input_height x input_width must be larger for backbone {config.backbone}, "
            f"got {config.input_height} x {config.input_width}"
        )
    return (1, 1) if config.backbone in FC_BACKBONES else (height, width)


def _map_side(config: SiameseConfig, side: int) -> int:
    if config.backbone == "small":
        return -(-side // 8)
    if config.backbone in ("vgg16", "vgg16_fc7"):
        return side // (16 if config.backbone == "vgg16" and config.vgg_tap == "conv5_3" else 32)
    side = (side + 1) // 2  # conv1
    for pool in (3, 3, 3, 2):  # max pooling of stride 2 that keeps partial windows
        side = (side - pool + 1) // 2 + 1
    return side


def _small_body() -> tuple[nn.Module, int]:
    """Return a network of 2.6 million multiplications for a 64 x 32 frame, whose maps are then 8 x 4."""

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    layers = [*block(3, 16, 2), *block(16, 32, 2), *block(32, 64, 2), *block(64, 64, 1)]
    return nn.Sequential(*layers), 64


class _InceptionScale(nn.Module):
    """ImageNet-normalised frames to [-1, 1], the scale torchvision's GoogLeNet weights were trained on."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("scale", (deviation / 0.5)[:, None, None], persistent=False)
        self.register_buffer("shift", ((mean - 0.5) / 0.5)[:, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        return frames * self.scale + self.shift


def _googlenet_body(config: SiameseConfig, weights: Weights | None) -> tuple[nn.Module, int]:
    # torchvision's file has the two auxiliary classifiers; a network saved without them is welcome too
    has_auxiliaries = weights is not None and any(name.startswith("aux") for name in weights)
    network = googlenet(weights=None, aux_logits=has_auxiliaries, init_weights=False)
    if weights is None:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):  # keeps the variance, so that random features do not vanish
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    else:
        _load(network, weights, config)
    stages = [
        *("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3"),
        *("inception4a", "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4"),
        *("inception5a", "inception5b"),
    ]
    layers = [_InceptionScale(), *(getattr(network, stage) for stage in stages)]
    if config.backbone == "googlenet":
        return nn.Sequential(*layers), 1024
    if config.googlenet_tap == "pool":
        return nn.Sequential(*layers, network.avgpool), 1024
    head = (network.avgpool, nn.Flatten(), network.fc, nn.Unflatten(1, (1000, 1, 1)))
    return nn.Sequential(*layers, *head), 1000


def _vgg16_body(config: SiameseConfig, weights: Weights | None) -> tuple[nn.Module, int]:
    network = vgg16(weights=None, init_weights=weights is None)
    if weights is not None:
        _load(network, weights, config)
    if config.backbone == "vgg16":
        return (network.features if config.vgg_tap == "pool5" else network.features[:-1]), 512
    fc7 = network.classifier[:5]  # up to the rectified second fully connected layer
    return nn.Sequential(
        network.features, network.avgpool, nn.Flatten(), fc7, nn.Unflatten(1, (4096, 1, 1))
    ), 4096


def _load(network: nn.Module, weights: Weights, config: SiameseConfig) -> None:
    expected = {name: value.shape for name, value in network.state_dict().items()}
    given = {name: value.shape for name, value in weights.items()}
    wrong = {
        "missing": sorted(expected.keys() - given.keys()),
        "unknown": sorted(given.keys() - expected.keys()),
        "of another shape": sorted(name for name in expected.keys() & given if expected[name] != given[name]),
    }
    found = [f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in wrong.items() if names]
    if found:
        raise WeightsError(
            f"weights {config.weights} do not fit torchvision's {config.backbone.split('_')[0]}: "
            f"{', '.join(found)}; give the state dict of the whole network"
        )
    network.load_state_dict(weights)


def read_weights(config: SiameseConfig) -> Weights | None:
    """Return the pretrained weights that the settings name; None for weights=none.

    Raises:
        WeightsError: they cannot be fetched or read, or are no state dict.
    """
    if config.weights == "none":
        return None
    return _read_imagenet(config) if config.weights == "imagenet" else _read_file(config.weights)


def _published(config: SiameseConfig) -> Any:
    if config.backbone in ("googlenet", "googlenet_fc"):
        return GoogLeNet_Weights.IMAGENET1K_V1
    return VGG16_Weights.IMAGENET1K_V1


def _read_imagenet(config: SiameseConfig) -> Weights:
    published = _published(config)
    try:
        weights: Weights = published.get_state_dict(
            progress=sys.stderr.isatty(), check_hash=True, map_location="cpu", weights_only=True
        )
    except _UNREADABLE as error:
        place = Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
        raise WeightsError(
            f"ImageNet weights of {config.backbone} are neither at {place} nor to be had from {published.url} "
            f"({_one_line(error)}): download them elsewhere and --set weights=PATH, or --set weights=none"
        ) from error
    return weights


def _read_file(path: str) -> Weights:
    try:
        weights = torch.load(Path(path), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise WeightsError(
            f"weights cannot be read from {path} ({_one_line(error)}): "
            f"--set weights= takes imagenet, none, or the path of a torchvision state dict"
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise WeightsError(
            f"weights {path} hold no state dict of tensors: save network.state_dict() of torchvision's"
        )
    return weights


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def weights_digest(config: SiameseConfig) -> str | None:
    """Return what identifies the pretrained weights: a published name, a file's SHA-256, or None for none.

    Raises:
        WeightsError: the file cannot be read.
    """
    if config.weights == "none":
        return None
    if config.weights == "imagenet":
        return str(_published(config))
    try:
        with Path(config.weights).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"weights cannot be read from {config.weights} ({_one_line(error)})") from error
