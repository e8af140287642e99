from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reidbench_plugins.duatm.config import PRESETS, DuAtmConfig
from reidbench_plugins.duatm.method import DuAtm
from reidbench_plugins.duatm.network import DuAtmNetwork
from reidbench_plugins.duatm.training import DuAtmTraining

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
from reidbench.plugin import FitJob, Runtime
from reidbench.training import TrainingSettings, train

TINY = dataclasses.replace(
    PRESETS["small"],
    test_aug="flip",
    feat_dim=8,
    batch_people=4,
    batch_samples=2,
    epochs=2,
    last_epochs=1,
    clip_len=3,
    test_len=4,
)
Data = tuple[TrainingSet, list[TrackletView]]


@pytest.fixture(scope="module")
def data(small_root: Path) -> dict[str, Data]:
    """Training data and four tracklets to embed: videos of several lengths, and single images."""
    table = IlidsVid().read(small_root / "ilids-vid").table
    rows, loader = np.arange(len(table)), FrameLoader()

    def cut_views(limits: tuple[int, ...]) -> list[TrackletView]:
        windows = [FrameWindow("first", limit) for limit in limits]
        return [
            make_views(table, rows[n : n + 1], loader, window, with_camera=False)[0]
            for n, window in enumerate(windows)
        ]

    images = make_views(table, rows, loader, FrameWindow("first", 1), with_camera=True)
    return {
        "video": (make_training_set(table, rows, loader), cut_views((2, 6, 3, 5))),
        "image": (TrainingSet(table.pids, table.camids, images, "images"), cut_views((1, 1, 1, 1))),
    }


def fit_method(config: DuAtmConfig, train: TrainingSet, workspace: Path, *, seed: int = 1) -> DuAtm:
    method = DuAtm(config, Runtime())
    workspace.mkdir(exist_ok=True)
    method.fit(train, FitJob(seed=seed, workspace=workspace, fingerprint="f"))
    return method


