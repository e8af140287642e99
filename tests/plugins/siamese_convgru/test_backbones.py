from __future__ import annotations

import dataclasses
import hashlib
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
from reidbench_plugins.siamese_convgru import backbones
from reidbench_plugins.siamese_convgru.backbones import build_backbone, choose_published_weights, map_grid
from reidbench_plugins.siamese_convgru.config import PRESETS, SiameseConfig
from torch import nn
from torchvision.models import GoogLeNet_Weights, googlenet

from reidbench.errors import ConfigError, WeightsError
from reidbench.nn import weights_digest


def digest_of(config: SiameseConfig) -> str | None:
    return weights_digest(config.weights, choose_published_weights(config))


FC = {"kernels": (1, 1, 1)}
VARIANTS: list[tuple[dict[str, Any], int]] = [
    ({"backbone": "googlenet"}, 1024),
    ({"backbone": "googlenet_fc", **FC}, 1024),
    ({"backbone": "googlenet_fc", "googlenet_tap": "logits", **FC}, 1000),
    ({"backbone": "vgg16"}, 512),
    ({"backbone": "vgg16", "vgg_tap": "conv5_3"}, 512),
    ({"backbone": "vgg16_fc7", **FC}, 4096),
    ({"backbone": "small"}, 64),
]


def build_config(**settings: Any) -> SiameseConfig:
    return SiameseConfig(weights="none", **settings)


