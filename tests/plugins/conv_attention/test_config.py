from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from reidbench_plugins.conv_attention.config import PRESETS, ConvAttentionConfig
from reidbench_plugins.conv_attention.network import ConvAttentionNetwork

from reidbench.plugin import ConfigError
from reidbench.plugin.config import apply_overrides, as_plain


def test_defaults_follow_the_paper_and_the_interpretation() -> None:
    config = ConvAttentionConfig()

    assert (config.frame_size, config.crop_size, config.channels) == ((64, 48), (56, 40), 5)
    assert (config.attention_filters, config.att_kernel, config.embedding_dim) == (3, 3, 128)
    assert (config.margin, config.hinge_power, config.id_weight) == (2.0, 1, 1.0)
    assert (config.optimizer, config.lr, config.momentum, config.clip) == ("sgd", 1e-3, 0.9, 5.0)
    assert (config.epochs, config.batch_pairs, config.clip_len, config.dropout) == (1000, 1, 16, 0.6)
    assert (config.test_len, config.test_aug, config.short) == (128, "shift16", "skip")
    assert next(iter(PRESETS)) == "paper"
    assert PRESETS["paper"] == PRESETS["filters-3"] == config


def test_every_row_of_table_2_and_rcn_have_presets() -> None:
    assert set(PRESETS) == {"paper", *(f"filters-{count}" for count in range(5)), "rcn", "small"}
    assert [PRESETS[f"filters-{count}"].attention_filters for count in range(5)] == list(range(5))
    rcn = PRESETS["rcn"]
    assert (rcn.attention_filters, rcn.temporal, rcn.normalisation) == (0, "rnn", "none")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_with_the_channels_of_its_flow(name: str) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        network = ConvAttentionNetwork(config)
        first = next(network.backbone.parameters())

    assert first.shape[1] == (5 if config.use_flow else 3)


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_json_and_text(name: str) -> None:
    plain = json.loads(json.dumps(as_plain(PRESETS[name])))

    assert (
        apply_overrides(ConvAttentionConfig(), {key: str(value) for key, value in plain.items()})
        == PRESETS[name]
    )


def test_every_setting_has_help_and_only_test_settings_are_embed() -> None:
    assert all(field.metadata["help"] for field in dataclasses.fields(ConvAttentionConfig))
    assert set(as_plain(ConvAttentionConfig(), ["embed"])) == {"test_len", "test_window", "test_aug"}
    assert as_plain(ConvAttentionConfig(), ["match"]) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention_filters": -1}, "attention_filters must be at least 0, got -1"),
        ({"att_kernel": 4}, "att_kernel must be odd, got 4"),
        ({"att_kernel": -1}, "att_kernel must be at least 1, got -1"),
        ({"crop_height": 65}, "crop_height must be at most 56 for frame_height=64 .*, got 65"),
        (
            {"crop_width": 41},
            "crop_width must be at most 40 for frame_width=48 and test_aug=shift16, got 41",
        ),
        ({"crop_width": 49, "test_aug": "none"}, "crop_width must be at most 48 for frame_width=48, got 49"),
        (
            {"filters_role": "channels"},
            "filters_role must be one of hidden, attention, parallel, got 'channels'",
        ),
        ({"hinge_power": 3}, "hinge_power must be one of 1, 2, got 3"),
        ({"embedding_dim": 0}, "embedding_dim must be none or at least 1, got 0"),
        ({"refine_steps": 0}, "refine_steps must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"margin": 0.0}, "margin must be greater than 0, got 0.0"),
        ({"id_weight": -0.5}, "id_weight must be at least 0, got -0.5"),
        ({"lr": 0.0}, "lr must be greater than 0, got 0.0"),
        ({"clip_len": 0}, "clip_len must be at least 1, got 0"),
        ({"batch_pairs": 0}, "batch_pairs must be at least 1, got 0"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_invalid_settings_raise_config_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ConvAttentionConfig(**settings)

    assert "\n" not in str(caught.value)
