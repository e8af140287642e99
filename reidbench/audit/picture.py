"""The report of an audit as a picture: one bar per audit with its interval, and chance."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from reidbench.audit.report import AuditReport, AuditRow
from reidbench.errors import ConfigError
from reidbench.files import replacing
from reidbench.runner.session import check_writable

FORMATS = (".png", ".pdf", ".svg")
_COLOURS = {"solves": "tab:red", "helps": "tab:orange", "no effect": "tab:gray"}
# In inches.
_WIDTH, _ROW_HEIGHT, _MARGIN = 8.0, 0.24, 1.2


def check_picture(out: Path) -> None:
    """Check that a picture can be drawn and written, before any work starts.

    Raises:
        ConfigError: matplotlib is missing, or `out` has another suffix or is not writable.
    """
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(f"--picture must end in {', '.join(FORMATS)}, got {out}")
    if find_spec("matplotlib") is None:
        raise ConfigError("cannot draw: matplotlib is not installed; run pip install 'reidbench[plot]'")
    check_writable("--picture", out.parent)


def draw_report(report: AuditReport, out: Path) -> None:
    """Draw a report and write the picture atomically."""
    from matplotlib.figure import Figure

    rows = report.rows[::-1]
    height = _MARGIN + _ROW_HEIGHT * len(rows)
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    means = [100 * (row.rank1.mean or 0) for row in rows]
    errors = [[100 * gap for gap in side] for side in zip(*map(_gaps, rows), strict=True)]
    axes.barh(
        [row.audit for row in rows],
        means,
        xerr=errors,
        color=[_COLOURS[row.verdict] for row in rows],
        error_kw={"elinewidth": 1, "capsize": 2},
    )
    chance = 100 * report.rows[0].chance
    axes.axvline(chance, color="black", linestyle="--", linewidth=1, label=f"chance, {chance:.2f} %")
    for verdict, colour in _COLOURS.items():
        axes.bar(0, 0, color=colour, label=verdict)
    axes.set_xlim(0, max(100 * (row.rank1.high or row.rank1.mean or 0) for row in rows) * 1.05 + 1)
    axes.set_xlabel("rank-1 in percent, with 95 % interval")
    axes.tick_params(axis="y", labelsize="small")
    axes.legend(loc="lower right", fontsize="small")
    figure.suptitle(report.title, fontsize="medium", wrap=True)
    with replacing(out) as temporary:
        figure.savefig(temporary, format=out.suffix[1:].lower(), dpi=150)


def _gaps(row: AuditRow) -> tuple[float, float]:
    """Return the lengths of the interval on both sides of the mean; 0 without an interval."""
    mean = row.rank1.mean or 0.0
    low = mean if row.rank1.low is None else row.rank1.low
    high = mean if row.rank1.high is None else row.rank1.high
    return max(mean - low, 0.0), max(high - mean, 0.0)
