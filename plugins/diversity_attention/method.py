"""The method: staged training, one descriptor per tracklet and test-time view, Euclidean matching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet, stream_tracklets
from reidbench.nn import imagenet_weights, normalize_clips, weights_digest
from reidbench.plugin import Attention, Embeddings
from reidbench.training import (
    NetworkMethod,
    TestClip,
    augment_clip,
    embed_clips,
    sample_chunks,
    view_augmentations,
)

from .config import PRESETS, DiversityConfig
from .network import ClipEncoding, DiversityNetwork
from .training import StagedTraining


class DiversityAttention(NetworkMethod[DiversityConfig, DiversityNetwork]):
    """The diversity regularised spatiotemporal attention of Li et al., CVPR 2018."""

    name = "diversity-attention"
    version = "1"
    Config = DiversityConfig
    presets: ClassVar[Mapping[str, DiversityConfig]] = PRESETS
    modality = "video"
    attends = True

    def weights_digest(self) -> str | None:
        """Return what identifies the backbone's pretrained weights."""
        return weights_digest(self.config.weights, imagenet_weights("resnet50"))

    def build(self, *, load_weights: bool = True) -> DiversityNetwork:
        """Return a new network."""
        return DiversityNetwork(self.config, load_weights=load_weights)

    def task(self, network: DiversityNetwork, train: TrainingSet) -> StagedTraining:
        """Return the staged training (DA-9)."""
        return StagedTraining(network, train)

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the descriptors (N, D), or with mirror images those of both views, (N, 2, D)."""
        return embed_clips(
            self._test_clips(tracklets),
            len(tracklets),
            lambda clips, _: self._encode(clips).descriptor,
            device=self.runtime.device,
            pixels=self.config.input_height * self.config.input_width,
        )

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return where (DA-1) and when (DA-6) the network looks in each tracklet; None for what has no weights."""
        found = []
        for chosen, clip in self._plain_clips(tracklets):
            encoding = self._encode(clip[None].to(self.runtime.device))
            where, when = encoding.spatial, encoding.temporal
            found.append(
                Attention(
                    frames=chosen,
                    spatial=None if where is None else where[0].cpu(),
                    temporal=None if when is None else when[0].T.cpu(),
                )
            )
        return found

    def _encode(self, clips: Tensor) -> ClipEncoding:
        encoding: ClipEncoding = self.network(normalize_clips(clips, self.config.input_size))
        return encoding

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        changes = view_augmentations(self.config.test_aug)
        for number, (_, clip) in enumerate(self._plain_clips(tracklets)):
            for view, change in enumerate(changes):
                yield TestClip(number, view, augment_clip(clip, change, "replicate"))

    def _plain_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the positions (N,) of the first frame of each chunk of a tracklet, and these frames (N, H, W, 3)."""

        def read(tracklet: TrackletView) -> tuple[Tensor, Tensor]:
            chosen = sample_chunks(len(tracklet), self.config.frames, chunks=self.config.chunk)
            return torch.from_numpy(chosen), torch.from_numpy(
                tracklet.frames(self.config.input_size, chosen, enlarge=False)
            )

        return stream_tracklets(tracklets, read)
