"""`reidbench plot attention`: a picture of the attention of a fitted method on test tracklets."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from reidbench.attention.picture import Alignment, Panel, draw_figure
from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.errors import ConfigError
from reidbench.files import replacing
from reidbench.plugin import Attention, Method, Runtime
from reidbench.plugin.manager import Plugins
from reidbench.runner.attention import TestedTracklet, attention_of, sample_tracklets, view_tracklet
from reidbench.runner.calls import call_alignment
from reidbench.runner.plan import RunRequest, TrialTask, choose, make_plan
from reidbench.runner.session import check_writable
from reidbench.runner.trial import TaskContext, fit_method

FORMATS = (".png", ".pdf", ".svg")


def draw_attention(
    request: RunRequest, plugins: Plugins, runtime: Runtime, *, cache: Cache, out: Path, tracklets: int
) -> None:
    """Draw the attention on some test tracklets of the first trial, and an alignment if the method aligns.

    The fitted method is read from the cache, or fitted first.

    Args:
        request: the method, its settings and the protocol.
        plugins: registry of methods and protocols.
        runtime: device and progress bars.
        cache: fits and rendered trees.
        out: picture to write, atomically.
        tracklets: number of tracklets, 1 or more.

    Raises:
        ConfigError: the method has no attention, in general or with these settings; matplotlib is missing; or `out`
            has another suffix or is not writable.
        ReidbenchError: errors of the protocol, its data, and the fit.
    """
    _check_picture(out)
    choice = choose(request, plugins, runtime)
    if not choice.method_class.attends:
        raise ConfigError(
            f"cannot draw attention: method '{request.method}' has none; choose a method that attends"
        )
    plan = make_plan(choice, plugins, cache)
    context = TaskContext(plan, cache, runtime, FrameLoader())
    task = plan.tasks[0]
    method = fit_method(task, context)
    chosen, _ = sample_tracklets(task, context, tracklets)
    panels = [
        _panel(context, tracklet, attention)
        for tracklet, attention in zip(chosen, attention_of(method, chosen), strict=True)
    ]
    alignment = _alignment(context, task, method) if method.aligns else None
    source = "; synthetic data" if plan.contents.is_synthetic else ""
    title = f"{method.name} ({choice.settings}) on {choice.protocol.name}, trial 1{source}"
    figure = draw_figure(title, panels, alignment)
    with replacing(out) as temporary:
        figure.savefig(temporary, format=out.suffix[1:].lower(), dpi=150)


def _check_picture(out: Path) -> None:
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(f"--out must end in {', '.join(FORMATS)}, got {out}")
    if find_spec("matplotlib") is None:
        raise ConfigError("cannot draw: matplotlib is not installed; run pip install 'reidbench[plot]'")
    check_writable("--out", out.parent)


def _panel(context: TaskContext, tracklet: TestedTracklet, attention: Attention) -> Panel:
    table = context.plan.contents.table
    frames = tracklet.view.frames()
    title = f"person {table.pids[tracklet.row]}, camera {table.camids[tracklet.row]}"
    if len(frames) > 1:
        title += f", {len(frames)} frames"
    return Panel(title=title, frames=frames[attention.frames.numpy()], attention=attention)


def _alignment(context: TaskContext, task: TrialTask, method: Method) -> Alignment | None:
    """Return the alignment of the first query with a match; None without such a query."""
    table, windows = context.plan.contents.table, task.windows
    for side in task.trial.sides:
        for row in side.query.tolist():
            same = table.pids[side.gallery] == table.pids[row]
            matches = side.gallery[same & (table.camids[side.gallery] != table.camids[row])]
            if not len(matches):
                continue
            query = view_tracklet(task, context, row, windows.query)
            match = view_tracklet(task, context, int(matches[0]), windows.gallery)
            weights = call_alignment(method, query.view, match.view)
            cameras = f"camera {table.camids[row]} (rows) and {table.camids[match.row]} (columns)"
            title = f"alignment of person {table.pids[row]}, {cameras}"
            return Alignment(title=title, weights=weights.detach().cpu().double().numpy())
    return None
