"""Where the methods of a run look, for rendered trees with masks: computed once for a trial and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from reidbench.attention.shares import (
    OCCLUDED,
    TrackletAttention,
    summarize_attention,
    tracklet_attention,
)
from reidbench.datasets import FrameWindow, TrackletView, views_of
from reidbench.datasets.masks import has_masks, read_mask
from reidbench.errors import CacheError, ConfigError, PluginError
from reidbench.files import write_text
from reidbench.fingerprints import canonical_json, fingerprint
from reidbench.plugin import Attention, Method
from reidbench.progress import progress_bar
from reidbench.records.record import AttentionFigures
from reidbench.runner.guard import guard_plugin
from reidbench.runner.plan import TrialTask
from reidbench.runner.trial import TaskContext, fit_method

# Tracklets per trial: a few hundred are enough for a mean, and masks are large.
MAX_TRACKLETS = 200
BLOCK = 32  # tracklets whose maps are held at once
_VERSION = 1  # of what is measured; a new one makes cached measurements void
_TOLERANCE = 1e-3  # of sums of weights, which may come from half precision


@dataclass(frozen=True, kw_only=True)
class TestedTracklet:
    """A tracklet that a trial tests, as methods see it, and the files behind it.

    Attributes:
        row: of the tracklet table.
        window: the frames that are seen.
        view: what methods get.
        files: the frames inside the window.
    """

    __test__ = False  # no test, whatever pytest may think of the name

    row: int
    window: FrameWindow
    view: TrackletView
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class TrialAttention:
    """What was measured in one trial.

    Attributes:
        tracklets: those that were looked at.
        tested: number of the tracklets that they were chosen from.
    """

    tracklets: tuple[TrackletAttention, ...]
    tested: int


def measure_attention(context: TaskContext) -> AttentionFigures | None:
    """Return the attention figures of a run; measurements come from the cache if possible.

    Returns:
        None if the method has no attention, or none with its settings, or if the tree has no masks.

    Raises:
        FrameError: a mask cannot be read.
        PluginError: the method failed or returned invalid attention.
        CacheError: a cached measurement is damaged.
    """
    plan = context.plan
    if not plan.choice.method_class.attends or not has_masks(plan.contents):
        return None
    seeds: dict[int, list[TrialAttention]] = {}
    for task in plan.main_tasks:
        measured = _measure_task(task, context)
        if measured is None:
            return None
        seeds.setdefault(task.seed, []).append(measured)
    return _summarize(list(seeds.values()))


def _summarize(seeds: Sequence[Sequence[TrialAttention]]) -> AttentionFigures:
    trials = [trial for group in seeds for trial in group]
    tracklets = [tracklet for trial in trials for tracklet in trial.tracklets]
    return AttentionFigures(
        figures=summarize_attention([[trial.tracklets for trial in group] for group in seeds]),
        counts={
            "tested_tracklets": sum(trial.tested for trial in trials),
            "tracklets": len(tracklets),
            "tracklets_with_occluded_and_clear_frames": sum(
                min(tracklet.occluded, tracklet.clear) > 0 for tracklet in tracklets
            ),
            "frames": sum(tracklet.frames for tracklet in tracklets),
            "occluded_frames": sum(tracklet.occluded for tracklet in tracklets),
            "clear_frames": sum(tracklet.clear for tracklet in tracklets),
        },
        occluded_from=OCCLUDED,
    )


def sample_tracklets(task: TrialTask, context: TaskContext, count: int) -> tuple[list[TestedTracklet], int]:
    """Return at most `count` evenly chosen tracklets that a task tests, and the number of all of them.

    Queries and gallery tracklets are candidates, each once; a tracklet that is both is used as a query. Distractors
    (person 0) are left out: they are many people with one number.
    """
    table, windows = context.plan.contents.table, task.windows
    seen = {row: windows.gallery for side in task.trial.sides for row in side.gallery.tolist()}
    seen |= {row: windows.query for side in task.trial.sides for row in side.query.tolist()}
    rows = sorted(row for row in seen if table.pids[row] > 0)
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    sample = [tested_tracklet(context, rows[index], seen[rows[index]]) for index in chosen.tolist()]
    return sample, len(rows)


def tested_tracklet(context: TaskContext, row: int, window: FrameWindow) -> TestedTracklet:
    """Return one row of the tested table, seen through a window."""
    table = context.plan.contents.table
    with_camera = context.plan.choice.method_class.uses_camera
    (view,) = views_of(table, np.array([row]), context.loader, window, with_camera=with_camera)
    return TestedTracklet(row=row, window=window, view=view, files=window.of(table.files(row)))


def attention_of(method: Method, tracklets: Sequence[TestedTracklet]) -> list[Attention]:
    """Return where a fitted method looks in tracklets.

    Raises:
        ConfigError: not with these settings.
        PluginError: the method failed, or what it returned breaks the contract.
    """
    with guard_plugin(method.name, "attention"):
        found = list(method.attention([tracklet.view for tracklet in tracklets]))
    if len(found) != len(tracklets):
        raise PluginError(
            f"method '{method.name}' must show its attention in {len(tracklets)} tracklets, got {len(found)}"
        )
    for attention, tracklet in zip(found, tracklets, strict=True):
        if fault := _fault(attention, len(tracklet.files)):
            raise PluginError(f"method '{method.name}' shows attention whose {fault}")
    return found


def _measure_task(task: TrialTask, context: TaskContext) -> TrialAttention | None:
    plan = context.plan
    tracklets, tested = sample_tracklets(task, context, MAX_TRACKLETS)
    digests = [
        [_feature_key(task, tracklet), plan.contents.table.digest([tracklet.row])] for tracklet in tracklets
    ]
    path = context.cache.attention(fingerprint({"version": _VERSION, "tracklets": digests}))
    if plan.choice.request.resume and path.exists():
        return _read(path)
    measured = _measure_tracklets(task, context, tracklets)
    attention = None if measured is None else TrialAttention(tracklets=tuple(measured), tested=tested)
    write_text(path, canonical_json(None if attention is None else asdict(attention)) + "\n")
    return attention


def _feature_key(task: TrialTask, tracklet: TestedTracklet) -> str:
    return task.keys.query if tracklet.window == task.windows.query else task.keys.gallery


def _measure_tracklets(
    task: TrialTask, context: TaskContext, tracklets: Sequence[TestedTracklet]
) -> list[TrackletAttention] | None:
    """Return None if the method has no attention with its settings."""
    method = fit_method(task, context)
    table = context.plan.contents.table
    measured = []
    with progress_bar("attention", len(tracklets), shown=context.runtime.progress) as advance:
        for start in range(0, len(tracklets), BLOCK):
            block = tracklets[start : start + BLOCK]
            try:
                attentions = attention_of(method, block)
            except ConfigError:
                return None
            for tracklet, attention in zip(block, attentions, strict=True):
                masks = {
                    frame: read_mask(table.root, tracklet.files[frame])
                    for frame in set(attention.frames.tolist())
                }
                in_order = [masks[frame] for frame in attention.frames.tolist()]
                measured.append(tracklet_attention(attention, in_order, pid=int(table.pids[tracklet.row])))
            advance(len(block))
    return measured


def _fault(attention: Attention, length: int) -> str | None:
    """Return what is wrong with the attention on a tracklet of some length, None if nothing is."""
    frames, spatial, temporal = attention.frames, attention.spatial, attention.temporal
    if frames.ndim != 1 or not len(frames) or not bool(((frames >= 0) & (frames < length)).all()):
        return f"frames must be positions below {length}, got {frames.tolist()}"
    if spatial is None and temporal is None:
        return "maps and weights are both missing"
    if spatial is not None:
        if spatial.ndim != 4 or len(spatial) != len(frames):
            return f"maps must have the shape ({len(frames)}, K, h, w), got {tuple(spatial.shape)}"
        if not _distributes(spatial.flatten(2)):
            return "maps must be 0 or more and sum to 1"
    if temporal is not None:
        if temporal.ndim != 2 or temporal.shape[1] != len(frames):
            return f"weights must have the shape (K, {len(frames)}), got {tuple(temporal.shape)}"
        if not _distributes(temporal):
            return "weights must be 0 or more and sum to 1"
    top, left, bottom, right = attention.extent
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        return f"extent must be top, left, bottom and right inside the frame, got {attention.extent}"
    return None


def _distributes(weights: torch.Tensor) -> bool:
    sums = weights.double().sum(-1)
    return bool((weights >= 0).all()) and bool(((sums - 1).abs() <= _TOLERANCE).all())


def _read(place: Path) -> TrialAttention | None:
    try:
        contents = json.loads(place.read_text(encoding="utf-8"))
        if contents is None:
            return None
        tracklets = []
        for row in contents["tracklets"]:
            pairs = {name: None if row[name] is None else tuple(row[name]) for name in ("shares", "weights")}
            tracklets.append(TrackletAttention(**{**row, **pairs}))
        return TrialAttention(tracklets=tuple(tracklets), tested=contents["tested"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(
            f"cached attention {place} is damaged ({error}); delete it to measure it again"
        ) from error
