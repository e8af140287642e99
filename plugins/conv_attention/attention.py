"""The spatio-temporal attention module: an attentive ConvLSTM (Cornia et al., TIP 2018) that reads a video.

Sizes: B clips, N steps, C channels of the maps, F of the state, h x w their grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from reidbench.nn import ConvLSTMCell, upcast_half

from .config import ConvAttentionConfig

INPUT_STD = 0.05  # deviation of kernels that are drawn from a normal distribution, as in the cell


@dataclass(frozen=True, kw_only=True)
class AttentionSteps:
    """What the module computes in N steps.

    Attributes:
        hidden: (B, N, F, h, w), H_n.
        attended: (B, N, C, h, w), the attended maps of CA-3.
        attention: (B, N, K, h, w), A_n of each of K modules; every map sums to 1.
    """

    hidden: Tensor
    attended: Tensor
    attention: Tensor


class AttentiveConvLSTM(nn.Module):
    """A ConvLSTM whose input is weighted by where its state says to look, CA-1 to CA-8.

    V_a starts at 0, so attention starts uniform. The other attention kernels are drawn as the cell's input kernels,
    with one bias for their sum.

    Args:
        channels: C.
        hidden: F.
        attention_channels: A, between the sum of CA-1 and V_a.
        kernel: odd side of all kernels.
        scale: "one", or "grid" to multiply the attended maps by h w, so that uniform attention changes nothing.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        attention_channels: int,
        kernel: int,
        *,
        scale: Literal["one", "grid"] = "one",
    ) -> None:
        super().__init__()
        self.scale = scale
        padding = kernel // 2
        self.from_input = nn.Conv2d(channels, attention_channels, kernel, padding=padding)  # U_a and b_a
        self.from_state = nn.Conv2d(hidden, attention_channels, kernel, padding=padding, bias=False)  # W_a
        self.to_logits = nn.Conv2d(attention_channels, 1, kernel, padding=padding, bias=False)  # V_a
        self.cell = ConvLSTMCell(channels, hidden, kernel, input_std=INPUT_STD)
        nn.init.normal_(self.from_input.weight, std=INPUT_STD)
        nn.init.normal_(self.from_state.weight, std=INPUT_STD)
        nn.init.zeros_(self.to_logits.weight)
        if self.from_input.bias is not None:
            nn.init.zeros_(self.from_input.bias)

    def forward(self, maps: Tensor) -> AttentionSteps:
        """Run one step on each of the maps (B, N, C, h, w), in this order."""
        batch, steps, _, height, width = maps.shape
        state = self.cell.initial_state(batch, (height, width))
        seen = self.from_input(maps.flatten(0, 1))  # needs no state, so all steps at once
        seen = seen.view(batch, steps, *seen.shape[1:])
        hidden, attended, attention = [], [], []
        for step in range(steps):
            logits = self.to_logits(torch.tanh(self.from_state(state[0]) + seen[:, step]))  # CA-1
            weights = upcast_half(logits).flatten(1).softmax(1).view(batch, 1, height, width)  # CA-2
            weighted = weights * maps[:, step]  # CA-3
            if self.scale == "grid":
                weighted = weighted * (height * width)
            state = self.cell(weighted, state)  # CA-4 to CA-8
            hidden.append(state[0])
            attended.append(weighted)
            attention.append(weights)
        return AttentionSteps(
            hidden=torch.stack(hidden, 1),
            attended=torch.stack(attended, 1),
            attention=torch.stack(attention, 1),
        )


class AttentionModule(nn.Module):
    """The module with the number of filters that the paper studies.

    Args:
        config: settings; `filters_role` says what filters are. With "attention" the state has as many channels as
            the maps, as in Cornia et al. 2018.
        channels: C.
    """

    def __init__(self, config: ConvAttentionConfig, channels: int) -> None:
        super().__init__()
        filters = config.attention_filters
        modules, hidden, attention = {
            "hidden": (1, filters, filters),
            "attention": (1, channels, filters),
            "parallel": (filters, 1, 1),
        }[config.filters_role]
        self.branches = nn.ModuleList(
            AttentiveConvLSTM(channels, hidden, attention, config.att_kernel, scale=config.att_scale)
            for _ in range(modules)
        )
        self.output = config.module_output
        self.out_channels = modules * (channels if self.output == "attended_input" else hidden)

    def forward(self, maps: Tensor) -> AttentionSteps:
        """Run one step on each of the maps (B, N, C, h, w); outputs of parallel modules are stacked as channels."""
        steps: list[AttentionSteps] = [branch(maps) for branch in self.branches]
        return AttentionSteps(
            hidden=torch.cat([one.hidden for one in steps], 2),
            attended=torch.cat([one.attended for one in steps], 2),
            attention=torch.cat([one.attention for one in steps], 2),
        )
