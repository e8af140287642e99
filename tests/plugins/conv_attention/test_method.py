from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from reidbench_plugins.conv_attention.frames import crop_frames, normalize_frames, view_crops
from reidbench_plugins.conv_attention.method import ConvAttention
from reidbench_plugins.conv_attention.training import PairTraining

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.plugin import ConfigError, Embeddings, FitJob, Runtime
from reidbench.training import TrainingSettings, train

TINY: dict[str, Any] = {
    "frame_height": 32,
    "frame_width": 24,
    "crop_height": 24,
    "crop_width": 16,
    "embedding_dim": 8,
    "clip_len": 3,
    "batch_pairs": 3,
    "epochs": 2,
    "lr": 0.01,
}


def config(**settings: Any) -> ConvAttentionConfig:
    return ConvAttentionConfig(**{**TINY, **settings})


def fitted(
    settings: ConvAttentionConfig, data: TrainingSet, workspace: Path, *, seed: int = 1
) -> ConvAttention:
    method = ConvAttention(settings, Runtime())
    workspace.mkdir(exist_ok=True)
    method.fit(data, FitJob(seed=seed, workspace=workspace, fingerprint="f"))
    return method


@pytest.fixture(scope="module")
def method(training: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> ConvAttention:
    return fitted(config(), training, tmp_path_factory.mktemp("fit"))


def test_a_tracklet_is_embedded_the_same_whatever_else_is_in_the_call(
    method: ConvAttention, views: list[TrackletView]
) -> None:
    together = method.embed(views)

    assert together.values.shape == (4, 16, 8)
    assert together.views is not None
    assert together.views.tolist() == [16] * 4
    for row, view in enumerate(views):
        torch.testing.assert_close(method.embed([view]).values[0], together.values[row], atol=1e-5, rtol=1e-5)


def test_the_distance_is_the_mean_of_those_of_the_16_conditions(
    method: ConvAttention, views: list[TrackletView]
) -> None:
    def vectors(condition: int) -> torch.Tensor:
        crop = view_crops(method.config)[condition]
        rows = []
        for view in views:
            frames = normalize_frames(method._test_frames(view), "std")
            rows.append(method.network(crop_frames(frames, crop, method.config)[None]).descriptor[0])
        return torch.stack(rows)

    with torch.no_grad():
        singles = [torch.cdist(vectors(a), vectors(a)) for a in range(16)]

    embeddings = method.embed(views)
    found = method.distance(embeddings, embeddings)
    off_diagonal = ~torch.eye(4, dtype=torch.bool)
    expected = torch.stack(singles).double().sum(0) / 16
    torch.testing.assert_close(found[off_diagonal], expected[off_diagonal], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("test_aug", "shape"), [("none", (4, 8)), ("mirror", (4, 2, 8))])
def test_fewer_test_views_give_fewer_vectors(
    method: ConvAttention, views: list[TrackletView], test_aug: str, shape: tuple[int, ...]
) -> None:
    other = ConvAttention(config(test_aug=test_aug), Runtime())
    other.restore(method.state())

    embeddings = other.embed(views)

    assert embeddings.values.shape == shape
    assert (embeddings.views is None) == (test_aug == "none")


def test_a_restored_method_embeds_like_the_fitted_one_and_needs_no_classifier(
    method: ConvAttention, views: list[TrackletView]
) -> None:
    other = ConvAttention(config(), Runtime())
    other.restore(method.state())

    assert torch.equal(method.embed(views).values, other.embed(views).values)
    assert not [name for name in method.state() if "classifier" in name]


def test_the_seed_decides_what_is_learned_and_the_callers_generator_does_not(
    method: ConvAttention, training: TrainingSet, views: list[TrackletView], tmp_path: Path
) -> None:
    torch.manual_seed(123)
    same = fitted(config(), training, tmp_path / "same")
    other = fitted(config(), training, tmp_path / "other", seed=2)

    first = method.embed(views).values
    assert torch.equal(first, same.embed(views).values)
    assert not torch.allclose(first, other.embed(views).values)


def test_fit_reports_the_mean_losses_of_every_epoch(training: TrainingSet, tmp_path: Path) -> None:
    losses: dict[int, Mapping[str, float]] = {}
    job = FitJob(seed=1, workspace=tmp_path, fingerprint="f", on_epoch=losses.__setitem__)

    ConvAttention(config(), Runtime()).fit(training, job)

    assert list(losses) == [0, 1]
    for values in losses.values():
        assert set(values) == {"loss", "pair", "identification"}
        assert values["loss"] == pytest.approx(values["pair"] + values["identification"])


@pytest.mark.parametrize(
    "settings",
    [{}, {"att_scale": "grid", "neg_cross_camera": True}, {"backbone": "small", "use_flow": False}],
    ids=["paper", "grid", "small"],
)
def test_training_lowers_the_loss(training: TrainingSet, tmp_path: Path, settings: dict[str, Any]) -> None:
    made = config(**{"dropout": 0.0, "optimizer": "adam", "batch_pairs": 8, **settings})
    torch.manual_seed(0)
    task = PairTraining(ConvAttention(made, Runtime()).build(), training)

    losses: list[float] = []
    job = FitJob(
        seed=0, workspace=tmp_path, fingerprint="f", on_epoch=lambda _, values: losses.append(values["loss"])
    )

    train(task, TrainingSettings(epochs=12), job)

    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


class Killed(BaseException):
    """Stands for SIGKILL: nothing on the way out may catch it."""


@pytest.mark.parametrize("dies_at", [2, 5])
def test_a_training_killed_on_its_way_continues_to_the_same_weights(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    settings = TrainingSettings(epochs=3, checkpoint_seconds=0.0, clip_value=5.0)

    def trained(workspace: str, dies_at: int | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        task = PairTraining(ConvAttention(config(), Runtime()).build(), training)
        calls: Iterator[int] = iter(range(1000))
        load = task.load

        def mortal(*args: Any) -> Any:
            if next(calls) == dies_at:
                raise Killed
            return load(*args)

        monkeypatch.setattr(task, "load", mortal)
        train(task, settings, FitJob(seed=4, workspace=tmp_path / workspace, fingerprint="f"))
        return task.module.state_dict()

    whole = trained("whole", None)
    with pytest.raises(Killed):
        trained("cut", dies_at)
    resumed = trained("cut", None)

    assert "classifier.weight" in whole
    assert all(torch.equal(whole[name], value) for name, value in resumed.items())


def test_pairs_alternate_and_their_people_are_numbered_from_0(training: TrainingSet) -> None:
    task = PairTraining(ConvAttention(config(batch_pairs=1), Runtime()).build(), training)
    rng = np.random.default_rng(0)

    plan = task.plan(rng)
    batches = [task.load(item, rng) for item in plan]

    same = [bool(same) for _, same, _ in batches]
    assert same in ([True, False] * 4, [False, True] * 4)
    assert {int(person) for _, _, people in batches for person in people} == {0, 1, 2, 3}
    for clips, alike, people in batches:
        assert clips.shape == (2, 3, 5, 24, 16)
        assert bool(alike) == bool(people[0] == people[1])
    assert task.module.classifier.weight.shape == (4, 8)


@pytest.mark.parametrize(("across", "cameras"), [(True, {2}), (False, {1, 2})])
def test_negative_pairs_come_from_two_cameras_where_that_is_asked_for(
    training: TrainingSet, across: bool, cameras: set[int]
) -> None:
    task = PairTraining(ConvAttention(config(neg_cross_camera=across), Runtime()).build(), training)
    rng = np.random.default_rng(0)

    seen = set()
    for _ in range(20):
        for batch in task.plan(rng):
            pairs = zip(batch.row_a[~batch.same], batch.row_b[~batch.same], strict=True)
            seen |= {len({task.camids[a], task.camids[b]}) for a, b in pairs}

    assert seen == cameras


def test_clips_longer_than_every_tracklet_are_refused_where_short_ones_are_left_out(
    training: TrainingSet, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"clip_len must be at most 5, .* short=skip, got 6"):
        fitted(config(clip_len=6), training, tmp_path / "skip")

    assert fitted(config(clip_len=6, short="loop", epochs=1), training, tmp_path / "loop").state()


def test_attention_is_one_map_a_frame_that_covers_the_central_crop(
    method: ConvAttention, views: list[TrackletView]
) -> None:
    shown = method.attention(views)

    assert method.attends
    for view, attention in zip(views, shown, strict=True):
        assert attention.frames.tolist() == list(range(len(view)))
        assert attention.spatial is not None
        assert attention.spatial.shape == (len(view), 1, *method.network.grid)
        torch.testing.assert_close(attention.spatial.sum((-2, -1)), torch.ones(len(view), 1))
        assert attention.temporal is None
        assert attention.extent == (4 / 32, 4 / 24, 28 / 32, 20 / 24)


@pytest.mark.parametrize(
    ("settings", "looks"),
    [({"filters_role": "parallel"}, 3), ({"refine": "repeat", "refine_steps": 5}, 5)],
    ids=["parallel", "repeat"],
)
def test_several_modules_or_steps_show_several_maps(
    training: TrainingSet, views: list[TrackletView], tmp_path: Path, settings: dict[str, Any], looks: int
) -> None:
    method = fitted(config(**settings, epochs=1, test_len=4, test_window="last"), training, tmp_path)

    shown = method.attention(views)

    assert [attention.frames.tolist() for attention in shown] == [[0, 1], [2, 3, 4, 5], [0], [1, 2, 3, 4]]
    assert [attention.spatial.shape[:2] for attention in shown] == [
        (2, looks),
        (4, looks),
        (1, looks),
        (4, looks),
    ]


def test_a_network_without_the_module_has_nothing_to_show(views: list[TrackletView]) -> None:
    method = ConvAttention(config(attention_filters=0), Runtime())

    with pytest.raises(ConfigError, match="attention_filters must be at least 1 for attention, got 0"):
        method.attention(views)


def test_flow_reaches_the_embedding(method: ConvAttention, views: list[TrackletView]) -> None:
    frames = method._test_frames(views[1])

    assert frames.shape[-1] == 5
    assert len(frames[..., 3:].unique()) > 1
    assert isinstance(method.embed(views), Embeddings)
