"""Backbones: torchvision's GoogLeNet and VGG-16, and a small network for training from scratch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import GoogLeNet_Weights, VGG16_Weights, googlenet, vgg16

from reidbench.nn import Backbone, Weights, load_strictly, read_weights, small_body
from reidbench.plugin import ConfigError

from .config import FC_BACKBONES, SiameseConfig


def build_backbone(config: SiameseConfig, load_weights: bool = True) -> Backbone:
    """Return the backbone of the settings.

    Args:
        config: settings.
        load_weights: whether to read pretrained weights; false if a state dict will be restored.

    Raises:
        ConfigError: the frames are too small for the backbone.
        WeightsError: the weights cannot be fetched or read, or do not fit.
    """
    grid = map_grid(config)
    weights = read_weights(config.weights, choose_published_weights(config)) if load_weights else None
    if config.backbone == "small":
        body, channels = small_body()
    elif config.backbone in ("googlenet", "googlenet_fc"):
        body, channels = _googlenet_body(config, weights)
    else:
        body, channels = _vgg16_body(config, weights)
    return Backbone(body, channels, grid, trainable=config.finetune_backbone)


def map_grid(config: SiameseConfig) -> tuple[int, int]:
    """Return height and width of the maps: (7, 7) for frames of 224 x 224 in the paper.

    Raises:
        ConfigError: the frames are too small for the backbone.
    """
    height, width = (_map_side(config, side) for side in (config.input_height, config.input_width))
    if height < 1 or width < 1:
        raise ConfigError(
            f"input_height x input_width must be larger for backbone={config.backbone}, "
            f"got {config.input_height} x {config.input_width}"
        )
    return (1, 1) if config.backbone in FC_BACKBONES else (height, width)


def _map_side(config: SiameseConfig, side: int) -> int:
    if config.backbone == "small":
        return -(-side // 8)
    if config.backbone in ("vgg16", "vgg16_fc7"):
        return side // (16 if config.backbone == "vgg16" and config.vgg_tap == "conv5_3" else 32)
    # conv1, then four max poolings of stride 2 that keep partial windows.
    side = (side + 1) // 2
    for pool in (3, 3, 3, 2):
        side = (side - pool + 1) // 2 + 1
    return side


class _InceptionScale(nn.Module):
    """Rescales ImageNet-normalised frames to [-1, 1], the input range of torchvision's GoogLeNet weights."""

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
    # torchvision's file contains the two auxiliary classifiers; a file without them is accepted too.
    has_auxiliaries = weights is not None and any(name.startswith("aux") for name in weights)
    network = googlenet(weights=None, aux_logits=has_auxiliaries, init_weights=False)
    if weights is None:
        for module in network.modules():
            # Preserves the variance; with torchvision's initialisation the features of a random network vanish.
            if isinstance(module, nn.Conv2d):
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
    # Up to the ReLU of the second fully connected layer.
    fc7 = network.classifier[:5]
    return nn.Sequential(
        network.features, network.avgpool, nn.Flatten(), fc7, nn.Unflatten(1, (4096, 1, 1))
    ), 4096


def _load(network: nn.Module, weights: Weights, config: SiameseConfig) -> None:
    load_strictly(network, weights, source=config.weights, name=config.backbone.split("_")[0])


def choose_published_weights(config: SiameseConfig) -> Any:
    """Return torchvision's enum member for the ImageNet weights of the backbone."""
    if config.backbone in ("googlenet", "googlenet_fc"):
        return GoogLeNet_Weights.IMAGENET1K_V1
    return VGG16_Weights.IMAGENET1K_V1
