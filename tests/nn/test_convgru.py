from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from reidbench.nn import ConvGRUCell


def literal_step(cell: ConvGRUCell, x: Tensor, h: Tensor) -> Tensor:
    """Compute W-5 with six separate convolutions."""
    W_z, W_r, W = cell.input_kernels.chunk(3)
    U_z, U_r = cell.gate_kernels.chunk(2)
    b_z, b_r, b = [0.0] * 3 if cell.bias is None else [bias[:, None, None] for bias in cell.bias.chunk(3)]
    padding = cell.kernel // 2

    def conv(maps: Tensor, kernels: Tensor) -> Tensor:
        return F.conv2d(maps, kernels, padding=padding)

    z = torch.sigmoid(conv(x, W_z) + conv(h, U_z) + b_z)
    r = torch.sigmoid(conv(x, W_r) + conv(h, U_r) + b_r)
    candidate = torch.tanh(conv(x, W) + conv(r * h, cell.candidate_kernels) + b)
    return (1 - z) * h + z * candidate


def random_cell(*sizes: int, bias: bool = True) -> ConvGRUCell:
    cell = ConvGRUCell(*sizes, bias=bias).double()
    if cell.bias is not None:
        torch.nn.init.normal_(cell.bias)
    return cell


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_sequence_equals_six_convolutions_per_step(kernel: int, bias: bool) -> None:
    torch.manual_seed(kernel)
    cell = random_cell(5, 4, kernel, bias=bias)
    inputs, state = torch.randn(2, 3, 5, 7, 4).double(), torch.rand(2, 4, 7, 4).double()

    states = cell(inputs, state)

    assert states.shape == (2, 3, 4, 7, 4)
    for t in range(3):
        state = literal_step(cell, inputs[:, t], state)
        torch.testing.assert_close(states[:, t], state, rtol=0, atol=1e-12)


def test_1x1_kernels_on_one_location_are_a_fully_connected_gru() -> None:
    torch.manual_seed(0)
    cell = random_cell(6, 3, 1, bias=False)
    x, h = torch.randn(2, 6).double(), torch.rand(2, 3).double()
    W_z, W_r, W = (kernels[:, :, 0, 0] for kernels in cell.input_kernels.chunk(3))
    U_z, U_r = (kernels[:, :, 0, 0] for kernels in cell.gate_kernels.chunk(2))
    U = cell.candidate_kernels[:, :, 0, 0]

    z = torch.sigmoid(x @ W_z.T + h @ U_z.T)
    r = torch.sigmoid(x @ W_r.T + h @ U_r.T)
    candidate = torch.tanh(x @ W.T + (r * h) @ U.T)
    expected = (1 - z) * h + z * candidate

    after = cell(x[:, None, :, None, None], h[:, :, None, None])
    torch.testing.assert_close(after[:, 0, :, 0, 0], expected, rtol=0, atol=1e-12)


def test_open_update_gate_changes_and_closed_gate_keeps_the_state() -> None:
    cell = ConvGRUCell(1, 1, 1)
    assert cell.bias is not None
    state, inputs = torch.full((1, 1, 1, 1), 0.5), torch.ones(1, 1, 1, 1, 1)
    with torch.no_grad():
        cell.bias[0] = 100.0
        open_state = cell(inputs, state)
        cell.bias[0] = -100.0
        closed_state = cell(inputs, state)

    assert closed_state.item() == state.item()
    assert open_state.item() != state.item()


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_project_weighted_equals_projecting_weighted_inputs(kernel: int, bias: bool) -> None:
    torch.manual_seed(1)
    cell = random_cell(5, 4, kernel, bias=bias)
    inputs, weights = torch.randn(2, 3, 5, 4, 3).double(), torch.rand(2, 1, 4, 3).double()
    project = cell.project_weighted(inputs)

    for t in range(3):
        expected = cell.project(weights * inputs[:, t])
        torch.testing.assert_close(project(t, weights), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_multiplications_and_parameters_match_the_paper(kernel: int) -> None:
    T, H1, H2, Cx, Ch = 3, 7, 7, 6, 4
    cell = ConvGRUCell(Cx, Ch, kernel, bias=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        cell(torch.zeros(1, T, Cx, H1, H2), torch.zeros(1, Ch, H1, H2))

    weights = 3 * kernel * kernel * (Cx * Ch + Ch**2)
    assert sum(parameter.numel() for parameter in cell.parameters()) == weights
    # A multiplication and an addition each.
    assert counter.get_total_flops() == 2 * T * H1 * H2 * weights


def test_fully_connected_gru_multiplications_match_the_paper() -> None:
    T, H1, H2, Cx, Ch = 2, 3, 2, 5, 4
    cell = ConvGRUCell(Cx * H1 * H2, Ch * H1 * H2, 1, bias=False)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        cell(torch.zeros(1, T, Cx * H1 * H2, 1, 1), torch.zeros(1, Ch * H1 * H2, 1, 1))

    assert counter.get_total_flops() == 2 * 3 * T * H1**2 * H2**2 * (Cx * Ch + Ch**2)


def test_uniform_init_fills_the_range_and_biases_are_zero() -> None:
    torch.manual_seed(0)
    cell = ConvGRUCell(8, 8, 5, init="uniform")
    assert cell.bias is not None
    for kernels in (cell.input_kernels, cell.gate_kernels, cell.candidate_kernels):
        assert -1 <= kernels.min() < -0.99
        assert 0.99 < kernels.max() <= 1
        assert abs(kernels.mean()) < 0.05
    assert not cell.bias.any()


def test_xavier_state_kernels_are_orthogonal_and_input_kernels_bounded() -> None:
    torch.manual_seed(0)
    cell = ConvGRUCell(6, 4, 3, init="xavier")

    for gate in (*cell.gate_kernels.chunk(2), cell.candidate_kernels):
        rows = gate.flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(4), rtol=0, atol=1e-5)
    bound = (6 / ((6 + 4) * 9)) ** 0.5
    assert 0.9 * bound < cell.input_kernels.abs().max() <= bound


def test_xavier_divides_input_kernels_by_the_input_scale() -> None:
    torch.manual_seed(3)
    plain = ConvGRUCell(6, 4, 3)
    torch.manual_seed(3)
    scaled = ConvGRUCell(6, 4, 3, input_scale=1 / 49)

    torch.testing.assert_close(scaled.input_kernels, 49 * plain.input_kernels)
    torch.testing.assert_close(scaled.gate_kernels, plain.gate_kernels)
