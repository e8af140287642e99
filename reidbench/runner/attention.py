"""Attention of a method against the masks of rendered trees, measured once per trial and cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reidbench.attention.shares import (
    OCCLUDED,
    TrackletAttention,
    summarize_attention,
    tracklet_attention,
)
from reidbench.datasets import FrameWindow, TrackletView, make_views
from reidbench.datasets.masks import has_masks, read_mask
from reidbench.entries import read_json_entry, write_json_entry
from reidbench.errors import ConfigError, PluginError, quote
from reidbench.fingerprints import fingerprint
from reidbench.plugin import Attention, Method
from reidbench.plugin.guard import guard_plugin
from reidbench.progress import progress_bar
from reidbench.records.record import AttentionFigures
from reidbench.runner.calls import call_attention
from reidbench.runner.plan import TrialTask
from reidbench.runner.trial import TaskContext, fit_method

# Tracklets per trial: a few hundred are enough for a mean, and masks are large.
MAX_TRACKLETS = 200
# Tracklets whose maps are in memory at once.
BLOCK = 32
# Part of the cache key; changes when the measurement changes.
_VERSION = 1
# Of sums of weights, which may come from half precision.
_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class TestedTracklet:
    """A tracklet that a trial tests, as methods see it, with its files.

    Attributes:
        row: of the tracklet table.
        window: the frames that the method receives.
        view: what the method receives.
        files: the frames inside the window.
    """

    # Prevents pytest from collecting the class because of its name.
    __test__ = False

    row: int
    window: FrameWindow
    view: TrackletView
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class TrialAttention:
    """The measurements of one trial.

    Attributes:
        tracklets: the measured tracklets.
        tested: number of all tested tracklets.
        has_attention: false if the method has no attention with its settings.
    """

    tracklets: tuple[TrackletAttention, ...]
    tested: int
    has_attention: bool = True


def measure_attention(context: TaskContext) -> AttentionFigures | None:
    """Return the attention figures of a run; measurements come from the cache if possible.

    Returns:
        None if the method has no attention, or none with its settings, or if the tree has no masks.

    Raises:
        FrameError: a mask cannot be read.
        PluginError: the method failed or returned invalid attention.
        CacheError: the cache cannot be read or written.
    """
    plan = context.plan
    if not plan.choice.method_class.attends or not has_masks(plan.contents):
        return None
    seeds: dict[int, list[TrialAttention]] = {}
    for task in plan.main_tasks:
        measured = _measure_task(task, context)
        if not measured.has_attention:
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
    sample = [view_tracklet(task, context, rows[index], seen[rows[index]]) for index in chosen.tolist()]
    return sample, len(rows)


def view_tracklet(task: TrialTask, context: TaskContext, row: int, window: FrameWindow) -> TestedTracklet:
    """Return one row of the tested table, seen through a window."""
    table = context.plan.contents.table
    with_camera = context.plan.choice.method_class.uses_camera
    key = _feature_key(task, window)
    (view,) = make_views(
        table,
        np.array([row]),
        context.loader,
        window,
        with_camera=with_camera,
        digests=context.plan.contents.row_digests,
        key=key,
        seed=task.seed,
    )
    return TestedTracklet(row=row, window=window, view=view, files=window.of(table.files(row)))


def attention_of(method: Method, tracklets: Sequence[TestedTracklet]) -> list[Attention]:
    """Return the attention of a fitted method on tracklets.

    Raises:
        ConfigError: the method has no attention with its settings.
        PluginError: the method failed or returned invalid attention.
    """
    attentions = call_attention(method, [tracklet.view for tracklet in tracklets])
    for attention, tracklet in zip(attentions, tracklets, strict=True):
        with guard_plugin(method.name, "attention"):
            fault = _find_fault(attention, len(tracklet.files))
        if fault:
            raise PluginError(f"method '{method.name}' returned invalid attention: {fault}")
    return attentions


def _measure_task(task: TrialTask, context: TaskContext) -> TrialAttention:
    plan = context.plan
    tracklets, tested = sample_tracklets(task, context, MAX_TRACKLETS)
    digests = [
        [_feature_key(task, tracklet.window), plan.contents.row_digests[tracklet.row]]
        for tracklet in tracklets
    ]
    path = context.cache.attention(fingerprint({"version": _VERSION, "tracklets": digests}))
    if plan.choice.request.resume:
        cached = read_json_entry(path, _parse)
        if cached is not None:
            return cached
    measured = _measure_tracklets(task, context, tracklets)
    attention = TrialAttention(
        tracklets=tuple(measured or ()), tested=tested, has_attention=measured is not None
    )
    write_json_entry(path, asdict(attention))
    return attention


def _feature_key(task: TrialTask, window: FrameWindow) -> str:
    return task.keys.query if window == task.windows.query else task.keys.gallery


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


def _find_fault(attention: Attention, length: int) -> str | None:
    """Return what is invalid in the attention on a tracklet of some length; None if it is valid."""
    frames, spatial, temporal = attention.frames, attention.spatial, attention.temporal
    is_integer = not (frames.is_floating_point() or frames.is_complex() or frames.dtype == torch.bool)
    if not is_integer or frames.ndim != 1 or not len(frames):
        return f"frames must be a list of integers, got shape {tuple(frames.shape)} of {frames.dtype}"
    if not bool(((frames >= 0) & (frames < length)).all()):
        return f"frames must be indices less than {length}, got {quote(frames.tolist())}"
    if spatial is None and temporal is None:
        return "maps and weights are both missing"
    if spatial is not None:
        if spatial.ndim != 4 or len(spatial) != len(frames):
            return f"maps must have the shape ({len(frames)}, K, h, w), got {tuple(spatial.shape)}"
        if not _is_distribution(spatial.flatten(2)):
            return "maps must be at least 0 and sum to 1"
    if temporal is not None:
        if temporal.ndim != 2 or temporal.shape[1] != len(frames):
            return f"weights must have the shape (K, {len(frames)}), got {tuple(temporal.shape)}"
        if not _is_distribution(temporal):
            return "weights must be at least 0 and sum to 1"
    top, left, bottom, right = attention.extent
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        return f"extent must be top, left, bottom and right in [0, 1], got {attention.extent}"
    return None


def _is_distribution(weights: torch.Tensor) -> bool:
    sums = weights.double().sum(-1)
    return bool((weights >= 0).all()) and bool(((sums - 1).abs() <= _TOLERANCE).all())


def _parse(fields: dict[str, Any]) -> TrialAttention:
    tracklets = []
    for row in fields["tracklets"]:
        pairs = {name: None if row[name] is None else tuple(row[name]) for name in ("shares", "weights")}
        tracklets.append(TrackletAttention(**{**row, **pairs}))
    return TrialAttention(**{**fields, "tracklets": tuple(tracklets)})
