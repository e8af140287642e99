"""A convolutional GRU layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Init = Literal["xavier", "uniform"]


class ConvGRUCell(nn.Module):
    """One layer of a convolutional GRU, with zero padding that keeps the grid.

    `*` is a convolution and all products are element-wise. The convention is that of Wu et al. 2018, W-5: an update
    gate z near 1 selects the new candidate, and the reset gate r multiplies the state before its convolution.

        z = sigmoid(W_z * x + U_z * h)
        r = sigmoid(W_r * x + U_r * h)
        candidate = tanh(W * x + U * (r h))
        h' = (1 - z) h + z candidate

    With 1x1 kernels on 1x1 maps this is their fully connected GRU, W-2. `nn.GRU` differs: its z keeps the old state
    and its reset gate follows the product.

    The six convolutions run as three: all gates of the input, which needs no state and is batched over time in
    `forward`; update and reset gate of the state; the candidate of the state.

    Args:
        in_channels: channels of the input maps.
        channels: channels of the state.
        kernel: odd side of all kernels.
        bias: whether to add one bias per gate and channel, initially 0.
        init: "xavier" draws input kernels after Glorot and Bengio 2010 and orthogonal state kernels, separately per
            gate; "uniform" draws all kernels from [-1, 1].
        input_scale: standard deviation of the inputs; xavier input kernels are divided by it.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int,
        *,
        bias: bool = True,
        init: Init = "xavier",
        input_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.kernel = kernel
        # Order of the gates: update, reset, candidate.
        self.input_kernels = nn.Parameter(torch.empty(3 * channels, in_channels, kernel, kernel))
        self.gate_kernels = nn.Parameter(torch.empty(2 * channels, channels, kernel, kernel))
        self.candidate_kernels = nn.Parameter(torch.empty(channels, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(3 * channels)) if bias else None
        self._initialise(init, input_scale)

    def _initialise(self, init: Init, input_scale: float) -> None:
        if init == "uniform":
            for kernels in (self.input_kernels, self.gate_kernels, self.candidate_kernels):
                nn.init.uniform_(kernels, -1, 1)
            return
        # Separately per gate, because fan-in, fan-out and orthogonal rows are those of one gate.
        with torch.no_grad():
            for gate in self.input_kernels.chunk(3):
                nn.init.xavier_uniform_(gate, gain=1 / input_scale)
            for gate in (*self.gate_kernels.chunk(2), self.candidate_kernels):
                nn.init.orthogonal_(gate)

    def project(self, inputs: Tensor) -> Tensor:
        """Return the input terms of update gate, reset gate and candidate: (N, C_x, h, w) -> (N, 3C, h, w)."""
        return F.conv2d(inputs, self.input_kernels, self.bias, padding=self.kernel // 2)

    def project_weighted(self, inputs: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of t and weights (B, 1, h, w) that computes `project(weights * inputs[:, t])`.

        For weights that depend on the states of earlier frames. A 1x1 convolution commutes with location weights, so
        it runs once for all frames. A larger kernel could be split into k^2 kernels of 1x1 whose maps are shifted and
        summed at every step. Forward and backward on one core, that took 12 times as long for 64 channels on 8x4 maps,
        and 0.8 times as long with 9 times the memory for 1024 channels on 7x7 maps.

        Args:
            inputs: (B, T, C_x, h, w).
        """
        if self.kernel > 1:
            return lambda t, weights: self.project(weights * inputs[:, t])
        unweighted = _map_frames(lambda maps: F.conv2d(maps, self.input_kernels), inputs)
        bias = 0.0 if self.bias is None else self.bias[:, None, None]
        return lambda t, weights: weights * unweighted[:, t] + bias

    def step(self, projected: Tensor, state: Tensor) -> Tensor:
        """Return the next state (N, C, h, w) from the result of `project` and the previous state."""
        padding = self.kernel // 2
        to_gates, to_candidate = projected[:, : 2 * self.channels], projected[:, 2 * self.channels :]
        gates = torch.sigmoid(to_gates + F.conv2d(state, self.gate_kernels, padding=padding))
        update_gate, reset_gate = gates.chunk(2, 1)
        candidate = torch.tanh(
            to_candidate + F.conv2d(reset_gate * state, self.candidate_kernels, padding=padding)
        )
        return state + update_gate * (candidate - state)

    def forward(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Return the states (B, T, C, h, w) after each of the inputs (B, T, C_x, h, w).

        Args:
            inputs: maps in temporal order.
            state: initial state (B, C, h, w).
        """
        states = []
        for projected in _map_frames(self.project, inputs).unbind(1):
            state = self.step(projected, state)
            states.append(state)
        return torch.stack(states, 1)


def _map_frames(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Apply a function of maps (N, C, h, w) to all frames of (B, T, C, h, w) in one call."""
    maps = function(inputs.flatten(0, 1))
    return maps.view(*inputs.shape[:2], *maps.shape[1:])
