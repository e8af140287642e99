"""A convolutional LSTM layer: states are maps, gates read them through convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]  # hidden and cell maps, (N, C, h, w) each


class ConvLSTMCell(nn.Module):
    """One layer of a convolutional LSTM (Shi et al., NIPS 2015, without peepholes); zero padding keeps the grid.

    With `*` a convolution and all products element-wise:

        i = sigmoid(W_i * x + U_i * h),  f = sigmoid(W_f * x + U_f * h),  o = sigmoid(W_o * x + U_o * h)
        c' = f c + i tanh(W_c * x + U_c * h)
        h' = o tanh(c')

    With 1x1 kernels on 1x1 maps this is `nn.LSTMCell` (whose gates come in the order i, f, g, o).

    Args:
        in_channels: channels of the input maps.
        channels: channels of the state.
        kernel: odd side of all kernels, of inputs and states alike.
        input_std: deviation of the normal distribution that input kernels are drawn from; state kernels are
            orthogonal gate by gate, biases 0 (Cornia et al., TIP 2018, released code).
    """

    def __init__(self, in_channels: int, channels: int, kernel: int, *, input_std: float = 0.05) -> None:
        super().__init__()
        self.channels = channels
        self.kernel = kernel
        self.input_kernels = nn.Parameter(
            torch.empty(4 * channels, in_channels, kernel, kernel)
        )  # i, f, o, c
        self.state_kernels = nn.Parameter(torch.empty(4 * channels, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(4 * channels))
        nn.init.normal_(self.input_kernels, std=input_std)
        with torch.no_grad():
            for gate in self.state_kernels.chunk(4):
                nn.init.orthogonal_(gate)

    def start(self, batch: int, grid: tuple[int, int]) -> State:
        """Return zero states."""
        zeros = self.bias.new_zeros(batch, self.channels, *grid)
        return zeros, zeros

    def forward(self, inputs: Tensor, state: State) -> State:
        """Return the next state for maps (N, C_x, h, w)."""
        hidden, cell = state
        padding = self.kernel // 2
        gates = F.conv2d(inputs, self.input_kernels, self.bias, padding=padding)
        gates = gates + F.conv2d(hidden, self.state_kernels, padding=padding)
        taken, kept, shown, candidate = gates.chunk(4, 1)
        cell = torch.sigmoid(kept) * cell + torch.sigmoid(taken) * torch.tanh(candidate)
        return torch.sigmoid(shown) * torch.tanh(cell), cell
