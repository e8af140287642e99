"""The network: feature sequences of frames, and the matching of sequences.

Sizes: B clips, T frames, S vectors of length D per sequence.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import Backbone, densenet121_body, map_side, small_body, upcast_half

from .config import DuAtmConfig, Recurrent, SequenceKind
from .matching import SequenceMatching

_LAYERS: dict[Recurrent, Callable[..., nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class LocationSequence(nn.Module):
    """The image branch: a linear layer turns each location of a map into a vector."""

    def __init__(self, channels: int, dimension: int) -> None:
        super().__init__()
        self.project = nn.Linear(channels, dimension)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, h w, D), in row-major order, for maps (B, 1, C, h, w)."""
        projected: Tensor = self.project(maps[:, 0].flatten(2).mT)
        return projected


class FrameSequence(nn.Module):
    """The video branch: all states of a bidirectional recurrent layer over the pooled maps of the frames."""

    def __init__(self, channels: int, config: DuAtmConfig) -> None:
        super().__init__()
        self.pool, self.merge = config.frame_pool, config.rnn_merge
        units = config.feat_dim // 2 if config.rnn_merge == "concat" else config.feat_dim
        self.recurrent = _LAYERS[config.rnn](channels, units, batch_first=True, bidirectional=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, T, D) for maps (B, T, C, h, w)."""
        pooled = maps.mean((3, 4)) if self.pool == "avg" else maps.amax((3, 4))
        states: Tensor = self.recurrent(pooled)[0]
        if self.merge == "concat":
            return states
        forward, backward = states.chunk(2, 2)
        return forward + backward


class DuAtmNetwork(nn.Module):
    """The network: extraction and matching of feature sequences.

    Args:
        config: settings.
        kind: axis of the sequences, "spatial" or "temporal".
        load_weights: whether to read the backbone's pretrained weights.

    Raises:
        WeightsError: the pretrained weights cannot be fetched or read, or do not fit.
    """

    def __init__(self, config: DuAtmConfig, kind: SequenceKind, *, load_weights: bool = True) -> None:
        super().__init__()
        self.config, self.kind = config, kind
        if config.backbone == "small":
            (body, channels), strides = small_body(), 3
        else:
            body, channels = densenet121_body(config.weights, load_weights=load_weights)
            strides = 5
        height, width = config.size(kind)
        grid = (map_side(height, strides), map_side(width, strides))
        self.backbone = Backbone(body, channels, grid, trainable=True)
        self.extraction: nn.Module = (
            LocationSequence(channels, config.feat_dim)
            if kind == "spatial"
            else FrameSequence(channels, config)
        )
        self.matching = SequenceMatching(
            config.feat_dim,
            matching=config.matching,
            intra_pairing=config.intra_pairing,
            scale=config.attn_scale,
            eps=config.eps,
        )

    def forward(self, clips: Tensor) -> Tensor:
        """Return the sequences (B, S, D) of clips (B, T, 3, H, W), with vectors of unit length.

        S is the number of locations of a map for images, where T is 1, and T for videos.
        """
        maps = self.backbone(clips.flatten(0, 1))
        sequences = self.extraction(maps.view(*clips.shape[:2], *maps.shape[1:]))
        return F.normalize(upcast_half(sequences), dim=2)

    def sequence_length(self, frames: int) -> int:
        """Return S for clips with a number of frames."""
        return self.backbone.grid[0] * self.backbone.grid[1] if self.kind == "spatial" else frames


def self_attention(network: DuAtmNetwork, sequences: Tensor) -> Tensor:
    """Return the attention that each vector of a sequence receives within it: (B, S), rows sum to 1.

    This is the mean over the rows of the intra-sequence attention of DM-3.
    """
    with torch.inference_mode():
        filters = network.matching.filters(sequences)
        return network.matching.attention(filters, sequences).mean(1)
