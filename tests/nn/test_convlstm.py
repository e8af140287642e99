from __future__ import annotations

import torch
from torch import nn

from reidbench.nn import ConvLSTMCell


def test_cell_on_one_location_equals_torch_lstm_cell() -> None:
    torch.manual_seed(0)
    cell, reference = ConvLSTMCell(5, 3, 1), nn.LSTMCell(5, 3)
    order = torch.cat([torch.arange(3), torch.arange(3, 6), torch.arange(9, 12), torch.arange(6, 9)])
    # The gate order of torch is input, forget, cell, output.
    with torch.no_grad():
        reference.weight_ih.copy_(cell.input_kernels[:, :, 0, 0][order])
        reference.weight_hh.copy_(cell.state_kernels[:, :, 0, 0][order])
        reference.bias_ih.copy_(cell.bias[order])
        reference.bias_hh.zero_()
    state = cell.initial_state(2, (1, 1))
    expected = (torch.zeros(2, 3), torch.zeros(2, 3))

    for _ in range(4):
        inputs = torch.randn(2, 5)
        state = cell(inputs[:, :, None, None], state)
        expected = reference(inputs, expected)

        for ours_state, expected_state in zip(state, expected, strict=True):
            torch.testing.assert_close(ours_state[:, :, 0, 0], expected_state)


def test_step_changes_only_the_neighbourhood_of_the_kernel() -> None:
    cell = ConvLSTMCell(1, 2, 3)
    maps = torch.zeros(1, 1, 7, 5)
    maps[0, 0, 3, 2] = 1

    hidden, _ = cell(maps, cell.initial_state(1, (7, 5)))
    unchanged, _ = cell(torch.zeros_like(maps), cell.initial_state(1, (7, 5)))

    changed = (hidden != unchanged).any(1)[0].nonzero()
    assert hidden.shape == (1, 2, 7, 5)
    assert set(map(tuple, changed.tolist())) == {(y, x) for y in (2, 3, 4) for x in (1, 2, 3)}


def test_cell_has_four_gates_with_one_bias_each() -> None:
    cell = ConvLSTMCell(32, 3, 3)

    # Zamprogno et al., C = 32, F = 3.
    assert sum(weights.numel() for weights in cell.parameters()) == 3792
    for gate in cell.state_kernels.chunk(4):
        rows = gate.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(3), atol=1e-5, rtol=0)
