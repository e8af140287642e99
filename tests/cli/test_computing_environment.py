"""The environment in a record is that of the computation of its figures."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Answer
from .test_seeds import EMBED, NOISY, write_plugin

Run = Callable[..., Answer]


@pytest.fixture
def record(reidbench: Run, tmp_path: Path, small_root: Path) -> Callable[..., dict[str, Any]]:
    """Run a method that learns on the small tree and return the record."""
    plugin = write_plugin(tmp_path, "noisy", EMBED, base="Method", further=NOISY)

    def run(*options: str) -> dict[str, Any]:
        answer = reidbench(
            "run", "-m", "noisy", "-p", "ilids", "--plugin", str(plugin), "--json", "--data-root", str(small_root),
            *options,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        result: dict[str, Any] = json.loads(answer.out)
        return result

    return run


def change_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "9.9.9")


def test_cached_trial_keeps_the_environment_of_its_computation(
    record: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record("--trials", "1")
    change_version(monkeypatch)

    second = record("--trials", "1")

    assert second["environment"] == first["environment"]
    assert second["other_environments"] == []


def test_mixture_of_environments_is_listed(
    record: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record("--trials", "1")
    change_version(monkeypatch)

    second = record("--trials", "2")

    assert second["environment"] == first["environment"]
    assert [other["python"] for other in second["other_environments"]] == ["9.9.9"]


def test_cached_fit_keeps_its_environment(
    record: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record("--trials", "1")
    change_version(monkeypatch)

    second = record("--trials", "1", "--far", "0.5")

    assert (second["cached"]["fit"], second["cached"]["match"]) == (True, False)
    assert second["environment"]["python"] == "9.9.9"
    assert second["other_environments"] == [first["environment"]]


def test_cached_embeddings_keep_their_environment(
    reidbench: Run, small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*options: str) -> dict[str, Any]:
        data = ("-p", "ilids", "--data-root", str(small_root))
        command = ("run", "-m", "color-lbp", *data, "--trials", "1", "--json")
        answer = reidbench(*command, *options)
        assert answer.code == 0, answer.err
        result: dict[str, Any] = json.loads(answer.out)
        return result

    first = run()
    change_version(monkeypatch)

    second = run("--far", "0.5")

    assert (second["cached"]["embed"], second["cached"]["match"]) == (True, False)
    assert second["environment"]["python"] == "9.9.9"
    assert second["other_environments"] == [first["environment"]]
