"""Embedding of test-time clips, in batches of similar length and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reidbench.plugin import Embeddings

# Pixels per forward pass without gradients; bounds the memory of embedding.
PIXELS = 1 << 24


@dataclass(frozen=True)
class TestClip:
    """One test-time view of a tracklet: index of the tracklet, index of the view, frames (T, H, W, C)."""

    # The name would make pytest collect the class as a test.
    __test__ = False

    tracklet: int
    view: int
    frames: Tensor


def batch_clips(clips: Iterable[TestClip], *, pixels: int) -> Iterator[list[TestClip]]:
    """Yield batches of clips of similar length and equal frame size, longest first.

    Args:
        clips: in any order.
        pixels: number of pixels of a frame of the network's input.
    """
    limit = max(PIXELS // pixels, 1)
    batch: list[TestClip] = []
    for clip in sorted(clips, key=lambda clip: (clip.frames.shape[1:], len(clip.frames)), reverse=True):
        is_other = bool(batch) and clip.frames.shape[1:] != batch[0].frames.shape[1:]
        if is_other or (batch and len(batch[0].frames) * (len(batch) + 1) > limit):
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def pad_clips(batch: Sequence[TestClip], device: str) -> tuple[Tensor, Tensor]:
    """Pad clips of equal frame size to the longest: frames (B, T, H, W, C) and lengths (B,)."""
    lengths = torch.tensor([len(clip.frames) for clip in batch])
    frames = torch.nn.utils.rnn.pad_sequence([clip.frames for clip in batch], batch_first=True)
    return frames.to(device), lengths.to(device)


def embed_clips(
    clips: Iterable[TestClip],
    tracklets: int,
    encode: Callable[[Tensor, Tensor], Tensor],
    *,
    device: str,
    pixels: int,
    sequences: bool = False,
) -> Embeddings:
    """Embed all test-time clips of N tracklets.

    Args:
        clips: clips of all tracklets, with views numbered from 0.
        tracklets: number N of tracklets.
        encode: function of clips (B, T, H, W, C) and lengths (B,) to vectors (B, D) or sequences (B, S, D).
        device: device of the inputs of `encode`.
        pixels: number of pixels of a frame of the network's input.
        sequences: whether `encode` returns sequences, all of the same length S.

    Returns:
        Vectors (N, D) or sequences (N, S, D); with an axis of views after the first if a tracklet has several.
    """
    encoded: dict[tuple[int, int], Tensor] = {}
    for batch in batch_clips(clips, pixels=pixels):
        rows = encode(*pad_clips(batch, device)).cpu()
        encoded.update({(clip.tracklet, clip.view): row for clip, row in zip(batch, rows, strict=True)})
    views = torch.zeros(tracklets, dtype=torch.long)
    for tracklet, view in encoded:
        views[tracklet] = max(int(views[tracklet]), view + 1)
    first = next(iter(encoded.values()))
    values = first.new_zeros(tracklets, int(views.max()), *first.shape)
    for (tracklet, view), row in encoded.items():
        values[tracklet, view] = row
    lengths = torch.full((tracklets,), len(first)) if sequences else None
    if values.shape[1] == 1:
        return Embeddings(values=values[:, 0], lengths=lengths)
    return Embeddings(values=values, views=views, lengths=lengths)
