"""The method: training on pairs, one descriptor per tracklet and test-time view, Euclidean or learned matching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet, stream_tracklets
from reidbench.nn import mean_over_views, normalize_clips, weights_digest
from reidbench.plugin import Attention, ConfigError, Embeddings, FitJob
from reidbench.training import (
    ClipAugmentation,
    NetworkMethod,
    TestClip,
    augment_clip,
    batch_clips,
    cut_window,
    embed_clips,
    pad_clips,
    view_augmentations,
)

from .backbones import choose_published_weights
from .config import PRESETS, SiameseConfig
from .network import SiameseConvGRU
from .pooling import fit_fisher
from .training import PairTraining

# Shorter sequences have several test-time views; Wu et al. 2018, evaluation section.
SHORT_SEQUENCE = 128


class SiameseConvGru(NetworkMethod[SiameseConfig, SiameseConvGRU]):
    """The deep Siamese attention network of Wu et al., TMM 2018."""

    name = "siamese-convgru"
    version = "1"
    Config = SiameseConfig
    presets: ClassVar[Mapping[str, SiameseConfig]] = PRESETS
    modality = "video"
    attends = True

    def weights_digest(self) -> str | None:
        """Return the identity of the backbone's pretrained weights."""
        return weights_digest(self.config.weights, choose_published_weights(self.config))

    def needs_fit_to_match(self) -> bool:
        """Return whether matching uses the learned similarity W-8, which is part of the network."""
        return self.config.score == "similarity"

    def build(self, *, load_weights: bool = True) -> SiameseConvGRU:
        """Return a new network."""
        return SiameseConvGRU(self.config, load_weights=load_weights)

    def task(self, network: SiameseConvGRU, train: TrainingSet) -> PairTraining:
        """Return the training task on pairs (W-9)."""
        return PairTraining(network, train)

    def clip_value(self) -> float | None:
        """Return the largest absolute value of a gradient entry."""
        return self.config.clip

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train on pairs (W-9); with temporal_pool=fisher, then fit the mixture."""
        seconds = super().fit(train, job)
        self._fit_fisher(self.network, train, job)
        return seconds

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the descriptors (N, A, D) of all views of each tracklet, or (N, D) if each has one view."""
        return embed_clips(
            self._test_clips(tracklets),
            len(tracklets),
            lambda clips, lengths: self.network(self._normalize(clips), lengths).descriptor,
            device=self.runtime.device,
            pixels=self._pixels,
        )

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return Euclidean distances, or with score=similarity the negative similarity (W-8), averaged over views."""
        if self.config.score == "euclidean":
            return super().distance(query, gallery)
        similarity = self.network.similarity

        @torch.inference_mode()
        def negative_similarity(first: Tensor, second: Tensor) -> Tensor:
            # In float64, s stays below 1 for logits up to 36; in float32, saturated scores would tie.
            return -similarity.between(first, second).double().sigmoid()

        return mean_over_views(negative_similarity, query.values, query.views, gallery.values, gallery.views)

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> list[Attention]:
        """Return the location weights (F, 1, h, w) of W-3 and the frame weights (1, F) of W-6 in the plain view.

        Weights that are not learned, or that the descriptor does not use (maximum, Fisher vectors), are None.

        Raises:
            ConfigError: the settings have neither spatial nor temporal attention.
        """
        network = self.network
        has_spatial = network.stack.attention is not None
        has_temporal = self.config.temporal_pool == "attention"
        if not has_spatial and not has_temporal:
            raise ConfigError(
                "spatial_attention must be learned (with more than one location) or temporal_pool attention, "
                f"got {self.config.spatial_attention} and {self.config.temporal_pool}"
            )
        attention: dict[int, Attention] = {}
        for batch in batch_clips(self._plain_clips(tracklets), pixels=self._pixels):
            frames, lengths = pad_clips(batch, self.runtime.device)
            encoding = network(self._normalize(frames), lengths)
            maps = encoding.attention.unflatten(2, (1, *network.stack.grid)).cpu()
            weights = encoding.frame_weights[:, None].cpu()
            for row, clip in enumerate(batch):
                count, length = len(clip.frames), len(tracklets[clip.tracklet])
                attention[clip.tracklet] = Attention(
                    frames=torch.arange(length)[
                        cut_window(length, self.config.test_len, self.config.test_window)
                    ],
                    spatial=maps[row, :count] if has_spatial else None,
                    temporal=weights[row, :, :count] if has_temporal else None,
                )
        return [attention[index] for index in range(len(tracklets))]

    @torch.inference_mode()
    def _fit_fisher(self, network: SiameseConvGRU, train: TrainingSet, job: FitJob) -> None:
        """Fit the mixture (W-10) to the states of all training frames in the plain view."""
        if network.fisher is None:
            return
        clips = [
            TestClip(row, 0, torch.tensor(frames[cut_window(len(frames), self.config.test_len, "first")]))
            for row, frames in enumerate(stream_tracklets(train.tracklets, self._read))
        ]
        vectors = []
        for batch in batch_clips(clips, pixels=self._pixels):
            frames, lengths = pad_clips(batch, self.runtime.device)
            vectors.append(network.frame_vectors(self._normalize(frames), lengths).cpu())
        network.fisher.set_mixture(
            fit_fisher(torch.cat(vectors), self.config.fv_components, job.seed % 2**32)
        )

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        for plain in self._plain_clips(tracklets):
            augmentations = sequence_views(len(tracklets[plain.tracklet]), self.config)
            for view, augmentation in enumerate(augmentations):
                frames = augment_clip(plain.frames, augmentation, self.config.crop_pad_mode)
                yield TestClip(plain.tracklet, view, frames)

    def _plain_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        """Yield the embedded frames of each tracklet, neither shifted nor mirrored."""
        for index, frames in enumerate(stream_tracklets(tracklets, self._read)):
            window = cut_window(len(frames), self.config.test_len, self.config.test_window)
            yield TestClip(index, 0, torch.tensor(frames[window]))

    def _read(self, tracklet: TrackletView) -> Any:
        return tracklet.frames(self.config.input_size, enlarge=False)

    def _normalize(self, clips: Tensor) -> Tensor:
        return normalize_clips(clips, self.config.input_size)

    @property
    def _pixels(self) -> int:
        return self.config.input_height * self.config.input_width


def sequence_views(length: int, config: SiameseConfig) -> list[ClipAugmentation]:
    """Return the test-time augmentations of a sequence of `length` frames, over which distances are averaged."""
    is_long = length >= SHORT_SEQUENCE and not config.test_aug_always
    return view_augmentations("none" if is_long else config.test_aug)
