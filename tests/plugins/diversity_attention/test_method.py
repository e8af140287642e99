from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reidbench_plugins.diversity_attention.config import PRESETS, DiversityConfig
from reidbench_plugins.diversity_attention.method import DiversityAttention
from reidbench_plugins.diversity_attention.training import StagedTraining, resize_random_crop
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.plugin import FitJob, Runtime
from reidbench.training import TrainingSettings, train

PEOPLE = 6
TINY = dataclasses.replace(
    PRESETS["small"],
    input_height=32,
    input_width=16,
    spatial_models=2,
    embedding=16,
    attn_hidden=8,
    frames=3,
    loss="oim",
    sampler="random",
    batch=4,
    div_weight=1.0,
    lr=1e-3,
    backbone_lr=1e-3,
    steps=(1, 1, 1, 1),
    finetune_per_dataset=True,
    epochs=4,
    test_aug="none",
)


class Killed(BaseException):
    """Simulates SIGKILL: no `except Exception` catches it."""


class NoiseTracklet(TrackletView):
    """A tracklet of noise in the colours of its person."""

    def __init__(self, person: int, camera: int, length: int) -> None:
        self.id = f"{person}-{camera}"
        generator = np.random.default_rng([person, camera])
        # Upper and lower half.
        colours = np.random.default_rng(person).integers(0, 256, (2, 1, 1, 3))
        picture = np.concatenate([np.broadcast_to(colour, (16, 16, 3)) for colour in colours])
        noisy = picture + generator.integers(-20, 21, (length, 32, 16, 3))
        self._frames = noisy.clip(0, 255).astype(np.uint8)
        self._frames.setflags(write=False)

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, size: tuple[int, int] | None = None, chosen: Any = None, *, enlarge: bool = True) -> Any:
        assert size in (None, (32, 16))
        return self._frames if chosen is None else self._frames[chosen]


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    people, cameras = np.repeat(np.arange(PEOPLE), 2), np.tile([1, 2], PEOPLE)
    views = [NoiseTracklet(*pair, 2 + row % 6) for row, pair in enumerate(zip(people, cameras, strict=True))]  # type: ignore[misc]
    return TrainingSet(pids=10 + 3 * people, camids=cameras, tracklets=views, digest="training")


def fit_method(
    config: DiversityConfig, train_on: TrainingSet, workspace: Path, seed: int = 1
) -> DiversityAttention:
    method = DiversityAttention(config, Runtime())
    workspace.mkdir(exist_ok=True)
    method.fit(train_on, FitJob(seed=seed, workspace=workspace, fingerprint="f"))
    return method


def task_of(config: DiversityConfig, train_on: TrainingSet) -> StagedTraining:
    torch.manual_seed(7)
    return StagedTraining(DiversityAttention(config, Runtime()).build(), train_on)


def run(task: StagedTraining, workspace: Path) -> list[Mapping[str, float]]:
    losses: dict[int, Mapping[str, float]] = {}
    train(task, TrainingSettings(epochs=task.config.epochs), job(workspace, losses))
    return [losses[epoch] for epoch in sorted(losses)]


def job(workspace: Path, losses: dict[int, Mapping[str, float]]) -> FitJob:
    return FitJob(seed=5, workspace=workspace, fingerprint="f", on_epoch=losses.__setitem__)


def weights(task: StagedTraining) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in task.module.state_dict().items()}


ALONE = {
    "cnn": ((1, 0, 0, 0), {"backbone", "enhance"}),
    "spatial": ((0, 1, 0, 0), {"attention", "enhance"}),
    "temporal": ((0, 0, 1, 0), {"attention", "enhance", "frame_scores"}),
    "all": ((0, 0, 0, 1), {"backbone", "attention", "enhance", "frame_scores"}),
}


@pytest.mark.parametrize("step", ALONE)
def test_each_step_changes_only_its_own_parts(step: str, training: TrainingSet, tmp_path: Path) -> None:
    lengths, learned = ALONE[step]
    task = task_of(dataclasses.replace(TINY, steps=lengths, epochs=1), training)
    before = weights(task)

    run(task, tmp_path)

    after = weights(task)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    expected = {name for name in before if name.split(".")[1] in learned or name == "matching.table"}
    assert changed == expected


