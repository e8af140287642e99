"""A complete method in one file: the mean colour of each row of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from reidbench.datasets import TrackletView, stream_frames
from reidbench.plugin import Embeddings, FixedMethod, MethodSpec, hookimpl, setting


@dataclass(frozen=True, kw_only=True)
class MeanColorConfig:
    height: int = setting(64, "height of the resized frames in pixels", stage="embed", ge=2)


class MeanColor(FixedMethod):
    name = "mean-color"
    version = "1"
    Config = MeanColorConfig
    presets = {"paper": MeanColorConfig()}

    def embed(self, tracklets: Sequence[TrackletView]) -> Embeddings:
        size = (self.config.height, self.config.height // 2)
        # One (T, H, W, C) array per tracklet; the mean over time and width is (H, C).
        rows = [frames.mean((0, 2)).ravel() for frames in stream_frames(tracklets, size)]
        return Embeddings(values=torch.stack([torch.tensor(row) for row in rows]).float())


@hookimpl
def reidbench_methods() -> list[MethodSpec]:
    target = f"{__name__}:MeanColor"
    return [MethodSpec(name="mean-color", target=target, summary="mean colour of each row of pixels")]
