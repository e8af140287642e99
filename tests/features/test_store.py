from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from reidbench.features import Block, FeatureStore


def block(*ids: str, views: list[int] | None = None, seed: int = 0) -> Block:
    generator = np.random.default_rng(seed)
    shape = (len(ids), 5) if views is None else (len(ids), max(views), 5)
    counts = None if views is None else np.array(views)
    return Block(ids, generator.normal(size=shape).astype(np.float32), counts, 1.5)


def test_another_store_reads_blocks_in_any_order(tmp_path: Path) -> None:
    first, second = block("a", "b", seed=1), block("c", seed=2)
    store = FeatureStore(tmp_path, {"who": "test"})
    store.write(first)
    store.write(second)

    values, views, lengths = FeatureStore(tmp_path, {}).read(["c", "a"])

    assert views is None
    assert lengths is None
    np.testing.assert_array_equal(values, np.stack([second.values[0], first.values[0]]))


def test_views_are_padded_to_the_largest_count(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, {})
    store.write(block("a", "b", views=[2, 1]))
    store.write(block("c", views=[3]))

    values, views, lengths = store.read(["a", "b", "c"])

    assert views is not None
    assert views.tolist() == [2, 1, 3]
    assert lengths is None
    assert values.shape == (3, 3, 5)
    assert not values[1, 1:].any()


def test_sequences_are_padded_to_the_longest_and_keep_their_lengths(tmp_path: Path) -> None:
    short = Block(("a",), np.ones((1, 2, 5), np.float32), None, 1.0, np.array([2]))
    long = Block(("b",), np.full((1, 4, 5), 2.0, np.float32), None, 1.0, np.array([4]))
    for one in (short, long):
        FeatureStore(tmp_path, {}).write(one)

    values, views, lengths = FeatureStore(tmp_path, {}).read(["b", "a"])

    assert views is None
    assert lengths is not None
    assert lengths.tolist() == [4, 2]
    np.testing.assert_array_equal(values[0], long.values[0])
    np.testing.assert_array_equal(values[1, :2], short.values[0])
    assert not values[1, 2:].any()


def test_views_of_sequences_are_padded_along_both_axes(tmp_path: Path) -> None:
    two = Block(("a",), np.ones((1, 2, 3, 5), np.float32), np.array([2]), 1.0, np.array([3]))
    one = Block(("b",), np.ones((1, 4, 5), np.float32), None, 1.0, np.array([4]))
    store = FeatureStore(tmp_path, {})
    for block_ in (two, one):
        store.write(block_)

    values, views, lengths = store.read(["a", "b"])

    assert (views is not None, lengths is not None) == (True, True)
    assert (views.tolist(), lengths.tolist()) == ([2, 1], [3, 4])  # type: ignore[union-attr]
    assert values.shape == (2, 2, 4, 5)
    assert values[0, :, :3].all()
    assert values[1, 0].all()
    assert values.sum() == 2 * 3 * 5 + 4 * 5


def test_missing_ids_keep_their_order_and_exclude_blocks_of_other_stores(tmp_path: Path) -> None:
    mine, other = FeatureStore(tmp_path, {}), FeatureStore(tmp_path, {})
    other.write(block("b"))

    assert mine.missing(["c", "b", "a"]) == ["c", "a"]


def test_seconds_of_a_shared_block_are_returned_once(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, {})
    store.write(block("a", "b"))

    assert list(store.seconds(["a", "b"]).values()) == [1.5]


@pytest.mark.parametrize("damage", ["truncate", "flip", "not-hdf5", "empty"])
def test_a_damaged_block_is_named_and_removed(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    FeatureStore(tmp_path, {}).write(block("a", "b"))
    (file,) = tmp_path.glob("*.h5")
    contents = bytearray(file.read_bytes())
    if damage == "truncate":
        contents = contents[: len(contents) // 2]
    elif damage == "flip":
        offset = contents.index(block("a", "b").values.tobytes())
        contents[offset] ^= 1
    else:
        contents = bytearray(b"") if damage == "empty" else bytearray(b"not a feature file")
    file.write_bytes(contents)

    with caplog.at_level(logging.WARNING):
        missing = FeatureStore(tmp_path, {}).missing(["a", "b"])

    assert missing == ["a", "b"]
    assert file.name in caplog.text


def test_a_temporary_file_is_not_read(tmp_path: Path) -> None:
    FeatureStore(tmp_path, {}).write(block("a"))
    (file,) = tmp_path.glob("*.h5")
    file.rename(tmp_path / f".{file.name}.0123.part")

    assert FeatureStore(tmp_path, {}).missing(["a"]) == ["a"]


def test_a_block_of_another_format_version_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("reidbench.features.store.FORMAT_VERSION", 99)
        FeatureStore(tmp_path, {}).write(block("a"))

    assert FeatureStore(tmp_path, {}).missing(["a"]) == ["a"]
    assert "version 99" in caplog.text


def test_a_block_of_another_store_is_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    FeatureStore(tmp_path / "first", {}).write(block("a", seed=1))
    (file,) = (tmp_path / "first").glob("*.h5")
    copy = tmp_path / "second" / file.name
    copy.parent.mkdir()
    copy.write_bytes(file.read_bytes())

    assert FeatureStore(tmp_path / "second", {}).missing(["a"]) == ["a"]
    assert str(copy) in caplog.text
