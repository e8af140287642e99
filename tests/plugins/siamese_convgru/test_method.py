from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reidbench_plugins.siamese_convgru.config import PRESETS, SiameseConfig
from reidbench_plugins.siamese_convgru.method import SiameseConvGru, sequence_views

from reidbench.datasets import (
    FrameLoader,
    FrameWindow,
    TrackletView,
    TrainingSet,
    make_training_set,
    make_views,
)
from reidbench.datasets.readers.ilids_vid import IlidsVid
from reidbench.errors import ConfigError
from reidbench.nn import normalize_clips
from reidbench.plugin import Embeddings, FitJob, Runtime
from reidbench.training import ClipAugmentation

TINY = dataclasses.replace(PRESETS["small"], channels=(4, 4, 4), batch_pairs=4, epochs=1, clip_len=3)


@pytest.fixture(scope="module")
def data(small_root: Path) -> tuple[TrainingSet, list[TrackletView]]:
    table = IlidsVid().read(small_root / "ilids-vid").table
    rows, loader = np.arange(len(table)), FrameLoader()
    # Tracklets of different length.
    cut = [FrameWindow("first", limit) for limit in (2, 6, 3, 5)]
    views = [
        make_views(table, rows[n : n + 1], loader, window, with_camera=False)[0]
        for n, window in enumerate(cut)
    ]
    return make_training_set(table, rows, loader), views


def fit_method(
    config: SiameseConfig, train: TrainingSet, workspace: Path, *, seed: int = 1
) -> SiameseConvGru:
    method = SiameseConvGru(config, Runtime())
    workspace.mkdir(exist_ok=True)
    method.fit(train, FitJob(seed=seed, workspace=workspace, fingerprint="f"))
    return method


