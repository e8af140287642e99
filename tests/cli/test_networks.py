"""Complete runs of every first-party network: results, interruptions and errors."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from reidbench.cache import Cache
from reidbench.datasets.frames import decode
from reidbench.datasets.synthetic import SyntheticSettings
from reidbench.datasets.synthetic.layouts.dukemtmc_videoreid import LAYOUT as DUKE_VIDEO
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT as ILIDS_VID
from reidbench.datasets.synthetic.layouts.market1501 import LAYOUT as MARKET1501
from reidbench.training.loop import _Run
from tests.calls import Answer, run_command

Run = Callable[..., Answer]
Finish = Callable[..., tuple[dict[str, Any], Path]]
TINY = {
    "siamese-convgru": {"epochs": "2", "channels": "4,4,4", "clip_len": "3"},
    "conv-attention": {"epochs": "2", "clip_len": "3", "embedding_dim": "8"},
    "diversity-attention": {"epochs": "4", "steps": "1,1,1,1", "embedding": "8", "batch_people": "4"},
    "duatm": {"epochs": "2", "feat_dim": "8", "batch_people": "4", "clip_len": "3", "test_len": "4"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with small rendered trees of iLIDS-VID and Market-1501, masks included."""
    root = tmp_path_factory.mktemp("root")
    video = SyntheticSettings(people=14, frames=8, seed=3, masks=True)
    ILIDS_VID.synthesize(root, video, workers=1, progress=False)
    MARKET1501.synthesize(root, SyntheticSettings(people=12, seed=3, masks=True), workers=1, progress=False)
    return root


def arguments(method: str, protocol: str, root: Path, **settings: str) -> list[str]:
    listed = [f"{name}={value}" for name, value in {**TINY[method], **settings}.items()]
    chosen = [part for assignment in listed for part in ("--set", assignment)]
    trials = ["--trials", "1"] if protocol == "ilids" else []
    data = ["-p", protocol, "--data-root", str(root)]
    return ["run", "-m", method, *data, "--preset", "small", *trials, *chosen]


def record(reidbench: Run, *given: str) -> dict[str, Any]:
    answer = reidbench(*given, "--json")
    assert answer.code == 0, answer.err
    result: dict[str, Any] = json.loads(answer.out)
    return result


@pytest.fixture(scope="module")
def finish(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Finish:
    """Run a method on a protocol, once for all tests; return the record and the cache, which tests do not change."""

    @cache
    def run(method: str, protocol: str = "ilids") -> tuple[dict[str, Any], Path]:
        folder = tmp_path_factory.mktemp("finished")
        answer = run_command(folder, [*arguments(method, protocol, root), "--json"])
        assert answer.code == 0, answer.err + answer.traceback
        return json.loads(answer.out), folder / "cache"

    return run


@pytest.fixture
def use_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], Path]:
    """Let the commands of a test use a copy of a cache, and return it."""

    def copy(cache: Path) -> Path:
        monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
        return shutil.copytree(cache, tmp_path / "cache")

    return copy


@pytest.mark.parametrize(
    ("method", "protocol"), [*((method, "ilids") for method in TINY), ("duatm", "market1501")]
)
def test_repeated_run_uses_the_cache_with_equal_results(
    reidbench: Run, root: Path, finish: Finish, use_cache: Callable[[Path], Path], method: str, protocol: str
) -> None:
    first, cache = finish(method, protocol)
    use_cache(cache)

    again = record(reidbench, *arguments(method, protocol, root))

    assert first["figures"] == again["figures"]
    assert again["cached"] == {"fit": True, "embed": True, "match": True}
    assert first["attention"] == again["attention"]
    attended = first["attention"]["figures"]
    if (
        method != "duatm" or protocol == "market1501"
        # The attention of duatm is temporal in videos and spatial in images.
    ):
        shares = [attended[name]["mean"] for name in ("person", "in_front", "background")]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
    if method in ("siamese-convgru", "diversity-attention") or (method, protocol) == ("duatm", "ilids"):
        assert attended["occluded_weight"]["mean"] > 0


