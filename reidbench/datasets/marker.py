"""The marker file that names how a synthetic tree was made, so that nobody takes it for a real dataset."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from reidbench.errors import DatasetError

RENDERER_VERSION = "1"  # a new one whenever a picture of an old seed changes
MARKER_NAME = "reidbench-synthetic.json"


def marker_digest(description: dict[str, Any]) -> str:
    """Return the digest that the marker of a tree so described has: SHA-256 in hexadecimal."""
    return _digest({"renderer": RENDERER_VERSION, **description})


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


def write_marker(dataset_folder: Path, description: dict[str, Any]) -> None:
    """Write the marker of a tree: the renderer's version, the description and their digest."""
    marker = {"renderer": RENDERER_VERSION, **description, "digest": marker_digest(description)}
    text = json.dumps(marker, indent=2, sort_keys=True) + "\n"
    (dataset_folder / MARKER_NAME).write_text(text, encoding="utf-8")


def _digest(description: dict[str, Any]) -> str:
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
