"""A convolutional GRU layer: states are maps, gates read them through convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Init = Literal["xavier", "uniform"]


class ConvGRUCell(nn.Module):
    """One layer of a convolutional GRU; zero padding keeps the grid.

    With `*` a convolution and all products element-wise, in the convention of Wu et al. 2018, W-5 (a gate z near
    1 takes the new candidate; the reset gate acts on the state before its convolution):

        z = sigmoid(W_z * x + U_z * h)
        r = sigmoid(W_r * x + U_r * h)
        candidate = tanh(W * x + U * (r h))
        h' = (1 - z) h + z candidate

    With 1x1 kernels on 1x1 maps this is their fully connected GRU, W-2; `nn.GRU` is not (its z keeps the old
    state and its reset gate comes after the product).

    The six convolutions run as three: the inputs of all gates at once, which needs no state and is batched over
    time in `forward`, then the states of z and r together, then the candidate's.

    Args:
        in_channels: channels of the input maps.
        channels: channels of the state.
        kernel: odd side of all kernels, of inputs and states alike.
        bias: one bias per gate and channel, starting at 0.
        init: "xavier" draws input kernels as Glorot and Bengio 2010 and orthogonal state kernels, gate by
            gate; "uniform" draws all kernels from [-1, 1].
        input_scale: size of the inputs, 1 for unit variance; xavier input kernels are divided by it.
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
        self.input_kernels = nn.Parameter(
            torch.empty(3 * channels, in_channels, kernel, kernel)
        )  # z, r, candidate
        self.gate_kernels = nn.Parameter(torch.empty(2 * channels, channels, kernel, kernel))  # z, r
        self.candidate_kernels = nn.Parameter(torch.empty(channels, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(3 * channels)) if bias else None
        self._initialise(init, input_scale)

    def _initialise(self, init: Init, input_scale: float) -> None:
        if init == "uniform":
            for kernels in (self.input_kernels, self.gate_kernels, self.candidate_kernels):
                nn.init.uniform_(kernels, -1, 1)
            return
        with torch.no_grad():  # gate by gate: the fans and the orthogonal rows are those of one gate
            for gate in self.input_kernels.chunk(3):
                nn.init.xavier_uniform_(gate, gain=1 / input_scale)
            for gate in (*self.gate_kernels.chunk(2), self.candidate_kernels):
                nn.init.orthogonal_(gate)

    def project(self, inputs: Tensor) -> Tensor:
        """Return what the inputs send to the gates z, r and candidate: (N, C_x, h, w) -> (N, 3C, h, w)."""
        return F.conv2d(inputs, self.input_kernels, self.bias, padding=self.kernel // 2)

    def project_weighted(self, inputs: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of t and weights (B, 1, h, w) that gives `project(weights * inputs[:, t])`.

        For weights that are known only when a frame's turn comes. A 1x1 convolution commutes with weighting the
        locations, so it runs at once for all frames. A larger kernel could be split into k^2 of 1x1, whose maps are
        shifted and summed at every step; forward and backward on one core, that took 12 times as long for 64
        channels on 8x4 maps, and 0.8 times as long, with 9 times the memory, for 1024 channels on 7x7.

        Args:
            inputs: (B, T, C_x, h, w).
        """
        if self.kernel > 1:
            return lambda t, weights: self.project(weights * inputs[:, t])
        unweighted = _over_frames(lambda maps: F.conv2d(maps, self.input_kernels), inputs)
        bias = 0.0 if self.bias is None else self.bias[:, None, None]
        return lambda t, weights: weights * unweighted[:, t] + bias

    def step(self, projected: Tensor, state: Tensor) -> Tensor:
        """Return the next state (N, C, h, w) from what `project` gave and the state before."""
        padding = self.kernel // 2
        to_gates, to_candidate = projected[:, : 2 * self.channels], projected[:, 2 * self.channels :]
        gates = torch.sigmoid(to_gates + F.conv2d(state, self.gate_kernels, padding=padding))
        update, reset = gates.chunk(2, 1)
        candidate = torch.tanh(
            to_candidate + F.conv2d(reset * state, self.candidate_kernels, padding=padding)
        )
        return state + update * (candidate - state)

    def forward(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Return the states (B, T, C, h, w) after each of the inputs (B, T, C_x, h, w).

        Args:
            inputs: maps in order of time.
            state: (B, C, h, w) before the first of them.
        """
        states = []
        for projected in _over_frames(self.project, inputs).unbind(1):
            state = self.step(projected, state)
            states.append(state)
        return torch.stack(states, 1)


def _over_frames(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Apply a function of maps (N, C, h, w) to all frames of (B, T, C, h, w) at once."""
    maps = function(inputs.flatten(0, 1))
    return maps.view(*inputs.shape[:2], *maps.shape[1:])