@pytest.mark.parametrize("method", TINY)
def test_killed_training_resumes_to_the_same_figures(
    reidbench: Run, root: Path, finish: Finish, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arguments(method, "ilids", root)
    complete, _ = finish(method)
    inner, steps = _Run._step, iter(range(1000))

    def load_and_die(self: _Run, *step: Any) -> None:
        if next(steps) == 1:
            self._save()
            signal.raise_signal(signal.SIGINT)
        inner(self, *step)

    with monkeypatch.context() as patch:
        patch.setattr(_Run, "_step", load_and_die)
        assert reidbench(*given).code == 130
    assert list(Cache().root.rglob("checkpoint.pt"))

    assert record(reidbench, *given)["figures"] == complete["figures"]


@pytest.mark.parametrize("method", TINY)
def test_an_edited_fit_is_named_and_trained_again(
    reidbench: Run, root: Path, finish: Finish, use_cache: Callable[[Path], Path], method: str
) -> None:
    first, shared = finish(method)
    cache = use_cache(shared)
    (fitted,) = cache.rglob("fitted.pt")
    contents = torch.load(fitted, weights_only=True)
    contents["state"] = {name: value + 1 for name, value in contents["state"].items()}
    torch.save(contents, fitted)
    for path in (*cache.rglob("trials/*.json"), *cache.rglob("features/*/*.h5")):
        path.unlink()

    answer = reidbench(*arguments(method, "ilids", root), "--json")

    assert json.loads(answer.out)["figures"] == first["figures"]
    assert f"removed damaged cache entry {fitted}" in answer.err


def test_sequences_can_be_saved_reranked_and_evaluated(reidbench: Run, root: Path, tmp_path: Path) -> None:
    given = arguments("duatm", "market1501", root)
    plain = record(reidbench, *given, "--save-features", str(tmp_path / "f.h5"))

    evaluated = record(
        reidbench, "evaluate", str(tmp_path / "f.h5"), "-p", "market1501", "--data-root", str(root)
    )
    reranked = record(reidbench, *given, "--rerank")

    for name, figure in plain["figures"].items():
        assert evaluated["figures"][name]["mean"] == pytest.approx(figure["mean"], abs=1e-12)
    assert reranked["transductive"]
    assert reranked["figures"] != plain["figures"]


def test_sequences_cannot_be_pooled_over_queries(reidbench: Run, root: Path) -> None:
    answer = reidbench(*arguments("duatm", "market1501-multiquery", root))

    assert answer.code == 2
    assert (
        "protocol 'market1501-multiquery' cannot pool the embeddings of method 'duatm': they are sequences"
        in answer.err
    )


@pytest.mark.parametrize(
    ("method", "setting", "value", "message"),
    [
        ("diversity-attention", "spatial_models", "0", "spatial_models must be at least 1, got 0"),
        ("conv-attention", "attention_filters", "-1", "attention_filters must be at least 0, got -1"),
        ("conv-attention", "crop_height", "65", "crop_height must be"),
        ("duatm", "feat_dim", "7", "feat_dim must be even"),
        ("duatm", "batch_people", "8", "batch_people must be at most the 7 training people, got 8"),
        ("siamese-convgru", "kernels", "3,4,3", "kernels must be odd"),
        ("diversity-attention", "frames", "0", "frames must be at least 1, got 0"),
    ],
)
def test_invalid_settings_print_one_line_with_field_and_range(
    reidbench: Run, root: Path, tmp_path: Path, method: str, setting: str, value: str, message: str
) -> None:
    answer = reidbench(*arguments(method, "ilids", root, **{setting: value}))

    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("method", ["siamese-convgru", "conv-attention"])
def test_clip_longer_than_every_tracklet_is_an_error_with_skip(
    reidbench: Run, root: Path, method: str
) -> None:
    answer = reidbench(*arguments(method, "ilids", root, clip_len="9", short="skip"))

    assert answer.code == 2
    assert "clip_len must be at most 8, the longest training sequence, with short=skip, got 9" in answer.err


@pytest.fixture(scope="module")
def many_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a rendered tree of DukeMTMC-VideoReID, whose frames have many sizes."""
    root = tmp_path_factory.mktemp("sizes")
    DUKE_VIDEO.synthesize(root, SyntheticSettings(people=10, frames=3, seed=3), workers=1, progress=False)
    assert len({decode(file).shape for file in root.rglob("*.jpg")}) > 2
    return root


@pytest.mark.parametrize(
    ("method", "size"),
    [
        ("siamese-convgru", {"input_height": "160", "input_width": "80"}),
        ("diversity-attention", {"input_height": "160", "input_width": "80"}),
        ("duatm", {}),
        ("conv-attention", {}),
    ],
)
def test_frames_of_many_sizes_are_read(
    reidbench: Run, many_sizes: Path, method: str, size: dict[str, str]
) -> None:
    result = record(reidbench, *arguments(method, "dukemtmc-videoreid", many_sizes, **size))

    assert 0 <= result["figures"]["map"]["mean"] <= 1


@pytest.mark.parametrize("method", TINY)
def test_mixed_precision_is_close_to_full_precision(
    reidbench: Run, root: Path, finish: Finish, method: str
) -> None:
    full, _ = finish(method)
    mixed = record(reidbench, *arguments(method, "ilids", root, amp="bf16"))

    assert mixed["fingerprints"]["fits"] != full["fingerprints"]["fits"]
    assert mixed["figures"]["map"]["mean"] == pytest.approx(full["figures"]["map"]["mean"], abs=0.35)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("amp", ["none", "fp16", "bf16"])
@pytest.mark.parametrize("method", TINY)
def test_gpu_trains_and_embeds_in_every_precision(reidbench: Run, root: Path, method: str, amp: str) -> None:
    result = record(reidbench, *arguments(method, "ilids", root, amp=amp), "--device", "cuda")

    assert result["environment"]["devices"] != ["cpu"]
    assert 0 <= result["figures"]["map"]["mean"] <= 1
