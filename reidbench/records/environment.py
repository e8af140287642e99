"""The machine and software of a run: enough to repeat it, and nothing that names a person or a path."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import reidbench
from reidbench.records.record import Environment

PACKAGES = (
    "h5py",
    "lightning-fabric",
    "msgspec",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "scikit-image",
    "torch",
    "torchvision",
)


def current_environment(devices: Sequence[str]) -> Environment:
    """Return versions, devices, the CPU and the commit of a source checkout.

    Args:
        devices: torch devices that computed the figures.
    """
    commit, is_dirty = _find_commit()
    return Environment(
        reidbench=reidbench.__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
        devices=tuple(devices),
        device_names=tuple(_device_names(devices)),
        threads=torch.get_num_threads(),
        cpu=_cpu_model(),
        vector_extension=torch.backends.cpu.get_cpu_capability(),
        git_commit=commit,
        git_dirty=is_dirty,
    )


def list_distinct(environments: Iterable[Environment]) -> tuple[Environment, ...]:
    """Return environments without repetitions, in their order."""
    distinct: list[Environment] = []
    for environment in environments:
        if environment not in distinct:
            distinct.append(environment)
    return tuple(distinct)


@cache
def _find_commit() -> tuple[str | None, bool | None]:
    """Return the commit and whether the checkout had changes when the process first asked."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain")
    return commit or None, None if status is None else bool(status)


def _device_names(devices: Sequence[str]) -> list[str]:
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(device) for device in devices if device.startswith("cuda")]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    """Return the model name of the CPU; `platform.processor` is empty on many Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names[0] if names else platform.processor()) or None


def _git(*arguments: str) -> str | None:
    """Return the output of a git command in the source checkout; None outside one."""
    source = Path(reidbench.__file__).parent
    if not (source.parent / ".git").exists():
        return None
    command = ["git", "-C", str(source), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
