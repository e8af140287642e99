"""The training loop, batch sampling, clips, augmentation, losses, and the embedding of clips."""

from reidbench.training.augment import (
    ClipAugmentation,
    PadMode,
    TestAugmentation,
    augment_clip,
    draw_augmentation,
    view_augmentations,
)
from reidbench.training.clips import (
    Chunks,
    Short,
    WindowSide,
    cut_window,
    draw_clip,
    loop_frames,
    sample_chunks,
    select_sequences,
)
from reidbench.training.embedding import TestClip, batch_clips, embed_clips, pad_clips
from reidbench.training.loop import Precision, TrainingSettings, TrainingTask, train
from reidbench.training.network_method import NetworkConfig, NetworkMethod
from reidbench.training.pairs import PairBatch, sample_pairs
from reidbench.training.people import pk_batches
from reidbench.training.triplets import Mining, triplet_loss

__all__ = [
    "Chunks",
    "ClipAugmentation",
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
    "augment_clip",
    "batch_clips",
    "cut_window",
    "draw_augmentation",
    "draw_clip",
    "embed_clips",
    "loop_frames",
    "pad_clips",
    "pk_batches",
    "sample_chunks",
    "sample_pairs",
    "select_sequences",
    "train",
    "triplet_loss",
    "view_augmentations",
]