# In each of the four steps, of three batches each.
@pytest.mark.parametrize("killed_at", [1, 4, 7, 10])
def test_training_killed_in_any_step_resumes_to_the_same_weights(
    killed_at: int, training: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = task_of(TINY, training)
    whole_losses = run(complete, tmp_path / "complete")
    settings = TrainingSettings(epochs=TINY.epochs, checkpoint_seconds=0.0)
    losses: dict[int, Mapping[str, float]] = {}
    cut, loads = task_of(TINY, training), iter(range(100))
    load = cut.load

    def load_and_die(item: Any, generator: np.random.Generator) -> Any:
        if next(loads) == killed_at:
            raise Killed
        return load(item, generator)

    monkeypatch.setattr(cut, "load", load_and_die)
    with pytest.raises(Killed):
        train(cut, settings, job(tmp_path / "cut", losses))
    resumed = task_of(TINY, training)
    train(resumed, settings, job(tmp_path / "cut", losses))

    assert [losses[epoch] for epoch in range(4)] == whole_losses
    result = weights(resumed)
    assert all(torch.equal(result[name], value) for name, value in weights(complete).items())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"oim_init": "first_feature", "div_reduction": "batch_root", "crop": "resized"},
        {"loss": "softmax", "diversity": "gram"},
        {"loss": "triplet", "sampler": "people", "batch_people": 3, "batch_samples": 2, "temporal": "max"},
        {"optimizer": "sgd", "lr": 0.05, "backbone_lr": 0.05, "chunk": "ceil_pad", "diversity": "none"},
        {"spatial": "avg", "spatial_models": 1, "diversity": "none", "temporal": "avg"},
        {"attn_shared": False, "enhance": "none", "temporal_shared": True, "final": "fc128"},
    ],
    ids=lambda changes: ",".join(changes) or "default",
)
def test_training_lowers_the_loss(changes: dict[str, Any], training: TrainingSet, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, **changes, epochs=8, steps=(3, 2, 2, 1))

    log = run(task_of(config, training), tmp_path)

    assert np.mean([row["identity"] for row in log[-3:]]) < np.mean([row["identity"] for row in log[:2]])


def test_loss_is_identity_loss_plus_weighted_diversity(training: TrainingSet, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, steps=(0, 1, 0, 0), epochs=1, div_weight=0.25)

    (row,) = run(task_of(config, training), tmp_path)

    assert row["loss"] == pytest.approx(row["identity"] + 0.25 * row["diversity"])
    assert 0 <= row["diversity"] <= 2
    assert 0 <= row["hellinger"] <= 1


def test_fit_reports_the_losses_of_every_step(training: TrainingSet, tmp_path: Path) -> None:
    losses: dict[int, Mapping[str, float]] = {}

    DiversityAttention(TINY, Runtime()).fit(training, job(tmp_path, losses))

    with_maps = {"loss", "identity", "diversity", "hellinger"}
    expected = [{"loss", "identity"}, with_maps, with_maps, with_maps]
    assert [set(losses[epoch]) for epoch in range(4)] == expected


def test_table_is_not_part_of_the_fitted_state(training: TrainingSet, tmp_path: Path) -> None:
    task = task_of(dataclasses.replace(TINY, epochs=1), training)
    run(task, tmp_path / "task")

    lengths = torch.linalg.vector_norm(weights(task)["matching.table"], dim=1)
    torch.testing.assert_close(lengths, torch.ones(PEOPLE))
    state = fit_method(TINY, training, tmp_path / "method").state()
    assert not [name for name in state if "table" in name]


