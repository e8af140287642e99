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


def fit_method(
    settings: ConvAttentionConfig, data: TrainingSet, workspace: Path, *, seed: int = 1
) -> ConvAttention:
    method = ConvAttention(settings, Runtime())
    workspace.mkdir(exist_ok=True)
    method.fit(data, FitJob(seed=seed, workspace=workspace, fingerprint="f"))
    return method


@pytest.fixture(scope="module")
def method(training: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> ConvAttention:
    return fit_method(config(), training, tmp_path_factory.mktemp("fit"))


def test_embedding_does_not_depend_on_the_batch(method: ConvAttention, views: list[TrackletView]) -> None:
    together = method.embed(views)

    assert together.values.shape == (4, 16, 8)
    assert together.views is not None
    assert together.views.tolist() == [16] * 4
    for row, view in enumerate(views):
        torch.testing.assert_close(method.embed([view]).values[0], together.values[row], atol=1e-5, rtol=1e-5)


def test_distance_is_the_mean_over_16_views(method: ConvAttention, views: list[TrackletView]) -> None:
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
    result = method.distance(embeddings, embeddings)
    off_diagonal = ~torch.eye(4, dtype=torch.bool)
    expected = torch.stack(singles).double().sum(0) / 16
    torch.testing.assert_close(result[off_diagonal], expected[off_diagonal], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("test_aug", "shape"), [("none", (4, 8)), ("mirror", (4, 2, 8))])
def test_test_aug_decides_the_number_of_vectors(
    method: ConvAttention, views: list[TrackletView], test_aug: str, shape: tuple[int, ...]
) -> None:
    other = ConvAttention(config(test_aug=test_aug), Runtime())
    other.restore(method.state())

    embeddings = other.embed(views)

    assert embeddings.values.shape == shape
    assert (embeddings.views is None) == (test_aug == "none")


def test_restored_method_embeds_without_the_classifier(
    method: ConvAttention, views: list[TrackletView]
) -> None:
    other = ConvAttention(config(), Runtime())
    other.restore(method.state())

    assert torch.equal(method.embed(views).values, other.embed(views).values)
    assert not [name for name in method.state() if "classifier" in name]


def test_only_the_job_seed_decides_the_fit(
    method: ConvAttention, training: TrainingSet, views: list[TrackletView], tmp_path: Path
) -> None:
    torch.manual_seed(123)
    same = fit_method(config(), training, tmp_path / "same")
    other = fit_method(config(), training, tmp_path / "other", seed=2)

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
    model = config(**{"dropout": 0.0, "optimizer": "adam", "batch_pairs": 8, **settings})
    torch.manual_seed(0)
    task = PairTraining(ConvAttention(model, Runtime()).build(), training)

    losses: list[float] = []
    job = FitJob(
        seed=0, workspace=tmp_path, fingerprint="f", on_epoch=lambda _, values: losses.append(values["loss"])
    )

    train(task, TrainingSettings(epochs=12), job)

    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


class Killed(BaseException):
    """Simulates SIGKILL: no `except Exception` catches it."""


@pytest.mark.parametrize("killed_at", [2, 5])
def test_killed_training_resumes_to_the_same_weights(
    training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    settings = TrainingSettings(epochs=3, checkpoint_seconds=0.0, clip_value=5.0)

    def train_to(workspace: str, killed_at: int | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        task = PairTraining(ConvAttention(config(), Runtime()).build(), training)
        calls: Iterator[int] = iter(range(1000))
        load = task.load

        def load_and_die(*args: Any) -> Any:
            if next(calls) == killed_at:
                raise Killed
            return load(*args)

        monkeypatch.setattr(task, "load", load_and_die)
        train(task, settings, FitJob(seed=4, workspace=tmp_path / workspace, fingerprint="f"))
        return task.module.state_dict()

    complete = train_to("complete", None)
    with pytest.raises(Killed):
        train_to("cut", killed_at)
    resumed = train_to("cut", None)

    assert "classifier.weight" in complete
    assert all(torch.equal(complete[name], value) for name, value in resumed.items())


def test_pairs_alternate_and_people_are_numbered_from_0(training: TrainingSet) -> None:
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
def test_neg_cross_camera_draws_negatives_across_cameras(
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


def test_skip_raises_config_error_for_too_long_clips(training: TrainingSet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"clip_len must be at most 5, .* short=skip, got 6"):
        fit_method(config(clip_len=6), training, tmp_path / "skip")

    assert fit_method(config(clip_len=6, short="loop", epochs=1), training, tmp_path / "loop").state()


def test_attention_is_one_map_per_frame_over_the_central_crop(
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
def test_several_modules_or_steps_give_several_maps(
    training: TrainingSet, views: list[TrackletView], tmp_path: Path, settings: dict[str, Any], looks: int
) -> None:
    method = fit_method(config(**settings, epochs=1, test_len=4, test_window="last"), training, tmp_path)

    shown = method.attention(views)

    assert [attention.frames.tolist() for attention in shown] == [[0, 1], [2, 3, 4, 5], [0], [1, 2, 3, 4]]
    assert [attention.spatial.shape[:2] for attention in shown] == [
        (2, looks),
        (4, looks),
        (1, looks),
        (4, looks),
    ]


def test_network_without_module_has_no_attention(views: list[TrackletView]) -> None:
    method = ConvAttention(config(attention_filters=0), Runtime())

    with pytest.raises(ConfigError, match="attention_filters must be at least 1 for attention, got 0"):
        method.attention(views)


def test_flow_changes_the_embedding(method: ConvAttention, views: list[TrackletView]) -> None:
    frames = method._test_frames(views[1])

    assert frames.shape[-1] == 5
    assert len(frames[..., 3:].unique()) > 1
    assert isinstance(method.embed(views), Embeddings)
