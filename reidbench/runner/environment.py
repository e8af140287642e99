"""What a record says about the machine: enough to repeat a run, nothing that names a person or a place."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import reidbench

PACKAGES = (
    "h5py",
    "lightning-fabric",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "scikit-image",
    "torch",
    "torchvision",
)


def environment(devices: list[str]) -> dict[str, Any]:
    """Return versions, devices and the commit of a source checkout (null outside one)."""
    names = [
        torch.cuda.get_device_name(d) for d in devices if d.startswith("cuda") and torch.cuda.is_available()
    ]
    return {
        "reidbench": reidbench.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "devices": devices,
        "device_names": names,
        "threads": torch.get_num_threads(),
        "git_commit": _commit(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    source = Path(reidbench.__file__).parent
    if not (source.parent / ".git").exists():
        return None
    command = ["git", "-C", str(source), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