def test_every_tracklet_appears_once_per_epoch(training: TrainingSet) -> None:
    task = task_of(TINY, training)

    batches = task.plan(np.random.default_rng(0))

    assert [len(batch) for batch in batches] == [4, 4, 4]
    assert sorted(np.concatenate(batches).tolist()) == list(range(12))
    clips, people = task.load(batches[0], np.random.default_rng(1))
    assert clips.shape == (4, 3, 32, 16, 3)
    assert people.tolist() == [row // 2 for row in batches[0].tolist()]


def test_clips_without_augmentation_are_ordered_frames(training: TrainingSet) -> None:
    task = task_of(dataclasses.replace(TINY, crop="none", flip=False), training)

    for seed in range(5):
        clips, _ = task.load(np.array([5]), np.random.default_rng(seed))
        frames = torch.tensor(training.tracklets[5].frames())
        result = [
            next(n for n, frame in enumerate(frames) if torch.equal(frame, shown)) for shown in clips[0]
        ]
        assert result == sorted(set(result))
        assert all(
            2 * n <= at < 2 * (n + 1) + n // 2
            for n, at in enumerate(result)
            # 7 frames: 0-1, 2-3, 4-6.
        )


def test_random_crop_is_equal_for_all_frames() -> None:
    ramp = torch.arange(64, dtype=torch.uint8)[:, None].expand(64, 32)
    clip = ramp[None, :, :, None].repeat(2, 1, 1, 3)

    seen = [resize_random_crop(clip, np.random.default_rng(seed)) for seed in range(20)]

    for shown in seen:
        assert shown.shape == clip.shape
        assert shown.dtype == torch.uint8
        assert torch.equal(shown[0], shown[1])
        rows = shown[0, :, 0, 0].long()
        assert (rows.diff() >= 0).all()
        assert 64 * 0.8 - 2 <= rows[-1] - rows[0] + 1 <= 64
    assert len({tuple(shown[0, :, 0, 0].tolist()) for shown in seen}) > 10


def test_embedding_does_not_depend_on_the_batch(training: TrainingSet, tmp_path: Path) -> None:
    method = fit_method(dataclasses.replace(TINY, test_aug="mirror"), training, tmp_path)

    together = method.embed(training.tracklets)

    assert together.values.shape == (12, 2, 32)
    torch.testing.assert_close(torch.linalg.vector_norm(together.values, dim=2), torch.ones(12, 2))
    for row in (0, 5, 11):
        alone = method.embed([training.tracklets[row]]).values[0]
        torch.testing.assert_close(alone, together.values[row], atol=1e-5, rtol=1e-5)
    assert torch.equal(method.embed(training.tracklets).values, together.values)


def test_restored_method_embeds_like_the_fitted_one(training: TrainingSet, tmp_path: Path) -> None:
    method, other = fit_method(TINY, training, tmp_path), DiversityAttention(TINY, Runtime())

    other.restore(method.state())

    assert torch.equal(method.embed(training.tracklets).values, other.embed(training.tracklets).values)


def test_seed_decides_the_fit(training: TrainingSet, tmp_path: Path) -> None:
    first, same, other = (
        fit_method(TINY, training, tmp_path / str(index), seed=seed).embed(training.tracklets).values
        for index, seed in enumerate((1, 1, 2))
    )

    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


def test_attention_covers_the_first_frames_of_the_chunks(training: TrainingSet, tmp_path: Path) -> None:
    method = fit_method(TINY, training, tmp_path)

    long, short = method.attention([training.tracklets[5], training.tracklets[0]])

    assert long.frames.tolist() == [0, 2, 4]
    assert short.frames.tolist() == [0, 1, 1]
    for shown in (long, short):
        assert shown.spatial is not None
        assert shown.temporal is not None
        assert shown.spatial.shape == (3, 2, 4, 2)
        assert shown.temporal.shape == (2, 3)
        torch.testing.assert_close(shown.spatial.sum((2, 3)), torch.ones(3, 2))
        torch.testing.assert_close(shown.temporal.sum(1), torch.ones(2))


def test_attention_without_learned_weights_is_none(training: TrainingSet, tmp_path: Path) -> None:
    config = dataclasses.replace(
        TINY, spatial="avg", spatial_models=1, diversity="none", temporal="max", epochs=0
    )

    (shown,) = fit_method(config, training, tmp_path).attention(training.tracklets[:1])

    assert shown.spatial is None
    assert shown.temporal is None


def test_weights_digest_names_the_pretrained_weights() -> None:
    assert DiversityAttention(PRESETS["small"], Runtime()).weights_digest() is None
    assert "ResNet50" in str(DiversityAttention(PRESETS["paper"], Runtime()).weights_digest())
