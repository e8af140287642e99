from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from reidbench_plugins.conv_attention.network import ClipEncoding, ConvAttentionNetwork, Recurrence, rcn_body
from reidbench_plugins.conv_attention.training import PairObjective
from torch import Tensor

SMALL: dict[str, Any] = {
    "frame_height": 32,
    "frame_width": 24,
    "crop_height": 24,
    "crop_width": 16,
    "embedding_dim": 8,
}


def network(**settings: Any) -> ConvAttentionNetwork:
    torch.manual_seed(0)
    made = ConvAttentionNetwork(ConvAttentionConfig(**{**SMALL, **settings})).eval()
    if made.attention is not None:  # V_a starts at 0, which would hide what attention depends on
        for branch in made.attention.branches:
            torch.nn.init.normal_(branch.to_logits.weight)
    return made


def clips(batch: int = 3, frames: int = 4, channels: int = 5) -> Tensor:
    return torch.randn(batch, frames, channels, 24, 16, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def encoded(made: ConvAttentionNetwork, *args: Any) -> ClipEncoding:
    return made(*args)


def test_the_stages_have_the_published_shapes() -> None:
    body, channels, grid = rcn_body(5, (56, 40))
    seen = []
    for layer in body:
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))

    body(torch.zeros(1, 5, 56, 40))

    after_convolution, after_pooling = seen[0::3], seen[2::3]
    assert after_convolution == [(16, 60, 44), (32, 34, 26), (32, 21, 17)]
    assert after_pooling == [(16, 30, 22), (32, 17, 13), (32, 10, 8)]
    assert (channels, grid) == (32, (10, 8))


def test_without_filters_there_is_no_convlstm_and_the_linear_layer_reads_the_maps() -> None:
    made = ConvAttentionNetwork(ConvAttentionConfig(attention_filters=0))

    assert not [name for name, _ in made.named_parameters() if "attention" in name]
    assert made.to_vector[1].weight.shape == (128, 2560)
    assert made(torch.zeros(1, 2, 5, 56, 40)).attention is None


def test_three_filters_at_the_papers_sizes() -> None:
    made = ConvAttentionNetwork(ConvAttentionConfig())

    encoding = made(torch.randn(2, 3, 5, 56, 40))

    assert made.to_vector[1].weight.shape == (128, 240)
    assert sum(value.numel() for value in made.attention.parameters()) == 975 + 3792
    assert encoding.descriptor.shape == (2, 128)
    assert torch.equal(encoding.attention, torch.full((2, 3, 1, 10, 8), 1 / 80))
    torch.testing.assert_close(torch.linalg.norm(encoding.descriptor, dim=1), torch.ones(2))


@pytest.mark.parametrize(("filters", "flow"), [(0, True), (3, True), (4, False)])
def test_forward_and_backward_at_the_papers_sizes_reach_every_weight(filters: int, flow: bool) -> None:
    torch.manual_seed(0)
    config = ConvAttentionConfig(attention_filters=filters, use_flow=flow, temporal="rnn")
    made = ConvAttentionNetwork(config)
    if made.attention is not None:
        torch.nn.init.normal_(made.attention.branches[0].to_logits.weight)
    objective = PairObjective(made, 4)

    batch = (torch.randn(2, 16, config.channels, 56, 40), torch.tensor([False]), torch.tensor([0, 3]))
    terms = objective(batch)
    terms["loss"].backward()

    assert terms["loss"].isfinite()
    assert not [name for name, value in objective.named_parameters() if not value.grad.any()]