@pytest.mark.parametrize("kind", ["video", "image"])
@pytest.mark.parametrize("matching", ["dual", "intra", "inter", "avgpool"])
def test_embedding_and_distance_do_not_depend_on_the_batch(
    data: dict[str, Data], tmp_path: Path, kind: str, matching: Any
) -> None:
    train, views = data[kind]
    method = fit_method(dataclasses.replace(TINY, matching=matching, epochs=1), train, tmp_path)

    together = method.embed(views)
    distances = method.distance(together, together)

    length = 4 if kind == "video" else 32
    assert together.values.shape == ((4, 2, 8) if matching == "avgpool" else (4, 2, length, 8))
    assert (together.lengths is None) == (matching == "avgpool")
    for row, view in enumerate(views):
        alone = method.embed([view])
        torch.testing.assert_close(alone.values[0], together.values[row], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(method.distance(alone, together)[0], distances[row], atol=1e-4, rtol=1e-4)


def test_test_views_are_compared_in_all_combinations(data: dict[str, Data], tmp_path: Path) -> None:
    train, views = data["video"]
    method = fit_method(TINY, train, tmp_path)
    embeddings = method.embed(views)

    single = dataclasses.replace(TINY, test_aug="none")
    plain = DuAtm(single, Runtime())
    plain.restore(method.state())
    parts = [
        plain.distance(
            dataclasses.replace(embeddings, values=embeddings.values[:, a], views=None),
            dataclasses.replace(embeddings, values=embeddings.values[:, b], views=None),
        )
        for a in range(2)
        for b in range(2)
    ]

    torch.testing.assert_close(method.distance(embeddings, embeddings), torch.stack(parts).mean(0))
    torch.testing.assert_close(plain.embed(views).values, embeddings.values[:, 0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("aug", "views"), [("none", 1), ("flip", 2), ("flip+windows", 6)])
@pytest.mark.parametrize("window", ["first", "center", "random"])
def test_every_tracklet_has_the_same_number_of_views(
    data: dict[str, Data], tmp_path: Path, aug: Any, views: int, window: Any
) -> None:
    method = DuAtm(
        dataclasses.replace(TINY, sequence="temporal", test_aug=aug, test_window=window), Runtime()
    )

    for length in (1, 3, 4, 5, 6, 40):
        windows = method._windows(7, length)
        mirrored = 1 if aug == "none" else 2
        assert len(windows) * mirrored == views
        for frames in windows:
            assert len(frames) == 4
            assert frames.max() < length
            assert set(np.diff(frames).tolist()) <= {1, 1 - length}


def test_blocks_of_the_pair_scorer_equal_the_full_matrix(data: dict[str, Data], tmp_path: Path) -> None:
    train, views = data["video"]
    method = fit_method(TINY, train, tmp_path)
    query, gallery = method.embed(views[:2]), method.embed(views)

    scorer = method.pair_scorer(query, gallery)
    blocks = [[scorer(slice(q, q + 1), slice(g, g + 2)) for g in (0, 2)] for q in (0, 1)]

    torch.testing.assert_close(
        torch.cat([torch.cat(row, 1) for row in blocks]),
        method.distance(query, gallery),
        atol=1e-6,
        rtol=1e-5,
    )


@pytest.mark.parametrize("kind", ["video", "image"])
def test_restored_method_has_the_branch_of_the_fitted_one(
    data: dict[str, Data], tmp_path: Path, kind: str
) -> None:
    train, views = data[kind]
    method, other = fit_method(TINY, train, tmp_path), DuAtm(TINY, Runtime())

    other.restore(method.state())

    fitted, restored = method.embed(views), other.embed(views)
    assert torch.equal(fitted.values, restored.values)
    assert torch.equal(method.distance(fitted, fitted), other.distance(restored, restored))


def test_images_and_videos_cannot_be_exchanged(data: dict[str, Data], tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="sequence must be temporal or auto for training on videos, got spatial"
    ):
        fit_method(dataclasses.replace(TINY, sequence="spatial"), data["video"][0], tmp_path)

    method = fit_method(dataclasses.replace(TINY, epochs=0), data["image"][0], tmp_path)
    with pytest.raises(ConfigError, match="cannot embed a video of 2 frames"):
        method.embed(data["video"][1])


class Killed(BaseException):
    pass


@pytest.mark.parametrize("killed_at", [1, 4, 8])
def test_interrupted_training_resumes_to_the_same_weights(
    data: dict[str, Data], tmp_path: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = data["video"][0]
    config = dataclasses.replace(TINY, epochs=4, frozen_epochs=2)
    settings = TrainingSettings(epochs=4, checkpoint_seconds=0.0)

    def task() -> DuAtmTraining:
        torch.manual_seed(0)
        return DuAtmTraining(DuAtmNetwork(config, "temporal"), rows)

    complete, first, second = task(), task(), task()
    train(complete, settings, FitJob(seed=3, workspace=tmp_path / "complete", fingerprint="f"))
    job = FitJob(seed=3, workspace=tmp_path / "cut", fingerprint="f")
    loads = iter(range(100))
    inner = DuAtmTraining.load

    def load_and_die(self: DuAtmTraining, item: Any, generator: np.random.Generator) -> Any:
        if self is first and next(loads) == killed_at:
            raise Killed
        return inner(self, item, generator)

    monkeypatch.setattr(DuAtmTraining, "load", load_and_die)
    with pytest.raises(Killed):
        train(first, settings, job)
    train(second, settings, job)

    fitted, restored = complete.module.state_dict(), second.module.state_dict()
    assert all(torch.equal(fitted[name], restored[name]) for name in fitted)


@pytest.mark.parametrize("freeze_bn", [True, False])
def test_frozen_epochs_do_not_change_the_backbone(
    data: dict[str, Data], tmp_path: Path, freeze_bn: bool
) -> None:
    config = dataclasses.replace(TINY, frozen_epochs=2, freeze_bn=freeze_bn)
    before = fit_method(dataclasses.replace(config, epochs=0), data["video"][0], tmp_path / "a").state()
    after = fit_method(config, data["video"][0], tmp_path / "b").state()

    changed = {name for name in before if not torch.equal(before[name], after[name])}
    moved = {name for name in changed if name.startswith("backbone.")}
    assert changed - moved
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert bool(moved) != freeze_bn
    assert all(name.endswith(statistics) for name in moved)


@pytest.mark.parametrize("kind", ["video", "image"])
def test_unfrozen_epochs_change_every_part(data: dict[str, Data], tmp_path: Path, kind: str) -> None:
    config = dataclasses.replace(TINY, frozen_epochs=1, epochs=2)
    before = fit_method(dataclasses.replace(config, epochs=0), data[kind][0], tmp_path / "a").state()
    after = fit_method(config, data[kind][0], tmp_path / "b").state()

    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert not unchanged


def test_training_lowers_the_losses(data: dict[str, Data], tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, epochs=25, last_epochs=5, lambda1=0.5)
    task = DuAtmTraining(DuAtmNetwork(config, "temporal"), data["video"][0])

    losses: list[Mapping[str, float]] = []
    job = FitJob(
        seed=3, workspace=tmp_path, fingerprint="f", on_epoch=lambda _, values: losses.append(values)
    )

    train(task, TrainingSettings(epochs=25), job)

    for name in ("triplet", "cross_entropy"):
        assert losses[-1][name] < losses[0][name], name


def test_fit_reports_the_mean_losses_of_every_epoch(data: dict[str, Data], tmp_path: Path) -> None:
    losses: dict[int, Mapping[str, float]] = {}
    job = FitJob(seed=1, workspace=tmp_path, fingerprint="f", on_epoch=losses.__setitem__)

    DuAtm(TINY, Runtime()).fit(data["video"][0], job)

    assert list(losses) == [0, 1]
    for values in losses.values():
        assert set(values) == {"loss", "triplet", "decorrelation", "cross_entropy"}
        terms = values["triplet"] + 0.1 * values["decorrelation"] + 0.5 * values["cross_entropy"]
        assert values["loss"] == pytest.approx(terms)


def test_learning_rate_drops_in_the_last_epochs(data: dict[str, Data]) -> None:
    config = dataclasses.replace(PRESETS["paper"], weights="none", backbone="small", backbone_lr_mult=0.1)
    task = DuAtmTraining(DuAtmNetwork(config, "temporal"), data["video"][0])

    rates = []
    for epoch in (0, 99, 100, 249, 250, 299):
        task.begin_epoch(epoch)
        rates.append([group["lr"] for group in task.optimizer.param_groups])

    assert rates[:4] == [[0.01, pytest.approx(0.001)]] * 4
    assert rates[4:] == [[pytest.approx(0.001), pytest.approx(0.0001)]] * 2


@pytest.mark.parametrize("crop", ["resize9_8", "pad10", "none"])
def test_training_images_are_cropped_to_the_input_size(data: dict[str, Data], crop: Any) -> None:
    config = dataclasses.replace(TINY, crop=crop)
    task = DuAtmTraining(DuAtmNetwork(config, "spatial"), data["image"][0])
    rng = np.random.default_rng(0)

    clips = [task.load(np.array([0]), rng)[0] for _ in range(12)]

    assert {tuple(clip.shape) for clip in clips} == {(1, 1, 64, 32, 3)}
    different = len({clip.numpy().tobytes() for clip in clips})
    assert different == 2 if crop == "none" else different > 6


@pytest.mark.parametrize("kind", ["video", "image"])
def test_attention_and_alignment_sum_to_one(data: dict[str, Data], tmp_path: Path, kind: str) -> None:
    train, views = data[kind]
    method = fit_method(TINY, train, tmp_path)

    shown = method.attention(views)

    for attention, view in zip(shown, views, strict=True):
        weights = attention.temporal if kind == "video" else attention.spatial
        assert weights is not None
        assert float(weights.sum()) == pytest.approx(1, abs=1e-5)
        assert int(attention.frames.max()) < len(view)
        assert weights.shape == ((1, 4) if kind == "video" else (1, 1, 8, 4))
    aligned = method.alignment(views[0], views[1])
    torch.testing.assert_close(aligned.sum(1), torch.ones(len(aligned)))
    with pytest.raises(ConfigError, match="matching must be dual or intra"):
        fit_method(dataclasses.replace(TINY, matching="inter", epochs=0), train, tmp_path / "i").attention(
            views
        )
    with pytest.raises(ConfigError, match="matching must be dual or inter"):
        fit_method(dataclasses.replace(TINY, matching="intra", epochs=0), train, tmp_path / "j").alignment(
            *views[:2]
        )