@pytest.fixture(scope="module")
def googlenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict like the published one, with auxiliary classifiers and changed batch statistics."""
    torch.manual_seed(0)
    network = googlenet(weights=None, aux_logits=True, init_weights=False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
    path = tmp_path_factory.mktemp("weights") / "googlenet.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize(("settings", "channels"), VARIANTS, ids=lambda value: str(value))
@pytest.mark.parametrize(("height", "width"), [(224, 224), (64, 32), (75, 61)])
def test_maps_have_the_grid_of_the_backbone(
    settings: dict[str, Any], channels: int, height: int, width: int
) -> None:
    config = build_config(input_height=height, input_width=width, **settings)
    with torch.device("meta"):
        backbone = build_backbone(config)
        maps = backbone(torch.empty(2, 3, height, width))

    assert maps.shape == (2, channels, *map_grid(config))
    assert (backbone.channels, backbone.grid) == (channels, map_grid(config))


def test_grid_of_the_paper_is_7x7() -> None:
    for settings in ({"backbone": "googlenet"}, {"backbone": "vgg16"}):
        assert map_grid(build_config(**settings)) == (7, 7)
    assert map_grid(build_config(backbone="vgg16", vgg_tap="conv5_3")) == (14, 14)
    assert map_grid(PRESETS["small"]) == (8, 4)


@pytest.mark.parametrize("backbone", ["googlenet", "vgg16"])
def test_too_small_frames_raise_config_error(backbone: str) -> None:
    config = build_config(backbone=backbone, input_height=224, input_width=8)
    with pytest.raises(ConfigError, match=f"input_height x input_width .*={backbone}, got 224 x 8"):
        build_backbone(config)


def test_frozen_backbone_does_not_change() -> None:
    backbone = build_backbone(dataclasses.replace(PRESETS["small"], finetune_backbone=False)).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}

    maps = backbone(torch.randn(4, 3, 64, 32))

    assert not maps.requires_grad
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_trained_backbone_changes() -> None:
    backbone = build_backbone(PRESETS["small"]).train()
    before = backbone.body[1].running_mean.clone()

    backbone(torch.randn(4, 3, 64, 32)).sum().backward()

    assert not torch.equal(backbone.body[1].running_mean, before)
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    backbone.eval()
    assert not backbone.body[1].training


def test_untrained_features_neither_vanish_nor_explode() -> None:
    torch.manual_seed(0)
    backbone = build_backbone(build_config(backbone="googlenet", input_height=64, input_width=64))

    assert 1e-2 < backbone.eval()(torch.randn(2, 3, 64, 64)).std() < 1e2


def test_weights_file_gives_the_features_of_its_network(googlenet_file: Path) -> None:
    config = SiameseConfig(
        backbone="googlenet_fc", googlenet_tap="logits", weights=str(googlenet_file), kernels=(1, 1, 1)
    )
    frames = torch.randn(2, 3, 64, 64)
    network = googlenet(weights=None, aux_logits=True, init_weights=False, transform_input=True).eval()
    network.load_state_dict(torch.load(googlenet_file, weights_only=True))

    with torch.no_grad():
        expected = network(frames)
        logits = build_backbone(config).eval()(frames)

    torch.testing.assert_close(logits.flatten(1), expected)


def test_weights_without_auxiliary_classifiers_are_accepted(googlenet_file: Path, tmp_path: Path) -> None:
    weights = torch.load(googlenet_file, weights_only=True)
    torch.save(
        {name: value for name, value in weights.items() if not name.startswith("aux")}, tmp_path / "w.pth"
    )

    build_backbone(SiameseConfig(weights=str(tmp_path / "w.pth")))


def test_load_weights_false_reads_no_weights() -> None:
    build_backbone(SiameseConfig(weights="/nowhere/weights.pth"), load_weights=False)


def test_missing_weights_error_names_the_file() -> None:
    message = r"cannot read weights from /nowhere/w\.pth: .*\. weights must be imagenet, none"
    with pytest.raises(WeightsError, match=message) as caught:
        build_backbone(SiameseConfig(weights="/nowhere/w.pth"))

    assert "\n" not in str(caught.value)


def test_damaged_weights_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match=r"cannot read weights from .*w\.pth"):
        build_backbone(SiameseConfig(weights=str(tmp_path / "w.pth")))


def test_file_without_state_dict_error_names_the_file(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth must be a state dict of tensors"):
        build_backbone(SiameseConfig(weights=str(tmp_path / "w.pth")))


def test_weights_of_another_network_error_names_the_first_keys(googlenet_file: Path, tmp_path: Path) -> None:
    weights = dict(torch.load(googlenet_file, weights_only=True))
    weights["fc.weight"] = torch.zeros(2, 1024)
    weights["surplus"] = weights.pop("conv1.conv.weight")
    torch.save(weights, tmp_path / "w.pth")

    with pytest.raises(WeightsError) as caught:
        build_backbone(SiameseConfig(weights=str(tmp_path / "w.pth")))

    message = str(caught.value)
    assert "do not fit torchvision's googlenet" in message
    assert "1 missing (conv1.conv.weight), 1 unexpected (surplus), 1 of another shape (fc.weight)" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no network"),
        RuntimeError('invalid hash value (expected "1378be20", got "00")\nmore'),
        EOFError(),
    ],
    ids=["unreachable", "another hash", "cut short"],
)
@pytest.mark.parametrize("backbone", ["googlenet", "vgg16"])
def test_unavailable_imagenet_weights_error_names_path_and_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backbone: str, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)

    with pytest.raises(WeightsError) as caught:
        build_backbone(SiameseConfig(backbone=backbone))

    message = str(caught.value)
    assert f"ImageNet weights {digest_of(SiameseConfig(backbone=backbone))} to" in message
    assert str(tmp_path / "checkpoints" / backbone) in message
    assert "--set weights=PATH" in message
    assert "--set weights=none" in message
    assert "\n" not in message


def test_imagenet_weights_are_checked_against_their_hash(
    monkeypatch: pytest.MonkeyPatch, googlenet_file: Path
) -> None:
    asked: dict[str, Any] = {}

    def fetch(url: str, **options: Any) -> dict[str, torch.Tensor]:
        asked.update(options, url=url)
        return dict(torch.load(googlenet_file, weights_only=True))

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    build_backbone(SiameseConfig())

    assert asked["url"] == GoogLeNet_Weights.IMAGENET1K_V1.url
    assert asked["check_hash"] is True


def test_weights_digest_is_a_name_or_a_hash(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"weights")

    assert digest_of(build_config()) is None
    assert digest_of(SiameseConfig()) == "GoogLeNet_Weights.IMAGENET1K_V1"
    assert digest_of(SiameseConfig(backbone="vgg16")) == "VGG16_Weights.IMAGENET1K_V1"
    assert digest_of(SiameseConfig(weights=str(tmp_path / "w.pth"))) == hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(WeightsError, match="cannot read weights"):
        digest_of(SiameseConfig(weights=str(tmp_path / "other.pth")))


def test_small_backbone_multiplications() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        backbone = build_backbone(PRESETS["small"])
        with FlopCounterMode(display=False) as counter:
            backbone(torch.empty(1, 3, 64, 32))

    assert counter.get_total_flops() < 2 * 2.6e6
    assert backbones.map_grid(PRESETS["small"]) == (8, 4)
