"""The environment in a record is that of the computation of its figures."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .single_file_plugins import write_plugin
from .test_seeds import EMBED, NOISY

Record = Callable[..., dict[str, Any]]


@pytest.fixture
def record(record_method: Record, tmp_path: Path) -> Record:
    """Run a method that learns on the small tree and return the record."""
    return partial(record_method, write_plugin(tmp_path, "noisy", EMBED, base="Method", further=NOISY))


def change_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "9.9.9")


def test_cached_trial_keeps_the_environment_of_its_computation(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(trials=1)
    change_version(monkeypatch)

    second = record(trials=1)

    assert second["environment"] == first["environment"]
    assert second["other_environments"] == []


def test_mixture_of_environments_is_listed(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record(trials=1)
    change_version(monkeypatch)

    second = record(trials=2)

    assert second["environment"] == first["environment"]
    assert [other["python"] for other in second["other_environments"]] == ["9.9.9"]


def test_cached_fit_keeps_its_environment(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record(trials=1)
    change_version(monkeypatch)

    second = record("--far", "0.5", trials=1)

    assert (second["cached"]["fit"], second["cached"]["match"]) == (True, False)
    assert second["environment"]["python"] == "9.9.9"
    assert second["other_environments"] == [first["environment"]]


def test_cached_embeddings_keep_their_environment(
    record_method: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = write_plugin(tmp_path, "fixed")
    first = record_method(plugin, trials=1)
    change_version(monkeypatch)

    second = record_method(plugin, "--far", "0.5", trials=1)

    assert (second["cached"]["embed"], second["cached"]["match"]) == (True, False)
    assert second["environment"]["python"] == "9.9.9"
    assert second["other_environments"] == [first["environment"]]
