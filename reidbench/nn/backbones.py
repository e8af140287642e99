"""What turns frames into maps: torchvision's networks without their heads, and a small one of our own."""

from __future__ import annotations

import re
from typing import Any, Literal

import torch
from torch import Tensor, nn

from reidbench.nn.weights import Weights, load_strictly, read_weights

Published = Literal["resnet50", "densenet121"]


def imagenet_weights(name: Published) -> Any:
    """Return torchvision's entry of the ImageNet weights of a backbone."""
    from torchvision.models import DenseNet121_Weights, ResNet50_Weights

    entry = ResNet50_Weights if name == "resnet50" else DenseNet121_Weights
    return entry.IMAGENET1K_V1


class Backbone(nn.Module):
    """Frames (N, 3, H, W), normalised with ImageNet's mean and deviation, to maps (N, `channels`, *`grid`).

    A frozen backbone has no gradients and stays in evaluation mode, so its batch statistics never move.
    """

    def __init__(self, body: nn.Module, channels: int, grid: tuple[int, int], *, trainable: bool) -> None:
        super().__init__()
        self.body = body
        self.channels = channels
        self.grid = grid
        self.set_trainable(trainable)

    def set_trainable(self, trainable: bool) -> None:
        """Freeze, or let go, the body."""
        self.trainable = trainable
        self.body.requires_grad_(trainable)
        self.body.train(self.training and trainable)

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


def small_body(inputs: int = 3) -> tuple[nn.Module, int]:
    """Return a network to be trained from scratch, of stride 8, and its 64 channels.

    It takes 2.6 million multiplications for a frame of 64 x 32, whose maps are then 8 x 4.

    Args:
        inputs: channels of a frame.
    """

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    layers = [*block(inputs, 16, 2), *block(16, 32, 2), *block(32, 64, 2), *block(64, 64, 1)]
    return nn.Sequential(*layers), 64


def resnet50_body(
    weights: str = "none", *, last_stride: int = 2, load_weights: bool = True
) -> tuple[nn.Module, int]:
    """Return ResNet-50 (He et al., CVPR 2016) up to its last residual stage, and its 2,048 channels.

    Args:
        weights: "imagenet", "none", or the path of a torchvision state dict.
        last_stride: of the last stage: 2 as published, or 1 for maps of twice the height and width.
        load_weights: whether the weights are read.

    Raises:
        WeightsError: the weights cannot be had or do not fit.
    """
    from torchvision.models import resnet50  # takes a second to import, which vectors alone need not pay

    network = resnet50(weights=None)
    found = read_weights(weights, imagenet_weights("resnet50")) if load_weights else None
    if found is not None:
        load_strictly(network, found, source=weights, name="resnet50")
    if last_stride == 1:
        network.layer4[0].conv2.stride = network.layer4[0].downsample[0].stride = (1, 1)
    stem = (network.conv1, network.bn1, network.relu, network.maxpool)
    return nn.Sequential(*stem, network.layer1, network.layer2, network.layer3, network.layer4), 2048


def densenet121_body(weights: str = "none", *, load_weights: bool = True) -> tuple[nn.Module, int]:
    """Return DenseNet-121 (Huang et al., CVPR 2017), last norm and ReLU included, and its 1,024 channels.

    Args:
        weights: "imagenet", "none", or the path of a torchvision state dict.
        load_weights: whether the weights are read.

    Raises:
        WeightsError: the weights cannot be had or do not fit.
    """
    from torchvision.models import densenet121

    network = densenet121(weights=None)
    found = read_weights(weights, imagenet_weights("densenet121")) if load_weights else None
    if found is not None:
        load_strictly(network, _renamed(found), source=weights, name="densenet121")
    return nn.Sequential(network.features, nn.ReLU(inplace=True)), 1024


def halve_stride(side: int, times: int) -> int:
    """Return the side of a map after so many strides of 2 that keep partial windows."""
    for _ in range(times):
        side = -(-side // 2)
    return side


def _renamed(weights: Weights) -> dict[str, Tensor]:
    """Return DenseNet's weights under today's names; the published file writes norm.1 for norm1."""
    dotted = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
    return {dotted.sub(r"\1\2.", key): value for key, value in weights.items()}
