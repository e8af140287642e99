"""reidbench: the benchmark harness for person re-identification.

>>> from reidbench import evaluate
>>> scores = evaluate(query_features, gallery_features, query_pids, gallery_pids, query_camids,
gallery_camids)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reidbench.evaluation import Scores, evaluate
    from reidbench.plugin import hookimpl

__version__ = "0.1.0"
__all__ = ["Scores", "__version__", "evaluate", "hookimpl"]

# Public names are imported on first use, so that `reidbench --help` does not import torch.
_HOMES = {
    "evaluate": "reidbench.evaluation",
    "Scores": "reidbench.evaluation",
    "hookimpl": "reidbench.plugin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reidbench' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
