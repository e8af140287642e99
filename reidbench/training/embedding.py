"""From test-time clips to embeddings: batches of like length, as large as the memory of a forward pass allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reidbench.plugin import Embeddings

PIXELS = 1 << 24  # of a forward pass without gradients; bounds the memory of embedding


@dataclass(frozen=True)
class TestClip:
    """One test-time view of one tracklet: number of the tracklet, number of the view, (T, H, W, C) frames."""

    __test__ = False  # no test, whatever pytest may think of the name

    tracklet: int
    view: int
    frames: Tensor


def clip_batches(clips: Iterable[TestClip], *, pixels: int) -> Iterator[list[TestClip]]:
    """Yield clips of like length and one frame size together, longest first.

    Args:
        clips: in any order.
        pixels: of a frame as the network reads it.
    """
    room = max(PIXELS // pixels, 1)  # frames
    batch: list[TestClip] = []
    for clip in sorted(clips, key=lambda clip: (clip.frames.shape[1:], len(clip.frames)), reverse=True):
        is_other = bool(batch) and clip.frames.shape[1:] != batch[0].frames.shape[1:]
        if is_other or (batch and len(batch[0].frames) * (len(batch) + 1) > room):
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def pad_clips(batch: Sequence[TestClip], device: str) -> tuple[Tensor, Tensor]:
    """Return the frames (B, T, H, W, C) of clips of one frame size, padded to the longest, and their lengths (B,)."""
    lengths = torch.tensor([len(clip.frames) for clip in batch])
    frames = torch.nn.utils.rnn.pad_sequence([clip.frames for clip in batch], batch_first=True)
    return frames.to(device), lengths.to(device)


def embed_clips(
    clips: Iterable[TestClip],
    tracklets: int,
    describe: Callable[[Tensor, Tensor], Tensor],
    *,
    device: str,
    pixels: int,
    sequences: bool = False,
) -> Embeddings:
    """Embed all clips of some tracklets.

    Args:
        clips: of all tracklets, their views numbered from 0.
        tracklets: number N of tracklets.
        describe: clips (B, T, H, W, C) and their lengths (B,) to vectors (B, D), or sequences (B, S, D).
        device: where `describe` wants its clips.
        pixels: of a frame as the network reads it.
        sequences: whether `describe` returns sequences, all of one length S.

    Returns:
        Vectors (N, D) or sequences (N, S, D); with a leading axis of views where a tracklet has several.
    """
    described: dict[tuple[int, int], Tensor] = {}
    for batch in clip_batches(clips, pixels=pixels):
        rows = describe(*pad_clips(batch, device)).cpu()
        described.update({(clip.tracklet, clip.view): row for clip, row in zip(batch, rows, strict=True)})
    views = torch.zeros(tracklets, dtype=torch.long)
    for tracklet, view in described:
        views[tracklet] = max(int(views[tracklet]), view + 1)
    first = next(iter(described.values()))
    values = first.new_zeros(tracklets, int(views.max()), *first.shape)
    for (tracklet, view), row in described.items():
        values[tracklet, view] = row
    lengths = torch.full((tracklets,), len(first)) if sequences else None
    if values.shape[1] == 1:
        return Embeddings(values=values[:, 0], lengths=lengths)
    return Embeddings(values=values, views=views, lengths=lengths)
