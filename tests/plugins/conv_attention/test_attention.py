from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.conv_attention.attention import AttentionModule, AttentiveConvLSTM
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from torch import Tensor, nn

CHANNELS, HEIGHT, WIDTH = 6, 5, 4


def module(**settings: Any) -> AttentionModule:
    torch.manual_seed(0)
    return AttentionModule(ConvAttentionConfig(**settings), CHANNELS)


def attentive(module: AttentionModule) -> AttentionModule:
    """Draw V_a, which is initially 0, so that the attention is not uniform."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for branch in module.branches:
            kernels = branch.to_logits.weight
            kernels.copy_(torch.randn(kernels.shape, generator=generator))
    return module


def maps(batch: int = 2, steps: int = 4) -> Tensor:
    return torch.randn(batch, steps, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def test_parameter_counts_match_the_sources() -> None:
    branch = AttentiveConvLSTM(32, 3, 3, 3)

    gates = parameters(branch.cell)
    assert (parameters(branch) - gates, gates) == (975, 3792)


def literal(branch: AttentiveConvLSTM, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Compute CA-1 to CA-8 term by term, with separate kernels per gate."""

    def conv(kernels: Tensor, x: Tensor) -> Tensor:
        return F.conv2d(x, kernels, padding=kernels.shape[-1] // 2)

    cell = branch.cell
    W_i, W_f, W_o, W_c = cell.input_kernels.chunk(4)
    U_i, U_f, U_o, U_c = cell.state_kernels.chunk(4)
    b_i, b_f, b_o, b_c = (bias[:, None, None] for bias in cell.bias.chunk(4))
    H = C = inputs.new_zeros(len(inputs), cell.channels, HEIGHT, WIDTH)
    states, attention = [], []
    for X in inputs.unbind(1):
        e = conv(branch.from_state.weight, H) + conv(branch.from_input.weight, X)
        Z = conv(branch.to_logits.weight, torch.tanh(e + branch.from_input.bias[:, None, None]))
        A = Z.exp() / Z.exp().sum((2, 3), keepdim=True)
        Xt = A * X
        gate_i = torch.sigmoid(conv(W_i, Xt) + conv(U_i, H) + b_i)
        gate_f = torch.sigmoid(conv(W_f, Xt) + conv(U_f, H) + b_f)
        gate_o = torch.sigmoid(conv(W_o, Xt) + conv(U_o, H) + b_o)
        G = torch.tanh(conv(W_c, Xt) + conv(U_c, H) + b_c)
        C = gate_f * C + gate_i * G
        H = gate_o * torch.tanh(C)
        states.append(H)
        attention.append(A)
    return states, attention


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_module_equals_the_equations(kernel: int) -> None:
    network = attentive(module(att_kernel=kernel))
    states, attention = literal(network.branches[0], maps())

    steps = network(maps())

    torch.testing.assert_close(steps.hidden, torch.stack(states, 1))
    torch.testing.assert_close(steps.attention, torch.stack(attention, 1))
    torch.testing.assert_close(steps.attended, torch.stack(attention, 1) * maps())


@pytest.mark.parametrize("role", ["hidden", "attention", "parallel"])
def test_attention_starts_uniform_and_sums_to_one(role: str) -> None:
    network = module(filters_role=role)

    start = network(maps()).attention
    later = attentive(network)(10 * maps()).attention

    assert torch.equal(start, torch.full_like(start, 1 / (HEIGHT * WIDTH)))
    torch.testing.assert_close(later.sum((-2, -1)), torch.ones(later.shape[:3]))
    assert later.std() > 0.01


@pytest.mark.parametrize(
    ("role", "output", "channels", "looks"),
    [
        ("hidden", "hidden_all", 4, 1),
        ("attention", "hidden_all", CHANNELS, 1),
        ("parallel", "hidden_all", 4, 4),
        ("hidden", "attended_input", CHANNELS, 1),
        ("parallel", "attended_input", 4 * CHANNELS, 4),
    ],
)
def test_filters_role_decides_the_meaning_of_filters(
    role: str, output: str, channels: int, looks: int
) -> None:
    network = module(attention_filters=4, filters_role=role, module_output=output)

    steps = network(maps())

    left = steps.attended if output == "attended_input" else steps.hidden
    assert left.shape == (2, 4, channels, HEIGHT, WIDTH)
    assert network.out_channels == channels
    assert steps.attention.shape == (2, 4, looks, HEIGHT, WIDTH)


def test_parallel_modules_equal_separate_modules() -> None:
    network = attentive(module(attention_filters=2, filters_role="parallel"))

    steps = network(maps())

    for number, branch in enumerate(network.branches):
        states, attention = literal(branch, maps())
        torch.testing.assert_close(steps.hidden[:, :, number : number + 1], torch.stack(states, 1))
        torch.testing.assert_close(steps.attention[:, :, number : number + 1], torch.stack(attention, 1))


def test_att_scale_grid_keeps_maps_under_uniform_attention() -> None:
    torch.testing.assert_close(module(att_scale="grid")(maps()).attended, maps())
    torch.testing.assert_close(module()(maps()).attended * HEIGHT * WIDTH, maps())


def test_location_weights_depend_on_previous_frames() -> None:
    network = attentive(module(att_scale="grid"))
    changed = maps()
    changed[:, 0] += 3

    before, after = network(maps()).attention, network(changed).attention

    assert (before[:, 1:] - after[:, 1:]).abs().amax() > 1e-4
    later = maps()
    later[:, 3] += 3
    assert torch.equal(network(later).attention[:, :3], before[:, :3])


def test_location_with_the_largest_score_gets_the_weight() -> None:
    network = module(attention_filters=1)
    branch = network.branches[0]
    with torch.no_grad():
        for kernels in (branch.from_input.weight, branch.to_logits.weight):
            kernels.zero_()
        # Attention to channel 2 at the same location.
        branch.from_input.weight[0, 2, 1, 1] = 1.0
        branch.to_logits.weight[0, 0, 1, 1] = 20.0
        branch.from_state.weight.zero_()
    inputs = torch.zeros(1, 1, CHANNELS, HEIGHT, WIDTH)
    inputs[0, 0, 2, 3, 1] = 5.0

    attention = network(inputs).attention[0, 0, 0]

    assert attention[3, 1] > 0.99
