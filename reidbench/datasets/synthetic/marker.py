"""The marker file that names how a synthetic tree was made, so that nobody takes it for a real dataset."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.errors import DatasetError

RENDERER_VERSION = "1"  # a new one whenever a picture of an old seed changes
MARKER_NAME = "reidbench-synthetic.json"
ILIDS_LAYOUT = "ilids-vid"


def settings_digest(settings: SyntheticSettings, layout: str = ILIDS_LAYOUT) -> str:
    """Return the digest that a tree of these settings has in its marker: SHA-256 in hexadecimal."""
    return _digest(_description(settings, layout))


def read_marker(dataset_folder: Path) -> dict[str, Any] | None:
    """Return what the marker of a dataset folder says, with its `digest`, or None when there is no marker.

    Raises:
        DatasetError: the marker is no JSON object or its digest does not fit the rest of it.
    """
    path = dataset_folder / MARKER_NAME
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read marker {path}: {error}; render the tree again") from error
    if not isinstance(marker, dict):
        raise DatasetError(
            f"marker {path} is damaged: expected a JSON object, got {type(marker).__name__}; render the tree again"
        )
    described = {name: value for name, value in marker.items() if name != "digest"}
    if marker.get("digest") != _digest(described):
        raise DatasetError(
            f"marker {path} is damaged: its digest {marker.get('digest')} does not fit its contents; "
            "render the tree again"
        )
    return marker


def write_marker(dataset_folder: Path, settings: SyntheticSettings, layout: str = ILIDS_LAYOUT) -> None:
    """Write the marker of a tree."""
    description = _description(settings, layout)
    text = json.dumps(description | {"digest": _digest(description)}, indent=2, sort_keys=True) + "\n"
    (dataset_folder / MARKER_NAME).write_text(text, encoding="utf-8")


def _description(settings: SyntheticSettings, layout: str) -> dict[str, Any]:
    return {"renderer": RENDERER_VERSION, "layout": layout, "parameters": asdict(settings)}


def _digest(description: dict[str, Any]) -> str:
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
