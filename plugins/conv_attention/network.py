"""The network, shared by both sequences of a pair: frames to maps to one vector.

CA-n are the equations of the README in this folder. Sizes: B clips, T frames, C channels and h x w grid of the maps, D
length of frame vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.nn import map_side, small_body, upcast_half, valid_frames

from .attention import AttentionModule
from .config import ConvAttentionConfig

RCN_FILTERS = (16, 32, 32)
PADDING, KERNEL = 4, 5


@dataclass(frozen=True, kw_only=True)
class ClipEncoding:
    """The network's outputs for B clips.

    Attributes:
        mean: (B, D), averaged frame vectors of CA-9.
        descriptor: (B, D), the normalised mean, which is compared.
        attention: (B, N, K, h, w) of N steps of K attention modules, arbitrary for padded frames; None without a
            module.
    """

    mean: Tensor
    descriptor: Tensor
    attention: Tensor | None


def rcn_body(inputs: int, size: tuple[int, int]) -> tuple[nn.Module, int, tuple[int, int]]:
    """Return the three stages of McLaughlin et al. 2016, their output channels and the grid of their maps.

    Args:
        inputs: channels of a frame.
        size: height and width of a frame.
    """
    layers: list[nn.Module] = []
    for outputs in RCN_FILTERS:
        layers += [nn.Conv2d(inputs, outputs, KERNEL, padding=PADDING), nn.Tanh(), nn.MaxPool2d(2)]
        inputs = outputs
        size = ((size[0] + 2 * PADDING - KERNEL + 1) // 2, (size[1] + 2 * PADDING - KERNEL + 1) // 2)
    return nn.Sequential(*layers), inputs, size


class Recurrence(nn.Module):
    """The RNN of McLaughlin et al. 2016: o_1 = f_1 + b_0, o_t = f_t + W_s dropout(tanh(o_{t-1})) + b_s.

    Args:
        length: D.
        dropout: dropout probability.
    """

    def __init__(self, length: int, dropout: float) -> None:
        super().__init__()
        # b_0, and W_s with b_s.
        self.start = nn.Parameter(torch.zeros(length))
        self.step = nn.Linear(length, length)
        self.dropout = dropout

    def forward(self, vectors: Tensor) -> Tensor:
        """Return o (B, T, D) for f (B, T, D)."""
        outputs = [vectors[:, 0] + self.start]
        for vector in vectors[:, 1:].unbind(1):
            previous = F.dropout(torch.tanh(outputs[-1]), self.dropout, self.training)
            outputs.append(vector + self.step(previous))
        return torch.stack(outputs, 1)


class ConvAttentionNetwork(nn.Module):
    """The Siamese network; both branches share all parameters, so a pair is two rows of a batch.

    Args:
        config: settings.
    """

    def __init__(self, config: ConvAttentionConfig) -> None:
        super().__init__()
        self.config = config
        if config.backbone == "rcn":
            self.backbone, channels, self.grid = rcn_body(config.channels, config.crop_size)
        else:
            self.backbone, channels = small_body(config.channels)
            self.grid = (map_side(config.crop_height, 3), map_side(config.crop_width, 3))
        self.attention = AttentionModule(config, channels) if config.attention_filters else None
        flat = (self.attention.out_channels if self.attention else channels) * self.grid[0] * self.grid[1]
        self.length = config.embedding_dim or flat
        self.to_vector: nn.Module = nn.Identity()
        if config.embedding_dim is not None:
            self.to_vector = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(flat, config.embedding_dim))
        self.recurrence = Recurrence(self.length, config.dropout) if config.temporal == "rnn" else None
        self.batch_norm = nn.BatchNorm1d(self.length) if config.normalisation == "batchnorm" else None

    def forward(self, clips: Tensor, lengths: Tensor | None = None) -> ClipEncoding:
        """Encode clips.

        Args:
            clips: (B, T, 3 or 5, H, W), normalised and cropped.
            lengths: (B,) number of frames that are not padding, at least 1; None if no frame is padding. Padding is at
                the end and does not affect the result.
        """
        batch, frames = clips.shape[:2]
        if lengths is None:
            lengths = torch.full((batch,), frames, device=clips.device)
        maps = self._encode_frames(clips, valid_frames(lengths, frames))
        if self.attention is not None and self.config.refine == "repeat":
            # The sum ignores padding, which is 0.
            average = maps.sum(1) / lengths[:, None, None, None]
            maps = average[:, None].expand(-1, self.config.refine_steps, -1, -1, -1)
            lengths = torch.full_like(lengths, self.config.refine_steps)
        attention = None
        if self.attention is not None:
            steps = self.attention(maps)
            attention = steps.attention
            maps = steps.attended if self.config.module_output == "attended_input" else steps.hidden
            if self.config.module_output == "hidden_last":
                maps = maps[torch.arange(batch, device=maps.device), lengths - 1][:, None]
                lengths = torch.ones_like(lengths)
        mean = self._average(maps, lengths)
        return ClipEncoding(mean=mean, descriptor=self._normalize(mean), attention=attention)

    def _encode_frames(self, clips: Tensor, valid: Tensor) -> Tensor:
        """Return U_t (B, T, C, h, w): 0 for padded frames, which do not affect the batch statistics."""
        maps = self.backbone(clips[valid])
        cube: Tensor = maps.new_zeros(*valid.shape, *maps.shape[1:])
        cube[valid] = maps
        return cube

    def _average(self, maps: Tensor, lengths: Tensor) -> Tensor:
        """Return the vectors of maps (B, N, F, h, w), averaged over the first `lengths` of each: (B, D), CA-9."""
        vectors: Tensor = self.to_vector(maps.flatten(2))
        if self.recurrence is not None:
            vectors = self.recurrence(vectors)
        valid = valid_frames(lengths, vectors.shape[1])
        return (upcast_half(vectors) * valid[:, :, None]).sum(1) / lengths[:, None]

    def _normalize(self, mean: Tensor) -> Tensor:
        if self.config.normalisation == "l2":
            return F.normalize(mean, dim=1)
        return mean if self.batch_norm is None else upcast_half(self.batch_norm(mean))
