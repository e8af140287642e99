from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import pytest

from reidbench.errors import ConfigError
from reidbench.plugin import check_settings, setting
from reidbench.plugin.config import apply_overrides, as_plain, describe_settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    epochs: int = field(default=3, metadata={"help": "passes", "stage": "fit"})
    lr: float = 0.1
    mirror: bool = field(default=False, metadata={"stage": "embed"})
    score: Literal["near", "far"] = field(default="near", metadata={"stage": "match"})
    kernels: tuple[int, ...] = (3, 5, 5)
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise ConfigError(f"epochs must be at least 0, got {self.epochs}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"epochs": "0"}, Settings(epochs=0)),
        ({"lr": "1e-3"}, Settings(lr=1e-3)),
        ({"mirror": "True"}, Settings(mirror=True)),
        ({"mirror": "false"}, Settings()),
        ({"score": "far"}, Settings(score="far")),
        ({"kernels": "[1, 9]"}, Settings(kernels=(1, 9))),
        ({"kernels": "1,9,1"}, Settings(kernels=(1, 9, 1))),
        ({"limit": "7"}, Settings(limit=7)),
        ({"limit": "none"}, Settings()),
    ],
    ids=str,
)
def test_text_becomes_a_value_of_the_fields_type(text: dict[str, str], expected: Settings) -> None:
    assert apply_overrides(Settings(), text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            {"epoch": "3"},
            r"setting 'epoch' does not exist\. Did you mean epochs\? The settings are: epochs, .*score",
        ),
        ({"epochs": "many"}, "epochs must be a whole number, got 'many'"),
        ({"epochs": "-1"}, "epochs must be at least 0, got -1"),
        ({"lr": ""}, "lr must be a number, got ''"),
        ({"mirror": "maybe"}, "mirror must be true or false, got 'maybe'"),
        ({"score": "middle"}, "score must be one of near, far, got 'middle'"),
        ({"kernels": "3,x"}, "kernels must be a list of a whole number such as 3,5,5, got '3,x'"),
    ],
    ids=str,
)
def test_bad_text_is_refused_with_field_demand_and_value(text: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_overrides(Settings(), text)


def test_settings_are_split_by_the_stage_they_touch() -> None:
    settings = Settings()

    assert set(as_plain(settings, ["embed"])) == {"mirror"}
    assert set(as_plain(settings, ["match"])) == {"score"}
    assert as_plain(settings, ["fit"])["kernels"] == [3, 5, 5]
    assert set(as_plain(settings)) == {row["name"] for row in describe_settings(settings)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limited:
    kind: Literal["a", "b"] = setting("a", "which")
    optional: Literal["x"] | None = setting(None, "or nothing")
    count: int = setting(3, "how many", ge=1, le=9)
    rate: float = setting(0.1, "how fast", gt=0, lt=1, stage="match")
    sizes: tuple[int, ...] = setting((3, 5), "how large", ge=1)
    limit: int | None = setting(None, "at most", ge=1)

    def __post_init__(self) -> None:
        check_settings(self)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("kind", "c", "kind must be one of a, b, got 'c'"),
        ("optional", "y", "optional must be one of x, got 'y'"),
        ("count", 0, r"count must be in \[1, 9\], got 0"),
        ("count", 10, r"count must be in \[1, 9\], got 10"),
        ("rate", 0.0, r"rate must be in \(0, 1\), got 0.0"),
        ("rate", float("nan"), r"rate must be in \(0, 1\), got nan"),
        ("sizes", (3, 0), r"sizes must be at least 1, got \(3, 0\)"),
        ("limit", 0, "limit must be none or at least 1, got 0"),
    ],
)
def test_settings_outside_of_their_range_are_refused_by_name(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        Limited(**{name: value})  # type: ignore[arg-type]


def test_settings_know_their_help_and_stage() -> None:
    rows = {row["name"]: row for row in describe_settings(Limited(limit=4, optional="x"))}

    assert (rows["rate"]["stage"], rows["rate"]["help"]) == ("match", "how fast")
    assert rows["count"]["stage"] == "fit"
