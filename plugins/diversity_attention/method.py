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
    """The diversity-regularised spatiotemporal attention of Li et al., CVPR 2018."""

    name = "diversity-attention"
    version = "1"
    Config = DiversityConfig
    presets: ClassVar[Mapping[str, DiversityConfig]] = PRESETS
    modality = "video"
    attends = True

    def weights_digest(self) -> str | None:
        """Return the identity of the backbone's pretrained weights."""
        return weights_digest(self.config.weights, imagenet_weights("resnet50"))

    def build(self, *, load_weights: bool = True) -> DiversityNetwork:
        """Return a new network."""
        return DiversityNetwork(self.config, load_weights=load_weights)

    def task(self, network: DiversityNetwork, train: TrainingSet) -> StagedTraining:
        """Return the training task of the staged training (DA-9)."""
        return StagedTraining(network, train)

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the descriptors (N, D), or with test_aug=mirror those of both views (N, 2, D)."""
        return embed_clips(
            self._test_clips(tracklets),
            len(tracklets),
            lambda clips, _: self._encode(clips).descriptor,
            device=self.runtime.device,
            pixels=self.config.input_height * self.config.input_width,
        )

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return the spatial (DA-1) and temporal (DA-6) weights in each tracklet; None where they are not learned."""
        attention = []
        for indices, clip in self._plain_clips(tracklets):
            encoding = self._encode(clip[None].to(self.runtime.device))
            spatial, temporal = encoding.spatial, encoding.temporal
            attention.append(
                Attention(
                    frames=indices,
                    spatial=None if spatial is None else spatial[0].cpu(),
                    temporal=None if temporal is None else temporal[0].T.cpu(),
                )
            )
        return attention

    def _encode(self, clips: Tensor) -> ClipEncoding:
        encoding: ClipEncoding = self.network(normalize_clips(clips, self.config.input_size))
        return encoding

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        augmentations = view_augmentations(self.config.test_aug)
        for index, (_, clip) in enumerate(self._plain_clips(tracklets)):
            for view, augmentation in enumerate(augmentations):
                yield TestClip(index, view, augment_clip(clip, augmentation, "replicate"))

    def _plain_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the indices (N,) of the first frame of each chunk per tracklet, and these frames (N, H, W, 3)."""

        def read(tracklet: TrackletView) -> tuple[Tensor, Tensor]:
            indices = sample_chunks(len(tracklet), self.config.frames, chunks=self.config.chunk)
            return torch.from_numpy(indices), torch.from_numpy(
                tracklet.frames(self.config.input_size, indices, enlarge=False)
            )

        return stream_tracklets(tracklets, read)
