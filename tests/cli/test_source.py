from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Answer

from .single_file_plugins import MEAN_COLOR, write_plugin

Run = Callable[..., Answer]


@pytest.fixture
def run_file(record_method: Callable[..., dict[str, Any]]) -> Callable[[Path], dict[str, Any]]:
    """Run the method of a plugin file on one trial."""
    return partial(record_method, trials=1)


def test_changed_code_of_a_method_is_computed_again(
    run_file: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    file = write_plugin(tmp_path, "source-method")
    first = run_file(file)
    file.write_text(file.read_text() + "\n# A comment.\n")
    commented = run_file(file)
    write_plugin(tmp_path, "source-method", MEAN_COLOR.replace(".float()", ".float().abs().sqrt()"))
    changed = run_file(file)

    assert commented["cached"]["embed"]
    assert commented["fingerprints"] == first["fingerprints"]
    assert not changed["cached"]["embed"]
    assert changed["fingerprints"]["run"] != first["fingerprints"]["run"]
    assert changed["fingerprints"]["fits"] == first["fingerprints"]["fits"] == []
    assert changed["source"] != first["source"] == commented["source"]
    # A board still compares both.
    assert changed["fingerprints"]["protocol"] == first["fingerprints"]["protocol"]


def test_changed_module_beside_a_plugin_file_is_computed_again(
    run_file: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    helper = tmp_path / "helper_beside_plugin.py"
    helper.write_text("SCALE = 1\n")
    file = write_plugin(tmp_path, "beside-method")
    file.write_text("import helper_beside_plugin\n" + file.read_text())
    first = run_file(file)

    helper.write_text("SCALE = 2\n")

    assert run_file(file)["source"] != first["source"]


def test_class_with_another_name_than_its_spec_is_refused(run_method: Run, tmp_path: Path) -> None:
    file = write_plugin(tmp_path, "thief")
    file.write_text(
        file.read_text().replace(
            'name, version, Config, presets = "thief"', 'name, version, Config, presets = "color-lbp"'
        )
    )

    answer = run_method(file)

    assert answer.code == 3
    assert "must have the name 'thief', got 'color-lbp'" in answer.err
    assert not list(tmp_path.rglob("records/*/*.json"))


def test_listing_of_a_method_shows_its_source_digest(reidbench: Run) -> None:
    (facts,) = json.loads(reidbench("methods", "color-lbp", "--json").out)

    assert len(facts["source"]) == 64
