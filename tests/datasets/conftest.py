"""Fixtures for tests of one layout; the module imports the layout as `layout` and defines `SMALL`."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.datasets.synthetic.people import Appearance, draw_people

pytest.register_assert_rewrite("tests.datasets.checks")


@pytest.fixture(scope="module")
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered tree of the module's `SMALL`; tests must not leave changes in it."""
    root = tmp_path_factory.mktemp("root")
    folder: Path = request.module.layout.LAYOUT.synthesize(
        root, request.module.SMALL, workers=1, progress=False
    )
    return folder


@pytest.fixture
def copied(rendered: Path, tmp_path: Path) -> Path:
    """A copy of the rendered tree that a test may change."""
    return shutil.copytree(rendered, tmp_path / "copy")


@pytest.fixture
def cheap_people(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one appearance and number its copies, since drawing thousands takes seconds."""
    person, layout = draw_people(1, 1)[0], request.module.layout
    monkeypatch.setattr(layout, "draw_people", lambda seed, count: _number_copies(person, count))
    # Of distractors.
    if hasattr(layout, "draw_appearance"):
        monkeypatch.setattr(layout, "draw_appearance", lambda rng: person)


def _number_copies(person: Appearance, count: int) -> tuple[Appearance, ...]:
    """Return copies that differ in a value of the build, so that readers can tell them apart."""
    return tuple(replace(person, build=replace(person.build, height=1 + n / 1e5)) for n in range(count))
