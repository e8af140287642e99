"""The method: feature sequences of images or videos, compared by dual attention."""

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
from .matching import Prepared
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
        """Return what identifies the backbone's pretrained weights."""
        return weights_digest(self.config.weights, imagenet_weights("densenet121"))

    def needs_fit_to_match(self) -> bool:
        """The matching module is a part of the network, unless mean vectors are compared."""
        return self.config.matching != "avgpool"

    def build(self, *, load_weights: bool = True) -> DuAtmNetwork:
        """Return a new network for images or for videos."""
        return DuAtmNetwork(self.config, self._kind, load_weights=load_weights)

    def task(self, network: DuAtmNetwork, train: TrainingSet) -> DuAtmTraining:
        """Return the training on batches of P people with V sequences each."""
        return DuAtmTraining(network, train)

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train the image branch on images, the video branch on videos.

        Raises:
            ConfigError: the setting `sequence` does not fit the training data.
        """
        is_video = any(len(tracklet) > 1 for tracklet in train.tracklets)
        if self.config.sequence == "auto":
            self._kind = "temporal" if is_video else "spatial"
        elif self.config.sequence == "spatial" and is_video:
            raise ConfigError("sequence must be temporal or auto for training data of videos, got spatial")
        return super().fit(train, job)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back a state dict, strictly; it says which branch was trained."""
        self._kind = "spatial" if any(name.startswith("extraction.project") for name in state) else "temporal"
        super().restore(state)

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the sequences (N, S, D) of tracklets, (N, A, S, D) with test views; vectors for matching=avgpool."""
        matching = self.network.matching

        def describe(clips: Tensor, lengths: Tensor) -> Tensor:
            sequences: Tensor = self.network(normalize_clips(clips, self._size))
            return sequences.mean(1) if matching.gives_vectors else sequences

        return embed_clips(
            self._test_clips(tracklets),
            len(tracklets),
            describe,
            device=self.runtime.device,
            pixels=self._size[0] * self._size[1],
            sequences=not matching.gives_vectors,
        )

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return DM-5 for all pairs, averaged over all pairs of test views."""
        return self.pair_scorer(query, gallery)(slice(0, len(query)), slice(0, len(gallery)))

    @torch.inference_mode()
    def pair_scorer(self, query: Embeddings, gallery: Embeddings) -> Callable[[slice, slice], Tensor]:
        """Return DM-5 on blocks; filters and refined vectors of each sequence are computed here, once."""
        sides = [self._prepared(side) for side in (query, gallery)]
        views = [len(prepared) // len(side) for prepared, side in zip(sides, (query, gallery), strict=True)]

        @torch.inference_mode()
        def score(rows: slice, columns: slice) -> Tensor:
            blocks = [
                side[slice(chosen.start * count, chosen.stop * count)]
                for side, chosen, count in zip(sides, (rows, columns), views, strict=True)
            ]
            distances = self.network.matching.distances(*blocks)
            items = len(blocks[0]) // views[0], len(blocks[1]) // views[1]
            return distances.view(items[0], views[0], items[1], views[1]).mean((1, 3))

        return score

    @torch.inference_mode()
    def attention(self, tracklets: Sequence[TrackletView]) -> Sequence[Attention]:
        """Return how much each place of an image, or frame of a video, is looked at inside its own sequence.

        Raises:
            ConfigError: a matching without intra-sequence attention.
        """
        if self.config.matching not in ("dual", "intra"):
            raise ConfigError(
                f"matching must be dual or intra to look at a sequence, got {self.config.matching}"
            )
        found = []
        for tracklet in tracklets:
            frames = self._windows(tracklet.id, len(tracklet))[0]
            looked_at = self_attention(self.network, self._sequence(tracklet)).cpu()
            if self._kind == "temporal":
                found.append(Attention(frames=torch.from_numpy(frames), temporal=looked_at))
            else:
                maps = looked_at.view(1, 1, *self.network.backbone.grid)
                found.append(Attention(frames=torch.from_numpy(frames), spatial=maps))
        return found

    @torch.inference_mode()
    def alignment(self, query: TrackletView, gallery: TrackletView) -> Tensor:
        """Return the inter-sequence attention of DM-3 from each vector of the query: (S, T), rows sum to 1.

        Raises:
            ConfigError: a matching without inter-sequence attention.
        """
        if self.config.matching not in ("dual", "inter"):
            raise ConfigError(
                f"matching must be dual or inter to align sequences, got {self.config.matching}"
            )
        first, second = self._sequence(query), self._sequence(gallery)
        matching = self.network.matching
        return matching.attention(matching.filters(first), second)[0].cpu()

    def _sequence(self, tracklet: TrackletView) -> Tensor:
        """Return the sequence (1, S, D) of the plain test view."""
        frames = tracklet.frames(self._size, self._windows(tracklet.id, len(tracklet))[0])
        clip = torch.from_numpy(frames)[None].to(self.runtime.device)
        sequence: Tensor = self.network(normalize_clips(clip, self._size))
        return sequence

    def _prepared(self, side: Embeddings) -> Prepared:
        values = side.values if side.views is None else side.values.flatten(0, 1)  # all have the same views
        values = (values if side.lengths is not None else values[:, None]).to(self.runtime.device)
        parts = [self.network.matching.prepared(part) for part in torch.split(values, 256)]
        filters = [part.filters for part in parts if part.filters is not None]
        return Prepared(
            vectors=values,
            filters=torch.cat(filters) if filters else None,
            references=torch.cat([part.references for part in parts]),
        )

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[TestClip]:
        mirrors = (False,) if self.config.test_aug == "none" else (False, True)
        for number, windows in enumerate(stream_tracklets(tracklets, self._read)):
            conditions = [(window, mirror) for window in windows for mirror in mirrors]
            for view, (window, mirror) in enumerate(conditions):
                yield TestClip(number, view, augment_clip(window, ClipAugmentation(mirror=mirror), "zeros"))

    def _read(self, tracklet: TrackletView) -> list[Tensor]:
        """Return the frames of each test window; those outside of all are not decoded."""
        if self._kind == "spatial" and len(tracklet) > 1:
            raise ConfigError(
                f"duatm was trained on images and cannot embed a video of {len(tracklet)} frames: "
                "test it on an image protocol"
            )
        windows = self._windows(tracklet.id, len(tracklet))
        frames = tracklet.frames(self._size, np.concatenate(windows))
        return [torch.from_numpy(part) for part in np.split(frames, len(windows))]

    def _windows(self, identifier: str, length: int) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
        """Return the frames of each test window, all of the same number; the plain one comes first."""
        if self._kind == "spatial":
            return [np.zeros(1, np.int64)]
        count, room = self.config.test_len, max(length - self.config.test_len, 0)
        random = np.random.default_rng(int(identifier, 16) if self.config.test_window == "random" else 0)
        plain = {"first": 0, "center": room // 2, "random": int(random.integers(room + 1))}[
            self.config.test_window
        ]
        chosen = [plain]
        if self.config.test_aug == "flip+windows":
            others = [0, room // 2, room]
            others.remove(plain if plain in others else 0)
            chosen += others
        if self.config.short == "pad_last":
            return [np.minimum(start + np.arange(count), length - 1) for start in chosen]
        return [loop_frames(length, count, start) for start in chosen]

    @property
    def _size(self) -> tuple[int, int]:
        return self.config.size(self._kind)
