"""Renderer of synthetic pedestrians in official layouts, for readers and methods without real data."""

from __future__ import annotations

from reidbench.datasets.marker import MARKER_NAME, RENDERER_VERSION, read_marker
from reidbench.datasets.synthetic.layout import Layout
from reidbench.datasets.synthetic.settings import SyntheticSettings

__all__ = ["MARKER_NAME", "RENDERER_VERSION", "Layout", "SyntheticSettings", "read_marker"]
