"""Backbones from frames to feature maps: torchvision's networks without their heads, and a small network."""

from __future__ import annotations

import re
from typing import Any, Literal

import torch
from torch import Tensor, nn

from reidbench.nn.weights import Weights, load_strictly, read_weights

Published = Literal["resnet50", "densenet121"]


def imagenet_weights(name: Published) -> Any:
    """Return torchvision's enum member for the ImageNet weights of a backbone."""
    from torchvision.models import DenseNet121_Weights, ResNet50_Weights

    weights = ResNet50_Weights if name == "resnet50" else DenseNet121_Weights
    return weights.IMAGENET1K_V1


class Backbone(nn.Module):
    """A network from frames (N, 3, H, W), normalised for ImageNet, to feature maps (N, `channels`, *`grid`).

    A frozen backbone has no gradients and stays in evaluation mode, so its batch statistics do not change.
    """

    def __init__(self, body: nn.Module, channels: int, grid: tuple[int, int], *, trainable: bool) -> None:
        super().__init__()
        self.body = body
        self.channels = channels
        self.grid = grid
        self.set_trainable(trainable)

    def set_trainable(self, trainable: bool) -> None:
        """Freeze or unfreeze the body."""
        self.trainable = trainable
        self.body.requires_grad_(trainable)
        self.body.train(self.training and trainable)

    def train(self, mode: bool = True) -> Backbone:
        """Set training or evaluation mode; a frozen body stays in evaluation mode."""
        super().train(mode)
        self.body.train(mode and self.trainable)
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """Return the feature maps of frames."""
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            maps: Tensor = self.body(frames)
        return maps


def small_body(inputs: int = 3) -> tuple[nn.Module, int]:
    """Return a small network of stride 8 for training from scratch, and its 64 output channels.

    A frame of 64 x 32 pixels takes 2.6 million multiplications and gives a map of 8 x 4.

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
    """Return ResNet-50 (He et al., CVPR 2016) up to its last residual stage, and its 2,048 output channels.

    Args:
        weights: "imagenet", "none", or the path of a torchvision state dict.
        last_stride: stride of the last stage: 2 as published, or 1 for maps of twice the height and width.
        load_weights: whether to read the weights.

    Raises:
        WeightsError: the weights cannot be fetched or read, or do not fit.
    """
    # Imported here because the import takes a second.
    from torchvision.models import resnet50

    network = resnet50(weights=None)
    pretrained = read_weights(weights, imagenet_weights("resnet50")) if load_weights else None
    if pretrained is not None:
        load_strictly(network, pretrained, source=weights, name="resnet50")
    if last_stride == 1:
        network.layer4[0].conv2.stride = network.layer4[0].downsample[0].stride = (1, 1)
    stem = (network.conv1, network.bn1, network.relu, network.maxpool)
    return nn.Sequential(*stem, network.layer1, network.layer2, network.layer3, network.layer4), 2048


def densenet121_body(weights: str = "none", *, load_weights: bool = True) -> tuple[nn.Module, int]:
    """Return DenseNet-121 (Huang et al., CVPR 2017) up to its last norm and ReLU, and its 1,024 output channels.

    Args:
        weights: "imagenet", "none", or the path of a torchvision state dict.
        load_weights: whether to read the weights.

    Raises:
        WeightsError: the weights cannot be fetched or read, or do not fit.
    """
    from torchvision.models import densenet121

    network = densenet121(weights=None)
    pretrained = read_weights(weights, imagenet_weights("densenet121")) if load_weights else None
    if pretrained is not None:
        load_strictly(network, _rename_layers(pretrained), source=weights, name="densenet121")
    return nn.Sequential(network.features, nn.ReLU(inplace=True)), 1024


def map_side(side: int, strides: int) -> int:
    """Return the side of a feature map after a number of strides of 2, each of which rounds up."""
    for _ in range(strides):
        side = -(-side // 2)
    return side


def _rename_layers(weights: Weights) -> dict[str, Tensor]:
    """Return DenseNet's weights with current layer names; the published file has norm.1 for norm1."""
    dotted = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
    return {dotted.sub(r"\1\2.", key): value for key, value in weights.items()}
