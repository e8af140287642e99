from __future__ import annotations

import torch
from torch import nn

from reidbench.nn import ConvLSTMCell


def test_on_single_locations_it_is_torchs_lstm_cell() -> None:
    torch.manual_seed(0)
    ours, theirs = ConvLSTMCell(5, 3, 1), nn.LSTMCell(5, 3)
    order = torch.cat([torch.arange(3), torch.arange(3, 6), torch.arange(9, 12), torch.arange(6, 9)])
    with torch.no_grad():  # theirs: i, f, g, o
        theirs.weight_ih.copy_(ours.input_kernels[:, :, 0, 0][order])
        theirs.weight_hh.copy_(ours.state_kernels[:, :, 0, 0][order])
        theirs.bias_ih.copy_(ours.bias[order])
        theirs.bias_hh.zero_()
    state = ours.start(2, (1, 1))
    reference = (torch.zeros(2, 3), torch.zeros(2, 3))

    for _ in range(4):
        inputs = torch.randn(2, 5)
        state = ours(inputs[:, :, None, None], state)
        reference = theirs(inputs, reference)

        for mine, expected in zip(state, reference, strict=True):
            torch.testing.assert_close(mine[:, :, 0, 0], expected)


def test_a_frame_reaches_only_the_kernels_neighbourhood_and_the_grid_stays() -> None:
    cell = ConvLSTMCell(1, 2, 3)
    maps = torch.zeros(1, 1, 7, 5)
    maps[0, 0, 3, 2] = 1

    hidden, _ = cell(maps, cell.start(1, (7, 5)))
    still, _ = cell(torch.zeros_like(maps), cell.start(1, (7, 5)))

    changed = (hidden != still).any(1)[0].nonzero()
    assert hidden.shape == (1, 2, 7, 5)
    assert set(map(tuple, changed.tolist())) == {(y, x) for y in (2, 3, 4) for x in (1, 2, 3)}


def test_it_has_the_parameters_of_four_gates_with_one_bias_each() -> None:
    cell = ConvLSTMCell(32, 3, 3)

    assert sum(weights.numel() for weights in cell.parameters()) == 3792  # Zamprogno et al., C = 32, F = 3
    for gate in cell.state_kernels.chunk(4):
        rows = gate.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(3), atol=1e-5, rtol=0)
