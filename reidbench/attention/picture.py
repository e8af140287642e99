"""Pictures of attention: frames with a heat map, bars of temporal weights, and an alignment of two tracklets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reidbench.plugin import Attention

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_FRAMES = 10
"""Number of frames of a tracklet that are drawn, evenly chosen; every frame has a bar."""

_FRAME_INCHES, _BARS_INCHES, _MATRIX_INCHES = (0.75, 1.5), 0.9, 3.0
# Minimum width of the figure, and width of a single image with its title.
_MIN_WIDTH_INCHES, _STILL_INCHES = 5.0, 1.6

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One tracklet of a picture.

    Attributes:
        title: text above the frames.
        frames: (F, H, W, 3) frames that were read, in order.
        attention: on these frames.
    """

    title: str
    frames: NDArray[np.uint8]
    attention: Attention


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Attention of a query (rows) on a tracklet of the same person (columns).

    Attributes:
        title: text above the matrix.
        weights: (S, T).
    """

    title: str
    weights: Floats


def draw_figure(title: str, panels: Sequence[Panel], alignment: Alignment | None = None) -> Figure:
    """Draw panels, and an alignment under them; matplotlib must be installed.

    Single images are drawn side by side, videos one under the other.
    """
    from matplotlib.figure import Figure

    columns = max(len(_frame_indices(panel)) for panel in panels)
    is_still = columns == 1
    heights = [_panel_height(panel) for panel in panels]
    panels_height = max(heights) if is_still else sum(heights)
    matrix_height = _MATRIX_INCHES if alignment else 0.0
    width = max(
        _FRAME_INCHES[0] * (columns + 1), _MIN_WIDTH_INCHES, _STILL_INCHES * len(panels) if is_still else 0.0
    )
    figure = Figure(figsize=(width, panels_height + matrix_height + 0.5), layout="constrained")
    figure.suptitle(title, fontsize="medium", wrap=True)
    ratios = [panels_height, matrix_height] if alignment else [panels_height]
    areas = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    shape: dict[str, Any] = {"nrows": 1, "ncols": len(panels)} if is_still else {"height_ratios": heights}
    panel_areas = areas[0].subfigures(**{"nrows": len(panels), "ncols": 1, "squeeze": False, **shape})
    for area, panel in zip(panel_areas.flat, panels, strict=True):
        _draw_panel(area, panel, columns)
    if alignment is not None:
        _draw_alignment(areas[-1], alignment)
    return figure


def _panel_height(panel: Panel) -> float:
    """Return the height of a panel in inches."""
    bars = 0.0 if panel.attention.temporal is None else _BARS_INCHES
    return _frame_rows(panel.attention) * _FRAME_INCHES[1] + bars + 0.3


def _frame_rows(attention: Attention) -> int:
    """Return the number of rows of frames: one per map, or one without maps."""
    return 1 if attention.spatial is None else attention.spatial.shape[1]


def _frame_indices(panel: Panel) -> NDArray[np.int64]:
    """Return the indices of the frames that are drawn."""
    return np.unique(np.linspace(0, len(panel.frames) - 1, MAX_FRAMES).round().astype(np.int64))


def _draw_panel(area: SubFigure, panel: Panel, columns: int) -> None:
    area.suptitle(panel.title, fontsize="x-small")
    attention = panel.attention
    frames = _frame_indices(panel)
    rows = _frame_rows(attention)
    ratios = [_FRAME_INCHES[1]] * rows + ([] if attention.temporal is None else [_BARS_INCHES])
    grid = area.add_gridspec(len(ratios), columns, height_ratios=ratios)
    for row in range(rows):
        for column, index in enumerate(frames.tolist()):
            axes = area.add_subplot(grid[row, column])
            _draw_frame(axes, panel, index, row)
            if row == 0:
                axes.set_title(f"frame {int(attention.frames[index]) + 1}", fontsize="xx-small")
    if attention.temporal is not None:
        bars = area.add_subplot(grid[rows, :])
        _draw_bars(bars, attention.temporal.detach().cpu().double().numpy())
        bars.set_xticks(frames, [str(frame + 1) for frame in attention.frames[frames].tolist()])


def _draw_frame(axes: Axes, panel: Panel, index: int, map_index: int) -> None:
    frame = panel.frames[index]
    height, width = frame.shape[:2]
    axes.imshow(frame)
    if panel.attention.spatial is not None:
        heat = panel.attention.spatial[index, map_index].detach().cpu().double().numpy()
        top, left, bottom, right = panel.attention.extent
        edges = (left * width - 0.5, right * width - 0.5, bottom * height - 0.5, top * height - 0.5)
        style: dict[str, Any] = {"cmap": "jet", "alpha": 0.45, "interpolation": "bilinear"}
        axes.imshow(heat, extent=edges, vmin=0, vmax=float(heat.max()), **style)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_axis_off()


def _draw_bars(axes: Axes, weights: Floats) -> None:
    """Draw the weights (K, F) times F, so that equal weights are at the line at 1."""
    rows, frames = weights.shape
    width = 0.8 / rows
    for index, row in enumerate(weights):
        axes.bar(np.arange(frames) + (index - (rows - 1) / 2) * width, row * frames, width)
    axes.axhline(1, color="black", linewidth=0.5)
    axes.set_xlim(-0.6, frames - 0.4)
    axes.set_ylabel("weight x F", fontsize="xx-small")
    axes.tick_params(labelsize="xx-small")


def _draw_alignment(area: SubFigure, alignment: Alignment) -> None:
    axes = area.subplots()
    area.suptitle(alignment.title, fontsize="small")
    image = axes.imshow(alignment.weights, cmap="viridis", vmin=0)
    area.colorbar(image, ax=axes)
