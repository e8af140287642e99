"""The spatio-temporal attention module: an attentive ConvLSTM (Cornia et al., TIP 2018) applied to a video.

Sizes: B clips, N steps, C channels of the maps, F channels of the state, h x w grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from reidbench.nn import ConvLSTMCell, upcast_half

from .config import ConvAttentionConfig

# Standard deviation of normally distributed kernels, as in the cell.
INPUT_STD = 0.05


@dataclass(frozen=True, kw_only=True)
class AttentionSteps:
    """The outputs of the module in N steps.

    Attributes:
        hidden: (B, N, F, h, w), H_n.
        attended: (B, N, C, h, w), the attended maps of CA-3.
        attention: (B, N, K, h, w), A_n of K modules; every map sums to 1.
    """

    hidden: Tensor
    attended: Tensor
    attention: Tensor


class AttentiveConvLSTM(nn.Module):
    """A ConvLSTM whose state weights the locations of its input, CA-1 to CA-8.

    V_a is 0 initially, so attention is uniform. The other attention kernels are initialised like the input kernels of
    the cell, with one bias for their sum.

    Args:
        channels: C.
        hidden: F.
        attention_channels: channels of the input of V_a in CA-1.
        kernel: odd side of all kernels.
        scale: "one", or "grid" to multiply the attended maps by h w, so that uniform attention has no effect.
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
        # U_a and b_a, W_a, and V_a of CA-1.
        self.from_input = nn.Conv2d(channels, attention_channels, kernel, padding=padding)
        self.from_state = nn.Conv2d(hidden, attention_channels, kernel, padding=padding, bias=False)
        self.to_logits = nn.Conv2d(attention_channels, 1, kernel, padding=padding, bias=False)
        self.cell = ConvLSTMCell(channels, hidden, kernel, input_std=INPUT_STD)
        nn.init.normal_(self.from_input.weight, std=INPUT_STD)
        nn.init.normal_(self.from_state.weight, std=INPUT_STD)
        nn.init.zeros_(self.to_logits.weight)
        if self.from_input.bias is not None:
            nn.init.zeros_(self.from_input.bias)

    def forward(self, maps: Tensor) -> AttentionSteps:
        """Run one step per map (B, N, C, h, w), in order."""
        batch, steps, _, height, width = maps.shape
        state = self.cell.initial_state(batch, (height, width))
        # The input terms of all steps at once, because they need no state.
        input_terms = self.from_input(maps.flatten(0, 1))
        input_terms = input_terms.view(batch, steps, *input_terms.shape[1:])
        hidden, attended, attention = [], [], []
        for step in range(steps):
            logits = self.to_logits(torch.tanh(self.from_state(state[0]) + input_terms[:, step]))  # CA-1
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
    """The attention module with a number of filters, as studied in the paper.

    Args:
        config: settings; `filters_role` defines what a filter is. With "attention" the state has as many channels as
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
        """Run one step per map (B, N, C, h, w); the outputs of parallel modules are concatenated as channels."""
        outputs: list[AttentionSteps] = [branch(maps) for branch in self.branches]
        return AttentionSteps(
            hidden=torch.cat([output.hidden for output in outputs], 2),
            attended=torch.cat([output.attended for output in outputs], 2),
            attention=torch.cat([output.attention for output in outputs], 2),
        )
