from __future__ import annotations

import pytest

from reidbench.errors import ConfigError
from reidbench.names import check_name, is_name, make_name


@pytest.mark.parametrize("name", ["color-lbp", "mars-9330", "a", "XQDA", "k_reciprocal.v2", "dim_", "a" * 64])
def test_names_follow_the_pattern(name: str) -> None:
    assert check_name("method", name, ConfigError) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../../x",
        "a/b",
        "a\\b",
        ".hidden",
        "-x",
        "a.",
        "a b",
        "a\n",
        "a\x1b",
        "ä",
        "a" * 65,
        None,
        3,
        b"a",
    ],
    ids=repr,
)
def test_other_values_are_refused_in_one_line(name: object) -> None:
    with pytest.raises(
        ConfigError, match=r"^name of a method must be 1 to 64 letters, .*, got .*; rename it$"
    ):
        check_name("method", name, ConfigError)


@pytest.mark.parametrize("text", ["../../x", "my features (2)", "\x1b[31m", "-", "x" * 500, "a.", "人"])
def test_made_names_follow_the_pattern(text: str) -> None:
    assert is_name(make_name(text))


def test_names_stay_when_made() -> None:
    assert make_name("resnet50_v1.5") == "resnet50_v1.5"
