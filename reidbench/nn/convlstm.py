"""A convolutional LSTM layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Hidden and cell state, (N, C, h, w) each.
State = tuple[Tensor, Tensor]


class ConvLSTMCell(nn.Module):
    """One layer of a convolutional LSTM (Shi et al., NIPS 2015, without peepholes), with zero padding.

    `*` is a convolution and all products are element-wise:

        i = sigmoid(W_i * x + U_i * h),  f = sigmoid(W_f * x + U_f * h),  o = sigmoid(W_o * x + U_o * h)
        c' = f c + i tanh(W_c * x + U_c * h)
        h' = o tanh(c')

    With 1x1 kernels on 1x1 maps this is `nn.LSTMCell`, whose gate order is i, f, g, o.

    Args:
        in_channels: channels of the input maps.
        channels: channels of the state.
        kernel: odd side of all kernels.
        input_std: standard deviation of the normally distributed input kernels. State kernels are orthogonal,
            separately per gate, and biases 0 (Cornia et al., TIP 2018, released code).
    """

    def __init__(self, in_channels: int, channels: int, kernel: int, *, input_std: float = 0.05) -> None:
        super().__init__()
        self.channels = channels
        self.kernel = kernel
        # Order of the gates: input, forget, output, cell.
        self.input_kernels = nn.Parameter(torch.empty(4 * channels, in_channels, kernel, kernel))
        self.state_kernels = nn.Parameter(torch.empty(4 * channels, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(4 * channels))
        nn.init.normal_(self.input_kernels, std=input_std)
        with torch.no_grad():
            for gate in self.state_kernels.chunk(4):
                nn.init.orthogonal_(gate)

    def initial_state(self, batch: int, grid: tuple[int, int]) -> State:
        """Return zeros for the hidden and the cell state."""
        zeros = self.bias.new_zeros(batch, self.channels, *grid)
        return zeros, zeros

    def forward(self, inputs: Tensor, state: State) -> State:
        """Return the next state for maps (N, C_x, h, w)."""
        hidden, cell = state
        padding = self.kernel // 2
        gates = F.conv2d(inputs, self.input_kernels, self.bias, padding=padding)
        gates = gates + F.conv2d(hidden, self.state_kernels, padding=padding)
        input_gate, forget_gate, output_gate, cell_gate = gates.chunk(4, 1)
        cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(cell_gate)
        return torch.sigmoid(output_gate) * torch.tanh(cell), cell