VARIANTS = [
    {"filters_role": role, "refine": refine, "module_output": output}
    for role, refine, output in product(
        ["hidden", "attention", "parallel"],
        ["frames", "repeat"],
        ["hidden_all", "hidden_last", "attended_input"],
    )
] + [
    {"attention_filters": 0},
    {"attention_filters": 0, "temporal": "rnn", "normalisation": "none"},
    {"temporal": "rnn"},
    {"normalisation": "batchnorm"},
    {"embedding_dim": None},
    {"embedding_dim": None, "temporal": "rnn"},
    {"backbone": "small"},
    {"att_scale": "grid", "att_kernel": 5},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_a_clip_is_encoded_the_same_alone_and_padded_beside_others(settings: dict[str, Any]) -> None:
    made = network(**settings)
    batch, lengths = clips(), torch.tensor([4, 1, 3])
    noisy = batch.clone()
    noisy[1, 1:], noisy[2, 3:] = 100.0, -100.0

    together = encoded(made, noisy, lengths).descriptor

    assert together.shape == (3, made.length)
    for row, length in enumerate(lengths.tolist()):
        alone = encoded(made, batch[row : row + 1, :length]).descriptor[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-7


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_swapping_the_branches_swaps_the_vectors(settings: dict[str, Any]) -> None:
    made = network(**settings)
    pair = clips(2)

    there, back = encoded(made, pair).descriptor, encoded(made, pair.flip(0)).descriptor

    torch.testing.assert_close(there, back.flip(0), atol=1e-6, rtol=1e-5)


def test_the_vector_is_the_normalised_mean_of_the_frames_vectors() -> None:
    made = network()
    maps = made.backbone(clips().flatten(0, 1)).view(3, 4, 32, *made.grid)
    states = made.attention(maps).hidden
    vectors = made.to_vector[1](states.flatten(2))

    encoding = encoded(made, clips())

    torch.testing.assert_close(encoding.mean, vectors.mean(1))
    torch.testing.assert_close(encoding.descriptor, F.normalize(vectors.mean(1), dim=1))


def test_the_last_state_alone_can_leave_the_module() -> None:
    made = network(module_output="hidden_last")
    maps = made.backbone(clips().flatten(0, 1)).view(3, 4, 32, *made.grid)
    states = made.attention(maps).hidden

    found = encoded(made, clips(), torch.tensor([4, 2, 3])).mean

    last = states[torch.arange(3), torch.tensor([3, 1, 2])]
    torch.testing.assert_close(found, made.to_vector[1](last.flatten(1)))


def test_repeated_refining_sees_the_average_map_and_not_the_order_of_frames() -> None:
    made = network(refine="repeat", refine_steps=3, module_output="hidden_last")

    encoding = encoded(made, clips())
    turned = encoded(made, clips().flip(1))

    assert encoding.attention.shape == (3, 3, 1, *made.grid)
    torch.testing.assert_close(turned.descriptor, encoding.descriptor)
    one = encoded(network(refine="repeat", refine_steps=1, module_output="hidden_last"), clips())
    assert not torch.allclose(one.descriptor, encoding.descriptor)


def test_the_order_of_frames_matters_to_a_module_that_runs_over_them() -> None:
    made = network(att_scale="grid")

    difference = encoded(made, clips().flip(1)).descriptor - encoded(made, clips()).descriptor

    assert difference.abs().max() > 1e-4


def test_the_recurrence_is_mclaughlins() -> None:
    torch.manual_seed(0)
    recurrence = Recurrence(3, dropout=0.6).eval()
    torch.nn.init.normal_(recurrence.start)
    f = torch.randn(2, 3, 3)
    W, b = recurrence.step.weight, recurrence.step.bias

    first = f[:, 0] + recurrence.start
    second = f[:, 1] + torch.tanh(first) @ W.T + b
    third = f[:, 2] + torch.tanh(second) @ W.T + b

    torch.testing.assert_close(recurrence(f), torch.stack([first, second, third], 1))


def test_dropout_is_for_training_only_and_needs_the_linear_layer() -> None:
    made, plain = network(), network(embedding_dim=None)

    assert torch.equal(encoded(made, clips()).mean, encoded(made, clips()).mean)
    assert torch.equal(encoded(plain.train(), clips()).mean, encoded(plain, clips()).mean)
    assert not torch.equal(encoded(made.train(), clips()).mean, encoded(made, clips()).mean)


@pytest.mark.parametrize("id_input", ["raw", "normalised"])
def test_the_classifier_reads_the_vector_before_or_after_its_normalisation(id_input: str) -> None:
    made = network(id_input=id_input)
    objective = PairObjective(made, 3)
    people = torch.tensor([0, 1, 0, 2])
    batch = (clips(4), torch.tensor([True, False]), people)

    found = objective(batch)["identification"]

    encoding = encoded(made, clips(4))
    read = encoding.mean if id_input == "raw" else encoding.descriptor
    torch.testing.assert_close(found, 2 * F.cross_entropy(objective.classifier(read), people))
