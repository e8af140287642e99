"""The training loop, batch sampling, clips, augmentation, losses, and the embedding of clips."""

from reidbench.training.augment import (
    ClipChange,
    PadMode,
    TestAugmentation,
    change_clip,
    draw_change,
    view_changes,
)
from reidbench.training.clips import (
    Chunks,
    Short,
    WindowSide,
    chunk_frames,
    cut_window,
    draw_clip,
    long_enough,
    loop_frames,
)
from reidbench.training.embedding import TestClip, clip_batches, embed_clips, pad_clips
from reidbench.training.loop import Precision, TrainingSettings, TrainingTask, train
from reidbench.training.network_method import NetworkConfig, NetworkMethod
from reidbench.training.pairs import PairBatch, sample_pairs
from reidbench.training.people import pk_batches
from reidbench.training.triplets import Mining, triplet_loss

__all__ = [
    "Chunks",
    "ClipChange",
    "Mining",
    "NetworkConfig",
    "NetworkMethod",
    "PadMode",
    "PairBatch",
    "Precision",
    "Short",
    "TestAugmentation",
    "TestClip",
    "TrainingSettings",
    "TrainingTask",
    "WindowSide",
    "change_clip",
    "chunk_frames",
    "clip_batches",
    "cut_window",
    "draw_change",
    "draw_clip",
    "embed_clips",
    "long_enough",
    "loop_frames",
    "pad_clips",
    "pk_batches",
    "sample_pairs",
    "train",
    "triplet_loss",
    "view_changes",
]
