from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reidbench.errors import ConfigError
from reidbench.training import PairBatch, draw_clip, sample_pairs, select_sequences

# As in iLIDS-VID: one sequence per person and camera.
TWO_CAMERAS = (np.repeat(np.arange(12), 2), np.tile([1, 2], 12))
labels = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=30)


def draw(
    pids: np.ndarray,
    camids: np.ndarray,
    *,
    seed: int = 0,
    batch_pairs: int = 10,
    pos_fraction: float = 0.5,
    pairs_per_epoch: int | None = None,
) -> list[PairBatch]:
    return sample_pairs(
        np.asarray(pids),
        np.asarray(camids),
        batch_pairs=batch_pairs,
        pos_fraction=pos_fraction,
        pairs_per_epoch=pairs_per_epoch,
        rng=np.random.default_rng(seed),
    )


def test_epoch_has_one_positive_and_one_negative_pair_per_person() -> None:
    pids, camids = TWO_CAMERAS
    batches = draw(pids, camids)
    row_a, same = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("row_a", "same"))

    assert [len(batch.same) for batch in batches] == [10, 10, 4]
    assert [int(batch.same.sum()) for batch in batches] == [5, 5, 2]
    assert sorted(pids[row_a[same]]) == sorted(pids[row_a[~same]]) == list(range(12))


@given(labels, st.integers(0, 2**32), st.sampled_from([0.2, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_pairs_cross_cameras_and_are_labelled_correctly(
    rows: list[tuple[int, int]], seed: int, pos_fraction: float
) -> None:
    pids, camids = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(pids)) < 2 or len(set(zip(pids, camids, strict=True))) == len(set(pids)):
        # No negative or no positive pair exists.
        return

    for batch in draw(pids, camids, seed=seed, pos_fraction=pos_fraction, pairs_per_epoch=23, batch_pairs=7):
        assert (camids[batch.row_a] != camids[batch.row_b]).all()
        assert ((pids[batch.row_a] == pids[batch.row_b]) == batch.same).all()


def test_pairs_depend_only_on_the_generator() -> None:
    first, second, other = (draw(*TWO_CAMERAS, seed=seed) for seed in (3, 3, 4))

    assert all(np.array_equal(a.row_b, b.row_b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a.row_b, b.row_b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("pos_fraction", "positives"), [(0.0, 0), (0.3, 12), (0.5, 20), (1.0, 40)])
def test_positive_pairs_are_spread_evenly_over_batches(pos_fraction: float, positives: int) -> None:
    batches = draw(*TWO_CAMERAS, pos_fraction=pos_fraction, pairs_per_epoch=40)

    assert {int(batch.same.sum()) for batch in batches} == {positives // 4}


def test_longer_epochs_repeat_people_evenly() -> None:
    pids, camids = TWO_CAMERAS
    batches = draw(pids, camids, pairs_per_epoch=60)
    positive = Counter(pids[row] for batch in batches for row in batch.row_a[batch.same])

    assert set(positive.values()) == {2, 3}


def test_people_of_one_camera_appear_only_in_negative_pairs() -> None:
    pids, camids = np.array([0, 0, 1, 2]), np.array([1, 2, 1, 2])
    batches = [batch for seed in range(20) for batch in draw(pids, camids, seed=seed)]
    pairs = [(pids[a], pids[b], s) for x in batches for a, b, s in zip(x.row_a, x.row_b, x.same, strict=True)]

    assert {a for a, _, same in pairs if same} == {0}
    assert {a for a, _, same in pairs if not same} == {0, 1, 2}


def test_every_sequence_of_a_person_can_be_drawn() -> None:
    pids, camids = np.array([0] * 6 + [1] * 2), np.array([1, 1, 1, 2, 2, 3, 1, 2])
    rows = {
        row for seed in range(60) for batch in draw(pids, camids, seed=seed) for row in batch.row_a.tolist()
    }

    assert rows == set(range(8))


def test_people_without_a_second_camera_raise_config_error() -> None:
    with pytest.raises(
        ConfigError, match="cannot draw training pairs: no person of 3 is seen by two cameras"
    ):
        draw(np.array([0, 1, 2, 2]), np.array([1, 2, 1, 1]))


def test_single_person_raises_config_error() -> None:
    with pytest.raises(ConfigError, match="cannot draw negative training pairs"):
        draw(np.array([0, 0]), np.array([1, 2]))


def test_clips_are_consecutive_with_any_start() -> None:
    rng = np.random.default_rng(0)
    clips = [draw_clip(25, 20, "loop", rng) for _ in range(200)]

    assert all((np.diff(clip) == 1).all() for clip in clips)
    assert {int(clip[0]) for clip in clips} == set(range(6))


@pytest.mark.parametrize(
    ("short", "expected"), [("loop", [0, 1, 2, 0, 1, 2, 0, 1]), ("pad_last", [0, 1, 2, 2, 2, 2, 2, 2])]
)
def test_short_sequences_fill_a_clip(short: str, expected: list[int]) -> None:
    assert draw_clip(3, 8, short, np.random.default_rng(0)).tolist() == expected


def test_clip_as_long_as_its_sequence_is_the_sequence() -> None:
    assert draw_clip(4, 4, "loop", np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


def test_only_skip_leaves_out_short_sequences() -> None:
    lengths = np.array([5, 20, 19, 30])

    assert select_sequences(lengths, 20, "skip").tolist() == [1, 3]
    assert select_sequences(lengths, 20, "loop").tolist() == [0, 1, 2, 3]


def test_skipping_every_sequence_raises_config_error() -> None:
    with pytest.raises(ConfigError, match=r"clip_len must be at most 19, .* got 20"):
        select_sequences(np.array([19, 5]), 20, "skip")