def test_embedding_does_not_depend_on_the_batch(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    method = fit_method(TINY, train, tmp_path)

    together = method.embed(views)

    assert together.views is not None
    # Plain and mirrored.
    assert together.views.tolist() == [2, 2, 2, 2]
    for row, view in enumerate(views):
        torch.testing.assert_close(method.embed([view]).values[0], together.values[row], atol=1e-5, rtol=1e-5)


def test_test_aug_none_gives_one_vector_per_tracklet(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    method = fit_method(dataclasses.replace(TINY, test_aug="none"), train, tmp_path)

    embeddings = method.embed(views)

    assert embeddings.views is None
    assert embeddings.values.shape[0] == 4
    # video_norm=l2.
    torch.testing.assert_close(torch.linalg.norm(embeddings.values, dim=1), torch.ones(4))


def test_restored_method_embeds_and_matches_like_the_fitted_one(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    config = dataclasses.replace(TINY, score="similarity")
    method, other = fit_method(config, train, tmp_path), SiameseConvGru(config, Runtime())

    other.restore(method.state())

    fitted, restored = method.embed(views), other.embed(views)
    assert torch.equal(fitted.values, restored.values)
    assert torch.equal(method.distance(fitted, fitted), other.distance(restored, restored))


def test_seed_decides_the_fit(data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path) -> None:
    train, views = data
    first, same, other = (
        fit_method(TINY, train, tmp_path / str(index), seed=seed).embed(views).values
        for index, seed in enumerate((1, 1, 2))
    )

    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


def test_training_changes_every_part_of_the_network(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, _ = data
    before = fit_method(dataclasses.replace(TINY, epochs=0), train, tmp_path / "a").state()
    after = fit_method(TINY, train, tmp_path / "b").state()

    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert not {name for name in unchanged if not name.endswith("num_batches_tracked")}


def test_fit_reports_the_mean_losses_of_every_epoch(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    losses: dict[int, Mapping[str, float]] = {}
    job = FitJob(seed=1, workspace=tmp_path, fingerprint="f", on_epoch=losses.__setitem__)

    SiameseConvGru(dataclasses.replace(TINY, epochs=2), Runtime()).fit(data[0], job)

    assert list(losses) == [0, 1]
    for values in losses.values():
        assert set(values) == {"loss", "cross_entropy", "penalty"}
        assert values["loss"] == pytest.approx(values["cross_entropy"] + values["penalty"])


def test_similarity_score_is_negative_and_averaged_over_views(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, _ = data
    method = fit_method(
        dataclasses.replace(TINY, score="similarity", epochs=0, v_init=0.5, c_init=2.0), train, tmp_path
    )
    generator = torch.Generator().manual_seed(0)
    dimension = len(method.state()["similarity.v"])
    query, gallery = (torch.randn(3, 2, dimension, generator=generator) for _ in range(2))
    views = torch.full((3,), 2)

    result = method.distance(Embeddings(values=query, views=views), Embeddings(values=gallery, views=views))

    logits = torch.einsum("qad,gad->qga", query * 0.5, gallery) - 2.0
    torch.testing.assert_close(result, -logits.double().sigmoid().mean(2), atol=1e-6, rtol=1e-5)


def test_fisher_mixture_is_fitted_and_restored(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    config = dataclasses.replace(
        TINY, temporal_pool="fisher", fv_components=3, test_aug="none", video_norm="none"
    )
    method, other = fit_method(config, train, tmp_path), SiameseConvGru(config, Runtime())

    other.restore(method.state())

    assert method.embed(views).values.shape == (4, 2 * 3 * 4)
    assert torch.equal(method.embed(views).values, other.embed(views).values)


def test_skip_raises_config_error_for_too_long_clips(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, _ = data

    with pytest.raises(ConfigError, match="clip_len must be at most 6"):
        fit_method(dataclasses.replace(TINY, clip_len=7, short="skip"), train, tmp_path)


def test_attention_equals_the_weights_in_the_plain_view(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    config = dataclasses.replace(TINY, test_aug="shift16", test_len=4, test_window="last")
    method = fit_method(config, train, tmp_path)

    result = method.attention(views)

    assert method.attends
    assert [item.frames.tolist() for item in result] == [[0, 1], [2, 3, 4, 5], [0, 1, 2], [1, 2, 3, 4]]
    for item, view in zip(result, views, strict=True):
        assert item.spatial is not None
        assert item.temporal is not None
        clip = torch.tensor(view.frames(config.input_size)[item.frames])
        with torch.no_grad():
            expected = method.network(normalize_clips(clip[None], config.input_size))
        torch.testing.assert_close(item.spatial.flatten(1), expected.attention[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(item.temporal, expected.frame_weights, atol=1e-5, rtol=1e-4)
        assert item.spatial.shape == (len(item.frames), 1, *method.network.stack.grid)
        torch.testing.assert_close(item.spatial.sum((2, 3)), torch.ones(len(item.frames), 1))
        torch.testing.assert_close(item.temporal.sum(1), torch.ones(1))


@pytest.mark.parametrize(
    ("settings", "where", "when"),
    [
        ({"spatial_attention": "uniform"}, False, True),
        ({"temporal_pool": "avg"}, True, False),
        ({"temporal_pool": "max"}, True, False),
    ],
)
def test_disabled_attention_is_none(
    data: tuple[TrainingSet, list[TrackletView]],
    tmp_path: Path,
    settings: dict[str, Any],
    where: bool,
    when: bool,
) -> None:
    train, views = data
    method = fit_method(dataclasses.replace(TINY, epochs=0, **settings), train, tmp_path)

    for item in method.attention(views):
        assert (item.spatial is not None, item.temporal is not None) == (where, when)


def test_network_without_learned_weights_has_no_attention(
    data: tuple[TrainingSet, list[TrackletView]], tmp_path: Path
) -> None:
    train, views = data
    config = dataclasses.replace(TINY, epochs=0, spatial_attention="uniform", temporal_pool="avg")

    with pytest.raises(ConfigError, match=r"spatial_attention must be learned .* got uniform and avg"):
        fit_method(config, train, tmp_path).attention(views)


@pytest.mark.parametrize(("test_aug", "views"), [("none", 1), ("mirror", 2), ("shift16", 16)])
def test_short_sequences_have_the_views_of_the_settings(test_aug: str, views: int) -> None:
    config = SiameseConfig(test_aug=test_aug)
    changes = sequence_views(127, config)

    assert len(set(changes)) == len(changes) == views
    assert sequence_views(128, config) == [ClipAugmentation()]
    assert sequence_views(128, SiameseConfig(test_aug=test_aug, test_aug_always=True)) == changes


def test_shift16_has_eight_diagonal_shifts_and_mirrored() -> None:
    changes = sequence_views(1, SiameseConfig(test_aug="shift16"))

    assert {(change.dy, change.dx) for change in changes} == {(shift, shift) for shift in range(-3, 5)}
    assert sum(change.mirror for change in changes) == 8
