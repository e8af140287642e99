"""The method: training on pairs, one vector per tracklet and test-time view, Euclidean matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet, stream_tracklets
from reidbench.plugin import Attention, ConfigError, Embeddings
from reidbench.training import NetworkMethod, TestClip, cut_window, embed_clips

from .config import PRESETS, ConvAttentionConfig
from .flow import read_frames
from .frames import central_crop, crop_frames, normalize_frames, view_crops
from .network import ConvAttentionNetwork
from .training import PairTraining

# The first stage keeps 16 maps of the frame's size, so a forward pass has this many times fewer frames.
MAPS = 8


class ConvAttention(NetworkMethod[ConvAttentionConfig, ConvAttentionNetwork]):
    """Video-based convolutional attention, Zamprogno et al., ICIAP 2019."""

    name = "conv-attention"
    version = "1"
    Config = ConvAttentionConfig
    presets: ClassVar[Mapping[str, ConvAttentionConfig]] = PRESETS
    modality = "video"
    attends = True

    def build(self, *, load_weights: bool = True) -> ConvAttentionNetwork:
        """Return a new network; there are no pretrained weights."""
        return ConvAttentionNetwork(self.config)

    def task(self, network: ConvAttentionNetwork, train: TrainingSet) -> PairTraining:
        """Return the training task on pairs (CA-12)."""
        return PairTraining(network, train)

    def clip_value(self) -> float | None:
        """Return the largest absolute value of a gradient entry."""
        return self.config.clip

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the vectors (N, A, D) of all views of each tracklet, or (N, D) if each has one view."""
        crops = view_crops(self.config)

        def encode(clips: Tensor, lengths: Tensor) -> Tensor:
            frames = normalize_frames(clips, self.config.norm)
            views = [
                self.network(crop_frames(frames, crop, self.config), lengths).descriptor for crop in crops
            ]
            return torch.stack(views, 1)

        clips = (
            TestClip(index, 0, frames)
            for index, frames in enumerate(stream_tracklets(tracklets, self._test_frames))
        )
        pixels = MAPS * self.config.frame_height * self.config.frame_width
        values = embed_clips(clips, len(tracklets), encode, device=self.runtime.device, pixels=pixels).values
        if len(crops) == 1:
            return Embeddings(values=values[:, 0])
        return Embeddings(values=values, views=torch.full((len(values),), len(crops)))

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return A_t of every frame in the central crop; parallel modules give several maps per frame.

        With refine=repeat, the steps process the mean over all frames, so every frame has the maps of all steps.

        Raises:
            ConfigError: the network has no attention module.
        """
        if self.config.attention_filters == 0:
            raise ConfigError("attention_filters must be at least 1 for attention, got 0")
        crop = central_crop(self.config)
        height, width = self.config.frame_size
        extent = (
            crop.top / height,
            crop.left / width,
            (crop.top + self.config.crop_height) / height,
            (crop.left + self.config.crop_width) / width,
        )
        attention = []
        for tracklet, frames in zip(tracklets, stream_tracklets(tracklets, self._test_frames), strict=True):
            clip = normalize_frames(frames[None].to(self.runtime.device), self.config.norm)
            weights = self.network(crop_frames(clip, crop, self.config)).attention[0].cpu()
            if self.config.refine == "repeat":
                weights = weights.flatten(0, 1).expand(len(frames), -1, -1, -1)
            window = cut_window(len(tracklet), self.config.test_len, self.config.test_window)
            indices = torch.arange(len(tracklet))[window]
            attention.append(Attention(frames=indices, spatial=weights, extent=extent))
        return attention

    def _test_frames(self, tracklet: TrackletView) -> Tensor:
        window = cut_window(len(tracklet), self.config.test_len, self.config.test_window)
        return read_frames(tracklet, self.config, window)
