"""The network: spatial attention, ConvGRU layers and temporal pooling.

W-n are equations of Wu et al. 2018. Sizes: B clips, T frames, D channels and h x w map of the backbone, K2 = h w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import ConvGRUCell, upcast_half, valid_frames
from reidbench.plugin import ConfigError

from .backbones import build_backbone
from .config import AttentionInput, SiameseConfig
from .losses import PairSimilarity
from .pooling import FisherPooling, TemporalPooling

Grid = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ClipEncoding:
    """The network's outputs for B clips.

    Attributes:
        descriptor: (B, D_out).
        attention: (B, T, K2) location weights; they sum to 1 per frame and are 0 for padded frames.
        frame_weights: (B, T) temporal weights; rows sum to 1, padded frames have 0.
        states: (B, T, C, h, w) of the top layer, arbitrary for padded frames; None unless requested.
    """

    descriptor: Tensor
    attention: Tensor
    frame_weights: Tensor
    states: Tensor | None = None


class StateInitialiser(nn.Module):
    """Initial states from the mean frame feature, W-7: one two-layer tanh MLP per layer, broadcast over the grid."""

    def __init__(self, features: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.perceptrons = nn.ModuleList(
            nn.Sequential(_linear(features, count), nn.Tanh(), _linear(count, count), nn.Tanh())
            for count in channels
        )

    def forward(self, feature: Tensor) -> list[Tensor]:
        """Return the initial state (B, C_l, 1, 1) of every layer l for mean features (B, D)."""
        return [perceptron(feature)[:, :, None, None] for perceptron in self.perceptrons]


class LocationSoftmax(nn.Module):
    """Location weights of the next frame from the top state, W-3 (the printed denominator lacks the exp).

    Args:
        channels: channels of the state.
        grid: height and width of the state.
        locations: K2.
        reads: "flatten" reads the complete state, "gap" its spatial mean, "conv1x1" the channels of each location.
        hidden: units of a tanh layer before the scores; 0 for no such layer, as printed.
    """

    def __init__(
        self, channels: int, grid: Grid, locations: int, *, reads: AttentionInput, hidden: int
    ) -> None:
        super().__init__()
        self.reads = reads
        inputs = channels * grid[0] * grid[1] if reads == "flatten" else channels
        outputs = 1 if reads == "conv1x1" else locations
        hidden_layers = [_linear(inputs, hidden), nn.Tanh()] if hidden else []
        self.scores = nn.Sequential(*hidden_layers, _linear(hidden or inputs, outputs, bias=False))

    def forward(self, state: Tensor) -> Tensor:
        """Return weights (B, K2) that sum to 1 for states (B, C, h, w)."""
        if self.reads == "conv1x1":
            logits = self.scores(state.flatten(2).mT)[..., 0]
        else:
            logits = self.scores(state.flatten(1) if self.reads == "flatten" else state.mean((2, 3)))
        return upcast_half(logits).softmax(1)


class AttentiveStack(nn.Module):
    """The stack of ConvGRU layers; the state of the top layer weights the input: W-3 to W-5.

    Args:
        config: settings.
        features: channels D of the maps.
        grid: height and width of the maps.

    Raises:
        ConfigError: the maps are too small for the pooling between layers.
    """

    def __init__(self, config: SiameseConfig, features: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.grids = _layer_grids(config, grid)
        self.channels = config.channels
        self.inter_layer_pool = config.inter_layer_pool
        self.dropout = config.dropout
        inputs = (features, *config.channels[:-1])
        scales = [1.0] * len(inputs)
        # Location weights sum to 1, so W-4 scales the features by this factor.
        scales[0] = 1 / (grid[0] * grid[1])
        self.cells = nn.ModuleList(
            ConvGRUCell(*sizes, bias=config.bias, init=config.init, input_scale=scale)
            for *sizes, scale in zip(inputs, config.channels, config.kernels, scales, strict=True)
        )
        self.attention: LocationSoftmax | None = None
        # A single location always has weight 1.
        if config.spatial_attention == "learned" and grid != (1, 1):
            self.attention = LocationSoftmax(
                config.channels[-1],
                self.grids[-1],
                grid[0] * grid[1],
                reads=config.attn_input,
                hidden=config.attn_hidden,
            )

    def forward(self, cube: Tensor, first: list[Tensor] | None) -> tuple[Tensor, Tensor]:
        """Return the top states (B, T, C, h, w), after dropout, and the location weights (B, T, K2).

        Args:
            cube: (B, T, D, h, w).
            first: initial state of every layer, (B, C_l, 1, 1), broadcast over the grid; None for zeros.
        """
        if first is None:
            first = [cube.new_zeros(len(cube), channels, 1, 1) for channels in self.channels]
        states = [state.expand(-1, -1, *grid) for state, grid in zip(first, self.grids, strict=True)]
        return (
            self._run_layers(cube, states)
            if self.attention is None
            else self._run_frames(cube, states, self.attention)
        )

    def _run_frames(
        self, cube: Tensor, states: list[Tensor], attention: LocationSoftmax
    ) -> tuple[Tensor, Tensor]:
        """Run frame by frame: the weights of a frame depend on the previous top state, before dropout."""
        weighted_input = self._cell(0).project_weighted(cube)
        tops, weights = [], []
        for t in range(cube.shape[1]):
            weights.append(attention(states[-1]))  # (B, K2), W-3
            projected = weighted_input(t, weights[-1].view(-1, 1, *self.grid))  # W-4
            states, top = self._step(projected, states)
            tops.append(top)
        return torch.stack(tops, 1), torch.stack(weights, 1)

    def _step(self, projected: Tensor, states: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return the next state of every layer, first to last, and the top state after dropout."""
        next_states = [self._cell(0).step(projected, states[0])]
        output = self._drop(next_states[0])
        for layer in range(1, len(states)):
            projected = self._cell(layer).project(self._pool(output))
            next_states.append(self._cell(layer).step(projected, states[layer]))
            output = self._drop(next_states[layer])
        return next_states, output

    def _run_layers(self, cube: Tensor, states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Run layer by layer with the inputs of all frames at once, because equal weights depend on no state."""
        locations = self.grid[0] * self.grid[1]
        output = self._drop(self._cell(0)(cube / locations, states[0]))
        for layer in range(1, len(states)):
            pooled = self._pool(output.flatten(0, 1))
            pooled = pooled.view(*cube.shape[:2], *pooled.shape[1:])
            output = self._drop(self._cell(layer)(pooled, states[layer]))
        return output, cube.new_full((*cube.shape[:2], locations), 1 / locations)

    def _cell(self, layer: int) -> ConvGRUCell:
        return cast(ConvGRUCell, self.cells[layer])

    def _drop(self, states: Tensor) -> Tensor:
        return F.dropout(states, self.dropout, self.training)

    def _pool(self, maps: Tensor) -> Tensor:
        """Pool the output (N, C, h, w) of a layer for the next one."""
        if self.inter_layer_pool == "max3s1":
            return F.max_pool2d(maps, 3, stride=1, padding=1)
        return F.max_pool2d(maps, 2) if self.inter_layer_pool == "max2s2" else maps


class SiameseConvGRU(nn.Module):
    """The Siamese network; both branches share all parameters, so a pair is two rows of a batch.

    Args:
        config: settings.
        load_weights: whether to read the backbone's pretrained weights.

    Raises:
        ConfigError: frames or maps are too small for the layers.
        WeightsError: the pretrained weights cannot be fetched or read, or do not fit.
    """

    def __init__(self, config: SiameseConfig, *, load_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config, load_weights)
        features, top = self.backbone.channels, config.channels[-1]
        self.initialiser = StateInitialiser(features, config.channels) if config.h0 == "mlp" else None
        self.stack = AttentiveStack(config, features, self.backbone.grid)
        height, width = self.stack.grids[-1]
        # Fisher vectors are fitted after training with learned temporal weights.
        mode = "attention" if config.temporal_pool == "fisher" else config.temporal_pool
        self.pooling = TemporalPooling(top, mode)
        self.similarity = PairSimilarity(
            top * height * width, v_init=config.v_init, c_init=config.c_init, learn_c=config.learn_c
        )
        self.fisher: FisherPooling | None = None
        if config.temporal_pool == "fisher":
            length = top if config.fv_input == "mean" else top * height * width
            self.fisher = FisherPooling(config.fv_components, length, config.fv_norm)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the optimizer's parameter groups; a trained backbone has its own learning rate."""
        rest = [value for name, value in self.named_parameters() if not name.startswith("backbone.")]
        groups = [{"params": rest, "lr": self.config.lr}]
        if self.config.finetune_backbone:
            groups.append({"params": list(self.backbone.parameters()), "lr": self.config.backbone_lr})
        return groups

    def forward(
        self, clips: Tensor, lengths: Tensor | None = None, *, with_states: bool = False
    ) -> ClipEncoding:
        """Encode clips.

        In training mode, the descriptor is the input of W-8, in evaluation mode the one for matching. They differ
        only for Fisher pooling.

        Args:
            clips: (B, T, 3, H, W), normalised with ImageNet's mean and deviation.
            lengths: (B,) number of frames that are not padding, at least 1; None if no frame is padding. Padding is at
                the end and does not affect the result.
            with_states: whether to return the states.

        Raises:
            WeightsError: in evaluation mode, the mixture of Fisher pooling is not fitted.
        """
        states, attention, valid = self._encode(clips, lengths)
        frames = F.normalize(states.flatten(2), dim=2).view_as(states) if self._normalizes_frames else states
        pooled, frame_weights = self.pooling(frames, valid)
        descriptor = upcast_half(pooled).flatten(1)
        if self.fisher is not None and not self.training:
            descriptor = self.fisher(self._frame_vectors(states), valid)
        if self.config.video_norm == "l2":
            descriptor = F.normalize(descriptor, dim=1)
        return ClipEncoding(
            descriptor=descriptor,
            attention=attention,
            frame_weights=frame_weights,
            states=states if with_states else None,
        )

    def frame_vectors(self, clips: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the vectors (N, D_h) of all frames that are not padding, for fitting Fisher vectors."""
        states, _, valid = self._encode(clips, lengths)
        return self._frame_vectors(states)[valid]

    @property
    def _normalizes_frames(self) -> bool:
        return self.config.frame_norm == "l2"

    def _frame_vectors(self, states: Tensor) -> Tensor:
        vectors = states.mean((3, 4)) if self.config.fv_input == "mean" else states.flatten(2)
        return F.normalize(vectors, dim=2) if self._normalizes_frames else vectors  # (B, T, D_h)

    def _encode(self, clips: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return top states (B, T, C, h, w), location weights (B, T, K2) and the mask of valid frames (B, T)."""
        batch, frames = clips.shape[:2]
        if lengths is None:
            valid = torch.ones(batch, frames, dtype=torch.bool, device=clips.device)
            maps = self.backbone(clips.flatten(0, 1))
            cube = maps.view(batch, frames, *maps.shape[1:])
        else:
            valid = valid_frames(lengths.to(clips.device), frames)
            # Without padding, which would change the batch statistics.
            maps = self.backbone(clips[valid])
            cube = maps.new_zeros(batch, frames, *maps.shape[1:])
            cube[valid] = maps
        first = None
        if self.initialiser is not None:
            # The sum ignores padding, which is 0.
            first = self.initialiser(cube.mean((3, 4)).sum(1) / valid.sum(1, keepdim=True))
        states, attention = self.stack(cube, first)
        return states, attention * valid[:, :, None], valid


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _layer_grids(config: SiameseConfig, grid: Grid) -> list[Grid]:
    """Return the grid of every layer's state, which only max2s2 pooling changes."""
    shrink = 2 if config.inter_layer_pool == "max2s2" else 1
    grids = [(grid[0] // shrink**layer, grid[1] // shrink**layer) for layer in range(len(config.channels))]
    if min(grids[-1]) < 1:
        raise ConfigError(
            f"inter_layer_pool must be none or max3s1 for {len(grids)} layers on {grid[0]} x {grid[1]} maps, "
            f"got {config.inter_layer_pool}"
        )
    return grids
