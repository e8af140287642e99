"""The one training loop and what belongs to it."""

from reidbench.training.checkpoint import load_checkpoint, save_checkpoint
from reidbench.training.loop import Precision, TrainingLog, TrainingSettings, TrainingTask, train

__all__ = [
    "Precision",
    "TrainingLog",
    "TrainingSettings",
    "TrainingTask",
    "load_checkpoint",
    "save_checkpoint",
    "train",
]
