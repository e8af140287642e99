from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reidbench.datasets import FrameLoader, FrameWindow, TrackletTable, TrackletView, make_views

ROWS = [(1, 1, "a", ("1.png", "2.png")), (1, 2, "b", ("1.png",)), (2, 1, "c", ("1.png",))]


def view(**choice: object) -> list[TrackletView]:
    table = TrackletTable.of(Path("root"), ROWS)
    return make_views(table, np.arange(3), FrameLoader(), FrameWindow(), with_camera=False, **choice)  # type: ignore[arg-type]


def test_ids_depend_on_the_key_and_the_item_only() -> None:
    ids = [item.id for item in view(key="k")]

    assert len(set(ids)) == 3
    assert ids == [item.id for item in view(key="k", seed=5)]
    assert not set(ids) & {item.id for item in view(key="other")}
    assert not set(ids) & {item.id for item in view(key="k", digests=["x", "y", "z"])}


def test_window_seeds_depend_on_the_seed_and_the_item_only() -> None:
    seeds = [item.window_seed for item in view(key="k", seed=3)]

    assert len(set(seeds)) == 3
    assert seeds == [item.window_seed for item in view(key="other", seed=3)]
    assert not set(seeds) & {item.window_seed for item in view(key="k", seed=4)}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_attribute_holds_a_path(depth: int) -> None:
    def list_values(value: object, depth: int) -> list[object]:
        names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
        values = [getattr(value, name) for name in names]
        inner = [found for item in values for found in list_values(item, depth - 1)] if depth else []
        return [*values, *inner]

    for value in list_values(view()[0], depth):
        assert not isinstance(value, (Path, tuple, FrameLoader))
        assert "png" not in str(value)
