from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from reidbench_plugins.diversity_attention.config import PRESETS, DiversityConfig
from reidbench_plugins.diversity_attention.network import DiversityNetwork
from reidbench_plugins.diversity_attention.training import step_borders, step_of

from reidbench.errors import ConfigError
from reidbench.plugin.config import apply_overrides, as_plain

THE_DEFAULT_MODEL = {"paper", "spaatn-q-tematn", "k-6"}


def test_first_preset_is_the_final_model_of_the_paper() -> None:
    config = DiversityConfig()

    assert next(iter(PRESETS)) == "paper"
    assert all(PRESETS[name] == config for name in THE_DEFAULT_MODEL)
    assert (config.spatial_models, config.frames, config.embedding) == (6, 6, 128)
    assert (config.spatial, config.temporal, config.diversity) == ("attention", "attention", "hellinger")
    assert (config.oim_scale, config.oim_momentum, config.lr, config.backbone_lr) == (30, 0.5, 0.1, 0.01)


def test_every_row_of_the_ablation_has_its_own_preset() -> None:
    rows = {"baseline", "spaatn", "spaatn-gram", "spaatn-q", "spaatn-q-maxpool", "spaatn-q-tematn"}
    rows |= {"spaatn-q-tematn-ind", *(f"k-{count}" for count in (1, 2, 4, 6, 8))}
    distinct = [config for name, config in PRESETS.items() if name not in THE_DEFAULT_MODEL - {"paper"}]

    assert set(PRESETS) == {"paper", "small", *rows}
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_encodes_a_clip(name: str) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        network = DiversityNetwork(config, load_weights=False)
        encoding = network(torch.empty(2, config.frames, 3, *config.input_size))

    length = 64 if name == "small" else 128
    assert network.backbone.grid == (8, 4)
    assert encoding.descriptor.shape == (2, config.spatial_models * length)
    if encoding.spatial is not None:
        assert encoding.spatial.shape == (2, config.frames, config.spatial_models, 8, 4)


def test_every_setting_has_help_and_only_test_aug_is_not_fit() -> None:
    fields = dataclasses.fields(DiversityConfig)

    assert all(field.metadata["help"] for field in fields)
    assert {field.name for field in fields if field.metadata["stage"] != "fit"} == {"test_aug"}


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_json_and_text(name: str) -> None:
    plain = json.loads(json.dumps(as_plain(PRESETS[name])))
    texts = {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in plain.items()
    }

    assert apply_overrides(DiversityConfig(), texts) == PRESETS[name]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_accepts_zero_epochs(name: str) -> None:
    assert apply_overrides(PRESETS[name], {"epochs": "0"}).epochs == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spatial_models": 0}, "spatial_models must be at least 1, got 0"),
        ({"attn_hidden": 0}, "attn_hidden must be at least 1, got 0"),
        ({"frames": 0}, "frames must be at least 1, got 0"),
        ({"embedding": 0}, "embedding must be at least 1, got 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"oim_momentum": 1.0}, r"oim_momentum must be in \[0, 1\), got 1.0"),
        ({"oim_scale": 0.0}, "oim_scale must be greater than 0, got 0.0"),
        ({"lr": float("nan")}, "lr must be greater than 0, got nan"),
        ({"div_weight": -1.0}, "div_weight must be at least 0, got -1.0"),
        ({"drop_at": 1.5}, r"drop_at must be in \(0, 1\], got 1.5"),
        ({"translation": 0.5}, r"translation must be in \[0, 0.5\), got 0.5"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"last_stride": 3}, "last_stride must be one of 1, 2, got 3"),
        ({"temporal": "mean"}, "temporal must be one of attention, avg, max, got 'mean'"),
        ({"steps": (30, 30)}, "steps must be 3 lengths, not all 0, .*, got 30,30$"),
        ({"steps": (0, 0, 0)}, "steps must be 3 lengths, not all 0, .*, got 0,0,0"),
        ({"steps": ()}, "steps must be 3 lengths, not all 0, .*, got none"),
        ({"steps": (9, 9, -9)}, "steps must be at least 0, got "),
        ({"finetune_per_dataset": True}, "steps must be 4 lengths, .*finetune_per_dataset=true, got 30,30,30"),
        ({"backbone": "small"}, "weights must be none for backbone=small, .*, got imagenet"),
        (
            {"backbone": "small", "weights": "none", "last_stride": 1},
            "last_stride must be 2 for backbone=small, got 1",
        ),
        ({"spatial": "avg"}, "spatial_models must be 1 with spatial=avg, .*, got 6"),
        ({"spatial": "avg", "spatial_models": 1}, "diversity must be none with spatial=avg, .*, got hellinger"),
        ({"momentum": 0.0}, "momentum must be greater than 0 with nesterov=true, got 0"),
        ({"loss": "triplet"}, "sampler must be people with loss=triplet, got random"),
        ({"sampler": "people", "batch_samples": 1}, "batch_people and batch_samples must be at least 2 .*got 8 and 1"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_invalid_settings_raise_config_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        DiversityConfig(**settings)

    assert "\n" not in str(caught.value)


def test_learning_rates_drop_at_two_thirds_of_each_step() -> None:
    config = PRESETS["spaatn-q-tematn-ind"]

    result = [step_of(epoch, config) for epoch in range(120)]

    assert [step for step, _ in result] == [0] * 30 + [1] * 30 + [2] * 30 + [3] * 30
    expected = ([1.0] * 20 + [0.1] * 10) * 3 + [0.1] * 20 + [0.01] * 10
    assert [factor for _, factor in result] == pytest.approx(expected)


@pytest.mark.parametrize("epochs", [0, 1, 2, 3, 7, 50, 90, 91])
def test_steps_divide_any_number_of_epochs(epochs: int) -> None:
    config = DiversityConfig(epochs=epochs, steps=(3, 1, 2))

    borders = step_borders(config)

    assert borders[-1] == epochs
    assert borders == sorted(borders)
    assert all(
        abs(border - epochs * share) < 1 for border, share in zip(borders, (3 / 6, 4 / 6, 1), strict=True)
    )


def test_step_of_length_zero_is_skipped() -> None:
    config = DiversityConfig(epochs=4, steps=(1, 0, 1))

    assert [step_of(epoch, config)[0] for epoch in range(4)] == [0, 0, 2, 2]
