"""`reidbench plot attention`: pictures of where and when a fitted method looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.errors import ConfigError, PluginError
from reidbench.files import replacing
from reidbench.plugin import Attention, Method, Plugins, Runtime
from reidbench.protocols.trials import Trial
from reidbench.runner.attention import TestedTracklet, attention_of, tested_tracklet, tested_tracklets
from reidbench.runner.guard import guard_plugin
from reidbench.runner.plan import RunRequest, choose
from reidbench.runner.run import make_plan
from reidbench.runner.session import check_writable
from reidbench.runner.trial import TrialRunner

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FORMATS = (".png", ".pdf", ".svg")
MOST_FRAMES = 10  # of a tracklet that are drawn, evenly chosen; all of them have a bar
_FRAME_INCHES, _BARS_INCHES, _MATRIX_INCHES = (0.75, 1.5), 0.9, 3.0
_STILL_INCHES, _LEAST_INCHES = 1.6, 5.0  # width for a single image with its title, and of the whole picture

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One tracklet as it is drawn.

    Attributes:
        title: above it.
        frames: (F, H, W, 3) frames that were read, in order.
        attention: on these frames.
    """

    title: str
    frames: NDArray[np.uint8]
    attention: Attention


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How a query (rows) looks at a tracklet (columns) of the same person: weights (S, T)."""

    title: str
    weights: Floats


def draw_attention(
    request: RunRequest, plugins: Plugins, runtime: Runtime, *, cache: Cache, out: Path, tracklets: int
) -> None:
    """Draw the attention on some test tracklets of the first trial, and an alignment where the method aligns.

    The fitted method comes from the cache; it is fitted where it is not there.

    Args:
        request: the method, its settings and the protocol.
        plugins: where both are looked up.
        runtime: device and progress bars.
        cache: of fits and rendered trees.
        out: the picture, written whole or not at all.
        tracklets: how many, 1 or more.

    Raises:
        ConfigError: the method has no attention, with these settings or at all; matplotlib is missing; or `out` is no
            picture that can be written.
        ReidbenchError: what looking up the protocol, reading its data and fitting raise.
    """
    _check_drawable(out)
    choice = choose(request, plugins, runtime)
    if not choice.method_class.attends:
        raise ConfigError(f"method '{request.method}' has no attention to draw; choose one that attends")
    plan = make_plan(choice, plugins, cache)
    runner = TrialRunner(plan, cache, runtime, FrameLoader())
    trial = plan.trials[0]
    method = runner.fitted(trial)
    shown, _ = tested_tracklets(runner, trial, tracklets)
    panels = [
        _panel(runner, tracklet, attention)
        for tracklet, attention in zip(shown, attention_of(method, shown), strict=True)
    ]
    alignment = _alignment(runner, trial, method) if method.aligns else None
    source = "; synthetic data" if plan.is_synthetic else ""
    title = f"{method.name} ({choice.label}) on {choice.protocol.name}, trial 1{source}"
    figure = _figure(title, panels, alignment)
    with replacing(out) as temporary:
        figure.savefig(temporary, format=out.suffix[1:].lower(), dpi=150)


def _check_drawable(out: Path) -> None:
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(f"--out must end in {', '.join(FORMATS)}, got {out}")
    if find_spec("matplotlib") is None:
        raise ConfigError("plots need matplotlib, which is not installed: pip install 'reidbench[plot]'")
    check_writable("--out", out.parent)


def _panel(runner: TrialRunner, tracklet: TestedTracklet, attention: Attention) -> Panel:
    table = runner.plan.contents.table
    frames = tracklet.view.frames()
    title = f"person {table.pids[tracklet.row]}, camera {table.camids[tracklet.row]}"
    if len(frames) > 1:
        title += f", {len(frames)} frames"
    return Panel(title=title, frames=frames[attention.frames.numpy()], attention=attention)


def _alignment(runner: TrialRunner, trial: Trial, method: Method) -> Alignment | None:
    """Return the alignment of the first query that has a match; None where none has."""
    table, windows = runner.plan.contents.table, runner.plan.windows
    for side in trial.sides:
        for row in side.query.tolist():
            same = table.pids[side.gallery] == table.pids[row]
            matches = side.gallery[same & (table.camids[side.gallery] != table.camids[row])]
            if not len(matches):
                continue
            query = tested_tracklet(runner, row, windows.query)
            match = tested_tracklet(runner, int(matches[0]), windows.gallery)
            with guard_plugin(method.name, "alignment"):
                weights = method.alignment(query.view, match.view)
            if weights.ndim != 2:
                raise PluginError(
                    f"method '{method.name}' must align by weights (S, T), got shape {tuple(weights.shape)}"
                )
            cameras = f"camera {table.camids[row]} (rows) and {table.camids[match.row]} (columns)"
            title = f"alignment of person {table.pids[row]}, {cameras}"
            return Alignment(title=title, weights=weights.detach().cpu().double().numpy())
    return None


def _figure(title: str, panels: Sequence[Panel], alignment: Alignment | None) -> Figure:
    from matplotlib.figure import Figure

    columns = max(len(_shown(panel)) for panel in panels)
    is_still = columns == 1  # images stand side by side, videos one below the other
    heights = [_height(panel) for panel in panels]
    above = max(heights) if is_still else sum(heights)
    below = _MATRIX_INCHES if alignment else 0.0
    width = max(
        _FRAME_INCHES[0] * (columns + 1), _LEAST_INCHES, _STILL_INCHES * len(panels) if is_still else 0.0
    )
    figure = Figure(figsize=(width, above + below + 0.5), layout="constrained")
    figure.suptitle(title, fontsize="medium", wrap=True)
    ratios = [above, below] if alignment else [above]
    parts = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    shape: dict[str, Any] = {"nrows": 1, "ncols": len(panels)} if is_still else {"height_ratios": heights}
    places = parts[0].subfigures(**{"nrows": len(panels), "ncols": 1, "squeeze": False, **shape})
    for part, panel in zip(places.flat, panels, strict=True):
        _draw_panel(part, panel, columns)
    if alignment is not None:
        axes = parts[-1].subplots()
        parts[-1].suptitle(alignment.title, fontsize="small")
        drawn = axes.imshow(alignment.weights, cmap="viridis", vmin=0)
        parts[-1].colorbar(drawn, ax=axes)
    return figure


def _height(panel: Panel) -> float:
    """Return the height of a panel in inches."""
    bars = 0.0 if panel.attention.temporal is None else _BARS_INCHES
    return _maps(panel.attention) * _FRAME_INCHES[1] + bars + 0.3


def _maps(attention: Attention) -> int:
    """Return how many rows of frames are drawn: one for each map, a plain one where there are none."""
    return 1 if attention.spatial is None else attention.spatial.shape[1]


def _shown(panel: Panel) -> NDArray[np.int64]:
    """Return the places of the frames that are drawn."""
    return np.unique(np.linspace(0, len(panel.frames) - 1, MOST_FRAMES).round().astype(np.int64))


def _draw_panel(part: SubFigure, panel: Panel, columns: int) -> None:
    part.suptitle(panel.title, fontsize="x-small")
    attention = panel.attention
    shown = _shown(panel)
    rows = _maps(attention)
    ratios = [_FRAME_INCHES[1]] * rows + ([] if attention.temporal is None else [_BARS_INCHES])
    grid = part.add_gridspec(len(ratios), columns, height_ratios=ratios)
    for row in range(rows):
        for column, place in enumerate(shown.tolist()):
            axes = part.add_subplot(grid[row, column])
            _draw_frame(axes, panel, place, row)
            if row == 0:
                axes.set_title(f"frame {int(attention.frames[place]) + 1}", fontsize="xx-small")
    if attention.temporal is not None:
        bars = part.add_subplot(grid[rows, :])
        _draw_bars(bars, attention.temporal.detach().cpu().double().numpy())
        bars.set_xticks(shown, [str(frame + 1) for frame in attention.frames[shown].tolist()])


def _draw_frame(axes: Axes, panel: Panel, place: int, which: int) -> None:
    frame = panel.frames[place]
    height, width = frame.shape[:2]
    axes.imshow(frame)
    if panel.attention.spatial is not None:
        heat = panel.attention.spatial[place, which].detach().cpu().double().numpy()
        top, left, bottom, right = panel.attention.extent
        edges = (left * width - 0.5, right * width - 0.5, bottom * height - 0.5, top * height - 0.5)
        look: dict[str, Any] = {"cmap": "jet", "alpha": 0.45, "interpolation": "bilinear"}
        axes.imshow(heat, extent=edges, vmin=0, vmax=float(heat.max()), **look)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_axis_off()


def _draw_bars(axes: Axes, weights: Floats) -> None:
    """Draw the weights (K, F) times F, so that the line at 1 stands for equal weights."""
    parts, frames = weights.shape
    width = 0.8 / parts
    for part, row in enumerate(weights):
        axes.bar(np.arange(frames) + (part - (parts - 1) / 2) * width, row * frames, width)
    axes.axhline(1, color="black", linewidth=0.5)
    axes.set_xlim(-0.6, frames - 0.4)
    axes.set_ylabel("weight x F", fontsize="xx-small")
    axes.tick_params(labelsize="xx-small")
