"""The method: feature sequences of images or videos, compared with dual attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet, stream_tracklets
from reidbench.nn import imagenet_weights, normalize_clips, weights_digest
from reidbench.plugin import Attention, ConfigError, Embeddings, FitJob, Runtime
from reidbench.training import (
    ClipAugmentation,
    NetworkMethod,
    TestClip,
    augment_clip,
    embed_clips,
    loop_frames,
)

from .config import PRESETS, DuAtmConfig, SequenceKind
from .matching import SideTerms
from .network import DuAtmNetwork, self_attention
from .training import DuAtmTraining


class DuAtm(NetworkMethod[DuAtmConfig, DuAtmNetwork]):
    """Dual attention matching of Si et al., CVPR 2018."""

    name = "duatm"
    version = "1"
    Config = DuAtmConfig
    presets: ClassVar[Mapping[str, DuAtmConfig]] = PRESETS
    modality = "both"
    attends = True
    aligns = True

    def __init__(self, config: DuAtmConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._kind: SequenceKind = "temporal" if config.sequence == "temporal" else "spatial"

    def weights_digest(self) -> str | None:
        """Return the identity of the backbone's pretrained weights."""
        return weights_digest(self.config.weights, imagenet_weights("densenet121"))

    def needs_fit_to_match(self) -> bool:
        """Return whether the matching module is used; matching=avgpool compares mean vectors without it."""
        return self.config.matching != "avgpool"

    def build(self, *, load_weights: bool = True) -> DuAtmNetwork:
        """Return a new network for images or for videos."""
        return DuAtmNetwork(self.config, self._kind, load_weights=load_weights)

    def task(self, network: DuAtmNetwork, train: TrainingSet) -> DuAtmTraining:
        """Return the training task with PK sampling."""
        return DuAtmTraining(network, train)

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train the image branch on images, or the video branch on videos.

        Raises:
            ConfigError: the setting `sequence` does not fit the training data.
        """
        is_video = any(len(tracklet) > 1 for tracklet in train.tracklets)
        if self.config.sequence == "auto":
            self._kind = "temporal" if is_video else "spatial"
        elif self.config.sequence == "spatial" and is_video:
            raise ConfigError("sequence must be temporal or auto for training on videos, got spatial")
        return super().fit(train, job)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state dict, strictly; its names determine the branch."""
        self._kind = "spatial" if any(name.startswith("extraction.project") for name in state) else "temporal"
        super().restore(state)

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return sequences (N, S, D), or (N, A, S, D) with test views; vectors without S for matching=avgpool."""
        matching = self.network.matching

        def encode(clips: Tensor, lengths: Tensor) -> Tensor:
            sequences: Tensor = self.network(normalize_clips(clips, self._size))
            return sequences.mean(1) if matching.gives_vectors else sequences

        return embed_clips(
            self._test_clips(tracklets),
            len(tracklets),
            encode,
            device=self.runtime.device,
            pixels=self._size[0] * self._size[1],
            sequences=not matching.gives_vectors,
        )

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return the distances DM-5 of all pairs, averaged over all pairs of test views."""
        return self.pair_scorer(query, gallery)(slice(0, len(query)), slice(0, len(gallery)))

    @torch.inference_mode()
    def pair_scorer(self, query: Embeddings, gallery: Embeddings) -> Callable[[slice, slice], Tensor]:
        """Return a function for blocks of DM-5; filters and refined vectors are computed here, once per search."""
        sides = [self._compute_terms(side) for side in (query, gallery)]
        views = [len(terms) // len(side) for terms, side in zip(sides, (query, gallery), strict=True)]

        @torch.inference_mode()
        def score(rows: slice, columns: slice) -> Tensor:
            blocks = [
                side[slice(block.start * count, block.stop * count)]
                for side, block, count in zip(sides, (rows, columns), views, strict=True)
            ]
            distances = self.network.matching.distances(*blocks)
            items = len(blocks[0]) // views[0], len(blocks[1]) // views[1]
            return distances.view(items[0], views[0], items[1], views[1]).mean((1, 3))

        return score

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return the intra-sequence attention that each location of an image, or frame of a video, receives.

        Raises:
            ConfigError: the matching has no intra-sequence attention.
        """
        if self.config.matching not in ("dual", "intra"):
            raise ConfigError(f"matching must be dual or intra for attention, got {self.config.matching}")
        attention = []
        for tracklet in tracklets:
            frames = self._windows(tracklet.window_seed, len(tracklet))[0]
            weights = self_attention(self.network, self._sequence(tracklet)).cpu()
            if self._kind == "temporal":
                attention.append(Attention(frames=torch.from_numpy(frames), temporal=weights))
            else:
                maps = weights.view(1, 1, *self.network.backbone.grid)
                attention.append(Attention(frames=torch.from_numpy(frames), spatial=maps))
        return attention

    @torch.inference_mode()
    def alignment(self, query: TrackletView, gallery: TrackletView) -> Tensor:
        """Return the inter-sequence attention of DM-3 of each vector of the query: (S, T), rows sum to 1.

        Raises:
            ConfigError: the matching has no inter-sequence attention.
        """
        if self.config.matching not in ("dual", "inter"):
            raise ConfigError(f"matching must be dual or inter for alignment, got {self.config.matching}")
        first, second = self._sequence(query), self._sequence(gallery)
        matching = self.network.matching
        return matching.attention(matching.filters(first), second)[0].cpu()

    def _sequence(self, tracklet: TrackletView) -> Tensor:
        """Return the sequence (1, S, D) of the plain view."""
        frames = tracklet.frames(self._size, self._windows(tracklet.window_seed, len(tracklet))[0])
        clip = torch.from_numpy(frames)[None].to(self.runtime.device)
        sequence: Tensor = self.network(normalize_clips(clip, self._size))
        return sequence

    def _compute_terms(self, side: Embeddings) -> SideTerms:
        # All items have the same number of views.
        values = side.values if side.views is None else side.values.flatten(0, 1)
        values = (values if side.lengths is not None else values[:, None]).to(self.runtime.device)
        chunks = [self.network.matching.compute_terms(chunk) for chunk in torch.split(values, 256)]
        filters = [chunk.filters for chunk in chunks if chunk.filters is not None]
        return SideTerms(
            vectors=values,
            filters=torch.cat(filters) if filters else None,
            references=torch.cat([chunk.references for chunk in chunks]),
        )

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        mirrors = (False,) if self.config.test_aug == "none" else (False, True)
        for index, windows in enumerate(stream_tracklets(tracklets, self._read)):
            views = [(window, mirror) for window in windows for mirror in mirrors]
            for view, (window, mirror) in enumerate(views):
                yield TestClip(index, view, augment_clip(window, ClipAugmentation(mirror=mirror), "zeros"))

    def _read(self, tracklet: TrackletView) -> list[Tensor]:
        """Read the frames of each test window; other frames are not decoded."""
        if self._kind == "spatial" and len(tracklet) > 1:
            raise ConfigError(
                f"cannot embed a video of {len(tracklet)} frames: duatm was trained on images. Test it on an image "
                "protocol."
            )
        windows = self._windows(tracklet.window_seed, len(tracklet))
        frames = tracklet.frames(self._size, np.concatenate(windows))
        return [torch.from_numpy(window) for window in np.split(frames, len(windows))]

    def _windows(self, seed: int, length: int) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
        """Return the frame indices of each test window, all of equal length; the plain window is first."""
        if self._kind == "spatial":
            return [np.zeros(1, np.int64)]
        count, last = self.config.test_len, max(length - self.config.test_len, 0)
        random = np.random.default_rng(seed if self.config.test_window == "random" else 0)
        plain = {"first": 0, "center": last // 2, "random": int(random.integers(last + 1))}[
            self.config.test_window
        ]
        starts = [plain]
        if self.config.test_aug == "flip+windows":
            others = [0, last // 2, last]
            others.remove(plain if plain in others else 0)
            starts += others
        if self.config.short == "pad_last":
            return [np.minimum(start + np.arange(count), length - 1) for start in starts]
        return [loop_frames(length, count, start) for start in starts]

    @property
    def _size(self) -> tuple[int, int]:
        return self.config.size(self._kind)
