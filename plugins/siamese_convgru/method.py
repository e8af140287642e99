"""The method: training on pairs, one descriptor per tracklet and test-time view, Euclidean or learned matching."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet, stream_frames
from reidbench.nn import mean_over_views
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.training import Precision, TrainingSettings, train

from .augment import change_clip, test_changes, test_window
from .backbones import weights_digest
from .config import PRESETS, SiameseConfig
from .frames import as_input, load_size
from .network import SiameseConvGRU
from .pooling import fit_fisher
from .training import PairTraining

PRECISIONS: Mapping[str, Precision] = {"none": "32-true", "fp16": "16-mixed", "bf16": "bf16-mixed"}
PIXELS = 1 << 24  # of a forward pass without gradients; bounds the memory of embedding
log = logging.getLogger("reidbench.plugins.siamese_convgru")


@dataclass(frozen=True)
class _Clip:
    """One test-time view of one tracklet: (T, H, W, 3) uint8."""

    tracklet: int
    view: int
    frames: Tensor


class SiameseConvGru(Method):
    """The deep Siamese attention network of Wu et al., TMM 2018."""

    name = "siamese-convgru"
    version = "1"
    Config = SiameseConfig
    presets: ClassVar[Mapping[str, SiameseConfig]] = PRESETS
    modality = "video"

    config: SiameseConfig

    def __init__(self, config: SiameseConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._network: SiameseConvGRU | None = None

    def prepare(self) -> None:
        """Build the network once: weights that cannot be had or sizes that do not fit show before any work."""
        SiameseConvGRU(self.config)

    def weights_digest(self) -> str | None:
        """Return what identifies the backbone's pretrained weights."""
        return weights_digest(self.config)

    def needs_fit_to_match(self) -> bool:
        """The learned similarity W-8 is a part of the network."""
        return self.config.score == "similarity"

    def fit(self, train: TrainingSet, job: FitJob) -> float:
        """Train on pairs (W-9), then fit the Fisher mixture where it is asked for."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            network = SiameseConvGRU(self.config)
        task = PairTraining(network, train)
        seconds = self._train(task, job)
        self._network = network.to(self.runtime.device).eval()
        if network.fisher is not None:
            self._fit_fisher(network, train, job)
        return seconds

    def state(self) -> Mapping[str, Any]:
        """Return the network's state dict, on the CPU."""
        return {name: value.cpu() for name, value in self._fitted().state_dict().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back a state dict, strictly."""
        network = SiameseConvGRU(self.config, load_weights=False)
        network.load_state_dict(state)
        self._network = network.to(self.runtime.device).eval()

    @torch.inference_mode()
    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        """Return the descriptors (N, A, D) of all views of each tracklet, (N, D) where each has one."""
        clips = list(self._test_clips(tracklets))
        views = torch.tensor([sum(clip.tracklet == n for clip in clips) for n in range(len(tracklets))])
        described = {}
        for batch in _batches(clips, self.config):
            descriptors = self._describe(batch).cpu()
            described.update(
                {(clip.tracklet, clip.view): row for clip, row in zip(batch, descriptors, strict=True)}
            )
        values = next(iter(described.values())).new_zeros(
            len(tracklets), int(views.max()), len(descriptors[0])
        )
        for (tracklet, view), row in described.items():
            values[tracklet, view] = row
        if values.shape[1] == 1:
            return Embeddings(values=values[:, 0])
        return Embeddings(values=values, views=views)

    def distance(self, query: Embeddings, gallery: Embeddings) -> Tensor:
        """Return Euclidean distances, or with score=similarity the negative of s (W-8), averaged over views."""
        if self.config.score == "euclidean":
            return super().distance(query, gallery)
        similarity = self._fitted().similarity

        @torch.inference_mode()
        def unlikeness(first: Tensor, second: Tensor) -> Tensor:
            # in float64, where s stays below 1 for logits up to 36: saturated scores would tie
            return -similarity.between(first, second).double().sigmoid()

        return mean_over_views(unlikeness, query.values, query.views, gallery.values, gallery.views)

    def _train(self, task: PairTraining, job: FitJob) -> float:
        settings = TrainingSettings(
            epochs=self.config.epochs,
            seed=job.seed,
            device=self.runtime.device,
            precision=PRECISIONS[self.config.amp],
            clip_value=self.config.clip,
            progress=self.runtime.progress,
        )
        done = train(task, settings, workspace=job.workspace, fingerprint=job.fingerprint)
        for row in done.epochs:
            log.info("%s", ", ".join(f"{name} {value:.6g}" for name, value in row.items()))
        return done.seconds

    @torch.inference_mode()
    def _fit_fisher(self, network: SiameseConvGRU, train: TrainingSet, job: FitJob) -> None:
        """Fit the mixture (W-10) to the states of all training frames; one plain view of each tracklet."""
        if network.fisher is None:
            return
        clips = [
            _Clip(row, 0, torch.tensor(frames[test_window(len(frames), self.config.test_len, "first")]))
            for row, frames in enumerate(stream_frames(train.tracklets, load_size(self.config)))
        ]
        vectors = [
            network.frame_vectors(*_padded(batch, self.config, self.runtime.device)).cpu()
            for batch in _batches(clips, self.config)
        ]
        network.fisher.take(fit_fisher(torch.cat(vectors), self.config.fv_components, job.seed % 2**32))

    def _test_clips(self, tracklets: Sequence[TrackletView]) -> Iterator[_Clip]:
        for number, frames in enumerate(stream_frames(tracklets, load_size(self.config))):
            window = test_window(len(frames), self.config.test_len, self.config.test_window)
            whole = torch.tensor(frames[window])
            for view, change in enumerate(test_changes(len(frames), self.config)):
                yield _Clip(number, view, change_clip(whole, change, self.config.crop_pad_mode))

    def _describe(self, batch: Sequence[_Clip]) -> Tensor:
        descriptor: Tensor = self._fitted()(*_padded(batch, self.config, self.runtime.device)).descriptor
        return descriptor

    def _fitted(self) -> SiameseConvGRU:
        if self._network is None:
            raise RuntimeError("embed and distance come after fit or restore")
        return self._network


def _batches(clips: Sequence[_Clip], config: SiameseConfig) -> Iterator[list[_Clip]]:
    """Yield clips of like length together, as many as the memory of a forward pass allows."""
    room = max(PIXELS // (config.input_height * config.input_width), 1)  # frames
    batch: list[_Clip] = []
    for clip in sorted(clips, key=lambda clip: len(clip.frames), reverse=True):
        if batch and len(batch[0].frames) * (len(batch) + 1) > room:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def _padded(batch: Sequence[_Clip], config: SiameseConfig, device: str) -> tuple[Tensor, Tensor]:
    """Return the clips of a batch as network input, padded to the longest, and their lengths (B,)."""
    lengths = torch.tensor([len(clip.frames) for clip in batch])
    frames = torch.nn.utils.rnn.pad_sequence([clip.frames for clip in batch], batch_first=True)
    return as_input(frames.to(device), config), lengths.to(device)
