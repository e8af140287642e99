"""Renders walking pedestrians in official layouts, so that readers and methods run without real data."""

from __future__ import annotations

from reidbench.datasets.synthetic.contact_sheet import write_contact_sheet
from reidbench.datasets.synthetic.ilids import synthesize_ilids_vid
from reidbench.datasets.synthetic.marker import MARKER_NAME, RENDERER_VERSION, read_marker, settings_digest
from reidbench.datasets.synthetic.settings import SyntheticSettings

__all__ = [
    "MARKER_NAME",
    "RENDERER_VERSION",
    "SyntheticSettings",
    "read_marker",
    "settings_digest",
    "synthesize_ilids_vid",
    "write_contact_sheet",
]
