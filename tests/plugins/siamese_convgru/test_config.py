from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from reidbench_plugins.siamese_convgru.config import PRESETS, SiameseConfig
from reidbench_plugins.siamese_convgru.network import SiameseConvGRU

from reidbench.errors import ConfigError
from reidbench.plugin.config import apply_overrides, as_plain

THE_DEFAULT_MODEL = {"paper", "oursg-5-5", "lambda-1"}
STUDIED_LAMBDAS = ["0.2", "0.5", "0.8", "1", "1.2", "1.5", "1.8", "2"]


def test_defaults_follow_the_paper() -> None:
    config = SiameseConfig()

    assert (config.kernels, config.channels, config.dropout) == ((3, 5, 5), (128, 256, 256), 0.7)
    assert (config.batch_pairs, config.clip_len, config.clip, config.epochs) == (10, 20, 5.0, 1000)
    assert (config.penalty_weight, config.init, config.finetune_backbone) == (1.0, "uniform", False)
    assert PRESETS["paper"] == config
    assert PRESETS["recommended"] == dataclasses.replace(config, init="xavier")


def test_every_row_of_the_tables_has_a_preset() -> None:
    rows = [f"ours{backbone}-{kernels}" for backbone in "gv" for kernels in ("9-1", "1-9", "5-5")]
    rows += ["vgg16-fc-gru", "googlenet-fc-gru", "oursg-hat"]
    rows += ["max-pooling", "average-pooling", "fisher-pooling"]
    rows += [f"lambda-{value}" for value in STUDIED_LAMBDAS]

    assert set(PRESETS) == {"paper", "recommended", "small", *rows}
    assert [PRESETS[f"lambda-{value}"].penalty_weight for value in STUDIED_LAMBDAS] == [
        float(value) for value in STUDIED_LAMBDAS
    ]


def test_presets_differ_except_names_of_the_default_model() -> None:
    distinct = [config for name, config in PRESETS.items() if name not in THE_DEFAULT_MODEL - {"paper"}]

    assert len(set(distinct)) == len(distinct)
    assert {PRESETS[name] for name in THE_DEFAULT_MODEL} == {SiameseConfig()}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name: str) -> None:
    with torch.device("meta"):
        network = SiameseConvGRU(PRESETS[name], load_weights=False)

    expected = {"small": (8, 4), "vgg16-fc-gru": (1, 1), "googlenet-fc-gru": (1, 1)}.get(name, (7, 7))
    assert network.stack.grids == [expected] * 3


def test_every_setting_has_help_and_a_stage() -> None:
    stages: dict[str, set[str]] = {}
    for field in dataclasses.fields(SiameseConfig):
        assert field.metadata["help"]
        stages.setdefault(field.metadata["stage"], set()).add(field.name)

    assert stages["embed"] == {"test_len", "test_window", "test_aug", "test_aug_always"}
    assert stages["match"] == {"score"}
    assert set(stages) == {"fit", "embed", "match"}


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_json_and_text(name: str) -> None:
    config = PRESETS[name]
    plain = json.loads(json.dumps(as_plain(config)))
    texts = {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in plain.items()
    }

    assert apply_overrides(SiameseConfig(), texts) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "resnet"}, "backbone must be one of googlenet, vgg16, .*, got 'resnet'"),
        ({"temporal_pool": "mean"}, "temporal_pool must be one of attention, avg, max, fisher, got 'mean'"),
        ({"penalty_target": "2"}, "penalty_target must be one of 1, T/K2, got '2'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"translation": 0.5}, r"translation must be in \[0, 0.5\), got 0.5"),
        ({"rho": -0.1}, r"rho must be in \[0, 1\), got -0.1"),
        ({"lr": 0.0}, "lr must be greater than 0, got 0.0"),
        ({"lr": float("nan")}, "lr must be greater than 0, got nan"),
        ({"clip_len": 0}, "clip_len must be at least 1, got 0"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"pos_fraction": 1.5}, r"pos_fraction must be in \[0, 1\], got 1.5"),
        ({"pairs_per_epoch": 0}, "pairs_per_epoch must be none or at least 1, got 0"),
        ({"kernels": (3, 4, 5)}, "kernels must be odd positive numbers such as 3,5,5, got 3,4,5"),
        ({"kernels": (), "channels": ()}, "kernels must be odd positive numbers such as 3,5,5, got "),
        ({"channels": (8, 8)}, "channels must be 3 positive numbers, one per kernel, got 8,8"),
        ({"channels": (8, 0, 8)}, "channels must be 3 positive numbers, one per kernel, got 8,0,8"),
        ({"backbone": "vgg16_fc7"}, "kernels must be 1,1,1 .* backbone=vgg16_fc7, got 3,5,5"),
        ({"inter_layer_pool": "max2s2", "attn_input": "conv1x1"}, "attn_input must be flatten or gap"),
        ({"backbone": "small"}, "weights must be none for backbone=small, .*, got imagenet"),
        ({"temporal_pool": "fisher", "score": "similarity"}, "score must be euclidean .*, got similarity"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_invalid_settings_raise_config_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        SiameseConfig(**settings)

    assert "\n" not in str(caught.value)


def test_zero_epochs_are_valid() -> None:
    assert SiameseConfig(epochs=0).epochs == 0
