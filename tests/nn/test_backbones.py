from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import densenet121, resnet50

from reidbench.errors import WeightsError
from reidbench.nn import Backbone, densenet121_body, map_side, resnet50_body, small_body


def test_bodies_compute_the_maps_of_torchvision(tmp_path: Path) -> None:
    frames = torch.randn(1, 3, 64, 32)
    for network, body_of in ((resnet50(), resnet50_body), (densenet121(), densenet121_body)):
        network.eval()
        torch.save(network.state_dict(), tmp_path / "weights.pth")
        body, channels = body_of(str(tmp_path / "weights.pth"))
        head = "fc" if hasattr(network, "fc") else "classifier"
        setattr(network, head, nn.Identity())

        with torch.inference_mode():
            maps = body.eval()(frames)
            torch.testing.assert_close(maps.mean((2, 3)), network(frames), rtol=1e-4, atol=1e-5)

        assert maps.shape == (1, channels, map_side(64, 5), map_side(32, 5))


def test_densenet_weights_with_old_layer_names_are_read(tmp_path: Path) -> None:
    weights = densenet121().state_dict()
    old = {}
    for key, value in weights.items():
        for layer in ("norm", "conv"):
            for number in "12":
                if "denselayer" in key:
                    key = key.replace(f".{layer}{number}.", f".{layer}.{number}.")
        old[key] = value
    assert old.keys() != weights.keys()
    torch.save(old, tmp_path / "old.pth")

    body, _ = densenet121_body(str(tmp_path / "old.pth"))

    assert torch.equal(
        body[0].denseblock4.denselayer2.conv2.weight, weights["features.denseblock4.denselayer2.conv2.weight"]
    )


def test_weights_of_another_network_raise_an_error(tmp_path: Path) -> None:
    torch.save(densenet121().state_dict(), tmp_path / "densenet.pth")

    with pytest.raises(WeightsError, match=r"densenet.pth do not fit torchvision's resnet50: .* missing"):
        resnet50_body(str(tmp_path / "densenet.pth"))


def test_last_stride_1_doubles_the_sides_of_the_map() -> None:
    with torch.device("meta"):
        frames = torch.empty(2, 3, 256, 128)
        shapes = [resnet50_body(last_stride=stride)[0](frames).shape for stride in (2, 1)]

    assert shapes == [(2, 2048, 8, 4), (2, 2048, 16, 8)]


def test_frozen_backbone_keeps_statistics_until_unfrozen() -> None:
    backbone = Backbone(nn.BatchNorm2d(3), 3, (4, 4), trainable=True)
    frames = torch.randn(5, 3, 4, 4) + 3

    backbone.train()
    backbone.set_trainable(False)
    assert not backbone(frames).requires_grad
    assert not backbone.body.running_mean.any()
    backbone.train()
    assert not backbone.body.training

    backbone.set_trainable(True)
    assert backbone(frames).requires_grad
    assert backbone.body.running_mean.all()


def test_small_body_accepts_any_number_of_input_channels() -> None:
    body, channels = small_body(5)

    assert body(torch.zeros(2, 5, 56, 40)).shape == (2, channels, 7, 5)
