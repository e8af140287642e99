from __future__ import annotations

import dataclasses
import json

import pytest
from reidbench_plugins.duatm.config import PRESETS, DuAtmConfig

from reidbench.errors import ConfigError
from reidbench.plugin.config import apply_overrides, as_plain


def test_defaults_follow_the_paper() -> None:
    config = PRESETS["paper"]

    assert config == DuAtmConfig()
    assert (config.margin, config.lambda1, config.lambda2, config.p) == (0.2, 0.1, 0.5, 0.2)
    assert (config.epochs, config.frozen_epochs, config.last_epochs, config.lr) == (300, 100, 50, 0.01)
    assert (config.size("spatial"), config.size("temporal")) == ((256, 128), (128, 64))
    assert (config.batch("spatial"), config.batch("temporal")) == ((10, 4), (7, 3))
    assert (config.clip_len, config.test_len, config.feat_dim) == (16, 64, 256)


def test_every_row_of_tables_1_2_and_7_has_a_preset() -> None:
    rows = {"avgpool-l0", "intra-l0", "inter-l0", "dual-l0", "dual-l0-l1", "dual-l0-l2"}
    tuned = {"market1501", "dukemtmc-reid", "mars"}

    assert set(PRESETS) == {
        "paper",
        "small",
        "mars-256x128",
        *rows,
        *tuned,
        *(f"{name}-aug" for name in tuned),
    }
    assert [(PRESETS[n].lambda1, PRESETS[n].lambda2, PRESETS[n].p) for n in sorted(tuned)] == [
        (0.1, 0.5, 0.6),
        (0.3, 0.9, 0.4),
        (0.5, 0.5, 0.4),
    ]
    assert len(set(PRESETS.values())) == len(PRESETS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feat_dim": "15"}, "feat_dim must be even with rnn_merge=concat.*got 15"),
        ({"feat_dim": "1"}, "feat_dim must be at least 2, got 1"),
        ({"p": "1.5"}, r"p must be in \[0, 1\], got 1.5"),
        ({"batch_samples": "1"}, "batch_samples must be none or at least 2, got 1"),
        ({"height": "8"}, "height must be none or at least 16, got 8"),
        ({"test_len": "0"}, "test_len must be at least 1, got 0"),
        ({"matching": "both"}, "matching must be one of dual, intra, inter, avgpool, got 'both'"),
        ({"backbone": "small"}, "weights must be none for backbone=small"),
        ({"epochs": "-1"}, "epochs must be at least 0, got -1"),
        ({"attn_scale": "0"}, "attn_scale must be greater than 0, got 0"),
    ],
)
def test_invalid_settings_raise_config_error(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_overrides(DuAtmConfig(), settings)


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_json_and_text(name: str) -> None:
    texts = {key: str(value) for key, value in json.loads(json.dumps(as_plain(PRESETS[name]))).items()}

    assert apply_overrides(DuAtmConfig(), texts) == PRESETS[name]


def test_every_setting_has_help_and_a_stage() -> None:
    stages = {field.name: field.metadata["stage"] for field in dataclasses.fields(DuAtmConfig)}

    assert all(field.metadata["help"] for field in dataclasses.fields(DuAtmConfig))
    assert {name for name, stage in stages.items() if stage == "embed"} == {
        "test_len",
        "test_window",
        "test_aug",
    }
